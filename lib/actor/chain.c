#include "actor/chain.h"

#include "actor/future.h"
#include "base/clock.h"
#include "link/peer.h"

#include <string.h>

static void put_text(char *out, size_t bytes, const char *text) {
    size_t length = text != NULL ? strnlen(text, bytes - 1) : 0;
    if (length > 0) {
        memcpy(out, text, length);
    }
    memset(out + length, 0, bytes - length);
}

/* A time of a span, which has not come before. */
static void put_time(uint32_t number, unsigned which, int64_t ns) {
    struct corps__span *span = corps__span_open(number);
    if (span != NULL) {
        span->ns[which] = span->ns[which] != 0 ? span->ns[which] : ns;
        corps__span_close(span);
    }
}

/* ---- calls ---- */

uint64_t corps__chain_outside(const struct corps_name *to, const char *method) {
    if (corps__chained != 0) {
        return corps__chained;
    }
    static const char system_prefix[] = "corps:";
    bool of_system = to->conc == CORPS__MANAGER || strncmp(method, system_prefix, sizeof system_prefix - 1) == 0;
    return corps__chains() && !of_system ? corps__chain_new() : 0;
}

uint32_t corps__chain_called(uint64_t chain, const struct corps_name *to, const char *method, bool reply,
                             int64_t called_ns) {
    if (corps__chain_number(chain) == 0 || !corps__chains()) {
        return 0;
    }
    struct corps__span span = {.chain = corps__chain_number(chain),
                               .parent = (uint32_t)chain,
                               .thread = corps__thread_number(),
                               .corps = to->corps_id,
                               .env = to->env,
                               .conc = to->conc,
                               .ns = {[CORPS__SPAN_CALLED] = called_ns},
                               .kind = CORPS__SPAN_CALL,
                               .no_reply = !reply};
    put_text(span.method, sizeof span.method, method);
    put_text(span.class, sizeof span.class, to->class_name);
    return corps__span_add(&span);
}

void corps__chain_sent(uint32_t number, uint64_t link, enum corps_err err) {
    struct corps__span *span = corps__span_open(number);
    if (span != NULL) {
        span->link = link;
        span->ns[CORPS__SPAN_SENT] = corps__now_ns();
        span->failed = err != CORPS_OK ? (uint16_t)err : span->failed;
        corps__span_close(span);
    }
}

void corps__chain_replied(const struct corps_future *future, enum corps_err err) {
    struct corps__span *span = corps__span_open(future->span);
    if (span != NULL) {
        span->ns[CORPS__SPAN_REPLIED] = corps__now_ns();
        span->failed = (uint16_t)err;
        corps__span_close(span);
    }
}

/* ---- requests ---- */

static struct corps__span served_span(const struct corps__message *message, const struct corps__conc *conc,
                                      int64_t arrived_ns) {
    struct corps__span span = {.chain = message->header.trace,
                               .thread = corps__thread_number(),
                               .link = message->header.id,
                               .corps = message->from != NULL ? message->from->peer_corps_id : corps__own_id(),
                               .env = message->from != NULL ? message->header.source_env : corps__own_env(),
                               .conc = conc->id,
                               .ns = {[CORPS__SPAN_ARRIVED] = arrived_ns},
                               .kind = CORPS__SPAN_SERVED,
                               .no_reply = (message->header.flags & CORPS__NO_REPLY) != 0};
    put_text(span.method, sizeof span.method, message->method->name);
    put_text(span.class, sizeof span.class, corps__conc_class(conc));
    return span;
}

void corps__chain_posted(uint64_t chain, const struct corps_name *to, struct corps__message *message,
                         const struct corps__conc *conc, int64_t called_ns) {
    bool reply = (message->header.flags & CORPS__NO_REPLY) == 0;
    uint32_t call = corps__chain_called(chain, to, message->method->name, reply, called_ns);
    if (call != 0) {
        message->header.id = corps__chain_link(call);
        corps__chain_sent(call, message->header.id, CORPS_OK);
    }
    if (message->header.trace != 0) {
        const struct corps__span served = served_span(message, conc, corps__now_ns());
        message->span = corps__span_add(&served);
    }
}

void corps__chain_arrived(struct corps__message *message, const struct corps__conc *conc, int64_t received_ns) {
    if ((message->header.flags & CORPS__NO_REPLY) == 0) {
        corps__trace_add(message->header.id, message->header.source_env, CORPS_STAGE_RECEIVED, received_ns);
    }
    if (message->header.trace != 0) {
        const struct corps__span span = served_span(message, conc, received_ns);
        message->span = corps__span_add(&span);
    }
}

void corps__traced_begin(struct corps__traced *traced, struct corps_context *context) {
    const struct corps__message *message = context->message;
    *traced = (struct corps__traced){
        .stages = message->from != NULL && (message->header.flags & CORPS__NO_REPLY) == 0,
        .span = message->span,
        .caller = message->header.source_env,
        .id = message->header.id,
    };
    if (traced->stages) {
        corps__trace_now(traced->id, traced->caller, CORPS_STAGE_STARTED);
    }
    struct corps__span *span = corps__span_open(traced->span);
    if (span != NULL) {
        span->thread = corps__thread_number();
        span->ns[CORPS__SPAN_STARTED] = corps__now_ns();
        corps__span_close(span);
        context->chain |= traced->span;
    }
}

void corps__traced_decoded(const struct corps__traced *traced) {
    if (traced->stages) {
        corps__trace_now(traced->id, traced->caller, CORPS_STAGE_DECODED);
    }
}

void corps__traced_returned(const struct corps__traced *traced, bool put_off) {
    if (traced->stages) {
        corps__trace_now(traced->id, traced->caller, CORPS_STAGE_RETURNED);
    }
    struct corps__span *span = corps__span_open(traced->span);
    if (span != NULL) {
        span->put_off = put_off;
        span->ns[CORPS__SPAN_RETURNED] = corps__now_ns();
        corps__span_close(span);
    }
}

void corps__chain_answered(uint32_t span) {
    if (span != 0) {
        put_time(span, CORPS__SPAN_ANSWERED, corps__now_ns());
    }
}

void corps__chain_failed(uint32_t number, const struct corps_error_info *info) {
    struct corps__span *span = corps__span_open(number);
    if (span != NULL) {
        span->failed = (uint16_t)(info->code != CORPS_OK ? info->code : CORPS_ERR_REMOTE);
        put_text(span->failure, sizeof span->failure,
                 info->type != NULL && info->type[0] != '\0' ? info->type : corps_error_name(info->code));
        span->ns[CORPS__SPAN_ANSWERED] = corps__now_ns();
        corps__span_close(span);
    }
}

/* ---- public ---- */

uint64_t corps_chain(void) {
    const struct corps_context *context = corps__context();
    if (context == NULL) {
        return corps__chained;
    }
    return context->chain == 0 && corps__chains() ? CORPS__CHAIN_NONE : context->chain;
}

uint32_t corps_chain_id(uint64_t chain) {
    return corps__chain_number(chain);
}

uint64_t corps_chain_enter(uint64_t chain) {
    uint64_t before = corps__chained;
    corps__chained = chain;
    if (before == 0 && chain != 0) { /* whoever calls looks for it only where something is traced */
        (void)atomic_fetch_add(&corps__tracing, CORPS__TRACING_ENTERED);
    } else if (before != 0 && chain == 0) {
        (void)atomic_fetch_sub(&corps__tracing, CORPS__TRACING_ENTERED);
    }
    return before;
}
