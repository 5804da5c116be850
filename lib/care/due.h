/* The timer of what a supervisor has to do though nothing happens. With the lead. */
#ifndef CORPS_CARE_DUE_H
#define CORPS_CARE_DUE_H

#include "base/clock.h"
#include "wait/wait.h"

/* Has `timer` (initialised) call `fn` when `due_ns` has come; INT64_MAX: not at all. */
static inline void corps__due_set(uv_timer_t *timer, int64_t due_ns, uv_timer_cb fn) {
    if (due_ns == INT64_MAX) {
        uv_timer_stop(timer);
        return;
    }
    int64_t left_ns = due_ns - corps__now_ns();
    uv_update_time(corps__loop()); /* a timer counts from the loop's own, possibly old, time */
    uv_timer_start(timer, fn, left_ns > 0 ? (uint64_t)(left_ns / 1000000 + 1) : 0, 0);
    corps__loop_changed();
}

#endif
