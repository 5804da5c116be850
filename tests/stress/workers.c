#include "stress.h"

#include "../core/methods.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { WINDOW = 32, SENDERS = 256, BIG_BYTES = 70000, REPLY_BYTES = 1000, FAILURES_MAX = 5 };

struct chance chance_of(uint64_t seed) {
    return (struct chance){.state = seed * UINT64_C(0x9e3779b97f4a7c15) + 1};
}

uint64_t chance_next(struct chance *chance) { /* splitmix64 */
    uint64_t z = chance->state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

unsigned chance_below(struct chance *chance, unsigned bound) {
    return (unsigned)(chance_next(chance) % bound);
}

static int64_t sum_of(const uint8_t *data, size_t bytes) {
    int64_t sum = 0;
    for (size_t i = 0; i < bytes; i++) {
        sum = sum * 31 % 1000003 + data[i];
    }
    return sum;
}

/* ---- Ledger: sees every entry of every sender, and remembers how far each has come ---- */

struct sender {
    int64_t id, last, repeated, skipped;
};

struct ledger {
    struct sender senders[SENDERS];
    unsigned next;
    struct corps_request **held;
    size_t held_count;
};

static struct sender *sender_of(struct ledger *ledger, int64_t id) {
    for (unsigned i = 0; i < SENDERS; i++) {
        if (ledger->senders[i].id == id) {
            return &ledger->senders[i];
        }
    }
    struct sender *sender = &ledger->senders[ledger->next++ % SENDERS];
    *sender = (struct sender){.id = id};
    return sender;
}

static int64_t integer(const struct corps_value *args, size_t index) {
    const struct corps_value *item = corps_value_item(args, index);
    return item != NULL && item->kind == CORPS_INT ? item->integer : -1;
}

/* [sender, number, payload] → [number, sum of the payload, repeated, skipped]. Numbers count from 1. */
static enum corps_err ledger_entry(struct corps_context *context, void *self, const struct corps_value *args,
                                   struct corps_value *result) {
    struct sender *sender = sender_of(self, integer(args, 0));
    int64_t number = integer(args, 1);
    sender->repeated += number <= sender->last;
    sender->skipped += number > sender->last + 1;
    sender->last = number > sender->last ? number : sender->last;
    const struct corps_value *payload = corps_value_item(args, 2);
    struct corps_value *items = corps_context_alloc(context, 4 * sizeof *items);
    if (items == NULL || payload == NULL || payload->kind != CORPS_BIN) {
        return CORPS_ERR_NO_MEMORY;
    }
    items[0] = corps_int(number);
    items[1] = corps_int(sum_of(payload->bin, payload->count));
    items[2] = corps_int(sender->repeated);
    items[3] = corps_int(sender->skipped);
    *result = corps_array(items, 4);
    return CORPS_OK;
}

static enum corps_err ledger_hold(struct corps_context *context, void *self, const struct corps_value *args,
                                  struct corps_value *result) {
    (void)args;
    (void)result;
    struct ledger *ledger = self;
    struct corps_request **grown = realloc(ledger->held, (ledger->held_count + 1) * sizeof *grown);
    if (grown == NULL) {
        return CORPS_ERR_NO_MEMORY;
    }
    ledger->held = grown;
    ledger->held[ledger->held_count++] = corps_request_hold(context);
    return CORPS_ERR_PENDING;
}

static enum corps_err ledger_held(struct corps_context *context, void *self, const struct corps_value *args,
                                  struct corps_value *result) {
    (void)context;
    (void)args;
    *result = corps_int((int64_t)((struct ledger *)self)->held_count);
    return CORPS_OK;
}

/* Answers everything that is held, 1000 bytes each, after the milliseconds that are its argument. */
static enum corps_err ledger_let_go(struct corps_context *context, void *self, const struct corps_value *args,
                                    struct corps_value *result) {
    (void)context;
    usleep((useconds_t)args->integer * 1000);
    struct ledger *ledger = self;
    static const uint8_t reply[REPLY_BYTES];
    struct corps_value value = corps_bin(reply, sizeof reply);
    for (size_t i = 0; i < ledger->held_count; i++) {
        (void)!corps_request_reply(ledger->held[i], &value); /* who asked may have died: that is the point */
    }
    *result = corps_int((int64_t)ledger->held_count);
    ledger->held_count = 0;
    return CORPS_OK;
}

static void ledger_cleanup(struct corps_context *context, void *self) {
    (void)context;
    free(((struct ledger *)self)->held);
}

static const struct corps_method ledger_methods[] = {
    {"entry", ledger_entry}, {"hold", ledger_hold}, {"held", ledger_held}, {"let_go", ledger_let_go}, {NULL, NULL}};
static const struct corps_class ledger_class = {
    .name = "Ledger", .bytes = sizeof(struct ledger), .methods = ledger_methods, .cleanup = ledger_cleanup};

/* ---- a series of calls ---- */

struct flight {
    struct corps_future *future;
    int64_t number, sum;
};

struct run {
    const struct series *series;
    struct tally *tally;
    struct chance chance;
    struct flight window[WINDOW];
    int64_t number;
    uint8_t payload[BIG_BYTES];
};

static void land(struct run *run, struct flight *flight) {
    const struct corps_value *result;
    enum corps_err err = corps_future_wait(flight->future, ENDS_NS, &result);
    if (err == CORPS_OK) {
        run->tally->answered++;
        run->tally->wrong += integer(result, 0) != flight->number || integer(result, 1) != flight->sum;
        run->tally->repeated += integer(result, 2) != 0;
        run->tally->skipped += integer(result, 3) != 0;
    } else if (err == CORPS_ERR_TIMEOUT) {
        run->tally->hung++;
    } else {
        run->tally->lost++;
    }
    corps_future_destroy(flight->future);
    flight->future = NULL;
}

static size_t size_of_next(struct run *run) {
    unsigned kind = chance_below(&run->chance, 64);
    unsigned bound = kind == 0 ? BIG_BYTES : kind < 4 ? 8000 : 200;
    return chance_below(&run->chance, bound);
}

/* One call, or one request without reply. */
static enum corps_err launch(struct run *run, struct flight *flight) {
    size_t bytes = size_of_next(run);
    memset(run->payload, (int)(run->number & 0xff), bytes);
    int64_t number = ++run->number;
    struct corps_value items[3] = {corps_int(run->series->sender), corps_int(number), corps_bin(run->payload, bytes)};
    struct corps_value args = corps_array(items, 3);
    const struct corps_call_options options = {.timeout_ns = 0};
    if (chance_below(&run->chance, 4) == 0) {
        return corps_send(run->series->ledger, "entry", &args, &options);
    }
    flight->number = number;
    flight->sum = sum_of(run->payload, bytes);
    return corps_call(run->series->ledger, "entry", &args, &options, &flight->future);
}

void series_run(const struct series *series, struct tally *tally) {
    struct run *run = calloc(1, sizeof *run);
    *tally = (struct tally){0};
    if (run == NULL) {
        return;
    }
    run->series = series;
    run->tally = tally;
    run->chance = chance_of(series->seed);
    int failures = 0; /* in a row: whom we call has ended, where we were only cut off the first time */
    for (int64_t i = 0; i < series->count; i++) {
        struct flight *flight = &run->window[i % WINDOW];
        if (flight->future != NULL) {
            land(run, flight);
        }
        if (launch(run, flight) != CORPS_OK) {
            tally->lost++;
            failures++;
            usleep(1000);
        } else {
            failures = 0;
        }
        if (tally->hung > 0 || (tally->lost > 0 && !series->persist) || failures == FAILURES_MAX) {
            break;
        }
    }
    for (int64_t i = 0; i < WINDOW; i++) {
        if (run->window[i].future != NULL) {
            land(run, &run->window[i]);
        }
    }
    free(run);
}

/* ---- Caller: a series inside a method ---- */

struct corps_value series_value(const struct series *series, struct corps_value *items) {
    items[0] = corps_value_of_name(series->ledger);
    items[1] = corps_int(series->sender);
    items[2] = corps_int(series->count);
    items[3] = corps_int(series->persist);
    items[4] = corps_int((int64_t)(series->seed >> 1));
    return corps_array(items, 5);
}

static struct series series_of(const struct corps_value *args) {
    const struct corps_value *name = corps_value_item(args, 0);
    return (struct series){.ledger = name != NULL && name->kind == CORPS_NAME ? name->name : NULL,
                           .sender = integer(args, 1),
                           .count = integer(args, 2),
                           .persist = integer(args, 3) > 0,
                           .seed = (uint64_t)integer(args, 4)};
}

bool tally_of(const struct corps_value *value, struct tally *tally) {
    if (value == NULL || value->kind != CORPS_ARRAY || value->count != TALLY_ITEMS) {
        return false;
    }
    *tally = (struct tally){integer(value, 0), integer(value, 1), integer(value, 2),
                            integer(value, 3), integer(value, 4), integer(value, 5)};
    return true;
}

static enum corps_err caller_run(struct corps_context *context, void *self, const struct corps_value *args,
                                 struct corps_value *result) {
    (void)self;
    struct series series = series_of(args);
    struct tally tally;
    struct corps_value *items = corps_context_alloc(context, TALLY_ITEMS * sizeof *items);
    if (series.ledger == NULL || items == NULL) {
        return corps_error_set(CORPS_ERR_INVALID, "a Caller needs a series");
    }
    series_run(&series, &tally);
    const int64_t counts[TALLY_ITEMS] = {tally.answered, tally.lost,     tally.hung,
                                         tally.wrong,    tally.repeated, tally.skipped};
    for (unsigned i = 0; i < TALLY_ITEMS; i++) {
        items[i] = corps_int(counts[i]);
    }
    *result = corps_array(items, TALLY_ITEMS);
    return CORPS_OK;
}

/* A series that is not looked after: its process is about to die. */
static enum corps_err leave_series(const struct corps_value *args,
                                   enum corps_err (*send)(const struct corps_name *ledger)) {
    struct series series = series_of(args);
    enum corps_err err = series.ledger != NULL ? CORPS_OK : CORPS_ERR_INVALID;
    for (int64_t sent = 0; err == CORPS_OK && sent < series.count; sent++) {
        err = send(series.ledger);
    }
    return err;
}

static enum corps_err call_hold(const struct corps_name *ledger) {
    struct corps_future *future; /* kept for ever */
    return corps_call(ledger, "hold", NULL, NULL, &future);
}

/* A series whose replies are held, and none of them read. */
static enum corps_err caller_leave_unread(struct corps_context *context, void *self, const struct corps_value *args,
                                          struct corps_value *result) {
    (void)context;
    (void)self;
    (void)result;
    return leave_series(args, call_hold);
}

static enum corps_err send_held(const struct corps_name *ledger) {
    return corps_send(ledger, "held", NULL, NULL);
}

/* A series without replies: whoever receives it owes credit for it. */
static enum corps_err caller_leave_owing(struct corps_context *context, void *self, const struct corps_value *args,
                                         struct corps_value *result) {
    (void)context;
    (void)self;
    (void)result;
    return leave_series(args, send_held);
}

static const struct corps_method caller_methods[] = {
    {"run", caller_run},
    {"leave_unread", caller_leave_unread},
    {"leave_owing", caller_leave_owing},
    {"ping", method_pid},
    {NULL, NULL},
};
static const struct corps_class caller_class = {.name = "Caller", .methods = caller_methods};

const struct corps_class *const stress_classes[] = {&ledger_class, &caller_class, NULL};
