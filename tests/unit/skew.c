/* The difference of two clocks from round trips: what is held up makes it less sure, never wrong. */
#include "link/skew.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define MS INT64_C(1000000)
#define SECOND (1000 * MS)

/* Two clocks: ours is `now`, theirs is `ahead` of it. */
struct world {
    struct corps__skew skew;
    int64_t now, ahead;
};

/* A question, if it is time for one, that takes `there` to arrive and whose answer takes `back`. Was there one? */
static bool round_trip(struct world *world, int64_t there, int64_t back) {
    if (!corps__skew_asks(&world->skew, world->now)) {
        return false;
    }
    int64_t asked = world->now;
    world->now += there;
    int64_t theirs = world->now + world->ahead;
    world->now += back;
    corps__skew_answered(&world->skew, asked, theirs, world->now);
    return true;
}

static void is_right(const struct world *world) {
    int64_t off = world->skew.difference_ns - world->ahead;
    assert_true(corps__skew_error_ns(&world->skew, world->now) >= (off < 0 ? -off : off));
}

static void test_nothing_is_known_at_first(void **state) {
    (void)state;
    struct world world = {.now = 5 * SECOND, .ahead = 1000 * SECOND};
    assert_false(corps__skew_is_known(&world.skew, world.now));
    assert_true(corps__skew_error_ns(&world.skew, world.now) == INT64_MAX);
    assert_true(corps__skew_asks(&world.skew, world.now));
    assert_false(world.skew.told);
    assert_false(corps__skew_asks(&world.skew, world.now)); /* one at a time */
}

static void test_known_after_one_and_told_with_the_next(void **state) {
    (void)state;
    for (int sign = -1; sign <= 1; sign += 2) {
        struct world world = {.now = 5 * SECOND, .ahead = sign * 1000000 * SECOND};
        assert_true(round_trip(&world, MS, 3 * MS));
        assert_true(corps__skew_is_known(&world.skew, world.now));
        is_right(&world);
        assert_true(corps__skew_error_ns(&world.skew, world.now) <= 2 * MS + 1);
        assert_true(corps__skew_asks(&world.skew, world.now));
        assert_true(world.skew.told);
    }
}

static void test_the_smallest_of_eight_counts(void **state) {
    (void)state;
    struct world world = {.now = SECOND, .ahead = -300 * SECOND};
    for (unsigned i = 1; i <= CORPS__SKEW_ROUNDS; i++) {
        assert_true(round_trip(&world, i == 5 ? MS / 10 : 40 * MS, i == 5 ? MS / 10 : 7 * MS));
        is_right(&world);
    }
    assert_true(world.skew.error_ns <= MS / 10 + 1);
    assert_false(round_trip(&world, MS, MS)); /* that was all of them … */
    int64_t next = corps__skew_next_ns(&world.skew);
    assert_true(next > world.now && next <= SECOND + CORPS__SKEW_AGAIN_NS);
    world.now = next; /* … for a minute */
    assert_true(round_trip(&world, MS, MS));
}

/* Whoever was stopped for longer than a second makes a round trip worthless, and others follow until one is not. */
static void test_asks_until_it_knows(void **state) {
    (void)state;
    struct world world = {.now = SECOND, .ahead = 77 * SECOND};
    for (int i = 0; i < 3 * CORPS__SKEW_ROUNDS; i++) {
        assert_true(round_trip(&world, 0, 2 * SECOND));
        assert_false(corps__skew_is_known(&world.skew, world.now));
        assert_false(world.skew.told);
        is_right(&world);
    }
    assert_true(round_trip(&world, MS, MS));
    assert_true(corps__skew_is_known(&world.skew, world.now));
    assert_true(round_trip(&world, MS, MS));
    assert_true(world.skew.told);
}

static void test_an_answer_that_does_not_come_is_asked_for_again(void **state) {
    (void)state;
    struct world world = {.now = SECOND, .ahead = SECOND};
    int64_t lost = world.now;
    assert_true(corps__skew_asks(&world.skew, world.now));
    world.now = corps__skew_next_ns(&world.skew);
    assert_true(world.now == lost + CORPS__SKEW_PATIENCE_NS);
    assert_true(corps__skew_asks(&world.skew, world.now));
    int64_t asked = world.now;
    corps__skew_answered(&world.skew, lost, world.now + world.ahead, world.now + MS); /* too late to count */
    assert_false(corps__skew_is_known(&world.skew, world.now + MS));
    corps__skew_answered(&world.skew, asked, world.now + world.ahead, world.now + MS);
    assert_true(corps__skew_is_known(&world.skew, world.now + MS));
    corps__skew_answered(&world.skew, asked, world.now + 9 * SECOND, world.now + MS); /* twice */
    world.now += MS;
    is_right(&world);
}

static void run_series(struct world *world, int64_t each) {
    for (unsigned i = 0; i < CORPS__SKEW_ROUNDS; i++) {
        assert_true(round_trip(world, each, each));
    }
}

static void test_a_worse_series_leaves_what_is_known(void **state) {
    (void)state;
    struct world world = {.now = SECOND, .ahead = SECOND};
    run_series(&world, MS);
    int64_t error = world.skew.error_ns;
    world.now = corps__skew_next_ns(&world.skew);
    run_series(&world, 300 * MS);
    assert_true(world.skew.error_ns == error);
    is_right(&world);
}

/* Clocks that drift: each minute it is known again, and never wrong by more than it says. */
static void test_drift(void **state) {
    (void)state;
    struct world world = {.now = SECOND, .ahead = 0};
    run_series(&world, MS);
    for (int minute = 0; minute < 100; minute++) {
        int64_t before = world.now;
        world.now = corps__skew_next_ns(&world.skew);
        world.ahead += (world.now - before) * 900 / 1000000;
        is_right(&world);
        run_series(&world, MS);
        is_right(&world);
        assert_true(world.skew.error_ns <= MS + 1);
    }
}

/* The other one's clock stood still for a while: the next series shows it, though it is less sure than the last was. */
static void test_a_clock_that_stood_still(void **state) {
    (void)state;
    struct world world = {.now = SECOND, .ahead = 5000 * SECOND};
    run_series(&world, MS);
    world.now = corps__skew_next_ns(&world.skew);
    world.ahead -= 20 * SECOND;
    run_series(&world, 200 * MS);
    is_right(&world);
}

static void test_times_are_translated(void **state) {
    (void)state;
    struct world world = {.now = SECOND, .ahead = 1000 * SECOND};
    assert_true(round_trip(&world, 0, 0));
    assert_true(corps__skew_here_ns(&world.skew, 1003 * SECOND) == 3 * SECOND);
    assert_true(corps__skew_here_ns(&world.skew, 1) == 1); /* long ago */
    assert_true(corps__skew_here_ns(&world.skew, UINT64_MAX) == INT64_MAX - 1000 * SECOND);
    struct world behind = {.now = 2000 * SECOND, .ahead = -1000 * SECOND};
    assert_true(round_trip(&behind, 0, 0));
    assert_true(corps__skew_here_ns(&behind.skew, 1001 * SECOND) == 2001 * SECOND);
    assert_true(corps__skew_here_ns(&behind.skew, INT64_MAX) == INT64_MAX);
}

/* What a peer makes up is nobody's harm but its own. */
static void test_impossible_times(void **state) {
    (void)state;
    static const int64_t said[] = {INT64_MIN, INT64_MIN + 1, -1, 0, 1, INT64_MAX - 1, INT64_MAX};
    for (size_t i = 0; i < sizeof said / sizeof said[0]; i++) {
        for (size_t j = 0; j < sizeof said / sizeof said[0]; j++) {
            struct corps__skew skew = {0};
            for (unsigned n = 0; n < 20; n++) {
                int64_t now = (int64_t)(n + 1) * SECOND;
                if (corps__skew_asks(&skew, now)) {
                    corps__skew_answered(&skew, now, said[n < CORPS__SKEW_ROUNDS ? i : j], now + MS);
                }
            }
            int64_t here = corps__skew_here_ns(&skew, 4711);
            assert_true(here >= 1);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_is_known_at_first),
        cmocka_unit_test(test_known_after_one_and_told_with_the_next),
        cmocka_unit_test(test_the_smallest_of_eight_counts),
        cmocka_unit_test(test_asks_until_it_knows),
        cmocka_unit_test(test_an_answer_that_does_not_come_is_asked_for_again),
        cmocka_unit_test(test_a_worse_series_leaves_what_is_known),
        cmocka_unit_test(test_drift),
        cmocka_unit_test(test_a_clock_that_stood_still),
        cmocka_unit_test(test_times_are_translated),
        cmocka_unit_test(test_impossible_times),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
