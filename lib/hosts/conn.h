/* One TCP connection between two hosts that carries frames, sealed or not; on a libuv loop, and never blocking.
 *
 * A frame is a 4-byte little-endian length of what follows: a kind (1 byte), a number, an acknowledgement (8 bytes
 * each, little-endian), and data. The connection knows no more of them. A cut is noticed within about two seconds
 * (TCP_USER_TIMEOUT, keepalive; hosts.md, section 5: without these it takes a minute), a peer that does not answer at
 * all when the connect timer rings.
 *
 * Whether it is sealed (base/seal.h) decides the client: $CORPS_SEAL is always, auto (default: where the address is not
 * a loopback one) or never. A listener takes what is not sealed from its own host alone, from none if it is to be
 * always, and from everybody if it is to be never.
 *
 * Threads: that of the loop. Callbacks may close the connection.
 */
#ifndef CORPS_HOSTS_CONN_H
#define CORPS_HOSTS_CONN_H

#include "hosts/hosts_file.h"
#include "hosts/keys.h"

#include <uv.h>

enum {
    CORPS__CONN_FRAME_BYTES_MAX = 16 << 20,   /* of a frame, once the peer is trusted … */
    CORPS__CONN_STRANGER_BYTES_MAX = 8 << 10, /* … and before */
    CORPS__CONN_ROOM_BYTES = 1 << 20,         /* so much may wait to be written before there is no room */
    CORPS__CONN_CONNECT_MS = 1000,            /* until it is connected and sealed */
};

struct corps__frame {
    uint8_t kind;
    uint64_t number;
    uint64_t ack;
    const uint8_t *data; /* lent until the callback returns */
    size_t bytes;
};

struct corps__conn;

struct corps__conn_ops {
    /* Of a listener: the psk of a client's identity. False: unknown. */
    bool (*find)(void *arg, const char *identity, uint8_t psk[CORPS__KEY_BYTES]);
    void (*open)(void *arg); /* connected, and sealed if it is to be */
    void (*frame)(void *arg, const struct corps__frame *frame);
    void (*room)(void *arg); /* there is room again */
    /* It has ended, and the detail says why; nothing follows, and it need not be closed. */
    void (*closed)(void *arg, enum corps_err err);
};

/* Begins to connect. `identity` is "own>peer", with the psk for it. What cannot even begin comes as `closed`, later.
 * Errors: NO_MEMORY. */
enum corps_err corps__conn_connect(uv_loop_t *loop, const struct corps__host *to, const char *identity,
                                   const uint8_t psk[CORPS__KEY_BYTES], const struct corps__conn_ops *ops, void *arg,
                                   struct corps__conn **conn) CORPS_CHECKED;

/* Takes a connection that was accepted (also on error). Errors: NO_MEMORY, SYSTEM. */
enum corps_err corps__conn_accept(uv_loop_t *loop, int fd, const struct corps__conn_ops *ops, void *arg,
                                  struct corps__conn **conn) CORPS_CHECKED;

/* Frames of the size that is for peers who have proved themselves are taken from now on. */
void corps__conn_trust(struct corps__conn *conn);

/* Copies a frame behind those that wait. Errors: NO_MEMORY (and the connection ends, later), CLOSED. */
enum corps_err corps__conn_send(struct corps__conn *conn, uint8_t kind, uint64_t number, uint64_t ack, const void *data,
                                size_t bytes) CORPS_CHECKED;

/* Is there room for more? Otherwise `room` tells when. */
bool corps__conn_has_room(const struct corps__conn *conn);

/* Nothing is called any more. Writes what waits as far as the socket takes it. Accepts NULL. */
void corps__conn_close(struct corps__conn *conn);

#endif
