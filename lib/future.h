/* Futures, and the table of calls that wait for a reply from another Env.
 *
 * A Future has one owner (the caller) and one promise (a local message, or a row of the table). Whoever fulfils the
 * promise completes it, once; the owner waits and destroys. The row outlives a destroyed Future until the reply has
 * come, because the reply also gives room back in the receiver's mailbox.
 */
#ifndef CORPS_FUTURE_H
#define CORPS_FUTURE_H

#include "reactor.h"
#include "runtime.h"

struct corps__failure;
struct corps__route;

/* One thread's interest in one Future, on its stack. */
struct corps__interest {
    struct corps__waiter *waiter;
    struct corps__interest *next;
};

struct corps_future {
    _Atomic unsigned refs;
    _Atomic bool ready;
    struct corps__interest *interests; /* who waits; guarded by the Future's lock */
    struct corps__conc *local;         /* the Conc of this Env that answers, else NULL */
    struct corps__peer *peer;          /* or else the other Env … */
    uint32_t remote_conc;              /* … and its Conc that does */
    int64_t deadline_ns;               /* of the call */
    enum corps_err outcome;            /* once ready; OK may still become a decoding error */
    struct corps_box *box;             /* the result */
    _Atomic bool encoded;              /* there is a frame, and nobody has decoded it yet */
    struct corps_block *frame;         /* the reply as it came, until it is decoded; one reference */
    struct corps__header header;
    enum corps_keep keep_objects;
    struct corps__failure *failure; /* NULL while all is well, or when memory for it was missing */
    void (*notify)(void *arg);      /* see corps_future_on_ready */
    void *notify_arg;
};

/* Once, before the first Future. */
void corps__futures_start(void);

struct corps_future *corps__future_create(int64_t deadline_ns, enum corps_keep keep_objects);
struct corps_future *corps__future_ref(struct corps_future *future);
void corps__future_unref(struct corps_future *future); /* accepts NULL */

/* Fulfils. Each takes its box or frame; the first one counts, later ones are dropped. Any thread. */
void corps__future_complete(struct corps_future *future, struct corps_box *box);
void corps__future_complete_frame(struct corps_future *future, struct corps_block *frame,
                                  const struct corps__header *header);
void corps__future_fail(struct corps_future *future, enum corps_err code, const char *text);
/* Takes the failure (NULL: `code` alone). */
void corps__future_failed(struct corps_future *future, enum corps_err code, struct corps__failure *failure);

/* ---- the table ---- */

/* Enters a call to `peer` that reserved room (`bytes` of one request) on `route`; gives its id. */
enum corps_err corps__calls_enter(struct corps_future *future, struct corps__peer *peer, struct corps__route *route,
                                  size_t bytes, uint64_t *id) CORPS_CHECKED;

/* Takes a call out of the table: its room is given back; returns its Future with one reference, or NULL when there is
 * no such call at `peer` or nobody wants the answer any more. */
struct corps_future *corps__calls_take(uint64_t id, const struct corps__peer *peer);

/* Fails every call to `peer`. */
void corps__calls_fail(const struct corps__peer *peer, enum corps_err code, const char *text);

#endif
