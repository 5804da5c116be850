/* A Corps that outlives its owner's host: `sim-etcd`. Agents own Corps by leases at an etcd whose leader dies, which is
 * away, slow, or loses answers; hosts are lost, stopped, drained and cut off, their clocks drift. Nothing may act, or
 * could, under a lower number than what has acted (etcd.h), and after the last fault all must soon be as it should. */
#include "etcd.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define FAULTS_NS (30 * SIM_S) /* they begin before */
/* After the last fault: a lease of 5 s and 0.5 s until it is noticed, 5.1 s until its owner can act no more, a boot,
 * and a wait of the supervisor. A new leader lets every lease begin anew, and takes 2 s itself. Where many hosts are
 * hinted at it they list one after the other. */
#define BOUND_NS (10600 * SIM_MS + BOOT_MAX_NS + BACKOFF_MAX_NS)
#define BOUND_CROWD_NS (CORPS__OWNERS_CROWD_MAX * CORPS__OWNERS_SPREAD_NS)
#define BOUND_LEADER_NS (8 * SIM_S)

enum fault {
    LEADER, /* no majority for 1.3 to 1.7 s */
    AWAY,   /* … for long */
    SLOW,
    LOSE_ANSWERS,
    REVOKE, /* a living lease */
    STALE,  /* the same, and a former leader answers that host's keep-alives */
    NO_WATCH,
    CUT_TO_ETCD,
    CUT_FROM_ETCD,
    CUT_ETCD,
    CUT_OUT,
    CUT_IN,
    CUT_ALL, /* nothing comes in or out */
    KILL_ENV,
    END_ENV, /* as its program wants, though not for good */
    KILL_AGENT,
    TERM_AGENT,
    STOP_AGENT,
    STOP_LIVES,
    STOP_HOST, /* everything there */
    LOSE_HOST,
    LOSE_FOR_GOOD,
    DRAIN,
    EXIT,          /* a program ends its Corps */
    REVOKE_SLOWLY, /* aimed: what some say or hear comes late, then a lease is revoked */
    FAULTS,
};

static const char *const words[FAULTS] = {"etcd's leader is lost",
                                          "etcd is away",
                                          "answers of etcd are slow",
                                          "answers of etcd are lost",
                                          "its lease is revoked",
                                          "its lease is revoked, which a former leader has not heard",
                                          "its watch is lost",
                                          "cut off to etcd",
                                          "cut off from etcd",
                                          "cut off both ways of etcd",
                                          "cut out",
                                          "cut in",
                                          "cut",
                                          "an Env 0 is killed",
                                          "an Env 0 ends",
                                          "its agent is killed",
                                          "its agent is to end",
                                          "its agent is stopped",
                                          "its Envs are stopped",
                                          "all is stopped",
                                          "lost",
                                          "lost for good",
                                          "drained",
                                          "a Corps is to end",
                                          "its lease is to be revoked, while etcd is slow"};

/* ---- clocks, ways, names ---- */

int64_t host_clock(const struct world *world, uint32_t host) {
    const struct host *of = &world->hosts[host];
    int64_t now_ns = world->sim->now_ns;
    return of->offset_ns + now_ns + now_ns / 1000000 * of->drift_ppm;
}

int64_t until_clock(const struct world *world, uint32_t host, int64_t at_ns) {
    int64_t left_ns = at_ns - host_clock(world, host);
    return left_ns <= 0 ? 0 : left_ns - left_ns / 1000000 * world->hosts[host].drift_ppm + left_ns / 1000000 + 1000;
}

int64_t any_delay(struct world *world) {
    struct sim *sim = world->sim;
    bool was_lost = sim->now_ns < world->calm_ns && sim_chance(sim, 1);
    return sim_between(sim, 50000, world->delay_ns) + (was_lost ? sim_between(sim, 200 * SIM_MS, 2 * SIM_S) : 0);
}

uint64_t corps_id_of(uint32_t line, uint32_t generation) {
    return (uint64_t)line << 16 | (generation + 1);
}

uint64_t *book_of(struct host *host, uint64_t corps_id) {
    return &host->book[(corps_id >> 16) * GENERATIONS_MAX + (corps_id & 0xffff) - 1];
}

/* ---- programs ---- */

/* `made`: it was started; else it was refused, or has ended, or whoever was asked has. */
void program_answered(struct world *world, uint64_t corps_id, bool is_made) {
    uint32_t number = (uint32_t)(corps_id >> 16);
    struct line *line = &world->lines[number];
    if (line->waits && line->generations == (corps_id & 0xffff)) {
        line->waits = false;
        if (!is_made && world->sim->now_ns < world->calm_ns) {
            sim_later(world->sim, sim_between(world->sim, SIM_MS, 3 * SIM_S), EVENT_PROGRAM, number, 0, 0);
        }
    }
}

static void program_orders(struct world *world, uint32_t number) {
    struct line *line = &world->lines[number];
    struct sim *sim = world->sim;
    if (line->waits || line->generations == GENERATIONS_MAX || sim->now_ns > world->calm_ns) {
        return;
    }
    uint32_t at = sim_below(sim, world->host_count);
    struct host *host = &world->hosts[at];
    if (!host->agent_runs || host->agent_stopped_ns > sim->now_ns || !line->means[at]) {
        sim_later(sim, 500 * SIM_MS, EVENT_PROGRAM, number, 0, 0);
        return;
    }
    uint64_t corps_id = corps_id_of(number, line->generations);
    struct corps__policy policy = agent_policy(line);
    int64_t clock_ns = host_clock(world, at);
    if (corps__owners_ordered(&host->owners, corps_id, &policy, line->stays, clock_ns + ORDER_NS, clock_ns) !=
        CORPS_OK) {
        sim_later(sim, 500 * SIM_MS, EVENT_PROGRAM, number, 0, 0);
        return;
    }
    sim_note(sim, "host %u: Corps %llx is ordered", at, (unsigned long long)corps_id);
    line->generations++;
    line->waits = true;
    line->waits_ns = sim->now_ns;
    agent_pump(world, at);
}

/* ---- faults ---- */

static void stop_lives(struct world *world, uint32_t host, int64_t until_ns) {
    for (uint32_t i = 0; i < world->life_count; i++) {
        if (world->lives[i].is_alive && world->lives[i].host == host) {
            world->lives[i].stopped_ns = later_of(world->lives[i].stopped_ns, until_ns);
        }
    }
}

/* The owner of what one line has, if it has one; else any host. */
static uint32_t owner_of(const struct world *world, uint32_t line, uint32_t any) {
    for (uint32_t g = 0; g < world->lines[line].generations; g++) {
        uint32_t owner = world->lines[line].kept[g].owner;
        if (owner != 0) {
            return owner - 1;
        }
    }
    return any;
}

static void end_env(struct world *world, uint32_t host, bool by_force) {
    for (uint32_t i = 0; i < world->life_count; i++) {
        const struct life *life = &world->lives[i];
        if (life->is_alive && !life->is_far && life->host == host && life->acts) {
            if (by_force) {
                life_kill(world, i, 3 * SIM_MS);
            } else {
                life_leaves(world, i);
            }
            return;
        }
    }
}

static void cut(struct world *world, enum fault fault, struct host *host, int64_t until_ns) {
    (void)world;
    bool all = fault == CUT_ALL;
    if (all || fault == CUT_TO_ETCD || fault == CUT_ETCD) {
        host->to_etcd_cut_ns = later_of(host->to_etcd_cut_ns, until_ns);
    }
    if (all || fault == CUT_FROM_ETCD || fault == CUT_ETCD) {
        host->from_etcd_cut_ns = later_of(host->from_etcd_cut_ns, until_ns);
    }
    if (all || fault == CUT_OUT) {
        host->out_cut_ns = later_of(host->out_cut_ns, until_ns);
    }
    if (all || fault == CUT_IN) {
        host->in_cut_ns = later_of(host->in_cut_ns, until_ns);
    }
}

/* At this host. */
static void fault_later(struct world *world, enum fault fault, uint32_t host, int64_t after_ns, int64_t length_ns) {
    sim_later(world->sim, after_ns, EVENT_FAULT, (uint32_t)fault, (host + 1) << 8, (uint64_t)length_ns);
}

static void disturb_etcd(struct world *world, enum fault fault, uint32_t number, int64_t length_ns) {
    struct host *host = &world->hosts[number];
    struct sim *sim = world->sim;
    int64_t until_ns = sim->now_ns + length_ns;
    if (fault == LEADER) {
        engine_away(world, sim_between(sim, 1300 * SIM_MS, 1700 * SIM_MS));
    } else if (fault == AWAY) {
        engine_away(world, length_ns);
    } else if (fault == SLOW) {
        host->slow_ns = sim_between(sim, 100 * SIM_MS, 2500 * SIM_MS);
        host->slow_until_ns = until_ns;
    } else if (fault == LOSE_ANSWERS) {
        host->lose_answers_ns = later_of(host->lose_answers_ns, sim->now_ns + length_ns / 4);
    } else if (fault == NO_WATCH) {
        host->no_watch_ns = later_of(host->no_watch_ns, until_ns);
    } else if (fault == REVOKE_SLOWLY) {
        uint32_t who = sim_below(sim, 3); /* its owner, the others, all */
        int64_t after_ns = sim_between(sim, 500 * SIM_MS, 3 * SIM_S);
        for (uint32_t i = 0; i < world->host_count; i++) {
            if (who == 2 || (i == number) == (who == 0)) {
                world->hosts[i].slow_ns = sim_between(sim, 500 * SIM_MS, 2500 * SIM_MS);
                world->hosts[i].slow_until_ns = sim->now_ns + after_ns + (who == 2 ? 5 * SIM_S : 0);
            }
        }
        fault_later(world, REVOKE, number, after_ns, length_ns);
    }
    /* Often its owner does not hear of it. */
    if ((fault == REVOKE || fault == STALE) && host->key_lease != 0) {
        engine_revoke(world, host->key_lease, "is revoked");
        int64_t cut_ns = 0;
        if (fault == STALE) {
            cut_ns = sim_between(sim, 100 * SIM_MS, 2 * SIM_S);
            host->stale_ns = sim->now_ns + cut_ns;
        }
        if (sim_chance(sim, 70)) {
            enum fault way = (enum fault)(CUT_TO_ETCD + sim_below(sim, 3));
            fault_later(world, way, number, cut_ns, later_of(length_ns, 7 * SIM_S));
        }
    }
}

static void disturb_host(struct world *world, enum fault fault, uint32_t number, int64_t length_ns) {
    struct host *host = &world->hosts[number];
    struct sim *sim = world->sim;
    int64_t until_ns = sim->now_ns + length_ns;
    if (fault == KILL_ENV || fault == END_ENV) {
        end_env(world, number, fault == KILL_ENV);
    }
    if (fault == TERM_AGENT && host->agent_runs) {
        agent_drains(world, number, true);
        sim_later(sim, sim_between(sim, 100 * SIM_MS, 5 * SIM_S), EVENT_CLOSE, number, host->boot, 0);
        sim_later(sim, 5 * SIM_S + length_ns / 4, EVENT_AGENT, number, 0, 0);
    }
    if (fault == STOP_AGENT || fault == STOP_HOST) {
        host->agent_stopped_ns = later_of(host->agent_stopped_ns, until_ns);
        agent_pump(world, number);
    }
    if (fault == STOP_LIVES || fault == STOP_HOST) {
        stop_lives(world, number, until_ns);
    }
    if (fault == KILL_AGENT) {
        if (sim_chance(sim, 40)) { /* its children do not see it at once */
            stop_lives(world, number, until_ns);
        }
        agent_ends(world, number);
        sim_later(sim, length_ns / 4, EVENT_AGENT, number, 0, 0);
    }
    if (fault == LOSE_HOST || fault == LOSE_FOR_GOOD) {
        host->is_down = true;
        host->is_down_for_good = host->is_down_for_good || fault == LOSE_FOR_GOOD;
        agent_ends(world, number);
        sim_later(sim, length_ns, EVENT_AGENT, number, 0, 0);
    }
    if (fault == DRAIN) {
        agent_drains(world, number, true);
        sim_later(sim, length_ns, EVENT_UNDRAIN, number, 0, 0);
    }
}

/* `where`: a line, or a host. */
static void happens(struct world *world, enum fault fault, uint32_t where, int64_t length_ns) {
    struct sim *sim = world->sim;
    uint32_t line = where & 0xff;
    uint32_t number = sim_below(sim, world->host_count);
    number = where >> 8 != 0 ? (where >> 8) - 1 : sim_chance(sim, 60) ? owner_of(world, line, number) : number;
    sim_note(sim, "host %u: %s, for %.3f s", number, words[fault], (double)length_ns / 1e9);
    if (fault == EXIT) {
        if (agent_exits(world, line)) {
            sim_later(sim, sim_between(sim, SIM_MS, 5 * SIM_S), EVENT_PROGRAM, line, 0, 0);
        }
    } else if (fault >= CUT_TO_ETCD && fault <= CUT_ALL) {
        cut(world, fault, &world->hosts[number], sim->now_ns + length_ns);
    } else if (fault <= NO_WATCH || fault == REVOKE_SLOWLY) {
        disturb_etcd(world, fault, number, length_ns);
    } else {
        disturb_host(world, fault, number, length_ns);
    }
}

/* Some worlds have many of one kind. */
static void plan_faults(struct world *world) {
    struct sim *sim = world->sim;
    uint32_t count = sim_below(sim, 3) == 0 ? sim_below(sim, 4) : 3 + sim_below(sim, 18);
    static const enum fault aimed[] = {REVOKE_SLOWLY, REVOKE_SLOWLY, STALE, KILL_AGENT};
    bool is_aimed = sim_chance(sim, 30);
    enum fault often = is_aimed ? aimed[sim_below(sim, 4)] : (enum fault)sim_below(sim, FAULTS);
    uint32_t lost = 0;
    for (uint32_t i = 0; i < count; i++) {
        enum fault fault = sim_chance(sim, is_aimed ? 75 : 40) ? often : (enum fault)sim_below(sim, FAULTS);
        if (fault == LOSE_FOR_GOOD && (lost++ > 0 || world->host_count < 3)) {
            fault = LOSE_HOST;
        }
        int64_t at_ns = sim_between(sim, 2 * SIM_S, FAULTS_NS);
        int64_t length_ns = sim_between(sim, SIM_MS, sim_chance(sim, 40) ? 13 * SIM_S : 5 * SIM_S);
        world->loses_leader = world->loses_leader || fault == LEADER || fault == AWAY;
        bool has_more = fault == REVOKE || fault == STALE || fault == REVOKE_SLOWLY;
        has_more = has_more || fault == TERM_AGENT;
        int64_t over_ns = at_ns + later_of(length_ns, (has_more ? 7 : 2) * SIM_S) + (has_more ? 3 * SIM_S : 0);
        world->calm_ns = later_of(world->calm_ns, over_ns);
        sim_later(sim, at_ns, EVENT_FAULT, (uint32_t)fault, sim_below(sim, world->line_count), (uint64_t)length_ns);
    }
    world->calm_ns = later_of(world->calm_ns, 12 * SIM_S); /* orders come until then */
}

static void happen(struct world *world, const struct sim_event *event) {
    struct host *host = &world->hosts[event->a < world->host_count ? event->a : 0];
    switch ((enum event_kind)event->kind) {
    case EVENT_PUMP:
        if (host->boot == event->b) {
            agent_pump(world, event->a);
        }
        break;
    case EVENT_REQUEST:
        engine_request(world, event->a);
        break;
    case EVENT_ANSWER:
        engine_answer(world, event->a);
        break;
    case EVENT_GIVE_UP:
        engine_give_up(world, event->a);
        break;
    case EVENT_EXPIRE_LEASES:
        engine_expire(world);
        break;
    case EVENT_HINT:
        if (host->agent_runs && host->boot == event->b &&
            later_of(later_of(host->no_watch_ns, host->stale_ns), host->from_etcd_cut_ns) <= world->sim->now_ns) {
            corps__owners_hinted(&host->owners, host_clock(world, event->a));
            agent_pump(world, event->a);
        }
        break;
    case EVENT_FAULT:
        happens(world, (enum fault)event->a, event->b, (int64_t)event->c);
        break;
    case EVENT_AGENT:
        agent_begins(world, event->a);
        break;
    case EVENT_CLOSE:
        agent_closes(world, event->a, event->b);
        break;
    case EVENT_PROGRAM:
        program_orders(world, event->a);
        break;
    case EVENT_PASSED_ON:
        agent_passed_on(world, event->a, event->c);
        break;
    case EVENT_UNDRAIN:
        agent_drains(world, event->a, false);
        break;
    default:
        life_happens(world, event);
        break;
    }
}

/* ---- a world ---- */

static void make_hosts(struct world *world) {
    struct sim *sim = world->sim;
    static struct host hosts[HOSTS_MAX]; /* big */
    world->hosts = hosts;
    for (uint32_t i = 0; i < world->host_count; i++) {
        struct host *host = &hosts[i];
        memset(host, 0, offsetof(struct host, rows));
        host->drift_ppm = sim_chance(sim, 30) ? (sim_chance(sim, 50) ? 1000 : -1000) : sim_between(sim, -1000, 1000);
        host->offset_ns = sim_between(sim, 10 * SIM_S, 100000 * SIM_S);
        sim_later(sim, sim_between(sim, 0, SIM_S), EVENT_AGENT, i, 0, 0);
    }
}

static void make_lines(struct world *world) {
    struct sim *sim = world->sim;
    for (uint32_t i = 0; i < world->line_count; i++) {
        struct line *line = &world->lines[i];
        uint32_t kind = sim_below(sim, 10);
        line->restart = kind == 0 ? CORPS_RESTART_NEVER : kind < 4 ? CORPS_RESTART_ON_FAILURE : CORPS_RESTART_ALWAYS;
        line->stays = sim_chance(sim, 20);
        for (uint32_t h = 0; h < world->host_count; h++) {
            line->means[h] = sim_chance(sim, 85);
            line->unfit[h] = sim_chance(sim, 15);
        }
        line->means[sim_below(sim, world->host_count)] = true;
        sim_later(sim, sim_between(sim, 0, 4 * SIM_S), EVENT_PROGRAM, i, 0, 0);
    }
}

static int64_t bound_of(const struct world *world) {
    int64_t ranks_ns = 0; /* each host that can't start it gives it, and the next one's rank is waited for anew */
    for (uint32_t i = 0; i < world->line_count; i++) {
        int64_t unfit = 0;
        for (uint32_t h = 0; h < world->host_count; h++) {
            unfit += world->lines[i].unfit[h] ? 1 : 0;
        }
        ranks_ns = later_of(ranks_ns, unfit * (unfit + 1) / 2 * CORPS__OWNERS_RANK_NS);
    }
    return BOUND_NS + ranks_ns + (world->crowd > HOSTS_MAX ? BOUND_CROWD_NS : 0) +
           (world->loses_leader ? BOUND_LEADER_NS : 0);
}

static void etcd(struct sim *sim) {
    static struct world world;
    struct world kept = world; /* memory is kept from run to run */
    world = (struct world){.sim = sim,
                           .lives = kept.lives,
                           .life_capacity = kept.life_capacity,
                           .requests = kept.requests,
                           .request_capacity = kept.request_capacity,
                           .leases = kept.leases,
                           .lease_capacity = kept.lease_capacity,
                           .host_count = 2 + sim_below(sim, sim_chance(sim, 80) ? 4 : HOSTS_MAX - 1),
                           .line_count = 1 + sim_below(sim, LINES_MAX),
                           .crowd = sim_chance(sim, 70) ? HOSTS_MAX : 100,
                           .delay_ns = sim_between(sim, 100000, sim_chance(sim, 80) ? 5 * SIM_MS : 100 * SIM_MS),
                           .ttl_ns = sim_between(sim, 5994 * SIM_MS, 6006 * SIM_MS)};
    make_hosts(&world);
    make_lines(&world);
    plan_faults(&world);
    sim_later(sim, 0, EVENT_EXPIRE_LEASES, 0, 0, 0);
    int64_t end_ns = world.calm_ns + bound_of(&world);
    struct sim_event event;
    while (sim->now_ns < end_ns && sim_next(sim, &event)) {
        happen(&world, &event);
    }
    judge_all(&world);
    sim_note(sim, "%u later lives were started", world.take_overs);
}

int main(int argc, char **argv) {
    return sim_main(argc, argv, etcd, "etcd");
}
