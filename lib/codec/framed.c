#include "codec/framed.h"

#include "codec/payload.h"
#include "codec/segments.h"

#include <stdlib.h>

enum { LENGTH_BYTES = 4, FEW_SEGMENTS = 4 };

static enum corps_err no_memory(void) {
    return corps_error_set(CORPS_ERR_NO_MEMORY, "no memory for a control record");
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
    size_t whole = err == CORPS_OK ? LENGTH_BYTES + corps__segments_bytes(&encoding) : 0;
    uint8_t *made = err != CORPS_OK ? NULL : whole <= small_bytes ? small : malloc(whole);
    if (made != NULL) {
        corps__put32(made, (uint32_t)(whole - LENGTH_BYTES));
        corps__segments_write(&encoding, made + LENGTH_BYTES);
        *frame = made;
        *bytes = whole;
    } else if (err == CORPS_OK) {
        err = no_memory();
    }
    corps_encoding_finish(&encoding);
    return err;
}

enum corps_err corps__framed_decode(const uint8_t *data, size_t bytes, struct corps_box **box) {
    uint32_t count = bytes >= 4 ? corps__get32(data) : 0;
    if (count == 0 || count > bytes / 4) {
        return corps_error_set(CORPS_ERR_PROTOCOL, "a control record has no segments");
    }
    struct iovec few[FEW_SEGMENTS];
    struct iovec *segments = count <= FEW_SEGMENTS ? few : malloc(count * sizeof *segments);
    const struct corps_serializer *msgpack;
    enum corps_err err = segments != NULL ? corps_serializer_find("msgpack", &msgpack) : no_memory();
    if (err == CORPS_OK && corps__segments_find(data, bytes, segments, count) == 0) {
        err = corps_error_set(CORPS_ERR_PROTOCOL, "a control record is cut short");
    }
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
