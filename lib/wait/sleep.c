#include "wait/sleep.h"

#include <corps.h>

#include <errno.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

_Static_assert(POLLIN == EPOLLIN && POLLOUT == EPOLLOUT && POLLERR == EPOLLERR && POLLHUP == EPOLLHUP,
               "epoll's events are poll's");

static bool is_same(const struct corps__sleep_set *set, const struct pollfd *fds, size_t count) {
    if (set->epoll_fd < 0 || count != set->count) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        if (set->watches[i].fd != fds[i].fd || set->watches[i].events != fds[i].events) {
            return false;
        }
    }
    return true;
}

static bool make_set(struct corps__sleep_set *set, const struct pollfd *fds, size_t count) {
    if (set->epoll_fd >= 0) {
        close(set->epoll_fd);
    }
    set->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    set->count = count;
    bool made = set->epoll_fd >= 0;
    for (size_t i = 0; made && i < count; i++) {
        struct epoll_event event = {.events = (uint32_t)fds[i].events, .data.u64 = i};
        set->watches[i] = (struct corps__watch){fds[i].fd, fds[i].events};
        made = epoll_ctl(set->epoll_fd, EPOLL_CTL_ADD, fds[i].fd, &event) == 0;
    }
    if (!made && set->epoll_fd >= 0) {
        close(set->epoll_fd);
        set->epoll_fd = -1;
    }
    return made;
}

static struct timespec span_of(int64_t ns) {
    return (struct timespec){.tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000};
}

/* By its number, since glibc has a function for it from 2.35 on: what is built here shall run with 2.34, RHEL 9's. */
static int wait_timed(int epoll_fd, struct epoll_event *events, int count, const struct timespec *timeout) {
    return (int)syscall(SYS_epoll_pwait2, epoll_fd, events, count, timeout, NULL, (size_t)0);
}

void corps__sleep(struct corps__sleep_set *set, struct pollfd *fds, size_t count, int64_t left_ns, bool changed) {
    struct timespec left = span_of(left_ns);
    const struct timespec *timeout = left_ns == CORPS_FOREVER ? NULL : &left;
    if ((changed || !is_same(set, fds, count)) && !make_set(set, fds, count)) {
        ppoll(fds, count, timeout, NULL);
        return;
    }
    struct epoll_event events[16];
    int ready =
        timeout == NULL ? epoll_wait(set->epoll_fd, events, 16, -1) : wait_timed(set->epoll_fd, events, 16, timeout);
    if (ready < 0 && errno == ENOSYS) { /* it came with Linux 5.11, and epoll_wait counts milliseconds */
        ppoll(fds, count, timeout, NULL);
        return;
    }
    for (int i = 0; i < ready; i++) {
        fds[events[i].data.u64].revents = (short)events[i].events;
    }
}

void corps__sleep_forget(struct corps__sleep_set *set) {
    if (set->epoll_fd >= 0) {
        close(set->epoll_fd);
    }
    set->epoll_fd = -1;
}
