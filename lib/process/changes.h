/* Envs that are added to the Corps, and taken from it, while it runs: what Env 0 does when its manager is asked for
 * that.
 *
 * Each change has a thread of its own while it is under way, which waits for what the loop's callbacks tell of the
 * Env's process (children.h), sees to the time that it may take, and answers the request. Envs are added one after the
 * other, so that their numbers are given in order. */
#ifndef CORPS_CHANGES_H
#define CORPS_CHANGES_H

#include <corps.h>

/* Methods of the manager of Env 0. They answer [error, Env, text]. */
#define CORPS__ENV_ADD "env_add"
#define CORPS__ENV_TAKE "env_take"
enum { CORPS__CHANGE_TEXT_BYTES = 480 };

/* Begins one for the request that the calling method serves: NIL or [host] (fleet.h), or [Env, timeout]. Returns
 * PENDING. Errors: INVALID
 * (not in Env 0), NO_MEMORY, SYSTEM (no thread). */
enum corps_err corps__change_begin(struct corps_context *context, bool adds, const struct corps_value *args);

/* What children.c tells of an Env that was added: it serves; nothing has come of it. With the lead, as all that
 * follows. */
void corps__change_joined(unsigned env);
void corps__change_not_joined(unsigned env, const struct corps_error_info *info);

/* … and of one that was taken: it has ended. `how`: NULL in order, else how it ended instead. */
void corps__change_left(unsigned env, const char *how);

/* The Corps ends: nothing is added any more. */
void corps__changes_halt(void);

/* Is none under way? */
bool corps__changes_are_over(void);

#endif
