/* Several hosts: `sim-hosts`. Corps order Envs on hosts whose clocks drift, whose agents and owners are stopped and
 * die, over a net that is cut in one direction or both. No life of an Env may act after a later one has, none may act
 * on after its owner, and after the last fault all must soon be as it should. */
#include "hosts.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FAULTS_NS (25 * SIM_S) /* they begin before */
#define BOUND_NS (45 * SIM_S)  /* after the last one: silence, the longest wait for a channel, starts that fail */

enum fault {
    CUT, /* nothing comes in or out */
    CUT_IN,
    CUT_OUT,
    STOP_AGENT, /* SIGSTOP, and on */
    STOP_OWNER,
    STOP_ENVS, /* those of a host */
    STOP_HOST, /* everything there */
    KILL_ENV,
    KILL_AGENT,
    KILL_OWNER,
    LOSE_HOST, /* for a while … */
    LOSE_FOR_GOOD,
    ASK_FOR_END, /* the owner has an Env killed that ends just then */
    HOLD_GRANT,  /* nothing comes out, and what is on its way in comes late, when it may just be of use */
    FAULTS,
};

/* ---- faults ---- */

static int64_t later_of(int64_t a, int64_t b) {
    return a > b ? a : b;
}

static void stop_envs(struct world *world, uint32_t host, int64_t until_ns) {
    for (uint32_t i = 0; i < world->process_count; i++) {
        if (world->processes[i].is_alive && world->processes[i].host == host) {
            world->processes[i].stopped_ns = until_ns;
        }
    }
}

static void stop_owners(struct world *world, uint32_t host, int64_t until_ns) {
    for (uint32_t i = 0; i < world->corps_count; i++) {
        if (world->owners[i].host == host) {
            world->owners[i].stopped_ns = later_of(world->owners[i].stopped_ns, until_ns);
            owner_pump(world, i);
        }
    }
}

static void kill_env(struct world *world, uint32_t pick, bool by_owner) {
    for (uint32_t i = 0; i < world->process_count; i++) {
        uint32_t number = (pick + i) % world->process_count;
        const struct process *process = &world->processes[number];
        struct owner *owner = &world->owners[process->corps];
        if (process->is_alive && process->is_booted) {
            if (by_owner && owner->is_alive && !process->is_local) {
                corps__plan_kill(&owner->plan, process->env, process->incarnation);
                owner_pump(world, process->corps);
            }
            process_kill(world, number, 3 * SIM_MS);
            return;
        }
    }
}

static void lose_host(struct world *world, uint32_t number, int64_t back_ns) {
    struct host *host = &world->hosts[number];
    host->is_down = true;
    host->is_down_for_good = host->is_down_for_good || back_ns == 0;
    agent_ends(world, number, host->is_down_for_good ? 0 : back_ns);
    for (uint32_t i = 0; i < world->corps_count; i++) {
        if (world->owners[i].host == number) {
            owner_ends(world, i, true);
        }
    }
}

static bool is_home(const struct world *world, uint32_t host) {
    for (uint32_t i = 0; i < world->corps_count; i++) {
        if (world->owners[i].host == host) {
            return true;
        }
    }
    return false;
}

static void happens(struct world *world, enum fault fault, uint32_t number, int64_t length_ns) {
    static const char *const words[FAULTS] = {
        "cut",          "cut in",        "cut out",          "agent stopped",  "owners stopped",
        "Envs stopped", "all stopped",   "Env killed",       "agent killed",   "owners killed",
        "lost",         "lost for good", "Env asked to end", "a grant held up"};
    struct sim *sim = world->sim;
    struct host *host = &world->hosts[number];
    int64_t until_ns = sim->now_ns + length_ns;
    sim_note(sim, "host %u: %s for %.3f s", number, words[fault], (double)length_ns / 1e9);
    if (fault == CUT || fault == CUT_IN) {
        host->cut_in_ns = later_of(host->cut_in_ns, until_ns);
    }
    if (fault == HOLD_GRANT) {
        host->hold_ns = sim_between(sim, 700 * SIM_MS, 2300 * SIM_MS);
    }
    if (fault == CUT || fault == CUT_OUT) {
        host->cut_out_ns = later_of(host->cut_out_ns, until_ns);
    }
    if (fault == STOP_AGENT || fault == STOP_HOST) {
        host->agent_stopped_ns = later_of(host->agent_stopped_ns, until_ns);
    }
    if (fault == STOP_ENVS || fault == STOP_HOST) {
        stop_envs(world, number, until_ns);
    }
    if (fault == STOP_OWNER || fault == STOP_HOST) {
        stop_owners(world, number, until_ns);
    }
    if ((fault == KILL_ENV || fault == ASK_FOR_END) && world->process_count > 0) {
        kill_env(world, number * 7919 + (uint32_t)length_ns, fault == ASK_FOR_END);
    }
    if (fault == KILL_AGENT) {
        agent_ends(world, number, length_ns / 4);
    }
    for (uint32_t i = 0; fault == KILL_OWNER && i < world->corps_count; i++) {
        if (world->owners[i].host == number) {
            owner_ends(world, i, false);
        }
    }
    if (fault == LOSE_HOST || fault == LOSE_FOR_GOOD) {
        lose_host(world, number, fault == LOSE_HOST ? length_ns : 0);
    }
}

/* Some worlds have many of one kind. The owners' hosts are lost only in some, since that ends everything. */
static void plan_faults(struct world *world) {
    struct sim *sim = world->sim;
    uint32_t count = sim_below(sim, 3) == 0 ? sim_below(sim, 4) : 4 + sim_below(sim, 4 + world->host_count);
    enum fault often = (enum fault)sim_below(sim, FAULTS);
    bool homes_too = sim_chance(sim, 15);
    for (uint32_t i = 0; i < count; i++) {
        enum fault fault = sim_chance(sim, 30) ? often : (enum fault)sim_below(sim, FAULTS);
        uint32_t host = sim_below(sim, world->host_count);
        bool at_home = fault == STOP_OWNER || fault == KILL_OWNER;
        host = at_home ? world->owners[sim_below(sim, world->corps_count)].host : host;
        if ((fault == LOSE_HOST || fault == LOSE_FOR_GOOD) && is_home(world, host) && !homes_too) {
            fault = CUT;
        }
        int64_t at_ns = sim_between(sim, 0, FAULTS_NS);
        int64_t length_ns = sim_between(sim, SIM_MS, sim_chance(sim, 50) ? 10 * SIM_S : 4 * SIM_S);
        world->calm_ns = later_of(world->calm_ns, at_ns + length_ns);
        sim_later(sim, at_ns, EVENT_FAULT, (uint32_t)fault, host, (uint64_t)length_ns);
    }
}

/* ---- what happens ---- */

static void succeed(struct world *world, uint32_t corps) {
    if (!world->owners[corps].ended_for_good && !world->owners[corps].is_alive) {
        owner_begin(world, corps);
    }
}

static void happen(struct world *world, const struct sim_event *event) {
    struct message message;
    switch ((enum event_kind)event->kind) {
    case EVENT_MESSAGE:
        if (net_arrives(world, event->a, &message)) {
            (message.kind <= CLOSE ? agent_take : owner_take)(world, &message);
        }
        break;
    case EVENT_OWNER:
        owner_pump(world, event->a);
        break;
    case EVENT_ASK:
        agent_ask(world, event->a, event->b, (uint32_t)event->c);
        break;
    case EVENT_EXPIRE:
        agent_expire(world, event->a, event->b);
        break;
    case EVENT_BOOTED:
        process_booted(world, event->a);
        break;
    case EVENT_ACT:
        process_acts(world, event->a);
        break;
    case EVENT_DIES:
        process_dies(world, event->a);
        break;
    case EVENT_FAULT:
        happens(world, (enum fault)event->a, event->b, (int64_t)event->c);
        break;
    case EVENT_AGENT:
        if (!world->hosts[event->a].is_down_for_good) {
            agent_begins(world, event->a);
        }
        break;
    case EVENT_SUCCESSOR:
        succeed(world, event->a);
        break;
    }
}

/* ---- is all as it should? ---- */

/* The living processes of an Env, and the host of the last one. */
static uint32_t living(const struct world *world, uint32_t corps, uint32_t env, const struct process **one) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < world->process_count; i++) {
        const struct process *process = &world->processes[i];
        if (process->is_alive && process->corps == corps && process->env == env) {
            *one = process;
            count++;
        }
    }
    return count;
}

/* An Env that may run anywhere runs; one that must be on a certain host may wait for it, or for room. */
static void judge_env(struct world *world, uint32_t corps, uint32_t env) {
    struct owner *owner = &world->owners[corps];
    const struct corps__unit *unit = &owner->units[env];
    const struct process *process = NULL;
    uint32_t count = living(world, corps, env, &process);
    bool runs = unit->state == CORPS__UNIT_RUNNING;
    if (owner->where[env][0] == '\0' && !runs) {
        sim_fault(world->sim, "Corps %u: Env %u does not run (state %d)", corps, env, (int)unit->state);
    } else if (count > 1 || (runs && count == 0)) {
        sim_fault(world->sim, "Corps %u: Env %u has %u processes", corps, env, count);
    } else if (runs && (process->host != owner->placed[env] || (uint32_t)process->incarnation != unit->incarnation)) {
        sim_fault(world->sim, "Corps %u: Env %u runs on host %u as %" PRIx64 ", and the owner knows another", corps,
                  env, process->host, process->incarnation);
    }
    int64_t late_ns = host_clock(world, owner->host) - unit->due_ns;
    if (unit->state == CORPS__UNIT_STARTING && late_ns > 10 * SIM_S) {
        sim_fault(world->sim, "Corps %u: the order of Env %u does not end", corps, env);
    }
}

static void judge_hosts(struct world *world, uint32_t corps) {
    const struct owner *owner = &world->owners[corps];
    for (uint32_t i = 0; i < world->host_count; i++) {
        const struct corps__plan_host *row = &owner->plan_hosts[i];
        uint32_t used = 0;
        for (uint32_t env = 0; env < owner->env_count; env++) {
            used += owner->placed[env] == i ? 1 : 0;
        }
        if (row->used != used) {
            sim_fault(world->sim, "Corps %u: %u slots of host %u are used by %u Envs", corps, row->used, i, used);
        }
        bool is_up = row->state == CORPS__HOST_UP;
        if (row->wanted && world->hosts[i].agent_runs && !is_up) {
            sim_fault(world->sim, "Corps %u: host %u is there again, and nobody looks", corps, i);
        }
    }
}

static void judge(struct world *world) {
    for (uint32_t corps = 0; corps < world->corps_count && world->sim->fault[0] == '\0'; corps++) {
        struct owner *owner = &world->owners[corps];
        const struct process *process = NULL;
        for (uint32_t env = 0; env < owner->env_count; env++) {
            if (owner->is_alive) {
                judge_env(world, corps, env);
            } else if (living(world, corps, env, &process) > 0) {
                sim_fault(world->sim, "Corps %u: Env %u lives on host %u, without an owner", corps, env, process->host);
            }
        }
        if (owner->is_alive) {
            judge_hosts(world, corps);
        } else if (!owner->ended_for_good) {
            sim_fault(world->sim, "Corps %u: was not started anew", corps);
        }
    }
}

/* ---- a world ---- */

/* Few hosts in most, since a fault is then about what there is; hundreds in some, thousands in a few. */
static uint32_t any_size(struct sim *sim) {
    uint32_t kind = sim_below(sim, 1000);
    return kind == 0    ? HOSTS_MAX / 2 + sim_below(sim, HOSTS_MAX / 2 + 1)
           : kind < 15  ? 100 + sim_below(sim, 300)
           : kind < 100 ? 10 + sim_below(sim, 40)
                        : 2 + sim_below(sim, 6);
}

static void make_hosts(struct world *world) {
    struct sim *sim = world->sim;
    world->hosts = calloc(world->host_count, sizeof *world->hosts);
    for (uint32_t i = 0; world->hosts != NULL && i < world->host_count; i++) {
        struct host *host = &world->hosts[i];
        *host = (struct host){.drift_ppm = sim_between(sim, -200, 200),
                              .offset_ns = sim_between(sim, 10 * SIM_S, 100000 * SIM_S),
                              .agent_runs = true};
        (void)snprintf(host->name, sizeof host->name, "h%u", i);
        (void)snprintf(host->label, sizeof host->label, "l%u", sim_below(sim, 3));
    }
}

static void make_owner(struct world *world, struct owner *owner) {
    struct sim *sim = world->sim;
    owner->host = sim_below(sim, world->host_count);
    owner->env_count = 1 + sim_below(sim, world->host_count > ENVS_MAX ? ENVS_MAX : 7 + world->host_count / 2);
    owner->plan_hosts = calloc(world->host_count, sizeof *owner->plan_hosts);
    owner->sessions = calloc(world->host_count, sizeof *owner->sessions);
    if (world->hosts == NULL || owner->plan_hosts == NULL || owner->sessions == NULL) {
        abort();
    }
    for (uint32_t i = 0; i < world->host_count; i++) {
        uint32_t slots = i == owner->host ? owner->env_count : 1 + sim_below(sim, 4); /* there is room somewhere */
        owner->plan_hosts[i] = (struct corps__plan_host){
            .number = i + 1, .slots = slots, .name = world->hosts[i].name, .labels = world->hosts[i].label};
    }
    for (uint32_t i = 0; i < owner->env_count; i++) {
        const struct host *host = &world->hosts[sim_below(sim, world->host_count)];
        uint32_t kind = sim_below(sim, 10);
        (void)snprintf(owner->where[i], sizeof owner->where[i], "%s",
                       kind == 0   ? host->name
                       : kind == 1 ? host->label
                                   : "");
    }
}

static void free_world(struct world *world) {
    for (uint32_t i = 0; i < world->corps_count; i++) {
        free(world->owners[i].plan_hosts);
        free(world->owners[i].sessions);
    }
    free(world->hosts);
    free(world->processes);
    free(world->messages);
    free(world->free_messages);
    free(world->until_ns);
}

static void hosts(struct sim *sim) {
    static struct world world;
    world = (struct world){.sim = sim,
                           .host_count = any_size(sim),
                           .corps_count = 1 + sim_below(sim, CORPS_MAX),
                           .delay_ns = sim_between(sim, 100000, sim_chance(sim, 80) ? 5 * SIM_MS : 200 * SIM_MS)};
    make_hosts(&world);
    for (uint32_t i = 0; i < world.corps_count; i++) {
        make_owner(&world, &world.owners[i]);
    }
    plan_faults(&world);
    for (uint32_t i = 0; i < world.corps_count; i++) {
        owner_begin(&world, i);
    }
    int64_t end_ns = world.calm_ns + BOUND_NS;
    struct sim_event event;
    while (sim->now_ns < end_ns && sim_next(sim, &event)) {
        happen(&world, &event);
    }
    judge(&world);
    free_world(&world);
}

int main(int argc, char **argv) {
    return sim_main(argc, argv, hosts, "hosts");
}
