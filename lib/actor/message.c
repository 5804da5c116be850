#include "actor/message.h"

#include "actor/future.h"
#include "actor/sample.h"
#include "base/slab.h"

#include <corps/transport.h>

#include "codec/payload.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

static const struct corps__slab_source source = {.bytes = (sizeof(struct corps__message) + 63) / 64 * 64};

/* Line by line: as one memset it is more than gcc zeroes by moves, and "rep stos" costs 15 ns to begin. */
static inline void clear(struct corps__message *message) {
    enum { LINE = 64, LAST = offsetof(struct corps__message, small) - 2 * LINE };
    _Static_assert(LAST > 0 && LAST <= LINE, "it has three lines before `small`");
    char *lines = __builtin_assume_aligned(message, 16);
    memset(lines, 0, LINE);
    memset(lines + LINE, 0, LINE);
    memset(lines + 2 * LINE, 0, LAST);
}

struct corps__message *corps__message_create(void) {
    struct corps__slab_cache *cache = corps__slab_cache_of(CORPS__SLAB_MESSAGE);
    struct corps__message *message = corps__slab_take_from(cache, CORPS__SLAB_MESSAGE, &source);
    if (message != NULL) {
        clear(message);
        message->weight = corps__sample_message(&cache->taken);
    }
    return message;
}

/* Where a frame of `bytes` bytes is copied to, NULL when out of memory. */
static uint8_t *room_for(struct corps__message *message, size_t bytes) {
    message->frame_bytes = bytes;
    message->frame = message->small;
    if (bytes > sizeof message->small) {
        message->frame_block = corps_block_create(bytes);
        message->frame = message->frame_block != NULL ? message->frame_block->data : NULL;
    }
    return (uint8_t *)(uintptr_t)message->frame;
}

struct corps__message *corps__message_of_frame(struct corps_event *event, const struct corps__header *header) {
    struct corps__message *message = corps__message_create();
    if (message == NULL) {
        return NULL;
    }
    message->header = *header;
    if (event->block != NULL) {
        message->frame_bytes = event->bytes;
        message->frame_block = event->block;
        message->frame = event->data;
        event->block = NULL;
        return message;
    }
    uint8_t *to = room_for(message, event->bytes);
    if (to == NULL) {
        corps__message_free(message);
        return NULL;
    }
    memcpy(to, event->data, event->bytes);
    return message;
}

struct corps__message *corps__message_of_payload(const uint8_t *payload, uint32_t bytes,
                                                 const struct corps__header *header) {
    struct corps__message *message = corps__message_create();
    if (message == NULL) {
        return NULL;
    }
    uint8_t *to = room_for(message, CORPS__HEADER_BYTES + bytes);
    if (to == NULL) {
        corps__message_free(message);
        return NULL;
    }
    message->header = *header; /* the frame's own is not looked at any more */
    if (bytes > 0) {
        memcpy(to + CORPS__HEADER_BYTES, payload, bytes);
    }
    return message;
}

void corps__message_free(struct corps__message *message) {
    corps_block_unref(message->frame_block);
    corps_box_unref(message->box);
    corps__future_unref(message->future);
    if (message->owns_method) {
        free((void *)(uintptr_t)message->method);
    }
    if (!message->lent) {
        corps__slab_give(CORPS__SLAB_MESSAGE, &source, message);
    }
}

struct corps__message *corps__message_detach(struct corps__message *message) {
    if (!message->lent) {
        return message;
    }
    struct corps__message *own = corps__slab_take(CORPS__SLAB_MESSAGE, &source);
    if (own != NULL) {
        memcpy(own, message, offsetof(struct corps__message, small));
        own->lent = false;
        message->box = NULL; /* of all that it could hold, a request without reply of a batch has nothing else */
    }
    return own;
}

/* Memory of a message that an argument is kept in. */
struct kept {
    struct corps_block block; /* first */
    struct corps__message *message;
};

static void free_kept_message(struct corps_block *block) {
    corps__slab_give(CORPS__SLAB_MESSAGE, &source, ((struct kept *)block)->message);
    free(block);
}

struct corps_block *corps__message_keep_plain(struct corps__message **message) {
    struct corps__message *other = corps__slab_take(CORPS__SLAB_MESSAGE, &source);
    struct kept *kept = other != NULL ? malloc(sizeof *kept) : NULL;
    if (kept == NULL) {
        if (other != NULL) {
            corps__slab_give(CORPS__SLAB_MESSAGE, &source, other);
        }
        return NULL;
    }
    memcpy(other, *message, offsetof(struct corps__message, small)); /* takes over all that it holds */
    other->plain = NULL;
    kept->message = *message;
    corps_block_init(&kept->block, (*message)->small, sizeof(*message)->small, free_kept_message);
    *message = other;
    return &kept->block;
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
