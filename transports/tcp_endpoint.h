/* The parts of the TCP transport: tcp.c has its table, tcp_proof.c connections that have not proved themselves yet. */
#ifndef CORPS_TCP_ENDPOINT_H
#define CORPS_TCP_ENDPOINT_H

#include "lobby.h"
#include "stream.h"
#include "tcp_address.h"

#include <uv.h>

struct corps__tcp_proof;

struct corps__tcp_endpoint {
    struct corps__stream stream; /* first */
    struct corps__lobby *lobby;
    uv_loop_t *loop;
    uv_timer_t watch; /* looks at links to other hosts, while there are any */
    int fd;
    enum corps_seal seal;
    bool takes_sealed; /* who connects must seal; otherwise must not */
    uint8_t secret[CORPS_SECRET_BYTES];
    char identity[CORPS__SEAL_NAME_BYTES];
    struct corps__tcp_proof *proofs; /* under way */
};

/* Who connected, or the connection `link` that this process begins to `address`, proves itself on `fd` and is proved
 * to: by a seal where `wanted` (the identity of the listener) is not NULL or the endpoint takes sealed links, else by
 * tcp_auth.h. In the end the link starts, or ends. Takes fd when OK. Errors: NO_MEMORY, UNSUPPORTED, INVALID. */
enum corps_err corps__tcp_prove(struct corps__tcp_endpoint *endpoint, int fd, struct corps__stream_link *link,
                                const struct corps__tcp_where *address, const char *wanted) CORPS_CHECKED;

/* Ends all that are under way. */
void corps__tcp_proofs_end(struct corps__tcp_endpoint *endpoint);

/* The time of a connection in the lobby is over. */
void corps__tcp_proof_expired(void *owner, struct corps__guest *guest);

/* A proved connection is one of the links now: starts it, and watches it when it leaves the host. `accepted`: nobody
 * has heard of it yet. */
void corps__tcp_link_start(struct corps__tcp_endpoint *endpoint, struct corps__stream_link *link, int fd,
                           bool accepted);

#endif
