#include "base/slab.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

/* How many are handed over at once. */
static unsigned magazine_of(enum corps__slab slab) {
    return slab == CORPS__SLAB_BATCH ? 8 : 64;
}

CORPS__HOT_THREAD_LOCAL struct corps__slab_cache corps__slab_caches[CORPS__SLABS];

static struct {
    pthread_mutex_t lock;
    struct corps__slab_item *magazines;
} depots[CORPS__SLABS] = {
    {.lock = PTHREAD_MUTEX_INITIALIZER},
    {.lock = PTHREAD_MUTEX_INITIALIZER},
    {.lock = PTHREAD_MUTEX_INITIALIZER},
    {.lock = PTHREAD_MUTEX_INITIALIZER},
};
_Static_assert(CORPS__SLABS == 4, "every depot has its lock");

static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t key;
static _Thread_local bool registered;

static void hand_over(enum corps__slab slab, struct corps__slab_item *magazine, unsigned count) {
    magazine->count = count;
    pthread_mutex_lock(&depots[slab].lock);
    magazine->next_magazine = depots[slab].magazines;
    depots[slab].magazines = magazine;
    pthread_mutex_unlock(&depots[slab].lock);
}

static unsigned kept_count(enum corps__slab slab) {
    return (unsigned)(corps__slab_cache_max(slab) - corps__slab_caches[slab].room);
}

static void thread_ends(void *unused) {
    (void)unused;
    for (enum corps__slab slab = 0; slab < CORPS__SLABS; slab++) {
        if (corps__slab_caches[slab].first != NULL) {
            hand_over(slab, corps__slab_caches[slab].first, kept_count(slab));
        }
        corps__slab_caches[slab] = (struct corps__slab_cache){0};
    }
    registered = false; /* what the ends of others give back is noticed once more */
}

static void make_key(void) {
    (void)pthread_key_create(&key, thread_ends);
}

/* So that the thread's end is noticed. True when it was not before: nothing is kept then. */
static bool register_thread(void) {
    if (registered) {
        return false;
    }
    registered = true;
    pthread_once(&once, make_key);
    (void)pthread_setspecific(key, &registered); /* without it, what an ending thread keeps is lost to others */
    for (enum corps__slab slab = 0; slab < CORPS__SLABS; slab++) {
        corps__slab_caches[slab].room = corps__slab_cache_max(slab);
    }
    return true;
}

void *corps__slab_refill(enum corps__slab slab, const struct corps__slab_source *source) {
    if (CORPS__SLAB_CACHE_MAX == 0 && source->make == NULL) {
        return aligned_alloc(64, source->bytes);
    }
    (void)register_thread();
    pthread_mutex_lock(&depots[slab].lock);
    struct corps__slab_item *magazine = depots[slab].magazines;
    if (magazine != NULL) {
        depots[slab].magazines = magazine->next_magazine;
    }
    pthread_mutex_unlock(&depots[slab].lock);
    struct corps__slab_cache *cache = &corps__slab_caches[slab];
    if (magazine == NULL) {
        unsigned count = magazine_of(slab);
        char *memory =
            source->make != NULL ? source->make(source->bytes, count) : aligned_alloc(64, source->bytes * count);
        if (memory == NULL) {
            return NULL;
        }
        for (unsigned i = count; i-- > 0;) {
            struct corps__slab_item *item = (struct corps__slab_item *)(void *)(memory + i * source->bytes);
            item->next = magazine;
            magazine = item;
        }
        magazine->count = count;
    }
    cache->first = magazine->next;
    cache->room = corps__slab_cache_max(slab) - (int)(magazine->count - 1);
    return magazine;
}

void corps__slab_spill(enum corps__slab slab, const struct corps__slab_source *source, void *object) {
    if (CORPS__SLAB_CACHE_MAX == 0 && source->make == NULL) {
        free(object);
        return;
    }
    if (register_thread() && CORPS__SLAB_CACHE_MAX > 0) {
        corps__slab_give(slab, source, object); /* now there is room */
        return;
    }
    struct corps__slab_cache *cache = &corps__slab_caches[slab];
    struct corps__slab_item *magazine = object, *last = magazine;
    magazine->next = cache->first;
    unsigned count = 1;
    for (; count < magazine_of(slab) && last->next != NULL; count++) {
        last = last->next;
    }
    cache->first = last->next;
    cache->room += (int)count - 1;
    last->next = NULL;
    hand_over(slab, magazine, count);
}

void corps__slabs_forked(void) {
    for (enum corps__slab slab = 0; slab < CORPS__SLABS; slab++) {
        pthread_mutex_init(&depots[slab].lock, NULL);
    }
}
