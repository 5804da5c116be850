/* One timer: what it calls, when, and what has become of that. */
#ifndef CORPS_ACTOR_TIMER_H
#define CORPS_ACTOR_TIMER_H

#include "actor/beat.h"
#include "actor/state.h"

struct corps__failure;

enum { CORPS__TIMER_RING = 1, CORPS__TIMER_SETTLE = 2, CORPS__TIMER_DROP = 4 };

struct corps_timer {
    struct corps__alarm alarm; /* first; holds a reference while it is set */
    _Atomic unsigned refs;
    pthread_mutex_t lock; /* held while a ring is sent; guards the next few */
    struct corps__beat beat;
    bool over;                   /* nothing is sent any more */
    bool trying;                 /* the ring that is due could not be sent yet */
    int64_t pause_ns;            /* before it is tried again */
    struct corps_box *args;      /* NULL: none, or dropped */
    struct corps_future *future; /* of the last ring, until it is answered; holds a reference to the timer */
    bool told_failure;           /* the last ring has failed, and that was told */

    struct corps_name *to;
    struct corps *corps;    /* of `to`, where that is not of this Env: held */
    const char *serializer; /* NULL: the Corps' */
    bool single;            /* it is the Name of one Conc, not of a pool */
    bool local;             /* … in this Env */
    bool owned;             /* ends with … */
    uint32_t owner;         /* … this Conc of this Env */
    _Atomic uint64_t sent, skipped, failed;
    struct corps__failure *_Atomic failure; /* why it has stopped by itself */

    /* Of timers.c. */
    struct corps_timer *next, **at; /* among those that there are; `at` is NULL for others */
    struct corps_timer *next_due;
    unsigned due; /* what is to be attended to */
    char method[];
};

/* Attends to what is due, of which each bit has a reference that this takes. `may_wait`: not with the lead. */
void corps__timer_attend(struct corps_timer *timer, unsigned what, bool may_wait);

struct corps_timer *corps__timer_ref(struct corps_timer *timer);
void corps__timer_unref(struct corps_timer *timer);

/* In the child of a fork: it is the parent's, and does nothing here. */
void corps__timer_forked(struct corps_timer *timer);

#endif
