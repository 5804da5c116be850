#include "care/anew.h"

#include "base/clock.h"
#include "base/log.h"
#include "care/supervise.h"
#include "process/anew.h"

#include <stdio.h>
#include <stdlib.h>

struct care {
    struct creator *creator;
    struct corps__supervisor supervisor;
    struct corps__unit unit;
    struct corps__care_failure *failures;
    uv_timer_t timer;
};

enum { HISTORY_BYTES = 448 };

static void tell_gone(struct care *care, const char *how) {
    char history[HISTORY_BYTES];
    char text[HISTORY_BYTES + 64];
    if (care->unit.lost) {
        (void)corps__supervise_history(&care->supervisor, history, sizeof history);
        snprintf(text, sizeof text, "the Corps is not started anew, after %s", history);
    }
    corps__creator_is_over(care->creator, care->unit.lost ? text : how);
}

/* Does what is decided, until there is nothing more to do for now. `how`: what happened last. */
static void act(struct care *care, const char *how);

static void on_timer(uv_timer_t *timer) {
    act(timer->data, "Env 0 was not up in time");
}

static void act(struct care *care, const char *how) {
    struct corps__care_action action;
    while (corps__supervise(&care->supervisor, corps__now_ns(), &action)) {
        switch (action.what) {
        case CORPS__CARE_START:
            corps__anew_start(care->creator);
            break;
        case CORPS__CARE_KILL:
            corps__anew_kill(care->creator);
            break;
        case CORPS__CARE_GONE:
            tell_gone(care, how);
            break;
        case CORPS__CARE_STOP: /* nobody stops it but its end */
        case CORPS__CARE_STOPPED:
        case CORPS__CARE_GIVE_UP: /* GONE says it */
            break;
        }
    }
    if (!care->supervisor.halted) {
        corps__timer_set(&care->timer, on_timer, corps__supervise_due(&care->supervisor));
    }
}

static enum corps_err begin(struct creator *creator, void **out) {
    const struct corps__settings *settings = &creator->corps->settings;
    struct care *care = calloc(1, sizeof *care);
    struct corps__care_failure *failures = calloc(settings->policy.intensity + 1, sizeof *failures);
    if (care == NULL || failures == NULL) {
        free(care);
        free(failures);
        return corps_error_set(CORPS_ERR_NO_MEMORY, "no memory to look after a Corps");
    }
    care->creator = creator;
    care->failures = failures;
    struct corps__policy policy = settings->policy;
    policy.start_ns = settings->boot_timeout_ns;
    policy.shutdown_ns = INT64_MAX; /* never asked to end */
    corps__supervisor_init(&care->supervisor, &policy, &care->unit, 1, failures, corps__now_ns());
    corps__supervisor_adopt(&care->supervisor, corps__now_ns());
    uv_timer_init(corps__loop(), &care->timer);
    care->timer.data = care;
    *out = care;
    return CORPS_OK;
}

static void started(void *arg) {
    struct care *care = arg;
    corps__supervise_started(&care->supervisor, 0, care->unit.incarnation, corps__now_ns());
    act(care, "");
}

static void ended(void *arg, bool in_order, const char *how) {
    struct care *care = arg;
    corps__supervise_ended(&care->supervisor, 0, care->unit.incarnation, in_order, how, corps__now_ns());
    if (care->unit.state == CORPS__UNIT_DOWN) { /* before it is started: what was under way to it ends at once */
        char text[512];
        snprintf(text, sizeof text, "%s; the Corps is started anew", how);
        corps__log(CORPS_LOG_WARN, "corps_restarts", NULL, "%s", text); /* what is mended must not go unseen */
        corps__anew_prepare(care->creator, text);
    }
    act(care, how);
}

static bool halt(void *arg) {
    struct care *care = arg;
    corps__supervise_halt(&care->supervisor);
    uv_timer_stop(&care->timer);
    return care->unit.state == CORPS__UNIT_DOWN || care->unit.state == CORPS__UNIT_STARTING;
}

static void free_care(uv_handle_t *timer) {
    struct care *care = timer->data;
    free(care->failures);
    free(care);
}

static void end(void *arg) {
    struct care *care = arg;
    if (care != NULL) {
        uv_close((uv_handle_t *)&care->timer, free_care);
    }
}

static const struct corps__anew_ops ops = {
    .begin = begin,
    .started = started,
    .ended = ended,
    .halt = halt,
    .end = end,
};

void corps__anew_care_set(void) {
    corps__anew_set(&ops);
}
