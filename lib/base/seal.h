/* Sealing: what two processes say to each other over bytes that others may read, cut or change on the way.
 *
 * It is TLS 1.3 with an external PSK (seal_openssl.c) and nothing of our own: nobody on the way reads a byte, changes,
 * repeats, leaves out or reorders one unnoticed, and both sides prove that they know the key, with fresh (EC)DHE each
 * time. A seal is one side of one connection. It has no descriptors and no time: what the socket gave goes in by
 * `take` (or straight into `space`), what the socket is to send comes out of `give` (or from `pending`); plain bytes go
 * in by `write` and come out of `read`.
 *
 *   client:    seal_client → give … take … give until is_open → write, read → end, give → free
 *   listener:  seal_listener → take … give … take until is_open → the same
 *
 * An *identity* is the text "client>listener": how the client calls itself, and whom it wants. It chooses the key (see
 * corps__seal_key), so that nobody is taken for somebody else, and a connection that is led back to where it came from
 * ends in the handshake (the mistake that RFC 9257, 4.1 warns of).
 *
 * The end: `read` says CLOSED when the other side has said goodbye (close_notify) and everything before it was read.
 * A connection that ends otherwise was cut, or its other side has died: corps__seal_cut says so.
 *
 * Threads: any, one at a time for each seal. Errors, of all of these: once a seal is broken (DENIED before it was open,
 * PROTOCOL after) it stays so; what `give` still has then is the alert that tells the other side. The module with
 * OpenSSL is opened by the first seal of a process: UNSUPPORTED, which says what is missing. A seal survives a fork no
 * better than its socket: one of the two processes uses it. */
#ifndef CORPS_SEAL_H
#define CORPS_SEAL_H

#include <corps/error.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    CORPS__SEAL_KEY_BYTES = 32,
    CORPS__SEAL_NAME_BYTES = 120, /* of a side's own name, its NUL included: two of them and '>' are an identity */
};

struct corps__seal;

/* Copies psk and identity. Its first message can be given at once. Errors: INVALID (identity too long, or without
 * '>'), UNSUPPORTED, NO_MEMORY. */
enum corps_err corps__seal_client(const uint8_t psk[CORPS__SEAL_KEY_BYTES], const char *identity,
                                  struct corps__seal **seal) CORPS_CHECKED;

/* `find` gives the psk of an identity (lent until it returns); false: unknown, and the handshake is refused. It is
 * called within `take`, with `arg`. Errors: UNSUPPORTED, NO_MEMORY. */
enum corps_err corps__seal_listener(bool (*find)(void *arg, const char *identity, uint8_t psk[CORPS__SEAL_KEY_BYTES]),
                                    void *arg, struct corps__seal **seal) CORPS_CHECKED;

/* Accepts NULL. */
void corps__seal_free(struct corps__seal *seal);

/* ---- the socket's side ---- */

/* What the socket gave, all of it. Goes on with the handshake. Errors: as above, NO_MEMORY. */
enum corps_err corps__seal_take(struct corps__seal *seal, const uint8_t *data, size_t bytes) CORPS_CHECKED;

/* The same without a copy: where the socket may write, and how much; then how much it has written (≤ that). Room is
 * never 0 once everything was read that `holds` tells of. */
uint8_t *corps__seal_space(struct corps__seal *seal, size_t *bytes);
enum corps_err corps__seal_took(struct corps__seal *seal, size_t bytes) CORPS_CHECKED;

/* What the socket is to send, at most `bytes` of it; 0: nothing now. */
size_t corps__seal_give(struct corps__seal *seal, uint8_t *out, size_t bytes);

/* The same without a copy: lent until the next call; then how much of it was sent. */
const uint8_t *corps__seal_pending(const struct corps__seal *seal, size_t *bytes);
void corps__seal_sent(struct corps__seal *seal, size_t bytes);

/* The socket has ended. CLOSED: after a goodbye; PROTOCOL, with a detail: without one. */
enum corps_err corps__seal_cut(const struct corps__seal *seal);

/* ---- the plain side ---- */

/* At most `bytes`, from as many records as are here. OK: *done > 0; AGAIN: nothing whole yet (or not open yet);
 * CLOSED: the other side has said goodbye. */
enum corps_err corps__seal_read(struct corps__seal *seal, uint8_t *out, size_t bytes, size_t *done) CORPS_CHECKED;

/* Seals in records of at most 16 KiB, and takes `done` bytes. OK: all. AGAIN: what is to be sent piles up (beyond
 * 64 KiB), or it is not open yet; come back with the rest when some of it was sent. */
enum corps_err corps__seal_write(struct corps__seal *seal, const uint8_t *data, size_t bytes,
                                 size_t *done) CORPS_CHECKED;

/* May a read give something without anything more from the socket? */
bool corps__seal_holds(const struct corps__seal *seal);

bool corps__seal_is_open(const struct corps__seal *seal); /* the handshake is over, both have proved themselves */

/* Of a client its own, of a listener the one that was found; "" before. Lent until the seal is freed. */
const char *corps__seal_identity(const struct corps__seal *seal);

/* Says goodbye: nothing may be written any more, and what is pending is to be sent still. */
void corps__seal_end(struct corps__seal *seal);

/* ---- keys ---- */

/* The key for one client and one listener: BLAKE2b-256 of label, client and listener under a common secret. Labels keep
 * uses of one secret apart: "corps link 1", "corps agent 1". */
void corps__seal_key(const uint8_t secret[32], const char *label, const char *client, const char *listener,
                     uint8_t psk[CORPS__SEAL_KEY_BYTES]);

/* "client>listener" from two names, and back. False: one is empty or too long, or has a '>'. */
bool corps__seal_join(const char *client, const char *listener, char identity[2 * CORPS__SEAL_NAME_BYTES]);
bool corps__seal_split(const char *identity, char client[CORPS__SEAL_NAME_BYTES],
                       char listener[CORPS__SEAL_NAME_BYTES]);

/* ---- the rest ---- */

/* OK, or UNSUPPORTED with a detail: can this process seal? Opens the module. */
enum corps_err corps__seal_usable(void) CORPS_CHECKED;

/* "OpenSSL 3.0.19 …"; NULL when there is none. Lent for ever. */
const char *corps__seal_library(void);

/* Keys are renewed (KeyUpdate) after so many records; 2^23 unless said otherwise, far below what AES-GCM allows for one
 * key (2^24.5 full records: RFC 8446, 5.5). For tests. */
void corps__seal_renew_after(struct corps__seal *seal, uint64_t records);

#endif
