/* Counts what processes execute, exactly: instructions in user mode, system calls, and the bytes that these moved. A
 * process of its own steps every thread through its program (ptrace(2)), so that the figures do not depend on the
 * machine's speed, on what else runs, or on a hypervisor that keeps the processor's own counters to itself.
 *
 * What is counted is a *stretch*: from one mark to the next. Of many alike, chance adds to some (a clock is read again
 * because the kernel has just set it, a thread sleeps once more, a pool is filled), and one may be spared what its
 * neighbour did. So the counts are those of one whole stretch, which an eighth of the others stay below.
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
    uint64_t first_instructions; /* of these, the first process's */
    uint64_t system_calls;
    uint64_t bytes; /* that reading, writing, sending and receiving system calls moved */
};

struct lab_steps;

/* Begins stepping every thread of these processes, and those that they start. NULL when that cannot be had. */
struct lab_steps *lab_steps_begin(const pid_t *pids, size_t count);

/* A stretch ends, and the next begins. From one of the counted processes, or from another while all of them sleep. */
void lab_steps_mark(struct lab_steps *steps);

/* Ends it, and frees. What was executed before the first mark and after the last is in no stretch. A stretch that would
 * not be the same again, since all slept and went on because time had passed, is left out. False when nothing was
 * counted (`steps` may be NULL): when fewer than five stretches are left, or less than half. */
bool lab_steps_end(struct lab_steps *steps, struct lab_step_counts *counts);

#endif
