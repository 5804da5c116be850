#include "wait/reactor.h"

#include "actor/conc.h"
#include "actor/dispatch.h"
#include "actor/scheduler.h"
#include "link/foreign.h"
#include "link/known.h"
#include "link/peer.h"
#include "process/fork.h"
#include "wait/sleep.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum {
    BATCH = 256,            /* events of one endpoint before the next has its turn */
    BATCH_BYTES = 1 << 17,  /* likewise: large messages are handled while they are in the cache */
    RARE_WORK_EVERY = 1024, /* polls between looks at the libuv loop while there is no sleep */
    SPINS_PER_CLOCK = 16,
    ROUNDS_PER_PAUSE = 16,
    GLANCE_POLLS = 64,
    UV_DESCRIPTORS = 10, /* of a loop, rounded up */
};

static struct {
    pthread_mutex_t lock;
    struct corps__waiter *first, *last; /* parked waiters, oldest first */
    _Atomic unsigned count;
} parked = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* ---- time ---- */

int64_t corps__now_ns(void) {
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

int64_t corps__deadline_ns(int64_t timeout_ns) {
    if (timeout_ns == CORPS_FOREVER) {
        return CORPS_FOREVER;
    }
    int64_t now = corps__now_ns();
    return timeout_ns > INT64_MAX - now ? CORPS_FOREVER : now + (timeout_ns > 0 ? timeout_ns : 0);
}

static struct timespec until(int64_t deadline_ns) {
    int64_t left = deadline_ns - corps__now_ns();
    left = left > 0 ? left : 0;
    return (struct timespec){.tv_sec = left / 1000000000, .tv_nsec = left % 1000000000};
}

/* ---- notifying and parking ---- */

void corps__kick(void) {
    /* Pairs with the leader's store of `sleeping` and its exchange of `kicked` in sleep_once: both are sequentially
     * consistent, so either it sees the kick before it sleeps, or we see that it sleeps and ring. */
    atomic_store(&corps__rt.kicked, 1);
    if (atomic_load(&corps__rt.sleeping) != 0 && atomic_exchange(&corps__rt.sleeping, 0) != 0) {
        uint64_t one = 1;
        if (write(corps__rt.wake_fd, &one, sizeof one) < 0 && errno != EAGAIN) {
            perror("corps: eventfd"); /* cannot happen with a valid descriptor */
            abort();
        }
    }
}

void corps__notify(struct corps__waiter *waiter) {
    if (atomic_exchange(&waiter->word, CORPS__NOTIFIED) == CORPS__PARKED) {
        syscall(SYS_futex, &waiter->word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
    } else if (atomic_load(&waiter->leading)) {
        corps__kick();
    }
}

void corps__park(struct corps__waiter *waiter, int64_t deadline_ns) {
    uint32_t expected = CORPS__WAITING;
    if (atomic_compare_exchange_strong(&waiter->word, &expected, CORPS__PARKED)) {
        while (atomic_load(&waiter->word) == CORPS__PARKED) {
            struct timespec left = until(deadline_ns);
            if (deadline_ns != CORPS_FOREVER && left.tv_sec == 0 && left.tv_nsec == 0) {
                break;
            }
            syscall(SYS_futex, &waiter->word, FUTEX_WAIT_PRIVATE, CORPS__PARKED,
                    deadline_ns == CORPS_FOREVER ? NULL : &left, NULL, 0);
        }
    }
    atomic_store(&waiter->word, CORPS__WAITING);
}

/* ---- the lead ---- */

bool corps__lead_try(void) {
    int expected = 0;
    return atomic_load_explicit(&corps__rt.lead, memory_order_relaxed) == 0 &&
           atomic_compare_exchange_strong(&corps__rt.lead, &expected, 1);
}

static void list_add(struct corps__waiter *waiter) {
    pthread_mutex_lock(&parked.lock);
    waiter->next = NULL;
    waiter->prev = parked.last;
    *(parked.last != NULL ? &parked.last->next : &parked.first) = waiter;
    parked.last = waiter;
    waiter->listed = true;
    atomic_fetch_add(&parked.count, 1);
    pthread_mutex_unlock(&parked.lock);
}

static void list_remove_locked(struct corps__waiter *waiter) {
    if (waiter->listed) {
        *(waiter->prev != NULL ? &waiter->prev->next : &parked.first) = waiter->next;
        *(waiter->next != NULL ? &waiter->next->prev : &parked.last) = waiter->prev;
        waiter->listed = false;
        atomic_fetch_sub(&parked.count, 1);
    }
}

/* Takes the waiter off the list; true when it was given the lead meanwhile. */
static bool list_remove(struct corps__waiter *waiter) {
    pthread_mutex_lock(&parked.lock);
    list_remove_locked(waiter);
    bool granted = waiter->granted;
    waiter->granted = false;
    pthread_mutex_unlock(&parked.lock);
    return granted;
}

void corps__lead_release(void) {
    corps__dispatch_end_stream();
    for (;;) {
        if (atomic_load(&parked.count) > 0) {
            pthread_mutex_lock(&parked.lock);
            struct corps__waiter *heir = parked.first;
            if (heir != NULL) {
                list_remove_locked(heir);
                heir->granted = true;
                /* Under the lock: the heir cannot leave list_remove, and so its stack frame, before we are done. */
                corps__notify(heir);
            }
            pthread_mutex_unlock(&parked.lock);
            if (heir != NULL) {
                return;
            }
        }
        atomic_store(&corps__rt.lead, 0);
        /* A waiter that listed itself before the store above failed to take the lead: it is ours to serve. */
        if (atomic_load(&parked.count) == 0 || !corps__lead_try()) {
            corps__sched_lead_is_free();
            return;
        }
    }
}

static void run_jobs(void);

/* ---- polling and sleeping, with the lead ---- */

static void rare_work(void) {
    uv_run(&corps__rt.loop, UV_RUN_NOWAIT);
    corps__rt.loop_dirty = true; /* callbacks may have changed handles */
    if (corps__peers_retired()) {
        corps__peers_sweep();
    }
}

static void take(struct corps__port *port, struct corps_event *event) {
    if (event->kind == CORPS_EVENT_MESSAGE) {
        struct corps__peer *peer = event->link->user;
        enum corps_err err = corps__dispatch_message(event);
        port->transport->release(port->endpoint, event);
        if (err != CORPS_OK && peer != NULL) {
            corps__peer_closed(peer, err); /* it broke the protocol: it loses its link, everything else goes on */
        }
    } else {
        struct corps_event news =
            *event; /* what follows may free the link: the transport is done with the event first */
        port->transport->release(port->endpoint, event);
        corps__dispatch_link(&news);
    }
}

/* Looks once at every endpoint; takes what has come until there is no more, or until stop(arg) (may be NULL). True when
 * there was something. */
static bool poll_until(bool (*stop)(void *arg), void *arg) {
    uint32_t polls = atomic_load_explicit(&corps__rt.polls, memory_order_relaxed) + 1;
    atomic_store_explicit(&corps__rt.polls, polls, memory_order_relaxed);
    if (polls % RARE_WORK_EVERY == 0) {
        rare_work();
    }
    bool any = false;
    for (unsigned i = 0; i < corps__rt.port_count; i++) {
        struct corps__port *port = corps__rt.ports[i];
        size_t bytes = 0;
        for (int n = 0; n < BATCH && bytes < BATCH_BYTES; n++) {
            struct corps_event event = {0};
            enum corps_err err = port->transport->poll(port->endpoint, &event);
            if (err == CORPS_ERR_EMPTY) {
                break;
            }
            if (err != CORPS_OK) {
                fprintf(stderr, "corps: transport %s failed: %s\n", port->transport->name, corps_error_detail());
                abort(); /* an endpoint as a whole fails only when memory or the kernel does */
            }
            any = true;
            bytes += event.bytes + (event.block != NULL ? event.block->bytes : 0);
            take(port, &event);
            if (stop != NULL && stop(arg)) {
                return true;
            }
        }
    }
    return any;
}

static bool poll_all(void) {
    return poll_until(NULL, NULL);
}

/* Has something happened that the leader's caller must see? */
static bool called_away(struct corps__waiter *waiter) {
    return atomic_load_explicit(&corps__rt.kicked, memory_order_relaxed) != 0 ||
           (waiter != NULL && atomic_load_explicit(&waiter->word, memory_order_relaxed) == CORPS__NOTIFIED);
}

static void sleep_once(struct corps__waiter *waiter, int64_t deadline_ns) {
    struct corps__runtime *rt = &corps__rt;
    static bool changed; /* since the last sleep */
    if (rt->loop_dirty) {
        changed = true;
        rt->loop_dirty = false;
        uv_run(&rt->loop, UV_RUN_NOWAIT);
    }
    /* Not on the stack: transports look at the results in the next poll. The leader alone is here. */
    static struct pollfd fds[CORPS__SLEEP_FDS_MAX];
    _Static_assert(2 + CORPS_ARM_FDS_MAX * CORPS__ENDPOINTS_MAX <= CORPS__SLEEP_FDS_MAX,
                   "every endpoint has its places");
    fds[0] = (struct pollfd){.fd = rt->wake_fd, .events = POLLIN};
    fds[1] = (struct pollfd){.fd = uv_backend_fd(&rt->loop), .events = POLLIN};
    nfds_t count = 2;
    for (unsigned i = 0; i < rt->port_count; i++) {
        size_t added = 0;
        if (rt->ports[i]->transport->arm(rt->ports[i]->endpoint, fds + count, CORPS_ARM_FDS_MAX, &added) != CORPS_OK) {
            return;
        }
        count += added;
    }
    int64_t uv_deadline = CORPS_FOREVER;
    int uv_timeout = uv_backend_timeout(&rt->loop);
    if (uv_timeout > 0) {
        uv_update_time(&rt->loop); /* the time left counts from the loop's own clock, which stands between uv_runs */
        uv_timeout = uv_backend_timeout(&rt->loop);
    }
    if (uv_timeout >= 0) {
        uv_deadline = corps__deadline_ns((int64_t)uv_timeout * 1000000);
    }
    int64_t wake_at = deadline_ns < uv_deadline ? deadline_ns : uv_deadline;
    atomic_store(&rt->sleeping, 1); /* pairs with corps__kick */
    if (!called_away(waiter) && !corps__sched_wants(waiter == NULL)) {
        int64_t left = wake_at == CORPS_FOREVER ? CORPS_FOREVER : wake_at - corps__now_ns();
        corps__sleep(fds, count, left > 0 ? left : 0, changed);
        changed = false;
    }
    atomic_store(&rt->sleeping, 0);
    if (fds[0].revents != 0) {
        uint64_t rung;
        if (read(rt->wake_fd, &rung, sizeof rung) < 0 && errno != EAGAIN) {
            perror("corps: eventfd");
        }
    }
    if (fds[1].revents != 0 || (uv_deadline != CORPS_FOREVER && corps__now_ns() >= uv_deadline)) {
        rare_work();
    }
}

/* Spins for the adaptive budget. True when it found something, or was called away. */
static bool spin(struct corps__waiter *waiter, int64_t deadline_ns) {
    int64_t budget = corps__spin_budget_ns();
    if (budget == 0) {
        return false;
    }
    int64_t start = corps__now_ns();
    int64_t waited = 0;
    while (waited < budget && start + waited < deadline_ns) {
        corps__relax();
        for (int i = 0; i < SPINS_PER_CLOCK; i++) {
            if (poll_all()) {
                corps__spin_result(true, corps__now_ns() - start);
                return true;
            }
            if (called_away(waiter) || corps__sched_wants(waiter == NULL)) {
                return true;
            }
        }
        waited = corps__now_ns() - start;
    }
    corps__spin_result(false, waited);
    return false;
}

/* A spinning leader comes by here every few nanoseconds: it looks before it writes, since a sequentially consistent
 * store costs more than all the rest of a round. */
static void clear(_Atomic int *flag) {
    if (atomic_load_explicit(flag, memory_order_relaxed) != 0) {
        atomic_store(flag, 0);
    }
}

void corps__reactor_step(struct corps__waiter *waiter, int64_t deadline_ns) {
    clear(&corps__rt.kicked);
    run_jobs();
    if (atomic_load_explicit(&corps__rt.check_links, memory_order_relaxed)) {
        atomic_store(&corps__rt.check_links, false);
        corps__links_tend();
    }
    if (atomic_load_explicit(&corps__rt.check_foreign, memory_order_relaxed)) {
        atomic_store(&corps__rt.check_foreign, false);
        corps__foreign_sweep();
    }
    if (atomic_load_explicit(&corps__rt.check_unused, memory_order_relaxed)) {
        atomic_store(&corps__rt.check_unused, false);
        corps__peers_sweep();
        corps__corps_reap();
    }
    if (corps__rt.wake == CORPS_WAKE_BLOCK || (waiter == NULL && corps__sched_leader_disturbs())) {
        /* Straight to sleep: arming looks at memory, and descriptors with news end the sleep at once. Polling first
         * would cost every stream a read that finds nothing. */
        if (!called_away(waiter)) {
            sleep_once(waiter, deadline_ns);
        }
        (void)poll_all();
        return;
    }
    if (poll_all() || called_away(waiter)) {
        return;
    }
    if (corps__rt.wake == CORPS_WAKE_SPIN) {
        /* A pause takes up to 140 cycles on current processors: one in so many rounds is enough to be polite. */
        static unsigned rounds;
        if (++rounds % ROUNDS_PER_PAUSE == 0) {
            corps__relax();
        }
    } else if (!spin(waiter, deadline_ns)) {
        sleep_once(waiter, deadline_ns);
    }
}

void corps__poke(void) {
    if (corps__lead_try()) {
        run_jobs();
        if (corps__rt.loop_dirty) {
            rare_work();
        }
        poll_all();
        corps__lead_release();
    }
}

/* ---- waiting ---- */

static void *(*before_wait)(void);
static void (*after_wait)(void *given_up);

void corps_wait_hooks_set(void *(*before)(void), void (*after)(void *given_up)) {
    before_wait = before;
    after_wait = after;
}

void *corps__give_up(void) {
    return before_wait != NULL ? before_wait() : NULL;
}

void corps__take_back(void *given_up) {
    if (given_up != NULL) {
        after_wait(given_up);
    }
}

/* With the lead: steps until done, the deadline, or until `local` can be run. */
static void lead_until(struct corps__waiter *waiter, bool (*done)(void *arg), void *arg, int64_t deadline_ns,
                       struct corps__conc *local) {
    atomic_store(&waiter->leading, true);
    for (unsigned n = 0; !done(arg); n++) {
        if (local != NULL && corps__conc_is_queued(local)) {
            break;
        }
        /* Reading the clock costs as much as a poll of shared memory: a spinning wait looks every 64th time. */
        if (deadline_ns != CORPS_FOREVER && (n % 64 == 63 || corps__rt.wake != CORPS_WAKE_SPIN) &&
            corps__now_ns() >= deadline_ns) {
            break;
        }
        if (atomic_load_explicit(&waiter->word, memory_order_relaxed) != CORPS__WAITING) {
            atomic_store(&waiter->word, CORPS__WAITING);
            if (done(arg)) { /* looked at again: the notification may have been for this very wait */
                break;
            }
        }
        corps__reactor_step(waiter, deadline_ns);
    }
    atomic_store(&waiter->leading, false);
    corps__lead_release();
}

static void wait_once(struct corps__waiter *waiter, bool (*done)(void *arg), void *arg, int64_t deadline_ns,
                      struct corps__conc *local) {
    if (corps__lead_try()) {
        lead_until(waiter, done, arg, deadline_ns, local);
        return;
    }
    list_add(waiter);
    if (atomic_load(&corps__rt.leader_idle) != 0) {
        atomic_store(&corps__rt.yield, 1); /* we have something to wait for, the idle leader has not */
        corps__kick();
    }
    /* Only now may the lead be found free: whoever released it before did not see us in the list. */
    if (corps__lead_try()) {
        if (list_remove(waiter)) {
            abort(); /* the lead cannot be both free and given to us */
        }
        lead_until(waiter, done, arg, deadline_ns, local);
        return;
    }
    if (!done(arg)) {
        corps__park(waiter, deadline_ns);
    }
    if (list_remove(waiter)) {
        lead_until(waiter, done, arg, deadline_ns, local);
    }
}

enum corps_err corps__wait(struct corps__waiter *waiter, bool (*done)(void *arg), void *arg, int64_t deadline_ns,
                           struct corps__conc *local) {
    if (done(arg)) {
        return CORPS_OK;
    }
    if (!corps__rt.started) { /* a wait is the first thing that this process does, or the child of a fork */
        enum corps_err err = corps__runtime_start(false, 0, CORPS__GUEST_ENV);
        if (err != CORPS_OK) {
            return err;
        }
    }
    corps__context_end_stream();
    corps_flush();
    if (corps__context() != NULL && corps__context()->depth >= CORPS__NESTED_MAX) {
        local = NULL;
    }
    enum corps_err err = CORPS_OK;
    bool blocked = false;
    void *given_up = NULL;
    while (!done(arg)) {
        if (local != NULL && corps__conc_claim(local)) {
            corps__conc_run(local, NULL, done, arg);
            continue;
        }
        if (deadline_ns != CORPS_FOREVER && corps__now_ns() >= deadline_ns) {
            err = CORPS_ERR_TIMEOUT;
            break;
        }
        if (!blocked) {
            err = corps__sched_block();
            if (err != CORPS_OK) {
                break;
            }
            blocked = true;
            given_up = corps__give_up();
        }
        wait_once(waiter, done, arg, deadline_ns, local);
    }
    if (blocked) {
        corps__sched_unblock();
    }
    corps__take_back(given_up);
    return err;
}

static void glance_with_lead(bool (*done)(void *arg), void *arg) {
    bool adaptive = corps__rt.wake == CORPS_WAKE_ADAPTIVE;
    if (adaptive && !corps__spin_pays()) {
        return;
    }
    clear(&corps__rt.kicked);
    run_jobs();
    for (int i = 0; i < GLANCE_POLLS; i++) {
        if (poll_until(done, arg) && done(arg)) {
            if (adaptive) {
                corps__spin_result(true, 0);
            }
            return;
        }
        if (i % ROUNDS_PER_PAUSE == ROUNDS_PER_PAUSE - 1) {
            corps__relax();
        }
    }
}

bool corps__glance(bool (*done)(void *arg), void *arg) {
    if (corps__rt.wake == CORPS_WAKE_BLOCK || corps__sched_block() != CORPS_OK) {
        return false; /* where too many threads block, the wait itself says so */
    }
    void *given_up = corps__give_up();
    if (corps__lead_try()) {
        glance_with_lead(done, arg);
        corps__lead_release();
    }
    corps__sched_unblock();
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

enum corps_err corps__waitlist_wait(struct corps__waitlist *list, bool (*done)(void *arg), void *arg,
                                    int64_t deadline_ns, struct corps__conc *local) {
    struct corps__waitnode node = {.waiter = CORPS__WAITER_INIT};
    pthread_mutex_lock(&list->lock);
    node.next = list->first;
    if (node.next != NULL) {
        node.next->prev = &node;
    }
    list->first = &node;
    atomic_fetch_add(&list->count, 1);
    pthread_mutex_unlock(&list->lock);
    enum corps_err err = corps__wait(&node.waiter, done, arg, deadline_ns, local);
    pthread_mutex_lock(&list->lock);
    *(node.prev != NULL ? &node.prev->next : &list->first) = node.next;
    if (node.next != NULL) {
        node.next->prev = node.prev;
    }
    atomic_fetch_sub(&list->count, 1);
    pthread_mutex_unlock(&list->lock);
    return err;
}

/* ---- jobs that need the lead ---- */

struct job {
    enum corps_err (*run)(void *arg);
    void *arg;
    enum corps_err err;
    _Atomic bool done;
    char detail[512]; /* the detail of a fault is the thread's: carried over to the thread that asked */
    struct corps__waiter waiter;
    struct job *next;
};

static struct {
    pthread_mutex_t lock;
    struct job *first, **last;
    _Atomic unsigned count;
} jobs = {.lock = PTHREAD_MUTEX_INITIALIZER, .last = &jobs.first};

static void run_jobs(void) {
    while (atomic_load_explicit(&jobs.count, memory_order_acquire) > 0) {
        pthread_mutex_lock(&jobs.lock);
        struct job *job = jobs.first;
        jobs.first = job->next;
        jobs.last = jobs.first == NULL ? &jobs.first : jobs.last;
        atomic_fetch_sub(&jobs.count, 1);
        pthread_mutex_unlock(&jobs.lock);
        job->err = job->run(job->arg);
        snprintf(job->detail, sizeof job->detail, "%s", corps_error_detail());
        corps__rt.loop_dirty = true;
        /* The job lies on the stack of a thread that returns once it sees `done`, at the earliest when it has the lead
         * or is notified: nothing of it is touched after the notification. */
        struct corps__waiter *waiter = &job->waiter;
        pthread_mutex_lock(&parked.lock);
        atomic_store(&job->done, true);
        corps__notify(waiter);
        pthread_mutex_unlock(&parked.lock);
    }
}

static bool job_done(void *arg) {
    struct job *job = arg;
    return atomic_load(&job->done);
}

enum corps_err corps__with_lead(enum corps_err (*run)(void *arg), void *arg) {
    if (corps__lead_try()) {
        enum corps_err err = run(arg);
        corps__rt.loop_dirty = true;
        corps__lead_release();
        return err;
    }
    struct job job = {.run = run, .arg = arg, .waiter = CORPS__WAITER_INIT};
    pthread_mutex_lock(&jobs.lock);
    *jobs.last = &job;
    jobs.last = &job.next;
    atomic_fetch_add(&jobs.count, 1);
    pthread_mutex_unlock(&jobs.lock);
    corps__kick();
    enum corps_err err;
    do {
        err = corps__wait(&job.waiter, job_done, &job, CORPS_FOREVER, NULL);
    } while (!atomic_load(&job.done)); /* the job refers to this stack: it must have run, whatever the wait said */
    pthread_mutex_lock(&parked.lock);  /* run_jobs has let go of the job */
    pthread_mutex_unlock(&parked.lock);
    if (job.err != CORPS_OK) {
        err = corps_error_set(job.err, "%s", job.detail);
    }
    return err;
}

/* libuv ends the process when there are no descriptors for its own pipes: whether there are some is seen before. */
static enum corps_err check_descriptors(void) {
    int spare[UV_DESCRIPTORS];
    int count = 0;
    while (count < UV_DESCRIPTORS && (spare[count] = fcntl(corps__rt.wake_fd, F_DUPFD_CLOEXEC, 0)) >= 0) {
        count++;
    }
    enum corps_err err = count == UV_DESCRIPTORS ? CORPS_OK : corps_error_system("no descriptors for an event loop");
    while (count > 0) {
        close(spare[--count]);
    }
    return err;
}

enum corps_err corps__reactor_start(void) {
    corps__rt.wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (corps__rt.wake_fd < 0) {
        return corps_error_system("cannot make an eventfd");
    }
    enum corps_err err = check_descriptors();
    if (err != CORPS_OK) {
        close(corps__rt.wake_fd);
        return err;
    }
    int failed = uv_loop_init(&corps__rt.loop);
    if (failed != 0) {
        close(corps__rt.wake_fd);
        return corps_error_set(CORPS_ERR_SYSTEM, "cannot make an event loop: %s", uv_strerror(failed));
    }
    corps__rt.loop_dirty = true;
    return CORPS_OK;
}

/* ---- after a fork ---- */

static void close_watched(uv_handle_t *handle, void *unused) {
    (void)unused;
    uv_os_fd_t fd;
    if (uv_fileno(handle, &fd) == 0) {
        close(fd);
    }
}

void corps__reactor_forked(void) {
    pthread_mutex_init(&parked.lock, NULL);
    parked.first = parked.last = NULL;
    atomic_store(&parked.count, 0);
    pthread_mutex_init(&jobs.lock, NULL);
    jobs.first = NULL;
    jobs.last = &jobs.first;
    atomic_store(&jobs.count, 0);
    atomic_store(&corps__rt.sleeping, 0);
    atomic_store(&corps__rt.kicked, 0);
    atomic_store(&corps__rt.yield, 0);
    atomic_store(&corps__rt.leader_idle, 0);
    /* What ends with them is what peers and Envs take for our end: listening and rendezvous sockets, control channels.
     * The loop's epoll is the parent's too, so nothing is taken out of it, and its memory is not touched again. */
    uv_walk(&corps__rt.loop, close_watched, NULL);
    close(uv_backend_fd(&corps__rt.loop));
    close(corps__rt.wake_fd);
}
