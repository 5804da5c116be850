/* The control channel: a socket pair between a process and an Env that it started.
 *
 * Records are values as codec/framed.h has them: an array whose first item is a word.
 *   to the child    ["boot", …]  ["start", table, …]  ["row", env, row, failed]  ["cleanup"]  ["exit"]
 *                   ["take"]  ["move"]  ["moves"]  ["go"]  ["orphan"]  ["kept", number, state]  ["stored", ticket]
 *   to the parent   ["ready", …]  ["started"]  ["failed", …]  ["row", env, row, failed]  ["cleaned"]
 *                   ["exiting"]; of an Env that may be started again: ["made", order, numbers, ticket]
 *                   ["ended", numbers]
 *                   ["numbers", bound]  ["keep", number, state, ticket]: a ticket if it is on another host
 * End of file means that the other side has died, or could not read or write a record: then it said ["failed", …]
 * before. Whoever sees the end of a channel ends, or sees the other process end. Nothing else ever has these
 * descriptors, so they need no proof.
 */
#ifndef CORPS_CONTROL_H
#define CORPS_CONTROL_H

#include "codec/framed.h"
#include "process/child.h"

#include <corps.h>

enum { CORPS__RECORD_BYTES_MAX = CORPS__FRAMED_BYTES_MAX }; /* no record is longer */

struct corps__control;

/* Called with the lead. `record` is NULL at end of file (once, nothing follows). A record that could not be read comes
 * as ["failed", …], and then the end. */
typedef void (*corps__control_fn)(void *arg, const struct corps_value *record);

/* Watches `fd` (takes it, not on error). With the lead. Errors: NO_MEMORY, SYSTEM. */
enum corps_err corps__control_open(int fd, corps__control_fn on_record, void *arg,
                                   struct corps__control **control) CORPS_CHECKED;
void corps__control_close(struct corps__control *control); /* accepts NULL; with the lead */

/* Takes what a process that has ended had still written. With the lead. */
void corps__control_drain(struct corps__control *control);

/* Writes a record; blocks while the socket is full, 5 s at the most. Any thread. Errors: TOO_LARGE, CLOSED, TIMEOUT,
 * SYSTEM, NO_MEMORY (nothing was written; not for records up to a few hundred bytes). send ends the channel on any. */
enum corps_err corps__control_write(int fd, const struct corps_value *record) CORPS_CHECKED;
enum corps_err corps__control_send(struct corps__control *control, const struct corps_value *record);

/* The same for what can be told later: FULL, and nothing was written, where a record of up to 16 KiB finds no room. */
enum corps_err corps__control_try(struct corps__control *control, const struct corps_value *record) CORPS_CHECKED;

/* Reads one record, blocking at most `timeout_ns`: the boot record. Errors: CLOSED, TIMEOUT, PROTOCOL. */
enum corps_err corps__control_read(int fd, int64_t timeout_ns, struct corps_box **box) CORPS_CHECKED;

#endif
