/* The watchman: a thread that sleeps on descriptors while the leader sleeps on a word.
 *
 * The leader has it watch an epoll set. As soon as something is ready there the watchman says so once, and kicks; who
 * looks at the descriptors is the leader. Then it watches no more until it is told to again: what stays ready does not
 * keep it busy. It is started when it is first needed, handles no signals and runs none of a program's code.
 *
 * It waits in an epoll set of its own, in which the leader's lies (EPOLLONESHOT): the leader can change what is watched
 * while the watchman sleeps. A set that is closed is not watched any more.
 *
 * Threads: the leader alone.
 */
#ifndef CORPS_WATCHMAN_H
#define CORPS_WATCHMAN_H

#include <corps/error.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

struct corps__reactor;

struct corps__watchman {
    bool started;
    pthread_t thread;
    int epoll_fd;
    _Atomic bool found; /* something is ready in what it watched */
    _Atomic bool ends;
};

/* Makes what it needs but the thread. Errors: SYSTEM. */
enum corps_err corps__watchman_open(struct corps__reactor *reactor) CORPS_CHECKED;

/* Has it watch `epoll_fd` from now on, once; what is ready there already counts. False: it cannot. */
bool corps__watchman_watch(struct corps__reactor *reactor, int epoll_fd);

/* Has something become ready since it began to watch? Says so once. */
static inline bool corps__watchman_has_found(struct corps__watchman *watchman) {
    return atomic_load_explicit(&watchman->found, memory_order_relaxed) && atomic_exchange(&watchman->found, false);
}

/* Ends it. */
void corps__watchman_close(struct corps__reactor *reactor);

/* In the child of a fork, where there is no such thread. */
void corps__watchman_forked(struct corps__watchman *watchman);

#endif
