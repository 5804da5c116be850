#include "link/copy.h"

#include <stdlib.h>
#include <string.h>

static void copy_segments(struct iovec *to, const struct corps__outgoing *out, uint8_t *at) {
    for (unsigned i = 0; i < out->header.segment_count; i++) {
        size_t bytes = out->segments[i].iov_len;
        to[i] = (struct iovec){at, bytes};
        if (bytes > 0) {
            memcpy(at, out->segments[i].iov_base, bytes);
        }
        at += bytes;
    }
}

/* One piece of memory: the copy, where its segments are, its definitions, the segments. */
struct corps__copy *corps__copy_create(const struct corps__outgoing *out) {
    size_t bytes = 0;
    for (unsigned i = 0; i < out->header.segment_count; i++) {
        bytes += out->segments[i].iov_len;
    }
    size_t places_bytes = out->header.segment_count * sizeof(struct iovec);
    size_t definitions_bytes = out->definition_count * sizeof(uint32_t);
    struct corps__copy *copy = malloc(sizeof *copy + places_bytes + definitions_bytes + bytes);
    if (copy == NULL) {
        return NULL;
    }
    struct iovec *places = (struct iovec *)(copy + 1);
    uint32_t *definitions = (uint32_t *)(places + out->header.segment_count);
    *copy = (struct corps__copy){.out = *out, .bytes = bytes};
    copy->owns_method = out->method != NULL && out->method->number == CORPS__UNNUMBERED;
    if (copy->owns_method) {
        copy->out.method = corps__symbol_create(out->method->name, out->method->bytes, CORPS__UNNUMBERED);
        if (copy->out.method == NULL) {
            free(copy);
            return NULL;
        }
    }
    copy_segments(places, out, (uint8_t *)(definitions + out->definition_count));
    if (out->definition_count > 0) {
        memcpy(definitions, out->definitions, definitions_bytes);
    }
    copy->out.segments = places;
    copy->out.definitions = definitions;
    copy->out.grant = NULL;
    return copy;
}

void corps__copy_free(struct corps__copy *copy) {
    if (copy != NULL && copy->owns_method) {
        free((void *)(uintptr_t)copy->out.method);
    }
    free(copy);
}
