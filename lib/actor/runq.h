/* Run queues: what is runnable, in order. The items are anything that has a struct corps__task in it.
 *
 * A task is IDLE → QUEUED (somebody has something for it, a run queue holds it) → RUNNING (a thread has claimed it) →
 * IDLE. A thread may claim a QUEUED task without taking it out of its run queue (a waiter that runs what it waits for):
 * the old entry stays, `in_queue` says so, and serves when the task is queued again. So a task is in at most one queue,
 * once. (A task with a thread of its own is in none: home.h.)
 *
 * A queue has a last-in slot before it: what was made runnable last, by the thread whose queue it is, is in its caches.
 * After SLOT_RUNS_MAX in a row the queue has its turn.
 *
 * Threads: any, under the queue's lock; the owner alone puts into the slot.
 */
#ifndef CORPS_RUNQ_H
#define CORPS_RUNQ_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

enum corps__task_state { CORPS__IDLE, CORPS__QUEUED, CORPS__RUNNING, CORPS__HOME_IDLE, CORPS__HOME_QUEUED };

struct corps__task {
    _Atomic int state;
    _Atomic bool in_queue;
    struct corps__task *next;
};

struct corps__runq {
    pthread_mutex_t lock;
    struct corps__task *first, *last;
    struct corps__task *slot;
    unsigned slot_runs; /* in a row */
};

void corps__runq_init(struct corps__runq *queue);

/* Adds a task as the last one; or puts it into the slot, and what was there behind the others: gives that, or NULL. */
void corps__runq_add(struct corps__runq *queue, struct corps__task *task);
struct corps__task *corps__runq_put(struct corps__runq *queue, struct corps__task *task);

/* Takes the next one, NULL when there is none. `own`: by the thread whose queue it is, which prefers the slot. It is
 * the caller's to clear `in_queue`, before it claims. */
struct corps__task *corps__runq_take(struct corps__runq *queue, bool own);

/* IDLE → QUEUED. True: the caller is to push it, unless its old entry is still there (corps__task_enter). */
static inline bool corps__task_queue(struct corps__task *task) {
    int expected = CORPS__IDLE;
    /* Looked at first: where much comes for a task, others than the first cost no exchange. Who runs it sets it IDLE
     * and then looks whether there is more, who has more has put it there before he looks here. Model: mailbox.pml,
     * step M3. */
    return atomic_load(&task->state) == CORPS__IDLE &&
           atomic_compare_exchange_strong(&task->state, &expected, CORPS__QUEUED);
}

/* False: an old entry is still in a queue, and serves. Model: mailbox.pml, step M4. */
static inline bool corps__task_enter(struct corps__task *task) {
    return !atomic_load(&task->in_queue) && !atomic_exchange(&task->in_queue, true);
}

/* QUEUED → RUNNING, for this thread. Model: mailbox.pml, step R2. */
static inline bool corps__task_claim(struct corps__task *task) {
    int expected = CORPS__QUEUED;
    return atomic_compare_exchange_strong(&task->state, &expected, CORPS__RUNNING);
}

/* IDLE → RUNNING, for this thread, which has something for it. */
static inline bool corps__task_begin(struct corps__task *task) {
    int expected = CORPS__IDLE;
    return atomic_load_explicit(&task->state, memory_order_relaxed) == CORPS__IDLE &&
           atomic_compare_exchange_strong(&task->state, &expected, CORPS__RUNNING);
}

static inline bool corps__task_is_queued(const struct corps__task *task) {
    return atomic_load(&task->state) == CORPS__QUEUED;
}

/* RUNNING → IDLE; whoever did it looks afterwards whether there is more. Model: mailbox.pml, step R3. */
static inline void corps__task_end(struct corps__task *task) {
    atomic_store(&task->state, CORPS__IDLE);
}

#endif
