#include "pair_messages.h"

#include "base/clock.h"

#include <sodium.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

/* Receiving over a messaging library, and sleeping. */

enum {
    FEW_LINKS = 4, /* so many are tried one by one; more go through epoll */
    LOOK_AT_ALL_EVERY = 8,
    KEEP_BYTES = 8192, /* longer messages have memory of their own in the library: worth keeping instead of copying */
};

static enum corps_err give_whole(struct corps__pair *pair, uint64_t frame_bytes, const uint8_t *data, size_t bytes,
                                 struct corps_event *event) {
    if (pair->base.large != NULL || frame_bytes != bytes) {
        return corps_error_set(CORPS_ERR_PROTOCOL, "a peer sent a frame of another length than it says");
    }
    enum corps_err err = corps__link_check_bytes(&pair->base, frame_bytes);
    if (err != CORPS_OK) {
        return err;
    }
    struct corps_block *block = bytes >= KEEP_BYTES ? corps__pair_library_of(pair)->keep(pair) : NULL;
    corps__pairs_of(pair)->lender = block != NULL ? NULL : pair;
    corps__link_give(&pair->base, block != NULL ? block->data : data, bytes, block, event);
    return CORPS_OK;
}

/* A piece of a frame. OK when the frame is whole, EMPTY when more must come. */
static enum corps_err gather_piece(struct corps__pair *pair, bool first, uint64_t frame_bytes, const uint8_t *data,
                                   size_t bytes, struct corps_event *event) {
    if (bytes == 0) {
        return corps_error_set(CORPS_ERR_PROTOCOL, "a peer sent an empty piece of a frame");
    }
    enum corps_err err = first ? corps__link_gather_begin(&pair->base, frame_bytes) : CORPS_OK;
    err = err == CORPS_OK ? corps__link_gather(&pair->base, data, bytes) : err;
    if (err == CORPS_OK) {
        corps__pair_library_of(pair)->drop(pair);
        corps__link_give_gathered(&pair->base, event);
    }
    return err;
}

/* The first message of a connector. EMPTY, or a fault. */
static enum corps_err greet_peer(struct corps__pair *pair, unsigned kind, const uint8_t *token, size_t bytes) {
    if (kind != CORPS__PAIR_HELLO || bytes != sizeof pair->token || sodium_memcmp(token, pair->token, bytes) != 0) {
        return corps_error_set(CORPS_ERR_DENIED, "a stranger came to a link's socket");
    }
    corps__pair_start(pair);
    return CORPS_ERR_EMPTY;
}

static enum corps_err grant_credit(struct corps__pair *pair, size_t bytes) {
    pair->taken += corps__pair_cost(pair, bytes);
    if (pair->taken < CORPS__PAIR_CREDIT_BYTES) {
        return CORPS_OK;
    }
    static const struct corps_parcel nothing;
    const struct corps__head head = corps__pair_head(pair, CORPS__PAIR_CREDIT, pair->taken);
    enum corps_err err = corps__pair_library_of(pair)->put(pair, &head, &nothing, 0, 0);
    pair->taken = 0;
    return err == CORPS_ERR_CLOSED ? CORPS_OK
                                   : err; /* the peer has left, and what it sent before is still to be read */
}

static enum corps_err take_credit(struct corps__pair *pair, uint64_t credit) {
    if (credit > atomic_load(&pair->under_way)) { /* a sender only adds to it meanwhile */
        return corps_error_set(CORPS_ERR_PROTOCOL, "a peer granted credit for more than was sent");
    }
    atomic_fetch_sub(&pair->under_way, (size_t)credit);
    return CORPS_ERR_EMPTY;
}

static enum corps_err take_piece(struct corps__pair *pair, unsigned kind, uint64_t frame_bytes, const uint8_t *data,
                                 size_t bytes, struct corps_event *event) {
    enum corps_err err = grant_credit(pair, bytes);
    if (err != CORPS_OK) {
        return err;
    }
    return kind == CORPS__PAIR_WHOLE ? give_whole(pair, frame_bytes, data, bytes, event)
                                     : gather_piece(pair, kind == CORPS__PAIR_FIRST, frame_bytes, data, bytes, event);
}

/* One message. OK with the event filled; EMPTY when it was no whole frame; or a fault of the link. */
static enum corps_err sort_message(struct corps__pair *pair, const uint8_t *data, size_t bytes,
                                   struct corps_event *event) {
    if (bytes < CORPS__HEAD_BYTES) {
        return corps_error_set(CORPS_ERR_PROTOCOL, "a peer sent a message without a head");
    }
    struct corps__head head;
    memcpy(&head, data, sizeof head);
    if (head.tag != pair->tag) {
        return corps_error_set(CORPS_ERR_DENIED, "a stranger came to a link's socket");
    }
    uint64_t what = le64toh(head.what);
    unsigned kind = (unsigned)(what >> CORPS__PAIR_LENGTH_BITS);
    uint64_t frame_bytes = what & (((uint64_t)1 << CORPS__PAIR_LENGTH_BITS) - 1);
    data += CORPS__HEAD_BYTES;
    bytes -= CORPS__HEAD_BYTES;
    if (!atomic_load_explicit(&pair->base.started, memory_order_relaxed)) {
        return greet_peer(pair, kind, data, bytes);
    }
    switch (kind) {
    case CORPS__PAIR_WHOLE:
    case CORPS__PAIR_FIRST:
    case CORPS__PAIR_NEXT:
        return take_piece(pair, kind, frame_bytes, data, bytes, event);
    case CORPS__PAIR_CREDIT:
        return take_credit(pair, frame_bytes);
    case CORPS__PAIR_BYE:
        return CORPS_ERR_CLOSED;
    default:
        return corps_error_set(CORPS_ERR_PROTOCOL, "a peer sent a message of the unknown kind %u", kind);
    }
}

/* A link that fails before anybody has heard of it goes without a word. */
static void fail_pair(struct corps__pair *pair, enum corps_err reason) {
    if (pair->is_listener && !atomic_load(&pair->base.started)) {
        corps__pairs_disconnect(&pair->base.base);
    } else {
        corps__pair_end(pair, reason);
    }
}

/* The next frame of this link: OK, or EMPTY. Faults end the link, and may free it. */
static enum corps_err next_pair_frame(struct corps__pair *pair, struct corps_event *event) {
    const struct corps__pair_library *library = corps__pair_library_of(pair);
    for (;;) {
        const uint8_t *data;
        size_t bytes;
        atomic_store(&pair->ready, false); /* before looking: a sender that takes note after our look sets it again */
        enum corps_err err = library->take(pair, &data, &bytes);
        if (err == CORPS_ERR_EMPTY) {
            if (pair->expired) {
                fail_pair(pair, CORPS_ERR_CLOSED);
            }
            return CORPS_ERR_EMPTY;
        }
        atomic_store(&pair->ready, true);
        if (err == CORPS_ERR_AGAIN) {
            return CORPS_ERR_EMPTY;
        }
        if (pair->base.peer_closed) {
            pair->last_news_ns = corps__now_ns();
            pair->expired = false;
        }
        err = err == CORPS_OK ? sort_message(pair, data, bytes, event) : err;
        if (err == CORPS_OK) {
            return CORPS_OK;
        }
        library->drop(pair);
        if (err != CORPS_ERR_EMPTY) {
            fail_pair(pair, err);
            return CORPS_ERR_EMPTY;
        }
        if (pair->base.news != CORPS__LINK_QUIET) { /* ACCEPTED comes before the first frame */
            return CORPS_ERR_EMPTY;
        }
    }
}

/* Worth trying again? Not for every bit of credit; and there is so much again long before all of it is granted. */
static bool pair_has_room(struct corps__link *link) {
    return corps__pair_has_room((struct corps__pair *)link, CORPS__PAIR_CREDIT_BYTES);
}

static void find_ready_pairs(struct corps__pairs *pairs) {
    struct epoll_event events[64];
    int count = epoll_wait(pairs->epoll_fd, events, sizeof events / sizeof events[0], 0);
    for (int i = 0; i < count; i++) {
        if (events[i].data.ptr != NULL) {
            ((struct corps__pair *)events[i].data.ptr)->ready = true;
        }
    }
}

static bool take_pair_frame(struct corps__pairs *pairs, struct corps_event *event) {
    struct corps__links *links = &pairs->links;
    bool few = links->count <= FEW_LINKS;
    struct corps__link *link = corps__links_turn(links);
    for (unsigned i = links->count; i > 0; i--) {
        struct corps__link *next = corps__links_after(links, link);
        struct corps__pair *pair = (struct corps__pair *)link;
        bool open = !link->ended && link->news == CORPS__LINK_QUIET;
        if (open && (few || pair->ready || pair->expired) && next_pair_frame(pair, event) == CORPS_OK) {
            links->turn = next;
            return true;
        }
        link = next;
    }
    return false;
}

static bool take_pair_writable(struct corps__pairs *pairs, struct corps_event *event) {
    return atomic_load_explicit(&pairs->links.blocked_count, memory_order_relaxed) > 0 &&
           corps__links_take_writable(&pairs->links, pair_has_room, event);
}

/* After a sleep: the doorbell has done its work. */
static void disarm_pairs(struct corps__pairs *pairs) {
    atomic_store(&pairs->armed, false);
    uint64_t rings;
    if (read(pairs->doorbell_fd, &rings, sizeof rings) == (ssize_t)sizeof rings) {
        for (struct corps__link *link = pairs->links.first; link != NULL; link = link->next) {
            ((struct corps__pair *)link)->ready = true; /* it does not tell for which link it rang */
        }
    }
}

enum corps_err corps__pairs_poll(struct corps_endpoint *base, struct corps_event *event) {
    struct corps__pairs *pairs = (struct corps__pairs *)base;
    if (atomic_load_explicit(&pairs->armed, memory_order_relaxed)) {
        disarm_pairs(pairs);
    }
    if (pairs->links.news_count > 0 && corps__links_take_news(&pairs->links, event)) {
        return CORPS_OK;
    }
    if (take_pair_writable(pairs, event)) {
        return CORPS_OK;
    }
    if (pairs->links.count > FEW_LINKS && ++pairs->looks % LOOK_AT_ALL_EVERY == 0) {
        find_ready_pairs(pairs); /* those that are ready already may have frames for ever */
    }
    if (take_pair_frame(pairs, event)) {
        return CORPS_OK;
    }
    if (pairs->links.count > FEW_LINKS) {
        find_ready_pairs(pairs);
        if (take_pair_frame(pairs, event)) {
            return CORPS_OK;
        }
    }
    bool news = pairs->links.news_count > 0 && corps__links_take_news(&pairs->links, event);
    return news || take_pair_writable(pairs, event) ? CORPS_OK : CORPS_ERR_EMPTY;
}

void corps__pairs_release(struct corps_endpoint *base, struct corps_event *event) {
    (void)event;
    struct corps__pairs *pairs = (struct corps__pairs *)base;
    if (pairs->lender != NULL) { /* NULL too when the link was disconnected meanwhile */
        pairs->library->drop(pairs->lender);
        pairs->lender = NULL;
    }
}

enum corps_err corps__pairs_arm(struct corps_endpoint *base, struct pollfd *fds, size_t capacity, size_t *count) {
    struct corps__pairs *pairs = (struct corps__pairs *)base;
    *count = 0;
    if (capacity < 1) {
        return corps_error_set(CORPS_ERR_LIMIT, "arm needs room for a descriptor");
    }
    if (pairs->links.news_count > 0) {
        return CORPS_ERR_AGAIN;
    }
    atomic_store(&pairs->armed, true); /* before looking: who sends after our look sees it, and rings */
    for (struct corps__link *link = pairs->links.first; link != NULL; link = link->next) {
        struct corps__pair *pair = (struct corps__pair *)link;
        if (link->ended) {
            continue;
        }
        if ((corps__link_waits(link) && pair_has_room(link)) || pair->expired || pairs->library->holds(pair)) {
            pair->ready = true;
            return CORPS_ERR_AGAIN;
        }
    }
    fds[(*count)++] = (struct pollfd){.fd = pairs->epoll_fd, .events = POLLIN};
    return CORPS_OK;
}
