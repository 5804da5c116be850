#include "heal.h"

#include "../core/methods.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { WINDOW = 16, BIG_BYTES = 70000, PATH_BYTES = 128, PAUSE_US = 1000 };
#define DEADLINE_NS (30 * 1000000000LL)
#define NEAR_DEADLINE_NS 2000000LL
#define SLACK_NS (30 * 1000000000LL) /* so much later than its deadline a call ends on the busiest machine */

static int64_t integer(const struct corps_value *args, size_t index) {
    const struct corps_value *item = corps_value_item(args, index);
    return item != NULL && item->kind == CORPS_INT ? item->integer : -1;
}

static int64_t sum_of(const uint8_t *data, size_t bytes) {
    int64_t sum = 0;
    for (size_t i = 0; i < bytes; i++) {
        sum = sum * 31 % 1000003 + data[i];
    }
    return sum;
}

/* ---- what Book and Caller share: the ledger ---- */

struct worker {
    struct ledger_page *page;
    uint32_t life; /* of a Book */
};

static enum corps_err worker_init(struct corps_context *context, void *self, const struct corps_value *args,
                                  struct corps_value *result) {
    (void)context;
    (void)result;
    struct worker *worker = self;
    char path[PATH_BYTES];
    snprintf(path, sizeof path, "%.*s", (int)args->count, args->str);
    worker->page = ledger_open(path, false);
    if (worker->page == NULL) {
        return corps_error_set(CORPS_ERR_SYSTEM, "a Worker of this test finds no ledger");
    }
    worker->life = atomic_fetch_add(&worker->page->lives, 1) + 1;
    return CORPS_OK;
}

static void worker_cleanup(struct corps_context *context, void *self) {
    (void)context;
    munmap(((struct worker *)self)->page, sizeof(struct ledger_page));
}

/* ---- Book ---- */

/* [generation, sender, number, payload] → [sender, number, sum of the payload, life]. */
static enum corps_err book_entry(struct corps_context *context, void *self, const struct corps_value *args,
                                 struct corps_value *result) {
    struct worker *worker = self;
    const struct corps_value *payload = corps_value_item(args, 3);
    struct corps_value *items = corps_context_alloc(context, 4 * sizeof *items);
    if (items == NULL || payload == NULL || payload->kind != CORPS_BIN) {
        return corps_error_set(CORPS_ERR_INVALID, "an entry without payload, or no memory for its reply");
    }
    ledger_effect(worker->page, (unsigned)integer(args, 0), (unsigned)integer(args, 1), (unsigned)integer(args, 2),
                  worker->life);
    items[0] = corps_int(integer(args, 1));
    items[1] = corps_int(integer(args, 2));
    items[2] = corps_int(sum_of(payload->bin, payload->count));
    items[3] = corps_int(worker->life);
    *result = corps_array(items, 4);
    return CORPS_OK;
}

static enum corps_err book_tell_life(struct corps_context *context, void *self, const struct corps_value *args,
                                     struct corps_value *result) {
    (void)context;
    (void)args;
    *result = corps_int(((struct worker *)self)->life);
    return CORPS_OK;
}

enum corps_err book_life(const struct corps_name *book, int64_t timeout_ns, uint32_t *life) {
    const struct corps_call_options options = {.timeout_ns = timeout_ns};
    struct corps_future *future = NULL;
    const struct corps_value *result;
    enum corps_err err = corps_call(book, "life", NULL, &options, &future);
    err = err == CORPS_OK ? corps_future_wait(future, timeout_ns, &result) : err;
    if (err == CORPS_OK) {
        *life = (uint32_t)result->integer;
    }
    corps_future_destroy(future);
    return err;
}

/* ---- the load ---- */

struct flight {
    struct corps_future *future;
    unsigned number;
    int64_t sum;
    bool near; /* its deadline */
};

struct run {
    struct ledger_page *page;
    const struct load *load;
    struct chance chance;
    struct flight window[WINDOW];
    uint8_t payload[BIG_BYTES];
};

static struct entry *entry_of(const struct run *run, unsigned number) {
    return &run->page->entries[run->load->generation][run->load->sender][number];
}

static void set_fate(const struct run *run, unsigned number, enum fate fate) {
    atomic_store(&entry_of(run, number)->fate, (uint32_t)fate);
}

static enum fate fate_of(enum corps_err err, bool near) {
    if (err == CORPS_ERR_TIMEOUT) {
        return near ? LATE : HUNG;
    }
    return err == CORPS_ERR_WORKER_LOST ? LOST : FAILED;
}

/* With a word on what should not be. */
static enum fate told_fate(const struct run *run, unsigned number, enum corps_err err, enum fate fate) {
    if (fate == FAILED || fate == HUNG) {
        fprintf(stderr, "call %u of %s: %s: %s\n", number, sender_names[run->load->sender], corps_error_name(err),
                corps_error_detail());
    }
    return fate;
}

static bool is_reply(const struct run *run, const struct flight *flight, const struct corps_value *result) {
    const struct entry *entry = entry_of(run, flight->number);
    return integer(result, 0) == (int64_t)run->load->sender && integer(result, 1) == (int64_t)flight->number &&
           integer(result, 2) == flight->sum && integer(result, 3) == (int64_t)atomic_load(&entry->life);
}

static void tell_wrong(const struct run *run, const struct flight *flight, const struct corps_value *result) {
    const struct entry *entry = entry_of(run, flight->number);
    fprintf(stderr,
            "call %u of %s: sum %lld, in life %u; the reply: kind %d, sender %lld, number %lld, sum %lld, life %lld\n",
            flight->number, sender_names[run->load->sender], (long long)flight->sum, atomic_load(&entry->life),
            (int)result->kind, (long long)integer(result, 0), (long long)integer(result, 1),
            (long long)integer(result, 2), (long long)integer(result, 3));
}

static enum fate land(struct run *run, struct flight *flight) {
    const struct corps_value *result;
    enum corps_err err =
        corps_future_wait(flight->future, (flight->near ? NEAR_DEADLINE_NS : DEADLINE_NS) + SLACK_NS, &result);
    enum fate fate = err == CORPS_OK                       ? is_reply(run, flight, result) ? ANSWERED : WRONG
                     : !corps_future_ready(flight->future) ? HUNG
                                                           : fate_of(err, flight->near);
    if (fate == WRONG) {
        tell_wrong(run, flight, result);
    }
    set_fate(run, flight->number, told_fate(run, flight->number, err, fate));
    corps_future_destroy(flight->future);
    flight->future = NULL;
    return fate;
}

static size_t size_of_next(struct run *run) {
    unsigned kind = chance_below(&run->chance, 64);
    return chance_below(&run->chance, kind == 0 ? BIG_BYTES : kind < 4 ? 8000 : 200);
}

/* One call, or one request without reply. */
static void launch(struct run *run, unsigned number, bool one_way, bool near, struct flight *flight) {
    size_t bytes = size_of_next(run);
    memset(run->payload, (int)(number & 0xff), bytes);
    struct corps_value items[4] = {corps_int(run->load->generation), corps_int(run->load->sender), corps_int(number),
                                   corps_bin(run->payload, bytes)};
    struct corps_value args = corps_array(items, 4);
    const struct corps_call_options options = {.timeout_ns = near ? NEAR_DEADLINE_NS : DEADLINE_NS};
    *flight = (struct flight){.number = number, .sum = sum_of(run->payload, bytes), .near = near};
    atomic_store(&entry_of(run, number)->near, near);
    set_fate(run, number, FLYING);
    enum corps_err err = one_way ? corps_send(run->load->book, "entry", &args, &options)
                                 : corps_call(run->load->book, "entry", &args, &options, &flight->future);
    if (err != CORPS_OK) {
        set_fate(run, number, told_fate(run, number, err, fate_of(err, near)));
        usleep(PAUSE_US); /* or all would be spent before the news of a death has come */
    } else if (one_way) {
        set_fate(run, number, SENT);
    }
}

/* What is behind all others is answered when they have ended; only a death of the receiver keeps it from that. */
static void send_last(struct run *run) {
    bool answered = false;
    for (unsigned number = CALLS + 1; !answered && number < NUMBERS; number++) {
        struct flight last;
        launch(run, number, false, false, &last);
        answered = last.future != NULL && land(run, &last) == ANSWERED;
    }
}

void load_run(struct ledger_page *page, const struct load *load) {
    struct run *run = calloc(1, sizeof *run);
    if (run == NULL) {
        return;
    }
    run->page = page;
    run->load = load;
    run->chance = chance_of(load->seed);
    for (unsigned number = 1; number <= CALLS; number++) {
        struct flight *flight = &run->window[number % WINDOW];
        if (flight->future != NULL) {
            (void)land(run, flight);
        }
        bool one_way = chance_below(&run->chance, 4) == 0;
        launch(run, number, one_way, !one_way && chance_below(&run->chance, 16) == 0, flight);
    }
    for (unsigned i = 0; i < WINDOW; i++) {
        if (run->window[i].future != NULL) {
            (void)land(run, &run->window[i]);
        }
    }
    send_last(run);
    free(run);
}

/* ---- Caller: the load inside a method ---- */

struct corps_value load_value(const struct load *load, struct corps_value *items) {
    items[0] = corps_value_of_name(load->book);
    items[1] = corps_int(load->generation);
    items[2] = corps_int(load->sender);
    items[3] = corps_int((int64_t)(load->seed >> 1));
    return corps_array(items, 4);
}

static enum corps_err caller_run(struct corps_context *context, void *self, const struct corps_value *args,
                                 struct corps_value *result) {
    (void)context;
    (void)result;
    const struct corps_value *book = corps_value_item(args, 0);
    if (book == NULL || book->kind != CORPS_NAME) {
        return corps_error_set(CORPS_ERR_INVALID, "a Caller needs a Book");
    }
    const struct load load = {.book = book->name,
                              .generation = (unsigned)integer(args, 1),
                              .sender = (unsigned)integer(args, 2),
                              .seed = (uint64_t)integer(args, 3)};
    load_run(((struct worker *)self)->page, &load);
    return CORPS_OK;
}

static const struct corps_class book_class = {
    .name = "Book",
    .bytes = sizeof(struct worker),
    .init = worker_init,
    .cleanup = worker_cleanup,
    .methods = (const struct corps_method[]){{"entry", book_entry}, {"life", book_tell_life}, {NULL, NULL}}};
static const struct corps_class caller_class = {
    .name = "Caller",
    .bytes = sizeof(struct worker),
    .init = worker_init,
    .cleanup = worker_cleanup,
    .methods = (const struct corps_method[]){{"run", caller_run}, {"ping", method_pid}, {NULL, NULL}}};

const struct corps_class *const heal_classes[] = {&book_class, &caller_class, &tally_class, NULL};
