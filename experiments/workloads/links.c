/* The first call to each of the other Envs: what a link costs until it is used, in time and in memory of the Env that
 * calls. */
#include "workloads/common.h"

#include <stdio.h>

static enum corps_err answer_links(struct corps_context *context, void *self, const struct corps_value *args,
                                   struct corps_value *result) {
    (void)context;
    (void)self;
    (void)args;
    *result = corps_int(1);
    return CORPS_OK;
}

static enum corps_err first_call(struct lab_driver *driver, const struct corps_name *name) {
    const struct corps_call_options options = {.serializer = "msgpack"};
    struct corps_future *future;
    uint64_t begin = lab_now_ns();
    enum corps_err err = corps_call(name, "answer", NULL, &options, &future);
    if (err != CORPS_OK) {
        return lab_fail(driver->context, err);
    }
    err = corps_future_wait(future, LAB_PATIENCE_NS, NULL);
    uint64_t took_ns = lab_now_ns() - begin;
    if (err == CORPS_OK) {
        lab_histogram_record(driver->histogram, took_ns);
        driver->total_ns += took_ns;
        driver->messages++;
    } else {
        err = lab_fail_future(driver->context, err, future, "an Env does not answer");
    }
    corps_future_destroy(future);
    return err;
}

static enum corps_err drive_links(struct corps_context *context, void *self, const struct corps_value *args,
                                  struct corps_value *result) {
    static const char *const notes[] = {"a message is the first call to an Env, its connection included",
                                        "bytes_each is the growth of the calling Env's resident memory per link", NULL};
    struct lab_driver driver;
    (void)self;
    enum corps_err err = lab_driver_open(&driver, context, args, false);
    if (err != CORPS_OK) {
        return err;
    }
    unsigned links = corps_env_count(corps_context_corps(context)) - 1;
    uint64_t before = lab_resident_bytes();
    lab_driver_begin(&driver);
    for (unsigned i = 0; i < links && err == CORPS_OK; i++) {
        err = first_call(&driver, lab_params_name(&driver.params, i));
    }
    lab_driver_end(&driver);
    if (err == CORPS_OK) {
        double each = ((double)lab_resident_bytes() - (double)before) / links;
        struct corps_entry extra = {corps_str("bytes_each"), corps_float(each)};
        err = lab_driver_result(&driver, notes, &extra, 1, result);
    }
    lab_driver_close(&driver);
    return err;
}

static const struct corps_class links_server = {
    .name = "LabNeighbour",
    .methods = (const struct corps_method[]){{"answer", answer_links}, {NULL, NULL}},
};

static const struct corps_class links_driver = {
    .name = "LabLinksDriver",
    .methods = (const struct corps_method[]){{"run", drive_links}, {NULL, NULL}},
};

static const char *links_impossible(const struct lab_cell *cell, char why[LAB_ERROR_BYTES]) {
    if (cell->envs < 2) {
        snprintf(why, LAB_ERROR_BYTES, "a single Env has no links; choose envs=2 or more");
        return why;
    }
    return lab_needs_delivery(cell, why);
}

static enum corps_err run_links(struct corps *corps, const struct lab_cell *cell, struct corps_box **box) {
    struct corps_name **servers;
    unsigned count = cell->envs - 1;
    enum corps_err err = lab_spread(corps, links_server.name, count, 1, &servers);
    if (err != CORPS_OK) {
        return err;
    }
    err = lab_drive(corps, cell, links_driver.name, servers, count, box);
    lab_release(servers, count);
    return err;
}

const struct lab_workload lab_workload_links = {
    .name = "links",
    .summary = "the first call to each other Env: time and memory of a link",
    .traits = LAB_WORKLOAD_C_ALONE,
    .classes = {&links_server, &links_driver, NULL},
    .impossible = links_impossible,
    .run = run_links,
};
