#include "value/block.h"

#include "base/slab.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

enum { LINE = 64 }; /* data starts on its own cache line */

void corps_block_init(struct corps_block *block, uint8_t *data, size_t bytes,
                      void (*free_block)(struct corps_block *block)) {
    *block = (struct corps_block){.refs = 1, .free = free_block, .data = data, .bytes = bytes};
}

/* Large blocks that were dropped are used again, the latest first: its pages are there and in the cache. malloc gives
 * pages back to the kernel, and each costs a fault next time (16 faults cost more than copying 64 KiB). Classes are
 * powers of two; what a block does not use of its own is never touched. */
enum { CLASS_MIN = 14, CLASS_MAX = 22, NO_CLASS = -1 };
#define KEPT_BYTES_MAX (CORPS__SLAB_CACHE_MAX > 0 ? (size_t)8 << 20 : 0) /* in all classes; none under sanitizers */

struct kept {
    struct kept *next;
};

static struct {
    pthread_mutex_t lock;
    struct kept *first[CLASS_MAX + 1];
    size_t bytes;
} kept = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* A block's class is told by its size, before and after. */
static int class_of(size_t whole_bytes) {
    if (whole_bytes < (size_t)1 << CLASS_MIN || whole_bytes > (size_t)1 << CLASS_MAX) {
        return NO_CLASS;
    }
    return (int)(8 * sizeof(size_t)) - __builtin_clzl(whole_bytes - 1);
}

static size_t whole_bytes_of(size_t bytes) {
    return sizeof(struct corps_block) + LINE + bytes;
}

static void *take_block_memory(size_t bytes) {
    int class = class_of(bytes);
    if (class == NO_CLASS) {
        return malloc(bytes);
    }
    pthread_mutex_lock(&kept.lock);
    struct kept *memory = kept.first[class];
    if (memory != NULL) {
        kept.first[class] = memory->next;
        kept.bytes -= (size_t)1 << class;
    }
    pthread_mutex_unlock(&kept.lock);
    return memory != NULL ? memory : malloc((size_t)1 << class);
}

static void free_whole(struct corps_block *block) {
    int class = class_of(whole_bytes_of(block->bytes));
    bool keep = false;
    if (class != NO_CLASS) {
        pthread_mutex_lock(&kept.lock);
        keep = kept.bytes + ((size_t)1 << class) <= KEPT_BYTES_MAX;
        if (keep) {
            struct kept *memory = (struct kept *)(void *)block;
            memory->next = kept.first[class];
            kept.first[class] = memory;
            kept.bytes += (size_t)1 << class;
        }
        pthread_mutex_unlock(&kept.lock);
    }
    if (!keep) {
        free(block);
    }
}

struct corps_block *corps_block_create(size_t bytes) {
    if (bytes > SIZE_MAX - 2 * LINE - sizeof(struct corps_block)) {
        return NULL;
    }
    /* Aligned here and not by aligned_alloc, which costs five times what malloc does (glibc 2.36: 59 ns to 11 ns). */
    struct corps_block *block = take_block_memory(whole_bytes_of(bytes));
    if (block != NULL) {
        uintptr_t data = ((uintptr_t)(block + 1) + LINE - 1) / LINE * LINE;
        corps_block_init(block, (uint8_t *)data, bytes, free_whole);
    }
    return block;
}

struct corps_block *corps_block_ref(struct corps_block *block) {
    __atomic_fetch_add(&block->refs, 1, __ATOMIC_RELAXED);
    return block;
}

void corps_block_unref(struct corps_block *block) {
    /* Release: our reads and writes come before the free. Acquire: the freeing thread sees everybody's. */
    if (block != NULL && (__atomic_load_n(&block->refs, __ATOMIC_ACQUIRE) == 1 ||
                          __atomic_fetch_sub(&block->refs, 1, __ATOMIC_ACQ_REL) == 1)) {
        block->free(block);
    }
}

void corps__blocks_forked(void) {
    pthread_mutex_init(&kept.lock, NULL);
}
