/* Who owns a Corps, decided by hand: `unit-owners`. What thousands of seeds say of it is in tests/sim. */
#include "hosts/owners.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define MS INT64_C(1000000)
#define S INT64_C(1000000000)

enum { ROWS = 4, OWN = 3 };

static struct corps__owners owners;
static struct corps__owned *rows;
static struct corps__policy policy;

/* What the ledger lists. */
static struct corps__owners_seen list[ROWS + 1];
static uint32_t listed;

static int setup(void **state) {
    (void)state;
    listed = 0;
    rows = calloc(ROWS, sizeof *rows);
    policy = (struct corps__policy){.restart = CORPS_RESTART_ALWAYS,
                                    .intensity = 2,
                                    .period_ns = 10 * S,
                                    .backoff_ns = 100 * MS,
                                    .backoff_max_ns = S,
                                    .start_ns = 4 * S,
                                    .shutdown_ns = 2 * S};
    corps__owners_init(&owners, OWN, rows, ROWS);
    return rows == NULL ? -1 : 0;
}

static int teardown(void **state) {
    (void)state;
    free(rows);
    return 0;
}

/* What is to be done now, in words, with epochs: "go 5.1" is Corps 5, epoch 1. `plain`: renewals and lists are answered
 * at once, and left out. */
static const char *tell(int64_t now_ns, bool plain) {
    static const char *const words[] = {"renew", "list", "claim", "read", "give",   "end",
                                        "start", "go",   "stop",  "kill", "forget", "pass on"};
    static char text[256];
    struct corps__owners_action action;
    text[0] = '\0';
    while (corps__owners_next(&owners, now_ns, &action)) {
        size_t used = strlen(text);
        if (plain && action.what == CORPS__OWNERS_RENEW) {
            corps__owners_renewed(&owners, CORPS_OK, now_ns + CORPS__OWNERS_LEASE_NS, now_ns);
            continue;
        }
        if (plain && action.what == CORPS__OWNERS_LIST) {
            corps__owners_listed(&owners, CORPS_OK, list, listed, now_ns);
            continue;
        }
        (void)snprintf(text + used, sizeof text - used, "%s%s", used > 0 ? ", " : "", words[action.what]);
        used = strlen(text);
        if (action.what == CORPS__OWNERS_FORGET) {
            (void)snprintf(text + used, sizeof text - used, " %d: %d", (int)action.corps_id, (int)action.why);
        } else if (action.corps_id != 0) {
            (void)snprintf(text + used, sizeof text - used, " %d.%d", (int)action.corps_id, (int)action.epoch);
        }
    }
    return text;
}

static const char *does(int64_t now_ns) {
    return tell(now_ns, false);
}

static const char *does_more(int64_t now_ns) {
    return tell(now_ns, true);
}

static void sees(uint64_t corps_id, uint64_t epoch, uint32_t owner, bool mine) {
    listed = 1;
    list[0] = (struct corps__owners_seen){
        .corps_id = corps_id, .epoch = epoch, .owner = owner, .mine = mine, .restart = CORPS_RESTART_ALWAYS};
}

/* Corps 5 was ordered here at 1 s, and acts. */
static void owns_5(bool stays) {
    listed = 0;
    assert_string_equal(does_more(S), "");
    assert_int_equal(corps__owners_ordered(&owners, 5, &policy, stays, 9 * S, S), CORPS_OK);
    assert_string_equal(does(S), "claim 5.1");
    corps__owners_answered(&owners, CORPS_OK, S);
    sees(5, 1, OWN, true);
    assert_string_equal(does(S), "start 5.1, go 5.1");
    corps__owners_started(&owners, 5, 1, S + 100 * MS);
    assert_int_equal(corps__owners_count(&owners), 1);
}

static void test_order(void **state) {
    (void)state;
    owns_5(false);
    assert_int_equal(corps__owners_until(&owners, 5), 6 * S);
    assert_int_equal(corps__owners_until(&owners, 6), 0);
    assert_string_equal(does(S + CORPS__OWNERS_RENEW_NS), "renew");
    corps__owners_renewed(&owners, CORPS_OK, INT64_C(6500) * MS, 3 * S);
    assert_int_equal(corps__owners_until(&owners, 5), 6500 * MS); /* from when it was asked for */
    assert_int_equal(corps__owners_ordered(&owners, 5, &policy, false, 9 * S, S), CORPS_ERR_INVALID);
    for (uint64_t id = 6; id < 9; id++) {
        assert_int_equal(corps__owners_ordered(&owners, id, &policy, false, 9 * S, S), CORPS_OK);
    }
    assert_int_equal(corps__owners_ordered(&owners, 9, &policy, false, 9 * S, S), CORPS_ERR_LIMIT);
}

/* One operation at a time, renewals first. */
static void test_one_at_a_time(void **state) {
    (void)state;
    assert_string_equal(does(S), "renew");
    assert_int_equal(corps__owners_due(&owners), INT64_MAX);
    assert_string_equal(does(9 * S), "");
    corps__owners_renewed(&owners, CORPS_ERR_TIMEOUT, 0, 9 * S);
    assert_string_equal(does(9 * S), "renew");
    corps__owners_renewed(&owners, CORPS_OK, 14 * S, 9 * S);
    assert_string_equal(does(9 * S), "list");
    corps__owners_listed(&owners, CORPS_OK, NULL, 0, 9 * S);
    assert_int_equal(corps__owners_due(&owners), 9 * S + CORPS__OWNERS_RENEW_NS);
    corps__owners_hinted(&owners, 9 * S);
    assert_int_equal(corps__owners_due(&owners), 9 * S + CORPS__OWNERS_HINT_NS);
    assert_string_equal(does(9 * S + CORPS__OWNERS_HINT_NS), "list");
    corps__owners_listed(&owners, CORPS_ERR_TIMEOUT, NULL, 0, 9 * S + CORPS__OWNERS_HINT_NS);
    assert_string_equal(does(9 * S + CORPS__OWNERS_RENEW_NS), "renew");
}

/* Where many are hinted at, each lists in its turn; but at once where somebody waits for it. */
static void test_crowd(void **state) {
    (void)state;
    assert_string_equal(does_more(S), "");
    corps__owners_crowd(&owners, 16);
    corps__owners_hinted(&owners, S + 200 * MS);
    corps__owners_hinted(&owners, S + 300 * MS);
    int64_t turn_ns = 15 * CORPS__OWNERS_SPREAD_NS; /* of host 3 */
    assert_int_equal(corps__owners_due(&owners), S + 200 * MS + turn_ns);
    assert_string_equal(does(S + 200 * MS + turn_ns), "list");
    corps__owners_listed(&owners, CORPS_OK, NULL, 0, S + 400 * MS);
    corps__owners_crowd(&owners, 1000);
    corps__owners_hinted(&owners, S + 400 * MS);
    corps__owners_look(&owners);
    assert_string_equal(does(S + 420 * MS), "list");
    corps__owners_listed(&owners, CORPS_OK, NULL, 0, S + 420 * MS);
    assert_int_equal(corps__owners_due(&owners), S + CORPS__OWNERS_RENEW_NS); /* the hint was from before */
    corps__owners_hinted(&owners, S + 430 * MS);
    assert_string_equal(does_more(S + CORPS__OWNERS_RENEW_NS), "");
    assert_true(corps__owners_due(&owners) > S + CORPS__OWNERS_RENEW_NS + CORPS__OWNERS_HINT_NS);
    assert_true(corps__owners_due(&owners) <= S + 420 * MS + CORPS__OWNERS_LIST_NS);
}

static void test_refused_orders(void **state) {
    (void)state;
    struct corps__owners_action action;
    assert_string_equal(does_more(S), "");
    assert_int_equal(corps__owners_ordered(&owners, 5, &policy, false, 4 * S, S), CORPS_OK);
    assert_string_equal(does(S), "claim 5.1");
    corps__owners_answered(&owners, CORPS_ERR_LIMIT, S); /* the name is taken */
    assert_true(corps__owners_next(&owners, S, &action));
    assert_int_equal(action.what, CORPS__OWNERS_FORGET);
    assert_int_equal(action.why, CORPS__OWNERS_REFUSED);
    assert_int_equal(action.err, CORPS_ERR_LIMIT);
    assert_int_equal(corps__owners_count(&owners), 0);
    /* Not answered … */
    assert_string_equal(does_more(S), "");
    assert_int_equal(corps__owners_ordered(&owners, 6, &policy, false, 4 * S, S), CORPS_OK);
    assert_string_equal(does_more(S), "claim 6.1");
    corps__owners_answered(&owners, CORPS_ERR_TIMEOUT, 3 * S);
    assert_string_equal(does_more(3 * S), "");
    assert_string_equal(does_more(3 * S + CORPS__OWNERS_RETRY_NS), "claim 6.1");
    corps__owners_answered(&owners, CORPS_ERR_TIMEOUT, 4 * S);
    assert_string_equal(does_more(4 * S), "forget 6: 3");
    assert_int_equal(corps__owners_count(&owners), 0);
    /* … and done all the same: nobody wants it, and its book does not know that it has it. */
    sees(6, 1, OWN, true);
    assert_string_equal(does_more(6 * S), "claim 6.2");
    corps__owners_answered(&owners, CORPS_OK, 6 * S);
    sees(6, 2, OWN, true);
    assert_string_equal(does_more(10 * S), "");
    assert_string_equal(does_more(6 * S + CORPS__OWNERS_GONE_NS), "end 6.2");
    corps__owners_answered(&owners, CORPS_OK, 12 * S);
    listed = 0;
    assert_string_equal(does_more(12 * S), "");
    assert_int_equal(corps__owners_count(&owners), 0);
    corps__owners_drain(&owners, true);
    assert_int_equal(corps__owners_ordered(&owners, 7, &policy, false, 9 * S, 8 * S), CORPS_ERR_DENIED);
}

/* The former owner is lost. */
static void test_take_over(void **state) {
    (void)state;
    listed = 0;
    assert_string_equal(does_more(S), "");
    sees(5, 4, 7, false);
    assert_string_equal(does_more(2 * S), ""); /* another's */
    sees(5, 4, 0, false);
    list[0].rank = 1;
    assert_string_equal(does_more(3 * S), "");
    assert_string_equal(does_more(3 * S + 900 * MS), "");
    assert_string_equal(does_more(4 * S), "claim 5.5"); /* the second waits a second */
    corps__owners_answered(&owners, CORPS_OK, 4 * S);
    sees(5, 5, OWN, true);
    assert_string_equal(does_more(4 * S), "read 5.5");
    corps__owners_read(&owners, CORPS_ERR_TIMEOUT, NULL, 4 * S);
    assert_string_equal(does_more(4 * S + CORPS__OWNERS_RETRY_NS), "read 5.5");
    corps__owners_read(&owners, CORPS_OK, &policy, 4 * S + CORPS__OWNERS_RETRY_NS);
    assert_string_equal(does_more(4 * S + CORPS__OWNERS_RETRY_NS), "start 5.5");
    assert_int_equal(corps__owners_until(&owners, 5), 0);
    assert_string_equal(does_more(6 * S), "");
    assert_string_equal(does_more(3 * S + CORPS__OWNERS_GONE_NS - 1), "");
    assert_string_equal(does_more(3 * S + CORPS__OWNERS_GONE_NS), "go 5.5"); /* after it was seen */
    assert_true(corps__owners_until(&owners, 5) > 8 * S);
}

/* Another life that was lost meanwhile: the wait begins anew. */
static void test_another_epoch(void **state) {
    (void)state;
    assert_string_equal(does_more(S), "");
    sees(5, 4, 0, false);
    list[0].rank = CORPS__OWNERS_NO_RANK;
    assert_string_equal(does_more(2 * S), "");
    sees(5, 5, 0, false);
    assert_string_equal(does_more(6 * S), "claim 5.6");
    corps__owners_answered(&owners, CORPS_OK, 6 * S);
    sees(5, 6, OWN, true);
    assert_string_equal(does_more(6 * S), "read 5.6");
    corps__owners_read(&owners, CORPS_OK, &policy, 6 * S);
    assert_string_equal(does_more(6 * S), "start 5.6");
    assert_string_equal(does_more(10 * S), "");
    assert_string_equal(does_more(6 * S + CORPS__OWNERS_GONE_NS), "go 5.6");
}

/* What this host's agent before this one held is another's. */
static void test_own_number(void **state) {
    (void)state;
    sees(5, 4, OWN, false);
    assert_string_equal(does_more(S), "");
    assert_int_equal(corps__owners_count(&owners), 0);
}

static void test_lost_lease(void **state) {
    (void)state;
    owns_5(false);
    assert_string_equal(does(1500 * MS), "renew");
    corps__owners_renewed(&owners, CORPS_ERR_CLOSED, 0, 1600 * MS);
    assert_int_equal(corps__owners_until(&owners, 5), 0);
    sees(5, 1, 0, false);
    assert_string_equal(does(1600 * MS), "kill 5.1, renew");
    corps__owners_renewed(&owners, CORPS_OK, 6600 * MS, 1600 * MS);
    corps__owners_ended(&owners, 5, 1, CORPS__OWNERS_END_FAILED, "killed", 1700 * MS);
    assert_string_equal(does_more(1700 * MS), "claim 5.2"); /* without a wait for its rank */
    corps__owners_answered(&owners, CORPS_OK, 1700 * MS);
    sees(5, 2, OWN, true);
    assert_string_equal(does_more(1700 * MS), "start 5.2");
    assert_string_equal(does_more(1700 * MS + CORPS__SILENCE_NS - 1), "");
    assert_string_equal(does_more(1700 * MS + CORPS__SILENCE_NS), "go 5.2");     /* its own grants are over */
    corps__owners_ended(&owners, 5, 1, CORPS__OWNERS_END_FAILED, "late", 5 * S); /* an older life's end */
    assert_true(corps__owners_until(&owners, 5) > 0);
}

static void test_silence(void **state) {
    (void)state;
    owns_5(false);
    assert_string_equal(does(1500 * MS), "renew");
    assert_string_equal(does(6 * S - 1), "");
    assert_int_equal(corps__owners_due(&owners), 6 * S);
    assert_string_equal(does(6 * S), "kill 5.1");
    corps__owners_ended(&owners, 5, 1, CORPS__OWNERS_END_FAILED, "killed", 6 * S);
    corps__owners_renewed(&owners, CORPS_ERR_TIMEOUT, 0, 6 * S);
    assert_string_equal(does(6 * S), "renew");
    corps__owners_renewed(&owners, CORPS_OK, 11 * S, 6 * S); /* the lease is there still */
    assert_string_equal(does_more(6 * S), "claim 5.2");
}

/* A start that takes too long: counted from when it may act. */
static void test_late_start(void **state) {
    (void)state;
    owns_5(false);
    corps__owners_ended(&owners, 5, 1, CORPS__OWNERS_END_FAILED, "a crash", 2 * S);
    assert_string_equal(does_more(2 * S), "claim 5.2");
    corps__owners_answered(&owners, CORPS_OK, 2 * S);
    sees(5, 2, OWN, true);
    assert_string_equal(does_more(2 * S), "start 5.2");
    assert_string_equal(does_more(5 * S), "go 5.2");
    assert_string_equal(does_more(8 * S), "");
    assert_string_equal(does_more(9 * S), "kill 5.2");
    assert_string_equal(does_more(9 * S), "");
    corps__owners_ended(&owners, 5, 2, CORPS__OWNERS_END_FAILED, "killed", 9 * S);
    assert_string_equal(does_more(9 * S + 100 * MS), "claim 5.3"); /* after its backoff */
}

/* Its own faults count, and over the intensity it ends. */
static void test_gives_up(void **state) {
    (void)state;
    owns_5(false);
    int64_t now_ns = 2 * S;
    for (uint64_t epoch = 1; epoch < 3; epoch++) {
        corps__owners_ended(&owners, 5, epoch, CORPS__OWNERS_END_FAILED, "a crash", now_ns);
        now_ns += 200 * MS;
        (void)does_more(now_ns);
        corps__owners_answered(&owners, CORPS_OK, now_ns);
        sees(5, epoch + 1, OWN, true);
        (void)does_more(now_ns);
        now_ns += CORPS__SILENCE_NS;
        (void)does_more(now_ns);
        assert_true(corps__owners_until(&owners, 5) > 0);
        corps__owners_started(&owners, 5, epoch + 1, now_ns);
    }
    corps__owners_ended(&owners, 5, 3, CORPS__OWNERS_END_FAILED, "a crash", now_ns);
    assert_string_equal(does_more(now_ns), "forget 5: 0");
    assert_string_equal(does_more(now_ns + CORPS__SILENCE_NS - MS), "");
    assert_string_equal(does_more(now_ns + CORPS__SILENCE_NS), "end 5.3"); /* its name is free when its Envs are over */
    corps__owners_answered(&owners, CORPS_OK, now_ns + CORPS__SILENCE_NS);
    assert_string_equal(does_more(now_ns + CORPS__SILENCE_NS), "");
    assert_int_equal(corps__owners_count(&owners), 0);
}

/* It was told to exit at 2 s, and has at once. */
static void exits_in_order(void) {
    owns_5(false);
    assert_true(corps__owners_exits(&owners, 5, S, 2 * S));
    corps__owners_ended(&owners, 5, 1, CORPS__OWNERS_END_ORDER, "it has ended", 2 * S);
}

/* … and the lease is lost before the ledger heard of it. */
static void ends_while_away(void) {
    exits_in_order();
    assert_string_equal(does(7 * S), "forget 5: 0, renew");
    corps__owners_renewed(&owners, CORPS_ERR_CLOSED, 0, 8 * S);
}

/* The ledger lists it no more, and nobody here knows it. */
static void is_gone(int64_t now_ns) {
    listed = 0;
    assert_string_equal(does_more(now_ns), "");
    assert_int_equal(corps__owners_count(&owners), 0);
}

static void test_exits(void **state) {
    (void)state;
    owns_5(false);
    assert_false(corps__owners_exits(&owners, 6, S, 2 * S));
    assert_true(corps__owners_exits(&owners, 5, S, 2 * S));
    assert_string_equal(does_more(2 * S), "");
    corps__owners_ended(&owners, 5, 1, CORPS__OWNERS_END_ORDER, "it has ended", 2 * S);
    assert_string_equal(does(2 * S), "forget 5: 0, end 5.1");
    corps__owners_answered(&owners, CORPS_ERR_TIMEOUT, 2 * S);
    is_gone(4 * S); /* it was done */
}

/* Its lease is lost before the ledger has forgotten it: claimed once more, to be ended. */
static void test_exit_and_loss(void **state) {
    (void)state;
    exits_in_order();
    assert_string_equal(does_more(2 * S), "forget 5: 0, end 5.1");
    corps__owners_answered(&owners, CORPS_ERR_CLOSED, 2 * S);
    sees(5, 1, 0, false);
    assert_string_equal(does_more(2 * S + CORPS__OWNERS_RETRY_NS), "claim 5.2");
    corps__owners_answered(&owners, CORPS_OK, 3 * S);
    sees(5, 2, OWN, true);
    assert_string_equal(does_more(3 * S), "end 5.2");
    corps__owners_answered(&owners, CORPS_OK, 3 * S);
    is_gone(4 * S);
}

/* What does not end is killed, at the time that was said first. */
static void test_never_exits(void **state) {
    (void)state;
    owns_5(false);
    assert_true(corps__owners_exits(&owners, 5, S, 2 * S));
    assert_true(corps__owners_exits(&owners, 5, 9 * S, 2 * S + MS));
    assert_string_equal(does_more(2 * S), "");
    assert_true(corps__owners_due(&owners) <= 3 * S);
    assert_string_equal(does_more(3 * S - MS), "");
    assert_true(corps__owners_until(&owners, 5) > 0);
    assert_string_equal(does_more(3 * S), "kill 5.1");
    corps__owners_ended(&owners, 5, 1, CORPS__OWNERS_END_FAILED, "was killed", 3 * S);
    assert_string_equal(does_more(3 * S), "forget 5: 0");
    assert_string_equal(does_more(3 * S + CORPS__SILENCE_NS), "end 5.1"); /* its Envs are over, too */
}

/* It ends while the ledger is away, and the lease is lost: the ledger is told all the same, before anybody claims. */
static void test_exit_while_away(void **state) {
    (void)state;
    ends_while_away();
    assert_string_equal(does(8 * S), "renew");
    corps__owners_renewed(&owners, CORPS_OK, 13 * S, 8 * S);
    sees(5, 1, 0, false);
    assert_string_equal(does_more(8 * S), "end 5.1");
    corps__owners_answered(&owners, CORPS_OK, 8 * S);
    is_gone(9 * S);
}

/* … and another host has begun it anew: that one is told, with each list, until it is gone. */
static void test_exit_passed_on(void **state) {
    (void)state;
    ends_while_away();
    sees(5, 2, OWN + 1, false);
    assert_string_equal(does_more(8 * S), "pass on 5.2");
    assert_string_equal(does_more(8 * S + MS), "");
    assert_string_equal(does_more(9 * S + MS), "pass on 5.2");
    sees(5, 2, 0, false); /* that host is lost, too */
    assert_string_equal(does_more(11 * S), "claim 5.3");
    corps__owners_answered(&owners, CORPS_ERR_AGAIN, 11 * S);
    is_gone(13 * S);
}

static void test_drain(void **state) {
    (void)state;
    owns_5(false);
    corps__owners_drain(&owners, true);
    assert_string_equal(does_more(2 * S), "stop 5.1");
    assert_true(corps__owners_until(&owners, 5) > 0); /* it cleans up */
    corps__owners_ended(&owners, 5, 1, CORPS__OWNERS_END_ORDER, "it has ended", 3 * S);
    assert_string_equal(does(3 * S), "renew");
    corps__owners_renewed(&owners, CORPS_OK, 8 * S, 3 * S);
    assert_string_equal(does_more(3 * S), "give 5.1");
    corps__owners_answered(&owners, CORPS_OK, 3 * S);
    sees(5, 1, 0, false);
    list[0].given = true;
    assert_string_equal(does_more(3 * S), "forget 5: 1");
    assert_string_equal(does_more(5 * S), ""); /* drained: not claimed */
    corps__owners_drain(&owners, false);
    assert_string_equal(does_more(6 * S), "claim 5.2");
    corps__owners_answered(&owners, CORPS_OK, 6 * S);
    sees(5, 2, OWN, true);
    assert_string_equal(does_more(6 * S), "read 5.2");
    corps__owners_read(&owners, CORPS_OK, &policy, 6 * S);
    assert_string_equal(does_more(6 * S), "start 5.2, go 5.2"); /* who gave it has waited */
}

/* Who does not end in order is killed, and given when its grants are over. */
static void test_drain_by_force(void **state) {
    (void)state;
    owns_5(false);
    corps__owners_drain(&owners, true);
    assert_string_equal(does_more(2 * S), "stop 5.1");
    assert_string_equal(does_more(3 * S), "");
    assert_string_equal(does_more(4 * S), "kill 5.1"); /* after its shutdown time */
    corps__owners_ended(&owners, 5, 1, CORPS__OWNERS_END_FAILED, "killed", 4 * S);
    assert_string_equal(does_more(6 * S), "");
    assert_string_equal(does_more(4 * S + CORPS__SILENCE_NS), "give 5.1");
}

/* A host that can't start it waits as if it would, gives it, and does not claim it again. */
static void test_unfit(void **state) {
    (void)state;
    assert_string_equal(does_more(S), "");
    sees(5, 4, 0, false);
    assert_string_equal(does_more(2 * S), "claim 5.5");
    corps__owners_answered(&owners, CORPS_OK, 2 * S);
    sees(5, 5, OWN, true);
    assert_string_equal(does_more(2 * S), "read 5.5");
    corps__owners_read(&owners, CORPS_ERR_CORRUPT, NULL, 2 * S);
    assert_string_equal(does_more(5 * S), "");
    assert_string_equal(does_more(2 * S + CORPS__OWNERS_GONE_NS), "give 5.5");
    corps__owners_answered(&owners, CORPS_OK, 8 * S);
    sees(5, 5, 0, false);
    list[0].given = true;
    assert_string_equal(does_more(8 * S), "forget 5: 1");
    assert_string_equal(does_more(10 * S), "");
    assert_string_equal(does_more(20 * S), "");
}

static void test_stays(void **state) {
    (void)state;
    owns_5(true);
    assert_true(corps__owners_until(&owners, 5) == INT64_MAX);
    assert_string_equal(does(1500 * MS), "renew");
    assert_string_equal(does(20 * S), ""); /* silence does not end it … */
    corps__owners_renewed(&owners, CORPS_ERR_CLOSED, 0, 20 * S);
    sees(5, 1, 0, false);
    assert_string_equal(does_more(20 * S), "claim 5.2"); /* … nor does loss: claimed for the life that runs on */
    corps__owners_answered(&owners, CORPS_OK, 20 * S);
    sees(5, 2, OWN, true);
    assert_string_equal(does_more(22 * S), "");
    sees(5, 3, 7, false);
    assert_string_equal(does_more(24 * S), "kill 5.1"); /* a higher epoch does */
    assert_int_equal(corps__owners_until(&owners, 5), 0);
    corps__owners_ended(&owners, 5, 1, CORPS__OWNERS_END_FAILED, "killed", 24 * S);
    assert_string_equal(does_more(24 * S), "forget 5: 2");
}

/* A claim that was not answered was done. */
static void test_doubt(void **state) {
    (void)state;
    assert_string_equal(does_more(S), "");
    sees(5, 4, 0, false);
    assert_string_equal(does_more(2 * S), "claim 5.5");
    corps__owners_answered(&owners, CORPS_ERR_TIMEOUT, 4 * S);
    sees(5, 5, OWN, true);
    assert_string_equal(does_more(4 * S), "");
    assert_string_equal(does_more(4 * S + CORPS__OWNERS_RETRY_NS), "claim 5.5"); /* so that its book holds it */
    corps__owners_answered(&owners, CORPS_OK, 5 * S);
    assert_string_equal(does_more(5 * S), "read 5.5");
    corps__owners_read(&owners, CORPS_OK, &policy, 5 * S);
    assert_string_equal(does_more(5 * S), "start 5.5");
    assert_string_equal(does_more(2 * S + CORPS__OWNERS_GONE_NS), "go 5.5");
}

/* Whose policy is never is ended, when its owner can act no more. */
static void test_never(void **state) {
    (void)state;
    assert_string_equal(does_more(S), "");
    sees(5, 4, 0, false);
    list[0].restart = CORPS_RESTART_NEVER;
    assert_string_equal(does_more(2 * S), "claim 5.5");
    corps__owners_answered(&owners, CORPS_OK, 2 * S);
    sees(5, 5, OWN, true);
    assert_string_equal(does_more(2 * S), "forget 5: 0");
    assert_string_equal(does_more(5 * S), "");
    assert_string_equal(does_more(2 * S + CORPS__OWNERS_GONE_NS), "end 5.5");
}

static void test_ranks(void **state) {
    (void)state;
    uint32_t hosts[] = {1, 2, 3, 4};
    uint32_t first[5] = {0};
    for (uint64_t id = 1; id <= 1000; id++) {
        uint32_t ranks = 0;
        for (uint32_t i = 0; i < 4; i++) {
            uint32_t rank = corps__owners_rank(id << 48 | id, hosts[i], hosts, 4);
            assert_true(rank < 4);
            ranks |= 1U << rank;
            first[hosts[i]] += rank == 0 ? 1 : 0;
        }
        assert_int_equal(ranks, 15); /* each rank once */
    }
    for (uint32_t i = 1; i <= 4; i++) {
        assert_true(first[i] > 150);
    }
    assert_true(corps__owners_rank(1, 5, hosts, 4) == CORPS__OWNERS_NO_RANK);
    assert_int_equal(corps__owners_rank(1, 5, (uint32_t[]){5}, 1), 0);
}

/* Both clocks as wrong as allowed, in the worst directions. */
static void test_margin_for_drift(void **state) {
    (void)state;
    assert_true(CORPS__OWNERS_LEASE_NS / 1000 * 1001 < CORPS__OWNERS_GONE_NS / 1000 * 999);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_order),         TEST(test_one_at_a_time),  TEST(test_refused_orders),  TEST(test_take_over),
        TEST(test_another_epoch), TEST(test_own_number),     TEST(test_lost_lease),      TEST(test_silence),
        TEST(test_late_start),    TEST(test_gives_up),       TEST(test_exits),           TEST(test_exit_and_loss),
        TEST(test_crowd),         TEST(test_never_exits),    TEST(test_exit_while_away), TEST(test_exit_passed_on),
        TEST(test_drain),         TEST(test_drain_by_force), TEST(test_unfit),           TEST(test_stays),
        TEST(test_doubt),         TEST(test_never),          TEST(test_ranks),           TEST(test_margin_for_drift),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
