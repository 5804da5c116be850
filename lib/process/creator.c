#include "process/creator.h"

#include "actor/class.h"
#include "actor/conc.h"
#include "actor/fork.h"
#include "actor/runtime.h"
#include "base/clock.h"
#include "base/dir.h"
#include "codec/config.h"
#include "codec/record.h"
#include "link/known.h"
#include "link/peer.h"
#include "link/rows.h"
#include "link/trust.h"
#include "process/anew.h"
#include "process/args.h"
#include "process/envs.h"
#include "process/fleet.h"
#include "process/life.h"
#include "process/owned.h"
#include "value/failure.h"
#include "value/name.h"
#include "wait/wait.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The creator's side of a Corps, up to where it serves: corps_create, and what Env 0 says. */

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

/* ---- creating ---- */

struct creation {
    struct creator *creator;
    const char *front;
    struct corps_box *box; /* of the arguments */
    const struct corps_value *front_args;
};

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

static enum corps_err start_env_0(void *arg) {
    struct creation *creation = arg;
    const struct corps__start start = {.incarnation = 1, .front = creation->front, .front_args = creation->front_args};
    enum corps_err err = corps__anew_keep(creation->creator, creation->front, creation->box, creation->front_args);
    err = err == CORPS_OK ? corps__creator_start_env_0(creation->creator, &start) : err;
    if (creation->creator->env_0 == NULL) {
        atomic_store(&creation->creator->env_0_ended, true);
    }
    return err;
}

static enum corps_err watch_others(void *arg) {
    struct creator *creator = arg;
    struct corps *corps = creator->corps;
    for (unsigned i = 1; i < corps->settings.env_count; i++) { /* an Env may just be started again */
        corps__others_watch(&creator->others, i, atomic_load(&corps->envs[i].pid));
    }
    return CORPS_OK;
}

/* Of the front's arguments: they are part of a boot record, beside little else. */
#define FRONT_BYTES_MAX ((size_t)CORPS__RECORD_BYTES_MAX - ((size_t)4 << 20))

static bool boot_ended(void *arg) {
    struct corps *corps = arg;
    return __atomic_load_n(&corps->boot_result, __ATOMIC_ACQUIRE) != CORPS_ERR_PENDING;
}

static enum corps_err boot_corps(struct creator *creator, const char *front, const struct corps_value *args) {
    struct corps *corps = creator->corps;
    struct corps_box *box = corps_box_create();
    struct corps_value front_args;
    enum corps_err err = box != NULL
                             ? corps__init_args_encode(&corps->settings, args, FRONT_BYTES_MAX, box, &front_args)
                             : corps_error_set(CORPS_ERR_NO_MEMORY, "no memory for a Corps");
    struct creation creation = {creator, front, box, &front_args};
    if (err == CORPS_OK && corps->settings.owned) {
        const struct corps__start start = {.incarnation = 1, .front = front, .front_args = &front_args};
        err = corps__owned_begin(creator, &start);
    } else if (err == CORPS_OK) {
        err = corps__with_lead(start_env_0, &creation);
    }
    corps_box_unref(box);
    if (err != CORPS_OK) {
        return err;
    }
    err = corps__waitlist_wait_call(&corps__creators, boot_ended, corps,
                                    corps__deadline_ns(corps->settings.boot_timeout_ns), NULL);
    if (err == CORPS_ERR_CANCELLED) {
        return err;
    }
    if (err != CORPS_OK) {
        return corps_error_set(err,
                               "the Corps was not ready within %lld ms; raise boot_timeout_ns, or look at what its "
                               "inits do",
                               (long long)(corps->settings.boot_timeout_ns / 1000000));
    }
    if (corps->boot_result != CORPS_OK) {
        const char *type = corps->boot_failure != NULL ? corps->boot_failure->info.type : "";
        const char *text =
            corps->boot_failure != NULL ? corps->boot_failure->info.text : "no memory to say what failed";
        err = corps_error_set(corps->boot_result, "%s%s%s", type, type[0] != '\0' ? ": " : "", text);
        corps__create_failure_set(corps->boot_failure);
        corps->boot_failure = NULL;
        return err;
    }
    return corps->settings.owned ? CORPS_OK : corps__with_lead(watch_others, creator);
}

/* What depends on the host that this is, of a Corps that lives on several. */
static enum corps_err know_hosts(struct corps *corps) {
    if (!corps__has_fleet(corps)) {
        return CORPS_OK;
    }
    if (corps__fleet() == NULL) {
        return corps_error_set(CORPS_ERR_INVALID, "the option hosts is for programs that have called corps_start");
    }
    if ((corps->settings.transport->capabilities & CORPS_TRANSPORT_INTRA) != 0) {
        return corps_error_set(CORPS_ERR_UNSUPPORTED,
                               "transport %s joins the Workers of one Env, and the option hosts is '%s'; choose a "
                               "transport between processes",
                               corps->settings.transport->name, corps->settings.hosts);
    }
    return corps__fleet()->create(corps);
}

static enum corps_err may_create(const char *front) {
    enum corps_err err = corps__classes_check();
    if (err != CORPS_OK || front == NULL || corps__class_find(front, strlen(front)) != NULL) {
        return err;
    }
    return corps_error_set(CORPS_ERR_UNKNOWN, "there is no class '%s'; corps_start was given others", front);
}

enum corps_err corps_create(const char *front, const struct corps_value *args, const struct corps_options *given,
                            struct corps **out) {
    struct corps__settings settings;
    struct corps_options own;
    const struct corps_options *options = corps__options_take(given, &own);
    enum corps_err err = options != NULL ? corps__settings_decide(options, &settings) : CORPS_ERR_INVALID;
    if (err == CORPS_OK && settings.module[0] == '\0') {
        err = may_create(front);
    }
    if (err == CORPS_OK) {
        corps__fork_created_set(corps__created_forked);
        corps__envs_news_begin();
        err = corps__runtime_ensure();
    }
    if (err != CORPS_OK) {
        return err;
    }
    struct corps *corps = corps__corps_create(&settings);
    struct creator *creator = calloc(1, sizeof *creator);
    if (corps == NULL || creator == NULL) {
        if (corps != NULL) {
            corps__corps_unref(corps);
        }
        free(creator);
        return corps_error_set(CORPS_ERR_NO_MEMORY, "no memory for a Corps");
    }
    creator->corps = corps;
    creator->others.count = CORPS__ENVS_MAX;
    corps->creator = creator;
    randombytes_buf(&corps->id, sizeof corps->id);
    randombytes_buf(corps->secret, sizeof corps->secret);
    if (options->boot_data_bytes > 0) {
        corps->boot_data = corps_bin(options->boot_data, options->boot_data_bytes);
    }
    if (!corps__is_env()) {
        corps__reactor_wake_set(settings.client_wake);
    }
    snprintf(corps->front_class, sizeof corps->front_class, "%s", front != NULL ? front : "");
    err = know_hosts(corps);
    err = err == CORPS_OK ? corps__dir_path(corps->id, corps->directory) : err;
    if (err == CORPS_OK) {
        corps__corps_list(corps);
        err = boot_corps(creator, front, args);
        if (err == CORPS_OK) {
            *out = corps;
            return CORPS_OK;
        }
        char detail[512];
        snprintf(detail, sizeof detail, "%s", corps_error_detail());
        (void)!corps_exit(corps, 2000000000);
        return corps_error_set(err, "%s", detail);
    }
    corps__corps_unref(corps);
    return err;
}
