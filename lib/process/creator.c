#include "process/creator.h"

#include "actor/conc.h"
#include "base/dir.h"
#include "codec/record.h"
#include "link/known.h"
#include "link/peer.h"
#include "link/rows.h"
#include "link/trust.h"
#include "process/anew.h"
#include "process/life.h"
#include "value/failure.h"
#include "value/name.h"
#include "wait/wait.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The creator's side of a Corps: Env 0's process, and what it says. */

struct corps__waitlist corps__creators = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* ---- records of Env 0 ---- */

static enum corps_err take_front(struct corps *corps, const struct corps_value *record) {
    char *class_name = corps->front_class;
    corps__record_text(record, 2, class_name, sizeof corps->front_class);
    return class_name[0] == '\0'
               ? CORPS_OK
               : corps__name_create(corps->id, 0, CORPS__FRONT_CONC, class_name, strlen(class_name), &corps->front);
}

/* Takes the failure. */
static void boot_ends(struct corps *corps, enum corps_err err, struct corps__failure *failure) {
    if (corps->boot_result != CORPS_ERR_PENDING) {
        free(failure);
        return;
    }
    corps->boot_failure = failure;
    __atomic_store_n(&corps->boot_result, err, __ATOMIC_RELEASE);
    corps__waitlist_notify(&corps__creators);
}

void corps__creator_boot_fails(struct corps *corps, enum corps_err err, const char *text) {
    const struct corps_error_info info = {.code = err, .text = text};
    boot_ends(corps, err, corps__failure_create(&info));
}

/* Env 0 has booted, for the first time or in a Corps that was started anew. */
void corps__creator_ready(struct creator *creator, const struct corps_value *record) {
    struct corps *corps = creator->corps;
    enum corps_err err = corps__table_decode(corps_value_item(record, 1), corps);
    if (err == CORPS_OK && corps->front == NULL) {
        err = take_front(corps, record);
    }
    if (err == CORPS_OK) {
        err = corps__anew_serves(creator);
    }
    if (err == CORPS_OK) {
        boot_ends(corps, CORPS_OK, NULL);
    } else {
        corps__creator_boot_fails(corps, err, corps_error_detail());
    }
}

void corps__creator_failed(struct creator *creator, const struct corps_value *record) {
    struct corps *corps = creator->corps;
    struct corps__failure *failure = corps__failure_of_items(record, 1, corps__may_run_code(corps));
    if (failure != NULL) {
        const char *type = failure->info.type != NULL ? failure->info.type : "";
        snprintf(creator->failure, sizeof creator->failure, "Env 0: %s%s%s", type, type[0] != '\0' ? ": " : "",
                 failure->info.text);
    }
    boot_ends(corps, failure != NULL ? failure->info.code : CORPS_ERR_NO_MEMORY, failure);
}

static void take_row(struct creator *creator, const struct corps_value *record) {
    struct corps *corps = creator->corps;
    unsigned env = corps__take_row(corps, record);
    if (!atomic_load(&corps->exited) && corps_env_pid(corps, env) > 0) { /* that one is to be killed, if one must be */
        corps__others_watch(&creator->others, env, corps_env_pid(corps, env));
    }
    if (corps__record_int(record, 3, 0) != 0 && corps->lost_text == NULL) {
        corps->lost_text = strdup(corps->envs[env].lost_text);
    }
}

static void on_record(void *arg, const struct corps_value *record) {
    struct creator *creator = arg;
    struct corps *corps = creator->corps;
    if (record == NULL) {
        return; /* its end follows */
    }
    if (corps__record_is(record, "ready")) {
        corps__creator_ready(creator, record);
    } else if (corps__record_is(record, "failed")) {
        corps__creator_failed(creator, record);
    } else if (corps__record_is(record, "row")) {
        take_row(creator, record);
    } else if (corps__record_is(record, "process")) {
        corps__others_watch(&creator->others, (unsigned)corps__record_int(record, 1, 0),
                            (int)corps__record_int(record, 2, 0));
    } else if (corps__record_is(record, "numbers")) {
        corps__anew_numbers(creator->anew, (unsigned)corps__record_int(record, 1, UINT32_MAX),
                            (uint32_t)corps__record_int(record, 2, 0));
    } else if (corps__record_is(record, "exiting")) {
        atomic_store(&corps->exited, true);
        corps__anew_halt(creator);
    }
}

void corps__creator_is_over(struct creator *creator, const char *text) {
    struct corps *corps = creator->corps;
    corps__anew_halt(creator);
    if (text != NULL) {
        corps->lost_text = corps->lost_text != NULL ? corps->lost_text : strdup(text);
        for (unsigned i = 0; i < corps->settings.env_count; i++) {
            corps__env_lost(corps, i, text); /* the others end with their manager */
        }
    }
    /* Whoever is left of it ends by itself, and the last one removes the directory. */
    corps__dir_remove_dead(corps->directory);
    atomic_store(&creator->env_0_ended, true);
    corps__waitlist_notify(&corps__creators);
}

static void on_env_0_end(void *arg, const char *how, enum corps__end end) {
    struct creator *creator = arg;
    struct corps *corps = creator->corps;
    char text[128];
    snprintf(text, sizeof text, "Env 0 %s", how);
    corps__creator_boot_fails(corps, CORPS_ERR_WORKER_LOST, text);
    if (!corps__anew_take_end(creator, end == CORPS__END_IN_ORDER, text)) {
        /* A signal is no orderly end, also when the news comes after corps_exit has begun. */
        bool counts = !atomic_load(&corps->exited) || end == CORPS__END_SIGNAL;
        const char *why = creator->failure[0] != '\0' ? creator->failure : text;
        corps__creator_is_over(creator, counts ? why : NULL);
    }
}

/* ---- its process ---- */

enum corps_err corps__creator_start_env_0(struct creator *creator, const struct corps__start *start) {
    struct corps *corps = creator->corps;
    struct corps_launched launched;
    int fd = -1;
    enum corps_err err = corps__env_spawn(corps, 0, start, &launched, &fd);
    if (err != CORPS_OK) {
        return err;
    }
    err = corps__child_watch(launched.pid, launched.status_fd, on_env_0_end, creator, &creator->env_0);
    if (err != CORPS_OK) {
        launched.status_fd = -1; /* child_watch took it */
        corps__env_unspawn(&launched);
        close(fd);
        return err;
    }
    err = corps__control_open(fd, on_record, creator, &corps->control);
    if (err != CORPS_OK) {
        close(fd);                                         /* Env 0 sees that, and ends */
    } else if (!atomic_load(&corps->envs[0].restarting)) { /* else it is known once it serves */
        atomic_store(&corps->envs[0].pid, launched.pid);
    }
    return err;
}

/* ---- reading ---- */

uint64_t corps_id(const struct corps *corps) {
    return corps->id;
}

struct corps_name *corps_front(const struct corps *corps) {
    return corps->front;
}

unsigned corps_env_count(const struct corps *corps) {
    return corps->settings.env_count;
}

int corps_env_pid(const struct corps *corps, unsigned env) {
    bool is_here =
        env < corps->settings.env_count && !corps__hosts_differ(corps__host_here(corps), corps->envs[env].host);
    return is_here ? atomic_load(&corps->envs[env].pid) : 0;
}
