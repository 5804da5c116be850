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
    _Static_assert(CORPS_FOREVER == INT64_MAX, "without end is the end of time");
    return timeout_ns == CORPS_FOREVER ? CORPS_FOREVER : corps__deadline_from_ns(corps__now_ns(), timeout_ns);
}
