#include "care/owner.h"

#include "base/clock.h"
#include "base/log.h"
#include "care/supervise.h"
#include "codec/config.h"
#include "process/children.h"
#include "process/life.h"
#include "wait/wait.h"

#include <stdio.h>
#include <stdlib.h>

/* The units are the Envs from 1 on. */
static struct {
    struct corps__supervisor supervisor;
    struct corps__unit *units;
    struct corps__care_failure *failures;
    uv_timer_t timer;
} owner;

enum { HISTORY_BYTES = 448 };

static void tell_gone(uint32_t unit, const char *how) {
    char history[HISTORY_BYTES];
    char text[HISTORY_BYTES + 64];
    bool gave_up = owner.units[unit].lost;
    if (gave_up) {
        (void)corps__supervise_history(&owner.supervisor, history, sizeof history);
        snprintf(text, sizeof text, "Env %u is not started again, after %s", unit + 1, history);
    }
    corps__child_log_lost(unit + 1, gave_up ? text : how, gave_up);
    corps__child_is_lost(unit + 1, gave_up ? text : how, gave_up);
}

/* Does what is decided, until there is nothing more to do for now. `how`: what happened last. */
static void act(const char *how);

static void on_timer(uv_timer_t *timer) {
    (void)timer;
    act("it was not up in time");
}

static void set_timer(void) {
    corps__timer_set(&owner.timer, on_timer, corps__supervise_due(&owner.supervisor));
}

static void start(uint32_t unit, uint32_t incarnation) {
    enum corps_err err = corps__child_start_again(unit + 1, incarnation);
    if (err == CORPS_ERR_LIMIT || err == CORPS_ERR_WORKER_LOST) { /* there is no room on any host that is heard */
        corps__supervise_displaced(&owner.supervisor, unit, incarnation, corps_error_detail(), corps__now_ns());
    } else if (err != CORPS_OK) {
        corps__supervise_ended(&owner.supervisor, unit, incarnation, false, corps_error_detail(), corps__now_ns());
    }
}

static void act(const char *how) {
    struct corps__care_action action;
    while (corps__supervise(&owner.supervisor, corps__now_ns(), &action)) {
        switch (action.what) {
        case CORPS__CARE_START:
            start(action.unit, action.incarnation);
            break;
        case CORPS__CARE_KILL:
            corps__child_end_now(action.unit + 1);
            break;
        case CORPS__CARE_GONE:
            tell_gone(action.unit, how);
            break;
        case CORPS__CARE_STOP: /* no Env is stopped because another has ended */
        case CORPS__CARE_STOPPED:
        case CORPS__CARE_GIVE_UP: /* nobody is above; GONE says it */
            break;
        }
    }
    set_timer();
}

static enum corps_err begin(const struct corps__settings *settings) {
    uint32_t count = settings->env_count - 1;
    owner.units = calloc(CORPS__ENVS_MAX - 1, sizeof *owner.units); /* as many as there may be */
    owner.failures = calloc(settings->policy.intensity + 1, sizeof *owner.failures);
    if (owner.units == NULL || owner.failures == NULL) {
        free(owner.units);
        free(owner.failures);
        owner.units = NULL;
        owner.failures = NULL;
        return corps_error_set(CORPS_ERR_NO_MEMORY, "no memory to look after %u Envs", count);
    }
    struct corps__policy policy = settings->policy;
    policy.start_ns = settings->boot_timeout_ns;
    policy.shutdown_ns = INT64_MAX; /* no Env is stopped because another has ended */
    corps__supervisor_init(&owner.supervisor, &policy, owner.units, count, owner.failures, corps__now_ns());
    corps__supervisor_adopt(&owner.supervisor, corps__now_ns());
    for (uint32_t i = 0; i < count; i++) {
        if (!corps__life.children[i + 1].present) { /* taken, before the Corps was started anew */
            corps__supervisor_leave(&owner.supervisor, i);
        }
    }
    uv_timer_init(corps__loop(), &owner.timer);
    return CORPS_OK;
}

static void env_started(unsigned env) {
    corps__supervise_started(&owner.supervisor, env - 1, owner.units[env - 1].incarnation, corps__now_ns());
    act("");
}

static void env_ended(unsigned env, enum corps__end end, const char *how) {
    struct corps__unit *unit = &owner.units[env - 1];
    if (end == CORPS__END_DISPLACED || end == CORPS__END_UNREACHED) {
        corps__supervise_displaced(&owner.supervisor, env - 1, unit->incarnation, how, corps__now_ns());
    } else {
        bool in_order = end == CORPS__END_IN_ORDER;
        corps__supervise_ended(&owner.supervisor, env - 1, unit->incarnation, in_order, how, corps__now_ns());
    }
    if (unit->state != CORPS__UNIT_GONE) { /* before it is started: what was under way to it ends at once */
        char text[HISTORY_BYTES + 64];
        snprintf(text, sizeof text, "%s; it is started again", how);
        corps__log(CORPS_LOG_WARN, "env_restarts",
                   CORPS__LOG_FIELDS(CORPS__LOG_INT("lost", env), CORPS__LOG_TEXT("reason", how)), "%s",
                   text); /* what is mended must not go unseen */
        corps__child_restarts(env, text);
    }
    act(how);
}

static void env_joined(unsigned env, uint32_t incarnation) {
    corps__supervisor_join(&owner.supervisor, env - 1, incarnation, corps__now_ns());
}

static void env_left(unsigned env) {
    corps__supervisor_leave(&owner.supervisor, env - 1);
    set_timer();
}

static void halt(void) {
    if (owner.units == NULL || owner.supervisor.halted) {
        return;
    }
    corps__supervise_halt(&owner.supervisor);
    uv_close((uv_handle_t *)&owner.timer, NULL);
    corps__loop_changed();
    for (uint32_t i = 0; i < owner.supervisor.count; i++) {
        if (owner.units[i].state == CORPS__UNIT_DOWN || owner.units[i].state == CORPS__UNIT_STARTING) {
            char text[64];
            snprintf(text, sizeof text, "Env %u had ended, and now the Corps ends", i + 1);
            corps__child_is_lost(i + 1, text, false); /* nobody waits for it any more */
        }
    }
}

static const struct corps__care_ops ops = {
    .begin = begin,
    .started = env_started,
    .ended = env_ended,
    .joined = env_joined,
    .left = env_left,
    .halt = halt,
};

void corps__owner_set(void) {
    corps__care_set(&ops);
}
