/* Optional libraries, loaded when a transport over them is first used: who does not use it pays nothing. */
#ifndef CORPS_LIBRARY_H
#define CORPS_LIBRARY_H

#include <corps/transport.h>

#include <stddef.h>

/* Loads `file` for good and writes the addresses of `names` (NULL at the end) to the pointers that begin at
 * `functions`. Safe to repeat. Any thread. Errors: UNSUPPORTED (says which Debian package is missing). */
enum corps_err corps__library_load(const char *file, const char *package, const char *const *names,
                                   void *functions) CORPS_CHECKED;

/* Such libraries do not survive a fork: UNSUPPORTED in the child of a process that has used it. `owner` begins as 0. */
enum corps_err corps__library_check_fork(unsigned *owner, const char *title);

/* Runs end(what), the library's function that closes or ends something and that waits for ever now and then, in a
 * thread of its own, and waits for it, but not for longer than such a call has reason to take (5 s). `what` is end's:
 * where it does not return, that stays until the process ends, with the thread. Any thread; the library's own locks
 * aside, none that `end` takes may be held. */
void corps__library_end(void *(*end)(void *what), void *what);

#endif
