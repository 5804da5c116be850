/* The Corps that this process knows, and who holds them.
 *
 * A struct corps is the own Corps, which stays as long as the process; one that this process created; or one of others
 * that it has called. It is held by its handle, from corps_create until corps_exit; by the list, until it has ended;
 * and by every Name that was called by. A Name finds its Corps at the first call and keeps it: so a call borrows the
 * Corps, its peers and routes from its Name, and counts nothing. A call under way whose Name is gone refers to its peer
 * only until all calls to that peer have been failed, which comes before the list lets go.
 *
 * Any thread may let go of a Corps; the leader frees it, with its peers: with the lead, a peer that a call under way
 * refers to is there.
 */
#ifndef CORPS_KNOWN_H
#define CORPS_KNOWN_H

#include "wait/runtime.h"

/* A struct with room for its Envs, held once. NULL when out of memory. */
struct corps *corps__corps_create(const struct corps__settings *settings);

/* Holds it once more; lets go of it. Any thread; never waits. */
struct corps *corps__corps_ref(struct corps *corps);
void corps__corps_unref(struct corps *corps);

/* Puts it on the list, which holds it; takes it off, if it is on it. */
void corps__corps_list(struct corps *corps);
void corps__corps_unlist(struct corps *corps);

/* The one with this number, held once more; NULL when there is none on the list. */
struct corps *corps__corps_find(uint64_t corps_id);

/* Frees what nobody holds. With the lead. */
void corps__corps_reap(void);

/* How many there are; for tests. */
unsigned corps__corps_count(void);

#endif
