#include "codec/framed.h"

#include "codec/payload.h"

#include <endian.h>
#include <stdlib.h>
#include <string.h>

enum { FEW_SEGMENTS = 4 };

static enum corps_err no_memory(void) {
    return corps_error_set(CORPS_ERR_NO_MEMORY, "no memory for a control record");
}

static uint32_t get32(const uint8_t *at) {
    uint32_t v;
    memcpy(&v, at, 4);
    return le32toh(v);
}

static void put32(uint8_t *at, size_t number) {
    uint32_t v = htole32((uint32_t)number);
    memcpy(at, &v, 4);
}

static void write_segments(const struct corps_encoding *encoding, uint8_t *frame, size_t bytes) {
    put32(frame, bytes - 4);
    put32(frame + 4, 1 + encoding->buffer_count);
    size_t at = 8;
    for (size_t i = 0; i <= encoding->buffer_count; i++) {
        const void *data = i == 0 ? encoding->stream : encoding->buffers[i - 1].iov_base;
        size_t part = i == 0 ? encoding->stream_bytes : encoding->buffers[i - 1].iov_len;
        put32(frame + at, part);
        memcpy(frame + at + 4, data, part);
        at += 4 + part;
    }
}

enum corps_err corps__framed_encode(const struct corps_value *record, uint8_t *small, size_t small_bytes,
                                    uint8_t **frame, size_t *bytes) {
    const struct corps_serializer *msgpack;
    enum corps_err err = corps_serializer_find("msgpack", &msgpack);
    struct corps_encoding encoding;
    corps_encoding_init(&encoding);
    if (err == CORPS_OK) {
        err = msgpack->encode(record, &encoding);
    }
    if (err == CORPS_OK) {
        err = corps__encoding_check(&encoding, "what an Env is told at its start",
                                    CORPS__FRAMED_BYTES_MAX - 4 * (CORPS__PAYLOAD_SEGMENTS_MAX + 2));
    }
    size_t whole = 8;
    for (size_t i = 0; err == CORPS_OK && i <= encoding.buffer_count; i++) {
        whole += 4 + (i == 0 ? encoding.stream_bytes : encoding.buffers[i - 1].iov_len);
    }
    uint8_t *made = err != CORPS_OK ? NULL : whole <= small_bytes ? small : malloc(whole);
    if (made != NULL) {
        write_segments(&encoding, made, whole);
        *frame = made;
        *bytes = whole;
    } else if (err == CORPS_OK) {
        err = no_memory();
    }
    corps_encoding_finish(&encoding);
    return err;
}

/* Finds the segments. Nothing is believed that was not checked. */
static enum corps_err find_segments(const uint8_t *data, size_t bytes, struct iovec *segments, uint32_t count) {
    size_t at = 4;
    for (uint32_t i = 0; i < count; i++) {
        size_t left = bytes - at; /* `at` never passes the end */
        uint32_t part = left >= 4 ? get32(data + at) : 0;
        if (left < 4 || part > left - 4) {
            return corps_error_set(CORPS_ERR_PROTOCOL, "a control record is cut short");
        }
        segments[i] = (struct iovec){.iov_base = (void *)(uintptr_t)(data + at + 4), .iov_len = part};
        at += 4 + (size_t)part;
    }
    return CORPS_OK;
}

enum corps_err corps__framed_decode(const uint8_t *data, size_t bytes, struct corps_box **box) {
    uint32_t count = bytes >= 4 ? get32(data) : 0;
    if (count == 0 || count > bytes / 4) {
        return corps_error_set(CORPS_ERR_PROTOCOL, "a control record has no segments");
    }
    struct iovec few[FEW_SEGMENTS];
    struct iovec *segments = count <= FEW_SEGMENTS ? few : malloc(count * sizeof *segments);
    const struct corps_serializer *msgpack;
    enum corps_err err = segments != NULL ? corps_serializer_find("msgpack", &msgpack) : no_memory();
    err = err == CORPS_OK ? find_segments(data, bytes, segments, count) : err;
    if (err == CORPS_OK) {
        struct corps_box *made = corps_box_create();
        err = made != NULL ? msgpack->decode(segments, count, NULL, CORPS_DECODE_VALUES, made) : no_memory();
        if (err == CORPS_OK) {
            *box = made;
        } else {
            corps_box_unref(made);
        }
    }
    if (segments != few) {
        free(segments);
    }
    return err;
}
