/* Retry calls: `sim-retry`. Callers, links that break, and an Env that may die; each call is to have its effect once.
 */
#include "actor/retry.h"
#include "actor/results.h"
#include "sim.h"

#include <stdio.h>
#include <string.h>

enum {
    CALLERS_MAX = 4,
    CONCS = 2,
    CALLS_MAX = 4096,
    LINKS_MAX = 2048,
    CACHE_MAX = 256,
    BUCKETS = 64,
    REPLY_BYTES = 10,
};
#define FAULTS_NS (10 * SIM_S) /* afterwards nothing breaks … */
#define CALM_NS (32 * SIM_S)   /* … and by then what went wrong is over: every call is answered */
#define CALLS_NS (35 * SIM_S)
#define END_NS (70 * SIM_S)

enum kind { CALL, HELLO, REQUEST, DONE, REPLY, DEADLINE, CUT, CONNECT, DEATH, BOOT, TICK };

enum what_dies { LINKS_ONLY, ENV_FORGETS, ENV_KEEPS };

enum outcome { UNDER_WAY, ANSWERED, REFUSED, TIMED_OUT };

/* A call, and what has really become of it. */
struct call {
    struct corps__retry retry; /* first */
    uint64_t id;
    uint32_t caller, conc;
    int64_t start_ns, deadline_ns;
    enum outcome outcome;
    uint32_t runs;        /* that count: all, or those that were kept */
    uint32_t last_run_in; /* incarnation of the Env */
    uint32_t refused_in;
    uint32_t asked_on; /* the last link on which it came */
    bool kept;
    struct corps__result result;
};

struct link {
    uint32_t caller, incarnation;
    bool cut;
    uint32_t sent[2], came[2], cut_at[2]; /* requests, replies; those from cut_at on are lost */
    int64_t last_ns[2];                   /* when the last one sent comes */
    int64_t late_ns;                      /* what was under way when it was cut comes so much later */
    int64_t clock_error_ns;
};

struct caller {
    uint64_t identity[2], last_id;
    uint32_t link; /* 0: none */
    struct corps__retries retries;
};

/* A Worker of the Env: what waits, the first of it running. */
struct conc {
    uint32_t calls[CALLS_MAX], entries[CALLS_MAX];
    int64_t deadlines_ns[CALLS_MAX];
    uint32_t first, count;
    uint64_t last_started[CALLERS_MAX];
};

struct world {
    struct sim *sim;
    enum what_dies mode;
    bool clocks_differ;
    int64_t ttl_ns, cut_ns;
    uint32_t capacity, caller_count;
    struct caller callers[CALLERS_MAX];
    struct call calls[CALLS_MAX];
    uint32_t call_count;
    struct link links[LINKS_MAX];
    uint32_t link_count;
    uint32_t incarnation;
    bool alive;
    struct corps__result entries[CACHE_MAX];
    uint32_t buckets[BUCKETS];
    struct corps__results results;
    uint32_t newest[CALLERS_MAX];
    struct conc concs[CONCS];
    uint64_t replies; /* that the cache has */
};

static bool is_calm(const struct world *world) {
    return world->sim->now_ns >= FAULTS_NS;
}

/* ---- links ---- */

enum { LATE = 1 << 30 }; /* of a frame's number: it was held up, once */

static void send_frame(struct world *world, enum kind kind, uint32_t number, bool back, uint64_t what) {
    struct link *link = &world->links[number];
    struct sim *sim = world->sim;
    int64_t at_ns = sim->now_ns + sim_between(sim, 0, 3 * SIM_MS);
    link->last_ns[back] = at_ns > link->last_ns[back] ? at_ns : link->last_ns[back];
    sim_later(sim, link->last_ns[back] - sim->now_ns, (int)kind, number, link->sent[back]++, what);
}

/* A frame is there. False: it was lost, or comes later. */
static bool arrives(struct world *world, const struct sim_event *event, bool back) {
    struct link *link = &world->links[event->a];
    uint32_t number = event->b & ~(uint32_t)LATE;
    if (link->incarnation != world->incarnation || !world->alive || (link->cut && number >= link->cut_at[back])) {
        return false;
    }
    if (link->cut && (event->b & LATE) == 0) {
        sim_later(world->sim, link->late_ns, event->kind, event->a, event->b | LATE, event->c);
        return false;
    }
    link->came[back] = number + 1;
    return true;
}

static void send_all(struct world *world, uint32_t number) {
    struct caller *caller = &world->callers[number];
    struct corps__retry *next = NULL;
    while (caller->link != 0 &&
           (next = corps__retries_next(&caller->retries, caller->link, world->sim->now_ns)) != NULL) {
        const struct call *call = (struct call *)next;
        sim_note(world->sim, "caller %u: sends %u.%u on link %u", number, number, (uint32_t)call->id, caller->link);
        send_frame(world, REQUEST, caller->link, false, (uint64_t)(call - world->calls));
    }
}

static void on_connect(struct world *world, uint32_t number) {
    struct caller *caller = &world->callers[number];
    if (caller->link != 0 || world->link_count == LINKS_MAX) {
        return;
    }
    if (!world->alive) { /* it is being replaced: the caller waits */
        sim_later(world->sim, 5 * SIM_MS, CONNECT, number, 0, 0);
        return;
    }
    caller->link = world->link_count++;
    world->links[caller->link] = (struct link){.caller = number, .incarnation = world->incarnation};
    if (world->clocks_differ) {
        world->links[caller->link].clock_error_ns =
            sim_chance(world->sim, 50) ? -CORPS__CLOCK_ERROR_NS : CORPS__CLOCK_ERROR_NS; /* the worst */
    }
    sim_note(world->sim, "caller %u: link %u", number, caller->link);
    send_frame(world, HELLO, caller->link, false, 0);
    send_all(world, number);
}

static void lose_link(struct world *world, uint32_t number) {
    struct caller *caller = &world->callers[number];
    if (caller->link == 0) {
        return;
    }
    struct link *link = &world->links[caller->link];
    link->cut = true;
    link->cut_at[0] = link->came[0] + sim_below(world->sim, link->sent[0] - link->came[0] + 1);
    link->late_ns = sim_chance(world->sim, 30) ? 0 : sim_between(world->sim, 0, 4 * SIM_S);
    sim_note(world->sim, "caller %u: link %u is cut, %u frames come later", number, caller->link,
             link->cut_at[0] - link->came[0]);
    caller->link = 0;
    bool is_outage = !is_calm(world) && sim_chance(world->sim, 10);
    int64_t pause_ns = sim_between(world->sim, 0, is_outage ? world->ttl_ns : 50 * SIM_MS);
    sim_later(world->sim, pause_ns, CONNECT, number, 0, 0);
}

/* ---- callers ---- */

static void on_call(struct world *world, uint32_t number) {
    struct sim *sim = world->sim;
    struct caller *caller = &world->callers[number];
    int64_t pause_ns = sim_between(sim, 0, is_calm(world) && sim->now_ns < CALM_NS ? 4 * SIM_S : 400 * SIM_MS);
    if (sim->now_ns < CALLS_NS && world->call_count < CALLS_MAX) {
        sim_later(sim, pause_ns, CALL, number, 0, 0);
    } else {
        return;
    }
    uint32_t conc = sim_below(sim, CONCS);
    int64_t timeout_ns = sim_chance(sim, 30) ? 0 : sim_between(sim, 2500 * SIM_MS, world->ttl_ns);
    if (corps__retry_timeout(timeout_ns, world->ttl_ns, &timeout_ns) != CORPS_OK) {
        return;
    }
    struct call *call = &world->calls[world->call_count];
    *call = (struct call){.id = ++caller->last_id,
                          .caller = number,
                          .conc = conc,
                          .start_ns = sim->now_ns,
                          .deadline_ns = sim->now_ns + timeout_ns};
    corps__retries_add(&caller->retries, &call->retry, call->deadline_ns);
    sim_later(sim, timeout_ns, DEADLINE, world->call_count++, 0, 0);
    send_all(world, number);
}

static void end_call(struct world *world, uint32_t number, enum outcome outcome) {
    static const char *const words[] = {"is under way", "is answered", "is refused", "has timed out"};
    struct call *call = &world->calls[number];
    call->outcome = outcome;
    corps__retries_end(&world->callers[call->caller].retries, &call->retry);
    sim_note(world->sim, "caller %u: %u.%u %s", call->caller, call->caller, (uint32_t)call->id, words[outcome]);
    if (outcome != ANSWERED && outcome != REFUSED && call->start_ns >= CALM_NS) {
        sim_fault(world->sim, "call %u.%u has no answer though all is well", call->caller, (uint32_t)call->id);
    }
    if (outcome == REFUSED && call->runs > 0 && world->mode != ENV_FORGETS) {
        sim_fault(world->sim, "call %u.%u is refused, and has had its effect", call->caller, (uint32_t)call->id);
    }
    if (outcome == ANSWERED && call->runs == 0) {
        sim_fault(world->sim, "call %u.%u was answered and has had no effect", call->caller, (uint32_t)call->id);
    }
}

/* A reply says which call it answers, and what was run for it: `what` is call | run << 16 | refused << 32. */
static void on_reply(struct world *world, uint32_t number, uint64_t what) {
    const struct link *link = &world->links[number];
    uint32_t answered = what & 0xffff;
    const struct call *call = &world->calls[answered];
    if (call->caller != link->caller) {
        sim_fault(world->sim, "caller %u gets the answer to call %u.%u", link->caller, call->caller,
                  (uint32_t)call->id);
    }
    if (call->outcome != UNDER_WAY || call->retry.link != number) {
        return;
    }
    if ((what >> 16 & 0xffff) != answered) {
        const struct call *run = &world->calls[what >> 16 & 0xffff];
        sim_fault(world->sim, "call %u.%u gets the result of %u.%u", call->caller, (uint32_t)call->id, run->caller,
                  (uint32_t)run->id);
    }
    end_call(world, answered, what >> 32 != 0 ? REFUSED : ANSWERED);
}

/* ---- the Env ---- */

static void expire(struct world *world) {
    void *reply;
    while (corps__results_expire(&world->results, world->sim->now_ns, &reply)) {
        world->replies -= reply != NULL ? 1 : 0;
    }
}

/* It has an effect now, or, where the Env's state is kept, when that is. */
static void takes_effect(struct world *world, uint32_t number) {
    struct call *call = &world->calls[number];
    call->runs++;
    bool again = world->mode == ENV_FORGETS ? call->last_run_in == world->incarnation : call->runs > 1;
    bool here = world->mode != ENV_FORGETS || call->refused_in == world->incarnation;
    bool refused = call->outcome == REFUSED && here;
    if (again || refused) {
        sim_fault(world->sim, "call %u.%u takes effect %s", call->caller, (uint32_t)call->id,
                  again ? "again" : "although it was refused");
    }
}

/* The first one's. */
static bool has_entry(const struct world *world, const struct conc *conc) {
    const struct call *call = &world->calls[conc->calls[conc->first % CALLS_MAX]];
    const struct corps__result *entry = &world->entries[conc->entries[conc->first % CALLS_MAX]];
    if (entry->state != CORPS__RESULT_RUNNING || entry->key.id != call->id) {
        sim_fault(world->sim, "call %u.%u has no answer yet, and its entry has gone", call->caller, (uint32_t)call->id);
        return false;
    }
    return true;
}

static void start_next(struct world *world, uint32_t number) {
    struct conc *conc = &world->concs[number];
    while (conc->count > 0 && has_entry(world, conc)) {
        uint32_t at = conc->first % CALLS_MAX;
        struct call *call = &world->calls[conc->calls[at]];
        if (conc->deadlines_ns[at] > world->sim->now_ns) {
            sim_note(world->sim, "Worker %u: runs %u.%u", number, call->caller, (uint32_t)call->id);
            if (call->id < conc->last_started[call->caller] && !world->clocks_differ) {
                sim_fault(world->sim, "call %u.%u runs after %u.%u", call->caller, (uint32_t)call->id, call->caller,
                          (uint32_t)conc->last_started[call->caller]);
            }
            conc->last_started[call->caller] = call->id;
            if (world->mode != ENV_KEEPS) {
                takes_effect(world, conc->calls[at]);
            }
            call->last_run_in = world->incarnation;
            bool is_long = !is_calm(world) && sim_chance(world->sim, 3);
            int64_t ns = sim_between(world->sim, 0, is_long ? world->ttl_ns + 8 * SIM_S : 20 * SIM_MS);
            sim_later(world->sim, ns, DONE, number, world->incarnation, conc->calls[at]);
            return;
        }
        corps__results_drop(&world->results, conc->entries[at]); /* late at last */
        conc->first++;
        conc->count--;
    }
}

static void reply_with(struct world *world, uint32_t link, uint32_t call, uint32_t run, bool refused) {
    if (!world->links[link].cut && world->links[link].incarnation == world->incarnation) {
        send_frame(world, REPLY, link, true, call | (uint64_t)run << 16 | (uint64_t)refused << 32);
    }
}

static void on_done(struct world *world, uint32_t number, uint32_t call_number) {
    struct conc *conc = &world->concs[number];
    uint32_t entry = conc->entries[conc->first % CALLS_MAX];
    struct call *call = &world->calls[call_number];
    if (!has_entry(world, conc)) {
        return;
    }
    uint64_t link = corps__results_answer(&world->results, entry, (void *)(uintptr_t)(call_number + 1), REPLY_BYTES);
    world->replies++;
    if (link != call->asked_on) {
        sim_fault(world->sim, "call %u.%u was asked for on link %u, and answered on %u", call->caller,
                  (uint32_t)call->id, call->asked_on, (uint32_t)link);
    }
    if (world->mode == ENV_KEEPS) { /* state and result together, before the answer leaves */
        takes_effect(world, call_number);
        call->kept = true;
        call->result = world->entries[entry];
    }
    conc->first++;
    conc->count--;
    reply_with(world, (uint32_t)link, call_number, call_number, false);
    start_next(world, number);
}

static void on_request(struct world *world, uint32_t link_number, uint32_t call_number) {
    const struct link *link = &world->links[link_number];
    struct call *call = &world->calls[call_number];
    const struct caller *caller = &world->callers[call->caller];
    const struct corps__ask ask = {.key = {{caller->identity[0], caller->identity[1]}, call->id},
                                   .deadline_ns = call->deadline_ns + link->clock_error_ns,
                                   .link = link_number,
                                   .newest_link = world->newest[call->caller]};
    static const char *const words[] = {"run", "runs already", "was answered", "full", "late", "stale", "too far"};
    uint32_t entry = 0;
    enum corps__admission is = corps__results_admit(&world->results, &ask, world->sim->now_ns, &entry);
    if (is == CORPS__ADMIT_FULL) {
        expire(world);
        is = corps__results_admit(&world->results, &ask, world->sim->now_ns, &entry);
    }
    sim_note(world->sim, "Env: %u.%u on link %u: %s", call->caller, (uint32_t)call->id, link_number, words[is]);
    if (is == CORPS__ADMIT_RUN || is == CORPS__ADMIT_RUNNING) {
        call->asked_on = link_number;
    }
    if (is == CORPS__ADMIT_RUN) {
        struct conc *conc = &world->concs[call->conc];
        uint32_t at = (conc->first + conc->count) % CALLS_MAX;
        conc->calls[at] = call_number;
        conc->entries[at] = entry;
        conc->deadlines_ns[at] = ask.deadline_ns;
        if (conc->count++ == 0) {
            start_next(world, call->conc);
        }
    } else if (is == CORPS__ADMIT_ANSWERED) {
        reply_with(world, link_number, call_number, (uint32_t)(uintptr_t)world->entries[entry].reply - 1, false);
    } else if (is == CORPS__ADMIT_FULL) {
        call->refused_in = world->incarnation;
        reply_with(world, link_number, call_number, call_number, true);
    } else if (is == CORPS__ADMIT_TOO_FAR) {
        sim_fault(world->sim, "call %u.%u is refused for its deadline", call->caller, (uint32_t)call->id);
    }
}

static void boot(struct world *world) {
    world->incarnation++;
    world->alive = true;
    world->replies = 0;
    memset(world->newest, 0, sizeof world->newest);
    memset(world->concs, 0, sizeof world->concs);
    corps__results_init(&world->results, world->entries, world->capacity, world->buckets, BUCKETS,
                        (size_t)REPLY_BYTES * world->capacity, world->ttl_ns);
    for (uint32_t i = 0; i < world->call_count; i++) {
        const struct call *call = &world->calls[i];
        if (call->kept && call->result.keep_until_ns > world->sim->now_ns) {
            uint32_t entry;
            if (!corps__results_restore(&world->results, &call->result, &entry)) {
                sim_fault(world->sim, "the result of call %u.%u finds no room", call->caller, (uint32_t)call->id);
            }
            world->replies++;
        }
    }
    sim_note(world->sim, "Env: life %u", world->incarnation);
}

static void on_death(struct world *world) {
    if (!world->alive) {
        return;
    }
    sim_note(world->sim, "Env: dies");
    world->alive = false;
    sim_later(world->sim, sim_between(world->sim, 2 * SIM_MS, 50 * SIM_MS), BOOT, 0, 0, 0);
    for (uint32_t i = 0; i < world->caller_count; i++) {
        lose_link(world, i);
    }
}

/* ---- a world ---- */

static void repeat(struct world *world, enum kind kind, uint32_t a) {
    int64_t ns = sim_between(world->sim, 0, kind == CUT ? world->cut_ns : 4 * SIM_S);
    if (world->sim->now_ns + ns < FAULTS_NS) {
        sim_later(world->sim, ns, (int)kind, a, 0, 0);
    }
}

static void happen(struct world *world, const struct sim_event *event) {
    switch ((enum kind)event->kind) {
    case CALL:
        on_call(world, event->a);
        break;
    case HELLO:
        if (arrives(world, event, false) && event->a > world->newest[world->links[event->a].caller]) {
            world->newest[world->links[event->a].caller] = event->a;
        }
        break;
    case REQUEST:
        if (arrives(world, event, false)) {
            on_request(world, event->a, (uint32_t)event->c);
        }
        break;
    case DONE:
        if (event->b == world->incarnation && world->alive) {
            on_done(world, event->a, (uint32_t)event->c);
        }
        break;
    case REPLY:
        if (arrives(world, event, true)) {
            on_reply(world, event->a, event->c);
        }
        break;
    case DEADLINE:
        if (world->calls[event->a].outcome == UNDER_WAY) {
            end_call(world, event->a, TIMED_OUT);
        }
        break;
    case CUT:
        lose_link(world, event->a);
        repeat(world, CUT, event->a);
        break;
    case CONNECT:
        on_connect(world, event->a);
        break;
    case DEATH:
        on_death(world);
        repeat(world, DEATH, 0);
        break;
    case BOOT:
        boot(world);
        break;
    case TICK:
        expire(world);
        sim_later(world->sim, SIM_S, TICK, 0, 0, 0);
        break;
    }
}

static void judge(struct world *world) {
    for (uint32_t i = 0; i < world->call_count; i++) {
        if (world->calls[i].outcome == UNDER_WAY) {
            sim_fault(world->sim, "call %u.%u never ends", world->calls[i].caller, (uint32_t)world->calls[i].id);
        }
    }
    expire(world);
    if (world->results.count != 0 || world->results.bytes != 0 || world->replies != 0) {
        sim_fault(world->sim, "%u results and %u replies are left", world->results.count, (uint32_t)world->replies);
    }
}

static void retry(struct sim *sim) {
    static struct world world;
    world.sim = sim;
    world.mode = (enum what_dies)sim_below(sim, 3);
    world.clocks_differ = sim_chance(sim, 50);
    world.ttl_ns = sim_between(sim, 3 * SIM_S, 10 * SIM_S);
    world.cut_ns = sim_between(sim, 10 * SIM_MS, sim_chance(sim, 50) ? 100 * SIM_MS : 2 * SIM_S);
    world.capacity = 4u << sim_below(sim, 7);
    world.caller_count = 1 + sim_below(sim, CALLERS_MAX);
    world.call_count = 0;
    world.link_count = 1;
    world.incarnation = 0;
    boot(&world);
    for (uint32_t i = 0; i < world.caller_count; i++) {
        struct caller *caller = &world.callers[i];
        *caller = (struct caller){.identity = {sim_random(sim), sim_random(sim)}};
        on_connect(&world, i);
        sim_later(sim, 0, CALL, i, 0, 0);
        repeat(&world, CUT, i);
    }
    if (world.mode != LINKS_ONLY) {
        repeat(&world, DEATH, 0);
    }
    sim_later(sim, 0, TICK, 0, 0, 0);
    struct sim_event event;
    while (sim->now_ns < END_NS && sim_next(sim, &event)) {
        happen(&world, &event);
    }
    judge(&world);
}

int main(int argc, char **argv) {
    return sim_main(argc, argv, retry, "retry");
}
