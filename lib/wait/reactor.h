/* Who waits, polls.
 *
 * There is no I/O thread. A thread that has to wait, or a pool thread with nothing to run, takes the *lead* and then
 * polls the endpoints, runs the libuv loop, and sleeps for the whole process; there is one leader at most, and the
 * others park on a futex of their own. Who leaves the lead gives it to a parked waiter, if there is one.
 *
 * A waiter waits for a predicate. Whoever may have made it true calls corps__notify: that wakes a parked waiter, and
 * kicks a leader out of its sleep. Predicates are looked at again after every notification, so a spurious one is
 * harmless.
 */
#ifndef CORPS_REACTOR_H
#define CORPS_REACTOR_H

#include "wait/runtime.h"

/* word: what has happened to a waiter. */
enum { CORPS__WAITING, CORPS__PARKED, CORPS__NOTIFIED };

struct corps__waiter {
    _Atomic uint32_t word;
    _Atomic bool leading;
    bool granted; /* set with the lead, before the notification */
    struct corps__waiter *next, *prev;
    bool listed;
};

#define CORPS__WAITER_INIT ((struct corps__waiter){.word = CORPS__WAITING})

enum corps_err corps__reactor_start(void) CORPS_CHECKED;

/* The lead. try: without waiting. release: to a parked waiter, or free. */
bool corps__lead_try(void);
void corps__lead_release(void);

/* With the lead: looks once at everything that may have come, or, if there was nothing, waits once as the wake policy
 * says, at most until `deadline_ns`. Returns early whenever the caller's predicate may have changed. */
void corps__reactor_step(struct corps__waiter *waiter, int64_t deadline_ns);

/* Looks once, without waiting, if nobody leads: so that a program that only asks whether something is ready gets on. */
void corps__poke(void);

/* Makes the leader look at what changed (new work, a link to arm for writing). Any thread. */
void corps__kick(void);

void corps__notify(struct corps__waiter *waiter);

/* Parks until notified or the deadline. Resets the word. */
void corps__park(struct corps__waiter *waiter, int64_t deadline_ns);

/* Waits until done(arg), leading or parked. `local` (may be NULL) is the Conc of this Env that must run before done can
 * become true: when it is queued, this thread runs it. OK or TIMEOUT. Errors: LIMIT (too many threads wait). */
enum corps_err corps__wait(struct corps__waiter *waiter, bool (*done)(void *arg), void *arg, int64_t deadline_ns,
                           struct corps__conc *local) CORPS_CHECKED;

/* A first look around before a wait, where recent waits were short: leads and polls for a few microseconds at most,
 * without a clock and without a waiter that others could notify. So only for what the leader alone makes true. True
 * when done(arg) is. */
bool corps__glance(bool (*done)(void *arg), void *arg);

/* Waiters for a change that concerns many: room on a link, room in a mailbox. Who may have made a predicate true calls
 * corps__waitlist_notify, which costs one load when nobody waits. */
struct corps__waitnode {
    struct corps__waiter waiter;
    struct corps__waitnode *next, *prev;
};
struct corps__waitlist {
    pthread_mutex_t lock;
    struct corps__waitnode *first;
    _Atomic unsigned count;
};
#define CORPS__WAITLIST_INIT ((struct corps__waitlist){.lock = PTHREAD_MUTEX_INITIALIZER})
void corps__waitlist_notify(struct corps__waitlist *list);

/* corps__wait while listed. */
enum corps_err corps__waitlist_wait(struct corps__waitlist *list, bool (*done)(void *arg), void *arg,
                                    int64_t deadline_ns, struct corps__conc *local) CORPS_CHECKED;

/* What the embedding language's lock is given up by and taken back, see corps_wait_hooks_set: around locks of the core
 * under which somebody may want that lock. NULL when there was nothing to give up. */
void *corps__give_up(void);
void corps__take_back(void *given_up);

/* Runs `job(arg)` with the lead, on this thread or by having waited for the lead. */
enum corps_err corps__with_lead(enum corps_err (*job)(void *arg), void *arg) CORPS_CHECKED;

/* ---- wake.c: how long an adaptive leader spins before it sleeps ---- */
bool corps__spin_pays(void); /* is there a budget at present? */
int64_t corps__spin_budget_ns(void);
void corps__spin_result(bool found, int64_t waited_ns);

static inline void corps__relax(void) {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

#endif
