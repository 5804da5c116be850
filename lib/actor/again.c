#include "actor/again.h"

#include "actor/future.h"
#include "actor/retry.h"
#include "base/clock.h"
#include "link/copy.h"
#include "value/failure.h"

#include <stdlib.h>

/* Of one peer. */
struct corps__again {
    pthread_mutex_t lock;
    struct corps__retries retries;
};

struct corps__kept {
    struct corps__retry retry; /* first */
    struct corps__copy *copy;
    struct corps__route *route;
    size_t bytes; /* of its room */
};

/* False when out of memory. */
static bool has_list(struct corps__peer *peer) {
    if (atomic_load(&peer->again) != NULL) {
        return true;
    }
    struct corps__again *made = calloc(1, sizeof *made), *before = NULL;
    if (made != NULL) {
        pthread_mutex_init(&made->lock, NULL);
        if (!atomic_compare_exchange_strong(&peer->again, &before, made)) {
            free(made); /* another thread was faster */
        }
    }
    return made != NULL;
}

struct corps__kept *corps__kept_create(struct corps__peer *peer, const struct corps__outgoing *out) {
    struct corps__kept *kept = has_list(peer) ? malloc(sizeof *kept) : NULL;
    struct corps__copy *copy = kept != NULL ? corps__copy_create(out) : NULL;
    if (copy == NULL) {
        free(kept);
        return NULL;
    }
    *kept = (struct corps__kept){.copy = copy};
    return kept;
}

void corps__kept_free(struct corps__kept *kept) {
    corps__copy_free(kept->copy);
    free(kept);
}

/* Links are counted from 1. Under tx. */
static uint64_t link_of(const struct corps__peer *peer) {
    return peer->link_count + 1;
}

/* Under tx: lists the call and sends it; all before it have been sent on this link. */
static bool begin_locked(struct corps__kept *kept, struct corps_future *future, int64_t deadline_ns) {
    struct corps__peer *peer = kept->route->peer;
    if (atomic_load(&peer->state) != CORPS__PEER_READY || peer->link == NULL) {
        return false;
    }
    struct corps__again *again = atomic_load(&peer->again);
    pthread_mutex_lock(&again->lock);
    corps__calls_enter_listed(future, kept, peer, kept->route, kept->bytes, &kept->copy->out.header.id);
    corps__retries_add(&again->retries, &kept->retry, deadline_ns);
    (void)corps__retries_next(&again->retries, link_of(peer), 0);
    corps__peer_post_whole(peer, &kept->copy->out);
    pthread_mutex_unlock(&again->lock); /* the answer may be here already, and waits to take the call off the list */
    return true;
}

bool corps__again_begin(struct corps__kept *kept, struct corps_future *future, struct corps__route *route, size_t bytes,
                        int64_t deadline_ns) {
    struct corps__peer *peer = route->peer;
    kept->route = route;
    kept->bytes = bytes;
    pthread_mutex_lock(&peer->tx);
    bool begun = begin_locked(kept, future, deadline_ns);
    pthread_mutex_unlock(&peer->tx);
    if (!begun) {
        corps__route_give_back(route, 1, bytes);
    }
    return begun;
}

void corps__again_end(struct corps__kept *kept) {
    struct corps__again *again = atomic_load(&kept->route->peer->again);
    pthread_mutex_lock(&again->lock);
    corps__retries_end(&again->retries, &kept->retry);
    pthread_mutex_unlock(&again->lock);
    corps__kept_free(kept);
}

void corps__again_connected(struct corps__peer *peer) {
    struct corps__again *again = atomic_load(&peer->again);
    if (again == NULL) {
        return;
    }
    pthread_mutex_lock(&again->lock);
    int64_t now_ns = corps__now_ns();
    struct corps__retry *retry;
    while ((retry = corps__retries_next(&again->retries, link_of(peer), now_ns)) != NULL) {
        const struct corps__kept *kept = (struct corps__kept *)retry;
        corps__route_take(kept->route, kept->bytes);
        corps__peer_post_whole(peer, &kept->copy->out);
    }
    pthread_mutex_unlock(&again->lock);
}

/* Nobody else ends it meanwhile. */
static void fail_call(const struct corps__kept *kept, enum corps_err code, const char *text) {
    const struct corps_error_info info = {.code = code, .text = text};
    struct corps_future *future = corps__calls_take(kept->copy->out.header.id, kept->route->peer); /* frees it */
    if (future != NULL) { /* else its owner has given up before */
        corps__future_failed(future, code, corps__failure_create(&info));
        corps__future_unref(future);
    }
}

static struct corps__kept *find_late(struct corps__again *again) {
    pthread_mutex_lock(&again->lock);
    struct corps__retry *late = corps__retries_late(&again->retries, 0, corps__now_ns());
    pthread_mutex_unlock(&again->lock);
    return (struct corps__kept *)late;
}

static struct corps__kept *find_first(struct corps__again *again) {
    pthread_mutex_lock(&again->lock);
    struct corps__retry *first = again->retries.first;
    pthread_mutex_unlock(&again->lock);
    return (struct corps__kept *)first;
}

bool corps__again_waits(struct corps__peer *peer) {
    struct corps__again *again = atomic_load(&peer->again);
    if (again == NULL) {
        return false;
    }
    struct corps__kept *kept;
    while ((kept = find_late(again)) != NULL) {
        fail_call(kept, CORPS_ERR_TIMEOUT, "the call's deadline passed before there was a link again");
    }
    return find_first(again) != NULL;
}

/* The link as such, or the Env's process, are what another one can take the place of. */
static bool is_final(const struct corps__peer *peer, enum corps_err code) {
    return code == CORPS_ERR_EXITED || code == CORPS_ERR_PROTOCOL || code == CORPS_ERR_VERSION ||
           code == CORPS_ERR_DENIED || atomic_load(&peer->env_info->lost);
}

void corps__again_lost(struct corps__peer *peer, enum corps_err code, const char *text) {
    struct corps__again *again = atomic_load(&peer->again);
    struct corps__kept *kept;
    while (again != NULL && is_final(peer, code) && (kept = find_first(again)) != NULL) {
        fail_call(kept, code, text);
    }
}
