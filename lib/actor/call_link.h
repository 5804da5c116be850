/* A call to another Env and the link that it goes over: it waits for one, and a retry call for the next one too.
 *
 * Threads: any, without locks of the peer; waiting is as the call says. */
#ifndef CORPS_ACTOR_CALL_LINK_H
#define CORPS_ACTOR_CALL_LINK_H

#include "actor/call.h"
#include "link/peer.h"

/* Where there is no link now. Errors: FULL (it does not wait), those of corps__peer_ensure_ready. */
enum corps_err corps__call_wait_for_link(const struct corps__call *call, struct corps__peer *peer) CORPS_CHECKED;

/* Before the call counts as under way: what becomes of an earlier link is not its concern. Errors: the same. */
static inline CORPS_CHECKED enum corps_err corps__call_connect(const struct corps__call *call,
                                                               struct corps__peer *peer) {
    return atomic_load_explicit(&peer->state, memory_order_relaxed) == CORPS__PEER_READY
               ? CORPS_OK
               : corps__call_wait_for_link(call, peer);
}

/* Sends a retry call's request, for which it reserves `bytes` of room on the route; anew where a link goes before it is
 * used. Takes a reference to the Future on success. Errors: NO_MEMORY, those above, and of corps__route_reserve. */
enum corps_err corps__call_send_retry(const struct corps__call *call, struct corps__route *route,
                                      struct corps_future *future, struct corps__outgoing *out,
                                      size_t bytes) CORPS_CHECKED;

#endif
