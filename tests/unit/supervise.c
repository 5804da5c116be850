/* Supervision, decided by hand: `unit-supervise`. What thousands of seeds say of it is in tests/sim. */
#include "care/supervise.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define MS INT64_C(1000000)
#define S INT64_C(1000000000)

static const struct corps__policy usual = {.restart = CORPS_RESTART_ALWAYS,
                                           .intensity = 2,
                                           .period_ns = 10 * S,
                                           .backoff_ns = 100 * MS,
                                           .backoff_max_ns = S,
                                           .start_ns = 30 * S,
                                           .shutdown_ns = 5 * S};

static struct corps__unit units[4]; /* three, and room for one that joins */
static struct corps__care_failure failures[8];
static struct corps__supervisor supervisor;

static void begin(const struct corps__policy *policy) {
    assert_int_equal(corps__policy_check(policy), CORPS_OK);
    corps__supervisor_init(&supervisor, policy, units, 3, failures, 0);
    corps__supervisor_adopt(&supervisor, 0);
}

/* What it does at a time, as text: "stop 2 start 0 …". */
static const char *does(int64_t now_ns) {
    static const char *const words[] = {"start", "stop", "kill", "gone", "gives up", "stopped"};
    static char text[256];
    struct corps__care_action action;
    text[0] = '\0';
    while (corps__supervise(&supervisor, now_ns, &action)) {
        size_t length = strlen(text);
        (void)snprintf(text + length, sizeof text - length, "%s%s %u", length > 0 ? ", " : "", words[action.what],
                       action.unit);
    }
    return text;
}

static void dies(uint32_t unit, int64_t now_ns) {
    char how[32];
    (void)snprintf(how, sizeof how, "death at %d ms", (int)(now_ns / MS));
    corps__supervise_ended(&supervisor, unit, units[unit].incarnation, false, how, now_ns);
}

static void runs(uint32_t unit, int64_t now_ns) {
    corps__supervise_started(&supervisor, unit, units[unit].incarnation, now_ns);
}

static void test_one_for_one(void **state) {
    (void)state;
    begin(&usual);
    assert_string_equal(does(S), "");
    dies(1, S);
    assert_string_equal(does(S), "start 1"); /* the first one at once */
    assert_int_equal(units[1].incarnation, 2);
    runs(1, S + MS);
    dies(1, 2 * S);
    assert_string_equal(does(2 * S), "");
    assert_int_equal(corps__supervise_due(&supervisor), 2 * S + 100 * MS);
    assert_string_equal(does(2 * S + 100 * MS), "start 1");
    dies(1, 3 * S);
    assert_string_equal(does(3 * S), "gives up 1, gone 1");
    char history[256];
    (void)corps__supervise_history(&supervisor, history, sizeof history);
    assert_string_equal(history, "3 failures within 10.000 s: death at 1000 ms; 1.000 s later: death at 2000 ms; "
                                 "1.000 s later: death at 3000 ms");
    dies(0, 3 * S); /* counts from the start */
    assert_string_equal(does(3 * S), "start 0");
}

/* One more, and one less: what has left is nobody's concern, in whichever state it was, until it joins again. */
static void test_join_and_leave(void **state) {
    (void)state;
    begin(&usual);
    corps__supervisor_join(&supervisor, 3, 1, S);
    dies(3, 2 * S);
    assert_string_equal(does(2 * S), "start 3");
    runs(3, 2 * S);
    corps__supervisor_leave(&supervisor, 3);
    dies(3, 3 * S);
    assert_string_equal(does(3 * S), "");
    dies(1, 20 * S);
    assert_string_equal(does(20 * S), "start 1");
    runs(1, 20 * S);
    dies(1, 21 * S); /* the second in a row waits */
    assert_string_equal(does(21 * S), "");
    corps__supervisor_leave(&supervisor, 1);
    assert_true(corps__supervise_due(&supervisor) == INT64_MAX);
    assert_string_equal(does(40 * S), "");
    corps__supervisor_join(&supervisor, 1, 7, 40 * S);
    assert_int_equal(supervisor.count, 4);
    dies(1, 60 * S);
    assert_string_equal(does(60 * S), "start 1");
    assert_int_equal(units[1].incarnation, 8);
}

static void test_one_for_all(void **state) {
    (void)state;
    struct corps__policy policy = usual;
    policy.strategy = CORPS_ONE_FOR_ALL;
    begin(&policy);
    dies(1, S);
    assert_string_equal(does(S), "stop 2"); /* latest first … */
    assert_string_equal(does(6 * S - 1), "");
    assert_string_equal(does(6 * S), "kill 2"); /* … which has its time … */
    dies(2, 6 * S);
    assert_string_equal(does(6 * S), "stop 0");
    dies(0, 7 * S);
    assert_string_equal(does(7 * S), "start 0"); /* … and started in order, each when the one before runs */
    runs(0, 7 * S);
    assert_string_equal(does(7 * S), "start 1");
    runs(1, 7 * S);
    assert_string_equal(does(7 * S), "start 2");
}

static void test_rest_for_one(void **state) {
    (void)state;
    struct corps__policy policy = usual;
    policy.strategy = CORPS_REST_FOR_ONE;
    begin(&policy);
    dies(1, S);
    assert_string_equal(does(S), "stop 2");
    dies(2, S);
    assert_string_equal(does(S), "start 1");
    dies(1, S); /* a start that fails counts too */
    assert_string_equal(does(S + 99 * MS), "");
    assert_string_equal(does(S + 100 * MS), "start 1");
    dies(1, 2 * S);
    assert_string_equal(does(2 * S), "gives up 1, gone 1, gone 2");
    assert_int_equal(units[0].state, CORPS__UNIT_RUNNING);
}

static void test_ends_in_order(void **state) {
    (void)state;
    struct corps__policy policy = usual;
    policy.restart = CORPS_RESTART_ON_FAILURE;
    begin(&policy);
    corps__supervise_ended(&supervisor, 2, 1, true, "status 0", S);
    assert_string_equal(does(S), "gone 2");
    dies(0, S);
    assert_string_equal(does(S), "start 0");
    policy.restart = CORPS_RESTART_NEVER;
    begin(&policy);
    dies(0, S);
    assert_string_equal(does(S), "gone 0");
}

/* Its host is lost again and again: it comes back later each time, and is never given up. */
static void test_displaced(void **state) {
    (void)state;
    begin(&usual);
    static const int waits_ms[] = {0, 100, 200, 400, 800, 1000};
    int64_t now_ns = S;
    for (int i = 0; i < 6; i++) {
        corps__supervise_displaced(&supervisor, 1, units[1].incarnation, "its host is lost", now_ns);
        now_ns += waits_ms[i] * MS;
        if (i > 0) {
            assert_string_equal(does(now_ns - 1), "");
        }
        assert_string_equal(does(now_ns), "start 1");
    }
    corps__supervise_displaced(&supervisor, 1, 1, "an old life", now_ns);
    assert_string_equal(does(now_ns), "");
    dies(0, now_ns); /* what counts is as before */
    assert_string_equal(does(now_ns), "start 0");
    assert_int_equal(supervisor.failure_count, 1);
    struct corps__policy never = usual;
    never.restart = CORPS_RESTART_NEVER;
    begin(&never);
    corps__supervise_displaced(&supervisor, 1, 1, "its host is lost", now_ns);
    assert_string_equal(does(now_ns), "gone 1");
}

static void test_old_incarnations(void **state) {
    (void)state;
    begin(&usual);
    dies(0, S);
    corps__supervise_ended(&supervisor, 0, 1, false, "the same death again", S);
    assert_string_equal(does(S), "start 0");
    corps__supervise_ended(&supervisor, 0, 1, false, "and late", S);
    corps__supervise_started(&supervisor, 0, 1, S);
    assert_int_equal(units[0].state, CORPS__UNIT_STARTING);
    assert_string_equal(does(S), "");
}

static void test_a_start_takes_too_long(void **state) {
    (void)state;
    begin(&usual);
    dies(0, S);
    assert_string_equal(does(S), "start 0");
    assert_int_equal(corps__supervise_due(&supervisor), 31 * S);
    assert_string_equal(does(31 * S), "kill 0");
    runs(0, 31 * S); /* too late */
    dies(0, 31 * S);
    assert_string_equal(failures[1].how, "did not start in time");
}

static void test_long_lives(void **state) {
    (void)state;
    begin(&usual);
    for (int i = 1; i < 20; i++) { /* the count is of a period, and the wait of deaths in a row */
        int64_t now_ns = i * 11 * S;
        dies(0, now_ns);
        assert_string_equal(does(now_ns), "start 0");
        runs(0, now_ns);
    }
}

static void test_stop_and_halt(void **state) {
    (void)state;
    begin(&usual);
    dies(1, S);
    corps__supervise_stop(&supervisor); /* before it was started again */
    assert_string_equal(does(S), "gone 1, stop 2");
    dies(2, S);
    assert_string_equal(does(S), "gone 2, stop 0");
    corps__supervise_ended(&supervisor, 0, 1, true, "", S);
    assert_string_equal(does(S), "gone 0, stopped 3");
    assert_int_equal(corps__supervise_due(&supervisor), INT64_MAX);
    begin(&usual);
    corps__supervise_halt(&supervisor);
    dies(1, S);
    assert_string_equal(does(S), "");
    assert_int_equal(corps__supervise_due(&supervisor), INT64_MAX);
}

static void test_history_is_cut(void **state) {
    (void)state;
    begin(&usual);
    for (int i = 0; i < 3; i++) {
        dies(0, S);
        (void)does(5 * S);
    }
    char whole[256];
    char cut[20];
    memset(cut, 'x', sizeof cut);
    size_t length = corps__supervise_history(&supervisor, whole, sizeof whole);
    assert_int_equal(length, strlen(whole));
    assert_int_equal(corps__supervise_history(&supervisor, cut, sizeof cut), length);
    assert_int_equal(strlen(cut), sizeof cut - 1);
    assert_memory_equal(cut, whole, sizeof cut - 1);
}

#define REFUSES(field, value, why)                                                                                     \
    do {                                                                                                               \
        struct corps__policy policy = usual;                                                                           \
        policy.field = (value);                                                                                        \
        assert_int_equal(corps__policy_check(&policy), CORPS_ERR_INVALID);                                             \
        assert_non_null(strstr(corps_error_detail(), (why)));                                                          \
    } while (0)

static void test_policies_without_sense(void **state) {
    (void)state;
    REFUSES(restart, (enum corps_restart)3, "restart policy 3");
    REFUSES(strategy, (enum corps_strategy)7, "strategy 7");
    REFUSES(intensity, 0, "intensity 0");
    REFUSES(intensity, CORPS__INTENSITY_MAX + 1, "at most 100");
    REFUSES(period_ns, 0, "period");
    REFUSES(backoff_ns, -1, "backoff");
    REFUSES(backoff_max_ns, 1, "backoff");
    REFUSES(start_ns, 0, "start");
    REFUSES(shutdown_ns, -1, "shut down");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_join_and_leave),   cmocka_unit_test(test_one_for_one),
        cmocka_unit_test(test_one_for_all),      cmocka_unit_test(test_rest_for_one),
        cmocka_unit_test(test_ends_in_order),    cmocka_unit_test(test_displaced),
        cmocka_unit_test(test_old_incarnations), cmocka_unit_test(test_a_start_takes_too_long),
        cmocka_unit_test(test_long_lives),       cmocka_unit_test(test_stop_and_halt),
        cmocka_unit_test(test_history_is_cut),   cmocka_unit_test(test_policies_without_sense),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
