#include "process/changes.h"

#include "base/clock.h"
#include "codec/record.h"
#include "link/known.h"
#include "process/children.h"
#include "process/ending.h"
#include "process/life.h"
#include "wait/wait.h"

#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

struct change {
    struct corps_request *request;
    bool adds;
    unsigned env;
    char where[CORPS__WHERE_BYTES]; /* adds: the host, "": any */
    int64_t timeout_ns;
    bool killed; /* it took too long */
    enum corps_err err;
    char text[CORPS__CHANGE_TEXT_BYTES];
    _Atomic bool done; /* the latter two are written before */
    struct change *next;
};

/* Everything with the lead, but for what is atomic. */
static struct {
    struct change *first;          /* those of Envs that are on their way */
    struct change *_Atomic adding; /* one of them at the most */
    unsigned count;                /* of threads */
    _Atomic bool halted;
    struct corps__waitlist waiters;
} changes = {.waiters = {.lock = PTHREAD_MUTEX_INITIALIZER}};

static enum corps_err fails(struct change *change, enum corps_err err, const char *text) {
    change->err = err;
    snprintf(change->text, sizeof change->text, "%s", text);
    return err;
}

/* ---- with the lead: beginning ---- */

static enum corps_err the_corps_ends(struct change *change) {
    return fails(change, CORPS_ERR_EXITED, "the Corps ends, and nothing is added to it or taken from it any more");
}

static void list(struct change *change) {
    change->next = changes.first;
    changes.first = change;
}

/* AGAIN: another one is being added; changes.adding says when that is over. */
static enum corps_err begin_adding(void *arg) {
    struct change *change = arg;
    if (corps__life.stage != CORPS__SERVING) {
        return the_corps_ends(change);
    }
    if (atomic_load(&changes.adding) != NULL) {
        return CORPS_ERR_AGAIN;
    }
    change->env = corps__child_number();
    if (change->env == 0) {
        char text[128];
        snprintf(text, sizeof text, "a Corps can have %u Envs; take one that is not needed", CORPS__ENVS_MAX);
        return fails(change, CORPS_ERR_LIMIT, text);
    }
    enum corps_err err = corps__child_add(change->env, change->where);
    if (err == CORPS_ERR_CLOSED) { /* it could not be told anything */
        return fails(change, CORPS_ERR_WORKER_LOST, "the process of the new Env has ended before it began");
    }
    if (err != CORPS_OK) {
        return fails(change, err, corps_error_detail());
    }
    list(change);
    atomic_store(&changes.adding, change);
    return CORPS_OK;
}

/* NULL: it may be taken; else why not. */
static const char *why_not(unsigned env) {
    const struct corps__life_child *child = env < corps__life.child_count ? &corps__life.children[env] : NULL;
    if (env == 0) {
        return "is what keeps the Corps together and is not taken from it";
    }
    if (child == NULL || child->env == 0 || child->joins) {
        return "does not exist";
    }
    return child->leaves ? "is being taken already" : !child->present ? "was taken already" : NULL;
}

static enum corps_err begin_taking(void *arg) {
    struct change *change = arg;
    if (corps__life.stage != CORPS__SERVING) {
        return the_corps_ends(change);
    }
    const char *why = why_not(change->env);
    if (why != NULL) {
        char text[128];
        snprintf(text, sizeof text, "Env %u %s; the Corps has numbers up to %u", change->env, why,
                 corps__life.corps->settings.env_count - 1);
        return fails(change, CORPS_ERR_INVALID, text);
    }
    list(change);
    corps__child_take(change->env);
    return CORPS_OK;
}

static enum corps_err kill_it(void *arg) {
    struct change *change = arg;
    if (!atomic_load(&change->done)) {
        change->killed = true;
        corps__child_end_now(change->env);
    }
    return CORPS_OK;
}

/* ---- with the lead: what has come of it ---- */

static void finish(unsigned env, enum corps_err err, const char *text) {
    struct change **at = &changes.first;
    while (*at != NULL && (*at)->env != env) {
        at = &(*at)->next;
    }
    struct change *change = *at;
    if (change == NULL) {
        return;
    }
    *at = change->next;
    if (change->killed && corps__life.stage == CORPS__SERVING) {
        char late[CORPS__CHANGE_TEXT_BYTES];
        snprintf(late, sizeof late, "Env %u %s within %lld ms and was killed%s", env,
                 change->adds ? "was not up" : "did not end", (long long)(change->timeout_ns / 1000000),
                 change->adds ? "; raise boot_timeout_ns, or look at what it does before it serves" : "");
        (void)fails(change, CORPS_ERR_TIMEOUT, late);
    } else if (err != CORPS_OK && corps__life.stage != CORPS__SERVING) {
        (void)the_corps_ends(change);
    } else if (err != CORPS_OK) {
        (void)fails(change, err, text);
    }
    if (atomic_load(&changes.adding) == change) {
        atomic_store(&changes.adding, NULL);
    }
    atomic_store(&change->done, true);
    corps__waitlist_notify(&changes.waiters);
}

void corps__change_joined(unsigned env) {
    finish(env, CORPS_OK, "");
}

void corps__change_not_joined(unsigned env, const struct corps_error_info *info) {
    finish(env, info->code, info->text);
}

void corps__change_left(unsigned env, const char *how) {
    char text[CORPS__CHANGE_TEXT_BYTES];
    snprintf(text, sizeof text, "Env %u %s while it was being taken; its Workers may not have been cleaned up", env,
             how != NULL ? how : "");
    finish(env, how != NULL ? CORPS_ERR_WORKER_LOST : CORPS_OK, text);
}

void corps__changes_halt(void) {
    atomic_store(&changes.halted, true);
    struct change *adding = atomic_load(&changes.adding);
    if (adding != NULL) {
        corps__child_end_now(adding->env);
    }
    corps__waitlist_notify(&changes.waiters);
}

bool corps__changes_are_over(void) {
    return changes.count == 0;
}

/* ---- the thread ---- */

static bool is_done(void *arg) {
    return atomic_load(&((struct change *)arg)->done);
}

static bool may_begin(void *arg) {
    (void)arg;
    return atomic_load(&changes.adding) == NULL || atomic_load(&changes.halted);
}

/* Waits, whatever else is the matter; false: the deadline has passed. */
static bool await(bool (*holds)(void *arg), struct change *change, int64_t deadline_ns) {
    while (!holds(change)) {
        enum corps_err err = corps__waitlist_wait(&changes.waiters, holds, change, deadline_ns, NULL);
        if (err == CORPS_ERR_TIMEOUT) {
            return holds(change);
        }
        if (err != CORPS_OK) {
            (void)poll(NULL, 0, 1);
        }
    }
    return true;
}

static enum corps_err begin(struct change *change) {
    enum corps_err err;
    while ((err = corps__with_lead(change->adds ? begin_adding : begin_taking, change)) == CORPS_ERR_AGAIN) {
        (void)await(may_begin, change, CORPS_FOREVER);
    }
    return err;
}

static void answer(struct change *change) {
    struct corps_value items[3] = {corps_int(change->err), corps_int(change->env), corps_str(change->text)};
    struct corps_value outcome = corps_array(items, 3);
    (void)!corps_request_reply(change->request, &outcome);
}

static enum corps_err thread_ends(void *arg) {
    (void)arg;
    changes.count--;
    corps__end_when_cleaned(); /* the Corps may wait for this thread */
    return CORPS_OK;
}

static void *carry_out(void *arg) {
    struct change *change = arg;
    if (begin(change) == CORPS_OK) {
        if (!await(is_done, change, corps__deadline_ns(change->timeout_ns))) {
            (void)!corps__with_lead(kill_it, change);
            (void)await(is_done, change, CORPS_FOREVER);
        }
    }
    answer(change);
    free(change);
    (void)!corps__with_lead(thread_ends, NULL);
    return NULL;
}

static enum corps_err count_thread(void *arg) {
    (void)arg;
    changes.count++;
    return CORPS_OK;
}

/* A change whose request was put off: from here on the thread answers. */
static enum corps_err start_thread(struct change *change) {
    (void)!corps__with_lead(count_thread, NULL);
    pthread_t thread;
    int failed = pthread_create(&thread, NULL, carry_out, change);
    if (failed == 0) {
        pthread_detach(thread);
        return CORPS_ERR_PENDING;
    }
    (void)fails(change, CORPS_ERR_SYSTEM, "Env 0 cannot start a thread, to add or take an Env");
    answer(change);
    free(change);
    (void)!corps__with_lead(thread_ends, NULL);
    return CORPS_ERR_PENDING;
}

enum corps_err corps__change_begin(struct corps_context *context, bool adds, const struct corps_value *args) {
    if (!corps__is_env_0()) {
        return corps_error_set(CORPS_ERR_INVALID, "Env 0 is to be asked, and this is Env %u", corps__own_env());
    }
    struct change *change = calloc(1, sizeof *change);
    if (change == NULL) {
        return corps_error_set(CORPS_ERR_NO_MEMORY, "no memory to add or take an Env");
    }
    change->adds = adds;
    change->env = adds ? 0 : (unsigned)corps__record_int(args, 0, 0);
    corps__record_text(args, adds ? 0 : SIZE_MAX, change->where, sizeof change->where);
    change->timeout_ns = adds ? corps__life.corps->settings.boot_timeout_ns : corps__record_int(args, 1, 0);
    change->request = corps_request_hold(context);
    if (change->request == NULL) {
        free(change);
        return corps_error_set(CORPS_ERR_NO_MEMORY, "no memory to add or take an Env");
    }
    return start_thread(change);
}
