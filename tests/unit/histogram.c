/* The laboratory's histogram against exact quantiles of the same values. */
#include "measure/histogram.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { SAMPLE_COUNT = 20000 };

static uint64_t next_random(uint64_t *state) {
    /* splitmix64 (Steele, Lea, Flood 2014) */
    uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static int by_value(const void *a, const void *b) {
    uint64_t x = *(const uint64_t *)a;
    uint64_t y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static uint64_t exact_quantile(const uint64_t *sorted, size_t count, double quantile) {
    size_t rank = (size_t)ceil(quantile * (double)count);
    return sorted[rank < 1 ? 0 : rank - 1];
}

/* Every shift gives another range: nanoseconds, microseconds, … up to many seconds. */
static void quantiles_are_within_a_thousandth(void **state) {
    (void)state;
    static uint64_t values[SAMPLE_COUNT];
    const double quantiles[] = {0, 0.001, 0.25, 0.5, 0.9, 0.99, 0.999, 1};
    for (unsigned shift = 24; shift < 60; shift += 3) {
        uint64_t seed = shift;
        struct lab_histogram *histogram = lab_histogram_create();
        assert_non_null(histogram);
        for (size_t i = 0; i < SAMPLE_COUNT; i++) {
            values[i] = next_random(&seed) >> shift;
            lab_histogram_record(histogram, values[i]);
        }
        qsort(values, SAMPLE_COUNT, sizeof values[0], by_value);
        for (size_t q = 0; q < sizeof quantiles / sizeof quantiles[0]; q++) {
            double exact = (double)exact_quantile(values, SAMPLE_COUNT, quantiles[q]);
            double got = (double)lab_histogram_quantile(histogram, quantiles[q]);
            assert_true(fabs(got - exact) <= exact / 1000);
        }
        assert_int_equal(lab_histogram_count(histogram), SAMPLE_COUNT);
        assert_int_equal(lab_histogram_max(histogram), values[SAMPLE_COUNT - 1]);
        lab_histogram_destroy(histogram);
    }
}

static void small_values_are_exact(void **state) {
    (void)state;
    struct lab_histogram *histogram = lab_histogram_create();
    for (uint64_t v = 1; v <= 2000; v++) {
        lab_histogram_record(histogram, v);
    }
    assert_int_equal(lab_histogram_quantile(histogram, 0.5), 1000);
    assert_int_equal(lab_histogram_quantile(histogram, 0.99), 1980);
    assert_int_equal(lab_histogram_quantile(histogram, 0), 1);
    assert_int_equal(lab_histogram_quantile(histogram, 1), 2000);
    lab_histogram_destroy(histogram);
}

static void a_mean_of_many_is_one_record(void **state) {
    (void)state;
    struct lab_histogram *histogram = lab_histogram_create();
    lab_histogram_record(histogram, 5);
    lab_histogram_record_many(histogram, 7, 64);
    lab_histogram_record_many(histogram, 9, 0);
    assert_int_equal(lab_histogram_count(histogram), 65);
    assert_int_equal(lab_histogram_records(histogram), 2);
    lab_histogram_destroy(histogram);
}

static void an_empty_one_gives_zero(void **state) {
    (void)state;
    struct lab_histogram *histogram = lab_histogram_create();
    assert_int_equal(lab_histogram_quantile(histogram, 0.5), 0);
    assert_int_equal(lab_histogram_max(histogram), 0);
    json_t *json = lab_histogram_json(histogram);
    assert_int_equal(json_array_size(json), 0);
    json_decref(json);
    lab_histogram_destroy(histogram);
}

/* Borders of buckets and of the range: each value's bucket must begin at or below it, by less than a thousandth. */
static void buckets_begin_where_they_say(void **state) {
    (void)state;
    struct lab_histogram *histogram = lab_histogram_create();
    for (unsigned bit = 0; bit < 40; bit++) {
        for (int step = -1; step <= 1; step++) {
            uint64_t value = (UINT64_C(1) << bit) + (uint64_t)(int64_t)step;
            lab_histogram_clear(histogram);
            lab_histogram_record(histogram, value);
            json_t *json = lab_histogram_json(histogram);
            assert_int_equal(json_array_size(json), 1);
            json_t *pair = json_array_get(json, 0);
            uint64_t low = (uint64_t)json_integer_value(json_array_get(pair, 0));
            assert_true(low <= value);
            assert_true((value - low) * 1000 <= value);
            assert_int_equal(json_integer_value(json_array_get(pair, 1)), 1);
            json_decref(json);
        }
    }
    lab_histogram_destroy(histogram);
}

static void too_large_values_are_counted_and_the_maximum_is_exact(void **state) {
    (void)state;
    struct lab_histogram *histogram = lab_histogram_create();
    lab_histogram_record(histogram, 5);
    lab_histogram_record(histogram, UINT64_C(1) << 41);
    lab_histogram_record(histogram, UINT64_MAX);
    assert_int_equal(lab_histogram_count(histogram), 3);
    assert_int_equal(lab_histogram_max(histogram), UINT64_MAX);
    json_t *json = lab_histogram_json(histogram);
    assert_int_equal(json_array_size(json), 2);
    json_decref(json);
    lab_histogram_destroy(histogram);
}

static void packing_keeps_every_bucket(void **state) {
    (void)state;
    struct lab_histogram *histogram = lab_histogram_create();
    struct lab_histogram *copy = lab_histogram_create();
    uint64_t seed = 7;
    for (size_t i = 0; i < SAMPLE_COUNT; i++) {
        lab_histogram_record(histogram, next_random(&seed) >> 30);
    }
    size_t bytes = lab_histogram_packed_bytes(histogram);
    uint8_t *packed = malloc(bytes);
    assert_non_null(packed);
    lab_histogram_pack(histogram, packed);
    assert_true(lab_histogram_unpack(copy, packed, bytes));
    lab_histogram_set_max(copy, lab_histogram_max(histogram));
    json_t *a = lab_histogram_json(histogram);
    json_t *b = lab_histogram_json(copy);
    assert_true(json_equal(a, b));
    assert_int_equal(lab_histogram_max(copy), lab_histogram_max(histogram));
    assert_int_equal(lab_histogram_quantile(copy, 0.99), lab_histogram_quantile(histogram, 0.99));
    json_decref(a);
    json_decref(b);

    assert_false(lab_histogram_unpack(copy, packed, bytes - 1));
    packed[7] = 0xff; /* a bound far beyond the range */
    assert_false(lab_histogram_unpack(copy, packed, bytes));
    assert_int_equal(lab_histogram_count(copy), SAMPLE_COUNT);
    free(packed);
    lab_histogram_destroy(copy);
    lab_histogram_destroy(histogram);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quantiles_are_within_a_thousandth),
        cmocka_unit_test(small_values_are_exact),
        cmocka_unit_test(a_mean_of_many_is_one_record),
        cmocka_unit_test(an_empty_one_gives_zero),
        cmocka_unit_test(buckets_begin_where_they_say),
        cmocka_unit_test(too_large_values_are_counted_and_the_maximum_is_exact),
        cmocka_unit_test(packing_keeps_every_bucket),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
