/* Classes of Workers that know a number, which is kept in different ways. */
#ifndef CORPS_TEST_STORE_H
#define CORPS_TEST_STORE_H

#include "helpers.h"

#include <string.h>

/* ---- Store: a number, which begins as its init is told ---- */

struct store {
    int64_t value;
    int64_t broken;              /* its checkpoint fails */
    int64_t bytes;               /* so many more are in its state */
    struct corps_request *later; /* to be answered by `now` */
};

enum { USELESS = 666 }; /* a state that restore refuses */

static enum corps_err store_init(struct corps_context *context, void *self, const struct corps_value *args,
                                 struct corps_value *result) {
    (void)context;
    (void)result;
    ((struct store *)self)->value = args->integer;
    return CORPS_OK;
}

static enum corps_err store_checkpoint(struct corps_context *context, void *self, const struct corps_value *args,
                                       struct corps_value *result) {
    (void)args;
    struct store *store = self;
    if (store->broken != 0) {
        return corps_fail(context, "Broken", "it is of no use");
    }
    struct corps_value *items = corps_context_alloc(context, 2 * sizeof *items);
    char *more = corps_context_alloc(context, (size_t)store->bytes + 1);
    assert_true(items != NULL && more != NULL);
    memset(more, 'x', (size_t)store->bytes);
    items[0] = corps_int(store->value);
    items[1] = corps_bin(more, (size_t)store->bytes);
    *result = corps_array(items, 2);
    return CORPS_OK;
}

static enum corps_err store_restore(struct corps_context *context, void *self, const struct corps_value *args,
                                    struct corps_value *result) {
    (void)result;
    struct store *store = self;
    store->value = corps_value_item(args, 0)->integer;
    store->bytes = (int64_t)corps_value_item(args, 1)->count;
    return store->value == USELESS ? corps_fail(context, "Useless", "the state is of no use") : CORPS_OK;
}

static enum corps_err store_add(struct corps_context *context, void *self, const struct corps_value *args,
                                struct corps_value *result) {
    (void)context;
    struct store *store = self;
    store->value += args->integer;
    *result = corps_int(store->value);
    return CORPS_OK;
}

/* Adds, and fails: by an error code alone where it adds 7. */
static enum corps_err store_add_and_fail(struct corps_context *context, void *self, const struct corps_value *args,
                                         struct corps_value *result) {
    (void)result;
    ((struct store *)self)->value += args->integer;
    return args->integer == 7 ? corps_error_set(CORPS_ERR_LIMIT, "it went too far")
                              : corps_fail(context, "Failed", "after adding");
}

static enum corps_err store_save(struct corps_context *context, void *self, const struct corps_value *args,
                                 struct corps_value *result) {
    (void)self;
    (void)args;
    (void)result;
    return corps_context_checkpoint(context);
}

static enum corps_err store_failed(struct corps_context *context, void *self, const struct corps_value *args,
                                   struct corps_value *result) {
    (void)self;
    (void)args;
    uint64_t kept;
    uint64_t failed;
    corps_context_checkpoint_counts(context, &kept, &failed);
    *result = corps_int((int64_t)failed);
    return CORPS_OK;
}

static enum corps_err store_break(struct corps_context *context, void *self, const struct corps_value *args,
                                  struct corps_value *result) {
    (void)context;
    (void)result;
    ((struct store *)self)->broken = args->integer;
    return CORPS_OK;
}

static enum corps_err store_grow(struct corps_context *context, void *self, const struct corps_value *args,
                                 struct corps_value *result) {
    (void)context;
    (void)result;
    ((struct store *)self)->bytes = args->integer;
    return CORPS_OK;
}

static enum corps_err store_size(struct corps_context *context, void *self, const struct corps_value *args,
                                 struct corps_value *result) {
    (void)context;
    (void)args;
    *result = corps_int(((struct store *)self)->bytes);
    return CORPS_OK;
}

static enum corps_err store_later(struct corps_context *context, void *self, const struct corps_value *args,
                                  struct corps_value *result) {
    (void)args;
    (void)result;
    struct store *store = self;
    store->later = corps_request_hold(context);
    return store->later != NULL ? CORPS_ERR_PENDING : CORPS_ERR_NO_MEMORY;
}

/* Adds, and answers what was put off: with the sum, or, where it adds 13, with a failure. */
static enum corps_err store_now(struct corps_context *context, void *self, const struct corps_value *args,
                                struct corps_value *result) {
    (void)context;
    (void)result;
    struct store *store = self;
    struct corps_request *request = store->later;
    store->later = NULL;
    store->value += args->integer;
    struct corps_value sum = corps_int(store->value);
    return args->integer == 13 ? corps_request_fail(request, "Unlucky", "it was 13")
                               : corps_request_reply(request, &sum);
}

static enum corps_err store_crash(struct corps_context *context, void *self, const struct corps_value *args,
                                  struct corps_value *result) {
    (void)args;
    (void)result;
    ((struct store *)self)->value = -1; /* which is not to be believed */
    return corps_context_crash(context, "broken");
}

static const struct corps_method store_methods[] = {{"add", store_add},
                                                    {"add_and_fail", store_add_and_fail},
                                                    {"save", store_save},
                                                    {"failed", store_failed},
                                                    {"break", store_break},
                                                    {"grow", store_grow},
                                                    {"size", store_size},
                                                    {"later", store_later},
                                                    {"now", store_now},
                                                    {"crash", store_crash},
                                                    {NULL, NULL}};

#define STORE(class_name, every)                                                                                       \
    {                                                                                                                  \
        .name = class_name, .bytes = sizeof(struct store), .init = store_init, .methods = store_methods,               \
        .checkpoint = store_checkpoint, .restore = store_restore, .checkpoint_every_ns = every                         \
    }
static const struct corps_class each_class = STORE("Each", 0);
static const struct corps_class soon_class = STORE("Soon", 50000000);
static const struct corps_class rarely_class = STORE("Rarely", 3600 * INT64_C(1000000000));
static const struct corps_class asked_class = STORE("Asked", CORPS_FOREVER);
static const struct corps_class plain_class = {
    .name = "Plain", .bytes = sizeof(struct store), .init = store_init, .methods = store_methods};

static const struct corps_class *const classes[] = {&each_class,  &soon_class,  &rarely_class,
                                                    &asked_class, &plain_class, NULL};
static const struct corps_class half_class = {.name = "Half", .methods = store_methods, .checkpoint = store_checkpoint};
static const struct corps_class *const half_classes[] = {&half_class, NULL};

#endif
