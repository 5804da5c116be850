/* Batches: requests without reply that follow each other from one sender to one Conc, as one object in its mailbox.
 *
 * A batch is put into the mailbox when it is begun, and the sender goes on adding entries while the Conc already runs
 * the first ones: nothing is held back, and a message costs no object, no exchange on the mailbox and no wake-up of its
 * own. The sender leaves a batch that is full, and as soon as anything else that it sends must come after it. The Conc
 * closes one in which it finds no more; the sender's next entry then finds it closed and begins another.
 *
 * Threads: one adds, another takes; `word` is all that they share.
 */
#ifndef CORPS_BATCH_H
#define CORPS_BATCH_H

#include "actor/message.h"
#include "base/copy.h"

enum {
    CORPS__BATCH_BYTES = 16384, /* of a batch, its head included */
    CORPS__BATCH_HEAD_BYTES = 192,
    CORPS__BATCH_AHEAD = 512, /* bytes of entries for which lines are made ready */
};

/* One request. Its payload follows, up to the next multiple of 8 bytes: a struct corps_value and all that it points to,
 * or what a serializer made of one. */
struct corps__batch_entry {
    const struct corps__symbol *method;
    uint64_t deadline_ns; /* 0: none */
    uint32_t bytes;       /* of the payload; 0: nil */
    bool encoded;
    uint8_t serializer; /* encoded: the wire id of the serializer */
    uint16_t charge;    /* of a request of another Env: bytes of its payload there, for the room that it takes up */
    _Alignas(8) uint8_t data[];
};

/* Bits of `word`; the number of entries is below them. */
#define CORPS__BATCH_CLOSED (UINT32_C(1) << 30) /* the Conc takes no more from it */
#define CORPS__BATCH_LEFT (UINT32_C(1) << 31)   /* the sender adds no more to it */

struct corps__grant;
struct corps__peer;

struct corps__batch {
    struct corps__mail mail;
    enum corps_keep keep_objects;
    struct corps__peer *from; /* NULL: a Conc of this Env */
    struct corps__grant *grant;
    struct corps_block block;            /* counts who refers to the batch: the sender, the Conc, kept arguments */
    uint32_t used;                       /* bytes of `data`; the sender's */
    unsigned timed_after;                /* entries until the one that is timed, then below zero; likewise */
    uint32_t timed;                      /* which one that is, see sample.h */
    int64_t timed_ns;                    /* when it came */
    _Alignas(128) _Atomic uint32_t word; /* on a line of its own, which both write to */
    _Alignas(64) uint8_t data[CORPS__BATCH_BYTES - CORPS__BATCH_HEAD_BYTES];
};

/* ---- the sender ---- */

/* An empty batch, NULL when out of memory. */
struct corps__batch *corps__batch_create(struct corps__peer *from, struct corps__grant *grant,
                                         enum corps_keep keep_objects);

/* Adds an entry with a copy of a small value that refers to nothing counted, as its payload. CORPS_ERR_FULL: the batch
 * is full or closed, leave it; REFUSED: this value has to go as a message. */
enum corps_err corps__batch_add_plain(struct corps__batch *batch, const struct corps__batch_entry *entry,
                                      const struct corps_value *value);

/* The next entry is the one that is timed. One that finds no room is not this batch's, and its stamp is for nobody. */
__attribute__((cold)) void corps__batch_stamp(struct corps__batch *batch);
static inline void corps__batch_stamp_if_timed(struct corps__batch *batch) {
    if (__builtin_expect(batch->timed_after-- == 0, 0)) {
        corps__batch_stamp(batch);
    }
}

/* Has the lines ready to be written to that entries will lie on soon: of `bytes` bytes that were just used, the same
 * further on. They were last read by another processor, and an exchange waits until all that was written before it is
 * there. */
static inline void corps__batch_prepare(struct corps__batch *batch, uint32_t bytes) {
    uint32_t end = batch->used + CORPS__BATCH_AHEAD;
    for (uint32_t at = end - bytes; at < end && at < sizeof batch->data; at += 64) {
        corps__prefetch_own(batch->data + at);
    }
}

/* Puts an entry, which the Conc sees when it is committed, with others: one exchange for all of them. A copy of `entry`
 * with a copy of these bytes as its payload; or, where that is not encoded, with the value that they are (`data` NULL:
 * nil). False: the batch is full. Inline, so that `entry` lies nowhere. */
static inline bool corps__batch_put(struct corps__batch *batch, const struct corps__batch_entry *entry,
                                    const void *data, uint32_t bytes) {
    struct corps__batch_entry *made = (struct corps__batch_entry *)(void *)(batch->data + batch->used);
    uint32_t whole = (entry->encoded ? 0 : (uint32_t)sizeof(struct corps_value)) + (bytes + 7) / 8 * 8;
    if (sizeof *made + whole > sizeof batch->data - batch->used) {
        return false;
    }
    corps__batch_stamp_if_timed(batch);
    made->method = entry->method;
    made->deadline_ns = entry->deadline_ns;
    made->bytes = entry->encoded ? bytes : whole;
    made->encoded = entry->encoded;
    made->serializer = entry->serializer;
    made->charge = (uint16_t)bytes;
    uint8_t *to = made->data;
    if (!entry->encoded) {
        struct corps_value *value = (struct corps_value *)(void *)to;
        to += sizeof *value;
        *value = data != NULL ? corps_bin(to, bytes) : corps_nil();
    }
    corps__copy_few(to, data, bytes);
    batch->used += (uint32_t)sizeof *made + whole;
    corps__batch_prepare(batch, (uint32_t)sizeof *made + whole);
    return true;
}

/* Makes the last `count` entries seen. False: it was closed meanwhile, and nobody will look at them. */
bool corps__batch_commit(struct corps__batch *batch, uint32_t count);

/* Puts copies of entries that nobody will look at into an empty batch: `count`, from `first` bytes on. */
void corps__batch_put_again(const struct corps__batch *closed, uint32_t first, uint32_t count,
                            struct corps__batch *batch);

/* The sender adds no more, and lets go of it. */
void corps__batch_leave(struct corps__batch *batch);

/* ---- the Conc ---- */

/* Waits a moment for a sender that may be at it on another processor. */
void corps__batch_pause(void);

/* How many entries there are, `taken` of which have been run; waits a moment for more. The same number again: there are
 * no more, and the batch is gone. */
unsigned corps__batch_count(struct corps__batch *batch, unsigned taken);

/* The entry after `last`; the first one after NULL. */
static inline const struct corps__batch_entry *corps__batch_next(const struct corps__batch *batch,
                                                                 const struct corps__batch_entry *last) {
    return (const struct corps__batch_entry *)(const void *)(last == NULL ? batch->data
                                                                          : last->data + (last->bytes + 7u) / 8u * 8u);
}

#endif
