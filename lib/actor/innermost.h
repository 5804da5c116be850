/* The thread's innermost context: what a class's own code runs in, and is over with. */
#ifndef CORPS_ACTOR_INNERMOST_H
#define CORPS_ACTOR_INNERMOST_H

#include "actor/burst.h"
#include "link/state.h"
#include "value/failure.h"

#include <stdlib.h>

/* In a child that a method has forked: ends it, after the method has returned there with `err`. Says what has failed,
 * since nobody else would. `failure` may be NULL. */
_Noreturn void corps__fork_end(enum corps_err err, const struct corps_error_info *failure);

/* The method is over: what was there for it goes. Part of leaving. */
static inline void corps__context_clear(struct corps_context *context) {
    if (context->burst.to != NULL) {
        corps__burst_end(&context->burst);
    }
    if (context->sent_route != NULL) {
        corps__context_end_open(context);
    }
    if (context->box != NULL) {
        corps_box_unref(context->box);
    }
    if (context->scratch != NULL) {
        corps_box_unref(context->scratch);
    }
    if (context->failure != NULL) {
        free(context->failure);
    }
}

/* Around what a class's own code does: `context`, on the caller's stack, is the thread's innermost one between them.
 * `message` is its request, or stands for one. Here, since a request costs little more than this. */
static inline void corps__context_enter(struct corps_context *context, struct corps__conc *conc,
                                        struct corps__message *message) {
    context->conc = conc;
    context->burst = (struct corps__burst){0};
    context->sent_route = NULL;
    context->open = NULL;
    context->sent_text = NULL;
    context->deadline_ns = (int64_t)message->header.deadline_ns;
    context->chain = (uint64_t)message->header.trace << 32;
    context->message = message;
    context->box = NULL;
    context->batch = NULL;
    context->args = NULL;
    context->scratch = NULL;
    context->held = false;
    context->failure = NULL;
    context->depth = corps__innermost != NULL ? corps__innermost->depth + 1 : 0;
    context->outer = corps__innermost;
    corps__innermost = context;
}
static inline void corps__context_leave(struct corps_context *context) {
    corps__innermost = context->outer;
    corps__context_clear(context);
}

/* What ran may have forked: a child ends here, after the code has returned there with `err`. */
static inline void corps__context_forked(const struct corps_context *context, enum corps_err err) {
    if (!corps__is_env()) {
        corps__fork_end(err, context->failure != NULL ? &context->failure->info : NULL);
    }
}

#endif
