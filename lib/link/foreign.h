/* Corps that this process knows by a Name alone: how they are found and reached.
 *
 * Env 0 of every Corps writes a file `corps` (0600) into the Corps' directory as soon as all its Envs are up: settings,
 * secret, table of Envs; and anew whenever an Env ends and is started again. A Name carries the number of its Corps,
 * the directory is named for it: whoever may read the file may call. A Corps whose directory is gone has ended.
 */
#ifndef CORPS_FOREIGN_H
#define CORPS_FOREIGN_H

#include "link/state.h"

/* Writes the file of the own Corps. In Env 0. Errors: SYSTEM, NO_MEMORY. */
enum corps_err corps__foreign_publish(const struct corps *corps) CORPS_CHECKED;

/* The Corps with this number, held once more: known already, or read from its file. Errors: EXITED (there is none, any
 * more), SYSTEM, PROTOCOL (its file is of another version). */
enum corps_err corps__foreign_find(uint64_t corps_id, struct corps **corps) CORPS_CHECKED;

/* Reads the file of a foreign Corps again and takes over what has changed of its Envs. With the lead. Errors: as
 * corps__foreign_find. */
enum corps_err corps__foreign_refresh(struct corps *corps) CORPS_CHECKED;

/* In the child of a fork: locks that others held are free again. */
void corps__foreign_forked(void);

#endif
