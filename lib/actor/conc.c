#include "actor/conc.h"

#include "actor/defer.h"
#include "link/peer.h"
#include "process/fork.h"
#include "value/failure.h"
#include "value/name.h"
#include "wait/reactor.h"
#include "wait/trace.h"

#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    BATCH = 256, /* messages of one Conc before another has its turn */
    PAGE = 1024, /* Concs per page of the table */
    PAGES = 16384,
    PIECE_BYTES = 65536,
};

/* Concs by number. Pages are added and never moved, so that looking up needs no lock. */
static struct {
    pthread_mutex_t lock;
    struct corps__conc *_Atomic *_Atomic pages[PAGES];
    _Atomic uint32_t count;
} table = {.lock = PTHREAD_MUTEX_INITIALIZER};

static _Thread_local struct corps_context *innermost;

struct corps_context *corps__context(void) {
    return innermost;
}

void corps__context_end_stream(void) {
    if (innermost != NULL) {
        corps__stream_end(&innermost->stream);
    }
}

/* ---- the table ---- */

struct corps__conc *corps__conc_find(uint32_t id) {
    if (id >= atomic_load_explicit(&table.count, memory_order_acquire)) {
        return NULL;
    }
    struct corps__conc *_Atomic *page = atomic_load(&table.pages[id / PAGE]);
    return atomic_load(&page[id % PAGE]);
}

uint32_t corps__conc_count(void) {
    return atomic_load(&table.count);
}

static bool table_add(struct corps__conc *conc) {
    pthread_mutex_lock(&table.lock);
    uint32_t id = atomic_load(&table.count);
    struct corps__conc *_Atomic *page = id / PAGE < PAGES ? atomic_load(&table.pages[id / PAGE]) : NULL;
    if (page == NULL && id / PAGE < PAGES) {
        page = calloc(PAGE, sizeof *page);
        atomic_store(&table.pages[id / PAGE], page);
    }
    if (page != NULL) {
        conc->id = id;
        atomic_store(&page[id % PAGE], conc);
        atomic_store_explicit(&table.count, id + 1, memory_order_release);
    }
    pthread_mutex_unlock(&table.lock);
    return page != NULL;
}

const struct corps_class *corps__class_find(const char *name, size_t bytes) {
    const struct corps_class *any = NULL;
    for (const struct corps_class *const *class = corps__rt.classes; class != NULL && *class != NULL; class ++) {
        if (strlen((*class)->name) == bytes && memcmp((*class)->name, name, bytes) == 0) {
            return *class;
        }
        if (strcmp((*class)->name, CORPS_ANY_CLASS) == 0) {
            any = *class;
        }
    }
    return any;
}

/* ---- making ---- */

static void group_finish(struct corps__group *group) {
    if (group != NULL && atomic_fetch_sub(&group->left, 1) == 1) {
        group->done(group, group->arg);
    }
}

static size_t align_up(size_t bytes, size_t to) {
    return (bytes + to - 1) / to * to;
}

/* Zeroed memory, on lines of its own. A Conc stays until the process ends, so small ones are cut from larger pieces:
 * that takes half the time of an allocation each, and no byte between them. */
static char *take_memory(size_t bytes) {
    static struct {
        pthread_mutex_t lock;
        char *at, *end;
    } piece = {.lock = PTHREAD_MUTEX_INITIALIZER};
    bool apart = bytes > PIECE_BYTES / 64;
#ifdef __SANITIZE_ADDRESS__
    apart = true; /* so that a method that writes beyond its memory is found */
#endif
    char *memory = NULL;
    if (apart) {
        memory = aligned_alloc(64, bytes);
    } else {
        pthread_mutex_lock(&piece.lock);
        if ((size_t)(piece.end - piece.at) < bytes) {
            piece.at = aligned_alloc(64, PIECE_BYTES);
            piece.end = piece.at != NULL ? piece.at + PIECE_BYTES : NULL;
        }
        memory = piece.at;
        piece.at = memory != NULL ? memory + bytes : NULL;
        pthread_mutex_unlock(&piece.lock);
    }
    return memory != NULL ? memset(memory, 0, bytes) : NULL;
}

/* The transport that this Corps chose for its one Env, or else the queue. */
static const struct corps_transport *mailbox_transport(void) {
    const struct corps_transport *chosen = corps__rt.own != NULL ? corps__rt.own->settings.transport : NULL;
    return chosen != NULL && (chosen->capabilities & CORPS_TRANSPORT_INTRA) != 0 ? chosen
                                                                                 : corps_transport_find("queue");
}

/* One piece of memory: the Conc, its mailbox, the user's memory. NULL: the error's detail says why. */
static struct corps__conc *allocate(const struct corps_class *class) {
    const struct corps_transport *queue = mailbox_transport();
    size_t mailbox_at = align_up(sizeof(struct corps__conc), 16);
    size_t self_at = mailbox_at + align_up(queue->endpoint_bytes, 16);
    char *memory = take_memory(align_up(self_at + class->bytes, 64));
    if (memory == NULL) {
        (void)corps_error_set(CORPS_ERR_NO_MEMORY, "no memory for another Conc of class %s", class->name);
        return NULL;
    }
    struct corps__conc *conc = (struct corps__conc *)memory;
    conc->class = class;
    conc->self = memory + self_at;
    conc->mailbox = (struct corps_endpoint *)(memory + mailbox_at);
    conc->mailbox->transport = queue;
    /* Unbounded here: the bound is the senders' credit (remote) and corps__conc_room (local). */
    struct corps_endpoint_options options = {.name = "mailbox", .frame_bytes_max = CORPS_FRAME_BYTES_MAX};
    char address[CORPS_ADDRESS_BYTES];
    if (queue->open(conc->mailbox, &options, address) != CORPS_OK ||
        queue->connect(conc->mailbox, address, &conc->inbox) != CORPS_OK) {
        return NULL; /* `queue` needs nothing, so it does not fail */
    }
    return conc;
}

enum corps_err corps__conc_create(const struct corps_class *class, const char *class_name, size_t class_bytes,
                                  struct corps_box *box, struct corps__group *group, struct corps__conc **made) {
    enum corps_err err = corps__symbol_check(class_name, class_bytes);
    if (err != CORPS_OK) {
        return err;
    }
    /* Without an init there is nothing to run: the Conc lives at once, unless that would end the group within this
     * call, where its maker does not expect it. */
    bool has_init = class->init != NULL || group == NULL || atomic_load(&group->left) == 1;
    struct corps__message *message = has_init ? corps__message_create() : NULL;
    struct corps__conc *conc = message != NULL || !has_init ? allocate(class) : NULL;
    if (conc != NULL) {
        bool is_any = strcmp(class->name, CORPS_ANY_CLASS) == 0;
        conc->class_name = is_any ? strndup(class_name, class_bytes) : class->name;
        conc->alive = !has_init;
    }
    if (conc == NULL || conc->class_name == NULL || !table_add(conc)) {
        if (message != NULL) {
            corps__message_free(message);
        }
        return conc == NULL && (message != NULL || !has_init)
                   ? CORPS_ERR_LIMIT /* with its detail */
                   : corps_error_set(CORPS_ERR_NO_MEMORY, "no memory for another Conc of class %.*s", (int)class_bytes,
                                     class_name);
    }
    *made = conc;
    if (!has_init) {
        group_finish(group);
        return CORPS_OK;
    }
    message->mail.kind = CORPS__MAIL_INIT;
    message->box = box != NULL ? corps_box_ref(box) : NULL;
    message->group = group;
    corps__conc_post(conc, &message->mail, CORPS__PUSH_OTHER);
    return CORPS_OK;
}

/* ---- mailbox and states ---- */

static void make_runnable(struct corps__conc *conc, enum corps__push how) {
    /* Looked at first: where many messages come, others than the first cost no exchange. Whoever runs the Conc sets it
     * IDLE and then looks into the mailbox, whoever posts has put his message there before he looks here. */
    int expected = CORPS__IDLE;
    if (atomic_load(&conc->state) == CORPS__IDLE &&
        atomic_compare_exchange_strong(&conc->state, &expected, CORPS__QUEUED)) {
        corps__sched_push(conc, how);
    }
}

void corps__conc_post(struct corps__conc *conc, struct corps__mail *mail, enum corps__push how) {
    struct corps_parcel parcel = {.object = &mail->node};
    enum corps_err err;
    while ((err = conc->mailbox->transport->send(conc->inbox, &parcel, 0)) == CORPS_ERR_FULL) {
        make_runnable(conc, how); /* not `queue`, which takes everything; another's bound is far beyond a mailbox's */
        (void)sched_yield();
    }
    if (err != CORPS_OK) {
        fprintf(stderr, "corps: a mailbox of transport %s failed: %s\n", conc->mailbox->transport->name,
                corps_error_detail());
        abort(); /* out of memory, with a message that must not be lost */
    }
    make_runnable(conc, how);
}

bool corps__conc_claim(struct corps__conc *conc) {
    int expected = CORPS__QUEUED;
    return atomic_compare_exchange_strong(&conc->state, &expected, CORPS__RUNNING);
}

bool corps__conc_begin(struct corps__conc *conc) {
    int expected = CORPS__IDLE;
    return atomic_load_explicit(&conc->state, memory_order_relaxed) == CORPS__IDLE &&
           atomic_compare_exchange_strong(&conc->state, &expected, CORPS__RUNNING);
}

bool corps__conc_has_mail(struct corps__conc *conc) {
    size_t none = 0;
    return conc->mailbox->transport->arm(conc->mailbox, NULL, 0, &none) == CORPS_ERR_AGAIN;
}

bool corps__conc_is_queued(const struct corps__conc *conc) {
    return atomic_load(&conc->state) == CORPS__QUEUED;
}

bool corps__conc_is_mine(const struct corps__conc *conc) {
    for (const struct corps_context *context = innermost; context != NULL; context = context->outer) {
        if (context->conc == conc) {
            return true;
        }
    }
    return false;
}

/* ---- room for local senders ---- */

static struct corps__waitlist room = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* Once a mailbox is full, half of it must go: waiting for each single place costs more than the message does. */
static uint32_t room_again(void) {
    return (corps__rt.own->settings.mailbox_count + 1) / 2;
}

static bool has_room(void *arg) {
    const struct corps__conc *conc = arg;
    return atomic_load(&conc->local_count) < room_again();
}

enum corps_err corps__conc_room(struct corps__conc *conc, bool try_only, int64_t deadline_ns) {
    uint32_t limit = corps__rt.own->settings.mailbox_count;
    enum corps_err err = CORPS_OK;
    while (err == CORPS_OK && atomic_fetch_add(&conc->local_count, 1) >= limit) {
        atomic_fetch_sub(&conc->local_count, 1);
        if (try_only || corps__conc_is_mine(conc)) {
            return corps_error_set(CORPS_ERR_FULL, "the mailbox of Conc %u of class %s holds %u requests already",
                                   conc->id, conc->class_name, limit);
        }
        err = corps__waitlist_wait(&room, has_room, conc, deadline_ns, conc);
    }
    return err;
}

/* How many requests of a stream reserve, and give back, their room at once. */
static uint32_t room_step(void) {
    return corps__rt.own->settings.mailbox_count / 16;
}

uint32_t corps__conc_room_ahead(struct corps__conc *conc) {
    uint32_t step = room_step();
    if (step > 0 && atomic_fetch_add(&conc->local_count, step) + step > corps__rt.own->settings.mailbox_count) {
        corps__conc_leave_room(conc, step);
        return 0;
    }
    return step;
}

void corps__conc_leave_room(struct corps__conc *conc, uint32_t count) {
    uint32_t before = atomic_fetch_sub(&conc->local_count, count);
    if (before >= room_again() && before - count < room_again()) {
        corps__waitlist_notify(&room);
    }
}

/* ---- credit for remote senders ---- */

/* Most requests come from who sent the last one. */
struct corps__route *corps__conc_route(struct corps__conc *conc, struct corps__peer *peer) {
    if (conc->sender != peer->number) {
        struct corps__route *route = corps__route_of(peer, conc->id);
        conc->sender = route != NULL ? peer->number : 0;
        conc->sender_route = route;
    }
    return conc->sender_route;
}

/* Requests without reply have been handled: give their room back, a quarter of the window at a time. */
static void credit(struct corps__conc *conc, struct corps__peer *peer, struct corps__grant *grant, uint32_t count,
                   size_t bytes) {
    struct corps__route *route = corps__conc_route(conc, peer);
    if (route == NULL) {
        corps__peer_credit(peer, conc->id, grant, count, bytes); /* no memory to save messages with */
        return;
    }
    route->owed_count += count;
    route->owed_bytes += bytes;
    const struct corps__settings *settings = &corps__rt.own->settings;
    if (route->owed_count >= (settings->mailbox_count + 3) / 4 || route->owed_bytes >= settings->mailbox_bytes / 4) {
        corps__peer_credit(peer, conc->id, grant, route->owed_count, route->owed_bytes);
        route->owed_count = 0;
        route->owed_bytes = 0;
    }
}

/* A request without reply, or a batch of them, is over. */
static void let_go(struct corps__conc *conc, struct corps__peer *peer) {
    struct corps__route *route = corps__conc_route(conc, peer);
    if (route == NULL) {
        corps__peer_let_go(peer);
        return;
    }
    bool was_retired = atomic_load_explicit(&peer->retired, memory_order_relaxed);
    /* The one writer's. Release: the peer may be freed by who sees this, see corps__routes_handled. */
    uint64_t handled = atomic_load_explicit(&route->handled, memory_order_relaxed);
    atomic_store_explicit(&route->handled, handled + 1, memory_order_release);
    if (was_retired) {
        corps__peers_check();
    }
}

/* ---- running ---- */

static corps_method_fn method_of(const struct corps_class *class, const char *name) {
    for (const struct corps_method *method = class->methods; method != NULL && method->name != NULL; method++) {
        if (strcmp(method->name, name) == 0) {
            return method->run;
        }
    }
    return NULL;
}

static void context_enter(struct corps_context *context, struct corps__conc *conc, struct corps__message *message) {
    context->conc = conc;
    context->stream = (struct corps__stream){0};
    context->sent_text = NULL;
    context->message = message;
    context->box = NULL;
    context->batch = NULL;
    context->args = NULL;
    context->scratch = NULL;
    context->held = false;
    context->failure = NULL;
    context->depth = innermost != NULL ? innermost->depth + 1 : 0;
    context->outer = innermost;
    innermost = context;
}

/* The method is over: what was there for it goes. */
static void context_clear(struct corps_context *context) {
    if (context->stream.to != NULL) {
        corps__stream_end(&context->stream);
    }
    if (context->box != NULL) {
        corps_box_unref(context->box);
    }
    if (context->scratch != NULL) {
        corps_box_unref(context->scratch);
    }
    if (context->failure != NULL) {
        free(context->failure);
    }
}

static void context_leave(struct corps_context *context) {
    innermost = context->outer;
    context_clear(context);
}

/* What ran may have forked, and this be the child. */
static void end_if_forked(const struct corps_context *context, enum corps_err err) {
    if (!corps__rt.is_env) {
        corps__fork_end(err, context->failure != NULL ? &context->failure->info : NULL);
    }
}

static void answer_request(struct corps_context *context, enum corps_err err, const struct corps_value *result) {
    struct corps__message *message = context->message;
    if (err == CORPS_ERR_PENDING && context->held) {
        return;
    }
    if (err == CORPS_OK) {
        corps__reply(message, context->conc, context->box, result);
    } else if (context->failure != NULL) {
        corps__reply_failed(message, context->conc, &context->failure->info);
    } else {
        corps__reply_failure(message, context->conc, CORPS_ERR_REMOTE, corps_error_name(err), corps_error_detail());
    }
}

/* The method that the request asks for; NULL after having answered that there is none, or that it comes too late. */
static corps_method_fn admitted(struct corps__conc *conc, struct corps__message *message) {
    corps_method_fn method = conc->alive ? method_of(conc->class, message->method->name) : NULL;
    method = method == NULL && conc->alive ? conc->class->any : method;
    if (!conc->alive && (message->header.flags & CORPS__NO_REPLY) != 0) {
        corps__message_free(message); /* its Corps ends, and nobody waits: no news for standard error */
        return NULL;
    }
    if (method == NULL) {
        char text[400];
        snprintf(text, sizeof text, conc->alive ? "class %s has no method '%s'" : "the Conc of class %s has ended (%s)",
                 conc->class_name, message->method->name);
        corps__reply_failure(message, conc, conc->alive ? CORPS_ERR_NO_METHOD : CORPS_ERR_NO_WORKER, "", text);
        return NULL;
    }
    if (message->header.deadline_ns != 0 && (int64_t)message->header.deadline_ns < corps__now_ns()) {
        corps__reply_failure(message, conc, CORPS_ERR_TIMEOUT, "",
                             "the request came after its deadline and was dropped");
        return NULL;
    }
    return method;
}

static void run_request(struct corps__conc *conc, struct corps__message *message) {
    corps_method_fn method = admitted(conc, message);
    if (method == NULL) {
        return;
    }
    struct corps_context context;
    context_enter(&context, conc, message);
    enum corps_err err = CORPS_OK;
    bool traced = corps__traces() && message->from != NULL && (message->header.flags & CORPS__NO_REPLY) == 0;
    uint64_t id = message->header.id; /* the method may pass the message on */
    uint32_t caller = message->header.source_env;
    if (traced) {
        corps__trace_now(id, caller, CORPS_STAGE_STARTED);
    }
    if (message->plain != NULL) {
        context.args = message->plain;
    } else {
        err = corps__message_argument(message, &context.box);
        end_if_forked(&context, err);
        context.args = err == CORPS_OK ? corps_value_open(corps_box_root(context.box)) : NULL;
    }
    if (err != CORPS_OK) {
        corps__reply_failure(message, conc, err, "", corps_error_detail());
    } else {
        struct corps_value result = corps_nil();
        if (traced) {
            corps__trace_now(id, caller, CORPS_STAGE_DECODED);
        }
        err = method(&context, conc->self, context.args, &result);
        end_if_forked(&context, err);
        if (traced) {
            corps__trace_now(id, caller, CORPS_STAGE_RETURNED);
        }
        answer_request(&context, err, &result);
    }
    context_leave(&context);
}

void corps__group_fail(struct corps__group *group, const struct corps_error_info *info) {
    if (atomic_fetch_add(&group->failed, 1) == 0) {
        atomic_store(&group->failure, corps__failure_create(info));
    }
}

static void run_init(struct corps__conc *conc, struct corps__message *message) {
    struct corps_context context;
    context_enter(&context, conc, message);
    static const struct corps_value nil;
    struct corps__group *group = message->group;
    enum corps_err err =
        group != NULL && group->argument != NULL ? group->argument(&message->box) : CORPS_OK; /* may run user code */
    const struct corps_value *args = message->box != NULL ? corps_value_open(corps_box_root(message->box)) : &nil;
    struct corps_value result = corps_nil();
    if (err == CORPS_OK && conc->class->init != NULL) {
        err = conc->class->init(&context, conc->self, args, &result);
    }
    end_if_forked(&context, err);
    conc->alive = err == CORPS_OK;
    if (err != CORPS_OK && group != NULL) {
        const struct corps_error_info plain = {
            .code = CORPS_ERR_REMOTE, .type = corps_error_name(err), .text = corps_error_detail()};
        corps__group_fail(group, context.failure != NULL ? &context.failure->info : &plain);
    }
    context_leave(&context);
    corps__message_free(message);
    group_finish(group);
}

static void run_cleanup(struct corps__conc *conc, struct corps__message *message) {
    if (conc->alive && conc->class->cleanup != NULL) {
        struct corps_context context;
        context_enter(&context, conc, message);
        conc->class->cleanup(&context, conc->self);
        end_if_forked(&context, CORPS_OK);
        context_leave(&context);
    }
    conc->alive = false;
    struct corps__group *group = message->group;
    corps__message_free(message);
    group_finish(group);
}

static void run_message(struct corps__conc *conc, struct corps__message *message) {
    if (message->mail.kind == CORPS__MAIL_REQUEST && message->from == NULL) {
        corps__conc_leave_room(conc, 1);
    }
    struct corps__peer *from = message->from;
    bool credited = from != NULL && (message->header.flags & CORPS__NO_REPLY) != 0;
    struct corps__grant *grant = message->grant;
    size_t bytes = message->charge_bytes;
    switch (message->mail.kind) {
    case CORPS__MAIL_REQUEST:
        run_request(conc, message);
        break;
    case CORPS__MAIL_INIT:
        run_init(conc, message);
        break;
    case CORPS__MAIL_CLEANUP:
        run_cleanup(conc, message);
        break;
    case CORPS__MAIL_BATCH: /* are no messages */
    case CORPS__MAIL_RESUME:
        break;
    }
    if (credited) {
        credit(conc, from, grant, 1, bytes);
        let_go(conc, from);
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

static void settle(struct settling *settling, uint32_t least) {
    if (settling->count < least) {
        return;
    }
    if (settling->from == NULL) {
        corps__conc_leave_room(settling->conc, settling->count);
    } else {
        credit(settling->conc, settling->from, settling->grant, settling->count, settling->bytes);
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
static const struct corps_value *entry_argument(struct run *run, const struct corps__entry *entry,
                                                enum corps_err *err) {
    if (!entry->encoded) {
        run->context.batch = run->batch;
        run->context.args = (const struct corps_value *)(const void *)entry->data;
        return run->context.args;
    }
    struct iovec segment = {.iov_base = (void *)(uintptr_t)entry->data, .iov_len = entry->bytes};
    *err = corps__segments_decode(&segment, entry->bytes > 0 ? 1 : 0, entry->serializer, NULL, run->batch->keep_objects,
                                  &run->context.box);
    return *err == CORPS_OK ? corps_value_open(corps_box_root(run->context.box)) : NULL;
}

static void run_entry(struct run *run, const struct corps__entry *entry) {
    struct corps__conc *conc = run->settling.conc;
    run->message.method = entry->method;
    run->message.header.deadline_ns = entry->deadline_ns;
    if (entry->method != run->symbol || entry->deadline_ns != 0 || !conc->alive) {
        run->method = admitted(conc, &run->message);
        run->symbol = run->method != NULL && entry->deadline_ns == 0 ? entry->method : NULL;
    }
    if (run->method == NULL) {
        return;
    }
    struct corps_context *context = &run->context;
    enum corps_err err = CORPS_OK;
    const struct corps_value *args = entry_argument(run, entry, &err);
    struct corps_value result = corps_nil();
    if (args == NULL) {
        corps__reply_failure(&run->message, conc, err, "", corps_error_detail());
    } else {
        err = run->method(context, conc->self, args, &result);
    }
    end_if_forked(context, err);
    if (args != NULL && err != CORPS_OK) {
        answer_request(context, err, &result);
    }
    context_clear(context);
    context->message = &run->message;
    context->box = context->scratch = NULL;
    context->batch = NULL;
    context->held = false;
    context->failure = NULL;
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
    context_enter(&run.context, conc, &run.message);
    uint32_t step = room_step() + 1;
    uint32_t before = batch->from == NULL ? step : UINT32_MAX, after = batch->from == NULL ? UINT32_MAX : step;
    const struct corps__entry *entry = NULL;
    unsigned count = 0;
    for (unsigned known; (known = corps__batch_count(batch, count)) > count;) {
        for (; count < known; count++) {
            entry = corps__batch_next(batch, entry);
            run.settling.count++;
            run.settling.bytes += CORPS__HEADER_BYTES + entry->bytes;
            settle(&run.settling, before);
            run_entry(&run, entry);
            settle(&run.settling, after);
        }
        settle(&run.settling, 1);
    }
    context_leave(&run.context);
    if (run.settling.from != NULL) {
        let_go(conc, run.settling.from);
    }
    return count;
}

static struct corps_node *next_message(struct corps__conc *conc) {
    const struct corps_transport *queue = conc->mailbox->transport;
    struct corps_event event = {0};
    if (queue->poll(conc->mailbox, &event) != CORPS_OK) {
        return NULL;
    }
    queue->release(conc->mailbox, &event);
    return event.object;
}

/* Runs what a mail says; gives how many requests that were. */
static unsigned run_mail(struct corps__conc *conc, struct corps__mail *mail) {
    if (mail->kind == CORPS__MAIL_BATCH) {
        return run_batch(conc, (struct corps__batch *)mail);
    }
    run_message(conc, (struct corps__message *)mail);
    return 1;
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
        let_go(conc, route->peer);
    }
    return count;
}

void corps__conc_run(struct corps__conc *conc, struct corps_node *first, bool (*stop)(void *arg), void *arg) {
    const struct corps_class *class = conc->class;
    if (class->enter != NULL) {
        class->enter();
    }
    bool streaming = false;
    for (unsigned n = 0; n < BATCH || first != NULL;) {
        struct corps_node *node = first != NULL ? first : next_message(conc);
        if (node == NULL && streaming) {
            corps__batch_pause(); /* the next batch follows the one that was full */
            node = next_message(conc);
        }
        if (node == NULL) {
            break;
        }
        first = first != NULL ? first->next : NULL;
        struct corps__mail *mail = (struct corps__mail *)node;
        struct corps__route *deferred = corps__deferred(conc, mail);
        streaming = mail->kind == CORPS__MAIL_BATCH && ((struct corps__batch *)mail)->from == NULL;
        n += deferred == NULL ? run_mail(conc, mail) : run_deferred(conc, deferred, mail);
        if (stop != NULL && stop(arg)) {
            break;
        }
    }
    if (class->leave != NULL) {
        class->leave();
    }
    atomic_store(&conc->state, CORPS__IDLE);
    /* Looked at after the store: whoever posts from now on sees IDLE and makes the Conc runnable itself. */
    if (corps__conc_has_mail(conc)) {
        make_runnable(conc, CORPS__PUSH_OTHER);
    }
}

void corps__conc_forked(void) {
    room = (struct corps__waitlist){.lock = PTHREAD_MUTEX_INITIALIZER};
    pthread_mutex_init(&table.lock, NULL);
    innermost = NULL;
}
