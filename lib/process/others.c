#include "process/others.h"

#include "base/clock.h"

#include <corps.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

static bool make_room(struct corps__others *others) {
    if (others->pidfds == NULL) {
        int *made = malloc(others->count * sizeof *made);
        for (unsigned i = 0; made != NULL && i < others->count; i++) {
            made[i] = -1;
        }
        others->pidfds = made;
    }
    return others->pidfds != NULL;
}

/* The child of a fork closes what it finds there, so it is off the list first. */
static void forget(struct corps__others *others, unsigned env) {
    int fd = others->pidfds[env];
    others->pidfds[env] = -1;
    if (fd >= 0) {
        close(fd);
    }
}

void corps__others_watch(struct corps__others *others, unsigned env, int pid) {
    if (env > 0 && env < others->count && pid > 0 && make_room(others)) {
        forget(others, env);
        others->pidfds[env] = (int)syscall(SYS_pidfd_open, pid, 0);
    }
}

static bool has_ended(int pidfd, int timeout_ms) {
    struct pollfd gone = {.fd = pidfd, .events = POLLIN};
    return poll(&gone, 1, timeout_ms) > 0;
}

bool corps__others_are_gone(struct corps__others *others) {
    bool all = true;
    for (unsigned i = 1; others->pidfds != NULL && i < others->count; i++) {
        if (others->pidfds[i] >= 0 && has_ended(others->pidfds[i], 0)) {
            forget(others, i);
        }
        all = all && others->pidfds[i] < 0;
    }
    return all;
}

unsigned corps__others_count(const struct corps__others *others) {
    unsigned count = 0;
    for (unsigned i = 1; others->pidfds != NULL && i < others->count; i++) {
        count += others->pidfds[i] >= 0 && !has_ended(others->pidfds[i], 0) ? 1 : 0;
    }
    return count;
}

void corps__others_kill(const struct corps__others *others) {
    for (unsigned i = 1; others->pidfds != NULL && i < others->count; i++) {
        if (others->pidfds[i] >= 0) {
            syscall(SYS_pidfd_send_signal, others->pidfds[i], SIGKILL, NULL, 0);
        }
    }
}

bool corps__others_reap(struct corps__others *others, int64_t deadline_ns) {
    bool killed = false;
    for (unsigned i = 1; others->pidfds != NULL && i < others->count; i++) {
        int fd = others->pidfds[i];
        if (fd < 0) {
            continue;
        }
        int64_t left = deadline_ns == CORPS_FOREVER ? 5000000000 : deadline_ns - corps__now_ns();
        if (!has_ended(fd, left > 0 ? (int)(left / 1000000) : 0)) {
            syscall(SYS_pidfd_send_signal, fd, SIGKILL, NULL, 0);
            (void)has_ended(fd, 5000);
            killed = true;
        }
        forget(others, i);
    }
    free(others->pidfds);
    others->pidfds = NULL;
    return killed;
}

void corps__others_forget(const struct corps__others *others) {
    for (unsigned i = 1; others->pidfds != NULL && i < others->count; i++) {
        if (others->pidfds[i] >= 0) {
            close(others->pidfds[i]);
        }
    }
}
