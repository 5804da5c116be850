#include "link/peer.h"

#include <stdlib.h>

enum { BUCKETS = 64 };

/* Under routes_lock. */
static struct corps__route *add_route(struct corps__peer *peer, uint32_t conc) {
    struct corps__route *_Atomic *bucket = &peer->routes[conc % BUCKETS];
    struct corps__route *made = calloc(1, sizeof *made);
    if (made != NULL) {
        made->peer = peer;
        made->conc = conc;
        made->next = atomic_load(bucket);
        atomic_store(bucket, made);
    }
    return made;
}

struct corps__route *corps__route_find(const struct corps__peer *peer, uint32_t conc) {
    struct corps__route *route = atomic_load(&peer->routes[conc % BUCKETS]);
    while (route != NULL && route->conc != conc) {
        route = route->next;
    }
    return route;
}

struct corps__route *corps__route_of(struct corps__peer *peer, uint32_t conc) {
    struct corps__route *found = corps__route_find(peer, conc);
    if (found != NULL) {
        return found;
    }
    pthread_mutex_lock(&peer->routes_lock);
    found = corps__route_find(peer, conc); /* another thread may have been faster */
    found = found != NULL ? found : add_route(peer, conc);
    pthread_mutex_unlock(&peer->routes_lock);
    return found;
}

uint64_t corps__routes_handled(const struct corps__peer *peer) {
    uint64_t sum = 0;
    for (unsigned i = 0; i < BUCKETS; i++) {
        for (struct corps__route *route = atomic_load(&peer->routes[i]); route != NULL; route = route->next) {
            sum += atomic_load_explicit(&route->handled, memory_order_acquire); /* pairs with corps__conc_let_go */
        }
    }
    return sum;
}

void corps__routes_clear(struct corps__peer *peer) { /* open_batch.pml, step D2 */
    for (unsigned i = 0; i < BUCKETS; i++) {
        for (struct corps__route *route = atomic_load(&peer->routes[i]); route != NULL; route = route->next) {
            atomic_store(&route->load, 0);
        }
    }
}

void corps__routes_free(struct corps__peer *peer) {
    for (unsigned i = 0; i < BUCKETS; i++) {
        for (struct corps__route *route = atomic_load(&peer->routes[i]); route != NULL;) {
            struct corps__route *next = route->next;
            free(route);
            route = next;
        }
    }
}

/* A route's load: the number of requests in the upper 20 bits, their bytes in the lower 44. */
enum { COUNT_SHIFT = 44 };
#define ONE ((uint64_t)1 << COUNT_SHIFT)

static uint64_t load_count(uint64_t load) {
    return load >> COUNT_SHIFT;
}

static uint64_t load_bytes(uint64_t load) {
    return load & (ONE - 1);
}

uint32_t corps__route_count(const struct corps__route *route) {
    return (uint32_t)load_count(atomic_load_explicit(&route->load, memory_order_relaxed));
}

uint64_t corps__routes_outstanding(const struct corps__peer *peer) {
    uint64_t sum = 0;
    for (unsigned i = 0; i < BUCKETS; i++) {
        for (struct corps__route *route = atomic_load(&peer->routes[i]); route != NULL; route = route->next) {
            sum += load_count(atomic_load_explicit(&route->load, memory_order_relaxed));
        }
    }
    return sum;
}

struct reserve {
    struct corps__route *route;
    size_t bytes;
    uint32_t count_max;
    size_t bytes_max;
};

/* Room for one more? The receiver gives room of requests without reply back a quarter of the window at a time, so up to
 * a quarter may be outstanding although the mailbox is empty: a request larger than the window must pass then. */
static bool has_room_for(const struct reserve *reserve, uint64_t load) {
    return load_count(load) < reserve->count_max &&
           (load_bytes(load) + reserve->bytes <= reserve->bytes_max || load_bytes(load) <= reserve->bytes_max / 4);
}

static bool may_reserve(void *arg) {
    struct reserve *reserve = arg;
    return has_room_for(reserve, atomic_load(&reserve->route->load)) ||
           atomic_load(&reserve->route->peer->state) == CORPS__PEER_CLOSED;
}

static enum corps_err wait_for_credit(struct reserve *reserve, uint64_t load, bool try_only, int64_t deadline_ns) {
    struct corps__route *route = reserve->route;
    if (try_only) {
        return corps_error_set(
            CORPS_ERR_FULL, "Worker %u of Env %u has %llu requests (%llu bytes) of this Env to handle", route->conc,
            route->peer->env, (unsigned long long)load_count(load), (unsigned long long)load_bytes(load));
    }
    enum corps_err err =
        corps__waitlist_wait_call(&route->peer->credit_waiters, may_reserve, reserve, deadline_ns, NULL);
    return err == CORPS_ERR_TIMEOUT
               ? corps_error_set(err, "the mailbox of Worker %u of Env %u stayed full", route->conc, route->peer->env)
               : err;
}

/* Saturating: a peer that gives back more than it got harms only its own mailbox. */
static void subtract_load(struct corps__route *route, uint32_t count, size_t bytes) {
    uint64_t now = atomic_load_explicit(&route->load, memory_order_relaxed);
    uint64_t less;
    do {
        less = (load_count(now) > count ? load_count(now) - count : 0) << COUNT_SHIFT |
               (load_bytes(now) > bytes ? load_bytes(now) - bytes : 0);
    } while (!atomic_compare_exchange_weak(&route->load, &now, less));
}

/* The route was charged when its load was `before`. */
static __attribute__((noinline)) enum corps_err reserve_slowly(struct corps__route *route, uint64_t before,
                                                               size_t bytes, bool try_only, int64_t deadline_ns) {
    const struct corps__settings *settings = &route->peer->corps->settings;
    struct reserve reserve = {route, bytes, settings->mailbox_count, settings->mailbox_bytes};
    for (;; before = atomic_fetch_add(&route->load, ONE + bytes)) {
        if (has_room_for(&reserve, before)) {
            return CORPS_OK;
        }
        subtract_load(route, 1, bytes);
        if (atomic_load(&route->peer->state) == CORPS__PEER_CLOSED) {
            /* What was outstanding there is gone with the link. Sending says what has become of the Env. */
            atomic_store(&route->load, 0);
            continue;
        }
        enum corps_err err = wait_for_credit(&reserve, before, try_only, deadline_ns);
        if (err != CORPS_OK) {
            return err;
        }
    }
}

enum corps_err corps__route_reserve(struct corps__route *route, size_t bytes, bool try_only, int64_t deadline_ns) {
    const struct corps__settings *settings = &route->peer->corps->settings;
    uint64_t before = atomic_fetch_add(&route->load, ONE + bytes);
    return load_count(before) < settings->mailbox_count && load_bytes(before) + bytes <= settings->mailbox_bytes
               ? CORPS_OK
               : reserve_slowly(route, before, bytes, try_only, deadline_ns);
}

uint32_t corps__room_step(const struct corps__peer *peer) {
    return peer->corps->settings.mailbox_count / 16;
}

bool corps__route_reserve_ahead(struct corps__route *route, uint32_t count, size_t bytes) {
    const struct corps__settings *settings = &route->peer->corps->settings;
    uint64_t before = atomic_fetch_add(&route->load, count * ONE + bytes);
    if (load_count(before) + count <= settings->mailbox_count &&
        load_bytes(before) + bytes <= settings->mailbox_bytes) {
        return true;
    }
    subtract_load(route, count, bytes);
    return false;
}

void corps__route_take(struct corps__route *route, size_t bytes) {
    atomic_fetch_add(&route->load, ONE + bytes);
}

void corps__route_give_back(struct corps__route *route, uint32_t count, size_t bytes) {
    subtract_load(route, count, bytes);
    corps__waitlist_notify(&route->peer->credit_waiters);
}
