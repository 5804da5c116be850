/* Requests at times of their own, whether or not earlier ones have been answered: the latency that users see under
 * load.
 *
 * First the capacity is measured: how many requests a second are answered with a full window. Then requests are sent at
 * `load` percent of that, at the times of a Poisson process (intervals -ln(u) / rate), and the latency of each is
 * counted from its *intended* time: one that could not be sent because the sender was held up counts as having waited
 * (Tene's coordinated omission). */
#include "workloads/common.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    CAPACITY_WINDOW = 64,
    CAPACITY_MS = 20,
    CAPACITY_COUNT = 200,
    BACKLOG = 16384, /* requests under way at once; more wait, and their waiting counts */
};

struct flight {
    struct corps_future *future;
    uint64_t begin_ns; /* intended */
};

struct openloop {
    struct lab_driver driver;
    const struct corps_name *server;
    struct flight *flights; /* a ring of BACKLOG */
    uint64_t landed;        /* number of the next reply */
    uint64_t late;          /* requests sent over 10 µs after their time */
    uint64_t random;
    bool timed;
};

/* splitmix64 (Steele, Lea, Flood 2014): small, and the same on every machine. (0, 1] */
static double uniform(uint64_t *state) {
    uint64_t z = (*state += 0x9E3779B97F4A7C15u);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return (double)(((z ^ (z >> 31)) >> 11) + 1) / 9007199254740992.0;
}

static enum corps_err launch(struct openloop *loop, uint64_t intended_ns) {
    struct lab_driver *driver = &loop->driver;
    struct flight *flight = &loop->flights[driver->next % BACKLOG];
    const struct corps_value *message = lab_message_with(&driver->message, driver->next);
    flight->begin_ns = intended_ns;
    enum corps_err err = corps_call(loop->server, "echo", message, NULL, &flight->future);
    if (err != CORPS_OK) {
        flight->future = NULL;
        return lab_fail(driver->context, err);
    }
    driver->next++;
    return CORPS_OK;
}

static enum corps_err land(struct openloop *loop, bool whole) {
    struct lab_driver *driver = &loop->driver;
    struct flight *flight = &loop->flights[loop->landed % BACKLOG];
    const struct corps_value *reply;
    char error[LAB_TEXT_BYTES];
    enum corps_err err = corps_future_wait(flight->future, LAB_PATIENCE_NS, &reply);
    if (err != CORPS_OK) {
        return lab_fail_future(driver->context, err, flight->future, "an echo did not come back");
    }
    if (loop->timed) {
        lab_histogram_record(driver->histogram, lab_now_ns() - flight->begin_ns);
        driver->messages++;
    }
    if (!lab_message_check(&driver->message, loop->landed, reply, whole || loop->landed % LAB_FULL_CHECK_EVERY == 0,
                           error)) {
        return corps_fail(driver->context, "Mismatch", "%s", error);
    }
    corps_future_destroy(flight->future);
    flight->future = NULL;
    loop->landed++;
    return CORPS_OK;
}

static uint64_t in_flight(const struct openloop *loop) {
    return loop->driver.next - loop->landed;
}

static enum corps_err land_all(struct openloop *loop) {
    enum corps_err err = CORPS_OK;
    while (err == CORPS_OK && in_flight(loop) > 0) {
        err = land(loop, in_flight(loop) == 1);
    }
    return err;
}

/* Takes what has come until it is time. The driver itself never sleeps: how the called side waits is what is measured.
 */
static enum corps_err await_time(struct openloop *loop, uint64_t until_ns) {
    enum corps_err err = CORPS_OK;
    do {
        while (err == CORPS_OK && in_flight(loop) > 0 &&
               corps_future_ready(loop->flights[loop->landed % BACKLOG].future)) {
            err = land(loop, false);
        }
    } while (err == CORPS_OK && lab_now_ns() < until_ns);
    return err;
}

/* Requests answered in a second when up to 64 are in flight and the driver polls between them, as it does when it
 * offers a load. The warm-up besides. */
static enum corps_err find_capacity(struct openloop *loop, double *per_s) {
    struct lab_driver *driver = &loop->driver;
    enum corps_err err = CORPS_OK;
    uint64_t begin = lab_now_ns(), end = begin;
    unsigned long wanted =
        CAPACITY_COUNT > driver->params.cell.warmup_count ? CAPACITY_COUNT : driver->params.cell.warmup_count;
    while (err == CORPS_OK && end - begin < (uint64_t)driver->params.cell.max_ms * 1000000u &&
           (end - begin < (uint64_t)CAPACITY_MS * 1000000u || loop->landed < wanted)) {
        err = await_time(loop, 0);
        if (err == CORPS_OK && in_flight(loop) < CAPACITY_WINDOW) {
            err = launch(loop, 0);
        }
        end = lab_now_ns();
    }
    *per_s = (double)loop->landed / ((double)(end - begin + 1) / 1e9);
    return err == CORPS_OK ? land_all(loop) : err;
}

static enum corps_err offer(struct openloop *loop, double per_s) {
    struct lab_driver *driver = &loop->driver;
    enum corps_err err = CORPS_OK;
    double next_ns = (double)driver->begin_ns;
    uint64_t sent = 0;
    while (err == CORPS_OK) {
        next_ns += -log(uniform(&loop->random)) * 1e9 / per_s;
        err = await_time(loop, (uint64_t)next_ns);
        if (err == CORPS_OK && in_flight(loop) == BACKLOG) {
            err = land(loop, false);
        }
        if (sent > 0 && (lab_driver_enough(driver) ||
                         (uint64_t)next_ns - driver->begin_ns >= (uint64_t)driver->params.cell.max_ms * 1000000u)) {
            break;
        }
        if (err == CORPS_OK) {
            loop->late += lab_now_ns() - (uint64_t)next_ns > 10000;
            err = launch(loop, (uint64_t)next_ns);
            sent++;
        }
    }
    return err == CORPS_OK ? land_all(loop) : err;
}

static enum corps_err measure_openloop(struct openloop *loop, double *capacity, double *offered) {
    struct lab_driver *driver = &loop->driver;
    enum corps_err err = find_capacity(loop, capacity);
    if (err != CORPS_OK) {
        return err;
    }
    *offered = *capacity * driver->params.cell.load / 100;
    loop->timed = true;
    lab_driver_begin(driver);
    err = offer(loop, *offered);
    driver->total_ns = lab_now_ns() - driver->begin_ns;
    lab_driver_end(driver);
    return err;
}

static enum corps_err drive_openloop(struct corps_context *context, void *self, const struct corps_value *args,
                                     struct corps_value *result) {
    static const char *const notes[] = {
        "latency is from a request's intended time, of a Poisson process, to its reply's being taken",
        "capacity_per_s was measured just before, with 64 requests in flight; offered_per_s is load percent of it",
        "the driver polls between requests, whatever the wake policy: its CPU time counts", NULL};
    struct openloop loop = {.landed = 0};
    double capacity = 0, offered = 0;
    (void)self;
    enum corps_err err = lab_driver_open(&loop.driver, context, args, true);
    if (err != CORPS_OK) {
        return err;
    }
    loop.server = lab_params_name(&loop.driver.params, 0);
    loop.random = loop.driver.params.cell.seed;
    loop.flights = calloc(BACKLOG, sizeof *loop.flights);
    err = loop.flights != NULL ? measure_openloop(&loop, &capacity, &offered)
                               : corps_fail(context, "NO_MEMORY", "no memory for %d requests", BACKLOG);
    if (err == CORPS_OK) {
        const struct corps_entry extra[] = {{corps_str("capacity_per_s"), corps_float(capacity)},
                                            {corps_str("offered_per_s"), corps_float(offered)},
                                            {corps_str("late"), corps_int((int64_t)loop.late)}};
        err = lab_driver_result(&loop.driver, notes, extra, 3, result);
    }
    for (unsigned i = 0; loop.flights != NULL && i < BACKLOG; i++) {
        corps_future_destroy(loop.flights[i].future);
    }
    free(loop.flights);
    lab_driver_close(&loop.driver);
    return err;
}

static const struct corps_class openloop_driver = {
    .name = "LabOpenloopDriver",
    .methods = (const struct corps_method[]){{"run", drive_openloop}, {NULL, NULL}},
};

static const char *openloop_impossible(const struct lab_cell *cell, char why[LAB_ERROR_BYTES]) {
    if (cell->envs == 1) {
        return "workload openloop needs a second Env: its driver polls, and would run the server itself; choose "
               "another "
               "transport than one within an Env";
    }
    (void)why;
    return lab_needs_delivery(cell, why);
}

static enum corps_err run_openloop(struct corps *corps, const struct lab_cell *cell, struct corps_box **box) {
    struct corps_name **servers;
    enum corps_err err = lab_spread(corps, "LabEcho", 1, 1, &servers);
    if (err != CORPS_OK) {
        return err;
    }
    err = lab_drive(corps, cell, openloop_driver.name, servers, 1, box);
    lab_release(servers, 1);
    return err;
}

const struct lab_workload lab_workload_openloop = {
    .name = "openloop",
    .summary =
        "requests at the times of a Poisson process, at `load` percent of the capacity; latency from the intended time",
    .traits = LAB_WORKLOAD_OPEN_LOOP | LAB_WORKLOAD_C_ALONE,
    .load = 50,
    .classes = {&openloop_driver, NULL},
    .impossible = openloop_impossible,
    .run = run_openloop,
};
