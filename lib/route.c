#include "peer.h"

#include <stdlib.h>

enum { BUCKETS = 64 };

struct corps__route *corps__route_of(struct corps__peer *peer, uint32_t conc) {
    struct corps__route *_Atomic *bucket = &peer->routes[conc % BUCKETS];
    for (struct corps__route *route = atomic_load(bucket); route != NULL; route = route->next) {
        if (route->conc == conc) {
            return route;
        }
    }
    pthread_mutex_lock(&peer->routes_lock);
    struct corps__route *found = NULL;
    for (struct corps__route *route = atomic_load(bucket); route != NULL && found == NULL; route = route->next) {
        found = route->conc == conc ? route : NULL;
    }
    if (found == NULL) {
        found = calloc(1, sizeof *found);
        if (found != NULL) {
            found->peer = peer;
            found->conc = conc;
            found->next = atomic_load(bucket);
            atomic_store(bucket, found);
        }
    }
    pthread_mutex_unlock(&peer->routes_lock);
    return found;
}

struct reserve {
    struct corps__route *route;
    size_t bytes;
    uint32_t count_max;
    size_t bytes_max;
};

/* Room for one more? The receiver gives room of requests without reply back a quarter of the window at a time, so up to
 * a quarter may be outstanding although the mailbox is empty: a request larger than the window must pass then. */
static bool fits(const struct reserve *reserve, uint32_t count, size_t bytes) {
    return count < reserve->count_max &&
           (bytes + reserve->bytes <= reserve->bytes_max || bytes <= reserve->bytes_max / 4);
}

static bool has_room(void *arg) {
    struct reserve *reserve = arg;
    return fits(reserve, atomic_load(&reserve->route->count), atomic_load(&reserve->route->bytes)) ||
           atomic_load(&reserve->route->peer->state) == CORPS__PEER_CLOSED;
}

enum corps_err corps__route_reserve(struct corps__route *route, size_t bytes, bool try_only, int64_t deadline_ns) {
    const struct corps__settings *settings = &route->peer->corps->settings;
    struct reserve reserve = {route, bytes, settings->mailbox_count, settings->mailbox_bytes};
    for (;;) {
        uint32_t count_before = atomic_fetch_add(&route->count, 1);
        size_t bytes_before = atomic_fetch_add(&route->bytes, bytes);
        if (fits(&reserve, count_before, bytes_before)) {
            return CORPS_OK;
        }
        atomic_fetch_sub(&route->count, 1);
        atomic_fetch_sub(&route->bytes, bytes);
        if (atomic_load(&route->peer->state) == CORPS__PEER_CLOSED) {
            /* What was outstanding there is gone with the link. Sending says what has become of the Env. */
            atomic_store(&route->count, 0);
            atomic_store(&route->bytes, 0);
            continue;
        }
        if (try_only) {
            return corps_error_set(CORPS_ERR_FULL,
                                   "Worker %u of Env %u has %u requests (%zu bytes) of this Env to handle", route->conc,
                                   route->peer->env, count_before, bytes_before);
        }
        enum corps_err err = corps__waitlist_wait(&route->peer->credit_waiters, has_room, &reserve, deadline_ns, NULL);
        if (err != CORPS_OK) {
            return err == CORPS_ERR_TIMEOUT ? corps_error_set(err, "the mailbox of Worker %u of Env %u stayed full",
                                                              route->conc, route->peer->env)
                                            : err;
        }
    }
}

static void subtract(_Atomic uint32_t *from, uint32_t count) {
    uint32_t now = atomic_load(from);
    while (!atomic_compare_exchange_weak(from, &now, now > count ? now - count : 0)) {
    }
}

static void subtract_bytes(_Atomic size_t *from, size_t bytes) {
    size_t now = atomic_load(from);
    while (!atomic_compare_exchange_weak(from, &now, now > bytes ? now - bytes : 0)) {
    }
}

void corps__route_give_back(struct corps__route *route, uint32_t count, size_t bytes) {
    /* Saturating: a peer that gives back more than it got harms only its own mailbox. */
    subtract(&route->count, count);
    subtract_bytes(&route->bytes, bytes);
    corps__waitlist_notify(&route->peer->credit_waiters);
}
