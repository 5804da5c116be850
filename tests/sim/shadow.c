#include "shadow.h"

#include <stdio.h>
#include <string.h>

#define FAULT(shadow, ...)                                                                                             \
    do {                                                                                                               \
        char text[256];                                                                                                \
        (void)snprintf(text, sizeof text, __VA_ARGS__);                                                                \
        sim_fault((shadow)->sim, "%s: %s", (shadow)->name, text);                                                      \
    } while (0)

void shadow_init(struct shadow *shadow, struct sim *sim, const char *name, const struct corps__policy *policy,
                 uint32_t count) {
    *shadow = (struct shadow){.sim = sim, .name = name, .policy = *policy, .count = count};
}

/* ---- what it is told ---- */

void shadow_started(struct shadow *shadow, uint32_t number, uint32_t incarnation) {
    struct shadow_unit *unit = &shadow->units[number];
    if (unit->incarnation == incarnation && unit->alive && !unit->runs && !unit->asked && !unit->killed) {
        unit->runs = true;
        unit->runs_ns = shadow->sim->now_ns;
    }
}

/* How long the policy wants it to wait: nothing, then the backoff, twice, four times … that, up to its limit. */
static int64_t wait_of(const struct shadow *shadow, uint32_t streak) {
    double wait = streak == 0 ? 0 : (double)shadow->policy.backoff_ns;
    for (uint32_t i = 1; i < streak; i++) {
        wait *= 2;
    }
    double most = (double)shadow->policy.backoff_max_ns;
    return (int64_t)(wait < most ? wait : most);
}

static uint32_t within_period(const struct shadow *shadow) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < shadow->failure_count; i++) {
        count += shadow->sim->now_ns - shadow->failures[i].at_ns < shadow->policy.period_ns ? 1 : 0;
    }
    return count;
}

static void add_failure(struct shadow *shadow, const char *how) {
    if (shadow->failure_count == SHADOW_FAILURES) {
        memmove(shadow->failures, shadow->failures + 1, sizeof shadow->failures - sizeof shadow->failures[0]);
        shadow->failure_count--;
    }
    struct shadow_failure *failure = &shadow->failures[shadow->failure_count++];
    failure->at_ns = shadow->sim->now_ns;
    (void)snprintf(failure->how, sizeof failure->how, "%s", how);
}

static uint32_t group_of(const struct shadow *shadow, uint32_t number) {
    return shadow->policy.strategy == CORPS_ONE_FOR_ALL ? 0 : number;
}

static void expect_restart(struct shadow *shadow, uint32_t number, const char *how) {
    struct shadow_unit *unit = &shadow->units[number];
    int64_t now_ns = shadow->sim->now_ns;
    unit->streak = unit->runs && now_ns - unit->runs_ns > shadow->policy.period_ns ? 0 : unit->streak;
    int64_t again_ns = now_ns + wait_of(shadow, unit->streak++);
    add_failure(shadow, how);
    bool too_many = within_period(shadow) > shadow->policy.intensity;
    bool alone = shadow->policy.strategy == CORPS_ONE_FOR_ONE;
    unit->again_ns = again_ns;
    if (!alone) {
        shadow->group_stops = true;
        shadow->group = group_of(shadow, number);
        shadow->group_ns = too_many ? now_ns : again_ns;
    }
    if (too_many) {
        shadow->give_up_due = true;
        shadow->give_up_unit = number;
        for (uint32_t i = shadow->group; !alone && i < shadow->count; i++) {
            shadow->units[i].ends_here = true;
        }
        unit->ends_here = true;
    }
}

void shadow_ended(struct shadow *shadow, uint32_t number, uint32_t incarnation, bool in_order, const char *how) {
    struct shadow_unit *unit = &shadow->units[number];
    if (unit->incarnation != incarnation || !unit->alive) {
        return; /* nobody is to do anything about it */
    }
    bool in_group = shadow->group_stops && number >= shadow->group;
    bool good_end = in_order && (unit->runs || unit->asked);
    unit->alive = false;
    if (shadow->stopped || shadow->halted || shadow->policy.restart == CORPS_RESTART_NEVER) {
        unit->ends_here = true;
    } else if (unit->ends_here || unit->asked) {
        /* decided before */
    } else if (good_end && shadow->policy.restart == CORPS_RESTART_ON_FAILURE) {
        unit->ends_here = true;
    } else if (!in_group) {
        expect_restart(shadow, number, unit->killed ? "did not start in time" : how);
    }
    unit->runs = false;
}

void shadow_stop(struct shadow *shadow) {
    shadow->stopped = true;
}

void shadow_halt(struct shadow *shadow) {
    shadow->halted = true;
}

/* ---- what it does ---- */

static void on_start(struct shadow *shadow, uint32_t number, uint32_t incarnation) {
    struct shadow_unit *unit = &shadow->units[number];
    int64_t now_ns = shadow->sim->now_ns;
    bool alone = shadow->policy.strategy == CORPS_ONE_FOR_ONE;
    if (shadow->stopped) {
        FAULT(shadow, "%u starts although everything is to stop", number);
    } else if (unit->alive || unit->ends_here || unit->gone) {
        FAULT(shadow, "%u starts although it %s", number, unit->alive ? "lives" : "is not to come back");
    } else if (incarnation != unit->incarnation + 1) {
        FAULT(shadow, "%u starts as incarnation %u after %u", number, incarnation, unit->incarnation);
    } else if (alone && now_ns < unit->again_ns) {
        FAULT(shadow, "%u starts %.3f s before its time", number, (double)(unit->again_ns - now_ns) / 1e9);
    } else if (!alone && now_ns < shadow->group_ns) {
        FAULT(shadow, "%u starts %.3f s before its group's time", number, (double)(shadow->group_ns - now_ns) / 1e9);
    }
    for (uint32_t i = 0; !alone && i < shadow->count; i++) {
        const struct shadow_unit *other = &shadow->units[i];
        if (i < number && !other->runs && !other->ends_here) {
            FAULT(shadow, "%u starts before %u runs", number, i);
        }
        if (shadow->group_stops && i >= shadow->group && other->alive) {
            FAULT(shadow, "%u starts before %u of its group has ended", number, i);
        }
    }
    shadow->group_stops = false;
    *unit = (struct shadow_unit){.incarnation = incarnation, .alive = true, .start_ns = now_ns, .streak = unit->streak};
}

static void on_stop(struct shadow *shadow, uint32_t number) {
    struct shadow_unit *unit = &shadow->units[number];
    bool to_stop = shadow->stopped || (shadow->group_stops && number >= shadow->group);
    if (!to_stop || !unit->alive || unit->asked) {
        FAULT(shadow, "%u is stopped for no reason", number);
    }
    for (uint32_t i = number + 1; i < shadow->count; i++) {
        if (shadow->units[i].alive) {
            FAULT(shadow, "%u is stopped before %u, which is later", number, i);
        }
    }
    unit->asked = true;
    unit->asked_ns = shadow->sim->now_ns;
}

/* May it be killed: is one of its two times over? */
static bool is_late(const struct shadow *shadow, const struct shadow_unit *unit) {
    int64_t now_ns = shadow->sim->now_ns;
    return unit->asked ? now_ns - unit->asked_ns >= shadow->policy.shutdown_ns
                       : !unit->runs && now_ns - unit->start_ns >= shadow->policy.start_ns;
}

static void on_kill(struct shadow *shadow, uint32_t number) {
    struct shadow_unit *unit = &shadow->units[number];
    if (!unit->alive || unit->killed || !is_late(shadow, unit)) {
        FAULT(shadow, "%u is killed %s", number, unit->alive ? "too early, or twice" : "although it has ended");
    }
    unit->killed = true;
}

static void on_give_up(struct shadow *shadow, uint32_t number, const char *history) {
    if (!shadow->give_up_due || shadow->give_up_unit != number) {
        FAULT(shadow, "gives up on %u after %u failures within the period", number, within_period(shadow));
        return;
    }
    uint32_t told = shadow->policy.intensity + 1;
    const char *at = history;
    for (uint32_t i = shadow->failure_count - told; i < shadow->failure_count; i++) {
        const char *found = strstr(at, shadow->failures[i].how);
        if (found == NULL) {
            FAULT(shadow, "'%s' is not at its place in: %s", shadow->failures[i].how, history);
            return;
        }
        at = found + strlen(shadow->failures[i].how);
    }
    shadow->failure_count = 0;
    shadow->give_up_due = false;
}

static void on_gone(struct shadow *shadow, uint32_t number) {
    struct shadow_unit *unit = &shadow->units[number];
    if (unit->alive || unit->gone || !(unit->ends_here || shadow->stopped)) {
        FAULT(shadow, "%u is said to have gone %s", number, unit->gone ? "twice" : "too early");
    }
    unit->gone = true;
    unit->ends_here = true;
}

void shadow_action(struct shadow *shadow, const struct corps__care_action *action, const char *history) {
    if (shadow->halted) {
        FAULT(shadow, "acts although it was halted");
        return;
    }
    if (action->unit < shadow->count && action->what != CORPS__CARE_START &&
        action->incarnation != shadow->units[action->unit].incarnation) {
        FAULT(shadow, "acts on incarnation %u of %u", action->incarnation, action->unit);
    }
    switch (action->what) {
    case CORPS__CARE_START:
        on_start(shadow, action->unit, action->incarnation);
        break;
    case CORPS__CARE_STOP:
        on_stop(shadow, action->unit);
        break;
    case CORPS__CARE_KILL:
        on_kill(shadow, action->unit);
        break;
    case CORPS__CARE_GONE:
        on_gone(shadow, action->unit);
        break;
    case CORPS__CARE_GIVE_UP:
        on_give_up(shadow, action->unit, history);
        break;
    case CORPS__CARE_STOPPED:
        if (!shadow->stopped || shadow->stopped_told) {
            FAULT(shadow, "says that it has stopped, and was not asked");
        }
        shadow->stopped_told = true;
        break;
    }
}

/* ---- what it leaves undone ---- */

void shadow_idle(struct shadow *shadow) {
    bool any_alive = false;
    bool waits_for_other = false;
    if (shadow->halted) {
        return;
    }
    if (shadow->give_up_due) {
        FAULT(shadow, "does not give up on %u", shadow->give_up_unit);
    }
    for (uint32_t i = 0; i < shadow->count; i++) {
        const struct shadow_unit *unit = &shadow->units[i];
        any_alive = any_alive || unit->alive;
        if (unit->alive && !unit->killed && is_late(shadow, unit)) {
            FAULT(shadow, "does not kill %u", i);
        }
        if (!unit->alive && !unit->gone && unit->ends_here) {
            FAULT(shadow, "does not say that %u has gone", i);
        }
        bool alone = shadow->policy.strategy == CORPS_ONE_FOR_ONE;
        waits_for_other = waits_for_other || (unit->alive && (!unit->runs || unit->asked)) || shadow->group_stops;
        if (!unit->alive && !unit->ends_here && !shadow->stopped && (alone || !waits_for_other) &&
            shadow->sim->now_ns >= (alone ? unit->again_ns : shadow->group_ns)) {
            FAULT(shadow, "does not start %u", i);
        }
    }
    if (shadow->stopped && !any_alive && !shadow->stopped_told) {
        FAULT(shadow, "does not say that it has stopped");
    }
}

void shadow_settled(struct shadow *shadow) {
    for (uint32_t i = 0; i < shadow->count && !shadow->halted; i++) {
        const struct shadow_unit *unit = &shadow->units[i];
        bool as_it_should = shadow->stopped || unit->ends_here ? unit->gone && !unit->alive : unit->runs;
        if (!as_it_should) {
            FAULT(shadow, "in the end %u is %s", i, unit->alive ? "not running" : "not there");
        }
    }
}
