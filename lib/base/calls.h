/* System calls of every message, as they are. In a process of several threads glibc's functions for them begin and end
 * a place where a thread may be cancelled, by two locked instructions and a branch that often goes wrong: a tenth of
 * what a spinning transport does. Threads in the core are not to be cancelled anyway, least of all while they poll for
 * others.
 *
 * Results and errno are those of the functions of the same names. */
#ifndef CORPS_BASE_CALLS_H
#define CORPS_BASE_CALLS_H

#include <mqueue.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

static inline ssize_t corps__read(int fd, void *to, size_t bytes) {
    return syscall(SYS_read, fd, to, bytes);
}

static inline ssize_t corps__write(int fd, const void *from, size_t bytes) {
    return syscall(SYS_write, fd, from, bytes);
}

static inline ssize_t corps__send(int fd, const void *from, size_t bytes, int flags) {
    return syscall(SYS_sendto, fd, from, bytes, flags, NULL, (socklen_t)0);
}

static inline ssize_t corps__mq_receive(mqd_t queue, void *to, size_t bytes) {
    return syscall(SYS_mq_timedreceive, queue, to, bytes, NULL, NULL);
}

static inline int corps__mq_send(mqd_t queue, const void *from, size_t bytes) {
    return (int)syscall(SYS_mq_timedsend, queue, from, bytes, 0U, NULL);
}

#endif
