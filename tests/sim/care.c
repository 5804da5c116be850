/* Supervision: `sim-care`. A program that keeps Corps alive, and each Corps its Envs; some die. */
#include "shadow.h"

#include <stdio.h>
#include <string.h>

enum { CORPS_MAX = 2, LEVELS = 1 + CORPS_MAX, INTENSITY_MAX = 5 };
#define FAULTS_NS (20 * SIM_S) /* afterwards nothing goes wrong … */
#define END_NS (140 * SIM_S)   /* … and by then all must be well */

enum kind { TIMER, RUNS, DIES, STARTED, ENDED, LEAVE };

/* What really is, whatever the supervisor has been told of it. */
struct truth {
    uint32_t alive; /* which incarnation; 0: none */
    bool runs;
};

/* A supervisor, and what it looks after: the program's Corps (level 0), or a Corps' Envs. */
struct level {
    bool in_use;
    uint32_t epoch; /* which life of the supervisor itself */
    char name[32];
    struct corps__supervisor supervisor;
    struct corps__unit units[SHADOW_UNITS];
    struct corps__care_failure failures[INTENSITY_MAX + 1];
    struct corps__policy policy;
    struct shadow shadow;
    struct truth truth[SHADOW_UNITS];
    bool bad[SHADOW_UNITS]; /* it never lives for long */
    uint32_t count;
    bool runs;          /* was said to the level above */
    char history[1024]; /* when it has given up, and the level above is to do something */
    int64_t timer_ns;
};

struct world {
    struct sim *sim;
    struct level levels[LEVELS];
    bool halts; /* the program ends by halting */
    uint32_t hang_percent, fail_percent, twice_percent;
    int64_t life_ns; /* about so long */
};

static bool is_calm(const struct world *world) {
    return world->sim->now_ns >= FAULTS_NS;
}

/* Something happens to an incarnation; `detail` says how. */
static void later(struct world *world, int64_t after_ns, enum kind kind, uint32_t level, uint32_t unit,
                  uint32_t incarnation, uint32_t detail) {
    sim_later(world->sim, after_ns, (int)kind, level << 16 | unit, incarnation,
              (uint64_t)world->levels[level].epoch << 8 | detail);
}

/* ---- what is done for a supervisor ---- */

static void pump(struct world *world, uint32_t number);

static void start_level(struct world *world, uint32_t number) {
    struct level *level = &world->levels[number];
    level->epoch++;
    level->in_use = true;
    level->runs = false;
    level->history[0] = '\0';
    level->timer_ns = INT64_MAX;
    memset(level->truth, 0, sizeof level->truth);
    (void)snprintf(level->name, sizeof level->name, number == 0 ? "program" : "Corps %u, life %u", number - 1,
                   level->epoch);
    shadow_init(&level->shadow, world->sim, level->name, &level->policy, level->count);
    corps__supervisor_init(&level->supervisor, &level->policy, level->units, level->count, level->failures,
                           world->sim->now_ns);
}

/* An Env boots: it comes up, or says that it cannot, or hangs. A Corps is up when its Envs are. */
static void do_start(struct world *world, uint32_t number, uint32_t unit, uint32_t incarnation) {
    struct level *level = &world->levels[number];
    struct sim *sim = world->sim;
    if (level->truth[unit].alive != 0) {
        sim_fault(sim, "%s: two incarnations of %u", level->name, unit);
    }
    level->truth[unit] = (struct truth){.alive = incarnation};
    if (number == 0) {
        start_level(world, 1 + unit);
    } else if (is_calm(world) || !sim_chance(sim, world->hang_percent)) {
        bool fails = !is_calm(world) && sim_chance(sim, world->fail_percent);
        later(world, sim_between(sim, SIM_MS, 30 * SIM_MS), fails ? DIES : RUNS, number, unit, incarnation,
              sim_chance(sim, 20));
    }
    if (!is_calm(world) && (level->bad[unit] || sim_chance(sim, 60))) {
        int64_t life_ns = level->bad[unit] ? 200 * SIM_MS : number == 0 ? 8 * world->life_ns : world->life_ns;
        later(world, sim_between(sim, 0, 2 * life_ns), DIES, number, unit, incarnation, sim_chance(sim, 10));
    }
    if (number == 0) {
        pump(world, 1 + unit);
    }
}

static void do_stop(struct world *world, uint32_t number, uint32_t unit, uint32_t incarnation) {
    struct sim *sim = world->sim;
    if (number == 0 && world->levels[1 + unit].in_use) {
        struct level *corps = &world->levels[1 + unit];
        corps__supervise_stop(&corps->supervisor);
        shadow_stop(&corps->shadow);
        pump(world, 1 + unit);
    } else if (number > 0 && (is_calm(world) || !sim_chance(sim, world->hang_percent))) {
        later(world, sim_between(sim, 0, 50 * SIM_MS), DIES, number, unit, incarnation, sim_chance(sim, 70));
    }
}

static void do_give_up(struct world *world, uint32_t number) {
    struct level *level = &world->levels[number];
    if (number > 0 && world->levels[0].policy.restart != CORPS_RESTART_NEVER) {
        (void)corps__supervise_history(&level->supervisor, level->history, sizeof level->history);
        corps__supervise_stop(&level->supervisor);
        shadow_stop(&level->shadow);
    }
}

static void act(struct world *world, uint32_t number, const struct corps__care_action *action) {
    static const char *const words[] = {"start", "stop", "kill", "gone", "give up", "stopped"};
    struct level *level = &world->levels[number];
    char history[1024] = "";
    if (action->what == CORPS__CARE_GIVE_UP) {
        (void)corps__supervise_history(&level->supervisor, history, sizeof history);
    }
    sim_note(world->sim, "%s: %s %u.%u %s", level->name, words[action->what], action->unit, action->incarnation,
             history);
    shadow_action(&level->shadow, action, history);
    switch (action->what) {
    case CORPS__CARE_START:
        do_start(world, number, action->unit, action->incarnation);
        break;
    case CORPS__CARE_STOP:
        do_stop(world, number, action->unit, action->incarnation);
        break;
    case CORPS__CARE_KILL:
        later(world, sim_between(world->sim, 0, 5 * SIM_MS), DIES, number, action->unit, action->incarnation, 0);
        break;
    case CORPS__CARE_GIVE_UP:
        do_give_up(world, number);
        break;
    case CORPS__CARE_STOPPED:
        if (number > 0) {
            const struct truth *corps = &world->levels[0].truth[number - 1];
            later(world, 0, DIES, 0, number - 1, corps->alive, level->history[0] == '\0');
        }
        break;
    case CORPS__CARE_GONE:
        break;
    }
}

/* A Corps is up when each of its Envs is, or will not be. */
static void tell_above(struct world *world, uint32_t number) {
    struct level *level = &world->levels[number];
    for (uint32_t i = 0; i < level->count; i++) {
        if (level->units[i].state != CORPS__UNIT_RUNNING && level->units[i].state != CORPS__UNIT_GONE) {
            return;
        }
    }
    if (number > 0 && !level->runs) {
        level->runs = true;
        later(world, 0, RUNS, 0, number - 1, world->levels[0].truth[number - 1].alive, 0);
    }
}

static void pump(struct world *world, uint32_t number) {
    struct level *level = &world->levels[number];
    struct corps__care_action action;
    uint32_t epoch = level->epoch;
    while (world->sim->fault[0] == '\0' && corps__supervise(&level->supervisor, world->sim->now_ns, &action)) {
        act(world, number, &action);
        if (level->epoch != epoch) {
            return;
        }
    }
    shadow_idle(&level->shadow);
    int64_t due_ns = corps__supervise_due(&level->supervisor);
    if (due_ns <= world->sim->now_ns) {
        sim_fault(world->sim, "%s: wants to be asked at %.6f", level->name, (double)due_ns / 1e9);
    } else if (due_ns != INT64_MAX && due_ns != level->timer_ns) {
        level->timer_ns = due_ns;
        later(world, due_ns - world->sim->now_ns, TIMER, number, 0, 0, 0);
    }
    tell_above(world, number);
}

/* ---- what happens ---- */

/* Word of something goes to the supervisor after a while, and now and then twice. */
static void report(struct world *world, enum kind kind, uint32_t level, uint32_t unit, uint32_t incarnation,
                   uint32_t detail) {
    struct sim *sim = world->sim;
    later(world, sim_between(sim, 0, 10 * SIM_MS), kind, level, unit, incarnation, detail);
    if (sim_chance(sim, world->twice_percent)) {
        later(world, sim_between(sim, 0, 5 * SIM_S), kind, level, unit, incarnation, detail);
    }
}

static void on_runs(struct world *world, uint32_t level, uint32_t unit, uint32_t incarnation) {
    struct truth *truth = &world->levels[level].truth[unit];
    if (truth->alive == incarnation && !truth->runs) {
        truth->runs = true;
        report(world, STARTED, level, unit, incarnation, 0);
    }
}

/* A Corps that dies takes its Envs with it, and nobody hears of them any more. */
static void on_dies(struct world *world, uint32_t number, uint32_t unit, uint32_t incarnation, uint32_t in_order) {
    struct truth *truth = &world->levels[number].truth[unit];
    if (truth->alive != incarnation) {
        return;
    }
    *truth = (struct truth){0};
    if (number == 0) {
        world->levels[1 + unit].in_use = false;
    }
    report(world, ENDED, number, unit, incarnation, in_order);
}

static void on_ended(struct world *world, uint32_t number, uint32_t unit, uint32_t incarnation, bool in_order) {
    struct level *level = &world->levels[number];
    char how[CORPS__HOW_BYTES];
    const char *history = number == 0 ? world->levels[1 + unit].history : "";
    (void)snprintf(how, sizeof how, "%u.%u.%u ended%s%.100s", level->epoch, unit, incarnation,
                   history[0] != '\0' ? " after " : "", history);
    sim_note(world->sim, "%s: %s%s", level->name, how, in_order ? " in order" : "");
    shadow_ended(&level->shadow, unit, incarnation, in_order, how);
    corps__supervise_ended(&level->supervisor, unit, incarnation, in_order, how, world->sim->now_ns);
}

static void on_leave(struct world *world) {
    struct level *program = &world->levels[0];
    sim_note(world->sim, "program: %s", world->halts ? "halts" : "stops");
    if (world->halts) {
        corps__supervise_halt(&program->supervisor);
        shadow_halt(&program->shadow);
    } else {
        corps__supervise_stop(&program->supervisor);
        shadow_stop(&program->shadow);
    }
}

static void happen(struct world *world, const struct sim_event *event) {
    uint32_t number = event->a >> 16;
    uint32_t unit = event->a & 0xffff;
    struct level *level = &world->levels[number];
    if (!level->in_use || event->c >> 8 != level->epoch) {
        return; /* of a Corps' earlier life */
    }
    switch ((enum kind)event->kind) {
    case TIMER:
        level->timer_ns = INT64_MAX;
        break;
    case RUNS:
        on_runs(world, number, unit, event->b);
        return;
    case DIES:
        on_dies(world, number, unit, event->b, event->c & 0xff);
        return;
    case STARTED:
        sim_note(world->sim, "%s: %u.%u runs", level->name, unit, event->b);
        shadow_started(&level->shadow, unit, event->b);
        corps__supervise_started(&level->supervisor, unit, event->b, world->sim->now_ns);
        break;
    case ENDED:
        on_ended(world, number, unit, event->b, (event->c & 0xff) != 0);
        break;
    case LEAVE:
        on_leave(world);
        break;
    }
    pump(world, number);
}

/* ---- a world ---- */

static struct corps__policy any_policy(struct sim *sim, bool is_program) {
    struct corps__policy policy = {
        .restart = (enum corps_restart)sim_below(sim, 3),
        .strategy = (enum corps_strategy)sim_below(sim, 3),
        .intensity = 1 + sim_below(sim, INTENSITY_MAX),
        .period_ns = sim_between(sim, SIM_S, 10 * SIM_S),
        .backoff_ns = sim_chance(sim, 20) ? 0 : sim_between(sim, SIM_MS, 300 * SIM_MS),
        .start_ns = sim_between(sim, is_program ? 20 * SIM_S : 100 * SIM_MS, 30 * SIM_S),
        .shutdown_ns = sim_chance(sim, 10) ? 0 : sim_between(sim, SIM_MS, 5 * SIM_S),
    };
    policy.backoff_max_ns = policy.backoff_ns + sim_between(sim, 0, SIM_S);
    return policy;
}

static void judge(struct world *world) {
    for (uint32_t i = 0; i < LEVELS && world->sim->fault[0] == '\0'; i++) {
        struct level *level = &world->levels[i];
        if (!level->in_use) {
            continue;
        }
        shadow_settled(&level->shadow);
        for (uint32_t unit = 0; unit < level->count; unit++) {
            bool alive = level->truth[unit].alive != 0;
            if (alive != level->shadow.units[unit].alive && !level->shadow.halted) {
                sim_fault(world->sim, "%s: %u %s, and nobody knows", level->name, unit, alive ? "lives" : "has ended");
            }
        }
    }
}

static void care(struct sim *sim) {
    static struct world world;
    world = (struct world){.sim = sim,
                           .halts = sim_chance(sim, 20),
                           .hang_percent = sim_below(sim, 20),
                           .fail_percent = sim_below(sim, 30),
                           .twice_percent = sim_below(sim, 40),
                           .life_ns = sim_between(sim, 100 * SIM_MS, 5 * SIM_S)};
    for (uint32_t i = 0; i < LEVELS; i++) {
        struct level *level = &world.levels[i];
        level->policy = any_policy(sim, i == 0);
        level->count = i == 0 ? 1 + sim_below(sim, CORPS_MAX) : 1 + sim_below(sim, 5);
        for (uint32_t unit = 0; unit < level->count; unit++) {
            level->bad[unit] = i > 0 && sim_chance(sim, 15);
        }
        if (corps__policy_check(&level->policy) != CORPS_OK) {
            sim_fault(sim, "%s", corps_error_detail());
        }
    }
    start_level(&world, 0);
    if (sim_chance(sim, 50)) {
        later(&world, sim_between(sim, 0, FAULTS_NS + 5 * SIM_S), LEAVE, 0, 0, 0, 0);
    }
    pump(&world, 0);
    struct sim_event event;
    while (sim->now_ns < END_NS && sim_next(sim, &event)) {
        happen(&world, &event);
    }
    judge(&world);
}

int main(int argc, char **argv) {
    return sim_main(argc, argv, care, "care");
}
