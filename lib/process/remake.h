/* In an Env that takes another's place: making the Concs again that there were. */
#ifndef CORPS_REMAKE_H
#define CORPS_REMAKE_H

#include <corps.h>

/* Makes the Concs of `orders` ([order, numbers] …, see children.h), one order after the other, and calls `done` with
 * the lead: with NULL, or with what the first init that failed has said. With the lead; copies what it is given.
 * Errors: NO_MEMORY (and `done` is not called). */
enum corps_err corps__remake(const struct corps_value *orders,
                             void (*done)(const struct corps_error_info *failure)) CORPS_CHECKED;

#endif
