/* The pool of threads by itself: in a runtime of its own, with nothing above it and a reactor in which nothing comes in
 * but what the test makes there. */
#ifndef POOL_ALONE_H
#define POOL_ALONE_H

#include "actor/runtime.h"

#include <dirent.h>
#include <sched.h>

struct pool_alone {
    struct corps__runtime process; /* the one before */
    struct corps__runtime *runtime;
    struct corps__reactor_ops ops;
    unsigned thread_count; /* of the process, before the pool has some */
};

static inline unsigned pool_alone_threads(void) {
    unsigned count = 0;
    DIR *tasks = opendir("/proc/self/task");
    for (struct dirent *entry; tasks != NULL && (entry = readdir(tasks)) != NULL;) {
        count += entry->d_name[0] != '.' ? 1 : 0;
    }
    if (tasks != NULL) {
        closedir(tasks);
    }
    return count;
}

/* Are there threads that were not there before the pool? What runs a program may have threads of its own in the
 * process: qemu-user has one from the start, ThreadSanitizer from the first thread of the program's. */
static inline bool pool_alone_has_threads(const struct pool_alone *alone) {
#ifdef __SANITIZE_THREAD__
    return pool_alone_threads() > (alone->thread_count > 1 ? alone->thread_count : 2);
#else
    return pool_alone_threads() > alone->thread_count;
#endif
}

/* Enters it; the reactor is open, its leader blocks. `tend` is called with the lead after corps__reactor_tend. */
static inline bool pool_alone_begin(struct pool_alone *alone, void (*tend)(void)) {
    alone->thread_count = pool_alone_threads();
    alone->runtime = corps__runtime_create();
    if (alone->runtime == NULL) {
        return false;
    }
    alone->process = corps__runtime_enter(*alone->runtime);
    alone->ops = *corps__reactor->ops;
    alone->ops.tend = tend;
    alone->ops.wants = corps__thread_pool_wants;
    alone->ops.disturbs = corps__thread_pool_leader_disturbs;
    alone->ops.lead_is_free = corps__thread_pool_lead_is_free;
    alone->ops.block = corps__thread_pool_block;
    alone->ops.unblock = corps__thread_pool_unblock;
    if (corps__reactor_start(&alone->ops) != CORPS_OK) {
        return false;
    }
    corps__reactor_wake_set(CORPS_WAKE_BLOCK);
    corps__reactor_open();
    return true;
}

/* After corps__thread_pool_stop: waits for the pool's threads, and frees all. */
static inline void pool_alone_end(struct pool_alone *alone) {
    while (pool_alone_has_threads(alone)) {
        sched_yield(); /* they are detached; the test's timeout ends this */
    }
    (void)corps__runtime_enter(alone->process);
    corps__runtime_free(alone->runtime);
}

#endif
