/* Alarms: what the leader does at a time, such as ending a call that no thread waits for.
 *
 * They are in a heap, the soonest first, and lie in their owners: setting one allocates nothing. The leader looks when
 * the first one is due before it sleeps, and now and then while it polls; so where nobody leads or polls, nothing
 * rings, as nothing is received either. An alarm rings once, or not at all when it is cleared before.
 * (A pairing heap: M. Fredman et al., "The pairing heap", Algorithmica 1 (1986).)
 */
#ifndef CORPS_ALARM_H
#define CORPS_ALARM_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* Zeroed: not set. */
struct corps__alarm {
    int64_t at_ns;
    void (*ring)(struct corps__alarm *alarm);
    struct corps__alarm *child; /* the first of those below */
    struct corps__alarm *next;  /* beside it, below the same one */
    struct corps__alarm **link; /* where it is pointed to; NULL: not set */
};

struct corps__alarms {
    pthread_mutex_t lock;
    struct corps__alarm *first;
    _Atomic int64_t first_ns; /* when that is due, CORPS_FOREVER without one */
};

void corps__alarms_init(struct corps__alarms *alarms);

/* Has `ring(alarm)` called with the lead once `at_ns` (clock.h) has come. It must not be set already, and stays until
 * it has rung or was cleared. True: it is the first, so who sleeps until a later time must be woken. Any thread. */
bool corps__alarm_set(struct corps__alarms *alarms, struct corps__alarm *alarm, int64_t at_ns,
                      void (*ring)(struct corps__alarm *alarm)) __attribute__((warn_unused_result));

/* True: it was set, and will not ring. False: it was not, or it is ringing or has rung. Any thread. */
bool corps__alarm_clear(struct corps__alarms *alarms, struct corps__alarm *alarm);

/* When the first one is due. */
static inline int64_t corps__alarms_first_ns(struct corps__alarms *alarms) {
    return atomic_load_explicit(&alarms->first_ns, memory_order_relaxed);
}

/* Rings those that are due at `now_ns`, in their order; each may set and clear others. With the lead. */
void corps__alarms_ring(struct corps__alarms *alarms, int64_t now_ns);

#endif
