/* The threads of a process, as /proc lists them. */
#ifndef LAB_THREADS_H
#define LAB_THREADS_H

#include <stdbool.h>
#include <sys/types.h>

/* Calls this with the id of every thread of the process, in the calling thread, until it gives false. False then, and
 * when they cannot be listed. Threads that begin or end meanwhile may or may not be among them. */
bool lab_threads_walk(pid_t pid, bool (*on_thread)(void *arg, pid_t thread), void *arg);

#endif
