#include "workloads/where.h"

#include "workloads/common.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { BOOT_ID_BYTES = 64 };

static int learned[LAB_PIDS_MAX]; /* by Env; 0: not asked, or not to be seen from here */

/* Of this machine's kernel, since it began: the same in each of its namespaces. */
static void read_boot_id(char out[BOOT_ID_BYTES]) {
    FILE *file = fopen("/proc/sys/kernel/random/boot_id", "re");
    if (file == NULL || fgets(out, BOOT_ID_BYTES, file) == NULL) {
        out[0] = '\0';
    }
    if (file != NULL) {
        fclose(file);
    }
}

/* → [process, machine]. */
static enum corps_err tell(struct corps_context *context, void *self, const struct corps_value *args,
                           struct corps_value *result) {
    (void)self;
    (void)args;
    struct corps_value *items = corps_context_alloc(context, 2 * sizeof *items);
    char *machine = corps_context_alloc(context, BOOT_ID_BYTES);
    if (items == NULL || machine == NULL) {
        return corps_fail(context, "NO_MEMORY", "no memory for the answer");
    }
    read_boot_id(machine);
    items[0] = corps_int(getpid());
    items[1] = corps_str(machine);
    *result = corps_array(items, 2);
    return CORPS_OK;
}

const struct corps_class lab_where_class = {
    .name = "LabWhere",
    .methods = (const struct corps_method[]){{"tell", tell}, {NULL, NULL}},
};

static enum corps_err ask(struct corps *corps, unsigned env, const char *machine) {
    const struct corps_call_options options = {.serializer = "msgpack"};
    struct corps_name *name;
    struct corps_future *future = NULL;
    const struct corps_value *answer = NULL;
    enum corps_err err = corps_create_concs(corps, lab_where_class.name, NULL, CORPS_ENV_ID(env), 1, &name);
    if (err != CORPS_OK) {
        return err;
    }
    err = corps_call(name, "tell", NULL, &options, &future);
    err = err == CORPS_OK ? corps_future_wait(future, LAB_PATIENCE_NS, &answer) : err;
    const struct corps_value *there = err == CORPS_OK ? corps_value_item(answer, 1) : NULL;
    if (there != NULL && there->kind == CORPS_STR && there->count == strlen(machine) &&
        memcmp(there->str, machine, there->count) == 0) {
        learned[env] = (int)corps_value_item(answer, 0)->integer;
    }
    corps_future_destroy(future);
    corps_name_unref(name);
    return err;
}

enum corps_err lab_where_learn(struct corps *corps) {
    char machine[BOOT_ID_BYTES];
    enum corps_err err = CORPS_OK;
    read_boot_id(machine);
    for (unsigned env = 0; err == CORPS_OK && env < corps_env_count(corps) && env < LAB_PIDS_MAX; env++) {
        if (corps_env_pid(corps, env) == 0) {
            err = ask(corps, env, machine);
        }
    }
    return err;
}

int lab_where_pid(const struct corps *corps, unsigned env) {
    int pid = corps_env_pid(corps, env);
    return pid != 0 || env >= LAB_PIDS_MAX ? pid : learned[env];
}

bool lab_where_lost(const struct corps *corps, unsigned env) {
    unsigned host = 0, own = 0;
    (void)corps_env_host(corps, env, &host);
    (void)corps_env_host(corps, 0, &own);
    if (host == own) {
        return corps_env_pid(corps, env) == 0;
    }
    return env < LAB_PIDS_MAX && learned[env] != 0 && kill(learned[env], 0) != 0;
}
