/* The lock of the language that embeds the core: given up before a thread waits, and taken back afterwards, as
 * corps_wait_hooks_set says. */
#ifndef CORPS_HOOKS_H
#define CORPS_HOOKS_H

/* Around waits, and around locks of the core under which somebody may want that lock. NULL when there was nothing to
 * give up; what it gives is for corps__take_back, on the same thread. */
void *corps__give_up(void);
void corps__take_back(void *given_up);

#endif
