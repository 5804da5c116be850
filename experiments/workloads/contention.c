#include "workloads/contention.h"

#include <stdlib.h>
#include <string.h>

/* ---- the called ---- */

struct called {
    int64_t count;
};

static enum corps_err answer_call(struct corps_context *context, void *self, const struct corps_value *args,
                                  struct corps_value *result) {
    struct called *called = self;
    (void)context;
    called->count++;
    *result = *args;
    return CORPS_OK;
}

static enum corps_err tell_seen(struct corps_context *context, void *self, const struct corps_value *args,
                                struct corps_value *result) {
    const struct called *called = self;
    (void)context;
    (void)args;
    *result = corps_int(called->count);
    return CORPS_OK;
}

const struct corps_class lab_called_class = {
    .name = "LabCalled",
    .bytes = sizeof(struct called),
    .methods = (const struct corps_method[]){{"echo", answer_call}, {"seen", tell_seen}, {NULL, NULL}},
};

/* ---- a caller ---- */

struct caller {
    struct lab_message message;
    struct lab_histogram *histogram; /* NULL until it was told whom to call */
    struct corps_name **called;
    unsigned count; /* of `called` */
    unsigned turn;
    uint64_t next;  /* number of the next call */
    unsigned share; /* of the timed messages, and */
    unsigned warm_share;
    uint64_t min_ns, max_ns;
};

static unsigned share_of(unsigned count, unsigned callers) {
    return count / callers + (count % callers > 0);
}

static void forget(struct corps_context *context, void *self) {
    struct caller *caller = self;
    (void)context;
    if (caller->histogram != NULL) {
        lab_message_close(&caller->message);
        lab_histogram_destroy(caller->histogram);
    }
    for (unsigned i = 0; i < caller->count; i++) {
        corps_name_unref(caller->called[i]);
    }
    free(caller->called);
}

/* Names are those of the called. Each caller begins at another. */
static enum corps_err meet_called(struct corps_context *context, void *self, const struct corps_value *args,
                                  struct corps_value *result) {
    struct caller *caller = self;
    struct lab_params params;
    (void)result;
    enum corps_err err = lab_params_read(args, &params);
    if (err == CORPS_OK) {
        err = lab_message_open(&caller->message, &params);
    }
    if (err != CORPS_OK) {
        return lab_fail(context, err);
    }
    caller->histogram = lab_histogram_create();
    caller->called = calloc(params.names->count, sizeof(struct corps_name *));
    if (caller->histogram == NULL || caller->called == NULL) {
        return corps_fail(context, "NO_MEMORY", "no memory for a caller");
    }
    for (; caller->count < params.names->count; caller->count++) {
        caller->called[caller->count] = corps_name_ref(lab_params_name(&params, caller->count));
    }
    caller->turn = (params.index + 1) % caller->count;
    caller->share = share_of(params.cell.min_count, params.cell.concs);
    caller->warm_share = share_of(params.cell.warmup_count, params.cell.concs);
    caller->min_ns = (uint64_t)params.cell.min_ms * 1000000u;
    caller->max_ns = (uint64_t)params.cell.max_ms * 1000000u;
    return CORPS_OK;
}

static enum corps_err call_next(struct corps_context *context, struct caller *caller, bool whole, uint64_t *took_ns) {
    struct corps_future *future;
    const struct corps_value *reply;
    char error[LAB_TEXT_BYTES];
    const struct corps_value *message = lab_message_with(&caller->message, caller->next);
    uint64_t begin = lab_now_ns();
    enum corps_err err = corps_call(caller->called[caller->turn], "echo", message, NULL, &future);
    if (err != CORPS_OK) {
        return lab_fail(context, err);
    }
    err = corps_future_wait(future, LAB_PATIENCE_NS, &reply);
    *took_ns = lab_now_ns() - begin;
    if (err != CORPS_OK) {
        err = lab_fail_future(context, err, future, "an echo did not come back");
    } else if (!lab_message_check(&caller->message, caller->next, reply, whole, error)) {
        err = corps_fail(context, "Mismatch", "%s", error);
    }
    corps_future_destroy(future);
    caller->next++;
    caller->turn = caller->turn + 1 < caller->count ? caller->turn + 1 : 0;
    return err;
}

/* The caller's share of the warm-up (args false) or of the timed section; gives its times. */
static enum corps_err make_calls(struct corps_context *context, void *self, const struct corps_value *args,
                                 struct corps_value *result) {
    struct caller *caller = self;
    bool timed = args->kind == CORPS_BOOL && args->boolean;
    uint64_t share = timed ? caller->share : caller->warm_share;
    uint64_t begin = lab_now_ns();
    uint64_t took_ns = 0, passed_ns = 0;
    enum corps_err err = CORPS_OK;
    lab_histogram_clear(caller->histogram);
    for (uint64_t made = 0;
         err == CORPS_OK && passed_ns < caller->max_ns && (made < share || (timed && passed_ns < caller->min_ns));
         made++) {
        err = call_next(context, caller, !timed || made % LAB_FULL_CHECK_EVERY == 0, &took_ns);
        lab_histogram_record(caller->histogram, took_ns);
        passed_ns = lab_now_ns() - begin;
    }
    if (err != CORPS_OK) {
        return err;
    }
    size_t bytes = lab_histogram_packed_bytes(caller->histogram);
    struct corps_value *items = corps_context_alloc(context, 2 * sizeof *items);
    uint8_t *packed = corps_context_alloc(context, bytes + 1);
    if (items == NULL || packed == NULL) {
        return corps_fail(context, "NO_MEMORY", "no memory for a caller's times");
    }
    lab_histogram_pack(caller->histogram, packed);
    items[0] = corps_bin(packed, bytes);
    items[1] = corps_int((int64_t)lab_histogram_max(caller->histogram));
    *result = corps_array(items, 2);
    return CORPS_OK;
}

const struct corps_class lab_caller_class = {
    .name = "LabCaller",
    .bytes = sizeof(struct caller),
    .methods = (const struct corps_method[]){{"meet", meet_called}, {"work", make_calls}, {NULL, NULL}},
    .cleanup = forget,
};

/* ---- the driver ---- */

struct contention {
    struct lab_driver driver;
    struct corps_future **futures;
    size_t callers, called;
    uint64_t least; /* calls of the caller that made the fewest */
    uint64_t sent;  /* all calls, the warm-up's too */
};

/* Adds what a caller has found. */
static enum corps_err take_times(struct contention *contention, size_t i, bool timed) {
    struct lab_driver *driver = &contention->driver;
    const struct corps_value *answer;
    enum corps_err err = corps_future_wait(contention->futures[i], LAB_PATIENCE_NS, &answer);
    if (err != CORPS_OK) {
        return lab_fail_future(driver->context, err, contention->futures[i], "a caller does not end");
    }
    const struct corps_value *packed = corps_value_item(answer, 0);
    const struct corps_value *max = corps_value_item(answer, 1);
    uint64_t before = lab_histogram_count(driver->histogram);
    if (max == NULL || packed->kind != CORPS_BIN || max->kind != CORPS_INT ||
        !lab_histogram_unpack(driver->histogram, packed->bin, packed->count)) {
        return corps_fail(driver->context, "Mismatch", "a caller's answer holds no times");
    }
    uint64_t made = lab_histogram_count(driver->histogram) - before;
    lab_histogram_set_max(driver->histogram, (uint64_t)max->integer);
    contention->sent += made;
    contention->least = i == 0 || made < contention->least ? made : contention->least;
    driver->messages += timed ? made : 0;
    return CORPS_OK;
}

/* All callers at once, until each has done its share. */
static enum corps_err let_work(struct contention *contention, bool timed) {
    const struct corps_call_options options = {.serializer = "msgpack"};
    struct lab_driver *driver = &contention->driver;
    struct corps_value value = corps_bool(timed);
    enum corps_err err = CORPS_OK;
    size_t asked = 0;
    lab_histogram_clear(driver->histogram);
    driver->begin_ns = lab_now_ns();
    for (; asked < contention->callers && err == CORPS_OK; asked += err == CORPS_OK) {
        err =
            corps_call(lab_params_name(&driver->params, asked), "work", &value, &options, &contention->futures[asked]);
        err = err == CORPS_OK ? CORPS_OK : lab_fail(driver->context, err);
    }
    if (err == CORPS_OK) {
        (void)corps_wait_all(contention->futures, asked, LAB_PATIENCE_NS); /* each tells below how it went */
        driver->total_ns = lab_now_ns() - driver->begin_ns;
    }
    for (size_t i = 0; i < asked; i++) {
        err = err == CORPS_OK ? take_times(contention, i, timed) : err;
        corps_future_destroy(contention->futures[i]);
    }
    return err;
}

/* Every call must have come to one of the called. */
static enum corps_err settle_contention(struct contention *contention) {
    const struct corps_call_options options = {.serializer = "msgpack"};
    struct lab_driver *driver = &contention->driver;
    uint64_t seen = 0;
    enum corps_err err = CORPS_OK;
    for (size_t i = 0; i < contention->called && err == CORPS_OK; i++) {
        const struct corps_value *answer;
        struct corps_future *future;
        struct corps_box *box = NULL;
        err = corps_call(lab_params_name(&driver->params, contention->callers + i), "seen", NULL, &options, &future);
        if (err != CORPS_OK) {
            return lab_fail(driver->context, err);
        }
        err = corps_future_wait(future, LAB_PATIENCE_NS, &answer);
        if (err != CORPS_OK) {
            err = lab_fail_future(driver->context, err, future, "a called Worker does not answer");
        } else {
            answer = lab_plain(answer, &box);
            seen += answer != NULL && answer->kind == CORPS_INT ? (uint64_t)answer->integer : 0;
        }
        corps_box_unref(box);
        corps_future_destroy(future);
    }
    return err != CORPS_OK || seen == contention->sent
               ? err
               : corps_fail(driver->context, "Mismatch", "%llu calls were made and %llu came",
                            (unsigned long long)contention->sent, (unsigned long long)seen);
}

static enum corps_err measure_contention(struct contention *contention) {
    struct lab_driver *driver = &contention->driver;
    enum corps_err err = let_work(contention, false);
    if (err != CORPS_OK) {
        return err;
    }
    lab_driver_begin(driver);
    err = let_work(contention, true);
    lab_driver_end(driver);
    return err == CORPS_OK ? settle_contention(contention) : err;
}

static enum corps_err drive_contention(struct corps_context *context, void *self, const struct corps_value *args,
                                       struct corps_value *result) {
    static const char *const notes[] = {
        "latency is of a call, taken by its caller; seconds runs until the last caller has made its calls",
        "least_share: the calls of the caller that got the fewest, against the mean", NULL};
    struct contention contention = {.callers = 0};
    struct lab_driver *driver = &contention.driver;
    (void)self;
    enum corps_err err = lab_driver_open(driver, context, args, true);
    if (err != CORPS_OK) {
        return err;
    }
    contention.callers = driver->params.cell.concs;
    contention.called = driver->params.names->count - contention.callers;
    contention.futures = calloc(contention.callers, sizeof(struct corps_future *));
    err = contention.futures == NULL ? corps_fail(context, "NO_MEMORY", "no memory for %zu Futures", contention.callers)
                                     : measure_contention(&contention);
    if (err == CORPS_OK) {
        double mean = (double)driver->messages / (double)contention.callers;
        struct corps_entry extra = {corps_str("least_share"), corps_float((double)contention.least / mean)};
        err = lab_driver_result(driver, notes, &extra, 1, result);
    }
    free(contention.futures);
    lab_driver_close(driver);
    return err;
}

const struct corps_class lab_contention_driver_class = {
    .name = "LabContentionDriver",
    .methods = (const struct corps_method[]){{"run", drive_contention}, {NULL, NULL}},
};

/* ---- the program ---- */

enum corps_err lab_contention_run(struct corps *corps, const struct lab_cell *cell, unsigned first_caller_env,
                                  unsigned called_count, struct corps_box **box) {
    struct corps_name **callers, **called;
    struct corps_name **all = calloc(cell->concs + called_count, sizeof(struct corps_name *));
    if (all == NULL) {
        return corps_error_set(CORPS_ERR_NO_MEMORY, "no memory for Names");
    }
    enum corps_err err = lab_spread(corps, lab_caller_class.name, cell->concs, first_caller_env, &callers);
    if (err != CORPS_OK) {
        goto free_all;
    }
    err = lab_spread(corps, lab_called_class.name, called_count, 0, &called);
    if (err != CORPS_OK) {
        goto release_callers;
    }
    memcpy(all, callers, cell->concs * sizeof *all);
    memcpy(all + cell->concs, called, called_count * sizeof *all);
    for (unsigned i = 0; i < cell->concs && err == CORPS_OK; i++) {
        err = lab_tell(corps, cell, callers[i], "meet", called, called_count, i, NULL);
    }
    if (err == CORPS_OK) {
        err = lab_drive(corps, cell, lab_contention_driver_class.name, all, cell->concs + called_count, box);
    }
    lab_release(called, called_count);
release_callers:
    lab_release(callers, cell->concs);
free_all:
    free(all);
    return err;
}
