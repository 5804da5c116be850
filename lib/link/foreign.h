/* Corps that this process knows by a Name alone: how they are found and reached.
 *
 * Env 0 of every Corps writes a file `corps` (0600) into the Corps' directory as soon as all its Envs are up: settings,
 * secret, table of Envs. A Name carries the number of its Corps, the directory is named for it: whoever may read the
 * file may call. A Corps whose directory is gone has ended.
 */
#ifndef CORPS_FOREIGN_H
#define CORPS_FOREIGN_H

#include "wait/runtime.h"

/* Writes the file of the own Corps. In Env 0. Errors: SYSTEM, NO_MEMORY. */
enum corps_err corps__foreign_publish(const struct corps *corps) CORPS_CHECKED;

/* The Corps with this number, held once more: known already, or read from its file. Errors: EXITED (there is none, any
 * more), SYSTEM, PROTOCOL (its file is of another version). */
enum corps_err corps__foreign_find(uint64_t corps_id, struct corps **corps) CORPS_CHECKED;

/* Has it ended, as far as its directory tells? False of those that this process created, or is part of. */
bool corps__foreign_ended(const struct corps *corps);

/* Gives back the endpoints of Corps that have ended and that this process did not create. With the lead, not from
 * within a poll or a callback. */
void corps__foreign_sweep(void);

#endif
