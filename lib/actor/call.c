#include "actor/call.h"

#include "actor/burst.h"
#include "actor/call_link.h"
#include "actor/chain.h"
#include "actor/future.h"
#include "actor/options.h"
#include "actor/pooled.h"
#include "actor/runtime.h"
#include "actor/timing.h"
#include "base/clock.h"
#include "link/foreign.h"
#include "link/known.h"
#include "link/peer.h"
#include "link/trust.h"
#include "value/name.h"
#include "value/plain.h"
#include "wait/wait.h"

#include <stdlib.h>
#include <string.h>

static const struct corps_value nil_args = {.kind = CORPS_NIL};

/* Names are short: a call of strcmp costs more than most of them. */
static inline bool same_name(const char *one, const char *other) {
    while (*one == *other && *one != '\0') {
        one++;
        other++;
    }
    return *one == *other;
}

/* What follows each other is often the same; and the text may have changed in its place. `own_method` is used for a
 * name that gets no number, and lives as long as the call. */
static enum corps_err symbol_of_method(struct corps__call *call, const char *text, struct corps__symbol *own_method) {
    struct corps_context *context = call->context;
    if (context != NULL && context->sent_text == text && strcmp(context->sent_method->name, text) == 0) {
        call->method = context->sent_method;
        return CORPS_OK;
    }
    enum corps_err err = corps__symbol_of(text, strlen(text), &call->method);
    if (err == CORPS_ERR_LIMIT) {
        *own_method = (struct corps__symbol){text, CORPS__UNNUMBERED, (uint32_t)strlen(text)};
        call->method = own_method;
        return CORPS_OK;
    }
    if (err == CORPS_OK && context != NULL) {
        context->sent_text = text;
        context->sent_method = call->method;
    }
    return err;
}

/* The Corps of a Name that is not of the own one; the Name holds it. */
static enum corps_err corps_of(const struct corps__call *call, const struct corps_name *to, struct corps **corps) {
    struct corps__held *_Atomic *slot = &((struct corps_name *)(uintptr_t)to)->corps;
    *corps = (struct corps *)atomic_load_explicit(slot, memory_order_acquire);
    if (*corps != NULL) {
        return corps__runtime_ensure(); /* the child of a fork knows what its parent knew */
    }
    enum corps_err err = corps__runtime_ensure(); /* such a call may be the first thing that a program does */
    err = err == CORPS_OK ? corps__foreign_await(to->corps_id, call->try_only, call->no_wait, call->deadline_ns, corps)
                          : err;
    struct corps__held *before = NULL;
    if (err == CORPS_OK && !atomic_compare_exchange_strong(slot, &before, &(*corps)->held)) {
        corps__corps_unref(*corps); /* another thread's call came first */
        *corps = (struct corps *)before;
    }
    return err;
}

static enum corps_err prepare_call(struct corps__call *call, const struct corps_name *to, const char *method,
                                   const struct corps_value *args, const struct corps_call_options *options,
                                   struct corps__symbol *own_method) {
    struct corps_call_options own;
    call->to = to;
    if (options != NULL && corps__call_options_are_unusual(options)) {
        enum corps_err err = corps__call_take_options(call, &options, &own);
        if (err != CORPS_OK) {
            return err;
        }
    }
    call->context = corps__context();
    call->args = args != NULL ? args : &nil_args;
    call->deadline_ns = CORPS_FOREVER;
    if (options != NULL) {
        call->deadline_ns = options->timeout_ns != 0 ? corps__deadline_ns(options->timeout_ns) : CORPS_FOREVER;
        call->no_wait = (options->flags & CORPS_CALL_NO_WAIT) != 0;
        call->try_only = (options->flags & (CORPS_CALL_NO_WAIT | CORPS_CALL_TRY)) != 0;
    }
    call->corps = corps__own();
    if (call->corps == NULL || call->corps->id != to->corps_id) {
        enum corps_err err = corps_of(call, to, &call->corps);
        if (err != CORPS_OK) {
            return err;
        }
    }
    if (atomic_load(&call->corps->exited)) {
        return corps_error_set(CORPS_ERR_EXITED, "the Corps of this Name has exited");
    }
    enum corps_err err = CORPS_OK;
    if (options != NULL && (options->flags & CORPS_CALL_RETRY) != 0) {
        err = corps__call_prepare_retry(call, options->timeout_ns);
    }
    if (call->reply && call->context != NULL && call->context->deadline_ns != 0 && err == CORPS_OK &&
        (options == NULL || (options->flags & CORPS_CALL_DETACHED) == 0)) {
        err = corps__call_inherit_deadline(call);
    }
    call->until_ns = call->deadline_ns;
    err = err == CORPS_OK ? symbol_of_method(call, method, own_method) : err;
    if (err != CORPS_OK) {
        return err;
    }
    return options != NULL && options->serializer != NULL ? corps__call_choose_serializer(call, options->serializer)
                                                          : corps__serializer_for(call->corps, &call->serializer);
}

/* ---- to a Conc of this Env: by reference, through its mailbox ---- */

static __attribute__((cold, noinline)) void put_chain(const struct corps__call *call, struct corps__message *message,
                                                      const struct corps__conc *conc) {
    message->header.trace = corps__chain_number(call->chain);
    if (call->traced != NULL) {
        corps__chain_posted(call->chain, call->to, message, conc, call->traced->called_ns);
    }
}

/* As a message, for which the mailbox has room. */
static enum corps_err post_local(const struct corps__call *call, struct corps__conc *conc,
                                 struct corps_future *future) {
    struct corps__message *message = corps__message_create();
    if (message == NULL) {
        return corps_error_set(CORPS_ERR_NO_MEMORY, "no memory for a request");
    }
    message->owns_method = call->method->number == CORPS__UNNUMBERED;
    message->method = message->owns_method
                          ? corps__symbol_create(call->method->name, call->method->bytes, CORPS__UNNUMBERED)
                          : call->method;
    if (message->method == NULL) {
        corps__message_free(message);
        return corps_error_set(CORPS_ERR_NO_MEMORY, "no memory for a request");
    }
    size_t unused;
    enum corps_err err = corps__plain_copy(call->args, message->small, sizeof message->small, &unused);
    if (err == CORPS_OK) {
        message->plain = (const struct corps_value *)(const void *)message->small;
    } else if (call->args->kind == CORPS_BOX) {
        err = CORPS_OK;
        message->box = corps_box_ref(call->args->box);
    } else {
        err = corps_box_of(call->args, &message->box);
    }
    if (err != CORPS_OK) {
        corps__message_free(message);
        return err;
    }
    message->mail.kind = CORPS__MAIL_REQUEST;
    message->header.flags = call->reply ? 0 : CORPS__NO_REPLY;
    message->header.deadline_ns = call->deadline_ns == CORPS_FOREVER ? 0 : (uint64_t)call->deadline_ns;
    if (future != NULL) {
        message->future = future; /* with the promise's reference */
        future->local = conc;
    }
    if ((call->chain | (uintptr_t)call->traced) != 0) {
        put_chain(call, message, conc);
    }
    corps__context_end_burst(); /* what was sent before comes before this */
    corps__timing_arrives(conc, message);
    corps__conc_post(conc, &message->mail, call->reply ? CORPS__PUSH_LATER : CORPS__PUSH_OTHER);
    return CORPS_OK;
}

/* Adds to the batch that the running method has begun for `conc`, or begins one. REFUSED: send a message. */
static enum corps_err add_to_local_batch(const struct corps__call *call, struct corps__conc *conc,
                                         struct corps__burst *burst) {
    if (call->method->number == CORPS__UNNUMBERED || corps__chain_number(call->chain) != 0) {
        return CORPS_ERR_REFUSED; /* an entry keeps no name and no chain */
    }
    const struct corps__batch_entry entry = {
        .method = call->method, .deadline_ns = call->deadline_ns == CORPS_FOREVER ? 0 : (uint64_t)call->deadline_ns};
    enum corps_err err =
        burst->batch != NULL ? corps__batch_add_plain(burst->batch, &entry, call->args) : CORPS_ERR_FULL;
    if (err != CORPS_ERR_FULL) {
        return err;
    }
    corps__burst_end(burst);
    struct corps__batch *batch = corps__batch_create(NULL, NULL, CORPS_KEEP_NONE);
    if (batch == NULL) {
        return CORPS_ERR_REFUSED; /* for a message there may be memory */
    }
    *burst = (struct corps__burst){.to = conc, .id = conc->id, .batch = batch};
    err = corps__batch_add_plain(batch, &entry, call->args);
    if (err != CORPS_OK) {
        corps__burst_end(burst);
        corps_block_unref(&batch->block); /* the Conc's reference: it is not posted */
        return err;
    }
    corps__conc_post(conc, &batch->mail, CORPS__PUSH_OTHER);
    return CORPS_OK;
}

/* The usual send of a stream, by the shortest way: the same method of the same Conc as before, and room in the batch.
 * False: nothing was done, and the request has to go the whole way. */
static inline bool send_follows(const struct corps_name *to, const char *method, const struct corps_value *args) {
    struct corps_context *context = corps__context();
    if (context == NULL || context->burst.batch == NULL || context->burst.room == 0 || context->chain != 0) {
        return false;
    }
    bool same_conc = to->conc == context->burst.id && to->env == corps__own_env() && to->corps_id == corps__own_id() &&
                     !corps__name_is_pool(to);
    if (!same_conc || context->sent_text != method || !same_name(context->sent_method->name, method) ||
        corps__traces() || atomic_load_explicit(&corps__own()->exited, memory_order_relaxed)) {
        return false;
    }
    const struct corps__batch_entry entry = {.method = context->sent_method};
    if (corps__batch_add_plain(context->burst.batch, &entry, args != NULL ? args : &nil_args) != CORPS_OK) {
        return false;
    }
    context->burst.room--;
    return true;
}

static bool add_encoded(struct corps__open_batch *open, const struct corps_value *value) {
    struct corps_encoding encoding;
    corps_encoding_init(&encoding);
    bool added = open->serializer->encode(value, &encoding) == CORPS_OK && encoding.buffer_count == 0 &&
                 encoding.stream_bytes <= CORPS__ENTRY_BYTES_MAX &&
                 corps__open_batch_add(open, 0, encoding.stream, (uint32_t)encoding.stream_bytes);
    corps_encoding_finish(&encoding);
    return added;
}

/* The same to another Env: to the same Worker as the last ones, and room in the open batch. */
static inline bool send_follows_far(const struct corps_name *to, const char *method, const struct corps_value *args) {
    struct corps_context *context = corps__context();
    if (context == NULL || context->open == NULL || context->chain != 0) {
        return false;
    }
    struct corps__open_batch *open = context->open;
    if (atomic_load_explicit(&to->route, memory_order_relaxed) != open->route || corps__name_is_pool(to) ||
        context->sent_text != method || context->sent_method != open->method ||
        !same_name(open->method->name, method) || corps__traces() ||
        atomic_load_explicit(&corps__own()->exited, memory_order_relaxed)) {
        return false;
    }
    const struct corps_value *value = corps__value_open(args != NULL ? args : &nil_args);
    bool added = false;
    if (value->kind == CORPS_NIL) {
        added = corps__open_batch_add(open, CORPS__NIL_PAYLOAD, NULL, 0);
    } else if (!open->bare) {
        added = add_encoded(open, value);
    } else if (value->kind == CORPS_BIN && value->count <= CORPS__ENTRY_BYTES_MAX) {
        added = corps__open_batch_add(open, 0, value->bin, (uint32_t)value->count);
    }
    if (!added) {
        corps__context_end_open(context);
    }
    return added;
}

/* Room for one more request of a burst. May end it, where it has to wait. */
static enum corps_err burst_room(const struct corps__call *call, struct corps__conc *conc, struct corps__burst *burst) {
    if (burst->room == 0) {
        burst->room = corps__conc_room_ahead(conc);
    }
    if (burst->room == 0) {
        return corps__conc_room(conc, call->try_only, call->until_ns);
    }
    burst->room--;
    return CORPS_OK;
}

/* The second of two requests without reply that a method sends to the same Conc in a row begins a batch. */
static enum corps_err send_local(const struct corps__call *call, struct corps__conc *conc) {
    struct corps_context *context = call->context;
    enum corps_err err = CORPS_OK;
    if (context != NULL && context->burst.to == conc) {
        err = burst_room(call, conc, &context->burst);
    } else {
        err = corps__conc_room(conc, call->try_only, call->until_ns);
    }
    if (err != CORPS_OK) {
        return err;
    }
    if (context != NULL && context->burst.to == conc) {
        err = add_to_local_batch(call, conc, &context->burst);
        if (err != CORPS_ERR_REFUSED) {
            return err;
        }
    }
    err = post_local(call, conc, NULL);
    if (err != CORPS_OK) {
        corps__conc_leave_room(conc, 1);
    } else if (context != NULL) {
        context->burst.to = conc;
        context->burst.id = conc->id;
    }
    return err;
}

static enum corps_err call_local(const struct corps__call *call, struct corps__conc *conc,
                                 struct corps_future *future) {
    enum corps_err err = corps__conc_room(conc, call->try_only, call->until_ns);
    if (err != CORPS_OK) {
        return err;
    }
    err = post_local(call, conc, future);
    if (err != CORPS_OK) {
        corps__conc_leave_room(conc, 1);
    }
    return err;
}

/* ---- to another Env ---- */

/* Measured sends go over the data transport where that one discards; all else needs a transport that delivers. */
static enum corps_err route_for(const struct corps__call *call, struct corps__route **route) {
    bool data = (call->corps->settings.transport->capabilities & CORPS_TRANSPORT_DISCARDS) != 0 &&
                call->context != NULL && !call->reply;
    struct corps__route *known = data ? NULL : atomic_load(&call->to->route);
    if (known == NULL) {
        struct corps__peer *peer;
        enum corps_err err = corps__peer_of(call->corps, call->to->env, data, &peer);
        if (err != CORPS_OK) {
            return err;
        }
        known = corps__route_of(peer, call->to->conc);
        if (known == NULL) {
            return corps_error_set(CORPS_ERR_NO_MEMORY, "no memory for a route");
        }
        if (!data) {
            atomic_store(&((struct corps_name *)(uintptr_t)call->to)->route, known);
        }
    }
    *route = known;
    return CORPS_OK;
}

/* The stream is segment 0, the out-of-band buffers follow; `bytes` is what all of it takes of the receiver's window. */
static enum corps_err send_segments(const struct corps__call *call, struct corps__route *route,
                                    struct corps_future *future, const struct corps_encoding *encoding, bool nil,
                                    const struct iovec *segments, size_t bytes) {
    /* Part by part: as one initializer it is more than gcc zeroes by moves, and "rep stos" costs 15 ns to begin. */
    struct corps__outgoing out;
    out.header =
        (struct corps__header){.kind = CORPS__REQUEST,
                               .flags = (uint8_t)((call->reply ? 0 : CORPS__NO_REPLY) | (nil ? CORPS__NIL_PAYLOAD : 0)),
                               .serializer = call->serializer->wire_id,
                               .segment_count = nil ? 0 : (uint16_t)(1 + encoding->buffer_count),
                               .source_env = corps__own_env(),
                               .source_conc = call->context != NULL ? call->context->conc->id : 0,
                               .destination = call->to->conc,
                               .trace = corps__chain_number(call->chain),
                               .deadline_ns = call->deadline_ns == CORPS_FOREVER ? 0 : (uint64_t)call->deadline_ns};
    out.method = call->method;
    out.segments = segments;
    out.definitions = encoding->definitions;
    out.definition_count = encoding->definition_count;
    out.grant = NULL; /* it is no answer */
    out.charge_count = 0;
    out.charge_bytes = 0;
    if (call->traced != NULL && !call->reply) {
        out.header.id = corps__chain_link(call->traced->span);
    }
    if (call->retry) {
        return corps__call_send_retry(call, route, future, &out, bytes);
    }
    struct corps__peer *peer = route->peer;
    enum corps_err err = corps__call_connect(call, peer);
    if (err == CORPS_OK && !peer->discards) {
        err = corps__route_reserve(route, bytes, call->try_only, call->until_ns);
    }
    if (err != CORPS_OK) {
        return err;
    }
    if (future != NULL) {
        future->remote_conc = call->to->conc;
        corps__calls_enter(future, peer, route, bytes, &out.header.id);
        if (call->traced != NULL) {
            corps__trace_add(out.header.id, corps__own_env(), CORPS_STAGE_CALLED, call->traced->called_ns);
            corps__trace_add(out.header.id, corps__own_env(), CORPS_STAGE_ENCODED, call->traced->encoded_ns);
        }
    }
    err = corps__peer_send(peer, &out, !call->reply && corps__thread_pool_is_mine(), call->try_only, call->until_ns);
    if (future != NULL && call->traced != NULL) {
        corps__trace_now(out.header.id, corps__own_env(), CORPS_STAGE_SENT);
    }
    if (err == CORPS_OK || peer->discards) {
        return err;
    }
    if (future == NULL) {
        corps__route_give_back(route, 1, bytes);
    } else if (corps__calls_take(out.header.id, peer) == NULL) { /* gives the room back too */
        corps__future_ref(future); /* the peer's end came first, and has dropped the reply's reference */
    }
    return err;
}

/* Apart: so many segments take four pages of stack, of which a small request needs none. */
static __attribute__((noinline)) enum corps_err
send_with_buffers(const struct corps__call *call, struct corps__route *route, struct corps_future *future,
                  const struct corps_encoding *encoding, const struct iovec *stream, size_t bytes) {
    struct iovec segments[CORPS__PAYLOAD_SEGMENTS_MAX];
    segments[0] = *stream;
    for (size_t i = 0; i < encoding->buffer_count; i++) {
        segments[i + 1] = encoding->buffers[i];
        bytes += encoding->buffers[i].iov_len;
    }
    return send_segments(call, route, future, encoding, false, segments, bytes);
}

static enum corps_err send_request(const struct corps__call *call, struct corps__route *route,
                                   struct corps_future *future, const struct corps_encoding *encoding, bool nil) {
    const struct iovec stream = {.iov_base = encoding->stream, .iov_len = encoding->stream_bytes};
    size_t bytes = CORPS__HEADER_BYTES + encoding->stream_bytes;
    return encoding->buffer_count == 0 ? send_segments(call, route, future, encoding, nil, &stream, bytes)
                                       : send_with_buffers(call, route, future, encoding, &stream, bytes);
}

enum { OPEN_AFTER = 4 }; /* requests in a row: an open batch costs as much to begin and end as these do */

/* A request without reply has gone to `route`. */
static void note_sent(const struct corps__call *call, struct corps__route *route) {
    struct corps_context *context = call->context;
    if (context->sent_route != route) {
        corps__context_end_open(context);
        context->sent_route = route;
        context->sent_in_row = 0;
    }
    bool begins = ++context->sent_in_row >= OPEN_AFTER && context->open == NULL && corps__thread_pool_is_mine();
    if (begins && context->sent_method == call->method &&
        (call->serializer->capabilities & CORPS_SERIALIZER_UNTRUSTED)) {
        context->open = corps__open_batch_begin(route, call->method, call->serializer);
        context->sent_in_row = 0;
    }
}

/* The arguments are bytes. */
static __attribute__((cold, noinline)) void begin_span(const struct corps__call *call, struct corps_future *future) {
    struct corps__call_traced *traced = call->traced;
    traced->encoded_ns = corps__now_ns();
    traced->span = corps__chain_called(call->chain, call->to, call->method->name, call->reply, traced->called_ns);
    if (future != NULL) {
        future->span = traced->span;
    }
}

static enum corps_err call_remote(const struct corps__call *call, struct corps_future *future) {
    struct corps__route *route = NULL;
    enum corps_err err = route_for(call, &route);
    if (err != CORPS_OK) {
        return err;
    }
    struct corps_encoding encoding;
    corps__encoding_begin(&encoding);
    bool nil = corps__value_open(call->args)->kind == CORPS_NIL;
    encoding.defines = true;
    if (!nil) {
        err = call->serializer->encode(call->args, &encoding);
    }
    if (call->traced != NULL) {
        begin_span(call, future);
    }
    if (err == CORPS_OK) {
        err = corps__encoding_check(&encoding, "the arguments", CORPS__PAYLOAD_BYTES_MAX);
    }
    if (err == CORPS_OK) {
        err = send_request(call, route, future, &encoding, nil);
    }
    if (err == CORPS_OK && call->context != NULL && future == NULL) {
        note_sent(call, route);
    }
    if (call->traced != NULL) {
        uint32_t span = call->traced->span;
        corps__chain_sent(span, future != NULL ? corps__calls_id(future) : corps__chain_link(span), err);
    }
    corps__encoding_end(&encoding);
    return err;
}

/* ---- public ---- */

static __attribute__((cold, noinline)) void begin_tracing(struct corps__call *call, struct corps__call_traced *traced) {
    *traced = (struct corps__call_traced){.called_ns = corps__now_ns()};
    call->traced = traced;
}

/* Field by field: as one initializer it is more than gcc zeroes by moves. */
static inline void call_init(struct corps__call *call, bool reply, struct corps__call_traced *traced) {
    call->deadline_ns = CORPS_FOREVER;
    call->try_only = false;
    call->no_wait = false;
    call->reply = reply;
    call->retry = false;
    call->keyed = false;
    call->chain = 0;
    call->traced = NULL;
    if (corps__traces()) {
        begin_tracing(call, traced);
    }
}

static enum corps_err dispatch_call(struct corps__call *call, struct corps_future *future) {
    if (call->context != NULL) {
        call->chain = call->context->chain;
    } else if (call->traced != NULL && call->chain == 0) {
        call->chain = corps__chain_outside(call->to, call->method->name);
    }
    if (call->corps != corps__own() || call->to->env != corps__own_env()) {
        return call_remote(call, future);
    }
    struct corps__conc *conc = corps__conc_find(call->to->conc);
    if (conc == NULL) {
        return corps_error_set(CORPS_ERR_NO_WORKER, "Env %u has no Worker %u", call->to->env, call->to->conc);
    }
    return future != NULL ? call_local(call, conc, future) : send_local(call, conc);
}

static inline enum corps_err begin_call(struct corps__call *call, struct corps_future **future) {
    corps__context_end_burst(); /* whoever answers may send to the same Conc before this method does again */
    struct corps_future *made = corps__future_create(call->deadline_ns, call->corps->settings.keep_objects, 2);
    if (made == NULL) {
        return corps_error_set(CORPS_ERR_NO_MEMORY, "no memory for a Future");
    }
    enum corps_err err = dispatch_call(call, made);
    if (err != CORPS_OK) {
        corps__future_unref(made); /* the promise's … */
        corps__future_unref(made); /* … and the owner's */
        return err;
    }
    *future = made;
    return CORPS_OK;
}

enum corps_err corps__call_begin(struct corps__call *call, struct corps_future **future) {
    return call->reply ? begin_call(call, future) : dispatch_call(call, NULL);
}

enum corps_err corps_call(const struct corps_name *to, const char *method, const struct corps_value *args,
                          const struct corps_call_options *options, struct corps_future **future) {
    struct corps__symbol own_method;
    struct corps__call_traced traced;
    struct corps__call call;
    call_init(&call, true, &traced);
    enum corps_err err = prepare_call(&call, to, method, args, options, &own_method);
    if (err != CORPS_OK) {
        return err;
    }
    return corps__name_is_pool(to) ? corps__pooled_call(&call, future) : begin_call(&call, future);
}

enum corps_err corps_send(const struct corps_name *to, const char *method, const struct corps_value *args,
                          const struct corps_call_options *options) {
    if (options == NULL && (send_follows(to, method, args) || send_follows_far(to, method, args))) {
        return CORPS_OK;
    }
    struct corps__symbol own_method;
    struct corps__call_traced traced;
    struct corps__call call;
    call_init(&call, false, &traced);
    enum corps_err err = prepare_call(&call, to, method, args, options, &own_method);
    if (err != CORPS_OK) {
        return err;
    }
    return corps__name_is_pool(to) ? corps__pooled_call(&call, NULL) : dispatch_call(&call, NULL);
}
