#include "wait/trace.h"

#include "base/clock.h"

#include <pthread.h>
#include <sched.h>

_Atomic unsigned corps__tracing;

/* Writers announce themselves before they look whether tracing goes on: corps_trace_end waits for them. */
static struct {
    pthread_mutex_t lock; /* of begin and end */
    _Atomic unsigned writers;
    _Atomic size_t next;
    struct corps_stamp *stamps;
    size_t capacity;
} trace = {.lock = PTHREAD_MUTEX_INITIALIZER};

enum corps_err corps_trace_begin(struct corps_stamp *stamps, size_t capacity) {
    pthread_mutex_lock(&trace.lock);
    bool already = (atomic_load(&corps__tracing) & CORPS__TRACING_STAGES) != 0;
    if (!already) {
        trace.stamps = stamps;
        trace.capacity = capacity;
        atomic_store(&trace.next, 0);
        (void)atomic_fetch_or(&corps__tracing, CORPS__TRACING_STAGES);
    }
    pthread_mutex_unlock(&trace.lock);
    return already ? corps_error_set(CORPS_ERR_INVALID, "this process traces already; end that first") : CORPS_OK;
}

size_t corps_trace_end(void) {
    pthread_mutex_lock(&trace.lock);
    bool was = (atomic_fetch_and(&corps__tracing, ~(unsigned)CORPS__TRACING_STAGES) & CORPS__TRACING_STAGES) != 0;
    while (was && atomic_load(&trace.writers) > 0) {
        (void)sched_yield();
    }
    size_t written = was ? atomic_load(&trace.next) : 0;
    pthread_mutex_unlock(&trace.lock);
    return written < trace.capacity ? written : trace.capacity;
}

void corps__trace_add(uint64_t id, uint32_t caller, enum corps_stage stage, int64_t ns) {
    atomic_fetch_add(&trace.writers, 1);
    if ((atomic_load(&corps__tracing) & CORPS__TRACING_STAGES) != 0) {
        size_t at = atomic_fetch_add(&trace.next, 1);
        if (at < trace.capacity) {
            trace.stamps[at] =
                (struct corps_stamp){.id = id, .ns = (uint64_t)ns, .stage = (uint32_t)stage, .caller = caller};
        }
    }
    atomic_fetch_sub(&trace.writers, 1);
}

void corps__trace_now(uint64_t id, uint32_t caller, enum corps_stage stage) {
    if ((atomic_load_explicit(&corps__tracing, memory_order_relaxed) & CORPS__TRACING_STAGES) != 0) {
        corps__trace_add(id, caller, stage, corps__now_ns());
    }
}

void corps__trace_forked(void) {
    pthread_mutex_init(&trace.lock, NULL);
    atomic_store(&corps__tracing, 0);
    atomic_store(&trace.writers, 0);
}
