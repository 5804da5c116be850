#include "actor/monitor.h"

#include "actor/granted.h"
#include "actor/state.h"
#include "actor/stuck.h"
#include "link/peer.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum {
    TICK_MS = 1,      /* the period while something runs */
    IDLE_TICKS = 20,  /* after so many quiet ones it sleeps */
    GROW_TICKS = 5,   /* after so many without progress, although there is work, it adds a thread */
    ORPHAN_MS = 2000, /* the orderly way out after the parent's death may take this long */
};

/* What it remembers from tick to tick. */
struct watch {
    uint32_t polls;
    uint32_t runs;
    unsigned stuck;
};

/* All threads are inside methods that take long, without waiting for Corps (they sleep, read, compute), while something
 * is runnable or nobody polls: others must not wait for them. A surplus thread ends when it has idled for a while. */
static void grow_if_stuck(const struct corps__thread_pool *pool, struct watch *watch, bool wanting) {
    uint32_t runs = atomic_load(&pool->runs);
    bool busy = atomic_load(&pool->idle_count) == 0 && !corps__leader_is_idle();
    watch->stuck = wanting && busy && runs == watch->runs ? watch->stuck + 1 : 0;
    watch->runs = runs;
    if (watch->stuck >= GROW_TICKS) {
        watch->stuck = 0;
        corps__thread_pool_grow();
    }
}

/* Nobody polled since the last tick, or something is runnable while threads are parked: hand on. True: there may be
 * something to see to at the next tick. */
static bool monitor_tick(const struct corps__thread_pool *pool, struct watch *watch) {
    uint32_t polls = corps__poll_count();
    bool vacant = corps__lead_is_vacant();
    bool stale = vacant && polls == watch->polls;
    bool runnable = atomic_load(&pool->runnable) > 0;
    bool moved = polls != watch->polls;
    watch->polls = polls;
    if (stale || (runnable && (atomic_load(&pool->idle_count) > 0 || corps__leader_is_idle()))) {
        corps__thread_pool_wake_one();
    }
    grow_if_stuck(pool, watch, stale || runnable);
    corps_flush();
    corps__stuck_look();
    if (corps__granted != NULL) {
        corps__granted_look();
    }
    return vacant || runnable || moved || corps__held_any();
}

/* The leader sees the parent's death too and ends the Env in order; but a method that never returns must not keep it.
 */
static _Noreturn void end_orphan(struct corps__thread_pool *pool, struct watch *watch) {
    for (int ms = 0; ms < ORPHAN_MS && !atomic_load(&pool->stopping); ms += TICK_MS) {
        poll(NULL, 0, TICK_MS);
        (void)monitor_tick(pool, watch);
    }
    if (!atomic_load(&pool->stopping)) {
        pool->abandon();
        _exit(1);
    }
    poll(NULL, 0, ORPHAN_MS); /* the main thread is on its way out */
    _exit(1);
}

/* Nothing is served any more, but the process may have more to do: an interpreter joins threads. That must not outlive
 * the parent for long either. */
static void end_with_parent(int parent_fd) {
    struct pollfd parent = {.fd = parent_fd, .events = POLLRDHUP};
    while (poll(&parent, 1, -1) < 0 && errno == EINTR) {
    }
    if ((parent.revents & POLLNVAL) == 0) { /* else it has been closed here already */
        poll(NULL, 0, ORPHAN_MS);
        _exit(1);
    }
}

bool corps__monitor_may_sleep(void) {
    const struct corps__thread_pool *pool = &corps__actors->pool;
    return atomic_load(&pool->runnable) == 0 && !corps__lead_is_vacant() && !corps__held_any();
}

/* Once it has said that it sleeps: for how long it may. */
static int sleep_ms(void) {
    return !corps__monitor_may_sleep() ? TICK_MS
           : corps__stuck_any()        ? CORPS__STUCK_LOOK_MS
           : corps__granted != NULL    ? CORPS__GRANTED_LOOK_MS
                                       : -1;
}

static void *monitor_main(void *arg) {
    struct corps__thread_pool *pool = arg;
    struct watch watch = {0};
    unsigned quiet = 0;
    struct pollfd fds[2] = {{.fd = pool->monitor_fd, .events = POLLIN}, {.fd = pool->parent_fd, .events = POLLRDHUP}};
    while (!atomic_load(&pool->stopping)) {
        quiet = monitor_tick(pool, &watch) ? 0 : quiet + 1;
        int timeout = TICK_MS;
        if (quiet >= IDLE_TICKS) {
            atomic_store(&pool->monitor_asleep, true);
            timeout = sleep_ms();
        }
        if (poll(fds, 2, timeout) < 0 && errno != EINTR) {
            break;
        }
        if (fds[0].revents != 0) {
            uint64_t rung;
            quiet = read(pool->monitor_fd, &rung, sizeof rung) > 0 ? 0 : quiet;
        }
        if (fds[1].revents != 0 || atomic_load(&pool->orphaned)) {
            end_orphan(pool, &watch);
        }
    }
    end_with_parent(fds[1].fd);
    return NULL;
}

enum corps_err corps__monitor_start(int parent_fd, void (*abandon)(void)) {
    struct corps__thread_pool *pool = &corps__actors->pool;
    pool->parent_fd = parent_fd;
    pool->abandon = abandon;
    pool->monitor_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (pool->monitor_fd < 0) {
        return corps_error_system("cannot make an eventfd");
    }
    pthread_t monitor;
    int failed = pthread_create(&monitor, NULL, monitor_main, pool);
    if (failed != 0) {
        errno = failed;
        return corps_error_system("cannot start the monitor thread");
    }
    pthread_detach(monitor);
    return CORPS_OK;
}

void corps__monitor_orphaned(void) {
    atomic_store(&corps__actors->pool.orphaned, true);
    corps__thread_pool_expect_tick();
}
