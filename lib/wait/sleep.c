#include "wait/sleep.h"

#include <sys/epoll.h>
#include <sys/syscall.h>
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

/* By its number: glibc's function is a point where threads can be cancelled, for which every call has steps that nobody
 * here needs. */
static int wait_for(int epoll_fd, struct epoll_event *events, int count) {
    return (int)syscall(SYS_epoll_pwait, epoll_fd, events, count, -1, NULL, (size_t)0);
}

void corps__sleep(struct corps__sleep_set *set, struct pollfd *fds, size_t count, bool changed) {
    if ((changed || !is_same(set, fds, count)) && !make_set(set, fds, count)) {
        poll(fds, count, -1);
        return;
    }
    struct epoll_event events[16];
    int ready = wait_for(set->epoll_fd, events, 16);
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
