/* What processes use: processor time, switches, memory; and what else keeps the machine's processors busy.
 *
 * Readings are snapshots: take one before and one after, and subtract. Times come from the process's own clock, in
 * nanoseconds; the split between user and system comes from the kernel's ticks and is only as fine as these.
 *
 * Threads: any.
 */
#ifndef USAGE_H
#define USAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct lab_usage {
    uint64_t cpu_ns;     /* of all threads, ended ones included */
    uint64_t user_ticks; /* of sysconf(_SC_CLK_TCK) a second */
    uint64_t system_ticks;
    uint64_t voluntary; /* switches of the threads that live now */
    uint64_t involuntary;
    uint64_t page_faults;    /* that needed no disk: pages touched for the first time */
    uint64_t peak_rss_bytes; /* since the process began */
};

/* Reads process `pid`. False when it is gone or its figures cannot be read; *usage is zero then. */
bool lab_usage_read(pid_t pid, struct lab_usage *usage);

/* Adds the readings of several processes; peaks add up too. False when one could not be read. */
bool lab_usage_read_all(const pid_t *pids, size_t count, struct lab_usage *sum);

/* after - before, field by field; the peak is that of `after`. Threads that ended between make no field negative. */
struct lab_usage lab_usage_between(const struct lab_usage *before, const struct lab_usage *after);

/* Time that the hypervisor took from this machine's processors since boot, all together; 0 when unknown. */
uint64_t lab_usage_steal_ns(void);

/* Spins 5 ms on each of the first `cpu_count_max` allowed processors and writes the share of that time which was lost
 * to gaps of 100 µs or more, as a number from 0 to 1. Returns how many were written. Leaves the calling thread's
 * allowed processors as they were. */
size_t lab_usage_sentinel(double *lost, size_t cpu_count_max);

#endif
