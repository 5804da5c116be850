#include "process/env.h"
#include "actor/class.h"
#include "actor/conc.h"
#include "actor/granted.h"
#include "actor/group.h"
#include "actor/monitor.h"
#include "actor/runtime.h"
#include "base/dir.h"
#include "base/log.h"
#include "codec/record.h"
#include "link/foreign.h"
#include "link/known.h"
#include "link/peer.h"
#include "link/rows.h"
#include "process/args.h"
#include "process/begin.h"
#include "process/boot.h"
#include "process/changes.h"
#include "process/children.h"
#include "process/ending.h"
#include "process/life.h"
#include "process/manager.h"
#include "process/moving.h"
#include "process/receipts.h"
#include "process/remake.h"
#include "process/signals.h"
#include "value/failure.h"
#include "value/name.h"
#include "wait/wait.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* An Env's life: boot, serve, clean up, end. Everything here but the cleanups' own methods runs with the lead, driven
 * by records of the control channels and by the ends of children. */

static void boot_failed_with(const struct corps_error_info *info) {
    struct corps_value items[1 + CORPS__FAILURE_ITEMS] = {corps_str("failed")};
    corps__failure_items(info, items + 1);
    corps__tell_parent(items, 1 + CORPS__FAILURE_ITEMS);
    corps__life.status = 1;
    corps__life_stop();
}

static void boot_failed(enum corps_err code, const char *text) {
    const struct corps_error_info info = {.code = code, .text = text};
    boot_failed_with(&info);
}

/* ---- serving ---- */

static void begin_serving(void) {
    if (corps__care() != NULL && corps__care()->begin(&corps__life.corps->settings) != CORPS_OK) {
        boot_failed(CORPS_ERR_NO_MEMORY, corps_error_detail());
        return;
    }
    bool shown = corps__may_be_seen();
    corps__life.stage = CORPS__SERVING;
    if (!shown && corps__foreign_publish(corps__life.corps) != CORPS_OK) {
        boot_failed(CORPS_ERR_SYSTEM, corps_error_detail());
        return;
    }
    corps__log(CORPS_LOG_INFO, "corps_serves",
               CORPS__LOG_FIELDS(CORPS__LOG_INT("envs", corps__life.corps->settings.env_count)),
               "the Corps '%s' serves with %u Envs", corps__life.corps->settings.tag,
               corps__life.corps->settings.env_count);
    struct corps_box *box = corps_box_create();
    struct corps_value table = corps_nil();
    if (box == NULL || corps__table_encode(corps__life.corps, box, &table) != CORPS_OK) {
        boot_failed(CORPS_ERR_NO_MEMORY, "no memory for the table of Envs");
    } else {
        struct corps_value items[3] = {corps_str("ready"), table, corps_str(corps__life.front)};
        corps__tell_parent(items, 3);
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
        begin_serving();
    }
    return CORPS_OK;
}

static void front_done(struct corps__group *group, void *arg) {
    (void)arg;
    (void)!corps__with_lead(front_is_made, group);
    free(group);
}

/* [serializer, stream, …] of the boot record → a box, NULL for none. */
static enum corps_err front_argument(struct corps__group *group, struct corps_box **box) {
    (void)group;
    *box = NULL;
    const struct corps_value *args = corps_value_item(corps_box_root(corps__life.front_box), 7);
    if (args == NULL || args->kind != CORPS_ARRAY) {
        return CORPS_OK;
    }
    return corps__init_args_decode(args, 0, box);
}

static void tell_own_numbers(uint32_t bound) {
    corps__tell_numbers(0, bound);
}

static void make_front(void) {
    const struct corps_class *class = corps__class_find(corps__life.front, strlen(corps__life.front));
    if (class == NULL) {
        char text[400];
        snprintf(text, sizeof text, "there is no class '%s' in this program; corps_start was given others",
                 corps__life.front);
        boot_failed(CORPS_ERR_UNKNOWN, text);
        return;
    }
    struct corps__group *group = calloc(1, sizeof *group);
    enum corps_err err =
        group != NULL ? CORPS_OK : corps_error_set(CORPS_ERR_NO_MEMORY, "no memory for the Corps' own Conc");
    struct corps__conc *conc;
    if (err == CORPS_OK) {
        *group = (struct corps__group){.left = 1, .done = front_done, .argument = front_argument};
        uint32_t first = corps__first_number(0);
        corps__conc_numbers_begin(first, tell_own_numbers);
        err = first == 0 ? corps__conc_create(class, corps__life.front, strlen(corps__life.front), NULL, group, &conc)
                         : corps__conc_create_again(CORPS__FRONT_CONC, class, corps__life.front,
                                                    strlen(corps__life.front), NULL, group, &conc);
    }
    if (err != CORPS_OK) {
        free(group);
        boot_failed(err, corps_error_detail());
    }
}

static void all_are_up(void) {
    if (corps__may_be_seen() && corps__foreign_publish(corps__life.corps) != CORPS_OK) {
        boot_failed(CORPS_ERR_SYSTEM, corps_error_detail());
    } else if (corps__life.front[0] != '\0') {
        make_front();
    } else {
        begin_serving();
    }
}

/* ---- Env 0 and its children ---- */

static void children_are_ready(void) {
    corps__life.stage = CORPS__STARTING;
    if (corps__children_introduce() != CORPS_OK) {
        boot_failed(CORPS_ERR_NO_MEMORY, "no memory for the table of Envs");
    }
}

static const struct corps__children_ops children_ops = {
    .all_ready = children_are_ready,
    .all_started = all_are_up,
    .failed = boot_failed_with,
    .cleaned = corps__end_when_cleaned,
    .joined = corps__change_joined,
    .not_joined = corps__change_not_joined,
    .left = corps__change_left,
};

/* ---- records of the parent ---- */

/* The owner of the Corps, or the agent of this host, is not there any more. What others ask of this Env, another life
 * of it will be asked, or nobody: this one says nothing more, and least of all that the Corps ends, of which it knows
 * nothing. With the lead, which nobody gets any more. */
static _Noreturn void end_at_once(void) {
    struct corps *corps = corps__life.corps;
    corps__log(CORPS_LOG_INFO, "env_cut_off", NULL, "Env %u ends: who has started it on this host is gone",
               corps__own_env());
    corps__peers_close(NULL);
    corps__ports_close(NULL);
    close(corps->lock_fd);
    if (corps__is_far() || corps__granted == NULL) { /* else it is the owning agent's, who looks after it */
        corps__dir_remove_last(corps->directory, true);
    }
    fflush(NULL);
    _exit(1);
}

/* The parent, or its parent, has died. Clean up and end; the monitor sees to it that this does not take for ever. */
static void become_orphan(void) {
    corps__life.orphan = true;
    struct corps_value word = corps_str("orphan");
    corps__tell_children(&word, 1);
    corps__monitor_orphaned();
    corps__clean_up();
    corps__end_when_cleaned();
}

/* So that no number is given twice: told before one of the page is given. Any thread. */
static void tell_numbers(uint32_t bound) {
    struct corps_value items[2] = {corps_str("numbers"), corps_int(bound)};
    corps__tell_parent(items, 2);
}

static void all_are_made(const struct corps_error_info *failure) {
    if (failure != NULL) {
        boot_failed_with(failure);
        return;
    }
    struct corps_value started = corps_str("started");
    corps__tell_parent(&started, 1);
}

/* ["start", table, first number, what to make again] */
static void start_serving(const struct corps_value *record) {
    if (corps__table_decode(corps_value_item(record, 1), corps__life.corps) != CORPS_OK) {
        boot_failed(CORPS_ERR_PROTOCOL, corps_error_detail());
        return;
    }
    corps__life.stage = CORPS__SERVING;
    int64_t first = corps__record_int(record, 2, -1);
    if (first < 0) {
        all_are_made(NULL);
        return;
    }
    corps__conc_numbers_begin((uint32_t)first, tell_numbers);
    if (corps__remake(corps_value_item(record, 3), all_are_made) != CORPS_OK) {
        boot_failed(CORPS_ERR_NO_MEMORY, corps_error_detail());
    }
}

static void on_parent_record(void *arg, const struct corps_value *record) {
    (void)arg;
    bool is_dependent = corps__is_far() || corps__granted != NULL;
    if (record == NULL && is_dependent && corps__life.stage <= CORPS__SERVING) {
        end_at_once();
    } else if (record == NULL && corps__is_env_0() && corps__life.corps->settings.detached &&
               corps__life.stage >= CORPS__SERVING) {
        corps__control_close(corps__life.parent); /* it lives on by itself */
        corps__life.parent = NULL;
    } else if (record == NULL) {
        become_orphan();
    } else if (corps__record_is(record, "orphan")) {
        become_orphan();
    } else if (corps__record_is(record, "kept")) {
        corps__keeper()->take(corps__own_env(), record);
    } else if (corps__record_is(record, "stored")) {
        corps__receipt_came(corps__record_int(record, 1, 0));
    } else if (corps__record_is(record, "start")) {
        start_serving(record);
    } else if (corps__record_is(record, "row")) {
        corps__take_row(corps__life.corps, record);
    } else if (corps__record_is(record, "cleanup")) {
        corps__reactor_catch_up(); /* what other Envs had sent until then is handled first */
        corps__clean_up();
    } else if (corps__record_is(record, "take")) {
        corps__reactor_catch_up();
        corps__leave();
    } else if (corps__record_is(record, "moves")) {
        corps__moves();
    } else if (corps__record_is(record, "move") && corps__is_env_0()) {
        corps__reactor_catch_up();
        corps__move_all();
    } else if (corps__record_is(record, "move")) {
        corps__reactor_catch_up();
        corps__move_away();
    } else if (corps__record_is(record, "exit")) {
        if (corps__is_env_0()) {
            corps__reactor_catch_up(); /* likewise what the program had */
            corps__clean_up();
        } else {
            corps__life_stop();
        }
    }
}

/* ---- main ---- */

static bool nobody(const struct corps__life_child *child) {
    (void)child;
    return false;
}

static enum corps_err boot_job(void *arg) {
    struct corps *corps = corps__life.corps;
    const struct corps__settings *settings = &corps->settings;
    int fd = *(int *)arg;
    enum corps_err err = corps__control_open(fd, on_parent_record, NULL, &corps__life.parent);
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
    own->host = settings->host;
    if (err == CORPS_OK && corps->remote_bind[0] != '\0') {
        err = corps__port_open_far(corps, &port);
        memcpy(own->remote_address, err == CORPS_OK ? port->address : "", err == CORPS_OK ? CORPS_ADDRESS_BYTES : 1);
    }
    struct corps__conc *manager;
    if (err == CORPS_OK) {
        const char *name = corps__manager_class.name;
        err = corps__conc_create(&corps__manager_class, name, strlen(name), NULL, NULL, &manager);
    }
    if (err == CORPS_OK && corps__is_env_0()) {
        err = corps__children_start(&children_ops);
        if (err == CORPS_OK && corps__all_children(nobody)) {
            all_are_up();
        }
    } else if (err == CORPS_OK) {
        struct corps_value items[4] = {corps_str("ready"), corps_str(own->address), corps_str(own->data_address),
                                       corps_str(own->remote_address)};
        corps__tell_parent(items, 4);
    }
    return err;
}

static void report_failure(int fd, enum corps_err err) {
    struct corps_error_info info = {.code = err, .text = corps_error_detail()};
    if (err == CORPS_ERR_REMOTE && corps_create_failure()->code != CORPS_OK) {
        info = *corps_create_failure(); /* what corps_boot_fail said */
    }
    struct corps_value items[1 + CORPS__FAILURE_ITEMS] = {corps_str("failed")};
    corps__failure_items(&info, items + 1);
    struct corps_value record = corps_array(items, 1 + CORPS__FAILURE_ITEMS);
    (void)!corps__control_write(fd, &record); /* the parent sees at least our end */
}

static enum corps_err shut_job(void *arg) {
    (void)arg;
    corps__peers_close(NULL);
    corps__ports_close(NULL);
    corps__children_close();
    uv_run(corps__loop(), UV_RUN_NOWAIT);
    return CORPS_OK;
}

/* Does nobody wait any more for what becomes of this Env? */
static bool parent_is_gone(int fd) {
    struct pollfd parent = {.fd = fd, .events = POLLRDHUP};
    return poll(&parent, 1, 0) > 0 && (parent.revents & (POLLRDHUP | POLLHUP)) != 0;
}

/* Env 0 made the directory and ends last, so it removes it; when it could not, the last one of the others does. */
static void leave_directory(int fd) {
    struct corps *corps = corps__life.corps;
    if (corps__life.owned) {
        close(corps->lock_fd); /* it is the agent's */
    } else if (corps__life.all_have_ended) {
        close(corps->lock_fd);
        corps__dir_remove(corps->directory); /* also where the creator keeps it */
    } else if (corps != NULL && (corps__is_env_0() || corps__life.orphan || parent_is_gone(fd))) {
        close(corps->lock_fd);
        corps__dir_remove_last(corps->directory, corps__life.orphan);
    }
}

int corps__env_main(int fd, corps_boot_fn on_boot) {
    fcntl(fd, F_SETFD, FD_CLOEXEC);
    unsetenv(CORPS__BOOT_VARIABLE); /* programs that Workers start are no Envs */
    corps__signals_take();          /* Ctrl-C is for the program, which then ends its Corps */
    enum corps_err err = corps__env_begin(fd, on_boot);
    if (err != CORPS_OK) {
        report_failure(fd, err);
        leave_directory(fd);
        return 1;
    }
    err = corps__with_lead(boot_job, &fd);
    if (err != CORPS_OK) {
        report_failure(fd, err);
        corps__life.status = 1;
    } else {
        corps__thread_pool_serve();
    }
    (void)!corps__with_lead(shut_job, NULL);
    if (corps__is_env_0() && !corps__life_goes_on()) {
        corps__keeper()->end();
    }
    leave_directory(fd);
    fflush(NULL);
    return corps__life.status;
}

void corps__env_forked(void) {
    for (unsigned i = 1; corps__life.children != NULL && i < corps__life.child_count; i++) {
        corps__child_forget(corps__life.children[i].process);
    }
    corps__life.parent = NULL;
    corps__life.children = NULL;
    corps__signals_forked();
}
