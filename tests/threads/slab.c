/* A slab under threads that come and go: no object is had by two, and none is lost, whoever made it and freed it. */
#include "threads.h"

#include "base/slab.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>

enum { THREADS = 4, GENERATIONS = 8, STEPS = 40000, HELD_MAX = 900, HELD_FEW = 20, SHELF = 64, PAGES_MAX = 1024 };

/* What lies behind the slab's own words is kept while an object is free. */
struct object {
    struct corps__slab_item item;
    _Atomic bool taken;
    uint64_t owner; /* plain: two owners are a race */
    struct object *above;
};
_Static_assert(sizeof(struct object) <= 64, "one line");

static _Atomic bool made_up; /* no more are made */
static _Atomic unsigned made_count, page_count;
static void *pages[PAGES_MAX];

static void *make(size_t bytes, unsigned count) {
    if (atomic_load(&made_up)) {
        return NULL;
    }
    void *memory = aligned_alloc(64, bytes * count);
    unsigned page = atomic_fetch_add(&page_count, 1);
    check(memory != NULL && page < PAGES_MAX, "no memory");
    pages[page] = memory;
    atomic_fetch_add(&made_count, count);
    return memset(memory, 0, bytes * count);
}

static const struct corps__slab_source source = {.bytes = 64, .make = make};

static struct object *take(uint64_t owner) {
    struct object *object = corps__slab_take(CORPS__SLAB_BATCH, &source);
    if (object != NULL) {
        check(!atomic_exchange_explicit(&object->taken, true, memory_order_relaxed), "an object is had by two");
        object->owner = owner;
    }
    return object;
}

static void give(struct object *object, uint64_t owner) {
    check(object->owner == owner, "an object has changed hands while it was held");
    object->owner = 0;
    check(atomic_exchange_explicit(&object->taken, false, memory_order_relaxed), "an object is given back twice");
    corps__slab_give(CORPS__SLAB_BATCH, &source, object);
}

/* Where objects go from thread to thread. */
static struct {
    pthread_mutex_t lock;
    struct object *objects[SHELF];
    uint64_t owners[SHELF];
} shelf = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* Puts `object` on the shelf, and gives back what lay there. */
static void swap(struct object *object, uint64_t owner, size_t place) {
    pthread_mutex_lock(&shelf.lock);
    struct object *other = shelf.objects[place];
    uint64_t other_owner = shelf.owners[place];
    shelf.objects[place] = object;
    shelf.owners[place] = owner;
    pthread_mutex_unlock(&shelf.lock);
    if (other != NULL) {
        give(other, other_owner);
    }
}

/* Holds sometimes few and sometimes more than a thread's cache has room for; every other thread always few. */
static void *work(void *number) {
    uint64_t owner = *(uint64_t *)number, random = owner;
    struct object *held = NULL;
    unsigned count = 0, wanted = 0, most = owner % 2 == 0 ? HELD_MAX : HELD_FEW;
    for (unsigned step = 0; step < STEPS; step++) {
        wanted = step % 1500 == 0 ? (unsigned)(next_random(&random) % most) : wanted;
        if (count > wanted) {
            struct object *object = held;
            held = object->above;
            count--;
            give(object, owner);
        } else {
            struct object *object = take(owner);
            check(object != NULL, "nothing is given while there is memory");
            object->above = held;
            held = object;
            count++;
        }
        if (step % 3 == 0) {
            swap(take(owner), owner, next_random(&random) % SHELF);
        }
    }
    while (held != NULL) {
        struct object *object = held;
        held = object->above;
        give(object, owner);
    }
    return NULL;
}

/* A thread that gives back and never takes. */
static void *clear_shelf(void *unused) {
    for (size_t place = 0; place < SHELF; place++) {
        swap(NULL, 0, place);
    }
    return unused;
}

int main(void) {
    for (uint64_t generation = 0; generation < GENERATIONS; generation++) {
        uint64_t owners[THREADS];
        for (uint64_t i = 0; i < THREADS; i++) {
            owners[i] = generation * THREADS + i + 1;
        }
        on_threads(THREADS, work, owners, sizeof *owners);
        on_threads(1, clear_shelf, NULL, 0);
    }
    /* All have ended: what they kept is there for us, each once. */
    atomic_store(&made_up, true);
    unsigned found = 0;
    struct object *object;
    while ((object = take(1)) != NULL) {
        found++;
    }
    check(found == made_count, "%u of %u objects are lost", made_count - found, made_count);
    for (unsigned page = 0; page < page_count; page++) {
        free(pages[page]);
    }
    return 0;
}
