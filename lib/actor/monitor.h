/* The monitor: a thread that looks every millisecond, while something runs, whether nobody polls or something runnable
 * lies untouched, because a method takes long; then it sets a parked thread of the pool free (or starts one). It
 * flushes what links hold back. It sleeps when the process is idle. It also ends the process when the parent has died
 * and the orderly way out takes too long.
 */
#ifndef CORPS_MONITOR_H
#define CORPS_MONITOR_H

#include <corps/error.h>

/* After the pool's start. `parent_fd` hangs up when the parent has died (−1: none); `abandon` gives up, then, what
 * others would find. Errors: SYSTEM. */
enum corps_err corps__monitor_start(int parent_fd, void (*abandon)(void)) CORPS_CHECKED;

/* The parent has died: the process ends within a few seconds, in order or not. */
void corps__monitor_orphaned(void);

#endif
