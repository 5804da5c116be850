/* A run queue: a task goes from IDLE through a queue to its run and back. */
#include "bench.h"

#include "actor/runq.h"

#include <stdlib.h>
#include <string.h>

struct runqs {
    struct corps__runq queue;
    struct bench_handover way, back;
    _Alignas(64) struct corps__task tasks[BENCH_SLOTS];
    _Alignas(64) void *_Atomic word;
};

static void teardown(void *state) {
    struct runqs *runqs = state;
    pthread_mutex_destroy(&runqs->queue.lock);
    free(runqs);
}

static void *setup(void) {
    struct runqs *runqs = aligned_alloc(64, sizeof *runqs);
    if (runqs == NULL) {
        return NULL;
    }
    memset(runqs, 0, sizeof *runqs);
    corps__runq_init(&runqs->queue);
    for (size_t i = 0; i < BENCH_SLOTS / 2; i++) {
        bench_put(&runqs->back, &runqs->tasks[i]);
    }
    return runqs;
}

static void push(struct runqs *runqs, struct corps__task *task, bool into_slot) {
    if (corps__task_queue(task) != CORPS__QUEUED_PUSH) {
        abort();
    }
    if (into_slot) {
        corps__runq_put(&runqs->queue, task);
    } else {
        corps__runq_add(&runqs->queue, task);
    }
}

static struct corps__task *take_and_run(struct runqs *runqs, bool own) {
    unsigned rounds = 0;
    struct corps__task *task;
    while ((task = corps__runq_take(&runqs->queue, own)) == NULL) {
        bench_relax(&rounds);
    }
    if (!corps__task_taken(task)) {
        abort();
    }
    corps__task_end(task);
    return task;
}

static void through_slot(void *state, unsigned side, size_t count) {
    struct runqs *runqs = state;
    (void)side;
    for (size_t i = 0; i < count; i++) {
        push(runqs, &runqs->tasks[0], true);
        bench_use(take_and_run(runqs, true));
    }
}

static void through_word(void *state, unsigned side, size_t count) {
    struct runqs *runqs = state;
    (void)side;
    for (size_t i = 0; i < count; i++) {
        (void)atomic_exchange(&runqs->word, &runqs->tasks[0]);
        bench_use(atomic_exchange(&runqs->word, NULL));
    }
}

/* The tasks that have run go back by a handover in both. */
static void steal(void *state, unsigned side, size_t count) {
    struct runqs *runqs = state;
    for (size_t i = 0; i < count; i++) {
        if (side == 0) {
            push(runqs, bench_take(&runqs->back), false);
        } else {
            bench_put(&runqs->back, take_and_run(runqs, false));
        }
    }
}

static void hand_over(void *state, unsigned side, size_t count) {
    struct runqs *runqs = state;
    for (size_t i = 0; i < count; i++) {
        if (side == 0) {
            bench_put(&runqs->way, bench_take(&runqs->back));
        } else {
            bench_put(&runqs->back, bench_take(&runqs->way));
        }
    }
}

const struct bench bench_runq[] = {
    {"runq", "a task queued, put, taken, claimed and ended", "two exchanges of a word", 1, setup, through_slot,
     through_word, teardown},
    {"runq", "a task stolen by the other", "a pointer handed over", 2, setup, steal, hand_over, teardown},
    {.name = NULL},
};
