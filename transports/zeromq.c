#include "inproc.h"
#include "library.h"
#include "pairs.h"
#include "parcel.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <zmq.h>

/* ZeroMQ, for comparison: a PAIR socket per link, one I/O thread per process, as few options as that needs. */

#define FUNCTIONS(F)                                                                                                   \
    F(zmq_bind)                                                                                                        \
    F(zmq_close)                                                                                                       \
    F(zmq_connect)                                                                                                     \
    F(zmq_ctx_new)                                                                                                     \
    F(zmq_ctx_set)                                                                                                     \
    F(zmq_ctx_term)                                                                                                    \
    F(zmq_getsockopt)                                                                                                  \
    F(zmq_msg_close)                                                                                                   \
    F(zmq_msg_data)                                                                                                    \
    F(zmq_msg_init)                                                                                                    \
    F(zmq_msg_init_size)                                                                                               \
    F(zmq_msg_move)                                                                                                    \
    F(zmq_msg_recv)                                                                                                    \
    F(zmq_msg_send)                                                                                                    \
    F(zmq_msg_size)                                                                                                    \
    F(zmq_setsockopt)                                                                                                  \
    F(zmq_socket)                                                                                                      \
    F(zmq_strerror)                                                                                                    \
    F(zmq_version)

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
    LINGER_MS = 1000,               /* what the last endpoint's close waits at most, for peers that do not read */
    NEVER_RECONNECT_MS = 500000000, /* −1 would drop what has arrived with the connection */
};

static struct {
    pthread_mutex_t lock;
    unsigned owner;
    void *context;
    unsigned users;
} process = {.lock = PTHREAD_MUTEX_INITIALIZER};

static enum corps_err zmq_failed(const char *what) {
    return corps_error_set(CORPS_ERR_SYSTEM, "ZeroMQ cannot %s: %s", what, lib.zmq_strerror(errno));
}

static enum corps_err start_zmq_locked(void) {
    if (process.users > 0) {
        return CORPS_OK;
    }
    enum corps_err err = corps__library_load(ZMQ_LIBRARY, "libzmq5", function_names, &lib);
    if (err != CORPS_OK) {
        return err;
    }
    process.context = lib.zmq_ctx_new();
    if (process.context == NULL) {
        return zmq_failed("start");
    }
    (void)lib.zmq_ctx_set(process.context, ZMQ_IO_THREADS, 1);
    (void)lib.zmq_ctx_set(process.context, ZMQ_MAX_SOCKETS, 65535);
    return CORPS_OK;
}

static enum corps_err start_zmq(void) {
    enum corps_err err = corps__library_check_fork(&process.owner, "ZeroMQ");
    if (err != CORPS_OK) {
        return err;
    }
    pthread_mutex_lock(&process.lock);
    err = start_zmq_locked();
    process.users += err == CORPS_OK ? 1 : 0;
    pthread_mutex_unlock(&process.lock);
    return err;
}

static void *end_context(void *context) {
    while (lib.zmq_ctx_term(context) != 0 && errno == EINTR) {
    }
    return NULL;
}

/* zmq_ctx_term waits for ever now and then, also when every socket lingers for a bounded time (libzmq's issues 2586 and
 * 3252; here about once in a thousand ends, with 4.3.4): a context and its threads may stay. */
static void stop_zmq(void) {
    pthread_mutex_lock(&process.lock);
    if (--process.users == 0) {
        corps__library_end(end_context, process.context);
        process.context = NULL;
    }
    pthread_mutex_unlock(&process.lock);
}

/* ---- sockets ---- */

/* A socket is for one thread at a time: senders and the polling thread take turns. The polling thread looks again and
 * again, and so stands back where a sender waits. */
struct socket {
    void *handle;
    int fd;
    pthread_mutex_t lock;
    _Atomic unsigned senders;
    bool quiet; /* under the lock: empty, and whatever comes makes the descriptor ready */
    zmq_msg_t in;
};

/* Never bounded for sending; for receiving only so that strangers who have not been found out yet cannot fill memory.
 */
static enum corps_err socket_open(struct socket *socket, int message_count) {
    pthread_mutexattr_t adaptive; /* the lock is held for a microsecond: sleeping would cost more than spinning */
    pthread_mutexattr_init(&adaptive);
    pthread_mutexattr_settype(&adaptive, PTHREAD_MUTEX_ADAPTIVE_NP);
    pthread_mutex_init(&socket->lock, &adaptive);
    pthread_mutexattr_destroy(&adaptive);
    socket->handle = lib.zmq_socket(process.context, ZMQ_PAIR);
    if (socket->handle == NULL) {
        return zmq_failed("make a socket");
    }
    (void)lib.zmq_msg_init(&socket->in);
    size_t bytes = sizeof socket->fd;
    int64_t largest = CORPS__PIECE_BYTES + CORPS__HEAD_BYTES;
    int never = NEVER_RECONNECT_MS;
    int linger = LINGER_MS;
    int unbounded = 0;
    int one = 1;
    if (lib.zmq_getsockopt(socket->handle, ZMQ_FD, &socket->fd, &bytes) != 0 ||
        lib.zmq_setsockopt(socket->handle, ZMQ_SNDHWM, &unbounded, sizeof unbounded) != 0 ||
        lib.zmq_setsockopt(socket->handle, ZMQ_RCVHWM, &message_count, sizeof message_count) != 0 ||
        lib.zmq_setsockopt(socket->handle, ZMQ_MAXMSGSIZE, &largest, sizeof largest) != 0 ||
        lib.zmq_setsockopt(socket->handle, ZMQ_RECONNECT_IVL, &never, sizeof never) != 0 ||
        lib.zmq_setsockopt(socket->handle, ZMQ_LINGER, &linger, sizeof linger) != 0 ||
        lib.zmq_setsockopt(socket->handle, ZMQ_IPV6, &one, sizeof one) != 0) {
        enum corps_err err = zmq_failed("set up a socket");
        lib.zmq_close(socket->handle);
        socket->handle = NULL;
        return err;
    }
    return CORPS_OK;
}

/* `lost`: nobody would read what has not been sent yet. */
static void socket_close(struct socket *socket, bool lost) {
    if (socket->handle != NULL) {
        lib.zmq_msg_close(&socket->in);
        int at_once = 0;
        if (lost) {
            (void)lib.zmq_setsockopt(socket->handle, ZMQ_LINGER, &at_once, sizeof at_once);
        }
        (void)lib.zmq_close(socket->handle);
    }
    pthread_mutex_destroy(&socket->lock);
}

static enum corps_err socket_send_locked(struct socket *socket, zmq_msg_t *message) {
    socket->quiet = false;
    while (lib.zmq_msg_send(message, socket->handle, ZMQ_DONTWAIT) < 0) {
        if (errno != EINTR) {
            return errno == EAGAIN ? CORPS_ERR_CLOSED : zmq_failed("send"); /* unbounded: the connection is gone */
        }
    }
    return CORPS_OK;
}

static enum corps_err socket_put(struct socket *socket, const struct corps__head *head,
                                 const struct corps_parcel *parcel, size_t from, size_t bytes) {
    zmq_msg_t message;
    if (lib.zmq_msg_init_size(&message, sizeof *head + bytes) != 0) {
        return corps_error_set(CORPS_ERR_NO_MEMORY, "no memory for a message of %zu bytes", bytes);
    }
    uint8_t *to = lib.zmq_msg_data(&message);
    memcpy(to, head, sizeof *head);
    corps__parcel_copy(parcel, from, to + sizeof *head, bytes);
    atomic_fetch_add(&socket->senders, 1);
    pthread_mutex_lock(&socket->lock);
    atomic_fetch_sub(&socket->senders, 1);
    enum corps_err err = socket_send_locked(socket, &message);
    pthread_mutex_unlock(&socket->lock);
    if (err != CORPS_OK) {
        lib.zmq_msg_close(&message);
    }
    return err;
}

static enum corps_err socket_take(struct socket *socket, const uint8_t **data, size_t *bytes) {
    if (atomic_load(&socket->senders) > 0 || pthread_mutex_trylock(&socket->lock) != 0) {
        return CORPS_ERR_AGAIN;
    }
    int got = lib.zmq_msg_recv(&socket->in, socket->handle, ZMQ_DONTWAIT);
    enum corps_err err = got >= 0                            ? CORPS_OK
                         : errno == EAGAIN || errno == EINTR ? CORPS_ERR_EMPTY
                                                             : zmq_failed("receive");
    socket->quiet = err == CORPS_ERR_EMPTY && errno == EAGAIN;
    pthread_mutex_unlock(&socket->lock);
    if (err == CORPS_OK) {
        *data = lib.zmq_msg_data(&socket->in);
        *bytes = lib.zmq_msg_size(&socket->in);
    }
    return err;
}

static bool socket_holds(struct socket *socket) {
    pthread_mutex_lock(&socket->lock);
    int events = 0;
    size_t bytes = sizeof events;
    if (!socket->quiet && lib.zmq_getsockopt(socket->handle, ZMQ_EVENTS, &events, &bytes) == 0) {
        socket->quiet = (events & ZMQ_POLLIN) == 0;
    }
    bool holds = !socket->quiet;
    pthread_mutex_unlock(&socket->lock);
    return holds;
}

/* ---- pairs ---- */

struct pair {
    struct corps__pair base; /* first */
    struct socket socket;
};

static struct socket *socket_of(struct corps__pair *pair) {
    return &((struct pair *)pair)->socket;
}

static enum corps_err open_zmq_pair(struct corps__pair *pair, unsigned message_count) {
    return socket_open(socket_of(pair), (int)message_count);
}

static enum corps_err listen_zmq_pair(struct corps__pair *pair, const char *url, unsigned *port) {
    void *handle = socket_of(pair)->handle;
    if (lib.zmq_bind(handle, url) != 0) {
        return zmq_failed("listen");
    }
    char bound[CORPS_ADDRESS_BYTES];
    size_t bytes = sizeof bound;
    if (lib.zmq_getsockopt(handle, ZMQ_LAST_ENDPOINT, bound, &bytes) != 0) {
        return zmq_failed("tell where it listens");
    }
    const char *colon = strrchr(bound, ':');
    *port = colon != NULL ? (unsigned)strtoul(colon + 1, NULL, 10) : 0;
    return CORPS_OK;
}

static enum corps_err dial_zmq_pair(struct corps__pair *pair, const char *url) {
    return lib.zmq_connect(socket_of(pair)->handle, url) == 0 ? CORPS_OK : zmq_failed("connect");
}

static enum corps_err put_zmq_pair(struct corps__pair *pair, const struct corps__head *head,
                                   const struct corps_parcel *parcel, size_t from, size_t bytes) {
    return socket_put(socket_of(pair), head, parcel, from, bytes);
}

static enum corps_err take_zmq_pair(struct corps__pair *pair, const uint8_t **data, size_t *bytes) {
    return socket_take(socket_of(pair), data, bytes);
}

static void drop_zmq_pair(struct corps__pair *pair) {
    zmq_msg_t *in = &socket_of(pair)->in;
    lib.zmq_msg_close(in);
    (void)lib.zmq_msg_init(in);
}

struct kept {
    struct corps_block block; /* first */
    zmq_msg_t message;
};

static void free_zmq_message(struct corps_block *block) {
    lib.zmq_msg_close(&((struct kept *)block)->message);
    free(block);
}

static struct corps_block *keep_zmq_pair(struct corps__pair *pair) {
    struct kept *kept = malloc(sizeof *kept);
    if (kept == NULL) {
        return NULL;
    }
    (void)lib.zmq_msg_init(&kept->message);
    (void)lib.zmq_msg_move(&kept->message, &socket_of(pair)->in);
    corps_block_init(&kept->block, (uint8_t *)lib.zmq_msg_data(&kept->message) + CORPS__HEAD_BYTES,
                     lib.zmq_msg_size(&kept->message) - CORPS__HEAD_BYTES, free_zmq_message);
    return &kept->block;
}

static bool zmq_pair_holds(struct corps__pair *pair) {
    return socket_holds(socket_of(pair));
}

static int fd_of_zmq_pair(struct corps__pair *pair) {
    return socket_of(pair)->fd;
}

static void close_zmq_pair(struct corps__pair *pair, bool lost, const struct corps__head *bye) {
    struct socket *socket = socket_of(pair);
    if (!lost) {
        static const struct corps_parcel nothing;
        lost = socket_put(socket, bye, &nothing, 0, 0) != CORPS_OK; /* then the connection is gone */
    }
    socket_close(socket, lost);
}

static const struct corps__pair_library library = {
    .pair_bytes = sizeof(struct pair),
    .message_bytes = 128, /* about what ZeroMQ allocates */
    .start = start_zmq,
    .stop = stop_zmq,
    .open = open_zmq_pair,
    .listen = listen_zmq_pair,
    .dial = dial_zmq_pair,
    .put = put_zmq_pair,
    .take = take_zmq_pair,
    .drop = drop_zmq_pair,
    .keep = keep_zmq_pair,
    .holds = zmq_pair_holds,
    .fd = fd_of_zmq_pair,
    .close = close_zmq_pair,
};

/* ---- tables ---- */

static const char *describe_zmq(void) {
    static char text[32];
    int major = 0, minor = 0, patch = 0;
    if (start_zmq() != CORPS_OK) {
        return NULL;
    }
    lib.zmq_version(&major, &minor, &patch);
    stop_zmq();
    snprintf(text, sizeof text, "ZeroMQ %d.%d.%d", major, minor, patch);
    return text;
}

CORPS__PAIR_TRANSPORTS(zmq, "ZeroMQ PAIR")
