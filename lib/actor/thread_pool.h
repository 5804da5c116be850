/* The pool of threads that run tasks.
 *
 * Each pool thread has a run queue and steals from the others when it is dry. A thread with nothing to run takes the
 * reactor's lead, or parks. A method that waits gives its place up: if something runnable remains and no thread is
 * free, another thread is started, up to thread_count_max.
 *
 * What a task is, the pool does not know: `run` is told at the start. A monitor (monitor.h) sees to what no thread of
 * the pool can see to, because all are busy.
 */
#ifndef CORPS_THREAD_POOL_H
#define CORPS_THREAD_POOL_H

#include "actor/runq.h"
#include "wait/lead.h"

enum { CORPS__THREADS_HARD_MAX = 4096 };

/* Runs a task that the thread has claimed: what is in the list `first` before anything else, until stop(arg) (may be
 * NULL). Ends it by corps__task_end. */
typedef void corps__task_run_fn(struct corps__task *task, struct corps_node *first, bool (*stop)(void *arg), void *arg);

/* A pool thread. */
struct corps__worker {
    struct corps__runq runq;
    unsigned index;
    struct corps__waiter waiter;
    struct corps__worker *next_idle;
    unsigned waits;       /* inside methods, one in the other; the thread's own */
    _Atomic bool blocked; /* there are some */
    bool idle;            /* on the idle list; guarded by the pool's lock */
    bool used;            /* guarded by the pool's lock */
};

struct corps__thread_pool {
    pthread_mutex_t lock; /* idle list, numbers of threads */
    corps__task_run_fn *run;
    struct corps__worker *workers[CORPS__THREADS_HARD_MAX];
    _Atomic unsigned worker_count; /* slots of `workers` ever used */
    struct corps__worker *idle;
    _Atomic unsigned idle_count;
    _Atomic unsigned threads; /* alive */
    unsigned thread_count, thread_count_max;
    _Atomic unsigned runnable; /* entries in all queues; counted before they are there */
    _Atomic uint32_t runs;     /* tasks taken from there so far */
    bool single;               /* all threads share one processor */
    _Atomic bool stopping;
    _Atomic bool turn_taken; /* the idle leader has its task of this poll */

    /* The monitor's. */
    _Atomic bool monitor_asleep;
    _Atomic bool orphaned;
    int monitor_fd; /* wakes it; −1: there is none */
    int parent_fd;
    void (*abandon)(void);

    /* What the idle leader will run itself; guarded by the lead. All for one task, which is claimed; the first ones are
     * listed, and once there is one elsewhere all others follow it there. */
    struct {
        struct corps__task *task;
        struct corps_node *first, **last;
        unsigned count;
    } direct;
};

/* Zeroed memory becomes a pool without threads. */
static inline void corps__thread_pool_init(struct corps__thread_pool *pool) {
    pthread_mutex_init(&pool->lock, NULL);
    pool->monitor_fd = -1;
}

/* Starts thread_count − 1 threads; the caller's becomes one by corps__thread_pool_serve. Errors: NO_MEMORY, SYSTEM. */
enum corps_err corps__thread_pool_start(unsigned thread_count, unsigned thread_count_max,
                                        corps__task_run_fn *run) CORPS_CHECKED;

/* The calling thread serves until corps__thread_pool_stop. */
void corps__thread_pool_serve(void);
void corps__thread_pool_stop(void);

/* How a task that became QUEUED, and is to be pushed, should get a thread. */
enum corps__push {
    CORPS__PUSH_LATER,    /* its caller will wait for it at once, and so run it itself: wake nobody yet */
    CORPS__PUSH_MINE,     /* this thread runs it next */
    CORPS__PUSH_OTHER,    /* let another thread run it, if one is free */
    CORPS__PUSH_DISPATCH, /* came in by the reactor: the idle leader runs the first of a poll itself */
};
void corps__thread_pool_push(struct corps__task *task, enum corps__push how);

/* Something that came in while the leader idles, for a task that nobody runs: the leader keeps it, and runs the task
 * with it as soon as it has let go of the lead, without a run queue. `has_more`: there is more elsewhere for the task,
 * that goes first. False: do it otherwise. With the lead. */
bool corps__thread_pool_direct(struct corps__task *task, struct corps_node *node,
                               bool (*has_more)(struct corps__task *task));

/* ---- for the reactor ---- */

/* Is there something that the idle leader should leave the lead for? */
bool corps__thread_pool_wants(void);

/* Does a method run while the idle leader leads, on the only processor of the process? Then spinning would take turns
 * with it. */
bool corps__thread_pool_leader_disturbs(void);

/* Around a wait inside a method. Errors: LIMIT, when this would be one blocked thread too many. */
enum corps_err corps__thread_pool_block(void) CORPS_CHECKED;
void corps__thread_pool_unblock(void);

/* The calling thread has let go of the lead and nobody waited for it: sees to it that it does not stay free for long.
 */
void corps__thread_pool_lead_is_free(void);

/* ---- for the monitor ---- */

/* Sees to it that some other thread looks at the run queues, or takes the lead. */
void corps__thread_pool_wake_one(void);

/* Adds a thread, if there may be one more. */
void corps__thread_pool_grow(void);

/* Makes sure that the monitor's next tick comes soon. Any thread. */
void corps__thread_pool_expect_tick(void);

/* ---- */

/* Do all threads share one processor? Is the calling one of the pool? */
bool corps__thread_pool_is_single(void);
bool corps__thread_pool_is_mine(void);

/* Is nothing runnable at the moment? */
bool corps__thread_pool_is_dry(void);

/* With the end of the runtime: frees what threads had, none of which runs. */
void corps__thread_pool_free(void);

/* In the child of a fork: there are no threads. */
void corps__thread_pool_forked(void);

#endif
