#include "cell/cell.h"
#include "workloads/common.h"
#include "workloads/where.h"

#include <corps/transport.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void lab_release(struct corps_name **names, size_t count) {
    for (size_t i = 0; i < count; i++) {
        corps_name_unref(names[i]);
    }
    free(names);
}

enum corps_err lab_spread(struct corps *corps, const char *class_name, unsigned count, unsigned first_env,
                          struct corps_name ***names) {
    unsigned env_count = corps_env_count(corps);
    unsigned first = first_env < env_count ? first_env : 0;
    struct corps_name **made = calloc(count, sizeof(struct corps_name *));
    if (made == NULL) {
        return corps_error_set(CORPS_ERR_NO_MEMORY, "no memory for %u Names", count);
    }
    for (unsigned i = 0; i < count; i++) {
        unsigned env = first + i % (env_count - first);
        enum corps_err err = corps_create_concs(corps, class_name, NULL, CORPS_ENV_ID(env), 1, &made[i]);
        if (err != CORPS_OK) {
            lab_release(made, i);
            return err;
        }
    }
    *names = made;
    return CORPS_OK;
}

/* A call that an Env's end leaves without an answer would otherwise only end at its deadline. */
static enum corps_err env_lost(struct corps *corps, bool heals) {
    unsigned count = heals ? 1 : corps_env_count(corps); /* those that heal must be down now and then */
    for (unsigned env = 0; env < count; env++) {
        if (lab_where_lost(corps, env)) {
            return corps_error_set(CORPS_ERR_WORKER_LOST, "Env %u has ended in the middle of the trial", env);
        }
    }
    return CORPS_OK;
}

/* The core's own errors have their code's name as type: once is enough. */
static enum corps_err from_future(enum corps_err err, const struct corps_error_info *info) {
    const char *text = info->text[0] != '\0' ? info->text : corps_error_text(err);
    if (info->type[0] == '\0' || strcmp(info->type, corps_error_name(err)) == 0) {
        return corps_error_set(err, "%s", text);
    }
    return corps_error_set(err, "%s: %s", info->type, text);
}

static enum corps_err await(struct corps *corps, bool heals, struct corps_future *future, uint64_t limit_ns) {
    const int64_t look_ns = 250 * INT64_C(1000000);
    uint64_t end = lab_now_ns() + limit_ns;
    for (;;) {
        enum corps_err err = corps_future_wait(future, look_ns, NULL);
        const struct corps_error_info *info = corps_future_error(future);
        if (err == CORPS_OK) {
            return CORPS_OK;
        }
        if (corps_future_ready(future)) {
            return from_future(err, info);
        }
        err = env_lost(corps, heals);
        if (err != CORPS_OK) {
            return err;
        }
        if (lab_now_ns() >= end) {
            return corps_error_set(CORPS_ERR_TIMEOUT, "the driver gave no result: a message is lost or stuck");
        }
    }
}

enum corps_err lab_tell(struct corps *corps, const struct lab_cell *cell, const struct corps_name *to,
                        const char *method, struct corps_name *const *names, size_t name_count, unsigned index,
                        struct corps_box **result) {
    const struct corps_call_options options = {.serializer = "msgpack"};
    struct corps_future *future = NULL;
    struct corps_box *box = corps_box_create();
    if (box == NULL) {
        return corps_error_set(CORPS_ERR_NO_MEMORY, "no memory for the driver's parameters");
    }
    enum corps_err err = lab_params_write(cell, corps, names, name_count, index, box);
    if (err == CORPS_OK) {
        err = corps_call(to, method, corps_box_root(box), &options, &future);
    }
    if (err == CORPS_OK) {
        bool heals = (lab_workload_find(cell->workload)->traits & LAB_WORKLOAD_HEALS) != 0;
        err = await(corps, heals, future, (uint64_t)LAB_PATIENCE_NS * 2 + (uint64_t)cell->max_ms * 2000000u);
    }
    if (err == CORPS_OK && result != NULL) {
        *result = corps_future_box(future);
        err = *result != NULL ? CORPS_OK : corps_error_set(CORPS_ERR_CORRUPT, "the driver gave no result");
    }
    corps_future_destroy(future);
    corps_box_unref(box);
    return err;
}

enum corps_err lab_drive(struct corps *corps, const struct lab_cell *cell, const char *driver_class,
                         struct corps_name *const *names, size_t name_count, struct corps_box **box) {
    struct corps_name *driver;
    enum corps_err err = corps_create_concs(corps, driver_class, NULL, CORPS_ENV_ID(0), 1, &driver);
    if (err != CORPS_OK) {
        return err;
    }
    err = lab_tell(corps, cell, driver, "run", names, name_count, 0, box);
    corps_name_unref(driver);
    return err;
}

const char *lab_needs_delivery(const struct lab_cell *cell, char why[LAB_ERROR_BYTES]) {
    if (!lab_cell_has(cell, CORPS_TRANSPORT_DISCARDS)) {
        return NULL;
    }
    snprintf(why, LAB_ERROR_BYTES,
             "workload %s needs answers, and transport %s delivers nothing; choose workload=oneway", cell->workload,
             cell->transport);
    return why;
}
