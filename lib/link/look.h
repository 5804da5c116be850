/* The leader's looks: every ten milliseconds, while something waits for news of an Env to which there is no link.
 *
 * - Calls that were under way when a link closed wait a moment for the news of how the Env ended, which comes later.
 * - Threads wait for such news, or for an Env that is being started again.
 * - Calls that may be sent again wait for another link, which the leader makes although nobody calls just now: while
 *   the Env's process is being replaced there is nobody to connect to.
 *
 * Members of a Corps are told the news. Of a Corps of others (known.h) each look reads the file again, once for all
 * that wait.
 */
#ifndef CORPS_LINK_LOOK_H
#define CORPS_LINK_LOOK_H

#include "link/peer.h"

/* ---- with the lead ---- */

/* The peer's link has closed and nothing tells why: what was under way fails when that is known, or does not come to be
 * known soon. */
void corps__look_for_end(struct corps__peer *peer);

/* The peer's link has closed: calls that may be sent again may wait for another one. */
void corps__relink(struct corps__peer *peer);

/* Its process is up: there is no need to wait any longer. */
void corps__relink_now(struct corps__peer *peer);

/* With the end of the process or of the runtime. */
void corps__look_stop(void);

/* ---- not with the lead ---- */

/* Waits until holds(peer) is true, which the news of its Env makes so. Errors: TIMEOUT, CANCELLED, and of reading the
 * file of a Corps of others. */
enum corps_err corps__look_wait(struct corps__peer *peer, bool (*holds)(void *peer), int64_t deadline_ns) CORPS_CHECKED;

#endif
