#include "actor/conc.h"
#include "actor/deadlock.h"
#include "actor/future.h"
#include "actor/run.h"
#include "actor/runtime.h"
#include "actor/stuck.h"
#include "base/clock.h"
#include "codec/payload.h"
#include "link/peer.h"
#include "value/failure.h"
#include "value/plain.h"
#include "wait/trace.h"
#include "wait/wait.h"

#include <sched.h>
#include <stdlib.h>

/* The owner's side of a Future: waiting for it, and what came. */

static bool is_ready(void *arg) {
    return corps__future_is_ready(arg);
}

bool corps_future_ready(const struct corps_future *future) {
    if (!corps__future_is_ready(future)) {
        corps_flush();
        corps__poll_once();
        if (future->deadline_ns != CORPS_FOREVER && future->deadline_ns <= corps__now_ns()) {
            corps__future_end_late((struct corps_future *)(uintptr_t)future); /* no effect if it is ready */
        }
    }
    return corps__future_is_ready(future);
}

static __attribute__((cold, noinline)) struct corps__failure *failure_of(enum corps_err err) {
    const struct corps_error_info info = {.code = err, .text = corps_error_detail()};
    return corps__failure_create(&info);
}

/* The reply's bytes become the result in the thread that wants it, not in the one that leads. Threads that read the
 * same result at once each decode it, without a lock, since an interpreter's may be taken meanwhile; the first counts.
 */
static void decode_reply(struct corps_future *future) {
    if (!corps__future_is_framed(future) || atomic_load_explicit(&future->encoded, memory_order_acquire) == 0) {
        return;
    }
    struct corps_box *box = NULL;
    corps__stamp(future->header.id, corps__own_env(), CORPS_STAGE_REPLY_TAKEN);
    enum corps_err err = corps__payload_decode(future->frame_data, future->frame_bytes, &future->header, future->frame,
                                               future->keep_objects, &box);
    corps__stamp(future->header.id, corps__own_env(), CORPS_STAGE_REPLY_DECODED);
    int expected = 1;
    if (atomic_compare_exchange_strong(&future->encoded, &expected, 2)) {
        future->box = box;
        future->outcome = err;
        future->failure = err != CORPS_OK ? failure_of(err) : NULL;
        atomic_store_explicit(&future->encoded, 0, memory_order_release);
        return;
    }
    corps_box_unref(box);
    while (atomic_load_explicit(&future->encoded, memory_order_acquire) != 0) {
        (void)sched_yield(); /* the first one is putting down what it got */
    }
}

static enum corps_err outcome_of(struct corps_future *future, const struct corps_value **result) {
    static const struct corps_value nil;
    decode_reply(future);
    if (future->outcome != CORPS_OK) {
        const struct corps_error_info *info = corps_future_error(future);
        return info->type[0] != '\0' && future->outcome == CORPS_ERR_REMOTE
                   ? corps_error_set(future->outcome, "%s: %s (at %s)", info->type, info->text, info->origin)
                   : corps_error_set(future->outcome, "%s", info->text);
    }
    if (result != NULL) {
        *result = future->plain != NULL ? future->plain
                  : future->box != NULL ? corps__value_open(corps_box_root(future->box))
                                        : &nil;
    }
    return CORPS_OK;
}

/* Two ways to get on without a clock and without an entry in the Future's list. For a Conc of this Env: runs it. */
static bool run_local(struct corps_future *future, int64_t timeout_ns) {
    if (future->deadline_ns == CORPS_FOREVER && corps__may_run_inline(timeout_ns)) {
        bool concerns = corps__stuck_concerns();
        while (!corps__future_is_ready(future) && corps__task_claim(&future->local->task)) {
            if (concerns) {
                corps__stuck_hold(); /* the method waits, whatever runs on top of it */
            }
            corps__conc_run(&future->local->task, NULL, is_ready, future);
            if (concerns) {
                corps__stuck_let_go();
            }
        }
    }
    return corps__future_is_ready(future);
}

/* For another Env: only the leader completes such a call, so while this thread leads nobody needs to notify it. */
static bool look_for_reply(struct corps_future *future) {
    if (!corps__looks_around() || atomic_load_explicit(&future->peer, memory_order_relaxed) == NULL) {
        return false;
    }
    corps_flush();
    return corps__look_around(is_ready, future);
}

/* The same, now for as long as it takes: not at all where another thread leads. A method asks now and then whether its
 * wait could ever end, so it waits here until it asks first. */
static bool lead_for_reply(struct corps_future *future, int64_t now_ns, int64_t until_ns) {
    if (atomic_load_explicit(&future->peer, memory_order_relaxed) == NULL) {
        return false;
    }
    if (corps__context() != NULL && until_ns - now_ns > CORPS__DEADLOCK_ASKS_NS) {
        until_ns = now_ns + CORPS__DEADLOCK_ASKS_NS;
    }
    corps__future_lead(future);
    return corps__wait_leading(is_ready, future, until_ns);
}

/* As a waiter that is notified. */
static enum corps_err wait_listed(struct corps_future *future, int64_t now_ns, int64_t until_ns) {
    if (future->local != NULL && corps__conc_is_mine(future->local)) {
        return corps_error_set(CORPS_ERR_DEADLOCK,
                               "the wait could never end: it is for a Conc whose own method waits on this thread");
    }
    enum corps_err err = corps__runtime_ensure(); /* a wait may be the first thing that this process does */
    if (err != CORPS_OK) {
        return err;
    }
    struct corps__waiter waiter = CORPS__WAITER_INIT;
    struct corps__interest interest;
    corps__interest_take(future, &interest, &waiter);
    err = corps__context() == NULL ? corps__wait(&waiter, is_ready, future, until_ns, future->local)
                                   : corps__deadlock_wait(future, &waiter, is_ready, now_ns, until_ns);
    corps__interest_drop(future, &interest);
    return err;
}

enum corps_err corps_future_wait(struct corps_future *future, int64_t timeout_ns, const struct corps_value **result) {
    bool ready = timeout_ns > 0 ? corps__future_is_ready(future) : corps_future_ready(future);
    if (!ready && timeout_ns > 0) {
        ready = future->local != NULL ? run_local(future, timeout_ns) : look_for_reply(future);
    }
    if (!ready) {
        int64_t now_ns = corps__now_ns();
        int64_t deadline_ns = corps__deadline_from_ns(now_ns, timeout_ns);
        bool calls_own = future->deadline_ns <= deadline_ns;
        int64_t until_ns = calls_own ? future->deadline_ns : deadline_ns;
        bool led = until_ns > now_ns && lead_for_reply(future, now_ns, until_ns);
        enum corps_err err = led ? CORPS_OK : wait_listed(future, now_ns, until_ns);
        if (err == CORPS_ERR_TIMEOUT && calls_own) {
            corps__future_end_late(future);
        } else if (err != CORPS_OK) {
            return err == CORPS_ERR_TIMEOUT ? corps_error_set(err, "no reply yet") : err;
        }
    }
    return outcome_of(future, result);
}

const struct corps_error_info *corps_future_error(const struct corps_future *future) {
    static const struct corps_error_info none = {.type = "", .text = "", .traceback = "", .detail = ""};
    static const struct corps_error_info untold = {
        .code = CORPS_ERR_NO_MEMORY, .type = "", .text = "no memory to say what failed", .traceback = "", .detail = ""};
    return future->outcome == CORPS_OK ? &none : future->failure != NULL ? &future->failure->info : &untold;
}

/* A plain result lies in the Future: that is kept. */
struct kept {
    struct corps_block block; /* first */
    struct corps_future *future;
};

static void free_kept_future(struct corps_block *block) {
    corps__future_unref(((struct kept *)block)->future);
    free(block);
}

static struct corps_box *keep_plain(struct corps_future *future) {
    struct corps_box *box = corps_box_create();
    struct kept *kept = box != NULL ? malloc(sizeof *kept) : NULL;
    if (kept == NULL) {
        corps_box_unref(box);
        return NULL;
    }
    kept->future = corps__future_ref(future);
    corps_block_init(&kept->block, future->small, sizeof future->small, free_kept_future);
    if (corps_box_keep_block(box, &kept->block) != CORPS_OK) { /* has dropped it */
        corps_box_unref(box);
        return NULL;
    }
    corps_box_set_root(box, *future->plain);
    return box;
}

struct corps_box *corps_future_box(struct corps_future *future) {
    if (!corps__future_is_ready(future)) {
        return NULL;
    }
    decode_reply(future);
    if (future->outcome == CORPS_OK && future->plain != NULL) {
        return keep_plain(future);
    }
    return future->outcome == CORPS_OK && future->box != NULL ? corps_box_ref(future->box) : NULL;
}

void corps_future_destroy(struct corps_future *future) {
    corps__future_unref(future);
}

/* ---- several ---- */

struct several {
    struct corps_future *const *futures;
    size_t count;
    size_t ready; /* all: the first ones known to be ready; next: the index found */
};

static bool all_ready(void *arg) {
    struct several *s = arg;
    while (s->ready < s->count && (s->futures[s->ready] == NULL || corps__future_is_ready(s->futures[s->ready]))) {
        s->ready++;
    }
    return s->ready == s->count;
}

static bool any_ready(void *arg) {
    struct several *s = arg;
    for (s->ready = 0; s->ready < s->count; s->ready++) {
        if (s->futures[s->ready] != NULL && corps__future_is_ready(s->futures[s->ready])) {
            return true;
        }
    }
    return false;
}

enum corps_err corps_wait_all(struct corps_future *const *futures, size_t count, int64_t timeout_ns) {
    /* One after the other is no slower than all at once: the last one decides. */
    int64_t deadline = corps__deadline_ns(timeout_ns);
    struct several s = {.futures = futures, .count = count};
    while (!all_ready(&s)) {
        int64_t left = deadline == CORPS_FOREVER ? CORPS_FOREVER : deadline - corps__now_ns();
        enum corps_err err = corps_future_wait(futures[s.ready], left > 0 ? left : 0, NULL);
        if (!corps__future_is_ready(futures[s.ready])) {
            return err;
        }
    }
    return CORPS_OK;
}

enum corps_err corps_wait_next(struct corps_future *const *futures, size_t count, int64_t timeout_ns, size_t *index) {
    struct several s = {.futures = futures, .count = count};
    struct corps__waiter waiter = CORPS__WAITER_INIT;
    int64_t deadline = corps__deadline_ns(timeout_ns);
    struct corps__conc *local = NULL;
    size_t waited = 0;
    struct corps_future *soonest = NULL;
    for (size_t i = 0; i < count; i++) {
        if (futures[i] != NULL) {
            waited++;
            local = futures[i]->local;
            soonest = soonest == NULL || futures[i]->deadline_ns < soonest->deadline_ns ? futures[i] : soonest;
        }
    }
    if (waited == 0) {
        return corps_error_set(CORPS_ERR_INVALID, "wait_next was given no Future to wait for");
    }
    enum corps_err err = corps__runtime_ensure();
    if (err != CORPS_OK) {
        return err;
    }
    struct corps__interest few[16];
    struct corps__interest *interests = count <= sizeof few / sizeof few[0] ? few : malloc(count * sizeof *interests);
    if (interests == NULL) {
        return corps_error_set(CORPS_ERR_NO_MEMORY, "no memory to wait for %zu Futures", count);
    }
    for (size_t i = 0; i < count; i++) {
        if (futures[i] != NULL) {
            corps__interest_take(futures[i], &interests[i], &waiter);
        }
    }
    bool calls_own = soonest->deadline_ns < deadline;
    err = corps__wait(&waiter, any_ready, &s, calls_own ? soonest->deadline_ns : deadline,
                      waited == 1 && corps__is_patient(deadline) ? local : NULL);
    for (size_t i = 0; i < count; i++) {
        if (futures[i] != NULL) {
            corps__interest_drop(futures[i], &interests[i]);
        }
    }
    if (interests != few) {
        free(interests);
    }
    if (err == CORPS_ERR_TIMEOUT && calls_own) {
        corps__future_end_late(soonest);
        err = CORPS_OK;
        (void)any_ready(&s);
    }
    if (err == CORPS_OK) {
        *index = s.ready;
    }
    return err;
}
