/* Homes: a Conc that one thread alone runs, which is none of the pool's.
 *
 * Such a Conc is HOME_IDLE and HOME_QUEUED where others are IDLE and QUEUED, so that nobody else can claim it: it is in
 * no run queue, waiters do not run it, the leader does not keep its requests. Whoever queues it wakes its thread.
 *
 * The Conc's init begins on a thread of the pool, which asks for the home (corps_context_home); then the init is run
 * again there, before anything else. When the Conc has ended the thread goes, and what still comes is refused by the
 * pool.
 */
#ifndef CORPS_HOME_H
#define CORPS_HOME_H

#include "actor/conc.h"

struct corps_home {
    struct corps__conc *conc;
    struct corps__waiter waiter;
    struct corps__message *init; /* to be run first; of the thread that runs the Conc */
    _Atomic bool left;           /* the Conc needs it no more … */
    _Atomic bool gone;           /* … and is anybody's */
    struct corps_home *former;   /* of the Conc before it was made again: its thread may still look at it */
};

static inline struct corps_home *corps__home_of(const struct corps__conc *conc) {
    return atomic_load_explicit(&corps__rare(conc)->home, memory_order_acquire); /* pairs with corps_context_home */
}

/* After an init that returned PENDING: true when it is to be run again in the Conc's home; keeps the message for that.
 */
bool corps__home_takes_init(struct corps__conc *conc, struct corps__message *message);

/* Has it taken an init that was not run there yet? By the thread that runs the Conc. */
bool corps__home_awaits(const struct corps__conc *conc);

/* The Conc has something to do. Any thread. */
void corps__home_wake(struct corps_home *home);

/* RUNNING → HOME_IDLE, or HOME_QUEUED with an init; IDLE when the home was left. By the thread that runs it. */
void corps__home_end(struct corps_home *home);

#endif
