/* Corps that this process knows by a Name alone: how they are found and reached.
 *
 * Env 0 of every Corps writes a file `corps` (0600) into the Corps' directory as soon as all its Envs are up: settings,
 * secret, table of Envs; and anew whenever an Env ends and is started again. A Name carries the number of its Corps,
 * the directory is named for it: whoever may read the file may call. A Corps whose directory is gone has ended.
 */
#ifndef CORPS_FOREIGN_H
#define CORPS_FOREIGN_H

#include "codec/config.h"
#include "link/far.h"
#include "link/state.h"

/* Writes the file of the own Corps. In Env 0. Errors: SYSTEM, NO_MEMORY. */
enum corps_err corps__foreign_publish(const struct corps *corps) CORPS_CHECKED;

/* The same, but that its Envs are down just now, as `text` says, and come back: on this host, or on another one. */
enum corps_err corps__foreign_publish_moving(const struct corps *corps, const char *text) CORPS_CHECKED;

/* The Corps with this number, held once more: known already, or read from its file, or as the agent of this host says
 * (far.h); while it is being started anew somewhere, waits for it, 10 s at most. Not with the lead. Errors: EXITED
 * (there is none, any more), TIMEOUT, SYSTEM, PROTOCOL (its file is of another version). */
enum corps_err corps__foreign_find(uint64_t corps_id, struct corps **corps) CORPS_CHECKED;

/* The same until then. `try_only`: FULL where it is being started anew; `no_wait`: FULL also where nobody has said yet
 * whether and where it is, which who asks again soon may be told. */
enum corps_err corps__foreign_await(uint64_t corps_id, bool try_only, bool no_wait, int64_t deadline_ns,
                                    struct corps **corps) CORPS_CHECKED;

/* The same for who only looks: a Corps whose serializer is in a module that is not loaded is spoken to in msgpack. */
enum corps_err corps__foreign_look(uint64_t corps_id, struct corps **corps) CORPS_CHECKED;

/* Calls each(id, settings, pid of Env 0, arg) for every Corps of this user that has written its file and lives. Errors:
 * SYSTEM, DENIED. */
enum corps_err corps__foreign_list(void (*each)(uint64_t corps_id, const struct corps__settings *settings, int pid,
                                                void *arg),
                                   void *arg) CORPS_CHECKED;

/* Reads the file of a foreign Corps again and takes over what has changed of its Envs; of one that roams the agent is
 * asked as well. With the lead; never waits. Errors: EXITED (not of one that roams), SYSTEM, PROTOCOL. */
enum corps_err corps__foreign_refresh(struct corps *corps) CORPS_CHECKED;

/* Takes over what an agent has said. Where that is that nobody owns the Corps just now, or that another life of it has
 * begun and does not serve yet, its Envs are being started again. With the lead. Errors: PROTOCOL, CORRUPT, NO_MEMORY.
 */
enum corps_err corps__foreign_take(struct corps *corps, const struct corps__far_known *known) CORPS_CHECKED;

/* In the child of a fork: locks that others held are free again. */
void corps__foreign_forked(void);

#endif
