#include "conc.h"
#include "name.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What a method may ask and do: corps_context_*, corps_fail, corps_request_*. */

struct corps *corps_context_corps(struct corps_context *context) {
    (void)context;
    return corps__rt.own;
}

struct corps_name *corps_context_name(struct corps_context *context) {
    struct corps__conc *conc = context->conc;
    struct corps_name *name = atomic_load(&conc->name);
    if (name == NULL) {
        struct corps_name *made;
        if (corps__name_create(corps__rt.corps_id, corps__rt.env, conc->id, conc->class->name,
                               strlen(conc->class->name), &made) != CORPS_OK) {
            return NULL;
        }
        atomic_store(&conc->name, made); /* one thread runs the Conc at a time */
        name = made;
    }
    return name;
}

unsigned corps_context_env(struct corps_context *context) {
    (void)context;
    return corps__rt.env;
}

void *corps_context_alloc(struct corps_context *context, size_t bytes) {
    if (context->scratch == NULL) {
        context->scratch = corps_box_create();
    }
    return context->scratch != NULL ? corps_box_alloc(context->scratch, bytes) : NULL;
}

struct corps_box *corps_context_box(struct corps_context *context) {
    return context->box != NULL ? corps_box_ref(context->box) : NULL;
}

enum corps_err corps_fail(struct corps_context *context, const char *type, const char *format, ...) {
    snprintf(context->type, sizeof context->type, "%s", type);
    va_list args;
    va_start(args, format);
    vsnprintf(context->text, sizeof context->text, format, args);
    va_end(args);
    context->failed = true;
    return CORPS_ERR_REMOTE;
}

/* ---- putting a reply off ---- */

struct corps_request {
    struct corps__message *message;
    const struct corps__conc *conc;
    struct corps_box *box;
};

struct corps_request *corps_request_hold(struct corps_context *context) {
    struct corps_request *request = context->held ? NULL : malloc(sizeof *request);
    if (request != NULL) {
        *request = (struct corps_request){context->message, context->conc, corps_box_ref(context->box)};
        context->held = true;
    }
    return request;
}

enum corps_err corps_request_reply(struct corps_request *request, const struct corps_value *result) {
    static const struct corps_value nil;
    corps__reply(request->message, request->conc, request->box, result != NULL ? result : &nil);
    corps_box_unref(request->box);
    free(request);
    return CORPS_OK;
}

enum corps_err corps_request_fail(struct corps_request *request, const char *type, const char *text) {
    corps__reply_failure(request->message, request->conc, CORPS_ERR_REMOTE, type, text);
    corps_box_unref(request->box);
    free(request);
    return CORPS_OK;
}
