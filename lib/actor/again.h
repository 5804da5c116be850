/* Calls that are sent again where their link is lost or the process behind it replaced: the caller's side. Which and in
 * which order, retry.h says; the callee sees to it that each runs once (answers.h).
 *
 * A retry call keeps a copy of its request, which a new link carries under the same number before anything newer. It
 * never waits for room on its link: what finds none is kept beside that (posts.h), within the room that the receiver's
 * mailbox has. It ends as others do, by its answer, by its deadline or when the Env is lost for good; a link that
 * breaks the protocol ends it too, since the next one would as well. Peers of calls without this flag know nothing of
 * it.
 *
 * Threads: any begins a call, under the peer's tx and then a lock of the list; only who leads ends one. A call that is
 * listed has a Future with CORPS__LISTED in its word.
 */
#ifndef CORPS_ACTOR_AGAIN_H
#define CORPS_ACTOR_AGAIN_H

#include "link/peer.h"

struct corps_future;
struct corps__kept; /* a request that may be sent again */

/* A copy of the request. NULL when out of memory. */
struct corps__kept *corps__kept_create(struct corps__peer *peer, const struct corps__outgoing *out);
void corps__kept_free(struct corps__kept *kept);

/* Begins the call, which has reserved room (`bytes`) on the route, and sends it, if there is a link: then takes
 * `kept`, and the caller's reference to the Future for the answer. Otherwise the room is given back. */
bool corps__again_begin(struct corps__kept *kept, struct corps_future *future, struct corps__route *route, size_t bytes,
                        int64_t deadline_ns);

/* A call that is listed has ended. With the lead. */
void corps__again_end(struct corps__kept *kept);

/* A link is there: sends what has no answer yet. Under tx, with the lead. */
void corps__again_connected(struct corps__peer *peer);

/* Do calls wait for another link? Those whose deadline has passed end first. With the lead. */
bool corps__again_waits(struct corps__peer *peer);

/* What was under way to the peer has failed with this. If another link would not change that, these calls end too. With
 * the lead. */
void corps__again_lost(struct corps__peer *peer, enum corps_err code, const char *text);

#endif
