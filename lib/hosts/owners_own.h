/* What owners.c (what is told) and owners_next.c (what is to be done) share. */
#ifndef CORPS_HOSTS_OWNERS_OWN_H
#define CORPS_HOSTS_OWNERS_OWN_H

#include "hosts/owners.h"

/* With so much left of the lease another operation may go before a renewal. */
#define CORPS__OWNERS_SLACK_NS (CORPS__OWNERS_OPERATION_NS + INT64_C(1000000000))

static inline int64_t corps__owners_later(int64_t a, int64_t b) {
    return a > b ? a : b;
}

/* So that what is far off stays far off. */
static inline int64_t corps__owners_after(int64_t at_ns, int64_t ns) {
    int64_t sum;
    return __builtin_add_overflow(at_ns, ns, &sum) ? INT64_MAX : sum;
}

static inline bool corps__owners_has_lease(const struct corps__owners *owners, int64_t now_ns) {
    return now_ns < owners->until_ns;
}

static inline bool corps__owned_lives(const struct corps__owned *row) {
    return row->life != CORPS__LIFE_NONE;
}

/* It runs on through silence and loss. What has not begun to act does not. */
static inline bool corps__owned_stays(const struct corps__owned *row) {
    return row->stays && (row->life == CORPS__LIFE_ACTS || row->life == CORPS__LIFE_STOPPED);
}

/* Its process is to be killed, if there is one. */
static inline void corps__owned_doom(struct corps__owned *row, bool blameless) {
    if (corps__owned_lives(row) && row->life != CORPS__LIFE_KILLED) {
        row->doomed = true;
        row->blameless = row->blameless || blameless;
    }
}

/* FORGET follows, once its process has ended. */
static inline void corps__owned_leave(struct corps__owned *row, enum corps__owners_why why) {
    row->goal = CORPS__OWNED_LEAVE;
    row->why = why;
    row->held = false;
    corps__owned_doom(row, true);
}

void corps__owned_clear(struct corps__owned *row);

#endif
