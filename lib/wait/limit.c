#include "wait/limit.h"

#include <corps.h>

#include <stdio.h>
#include <stdlib.h>
#include <sys/timerfd.h>
#include <unistd.h>

enum corps_err corps__limit_open(struct corps__limit *limit) {
    int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    if (fd < 0) {
        return corps_error_system("cannot make a timer");
    }
    *limit = (struct corps__limit){.fd = fd, .at_ns = CORPS_FOREVER};
    return CORPS_OK;
}

void corps__limit_close(struct corps__limit *limit) {
    close(limit->fd);
    limit->fd = -1;
}

void corps__limit_set(struct corps__limit *limit, int64_t at_ns) {
    struct itimerspec when = {.it_value = {.tv_sec = at_ns / 1000000000, .tv_nsec = at_ns % 1000000000}};
    if (at_ns <= 0) {
        when.it_value = (struct timespec){.tv_nsec = 1}; /* nought would be never */
    }
    if (timerfd_settime(limit->fd, TFD_TIMER_ABSTIME, &when, NULL) != 0) {
        perror("corps: timerfd"); /* cannot happen with a valid descriptor */
        abort();
    }
    limit->at_ns = at_ns;
}

void corps__limit_rung(struct corps__limit *limit) {
    uint64_t times;
    (void)!read(limit->fd, &times, sizeof times);
    limit->at_ns = CORPS_FOREVER;
}
