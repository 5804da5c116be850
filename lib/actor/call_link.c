#include "actor/call_link.h"

#include "actor/again.h"
#include "actor/future.h"
#include "base/clock.h"

enum corps_err corps__call_wait_for_link(const struct corps__call *call, struct corps__peer *peer) {
    return call->no_wait && !corps__peer_is_ready(peer)
               ? corps_error_set(CORPS_ERR_FULL, "the link to Env %u is not connected yet", call->to->env)
               : corps__peer_ensure_ready(peer, call->try_only, call->until_ns);
}

/* A retry call does as if it had been made before its link broke: it waits for the Env, or for the word that it is
 * lost. */
static enum corps_err connect_patiently(const struct corps__call *call, struct corps__peer *peer) {
    enum corps_err err;
    do { /* each attempt waits for news for a while */
        err = corps__call_connect(call, peer);
    } while (err == CORPS_ERR_WORKER_LOST && !call->try_only && corps__peer_may_return(peer) &&
             corps__now_ns() < call->until_ns);
    return err;
}

enum corps_err corps__call_send_retry(const struct corps__call *call, struct corps__route *route,
                                      struct corps_future *future, struct corps__outgoing *out, size_t bytes) {
    out->header.flags |= CORPS__RETRY;
    struct corps__kept *kept = corps__kept_create(route->peer, out);
    if (kept == NULL) {
        return corps_error_set(CORPS_ERR_NO_MEMORY, "no memory for a copy of a request of %zu bytes", bytes);
    }
    future->remote_conc = call->to->conc;
    enum corps_err err = CORPS_OK;
    bool begun = false;
    while (err == CORPS_OK && !begun) { /* a link may go before it is used */
        err = connect_patiently(call, route->peer);
        if (err == CORPS_OK) {
            err = corps__route_reserve(route, bytes, call->try_only, call->until_ns);
        }
        begun = err == CORPS_OK && corps__again_begin(kept, future, route, bytes, call->deadline_ns);
    }
    if (!begun) {
        corps__kept_free(kept);
    }
    return err;
}
