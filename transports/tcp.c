#include "tcp_endpoint.h"
#include "tcp_watch.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* TCP over IPv4 and IPv6. Links that leave the host are sealed, unless that was forbidden; others prove the secret. */

enum { BACKLOG = 1024 };

/* ---- links to other hosts are watched ---- */

static void destroy_far_link(struct corps__stream_link *link) {
    free(link->transport_data);
}

static void look_at_links(uv_timer_t *timer) {
    struct corps__tcp_endpoint *endpoint = timer->data;
    unsigned far_count = 0;
    for (struct corps__link *at = endpoint->stream.links.first; at != NULL; at = at->next) {
        struct corps__stream_link *link = (struct corps__stream_link *)at;
        struct corps__tcp_signs signs;
        if (link->destroy != destroy_far_link || at->ended) {
            continue;
        }
        far_count++;
        if (!corps__tcp_watch_signs(link->read_fd, &signs)) {
            continue;
        }
        switch (corps__tcp_watch_look(link->transport_data, &signs)) {
        case CORPS__TCP_ALIVE:
            break;
        case CORPS__TCP_ASK:
            corps__tcp_watch_ask(link->read_fd);
            break;
        case CORPS__TCP_DEAD:
            (void)corps_error_set(CORPS_ERR_CLOSED, "another host has not answered for %u ms", signs.silent_ms);
            corps__stream_link_end(link, CORPS_ERR_CLOSED);
            break;
        }
    }
    if (far_count == 0) {
        uv_timer_stop(&endpoint->watch);
    }
}

static bool leaves_host(int fd) {
    struct corps__tcp_where peer = {.bytes = sizeof peer.address};
    return getpeername(fd, (struct sockaddr *)&peer.address, &peer.bytes) == 0 && !corps__tcp_is_loopback(&peer);
}

static void watch_link(struct corps__tcp_endpoint *endpoint, struct corps__stream_link *link, int fd) {
    if (!leaves_host(fd)) {
        return;
    }
    corps__tcp_watch_begin(fd);
    link->transport_data = calloc(1, sizeof(struct corps__tcp_watch));
    if (link->transport_data == NULL) {
        return; /* then the kernel's keepalive ends it, if later */
    }
    link->destroy = destroy_far_link;
    if (!uv_is_active((uv_handle_t *)&endpoint->watch)) {
        uv_update_time(endpoint->loop);
        uv_timer_start(&endpoint->watch, look_at_links, CORPS__TCP_LOOK_MS, CORPS__TCP_LOOK_MS);
    }
}

void corps__tcp_link_start(struct corps__tcp_endpoint *endpoint, struct corps__stream_link *link, int fd,
                           bool accepted) {
    int one = 1;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    watch_link(endpoint, link, fd);
    enum corps_err err = corps__stream_link_start(link, fd, fd, true, accepted);
    if (err != CORPS_OK && accepted) {
        corps__stream_disconnect(&link->base.base);
    } else if (err != CORPS_OK) {
        corps__stream_link_end(link, err);
    }
}

/* ---- listening ---- */

static void on_tcp_connection(void *owner, int fd) {
    if (corps__tcp_prove(owner, fd, NULL, NULL, NULL) != CORPS_OK) {
        close(fd);
    }
}

static const struct corps__lobby_ops lobby_ops = {.on_connection = on_tcp_connection,
                                                  .on_expired = corps__tcp_proof_expired};

/* OK, LIMIT when the port is taken, SYSTEM. */
static enum corps_err listen_at(struct corps__tcp_endpoint *endpoint, const char *text,
                                const struct corps__tcp_where *where) {
    endpoint->fd = socket(where->address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (endpoint->fd < 0) {
        return corps_error_system("cannot make a TCP socket");
    }
    int one = 1;
    (void)setsockopt(endpoint->fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    corps__stream_set_buffers(&endpoint->stream, endpoint->fd); /* accepted connections inherit them */
    if (bind(endpoint->fd, (const struct sockaddr *)&where->address, where->bytes) == 0 &&
        listen(endpoint->fd, BACKLOG) == 0) {
        return CORPS_OK;
    }
    enum corps_err err =
        errno == EADDRINUSE
            ? corps_error_set(CORPS_ERR_LIMIT, "%s is in use; choose another port, or none to get a free one", text)
            : corps_error_system("cannot listen on %s", text);
    close(endpoint->fd);
    return err;
}

static enum corps_err listen_on(struct corps__tcp_endpoint *endpoint, const char *text,
                                const struct corps__tcp_bind *bind) {
    struct corps__tcp_where where = bind->where;
    enum corps_err err = CORPS_ERR_LIMIT;
    for (unsigned port = bind->first; port <= bind->last && err == CORPS_ERR_LIMIT; port++) {
        corps__tcp_set_port(&where, (uint16_t)port);
        err = listen_at(endpoint, text, &where);
    }
    return err == CORPS_ERR_LIMIT && bind->last > bind->first
               ? corps_error_set(err, "every port of %s is in use; give more of them", text)
               : err;
}

/* ---- the endpoint ---- */

static enum corps_err decide_seal(struct corps__tcp_endpoint *endpoint, const struct corps_endpoint_options *options,
                                  const struct corps__tcp_bind *bind) {
    endpoint->seal = options->seal;
    endpoint->takes_sealed =
        options->seal == CORPS_SEAL_ALWAYS || (options->seal == CORPS_SEAL_AUTO && !corps__tcp_binds_loopback(bind));
    const char *identity = options->identity;
    if (identity == NULL) {
        uint8_t random[16];
        randombytes_buf(random, sizeof random);
        sodium_bin2hex(endpoint->identity, sizeof endpoint->identity, random, sizeof random);
    } else if (strlen(identity) == 0 || strlen(identity) >= sizeof endpoint->identity ||
               strpbrk(identity, "># \t\n") != NULL) {
        return corps_error_set(CORPS_ERR_INVALID, "'%s' cannot be who an endpoint is", identity);
    } else {
        strcpy(endpoint->identity, identity);
    }
    return endpoint->takes_sealed ? corps__seal_usable() : CORPS_OK;
}

static enum corps_err open_parts(struct corps__tcp_endpoint *endpoint, const struct corps_endpoint_options *options,
                                 char address[CORPS_ADDRESS_BYTES]) {
    const char *text = options->bind != NULL ? options->bind : "127.0.0.1";
    struct corps__tcp_bind bind;
    enum corps_err err = corps__tcp_bind_read(text, &bind);
    err = err == CORPS_OK ? decide_seal(endpoint, options, &bind) : err;
    err = err == CORPS_OK ? listen_on(endpoint, text, &bind) : err;
    if (err != CORPS_OK) {
        return err;
    }
    err = corps__tcp_address_write(endpoint->fd, &bind, endpoint->takes_sealed ? endpoint->identity : NULL, address);
    if (err == CORPS_OK) {
        err = corps__lobby_open(endpoint->loop, endpoint->fd, &lobby_ops, endpoint, &endpoint->lobby);
    }
    if (err != CORPS_OK) {
        close(endpoint->fd);
    }
    return err;
}

static enum corps_err tcp_open(struct corps_endpoint *base, const struct corps_endpoint_options *options,
                               char address[CORPS_ADDRESS_BYTES]) {
    struct corps__tcp_endpoint *endpoint = (struct corps__tcp_endpoint *)base;
    if (options->secret == NULL) {
        return corps_error_set(CORPS_ERR_INVALID, "tcp needs a secret that its peers can prove to know");
    }
    endpoint->loop = options->loop;
    memcpy(endpoint->secret, options->secret, sizeof endpoint->secret);
    enum corps_err err = corps__stream_open(&endpoint->stream, options);
    if (err != CORPS_OK) {
        return err;
    }
    err = open_parts(endpoint, options, address);
    if (err != CORPS_OK) {
        corps__stream_close(&endpoint->stream);
        return err;
    }
    uv_timer_init(endpoint->loop, &endpoint->watch);
    endpoint->watch.data = endpoint;
    return CORPS_OK;
}

static void tcp_close(struct corps_endpoint *base) {
    struct corps__tcp_endpoint *endpoint = (struct corps__tcp_endpoint *)base;
    corps__tcp_proofs_end(endpoint);
    corps__lobby_close(endpoint->lobby);
    uv_close((uv_handle_t *)&endpoint->watch, NULL);
    close(endpoint->fd);
    sodium_memzero(endpoint->secret, sizeof endpoint->secret);
    corps__stream_close(&endpoint->stream);
}

/* ---- connecting ---- */

/* Who may be connected to, and how, is said by the address that the peer gave: nobody on the way can change it. */
static enum corps_err check_seal(const struct corps__tcp_endpoint *endpoint, const struct corps__tcp_where *where,
                                 const char *address, bool is_sealed) {
    if (is_sealed && endpoint->seal == CORPS_SEAL_NEVER) {
        return corps_error_set(CORPS_ERR_DENIED,
                               "%s takes sealed connections alone, and CORPS_SEAL=never forbids them here; it must be "
                               "the same on all hosts",
                               address);
    }
    bool must =
        endpoint->seal == CORPS_SEAL_ALWAYS || (endpoint->seal == CORPS_SEAL_AUTO && !corps__tcp_is_loopback(where));
    return is_sealed || !must ? CORPS_OK
                              : corps_error_set(CORPS_ERR_DENIED,
                                                "%s takes no sealed connections, and others may not leave this host; "
                                                "CORPS_SEAL must be the same on all hosts",
                                                address);
}

static enum corps_err begin_connect(struct corps__tcp_endpoint *endpoint, const char *address,
                                    const struct corps__tcp_where *where, int *out) {
    int fd = socket(where->address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        return corps_error_system("cannot make a TCP socket");
    }
    corps__stream_set_buffers(&endpoint->stream, fd);
    if (connect(fd, (const struct sockaddr *)&where->address, where->bytes) == 0 || errno == EINPROGRESS) {
        *out = fd;
        return CORPS_OK;
    }
    int error = errno;
    close(fd);
    errno = error;
    switch (error) {
    case ECONNREFUSED:
        return corps_error_set(CORPS_ERR_CLOSED, "nobody listens on %s", address);
    case ENETUNREACH:
    case EHOSTUNREACH:
    case ENETDOWN:
    case ETIMEDOUT:
        return corps_error_set(CORPS_ERR_CLOSED, "nothing leads to %s: %s", address, strerror(error));
    default:
        return corps_error_system("cannot connect to %s", address);
    }
}

static enum corps_err tcp_connect(struct corps_endpoint *base, const char *address, struct corps_link **out) {
    struct corps__tcp_endpoint *endpoint = (struct corps__tcp_endpoint *)base;
    struct corps__tcp_where where;
    char wanted[CORPS__SEAL_NAME_BYTES];
    int fd = -1;
    enum corps_err err = corps__tcp_peer_read(address, &where, wanted);
    err = err == CORPS_OK ? check_seal(endpoint, &where, address, wanted[0] != '\0') : err;
    err = err == CORPS_OK ? begin_connect(endpoint, address, &where, &fd) : err;
    if (err != CORPS_OK) {
        return err;
    }
    struct corps__stream_link *link = corps__stream_link_create(&endpoint->stream);
    err = link == NULL ? CORPS_ERR_NO_MEMORY
                       : corps__tcp_prove(endpoint, fd, link, &where, wanted[0] != '\0' ? wanted : NULL);
    if (err != CORPS_OK) {
        close(fd);
        if (link != NULL) {
            corps__stream_disconnect(&link->base.base);
        }
        return err;
    }
    *out = &link->base.base;
    return CORPS_OK;
}

const struct corps_transport corps_transport_tcp = {
    .name = "tcp",
    .summary = "TCP between Envs of one or several hosts; peers prove the Corps' secret",
    .capabilities = CORPS_TRANSPORT_REMOTE,
    .endpoint_bytes = sizeof(struct corps__tcp_endpoint),
    .control_block = "raw:tcp",
    .control_spin = "raw:tcp",
    .open = tcp_open,
    .close = tcp_close,
    .connect = tcp_connect,
    .forget = corps__stream_forget,
    CORPS__STREAM_OPERATIONS,
};
