#include "base/calls.h"
#include "links_rendezvous.h"
#include "mqueue_make.h"
#include "parcel.h"
#include "reopen.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* POSIX message queues. An endpoint has one queue for everything that comes in; its peers get the descriptor at the
 * rendezvous (on Linux a queue's descriptor is a file descriptor), and its name is removed as soon as it is made:
 * nothing stays behind.
 *
 * A frame is one message, or several when it is longer than a message may be. Links share the receiver's queue, so
 * every message says whose it is: by a random number that the receiver gave that peer alone. */

enum { FIRST = 1, LAST = 2, HEADER_BYTES = 24, LOOK_EVERY = 16 };

/* Messages that make no frame, before poll says EMPTY: there is more to do than to gather one. */
enum { PARTS_MAX = 64 };

/* In front of every message. One host, one build: native byte order. */
struct header {
    uint64_t link;
    uint64_t total_bytes; /* of the whole frame */
    uint32_t flags;
    uint32_t unused;
};
_Static_assert(sizeof(struct header) == HEADER_BYTES, "the header has no holes");

struct endpoint {
    struct corps__links links; /* first */
    struct corps__mqueue own;
    uint8_t *in;             /* the message last received; lent by the last event */
    bool taken;              /* the last poll gave a frame */
    bool burst;              /* frames come faster than they are taken */
    unsigned skipped;        /* looks for a further frame that were left out, because there was none lately */
    bool armed;              /* since the last poll that looked for room */
    unsigned skipped_rooms;  /* looks for room that were left out */
    uint64_t received_count; /* messages, ever */
};

struct link {
    struct corps__link base; /* first */
    uint64_t own_number;     /* the peer puts it into its messages to us */
    uint64_t peer_number;    /* we put it into ours */
    mqd_t queue;             /* the peer's; −1 until it has handed it over */
    size_t queue_message_bytes;
    uint64_t last_at; /* of a peer that has closed: the endpoint's received_count when all that it had sent is read */

    /* Sending, under the core's lock of the link. */
    uint8_t *out; /* one message */
    size_t sent;  /* bytes of the present frame that the queue has */
    bool under_way;
};

/* ---- links ---- */

static struct link *create_mqueue_link(struct endpoint *endpoint) {
    struct link *link = corps__link_create(&endpoint->links, sizeof *link);
    if (link != NULL) {
        link->queue = -1;
        randombytes_buf(&link->own_number, sizeof link->own_number);
    }
    return link;
}

static void mqueue_disconnect(struct corps_link *base) {
    struct link *link = (struct link *)base;
    corps__link_remove(&link->base);
    corps__session_close(link->base.session);
    if (link->queue >= 0) {
        mq_close(link->queue);
    }
    free(link->out);
    corps__link_destroy(&link->base);
}

/* ---- rendezvous: both hellos carry the sender's queue and the number that it wants to see ---- */

static void fill_hello(const struct endpoint *endpoint, const struct link *link, struct corps__hello *hello) {
    memcpy(hello->data, &link->own_number, sizeof link->own_number);
    hello->bytes = sizeof link->own_number;
    hello->fds[0] = endpoint->own.handed;
    hello->fd_count = 1;
}

static enum corps_err start_mqueue_link(struct link *link, struct corps__hello *theirs, bool accepted) {
    struct mq_attr attributes;
    if (theirs->fd_count != 1 || theirs->bytes != sizeof link->peer_number ||
        mq_getattr(theirs->fds[0], &attributes) != 0 || attributes.mq_msgsize < CORPS__MQUEUE_MESSAGE_BYTES_MIN) {
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
    memcpy(&link->peer_number, theirs->data, sizeof link->peer_number);
    link->queue_message_bytes = (size_t)attributes.mq_msgsize;
    close(theirs->fds[0]);
    theirs->fds[0] = -1;
    corps__link_start(&link->base, accepted);
    return CORPS_OK;
}

static enum corps_err on_mqueue_hello(void *owner, struct corps__session *session, struct corps__hello *theirs,
                                      struct corps__hello *answer) {
    struct link *link = create_mqueue_link(owner);
    if (link == NULL) {
        return CORPS_ERR_NO_MEMORY;
    }
    enum corps_err err = start_mqueue_link(link, theirs, true);
    if (err != CORPS_OK) {
        mqueue_disconnect(&link->base.base);
        return err;
    }
    corps__link_set_session(&link->base, session);
    fill_hello(owner, link, answer);
    return CORPS_OK;
}

static enum corps_err on_mqueue_answer(void *owner, struct corps__session *session, struct corps__hello *theirs) {
    (void)owner;
    struct link *link = corps__session_user(session);
    enum corps_err err = start_mqueue_link(link, theirs, false);
    if (err != CORPS_OK) {
        corps__link_refuse(&link->base, err);
    }
    return err;
}

static void on_mqueue_closed(void *owner, struct corps__session *session, enum corps_err reason) {
    const struct endpoint *endpoint = owner;
    struct link *link = corps__session_user(session);
    struct mq_attr now = {0};
    (void)mq_getattr(endpoint->own.queue, &now);
    link->last_at = endpoint->received_count + (uint64_t)now.mq_curmsgs; /* others may fill it up for ever */
    corps__link_peer_closed(&link->base, reason);
}

static const struct corps__rendezvous_ops rendezvous_ops = {
    .on_hello = on_mqueue_hello, .on_answer = on_mqueue_answer, .on_closed = on_mqueue_closed};

/* ---- endpoint ---- */

static void close_mqueue_parts(struct endpoint *endpoint) {
    mq_close(endpoint->own.queue);
    mq_close(endpoint->own.handed);
    free(endpoint->in);
}

static enum corps_err mqueue_open(struct corps_endpoint *base, const struct corps_endpoint_options *options,
                                  char address[CORPS_ADDRESS_BYTES]) {
    struct endpoint *endpoint = (struct endpoint *)base;
    endpoint->links.frame_bytes_max = options->frame_bytes_max;
    if (sodium_init() < 0) {
        return corps_error_set(CORPS_ERR_SYSTEM, "libsodium cannot start: no source of random numbers");
    }
    enum corps_err err = corps__mqueue_make(options->queue_count, &endpoint->own);
    if (err != CORPS_OK) {
        return err;
    }
    endpoint->in = malloc(endpoint->own.message_bytes);
    if (endpoint->in == NULL) {
        err = corps_error_set(CORPS_ERR_NO_MEMORY, "no memory for a message");
    }
    err = err == CORPS_OK
              ? corps__rendezvous_open(options, &rendezvous_ops, endpoint, address, &endpoint->links.rendezvous)
              : err;
    if (err != CORPS_OK) {
        close_mqueue_parts(endpoint);
    }
    return err;
}

static void mqueue_close(struct corps_endpoint *base) {
    struct endpoint *endpoint = (struct endpoint *)base;
    corps__rendezvous_close(endpoint->links.rendezvous);
    close_mqueue_parts(endpoint);
}

static enum corps_err mqueue_connect(struct corps_endpoint *base, const char *address, struct corps_link **out) {
    struct endpoint *endpoint = (struct endpoint *)base;
    struct link *link = create_mqueue_link(endpoint);
    if (link == NULL) {
        return CORPS_ERR_NO_MEMORY;
    }
    struct corps__hello hello = {0};
    fill_hello(endpoint, link, &hello);
    return corps__link_connect(&link->base, CORPS_OK, address, &hello, out);
}

/* ---- sending ---- */

static enum corps_err send_message(struct link *link, size_t bytes) {
    while (corps__mq_send(link->queue, link->out, bytes) != 0) {
        if (errno == EAGAIN) {
            (void)corps__link_set_blocked(&link->base, true); /* poll looks for room */
            return CORPS_ERR_FULL;
        }
        if (errno != EINTR) {
            return corps_error_system("cannot send to a message queue");
        }
    }
    return CORPS_OK;
}

static enum corps_err mqueue_send(struct corps_link *base, const struct corps_parcel *parcel, unsigned flags) {
    (void)flags; /* nothing is ever held back */
    struct link *link = (struct link *)base;
    enum corps_err err = corps__link_check(&link->base);
    if (err != CORPS_OK) {
        return err;
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
        err = send_message(link, HEADER_BYTES + part);
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
    for (struct corps__link *link = endpoint->links.first; link != NULL; link = link->next) {
        if (((struct link *)link)->own_number == number && atomic_load(&link->started)) {
            return (struct link *)link;
        }
    }
    return NULL;
}

/* A message of a frame that has several. OK when the frame is whole, EMPTY when more must come. */
static enum corps_err gather_message(struct corps__link *link, const struct header *header, const uint8_t *data,
                                     size_t bytes) {
    enum corps_err err = (header->flags & FIRST) != 0 ? corps__link_gather_begin(link, header->total_bytes) : CORPS_OK;
    err = err == CORPS_OK ? corps__link_gather(link, data, bytes) : err;
    bool last = (header->flags & LAST) != 0;
    return (err == CORPS_OK || err == CORPS_ERR_EMPTY) && last != (err == CORPS_OK)
               ? corps_error_set(CORPS_ERR_PROTOCOL, "a peer ended a frame where it is not whole")
               : err;
}

/* One message → a frame: OK; EMPTY when it was only a part, or nobody's. */
static enum corps_err take_message(struct endpoint *endpoint, size_t got, struct corps_event *event) {
    struct header header;
    if (got < HEADER_BYTES) {
        return CORPS_ERR_EMPTY;
    }
    memcpy(&header, endpoint->in, sizeof header);
    struct link *link = link_of(endpoint, header.link);
    if (link == NULL || link->base.ended) {
        return CORPS_ERR_EMPTY; /* left over from a peer that has closed */
    }
    const uint8_t *data = endpoint->in + HEADER_BYTES;
    size_t bytes = got - HEADER_BYTES;
    if (header.flags == (FIRST | LAST) && link->base.large == NULL && header.total_bytes == bytes &&
        bytes <= endpoint->links.frame_bytes_max) {
        corps__link_give(&link->base, data, bytes, NULL, event);
        return CORPS_OK;
    }
    enum corps_err err = gather_message(&link->base, &header, data, bytes);
    if (err == CORPS_OK) {
        corps__link_give_gathered(&link->base, event);
    } else if (err != CORPS_ERR_EMPTY) {
        (void)corps__link_end(&link->base, err);
        err = CORPS_ERR_EMPTY;
    }
    return err;
}

static bool queue_has_room(struct corps__link *link) {
    struct pollfd room = {.fd = ((struct link *)link)->queue, .events = POLLOUT};
    return poll(&room, 1, 0) == 1;
}

/* To look for room in a queue takes its lock, which its receiver needs to make some: who spins looks now and then, and
 * who has slept at once. */
static bool is_time_for_room(struct endpoint *endpoint) {
    bool slept = endpoint->armed;
    endpoint->armed = false;
    return slept || ++endpoint->skipped_rooms % LOOK_EVERY == 0;
}

/* Peers that have died, once what they had sent is read. */
static void end_the_closed(struct endpoint *endpoint) {
    for (struct corps__link *link = endpoint->links.first; link != NULL; link = link->next) {
        if (link->peer_closed && endpoint->received_count >= ((struct link *)link)->last_at) {
            (void)corps__link_end(link, link->reason);
        }
    }
}

static bool any_closed(const struct endpoint *endpoint) {
    for (const struct corps__link *link = endpoint->links.first; link != NULL; link = link->next) {
        if (link->peer_closed && !link->ended) {
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
    bool closed = any_closed(endpoint);
    if (closed) {
        end_the_closed(endpoint);
    }
    if (endpoint->links.news_count > 0 && corps__links_take_news(&endpoint->links, event)) {
        return CORPS_OK;
    }
    if (atomic_load_explicit(&endpoint->links.blocked_count, memory_order_relaxed) > 0 && is_time_for_room(endpoint) &&
        corps__links_take_writable(&endpoint->links, queue_has_room, event)) {
        return CORPS_OK;
    }
    bool further = endpoint->taken;
    endpoint->taken = false;
    if (further && !closed && leave_out(endpoint)) {
        return CORPS_ERR_EMPTY;
    }
    for (unsigned parts = 0; parts < PARTS_MAX; parts++) {
        ssize_t got = corps__mq_receive(endpoint->own.queue, endpoint->in, endpoint->own.message_bytes);
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
    return endpoint->links.news_count > 0 && corps__links_take_news(&endpoint->links, event) ? CORPS_OK
                                                                                             : CORPS_ERR_EMPTY;
}

static void mqueue_release(struct corps_endpoint *base, struct corps_event *event) {
    (void)base;
    (void)event; /* the receive buffer is overwritten by the next poll */
}

static enum corps_err mqueue_arm(struct corps_endpoint *base, struct pollfd *fds, size_t capacity, size_t *count) {
    struct endpoint *endpoint = (struct endpoint *)base;
    *count = 0;
    if (capacity < CORPS_ARM_FDS_MAX) {
        return corps_error_set(CORPS_ERR_LIMIT, "arm needs room for %u descriptors", CORPS_ARM_FDS_MAX);
    }
    endpoint->armed = true;
    if (endpoint->links.news_count > 0 || any_closed(endpoint)) {
        return CORPS_ERR_AGAIN;
    }
    fds[(*count)++] = (struct pollfd){.fd = endpoint->own.queue, .events = POLLIN};
    if (atomic_load(&endpoint->links.blocked_count) == 0) {
        return CORPS_OK;
    }
    for (struct corps__link *link = endpoint->links.first; link != NULL; link = link->next) {
        if (corps__link_waits(link)) {
            if (*count == CORPS_ARM_FDS_MAX) {
                return CORPS_ERR_AGAIN; /* so many full queues at once: look in turn instead of sleeping */
            }
            fds[(*count)++] = (struct pollfd){.fd = ((struct link *)link)->queue, .events = POLLOUT};
        }
    }
    return CORPS_OK;
}

static void mqueue_forget(struct corps_endpoint *base) {
    const struct endpoint *endpoint = (const struct endpoint *)base;
    for (const struct corps__link *link = endpoint->links.first; link != NULL; link = link->next) {
        if (((const struct link *)link)->queue >= 0) {
            mq_close(((const struct link *)link)->queue);
        }
    }
    corps__rendezvous_forget(endpoint->links.rendezvous);
    mq_close(endpoint->own.queue);
    mq_close(endpoint->own.handed);
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
