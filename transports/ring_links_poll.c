#include "ring_links.h"

#include <string.h>
#include <unistd.h>

/* Receiving over rings, and sleeping. */

enum { STREAK_MIN = 8 }; /* sleeps that a link must have ended, one after the other, before one is on its word */

/* ---- records ---- */

static void release_record(struct corps__ring_link *link, size_t bytes) {
    if (corps__ring_release(&link->in, bytes)) {
        corps__ring_link_ring_doorbell(link);
    }
}

/* A record of a large frame. OK when the frame is whole, EMPTY when more must come. */
static enum corps_err gather_record(struct corps__link *link, const uint8_t *data, size_t bytes,
                                    enum corps__record kind) {
    uint64_t total;
    if (kind != CORPS__RECORD_FIRST) {
        return corps__link_gather(link, data, bytes);
    }
    if (bytes < sizeof total) {
        return corps_error_set(CORPS_ERR_PROTOCOL, "a peer's record is too short to say how long its frame is");
    }
    memcpy(&total, data, sizeof total);
    enum corps_err err = corps__link_gather_begin(link, total);
    return err == CORPS_OK ? corps__link_gather(link, data + sizeof total, bytes - sizeof total) : err;
}

/* A record whose frame goes on in the pool. */
static enum corps_err open_pooled(struct corps__ring_link *link, const uint8_t *data, size_t bytes,
                                  struct corps_event *event) {
    struct corps__extent extent; /* copied before it is checked: the peer can still write the record */
    if (bytes < sizeof extent) {
        return corps_error_set(CORPS_ERR_PROTOCOL, "a peer's record is too short to say where its frame goes on");
    }
    memcpy(&extent, data, sizeof extent);
    bool large = (extent.ticket & CORPS__RING_IN_LARGE) != 0;
    extent.ticket &= ~CORPS__RING_IN_LARGE;
    if (large && link->large_in == NULL) {
        link->large_in = link->has_large ? corps__ring_link_map_large(link, false) : NULL;
        if (link->large_in == NULL) {
            return corps_error_set(CORPS_ERR_NO_MEMORY, "a peer's frame lies in memory that cannot be mapped here");
        }
    }
    struct corps__mapping *mapping = large ? link->large_in : link->memory;
    void *pool = large ? mapping->memory : link->pool_in;
    if (!corps__extent_fits(&extent, large ? CORPS__RING_LARGE_BYTES : link->pool_bytes)) {
        return corps_error_set(CORPS_ERR_PROTOCOL, "a peer says that a frame lies where it has no memory");
    }
    size_t head_bytes = bytes - sizeof extent;
    enum corps_err err = corps__link_check_bytes(&link->base, head_bytes + extent.bytes);
    if (err != CORPS_OK) {
        return err;
    }
    uint8_t *head;
    struct corps_block *block = corps__pool_view(mapping, pool, &extent, head_bytes, &head);
    if (block == NULL) {
        return corps_error_set(CORPS_ERR_NO_MEMORY, "no memory for a frame's head of %zu bytes", head_bytes);
    }
    memcpy(head, data + sizeof extent, head_bytes);
    corps__link_give(&link->base, head, head_bytes, block, event);
    return CORPS_OK;
}

static enum corps_err open_remote(struct corps__ring_link *link, const uint8_t *data, size_t bytes,
                                  struct corps_event *event) {
    const struct corps__ring_kind *kind = ((struct corps__ring_endpoint *)link->base.base.endpoint)->kind;
    return kind->open_remote != NULL
               ? kind->open_remote(link, data, bytes, event)
               : corps_error_set(CORPS_ERR_PROTOCOL, "a peer wants its memory read, which this transport never does");
}

/* A record that is no whole frame by itself. OK with the event filled, EMPTY when more must come. */
static enum corps_err open_record(struct corps__ring_link *link, const uint8_t *data, size_t bytes,
                                  enum corps__record kind, struct corps_event *event) {
    if (kind == CORPS__RECORD_POOLED) {
        return open_pooled(link, data, bytes, event);
    }
    if (kind == CORPS__RECORD_REMOTE) {
        return open_remote(link, data, bytes, event);
    }
    enum corps_err err = gather_record(&link->base, data, bytes, kind);
    if (err == CORPS_OK) {
        corps__link_give_gathered(&link->base, event);
    }
    return err;
}

/* The next frame: OK, EMPTY, or a fault of the link. */
static enum corps_err next_ring_frame(struct corps__ring_link *link, struct corps_event *event) {
    for (;;) {
        const uint8_t *data;
        size_t bytes;
        enum corps__record kind;
        enum corps_err err = corps__ring_peek(&link->in, &data, &bytes, &kind);
        if (err != CORPS_OK) {
            return err;
        }
        if (kind == CORPS__RECORD_WHOLE) {
            err = corps__link_check_bytes(&link->base, bytes);
            if (err == CORPS_OK) {
                corps__link_give(&link->base, data, bytes, NULL, event);
                link->lent = bytes;
                link->is_lent = true;
            }
            return err;
        }
        err = open_record(link, data, bytes, kind, event);
        if (err != CORPS_OK && err != CORPS_ERR_EMPTY) {
            return err;
        }
        release_record(link, bytes);
        if (err == CORPS_OK) {
            return CORPS_OK;
        }
    }
}

/* ---- polling ---- */

static bool take_ring_frame(struct corps__links *links, struct corps_event *event) {
    struct corps__link *link = corps__links_turn(links);
    for (unsigned i = 0; i < links->count; i++) {
        struct corps__link *next = corps__links_after(links, link);
        struct corps__ring_link *ring_link = (struct corps__ring_link *)link;
        if (link->news == CORPS__LINK_QUIET && !link->ended && ring_link->memory != NULL) {
            bool closed = link->peer_closed; /* looked at first: nothing more can come after it */
            enum corps_err err = next_ring_frame(ring_link, event);
            if (err == CORPS_OK) {
                links->turn = next;
                return true;
            }
            if (err != CORPS_ERR_EMPTY) {
                (void)corps__link_end(link, err);
            } else if (closed) {
                (void)corps__link_end(link, link->reason);
            }
        }
        link = next;
    }
    return false;
}

/* The doorbell is read before arm looks at the rings again: it may have rung for what an earlier look missed. Model:
 * ring_sleep.pml, steps D1 and D2. */
static void disarm_rings(struct corps__ring_endpoint *endpoint) {
    endpoint->armed = false;
    struct corps__ring_link *rang = NULL;
    unsigned rung = 0;
    for (struct corps__link *link = endpoint->links.first; link != NULL; link = link->next) {
        struct corps__ring_link *ring_link = (struct corps__ring_link *)link;
        if (ring_link->memory != NULL && corps__ring_disarm(&ring_link->in)) {
            rang = ring_link;
            rung++;
        }
    }
    if (rung > 0) {
        endpoint->streak = rung == 1 && rang == endpoint->busy ? endpoint->streak + 1 : 0;
        endpoint->busy = rang;
    }
    if (endpoint->armed_fds != NULL && endpoint->armed_fds->revents != 0) {
        char rings[256]; /* should there be more, the next sleep is short */
        (void)!read(endpoint->doorbell, rings, sizeof rings);
    }
    endpoint->armed_fds = NULL;
}

enum corps_err corps__ring_links_poll(struct corps_endpoint *base, struct corps_event *event) {
    struct corps__ring_endpoint *endpoint = (struct corps__ring_endpoint *)base;
    struct corps__links *links = &endpoint->links;
    if (endpoint->armed) {
        disarm_rings(endpoint);
    }
    if (links->news_count > 0 && corps__links_take_news(links, event)) {
        return CORPS_OK;
    }
    if (atomic_load_explicit(&links->blocked_count, memory_order_relaxed) > 0 &&
        corps__links_take_writable(links, endpoint->kind->has_room, event)) {
        return CORPS_OK;
    }
    if (take_ring_frame(links, event)) {
        return CORPS_OK;
    }
    return links->news_count > 0 && corps__links_take_news(links, event) ? CORPS_OK : CORPS_ERR_EMPTY;
}

void corps__ring_links_release(struct corps_endpoint *base, struct corps_event *event) {
    (void)base;
    struct corps__ring_link *link = event->kind == CORPS_EVENT_MESSAGE ? (struct corps__ring_link *)event->link : NULL;
    if (link != NULL && link->is_lent) {
        link->is_lent = false;
        release_record(link, link->lent);
    }
}

/* ---- sleeping ---- */

enum corps_err corps__ring_links_arm(struct corps_endpoint *base, struct pollfd *fds, size_t capacity, size_t *count) {
    struct corps__ring_endpoint *endpoint = (struct corps__ring_endpoint *)base;
    *count = 0;
    if (capacity < 1) {
        return corps_error_set(CORPS_ERR_LIMIT, "arm needs room for a descriptor");
    }
    endpoint->armed = true;
    bool idle = endpoint->links.news_count == 0;
    for (struct corps__link *link = endpoint->links.first; link != NULL; link = link->next) {
        struct corps__ring_link *ring_link = (struct corps__ring_link *)link;
        if (ring_link->memory == NULL || link->ended) {
            continue;
        }
        idle = corps__ring_arm(&ring_link->in) && !link->peer_closed && idle;
        /* Room that came since the last poll: its doorbell may have been rung before anybody listened. */
        if (corps__link_waits(link)) {
            idle = !endpoint->kind->has_room(link) && idle;
        }
    }
    if (!idle) {
        return CORPS_ERR_AGAIN;
    }
    fds[0] = (struct pollfd){.fd = endpoint->doorbell, .events = POLLIN};
    endpoint->armed_fds = fds;
    *count = 1;
    return CORPS_OK;
}

uint32_t *corps__ring_links_arm_word(struct corps_endpoint *base) {
    struct corps__ring_endpoint *endpoint = (struct corps__ring_endpoint *)base;
    struct corps__ring_link *link = endpoint->busy;
    return endpoint->streak >= STREAK_MIN && link != NULL && !link->base.ended && corps__ring_arm_word(&link->in)
               ? (uint32_t *)&link->in.shared->asleep
               : NULL;
}
