/* Buckets: which one counts what, with which weight. And which messages and entries of batches are timed: as many as
 * their weights say, and at no fixed distance. */
#include "base/buckets.h"
#include "actor/sample.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

/* The only bucket that counts something. */
static unsigned filled(const struct corps__buckets *buckets) {
    unsigned found = CORPS__BUCKETS;
    for (unsigned i = 0; i < CORPS__BUCKETS; i++) {
        if (buckets->counts[i] != 0) {
            assert_int_equal(found, CORPS__BUCKETS);
            found = i;
        }
    }
    return found;
}

static unsigned bucket_of(int64_t ns) {
    struct corps__buckets buckets = {0};
    corps__buckets_add(&buckets, ns, 1);
    return filled(&buckets);
}

static void test_each_power_of_two_is_a_bound(void **state) {
    (void)state;
    assert_int_equal(bucket_of(0), 0);
    assert_int_equal(bucket_of(-5), 0);
    assert_int_equal(bucket_of(1), 0);
    for (unsigned i = 0; i + 1 < CORPS__BUCKETS; i++) {
        int64_t upper_ns = corps__bucket_upper_ns(i);
        assert_int_equal(upper_ns, INT64_C(128) << i);
        assert_int_equal(bucket_of(upper_ns), i);
        assert_int_equal(bucket_of(upper_ns + 1), i + 1);
    }
    assert_true(corps__bucket_upper_ns(CORPS__BUCKETS - 1) == INT64_MAX);
    assert_int_equal(bucket_of(INT64_MAX), CORPS__BUCKETS - 1);
}

static void test_sums(void **state) {
    (void)state;
    struct corps__buckets buckets = {0};
    corps__buckets_add(&buckets, 1000, 64);
    corps__buckets_add(&buckets, 3000, 1);
    corps__buckets_add(&buckets, 900, 1);
    assert_int_equal(buckets.sum_ns, 64 * 1000 + 3000 + 900);
    assert_int_equal(buckets.max_ns, 3000);
    assert_int_equal(buckets.counts[bucket_of(1000)], 65);
    assert_int_equal(buckets.counts[bucket_of(3000)], 1);
}

/* Their number times their weight is the number of all, within what chance does (the numbers are the same each time).
 */
static void test_messages(void **state) {
    (void)state;
    enum { MESSAGES = 1 << 20 };
    static unsigned distances[4 * CORPS__SAMPLED_OF];
    unsigned left = 0, last = 0, hits = 0, different = 0;
    for (unsigned i = 0; i < MESSAGES; i++) {
        uint8_t weight = corps__sample_message(&left);
        assert_true(weight == 0 || weight == CORPS__SAMPLED_OF);
        if (weight != 0) {
            assert_true(i - last < sizeof distances / sizeof distances[0]);
            distances[i - last]++;
            last = i;
            hits++;
        }
    }
    assert_in_range(hits * CORPS__SAMPLED_OF, MESSAGES * 98 / 100, MESSAGES * 102 / 100);
    for (unsigned i = 0; i < sizeof distances / sizeof distances[0]; i++) {
        different += distances[i] > 0;
        assert_true(distances[i] < hits / 20);
    }
    assert_true(different > CORPS__SAMPLED_OF);
}

static void test_entries(void **state) {
    (void)state;
    enum { BATCHES = CORPS__ENTRIES_OF * 1000 };
    unsigned counts[CORPS__ENTRIES_OF] = {0};
    for (unsigned i = 0; i < BATCHES; i++) {
        uint32_t entry = corps__sample_entry();
        assert_true(entry < CORPS__ENTRIES_OF);
        counts[entry]++;
    }
    for (unsigned i = 0; i < CORPS__ENTRIES_OF; i++) {
        assert_in_range(counts[i], 800, 1200);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_power_of_two_is_a_bound),
        cmocka_unit_test(test_sums),
        cmocka_unit_test(test_messages),
        cmocka_unit_test(test_entries),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
