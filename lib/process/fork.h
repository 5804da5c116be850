/* What a fork does to Corps.
 *
 * The child is another process. It has none of the threads, and must not use the links: what it wrote there would be
 * taken for its parent's. So in the child every part forgets, in one pass and before fork returns there, what belongs
 * to the parent: locks that others held are free again, descriptors are closed without a word to anybody, calls under
 * way fail. What is left is a program that has not used Corps yet, but knows its parent's Corps as it would know any
 * other's. It starts anew when it first needs to.
 *
 * In a child that a method forked no Conc runs any more: when the method returns there, the process ends.
 *
 * A vfork, and posix_spawn, are not concerned: no handler runs. */
#ifndef CORPS_FORK_H
#define CORPS_FORK_H

#include <corps.h>

/* In a child that a method has forked: ends it, after the method has returned there with `err`. Says what has failed,
 * since nobody else would. `failure` may be NULL. */
_Noreturn void corps__fork_end(enum corps_err err, const struct corps_error_info *failure);

/* Once a process, before there is anything to forget. */
void corps__fork_watch(void);

/* In the child, in this order (fork.c). Each is where what it forgets is. */
void corps__reactor_forked(void); /* first: closes what the loop watches */
void corps__sleep_forked(void);
void corps__sched_forked(void);
void corps__dispatch_forked(void);
void corps__conc_forked(void);
void corps__deadlock_forked(void);
void corps__peers_forked(void);
void corps__sending_forked(void);
void corps__futures_forked(void);
void corps__env_forked(void);
void corps__created_forked(void);
void corps__foreign_forked(void);
void corps__symbols_forked(void);
void corps__registry_forked(void);
void corps__blocks_forked(void);
void corps__slabs_forked(void);
void corps__trace_forked(void);
void corps__runtime_forked(void); /* last */

/* The table of definitions may be half changed at any moment, so a fork waits for its lock. */
void corps__definitions_lock(void);
void corps__definitions_unlock(void);

#endif
