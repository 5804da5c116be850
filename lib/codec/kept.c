#include "codec/kept.h"

#include "codec/payload.h"

#include <endian.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

static const uint8_t magic[8] = {'C', 'O', 'R', 'P', 'S', 'K', 'P', 1};
enum { FRONT_BYTES = 8 + 8 + 4, SUM_BYTES = 32 };

static void put32(uint8_t *at, uint32_t value) {
    value = htole32(value);
    memcpy(at, &value, 4);
}

static uint32_t get32(const uint8_t *at) {
    uint32_t value;
    memcpy(&value, at, 4);
    return le32toh(value);
}

static struct iovec segment_of(const struct corps_encoding *encoding, size_t i) {
    return i == 0 ? (struct iovec){.iov_base = encoding->stream, .iov_len = encoding->stream_bytes}
                  : encoding->buffers[i - 1];
}

static enum corps_err write_kept(const struct corps_encoding *encoding, size_t bytes_max, uint8_t **data,
                                 size_t *bytes) {
    size_t total = FRONT_BYTES + SUM_BYTES;
    for (size_t i = 0; i <= encoding->buffer_count; i++) {
        total += 4 + segment_of(encoding, i).iov_len;
    }
    if (total > bytes_max) {
        return corps_error_set(CORPS_ERR_TOO_LARGE, "it has %zu bytes, and %zu is the most", total, bytes_max);
    }
    uint8_t *out = malloc(total);
    if (out == NULL) {
        return corps_error_set(CORPS_ERR_NO_MEMORY, "no memory for %zu bytes", total);
    }
    memcpy(out, magic, sizeof magic);
    uint64_t length = htole64(total);
    memcpy(out + 8, &length, 8);
    put32(out + 16, (uint32_t)(1 + encoding->buffer_count));
    size_t at = FRONT_BYTES;
    for (size_t i = 0; i <= encoding->buffer_count; i++) {
        struct iovec segment = segment_of(encoding, i);
        put32(out + at, (uint32_t)segment.iov_len);
        memcpy(out + at + 4, segment.iov_base, segment.iov_len);
        at += 4 + segment.iov_len;
    }
    crypto_generichash(out + at, SUM_BYTES, out, at, NULL, 0);
    *data = out;
    *bytes = total;
    return CORPS_OK;
}

enum corps_err corps__kept_encode(const struct corps_value *record, size_t bytes_max, uint8_t **data, size_t *bytes) {
    const struct corps_serializer *msgpack;
    enum corps_err err = corps_serializer_find("msgpack", &msgpack);
    struct corps_encoding encoding;
    corps_encoding_init(&encoding);
    if (err == CORPS_OK) {
        err = msgpack->encode(record, &encoding);
    }
    if (err == CORPS_OK) {
        err = corps__encoding_check(&encoding, "what is to be kept", CORPS__PAYLOAD_BYTES_MAX);
    }
    if (err == CORPS_OK) {
        err = write_kept(&encoding, bytes_max, data, bytes);
    }
    corps_encoding_finish(&encoding);
    return err;
}

static enum corps_err corrupt(const char *text) {
    return corps_error_set(CORPS_ERR_CORRUPT, "%s", text);
}

/* Is it a whole one? */
static enum corps_err check(const uint8_t *data, size_t bytes) {
    if (bytes < sizeof magic || memcmp(data, magic, sizeof magic) != 0) {
        return corrupt("it is no file of this kind, or of another version");
    }
    uint64_t length = 0;
    if (bytes >= FRONT_BYTES + SUM_BYTES) {
        memcpy(&length, data + 8, 8);
    }
    if (le64toh(length) != bytes) {
        return corrupt("it is cut short, or was written over");
    }
    uint8_t sum[SUM_BYTES];
    crypto_generichash(sum, sizeof sum, data, bytes - SUM_BYTES, NULL, 0);
    return memcmp(sum, data + bytes - SUM_BYTES, SUM_BYTES) == 0 ? CORPS_OK : corrupt("its checksum is wrong");
}

/* Its segments, which lie in `data`. */
static enum corps_err find_segments(const uint8_t *data, size_t end, struct iovec *segments, uint32_t count) {
    size_t at = FRONT_BYTES;
    for (uint32_t i = 0; i < count; i++) {
        size_t part = end - at >= 4 ? get32(data + at) : 0;
        if (end - at < 4 || part > end - at - 4) {
            return corrupt("its parts are longer than it is");
        }
        segments[i] = (struct iovec){.iov_base = (void *)(uintptr_t)(data + at + 4), .iov_len = part};
        at += 4 + part;
    }
    return at == end ? CORPS_OK : corrupt("there is more in it than it says");
}

enum corps_err corps__kept_decode(const uint8_t *data, size_t bytes, struct corps_box **box) {
    enum corps_err err = check(data, bytes);
    if (err != CORPS_OK) {
        return err;
    }
    struct iovec segments[CORPS__PAYLOAD_SEGMENTS_MAX];
    uint32_t count = get32(data + 16);
    err = count > 0 && count <= CORPS__PAYLOAD_SEGMENTS_MAX ? find_segments(data, bytes - SUM_BYTES, segments, count)
                                                            : corrupt("it has no parts, or too many");
    const struct corps_serializer *msgpack = NULL;
    if (err == CORPS_OK) {
        err = corps_serializer_find("msgpack", &msgpack);
    }
    struct corps_box *made = err == CORPS_OK ? corps_box_create() : NULL;
    if (err == CORPS_OK && made == NULL) {
        err = corps_error_set(CORPS_ERR_NO_MEMORY, "no memory for what is kept");
    }
    if (err == CORPS_OK) { /* without a block everything is copied */
        err = msgpack->decode(segments, count, NULL, CORPS_DECODE_VALUES, made);
    }
    if (err != CORPS_OK) {
        corps_box_unref(made);
        return err;
    }
    *box = made;
    return CORPS_OK;
}
