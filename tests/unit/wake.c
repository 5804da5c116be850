/* How long an adaptive leader spins: the steps up and down, and that it looks again after a while without. */
#include "wait/wake.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#define US INT64_C(1000)
enum { FAILURES = 4, PROBE_EVERY = 256 };

/* A wait that spins for `budget_ns`, and for what comes after `after_ns`, or not at all (−1). */
static void wait_once(struct corps__spin *spin, int64_t budget_ns, int64_t after_ns) {
    assert_int_equal(corps__spin_budget_ns(spin), budget_ns);
    if (budget_ns > 0) {
        corps__spin_result(spin, after_ns >= 0, after_ns >= 0 ? after_ns : budget_ns);
    }
}

static void miss(struct corps__spin *spin, int64_t budget_ns, unsigned count) {
    for (unsigned i = 0; i < count; i++) {
        wait_once(spin, budget_ns, -1);
    }
}

/* From the beginning: waits fail until there is no budget. */
static struct corps__spin worn_out(void) {
    struct corps__spin spin;
    corps__spin_init(&spin);
    assert_true(corps__spin_pays(&spin));
    miss(&spin, 50 * US, FAILURES);
    assert_true(corps__spin_pays(&spin));
    miss(&spin, 5 * US, FAILURES);
    assert_false(corps__spin_pays(&spin));
    return spin;
}

static void test_failures_lower_it_to_nothing(void **state) {
    (void)state;
    struct corps__spin spin = worn_out();
    wait_once(&spin, 0, -1);
}

/* Failures count in a row only. */
static void test_success_between_failures_keeps_it(void **state) {
    (void)state;
    struct corps__spin spin;
    corps__spin_init(&spin);
    for (int i = 0; i < 10; i++) {
        miss(&spin, 50 * US, FAILURES - 1);
        wait_once(&spin, 50 * US, 20 * US);
    }
    miss(&spin, 50 * US, FAILURES);
    wait_once(&spin, 5 * US, -1);
}

/* A wait that nearly used its budget up gets the next one, up to the highest; what is well inside the next lower one
 * lowers it, but not below the middle. */
static void test_steps(void **state) {
    (void)state;
    struct corps__spin spin;
    corps__spin_init(&spin);
    wait_once(&spin, 50 * US, 37500);
    wait_once(&spin, 50 * US, 37501);
    wait_once(&spin, 200 * US, 199 * US); /* there is none above */
    wait_once(&spin, 200 * US, 12500);
    wait_once(&spin, 200 * US, 12499);
    wait_once(&spin, 50 * US, 0);
    wait_once(&spin, 50 * US, 0);
    miss(&spin, 50 * US, FAILURES);
    wait_once(&spin, 5 * US, 0);
    wait_once(&spin, 5 * US, 3751);
    wait_once(&spin, 50 * US, 1);
}

static void stay_quiet(struct corps__spin *spin, unsigned count) {
    for (unsigned i = 0; i < count; i++) {
        wait_once(spin, 0, -1);
        assert_false(corps__spin_pays(spin));
    }
}

/* Without a budget one wait in so many tries: in vain, and not four times; then with success, whatever it took. */
static void test_probes(void **state) {
    (void)state;
    struct corps__spin spin = worn_out();
    for (int i = 0; i < 2 * FAILURES; i++) {
        stay_quiet(&spin, PROBE_EVERY - 1);
        wait_once(&spin, 50 * US, -1);
        assert_false(corps__spin_pays(&spin));
    }
    stay_quiet(&spin, PROBE_EVERY - 1);
    wait_once(&spin, 50 * US, 49 * US);
    assert_true(corps__spin_pays(&spin));
    /* A probe in vain was no failure of what comes after. */
    miss(&spin, 50 * US, FAILURES);
    wait_once(&spin, 5 * US, -1);
}

/* A probe that was called away says nothing, and the next one comes as late as ever. */
static void test_probe_without_result(void **state) {
    (void)state;
    struct corps__spin spin = worn_out();
    stay_quiet(&spin, PROBE_EVERY - 1);
    assert_int_equal(corps__spin_budget_ns(&spin), 50 * US);
    stay_quiet(&spin, PROBE_EVERY - 1);
    wait_once(&spin, 50 * US, 10 * US);
    wait_once(&spin, 50 * US, -1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_failures_lower_it_to_nothing),
        cmocka_unit_test(test_success_between_failures_keeps_it),
        cmocka_unit_test(test_steps),
        cmocka_unit_test(test_probes),
        cmocka_unit_test(test_probe_without_result),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
