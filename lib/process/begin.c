#include "process/begin.h"

#include "actor/class.h"
#include "actor/conc.h"
#include "actor/fork.h"
#include "actor/granted.h"
#include "actor/innermost.h"
#include "actor/monitor.h"
#include "actor/run.h"
#include "actor/runtime.h"
#include "actor/stuck.h"
#include "base/dir.h"
#include "base/placement.h"
#include "codec/record.h"
#include "link/known.h"
#include "process/boot.h"
#include "process/control.h"
#include "process/env.h"
#include "process/envs.h"
#include "process/life.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

/* The process must end although it could not do so in order: gives up what others would find. */
static void abandon_env(void) {
    close(corps__life.corps->lock_fd);
    if (corps__granted == NULL) { /* else it is the agent's */
        corps__dir_remove_last(corps__life.corps->directory, true);
    }
}

enum { RECORD_NS = 10 };

/* Until those of the Corps' former life have gone. */
static enum corps_err await_go(int fd) {
    struct pollfd word = {.fd = fd, .events = POLLIN};
    while (poll(&word, 1, -1) < 0 && errno == EINTR) {
    }
    struct corps_box *box = NULL;
    enum corps_err err = corps__control_read(fd, RECORD_NS * INT64_C(1000000000), &box);
    if (err == CORPS_OK && !corps__record_is(corps_box_root(box), "go")) {
        err = corps_error_set(CORPS_ERR_PROTOCOL, "a Corps that is started anew was told something else than to go");
    }
    corps_box_unref(box);
    return err;
}

/* Env 0 makes the directory, once in all of the Corps' lives; that of one whose Env 0 an agent starts is the agent's.
 */
static enum corps_err enter_directory(int fd, struct corps *corps, uint32_t env) {
    bool anew = corps__life_of(atomic_load(&corps->envs[env].incarnation)) > 0;
    if (env == 0 && !anew && !corps__life.owned) {
        return corps__dir_create(corps->directory, &corps->lock_fd);
    }
    enum corps_err err = env == 0 && anew ? await_go(fd) : CORPS_OK;
    return err == CORPS_OK ? corps__dir_join(corps->directory, &corps->lock_fd) : err;
}

/* Until when it may act, before anything of it acts, or inherits what says so. */
static enum corps_err see_grant(const struct corps_value *record) {
    char page[CORPS__GRANTED_PATH_BYTES];
    corps__record_text(record, CORPS__BOOT_PAGE, page, sizeof page);
    return corps__granted_begin(page, corps__env_fail);
}

static enum corps_err start_runtime(const struct corps *corps, uint32_t env) {
    corps__fork_env_set(corps__env_forked);
    enum corps_err err = corps__runtime_start(true, corps->id, env);
    uint32_t first = corps__first_of_life();
    return err == CORPS_OK && first != 0 ? corps__conc_numbers_after(first) : err;
}

enum corps_err corps__env_begin(int fd, corps_boot_fn on_boot) {
    struct corps_box *box;
    uint32_t env = 0;
    enum corps_err err = corps__control_read(fd, RECORD_NS * INT64_C(1000000000), &box);
    if (err == CORPS_OK) {
        err = corps__boot_decode(corps_box_root(box), &corps__life.corps, &env);
    }
    if (err == CORPS_OK) {
        corps__life.owned = env == 0 && corps__granted_is_given();
        err = enter_directory(fd, corps__life.corps, env);
    }
    err = err == CORPS_OK ? see_grant(corps_box_root(box)) : err;
    if (err != CORPS_OK) {
        return err;
    }
    corps__identify(true, corps__life.corps->id, env);
    corps__life.front_box = box;
    corps__record_text(corps_box_root(box), 6, corps__life.front, sizeof corps__life.front);
    memcpy(corps__life.corps->front_class, corps__life.front, sizeof corps__life.front);
    char name[16];
    snprintf(name, sizeof name, "corps-env-%u", env);
    prctl(PR_SET_NAME, name);
    const struct corps__settings *settings = &corps__life.corps->settings;
    bool alone = settings->env_count == 1 && settings->host == 0; /* Envs on other hosts are added later */
    err = corps__placement_env(settings->placement, env, alone);
    err = err == CORPS_OK ? start_runtime(corps__life.corps, env) : err;
    if (err == CORPS_OK) {
        err = corps__classes_check();
    }
    if (err == CORPS_OK && on_boot != NULL) { /* may call Workers of other Corps already */
        err = on_boot(corps__life.corps->boot_data.bin, corps__life.corps->boot_data.count);
        if (!corps__is_env()) {
            corps__fork_end(err, corps_create_failure());
        }
    }
    if (err == CORPS_OK) {
        corps__runtime_own(corps__life.corps);
        corps__envs_news_begin();
        err = corps__keeper()->begin(corps__life.corps);
    }
    if (err == CORPS_OK) {
        err = corps__thread_pool_start(corps__life.corps->settings.thread_count,
                                       corps__life.corps->settings.thread_count_max, corps__conc_run);
    }
    if (err == CORPS_OK) {
        corps__stuck_begin(corps__env_fail);
        bool lives_on = env == 0 && corps__life.corps->settings.detached && !corps__life.owned;
        err = corps__monitor_start(lives_on ? -1 : fd, abandon_env);
    }
    return err;
}
