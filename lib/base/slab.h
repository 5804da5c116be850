/* Slabs: small objects of one size, without a lock on the way.
 *
 * Each thread keeps some free objects of each slab. A thread with too many hands a magazine of them to a depot, and a
 * thread without any takes one from there: for messages are made by one thread and freed by another. A thread that ends
 * hands over what it has. Memory is never given back to the system: a slab stays as large as it once had to be. A free
 * object keeps its content, except for its first three words.
 *
 * Why not malloc: glibc's keeps seven objects of a size per thread, and what goes beyond that costs ten times as much.
 * Under AddressSanitizer nothing is kept and objects are malloc's own, so that a use after the end is found; Futures,
 * which have numbers, are kept there too.
 *
 * Source of the shape: J. Bonwick and J. Adams, "Magazines and Vmem", USENIX 2001.
 */
#ifndef CORPS_SLAB_H
#define CORPS_SLAB_H

#include "base/hot.h"

#include <stddef.h>

enum corps__slab { CORPS__SLAB_FUTURE, CORPS__SLAB_MESSAGE, CORPS__SLAB_BOX, CORPS__SLAB_BATCH, CORPS__SLABS };

/* A free object. */
struct corps__slab_item {
    struct corps__slab_item *next;
    struct corps__slab_item *next_magazine; /* in the depot, of the first of a magazine: the next one, … */
    unsigned count;                         /* … and how many it has */
};

/* `room` says how many more a thread keeps: none before its first object, so that its end is noticed then, whether it
 * takes or only gives. */
struct corps__slab_cache {
    struct corps__slab_item *first;
    int room;
    unsigned taken; /* whoever uses the slab may count here what the thread has taken */
};
extern CORPS__HOT_THREAD_LOCAL struct corps__slab_cache corps__slab_caches[CORPS__SLABS];

#ifdef __SANITIZE_ADDRESS__
enum { CORPS__SLAB_CACHE_MAX = 0, CORPS__SLAB_BATCHES_MAX = 0 };
#else
enum { CORPS__SLAB_CACHE_MAX = 512, CORPS__SLAB_BATCHES_MAX = 16 };
#endif

/* How many a thread keeps. Of batches, which are large, few: what goes round between two threads then fits into their
 * processors' second-level caches. */
static inline int corps__slab_cache_max(enum corps__slab slab) {
    return slab == CORPS__SLAB_BATCH ? CORPS__SLAB_BATCHES_MAX : CORPS__SLAB_CACHE_MAX;
}

/* Where a slab's objects come from. */
struct corps__slab_source {
    size_t bytes;                                /* of one; a multiple of 64 */
    void *(*make)(size_t bytes, unsigned count); /* memory for so many, aligned to 64, or NULL; NULL: from the system */
};
void *corps__slab_refill(enum corps__slab slab, const struct corps__slab_source *source);
void corps__slab_spill(enum corps__slab slab, const struct corps__slab_source *source, void *object);

/* The calling thread's: looked for once in a function, since that is a call where the library is shared. */
static inline struct corps__slab_cache *corps__slab_cache_of(enum corps__slab slab) {
    struct corps__slab_cache *cache = &corps__slab_caches[slab];
#if defined(__GNUC__)
    __asm__("" : "+r"(cache)); /* what the compiler knows to be a thread's variable it looks for at each use */
#endif
    return cache;
}

/* An object, its content undefined; NULL when out of memory. `source` is always the slab's own, `cache` the thread's.
 */
static inline void *corps__slab_take_from(struct corps__slab_cache *cache, enum corps__slab slab,
                                          const struct corps__slab_source *source) {
    struct corps__slab_item *item = cache->first;
    if (item == NULL) {
        return corps__slab_refill(slab, source);
    }
    cache->first = item->next;
    cache->room++;
    return item;
}
static inline void *corps__slab_take(enum corps__slab slab, const struct corps__slab_source *source) {
    return corps__slab_take_from(&corps__slab_caches[slab], slab, source);
}

/* Takes an object back, on any thread. */
static inline void corps__slab_give(enum corps__slab slab, const struct corps__slab_source *source, void *object) {
    struct corps__slab_cache *cache = &corps__slab_caches[slab];
    if (cache->room <= 0) {
        corps__slab_spill(slab, source, object);
        return;
    }
    struct corps__slab_item *item = object;
    item->next = cache->first;
    cache->first = item;
    cache->room--;
}

/* In the child of a fork: locks that others held are free again. */
void corps__slabs_forked(void);

#endif
