/* Which of the Corps that run is meant. */
#ifndef CORPS_TOP_CHOOSE_H
#define CORPS_TOP_CHOOSE_H

#include <corps/stats.h>

/* All that run, in memory of their own (free). Errors: those of corps_find_running, NO_MEMORY. */
enum corps_err top_find(struct corps_running **list, size_t *count) CORPS_CHECKED;

/* The one that `which` names: an id (16 hexadecimal digits), a tag, or the pid of one of its Envs or of a process that
 * has started it; NULL: the only one. Errors, with what to do about it: UNKNOWN (there is none), LIMIT (there are
 * several), DENIED (it is another user's process). */
enum corps_err top_choose(const struct corps_running *list, size_t count, const char *which,
                          const struct corps_running **found) CORPS_CHECKED;

#endif
