/* Pools: `sim-scale`. Callers choose members by tables that they may use for a second; members work off what comes, and
 * die; the machine stands still now and then; the pool grows and shrinks as care/scale.h says. No call may be lost but
 * by a death, none may come to a member that has left but from a caller that was stopped for long, no size may go to
 * and fro, and none may grow because the machine stood still. */
#include "care/scale.h"
#include "base/plant.h"
#include "sim.h"

#include <stdio.h>
#include <string.h>

enum {
    PLACES = 64,
    MEMBERS_MAX = 512, /* in a whole run */
    MAILBOX = 2048,
    CALLERS_MAX = 6,
    OPEN_MAX = 1000,
    CALLS_MAX = 65536,
};
#define NOBODY UINT32_MAX
#define PROBE (UINT32_MAX - 1) /* in a mailbox */
#define VALID_NS SIM_S
#define LEAVE_NS (VALID_NS + 100 * SIM_MS)
#define LOAD_NS (24 * SIM_S)    /* then nobody calls any more, and nothing fails … */
#define END_NS (60 * SIM_S)     /* … and by then the pool is as small as it may be */
#define STEADY_NS (720 * SIM_S) /* the same for one load and the usual quiet time */
#define SETTLED_NS (120 * SIM_S)
#define SURGE_NS (6 * SIM_S)
#define UNSURGE_NS (14 * SIM_S)

#define STALL_MAX_NS (400 * SIM_MS)

enum kind { TICK, STARTED, FAILED, LOST, DRAINED, END, CALL, CHOOSE, ARRIVE, DONE, KILL, NOISE, STALL };

enum mode { STEADY, SURGE, CHAOS, CLOSING };

/* One life in one place. */
struct one {
    uint32_t place;
    bool is_there, moved;
    uint32_t queue[MAILBOX];
    uint32_t first, count;
    bool is_busy;
    int64_t busy_ns;  /* since when there was always something */
    int64_t probe_ns; /* when the probe that is on its way was sent, 0: none is … */
    bool probe_after; /* … after it had moved */
    int64_t last_wait_ns, last_probe_ns;
};

struct caller {
    uint64_t version;
    int64_t asked_ns;
    uint32_t members[PLACES], count;
    uint32_t out[MEMBERS_MAX], under_way;
};

struct call {
    uint32_t caller, member;
    bool late, over;
};

struct world {
    struct sim *sim;
    enum mode mode;
    struct corps__scale scale;
    struct corps__scale_options options;
    struct corps__member places[PLACES];
    uint32_t at[PLACES]; /* who is in that place */
    struct one ones[MEMBERS_MAX];
    uint32_t one_count;
    uint64_t version;
    struct caller callers[CALLERS_MAX];
    uint32_t caller_count;
    struct call calls[CALLS_MAX];
    uint32_t call_count, open;
    int64_t service_ns; /* the mean */
    bool is_long;       /* each request takes the same, and seconds */
    double load, noise; /* in members that would work all the time; times */
    int64_t start_ns;   /* of a member, at most */
    uint32_t fail_percent;
    uint32_t size; /* the last one that was wanted, and how that has gone */
    int direction;
    uint32_t mistakes;     /* growths after it has shrunk */
    int64_t big_enough_ns; /* SURGE */
    bool stalls;
    int64_t still_ns; /* until then the machine stands still: the pool, the members, what callers send; … */
    int64_t stall_ns; /* … for so long */
};

static bool is_over(const struct world *world) {
    return world->sim->now_ns >= (world->mode == STEADY ? STEADY_NS : LOAD_NS);
}

static struct one *one_in(struct world *world, uint32_t place) {
    return world->at[place] != NOBODY ? &world->ones[world->at[place]] : NULL;
}

/* ---- members ---- */

static void run_next(struct world *world, uint32_t number);

/* A mailbox is handled in order; a probe takes no time. */
static void put(struct world *world, uint32_t number, uint32_t what) {
    struct one *one = &world->ones[number];
    if (one->count == MAILBOX) {
        sim_fault(world->sim, "member %u: too much for this simulation", number);
        return;
    }
    if (one->count == 0 && !one->is_busy) {
        one->busy_ns = world->sim->now_ns;
    }
    one->queue[(one->first + one->count++) % MAILBOX] = what;
    if (!one->is_busy) {
        run_next(world, number);
    }
}

static void run_next(struct world *world, uint32_t number) {
    struct one *one = &world->ones[number];
    while (one->count > 0) {
        uint32_t what = one->queue[one->first++ % MAILBOX];
        one->count--;
        if (what != PROBE) {
            one->is_busy = true;
            int64_t ns = world->is_long ? world->service_ns
                                        : sim_between(world->sim, world->service_ns / 4, world->service_ns * 7 / 4);
            sim_later(world->sim, ns, DONE, number, what, 0);
            return;
        }
        one->last_wait_ns = world->sim->now_ns - one->probe_ns;
        one->last_probe_ns = one->probe_ns;
        one->probe_ns = 0;
        if (one->probe_after && world->places[one->place].state == CORPS__MEMBER_DRAINING) {
            corps__scale_emptied(&world->scale, one->place);
        }
    }
    one->is_busy = false;
}

static void probe(struct world *world, uint32_t number) {
    struct one *one = &world->ones[number];
    if (one->is_there && one->probe_ns == 0) {
        one->probe_ns = world->sim->now_ns;
        one->probe_after = one->moved;
        put(world, number, PROBE);
    }
}

static void kill_one(struct world *world, uint32_t number) {
    struct one *one = &world->ones[number];
    sim_note(world->sim, "member %u dies", number);
    one->is_there = false;
    one->count = 0;
    for (uint32_t i = 0; i < world->call_count; i++) {
        struct call *call = &world->calls[i];
        if (!call->over && call->member == number) {
            call->over = true;
            world->open--;
            world->callers[call->caller].out[number]--;
            world->callers[call->caller].under_way--;
        }
    }
    sim_later(world->sim, sim_between(world->sim, 0, 300 * SIM_MS), LOST, number, 0, 0);
}

/* ---- what the pool does ---- */

static void pump(struct world *world);

static void start(struct world *world, uint32_t place) {
    struct sim *sim = world->sim;
    uint32_t number = world->one_count++;
    if (number >= MEMBERS_MAX) {
        sim_fault(sim, "more members were started than anybody can need");
        world->one_count--;
        return;
    }
    world->ones[number] = (struct one){.place = place, .is_there = true};
    world->at[place] = number;
    world->places[place].group = place % 4;
    bool fails = !is_over(world) && sim_chance(sim, world->fail_percent);
    sim_note(sim, "member %u is to start in place %u", number, place);
    sim_later(sim, sim_between(sim, SIM_MS, world->start_ns), fails ? FAILED : STARTED, number, 0, 0);
}

static void end(struct world *world, uint32_t place) {
    const struct one *one = one_in(world, place);
    if (one == NULL || !one->moved) {
        sim_fault(world->sim, "place %u ends, and was not told to refuse what comes", place);
    } else if (one->is_there && (one->is_busy || one->count > 0)) {
        sim_fault(world->sim, "member %u is ended with %u calls", world->at[place], one->count + 1);
    }
    sim_later(world->sim, sim_between(world->sim, 0, 5 * SIM_MS), END, world->at[place], 0, 0);
}

/* It goes from the table: those that have had something to do for long must find room in the rest. */
static void leave(struct world *world, uint32_t place) {
    uint32_t rest = 0;
    uint32_t at_work = 0;
    for (uint32_t i = 0; i < PLACES; i++) {
        const struct one *one = one_in(world, i);
        bool counts = world->places[i].state == CORPS__MEMBER_ACTIVE || i == place;
        rest += world->places[i].state == CORPS__MEMBER_ACTIVE || world->places[i].state == CORPS__MEMBER_STARTING;
        bool works = one != NULL && one->is_there && (one->is_busy || one->count > 0);
        at_work += counts && works && world->sim->now_ns - one->busy_ns > 3 * SIM_S;
    }
    if (at_work > rest && world->mode != CLOSING) {
        sim_fault(world->sim, "%u members have had work for long, and %u are left", at_work, rest);
    }
    world->version++;
}

static void act(struct world *world, const struct corps__scale_action *action) {
    static const char *const words[] = {"start", "leave", "drain", "end", "closed"};
    sim_note(world->sim, "pool: %s %u", words[action->what], action->place);
    switch (action->what) {
    case CORPS__SCALE_START:
        start(world, action->place);
        break;
    case CORPS__SCALE_LEAVE:
        leave(world, action->place);
        break;
    case CORPS__SCALE_DRAIN:
        sim_later(world->sim, sim_between(world->sim, 0, 3 * SIM_MS), DRAINED, world->at[action->place], 0, 0);
        break;
    case CORPS__SCALE_END:
        end(world, action->place);
        break;
    case CORPS__SCALE_CLOSED:
        if (corps__scale_count(&world->scale, CORPS__MEMBER_GONE) != PLACES) {
            sim_fault(world->sim, "the pool says that it is over, and is not");
        }
        break;
    }
}

static void pump(struct world *world) {
    struct corps__scale_action action;
    while (world->sim->fault[0] == '\0' && corps__scale(&world->scale, world->sim->now_ns, &action)) {
        act(world, &action);
    }
    uint32_t live = corps__scale_count(&world->scale, CORPS__MEMBER_ACTIVE) +
                    corps__scale_count(&world->scale, CORPS__MEMBER_STARTING);
    if (live > world->options.max) {
        sim_fault(world->sim, "%u members, and at most %u may be", live, world->options.max);
    }
}

/* Half a second after a stall (a longer one: which can be seen) members that have less than half of what they can do
 * must not become more. */
static void watch_stalls(struct world *world) {
    int64_t since_ns = world->sim->now_ns - world->still_ns;
    uint32_t active = corps__scale_count(&world->scale, CORPS__MEMBER_ACTIVE);
    bool was_seen = world->stall_ns >= CORPS__SCALE_STEP_NS + CORPS__SCALE_LATE_NS;
    if (was_seen && since_ns < SIM_S / 2 && 2 * world->load * world->noise < active) {
        sim_fault(world->sim, "it grows because the machine stood still");
    }
}

/* Which way the size goes. That it has shrunk too far is a mistake, which care/scale.h remembers for as long as what is
 * looked at here: once it may be made, when an earlier one has been forgotten. */
static void watch_size(struct world *world, uint32_t before) {
    uint32_t after = world->scale.wanted;
    if (after > 2 * before) {
        sim_fault(world->sim, "the pool grows from %u to %u in one step", before, after);
    }
    if (after == before || world->mode == CLOSING) {
        return;
    }
    int direction = after > before ? 1 : -1;
    sim_note(world->sim, "pool: %u members are wanted instead of %u", after, before);
    bool counts = world->mode == STEADY && world->sim->now_ns > SETTLED_NS && !is_over(world);
    world->mistakes += counts && world->direction < 0 && direction > 0;
    if (counts && direction > 0) {
        watch_stalls(world);
    }
    world->direction = direction;
    if (world->mistakes > 1) {
        sim_fault(world->sim, "the size goes to and fro under a load that stays");
    }
}

/* What they have found until now. */
static void ask_members(struct world *world) {
    for (uint32_t i = 0; i < PLACES; i++) {
        const struct one *one = one_in(world, i);
        enum corps__member_state state = world->places[i].state;
        if (one == NULL || (state != CORPS__MEMBER_ACTIVE && state != CORPS__MEMBER_DRAINING)) {
            continue;
        }
        bool is_out = one->probe_ns > 0;
        corps__scale_waits(&world->scale, i, is_out ? world->sim->now_ns - one->probe_ns : one->last_wait_ns,
                           is_out ? one->probe_ns : one->last_probe_ns);
        probe(world, world->at[i]);
    }
}

static void tick(struct world *world) {
    struct corps__scale *scale = &world->scale;
    uint32_t calling = 0;
    corps__scale_woke(scale, world->sim->now_ns);
    for (uint32_t i = 0; i < world->caller_count; i++) {
        calling += world->callers[i].under_way > 0;
    }
    corps__scale_callers(scale, calling, world->sim->now_ns);
    ask_members(world);
    uint32_t before = scale->wanted;
    corps__scale_step(scale, world->sim->now_ns);
    watch_size(world, before);
    pump(world);
    uint32_t active = corps__scale_count(scale, CORPS__MEMBER_ACTIVE);
    if (world->mode == SURGE && world->sim->now_ns > SURGE_NS && world->big_enough_ns == 0 &&
        (active >= world->load || active >= world->options.max)) {
        world->big_enough_ns = world->sim->now_ns;
    }
    sim_later(world->sim, CORPS__SCALE_STEP_NS, TICK, 0, 0, 0);
}

/* ---- callers ---- */

static void ask(struct world *world, struct caller *caller, int64_t asked_ns) {
    caller->asked_ns = asked_ns;
    caller->version = world->version;
    caller->count = 0;
    for (uint32_t i = 0; i < PLACES; i++) {
        if (world->places[i].state == CORPS__MEMBER_ACTIVE) {
            caller->members[caller->count++] = world->at[i];
        }
    }
}

static void choose(struct world *world, uint32_t number) {
    struct sim *sim = world->sim;
    struct call *call = &world->calls[number];
    struct caller *caller = &world->callers[call->caller];
    int64_t age_ns = sim->now_ns - caller->asked_ns;
    bool refreshes = age_ns > 100 * SIM_MS && !sim_chance(sim, 30); /* else the answer is still on its way */
    if (caller->count == 0 || age_ns > VALID_NS || refreshes) {
        ask(world, caller, sim->now_ns);
    }
    if (caller->count == 0 && world->scale.closing) { /* is told so */
        call->over = true;
        world->open--;
        return;
    }
    if (caller->count == 0) {
        sim_later(sim, 5 * SIM_MS, CHOOSE, number, 0, 0);
        return;
    }
    uint32_t a = caller->members[sim_below(sim, caller->count)];
    uint32_t b = caller->members[sim_below(sim, caller->count)];
    call->member = caller->out[a] <= caller->out[b] ? a : b;
    caller->out[call->member]++;
    caller->under_way++;
    call->late = sim_below(sim, 2000) == 0; /* it is stopped now */
    int64_t ns = call->late ? sim_between(sim, 0, 4 * SIM_S) : sim_between(sim, 10000, 200000);
    sim_later(sim, ns, ARRIVE, number, call->member, 0);
}

static void leave_call(struct world *world, struct call *call) {
    world->callers[call->caller].out[call->member]--;
    world->callers[call->caller].under_way--;
}

static void arrive(struct world *world, uint32_t number, uint32_t member) {
    struct call *call = &world->calls[number];
    const struct one *one = &world->ones[member];
    if (call->over) {
        return; /* with its member */
    }
    if (one->moved) {
        if (!call->late) {
            sim_fault(world->sim, "call %u comes to member %u, which has left", number, member);
        }
        leave_call(world, call);
        choose(world, number);
    } else if (!one->is_there) { /* it has died, and its caller did not know */
        leave_call(world, call);
        call->over = true;
        world->open--;
    } else {
        put(world, member, number);
    }
}

static void on_done(struct world *world, uint32_t number, uint32_t what) {
    struct one *one = &world->ones[number];
    if (!one->is_there) {
        return;
    }
    struct call *call = &world->calls[what];
    leave_call(world, call);
    call->over = true;
    world->open--;
    run_next(world, number);
}

static void call_one(struct world *world) {
    struct sim *sim = world->sim;
    if (is_over(world) || world->call_count == CALLS_MAX) {
        return;
    }
    if (world->open >= (world->is_long ? 12 : OPEN_MAX)) { /* callers are patient too */
        sim_later(sim, 10 * SIM_MS, CALL, 0, 0, 0);
        return;
    }
    uint32_t number = world->call_count++;
    world->calls[number] = (struct call){.caller = sim_below(sim, world->caller_count), .member = NOBODY};
    world->open++;
    choose(world, number);
    int64_t mean_ns = (int64_t)((double)world->service_ns / (world->load * world->noise));
    int64_t ns = sim_between(sim, 0, 2 * mean_ns);
    sim_later(sim, ns < 2 * SIM_S ? ns : 2 * SIM_S, CALL, 0, 0, 0);
}

/* ---- a world ---- */

static void change_load(struct world *world) {
    struct sim *sim = world->sim;
    world->noise = world->mode == SURGE ? 1 : 0.6 + 0.8 * (double)sim_below(sim, 1000) / 1000;
    if (world->mode == CHAOS && sim_chance(sim, 20)) {
        world->load = 0.05 + 6.0 * (double)sim_below(sim, 1000) / 1000;
    }
    if (world->mode == CLOSING && sim->now_ns > 3 * SIM_S && sim_chance(sim, 10)) {
        corps__scale_close(&world->scale);
        world->load = 0.001;
    }
    if (!is_over(world)) {
        sim_later(sim, sim_between(sim, 100 * SIM_MS, world->mode == STEADY ? 10 * SIM_S : SIM_S), NOISE, 0, 0, 0);
    }
}

static void stall(struct world *world) {
    struct sim *sim = world->sim;
    bool now = world->mode != STEADY || sim->now_ns > SETTLED_NS;
    if (now && !is_over(world)) {
        world->stall_ns = sim_between(sim, 30 * SIM_MS, STALL_MAX_NS);
        world->still_ns = sim->now_ns + world->stall_ns;
        sim_note(sim, "the machine stands still for %lld ms", (long long)(world->stall_ns / SIM_MS));
    }
    sim_later(sim, sim_between(sim, 5 * SIM_S, 15 * SIM_S), STALL, 0, 0, 0);
}

/* Does it happen only when what stands still goes on? In the order in which it would have happened. */
static bool waits_for_the_end(struct world *world, const struct sim_event *event) {
    struct sim *sim = world->sim;
    if (sim->now_ns >= world->still_ns) {
        return false;
    }
    bool waits = event->kind == TICK || event->kind == DONE || event->kind == ARRIVE || event->kind == DRAINED ||
                 event->kind == STARTED;
    if (!waits) {
        return false;
    }
    if (event->kind == ARRIVE) {
        world->calls[event->a].late = true; /* by its caller's table */
    }
    sim_later(sim, world->still_ns - sim->now_ns, event->kind, event->a, event->b, event->c);
    return true;
}

/* One of the latest. */
static void on_kill(struct world *world) {
    if (world->one_count == 0 || is_over(world)) {
        return;
    }
    uint32_t number = world->one_count - 1 - sim_below(world->sim, world->one_count < 8 ? world->one_count : 8);
    enum corps__member_state state = world->places[world->ones[number].place].state;
    if (world->ones[number].is_there && state >= CORPS__MEMBER_ACTIVE) {
        kill_one(world, number);
    }
    sim_later(world->sim, sim_between(world->sim, 0, 4 * SIM_S), KILL, 0, 0, 0);
}

static void happen(struct world *world, const struct sim_event *event) {
    struct one *one = event->a < MEMBERS_MAX ? &world->ones[event->a] : NULL;
    int64_t now_ns = world->sim->now_ns;
    switch ((enum kind)event->kind) {
    case TICK:
        tick(world);
        break;
    case STARTED:
        corps__scale_started(&world->scale, one->place, now_ns);
        world->version++;
        probe(world, event->a);
        pump(world);
        break;
    case FAILED:
        one->is_there = false;
        corps__scale_start_failed(&world->scale, one->place, now_ns);
        world->at[one->place] = NOBODY;
        break;
    case LOST:
        if (world->at[one->place] == event->a && world->places[one->place].state != CORPS__MEMBER_GONE) {
            corps__scale_lost(&world->scale, one->place, now_ns);
            world->at[one->place] = NOBODY;
            world->version++;
            pump(world);
        }
        break;
    case DRAINED:
        one->moved = true;
        break;
    case END:
        one->is_there = false;
        if (world->at[one->place] == event->a) {
            corps__scale_ended(&world->scale, one->place, now_ns);
            world->at[one->place] = NOBODY;
        }
        break;
    case CALL:
        call_one(world);
        break;
    case CHOOSE:
        choose(world, event->a);
        break;
    case ARRIVE:
        arrive(world, event->a, event->b);
        break;
    case DONE:
        on_done(world, event->a, event->b);
        break;
    case KILL:
        on_kill(world);
        break;
    case NOISE:
        change_load(world);
        break;
    case STALL:
        stall(world);
        break;
    }
}

static void surge(struct world *world) {
    if (world->mode == SURGE) {
        world->load = world->sim->now_ns > SURGE_NS && world->sim->now_ns < UNSURGE_NS ? 5 : 0.5;
    }
}

static void judge(struct world *world) {
    struct sim *sim = world->sim;
    if (world->open > 0) {
        sim_fault(sim, "%u calls have no end", world->open);
    }
    uint32_t active = corps__scale_count(&world->scale, CORPS__MEMBER_ACTIVE);
    uint32_t gone = corps__scale_count(&world->scale, CORPS__MEMBER_GONE);
    bool closed = world->mode == CLOSING && world->scale.closing;
    uint32_t least = closed ? 0 : world->options.min;
    if (active != least || gone != PLACES - least) {
        sim_fault(sim, "nobody calls, and %u members are there, %u places are in use; %u were to stay", active,
                  PLACES - gone, least);
    }
    if (closed && !world->scale.closed_told) {
        sim_fault(sim, "the pool is over, and does not say so");
    }
    int64_t slack_ns = CORPS__SCALE_STEP_NS + (world->stalls ? CORPS__SCALE_STALL_MAX_NS + STALL_MAX_NS : 0);
    if (world->mode == SURGE && (world->big_enough_ns == 0 || world->big_enough_ns > SURGE_NS + SIM_S + slack_ns)) {
        sim_fault(sim, "a load ten times as large is not met within a second%s",
                  world->stalls ? ", and the time for which stalls are spared" : "");
    }
}

static void scale(struct sim *sim) {
    static struct world world;
    memset(&world, 0, sizeof world);
    world.sim = sim;
    world.mode = sim_chance(sim, 5) ? STEADY : (enum mode)(1 + sim_below(sim, 3));
    uint32_t min = 1 + sim_below(sim, 3);
    world.options = (struct corps__scale_options){.min = min,
                                                  .max = world.mode == SURGE ? 24 : min + sim_below(sim, 24),
                                                  .target_ns = sim_between(sim, 5 * SIM_MS, 40 * SIM_MS),
                                                  .quiet_ns = sim_between(sim, SIM_MS, SIM_S),
                                                  .leave_ns = LEAVE_NS};
    world.caller_count = 1 + sim_below(sim, CALLERS_MAX);
    world.service_ns = sim_between(sim, 4 * SIM_MS, 30 * SIM_MS);
    if (world.mode == STEADY) {
        world.options.max = 32;
        world.options.quiet_ns = 30 * SIM_S;
        world.service_ns *= 2;
    }
    world.load = 0.05 + 3.0 * (double)sim_below(sim, 1000) / 1000;
    world.noise = 1;
    world.start_ns = world.mode == CHAOS && sim_chance(sim, 30) ? 3 * SIM_S : 50 * SIM_MS;
    if (world.mode == CHAOS && sim_chance(sim, 30)) {
        world.is_long = true;
        world.service_ns = sim_between(sim, 500 * SIM_MS, 6 * SIM_S);
    }
    world.stalls = sim_chance(sim, world.mode == STEADY ? 70 : 30);
    if (world.stalls) {
        sim_later(sim, world.mode == SURGE ? SURGE_NS - sim_between(sim, 0, SIM_S) : 0, STALL, 0, 0, 0);
    }
    world.fail_percent = world.mode == CHAOS ? sim_below(sim, 30) : 0;
    for (uint32_t i = 0; i < PLACES; i++) {
        world.at[i] = NOBODY;
    }
    corps__scale_init(&world.scale, &world.options, world.places, PLACES, 0);
    pump(&world);
    sim_later(sim, CORPS__SCALE_STEP_NS, TICK, 0, 0, 0);
    sim_later(sim, 100 * SIM_MS, CALL, 0, 0, 0);
    sim_later(sim, 0, NOISE, 0, 0, 0);
    if (world.mode == CHAOS) {
        sim_later(sim, SIM_S, KILL, 0, 0, 0);
    }
    struct sim_event event;
    int64_t end_ns = world.mode == STEADY ? 3 * STEADY_NS : world.is_long ? 4 * END_NS : END_NS;
    while (sim->now_ns < end_ns && sim_next(sim, &event)) {
        if (!waits_for_the_end(&world, &event)) {
            happen(&world, &event);
            surge(&world);
        }
    }
    judge(&world);
}

int main(int argc, char **argv) {
    return sim_main(argc, argv, scale, "scale");
}
