#include "wait/watchman.h"

#include "wait/lead.h"

#include <errno.h>
#include <signal.h>
#include <sys/epoll.h>
#include <unistd.h>

static void *watch(void *arg) {
    struct corps__reactor *reactor = arg;
    struct corps__watchman *watchman = &reactor->watchman;
    while (!atomic_load(&watchman->ends)) {
        struct epoll_event event;
        if (epoll_wait(watchman->epoll_fd, &event, 1, -1) > 0 && !atomic_load(&watchman->ends)) {
            atomic_store(&watchman->found, true); /* what the kick is for; model: kick.pml, step K1 */
            corps__kick_leader(reactor);
        }
    }
    return NULL;
}

enum corps_err corps__watchman_open(struct corps__reactor *reactor) {
    struct corps__watchman *watchman = &reactor->watchman;
    *watchman = (struct corps__watchman){.epoll_fd = epoll_create1(EPOLL_CLOEXEC)};
    /* For its end: nothing that could fail is left to be done then. */
    struct epoll_event nothing = {.events = 0};
    if (watchman->epoll_fd >= 0 && epoll_ctl(watchman->epoll_fd, EPOLL_CTL_ADD, reactor->wake_fd, &nothing) == 0) {
        return CORPS_OK;
    }
    enum corps_err err = corps_error_system("cannot make an epoll set");
    if (watchman->epoll_fd >= 0) {
        close(watchman->epoll_fd);
    }
    return err;
}

static bool start(struct corps__reactor *reactor) {
    struct corps__watchman *watchman = &reactor->watchman;
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before); /* inherited: signals are for the program's own threads */
    watchman->started = pthread_create(&watchman->thread, NULL, watch, reactor) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return watchman->started;
}

bool corps__watchman_watch(struct corps__reactor *reactor, int epoll_fd) {
    struct corps__watchman *watchman = &reactor->watchman;
    if (!watchman->started && !start(reactor)) {
        return false;
    }
    struct epoll_event event = {.events = EPOLLIN | EPOLLONESHOT};
    return epoll_ctl(watchman->epoll_fd, EPOLL_CTL_MOD, epoll_fd, &event) == 0 ||
           (errno == ENOENT && epoll_ctl(watchman->epoll_fd, EPOLL_CTL_ADD, epoll_fd, &event) == 0);
}

void corps__watchman_close(struct corps__reactor *reactor) {
    struct corps__watchman *watchman = &reactor->watchman;
    if (watchman->started) {
        atomic_store(&watchman->ends, true);
        struct epoll_event event = {.events = EPOLLOUT}; /* an eventfd is, unless somebody counted to 2^64 */
        (void)epoll_ctl(watchman->epoll_fd, EPOLL_CTL_MOD, reactor->wake_fd, &event);
        pthread_join(watchman->thread, NULL);
        watchman->started = false;
    }
    close(watchman->epoll_fd);
}

void corps__watchman_forked(struct corps__watchman *watchman) {
    close(watchman->epoll_fd);
    watchman->started = false;
}
