/* Groups: several INITs or CLEANUPs of Concs that are answered together. */
#ifndef CORPS_GROUP_H
#define CORPS_GROUP_H

#include <corps.h>

#include <stdatomic.h>

struct corps__failure;

struct corps__group {
    _Atomic unsigned left;
    _Atomic unsigned failed;                /* INIT: how many */
    struct corps__failure *_Atomic failure; /* the first one */
    bool restarts; /* INIT: its Concs may be made again one by one, so what they know is kept */
    void (*done)(struct corps__group *group, void *arg);
    void *arg;
    /* INIT: may be NULL; gives the argument on the thread that runs the init, since decoding may run anything. NULL:
     * nil. */
    enum corps_err (*argument)(struct corps__group *group, struct corps_box **box);
};

/* Counts a failure, and keeps the first. */
void corps__group_fail(struct corps__group *group, const struct corps_error_info *info);

/* One of them is over; the last one calls `done`. Accepts NULL. */
void corps__group_finish(struct corps__group *group);

#endif
