#include "message.h"

#include "future.h"
#include "slab.h"

#include <corps/transport.h>

#include <stddef.h>
#include <string.h>

const struct corps__slab_source corps__message_source = {.bytes = (sizeof(struct corps__message) + 63) / 64 * 64};

struct corps__message *corps__message_create(void) {
    struct corps__message *message = corps__slab_take(CORPS__SLAB_MESSAGE);
    if (message != NULL) {
        memset(message, 0, offsetof(struct corps__message, small));
    }
    return message;
}

struct corps__message *corps__message_of_frame(struct corps_event *event, const struct corps__header *header) {
    struct corps__message *message = corps__message_create();
    if (message == NULL) {
        return NULL;
    }
    message->frame_bytes = event->bytes;
    message->header = *header;
    if (event->block != NULL) {
        message->frame_block = event->block;
        message->frame = event->data;
        event->block = NULL;
        return message;
    }
    uint8_t *to = message->small;
    if (event->bytes > sizeof message->small) {
        message->frame_block = corps_block_create(event->bytes);
        if (message->frame_block == NULL) {
            corps__message_free(message);
            return NULL;
        }
        to = message->frame_block->data;
    }
    memcpy(to, event->data, event->bytes);
    message->frame = to;
    return message;
}

void corps__message_free(struct corps__message *message) {
    corps_block_unref(message->frame_block);
    corps_box_unref(message->box);
    corps__future_unref(message->future);
    corps__slab_give(CORPS__SLAB_MESSAGE, message);
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

/* Is it a stream to decode that lies where the sender can still write? A decoder believes what it has checked. Buffers
 * that a stream refers to are never looked into, nor are bare bytes. */
static bool must_stay_still(const uint8_t *frame, const struct corps__header *header, const struct corps_block *block,
                            const struct corps_serializer *serializer) {
    return header->segment_count == 1 && (serializer->capabilities & CORPS_SERIALIZER_BYTES_ONLY) == 0 &&
           corps_frame_tail(frame, block) != NULL;
}

enum corps_err corps__payload_decode(const uint8_t *frame, size_t bytes, const struct corps__header *header,
                                     struct corps_block *block, enum corps_keep keep_objects, struct corps_box **box) {
    struct corps_box *made = corps_box_create();
    if (made == NULL) {
        return corps_error_set(CORPS_ERR_NO_MEMORY, "no memory for a message of %zu bytes", bytes);
    }
    struct corps_block *whole = NULL;
    enum corps_err err = CORPS_OK;
    if ((header->flags & CORPS__NIL_PAYLOAD) == 0) {
        struct iovec segments[CORPS__PAYLOAD_SEGMENTS_MAX];
        const struct corps_serializer *serializer;
        err = corps_serializer_by_wire_id(header->serializer, &serializer);
        if (err == CORPS_OK && must_stay_still(frame, header, block, serializer)) {
            whole = corps__frame_copy(frame, bytes, block);
            frame = whole != NULL ? whole->data : frame;
            bytes = whole != NULL ? whole->bytes : bytes;
            block = whole;
            err = whole != NULL ? CORPS_OK : corps_error_set(CORPS_ERR_NO_MEMORY, "no memory for %zu bytes", bytes);
        }
        if (err == CORPS_OK) {
            err = corps__wire_segments(frame, bytes, corps_frame_tail(frame, block), header, segments);
        }
        if (err == CORPS_OK) {
            err = serializer->decode(segments, header->segment_count, block, corps__decode_to(keep_objects), made);
        }
    }
    corps_block_unref(whole);
    if (err != CORPS_OK) {
        corps_box_unref(made);
        return err;
    }
    *box = made;
    return CORPS_OK;
}

enum corps_err corps__message_argument(struct corps__message *message, struct corps_box **box) {
    if (message->box == NULL) {
        return corps__payload_decode(message->frame, message->frame_bytes, &message->header, message->frame_block,
                                     message->keep_objects, box);
    }
    *box = message->box;
    message->box = NULL;
    return CORPS_OK;
}
