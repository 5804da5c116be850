#include "link/peer.h"

#include "actor/defer.h"
#include "actor/future.h"
#include "actor/scheduler.h"
#include "link/foreign.h"
#include "link/hello.h"
#include "link/posts.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { GRACE_MS = 300 }; /* between a link's end and the news of how the Env ended */

/* ---- finding ---- */

/* Under corps__rt.lock. */
static struct corps__peer *add(struct corps *corps, uint32_t env, bool data, struct corps__peer *_Atomic *place) {
    struct corps__peer *made = corps__peer_create(NULL);
    if (made != NULL) {
        made->corps = corps;
        made->env_info = &corps->envs[env];
        made->env = env;
        made->discards = data;
        atomic_store(place, made);
    }
    return made;
}

enum corps_err corps__peer_of(struct corps *corps, uint32_t env, bool data, struct corps__peer **peer) {
    if (env >= corps->settings.env_count) {
        return corps_error_set(CORPS_ERR_INVALID, "there is no Env %u; the Corps has %u", env,
                               corps->settings.env_count);
    }
    struct corps__env *info = &corps->envs[env];
    if (atomic_load(&info->lost)) {
        return corps_error_set(CORPS_ERR_WORKER_LOST, "%s", info->lost_text);
    }
    struct corps__peer *_Atomic *place = data ? &info->data_peer : &info->peer;
    *peer = atomic_load(place);
    if (*peer == NULL) {
        pthread_mutex_lock(&corps__rt.lock);
        *peer = atomic_load(place); /* another thread may have been faster */
        *peer = *peer != NULL ? *peer : add(corps, env, data, place);
        pthread_mutex_unlock(&corps__rt.lock);
    }
    return *peer != NULL ? CORPS_OK : corps_error_set(CORPS_ERR_NO_MEMORY, "no memory for a link");
}

struct corps__peer *corps__peer_accepted(struct corps__port *port, struct corps_link *link) {
    struct corps__peer *peer = corps__peer_create(port);
    if (peer != NULL) {
        peer->link = link;
        link->user = peer;
        atomic_store(&peer->writable, true);
        atomic_store(&peer->state, CORPS__PEER_READY);
    }
    return peer;
}

/* ---- connecting ---- */

static void fail_all(struct corps__peer *peer, enum corps_err code, const char *text) {
    corps__calls_fail(peer, code, text);
    corps__routes_clear(peer); /* requests without reply that went with the link: nobody gives their room back */
    corps__waitlist_notify(&peer->credit_waiters);
}

/* Calls of an earlier link that still wait for the news of how the Env ended: it has not. */
static void end_grace(struct corps__peer *peer) {
    if (peer->grace_started && uv_is_active((uv_handle_t *)&peer->grace)) {
        uv_timer_stop(&peer->grace);
        fail_all(peer, CORPS_ERR_WORKER_LOST, "the link closed before the reply came");
    }
}

static bool is_lost(void *arg) {
    const struct corps__peer *peer = arg;
    return atomic_load(&peer->env_info->lost) || atomic_load(&peer->corps->exited);
}

static enum corps_err connect_job(void *arg) {
    struct corps__peer *peer = arg;
    int state = atomic_load(&peer->state);
    if (state == CORPS__PEER_CONNECTING || state == CORPS__PEER_READY) {
        return CORPS_OK; /* another thread asked first */
    }
    if (is_lost(peer)) {
        return CORPS_OK; /* meanwhile: what this Corps had was given back, and nothing may be taken again */
    }
    const struct corps__settings *settings = &peer->corps->settings;
    const struct corps_transport *transport = peer->discards ? settings->transport : settings->system_transport;
    enum corps_err err = corps__port_open(transport, peer->corps, &peer->port);
    struct corps_link *link = NULL;
    if (err == CORPS_OK) {
        const char *address = peer->discards ? peer->env_info->data_address : peer->env_info->address;
        err = transport->connect(peer->port->endpoint, address, &link);
    }
    if (err != CORPS_OK) {
        return err;
    }
    end_grace(peer);
    pthread_mutex_lock(&peer->tx);
    link->user = peer;
    peer->link = link;
    peer->fault = CORPS_OK;
    atomic_store(&peer->writable, false);
    atomic_store(&peer->state, CORPS__PEER_CONNECTING);
    pthread_mutex_unlock(&peer->tx);
    return CORPS_OK;
}

static bool is_settled(void *arg) {
    struct corps__peer *peer = arg;
    return atomic_load(&peer->state) != CORPS__PEER_CONNECTING;
}

/* Of others one hears that they have ended only by what they leave. */
static bool has_exited(const struct corps *corps) {
    if (atomic_load(&corps->exited)) {
        return true;
    }
    bool ended = corps__foreign_ended(corps);
    if (ended) {
        atomic_store(&corps__rt.check_foreign, true);
    }
    return ended;
}

enum corps_err corps__peer_lost(const struct corps__peer *peer) {
    if (peer->env_info != NULL && atomic_load(&peer->env_info->lost)) {
        return corps_error_set(CORPS_ERR_WORKER_LOST, "%s", peer->env_info->lost_text);
    }
    if (peer->corps != NULL && has_exited(peer->corps)) {
        return corps_error_set(CORPS_ERR_EXITED, "the Corps has exited");
    }
    return peer->fault != CORPS_OK ? corps_error_set(peer->fault, "%s", peer->fault_text)
                                   : corps_error_set(CORPS_ERR_WORKER_LOST, "the link to Env %u has closed", peer->env);
}

static enum corps_err why_lost(struct corps__peer *peer) {
    pthread_mutex_lock(&peer->tx);
    enum corps_err err = corps__peer_lost(peer);
    pthread_mutex_unlock(&peer->tx);
    return err;
}

/* An Env that has just died: its parent reports with which exit status, usually within a millisecond, so wait for that
 * as when a link closes. */
static enum corps_err nobody_listens(struct corps__peer *peer, int64_t deadline_ns) {
    if (has_exited(peer->corps)) {
        return why_lost(peer);
    }
    char detail[256];
    snprintf(detail, sizeof detail, "%s", corps_error_detail());
    int64_t grace = corps__deadline_ns(GRACE_MS * INT64_C(1000000));
    enum corps_err err =
        corps__waitlist_wait(&peer->waiters, is_lost, peer, deadline_ns < grace ? deadline_ns : grace, NULL);
    return err == CORPS_OK || has_exited(peer->corps) ? why_lost(peer)
                                                      : corps_error_set(CORPS_ERR_WORKER_LOST, "%s", detail);
}

enum corps_err corps__peer_ensure_ready(struct corps__peer *peer, int64_t deadline_ns) {
    int state = atomic_load(&peer->state);
    if (state == CORPS__PEER_READY) {
        return CORPS_OK;
    }
    if (peer->corps == NULL || atomic_load(&peer->env_info->lost) || atomic_load(&peer->corps->exited)) {
        return why_lost(peer);
    }
    if (state != CORPS__PEER_CONNECTING) {
        enum corps_err err = corps__with_lead(connect_job, peer);
        if (err != CORPS_OK) {
            return err == CORPS_ERR_CLOSED ? nobody_listens(peer, deadline_ns) : err;
        }
    }
    enum corps_err err = corps__waitlist_wait(&peer->waiters, is_settled, peer, deadline_ns, NULL);
    if (err == CORPS_OK && atomic_load(&peer->state) != CORPS__PEER_READY) {
        err = why_lost(peer);
    }
    return err;
}

/* ---- events ---- */

void corps__peer_greet_locked(struct corps__peer *peer) {
    const struct corps__greeting greeting = {.corps_id = corps__rt.corps_id, .env = corps__rt.env};
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
    peer->hello_seen = false;
    atomic_store(&peer->writable, true);
    atomic_store(&peer->state, CORPS__PEER_READY);
    corps__peer_greet_locked(peer);
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
static void detach_for(struct corps__peer *peer, enum corps_err fault, const char *text) {
    pthread_mutex_lock(&peer->tx);
    peer->fault = fault;
    snprintf(peer->fault_text, sizeof peer->fault_text, "%s", text);
    struct corps_link *link = peer->link;
    peer->link = NULL;
    peer->link_count++;
    peer->owned = false; /* whoever was sending finds another link, or none */
    peer->broken = CORPS_OK;
    atomic_store(&peer->state, CORPS__PEER_CLOSED);
    atomic_store(&peer->held, false);
    if (link != NULL) { /* before anybody lets go of a frame of which a part was taken */
        link->transport->disconnect(link);
        corps__rt.loop_dirty = true;
    }
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

static void detach(struct corps__peer *peer) {
    detach_for(peer, CORPS_OK, "");
}

static void grace_over(uv_timer_t *timer) {
    struct corps__peer *peer = timer->data;
    char text[128];
    bool exited = has_exited(peer->corps);
    snprintf(text, sizeof text, exited ? "the Corps has exited" : "the link to Env %u has closed and nothing tells why",
             peer->env);
    fail_all(peer, exited ? CORPS_ERR_EXITED : CORPS_ERR_WORKER_LOST, text);
    corps__rt.check_foreign = true;
}

void corps__peer_closed(struct corps__peer *peer, enum corps_err reason) {
    char detail[256];
    snprintf(detail, sizeof detail, "%s", reason == CORPS_ERR_CLOSED ? "" : corps_error_detail());
    if (reason != CORPS_ERR_CLOSED && detail[0] == '\0') {
        snprintf(detail, sizeof detail, "%s", corps_error_text(reason));
    }
    detach_for(peer, reason == CORPS_ERR_CLOSED ? CORPS_OK : reason, detail);
    corps__rt.check_foreign = true;
    if (peer->env_info == NULL) {
        corps__peer_retire(peer); /* it called us, we never call it */
        corps__peers_sweep();
    } else if (has_exited(peer->corps)) {
        fail_all(peer, CORPS_ERR_EXITED, "the Corps has exited");
    } else if (atomic_load(&peer->env_info->lost)) {
        fail_all(peer, CORPS_ERR_WORKER_LOST, peer->env_info->lost_text);
    } else if (reason != CORPS_ERR_CLOSED) {
        fail_all(peer, reason, detail);
    } else {
        /* An Env that died is reported by its parent with its exit status, usually within a millisecond: wait for that.
         */
        if (!peer->grace_started) {
            uv_timer_init(&corps__rt.loop, &peer->grace);
            peer->grace.data = peer;
            peer->grace_started = true;
        }
        uv_update_time(&corps__rt.loop); /* a timer counts from the loop's own, possibly old, time */
        uv_timer_start(&peer->grace, grace_over, GRACE_MS, 0);
        corps__rt.loop_dirty = true;
    }
}

void corps__peer_break(struct corps__peer *peer, enum corps_err reason, const char *text) {
    if (peer->broken == CORPS_OK && peer->link != NULL) {
        peer->broken = reason;
        snprintf(peer->broken_text, sizeof peer->broken_text, "%s", text);
        corps__links_check();
    }
}

void corps__links_check(void) {
    atomic_store(&corps__rt.check_links, true);
    corps__kick();
}

/* A peer whose link is to be closed; the error's detail says why. */
static struct corps__peer *find_broken(enum corps_err *reason) {
    struct corps__peer *found = corps__peers_walk();
    for (; found != NULL; found = found->next) {
        pthread_mutex_lock(&found->tx);
        *reason = found->broken;
        if (*reason != CORPS_OK) {
            fprintf(stderr, "corps: the link to Env %u is closed: %s\n", found->env, found->broken_text);
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

void corps__links_tend(void) {
    enum corps_err reason;
    for (struct corps__peer *broken = find_broken(&reason); broken != NULL; broken = find_broken(&reason)) {
        corps__peer_closed(broken, reason);
    }
    for (struct corps__peer *peer = corps__peers_walk(); peer != NULL; peer = peer->next) {
        corps__deferred_resume(peer);
    }
    corps__peers_walked();
}

void corps__env_lost(struct corps *corps, uint32_t env, const char *text) {
    if (env >= corps->settings.env_count || atomic_load(&corps->envs[env].lost)) {
        return;
    }
    struct corps__env *info = &corps->envs[env];
    snprintf(info->lost_text, sizeof info->lost_text, "%s", text);
    atomic_store(&info->lost, true);
    atomic_store(&info->pid, 0);
    struct corps__peer *peers[2] = {atomic_load(&info->peer), atomic_load(&info->data_peer)};
    for (int i = 0; i < 2; i++) {
        if (peers[i] != NULL) {
            detach(peers[i]);
            fail_all(peers[i], CORPS_ERR_WORKER_LOST, text);
        }
    }
}

void corps__peers_close(const struct corps *corps) {
    struct corps__peer *peer = corps__peers_walk();
    corps__peers_walked(); /* who leads frees, so none goes meanwhile */
    while (peer != NULL) {
        struct corps__peer *next = peer->next;
        if (corps == NULL || peer->corps == corps) {
            detach(peer);
            fail_all(peer, CORPS_ERR_EXITED, "the Corps has exited");
        } else if (peer->corps == NULL && peer->port->corps == corps && !atomic_load(&peer->retired)) {
            detach(peer);
            corps__peer_retire(peer);
        }
        peer = next;
    }
    corps__peers_sweep();
}
