/* Run queues on one thread: a task's states, the slot before the queue and its limit, what is displaced and stolen, and
 * old entries that serve again. */
#include "actor/runq.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

enum { TASKS = 40, SLOT_RUNS = 16 };

struct fixture {
    struct corps__runq queue;
    struct corps__task tasks[TASKS];
};

static int setup(void **state) {
    struct fixture *fixture = calloc(1, sizeof *fixture);
    corps__runq_init(&fixture->queue);
    *state = fixture;
    return 0;
}

static int teardown(void **state) {
    struct fixture *fixture = *state;
    pthread_mutex_destroy(&fixture->queue.lock);
    free(fixture);
    return 0;
}

/* The next one is number `expected`; −1: there is none. */
static void expect(struct fixture *fixture, bool own, int expected) {
    struct corps__task *task = corps__runq_take(&fixture->queue, own);
    assert_int_equal(task != NULL ? task - fixture->tasks : -1, expected);
}

static void test_states(void **state) {
    struct corps__task *task = &((struct fixture *)*state)->tasks[0];
    assert_false(corps__task_claim(task)); /* IDLE */
    assert_false(corps__task_is_queued(task));
    assert_true(corps__task_queue(task));
    assert_true(corps__task_is_queued(task));
    assert_false(corps__task_queue(task)); /* QUEUED: somebody was told already */
    assert_false(corps__task_begin(task));
    assert_true(corps__task_claim(task));
    assert_false(corps__task_claim(task)); /* RUNNING */
    assert_false(corps__task_queue(task));
    assert_false(corps__task_begin(task));
    assert_false(corps__task_is_queued(task));
    corps__task_end(task);
    assert_true(corps__task_begin(task));
    assert_false(corps__task_claim(task));
    corps__task_end(task);
    assert_true(corps__task_queue(task));
}

/* One that has a thread of its own is nobody's to queue, claim or begin. */
static void test_home_states(void **state) {
    struct corps__task *task = &((struct fixture *)*state)->tasks[0];
    const int homes[] = {CORPS__HOME_IDLE, CORPS__HOME_QUEUED};
    for (int i = 0; i < 2; i++) {
        atomic_store(&task->word, homes[i]);
        assert_false(corps__task_queue(task));
        assert_false(corps__task_claim(task));
        assert_false(corps__task_begin(task));
        assert_false(corps__task_is_queued(task));
        assert_int_equal(atomic_load(&task->word), homes[i]);
    }
}

static void test_first_in_first_out(void **state) {
    struct fixture *fixture = *state;
    expect(fixture, true, -1);
    for (int round = 0; round < 2; round++) { /* empty in between */
        for (int i = 0; i < 3; i++) {
            corps__runq_add(&fixture->queue, &fixture->tasks[i]);
        }
        expect(fixture, true, 0);
        expect(fixture, false, 1);
        corps__runq_add(&fixture->queue, &fixture->tasks[0]);
        expect(fixture, true, 2);
        expect(fixture, true, 0);
        expect(fixture, true, -1);
        expect(fixture, false, -1);
    }
}

static void test_slot_goes_before_the_queue(void **state) {
    struct fixture *fixture = *state;
    corps__runq_add(&fixture->queue, &fixture->tasks[0]);
    assert_null(corps__runq_put(&fixture->queue, &fixture->tasks[1]));
    expect(fixture, true, 1);
    expect(fixture, true, 0);
    expect(fixture, true, -1);
}

static void test_displaced_goes_behind_the_others(void **state) {
    struct fixture *fixture = *state;
    corps__runq_add(&fixture->queue, &fixture->tasks[0]);
    assert_null(corps__runq_put(&fixture->queue, &fixture->tasks[1]));
    assert_ptr_equal(corps__runq_put(&fixture->queue, &fixture->tasks[2]), &fixture->tasks[1]);
    expect(fixture, true, 2);
    expect(fixture, true, 0);
    expect(fixture, true, 1);
    expect(fixture, true, -1);
    /* Into an empty queue. */
    assert_null(corps__runq_put(&fixture->queue, &fixture->tasks[3]));
    assert_ptr_equal(corps__runq_put(&fixture->queue, &fixture->tasks[4]), &fixture->tasks[3]);
    expect(fixture, true, 4);
    expect(fixture, true, 3);
    expect(fixture, true, -1);
}

/* A thief leaves the slot, whose task is in the owner's caches, as long as there is something else. */
static void test_thief_takes_the_slot_last(void **state) {
    struct fixture *fixture = *state;
    corps__runq_add(&fixture->queue, &fixture->tasks[0]);
    corps__runq_add(&fixture->queue, &fixture->tasks[1]);
    corps__runq_put(&fixture->queue, &fixture->tasks[2]);
    expect(fixture, false, 0);
    expect(fixture, false, 1);
    expect(fixture, false, 2);
    expect(fixture, false, -1);
}

/* Two tasks that make each other runnable do not keep the queue waiting for ever. */
static void test_queue_has_its_turn(void **state) {
    struct fixture *fixture = *state;
    for (int i = 0; i < 3; i++) {
        corps__runq_add(&fixture->queue, &fixture->tasks[i]);
    }
    corps__runq_put(&fixture->queue, &fixture->tasks[10]);
    for (int turn = 0; turn < 3; turn++) {
        for (int i = 0; i < SLOT_RUNS; i++) {
            expect(fixture, true, 10 + i % 2);
            assert_null(corps__runq_put(&fixture->queue, &fixture->tasks[10 + (i + 1) % 2]));
        }
        expect(fixture, true, turn);
    }
    expect(fixture, true, 10);
    /* Where nothing else is there the slot has no limit. */
    for (int i = 0; i < 3 * SLOT_RUNS; i++) {
        corps__runq_put(&fixture->queue, &fixture->tasks[10]);
        expect(fixture, true, 10);
    }
}

/* A waiter has run the task where it was: the entry stays, and serves when the task is queued again. */
static void test_old_entry_serves(void **state) {
    struct fixture *fixture = *state;
    struct corps__task *task = &fixture->tasks[0];
    assert_int_equal(corps__task_queue(task), CORPS__QUEUED_PUSH);
    corps__runq_add(&fixture->queue, task);
    assert_true(corps__task_claim(task));
    corps__task_end(task);
    assert_int_equal(corps__task_queue(task), CORPS__QUEUED_STILL); /* in there already: not twice */
    expect(fixture, true, 0);
    assert_true(corps__task_taken(task));
    expect(fixture, true, -1);
    corps__task_end(task);
    /* An entry of one that nobody has made runnable again leads to nothing. */
    assert_int_equal(corps__task_queue(task), CORPS__QUEUED_PUSH);
    corps__runq_add(&fixture->queue, task);
    assert_true(corps__task_claim(task));
    corps__task_end(task);
    expect(fixture, true, 0);
    assert_false(corps__task_taken(task));
    assert_false(corps__task_claim(task));
    assert_int_equal(corps__task_queue(task), CORPS__QUEUED_PUSH);
    /* Nor does one of a task that another thread still runs, or that a thread of its own does by now. */
    assert_true(corps__task_claim(task));
    assert_false(corps__task_taken(task));
    assert_int_equal(corps__task_state(task), CORPS__RUNNING);
    corps__task_end(task);
    assert_int_equal(corps__task_queue(task), CORPS__QUEUED_PUSH);
    assert_true(corps__task_claim(task));
    corps__task_end_as(task, CORPS__HOME_QUEUED);
    assert_int_equal(corps__task_change(task, CORPS__HOME_IDLE, CORPS__IDLE), CORPS__HOME_QUEUED);
    assert_false(corps__task_taken(task));
    assert_int_equal(atomic_load(&task->word), CORPS__HOME_QUEUED);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(test_states),
        CASE(test_home_states),
        CASE(test_first_in_first_out),
        CASE(test_slot_goes_before_the_queue),
        CASE(test_displaced_goes_behind_the_others),
        CASE(test_thief_takes_the_slot_last),
        CASE(test_queue_has_its_turn),
        CASE(test_old_entry_serves),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
