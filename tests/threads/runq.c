/* Run queues under threads that push, steal, and claim without taking out: a task runs as often as it became QUEUED, on
 * one thread at a time, nothing that was there for it is left, and it is in one queue at most. */
#include "threads.h"

#include "actor/runq.h"

#include <stdbool.h>

enum { THREADS = 4, TASKS = 12, STEPS = 200000 };

static struct job {
    struct corps__task task; /* first */
    _Atomic uint64_t work;   /* there is for it */
    _Atomic uint64_t queued; /* how often it became QUEUED, or RUNNING at once */
    uint64_t runs, worked;   /* plain: two that run it are a race */
    _Atomic bool running;
} jobs[TASKS];

static struct worker {
    _Alignas(64) struct corps__runq queue;
    uint64_t random;
    uint64_t made;
} workers[THREADS];

static void push(struct worker *self, struct job *job) {
    enum corps__queued queued = corps__task_queue(&job->task);
    if (queued == CORPS__QUEUED_NOT) {
        return;
    }
    atomic_fetch_add(&job->queued, 1);
    if (queued == CORPS__QUEUED_STILL) {
        return;
    }
    if (next_random(&self->random) % 2 == 0) {
        corps__runq_put(&self->queue, &job->task);
    } else {
        corps__runq_add(&self->queue, &job->task);
    }
}

/* Runs a claimed one, with all that there is for it. */
static void run(struct worker *self, struct job *job) {
    check(!atomic_exchange_explicit(&job->running, true, memory_order_relaxed), "a task runs twice at once");
    job->runs++;
    job->worked += atomic_exchange(&job->work, 0);
    atomic_store_explicit(&job->running, false, memory_order_relaxed);
    corps__task_end(&job->task);
    if (atomic_load(&job->work) > 0) { /* who came while it ran found it RUNNING */
        push(self, job);
    }
}

static bool run_next(struct worker *self) {
    struct corps__task *task = corps__runq_take(&self->queue, true);
    for (unsigned i = 1; task == NULL && i < THREADS; i++) {
        task = corps__runq_take(&workers[((size_t)(self - workers) + i) % THREADS].queue, false);
    }
    if (task == NULL) {
        return false;
    }
    check((atomic_load(&task->word) & CORPS__IN_QUEUE) != 0, "an entry of a task that is in no queue");
    if (corps__task_taken(task)) {
        run(self, (struct job *)task);
    }
    return true;
}

static void *work(void *worker) {
    struct worker *self = worker;
    for (unsigned step = 0; step < STEPS; step++) {
        struct job *job = &jobs[next_random(&self->random) % TASKS];
        atomic_fetch_add(&job->work, 1);
        self->made++;
        switch (next_random(&self->random) % 4) {
        case 0: /* what it runs itself, if nobody does */
            if (corps__task_begin(&job->task)) {
                atomic_fetch_add(&job->queued, 1);
                run(self, job);
            } else {
                push(self, job);
            }
            break;
        case 1: /* a waiter that runs what it waits for */
            push(self, job);
            if (corps__task_claim(&job->task)) {
                run(self, job);
            }
            break;
        default:
            push(self, job);
        }
        if (step % 3 != 0) {
            (void)run_next(self);
        }
    }
    return NULL;
}

int main(void) {
    for (unsigned i = 0; i < THREADS; i++) {
        corps__runq_init(&workers[i].queue);
        workers[i].random = i + 1;
    }
    on_threads(THREADS, work, workers, sizeof *workers);
    while (run_next(&workers[0])) {
    }
    uint64_t made = 0, worked = 0;
    for (unsigned i = 0; i < THREADS; i++) {
        made += workers[i].made;
    }
    for (struct job *job = jobs; job < jobs + TASKS; job++) {
        worked += job->worked;
        check(job->runs == job->queued, "queued %lu times, run %lu times", (unsigned long)job->queued,
              (unsigned long)job->runs);
        check(corps__task_state(&job->task) == CORPS__IDLE && job->work == 0, "a task waits for a thread for ever");
        check((job->task.word & CORPS__IN_QUEUE) == 0, "a task is said to be in a queue, and is in none");
    }
    check(worked == made && made == (uint64_t)THREADS * STEPS, "%lu of %lu got lost", (unsigned long)(made - worked),
          (unsigned long)made);
    return 0;
}
