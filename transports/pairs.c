#include "pairs.h"

#include "rendezvous.h"

#include <endian.h>
#include <sodium.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

enum {
    FEW_LINKS = 4, /* so many are tried one by one; more go through epoll */
    LOOK_AT_ALL_EVERY = 8,
    GRACE_MS = 500,
    GIVE_BACK_BYTES = 256 * 1024, /* at a time */
    WINDOW_BYTES_MIN = 4 * GIVE_BACK_BYTES,
    KEEP_BYTES = 8192, /* longer messages have memory of their own in the library: worth keeping instead of copying */
};

/* The head of a message: what it is, and the length of the frame that it is or begins, or the room that it gives back.
 * Little-endian on the wire. */
enum { WHOLE = 1, FIRST, NEXT, HELLO, ROOM, BYE };
#define LENGTH_BITS 56u

static struct corps__head head_of(const struct corps__pair *pair, unsigned kind, size_t frame_bytes) {
    return (struct corps__head){.tag = pair->tag, .what = htole64((uint64_t)kind << LENGTH_BITS | frame_bytes)};
}

static struct corps__pairs *pairs_of(const struct corps__pair *pair) {
    return (struct corps__pairs *)pair->base.endpoint;
}

static const struct corps__pair_library *library_of(const struct corps__pair *pair) {
    return pairs_of(pair)->library;
}

static int64_t now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* ---- links ---- */

static void set_blocked(struct corps__pair *pair, bool blocked) {
    if (atomic_exchange(&pair->blocked, blocked) == blocked) {
        return;
    }
    atomic_fetch_add(&pairs_of(pair)->blocked_count, blocked ? 1u : -1u);
}

static void end_pair(struct corps__pair *pair, enum corps_err reason) {
    if (!pair->ended) {
        pair->ended = true;
        atomic_store(&pair->shut, true);
        pair->reason = reason;
        pairs_of(pair)->news_count++;
        if (pair->opened) { /* what still comes must not wake anybody */
            (void)epoll_ctl(pairs_of(pair)->epoll_fd, EPOLL_CTL_DEL, library_of(pair)->fd(pair), NULL);
        }
    }
}

static void remove_path(struct corps__pair *pair) {
    if (pair->path[0] != '\0') {
        unlink(pair->path);
        pair->path[0] = '\0';
    }
}

void corps__pairs_disconnect(struct corps_link *base) {
    struct corps__pair *pair = (struct corps__pair *)base;
    struct corps__pairs *pairs = pairs_of(pair);
    struct corps__pair **at = &pairs->links;
    while (*at != pair) {
        at = &(*at)->next;
    }
    *at = pair->next;
    pairs->link_count--;
    pairs->turn = pairs->turn == pair ? pair->next : pairs->turn;
    if (pairs->lender == pair) {
        pairs->library->drop(pair);
        pairs->lender = NULL;
    }
    pairs->news_count -= (pair->news != CORPS__PAIR_QUIET ? 1u : 0u) + (pair->ended && !pair->told ? 1u : 0u);
    set_blocked(pair, false);
    if (pair->opened) {
        (void)epoll_ctl(pairs->epoll_fd, EPOLL_CTL_DEL, pairs->library->fd(pair), NULL);
        struct corps__head bye = head_of(pair, BYE, 0);
        bool started = atomic_load(&pair->started);
        pairs->library->close(pair, pair->gone || !started || (pair->ended && pair->reason == CORPS_ERR_CLOSED), &bye);
    }
    remove_path(pair);
    corps__meeting_close(pair->meeting);
    corps_block_unref(pair->large);
    free(pair);
}

/* A link with a socket. */
static enum corps_err create(struct corps__pairs *pairs, struct corps__pair **out) {
    struct corps__pair *pair = calloc(1, pairs->library->pair_bytes);
    if (pair == NULL) {
        return corps_error_set(CORPS_ERR_NO_MEMORY, "no memory for a link");
    }
    pair->base.transport = pairs->base.transport;
    pair->base.endpoint = &pairs->base;
    pair->next = pairs->links;
    pairs->links = pair;
    pairs->link_count++;
    enum corps_err err = pairs->library->open(
        pair, (unsigned)(pairs->window_bytes / pairs->library->message_bytes + CORPS__CONTROL_MESSAGES));
    if (err == CORPS_OK) {
        pair->opened = true;
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = pair};
        if (epoll_ctl(pairs->epoll_fd, EPOLL_CTL_ADD, pairs->library->fd(pair), &event) != 0) {
            err = corps_error_system("cannot watch a link");
        }
    }
    if (err != CORPS_OK) {
        corps__pairs_disconnect(&pair->base);
        return err;
    }
    *out = pair;
    return CORPS_OK;
}

/* ---- meeting: the answer is a token and where to dial ---- */

static void start(struct corps__pair *pair) {
    pair->news = pair->is_listener ? CORPS__PAIR_ACCEPTED : CORPS__PAIR_CONNECTED;
    pairs_of(pair)->news_count++;
    remove_path(pair);
    atomic_store_explicit(&pair->started, true, memory_order_release);
}

enum { URL_BYTES = CORPS_ADDRESS_BYTES + 8 };

static enum corps_err listen_at(struct corps__pair *pair, char url[URL_BYTES]) {
    unsigned port = 0;
    if (pairs_of(pair)->over_tcp) {
        enum corps_err err = library_of(pair)->listen(pair, "tcp://127.0.0.1:0", &port);
        snprintf(url, URL_BYTES, "tcp://127.0.0.1:%u", port);
        return err;
    }
    uint64_t random;
    randombytes_buf(&random, sizeof random);
    snprintf(pair->path, sizeof pair->path, "%.200s/%016llx.pair", pairs_of(pair)->directory,
             (unsigned long long)random);
    snprintf(url, URL_BYTES, "ipc://%s", pair->path);
    return library_of(pair)->listen(pair, url, &port);
}

static enum corps_err listen_for_peer(struct corps__pair *pair, struct corps__hello *answer) {
    char url[URL_BYTES];
    enum corps_err err = listen_at(pair, url);
    if (err != CORPS_OK) {
        return err;
    }
    randombytes_buf(pair->token, sizeof pair->token);
    memcpy(&pair->tag, pair->token, sizeof pair->tag);
    memcpy(answer->data, pair->token, sizeof pair->token);
    size_t length = strlen(url) + 1;
    if (sizeof pair->token + length > sizeof answer->data) {
        return corps_error_set(CORPS_ERR_INVALID, "the address %s is too long", url);
    }
    memcpy(answer->data + sizeof pair->token, url, length);
    answer->bytes = (uint32_t)(sizeof pair->token + length);
    return CORPS_OK;
}

static enum corps_err on_hello(void *owner, struct corps__meeting *meeting, struct corps__hello *theirs,
                               struct corps__hello *answer) {
    struct corps__pairs *pairs = owner;
    const char *name = pairs->base.transport->name;
    if (theirs->fd_count != 0 || theirs->bytes != strlen(name) || memcmp(theirs->data, name, theirs->bytes) != 0) {
        return corps_error_set(CORPS_ERR_PROTOCOL, "a peer of another transport came to %s", name);
    }
    struct corps__pair *pair;
    enum corps_err err = create(pairs, &pair);
    if (err != CORPS_OK) {
        return err;
    }
    pair->is_listener = true;
    err = listen_for_peer(pair, answer);
    if (err != CORPS_OK) {
        corps__pairs_disconnect(&pair->base);
        return err;
    }
    pair->meeting = meeting;
    corps__meeting_set_user(meeting, pair);
    return CORPS_OK;
}

static enum corps_err dial_peer(struct corps__pair *pair, struct corps__hello *theirs) {
    if (theirs->fd_count != 0 || theirs->bytes <= CORPS__TOKEN_BYTES || theirs->bytes > sizeof theirs->data ||
        theirs->data[theirs->bytes - 1] != '\0') {
        return corps_error_set(CORPS_ERR_PROTOCOL, "a peer did not say where its socket listens");
    }
    enum corps_err err = library_of(pair)->dial(pair, (const char *)theirs->data + CORPS__TOKEN_BYTES);
    if (err != CORPS_OK) {
        return err;
    }
    struct iovec token = {.iov_base = theirs->data, .iov_len = CORPS__TOKEN_BYTES};
    struct corps_parcel first = {.segments = &token, .segment_count = 1, .bytes = token.iov_len};
    memcpy(&pair->tag, theirs->data, sizeof pair->tag);
    const struct corps__head head = head_of(pair, HELLO, 0);
    err = library_of(pair)->put(pair, &head, &first, 0, first.bytes);
    if (err == CORPS_OK) {
        start(pair); /* the library queues what is sent until it has connected */
    }
    return err;
}

static enum corps_err on_answer(void *owner, struct corps__meeting *meeting, struct corps__hello *theirs) {
    (void)owner;
    struct corps__pair *pair = corps__meeting_user(meeting);
    enum corps_err err = dial_peer(pair, theirs);
    if (err != CORPS_OK) {
        pair->meeting = NULL; /* closed by our error */
        end_pair(pair, err);
    }
    return err;
}

static void watch_grace(struct corps__pairs *pairs);

static void on_grace(uv_timer_t *timer) {
    struct corps__pairs *pairs = timer->data;
    int64_t now = now_ns();
    bool any = false;
    for (struct corps__pair *pair = pairs->links; pair != NULL; pair = pair->next) {
        if (pair->gone && !pair->ended) {
            pair->expired = now - pair->last_news_ns >= (int64_t)GRACE_MS * 1000000;
            any = true;
        }
    }
    if (any) {
        watch_grace(pairs);
    }
}

static void watch_grace(struct corps__pairs *pairs) {
    if (!uv_is_active((uv_handle_t *)pairs->grace)) {
        uv_update_time(pairs->grace->loop); /* a timer counts from the loop's own, possibly old, time */
        uv_timer_start(pairs->grace, on_grace, GRACE_MS / 4, 0);
    }
}

static void on_closed(void *owner, struct corps__meeting *meeting, enum corps_err reason) {
    struct corps__pair *pair = corps__meeting_user(meeting);
    corps__meeting_close(pair->meeting);
    pair->meeting = NULL;
    pair->gone = true;
    atomic_store(&pair->shut, true);
    pair->last_news_ns = now_ns();
    if (atomic_load(&pair->started) || pair->is_listener) {
        watch_grace(owner); /* what it had sent may still be under way */
    } else {
        end_pair(pair, reason);
    }
}

static const struct corps__rendezvous_ops rendezvous_ops = {
    .on_hello = on_hello, .on_answer = on_answer, .on_closed = on_closed};

/* ---- endpoint ---- */

static void free_handle(uv_handle_t *handle) {
    free(handle);
}

static void close_parts(struct corps__pairs *pairs) {
    if (pairs->grace != NULL) {
        uv_close((uv_handle_t *)pairs->grace, free_handle);
    }
    if (pairs->bell_fd >= 0) {
        close(pairs->bell_fd);
    }
    if (pairs->epoll_fd >= 0) {
        close(pairs->epoll_fd);
    }
    pairs->library->stop();
}

static enum corps_err open_parts(struct corps__pairs *pairs, const struct corps_endpoint_options *options) {
    pairs->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    pairs->bell_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
    if (pairs->epoll_fd < 0 || pairs->bell_fd < 0 ||
        epoll_ctl(pairs->epoll_fd, EPOLL_CTL_ADD, pairs->bell_fd, &event) != 0) {
        return corps_error_system("cannot make an endpoint's descriptors");
    }
    pairs->grace = malloc(sizeof *pairs->grace);
    if (pairs->grace == NULL) {
        return corps_error_set(CORPS_ERR_NO_MEMORY, "no memory for an endpoint");
    }
    uv_timer_init(options->loop, pairs->grace);
    pairs->grace->data = pairs;
    return CORPS_OK;
}

static size_t window_of(const struct corps__pair_library *library, size_t buffer_bytes) {
    size_t wanted = buffer_bytes == 0 ? CORPS__WINDOW_BYTES : buffer_bytes;
    size_t most = library->message_count_max == 0
                      ? CORPS_FRAME_BYTES_MAX
                      : (library->message_count_max - CORPS__CONTROL_MESSAGES) * library->message_bytes;
    return wanted < WINDOW_BYTES_MIN ? WINDOW_BYTES_MIN : wanted < most ? wanted : most;
}

enum corps_err corps__pairs_open(struct corps__pairs *pairs, const struct corps__pair_library *library, bool over_tcp,
                                 const struct corps_endpoint_options *options, char address[CORPS_ADDRESS_BYTES]) {
    pairs->library = library;
    pairs->over_tcp = over_tcp;
    pairs->frame_bytes_max = options->frame_bytes_max;
    pairs->window_bytes = window_of(library, options->buffer_bytes);
    snprintf(pairs->directory, sizeof pairs->directory, "%.255s", options->directory);
    if (sodium_init() < 0) {
        return corps_error_set(CORPS_ERR_SYSTEM, "libsodium cannot start: no source of random numbers");
    }
    enum corps_err err = library->start();
    if (err != CORPS_OK) {
        return err;
    }
    err = open_parts(pairs, options);
    err = err == CORPS_OK ? corps__rendezvous_open(options, &rendezvous_ops, pairs, address, &pairs->rendezvous) : err;
    if (err != CORPS_OK) {
        close_parts(pairs);
    }
    return err;
}

void corps__pairs_close(struct corps_endpoint *base) {
    struct corps__pairs *pairs = (struct corps__pairs *)base;
    while (pairs->links != NULL) { /* peers that have met us, and of whom the core has not heard yet */
        corps__pairs_disconnect(&pairs->links->base);
    }
    corps__rendezvous_close(pairs->rendezvous);
    close_parts(pairs);
}

enum corps_err corps__pairs_connect(struct corps_endpoint *base, const char *address, struct corps_link **out) {
    struct corps__pairs *pairs = (struct corps__pairs *)base;
    struct corps__pair *pair;
    enum corps_err err = create(pairs, &pair);
    if (err != CORPS_OK) {
        return err;
    }
    struct corps__hello hello = {.bytes = (uint32_t)strlen(base->transport->name)};
    memcpy(hello.data, base->transport->name, hello.bytes);
    err = corps__rendezvous_connect(pairs->rendezvous, address, &hello, pair, &pair->meeting);
    if (err != CORPS_OK) {
        corps__pairs_disconnect(&pair->base);
        return err;
    }
    *out = &pair->base;
    return CORPS_OK;
}

/* ---- sending ---- */

/* What a message of this many bytes counts for. */
static size_t cost_of(const struct corps__pair *pair, size_t bytes) {
    return bytes + library_of(pair)->message_bytes;
}

static bool has_room(struct corps__pair *pair, size_t cost) {
    return atomic_load(&pair->under_way) + cost <= pairs_of(pair)->window_bytes;
}

static enum corps_err put(struct corps__pair *pair, struct corps__head head, const struct corps_parcel *parcel,
                          size_t from, size_t bytes) {
    size_t cost = cost_of(pair, bytes);
    if (!has_room(pair, cost)) {
        set_blocked(pair, true); /* then look once more: room may have come before anybody watched */
        if (!has_room(pair, cost)) {
            return CORPS_ERR_FULL;
        }
        set_blocked(pair, false);
    }
    atomic_fetch_add(&pair->under_way, cost); /* first: the room may be given back at once */
    enum corps_err err = library_of(pair)->put(pair, &head, parcel, from, bytes);
    if (err != CORPS_OK) {
        atomic_fetch_sub(&pair->under_way, cost);
    }
    return err;
}

/* Sending may make a library take note of what has arrived, so that its descriptor tells of it no more. */
static void ring(struct corps__pair *pair) {
    struct corps__pairs *pairs = pairs_of(pair);
    atomic_store(&pair->ready, true);
    if (atomic_load(&pairs->armed) && pairs->library->holds(pair)) {
        uint64_t one = 1;
        if (write(pairs->bell_fd, &one, sizeof one) < 0) {
            return; /* it is full of rings: the sleeper wakes all the same */
        }
    }
}

static enum corps_err send_pieces(struct corps__pair *pair, const struct corps_parcel *parcel) {
    while (pair->sent < parcel->bytes) {
        size_t left = parcel->bytes - pair->sent;
        size_t part = left < CORPS__PIECE_BYTES ? left : CORPS__PIECE_BYTES;
        struct corps__head head = head_of(pair, pair->is_partial ? NEXT : FIRST, pair->is_partial ? 0 : parcel->bytes);
        enum corps_err err = put(pair, head, parcel, pair->sent, part);
        if (err != CORPS_OK) {
            return err == CORPS_ERR_FULL && pair->is_partial ? CORPS_ERR_PARTIAL : err;
        }
        pair->is_partial = true;
        pair->sent += part;
    }
    pair->is_partial = false;
    pair->sent = 0;
    return CORPS_OK;
}

enum corps_err corps__pairs_send(struct corps_link *base, const struct corps_parcel *parcel, unsigned flags) {
    (void)flags; /* the library's own thread gathers what waits */
    struct corps__pair *pair = (struct corps__pair *)base;
    if (atomic_load_explicit(&pair->shut, memory_order_relaxed)) {
        return CORPS_ERR_CLOSED;
    }
    if (!atomic_load_explicit(&pair->started, memory_order_acquire)) {
        set_blocked(pair, true);
        return CORPS_ERR_FULL;
    }
    if (parcel->segment_count == 0) {
        return CORPS_OK;
    }
    enum corps_err err = parcel->bytes <= CORPS__PIECE_BYTES
                             ? put(pair, head_of(pair, WHOLE, parcel->bytes), parcel, 0, parcel->bytes)
                             : send_pieces(pair, parcel);
    ring(pair);
    return err;
}

/* ---- receiving ---- */

static enum corps_err check_length(const struct corps__pair *pair, uint64_t bytes) {
    return bytes <= pairs_of(pair)->frame_bytes_max
               ? CORPS_OK
               : corps_error_set(CORPS_ERR_TOO_LARGE, "a peer announces a frame of %llu bytes; at most %zu are allowed",
                                 (unsigned long long)bytes, pairs_of(pair)->frame_bytes_max);
}

static enum corps_err give_whole(struct corps__pair *pair, uint64_t frame_bytes, const uint8_t *data, size_t bytes,
                                 struct corps_event *event) {
    if (pair->large != NULL || frame_bytes != bytes) {
        return corps_error_set(CORPS_ERR_PROTOCOL, "a peer sent a frame of another length than it says");
    }
    enum corps_err err = check_length(pair, frame_bytes);
    if (err != CORPS_OK) {
        return err;
    }
    event->kind = CORPS_EVENT_MESSAGE;
    event->link = &pair->base;
    event->block = bytes >= KEEP_BYTES ? library_of(pair)->keep(pair) : NULL;
    event->data = event->block != NULL ? event->block->data : data;
    event->bytes = bytes;
    pairs_of(pair)->lender = event->block != NULL ? NULL : pair;
    return CORPS_OK;
}

/* A piece of a frame. OK when the frame is whole, EMPTY when more must come. */
static enum corps_err gather(struct corps__pair *pair, bool first, uint64_t frame_bytes, const uint8_t *data,
                             size_t bytes, struct corps_event *event) {
    if (first != (pair->large == NULL)) {
        return corps_error_set(CORPS_ERR_PROTOCOL, "a peer sent a piece of a frame out of its turn");
    }
    if (first) {
        enum corps_err err = check_length(pair, frame_bytes);
        if (err != CORPS_OK) {
            return err;
        }
        pair->large = corps_block_create((size_t)frame_bytes);
        pair->large_bytes = 0;
        if (pair->large == NULL) {
            return corps_error_set(CORPS_ERR_NO_MEMORY, "no memory for a frame of %llu bytes",
                                   (unsigned long long)frame_bytes);
        }
    }
    if (bytes == 0 || bytes > pair->large->bytes - pair->large_bytes) {
        return corps_error_set(CORPS_ERR_PROTOCOL, "a peer sent more of a frame than it had announced");
    }
    memcpy(pair->large->data + pair->large_bytes, data, bytes);
    pair->large_bytes += bytes;
    if (pair->large_bytes < pair->large->bytes) {
        return CORPS_ERR_EMPTY;
    }
    library_of(pair)->drop(pair);
    event->kind = CORPS_EVENT_MESSAGE;
    event->link = &pair->base;
    event->block = pair->large;
    event->data = pair->large->data;
    event->bytes = pair->large->bytes;
    pair->large = NULL;
    return CORPS_OK;
}

/* The first message of a connector. EMPTY, or a fault. */
static enum corps_err greet(struct corps__pair *pair, unsigned kind, const uint8_t *token, size_t bytes) {
    if (kind != HELLO || bytes != sizeof pair->token || sodium_memcmp(token, pair->token, bytes) != 0) {
        return corps_error_set(CORPS_ERR_DENIED, "a stranger came to a link's socket");
    }
    start(pair);
    return CORPS_ERR_EMPTY;
}

static enum corps_err give_back(struct corps__pair *pair, size_t bytes) {
    pair->taken += cost_of(pair, bytes);
    if (pair->taken < GIVE_BACK_BYTES) {
        return CORPS_OK;
    }
    static const struct corps_parcel nothing;
    const struct corps__head head = head_of(pair, ROOM, pair->taken);
    enum corps_err err = library_of(pair)->put(pair, &head, &nothing, 0, 0);
    pair->taken = 0;
    return err == CORPS_ERR_CLOSED ? CORPS_OK
                                   : err; /* the peer has left, and what it sent before is still to be read */
}

static enum corps_err get_back(struct corps__pair *pair, uint64_t room) {
    if (room > atomic_load(&pair->under_way)) { /* a sender only adds to it meanwhile */
        return corps_error_set(CORPS_ERR_PROTOCOL, "a peer gave back more room than was used");
    }
    atomic_fetch_sub(&pair->under_way, (size_t)room);
    return CORPS_ERR_EMPTY;
}

static enum corps_err take_piece(struct corps__pair *pair, unsigned kind, uint64_t frame_bytes, const uint8_t *data,
                                 size_t bytes, struct corps_event *event) {
    enum corps_err err = give_back(pair, bytes);
    if (err != CORPS_OK) {
        return err;
    }
    return kind == WHOLE ? give_whole(pair, frame_bytes, data, bytes, event)
                         : gather(pair, kind == FIRST, frame_bytes, data, bytes, event);
}

/* One message. OK with the event filled; EMPTY when it was no whole frame; or a fault of the link. */
static enum corps_err sort(struct corps__pair *pair, const uint8_t *data, size_t bytes, struct corps_event *event) {
    if (bytes < CORPS__HEAD_BYTES) {
        return corps_error_set(CORPS_ERR_PROTOCOL, "a peer sent a message without a head");
    }
    struct corps__head head;
    memcpy(&head, data, sizeof head);
    if (head.tag != pair->tag) {
        return corps_error_set(CORPS_ERR_DENIED, "a stranger came to a link's socket");
    }
    uint64_t what = le64toh(head.what);
    unsigned kind = (unsigned)(what >> LENGTH_BITS);
    uint64_t frame_bytes = what & (((uint64_t)1 << LENGTH_BITS) - 1);
    data += CORPS__HEAD_BYTES;
    bytes -= CORPS__HEAD_BYTES;
    if (!atomic_load_explicit(&pair->started, memory_order_relaxed)) {
        return greet(pair, kind, data, bytes);
    }
    switch (kind) {
    case WHOLE:
    case FIRST:
    case NEXT:
        return take_piece(pair, kind, frame_bytes, data, bytes, event);
    case ROOM:
        return get_back(pair, frame_bytes);
    case BYE:
        return CORPS_ERR_CLOSED;
    default:
        return corps_error_set(CORPS_ERR_PROTOCOL, "a peer sent a message of the unknown kind %u", kind);
    }
}

/* A link that fails before anybody has heard of it goes without a word. */
static void fail(struct corps__pair *pair, enum corps_err reason) {
    if (pair->is_listener && !atomic_load(&pair->started)) {
        corps__pairs_disconnect(&pair->base);
    } else {
        end_pair(pair, reason);
    }
}

/* The next frame of this link: OK, or EMPTY. Faults end the link, and may free it. */
static enum corps_err next_frame(struct corps__pair *pair, struct corps_event *event) {
    const struct corps__pair_library *library = library_of(pair);
    for (;;) {
        const uint8_t *data;
        size_t bytes;
        atomic_store(&pair->ready, false); /* before looking: a sender that takes note after our look sets it again */
        enum corps_err err = library->take(pair, &data, &bytes);
        if (err == CORPS_ERR_EMPTY) {
            if (pair->expired) {
                fail(pair, CORPS_ERR_CLOSED);
            }
            return CORPS_ERR_EMPTY;
        }
        atomic_store(&pair->ready, true);
        if (err == CORPS_ERR_AGAIN) {
            return CORPS_ERR_EMPTY;
        }
        if (pair->gone) {
            pair->last_news_ns = now_ns();
            pair->expired = false;
        }
        err = err == CORPS_OK ? sort(pair, data, bytes, event) : err;
        if (err == CORPS_OK) {
            return CORPS_OK;
        }
        library->drop(pair);
        if (err != CORPS_ERR_EMPTY) {
            fail(pair, err);
            return CORPS_ERR_EMPTY;
        }
        if (pair->news != CORPS__PAIR_QUIET) { /* ACCEPTED comes before the first frame */
            return CORPS_ERR_EMPTY;
        }
    }
}

static bool take_news(struct corps__pairs *pairs, struct corps_event *event) {
    for (struct corps__pair *pair = pairs->links; pair != NULL; pair = pair->next) {
        if (pair->news != CORPS__PAIR_QUIET) {
            event->kind = pair->news == CORPS__PAIR_ACCEPTED ? CORPS_EVENT_ACCEPTED : CORPS_EVENT_CONNECTED;
            pair->news = CORPS__PAIR_QUIET;
            pair->ready = true;
        } else if (pair->ended && !pair->told) {
            event->kind = CORPS_EVENT_CLOSED;
            event->reason = pair->reason;
            pair->told = true;
        } else {
            continue;
        }
        event->link = &pair->base;
        pairs->news_count--;
        return true;
    }
    return false;
}

/* Worth trying again? Not for every bit of room; and so much is free again long before all of it is given back. */
static bool is_writable(struct corps__pair *pair) {
    return atomic_load(&pair->blocked) && pair->news == CORPS__PAIR_QUIET && !atomic_load(&pair->shut) &&
           atomic_load_explicit(&pair->started, memory_order_relaxed) && has_room(pair, GIVE_BACK_BYTES);
}

static bool take_writable(struct corps__pairs *pairs, struct corps_event *event) {
    for (struct corps__pair *pair = pairs->links; pair != NULL; pair = pair->next) {
        if (is_writable(pair)) {
            set_blocked(pair, false);
            event->kind = CORPS_EVENT_WRITABLE;
            event->link = &pair->base;
            return true;
        }
    }
    return false;
}

static void find_ready(struct corps__pairs *pairs) {
    struct epoll_event events[64];
    int count = epoll_wait(pairs->epoll_fd, events, sizeof events / sizeof events[0], 0);
    for (int i = 0; i < count; i++) {
        if (events[i].data.ptr != NULL) {
            ((struct corps__pair *)events[i].data.ptr)->ready = true;
        }
    }
}

static bool take_frame(struct corps__pairs *pairs, struct corps_event *event) {
    bool few = pairs->link_count <= FEW_LINKS;
    struct corps__pair *pair = pairs->turn != NULL ? pairs->turn : pairs->links;
    for (unsigned i = pairs->link_count; i > 0; i--) {
        struct corps__pair *next = pair->next != NULL ? pair->next : pairs->links;
        bool open = !pair->ended && pair->news == CORPS__PAIR_QUIET;
        if (open && (few || pair->ready || pair->expired) && next_frame(pair, event) == CORPS_OK) {
            pairs->turn = next;
            return true;
        }
        pair = next;
    }
    return false;
}

/* After a sleep: the bell has done its work. */
static void disarm(struct corps__pairs *pairs) {
    atomic_store(&pairs->armed, false);
    uint64_t rings;
    if (read(pairs->bell_fd, &rings, sizeof rings) == (ssize_t)sizeof rings) {
        for (struct corps__pair *pair = pairs->links; pair != NULL; pair = pair->next) {
            pair->ready = true; /* it does not tell for which link it rang */
        }
    }
}

enum corps_err corps__pairs_poll(struct corps_endpoint *base, struct corps_event *event) {
    struct corps__pairs *pairs = (struct corps__pairs *)base;
    if (atomic_load_explicit(&pairs->armed, memory_order_relaxed)) {
        disarm(pairs);
    }
    if (pairs->news_count > 0 && take_news(pairs, event)) {
        return CORPS_OK;
    }
    if (atomic_load_explicit(&pairs->blocked_count, memory_order_relaxed) > 0 && take_writable(pairs, event)) {
        return CORPS_OK;
    }
    if (pairs->link_count > FEW_LINKS && ++pairs->looks % LOOK_AT_ALL_EVERY == 0) {
        find_ready(pairs); /* those that are ready already may have frames for ever */
    }
    if (take_frame(pairs, event)) {
        return CORPS_OK;
    }
    if (pairs->link_count > FEW_LINKS) {
        find_ready(pairs);
        if (take_frame(pairs, event)) {
            return CORPS_OK;
        }
    }
    bool news = pairs->news_count > 0 && take_news(pairs, event);
    return news || (atomic_load(&pairs->blocked_count) > 0 && take_writable(pairs, event)) ? CORPS_OK : CORPS_ERR_EMPTY;
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
    if (pairs->news_count > 0) {
        return CORPS_ERR_AGAIN;
    }
    atomic_store(&pairs->armed, true); /* before looking: who sends after our look sees it, and rings */
    for (struct corps__pair *pair = pairs->links; pair != NULL; pair = pair->next) {
        if (pair->ended) {
            continue;
        }
        if (is_writable(pair) || pair->expired || pairs->library->holds(pair)) {
            pair->ready = true;
            return CORPS_ERR_AGAIN;
        }
    }
    fds[(*count)++] = (struct pollfd){.fd = pairs->epoll_fd, .events = POLLIN};
    return CORPS_OK;
}
