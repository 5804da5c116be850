#include "actor/runtime.h"

#include "actor/again.h"
#include "actor/answers.h"
#include "actor/burst.h"
#include "actor/cancel.h"
#include "actor/deadlock.h"
#include "actor/defer.h"
#include "actor/dispatch.h"
#include "actor/fork.h"
#include "actor/future.h"
#include "actor/probe.h"
#include "actor/requests.h"
#include "actor/run.h"
#include "actor/stuck.h"
#include "base/log.h"
#include "link/foreign.h"
#include "link/known.h"

#include <sodium.h>
#include <stdlib.h>

/* ---- what this floor does for those below ---- */

/* Nothing may be held back while a method waits. `work` is a Conc that this thread may run meanwhile. */
static void *begin_wait(void *work) {
    corps__context_end_burst();
    corps_flush();
    const struct corps_context *context = corps__context();
    return context != NULL && context->depth >= CORPS__NESTED_MAX ? NULL : work;
}

static bool can_run(const void *work) {
    return corps__task_is_queued(&((const struct corps__conc *)work)->task);
}

static bool run_work(void *work, bool (*done)(void *arg), void *arg) {
    struct corps__task *task = &((struct corps__conc *)work)->task;
    bool claimed = corps__task_claim(task);
    if (claimed) {
        corps__stuck_pause(); /* the method waits, whatever runs on top of it */
        corps__conc_run(task, NULL, done, arg);
        corps__stuck_go_on();
    }
    return claimed;
}

static enum corps_err block(void) {
    enum corps_err err = corps__thread_pool_block();
    if (err == CORPS_OK) {
        corps__stuck_pause();
    }
    return err;
}

static void unblock(void) {
    corps__stuck_go_on();
    corps__thread_pool_unblock();
}

static void sweep_retired(void) {
    if (corps__peers_retired()) {
        corps__peers_sweep();
    }
}

static const struct corps__reactor_ops reactor_ops = {
    .on_event = corps__dispatch,
    .tend = corps__link_floor_tend,
    .tend_rarely = sweep_retired,
    .wants = corps__thread_pool_wants,
    .disturbs = corps__thread_pool_leader_disturbs,
    .lead_passes = corps__dispatch_end_burst,
    .lead_is_free = corps__thread_pool_lead_is_free,
    .begin_wait = begin_wait,
    .block = block,
    .unblock = unblock,
    .can_work = can_run,
    .work = run_work,
};

/* The leader may be adding to a batch of the peer's. */
static void end_burst(struct corps__peer *peer) {
    (void)peer;
    corps__dispatch_end_burst();
}

static void lose_calls(struct corps__peer *peer, enum corps_err code, const char *text) {
    corps__calls_fail(peer, code, text);
    corps__again_lost(peer, code, text);
}

static const struct corps__link_ops link_ops = {
    .on_lost = lose_calls,
    .on_read = corps__deferred_resume,
    .on_retired = end_burst,
    .on_connected = corps__again_connected,
    .waits = corps__again_waits,
    .on_counted = corps__conc_count_over,
    .on_held = corps__thread_pool_expect_tick,
    .refresh = corps__foreign_refresh,
    .hear = corps__foreign_take,
};

/* ---- start ---- */

static pthread_mutex_t starting = PTHREAD_MUTEX_INITIALIZER;

static enum corps_err start_runtime(bool is_env, uint64_t corps_id, uint32_t env) {
    if (corps__reactor->started) {
        return CORPS_OK;
    }
    corps__fork_watch();
    if (sodium_init() < 0) {
        return corps_error_set(CORPS_ERR_SYSTEM, "libsodium cannot start: no source of random numbers");
    }
    enum corps_err err = corps__reactor_start(&reactor_ops);
    if (err != CORPS_OK) {
        return err;
    }
    corps__link_floor->ops = &link_ops;
    corps__futures_start();
    corps__identify(is_env, corps_id, env);
    corps__reactor_open();
    return CORPS_OK;
}

enum corps_err corps__runtime_start(bool is_env, uint64_t corps_id, uint32_t env) {
    pthread_mutex_lock(&starting);
    enum corps_err err = start_runtime(is_env, corps_id, env);
    pthread_mutex_unlock(&starting);
    return err;
}

void corps__runtime_own(struct corps *corps) {
    corps__link_floor->own = corps;
    corps__corps_list(corps);
    corps__reactor_wake_set(corps->settings.wake);
}

/* ---- several ---- */

struct corps__runtime *corps__runtime_create(void) {
    struct corps__runtime *made = calloc(1, sizeof *made);
    if (made == NULL) {
        return NULL;
    }
    *made = (struct corps__runtime){.reactor = calloc(1, sizeof *made->reactor),
                                    .links = calloc(1, sizeof *made->links),
                                    .actors = calloc(1, sizeof *made->actors)};
    if (made->reactor == NULL || made->links == NULL || made->actors == NULL) {
        corps__runtime_free(made);
        return NULL;
    }
    corps__reactor_init(made->reactor);
    corps__link_floor_init(made->links);
    corps__actors_init(made->actors);
    return made;
}

static void empty_runtime(void) {
    if (corps__actors->timers.ops != NULL) {
        corps__actors->timers.ops->empty();
    }
    corps__peers_close(NULL);
    corps__ports_close(NULL);
    corps__cancels_free();
    corps__concs_free();
    corps__probes_free();
    corps__answers_free();
    corps__thread_pool_free();
    struct corps *own = corps__own();
    corps__link_floor->own = NULL;
    if (own != NULL) {
        corps__corps_unlist(own);
    }
    corps__corps_reap();
    corps__reactor_stop();
}

void corps__runtime_free(struct corps__runtime *runtime) {
    if (runtime->reactor != NULL && runtime->reactor->started) {
        struct corps__runtime before = corps__runtime_enter(*runtime);
        empty_runtime();
        (void)corps__runtime_enter(before);
    }
    free(runtime->reactor);
    free(runtime->links);
    free(runtime->actors);
    free(runtime);
}

struct corps__runtime corps__runtime_enter(struct corps__runtime runtime) {
    struct corps__runtime before = {corps__reactor, corps__link_floor, corps__actors};
    corps__reactor = runtime.reactor;
    corps__link_floor = runtime.links;
    corps__actors = runtime.actors;
    return before;
}

/* ---- after a fork ---- */

void corps__runtime_forked(void) {
    corps__link_floor->is_env = false;
    corps__link_floor->env = CORPS__GUEST_ENV;
    corps__link_floor->own = NULL;
    corps__log_identify(-1);
    atomic_store(&corps__link_floor->check_foreign, false);
    pthread_mutex_init(&starting, NULL);
}
