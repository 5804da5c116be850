#include "value/plain.h"

#include <corps/serializer.h>

#include <string.h>

/* Bytes as they are: for programs that do their own serializing, and for measuring what serializing costs. */

static enum corps_err encode(const struct corps_value *value, struct corps_encoding *encoding) {
    const struct corps_value *bin = corps__value_open(value);
    if (bin->kind != CORPS_BIN) {
        return corps_error_set(CORPS_ERR_REFUSED,
                               "serializer none carries bytes only, not %s; use bytes, or serializer msgpack",
                               corps_kind_name(bin->kind));
    }
    if (bin->count <= encoding->stream_capacity - encoding->stream_bytes && bin->count > 0 &&
        bin->count < CORPS_OUT_OF_BAND_BYTES) { /* corps_encoding_append, where there is room */
        memcpy(encoding->stream + encoding->stream_bytes, bin->bin, bin->count);
        encoding->stream_bytes += bin->count;
        return CORPS_OK;
    }
    return bin->count >= CORPS_OUT_OF_BAND_BYTES ? corps_encoding_buffer(encoding, bin->bin, bin->count)
                                                 : corps_encoding_append(encoding, bin->bin, bin->count);
}

/* More than one segment with content: the peer split the bytes otherwise than encode does, which is allowed. */
static enum corps_err join(const struct iovec *segments, size_t count, size_t bytes, struct corps_box *box) {
    uint8_t *memory = corps_box_alloc(box, bytes);
    if (memory == NULL) {
        return corps_error_set(CORPS_ERR_NO_MEMORY, "no memory for %zu bytes", bytes);
    }
    size_t at = 0;
    for (size_t i = 0; i < count; i++) {
        if (segments[i].iov_len > 0) {
            memcpy(memory + at, segments[i].iov_base, segments[i].iov_len);
            at += segments[i].iov_len;
        }
    }
    corps_box_set_root(box, corps_bin(memory, bytes));
    return CORPS_OK;
}

static enum corps_err decode(const struct iovec *segments, size_t count, struct corps_block *block,
                             enum corps_decode_to to, struct corps_box *box) {
    (void)to;
    if (block == NULL && count == 1) {
        return corps__box_copy(box, segments[0].iov_base, segments[0].iov_len);
    }
    size_t bytes = 0;
    size_t filled = 0;
    const struct iovec *only = NULL;
    for (size_t i = 0; i < count; i++) {
        bytes += segments[i].iov_len;
        if (segments[i].iov_len > 0) {
            filled++;
            only = &segments[i];
        }
    }
    if (block == NULL || filled != 1) {
        return join(segments, count, bytes, box);
    }
    corps_box_set_root(box, corps_bin(only->iov_base, only->iov_len));
    return corps_box_keep_block(box, corps_block_ref(block));
}

static const char *version(void) {
    return "none";
}

const struct corps_serializer corps_serializer_none = {
    .name = "none",
    .summary = "bytes as they are",
    .wire_id = 0,
    .capabilities = CORPS_SERIALIZER_BYTES_ONLY | CORPS_SERIALIZER_OUT_OF_BAND | CORPS_SERIALIZER_UNTRUSTED,
    .version = version,
    .encode = encode,
    .decode = decode,
};
