#include "base/clock.h"

#include <corps.h>

#include <time.h>

static int64_t ns_of(clockid_t clock) {
    struct timespec ts;
    clock_gettime(clock, &ts);
    return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

int64_t corps__now_ns(void) {
    return ns_of(CLOCK_MONOTONIC);
}

int64_t corps__boottime_ns(void) {
    return ns_of(CLOCK_BOOTTIME);
}

int64_t corps__deadline_ns(int64_t timeout_ns) {
    if (timeout_ns == CORPS_FOREVER) {
        return CORPS_FOREVER;
    }
    int64_t now = corps__now_ns();
    return timeout_ns > INT64_MAX - now ? CORPS_FOREVER : now + (timeout_ns > 0 ? timeout_ns : 0);
}
