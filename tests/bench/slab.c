/* Slabs: objects of 128 bytes, which nothing else in this program makes. */
#include "bench.h"

#include "base/slab.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

static const struct corps__slab_source source = {.bytes = 128};

struct slabs {
    struct bench_handover way;
    _Alignas(64) void *_Atomic only; /* an object, where a slot holds one */
};

static void *setup(void) {
    struct slabs *slabs = aligned_alloc(64, sizeof *slabs);
    if (slabs != NULL) {
        memset(slabs, 0, sizeof *slabs);
        slabs->only = slabs;
    }
    return slabs;
}

static void take_and_give(void *state, unsigned side, size_t count) {
    (void)state, (void)side;
    for (size_t i = 0; i < count; i++) {
        void *object = corps__slab_take(CORPS__SLAB_MESSAGE, &source);
        bench_use(object);
        corps__slab_give(CORPS__SLAB_MESSAGE, &source, object);
    }
}

/* What threads that shared one free object could do at best. */
static void exchange(void *state, unsigned side, size_t count) {
    (void)side;
    struct slabs *slabs = state;
    for (size_t i = 0; i < count; i++) {
        void *object = atomic_exchange_explicit(&slabs->only, NULL, memory_order_acquire);
        bench_use(object);
        atomic_store_explicit(&slabs->only, object, memory_order_release);
    }
}

static void make_here_free_there(void *state, unsigned side, size_t count) {
    struct slabs *slabs = state;
    for (size_t i = 0; i < count; i++) {
        if (side == 0) {
            bench_put(&slabs->way, corps__slab_take(CORPS__SLAB_MESSAGE, &source));
        } else {
            corps__slab_give(CORPS__SLAB_MESSAGE, &source, bench_take(&slabs->way));
        }
    }
}

static void hand_over(void *state, unsigned side, size_t count) {
    struct slabs *slabs = state;
    for (size_t i = 0; i < count; i++) {
        if (side == 0) {
            bench_put(&slabs->way, slabs);
        } else {
            bench_use(bench_take(&slabs->way));
        }
    }
}

const struct bench bench_slab[] = {
    {"slab", "an object taken and given back", "an atomic exchange and a store", 1, setup, take_and_give, exchange,
     free},
    {"slab", "an object taken by one, given back by the other", "a pointer handed over", 2, setup, make_here_free_there,
     hand_over, free},
    {.name = NULL},
};
