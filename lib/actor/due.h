/* When is a Worker's state to be kept? The deciding part: events and times in, decisions out. No clock, no allocation.
 *
 * A state that may have changed is kept at once, or, where there is a time between two, as soon as that has passed
 * since the last one: so there is at most one checkpoint in `every_ns`, and no change waits for longer than that. An
 * attempt that fails counts as one: the next change is the next occasion. One thread at a time.
 */
#ifndef CORPS_ACTOR_DUE_H
#define CORPS_ACTOR_DUE_H

#include <stdbool.h>
#include <stdint.h>

struct corps__due {
    int64_t every_ns; /* 0: at each request; INT64_MAX: never by itself */
    bool changed;     /* since the last checkpoint */
    bool any;         /* has there been one? */
    int64_t last_ns;
};

/* A request was run: is the state to be kept now? */
static inline bool corps__due_ran(struct corps__due *due, int64_t now_ns) {
    due->changed = true;
    return due->every_ns == 0 || (due->every_ns != INT64_MAX && (!due->any || now_ns - due->last_ns >= due->every_ns));
}

/* Time has passed: is it now? */
static inline bool corps__due_now(const struct corps__due *due, int64_t now_ns) {
    return due->changed && due->every_ns != INT64_MAX && (!due->any || now_ns - due->last_ns >= due->every_ns);
}

/* When to ask again, INT64_MAX: not before another request. */
static inline int64_t corps__due_at(const struct corps__due *due) {
    bool waits = due->changed && due->any && due->every_ns != INT64_MAX;
    return waits ? due->last_ns + due->every_ns : INT64_MAX;
}

/* A checkpoint was made, or has failed. */
static inline void corps__due_tried(struct corps__due *due, int64_t now_ns) {
    due->changed = false;
    due->any = true;
    due->last_ns = now_ns;
}

#endif
