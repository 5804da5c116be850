#include "ring_links.h"

#include "base/calls.h"

#include <string.h>

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

/* The annex that an extent is in, which its ticket no longer says then; CORPS__RING_ANNEXES: the link's first pool. */
static enum corps__ring_annex annex_of(struct corps__extent *extent) {
    enum corps__ring_annex annex = CORPS__RING_LARGE;
    while (annex < CORPS__RING_ANNEXES && (extent->ticket & corps__ring_annex_bit(annex)) == 0) {
        annex++;
    }
    extent->ticket &= annex < CORPS__RING_ANNEXES ? ~corps__ring_annex_bit(annex) : UINT64_MAX;
    return annex;
}

static struct corps__mapping *annex_in(struct corps__ring_link *link, enum corps__ring_annex annex) {
    if (link->annexes[annex].in == NULL && annex < link->annex_count) {
        link->annexes[annex].in = corps__ring_link_map_annex(link, annex, false);
    }
    return link->annexes[annex].in;
}

/* A record whose frame goes on in the pool. */
static enum corps_err open_pooled(struct corps__ring_link *link, const uint8_t *data, size_t bytes,
                                  struct corps_event *event) {
    struct corps__extent extent; /* copied before it is checked: the peer can still write the record */
    if (bytes < sizeof extent) {
        return corps_error_set(CORPS_ERR_PROTOCOL, "a peer's record is too short to say where its frame goes on");
    }
    memcpy(&extent, data, sizeof extent);
    struct corps__mapping *mapping = link->memory;
    void *pool = link->pool_in;
    size_t pool_bytes = link->pool_bytes;
    enum corps__ring_annex annex = annex_of(&extent);
    if (annex < CORPS__RING_ANNEXES) {
        mapping = annex_in(link, annex);
        if (mapping == NULL) {
            return corps_error_set(CORPS_ERR_NO_MEMORY, "a peer's frame lies in memory that cannot be mapped here");
        }
        pool = mapping->memory;
        pool_bytes = corps__ring_annex_bytes(annex);
    }
    if (!corps__extent_fits(&extent, pool_bytes)) {
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
        enum corps__record kind = CORPS__RECORD_WHOLE;
        enum corps_err err = corps__ring_peek_slot(&link->in, &data, &bytes)
                                 ? CORPS_OK
                                 : corps__ring_peek(&link->in, &data, &bytes, &kind);
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

/* Nothing to read there, nor to say? */
static inline bool is_quiet(const struct corps__link *link) {
    const struct corps__ring_link *ring_link = (const struct corps__ring_link *)link;
    return ring_link->memory == NULL || (corps__ring_is_empty(&ring_link->in) && !link->peer_closed);
}

/* The next link that is not quiet, from the one on whose turn it is. NULL, as a spinning endpoint finds nearly always:
 * there is none. */
static inline struct corps__link *busy_link(const struct corps__links *links) {
    struct corps__link *turn = corps__links_turn(links);
    for (struct corps__link *link = turn; link != NULL; link = link->next) {
        if (!is_quiet(link)) {
            return link;
        }
    }
    for (struct corps__link *link = links->first; link != turn; link = link->next) {
        if (!is_quiet(link)) {
            return link;
        }
    }
    return NULL;
}

/* The next frame of a link, from this one on. */
static bool take_ring_frame(struct corps__links *links, struct corps__link *link, struct corps_event *event) {
    for (unsigned i = links->count; i > 0; i--) {
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
 * ring_sleep.pml, steps D1 and D2. Apart: a poll that finds nothing needs no room for what this reads. */
static __attribute__((noinline)) void disarm_rings(struct corps__ring_endpoint *endpoint) {
    atomic_store_explicit(&endpoint->armed, false, memory_order_relaxed);
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
        (void)!corps__read(endpoint->doorbell, rings, sizeof rings);
    }
    endpoint->armed_fds = NULL;
}

/* There is something to report, or was a moment ago. */
static __attribute__((noinline)) enum corps_err poll_busy(struct corps__ring_endpoint *endpoint,
                                                          struct corps__link *busy, struct corps_event *event) {
    struct corps__links *links = &endpoint->links;
    if (links->news_count > 0 && corps__links_take_news(links, event)) {
        return CORPS_OK;
    }
    if (atomic_load_explicit(&links->blocked_count, memory_order_relaxed) > 0 &&
        corps__links_take_writable(links, endpoint->kind->has_room, event)) {
        return CORPS_OK;
    }
    if (busy != NULL && take_ring_frame(links, busy, event)) {
        return CORPS_OK;
    }
    return links->news_count > 0 && corps__links_take_news(links, event) ? CORPS_OK : CORPS_ERR_EMPTY;
}

enum corps_err corps__ring_links_poll(struct corps_endpoint *base, struct corps_event *event) {
    struct corps__ring_endpoint *endpoint = (struct corps__ring_endpoint *)base;
    const struct corps__links *links = &endpoint->links;
    if (atomic_load_explicit(&endpoint->armed, memory_order_relaxed)) {
        disarm_rings(endpoint);
    }
    struct corps__link *busy = busy_link(links);
    if (busy == NULL && links->news_count == 0 &&
        atomic_load_explicit(&links->blocked_count, memory_order_relaxed) == 0) {
        return CORPS_ERR_EMPTY;
    }
    return poll_busy(endpoint, busy, event);
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
    atomic_store(&endpoint->armed, true); /* before `blocked` is looked at: see cma.c */
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
