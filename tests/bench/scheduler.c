/* The pool of threads: a task that makes itself runnable again, on the thread that runs it. */
#include "bench.h"

#include "../threads/pool_alone.h"

#include <stdlib.h>

static struct {
    struct pool_alone alone;
    struct corps__task task;
    size_t left; /* runs */
    _Atomic uint64_t word;
} bench;

static void does_nothing(void) {
}

static void run(struct corps__task *task, struct corps_node *first, bool (*stop)(void *arg), void *arg) {
    (void)first;
    (void)stop;
    (void)arg;
    corps__task_end(task);
    if (--bench.left == 0) {
        corps__thread_pool_stop();
    } else if (corps__task_queue(task) == CORPS__QUEUED_PUSH) {
        corps__thread_pool_push(task, CORPS__PUSH_MINE);
    }
}

static void *setup(void) {
    return pool_alone_begin(&bench.alone, does_nothing) && corps__thread_pool_start(1, 1, run) == CORPS_OK ? &bench
                                                                                                           : NULL;
}

static void teardown(void *state) {
    (void)state;
    pool_alone_end(&bench.alone);
}

static void push_and_run(void *state, unsigned side, size_t count) {
    (void)state;
    (void)side;
    bench.left = count;
    atomic_store(&corps__actors->pool.stopping, false);
    if (corps__task_queue(&bench.task) == CORPS__QUEUED_PUSH) {
        corps__thread_pool_push(&bench.task, CORPS__PUSH_MINE);
    }
    corps__thread_pool_serve();
}

static void add_two(void *state, unsigned side, size_t count) {
    (void)state;
    (void)side;
    for (size_t i = 0; i < count; i++) {
        atomic_fetch_add(&bench.word, 1);
        atomic_fetch_sub(&bench.word, 1);
    }
}

const struct bench bench_scheduler[] = {
    {"scheduler", "a task pushed and run by a pool thread", "an atomic addition and a subtraction", 1, setup,
     push_and_run, add_two, teardown},
    {.name = NULL},
};
