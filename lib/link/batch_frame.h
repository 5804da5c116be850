/* Batch frames: small requests without reply that are put together, see peer.h; and open batches, to which one thread
 * adds without a lock.
 *
 * A peer has at most one frame that is being filled, `batch_frame`, under its tx. A method that sends to one Worker
 * several times in a row gets an *open batch* besides: memory that its thread alone writes to. It says by one store how
 * far what it has written is complete. Whoever has tx moves that into the frame before anything else is sent to the
 * peer, or when the frame is to go: so the order is that of one thread's sends, and of what one thread tells another.
 * The owner itself takes tx only when the memory is full, for a look at the clock that has found much time gone, after
 * a flush, and at the end. While a peer has an open batch it counts as one that holds something back, so what is
 * written goes within a millisecond, as always.
 *
 * Room in the Worker's mailbox is reserved for many entries at once, and what is left of it is given back at the end.
 */
#ifndef CORPS_BATCH_FRAME_H
#define CORPS_BATCH_FRAME_H

#include "link/posts.h"

enum { CORPS__BATCH_WITHIN_NS = 20000 }; /* requests that follow each other this closely are batched; and no longer */
enum { CORPS__BATCH_FRAME_BYTES = 8192, CORPS__BATCH_CLOCK_EVERY = 16 };

struct corps__open_batch {
    /* The owner's; but what `committed` covers of the data others may read under tx. */
    struct corps__peer *peer;
    struct corps__route *route; /* where all its entries go */
    const struct corps__symbol *method;
    const struct corps_serializer *serializer;
    bool bare;                        /* that takes bytes as they are */
    uint8_t head[CORPS__ENTRY_BYTES]; /* of an entry without payload */
    struct corps__post *post;         /* the memory */
    uint32_t used, count;             /* of it, the header's place included; entries */
    uint32_t left;                    /* entries until the next look at the clock, or at the room */
    uint32_t room_count;              /* reserved and not used yet */
    size_t room_bytes;
    int64_t looked_ns;
    uint32_t seals_seen;
    _Atomic uint64_t committed; /* entries and bytes: number above, bytes below */
    /* Others', under tx. */
    _Alignas(64) _Atomic uint32_t seals; /* how often what was in it has gone, or it was detached */
    uint64_t taken;                      /* how much of `committed` is in a frame */
    bool detached;                       /* its link has gone */
};

/* An extent in an open batch: a number of entries, and the end of their bytes. */
static inline uint64_t corps__extent_of(uint32_t count, uint32_t bytes) {
    return (uint64_t)count << 32 | bytes;
}

static inline uint32_t corps__extent_bytes(uint64_t extent) {
    return (uint32_t)extent;
}

static inline uint32_t corps__extent_count(uint64_t extent) {
    return (uint32_t)(extent >> 32);
}

/* All of this under tx. */

/* Memory for a frame, with nothing in it. NULL when there is none. */
struct corps__post *corps__batch_memory(struct corps__peer *peer);

/* Nothing more is added to the frame, and it goes before whatever is sent from now on. */
void corps__batch_seal_all(struct corps__peer *peer);
static inline void corps__batch_seal(struct corps__peer *peer) {
    if (peer->open != NULL || peer->batch_frame != NULL) {
        corps__batch_seal_all(peer);
    }
}

/* Makes a frame, if there is none. Errors: NO_MEMORY. */
enum corps_err corps__batch_frame(struct corps__peer *peer) CORPS_CHECKED;

/* Moves what is in the open batch, if there is one, into the frame. */
void corps__open_batch_take(struct corps__peer *peer);

/* The link is gone, and with it what is in there. */
void corps__open_batch_detach(struct corps__peer *peer);

#endif
