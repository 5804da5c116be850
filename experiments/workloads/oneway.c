/* A stream of calls without reply to one sink, which checks that every message comes, once, in order and whole. */
#include "workloads/common.h"

#include <stdio.h>
#include <string.h>

/* ---- the sink ---- */

struct sink {
    struct lab_message message; /* what is expected */
    bool open;
    uint64_t count;
    char error[LAB_TEXT_BYTES]; /* the first fault */
};

static enum corps_err expect(struct corps_context *context, void *self, const struct corps_value *args,
                             struct corps_value *result) {
    struct sink *sink = self;
    struct lab_params params;
    (void)result;
    enum corps_err err = lab_params_read(args, &params);
    if (err == CORPS_OK) {
        err = lab_message_open(&sink->message, &params);
    }
    sink->open = err == CORPS_OK;
    return err == CORPS_OK ? CORPS_OK : lab_fail(context, err);
}

static enum corps_err take(struct corps_context *context, void *self, const struct corps_value *args,
                           struct corps_value *result) {
    struct sink *sink = self;
    (void)context;
    (void)result;
    bool whole = sink->count % LAB_FULL_CHECK_EVERY == 0;
    if (sink->error[0] == '\0') {
        (void)lab_message_check(&sink->message, sink->count, args, whole, sink->error);
    }
    sink->count++;
    return CORPS_OK;
}

static enum corps_err report(struct corps_context *context, void *self, const struct corps_value *args,
                             struct corps_value *result) {
    struct sink *sink = self;
    struct corps_value *items = corps_context_alloc(context, 2 * sizeof *items);
    (void)args;
    if (items == NULL) {
        return corps_fail(context, "NO_MEMORY", "no memory for the report");
    }
    items[0] = corps_int((int64_t)sink->count);
    items[1] = corps_str(sink->error);
    *result = corps_array(items, 2);
    return CORPS_OK;
}

static void close_sink(struct corps_context *context, void *self) {
    struct sink *sink = self;
    (void)context;
    if (sink->open) {
        lab_message_close(&sink->message);
    }
}

/* ---- the driver ---- */

/* Asks the sink what it has got. The call queues behind every send, so its answer means that all were handled. */
static enum corps_err settle(struct lab_driver *driver, const struct corps_name *sink) {
    const struct corps_call_options options = {.serializer = "msgpack"};
    const struct corps_value *answer;
    struct corps_future *future;
    enum corps_err err = corps_call(sink, "count", NULL, &options, &future);
    if (err != CORPS_OK) {
        return lab_fail(driver->context, err);
    }
    err = corps_future_wait(future, LAB_PATIENCE_NS, &answer);
    if (err != CORPS_OK) {
        err = lab_fail_future(driver->context, err, future, "the sink does not answer");
    } else {
        struct corps_box *box;
        const struct corps_value *plain = lab_plain(answer, &box);
        const struct corps_value *count = plain != NULL ? corps_value_item(plain, 0) : NULL;
        const struct corps_value *error = plain != NULL ? corps_value_item(plain, 1) : NULL;
        if (error == NULL || count->kind != CORPS_INT || error->kind != CORPS_STR) {
            err = corps_fail(driver->context, "Mismatch", "the sink's answer is no pair of a number and a text");
        } else if (error->count > 0) {
            err = corps_fail(driver->context, "Mismatch", "%.*s", (int)error->count, error->str);
        } else if (count->integer != (int64_t)driver->next) {
            err = corps_fail(driver->context, "Mismatch", "%llu messages were sent and %lld came",
                             (unsigned long long)driver->next, (long long)count->integer);
        }
        corps_box_unref(box);
    }
    corps_future_destroy(future);
    return err;
}

/* So many sends between two looks at the clock: few enough that the trial ends in time when messages are large. */
static unsigned chunk_of(const struct lab_driver *driver) {
    enum { CHUNK_MAX = 64, CHUNK_BYTES = 1 << 20 };
    uint64_t fitting = CHUNK_BYTES / (driver->message.size_bytes + 1);
    if (driver->params.cell.gap_us > 0 || fitting < 1) {
        return 1;
    }
    return fitting < CHUNK_MAX ? (unsigned)fitting : CHUNK_MAX;
}

static enum corps_err send_lent(struct lab_driver *driver, const struct corps_name *sink) {
    struct corps_block *block;
    const struct corps_value *message = lab_message_lent(&driver->message, sink, driver->next, &block);
    enum corps_err err = message != NULL ? corps_send(sink, "put", message, NULL) : CORPS_ERR_NO_MEMORY;
    corps_block_unref(block);
    return err;
}

static enum corps_err send_chunk(struct lab_driver *driver, const struct corps_name *sink, unsigned count) {
    enum corps_err err = CORPS_OK;
    for (unsigned i = 0; i < count && err == CORPS_OK; i++) {
        err = driver->params.cell.loan
                  ? send_lent(driver, sink)
                  : corps_send(sink, "put", lab_message_with(&driver->message, driver->next), NULL);
        driver->next += err == CORPS_OK;
        if (driver->params.cell.batch > 0 && driver->next % driver->params.cell.batch == 0) {
            corps_flush();
        }
    }
    return err == CORPS_OK ? CORPS_OK : lab_fail(driver->context, err);
}

static enum corps_err warm_up(struct lab_driver *driver, const struct corps_name *sink) {
    enum corps_err err = CORPS_OK;
    lab_driver_warm_begin(driver);
    while (err == CORPS_OK && !lab_driver_warm_enough(driver)) {
        err = send_chunk(driver, sink, 1);
    }
    return err == CORPS_OK && !driver->params.discards ? settle(driver, sink) : err;
}

static enum corps_err count_calls(struct lab_driver *driver, const struct corps_name *sink) {
    enum corps_err err = CORPS_OK;
    lab_driver_calls_begin(driver);
    while (err == CORPS_OK && !lab_driver_calls_enough(driver)) {
        err = send_chunk(driver, sink, chunk_of(driver));
    }
    err = err == CORPS_OK ? settle(driver, sink) : err;
    lab_driver_calls_end(driver);
    return err;
}

static enum corps_err measure_oneway(struct lab_driver *driver) {
    const struct corps_name *sink = lab_params_name(&driver->params, 0);
    unsigned chunk = chunk_of(driver);
    enum corps_err err = warm_up(driver, sink);
    lab_driver_begin(driver);
    while (err == CORPS_OK && (driver->messages == 0 || !lab_driver_enough(driver))) {
        lab_driver_gap(driver);
        uint64_t begin = lab_now_ns();
        err = send_chunk(driver, sink, chunk);
        lab_histogram_record_many(driver->histogram, (lab_now_ns() - begin) / chunk, chunk);
        driver->messages += chunk;
    }
    corps_flush();
    if (err == CORPS_OK && !driver->params.discards) {
        err = settle(driver, sink);
    }
    driver->total_ns = lab_now_ns() - driver->begin_ns;
    lab_driver_end(driver);
    if (err == CORPS_OK && !driver->params.discards) {
        err = count_calls(driver, sink);
    }
    return err;
}

static enum corps_err drive_oneway(struct corps_context *context, void *self, const struct corps_value *args,
                                   struct corps_value *result) {
    static const char *const notes[] = {
        "latency is the sender's time for one send, averaged over up to 64 sends in a row",
        "seconds runs from the first send until the sink has handled the last, its checks included", NULL};
    static const char *const discard_notes[] = {
        "latency is the sender's time for one send, averaged over up to 64 sends in a row",
        "transport null delivers nothing: nothing could be checked, seconds covers the sending alone", NULL};
    struct lab_driver driver;
    (void)self;
    enum corps_err err = lab_driver_open(&driver, context, args, true);
    if (err != CORPS_OK) {
        return err;
    }
    struct corps_entry unverified = {corps_str("unverified"), corps_bool(driver.params.discards)};
    err = measure_oneway(&driver);
    if (err == CORPS_OK) {
        err = lab_driver_result(&driver, driver.params.discards ? discard_notes : notes, &unverified, 1, result);
    }
    lab_driver_close(&driver);
    return err;
}

static const struct corps_class oneway_sink = {
    .name = "LabSink",
    .bytes = sizeof(struct sink),
    .methods = (const struct corps_method[]){{"put", take}, {"expect", expect}, {"count", report}, {NULL, NULL}},
    .cleanup = close_sink,
};

static const struct corps_class oneway_driver = {
    .name = "LabOnewayDriver",
    .methods = (const struct corps_method[]){{"run", drive_oneway}, {NULL, NULL}},
};

static enum corps_err run_oneway(struct corps *corps, const struct lab_cell *cell, struct corps_box **box) {
    struct corps_name **sinks;
    enum corps_err err = lab_spread(corps, oneway_sink.name, 1, 1, &sinks);
    if (err != CORPS_OK) {
        return err;
    }
    err = lab_tell(corps, cell, sinks[0], "expect", NULL, 0, 0, NULL);
    if (err == CORPS_OK) {
        err = lab_drive(corps, cell, oneway_driver.name, sinks, 1, box);
    }
    lab_release(sinks, 1);
    return err;
}

const struct lab_workload lab_workload_oneway = {
    .name = "oneway",
    .summary = "a stream of calls without reply",
    .traits = LAB_WORKLOAD_STREAM | LAB_WORKLOAD_UNANSWERED | LAB_WORKLOAD_LENDS,
    .classes = {&oneway_sink, &oneway_driver, NULL},
    .run = run_oneway,
};
