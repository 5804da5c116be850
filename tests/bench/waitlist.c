/* Waiting in a list: what a notification costs when nobody waits, and when the other thread does. */
#include "bench.h"

#include "wait/wait.h"

#include <linux/futex.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Each side's own list, and how often it was called; a side waits for its number. */
struct side {
    _Alignas(128) struct corps__waitlist list;
    _Atomic uint32_t calls;
    uint32_t seen;
};
struct lists {
    struct side sides[2];
};

static void *setup(void) {
    struct lists *lists = aligned_alloc(128, sizeof *lists);
    if (lists == NULL) {
        return NULL;
    }
    if (corps__reactor_start(corps__reactor->ops) != CORPS_OK) {
        free(lists);
        return NULL;
    }
    corps__reactor_open();
    corps__reactor_wake_set(CORPS_WAKE_BLOCK);
    memset(lists, 0, sizeof *lists);
    lists->sides[0].list = lists->sides[1].list = CORPS__WAITLIST_INIT;
    return lists;
}

static void teardown(void *state) {
    if (corps__lead_try()) {
        corps__reactor_stop();
    }
    free(state);
}

static void notify_nobody(void *state, unsigned side, size_t count) {
    struct lists *lists = state;
    for (size_t i = 0; i < count; i++) {
        corps__waitlist_notify(&lists->sides[side].list);
    }
}

static void load(void *state, unsigned side, size_t count) {
    struct lists *lists = state;
    for (size_t i = 0; i < count; i++) {
        unsigned waiting = atomic_load(&lists->sides[side].list.count);
        bench_use(&waiting);
    }
}

static bool was_called(void *arg) {
    struct side *side = arg;
    return atomic_load(&side->calls) != side->seen;
}

static void call_by_list(struct side *side) {
    atomic_fetch_add(&side->calls, 1);
    corps__waitlist_notify(&side->list);
}

static void wait_by_list(struct side *side) {
    if (corps__waitlist_wait(&side->list, was_called, side, CORPS_FOREVER, NULL) != CORPS_OK) {
        abort(); /* nothing limits it here */
    }
    side->seen++;
}

static void call_by_futex(struct side *side) {
    atomic_fetch_add(&side->calls, 1);
    syscall(SYS_futex, &side->calls, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

static void wait_by_futex(struct side *side) {
    while (!was_called(side)) {
        syscall(SYS_futex, &side->calls, FUTEX_WAIT_PRIVATE, side->seen, NULL, NULL, 0);
    }
    side->seen++;
}

static void there_and_back(struct lists *lists, unsigned side, size_t count, void (*call)(struct side *),
                           void (*wait)(struct side *)) {
    for (size_t i = 0; i < count; i++) {
        if (side == 0) {
            call(&lists->sides[1]);
            wait(&lists->sides[0]);
        } else {
            wait(&lists->sides[1]);
            call(&lists->sides[0]);
        }
    }
}

static void by_list(void *state, unsigned side, size_t count) {
    there_and_back(state, side, count, call_by_list, wait_by_list);
}

static void by_futex(void *state, unsigned side, size_t count) {
    there_and_back(state, side, count, call_by_futex, wait_by_futex);
}

const struct bench bench_waitlist[] = {
    {"waitlist", "a notification when nobody waits", "an atomic load", 1, setup, notify_nobody, load, teardown},
    {"waitlist", "woken and waking, asleep between", "the same by bare futexes", 2, setup, by_list, by_futex, teardown},
    {.name = NULL},
};
