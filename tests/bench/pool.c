/* The pool of payloads: 64 KiB, copied and lent. */
#include "bench.h"

#include "pool.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { POOL_BYTES = 1 << 22, PAYLOAD = 1 << 16, PLACES = 8 };

struct pools {
    struct bench_handover way, back;
    struct corps__mapping *mapping;
    struct corps__pool *pool;
    struct corps__extent extents[BENCH_SLOTS * 2]; /* on their way */
    size_t next;
    uint8_t *from, *to, *bare; /* PAYLOAD, PAYLOAD, PLACES × PAYLOAD */
    size_t written;
    _Atomic uint64_t returned;
};

static void teardown(void *state) {
    struct pools *pools = state;
    corps__pool_unref(pools->pool);
    corps__mapping_unref(pools->mapping);
    free(pools->from);
    free(pools->to);
    free(pools->bare);
    free(pools);
}

static uint8_t *touched(size_t bytes) {
    uint8_t *memory = aligned_alloc(4096, bytes);
    return memory != NULL ? memset(memory, 1, bytes) : NULL;
}

static void *setup(void) {
    size_t bytes = CORPS__POOL_HEAD_BYTES + POOL_BYTES;
    struct pools *pools = aligned_alloc(64, sizeof *pools);
    void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (pools == NULL || memory == MAP_FAILED) {
        free(pools);
        return NULL;
    }
    memset(pools, 0, sizeof *pools);
    pools->mapping = corps__mapping_create(memory, bytes);
    pools->pool = pools->mapping != NULL ? corps__pool_create(pools->mapping, memory, POOL_BYTES) : NULL;
    pools->from = touched(PAYLOAD);
    pools->to = touched(PAYLOAD);
    pools->bare = touched((size_t)PLACES * PAYLOAD);
    if (pools->pool == NULL || pools->from == NULL || pools->to == NULL || pools->bare == NULL) {
        teardown(pools);
        return NULL;
    }
    return pools;
}

static struct corps_block *view(struct pools *pools, const struct corps__extent *extent) {
    uint8_t *head;
    struct corps_block *block = corps__pool_view(pools->mapping, pools->mapping->memory, extent, 64, &head);
    if (block == NULL) {
        abort(); /* out of memory */
    }
    return block;
}

static void put(struct pools *pools, const void *data, struct corps__extent *extent) {
    unsigned rounds = 0;
    while (!corps__pool_put(pools->pool, data, PAYLOAD, extent)) {
        bench_relax(&rounds);
    }
}

static void copy_in(void *state, unsigned side, size_t count) {
    (void)side;
    struct pools *pools = state;
    for (size_t i = 0; i < count; i++) {
        struct corps__extent extent;
        put(pools, pools->from, &extent);
        corps_block_unref(view(pools, &extent));
    }
}

static void bare_copy(void *state, unsigned side, size_t count) {
    (void)side;
    struct pools *pools = state;
    for (size_t i = 0; i < count; i++) {
        uint8_t *to = pools->bare + pools->written++ % PLACES * PAYLOAD;
        memcpy(to, pools->from, PAYLOAD);
        bench_use(to);
    }
}

static void lend(void *state, unsigned side, size_t count) {
    (void)side;
    struct pools *pools = state;
    for (size_t i = 0; i < count; i++) {
        struct corps__extent extent;
        struct corps_block *loan = corps__pool_loan(pools->pool, PAYLOAD);
        if (loan == NULL) {
            abort(); /* all were given back */
        }
        put(pools, loan->data, &extent);
        corps_block_unref(loan);
        corps_block_unref(view(pools, &extent));
    }
}

/* A bit set by the one and taken by the other. */
static void give_bit(void *state, unsigned side, size_t count) {
    (void)side;
    struct pools *pools = state;
    for (size_t i = 0; i < count; i++) {
        atomic_fetch_or_explicit(&pools->returned, 1, memory_order_release);
        uint64_t bits = atomic_exchange_explicit(&pools->returned, 0, memory_order_acquire);
        bench_use(&bits);
    }
}

static void send_copies(void *state, unsigned side, size_t count) {
    struct pools *pools = state;
    for (size_t i = 0; i < count; i++) {
        if (side == 0) {
            struct corps__extent *extent = &pools->extents[pools->next++ % (BENCH_SLOTS * 2)];
            put(pools, pools->from, extent);
            bench_put(&pools->way, extent);
        } else {
            struct corps_block *block = view(pools, bench_take(&pools->way));
            memcpy(pools->to, block->data, PAYLOAD);
            bench_use(pools->to);
            corps_block_unref(block);
        }
    }
}

/* The same with extents that come back one by one. */
static void send_bare_copies(void *state, unsigned side, size_t count) {
    struct pools *pools = state;
    for (size_t i = 0; i < count; i++) {
        if (side == 0) {
            uint8_t *to = i < PLACES ? pools->bare + i * PAYLOAD : bench_take(&pools->back);
            memcpy(to, pools->from, PAYLOAD);
            bench_put(&pools->way, to);
        } else {
            uint8_t *extent = bench_take(&pools->way);
            memcpy(pools->to, extent, PAYLOAD);
            bench_use(pools->to);
            if (i + PLACES < count) {
                bench_put(&pools->back, extent);
            }
        }
    }
}

const struct bench bench_pool[] = {
    {"pool", "64 KiB put, viewed and given back", "a memcpy of 64 KiB", 1, setup, copy_in, bare_copy, teardown},
    {"pool", "64 KiB lent, put where they lie, viewed and given back", "an atomic or and an exchange", 1, setup, lend,
     give_bit, teardown},
    {"pool", "64 KiB copied in by one, out by the other", "the same two copies in 8 places", 2, setup, send_copies,
     send_bare_copies, teardown},
    {.name = NULL},
};
