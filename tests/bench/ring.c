/* The single-producer ring: records that fill a cache line with their word, written and read with a copy. */
#include "bench.h"

#include "ring.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum { RING_BYTES = 1 << 16, PAYLOAD = 56, SLOTS = RING_BYTES / CORPS__RING_SLOT };

/* What no ring can do without: a slot for each record, whose word says that it is there; and that slots are free again,
 * said an eighth of them at a time. */
struct slot {
    _Alignas(CORPS__RING_SLOT) uint8_t payload[PAYLOAD];
    _Atomic uint64_t word;
};

struct rings {
    void *memory;
    struct slot *slots;
    _Alignas(128) size_t written; /* slots, ever */
    size_t known;                 /* `freed` as last seen by who writes */
    _Alignas(128) size_t read;
    _Alignas(128) _Atomic size_t freed;
    _Alignas(128) struct corps__ring out;
    _Alignas(128) struct corps__ring in;
    _Alignas(128) uint8_t from[PAYLOAD];
    _Alignas(128) uint8_t to[PAYLOAD];
};

static void teardown(void *state) {
    struct rings *rings = state;
    corps__ring_finish(&rings->out);
    free(rings->slots);
    free(rings->memory);
    free(rings);
}

static void *setup(void) {
    struct rings *rings = aligned_alloc(128, sizeof *rings);
    if (rings == NULL) {
        return NULL;
    }
    memset(rings, 0, sizeof *rings);
    rings->memory = aligned_alloc(4096, CORPS__RING_HEAD_BYTES + RING_BYTES);
    rings->slots = aligned_alloc(4096, sizeof(struct slot) * SLOTS);
    if (rings->memory == NULL || rings->slots == NULL) {
        teardown(rings);
        return NULL;
    }
    memset(rings->memory, 0, CORPS__RING_HEAD_BYTES + RING_BYTES);
    memset(rings->slots, 0, sizeof(struct slot) * SLOTS);
    if (corps__ring_init(&rings->out, rings->memory, RING_BYTES, true) != CORPS_OK ||
        corps__ring_init(&rings->in, rings->memory, RING_BYTES, false) != CORPS_OK) {
        teardown(rings);
        return NULL;
    }
    return rings;
}

static void send_one(struct rings *rings) {
    unsigned rounds = 0;
    void *memory;
    while (corps__ring_reserve(&rings->out, PAYLOAD, &memory) != CORPS_OK) {
        bench_relax(&rounds);
    }
    memcpy(memory, rings->from, PAYLOAD);
    corps__ring_commit(&rings->out, PAYLOAD, CORPS__RECORD_WHOLE);
}

static void receive_one(struct rings *rings) {
    unsigned rounds = 0;
    const uint8_t *data;
    size_t bytes;
    enum corps__record kind;
    while (corps__ring_peek(&rings->in, &data, &bytes, &kind) != CORPS_OK) {
        bench_relax(&rounds);
    }
    memcpy(rings->to, data, PAYLOAD);
    bench_use(rings->to);
    corps__ring_release(&rings->in, bytes);
}

static void write_slot(struct rings *rings) {
    unsigned rounds = 0;
    while (rings->written - rings->known == SLOTS) {
        rings->known = atomic_load_explicit(&rings->freed, memory_order_acquire);
        bench_relax(&rounds);
    }
    struct slot *slot = &rings->slots[rings->written++ % SLOTS];
    memcpy(slot->payload, rings->from, PAYLOAD);
    atomic_store_explicit(&slot->word, rings->written, memory_order_release);
}

static void read_slot(struct rings *rings) {
    unsigned rounds = 0;
    struct slot *slot = &rings->slots[rings->read++ % SLOTS];
    while (atomic_load_explicit(&slot->word, memory_order_acquire) != rings->read) {
        bench_relax(&rounds);
    }
    memcpy(rings->to, slot->payload, PAYLOAD);
    bench_use(rings->to);
    if (rings->read % (SLOTS / 8) == 0) {
        atomic_store_explicit(&rings->freed, rings->read, memory_order_release);
    }
}

static void through_ring(void *state, unsigned side, size_t count) {
    (void)side;
    for (size_t i = 0; i < count; i++) {
        send_one(state);
        receive_one(state);
    }
}

static void through_slots(void *state, unsigned side, size_t count) {
    (void)side;
    for (size_t i = 0; i < count; i++) {
        write_slot(state);
        read_slot(state);
    }
}

static void stream_by_ring(void *state, unsigned side, size_t count) {
    for (size_t i = 0; i < count; i++) {
        (side == 0 ? send_one : receive_one)(state);
    }
}

static void stream_by_slots(void *state, unsigned side, size_t count) {
    for (size_t i = 0; i < count; i++) {
        (side == 0 ? write_slot : read_slot)(state);
    }
}

const struct bench bench_ring[] = {
    {"ring", "a record of 56 bytes put and taken", "copies to and from slots with a word each", 1, setup, through_ring,
     through_slots, teardown},
    {"ring", "a record of 56 bytes from one to the other", "copies to and from slots with a word each", 2, setup,
     stream_by_ring, stream_by_slots, teardown},
    {.name = NULL},
};
