#include <corps/transport.h>

#include <stdlib.h>
#include <string.h>

/* Delivers nothing: what a send costs here is what the core and the harness cost without any transport. */

struct endpoint {
    struct corps_endpoint base;
    struct corps_link *connected; /* its CONNECTED event is due */
};

static enum corps_err null_open(struct corps_endpoint *base, const struct corps_endpoint_options *options,
                                char address[CORPS_ADDRESS_BYTES]) {
    (void)base;
    (void)options;
    strcpy(address, "null");
    return CORPS_OK;
}

static void null_close(struct corps_endpoint *base) {
    (void)base;
}

struct link {
    struct corps_link base;
    struct corps_link *next_connected;
};

static enum corps_err null_connect(struct corps_endpoint *base, const char *address, struct corps_link **out) {
    (void)address;
    struct endpoint *endpoint = (struct endpoint *)base;
    struct link *link = calloc(1, sizeof *link);
    if (link == NULL) {
        return corps_error_set(CORPS_ERR_NO_MEMORY, "no memory for a link");
    }
    link->base.transport = base->transport;
    link->base.endpoint = base;
    link->next_connected = endpoint->connected;
    endpoint->connected = &link->base;
    *out = &link->base;
    return CORPS_OK;
}

static void null_disconnect(struct corps_link *base) {
    struct endpoint *endpoint = (struct endpoint *)base->endpoint;
    struct corps_link **at = &endpoint->connected;
    while (*at != NULL && *at != base) {
        at = &((struct link *)*at)->next_connected;
    }
    if (*at == base) {
        *at = ((struct link *)base)->next_connected;
    }
    free(base);
}

static enum corps_err null_send(struct corps_link *link, const struct corps_parcel *parcel, unsigned flags) {
    (void)link;
    (void)parcel;
    (void)flags;
    return CORPS_OK;
}

static enum corps_err null_poll(struct corps_endpoint *base, struct corps_event *event) {
    struct endpoint *endpoint = (struct endpoint *)base;
    if (endpoint->connected == NULL) {
        return CORPS_ERR_EMPTY;
    }
    event->kind = CORPS_EVENT_CONNECTED;
    event->link = endpoint->connected;
    endpoint->connected = ((struct link *)endpoint->connected)->next_connected;
    return CORPS_OK;
}

static void null_release(struct corps_endpoint *base, struct corps_event *event) {
    (void)base;
    (void)event;
}

static enum corps_err null_arm(struct corps_endpoint *base, struct pollfd *fds, size_t capacity, size_t *count) {
    (void)fds;
    (void)capacity;
    *count = 0;
    return ((struct endpoint *)base)->connected != NULL ? CORPS_ERR_AGAIN : CORPS_OK;
}

const struct corps_transport corps_transport_null = {
    .name = "null",
    .summary = "delivers nothing; measures the harness",
    .capabilities = CORPS_TRANSPORT_DISCARDS,
    .endpoint_bytes = sizeof(struct endpoint),
    .open = null_open,
    .close = null_close,
    .connect = null_connect,
    .disconnect = null_disconnect,
    .send = null_send,
    .poll = null_poll,
    .release = null_release,
    .arm = null_arm,
};
