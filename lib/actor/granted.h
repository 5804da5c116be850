/* The grant of an Env that another host's owner has ordered: until when it may act.
 *
 * The agent of its host asks the owner for grants, and kills its Envs at the end of the last one. But it may be stopped
 * just then, with its Envs or without them. So it shows them what it has been granted: a page of memory that they all
 * have, whose first eight bytes are a time of CLOCK_BOOTTIME in ns (which goes on while the machine sleeps), 0 before
 * the first grant. From that time on an Env begins no request: it ends itself, and so it does while it is idle or a
 * method runs, a little later. What a method does in the meantime nobody can prevent; see corps_context_epoch.
 *
 * The descriptor's number is in CORPS_GRANT_FD. An Env without that needs no grant, and pays one look at a pointer for
 * each request.
 */
#ifndef CORPS_GRANTED_H
#define CORPS_GRANTED_H

#include <corps/error.h>

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#define CORPS__GRANT_VARIABLE "CORPS_GRANT_FD"

enum { CORPS__GRANTED_LOOK_MS = 200 };

extern const _Atomic int64_t *corps__granted; /* NULL: it needs none. Written before there are other threads */

/* In an Env, before its threads: takes the descriptor, if there is one. `end` ends the process, and may be called on
 * any thread. Errors: SYSTEM (what is there is no page). */
enum corps_err corps__granted_begin(void (*end)(const char *why)) CORPS_CHECKED;

/* With a grant: ends the process, if that is over. Any thread. */
void corps__granted_look(void);

/* In the child of a fork, which is no Env. */
void corps__granted_forked(void);

#endif
