/* What a fork does to Corps: see fork.c. */
#ifndef CORPS_ACTOR_FORK_H
#define CORPS_ACTOR_FORK_H

/* Called by whatever starts a runtime, so that a program which is linked with the archive has the handler too: a linker
 * takes nothing out of an archive that nobody refers to, and a constructor is no reference. Any thread; does nothing
 * after the first time. */
void corps__fork_watch(void);

/* What the floor above has of the parent's is to be forgotten too, between what is under way and what is known of
 * others: as an Env, and as a creator. Before there is anything to forget. Any thread, any number of times. */
void corps__fork_env_set(void (*forked)(void));
void corps__fork_created_set(void (*forked)(void));

#endif
