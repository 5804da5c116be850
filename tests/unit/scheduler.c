/* The pool of threads with a fake leader: who gets a thread for what, what the leader runs itself, how the pool grows
 * and shrinks, and how it stops. Nothing is above it: tasks are the test's, and so is what comes in. */
#include "../threads/pool_alone.h"

#include "actor/monitor.h"
#include "base/clock.h"
#include "link/peer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cmocka.h>

#define LONG_NS INT64_C(30000000000)
enum { JOBS = 12, DIRECT_MAX = 128 };

static struct job {
    struct corps__task task; /* first */
    void (*body)(struct job *job);
    struct corps_node *first; /* what it was run with */
    _Atomic unsigned runs;
    _Atomic bool may_go_on;
} jobs[JOBS];

static struct {
    struct pool_alone alone;
    struct corps__thread_pool *pool;
    void (*script)(void); /* with the lead, once */
    _Atomic unsigned order_count;
    unsigned order[4 * JOBS]; /* numbers of the jobs that were run */
} fixture;

static void play_script(void) {
    fixture.script();
}

static void run(struct corps__task *task, struct corps_node *first, bool (*stop)(void *arg), void *arg) {
    struct job *job = (struct job *)task;
    assert_true(stop == NULL && arg == NULL);
    assert_true(corps__thread_pool_is_mine());
    job->first = first;
    fixture.order[atomic_fetch_add(&fixture.order_count, 1)] = (unsigned)(job - jobs);
    if (job->body != NULL) {
        job->body(job);
    }
    atomic_fetch_add(&job->runs, 1);
    corps__task_end(task);
}

static int setup(void **state) {
    (void)state;
    memset(jobs, 0, sizeof jobs);
    memset(&fixture, 0, sizeof fixture);
    if (!pool_alone_begin(&fixture.alone, play_script)) {
        return -1;
    }
    fixture.pool = &corps__actors->pool;
    return 0;
}

static int teardown(void **state) {
    (void)state;
    pool_alone_end(&fixture.alone);
    return 0;
}

static void start(unsigned thread_count, unsigned thread_count_max) {
    assert_int_equal(corps__thread_pool_start(thread_count, thread_count_max, run), CORPS_OK);
    fixture.pool->single = false; /* on any machine */
}

static void push(unsigned job, enum corps__push how) {
    assert_int_equal(corps__task_queue(&jobs[job].task), CORPS__QUEUED_PUSH);
    corps__thread_pool_push(&jobs[job].task, how);
}

static void expect_order(const char *expected) {
    char order[4 * JOBS + 1] = "";
    for (unsigned i = 0; i < fixture.order_count; i++) {
        order[i] = (char)('0' + fixture.order[i]);
    }
    assert_string_equal(order, expected);
}

/* Has the leader been kicked since the last look? */
static bool kicked(void) {
    return atomic_exchange(&corps__reactor->kicked, 0) != 0;
}

/* This thread is the leader, idle or not; or is no more. */
static void lead(bool idle) {
    assert_true(corps__lead_try());
    atomic_store(&corps__reactor->idle, idle);
    (void)kicked();
}

static void lead_no_more(void) {
    corps__reactor_end_idle();
}

#define wait_for(condition)                                                                                            \
    do {                                                                                                               \
        int64_t deadline_ns_ = corps__deadline_ns(LONG_NS);                                                            \
        while (!(condition)) {                                                                                         \
            assert_true(corps__now_ns() < deadline_ns_);                                                               \
            usleep(200);                                                                                               \
        }                                                                                                              \
    } while (0)

static void *serve(void *unused) {
    (void)unused;
    corps__thread_pool_serve();
    return NULL;
}

static void stop(pthread_t thread) {
    corps__thread_pool_stop();
    pthread_join(thread, NULL);
}

static pthread_t serve_elsewhere(void) {
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, serve, NULL), 0);
    return thread;
}

/* ---- pushing ---- */

/* From a thread that is not of the pool: to the first thread's queue, and somebody is woken. */
static void test_pushes_from_elsewhere(void **state) {
    (void)state;
    start(1, 1);
    lead(true);
    push(0, CORPS__PUSH_LATER); /* it will not run it itself */
    assert_true(kicked());
    push(1, CORPS__PUSH_OTHER);
    assert_true(kicked());
    fixture.pool->single = true;
    push(2, CORPS__PUSH_OTHER);
    assert_true(kicked());
    push(3, CORPS__PUSH_MINE);
    assert_false(kicked());
    push(4, CORPS__PUSH_DISPATCH); /* the leader's own for this poll … */
    assert_false(kicked());
    push(5, CORPS__PUSH_DISPATCH);
    assert_true(kicked());
    atomic_store(&fixture.pool->turn_taken, false); /* … and for the next one */
    push(6, CORPS__PUSH_DISPATCH);
    assert_false(kicked());
    assert_int_equal(fixture.pool->runnable, 7);
    assert_true(corps__thread_pool_wants());
    atomic_store(&corps__reactor->idle, 0); /* a leader that waits for something of its own */
    push(7, CORPS__PUSH_OTHER);
    assert_false(kicked());
    lead_no_more();
    corps__thread_pool_stop();
    corps__thread_pool_serve(); /* what is there is run before */
    expect_order("01234567");
    assert_int_equal(fixture.pool->runnable, 0);
    assert_false(corps__thread_pool_is_mine());
}

static void push_all_ways(struct job *job) {
    (void)job;
    lead(true);
    push(1, CORPS__PUSH_LATER); /* in the slot */
    assert_false(kicked());
    push(2, CORPS__PUSH_LATER); /* 1 goes to the queue, where it is anybody's */
    assert_true(kicked());
    push(3, CORPS__PUSH_MINE);
    assert_false(kicked());
    push(4, CORPS__PUSH_OTHER);
    assert_true(kicked());
    fixture.pool->single = true; /* nobody could run it sooner */
    push(5, CORPS__PUSH_OTHER);
    assert_false(kicked());
    push(6, CORPS__PUSH_DISPATCH);
    assert_false(kicked());
    push(7, CORPS__PUSH_DISPATCH);
    assert_true(kicked());
    lead_no_more();
    corps__thread_pool_stop();
}

static void test_pushes_from_the_pool(void **state) {
    (void)state;
    start(1, 1);
    jobs[0].body = push_all_ways;
    push(0, CORPS__PUSH_MINE);
    corps__thread_pool_serve();
    expect_order("021"
                 "34567");
}

/* Somebody has run it where it was: its entry leads to nothing. */
static void test_entry_of_one_that_was_run(void **state) {
    (void)state;
    start(1, 1);
    push(0, CORPS__PUSH_MINE);
    push(1, CORPS__PUSH_MINE);
    assert_true(corps__task_claim(&jobs[0].task));
    corps__task_end(&jobs[0].task);
    corps__thread_pool_stop();
    corps__thread_pool_serve();
    expect_order("1");
    assert_int_equal(jobs[0].task.word, CORPS__IDLE);
    assert_int_equal(fixture.pool->runnable, 0);
}

/* ---- what the idle leader runs itself ---- */

static struct corps_node nodes[DIRECT_MAX + 1];

static bool no_more(struct corps__task *task) {
    (void)task;
    return false;
}

static bool more(struct corps__task *task) {
    (void)task;
    return true;
}

static void direct_some(void) {
    assert_true(corps__leader_is_idle());
    assert_true(corps__task_begin(&jobs[3].task));
    assert_false(corps__thread_pool_direct(&jobs[3].task, &nodes[0], no_more)); /* somebody runs it */
    corps__task_end(&jobs[3].task);
    assert_false(corps__thread_pool_wants());
    for (unsigned i = 0; i < DIRECT_MAX; i++) {
        assert_true(corps__thread_pool_direct(&jobs[0].task, &nodes[i], no_more));
    }
    assert_true(corps__thread_pool_wants());
    assert_false(corps__thread_pool_direct(&jobs[0].task, &nodes[DIRECT_MAX], no_more)); /* enough */
    assert_false(corps__thread_pool_direct(&jobs[1].task, &nodes[DIRECT_MAX], no_more)); /* one at a time */
    assert_false(corps__task_is_queued(&jobs[1].task));
    push(1, CORPS__PUSH_DISPATCH); /* the leader has its task: another thread, if there is one */
    assert_true(kicked());
}

static void look_at_nodes(struct job *job) {
    struct corps_node *node = job->first;
    for (unsigned i = 0; i < DIRECT_MAX; i++, node = node->next) {
        assert_ptr_equal(node, &nodes[i]);
    }
    assert_null(node);
    assert_true(corps__lead_is_vacant()); /* it has let go of the lead */
    assert_null(fixture.pool->direct.task);
    corps__thread_pool_stop();
}

static void test_direct(void **state) {
    (void)state;
    start(1, 1);
    assert_false(corps__thread_pool_direct(&jobs[0].task, &nodes[0], no_more)); /* nobody idles */
    assert_true(corps__task_begin(&jobs[0].task));                              /* and it is untouched */
    corps__task_end(&jobs[0].task);
    jobs[0].body = look_at_nodes;
    fixture.script = direct_some;
    corps__reactor_tend();
    corps__thread_pool_serve();
    expect_order("01");
    assert_null(jobs[1].first);
}

static void direct_with_more(void) {
    assert_false(corps__thread_pool_direct(&jobs[0].task, &nodes[0], more));
    assert_false(corps__task_begin(&jobs[0].task)); /* the leader's all the same */
    assert_false(corps__thread_pool_direct(&jobs[0].task, &nodes[1], no_more));
}

static void expect_no_nodes(struct job *job) {
    assert_null(job->first);
    corps__thread_pool_stop();
}

/* What came earlier lies elsewhere and goes first: the leader runs the task, and all that comes follows there. */
static void test_direct_where_there_is_more(void **state) {
    (void)state;
    start(1, 1);
    jobs[0].body = expect_no_nodes;
    fixture.script = direct_with_more;
    corps__reactor_tend();
    corps__thread_pool_serve();
    expect_order("0");
}

static void dispatch_two(void) {
    assert_false(fixture.pool->turn_taken); /* a poll of its own */
    push(0, CORPS__PUSH_DISPATCH);
    assert_false(kicked());
    push(1, CORPS__PUSH_DISPATCH);
    assert_true(kicked());
}

static void come_again(struct job *job) {
    if (job->runs < 4) {
        corps__reactor_tend();
    } else {
        corps__thread_pool_stop();
    }
}

static void test_dispatch_of_several_polls(void **state) {
    (void)state;
    start(1, 1);
    jobs[1].body = come_again;
    fixture.script = dispatch_two;
    corps__reactor_tend();
    corps__thread_pool_serve();
    expect_order("0101010101");
}

/* ---- several threads ---- */

static void wait_for_next_job(struct job *job) {
    push((unsigned)(job - jobs) + 1, CORPS__PUSH_OTHER);
    wait_for(job[1].runs == 1);
}

/* What a busy thread has in its queue another one takes. */
static void test_stealing(void **state) {
    (void)state;
    start(3, 3);
    pthread_t thread = serve_elsewhere();
    jobs[0].body = jobs[1].body = wait_for_next_job;
    push(0, CORPS__PUSH_OTHER);
    wait_for(jobs[0].runs == 1);
    stop(thread);
    expect_order("012");
    assert_int_equal(fixture.pool->threads, 3);
}

/* However idle threads are distributed, each push finds one. */
static void test_nobody_sleeps_on(void **state) {
    (void)state;
    static const enum corps__push ways[] = {CORPS__PUSH_LATER, CORPS__PUSH_OTHER, CORPS__PUSH_DISPATCH};
    start(4, 4);
    pthread_t thread = serve_elsewhere();
    for (unsigned i = 0; i < 9; i++) {
        wait_for(fixture.pool->idle_count == 3 && corps__leader_is_idle());
        push(i, ways[i % 3]);
        if (ways[i % 3] == CORPS__PUSH_DISPATCH) {
            corps__kick(); /* else it is the leader that dispatches, and so is awake */
        }
        wait_for(jobs[i].runs == 1);
    }
    wait_for(fixture.pool->idle_count == 3 && corps__leader_is_idle());
    stop(thread);
    wait_for(!pool_alone_has_threads(&fixture.alone));
}

static void block_for_next_job(struct job *job) {
    push((unsigned)(job - jobs) + 1, CORPS__PUSH_LATER);
    usleep(1000);
    assert_int_equal(job[1].runs, 0); /* nobody was woken, and there is nobody */
    assert_int_equal(fixture.pool->threads, 1);
    assert_int_equal(corps__thread_pool_block(), CORPS_OK);
    assert_int_equal(corps__thread_pool_block(), CORPS_OK); /* a wait inside a wait */
    wait_for(job[1].runs == 1);
    corps__thread_pool_unblock();
    assert_true(fixture.pool->workers[0]->blocked);
    corps__thread_pool_unblock();
    assert_false(fixture.pool->workers[0]->blocked);
    assert_int_equal(fixture.pool->threads, 2);
}

/* A method that waits gives its place up, and what is there to run gets a thread; which goes when it is too many. */
static void test_growth_and_surplus(void **state) {
    (void)state;
    start(1, 3);
    lead(false); /* nobody else leads: all others park */
    pthread_t thread = serve_elsewhere();
    jobs[0].body = block_for_next_job;
    wait_for(fixture.pool->idle_count == 1);
    for (unsigned round = 0; round < 2; round++) {
        jobs[0].runs = jobs[1].runs = 0;
        push(0, CORPS__PUSH_OTHER);
        wait_for(jobs[0].runs == 1);
        wait_for(fixture.pool->threads == 1);            /* after a second without work */
        assert_int_equal(fixture.pool->worker_count, 2); /* the place is used again */
        wait_for(fixture.pool->idle_count == 1);
        assert_ptr_equal(fixture.pool->idle, fixture.pool->workers[0]); /* the first thread stays */
    }
    lead_no_more();
    stop(thread);
    expect_order("0101");
}

static void block_too_many(struct job *job) {
    assert_int_equal(corps__thread_pool_block(), CORPS_ERR_LIMIT);
    assert_non_null(strstr(corps_error_detail(), "thread_count_max"));
    assert_false(fixture.pool->workers[1]->blocked);
    atomic_store(&job->may_go_on, true);
    wait_for(!fixture.pool->workers[0]->blocked);
    assert_int_equal(corps__thread_pool_block(), CORPS_OK); /* now there is a place */
    corps__thread_pool_unblock();
}

static void block_until_other_may_not(struct job *job) {
    push((unsigned)(job - jobs) + 1, CORPS__PUSH_LATER);
    assert_int_equal(corps__thread_pool_block(), CORPS_OK);
    wait_for(job[1].may_go_on);
    corps__thread_pool_unblock();
    wait_for(job[1].runs == 1);
}

static void test_limit(void **state) {
    (void)state;
    start(1, 2);
    assert_int_equal(corps__thread_pool_block(), CORPS_OK); /* a thread of somebody else's takes no place */
    corps__thread_pool_unblock();
    pthread_t thread = serve_elsewhere();
    jobs[0].body = block_until_other_may_not;
    jobs[1].body = block_too_many;
    push(0, CORPS__PUSH_OTHER);
    wait_for(jobs[0].runs == 1);
    assert_int_equal(fixture.pool->threads, 2);
    corps__thread_pool_grow();
    assert_int_equal(fixture.pool->threads, 2); /* no more than that */
    stop(thread);
    expect_order("01");
}

/* Whoever frees the lead and may not come back wakes a thread that takes it, and the monitor. */
static void test_lead_is_taken_again(void **state) {
    (void)state;
    start(1, 1);
    lead(false);
    pthread_t thread = serve_elsewhere();
    wait_for(fixture.pool->idle_count == 1);
    fixture.pool->monitor_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    atomic_store(&fixture.pool->monitor_asleep, true);
    lead_no_more();
    wait_for(corps__leader_is_idle());
    uint64_t rung;
    assert_int_equal(read(fixture.pool->monitor_fd, &rung, sizeof rung), sizeof rung);
    assert_false(fixture.pool->monitor_asleep);
    stop(thread);
    close(fixture.pool->monitor_fd);
}

/* Once the monitor has said that it sleeps it looks once more: what came since its last tick is seen to. */
static void test_monitor_may_sleep(void **state) {
    (void)state;
    start(1, 1);
    assert_false(corps__monitor_may_sleep()); /* nobody polls */
    lead(true);
    assert_true(corps__monitor_may_sleep());
    push(0, CORPS__PUSH_MINE);
    assert_false(corps__monitor_may_sleep());
    lead_no_more();
    corps__thread_pool_stop();
    corps__thread_pool_serve();
    lead(true);
    assert_true(corps__monitor_may_sleep());
    corps__held_add(); /* frames wait for more to go with */
    assert_false(corps__monitor_may_sleep());
    corps_flush();
    assert_true(corps__monitor_may_sleep());
    lead_no_more();
}

/* On the only processor an idle leader is in the way of a method that computes, not of one that waits. */
static void look_whether_disturbed(struct job *job) {
    (void)job;
    atomic_fetch_add(&fixture.pool->threads, 1); /* the leader */
    assert_false(corps__thread_pool_leader_disturbs());
    fixture.pool->single = true;
    assert_true(corps__thread_pool_leader_disturbs());
    assert_int_equal(corps__thread_pool_block(), CORPS_OK);
    assert_false(corps__thread_pool_leader_disturbs());
    corps__thread_pool_unblock();
    assert_true(corps__thread_pool_leader_disturbs());
    atomic_fetch_sub(&fixture.pool->threads, 1);
    assert_false(corps__thread_pool_leader_disturbs());
    corps__thread_pool_stop();
}

static void test_leader_disturbs(void **state) {
    (void)state;
    start(1, 3);
    jobs[0].body = look_whether_disturbed;
    push(0, CORPS__PUSH_MINE);
    corps__thread_pool_serve();
    expect_order("0");
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(test_pushes_from_elsewhere),
        CASE(test_pushes_from_the_pool),
        CASE(test_entry_of_one_that_was_run),
        CASE(test_direct),
        CASE(test_direct_where_there_is_more),
        CASE(test_dispatch_of_several_polls),
        CASE(test_stealing),
        CASE(test_nobody_sleeps_on),
        CASE(test_growth_and_surplus),
        CASE(test_limit),
        CASE(test_lead_is_taken_again),
        CASE(test_monitor_may_sleep),
        CASE(test_leader_disturbs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
