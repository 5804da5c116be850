/* A token goes round `concs` Concs, which lie over all Envs in turn: a chain of wake-ups without replies.
 *
 * The token carries the number of its hop. Conc i of n expects hops i, n + i, 2n + i, …; Conc 0, which also keeps the
 * time, counts hop n, 2n, … as its arrivals. In the end every Conc must have seen the token once a lap. */
#include "workloads/common.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What Conc 0 has beyond the others, while a request to run is held. */
struct keeper {
    struct lab_driver driver;
    struct corps_request *request;
    uint64_t lap_begin_ns;
    bool timed;
};

struct station {
    struct lab_message message;
    struct corps_name *next;
    struct corps_name *first;
    uint64_t index;
    uint64_t count;  /* of stations */
    uint64_t visits; /* of the token */
    struct keeper *keeper;
};

static enum corps_err link_up(struct corps_context *context, void *self, const struct corps_value *args,
                              struct corps_value *result) {
    struct station *station = self;
    struct lab_params params;
    (void)result;
    enum corps_err err = lab_params_read(args, &params);
    if (err == CORPS_OK) {
        err = lab_message_open(&station->message, &params);
    }
    if (err != CORPS_OK) {
        return lab_fail(context, err);
    }
    station->index = params.index;
    station->count = params.names->count;
    station->next = corps_name_ref(lab_params_name(&params, (params.index + 1) % params.names->count));
    station->first = corps_name_ref(lab_params_name(&params, 0));
    return CORPS_OK;
}

static void close_keeper(struct station *station) {
    if (station->keeper != NULL) {
        lab_driver_close(&station->keeper->driver);
        free(station->keeper);
        station->keeper = NULL;
    }
}

static void leave(struct corps_context *context, void *self) {
    struct station *station = self;
    (void)context;
    close_keeper(station);
    corps_name_unref(station->next);
    corps_name_unref(station->first);
    lab_message_close(&station->message);
}

/* The held request fails; later faults find no request and are dropped. */
static void fail_run(struct station *station, const char *text) {
    if (station->keeper != NULL) {
        corps_request_fail(station->keeper->request, "Mismatch", text);
        close_keeper(station);
    }
}

/* A fault at any station ends the trial: station 0 is told, since it owes the answer. */
static void tell_fault(struct station *station, const char *text) {
    const struct corps_call_options options = {.serializer = "msgpack"};
    struct corps_value value = corps_str(text);
    if (station->index == 0) {
        fail_run(station, text);
    } else if (corps_send(station->first, "fault", &value, &options) != CORPS_OK) {
        /* Station 0's Env is gone then; the program notices that itself. */
        return;
    }
}

static enum corps_err hear_fault(struct corps_context *context, void *self, const struct corps_value *args,
                                 struct corps_value *result) {
    char text[LAB_TEXT_BYTES];
    (void)context;
    (void)result;
    snprintf(text, sizeof text, "%.*s", args->kind == CORPS_STR ? (int)args->count : 0, args->str);
    fail_run(self, text);
    return CORPS_OK;
}

static void pass_on(struct station *station, uint64_t hop) {
    char text[LAB_TEXT_BYTES];
    enum corps_err err = corps_send(station->next, "token", lab_message_with(&station->message, hop), NULL);
    if (err != CORPS_OK) {
        snprintf(text, sizeof text, "hop %llu could not be sent: %.180s", (unsigned long long)hop,
                 corps_error_detail());
        tell_fault(station, text);
    }
}

static void finish_run(struct station *station, struct corps_context *context) {
    static const char *const notes[] = {"a message is one hop; latency is a lap's time divided by its hops",
                                        "seconds is the sum of the laps", NULL};
    struct keeper *keeper = station->keeper;
    struct corps_value result;
    lab_driver_end(&keeper->driver);
    keeper->driver.context = context;
    keeper->driver.message.size_bytes = station->message.size_bytes;
    keeper->driver.message.wire_bytes = station->message.wire_bytes;
    struct corps_entry laps = {corps_str("laps"), corps_int((int64_t)station->visits)};
    if (lab_driver_result(&keeper->driver, notes, &laps, 1, &result) == CORPS_OK) {
        corps_request_reply(keeper->request, &result);
    } else {
        corps_request_fail(keeper->request, "NO_MEMORY", "no memory for the result");
    }
    close_keeper(station);
}

/* Station 0: a lap is over. Returns whether another begins. */
static bool count_lap(struct station *station, struct corps_context *context) {
    struct keeper *keeper = station->keeper;
    struct lab_driver *driver = &keeper->driver;
    uint64_t now = lab_now_ns();
    driver->next += station->count;
    if (!keeper->timed) {
        if (lab_driver_warm_enough(driver)) {
            keeper->timed = true;
            lab_driver_begin(driver);
        }
    } else {
        uint64_t lap_ns = now - keeper->lap_begin_ns;
        lab_histogram_record_many(driver->histogram, lap_ns / station->count, station->count);
        driver->messages += station->count;
        driver->total_ns += lap_ns;
        if (lab_driver_enough(driver)) {
            finish_run(station, context);
            return false;
        }
    }
    lab_driver_gap(driver);
    keeper->lap_begin_ns = lab_now_ns();
    return true;
}

static enum corps_err take_token(struct corps_context *context, void *self, const struct corps_value *args,
                                 struct corps_value *result) {
    struct station *station = self;
    char error[LAB_TEXT_BYTES];
    (void)result;
    uint64_t hop = (station->visits + (station->index == 0)) * station->count + station->index;
    bool whole = station->visits % LAB_FULL_CHECK_EVERY == 0;
    if (!lab_message_check(&station->message, hop, args, whole, error)) {
        tell_fault(station, error);
        return CORPS_OK;
    }
    station->visits++;
    if (station->index != 0) {
        pass_on(station, hop + 1);
    } else if (station->keeper != NULL && count_lap(station, context)) {
        pass_on(station, hop + 1);
    }
    return CORPS_OK;
}

static enum corps_err drive_ring(struct corps_context *context, void *self, const struct corps_value *args,
                                 struct corps_value *result) {
    struct station *station = self;
    (void)result;
    struct keeper *keeper = calloc(1, sizeof *keeper);
    if (keeper == NULL) {
        return corps_fail(context, "NO_MEMORY", "no memory for the driver");
    }
    enum corps_err err = lab_driver_hold(&keeper->driver, &keeper->request, context, args, false);
    if (err != CORPS_OK) {
        free(keeper);
        return err;
    }
    station->keeper = keeper;
    lab_driver_warm_begin(&keeper->driver);
    keeper->lap_begin_ns = lab_now_ns();
    pass_on(station, station->visits * station->count + 1);
    return CORPS_ERR_PENDING;
}

static enum corps_err report(struct corps_context *context, void *self, const struct corps_value *args,
                             struct corps_value *result) {
    struct station *station = self;
    (void)context;
    (void)args;
    *result = corps_int((int64_t)station->visits);
    return CORPS_OK;
}

static const struct corps_class ring_station = {
    .name = "LabRing",
    .bytes = sizeof(struct station),
    .methods = (const struct corps_method[]){{"token", take_token},
                                             {"link", link_up},
                                             {"fault", hear_fault},
                                             {"visits", report},
                                             {"run", drive_ring},
                                             {NULL, NULL}},
    .cleanup = leave,
};

/* The token must have been everywhere as often as station 0 has seen it. */
static enum corps_err check_visits(struct corps *corps, const struct lab_cell *cell, struct corps_name **stations,
                                   const struct corps_box *answer) {
    const struct corps_value *laps = corps_value_get(corps_box_root(answer), "laps");
    enum corps_err err = CORPS_OK;
    for (unsigned i = 0; i < cell->concs && err == CORPS_OK; i++) {
        struct corps_box *box = NULL;
        err = lab_tell(corps, cell, stations[i], "visits", NULL, 0, i, &box);
        const struct corps_value *visits = err == CORPS_OK ? corps_value_open(corps_box_root(box)) : NULL;
        if (visits != NULL && visits->integer != laps->integer) {
            err = corps_error_set(CORPS_ERR_CORRUPT, "Conc %u of the ring has seen the token %lld times in %lld laps",
                                  i, (long long)visits->integer, (long long)laps->integer);
        }
        corps_box_unref(box);
    }
    return err;
}

static const char *ring_impossible(const struct lab_cell *cell, char why[LAB_ERROR_BYTES]) {
    if (cell->concs == 0) {
        snprintf(why, LAB_ERROR_BYTES, "a ring of 0 Concs has no hops; choose concs=1 or more");
        return why;
    }
    return lab_needs_delivery(cell, why);
}

static enum corps_err run_ring(struct corps *corps, const struct lab_cell *cell, struct corps_box **box) {
    struct corps_name **stations;
    struct corps_box *answer = NULL;
    enum corps_err err = lab_spread(corps, ring_station.name, cell->concs, 0, &stations);
    if (err != CORPS_OK) {
        return err;
    }
    for (unsigned i = 0; i < cell->concs && err == CORPS_OK; i++) {
        err = lab_tell(corps, cell, stations[i], "link", stations, cell->concs, i, NULL);
    }
    if (err == CORPS_OK) {
        err = lab_tell(corps, cell, stations[0], "run", stations, cell->concs, 0, &answer);
    }
    if (err == CORPS_OK) {
        err = check_visits(corps, cell, stations, answer);
    }
    if (err == CORPS_OK) {
        *box = answer;
    } else {
        corps_box_unref(answer);
    }
    lab_release(stations, cell->concs);
    return err;
}

const struct lab_workload lab_workload_ring = {
    .name = "ring",
    .summary = "a token goes round `concs` Concs over all Envs",
    .traits = LAB_WORKLOAD_UNANSWERED | LAB_WORKLOAD_ALIKE,
    .concs = 8,
    .classes = {&ring_station, NULL},
    .impossible = ring_impossible,
    .run = run_ring,
};
