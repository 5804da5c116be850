/* Batches: entries of 32 bytes, added and taken. */
#include "bench.h"

#include "actor/batch.h"

#include <corps/block.h>

#include <stdlib.h>
#include <string.h>

enum { PAYLOAD = 32, SLOTS = 1024 };

/* What bounds it: a slot for each entry, whose word says that it is there, or free again. */
struct slot {
    _Alignas(64) uint8_t bytes[sizeof(struct corps__batch_entry) + PAYLOAD];
    _Atomic uint64_t word;
};

struct batches {
    struct bench_handover mailbox;
    _Alignas(64) uint8_t from[PAYLOAD];
    _Alignas(64) uint8_t to[PAYLOAD];
    struct slot slots[SLOTS];
    _Alignas(64) size_t written;
    _Alignas(64) size_t read;
};

static void *setup(void) {
    struct batches *batches = aligned_alloc(64, sizeof *batches);
    return batches != NULL ? memset(batches, 0, sizeof *batches) : NULL;
}

static const struct corps__batch_entry head = {.bytes = PAYLOAD, .encoded = true};

static bool add_to(struct corps__batch *batch, const void *from) {
    return corps__batch_put(batch, &head, from, PAYLOAD) && corps__batch_commit(batch, 1);
}

/* As a burst: another batch where this one takes no more. */
static void add_one(struct batches *batches, struct corps__batch **batch) {
    if (*batch != NULL && add_to(*batch, batches->from)) {
        return;
    }
    if (*batch != NULL) {
        corps__batch_leave(*batch);
    }
    *batch = corps__batch_create(NULL, NULL, CORPS_KEEP_NONE);
    if (*batch == NULL || !add_to(*batch, batches->from)) {
        abort(); /* out of memory */
    }
    bench_put(&batches->mailbox, *batch);
}

/* Takes what is in the next batch, until it is gone. How many that were. */
static unsigned take_batch(struct batches *batches) {
    struct corps__batch *batch = bench_take(&batches->mailbox);
    const struct corps__batch_entry *entry = NULL;
    unsigned count = 0;
    for (unsigned known; (known = corps__batch_count(batch, count)) > count;) {
        for (; count < known; count++) {
            entry = corps__batch_next(batch, entry);
            memcpy(batches->to, entry->data, PAYLOAD);
            bench_use(batches->to);
        }
    }
    return count;
}

static void send(struct batches *batches, size_t count) {
    struct corps__batch *batch = NULL;
    for (size_t i = 0; i < count; i++) {
        add_one(batches, &batch);
    }
    if (batch != NULL) {
        corps__batch_leave(batch);
    }
}

static void add_then_take(void *state, unsigned side, size_t count) {
    (void)side;
    for (size_t done = 0, step; done < count; done += step) {
        step = count - done < BENCH_SLOTS ? count - done : BENCH_SLOTS;
        send(state, step);
        for (size_t taken = 0; taken < step;) {
            taken += take_batch(state);
        }
    }
}

static void add_and_take(void *state, unsigned side, size_t count) {
    if (side == 0) {
        send(state, count);
        return;
    }
    for (size_t taken = 0; taken < count;) {
        taken += take_batch(state);
    }
}

static void write_slot(struct batches *batches) {
    unsigned rounds = 0;
    struct slot *slot = &batches->slots[batches->written++ % SLOTS];
    while (atomic_load_explicit(&slot->word, memory_order_acquire) != 0) {
        bench_relax(&rounds);
    }
    memcpy(slot->bytes, &head, sizeof head);
    memcpy(slot->bytes + sizeof head, batches->from, PAYLOAD);
    atomic_store_explicit(&slot->word, 1, memory_order_release);
}

static void read_slot(struct batches *batches) {
    unsigned rounds = 0;
    struct slot *slot = &batches->slots[batches->read++ % SLOTS];
    while (atomic_load_explicit(&slot->word, memory_order_acquire) == 0) {
        bench_relax(&rounds);
    }
    memcpy(batches->to, slot->bytes + sizeof head, PAYLOAD);
    bench_use(batches->to);
    atomic_store_explicit(&slot->word, 0, memory_order_release);
}

static void write_then_read(void *state, unsigned side, size_t count) {
    (void)side;
    for (size_t i = 0; i < count; i++) {
        write_slot(state);
        read_slot(state);
    }
}

static void write_and_read(void *state, unsigned side, size_t count) {
    for (size_t i = 0; i < count; i++) {
        (side == 0 ? write_slot : read_slot)(state);
    }
}

const struct bench bench_batch[] = {
    {"batch", "an entry of 32 bytes added and taken", "copies to and from slots with a word each", 1, setup,
     add_then_take, write_then_read, free},
    {"batch", "an entry of 32 bytes from one to the other", "copies to and from slots with a word each", 2, setup,
     add_and_take, write_and_read, free},
    {.name = NULL},
};
