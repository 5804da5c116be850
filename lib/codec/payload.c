#include "codec/payload.h"

#include "codec/registry.h"

#include <string.h>

enum corps_err corps__encoding_check_all(const struct corps_encoding *encoding, const char *what, size_t bytes_max) {
    if (encoding->buffer_count >= CORPS__PAYLOAD_SEGMENTS_MAX) {
        return corps_error_set(CORPS_ERR_TOO_LARGE, "%s: %zu large buffers; at most %u can travel at once", what,
                               encoding->buffer_count, CORPS__PAYLOAD_SEGMENTS_MAX - 1);
    }
    size_t bytes = encoding->stream_bytes;
    for (size_t i = 0; i < encoding->buffer_count && bytes <= bytes_max; i++) {
        size_t more = encoding->buffers[i].iov_len;
        bytes = more <= bytes_max ? bytes + more : more;
    }
    return bytes <= bytes_max ? CORPS_OK
                              : corps_error_set(CORPS_ERR_TOO_LARGE,
                                                "%s: %zu bytes or more; one message carries at most %zu, send several",
                                                what, bytes, bytes_max);
}

enum corps_decode_to corps__decode_to(enum corps_keep keep) {
    return keep == CORPS_KEEP_WHOLE   ? CORPS_DECODE_WHOLE
           : keep == CORPS_KEEP_ITEMS ? CORPS_DECODE_OBJECTS
                                      : CORPS_DECODE_VALUES;
}

struct corps_block *corps__frame_copy(const uint8_t *frame, size_t bytes, const struct corps_block *block) {
    const struct corps_block *tail = corps_frame_tail(frame, block);
    size_t tail_bytes = tail != NULL ? tail->bytes : 0;
    struct corps_block *whole = corps_block_create(bytes + tail_bytes);
    if (whole != NULL) {
        memcpy(whole->data, frame, bytes);
        if (tail_bytes > 0) {
            memcpy(whole->data + bytes, tail->data, tail_bytes);
        }
    }
    return whole;
}

enum corps_err corps__segments_decode(const struct iovec *segments, size_t count, uint8_t serializer,
                                      struct corps_block *block, enum corps_keep keep_objects, struct corps_box **box) {
    struct corps_box *made = corps_box_create();
    if (made == NULL) {
        return corps_error_set(CORPS_ERR_NO_MEMORY, "no memory for a message");
    }
    const struct corps_serializer *by = NULL;
    enum corps_err err = count > 0 ? corps__serializer_numbered(serializer, &by) : CORPS_OK;
    if (err == CORPS_OK && count > 0) {
        err = by->decode(segments, count, block, corps__decode_to(keep_objects), made);
    }
    if (err != CORPS_OK) {
        corps_box_unref(made);
        return err;
    }
    *box = made;
    return CORPS_OK;
}

/* Is it a stream to decode that lies where the sender can still write? A decoder believes what it has checked. Buffers
 * that a stream refers to are never looked into, nor are bare bytes. */
static bool must_stay_still(const uint8_t *frame, const struct corps__header *header, const struct corps_block *block) {
    const struct corps_serializer *serializer;
    return corps_frame_tail(frame, block) != NULL && header->segment_count == 1 &&
           corps__serializer_numbered(header->serializer, &serializer) == CORPS_OK &&
           (serializer->capabilities & CORPS_SERIALIZER_BYTES_ONLY) == 0;
}

/* With many segments, or a block. */
static __attribute__((noinline)) enum corps_err decode_large(const uint8_t *frame, size_t bytes,
                                                             const struct corps__header *header,
                                                             struct corps_block *block, enum corps_keep keep_objects,
                                                             struct corps_box **box) {
    struct iovec segments[CORPS__PAYLOAD_SEGMENTS_MAX];
    if ((header->flags & CORPS__NIL_PAYLOAD) != 0) {
        return corps__segments_decode(NULL, 0, header->serializer, block, keep_objects, box);
    }
    struct corps_block *whole = NULL;
    if (must_stay_still(frame, header, block)) {
        whole = corps__frame_copy(frame, bytes, block);
        if (whole == NULL) {
            return corps_error_set(CORPS_ERR_NO_MEMORY, "no memory for a message of %zu bytes", bytes + block->bytes);
        }
        block = whole;
        frame = whole->data;
        bytes = whole->bytes;
    }
    enum corps_err err = corps__wire_segments(frame, bytes, corps_frame_tail(frame, block), header, segments);
    if (err == CORPS_OK) {
        err = corps__segments_decode(segments, header->segment_count, header->serializer, block, keep_objects, box);
    }
    corps_block_unref(whole);
    return err;
}

enum corps_err corps__payload_decode(const uint8_t *frame, size_t bytes, const struct corps__header *header,
                                     struct corps_block *block, enum corps_keep keep_objects, struct corps_box **box) {
    size_t at = CORPS__HEADER_BYTES + header->name_bytes;
    bool is_small = block == NULL && header->segment_count == 1 && bytes - at < CORPS__ALIGNED_FROM &&
                    (header->flags & CORPS__NIL_PAYLOAD) == 0;
    if (!is_small) {
        return decode_large(frame, bytes, header, block, keep_objects, box);
    }
    const struct iovec segment = {.iov_base = (void *)(uintptr_t)(frame + at), .iov_len = bytes - at};
    return corps__segments_decode(&segment, 1, header->serializer, NULL, keep_objects, box);
}

enum corps_err corps__control_decode(const uint8_t *frame, size_t bytes, const struct corps__header *header,
                                     struct corps_box **box) {
    const struct corps_serializer *msgpack;
    enum corps_err err = corps_serializer_find("msgpack", &msgpack);
    if (err == CORPS_OK && header->segment_count > 0 && header->serializer != msgpack->wire_id) {
        err = corps_error_set(CORPS_ERR_PROTOCOL, "a peer's message of kind %u is in serializer %u instead of msgpack",
                              header->kind, header->serializer);
    }
    return err == CORPS_OK ? corps__payload_decode(frame, bytes, header, NULL, CORPS_KEEP_NONE, box) : err;
}
