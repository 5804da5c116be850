/* Which processes the Envs are, also of those on other hosts, of which the program that creates a Corps is not told.
 *
 * On hosts that are namespaces of this machine such a process can be seen as any other; on another machine its number
 * means nothing here, and it counts as unknown. Threads: the program's one.
 */
#ifndef WORKLOADS_WHERE_H
#define WORKLOADS_WHERE_H

#include <corps.h>

#include <stdbool.h>

/* Asks the Envs on other hosts. Errors: those of creating a Conc and of a call. */
enum corps_err lab_where_learn(struct corps *corps) CORPS_CHECKED;

/* The process of an Env; 0 where none is known. Of an Env on another host: the one that was there when it was asked. */
int lab_where_pid(const struct corps *corps, unsigned env);

/* Has the Env ended, as far as this process can know? */
bool lab_where_lost(const struct corps *corps, unsigned env);

extern const struct corps_class lab_where_class;

#endif
