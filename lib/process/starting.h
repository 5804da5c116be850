/* Starting the process of an Env: on this host, or on another one (fleet.h). */
#ifndef CORPS_STARTING_H
#define CORPS_STARTING_H

#include "process/life.h"

/* Which of the Env's processes the present one is, over all lives of the Corps. */
uint64_t corps__child_incarnation(const struct corps__life_child *child);

/* Places it, and starts this incarnation; then what it says and its end are told. Errors: of placing, and of starting
 * processes; then nothing is told. */
enum corps_err corps__child_begin(struct corps__life_child *child, uint32_t incarnation, corps__control_fn on_record,
                                  corps__child_fn on_end) CORPS_CHECKED;

#endif
