/* The size of a pool, decided by hand: `unit-scale`. What thousands of seeds say of it is in tests/sim. */
#include "care/scale.h"
#include "care/callers.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define MS INT64_C(1000000)
#define S INT64_C(1000000000)
#define TARGET (10 * MS)
#define LEAVE (1100 * MS)

enum { PLACES = 32 };

static struct corps__member members[PLACES];
static struct corps__scale scale;
static int64_t now_ns;
static int64_t waits_ns[PLACES]; /* at each member, as probes find it; negative: since then a probe has not come back */

static void begin(uint32_t min, uint32_t max, int64_t quiet_ns) {
    const struct corps__scale_options options = {
        .min = min, .max = max, .target_ns = TARGET, .quiet_ns = quiet_ns, .leave_ns = LEAVE};
    now_ns = S;
    memset(waits_ns, 0, sizeof waits_ns);
    corps__scale_init(&scale, &options, members, PLACES, now_ns);
}

/* What it does, as text: "start 2, leave 0 …". */
static const char *does(void) {
    static const char *const words[] = {"start", "leave", "drain", "end", "closed"};
    static char text[512];
    struct corps__scale_action action;
    text[0] = '\0';
    while (corps__scale(&scale, now_ns, &action)) {
        size_t length = strlen(text);
        (void)snprintf(text + length, sizeof text - length, "%s%s %u", length > 0 ? ", " : "", words[action.what],
                       action.place);
    }
    return text;
}

/* All that are to start do. */
static void start_all(void) {
    (void)does();
    for (uint32_t i = 0; i < PLACES; i++) {
        if (members[i].state == CORPS__MEMBER_STARTING) {
            corps__scale_started(&scale, i, now_ns);
        }
    }
}

/* A step later, by probes that were sent in the step before. */
static void step(void) {
    int64_t before_ns = now_ns;
    now_ns += CORPS__SCALE_STEP_NS;
    for (uint32_t i = 0; i < PLACES; i++) {
        if (members[i].state == CORPS__MEMBER_ACTIVE) {
            bool is_out = waits_ns[i] < 0;
            corps__scale_waits(&scale, i, is_out ? now_ns + waits_ns[i] : waits_ns[i],
                               is_out ? -waits_ns[i] : before_ns);
        }
    }
    corps__scale_step(&scale, now_ns);
}

static void steps(int64_t for_ns) {
    for (int64_t end_ns = now_ns + for_ns; now_ns < end_ns;) {
        step();
    }
}

static void all_wait(int64_t wait_ns) {
    for (uint32_t i = 0; i < PLACES; i++) {
        waits_ns[i] = wait_ns;
    }
}

static void test_grows_at_once(void **state) {
    (void)state;
    begin(1, 5, 30 * S);
    assert_string_equal(does(), "start 0");
    corps__scale_started(&scale, 0, now_ns);
    all_wait(TARGET);
    step();
    assert_int_equal(scale.wanted, 1);
    all_wait(TARGET + 1);
    step();
    assert_string_equal(does(), "start 1");
    steps(S); /* it starts: nothing is decided, and it is not counted again */
    assert_string_equal(does(), "");
    assert_int_equal(scale.wanted, 2);
    corps__scale_started(&scale, 1, now_ns);
    step();
    assert_string_equal(does(), "start 2, start 3"); /* at most twice as many */
    start_all();
    step();
    assert_string_equal(does(), "start 4"); /* bounds always */
    start_all();
    steps(5 * S);
    assert_string_equal(does(), "");
    assert_int_equal(scale.grown, 4);
}

/* One request in twenty decides. */
static void test_percentile(void **state) {
    (void)state;
    begin(4, 8, 30 * S);
    corps__scale_callers(&scale, 100, now_ns); /* that know nothing of each other */
    start_all();
    waits_ns[2] = 2 * TARGET;
    step();
    step();
    assert_int_equal(scale.wanted, 4);
    waits_ns[2] = 0;
    steps(2 * S);
    waits_ns[2] = 2 * TARGET;
    steps(300 * MS);
    assert_int_equal(scale.wanted, 4);
    steps(200 * MS);
    assert_int_equal(scale.wanted, 5); /* a quarter of the members, of four */
}

/* A caller that is alone goes around one member that is at work; what it had before the growth counts once. */
static void test_old_queue(void **state) {
    (void)state;
    begin(1, 8, 30 * S);
    corps__scale_callers(&scale, 1, now_ns);
    start_all();
    waits_ns[0] = -now_ns; /* a queue of many seconds */
    step();
    assert_string_equal(does(), "start 1");
    start_all();
    steps(20 * S);
    assert_int_equal(scale.wanted, 2);
    assert_string_equal(does(), "");
}

static void test_shrinks(void **state) {
    (void)state;
    begin(1, 8, 2 * S);
    scale.wanted = 4;
    start_all();
    members[0].group = members[1].group = members[2].group = 7; /* of three in one Env the latest … */
    waits_ns[2] = TARGET;                                       /* … that is not at work */
    steps(1900 * MS);
    assert_int_equal(scale.wanted, 4);
    waits_ns[2] = 0;
    steps(1900 * MS);
    assert_int_equal(scale.wanted, 4); /* it was not quiet all the time */
    steps(2400 * MS);
    assert_int_equal(scale.wanted, 3);
    members[2].wait_ns = TARGET;
    assert_string_equal(does(), "leave 1");
    int64_t left_ns = now_ns;
    now_ns = left_ns + LEAVE - 1;
    assert_string_equal(does(), ""); /* somebody may call it still */
    now_ns++;
    assert_string_equal(does(), "drain 1");
    now_ns += 3600 * S;
    assert_string_equal(does(), ""); /* its queue is not lost, however long it is */
    corps__scale_emptied(&scale, 1);
    assert_string_equal(does(), "end 1");
    corps__scale_ended(&scale, 1, now_ns);
    assert_int_equal(members[1].state, CORPS__MEMBER_GONE);
    assert_int_equal(scale.shrunk, 1);
}

/* The first member is one as any other: with a queue it stays, and what it has is done before it ends. */
static void test_first_queue(void **state) {
    (void)state;
    begin(1, 8, S);
    scale.wanted = 2;
    start_all();
    steps(4 * S);
    members[0].wait_ns = S;
    assert_string_equal(does(), "leave 1");
    begin(1, 8, S);
    scale.wanted = 2;
    start_all();
    steps(4 * S);
    members[1].wait_ns = S;
    assert_string_equal(does(), "leave 0");
    now_ns += LEAVE;
    assert_string_equal(does(), "drain 0");
    corps__scale_waits(&scale, 0, S, now_ns);
    now_ns += S;
    assert_string_equal(does(), "");
    corps__scale_emptied(&scale, 0);
    assert_string_equal(does(), "end 0");
}

/* Around the target it goes up, and then stays. */
static void test_does_not_thrash(void **state) {
    (void)state;
    begin(1, 8, 30 * S);
    start_all();
    int turns = 0, direction = 0;
    for (int i = 0; i < 6000; i++) { /* ten minutes */
        corps__scale_callers(&scale, 2, now_ns);
        uint32_t before = scale.wanted;
        bool peak = i % 450 < 3; /* every 45 s, which is longer than the quiet time */
        all_wait(!peak ? 0 : scale.wanted < 3 ? 2 * TARGET : TARGET * 3 / 4);
        step();
        start_all();
        int way = scale.wanted > before ? 1 : scale.wanted < before ? -1 : 0;
        turns += way != 0 && direction != 0 && way != direction ? 1 : 0;
        direction = way != 0 ? way : direction;
    }
    assert_true(turns <= 1);
    assert_true(scale.wanted >= 3);
}

/* When nobody calls any more it goes down to the least, not to two. */
static void test_is_not_pinned(void **state) {
    (void)state;
    begin(1, 8, 2 * S);
    start_all();
    corps__scale_callers(&scale, 1, now_ns);
    all_wait(S);
    steps(300 * MS);
    start_all();
    step();
    start_all();
    assert_true(scale.wanted > 2);
    all_wait(0);
    corps__scale_callers(&scale, 0, now_ns);
    for (int i = 0; i < 400; i++) {
        step();
        (void)does();
        for (uint32_t place = 0; place < PLACES; place++) {
            if (members[place].state == CORPS__MEMBER_DRAINING) {
                corps__scale_waits(&scale, place, S, now_ns); /* what it still did says nothing of the others */
                corps__scale_emptied(&scale, place);
            } else if (members[place].state == CORPS__MEMBER_ENDING) {
                corps__scale_ended(&scale, place, now_ns);
            }
        }
    }
    assert_int_equal(scale.wanted, 1);
    assert_int_equal(corps__scale_count(&scale, CORPS__MEMBER_ACTIVE), 1);
    assert_int_equal(corps__scale_count(&scale, CORPS__MEMBER_GONE), PLACES - 1);
}

/* Members that work are not ended, wherever they are. */
static void test_does_not_balance(void **state) {
    (void)state;
    begin(6, 8, S);
    start_all();
    for (uint32_t i = 0; i < 6; i++) {
        members[i].group = i < 5 ? 0 : 1;
    }
    for (int i = 0; i < 200; i++) {
        all_wait(i % 2 * TARGET);
        step();
        assert_string_equal(does(), "");
    }
}

/* A step that begins so much late, as the rest of the machine does. */
static void late_step(int64_t late_ns) {
    now_ns += late_ns;
    corps__scale_woke(&scale, now_ns + CORPS__SCALE_STEP_NS);
    step();
}

static void on_time(int64_t for_ns) {
    for (int64_t end_ns = now_ns + for_ns; now_ns < end_ns;) {
        late_step(0);
    }
}

/* What waits after a stall came in it; what waits for longer than that is too much. */
static void test_stands_still(void **state) {
    (void)state;
    begin(4, 16, 30 * S);
    start_all();
    on_time(S);
    all_wait(10 * TARGET);
    late_step(100 * MS); /* of a whole step more, for all that is known */
    assert_int_equal(scale.wanted, 4);
    on_time(500 * MS);
    assert_int_equal(scale.wanted, 4);
    on_time(100 * MS);
    assert_int_equal(scale.wanted, 8);
}

/* One that is merely slow, or that was busy itself, is not spared. */
static void test_is_just_late(void **state) {
    (void)state;
    begin(1, 8, 30 * S);
    start_all();
    on_time(S);
    all_wait(2 * TARGET);
    late_step(CORPS__SCALE_LATE_NS - 1);
    assert_int_equal(scale.wanted, 2);
    start_all();
    now_ns += 250 * MS;
    corps__scale_was_busy(&scale, now_ns);
    late_step(0);
    assert_int_equal(scale.wanted, 4);
}

/* A process that stands still again and again is too slow: half of the time it counts. */
static void test_stands_still_always(void **state) {
    (void)state;
    begin(1, 8, 30 * S);
    start_all();
    on_time(S);
    all_wait(2 * TARGET);
    int64_t begun_ns = now_ns;
    while (scale.wanted == 1) {
        late_step(100 * MS);
    }
    assert_in_range(now_ns - begun_ns, 2 * S, 2300 * MS);
    assert_int_equal(scale.wanted, 2);
    start_all(); /* a new member, of which nothing is known yet */
    while (scale.wanted == 2) {
        late_step(100 * MS);
    }
    assert_in_range(now_ns - begun_ns, 2 * S, 4 * S);
}

static void test_replaces(void **state) {
    (void)state;
    begin(2, 8, 30 * S);
    start_all();
    now_ns += 20 * S;
    corps__scale_lost(&scale, 0, now_ns);
    assert_string_equal(does(), "start 0"); /* at once */
    corps__scale_started(&scale, 0, now_ns);
    corps__scale_lost(&scale, 0, now_ns); /* but not what dies as soon as it is there */
    assert_string_equal(does(), "");
    now_ns += 100 * MS;
    assert_string_equal(does(), "start 0");
    corps__scale_start_failed(&scale, 0, now_ns);
    corps__scale_lost(&scale, 1, now_ns);
    now_ns += 199 * MS;
    assert_string_equal(does(), "");
    now_ns += MS;
    assert_string_equal(does(), "start 0, start 1"); /* what went together counts once */
    for (int i = 0; i < 20; i++) {
        corps__scale_start_failed(&scale, 0, now_ns);
        corps__scale_start_failed(&scale, 1, now_ns);
        now_ns = scale.retry_ns;
        assert_string_equal(does(), "start 0, start 1");
    }
    corps__scale_start_failed(&scale, 0, now_ns);
    assert_int_equal(scale.retry_ns - now_ns, 10 * S);
}

static void test_lost_while_draining(void **state) {
    (void)state;
    begin(1, 8, S);
    scale.wanted = 3;
    start_all();
    steps(4 * S);
    assert_string_equal(does(), "leave 2, leave 1");
    corps__scale_lost(&scale, 2, now_ns);
    now_ns += LEAVE;
    assert_string_equal(does(), "drain 1");
    corps__scale_lost(&scale, 1, now_ns);
    corps__scale_emptied(&scale, 1); /* late */
    assert_string_equal(does(), "");
    assert_int_equal(corps__scale_count(&scale, CORPS__MEMBER_GONE), PLACES - 1);
}

static void test_closes(void **state) {
    (void)state;
    begin(2, 8, S);
    (void)does();
    corps__scale_started(&scale, 0, now_ns);
    corps__scale_close(&scale);
    assert_string_equal(does(), "leave 0");
    corps__scale_started(&scale, 1, now_ns); /* it was on its way */
    assert_string_equal(does(), "leave 1");
    now_ns += LEAVE;
    assert_string_equal(does(), "drain 0, drain 1");
    corps__scale_emptied(&scale, 0);
    corps__scale_emptied(&scale, 1);
    assert_string_equal(does(), "end 0, end 1");
    corps__scale_ended(&scale, 0, now_ns);
    step();
    assert_string_equal(does(), "");
    corps__scale_ended(&scale, 1, now_ns);
    assert_string_equal(does(), "closed 0");
    assert_string_equal(does(), "");
}

static void test_bounds(void **state) {
    (void)state;
    begin(2, 2, S); /* one in every Env */
    start_all();
    corps__scale_bounds(&scale, 3, 3);
    assert_string_equal(does(), "start 2");
    corps__scale_started(&scale, 2, now_ns);
    corps__scale_bounds(&scale, 1, 1);
    assert_string_equal(does(), "leave 2, leave 1");
}

/* Where it is there will soon be nothing: it drains as any other, and the size stays. */
static void test_taken_out(void **state) {
    (void)state;
    begin(2, 8, S);
    start_all();
    assert_true(corps__scale_take_out(&scale, 0, now_ns));
    assert_false(corps__scale_take_out(&scale, 0, now_ns));
    assert_string_equal(does(), "start 2");
    now_ns += LEAVE;
    assert_string_equal(does(), "drain 0");
    corps__scale_lost(&scale, 0, now_ns);
    corps__scale_started(&scale, 2, now_ns);
    assert_string_equal(does(), "");
    assert_int_equal(scale.wanted, 2);
    assert_int_equal(scale.shrunk, 0);
}

static void test_callers(void **state) {
    (void)state;
    struct corps__callers callers = {0};
    assert_int_equal(corps__callers_count(&callers, S), 0);
    for (uint64_t i = 0; i < 100; i++) {
        corps__callers_say(&callers, i, i % 2, S);
    }
    corps__callers_say(&callers, 2, 7, S);
    assert_int_equal(corps__callers_count(&callers, S), 51);
    corps__callers_say(&callers, 3, 0, 2 * S);
    corps__callers_say(&callers, 4, 1, 2 * S);
    assert_int_equal(corps__callers_count(&callers, 2 * S), 51);
    assert_int_equal(corps__callers_count(&callers, 2 * S + 1), 1); /* the others have said nothing for long */
    assert_int_equal(callers.count, 2);
    for (uint64_t i = 0; i < 2 * CORPS__CALLERS_MAX; i++) {
        corps__callers_say(&callers, i, 1, 3 * S);
    }
    assert_int_equal(corps__callers_count(&callers, 3 * S), CORPS__CALLERS_MAX);
    free(callers.rows);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_grows_at_once),
        cmocka_unit_test(test_percentile),
        cmocka_unit_test(test_old_queue),
        cmocka_unit_test(test_shrinks),
        cmocka_unit_test(test_first_queue),
        cmocka_unit_test(test_does_not_thrash),
        cmocka_unit_test(test_is_not_pinned),
        cmocka_unit_test(test_does_not_balance),
        cmocka_unit_test(test_replaces),
        cmocka_unit_test(test_lost_while_draining),
        cmocka_unit_test(test_closes),
        cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_callers),
        cmocka_unit_test(test_taken_out),
        cmocka_unit_test(test_stands_still),
        cmocka_unit_test(test_is_just_late),
        cmocka_unit_test(test_stands_still_always),

    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
