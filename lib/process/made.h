/* What Env 0 keeps to make the Concs of an Env again: the orders that they were made by, and their numbers. With the
 * lead. */
#ifndef CORPS_MADE_H
#define CORPS_MADE_H

#include "process/life.h"

/* ["made", order, numbers]; copied. Without memory for it that is said, and they are not made again. */
void corps__made_keep(struct corps__life_child *child, const struct corps_value *record);

/* One has ended in order, and does not come back. */
void corps__made_drop(struct corps__life_child *child, int64_t number);

/* None of them does. */
void corps__made_free(struct corps__life_child *child);

#endif
