/* Requests and replies, `window` in flight: the throughput of calls, and their latency under that load. */
#include "workloads/common.h"

#include <stdio.h>
#include <stdlib.h>

struct flight {
    struct corps_future *future;
    uint64_t begin_ns;
};

/* The window is a ring: replies are awaited in the order of the requests. */
struct pipeline {
    struct lab_driver driver;
    const struct corps_name *server;
    struct flight *flights;
    uint64_t awaited; /* number of the next reply */
    bool timed;
};

static enum corps_err answer_pipeline(struct corps_context *context, void *self, const struct corps_value *args,
                                      struct corps_value *result) {
    (void)context;
    (void)self;
    *result = *args;
    return CORPS_OK;
}

static enum corps_err launch(struct pipeline *pipeline) {
    struct lab_driver *driver = &pipeline->driver;
    struct flight *flight = &pipeline->flights[driver->next % driver->params.cell.window];
    lab_driver_gap(driver);
    const struct corps_value *message = lab_message_with(&driver->message, driver->next);
    flight->begin_ns = lab_now_ns();
    enum corps_err err = corps_call(pipeline->server, "echo", message, NULL, &flight->future);
    if (err != CORPS_OK) {
        flight->future = NULL;
        return lab_fail(driver->context, err);
    }
    driver->next++;
    return CORPS_OK;
}

static enum corps_err land(struct pipeline *pipeline, bool last) {
    struct lab_driver *driver = &pipeline->driver;
    struct flight *flight = &pipeline->flights[pipeline->awaited % driver->params.cell.window];
    const struct corps_value *reply;
    char error[LAB_TEXT_BYTES];
    enum corps_err err = corps_future_wait(flight->future, LAB_PATIENCE_NS, &reply);
    if (err != CORPS_OK) {
        return lab_fail_future(driver->context, err, flight->future, "an echo did not come back");
    }
    bool whole = last || !pipeline->timed || driver->messages % LAB_FULL_CHECK_EVERY == 0;
    if (pipeline->timed) {
        lab_histogram_record(driver->histogram, lab_now_ns() - flight->begin_ns);
        driver->messages++;
    }
    if (!lab_message_check(&driver->message, pipeline->awaited, reply, whole, error)) {
        return corps_fail(driver->context, "Mismatch", "%s", error);
    }
    corps_future_destroy(flight->future);
    flight->future = NULL;
    pipeline->awaited++;
    return CORPS_OK;
}

/* Keeps the window full until `enough` says so, then empties it. */
static enum corps_err pump(struct pipeline *pipeline, bool (*enough)(const struct lab_driver *driver)) {
    struct lab_driver *driver = &pipeline->driver;
    enum corps_err err = CORPS_OK;
    bool sending = true;
    while (err == CORPS_OK && (sending || pipeline->awaited < driver->next)) {
        while (err == CORPS_OK && sending && driver->next - pipeline->awaited < driver->params.cell.window) {
            err = launch(pipeline);
        }
        if (err == CORPS_OK) {
            err = land(pipeline, driver->next - pipeline->awaited == 1);
            sending = sending && !enough(driver);
        }
    }
    return err;
}

static enum corps_err measure_pipeline(struct pipeline *pipeline) {
    struct lab_driver *driver = &pipeline->driver;
    lab_driver_warm_begin(driver);
    enum corps_err err = pump(pipeline, lab_driver_warm_enough);
    if (err != CORPS_OK) {
        return err;
    }
    pipeline->timed = true;
    lab_driver_begin(driver);
    err = pump(pipeline, lab_driver_enough);
    driver->total_ns = lab_now_ns() - driver->begin_ns;
    lab_driver_end(driver);
    pipeline->timed = false;
    lab_driver_calls_begin(driver);
    if (err == CORPS_OK && driver->calls != NULL) {
        err = pump(pipeline, lab_driver_calls_enough);
    }
    lab_driver_calls_end(driver);
    return err;
}

static enum corps_err drive_pipeline(struct corps_context *context, void *self, const struct corps_value *args,
                                     struct corps_value *result) {
    static const char *const notes[] = {
        "latency is from a request's sending to its reply's being taken, in order, with the window full",
        "seconds runs from the first request to the last reply, checks (every number, one content in 64) included",
        NULL};
    struct pipeline pipeline = {.awaited = 0};
    (void)self;
    enum corps_err err = lab_driver_open(&pipeline.driver, context, args, true);
    if (err != CORPS_OK) {
        return err;
    }
    pipeline.server = lab_params_name(&pipeline.driver.params, 0);
    pipeline.flights = calloc(pipeline.driver.params.cell.window, sizeof *pipeline.flights);
    if (pipeline.flights == NULL) {
        err = corps_fail(context, "NO_MEMORY", "no memory for a window of %u", pipeline.driver.params.cell.window);
    } else {
        err = measure_pipeline(&pipeline);
    }
    if (err == CORPS_OK) {
        err = lab_driver_result(&pipeline.driver, notes, NULL, 0, result);
    }
    for (unsigned i = 0; pipeline.flights != NULL && i < pipeline.driver.params.cell.window; i++) {
        corps_future_destroy(pipeline.flights[i].future);
    }
    free(pipeline.flights);
    lab_driver_close(&pipeline.driver);
    return err;
}

static const struct corps_class pipeline_server = {
    .name = "LabPipeline",
    .methods = (const struct corps_method[]){{"echo", answer_pipeline}, {NULL, NULL}},
};

static const struct corps_class pipeline_driver = {
    .name = "LabPipelineDriver",
    .methods = (const struct corps_method[]){{"run", drive_pipeline}, {NULL, NULL}},
};

static const char *pipeline_impossible(const struct lab_cell *cell, char why[LAB_ERROR_BYTES]) {
    if (cell->window == 0) {
        snprintf(why, LAB_ERROR_BYTES, "a window of 0 sends nothing; choose window=1 or more");
        return why;
    }
    return lab_needs_delivery(cell, why);
}

static enum corps_err run_pipeline(struct corps *corps, const struct lab_cell *cell, struct corps_box **box) {
    struct corps_name **servers;
    enum corps_err err = lab_spread(corps, pipeline_server.name, 1, 1, &servers);
    if (err != CORPS_OK) {
        return err;
    }
    err = lab_drive(corps, cell, pipeline_driver.name, servers, 1, box);
    lab_release(servers, 1);
    return err;
}

const struct lab_workload lab_workload_pipeline = {
    .name = "pipeline",
    .summary = "requests and replies, `window` in flight",
    .window = 16,
    .classes = {&pipeline_server, &pipeline_driver, NULL},
    .impossible = pipeline_impossible,
    .run = run_pipeline,
};
