/* Answers to retry calls that are kept with a Conc's state, so that what is in the state is not run again.
 *
 * A checkpoint writes the state and all answers that were given up to then, in one record: whatever a later process
 * restores, a call has its effect in the state if and only if its answer stands beside it. An answer stays as long as
 * its call may be sent again. It is kept as plain values, without anything that belongs to one process or link.
 *
 * Threads: what a Conc has is of the thread that runs it.
 */
#ifndef CORPS_ACTOR_ONCE_H
#define CORPS_ACTOR_ONCE_H

#include "actor/results.h"
#include "link/peer.h"

struct corps__once_answer;

/* A Conc's. Zeroed memory is an empty one. */
struct corps__once {
    struct corps__once_answer *answers;
    size_t count, room;
    size_t bytes; /* that they take up, about */
};

/* Adds an answer (a copy) to the call of this key. Errors: NO_MEMORY; INVALID (it needs definitions of this process).
 */
enum corps_err corps__once_add(struct corps__once *once, const struct corps__result_key *key, int64_t keep_until_ns,
                               const struct corps__outgoing *out) CORPS_CHECKED;

/* Drops those whose calls cannot be sent again any more. */
void corps__once_expire(struct corps__once *once, int64_t now_ns);
void corps__once_clear(struct corps__once *once);
void corps__once_free(struct corps__once *once); /* and itself; accepts NULL */

/* All of them as items of a record that is written now: the time, and each answer as a box. Gives what malloc gave, of
 * count + 1; lends the boxes until the next change. Errors: NO_MEMORY. */
enum corps_err corps__once_items(const struct corps__once *once, int64_t now_ns,
                                 struct corps_value **items) CORPS_CHECKED;

/* Takes what stands in such a record instead of what there was. `other_clock`: it may have been written by another
 * host's clock; then each answer is kept for as long from now on as it was to be kept when the record was written,
 * which is long enough, and over any number of restores no longer than it was down meanwhile. Errors: CORRUPT,
 * NO_MEMORY. */
enum corps_err corps__once_restore(struct corps__once *once, const struct corps_value *answers, bool other_clock,
                                   int64_t now_ns) CORPS_CHECKED;

/* Answer `i` for the cache of this process: gives its reply, a struct corps__copy. Errors: CORRUPT, NO_MEMORY. */
enum corps_err corps__once_result(const struct corps__once *once, size_t i, struct corps__result *result) CORPS_CHECKED;

#endif
