#include "care/wards.h"

#include "actor/broken.h"
#include "actor/group.h"
#include "base/clock.h"
#include "base/log.h"
#include "care/supervise.h"
#include "link/known.h"
#include "process/args.h"
#include "process/life.h"
#include "process/manager.h"
#include "process/order.h"
#include "value/failure.h"
#include "wait/wait.h"

#include <stdio.h>
#include <stdlib.h>

#define SHUTDOWN_NS INT64_C(5000000000) /* for the request that runs in a sibling that is stopped */

enum { TEXT_BYTES = CORPS__BROKEN_TEXT_BYTES };

/* One Conc of a ward. */
struct seat {
    struct corps__group group; /* first; of the init that makes it again */
    struct ward *ward;
    uint32_t number;
    uint32_t incarnation;  /* that the init is of */
    bool dismissed;        /* … and not to come back, whatever comes of that */
    char lost[TEXT_BYTES]; /* what calls are told, once it is given up */
};

struct ward {
    struct ward *next;
    struct corps_box *order;
    struct corps__supervisor supervisor;
    struct corps__unit *units;
    struct corps__care_failure *failures;
    struct seat seats[];
};

/* Everything with the lead. */
static struct {
    struct ward *first;
    uv_timer_t timer;
    bool has_timer;
    bool halted;
    char why[CORPS__LEAVES_TEXT_BYTES]; /* halted: what those are told who wait */
} wards;

/* What a job with the lead is about. */
struct event {
    uint32_t number;
    bool failed;
    const char *how;
    bool comes_back;
};

static struct seat *find_seat(uint32_t number, uint32_t *unit) {
    for (struct ward *ward = wards.first; ward != NULL; ward = ward->next) {
        for (*unit = 0; *unit < ward->supervisor.count; ++*unit) {
            if (ward->seats[*unit].number == number) {
                return &ward->seats[*unit];
            }
        }
    }
    return NULL;
}

/* "Worker L1:M1.7 of class Store" */
static void worker_text(uint32_t number, char *out, size_t bytes) {
    const struct corps__conc *conc = corps__conc_find(number);
    snprintf(out, bytes, "Worker L%u:M%u.%u of class %s", corps__own_env(), corps__own_env(), number,
             corps__conc_class(conc));
}

static void give_up(uint32_t number, const char *text) {
    if (!wards.halted) {
        corps__conc_is_gone(number);
    }
    corps__conc_give_up(corps__conc_find(number), text);
}

/* ---- making again ---- */

static enum corps_err decode_arguments(struct corps__group *group, struct corps_box **box) {
    const struct seat *seat = (struct seat *)group;
    return corps__init_args_decode(corps_box_root(seat->ward->order), CORPS__ORDER_ARGS, box);
}

static void act(struct ward *ward);

static void start_failed(struct seat *seat, const char *why) {
    struct ward *ward = seat->ward;
    char worker[160];
    char how[TEXT_BYTES];
    worker_text(seat->number, worker, sizeof worker);
    snprintf(how, sizeof how, "%s: %s", worker, why);
    corps__supervise_ended(&ward->supervisor, (uint32_t)(seat - ward->seats), seat->incarnation, false, how,
                           corps__now_ns());
}

static enum corps_err init_is_over(void *arg) {
    struct seat *seat = arg;
    struct ward *ward = seat->ward;
    struct corps__failure *failure = atomic_load(&seat->group.failure);
    if (wards.halted && atomic_load(&seat->group.failed) > 0) {
        give_up(seat->number, wards.why);
    } else if (atomic_load(&seat->group.failed) > 0) {
        char why[TEXT_BYTES];
        snprintf(why, sizeof why, "%s: %s", failure != NULL ? failure->info.type : "NO_MEMORY",
                 failure != NULL ? failure->info.text : "no memory to say what failed");
        start_failed(seat, why);
    } else {
        uint32_t unit = (uint32_t)(seat - ward->seats);
        corps__supervise_started(&ward->supervisor, unit, seat->incarnation, corps__now_ns());
        if (seat->dismissed) {
            (void)corps__supervise_dismiss(&ward->supervisor, unit);
        }
    }
    free(failure);
    act(ward);
    return CORPS_OK;
}

static void init_done(struct corps__group *group, void *arg) {
    (void)arg;
    (void)!corps__with_lead(init_is_over, group);
}

static void start(struct seat *seat, uint32_t incarnation) {
    seat->incarnation = incarnation;
    seat->group = (struct corps__group){.left = 1, .restarts = true, .done = init_done, .argument = decode_arguments};
    if (corps__conc_revive(corps__conc_find(seat->number), &seat->group) != CORPS_OK) {
        start_failed(seat, corps_error_detail());
    }
}

/* ---- what is decided ---- */

/* The next level is the Env, if somebody starts that again; else the Conc alone is lost. */
static void tell_next_level(struct ward *ward, uint32_t unit) {
    char history[TEXT_BYTES - 80];
    (void)corps__supervise_history(&ward->supervisor, history, sizeof history);
    for (uint32_t i = 0; i < ward->supervisor.count; i++) {
        if (ward->units[i].lost) {
            snprintf(ward->seats[i].lost, TEXT_BYTES, "the Worker is not made again, after %s", history);
        }
    }
    if (corps__is_cared_for() && !corps__is_env_0()) {
        corps__env_fail(ward->seats[unit].lost);
    }
    corps__log(CORPS_LOG_WARN, "worker_lost", CORPS__LOG_FIELDS(CORPS__LOG_INT("conc", ward->seats[unit].number)), "%s",
               ward->seats[unit].lost);
}

static _Noreturn void kill_env(const struct seat *seat, bool starts) {
    char worker[160];
    char text[256];
    worker_text(seat->number, worker, sizeof worker);
    snprintf(text, sizeof text, "%s %s", worker,
             starts ? "was not made again in time (boot_timeout_ns)" : "did not end its request within 5 s");
    corps__env_fail(text);
}

static void on_timer(uv_timer_t *timer) {
    (void)timer;
    for (struct ward *ward = wards.first; ward != NULL; ward = ward->next) {
        act(ward);
    }
}

static void set_timer(void) {
    int64_t due_ns = INT64_MAX;
    for (const struct ward *ward = wards.first; ward != NULL; ward = ward->next) {
        int64_t its_ns = corps__supervise_due(&ward->supervisor);
        due_ns = its_ns < due_ns ? its_ns : due_ns;
    }
    if (!wards.halted) {
        corps__timer_set(&wards.timer, on_timer, due_ns);
    }
}

static void act(struct ward *ward) {
    struct corps__care_action action;
    while (corps__supervise(&ward->supervisor, corps__now_ns(), &action)) {
        struct seat *seat = &ward->seats[action.unit < ward->supervisor.count ? action.unit : 0];
        switch (action.what) {
        case CORPS__CARE_START:
            start(seat, action.incarnation);
            break;
        case CORPS__CARE_STOP:
            corps__conc_stop(corps__conc_find(seat->number));
            break;
        case CORPS__CARE_KILL:
            kill_env(seat, ward->units[action.unit].state == CORPS__UNIT_STARTING);
        case CORPS__CARE_GIVE_UP:
            tell_next_level(ward, action.unit);
            break;
        case CORPS__CARE_GONE:
            if (ward->units[action.unit].lost) { /* else it has ended in order, and says so itself */
                give_up(seat->number, seat->lost);
            }
            break;
        case CORPS__CARE_STOPPED: /* nobody asks for that */
            break;
        }
    }
    set_timer();
}

/* ---- what happens ---- */

static enum corps_err stopped_job(void *arg) {
    const struct event *event = arg;
    uint32_t unit;
    struct seat *seat = find_seat(event->number, &unit);
    char worker[160];
    char text[TEXT_BYTES];
    worker_text(event->number, worker, sizeof worker);
    snprintf(text, sizeof text, "%s: %s", worker, event->how);
    if (wards.halted) {
        give_up(event->number, wards.why);
    } else if (seat == NULL) {
        corps__log(CORPS_LOG_WARN, "worker_lost", CORPS__LOG_FIELDS(CORPS__LOG_INT("conc", event->number)),
                   "%s; it is not made again", text);
        give_up(event->number, text);
    } else {
        struct ward *ward = seat->ward;
        corps__supervise_ended(&ward->supervisor, unit, ward->units[unit].incarnation, !event->failed, text,
                               corps__now_ns());
        if (event->failed && !ward->units[unit].lost) {
            corps__log(CORPS_LOG_WARN, "worker_restarts", CORPS__LOG_FIELDS(CORPS__LOG_INT("conc", event->number)),
                       "%s; it is made again", text); /* what is mended must not go unseen */
        }
        act(ward);
    }
    return CORPS_OK;
}

static void stopped(uint32_t number, bool failed, const char *how) {
    struct event event = {.number = number, .failed = failed, .how = how};
    (void)!corps__with_lead(stopped_job, &event);
}

static void free_ward(struct ward *ward) {
    if (ward != NULL) {
        corps_box_unref(ward->order);
        free(ward->units);
        free(ward->failures);
        free(ward);
    }
}

/* Nothing of it comes back. */
static void drop_ward(struct ward *ward) {
    struct ward **at = &wards.first;
    while (*at != ward) {
        at = &(*at)->next;
    }
    *at = ward->next;
    free_ward(ward);
}

static bool all_are_gone(const struct ward *ward) {
    for (uint32_t i = 0; i < ward->supervisor.count; i++) {
        if (ward->units[i].state != CORPS__UNIT_GONE) {
            return false;
        }
    }
    return true;
}

static enum corps_err left_job(void *arg) {
    struct event *event = arg;
    uint32_t unit;
    struct seat *seat = wards.halted ? NULL : find_seat(event->number, &unit);
    if (seat != NULL) {
        struct ward *ward = seat->ward;
        corps__supervise_ended(&ward->supervisor, unit, ward->units[unit].incarnation, true, "it has ended",
                               corps__now_ns());
        event->comes_back = ward->units[unit].state != CORPS__UNIT_GONE;
        if (event->comes_back) { /* at once: calls from now on wait */
            corps__conc_hold(corps__conc_find(event->number));
        }
        act(ward);
        if (all_are_gone(ward)) {
            drop_ward(ward);
        }
    }
    return CORPS_OK;
}

static bool left(uint32_t number) {
    struct event event = {.number = number};
    (void)!corps__with_lead(left_job, &event);
    return event.comes_back;
}

/* Its creation has failed elsewhere: all of it is undone. */
static enum corps_err forget_job(void *arg) {
    const struct event *event = arg;
    uint32_t unit;
    const struct seat *seat = find_seat(event->number, &unit);
    if (seat != NULL && !wards.halted) {
        corps__supervise_halt(&seat->ward->supervisor);
    }
    return CORPS_OK;
}

static void forget(uint32_t number) {
    struct event event = {.number = number};
    (void)!corps__with_lead(forget_job, &event);
}

/* It is ended by hand. */
static enum corps_err dismiss_job(void *arg) {
    const struct event *event = arg;
    uint32_t unit;
    struct seat *seat = find_seat(event->number, &unit);
    if (seat == NULL || wards.halted || seat->ward->units[unit].state == CORPS__UNIT_GONE) {
        return CORPS_OK;
    }
    static const char why[] = "the Worker was deleted";
    struct ward *ward = seat->ward;
    enum corps__unit_state before = corps__supervise_dismiss(&ward->supervisor, unit);
    snprintf(seat->lost, sizeof seat->lost, "%s", why);
    seat->dismissed = before == CORPS__UNIT_STARTING;
    if (before == CORPS__UNIT_DOWN || before == CORPS__UNIT_STOPPING) { /* who has called it waits */
        corps__conc_give_up(corps__conc_find(event->number), why);
    }
    act(ward);
    if (before == CORPS__UNIT_RUNNING && all_are_gone(ward)) {
        drop_ward(ward);
    }
    return CORPS_OK;
}

static void dismiss(uint32_t number) {
    struct event event = {.number = number};
    (void)!corps__with_lead(dismiss_job, &event);
}

/* ---- beginning and end ---- */

static struct ward *ward_create(const struct corps_value *value, const struct corps_value *numbers, size_t count,
                                const struct corps__policy *policy) {
    struct ward *ward = calloc(1, sizeof *ward + count * sizeof ward->seats[0]);
    if (ward == NULL) {
        return NULL;
    }
    ward->units = calloc(count, sizeof *ward->units);
    ward->failures = calloc(policy->intensity + 1, sizeof *ward->failures);
    if (ward->units == NULL || ward->failures == NULL || corps_box_of(value, &ward->order) != CORPS_OK) {
        free_ward(ward);
        return NULL;
    }
    for (size_t i = 0; i < count; i++) {
        ward->seats[i].ward = ward;
        ward->seats[i].number = (uint32_t)numbers[i].integer;
    }
    corps__supervisor_init(&ward->supervisor, policy, ward->units, (uint32_t)count, ward->failures, corps__now_ns());
    corps__supervisor_adopt(&ward->supervisor, corps__now_ns());
    return ward;
}

static enum corps_err made(const struct corps_value *value, const struct corps_value *numbers, size_t count) {
    struct corps__order order;
    enum corps_err err = corps__order_head(value, &order);
    if (err != CORPS_OK || order.policy.restart == CORPS_RESTART_NEVER) {
        return err;
    }
    order.policy.start_ns = corps__own()->settings.boot_timeout_ns;
    order.policy.shutdown_ns = SHUTDOWN_NS;
    struct ward *ward = ward_create(value, numbers, count, &order.policy);
    if (ward == NULL) {
        return corps_error_set(CORPS_ERR_NO_MEMORY, "no memory to look after %zu Workers", count);
    }
    if (!wards.has_timer) {
        wards.has_timer = true;
        uv_timer_init(corps__loop(), &wards.timer);
    }
    ward->next = wards.first;
    wards.first = ward;
    return CORPS_OK;
}

static void halt(void) {
    if (wards.halted) {
        return;
    }
    wards.halted = true;
    if (!corps__env_leaves(wards.why)) {
        snprintf(wards.why, sizeof wards.why, "the Corps ends");
    }
    for (struct ward *ward = wards.first; ward != NULL; ward = ward->next) {
        corps__supervise_halt(&ward->supervisor);
        for (uint32_t i = 0; i < ward->supervisor.count; i++) {
            if (ward->units[i].state == CORPS__UNIT_DOWN) {
                give_up(ward->seats[i].number, wards.why);
            }
        }
    }
    if (wards.has_timer) {
        uv_close((uv_handle_t *)&wards.timer, NULL);
        corps__loop_changed();
    }
}

static const struct corps__ward_ops ops = {
    .made = made, .left = left, .forget = forget, .dismiss = dismiss, .halt = halt};

void corps__wards_begin(void) {
    corps__wards_set(&ops);
    corps__broken_set(stopped);
}
