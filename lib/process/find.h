/* Directories: Workers that are found by their class or tag. */
#ifndef CORPS_FIND_H
#define CORPS_FIND_H

#include <corps.h>

/* The manager's "corps:find": [class or nil, tag or nil, number or nil] → [[number, class], …] of those of its Env that
 * serve, in the order of their numbers, without Corps' own. A class is meant by its whole name, or by what stands in it
 * before " in ". */
enum corps_err corps__manager_find(struct corps_context *context, void *self, const struct corps_value *args,
                                   struct corps_value *result);

#endif
