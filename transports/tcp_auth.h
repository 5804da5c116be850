/* The proof that a TCP peer knows the Corps' secret, in both directions, before any byte of it is decoded.
 *
 *   connector → listener   "CRA" version, 32 random bytes c
 *   listener → connector   "CRA" version, 32 random bytes l, proof("listener", c, l)
 *   connector → listener   proof("connector", c, l)
 *
 * proof(role, c, l) is crypto_auth (HMAC-SHA-512-256, libsodium) of role, c and l under the secret; compared in
 * constant time. Fresh random bytes on both sides make a recorded proof worthless; the role makes one that is sent back
 * so.
 */
#ifndef CORPS_TCP_AUTH_H
#define CORPS_TCP_AUTH_H

#include <corps/transport.h>

#include <stdbool.h>

enum { CORPS__AUTH_VERSION = 1, CORPS__NONCE_BYTES = 32, CORPS__PROOF_BYTES = 32 };

/* One side of one proof. Feed it what arrives; write what it gives. No descriptors, no time. */
struct corps__auth {
    bool listener;
    bool proved;
    uint8_t secret[CORPS_SECRET_BYTES];
    uint8_t own[CORPS__NONCE_BYTES], peers[CORPS__NONCE_BYTES];
    uint8_t in[4 + CORPS__NONCE_BYTES + CORPS__PROOF_BYTES];
    size_t in_bytes;
    unsigned step;
};

/* Starts; writes the first message to `out` (at least 128 bytes) and gives its length (0 for a listener). */
size_t corps__auth_start(struct corps__auth *auth, const uint8_t *secret, bool listener, uint8_t *out);

/* How many bytes the present step still needs. 0 when proved. */
size_t corps__auth_wants(const struct corps__auth *auth);

/* Takes `bytes` ≤ corps__auth_wants(auth) bytes; writes an answer to `out` (128 bytes). `proved` tells when it is over.
 * Errors: DENIED, VERSION, PROTOCOL. */
enum corps_err corps__auth_feed(struct corps__auth *auth, const uint8_t *data, size_t bytes, uint8_t *out,
                                size_t *out_bytes) CORPS_CHECKED;

#endif
