#include "link/peer.h"

#include "base/log.h"
#include "link/batch_frame.h"
#include "link/hello.h"
#include "link/look.h"
#include "link/posts.h"
#include "link/roam.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- events ---- */

void corps__peer_log(const struct corps__peer *peer, const char *event, const char *text) {
    if (corps__log_wants(CORPS_LOG_DEBUG)) {
        bool calls = peer->corps == NULL; /* it has called us: known once it has said HELLO */
        unsigned long long corps_id = calls ? peer->peer_corps_id : peer->corps->id;
        bool is_env = peer->env != CORPS__GUEST_ENV;
        char whose[48] = "a program";
        snprintf(whose, is_env ? sizeof whose : 0, "Env %u of Corps %016llx", peer->env, corps_id);
        corps__log(
            CORPS_LOG_DEBUG, event,
            CORPS__LOG_FIELDS(CORPS__LOG_INT("peer", is_env ? (int64_t)peer->env : -1), CORPS__LOG_INT("out", !calls)),
            "link %s %s: %s", calls ? "from" : "to", whose, text);
    }
}

void corps__peer_greet_locked(struct corps__peer *peer) {
    const uint64_t *identity = corps__link_floor->identity;
    const struct corps__greeting greeting = {.corps_id = corps__own_id(),
                                             .env = corps__own_env(),
                                             .incarnation = corps__own_incarnation(),
                                             .wanted = atomic_load(&peer->incarnation),
                                             .host = corps__host_here(peer->corps),
                                             .identity = {identity[0], identity[1]}};
    struct corps_encoding encoding;
    corps_encoding_init(&encoding);
    if (corps__hello_encode(&greeting, getpid(), &encoding) != CORPS_OK) {
        abort(); /* so few numbers fit into the encoding's own memory */
    }
    struct iovec segment = {.iov_base = encoding.stream, .iov_len = encoding.stream_bytes};
    struct corps__outgoing out = {.header = {.kind = CORPS__HELLO, .serializer = 1 /* msgpack */, .segment_count = 1},
                                  .segments = &segment};
    corps__post_locked(peer, &out);
    corps_encoding_finish(&encoding);
}

void corps__peer_connected(struct corps__peer *peer) {
    pthread_mutex_lock(&peer->tx); /* whoever sees READY sends after this frame */
    peer->hello_seen = peer->elsewhere = false;
    atomic_store(&peer->writable, true);
    bool needs_no_greeting = peer->discards && !peer->port->is_far;
    atomic_store(&peer->state, needs_no_greeting ? CORPS__PEER_READY : CORPS__PEER_GREETING);
    corps__peer_greet_locked(peer);
    pthread_mutex_unlock(&peer->tx);
    corps__waitlist_notify(&peer->waiters);
}

void corps__peer_greeted(struct corps__peer *peer) {
    int greeting = CORPS__PEER_GREETING; /* not a link that has gone meanwhile */
    pthread_mutex_lock(&peer->tx);       /* whoever sees READY sends after what has waited for it */
    if (atomic_compare_exchange_strong(&peer->state, &greeting, CORPS__PEER_READY)) {
        corps__link_floor->ops->on_connected(peer);
        corps__peer_log(peer, "link_up", "ready");
    }
    pthread_mutex_unlock(&peer->tx);
    corps__waitlist_notify(&peer->waiters);
}

void corps__peer_writable(struct corps__peer *peer) {
    pthread_mutex_lock(&peer->tx);
    atomic_store(&peer->writable, true);
    if (!peer->owned && peer->link != NULL && corps__peer_flush(peer) == CORPS_OK && atomic_load(&peer->held)) {
        corps__held_add();
    }
    pthread_mutex_unlock(&peer->tx);
    corps__waitlist_notify(&peer->waiters);
    corps_flush();
}

/* The link is gone, maybe by our own fault or decision: nobody can send on it any more. */
static void detach_for_fault(struct corps__peer *peer, enum corps_err fault, const char *text) {
    pthread_mutex_lock(&peer->tx);
    peer->fault = fault;
    snprintf(peer->fault_text, sizeof peer->fault_text, "%s", text);
    struct corps_link *link = peer->link;
    peer->link = NULL;
    peer->grace_end_ns = 0;
    peer->link_count++;
    peer->owned = false; /* whoever was sending finds another link, or none */
    peer->broken = CORPS_OK;
    atomic_store(&peer->state, CORPS__PEER_CLOSED);
    atomic_store(&peer->held, false);
    if (link != NULL) { /* before anybody lets go of a frame of which a part was taken */
        link->transport->disconnect(link);
        corps__loop_changed();
    }
    corps__open_batch_detach(peer);
    corps__posts_drop(peer);
    free(peer->named);
    peer->named = NULL;
    peer->named_bytes = 0;
    free(peer->defined);
    peer->defined = NULL;
    peer->defined_bytes = 0;
    pthread_mutex_unlock(&peer->tx);
    corps__waitlist_notify(&peer->waiters);
}

static void detach_peer(struct corps__peer *peer) {
    detach_for_fault(peer, CORPS_OK, "");
}

void corps__peer_closed(struct corps__peer *peer, enum corps_err reason) {
    char detail[256];
    snprintf(detail, sizeof detail, "%s", reason == CORPS_ERR_CLOSED ? "" : corps_error_detail());
    if (reason != CORPS_ERR_CLOSED && detail[0] == '\0') {
        snprintf(detail, sizeof detail, "%s", corps_error_text(reason));
    }
    detach_for_fault(peer, reason == CORPS_ERR_CLOSED ? CORPS_OK : reason, detail);
    corps__check_foreign();
    corps__peer_log(peer, "link_closed", detail[0] != '\0' ? detail : "the other end has closed it");
    bool is_called = peer->env_info != NULL;
    if (!is_called) {
        if (reason == CORPS_ERR_NO_MEMORY) { /* our doing: who called sees no more than that its link is closed */
            corps__log(CORPS_LOG_WARN, "link_closed", NULL, "a link to this process is closed: %s", detail);
        } else if (reason != CORPS_ERR_CLOSED && reason != CORPS_ERR_AGAIN) { /* AGAIN: another process was meant */
            corps__log_refusal(detail);
        }
        corps__peer_retire(peer); /* it called us, we never call it */
        corps__peers_sweep();
    } else if (corps__peer_has_exited(peer)) {
        corps__peer_fail(peer, CORPS_ERR_EXITED, "the Corps has exited");
    } else if (atomic_load(&peer->env_info->lost)) {
        corps__peer_fail(peer, CORPS_ERR_WORKER_LOST, peer->env_info->lost_text);
    } else if (reason == CORPS_ERR_AGAIN) {
        corps__waitlist_notify(&peer->waiters); /* it was another process: nothing was under way to it */
    } else if (reason != CORPS_ERR_CLOSED) {
        corps__peer_fail(peer, reason, detail);
    } else {
        /* An Env that died is reported by its parent with its exit status, usually within a millisecond: wait for that.
         */
        corps__look_for_end(peer);
    }
    if (is_called) {
        corps__relink(peer);
    }
}

/* Does `each` to the peers for calls to an Env: there are two at the most. */
static void each_peer(struct corps__env *info, void (*each)(struct corps__peer *peer, const char *text),
                      const char *text) {
    struct corps__peer *peers[2] = {atomic_load(&info->peer), atomic_load(&info->data_peer)};
    for (int i = 0; i < 2; i++) {
        if (peers[i] != NULL) {
            each(peers[i], text);
        }
    }
}

/* What was under way to the Env's process is over; nobody need wait for news of it any more. */
static void lose_process(struct corps__peer *peer, const char *text) {
    detach_peer(peer);
    corps__peer_fail(peer, CORPS_ERR_WORKER_LOST, text);
    corps__relink(peer);
}

static void lose(struct corps *corps, uint32_t env, const char *text,
                 void (*each)(struct corps__peer *peer, const char *text)) {
    struct corps__env *info = &corps->envs[env];
    if (atomic_load(&info->lost)) {
        return;
    }
    snprintf(info->lost_text, sizeof info->lost_text, "%s", text);
    atomic_store(&info->lost, true);
    atomic_store(&info->restarting, false);
    atomic_store(&info->pid, 0);
    each_peer(info, each, text);
}

void corps__env_lost(struct corps *corps, uint32_t env, const char *text) {
    lose(corps, env, text, lose_process);
}

/* What the Env has answered is read before its link ends, and what it will not answer fails then. */
static void await_end(struct corps__peer *peer, const char *text) {
    if (peer->link != NULL) { /* changed with the lead */
        corps__waitlist_notify(&peer->waiters);
    } else {
        lose_process(peer, text);
    }
}

void corps__env_taken(struct corps *corps, uint32_t env, const char *text) {
    atomic_store(&corps->envs[env].taken, true);
    lose(corps, env, text, await_end);
}

void corps__env_restarts(struct corps *corps, uint32_t env, const char *text) {
    struct corps__env *info = &corps->envs[env];
    if (atomic_load(&info->lost) || atomic_exchange(&info->restarting, true)) {
        return; /* who waits for it goes on waiting */
    }
    snprintf(info->lost_text, sizeof info->lost_text, "%s", text);
    atomic_store(&info->pid, 0);
    each_peer(info, lose_process, text);
}

static void tell_waiters(struct corps__peer *peer, const char *text) {
    (void)text;
    corps__waitlist_notify(&peer->waiters);
    corps__relink_now(peer);
}

/* Calls of a process that has been replaced are taken no more, should it still live. */
static void close_former(const struct corps *corps, uint32_t env, uint64_t incarnation) {
    struct corps__peer *peer = corps__peers_walk();
    corps__peers_walked(); /* as in corps__peers_close */
    while (peer != NULL) {
        struct corps__peer *next = peer->next;
        uint64_t its = atomic_load(&peer->incarnation);
        if (peer->corps == NULL && peer->hello_seen && peer->peer_corps_id == corps->id && peer->env == env &&
            its != 0 && its < incarnation && !atomic_load(&peer->retired)) {
            detach_peer(peer);
            corps__peer_retire(peer);
        }
        peer = next;
    }
    corps__peers_sweep();
}

void corps__env_is_up(struct corps *corps, uint32_t env, uint64_t incarnation) {
    struct corps__env *info = &corps->envs[env];
    bool replaces = atomic_load(&info->incarnation) != 0;
    atomic_store(&info->incarnation, incarnation);
    if (replaces) {
        close_former(corps, env, incarnation);
    }
    if (!atomic_load(&info->restarting) && replaces) {
        each_peer(info, lose_process, "its process was replaced"); /* the news of its end was not heard */
    }
    atomic_store(&info->restarting, false);
    atomic_store(&info->leaving, false);
    atomic_store(&info->taken, false); /* another one was added under its number */
    atomic_store(&info->lost, false);  /* with a Corps that was started anew what was lost comes back too */
    each_peer(info, tell_waiters, NULL);
}

void corps__peers_part(void) {
    struct corps__peer *peer = corps__peers_walk();
    corps__peers_walked(); /* as below */
    while (peer != NULL) {
        struct corps__peer *next = peer->next;
        bool is_stranger = peer->corps == NULL && peer->hello_seen && peer->peer_corps_id != corps__own_id();
        if (is_stranger && !atomic_load(&peer->retired) && corps__peer_is_idle(peer)) {
            detach_peer(peer);
            corps__peer_retire(peer);
        }
        peer = next;
    }
    corps__peers_sweep();
}

void corps__peers_close(const struct corps *corps) {
    if (corps == NULL) {
        corps__look_stop();
        corps__roam_stop();
        corps__clocks_stop();
    }
    struct corps__peer *peer = corps__peers_walk();
    corps__peers_walked(); /* who leads frees, so none goes meanwhile */
    while (peer != NULL) {
        struct corps__peer *next = peer->next;
        if (corps == NULL || peer->corps == corps) {
            detach_peer(peer);
            corps__peer_fail(peer, CORPS_ERR_EXITED, "the Corps has exited");
        } else if (peer->corps == NULL && peer->port->corps == corps && !atomic_load(&peer->retired)) {
            detach_peer(peer);
            corps__peer_retire(peer);
        }
        peer = next;
    }
    corps__peers_sweep();
}
