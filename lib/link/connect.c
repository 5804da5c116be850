#include "link/far.h"
#include "link/known.h"
#include "link/look.h"
#include "link/news.h"
#include "link/peer.h"
#include "link/roam.h"

#include "base/clock.h"

#include <stdio.h>
#include <unistd.h>

/* Finding the peer for a call, and connecting to it. */

/* ---- finding ---- */

/* Under the lock of known Corps. */
static struct corps__peer *add_peer(struct corps *corps, uint32_t env, bool data, struct corps__peer *_Atomic *slot) {
    struct corps__peer *made = corps__peer_create(NULL);
    if (made != NULL) {
        made->corps = corps;
        made->env_info = &corps->envs[env];
        made->env = env;
        made->discards = data;
        atomic_store(slot, made);
    }
    return made;
}

enum corps_err corps__peer_of(struct corps *corps, uint32_t env, bool data, struct corps__peer **peer) {
    if (env >= corps->settings.env_count || atomic_load(&corps->envs[env].taken)) {
        corps__news_await(corps, env, false); /* one may have been added */
    }
    if (env >= corps->settings.env_count) {
        return corps_error_set(CORPS_ERR_INVALID, "there is no Env %u; the Corps has %u", env,
                               corps->settings.env_count);
    }
    struct corps__env *info = &corps->envs[env];
    if (atomic_load(&info->lost)) {
        return corps_error_set(CORPS_ERR_WORKER_LOST, "%s", info->lost_text);
    }
    struct corps__peer *_Atomic *slot = data ? &info->data_peer : &info->peer;
    *peer = atomic_load(slot);
    if (*peer == NULL) {
        pthread_mutex_lock(&corps__link_floor->lock);
        *peer = atomic_load(slot); /* another thread may have been faster */
        *peer = *peer != NULL ? *peer : add_peer(corps, env, data, slot);
        pthread_mutex_unlock(&corps__link_floor->lock);
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

/* Calls of an earlier link that still wait for the news of how the Env ended: it has not. */
static void end_grace(struct corps__peer *peer) {
    if (peer->grace_end_ns != 0) {
        peer->grace_end_ns = 0;
        corps__peer_fail(peer, CORPS_ERR_WORKER_LOST, "the link closed before the reply came");
    }
}

static bool is_lost(void *arg) {
    const struct corps__peer *peer = arg;
    return atomic_load(&peer->env_info->lost) || atomic_load(&peer->corps->exited);
}

static bool is_restarting(const struct corps__peer *peer) {
    return atomic_load(&peer->env_info->restarting);
}

static bool is_down(const struct corps__peer *peer) {
    return atomic_load(&peer->env_info->lost) || atomic_load(&peer->corps->exited) || is_restarting(peer);
}

/* Is there another process by now than that which we have tried to reach? */
static bool is_replaced(const struct corps__peer *peer) {
    return atomic_load(&peer->env_info->incarnation) != atomic_load(&peer->incarnation);
}

static bool has_news(void *arg) {
    return is_down(arg) || is_replaced(arg);
}

static bool is_up_or_lost(void *arg) {
    return is_lost(arg) || !is_restarting(arg);
}

static bool is_elsewhere(const struct corps__peer *peer) {
    return corps__hosts_differ(corps__host_here(peer->corps), peer->env_info->host);
}

bool corps__peer_may_return(const struct corps__peer *peer) {
    bool may = is_elsewhere(peer) || corps__roams(peer->corps);
    return may && !atomic_load(&peer->env_info->lost) && !atomic_load(&peer->corps->exited);
}

/* By the Corps' own transport. */
static enum corps_err connect_here(struct corps__peer *peer, struct corps_link **link) {
    const struct corps__settings *settings = &peer->corps->settings;
    const struct corps_transport *transport = peer->discards ? settings->transport : settings->system_transport;
    const char *address = peer->discards ? peer->env_info->data_address : peer->env_info->address;
    enum corps_err err = corps__port_open(transport, peer->corps, &peer->port);
    if (err != CORPS_OK && corps__roams(peer->corps) && access(peer->corps->directory, F_OK) != 0) {
        return corps_error_set(CORPS_ERR_CLOSED, "Env %u is not on this host any more", peer->env);
    }
    return err == CORPS_OK ? transport->connect(peer->port->endpoint, address, link) : err;
}

static enum corps_err connect_far(struct corps__peer *peer, struct corps_link **link) {
    const struct corps__env *info = peer->env_info;
    if (info->remote_address[0] == '\0') {
        return corps_error_set(CORPS_ERR_UNSUPPORTED, "Env %u is on host %u, and has no address for other hosts",
                               peer->env, info->host);
    }
    enum corps_err err = corps__port_open_far(peer->corps, &peer->port);
    return err == CORPS_OK ? peer->port->transport->connect(peer->port->endpoint, info->remote_address, link) : err;
}

enum corps_err corps__peer_connect(struct corps__peer *peer) {
    bool may_be_another = is_restarting(peer) || peer->link_count > 0; /* process by now */
    if (may_be_another && corps__is_foreign(peer->corps) && !corps__peer_has_link(peer) && !is_lost(peer)) {
        enum corps_err err = corps__link_floor->ops->refresh(peer->corps);
        if (err != CORPS_OK) {
            return err;
        }
    }
    return corps__peer_connect_known(peer);
}

enum corps_err corps__peer_connect_known(struct corps__peer *peer) {
    if (corps__peer_has_link(peer)) {
        return CORPS_OK; /* another thread asked first */
    }
    if (is_down(peer)) {
        return CORPS_OK; /* meanwhile: what this Corps had was given back, and nothing may be taken again */
    }
    atomic_store(&peer->incarnation, atomic_load(&peer->env_info->incarnation));
    struct corps_link *link = NULL;
    enum corps_err err = is_elsewhere(peer) ? connect_far(peer, &link) : connect_here(peer, &link);
    if (err != CORPS_OK) {
        return err;
    }
    end_grace(peer);
    pthread_mutex_lock(&peer->tx);
    link->user = peer;
    peer->link = link;
    peer->fault = CORPS_OK;
    peer->hello_seen = false;
    atomic_store(&peer->writable, false);
    atomic_store(&peer->state, CORPS__PEER_CONNECTING);
    pthread_mutex_unlock(&peer->tx);
    if (corps__roams(peer->corps)) {
        corps__roam_watch();
    }
    return CORPS_OK;
}

static enum corps_err connect_job(void *arg) {
    return corps__peer_connect(arg);
}

static bool is_settled(void *arg) {
    struct corps__peer *peer = arg;
    int state = atomic_load(&peer->state);
    return state != CORPS__PEER_CONNECTING && state != CORPS__PEER_GREETING;
}

bool corps__peer_has_exited(const struct corps__peer *peer) {
    if (atomic_load(&peer->corps->exited)) {
        return true;
    }
    bool ended = corps__corps_has_ended(peer->corps);
    if (ended) {
        corps__check_foreign();
    }
    return ended;
}

enum corps_err corps__peer_lost(const struct corps__peer *peer) {
    if (peer->env_info != NULL && atomic_load(&peer->env_info->lost)) {
        return corps_error_set(CORPS_ERR_WORKER_LOST, "%s", peer->env_info->lost_text);
    }
    if (peer->corps != NULL && corps__peer_has_exited(peer)) {
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

/* Of a Corps that roams, whose host may be lost without anybody having noticed: is it too early to say that the Env
 * cannot be reached? */
static bool is_patient(struct corps__peer *peer, int64_t deadline_ns) {
    int64_t since_ns = 0, now_ns = corps__now_ns();
    if (!corps__roams(peer->corps) || is_lost(peer) || now_ns >= deadline_ns) {
        return false;
    }
    return atomic_compare_exchange_strong(&peer->unreached_ns, &since_ns, now_ns) ||
           now_ns - since_ns < CORPS__FAR_PATIENCE_NS;
}

enum corps_err corps__peer_await_news(struct corps__peer *peer, int64_t deadline_ns) {
    if (corps__peer_has_exited(peer)) {
        return why_lost(peer);
    }
    char detail[256];
    snprintf(detail, sizeof detail, "%s", corps_error_detail());
    int64_t grace = corps__deadline_ns(CORPS__GRACE_NS);
    enum corps_err err = corps__look_wait(peer, has_news, deadline_ns < grace ? deadline_ns : grace);
    if (err == CORPS_ERR_CANCELLED) {
        return err;
    }
    bool may_be_back = is_restarting(peer) || (is_replaced(peer) && !is_lost(peer));
    if (may_be_back || (err == CORPS_ERR_TIMEOUT && is_patient(peer, deadline_ns))) {
        return corps_error_set(CORPS_ERR_AGAIN, "%s", detail);
    }
    return err == CORPS_OK || corps__peer_has_exited(peer) ? why_lost(peer)
                                                           : corps_error_set(CORPS_ERR_WORKER_LOST, "%s", detail);
}

/* Another process takes the Env's place: waits for it. */
static enum corps_err await_restart(struct corps__peer *peer, bool try_only, int64_t deadline_ns) {
    if (try_only) {
        return corps_error_set(CORPS_ERR_FULL, "Env %u is being started again", peer->env);
    }
    enum corps_err err = corps__look_wait(peer, is_up_or_lost, deadline_ns);
    return err == CORPS_ERR_TIMEOUT
               ? corps_error_set(err, "Env %u was not started again within the call's time", peer->env)
               : err;
}

/* Connects, unless another thread does, and waits for that. AGAIN: the Env is being started again. */
static enum corps_err connect_peer(struct corps__peer *peer, int64_t deadline_ns) {
    if (atomic_load(&peer->state) != CORPS__PEER_CONNECTING) {
        enum corps_err err = corps__with_lead(connect_job, peer);
        if (err != CORPS_OK) {
            return err == CORPS_ERR_CLOSED ? corps__peer_await_news(peer, deadline_ns) : err;
        }
    }
    enum corps_err err = corps__waitlist_wait_call(&peer->waiters, is_settled, peer, deadline_ns, NULL);
    if (err == CORPS_OK && atomic_load(&peer->state) != CORPS__PEER_READY) {
        err = why_lost(peer); /* AGAIN: it was another process than the one that was meant */
        bool may_be_news = err == CORPS_ERR_WORKER_LOST || err == CORPS_ERR_AGAIN;
        err = may_be_news ? corps__peer_await_news(peer, deadline_ns) : err;
    }
    return err;
}

enum corps_err corps__peer_ensure_ready(struct corps__peer *peer, bool try_only, int64_t deadline_ns) {
    enum corps_err err = CORPS_OK;
    while (err == CORPS_OK && atomic_load(&peer->state) != CORPS__PEER_READY) {
        if (peer->corps == NULL || is_lost(peer)) {
            return why_lost(peer);
        }
        err = is_restarting(peer) ? CORPS_ERR_AGAIN : connect_peer(peer, deadline_ns);
        err = err == CORPS_ERR_AGAIN ? await_restart(peer, try_only, deadline_ns) : err;
    }
    if (err == CORPS_OK) {
        atomic_store_explicit(&peer->unreached_ns, 0, memory_order_relaxed);
    }
    return err;
}
