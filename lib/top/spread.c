#include "spread.h"

#include <math.h>
#include <string.h>

static int64_t number_of(const struct corps_value *value) {
    return value != NULL && value->kind == CORPS_INT ? value->integer : 0;
}

/* The bucket of times up to `upper_ns`. */
static unsigned bucket_of(int64_t upper_ns) {
    unsigned bucket = 0;
    while (bucket < TOP_BUCKETS - 1 && (INT64_C(1) << bucket) < upper_ns) {
        bucket++;
        if (bucket == 63) {
            break;
        }
    }
    return bucket;
}

void top_spread_read(const struct corps_value *map, struct top_spread *spread) {
    memset(spread, 0, sizeof *spread);
    const struct corps_value *buckets = map != NULL ? corps_value_get(map, "buckets") : NULL;
    if (buckets == NULL || buckets->kind != CORPS_ARRAY) {
        return;
    }
    spread->sum_ns = number_of(corps_value_get(map, "sum_ns"));
    spread->max_ns = number_of(corps_value_get(map, "max_ns"));
    for (size_t i = 0; i < buckets->count; i++) {
        const struct corps_value *pair = corps_value_item(buckets, i);
        spread->counts[bucket_of(number_of(corps_value_item(pair, 0)))] += number_of(corps_value_item(pair, 1));
    }
}

void top_spread_subtract(struct top_spread *spread, const struct top_spread *before) {
    spread->sum_ns -= before->sum_ns;
    for (unsigned i = 0; i < TOP_BUCKETS; i++) { /* what is counted while it is read may be seen a reading later */
        spread->counts[i] -= before->counts[i] < spread->counts[i] ? before->counts[i] : spread->counts[i];
    }
}

int64_t top_spread_count(const struct top_spread *spread) {
    int64_t count = 0;
    for (unsigned i = 0; i < TOP_BUCKETS; i++) {
        count += spread->counts[i];
    }
    return count;
}

double top_spread_quantile(const struct top_spread *spread, double share) {
    double wanted = share * (double)top_spread_count(spread);
    double passed = 0;
    for (unsigned i = 0; i < TOP_BUCKETS; i++) {
        double here = (double)spread->counts[i];
        if (here > 0 && passed + here >= wanted) {
            double upper_ns = exp2(i == TOP_BUCKETS - 1 ? 41 : i);
            double ns = upper_ns / 2 * exp2((wanted - passed) / here);
            return spread->max_ns > 0 && ns > (double)spread->max_ns ? (double)spread->max_ns : ns;
        }
        passed += here;
    }
    return -1;
}
