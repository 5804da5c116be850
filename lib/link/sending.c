#include "base/clock.h"
#include "base/hooks.h"
#include "codec/definitions.h"
#include "link/batch_frame.h"
#include "link/layout.h"
#include "link/posts.h"

#include <sched.h>
#include <stdlib.h>
#include <string.h>

/* Ordered, bounded sending to a peer. */

static bool can_send(void *arg) {
    struct corps__peer *peer = arg;
    return atomic_load(&peer->writable) || atomic_load(&peer->state) != CORPS__PEER_READY;
}

/* A send's error that is neither want of room nor the peer's end: what follows could not be told apart from what was
 * begun, or somebody would wait for ever for what could not be said. */
static void note_fault(struct corps__peer *peer, enum corps_err err) {
    if (err != CORPS_OK && err != CORPS_ERR_FULL && err != CORPS_ERR_PARTIAL && err != CORPS_ERR_CLOSED) {
        corps__peer_break(peer, err, corps_error_detail());
    }
}

enum corps_err corps__peer_flush(struct corps__peer *peer) {
    enum corps_err err = corps__posts_flush(peer);
    if (err == CORPS_ERR_FULL || err == CORPS_ERR_PARTIAL) {
        corps__kick(); /* as in send_locked */
    }
    note_fault(peer, err);
    return err;
}

static bool owned_by_other(const struct corps__peer *peer) {
    return peer->owned && !pthread_equal(peer->owner, pthread_self());
}

/* Under tx. Tries to send what was kept, and then (`layout` may be NULL) this; FULL and PARTIAL as the transport says,
 * FULL also while somebody else's frame is under way. */
static enum corps_err try_send(struct corps__peer *peer, const struct corps__layout *layout, unsigned flags) {
    int state = atomic_load(&peer->state);
    if ((state != CORPS__PEER_READY && state != CORPS__PEER_GREETING) || peer->link == NULL) {
        return CORPS_ERR_CLOSED;
    }
    if (owned_by_other(peer)) {
        return CORPS_ERR_FULL;
    }
    if (!peer->owned) {
        corps__batch_seal(peer);
        enum corps_err kept = peer->first_post != NULL ? corps__peer_flush(peer) : CORPS_OK;
        if (kept != CORPS_OK) {
            return kept == CORPS_ERR_PARTIAL ? CORPS_ERR_FULL : kept;
        }
    }
    if (layout == NULL) {
        return CORPS_OK;
    }
    enum corps_err err = peer->link->transport->send(peer->link, &layout->parcel, flags);
    if (err == CORPS_ERR_FULL || err == CORPS_ERR_PARTIAL) {
        /* WRITABLE may have come before this says that we wait for it: so once more afterwards. */
        atomic_store(&peer->writable, false);
        err = peer->link->transport->send(peer->link, &layout->parcel, flags);
    }
    if (err == CORPS_OK) {
        peer->frames_sent++;
        peer->bytes_sent += layout->parcel.bytes;
        if (!atomic_load_explicit(&peer->writable, memory_order_relaxed)) {
            atomic_store(&peer->writable, true);
        }
        return CORPS_OK;
    }
    note_fault(peer, err);
    return err;
}

static void release_ownership(struct corps__peer *peer) {
    if (peer->owned && !owned_by_other(peer)) {
        peer->owned = false;
        corps__waitlist_notify(&peer->waiters);
    }
}

/* Under tx: a frame was taken whole. */
static void was_sent(struct corps__peer *peer, const struct corps__outgoing *out) {
    corps__mark_named(peer, out);
    if (peer->owned) { /* what the others kept meanwhile */
        peer->owned = false;
        (void)!corps__peer_flush(peer);
    }
    /* There was room, so others that wait for it may go on too. The transport need not tell them: a send that succeeds
     * may have taken back what an earlier one asked it to report. */
    corps__waitlist_notify(&peer->waiters);
}

/* Under tx: a part was taken. */
static void become_owner(struct corps__peer *peer) {
    peer->owned = true;
    peer->owner = pthread_self();
}

/* Under tx, which it lets go while it waits for room. The frame may be ours that was begun: that must be finished,
 * whatever the deadline says; TIMEOUT then is that the thread is to be asked whether it shall go on. */
static enum corps_err wait_for_room(struct corps__peer *peer, int64_t deadline_ns) {
    bool others = owned_by_other(peer);
    bool mine = peer->owned && !others;
    pthread_mutex_unlock(&peer->tx);
    if (others) {
        (void)sched_yield();
    }
    corps__kick(); /* a sleeping leader does not know yet that it should wait for room on this link */
    enum corps_err err =
        mine ? corps__waitlist_wait(&peer->waiters, can_send, peer, corps__deadline_ns(corps__ask_within_ns()), NULL)
             : corps__waitlist_wait_call(&peer->waiters, can_send, peer, deadline_ns, NULL);
    pthread_mutex_lock(&peer->tx);
    return err;
}

static void keep_frame(struct corps__peer *peer, const struct corps__layout *layout, const struct corps__outgoing *out,
                       bool tried, bool first);

/* Under tx, which it lets go while it waits. `out` may be NULL: sends what was kept. */
static enum corps_err send_locked(struct corps__peer *peer, const struct corps__outgoing *out, unsigned flags,
                                  bool try_only, int64_t deadline_ns) {
    struct corps__layout layout;
    uint64_t link = peer->link_count;
    bool is_left = false; /* what was begun goes as posts do */
    if (out != NULL) {
        corps__lay_out(&layout, peer, out);
    }
    for (;;) {
        enum corps_err err = link == peer->link_count ? try_send(peer, out != NULL ? &layout : NULL, flags)
                                                      : CORPS_ERR_CLOSED; /* and the call has failed with it */
        if (err == CORPS_OK && out == NULL) {
            return CORPS_OK;
        }
        if (err == CORPS_OK) {
            was_sent(peer, out);
            return CORPS_OK;
        }
        if (err != CORPS_ERR_FULL && err != CORPS_ERR_PARTIAL) {
            release_ownership(peer);
            return err == CORPS_ERR_CLOSED ? corps__peer_lost(peer) : err;
        }
        if (err == CORPS_ERR_PARTIAL) {
            become_owner(peer);
        }
        if (!peer->owned && try_only) {
            return corps_error_set(CORPS_ERR_FULL, "the link to Env %u has no room now", peer->env);
        }
        enum corps_err waited = wait_for_room(peer, is_left ? CORPS_FOREVER : deadline_ns);
        bool mine = peer->owned && !owned_by_other(peer);
        if (waited == CORPS_ERR_TIMEOUT && mine && link == peer->link_count) {
            /* Whoever is asked may send to this peer, so nothing may be begun meanwhile: the rest goes by itself, and
             * is only waited for. */
            keep_frame(peer, &layout, out, true, true);
            was_sent(peer, out);
            is_left = true;
            out = NULL;
            continue;
        }
        if (waited != CORPS_OK && is_left) {
            return CORPS_OK; /* what was begun will be sent */
        }
        if (waited != CORPS_OK && !mine) {
            return waited == CORPS_ERR_TIMEOUT ? corps_error_set(waited, "no room on the link to Env %u", peer->env)
                                               : waited;
        }
        if (!mine && out != NULL) {
            corps__lay_out(&layout, peer, out); /* somebody may have named the method meanwhile */
        }
    }
}

bool corps__peer_is_ready(const struct corps__peer *peer) {
    int state = atomic_load(&peer->state);
    bool may_connect = peer->corps != NULL && !atomic_load(&peer->env_info->lost) && !atomic_load(&peer->corps->exited);
    return state == CORPS__PEER_READY || !may_connect; /* what is lost fails at once */
}

/* ---- batches ---- */

/* Under tx. */
static bool follows_closely(struct corps__peer *peer) {
    int64_t before = peer->last_send_ns;
    peer->last_send_ns = corps__now_ns();
    return peer->last_send_ns - before < CORPS__BATCH_WITHIN_NS;
}

static size_t payload_bytes(const struct corps__outgoing *out) {
    return out->header.segment_count == 1 ? out->segments[0].iov_len : 0;
}

/* Under tx: may the request be an entry? What is larger gains little; what is new to the peer has to be named; an entry
 * has no place for a chain. */
static bool is_small(const struct corps__peer *peer, const struct corps__outgoing *out) {
    return out->header.segment_count <= 1 && payload_bytes(out) <= CORPS__ENTRY_BYTES_MAX &&
           corps__is_named(peer, out->method) && out->header.trace == 0;
}

/* Under tx: has the link taken nothing since it was full? */
static bool is_full(const struct corps__peer *peer) {
    return !atomic_load_explicit(&peer->writable, memory_order_relaxed);
}

/* Under tx: has the batch frame no room for this, or has it waited long enough? */
static bool is_due(struct corps__peer *peer, size_t bytes) {
    if (peer->batch_frame->bytes + bytes > CORPS__BATCH_FRAME_BYTES) {
        return true;
    }
    return peer->batch_entry_count % CORPS__BATCH_CLOCK_EVERY == CORPS__BATCH_CLOCK_EVERY - 1 &&
           !follows_closely(peer) && !is_full(peer);
}

/* Under tx, which it lets go while it waits: adds a request to the batch frame, after having sent one that is due. */
static enum corps_err add_to_batch(struct corps__peer *peer, const struct corps__outgoing *out, bool try_only,
                                   int64_t deadline_ns) {
    size_t bytes = CORPS__ENTRY_BYTES + payload_bytes(out);
    corps__open_batch_take(peer); /* it comes first */
    while (peer->batch_frame != NULL && is_due(peer, bytes)) {
        enum corps_err err = send_locked(peer, NULL, 0, try_only, deadline_ns);
        if (err != CORPS_OK) {
            return err;
        }
    }
    if (atomic_load(&peer->state) != CORPS__PEER_READY) {
        return corps__peer_lost(peer);
    }
    enum corps_err err = corps__batch_frame(peer);
    if (err != CORPS_OK) {
        return err;
    }
    struct corps__header entry = out->header;
    entry.method = out->method->number;
    uint8_t *at = peer->batch_frame->data + peer->batch_frame->bytes;
    corps__wire_write_entry(&entry, (uint32_t)payload_bytes(out), at);
    if (payload_bytes(out) > 0) {
        memcpy(at + CORPS__ENTRY_BYTES, out->segments[0].iov_base, payload_bytes(out));
    }
    peer->batch_frame->bytes += bytes;
    peer->batch_entry_count++;
    return CORPS_OK;
}

/* Under tx: what the message needs and the link has not carried yet goes before it. */
static void send_definitions(struct corps__peer *peer, const struct corps__outgoing *out) {
    if (atomic_load_explicit(&peer->state, memory_order_relaxed) != CORPS__PEER_READY) {
        return; /* the next link has carried none */
    }
    for (size_t i = 0; i < out->definition_count; i++) {
        uint32_t number = out->definitions[i];
        if (corps__bit_is_set(peer->defined, peer->defined_bytes, number)) {
            continue;
        }
        const struct corps__definition *definition = corps__definition_at(number);
        const struct iovec segments[2] = {
            {.iov_base = (void *)(uintptr_t)definition->key, .iov_len = sizeof definition->key},
            {.iov_base = (void *)(uintptr_t)definition->data, .iov_len = definition->bytes},
        };
        corps__post_locked(peer,
                           &(struct corps__outgoing){
                               .header = {.kind = CORPS__DEFINE, .segment_count = 2, .source_env = corps__own_env()},
                               .segments = segments});
        corps__bit_set(&peer->defined, &peer->defined_bytes, number);
    }
}

enum corps_err corps__peer_send(struct corps__peer *peer, const struct corps__outgoing *out, bool may_hold,
                                bool try_only, int64_t deadline_ns) {
    enum corps_err err = CORPS_OK;
    if (atomic_load_explicit(&peer->state, memory_order_relaxed) != CORPS__PEER_READY) {
        err = corps__peer_ensure_ready(peer, try_only, deadline_ns);
    }
    if (err != CORPS_OK) {
        return err;
    }
    pthread_mutex_lock(&peer->tx);
    if (out->definition_count > 0) {
        send_definitions(peer, out);
    }
    bool stream = may_hold && (peer->batch_frame != NULL || follows_closely(peer) || is_full(peer));
    bool may_gather = may_hold && is_small(peer, out);
    if (!stream || !may_gather) {
        err = send_locked(peer, out, stream ? CORPS_SEND_MORE : 0, try_only || may_gather, deadline_ns);
    }
    /* Where there is no room, the small ones gather in one frame: else each would keep a thread waiting, and each frame
     * that goes would wake all of these, to find the link full again. */
    if (may_gather && (stream || err == CORPS_ERR_FULL)) {
        err = add_to_batch(peer, out, try_only, deadline_ns);
        stream = false;
    }
    bool held = peer->batch_frame != NULL || peer->open != NULL || (stream && err == CORPS_OK);
    bool news = held != atomic_load_explicit(&peer->held, memory_order_relaxed);
    if (news) {
        atomic_store(&peer->held, held);
    }
    pthread_mutex_unlock(&peer->tx);
    if (held && news) {
        corps__held_add();
    }
    if (err == CORPS_OK) {
        return CORPS_OK;
    }
    bool tells_why = err != CORPS_ERR_WORKER_LOST || peer->corps == NULL || atomic_load(&peer->env_info->lost);
    err = tells_why || try_only ? err : corps__peer_await_news(peer, deadline_ns);
    return err == CORPS_ERR_AGAIN ? corps_error_set(CORPS_ERR_WORKER_LOST, "the link to Env %u closed", peer->env)
                                  : err;
}

/* ---- what must not wait ---- */

/* Under tx: keeps a copy of the frame; first, where a part of it is under way. `tried`: the transport had no room for
 * it, and its grant is settled. Otherwise it stands behind others: either of those has found no room, or their owner
 * goes on, and the leader has been told then. */
static void keep_frame(struct corps__peer *peer, const struct corps__layout *layout, const struct corps__outgoing *out,
                       bool tried, bool first) {
    struct corps__post *post = corps__post_copy(&layout->parcel);
    if (post == NULL) { /* whoever waits for this must not wait for ever */
        corps__peer_break(peer, CORPS_ERR_NO_MEMORY, "there was no memory to keep a frame until the peer reads");
        return;
    }
    post->grant = tried ? NULL : out->grant;
    post->charge_count = out->charge_count;
    post->charge_bytes = out->charge_bytes;
    corps__post_keep(peer, post, first);
    if (first) { /* the transport takes note of the copy before the memory of the first one goes */
        (void)!corps__peer_flush(peer);
    } else if (tried) {
        corps__kick(); /* as in send_locked */
    }
}

void corps__post_locked(struct corps__peer *peer, const struct corps__outgoing *out) {
    struct corps__layout layout;
    corps__lay_out(&layout, peer, out);
    enum corps_err err = peer->owned ? CORPS_ERR_FULL : try_send(peer, NULL, 0); /* what was kept */
    bool is_next = err == CORPS_OK;
    if (is_next) {
        corps__grant_settle(out->grant, out->charge_count, out->charge_bytes); /* before the peer hears of it */
        err = try_send(peer, &layout, 0);
    }
    if (err == CORPS_OK) {
        corps__mark_named(peer, out);
        corps__waitlist_notify(&peer->waiters); /* as in send_locked */
    } else if (err == CORPS_ERR_FULL || err == CORPS_ERR_PARTIAL) {
        /* After PARTIAL the frame is under way, and posts are resumed in order before anything else is sent. */
        keep_frame(peer, &layout, out, is_next, err == CORPS_ERR_PARTIAL);
    } /* else: the link is gone, and with it whoever wanted to hear this */
}

/* ---- replies ---- */

enum {
    KEPT_AT_ONCE_BYTES = 1 << 16,         /* copying more than this costs more than waiting for one who reads … */
    PATIENCE_NS = 20 * 1000 * 1000,       /* … which must show within this time, */
    ALL_PATIENCE_NS = 1000 * 1000 * 1000, /* and not take longer than this for a frame */
};

/* Under tx, which it lets go meanwhile. False: no room came, or too little for too long. */
static bool wait_for_link(struct corps__peer *peer, int64_t deadline_ns) {
    pthread_mutex_unlock(&peer->tx);
    corps__kick(); /* as in send_locked */
    int64_t soon = corps__deadline_ns(PATIENCE_NS);
    enum corps_err err =
        corps__waitlist_wait(&peer->waiters, can_send, peer, soon < deadline_ns ? soon : deadline_ns, NULL);
    pthread_mutex_lock(&peer->tx);
    return err == CORPS_OK;
}

/* Under tx, which it lets go where it waits: as try_send, but stays with a large frame while the peer reads it. */
static enum corps_err send_patiently(struct corps__peer *peer, const struct corps__layout *layout) {
    uint64_t link = peer->link_count;
    enum corps_err err = try_send(peer, layout, 0);
    if ((err != CORPS_ERR_FULL && err != CORPS_ERR_PARTIAL) || layout->parcel.bytes <= KEPT_AT_ONCE_BYTES) {
        return err;
    }
    int64_t deadline_ns = corps__deadline_ns(ALL_PATIENCE_NS);
    bool reads = true;
    while (reads && (err == CORPS_ERR_FULL || err == CORPS_ERR_PARTIAL)) {
        if (err == CORPS_ERR_PARTIAL) {
            become_owner(peer);
        }
        reads = wait_for_link(peer, deadline_ns);
        if (link != peer->link_count) {
            return CORPS_ERR_CLOSED;
        }
        err = try_send(peer, layout, 0);
    }
    return err;
}

/* Under tx, which it lets go where it waits. */
static void answer_locked(struct corps__peer *peer, const struct corps__outgoing *out) {
    struct corps__layout layout;
    corps__lay_out(&layout, peer, out);
    if (peer->owned || peer->first_post != NULL) {
        keep_frame(peer, &layout, out, false, false);
        return;
    }
    corps__grant_settle(out->grant, out->charge_count, out->charge_bytes); /* before the peer hears of it */
    enum corps_err err = send_patiently(peer, &layout);
    if (err == CORPS_OK) {
        was_sent(peer, out);
        return;
    }
    if (err == CORPS_ERR_FULL || err == CORPS_ERR_PARTIAL) {
        keep_frame(peer, &layout, out, true, err == CORPS_ERR_PARTIAL);
    }
    release_ownership(peer);
}

void corps__peer_answer(struct corps__peer *peer, const struct corps__outgoing *out) {
    pthread_mutex_lock(&peer->tx);
    if (atomic_load(&peer->state) == CORPS__PEER_READY) {
        send_definitions(peer, out);
        answer_locked(peer, out);
    } /* else: whoever asked is gone, and nobody misses the reply */
    bool was_retired = atomic_load_explicit(&peer->retired, memory_order_relaxed);
    peer->answered++;
    pthread_mutex_unlock(&peer->tx);
    if (was_retired) {
        corps__check_unused();
    }
}

void corps__peer_post(struct corps__peer *peer, const struct corps__outgoing *out) {
    pthread_mutex_lock(&peer->tx);
    corps__post_locked(peer, out);
    pthread_mutex_unlock(&peer->tx);
}

void corps__peer_post_whole(struct corps__peer *peer, const struct corps__outgoing *out) {
    corps__batch_seal(peer);
    send_definitions(peer, out);
    corps__post_locked(peer, out);
}

void corps__peer_try_post(struct corps__peer *peer, const struct corps__outgoing *out) {
    pthread_mutex_lock(&peer->tx);
    if (peer->first_post == NULL) {
        corps__post_locked(peer, out);
    }
    pthread_mutex_unlock(&peer->tx);
}

void corps__peer_credit(struct corps__peer *peer, uint32_t conc, struct corps__grant *grant, uint32_t count,
                        size_t bytes) {
    struct corps__outgoing out = {.header = {.kind = CORPS__CREDIT,
                                             .id = count,
                                             .deadline_ns = bytes,
                                             .source_env = corps__own_env(),
                                             .source_conc = conc,
                                             .flags = CORPS__NIL_PAYLOAD},
                                  .grant = grant,
                                  .charge_count = count,
                                  .charge_bytes = bytes};
    corps__peer_post(peer, &out);
}

/* ---- holding back and flushing ---- */

void corps__held_add(void) {
    atomic_fetch_add(&corps__link_floor->held_count, 1);
    corps__link_floor->ops->on_held();
}

bool corps__held_any(void) {
    return atomic_load(&corps__link_floor->held_count) != 0;
}

/* Under tx. False: not all of it could be sent, and whoever makes room goes on, or the next flush does; or an open
 * batch may hold more at any time. */
static bool flush_peer(struct corps__peer *peer) {
    static const struct corps_parcel nothing;
    if (peer->owned) {
        return false;
    }
    enum corps_err err = corps__peer_flush(peer);
    if (err == CORPS_OK) { /* else the batch can take more until there is room */
        corps__batch_seal(peer);
        err = corps__peer_flush(peer);
    }
    if (err == CORPS_OK) {
        atomic_store(&peer->writable, false);
        err = peer->link->transport->send(peer->link, &nothing, 0);
        if (err == CORPS_ERR_FULL || err == CORPS_ERR_PARTIAL) {
            corps__kick(); /* as in send_locked */
        }
        note_fault(peer, err);
    }
    if (err == CORPS_OK) {
        atomic_store(&peer->writable, true);
        corps__waitlist_notify(&peer->waiters);        /* who looked meanwhile waits for it */
        atomic_store(&peer->held, peer->open != NULL); /* there may be more at any time: open_batch.pml, step F2 */
    }
    return err != CORPS_ERR_FULL && err != CORPS_ERR_PARTIAL && (err != CORPS_OK || peer->open == NULL);
}

/* Apart, so that who has nothing to flush, as most, does not make room for what this needs. */
static __attribute__((noinline)) void flush_held(void) {
    atomic_store(&corps__link_floor->held_count, 0);
    for (struct corps__peer *peer = corps__peers_walk(); peer != NULL; peer = peer->next) {
        if (!atomic_load(&peer->held)) {
            continue;
        }
        pthread_mutex_lock(&peer->tx);
        bool ready = atomic_load(&peer->held) && atomic_load(&peer->state) == CORPS__PEER_READY;
        bool done = !ready || flush_peer(peer);
        pthread_mutex_unlock(&peer->tx);
        if (!done) {
            corps__held_add();
        }
    }
    corps__peers_walked();
}

void corps_flush(void) {
    if (corps__held_any()) {
        flush_held();
    }
}

void corps__sending_forked(void) {
    atomic_store(&corps__link_floor->held_count, 0);
}
