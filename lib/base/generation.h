/* How many forks lie between this process and the one that first used Corps: see corps_fork_generation. */
#ifndef CORPS_GENERATION_H
#define CORPS_GENERATION_H

/* In the child of a fork, before anything else may ask. */
void corps__generation_forked(void);

#endif
