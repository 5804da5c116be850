#include "actor/credit.h"

#include "link/known.h"

/* Most requests come from who sent the last one. */
struct corps__route *corps__conc_route(struct corps__conc *conc, struct corps__peer *peer) {
    if (conc->sender != peer->number) {
        struct corps__route *route = corps__route_of(peer, conc->id);
        conc->sender = route != NULL ? peer->number : 0;
        conc->sender_route = route;
    }
    return conc->sender_route;
}

void corps__conc_credit(struct corps__conc *conc, struct corps__peer *peer, struct corps__grant *grant, uint32_t count,
                        size_t bytes) {
    struct corps__route *route = corps__conc_route(conc, peer);
    if (route == NULL) {
        corps__peer_credit(peer, conc->id, grant, count, bytes); /* no memory to save messages with */
        return;
    }
    route->owed_count += count;
    route->owed_bytes += bytes;
    const struct corps__settings *settings = &corps__own()->settings;
    if (route->owed_count >= (settings->mailbox_count + 3) / 4 || route->owed_bytes >= settings->mailbox_bytes / 4) {
        corps__peer_credit(peer, conc->id, grant, route->owed_count, route->owed_bytes);
        route->owed_count = 0;
        route->owed_bytes = 0;
    }
}

void corps__conc_let_go(struct corps__conc *conc, struct corps__peer *peer) {
    struct corps__route *route = corps__conc_route(conc, peer);
    if (route == NULL) {
        corps__peer_let_go(peer);
        return;
    }
    bool was_retired = atomic_load_explicit(&peer->retired, memory_order_relaxed);
    /* The one writer's. Release: the peer may be freed by who sees this, see corps__routes_handled. */
    uint64_t handled = atomic_load_explicit(&route->handled, memory_order_relaxed);
    atomic_store_explicit(&route->handled, handled + 1, memory_order_release);
    if (was_retired) {
        corps__check_unused();
    }
}
