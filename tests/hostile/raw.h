/* A peer that speaks the wire by itself: it connects to an Env of a Corps of this program as any caller does, says a
 * true HELLO, and from then on sends what it likes. One thread; its own loop and endpoint, nothing of the runtime's. */
#ifndef CORPS_TEST_RAW_H
#define CORPS_TEST_RAW_H

#include "base/clock.h"
#include "codec/wire.h"
#include "link/known.h"

struct raw {
    uv_loop_t loop;
    const struct corps_transport *transport;
    struct corps_endpoint *endpoint;
    char address[CORPS_ADDRESS_BYTES];
    struct corps_link *link; /* NULL: none, or it has ended */
    const struct corps *victim;
    bool connected;
    enum corps_err reason; /* why the last link ended */
    uint64_t received_count;
    uint64_t asked;  /* the id of raw_sync's request; 0 when it was answered */
    int64_t full_ns; /* a link that has no room for so long stays full: half a second */
};

/* Opens an endpoint; the process ends with a message when that fails, as everywhere here. */
void raw_open(struct raw *raw, const struct corps *victim);
void raw_close(struct raw *raw);

/* A new link to Env 0, without (raw_connect) and with a HELLO. */
void raw_connect(struct raw *raw);
void raw_meet(struct raw *raw);
void raw_disconnect(struct raw *raw);

/* The HELLO of this Env of the victim's Corps, or of a caller (CORPS__GUEST_ENV). */
void raw_hello(struct raw *raw, uint64_t corps_id, uint32_t env);

/* Takes events until there are none, at most `max` of them; a link that has ended is disconnected. */
void raw_turn(struct raw *raw, unsigned max);

/* Sends one frame whole, reading meanwhile when `reads`. False: the link has ended, or (not `reads`) stays full. */
bool raw_send(struct raw *raw, const void *frame, size_t bytes, bool reads);

/* Asks Worker `conc` for something that any Worker answers, if only by a failure, and reads until that came: then
 * everything sent before was taken in. False: the link has ended, or is silent for `timeout_ns`. */
bool raw_sync(struct raw *raw, uint32_t conc, int64_t timeout_ns);

/* Reads until the link has ended; false: it has not within 30 s. */
bool raw_ends(struct raw *raw);

/* A frame of `header` with `payload` as its segment (NULL: none), a name where header->name_bytes says so; gives its
 * length. */
size_t raw_frame(uint8_t *out, const struct corps__header *header, const char *name, const void *payload, size_t bytes);

/* Deterministic (splitmix64). */
uint64_t raw_random(uint64_t *state);

#endif
