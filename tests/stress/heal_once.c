#include "heal.h"

#include <stdio.h>
#include <stdlib.h>

/* Tally knows which call of each caller came last, and keeps it at each request. Calls come in order, so each one must
 * find that the one before it has come, once: in this life of its Env or in any other. */

enum { ONCE_CALLS = 60, ONCE_WINDOW = 8 };
#define ONCE_TIMEOUT_NS                                                                                                \
    (60 * 1000000000LL) /* the most: what a crowded machine takes longer for must not end a call                       \
                         */

static enum corps_err tally_checkpoint(struct corps_context *context, void *self, const struct corps_value *args,
                                       struct corps_value *result) {
    (void)args;
    const int64_t *last = self;
    struct corps_value *items = corps_context_alloc(context, ONCE_CALLERS * sizeof *items);
    if (items == NULL) {
        return CORPS_ERR_NO_MEMORY;
    }
    for (unsigned i = 0; i < ONCE_CALLERS; i++) {
        items[i] = corps_int(last[i]);
    }
    *result = corps_array(items, ONCE_CALLERS);
    return CORPS_OK;
}

static enum corps_err tally_restore(struct corps_context *context, void *self, const struct corps_value *args,
                                    struct corps_value *result) {
    (void)context;
    (void)result;
    int64_t *last = self;
    for (unsigned i = 0; i < ONCE_CALLERS; i++) {
        last[i] = corps_value_item(args, i)->integer;
    }
    return CORPS_OK;
}

/* [caller, number] → number. */
static enum corps_err tally_next(struct corps_context *context, void *self, const struct corps_value *args,
                                 struct corps_value *result) {
    int64_t *last = (int64_t *)self + corps_value_item(args, 0)->integer;
    int64_t number = corps_value_item(args, 1)->integer;
    if (number != *last + 1) {
        return corps_fail(context, "NotOnce", "call %lld came after call %lld", (long long)number, (long long)*last);
    }
    *last = number;
    *result = corps_int(number);
    return CORPS_OK;
}

const struct corps_class tally_class = {.name = "Tally",
                                        .bytes = ONCE_CALLERS * sizeof(int64_t),
                                        .methods = (const struct corps_method[]){{"next", tally_next}, {NULL, NULL}},
                                        .checkpoint = tally_checkpoint,
                                        .restore = tally_restore};

static struct corps_future *call_next(struct once *once) {
    struct corps_value items[] = {corps_int(once->caller), corps_int(++*once->last)};
    struct corps_value args = corps_array(items, 2);
    const struct corps_call_options options = {.timeout_ns = ONCE_TIMEOUT_NS, .flags = CORPS_CALL_RETRY};
    struct corps_future *future = NULL;
    if (corps_call(once->tally, "next", &args, &options, &future) != CORPS_OK) {
        printf("retry call %lld cannot be made: %s\n", (long long)*once->last, corps_error_detail());
    }
    return future;
}

static bool is_next(struct corps_future *future, int64_t number) {
    const struct corps_value *result;
    bool good = future != NULL && corps_future_wait(future, 2 * ONCE_TIMEOUT_NS, &result) == CORPS_OK;
    if (!good) {
        printf("retry call %lld: %s\n", (long long)number, corps_error_detail());
    } else if (result->kind != CORPS_INT || result->integer != number) {
        printf("retry call %lld has the answer of another\n", (long long)number);
        good = false;
    }
    corps_future_destroy(future);
    return good;
}

void *once_run(void *arg) {
    struct once *once = arg;
    struct corps_future *window[ONCE_WINDOW];
    int64_t first = *once->last + 1;
    for (int64_t i = 0; i < ONCE_CALLS + ONCE_WINDOW; i++) {
        if (i >= ONCE_WINDOW) {
            once->faults += !is_next(window[i % ONCE_WINDOW], first + i - ONCE_WINDOW);
        }
        window[i % ONCE_WINDOW] = i < ONCE_CALLS ? call_next(once) : NULL;
    }
    return NULL;
}
