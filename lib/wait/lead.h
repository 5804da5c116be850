/* The lead: who polls, sleeps and wakes for the whole process.
 *
 * There is no I/O thread. A thread that has to wait, or a pool thread with nothing to run, takes the *lead* and then
 * polls the endpoints, runs the libuv loop, and sleeps for all; there is one leader at most, and the others park on a
 * futex of their own, as followers. Who leaves the lead gives it to a parked waiter, if there is one.
 * (Leader and followers: D. Schmidt et al., "Leader/Followers", PLoP 2000.)
 *
 * Here: the state of the wait floor, notifying and parking, taking and giving away the lead, and jobs for who has it.
 */
#ifndef CORPS_LEAD_H
#define CORPS_LEAD_H

#include "base/clock.h"
#include "wait/alarm.h"
#include "wait/limit.h"
#include "wait/sleep.h"
#include "wait/wake.h"
#include "wait/watchman.h"

#include <corps.h>
#include <corps/transport.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <uv.h>

#define CORPS__ENDPOINTS_MAX 64u

/* How the leader sleeps, or is about to. */
enum { CORPS__AWAKE, CORPS__ON_DESCRIPTORS, CORPS__ON_WORD };

/* What has happened to a waiter. */
enum { CORPS__WAITING, CORPS__PARKED, CORPS__NOTIFIED };

/* A thread that waits, on its stack. */
struct corps__waiter {
    _Atomic uint32_t word;
    _Atomic bool leading;
    bool granted; /* set with the lead, before the notification */
    struct corps__waiter *next, *prev;
    bool listed;
};

#define CORPS__WAITER_INIT ((struct corps__waiter){.word = CORPS__WAITING})

/* What the floors above do for this one. All are called with the lead, but for those that say otherwise. */
struct corps__reactor_ops {
    /* Takes an event, and releases it. */
    void (*on_event)(struct corps_endpoint *endpoint, struct corps_event *event);
    /* After corps__reactor_tend; and now and then, after the libuv loop has run. Not from within a poll. */
    void (*tend)(void);
    void (*tend_rarely)(void);
    /* Is there something that an idle leader should leave the lead for? Does it disturb a method while it spins? */
    bool (*wants)(void);
    bool (*disturbs)(void);
    /* lead_passes: the lead is about to be given away. lead_is_free, without the lead: nobody has taken it. */
    void (*lead_passes)(void);
    void (*lead_is_free)(void);

    /* Around a wait, on its thread, without the lead. begin: what was held back goes; `work` is what the waiter could
     * do itself to get on, and what it gives is the same, or NULL where it may not. */
    void *(*begin_wait)(void *work);
    enum corps_err (*block)(void); /* the thread will wait. Errors: LIMIT */
    void (*unblock)(void);
    bool (*can_work)(const void *work);
    bool (*work)(void *work, bool (*done)(void *arg), void *arg); /* false: there was nothing to do now */
};

struct corps__job;

/* The wait floor of one runtime. */
struct corps__reactor {
    bool started;
    const struct corps__reactor_ops *ops;
    uv_loop_t loop;
    bool loop_changed;    /* handles changed since uv_run: epoll does not know yet */
    _Atomic int lead;     /* 1 while a thread leads */
    _Atomic int sleeping; /* CORPS__AWAKE, … */
    _Atomic int kicked;   /* 1: the leader must look again */
    _Atomic int yield;    /* 1: an idle leader should hand over to a waiting thread */
    _Atomic int idle;     /* 1: the leader is a pool thread with nothing to run */
    _Atomic uint32_t polls;
    _Atomic bool check; /* ops->tend has something to do */
    int wake_fd;
    _Atomic enum corps_wake wake;                           /* set by whoever creates a Corps, while others lead */
    struct corps_endpoint *endpoints[CORPS__ENDPOINTS_MAX]; /* changed with the lead */
    unsigned endpoint_count;

    struct {
        pthread_mutex_t lock;
        struct corps__waiter *first, *last; /* oldest first */
        _Atomic unsigned count;
    } parked;
    struct {
        pthread_mutex_t lock;
        struct corps__job *first, **last;
        _Atomic unsigned count;
    } jobs;
    struct corps__alarms alarms;
    struct {
        pthread_mutex_t lock;
        _Atomic(_Atomic uint32_t *) at; /* of the leader's last sleep on a word, as long as that is there */
        _Atomic unsigned ringing;       /* threads that are about to end a sleep */
    } word;
    struct corps__watchman watchman;

    /* The leader's alone. */
    struct corps__spin spin;
    int64_t loop_timer_ns;                   /* when the loop's next timer is due, as long as no handle changes */
    bool fds_changed;                        /* since the last sleep */
    bool single;                             /* the last sleeps each brought one message at most */
    struct corps__limit limit;               /* of a sleep */
    struct corps__sleep_set set;             /* what the last sleep waited for */
    unsigned watched;                        /* which set the watchman watches: its `made`, or 0 */
    unsigned word_rest;                      /* sleeps on descriptors until there may be one on a word again */
    struct pollfd fds[CORPS__SLEEP_FDS_MAX]; /* not on the stack: transports look at the results in the next poll */
};

/* The present runtime's. */
extern struct corps__reactor *corps__reactor;

/* Zeroed memory becomes a floor whose lead is free and whose operations do nothing. */
void corps__reactor_init(struct corps__reactor *reactor);

/* ---- notifying ---- */

/* Makes the leader look at what changed (new work, a link to arm for writing). Any thread. */
void corps__kick(void);
void corps__kick_leader(struct corps__reactor *reactor);

/* The leader, after a sleep on a word: nobody writes there any more. */
void corps__word_leave(struct corps__reactor *reactor);

/* Wakes a waiter, whose stack frame must not be left meanwhile. Any thread. */
void corps__notify(struct corps__waiter *waiter);

/* Parks until notified or the deadline. Resets the word. */
void corps__park(struct corps__waiter *waiter, int64_t deadline_ns);

/* Lists a waiter as one that can be given the lead; takes it off: true when it was given the lead meanwhile. */
void corps__parked_add(struct corps__waiter *waiter);
bool corps__parked_remove(struct corps__waiter *waiter);

/* ---- the lead ---- */

/* Takes it, if it is free. */
bool corps__lead_try(void);

/* Gives it to a parked waiter, or leaves it free. */
void corps__lead_release(void);

static inline bool corps__lead_is_vacant(void) {
    return atomic_load(&corps__reactor->lead) == 0;
}

/* The leader is a pool thread with nothing to run: says so, and asks. */
static inline bool corps__leader_is_idle(void) {
    return atomic_load(&corps__reactor->idle) != 0;
}

/* How often endpoints were polled: whether anybody leads. */
static inline uint32_t corps__poll_count(void) {
    return atomic_load(&corps__reactor->polls);
}

/* With the lead, or in callbacks of the loop: the loop, and that its handles have changed. */
static inline uv_loop_t *corps__loop(void) {
    return &corps__reactor->loop;
}
static inline void corps__loop_changed(void) {
    corps__reactor->loop_changed = true;
}

/* Has `timer` (initialised) call `fn` in `ms`, and from then on every `repeat_ms` (0: once). With the lead. */
static inline void corps__timer_start(uv_timer_t *timer, uv_timer_cb fn, uint64_t ms, uint64_t repeat_ms) {
    uv_update_time(corps__loop()); /* a timer counts from the loop's own, possibly old, time */
    uv_timer_start(timer, fn, ms, repeat_ms);
    corps__loop_changed();
}

/* … when `due_ns` has come; INT64_MAX: not at all. */
static inline void corps__timer_set(uv_timer_t *timer, uv_timer_cb fn, int64_t due_ns) {
    if (due_ns == INT64_MAX) {
        uv_timer_stop(timer);
        return;
    }
    int64_t left_ns = due_ns - corps__now_ns();
    corps__timer_start(timer, fn, left_ns > 0 ? (uint64_t)(left_ns / 1000000 + 1) : 0, 0);
}

/* Has the leader call ops->tend soon. Any thread; kick it too where it may sleep. */
static inline void corps__reactor_tend(void) {
    atomic_store(&corps__reactor->check, true);
}

/* ---- jobs for who has the lead ---- */

struct corps__job {
    enum corps_err (*run)(void *arg);
    void *arg;
    enum corps_err err;
    _Atomic bool done;
    char detail[512]; /* the detail of a fault is the thread's: carried over to the thread that asked */
    struct corps__waiter waiter;
    struct corps__job *next;
};

/* Lists a job, which its caller keeps until `done` is set and corps__job_is_let_go was called. Any thread. */
void corps__job_add(struct corps__job *job);
void corps__job_is_let_go(void);

/* With the lead: runs what is listed. */
void corps__jobs_run_all(void);
static inline void corps__jobs_run(void) {
    if (atomic_load_explicit(&corps__reactor->jobs.count, memory_order_acquire) > 0) {
        corps__jobs_run_all();
    }
}

/* In the child of a fork, where there is no other thread. */
void corps__lead_forked(void);

#endif
