#include "message.h"

#include "future.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

static void free_block(struct corps_block *block) {
    free((char *)block - offsetof(struct corps__message, block));
}

static struct corps__message *create(size_t extra_bytes) {
    struct corps__message *message = malloc(sizeof *message + extra_bytes);
    if (message != NULL) {
        memset(message, 0, sizeof *message);
        corps_block_init(&message->block, (uint8_t *)(message + 1), extra_bytes, free_block);
    }
    return message;
}

struct corps__message *corps__message_create(void) {
    return create(0);
}

struct corps__message *corps__message_of_frame(struct corps_event *event, const struct corps__header *header) {
    struct corps__message *message = create(event->block != NULL ? 0 : event->bytes);
    if (message == NULL) {
        return NULL;
    }
    message->frame = event->data;
    message->frame_bytes = event->bytes;
    message->header = *header;
    if (event->block != NULL) {
        message->frame_block = event->block;
        event->block = NULL;
    } else {
        memcpy(message->block.data, event->data, event->bytes);
        message->frame = message->block.data;
    }
    return message;
}

void corps__message_free(struct corps__message *message) {
    corps_block_unref(message->frame_block);
    corps_box_unref(message->box);
    corps__future_unref(message->future);
    corps_block_unref(&message->block);
}

enum corps_decode_to corps__decode_to(enum corps_keep keep) {
    return keep == CORPS_KEEP_WHOLE   ? CORPS_DECODE_WHOLE
           : keep == CORPS_KEEP_ITEMS ? CORPS_DECODE_OBJECTS
                                      : CORPS_DECODE_VALUES;
}

enum corps_err corps__payload_decode(const uint8_t *frame, size_t bytes, const struct corps__header *header,
                                     struct corps_block *block, enum corps_keep keep_objects, struct corps_box **box) {
    struct corps_box *made = corps_box_create();
    if (made == NULL) {
        return corps_error_set(CORPS_ERR_NO_MEMORY, "no memory for a message of %zu bytes", bytes);
    }
    enum corps_err err = CORPS_OK;
    if ((header->flags & CORPS__NIL_PAYLOAD) == 0) {
        struct iovec segments[CORPS__PAYLOAD_SEGMENTS_MAX];
        const struct corps_serializer *serializer;
        err = corps__wire_segments(frame, bytes, header, segments);
        if (err == CORPS_OK) {
            err = corps_serializer_by_wire_id(header->serializer, &serializer);
        }
        if (err == CORPS_OK) {
            err = serializer->decode(segments, header->segment_count, block, corps__decode_to(keep_objects), made);
        }
    }
    if (err != CORPS_OK) {
        corps_box_unref(made);
        return err;
    }
    *box = made;
    return CORPS_OK;
}

enum corps_err corps__message_argument(struct corps__message *message, struct corps_box **box) {
    if (message->box == NULL) {
        struct corps_block *block = message->frame_block != NULL ? message->frame_block : &message->block;
        enum corps_err err = corps__payload_decode(message->frame, message->frame_bytes, &message->header, block,
                                                   message->keep_objects, &message->box);
        if (err != CORPS_OK) {
            return err;
        }
    }
    *box = corps_box_ref(message->box);
    return CORPS_OK;
}
