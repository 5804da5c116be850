/* The lock of the language that embeds the core: given up before a thread waits, and taken back afterwards, as
 * corps_wait_hooks_set says; and its signal handlers, for which a wait may end. */
#ifndef CORPS_HOOKS_H
#define CORPS_HOOKS_H

#include <stdbool.h>
#include <stdint.h>

/* Around waits, and around locks of the core under which somebody may want that lock. NULL when there was nothing to
 * give up; what it gives is for corps__take_back, on the same thread. */
void *corps__give_up(void);
void corps__take_back(void *given_up);

/* For a language whose signal handlers run on a thread that waits, and may end what it waits in: how long the calling
 * thread may wait before it is asked (CORPS_FOREVER: it is never asked); and whether it is to give up, which is asked
 * with what corps__give_up gave taken back. `is_interrupted` may run code that calls Workers. Before anything else. */
void corps__interrupt_hooks_set(int64_t (*ask_within_ns)(void), bool (*is_interrupted)(void));
int64_t corps__ask_within_ns(void);
bool corps__is_interrupted(void);

#endif
