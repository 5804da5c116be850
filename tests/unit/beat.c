/* When a timer rings: in even steps from its first ring, however late anybody looks, and never twice for what was
 * missed. */
#include "actor/beat.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void test_once(void **state) {
    (void)state;
    struct corps__beat beat = {.due_ns = 100};
    assert_false(corps__beat_is_late(&beat, 1000000));
    assert_int_equal(corps__beat_take(&beat, 1000000), 0);
    assert_true(beat.over);
}

static void test_steps(void **state) {
    (void)state;
    struct corps__beat beat = {.due_ns = 100, .every_ns = 10};
    for (int64_t n = 0; n < 1000; n++) {
        assert_int_equal(beat.due_ns, 100 + 10 * n); /* late by anything below a step: no drift */
        assert_false(corps__beat_is_late(&beat, beat.due_ns + n % 10));
        assert_int_equal(corps__beat_take(&beat, beat.due_ns + n % 10), 0);
        assert_false(beat.over);
    }
}

static void test_missed(void **state) {
    (void)state;
    struct corps__beat beat = {.due_ns = 100, .every_ns = 10};
    assert_true(corps__beat_is_late(&beat, 110));
    assert_int_equal(corps__beat_take(&beat, 100 + 6000), 600);
    assert_int_equal(beat.due_ns, 100 + 6010);
    assert_int_equal(corps__beat_take(&beat, 6110), 0);
    assert_int_equal(beat.due_ns, 6120);
}

static void test_count(void **state) {
    (void)state;
    struct corps__beat beat = {.due_ns = 0, .every_ns = 10, .left = 3};
    assert_int_equal(corps__beat_take(&beat, 0), 0);
    assert_int_equal(corps__beat_take(&beat, 55), 4); /* what was missed is no ring */
    assert_false(beat.over);
    assert_int_equal(corps__beat_take(&beat, 1000), 0);
    assert_true(beat.over);
}

static void test_far(void **state) {
    (void)state;
    struct corps__beat beat = {.due_ns = 5, .every_ns = INT64_MAX};
    assert_int_equal(corps__beat_take(&beat, 7), 0);
    assert_int_equal(beat.due_ns, INT64_MAX);
    assert_false(corps__beat_is_late(&beat, INT64_MAX - 1));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_once),  cmocka_unit_test(test_steps), cmocka_unit_test(test_missed),
        cmocka_unit_test(test_count), cmocka_unit_test(test_far),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
