/* When does a timer ring? The deciding part: times in, times out. No clock, no allocation.
 *
 * Rings are due at first, first + every, first + 2 × every, …: however late one of them comes, the next ones do not
 * drift. What was missed, because nobody looked in time, is not made up for: it counts as missed, and the grid goes on.
 * One thread at a time.
 */
#ifndef CORPS_ACTOR_BEAT_H
#define CORPS_ACTOR_BEAT_H

#include <stdbool.h>
#include <stdint.h>

struct corps__beat {
    int64_t due_ns;   /* the next ring */
    int64_t every_ns; /* 0: there is only one */
    uint64_t left;    /* rings that are left, this one included; 0: without end */
    bool over;        /* there is none any more */
};

/* The ring that was due is done, at `now_ns` (not before due_ns). Gives how many after it were missed; they do not
 * count as rings. */
static inline uint64_t corps__beat_take(struct corps__beat *beat, int64_t now_ns) {
    uint64_t missed = 0;
    beat->over = beat->every_ns == 0 || beat->left == 1;
    beat->left -= beat->left > 0 ? 1 : 0;
    if (!beat->over) {
        missed = now_ns > beat->due_ns ? (uint64_t)(now_ns - beat->due_ns) / (uint64_t)beat->every_ns : 0;
        int64_t behind_ns = (int64_t)missed * beat->every_ns; /* at most now − due */
        int64_t from_ns = beat->due_ns + behind_ns;
        beat->due_ns = beat->every_ns < INT64_MAX - from_ns ? from_ns + beat->every_ns : INT64_MAX;
    }
    return missed;
}

/* Is it too late for the ring that is due, since the next one is due as well? */
static inline bool corps__beat_is_late(const struct corps__beat *beat, int64_t now_ns) {
    return beat->every_ns != 0 && now_ns - beat->due_ns >= beat->every_ns;
}

#endif
