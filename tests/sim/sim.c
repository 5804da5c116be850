#include "sim.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- random numbers: xoshiro256**, seeded by splitmix64 (Blackman, Vigna: https://prng.di.unimi.it) ---- */

static uint64_t splitmix(uint64_t *state) {
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static uint64_t rotate(uint64_t x, int by) {
    return (x << by) | (x >> (64 - by));
}

uint64_t sim_random(struct sim *sim) {
    uint64_t *s = sim->random;
    uint64_t result = rotate(s[1] * 5, 7) * 9;
    uint64_t t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotate(s[3], 45);
    return result;
}

uint32_t sim_below(struct sim *sim, uint32_t count) {
    return (uint32_t)((sim_random(sim) >> 32) * count >> 32);
}

int64_t sim_between(struct sim *sim, int64_t least, int64_t most) {
    return least + (int64_t)(sim_random(sim) % (uint64_t)(most - least + 1));
}

bool sim_chance(struct sim *sim, uint32_t percent) {
    return sim_below(sim, 100) < percent;
}

/* ---- the queue: a binary heap ---- */

static bool is_before(const struct sim_event *a, const struct sim_event *b) {
    return a->at_ns != b->at_ns ? a->at_ns < b->at_ns : a->order < b->order;
}

void sim_later(struct sim *sim, int64_t after_ns, int kind, uint32_t a, uint32_t b, uint64_t c) {
    if (sim->queue_count == sim->queue_capacity) {
        sim->queue_capacity = 2 * sim->queue_capacity + 64;
        sim->queue = realloc(sim->queue, sim->queue_capacity * sizeof *sim->queue);
        if (sim->queue == NULL) {
            abort();
        }
    }
    struct sim_event event = {sim->now_ns + after_ns, sim->order++, kind, a, b, c};
    uint32_t at = sim->queue_count++;
    while (at > 0 && is_before(&event, &sim->queue[(at - 1) / 2])) {
        sim->queue[at] = sim->queue[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    sim->queue[at] = event;
}

bool sim_next(struct sim *sim, struct sim_event *event) {
    if (sim->queue_count == 0 || sim->fault[0] != '\0') {
        return false;
    }
    *event = sim->queue[0];
    struct sim_event last = sim->queue[--sim->queue_count];
    uint32_t at = 0;
    for (uint32_t child = 1; child < sim->queue_count; child = 2 * at + 1) {
        if (child + 1 < sim->queue_count && is_before(&sim->queue[child + 1], &sim->queue[child])) {
            child++;
        }
        if (!is_before(&sim->queue[child], &last)) {
            break;
        }
        sim->queue[at] = sim->queue[child];
        at = child;
    }
    if (sim->queue_count > 0) {
        sim->queue[at] = last;
    }
    sim->now_ns = event->at_ns;
    return true;
}

/* ---- the trace ---- */

void sim_note(struct sim *sim, const char *format, ...) {
    char line[600];
    int length = snprintf(line, sizeof line, "%12.6f ", (double)sim->now_ns / 1e9);
    va_list args;
    va_start(args, format);
    (void)vsnprintf(line + length, sizeof line - (size_t)length, format, args);
    va_end(args);
    for (const char *at = line; *at != '\0'; at++) { /* FNV-1a */
        sim->trace_hash = (sim->trace_hash ^ (uint8_t)*at) * UINT64_C(0x100000001b3);
    }
    sim->trace_count++;
    if (sim->trace) {
        puts(line);
    }
}

void sim_fault(struct sim *sim, const char *format, ...) {
    if (sim->fault[0] != '\0') {
        return;
    }
    va_list args;
    va_start(args, format);
    (void)vsnprintf(sim->fault, sizeof sim->fault, format, args);
    va_end(args);
    sim_note(sim, "FAULT %s", sim->fault);
}

void sim_run(struct sim *sim, uint64_t seed, bool trace, sim_world world) {
    struct sim_event *queue = sim->queue; /* memory is kept from run to run */
    uint32_t capacity = sim->queue_capacity;
    *sim = (struct sim){.seed = seed, .trace = trace, .queue = queue, .queue_capacity = capacity};
    uint64_t state = seed;
    for (int i = 0; i < 4; i++) {
        sim->random[i] = splitmix(&state);
    }
    sim->trace_hash = UINT64_C(0xcbf29ce484222325);
    world(sim);
}

void sim_free(struct sim *sim) {
    free(sim->queue);
    sim->queue = NULL;
}
