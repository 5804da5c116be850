#include "base/log.h"
#include "link/known.h"
#include "link/peer.h"

/* What the leader sees to between polls: links to close, peers that have read, Corps that have ended. */

/* A peer whose link is to be closed; the error's detail says why. */
static struct corps__peer *find_broken(enum corps_err *reason) {
    struct corps__peer *found = corps__peers_walk();
    for (; found != NULL; found = found->next) {
        pthread_mutex_lock(&found->tx);
        *reason = found->broken;
        if (*reason != CORPS_OK) {
            corps__log(CORPS_LOG_WARN, "link_closed", CORPS__LOG_FIELDS(CORPS__LOG_INT("peer", found->env)),
                       "the link to Env %u is closed: %s", found->env, found->broken_text);
            (void)corps_error_set(*reason, "%s", found->broken_text);
        }
        pthread_mutex_unlock(&found->tx);
        if (*reason != CORPS_OK) {
            break;
        }
    }
    corps__peers_walked(); /* who leads frees, so it does not go meanwhile */
    return found;
}

static void close_and_tell(void) {
    enum corps_err reason;
    for (struct corps__peer *broken = find_broken(&reason); broken != NULL; broken = find_broken(&reason)) {
        corps__peer_closed(broken, reason);
    }
    for (struct corps__peer *peer = corps__peers_walk(); peer != NULL; peer = peer->next) {
        corps__link_floor->ops->on_read(peer);
    }
    corps__peers_walked();
}

/* A Corps of others whose file is gone and that still counts as living; held once more. */
static struct corps *find_ended(void) {
    pthread_mutex_lock(&corps__link_floor->lock);
    struct corps *at = corps__link_floor->listed;
    while (at != NULL && !corps__corps_has_ended(at)) {
        at = at->next;
    }
    if (at != NULL) {
        (void)corps__corps_ref(at);
    }
    pthread_mutex_unlock(&corps__link_floor->lock);
    return at;
}

/* Gives up the endpoints of Corps that have ended and that this process did not create. */
static void give_up_ended(void) {
    for (struct corps *corps = find_ended(); corps != NULL; corps = find_ended()) {
        atomic_store(&corps->exited, true);
        corps__peers_close(corps);
        corps__ports_close(corps);
        corps__corps_unlist(corps);
        corps__corps_unref(corps);
    }
}

void corps__link_floor_tend(void) {
    struct corps__link_floor *links = corps__link_floor;
    if (atomic_exchange(&links->check_links, false)) {
        close_and_tell();
    }
    if (atomic_exchange(&links->check_foreign, false)) {
        give_up_ended();
    }
    if (atomic_exchange(&links->check_unused, false)) {
        corps__peers_sweep();
        corps__corps_reap();
    }
}
