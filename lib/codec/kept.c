#include "codec/kept.h"

#include "codec/payload.h"
#include "codec/segments.h"

#include <endian.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

static const uint8_t magic[8] = {'C', 'O', 'R', 'P', 'S', 'K', 'P', 1};
enum { FRONT_BYTES = 8 + 8, SUM_BYTES = 32 }; /* before the segments, behind them */

static enum corps_err write_kept(const struct corps_encoding *encoding, size_t bytes_max, uint8_t **data,
                                 size_t *bytes) {
    size_t total = FRONT_BYTES + corps__segments_bytes(encoding) + SUM_BYTES;
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
    corps__segments_write(encoding, out + FRONT_BYTES);
    size_t end = total - SUM_BYTES;
    crypto_generichash(out + end, SUM_BYTES, out, end, NULL, 0);
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
    if (bytes >= FRONT_BYTES + 4 + SUM_BYTES) {
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
static enum corps_err find_segments(const uint8_t *data, size_t bytes, struct iovec *segments, uint32_t count) {
    size_t end = corps__segments_find(data, bytes, segments, count);
    if (end == 0) {
        return corrupt("its parts are longer than it is");
    }
    return end == bytes ? CORPS_OK : corrupt("there is more in it than it says");
}

enum corps_err corps__kept_decode(const uint8_t *data, size_t bytes, struct corps_box **box) {
    enum corps_err err = check(data, bytes);
    if (err != CORPS_OK) {
        return err;
    }
    struct iovec segments[CORPS__PAYLOAD_SEGMENTS_MAX];
    uint32_t count = corps__get32(data + FRONT_BYTES);
    err = count > 0 && count <= CORPS__PAYLOAD_SEGMENTS_MAX
              ? find_segments(data + FRONT_BYTES, bytes - FRONT_BYTES - SUM_BYTES, segments, count)
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
