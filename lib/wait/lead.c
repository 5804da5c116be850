#include "wait/lead.h"

#include "base/clock.h"
#include "base/futex.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static void does_nothing(void) {
}

static bool says_no(void) {
    return false;
}

static void release_event(struct corps_endpoint *endpoint, struct corps_event *event) {
    endpoint->transport->release(endpoint, event);
}

static void *no_work(void *work) {
    (void)work;
    return NULL;
}

static enum corps_err may_block(void) {
    return CORPS_OK;
}

static bool cannot_work(const void *work) {
    (void)work;
    return false;
}

static bool does_no_work(void *work, bool (*done)(void *arg), void *arg) {
    (void)work;
    (void)done;
    (void)arg;
    return false;
}

/* Until floors above have said what they do. */
static const struct corps__reactor_ops no_ops = {
    .on_event = release_event,
    .tend = does_nothing,
    .tend_rarely = does_nothing,
    .wants = says_no,
    .disturbs = says_no,
    .lead_passes = does_nothing,
    .lead_is_free = does_nothing,
    .begin_wait = no_work,
    .block = may_block,
    .unblock = does_nothing,
    .can_work = cannot_work,
    .work = does_no_work,
};

static struct corps__reactor first = {
    .ops = &no_ops,
    .wake_fd = -1,
    .parked.lock = PTHREAD_MUTEX_INITIALIZER,
    .jobs = {.lock = PTHREAD_MUTEX_INITIALIZER, .last = &first.jobs.first},
    .alarms = {.lock = PTHREAD_MUTEX_INITIALIZER, .first_ns = CORPS_FOREVER},
    .word.lock = PTHREAD_MUTEX_INITIALIZER,
    .limit.fd = -1,
    .set.epoll_fd = -1,
};
struct corps__reactor *corps__reactor = &first;

static void init_lists(struct corps__reactor *reactor) {
    pthread_mutex_init(&reactor->parked.lock, NULL);
    reactor->parked.first = reactor->parked.last = NULL;
    atomic_store(&reactor->parked.count, 0);
    pthread_mutex_init(&reactor->jobs.lock, NULL);
    reactor->jobs.first = NULL;
    reactor->jobs.last = &reactor->jobs.first;
    atomic_store(&reactor->jobs.count, 0);
    corps__alarms_init(&reactor->alarms);
    pthread_mutex_init(&reactor->word.lock, NULL);
    atomic_store(&reactor->word.at, NULL);
    atomic_store(&reactor->word.ringing, 0);
}

void corps__reactor_init(struct corps__reactor *reactor) {
    reactor->ops = &no_ops;
    reactor->wake_fd = -1;
    reactor->limit.fd = -1;
    reactor->set.epoll_fd = -1;
    init_lists(reactor);
}

/* ---- notifying and parking ---- */

static struct timespec time_until(int64_t deadline_ns) {
    int64_t left = deadline_ns - corps__now_ns();
    left = left > 0 ? left : 0;
    return (struct timespec){.tv_sec = left / 1000000000, .tv_nsec = left % 1000000000};
}

static void ring_eventfd(const struct corps__reactor *reactor) {
    uint64_t one = 1;
    if (write(reactor->wake_fd, &one, sizeof one) < 0 && errno != EAGAIN) {
        perror("corps: eventfd"); /* cannot happen with a valid descriptor */
        abort();
    }
}

/* The word is a transport's, and goes with its link: it is written to while the leader cannot be beyond
 * corps__word_leave. Where it lay, waking somebody does no harm. */
static void ring_word(struct corps__reactor *reactor) {
    pthread_mutex_lock(&reactor->word.lock);
    _Atomic uint32_t *word = atomic_load_explicit(&reactor->word.at, memory_order_relaxed);
    if (word != NULL) {
        atomic_store(word, 0);
    }
    pthread_mutex_unlock(&reactor->word.lock);
    if (word != NULL) {
        (void)corps__futex_wake(word);
    }
}

void corps__word_leave(struct corps__reactor *reactor) {
    /* Who rings counts itself before it looks whether the leader sleeps, and we look after having said that we do not:
     * who is not seen here does not find us asleep. Model: kick.pml, steps S7 and K4. */
    if (atomic_load(&reactor->word.ringing) != 0) {
        pthread_mutex_lock(&reactor->word.lock);
        atomic_store_explicit(&reactor->word.at, NULL, memory_order_relaxed);
        pthread_mutex_unlock(&reactor->word.lock);
    }
}

void corps__kick_leader(struct corps__reactor *reactor) {
    /* Pairs with the leader's store of `sleeping`, its fence, and its look at `kicked` before it sleeps: either it sees
     * the kick before it sleeps, or we see that it sleeps and ring. Model: kick.pml, steps K1 and K2. */
    atomic_store(&reactor->kicked, 1);
    if (atomic_load(&reactor->sleeping) == CORPS__AWAKE) {
        return;
    }
    atomic_fetch_add(&reactor->word.ringing, 1); /* pairs with corps__word_leave; model: kick.pml, step K3 */
    int how = atomic_exchange(&reactor->sleeping, CORPS__AWAKE);
    if (how == CORPS__ON_DESCRIPTORS) {
        ring_eventfd(reactor);
    } else if (how == CORPS__ON_WORD) {
        ring_word(reactor);
    }
    atomic_fetch_sub(&reactor->word.ringing, 1);
}

void corps__kick(void) {
    corps__kick_leader(corps__reactor);
}

void corps__notify(struct corps__waiter *waiter) {
    /* Pairs with corps__park; and with a leader's store of `leading`, the fence before it sleeps, and its look at the
     * word then. Models: park.pml, step N1; kick.pml, steps N1 and N2. */
    if (atomic_exchange(&waiter->word, CORPS__NOTIFIED) == CORPS__PARKED) {
        syscall(SYS_futex, &waiter->word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
    } else if (atomic_load(&waiter->leading)) {
        corps__kick();
    }
}

void corps__park(struct corps__waiter *waiter, int64_t deadline_ns) {
    uint32_t expected = CORPS__WAITING;
    /* The predicate was looked at before, and whoever has notified since has changed the word: then nobody sleeps.
     * Model: park.pml, steps F1, F2 and F3. */
    if (atomic_compare_exchange_strong(&waiter->word, &expected, CORPS__PARKED)) {
        while (atomic_load(&waiter->word) == CORPS__PARKED) {
            struct timespec left = time_until(deadline_ns);
            if (deadline_ns != CORPS_FOREVER && left.tv_sec == 0 && left.tv_nsec == 0) {
                break;
            }
            syscall(SYS_futex, &waiter->word, FUTEX_WAIT_PRIVATE, CORPS__PARKED,
                    deadline_ns == CORPS_FOREVER ? NULL : &left, NULL, 0);
        }
    }
    /* An exchange, which reads what it overwrites: that may be a later notification than the one seen above, and what
     * it was for must be seen by who looks next. A store might come to be seen after that. Model: park.pml, step F4. */
    (void)atomic_exchange(&waiter->word, CORPS__WAITING);
}

void corps__parked_add(struct corps__waiter *waiter) {
    struct corps__reactor *reactor = corps__reactor;
    pthread_mutex_lock(&reactor->parked.lock);
    waiter->next = NULL;
    waiter->prev = reactor->parked.last;
    *(reactor->parked.last != NULL ? &reactor->parked.last->next : &reactor->parked.first) = waiter;
    reactor->parked.last = waiter;
    waiter->listed = true;
    atomic_fetch_add(&reactor->parked.count, 1);
    pthread_mutex_unlock(&reactor->parked.lock);
}

static void remove_locked(struct corps__reactor *reactor, struct corps__waiter *waiter) {
    if (waiter->listed) {
        *(waiter->prev != NULL ? &waiter->prev->next : &reactor->parked.first) = waiter->next;
        *(waiter->next != NULL ? &waiter->next->prev : &reactor->parked.last) = waiter->prev;
        waiter->listed = false;
        atomic_fetch_sub(&reactor->parked.count, 1);
    }
}

bool corps__parked_remove(struct corps__waiter *waiter) {
    struct corps__reactor *reactor = corps__reactor;
    pthread_mutex_lock(&reactor->parked.lock);
    remove_locked(reactor, waiter);
    bool granted = waiter->granted;
    waiter->granted = false;
    pthread_mutex_unlock(&reactor->parked.lock);
    return granted;
}

/* ---- the lead ---- */

bool corps__lead_try(void) {
    struct corps__reactor *reactor = corps__reactor;
    int expected = 0;
    /* Sequentially consistent: a waiter that finds it taken relies on having been listed before. Model: lead.pml, step
     * T1. */
    return atomic_load(&reactor->lead) == 0 && atomic_compare_exchange_strong(&reactor->lead, &expected, 1);
}

void corps__lead_release(void) {
    struct corps__reactor *reactor = corps__reactor;
    reactor->ops->lead_passes();
    for (;;) {
        if (atomic_load(&reactor->parked.count) > 0) { /* model: lead.pml, step G1 */
            pthread_mutex_lock(&reactor->parked.lock);
            struct corps__waiter *heir = reactor->parked.first;
            if (heir != NULL) {
                remove_locked(reactor, heir);
                heir->granted = true;
                /* Under the lock: the heir cannot leave corps__parked_remove, and so its stack frame, before we are
                 * done. Model: lead.pml, step G2. */
                corps__notify(heir);
            }
            pthread_mutex_unlock(&reactor->parked.lock);
            if (heir != NULL) {
                return;
            }
        }
        atomic_store(&reactor->lead, 0);
        /* A waiter that listed itself before the store above failed to take the lead: it is ours to serve. Model:
         * lead.pml, steps G3 and G4. */
        if (atomic_load(&reactor->parked.count) == 0 || !corps__lead_try()) {
            reactor->ops->lead_is_free();
            return;
        }
    }
}

/* ---- jobs ---- */

void corps__job_add(struct corps__job *job) {
    struct corps__reactor *reactor = corps__reactor;
    pthread_mutex_lock(&reactor->jobs.lock);
    *reactor->jobs.last = job;
    reactor->jobs.last = &job->next;
    atomic_fetch_add(&reactor->jobs.count, 1);
    pthread_mutex_unlock(&reactor->jobs.lock);
    corps__kick();
}

void corps__jobs_run_all(void) {
    struct corps__reactor *reactor = corps__reactor;
    while (atomic_load_explicit(&reactor->jobs.count, memory_order_acquire) > 0) {
        pthread_mutex_lock(&reactor->jobs.lock);
        struct corps__job *job = reactor->jobs.first;
        reactor->jobs.first = job->next;
        reactor->jobs.last = reactor->jobs.first == NULL ? &reactor->jobs.first : reactor->jobs.last;
        atomic_fetch_sub(&reactor->jobs.count, 1);
        pthread_mutex_unlock(&reactor->jobs.lock);
        job->err = job->run(job->arg);
        snprintf(job->detail, sizeof job->detail, "%s", corps_error_detail());
        corps__loop_changed();
        /* The job lies on the stack of a thread that returns once it sees `done`, at the earliest when it has the lead
         * or is notified: nothing of it is touched after the notification. */
        struct corps__waiter *waiter = &job->waiter;
        pthread_mutex_lock(&reactor->parked.lock);
        atomic_store(&job->done, true);
        corps__notify(waiter);
        pthread_mutex_unlock(&reactor->parked.lock);
    }
}

void corps__job_is_let_go(void) {
    pthread_mutex_lock(&corps__reactor->parked.lock);
    pthread_mutex_unlock(&corps__reactor->parked.lock);
}

/* ---- after a fork ---- */

void corps__lead_forked(void) {
    struct corps__reactor *reactor = corps__reactor;
    init_lists(reactor);
    atomic_store(&reactor->sleeping, CORPS__AWAKE);
    atomic_store(&reactor->kicked, 0);
    atomic_store(&reactor->yield, 0);
    atomic_store(&reactor->idle, 0);
    atomic_store(&reactor->lead, 1); /* nobody has it until this process starts anew */
}
