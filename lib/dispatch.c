#include "dispatch.h"

#include "batch.h"
#include "conc.h"
#include "deadlock.h"
#include "definitions.h"
#include "failure.h"
#include "future.h"
#include "message.h"
#include "peer.h"
#include "trace.h"
#include "trust.h"

#include <stdlib.h>
#include <string.h>

static enum corps_err on_hello(struct corps__peer *peer, struct corps_event *event,
                               const struct corps__header *header) {
    struct corps_box *box;
    enum corps_err err = corps__control_decode(event->data, event->bytes, header, &box);
    if (err != CORPS_OK) {
        return err;
    }
    const struct corps_value *corps_id = corps_value_item(corps_box_root(box), 0);
    const struct corps_value *env = corps_value_item(corps_box_root(box), 1);
    if (corps_id == NULL || env == NULL || corps_id->kind != CORPS_INT || env->kind != CORPS_INT) {
        err = corps_error_set(CORPS_ERR_PROTOCOL, "a peer's HELLO does not say who it is");
    } else {
        peer->hello_seen = true;
        peer->peer_corps_id = (uint64_t)corps_id->integer;
        peer->env = (uint32_t)env->integer;
    }
    corps_box_unref(box);
    return err;
}

/* The symbol of a request's method: named now, or known by number from before. */
static enum corps_err method_of(struct corps__peer *peer, const struct corps__header *header, const char *name,
                                const struct corps__symbol **symbol) {
    if (header->method >= CORPS__SYMBOLS_MAX) {
        return corps_error_set(CORPS_ERR_PROTOCOL, "method number %u is out of range", header->method);
    }
    if (header->method >= peer->method_count && header->name_bytes > 0) {
        uint32_t count = header->method + 64;
        const struct corps__symbol **grown = realloc(peer->methods, count * sizeof *grown);
        if (grown == NULL) {
            return corps_error_set(CORPS_ERR_NO_MEMORY, "no memory for method names");
        }
        memset(grown + peer->method_count, 0, (count - peer->method_count) * sizeof *grown);
        peer->methods = grown;
        peer->method_count = count;
    }
    if (header->name_bytes > 0) {
        enum corps_err err = corps__symbol_of(name, header->name_bytes, &peer->methods[header->method]);
        if (err != CORPS_OK) {
            return err;
        }
    }
    *symbol = header->method < peer->method_count ? peer->methods[header->method] : NULL;
    return *symbol != NULL ? CORPS_OK
                           : corps_error_set(CORPS_ERR_PROTOCOL, "method number %u was never named", header->method);
}

/* A Conc for a request; NULL, after having said so, when there is none, or its serializer is not accepted. */
static struct corps__conc *conc_of(struct corps__peer *peer, const struct corps__header *header) {
    struct corps__conc *conc = corps__conc_find(header->destination);
    if (conc == NULL) {
        corps__refuse(peer, header, CORPS_ERR_NO_WORKER, "there is no Worker with this number");
        return NULL;
    }
    /* Also where there is nothing to decode: the reply goes in the same serializer. */
    if (corps__accepts(corps__rt.own, header->serializer) != CORPS_OK) {
        corps__refuse(peer, header, CORPS_ERR_DENIED, corps_error_detail());
        return NULL;
    }
    return conc;
}

static enum corps_keep keep_for(const struct corps__conc *conc) {
    return conc->id != CORPS__MANAGER ? corps__rt.own->settings.keep_objects : CORPS_KEEP_NONE;
}

static void deliver(struct corps__conc *conc, struct corps__mail *mail) {
    if (!corps__sched_direct(conc, mail)) {
        corps__conc_post(conc, mail, CORPS__PUSH_DISPATCH);
    }
}

static enum corps_err on_request(struct corps__peer *peer, struct corps_event *event,
                                 const struct corps__header *header, const char *name) {
    const struct corps__symbol *method;
    enum corps_err err = method_of(peer, header, name, &method);
    if (err != CORPS_OK) {
        return err;
    }
    if (corps__rt.own == NULL) {
        return corps_error_set(CORPS_ERR_PROTOCOL, "a request came to a process that has no Workers");
    }
    struct corps__conc *conc = conc_of(peer, header);
    if (conc == NULL) {
        return CORPS_OK;
    }
    if ((header->flags & CORPS__NO_REPLY) == 0) {
        corps__stamp(header->id, header->source_env, CORPS_STAGE_RECEIVED);
    }
    corps__dispatch_end_stream();
    struct corps__message *message = corps__message_of_frame(event, header);
    if (message == NULL) {
        return corps_error_set(CORPS_ERR_NO_MEMORY, "no memory for a request of %zu bytes", event->bytes);
    }
    message->mail.kind = CORPS__MAIL_REQUEST;
    message->method = method;
    message->from = peer;
    peer->arrived++;
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
static enum corps_err begin_stream(struct corps__peer *peer, struct corps__conc *conc,
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
    message->keep_objects = keep_for(conc);
    deliver(conc, &message->mail);
    stream.to = conc;
    stream_from = peer;
    return CORPS_OK;
}

static enum corps_err on_entry(struct corps__peer *peer, const struct corps__header *header, const uint8_t *payload,
                               uint32_t bytes) {
    const struct corps__symbol *method;
    enum corps_err err = method_of(peer, header, NULL, &method);
    struct corps__conc *conc = err == CORPS_OK ? conc_of(peer, header) : NULL;
    if (conc == NULL) {
        return err;
    }
    if (stream.to != conc || stream_from != peer || bytes > CORPS__ENTRY_BYTES_MAX) {
        return begin_stream(peer, conc, header, method, payload, bytes);
    }
    const struct corps__entry entry = {
        .method = method,
        .deadline_ns = header->deadline_ns,
        .bytes = (header->flags & CORPS__NIL_PAYLOAD) != 0 ? 0 : bytes,
        .encoded = true,
        .serializer = header->serializer,
    };
    if (stream.batch != NULL && corps__batch_add(stream.batch, &entry, payload)) {
        return CORPS_OK;
    }
    struct corps__batch *batch = corps__batch_create(peer, keep_for(conc));
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
    struct corps_box *box;
    enum corps_err err = corps__control_decode(event->data, event->bytes, header, &box);
    if (err != CORPS_OK) {
        return err;
    }
    struct corps_future *future = corps__calls_take(header->id, peer);
    if (future != NULL) {
        struct corps__failure *failure =
            corps__failure_of_items(corps_box_root(box), 0, corps__may_run_code(corps__corps_spoken_of(peer)));
        corps__future_failed(future, failure != NULL ? failure->info.code : CORPS_ERR_REMOTE, failure);
        corps__future_unref(future);
    }
    corps_box_unref(box);
    return CORPS_OK;
}

static enum corps_err on_credit(struct corps__peer *peer, const struct corps__header *header) {
    struct corps__route *route = corps__route_find(peer, header->source_conc);
    if (route != NULL) { /* else nothing was ever sent there */
        corps__route_give_back(route, (uint32_t)header->id, header->deadline_ns);
    }
    return CORPS_OK;
}

static enum corps_err on_define(const struct corps__peer *peer, const struct corps_event *event,
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
    return err == CORPS_OK ? corps__definition_take(segments[0].iov_base, segments[1].iov_base, segments[1].iov_len)
                           : err;
}

static enum corps_err on_probe(const struct corps_event *event, const struct corps__header *header) {
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

static enum corps_err on_frame(struct corps__peer *peer, struct corps_event *event) {
    struct corps__header header;
    const char *name;
    enum corps_err err = corps__wire_read(event->data, event->bytes, &header, &name);
    if (err == CORPS_OK) {
        err = make_private(event, header.kind);
    }
    if (err != CORPS_OK) {
        return err;
    }
    bool called_us = peer->corps == NULL; /* an accepted link: the peer calls, we answer */
    if (called_us && !peer->hello_seen && header.kind != CORPS__HELLO) {
        return corps_error_set(CORPS_ERR_PROTOCOL, "a peer's first message was no HELLO");
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
