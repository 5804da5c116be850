#include "sim.h"

#include "base/plant.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The program of a simulation. */

extern enum corps__plant corps__sim_plant; /* where the library's own code does not look at it */
enum corps__plant corps__sim_plant;

static const struct {
    enum corps__plant number;
    const char *simulation, *text;
} plants[] = {
#define ROW(name, simulation, text) {CORPS__PLANT_##name, simulation, text},
    CORPS__PLANTS(ROW)
#undef ROW
};

struct choice {
    uint64_t first, count;
    bool one, trace, plants;
};

static bool parse(int argc, char **argv, struct choice *choice) {
    for (int i = 1; i < argc; i++) {
        const char *next = i + 1 < argc ? argv[i + 1] : NULL;
        if (strcmp(argv[i], "--trace") == 0) {
            choice->trace = true;
        } else if (strcmp(argv[i], "--plants") == 0) {
            choice->plants = true;
        } else if (next != NULL && strcmp(argv[i], "--seed") == 0) {
            choice->first = strtoull(argv[++i], NULL, 10);
            choice->count = 1;
            choice->one = true;
        } else if (next != NULL && strcmp(argv[i], "--first") == 0) {
            choice->first = strtoull(argv[++i], NULL, 10);
        } else if (next != NULL && strcmp(argv[i], "--seeds") == 0) {
            choice->count = strtoull(argv[++i], NULL, 10);
        } else if (next != NULL && strcmp(argv[i], "--plant") == 0) {
            corps__sim_plant = (enum corps__plant)atoi(argv[++i]);
        } else {
            return false;
        }
    }
    return true;
}

/* A seed that fails must fail again in the same way, or its trace would show something else. */
static bool replays(struct sim *sim, sim_world world) {
    struct sim again = {0};
    sim_run(&again, sim->seed, false, world);
    bool same = again.trace_hash == sim->trace_hash && strcmp(again.fault, sim->fault) == 0;
    sim_free(&again);
    return same;
}

static int run_seeds(const struct choice *choice, const char *program, sim_world world) {
    struct sim sim = {0};
    uint64_t lines = 0;
    for (uint64_t i = 0; i < choice->count; i++) {
        sim_run(&sim, choice->first + i, choice->trace, world);
        lines += sim.trace_count;
        if (sim.fault[0] != '\0' || (i == 0 && !replays(&sim, world))) {
            bool same = replays(&sim, world);
            printf("seed %" PRIu64 ": %s\n", sim.seed, same ? sim.fault : "two runs of it differ");
            printf("see it: %s --seed %" PRIu64 " --trace\n", program, sim.seed);
            sim_free(&sim);
            return 1;
        }
    }
    printf("%" PRIu64 " seeds from %" PRIu64 ", %" PRIu64 " lines of trace (%016" PRIx64 "), no fault\n", choice->count,
           choice->first, lines, sim.trace_hash);
    sim_free(&sim);
    return 0;
}

/* How many seeds find this mistake, by a fault that replays. */
static uint64_t find_plant(const struct choice *choice, sim_world world, struct sim *sim, char *fault, size_t bytes) {
    uint64_t found = 0;
    for (uint64_t i = 0; i < choice->count; i++) {
        sim_run(sim, choice->first + i, false, world);
        if (sim->fault[0] != '\0' && replays(sim, world)) {
            if (found++ == 0) {
                (void)snprintf(fault, bytes, "seed %" PRIu64 ": %s", sim->seed, sim->fault);
            }
        }
    }
    return found;
}

static int find_plants(const struct choice *choice, sim_world world, const char *simulation) {
    struct sim sim = {0};
    int tried = 0;
    int missed = 0;
    for (size_t i = 0; i < sizeof plants / sizeof plants[0]; i++) {
        if (strcmp(plants[i].simulation, simulation) != 0) {
            continue;
        }
        char fault[sizeof sim.fault + 32] = "not found";
        corps__sim_plant = plants[i].number;
        uint64_t found = find_plant(choice, world, &sim, fault, sizeof fault);
        printf("%d, %s: %" PRIu64 " of %" PRIu64 " seeds; %s\n", plants[i].number, plants[i].text, found, choice->count,
               fault);
        tried++;
        missed += found == 0 ? 1 : 0;
    }
    corps__sim_plant = CORPS__PLANT_NONE;
    sim_free(&sim);
    return tried == 0 || missed > 0 ? 1 : 0;
}

int sim_main(int argc, char **argv, sim_world world, const char *simulation) {
    struct choice choice = {.first = 1, .count = 2000};
    if (!parse(argc, argv, &choice)) {
        fprintf(stderr, "usage: %s [--first N] [--seeds COUNT] | --seed N [--trace] [--plant N] | --plants\n", argv[0]);
        return 2;
    }
    return choice.plants ? find_plants(&choice, world, simulation) : run_seeds(&choice, argv[0], world);
}
