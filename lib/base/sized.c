#include "base/sized.h"

#include <corps.h>

#include <stdbool.h>
#include <string.h>

static bool is_zero(const char *memory, size_t from, size_t to) {
    for (size_t i = from; i < to; i++) {
        if (memory[i] != 0) {
            return false;
        }
    }
    return true;
}

static const void *is_newer(const struct corps__sized *kind) {
    corps_error_set(CORPS_ERR_INVALID,
                    "%s has a field set that Corps %s does not know; begin with %s x = {0} where its memory was not "
                    "cleared, or install the version that the program was compiled for",
                    kind->name, CORPS_VERSION, kind->name);
    return NULL;
}

const void *corps__sized_take(const struct corps__sized *kind, const void *given, void *own) {
    size_t size;
    memcpy(&size, (const char *)given + kind->size_at, sizeof size);
    size_t bytes = size != 0 ? size : kind->base_bytes;
    if (bytes < kind->size_at + sizeof size || bytes > CORPS__SIZED_BYTES_MAX) {
        corps_error_set(CORPS_ERR_INVALID, "the size of %s is %zu; it must be 0 or sizeof(%s), which is %zu here",
                        kind->name, size, kind->name, kind->bytes);
        return NULL;
    }
    size_t known = bytes < kind->bytes ? bytes : kind->bytes;
    if (known > kind->reserved_at && !is_zero(given, kind->reserved_at, known)) {
        return is_newer(kind);
    }
    if (bytes == kind->bytes) {
        return given;
    }
    if (bytes > kind->bytes && !is_zero(given, kind->bytes, bytes)) {
        return is_newer(kind);
    }
    memcpy(own, given, known);
    memset((char *)own + known, 0, kind->bytes - known);
    return own;
}
