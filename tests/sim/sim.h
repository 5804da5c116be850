/* Simulations: shipped deciding code over a virtual world, from one seed.
 *
 * A world has a clock, a queue of what is to happen, and random numbers; all of it follows from the seed, so a seed
 * that fails is a whole report: `sim-… --seed N --trace` shows the same again, line for line. Oracles look at what the
 * code decides and call sim_fault, which keeps the first fault and ends the run.
 */
#ifndef SIM_H
#define SIM_H

#include <stdbool.h>
#include <stdint.h>

#define SIM_MS INT64_C(1000000)
#define SIM_S INT64_C(1000000000)

/* What is to happen; `kind` and the numbers are the world's. */
struct sim_event {
    int64_t at_ns;
    uint64_t order; /* of those at the same time */
    int kind;
    uint32_t a, b;
    uint64_t c;
};

struct sim {
    uint64_t seed;
    uint64_t random[4];
    int64_t now_ns;
    bool trace; /* print it */
    uint64_t trace_hash, trace_count;
    char fault[512]; /* "": none */
    struct sim_event *queue;
    uint32_t queue_count, queue_capacity;
    uint64_t order;
};

/* A world: made, run and judged from sim->seed; must free what it has. */
typedef void (*sim_world)(struct sim *sim);

/* Runs one seed. */
void sim_run(struct sim *sim, uint64_t seed, bool trace, sim_world world);
void sim_free(struct sim *sim);

uint64_t sim_random(struct sim *sim);
uint32_t sim_below(struct sim *sim, uint32_t count);               /* 0 … count − 1 */
int64_t sim_between(struct sim *sim, int64_t least, int64_t most); /* both included */
bool sim_chance(struct sim *sim, uint32_t percent);

/* Something is to happen `after_ns` from now. */
void sim_later(struct sim *sim, int64_t after_ns, int kind, uint32_t a, uint32_t b, uint64_t c);

/* The next thing, whose time it then is; false: nothing is to come, or there was a fault. */
bool sim_next(struct sim *sim, struct sim_event *event);

/* A line of the trace; the first fault. */
void sim_note(struct sim *sim, const char *format, ...) __attribute__((format(printf, 2, 3)));
void sim_fault(struct sim *sim, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The program: [--first N] [--seeds COUNT] [--seed N] [--trace]; in a build with mistakes (base/plant.h) also --plants,
 * which makes each of this simulation's in turn, and --plant N. Exit status: 0, 1 where a seed failed or a mistake was
 * not found, 2 for wrong usage. */
int sim_main(int argc, char **argv, sim_world world, const char *simulation);

#endif
