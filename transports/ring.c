#include "ring.h"

#include <stdlib.h>

static uint64_t record_bytes(size_t bytes) {
    return (CORPS__RING_WORD + (uint64_t)bytes + CORPS__RING_SLOT - 1) & ~(uint64_t)(CORPS__RING_SLOT - 1);
}

enum corps_err corps__ring_init(struct corps__ring *ring, void *memory, uint64_t bytes, bool producer) {
    *ring = (struct corps__ring){.shared = memory, .data = (uint8_t *)memory + CORPS__RING_HEAD_BYTES, .bytes = bytes};
    if (producer) {
        ring->content = calloc(bytes / CORPS__RING_SLOT / 8, 1);
    }
    return !producer || ring->content != NULL ? CORPS_OK
                                              : corps_error_set(CORPS_ERR_NO_MEMORY, "no memory for a ring's view");
}

void corps__ring_finish(struct corps__ring *ring) {
    free(ring->content);
    ring->content = NULL;
}

/* ---- producer ---- */

/* The slots in (from, to) hold no headers from now on. */
static void mark_content(struct corps__ring *ring, uint64_t from, uint64_t to) {
    for (uint64_t at = from + CORPS__RING_SLOT; at < to; at += CORPS__RING_SLOT) {
        uint64_t slot = (at & (ring->bytes - 1)) / CORPS__RING_SLOT;
        ring->content[slot / 8] |= (uint8_t)(1u << slot % 8);
    }
}

/* Is there room for `bytes` more, and for the word after them that commit clears? */
static enum corps_err make_ring_room(struct corps__ring *ring, uint64_t bytes) {
    if (ring->position + bytes + CORPS__RING_SLOT - ring->known <= ring->bytes) {
        return CORPS_OK;
    }
    /* Acquire: what the consumer read comes before we overwrite it. Pairs with the store in corps__ring_release. */
    uint64_t head = atomic_load_explicit(&ring->shared->head, memory_order_acquire);
    if (head < ring->known || head > ring->position || head % CORPS__RING_SLOT != 0) {
        return corps_error_set(CORPS_ERR_PROTOCOL, "a peer says that it has read what was never written");
    }
    ring->known = head;
    return ring->position + bytes + CORPS__RING_SLOT - head <= ring->bytes ? CORPS_OK : CORPS_ERR_FULL;
}

enum corps_err corps__ring_reserve(struct corps__ring *ring, size_t bytes, void **memory) {
    uint64_t wanted = record_bytes(bytes);
    uint64_t to_end = ring->bytes - (ring->position & (ring->bytes - 1));
    uint64_t padding = wanted > to_end ? to_end : 0;
    enum corps_err err = make_ring_room(ring, padding + wanted);
    if (err != CORPS_OK) {
        return err;
    }
    ring->padding = padding;
    ring->reserved = wanted;
    *memory = ring->data + ((ring->position + padding) & (ring->bytes - 1)) + CORPS__RING_WORD;
    return CORPS_OK;
}

void corps__ring_commit(struct corps__ring *ring, size_t bytes, enum corps__record kind) {
    uint64_t start = ring->position;
    uint64_t record = start + ring->padding;
    uint64_t next = record + record_bytes(bytes);
    mark_content(ring, record, record + ring->reserved);
    /* Cleared before the commit: once the consumer sees this record it will look there. */
    corps__ring_clear_content(ring, next);
    if (ring->padding > 0) {
        mark_content(ring, start, record);
        /* Not visible before the padding is: the consumer has not passed that yet. That lies at slot 0, which always
         * begins with a header. */
        atomic_store_explicit(corps__ring_at(ring, record), corps__ring_word(record, bytes, kind),
                              memory_order_relaxed);
        atomic_store_explicit(corps__ring_at(ring, start),
                              corps__ring_word(start, (size_t)ring->padding - CORPS__RING_WORD, CORPS__RECORD_PAD),
                              memory_order_release);
    } else {
        /* Release: content and cleared word come first. Pairs with the acquire load in corps__ring_peek. Model:
         * ring_sleep.pml, step C1. */
        atomic_store_explicit(corps__ring_at(ring, record), corps__ring_word(record, bytes, kind),
                              memory_order_release);
    }
    ring->position = next;
    ring->reserved = ring->padding = 0;
}

enum corps__ring_sleep corps__ring_consumer_sleeps(struct corps__ring *ring) {
    /* The commit comes before we look at `asleep`; pairs with the fence in corps__ring_arm. Model: ring_sleep.pml,
     * steps C2 and C3. */
    atomic_thread_fence(memory_order_seq_cst);
    if (atomic_load_explicit(&ring->shared->asleep, memory_order_relaxed) == CORPS__RING_AWAKE) {
        return CORPS__RING_AWAKE;
    }
    uint32_t how = atomic_exchange(&ring->shared->asleep, CORPS__RING_AWAKE);
    return how == CORPS__RING_AWAKE || how == CORPS__RING_ON_WORD ? (enum corps__ring_sleep)how
                                                                  : CORPS__RING_ON_DOORBELL;
}

void corps__ring_want_doorbell(struct corps__ring *ring) {
    atomic_store_explicit(&ring->shared->wants_space, 1, memory_order_relaxed);
    /* Comes before we look at `head` again; pairs with the fence in corps__ring_producer_waits. Model: ring_sleep.pml,
     * steps W1, W2 and W3. */
    atomic_thread_fence(memory_order_seq_cst);
}

void corps__ring_want_space(struct corps__ring *ring) {
    atomic_store_explicit(&ring->wanted_at, ring->position, memory_order_relaxed);
    corps__ring_want_doorbell(ring);
}

/* A head that makes no sense counts as room: the next send finds it broken and says so. */
static bool room_now(struct corps__ring *ring) {
    uint64_t head = atomic_load_explicit(&ring->shared->head, memory_order_relaxed);
    uint64_t position = atomic_load_explicit(&ring->wanted_at, memory_order_relaxed);
    return position - head <= ring->bytes / 2 - CORPS__RING_SLOT || position - head > ring->bytes;
}

bool corps__ring_has_room(struct corps__ring *ring) {
    if (room_now(ring)) {
        return true;
    }
    corps__ring_want_doorbell(ring);
    return room_now(ring);
}

/* ---- consumer ---- */

/* A header word that is not this position's: an earlier lap's, or what a peer must not have written. */
static enum corps_err not_yet(const struct corps__ring *ring, uint64_t word) {
    uint64_t behind = (corps__ring_mark(ring->position) - (word >> CORPS__RING_MARK_SHIFT)) & CORPS__RING_MARK_MASK;
    return word == 0 || (behind & (ring->bytes / CORPS__RING_SLOT - 1)) == 0
               ? CORPS_ERR_EMPTY
               : corps_error_set(CORPS_ERR_PROTOCOL, "a peer has written to shared memory what is no record");
}

enum corps_err corps__ring_peek(struct corps__ring *ring, const uint8_t **data, size_t *bytes,
                                enum corps__record *kind) {
    for (;;) {
        uint64_t word = atomic_load_explicit(corps__ring_at(ring, ring->position), memory_order_acquire);
        if (word >> CORPS__RING_MARK_SHIFT != corps__ring_mark(ring->position) || word == 0) {
            return not_yet(ring, word);
        }
        /* The second line is on its way while the first is looked at. Not sooner: while it is empty it is the
         * producer's. */
        __builtin_prefetch(corps__ring_at(ring, ring->position) + CORPS__RING_LINE / sizeof word);
        size_t length = (size_t)(word & UINT32_MAX);
        uint64_t what = word >> 32 & 0xf;
        uint64_t to_end = ring->bytes - (ring->position & (ring->bytes - 1));
        if (what < CORPS__RECORD_WHOLE || what > CORPS__RECORD_REMOTE || record_bytes(length) > to_end) {
            return corps_error_set(CORPS_ERR_PROTOCOL, "a peer has written to shared memory what is no record");
        }
        if (what != CORPS__RECORD_PAD) {
            *data = ring->data + (ring->position & (ring->bytes - 1)) + CORPS__RING_WORD;
            *bytes = length;
            *kind = (enum corps__record)what;
            return CORPS_OK;
        }
        ring->position += record_bytes(length);
    }
}

bool corps__ring_producer_waits(struct corps__ring *ring) {
    /* What was made comes before we look at `wants_space`; pairs with the fence in corps__ring_want_doorbell. Model:
     * ring_sleep.pml, steps R2 and R3. */
    atomic_thread_fence(memory_order_seq_cst);
    return atomic_load_explicit(&ring->shared->wants_space, memory_order_relaxed) != 0 &&
           atomic_exchange(&ring->shared->wants_space, 0) != 0;
}

bool corps__ring_release(struct corps__ring *ring, size_t bytes) {
    ring->position += record_bytes(bytes);
    if (ring->position - ring->known < ring->bytes / 8) {
        return false;
    }
    ring->known = ring->position;
    /* Release: what we read of the record comes first. Pairs with the acquire load in make_ring_room. Model:
     * ring_sleep.pml, step R1. */
    atomic_store_explicit(&ring->shared->head, ring->position, memory_order_release);
    return corps__ring_producer_waits(ring);
}

bool corps__ring_arm(struct corps__ring *ring) {
    atomic_store_explicit(&ring->shared->asleep, CORPS__RING_ON_DOORBELL, memory_order_relaxed);
    /* Comes before we look at the next record; pairs with the fence in corps__ring_consumer_sleeps. Model:
     * ring_sleep.pml, steps B1, B2 and B3. */
    atomic_thread_fence(memory_order_seq_cst);
    uint64_t word = atomic_load_explicit(corps__ring_at(ring, ring->position), memory_order_relaxed);
    return word >> CORPS__RING_MARK_SHIFT != corps__ring_mark(ring->position) || word == 0;
}

bool corps__ring_arm_word(struct corps__ring *ring) {
    /* One word: the producer's exchange comes before this, which then fails, or sees what it is to wake. Model:
     * ring_sleep.pml, step B4. */
    uint32_t armed = CORPS__RING_ON_DOORBELL;
    return atomic_compare_exchange_strong(&ring->shared->asleep, &armed, CORPS__RING_ON_WORD);
}

bool corps__ring_disarm(struct corps__ring *ring) {
    if (atomic_load_explicit(&ring->shared->asleep, memory_order_relaxed) == CORPS__RING_AWAKE) {
        return true;
    }
    atomic_store_explicit(&ring->shared->asleep, CORPS__RING_AWAKE, memory_order_relaxed);
    return false;
}
