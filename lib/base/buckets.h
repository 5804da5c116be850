/* Buckets: how many of some times lay between which powers of two; their sum, and the largest.
 *
 * The first bucket has what took at most 128 ns, each further one what took at most twice as long, the last one all
 * that took longer than 2^40 ns (18 minutes). A time may stand for several: it is counted with a weight.
 *
 * Threads: any may add and read at any time, without a lock; who reads meanwhile may see a part of what is added.
 * Zeroed memory is empty.
 */
#ifndef CORPS_BASE_BUCKETS_H
#define CORPS_BASE_BUCKETS_H

#include <stdatomic.h>
#include <stdint.h>

enum {
    CORPS__BUCKET_FIRST = 7,
    CORPS__BUCKET_LAST = 41,
    CORPS__BUCKETS = CORPS__BUCKET_LAST - CORPS__BUCKET_FIRST + 1
};

struct corps__buckets {
    _Atomic uint64_t sum_ns; /* each time as often as it counts */
    _Atomic uint64_t max_ns;
    _Atomic uint64_t counts[CORPS__BUCKETS];
};

/* What is negative (of clocks there is none that goes back) counts as 0. */
void corps__buckets_add(struct corps__buckets *buckets, int64_t ns, unsigned weight);

/* The largest time that bucket `index` counts; INT64_MAX: the last one. */
static inline int64_t corps__bucket_upper_ns(unsigned index) {
    return index + 1 < CORPS__BUCKETS ? INT64_C(1) << (CORPS__BUCKET_FIRST + index) : INT64_MAX;
}

#endif
