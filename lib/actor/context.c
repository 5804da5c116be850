#include "actor/batch.h"
#include "actor/broken.h"
#include "actor/cancel.h"
#include "actor/chain.h"
#include "actor/conc.h"
#include "actor/late.h"
#include "actor/reply.h"
#include "base/clock.h"
#include "link/trust.h"
#include "value/failure.h"
#include "value/name.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What a method may ask and do: corps_context_*, corps_fail, corps_request_*. */

struct corps_context *corps__context_here(void) {
    return corps__context();
}

struct corps *corps_context_corps(struct corps_context *context) {
    (void)context;
    return corps__own();
}

struct corps_name *corps_context_name(struct corps_context *context) {
    struct corps__conc *conc = context->conc;
    struct corps_name *name = atomic_load(&corps__rare(conc)->name);
    if (name == NULL) {
        struct corps__rare *rare = corps__rare_make(conc);
        struct corps_name *made;
        if (rare == NULL || corps__name_create(corps__own_id(), corps__own_env(), conc->id, corps__conc_class(conc),
                                               strlen(corps__conc_class(conc)), &made) != CORPS_OK) {
            return NULL;
        }
        atomic_store(&rare->name, made); /* one thread runs the Conc at a time */
        name = made;
    }
    return name;
}

unsigned corps_context_env(struct corps_context *context) {
    (void)context;
    return corps__own_env();
}

uint64_t corps_context_epoch(struct corps_context *context) {
    (void)context;
    return corps__own_incarnation(); /* was set at boot, and stays */
}

void *corps_context_alloc(struct corps_context *context, size_t bytes) {
    if (context->scratch == NULL) {
        context->scratch = corps_box_create();
    }
    return context->scratch != NULL ? corps_box_alloc(context->scratch, bytes) : NULL;
}

enum corps_err corps_context_keep(struct corps_context *context, struct corps_object *object) {
    if (context->scratch == NULL) {
        context->scratch = corps_box_create();
    }
    if (context->scratch == NULL) {
        object->ops->release(object);
        return corps_error_set(CORPS_ERR_NO_MEMORY, "no memory to keep an object");
    }
    return corps_box_keep_object(context->scratch, object);
}

struct corps_box *corps_context_box(struct corps_context *context) {
    if (context->box == NULL && context->args != NULL) {
        struct corps_block *block = context->batch != NULL ? corps_block_ref(&context->batch->block)
                                                           : corps__message_keep_plain(&context->message);
        struct corps_box *made = block != NULL ? corps_box_create() : NULL;
        if (made == NULL) {
            corps_block_unref(block);
            return NULL;
        }
        if (corps_box_keep_block(made, block) != CORPS_OK) { /* has dropped it */
            corps_box_unref(made);
            return NULL;
        }
        corps_box_set_root(made, *context->args);
        context->box = made;
    }
    return context->box != NULL ? corps_box_ref(context->box) : NULL;
}

enum corps_err corps_fail(struct corps_context *context, const char *type, const char *format, ...) {
    char text[400];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    const struct corps_error_info info = {.type = type, .text = text};
    return corps_fail_with(context, &info);
}

/* `info` as the failure of a Worker. */
static struct corps_error_info remote_failure(const struct corps_error_info *info, const struct corps__conc *conc) {
    struct corps_error_info own = corps__error_info_take(info);
    own.code = CORPS_ERR_REMOTE;
    own.detail_trusted = corps__may_run_code(corps__own()); /* a caller in this Env sees it as it is */
    snprintf(own.origin, sizeof own.origin, "L%u:M%u.%u", corps__own_env(), corps__own_env(), conc->id);
    return own;
}

enum corps_err corps_fail_with(struct corps_context *context, const struct corps_error_info *info) {
    const struct corps_error_info own = remote_failure(info, context->conc);
    free(context->failure);
    context->failure = corps__failure_create(&own);
    return context->failure != NULL ? CORPS_ERR_REMOTE
                                    : corps_error_set(CORPS_ERR_NO_MEMORY, "no memory to say what failed");
}

/* Stops it when its present request is over; from now on what comes for it waits. */
static void crash(struct corps__conc *conc, uint8_t life, const struct corps_error_info *info) {
    const struct corps_error_info own = corps__error_info_take(info);
    char how[CORPS__SMALL_FRAME_BYTES];
    snprintf(how, sizeof how, "%s: %s", own.type != NULL ? own.type : "", own.text != NULL ? own.text : "");
    corps__conc_crash(conc, life, how);
}

enum corps_err corps_context_crash_with(struct corps_context *context, const struct corps_error_info *info) {
    if (context->message->mail.kind == CORPS__MAIL_REQUEST) { /* an init that fails has made nothing that could break */
        crash(context->conc, atomic_load(&context->conc->life), info);
    }
    return corps_fail_with(context, info);
}

enum corps_err corps_context_crash(struct corps_context *context, const char *text) {
    const struct corps_error_info info = {.type = "Crash", .text = text};
    return corps_context_crash_with(context, &info);
}

const char *corps_context_method(struct corps_context *context) {
    return context->message->method != NULL ? context->message->method->name : "";
}

const char *corps_context_class(struct corps_context *context) {
    return corps__conc_class(context->conc);
}

bool corps_context_has_reply(struct corps_context *context) {
    return (context->message->header.flags & CORPS__NO_REPLY) == 0;
}

int64_t corps_context_time_left_ns(struct corps_context *context) {
    int64_t left = context->deadline_ns != 0 ? context->deadline_ns - corps__now_ns() : CORPS_FOREVER;
    return left > 0 ? left : 0;
}

bool corps_context_cancelled(struct corps_context *context) {
    return corps_context_time_left_ns(context) == 0 ||
           (!context->held && corps__cancelled(context->conc, context->message, false));
}

bool corps_context_is_local(struct corps_context *context) {
    return context->message->from == NULL;
}

enum corps_err corps_context_tag(struct corps_context *context, const char *tag) {
    enum { BYTES_MAX = 255 };
    if (tag != NULL && strlen(tag) > BYTES_MAX) {
        return corps_error_set(CORPS_ERR_INVALID, "a tag of %zu bytes; the longest has %d", strlen(tag), BYTES_MAX);
    }
    return corps__conc_tag_set(context->conc, tag);
}

/* ---- putting a reply off ---- */

struct corps_request {
    struct corps__message *message;
    struct corps__conc *conc;
    struct corps_box *box;
    uint8_t life; /* of the Conc */
    bool counted; /* in its held_count */
    struct corps__cancel_watch watch;
};

struct corps_request *corps_request_hold(struct corps_context *context) {
    struct corps_request *request = context->held ? NULL : malloc(sizeof *request);
    /* A plain argument lies in the message, which is held anyway. */
    bool plain = context->message->plain != NULL;
    struct corps_box *box = request != NULL && !plain ? corps_context_box(context) : NULL;
    struct corps__message *message =
        request != NULL && (plain || box != NULL) ? corps__message_detach(context->message) : NULL;
    if (message == NULL) {
        corps_box_unref(box);
        free(request);
        return NULL;
    }
    *request = (struct corps_request){
        .message = message, .conc = context->conc, .box = box, .life = atomic_load(&context->conc->life)};
    if (context->conc->is_probed) {
        request->counted = true;
        atomic_fetch_add(&context->conc->held_count, 1);
    }
    context->message = message;
    context->held = true;
    return request;
}

void corps_request_on_cancel(struct corps_request *request, void (*notify)(void *arg), void *arg) {
    request->watch = (struct corps__cancel_watch){.notify = notify, .arg = arg};
    corps__cancel_watch_begin(&request->watch, request->conc, request->message);
}

/* Who asked to be told is not told any more. */
static void end_watch(struct corps_request *request) {
    if (request->watch.notify != NULL) {
        corps__cancel_watch_end(&request->watch);
    }
}

/* It was answered, or its answer is in the mailbox. */
static void request_free(struct corps_request *request) {
    if (request->counted) {
        atomic_fetch_sub(&request->conc->held_count, 1);
    }
    corps_box_unref(request->box);
    free(request);
}

enum corps_err corps_request_reply(struct corps_request *request, const struct corps_value *result) {
    static const struct corps_value nil;
    uint32_t span = request->message->span;
    end_watch(request);
    (corps__replies_late(request->conc, request->message) ? corps__reply_late : corps__reply)(
        request->message, request->conc, request->box, result != NULL ? result : &nil);
    corps__chain_answered(span);
    request_free(request);
    return CORPS_OK;
}

enum corps_err corps_request_fail(struct corps_request *request, const char *type, const char *text) {
    const struct corps_error_info info = {.type = type, .text = text};
    return corps_request_fail_with(request, &info);
}

enum corps_err corps_request_fail_with(struct corps_request *request, const struct corps_error_info *info) {
    const struct corps_error_info own = remote_failure(info, request->conc);
    end_watch(request);
    (corps__replies_late(request->conc, request->message) ? corps__fail_late
                                                          : corps__reply_failed)(request->message, request->conc, &own);
    request_free(request);
    return CORPS_OK;
}

enum corps_err corps_request_crash_with(struct corps_request *request, const struct corps_error_info *info) {
    crash(request->conc, request->life, info); /* first: who hears of it finds it down */
    return corps_request_fail_with(request, info);
}
