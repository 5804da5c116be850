#include "actor/timer.h"

#include "actor/conc.h"
#include "actor/future.h"
#include "actor/runtime.h"
#include "actor/timers.h"
#include "base/clock.h"
#include "base/hooks.h"
#include "base/log.h"
#include "base/sized.h"
#include "base/symbol.h"
#include "link/foreign.h"
#include "link/known.h"
#include "link/peer.h"
#include "value/failure.h"
#include "value/name.h"
#include "wait/wait.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OPTIONS_BYTES 80u /* of struct corps_timer_options, as it came */

/* Between two tries of a ring that could not be sent: a link is being made, or (of one call alone) a mailbox is full.
 */
#define PAUSE_NS INT64_C(1000000)
#define PAUSE_MAX_NS INT64_C(100000000)

/* ---- references ---- */

struct corps_timer *corps__timer_ref(struct corps_timer *timer) {
    atomic_fetch_add(&timer->refs, 1);
    return timer;
}

void corps__timer_unref(struct corps_timer *timer) {
    if (atomic_fetch_sub(&timer->refs, 1) != 1) {
        return;
    }
    corps_box_unref(timer->args);
    corps_name_unref(timer->to);
    if (timer->corps != NULL) {
        corps__corps_unref(timer->corps);
    }
    free(atomic_load(&timer->failure));
    pthread_mutex_destroy(&timer->lock);
    free(timer);
}

/* ---- its end ---- */

/* Under its lock: nothing is sent any more. What it calls with may be an interpreter's, for whose lock the leader must
 * not wait, nor anybody who has this one: gives what the caller is to drop once it has let that go. */
static struct corps_box *end_locked(struct corps_timer *timer, bool may_wait) {
    timer->over = true;
    if (timer->trying) {
        timer->trying = false;
        corps__timers_busy(-1);
    }
    if (corps__timers_clear(timer)) {
        atomic_fetch_sub(&timer->refs, 1); /* the caller has another one */
    }
    corps__timers_unlist(timer);
    if (timer->args != NULL && !may_wait) {
        corps__timers_hand_over(timer, CORPS__TIMER_DROP);
        return NULL;
    }
    struct corps_box *args = timer->args;
    timer->args = NULL;
    return args;
}

/* Under its lock: what it calls is gone, or cannot be called. */
static struct corps_box *fail_locked(struct corps_timer *timer, enum corps_err code, const char *text, bool may_wait) {
    const struct corps_error_info info = {.code = code, .text = text};
    bool in_order = code == CORPS_ERR_EXITED || atomic_load(&corps__actors->ending);
    if (atomic_load(&timer->failure) == NULL && !in_order) {
        char worker[400];
        (void)corps_name_text(timer->to, worker, sizeof worker);
        corps__log(CORPS_LOG_WARN, "timer_stopped",
                   CORPS__LOG_FIELDS(CORPS__LOG_TEXT("worker", worker), CORPS__LOG_TEXT("method", timer->method)),
                   "a timer that calls '%s' of %s has stopped: %s", timer->method, worker, text);
    }
    if (atomic_load(&timer->failure) == NULL) {
        atomic_store(&timer->failure, corps__failure_create(&info));
    }
    return end_locked(timer, may_wait);
}

/* ---- sending ---- */

/* There is no way to the Worker for now. True: nor will there be, as the detail says. */
static bool is_gone_for_good(const struct corps_timer *timer, const struct corps__peer *peer) {
    if (atomic_load(&peer->env_info->lost)) {
        (void)!corps_error_set(CORPS_ERR_WORKER_LOST, "%s", peer->env_info->lost_text);
        return true;
    }
    if (atomic_load(&timer->corps->exited) || corps__peer_has_exited(peer)) {
        (void)!corps_error_set(CORPS_ERR_EXITED, "the Corps has exited");
        return true;
    }
    return false;
}

static enum corps_err connect_job(void *arg) {
    return corps__peer_connect(arg);
}

/* AGAIN: the link to the Worker's Env is being made, or that is being started again. */
static enum corps_err find_way(const struct corps_timer *timer) {
    struct corps__peer *peer;
    enum corps_err err = corps__peer_of(timer->corps, timer->to->env, false, &peer);
    if (err != CORPS_OK || corps__peer_is_ready(peer)) {
        return err;
    }
    err = corps__with_lead(connect_job, peer); /* begins it; what comes of it is seen at the next try */
    (void)err;
    return is_gone_for_good(timer, peer) ? CORPS_ERR_EXITED : CORPS_ERR_AGAIN;
}

/* A call like one that is made outside of methods, whatever method this thread waits in. */
static enum corps_err call(const struct corps_timer *timer, struct corps_future **future) {
    struct corps_context *waiting = corps__innermost;
    corps__innermost = NULL;
    const struct corps_call_options options = {.flags = (timer->single ? CORPS_CALL_NO_WAIT : CORPS_CALL_TRY) |
                                                        CORPS_CALL_DETACHED,
                                               .serializer = timer->serializer};
    struct corps_value args = timer->args != NULL ? corps_value_of_box(timer->args) : corps_nil();
    enum corps_err err = corps_call(timer->to, timer->method, &args, &options, future);
    corps__innermost = waiting;
    return err;
}

/* OK: it is on its way. FULL: not now. AGAIN: soon. Else: never. */
static enum corps_err try_to_send(const struct corps_timer *timer, struct corps_future **future) {
    enum corps_err err = timer->local || !timer->single ? CORPS_OK : find_way(timer);
    err = err == CORPS_OK ? call(timer, future) : err;
    switch (err) {
    case CORPS_ERR_NO_MEMORY:
    case CORPS_ERR_TIMEOUT:
        return CORPS_ERR_FULL;
    case CORPS_ERR_CLOSED:
    case CORPS_ERR_WORKER_LOST: /* unless that is known for good, another process may take the Env's place */
        if (!timer->local && timer->single) {
            struct corps__peer *peer;
            bool gone =
                corps__peer_of(timer->corps, timer->to->env, false, &peer) != CORPS_OK || is_gone_for_good(timer, peer);
            return gone ? CORPS_ERR_WORKER_LOST : CORPS_ERR_AGAIN;
        }
        return err;
    default:
        return err;
    }
}

/* ---- ringing ---- */

static void skip(struct corps_timer *timer, uint64_t count) {
    atomic_fetch_add(&timer->skipped, count);
}

/* The ring that was due is done with, one way or the other. */
static void take_ring(struct corps_timer *timer, int64_t now_ns) {
    if (timer->trying) {
        timer->trying = false;
        corps__timers_busy(-1);
    }
    timer->pause_ns = 0;
    skip(timer, corps__beat_take(&timer->beat, now_ns));
}

static void try_again(struct corps_timer *timer, int64_t now_ns) {
    if (!timer->trying) {
        timer->trying = true;
        corps__timers_busy(1);
    }
    int64_t pause_ns = timer->pause_ns * 2;
    timer->pause_ns = pause_ns < PAUSE_NS ? PAUSE_NS : pause_ns > PAUSE_MAX_NS ? PAUSE_MAX_NS : pause_ns;
    corps__timers_set(corps__timer_ref(timer), now_ns + timer->pause_ns);
}

/* What a ring leaves to do once the timer's lock is free. */
struct rung {
    struct corps_future *future; /* of what was sent */
    struct corps_box *drop;
};

static void ring_locked(struct corps_timer *timer, bool may_wait, struct rung *rung) {
    int64_t now_ns = corps__now_ns();
    bool late = timer->trying && corps__beat_is_late(&timer->beat, now_ns);
    bool single = timer->beat.every_ns == 0;
    enum corps_err err = late || timer->future != NULL ? CORPS_ERR_FULL : try_to_send(timer, &rung->future);
    if (err == CORPS_ERR_AGAIN || (err == CORPS_ERR_FULL && single)) {
        try_again(timer, now_ns);
        return;
    }
    if (err != CORPS_OK && err != CORPS_ERR_FULL) {
        char text[400];
        snprintf(text, sizeof text, "%s", corps_error_detail());
        rung->drop = fail_locked(timer, err, text, may_wait);
        return;
    }
    if (err == CORPS_OK) {
        atomic_fetch_add(&timer->sent, 1);
        timer->future = rung->future;
        corps__timers_busy(1);
    } else {
        skip(timer, 1);
    }
    take_ring(timer, now_ns);
    if (timer->beat.over) {
        rung->drop = end_locked(timer, may_wait);
    } else {
        corps__timers_set(corps__timer_ref(timer), timer->beat.due_ns);
    }
}

/* This thread has the lead: what becomes ready under its hands is settled elsewhere. */
static _Thread_local bool leads;

static void on_ready(void *arg);

static void ring(struct corps_timer *timer, bool may_wait) {
    struct rung rung = {NULL, NULL};
    pthread_mutex_lock(&timer->lock);
    if (!timer->over && atomic_load(&corps__actors->ending)) {
        rung.drop = end_locked(timer, may_wait);
    } else if (!timer->over) {
        ring_locked(timer, may_wait, &rung);
    }
    pthread_mutex_unlock(&timer->lock);
    corps_box_unref(rung.drop);
    if (rung.future == NULL) {
        return;
    }
    if (timer->local && !corps__leader_is_idle()) { /* a call alone expects its caller to run the Worker */
        corps__thread_pool_wake_one();
    }
    leads = !may_wait;
    corps_future_on_ready(rung.future, on_ready, corps__timer_ref(timer));
    leads = false;
}

/* ---- what comes of it ---- */

/* Does this failure say that there will be no such Worker any more? */
static bool is_end(const struct corps_error_info *info) {
    static const char ended[] = "has ended";
    size_t bytes = strlen(info->text);
    switch (info->code) {
    case CORPS_ERR_NO_WORKER:
    case CORPS_ERR_NO_METHOD: /* nor has it a method like that */
    case CORPS_ERR_EXITED:
        return true;
    case CORPS_ERR_WORKER_LOST: /* by its Env, which lives; else that may be started again */
        return info->origin[0] != '\0';
    case CORPS_ERR_REMOTE: /* an object of another language that has ended by itself */
        return strcmp(info->type, "NO_WORKER") == 0 && bytes >= sizeof ended - 1 &&
               strcmp(info->text + bytes - (sizeof ended - 1), ended) == 0;
    default:
        return false;
    }
}

/* Under its lock. Gives what is to be dropped. */
static struct corps_box *take_failure(struct corps_timer *timer, const struct corps_error_info *info, bool may_wait) {
    if (is_end(info)) {
        enum corps_err code = info->code == CORPS_ERR_REMOTE ? CORPS_ERR_NO_WORKER : info->code;
        return fail_locked(timer, code, info->text, may_wait);
    }
    atomic_fetch_add(&timer->failed, 1);
    if (!timer->told_failure) { /* the first in a row: nobody will ever hear of it otherwise */
        timer->told_failure = true;
        char worker[400];
        (void)corps_name_text(timer->to, worker, sizeof worker);
        corps__log_traced(
            CORPS_LOG_WARN, "timer_failed",
            CORPS__LOG_FIELDS(CORPS__LOG_TEXT("worker", worker), CORPS__LOG_TEXT("method", timer->method)),
            info->traceback, "%s: '%s', which a timer calls, failed: %s%s%s", worker, timer->method, info->type,
            info->type[0] != '\0' ? ": " : "", info->text);
    }
    return NULL;
}

/* The call is over. Decodes nothing but failures, which are plain: no result is asked for. */
static void settle(struct corps_timer *timer, bool may_wait) {
    pthread_mutex_lock(&timer->lock);
    struct corps_future *future = timer->future;
    timer->future = NULL;
    corps__timers_busy(-1);
    bool has_result =
        corps__future_is_framed(future) && atomic_load(&future->encoded) != 0 && future->header.kind != CORPS__FAILURE;
    struct corps_box *drop = NULL;
    if (!has_result && corps_future_wait(future, 0, NULL) != CORPS_OK) {
        drop = take_failure(timer, corps_future_error(future), may_wait);
    } else {
        timer->told_failure = false;
    }
    pthread_mutex_unlock(&timer->lock);
    corps_box_unref(drop);
    corps_future_destroy(future);
}

/* On whatever thread has completed it. */
static void on_ready(void *arg) {
    struct corps_timer *timer = arg;
    if (leads || !timer->local) { /* the result may be an interpreter's; an answer from elsewhere comes to the leader */
        corps__timers_hand_over(timer, CORPS__TIMER_SETTLE);
    } else {
        settle(timer, false);
    }
    corps__timer_unref(timer);
}

void corps__timer_attend(struct corps_timer *timer, unsigned what, bool may_wait) {
    if ((what & CORPS__TIMER_SETTLE) != 0) {
        settle(timer, may_wait);
        corps__timer_unref(timer);
    }
    if ((what & CORPS__TIMER_RING) != 0) {
        ring(timer, may_wait);
        corps__timer_unref(timer);
    }
    if ((what & CORPS__TIMER_DROP) != 0) {
        pthread_mutex_lock(&timer->lock);
        struct corps_box *args = timer->args;
        timer->args = NULL;
        pthread_mutex_unlock(&timer->lock);
        corps_box_unref(args);
        corps__timer_unref(timer);
    }
}

/* ---- public ---- */

static enum corps_err check_options(const struct corps_timer_options *options) {
    if (options->first_ns < 0 || options->every_ns < 0) {
        return corps_error_set(CORPS_ERR_INVALID,
                               "a timer rings first in %lld ns and then every %lld ns: neither can "
                               "be negative",
                               (long long)options->first_ns, (long long)options->every_ns);
    }
    if (options->every_ns == 0 && options->count > 1) {
        return corps_error_set(CORPS_ERR_INVALID,
                               "a timer that rings %llu times needs an every_ns: how long from one to the next",
                               (unsigned long long)options->count);
    }
    return (options->flags & ~(unsigned)CORPS_TIMER_DETACHED) == 0
               ? CORPS_OK
               : corps_error_set(CORPS_ERR_INVALID, "the flags of a timer are %#x; those that exist are %#x",
                                 options->flags, (unsigned)CORPS_TIMER_DETACHED);
}

static enum corps_err find_target(struct corps_timer *timer) {
    const struct corps_name *to = timer->to;
    timer->single = !corps__name_is_pool(to); /* a call to that goes elsewhere */
    timer->local = timer->single && corps_name_is_here(to);
    if (timer->local) {
        return corps__conc_find(to->conc) != NULL
                   ? CORPS_OK
                   : corps_error_set(CORPS_ERR_NO_WORKER, "Env %u has no Worker %u", to->env, to->conc);
    }
    struct corps *own = corps__own();
    enum corps_err err = CORPS_OK;
    if (own != NULL && own->id == to->corps_id) {
        timer->corps = corps__corps_ref(own);
    } else {
        err = corps__foreign_find(to->corps_id, &timer->corps);
    }
    if (err == CORPS_OK && atomic_load(&timer->corps->exited)) {
        err = corps_error_set(CORPS_ERR_EXITED, "the Corps of this Name has exited");
    }
    struct corps__peer *peer;
    return err == CORPS_OK && timer->single ? corps__peer_of(timer->corps, to->env, false, &peer) : err;
}

/* Its own name of it: the caller's may be gone at the first call. */
static enum corps_err find_serializer(struct corps_timer *timer, const char *name) {
    const struct corps_serializer *found = NULL;
    enum corps_err err = name != NULL ? corps_serializer_find(name, &found) : CORPS_OK;
    timer->serializer = found != NULL ? found->name : NULL;
    return err;
}

static enum corps_err keep_args(struct corps_timer *timer, const struct corps_value *args) {
    if (args == NULL || args->kind == CORPS_NIL) {
        return CORPS_OK;
    }
    if (args->kind == CORPS_BOX) {
        timer->args = corps_box_ref(args->box);
        return CORPS_OK;
    }
    return corps_box_of(args, &timer->args);
}

static struct corps_timer *make(const struct corps_name *to, const char *method,
                                const struct corps_timer_options *options) {
    struct corps_timer *timer = calloc(1, sizeof *timer + strlen(method) + 1);
    if (timer == NULL) {
        (void)!corps_error_set(CORPS_ERR_NO_MEMORY, "no memory for a timer");
        return NULL;
    }
    strcpy(timer->method, method);
    atomic_store(&timer->refs, 1);
    pthread_mutex_init(&timer->lock, NULL);
    timer->to = corps_name_ref(to);
    timer->beat = (struct corps__beat){
        .due_ns = corps__deadline_ns(options->first_ns), .every_ns = options->every_ns, .left = options->count};
    const struct corps_context *context = corps__context();
    timer->owned = context != NULL && (options->flags & CORPS_TIMER_DETACHED) == 0;
    timer->owner = timer->owned ? context->conc->id : 0;
    return timer;
}

enum corps_err corps_timer_start(const struct corps_name *to, const char *method, const struct corps_value *args,
                                 const struct corps_timer_options *given, struct corps_timer **out) {
    static const struct corps__sized kind = CORPS__SIZED(corps_timer_options, OPTIONS_BYTES);
    struct corps_timer_options own;
    if (given == NULL) {
        return corps_error_set(CORPS_ERR_INVALID, "a timer needs options: they say when it rings");
    }
    const struct corps_timer_options *options = corps__sized_take(&kind, given, &own);
    enum corps_err err = options != NULL ? check_options(options) : CORPS_ERR_INVALID;
    err = err == CORPS_OK ? corps__symbol_check(method, strlen(method)) : err;
    err = err == CORPS_OK ? corps__runtime_ensure() : err;
    if (err != CORPS_OK) {
        return err;
    }
    struct corps_timer *timer = make(to, method, options);
    if (timer == NULL) {
        return CORPS_ERR_NO_MEMORY;
    }
    err = find_target(timer);
    err = err == CORPS_OK ? find_serializer(timer, options->serializer) : err;
    err = err == CORPS_OK ? keep_args(timer, args) : err;
    if (err == CORPS_OK) {
        corps__timers_list(timer); /* first: whoever serves stays for it */
        err = corps__timers_open();
    }
    if (err == CORPS_OK) {
        corps__timers_set(corps__timer_ref(timer), timer->beat.due_ns);
        if (out != NULL) {
            *out = corps__timer_ref(timer);
        }
    }
    if (err != CORPS_OK) {
        corps__timers_unlist(timer);
    }
    corps__timer_unref(timer);
    return err;
}

bool corps_timer_stop(struct corps_timer *timer) {
    void *given_up = corps__give_up(); /* who sends may wait for it */
    pthread_mutex_lock(&timer->lock);
    bool stopped = !timer->over;
    struct corps_box *drop = stopped ? end_locked(timer, true) : NULL;
    pthread_mutex_unlock(&timer->lock);
    corps__take_back(given_up);
    corps_box_unref(drop);
    return stopped;
}

bool corps_timer_runs(struct corps_timer *timer) {
    void *given_up = corps__give_up();
    pthread_mutex_lock(&timer->lock);
    bool runs = !timer->over;
    pthread_mutex_unlock(&timer->lock);
    corps__take_back(given_up);
    return runs;
}

void corps_timer_counts(const struct corps_timer *timer, uint64_t *sent, uint64_t *skipped, uint64_t *failed) {
    *sent = atomic_load(&timer->sent);
    *skipped = atomic_load(&timer->skipped);
    *failed = atomic_load(&timer->failed);
}

const struct corps_error_info *corps_timer_error(const struct corps_timer *timer) {
    static const struct corps_error_info none = {.type = "", .text = "", .traceback = "", .detail = ""};
    const struct corps__failure *failure = atomic_load(&timer->failure);
    return failure != NULL ? &failure->info : &none;
}

void corps_timer_destroy(struct corps_timer *timer) {
    if (timer != NULL) {
        corps__timer_unref(timer);
    }
}

/* ---- after a fork ---- */

void corps__timer_forked(struct corps_timer *timer) {
    pthread_mutex_init(&timer->lock, NULL);
    timer->alarm = (struct corps__alarm){.link = NULL};
    timer->at = NULL;
    timer->over = true;
}
