/* sim-hosts: an agent, as docs/design.md says what it does with its grants; and processes of Envs, which look at what
 * they were told of them before they begin anything. */
#include "hosts.h"

#include <inttypes.h>
#include <stdlib.h>

/* ---- processes ---- */

uint32_t process_begin(struct world *world, const struct process *process) {
    if (world->process_count == world->process_capacity) {
        world->process_capacity = 2 * world->process_capacity + 64;
        world->processes = realloc(world->processes, world->process_capacity * sizeof *world->processes);
        if (world->processes == NULL) {
            abort();
        }
    }
    uint32_t number = world->process_count++;
    world->processes[number] = *process;
    world->processes[number].is_alive = true;
    sim_later(world->sim, sim_between(world->sim, SIM_MS, 60 * SIM_MS), EVENT_BOOTED, number, 0, 0);
    return number;
}

/* Until it has gone it may act. */
void process_kill(struct world *world, uint32_t number, int64_t longest_ns) {
    struct process *process = &world->processes[number];
    if (process->is_alive && !process->dies) {
        process->dies = true;
        sim_later(world->sim, sim_between(world->sim, 0, longest_ns), EVENT_DIES, number, 0, 0);
    }
}

static void answer(struct world *world, const struct process *process, enum message_kind kind) {
    const struct serving *serving = &world->hosts[process->host].serving[process->corps];
    if (process->is_local) {
        owner_local(world, process->corps, process->env, process->incarnation, kind == ENDED);
    } else if (world->hosts[process->host].agent_runs && serving->session == process->session) {
        net_send(world,
                 &(struct message){.kind = kind,
                                   .corps = process->corps,
                                   .host = process->host,
                                   .env = process->env,
                                   .session = process->session,
                                   .incarnation = process->incarnation,
                                   .displaced = process->displaced},
                 0);
    }
}

/* Stopped processes do nothing; what is due then is done after. */
static bool is_stopped(struct world *world, uint32_t number, enum event_kind kind) {
    int64_t left_ns = world->processes[number].stopped_ns - world->sim->now_ns;
    if (left_ns > 0) {
        sim_later(world->sim, left_ns, (int)kind, number, 0, 0);
    }
    return left_ns > 0;
}

void process_booted(struct world *world, uint32_t number) {
    struct process *process = &world->processes[number];
    if (!process->is_alive || is_stopped(world, number, EVENT_BOOTED)) {
        return;
    }
    process->is_booted = true;
    answer(world, process, BEGUN);
    process_acts(world, number);
}

/* Begins a request: unless it is over, as it sees itself. Then it ends, too. */
void process_acts(struct world *world, uint32_t number) {
    struct process *process = &world->processes[number];
    struct owner *owner = &world->owners[process->corps];
    if (!process->is_alive || is_stopped(world, number, EVENT_ACT)) {
        return;
    }
    if (!process->is_local &&
        corps__lease_is_over(world->until_ns[process->session], host_clock(world, process->host))) {
        process->displaced = true;
        process_kill(world, number, 2 * SIM_S);
        return;
    }
    uint64_t *newest = &owner->newest[process->env];
    if (*newest > process->incarnation) {
        sim_fault(world->sim, "Corps %u, Env %u: incarnation %" PRIx64 " acts on host %u, after %" PRIx64 " has",
                  process->corps, process->env, process->incarnation, process->host, *newest);
    }
    if (owner->ended_for_good && world->sim->now_ns > owner->ended_ns + CORPS__SILENCE_NS) {
        sim_fault(world->sim, "Corps %u, Env %u acts on host %u, 3 s after its owner's end", process->corps,
                  process->env, process->host);
    }
    *newest = process->incarnation;
    sim_later(world->sim, sim_between(world->sim, 10 * SIM_MS, 200 * SIM_MS), EVENT_ACT, number, 0, 0);
}

/* The kernel ends stopped ones too. */
void process_dies(struct world *world, uint32_t number) {
    struct process *process = &world->processes[number];
    if (process->is_alive) {
        process->is_alive = false;
        sim_note(world->sim, "Corps %u: process of %u.%" PRIx64 " on host %u has ended", process->corps, process->env,
                 process->incarnation, process->host);
        answer(world, process, ENDED);
    }
}

/* ---- what an agent does ---- */

static struct process *find_process(struct world *world, const struct message *message) {
    for (uint32_t i = world->process_count; i > 0; i--) {
        struct process *process = &world->processes[i - 1];
        if (!process->is_local && process->corps == message->corps && process->host == message->host &&
            process->session == message->session && process->env == message->env &&
            process->incarnation == message->incarnation) {
            return process;
        }
    }
    return NULL;
}

/* All of a Corps here. */
static void kill_all(struct world *world, uint32_t host, uint32_t corps, int64_t longest_ns) {
    for (uint32_t i = 0; i < world->process_count; i++) {
        struct process *process = &world->processes[i];
        if (process->is_alive && !process->is_local && process->host == host && process->corps == corps) {
            process->displaced = process->displaced || !process->dies;
            process_kill(world, i, longest_ns);
        }
    }
}

/* Each question sets the time of the next; an earlier channel's timer is too old. */
void agent_ask(struct world *world, uint32_t host, uint32_t corps, uint32_t asks) {
    struct host *on = &world->hosts[host];
    struct serving *serving = &on->serving[corps];
    if (!on->agent_runs || serving->session == 0 || serving->asks != asks) {
        return;
    }
    int64_t left_ns = on->agent_stopped_ns - world->sim->now_ns;
    if (left_ns > 0) {
        sim_later(world->sim, left_ns, EVENT_ASK, host, corps, asks);
        return;
    }
    int64_t now_ns = host_clock(world, host);
    corps__lease_asked(&serving->lease, now_ns);
    net_send(
        world,
        &(struct message){.kind = ALIVE, .corps = corps, .host = host, .session = serving->session, .asked_ns = now_ns},
        0);
    serving->asks++;
    sim_later(world->sim, until_clock(world, host, corps__lease_ask_due(&serving->lease)), EVENT_ASK, host, corps,
              serving->asks);
}

void agent_expire(struct world *world, uint32_t host, uint32_t corps) {
    struct host *on = &world->hosts[host];
    struct serving *serving = &on->serving[corps];
    if (!on->agent_runs || serving->session == 0) {
        return;
    }
    int64_t left_ns = on->agent_stopped_ns - world->sim->now_ns;
    if (left_ns > 0) {
        sim_later(world->sim, left_ns, EVENT_EXPIRE, host, corps, 0);
    } else if (corps__lease_expired(&serving->lease, host_clock(world, host))) {
        sim_note(world->sim, "Corps %u: no grant any more on host %u", corps, host);
        kill_all(world, host, corps, 5 * SIM_MS);
    }
}

static void take_grant(struct world *world, struct serving *serving, const struct message *message) {
    int64_t now_ns = host_clock(world, message->host);
    int64_t before_ns = serving->lease.until_ns;
    if (!corps__lease_granted(&serving->lease, message->asked_ns, message->length_ns, now_ns) ||
        serving->lease.until_ns == before_ns) {
        return;
    }
    world->until_ns[serving->session] = serving->lease.until_ns;
    sim_later(world->sim, until_clock(world, message->host, serving->lease.until_ns), EVENT_EXPIRE, message->host,
              message->corps, 0);
}

/* Asked twice, it is started once; without a grant, not at all. */
static void take_order(struct world *world, struct serving *serving, const struct message *message) {
    struct process process = {.corps = message->corps,
                              .env = message->env,
                              .host = message->host,
                              .session = message->session,
                              .incarnation = message->incarnation};
    if (find_process(world, message) != NULL) {
        return;
    }
    if (corps__lease_expired(&serving->lease, host_clock(world, message->host))) {
        answer(world, &process, REFUSED);
    } else {
        (void)process_begin(world, &process);
    }
}

static void take_kill(struct world *world, const struct message *message) {
    struct process *process = find_process(world, message);
    if (process != NULL && process->is_alive) {
        process_kill(world, (uint32_t)(process - world->processes), 5 * SIM_MS);
    } else {
        answer(world,
               &(struct process){.corps = message->corps,
                                 .env = message->env,
                                 .host = message->host,
                                 .session = message->session,
                                 .incarnation = message->incarnation},
               ENDED);
    }
}

/* Another channel of the same Corps is another lease: what the earlier one had ordered ends. */
static void open_session(struct world *world, struct serving *serving, const struct message *message) {
    kill_all(world, message->host, message->corps, 5 * SIM_MS);
    corps__lease_init(&serving->lease);
    serving->session = message->session;
    serving->asks++;
    agent_ask(world, message->host, message->corps, serving->asks);
}

void agent_take(struct world *world, const struct message *message) {
    struct host *on = &world->hosts[message->host];
    struct serving *serving = &on->serving[message->corps];
    if (!on->agent_runs) { /* who connects tries again; what else was on its way is lost with the connection */
        bool is_newest = world->owners[message->corps].sessions[message->host] == message->session;
        if (message->kind == OPEN && !on->is_down_for_good && is_newest) {
            struct message again = *message;
            net_send(world, &again, 300 * SIM_MS);
        }
        return;
    }
    if (message->kind == OPEN) {
        open_session(world, serving, message);
    } else if (message->session != serving->session) {
        net_send(world,
                 &(struct message){
                     .kind = GONE, .corps = message->corps, .host = message->host, .session = message->session},
                 0);
    } else if (message->kind == ORDER) {
        take_order(world, serving, message);
    } else if (message->kind == KILL) {
        take_kill(world, message);
    } else if (message->kind == GRANT) {
        take_grant(world, serving, message);
    } else if (message->kind == CLOSE) {
        kill_all(world, message->host, message->corps, 5 * SIM_MS);
        serving->session = 0;
    }
}

/* Its Envs see the end of their control channels, and have two seconds. */
void agent_ends(struct world *world, uint32_t host, int64_t back_ns) {
    struct host *on = &world->hosts[host];
    if (!on->agent_runs) {
        return;
    }
    on->agent_runs = false;
    for (uint32_t corps = 0; corps < world->corps_count; corps++) {
        kill_all(world, host, corps, on->is_down ? 1 : 2 * SIM_S);
        on->serving[corps].session = 0;
        on->serving[corps].asks++;
    }
    if (back_ns > 0) {
        sim_later(world->sim, back_ns, EVENT_AGENT, host, 0, 0);
    }
}

/* Whoever had a channel to the former one finds out. */
void agent_begins(struct world *world, uint32_t host) {
    struct host *on = &world->hosts[host];
    on->agent_runs = true;
    on->is_down = false;
    for (uint32_t corps = 0; corps < world->corps_count; corps++) {
        uint32_t session = world->owners[corps].sessions[host];
        if (session != 0) {
            net_send(world, &(struct message){.kind = GONE, .corps = corps, .host = host, .session = session}, 0);
        }
    }
}
