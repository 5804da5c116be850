/* An Env is killed, and its Worker called until the next one answers by the same Name: how long a Worker is away. The
 * driver, in the Env that starts others again, kills; who is called lives in Env 1. */
#include "workloads/common.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { REST_MS = 5 }; /* between an answer and the next kill: longer than the period, so that there is no backoff */

struct mortal {
    int64_t greetings; /* since its init */
};

/* number → [number, process, greetings so far in this life, this one counted]. */
static enum corps_err greet(struct corps_context *context, void *self, const struct corps_value *args,
                            struct corps_value *result) {
    struct mortal *mortal = self;
    struct corps_value *items = corps_context_alloc(context, 3 * sizeof *items);
    /* A call from Python puts its arguments into an array. */
    const struct corps_value *first = corps_value_item(args, 0);
    if (items == NULL) {
        return corps_fail(context, "NO_MEMORY", "no memory for the answer");
    }
    items[0] = first != NULL ? *first : *args;
    items[1] = corps_int(getpid());
    items[2] = corps_int(++mortal->greetings);
    *result = corps_array(items, 3);
    return CORPS_OK;
}

struct greeting {
    pid_t pid;
    int64_t greetings;
};

static int64_t integer_at(const struct corps_value *value, size_t index) {
    const struct corps_value *item = corps_value_item(value, index);
    return item != NULL && item->kind == CORPS_INT ? item->integer : -1;
}

static enum corps_err take_greeting(struct lab_driver *driver, int64_t number, const struct corps_value *answer,
                                    struct greeting *greeting) {
    struct corps_box *box = NULL;
    const struct corps_value *plain = lab_plain(answer, &box);
    bool good = plain != NULL && plain->kind == CORPS_ARRAY && plain->count == 3 && integer_at(plain, 0) == number;
    if (good) {
        *greeting = (struct greeting){(pid_t)integer_at(plain, 1), integer_at(plain, 2)};
    }
    corps_box_unref(box);
    return good ? CORPS_OK
                : corps_fail(driver->context, "Mismatch", "the answer to greeting %lld is another", (long long)number);
}

/* Calls once. WORKER_LOST without a word is its error where `may_be_lost`: the request has not failed. */
static enum corps_err call_once(struct lab_driver *driver, bool may_be_lost, struct greeting *greeting) {
    const struct corps_call_options options = {.serializer = "msgpack"};
    int64_t number = (int64_t)driver->next++;
    const struct corps_value args = corps_int(number);
    struct corps_future *future;
    const struct corps_value *answer;
    enum corps_err err = corps_call(lab_params_name(&driver->params, 0), "greet", &args, &options, &future);
    if (err != CORPS_OK) {
        return err == CORPS_ERR_WORKER_LOST && may_be_lost ? err : lab_fail(driver->context, err);
    }
    err = corps_future_wait(future, LAB_PATIENCE_NS, &answer);
    if (err == CORPS_OK) {
        err = take_greeting(driver, number, answer, greeting);
    } else if (err != CORPS_ERR_WORKER_LOST || !may_be_lost) {
        err = lab_fail_future(driver->context, err, future, "no greeting");
    }
    corps_future_destroy(future);
    return err;
}

/* Until another process answers than `old`: a call from before the news of its death is lost with it. */
static enum corps_err await_next(struct lab_driver *driver, pid_t old, struct greeting *greeting) {
    uint64_t end = lab_now_ns() + LAB_PATIENCE_NS;
    for (;;) {
        enum corps_err err = call_once(driver, true, greeting);
        if (err != CORPS_ERR_WORKER_LOST && (err != CORPS_OK || greeting->pid != old)) {
            return err;
        }
        if (lab_now_ns() > end) {
            return corps_fail(driver->context, "TIMEOUT", "the Env that was killed has not come back: %s",
                              corps_error_detail());
        }
    }
}

static void rest(void) {
    struct timespec left = {0, REST_MS * 1000000L};
    while (nanosleep(&left, &left) != 0) {
    }
}

/* One kill. What is checked is checked after the time was taken. */
static enum corps_err kill_once(struct lab_driver *driver, bool timed) {
    struct greeting before, after;
    enum corps_err err = call_once(driver, false, &before);
    if (err != CORPS_OK) {
        return err;
    }
    rest();
    uint64_t begin = lab_now_ns();
    if (kill(before.pid, SIGKILL) != 0) {
        return corps_fail(driver->context, "SYSTEM", "cannot kill process %d: %s", (int)before.pid, strerror(errno));
    }
    err = await_next(driver, before.pid, &after);
    uint64_t took_ns = lab_now_ns() - begin;
    if (err != CORPS_OK) {
        return err;
    }
    if (after.greetings != 1) {
        return corps_fail(driver->context, "Mismatch", "the new Worker says that it has greeted %lld times before",
                          (long long)after.greetings - 1);
    }
    if (timed) {
        lab_histogram_record(driver->histogram, took_ns);
        driver->total_ns += took_ns;
        driver->messages++;
    }
    return CORPS_OK;
}

static enum corps_err measure_heal(struct lab_driver *driver) {
    enum corps_err err = CORPS_OK;
    for (unsigned i = 0; i < driver->params.cell.warmup_count && err == CORPS_OK; i++) {
        err = kill_once(driver, false);
    }
    lab_driver_begin(driver);
    while (err == CORPS_OK && (driver->messages == 0 || !lab_driver_enough(driver))) {
        err = kill_once(driver, true);
    }
    return err;
}

static enum corps_err drive_heal(struct corps_context *context, void *self, const struct corps_value *args,
                                 struct corps_value *result) {
    static const char *const notes[] = {
        "a message is one kill; latency is from SIGKILL to the first answer of the same Name, seconds their sum",
        "what Envs used is not known: those that were counted have died", NULL};
    struct lab_driver driver;
    (void)self;
    enum corps_err err = lab_driver_open(&driver, context, args, false);
    if (err != CORPS_OK) {
        return err;
    }
    err = measure_heal(&driver);
    driver.usage_known = false;
    if (err == CORPS_OK) {
        err = lab_driver_result(&driver, notes, NULL, 0, result);
    }
    lab_driver_close(&driver);
    return err;
}

static const struct corps_class heal_server = {
    .name = "LabMortal",
    .bytes = sizeof(struct mortal),
    .methods = (const struct corps_method[]){{"greet", greet}, {NULL, NULL}},
};

static const struct corps_class heal_driver = {
    .name = "LabHealDriver",
    .methods = (const struct corps_method[]){{"run", drive_heal}, {NULL, NULL}},
};

static const char *heal_impossible(const struct lab_cell *cell, char why[LAB_ERROR_BYTES]) {
    if (cell->envs < 2) {
        snprintf(why, LAB_ERROR_BYTES,
                 "heal kills an Env that another starts again, and transport %s was to stay within one; choose envs=2 "
                 "and a transport between Envs",
                 cell->transport);
        return why;
    }
    return lab_needs_delivery(cell, why);
}

static enum corps_err run_heal(struct corps *corps, const struct lab_cell *cell, struct corps_box **box) {
    struct corps_name **servers;
    enum corps_err err = lab_spread(corps, heal_server.name, 1, 1, &servers);
    if (err != CORPS_OK) {
        return err;
    }
    err = lab_drive(corps, cell, heal_driver.name, servers, 1, box);
    lab_release(servers, 1);
    return err;
}

const struct lab_workload lab_workload_heal = {
    .name = "heal",
    .summary = "an Env is killed: from SIGKILL to the next answer of the same Name",
    .traits = LAB_WORKLOAD_HEALS,
    .classes = {&heal_server, &heal_driver, NULL},
    .impossible = heal_impossible,
    .run = run_heal,
};
