/* Makes `concs` Concs in one Env with one request, from a Conc of Env 0: seconds, and memory for each. The first and
 * the last are called, so that what was made is known to live. */
#include "workloads/common.h"

#include <stdlib.h>

static enum corps_err live(struct corps_context *context, void *self, const struct corps_value *args,
                           struct corps_value *result) {
    (void)context;
    (void)self;
    (void)args;
    *result = corps_int(1);
    return CORPS_OK;
}

static enum corps_err check_spawn(struct lab_driver *driver, const struct corps_name *name) {
    const struct corps_call_options options = {.serializer = "msgpack"};
    const struct corps_value *answer;
    struct corps_future *future;
    enum corps_err err = corps_call(name, "live", NULL, &options, &future);
    if (err != CORPS_OK) {
        return lab_fail(driver->context, err);
    }
    err = corps_future_wait(future, LAB_PATIENCE_NS, &answer);
    if (err != CORPS_OK) {
        err = lab_fail_future(driver->context, err, future, "a Conc that was made does not answer");
    } else if (answer->kind != CORPS_INT || answer->integer != 1) {
        err = corps_fail(driver->context, "Mismatch", "a Conc that was made answers something else");
    }
    corps_future_destroy(future);
    return err;
}

static enum corps_err measure_spawn(struct lab_driver *driver, struct corps_name **names, double *bytes_each) {
    unsigned count = driver->params.cell.concs;
    struct corps *corps = corps_context_corps(driver->context);
    uint64_t before = lab_resident_bytes();
    lab_driver_begin(driver);
    enum corps_err err = corps_create_concs(corps, "LabNewcomer", NULL, CORPS_ENV_ID(0), count, names);
    driver->total_ns = lab_now_ns() - driver->begin_ns;
    lab_driver_end(driver);
    if (err != CORPS_OK) {
        return lab_fail(driver->context, err);
    }
    *bytes_each = ((double)lab_resident_bytes() - (double)before) / count;
    driver->messages = count;
    lab_histogram_record_many(driver->histogram, driver->total_ns / count, count);
    err = check_spawn(driver, names[0]);
    return err == CORPS_OK ? check_spawn(driver, names[count - 1]) : err;
}

static enum corps_err drive_spawn(struct corps_context *context, void *self, const struct corps_value *args,
                                  struct corps_value *result) {
    static const char *const notes[] = {
        "a message is one Conc made; latency is the time for all, shared out",
        "bytes_each is the growth of the Env's resident memory per Conc, its Name included", NULL};
    struct lab_driver driver;
    (void)self;
    enum corps_err err = lab_driver_open(&driver, context, args, false);
    if (err != CORPS_OK) {
        return err;
    }
    struct corps_name **names = calloc(driver.params.cell.concs, sizeof(struct corps_name *));
    double bytes_each = -1;
    err = names != NULL ? measure_spawn(&driver, names, &bytes_each)
                        : corps_fail(context, "NO_MEMORY", "no memory for Names");
    if (err == CORPS_OK) {
        struct corps_entry extra = {corps_str("bytes_each"), corps_float(bytes_each)};
        err = lab_driver_result(&driver, notes, &extra, 1, result);
    }
    lab_release(names, names != NULL && names[0] != NULL ? driver.params.cell.concs : 0);
    lab_driver_close(&driver);
    return err;
}

static const struct corps_class newcomer = {
    .name = "LabNewcomer",
    .bytes = sizeof(int64_t),
    .methods = (const struct corps_method[]){{"live", live}, {NULL, NULL}},
};

static const struct corps_class spawn_driver = {
    .name = "LabSpawnDriver",
    .methods = (const struct corps_method[]){{"run", drive_spawn}, {NULL, NULL}},
};

static enum corps_err run_spawn(struct corps *corps, const struct lab_cell *cell, struct corps_box **box) {
    return lab_drive(corps, cell, spawn_driver.name, NULL, 0, box);
}

const struct lab_workload lab_workload_spawn = {
    .name = "spawn",
    .summary = "makes `concs` Concs in one Env",
    .traits = LAB_WORKLOAD_C_ALONE,
    .concs = 1000000,
    .classes = {&newcomer, &spawn_driver, NULL},
    .impossible = lab_needs_delivery,
    .run = run_spawn,
};
