/* Directories: Workers that are found by their class or tag. */
#ifndef CORPS_FIND_H
#define CORPS_FIND_H

#include "link/known.h"

#include <corps.h>

/* The manager's "corps:find": [class or nil, tag or nil, number or nil] → [[number, class], …] of those of its Env that
 * serve, in the order of their numbers, without Corps' own. A class is meant by its whole name, or by what stands in it
 * before " in ". */
enum corps_err corps__manager_find(struct corps_context *context, void *self, const struct corps_value *args,
                                   struct corps_value *result);

/* Asks a Corps for its front, and gives its Name. Errors: UNKNOWN (it has none, or that has ended), TIMEOUT,
 * WORKER_LOST, EXITED, NO_MEMORY. */
enum corps_err corps__find_front(struct corps *corps, int64_t timeout_ns, struct corps_name **front) CORPS_CHECKED;

#endif
