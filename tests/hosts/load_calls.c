#include "load.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define DEADLINE_NS 2000000000LL
#define SLACK_NS 5000000000LL /* so much later than its deadline a call ends on the busiest machine */
#define PAUSE_US 2000u

int64_t load_real_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return now.tv_sec * 1000000000LL + now.tv_nsec;
}

static int64_t integer(const struct corps_value *args, size_t index) {
    const struct corps_value *item = corps_value_item(args, index);
    return item != NULL && item->kind == CORPS_INT ? item->integer : -1;
}

static void count(_Atomic uint64_t *counter) {
    atomic_fetch_add(counter, 1);
}

static void count_error(enum corps_err err, int64_t number, struct load_counts *counts) {
    if (err == CORPS_ERR_TIMEOUT) {
        count(&counts->late);
    } else if (err == CORPS_ERR_WORKER_LOST) {
        count(&counts->lost);
    } else {
        fprintf(stderr, "call %lld: %s: %s\n", (long long)number, corps_error_name(err), corps_error_detail());
        count(&counts->failed);
    }
}

uint64_t load_entry(const struct corps_name *book, int64_t number, struct load_counts *counts) {
    const struct corps_call_options options = {.timeout_ns = DEADLINE_NS};
    struct corps_value items[] = {corps_int(number), corps_str("nobody-reads-this")};
    const struct corps_value args = corps_array(items, 2);
    struct corps_future *future = NULL;
    const struct corps_value *result = NULL;
    uint64_t life = 0;
    enum corps_err err = corps_call(book, "entry", &args, &options, &future);
    if (err == CORPS_OK) {
        err = corps_future_wait(future, DEADLINE_NS + SLACK_NS, &result);
    }
    if (err != CORPS_OK && future != NULL && !corps_future_ready(future)) {
        fprintf(stderr, "call %lld has not ended by its deadline\n", (long long)number);
        count(&counts->hung);
    } else if (err != CORPS_OK) {
        count_error(err, number, counts);
        usleep(PAUSE_US);
    } else if (integer(result, 0) != number) {
        fprintf(stderr, "call %lld has the answer of call %lld\n", (long long)number, (long long)integer(result, 0));
        count(&counts->wrong);
    } else {
        life = (uint64_t)integer(result, 1);
        count(&counts->answered);
    }
    corps_future_destroy(future);
    return life;
}

enum load_once load_retry(const struct corps_name *to, const char *method, const struct corps_value *args,
                          int64_t number, int64_t timeout_ns) {
    const struct corps_call_options options = {.timeout_ns = timeout_ns, .flags = CORPS_CALL_RETRY};
    struct corps_future *future = NULL;
    const struct corps_value *result = NULL;
    enum corps_err err = corps_call(to, method, args, &options, &future);
    if (err == CORPS_OK) {
        err = corps_future_wait(future, timeout_ns + SLACK_NS, &result);
    }
    bool refused = err == CORPS_ERR_REMOTE && strcmp(corps_future_error(future)->type, "Refused") == 0;
    if (err != CORPS_OK && !refused) {
        fprintf(stderr, "retry call %lld: %s: %s\n", (long long)number, corps_error_name(err), corps_error_detail());
    }
    bool good = err == CORPS_OK && result->kind == CORPS_INT && result->integer == number;
    corps_future_destroy(future);
    return good ? LOAD_ONCE : refused ? LOAD_REFUSED : LOAD_NOT_ONCE;
}

/* ---- Caller: the load inside a method ---- */

static int64_t steady_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000000000LL + now.tv_nsec;
}

static enum corps_err caller_run(struct corps_context *context, void *self, const struct corps_value *args,
                                 struct corps_value *result) {
    const struct corps_value *book = corps_value_item(args, 0);
    int64_t *last = self;
    struct corps_value *items = corps_context_alloc(context, 6 * sizeof *items);
    if (items == NULL || book == NULL || book->kind != CORPS_NAME) {
        return corps_fail(context, "BadCall", "a Caller needs a Book, and memory");
    }
    struct load_counts counts = {0};
    int64_t ends_ns = steady_ns() + integer(args, 1) * 1000000;
    do {
        (void)load_entry(book->name, ++*last, &counts);
        usleep(PAUSE_US);
    } while (steady_ns() < ends_ns);
    const uint64_t of[] = {counts.answered, counts.lost, counts.late, counts.hung, counts.wrong, counts.failed};
    for (size_t i = 0; i < 6; i++) {
        items[i] = corps_int((int64_t)of[i]);
    }
    *result = corps_array(items, 6);
    return CORPS_OK;
}

const struct corps_class load_caller_class = {.name = "Caller",
                                              .bytes = sizeof(int64_t),
                                              .methods =
                                                  (const struct corps_method[]){{"run", caller_run}, {NULL, NULL}}};

void load_run_caller(const struct corps_name *caller, const struct corps_name *book, struct load_counts *counts) {
    enum { RUN_MS = 300 };
    const struct corps_call_options options = {.timeout_ns = 2 * DEADLINE_NS + SLACK_NS};
    struct corps_value items[] = {corps_value_of_name(book), corps_int(RUN_MS)};
    const struct corps_value args = corps_array(items, 2);
    struct corps_future *future = NULL;
    const struct corps_value *result = NULL;
    enum corps_err err = corps_call(caller, "run", &args, &options, &future);
    if (err == CORPS_OK) {
        err = corps_future_wait(future, options.timeout_ns + SLACK_NS, &result);
    }
    if (err != CORPS_OK) {
        count_error(err, 0, counts);
        usleep(PAUSE_US);
    } else {
        _Atomic uint64_t *of[] = {&counts->answered, &counts->lost,  &counts->late,
                                  &counts->hung,     &counts->wrong, &counts->failed};
        for (size_t i = 0; i < 6; i++) {
            atomic_fetch_add(of[i], (uint64_t)integer(result, i));
        }
    }
    corps_future_destroy(future);
}
