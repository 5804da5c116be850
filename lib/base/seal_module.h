/* What the core and the module libcorps-seal.so (seal_openssl.c) say to each other. The module is the only code that
 * knows OpenSSL; it is opened when the first seal is made, so that who needs none needs no OpenSSL. It uses nothing of
 * the core: it gets two buffers and gives outcomes and texts. */
#ifndef CORPS_SEAL_MODULE_H
#define CORPS_SEAL_MODULE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    CORPS__SEAL_MODULE_VERSION = 1,
    CORPS__SEAL_IDENTITY_BYTES = 256, /* of the text that a client names itself and its peer by, its NUL included */
    CORPS__SEAL_WHY_BYTES = 160,
    CORPS__SEAL_RECORD_BYTES = 16384, /* plain bytes of a record, at most: RFC 8446, 5.1 */
    CORPS__SEAL_RECORD_MORE = 512,    /* what a record is longer than its plain bytes, at most: 5 + 256 */
};

/* Bytes in order: [start, end) of `capacity`. */
struct corps__seal_pipe {
    uint8_t *data;
    size_t start, end, capacity;
};

enum corps__seal_outcome {
    CORPS__SEAL_DONE,
    CORPS__SEAL_MORE,   /* the rest of a record has not come yet */
    CORPS__SEAL_GONE,   /* close_notify has come */
    CORPS__SEAL_BROKEN, /* for good; why() says why */
};

/* Gives the key of an identity. False: nobody is called so. */
typedef bool (*corps__seal_find)(void *arg, const char *identity, uint8_t psk[32]);

struct corps__seal_module {
    uint32_t version; /* CORPS__SEAL_MODULE_VERSION */

    /* The library's name and version. */
    const char *(*library)(void);

    /* One side. `psk` and `identity` are a client's, `find` a listener's. Reads from `in`, appends to `out`, both lent
     * until `destroy`; what does not fit into `out` breaks it. NULL: no memory, or the library refuses to work. */
    void *(*create)(const uint8_t *psk, const char *identity, corps__seal_find find, void *arg,
                    struct corps__seal_pipe *in, struct corps__seal_pipe *out, char why[CORPS__SEAL_WHY_BYTES]);
    void (*destroy)(void *session);

    enum corps__seal_outcome (*handshake)(void *session);

    /* At most one record each; `done` bytes of it. */
    enum corps__seal_outcome (*read)(void *session, uint8_t *out, size_t bytes, size_t *done);
    enum corps__seal_outcome (*write)(void *session, const uint8_t *data, size_t bytes, size_t *done);

    /* New keys for what is written from now on. */
    enum corps__seal_outcome (*renew)(void *session);

    /* Bytes that were opened and not read yet. */
    size_t (*ready)(const void *session);

    void (*end)(void *session); /* close_notify */

    const char *(*identity)(const void *session);
    const char *(*why)(const void *session);
};

#endif
