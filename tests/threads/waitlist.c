/* Lists of waiters around a small store: three fill it and three empty it, all asleep now and then, in each way of
 * waking. Everything comes through once, and no wait misses its notification. */
#include "threads.h"

#include "base/clock.h"
#include "wait/reactor.h"
#include "wait/wait.h"

#include <string.h>

enum { FILLERS = 3, TAKERS = 3, EACH = 2500, ROOM = 2, ALL = FILLERS * EACH };

static struct {
    pthread_mutex_t lock;
    unsigned items[ROOM];
    unsigned count;
    _Atomic unsigned count_seen; /* `count`, for predicates: they look without the lock */
    _Atomic unsigned taken;      /* ever */
    unsigned times[ALL];
    struct corps__waitlist room, items_there;
} store;

static bool has_room(void *unused) {
    (void)unused;
    return atomic_load(&store.count_seen) < ROOM;
}

static bool has_item(void *unused) {
    (void)unused;
    return atomic_load(&store.count_seen) > 0 || atomic_load(&store.taken) == ALL;
}

static void wait_in(struct corps__waitlist *list, bool (*done)(void *arg), const char *what) {
    enum corps_err err = corps__waitlist_wait(list, done, NULL, corps__deadline_ns(THREADS_LONG_NS), NULL);
    check(err == CORPS_OK, "who waits for %s was not woken: %d", what, (int)err);
}

static bool put(unsigned item) {
    pthread_mutex_lock(&store.lock);
    bool fits = store.count < ROOM;
    if (fits) {
        store.items[store.count++] = item;
        atomic_store(&store.count_seen, store.count);
    }
    pthread_mutex_unlock(&store.lock);
    if (fits) {
        corps__waitlist_notify(&store.items_there);
    }
    return fits;
}

static bool take(void) {
    pthread_mutex_lock(&store.lock);
    bool is_there = store.count > 0;
    if (is_there) {
        store.times[store.items[--store.count]]++;
        atomic_store(&store.count_seen, store.count);
        atomic_fetch_add(&store.taken, 1);
    }
    bool is_last = is_there && atomic_load(&store.taken) == ALL;
    pthread_mutex_unlock(&store.lock);
    if (is_there) {
        corps__waitlist_notify(&store.room);
    }
    if (is_last) {
        corps__waitlist_notify(&store.items_there); /* the other takers may go */
    }
    return is_there;
}

static void *side(void *number) {
    unsigned self = *(unsigned *)number;
    for (unsigned n = 0; self < FILLERS && n < EACH; n++) {
        while (!put(self * EACH + n)) {
            wait_in(&store.room, has_room, "room");
        }
    }
    while (self >= FILLERS && atomic_load(&store.taken) < ALL) {
        if (!take()) {
            wait_in(&store.items_there, has_item, "an item");
        }
    }
    return NULL;
}

static void run(enum corps_wake wake) {
    memset(&store, 0, sizeof store);
    pthread_mutex_init(&store.lock, NULL);
    store.room = store.items_there = CORPS__WAITLIST_INIT;
    corps__reactor_wake_set(wake);
    unsigned numbers[FILLERS + TAKERS] = {0, 1, 2, 3, 4, 5};
    on_threads(FILLERS + TAKERS, side, numbers, sizeof *numbers);
    for (unsigned i = 0; i < ALL; i++) {
        check(store.times[i] == 1, "item %u came %u times", i, store.times[i]);
    }
    check(store.room.count == 0 && store.room.first == NULL, "somebody is still listed");
    check(store.items_there.count == 0 && store.items_there.first == NULL, "somebody is still listed");
    check(corps__lead_is_vacant(), "somebody still leads");
}

int main(void) {
    check(corps__reactor_start(corps__reactor->ops) == CORPS_OK, "%s", corps_error_detail());
    corps__reactor_open();
    run(CORPS_WAKE_BLOCK);
    run(CORPS_WAKE_ADAPTIVE);
    run(CORPS_WAKE_SPIN);
    check(corps__lead_try(), "the lead is not free");
    corps__reactor_stop();
    return 0;
}
