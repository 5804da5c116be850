#include "base/clock.h"

#include <corps.h>

#include <time.h>

int64_t corps__now_ns(void) {
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

int64_t corps__deadline_ns(int64_t timeout_ns) {
    if (timeout_ns == CORPS_FOREVER) {
        return CORPS_FOREVER;
    }
    int64_t now = corps__now_ns();
    return timeout_ns > INT64_MAX - now ? CORPS_FOREVER : now + (timeout_ns > 0 ? timeout_ns : 0);
}
