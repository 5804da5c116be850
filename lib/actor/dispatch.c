#include "actor/dispatch.h"

#include "actor/cancel.h"
#include "actor/chain.h"
#include "actor/deadlock.h"
#include "actor/future.h"
#include "actor/requests.h"
#include "codec/definitions.h"
#include "link/clocks.h"
#include "link/hello.h"
#include "link/peer.h"
#include "link/trust.h"
#include "value/failure.h"

#include <stdlib.h>
#include <string.h>

static void answer_hello(struct corps__peer *peer) {
    pthread_mutex_lock(&peer->tx);
    if (peer->link != NULL) {
        corps__peer_greet_locked(peer);
    }
    pthread_mutex_unlock(&peer->tx);
}

/* Is it the Env that we have connected to, and the process that was wanted? AGAIN: another one; look at the table. */
static enum corps_err check_called(const struct corps__peer *peer, const struct corps__greeting *greeting) {
    if (greeting->corps_id != peer->corps->id || greeting->env != peer->env) {
        return corps_error_set(
            CORPS_ERR_PROTOCOL, "whoever listens at the address of Env %u of Corps %016llx is Env %u of %016llx",
            peer->env, (unsigned long long)peer->corps->id, greeting->env, (unsigned long long)greeting->corps_id);
    }
    uint64_t wanted = atomic_load(&peer->incarnation);
    return greeting->incarnation == 0 || wanted == 0 || greeting->incarnation == wanted
               ? CORPS_OK
               : corps_error_set(CORPS_ERR_AGAIN, "Env %u is incarnation %llu by now, and %llu was called", peer->env,
                                 (unsigned long long)greeting->incarnation, (unsigned long long)wanted);
}

/* Am I the process that is called, and is the caller none that has been replaced? One that we have not heard of yet may
 * be before the news of it. AGAIN: it is to look at the table. */
static enum corps_err check_caller(const struct corps__greeting *greeting) {
    const struct corps *own = corps__own();
    uint64_t is = corps__own_incarnation();
    if (greeting->wanted != 0 && is != 0 && greeting->wanted != is) {
        return corps_error_set(CORPS_ERR_AGAIN, "incarnation %llu of this Env was called, and this is %llu",
                               (unsigned long long)greeting->wanted, (unsigned long long)is);
    }
    bool of_ours = own != NULL && greeting->corps_id == own->id && greeting->env < own->settings.env_count;
    return !of_ours || greeting->incarnation == 0 ||
                   greeting->incarnation >= atomic_load(&own->envs[greeting->env].incarnation)
               ? CORPS_OK
               : corps_error_set(CORPS_ERR_AGAIN, "incarnation %llu of Env %u has been replaced",
                                 (unsigned long long)greeting->incarnation, greeting->env);
}

static enum corps_err on_hello(struct corps__peer *peer, struct corps_event *event,
                               const struct corps__header *header) {
    bool called_us = peer->corps == NULL;
    struct corps_box *box;
    enum corps_err err = corps__control_decode(event->data, event->bytes, header, &box);
    if (err != CORPS_OK) {
        return err;
    }
    struct corps__greeting greeting;
    err = corps__hello_read(corps_box_root(box), &greeting);
    corps_box_unref(box);
    if (called_us && (err == CORPS_OK || err == CORPS_ERR_VERSION)) {
        answer_hello(peer); /* who speaks other versions learns ours from it */
    }
    if (err == CORPS_OK) {
        err = called_us ? check_caller(&greeting) : check_called(peer, &greeting);
    }
    if (err != CORPS_OK) {
        return err;
    }
    peer->hello_seen = true;
    peer->peer_corps_id = greeting.corps_id;
    peer->features = greeting.features;
    if (called_us) { /* else it is known, and other threads read it */
        peer->env = greeting.env;
        atomic_store(&peer->incarnation, greeting.incarnation);
        corps__peer_identify(peer, greeting.identity);
        corps__peer_log(peer, "link_up", "ready");
    }
    bool waits;
    err = corps__clocks_greeted(peer, greeting.host, greeting.features, &waits);
    if (err == CORPS_OK && !called_us && !waits) {
        corps__peer_greeted(peer);
    }
    return err;
}

static enum corps_err on_reply(struct corps__peer *peer, struct corps_event *event,
                               const struct corps__header *header) {
    enum corps_err err = (header->flags & CORPS__NIL_PAYLOAD) == 0
                             ? corps__accepts(corps__corps_spoken_of(peer), header->serializer)
                             : CORPS_OK;
    if (err != CORPS_OK) {
        return err;
    }
    bool is_traced = corps__traces();
    if (!is_traced && corps__calls_reply(header->id, peer, event, header)) {
        return CORPS_OK;
    }
    struct corps_future *future = corps__calls_take(header->id, peer);
    if (future == NULL) {
        return CORPS_OK; /* nobody waits for it any more */
    }
    if (is_traced) {
        corps__trace_now(header->id, corps__own_env(), CORPS_STAGE_REPLY_RECEIVED);
        corps__chain_replied(future, CORPS_OK);
    }
    if ((header->flags & CORPS__NIL_PAYLOAD) != 0) {
        corps__future_complete(future, NULL);
        corps__future_unref(future);
        return CORPS_OK;
    }
    corps__future_complete_frame(future, event, header);
    corps__future_unref(future);
    return CORPS_OK;
}

static enum corps_err on_failure(struct corps__peer *peer, struct corps_event *event,
                                 const struct corps__header *header) {
    struct corps_future *future = corps__calls_take(header->id, peer);
    if (future == NULL) {
        return CORPS_OK; /* nobody waits for it any more, so it is not decoded either */
    }
    if (corps__traces()) {
        corps__chain_replied(future, CORPS_ERR_REMOTE);
    }
    struct corps_box *box;
    enum corps_err err = corps__control_decode(event->data, event->bytes, header, &box);
    if (err != CORPS_OK) {
        const struct corps_error_info info = {.code = err, .text = corps_error_detail()};
        corps__future_failed(future, err, corps__failure_create(&info));
    } else {
        struct corps__failure *failure =
            corps__failure_of_items(corps_box_root(box), 0, corps__may_run_code(corps__corps_spoken_of(peer)));
        corps__future_failed(future, failure != NULL ? failure->info.code : CORPS_ERR_REMOTE, failure);
        corps_box_unref(box);
    }
    corps__future_unref(future);
    return err;
}

static enum corps_err on_credit(struct corps__peer *peer, const struct corps__header *header) {
    struct corps__route *route = corps__route_find(peer, header->source_conc);
    if (route == NULL) {
        return corps_error_set(CORPS_ERR_PROTOCOL, "a peer gives room back in Worker %u, to which nothing was sent",
                               header->source_conc);
    }
    corps__route_give_back(route, (uint32_t)header->id, header->deadline_ns);
    return CORPS_OK;
}

static enum corps_err on_define(struct corps__peer *peer, const struct corps_event *event,
                                const struct corps__header *header) {
    struct iovec segments[2];
    if (!corps__may_run_code(corps__corps_spoken_of(peer))) {
        return corps_error_set(CORPS_ERR_DENIED, "a peer defines code, and this Corps' serializer takes none");
    }
    if (header->segment_count != 2) {
        return corps_error_set(CORPS_ERR_PROTOCOL, "a definition has %u parts instead of two", header->segment_count);
    }
    enum corps_err err = corps__wire_segments(event->data, event->bytes, NULL, header, segments);
    if (err == CORPS_OK && segments[0].iov_len != CORPS_DEFINITION_KEY_BYTES) {
        err = corps_error_set(CORPS_ERR_PROTOCOL, "a definition's key has %zu bytes", segments[0].iov_len);
    }
    return err == CORPS_OK ? corps__definition_bring(&peer->brought, segments[0].iov_base, segments[1].iov_base,
                                                     segments[1].iov_len)
                           : err;
}

enum { PROBE_BYTES_MAX = 4096 }; /* of a frame; its path is cut at a third of that */

static enum corps_err on_probe(const struct corps_event *event, const struct corps__header *header) {
    if (event->bytes > PROBE_BYTES_MAX) {
        return corps_error_set(CORPS_ERR_PROTOCOL, "a PROBE has %zu bytes", event->bytes);
    }
    struct corps_box *box;
    enum corps_err err = corps__control_decode(event->data, event->bytes, header, &box);
    if (err == CORPS_OK) {
        err = corps__deadlock_probe(header->destination, corps_box_root(box));
        corps_box_unref(box);
    }
    return err;
}

/* What is decoded right here, with the lead, is copied first: the frame may lie in memory that the peer can still
 * write, and decoders check before they believe only if what they check stays as it is. Requests and replies are copied
 * anyway. */
static enum corps_err make_private(struct corps_event *event, uint8_t kind) {
    bool is_private = event->block != NULL && corps_frame_tail(event->data, event->block) == NULL;
    if (is_private ||
        (kind != CORPS__HELLO && kind != CORPS__FAILURE && kind != CORPS__PROBE && kind != CORPS__DEFINE)) {
        return CORPS_OK;
    }
    struct corps_block *whole = corps__frame_copy(event->data, event->bytes, event->block);
    if (whole == NULL) {
        return corps_error_set(CORPS_ERR_NO_MEMORY, "no memory for a frame of %zu bytes", event->bytes);
    }
    corps_block_unref(event->block);
    event->block = whole;
    event->data = whole->data;
    event->bytes = whole->bytes;
    return CORPS_OK;
}

/* On an accepted link the peer calls and we answer, on one that we made it is the other way round; see wire.h. */
static enum corps_err check_turn(const struct corps__peer *peer, enum corps__kind kind) {
    bool called_us = peer->corps == NULL;
    bool calls = kind == CORPS__REQUEST || kind == CORPS__BATCH || kind == CORPS__PROBE || kind == CORPS__CANCEL;
    bool answers = kind == CORPS__REPLY || kind == CORPS__FAILURE || kind == CORPS__CREDIT;
    if (kind == CORPS__HELLO && peer->hello_seen) {
        return corps_error_set(CORPS_ERR_PROTOCOL, "a peer said HELLO again");
    }
    if (!peer->hello_seen && kind != CORPS__HELLO) {
        return corps_error_set(CORPS_ERR_PROTOCOL, "a peer's first message was no HELLO");
    }
    if (called_us ? answers : calls) {
        return corps_error_set(CORPS_ERR_PROTOCOL, "a message of kind %u came the wrong way", kind);
    }
    return CORPS_OK;
}

static enum corps_err on_frame(struct corps__peer *peer, struct corps_event *event) {
    struct corps__header header;
    const char *name;
    enum corps_err err = corps__wire_read(event->data, event->bytes, &header, &name);
    if (err == CORPS_ERR_VERSION && peer->corps == NULL && !peer->hello_seen) {
        answer_hello(peer); /* as far as it can read that, it learns which versions we speak */
    }
    if (err == CORPS_OK) {
        err = check_turn(peer, header.kind);
    }
    if (err == CORPS_OK) {
        err = make_private(event, header.kind);
    }
    if (err != CORPS_OK) {
        return err;
    }
    switch ((enum corps__kind)header.kind) {
    case CORPS__HELLO:
        return on_hello(peer, event, &header);
    case CORPS__REQUEST:
        err = peer->skew != NULL ? corps__clocks_translate(peer, &header) : CORPS_OK;
        return err == CORPS_OK ? corps__request_take(peer, event, &header, name) : err;
    case CORPS__REPLY:
        return on_reply(peer, event, &header);
    case CORPS__FAILURE:
        return on_failure(peer, event, &header);
    case CORPS__CREDIT:
        return on_credit(peer, &header);
    case CORPS__PROBE:
        return on_probe(event, &header);
    case CORPS__BATCH:
        return corps__batch_take(peer, event, &header);
    case CORPS__DEFINE:
        return on_define(peer, event, &header);
    case CORPS__CANCEL:
        return corps__cancel_take(peer, &header, event->bytes);
    case CORPS__CLOCK:
        return corps__clocks_take(peer, &header, event->bytes);
    }
    return CORPS_ERR_PROTOCOL;
}

static enum corps_err dispatch_message(struct corps_event *event) {
    struct corps__peer *peer = event->link->user;
    enum corps_err err = CORPS_OK;
    if (peer != NULL) { /* a link that was closed on our side may still have had frames under way */
        const struct corps_block *tail = corps_frame_tail(event->data, event->block);
        peer->frames_received++;
        peer->bytes_received += event->bytes + (tail != NULL ? tail->bytes : 0);
        err = on_frame(peer, event);
    }
    if (event->block != NULL) {
        corps_block_unref(event->block);
        event->block = NULL;
    }
    return err;
}

static void dispatch_link(const struct corps_event *event) {
    struct corps__peer *peer = event->link->user;
    switch (event->kind) {
    case CORPS_EVENT_MESSAGE:
        break;
    case CORPS_EVENT_ACCEPTED:
        if (corps__peer_accepted(event->link->endpoint->user, event->link) == NULL) {
            event->link->transport->disconnect(event->link);
        }
        break;
    case CORPS_EVENT_CONNECTED:
        corps__peer_connected(peer);
        break;
    case CORPS_EVENT_WRITABLE:
        corps__peer_writable(peer);
        break;
    case CORPS_EVENT_CLOSED:
        if (peer != NULL) {
            corps__peer_closed(peer, event->reason);
        } else {
            event->link->transport->disconnect(event->link);
        }
        break;
    }
    corps__loop_changed();
}

void corps__dispatch(struct corps_endpoint *endpoint, struct corps_event *event) {
    if (event->kind == CORPS_EVENT_MESSAGE) {
        struct corps__peer *peer = event->link->user;
        enum corps_err err = dispatch_message(event);
        endpoint->transport->release(endpoint, event);
        if (err != CORPS_OK && peer != NULL) {
            corps__peer_closed(peer, err); /* it broke the protocol: it loses its link, everything else goes on */
        }
    } else {
        struct corps_event news = *event; /* what follows may free the link: first the transport is done with it */
        endpoint->transport->release(endpoint, event);
        dispatch_link(&news);
    }
}
