#include "codec/definitions.h"
#include "codec/payload.h"

#include <corps/serializer.h>
#include <corps/transport.h>

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void corps_encoding_init(struct corps_encoding *encoding) {
    corps__encoding_begin(encoding);
}

void corps_encoding_clear(struct corps_encoding *encoding) {
    if (encoding->drop_keep != NULL && encoding->keep != NULL) {
        encoding->drop_keep(encoding->keep);
    }
    encoding->keep = NULL;
    encoding->stream_bytes = 0;
    encoding->buffer_count = 0;
    encoding->definition_count = 0;
}

void corps_encoding_finish(struct corps_encoding *encoding) {
    corps_encoding_clear(encoding);
    if (encoding->stream != encoding->small) {
        free(encoding->stream);
    }
    if (encoding->buffers != encoding->few) {
        free(encoding->buffers);
    }
    free(encoding->definitions);
    corps_encoding_init(encoding);
}

enum corps_err corps_encoding_reserve(struct corps_encoding *encoding, size_t bytes) {
    if (encoding->stream == NULL) {
        corps_encoding_init(encoding); /* it was only zeroed */
    }
    if (bytes <= encoding->stream_capacity - encoding->stream_bytes) {
        return CORPS_OK;
    }
    size_t wanted = encoding->stream_bytes + bytes;
    size_t capacity = encoding->stream_capacity * 2 > wanted ? encoding->stream_capacity * 2 : wanted;
    if (wanted < bytes || wanted > CORPS_FRAME_BYTES_MAX) { /* said before memory is taken for it */
        return corps_error_set(CORPS_ERR_TOO_LARGE, "more than %zu bytes in one message, send several",
                               CORPS_FRAME_BYTES_MAX);
    }
    bool was_small = encoding->stream == encoding->small;
    uint8_t *grown = realloc(was_small ? NULL : encoding->stream, capacity);
    if (grown == NULL) {
        return corps_error_set(CORPS_ERR_NO_MEMORY, "no memory for a message of %zu bytes", wanted);
    }
    if (was_small) {
        memcpy(grown, encoding->small, encoding->stream_bytes);
    }
    encoding->stream = grown;
    encoding->stream_capacity = capacity;
    return CORPS_OK;
}

enum corps_err corps_encoding_append(struct corps_encoding *encoding, const void *data, size_t bytes) {
    enum corps_err err = corps_encoding_reserve(encoding, bytes);
    if (err == CORPS_OK && bytes > 0) {
        memcpy(encoding->stream + encoding->stream_bytes, data, bytes);
        encoding->stream_bytes += bytes;
    }
    return err;
}

enum corps_err corps_encoding_buffer(struct corps_encoding *encoding, const void *data, size_t bytes) {
    if (encoding->buffer_count == encoding->buffer_capacity) {
        /* Zero, when it was only zeroed: then there are no buffers yet. */
        size_t capacity = encoding->buffer_capacity == 0 ? 8 : encoding->buffer_capacity * 4;
        bool was_few = encoding->buffers == encoding->few;
        struct iovec *grown = realloc(was_few ? NULL : encoding->buffers, capacity * sizeof *grown);
        if (grown == NULL) {
            return corps_error_set(CORPS_ERR_NO_MEMORY, "no memory for another buffer");
        }
        if (was_few) {
            memcpy(grown, encoding->few, encoding->buffer_count * sizeof *grown);
        }
        encoding->buffers = grown;
        encoding->buffer_capacity = capacity;
    }
    encoding->buffers[encoding->buffer_count++] = (struct iovec){.iov_base = (void *)(uintptr_t)data, .iov_len = bytes};
    return CORPS_OK;
}

bool corps_encoding_define(struct corps_encoding *encoding, const uint8_t key[CORPS_DEFINITION_KEY_BYTES],
                           const void *data, size_t bytes) {
    const struct corps__definition *definition = encoding->defines ? corps__definition_own(key, data, bytes) : NULL;
    if (definition == NULL) {
        return false;
    }
    if (encoding->definition_count == encoding->definition_capacity) {
        size_t capacity = 2 * encoding->definition_capacity + 8;
        uint32_t *grown = realloc(encoding->definitions, capacity * sizeof *grown);
        if (grown == NULL) {
            return false;
        }
        encoding->definitions = grown;
        encoding->definition_capacity = capacity;
    }
    encoding->definitions[encoding->definition_count++] = definition->number;
    return true;
}
