/* Scatter and gather: in each round one call to each of `concs` Concs, then all replies. */
#include "workloads/common.h"

#include <stdio.h>
#include <stdlib.h>

struct fanout {
    struct lab_driver driver;
    struct corps_future **futures; /* one a Conc; NULL when none is out */
    size_t width;
    bool timed;
};

static enum corps_err answer_fanout(struct corps_context *context, void *self, const struct corps_value *args,
                                    struct corps_value *result) {
    (void)context;
    (void)self;
    *result = *args;
    return CORPS_OK;
}

static enum corps_err scatter(struct fanout *fanout) {
    struct lab_driver *driver = &fanout->driver;
    for (size_t i = 0; i < fanout->width; i++) {
        const struct corps_value *message = lab_message_with(&driver->message, driver->next + i);
        enum corps_err err =
            corps_call(lab_params_name(&driver->params, i), "echo", message, NULL, &fanout->futures[i]);
        if (err != CORPS_OK) {
            fanout->futures[i] = NULL;
            return lab_fail(driver->context, err);
        }
    }
    return CORPS_OK;
}

static enum corps_err check_fanout(struct fanout *fanout, size_t i, bool whole) {
    struct lab_driver *driver = &fanout->driver;
    const struct corps_value *reply;
    char error[LAB_TEXT_BYTES];
    enum corps_err err = corps_future_wait(fanout->futures[i], 0, &reply);
    if (err != CORPS_OK) {
        return lab_fail_future(driver->context, err, fanout->futures[i], "an echo did not come back");
    }
    if (!lab_message_check(&driver->message, driver->next + i, reply, whole, error)) {
        return corps_fail(driver->context, "Mismatch", "%s", error);
    }
    corps_future_destroy(fanout->futures[i]);
    fanout->futures[i] = NULL;
    return CORPS_OK;
}

static enum corps_err round_trip_fanout(struct fanout *fanout) {
    struct lab_driver *driver = &fanout->driver;
    uint64_t round = driver->messages / fanout->width;
    uint64_t begin = lab_now_ns();
    enum corps_err err = scatter(fanout);
    if (err != CORPS_OK) {
        return err;
    }
    err = corps_wait_all(fanout->futures, fanout->width, LAB_PATIENCE_NS);
    uint64_t took_ns = lab_now_ns() - begin;
    if (err != CORPS_OK) {
        return corps_fail(driver->context, corps_error_name(err),
                          "not all echoes came back: a message is lost or stuck");
    }
    bool whole = !fanout->timed || round % LAB_FULL_CHECK_EVERY == 0;
    if (fanout->timed) {
        lab_histogram_record(driver->histogram, took_ns);
        driver->total_ns += took_ns;
        driver->messages += fanout->width;
        whole = whole || lab_driver_enough(driver);
    }
    for (size_t i = 0; i < fanout->width && err == CORPS_OK; i++) {
        err = check_fanout(fanout, i, whole);
    }
    driver->next += fanout->width;
    return err;
}

static enum corps_err measure_fanout(struct fanout *fanout) {
    struct lab_driver *driver = &fanout->driver;
    enum corps_err err = CORPS_OK;
    lab_driver_warm_begin(driver);
    while (err == CORPS_OK && !lab_driver_warm_enough(driver)) {
        err = round_trip_fanout(fanout);
    }
    fanout->timed = true;
    lab_driver_begin(driver);
    while (err == CORPS_OK && (driver->messages == 0 || !lab_driver_enough(driver))) {
        lab_driver_gap(driver);
        err = round_trip_fanout(fanout);
    }
    lab_driver_end(driver);
    return err;
}

static enum corps_err drive_fanout(struct corps_context *context, void *self, const struct corps_value *args,
                                   struct corps_value *result) {
    static const char *const notes[] = {
        "latency is of a round: from the first call to the last reply; a message is one call",
        "seconds is the sum of the rounds; checks and gaps between are left out, but their CPU time counts", NULL};
    struct fanout fanout = {.timed = false};
    (void)self;
    enum corps_err err = lab_driver_open(&fanout.driver, context, args, true);
    if (err != CORPS_OK) {
        return err;
    }
    fanout.width = fanout.driver.params.names->count;
    fanout.futures = calloc(fanout.width, sizeof(struct corps_future *));
    if (fanout.futures == NULL) {
        err = corps_fail(context, "NO_MEMORY", "no memory for %zu Futures", fanout.width);
    } else {
        err = measure_fanout(&fanout);
    }
    if (err == CORPS_OK) {
        err = lab_driver_result(&fanout.driver, notes, NULL, 0, result);
    }
    for (size_t i = 0; fanout.futures != NULL && i < fanout.width; i++) {
        corps_future_destroy(fanout.futures[i]);
    }
    free(fanout.futures);
    lab_driver_close(&fanout.driver);
    return err;
}

static const struct corps_class fanout_server = {
    .name = "LabFanout",
    .methods = (const struct corps_method[]){{"echo", answer_fanout}, {NULL, NULL}},
};

static const struct corps_class fanout_driver = {
    .name = "LabFanoutDriver",
    .methods = (const struct corps_method[]){{"run", drive_fanout}, {NULL, NULL}},
};

static const char *fanout_impossible(const struct lab_cell *cell, char why[LAB_ERROR_BYTES]) {
    if (cell->concs == 0) {
        snprintf(why, LAB_ERROR_BYTES, "fanout to 0 Concs sends nothing; choose concs=1 or more");
        return why;
    }
    return lab_needs_delivery(cell, why);
}

static enum corps_err run_fanout(struct corps *corps, const struct lab_cell *cell, struct corps_box **box) {
    struct corps_name **servers;
    enum corps_err err = lab_spread(corps, fanout_server.name, cell->concs, 1, &servers);
    if (err != CORPS_OK) {
        return err;
    }
    err = lab_drive(corps, cell, fanout_driver.name, servers, cell->concs, box);
    lab_release(servers, cell->concs);
    return err;
}

const struct lab_workload lab_workload_fanout = {
    .name = "fanout",
    .summary = "scatter to `concs` Concs, gather all replies",
    .concs = 8,
    .classes = {&fanout_server, &fanout_driver, NULL},
    .impossible = fanout_impossible,
    .run = run_fanout,
};
