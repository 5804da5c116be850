#include "rendezvous.h"
#include "stream.h"

#include <stdlib.h>
#include <sys/socket.h>

/* UNIX stream sockets: the rendezvous connection itself becomes the stream. */

struct endpoint {
    struct corps__stream stream; /* first */
    struct corps__rendezvous *rendezvous;
    int buffer_bytes;
};

static void set_buffers(const struct endpoint *endpoint, int fd) {
    if (endpoint->buffer_bytes > 0) { /* what the kernel does not grant it cuts down: no error to report */
        (void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &endpoint->buffer_bytes, sizeof endpoint->buffer_bytes);
        (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &endpoint->buffer_bytes, sizeof endpoint->buffer_bytes);
    }
}

static void destroy(struct corps__stream_link *link) {
    corps__meeting_close(link->transport_data); /* connecting still; NULL once it is a stream */
}

static enum corps_err on_hello(void *owner, struct corps__meeting *meeting, struct corps__hello *theirs,
                               struct corps__hello *answer) {
    (void)owner;
    (void)meeting;
    (void)answer;
    return theirs->fd_count == 0 && theirs->bytes == 0
               ? CORPS_OK
               : corps_error_set(CORPS_ERR_PROTOCOL, "a peer of another transport came to a UNIX socket");
}

static enum corps_err start(struct endpoint *endpoint, struct corps__meeting *meeting, struct corps__stream_link *link,
                            bool accepted) {
    link->transport_data = NULL;
    int fd = corps__meeting_take(meeting);
    set_buffers(endpoint, fd);
    return corps__stream_link_start(link, fd, fd, true, accepted);
}

static void on_met(void *owner, struct corps__meeting *meeting) {
    struct endpoint *endpoint = owner;
    struct corps__stream_link *link = corps__stream_link_create(&endpoint->stream);
    if (link == NULL) {
        corps__meeting_close(meeting); /* out of memory: the peer sees the connection close */
    } else if (start(endpoint, meeting, link, true) != CORPS_OK) {
        corps__stream_disconnect(&link->base); /* the core has not heard of it yet */
    }
}

static enum corps_err on_answer(void *owner, struct corps__meeting *meeting, struct corps__hello *theirs) {
    (void)theirs;
    struct corps__stream_link *link = corps__meeting_user(meeting);
    enum corps_err err = start(owner, meeting, link, false);
    if (err != CORPS_OK) {
        corps__stream_link_end(link, err);
    }
    return CORPS_OK;
}

static void on_closed(void *owner, struct corps__meeting *meeting, enum corps_err reason) {
    (void)owner;
    struct corps__stream_link *link = corps__meeting_user(meeting);
    if (link == NULL) {
        corps__meeting_close(meeting); /* it came and went: nobody has heard of it */
    } else {
        corps__stream_link_end(link, reason);
    }
}

static const struct corps__rendezvous_ops rendezvous_ops = {
    .on_hello = on_hello, .on_met = on_met, .on_answer = on_answer, .on_closed = on_closed};

static enum corps_err unix_open(struct corps_endpoint *base, const struct corps_endpoint_options *options,
                                char address[CORPS_ADDRESS_BYTES]) {
    struct endpoint *endpoint = (struct endpoint *)base;
    endpoint->buffer_bytes = options->buffer_bytes < (1 << 30) ? (int)options->buffer_bytes : 1 << 30;
    enum corps_err err = corps__stream_open(&endpoint->stream, options);
    if (err != CORPS_OK) {
        return err;
    }
    err = corps__rendezvous_open(options, &rendezvous_ops, endpoint, address, &endpoint->rendezvous);
    if (err != CORPS_OK) {
        corps__stream_close(&endpoint->stream);
    }
    return err;
}

static void unix_close(struct corps_endpoint *base) {
    struct endpoint *endpoint = (struct endpoint *)base;
    corps__rendezvous_close(endpoint->rendezvous);
    corps__stream_close(&endpoint->stream);
}

static enum corps_err unix_connect(struct corps_endpoint *base, const char *address, struct corps_link **out) {
    struct endpoint *endpoint = (struct endpoint *)base;
    struct corps__stream_link *link = corps__stream_link_create(&endpoint->stream);
    if (link == NULL) {
        return corps_error_set(CORPS_ERR_NO_MEMORY, "no memory for a link");
    }
    static const struct corps__hello hello;
    struct corps__meeting *meeting;
    enum corps_err err = corps__rendezvous_connect(endpoint->rendezvous, address, &hello, link, &meeting);
    if (err != CORPS_OK) {
        corps__stream_disconnect(&link->base);
        return err;
    }
    link->transport_data = meeting;
    link->destroy = destroy;
    *out = &link->base;
    return CORPS_OK;
}

const struct corps_transport corps_transport_unix = {
    .name = "unix",
    .summary = "UNIX stream sockets between Envs of one host",
    .capabilities = CORPS_TRANSPORT_SYSTEM,
    .endpoint_bytes = sizeof(struct endpoint),
    .control_block = "raw:unix",
    .control_spin = "raw:unix",
    .open = unix_open,
    .close = unix_close,
    .connect = unix_connect,
    .disconnect = corps__stream_disconnect,
    .send = corps__stream_send,
    .poll = corps__stream_poll,
    .release = corps__stream_release,
    .arm = corps__stream_arm,
    .forget = corps__stream_forget,
};
