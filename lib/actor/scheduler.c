#include "actor/scheduler.h"

#include "actor/conc.h"
#include "base/place.h"
#include "link/peer.h"
#include "process/boot.h"
#include "process/fork.h"
#include "wait/reactor.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum {
    SLOT_RUNS_MAX = 16, /* times in a row the last-in slot goes before the queue */
    THREADS_HARD_MAX = 4096,
    TICK_MS = 1,      /* the monitor's period while something runs */
    IDLE_TICKS = 20,  /* after so many quiet ones it sleeps */
    GROW_TICKS = 5,   /* after so many without progress, although there is work, it adds a thread */
    ORPHAN_MS = 2000, /* the orderly way out after the parent's death may take this long */
};
/* The threads' stacks otherwise follow `ulimit -s`, and a Python serializer may nest as deeply as Python's own limit on
 * recursion lets it: with 256 KiB the stack is over before the limit. */
#define STACK_BYTES_MIN ((size_t)8 << 20)
#define SURPLUS_IDLE_NS 1000000000LL /* a thread beyond thread_count ends after idling this long */

/* A pool thread. */
struct worker {
    pthread_mutex_t lock; /* of the queue and the slot */
    struct corps__conc *first, *last;
    struct corps__conc *slot;
    unsigned slot_runs;
    unsigned index;
    struct corps__waiter waiter;
    struct worker *next_idle;
    unsigned waits;       /* inside methods, one in the other; the thread's own */
    _Atomic bool blocked; /* there are some */
    bool idle;            /* on the idle list; guarded by sched.lock */
    bool used;            /* guarded by sched.lock */
};

static struct {
    pthread_mutex_t lock; /* idle list, numbers of threads */
    struct worker *workers[THREADS_HARD_MAX];
    _Atomic unsigned worker_count; /* slots of `workers` ever used */
    struct worker *idle;
    _Atomic unsigned idle_count;
    _Atomic unsigned threads; /* alive */
    unsigned thread_count, thread_count_max;
    _Atomic unsigned runnable; /* entries in all queues and slots */
    _Atomic uint32_t runs;     /* Concs taken from there so far */
    bool single;               /* all threads share one processor */
    _Atomic bool stopping;
    _Atomic bool batch_taken; /* the idle leader has its Conc of this batch */
    _Atomic bool monitor_asleep;
    _Atomic bool orphaned;
    int monitor_fd;
    int parent_fd;
} sched = {.lock = PTHREAD_MUTEX_INITIALIZER, .monitor_fd = -1};

/* What the idle leader will run itself; guarded by the lead. All for one Conc, which is claimed; the first ones are
 * listed, and once there is one in its mailbox all others follow it there. */
enum { DIRECT_MAX = 128 };
static struct direct {
    struct corps__conc *conc;
    struct corps_node *first, **last;
    unsigned count;
} direct;

static _Thread_local struct worker *self;

static enum corps_err start_thread_locked(void);

bool corps__sched_is_pool_thread(void) {
    return self != NULL;
}

bool corps__sched_is_single(void) {
    return sched.single;
}

/* ---- waking ---- */

static void wake_monitor(void) {
    if (atomic_load_explicit(&sched.monitor_asleep, memory_order_relaxed) &&
        atomic_exchange(&sched.monitor_asleep, false)) {
        uint64_t one = 1;
        if (write(sched.monitor_fd, &one, sizeof one) < 0) {
            perror("corps: eventfd");
        }
    }
}

void corps__sched_expect_tick(void) {
    wake_monitor();
}

/* Takes a parked thread off the idle list. */
static struct worker *take_idle_locked(void) {
    struct worker *worker = sched.idle;
    if (worker != NULL) {
        sched.idle = worker->next_idle;
        worker->idle = false;
        atomic_fetch_sub(&sched.idle_count, 1);
    }
    return worker;
}

/* How many threads wait inside methods. */
static unsigned blocked_count(void) {
    unsigned blocked = 0;
    for (unsigned i = 0, count = atomic_load(&sched.worker_count); i < count; i++) {
        blocked += atomic_load(&sched.workers[i]->blocked) ? 1 : 0;
    }
    return blocked;
}

/* Sees to it that some other thread looks at the run queues (or takes the lead). */
static void wake_one(void) {
    if (atomic_load(&sched.idle_count) == 0 && atomic_load(&corps__rt.leader_idle) != 0) {
        corps__kick();
        return;
    }
    pthread_mutex_lock(&sched.lock);
    struct worker *worker = take_idle_locked();
    if (worker != NULL) {
        corps__notify(&worker->waiter); /* under the lock: a surplus thread may not end meanwhile */
    } else if (atomic_load(&corps__rt.leader_idle) != 0) {
        corps__kick();
    } else if (sched.threads - blocked_count() < sched.thread_count && sched.threads < sched.thread_count_max) {
        if (start_thread_locked() != CORPS_OK) {
            fprintf(stderr, "corps: %s\n", corps_error_detail()); /* the others go on without it */
        }
    }
    pthread_mutex_unlock(&sched.lock);
}

void corps__sched_orphaned(void) {
    atomic_store(&sched.orphaned, true);
    wake_monitor();
}

void corps__sched_lead_is_free(void) {
    if (!corps__rt.is_env || sched.monitor_fd < 0) {
        return;
    }
    wake_monitor(); /* a pool thread goes on with its method, and will lead again unless that takes long */
    if (self == NULL) {
        wake_one(); /* a thread of somebody else's may never come back */
    }
}

/* ---- run queues ---- */

static void queue_add(struct worker *worker, struct corps__conc *conc) {
    conc->run_next = NULL;
    *(worker->last != NULL ? &worker->last->run_next : &worker->first) = conc;
    worker->last = conc;
}

static struct corps__conc *queue_take(struct worker *worker) {
    struct corps__conc *conc = worker->first;
    if (conc != NULL) {
        worker->first = conc->run_next;
        worker->last = worker->first == NULL ? NULL : worker->last;
    }
    return conc;
}

void corps__sched_push(struct corps__conc *conc, enum corps__push how) {
    /* The Conc's state is QUEUED. If an old entry is still in a queue (another thread ran it without taking it out),
     * that entry serves: see corps__conc_claim. Whoever takes it out says so before he tries to claim. */
    if (atomic_load(&conc->in_queue) || atomic_exchange(&conc->in_queue, true)) {
        return;
    }
    struct worker *worker = self != NULL ? self : sched.workers[0];
    struct corps__conc *displaced = NULL;
    pthread_mutex_lock(&worker->lock);
    if (self != NULL && how == CORPS__PUSH_LATER) {
        displaced = worker->slot;
        worker->slot = conc;
        if (displaced != NULL) {
            queue_add(worker, displaced);
        }
    } else {
        queue_add(worker, conc);
    }
    atomic_fetch_add(&sched.runnable, 1);
    pthread_mutex_unlock(&worker->lock);
    switch (how) {
    case CORPS__PUSH_LATER:
        if (displaced != NULL || self == NULL) {
            wake_one();
        }
        break;
    case CORPS__PUSH_MINE:
        break;
    case CORPS__PUSH_DISPATCH:
        if (atomic_load(&corps__rt.leader_idle) != 0 && direct.conc == NULL &&
            !atomic_exchange(&sched.batch_taken, true)) {
            break;
        }
        wake_one();
        break;
    case CORPS__PUSH_OTHER:
        /* On a single processor no other thread could run it sooner than this one, unless this one's method takes long:
         * then the monitor sees to it. */
        if (!sched.single || self == NULL) {
            wake_one();
        }
        break;
    }
    wake_monitor();
}

static struct corps__conc *take_from(struct worker *worker, bool own) {
    pthread_mutex_lock(&worker->lock);
    struct corps__conc *conc = NULL;
    if (worker->slot != NULL && (worker->first == NULL || (own && worker->slot_runs < SLOT_RUNS_MAX))) {
        conc = worker->slot;
        worker->slot = NULL;
        worker->slot_runs++;
    } else {
        conc = queue_take(worker);
        worker->slot_runs = 0;
    }
    if (conc != NULL) {
        atomic_fetch_sub(&sched.runnable, 1);
    }
    pthread_mutex_unlock(&worker->lock);
    return conc;
}

/* The next Conc to run, claimed; NULL when there is none. */
static struct corps__conc *next_conc(struct worker *worker) {
    while (atomic_load(&sched.runnable) > 0) {
        struct corps__conc *conc = take_from(worker, true);
        unsigned count = atomic_load(&sched.worker_count);
        for (unsigned i = 1; conc == NULL && i < count; i++) {
            conc = take_from(sched.workers[(worker->index + i) % count], false);
        }
        if (conc == NULL) {
            return NULL;
        }
        atomic_store(&conc->in_queue, false);
        if (corps__conc_claim(conc)) {
            atomic_fetch_add_explicit(&sched.runs, 1, memory_order_relaxed);
            return conc;
        }
    }
    return NULL;
}

bool corps__sched_direct(struct corps__conc *conc, struct corps__mail *mail) {
    if (direct.conc == NULL) {
        if (atomic_load_explicit(&corps__rt.leader_idle, memory_order_relaxed) == 0 || !corps__conc_begin(conc)) {
            return false;
        }
        direct = (struct direct){.conc = conc, .last = &direct.first};
        /* What earlier senders left in the mailbox goes first. */
        direct.count = corps__conc_has_mail(conc) ? DIRECT_MAX : 0;
    }
    if (direct.conc != conc || direct.count >= DIRECT_MAX) {
        return false; /* a mailbox that is run already needs no pushing */
    }
    mail->node.next = NULL;
    *direct.last = &mail->node;
    direct.last = &mail->node.next;
    direct.count++;
    return true;
}

bool corps__sched_wants(bool leader_is_idle) {
    return leader_is_idle &&
           (direct.conc != NULL || atomic_load_explicit(&sched.runnable, memory_order_relaxed) > 0 ||
            atomic_load_explicit(&corps__rt.yield, memory_order_relaxed) != 0 || atomic_load(&sched.stopping));
}

bool corps__sched_leader_disturbs(void) {
    if (!sched.single) {
        return false;
    }
    unsigned here = atomic_load_explicit(&sched.threads, memory_order_relaxed) -
                    atomic_load_explicit(&sched.idle_count, memory_order_relaxed);
    return here > 1 && here - blocked_count() > 1;
}

/* ---- blocking inside methods ---- */

enum corps_err corps__sched_block(void) {
    if (self == NULL) {
        return CORPS_OK;
    }
    if (self->waits++ == 0) {
        atomic_store(&self->blocked,
                     true); /* before we look at `runnable`; pairs with corps__sched_push and wake_one */
    }
    if (atomic_load(&sched.threads) >= sched.thread_count_max && blocked_count() >= sched.thread_count_max) {
        corps__sched_unblock();
        return corps_error_set(CORPS_ERR_LIMIT,
                               "%u threads of Env %u wait inside methods already; break the cycle of calls, or raise "
                               "thread_count_max",
                               sched.thread_count_max - 1, corps__rt.env);
    }
    if (atomic_load(&sched.runnable) > 0) {
        wake_one();
    }
    return CORPS_OK;
}

void corps__sched_unblock(void) {
    if (self != NULL && --self->waits == 0) {
        atomic_store_explicit(&self->blocked, false, memory_order_release);
    }
}

/* ---- pool threads ---- */

static void lead_idle(void) {
    atomic_store(&corps__rt.leader_idle, 1);
    while (!corps__sched_wants(true)) {
        if (atomic_load_explicit(&sched.batch_taken, memory_order_relaxed)) {
            atomic_store(&sched.batch_taken, false);
        }
        corps__reactor_step(NULL, CORPS_FOREVER);
    }
    struct direct mine = direct;
    direct.conc = NULL;
    /* The release of the lead is the fence between this store and the look at `runnable`: who pushes counts first and
     * then looks whether the leader idles, so that one of the two sees the other. */
    atomic_store_explicit(&corps__rt.leader_idle, 0, memory_order_release);
    if (atomic_load_explicit(&corps__rt.yield, memory_order_relaxed) != 0) {
        atomic_store(&corps__rt.yield, 0);
    }
    corps__lead_release();
    if (mine.conc == NULL) {
        return;
    }
    wake_monitor();
    if (atomic_load(&sched.runnable) > 0) {
        wake_one();
    }
    atomic_store_explicit(&sched.runs, atomic_load_explicit(&sched.runs, memory_order_relaxed) + 1,
                          memory_order_relaxed); /* a sign of progress, not a count: no need for the bus */
    corps__conc_run(mine.conc, mine.first, NULL, NULL);
    corps_flush();
}

/* Parks on the idle list. False when the thread should end because there are too many. */
static bool park_idle(struct worker *worker) {
    pthread_mutex_lock(&sched.lock);
    /* Looked at under the lock: whoever makes work or frees the lead after this finds us on the list. */
    if (atomic_load(&sched.runnable) > 0 || atomic_load(&sched.stopping)) {
        pthread_mutex_unlock(&sched.lock);
        return true;
    }
    worker->next_idle = sched.idle;
    worker->idle = true;
    sched.idle = worker;
    atomic_fetch_add(&sched.idle_count, 1);
    bool surplus = sched.threads - blocked_count() > sched.thread_count;
    pthread_mutex_unlock(&sched.lock);
    corps__park(&worker->waiter, surplus ? corps__deadline_ns(SURPLUS_IDLE_NS) : CORPS_FOREVER);
    pthread_mutex_lock(&sched.lock);
    bool woken = !worker->idle;
    for (struct worker **at = &sched.idle; !woken && *at != NULL; at = &(*at)->next_idle) {
        if (*at == worker) {
            *at = worker->next_idle;
            worker->idle = false;
            atomic_fetch_sub(&sched.idle_count, 1);
            break;
        }
    }
    bool end = !woken && worker->index != 0 && sched.threads - blocked_count() > sched.thread_count &&
               !atomic_load(&sched.stopping);
    if (end) {
        sched.threads--;
        worker->used = false;
    }
    pthread_mutex_unlock(&sched.lock);
    return !end;
}

static void serve(struct worker *worker) {
    self = worker;
    for (;;) {
        struct corps__conc *conc = next_conc(worker);
        if (conc != NULL) {
            corps__conc_run(conc, NULL, NULL, NULL);
            corps_flush();
        } else if (atomic_load(&sched.stopping)) {
            break;
        } else if (corps__lead_try()) {
            lead_idle();
        } else if (!park_idle(worker)) {
            break;
        }
    }
    self = NULL;
}

static void *thread_main(void *arg) {
    struct worker *worker = arg;
    corps__place_thread(worker->index);
    serve(worker);
    return NULL;
}

/* A worker whose thread has ended, or a new one. */
static struct worker *worker_slot_locked(void) {
    unsigned count = atomic_load(&sched.worker_count);
    for (unsigned i = 0; i < count; i++) {
        if (!sched.workers[i]->used) {
            sched.workers[i]->used = true;
            return sched.workers[i];
        }
    }
    struct worker *worker = count < THREADS_HARD_MAX ? calloc(1, sizeof *worker) : NULL;
    if (worker != NULL) {
        pthread_mutex_init(&worker->lock, NULL);
        worker->index = count;
        worker->used = true;
        sched.workers[count] = worker;
        atomic_store(&sched.worker_count, count + 1);
    }
    return worker;
}

static int create_thread(pthread_t *thread, struct worker *worker) {
    pthread_attr_t attributes;
    int failed = pthread_attr_init(&attributes);
    if (failed != 0) {
        return failed;
    }
    size_t bytes;
    failed = pthread_attr_getstacksize(&attributes, &bytes);
    if (failed == 0 && bytes < STACK_BYTES_MIN) {
        failed = pthread_attr_setstacksize(&attributes, STACK_BYTES_MIN);
    }
    failed = failed != 0 ? failed : pthread_create(thread, &attributes, thread_main, worker);
    (void)pthread_attr_destroy(&attributes);
    return failed;
}

static enum corps_err start_thread_locked(void) {
    struct worker *worker = worker_slot_locked();
    if (worker == NULL) {
        return corps_error_set(CORPS_ERR_NO_MEMORY, "no memory for another thread");
    }
    pthread_t thread;
    int failed = create_thread(&thread, worker);
    if (failed != 0) {
        worker->used = false;
        errno = failed;
        return corps_error_system("cannot start thread %u", worker->index);
    }
    pthread_detach(thread);
    sched.threads++;
    return CORPS_OK;
}

/* ---- the monitor ---- */

/* All threads are inside methods that take long, without waiting for Corps (they sleep, read, compute), while something
 * is runnable or nobody polls: others must not wait for them. A surplus thread ends when it has idled for a while. */
static void grow_if_stuck(bool wanting) {
    static uint32_t last_runs;
    static unsigned stuck;
    uint32_t runs = atomic_load(&sched.runs);
    bool busy = atomic_load(&sched.idle_count) == 0 && atomic_load(&corps__rt.leader_idle) == 0;
    stuck = wanting && busy && runs == last_runs ? stuck + 1 : 0;
    last_runs = runs;
    if (stuck < GROW_TICKS) {
        return;
    }
    stuck = 0;
    pthread_mutex_lock(&sched.lock);
    if (sched.threads < sched.thread_count_max && start_thread_locked() != CORPS_OK) {
        fprintf(stderr, "corps: %s\n", corps_error_detail());
    }
    pthread_mutex_unlock(&sched.lock);
}

/* Nobody polled since the last tick, or runnable Concs wait while threads are parked: hand on. */
static bool tick(uint32_t *last_polls) {
    uint32_t polls = atomic_load(&corps__rt.polls);
    bool lead_vacant = atomic_load(&corps__rt.lead) == 0;
    bool stale = lead_vacant && polls == *last_polls;
    bool runnable = atomic_load(&sched.runnable) > 0;
    bool moved = polls != *last_polls;
    *last_polls = polls;
    if (stale || (runnable && (atomic_load(&sched.idle_count) > 0 || atomic_load(&corps__rt.leader_idle) != 0))) {
        wake_one();
    }
    grow_if_stuck(stale || runnable);
    corps_flush();
    return lead_vacant || runnable || moved || corps__held_any();
}

static void *monitor_main(void *arg) {
    (void)arg;
    uint32_t polls = 0;
    unsigned quiet = 0;
    struct pollfd fds[2] = {{.fd = sched.monitor_fd, .events = POLLIN}, {.fd = sched.parent_fd, .events = POLLRDHUP}};
    while (!atomic_load(&sched.stopping)) {
        quiet = tick(&polls) ? 0 : quiet + 1;
        int timeout = TICK_MS;
        if (quiet >= IDLE_TICKS) {
            atomic_store(&sched.monitor_asleep, true);
            timeout = atomic_load(&sched.runnable) > 0 ? TICK_MS : -1;
        }
        if (poll(fds, 2, timeout) < 0 && errno != EINTR) {
            break;
        }
        if (fds[0].revents != 0) {
            uint64_t rung;
            quiet = read(sched.monitor_fd, &rung, sizeof rung) > 0 ? 0 : quiet;
        }
        if (fds[1].revents != 0 || atomic_load(&sched.orphaned)) {
            /* The leader sees this too and ends the Env in order; but a method that never returns must not keep it. */
            for (int ms = 0; ms < ORPHAN_MS && !atomic_load(&sched.stopping); ms += TICK_MS) {
                poll(NULL, 0, TICK_MS);
                (void)tick(&polls);
            }
            if (!atomic_load(&sched.stopping)) {
                corps__env_abandon();
                _exit(1);
            }
            poll(NULL, 0, ORPHAN_MS); /* the main thread is on its way out */
            _exit(1);
        }
    }
    return NULL;
}

/* ---- start and stop ---- */

enum corps_err corps__sched_start(unsigned thread_count, unsigned thread_count_max, int parent_fd) {
    sched.thread_count = thread_count;
    sched.thread_count_max = thread_count_max < THREADS_HARD_MAX ? thread_count_max : THREADS_HARD_MAX;
    sched.parent_fd = parent_fd;
    sched.single = corps__place_is_single();
    sched.monitor_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (sched.monitor_fd < 0) {
        return corps_error_system("cannot make an eventfd");
    }
    enum corps_err err = CORPS_OK;
    pthread_mutex_lock(&sched.lock);
    if (worker_slot_locked() == NULL) { /* the calling thread's, number 0 */
        err = corps_error_set(CORPS_ERR_NO_MEMORY, "no memory for threads");
    }
    sched.threads = 1;
    for (unsigned i = 1; err == CORPS_OK && i < thread_count; i++) {
        err = start_thread_locked();
    }
    pthread_mutex_unlock(&sched.lock);
    pthread_t monitor;
    if (err == CORPS_OK) {
        int failed = pthread_create(&monitor, NULL, monitor_main, NULL);
        if (failed != 0) {
            errno = failed;
            return corps_error_system("cannot start the monitor thread");
        }
        pthread_detach(monitor);
    }
    return err;
}

/* The main thread's stack grows up to the limit as it is then. The process is an Env's, so the limit is ours. */
static void raise_main_stack(void) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_STACK, &limit) == 0 && limit.rlim_cur < STACK_BYTES_MIN) {
        limit.rlim_cur = limit.rlim_max < STACK_BYTES_MIN ? limit.rlim_max : STACK_BYTES_MIN;
        (void)setrlimit(RLIMIT_STACK, &limit); /* without it there is as much as before */
    }
}

void corps__sched_serve(void) {
    raise_main_stack();
    serve(sched.workers[0]);
}

void corps__sched_stop(void) {
    atomic_store(&sched.stopping, true);
    pthread_mutex_lock(&sched.lock);
    for (struct worker *worker = take_idle_locked(); worker != NULL; worker = take_idle_locked()) {
        corps__notify(&worker->waiter);
    }
    pthread_mutex_unlock(&sched.lock);
    corps__kick();
    wake_monitor();
}

void corps__sched_forked(void) {
    if (sched.monitor_fd >= 0) {
        close(sched.monitor_fd);
    }
    memset(&sched, 0, sizeof sched);
    pthread_mutex_init(&sched.lock, NULL);
    sched.monitor_fd = -1;
    direct.conc = NULL;
    self = NULL;
}
