#include "stream_rendezvous.h"

/* UNIX stream sockets: the rendezvous connection itself becomes the stream. */

static void destroy_unix_link(struct corps__stream_link *link) {
    corps__session_close(link->base.session); /* connecting still; NULL once it is a stream */
}

static enum corps_err on_unix_hello(void *owner, struct corps__session *session, struct corps__hello *theirs,
                                    struct corps__hello *answer) {
    (void)owner;
    (void)session;
    (void)answer;
    return theirs->fd_count == 0 && theirs->bytes == 0
               ? CORPS_OK
               : corps_error_set(CORPS_ERR_PROTOCOL, "a peer of another transport came to a UNIX socket");
}

static enum corps_err start_unix_link(struct corps__stream *stream, struct corps__session *session,
                                      struct corps__stream_link *link, bool accepted) {
    link->base.session = NULL;
    int fd = corps__session_take(session);
    corps__stream_set_buffers(stream, fd);
    return corps__stream_link_start(link, fd, fd, true, accepted);
}

static void on_unix_established(void *owner, struct corps__session *session) {
    struct corps__stream_link *link = corps__stream_link_create(owner);
    if (link == NULL) {
        corps__session_close(session); /* out of memory: the peer sees the connection close */
    } else if (start_unix_link(owner, session, link, true) != CORPS_OK) {
        corps__stream_disconnect(&link->base.base); /* the core has not heard of it yet */
    }
}

static enum corps_err on_unix_answer(void *owner, struct corps__session *session, struct corps__hello *theirs) {
    (void)theirs;
    struct corps__stream_link *link = corps__session_user(session);
    enum corps_err err = start_unix_link(owner, session, link, false);
    if (err != CORPS_OK) {
        corps__stream_link_end(link, err);
    }
    return CORPS_OK;
}

static void on_unix_closed(void *owner, struct corps__session *session, enum corps_err reason) {
    (void)owner;
    struct corps__stream_link *link = corps__session_user(session);
    if (link == NULL) {
        corps__session_close(session); /* it came and went: nobody has heard of it */
    } else {
        corps__stream_link_end(link, reason);
    }
}

static enum corps_err unix_open(struct corps_endpoint *base, const struct corps_endpoint_options *options,
                                char address[CORPS_ADDRESS_BYTES]) {
    static const struct corps__rendezvous_ops ops = {.on_hello = on_unix_hello,
                                                     .on_established = on_unix_established,
                                                     .on_answer = on_unix_answer,
                                                     .on_closed = on_unix_closed};
    return corps__stream_rendezvous_open((struct corps__stream *)base, options, &ops, address);
}

static enum corps_err unix_connect(struct corps_endpoint *base, const char *address, struct corps_link **out) {
    static const struct corps__hello hello;
    struct corps__stream_link *link = corps__stream_link_create((struct corps__stream *)base);
    if (link == NULL) {
        return CORPS_ERR_NO_MEMORY;
    }
    link->destroy = destroy_unix_link;
    return corps__link_connect(&link->base, CORPS_OK, address, &hello, out);
}

const struct corps_transport corps_transport_unix = {
    .name = "unix",
    .summary = "UNIX stream sockets between Envs of one host",
    .capabilities = CORPS_TRANSPORT_SYSTEM,
    .endpoint_bytes = sizeof(struct corps__stream),
    .control_block = "raw:unix",
    .control_spin = "raw:unix",
    .open = unix_open,
    .connect = unix_connect,
    .forget = corps__stream_rendezvous_forget,
    CORPS__STREAM_RENDEZVOUS_OPERATIONS,
};
