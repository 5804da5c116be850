#include "peer.h"

#include "future.h"
#include "scheduler.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { GRACE_MS = 300 }; /* between a link's end and the news of how the Env ended */

static struct corps__peer *all_peers; /* guarded by corps__rt.lock */

/* ---- making and finding ---- */

static struct corps__peer *create(struct corps__port *port) {
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
    pthread_mutex_lock(&corps__rt.lock);
    peer->next = all_peers;
    all_peers = peer;
    pthread_mutex_unlock(&corps__rt.lock);
    return peer;
}

struct corps *corps__corps_find(uint64_t corps_id) {
    pthread_mutex_lock(&corps__rt.lock);
    struct corps *corps = corps__rt.corps_list;
    while (corps != NULL && corps->id != corps_id) {
        corps = corps->next;
    }
    pthread_mutex_unlock(&corps__rt.lock);
    return corps;
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
    struct corps__peer *found = atomic_load(place);
    if (found == NULL) {
        struct corps__peer *made = create(NULL);
        if (made == NULL) {
            return corps_error_set(CORPS_ERR_NO_MEMORY, "no memory for a link");
        }
        made->corps = corps;
        made->env_info = info;
        made->env = env;
        made->discards = data;
        if (atomic_compare_exchange_strong(place, &found, made)) {
            found = made;
        } /* else: somebody else's came first; ours stays unused in the list of all peers */
    }
    *peer = found;
    return CORPS_OK;
}

struct corps__peer *corps__peer_accepted(struct corps__port *port, struct corps_link *link) {
    struct corps__peer *peer = create(port);
    if (peer != NULL) {
        peer->link = link;
        link->user = peer;
        atomic_store(&peer->writable, true);
        atomic_store(&peer->state, CORPS__PEER_READY);
    }
    return peer;
}

/* ---- connecting ---- */

static enum corps_err connect_job(void *arg) {
    struct corps__peer *peer = arg;
    int state = atomic_load(&peer->state);
    if (state == CORPS__PEER_CONNECTING || state == CORPS__PEER_READY) {
        return CORPS_OK; /* another thread asked first */
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
    pthread_mutex_lock(&peer->tx);
    link->user = peer;
    peer->link = link;
    atomic_store(&peer->writable, false);
    atomic_store(&peer->state, CORPS__PEER_CONNECTING);
    pthread_mutex_unlock(&peer->tx);
    return CORPS_OK;
}

static bool is_settled(void *arg) {
    struct corps__peer *peer = arg;
    return atomic_load(&peer->state) != CORPS__PEER_CONNECTING;
}

static enum corps_err lost(const struct corps__peer *peer) {
    if (peer->env_info != NULL && atomic_load(&peer->env_info->lost)) {
        return corps_error_set(CORPS_ERR_WORKER_LOST, "%s", peer->env_info->lost_text);
    }
    if (peer->corps != NULL && atomic_load(&peer->corps->exited)) {
        return corps_error_set(CORPS_ERR_EXITED, "the Corps has exited");
    }
    return corps_error_set(CORPS_ERR_WORKER_LOST, "the link to Env %u has closed", peer->env);
}

static bool is_lost(void *arg) {
    const struct corps__peer *peer = arg;
    return atomic_load(&peer->env_info->lost) || atomic_load(&peer->corps->exited);
}

/* An Env that has just died: its parent reports with which exit status, usually within a millisecond, so wait for that
 * as when a link closes. */
static enum corps_err nobody_listens(struct corps__peer *peer, int64_t deadline_ns) {
    char detail[256];
    snprintf(detail, sizeof detail, "%s", corps_error_detail());
    int64_t grace = corps__deadline_ns(GRACE_MS * INT64_C(1000000));
    enum corps_err err =
        corps__waitlist_wait(&peer->waiters, is_lost, peer, deadline_ns < grace ? deadline_ns : grace, NULL);
    return err == CORPS_OK ? lost(peer) : corps_error_set(CORPS_ERR_WORKER_LOST, "%s", detail);
}

static enum corps_err ensure_ready(struct corps__peer *peer, int64_t deadline_ns) {
    int state = atomic_load(&peer->state);
    if (state == CORPS__PEER_READY) {
        return CORPS_OK;
    }
    if (peer->corps == NULL || atomic_load(&peer->env_info->lost) || atomic_load(&peer->corps->exited)) {
        return lost(peer);
    }
    if (state != CORPS__PEER_CONNECTING) {
        enum corps_err err = corps__with_lead(connect_job, peer);
        if (err != CORPS_OK) {
            return err == CORPS_ERR_CLOSED ? nobody_listens(peer, deadline_ns) : err;
        }
    }
    enum corps_err err = corps__waitlist_wait(&peer->waiters, is_settled, peer, deadline_ns, NULL);
    if (err == CORPS_OK && atomic_load(&peer->state) != CORPS__PEER_READY) {
        err = lost(peer);
    }
    return err;
}

/* ---- sending ---- */

enum { IOV_MAX_FRAME = CORPS__PAYLOAD_SEGMENTS_MAX + 1 };

/* A frame, laid out for the transport. */
struct layout {
    uint8_t prefix[CORPS__PREFIX_BYTES_MAX];
    struct iovec iov[IOV_MAX_FRAME];
    struct corps_parcel parcel;
    bool naming;
};

/* Under tx: whether the method's name must go along depends on what the link has carried. */
static void lay_out(struct layout *layout, const struct corps__peer *peer, const struct corps__outgoing *out) {
    struct corps__header header = out->header;
    layout->naming = false;
    if (out->method != NULL) {
        header.method = out->method->number;
        size_t byte = header.method / 8;
        layout->naming = byte >= peer->named_bytes || (peer->named[byte] & 1u << header.method % 8) == 0;
        header.name_bytes = layout->naming ? out->method->bytes : 0;
    }
    size_t prefix_bytes =
        corps__wire_write(&header, layout->naming ? out->method->name : NULL, out->segments, layout->prefix);
    layout->iov[0] = (struct iovec){.iov_base = layout->prefix, .iov_len = prefix_bytes};
    size_t bytes = prefix_bytes;
    for (unsigned i = 0; i < header.segment_count; i++) {
        layout->iov[i + 1] = out->segments[i];
        bytes += out->segments[i].iov_len;
    }
    layout->parcel =
        (struct corps_parcel){.segments = layout->iov, .segment_count = header.segment_count + 1u, .bytes = bytes};
}

static void mark_named(struct corps__peer *peer, const struct corps__outgoing *out) {
    if (out->method == NULL) {
        return;
    }
    size_t byte = out->method->number / 8;
    if (byte >= peer->named_bytes) {
        size_t bytes = byte + 32;
        uint8_t *grown = realloc(peer->named, bytes);
        if (grown == NULL) {
            return; /* then it is named again next time */
        }
        memset(grown + peer->named_bytes, 0, bytes - peer->named_bytes);
        peer->named = grown;
        peer->named_bytes = bytes;
    }
    peer->named[byte] |= (uint8_t)(1u << out->method->number % 8);
}

static bool can_send(void *arg) {
    struct corps__peer *peer = arg;
    return atomic_load(&peer->writable) || atomic_load(&peer->state) != CORPS__PEER_READY;
}

/* A frame that waits for room. */
struct corps__post {
    struct corps__post *next;
    size_t bytes;
    uint8_t data[];
};

/* Under tx, not owned: sends kept frames while there is room. */
static enum corps_err flush_posts(struct corps__peer *peer) {
    while (peer->first_post != NULL) {
        struct corps__post *post = peer->first_post;
        struct iovec segment = {.iov_base = post->data, .iov_len = post->bytes};
        struct corps_parcel parcel = {.segments = &segment, .segment_count = 1, .bytes = post->bytes};
        atomic_store(&peer->writable, false);
        enum corps_err err = peer->link->transport->send(peer->link, &parcel, 0);
        if (err != CORPS_OK) {
            return err; /* FULL, or PARTIAL: the same post, in the same memory, is tried next time */
        }
        atomic_store(&peer->writable, true);
        peer->first_post = post->next;
        peer->last_post = peer->first_post == NULL ? &peer->first_post : peer->last_post;
        free(post);
    }
    return CORPS_OK;
}

static bool owned_by_other(const struct corps__peer *peer) {
    return peer->owned && !pthread_equal(peer->owner, pthread_self());
}

/* Under tx. Tries to send; FULL and PARTIAL as the transport says, FULL also while somebody else's frame is under way.
 */
static enum corps_err try_send(struct corps__peer *peer, const struct layout *layout, unsigned flags) {
    if (atomic_load(&peer->state) != CORPS__PEER_READY || peer->link == NULL) {
        return CORPS_ERR_CLOSED;
    }
    if (owned_by_other(peer)) {
        return CORPS_ERR_FULL;
    }
    if (!peer->owned && flush_posts(peer) != CORPS_OK) {
        return CORPS_ERR_FULL;
    }
    enum corps_err err = peer->link->transport->send(peer->link, &layout->parcel, flags);
    if (err == CORPS_ERR_FULL || err == CORPS_ERR_PARTIAL) {
        /* WRITABLE may have come before this says that we wait for it: so once more afterwards. */
        atomic_store(&peer->writable, false);
        err = peer->link->transport->send(peer->link, &layout->parcel, flags);
    }
    if (err == CORPS_OK && !atomic_load_explicit(&peer->writable, memory_order_relaxed)) {
        atomic_store(&peer->writable, true);
    }
    return err;
}

static void release_ownership(struct corps__peer *peer) {
    if (peer->owned) {
        peer->owned = false;
        corps__waitlist_notify(&peer->waiters);
    }
}

static enum corps_err send_locked(struct corps__peer *peer, const struct corps__outgoing *out, unsigned flags,
                                  bool try_only, int64_t deadline_ns) {
    struct layout layout;
    lay_out(&layout, peer, out);
    for (;;) {
        enum corps_err err = try_send(peer, &layout, flags);
        if (err == CORPS_OK) {
            mark_named(peer, out);
            peer->owned = false;
            /* There was room, so others that wait for it may go on too. The transport need not tell them: a send that
             * succeeds may have taken back what an earlier one asked it to report. */
            corps__waitlist_notify(&peer->waiters);
            return CORPS_OK;
        }
        if (err != CORPS_ERR_FULL && err != CORPS_ERR_PARTIAL) {
            release_ownership(peer);
            return err == CORPS_ERR_CLOSED ? lost(peer) : err;
        }
        if (err == CORPS_ERR_PARTIAL && !peer->owned) {
            peer->owned = true;
            peer->owner = pthread_self();
        }
        if (!peer->owned && try_only) {
            return corps_error_set(CORPS_ERR_FULL, "the link to Env %u has no room now", peer->env);
        }
        bool others = owned_by_other(peer);
        /* A frame that was begun must be finished, whatever the deadline says. */
        int64_t until = peer->owned && !others ? CORPS_FOREVER : deadline_ns;
        pthread_mutex_unlock(&peer->tx);
        if (others) {
            (void)sched_yield();
        }
        corps__kick(); /* a sleeping leader does not know yet that it should wait for room on this link */
        enum corps_err waited = corps__waitlist_wait(&peer->waiters, can_send, peer, until, NULL);
        pthread_mutex_lock(&peer->tx);
        bool mine = peer->owned && !owned_by_other(peer);
        if (waited != CORPS_OK && !mine) {
            return waited == CORPS_ERR_TIMEOUT ? corps_error_set(waited, "no room on the link to Env %u", peer->env)
                                               : waited;
        }
        if (!mine) {
            lay_out(&layout, peer, out); /* somebody may have named the method meanwhile */
        }
    }
}

bool corps__peer_is_ready(const struct corps__peer *peer) {
    int state = atomic_load(&peer->state);
    bool may_connect = peer->corps != NULL && !atomic_load(&peer->env_info->lost) && !atomic_load(&peer->corps->exited);
    return state == CORPS__PEER_READY || !may_connect; /* what is lost fails at once */
}

enum { BATCH_WITHIN_NS = 20000 }; /* requests without reply that follow each other this closely are batched */

enum corps_err corps__peer_send(struct corps__peer *peer, const struct corps__outgoing *out, bool batch, bool try_only,
                                int64_t deadline_ns) {
    enum corps_err err = ensure_ready(peer, deadline_ns);
    if (err != CORPS_OK) {
        return err;
    }
    unsigned flags = 0;
    pthread_mutex_lock(&peer->tx);
    if (batch) {
        int64_t now = corps__now_ns();
        flags = now - peer->last_send_ns < BATCH_WITHIN_NS ? CORPS_SEND_MORE : 0;
        peer->last_send_ns = now;
    }
    err = send_locked(peer, out, flags, try_only, deadline_ns);
    bool held = err == CORPS_OK && flags != 0;
    bool news = held != atomic_load_explicit(&peer->held, memory_order_relaxed);
    if (news) {
        atomic_store(&peer->held, held);
    }
    pthread_mutex_unlock(&peer->tx);
    if (held && news) {
        corps__held_add();
    }
    return err;
}

/* Under tx. */
static void post_locked(struct corps__peer *peer, const struct corps__outgoing *out) {
    struct layout layout;
    lay_out(&layout, peer, out);
    enum corps_err err = peer->owned ? CORPS_ERR_FULL : try_send(peer, &layout, 0);
    if (err == CORPS_OK) {
        mark_named(peer, out);
        corps__waitlist_notify(&peer->waiters); /* as in send_locked */
    } else if (err == CORPS_ERR_FULL || err == CORPS_ERR_PARTIAL) {
        struct corps__post *post = malloc(sizeof *post + layout.parcel.bytes);
        if (post == NULL) {
            abort(); /* a lost credit or refusal would make the peer wait for ever */
        }
        post->next = NULL;
        post->bytes = 0;
        for (unsigned i = 0; i < layout.parcel.segment_count; i++) {
            memcpy(post->data + post->bytes, layout.iov[i].iov_base, layout.iov[i].iov_len);
            post->bytes += layout.iov[i].iov_len;
        }
        /* After PARTIAL the frame is under way, and posts are resumed in order before anything else is sent. */
        *peer->last_post = post;
        peer->last_post = &post->next;
    } /* else: the link is gone, and with it whoever wanted to hear this */
}

void corps__peer_post(struct corps__peer *peer, const struct corps__outgoing *out) {
    pthread_mutex_lock(&peer->tx);
    post_locked(peer, out);
    pthread_mutex_unlock(&peer->tx);
}

void corps__peer_credit(struct corps__peer *peer, uint32_t conc, uint32_t count, size_t bytes) {
    struct corps__outgoing out = {.header = {.kind = CORPS__CREDIT,
                                             .id = count,
                                             .deadline_ns = bytes,
                                             .source_env = corps__rt.env,
                                             .source_conc = conc,
                                             .flags = CORPS__NIL_PAYLOAD}};
    corps__peer_post(peer, &out);
}

/* ---- holding back and flushing ---- */

static _Atomic unsigned held_count;

void corps__held_add(void) {
    atomic_fetch_add(&held_count, 1);
    corps__sched_expect_tick();
}

void corps_flush(void) {
    if (atomic_load_explicit(&held_count, memory_order_relaxed) == 0) {
        return;
    }
    atomic_store(&held_count, 0);
    pthread_mutex_lock(&corps__rt.lock);
    struct corps__peer *peer = all_peers; /* only ever grows at its head */
    pthread_mutex_unlock(&corps__rt.lock);
    for (; peer != NULL; peer = peer->next) {
        if (!atomic_load(&peer->held)) {
            continue;
        }
        pthread_mutex_lock(&peer->tx);
        static const struct corps_parcel nothing;
        if (atomic_load(&peer->held) && !peer->owned && atomic_load(&peer->state) == CORPS__PEER_READY) {
            atomic_store(&peer->writable, false);
            enum corps_err err = peer->link->transport->send(peer->link, &nothing, 0);
            if (err == CORPS_OK) {
                atomic_store(&peer->writable, true);
                atomic_store(&peer->held, false);
            } else if (err == CORPS_ERR_FULL || err == CORPS_ERR_PARTIAL) {
                atomic_fetch_add(&held_count, 1); /* corps__peer_writable goes on, or the next flush */
            }
        }
        pthread_mutex_unlock(&peer->tx);
    }
}

/* ---- events ---- */

void corps__peer_connected(struct corps__peer *peer) {
    /* HELLO: [Corps id, Env, pid], msgpack; the first frame on the link. */
    struct corps_value items[3] = {corps_int((int64_t)corps__rt.corps_id), corps_int(corps__rt.env),
                                   corps_int(getpid())};
    struct corps_value hello = corps_array(items, 3);
    const struct corps_serializer *msgpack;
    struct corps_encoding encoding;
    corps_encoding_init(&encoding);
    if (corps_serializer_find("msgpack", &msgpack) != CORPS_OK || msgpack->encode(&hello, &encoding) != CORPS_OK) {
        abort(); /* three integers always encode */
    }
    struct iovec segment = {.iov_base = encoding.stream, .iov_len = encoding.stream_bytes};
    struct corps__outgoing out = {.header = {.kind = CORPS__HELLO, .serializer = msgpack->wire_id, .segment_count = 1},
                                  .segments = &segment};
    pthread_mutex_lock(&peer->tx); /* whoever sees READY sends after this frame */
    atomic_store(&peer->writable, true);
    atomic_store(&peer->state, CORPS__PEER_READY);
    post_locked(peer, &out);
    pthread_mutex_unlock(&peer->tx);
    corps_encoding_finish(&encoding);
    corps__waitlist_notify(&peer->waiters);
}

void corps__peer_writable(struct corps__peer *peer) {
    pthread_mutex_lock(&peer->tx);
    atomic_store(&peer->writable, true);
    if (!peer->owned && peer->link != NULL && flush_posts(peer) == CORPS_OK && atomic_load(&peer->held)) {
        atomic_fetch_add(&held_count, 1);
    }
    pthread_mutex_unlock(&peer->tx);
    corps__waitlist_notify(&peer->waiters);
    corps_flush();
}

/* The link is gone: nobody can send on it any more. */
static void detach(struct corps__peer *peer) {
    pthread_mutex_lock(&peer->tx);
    struct corps_link *link = peer->link;
    peer->link = NULL;
    atomic_store(&peer->state, CORPS__PEER_CLOSED);
    atomic_store(&peer->held, false);
    for (struct corps__post *post = peer->first_post; post != NULL;) {
        struct corps__post *next = post->next;
        free(post);
        post = next;
    }
    peer->first_post = NULL;
    peer->last_post = &peer->first_post;
    free(peer->named);
    peer->named = NULL;
    peer->named_bytes = 0;
    pthread_mutex_unlock(&peer->tx);
    free(peer->methods);
    peer->methods = NULL;
    peer->method_count = 0;
    if (link != NULL) {
        link->transport->disconnect(link);
        corps__rt.loop_dirty = true;
    }
    corps__waitlist_notify(&peer->waiters);
}

static void fail_all(struct corps__peer *peer, enum corps_err code, const char *text) {
    corps__calls_fail(peer, code, text);
    corps__waitlist_notify(&peer->credit_waiters);
}

static void grace_over(uv_timer_t *timer) {
    struct corps__peer *peer = timer->data;
    char text[128];
    snprintf(text, sizeof text, "the link to Env %u has closed and nothing tells why", peer->env);
    fail_all(peer, CORPS_ERR_WORKER_LOST, text);
    corps__rt.check_foreign = true;
}

void corps__peer_closed(struct corps__peer *peer, enum corps_err reason) {
    char detail[256];
    snprintf(detail, sizeof detail, "%s", reason == CORPS_ERR_CLOSED ? "" : corps_error_detail());
    detach(peer);
    corps__rt.check_foreign = true;
    if (peer->env_info == NULL) {
        fail_all(peer, CORPS_ERR_WORKER_LOST, "the peer has closed its link");
    } else if (atomic_load(&peer->corps->exited)) {
        fail_all(peer, CORPS_ERR_EXITED, "the Corps has exited");
    } else if (atomic_load(&peer->env_info->lost)) {
        fail_all(peer, CORPS_ERR_WORKER_LOST, peer->env_info->lost_text);
    } else if (reason != CORPS_ERR_CLOSED) {
        fail_all(peer, reason, detail[0] != '\0' ? detail : corps_error_text(reason));
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
    pthread_mutex_lock(&corps__rt.lock);
    struct corps__peer *peer = all_peers;
    pthread_mutex_unlock(&corps__rt.lock);
    for (; peer != NULL; peer = peer->next) {
        if (corps == NULL || peer->corps == corps) {
            detach(peer);
            fail_all(peer, CORPS_ERR_EXITED, "the Corps has exited");
        }
    }
}
