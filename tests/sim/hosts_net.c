/* sim-hosts: clocks, and the way of a message. A lane outlives its cuts, as channels do: what was sent before or during
 * one arrives after it, in order. */
#include "hosts.h"

#include <stdlib.h>

int64_t host_clock(const struct world *world, uint32_t host) {
    const struct host *of = &world->hosts[host];
    int64_t now_ns = world->sim->now_ns;
    return of->offset_ns + now_ns + now_ns / 1000000 * of->drift_ppm;
}

int64_t until_clock(const struct world *world, uint32_t host, int64_t at_ns) {
    int64_t left_ns = at_ns - host_clock(world, host);
    return left_ns <= 0 ? 0 : left_ns - left_ns / 1000000 * world->hosts[host].drift_ppm + 1000;
}

static bool is_from_owner(enum message_kind kind) {
    return kind <= CLOSE;
}

static int64_t later_of(int64_t a, int64_t b) {
    return a > b ? a : b;
}

static struct lane *lane_of(struct world *world, const struct message *message) {
    struct host *host = &world->hosts[message->host];
    return is_from_owner(message->kind) ? &host->in[message->corps] : &host->out[message->corps];
}

static void put(struct world *world, uint32_t number, int64_t after_ns) {
    struct sim *sim = world->sim;
    struct lane *lane = lane_of(world, &world->messages[number]);
    lane->last_ns = later_of(lane->last_ns, sim->now_ns + after_ns);
    sim_later(sim, lane->last_ns - sim->now_ns, EVENT_MESSAGE, number, 0, 0);
}

static uint32_t new_message(struct world *world) {
    if (world->free_count > 0) {
        return world->free_messages[--world->free_count];
    }
    if (world->message_count == world->message_capacity) {
        world->message_capacity = 2 * world->message_capacity + 256;
        world->messages = realloc(world->messages, world->message_capacity * sizeof *world->messages);
        world->free_messages = realloc(world->free_messages, world->message_capacity * sizeof *world->free_messages);
        if (world->messages == NULL || world->free_messages == NULL) {
            abort();
        }
    }
    return world->message_count++;
}

/* What is lost on the way is sent again, by TCP: so loss is a delay. */
static int64_t delay_of(struct world *world) {
    struct sim *sim = world->sim;
    bool was_lost = sim->now_ns < world->calm_ns && sim_chance(sim, 2);
    return sim_between(sim, 50000, world->delay_ns) + (was_lost ? sim_between(sim, 200 * SIM_MS, 2 * SIM_S) : 0);
}

/* A stopped agent says it when it goes on. */
void net_send(struct world *world, const struct message *message, int64_t after_ns) {
    uint32_t number = new_message(world);
    world->messages[number] = *message;
    int64_t stopped_ns = world->hosts[message->host].agent_stopped_ns - world->sim->now_ns;
    struct host *host = &world->hosts[message->host];
    if (message->kind == GRANT && host->hold_ns > 0) {
        after_ns += host->hold_ns;
        host->cut_out_ns = later_of(host->cut_out_ns, world->sim->now_ns + 3 * SIM_S);
        host->hold_ns = 0;
    }
    int64_t wait_ns = is_from_owner(message->kind) ? after_ns : later_of(after_ns, stopped_ns);
    put(world, number, wait_ns + delay_of(world));
}

uint32_t net_session(struct world *world) {
    if (world->session_count + 1 >= world->session_capacity) {
        world->session_capacity = 2 * world->session_capacity + 256;
        world->until_ns = realloc(world->until_ns, world->session_capacity * sizeof *world->until_ns);
        if (world->until_ns == NULL) {
            abort();
        }
    }
    uint32_t session = ++world->session_count;
    world->until_ns[session] = 0;
    return session;
}

/* When whoever is to have it could take it; ≤ now: now. */
static int64_t free_at(const struct world *world, const struct message *message) {
    const struct owner *owner = &world->owners[message->corps];
    const struct host *there = &world->hosts[message->host];
    const struct host *home = &world->hosts[owner->host];
    if (is_from_owner(message->kind)) {
        return later_of(later_of(there->cut_in_ns, home->cut_out_ns), there->agent_stopped_ns);
    }
    return later_of(later_of(there->cut_out_ns, home->cut_in_ns), owner->stopped_ns);
}

bool net_arrives(struct world *world, uint32_t number, struct message *message) {
    *message = world->messages[number];
    int64_t free_ns = free_at(world, message);
    if (free_ns > world->sim->now_ns) {
        put(world, number, free_ns - world->sim->now_ns + sim_between(world->sim, 0, 500 * SIM_MS));
        return false;
    }
    world->free_messages[world->free_count++] = number;
    return true;
}
