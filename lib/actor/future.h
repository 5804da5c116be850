/* Futures, and the calls that wait for a reply from another Env.
 *
 * A Future has one owner (the caller) and one promise (a local message, or a frame under way), each with a reference.
 * Whoever fulfils the promise claims the Future first, and only one can; the owner waits and destroys. A call under way
 * outlives a destroyed Future until the reply has come, because the reply also gives room back in the receiver's
 * mailbox.
 *
 * Futures are numbered: a call's id on the wire is the Future's number and how many calls it has served. `word` holds
 * that count, the references and what has become of the call, and changes by compare-and-swap alone: so a reply, a
 * deadline and the death of a peer meet there without a lock, and the usual reply claims, publishes and lets go of the
 * Future in one step. Waiters that others must notify are listed under a lock, and `word` says so.
 */
#ifndef CORPS_FUTURE_H
#define CORPS_FUTURE_H

#include "codec/payload.h"
#include "wait/lead.h"

struct corps__failure;
struct corps__kept;
struct corps__route;

/* One thread's interest in one Future, on its stack. */
struct corps__interest {
    struct corps__waiter *waiter;
    struct corps__interest *next;
};

/* Bits of `word`; above them the references (24 bits), then the count of calls (32). */
enum {
    CORPS__AWAITED = 1, /* a frame's reply has not come yet: that holds one reference */
    CORPS__CLAIMED = 2, /* somebody decides the outcome, or has */
    CORPS__READY = 4,
    CORPS__WATCHED = 8, /* there are interests, or a notify */
    CORPS__LISTED = 16, /* with AWAITED: it may be sent again, see again.h */
    CORPS__FRAMED = 32, /* with READY: the outcome is a frame as it came, in `frame_data` */
    CORPS__LED = 64,    /* who waits leads: another thread that makes it ready kicks */
    CORPS__REFERENCE = 256,
};

struct corps_future {
    _Alignas(64) struct corps__route *route; /* of the call to another Env: room to give back … */
    size_t bytes;                            /* … of its mailbox */
    int64_t deadline_ns;                     /* of the call */
    _Atomic uint64_t word;
    uint32_t number;
    struct corps__peer *_Atomic peer;  /* the other Env that answers */
    uint32_t remote_conc;              /* and its Conc */
    uint32_t span;                     /* the call's, where its chain is recorded; else 0. See chain.h */
    struct corps__conc *local;         /* or else the Conc of this Env */
    struct corps__interest *interests; /* who waits; guarded by the Future's lock */
    void (*notify)(void *arg);         /* see corps_future_on_ready */
    void *notify_arg;
    struct corps__alarm alarm; /* for a call with a deadline and `notify`; holds a reference while it is set */
    enum corps_keep keep_objects;
    enum corps_err outcome; /* once ready; OK may still become a decoding error */
    _Atomic int encoded;    /* FRAMED: 1 until it is decoded, 2 while a decoder puts down what it got, then 0 */
    struct corps_box *box;  /* the result */
    const struct corps_value *plain; /* or a plain one's copy, in `small` */
    struct corps__failure *failure;  /* NULL while all is well, or when memory for it was missing */
    struct corps_block *frame;       /* the reply as it came, if it is large; one reference */
    const uint8_t *frame_data;       /* in that block or before it, or in `small` */
    size_t frame_bytes;
    struct corps__header header;
    struct corps__kept *kept;                            /* LISTED: what may be sent again */
    _Alignas(8) uint8_t small[CORPS__SMALL_FRAME_BYTES]; /* or else here */
};

/* Before the first Future; again does no harm. */
void corps__futures_start(void);

/* With `refs` references. */
struct corps_future *corps__future_create(int64_t deadline_ns, enum corps_keep keep_objects, unsigned refs);
struct corps_future *corps__future_ref(struct corps_future *future);
void corps__future_unref(struct corps_future *future); /* accepts NULL */

/* The right to fulfil: true once. Any thread. */
bool corps__future_claim(struct corps_future *future);

/* Claims and fulfils in one step, with a result of this Env (NULL: nil); takes the box, and the promise's reference.
 * Only the promise does this. */
void corps__future_keep(struct corps_future *future, struct corps_box *box);

/* Copies a plain result into the Future, which is the promise's to fulfil; then fulfil it by corps__future_keep(NULL).
 * False: it is not plain. */
bool corps__future_put_plain(struct corps_future *future, const struct corps_value *result);

/* Fulfil what the caller has claimed. Each takes its box, block or failure (NULL: nil; `code` alone). Any thread. */
void corps__future_complete(struct corps_future *future, struct corps_box *box);
void corps__future_complete_frame(struct corps_future *future, struct corps_event *event,
                                  const struct corps__header *header);
void corps__future_failed(struct corps_future *future, enum corps_err code, struct corps__failure *failure);

/* Claims, and fails with a text, unless it is decided already. It is ready then, whoever has decided. */
void corps__future_fail(struct corps_future *future, enum corps_err code, const char *text);

/* The same, since its call's deadline has passed. */
void corps__future_end_late(struct corps_future *future);

/* Lists one thread's interest, which is notified when the Future is ready, and takes it off. */
void corps__interest_take(struct corps_future *future, struct corps__interest *interest, struct corps__waiter *waiter);
void corps__interest_drop(struct corps_future *future, const struct corps__interest *interest);

/* The calling thread is going to wait as the leader: who makes the Future ready without the lead kicks it. */
static inline void corps__future_lead(struct corps_future *future) {
    atomic_fetch_or(&future->word, CORPS__LED); /* pairs with who makes it READY: one sees the other */
}

/* Is it ready, and is what has come a frame that may have to be decoded? */
static inline bool corps__future_is_framed(const struct corps_future *future) {
    return (atomic_load_explicit(&future->word, memory_order_acquire) & CORPS__FRAMED) != 0;
}

static inline bool corps__future_is_ready(const struct corps_future *future) {
    return (atomic_load_explicit(&future->word, memory_order_acquire) & CORPS__READY) != 0;
}

/* Has its caller given it up? */
static inline bool corps__future_is_cancelled(const struct corps_future *future) {
    return corps__future_is_ready(future) && future->outcome == CORPS_ERR_CANCELLED;
}

/* ---- calls under way ---- */

/* Begins a call to `peer` that reserved room (`bytes` of one request) on `route`; gives its id. The reply's reference
 * is the caller's until the frame is sent. */
void corps__calls_enter(struct corps_future *future, struct corps__peer *peer, struct corps__route *route, size_t bytes,
                        uint64_t *id);

/* The same for a call that may be sent again: it takes `kept`. */
void corps__calls_enter_listed(struct corps_future *future, struct corps__kept *kept, struct corps__peer *peer,
                               struct corps__route *route, size_t bytes, uint64_t *id);

/* Ends a call: its room is given back; returns its Future with the reply's reference, claimed, or NULL when there is no
 * such call at `peer` or its outcome is decided already. */
struct corps_future *corps__calls_take(uint64_t id, const struct corps__peer *peer);

/* The usual end of a call, in one step: as corps__calls_take, then corps__future_complete_frame (or, with a nil
 * payload, corps__future_complete), and the reply's reference is dropped. False: nothing was done, since somebody
 * watches the Future or it has been given up, its call may be sent again, or there is no such call. With the lead. */
bool corps__calls_reply(uint64_t id, const struct corps__peer *peer, struct corps_event *event,
                        const struct corps__header *header);

/* Does it wait for another Env's reply? With the lead, so that its peer is not freed meanwhile. */
bool corps__calls_awaits(const struct corps_future *future);

/* What its call is on the wire. */
uint64_t corps__calls_id(const struct corps_future *future);

/* Fails every call to `peer` that is not listed (again.h). */
void corps__calls_fail(const struct corps__peer *peer, enum corps_err code, const char *text);

/* In the child of a fork: calls under way have failed. */
void corps__futures_forked(void);

#endif
