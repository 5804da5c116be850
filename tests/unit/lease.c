/* Grants, decided by hand: `unit-lease`. What thousands of seeds say of them is in tests/sim. */
#include "hosts/lease.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define MS INT64_C(1000000)
#define S INT64_C(1000000000)
#define FULL CORPS__GRANT_NS
#define RUNS (CORPS__GRANT_NS / 1000 * 998) /* what the holder makes of it */

static void test_nothing_without_a_grant(void **state) {
    (void)state;
    struct corps__lease lease;
    corps__lease_init(&lease);
    assert_true(corps__lease_expired(&lease, 1));
    assert_false(corps__lease_granted(&lease, 1, FULL, 1)); /* nobody has asked */
    assert_true(corps__lease_expired(&lease, 1));
    assert_int_equal(corps__lease_ask_due(&lease), 0);
}

static void test_counts_from_the_question(void **state) {
    (void)state;
    struct corps__lease lease;
    corps__lease_init(&lease);
    corps__lease_asked(&lease, 10 * S);
    assert_int_equal(corps__lease_ask_due(&lease), 10 * S + CORPS__ASK_NS);
    assert_true(corps__lease_granted(&lease, 10 * S, FULL, 12 * S)); /* two seconds on its way */
    assert_int_equal(lease.until_ns, 10 * S + RUNS);
    assert_false(corps__lease_expired(&lease, 10 * S + RUNS - 1));
    assert_true(corps__lease_expired(&lease, 10 * S + RUNS));
    assert_true(corps__lease_is_over(lease.until_ns, 10 * S + RUNS));
}

static void test_late_and_forged_answers(void **state) {
    (void)state;
    struct corps__lease lease;
    corps__lease_init(&lease);
    corps__lease_asked(&lease, 10 * S);
    corps__lease_asked(&lease, 11 * S);
    assert_false(corps__lease_granted(&lease, 11 * S + 1, FULL, 12 * S)); /* of the future */
    assert_false(corps__lease_granted(&lease, 0, FULL, 12 * S));
    assert_false(corps__lease_granted(&lease, -S, FULL, 12 * S));
    assert_false(corps__lease_granted(&lease, 11 * S, 0, 12 * S));
    assert_false(corps__lease_granted(&lease, 11 * S, -1, 12 * S));
    assert_false(corps__lease_granted(&lease, 10 * S, FULL, 10 * S + RUNS)); /* over when it came */
    assert_true(corps__lease_expired(&lease, 12 * S));
    assert_true(corps__lease_granted(&lease, 11 * S, INT64_MAX, 12 * S)); /* never longer than the longest */
    assert_int_equal(lease.until_ns, 11 * S + RUNS);
    assert_true(corps__lease_granted(&lease, 10 * S, FULL, 12 * S)); /* an older answer shortens nothing */
    assert_int_equal(lease.until_ns, 11 * S + RUNS);
}

static void test_silence_is_longer_than_grants(void **state) {
    (void)state;
    struct corps__silence silence;
    corps__silence_init(&silence, 5 * S);
    assert_false(corps__silence_over(&silence, 5 * S));
    corps__silence_heard(&silence, 6 * S);
    assert_int_equal(corps__silence_due(&silence), 6 * S + CORPS__SILENCE_NS);
    assert_false(corps__silence_over(&silence, 6 * S + CORPS__SILENCE_NS - 1));
    assert_true(corps__silence_over(&silence, 6 * S + CORPS__SILENCE_NS));
    assert_int_equal(corps__grant_successor(7 * S), 7 * S + CORPS__SILENCE_NS);
}

/* Both clocks as wrong as allowed, in the worst directions, and the question without any delay. */
static void test_margin_for_drift(void **state) {
    (void)state;
    int64_t grant_ns = (CORPS__GRANT_NS - CORPS__GRANT_NS / 1000 * CORPS__DRIFT_PER_MILLE) / 1000 * 1002;
    int64_t wait_ns = CORPS__SILENCE_NS / 1000 * 998;
    assert_true(grant_ns + 500 * MS < wait_ns);
}

static void test_no_longer_than_the_own(void **state) {
    (void)state;
    assert_int_equal(corps__grant_length(INT64_MAX, S), CORPS__GRANT_NS);
    assert_int_equal(corps__grant_length(2 * S, S), S);
    assert_int_equal(corps__grant_length(10 * S, S), CORPS__GRANT_NS);
    assert_int_equal(corps__grant_length(S, S), 0);
    assert_int_equal(corps__grant_length(0, S), 0);
    struct corps__lease lease;
    corps__lease_init(&lease);
    corps__lease_asked(&lease, 100 * S); /* another clock than the granter's */
    assert_true(corps__lease_granted(&lease, 100 * S, S, 100 * S + MS));
    assert_int_equal(lease.until_ns, 100 * S + S / 1000 * 998);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_without_a_grant), cmocka_unit_test(test_counts_from_the_question),
        cmocka_unit_test(test_late_and_forged_answers), cmocka_unit_test(test_silence_is_longer_than_grants),
        cmocka_unit_test(test_margin_for_drift),        cmocka_unit_test(test_no_longer_than_the_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
