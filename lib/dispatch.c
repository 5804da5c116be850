#include "dispatch.h"

#include "batch.h"
#include "conc.h"
#include "deadlock.h"
#include "definitions.h"
#include "failure.h"
#include "fork.h"
#include "future.h"
#include "hello.h"
#include "message.h"
#include "peer.h"
#include "trace.h"
#include "trust.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void answer_hello(struct corps__peer *peer) {
    pthread_mutex_lock(&peer->tx);
    if (peer->link != NULL) {
        corps__peer_greet_locked(peer);
    }
    pthread_mutex_unlock(&peer->tx);
}

/* Is it the Env that we have connected to? */
static enum corps_err check_identity(const struct corps__peer *peer, const struct corps__greeting *greeting) {
    return greeting->corps_id == peer->corps->id && greeting->env == peer->env
               ? CORPS_OK
               : corps_error_set(CORPS_ERR_PROTOCOL,
                                 "whoever listens at the address of Env %u of Corps %016llx is Env %u of %016llx",
                                 peer->env, (unsigned long long)peer->corps->id, greeting->env,
                                 (unsigned long long)greeting->corps_id);
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
    err = err == CORPS_OK && !called_us ? check_identity(peer, &greeting) : err;
    if (err == CORPS_OK) {
        peer->hello_seen = true;
        peer->peer_corps_id = greeting.corps_id;
        if (called_us) { /* else it is known, and other threads read it */
            peer->env = greeting.env;
        }
    }
    return err;
}

static enum corps_err no_memory_for_names(void) {
    return corps_error_set(CORPS_ERR_NO_MEMORY, "no memory for method names");
}

static enum corps_err check_name(const char *name, size_t bytes) {
    return corps__symbol_check(name, bytes) == CORPS_OK
               ? CORPS_OK
               : corps_error_set(CORPS_ERR_PROTOCOL, "a request asks for a method that cannot be one");
}

/* A link's number of a method gets its name: as long as the peer is there, for messages point to it. Nothing of this
 * process's own is kept for it, so that no peer can use anything up that others need. */
static enum corps_err name_method(struct corps__peer *peer, uint32_t number, const char *name, size_t bytes) {
    enum corps_err err = check_name(name, bytes);
    if (err == CORPS_OK && number >= CORPS__METHODS_MAX) {
        err = corps_error_set(CORPS_ERR_PROTOCOL, "method number %u is out of range", number);
    }
    if (err != CORPS_OK) {
        return err;
    }
    if (number >= peer->method_count) {
        uint32_t count = number + 64;
        struct corps__symbol **grown = realloc(peer->methods, count * sizeof *grown);
        if (grown == NULL) {
            return no_memory_for_names();
        }
        memset(grown + peer->method_count, 0, (count - peer->method_count) * sizeof *grown);
        peer->methods = grown;
        peer->method_count = count;
    }
    struct corps__symbol **known = &peer->methods[number];
    if (*known != NULL) {
        return (*known)->bytes == bytes && memcmp((*known)->name, name, bytes) == 0
                   ? CORPS_OK
                   : corps_error_set(CORPS_ERR_PROTOCOL, "method number %u got another name", number);
    }
    *known = corps__symbol_create(name, bytes, number);
    return *known != NULL ? CORPS_OK : no_memory_for_names();
}

/* The symbol of a request's method: named now, or known by number from before. */
static enum corps_err numbered_method(struct corps__peer *peer, const struct corps__header *header, const char *name,
                                      const struct corps__symbol **symbol) {
    if (header->name_bytes > 0) {
        enum corps_err err = name_method(peer, header->method, name, header->name_bytes);
        if (err != CORPS_OK) {
            return err;
        }
    }
    *symbol = header->method < peer->method_count ? peer->methods[header->method] : NULL;
    return *symbol != NULL ? CORPS_OK
                           : corps_error_set(CORPS_ERR_PROTOCOL, "method number %u was never named", header->method);
}

/* A Conc for a request of `bytes` bytes, and the grant that it takes room of; NULL, after having said so, when there is
 * none, or its serializer is not accepted, or with an error. */
static struct corps__conc *admit(struct corps__peer *peer, const struct corps__header *header, size_t bytes,
                                 struct corps__grant **grant, enum corps_err *err) {
    struct corps__conc *conc = corps__conc_find(header->destination);
    if (conc == NULL) {
        *err = corps__refuse(peer, header, bytes, CORPS_ERR_NO_WORKER, "there is no Worker with this number");
        return NULL;
    }
    /* Also where there is nothing to decode: the reply goes in the same serializer. */
    if (corps__accepts(corps__rt.own, header->serializer) != CORPS_OK) {
        char text[200];
        snprintf(text, sizeof text, "%s", corps_error_detail());
        *err = corps__refuse(peer, header, bytes, CORPS_ERR_DENIED, text);
        return NULL;
    }
    *err = corps__grant_use(&peer->grants, conc->id, bytes, grant);
    return *err == CORPS_OK ? conc : NULL;
}

static enum corps_keep keep_for(const struct corps__conc *conc) {
    return conc->id != CORPS__MANAGER ? corps__rt.own->settings.keep_objects : CORPS_KEEP_NONE;
}

static void deliver(struct corps__conc *conc, struct corps__mail *mail) {
    if (!corps__sched_direct(conc, mail)) {
        corps__conc_post(conc, mail, CORPS__PUSH_DISPATCH);
    }
}

/* The message of an admitted request. `method` is NULL where it has no number: then the message keeps its name. */
static struct corps__message *message_of(struct corps_event *event, const struct corps__header *header,
                                         const struct corps__symbol *method, const char *name) {
    struct corps__message *message = corps__message_of_frame(event, header);
    if (message != NULL) {
        message->owns_method = method == NULL;
        message->method = method != NULL ? method : corps__symbol_create(name, header->name_bytes, CORPS__UNNUMBERED);
    }
    if (message != NULL && message->method == NULL) {
        corps__message_free(message);
        message = NULL;
    }
    return message;
}

static enum corps_err on_request(struct corps__peer *peer, struct corps_event *event,
                                 const struct corps__header *header, const char *name) {
    const struct corps__symbol *method = NULL;
    enum corps_err err = header->method != CORPS__UNNUMBERED ? numbered_method(peer, header, name, &method)
                                                             : check_name(name, header->name_bytes);
    if (err != CORPS_OK) {
        return err;
    }
    if (corps__rt.own == NULL) {
        return corps_error_set(CORPS_ERR_PROTOCOL, "a request came to a process that has no Workers");
    }
    const struct corps_block *tail = corps_frame_tail(event->data, event->block);
    size_t charge_bytes = corps__wire_charge(event->data, event->bytes + (tail != NULL ? tail->bytes : 0), header);
    struct corps__grant *grant;
    struct corps__conc *conc = admit(peer, header, charge_bytes, &grant, &err);
    if (conc == NULL) {
        return err;
    }
    if ((header->flags & CORPS__NO_REPLY) == 0) {
        corps__stamp(header->id, header->source_env, CORPS_STAGE_RECEIVED);
    }
    corps__dispatch_end_stream();
    struct corps__message *message = message_of(event, header, method, name);
    if (message == NULL) {
        return corps_error_set(CORPS_ERR_NO_MEMORY, "no memory for a request of %zu bytes", event->bytes);
    }
    message->mail.kind = CORPS__MAIL_REQUEST;
    message->from = peer;
    peer->arrived++;
    message->grant = grant;
    message->charge_bytes = charge_bytes;
    message->keep_objects = keep_for(conc);
    deliver(conc, &message->mail);
    return CORPS_OK;
}

/* ---- batches of requests without reply ---- */

/* The mailbox batch that the leader adds to; guarded by the lead. */
static struct corps__stream stream;
static struct corps__peer *stream_from;

void corps__dispatch_end_stream(void) {
    if (stream.to != NULL) {
        corps__stream_end(&stream);
    }
}

/* The first of several entries for one Conc, or its only one. */
static enum corps_err begin_stream(struct corps__peer *peer, struct corps__conc *conc, struct corps__grant *grant,
                                   const struct corps__header *header, const struct corps__symbol *method,
                                   const uint8_t *payload, uint32_t bytes) {
    corps__dispatch_end_stream();
    struct corps__message *message = corps__message_of_payload(payload, bytes, header);
    if (message == NULL) {
        return corps_error_set(CORPS_ERR_NO_MEMORY, "no memory for a request of %u bytes", bytes);
    }
    message->mail.kind = CORPS__MAIL_REQUEST;
    message->method = method;
    message->from = peer;
    peer->arrived++;
    message->grant = grant;
    message->charge_bytes = CORPS__HEADER_BYTES + bytes;
    message->keep_objects = keep_for(conc);
    deliver(conc, &message->mail);
    stream.to = conc;
    stream_from = peer;
    return CORPS_OK;
}

static enum corps_err on_entry(struct corps__peer *peer, const struct corps__header *header, const uint8_t *payload,
                               uint32_t bytes) {
    if ((header->flags & CORPS__NIL_PAYLOAD) != 0 && bytes != 0) {
        return corps_error_set(CORPS_ERR_PROTOCOL, "an entry of a batch is nil and has a payload");
    }
    const struct corps__symbol *method;
    enum corps_err err = numbered_method(peer, header, NULL, &method);
    struct corps__grant *grant;
    struct corps__conc *conc = err == CORPS_OK ? admit(peer, header, CORPS__HEADER_BYTES + bytes, &grant, &err) : NULL;
    if (conc == NULL) {
        return err;
    }
    if (stream.to != conc || stream_from != peer || bytes > CORPS__ENTRY_BYTES_MAX) {
        return begin_stream(peer, conc, grant, header, method, payload, bytes);
    }
    const struct corps__entry entry = {
        .method = method,
        .deadline_ns = header->deadline_ns,
        .bytes = bytes,
        .encoded = true,
        .serializer = header->serializer,
    };
    if (stream.batch != NULL && stream.batch->grant == grant && corps__batch_add(stream.batch, &entry, payload)) {
        return CORPS_OK;
    }
    struct corps__batch *batch = corps__batch_create(peer, grant, keep_for(conc));
    if (batch == NULL) {
        return corps_error_set(CORPS_ERR_NO_MEMORY, "no memory for a request of %u bytes", bytes);
    }
    peer->arrived++;
    corps__stream_end(&stream);
    stream = (struct corps__stream){.to = conc, .batch = batch};
    (void)corps__batch_add(batch, &entry, payload); /* an empty one has room */
    deliver(conc, &batch->mail);
    return CORPS_OK;
}

static enum corps_err on_batch(struct corps__peer *peer, const struct corps_event *event,
                               const struct corps__header *header) {
    if (corps__rt.own == NULL || header->name_bytes != 0) {
        return corps_error_set(CORPS_ERR_PROTOCOL, "a batch of requests came that cannot be one");
    }
    size_t at = CORPS__HEADER_BYTES;
    for (uint64_t i = 0; i < header->id; i++) {
        struct corps__header entry;
        uint32_t bytes;
        enum corps_err err = corps__wire_read_entry(event->data + at, event->bytes - at, &entry, &bytes);
        if (err == CORPS_OK) {
            err = on_entry(peer, &entry, event->data + at + CORPS__ENTRY_BYTES, bytes);
        }
        if (err != CORPS_OK) {
            return err;
        }
        at += CORPS__ENTRY_BYTES + bytes;
    }
    return at == event->bytes
               ? CORPS_OK
               : corps_error_set(CORPS_ERR_PROTOCOL, "%zu bytes follow the last entry of a batch", event->bytes - at);
}

static enum corps_err on_reply(struct corps__peer *peer, struct corps_event *event,
                               const struct corps__header *header) {
    enum corps_err err = (header->flags & CORPS__NIL_PAYLOAD) == 0
                             ? corps__accepts(corps__corps_spoken_of(peer), header->serializer)
                             : CORPS_OK;
    if (err != CORPS_OK) {
        return err;
    }
    struct corps_future *future = corps__calls_take(header->id, peer);
    if (future == NULL) {
        return CORPS_OK; /* nobody waits for it any more */
    }
    corps__stamp(header->id, corps__rt.env, CORPS_STAGE_REPLY_RECEIVED);
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
    bool calls = kind == CORPS__REQUEST || kind == CORPS__BATCH || kind == CORPS__PROBE;
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
        return on_request(peer, event, &header, name);
    case CORPS__REPLY:
        return on_reply(peer, event, &header);
    case CORPS__FAILURE:
        return on_failure(peer, event, &header);
    case CORPS__CREDIT:
        return on_credit(peer, &header);
    case CORPS__PROBE:
        return on_probe(event, &header);
    case CORPS__BATCH:
        return on_batch(peer, event, &header);
    case CORPS__DEFINE:
        return on_define(peer, event, &header);
    }
    return CORPS_ERR_PROTOCOL;
}

enum corps_err corps__dispatch_message(struct corps_event *event) {
    struct corps__peer *peer = event->link->user;
    /* A link that was closed on our side may still have had frames under way. */
    enum corps_err err = peer != NULL ? on_frame(peer, event) : CORPS_OK;
    corps_block_unref(event->block);
    event->block = NULL;
    return err;
}

void corps__dispatch_link(const struct corps_event *event) {
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
    corps__rt.loop_dirty = true;
}

void corps__dispatch_forked(void) {
    stream = (struct corps__stream){0};
    stream_from = NULL;
}
