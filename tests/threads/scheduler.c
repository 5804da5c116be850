/* The pool of threads under pushes from outside, from its own methods and from the idle leader, with methods that wait,
 * some of which run what they wait for themselves: all work is done, a task is run by one thread at a time and as often
 * as it became QUEUED, and nobody sleeps on it. */
#include "threads.h"

#include "pool_alone.h"

#include "base/clock.h"

#include <unistd.h>

enum { OUTSIDE = 3, TASKS = 16, STEPS = 15000, THREAD_COUNT = 3, THREAD_COUNT_MAX = 6, DIRECTS = 64 };

static struct job {
    struct corps__task task; /* first */
    _Atomic unsigned work;
    _Atomic unsigned queued;
    unsigned runs, worked; /* plain: two that run it are a race */
    _Atomic bool running;
} jobs[TASKS];

static _Atomic unsigned made, done;

/* What the leader has handed over directly. */
static struct direct {
    struct corps_node node; /* first */
    _Atomic bool used;
} directs[DIRECTS];

static void push(struct job *job, enum corps__push how) {
    enum corps__queued queued = corps__task_queue(&job->task);
    if (queued != CORPS__QUEUED_NOT) {
        atomic_fetch_add(&job->queued, 1);
    }
    if (queued == CORPS__QUEUED_PUSH) {
        corps__thread_pool_push(&job->task, how);
    }
}

static void add_work(struct job *job, enum corps__push how) {
    atomic_fetch_add(&made, 1);
    atomic_fetch_add(&job->work, 1);
    push(job, how);
}

static void do_work(struct job *job, unsigned count) {
    job->worked += count;
    atomic_fetch_add(&done, count);
}

static void run(struct corps__task *task, struct corps_node *first, bool (*stop)(void *arg), void *arg);

/* As one that waits for it does: runs it on top of its own method. Its entry stays in a run queue, and serves when it
 * is queued again. */
static void help(struct job *job) {
    static _Thread_local unsigned depth;
    if (depth < 4 && corps__task_claim(&job->task)) {
        depth++;
        run(&job->task, NULL, NULL, NULL);
        depth--;
    }
}

static void wait_inside(uint64_t random) {
    if (random % 16 == 0 && corps__thread_pool_block() == CORPS_OK) {
        if (random % 64 == 0) {
            usleep(20);
        }
        corps__thread_pool_unblock();
    }
}

static void run(struct corps__task *task, struct corps_node *first, bool (*stop)(void *arg), void *arg) {
    (void)stop;
    (void)arg;
    static _Thread_local uint64_t random = 99;
    struct job *job = (struct job *)task;
    check(!atomic_exchange_explicit(&job->running, true, memory_order_relaxed), "a task runs twice at once");
    job->runs++;
    while (first != NULL) {
        struct direct *direct = (struct direct *)first;
        first = first->next;
        atomic_store(&direct->used, false);
        do_work(job, 1);
    }
    uint64_t wish = next_random(&random);
    if (wish % 8 < 3 && atomic_load(&made) < OUTSIDE * STEPS * 2) { /* calls another, and maybe waits for it */
        static const enum corps__push ways[] = {CORPS__PUSH_LATER, CORPS__PUSH_MINE, CORPS__PUSH_OTHER};
        add_work(&jobs[wish / 8 % TASKS], ways[wish % 8]);
        if (wish / 128 % 2 == 0) {
            help(&jobs[wish / 8 % TASKS]);
        }
    }
    wait_inside(wish / 1024);
    do_work(job, atomic_exchange(&job->work, 0));
    atomic_store_explicit(&job->running, false, memory_order_relaxed);
    corps__task_end(task);
    if (atomic_load(&job->work) > 0) {
        push(job, CORPS__PUSH_MINE);
    }
}

static bool has_more(struct corps__task *task) {
    return atomic_load(&((struct job *)task)->work) > 0;
}

/* Something for a task came in: the leader has it. */
static void come_in(struct job *job) {
    struct direct *direct = NULL;
    for (unsigned i = 0; direct == NULL && i < DIRECTS; i++) {
        direct = atomic_load(&directs[i].used) ? NULL : &directs[i];
    }
    bool was_there = corps__actors->pool.direct.task != NULL;
    if (direct != NULL) {
        atomic_store(&direct->used, true);
        if (corps__thread_pool_direct(&job->task, &direct->node, has_more)) {
            atomic_fetch_add(&made, 1);
            job->queued += was_there ? 0 : 1;
            return;
        }
        atomic_store(&direct->used, false);
    }
    job->queued += !was_there && corps__actors->pool.direct.task == &job->task ? 1 : 0;
    add_work(job, CORPS__PUSH_DISPATCH);
}

static void tend(void) {
    static uint64_t random = 7; /* the leader's */
    for (unsigned i = 0; i < 4; i++) {
        come_in(&jobs[next_random(&random) % TASKS]);
    }
}

static void *outside(void *number) {
    uint64_t random = *(uint64_t *)number;
    for (unsigned step = 0; step < STEPS; step++) {
        uint64_t wish = next_random(&random);
        if (wish % 4 == 0) {
            corps__reactor_tend();
            corps__kick();
        } else {
            add_work(&jobs[wish / 4 % TASKS], wish % 4 == 1 ? CORPS__PUSH_LATER : CORPS__PUSH_OTHER);
        }
        if (wish / 64 % 64 == 0) {
            usleep(50); /* they all fall asleep */
        }
    }
    return NULL;
}

static void *serve(void *unused) {
    (void)unused;
    corps__thread_pool_serve();
    return NULL;
}

/* Nobody but the pool's threads sees to it: there is no monitor. */
static void wait_until_done(void) {
    int64_t deadline_ns = corps__deadline_ns(THREADS_LONG_NS);
    while (atomic_load(&done) != atomic_load(&made) || atomic_load(&corps__reactor->check)) {
        check(corps__now_ns() < deadline_ns, "%u of %u pieces of work are not done, and nobody is at it",
              atomic_load(&made) - atomic_load(&done), atomic_load(&made));
        usleep(1000);
    }
}

int main(void) {
    struct pool_alone alone;
    pthread_t first;
    check(pool_alone_begin(&alone, tend), "%s", corps_error_detail());
    check(corps__thread_pool_start(THREAD_COUNT, THREAD_COUNT_MAX, run) == CORPS_OK, "%s", corps_error_detail());
    check(pthread_create(&first, NULL, serve, NULL) == 0, "no thread can be started");
    uint64_t numbers[OUTSIDE] = {1, 2, 3};
    on_threads(OUTSIDE, outside, numbers, sizeof *numbers);
    wait_until_done();
    corps__thread_pool_stop();
    pthread_join(first, NULL);
    unsigned worked = 0, runs = 0;
    check(corps__actors->pool.runnable == 0, "something is still counted as runnable");
    check(corps__actors->pool.threads <= THREAD_COUNT_MAX, "more threads than there may be");
    while (pool_alone_has_threads(&alone)) { /* they are detached */
        sched_yield();
    }
    for (struct job *job = jobs; job < jobs + TASKS; job++) {
        check(job->task.word == CORPS__IDLE && job->work == 0, "a task is not at rest");
        worked += job->worked;
        runs += job->runs;
        check(job->runs == job->queued, "queued %u times, run %u times", job->queued, job->runs);
    }
    check(worked == made && runs > TASKS, "work got lost");
#ifndef __SANITIZE_THREAD__ /* which knows nothing of the end of a detached thread */
    pool_alone_end(&alone);
#endif
    return 0;
}
