#include "process/env.h"
#include "actor/conc.h"
#include "actor/group.h"
#include "actor/monitor.h"
#include "actor/run.h"
#include "actor/runtime.h"
#include "base/dir.h"
#include "base/place.h"
#include "codec/record.h"
#include "link/foreign.h"
#include "link/known.h"
#include "link/peer.h"
#include "process/args.h"
#include "process/boot.h"
#include "process/creator.h"
#include "process/manager.h"
#include "process/signals.h"
#include "value/failure.h"
#include "value/name.h"
#include "wait/wait.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

/* An Env's life: boot, serve, clean up, end. Everything here but the cleanups' own methods runs with the lead, driven
 * by records of the control channels and by the ends of children. */

enum stage { BOOTING, STARTING, SERVING, CLEANING, ENDING };

/* An Env that Env 0 has started. */
struct child {
    unsigned env;
    struct corps__control *control;
    struct corps__child *process;
    bool ready, started, cleaned, ended;
};

static struct {
    struct corps *corps;
    enum stage stage;
    struct corps__control *parent;
    struct child *children; /* Env 0: children[1 … env_count − 1] */
    char front[256];
    struct corps_box *front_box; /* the boot record, for the front Conc's arguments */
    bool cleanup_done;           /* of the own Concs */
    bool created_begun;          /* the end of the Corps that they created … */
    bool created_done;           /* … and that it is over */
    bool orphan;                 /* the parent has died */
    _Atomic uint32_t next_cleanup;
    int status;
} life;

static bool is_env_0(void) {
    return corps__own_env() == 0;
}

static void tell_parent(const struct corps_value *items, size_t count) {
    struct corps_value record = corps_array(items, count);
    if (life.parent != NULL) {
        (void)!corps__control_send(life.parent, &record); /* a parent that is gone shows by its end of file */
    }
}

static void tell_child(struct child *child, const struct corps_value *items, size_t count) {
    struct corps_value record = corps_array(items, count);
    if (child->control != NULL && !child->ended) {
        (void)!corps__control_send(child->control, &record); /* likewise */
    }
}

static void tell_children(const struct corps_value *items, size_t count) {
    for (unsigned i = 1; life.children != NULL && i < life.corps->settings.env_count; i++) {
        tell_child(&life.children[i], items, count);
    }
}

/* ---- ending ---- */

static void stop(void) {
    if (life.stage != ENDING) {
        life.stage = ENDING;
        corps__pool_stop();
    }
}

static bool all_children(bool (*test)(const struct child *child)) {
    for (unsigned i = 1; life.children != NULL && i < life.corps->settings.env_count; i++) {
        if (!test(&life.children[i])) {
            return false;
        }
    }
    return true;
}

static bool child_ended(const struct child *child) {
    return child->ended;
}

static bool child_cleaned(const struct child *child) {
    return child->cleaned || child->ended;
}

static void end_when_cleaned(void);

static enum corps_err created_are_ended(void *arg) {
    (void)arg;
    life.created_done = true;
    end_when_cleaned();
    return CORPS_OK;
}

static void *end_created(void *arg) {
    corps__exit_created();
    (void)!corps__with_lead(created_are_ended, arg);
    return NULL;
}

/* Ends the Corps that this Env's Concs created, which takes waiting and so a thread of its own. True when they have. */
static bool created_have_ended(void) {
    if (!life.created_begun) {
        life.created_begun = true;
        pthread_t thread;
        if (!corps__has_created() || pthread_create(&thread, NULL, end_created, NULL) != 0) {
            life.created_done = true; /* without a thread they see our end, and end */
        } else {
            pthread_detach(thread);
        }
    }
    return life.created_done;
}

/* The Concs of this Env, in Env 0 those of all, then the Corps that they created, then the processes. */
static void end_when_cleaned(void) {
    if (life.stage != CLEANING || !life.cleanup_done || !all_children(child_cleaned) || !created_have_ended()) {
        return;
    }
    if (!is_env_0() && life.orphan) {
        stop();
        return;
    }
    if (!is_env_0()) {
        struct corps_value cleaned = corps_str("cleaned");
        tell_parent(&cleaned, 1);
        return; /* "exit" follows: others may still clean up with our help */
    }
    struct corps_value word = corps_str("exit");
    tell_children(&word, 1);
    if (all_children(child_ended)) {
        stop();
    }
}

static enum corps_err concs_are_cleaned(void *arg) {
    (void)arg;
    life.cleanup_done = true;
    end_when_cleaned();
    return CORPS_OK;
}

/* Queues the cleanup of one Conc; `done` frees the group. False: no memory even for that. */
static bool clean_up_conc(struct corps__conc *conc, void (*done)(struct corps__group *group, void *arg)) {
    struct corps__message *message = corps__message_create();
    struct corps__group *group = message != NULL ? calloc(1, sizeof *group) : NULL;
    if (group == NULL) {
        return false;
    }
    *group = (struct corps__group){.left = 1, .done = done};
    message->mail.kind = CORPS__MAIL_CLEANUP;
    message->group = group;
    corps__conc_post(conc, &message->mail, CORPS__PUSH_OTHER);
    return true;
}

static void next_cleanup(struct corps__group *group, void *arg);

/* Cleans up the latest Conc that is left; each one's end starts the next. Returns false when none is left. */
static bool clean_up_next(void) {
    for (;;) {
        uint32_t id = atomic_load(&life.next_cleanup);
        if (id <= CORPS__MANAGER) {
            return false;
        }
        atomic_store(&life.next_cleanup, id - 1);
        struct corps__conc *conc = corps__conc_find(id);
        if (conc == NULL || conc->class->cleanup == NULL) {
            continue;
        }
        return clean_up_conc(conc, next_cleanup);
    }
}

static void next_cleanup(struct corps__group *group, void *arg) {
    (void)arg;
    free(group);
    if (!clean_up_next()) {
        (void)!corps__with_lead(concs_are_cleaned, NULL);
    }
}

/* Everything but the Corps' own Conc, which has been cleaned up. */
static enum corps_err clean_up_rest(void *arg) {
    (void)arg;
    struct corps_value word = corps_str("cleanup");
    tell_children(&word, 1);
    uint32_t count = corps__conc_count();
    atomic_store(&life.next_cleanup, count > 0 ? count - 1 : 0);
    if (!clean_up_next()) {
        (void)!concs_are_cleaned(NULL);
    }
    return CORPS_OK;
}

static void front_is_cleaned(struct corps__group *group, void *arg) {
    (void)arg;
    free(group);
    (void)!corps__with_lead(clean_up_rest, NULL);
}

/* The Corps' own Conc first: its cleanup may still call all others. */
static void clean_up(void) {
    if (life.stage == CLEANING || life.stage == ENDING) {
        return;
    }
    if (life.stage != SERVING) {
        stop(); /* told to end while booting */
        return;
    }
    life.stage = CLEANING;
    struct corps__conc *front = is_env_0() && life.front[0] != '\0' ? corps__conc_find(CORPS__FRONT_CONC) : NULL;
    if (front == NULL || !clean_up_conc(front, front_is_cleaned)) {
        (void)!clean_up_rest(NULL);
    }
}

static enum corps_err end_job(void *arg) {
    (void)arg;
    struct corps_value word = corps_str("exiting");
    tell_parent(&word, 1);
    clean_up();
    return CORPS_OK;
}

enum corps_err corps__env_end(void) {
    if (!is_env_0()) {
        return corps_error_set(CORPS_ERR_INVALID, "a Corps is ended from its Env 0, this is Env %u", corps__own_env());
    }
    return corps__with_lead(end_job, NULL);
}

static void boot_failed_with(const struct corps_error_info *info) {
    struct corps_value items[1 + CORPS__FAILURE_ITEMS] = {corps_str("failed")};
    corps__failure_items(info, items + 1);
    tell_parent(items, 1 + CORPS__FAILURE_ITEMS);
    life.status = 1;
    stop();
}

static void boot_failed(enum corps_err code, const char *text) {
    const struct corps_error_info info = {.code = code, .text = text};
    boot_failed_with(&info);
}

/* ---- serving ---- */

static void serving(void) {
    life.stage = SERVING;
    struct corps_box *box = corps_box_create();
    struct corps_value table = corps_nil();
    if (box == NULL || corps__table_encode(life.corps, box, &table) != CORPS_OK) {
        boot_failed(CORPS_ERR_NO_MEMORY, "no memory for the table of Envs");
    } else {
        struct corps_value items[3] = {corps_str("ready"), table, corps_str(life.front)};
        tell_parent(items, 3);
    }
    corps_box_unref(box);
}

static enum corps_err front_is_made(void *arg) {
    struct corps__group *group = arg;
    if (atomic_load(&group->failed) > 0) {
        struct corps__failure *failure = atomic_load(&group->failure);
        if (failure != NULL) {
            failure->info.code = CORPS_ERR_REMOTE;
            boot_failed_with(&failure->info);
        } else {
            boot_failed(CORPS_ERR_REMOTE, "no memory to say what failed");
        }
        free(failure);
    } else {
        serving();
    }
    return CORPS_OK;
}

static void front_done(struct corps__group *group, void *arg) {
    (void)arg;
    (void)!corps__with_lead(front_is_made, group);
    free(group);
}

/* [serializer, stream, …] of the boot record → a box, NULL for none. */
static enum corps_err front_argument(struct corps_box **box) {
    *box = NULL;
    const struct corps_value *args = corps_value_item(corps_box_root(life.front_box), 7);
    if (args == NULL || args->kind != CORPS_ARRAY) {
        return CORPS_OK;
    }
    return corps__init_args_decode(args, 0, box);
}

static void make_front(void) {
    const struct corps_class *class = corps__class_find(life.front, strlen(life.front));
    if (class == NULL) {
        char text[400];
        snprintf(text, sizeof text, "there is no class '%s' in this program; corps_start was given others", life.front);
        boot_failed(CORPS_ERR_UNKNOWN, text);
        return;
    }
    struct corps__group *group = calloc(1, sizeof *group);
    enum corps_err err =
        group != NULL ? CORPS_OK : corps_error_set(CORPS_ERR_NO_MEMORY, "no memory for the Corps' own Conc");
    struct corps__conc *conc;
    if (err == CORPS_OK) {
        *group = (struct corps__group){.left = 1, .done = front_done, .argument = front_argument};
        err = corps__conc_create(class, life.front, strlen(life.front), NULL, group, &conc);
    }
    if (err != CORPS_OK) {
        free(group);
        boot_failed(err, corps_error_detail());
    }
}

static void all_are_up(void) {
    if (corps__foreign_publish(life.corps) != CORPS_OK) {
        boot_failed(CORPS_ERR_SYSTEM, corps_error_detail());
    } else if (life.front[0] != '\0') {
        make_front();
    } else {
        serving();
    }
}

/* ---- Env 0 and its children ---- */

static bool child_ready(const struct child *child) {
    return child->ready;
}

static bool child_started(const struct child *child) {
    return child->started;
}

static void start_children(void) {
    life.stage = STARTING;
    struct corps_box *box = corps_box_create();
    struct corps_value items[2] = {corps_str("start"), corps_nil()};
    if (box == NULL || corps__table_encode(life.corps, box, &items[1]) != CORPS_OK) {
        boot_failed(CORPS_ERR_NO_MEMORY, "no memory for the table of Envs");
    } else {
        tell_children(items, 2);
    }
    corps_box_unref(box);
}

static void on_child_record(void *arg, const struct corps_value *record) {
    struct child *child = arg;
    struct corps__env *env = &life.corps->envs[child->env];
    if (record == NULL) {
        return; /* its end follows */
    }
    if (corps__record_is(record, "ready") && life.stage == BOOTING) {
        corps__record_text(record, 1, env->address, sizeof env->address);
        corps__record_text(record, 2, env->data_address, sizeof env->data_address);
        child->ready = true;
        if (all_children(child_ready)) {
            start_children();
        }
    } else if (corps__record_is(record, "started") && life.stage == STARTING) {
        child->started = true;
        if (all_children(child_started)) {
            all_are_up();
        }
    } else if (corps__record_is(record, "failed") && life.stage < SERVING) {
        struct corps__failure *failure = corps__failure_of_items(record, 1, false);
        char text[480];
        snprintf(text, sizeof text, "Env %u: %s", child->env, failure != NULL ? failure->info.text : "no memory");
        struct corps_error_info info =
            failure != NULL ? failure->info : (struct corps_error_info){.code = CORPS_ERR_NO_MEMORY};
        info.text = info.code == CORPS_ERR_REMOTE ? info.text : text; /* a Worker's own error stays as it is */
        boot_failed_with(&info);
        free(failure);
    } else if (corps__record_is(record, "cleaned")) {
        child->cleaned = true;
        end_when_cleaned();
    }
}

static void on_child_end(void *arg, const char *how, bool by_signal) {
    (void)by_signal;
    struct child *child = arg;
    child->ended = true;
    char text[128];
    snprintf(text, sizeof text, "Env %u %s", child->env, how);
    if (life.stage < SERVING) {
        boot_failed(CORPS_ERR_WORKER_LOST, text);
        return;
    }
    if (life.stage == SERVING || !child->cleaned) {
        corps__env_lost(life.corps, child->env, text);
        struct corps_value items[3] = {corps_str("lost"), corps_int(child->env), corps_str(text)};
        tell_children(items, 3);
        tell_parent(items, 3);
    }
    if (life.stage == CLEANING) {
        end_when_cleaned();
    }
}

static enum corps_err spawn_children(void) {
    unsigned count = life.corps->settings.env_count;
    life.children = calloc(count, sizeof *life.children);
    enum corps_err err =
        life.children != NULL ? CORPS_OK : corps_error_set(CORPS_ERR_NO_MEMORY, "no memory for %u Envs", count);
    for (unsigned i = 1; err == CORPS_OK && i < count; i++) {
        struct child *child = &life.children[i];
        child->env = i;
        struct corps_launched launched;
        int fd = -1;
        err = corps__env_spawn(life.corps, i, NULL, NULL, &launched, &fd);
        if (err == CORPS_OK) {
            atomic_store(&life.corps->envs[i].pid, launched.pid);
            err = corps__child_watch(launched.pid, launched.status_fd, on_child_end, child, &child->process);
        }
        if (err == CORPS_OK) {
            err = corps__control_open(fd, on_child_record, child, &child->control);
        }
        if (err != CORPS_OK && fd >= 0) {
            close(fd); /* the child sees that, and ends */
        }
    }
    return err;
}

/* ---- records of the parent ---- */

/* The parent, or its parent, has died. Clean up and end; the monitor sees to it that this does not take for ever. */
static void orphaned(void) {
    life.orphan = true;
    struct corps_value word = corps_str("orphan");
    tell_children(&word, 1);
    corps__monitor_orphaned();
    clean_up();
    end_when_cleaned();
}

static void on_parent_record(void *arg, const struct corps_value *record) {
    (void)arg;
    if (record == NULL && is_env_0() && life.corps->settings.detached && life.stage >= SERVING) {
        corps__control_close(life.parent); /* it lives on by itself */
        life.parent = NULL;
    } else if (record == NULL) {
        orphaned();
    } else if (corps__record_is(record, "orphan")) {
        orphaned();
    } else if (corps__record_is(record, "start")) {
        if (corps__table_decode(corps_value_item(record, 1), life.corps) == CORPS_OK) {
            life.stage = SERVING;
            struct corps_value started = corps_str("started");
            tell_parent(&started, 1);
        } else {
            boot_failed(CORPS_ERR_PROTOCOL, corps_error_detail());
        }
    } else if (corps__record_is(record, "lost")) {
        char text[128];
        corps__record_text(record, 2, text, sizeof text);
        corps__env_lost(life.corps, (uint32_t)corps__record_int(record, 1, UINT32_MAX), text);
    } else if (corps__record_is(record, "cleanup")) {
        clean_up();
    } else if (corps__record_is(record, "exit")) {
        if (is_env_0()) {
            clean_up();
        } else {
            stop();
        }
    }
}

/* ---- main ---- */

static enum corps_err boot(void *arg) {
    struct corps *corps = life.corps;
    const struct corps__settings *settings = &corps->settings;
    int fd = *(int *)arg;
    enum corps_err err = corps__control_open(fd, on_parent_record, NULL, &life.parent);
    struct corps__port *port = NULL;
    struct corps__env *own = &corps->envs[corps__own_env()];
    if (err == CORPS_OK) {
        err = corps__port_open(settings->system_transport, corps, &port);
    }
    if (err == CORPS_OK) {
        memcpy(own->address, port->address, sizeof own->address);
        atomic_store(&own->pid, getpid());
    }
    if (err == CORPS_OK && (settings->transport->capabilities & CORPS_TRANSPORT_DISCARDS) != 0) {
        err = corps__port_open(settings->transport, corps, &port);
        memcpy(own->data_address, port != NULL ? port->address : "", CORPS_ADDRESS_BYTES);
    }
    struct corps__conc *manager;
    if (err == CORPS_OK) {
        const char *name = corps__manager_class.name;
        err = corps__conc_create(&corps__manager_class, name, strlen(name), NULL, NULL, &manager);
    }
    if (err == CORPS_OK && is_env_0()) {
        err = spawn_children();
        if (err == CORPS_OK && settings->env_count == 1) {
            all_are_up();
        }
    } else if (err == CORPS_OK) {
        struct corps_value items[3] = {corps_str("ready"), corps_str(own->address), corps_str(own->data_address)};
        tell_parent(items, 3);
    }
    return err;
}

/* The process must end although it could not do so in order: gives up what others would find. */
static void abandon(void) {
    close(life.corps->lock_fd);
    corps__dir_remove_last(life.corps->directory, true);
}

static enum corps_err prepare(int fd, corps_boot_fn on_boot) {
    struct corps_box *box;
    uint32_t env = 0;
    enum corps_err err = corps__control_read(fd, 10000000000, &box);
    if (err == CORPS_OK) {
        err = corps__boot_decode(corps_box_root(box), &life.corps, &env);
    }
    if (err != CORPS_OK) {
        return err;
    }
    corps__identify(true, life.corps->id, env);
    life.front_box = box;
    corps__record_text(corps_box_root(box), 6, life.front, sizeof life.front);
    char name[16];
    snprintf(name, sizeof name, "corps-env-%u", env);
    prctl(PR_SET_NAME, name);
    err = corps__place_env(life.corps->settings.placement, env, life.corps->settings.env_count);
    if (err == CORPS_OK) {
        err = corps__runtime_start(true, life.corps->id, env);
    }
    if (err == CORPS_OK && on_boot != NULL) { /* may call Workers of other Corps already */
        err = on_boot(life.corps->boot_data.bin, life.corps->boot_data.count);
        if (!corps__is_env()) {
            corps__fork_end(err, corps_create_failure());
        }
    }
    if (err == CORPS_OK) {
        corps__runtime_own(life.corps);
        err = corps__pool_start(life.corps->settings.thread_count, life.corps->settings.thread_count_max,
                                corps__conc_run);
    }
    if (err == CORPS_OK) {
        err = corps__monitor_start(env == 0 && life.corps->settings.detached ? -1 : fd, abandon);
    }
    return err;
}

static void report(int fd, enum corps_err err) {
    struct corps_error_info info = {.code = err, .text = corps_error_detail()};
    if (err == CORPS_ERR_REMOTE && corps_create_failure()->code != CORPS_OK) {
        info = *corps_create_failure(); /* what corps_boot_fail said */
    }
    struct corps_value items[1 + CORPS__FAILURE_ITEMS] = {corps_str("failed")};
    corps__failure_items(&info, items + 1);
    struct corps_value record = corps_array(items, 1 + CORPS__FAILURE_ITEMS);
    (void)!corps__control_write(fd, &record); /* the parent sees at least our end */
}

static enum corps_err shut(void *arg) {
    (void)arg;
    corps__peers_close(NULL);
    corps__ports_close(NULL);
    for (unsigned i = 1; life.children != NULL && i < life.corps->settings.env_count; i++) {
        corps__control_close(life.children[i].control); /* an Env that has not ended sees this as its parent's death */
        corps__child_close(life.children[i].process);
    }
    uv_run(corps__loop(), UV_RUN_NOWAIT);
    return CORPS_OK;
}

/* Does nobody wait any more for what becomes of this Env? */
static bool parent_is_gone(int fd) {
    struct pollfd parent = {.fd = fd, .events = POLLRDHUP};
    return poll(&parent, 1, 0) > 0 && (parent.revents & (POLLRDHUP | POLLHUP)) != 0;
}

/* Env 0 made the directory and ends last, so it removes it; when it could not, the last one of the others does. */
static void leave(int fd) {
    struct corps *corps = life.corps;
    if (corps != NULL && (is_env_0() || life.orphan || parent_is_gone(fd))) {
        close(corps->lock_fd);
        corps__dir_remove_last(corps->directory, life.orphan);
    }
}

int corps__env_main(int fd, corps_boot_fn on_boot) {
    fcntl(fd, F_SETFD, FD_CLOEXEC);
    unsetenv(CORPS__BOOT_VARIABLE); /* programs that Workers start are no Envs */
    corps__signals_take();          /* Ctrl-C is for the program, which then ends its Corps */
    enum corps_err err = prepare(fd, on_boot);
    if (err != CORPS_OK) {
        report(fd, err);
        leave(fd);
        return 1;
    }
    err = corps__with_lead(boot, &fd);
    if (err != CORPS_OK) {
        report(fd, err);
        life.status = 1;
    } else {
        corps__pool_serve();
    }
    (void)!corps__with_lead(shut, NULL);
    leave(fd);
    fflush(NULL);
    return life.status;
}

void corps__env_forked(void) {
    for (unsigned i = 1; life.children != NULL && i < life.corps->settings.env_count; i++) {
        corps__child_forget(life.children[i].process);
    }
    life.parent = NULL;
    life.children = NULL;
    corps__signals_forked();
}
