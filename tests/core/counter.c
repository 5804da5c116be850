#include "counter.h"

#include "gate.h"

#include <string.h>

/* ---- Counter ---- */

struct counter {
    int64_t next;
    int64_t sum;
    bool broken;
    struct corps_request *held;
};

static enum corps_err counter_init(struct corps_context *context, void *self, const struct corps_value *args,
                                   struct corps_value *result) {
    (void)result;
    struct counter *counter = self;
    if (args->kind == CORPS_INT && args->integer < 0) {
        return corps_fail(context, "BadStart", "cannot start at %lld", (long long)args->integer);
    }
    counter->sum = args->kind == CORPS_INT ? args->integer : 0;
    return CORPS_OK;
}

static enum corps_err counter_add(struct corps_context *context, void *self, const struct corps_value *args,
                                  struct corps_value *result) {
    (void)context;
    struct counter *counter = self;
    for (size_t i = 0; i < args->count; i++) {
        counter->sum += corps_value_item(args, i)->integer;
    }
    *result = corps_int(counter->sum);
    return CORPS_OK;
}

/* Expects 0, 1, 2, … and remembers whether that ever failed. */
static enum corps_err counter_sequence(struct corps_context *context, void *self, const struct corps_value *args,
                                       struct corps_value *result) {
    (void)context;
    struct counter *counter = self;
    counter->broken = counter->broken || args->kind != CORPS_INT || args->integer != counter->next;
    counter->next++;
    *result = corps_int(counter->next);
    return CORPS_OK;
}

static enum corps_err counter_report(struct corps_context *context, void *self, const struct corps_value *args,
                                     struct corps_value *result) {
    (void)args;
    struct counter *counter = self;
    if (counter->broken) {
        return corps_fail(context, "OutOfOrder", "after %lld requests", (long long)counter->next);
    }
    *result = corps_int(counter->next);
    return CORPS_OK;
}

static enum corps_err counter_fail(struct corps_context *context, void *self, const struct corps_value *args,
                                   struct corps_value *result) {
    (void)self;
    (void)args;
    (void)result;
    return corps_fail(context, "ValueError", "no %s today", "luck");
}

static enum corps_err counter_env(struct corps_context *context, void *self, const struct corps_value *args,
                                  struct corps_value *result) {
    (void)self;
    (void)args;
    *result = corps_int(corps_context_env(context));
    return CORPS_OK;
}

static enum corps_err counter_hold(struct corps_context *context, void *self, const struct corps_value *args,
                                   struct corps_value *result) {
    (void)args;
    (void)result;
    struct counter *counter = self;
    counter->held = corps_request_hold(context);
    return counter->held != NULL ? CORPS_ERR_PENDING : CORPS_ERR_NO_MEMORY;
}

static enum corps_err counter_let_go(struct corps_context *context, void *self, const struct corps_value *args,
                                     struct corps_value *result) {
    (void)context;
    (void)result;
    struct counter *counter = self;
    enum corps_err err = corps_request_reply(counter->held, args);
    counter->held = NULL;
    return err;
}

static enum corps_err counter_name(struct corps_context *context, void *self, const struct corps_value *args,
                                   struct corps_value *result) {
    (void)self;
    (void)args;
    *result = corps_value_of_name(corps_context_name(context));
    return CORPS_OK;
}

/* [Name, value]: passes value on to Name's echo and returns what comes back. */
static enum corps_err counter_relay(struct corps_context *context, void *self, const struct corps_value *args,
                                    struct corps_value *result) {
    (void)self;
    struct corps_future *future;
    const struct corps_value *value;
    enum corps_err err = corps_call(corps_value_item(args, 0)->name, "echo", corps_value_item(args, 1), NULL, &future);
    if (err != CORPS_OK) {
        return err;
    }
    err = corps_future_wait(future, LONG_NS, &value);
    if (err == CORPS_OK) {
        void *copy = corps_context_alloc(context, value->count);
        memcpy(copy, value->str, value->count);
        *result = corps_str_bytes(copy, value->count);
    }
    corps_future_destroy(future);
    return err;
}

/* [Name, Name, …, depth]: calls the first Name with the rest, down to depth 0. */
static enum corps_err counter_descend(struct corps_context *context, void *self, const struct corps_value *args,
                                      struct corps_value *result) {
    (void)context;
    (void)self;
    if (args->count == 0) {
        *result = corps_int(0);
        return CORPS_OK;
    }
    struct corps_value rest = corps_array(args->items + 1, args->count - 1);
    struct corps_future *future;
    const struct corps_value *value;
    enum corps_err err = corps_call(corps_value_item(args, 0)->name, "descend", &rest, NULL, &future);
    if (err == CORPS_OK) {
        err = corps_future_wait(future, LONG_NS, &value);
        if (err == CORPS_OK) {
            *result = corps_int(value->integer + 1);
        }
        corps_future_destroy(future);
    }
    return err;
}

static enum corps_err counter_call_self(struct corps_context *context, void *self, const struct corps_value *args,
                                        struct corps_value *result) {
    (void)self;
    (void)args;
    struct corps_future *future;
    enum corps_err err = corps_call(corps_context_name(context), "env", NULL, NULL, &future);
    if (err == CORPS_OK) {
        *result = corps_int((int64_t)corps_future_wait(future, LONG_NS, NULL));
        corps_future_destroy(future);
    }
    return err;
}

/* Sends itself `n` NoReply requests from a method of another Conc: [Name, n]. */
static enum corps_err counter_flood(struct corps_context *context, void *self, const struct corps_value *args,
                                    struct corps_value *result) {
    (void)context;
    (void)self;
    (void)result;
    enum corps_err err = CORPS_OK;
    int64_t count = corps_value_item(args, 1)->integer;
    for (int64_t i = 0; err == CORPS_OK && i < count; i++) {
        struct corps_value seq = corps_int(i);
        err = corps_send(corps_value_item(args, 0)->name, "sequence", &seq, NULL);
    }
    return err;
}

/* Makes a private counter in the given Env and asks where it is. */
static enum corps_err counter_make(struct corps_context *context, void *self, const struct corps_value *args,
                                   struct corps_value *result) {
    (void)self;
    struct corps_name *name;
    struct corps_future *future;
    const struct corps_value *value;
    enum corps_err err = corps_create_concs(corps_context_corps(context), "Counter", NULL,
                                            CORPS_ENV_ID((unsigned)args->integer), 1, &name);
    if (err != CORPS_OK) {
        return err;
    }
    err = corps_call(name, "env", NULL, NULL, &future);
    if (err == CORPS_OK) {
        err = corps_future_wait(future, LONG_NS, &value);
        *result = err == CORPS_OK ? corps_int(value->integer) : corps_nil();
        corps_future_destroy(future);
    }
    corps_name_unref(name);
    return err;
}

/* [Name, value]: has Name echo the value and keeps what comes back beyond the Future. */
static enum corps_err counter_keep_result(struct corps_context *context, void *self, const struct corps_value *args,
                                          struct corps_value *result) {
    (void)self;
    struct corps_future *future;
    const struct corps_value *value, *sent = corps_value_item(args, 1);
    enum corps_err err = corps_call(corps_value_item(args, 0)->name, "echo", sent, NULL, &future);
    err = err == CORPS_OK ? corps_future_wait(future, LONG_NS, &value) : err;
    if (err != CORPS_OK) {
        return corps_fail(context, corps_error_name(err), "%s", corps_error_detail());
    }
    struct corps_box *box = corps_future_box(future), *again = corps_future_box(future);
    corps_future_destroy(future);
    for (int i = 0; i < 100 && err == CORPS_OK; i++) { /* others use memory meanwhile */
        err = corps_call(corps_value_item(args, 0)->name, "echo", NULL, NULL, &future);
        err = err == CORPS_OK ? corps_future_wait(future, LONG_NS, NULL) : err;
        corps_future_destroy(future);
    }
    bool same = box != NULL && again != NULL && corps_value_equal(value, sent) &&
                corps_value_equal(corps_box_root(box), sent) && corps_value_equal(corps_box_root(again), sent);
    corps_box_unref(box);
    corps_box_unref(again);
    *result = corps_bool(same);
    return err;
}

static const struct corps_method counter_methods[] = {
    {"add", counter_add},
    {"sequence", counter_sequence},
    {"report", counter_report},
    {"echo", method_echo},
    {"fail", counter_fail},
    {"env", counter_env},
    {"pid", method_pid},
    {"sleep", method_sleep},
    {"wait_for", method_wait_for},
    {"hold", counter_hold},
    {"let_go", counter_let_go},
    {"name", counter_name},
    {"relay", counter_relay},
    {"keep_result", counter_keep_result},
    {"descend", counter_descend},
    {"call_self", counter_call_self},
    {"flood", counter_flood},
    {"make", counter_make},
    {NULL, NULL},
};
const struct corps_class counter_class = {
    .name = "Counter", .bytes = sizeof(struct counter), .init = counter_init, .methods = counter_methods};

/* ---- Nester ---- */

/* Its init creates Concs of its own in the same Env; its cleanup leaves a mark in a file. */
struct nester {
    struct corps_name *inner;
    char path[200];
};

static enum corps_err nester_init(struct corps_context *context, void *self, const struct corps_value *args,
                                  struct corps_value *result) {
    (void)result;
    struct nester *nester = self;
    if (args->kind == CORPS_STR) {
        snprintf(nester->path, sizeof nester->path, "%.*s", (int)args->count, args->str);
    }
    return corps_create_concs(corps_context_corps(context), "Counter", NULL, CORPS_ENV_ID(corps_context_env(context)),
                              1, &nester->inner);
}

static void nester_cleanup(struct corps_context *context, void *self) {
    struct nester *nester = self;
    corps_name_unref(nester->inner);
    if (nester->path[0] == '\0') {
        return;
    }
    FILE *file = fopen(nester->path, "a");
    if (file != NULL) {
        char text[128];
        corps_name_text(corps_context_name(context), text, sizeof text);
        fprintf(file, "%s\n", text);
        fclose(file);
    }
}

static const struct corps_method nester_methods[] = {{"env", counter_env}, {NULL, NULL}};
const struct corps_class nester_class = {.name = "Nester",
                                         .bytes = sizeof(struct nester),
                                         .init = nester_init,
                                         .methods = nester_methods,
                                         .cleanup = nester_cleanup};
