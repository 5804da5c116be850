#include "actor/class.h"
#include "actor/fork.h"
#include "actor/runtime.h"
#include "base/clock.h"
#include "base/dir.h"
#include "codec/config.h"
#include "link/known.h"
#include "process/anew.h"
#include "process/args.h"
#include "process/creator.h"
#include "process/envs.h"
#include "process/fleet.h"
#include "process/owned.h"
#include "value/failure.h"
#include "wait/wait.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

/* corps_create: from the options to where the Corps serves. */

struct creation {
    struct creator *creator;
    const char *front;
    struct corps_box *box; /* of the arguments */
    const struct corps_value *front_args;
};

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
