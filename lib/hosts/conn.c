#include "hosts/conn.h"

#include "base/seal.h"
#include "hosts/address.h"

#include <endian.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    HEAD_BYTES = 4 + 1 + 8 + 8,
    PIECE_BYTES = 64 << 10, /* read at once */
    TLS_HANDSHAKE = 0x16,   /* the first byte of a TLS client: RFC 8446, 5.1 */
};

/* Bytes on their way: what is before `at` has gone. */
struct bytes {
    uint8_t *data;
    size_t at, end, capacity;
};

struct corps__conn {
    uv_poll_t poll;
    uv_timer_t timer; /* until it is open */
    int handles;
    int fd;
    bool connecting, accepted, open, closed, full, busy;
    bool peer_is_near; /* of one that was accepted: it comes from a loopback address */
    size_t frame_bytes_max;
    struct corps__seal *seal; /* NULL: not sealed, or not known yet */
    struct bytes plain;       /* to be sent */
    struct bytes in;          /* to be taken */
    const struct corps__conn_ops *ops;
    void *arg;
    char identity[128];
    uint8_t psk[CORPS__KEY_BYTES];
    char where[96];
    uint8_t piece[PIECE_BYTES]; /* what was received last */
};

/* ---- bytes ---- */

static size_t waiting(const struct bytes *bytes) {
    return bytes->end - bytes->at;
}

static bool make_room(struct bytes *bytes, size_t more) {
    if (bytes->at > 0 && bytes->at == bytes->end) {
        bytes->at = bytes->end = 0;
    }
    if (bytes->capacity - bytes->end >= more) {
        return true;
    }
    if (bytes->at > 0) {
        memmove(bytes->data, bytes->data + bytes->at, waiting(bytes));
        bytes->end -= bytes->at;
        bytes->at = 0;
    }
    if (bytes->capacity - bytes->end < more) {
        size_t capacity = 2 * (bytes->end + more);
        uint8_t *grown = realloc(bytes->data, capacity);
        if (grown == NULL) {
            return false;
        }
        bytes->data = grown;
        bytes->capacity = capacity;
    }
    return true;
}

/* ---- the end ---- */

static void free_when_closed(uv_handle_t *handle) {
    struct corps__conn *conn = handle->data;
    if (--conn->handles == 0) {
        free(conn->plain.data);
        free(conn->in.data);
        free(conn);
    }
}

static void let_go(struct corps__conn *conn) {
    conn->closed = true;
    uv_timer_stop(&conn->timer);
    uv_poll_stop(&conn->poll);
    uv_close((uv_handle_t *)&conn->poll, free_when_closed);
    uv_close((uv_handle_t *)&conn->timer, free_when_closed);
    if (conn->fd >= 0) {
        close(conn->fd);
    }
    corps__seal_free(conn->seal);
    conn->seal = NULL;
    explicit_bzero(conn->psk, sizeof conn->psk);
}

static void fail(struct corps__conn *conn, enum corps_err err) {
    if (!conn->closed) {
        let_go(conn);
        conn->ops->closed(conn->arg, err);
    }
}

static enum corps_err no_memory(void) {
    return corps_error_set(CORPS_ERR_NO_MEMORY, "no memory for a connection to another host");
}

/* ---- writing ---- */

/* Sends some; EMPTY: the socket takes nothing now. */
static enum corps_err send_some(const struct corps__conn *conn, const uint8_t *data, size_t bytes, size_t *sent) {
    ssize_t done;
    do {
        done = send(conn->fd, data, bytes, MSG_NOSIGNAL | MSG_DONTWAIT);
    } while (done < 0 && errno == EINTR);
    *sent = done > 0 ? (size_t)done : 0;
    if (done < 0 && errno != EAGAIN) {
        return corps_error_system("the connection to %s has ended", conn->where);
    }
    return done < 0 ? CORPS_ERR_EMPTY : CORPS_OK;
}

/* Sends what is sealed, and seals more, until there is nothing or the socket takes no more (EMPTY). */
static enum corps_err flush_sealed(struct corps__conn *conn) {
    for (;;) {
        size_t bytes, done = 0;
        const uint8_t *sealed = corps__seal_pending(conn->seal, &bytes);
        if (bytes > 0) {
            enum corps_err err = send_some(conn, sealed, bytes, &done);
            corps__seal_sent(conn->seal, done);
            if (err != CORPS_OK) {
                return err;
            }
            continue;
        }
        if (!corps__seal_is_open(conn->seal) || waiting(&conn->plain) == 0) {
            return CORPS_OK;
        }
        enum corps_err err =
            corps__seal_write(conn->seal, conn->plain.data + conn->plain.at, waiting(&conn->plain), &done);
        conn->plain.at += done;
        if (err != CORPS_OK && err != CORPS_ERR_AGAIN) {
            return err;
        }
    }
}

/* OK: all was sent. EMPTY: the socket takes no more. */
static enum corps_err flush(struct corps__conn *conn) {
    if (conn->seal != NULL) {
        return flush_sealed(conn);
    }
    enum corps_err err = CORPS_OK;
    while (err == CORPS_OK && conn->open && waiting(&conn->plain) > 0) {
        size_t done;
        err = send_some(conn, conn->plain.data + conn->plain.at, waiting(&conn->plain), &done);
        conn->plain.at += done;
    }
    return err;
}

static void on_event(uv_poll_t *poll, int status, int events);

/* Writes what can be written, and waits for what is to be waited for. */
static void go_on(struct corps__conn *conn) {
    if (conn->closed || conn->connecting) {
        return;
    }
    enum corps_err err;
    bool more;
    do {
        err = flush(conn);
        if (err != CORPS_OK && err != CORPS_ERR_EMPTY) {
            fail(conn, err);
            return;
        }
        more = conn->full && corps__conn_has_room(conn);
        if (more) {
            conn->full = false;
            conn->ops->room(conn->arg);
        }
    } while (more && !conn->closed);
    if (!conn->closed) {
        uv_poll_start(&conn->poll, err == CORPS_OK ? UV_READABLE : UV_READABLE | UV_WRITABLE, on_event);
    }
}

bool corps__conn_has_room(const struct corps__conn *conn) {
    return waiting(&conn->plain) < CORPS__CONN_ROOM_BYTES;
}

enum corps_err corps__conn_send(struct corps__conn *conn, uint8_t kind, uint64_t number, uint64_t ack, const void *data,
                                size_t bytes) {
    if (conn->closed) {
        return CORPS_ERR_CLOSED;
    }
    if (!make_room(&conn->plain, HEAD_BYTES + bytes)) {
        shutdown(conn->fd, SHUT_RDWR); /* what was lost must not be waited for; its end follows */
        return no_memory();
    }
    uint8_t *at = conn->plain.data + conn->plain.end;
    uint32_t length = htole32((uint32_t)(HEAD_BYTES - 4 + bytes));
    number = htole64(number);
    ack = htole64(ack);
    memcpy(at, &length, 4);
    at[4] = kind;
    memcpy(at + 5, &number, 8);
    memcpy(at + 13, &ack, 8);
    if (bytes > 0) {
        memcpy(at + HEAD_BYTES, data, bytes);
    }
    conn->plain.end += HEAD_BYTES + bytes;
    conn->full = conn->full || !corps__conn_has_room(conn);
    if (!conn->busy) { /* else it is written when what has come was taken */
        conn->busy = true;
        go_on(conn);
        conn->busy = false;
    }
    return CORPS_OK;
}

/* ---- reading ---- */

static void take_frames(struct corps__conn *conn) {
    while (!conn->closed && waiting(&conn->in) >= HEAD_BYTES) {
        const uint8_t *at = conn->in.data + conn->in.at;
        struct corps__frame frame;
        uint32_t length;
        memcpy(&length, at, 4);
        length = le32toh(length);
        if (length < HEAD_BYTES - 4 || length > conn->frame_bytes_max) {
            fail(conn, corps_error_set(CORPS_ERR_PROTOCOL, "%s sent a frame of %u bytes; it is none of this version's",
                                       conn->where, length));
            return;
        }
        if (waiting(&conn->in) - 4 < length) {
            return;
        }
        frame.kind = at[4];
        memcpy(&frame.number, at + 5, 8);
        memcpy(&frame.ack, at + 13, 8);
        frame.number = le64toh(frame.number);
        frame.ack = le64toh(frame.ack);
        frame.data = at + HEAD_BYTES;
        frame.bytes = length - (HEAD_BYTES - 4);
        conn->in.at += 4 + (size_t)length;
        conn->ops->frame(conn->arg, &frame);
    }
}

static void is_open(struct corps__conn *conn) {
    if (!conn->open && !conn->closed) {
        conn->open = true;
        uv_timer_stop(&conn->timer);
        conn->ops->open(conn->arg);
    }
}

/* What the seal gives of what has come. */
static enum corps_err unseal(struct corps__conn *conn, const uint8_t *data, size_t bytes) {
    enum corps_err err = corps__seal_take(conn->seal, data, bytes);
    if (err == CORPS_OK && corps__seal_is_open(conn->seal)) {
        is_open(conn);
    }
    while (err == CORPS_OK && !conn->closed) {
        size_t done = 0;
        if (!make_room(&conn->in, PIECE_BYTES)) {
            return no_memory();
        }
        err = corps__seal_read(conn->seal, conn->in.data + conn->in.end, PIECE_BYTES, &done);
        conn->in.end += err == CORPS_OK ? done : 0;
        take_frames(conn);
    }
    return conn->closed || err == CORPS_ERR_AGAIN ? CORPS_OK : err;
}

static bool seal_is(const char *word) {
    const char *seal = getenv("CORPS_SEAL");
    return seal != NULL && strcmp(seal, word) == 0;
}

static bool find_psk(void *arg, const char *identity, uint8_t psk[CORPS__KEY_BYTES]) {
    struct corps__conn *conn = arg;
    return conn->ops->find(conn->arg, identity, psk);
}

/* The first byte of a client says whether it seals. */
static enum corps_err see_first(struct corps__conn *conn, uint8_t first) {
    if (first == TLS_HANDSHAKE) {
        return corps__seal_listener(find_psk, conn, &conn->seal);
    }
    if (seal_is("always") || (!conn->peer_is_near && !seal_is("never"))) {
        return corps_error_set(CORPS_ERR_DENIED, "%s came without a seal; set CORPS_SEAL alike on both hosts",
                               conn->where);
    }
    is_open(conn);
    return CORPS_OK;
}

static enum corps_err take_bytes(struct corps__conn *conn, const uint8_t *data, size_t bytes) {
    enum corps_err err = CORPS_OK;
    if (conn->accepted && !conn->open && conn->seal == NULL) {
        err = see_first(conn, data[0]);
    }
    if (err != CORPS_OK || conn->closed) {
        return err;
    }
    if (conn->seal != NULL) {
        return unseal(conn, data, bytes);
    }
    if (!make_room(&conn->in, bytes)) {
        return no_memory();
    }
    memcpy(conn->in.data + conn->in.end, data, bytes);
    conn->in.end += bytes;
    take_frames(conn);
    return CORPS_OK;
}

static void on_readable(struct corps__conn *conn) {
    ssize_t got = recv(conn->fd, conn->piece, sizeof conn->piece, MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
        return;
    }
    if (got <= 0) {
        fail(conn, got < 0 ? corps_error_system("the connection to %s has ended", conn->where)
                           : corps_error_set(CORPS_ERR_CLOSED, "%s has ended the connection", conn->where));
        return;
    }
    enum corps_err err = take_bytes(conn, conn->piece, (size_t)got);
    if (err != CORPS_OK && !conn->closed) {
        char detail[400];
        snprintf(detail, sizeof detail, "%s", corps_error_detail());
        (void)!flush(conn); /* the alert of a seal */
        fail(conn, corps_error_set(err, "%s", detail));
    }
}

/* ---- connecting ---- */

static enum corps_err begin_client(struct corps__conn *conn) {
    int error = 0;
    socklen_t bytes = sizeof error;
    getsockopt(conn->fd, SOL_SOCKET, SO_ERROR, &error, &bytes);
    conn->connecting = false;
    if (error != 0) {
        errno = error;
        return error == ECONNREFUSED
                   ? corps_error_set(CORPS_ERR_CLOSED, "nobody listens at %s; start corps-agent there", conn->where)
                   : corps_error_system("cannot connect to %s", conn->where);
    }
    if (conn->identity[0] == '\0') {
        is_open(conn);
        return CORPS_OK;
    }
    enum corps_err err = corps__seal_client(conn->psk, conn->identity, &conn->seal);
    explicit_bzero(conn->psk, sizeof conn->psk);
    return err;
}

static void on_event(uv_poll_t *poll, int status, int events) {
    (void)events;
    struct corps__conn *conn = poll->data;
    conn->busy = true;
    if (conn->connecting) {
        enum corps_err err = begin_client(conn);
        if (err != CORPS_OK) {
            fail(conn, err);
        }
    } else if (status < 0 || (events & (UV_READABLE | UV_DISCONNECT)) != 0) {
        on_readable(conn);
    }
    go_on(conn); /* its memory is there until the loop has turned */
    conn->busy = false;
}

static void on_timer(uv_timer_t *timer) {
    struct corps__conn *conn = timer->data;
    fail(conn, corps_error_set(CORPS_ERR_TIMEOUT,
                               "%s does not answer within %d ms; is the address right, and the way to it "
                               "open?",
                               conn->where, CORPS__CONN_CONNECT_MS));
}

static struct corps__conn *make_conn(uv_loop_t *loop, int fd, const struct corps__conn_ops *ops, void *arg) {
    struct corps__conn *conn = calloc(1, sizeof *conn);
    if (conn == NULL || uv_poll_init(loop, &conn->poll, fd) != 0) {
        free(conn);
        return NULL;
    }
    uv_timer_init(loop, &conn->timer);
    uv_update_time(loop);
    uv_timer_start(&conn->timer, on_timer, CORPS__CONN_CONNECT_MS, 0);
    conn->handles = 2;
    conn->poll.data = conn->timer.data = conn;
    conn->fd = fd;
    conn->ops = ops;
    conn->arg = arg;
    conn->frame_bytes_max = CORPS__CONN_STRANGER_BYTES_MAX;
    corps__socket_tune(fd);
    return conn;
}

static bool is_sealed(const char *address) {
    return seal_is("always") || (!seal_is("never") && !corps__address_is_loopback(address));
}

enum corps_err corps__conn_connect(uv_loop_t *loop, const struct corps__host *to, const char *identity,
                                   const uint8_t psk[CORPS__KEY_BYTES], const struct corps__conn_ops *ops, void *arg,
                                   struct corps__conn **out) {
    struct sockaddr_storage where;
    socklen_t bytes = corps__address_fill(to, &where);
    int fd = socket(where.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        return corps_error_system("cannot make a socket");
    }
    struct corps__conn *conn = make_conn(loop, fd, ops, arg);
    if (conn == NULL) {
        close(fd);
        return no_memory();
    }
    conn->connecting = true;
    char address[80];
    corps__host_address(to, address, sizeof address);
    snprintf(conn->where, sizeof conn->where, "%s", address);
    if (is_sealed(to->address)) {
        snprintf(conn->identity, sizeof conn->identity, "%s", identity);
        memcpy(conn->psk, psk, sizeof conn->psk);
    }
    /* What fails at once shows as an error of the socket, too. */
    if (connect(fd, (struct sockaddr *)&where, bytes) != 0 && errno != EINPROGRESS) {
        conn->connecting = true;
    }
    uv_poll_start(&conn->poll, UV_WRITABLE, on_event);
    *out = conn;
    return CORPS_OK;
}

enum corps_err corps__conn_accept(uv_loop_t *loop, int fd, const struct corps__conn_ops *ops, void *arg,
                                  struct corps__conn **out) {
    char address[CORPS__ADDRESS_BYTES];
    corps__address_of_peer(fd, address);
    struct corps__conn *conn = make_conn(loop, fd, ops, arg);
    if (conn == NULL) {
        close(fd);
        return no_memory();
    }
    conn->accepted = true;
    conn->peer_is_near = corps__address_is_loopback(address);
    snprintf(conn->where, sizeof conn->where, "%s", address);
    uv_poll_start(&conn->poll, UV_READABLE, on_event);
    *out = conn;
    return CORPS_OK;
}

void corps__conn_trust(struct corps__conn *conn) {
    conn->frame_bytes_max = CORPS__CONN_FRAME_BYTES_MAX;
}

void corps__conn_close(struct corps__conn *conn) {
    if (conn == NULL || conn->closed) {
        return;
    }
    if (!conn->connecting) {
        if (flush(conn) == CORPS_OK && conn->seal != NULL && corps__seal_is_open(conn->seal)) {
            corps__seal_end(conn->seal);
            (void)!flush(conn);
        }
    }
    let_go(conn);
}
