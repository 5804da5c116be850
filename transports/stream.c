#include "stream.h"

#include <endian.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/uio.h>
#include <unistd.h>

enum {
    IN_BYTES = 65536,  /* of the receive buffer */
    AHEAD_BYTES = 512, /* read beyond a large frame: enough to see what follows, too little for copying it to matter */
    FEW_LINKS = 4,     /* so many are tried one by one; more go through epoll */
    STREAK_MIN = 16,
    LOOK_AT_ALL_EVERY = 8,
};

/* ---- endpoint and links ---- */

enum corps_err corps__stream_open(struct corps__stream *stream, const struct corps_endpoint_options *options) {
    stream->frame_bytes_max = options->frame_bytes_max;
    stream->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    return stream->epoll_fd >= 0 ? CORPS_OK : corps_error_system("cannot make an epoll descriptor");
}

void corps__stream_close(struct corps__stream *stream) {
    close(stream->epoll_fd);
}

void corps__stream_forget(struct corps_endpoint *base) {
    const struct corps__stream *stream = (const struct corps__stream *)base;
    for (const struct corps__stream_link *link = stream->links; link != NULL; link = link->next) {
        if (link->write_fd >= 0 && link->write_fd != link->read_fd) {
            close(link->write_fd);
        }
        if (link->read_fd >= 0) {
            close(link->read_fd);
        }
    }
    close(stream->epoll_fd);
}

static struct corps__stream *stream_of(const struct corps__stream_link *link) {
    return (struct corps__stream *)link->base.endpoint;
}

struct corps__stream_link *corps__stream_link_create(struct corps__stream *stream) {
    struct corps__stream_link *link = calloc(1, sizeof *link);
    if (link != NULL) {
        link->base.transport = stream->base.transport;
        link->base.endpoint = &stream->base;
        link->read_fd = link->write_fd = -1;
        link->next = stream->links;
        stream->links = link;
        stream->link_count++;
    }
    return link;
}

enum corps_err corps__stream_link_start(struct corps__stream_link *link, int read_fd, int write_fd, bool is_socket,
                                        bool accepted) {
    link->read_fd = read_fd;
    link->is_socket = is_socket;
    link->in = malloc(IN_BYTES);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = link};
    enum corps_err err = CORPS_OK;
    if (link->in == NULL) {
        err = corps_error_set(CORPS_ERR_NO_MEMORY, "no memory for a link's buffer");
    } else if (epoll_ctl(stream_of(link)->epoll_fd, EPOLL_CTL_ADD, read_fd, &event) != 0) {
        err = corps_error_system("cannot watch a link");
    }
    if (err == CORPS_OK) {
        link->news = accepted ? CORPS__IS_ACCEPTED : CORPS__IS_CONNECTED;
        stream_of(link)->news_count++;
    }
    /* Last: a sender on another thread looks at this alone. */
    __atomic_store_n(&link->write_fd, write_fd, __ATOMIC_RELEASE);
    return err;
}

bool corps__stream_may_send(struct corps__stream_link *link) {
    return !atomic_load(&link->shut) && __atomic_load_n(&link->write_fd, __ATOMIC_ACQUIRE) >= 0;
}

void corps__stream_link_end(struct corps__stream_link *link, enum corps_err reason) {
    if (!link->ended) {
        atomic_store(&link->shut, true);
        link->ended = true;
        link->reason = reason;
        stream_of(link)->news_count++;
        if (link->read_fd >= 0) {
            epoll_ctl(stream_of(link)->epoll_fd, EPOLL_CTL_DEL, link->read_fd, NULL);
        }
    }
}

void corps__stream_disconnect(struct corps_link *base) {
    struct corps__stream_link *link = (struct corps__stream_link *)base;
    struct corps__stream *stream = stream_of(link);
    struct corps__stream_link **at = &stream->links;
    while (*at != link) {
        at = &(*at)->next;
    }
    *at = link->next;
    stream->link_count--;
    stream->turn = stream->turn == link ? link->next : stream->turn;
    stream->streak = 0;
    stream->hot = stream->hot == link ? NULL : stream->hot;
    stream->lender = stream->lender == link ? NULL : stream->lender;
    stream->news_count -= (link->news != CORPS__QUIET ? 1u : 0u) + (link->ended && !link->told ? 1u : 0u);
    corps__stream_set_blocked(link, false);
    if (link->destroy != NULL) {
        link->destroy(link);
    }
    if (link->write_fd >= 0 && link->write_fd != link->read_fd) {
        close(link->write_fd);
    }
    if (link->read_fd >= 0) {
        if (!link->ended) { /* closing alone does not do: a process that was just forked has the descriptor too */
            epoll_ctl(stream->epoll_fd, EPOLL_CTL_DEL, link->read_fd, NULL);
        }
        close(link->read_fd);
    }
    corps_block_unref(link->large);
    free(link->in);
    free(link->out);
    free(link);
}

/* ---- receiving ---- */

static uint64_t length_at(const uint8_t *at) {
    uint64_t length;
    memcpy(&length, at, sizeof length);
    return le64toh(length);
}

static enum corps_err give(struct corps__stream_link *link, struct corps_event *event, const uint8_t *data,
                           size_t bytes, struct corps_block *block) {
    event->kind = CORPS_EVENT_MESSAGE;
    event->link = &link->base;
    event->data = data;
    event->bytes = bytes;
    event->block = block;
    return CORPS_OK;
}

/* A frame that is here already: OK with the event filled, EMPTY, or TOO_LARGE / NO_MEMORY for the link. */
static enum corps_err parse(struct corps__stream_link *link, struct corps_event *event) {
    if (link->large != NULL) {
        if (link->large_bytes < link->large->bytes) {
            return CORPS_ERR_EMPTY;
        }
        struct corps_block *block = link->large;
        link->large = NULL;
        return give(link, event, block->data, block->bytes, block);
    }
    size_t here = link->in_end - link->in_start;
    if (here < CORPS__STREAM_LENGTH_BYTES) {
        return CORPS_ERR_EMPTY;
    }
    uint64_t length = length_at(link->in + link->in_start);
    if (length > stream_of(link)->frame_bytes_max) {
        return corps_error_set(CORPS_ERR_TOO_LARGE, "a peer announces a frame of %llu bytes; at most %zu are allowed",
                               (unsigned long long)length, stream_of(link)->frame_bytes_max);
    }
    link->were_large = length > IN_BYTES - CORPS__STREAM_LENGTH_BYTES;
    if (length <= here - CORPS__STREAM_LENGTH_BYTES) {
        stream_of(link)->lender = link;
        stream_of(link)->lent = CORPS__STREAM_LENGTH_BYTES + (size_t)length;
        return give(link, event, link->in + link->in_start + CORPS__STREAM_LENGTH_BYTES, (size_t)length, NULL);
    }
    if (length > IN_BYTES - CORPS__STREAM_LENGTH_BYTES) {
        link->large = corps_block_create((size_t)length);
        if (link->large == NULL) {
            return corps_error_set(CORPS_ERR_NO_MEMORY, "no memory for a frame of %llu bytes",
                                   (unsigned long long)length);
        }
        link->large_bytes = here - CORPS__STREAM_LENGTH_BYTES;
        memcpy(link->large->data, link->in + link->in_start + CORPS__STREAM_LENGTH_BYTES, link->large_bytes);
        link->in_start = link->in_end = 0;
    }
    return CORPS_ERR_EMPTY;
}

/* Reads what fits. OK when something came, EMPTY, or CLOSED / SYSTEM for the link. */
static enum corps_err fill(struct corps__stream_link *link) {
    struct iovec to[2];
    int count = 0;
    size_t rest = 0; /* of the large frame */
    if (link->large != NULL) {
        rest = link->large->bytes - link->large_bytes;
        to[count++] = (struct iovec){.iov_base = link->large->data + link->large_bytes, .iov_len = rest};
    } else if (link->in_start > 0) {
        memmove(link->in, link->in + link->in_start, link->in_end - link->in_start);
        link->in_end -= link->in_start;
        link->in_start = 0;
    }
    /* Where large frames follow each other, each is read straight to its place, with the next one's length. */
    size_t ahead = link->were_large ? AHEAD_BYTES : IN_BYTES;
    ahead = ahead < IN_BYTES - link->in_end ? ahead : IN_BYTES - link->in_end;
    to[count++] = (struct iovec){.iov_base = link->in + link->in_end, .iov_len = ahead};
    ssize_t got;
    do {
        got = readv(link->read_fd, to, count);
    } while (got < 0 && errno == EINTR);
    if (got < 0) {
        /* Who has gone writes no more: what is there was all. */
        return errno == EAGAIN && !atomic_load(&link->shut) ? CORPS_ERR_EMPTY : CORPS_ERR_CLOSED;
    }
    if (got == 0) {
        return CORPS_ERR_CLOSED;
    }
    size_t large = (size_t)got < rest ? (size_t)got : rest;
    link->large_bytes += large;
    link->in_end += (size_t)got - large;
    link->drained = (size_t)got < rest + ahead;
    return CORPS_OK;
}

/* The next frame of this link: OK, or EMPTY. Faults end the link. */
static enum corps_err next_frame(struct corps__stream_link *link, struct corps_event *event) {
    for (;;) {
        enum corps_err err = parse(link, event);
        if (err == CORPS_OK) {
            return CORPS_OK;
        }
        if (err != CORPS_ERR_EMPTY) {
            corps__stream_link_end(link, err);
            return CORPS_ERR_EMPTY;
        }
        if (link->drained) {
            link->drained = false; /* the next round may read again */
            link->ready = false;
            return CORPS_ERR_EMPTY;
        }
        err = fill(link);
        if (err == CORPS_ERR_EMPTY) {
            link->ready = false;
            return CORPS_ERR_EMPTY;
        }
        if (err != CORPS_OK) {
            corps__stream_link_end(link, err);
            return CORPS_ERR_EMPTY;
        }
    }
}

static bool take_news(struct corps__stream *stream, struct corps_event *event) {
    for (struct corps__stream_link *link = stream->links; link != NULL; link = link->next) {
        if (link->news != CORPS__QUIET) {
            event->kind = link->news == CORPS__IS_ACCEPTED ? CORPS_EVENT_ACCEPTED : CORPS_EVENT_CONNECTED;
            link->news = CORPS__QUIET;
            link->ready = true;
        } else if (link->ended && !link->told) {
            event->kind = CORPS_EVENT_CLOSED;
            event->reason = link->reason;
            link->told = true;
        } else {
            continue;
        }
        event->link = &link->base;
        stream->news_count--;
        return true;
    }
    return false;
}

static bool take_writable(struct corps__stream *stream, struct corps_event *event) {
    for (struct corps__stream_link *link = stream->links; link != NULL; link = link->next) {
        bool waits = atomic_load(&link->blocked) && corps__stream_may_send(link) && link->news == CORPS__QUIET;
        struct pollfd room = {.fd = link->write_fd, .events = POLLOUT};
        if (waits && poll(&room, 1, 0) == 1) {
            corps__stream_set_blocked(link, false);
            event->kind = CORPS_EVENT_WRITABLE;
            event->link = &link->base;
            return true;
        }
    }
    return false;
}

static void find_ready(struct corps__stream *stream) {
    struct epoll_event events[64];
    int count = epoll_wait(stream->epoll_fd, events, sizeof events / sizeof events[0], 0);
    for (int i = 0; i < count; i++) {
        ((struct corps__stream_link *)events[i].data.ptr)->ready = true;
    }
}

static bool can_read(const struct corps__stream_link *link) {
    return link->in != NULL && !link->ended && link->news == CORPS__QUIET;
}

static bool take_frame(struct corps__stream *stream, struct corps_event *event) {
    /* Each look is a system call: where one link alone has given frames lately, most looks go there. But it may have
     * frames for ever, so what was ready when it began to is not the last word. */
    bool all = stream->streak < STREAK_MIN || ++stream->looks % LOOK_AT_ALL_EVERY == 0;
    if (all && stream->streak >= STREAK_MIN) {
        stream->sifted = false;
        if (stream->link_count > FEW_LINKS) {
            find_ready(stream);
        }
    }
    bool few = stream->link_count <= FEW_LINKS && !stream->sifted;
    struct corps__stream_link *link = stream->turn != NULL ? stream->turn : stream->links;
    for (unsigned i = 0; i < stream->link_count; i++) {
        struct corps__stream_link *next = link->next != NULL ? link->next : stream->links;
        bool look = few ? all || link == stream->hot : link->ready;
        if (can_read(link) && look && next_frame(link, event) == CORPS_OK) {
            stream->turn = next;
            stream->streak = stream->hot == link ? stream->streak + 1 : 0;
            stream->hot = link;
            return true;
        }
        link = next;
    }
    return false;
}

/* After a sleep the descriptors themselves tell which links have something: the others need no read to find out. */
static void sift(struct corps__stream *stream) {
    stream->armed = false;
    stream->sifted = stream->link_count <= FEW_LINKS;
    for (struct corps__stream_link *link = stream->links; link != NULL; link = link->next) {
        if (link->armed != NULL) {
            link->ready = link->armed->revents != 0;
            link->armed = NULL;
        }
    }
}

enum corps_err corps__stream_poll(struct corps_endpoint *base, struct corps_event *event) {
    struct corps__stream *stream = (struct corps__stream *)base;
    if (stream->armed) {
        sift(stream);
    }
    if (stream->news_count > 0 && take_news(stream, event)) {
        return CORPS_OK;
    }
    if (atomic_load_explicit(&stream->blocked_count, memory_order_relaxed) > 0 && take_writable(stream, event)) {
        return CORPS_OK;
    }
    if (take_frame(stream, event)) {
        return CORPS_OK;
    }
    stream->sifted = false;
    if (stream->link_count > FEW_LINKS) {
        find_ready(stream);
        if (take_frame(stream, event)) {
            return CORPS_OK;
        }
    }
    return stream->news_count > 0 && take_news(stream, event) ? CORPS_OK : CORPS_ERR_EMPTY;
}

void corps__stream_release(struct corps_endpoint *base, struct corps_event *event) {
    (void)event;
    struct corps__stream *stream = (struct corps__stream *)base;
    struct corps__stream_link *link = stream->lender; /* NULL too when the link was disconnected meanwhile */
    if (link != NULL) {
        link->in_start += stream->lent;
        stream->lender = NULL;
        if (link->in_start == link->in_end) {
            link->in_start = link->in_end = 0;
        }
    }
}

/* Is a whole frame here that poll has not reported yet? No descriptor tells of it. */
static bool holds_frame(const struct corps__stream_link *link) {
    if (link->large != NULL) {
        return link->large_bytes == link->large->bytes;
    }
    size_t here = link->in_end - link->in_start;
    return here >= CORPS__STREAM_LENGTH_BYTES &&
           length_at(link->in + link->in_start) <= here - CORPS__STREAM_LENGTH_BYTES;
}

enum corps_err corps__stream_arm(struct corps_endpoint *base, struct pollfd *fds, size_t capacity, size_t *count) {
    struct corps__stream *stream = (struct corps__stream *)base;
    bool few = stream->link_count <= FEW_LINKS;
    *count = 0;
    if (capacity < CORPS_ARM_FDS_MAX) {
        return corps_error_set(CORPS_ERR_LIMIT, "arm needs room for %u descriptors", CORPS_ARM_FDS_MAX);
    }
    if (stream->news_count > 0) {
        return CORPS_ERR_AGAIN;
    }
    stream->armed = true;
    if (!few) {
        fds[(*count)++] = (struct pollfd){.fd = stream->epoll_fd, .events = POLLIN};
    }
    for (struct corps__stream_link *link = stream->links; link != NULL; link = link->next) {
        bool blocked = atomic_load(&link->blocked) && corps__stream_may_send(link);
        if (can_read(link) && holds_frame(link)) {
            return CORPS_ERR_AGAIN;
        }
        if (*count + 2 > CORPS_ARM_FDS_MAX) {
            return CORPS_ERR_AGAIN; /* so many full links at once: look in turn instead of sleeping */
        }
        if (few && can_read(link)) {
            short events = (short)(POLLIN | (blocked && link->write_fd == link->read_fd ? POLLOUT : 0));
            link->armed = &fds[*count];
            fds[(*count)++] = (struct pollfd){.fd = link->read_fd, .events = events};
        }
        if (blocked && !(few && can_read(link) && link->write_fd == link->read_fd)) {
            fds[(*count)++] = (struct pollfd){.fd = link->write_fd, .events = POLLOUT};
        }
    }
    return CORPS_OK;
}
