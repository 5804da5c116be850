/* sim-etcd: etcd as one state that its majority agrees on, and what lies before it: delays, one-way cuts, answers that
 * are lost though it was done, requests that are done long after whoever asked has given up, a majority that is away,
 * leases whose time begins anew with a new leader or that are revoked early, a former leader that still answers
 * keep-alives. */
#include "etcd.h"

#include <stdlib.h>

#define TTL_NS (5 * SIM_S)
#define REQUEST_NS (7 * SIM_S) /* etcd's own time limit for a request */

/* ---- what the majority agrees on ---- */

static struct kept *kept_of(struct world *world, uint64_t corps_id) {
    return &world->lines[corps_id >> 16].kept[(corps_id & 0xffff) - 1];
}

static void changed(struct world *world) {
    for (uint32_t i = 0; i < world->host_count; i++) {
        sim_later(world->sim, any_delay(world), EVENT_HINT, i, world->hosts[i].boot, 0);
    }
}

static bool is_alive(const struct world *world, uint32_t lease) {
    return lease != 0 && world->leases[lease].is_alive;
}

void engine_revoke(struct world *world, uint32_t number, const char *why) {
    struct lease *lease = &world->leases[number];
    sim_note(world->sim, "etcd: lease %u of host %u %s", number, lease->host, why);
    lease->is_alive = false;
    struct host *host = &world->hosts[lease->host];
    host->key_lease = host->key_lease == number ? 0 : host->key_lease;
    for (uint32_t i = 0; i < world->line_count; i++) {
        for (uint32_t g = 0; g < GENERATIONS_MAX; g++) {
            struct kept *kept = &world->lines[i].kept[g];
            if (kept->owner != 0 && kept->lease == number) {
                kept->owner = 0;
                kept->lease = 0;
            }
        }
    }
    changed(world);
}

void engine_expire(struct world *world) {
    struct sim *sim = world->sim;
    for (uint32_t i = 1; i < world->lease_count && sim->now_ns >= world->etcd_away_ns; i++) {
        if (world->leases[i].is_alive && world->leases[i].expires_ns <= sim->now_ns) {
            engine_revoke(world, i, "has run out");
        }
    }
    sim_later(sim, sim_between(sim, 50 * SIM_MS, 500 * SIM_MS), EVENT_EXPIRE_LEASES, 0, 0, 0);
}

/* Nothing is agreed on for so long; the new leader counts every lease's time from its beginning. */
void engine_away(struct world *world, int64_t length_ns) {
    world->etcd_away_ns = later_of(world->etcd_away_ns, world->sim->now_ns + length_ns);
    for (uint32_t i = 1; i < world->lease_count; i++) {
        world->leases[i].expires_ns = later_of(world->leases[i].expires_ns, world->etcd_away_ns + world->ttl_ns);
    }
}

static uint32_t new_lease(struct world *world, uint32_t host) {
    if (world->lease_count + 1 >= world->lease_capacity) {
        world->lease_capacity = 2 * world->lease_capacity + 64;
        world->leases = realloc(world->leases, world->lease_capacity * sizeof *world->leases);
        if (world->leases == NULL) {
            abort();
        }
    }
    uint32_t number = world->lease_count == 0 ? 1 : world->lease_count;
    world->lease_count = number + 1;
    world->leases[number] =
        (struct lease){.host = host, .is_alive = true, .expires_ns = world->sim->now_ns + world->ttl_ns};
    return number;
}

/* ---- operations ---- */

/* A new lease or a keep-alive; then, in a second stage, the host key is read back: it must hang from this lease. True:
 * the answer is there. */
static bool renew(struct world *world, struct request *request) {
    struct host *host = &world->hosts[request->host];
    if (request->stage > 0) {
        request->err = host->key_lease == request->lease ? CORPS_OK : CORPS_ERR_CLOSED;
        return true;
    }
    request->stage = 1;
    if (request->lease == 0) {
        request->lease = new_lease(world, request->host);
        host->key_lease = request->lease;
        host->key_drained = request->drained;
        changed(world);
    } else if (is_alive(world, request->lease)) {
        world->leases[request->lease].expires_ns = world->sim->now_ns + world->ttl_ns;
        host->key_drained = host->key_lease == request->lease ? request->drained : host->key_drained;
    } else if (host->stale_ns <= world->sim->now_ns) {
        request->err = CORPS_ERR_CLOSED;
        return true;
    }
    return CORPS__PLANTED(KEEP_ALIVE_BELIEVED);
}

static bool name_is_taken(const struct line *line, const struct kept *but) {
    for (uint32_t g = 0; g < GENERATIONS_MAX; g++) {
        if (&line->kept[g] != but && line->kept[g].exists) {
            return true;
        }
    }
    return false;
}

static enum corps_err claim(struct world *world, const struct request *request) {
    struct kept *kept = kept_of(world, request->action.corps_id);
    const struct line *line = &world->lines[request->action.corps_id >> 16];
    uint64_t epoch = request->action.epoch;
    if (!is_alive(world, request->lease)) {
        return CORPS_ERR_CLOSED;
    }
    bool mine = kept->owner != 0 && kept->lease == request->lease;
    if (mine && kept->epoch == epoch) {
        return CORPS_OK;
    }
    if (kept->owner != 0 && !mine) {
        return CORPS_ERR_AGAIN;
    }
    if (epoch != 1 && !kept->exists) {
        return CORPS_ERR_UNKNOWN;
    }
    if (kept->epoch != epoch - 1) {
        return CORPS_ERR_MOVED;
    }
    if (epoch == 1 && name_is_taken(line, kept)) {
        return CORPS_ERR_LIMIT;
    }
    sim_note(world->sim, "etcd: Corps %llx is host %u's in epoch %llu", (unsigned long long)request->action.corps_id,
             request->host, (unsigned long long)epoch);
    *kept = (struct kept){.exists = true,
                          .epoch = epoch,
                          .owner = request->host + 1,
                          .lease = request->lease,
                          .last_host = request->host,
                          .last_boot = request->boot,
                          .wished_host = kept->wished_host,
                          .wished_boot = kept->wished_boot};
    changed(world);
    return CORPS_OK;
}

static enum corps_err give_or_end(struct world *world, const struct request *request) {
    struct kept *kept = kept_of(world, request->action.corps_id);
    bool ends = request->action.what == CORPS__OWNERS_END;
    bool is_held = kept->owner != 0 && kept->lease == request->lease;
    bool is_last = kept->last_host == request->host && kept->last_boot == request->boot && !kept->given;
    if (request->held == 0 || kept->epoch != request->held || !(is_held || (ends && is_last))) {
        return !kept->exists && request->held != 0 ? CORPS_OK : CORPS_ERR_CLOSED;
    }
    sim_note(world->sim, "etcd: Corps %llx is %s by host %u", (unsigned long long)request->action.corps_id,
             ends ? "ended" : "given", request->host);
    kept->owner = 0;
    kept->lease = 0;
    kept->given = true;
    kept->exists = !ends;
    changed(world);
    return CORPS_OK;
}

static uint32_t rank_of(const struct world *world, uint64_t corps_id, uint32_t host) {
    const struct line *line = &world->lines[corps_id >> 16];
    uint32_t living[HOSTS_MAX];
    uint32_t count = 0;
    for (uint32_t i = 0; i < world->host_count; i++) {
        if (world->hosts[i].key_lease != 0 && !world->hosts[i].key_drained && line->means[i]) {
            living[count++] = i + 1;
        }
    }
    return corps__owners_rank(corps_id, host + 1, living, count);
}

static void list(struct world *world, struct request *request) {
    request->seen_count = 0;
    for (uint32_t i = 0; i < ROWS_MAX; i++) {
        uint64_t corps_id = corps_id_of(i / GENERATIONS_MAX, i % GENERATIONS_MAX);
        const struct line *line = &world->lines[i / GENERATIONS_MAX];
        const struct kept *kept = &line->kept[i % GENERATIONS_MAX];
        if (kept->exists) {
            request->seen[request->seen_count++] =
                (struct corps__owners_seen){.corps_id = corps_id,
                                            .epoch = kept->epoch,
                                            .owner = kept->owner,
                                            .mine = kept->owner != 0 && kept->lease == request->lease,
                                            .given = kept->given,
                                            .stays = line->stays,
                                            .restart = line->restart,
                                            .rank = rank_of(world, corps_id, request->host)};
        }
    }
}

/* True: the answer is there. */
static bool is_done(struct world *world, struct request *request) {
    uint64_t corps_id = request->action.corps_id;
    request->err = CORPS_OK;
    switch (request->action.what) {
    case CORPS__OWNERS_RENEW:
        return renew(world, request);
    case CORPS__OWNERS_LIST:
        list(world, request);
        break;
    case CORPS__OWNERS_CLAIM:
        request->err = claim(world, request);
        break;
    case CORPS__OWNERS_READ:
        request->err = !kept_of(world, corps_id)->exists                   ? CORPS_ERR_UNKNOWN
                       : world->lines[corps_id >> 16].unfit[request->host] ? CORPS_ERR_CORRUPT
                                                                           : CORPS_OK;
        break;
    case CORPS__OWNERS_GIVE:
    case CORPS__OWNERS_END:
        request->err = give_or_end(world, request);
        break;
    default:
        abort();
    }
    return true;
}

/* ---- the way ---- */

static void later(struct world *world, int64_t after_ns, enum event_kind kind, uint32_t number) {
    world->requests[number].refs++;
    sim_later(world->sim, after_ns, kind, number, 0, 0);
}

static void unref(struct world *world, uint32_t number) {
    struct request *request = &world->requests[number];
    request->in_use = --request->refs > 0;
}

static uint32_t new_request(struct world *world) {
    for (uint32_t i = 0; i < world->request_count; i++) {
        if (!world->requests[i].in_use) {
            return i;
        }
    }
    if (world->request_count == world->request_capacity) {
        world->request_capacity = 2 * world->request_capacity + 16;
        world->requests = realloc(world->requests, world->request_capacity * sizeof *world->requests);
        if (world->requests == NULL) {
            abort();
        }
    }
    return world->request_count++;
}

/* What the book holds, or has lost. */
static uint64_t known_of(struct host *host, uint64_t corps_id) {
    const uint64_t *held = book_of(host, corps_id);
    return *held != 0 ? *held : host->lost[held - host->book];
}

void engine_ask(struct world *world, uint32_t number, const struct corps__owners_action *action) {
    const struct host *host = &world->hosts[number];
    uint32_t at = new_request(world);
    struct request *request = &world->requests[at];
    uint64_t corps_id = action->corps_id;
    *request = (struct request){.held = corps_id != 0 ? known_of(&world->hosts[number], corps_id) : 0,
                                .in_use = true,
                                .host = number,
                                .boot = host->boot,
                                .action = *action,
                                .sent_ns = world->sim->now_ns,
                                .asked_ns = host_clock(world, number),
                                .lease = host->lease,
                                .drained = host->is_drained};
    int64_t slow_ns = host->slow_until_ns > world->sim->now_ns ? sim_between(world->sim, 0, host->slow_ns) : 0;
    later(world, any_delay(world) + slow_ns, EVENT_REQUEST, at);
    later(world, until_clock(world, number, request->asked_ns + CORPS__OWNERS_OPERATION_NS), EVENT_GIVE_UP, at);
}

/* What comes to a cut, or to a majority that is away, is lost, or comes after it. */
static void wait_or_lose(struct world *world, uint32_t number, enum event_kind kind, int64_t free_ns) {
    struct sim *sim = world->sim;
    const struct request *request = &world->requests[number];
    if (free_ns < request->sent_ns + REQUEST_NS && sim_chance(sim, 60)) {
        later(world, free_ns - sim->now_ns + sim_between(sim, 0, 300 * SIM_MS), kind, number);
    }
}

void engine_request(struct world *world, uint32_t number) {
    struct sim *sim = world->sim;
    struct request *request = &world->requests[number];
    const struct host *host = &world->hosts[request->host];
    /* A keep-alive that a former leader answers needs no majority; everything else waits until it follows the new one.
     */
    bool is_stale = host->stale_ns > sim->now_ns && request->action.what == CORPS__OWNERS_RENEW && request->stage == 0;
    int64_t free_ns = later_of(request->stage == 0 ? host->to_etcd_cut_ns : 0,
                               is_stale ? 0 : later_of(host->stale_ns, world->etcd_away_ns));
    if (free_ns > sim->now_ns) {
        wait_or_lose(world, number, EVENT_REQUEST, free_ns);
    } else if (is_done(world, request)) {
        int64_t slow_ns = host->slow_until_ns > sim->now_ns ? sim_between(sim, 0, host->slow_ns) : 0;
        later(world, any_delay(world) + slow_ns, EVENT_ANSWER, number);
    } else {
        later(world, any_delay(world), EVENT_REQUEST, number);
    }
    unref(world, number);
}

/* Who asked is stopped: it comes when that goes on. True: later. */
static bool is_stopped(struct world *world, uint32_t number, enum event_kind kind) {
    const struct request *request = &world->requests[number];
    int64_t until_ns = world->hosts[request->host].agent_stopped_ns;
    if (until_ns > world->sim->now_ns) {
        later(world, until_ns - world->sim->now_ns, kind, number);
    }
    return until_ns > world->sim->now_ns;
}

static bool is_waited_for(const struct world *world, const struct request *request) {
    const struct host *host = &world->hosts[request->host];
    return !request->is_over && host->agent_runs && host->boot == request->boot;
}

void engine_answer(struct world *world, uint32_t number) {
    struct sim *sim = world->sim;
    struct request *request = &world->requests[number];
    const struct host *host = &world->hosts[request->host];
    if (host->lose_answers_ns > sim->now_ns) {
        sim_note(sim, "host %u: an answer is lost", request->host);
    } else if (host->from_etcd_cut_ns > sim->now_ns) {
        wait_or_lose(world, number, EVENT_ANSWER, host->from_etcd_cut_ns);
    } else if (is_waited_for(world, request) && !is_stopped(world, number, EVENT_ANSWER)) {
        request->is_over = true;
        struct request answer = *request;
        agent_hear(world, &answer);
    }
    unref(world, number);
}

/* An unanswered claim is settled by reading, where that is possible; it may be done later all the same. */
static enum corps_err settle(struct world *world, const struct request *request) {
    struct sim *sim = world->sim;
    const struct host *host = &world->hosts[request->host];
    bool reaches = later_of(later_of(host->to_etcd_cut_ns, host->from_etcd_cut_ns),
                            later_of(host->lose_answers_ns, world->etcd_away_ns)) <= sim->now_ns;
    if (request->action.what != CORPS__OWNERS_CLAIM || !reaches || sim_chance(sim, 40)) {
        return CORPS_ERR_TIMEOUT;
    }
    const struct kept *kept = kept_of(world, request->action.corps_id);
    bool mine = kept->owner != 0 && kept->lease == request->lease && kept->epoch == request->action.epoch;
    return mine ? CORPS_OK : kept->owner != 0 ? CORPS_ERR_AGAIN : CORPS_ERR_TIMEOUT;
}

void engine_give_up(struct world *world, uint32_t number) {
    struct request *request = &world->requests[number];
    if (is_waited_for(world, request) && !is_stopped(world, number, EVENT_GIVE_UP)) {
        struct request late = *request;
        request->is_over = true;
        late.err = settle(world, request);
        agent_hear(world, &late);
    }
    unref(world, number);
}
