/* The directory of one Corps: where its rendezvous sockets are.
 *
 * Base: $XDG_RUNTIME_DIR/corps when that is a directory of the user's, else /tmp/corps-<uid>; mode 0700, owner
 * checked. Below it one directory a Corps, named by its id. Its file `lock` is held with a shared flock by every
 * living Env of the Corps, so that an exclusive flock that succeeds proves that none lives. The creator of a Corps that
 * may be started anew *keeps* the directory: it holds an exclusive flock on the file `keeper`, and until it lets go of
 * that, or dies, whoever is left of the Corps leaves the directory alone.
 */
#ifndef CORPS_DIR_H
#define CORPS_DIR_H

#include <corps/error.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CORPS__DIR_BYTES 80u /* longest path of a Corps' directory, with its NUL: sun_path holds 108 */

/* Makes (if need be) and checks the base; writes its path. Errors: SYSTEM, DENIED (belongs to somebody else). */
CORPS_API enum corps_err corps__dir_base(char *out, size_t bytes) CORPS_CHECKED;

/* Where the directory of a Corps is to be. Errors: those of the base, TOO_LARGE. */
enum corps_err corps__dir_path(uint64_t corps_id, char path[CORPS__DIR_BYTES]) CORPS_CHECKED;

/* Makes the directory of a new Corps and takes its lock. `*lock_fd` is the caller's to close. Env 0 does this, not the
 * creator: whichever of the two is killed, the other one knows of the directory and removes it. */
enum corps_err corps__dir_create(const char *path, int *lock_fd) CORPS_CHECKED;

/* Takes the lock of an existing directory, as every further process of the Corps does. */
enum corps_err corps__dir_join(const char *path, int *lock_fd) CORPS_CHECKED;

/* Keeps it, until `*keeper_fd` is closed. Errors: SYSTEM. */
enum corps_err corps__dir_keep(const char *path, int *keeper_fd) CORPS_CHECKED;

/* Does no process of the Corps hold its lock? Whoever keeps the directory holds none. */
bool corps__dir_is_deserted(const char *path);

/* Removes the directory and what is in it. Reports no error: somebody else may be removing it too. */
void corps__dir_remove(const char *path);

/* Removes it if no process of the Corps lives any more. */
void corps__dir_remove_dead(const char *path);

/* The same at the end of one of several processes that end at about the same time, perhaps because another was killed,
 * whose lock the kernel may let go of a moment later: tries for up to 0.2 s, `patient` for up to 1.5 s. Only for a
 * directory of the own Corps. */
void corps__dir_remove_last(const char *path, bool patient);

/* Looks for directories whose Corps has no living process; removes them if `remove`. Calls `each` (may be NULL) for
 * every one found. Returns their number, or -1 (detail) when the base cannot be read. */
CORPS_API int corps__dir_clean(bool remove, void (*each)(const char *path, bool removed, void *arg), void *arg);

/* Calls `each` for the directory of every Corps that has a living process: its path, and its name. Errors: those of the
 * base, SYSTEM. */
enum corps_err corps__dir_living(void (*each)(const char *path, const char *name, void *arg), void *arg) CORPS_CHECKED;

#endif
