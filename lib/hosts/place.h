/* On which host an Env goes: the deciding part of a fleet (process/fleet.h). Pure: the same hosts and the same
 * questions give the same answers.
 *
 * A host is meant by its name, by its number as text, or by one of its labels; "" means any, and a list has commas
 * between. Of those that are meant, are heard, and have a slot free, the one whose slots are used least gets the Env,
 * by share; among equals the first in the list. */
#ifndef CORPS_HOSTS_PLACE_H
#define CORPS_HOSTS_PLACE_H

#include "process/fleet.h"

#include <stdbool.h>

/* Is it meant by one word; by any of a list? */
bool corps__host_is(const struct corps__fleet_host *host, const char *word);
bool corps__host_is_in(const struct corps__fleet_host *host, const char *list);

/* Which of `hosts` gets the Env: its index. Errors: UNKNOWN (none is meant), WORKER_LOST (none that is meant is heard),
 * LIMIT (no slot is free). The detail says what there is. */
enum corps_err corps__place_choose(const struct corps__fleet_host *hosts, unsigned count, const char *where,
                                   unsigned *index) CORPS_CHECKED;

#endif
