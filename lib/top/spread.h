/* How times are spread: a histogram of powers of two, as corps_stats gives it (corps/stats.h). */
#ifndef CORPS_TOP_SPREAD_H
#define CORPS_TOP_SPREAD_H

#include <corps.h>

enum { TOP_BUCKETS = 64 };

struct top_spread {
    int64_t sum_ns, max_ns;
    int64_t
        counts[TOP_BUCKETS]; /* [i]: at most 2^i ns, and more than half of that; the last one: all that took longer */
};

/* Reads one; of what is none, an empty one. */
void top_spread_read(const struct corps_value *map, struct top_spread *spread);

/* What came between two readings: takes `before` off. A maximum is since the start, whatever was before. */
void top_spread_subtract(struct top_spread *spread, const struct top_spread *before);

int64_t top_spread_count(const struct top_spread *spread);

/* The time that `share` of them (0 … 1) took at most, in ns, as if the times of a bucket lay evenly on a scale of
 * powers; never more than the maximum. -1: there are none. */
double top_spread_quantile(const struct top_spread *spread, double share);

#endif
