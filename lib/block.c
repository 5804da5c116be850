#include <corps/block.h>

#include <stdlib.h>

enum { DATA_OFFSET = 64 }; /* data starts on its own cache line */

_Static_assert(sizeof(struct corps_block) <= DATA_OFFSET, "the block's head must fit before its data");

void corps_block_init(struct corps_block *block, uint8_t *data, size_t bytes,
                      void (*free_block)(struct corps_block *block)) {
    *block = (struct corps_block){.refs = 1, .free = free_block, .data = data, .bytes = bytes};
}

static void free_whole(struct corps_block *block) {
    free(block);
}

struct corps_block *corps_block_create(size_t bytes) {
    if (bytes > SIZE_MAX - 2 * DATA_OFFSET) {
        return NULL;
    }
    size_t whole = (DATA_OFFSET + bytes + DATA_OFFSET - 1) / DATA_OFFSET * DATA_OFFSET;
    struct corps_block *block = aligned_alloc(DATA_OFFSET, whole);
    if (block != NULL) {
        corps_block_init(block, (uint8_t *)block + DATA_OFFSET, bytes, free_whole);
    }
    return block;
}

struct corps_block *corps_block_ref(struct corps_block *block) {
    __atomic_fetch_add(&block->refs, 1, __ATOMIC_RELAXED);
    return block;
}

void corps_block_unref(struct corps_block *block) {
    /* Release: our reads and writes come before the free. Acquire: the freeing thread sees everybody's. */
    if (block != NULL && __atomic_fetch_sub(&block->refs, 1, __ATOMIC_ACQ_REL) == 1) {
        block->free(block);
    }
}
