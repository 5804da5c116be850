/* A pool of shared memory for large payloads of one direction of a link: the sender writes a payload once, the receiver
 * reads it where it lies for as long as it likes, and gives it back.
 *
 * All bookkeeping is the sender's own memory: which pages are taken, by which block, and which *tickets* are out, one
 * for each message that lies in the pool. The receiver is told an extent and a ticket, and to give back sets the
 * ticket's bit in a word that both share: that bit is all that a receiver can write, and one for a ticket that is not
 * out means nothing. So a receiver that writes rubbish harms what is sent to it, and nobody else. The receiver checks
 * that an extent lies within the pool; what lies there the sender can change at any time, so whoever reads twice what
 * must not change copies it first.
 *
 * Blocks are runs of pages, the lowest that are free: memory that was just given back and is still in the cache is used
 * again first, and what was never needed is never touched. A block's holds are its messages on the way and its loan; it
 * is free when none is left. When nothing is free the sender sends another way: nothing waits for a pool. Memory that
 * was used stays with the pool, since new pages cost more than a copy; but one that is made for blocks which nobody
 * wants to be kept (corps__pool_create_returning) gives that of each free block back to the system.
 *
 * Lifetime: the mapping lives as long as the link, every view of the receiver, and every loan of the sender do.
 *
 * Threads: the sender's functions lock; a view may be dropped on any thread.
 */
#ifndef CORPS_POOL_H
#define CORPS_POOL_H

#include <corps/block.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

enum {
    CORPS__POOL_HEAD_BYTES = 4096,
    CORPS__POOL_PAGE = 4096,
    CORPS__POOL_LARGE_PAGE = 1 << 21, /* of a pool that gives memory back */
    CORPS__POOL_TICKETS = 1024,
    CORPS__POOL_WORDS = CORPS__POOL_TICKETS / 64
};

/* What both share, before the data. */
struct corps__pool_shared {
    _Alignas(128) _Atomic uint64_t returned[CORPS__POOL_WORDS]; /* receiver sets, sender takes */
};

/* A mapping that several hold. */
struct corps__mapping {
    _Atomic unsigned refs;
    unsigned generation; /* of forks: a child must not write what its parent shares */
    void *memory;
    size_t bytes;
};

/* Takes the mapped memory, also on error (then it is unmapped). NULL when out of memory. */
struct corps__mapping *corps__mapping_create(void *memory, size_t bytes);
struct corps__mapping *corps__mapping_ref(struct corps__mapping *mapping);
void corps__mapping_unref(struct corps__mapping *mapping); /* accepts NULL */

/* ---- sender ---- */

struct corps__pool;

/* The sender's view of `memory` (CORPS__POOL_HEAD_BYTES + bytes) in `mapping`. NULL when out of memory. */
struct corps__pool *corps__pool_create(struct corps__mapping *mapping, void *memory, size_t bytes);
/* … of blocks of whole CORPS__POOL_LARGE_PAGEs, whose memory goes back to the system when they become free. That the
 * receiver has dropped one is noticed when the next is lent, or a loan dropped. It takes no copies. */
struct corps__pool *corps__pool_create_returning(struct corps__mapping *mapping, void *memory, size_t bytes);
void corps__pool_unref(struct corps__pool *pool); /* the link's reference; loans have their own. Accepts NULL */

/* Does this lie in the pool's data? Any thread. */
bool corps__pool_contains(const struct corps__pool *pool, const void *data);

/* Lends memory for a payload, as a block; NULL when there is none of this size now. Any thread. */
struct corps_block *corps__pool_loan(struct corps__pool *pool, size_t bytes);

/* Where a message lies in a pool. */
struct corps__extent {
    uint64_t offset; /* in the pool's data */
    uint64_t bytes;
    uint64_t ticket;
};

/* An extent for a payload of `bytes` bytes in `count` parts, with a ticket: where a single part lies already, if that
 * is within a block of this pool; otherwise in a new block, copied, one part right after the other. False when there is
 * none. */
bool corps__pool_put_parts(struct corps__pool *pool, const struct iovec *parts, unsigned count, size_t bytes,
                           struct corps__extent *extent);

/* … of one part. */
static inline bool corps__pool_put(struct corps__pool *pool, const void *data, size_t bytes,
                                   struct corps__extent *extent) {
    const struct iovec part = {.iov_base = (void *)(uintptr_t)data, .iov_len = bytes};
    return corps__pool_put_parts(pool, &part, 1, bytes, extent);
}

/* ---- receiver ---- */

/* A block whose data are the payload at `extent`, with room in front for `head_bytes` bytes that belong to the caller
 * (`*head`, aligned to 64). Dropping the block gives the ticket back. NULL: out of memory. `extent` must be the
 * caller's own memory, and be one that corps__extent_fits. */
struct corps_block *corps__pool_view(struct corps__mapping *mapping, void *memory, const struct corps__extent *extent,
                                     size_t head_bytes, uint8_t **head);
bool corps__extent_fits(const struct corps__extent *extent, size_t pool_bytes);

#endif
