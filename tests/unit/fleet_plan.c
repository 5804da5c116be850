/* Where Envs go, decided by hand: `unit-fleet_plan`. What thousands of seeds say of it is in tests/sim. */
#include "hosts/fleet_plan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define MS INT64_C(1000000)
#define S INT64_C(1000000000)

static struct corps__plan plan;
static struct corps__plan_host hosts[3];
static struct corps__plan_env envs[8];

/* Env 0's is host 1. */
static int begin(void **state) {
    (void)state;
    static const struct corps__plan_host rows[3] = {
        {.number = 1, .slots = 2, .name = "alba", .labels = ""},
        {.number = 2, .slots = 4, .name = "brio", .labels = "disk ssd"},
        {.number = 7, .slots = 1, .name = "cara", .labels = "ssd brio"},
    };
    memcpy(hosts, rows, sizeof hosts);
    memset(envs, 0, sizeof envs);
    assert_int_equal(corps__plan_init(&plan, hosts, 3, 1, envs, 8), CORPS_OK);
    return 0;
}

/* What it does at a time, as text: "open 2, order 3 on 2 …". */
static const char *does(int64_t now_ns) {
    static const char *const words[] = {"open", "close", "order", "kill", "lost"};
    static char text[256];
    struct corps__plan_action action;
    text[0] = '\0';
    while (corps__plan_next(&plan, now_ns, &action)) {
        size_t length = strlen(text);
        const char *comma = length > 0 ? ", " : "";
        if (action.what == CORPS__PLAN_OPEN || action.what == CORPS__PLAN_CLOSE) {
            (void)snprintf(text + length, sizeof text - length, "%s%s %u", comma, words[action.what], action.host);
        } else {
            (void)snprintf(text + length, sizeof text - length, "%s%s %u.%d on %u", comma, words[action.what],
                           action.env, (int)action.incarnation, action.host);
        }
    }
    return text;
}

static uint32_t place(uint32_t env, const char *where) {
    uint32_t host = 0;
    assert_int_equal(corps__plan_place(&plan, env, where, &host), CORPS_OK);
    return host;
}

static void runs_on_2(uint32_t env, int64_t now_ns) {
    assert_int_equal(place(env, "2"), 2);
    corps__plan_start(&plan, env, 1);
    assert_string_equal(does(now_ns), "open 2");
    assert_true(corps__plan_heard(&plan, 2, now_ns));
    (void)does(now_ns);
    corps__plan_begun(&plan, env, 1);
}

static void test_by_slots(void **state) {
    (void)state;
    assert_int_equal(place(0, ""), 1); /* the first of equals */
    assert_int_equal(place(1, ""), 2);
    assert_int_equal(place(2, ""), 7);
    assert_int_equal(place(3, ""), 2);
    assert_int_equal(place(4, ""), 1); /* 1 of 2, as 2 of 4: the first */
    assert_int_equal(place(5, ""), 2);
    assert_int_equal(place(6, ""), 2);
    uint32_t host;
    assert_int_equal(corps__plan_place(&plan, 7, "", &host), CORPS_ERR_LIMIT);
    assert_non_null(strstr(corps_error_detail(), "slots"));
    corps__plan_start(&plan, 0, 1); /* on the own host: it runs */
    assert_true(corps__plan_ended(&plan, 0, 1));
    assert_int_equal(place(7, ""), 1);
}

static void test_by_name(void **state) {
    (void)state;
    uint32_t host;
    assert_int_equal(place(0, "brio"), 2); /* the name, not the label of 7 */
    assert_int_equal(place(1, "7"), 7);
    assert_int_equal(place(2, "ssd"), 2); /* 7 is full */
    assert_int_equal(corps__plan_place(&plan, 3, "cara", &host), CORPS_ERR_LIMIT);
    assert_int_equal(corps__plan_place(&plan, 3, "ss", &host), CORPS_ERR_UNKNOWN);
    assert_non_null(strstr(corps_error_detail(), "'ss'"));
    assert_int_equal(place(1, "disk"), 2); /* placed anew: the other slot is free */
    assert_int_equal(place(3, "cara"), 7);
    corps__plan_kill(&plan, 3, 0); /* what was only placed */
    assert_int_equal(place(4, "cara"), 7);
    assert_int_equal(corps__plan_init(&plan, hosts, 3, 4, envs, 8), CORPS_ERR_INVALID);
}

static void test_orders_when_it_is_up(void **state) {
    (void)state;
    assert_int_equal(place(3, "brio"), 2);
    assert_string_equal(does(S), "open 2"); /* already, so that it is heard sooner */
    corps__plan_start(&plan, 3, 9);
    assert_string_equal(does(S), "");
    assert_true(corps__plan_heard(&plan, 2, S + MS));
    assert_string_equal(does(S + MS), "order 3.9 on 2");
    corps__plan_begun(&plan, 3, 9);
    assert_int_equal(corps__plan_due(&plan), S + MS + CORPS__SILENCE_NS);
    assert_false(corps__plan_ended(&plan, 3, 8)); /* an older life */
    assert_true(corps__plan_ended(&plan, 3, 9));
    assert_false(corps__plan_ended(&plan, 3, 9));
    assert_int_equal(hosts[1].used, 0);
}

static void test_silence(void **state) {
    (void)state;
    runs_on_2(3, S);
    assert_true(corps__plan_heard(&plan, 2, 2 * S));
    assert_string_equal(does(5 * S - 1), "");
    assert_string_equal(does(5 * S), "close 2, lost 3.1 on 2");
    assert_false(corps__plan_heard(&plan, 2, 5 * S)); /* given up: not answered */
    assert_int_equal(place(3, ""), 1);
    assert_int_equal(place(4, ""), 7); /* not the silent one, which is empty … */
    assert_int_equal(place(5, ""), 1);
    assert_int_equal(place(6, ""), 2); /* … unless no other has room */
    assert_string_equal(does(5 * S), "open 7");
    assert_true(corps__plan_heard(&plan, 7, 5 * S));
    assert_string_equal(does(6 * S), "open 2");
    assert_true(corps__plan_heard(&plan, 2, 6 * S));
    assert_string_equal(does(6 * S), "");
}

/* Word that comes after the silence does not end it, though nobody looked at the clock before. */
static void test_late_word(void **state) {
    (void)state;
    runs_on_2(3, S);
    assert_false(corps__plan_heard(&plan, 2, S + CORPS__SILENCE_NS));
    assert_string_equal(does(S + CORPS__SILENCE_NS), "close 2, lost 3.1 on 2");
}

static void test_another_agent(void **state) {
    (void)state;
    runs_on_2(3, S);
    assert_int_equal(place(4, "brio"), 2);
    assert_true(corps__plan_heard(&plan, 2, 2 * S));
    corps__plan_gone(&plan, 2, 2 * S + MS);
    corps__plan_start(&plan, 4, 1);
    assert_string_equal(does(3 * S), ""); /* what it was granted runs to its end */
    assert_false(corps__plan_heard(&plan, 2, 3 * S));
    assert_string_equal(does(5 * S), "close 2, lost 3.1 on 2, lost 4.1 on 2");
    assert_string_equal(does(6 * S), "open 2");
}

/* Nothing was ordered: nothing need be waited for. */
static void test_refused(void **state) {
    (void)state;
    (void)place(3, "brio");
    corps__plan_start(&plan, 3, 1);
    assert_string_equal(does(S), "open 2");
    corps__plan_gone(&plan, 2, S + MS);
    assert_string_equal(does(S + MS), "close 2, lost 3.1 on 2");
    assert_int_equal(place(3, "ssd"), 7);
}

static void test_unreached(void **state) {
    (void)state;
    static const int seconds[] = {1, 2, 4, 8, 10, 10};
    int64_t now_ns = S;
    for (int i = 0; i < 6; i++) {
        (void)place(3, "brio");
        corps__plan_start(&plan, 3, 1);
        assert_string_equal(does(now_ns), "open 2");
        now_ns += CORPS__SILENCE_NS;
        assert_int_equal(corps__plan_due(&plan), now_ns);
        assert_string_equal(does(now_ns), "close 2, lost 3.1 on 2");
        assert_int_equal(corps__plan_due(&plan), now_ns + seconds[i] * S);
        now_ns += seconds[i] * S;
    }
}

static void test_kill(void **state) {
    (void)state;
    runs_on_2(3, S);
    corps__plan_kill(&plan, 3, 2); /* another life */
    assert_string_equal(does(S), "");
    corps__plan_kill(&plan, 3, 1);
    corps__plan_kill(&plan, 3, 1);
    assert_string_equal(does(S), "kill 3.1 on 2");
    assert_true(corps__plan_ended(&plan, 3, 1));
    (void)place(4, "cara");
    corps__plan_start(&plan, 4, 1);
    assert_string_equal(does(S), "open 7");
    corps__plan_kill(&plan, 4, 1); /* nothing was ordered */
    assert_string_equal(does(S), "lost 4.1 on 7");
    assert_int_equal(hosts[2].used, 0);
}

/* What is to begin there is lost, what runs is left to its agent, nothing is placed there until it takes Envs again. */
static void test_drained(void **state) {
    (void)state;
    runs_on_2(3, S);
    assert_int_equal(place(4, "brio"), 2);
    corps__plan_drain(&plan, 2, true);
    corps__plan_start(&plan, 4, 1); /* it was chosen before: its agent refuses it */
    assert_string_equal(does(S), "order 4.1 on 2");
    assert_true(corps__plan_ended(&plan, 4, 1));
    assert_int_equal(envs[3].state, CORPS__ENV_RUNS);
    uint32_t host;
    assert_int_equal(corps__plan_place(&plan, 4, "2", &host), CORPS_ERR_LIMIT);
    assert_non_null(strstr(corps_error_detail(), "'2' is drained"));
    assert_int_equal(place(4, "ssd"), 7);
    assert_int_equal(place(5, ""), 1);
    assert_int_equal(place(6, ""), 1);
    assert_int_equal(corps__plan_place(&plan, 7, "", &host), CORPS_ERR_LIMIT);
    assert_non_null(strstr(corps_error_detail(), "but for hosts that are drained"));
    assert_true(corps__plan_ended(&plan, 3, 1)); /* in order, by its agent */
    assert_int_equal(corps__plan_place(&plan, 3, "disk", &host), CORPS_ERR_LIMIT);
    corps__plan_drain(&plan, 2, false);
    assert_int_equal(place(3, "disk"), 2);
    corps__plan_drain(&plan, 1, true); /* the own host has no agent that says so */
    corps__plan_kill(&plan, 5, 0);
    assert_int_equal(place(5, "alba"), 1);
}

/* Others say that one is away, and one is drained: neither is chosen while there is another, both are heard when they
 * are back. */
static void test_warned(void **state) {
    (void)state;
    corps__plan_warned(&plan, 2, false, true);
    corps__plan_warned(&plan, 7, true, false);
    corps__plan_warned(&plan, 1, true, true); /* the own one */
    assert_string_equal(does(S), "open 2, open 7");
    assert_int_equal(place(0, ""), 1);
    assert_int_equal(place(1, ""), 1);
    assert_int_equal(place(2, ""), 2); /* no other has room */
    assert_int_equal(place(3, "ssd"), 2);
    assert_true(corps__plan_heard(&plan, 7, S + MS));
    corps__plan_drain(&plan, 7, false);
    assert_int_equal(place(3, "ssd"), 7);
    assert_true(corps__plan_heard(&plan, 2, S + MS));
    assert_int_equal(place(4, ""), 2);
}

/* It is heard of as the channel begins: nothing was ordered. */
static void test_drained_at_first(void **state) {
    (void)state;
    (void)place(3, "brio");
    corps__plan_start(&plan, 3, 1);
    assert_string_equal(does(S), "open 2");
    assert_true(corps__plan_heard(&plan, 2, S + MS));
    corps__plan_drain(&plan, 2, true);
    struct corps__plan_action action;
    assert_true(corps__plan_next(&plan, S + MS, &action));
    assert_int_equal(action.what, CORPS__PLAN_LOST);
    assert_int_equal(action.why, CORPS__WHY_DRAINED);
    assert_string_equal(does(S + MS), "");
    assert_int_equal(hosts[1].used, 0);
}

/* An agent that ends is as one that is drained; the next one may take Envs. */
static void test_drained_and_gone(void **state) {
    (void)state;
    runs_on_2(3, S);
    corps__plan_drain(&plan, 2, true);
    assert_string_equal(does(4 * S), "close 2, lost 3.1 on 2");
    assert_int_equal(place(3, "brio"), 2);
    corps__plan_start(&plan, 3, 2);
    assert_string_equal(does(5 * S), "open 2");
    assert_true(corps__plan_heard(&plan, 2, 5 * S));
    assert_string_equal(does(5 * S), "order 3.2 on 2");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_by_slots, begin),
        cmocka_unit_test_setup(test_by_name, begin),
        cmocka_unit_test_setup(test_silence, begin),
        cmocka_unit_test_setup(test_orders_when_it_is_up, begin),
        cmocka_unit_test_setup(test_late_word, begin),
        cmocka_unit_test_setup(test_another_agent, begin),
        cmocka_unit_test_setup(test_refused, begin),
        cmocka_unit_test_setup(test_unreached, begin),
        cmocka_unit_test_setup(test_kill, begin),
        cmocka_unit_test_setup(test_drained, begin),
        cmocka_unit_test_setup(test_drained_at_first, begin),
        cmocka_unit_test_setup(test_warned, begin),
        cmocka_unit_test_setup(test_drained_and_gone, begin),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
