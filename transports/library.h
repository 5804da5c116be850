/* Libraries that are optional, and loaded when a transport over them is first used: who does not use it pays nothing.
 */
#ifndef CORPS_LIBRARY_H
#define CORPS_LIBRARY_H

#include <corps/error.h>

#include <stddef.h>

/* Loads `file` for good and writes the addresses of `names` (NULL at the end) to the pointers that begin at
 * `functions`. Safe to repeat. Any thread. Errors: UNSUPPORTED (says which Debian package is missing). */
enum corps_err corps__library_load(const char *file, const char *package, const char *const *names,
                                   void *functions) CORPS_CHECKED;

#endif
