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
#ifndef CORPS_OPEN_BATCH_H
#define CORPS_OPEN_BATCH_H

#include "base/copy.h"
#include "link/posts.h"

#include <endian.h>
#include <string.h>

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

/* ---- under tx ---- */

/* Nothing more is added to the frame, and it goes before whatever is sent from now on. */
void corps__batch_seal(struct corps__peer *peer);

/* Makes a frame, if there is none. Errors: NO_MEMORY. */
enum corps_err corps__batch_frame(struct corps__peer *peer) CORPS_CHECKED;

/* Moves what is in the open batch, if there is one, into the frame. */
void corps__open_batch_take(struct corps__peer *peer);

/* The link is gone, and with it what is in there. */
void corps__open_batch_detach(struct corps__peer *peer);

/* ---- the owner ---- */

/* For entries to `route`, right after one that is held back. NULL: not now. */
struct corps__open_batch *corps__open_batch_begin(struct corps__route *route, const struct corps__symbol *method,
                                                  const struct corps_serializer *serializer);

/* Makes room for an entry with a payload of `bytes`, and looks at the clock. False: end it, and send as usual. */
bool corps__open_batch_renew(struct corps__open_batch *open, uint32_t bytes);

/* It goes with the peer's frame. Frees it. */
void corps__open_batch_end(struct corps__open_batch *open);

/* Adds an entry (flags: NIL_PAYLOAD or none). False: end it, and send as usual. */
static inline bool corps__open_batch_add(struct corps__open_batch *open, uint8_t flags, const void *data,
                                         uint32_t bytes) {
    uint32_t whole = CORPS__ENTRY_BYTES + bytes;
    if (open->left == 0 || open->used + whole > CORPS__BATCH_FRAME_BYTES ||
        open->room_bytes < CORPS__HEADER_BYTES + bytes ||
        atomic_load_explicit(&open->seals, memory_order_relaxed) != open->seals_seen) {
        if (!corps__open_batch_renew(open, bytes)) {
            return false;
        }
    }
    uint8_t *at = open->post->data + open->used;
    uint32_t length = htole32(bytes);
    memcpy(at, open->head, CORPS__ENTRY_BYTES);
    memcpy(at, &length, sizeof length);
    at[CORPS__ENTRY_FLAGS_AT] |= flags;
    corps__copy_few(at + CORPS__ENTRY_BYTES, data, bytes);
    open->used += whole;
    open->count++;
    open->left--;
    open->room_count--;
    open->room_bytes -= CORPS__HEADER_BYTES + bytes;
    /* Release: the entry is whole. Pairs with the load in corps__open_batch_take. */
    atomic_store_explicit(&open->committed, (uint64_t)open->count << 32 | open->used, memory_order_release);
    return true;
}

#endif
