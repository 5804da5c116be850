/* Links that are made again although nobody calls just now, because calls that may be sent again wait for them.
 *
 * After a link has closed that such calls were under way on, the leader tries to connect, at once and then every ten
 * milliseconds, until there is a link or nothing waits any more: while the Env's process is being replaced there is
 * nobody to connect to. With the lead.
 */
#ifndef CORPS_RELINK_H
#define CORPS_RELINK_H

#include "link/peer.h"

/* The peer's link has closed. */
void corps__relink(struct corps__peer *peer);

/* Its process is up: there is no need to wait any longer. */
void corps__relink_now(struct corps__peer *peer);

/* With the end of the process or of the runtime. */
void corps__relink_stop(void);

#endif
