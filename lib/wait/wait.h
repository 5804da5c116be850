/* Waiting: leading or parked, until a predicate is true.
 *
 * Whoever may have made the predicate true calls corps__notify (or corps__waitlist_notify): that wakes a parked waiter,
 * and kicks a leader out of its sleep. Predicates are looked at again after every notification, so a spurious one is
 * harmless.
 */
#ifndef CORPS_WAIT_H
#define CORPS_WAIT_H

#include "wait/reactor.h"

/* Waits until done(arg). `work` (may be NULL) is what this thread could do itself to make it true, once that can be
 * done: see corps__reactor_ops. OK or TIMEOUT. Errors: LIMIT (too many threads wait). */
enum corps_err corps__wait(struct corps__waiter *waiter, bool (*done)(void *arg), void *arg, int64_t deadline_ns,
                           void *work) CORPS_CHECKED;

/* A first look around before a wait, where recent waits were short: leads and polls for a few microseconds at most,
 * without a clock and without a waiter that others could notify. So only for what the leader alone makes true. True
 * when done(arg) is. */
bool corps__look_around(bool (*done)(void *arg), void *arg);

/* Is that worth anything? Not where waits block at once. */
static inline bool corps__looks_around(void) {
    return corps__reactor->wake != CORPS_WAKE_BLOCK;
}

/* The wait itself, if nobody leads: leads until done(arg) or the deadline, without a waiter that is notified. So only
 * for what the leader alone makes true, or others who then kick it (corps__kick). True when done(arg) is. */
bool corps__wait_leading(bool (*done)(void *arg), void *arg, int64_t deadline_ns);

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
                                    int64_t deadline_ns, void *work) CORPS_CHECKED;

/* The same for a call, which a signal's handler may end (base/hooks.h). Not under a lock, nor while a frame is begun:
 * the handler may make calls. Errors: also CANCELLED. */
enum corps_err corps__waitlist_wait_call(struct corps__waitlist *list, bool (*done)(void *arg), void *arg,
                                         int64_t deadline_ns, void *work) CORPS_CHECKED;

/* Runs `job(arg)` with the lead, on this thread or by having waited for the lead. */
enum corps_err corps__with_lead(enum corps_err (*job)(void *arg), void *arg) CORPS_CHECKED;

#endif
