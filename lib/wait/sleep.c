#include "wait/sleep.h"

#include "base/futex.h"

#include <corps/transport.h>

#include <errno.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <unistd.h>

_Static_assert(POLLIN == EPOLLIN && POLLOUT == EPOLLOUT && POLLERR == EPOLLERR && POLLHUP == EPOLLHUP,
               "epoll's events are poll's");

/* Of one sleep on a word. A peer can take a sleeper away from its word (FUTEX_CMP_REQUEUE) or write there as if nobody
 * had been woken: whatever it does, it holds up no more than this. */
enum { WORD_NS_MAX = 10000000 };

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
    set->made++;
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

bool corps__sleep_prepare(struct corps__sleep_set *set, const struct pollfd *fds, size_t count, bool changed) {
    return (!changed && is_same(set, fds, count)) || make_set(set, fds, count);
}

/* By its number: glibc's function is a point where threads can be cancelled, for which every call has steps that nobody
 * here needs. */
static int wait_for(int epoll_fd, struct epoll_event *events, int count) {
    return (int)syscall(SYS_epoll_pwait, epoll_fd, events, count, -1, NULL, (size_t)0);
}

void corps__sleep(struct corps__sleep_set *set, struct pollfd *fds, size_t count, bool changed) {
    if (!corps__sleep_prepare(set, fds, count, changed)) {
        poll(fds, count, -1);
        return;
    }
    struct epoll_event events[16];
    int ready = wait_for(set->epoll_fd, events, 16);
    for (int i = 0; i < ready; i++) {
        fds[events[i].data.u64].revents = (short)events[i].events;
    }
}

enum corps_err corps__sleep_on_word(_Atomic uint32_t *word) {
    const struct timespec longest = {.tv_nsec = WORD_NS_MAX};
    if (corps__futex_wait(word, CORPS_WORD_ASLEEP, &longest) == 0 || errno == EAGAIN || errno == EINTR) {
        return CORPS_OK;
    }
    return errno == ETIMEDOUT ? CORPS_ERR_TIMEOUT : CORPS_ERR_UNSUPPORTED;
}

void corps__sleep_forget(struct corps__sleep_set *set) {
    if (set->epoll_fd >= 0) {
        close(set->epoll_fd);
    }
    set->epoll_fd = -1;
}
