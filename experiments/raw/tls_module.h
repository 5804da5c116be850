/* What the bare control raw:tls needs of OpenSSL, in a module of its own: processes that seal nothing do not load it.
 *
 * A pair is both ends of one connection, with the handshake behind them, made before the fork; afterwards each process
 * uses one end. Nothing of Corps is in here: TLS 1.3 with an external key (RFC 8446), (EC)DHE, no tickets; the
 * records of a message go and come by one system call, as far as the socket has room.
 */
#ifndef RAW_TLS_MODULE_H
#define RAW_TLS_MODULE_H

#include <stddef.h>
#include <stdint.h>

enum { RAW_TLS_KEY_BYTES = 32 };

struct raw_tls_pair;

struct raw_tls_ops {
    /* Both ends over two connected sockets. NULL, with a line in `error`, when there is no handshake. */
    struct raw_tls_pair *(*open)(const int fds[2], const uint8_t key[RAW_TLS_KEY_BYTES], char *error,
                                 size_t error_bytes);

    /* How many bytes went (all, or none yet: then once more with the same) or came; 0: the socket was not ready, or a
     * signal came; -1: the other side is gone, or at a fault. */
    long (*send)(struct raw_tls_pair *pair, int side, const uint8_t *data, size_t bytes);
    long (*receive)(struct raw_tls_pair *pair, int side, uint8_t *data, size_t bytes);

    void (*close)(struct raw_tls_pair *pair); /* the sockets stay open */
};

/* The module's symbol. */
extern const struct raw_tls_ops raw_tls_ops;

#endif
