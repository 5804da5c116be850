#include "parcel.h"
#include "rendezvous.h"
#include "reopen.h"

#include <errno.h>
#include <fcntl.h>
#include <mqueue.h>
#include <sodium.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

/* POSIX message queues. An endpoint has one queue for everything that comes in; its peers get the descriptor at the
 * rendezvous (on Linux a queue's descriptor is a file descriptor), and its name is removed as soon as it is made:
 * nothing stays behind.
 *
 * A frame is one message, or several when it is longer than a message may be. Links share the receiver's queue, so
 * every message says whose it is: by a random number that the receiver gave that peer alone. */

enum { FIRST = 1, LAST = 2, HEADER_BYTES = 24, MESSAGE_BYTES_MIN = 256, MESSAGES_MAX = 64, LOOK_EVERY = 16 };
enum {
    PARTS_MAX = 64
}; /* messages that make no frame, before poll says EMPTY: there is more to do than to gather one */

/* In front of every message. One host, one build: native byte order. */
struct header {
    uint64_t link;
    uint64_t total_bytes; /* of the whole frame */
    uint32_t flags;
    uint32_t unused;
};
_Static_assert(sizeof(struct header) == HEADER_BYTES, "the header has no holes");

struct endpoint {
    struct corps_endpoint base;
    struct corps__rendezvous *rendezvous;
    struct link *links;
    unsigned news_count;
    _Atomic unsigned blocked_count;
    mqd_t queue;
    mqd_t handed_queue; /* the same one, as peers get it: a description that is not ours to rely on */
    int blocked_epoll;  /* peers' queues that have no room for us */
    size_t message_bytes;
    size_t frame_bytes_max;
    uint8_t *in;             /* the message last received; lent by the last event */
    bool taken;              /* the last poll gave a frame */
    bool burst;              /* frames come faster than they are taken */
    unsigned skipped;        /* looks for a further frame that were left out, because there was none lately */
    uint64_t received_count; /* messages, ever */
};

struct link {
    struct corps_link base;
    struct link *next;
    struct corps__meeting *meeting;
    uint64_t own_number;  /* the peer puts it into its messages to us */
    uint64_t peer_number; /* we put it into ours */
    mqd_t queue;          /* the peer's; −1 until met */
    size_t queue_message_bytes;
    enum { QUIET, IS_ACCEPTED, IS_CONNECTED } news;
    _Atomic bool started; /* senders may use `queue` … */
    _Atomic bool shut;    /* … until it is known that nobody reads it any more */
    bool gone, ended, told;
    uint64_t last_at; /* gone: the endpoint's received_count when everything that the peer had sent is read */
    enum corps_err reason;
    struct corps_block *large;
    size_t large_bytes;
    uint8_t *out; /* one message */
    size_t sent;
    bool under_way;
    _Atomic bool blocked;
};

static struct endpoint *endpoint_of(const struct link *link) {
    return (struct endpoint *)link->base.endpoint;
}

/* ---- links ---- */

static struct link *create_link(struct endpoint *endpoint) {
    struct link *link = calloc(1, sizeof *link);
    if (link == NULL) {
        (void)corps_error_set(CORPS_ERR_NO_MEMORY, "no memory for a link");
        return NULL;
    }
    link->base.transport = endpoint->base.transport;
    link->base.endpoint = &endpoint->base;
    link->queue = -1;
    randombytes_buf(&link->own_number, sizeof link->own_number);
    link->next = endpoint->links;
    endpoint->links = link;
    return link;
}

/* Watched one-shot: room is reported once, and send asks again when it fails again. */
static void set_blocked(struct link *link, bool blocked) {
    if (atomic_exchange(&link->blocked, blocked) == blocked) {
        return;
    }
    if (!blocked) {
        atomic_fetch_sub(&endpoint_of(link)->blocked_count, 1);
        return;
    }
    atomic_fetch_add(&endpoint_of(link)->blocked_count, 1);
    if (link->queue >= 0) {
        struct epoll_event event = {.events = EPOLLOUT | EPOLLONESHOT, .data.ptr = link};
        (void)epoll_ctl(endpoint_of(link)->blocked_epoll, EPOLL_CTL_MOD, link->queue, &event); /* added in start */
    }
}

static void end_link(struct link *link, enum corps_err reason) {
    if (!link->ended) {
        link->ended = true;
        atomic_store(&link->shut, true);
        link->reason = reason;
        endpoint_of(link)->news_count++;
    }
}

static void mqueue_disconnect(struct corps_link *base) {
    struct link *link = (struct link *)base;
    struct endpoint *endpoint = endpoint_of(link);
    struct link **at = &endpoint->links;
    while (*at != link) {
        at = &(*at)->next;
    }
    *at = link->next;
    endpoint->news_count -= (link->news != QUIET ? 1u : 0u) + (link->ended && !link->told ? 1u : 0u);
    set_blocked(link, false);
    corps__meeting_close(link->meeting);
    if (link->queue >= 0) {
        /* The peer's queue lives on in the peer, so closing our descriptor alone would leave it watched. */
        (void)epoll_ctl(endpoint->blocked_epoll, EPOLL_CTL_DEL, link->queue, NULL);
        mq_close(link->queue);
    }
    corps_block_unref(link->large);
    free(link->out);
    free(link);
}

/* ---- rendezvous: both hellos carry the sender's queue and the number that it wants to see ---- */

static void fill_hello(const struct endpoint *endpoint, const struct link *link, struct corps__hello *hello) {
    memcpy(hello->data, &link->own_number, sizeof link->own_number);
    hello->bytes = sizeof link->own_number;
    hello->fds[0] = endpoint->handed_queue;
    hello->fd_count = 1;
}

static enum corps_err start(struct link *link, struct corps__hello *theirs, bool accepted) {
    struct mq_attr attributes;
    if (theirs->fd_count != 1 || theirs->bytes != sizeof link->peer_number ||
        mq_getattr(theirs->fds[0], &attributes) != 0 || attributes.mq_msgsize < MESSAGE_BYTES_MIN) {
        return corps_error_set(CORPS_ERR_PROTOCOL, "a peer did not bring its message queue");
    }
    link->out = malloc((size_t)attributes.mq_msgsize);
    if (link->out == NULL) {
        return corps_error_set(CORPS_ERR_NO_MEMORY, "no memory for a message");
    }
    int own;
    enum corps_err err = corps__reopen(theirs->fds[0], O_WRONLY, &own);
    if (err != CORPS_OK) {
        return err;
    }
    link->queue = own; /* from now on closed with the link */
    /* Armed, for a sender that was told FULL before there was a queue. */
    struct epoll_event event = {.events = EPOLLOUT | EPOLLONESHOT, .data.ptr = link};
    if (epoll_ctl(endpoint_of(link)->blocked_epoll, EPOLL_CTL_ADD, own, &event) != 0) {
        return corps_error_system("cannot watch a peer's message queue");
    }
    memcpy(&link->peer_number, theirs->data, sizeof link->peer_number);
    link->queue_message_bytes = (size_t)attributes.mq_msgsize;
    close(theirs->fds[0]);
    theirs->fds[0] = -1;
    link->news = accepted ? IS_ACCEPTED : IS_CONNECTED;
    endpoint_of(link)->news_count++;
    atomic_store_explicit(&link->started, true, memory_order_release);
    return CORPS_OK;
}

static enum corps_err on_hello(void *owner, struct corps__meeting *meeting, struct corps__hello *theirs,
                               struct corps__hello *answer) {
    struct link *link = create_link(owner);
    if (link == NULL) {
        return CORPS_ERR_NO_MEMORY;
    }
    enum corps_err err = start(link, theirs, true);
    if (err != CORPS_OK) {
        mqueue_disconnect(&link->base);
        return err;
    }
    link->meeting = meeting;
    corps__meeting_set_user(meeting, link);
    fill_hello(owner, link, answer);
    return CORPS_OK;
}

static enum corps_err on_answer(void *owner, struct corps__meeting *meeting, struct corps__hello *theirs) {
    (void)owner;
    struct link *link = corps__meeting_user(meeting);
    enum corps_err err = start(link, theirs, false);
    if (err != CORPS_OK) {
        link->meeting = NULL; /* closed by our error */
        end_link(link, err);
    }
    return err;
}

static void on_closed(void *owner, struct corps__meeting *meeting, enum corps_err reason) {
    const struct endpoint *endpoint = owner;
    struct link *link = corps__meeting_user(meeting);
    struct mq_attr now = {0};
    (void)mq_getattr(endpoint->queue, &now);
    link->gone = true;
    atomic_store(&link->shut, true);
    link->reason = reason;
    link->last_at = endpoint->received_count + (uint64_t)now.mq_curmsgs; /* others may fill it up for ever */
    if (!atomic_load(&link->started)) {
        end_link(link, reason);
    }
}

static const struct corps__rendezvous_ops rendezvous_ops = {
    .on_hello = on_hello, .on_answer = on_answer, .on_closed = on_closed};

/* ---- endpoint ---- */

static long kernel_limit(const char *name) {
    char path[64];
    long value = 0;
    snprintf(path, sizeof path, "/proc/sys/fs/mqueue/%s", name);
    FILE *file = fopen(path, "re");
    if (file != NULL) {
        if (fscanf(file, "%ld", &value) != 1) {
            value = 0;
        }
        fclose(file);
    }
    return value;
}

static enum corps_err make_queue(struct endpoint *endpoint, size_t wanted_count) {
    long count_max = kernel_limit("msg_max");
    long bytes_max = kernel_limit("msgsize_max");
    if (count_max <= 0 || bytes_max < MESSAGE_BYTES_MIN) {
        return corps_error_set(CORPS_ERR_UNSUPPORTED,
                               "this kernel offers no POSIX message queues (/proc/sys/fs/mqueue)");
    }
    if (wanted_count > (size_t)count_max) {
        return corps_error_set(
            CORPS_ERR_LIMIT,
            "a message queue of %zu messages was asked for, and the kernel allows %ld; ask for less, or "
            "raise it: sysctl fs.mqueue.msg_max=%zu",
            wanted_count, count_max, wanted_count);
    }
    struct mq_attr attributes = {.mq_maxmsg = wanted_count > 0           ? (long)wanted_count
                                              : count_max < MESSAGES_MAX ? count_max
                                                                         : MESSAGES_MAX,
                                 .mq_msgsize = bytes_max};
    uint64_t random;
    randombytes_buf(&random, sizeof random);
    char name[40];
    snprintf(name, sizeof name, "/corps-%016llx", (unsigned long long)random);
    endpoint->queue = mq_open(name, O_RDWR | O_CREAT | O_EXCL | O_NONBLOCK | O_CLOEXEC, 0600, &attributes);
    if (endpoint->queue < 0) {
        return errno == EMFILE || errno == ENOSPC
                   ? corps_error_set(
                         CORPS_ERR_LIMIT,
                         "the kernel allows no further message queue of %ld × %ld bytes; raise ulimit -q or "
                         "fs.mqueue.queues_max",
                         attributes.mq_maxmsg, attributes.mq_msgsize)
                   : corps_error_system("cannot make a message queue of %ld × %ld bytes", attributes.mq_maxmsg,
                                        attributes.mq_msgsize);
    }
    mq_unlink(name);
    endpoint->message_bytes = (size_t)attributes.mq_msgsize;
    corps__reopen_allow(endpoint->queue);
    enum corps_err err = corps__reopen(endpoint->queue, O_WRONLY, &endpoint->handed_queue);
    if (err != CORPS_OK) {
        mq_close(endpoint->queue);
    }
    return err;
}

static enum corps_err mqueue_open(struct corps_endpoint *base, const struct corps_endpoint_options *options,
                                  char address[CORPS_ADDRESS_BYTES]) {
    struct endpoint *endpoint = (struct endpoint *)base;
    endpoint->frame_bytes_max = options->frame_bytes_max;
    if (sodium_init() < 0) {
        return corps_error_set(CORPS_ERR_SYSTEM, "libsodium cannot start: no source of random numbers");
    }
    enum corps_err err = make_queue(endpoint, options->queue_count);
    if (err != CORPS_OK) {
        return err;
    }
    endpoint->in = malloc(endpoint->message_bytes);
    endpoint->blocked_epoll = epoll_create1(EPOLL_CLOEXEC);
    if (endpoint->in == NULL || endpoint->blocked_epoll < 0) {
        err = corps_error_system("cannot make an endpoint");
    }
    err = err == CORPS_OK ? corps__rendezvous_open(options, &rendezvous_ops, endpoint, address, &endpoint->rendezvous)
                          : err;
    if (err != CORPS_OK) {
        mq_close(endpoint->queue);
        mq_close(endpoint->handed_queue);
        if (endpoint->blocked_epoll >= 0) {
            close(endpoint->blocked_epoll);
        }
        free(endpoint->in);
    }
    return err;
}

static void mqueue_close(struct corps_endpoint *base) {
    struct endpoint *endpoint = (struct endpoint *)base;
    corps__rendezvous_close(endpoint->rendezvous);
    mq_close(endpoint->queue);
    mq_close(endpoint->handed_queue);
    close(endpoint->blocked_epoll);
    free(endpoint->in);
}

static enum corps_err mqueue_connect(struct corps_endpoint *base, const char *address, struct corps_link **out) {
    struct endpoint *endpoint = (struct endpoint *)base;
    struct link *link = create_link(endpoint);
    if (link == NULL) {
        return CORPS_ERR_NO_MEMORY;
    }
    struct corps__hello hello = {0};
    fill_hello(endpoint, link, &hello);
    enum corps_err err = corps__rendezvous_connect(endpoint->rendezvous, address, &hello, link, &link->meeting);
    if (err != CORPS_OK) {
        mqueue_disconnect(&link->base);
        return err;
    }
    *out = &link->base;
    return CORPS_OK;
}

/* ---- sending ---- */

static enum corps_err send_message(struct link *link, size_t bytes) {
    for (bool again = false;; again = true) {
        if (mq_send(link->queue, (const char *)link->out, bytes, 0) == 0) {
            if (again) {
                set_blocked(link, false);
            }
            return CORPS_OK;
        }
        if (errno == EAGAIN && again) {
            return CORPS_ERR_FULL;
        }
        if (errno == EAGAIN) {
            set_blocked(link, true); /* then look once more: room may have come before anybody watched */
        } else if (errno != EINTR) {
            return corps_error_system("cannot send to a message queue");
        }
    }
}

static enum corps_err mqueue_send(struct corps_link *base, const struct corps_parcel *parcel, unsigned flags) {
    (void)flags; /* nothing is ever held back */
    struct link *link = (struct link *)base;
    if (atomic_load_explicit(&link->shut, memory_order_relaxed)) {
        return CORPS_ERR_CLOSED;
    }
    if (!atomic_load_explicit(&link->started, memory_order_acquire)) {
        set_blocked(link, true);
        return CORPS_ERR_FULL;
    }
    if (parcel->segment_count == 0) {
        return CORPS_OK;
    }
    size_t room = link->queue_message_bytes - HEADER_BYTES;
    while (link->sent < parcel->bytes || !link->under_way) {
        size_t part = parcel->bytes - link->sent < room ? parcel->bytes - link->sent : room;
        struct header header = {
            .link = link->peer_number,
            .total_bytes = parcel->bytes,
            .flags = (link->under_way ? 0u : FIRST) | (link->sent + part == parcel->bytes ? LAST : 0u),
        };
        memcpy(link->out, &header, sizeof header);
        corps__parcel_copy(parcel, link->sent, link->out + HEADER_BYTES, part);
        enum corps_err err = send_message(link, HEADER_BYTES + part);
        if (err != CORPS_OK) {
            return err == CORPS_ERR_FULL && link->under_way ? CORPS_ERR_PARTIAL : err;
        }
        link->under_way = true;
        link->sent += part;
    }
    link->under_way = false;
    link->sent = 0;
    return CORPS_OK;
}

/* ---- receiving ---- */

static struct link *link_of(struct endpoint *endpoint, uint64_t number) {
    struct link *link = endpoint->links;
    while (link != NULL && (link->own_number != number || !atomic_load(&link->started))) {
        link = link->next;
    }
    return link;
}

/* A message of a frame that has several. OK when the frame is whole, EMPTY when more must come. */
static enum corps_err gather(struct link *link, const struct header *header, const uint8_t *data, size_t bytes) {
    if ((header->flags & FIRST) != 0) {
        if (link->large != NULL) {
            return corps_error_set(CORPS_ERR_PROTOCOL, "a peer began a frame within a frame");
        }
        if (header->total_bytes > endpoint_of(link)->frame_bytes_max) {
            return corps_error_set(CORPS_ERR_TOO_LARGE,
                                   "a peer announces a frame of %llu bytes; at most %zu are allowed",
                                   (unsigned long long)header->total_bytes, endpoint_of(link)->frame_bytes_max);
        }
        link->large = corps_block_create((size_t)header->total_bytes);
        if (link->large == NULL) {
            return corps_error_set(CORPS_ERR_NO_MEMORY, "no memory for a frame of %llu bytes",
                                   (unsigned long long)header->total_bytes);
        }
        link->large_bytes = 0;
    }
    if (link->large == NULL || bytes > link->large->bytes - link->large_bytes) {
        return corps_error_set(CORPS_ERR_PROTOCOL, "a peer sent more of a frame than it had announced");
    }
    memcpy(link->large->data + link->large_bytes, data, bytes);
    link->large_bytes += bytes;
    bool last = (header->flags & LAST) != 0;
    if (last != (link->large_bytes == link->large->bytes)) {
        return corps_error_set(CORPS_ERR_PROTOCOL, "a peer ended a frame before it was whole");
    }
    return last ? CORPS_OK : CORPS_ERR_EMPTY;
}

/* One message → a frame: OK; EMPTY when it was only a part, or nobody's. */
static enum corps_err take_message(struct endpoint *endpoint, size_t got, struct corps_event *event) {
    struct header header;
    if (got < HEADER_BYTES) {
        return CORPS_ERR_EMPTY;
    }
    memcpy(&header, endpoint->in, sizeof header);
    struct link *link = link_of(endpoint, header.link);
    if (link == NULL || link->ended) {
        return CORPS_ERR_EMPTY; /* left over from a peer that is gone */
    }
    event->kind = CORPS_EVENT_MESSAGE;
    event->link = &link->base;
    event->data = endpoint->in + HEADER_BYTES;
    event->bytes = got - HEADER_BYTES;
    if (header.flags == (FIRST | LAST) && link->large == NULL && header.total_bytes == event->bytes &&
        event->bytes <= endpoint->frame_bytes_max) {
        return CORPS_OK;
    }
    enum corps_err err = gather(link, &header, event->data, event->bytes);
    if (err == CORPS_OK) {
        event->block = link->large;
        event->data = link->large->data;
        event->bytes = link->large->bytes;
        link->large = NULL;
    } else if (err != CORPS_ERR_EMPTY) {
        end_link(link, err);
        err = CORPS_ERR_EMPTY;
    }
    return err;
}

static bool take_news(struct endpoint *endpoint, struct corps_event *event) {
    for (struct link *link = endpoint->links; link != NULL; link = link->next) {
        if (link->news != QUIET) {
            event->kind = link->news == IS_ACCEPTED ? CORPS_EVENT_ACCEPTED : CORPS_EVENT_CONNECTED;
            link->news = QUIET;
        } else if (link->ended && !link->told) {
            event->kind = CORPS_EVENT_CLOSED;
            event->reason = link->reason;
            link->told = true;
        } else {
            continue;
        }
        event->link = &link->base;
        endpoint->news_count--;
        return true;
    }
    return false;
}

static bool take_writable(struct endpoint *endpoint, struct corps_event *event) {
    struct epoll_event ready;
    if (epoll_wait(endpoint->blocked_epoll, &ready, 1, 0) != 1) {
        return false;
    }
    struct link *link = ready.data.ptr;
    if (!atomic_load(&link->blocked) || atomic_load(&link->shut)) {
        return false;
    }
    set_blocked(link, false);
    event->kind = CORPS_EVENT_WRITABLE;
    event->link = &link->base;
    return true;
}

/* Peers that have died, once what they had sent is read. */
static void end_the_gone(struct endpoint *endpoint) {
    for (struct link *link = endpoint->links; link != NULL; link = link->next) {
        if (link->gone && endpoint->received_count >= link->last_at) {
            end_link(link, link->reason);
        }
    }
}

static bool any_gone(const struct endpoint *endpoint) {
    for (const struct link *link = endpoint->links; link != NULL; link = link->next) {
        if (link->gone && !link->ended) {
            return true;
        }
    }
    return false;
}

/* Right after a frame, where lately there was no further one: a system call that would only say so can wait. Every
 * LOOK_EVERY-th time it is asked all the same, so that a burst is noticed. */
static bool leave_out(struct endpoint *endpoint) {
    return !endpoint->burst && ++endpoint->skipped % LOOK_EVERY != 0;
}

static enum corps_err mqueue_poll(struct corps_endpoint *base, struct corps_event *event) {
    struct endpoint *endpoint = (struct endpoint *)base;
    bool gone = any_gone(endpoint);
    if (gone) {
        end_the_gone(endpoint);
    }
    if (endpoint->news_count > 0 && take_news(endpoint, event)) {
        return CORPS_OK;
    }
    if (atomic_load_explicit(&endpoint->blocked_count, memory_order_relaxed) > 0 && take_writable(endpoint, event)) {
        return CORPS_OK;
    }
    bool further = endpoint->taken;
    endpoint->taken = false;
    if (further && !gone && leave_out(endpoint)) {
        return CORPS_ERR_EMPTY;
    }
    for (unsigned parts = 0; parts < PARTS_MAX; parts++) {
        ssize_t got = mq_receive(endpoint->queue, (char *)endpoint->in, endpoint->message_bytes, NULL);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0 && errno != EAGAIN) {
            return corps_error_system("cannot read the message queue");
        }
        endpoint->burst = got >= 0 && (endpoint->burst || further);
        if (got < 0) {
            break;
        }
        endpoint->received_count++;
        if (take_message(endpoint, (size_t)got, event) == CORPS_OK) {
            endpoint->taken = true;
            return CORPS_OK;
        }
    }
    return endpoint->news_count > 0 && take_news(endpoint, event) ? CORPS_OK : CORPS_ERR_EMPTY;
}

static void mqueue_release(struct corps_endpoint *base, struct corps_event *event) {
    (void)base;
    (void)event; /* the receive buffer is overwritten by the next poll */
}

static enum corps_err mqueue_arm(struct corps_endpoint *base, struct pollfd *fds, size_t capacity, size_t *count) {
    struct endpoint *endpoint = (struct endpoint *)base;
    *count = 0;
    if (capacity < 2) {
        return corps_error_set(CORPS_ERR_LIMIT, "arm needs room for 2 descriptors");
    }
    if (endpoint->news_count > 0 || any_gone(endpoint)) {
        return CORPS_ERR_AGAIN;
    }
    fds[(*count)++] = (struct pollfd){.fd = endpoint->queue, .events = POLLIN};
    if (atomic_load(&endpoint->blocked_count) > 0) {
        fds[(*count)++] = (struct pollfd){.fd = endpoint->blocked_epoll, .events = POLLIN};
    }
    return CORPS_OK;
}

static void mqueue_forget(struct corps_endpoint *base) {
    const struct endpoint *endpoint = (const struct endpoint *)base;
    for (const struct link *link = endpoint->links; link != NULL; link = link->next) {
        if (link->queue >= 0) {
            mq_close(link->queue);
        }
    }
    mq_close(endpoint->queue);
    mq_close(endpoint->handed_queue);
    close(endpoint->blocked_epoll);
}

const struct corps_transport corps_transport_mqueue = {
    .name = "mqueue",
    .summary = "POSIX message queues between Envs of one host",
    .endpoint_bytes = sizeof(struct endpoint),
    .control_block = "raw:mqueue",
    .control_spin = "raw:mqueue",
    .open = mqueue_open,
    .close = mqueue_close,
    .connect = mqueue_connect,
    .disconnect = mqueue_disconnect,
    .send = mqueue_send,
    .poll = mqueue_poll,
    .release = mqueue_release,
    .arm = mqueue_arm,
    .forget = mqueue_forget,
};
