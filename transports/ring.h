/* A ring of records in shared memory: one producer, one consumer, in two processes that do not trust each other's
 * writes.
 *
 * Records start on slots of 128 bytes, a pair of cache lines that the processor fetches together: a call of 64 bytes
 * fits in one. The first 8 bytes of a record are its header word: length, kind and a mark that tells the position. The
 * consumer looks at one word only, the header of the next record; there is no shared tail. A word whose mark is that of
 * an earlier lap means "not committed", as 0 does. Where the last lap left content instead of a header, in the middle
 * of a record, the producer clears the word before it commits the record in front of it; it keeps a bit for each slot
 * to know. So for short records nothing is cleared, and the consumer's look at the next one moves no line. Records do
 * not wrap: a padding record fills up the end. The consumer publishes how far it is (head) an eighth of the ring at a
 * time, and the producer keeps a copy of it: so the two share no line per message but the message's own.
 *
 * Sleeping: a side that is going to sleep sets its flag (asleep: consumer, wants_space: producer) and looks once more;
 * the other side looks at the flag after what it did and rings a doorbell if it is set. Between the two steps each side
 * has a full fence: it is Dekker's pattern, and at least one of the two sees the other. A consumer that waits for this
 * producer above all may sleep on `asleep` itself, a futex: then no doorbell is rung, but that one woken.
 *
 * Everything read from shared memory is checked: a bad word or head is PROTOCOL, never a crash.
 */
#ifndef CORPS_RING_H
#define CORPS_RING_H

#include <corps/transport.h>

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The header word: length in the low 32 bits, kind in 4, position mark in 28. */
#define CORPS__RING_MARK_SHIFT 36
#define CORPS__RING_MARK_MASK UINT64_C(0x0fffffff)

enum { CORPS__RING_SLOT = 128, CORPS__RING_LINE = 64, CORPS__RING_WORD = 8, CORPS__RING_HEAD_BYTES = 4096 };

enum corps__record {
    CORPS__RECORD_WHOLE = 1,
    CORPS__RECORD_FIRST = 2,
    CORPS__RECORD_MORE = 3,
    CORPS__RECORD_PAD = 4,
    CORPS__RECORD_POOLED = 5, /* where the frame's last part lies (struct corps__extent), then the rest of the frame */
    CORPS__RECORD_REMOTE = 6, /* the same in the sender's own memory (struct corps__remote) */
};

/* The shared head of a ring, one page; its data follow. Written by the side that the comment names. */
struct corps__ring_shared {
    _Alignas(128) _Atomic uint64_t head;        /* consumer: bytes released, ever */
    _Alignas(128) _Atomic uint32_t asleep;      /* consumer sets, producer clears; consumer may sleep there */
    _Alignas(128) _Atomic uint32_t wants_space; /* producer sets, consumer clears */
};

/* How the consumer sleeps, in `asleep`. Anything else that a peer writes there stands for the doorbell. */
enum corps__ring_sleep {
    CORPS__RING_AWAKE,
    CORPS__RING_ON_DOORBELL,
    CORPS__RING_ON_WORD = CORPS_WORD_ASLEEP, /* on `asleep` itself */
};

/* One side's private view. */
struct corps__ring {
    struct corps__ring_shared *shared;
    uint8_t *data;
    uint64_t bytes;    /* of data, a power of two */
    uint64_t position; /* producer: where the next record starts; consumer: where it is read */
    uint64_t known;    /* producer: the head as last seen; consumer: the head as last published */
    uint64_t reserved; /* producer: bytes of the record that is being written, its padding included; 0 for none */
    uint64_t padding;
    uint8_t *content;           /* producer: a bit for each slot that does not begin with a header word */
    _Atomic uint64_t wanted_at; /* producer: `position` when it last wanted space, for whoever waits on its behalf */
};

/* The largest payload of one record; what is larger goes in several. */
static inline size_t corps__ring_record_max(const struct corps__ring *ring) {
    return ring->bytes / 4 - CORPS__RING_SLOT;
}

/* The header word of a record at `position`, and its place. */
static inline uint64_t corps__ring_mark(uint64_t position) {
    return position / CORPS__RING_SLOT & CORPS__RING_MARK_MASK;
}
static inline uint64_t corps__ring_word(uint64_t position, size_t bytes, enum corps__record kind) {
    return (uint64_t)bytes | (uint64_t)kind << 32 | corps__ring_mark(position) << CORPS__RING_MARK_SHIFT;
}
static inline _Atomic uint64_t *corps__ring_at(const struct corps__ring *ring, uint64_t position) {
    return (_Atomic uint64_t *)(void *)(ring->data + (position & (ring->bytes - 1)));
}

/* The slot at `position` will begin with a header: whatever it holds must not look like one until then. Producer. */
static inline void corps__ring_clear_content(struct corps__ring *ring, uint64_t position) {
    uint64_t slot = (position & (ring->bytes - 1)) / CORPS__RING_SLOT;
    if ((ring->content[slot / 8] & 1u << slot % 8) != 0) {
        ring->content[slot / 8] &= (uint8_t) ~(1u << slot % 8);
        atomic_store_explicit(corps__ring_at(ring, position), 0, memory_order_relaxed);
    }
}

/* A view of `memory` (CORPS__RING_HEAD_BYTES + bytes, zeroed, 128-aligned), for one side. Errors: NO_MEMORY. */
enum corps_err corps__ring_init(struct corps__ring *ring, void *memory, uint64_t bytes, bool producer) CORPS_CHECKED;
void corps__ring_finish(struct corps__ring *ring); /* the view alone; the memory is the caller's */

/* ---- producer ---- */

/* Memory for a record of `bytes` ≤ corps__ring_record_max; written in place, then committed. It may be given up as long
 * as nothing is written there: by reserving anew. Errors: FULL, PROTOCOL. */
enum corps_err corps__ring_reserve(struct corps__ring *ring, size_t bytes, void **memory) CORPS_CHECKED;

/* Makes the reserved record visible with its first `bytes`, all or fewer. */
void corps__ring_commit(struct corps__ring *ring, size_t bytes, enum corps__record kind);

/* The same for a short record where there is sure to be room in front of the end, as for most: reserve_slot says false,
 * and nothing was done, where that is not so. */
static inline bool corps__ring_reserve_slot(struct corps__ring *ring, size_t bytes, void **memory) {
    if (bytes > CORPS__RING_SLOT - CORPS__RING_WORD ||
        ring->position + 2u * CORPS__RING_SLOT - ring->known > ring->bytes) {
        return false;
    }
    *memory = ring->data + (ring->position & (ring->bytes - 1)) + CORPS__RING_WORD;
    return true;
}
static inline void corps__ring_commit_slot(struct corps__ring *ring, size_t bytes, enum corps__record kind) {
    uint64_t record = ring->position;
    corps__ring_clear_content(ring, record + CORPS__RING_SLOT);
    /* As in corps__ring_commit. Model: ring_sleep.pml, step C1. */
    atomic_store_explicit(corps__ring_at(ring, record), corps__ring_word(record, bytes, kind), memory_order_release);
    ring->position = record + CORPS__RING_SLOT;
    ring->reserved = ring->padding = 0; /* of what was given up */
}

/* Must the consumer be woken, and how? Asked after commits; not AWAKE at most once per sleep. */
enum corps__ring_sleep corps__ring_consumer_sleeps(struct corps__ring *ring);

/* Before waiting for room: says that space is wanted. Reserve once more afterwards. */
void corps__ring_want_space(struct corps__ring *ring);

/* Before waiting for anything else that the consumer will ring for. Any thread of the producer's process. */
void corps__ring_want_doorbell(struct corps__ring *ring);

/* Is there room again for the largest record, after want_space? If not, asks for the doorbell anew. Any thread of the
 * producer's process, also while the producer writes. */
bool corps__ring_has_room(struct corps__ring *ring);

/* ---- consumer ---- */

/* Is it sure that there is no next record yet? A spinning reader asks this time after time, so it is short: the word is
 * that of the slot's earlier lap, whose mark differs in the bits above the slot's number alone. */
static inline bool corps__ring_is_empty(const struct corps__ring *ring) {
    uint64_t word = atomic_load_explicit(corps__ring_at(ring, ring->position), memory_order_relaxed);
    uint64_t differs = word >> CORPS__RING_MARK_SHIFT ^ corps__ring_mark(ring->position);
    return word == 0 || (differs != 0 && (differs & (ring->bytes / CORPS__RING_SLOT - 1)) == 0);
}

/* The next record, lent until released. Skips padding. Errors: EMPTY, PROTOCOL. */
enum corps_err corps__ring_peek(struct corps__ring *ring, const uint8_t **data, size_t *bytes,
                                enum corps__record *kind) CORPS_CHECKED;

/* The same, if it is a whole frame in one slot, as most are. False: look by corps__ring_peek. */
static inline bool corps__ring_peek_slot(const struct corps__ring *ring, const uint8_t **data, size_t *bytes) {
    _Atomic uint64_t *at = corps__ring_at(ring, ring->position);
    /* Acquire, and the prefetch: as in corps__ring_peek. */
    uint64_t word = atomic_load_explicit(at, memory_order_acquire);
    if (word >> 32 != ((uint64_t)CORPS__RECORD_WHOLE | corps__ring_mark(ring->position) << 4) ||
        (uint32_t)word > CORPS__RING_SLOT - CORPS__RING_WORD) {
        return false;
    }
    __builtin_prefetch((const uint8_t *)at + CORPS__RING_LINE);
    *data = (const uint8_t *)at + CORPS__RING_WORD;
    *bytes = (uint32_t)word;
    return true;
}

/* Ends the record that peek gave. True when the producer waits for room and must be woken. */
bool corps__ring_release(struct corps__ring *ring, size_t bytes);

/* After something else than room was made that the producer may wait for: must it be woken? */
bool corps__ring_producer_waits(struct corps__ring *ring);

/* "I am going to sleep": true when the ring is empty still. */
bool corps__ring_arm(struct corps__ring *ring);

/* Then: "it is on `asleep` that I sleep". False: the producer has seen that we are going to, and rings the doorbell. */
bool corps__ring_arm_word(struct corps__ring *ring);

/* True when the producer has found us asleep since we armed. */
bool corps__ring_disarm(struct corps__ring *ring);

#endif
