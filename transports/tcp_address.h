/* Addresses of the TCP transport. Numeric alone, IPv4 and IPv6: looking names up could block for seconds.
 *
 *   of a peer       "host:port" or "[host]:port"; "…#identity" where it takes sealed connections, and who it is
 *   to listen on    "host", "host:port", "host:FIRST-LAST": the first of these ports that is free; "…=host": what peers
 *                   are told instead of the first host
 *
 * Threads: any. */
#ifndef CORPS_TCP_ADDRESS_H
#define CORPS_TCP_ADDRESS_H

#include "base/seal.h"

#include <corps/transport.h>

#include <stdint.h>
#include <sys/socket.h>

struct corps__tcp_where {
    struct sockaddr_storage address;
    socklen_t bytes;
};

struct corps__tcp_bind {
    struct corps__tcp_where where;
    uint16_t first, last; /* ports; 0: any */
    char told[64];        /* the host that peers are told; "": the one where it listens */
};

/* A peer's; `identity` is "" where it takes no sealed connections. Errors: INVALID. */
enum corps_err corps__tcp_peer_read(const char *text, struct corps__tcp_where *where,
                                    char identity[CORPS__SEAL_NAME_BYTES]) CORPS_CHECKED;

/* Errors: INVALID. */
enum corps_err corps__tcp_bind_read(const char *text, struct corps__tcp_bind *bind) CORPS_CHECKED;

/* Writes the address that peers of the listening `fd` are told; `identity` NULL: it takes no sealed connections.
 * Errors: SYSTEM, INVALID (too long). */
enum corps_err corps__tcp_address_write(int fd, const struct corps__tcp_bind *bind, const char *identity,
                                        char address[CORPS_ADDRESS_BYTES]) CORPS_CHECKED;

void corps__tcp_set_port(struct corps__tcp_where *where, uint16_t port);

/* Does it stay on this host, as 127.0.0.1 and ::1 do? */
bool corps__tcp_is_loopback(const struct corps__tcp_where *where);

/* Is everything that peers could call it by loopback? */
bool corps__tcp_binds_loopback(const struct corps__tcp_bind *bind);

#endif
