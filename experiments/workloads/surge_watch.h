/* Looks at a pool while it is called: a thread of its own asks Env 0 for its statistics every few milliseconds, so that
 * who sends is not held up.
 *
 * Threads: begin, members and end by the driver's. The figures and `error` are the thread's until `end` returns. */
#ifndef WORKLOADS_SURGE_WATCH_H
#define WORKLOADS_SURGE_WATCH_H

#include "workloads/common.h"

#include <pthread.h>
#include <stdatomic.h>

struct surge_watch {
    struct corps *corps; /* borrowed until `end`, as the Name */
    const struct corps_name *pool;
    pthread_t thread;
    atomic_bool ends;
    _Atomic uint64_t members; /* in the table at the last look */
    uint64_t most;            /* of them at any look */
    int64_t grown, shrunk;    /* members that it had added and taken out */
    int direction;            /* of the last change: 1, -1, or 0: there was none */
    uint64_t turns;           /* changes of that */
    char error[LAB_TEXT_BYTES];
};

/* False: there is no thread. */
bool surge_watch_begin(struct surge_watch *watch, struct corps *corps, const struct corps_name *pool) CORPS_CHECKED;

uint64_t surge_watch_members(struct surge_watch *watch);

/* Ends the thread. False: the pool was not seen all the time; `error` says why. */
bool surge_watch_end(struct surge_watch *watch) CORPS_CHECKED;

#endif
