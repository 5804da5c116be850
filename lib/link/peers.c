#include "link/posts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* All peers of this process, and the end of those that nobody refers to any more: see peer.h. */

enum { SWEPT_AT_ONCE = 64 };

/* ---- making and walking ---- */

struct corps__peer *corps__peer_create(struct corps__port *port) {
    struct corps__peer *peer = calloc(1, sizeof *peer);
    if (peer == NULL) {
        return NULL;
    }
    pthread_mutex_init(&peer->tx, NULL);
    pthread_mutex_init(&peer->routes_lock, NULL);
    peer->last_post = &peer->first_post;
    peer->waiters = CORPS__WAITLIST_INIT;
    peer->credit_waiters = CORPS__WAITLIST_INIT;
    peer->port = port;
    peer->env = CORPS__GUEST_ENV;
    pthread_rwlock_wrlock(&corps__link_floor->peers.lock);
    peer->number = ++corps__link_floor->peers.made;
    peer->next = corps__link_floor->peers.first;
    peer->previous_next = &corps__link_floor->peers.first;
    if (peer->next != NULL) {
        peer->next->previous_next = &peer->next;
    }
    corps__link_floor->peers.first = peer;
    pthread_rwlock_unlock(&corps__link_floor->peers.lock);
    return peer;
}

struct corps__peer *corps__peers_walk(void) {
    pthread_rwlock_rdlock(&corps__link_floor->peers.lock);
    return corps__link_floor->peers.first;
}

void corps__peers_walked(void) {
    pthread_rwlock_unlock(&corps__link_floor->peers.lock);
}

uint64_t corps__peers_count(void) {
    pthread_rwlock_rdlock(&corps__link_floor->peers.lock);
    uint64_t count = corps__link_floor->peers.made - corps__link_floor->peers.freed;
    pthread_rwlock_unlock(&corps__link_floor->peers.lock);
    return count;
}

/* ---- freeing, with the lead ---- */

static void free_memory(struct corps__peer *peer) {
    corps__routes_free(peer);
    corps__posts_drop(peer);
    free(peer->again); /* what it listed is over */
    free(peer->skew);
    free(peer->named);
    free(peer->defined);
    for (uint32_t i = 0; i < peer->method_count; i++) {
        free(peer->methods[i]);
    }
    free(peer->methods);
    corps__grants_free(&peer->grants);
    pthread_mutex_destroy(&peer->tx);
    pthread_mutex_destroy(&peer->routes_lock);
    free(peer);
}

void corps__peer_free(struct corps__peer *peer) {
    if (peer == NULL) {
        return;
    }
    pthread_rwlock_wrlock(&corps__link_floor->peers.lock);
    *peer->previous_next = peer->next;
    if (peer->next != NULL) {
        peer->next->previous_next = peer->previous_next;
    }
    corps__link_floor->peers.freed++;
    pthread_rwlock_unlock(&corps__link_floor->peers.lock);
    free_memory(peer);
}

void corps__peer_identify(struct corps__peer *peer, const uint64_t identity[2]) {
    memcpy(peer->identity, identity, sizeof peer->identity);
    static const uint64_t none[2];
    bool has_one = memcmp(identity, none, sizeof none) != 0;
    for (struct corps__peer *at = corps__peers_walk(); has_one && at != NULL; at = at->next) {
        bool same =
            at->corps == NULL && at->port == peer->port && memcmp(at->identity, identity, sizeof at->identity) == 0;
        at->is_old = at->is_old || (same && at->number < peer->number);
        peer->is_old = peer->is_old || (same && at->number > peer->number);
    }
    corps__peers_walked();
}

/* Is every request over that came from it? */
static bool is_unused(struct corps__peer *peer) {
    pthread_mutex_lock(&peer->tx);
    uint64_t over = peer->answered;
    pthread_mutex_unlock(&peer->tx);
    return over + corps__routes_handled(peer) == peer->arrived;
}

/* Is nothing kept for it, or under way? */
static bool has_all(struct corps__peer *peer) {
    pthread_mutex_lock(&peer->tx);
    bool all = peer->link == NULL || (peer->first_post == NULL && peer->batch_frame == NULL && !peer->owned);
    pthread_mutex_unlock(&peer->tx);
    return all;
}

bool corps__peer_is_idle(struct corps__peer *peer) {
    return has_all(peer) && is_unused(peer);
}

bool corps__peers_are_idle(void) {
    bool idle = true;
    for (struct corps__peer *peer = corps__peers_walk(); idle && peer != NULL; peer = peer->next) {
        bool calls_us = peer->corps == NULL && !atomic_load(&peer->retired);
        idle = has_all(peer) && (!calls_us || is_unused(peer));
    }
    corps__peers_walked();
    return idle;
}

static void retire_later(struct corps__peer *peer) {
    peer->next_retired = NULL;
    *corps__link_floor->retired.last = peer;
    corps__link_floor->retired.last = &peer->next_retired;
    corps__link_floor->retired.count++;
}

void corps__peer_retire(struct corps__peer *peer) {
    corps__link_floor->ops->on_retired(peer);
    atomic_store(&peer->retired, true);
    retire_later(peer);
}

bool corps__peers_retired(void) {
    return corps__link_floor->retired.count > 0;
}

void corps__peers_sweep(void) {
    for (unsigned n = corps__link_floor->retired.count < SWEPT_AT_ONCE ? corps__link_floor->retired.count
                                                                       : SWEPT_AT_ONCE;
         n > 0; n--) {
        struct corps__peer *peer = corps__link_floor->retired.first;
        corps__link_floor->retired.count--;
        corps__link_floor->retired.first = peer->next_retired;
        corps__link_floor->retired.last = corps__link_floor->retired.first == NULL ? &corps__link_floor->retired.first
                                                                                   : corps__link_floor->retired.last;
        if (is_unused(peer)) {
            corps__peer_free(peer);
        } else {
            retire_later(peer);
        }
    }
}

/* ---- letting go, on any thread ---- */

void corps__peer_fail(struct corps__peer *peer, enum corps_err code, const char *text) {
    corps__link_floor->ops->on_lost(peer, code, text);
    corps__routes_clear(peer); /* requests without reply that went with the link: nobody gives their room back */
    corps__waitlist_notify(&peer->credit_waiters);
}

void corps__peer_break(struct corps__peer *peer, enum corps_err reason, const char *text) {
    if (peer->broken == CORPS_OK && peer->link != NULL) {
        peer->broken = reason;
        snprintf(peer->broken_text, sizeof peer->broken_text, "%s", text);
        corps__check_links();
    }
}

void corps__peer_let_go(struct corps__peer *peer) {
    pthread_mutex_lock(&peer->tx);
    bool was_retired = atomic_load(&peer->retired);
    peer->answered++;
    pthread_mutex_unlock(&peer->tx);
    if (was_retired) {
        corps__check_unused();
    }
}

/* ---- after a fork ---- */

/* The links are the parent's. Those that this process made are made anew when they are needed. */
static void forget(struct corps__peer *peer) {
    pthread_mutex_init(&peer->tx, NULL);
    pthread_mutex_init(&peer->routes_lock, NULL);
    atomic_store(&peer->state, CORPS__PEER_CLOSED);
    atomic_store(&peer->writable, false);
    atomic_store(&peer->held, false);
    peer->link = NULL;
    peer->fault = peer->broken = CORPS_OK;
    peer->hello_seen = false;
    peer->owned = false;
    peer->first_post = NULL; /* what is forgotten here is not freed: others may have been at it */
    peer->last_post = &peer->first_post;
    peer->kept_bytes = 0;
    atomic_store(&peer->behind, false);
    atomic_store(&peer->has_deferred, false);
    peer->batch_frame = NULL;
    peer->spare_frame = NULL;
    peer->open = NULL;
    peer->named = NULL;
    peer->named_bytes = 0;
    peer->defined = NULL;
    peer->defined_bytes = 0;
    peer->methods = NULL;
    peer->method_count = 0;
    peer->grace_end_ns = 0;
    atomic_store(&peer->watcher_count, 0);
    atomic_store(&peer->again, NULL);
    peer->waiters = CORPS__WAITLIST_INIT;
    peer->credit_waiters = CORPS__WAITLIST_INIT;
    corps__routes_clear(peer);
}

void corps__peers_forked(void) {
    corps__link_floor->peers.lock = (pthread_rwlock_t)PTHREAD_RWLOCK_WRITER_NONRECURSIVE_INITIALIZER_NP;
    struct corps__peer **slot = &corps__link_floor->peers.first;
    for (struct corps__peer *peer = corps__link_floor->peers.first; peer != NULL; peer = peer->next) {
        peer->previous_next = slot; /* one may just have been taken off */
        slot = &peer->next;
        forget(peer);
    }
    corps__link_floor->retired.first = NULL;
    corps__link_floor->retired.last = &corps__link_floor->retired.first;
    corps__link_floor->retired.count = 0;
    corps__link_floor->look.started = false;
    corps__link_floor->roam.started = false;
    corps__link_floor->clocks.started = false;
}
