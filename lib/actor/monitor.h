/* The monitor: a thread that looks every millisecond, while something runs, whether nobody polls or something runnable
 * lies untouched, because a method takes long; then it sets a parked thread of the pool free (or starts one). It
 * flushes what links hold back, and looks for methods that run for too long (stuck.h). It sleeps when the process is
 * idle. It also ends the process when the parent has died
 * and the orderly way out takes too long.
 */
#ifndef CORPS_MONITOR_H
#define CORPS_MONITOR_H

#include <corps/error.h>

#include <stdbool.h>

/* After the pool's start. `parent_fd` hangs up when the parent has died (−1: none); `abandon` gives up, then, what
 * others would find. Errors: SYSTEM. */
enum corps_err corps__monitor_start(int parent_fd, void (*abandon)(void)) CORPS_CHECKED;

/* Is there nothing to see to? By the monitor, once it has said that it sleeps. Who makes something runnable, lets the
 * lead go or holds frames back looks afterwards whether the monitor sleeps, so one of the two sees the other. */
bool corps__monitor_may_sleep(void);

/* The parent has died: the process ends within a few seconds, in order or not. */
void corps__monitor_orphaned(void);

#endif
