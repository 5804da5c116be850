#include "care/supervise.h"

#include "base/plant.h"

#include <stdio.h>
#include <string.h>

/* ---- beginning ---- */

/* So that what is far off stays far off. */
static int64_t after(int64_t at_ns, int64_t ns) {
    int64_t sum;
    return __builtin_add_overflow(at_ns, ns, &sum) ? INT64_MAX : sum;
}

void corps__supervisor_init(struct corps__supervisor *supervisor, const struct corps__policy *policy,
                            struct corps__unit *units, uint32_t count, struct corps__care_failure *failures,
                            int64_t now_ns) {
    *supervisor = (struct corps__supervisor){.policy = *policy,
                                             .units = units,
                                             .count = count,
                                             .failures = failures,
                                             .step = policy->strategy != CORPS_ONE_FOR_ONE ? CORPS__GROUP_STARTS
                                                                                           : CORPS__NO_GROUP,
                                             .group_due_ns = now_ns};
    for (uint32_t i = 0; i < count; i++) {
        units[i] = (struct corps__unit){.state = CORPS__UNIT_DOWN, .due_ns = now_ns};
    }
}

void corps__supervisor_adopt(struct corps__supervisor *supervisor, int64_t now_ns) {
    supervisor->step = CORPS__NO_GROUP;
    for (uint32_t i = 0; i < supervisor->count; i++) {
        supervisor->units[i] = (struct corps__unit){.state = CORPS__UNIT_RUNNING, .incarnation = 1, .since_ns = now_ns};
    }
}

void corps__supervisor_join(struct corps__supervisor *supervisor, uint32_t unit, uint32_t incarnation, int64_t now_ns) {
    supervisor->count += unit == supervisor->count ? 1 : 0;
    supervisor->units[unit] =
        (struct corps__unit){.state = CORPS__UNIT_RUNNING, .incarnation = incarnation, .since_ns = now_ns};
}

void corps__supervisor_leave(struct corps__supervisor *supervisor, uint32_t unit) {
    supervisor->units[unit].state = CORPS__UNIT_GONE;
    supervisor->units[unit].told = true;
}

/* ---- failures ---- */

static void note_failure(struct corps__supervisor *supervisor, uint32_t unit, const char *how, int64_t now_ns) {
    if (supervisor->gave_up) {
        supervisor->gave_up = false;
        supervisor->failure_count = 0;
    }
    uint32_t ring = supervisor->policy.intensity + 1;
    struct corps__care_failure *failure = &supervisor->failures[supervisor->failure_next];
    *failure =
        (struct corps__care_failure){.at_ns = now_ns, .unit = unit, .incarnation = supervisor->units[unit].incarnation};
    snprintf(failure->how, sizeof failure->how, "%s", how);
    supervisor->failure_next = (supervisor->failure_next + 1) % ring;
    supervisor->failure_count += supervisor->failure_count < ring ? 1 : 0;
}

/* The `nth` of those noted, from the oldest. */
static const struct corps__care_failure *failure_at(const struct corps__supervisor *supervisor, uint32_t nth) {
    uint32_t ring = supervisor->policy.intensity + 1;
    return &supervisor->failures[(supervisor->failure_next + ring - supervisor->failure_count + nth) % ring];
}

/* The ring holds one more than what is borne: it is too much when all of these are within the period. */
static bool is_too_much(const struct corps__supervisor *supervisor, int64_t now_ns) {
    uint32_t borne = supervisor->policy.intensity;
    if (CORPS__PLANTED(ONE_TOO_FEW)) {
        return supervisor->failure_count >= borne &&
               failure_at(supervisor, supervisor->failure_count - borne)->at_ns > now_ns - supervisor->policy.period_ns;
    }
    return supervisor->failure_count == borne + 1 &&
           failure_at(supervisor, 0)->at_ns > now_ns - supervisor->policy.period_ns;
}

/* The wait before its next start; counts one more in a row. */
static int64_t backoff_of(struct corps__supervisor *supervisor, struct corps__unit *unit, int64_t now_ns) {
    if (unit->state == CORPS__UNIT_RUNNING && now_ns - unit->since_ns > supervisor->policy.period_ns) {
        unit->in_a_row = 0;
    }
    uint32_t doublings = unit->in_a_row++;
    int64_t wait_ns = doublings == 0 ? 0 : supervisor->policy.backoff_ns;
    int64_t max_ns = CORPS__PLANTED(WAITS_TOO_LONG) ? INT64_MAX : supervisor->policy.backoff_max_ns;
    for (uint32_t i = 1; i < doublings && wait_ns > 0 && wait_ns < max_ns; i++) {
        wait_ns = wait_ns > max_ns / 2 ? max_ns : 2 * wait_ns;
    }
    return wait_ns < max_ns ? wait_ns : max_ns;
}

/* Those that share the fate of `unit`: from the result on, or it alone (ONE_FOR_ONE). */
static uint32_t first_of_group(const struct corps__supervisor *supervisor, uint32_t unit) {
    return supervisor->policy.strategy == CORPS_ONE_FOR_ALL ? 0 : unit;
}

/* Where a group is being started, those before `first` run already, and stay. */
static void begin_group(struct corps__supervisor *supervisor, uint32_t first, int64_t due_ns) {
    supervisor->step = CORPS__GROUP_STOPS;
    supervisor->group = first;
    supervisor->group_due_ns = due_ns;
}

static void give_up(struct corps__supervisor *supervisor, uint32_t unit) {
    supervisor->gave_up = true;
    supervisor->give_up_due = true;
    supervisor->give_up_unit = unit;
    supervisor->units[unit].lost = true;
    if (supervisor->policy.strategy != CORPS_ONE_FOR_ONE) {
        uint32_t first = first_of_group(supervisor, unit);
        for (uint32_t i = first; i < supervisor->count; i++) {
            supervisor->units[i].lost = true;
        }
        begin_group(supervisor, first, 0);
    }
}

/* What counts of a failure is noted. Is it too much? */
static bool count_failure(struct corps__supervisor *supervisor, uint32_t unit, const char *how, int64_t now_ns) {
    note_failure(supervisor, unit, how, now_ns);
    if (CORPS__PLANTED(COUNTED_TWICE)) {
        note_failure(supervisor, unit, how, now_ns);
    }
    return is_too_much(supervisor, now_ns);
}

/* It has failed, or was displaced, and is to come back. */
static void restart(struct corps__supervisor *supervisor, uint32_t unit, bool counts, const char *how, int64_t now_ns) {
    struct corps__unit *failed = &supervisor->units[unit];
    int64_t due_ns = after(now_ns, backoff_of(supervisor, failed, now_ns));
    if (counts && count_failure(supervisor, unit, how, now_ns)) {
        give_up(supervisor, unit);
    } else if (supervisor->policy.strategy == CORPS_ONE_FOR_ONE) {
        failed->due_ns = due_ns;
    } else {
        begin_group(supervisor, first_of_group(supervisor, unit), due_ns);
    }
}

/* ---- events ---- */

static struct corps__unit *present(struct corps__supervisor *supervisor, uint32_t unit, uint32_t incarnation) {
    struct corps__unit *found = unit < supervisor->count ? &supervisor->units[unit] : NULL;
    return found != NULL && (found->incarnation == incarnation || CORPS__PLANTED(LATE_DEATH)) ? found : NULL;
}

void corps__supervise_started(struct corps__supervisor *supervisor, uint32_t number, uint32_t incarnation,
                              int64_t now_ns) {
    struct corps__unit *unit = present(supervisor, number, incarnation);
    if (unit != NULL && unit->state == CORPS__UNIT_STARTING && !unit->killed) {
        unit->state = CORPS__UNIT_RUNNING;
        unit->since_ns = now_ns;
    }
}

/* Does the policy want an end of this kind to be followed by a start? One that was asked for is followed by what the
 * group does. */
static bool is_to_come_back(const struct corps__supervisor *supervisor, const struct corps__unit *unit, bool in_order) {
    if (unit->lost || supervisor->policy.restart == CORPS_RESTART_NEVER) {
        return false;
    }
    bool failed = !in_order || unit->state == CORPS__UNIT_STARTING;
    return failed || unit->state == CORPS__UNIT_STOPPING || supervisor->policy.restart == CORPS_RESTART_ALWAYS ||
           CORPS__PLANTED(ENDS_IN_ORDER_FAIL);
}

static void end(struct corps__supervisor *supervisor, uint32_t number, uint32_t incarnation, bool in_order, bool counts,
                const char *how, int64_t now_ns) {
    struct corps__unit *unit = present(supervisor, number, incarnation);
    if (unit == NULL || unit->state == CORPS__UNIT_DOWN || unit->state == CORPS__UNIT_GONE) {
        return;
    }
    bool over = supervisor->halted || supervisor->stopped;
    if (over || !is_to_come_back(supervisor, unit, in_order)) {
        unit->state = CORPS__UNIT_GONE;
        return;
    }
    /* What ends while its group is being stopped was to end; it need not be counted. */
    bool is_stopping = supervisor->step == CORPS__GROUP_STOPS && number >= supervisor->group;
    if (unit->state != CORPS__UNIT_STOPPING && !is_stopping) {
        bool late = unit->state == CORPS__UNIT_STARTING && unit->killed;
        restart(supervisor, number, counts || CORPS__PLANTED(BLAMES_DISPLACED), late ? "did not start in time" : how,
                now_ns);
    }
    unit->state = unit->lost ? CORPS__UNIT_GONE : CORPS__UNIT_DOWN;
}

void corps__supervise_ended(struct corps__supervisor *supervisor, uint32_t unit, uint32_t incarnation, bool in_order,
                            const char *how, int64_t now_ns) {
    end(supervisor, unit, incarnation, in_order, true, how, now_ns);
}

void corps__supervise_displaced(struct corps__supervisor *supervisor, uint32_t unit, uint32_t incarnation,
                                const char *how, int64_t now_ns) {
    end(supervisor, unit, incarnation, false, false, how, now_ns);
}

enum corps__unit_state corps__supervise_dismiss(struct corps__supervisor *supervisor, uint32_t number) {
    struct corps__unit *unit = &supervisor->units[number];
    enum corps__unit_state before = unit->state;
    if (before == CORPS__UNIT_STARTING) {
        unit->lost = true;
    } else {
        unit->state = CORPS__UNIT_GONE;
        unit->told = true;
    }
    return before;
}

void corps__supervise_stop(struct corps__supervisor *supervisor) {
    supervisor->stopped = true;
}

void corps__supervise_halt(struct corps__supervisor *supervisor) {
    supervisor->halted = true;
}

/* ---- actions ---- */

static bool is_alive(const struct corps__unit *unit) {
    return unit->state == CORPS__UNIT_STARTING || unit->state == CORPS__UNIT_RUNNING ||
           unit->state == CORPS__UNIT_STOPPING;
}

static bool act(struct corps__care_action *action, enum corps__care_do what, const struct corps__supervisor *supervisor,
                uint32_t unit) {
    *action =
        (struct corps__care_action){what, unit, unit < supervisor->count ? supervisor->units[unit].incarnation : 0};
    return true;
}

static bool tell(struct corps__supervisor *supervisor, struct corps__care_action *action) {
    if (supervisor->give_up_due) {
        supervisor->give_up_due = false;
        return act(action, CORPS__CARE_GIVE_UP, supervisor, supervisor->give_up_unit);
    }
    for (uint32_t i = 0; i < supervisor->count; i++) {
        struct corps__unit *unit = &supervisor->units[i];
        if (unit->state == CORPS__UNIT_DOWN &&
            (unit->lost || (supervisor->stopped && !CORPS__PLANTED(STARTS_WHILE_STOPPING)))) {
            unit->state = CORPS__UNIT_GONE;
        }
        if (unit->state == CORPS__UNIT_GONE && !unit->told) {
            unit->told = true;
            return act(action, CORPS__CARE_GONE, supervisor, i);
        }
    }
    return false;
}

/* What takes too long to start or to stop. */
static bool kill_late(struct corps__supervisor *supervisor, int64_t now_ns, struct corps__care_action *action) {
    for (uint32_t i = 0; i < supervisor->count; i++) {
        struct corps__unit *unit = &supervisor->units[i];
        bool has_limit = unit->state == CORPS__UNIT_STARTING || unit->state == CORPS__UNIT_STOPPING;
        if (has_limit && !unit->killed && unit->due_ns <= now_ns) {
            unit->killed = true;
            return act(action, CORPS__CARE_KILL, supervisor, i);
        }
    }
    return false;
}

/* The latest of those that are to end now and have not; false: there is none. */
static bool latest_to_end(const struct corps__supervisor *supervisor, uint32_t *latest) {
    bool group_stops = supervisor->step == CORPS__GROUP_STOPS;
    uint32_t first = supervisor->stopped ? 0 : group_stops ? supervisor->group : supervisor->count;
    for (uint32_t i = supervisor->count; i > first; i--) {
        uint32_t at = CORPS__PLANTED(EARLIEST_FIRST) ? first + supervisor->count - i : i - 1;
        if (is_alive(&supervisor->units[at])) {
            *latest = at;
            return true;
        }
    }
    return false;
}

/* One after the other: false while one is on its way. */
static bool stop(struct corps__supervisor *supervisor, uint32_t number, int64_t now_ns,
                 struct corps__care_action *action) {
    struct corps__unit *unit = &supervisor->units[number];
    if (unit->state == CORPS__UNIT_STOPPING || unit->killed) {
        return false;
    }
    unit->state = CORPS__UNIT_STOPPING;
    unit->due_ns = after(now_ns, supervisor->policy.shutdown_ns);
    return act(action, CORPS__CARE_STOP, supervisor, number);
}

static bool start(struct corps__supervisor *supervisor, uint32_t number, int64_t now_ns,
                  struct corps__care_action *action) {
    struct corps__unit *unit = &supervisor->units[number];
    unit->state = CORPS__UNIT_STARTING;
    unit->incarnation++;
    unit->killed = false;
    unit->due_ns = after(now_ns, supervisor->policy.start_ns);
    return act(action, CORPS__CARE_START, supervisor, number);
}

/* The next of a group, when all before it run. */
static bool start_in_order(struct corps__supervisor *supervisor, int64_t now_ns, struct corps__care_action *action) {
    for (uint32_t i = supervisor->group; i < supervisor->count; i++) {
        if (supervisor->units[i].state == CORPS__UNIT_DOWN) {
            return start(supervisor, i, now_ns, action);
        }
        if (is_alive(&supervisor->units[i]) && supervisor->units[i].state != CORPS__UNIT_RUNNING) {
            return false;
        }
    }
    supervisor->step = CORPS__NO_GROUP;
    return false;
}

static bool start_each(struct corps__supervisor *supervisor, int64_t now_ns, struct corps__care_action *action) {
    for (uint32_t i = 0; i < supervisor->count; i++) {
        if (supervisor->units[i].state == CORPS__UNIT_DOWN && supervisor->units[i].due_ns <= now_ns) {
            return start(supervisor, i, now_ns, action);
        }
    }
    return false;
}

static bool start_next(struct corps__supervisor *supervisor, int64_t now_ns, struct corps__care_action *action) {
    if (supervisor->policy.strategy == CORPS_ONE_FOR_ONE) {
        return start_each(supervisor, now_ns, action);
    }
    if (supervisor->step == CORPS__GROUP_STOPS && supervisor->group_due_ns <= now_ns) {
        supervisor->step = CORPS__GROUP_STARTS;
    }
    return supervisor->step == CORPS__GROUP_STARTS && start_in_order(supervisor, now_ns, action);
}

bool corps__supervise(struct corps__supervisor *supervisor, int64_t now_ns, struct corps__care_action *action) {
    if (supervisor->halted) {
        return false;
    }
    if (tell(supervisor, action) || kill_late(supervisor, now_ns, action)) {
        return true;
    }
    uint32_t latest;
    if (latest_to_end(supervisor, &latest)) {
        return stop(supervisor, latest, now_ns, action);
    }
    if (!supervisor->stopped || CORPS__PLANTED(STARTS_WHILE_STOPPING)) {
        return start_next(supervisor, now_ns, action);
    }
    bool is_news = !supervisor->stopped_told;
    supervisor->stopped_told = true;
    return is_news && act(action, CORPS__CARE_STOPPED, supervisor, supervisor->count);
}

/* When something is to be done about this unit; INT64_MAX: nothing by the clock. */
static int64_t unit_due(const struct corps__supervisor *supervisor, const struct corps__unit *unit) {
    bool is_single = supervisor->policy.strategy == CORPS_ONE_FOR_ONE && !supervisor->stopped;
    switch (unit->state) {
    case CORPS__UNIT_DOWN:
        return is_single ? unit->due_ns : INT64_MAX;
    case CORPS__UNIT_STARTING:
    case CORPS__UNIT_STOPPING:
        return unit->killed ? INT64_MAX : unit->due_ns;
    case CORPS__UNIT_RUNNING:
    case CORPS__UNIT_GONE:
        return INT64_MAX;
    }
    return INT64_MAX;
}

int64_t corps__supervise_due(const struct corps__supervisor *supervisor) {
    if (supervisor->halted) {
        return INT64_MAX;
    }
    uint32_t latest;
    bool waits = supervisor->step == CORPS__GROUP_STOPS && !latest_to_end(supervisor, &latest);
    int64_t due_ns = waits && !supervisor->stopped ? supervisor->group_due_ns : INT64_MAX;
    for (uint32_t i = 0; i < supervisor->count; i++) {
        int64_t its_ns = unit_due(supervisor, &supervisor->units[i]);
        due_ns = its_ns < due_ns ? its_ns : due_ns;
    }
    return due_ns;
}

/* ---- texts ---- */

size_t corps__supervise_history(const struct corps__supervisor *supervisor, char *out, size_t bytes) {
    int64_t period_ms = supervisor->policy.period_ns / 1000000;
    int used = snprintf(out, bytes, "%u failures within %lld.%03d s", supervisor->failure_count,
                        (long long)(period_ms / 1000), (int)(period_ms % 1000));
    size_t length = used > 0 ? (size_t)used : 0;
    for (uint32_t i = 0; i < supervisor->failure_count; i++) {
        uint32_t nth = CORPS__PLANTED(LAST_ERROR_FIRST) ? supervisor->failure_count - 1 - i : i;
        const struct corps__care_failure *failure = failure_at(supervisor, nth);
        int64_t later_ms = i > 0 ? (failure->at_ns - failure_at(supervisor, nth - 1)->at_ns) / 1000000 : 0;
        char *at = length < bytes ? out + length : NULL;
        size_t left = length < bytes ? bytes - length : 0;
        used = i == 0 ? snprintf(at, left, ": %s", failure->how)
                      : snprintf(at, left, "; %lld.%03d s later: %s", (long long)(later_ms / 1000),
                                 (int)(later_ms % 1000), failure->how);
        length += used > 0 ? (size_t)used : 0;
    }
    return length;
}
