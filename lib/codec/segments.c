#include "codec/segments.h"

#include <endian.h>
#include <string.h>

enum { LENGTH_BYTES = 4 };

uint32_t corps__get32(const uint8_t *at) {
    uint32_t number;
    memcpy(&number, at, sizeof number);
    return le32toh(number);
}

void corps__put32(uint8_t *at, uint32_t number) {
    number = htole32(number);
    memcpy(at, &number, sizeof number);
}

static struct iovec segment_of(const struct corps_encoding *encoding, size_t i) {
    return i == 0 ? (struct iovec){.iov_base = encoding->stream, .iov_len = encoding->stream_bytes}
                  : encoding->buffers[i - 1];
}

size_t corps__segments_bytes(const struct corps_encoding *encoding) {
    size_t bytes = LENGTH_BYTES;
    for (size_t i = 0; i <= encoding->buffer_count; i++) {
        bytes += LENGTH_BYTES + segment_of(encoding, i).iov_len;
    }
    return bytes;
}

void corps__segments_write(const struct corps_encoding *encoding, uint8_t *out) {
    corps__put32(out, (uint32_t)(1 + encoding->buffer_count));
    out += LENGTH_BYTES;
    for (size_t i = 0; i <= encoding->buffer_count; i++) {
        struct iovec segment = segment_of(encoding, i);
        corps__put32(out, (uint32_t)segment.iov_len);
        memcpy(out + LENGTH_BYTES, segment.iov_base, segment.iov_len);
        out += LENGTH_BYTES + segment.iov_len;
    }
}

size_t corps__segments_find(const uint8_t *data, size_t bytes, struct iovec *segments, uint32_t count) {
    size_t at = LENGTH_BYTES;
    for (uint32_t i = 0; i < count; i++) {
        size_t left = bytes - at; /* `at` never passes the end */
        uint32_t part = left >= LENGTH_BYTES ? corps__get32(data + at) : 0;
        if (left < LENGTH_BYTES || part > left - LENGTH_BYTES) {
            return 0;
        }
        segments[i] = (struct iovec){.iov_base = (void *)(uintptr_t)(data + at + LENGTH_BYTES), .iov_len = part};
        at += LENGTH_BYTES + (size_t)part;
    }
    return at;
}
