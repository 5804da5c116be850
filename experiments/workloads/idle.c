/* Nothing, for a second, after some calls: what Envs that only wait use of the processors. The driver waits for a reply
 * that the other side puts off, so that one Env waits inside a method and the others have nothing to do at all. */
#include "workloads/common.h"

#include <pthread.h>
#include <time.h>

#define REST_NS (1000 * INT64_C(1000000))

static void *answer_later(void *arg) {
    struct timespec rest = {REST_NS / 1000000000, REST_NS % 1000000000};
    while (nanosleep(&rest, &rest) != 0) {
    }
    (void)!corps_request_reply(arg, NULL);
    return NULL;
}

static enum corps_err rest(struct corps_context *context, void *self, const struct corps_value *args,
                           struct corps_value *result) {
    (void)self;
    (void)args;
    (void)result;
    struct corps_request *request = corps_request_hold(context);
    pthread_t thread;
    if (request == NULL || pthread_create(&thread, NULL, answer_later, request) != 0) {
        return corps_fail(context, "SYSTEM", "cannot start a thread to rest in");
    }
    pthread_detach(thread);
    return CORPS_ERR_PENDING;
}

static enum corps_err answer_idle(struct corps_context *context, void *self, const struct corps_value *args,
                                  struct corps_value *result) {
    (void)context;
    (void)self;
    *result = *args;
    return CORPS_OK;
}

static enum corps_err call(struct lab_driver *driver, const char *method) {
    const struct corps_call_options options = {.serializer = "msgpack"};
    struct corps_future *future;
    enum corps_err err = corps_call(lab_params_name(&driver->params, 0), method, NULL, &options, &future);
    if (err != CORPS_OK) {
        return lab_fail(driver->context, err);
    }
    err = corps_future_wait(future, LAB_PATIENCE_NS, NULL);
    err = err == CORPS_OK ? CORPS_OK : lab_fail_future(driver->context, err, future, "no answer");
    corps_future_destroy(future);
    return err;
}

static enum corps_err measure_idle(struct lab_driver *driver) {
    enum corps_err err = CORPS_OK;
    for (unsigned i = 0; i < driver->params.cell.warmup_count && err == CORPS_OK; i++) {
        err = call(driver, "answer");
    }
    lab_driver_begin(driver);
    err = err == CORPS_OK ? call(driver, "rest") : err;
    driver->total_ns = lab_now_ns() - driver->begin_ns;
    lab_driver_end(driver);
    driver->messages = 1;
    lab_histogram_record(driver->histogram, driver->total_ns);
    return err;
}

static enum corps_err drive_idle(struct corps_context *context, void *self, const struct corps_value *args,
                                 struct corps_value *result) {
    static const char *const notes[] = {"a message is one second of rest; its CPU time is what all Envs together used",
                                        NULL};
    struct lab_driver driver;
    (void)self;
    enum corps_err err = lab_driver_open(&driver, context, args, false);
    if (err != CORPS_OK) {
        return err;
    }
    err = measure_idle(&driver);
    if (err == CORPS_OK) {
        err = lab_driver_result(&driver, notes, NULL, 0, result);
    }
    lab_driver_close(&driver);
    return err;
}

static const struct corps_class idle_server = {
    .name = "LabSleeper",
    .methods = (const struct corps_method[]){{"rest", rest}, {"answer", answer_idle}, {NULL, NULL}},
};

static const struct corps_class idle_driver = {
    .name = "LabIdleDriver",
    .methods = (const struct corps_method[]){{"run", drive_idle}, {NULL, NULL}},
};

static const char *idle_impossible(const struct lab_cell *cell, char why[LAB_ERROR_BYTES]) {
    return cell->envs == 1 ? "idle looks at Envs that wait for each other; choose envs=2 or more"
                           : lab_needs_delivery(cell, why);
}

static enum corps_err run_idle(struct corps *corps, const struct lab_cell *cell, struct corps_box **box) {
    struct corps_name **servers;
    enum corps_err err = lab_spread(corps, idle_server.name, 1, 1, &servers);
    if (err != CORPS_OK) {
        return err;
    }
    err = lab_drive(corps, cell, idle_driver.name, servers, 1, box);
    lab_release(servers, 1);
    return err;
}

const struct lab_workload lab_workload_idle = {
    .name = "idle",
    .summary = "a second of rest: what waiting Envs use of the processors",
    .traits = LAB_WORKLOAD_C_ALONE,
    .classes = {&idle_server, &idle_driver, NULL},
    .impossible = idle_impossible,
    .run = run_idle,
};
