#include "process/starting.h"

#include "actor/granted.h"
#include "process/boot.h"
#include "process/report.h"

#include <unistd.h>

uint64_t corps__child_incarnation(const struct corps__life_child *child) {
    return corps__incarnation(corps__life_of(corps__own_incarnation()), child->incarnation);
}

/* On this host. */
static enum corps_err start_here(struct corps__life_child *child, const struct corps__start *start,
                                 corps__control_fn on_record, corps__child_fn on_end) {
    struct corps_launched launched;
    int fd;
    enum corps_err err = corps__env_spawn(corps__life.corps, child->env, start, &launched, &fd);
    if (err != CORPS_OK) {
        return err;
    }
    err = corps__control_open(fd, on_record, child, &child->control);
    if (err != CORPS_OK) {
        close(fd);
        corps__env_unspawn(&launched);
        return err;
    }
    err = corps__child_watch(launched.pid, launched.status_fd, on_end, child, &child->process);
    if (err != CORPS_OK) {
        launched.status_fd = -1; /* child_watch took it */
        corps__env_unspawn(&launched);
        corps__control_close(child->control);
        child->control = NULL;
        return err;
    }
    atomic_store(&corps__life.corps->envs[child->env].pid, launched.pid);
    return CORPS_OK;
}

/* On another one, whose agent tells of it. */
static enum corps_err start_there(struct corps__life_child *child, const struct corps__start *given,
                                  corps__control_fn on_record, corps__child_fn on_end) {
    const struct corps__fleet_ops *fleet = corps__own_fleet();
    struct corps__start start = *given;
    int fd;
    enum corps_err err = fleet->start(child->env, child->host, start.incarnation, on_end, child, &fd, &child->process);
    if (err != CORPS_OK) {
        return err;
    }
    start.host = child->host;
    start.remote_bind = fleet->host(child->host)->address; /* its agent knows more of that */
    start.boot_data = fleet->boot_data();
    start.page = NULL; /* its agent grants it time of its own */
    err = corps__boot_send(corps__life.corps, child->env, &start, fd);
    err = err == CORPS_OK ? corps__control_open(fd, on_record, child, &child->control) : err;
    if (err != CORPS_OK) {
        close(fd);
        corps__child_close(child->process);
        child->process = NULL;
        return err;
    }
    atomic_store(&corps__life.corps->envs[child->env].pid, 0); /* until it says its own */
    return CORPS_OK;
}

enum corps_err corps__child_begin(struct corps__life_child *child, uint32_t incarnation, corps__control_fn on_record,
                                  corps__child_fn on_end) {
    const struct corps__fleet_ops *fleet = corps__own_fleet();
    uint32_t own_host = corps__life.corps->settings.host;
    child->incarnation = incarnation;
    child->ready = child->started = child->cleaned = child->ended = false;
    child->failure[0] = '\0';
    child->failure_code = CORPS_OK;
    child->host = own_host;
    enum corps_err err = fleet != NULL ? fleet->place(child->env, child->where, &child->host) : CORPS_OK;
    char page[CORPS__GRANTED_PATH_BYTES];
    corps__granted_path(page);
    const struct corps_value first = corps_int(corps__first_of_life());
    const struct corps__start start = {.incarnation = corps__child_incarnation(child),
                                       .firsts = first.integer != 0 ? &first : NULL,
                                       .page = page,
                                       .env_0_host = own_host};
    if (err == CORPS_OK) {
        err = (child->host == own_host ? start_here : start_there)(child, &start, on_record, on_end);
    }
    if (err == CORPS_OK) {
        corps__report_process(child);
    }
    return err;
}
