/* How long requests wait in the mailbox of a Conc, and how long it takes to answer them.
 *
 * A request that is timed (sample.h) is stamped when it is put into the mailbox, again when its turn comes, and counted
 * when it is answered: whichever thread does that, and whenever. Of a Conc that is slow, one that took at least
 * CORPS__SLOW_NS for the last request that was timed, every one is: three looks at the clock are nothing beside that. A
 * new Conc counts as slow. Requests that are refused before they run are not timed, nor are entries of batches but one.
 * So no message costs more than the look at a byte, unless it is timed.
 *
 * Memory for the times comes with the first one worth it: a Conc that is asked now and then, and is fast, needs none.
 */
#ifndef CORPS_ACTOR_TIMING_H
#define CORPS_ACTOR_TIMING_H

#include "actor/conc.h"
#include "actor/sample.h"
#include "base/buckets.h"

#define CORPS__SLOW_NS INT64_C(50000) /* five hundred times what the looks at the clock cost */

struct corps__timing {
    struct corps__buckets wait, service;
};

/* Of those below, for a request that is timed. */
void corps__timing_stamp(const struct corps__conc *conc, struct corps__message *message);
void corps__timing_start(struct corps__message *message);
void corps__timing_end(const struct corps__conc *conc, struct corps__message *message);

/* It is about to be put into the Conc's mailbox. By who does that. */
static inline void corps__timing_arrives(const struct corps__conc *conc, struct corps__message *message) {
    if (__builtin_expect(message->weight | atomic_load_explicit(&conc->times_all, memory_order_relaxed), 0) != 0) {
        corps__timing_stamp(conc, message);
    }
}

/* Its turn has come, and it is admitted. By the thread that runs the Conc. */
static inline void corps__timing_begins(struct corps__message *message) {
    if (__builtin_expect(message->weight != 0, 0)) {
        corps__timing_start(message);
    }
}

/* Its answer is there, and is about to be given. Any thread. */
static inline void corps__timing_answers(const struct corps__conc *conc, struct corps__message *message) {
    if (__builtin_expect(message->weight != 0, 0)) {
        corps__timing_end(conc, message);
    }
}

/* Counts a request that waited, and was served, for so long. Any thread. */
void corps__timing_add(const struct corps__conc *conc, int64_t wait_ns, int64_t service_ns, unsigned weight);

#endif
