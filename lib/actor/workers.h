/* The Workers of this Env, as values: what `corps:stats` says of each (corps/stats.h). */
#ifndef CORPS_ACTOR_WORKERS_H
#define CORPS_ACTOR_WORKERS_H

#include "actor/conc.h"

enum { CORPS__WORKERS_AT_ONCE = 4096 };

/* Some Workers, in the order of their numbers. */
struct corps__workers {
    uint32_t count;
    uint32_t left; /* so many more there are, with higher numbers */
    uint32_t ids[CORPS__WORKERS_AT_ONCE];
    uint64_t queued[CORPS__WORKERS_AT_ONCE]; /* requests that wait for their turn */
};

/* Writes the first ones that are there, and how many requests wait for each. With the lead. */
void corps__workers_look(struct corps__workers *workers);

/* A list with a map for each, in `box`. Errors: NO_MEMORY. */
enum corps_err corps__workers_value(struct corps_box *box, const struct corps__workers *workers,
                                    struct corps_value *list) CORPS_CHECKED;

#endif
