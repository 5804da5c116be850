/* Request and reply, one in flight: the latency of a call. */
#include "workloads/echo.h"

#include "workloads/stages.h"

#include <string.h>

static enum corps_err answer_echo(struct corps_context *context, void *self, const struct corps_value *args,
                                  struct corps_value *result) {
    (void)context;
    (void)self;
    *result = *args;
    return CORPS_OK;
}

/* The same with the bytes written into memory that the transport lends for the reply. */
static enum corps_err answer_lent(struct corps_context *context, void *self, const struct corps_value *args,
                                  struct corps_value *result) {
    (void)self;
    const struct corps_value *payload = args->kind == CORPS_BIN ? args : corps_value_item(args, 1);
    struct corps_value *items = corps_context_alloc(context, 2 * sizeof *items);
    void *memory = payload != NULL ? corps_context_loan(context, payload->count) : NULL;
    if (items == NULL || memory == NULL || payload->kind != CORPS_BIN) {
        return corps_fail(context, "Mismatch", "the message holds no bytes, or there is no memory for the reply");
    }
    if (payload->count > 0) {
        memcpy(memory, payload->bin, payload->count);
    }
    if (args->kind == CORPS_BIN) {
        *result = corps_bin(memory, payload->count);
        return CORPS_OK;
    }
    items[0] = *corps_value_item(args, 0);
    items[1] = corps_bin(memory, payload->count);
    *result = corps_array(items, 2);
    return CORPS_OK;
}

static enum corps_err call_lent(struct lab_driver *driver, const struct corps_name *server, uint64_t number,
                                struct corps_future **future) {
    struct corps_block *block;
    const struct corps_value *message = lab_message_lent(&driver->message, server, number, &block);
    enum corps_err err = message != NULL ? corps_call(server, "echo_lent", message, NULL, future) : CORPS_ERR_NO_MEMORY;
    corps_block_unref(block);
    return err;
}

/* One round trip. What is checked is checked after the time was taken. */
static enum corps_err round_trip_echo(struct lab_driver *driver, const struct corps_name *server, bool timed) {
    const struct corps_value *reply;
    struct corps_future *future;
    char error[LAB_TEXT_BYTES];
    uint64_t number = driver->next++;
    const struct corps_value *message = lab_message_with(&driver->message, number);
    uint64_t begin = lab_now_ns();
    enum corps_err err = driver->params.cell.loan ? call_lent(driver, server, number, &future)
                                                  : corps_call(server, "echo", message, driver->options, &future);
    if (err != CORPS_OK) {
        return lab_fail(driver->context, err);
    }
    err = corps_future_wait(future, LAB_PATIENCE_NS, &reply);
    if (driver->params.slowdown > 0) {
        lab_driver_slow(driver, begin);
    }
    uint64_t took_ns = lab_now_ns() - begin;
    if (err != CORPS_OK) {
        err = lab_fail_future(driver->context, err, future, "the echo did not come back");
    } else {
        bool whole = timed ? driver->messages % LAB_FULL_CHECK_EVERY == 0 : driver->steps == NULL;
        if (timed) {
            lab_histogram_record(driver->histogram, took_ns);
            driver->total_ns += took_ns;
            driver->messages++;
            whole = whole || lab_driver_enough(driver);
        }
        if (!lab_message_check(&driver->message, number, reply, whole, error)) {
            err = corps_fail(driver->context, "Mismatch", "%s", error);
        }
    }
    corps_future_destroy(future);
    return err;
}

static enum corps_err measure_echo(struct lab_driver *driver, struct lab_stages *stages) {
    const struct corps_name *server = lab_params_name(&driver->params, 0);
    enum corps_err err = CORPS_OK;
    lab_driver_warm_begin(driver);
    while (err == CORPS_OK && !lab_driver_warm_enough(driver)) {
        err = round_trip_echo(driver, server, false);
    }
    if (err == CORPS_OK) {
        err = lab_stages_begin(stages, driver->context,
                               driver->params.cell.stages ? lab_params_name(&driver->params, 1) : NULL);
    }
    lab_driver_begin(driver);
    while (err == CORPS_OK && (driver->messages == 0 || !lab_driver_enough(driver))) {
        lab_driver_gap(driver);
        err = round_trip_echo(driver, server, true);
    }
    lab_driver_end(driver);
    if (err == CORPS_OK) {
        err = lab_stages_end(stages, driver->context);
    }
    lab_driver_calls_begin(driver);
    while (err == CORPS_OK && !lab_driver_calls_enough(driver)) {
        err = round_trip_echo(driver, server, false);
    }
    lab_driver_calls_end(driver);
    return err;
}

enum corps_err lab_echo_drive(struct corps_context *context, const struct corps_value *args,
                              const struct lab_echo_calls *calls, struct corps_value *result) {
    static const char *const notes[] = {
        "seconds is the sum of the round trips; checks and gaps between are left out, but their CPU time counts", NULL};
    struct lab_driver driver;
    struct lab_stages *stages = corps_context_alloc(context, sizeof *stages); /* the result refers to it */
    enum corps_err err = stages != NULL ? lab_driver_open(&driver, context, args, true)
                                        : corps_fail(context, "NO_MEMORY", "no memory for the stages of calls");
    if (err != CORPS_OK) {
        return err;
    }
    *stages = (struct lab_stages){.own = NULL};
    driver.options = calls->options;
    driver.most = calls->most != NULL ? calls->most(driver.message.wire_bytes) : 0;
    err = measure_echo(&driver, stages);
    if (err == CORPS_OK) {
        const struct corps_entry staged = {corps_str("stages_ns"), stages->map};
        err = lab_driver_result(&driver, notes, &staged, driver.params.cell.stages ? 1 : 0, result);
    }
    lab_stages_finish(stages);
    lab_driver_close(&driver);
    return err;
}

static enum corps_err drive_echo(struct corps_context *context, void *self, const struct corps_value *args,
                                 struct corps_value *result) {
    static const struct lab_echo_calls plain = {.options = NULL};
    (void)self;
    return lab_echo_drive(context, args, &plain, result);
}

static const struct corps_class echo_server = {
    .name = "LabEcho",
    .methods = (const struct corps_method[]){{"echo", answer_echo}, {"echo_lent", answer_lent}, {NULL, NULL}},
};

static const struct corps_class echo_driver = {
    .name = "LabEchoDriver",
    .methods = (const struct corps_method[]){{"run", drive_echo}, {NULL, NULL}},
};

enum corps_err lab_echo_run(struct corps *corps, const struct lab_cell *cell, const char *driver_class,
                            struct corps_box **box) {
    struct corps_name **servers;
    struct corps_name **tracers = NULL;
    enum corps_err err = lab_spread(corps, echo_server.name, 1, 1, &servers);
    if (err != CORPS_OK) {
        return err;
    }
    if (cell->stages) {
        err = lab_spread(corps, lab_tracer_class.name, 1, 1, &tracers);
    }
    if (err == CORPS_OK) {
        struct corps_name *names[] = {servers[0], cell->stages ? tracers[0] : NULL};
        err = lab_drive(corps, cell, driver_class, names, cell->stages ? 2 : 1, box);
    }
    lab_release(servers, 1);
    lab_release(tracers, cell->stages ? 1 : 0);
    return err;
}

static enum corps_err run_echo(struct corps *corps, const struct lab_cell *cell, struct corps_box **box) {
    return lab_echo_run(corps, cell, echo_driver.name, box);
}

const struct lab_workload lab_workload_echo = {
    .name = "echo",
    .summary = "request and reply, one in flight",
    .traits = LAB_WORKLOAD_PING_PONG | LAB_WORKLOAD_LENDS,
    .classes = {&echo_server, &echo_driver, &lab_tracer_class, NULL},
    .impossible = lab_needs_delivery,
    .run = run_echo,
};
