#include "actor/run.h"

#include "actor/admit.h"
#include "actor/broken.h"
#include "actor/burst.h"
#include "actor/cancel.h"
#include "actor/chain.h"
#include "actor/checkpoint.h"
#include "actor/credit.h"
#include "actor/defer.h"
#include "actor/home.h"
#include "actor/innermost.h"
#include "actor/reply.h"
#include "actor/stages.h"
#include "actor/stuck.h"
#include "actor/timing.h"
#include "base/clock.h"
#include "base/symbol.h"
#include "value/failure.h"
#include "value/plain.h"

#include <string.h>

enum { MAILS_A_TURN = 256 }; /* of one Conc before another has its turn */

static void answer_request(struct corps_context *context, enum corps_err err, const struct corps_value *result) {
    struct corps__message *message = context->message;
    if (err == CORPS_ERR_PENDING && context->held) {
        return;
    }
    (void)corps__cancelled(context->conc, message, true); /* it may answer all the same */
    if (err == CORPS_OK) {
        corps__reply(message, context->conc, context->box, result);
    } else if (context->failure != NULL) {
        corps__reply_failed(message, context->conc, &context->failure->info);
    } else {
        corps__reply_failure(message, context->conc, CORPS_ERR_REMOTE, corps_error_name(err), corps_error_detail());
    }
}

static enum corps_err call_bare(corps_method_fn method, struct corps_context *context, const struct corps_value *args,
                                struct corps_value *result) {
    struct corps__conc *conc = context->conc;
    return corps__rare(conc)->stuck_ns == 0 ? method(context, corps__conc_self(conc), args, result)
                                            : corps__stuck_run(method, context, args, result);
}

/* With what its class has around it. */
static __attribute__((cold, noinline)) enum corps_err call_hooked(corps_method_fn method, struct corps_context *context,
                                                                  const struct corps_value *args,
                                                                  struct corps_value *result) {
    struct corps__conc *conc = context->conc;
    enum corps_err err = CORPS_OK;
    if (conc->class->before != NULL) {
        struct corps_value ignored = corps_nil();
        err = conc->class->before(context, corps__conc_self(conc), args, &ignored);
        corps__context_forked(context, err);
    }
    if (err != CORPS_OK) {
        return err;
    }
    err = call_bare(method, context, args, result);
    bool ends = !context->held && corps__is_env(); /* else the request is another thread's, or this a forked child */
    return ends && conc->class->after != NULL ? conc->class->after(context, corps__conc_self(conc), err, result) : err;
}

static enum corps_err call_method(corps_method_fn method, struct corps_context *context, const struct corps_value *args,
                                  struct corps_value *result) {
    return __builtin_expect(context->conc->hooked, 0) ? call_hooked(method, context, args, result)
                                                      : call_bare(method, context, args, result);
}

static void run_request(struct corps__conc *conc, struct corps__message *message) {
    corps_method_fn method = corps__admitted_method(conc, message);
    if (method == NULL) {
        return;
    }
    corps__timing_begins(message);
    struct corps_context context;
    corps__context_enter(&context, conc, message);
    enum corps_err err = CORPS_OK;
    bool is_traced = corps__traces();
    struct corps__traced traced;
    if (is_traced) {
        corps__traced_begin(&traced, &context);
    }
    if (message->plain != NULL) {
        context.args = message->plain;
    } else {
        err = corps__message_argument(message, &context.box);
        corps__context_forked(&context, err);
        context.args = err == CORPS_OK ? corps__value_open(corps_box_root(context.box)) : NULL;
    }
    if (err != CORPS_OK) {
        corps__reply_failure(message, conc, err, "", corps_error_detail());
    } else {
        struct corps_value result = corps_nil();
        if (is_traced) {
            corps__traced_decoded(&traced);
        }
        err = call_method(method, &context, context.args, &result);
        corps__context_forked(&context, err);
        if (is_traced) {
            corps__traced_returned(&traced, context.held);
        }
        if (atomic_load_explicit(&corps__rare(conc)->keep, memory_order_relaxed) != NULL && !context.held &&
            !corps__answer_is_kept(context.message, conc)) {
            corps__checkpoint_ran(conc);
        }
        answer_request(&context, err, &result);
        if (is_traced && !context.held) {
            corps__chain_answered(traced.span);
        }
    }
    corps__context_leave(&context);
}

/* A request, and the room that it took up. */
static void run_counted(struct corps__conc *conc, struct corps__message *message) {
    struct corps__peer *from = message->from;
    if (from == NULL) {
        corps__conc_begins(conc, false);
        corps__conc_leave_room(conc, 1);
        run_request(conc, message);
        return;
    }
    corps__conc_begins(conc, true);
    if ((message->header.flags & CORPS__NO_REPLY) == 0) {
        run_request(conc, message);
    } else {
        struct corps__grant *grant = message->grant;
        size_t bytes = message->charge_bytes;
        run_request(conc, message);
        corps__conc_credit(conc, from, grant, 1, bytes);
        corps__conc_let_go(conc, from);
    }
}

/* ---- running a batch ---- */

/* What the entries of a batch have taken up and is not given back yet. Room is given back for many at a time, except
 * where the mailbox is small: as for messages, that of this Env's requests before the method runs, that of others'
 * after it. */
struct settling {
    struct corps__conc *conc;
    struct corps__peer *from;
    struct corps__grant *grant;
    uint32_t count;
    size_t bytes;
};

static void settle_run(struct settling *settling, uint32_t least) {
    if (settling->count < least) {
        return;
    }
    if (settling->from == NULL) {
        corps__conc_leave_room(settling->conc, settling->count);
    } else {
        corps__conc_credit(settling->conc, settling->from, settling->grant, settling->count, settling->bytes);
    }
    settling->count = 0;
    settling->bytes = 0;
}

/* Running the entries of one batch. */
struct run {
    struct corps__batch *batch;
    struct corps__message message; /* stands for an entry, where a request is asked for */
    struct corps_context context;
    const struct corps__symbol *symbol; /* of the method that was looked up last */
    corps_method_fn method;
    struct settling settling;
};

/* The entry's argument, NULL and *err when it cannot be decoded. */
static const struct corps_value *entry_argument(struct run *run, const struct corps__batch_entry *entry,
                                                enum corps_err *err) {
    if (!entry->encoded) {
        run->context.batch = run->batch;
        run->context.args = (const struct corps_value *)(const void *)entry->data;
        return run->context.args;
    }
    struct iovec segment = {.iov_base = (void *)(uintptr_t)entry->data, .iov_len = entry->bytes};
    *err = corps__segments_decode(&segment, entry->bytes > 0 ? 1 : 0, entry->serializer, NULL, run->batch->keep_objects,
                                  &run->context.box);
    return *err == CORPS_OK ? corps__value_open(corps_box_root(run->context.box)) : NULL;
}

static inline __attribute__((always_inline)) void run_entry(struct run *run, const struct corps__batch_entry *entry) {
    struct corps__conc *conc = run->settling.conc;
    run->message.method = entry->method;
    run->message.header.deadline_ns = entry->deadline_ns;
    if (entry->method != run->symbol || entry->deadline_ns != 0 || !conc->alive) {
        run->method = corps__admitted_method(conc, &run->message);
        run->symbol = run->method != NULL && entry->deadline_ns == 0 ? entry->method : NULL;
    }
    if (run->method == NULL) {
        return;
    }
    struct corps_context *context = &run->context;
    context->deadline_ns = (int64_t)entry->deadline_ns;
    enum corps_err err = CORPS_OK;
    const struct corps_value *args = entry_argument(run, entry, &err);
    struct corps_value result = corps_nil();
    if (args == NULL) {
        corps__reply_failure(&run->message, conc, err, "", corps_error_detail());
    } else {
        err = call_method(run->method, context, args, &result);
    }
    corps__context_forked(context, err);
    if (args != NULL && err != CORPS_OK) {
        answer_request(context, err, &result);
    }
    corps__context_clear(context);
    context->message = &run->message;
    context->box = context->scratch = NULL;
    context->batch = NULL;
    context->held = false;
    context->failure = NULL;
}

/* The one that is timed. */
static __attribute__((noinline)) void run_timed_entry(struct run *run, const struct corps__batch_entry *entry) {
    int64_t started_ns = corps__now_ns();
    run_entry(run, entry);
    corps__timing_add(run->settling.conc, started_ns - run->batch->timed_ns, corps__now_ns() - started_ns,
                      CORPS__ENTRIES_OF);
}

/* Runs all entries, and those that come meanwhile; gives their number. */
static unsigned run_batch(struct corps__conc *conc, struct corps__batch *batch) {
    struct run run;
    memset(&run.message, 0, offsetof(struct corps__message, small));
    run.message.lent = true;
    run.message.from = batch->from;
    run.message.header.flags = CORPS__NO_REPLY;
    run.batch = batch;
    run.symbol = NULL;
    run.settling = (struct settling){.conc = conc, .from = batch->from, .grant = batch->grant};
    corps__context_enter(&run.context, conc, &run.message);
    uint32_t step = corps__conc_room_step() + 1;
    uint32_t before = batch->from == NULL ? step : UINT32_MAX, after = batch->from == NULL ? UINT32_MAX : step;
    const struct corps__batch_entry *entry = NULL;
    unsigned count = 0;
    uint32_t timed = batch->timed;
    _Atomic uint64_t *begun = &conc->begun[batch->from != NULL];
    uint64_t begun_before = atomic_load_explicit(begun, memory_order_relaxed);
    for (unsigned known; (known = corps__batch_count(batch, count)) > count;) {
        for (; count < known; count++) {
            entry = corps__batch_next(batch, entry);
            run.settling.count++;
            run.settling.bytes += CORPS__HEADER_BYTES + entry->charge;
            settle_run(&run.settling, before);
            atomic_store_explicit(begun, begun_before + count + 1, memory_order_relaxed);
            if (__builtin_expect(count == timed, 0)) {
                run_timed_entry(&run, entry);
            } else {
                run_entry(&run, entry);
            }
            settle_run(&run.settling, after);
        }
        if (atomic_load_explicit(&corps__rare(conc)->keep, memory_order_relaxed) != NULL) {
            corps__checkpoint_ran(conc);
        }
        settle_run(&run.settling, 1);
    }
    corps__context_leave(&run.context);
    if (run.settling.from != NULL) {
        corps__conc_let_go(conc, run.settling.from);
    }
    return count;
}

static void run_parked(struct corps__conc *conc);

/* Runs what a mail says; gives how many requests that were. */
static unsigned run_mail(struct corps__conc *conc, struct corps__mail *mail) {
    if (atomic_load_explicit(&conc->down, memory_order_relaxed) && corps__conc_parks(conc, mail)) {
        return 1;
    }
    if (mail->kind == CORPS__MAIL_REQUEST) {
        run_counted(conc, (struct corps__message *)mail);
        return 1;
    }
    if (mail->kind == CORPS__MAIL_BATCH) {
        return run_batch(conc, (struct corps__batch *)mail);
    }
    if (mail->kind == CORPS__MAIL_CHECKPOINT) {
        corps__checkpoint_mail(conc, mail);
        return 1;
    }
    bool is_init = mail->kind == CORPS__MAIL_INIT;
    if (corps__stage_run(conc, (struct corps__message *)mail)) {
        run_parked(conc);
    }
    if (is_init) {
        corps__stage_begun(conc);
    }
    return is_init && corps__home_awaits(conc) ? MAILS_A_TURN : 1; /* the rest is its home's */
}

static void run_parked(struct corps__conc *conc) {
    struct corps__mail *mail;
    while ((mail = corps__parked_next(conc)) != NULL) {
        (void)run_mail(conc, mail);
    }
}

/* After `mail` was put aside, or was a RESUME: runs what may be run of what was put aside. */
static unsigned run_deferred(struct corps__conc *conc, struct corps__route *route, const struct corps__mail *mail) {
    bool resumed = mail->kind == CORPS__MAIL_RESUME;
    if (resumed) {
        atomic_store(&route->resuming, false); /* first: there may be another one from now on */
    }
    unsigned count = 1;
    struct corps__mail *next = corps__deferred_next(conc, route);
    while (next != NULL) {
        /* What waits behind it, and a RESUME, keep the peer; without them its answer may be the end of peer and route.
         */
        bool kept = resumed || route->deferred != NULL;
        count += run_mail(conc, next);
        next = kept ? corps__deferred_next(conc, route) : NULL;
    }
    if (resumed) {
        corps__conc_let_go(conc, route->peer);
    }
    if (conc->leaving && conc->deferred_count == 0) {
        corps__stage_go_away(conc);
    }
    return count;
}

void corps__conc_run(struct corps__task *task, struct corps_node *first, bool (*stop)(void *arg), void *arg) {
    struct corps__conc *conc = (struct corps__conc *)task;
    const struct corps_class *class = conc->class;
    if (class->enter != NULL) {
        class->enter();
    }
    bool bursting = false;
    for (unsigned n = 0; n < MAILS_A_TURN || first != NULL;) {
        struct corps_node *node = first != NULL ? first : corps__conc_next(conc);
        if (node == NULL && bursting) {
            corps__batch_pause(); /* the next batch follows the one that was full */
            node = corps__conc_next(conc);
        }
        if (node == NULL) {
            if (atomic_load_explicit(&conc->cancels, memory_order_relaxed)) {
                corps__cancel_tidy_up(conc);
            }
            break;
        }
        first = first != NULL ? first->next : NULL;
        struct corps__mail *mail = (struct corps__mail *)node;
        struct corps__route *deferred = corps__deferred(conc, mail);
        bursting = mail->kind == CORPS__MAIL_BATCH && ((struct corps__batch *)mail)->from == NULL;
        n += deferred == NULL ? run_mail(conc, mail) : run_deferred(conc, deferred, mail);
        if (stop != NULL && stop(arg)) {
            break;
        }
    }
    if (class->leave != NULL) {
        class->leave();
    }
    if (corps__home_of(conc) == NULL) {
        corps__task_end(task);
    } else {
        corps__home_end(corps__home_of(conc));
    }
    /* Looked at after the store: whoever posts from now on sees IDLE and makes the Conc runnable itself. */
    if (corps__conc_has_mail(conc)) {
        /* Where there is nothing else to run, this thread is the next to look at its queue. */
        bool goes_on = stop == NULL && corps__thread_pool_is_mine() && corps__thread_pool_is_dry();
        corps__conc_wake(conc, goes_on ? CORPS__PUSH_MINE : CORPS__PUSH_OTHER);
    }
}
