/* sim-etcd: the agent of a host. It does what hosts/owners.h decides, and tells it what happens. */
#include "etcd.h"

#include <stddef.h>
#include <string.h>

static uint32_t line_of(uint64_t corps_id) {
    return (uint32_t)(corps_id >> 16);
}

/* ---- doing what is decided ---- */

static void start(struct world *world, uint32_t number, const struct corps__owners_action *action) {
    struct host *host = &world->hosts[number];
    sim_note(world->sim, "host %u: starts Corps %llx, epoch %llu, to act in %.3f s", number,
             (unsigned long long)action->corps_id, (unsigned long long)action->epoch,
             (double)(action->from_ns - host_clock(world, number)) / 1e9);
    if (life_of(world, number, action->corps_id) != NOBODY) {
        sim_fault(world->sim, "host %u: Corps %llx is started and its last life has not ended", number,
                  (unsigned long long)action->corps_id);
    }
    program_answered(world, action->corps_id, true);
    world->take_overs += action->epoch > 1 ? 1 : 0;
    (void)life_begin(world, &(struct life){.line = line_of(action->corps_id),
                                           .generation = (uint32_t)(action->corps_id & 0xffff) - 1,
                                           .host = number,
                                           .boot = host->boot,
                                           .epoch = action->epoch});
}

/* To the agent of the host that etcd names. It may be lost on the way. */
static void pass_on(struct world *world, uint32_t number, uint64_t corps_id) {
    const struct kept *kept = &world->lines[line_of(corps_id)].kept[(corps_id & 0xffff) - 1];
    int64_t cut_ns = kept->owner != 0
                         ? later_of(world->hosts[number].out_cut_ns, world->hosts[kept->owner - 1].in_cut_ns)
                         : INT64_MAX;
    if (cut_ns <= world->sim->now_ns) {
        sim_later(world->sim, any_delay(world), EVENT_PASSED_ON, kept->owner - 1, 0, corps_id);
    }
}

static void act(struct world *world, uint32_t number, const struct corps__owners_action *action) {
    uint32_t life = action->corps_id != 0 ? life_of(world, number, action->corps_id) : NOBODY;
    switch (action->what) {
    case CORPS__OWNERS_RENEW:
    case CORPS__OWNERS_LIST:
    case CORPS__OWNERS_CLAIM:
    case CORPS__OWNERS_READ:
    case CORPS__OWNERS_GIVE:
    case CORPS__OWNERS_END:
        engine_ask(world, number, action);
        break;
    case CORPS__OWNERS_START:
        start(world, number, action);
        break;
    case CORPS__OWNERS_GO:
        if (life != NOBODY) {
            life_goes_on(world, life);
        }
        break;
    case CORPS__OWNERS_STOP:
        sim_note(world->sim, "host %u: stops Corps %llx", number, (unsigned long long)action->corps_id);
        if (life != NOBODY) {
            life_leaves(world, life);
        }
        break;
    case CORPS__OWNERS_KILL:
        sim_note(world->sim, "host %u: kills Corps %llx", number, (unsigned long long)action->corps_id);
        if (life != NOBODY) {
            life_kill(world, life, 5 * SIM_MS);
        }
        break;
    case CORPS__OWNERS_FORGET:
        sim_note(world->sim, "host %u: forgets Corps %llx (%d, %d)", number, (unsigned long long)action->corps_id,
                 (int)action->why, (int)action->err);
        program_answered(world, action->corps_id, false);
        break;
    case CORPS__OWNERS_PASS_ON:
        pass_on(world, number, action->corps_id);
        break;
    }
}

/* Each Env 0's page of grants. */
static void write_pages(struct world *world, uint32_t number) {
    const struct host *host = &world->hosts[number];
    for (uint32_t i = 0; i < world->life_count; i++) {
        struct life *life = &world->lives[i];
        if (life->is_alive && !life->is_far && life->host == number && life->boot == host->boot) {
            life->until_ns = corps__owners_until(&host->owners, corps_id_of(life->line, life->generation));
        }
    }
}

void agent_pump(struct world *world, uint32_t number) {
    struct host *host = &world->hosts[number];
    struct sim *sim = world->sim;
    struct corps__owners_action action;
    int64_t due_ns = host->agent_stopped_ns;
    if (!host->agent_runs) {
        return;
    }
    if (host->agent_stopped_ns <= sim->now_ns) {
        uint32_t turns = 0;
        while (sim->fault[0] == '\0' && corps__owners_next(&host->owners, host_clock(world, number), &action)) {
            act(world, number, &action);
            if (++turns == 1000) {
                sim_fault(sim, "host %u: there is no end of what is to be done", number);
            }
        }
        write_pages(world, number);
        int64_t clock_ns = corps__owners_due(&host->owners);
        due_ns = clock_ns == INT64_MAX ? INT64_MAX : sim->now_ns + until_clock(world, number, clock_ns);
        if (clock_ns <= host_clock(world, number)) {
            sim_fault(sim, "host %u: is due at once, and has nothing to do", number);
        }
    }
    if (due_ns != INT64_MAX && (due_ns < host->timer_ns || host->timer_ns <= sim->now_ns)) {
        host->timer_ns = due_ns;
        sim_later(sim, due_ns - sim->now_ns, EVENT_PUMP, number, host->boot, 0);
    }
}

/* ---- what it is told ---- */

struct corps__policy agent_policy(const struct line *line) {
    return (struct corps__policy){.restart = line->restart,
                                  .strategy = CORPS_ONE_FOR_ONE,
                                  .intensity = line->restart == CORPS_RESTART_NEVER ? 0 : 3,
                                  .period_ns = 4 * SIM_S,
                                  .backoff_ns = 50 * SIM_MS,
                                  .backoff_max_ns = BACKOFF_MAX_NS,
                                  .start_ns = START_NS,
                                  .shutdown_ns = INT64_MAX};
}

/* What the book makes of an answer. */
static void write_book(struct host *host, const struct request *request) {
    enum corps__owners_do what = request->action.what;
    bool is_closed = request->err == CORPS_ERR_CLOSED;
    bool gives = what == CORPS__OWNERS_GIVE || what == CORPS__OWNERS_END;
    uint64_t *held = request->action.corps_id != 0 ? book_of(host, request->action.corps_id) : NULL;
    if (is_closed && (what == CORPS__OWNERS_RENEW || what == CORPS__OWNERS_CLAIM)) {
        host->lease = 0;
        for (uint32_t i = 0; i < ROWS_MAX; i++) {
            host->lost[i] = host->book[i] != 0 ? host->book[i] : host->lost[i];
        }
        memset(host->book, 0, sizeof host->book);
    } else if (what == CORPS__OWNERS_CLAIM && request->err == CORPS_OK) {
        *held = request->action.epoch;
    } else if (gives && (is_closed || request->err == CORPS_OK)) {
        *held = 0;
        host->lost[held - host->book] = 0;
    } else if (what == CORPS__OWNERS_RENEW && request->err == CORPS_OK) {
        host->lease = request->lease;
    }
}

/* A mistake: the successor gives up what the agent before it held. */
static void give_back(struct world *world, uint32_t number) {
    for (uint32_t i = 1; i < world->lease_count; i++) {
        const struct host *host = &world->hosts[number];
        if (host->lease != 0 && i != host->lease && world->leases[i].host == number && world->leases[i].is_alive) {
            engine_revoke(world, i, "is given back");
        }
    }
}

void agent_hear(struct world *world, const struct request *request) {
    struct host *host = &world->hosts[request->host];
    struct corps__owners *owners = &host->owners;
    int64_t now_ns = host_clock(world, request->host);
    struct corps__policy policy;
    write_book(host, request);
    switch (request->action.what) {
    case CORPS__OWNERS_RENEW:
        if (request->err == CORPS_ERR_CLOSED) {
            sim_note(world->sim, "host %u: has lost its lease", request->host);
        }
        corps__owners_renewed(owners, request->err, request->asked_ns + CORPS__OWNERS_LEASE_NS, now_ns);
        break;
    case CORPS__OWNERS_LIST:
        corps__owners_listed(owners, request->err, request->seen, request->seen_count, now_ns);
        corps__owners_crowd(owners, world->crowd);
        if (CORPS__PLANTED(OWN_NUMBER_IS_OWN)) {
            give_back(world, request->host);
        }
        break;
    case CORPS__OWNERS_READ:
        policy = agent_policy(&world->lines[line_of(request->action.corps_id)]);
        corps__owners_read(owners, request->err, &policy, now_ns);
        break;
    default:
        corps__owners_answered(owners, request->err, now_ns);
        break;
    }
    agent_pump(world, request->host);
}

void agent_reaped(struct world *world, uint32_t number) {
    struct life *life = &world->lives[number];
    struct host *host = &world->hosts[life->host];
    if (life->told || !host->agent_runs || host->boot != life->boot) {
        return;
    }
    if (host->agent_stopped_ns > world->sim->now_ns) {
        sim_later(world->sim, host->agent_stopped_ns - world->sim->now_ns, EVENT_REAPED, number, 0, 0);
        return;
    }
    life->told = true;
    corps__owners_ended(&host->owners, corps_id_of(life->line, life->generation), life->epoch,
                        life->in_order ? CORPS__OWNERS_END_ORDER : CORPS__OWNERS_END_FAILED, "it has ended",
                        host_clock(world, life->host));
    agent_pump(world, life->host);
}

void agent_drains(struct world *world, uint32_t number, bool on) {
    struct host *host = &world->hosts[number];
    host->is_drained = on;
    if (host->agent_runs) {
        corps__owners_drain(&host->owners, on);
        agent_pump(world, number);
    }
}

/* A few never end, until they are killed. */
static bool exits_at(struct world *world, uint32_t at, uint64_t corps_id) {
    int64_t clock_ns = host_clock(world, at);
    const struct corps__owned *row = corps__owners_find(&world->hosts[at].owners, corps_id);
    bool is_claimed = row != NULL && row->epoch != 0; /* else its order fails, and whoever lists it ends it */
    if (!corps__owners_exits(&world->hosts[at].owners, corps_id, CORPS__OWNERS_EXIT_NS, clock_ns)) {
        return false;
    }
    struct kept *kept = &world->lines[line_of(corps_id)].kept[(corps_id & 0xffff) - 1];
    uint32_t life = life_of(world, at, corps_id);
    sim_note(world->sim, "host %u: Corps %llx is to end", at, (unsigned long long)corps_id);
    kept->wished_host = is_claimed ? at + 1 : kept->wished_host;
    kept->wished_boot = is_claimed ? world->hosts[at].boot : kept->wished_boot;
    if (life != NOBODY && world->lives[life].acts && !sim_chance(world->sim, 10)) {
        life_leaves(world, life);
    } else if (life != NOBODY && !world->lives[life].acts && world->lives[life].gone_on) {
        life_kill(world, life, 5 * SIM_MS);
    }
    agent_pump(world, at);
    return true;
}

static bool is_awake(const struct world *world, uint32_t at) {
    return world->hosts[at].agent_runs && world->hosts[at].agent_stopped_ns <= world->sim->now_ns;
}

bool agent_exits(struct world *world, uint32_t number) {
    struct line *line = &world->lines[number];
    for (uint32_t g = 0; g < line->generations; g++) {
        uint32_t at = line->kept[g].exists && line->kept[g].owner != 0 ? line->kept[g].owner - 1 : NOBODY;
        if (at != NOBODY && is_awake(world, at) && exits_at(world, at, corps_id_of(number, g))) {
            return true;
        }
    }
    return false;
}

void agent_passed_on(struct world *world, uint32_t at, uint64_t corps_id) {
    if (is_awake(world, at)) {
        (void)exits_at(world, at, corps_id);
    }
}

/* ---- its own life ---- */

void agent_begins(struct world *world, uint32_t number) {
    struct host *host = &world->hosts[number];
    if (host->agent_runs || host->is_down_for_good) {
        return;
    }
    host->is_down = false;
    host->is_drained = false;
    host->agent_runs = true;
    host->boot++;
    host->lease = 0;
    memset(host->book, 0, sizeof host->book);
    memset(host->lost, 0, sizeof host->lost);
    host->agent_stopped_ns = 0;
    host->timer_ns = 0;
    for (uint32_t i = 0; i < ROWS_MAX; i++) {
        memset(&host->rows[i], 0, offsetof(struct corps__owned, failures));
    }
    corps__owners_init(&host->owners, number + 1, host->rows, ROWS_MAX);
    sim_note(world->sim, "host %u: agent %u", number, host->boot);
    agent_pump(world, number);
}

/* Its book is not closed. Its children see the end of it, those that are stopped when they go on. */
void agent_ends(struct world *world, uint32_t number) {
    struct host *host = &world->hosts[number];
    if (!host->agent_runs) {
        return;
    }
    host->agent_runs = false;
    sim_note(world->sim, "host %u: its agent has ended", number);
    for (uint32_t i = 0; i < world->line_count; i++) {
        for (uint32_t g = 0; g < world->lines[i].generations; g++) {
            if (corps__owners_find(&host->owners, corps_id_of(i, g)) != NULL) {
                program_answered(world, corps_id_of(i, g), false);
            }
        }
    }
    for (uint32_t i = 0; i < world->life_count; i++) {
        struct life *life = &world->lives[i];
        if (life->is_alive && life->host == number) {
            int64_t longest_ns = host->is_down ? 1 : sim_chance(world->sim, 80) ? 20 * SIM_MS : 3 * SIM_S;
            life_kill(world, i, later_of(life->stopped_ns - world->sim->now_ns, host->is_down ? 0 : longest_ns) + 1);
        }
    }
}

void agent_closes(struct world *world, uint32_t number, uint32_t boot) {
    struct host *host = &world->hosts[number];
    if (host->boot != boot || !host->agent_runs) {
        return;
    }
    if (host->agent_stopped_ns > world->sim->now_ns) {
        sim_later(world->sim, host->agent_stopped_ns - world->sim->now_ns, EVENT_CLOSE, number, boot, 0);
        return;
    }
    agent_ends(world, number); /* what has not ended in order is killed */
    if (host->lease != 0 && later_of(host->to_etcd_cut_ns, world->etcd_away_ns) <= world->sim->now_ns &&
        world->leases[host->lease].is_alive) {
        engine_revoke(world, host->lease, "is given up");
    }
}
