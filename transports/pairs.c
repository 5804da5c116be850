#include "base/clock.h"
#include "links_rendezvous.h"
#include "pair_messages.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* Links over a messaging library: their sockets, how peers find each other, and their end. */

enum {
    GRACE_MS = 500,
    WINDOW_BYTES_MIN = 4 * CORPS__PAIR_CREDIT_BYTES,
};

/* ---- links ---- */

void corps__pair_end(struct corps__pair *pair, enum corps_err reason) {
    if (corps__link_end(&pair->base, reason) && pair->opened) { /* what still comes must not wake anybody */
        (void)epoll_ctl(corps__pairs_of(pair)->epoll_fd, EPOLL_CTL_DEL, corps__pair_library_of(pair)->fd(pair), NULL);
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
    struct corps__pairs *pairs = corps__pairs_of(pair);
    const struct corps__link *link = &pair->base;
    corps__link_remove(&pair->base);
    if (pairs->lender == pair) {
        pairs->library->drop(pair);
        pairs->lender = NULL;
    }
    if (pair->opened) {
        (void)epoll_ctl(pairs->epoll_fd, EPOLL_CTL_DEL, pairs->library->fd(pair), NULL);
        struct corps__head bye = corps__pair_head(pair, CORPS__PAIR_BYE, 0);
        bool started = atomic_load(&link->started);
        pairs->library->close(pair, link->peer_closed || !started || (link->ended && link->reason == CORPS_ERR_CLOSED),
                              &bye);
    }
    remove_path(pair);
    corps__session_close(link->session);
    corps__link_destroy(&pair->base);
}

/* A link with a socket. */
static enum corps_err create_pair(struct corps__pairs *pairs, struct corps__pair **out) {
    struct corps__pair *pair = corps__link_create(&pairs->links, pairs->library->pair_bytes);
    if (pair == NULL) {
        return CORPS_ERR_NO_MEMORY;
    }
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
        corps__pairs_disconnect(&pair->base.base);
        return err;
    }
    *out = pair;
    return CORPS_OK;
}

/* ---- session: the answer is a token and where to dial ---- */

void corps__pair_start(struct corps__pair *pair) {
    remove_path(pair);
    pair->ready = true;
    corps__link_start(&pair->base, pair->is_listener);
}

enum { URL_BYTES = CORPS_ADDRESS_BYTES + 8 };

static enum corps_err listen_at(struct corps__pair *pair, char url[URL_BYTES]) {
    unsigned port = 0;
    if (corps__pairs_of(pair)->over_tcp) {
        enum corps_err err = corps__pair_library_of(pair)->listen(pair, "tcp://127.0.0.1:0", &port);
        snprintf(url, URL_BYTES, "tcp://127.0.0.1:%u", port);
        return err;
    }
    uint64_t random;
    randombytes_buf(&random, sizeof random);
    snprintf(pair->path, sizeof pair->path, "%.200s/%016llx.pair", corps__pairs_of(pair)->directory,
             (unsigned long long)random);
    snprintf(url, URL_BYTES, "ipc://%s", pair->path);
    return corps__pair_library_of(pair)->listen(pair, url, &port);
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

static enum corps_err on_pair_hello(void *owner, struct corps__session *session, struct corps__hello *theirs,
                                    struct corps__hello *answer) {
    struct corps__pairs *pairs = owner;
    const char *name = pairs->links.base.transport->name;
    if (theirs->fd_count != 0 || theirs->bytes != strlen(name) || memcmp(theirs->data, name, theirs->bytes) != 0) {
        return corps_error_set(CORPS_ERR_PROTOCOL, "a peer of another transport came to %s", name);
    }
    struct corps__pair *pair;
    enum corps_err err = create_pair(pairs, &pair);
    if (err != CORPS_OK) {
        return err;
    }
    pair->is_listener = true;
    err = listen_for_peer(pair, answer);
    if (err != CORPS_OK) {
        corps__pairs_disconnect(&pair->base.base);
        return err;
    }
    corps__link_set_session(&pair->base, session);
    return CORPS_OK;
}

static enum corps_err dial_peer(struct corps__pair *pair, struct corps__hello *theirs) {
    if (theirs->fd_count != 0 || theirs->bytes <= CORPS__TOKEN_BYTES || theirs->bytes > sizeof theirs->data ||
        theirs->data[theirs->bytes - 1] != '\0') {
        return corps_error_set(CORPS_ERR_PROTOCOL, "a peer did not say where its socket listens");
    }
    enum corps_err err = corps__pair_library_of(pair)->dial(pair, (const char *)theirs->data + CORPS__TOKEN_BYTES);
    if (err != CORPS_OK) {
        return err;
    }
    struct iovec token = {.iov_base = theirs->data, .iov_len = CORPS__TOKEN_BYTES};
    struct corps_parcel first = {.segments = &token, .segment_count = 1, .bytes = token.iov_len};
    memcpy(&pair->tag, theirs->data, sizeof pair->tag);
    const struct corps__head head = corps__pair_head(pair, CORPS__PAIR_HELLO, 0);
    err = corps__pair_library_of(pair)->put(pair, &head, &first, 0, first.bytes);
    if (err == CORPS_OK) {
        corps__pair_start(pair); /* the library queues what is sent until it has connected */
    }
    return err;
}

static enum corps_err on_pair_answer(void *owner, struct corps__session *session, struct corps__hello *theirs) {
    (void)owner;
    struct corps__pair *pair = corps__session_user(session);
    enum corps_err err = dial_peer(pair, theirs);
    if (err != CORPS_OK) {
        pair->base.session = NULL; /* closed by our error */
        corps__pair_end(pair, err);
    }
    return err;
}

static void watch_grace(struct corps__pairs *pairs);

static void on_grace(uv_timer_t *timer) {
    struct corps__pairs *pairs = timer->data;
    int64_t now = corps__now_ns();
    bool any = false;
    for (struct corps__link *link = pairs->links.first; link != NULL; link = link->next) {
        struct corps__pair *pair = (struct corps__pair *)link;
        if (link->peer_closed && !link->ended) {
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

static void on_pair_closed(void *owner, struct corps__session *session, enum corps_err reason) {
    struct corps__pair *pair = corps__session_user(session);
    corps__session_close(session);
    pair->base.session = NULL;
    pair->base.peer_closed = true;
    atomic_store(&pair->base.shut, true);
    pair->last_news_ns = corps__now_ns();
    if (atomic_load(&pair->base.started) || pair->is_listener) {
        watch_grace(owner); /* what it had sent may still be under way */
    } else {
        corps__pair_end(pair, reason);
    }
}

static const struct corps__rendezvous_ops rendezvous_ops = {
    .on_hello = on_pair_hello, .on_answer = on_pair_answer, .on_closed = on_pair_closed};

/* ---- endpoint ---- */

static void free_handle(uv_handle_t *handle) {
    free(handle);
}

static void close_pairs_parts(struct corps__pairs *pairs) {
    if (pairs->grace != NULL) {
        uv_close((uv_handle_t *)pairs->grace, free_handle);
    }
    if (pairs->doorbell_fd >= 0) {
        close(pairs->doorbell_fd);
    }
    if (pairs->epoll_fd >= 0) {
        close(pairs->epoll_fd);
    }
    pairs->library->stop();
}

static enum corps_err open_pairs_parts(struct corps__pairs *pairs, const struct corps_endpoint_options *options) {
    pairs->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    pairs->doorbell_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
    if (pairs->epoll_fd < 0 || pairs->doorbell_fd < 0 ||
        epoll_ctl(pairs->epoll_fd, EPOLL_CTL_ADD, pairs->doorbell_fd, &event) != 0) {
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
    pairs->links.frame_bytes_max = options->frame_bytes_max;
    pairs->window_bytes = window_of(library, options->buffer_bytes);
    snprintf(pairs->directory, sizeof pairs->directory, "%.255s", options->directory);
    if (sodium_init() < 0) {
        return corps_error_set(CORPS_ERR_SYSTEM, "libsodium cannot start: no source of random numbers");
    }
    enum corps_err err = library->start();
    if (err != CORPS_OK) {
        return err;
    }
    err = open_pairs_parts(pairs, options);
    err = err == CORPS_OK ? corps__rendezvous_open(options, &rendezvous_ops, pairs, address, &pairs->links.rendezvous)
                          : err;
    if (err != CORPS_OK) {
        close_pairs_parts(pairs);
    }
    return err;
}

void corps__pairs_close(struct corps_endpoint *base) {
    struct corps__pairs *pairs = (struct corps__pairs *)base;
    while (pairs->links.first != NULL) { /* peers of whom the core has not heard yet */
        corps__pairs_disconnect(&pairs->links.first->base);
    }
    corps__rendezvous_close(pairs->links.rendezvous);
    close_pairs_parts(pairs);
}

enum corps_err corps__pairs_connect(struct corps_endpoint *base, const char *address, struct corps_link **out) {
    struct corps__pair *pair;
    enum corps_err err = create_pair((struct corps__pairs *)base, &pair);
    if (err != CORPS_OK) {
        return err;
    }
    struct corps__hello hello = {.bytes = (uint32_t)strlen(base->transport->name)};
    memcpy(hello.data, base->transport->name, hello.bytes);
    return corps__link_connect(&pair->base, CORPS_OK, address, &hello, out);
}
