#include "actor/admit.h"

#include "actor/broken.h"
#include "actor/cancel.h"
#include "actor/checkpoint.h"
#include "actor/granted.h"
#include "actor/reply.h"
#include "actor/timing.h"
#include "base/clock.h"
#include "base/symbol.h"
#include "link/peer.h"

#include <stdio.h>
#include <string.h>

static corps_method_fn method_named(const struct corps_class *class, const char *name) {
    for (const struct corps_method *method = class->methods; method != NULL && method->name != NULL; method++) {
        if (strcmp(method->name, name) == 0) {
            return method->run;
        }
    }
    return NULL;
}

/* A retry call whose answer could not be kept is refused before it runs. */
static bool refuses_retry(const struct corps__conc *conc, struct corps__message *message) {
    if (!corps__answer_is_kept(message, conc) || atomic_load(&corps__rare(conc)->keep) == NULL ||
        !corps__checkpoint_is_full(conc)) {
        return false;
    }
    message->unkept = true;
    corps__reply_failure(message, conc, CORPS_ERR_FULL, "",
                         "the answers to retry calls that are kept with this Worker's state take up as much as they "
                         "may, and nothing was run; shorter timeouts help");
    return true;
}

/* A retry call of another process to a Conc that is gone here: its next life, on another host, answers it. */
static bool is_left_to_next_life(const struct corps__message *message) {
    return (message->header.flags & CORPS__RETRY) != 0 && message->from != NULL && atomic_load(&corps__actors->moves);
}

/* Of a request that cannot simply run: answers it, and gives NULL, unless it may all the same. `method`: the one that
 * it asks for, NULL for none. */
static __attribute__((noinline)) corps_method_fn
refuse_or_admit(struct corps__conc *conc, struct corps__message *message, corps_method_fn method) {
    if (!conc->alive && !conc->moved && (message->header.flags & CORPS__NO_REPLY) != 0) {
        corps__conc_fails(conc);
        corps__message_free(message); /* its Corps ends, and nobody waits: no news for standard error */
        return NULL;
    }
    if (!conc->alive && (conc->lost || conc->moved)) {
        char why[CORPS__BROKEN_TEXT_BYTES];
        corps__conc_lost_text(conc, why);
        corps__reply_failure(message, conc, conc->moved ? CORPS_ERR_MOVED : CORPS_ERR_WORKER_LOST, "", why);
        return NULL;
    }
    if (!conc->alive && is_left_to_next_life(message)) {
        corps__peer_let_go(message->from);
        corps__message_free(message);
        return NULL;
    }
    char text[400];
    if (!conc->alive && corps__env_leaves(text)) {
        corps__reply_failure(message, conc, CORPS_ERR_WORKER_LOST, "", text);
        return NULL;
    }
    if (!conc->alive && atomic_load(&corps__actors->ending)) {
        corps__reply_failure(message, conc, CORPS_ERR_EXITED, "", "the Corps ends, and the Worker has ended");
        return NULL;
    }
    if (method == NULL) {
        snprintf(text, sizeof text, conc->alive ? "class %s has no method '%s'" : "the Conc of class %s has ended (%s)",
                 corps__conc_class(conc), message->method->name);
        corps__reply_failure(message, conc, conc->alive ? CORPS_ERR_NO_METHOD : CORPS_ERR_NO_WORKER, "", text);
        return NULL;
    }
    if (message->header.deadline_ns != 0 && (int64_t)message->header.deadline_ns < corps__now_ns()) {
        corps__reply_failure(message, conc, CORPS_ERR_TIMEOUT, "",
                             "the request came after its deadline and was dropped");
        return NULL;
    }
    if (corps__cancelled(conc, message, true)) {
        corps__reply_failure(message, conc, CORPS_ERR_CANCELLED, "", "the call was cancelled before its turn came");
        return NULL;
    }
    if ((message->header.flags & CORPS__RETRY) != 0 && refuses_retry(conc, message)) {
        return NULL;
    }
    return method;
}

corps_method_fn corps__admitted_method(struct corps__conc *conc, struct corps__message *message) {
    corps_method_fn method = NULL;
    if (conc->alive) {
        method = method_named(conc->class, message->method->name);
        method = method != NULL ? method : conc->class->any;
    }
    if (corps__granted != NULL) {
        corps__granted_look();
    }
    bool simple = method != NULL && message->header.deadline_ns == 0 && (message->header.flags & CORPS__RETRY) == 0 &&
                  !atomic_load_explicit(&conc->cancels, memory_order_acquire);
    return simple ? method : refuse_or_admit(conc, message, method);
}
