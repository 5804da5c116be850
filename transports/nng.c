#include "base/clock.h"
#include "inproc.h"
#include "library.h"
#include "pairs.h"
#include "parcel.h"

#include <nng/nng.h>
#include <nng/protocol/pair0/pair.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* nng (nanomsg next generation), for comparison: a pair0 socket per link. Its sockets are safe for threads, so there is
 * no lock of ours; its own threads move the messages. */

#define FUNCTIONS(F)                                                                                                   \
    F(nng_close)                                                                                                       \
    F(nng_dial)                                                                                                        \
    F(nng_listen)                                                                                                      \
    F(nng_listener_get_int)                                                                                            \
    F(nng_msg_alloc)                                                                                                   \
    F(nng_msg_body)                                                                                                    \
    F(nng_msg_free)                                                                                                    \
    F(nng_msg_len)                                                                                                     \
    F(nng_pair0_open)                                                                                                  \
    F(nng_pipe_notify)                                                                                                 \
    F(nng_recvmsg)                                                                                                     \
    F(nng_sendmsg)                                                                                                     \
    F(nng_socket_get_int)                                                                                              \
    F(nng_socket_set_int)                                                                                              \
    F(nng_socket_set_ms)                                                                                               \
    F(nng_socket_set_size)                                                                                             \
    F(nng_strerror)                                                                                                    \
    F(nng_version)

static struct {
#define F(name) __typeof__(name) *name;
    FUNCTIONS(F)
#undef F
} lib;

static const char *const function_names[] = {
#define F(name) #name,
    FUNCTIONS(F)
#undef F
        NULL,
};

enum {
    LINGER_MS = 250,          /* time for what is queued to go; longer than it takes, unless the peer does not read */
    NEVER_MS = 500 * 1000000, /* nobody dials again: who listens there later may be somebody else */
    BUFFER_MAX = 8192,        /* messages; nng takes no more */
    MESSAGE_BYTES = 1100,     /* so that a window of the default size has no more messages than that */
};

static enum corps_err nng_failed(const char *what, int code) {
    return corps_error_set(CORPS_ERR_SYSTEM, "nng cannot %s: %s", what, lib.nng_strerror(code));
}

/* ---- sockets, and those that wait for their last messages to go ---- */

struct socket {
    nng_socket handle;
    _Atomic bool left; /* the peer has closed */
    int64_t until_ns;
    struct socket *next;
};

static struct {
    pthread_mutex_t lock;
    unsigned owner;
    bool loaded;
    unsigned users;
    struct socket *closing;
} process = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void *end_socket(void *arg) {
    struct socket *socket = arg;
    (void)lib.nng_close(socket->handle);
    free(socket);
    return NULL;
}

/* nng_close waits for ever now and then, for its thread that frees connections (nng's issues 1543 and 1813; with 1.5.2
 * beside four busy loops, a peer killed nine times, in 7 runs of 24): a socket and that thread may stay. */
static void close_socket(struct socket *socket) {
    corps__library_end(end_socket, socket);
}

/* nng drops what a socket still holds when it closes, and does not say when that has gone. The peer does: it leaves
 * when it has read the last message. Under the lock. */
static void close_those_that_may(void) {
    for (struct socket **at = &process.closing; *at != NULL;) {
        struct socket *socket = *at;
        if (atomic_load(&socket->left) || corps__now_ns() >= socket->until_ns) {
            *at = socket->next;
            close_socket(socket);
        } else {
            at = &socket->next;
        }
    }
}

static enum corps_err start_nng(void) {
    enum corps_err err = corps__library_check_fork(&process.owner, "nng");
    if (err != CORPS_OK) {
        return err;
    }
    pthread_mutex_lock(&process.lock);
    err = process.loaded ? CORPS_OK : corps__library_load(NNG_LIBRARY, "libnng1", function_names, &lib);
    process.loaded = err == CORPS_OK;
    process.users += err == CORPS_OK ? 1 : 0;
    pthread_mutex_unlock(&process.lock);
    return err;
}

static void stop_nng(void) {
    pthread_mutex_lock(&process.lock);
    process.users--;
    close_those_that_may();
    while (process.users == 0 && process.closing != NULL) {
        const struct timespec moment = {.tv_nsec = 1000000};
        nanosleep(&moment, NULL);
        close_those_that_may();
    }
    pthread_mutex_unlock(&process.lock);
}

static void peer_left(nng_pipe pipe, nng_pipe_ev event, void *arg) {
    (void)pipe;
    (void)event;
    atomic_store(&((struct socket *)arg)->left, true);
}

/* ---- pairs ---- */

struct pair {
    struct corps__pair base; /* first */
    struct socket *socket;
    nng_msg *in;
};

static nng_socket handle_of(struct corps__pair *pair) {
    return ((struct pair *)pair)->socket->handle;
}

static enum corps_err set_up_nng_socket(struct socket *socket, unsigned message_count) {
    int buffer = message_count < BUFFER_MAX ? (int)message_count : BUFFER_MAX;
    int code = lib.nng_socket_set_int(socket->handle, NNG_OPT_SENDBUF, buffer);
    code = code != 0 ? code : lib.nng_socket_set_int(socket->handle, NNG_OPT_RECVBUF, buffer);
    code = code != 0 ? code : lib.nng_socket_set_ms(socket->handle, NNG_OPT_RECONNMINT, NEVER_MS);
    code = code != 0 ? code : lib.nng_socket_set_ms(socket->handle, NNG_OPT_RECONNMAXT, NEVER_MS);
    code = code != 0
               ? code
               : lib.nng_socket_set_size(socket->handle, NNG_OPT_RECVMAXSZ, CORPS__PIECE_BYTES + CORPS__HEAD_BYTES);
    code = code != 0 ? code : lib.nng_pipe_notify(socket->handle, NNG_PIPE_EV_REM_POST, peer_left, socket);
    return code == 0 ? CORPS_OK : nng_failed("set up a socket", code);
}

static enum corps_err open_nng_pair(struct corps__pair *base, unsigned message_count) {
    struct pair *pair = (struct pair *)base;
    struct socket *socket = calloc(1, sizeof *socket);
    if (socket == NULL) {
        return corps_error_set(CORPS_ERR_NO_MEMORY, "no memory for a socket");
    }
    pthread_mutex_lock(&process.lock);
    close_those_that_may();
    pthread_mutex_unlock(&process.lock);
    int code = lib.nng_pair0_open(&socket->handle);
    if (code != 0) {
        free(socket);
        return nng_failed("make a socket", code);
    }
    enum corps_err err = set_up_nng_socket(socket, message_count);
    if (err != CORPS_OK) {
        close_socket(socket);
        return err;
    }
    pair->socket = socket;
    return CORPS_OK;
}

static enum corps_err listen_nng_pair(struct corps__pair *base, const char *url, unsigned *port) {
    nng_listener listener;
    int code = lib.nng_listen(handle_of(base), url, &listener, 0);
    if (code != 0) {
        return nng_failed("listen", code);
    }
    int bound = 0;
    if (strncmp(url, "tcp:", 4) == 0) {
        code = lib.nng_listener_get_int(listener, NNG_OPT_TCP_BOUND_PORT, &bound);
    }
    *port = (unsigned)bound;
    return code == 0 ? CORPS_OK : nng_failed("tell where it listens", code);
}

static enum corps_err dial_nng_pair(struct corps__pair *pair, const char *url) {
    int code = lib.nng_dial(handle_of(pair), url, NULL, NNG_FLAG_NONBLOCK);
    return code == 0 ? CORPS_OK : nng_failed("connect", code);
}

static enum corps_err put_nng_pair(struct corps__pair *pair, const struct corps__head *head,
                                   const struct corps_parcel *parcel, size_t from, size_t bytes) {
    nng_msg *message;
    int code = lib.nng_msg_alloc(&message, sizeof *head + bytes);
    if (code != 0) {
        return corps_error_set(CORPS_ERR_NO_MEMORY, "no memory for a message of %zu bytes", bytes);
    }
    uint8_t *to = lib.nng_msg_body(message);
    memcpy(to, head, sizeof *head);
    corps__parcel_copy(parcel, from, to + sizeof *head, bytes);
    code = lib.nng_sendmsg(handle_of(pair), message, NNG_FLAG_NONBLOCK);
    if (code != 0) {
        lib.nng_msg_free(message);
    }
    return code == 0 ? CORPS_OK : code == NNG_EAGAIN ? CORPS_ERR_FULL : nng_failed("send", code);
}

static enum corps_err take_nng_pair(struct corps__pair *base, const uint8_t **data, size_t *bytes) {
    struct pair *pair = (struct pair *)base;
    int code = lib.nng_recvmsg(handle_of(base), &pair->in, NNG_FLAG_NONBLOCK);
    if (code != 0) {
        pair->in = NULL;
        return code == NNG_EAGAIN ? CORPS_ERR_EMPTY : nng_failed("receive", code);
    }
    *data = lib.nng_msg_body(pair->in);
    *bytes = lib.nng_msg_len(pair->in);
    return CORPS_OK;
}

static void drop_nng_pair(struct corps__pair *base) {
    struct pair *pair = (struct pair *)base;
    if (pair->in != NULL) {
        lib.nng_msg_free(pair->in);
        pair->in = NULL;
    }
}

struct kept {
    struct corps_block block; /* first */
    nng_msg *message;
};

static void free_nng_message(struct corps_block *block) {
    lib.nng_msg_free(((struct kept *)block)->message);
    free(block);
}

static struct corps_block *keep_nng_pair(struct corps__pair *base) {
    struct pair *pair = (struct pair *)base;
    struct kept *kept = malloc(sizeof *kept);
    if (kept == NULL) {
        return NULL;
    }
    kept->message = pair->in;
    pair->in = NULL;
    corps_block_init(&kept->block, (uint8_t *)lib.nng_msg_body(kept->message) + CORPS__HEAD_BYTES,
                     lib.nng_msg_len(kept->message) - CORPS__HEAD_BYTES, free_nng_message);
    return &kept->block;
}

static bool nng_pair_holds(struct corps__pair *pair) {
    (void)pair;
    return false; /* the descriptor is readable for as long as there is a message */
}

static int fd_of_nng_pair(struct corps__pair *pair) {
    int fd = -1;
    return lib.nng_socket_get_int(handle_of(pair), NNG_OPT_RECVFD, &fd) == 0 ? fd : -1;
}

static void close_nng_pair(struct corps__pair *base, bool lost, const struct corps__head *bye) {
    struct pair *pair = (struct pair *)base;
    static const struct corps_parcel nothing;
    drop_nng_pair(base);
    if (lost || put_nng_pair(base, bye, &nothing, 0, 0) != CORPS_OK) {
        close_socket(pair->socket);
        return;
    }
    pair->socket->until_ns = corps__now_ns() + (int64_t)LINGER_MS * 1000000;
    pthread_mutex_lock(&process.lock);
    pair->socket->next = process.closing;
    process.closing = pair->socket;
    close_those_that_may();
    pthread_mutex_unlock(&process.lock);
}

static const struct corps__pair_library library = {
    .pair_bytes = sizeof(struct pair),
    .message_bytes = MESSAGE_BYTES,
    .message_count_max = BUFFER_MAX,
    .start = start_nng,
    .stop = stop_nng,
    .open = open_nng_pair,
    .listen = listen_nng_pair,
    .dial = dial_nng_pair,
    .put = put_nng_pair,
    .take = take_nng_pair,
    .drop = drop_nng_pair,
    .keep = keep_nng_pair,
    .holds = nng_pair_holds,
    .fd = fd_of_nng_pair,
    .close = close_nng_pair,
};

/* ---- tables ---- */

static const char *describe_nng(void) {
    static char text[32];
    if (start_nng() != CORPS_OK) {
        return NULL;
    }
    snprintf(text, sizeof text, "nng %s", lib.nng_version());
    stop_nng();
    return text;
}

CORPS__PAIR_TRANSPORTS(nng, "nng pair0")
