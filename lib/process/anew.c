#include "process/anew.h"

#include "actor/conc.h"
#include "base/clock.h"
#include "base/dir.h"
#include "base/log.h"
#include "link/foreign.h"
#include "link/peer.h"
#include "process/fleet.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    LOOK_MS = 2,        /* between looks at whether the former processes have gone */
    PATIENCE_MS = 5000, /* they end by themselves within this time, or are killed (an orphan's way out takes 2 + 2 s) */
    /* Numbers that an Env may have given after the last that was heard of: it tells of each page beforehand, but what
     * it told a dying Env 0 may be lost. */
    SPARE = 4 * CORPS__CONC_PAGE,
};

struct corps__anew {
    struct creator *creator;
    void *care; /* NULL until the Corps serves */
    bool halted;
    char front[256];
    struct corps_box *box, *boot_data; /* what `front_args` and the Corps' boot data are in */
    struct corps_value front_args;
    uint32_t *bounds; /* no Conc of that Env has this number, or one above; of CORPS__ENVS_MAX */
    uint32_t life;    /* of the process that is there, or is to be */
    bool waits;       /* Env 0's process is there, and was not told to go */
    bool is_due;      /* it should be, once the former ones have gone */
    bool gathers;     /* the timer runs */
    int64_t kill_ns;
    int64_t settled_ns; /* of a Corps of several hosts: until then former Envs may act elsewhere */
    uv_timer_t timer;
};

static const struct corps__anew_ops *ops;

void corps__anew_set(const struct corps__anew_ops *given) {
    ops = given;
}

/* ---- what is kept ---- */

static enum corps_err keep_boot_data(struct corps__anew *anew, struct corps *corps) {
    if (corps->boot_data.kind == CORPS_NIL) {
        return CORPS_OK;
    }
    enum corps_err err = corps_box_of(&corps->boot_data, &anew->boot_data);
    if (err == CORPS_OK) {
        corps->boot_data = *corps_box_root(anew->boot_data);
    }
    return err;
}

enum corps_err corps__anew_keep(struct creator *creator, const char *front, struct corps_box *box,
                                const struct corps_value *front_args) {
    const struct corps__settings *settings = &creator->corps->settings;
    if (ops == NULL || front == NULL || settings->policy.restart == CORPS_RESTART_NEVER || settings->detached) {
        return CORPS_OK;
    }
    struct corps__anew *anew = calloc(1, sizeof *anew);
    uint32_t *bounds = calloc(CORPS__ENVS_MAX, sizeof *bounds);
    if (anew == NULL || bounds == NULL || keep_boot_data(anew, creator->corps) != CORPS_OK) {
        free(anew);
        free(bounds);
        return corps_error_set(CORPS_ERR_NO_MEMORY, "no memory for a Corps");
    }
    anew->creator = creator;
    anew->bounds = bounds;
    snprintf(anew->front, sizeof anew->front, "%s", front);
    anew->box = corps_box_ref(box);
    anew->front_args = *front_args;
    creator->anew = anew;
    return CORPS_OK;
}

enum corps_err corps__anew_serves(struct creator *creator) {
    struct corps__anew *anew = creator->anew;
    if (anew == NULL || anew->halted) {
        return CORPS_OK;
    }
    if (anew->care != NULL) {
        ops->started(anew->care);
        return CORPS_OK;
    }
    enum corps_err err = corps__dir_keep(creator->corps->directory, &creator->corps->lock_fd);
    if (err == CORPS_OK) {
        uv_timer_init(corps__loop(), &anew->timer);
        err = ops->begin(creator, &anew->care);
    }
    return err;
}

void corps__anew_numbers(struct corps__anew *anew, unsigned env, uint32_t bound) {
    if (anew != NULL && env < CORPS__ENVS_MAX && bound > anew->bounds[env]) {
        anew->bounds[env] = bound;
    }
}

/* ---- starting ---- */

/* A process for Env 0, which waits for the word. */
static enum corps_err start_process(struct corps__anew *anew) {
    const unsigned count = anew->creator->corps->settings.env_count;
    struct corps_value *firsts = calloc(count, sizeof *firsts);
    if (firsts == NULL) {
        return corps_error_set(CORPS_ERR_NO_MEMORY, "no memory to start the Corps anew");
    }
    for (unsigned i = 0; i < count; i++) {
        uint32_t page = (anew->bounds[i] + CORPS__CONC_PAGE - 1) / CORPS__CONC_PAGE;
        int64_t first = (page > 0 ? page : 1) * (int64_t)CORPS__CONC_PAGE + SPARE;
        firsts[i] = corps_int(atomic_load(&anew->creator->corps->envs[i].taken) ? -first : first);
        anew->bounds[i] = (uint32_t)first;
    }
    const struct corps_value list = corps_array(firsts, count);
    const struct corps__start start = {.incarnation = corps__incarnation(++anew->life, 1),
                                       .front = anew->front,
                                       .front_args = &anew->front_args,
                                       .firsts = &list};
    anew->creator->failure[0] = '\0';
    enum corps_err err = corps__creator_start_env_0(anew->creator, &start);
    anew->waits = err == CORPS_OK;
    free(firsts);
    return err;
}

static enum corps_err go(struct corps__anew *anew) {
    enum corps_err err = anew->waits ? CORPS_OK : start_process(anew);
    if (err == CORPS_OK) {
        struct corps_value word = corps_str("go");
        struct corps_value record = corps_array(&word, 1);
        err = corps__control_send(anew->creator->corps->control, &record);
        anew->waits = false; /* if it has ended, that comes to be known as of any other */
    }
    return err == CORPS_ERR_CLOSED ? CORPS_OK : err;
}

static bool all_have_gone(struct corps__anew *anew) {
    return corps__others_are_gone(&anew->creator->others) && corps__dir_is_deserted(anew->creator->corps->directory);
}

static void stop_looking(struct corps__anew *anew) {
    uv_timer_stop(&anew->timer);
    anew->gathers = false;
}

static void begin_looking(struct corps__anew *anew, uint64_t after_ms);

static void look(uv_timer_t *timer) {
    struct corps__anew *anew = timer->data;
    if (!all_have_gone(anew)) {
        if (corps__now_ns() >= anew->kill_ns) {
            corps__others_kill(&anew->creator->others);
        }
        return;
    }
    int64_t left_ns = anew->settled_ns - corps__now_ns();
    if (left_ns > 0) {
        begin_looking(anew, (uint64_t)(left_ns / 1000000) + 1);
        return;
    }
    stop_looking(anew);
    if (anew->is_due) {
        anew->is_due = false;
        if (go(anew) != CORPS_OK) {
            char text[256];
            snprintf(text, sizeof text, "Env 0 could not be started: %s", corps_error_detail());
            ops->ended(anew->care, false, text);
        }
    }
}

static void begin_looking(struct corps__anew *anew, uint64_t after_ms) {
    anew->gathers = true;
    anew->timer.data = anew;
    corps__timer_start(&anew->timer, look, after_ms, LOOK_MS);
}

void corps__anew_start(struct creator *creator) {
    creator->anew->is_due = true;
    begin_looking(creator->anew, 0);
}

void corps__anew_kill(struct creator *creator) {
    struct corps__anew *anew = creator->anew;
    anew->is_due = false;
    if (creator->env_0 != NULL) {
        corps__child_kill(creator->env_0);
        anew->waits = false; /* its end is that of what was being started */
    } else {
        ops->ended(anew->care, false, "Env 0 could not be started in time");
    }
}

/* ---- ending ---- */

static void publish(const struct corps *corps) {
    if (corps__foreign_publish(corps) != CORPS_OK) {
        corps__log(CORPS_LOG_WARN, "news_unheard", NULL, "strangers do not hear that the Corps is started anew: %s",
                   corps_error_detail());
    }
}

void corps__anew_prepare(struct creator *creator, const char *text) {
    struct corps__anew *anew = creator->anew;
    struct corps *corps = creator->corps;
    for (unsigned i = 0; i < corps->settings.env_count; i++) {
        corps__env_restarts(corps, i, text);
    }
    publish(corps);
    anew->kill_ns = corps__deadline_ns(PATIENCE_MS * INT64_C(1000000));
    anew->settled_ns = corps__deadline_ns(corps__has_fleet(corps) ? corps__fleet()->settle_ns : 0);
    begin_looking(anew, LOOK_MS);
    (void)!start_process(anew); /* what is wrong shows when it is due */
}

bool corps__anew_take_end(struct creator *creator, bool in_order, const char *how) {
    struct corps__anew *anew = creator->anew;
    struct corps *corps = creator->corps;
    if (corps->control != NULL) {
        corps__control_drain(corps->control); /* the word that it ends, and what it has said of others */
    }
    if (anew == NULL || anew->care == NULL || anew->halted || atomic_load(&corps->exited)) {
        return false;
    }
    corps__control_close(corps->control);
    corps->control = NULL;
    struct corps__child *env_0 = creator->env_0;
    creator->env_0 = NULL;
    corps__child_close(env_0);
    if (anew->waits) {
        anew->waits = false; /* another one is started when it is due */
        return true;
    }
    char text[480];
    snprintf(text, sizeof text, "%s", creator->failure[0] != '\0' ? creator->failure : how);
    ops->ended(anew->care, in_order, text);
    return true;
}

void corps__anew_halt(struct creator *creator) {
    struct corps__anew *anew = creator->anew;
    struct corps *corps = creator->corps;
    if (anew == NULL || anew->halted) {
        return;
    }
    anew->halted = true;
    if (corps->lock_fd >= 0) {
        int fd = corps->lock_fd;
        corps->lock_fd = -1; /* first: the child of a fork closes what it finds there */
        close(fd);
    }
    if (anew->care == NULL || !ops->halt(anew->care)) {
        return;
    }
    stop_looking(anew);
    for (unsigned i = 0; i < corps->settings.env_count; i++) {
        if (atomic_load(&corps->envs[i].restarting)) { /* nobody waits for it any more */
            corps__env_lost(corps, i, "Env 0 had ended, and now the Corps ends");
        }
    }
    if (creator->env_0 == NULL) {
        corps__creator_is_over(creator, NULL);
    } else if (anew->waits) {
        corps__control_close(corps->control); /* it sees that, and ends */
        corps->control = NULL;
    }
}

static void free_anew(uv_handle_t *timer) {
    free(timer->data);
}

void corps__anew_free(struct corps__anew *anew) {
    if (anew == NULL) {
        return;
    }
    corps_box_unref(anew->box);
    corps_box_unref(anew->boot_data);
    free(anew->bounds);
    if (anew->care == NULL) {
        free(anew);
        return;
    }
    ops->end(anew->care);
    anew->timer.data = anew;
    uv_close((uv_handle_t *)&anew->timer, free_anew);
    corps__loop_changed();
}
