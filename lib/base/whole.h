/* Files that are there whole, or as they were before.
 *
 * A file is written beside its place, under another name; its bytes are brought to the disk (fsync), then it takes its
 * name (rename), and that is brought to the disk too (fsync of the directory). Whatever ends in between, the process or
 * the machine, what stands under the name is the last whole one. What an attempt has left is overwritten by the next.
 * `directory` is a descriptor. One writer for one name at a time; any threads.
 */
#ifndef CORPS_BASE_WHOLE_H
#define CORPS_BASE_WHOLE_H

#include <corps/error.h>

#include <stddef.h>
#include <stdint.h>

/* The longest name that can be given. */
enum { CORPS__WHOLE_NAME_BYTES = 64 };

/* The directory `path`, made with mode 0700 if it is not there. It must be one of this user's, which nobody else may
 * write to. Gives its descriptor. Errors: DENIED, SYSTEM. */
enum corps_err corps__whole_open(const char *path, int *directory) CORPS_CHECKED;

/* Mode 0600. Errors: SYSTEM; then the file is as it was, or, where only the last step failed, the new one. */
enum corps_err corps__whole_write(int directory, const char *name, const void *data, size_t bytes) CORPS_CHECKED;

/* Gives what malloc gave, with room for a byte behind what was read; NULL when there is no such file. A file that is
 * none, or another user's, or others may write to, is refused. Errors: DENIED, TOO_LARGE (over `bytes_max`), SYSTEM,
 * NO_MEMORY. */
enum corps_err corps__whole_read(int directory, const char *name, size_t bytes_max, uint8_t **data,
                                 size_t *bytes) CORPS_CHECKED;

/* It need not be there. */
void corps__whole_remove(int directory, const char *name);

#endif
