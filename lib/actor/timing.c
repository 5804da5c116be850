#include "actor/timing.h"

#include "base/clock.h"

#include <stdlib.h>

void corps__timing_stamp(const struct corps__conc *conc, struct corps__message *message) {
    message->weight = atomic_load_explicit(&conc->times_all, memory_order_relaxed) ? 1 : message->weight;
    message->arrived_ns = corps__now_ns();
}

void corps__timing_start(struct corps__message *message) {
    message->started_ns = corps__now_ns();
}

void corps__timing_end(const struct corps__conc *conc, struct corps__message *message) {
    if (message->started_ns != 0) { /* else it was refused */
        corps__timing_add(conc, message->started_ns - message->arrived_ns, corps__now_ns() - message->started_ns,
                          message->weight);
    }
    message->weight = 0;
}

/* NULL: no memory, and the time is not counted. */
static struct corps__timing *timing_of(struct corps__conc *conc) {
    struct corps__timing *timing = atomic_load_explicit(&corps__rare(conc)->timing, memory_order_acquire);
    if (timing != NULL) {
        return timing;
    }
    struct corps__rare *rare = corps__rare_make(conc);
    struct corps__timing *made = rare != NULL ? calloc(1, sizeof *made) : NULL;
    if (made != NULL && !atomic_compare_exchange_strong(&rare->timing, &timing, made)) {
        free(made); /* another thread was faster */
        return timing;
    }
    return made;
}

/* What is counted is the Conc's to every thread: those that answer know it as one that they do not change. */
void corps__timing_add(const struct corps__conc *given, int64_t wait_ns, int64_t service_ns, unsigned weight) {
    struct corps__conc *conc = (struct corps__conc *)(uintptr_t)given;
    bool is_slow = service_ns >= CORPS__SLOW_NS;
    if (atomic_load_explicit(&conc->times_all, memory_order_relaxed) != is_slow) {
        atomic_store_explicit(&conc->times_all, is_slow, memory_order_relaxed);
    }
    bool is_worth_memory =
        is_slow || weight > 1 || atomic_load_explicit(&corps__rare(conc)->timing, memory_order_relaxed) != NULL;
    struct corps__timing *timing = is_worth_memory ? timing_of(conc) : NULL;
    if (timing != NULL) {
        corps__buckets_add(&timing->wait, wait_ns, weight);
        corps__buckets_add(&timing->service, service_ns, weight);
    }
}
