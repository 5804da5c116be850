#include "actor/reply.h"

#include "actor/answers.h"
#include "actor/chain.h"
#include "actor/checkpoint.h"
#include "actor/future.h"
#include "actor/timing.h"
#include "base/log.h"
#include "codec/registry.h"
#include "link/peer.h"
#include "value/failure.h"
#include "value/plain.h"
#include "wait/trace.h"

#include <stdio.h>
#include <string.h>

/* Answering a request: a Future of this process, or a frame to the peer it came from. */

static void origin_of(const struct corps__conc *conc, char origin[64]) {
    snprintf(origin, 64, "L%u:M%u.%u", corps__own_env(), corps__own_env(), conc->id);
}

static bool wants_reply(const struct corps__message *message) {
    return (message->header.flags & CORPS__NO_REPLY) == 0;
}

/* ---- results ---- */

/* The result of a local call, by reference where that is possible. */
static enum corps_err result_box(struct corps_box *args_box, const struct corps_value *result, struct corps_box **box) {
    if (result->kind == CORPS_BOX) {
        *box = corps_box_ref(result->box);
        return CORPS_OK;
    }
    if (args_box == NULL) { /* the argument was plain, and goes with its message */
        return corps_box_of(result, box);
    }
    const struct corps_value *root = corps_box_root(args_box);
    if (root->kind == CORPS_BOX && result == corps__value_open(root)) {
        *box = corps_box_ref(root->box);
        return CORPS_OK;
    }
    bool is_argument = result->kind == root->kind && result->count == root->count &&
                       (result->kind == CORPS_ARRAY || result->kind == CORPS_MAP || result->kind == CORPS_BIN ||
                        result->kind == CORPS_STR) &&
                       result->items == root->items;
    if (is_argument) {
        *box = corps_box_ref(args_box); /* the method returned its argument: nothing to copy */
        return CORPS_OK;
    }
    return corps_box_of(result, box);
}

static void send_segments(struct corps__message *message, const struct corps__conc *conc, uint8_t kind,
                          uint8_t serializer, const struct corps_encoding *encoding, const struct iovec *segments,
                          uint16_t count) {
    struct corps__outgoing out = {.header = {.kind = kind,
                                             .flags = encoding == NULL ? CORPS__NIL_PAYLOAD : 0,
                                             .serializer = serializer,
                                             .segment_count = count,
                                             .id = message->header.id,
                                             .source_env = corps__own_env(),
                                             .source_conc = conc->id,
                                             .destination = message->header.source_conc},
                                  .segments = segments,
                                  .definitions = encoding != NULL ? encoding->definitions : NULL,
                                  .definition_count = encoding != NULL ? encoding->definition_count : 0,
                                  .grant = message->grant,
                                  .charge_count = 1,
                                  .charge_bytes = message->charge_bytes};
    /* Whoever asked may be gone: then nobody misses the reply. */
    corps__timing_answers(conc, message);
    corps__stamp(message->header.id, message->header.source_env, CORPS_STAGE_REPLY_ENCODED);
    if ((message->header.flags & CORPS__RETRY) != 0) {
        if (corps__answer_is_kept(message, conc)) {
            corps__checkpoint_answer(conc, message, &out);
        }
        corps__answers_give(message, &out);
    } else {
        corps__peer_answer(message->from, &out);
    }
    corps__stamp(message->header.id, message->header.source_env, CORPS_STAGE_REPLY_SENT);
}

/* Apart: so many segments take four pages of stack, of which a small answer needs none. */
static __attribute__((noinline)) void send_with_buffers(struct corps__message *message, const struct corps__conc *conc,
                                                        uint8_t kind, uint8_t serializer,
                                                        const struct corps_encoding *encoding) {
    struct iovec segments[CORPS__PAYLOAD_SEGMENTS_MAX];
    uint16_t count = 0;
    segments[count++] = (struct iovec){.iov_base = encoding->stream, .iov_len = encoding->stream_bytes};
    for (size_t i = 0; i < encoding->buffer_count; i++) {
        segments[count++] = encoding->buffers[i];
    }
    send_segments(message, conc, kind, serializer, encoding, segments, count);
}

static void send_frame(struct corps__message *message, const struct corps__conc *conc, uint8_t kind, uint8_t serializer,
                       const struct corps_encoding *encoding) {
    if (encoding == NULL) {
        send_segments(message, conc, kind, serializer, NULL, NULL, 0);
    } else if (encoding->buffer_count > 0) {
        send_with_buffers(message, conc, kind, serializer, encoding);
    } else {
        const struct iovec stream = {.iov_base = encoding->stream, .iov_len = encoding->stream_bytes};
        send_segments(message, conc, kind, serializer, encoding, &stream, 1);
    }
}

enum corps_err corps__result_encode(const struct corps__message *message, const struct corps__conc *conc,
                                    const struct corps_value *result, struct corps_encoding *encoding,
                                    uint8_t *serializer) {
    const struct corps_serializer *found = NULL;
    /* In the caller's serializer. A call with nil arguments still names it in its header. */
    enum corps_err err = corps__serializer_numbered(message->header.serializer, &found);
    encoding->defines = !corps__answer_is_kept(message, conc); /* what is kept must mean the same in another process */
    if (err == CORPS_OK) {
        err = found->encode(result, encoding);
    }
    if (err == CORPS_OK) {
        err = corps__encoding_check(encoding, found->name, CORPS__PAYLOAD_BYTES_MAX);
        *serializer = found->wire_id;
    }
    return err;
}

void corps__reply_encoded(struct corps__message *message, const struct corps__conc *conc, uint8_t serializer,
                          const struct corps_encoding *encoding) {
    send_frame(message, conc, CORPS__REPLY, serializer, encoding);
    corps__message_free(message);
}

static void reply_remote(struct corps__message *message, const struct corps__conc *conc,
                         const struct corps_value *result) {
    if (corps__value_open(result)->kind == CORPS_NIL) {
        send_frame(message, conc, CORPS__REPLY, 0, NULL);
        corps__message_free(message);
        return;
    }
    struct corps_encoding encoding;
    corps__encoding_begin(&encoding);
    uint8_t serializer;
    enum corps_err err = corps__result_encode(message, conc, result, &encoding, &serializer);
    if (err == CORPS_OK) {
        corps__reply_encoded(message, conc, serializer, &encoding);
    } else {
        char text[400];
        snprintf(text, sizeof text, "the result cannot be sent: %s", corps_error_detail());
        corps__reply_failure(message, conc, err, "", text);
    }
    corps__encoding_end(&encoding);
}

void corps__reply(struct corps__message *message, const struct corps__conc *conc, struct corps_box *args_box,
                  const struct corps_value *result) {
    if (!wants_reply(message)) {
        corps__timing_answers(conc, message);
        corps__message_free(message);
        return;
    }
    if (message->from != NULL) {
        reply_remote(message, conc, result);
        return;
    }
    struct corps_box *box = NULL;
    bool done = result->kind == CORPS_NIL || corps__future_put_plain(message->future, result);
    enum corps_err err = done ? CORPS_OK : result_box(args_box, result, &box);
    corps__timing_answers(conc, message);
    if (err != CORPS_OK) {
        corps__conc_fails(conc);
        corps__future_fail(message->future, err, corps_error_detail());
    } else {
        corps__future_keep(message->future, box);
        message->future = NULL;
    }
    corps__message_free(message);
}

/* ---- failures ---- */

static enum corps_err encode_info(const struct corps_error_info *info, uint8_t *wire_id,
                                  struct corps_encoding *encoding) {
    struct corps_value items[CORPS__FAILURE_ITEMS];
    corps__failure_items(info, items);
    struct corps_value failure = corps_array(items, CORPS__FAILURE_ITEMS);
    const struct corps_serializer *msgpack;
    enum corps_err err = corps_serializer_find("msgpack", &msgpack);
    *wire_id = err == CORPS_OK ? msgpack->wire_id : 0;
    err = err == CORPS_OK ? msgpack->encode(&failure, encoding) : err;
    return err == CORPS_OK ? corps__encoding_check(encoding, "a failure", CORPS__PAYLOAD_BYTES_MAX) : err;
}

/* What is too large for a message goes without all that may be large. */
static enum corps_err encode_failure(const struct corps_error_info *info, uint8_t *wire_id,
                                     struct corps_encoding *encoding) {
    enum corps_err err = encode_info(info, wire_id, encoding);
    if (err != CORPS_ERR_TOO_LARGE) {
        return err;
    }
    char type[200], text[400];
    snprintf(type, sizeof type, "%s", info->type != NULL ? info->type : "");
    snprintf(text, sizeof text, "%s", info->text != NULL ? info->text : "");
    struct corps_error_info less = {.code = info->code, .type = type, .text = text};
    memcpy(less.origin, info->origin, sizeof less.origin);
    corps_encoding_clear(encoding);
    return encode_info(&less, wire_id, encoding);
}

static void failure_remote(struct corps__message *message, const struct corps__conc *conc,
                           const struct corps_error_info *info) {
    struct corps_encoding encoding;
    corps_encoding_init(&encoding);
    uint8_t wire_id;
    if (encode_failure(info, &wire_id, &encoding) == CORPS_OK) {
        send_frame(message, conc, CORPS__FAILURE, wire_id, &encoding);
    } else {
        send_frame(message, conc, CORPS__FAILURE, 0, NULL); /* out of memory: the bare fact must do */
    }
    corps_encoding_finish(&encoding);
}

static void tell_of_refusal(struct corps__peer *peer, uint32_t conc, const char *text) {
    if (!peer->refusal_told) { /* once: a peer does not fill the standard error */
        peer->refusal_told = true;
        corps__log(CORPS_LOG_WARN, "request_refused", CORPS__LOG_FIELDS(CORPS__LOG_INT("conc", conc)),
                   "a request without reply to Worker %u was refused: %s", conc, text);
    }
}

enum corps_err corps__refuse(struct corps__peer *peer, const struct corps__header *request, size_t charge_bytes,
                             enum corps_err code, const char *text) {
    struct corps_error_info info = {.code = code, .text = text};
    struct corps__outgoing out = {.header = {.kind = CORPS__FAILURE, .id = request->id, .source_env = corps__own_env()},
                                  .charge_count = 1,
                                  .charge_bytes = charge_bytes};
    if ((request->flags & CORPS__NO_REPLY) != 0) {
        tell_of_refusal(peer, request->destination, text);
    }
    enum corps_err err = corps__grant_refused(&peer->grants, charge_bytes, &out.grant);
    if (err != CORPS_OK) {
        return err;
    }
    if ((request->flags & CORPS__NO_REPLY) != 0) {
        corps__peer_credit(peer, request->destination, out.grant, 1, charge_bytes);
        return CORPS_OK;
    }
    snprintf(info.origin, sizeof info.origin, "L%u:M%u.%u", corps__own_env(), corps__own_env(), request->destination);
    struct corps_encoding encoding;
    corps_encoding_init(&encoding);
    struct iovec segment;
    if (encode_failure(&info, &out.header.serializer, &encoding) == CORPS_OK) {
        segment = (struct iovec){.iov_base = encoding.stream, .iov_len = encoding.stream_bytes};
        out.header.segment_count = 1;
        out.segments = &segment;
    } else {
        out.header.flags = CORPS__NIL_PAYLOAD;
    }
    corps__peer_post(peer, &out);
    corps_encoding_finish(&encoding);
    return CORPS_OK;
}

void corps__reply_failed(struct corps__message *message, const struct corps__conc *conc,
                         const struct corps_error_info *info) {
    corps__chain_failed(message->span, info);
    corps__conc_fails(conc); /* before its caller hears of it */
    if (message->from == NULL || !wants_reply(message)) {
        corps__timing_answers(conc, message);
    }
    if (!wants_reply(message)) {
        /* Nobody will ever hear of it otherwise. */
        corps__log_traced(
            CORPS_LOG_WARN, "request_failed",
            CORPS__LOG_FIELDS(CORPS__LOG_TEXT("origin", info->origin), CORPS__LOG_TEXT("type", info->type)),
            info->traceback, "%s: a request without reply failed: %s%s%s", info->origin, info->type,
            info->type[0] != '\0' ? ": " : "", info->text);
    } else if (message->from != NULL) {
        failure_remote(message, conc, info);
    } else if (corps__future_claim(message->future)) {
        corps__future_failed(message->future, info->code, corps__failure_create(info));
    }
    corps__message_free(message);
}

void corps__reply_failure(struct corps__message *message, const struct corps__conc *conc, enum corps_err code,
                          const char *type, const char *text) {
    struct corps_error_info info = {.code = code, .type = type, .text = text};
    origin_of(conc, info.origin);
    corps__reply_failed(message, conc, &info);
}
