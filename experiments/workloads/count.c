/* A stream of calls without reply to counting Concs, in turn: what a message costs when nothing is done with it. With
 * many Concs: what it costs that they are many. Only the numbers are checked; `oneway` looks at the content too. */
#include "workloads/common.h"

#include <stdlib.h>

struct counter {
    int64_t count;
};

static enum corps_err add(struct corps_context *context, void *self, const struct corps_value *args,
                          struct corps_value *result) {
    struct counter *counter = self;
    (void)context;
    (void)args;
    (void)result;
    counter->count++;
    return CORPS_OK;
}

static enum corps_err told(struct corps_context *context, void *self, const struct corps_value *args,
                           struct corps_value *result) {
    const struct counter *counter = self;
    (void)context;
    (void)args;
    *result = corps_int(counter->count);
    return CORPS_OK;
}

/* ---- the driver ---- */

struct counters {
    struct corps_name **names;
    unsigned count;
    unsigned turn;
};

enum { CHUNK = 256, IN_FLIGHT = 256 };

static enum corps_err send_chunk(struct lab_driver *driver, struct counters *counters) {
    enum corps_err err = CORPS_OK;
    for (unsigned i = 0; i < CHUNK && err == CORPS_OK; i++) {
        err = corps_send(counters->names[counters->turn], "add", &driver->message.value, NULL);
        counters->turn = counters->turn + 1 < counters->count ? counters->turn + 1 : 0;
        driver->next += err == CORPS_OK;
    }
    return err == CORPS_OK ? CORPS_OK : lab_fail(driver->context, err);
}

/* Adds one counter's answer, which queues behind everything that was sent to it. */
static enum corps_err take(struct lab_driver *driver, struct corps_future *future, uint64_t *sum) {
    const struct corps_value *answer;
    enum corps_err err = corps_future_wait(future, LAB_PATIENCE_NS, &answer);
    if (err != CORPS_OK) {
        err = lab_fail_future(driver->context, err, future, "a counter does not answer");
    } else if (answer->kind != CORPS_INT) {
        err = corps_fail(driver->context, "Mismatch", "a counter's answer is no number");
    } else {
        *sum += (uint64_t)answer->integer;
    }
    corps_future_destroy(future);
    return err;
}

/* Asks all counters, some at a time, and compares the sum with what was sent. */
static enum corps_err settle(struct lab_driver *driver, const struct counters *counters) {
    const struct corps_call_options options = {.serializer = "msgpack"};
    struct corps_future *futures[IN_FLIGHT];
    uint64_t sum = 0;
    enum corps_err err = CORPS_OK;
    for (unsigned first = 0; first < counters->count && err == CORPS_OK; first += IN_FLIGHT) {
        unsigned asked = 0, taken = 0;
        for (; asked < IN_FLIGHT && first + asked < counters->count && err == CORPS_OK; asked += err == CORPS_OK) {
            err = corps_call(counters->names[first + asked], "told", NULL, &options, &futures[asked]);
            err = err == CORPS_OK ? CORPS_OK : lab_fail(driver->context, err);
        }
        for (; taken < asked && err == CORPS_OK; taken++) {
            err = take(driver, futures[taken], &sum);
        }
        for (; taken < asked; taken++) {
            corps_future_destroy(futures[taken]);
        }
    }
    if (err == CORPS_OK && sum != driver->next) {
        err = corps_fail(driver->context, "Mismatch", "%llu messages were sent and %llu counted",
                         (unsigned long long)driver->next, (unsigned long long)sum);
    }
    return err;
}

/* The Conc that was sent to last answers when everything before is handled, there at least. */
static enum corps_err await_last(struct lab_driver *driver, const struct counters *counters) {
    const struct corps_call_options options = {.serializer = "msgpack"};
    struct corps_future *future;
    uint64_t unused = 0;
    unsigned last = counters->turn > 0 ? counters->turn - 1 : counters->count - 1;
    enum corps_err err = corps_call(counters->names[last], "told", NULL, &options, &future);
    return err == CORPS_OK ? take(driver, future, &unused) : lab_fail(driver->context, err);
}

static enum corps_err measure_count(struct lab_driver *driver, struct counters *counters) {
    enum corps_err err = CORPS_OK;
    (void)lab_message_with(&driver->message, 0);
    lab_driver_warm_begin(driver);
    do { /* every Conc at least once */
        err = send_chunk(driver, counters);
    } while (err == CORPS_OK && (driver->next < counters->count || !lab_driver_warm_enough(driver)));
    err = err == CORPS_OK ? settle(driver, counters) : err;
    lab_driver_begin(driver);
    while (err == CORPS_OK && (driver->messages == 0 || !lab_driver_enough(driver))) {
        uint64_t begin = lab_now_ns();
        err = send_chunk(driver, counters);
        lab_histogram_record_many(driver->histogram, (lab_now_ns() - begin) / CHUNK, CHUNK);
        driver->messages += CHUNK;
    }
    err = err == CORPS_OK ? await_last(driver, counters) : err;
    driver->total_ns = lab_now_ns() - driver->begin_ns;
    lab_driver_end(driver);
    return err == CORPS_OK ? settle(driver, counters) : err;
}

/* The counters, all in the last Env. */
static enum corps_err open_counters(struct lab_driver *driver, struct counters *counters) {
    struct corps *corps = corps_context_corps(driver->context);
    counters->names = calloc(driver->params.cell.concs, sizeof(struct corps_name *));
    enum corps_err err = counters->names == NULL
                             ? CORPS_ERR_NO_MEMORY
                             : corps_create_concs(corps, "LabCounter", NULL, CORPS_ENV_ID(corps_env_count(corps) - 1),
                                                  driver->params.cell.concs, counters->names);
    counters->count = err == CORPS_OK ? driver->params.cell.concs : 0;
    return err == CORPS_OK ? CORPS_OK : lab_fail(driver->context, err);
}

static enum corps_err drive_count(struct corps_context *context, void *self, const struct corps_value *args,
                                  struct corps_value *result) {
    static const char *const notes[] = {
        "latency is the sender's time for one send, averaged over 256 in a row",
        "seconds runs until the Conc that was sent to last has answered; then all of them tell how many came", NULL};
    struct lab_driver driver;
    struct counters counters = {0};
    (void)self;
    enum corps_err err = lab_driver_open(&driver, context, args, true);
    if (err != CORPS_OK) {
        return err;
    }
    err = open_counters(&driver, &counters);
    if (err == CORPS_OK) {
        err = measure_count(&driver, &counters);
    }
    if (err == CORPS_OK) {
        err = lab_driver_result(&driver, notes, NULL, 0, result);
    }
    lab_release(counters.names, counters.count);
    lab_driver_close(&driver);
    return err;
}

static const struct corps_class counter_class = {
    .name = "LabCounter",
    .bytes = sizeof(struct counter),
    .methods = (const struct corps_method[]){{"add", add}, {"told", told}, {NULL, NULL}},
};

static const struct corps_class count_driver = {
    .name = "LabCountDriver",
    .methods = (const struct corps_method[]){{"run", drive_count}, {NULL, NULL}},
};

static enum corps_err run_count(struct corps *corps, const struct lab_cell *cell, struct corps_box **box) {
    return lab_drive(corps, cell, count_driver.name, NULL, 0, box);
}

const struct lab_workload lab_workload_count = {
    .name = "count",
    .summary = "a stream of calls without reply to `concs` counting Concs of one Env",
    .traits = LAB_WORKLOAD_C_ALONE,
    .classes = {&counter_class, &count_driver, NULL},
    .impossible = lab_needs_delivery,
    .run = run_count,
};
