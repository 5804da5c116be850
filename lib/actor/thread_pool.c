#include "actor/thread_pool.h"

#include "actor/state.h"
#include "base/clock.h"
#include "base/hot.h"
#include "base/log.h"
#include "base/placement.h"
#include "link/peer.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum { DIRECT_MAX = 128 };
/* The threads' stacks otherwise follow `ulimit -s`, and a Python serializer may nest as deeply as Python's own limit on
 * recursion lets it: with 256 KiB the stack is over before the limit. */
#define STACK_BYTES_MIN ((size_t)8 << 20)
#define SURPLUS_IDLE_NS 1000000000LL /* a thread beyond thread_count ends after idling this long */

static CORPS__HOT_THREAD_LOCAL struct corps__worker *self;

static struct corps__thread_pool *the_pool(void) {
    return &corps__actors->pool;
}

static enum corps_err start_thread_locked(struct corps__thread_pool *pool);

bool corps__thread_pool_is_mine(void) {
    return self != NULL;
}

bool corps__thread_pool_is_single(void) {
    return the_pool()->single;
}

bool corps__thread_pool_is_dry(void) {
    return atomic_load_explicit(&the_pool()->runnable, memory_order_relaxed) == 0;
}

/* ---- waking ---- */

void corps__thread_pool_expect_tick(void) {
    struct corps__thread_pool *pool = the_pool();
    /* Sequentially consistent, as is what was done before it: pairs with corps__monitor_may_sleep. */
    if (atomic_load(&pool->monitor_asleep) && atomic_exchange(&pool->monitor_asleep, false)) {
        uint64_t one = 1;
        if (write(pool->monitor_fd, &one, sizeof one) < 0) {
            perror("corps: eventfd");
        }
    }
}

/* Takes a parked thread off the idle list. */
static struct corps__worker *take_idle_locked(struct corps__thread_pool *pool) {
    struct corps__worker *worker = pool->idle;
    if (worker != NULL) {
        pool->idle = worker->next_idle;
        worker->idle = false;
        atomic_fetch_sub(&pool->idle_count, 1);
    }
    return worker;
}

/* How many threads wait inside methods. */
static unsigned blocked_count(const struct corps__thread_pool *pool) {
    unsigned blocked = 0;
    for (unsigned i = 0, count = atomic_load(&pool->worker_count); i < count; i++) {
        blocked += atomic_load(&pool->workers[i]->blocked) ? 1 : 0;
    }
    return blocked;
}

static void tell_no_thread(void) {
    corps__log(CORPS_LOG_WARN, "no_thread", NULL, "%s", corps_error_detail());
}

void corps__thread_pool_wake_one(void) {
    struct corps__thread_pool *pool = the_pool();
    if (atomic_load(&pool->idle_count) == 0 && corps__leader_is_idle()) { /* model: pool.pml, step P2 */
        corps__kick();
        return;
    }
    pthread_mutex_lock(&pool->lock);
    struct corps__worker *worker = take_idle_locked(pool);
    if (worker != NULL) {
        /* Under the lock: a surplus thread may not end meanwhile. Model: pool.pml, step P3. */
        corps__notify(&worker->waiter);
    } else if (corps__leader_is_idle()) {
        corps__kick();
    } else if (pool->threads - blocked_count(pool) < pool->thread_count && pool->threads < pool->thread_count_max) {
        if (start_thread_locked(pool) != CORPS_OK) {
            tell_no_thread(); /* the others go on without it */
        }
    }
    pthread_mutex_unlock(&pool->lock);
}

void corps__thread_pool_lead_is_free(void) {
    if (the_pool()->monitor_fd < 0) {
        return; /* a program's threads */
    }
    corps__thread_pool_expect_tick(); /* a pool thread goes on with its method, and will lead again unless that takes
                                         long */
    if (self == NULL) {
        corps__thread_pool_wake_one(); /* a thread of somebody else's may never come back; model: pool.pml, step V1 */
    }
}

/* ---- run queues ---- */

void corps__thread_pool_push(struct corps__task *task, enum corps__push how) {
    struct corps__thread_pool *pool = the_pool();
    struct corps__worker *worker = self != NULL ? self : pool->workers[0];
    struct corps__task *displaced = NULL;
    atomic_fetch_add(&pool->runnable, 1); /* before we look who could run it; model: pool.pml, step P1 */
    if (self != NULL && how == CORPS__PUSH_LATER) {
        displaced = corps__runq_put(&worker->runq, task);
    } else {
        corps__runq_add(&worker->runq, task);
    }
    switch (how) {
    case CORPS__PUSH_LATER:
        if (displaced != NULL || self == NULL) {
            corps__thread_pool_wake_one();
        }
        break;
    case CORPS__PUSH_MINE:
        break;
    case CORPS__PUSH_DISPATCH:
        if (corps__leader_is_idle() && pool->direct.task == NULL && !atomic_exchange(&pool->turn_taken, true)) {
            break;
        }
        corps__thread_pool_wake_one();
        break;
    case CORPS__PUSH_OTHER:
        /* On a single processor no other thread could run it sooner than this one, unless this one's method takes long:
         * then the monitor sees to it. */
        if (!pool->single || self == NULL) {
            corps__thread_pool_wake_one();
        }
        break;
    }
    corps__thread_pool_expect_tick();
}

static struct corps__task *take_from(struct corps__thread_pool *pool, struct corps__worker *worker, bool own) {
    struct corps__task *task = corps__runq_take(&worker->runq, own);
    if (task != NULL) {
        atomic_fetch_sub(&pool->runnable, 1);
    }
    return task;
}

/* A sign of progress, not a count: no need for the bus. */
static void note_run(struct corps__thread_pool *pool) {
    atomic_store_explicit(&pool->runs, atomic_load_explicit(&pool->runs, memory_order_relaxed) + 1,
                          memory_order_relaxed);
}

/* The next task to run, claimed; NULL when there is none. */
static struct corps__task *next_task(struct corps__thread_pool *pool, struct corps__worker *worker) {
    while (atomic_load(&pool->runnable) > 0) {
        struct corps__task *task = take_from(pool, worker, true);
        unsigned count = atomic_load(&pool->worker_count);
        for (unsigned i = 1; task == NULL && i < count; i++) {
            task = take_from(pool, pool->workers[(worker->index + i) % count], false);
        }
        if (task == NULL) {
            return NULL;
        }
        if (corps__task_taken(task)) {
            note_run(pool);
            return task;
        }
    }
    return NULL;
}

bool corps__thread_pool_direct(struct corps__task *task, struct corps_node *node,
                               bool (*has_more)(struct corps__task *task)) {
    struct corps__thread_pool *pool = the_pool();
    if (pool->direct.task == NULL) {
        if (!corps__leader_is_idle() || !corps__task_begin(task)) {
            return false;
        }
        pool->direct.task = task;
        pool->direct.first = NULL;
        pool->direct.last = &pool->direct.first;
        /* What came earlier goes first. */
        pool->direct.count = has_more(task) ? DIRECT_MAX : 0;
    }
    if (pool->direct.task != task || pool->direct.count >= DIRECT_MAX) {
        return false; /* what is run already needs no pushing */
    }
    node->next = NULL;
    *pool->direct.last = node;
    pool->direct.last = &node->next;
    pool->direct.count++;
    return true;
}

bool corps__thread_pool_wants(void) {
    const struct corps__thread_pool *pool = the_pool();
    return pool->direct.task != NULL || atomic_load_explicit(&pool->runnable, memory_order_relaxed) > 0 ||
           atomic_load_explicit(&pool->stopping, memory_order_relaxed);
}

bool corps__thread_pool_leader_disturbs(void) {
    const struct corps__thread_pool *pool = the_pool();
    if (!pool->single) {
        return false;
    }
    unsigned here = atomic_load_explicit(&pool->threads, memory_order_relaxed) -
                    atomic_load_explicit(&pool->idle_count, memory_order_relaxed);
    return here > 1 && here - blocked_count(pool) > 1;
}

/* ---- blocking inside methods ---- */

enum corps_err corps__thread_pool_block(void) {
    if (self == NULL) {
        return CORPS_OK;
    }
    struct corps__thread_pool *pool = the_pool();
    if (self->waits++ == 0) {
        /* Before we look at `runnable`; pairs with corps__thread_pool_push and corps__thread_pool_wake_one. */
        atomic_store(&self->blocked, true);
    }
    if (atomic_load(&pool->threads) >= pool->thread_count_max && blocked_count(pool) >= pool->thread_count_max) {
        corps__thread_pool_unblock();
        return corps_error_set(CORPS_ERR_LIMIT,
                               "%u threads of Env %u wait inside methods already; break the cycle of calls, or raise "
                               "thread_count_max",
                               pool->thread_count_max - 1, corps__own_env());
    }
    if (atomic_load(&pool->runnable) > 0) {
        corps__thread_pool_wake_one();
    }
    return CORPS_OK;
}

void corps__thread_pool_unblock(void) {
    if (self != NULL && --self->waits == 0) {
        atomic_store_explicit(&self->blocked, false, memory_order_release);
    }
}

/* ---- pool threads ---- */

static void next_turn(void) {
    struct corps__thread_pool *pool = the_pool();
    if (atomic_load_explicit(&pool->turn_taken, memory_order_relaxed)) {
        atomic_store(&pool->turn_taken, false);
    }
}

static void lead_idle(struct corps__thread_pool *pool) {
    corps__reactor_idle(next_turn);
    struct corps__task *task = pool->direct.task;
    struct corps_node *first = pool->direct.first;
    pool->direct.task = NULL;
    corps__reactor_end_idle(); /* also the fence before the look at `runnable`; model: pool.pml, step I4 */
    if (task == NULL) {
        return;
    }
    corps__thread_pool_expect_tick();
    if (atomic_load(&pool->runnable) > 0) {
        corps__thread_pool_wake_one();
    }
    note_run(pool);
    pool->run(task, first, NULL, NULL);
    corps_flush();
}

/* Parks on the idle list. False when the thread should end because there are too many. */
static bool park_idle(struct corps__thread_pool *pool, struct corps__worker *worker) {
    pthread_mutex_lock(&pool->lock);
    /* Looked at under the lock: whoever makes work or frees the lead after this finds us on the list. The lead too: it
     * may have been freed since we failed to take it, and who did that found nobody to wake. Model: pool.pml, steps B1,
     * B2 and B3. */
    if (atomic_load(&pool->runnable) > 0 || corps__lead_is_vacant() || atomic_load(&pool->stopping)) {
        pthread_mutex_unlock(&pool->lock);
        return true;
    }
    worker->next_idle = pool->idle;
    worker->idle = true;
    pool->idle = worker;
    atomic_fetch_add(&pool->idle_count, 1);
    /* Also where it is none yet, because others wait inside methods: they will go on. */
    bool may_end = worker->index != 0 && pool->threads > pool->thread_count;
    pthread_mutex_unlock(&pool->lock);
    corps__park(&worker->waiter, may_end ? corps__deadline_ns(SURPLUS_IDLE_NS) : CORPS_FOREVER);
    pthread_mutex_lock(&pool->lock);
    bool woken = !worker->idle;
    for (struct corps__worker **at = &pool->idle; !woken && *at != NULL; at = &(*at)->next_idle) {
        if (*at == worker) {
            *at = worker->next_idle;
            worker->idle = false;
            atomic_fetch_sub(&pool->idle_count, 1);
            break;
        }
    }
    bool end = !woken && worker->index != 0 && pool->threads - blocked_count(pool) > pool->thread_count &&
               !atomic_load(&pool->stopping);
    if (end) {
        pool->threads--;
        worker->used = false;
    }
    pthread_mutex_unlock(&pool->lock);
    return !end;
}

static void serve_tasks(struct corps__thread_pool *pool, struct corps__worker *worker) {
    self = worker;
    for (;;) {
        struct corps__task *task = next_task(pool, worker);
        if (task != NULL) {
            pool->run(task, NULL, NULL, NULL);
            corps_flush();
        } else if (atomic_load(&pool->stopping)) {
            break;
        } else if (corps__lead_try()) {
            lead_idle(pool);
        } else if (!park_idle(pool, worker)) {
            break;
        }
    }
    self = NULL;
}

static void *thread_main(void *arg) {
    struct corps__worker *worker = arg;
    corps__placement_thread(worker->index);
    serve_tasks(the_pool(), worker);
    return NULL;
}

/* A worker whose thread has ended, or a new one. */
static struct corps__worker *worker_slot_locked(struct corps__thread_pool *pool) {
    unsigned count = atomic_load(&pool->worker_count);
    for (unsigned i = 0; i < count; i++) {
        if (!pool->workers[i]->used) {
            pool->workers[i]->used = true;
            return pool->workers[i];
        }
    }
    struct corps__worker *worker = count < CORPS__THREADS_HARD_MAX ? calloc(1, sizeof *worker) : NULL;
    if (worker != NULL) {
        corps__runq_init(&worker->runq);
        worker->index = count;
        worker->used = true;
        pool->workers[count] = worker;
        atomic_store(&pool->worker_count, count + 1);
    }
    return worker;
}

static int create_thread(pthread_t *thread, struct corps__worker *worker) {
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

static enum corps_err start_thread_locked(struct corps__thread_pool *pool) {
    struct corps__worker *worker = worker_slot_locked(pool);
    if (worker == NULL) {
        return corps_error_set(CORPS_ERR_NO_MEMORY, "no memory for another thread");
    }
    pthread_t thread;
    pool->threads++; /* before it runs: it may be the one that blocks too much */
    int failed = create_thread(&thread, worker);
    if (failed != 0) {
        pool->threads--;
        worker->used = false;
        errno = failed;
        return corps_error_system("cannot start thread %u", worker->index);
    }
    pthread_detach(thread);
    corps__log(CORPS_LOG_INFO, "thread_started", CORPS__LOG_FIELDS(CORPS__LOG_INT("threads", pool->threads)),
               "a thread more runs Workers: %u of at most %u", pool->threads, pool->thread_count_max);
    return CORPS_OK;
}

void corps__thread_pool_grow(void) {
    struct corps__thread_pool *pool = the_pool();
    pthread_mutex_lock(&pool->lock);
    if (pool->threads < pool->thread_count_max && start_thread_locked(pool) != CORPS_OK) {
        tell_no_thread();
    }
    pthread_mutex_unlock(&pool->lock);
}

/* ---- start and stop ---- */

enum corps_err corps__thread_pool_start(unsigned thread_count, unsigned thread_count_max, corps__task_run_fn *run) {
    struct corps__thread_pool *pool = the_pool();
    pool->run = run;
    pool->thread_count = thread_count;
    pool->thread_count_max = thread_count_max < CORPS__THREADS_HARD_MAX ? thread_count_max : CORPS__THREADS_HARD_MAX;
    pool->single = corps__placement_is_single();
    enum corps_err err = CORPS_OK;
    pthread_mutex_lock(&pool->lock);
    if (worker_slot_locked(pool) == NULL) { /* the calling thread's, number 0 */
        err = corps_error_set(CORPS_ERR_NO_MEMORY, "no memory for threads");
    }
    pool->threads = 1;
    for (unsigned i = 1; err == CORPS_OK && i < thread_count; i++) {
        err = start_thread_locked(pool);
    }
    pthread_mutex_unlock(&pool->lock);
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

void corps__thread_pool_serve(void) {
    raise_main_stack();
    serve_tasks(the_pool(), the_pool()->workers[0]);
}

void corps__thread_pool_stop(void) {
    struct corps__thread_pool *pool = the_pool();
    atomic_store(&pool->stopping, true);
    pthread_mutex_lock(&pool->lock);
    for (struct corps__worker *worker = take_idle_locked(pool); worker != NULL; worker = take_idle_locked(pool)) {
        corps__notify(&worker->waiter);
    }
    pthread_mutex_unlock(&pool->lock);
    corps__kick();
    corps__thread_pool_expect_tick();
}

void corps__thread_pool_free(void) {
    struct corps__thread_pool *pool = the_pool();
    for (unsigned i = 0; i < atomic_load(&pool->worker_count); i++) {
        free(pool->workers[i]);
    }
}

void corps__thread_pool_forked(void) {
    struct corps__thread_pool *pool = the_pool();
    if (pool->monitor_fd >= 0) {
        close(pool->monitor_fd);
    }
    memset(pool, 0, sizeof *pool);
    corps__thread_pool_init(pool);
    self = NULL;
}
