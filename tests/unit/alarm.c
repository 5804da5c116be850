/* Alarms: whatever is set and cleared in whatever order, each rings once, not early, and the soonest first. */
#include "wait/alarm.h"

#include <corps.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

enum { COUNT = 300, ROUNDS = 20000 };

struct owner {
    struct corps__alarm alarm; /* first */
    bool expected;             /* it is set */
    int64_t at_ns;
};

static struct corps__alarms alarms;
static struct owner owners[COUNT];
static int64_t now_ns, last_ns;
static unsigned rung;

static void on_ring(struct corps__alarm *alarm) {
    struct owner *owner = (struct owner *)alarm;
    assert_true(owner->expected);
    assert_true(owner->at_ns <= now_ns && owner->at_ns >= last_ns);
    last_ns = owner->at_ns;
    owner->expected = false;
    rung++;
    assert_false(corps__alarm_clear(&alarms, alarm));
}

static int64_t soonest(void) {
    int64_t soonest = CORPS_FOREVER;
    for (int i = 0; i < COUNT; i++) {
        soonest = owners[i].expected && owners[i].at_ns < soonest ? owners[i].at_ns : soonest;
    }
    return soonest;
}

static uint32_t random_of(uint32_t *state, uint32_t bound) {
    *state = *state * 1664525u + 1013904223u;
    return (*state >> 8) % bound;
}

static void set_or_clear(struct owner *owner, int64_t at_ns) {
    int64_t before = soonest();
    if (owner->expected) {
        assert_true(corps__alarm_clear(&alarms, &owner->alarm));
        owner->expected = false;
        assert_false(corps__alarm_clear(&alarms, &owner->alarm));
    } else {
        owner->at_ns = at_ns;
        owner->expected = true;
        bool is_first = corps__alarm_set(&alarms, &owner->alarm, owner->at_ns, on_ring);
        assert_int_equal(is_first, at_ns < before);
    }
}

static void test_any_order(void **state) {
    (void)state;
    corps__alarms_init(&alarms);
    for (uint32_t seed = 1; seed <= 5; seed++) {
        uint32_t random = seed;
        now_ns = last_ns = 0;
        for (int round = 0; round < ROUNDS; round++) {
            set_or_clear(&owners[random_of(&random, COUNT)], now_ns + 1 + random_of(&random, 1000));
            assert_int_equal(corps__alarms_first_ns(&alarms), soonest());
            if (random_of(&random, 10) == 0) {
                now_ns += random_of(&random, 100);
                corps__alarms_ring(&alarms, now_ns);
                assert_true(soonest() > now_ns);
            }
        }
        now_ns += 1001;
        corps__alarms_ring(&alarms, now_ns);
        assert_int_equal(corps__alarms_first_ns(&alarms), CORPS_FOREVER);
    }
    assert_true(rung > 1000);
}

/* What rings may set itself again, for later or for now. */
static void on_ring_again(struct corps__alarm *alarm) {
    if (++rung < 10) {
        (void)!corps__alarm_set(&alarms, alarm, rung < 5 ? now_ns : now_ns + 1, on_ring_again);
    }
}

static void test_set_while_it_rings(void **state) {
    (void)state;
    struct corps__alarm alarm = {.link = NULL};
    corps__alarms_init(&alarms);
    now_ns = 7;
    rung = 0;
    assert_true(corps__alarm_set(&alarms, &alarm, 3, on_ring_again));
    corps__alarms_ring(&alarms, now_ns);
    assert_int_equal(rung, 5);
    corps__alarms_ring(&alarms, ++now_ns);
    assert_int_equal(rung, 6);
    assert_true(corps__alarm_clear(&alarms, &alarm));
    assert_int_equal(corps__alarms_first_ns(&alarms), CORPS_FOREVER);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_any_order), cmocka_unit_test(test_set_while_it_rings)};
    return cmocka_run_group_tests_name("alarm", tests, NULL, NULL);
}
