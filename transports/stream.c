#include "stream.h"

#include "base/calls.h"

#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

enum {
    IN_BYTES = 65536,  /* of the receive buffer */
    AHEAD_BYTES = 512, /* read beyond a large frame: enough to see what follows, too little for copying it to matter */
    FEW_LINKS = 4,     /* so many are tried one by one; more go through epoll, which costs each message a callback */
    STREAK_MIN = 16,
    LOOK_AT_ALL_EVERY = 8,
};

/* ---- endpoint and links ---- */

enum corps_err corps__stream_open(struct corps__stream *stream, const struct corps_endpoint_options *options) {
    stream->links.frame_bytes_max = options->frame_bytes_max;
    stream->buffer_bytes = options->buffer_bytes < (1 << 30) ? (int)options->buffer_bytes : 1 << 30;
    stream->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    return stream->epoll_fd >= 0 ? CORPS_OK : corps_error_system("cannot make an epoll descriptor");
}

void corps__stream_close(struct corps__stream *stream) {
    close(stream->epoll_fd);
}

static struct corps__stream *stream_of(const struct corps__stream_link *link) {
    return (struct corps__stream *)link->base.base.endpoint;
}

void corps__stream_set_buffers(const struct corps__stream *stream, int fd) {
    if (stream->buffer_bytes > 0) { /* what the kernel does not grant it cuts down: no error to report */
        (void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &stream->buffer_bytes, sizeof stream->buffer_bytes);
        (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &stream->buffer_bytes, sizeof stream->buffer_bytes);
    }
}

/* Puts a link into the endpoint's epoll set. */
static enum corps_err watch_link(struct corps__stream_link *link) {
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = link};
    if (epoll_ctl(stream_of(link)->epoll_fd, EPOLL_CTL_ADD, link->read_fd, &event) != 0) {
        return corps_error_system("cannot watch a link");
    }
    link->watched = true;
    return CORPS_OK;
}

static void unwatch_link(struct corps__stream_link *link) {
    if (link->watched) {
        (void)epoll_ctl(stream_of(link)->epoll_fd, EPOLL_CTL_DEL, link->read_fd, NULL);
        link->watched = false;
    }
}

/* Before links become too many for trying one by one. */
static enum corps_err watch_all(const struct corps__stream *stream) {
    enum corps_err err = CORPS_OK;
    for (struct corps__link *at = stream->links.first; at != NULL && err == CORPS_OK; at = at->next) {
        struct corps__stream_link *link = (struct corps__stream_link *)at;
        err = link->watched || at->ended || link->read_fd < 0 ? CORPS_OK : watch_link(link);
    }
    return err;
}

struct corps__stream_link *corps__stream_link_create(struct corps__stream *stream) {
    if (stream->links.count == FEW_LINKS && watch_all(stream) != CORPS_OK) {
        return NULL;
    }
    struct corps__stream_link *link = corps__link_create(&stream->links, sizeof *link);
    if (link != NULL) {
        link->read_fd = link->write_fd = -1;
    }
    return link;
}

enum corps_err corps__stream_link_start(struct corps__stream_link *link, int read_fd, int write_fd, bool is_socket,
                                        bool accepted) {
    link->read_fd = read_fd;
    link->write_fd = write_fd;
    link->is_socket = is_socket;
    link->in = malloc(IN_BYTES);
    if (link->in == NULL) {
        return corps_error_set(CORPS_ERR_NO_MEMORY, "no memory for a link's buffer");
    }
    enum corps_err err = stream_of(link)->links.count > FEW_LINKS ? watch_link(link) : CORPS_OK;
    if (err != CORPS_OK) {
        return err;
    }
    link->ready = true;
    corps__link_start(&link->base, accepted);
    return CORPS_OK;
}

void corps__stream_link_end(struct corps__stream_link *link, enum corps_err reason) {
    (void)corps__link_end(&link->base, reason);
    unwatch_link(link);
}

static void close_link_fds(const struct corps__stream_link *link) {
    if (link->write_fd >= 0 && link->write_fd != link->read_fd) {
        close(link->write_fd);
    }
    if (link->read_fd >= 0) {
        close(link->read_fd);
    }
}

void corps__stream_disconnect(struct corps_link *base) {
    struct corps__stream_link *link = (struct corps__stream_link *)base;
    struct corps__stream *stream = stream_of(link);
    corps__link_remove(&link->base);
    stream->streak = 0;
    stream->hot = stream->hot == link ? NULL : stream->hot;
    stream->lender = stream->lender == link ? NULL : stream->lender;
    if (link->destroy != NULL) {
        link->destroy(link);
    }
    unwatch_link(link); /* closing alone does not do: a process that was just forked has the descriptor too */
    if (link->cipher != NULL) {
        link->cipher->close(link);
    }
    close_link_fds(link);
    free(link->in);
    free(link->out);
    corps__link_destroy(&link->base);
}

void corps__stream_forget(struct corps_endpoint *base) {
    const struct corps__stream *stream = (const struct corps__stream *)base;
    for (const struct corps__link *link = stream->links.first; link != NULL; link = link->next) {
        close_link_fds((const struct corps__stream_link *)link);
    }
    close(stream->epoll_fd);
}

/* ---- receiving ---- */

static uint64_t length_at(const uint8_t *at) {
    uint64_t length;
    memcpy(&length, at, sizeof length);
    return le64toh(length);
}

/* A frame that is here already: OK with the event filled, EMPTY, or TOO_LARGE / NO_MEMORY for the link. */
static enum corps_err parse_frame(struct corps__stream_link *link, struct corps_event *event) {
    if (link->base.large != NULL) {
        if (link->base.large_bytes < link->base.large->bytes) {
            return CORPS_ERR_EMPTY;
        }
        corps__link_give_gathered(&link->base, event);
        return CORPS_OK;
    }
    size_t here = link->in_end - link->in_start;
    if (here < CORPS__STREAM_LENGTH_BYTES) {
        return CORPS_ERR_EMPTY;
    }
    const uint8_t *data = link->in + link->in_start + CORPS__STREAM_LENGTH_BYTES;
    here -= CORPS__STREAM_LENGTH_BYTES;
    uint64_t length = length_at(link->in + link->in_start);
    enum corps_err err = corps__link_check_bytes(&link->base, length);
    if (err != CORPS_OK) {
        return err;
    }
    link->were_large = length > IN_BYTES - CORPS__STREAM_LENGTH_BYTES;
    if (length <= here) {
        stream_of(link)->lender = link;
        stream_of(link)->lent = CORPS__STREAM_LENGTH_BYTES + (size_t)length;
        corps__link_give(&link->base, data, (size_t)length, NULL, event);
        return CORPS_OK;
    }
    if (!link->were_large) {
        return CORPS_ERR_EMPTY;
    }
    err = corps__link_gather_begin(&link->base, length);
    if (err == CORPS_OK) {
        err = corps__link_gather(&link->base, data, here);
        link->in_start = link->in_end = 0;
    }
    return err;
}

/* The kernel takes one place faster than a list of one. */
static ssize_t read_pieces(int fd, const struct iovec *to, int count) {
    return count == 1 ? corps__read(fd, to[0].iov_base, to[0].iov_len) : readv(fd, to, count);
}

/* Reads what fits. OK when something came, EMPTY, or CLOSED / SYSTEM for the link. */
static enum corps_err read_more(struct corps__stream_link *link) {
    struct iovec to[2];
    int count = 0;
    size_t rest = 0; /* of the large frame */
    if (link->base.large != NULL) {
        rest = link->base.large->bytes - link->base.large_bytes;
        to[count++] = (struct iovec){.iov_base = link->base.large->data + link->base.large_bytes, .iov_len = rest};
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
        got = link->cipher != NULL ? link->cipher->read(link, to, count) : read_pieces(link->read_fd, to, count);
    } while (got < 0 && errno == EINTR);
    if (got < 0 && errno == EPROTO && link->cipher != NULL) {
        return CORPS_ERR_PROTOCOL;
    }
    if (got < 0) {
        /* Who has closed writes no more: what is there was all. */
        return errno == EAGAIN && !atomic_load(&link->base.shut) ? CORPS_ERR_EMPTY : CORPS_ERR_CLOSED;
    }
    if (got == 0) {
        return CORPS_ERR_CLOSED;
    }
    size_t large = (size_t)got < rest ? (size_t)got : rest;
    link->base.large_bytes += large;
    link->in_end += (size_t)got - large;
    link->drained = (size_t)got < rest + ahead;
    return CORPS_OK;
}

/* The next frame of this link: OK, or EMPTY. Faults end the link. */
static enum corps_err next_stream_frame(struct corps__stream_link *link, struct corps_event *event) {
    for (;;) {
        enum corps_err err = parse_frame(link, event);
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
        err = read_more(link);
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

static bool stream_has_room(struct corps__link *link) {
    struct pollfd room = {.fd = ((struct corps__stream_link *)link)->write_fd, .events = POLLOUT};
    return poll(&room, 1, 0) == 1;
}

static void find_ready_streams(struct corps__stream *stream) {
    struct epoll_event events[64];
    int count = epoll_wait(stream->epoll_fd, events, sizeof events / sizeof events[0], 0);
    for (int i = 0; i < count; i++) {
        struct corps__stream_link *link = events[i].data.ptr;
        link->ready = true;
        link->drained = false; /* of a look before that */
    }
}

static bool can_read(const struct corps__stream_link *link) {
    return link->in != NULL && !link->base.ended && link->base.news == CORPS__LINK_QUIET;
}

static bool take_stream_frame(struct corps__stream *stream, struct corps_event *event) {
    /* Each look is a system call: where one link alone has given frames lately, most looks go there. But it may have
     * frames for ever, so what was ready when it began to is not the last word. */
    bool all = stream->streak < STREAK_MIN || ++stream->looks % LOOK_AT_ALL_EVERY == 0;
    if (all && stream->streak >= STREAK_MIN) {
        stream->sifted = false;
        if (stream->links.count > FEW_LINKS) {
            find_ready_streams(stream);
        }
    }
    bool few = stream->links.count <= FEW_LINKS && !stream->sifted;
    struct corps__link *at = corps__links_turn(&stream->links);
    for (unsigned i = 0; i < stream->links.count; i++) {
        struct corps__link *next = corps__links_after(&stream->links, at);
        struct corps__stream_link *link = (struct corps__stream_link *)at;
        bool look = few ? all || link == stream->hot : link->ready;
        if (can_read(link) && look && next_stream_frame(link, event) == CORPS_OK) {
            stream->links.turn = next;
            stream->streak = stream->hot == link ? stream->streak + 1 : 0;
            stream->hot = link;
            return true;
        }
        at = next;
    }
    return false;
}

/* After a sleep the descriptors themselves tell which links have something: the others need no read to find out. */
static void sift_streams(struct corps__stream *stream) {
    stream->armed = false;
    stream->sifted = stream->links.count <= FEW_LINKS;
    for (struct corps__link *at = stream->links.first; at != NULL; at = at->next) {
        struct corps__stream_link *link = (struct corps__stream_link *)at;
        if (link->armed != NULL) {
            link->ready = link->armed->revents != 0;
            link->drained = false; /* of a look before the sleep */
            link->armed = NULL;
            stream->looks = link->ready ? 0 : stream->looks; /* the kernel has looked at all */
        }
    }
}

enum corps_err corps__stream_poll(struct corps_endpoint *base, struct corps_event *event) {
    struct corps__stream *stream = (struct corps__stream *)base;
    if (stream->armed) {
        sift_streams(stream);
    }
    if (stream->links.news_count > 0 && corps__links_take_news(&stream->links, event)) {
        return CORPS_OK;
    }
    if (atomic_load_explicit(&stream->links.blocked_count, memory_order_relaxed) > 0 &&
        corps__links_take_writable(&stream->links, stream_has_room, event)) {
        return CORPS_OK;
    }
    if (take_stream_frame(stream, event)) {
        return CORPS_OK;
    }
    stream->sifted = false;
    if (stream->links.count > FEW_LINKS) {
        find_ready_streams(stream);
        if (take_stream_frame(stream, event)) {
            return CORPS_OK;
        }
    }
    return stream->links.news_count > 0 && corps__links_take_news(&stream->links, event) ? CORPS_OK : CORPS_ERR_EMPTY;
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
    if (link->base.large != NULL) {
        return link->base.large_bytes == link->base.large->bytes;
    }
    size_t here = link->in_end - link->in_start;
    return here >= CORPS__STREAM_LENGTH_BYTES &&
           length_at(link->in + link->in_start) <= here - CORPS__STREAM_LENGTH_BYTES;
}

enum corps_err corps__stream_arm(struct corps_endpoint *base, struct pollfd *fds, size_t capacity, size_t *count) {
    struct corps__stream *stream = (struct corps__stream *)base;
    bool few = stream->links.count <= FEW_LINKS;
    *count = 0;
    if (capacity < CORPS_ARM_FDS_MAX) {
        return corps_error_set(CORPS_ERR_LIMIT, "arm needs room for %u descriptors", CORPS_ARM_FDS_MAX);
    }
    if (stream->links.news_count > 0) {
        return CORPS_ERR_AGAIN;
    }
    stream->armed = true;
    if (!few) {
        fds[(*count)++] = (struct pollfd){.fd = stream->epoll_fd, .events = POLLIN};
    }
    for (struct corps__link *at = stream->links.first; at != NULL; at = at->next) {
        struct corps__stream_link *link = (struct corps__stream_link *)at;
        bool blocked = corps__link_waits(at);
        if (can_read(link) && (holds_frame(link) || (link->cipher != NULL && link->cipher->holds(link)))) {
            link->ready = true;
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
