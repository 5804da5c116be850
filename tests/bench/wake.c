/* The wake policy: what a wait asks it and tells it. */
#include "bench.h"

#include "wait/wake.h"

#include <stdatomic.h>
#include <stdlib.h>

struct policy {
    struct corps__spin spin;
    _Atomic uint64_t word;
};

static void *setup(void) {
    struct policy *policy = calloc(1, sizeof *policy);
    if (policy != NULL) {
        corps__spin_init(&policy->spin);
    }
    return policy;
}

static void ask_and_tell(void *state, unsigned side, size_t count) {
    struct policy *policy = state;
    (void)side;
    for (size_t i = 0; i < count; i++) {
        int64_t budget_ns = corps__spin_budget_ns(&policy->spin);
        corps__spin_result(&policy->spin, budget_ns > 0 && i % 3 != 0, budget_ns / 2);
    }
}

static void add(void *state, unsigned side, size_t count) {
    struct policy *policy = state;
    (void)side;
    for (size_t i = 0; i < count; i++) {
        atomic_fetch_add(&policy->word, 1);
    }
}

const struct bench bench_wake[] = {
    {"wake", "a budget asked for and a result told", "an atomic addition", 1, setup, ask_and_tell, add, free},
    {.name = NULL},
};
