#include "actor/innermost.h"

#include "actor/burst.h"
#include "base/log.h"
#include "link/state.h"
#include "value/failure.h"

#include <stdlib.h>
#include <unistd.h>

void corps__context_enter(struct corps_context *context, struct corps__conc *conc, struct corps__message *message) {
    context->conc = conc;
    context->burst = (struct corps__burst){0};
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

void corps__context_clear(struct corps_context *context) {
    if (context->burst.to != NULL) {
        corps__burst_end(&context->burst);
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

void corps__context_leave(struct corps_context *context) {
    corps__innermost = context->outer;
    corps__context_clear(context);
}

void corps__fork_end(enum corps_err err, const struct corps_error_info *failure) {
    if (err == CORPS_OK || err == CORPS_ERR_PENDING) {
        _exit(0);
    }
    corps__log_traced(CORPS_LOG_WARN, "child_failed", NULL, failure != NULL ? failure->traceback : NULL,
                      "a child that a method has forked failed: %s: %s",
                      failure != NULL ? failure->type : corps_error_name(err),
                      failure != NULL ? failure->text : corps_error_detail());
    _exit(1);
}

void corps__context_forked(const struct corps_context *context, enum corps_err err) {
    if (!corps__is_env()) {
        corps__fork_end(err, context->failure != NULL ? &context->failure->info : NULL);
    }
}
