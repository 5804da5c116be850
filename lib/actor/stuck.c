#include "actor/stuck.h"

#include "base/clock.h"
#include "base/symbol.h"
#include "link/known.h"

#include <stdio.h>
#include <stdlib.h>

/* A look that comes later than this after the one before, or after the method began: the process did not run in
 * between (it was stopped, or the machine was), and so no method did. The monitor looks at once when one begins. */
#define STOOD_STILL_NS (3 * CORPS__STUCK_LOOK_MS * INT64_C(1000000))

/* One call, on the stack of its thread. */
struct run {
    struct run *next, **at; /* while it is listed */
    struct run *outer;      /* the one below it on the same stack */
    const struct corps__conc *conc;
    int64_t listed_ns, due_ns; /* while it is listed: since when, and when it has run for too long */
    int64_t left_ns;           /* while it is not: for how long it may run */
    unsigned pauses;
    char method[64]; /* its own: the request may be another thread's by now */
};

/* All of the process's runtimes; only one that is an Env has a monitor. */
static struct {
    pthread_mutex_t lock;
    struct run *first;
    int64_t looked_ns; /* when the monitor looked last */
    _Atomic unsigned count;
    void (*end)(const char *why);
} stuck = {.lock = PTHREAD_MUTEX_INITIALIZER};

static _Thread_local struct run *innermost;

void corps__stuck_begin(void (*end)(const char *why)) {
    stuck.end = end;
}

/* ---- by the thread that runs the method ---- */

static void list(struct run *run) {
    pthread_mutex_lock(&stuck.lock);
    int64_t now_ns = corps__now_ns();
    run->listed_ns = now_ns;
    run->due_ns = run->left_ns < INT64_MAX - now_ns ? now_ns + run->left_ns : INT64_MAX;
    run->next = stuck.first;
    run->at = &stuck.first;
    if (run->next != NULL) {
        run->next->at = &run->next;
    }
    stuck.first = run;
    atomic_fetch_add(&stuck.count, 1);
    pthread_mutex_unlock(&stuck.lock);
    corps__thread_pool_expect_tick(); /* pairs with corps__stuck_any: the monitor sees this one, or is seen asleep */
}

/* Under the lock. */
static void leave_out_standstill(struct run *run, int64_t now_ns) {
    int64_t since_ns = now_ns - (run->listed_ns > stuck.looked_ns ? run->listed_ns : stuck.looked_ns);
    if (since_ns > STOOD_STILL_NS && run->due_ns < INT64_MAX - since_ns) {
        run->due_ns += since_ns;
    }
}

static void unlist(struct run *run) {
    pthread_mutex_lock(&stuck.lock);
    int64_t now_ns = corps__now_ns();
    leave_out_standstill(run, now_ns);
    run->left_ns = run->due_ns - now_ns;
    *run->at = run->next;
    if (run->next != NULL) {
        run->next->at = run->at;
    }
    atomic_fetch_sub(&stuck.count, 1);
    pthread_mutex_unlock(&stuck.lock);
}

enum corps_err corps__stuck_run(corps_method_fn method, struct corps_context *context, const struct corps_value *args,
                                struct corps_value *result) {
    struct corps__conc *conc = context->conc;
    struct run run = {.outer = innermost, .conc = conc, .left_ns = corps__rare(conc)->stuck_ns};
    snprintf(run.method, sizeof run.method, "%s", context->message->method->name);
    innermost = &run;
    list(&run);
    enum corps_err err = method(context, corps__conc_self(conc), args, result);
    if (innermost == &run) { /* else this is the child of a fork */
        unlist(&run);
        innermost = run.outer;
    }
    return err;
}

void corps__stuck_hold(void) {
    if (innermost != NULL && innermost->pauses++ == 0) {
        unlist(innermost);
    }
}

void corps__stuck_let_go(void) {
    if (innermost != NULL && --innermost->pauses == 0) {
        list(innermost);
    }
}

/* ---- by the monitor ---- */

bool corps__stuck_any(void) {
    return atomic_load(&stuck.count) > 0;
}

static _Noreturn void end_env(const struct run *run) {
    char why[400];
    snprintf(
        why, sizeof why,
        "Worker L%u:M%u.%u of class %s has run its method '%s' for longer than %g s (Stuck_Timeout); its Env is ended",
        corps__own_env(), corps__own_env(), run->conc->id, corps__conc_class(run->conc), run->method,
        (double)corps__rare(run->conc)->stuck_ns / 1e9);
    stuck.end(why);
    abort(); /* it does not return */
}

void corps__stuck_look(void) {
    if (!corps__stuck_any()) {
        return;
    }
    pthread_mutex_lock(&stuck.lock);
    int64_t now_ns = corps__now_ns();
    for (struct run *run = stuck.first; run != NULL; run = run->next) {
        leave_out_standstill(run, now_ns);
        if (run->due_ns <= now_ns) {
            end_env(run);
        }
    }
    stuck.looked_ns = now_ns;
    pthread_mutex_unlock(&stuck.lock);
}

/* ---- settings ---- */

enum corps_err corps_context_stuck_after(struct corps_context *context, int64_t stuck_ns) {
    if (stuck_ns < 0) {
        return corps_error_set(CORPS_ERR_INVALID, "methods are not stuck after %lld ns: 0 is never",
                               (long long)stuck_ns);
    }
    if (corps__rare(context->conc)->stuck_ns != stuck_ns) {
        struct corps__rare *rare = corps__rare_make(context->conc);
        if (rare == NULL) {
            return corps_error_set(CORPS_ERR_NO_MEMORY, "no memory to say when a method of class %s is stuck",
                                   corps__conc_class(context->conc));
        }
        rare->stuck_ns = stuck_ns;
    }
    return CORPS_OK;
}

void corps__stuck_forked(void) {
    pthread_mutex_init(&stuck.lock, NULL);
    stuck.first = NULL;
    atomic_store(&stuck.count, 0);
    innermost = NULL;
}
