#include "wait/reactor.h"

#include "base/clock.h"
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum {
    CATCH_UP_TURNS = 64,          /* who sends without end does not keep an Env from its end */
    EVENTS_A_TURN = 256,          /* of one endpoint before the next has its turn */
    EVENT_BYTES_A_TURN = 1 << 17, /* likewise: large messages are handled while they are in the cache */
    RARE_WORK_EVERY = 1024,       /* polls between looks at the libuv loop while there is no sleep */
    SPINS_PER_CLOCK = 16,
    POLLS_A_ROUND = 16,
    LOOK_POLLS = 256,
    UV_DESCRIPTORS = 10, /* of a loop, rounded up */
    WORD_REST = 16,      /* sleeps on descriptors after one on a word did not do */
};

/* ---- polling and sleeping, with the lead ---- */

static void rare_work(struct corps__reactor *reactor) {
    uv_run(&reactor->loop, UV_RUN_NOWAIT);
    reactor->loop_changed = true; /* callbacks may have changed handles */
    reactor->ops->tend_rarely();
    if (corps__alarms_first_ns(&reactor->alarms) != CORPS_FOREVER) {
        corps__alarms_ring(&reactor->alarms, corps__now_ns());
    }
}

/* Looks once at every endpoint; takes what has come until there is no more, but of none more than `most`, or until
 * stop(arg) (may be NULL). How much there was. */
static unsigned take_until(unsigned most, bool (*stop)(void *arg), void *arg) {
    struct corps__reactor *reactor = corps__reactor;
    unsigned taken = 0;
    for (unsigned i = 0; i < reactor->endpoint_count; i++) {
        struct corps_endpoint *endpoint = reactor->endpoints[i];
        size_t bytes = 0;
        for (unsigned n = 0; n < most && bytes < EVENT_BYTES_A_TURN; n++) {
            struct corps_event event = {0};
            enum corps_err err = endpoint->transport->poll(endpoint, &event);
            if (err == CORPS_ERR_EMPTY) {
                break;
            }
            if (err != CORPS_OK) {
                corps__log(CORPS_LOG_ERROR, "transport_failed", NULL, "transport %s failed: %s",
                           endpoint->transport->name, corps_error_detail());
                abort(); /* an endpoint as a whole fails only when memory or the kernel does */
            }
            taken++;
            bytes += event.bytes + (event.block != NULL ? event.block->bytes : 0);
            reactor->ops->on_event(endpoint, &event);
            if (stop != NULL && stop(arg)) {
                return taken;
            }
        }
    }
    return taken;
}

/* The same, and what is to be done now and then. */
static unsigned poll_until(unsigned most, bool (*stop)(void *arg), void *arg) {
    struct corps__reactor *reactor = corps__reactor;
    uint32_t polls = atomic_load_explicit(&reactor->polls, memory_order_relaxed) + 1;
    atomic_store_explicit(&reactor->polls, polls, memory_order_relaxed);
    if (polls % RARE_WORK_EVERY == 0) {
        rare_work(reactor);
    }
    return take_until(most, stop, arg);
}

static bool poll_all(void) {
    return poll_until(EVENTS_A_TURN, NULL, NULL) > 0;
}

/* Has something happened that the leader's caller must see? */
static bool called_away(const struct corps__reactor *reactor, struct corps__waiter *waiter) {
    return atomic_load_explicit(&reactor->kicked, memory_order_relaxed) != 0 ||
           (waiter != NULL && atomic_load_explicit(&waiter->word, memory_order_relaxed) == CORPS__NOTIFIED);
}

/* Is there something that the leader should leave the lead for? */
static bool is_wanted(const struct corps__reactor *reactor, const struct corps__waiter *waiter) {
    return waiter == NULL &&
           (atomic_load_explicit(&reactor->yield, memory_order_relaxed) != 0 || reactor->ops->wants());
}

/* What a sleep waits for, besides the endpoints: a kick, the loop, its end at the latest. */
enum { KICK, LOOP, LIMIT, ENDPOINTS };

/* The descriptors to sleep on; 0 when an endpoint has something already. */
static size_t arm_all(struct corps__reactor *reactor) {
    _Static_assert(ENDPOINTS + CORPS_ARM_FDS_MAX * CORPS__ENDPOINTS_MAX <= CORPS__SLEEP_FDS_MAX,
                   "there is room for every endpoint's descriptors");
    reactor->fds[KICK].revents = reactor->fds[LOOP].revents = reactor->fds[LIMIT].revents = 0;
    size_t count = ENDPOINTS;
    for (unsigned i = 0; i < reactor->endpoint_count; i++) {
        struct corps_endpoint *endpoint = reactor->endpoints[i];
        size_t added = 0;
        if (endpoint->transport->arm(endpoint, reactor->fds + count, CORPS_ARM_FDS_MAX, &added) != CORPS_OK) {
            return 0;
        }
        count += added;
    }
    return count;
}

/* When the loop's next timer is due. */
static int64_t loop_timer(const uv_loop_t *loop) {
    /* A loop with nothing in it says 0: look again at once. There is nothing to look at. */
    int timeout = uv_loop_alive(loop) ? uv_backend_timeout(loop) : -1;
    if (timeout <= 0) {
        return timeout < 0 ? CORPS_FOREVER : 0;
    }
    /* It counts from the loop's own clock, which stands between runs: the sum does not depend on when that was. A
     * millisecond more, by which that clock may lag. */
    return ((int64_t)uv_now(loop) + timeout + 1) * 1000000;
}

/* The same, or when the next alarm is due. */
static int64_t next_timer(struct corps__reactor *reactor) {
    int64_t timer = reactor->loop_timer_ns;
    int64_t alarm = corps__alarms_first_ns(&reactor->alarms); /* one that is set later kicks */
    return timer < alarm ? timer : alarm;
}

/* Handles of the loop have changed, or this is the first sleep. */
static void look_at_loop(struct corps__reactor *reactor) {
    reactor->fds[KICK] = (struct pollfd){.fd = reactor->wake_fd, .events = POLLIN};
    reactor->fds[LOOP] = (struct pollfd){.fd = uv_backend_fd(&reactor->loop), .events = POLLIN};
    reactor->fds[LIMIT] = (struct pollfd){.fd = reactor->limit.fd, .events = POLLIN};
    reactor->fds_changed = true;
    reactor->loop_changed = false;
    uv_run(&reactor->loop, UV_RUN_NOWAIT);
    reactor->loop_timer_ns = loop_timer(&reactor->loop);
}

/* Has the watchman watch the descriptors. */
static bool watch_all(struct corps__reactor *reactor, size_t count) {
    if (!corps__sleep_prepare(&reactor->set, reactor->fds, count, reactor->fds_changed)) {
        return false;
    }
    reactor->fds_changed = false;
    if (reactor->watched != reactor->set.made) {
        reactor->watched = corps__watchman_watch(reactor, reactor->set.epoll_fd) ? reactor->set.made : 0;
    }
    return reactor->watched != 0;
}

/* After arm_all: the word to sleep on instead of the descriptors, while the watchman watches those; NULL: none. */
static _Atomic uint32_t *arm_word(struct corps__reactor *reactor, size_t count) {
    if (corps__watchman_has_found(&reactor->watchman)) {
        reactor->watched = 0; /* once is enough: the sleep that follows sees what it was */
        reactor->word_rest = WORD_REST;
    }
    if (reactor->word_rest > 0) {
        reactor->word_rest--;
        return NULL;
    }
    uint32_t *word = NULL;
    for (unsigned i = 0; i < reactor->endpoint_count && word == NULL; i++) {
        struct corps_endpoint *endpoint = reactor->endpoints[i];
        word = endpoint->transport->arm_word != NULL ? endpoint->transport->arm_word(endpoint) : NULL;
    }
    if (word != NULL && !watch_all(reactor, count)) {
        reactor->word_rest = UINT_MAX;
        atomic_store(&reactor->kicked, 1); /* and no sleep now: who comes to this word's link rings nothing else */
    }
    return (_Atomic uint32_t *)word;
}

static void sleep_on(struct corps__reactor *reactor, _Atomic uint32_t *word, size_t count) {
    if (word == NULL) {
        corps__sleep(&reactor->set, reactor->fds, count, reactor->fds_changed);
        reactor->fds_changed = false;
        return;
    }
    enum corps_err err = corps__sleep_on_word(word);
    if (err != CORPS_OK) {
        reactor->word_rest = err == CORPS_ERR_TIMEOUT ? WORD_REST : UINT_MAX;
    }
}

/* False when there was something already. */
static bool sleep_once(struct corps__waiter *waiter, int64_t deadline_ns) {
    struct corps__reactor *reactor = corps__reactor;
    if (reactor->loop_changed) {
        look_at_loop(reactor);
    }
    size_t count = arm_all(reactor);
    if (count == 0) {
        return false;
    }
    int64_t timers = next_timer(reactor);
    corps__limit_at(&reactor->limit, deadline_ns < timers ? deadline_ns : timers);
    _Atomic uint32_t *word = arm_word(reactor, count);
    atomic_store_explicit(&reactor->word.at, word, memory_order_relaxed);
    /* Release: who finds us asleep on a word finds the word. The fence orders this store before the looks below, on
     * every processor; pairs with corps__kick, corps__notify, and with who makes something runnable. Models: kick.pml,
     * steps S3, S4 and S5; pool.pml, step I2. */
    atomic_store_explicit(&reactor->sleeping, word != NULL ? CORPS__ON_WORD : CORPS__ON_DESCRIPTORS,
                          memory_order_release);
    atomic_thread_fence(memory_order_seq_cst);
    if (!called_away(reactor, waiter) && !is_wanted(reactor, waiter)) {
        sleep_on(reactor, word, count);
    }
    atomic_store(&reactor->sleeping, CORPS__AWAKE); /* model: kick.pml, step S6 */
    if (word != NULL) {
        corps__word_leave(reactor);
    }
    if (reactor->fds[KICK].revents != 0) {
        uint64_t rung;
        if (read(reactor->wake_fd, &rung, sizeof rung) < 0 && errno != EAGAIN) {
            perror("corps: eventfd");
        }
    }
    bool rung = reactor->fds[LIMIT].revents != 0;
    if (rung) {
        corps__limit_rung(&reactor->limit);
    }
    if (reactor->fds[LOOP].revents != 0 || (rung && timers != CORPS_FOREVER && corps__now_ns() >= timers)) {
        rare_work(reactor);
    }
    return true;
}

/* Sleeps, and takes what has come. Where each sleep brings one message, the look that finds no second one is spared,
 * which costs an endpoint about as much as the message; should there be one after all, arming it finds that, and then
 * everything is taken. */
static void sleep_and_take(struct corps__waiter *waiter, int64_t deadline_ns) {
    struct corps__reactor *reactor = corps__reactor;
    bool slept = sleep_once(waiter, deadline_ns);
    reactor->single = reactor->single && slept;
    unsigned taken = poll_until(reactor->single ? 1 : EVENTS_A_TURN, NULL, NULL);
    reactor->single = slept && taken <= 1;
}

/* Spins for the adaptive budget. True when it found something, or was called away. */
static bool spin_for_budget(struct corps__waiter *waiter, int64_t deadline_ns) {
    struct corps__reactor *reactor = corps__reactor;
    int64_t budget = corps__spin_budget_ns(&reactor->spin);
    if (budget == 0) {
        return false;
    }
    int64_t start = corps__now_ns();
    int64_t waited = 0;
    while (waited < budget && start + waited < deadline_ns) {
        corps__relax();
        for (int i = 0; i < SPINS_PER_CLOCK; i++) {
            if (poll_all()) {
                corps__spin_result(&reactor->spin, true, corps__now_ns() - start);
                return true;
            }
            if (called_away(reactor, waiter) || is_wanted(reactor, waiter)) {
                return true;
            }
        }
        waited = corps__now_ns() - start;
    }
    corps__spin_result(&reactor->spin, false, waited);
    return false;
}

/* Polls again and again, with nothing between that a message would have to wait for. What else the caller looks at has
 * kicked the leader, or may wait for the end of a round. */
static void spin_round(struct corps__waiter *waiter) {
    struct corps__reactor *reactor = corps__reactor;
    for (int i = 0; i < POLLS_A_ROUND; i++) {
        if (poll_all() || called_away(reactor, waiter)) {
            return;
        }
    }
    corps__relax(); /* it takes up to 140 cycles on current processors: one in so many polls is enough to be polite */
}

/* A spinning leader comes by here every few nanoseconds: it looks before it writes, since a sequentially consistent
 * write costs more than all the rest of a round. An exchange, which reads what it overwrites: that may be a later kick
 * than the one it saw, and what that was for must be seen by the looks that follow. (A store might come to be seen by
 * others after those looks: not on x86, but on POWER, RISC-V, and ARM with RCpc loads.) Pairs with corps__kick. Model:
 * kick.pml, steps S1 and S2. */
static bool clear_kicked(struct corps__reactor *reactor) {
    return atomic_load_explicit(&reactor->kicked, memory_order_relaxed) != 0 &&
           atomic_exchange(&reactor->kicked, 0) != 0;
}

void corps__reactor_step(struct corps__waiter *waiter, int64_t deadline_ns) {
    struct corps__reactor *reactor = corps__reactor;
    bool kicked = clear_kicked(reactor);
    corps__jobs_run();
    /* An exchange for the same reason. Pairs with corps__reactor_tend. */
    if (atomic_load_explicit(&reactor->check, memory_order_relaxed) && atomic_exchange(&reactor->check, false)) {
        reactor->ops->tend();
    }
    if (kicked) { /* maybe for what the caller waits for: it looks before we sleep. Model: kick.pml, step L4 */
        (void)poll_all();
        return;
    }
    enum corps_wake wake = atomic_load_explicit(&reactor->wake, memory_order_relaxed);
    if (wake == CORPS_WAKE_BLOCK || (waiter == NULL && reactor->ops->disturbs())) {
        /* Straight to sleep: arming looks at memory, and descriptors with news end the sleep at once. Polling first
         * would cost every stream a read that finds nothing. */
        if (called_away(reactor, waiter)) {
            (void)poll_all();
        } else {
            sleep_and_take(waiter, deadline_ns);
        }
        return;
    }
    if (wake == CORPS_WAKE_SPIN) {
        spin_round(waiter);
        return;
    }
    if (poll_all() || called_away(reactor, waiter)) {
        return;
    }
    if (!spin_for_budget(waiter, deadline_ns)) {
        (void)sleep_once(waiter, deadline_ns);
    }
}

void corps__reactor_catch_up(void) {
    for (int turn = 0; turn < CATCH_UP_TURNS && take_until(EVENTS_A_TURN, NULL, NULL) > 0; turn++) {
    }
}

void corps__poll_once(void) {
    if (corps__lead_try()) {
        corps__jobs_run();
        if (corps__reactor->loop_changed) {
            rare_work(corps__reactor);
        }
        poll_all();
        corps__lead_release();
    }
}

void corps__reactor_look(bool (*done)(void *arg), void *arg) {
    struct corps__reactor *reactor = corps__reactor;
    bool adaptive = atomic_load_explicit(&reactor->wake, memory_order_relaxed) == CORPS_WAKE_ADAPTIVE;
    if (adaptive && !corps__spin_pays(&reactor->spin)) {
        return;
    }
    (void)clear_kicked(reactor);
    corps__jobs_run();
    for (int i = 0; i < LOOK_POLLS; i++) {
        if (poll_until(EVENTS_A_TURN, done, arg) > 0 && done(arg)) {
            if (adaptive) {
                corps__spin_result(&reactor->spin, true, 0);
            }
            return;
        }
        if (i % POLLS_A_ROUND == POLLS_A_ROUND - 1) {
            corps__relax();
        }
    }
}

void corps__reactor_idle(void (*each)(void)) {
    struct corps__reactor *reactor = corps__reactor;
    atomic_store(&reactor->idle, 1); /* model: pool.pml, step I1 */
    while (!is_wanted(reactor, NULL)) {
        each();
        corps__reactor_step(NULL, CORPS_FOREVER);
    }
}

void corps__reactor_end_idle(void) {
    struct corps__reactor *reactor = corps__reactor;
    /* The release of the lead is the fence between this store and a look at what is runnable: who makes something
     * runnable counts it first and then looks whether the leader idles, so that one of the two sees the other. Model:
     * pool.pml, step I3. */
    atomic_store_explicit(&reactor->idle, 0, memory_order_release);
    if (atomic_load_explicit(&reactor->yield, memory_order_relaxed) != 0) {
        atomic_store(&reactor->yield, 0);
    }
    corps__lead_release();
}

/* ---- endpoints ---- */

enum corps_err corps__reactor_attach(struct corps_endpoint *endpoint) {
    struct corps__reactor *reactor = corps__reactor;
    if (reactor->endpoint_count == CORPS__ENDPOINTS_MAX) {
        return corps_error_set(CORPS_ERR_LIMIT, "a process can take part in %u Corps at a time", CORPS__ENDPOINTS_MAX);
    }
    reactor->endpoints[reactor->endpoint_count++] = endpoint;
    reactor->loop_changed = true;
    return CORPS_OK;
}

void corps__reactor_detach(const struct corps_endpoint *endpoint) {
    struct corps__reactor *reactor = corps__reactor;
    unsigned kept = 0;
    for (unsigned i = 0; i < reactor->endpoint_count; i++) {
        if (reactor->endpoints[i] != endpoint) {
            reactor->endpoints[kept++] = reactor->endpoints[i];
        }
    }
    reactor->endpoint_count = kept;
    reactor->loop_changed = true;
}

/* ---- start ---- */

/* libuv ends the process when there are no descriptors for its own pipes: whether there are some is seen before. */
static enum corps_err check_descriptors(int any_fd) {
    int spare[UV_DESCRIPTORS];
    int count = 0;
    while (count < UV_DESCRIPTORS && (spare[count] = fcntl(any_fd, F_DUPFD_CLOEXEC, 0)) >= 0) {
        count++;
    }
    enum corps_err err = count == UV_DESCRIPTORS ? CORPS_OK : corps_error_system("no descriptors for an event loop");
    while (count > 0) {
        close(spare[--count]);
    }
    return err;
}

enum corps_err corps__reactor_start(const struct corps__reactor_ops *ops) {
    struct corps__reactor *reactor = corps__reactor;
    reactor->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (reactor->wake_fd < 0) {
        return corps_error_system("cannot make an eventfd");
    }
    enum corps_err err = corps__limit_open(&reactor->limit);
    if (err != CORPS_OK) {
        close(reactor->wake_fd);
        return err;
    }
    err = corps__watchman_open(reactor);
    if (err != CORPS_OK) {
        corps__limit_close(&reactor->limit);
        close(reactor->wake_fd);
        return err;
    }
    err = check_descriptors(reactor->wake_fd);
    int failed = err == CORPS_OK ? uv_loop_init(&reactor->loop) : 0;
    if (failed != 0) {
        err = corps_error_set(CORPS_ERR_SYSTEM, "cannot make an event loop: %s", uv_strerror(failed));
    }
    if (err != CORPS_OK) {
        corps__watchman_close(reactor);
        corps__limit_close(&reactor->limit);
        close(reactor->wake_fd);
        return err;
    }
    reactor->ops = ops;
    corps__spin_init(&reactor->spin);
    reactor->watched = reactor->word_rest = 0;
    reactor->loop_changed = true;
    return CORPS_OK;
}

void corps__reactor_open(void) {
    corps__reactor->started = true;
    atomic_store(&corps__reactor->lead, 0);
}

void corps__reactor_stop(void) {
    struct corps__reactor *reactor = corps__reactor;
    uv_run(&reactor->loop, UV_RUN_NOWAIT); /* close callbacks */
    (void)uv_loop_close(&reactor->loop);   /* a handle that is left open keeps the loop's memory, and no more */
    corps__watchman_close(reactor);
    corps__sleep_forget(&reactor->set);
    corps__limit_close(&reactor->limit);
    close(reactor->wake_fd);
    reactor->started = false;
}

void corps__reactor_wake_set(enum corps_wake wake) {
    atomic_store_explicit(&corps__reactor->wake, wake, memory_order_relaxed);
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
    struct corps__reactor *reactor = corps__reactor;
    corps__lead_forked();
    corps__watchman_forked(&reactor->watchman);
    /* What the loop watches: listening and rendezvous sockets, control channels. The loop's epoll is the parent's too,
     * so nothing is taken out of it, and its memory is not touched again. */
    uv_walk(&reactor->loop, close_watched, NULL);
    close(uv_backend_fd(&reactor->loop));
    close(reactor->wake_fd);
    corps__limit_close(&reactor->limit);
    corps__sleep_forget(&reactor->set);
    reactor->endpoint_count = 0;
    reactor->started = false;
}
