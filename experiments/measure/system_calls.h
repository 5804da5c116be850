/* Counts the system calls of processes, by the kernel's tracepoint raw_syscalls:sys_enter and perf_event_open(2).
 *
 * Counting slows each system call down a little: never count what is timed. It needs root or CAP_PERFMON, and tracefs
 * where systems mount it (/sys/kernel/tracing); where it cannot be had, `begin` gives NULL and nothing is counted.
 *
 * Threads: one counter belongs to one thread. Its own system calls between begin and end count too if its process is
 * among those counted.
 */
#ifndef SYSTEM_CALLS_H
#define SYSTEM_CALLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct lab_calls;

/* Begins counting for every thread of these processes, and those that they start. NULL when that cannot be had. */
struct lab_calls *lab_calls_begin(const pid_t *pids, size_t count);

/* Ends it, and frees. False when nothing was counted (`calls` may be NULL). */
bool lab_calls_end(struct lab_calls *calls, uint64_t *count);

#endif
