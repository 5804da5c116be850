/* How a channel begins: who the two sides are, and the proofs of it.
 *
 *   owner                                    agent
 *     ["corps", version, corps, host, nonce]  ──▶
 *        ◀── ["agent", version, text, host, boot, nonce, proof]
 *     ["open", session, taken, hash, proof]   ──▶        or ["look", 0, 0, hash, proof]
 *        ◀── ["welcome", taken]                                ◀── ["seen", what]
 *   at any time ◀── ["refused", code, text]
 *
 * A proof is BLAKE2b-256, keyed by the key of the channel, over a label for the side that gives it, both nonces and
 * what that side says: so neither a reflected proof nor an old one is of use. The seal has proved the same where there
 * is one; between processes of one host this is all there is. `boot` is drawn by each process of an agent, `session` by
 * each channel,
 * but that its upper half is the life of the Corps that its owner is in; `taken` is how many records of the other side
 * were taken.
 *
 * Threads: any. Records are framed (codec/framed.h) in frames (hosts/conn.h) of the kind GREETING.
 */
#ifndef CORPS_HOSTS_GREET_H
#define CORPS_HOSTS_GREET_H

#include "hosts/conn.h"

#include <corps/value.h>

enum { CORPS__CHANNEL_VERSION = 1 }; /* of all that is said on a channel */

/* The kinds of frames. A RECORD has a number and is kept until it is acknowledged; a NOTE is of no use later and goes
 * once or never; an ACK has no data. All carry an acknowledgement. */
enum { CORPS__FRAME_GREETING = 1, CORPS__FRAME_RECORD, CORPS__FRAME_NOTE, CORPS__FRAME_ACK };

enum { CORPS__NONCE_BYTES = 32, CORPS__PROOF_BYTES = 32 };

/* What the two sides have said so far. */
struct corps__handshake {
    uint64_t corps_id;
    uint32_t host;
    uint64_t boot;
    uint64_t session;
    uint64_t taken;
    uint8_t owner_nonce[CORPS__NONCE_BYTES];
    uint8_t agent_nonce[CORPS__NONCE_BYTES];
    uint8_t hash[CORPS__HOSTS_HASH_BYTES];
};

static inline uint64_t corps__greet_session(uint32_t life, uint32_t drawn) {
    return (uint64_t)life << 32 | drawn;
}
static inline uint32_t corps__greet_life(uint64_t session) {
    return (uint32_t)(session >> 32);
}

void corps__greet_agent_proof(const struct corps__handshake *greeting, const uint8_t key[CORPS__KEY_BYTES],
                              uint8_t proof[CORPS__PROOF_BYTES]);
void corps__greet_owner_proof(const struct corps__handshake *greeting, const uint8_t key[CORPS__KEY_BYTES],
                              const char *word, uint8_t proof[CORPS__PROOF_BYTES]);

/* Copies BIN item `index`, if it has exactly so many bytes. */
bool corps__greet_bytes(const struct corps_value *record, size_t index, uint8_t *out, size_t bytes);

/* Is it the proof, at item `index`? In constant time. */
bool corps__greet_is_proof(const struct corps_value *record, size_t index, const uint8_t proof[CORPS__PROOF_BYTES]);

/* The identities for the seal: of an owner's channel "c<id>", of an agent "agent.h<host>"; what a client says is
 * both, "own>peer". */
enum { CORPS__IDENTITY_BYTES = 64 };
void corps__greet_identity(uint64_t corps_id, uint32_t host, char identity[CORPS__IDENTITY_BYTES]);

/* What a client has said, for the agent of `host`: false if it is not that. */
bool corps__greet_identity_read(const char *identity, uint32_t host, uint64_t *corps_id);

/* The psk of that identity's seal, of the channel's key. */
void corps__greet_psk(const char *identity, const uint8_t key[CORPS__KEY_BYTES], uint8_t psk[CORPS__KEY_BYTES]);

/* Sends a record as a frame. Errors: of encoding and of sending; then nothing was sent. */
enum corps_err corps__greet_send(struct corps__conn *conn, uint8_t kind, uint64_t ack,
                                 const struct corps_value *record) CORPS_CHECKED;

/* The record of a frame. Errors: PROTOCOL, CORRUPT, NO_MEMORY. */
enum corps_err corps__greet_record(const struct corps__frame *frame, struct corps_box **box) CORPS_CHECKED;

#endif
