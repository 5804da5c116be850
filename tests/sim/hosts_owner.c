/* sim-hosts: the owner of a Corps. What is started again is decided by care/supervise.h, where by hosts/fleet_plan.h.
 */
#include "hosts.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static uint64_t incarnation_of(const struct owner *owner, uint32_t incarnation) {
    return (uint64_t)owner->life << 32 | incarnation;
}

static struct corps__unit *unit_of(struct owner *owner, uint32_t env, uint64_t incarnation) {
    bool is_present = incarnation == incarnation_of(owner, owner->units[env].incarnation);
    return is_present ? &owner->units[env] : NULL;
}

static void tell(struct world *world, uint32_t corps, enum message_kind kind, uint32_t host, uint32_t env,
                 uint64_t incarnation) {
    net_send(world,
             &(struct message){.kind = kind,
                               .corps = corps,
                               .host = host,
                               .env = env,
                               .session = world->owners[corps].sessions[host],
                               .incarnation = incarnation},
             0);
}

/* ---- oracles of placing ---- */

static uint32_t used_on(const struct owner *owner, uint32_t host) {
    uint32_t used = 0;
    for (uint32_t i = 0; i < owner->env_count; i++) {
        used += owner->placed[i] == host ? 1 : 0;
    }
    return used;
}

static bool fits(const struct owner *owner, uint32_t host, const char *where) {
    const struct corps__plan_host *row = &owner->plan_hosts[host];
    return where[0] == '\0' || strcmp(where, row->name) == 0 || (where[0] == 'l' && strcmp(where, row->labels) == 0);
}

/* The owner knows of no failure of that host. */
static bool is_good(const struct owner *owner, uint32_t host) {
    const struct corps__plan_host *row = &owner->plan_hosts[host];
    return row->state == CORPS__HOST_UP || (row->in_a_row == 0 && row->state != CORPS__HOST_LEAVING);
}

static void judge_place(struct world *world, uint32_t corps, uint32_t env, uint32_t host) {
    struct owner *owner = &world->owners[corps];
    owner->placed[env] = NOBODY;
    if (used_on(owner, host) >= owner->plan_hosts[host].slots || !fits(owner, host, owner->where[env])) {
        sim_fault(world->sim, "Corps %u: Env %u ('%s') is placed on host %u, which has no room or does not fit", corps,
                  env, owner->where[env], host);
    }
    for (uint32_t i = 0; i < world->host_count && !is_good(owner, host); i++) {
        bool has_room = used_on(owner, i) < owner->plan_hosts[i].slots;
        if (is_good(owner, i) && has_room && fits(owner, i, owner->where[env])) {
            sim_fault(world->sim, "Corps %u: Env %u is placed on host %u, which has failed, though host %u has room",
                      corps, env, host, i);
        }
    }
    owner->placed[env] = host;
}

static void judge_limit(struct world *world, uint32_t corps, uint32_t env) {
    struct owner *owner = &world->owners[corps];
    for (uint32_t i = 0; i < world->host_count; i++) {
        if (fits(owner, i, owner->where[env]) && used_on(owner, i) < owner->plan_hosts[i].slots) {
            sim_fault(world->sim, "Corps %u: no host for Env %u ('%s'), though host %u has room", corps, env,
                      owner->where[env], i);
            return;
        }
    }
}

/* ---- doing what is decided ---- */

/* `displaced`: its host's fault. */
static void ended(struct world *world, uint32_t corps, uint32_t env, uint64_t incarnation, bool displaced,
                  const char *how) {
    struct owner *owner = &world->owners[corps];
    if (unit_of(owner, env, incarnation) != NULL) {
        owner->placed[env] = NOBODY;
        sim_note(world->sim, "Corps %u: %u.%" PRIx64 " is over%s: %s", corps, env, incarnation,
                 displaced ? ", displaced" : "", how);
        int64_t now_ns = host_clock(world, owner->host);
        if (displaced) {
            corps__supervise_displaced(&owner->supervisor, env, (uint32_t)incarnation, how, now_ns);
        } else {
            corps__supervise_ended(&owner->supervisor, env, (uint32_t)incarnation, false, how, now_ns);
        }
    }
}

static void start(struct world *world, uint32_t corps, uint32_t env, uint32_t number) {
    struct owner *owner = &world->owners[corps];
    uint64_t incarnation = incarnation_of(owner, number);
    uint32_t host;
    enum corps_err err = corps__plan_place(&owner->plan, env, owner->where[env], &host);
    if (err != CORPS_OK) {
        if (err == CORPS_ERR_LIMIT) {
            judge_limit(world, corps, env);
        }
        ended(world, corps, env, incarnation, true, corps_error_detail());
        return;
    }
    judge_place(world, corps, env, host - 1);
    corps__plan_start(&owner->plan, env, incarnation);
    sim_note(world->sim, "Corps %u: %u.%" PRIx64 " on host %u", corps, env, incarnation, host - 1);
    if (host - 1 == owner->host) {
        (void)process_begin(
            world, &(struct process){
                       .corps = corps, .env = env, .host = host - 1, .incarnation = incarnation, .is_local = true});
    }
}

static void kill_local(struct world *world, uint32_t corps, uint32_t env, bool all, int64_t longest_ns) {
    for (uint32_t i = 0; i < world->process_count; i++) {
        const struct process *process = &world->processes[i];
        if (process->is_alive && process->is_local && process->corps == corps && (all || process->env == env)) {
            process_kill(world, i, longest_ns);
        }
    }
}

static void act(struct world *world, uint32_t corps, const struct corps__plan_action *action) {
    struct owner *owner = &world->owners[corps];
    uint32_t host = action->host - 1;
    switch (action->what) {
    case CORPS__PLAN_OPEN:
        owner->sessions[host] = net_session(world);
        sim_note(world->sim, "Corps %u: channel %u to host %u", corps, owner->sessions[host], host);
        tell(world, corps, OPEN, host, 0, 0);
        break;
    case CORPS__PLAN_CLOSE:
        sim_note(world->sim, "Corps %u: host %u is given up", corps, host);
        tell(world, corps, CLOSE, host, 0, 0);
        break;
    case CORPS__PLAN_ORDER:
        tell(world, corps, ORDER, host, action->env, action->incarnation);
        break;
    case CORPS__PLAN_KILL:
        tell(world, corps, KILL, host, action->env, action->incarnation);
        break;
    case CORPS__PLAN_LOST:
        ended(world, corps, action->env, action->incarnation, true, corps__plan_why_text(action->why));
        break;
    }
}

static bool step(struct world *world, uint32_t corps) {
    struct owner *owner = &world->owners[corps];
    int64_t now_ns = host_clock(world, owner->host);
    struct corps__care_action care;
    struct corps__plan_action plan;
    if (corps__supervise(&owner->supervisor, now_ns, &care)) {
        if (care.what == CORPS__CARE_START) {
            start(world, corps, care.unit, care.incarnation);
        } else if (care.what == CORPS__CARE_KILL && owner->placed[care.unit] == owner->host) {
            kill_local(world, corps, care.unit, false, 5 * SIM_MS);
        } else if (care.what == CORPS__CARE_KILL) {
            corps__plan_kill(&owner->plan, care.unit, incarnation_of(owner, care.incarnation));
        }
        return true;
    }
    if (corps__plan_next(&owner->plan, now_ns, &plan)) {
        act(world, corps, &plan);
        return true;
    }
    return false;
}

void owner_pump(struct world *world, uint32_t corps) {
    struct owner *owner = &world->owners[corps];
    struct sim *sim = world->sim;
    while (owner->is_alive && owner->stopped_ns <= sim->now_ns && sim->fault[0] == '\0' && step(world, corps)) {
    }
    if (!owner->is_alive) {
        return;
    }
    int64_t care_ns = corps__supervise_due(&owner->supervisor);
    int64_t plan_ns = corps__plan_due(&owner->plan);
    int64_t due_ns = care_ns < plan_ns ? care_ns : plan_ns;
    int64_t at_ns = due_ns == INT64_MAX ? INT64_MAX : sim->now_ns + until_clock(world, owner->host, due_ns);
    at_ns = owner->stopped_ns > sim->now_ns ? owner->stopped_ns : at_ns;
    if (at_ns < owner->timer_ns || owner->timer_ns <= sim->now_ns) {
        owner->timer_ns = at_ns;
        if (at_ns != INT64_MAX) {
            sim_later(sim, at_ns - sim->now_ns, EVENT_OWNER, corps, 0, 0);
        }
    }
}

/* ---- what it is told ---- */

void owner_take(struct world *world, const struct message *message) {
    struct owner *owner = &world->owners[message->corps];
    int64_t now_ns = host_clock(world, owner->host);
    if (!owner->is_alive || owner->sessions[message->host] != message->session) {
        return;
    }
    if (message->kind == ALIVE) {
        if (corps__plan_heard(&owner->plan, message->host + 1, now_ns)) {
            struct message grant = *message;
            grant.kind = GRANT;
            grant.length_ns = corps__grant_length(INT64_MAX, now_ns);
            net_send(world, &grant, 0);
        }
    } else if (message->kind == GONE) {
        corps__plan_gone(&owner->plan, message->host + 1, now_ns);
    } else if (message->kind == BEGUN) {
        owner_local(world, message->corps, message->env, message->incarnation, false);
        return;
    } else if (corps__plan_ended(&owner->plan, message->env, message->incarnation)) {
        ended(world, message->corps, message->env, message->incarnation, message->kind == REFUSED || message->displaced,
              message->kind == REFUSED ? "its agent refuses it" : "its agent says that it has ended");
    }
    owner_pump(world, message->corps);
}

void owner_local(struct world *world, uint32_t corps, uint32_t env, uint64_t incarnation, bool has_ended) {
    struct owner *owner = &world->owners[corps];
    if (!owner->is_alive || incarnation >> 32 != owner->life) {
        return;
    }
    if (!has_ended) {
        corps__plan_begun(&owner->plan, env, incarnation);
        corps__supervise_started(&owner->supervisor, env, (uint32_t)incarnation, host_clock(world, owner->host));
    } else if (corps__plan_ended(&owner->plan, env, incarnation)) {
        ended(world, corps, env, incarnation, false, "its process has ended");
    }
    owner_pump(world, corps);
}

/* ---- its own life ---- */

void owner_begin(struct world *world, uint32_t corps) {
    struct owner *owner = &world->owners[corps];
    int64_t now_ns = host_clock(world, owner->host);
    struct corps__policy policy = {.restart = CORPS_RESTART_ALWAYS,
                                   .strategy = CORPS_ONE_FOR_ONE,
                                   .intensity = INTENSITY,
                                   .period_ns = 100 * SIM_MS,
                                   .backoff_ns = 50 * SIM_MS,
                                   .backoff_max_ns = SIM_S,
                                   .start_ns = 8 * SIM_S,
                                   .shutdown_ns = INT64_MAX};
    owner->life++;
    owner->is_alive = true;
    owner->timer_ns = INT64_MAX;
    memset(owner->plan_envs, 0, sizeof owner->plan_envs);
    for (uint32_t i = 0; i < world->host_count; i++) {
        struct corps__plan_host *row = &owner->plan_hosts[i];
        *row = (struct corps__plan_host){
            .number = row->number, .slots = row->slots, .name = row->name, .labels = row->labels};
        owner->sessions[i] = 0;
    }
    for (uint32_t i = 0; i < owner->env_count; i++) {
        owner->placed[i] = NOBODY;
    }
    sim_note(world->sim, "Corps %u: life %u", corps, owner->life);
    if (corps__plan_init(&owner->plan, owner->plan_hosts, world->host_count, owner->host + 1, owner->plan_envs,
                         owner->env_count) != CORPS_OK) {
        sim_fault(world->sim, "%s", corps_error_detail());
    }
    corps__supervisor_init(&owner->supervisor, &policy, owner->units, owner->env_count, owner->failures, now_ns);
    owner_pump(world, corps);
}

/* Its own host's Envs see the end of their control channels; its successor begins when nothing of it can act. */
void owner_ends(struct world *world, uint32_t corps, bool for_good) {
    struct owner *owner = &world->owners[corps];
    if (!owner->is_alive) {
        owner->ended_for_good = owner->ended_for_good || for_good;
        return;
    }
    owner->is_alive = false;
    owner->ended_for_good = for_good;
    owner->ended_ns = world->sim->now_ns;
    sim_note(world->sim, "Corps %u: its owner has ended", corps);
    kill_local(world, corps, 0, true, world->hosts[owner->host].is_down ? 1 : 2 * SIM_S);
    int64_t now_ns = host_clock(world, owner->host);
    sim_later(world->sim, until_clock(world, owner->host, corps__grant_successor(now_ns)), EVENT_SUCCESSOR, corps, 0,
              0);
}
