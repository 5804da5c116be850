#include "hosts/ferry.h"

#include "hosts/channel.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PIECE_BYTES = 64 << 10, EARLY_BYTES_MAX = 1 << 30 /* of a record that boots it */, HOW_BYTES = 480 };

struct corps__ferry {
    struct corps__ferry *next;
    uv_poll_t poll;
    int fd;
    unsigned env;
    uint64_t incarnation;
    struct corps__channel *channel; /* NULL: not ordered yet, or cut */
    bool paused;                    /* the channel has no room */
    bool told_end;                  /* Env 0 has closed the control channel */
    bool begun;                     /* ordered */
    uint8_t *early;                 /* what Env 0 has said before that: it must not wait for a host */
    size_t early_at, early_end, early_capacity;
    uint8_t *kept; /* for Env 0, from `at` to `end` */
    size_t at, end, capacity;
    bool over; /* ended, as `how` says, when that is written */
    char how[HOW_BYTES];
    enum corps__end how_end;
    corps__ferry_fn ended;
};

static struct corps__ferry *ferries; /* the courier's */

struct corps__ferry *corps__ferry_find(unsigned env, uint64_t incarnation) {
    struct corps__ferry *at = ferries;
    while (at != NULL && (at->env != env || at->incarnation != incarnation)) {
        at = at->next;
    }
    return at;
}

static void free_ferry(uv_handle_t *poll) {
    struct corps__ferry *ferry = poll->data;
    free(ferry->kept);
    free(ferry->early);
    free(ferry);
}

static void close_ferry(struct corps__ferry *ferry) {
    struct corps__ferry **at = &ferries;
    while (*at != ferry) {
        at = &(*at)->next;
    }
    *at = ferry->next;
    uv_poll_stop(&ferry->poll);
    close(ferry->fd);
    uv_close((uv_handle_t *)&ferry->poll, free_ferry);
}

static void finish(struct corps__ferry *ferry) {
    corps__ferry_fn ended = ferry->ended;
    unsigned env = ferry->env;
    uint64_t incarnation = ferry->incarnation;
    enum corps__end end = ferry->how_end;
    char how[HOW_BYTES];
    memcpy(how, ferry->how, sizeof how);
    close_ferry(ferry); /* first: whoever hears of the end finds the end of the control channel */
    ended(env, incarnation, how, end);
}

static void on_socket(uv_poll_t *poll, int status, int events);

static void watch(struct corps__ferry *ferry) {
    bool may_read = ferry->begun ? ferry->channel != NULL && !ferry->paused : ferry->early_end < EARLY_BYTES_MAX;
    bool reads = may_read && !ferry->told_end && !ferry->over;
    int events = (reads ? UV_READABLE : 0) | (ferry->at < ferry->end ? UV_WRITABLE : 0);
    if (events != 0) {
        uv_poll_start(&ferry->poll, events, on_socket);
    } else {
        uv_poll_stop(&ferry->poll);
    }
}

/* ---- from Env 0 ---- */

static enum corps_err send_on(struct corps__ferry *ferry, const char *word, struct corps_value what) {
    const struct corps_value items[4] = {corps_str(word), corps_int(ferry->env), corps_int((int64_t)ferry->incarnation),
                                         what};
    const struct corps_value record = corps_array(items, what.kind != CORPS_NIL ? 4 : 3);
    return corps__channel_send(ferry->channel, &record);
}

/* Makes room for `bytes` more behind `end`. */
static bool make_room(uint8_t **data, size_t end, size_t *capacity, size_t bytes) {
    if (*capacity - end < bytes) {
        uint8_t *grown = realloc(*data, 2 * (end + bytes));
        if (grown == NULL) {
            return false;
        }
        *data = grown;
        *capacity = 2 * (end + bytes);
    }
    return true;
}

/* Before the order. Its end is seen once that was sent. */
static void read_early(struct corps__ferry *ferry) {
    if (!make_room(&ferry->early, ferry->early_end, &ferry->early_capacity, PIECE_BYTES)) {
        shutdown(ferry->fd, SHUT_RDWR); /* as if its process could not be told */
        return;
    }
    ssize_t got = recv(ferry->fd, ferry->early + ferry->early_end, PIECE_BYTES, MSG_DONTWAIT);
    ferry->early_end += got > 0 ? (size_t)got : 0;
    ferry->told_end = got == 0;
}

/* What was said early goes first. False: not all of it has found room. */
static bool send_early(struct corps__ferry *ferry) {
    while (ferry->early_at < ferry->early_end) {
        size_t left = ferry->early_end - ferry->early_at;
        size_t piece = left < PIECE_BYTES ? left : PIECE_BYTES;
        if (!corps__channel_has_room(ferry->channel) ||
            send_on(ferry, "send", corps_bin(ferry->early + ferry->early_at, piece)) != CORPS_OK) {
            return false;
        }
        ferry->early_at += piece;
    }
    if (ferry->early != NULL && ferry->told_end) {
        (void)!send_on(ferry, "end", corps_nil());
    }
    free(ferry->early);
    ferry->early = NULL;
    return true;
}

static void read_piece(struct corps__ferry *ferry) {
    static uint8_t piece[PIECE_BYTES]; /* there is one courier */
    ssize_t got = recv(ferry->fd, piece, sizeof piece, MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
        return;
    }
    enum corps_err err;
    if (got > 0) {
        err = send_on(ferry, "send", corps_bin(piece, (size_t)got));
    } else {
        ferry->told_end = true;
        err = send_on(ferry, "end", corps_nil());
    }
    if (err != CORPS_OK) {
        ferry->channel = NULL; /* it is about to be gone, or can hold no more: the plan hears of it */
    }
}

/* ---- for Env 0 ---- */

/* As far as it reads. False: it does not any more. */
static bool write_kept(struct corps__ferry *ferry) {
    while (ferry->at < ferry->end) {
        ssize_t done = send(ferry->fd, ferry->kept + ferry->at, ferry->end - ferry->at, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (done < 0 && errno == EINTR) {
            continue;
        }
        if (done < 0) {
            return errno == EAGAIN;
        }
        ferry->at += (size_t)done;
    }
    ferry->at = ferry->end = 0;
    return true;
}

/* Writes what there is to write; after that it may be gone. */
static void go_on(struct corps__ferry *ferry) {
    if (!write_kept(ferry)) {
        ferry->at = ferry->end = 0;
    }
    if (ferry->over && ferry->at == ferry->end) {
        finish(ferry);
    } else {
        watch(ferry);
    }
}

static void on_socket(uv_poll_t *poll, int status, int events) {
    struct corps__ferry *ferry = poll->data;
    if ((status < 0 || (events & UV_READABLE) != 0) && !ferry->begun) {
        read_early(ferry);
    } else if ((status < 0 || (events & UV_READABLE) != 0) && ferry->channel != NULL) {
        ferry->paused = !corps__channel_has_room(ferry->channel);
        if (!ferry->paused) {
            read_piece(ferry);
        }
    }
    go_on(ferry);
}

void corps__ferry_write(struct corps__ferry *ferry, const uint8_t *data, size_t bytes) {
    if (!make_room(&ferry->kept, ferry->end, &ferry->capacity, bytes)) {
        shutdown(ferry->fd, SHUT_RDWR); /* Env 0 must not go on without it: as if its process could not be read */
        return;
    }
    memcpy(ferry->kept + ferry->end, data, bytes);
    ferry->end += bytes;
    go_on(ferry);
}

/* ---- life ---- */

enum corps_err corps__ferry_create(uv_loop_t *loop, unsigned env, uint64_t incarnation, int fd, corps__ferry_fn ended,
                                   struct corps__ferry **out) {
    struct corps__ferry *ferry = calloc(1, sizeof *ferry);
    if (ferry == NULL) {
        return corps_error_set(CORPS_ERR_NO_MEMORY, "no memory for an Env on another host");
    }
    int failed = uv_poll_init(loop, &ferry->poll, fd);
    if (failed != 0) {
        free(ferry);
        return corps_error_set(CORPS_ERR_SYSTEM, "cannot watch the control channel of Env %u: %s", env,
                               uv_strerror(failed));
    }
    ferry->poll.data = ferry;
    ferry->fd = fd;
    ferry->env = env;
    ferry->incarnation = incarnation;
    ferry->ended = ended;
    ferry->next = ferries;
    ferries = ferry;
    watch(ferry);
    *out = ferry;
    return CORPS_OK;
}

void corps__ferry_begin(struct corps__ferry *ferry, struct corps__channel *channel) {
    ferry->channel = channel;
    ferry->begun = true;
    ferry->paused = !send_early(ferry);
    watch(ferry);
}

void corps__ferries_room(struct corps__channel *channel) {
    for (struct corps__ferry *at = ferries; at != NULL; at = at->next) {
        if (at->channel == channel && at->channel != NULL) {
            at->paused = !send_early(at);
            watch(at);
        }
    }
}

void corps__ferries_cut(struct corps__channel *channel) {
    for (struct corps__ferry *at = ferries; at != NULL; at = at->next) {
        if (at->channel == channel) {
            at->channel = NULL;
            watch(at);
        }
    }
}

void corps__ferry_end(struct corps__ferry *ferry, const char *how, enum corps__end end) {
    if (how == NULL) {
        close_ferry(ferry);
        return;
    }
    ferry->over = true;
    ferry->how_end = end;
    snprintf(ferry->how, sizeof ferry->how, "%s", how);
    go_on(ferry);
}

void corps__ferries_close(void) {
    while (ferries != NULL) {
        close_ferry(ferries);
    }
}
