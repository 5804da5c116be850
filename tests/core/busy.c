#include "busy.h"

#include "gate.h"

#include <corps/stats.h>

#include <poll.h>

/* ---- Workers ---- */

static struct corps_request *_Atomic held; /* the order of the two methods is the program's, in another process */

static enum corps_err method_fail(struct corps_context *context, void *self, const struct corps_value *args,
                                  struct corps_value *result) {
    (void)self;
    (void)args;
    (void)result;
    return corps_fail(context, "Usual", "an answer");
}

static enum corps_err method_crash(struct corps_context *context, void *self, const struct corps_value *args,
                                   struct corps_value *result) {
    (void)self;
    (void)args;
    (void)result;
    return corps_context_crash(context, "broken");
}

/* Keeps its request, for `let_go`. */
static enum corps_err method_hold(struct corps_context *context, void *self, const struct corps_value *args,
                                  struct corps_value *result) {
    (void)self;
    (void)args;
    (void)result;
    held = corps_request_hold(context);
    return CORPS_ERR_PENDING;
}

static enum corps_err method_let_go(struct corps_context *context, void *self, const struct corps_value *args,
                                    struct corps_value *result) {
    (void)context;
    (void)self;
    (void)result;
    if (args->kind == CORPS_STR) {
        return corps_request_fail(held, "Late", "an answer");
    }
    return corps_request_reply(held, NULL);
}

/* [Name, count]: so many requests without reply, the last of which fails, in a row. */
static enum corps_err method_burst(struct corps_context *context, void *self, const struct corps_value *args,
                                   struct corps_value *result) {
    (void)context;
    (void)self;
    (void)result;
    const struct corps_name *to = corps_value_item(args, 0)->name;
    int64_t count = corps_value_item(args, 1)->integer;
    enum corps_err err = CORPS_OK;
    for (int64_t i = 0; err == CORPS_OK && i < count; i++) {
        struct corps_value number = corps_int(i);
        err = corps_send(to, i + 1 < count ? "echo" : "unknown", &number, NULL);
    }
    return err;
}

const struct corps_class busy_class = {
    .name = "Busy",
    .methods = (const struct corps_method[]){{"echo", method_echo},
                                             {"sleep", method_sleep},
                                             {"fail", method_fail},
                                             {"crash", method_crash},
                                             {"hold", method_hold},
                                             {"let_go", method_let_go},
                                             {"burst", method_burst},
                                             {"wait_for", method_wait_for},
                                             {NULL, NULL}},
};

/* ---- looking ---- */

int64_t number_of(const struct corps_value *map, const char *key) {
    const struct corps_value *number = corps_value_get(map, key);
    assert_non_null(number);
    assert_int_equal(number->kind, CORPS_INT);
    return number->integer;
}

struct corps_box *look(struct corps *corps, unsigned env) {
    struct corps_box *box = NULL;
    assert_ok(corps_stats(corps, env, LONG_NS, &box));
    return box;
}

const struct corps_value *worker_of(const struct corps_box *box, const struct corps_name *name) {
    uint64_t corps_id;
    unsigned env, conc;
    corps_name_address(name, &corps_id, &env, &conc);
    assert_int_equal(number_of(corps_box_root(box), "corps"), (int64_t)corps_id);
    assert_int_equal(number_of(corps_box_root(box), "env"), env);
    const struct corps_value *workers = corps_value_get(corps_box_root(box), "workers");
    for (size_t i = 0; i < workers->count; i++) {
        const struct corps_value *worker = corps_value_item(workers, i);
        if (number_of(worker, "conc") == conc) {
            return worker;
        }
    }
    fail_msg("Worker %u is not there", conc);
    return NULL;
}

int64_t now(struct corps *corps, const struct corps_name *name, const char *key) {
    struct corps_box *box = look(corps, corps_name_env(name));
    int64_t number = number_of(worker_of(box, name), key);
    corps_box_unref(box);
    return number;
}

void await(struct corps *corps, const struct corps_name *name, const char *key, int64_t value) {
    for (int64_t is = now(corps, name, key); is != value; is = now(corps, name, key)) {
        if (is > value) {
            fail_msg("%s is %lld, and was to be %lld", key, (long long)is, (long long)value);
        }
        poll(NULL, 0, 1);
    }
}

enum corps_err outcome(struct corps_future *future) {
    enum corps_err err = corps_future_wait(future, LONG_NS, NULL);
    corps_future_destroy(future);
    return err;
}

int64_t check_times(const struct corps_value *times) {
    int64_t sum = 0, before_ns = 0;
    const struct corps_value *buckets = corps_value_get(times, "buckets");
    for (size_t i = 0; i < buckets->count; i++) {
        const struct corps_value *pair = corps_value_item(buckets, i);
        assert_true(corps_value_item(pair, 0)->integer > before_ns);
        assert_true(corps_value_item(pair, 1)->integer > 0);
        before_ns = corps_value_item(pair, 0)->integer;
        sum += corps_value_item(pair, 1)->integer;
    }
    assert_int_equal(sum, number_of(times, "count"));
    assert_true(number_of(times, "max_ns") <= before_ns);
    assert_true(sum == 0 || number_of(times, "max_ns") * sum >= number_of(times, "sum_ns"));
    return sum;
}

int64_t longer_than(const struct corps_value *times, int64_t ns) {
    int64_t count = 0;
    const struct corps_value *buckets = corps_value_get(times, "buckets");
    for (size_t i = 0; i < buckets->count; i++) {
        const struct corps_value *pair = corps_value_item(buckets, i);
        count += corps_value_item(pair, 0)->integer > ns ? corps_value_item(pair, 1)->integer : 0;
    }
    return count;
}
