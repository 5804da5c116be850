/* How far the clock of a process on another host is from ours.
 *
 * Deadlines are times of their sender's clock. Whoever receives them asks the sender what its clock says: the question
 * goes at `asked` by our clock, the answer is here at `now`, and in between the other clock said `theirs`. So theirs
 * minus ours lies within theirs − now … theirs − asked: the middle is the estimate, half of the round trip is how wrong
 * it can be, whatever held up either of the two. Of a series of eight round trips the smallest counts. There is another
 * series each minute, since clocks drift apart: by less than CORPS__DRIFT_PPM together, as quartz and what NTP adds to
 * it do (500 is the most that Linux lets NTP slew one by, 1 to 100 is usual), so what is known gets that much worse
 * with time. A later series takes the place of what is known where that is now worse, or cannot be true any more: a
 * clock that stood still, as that of a virtual machine that was stopped, is known again after a minute at the latest.
 *
 * The difference is *known* once the error is below CORPS__SKEW_KNOWN_NS, and the other side is told so by the next
 * question. Questions follow each other at once until then.
 *
 * Pure: no clock, no I/O, nothing allocated. Times are CLOCK_MONOTONIC of either side, in ns. Threads: one at a time.
 * Source: F. Cristian, Probabilistic clock synchronization (1989); the smallest of eight as NTP's clock filter
 * (RFC 5905, 10).
 */
#ifndef CORPS_SKEW_H
#define CORPS_SKEW_H

#include <stdbool.h>
#include <stdint.h>

#define CORPS__SKEW_KNOWN_NS INT64_C(1000000000)
#define CORPS__SKEW_AGAIN_NS INT64_C(60000000000)
#define CORPS__SKEW_PATIENCE_NS INT64_C(1000000000) /* for an answer, before what is not known is asked for again */
#define CORPS__DRIFT_PPM 1000

enum { CORPS__SKEW_ROUNDS = 8 };

struct corps__skew {
    int64_t asked_ns; /* when the question went that waits for its answer; 0: none does */
    int64_t sent_ns;  /* when the last one went */
    int64_t series_ns;
    unsigned left; /* of the questions of this series */
    bool has_estimate, has_best;
    int64_t difference_ns, error_ns, at_ns;                /* theirs minus ours, as it was at at_ns */
    int64_t best_difference_ns, best_error_ns, best_at_ns; /* of this series */
    bool told;                                             /* a question has said that it is known */
};

/* Zeroed memory knows nothing, and is to ask. */

/* Is a question to be sent now? Then takes it for sent, with `now_ns` in it and corps__skew_is_known. */
bool corps__skew_asks(struct corps__skew *skew, int64_t now_ns);

/* When to ask corps__skew_asks again, unless an answer comes before. */
int64_t corps__skew_next_ns(const struct corps__skew *skew);

/* An answer to the question of `asked_ns` has come. One that nobody waits for any more is passed over. */
void corps__skew_answered(struct corps__skew *skew, int64_t asked_ns, int64_t theirs_ns, int64_t now_ns);

/* How wrong the difference may be; INT64_MAX: nothing is known. */
int64_t corps__skew_error_ns(const struct corps__skew *skew, int64_t now_ns);
bool corps__skew_is_known(const struct corps__skew *skew, int64_t now_ns);

/* A time of the other clock by ours; at least 1, at most INT64_MAX. */
int64_t corps__skew_here_ns(const struct corps__skew *skew, uint64_t theirs_ns);

#endif
