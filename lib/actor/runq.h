/* Run queues: what is runnable, in order. The items are anything that has a struct corps__task in it.
 *
 * A task is IDLE → QUEUED (somebody has something for it, a run queue holds it) → RUNNING (a thread has claimed it) →
 * IDLE. A thread may claim a QUEUED task without taking it out of its run queue (a waiter that runs what it waits for):
 * the old entry stays, IN_QUEUE says so, and serves when the task is queued again. So a task is in at most one queue,
 * once, and a QUEUED one in just one. State and IN_QUEUE are one word: each step is one exchange. (A task with a thread
 * of its own is in none, but for an old entry: home.h.)
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
enum { CORPS__IN_QUEUE = 8 }; /* beside the state */

struct corps__task {
    _Atomic int word; /* a state, and IN_QUEUE */
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

/* Takes the next one, NULL when there is none. `own`: by the thread whose queue it is, which prefers the slot. The
 * caller is to say so by corps__task_taken. */
struct corps__task *corps__runq_take(struct corps__runq *queue, bool own);

/* The state alone, which others may change at any time. */
static inline int corps__task_state(const struct corps__task *task) {
    return atomic_load(&task->word) & ~CORPS__IN_QUEUE;
}

/* From one state to another, wherever its entry is. Gives the state that it found: `from`, or nothing was done. */
static inline int corps__task_change(struct corps__task *task, int from, int to) {
    int seen = atomic_load_explicit(&task->word, memory_order_relaxed);
    while ((seen & ~CORPS__IN_QUEUE) == from &&
           !atomic_compare_exchange_weak(&task->word, &seen, to | (seen & CORPS__IN_QUEUE))) {
    }
    return seen & ~CORPS__IN_QUEUE;
}

/* IDLE → QUEUED: what is left to do. */
enum corps__queued {
    CORPS__QUEUED_NOT,  /* nothing: it was not IDLE */
    CORPS__QUEUED_PUSH, /* the caller is to push it */
    CORPS__QUEUED_STILL /* nothing: an old entry is still in a queue, and serves */
};
static inline enum corps__queued corps__task_queue(struct corps__task *task) {
    /* Looked at first: where much comes for a task, others than the first cost no exchange. Who runs it sets it IDLE
     * and then looks whether there is more, who has more has put it there before he looks here. Model: mailbox.pml,
     * step M3. */
    int seen = atomic_load(&task->word);
    while ((seen & ~CORPS__IN_QUEUE) == CORPS__IDLE) {
        if (atomic_compare_exchange_weak(&task->word, &seen, CORPS__QUEUED | CORPS__IN_QUEUE)) {
            return (seen & CORPS__IN_QUEUE) == 0 ? CORPS__QUEUED_PUSH : CORPS__QUEUED_STILL;
        }
    }
    return CORPS__QUEUED_NOT;
}

/* After its entry was taken out of a queue: it has none any more, and QUEUED → RUNNING, for this thread. False: another
 * thread has claimed it before. Model: mailbox.pml, step R1. */
static inline bool corps__task_taken(struct corps__task *task) {
    int seen = CORPS__QUEUED | CORPS__IN_QUEUE; /* most often */
    bool is_queued;
    do {
        is_queued = seen == (CORPS__QUEUED | CORPS__IN_QUEUE);
    } while (!atomic_compare_exchange_weak(&task->word, &seen, is_queued ? CORPS__RUNNING : seen & ~CORPS__IN_QUEUE));
    return is_queued;
}

/* QUEUED → RUNNING, for this thread; its entry stays. Model: mailbox.pml, step R2. */
static inline bool corps__task_claim(struct corps__task *task) {
    return corps__task_change(task, CORPS__QUEUED, CORPS__RUNNING) == CORPS__QUEUED;
}

/* IDLE → RUNNING, for this thread, which has something for it. */
static inline bool corps__task_begin(struct corps__task *task) {
    return corps__task_change(task, CORPS__IDLE, CORPS__RUNNING) == CORPS__IDLE;
}

static inline bool corps__task_is_queued(const struct corps__task *task) {
    return corps__task_state(task) == CORPS__QUEUED;
}

/* RUNNING → `next`, by the thread that runs it. */
static inline void corps__task_end_as(struct corps__task *task, int next) {
    atomic_fetch_add(&task->word, next - CORPS__RUNNING); /* its entry may be taken out meanwhile */
}

/* RUNNING → IDLE; whoever did it looks afterwards whether there is more. Model: mailbox.pml, step R3. */
static inline void corps__task_end(struct corps__task *task) {
    corps__task_end_as(task, CORPS__IDLE);
}

#endif
