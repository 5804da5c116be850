#include "workloads/savina.h"

#include "cell/cell.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct savina_run {
    struct lab_driver driver;
    struct corps_request *request;
};

/* ---- what every Conc has ---- */

enum corps_err savina_link(struct corps_context *context, void *self, const struct corps_value *args,
                           struct corps_value *result) {
    struct savina *savina = self;
    struct lab_params params;
    (void)result;
    enum corps_err err = lab_params_read(args, &params);
    if (err != CORPS_OK) {
        return lab_fail(context, err);
    }
    savina->names = calloc(params.names->count, sizeof(struct corps_name *));
    if (savina->names == NULL) {
        return corps_fail(context, "NO_MEMORY", "no memory for %zu Names", params.names->count);
    }
    for (; savina->count < params.names->count; savina->count++) {
        savina->names[savina->count] = corps_name_ref(lab_params_name(&params, savina->count));
    }
    savina->index = params.index;
    savina->scale = params.cell.scale;
    return CORPS_OK;
}

static void close_run(struct savina *savina) {
    lab_driver_close(&savina->run->driver);
    free(savina->run);
    savina->run = NULL;
}

void savina_leave(struct corps_context *context, void *self) {
    struct savina *savina = self;
    (void)context;
    if (savina->run != NULL) {
        close_run(savina);
    }
    lab_release(savina->names, savina->count);
}

size_t savina_workers(const struct savina *savina) {
    return savina->count - 1;
}

uint64_t savina_scaled(const struct savina *savina, uint64_t amount) {
    uint64_t scaled = amount * savina->scale / 100;
    return scaled > 0 ? scaled : 1;
}

unsigned savina_random(unsigned *state) {
    *state = (1309 * *state + 13849) & 65535;
    return *state;
}

/* ---- messages ---- */

/* Later faults find no program, and are dropped. */
static void fail_run(struct savina *savina, const char *text) {
    if (savina->run != NULL) {
        corps_request_fail(savina->run->request, "Mismatch", text);
        close_run(savina);
    }
}

void savina_wrong(struct savina *savina, const char *format, ...) {
    const struct corps_call_options options = {.serializer = "msgpack"};
    char text[LAB_TEXT_BYTES];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    struct corps_value value = corps_str(text);
    if (savina->index == 0) {
        fail_run(savina, text);
    } else if (corps_send(savina->names[0], "fault", &value, &options) != CORPS_OK) {
        /* The referee's Env is gone then; the program notices that itself. */
        return;
    }
}

enum corps_err savina_fault(struct corps_context *context, void *self, const struct corps_value *args,
                            struct corps_value *result) {
    char text[LAB_TEXT_BYTES];
    (void)context;
    (void)result;
    snprintf(text, sizeof text, "%.*s", args->kind == CORPS_STR ? (int)args->count : 0, args->str);
    fail_run(self, text);
    return CORPS_OK;
}

void savina_send(struct savina *savina, unsigned to, const char *method, const struct corps_value *args) {
    if (corps_send(savina->names[to], method, args, NULL) != CORPS_OK) {
        savina_wrong(savina, "%s could not be sent to Conc %u: %.150s", method, to, corps_error_detail());
    }
}

void savina_send_ints(struct savina *savina, unsigned to, const char *method, const int64_t *numbers, size_t count) {
    enum { MOST = 4 };
    struct corps_value items[MOST];
    for (size_t i = 0; i < count; i++) {
        items[i] = corps_int(numbers[i]);
    }
    struct corps_value value = corps_array(items, count);
    savina_send(savina, to, method, &value);
}

int64_t savina_int(const struct corps_value *args, size_t i) {
    const struct corps_value *value = args->kind == CORPS_ARRAY ? corps_value_item(args, i) : args;
    return value != NULL && value->kind == CORPS_INT ? value->integer : INT64_MIN;
}

bool savina_sum(struct savina *savina, const char *method, uint64_t expected_each, uint64_t *sum) {
    *sum = 0;
    for (size_t i = 1; i < savina->count; i++) {
        const struct corps_value *answer = NULL;
        struct corps_future *future;
        if (corps_call(savina->names[i], method, NULL, NULL, &future) != CORPS_OK) {
            savina_wrong(savina, "Worker %zu cannot be asked: %.150s", i, corps_error_detail());
            return false;
        }
        enum corps_err err = corps_future_wait(future, LAB_PATIENCE_NS, &answer);
        int64_t number = err == CORPS_OK ? savina_int(answer, 0) : -1;
        corps_future_destroy(future);
        if (number < 0 || (expected_each > 0 && (uint64_t)number != expected_each)) {
            savina_wrong(savina, "Worker %zu tells %lld of %s, not %llu (%s)", i, (long long)number, method,
                         (unsigned long long)expected_each, corps_error_name(err));
            return false;
        }
        *sum += (uint64_t)number;
    }
    return true;
}

/* ---- the program's run, as the referee sees it ---- */

enum corps_err savina_begin(struct savina *savina, struct corps_context *context, const struct corps_value *args,
                            bool with_message) {
    struct savina_run *run = calloc(1, sizeof *run);
    if (run == NULL) {
        return corps_fail(context, "NO_MEMORY", "no memory for the driver");
    }
    enum corps_err err = lab_driver_hold(&run->driver, &run->request, context, args, with_message);
    if (err != CORPS_OK) {
        free(run);
        return err;
    }
    savina->run = run;
    lab_driver_begin(&run->driver);
    return CORPS_OK;
}

void savina_stop(struct savina *savina) {
    struct lab_driver *driver = &savina->run->driver;
    driver->total_ns = lab_now_ns() - driver->begin_ns;
    lab_driver_end(driver);
}

void savina_end(struct savina *savina, struct corps_context *context, uint64_t messages, const char *note) {
    const char *const notes[] = {note, "one run of the whole program; latency is its time divided by its messages",
                                 NULL};
    struct corps_value result;
    if (savina->run == NULL) {
        return; /* it has failed */
    }
    struct lab_driver *driver = &savina->run->driver;
    if (driver->total_ns == 0) {
        savina_stop(savina);
    }
    driver->context = context;
    driver->messages = messages;
    lab_histogram_record_many(driver->histogram, driver->total_ns / messages, messages);
    if (lab_driver_result(driver, notes, NULL, 0, &result) == CORPS_OK) {
        corps_request_reply(savina->run->request, &result);
    } else {
        corps_request_fail(savina->run->request, "NO_MEMORY", "no memory for the result");
    }
    close_run(savina);
}

struct lab_driver *savina_driver(struct savina *savina) {
    return &savina->run->driver;
}

/* ---- the program that starts it ---- */

const char *savina_impossible(const struct lab_cell *cell, char why[LAB_ERROR_BYTES]) {
    if (!lab_cell_is_intra(cell) && strcmp(cell->serializer, "msgpack") != 0) {
        snprintf(why, LAB_ERROR_BYTES, "%s sends numbers and Names between Envs; choose serializer=msgpack",
                 cell->workload);
        return why;
    }
    return lab_needs_delivery(cell, why);
}

static enum corps_err create_all(struct corps *corps, const char *referee_class, const char *worker_class,
                                 struct corps_name **names, size_t count, size_t *made) {
    unsigned envs = corps_env_count(corps);
    enum corps_err err = CORPS_OK;
    for (*made = 0; *made < count && err == CORPS_OK; *made += err == CORPS_OK) {
        const char *class_name = *made == 0 ? referee_class : worker_class;
        err = corps_create_concs(corps, class_name, NULL, CORPS_ENV_ID((unsigned)*made % envs), 1, &names[*made]);
    }
    return err;
}

enum corps_err savina_perform(struct corps *corps, const struct lab_cell *cell, const char *referee_class,
                              const char *worker_class, struct corps_box **box) {
    size_t count = (size_t)cell->concs + 1, made = 0;
    struct corps_name **names = calloc(count, sizeof(struct corps_name *));
    if (names == NULL) {
        return corps_error_set(CORPS_ERR_NO_MEMORY, "no memory for %zu Names", count);
    }
    enum corps_err err = create_all(corps, referee_class, worker_class, names, count, &made);
    for (unsigned i = 0; i < made && err == CORPS_OK; i++) {
        err = lab_tell(corps, cell, names[i], "link", names, count, i, NULL);
    }
    if (err == CORPS_OK) {
        err = lab_tell(corps, cell, names[0], "run", NULL, 0, 0, box);
    }
    lab_release(names, made);
    return err;
}
