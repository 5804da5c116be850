#include "care/seats_own.h"

#include "actor/probe.h"
#include "base/clock.h"
#include "care/pool.h"
#include "codec/record.h"
#include "process/members.h"

#include <stdlib.h>

/* What probes find at the members of a pool, and what is decided from that. */

static bool is_probed(const struct corps__seats *seats, uint32_t place, unsigned env) {
    enum corps__member_state state = seats->members[place].state;
    return seats->seats[place].env == env && seats->seats[place].conc != 0 && state != CORPS__MEMBER_GONE &&
           state != CORPS__MEMBER_STARTING && state != CORPS__MEMBER_ENDING;
}

/* An answer was given after it was asked for and before now: which of both is meant, is what does no harm. */
static void see(struct corps__seats *seats, uint32_t place, const struct corps_value *seen, int64_t asked_ns) {
    int64_t wait_ns = corps__record_int(seen, CORPS__SEEN_WAIT_NS, 0);
    int64_t age_ns = corps__record_int(seen, CORPS__SEEN_AGE_NS, -1);
    const struct corps_value *idle = corps_value_item(seen, CORPS__SEEN_IDLE);
    switch (corps__record_int(seen, CORPS__SEEN_IS, CORPS__PROBE_ALIVE)) {
    case CORPS__PROBE_ENDED:
        corps__seats_lose(seats, place, "it has ended");
        return;
    case CORPS__PROBE_RESTARTS: /* calls wait for it, which is no work */
        corps__scale_waits(&seats->scale, place, 0, 0);
        return;
    default:
        break;
    }
    corps__scale_waits(&seats->scale, place, wait_ns, age_ns >= 0 ? corps__now_ns() - age_ns : 0);
    bool has_moved =
        seats->seats[place].moved_ns > 0 && age_ns >= 0 && asked_ns - age_ns > seats->seats[place].moved_ns;
    if (has_moved && idle != NULL && idle->kind == CORPS_BOOL && idle->boolean) {
        corps__scale_emptied(&seats->scale, place);
    }
}

/* The member with this number; those of one answer come in the order of their places. */
static bool find_probed(const struct corps__seats *seats, unsigned env, int64_t number, uint32_t *place) {
    for (uint32_t i = 0; i < seats->scale.places; i++) {
        uint32_t at = (*place + i) % seats->scale.places;
        if (seats->seats[at].conc == number && is_probed(seats, at, env)) {
            *place = at;
            return true;
        }
    }
    return false;
}

/* Its Env cannot be asked, or is started again: calls wait for it, and what was seen is of the past. */
static void forget_waits(struct corps__seats *seats, unsigned env) {
    for (uint32_t i = 0; i < seats->scale.places; i++) {
        if (is_probed(seats, i, env)) {
            corps__scale_waits(&seats->scale, i, 0, 0);
        }
    }
}

static void take_probes(struct corps__seats *seats, unsigned env) {
    struct corps__seat_env *known = &seats->envs[env];
    const struct corps_value *rows = NULL;
    enum corps_err err = corps_future_wait(known->probes, 0, &rows);
    uint32_t place = 0;
    for (size_t i = 0; err == CORPS_OK && rows->kind == CORPS_ARRAY && i < rows->count; i++) {
        const struct corps_value *seen = corps_value_item(rows, i);
        if (find_probed(seats, env, corps__record_int(seen, CORPS__SEEN_CONC, 0), &place)) {
            see(seats, place, seen, known->asked_ns);
        }
    }
    if (err != CORPS_OK) {
        known->is_greeted = false;
        forget_waits(seats, env);
    }
    corps_future_destroy(known->probes);
    known->probes = NULL;
}

/* A manager that does not answer has members that do not work, or work so hard that it cannot. */
static void wait_for_probes(struct corps__seats *seats, unsigned env, int64_t now_ns) {
    for (uint32_t i = 0; i < seats->scale.places; i++) {
        if (is_probed(seats, i, env)) {
            corps__scale_waits(&seats->scale, i, now_ns - seats->envs[env].asked_ns, seats->envs[env].asked_ns);
        }
    }
}

void corps__seats_probe(struct corps__seats *seats, unsigned env) {
    if (seats->envs[env].probes != NULL) {
        return;
    }
    struct corps_value numbers[CORPS__PROBED_MAX];
    size_t count = 0;
    for (uint32_t i = 0; i < seats->scale.places && count < CORPS__PROBED_MAX; i++) {
        if (is_probed(seats, i, env)) {
            numbers[count++] = corps_int(seats->seats[i].conc);
        }
    }
    struct corps_value args = corps_array(numbers, count);
    struct corps__seat_env *known = &seats->envs[env];
    known->asked_ns = corps__now_ns();
    if (count > 0 && corps__seats_can_ask(seats, env) &&
        corps__seats_ask(seats, env, "probe", &args, 0, &known->probes) == CORPS_OK) {
        corps_future_on_ready(known->probes, corps__seats_on_ready, seats->pool);
    } else if (count > 0) {
        forget_waits(seats, env);
    }
}

static void lose_all_in(struct corps__seats *seats, unsigned env) {
    for (uint32_t i = 0; i < seats->scale.places; i++) {
        bool is_there = seats->members[i].state != CORPS__MEMBER_GONE && seats->seats[i].env == env;
        bool begins = seats->seats[i].asked == CORPS__ASKED_ENV || seats->seats[i].asked == CORPS__ASKED_CREATE;
        if (is_there && !begins) { /* whose answer says it */
            corps__seats_lose(seats, i, corps__seats_row(env)->lost_text);
        }
    }
}

static bool have_answered(const struct corps__seats *seats) {
    for (unsigned i = 0; i < seats->env_count; i++) {
        if (seats->envs[i].probes != NULL && !corps_future_ready(seats->envs[i].probes)) {
            return false;
        }
    }
    return true;
}

/* Its Env is being taken from the Corps. */
static void leave_with_env(struct corps__seats *seats, unsigned env) {
    for (uint32_t i = 0; i < seats->scale.places; i++) {
        if (seats->seats[i].env == env && corps__scale_take_out(&seats->scale, i, corps__now_ns())) {
            seats->version++;
        }
    }
}

static void take_all_probes(struct corps__seats *seats) {
    int64_t now_ns = corps__now_ns();
    for (unsigned env = 0; env < seats->env_count; env++) {
        struct corps__seat_env *known = &seats->envs[env];
        if (atomic_load(&corps__seats_row(env)->leaving)) {
            leave_with_env(seats, env);
        }
        if (atomic_load(&corps__seats_row(env)->lost)) {
            corps_future_destroy(known->probes);
            known->probes = NULL;
            lose_all_in(seats, env);
        } else if (known->probes != NULL && corps_future_ready(known->probes)) {
            take_probes(seats, env);
        } else if (known->probes != NULL) {
            wait_for_probes(seats, env, now_ns);
        }
    }
}

/* ---- steps ---- */

/* One in every Env that is there. */
static void follow_envs(struct corps__seats *seats) {
    uint32_t there = 0;
    for (unsigned i = 0; i < seats->env_count; i++) {
        there += atomic_load(&corps__seats_row(i)->lost) ? 0 : 1;
    }
    corps__scale_bounds(&seats->scale, there, there);
}

static void decide(struct corps__seats *seats, uint32_t callers) {
    seats->step_is_due = false;
    take_all_probes(seats);
    if (corps__seats_are_nearest(seats) && !seats->scale.closing) {
        follow_envs(seats);
    }
    uint32_t before = seats->scale.wanted;
    corps__scale_callers(&seats->scale, callers, corps__now_ns());
    corps__scale_step(&seats->scale, corps__now_ns());
    uint32_t after = seats->scale.wanted;
    if (after != before) {
        corps__seats_say(seats, CORPS_LOG_INFO, after > before ? "pool_grown" : "pool_shrunk",
                         "%s from %u to %u members, the longest wait is %lld.%03d ms",
                         after > before ? "grows" : "shrinks", before, after,
                         (long long)(corps__scale_wait_ns(&seats->scale) / 1000000),
                         (int)(corps__scale_wait_ns(&seats->scale) / 1000 % 1000));
    }
}

void corps__seats_step(struct corps__seats *seats, uint32_t callers) {
    if (corps__seats_know_envs(seats) != CORPS_OK) {
        return; /* it is tried again in the next step */
    }
    if (seats->step_is_due) { /* some have not answered the last one */
        decide(seats, callers);
    }
    for (unsigned i = 0; i < seats->env_count; i++) {
        corps__seats_probe(seats, i);
    }
    seats->step_is_due = true;
    corps__seats_settle(seats, callers);
}

void corps__seats_settle(struct corps__seats *seats, uint32_t callers) {
    if (seats->step_is_due && have_answered(seats)) {
        decide(seats, callers);
    }
}
