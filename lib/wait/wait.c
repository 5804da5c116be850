#include "wait/wait.h"

#include "base/clock.h"
#include "base/hooks.h"

#include <stdlib.h>

enum { STEPS_PER_CLOCK = 4 };

/* With the lead: steps until done, the deadline, or until there is work. */
static void step_until(struct corps__waiter *waiter, bool (*done)(void *arg), void *arg, int64_t deadline_ns,
                       const void *work) {
    struct corps__reactor *reactor = corps__reactor;
    for (unsigned n = 0; !done(arg); n++) {
        if (work != NULL && reactor->ops->can_work(work)) {
            break;
        }
        /* Reading the clock costs as much as a poll of shared memory: a spinning wait looks every so many times. No
         * wait looks before its first step, which does not sleep beyond the deadline. */
        if (deadline_ns != CORPS_FOREVER && n > 0 &&
            (n % STEPS_PER_CLOCK == STEPS_PER_CLOCK - 1 || reactor->wake != CORPS_WAKE_SPIN) &&
            corps__now_ns() >= deadline_ns) {
            break;
        }
        /* What the notification was for is seen by done(), also where another one came after the look: the exchange
         * reads what it overwrites. Pairs with corps__notify. Model: kick.pml, steps L2 and L3. */
        if (atomic_load_explicit(&waiter->word, memory_order_relaxed) != CORPS__WAITING) {
            (void)atomic_exchange(&waiter->word, CORPS__WAITING);
            if (done(arg)) { /* looked at again: the notification may have been for this very wait */
                break;
            }
        }
        corps__reactor_step(waiter, deadline_ns);
    }
}

/* The same for a waiter that others may notify; and gives up the lead. */
static void lead_until(struct corps__waiter *waiter, bool (*done)(void *arg), void *arg, int64_t deadline_ns,
                       const void *work) {
    atomic_store(&waiter->leading, true); /* model: kick.pml, step L1 */
    step_until(waiter, done, arg, deadline_ns, work);
    atomic_store(&waiter->leading, false);
    corps__lead_release();
}

static void wait_once(struct corps__waiter *waiter, bool (*done)(void *arg), void *arg, int64_t deadline_ns,
                      const void *work) {
    if (corps__lead_try()) {
        lead_until(waiter, done, arg, deadline_ns, work);
        return;
    }
    corps__parked_add(waiter); /* model: lead.pml, step A1 */
    if (corps__leader_is_idle()) {
        atomic_store(&corps__reactor->yield, 1); /* we have something to wait for, the idle leader has not */
        corps__kick();
    }
    /* Only now may the lead be found free: whoever released it before did not see us in the list. Model: lead.pml, step
     * A2. */
    if (corps__lead_try()) {
        if (corps__parked_remove(waiter)) {
            abort(); /* the lead cannot be both free and given to us */
        }
        lead_until(waiter, done, arg, deadline_ns, work);
        return;
    }
    if (!done(arg)) {
        corps__park(waiter, deadline_ns); /* model: lead.pml, step A3 */
    }
    /* Also after the deadline: a lead that was granted is passed on. Model: lead.pml, step A4. */
    if (corps__parked_remove(waiter)) {
        lead_until(waiter, done, arg, deadline_ns, work);
    }
}

/* Whether the wait of a call is to go on, asked when it begins and then as often as the language wants. */
static enum corps_err ask(int64_t *ask_ns, void **given_up) {
    int64_t within_ns = *ask_ns != CORPS_FOREVER && corps__now_ns() >= *ask_ns ? corps__ask_within_ns() : 0;
    if (within_ns == 0) {
        return CORPS_OK; /* not yet, or never */
    }
    *ask_ns = corps__deadline_ns(within_ns);
    if (within_ns == CORPS_FOREVER) {
        return CORPS_OK;
    }
    bool had = *given_up != NULL;
    corps__take_back(*given_up);
    bool interrupted = corps__is_interrupted();
    *given_up = had ? corps__give_up() : NULL;
    return interrupted ? corps_error_set(CORPS_ERR_CANCELLED, "a signal's handler has ended the call") : CORPS_OK;
}

/* `ask_ns`: when to ask next, CORPS_FOREVER for never. */
static enum corps_err wait_asking(struct corps__waiter *waiter, bool (*done)(void *arg), void *arg, int64_t deadline_ns,
                                  void *work, int64_t ask_ns) {
    if (done(arg)) {
        return CORPS_OK;
    }
    const struct corps__reactor_ops *ops = corps__reactor->ops;
    work = ops->begin_wait(work);
    enum corps_err err = CORPS_OK;
    bool blocked = false;
    void *given_up = NULL;
    while (!done(arg)) {
        if (work != NULL && ops->work(work, done, arg)) {
            continue;
        }
        if (deadline_ns != CORPS_FOREVER && corps__now_ns() >= deadline_ns) {
            err = CORPS_ERR_TIMEOUT;
            break;
        }
        err = ask(&ask_ns, &given_up);
        if (err != CORPS_OK) {
            break;
        }
        if (!blocked) {
            err = ops->block();
            if (err != CORPS_OK) {
                break;
            }
            blocked = true;
            given_up = corps__give_up();
        }
        wait_once(waiter, done, arg, deadline_ns < ask_ns ? deadline_ns : ask_ns, work);
    }
    if (blocked) {
        ops->unblock();
    }
    corps__take_back(given_up);
    return err;
}

enum corps_err corps__wait(struct corps__waiter *waiter, bool (*done)(void *arg), void *arg, int64_t deadline_ns,
                           void *work) {
    return wait_asking(waiter, done, arg, deadline_ns, work, CORPS_FOREVER);
}

bool corps__look_around(bool (*done)(void *arg), void *arg) {
    const struct corps__reactor_ops *ops = corps__reactor->ops;
    if (!corps__looks_around() || ops->block() != CORPS_OK) {
        return false; /* where too many threads block, the wait itself says so */
    }
    void *given_up = corps__give_up();
    if (corps__lead_try()) {
        corps__reactor_look(done, arg);
        corps__lead_release();
    }
    ops->unblock();
    corps__take_back(given_up);
    return done(arg);
}

bool corps__wait_leading(bool (*done)(void *arg), void *arg, int64_t deadline_ns) {
    const struct corps__reactor_ops *ops = corps__reactor->ops;
    (void)ops->begin_wait(NULL);
    if (!corps__lead_is_vacant() || ops->block() != CORPS_OK) {
        return done(arg);
    }
    void *given_up = corps__give_up();
    if (corps__lead_try()) {
        struct corps__waiter waiter = CORPS__WAITER_INIT;
        step_until(&waiter, done, arg, deadline_ns, NULL);
        corps__lead_release();
    }
    ops->unblock();
    corps__take_back(given_up);
    return done(arg);
}

/* ---- lists of waiters ---- */

void corps__waitlist_notify(struct corps__waitlist *list) {
    if (atomic_load(&list->count) == 0) {
        return;
    }
    pthread_mutex_lock(&list->lock);
    for (struct corps__waitnode *node = list->first; node != NULL; node = node->next) {
        corps__notify(&node->waiter);
    }
    pthread_mutex_unlock(&list->lock);
}

static enum corps_err wait_listed(struct corps__waitlist *list, bool (*done)(void *arg), void *arg, int64_t deadline_ns,
                                  void *work, int64_t ask_ns) {
    struct corps__waitnode node = {.waiter = CORPS__WAITER_INIT};
    pthread_mutex_lock(&list->lock);
    node.next = list->first;
    if (node.next != NULL) {
        node.next->prev = &node;
    }
    list->first = &node;
    atomic_fetch_add(&list->count, 1);
    pthread_mutex_unlock(&list->lock);
    enum corps_err err = wait_asking(&node.waiter, done, arg, deadline_ns, work, ask_ns);
    pthread_mutex_lock(&list->lock);
    *(node.prev != NULL ? &node.prev->next : &list->first) = node.next;
    if (node.next != NULL) {
        node.next->prev = node.prev;
    }
    atomic_fetch_sub(&list->count, 1);
    pthread_mutex_unlock(&list->lock);
    return err;
}

enum corps_err corps__waitlist_wait(struct corps__waitlist *list, bool (*done)(void *arg), void *arg,
                                    int64_t deadline_ns, void *work) {
    return wait_listed(list, done, arg, deadline_ns, work, CORPS_FOREVER);
}

enum corps_err corps__waitlist_wait_call(struct corps__waitlist *list, bool (*done)(void *arg), void *arg,
                                         int64_t deadline_ns, void *work) {
    return wait_listed(list, done, arg, deadline_ns, work, 0); /* asks at once: a call may wait many times shortly */
}

/* ---- jobs that need the lead ---- */

static bool job_done(void *arg) {
    struct corps__job *job = arg;
    return atomic_load(&job->done);
}

enum corps_err corps__with_lead(enum corps_err (*run)(void *arg), void *arg) {
    if (corps__lead_try()) {
        enum corps_err err = run(arg);
        corps__loop_changed();
        corps__lead_release();
        return err;
    }
    struct corps__job job = {.run = run, .arg = arg, .waiter = CORPS__WAITER_INIT};
    corps__job_add(&job);
    enum corps_err err;
    do {
        err = corps__wait(&job.waiter, job_done, &job, CORPS_FOREVER, NULL);
    } while (!atomic_load(&job.done)); /* the job refers to this stack: it must have run, whatever the wait said */
    corps__job_is_let_go();
    if (job.err != CORPS_OK) {
        err = corps_error_set(job.err, "%s", job.detail);
    }
    return err;
}
