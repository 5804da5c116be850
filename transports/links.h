/* Links: what every transport between processes keeps of them.
 *
 * A link is made by `connect`, or when a peer comes. It *starts* when both sides know each other, and *ends* when no
 * more will come from it; poll reports both as news, before any frame. In between senders find out by three flags
 * whether they may send, and say here when they could not, so that poll reports it once there is room. A frame that
 * arrives in several parts is gathered into a block.
 *
 * A transport embeds struct corps__links first in its endpoint and struct corps__link first in its links. What ties
 * them to a rendezvous is in links_rendezvous.h.
 *
 * Threads: the polling thread alone, except where a comment says more. Lifecycle: create → start → end → remove →
 * destroy; a link may be removed at any time, and what was made of it is then the transport's to close.
 */
#ifndef CORPS_LINKS_H
#define CORPS_LINKS_H

#include <corps/transport.h>

#include <stdatomic.h>
#include <stdbool.h>

struct corps__rendezvous;
struct corps__session;

struct corps__link {
    struct corps_link base; /* first */
    struct corps__link *next;

    /* News, until poll has reported them: that the link has started, and that it has ended. */
    enum { CORPS__LINK_QUIET, CORPS__LINK_ACCEPTED, CORPS__LINK_CONNECTED } news;
    bool ended, reported;
    bool peer_closed;      /* the peer has closed or died; what it had sent is still read */
    enum corps_err reason; /* why the link has ended, or is going to */

    _Atomic bool started; /* any thread may send … */
    _Atomic bool shut;    /* … until it is known that nobody reads it any more */
    _Atomic bool blocked; /* send has said FULL or PARTIAL, and poll has not said WRITABLE since */

    struct corps_block *large; /* a frame of which a part is here, … */
    size_t large_bytes;        /* … and so much of it */

    struct corps__session *session; /* with the peer, where links have one (links_rendezvous.h) */
};

struct corps__links {
    struct corps_endpoint base; /* first */
    struct corps__link *first;
    struct corps__link *turn; /* where the next look for a frame begins, NULL: at the first */
    unsigned count;
    unsigned news_count;            /* what take_news has to report */
    _Atomic unsigned blocked_count; /* links that are `blocked` */
    size_t frame_bytes_max;
    struct corps__rendezvous *rendezvous; /* NULL: peers come another way */
};

/* ---- life ---- */

/* A link of `bytes` bytes, zeroed but for this part of it. NULL, with a detail, when out of memory. */
void *corps__link_create(struct corps__links *links, size_t bytes);

/* Senders may send; reports ACCEPTED or CONNECTED. */
void corps__link_start(struct corps__link *link, bool accepted);

/* No more will come: reports CLOSED with this reason, once. True the first time. */
bool corps__link_end(struct corps__link *link, enum corps_err reason);

/* The peer has closed or died, and the transport sees to it that the link ends when all that it had sent is read. One
 * that has not started ends at once. */
void corps__link_peer_closed(struct corps__link *link, enum corps_err reason);

/* Takes the link off its endpoint: no event follows, and a look for frames goes on with the next one. */
void corps__link_remove(struct corps__link *link);

/* Frees a link that was removed, with what it had gathered. */
void corps__link_destroy(struct corps__link *link);

/* ---- sending ---- */

/* Notes that a sender waits for room, or that it does no more. True when that is new. Any thread. */
bool corps__link_set_blocked(struct corps__link *link, bool blocked);

/* Has it started, and is the peer there, as far as is known? Any thread. */
static inline bool corps__link_may_send(struct corps__link *link) {
    return atomic_load(&link->started) && !atomic_load(&link->shut);
}

/* How every send begins: OK; CLOSED; or FULL before it has started, and WRITABLE will follow. Any thread. */
static inline enum corps_err corps__link_check(struct corps__link *link) {
    if (atomic_load_explicit(&link->shut, memory_order_relaxed)) {
        return CORPS_ERR_CLOSED;
    }
    if (atomic_load_explicit(&link->started, memory_order_acquire)) {
        return CORPS_OK;
    }
    (void)corps__link_set_blocked(link, true);
    return CORPS_ERR_FULL;
}

/* Is a sender to be told when there is room? */
static inline bool corps__link_waits(struct corps__link *link) {
    return atomic_load(&link->blocked) && corps__link_may_send(link) && link->news == CORPS__LINK_QUIET;
}

/* ---- what poll reports ---- */

/* ACCEPTED, CONNECTED or CLOSED of a link that has started or ended. False: none has. */
bool corps__links_take_news(struct corps__links *links, struct corps_event *event);

/* WRITABLE of a link whose sender waits, and that `has_room`. False: there is none. */
bool corps__links_take_writable(struct corps__links *links, bool (*has_room)(struct corps__link *link),
                                struct corps_event *event);

/* The link whose turn it is, NULL: there are none. And the one after it, without end. */
static inline struct corps__link *corps__links_turn(const struct corps__links *links) {
    return links->turn != NULL ? links->turn : links->first;
}
static inline struct corps__link *corps__links_after(const struct corps__links *links, const struct corps__link *link) {
    return link->next != NULL ? link->next : links->first;
}

/* ---- frames ---- */

/* A frame of `bytes` bytes at `data`: lent, or with a block that the event gives. */
static inline void corps__link_give(struct corps__link *link, const uint8_t *data, size_t bytes,
                                    struct corps_block *block, struct corps_event *event) {
    event->kind = CORPS_EVENT_MESSAGE;
    event->link = &link->base;
    event->data = data;
    event->bytes = bytes;
    event->block = block;
}

/* TOO_LARGE, with a detail, for a frame that is longer than the endpoint allows. */
enum corps_err corps__link_too_large(const struct corps__link *link, uint64_t bytes);

static inline enum corps_err corps__link_check_bytes(const struct corps__link *link, uint64_t bytes) {
    const struct corps__links *links = (const struct corps__links *)link->base.endpoint;
    return bytes <= links->frame_bytes_max ? CORPS_OK : corps__link_too_large(link, bytes);
}

/* A frame of `bytes` bytes begins, whose parts follow. Errors: PROTOCOL (another one is not whole yet), TOO_LARGE,
 * NO_MEMORY. */
enum corps_err corps__link_gather_begin(struct corps__link *link, uint64_t bytes) CORPS_CHECKED;

/* The next part of it. OK: the frame is whole, and corps__link_give_gathered gives it. EMPTY: more must come. Errors:
 * PROTOCOL (more than was announced). */
enum corps_err corps__link_gather(struct corps__link *link, const uint8_t *data, size_t bytes) CORPS_CHECKED;
void corps__link_give_gathered(struct corps__link *link, struct corps_event *event);

#endif
