#include "measure/histogram.h"

#include <endian.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Values below 2^11 have a bucket each. Above, every power of two is cut into 2^10 buckets, so that a bucket is never
 * wider than 1/1024 of its lower bound: three significant digits. Values of 2^40 ns (18 minutes) and more share the
 * last bucket; the exact maximum is kept beside. Source of the layout: HdrHistogram (Gil Tene). */
enum {
    LINEAR_BITS = 11,
    SUB_BITS = LINEAR_BITS - 1,
    VALUE_BITS = 40,
    BUCKET_COUNT = (1 << LINEAR_BITS) + (VALUE_BITS - LINEAR_BITS) * (1 << SUB_BITS),
};

struct lab_histogram {
    uint64_t count;
    uint64_t records; /* calls that recorded something */
    uint64_t max;
    uint64_t buckets[BUCKET_COUNT];
};

struct lab_histogram *lab_histogram_create(void) {
    return calloc(1, sizeof(struct lab_histogram));
}

void lab_histogram_destroy(struct lab_histogram *histogram) {
    free(histogram);
}

void lab_histogram_clear(struct lab_histogram *histogram) {
    memset(histogram, 0, sizeof *histogram);
}

static size_t bucket_of(uint64_t value) {
    if (value < (UINT64_C(1) << LINEAR_BITS)) {
        return (size_t)value;
    }
    if (value >> VALUE_BITS != 0) {
        return BUCKET_COUNT - 1;
    }
    unsigned top_bit = 63u - (unsigned)__builtin_clzll(value);
    uint64_t sub = (value >> (top_bit - SUB_BITS)) - (UINT64_C(1) << SUB_BITS);
    return (size_t)((UINT64_C(1) << LINEAR_BITS) + ((uint64_t)(top_bit - LINEAR_BITS) << SUB_BITS) + sub);
}

static uint64_t low_of(size_t bucket) {
    if (bucket < (1u << LINEAR_BITS)) {
        return bucket;
    }
    size_t above = bucket - (1u << LINEAR_BITS);
    unsigned shift = (unsigned)(above >> SUB_BITS) + 1;
    uint64_t sub = (above & ((1u << SUB_BITS) - 1)) + (1u << SUB_BITS);
    return sub << shift;
}

static uint64_t width_of(size_t bucket) {
    return bucket < (1u << LINEAR_BITS) ? 1 : UINT64_C(1) << (((bucket - (1u << LINEAR_BITS)) >> SUB_BITS) + 1);
}

void lab_histogram_record_many(struct lab_histogram *histogram, uint64_t value_ns, uint64_t count) {
    histogram->buckets[bucket_of(value_ns)] += count;
    histogram->count += count;
    histogram->records += count > 0;
    if (count > 0 && value_ns > histogram->max) {
        histogram->max = value_ns;
    }
}

void lab_histogram_record(struct lab_histogram *histogram, uint64_t value_ns) {
    lab_histogram_record_many(histogram, value_ns, 1);
}

uint64_t lab_histogram_count(const struct lab_histogram *histogram) {
    return histogram->count;
}

uint64_t lab_histogram_records(const struct lab_histogram *histogram) {
    return histogram->records;
}

uint64_t lab_histogram_max(const struct lab_histogram *histogram) {
    return histogram->max;
}

void lab_histogram_set_max(struct lab_histogram *histogram, uint64_t value_ns) {
    if (value_ns > histogram->max) {
        histogram->max = value_ns;
    }
}

/* The middle of the bucket in which the value of that rank lies, but never above the exact maximum. */
uint64_t lab_histogram_quantile(const struct lab_histogram *histogram, double quantile) {
    if (histogram->count == 0) {
        return 0;
    }
    double wanted = ceil(quantile * (double)histogram->count);
    uint64_t rank = wanted < 1 ? 1 : (uint64_t)wanted;
    if (rank >= histogram->count) {
        return histogram->max;
    }
    uint64_t seen = 0;
    size_t bucket = 0;
    while (seen + histogram->buckets[bucket] < rank) {
        seen += histogram->buckets[bucket];
        bucket++;
    }
    uint64_t middle = low_of(bucket) + (width_of(bucket) - 1) / 2;
    return middle < histogram->max ? middle : histogram->max;
}

json_t *lab_histogram_json(const struct lab_histogram *histogram) {
    json_t *list = json_array();
    for (size_t i = 0; i < BUCKET_COUNT; i++) {
        if (histogram->buckets[i] > 0) {
            json_array_append_new(list, json_pack("[I, I]", (json_int_t)low_of(i), (json_int_t)histogram->buckets[i]));
        }
    }
    return list;
}

size_t lab_histogram_packed_bytes(const struct lab_histogram *histogram) {
    size_t used = 0;
    for (size_t i = 0; i < BUCKET_COUNT; i++) {
        used += histogram->buckets[i] > 0;
    }
    return used * 2 * sizeof(uint64_t);
}

void lab_histogram_pack(const struct lab_histogram *histogram, uint8_t *out) {
    for (size_t i = 0; i < BUCKET_COUNT; i++) {
        if (histogram->buckets[i] > 0) {
            uint64_t pair[2] = {htole64(low_of(i)), htole64(histogram->buckets[i])};
            memcpy(out, pair, sizeof pair);
            out += sizeof pair;
        }
    }
}

bool lab_histogram_unpack(struct lab_histogram *histogram, const uint8_t *data, size_t bytes) {
    uint64_t pair[2];
    if (bytes % sizeof pair != 0) {
        return false;
    }
    for (size_t at = 0; at < bytes; at += sizeof pair) {
        memcpy(pair, data + at, sizeof pair);
        if (le64toh(pair[0]) >> VALUE_BITS != 0) {
            return false;
        }
    }
    for (size_t at = 0; at < bytes; at += sizeof pair) {
        memcpy(pair, data + at, sizeof pair);
        lab_histogram_record_many(histogram, le64toh(pair[0]), le64toh(pair[1]));
        histogram->records += le64toh(pair[1]) - (pair[1] != 0);
    }
    return true;
}
