#include "base/log.h"
#include "lobby.h"
#include "stream.h"
#include "tcp_auth.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

/* TCP over IPv4 and IPv6. Addresses are "host:port" or "[host]:port", numeric. */

enum { BACKLOG = 1024, PROOF_TIMEOUT_MS = 5000 };

struct endpoint {
    struct corps__stream stream; /* first */
    struct corps__lobby *lobby;
    uv_loop_t *loop;
    int fd;
    uint8_t secret[CORPS_SECRET_BYTES];
    struct proof *proofs; /* under way */
};

/* A connection that has not proved itself yet. */
struct proof {
    uv_poll_t poll;
    uv_timer_t timer; /* ours, when we connected; who was accepted has its time in the lobby */
    int open_handles;
    struct corps__guest guest;
    int fd;
    struct endpoint *endpoint;
    struct corps__stream_link *link; /* ours, when we connected; NULL when the peer did */
    struct corps__auth auth;
    bool connecting;
    struct proof *next;
};

/* ---- addresses ---- */

/* "host:port", "[host]:port" or "host" → host and port texts. */
static enum corps_err split_address(const char *text, char host[128], char port[8]) {
    const char *colon = strrchr(text, ':');
    const char *bracket = strchr(text, ']');
    bool v6_bare = colon != NULL && bracket == NULL && strchr(text, ':') != colon;
    bool has_port = colon != NULL && !v6_bare && (bracket == NULL || colon > bracket);
    size_t host_bytes = has_port ? (size_t)(colon - text) : strlen(text);
    const char *start = text;
    if (text[0] == '[' && bracket != NULL) {
        start = text + 1;
        host_bytes = (size_t)(bracket - text) - 1;
    }
    if (host_bytes == 0 || host_bytes >= 128 || (has_port && strlen(colon + 1) >= 8)) {
        return corps_error_set(CORPS_ERR_INVALID, "'%s' is no address; write host:port or [host]:port", text);
    }
    memcpy(host, start, host_bytes);
    host[host_bytes] = '\0';
    strcpy(port, has_port ? colon + 1 : "0");
    /* getaddrinfo would take 99999 and use what is left of it in 16 bits. */
    char *end;
    unsigned long number = strtoul(port, &end, 10);
    if (port[0] < '0' || port[0] > '9' || *end != '\0' || number > UINT16_MAX) {
        return corps_error_set(CORPS_ERR_INVALID, "'%s' names no port; write a number from 0 to 65535", text);
    }
    return CORPS_OK;
}

static enum corps_err resolve_address(const char *text, struct sockaddr_storage *out, socklen_t *bytes) {
    char host[128];
    char port[8];
    enum corps_err err = split_address(text, host, port);
    if (err != CORPS_OK) {
        return err;
    }
    /* Numeric alone: looking names up could block for seconds. */
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV};
    struct addrinfo *found;
    const char *numeric = strcmp(host, "localhost") == 0 ? "127.0.0.1" : host;
    int failed = getaddrinfo(numeric, port, &hints, &found);
    if (failed != 0) {
        return corps_error_set(CORPS_ERR_INVALID, "'%s' is no numeric IPv4 or IPv6 address with a port: %s", text,
                               gai_strerror(failed));
    }
    memcpy(out, found->ai_addr, found->ai_addrlen);
    *bytes = found->ai_addrlen;
    freeaddrinfo(found);
    return CORPS_OK;
}

static enum corps_err address_of(int fd, char address[CORPS_ADDRESS_BYTES]) {
    struct sockaddr_storage own;
    socklen_t bytes = sizeof own;
    char host[128];
    char port[8];
    if (getsockname(fd, (struct sockaddr *)&own, &bytes) != 0 ||
        getnameinfo((struct sockaddr *)&own, bytes, host, sizeof host, port, sizeof port,
                    NI_NUMERICHOST | NI_NUMERICSERV) != 0) {
        return corps_error_system("cannot tell the listening port");
    }
    snprintf(address, CORPS_ADDRESS_BYTES, strchr(host, ':') != NULL ? "[%s]:%s" : "%s:%s", host, port);
    return CORPS_OK;
}

/* ---- proving ---- */

static void proof_handle_closed(uv_handle_t *handle) {
    struct proof *proof = handle->data;
    if (--proof->open_handles == 0) {
        sodium_memzero(&proof->auth, sizeof proof->auth);
        free(proof);
    }
}

/* Ends the proof; gives its descriptor, or closes it. */
static int finish_proof(struct proof *proof, bool keep_fd) {
    struct proof **at = &proof->endpoint->proofs;
    while (*at != proof) {
        at = &(*at)->next;
    }
    *at = proof->next;
    if (proof->link != NULL) {
        proof->link->transport_data = NULL;
    }
    corps__lobby_leave(&proof->guest);
    int fd = proof->fd;
    uv_close((uv_handle_t *)&proof->poll, proof_handle_closed); /* first: it still needs the descriptor's number */
    uv_close((uv_handle_t *)&proof->timer, proof_handle_closed);
    if (!keep_fd) {
        close(fd);
    }
    return fd;
}

static void refuse_peer(struct proof *proof, enum corps_err reason) {
    struct corps__stream_link *link = proof->link;
    if (link == NULL && reason != CORPS_ERR_CLOSED) {
        corps__log_refusal(corps_error_detail());
    }
    finish_proof(proof, false);
    if (link != NULL) {
        corps__stream_link_end(link, reason);
    }
}

static void accept_peer(struct proof *proof) {
    struct endpoint *endpoint = proof->endpoint;
    bool accepted = proof->link == NULL;
    struct corps__stream_link *link = accepted ? corps__stream_link_create(&endpoint->stream) : proof->link;
    int fd = finish_proof(proof, link != NULL);
    if (link == NULL) {
        return; /* out of memory: the peer sees the connection close */
    }
    int one = 1;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    enum corps_err err = corps__stream_link_start(link, fd, fd, true, accepted);
    if (err != CORPS_OK && accepted) {
        corps__stream_disconnect(&link->base.base);
    } else if (err != CORPS_OK) {
        corps__stream_link_end(link, err);
    }
}

/* What is said here is small and the first thing on the connection: the kernel takes it whole. */
static bool say_to_peer(const struct proof *proof, const uint8_t *data, size_t bytes) {
    return bytes == 0 || send(proof->fd, data, bytes, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)bytes;
}

static void on_proof_readable(uv_poll_t *poll, int status, int events) {
    (void)events;
    struct proof *proof = poll->data;
    uint8_t in[128];
    uint8_t out[128];
    size_t out_bytes;
    ssize_t got = status < 0 ? 0 : recv(proof->fd, in, corps__auth_wants(&proof->auth), MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
        return;
    }
    if (got <= 0) {
        refuse_peer(proof, CORPS_ERR_CLOSED);
        return;
    }
    enum corps_err err = corps__auth_feed(&proof->auth, in, (size_t)got, out, &out_bytes);
    if (err == CORPS_OK && !say_to_peer(proof, out, out_bytes)) {
        err = CORPS_ERR_CLOSED;
    }
    if (err != CORPS_OK) {
        refuse_peer(proof, err);
    } else if (proof->auth.proved) {
        accept_peer(proof);
    }
}

static void on_tcp_connected(uv_poll_t *poll, int status, int events) {
    (void)status;
    (void)events;
    struct proof *proof = poll->data;
    int error = 0;
    socklen_t bytes = sizeof error;
    getsockopt(proof->fd, SOL_SOCKET, SO_ERROR, &error, &bytes);
    uint8_t out[128];
    size_t out_bytes = error == 0 ? corps__auth_start(&proof->auth, proof->endpoint->secret, false, out) : 0;
    if (error != 0 || !say_to_peer(proof, out, out_bytes)) {
        refuse_peer(proof, CORPS_ERR_CLOSED);
        return;
    }
    uv_poll_start(&proof->poll, UV_READABLE, on_proof_readable);
}

static void on_proof_timeout(uv_timer_t *timer) {
    (void)corps_error_set(CORPS_ERR_DENIED, "a TCP peer did not prove itself within %d s", PROOF_TIMEOUT_MS / 1000);
    refuse_peer(timer->data, CORPS_ERR_DENIED);
}

static void on_proof_expired(void *owner, struct corps__guest *guest) {
    (void)owner;
    (void)corps_error_set(CORPS_ERR_DENIED, "a TCP peer did not prove itself in time");
    refuse_peer((struct proof *)((char *)guest - offsetof(struct proof, guest)), CORPS_ERR_DENIED);
}

static enum corps_err begin_proof(struct endpoint *endpoint, int fd, struct corps__stream_link *link) {
    struct proof *proof = calloc(1, sizeof *proof);
    if (proof == NULL || uv_poll_init(endpoint->loop, &proof->poll, fd) != 0) {
        free(proof);
        return corps_error_set(CORPS_ERR_NO_MEMORY, "no memory for a connection");
    }
    uv_timer_init(endpoint->loop, &proof->timer);
    uv_update_time(endpoint->loop);
    proof->open_handles = 2;
    proof->poll.data = proof->timer.data = proof;
    proof->fd = fd;
    proof->endpoint = endpoint;
    proof->link = link;
    proof->next = endpoint->proofs;
    endpoint->proofs = proof;
    if (link != NULL) {
        uv_timer_start(&proof->timer, on_proof_timeout, PROOF_TIMEOUT_MS, 0);
        link->transport_data = proof;
        uv_poll_start(&proof->poll, UV_WRITABLE, on_tcp_connected);
    } else {
        uint8_t nothing[128];
        corps__lobby_enter(endpoint->lobby, &proof->guest);
        corps__auth_start(&proof->auth, endpoint->secret, true, nothing);
        uv_poll_start(&proof->poll, UV_READABLE, on_proof_readable);
    }
    return CORPS_OK;
}

/* ---- listening and connecting ---- */

static void on_tcp_connection(void *owner, int fd) {
    if (begin_proof(owner, fd, NULL) != CORPS_OK) {
        close(fd);
    }
}

static const struct corps__lobby_ops lobby_ops = {.on_connection = on_tcp_connection, .on_expired = on_proof_expired};

static enum corps_err listen_on(struct endpoint *endpoint, const char *text) {
    struct sockaddr_storage where;
    socklen_t bytes;
    enum corps_err err = resolve_address(text, &where, &bytes);
    if (err != CORPS_OK) {
        return err;
    }
    endpoint->fd = socket(where.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (endpoint->fd < 0) {
        return corps_error_system("cannot make a TCP socket");
    }
    int one = 1;
    (void)setsockopt(endpoint->fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    corps__stream_set_buffers(&endpoint->stream, endpoint->fd); /* accepted connections inherit them */
    if (bind(endpoint->fd, (struct sockaddr *)&where, bytes) != 0 || listen(endpoint->fd, BACKLOG) != 0) {
        err =
            errno == EADDRINUSE
                ? corps_error_set(CORPS_ERR_LIMIT, "%s is in use; choose another port, or none to get a free one", text)
                : corps_error_system("cannot listen on %s", text);
        close(endpoint->fd);
    }
    return err;
}

static enum corps_err tcp_open(struct corps_endpoint *base, const struct corps_endpoint_options *options,
                               char address[CORPS_ADDRESS_BYTES]) {
    struct endpoint *endpoint = (struct endpoint *)base;
    if (options->secret == NULL) {
        return corps_error_set(CORPS_ERR_INVALID, "tcp needs a secret that its peers can prove to know");
    }
    endpoint->loop = options->loop;
    memcpy(endpoint->secret, options->secret, sizeof endpoint->secret);
    enum corps_err err = corps__stream_open(&endpoint->stream, options);
    if (err != CORPS_OK) {
        return err;
    }
    err = listen_on(endpoint, options->bind != NULL ? options->bind : "127.0.0.1");
    if (err != CORPS_OK) {
        corps__stream_close(&endpoint->stream);
        return err;
    }
    err = address_of(endpoint->fd, address);
    if (err == CORPS_OK) {
        err = corps__lobby_open(endpoint->loop, endpoint->fd, &lobby_ops, endpoint, &endpoint->lobby);
    }
    if (err != CORPS_OK) {
        close(endpoint->fd);
        corps__stream_close(&endpoint->stream);
    }
    return err;
}

static void tcp_close(struct corps_endpoint *base) {
    struct endpoint *endpoint = (struct endpoint *)base;
    while (endpoint->proofs != NULL) {
        finish_proof(endpoint->proofs, false);
    }
    corps__lobby_close(endpoint->lobby);
    close(endpoint->fd);
    sodium_memzero(endpoint->secret, sizeof endpoint->secret);
    corps__stream_close(&endpoint->stream);
}

static void destroy_tcp_link(struct corps__stream_link *link) {
    if (link->transport_data != NULL) {
        finish_proof(link->transport_data, false); /* still connecting */
    }
}

static enum corps_err tcp_connect(struct corps_endpoint *base, const char *address, struct corps_link **out) {
    struct endpoint *endpoint = (struct endpoint *)base;
    struct sockaddr_storage where;
    socklen_t bytes;
    enum corps_err err = resolve_address(address, &where, &bytes);
    if (err != CORPS_OK) {
        return err;
    }
    struct corps__stream_link *link = corps__stream_link_create(&endpoint->stream);
    if (link == NULL) {
        return CORPS_ERR_NO_MEMORY;
    }
    link->destroy = destroy_tcp_link;
    int fd = socket(where.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd >= 0) {
        corps__stream_set_buffers(&endpoint->stream, fd);
    }
    if (fd < 0 || (connect(fd, (struct sockaddr *)&where, bytes) != 0 && errno != EINPROGRESS)) {
        err = errno == ECONNREFUSED ? corps_error_set(CORPS_ERR_CLOSED, "nobody listens on %s", address)
                                    : corps_error_system("cannot connect to %s", address);
    }
    err = err == CORPS_OK ? begin_proof(endpoint, fd, link) : err;
    if (err != CORPS_OK) {
        if (fd >= 0) {
            close(fd);
        }
        corps__stream_disconnect(&link->base.base);
        return err;
    }
    *out = &link->base.base;
    return CORPS_OK;
}

const struct corps_transport corps_transport_tcp = {
    .name = "tcp",
    .summary = "TCP between Envs of one or several hosts; peers prove the Corps' secret",
    .capabilities = CORPS_TRANSPORT_REMOTE,
    .endpoint_bytes = sizeof(struct endpoint),
    .control_block = "raw:tcp",
    .control_spin = "raw:tcp",
    .open = tcp_open,
    .close = tcp_close,
    .connect = tcp_connect,
    .forget = corps__stream_forget,
    CORPS__STREAM_OPERATIONS,
};
