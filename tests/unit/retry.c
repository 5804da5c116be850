/* Retry calls, decided by hand: `unit-retry`. What thousands of seeds say of it is in tests/sim. */
#include "actor/retry.h"
#include "actor/results.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define S INT64_C(1000000000)

static struct corps__retry entries[3];
static struct corps__retries retries;

static void begin_calls(unsigned count) {
    retries = (struct corps__retries){0};
    for (unsigned i = 0; i < count; i++) {
        corps__retries_add(&retries, &entries[i], (10 + i) * S);
    }
}

/* The number of what is sent next, from 1; 0: nothing. */
static int next(uint64_t link, int64_t now_ns) {
    const struct corps__retry *retry = corps__retries_next(&retries, link, now_ns);
    return retry != NULL ? (int)(retry - entries) + 1 : 0;
}

static void test_timeouts(void **state) {
    (void)state;
    int64_t timeout_ns = 0;
    assert_int_equal(corps__retry_timeout(0, 60 * S, &timeout_ns), CORPS_OK);
    assert_true(timeout_ns == 60 * S);
    assert_int_equal(corps__retry_timeout(5 * S, 60 * S, &timeout_ns), CORPS_OK);
    assert_true(timeout_ns == 5 * S);
    assert_int_equal(corps__retry_timeout(61 * S, 60 * S, &timeout_ns), CORPS_ERR_INVALID);
    assert_non_null(strstr(corps_error_detail(), "at most 60000 ms"));
}

static void test_in_order_on_each_link(void **state) {
    (void)state;
    begin_calls(3);
    assert_int_equal(next(1, S), 1);
    assert_int_equal(next(1, S), 2);
    corps__retries_end(&retries, &entries[0]);
    assert_int_equal(next(2, S), 2); /* what has no answer, from the oldest */
    assert_int_equal(next(2, S), 3);
    assert_int_equal(next(2, S), 0);
    assert_int_equal(entries[1].link, 2);
    corps__retries_add(&retries, &entries[0], 20 * S);
    assert_int_equal(next(2, S), 1); /* the new one alone */
    assert_int_equal(next(2, S), 0);
    assert_int_equal(next(3, 11 * S), 3); /* too late for the second */
}

static void test_late(void **state) {
    (void)state;
    begin_calls(3);
    assert_null(corps__retries_late(&retries, 0, 10 * S - 1));
    assert_ptr_equal(corps__retries_late(&retries, 0, 10 * S), &entries[0]);
    assert_int_equal(next(1, S), 1);
    assert_null(corps__retries_late(&retries, 1, 10 * S)); /* the callee will say so */
    assert_ptr_equal(corps__retries_late(&retries, 1, 11 * S), &entries[1]);
    assert_ptr_equal(corps__retries_late(&retries, 0, 11 * S), &entries[0]);
}

static void test_ends_anywhere(void **state) {
    (void)state;
    begin_calls(3);
    assert_int_equal(next(1, S), 1);
    corps__retries_end(&retries, &entries[1]); /* the next one */
    assert_int_equal(next(1, S), 3);
    corps__retries_end(&retries, &entries[2]); /* the last one */
    corps__retries_end(&retries, &entries[0]);
    assert_null(retries.first);
    assert_null(retries.last);
    corps__retries_add(&retries, &entries[1], 10 * S);
    assert_int_equal(next(1, S), 2);
    assert_int_equal(next(2, S), 2);
}

static struct corps__result cached[2];
static uint32_t buckets[2];
static struct corps__results results;
static uint32_t entry;

static enum corps__admission ask(uint64_t id, uint64_t link, int64_t deadline_ns, int64_t now_ns) {
    const struct corps__ask request = {{{7, 8}, id}, deadline_ns, link, 2};
    return corps__results_admit(&results, &request, now_ns, &entry);
}

static void begin_results(void) {
    corps__results_init(&results, cached, 2, buckets, 2, 1000, 60 * S);
}

static void test_runs_once(void **state) {
    (void)state;
    begin_results();
    char reply;
    assert_int_equal(ask(1, 2, 10 * S, S), CORPS__ADMIT_RUN);
    uint32_t first = entry;
    assert_int_equal(ask(1, 3, 10 * S, S), CORPS__ADMIT_RUNNING);
    assert_int_equal(entry, first);
    assert_int_equal(corps__results_answer(&results, first, &reply, 1), 3);
    assert_int_equal(ask(1, 4, 10 * S, S), CORPS__ADMIT_ANSWERED);
    assert_ptr_equal(cached[entry].reply, &reply);
    assert_int_equal(ask(1, 1, 10 * S, S), CORPS__ADMIT_STALE);
    assert_int_equal(ask(1, 4, 10 * S, 10 * S), CORPS__ADMIT_LATE);
    assert_int_equal(ask(2, 4, 100 * S, S), CORPS__ADMIT_TOO_FAR);
}

static void test_full_until_nobody_can_ask(void **state) {
    (void)state;
    begin_results();
    char reply;
    void *back;
    assert_int_equal(ask(1, 2, 10 * S, S), CORPS__ADMIT_RUN);
    (void)corps__results_answer(&results, entry, &reply, 1);
    assert_int_equal(ask(2, 2, 10 * S, S), CORPS__ADMIT_RUN); /* and never ends */
    assert_int_equal(ask(3, 2, 20 * S, S), CORPS__ADMIT_FULL);
    assert_false(corps__results_expire(&results, 10 * S + CORPS__RESULT_MARGIN_NS - 1, &back));
    assert_true(corps__results_expire(&results, 10 * S + CORPS__RESULT_MARGIN_NS, &back));
    assert_ptr_equal(back, &reply);
    assert_false(corps__results_expire(&results, 100 * S, &back)); /* not what runs */
    assert_int_equal(ask(3, 2, 20 * S, S), CORPS__ADMIT_RUN);
    corps__results_drop(&results, entry);
    assert_int_equal(ask(3, 2, 20 * S, S), CORPS__ADMIT_RUN);
}

static void test_bytes(void **state) {
    (void)state;
    begin_results();
    char reply;
    assert_int_equal(ask(1, 2, 10 * S, S), CORPS__ADMIT_RUN);
    (void)corps__results_answer(&results, entry, &reply, 1000);
    assert_int_equal(ask(2, 2, 10 * S, S), CORPS__ADMIT_FULL);
    struct corps__result kept = cached[entry];
    begin_results();
    assert_false(corps__results_has(&results, &kept.key));
    assert_true(corps__results_restore(&results, &kept, &entry));
    assert_true(corps__results_has(&results, &kept.key));
    assert_false(corps__results_restore(&results, &kept, &entry));
    assert_int_equal(ask(1, 2, 10 * S, S), CORPS__ADMIT_ANSWERED);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_timeouts),  cmocka_unit_test(test_in_order_on_each_link),
        cmocka_unit_test(test_late),      cmocka_unit_test(test_ends_anywhere),
        cmocka_unit_test(test_runs_once), cmocka_unit_test(test_full_until_nobody_can_ask),
        cmocka_unit_test(test_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
