/* sim-etcd: what acts. Env 0 of a Corps acts while its page says so, and orders one Env on another host, to which it
 * grants time; that acts while its grant runs. The oracle of owners is here: nothing acts, or could, under a lower
 * number than what has acted. */
#include "etcd.h"

#include <stdlib.h>

static uint64_t number_of(const struct life *life) {
    return (uint64_t)(life->generation + 1) << 32 | life->epoch;
}

uint32_t life_of(const struct world *world, uint32_t host, uint64_t corps_id) {
    for (uint32_t i = 0; i < world->life_count; i++) {
        const struct life *life = &world->lives[i];
        if (life->is_alive && !life->is_far && life->host == host && life->boot == world->hosts[host].boot &&
            corps_id_of(life->line, life->generation) == corps_id) {
            return i;
        }
    }
    return NOBODY;
}

static uint32_t new_life(struct world *world, const struct life *life) {
    uint32_t number = world->life_count;
    for (uint32_t i = 0; i < world->life_count; i++) {
        /* Events name them for some seconds after their end. */
        if (!world->lives[i].is_alive && world->lives[i].stopped_ns < world->sim->now_ns - 20 * SIM_S) {
            number = i;
            break;
        }
    }
    if (number == world->life_capacity) {
        world->life_capacity = 2 * world->life_capacity + 32;
        world->lives = realloc(world->lives, world->life_capacity * sizeof *world->lives);
        if (world->lives == NULL) {
            abort();
        }
    }
    world->life_count += number == world->life_count ? 1 : 0;
    world->lives[number] = *life;
    world->lives[number].is_alive = true;
    world->lives[number].other = NOBODY;
    return number;
}

uint32_t life_begin(struct world *world, const struct life *life) {
    struct sim *sim = world->sim;
    uint32_t number = new_life(world, life);
    bool hangs = sim->now_ns + START_NS + 2 * SIM_S < world->calm_ns && sim_chance(sim, 3);
    if (!hangs) {
        sim_later(sim, sim_between(sim, 50 * SIM_MS, BOOT_MAX_NS), EVENT_BOOTED, number, 0, 0);
    }
    if (sim->now_ns < world->calm_ns && sim_chance(sim, 3)) {
        life_kill(world, number, BOOT_MAX_NS); /* it fails */
    }
    return number;
}

/* ---- acting ---- */

static bool may_act(const struct world *world, const struct life *life) {
    int64_t until_ns = life->is_far ? life->lease.until_ns : life->until_ns;
    return life->is_alive && life->acts && !corps__lease_is_over(until_ns, host_clock(world, life->host));
}

static void judge(struct world *world, uint32_t number) {
    const struct life *life = &world->lives[number];
    struct line *line = &world->lines[life->line];
    uint64_t its = number_of(life);
    if (its == line->newest && !life->is_far && line->newest_life != number) {
        sim_fault(world->sim, "line %u: two lives act as %llx, on hosts %u and %u", life->line, (unsigned long long)its,
                  life->host, world->lives[line->newest_life].host);
    }
    if (its < line->newest && !line->stays) {
        sim_fault(world->sim, "line %u: %s on host %u acts as %llx after %llx has", life->line,
                  life->is_far ? "an Env" : "Env 0", life->host, (unsigned long long)its,
                  (unsigned long long)line->newest);
    }
    if (its <= line->newest) {
        return;
    }
    sim_note(world->sim, "line %u: %llx acts on host %u", life->line, (unsigned long long)its, life->host);
    line->newest = its;
    line->newest_life = number;
    for (uint32_t i = 0; i < world->life_count && !line->stays; i++) {
        const struct life *other = &world->lives[i];
        if (other->line == life->line && number_of(other) < its && may_act(world, other)) {
            sim_fault(world->sim, "line %u: %s on host %u could act as %llx, and %llx does on host %u", life->line,
                      other->is_far ? "an Env" : "Env 0", other->host, (unsigned long long)number_of(other),
                      (unsigned long long)its, life->host);
        }
    }
}

/* Something comes to a life that is stopped: when it goes on. True: later. */
static bool is_stopped(struct world *world, uint32_t number, const struct sim_event *event) {
    int64_t until_ns = world->lives[number].stopped_ns;
    if (until_ns > world->sim->now_ns) {
        sim_later(world->sim, until_ns - world->sim->now_ns, event->kind, event->a, event->b, event->c);
    }
    return until_ns > world->sim->now_ns;
}

static void acts(struct world *world, uint32_t number, const struct sim_event *event) {
    const struct life *life = &world->lives[number];
    if (is_stopped(world, number, event)) {
        return;
    }
    if (may_act(world, life)) {
        judge(world, number);
    }
    sim_later(world->sim, sim_between(world->sim, 20 * SIM_MS, 120 * SIM_MS), EVENT_ACT, number, 0, 0);
}

/* It is booted, and was told to go on. */
static void begin_to_act(struct world *world, uint32_t number) {
    struct life *life = &world->lives[number];
    struct host *host = &world->hosts[life->host];
    struct sim *sim = world->sim;
    if (life->acts || !life->is_booted || !life->gone_on) {
        return;
    }
    life->acts = true;
    sim_later(sim, 0, EVENT_ACT, number, 0, 0);
    if (life->is_far) {
        sim_later(sim, 0, EVENT_ASK, number, 0, 0);
        return;
    }
    sim_later(sim, any_delay(world), EVENT_FAR_ORDER, number, 0, 0);
    corps__owners_started(&host->owners, corps_id_of(life->line, life->generation), life->epoch,
                          host_clock(world, life->host));
    agent_pump(world, life->host);
}

/* ---- between the two ---- */

/* It has come from one host to the other; else, if it is not lost, it comes later. */
static bool arrives(struct world *world, uint32_t from, uint32_t to, bool is_note, const struct sim_event *event) {
    struct sim *sim = world->sim;
    int64_t free_ns = later_of(world->hosts[from].out_cut_ns, world->hosts[to].in_cut_ns);
    if (free_ns > sim->now_ns && !is_note) {
        sim_later(sim, free_ns - sim->now_ns + any_delay(world), event->kind, event->a, event->b, event->c);
    }
    return free_ns <= sim->now_ns;
}

static void order_far(struct world *world, uint32_t number, const struct sim_event *event) {
    uint32_t home = world->lives[number].host;
    uint32_t there = (home + 1 + (number + world->lives[number].line) % (world->host_count - 1)) % world->host_count;
    if (!arrives(world, home, there, false, event) || !world->hosts[there].agent_runs) {
        return;
    }
    struct life *life = &world->lives[number];
    corps__silence_init(&life->silence, host_clock(world, home));
    uint32_t far = new_life(world, &(struct life){.line = life->line,
                                                  .generation = life->generation,
                                                  .epoch = life->epoch,
                                                  .host = there,
                                                  .boot = world->hosts[there].boot,
                                                  .is_far = true,
                                                  .is_booted = true,
                                                  .gone_on = true});
    corps__lease_init(&world->lives[far].lease);
    world->lives[number].other = far;
    world->lives[far].other = number;
    begin_to_act(world, far);
}

/* Far: its agent asks for a grant; where it has run out, it ends. */
static void ask(struct world *world, uint32_t number) {
    struct life *life = &world->lives[number];
    struct sim *sim = world->sim;
    int64_t stopped_ns = world->hosts[life->host].agent_stopped_ns;
    if (stopped_ns > sim->now_ns) {
        sim_later(sim, stopped_ns - sim->now_ns, EVENT_ASK, number, 0, 0);
        return;
    }
    int64_t clock_ns = host_clock(world, life->host);
    if (life->lease.until_ns != 0 && corps__lease_expired(&life->lease, clock_ns)) {
        life_kill(world, number, 5 * SIM_MS);
        return;
    }
    corps__lease_asked(&life->lease, clock_ns);
    sim_later(sim, any_delay(world), EVENT_QUESTION, number, 0, (uint64_t)clock_ns);
    sim_later(sim, until_clock(world, life->host, corps__lease_ask_due(&life->lease)), EVENT_ASK, number, 0, 0);
}

/* Env 0 answers for as long as it may act itself. */
static void question(struct world *world, uint32_t number, const struct sim_event *event) {
    struct life *far = &world->lives[number];
    struct life *home = &world->lives[far->other];
    if (!home->is_alive || home->other != number || !arrives(world, far->host, home->host, true, event) ||
        is_stopped(world, far->other, event)) {
        return;
    }
    int64_t clock_ns = host_clock(world, home->host);
    corps__silence_heard(&home->silence, clock_ns);
    int64_t length_ns = corps__grant_length(home->until_ns, clock_ns);
    if (length_ns > 0) {
        sim_later(world->sim, any_delay(world), EVENT_GRANT, number, (uint32_t)(length_ns / 1000), event->c);
    }
}

static void grant(struct world *world, uint32_t number, const struct sim_event *event) {
    struct life *far = &world->lives[number];
    int64_t stopped_ns = world->hosts[far->host].agent_stopped_ns;
    if (!far->is_alive || !arrives(world, world->lives[far->other].host, far->host, true, event)) {
        return;
    }
    if (stopped_ns > world->sim->now_ns) {
        sim_later(world->sim, stopped_ns - world->sim->now_ns, event->kind, event->a, event->b, event->c);
        return;
    }
    (void)corps__lease_granted(&far->lease, (int64_t)event->c, (int64_t)event->b * 1000, host_clock(world, far->host));
}

/* ---- ends ---- */

void life_kill(struct world *world, uint32_t number, int64_t longest_ns) {
    sim_later(world->sim, sim_between(world->sim, 0, longest_ns), EVENT_DIES, number, 0, 0);
}

static void dies(struct world *world, uint32_t number) {
    struct life *life = &world->lives[number];
    if (life->is_alive) {
        life->is_alive = false;
        life->stopped_ns = world->sim->now_ns;
        if (!life->is_far) {
            agent_reaped(world, number);
        }
    }
}

void life_goes_on(struct world *world, uint32_t number) {
    world->lives[number].gone_on = true;
    begin_to_act(world, number);
}

/* It ends when its other Env has, or that is silent. */
void life_leaves(struct world *world, uint32_t number) {
    struct life *life = &world->lives[number];
    life->ends = true;
    if (life->other != NOBODY) {
        sim_later(world->sim, any_delay(world), EVENT_FAR_END, life->other, number, 0);
    }
    sim_later(world->sim, any_delay(world), EVENT_LEAVING, number, 0, 0);
}

static void leaving(struct world *world, uint32_t number, const struct sim_event *event) {
    struct life *life = &world->lives[number];
    if (!life->is_alive || is_stopped(world, number, event)) {
        return;
    }
    bool is_alone = life->other == NOBODY || corps__silence_over(&life->silence, host_clock(world, life->host));
    if (is_alone) {
        life->in_order = true;
        dies(world, number);
        return;
    }
    sim_later(world->sim, 50 * SIM_MS, EVENT_LEAVING, number, 0, 0);
}

void life_happens(struct world *world, const struct sim_event *event) {
    uint32_t number = event->a;
    struct life *life = &world->lives[number];
    struct life *home = life->is_far ? &world->lives[life->other] : NULL;
    switch ((enum event_kind)event->kind) {
    case EVENT_DIES:
        dies(world, number);
        return;
    case EVENT_REAPED:
        agent_reaped(world, number);
        return;
    case EVENT_FAR_END:
        if (arrives(world, world->lives[event->b].host, life->host, false, event) && life->is_alive) {
            dies(world, number);
            sim_later(world->sim, any_delay(world), EVENT_FAR_ENDED, number, 0, 0);
        }
        return;
    case EVENT_FAR_ENDED:
        if (home != NULL && arrives(world, life->host, home->host, false, event) && home->other == number) {
            home->other = NOBODY;
        }
        return;
    default:
        break;
    }
    if (!life->is_alive) {
        return;
    }
    switch ((enum event_kind)event->kind) {
    case EVENT_BOOTED:
        if (!is_stopped(world, number, event)) {
            life->is_booted = true;
            begin_to_act(world, number);
        }
        break;
    case EVENT_ACT:
        acts(world, number, event);
        break;
    case EVENT_FAR_ORDER:
        if (!life->ends && !is_stopped(world, number, event)) {
            order_far(world, number, event);
        }
        break;
    case EVENT_ASK:
        ask(world, number);
        break;
    case EVENT_QUESTION:
        question(world, number, event);
        break;
    case EVENT_GRANT:
        grant(world, number, event);
        break;
    case EVENT_LEAVING:
        leaving(world, number, event);
        break;
    default:
        break;
    }
}
