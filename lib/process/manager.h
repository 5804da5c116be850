/* The manager: Conc 0 of every Env, which makes and ends Concs. */
#ifndef CORPS_MANAGER_H
#define CORPS_MANAGER_H

#include <corps.h>

/* The method by which the Conc of a pool is asked to end. */
#define CORPS__POOL_END "corps:end"

extern const struct corps_class corps__manager_class;

/* A Conc of this Env does not come back: it is not made again with the Env, and its state is not kept. */
void corps__conc_is_gone(uint32_t conc);

/* Likewise of several, to who would make them again: an array of their numbers. */
void corps__tell_ended(const struct corps_value *numbers);

/* A Conc of this Env has ended of its own accord: it is not made again, if this Env must be started again. Any thread.
 */
CORPS_API void corps__conc_has_ended(const struct corps_name *name);

#endif
