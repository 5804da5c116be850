/* When a sleep on descriptors ends at the latest: by a descriptor of its own, a timer that becomes readable.
 *
 * Most sleeps end before their limit, and the next one's is later. So the timer is set only for a limit that is earlier
 * than what it is set to; when it rings too early for the sleep that it ends, the next sleep sets it again. That costs
 * a blocking call nothing, where a timeout of its own costs the kernel a timer each time, and us a look at the clock.
 *
 * Threads: the leader alone.
 */
#ifndef CORPS_LIMIT_H
#define CORPS_LIMIT_H

#include <corps/error.h>

#include <stdint.h>

struct corps__limit {
    int fd;        /* to sleep on; −1: none */
    int64_t at_ns; /* when it rings; CORPS_FOREVER: not at all */
};

/* Errors: SYSTEM. */
enum corps_err corps__limit_open(struct corps__limit *limit) CORPS_CHECKED;
void corps__limit_close(struct corps__limit *limit);

/* It rings at `at_ns` (clock.h) at the latest; at once if that has passed. corps__limit_at: where it must be earlier.
 */
void corps__limit_set(struct corps__limit *limit, int64_t at_ns);
static inline void corps__limit_at(struct corps__limit *limit, int64_t at_ns) {
    if (at_ns < limit->at_ns) {
        corps__limit_set(limit, at_ns);
    }
}

/* It has rung. */
void corps__limit_rung(struct corps__limit *limit);

#endif
