/* The grant of an Env that another host's owner has ordered: until when it may act.
 *
 * The agent of its host asks the owner for grants, and kills its Envs at the end of the last one. But it may be stopped
 * just then, with its Envs or without them. So it shows them what it has been granted: a page of memory that they all
 * have, whose first eight bytes are a time of CLOCK_BOOTTIME in ns (which goes on while the machine sleeps), 0 before
 * the first grant. From that time on an Env begins no request: it ends itself, and so it does while it is idle or a
 * method runs, a little later. What a method does in the meantime nobody can prevent; see corps_context_epoch.
 *
 * The descriptor's number is in CORPS_GRANT_FD. An Env 0 that has such a page lets the Envs that it starts on its own
 * host look at it too: they open it by the path of its descriptor. An Env without a page needs no grant, and pays one
 * look at a pointer for each request.
 */
#ifndef CORPS_GRANTED_H
#define CORPS_GRANTED_H

#include <corps/error.h>

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CORPS__GRANT_VARIABLE "CORPS_GRANT_FD"

enum { CORPS__GRANTED_LOOK_MS = 200 };

extern const _Atomic int64_t *corps__granted; /* NULL: it needs none. Written before there are other threads */

/* In an Env, before its threads: takes the descriptor, if there is one, else opens the page at `path` ("": there is
 * none). `end` ends the process, and may be called on any thread. Errors: SYSTEM (what is there is no page). */
enum corps_err corps__granted_begin(const char *path, void (*end)(const char *why)) CORPS_CHECKED;

/* Was this process given a descriptor? Before corps__granted_begin. */
bool corps__granted_is_given(void);

/* Where processes of this host find the page, as long as this one lives; "" without one. Any thread. */
enum { CORPS__GRANTED_PATH_BYTES = 48 };
void corps__granted_path(char path[CORPS__GRANTED_PATH_BYTES]);

/* Until when this process may act; INT64_MAX where it needs no grant. Any thread. */
static inline int64_t corps__granted_until(void) {
    return corps__granted != NULL ? atomic_load(corps__granted) : INT64_MAX;
}

/* With a grant: ends the process, if that is over. Any thread. */
void corps__granted_look(void);

/* In the child of a fork, which is no Env. */
void corps__granted_forked(void);

#endif
