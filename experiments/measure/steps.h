/* Counts what processes execute, exactly: instructions in user mode, system calls, and the bytes that these moved. A
 * process of its own steps every thread through its program (ptrace(2)), so that the figures do not depend on the
 * machine's speed, on what else runs, or on a hypervisor that keeps the processor's own counters to itself.
 *
 * Stepped programs run some thousand times slower: count few messages, never what is timed, and only where nobody
 * spins, since who spins executes as much as the others give it time for.
 *
 * An instruction that repeats itself (rep movsb) counts once. The kernel's own instructions do not count. Only x86-64,
 * and only where a process may trace its parent (root, CAP_SYS_PTRACE, or no Yama); elsewhere `begin` gives NULL.
 *
 * Threads: one counter belongs to one thread, which may be of a counted process.
 */
#ifndef STEPS_H
#define STEPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct lab_step_counts {
    uint64_t instructions;
    uint64_t system_calls;
    uint64_t bytes; /* that reading, writing, sending and receiving system calls moved */
};

struct lab_steps;

/* Begins stepping every thread of these processes, and those that they start. NULL when that cannot be had. */
struct lab_steps *lab_steps_begin(const pid_t *pids, size_t count);

/* Ends it, and frees. What `begin` and `end` themselves execute is among the counts: subtract those of a pair with
 * nothing between. False when nothing was counted (`steps` may be NULL), or what was counted would not be the same
 * again: all slept, and went on because time had passed. */
bool lab_steps_end(struct lab_steps *steps, struct lab_step_counts *counts);

#endif
