/* The processes of a Corps that its creator has not started itself, but has to see gone: Envs from 1 on. Known by their
 * pidfds, so that no other process is ever taken for one. With the lead, but for those that wait. */
#ifndef CORPS_OTHERS_H
#define CORPS_OTHERS_H

#include <stdbool.h>
#include <stdint.h>

struct corps__others {
    unsigned count; /* of Envs that there may be, 0 included */
    int *pidfds;    /* -1: none; NULL: nothing was watched yet, or no memory for it */
};

/* This process is the Env from now on; a former one has ended. */
void corps__others_watch(struct corps__others *others, unsigned env, int pid);

/* Have all ended? Forgets those that have. */
bool corps__others_are_gone(struct corps__others *others);

/* How many have not ended. */
unsigned corps__others_count(const struct corps__others *others);

void corps__others_kill(const struct corps__others *others);

/* Waits until all have ended, kills them at the deadline (CORPS_FOREVER: after five seconds for each), and frees. True
 * when one had to be killed. */
bool corps__others_reap(struct corps__others *others, int64_t deadline_ns);

/* In the child of a fork: closes what is open. */
void corps__others_forget(const struct corps__others *others);

#endif
