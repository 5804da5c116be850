#include "base/buckets.h"

/* ceil(log2(ns)), within what there are buckets for. */
static unsigned index_of(uint64_t ns) {
    unsigned power = ns > 1 ? 64 - (unsigned)__builtin_clzll(ns - 1) : 0;
    power = power < CORPS__BUCKET_LAST ? power : CORPS__BUCKET_LAST;
    return power > CORPS__BUCKET_FIRST ? power - CORPS__BUCKET_FIRST : 0;
}

void corps__buckets_add(struct corps__buckets *buckets, int64_t given_ns, unsigned weight) {
    uint64_t ns = given_ns > 0 ? (uint64_t)given_ns : 0;
    atomic_fetch_add_explicit(&buckets->counts[index_of(ns)], weight, memory_order_relaxed);
    atomic_fetch_add_explicit(&buckets->sum_ns, ns * weight, memory_order_relaxed);
    uint64_t max_ns = atomic_load_explicit(&buckets->max_ns, memory_order_relaxed);
    while (ns > max_ns && !atomic_compare_exchange_weak_explicit(&buckets->max_ns, &max_ns, ns, memory_order_relaxed,
                                                                 memory_order_relaxed)) {
    }
}
