/** @file
 * A block: a reference-counted piece of memory that holds one received message or one large buffer.
 *
 * Whoever holds a reference may read the memory; only who made the block, or got it to fill (corps_loan), writes
 * there, before it is shared. A transport gives a frame in a block where the core may keep it (corps/transport.h);
 * decoded values and Python buffers keep the block alive for as long as they point into it.
 *
 * Threads: ref and unref from any thread; `free` runs on the thread that drops the last reference.
 */
#ifndef CORPS_BLOCK_H
#define CORPS_BLOCK_H

#include <corps/error.h>

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct corps_block {
    uint32_t refs;                           /**< use corps_block_ref/unref, never directly */
    void (*free)(struct corps_block *block); /**< gives the memory back, the block itself included */
    uint8_t *data;
    size_t bytes;
};

/** A block of `bytes` uninitialised bytes in one allocation, with one reference; 64-byte aligned data.
 * NULL when out of memory. Gives the reference to the caller. */
CORPS_API struct corps_block *corps_block_create(size_t bytes);

/** Initialises a block that somebody else allocated; one reference. */
CORPS_API void corps_block_init(struct corps_block *block, uint8_t *data, size_t bytes,
                                void (*free_block)(struct corps_block *block));

/** Adds a reference and gives it: the same block. */
CORPS_API struct corps_block *corps_block_ref(struct corps_block *block);

/** Drops a reference; the last one frees the block. Accepts NULL. */
CORPS_API void corps_block_unref(struct corps_block *block);

#ifdef __cplusplus
}
#endif
#endif
