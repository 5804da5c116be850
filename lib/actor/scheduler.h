/* The pool of threads that run Concs.
 *
 * Each pool thread has a run queue with a last-in slot and steals from the others when it is dry; a Conc is in at most
 * one run queue. A thread with nothing to run takes the reactor's lead, or parks. A method that waits gives its place
 * up: if runnable Concs remain and no thread is free, another thread is started, up to thread_count_max.
 *
 * A monitor thread looks every millisecond, while something runs, whether nobody polls or something runnable lies
 * untouched, because a method takes long; then it sets a parked thread free (or starts one). It sleeps when the Env is
 * idle. It also ends the process when the parent has died and the orderly way out takes too long.
 */
#ifndef CORPS_SCHED_H
#define CORPS_SCHED_H

#include "wait/runtime.h"

struct corps__mail;

/* Starts thread_count − 1 pool threads and the monitor; the caller's thread becomes a pool thread by
 * corps__sched_serve. `parent_fd` hangs up when the parent has died. */
enum corps_err corps__sched_start(unsigned thread_count, unsigned thread_count_max, int parent_fd) CORPS_CHECKED;

/* The calling thread serves until corps__sched_stop. */
void corps__sched_serve(void);
void corps__sched_stop(void);

/* How a Conc that became runnable should get a thread. */
enum corps__push {
    CORPS__PUSH_LATER,    /* its caller will wait for it at once, and so run it itself: wake nobody yet */
    CORPS__PUSH_MINE,     /* this thread runs it next */
    CORPS__PUSH_OTHER,    /* let another thread run it, if one is free */
    CORPS__PUSH_DISPATCH, /* came in by the reactor: the idle leader runs the first of a batch itself */
};
void corps__sched_push(struct corps__conc *conc, enum corps__push how);

/* A request that came in while the leader idles, for a Conc that nobody runs: the leader keeps it, and runs it as soon
 * as it has let go of the lead, without mailbox or run queue. Takes the mail; false when it has to be posted. With the
 * lead. */
bool corps__sched_direct(struct corps__conc *conc, struct corps__mail *mail);

/* Is there something that the leader should leave the lead for? (An idle leader: anything runnable, a waiter that wants
 * the lead, or the end.) */
bool corps__sched_wants(bool leader_is_idle);

/* Does a method run while the idle leader leads, on the only processor of the Env? Then spinning would take turns with
 * it. */
bool corps__sched_leader_disturbs(void);

/* Around a wait inside a method. Errors: LIMIT, when this would be one blocked thread too many. */
enum corps_err corps__sched_block(void) CORPS_CHECKED;
void corps__sched_unblock(void);

/* Makes sure that the monitor's next tick comes soon: something is held back that it should flush. */
void corps__sched_expect_tick(void);

/* The calling thread has let go of the lead and nobody waited for it: sees to it that it does not stay free for long.
 */
void corps__sched_lead_is_free(void);

/* The parent has died: the process ends within ORPHAN_MS, in order or not. */
void corps__sched_orphaned(void);

/* Do all threads share one processor? */
bool corps__sched_is_single(void);

/* True on pool threads. */
bool corps__sched_is_pool_thread(void);

#endif
