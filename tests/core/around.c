/* What a class has around each request: `around TRANSPORT [TEST]`. */
#include "helpers.h"

#include <poll.h>
#include <string.h>

struct gauge {
    int64_t before, after, ran;
};

static enum corps_err gauge_before(struct corps_context *context, void *self, const struct corps_value *args,
                                   struct corps_value *result) {
    ((struct gauge *)self)->before++;
    *result = corps_int(-1); /* means nothing */
    return args->kind == CORPS_INT && args->integer < 0
               ? corps_fail(context, "Refused", "%s is not for %d", corps_context_method(context), (int)args->integer)
               : CORPS_OK;
}

/* What fails is answered by 0, if it was "fail". */
static enum corps_err gauge_after(struct corps_context *context, void *self, enum corps_err err,
                                  struct corps_value *result) {
    ((struct gauge *)self)->after++;
    if (strcmp(corps_context_method(context), "mend") == 0) {
        *result = corps_int(0);
        return CORPS_OK;
    }
    return err == CORPS_OK && result->kind == CORPS_INT && result->integer == 13
               ? corps_fail(context, "Unlucky", "13 is no answer")
               : err;
}

static enum corps_err gauge_echo(struct corps_context *context, void *self, const struct corps_value *args,
                                 struct corps_value *result) {
    ((struct gauge *)self)->ran++;
    return method_echo(context, self, args, result);
}

static enum corps_err gauge_fail(struct corps_context *context, void *self, const struct corps_value *args,
                                 struct corps_value *result) {
    (void)self;
    (void)args;
    (void)result;
    return corps_fail(context, "Usual", "an answer");
}

/* Answers later, on this very thread. */
static enum corps_err gauge_hold(struct corps_context *context, void *self, const struct corps_value *args,
                                 struct corps_value *result) {
    (void)self;
    (void)result;
    const struct corps_value answer = corps_int(args->integer);
    struct corps_request *request = corps_request_hold(context);
    return request != NULL && corps_request_reply(request, &answer) == CORPS_OK ? CORPS_ERR_PENDING
                                                                                : CORPS_ERR_NO_MEMORY;
}

/* 10,000 × before + 100 × after + ran; itself not counted in `after`, nor is `hold`. */
static enum corps_err gauge_read(struct corps_context *context, void *self, const struct corps_value *args,
                                 struct corps_value *result) {
    (void)context;
    (void)args;
    const struct gauge *gauge = self;
    *result = corps_int(10000 * gauge->before + 100 * gauge->after + gauge->ran);
    return CORPS_OK;
}

/* Sends itself so many requests without reply, which come as a batch. */
static enum corps_err gauge_send(struct corps_context *context, void *self, const struct corps_value *args,
                                 struct corps_value *result) {
    (void)self;
    (void)result;
    for (int64_t i = 0; i < args->integer; i++) {
        const struct corps_value number = corps_int(100 + i);
        enum corps_err err = corps_send(corps_context_name(context), "echo", &number, NULL);
        if (err != CORPS_OK) {
            return err;
        }
    }
    return CORPS_OK;
}

static const struct corps_method methods[] = {{"echo", gauge_echo}, {"fail", gauge_fail}, {"mend", gauge_fail},
                                              {"hold", gauge_hold}, {"read", gauge_read}, {"send", gauge_send},
                                              {NULL, NULL}};
static const struct corps_class both = {
    .name = "Both", .bytes = sizeof(struct gauge), .methods = methods, .before = gauge_before, .after = gauge_after};
static const struct corps_class first = {
    .name = "First", .bytes = sizeof(struct gauge), .methods = methods, .before = gauge_before};
static const struct corps_class last = {
    .name = "Last", .bytes = sizeof(struct gauge), .methods = methods, .after = gauge_after};
static const struct corps_class *const classes[] = {&both, &first, &last, NULL};

static void assert_fails(const struct corps_name *name, const char *method, int64_t number, const char *type) {
    struct corps_future *future = begin(name, method, corps_int(number));
    assert_int_equal(corps_future_wait(future, LONG_NS, NULL), CORPS_ERR_REMOTE);
    assert_string_equal(corps_future_error(future)->type, type);
    corps_future_destroy(future);
}

static void test_both(void **state) {
    (void)state;
    struct corps *corps = make_with((struct corps_options){.env_count = 2});
    struct corps_name *name = worker_in(corps, "Both", last_env(corps));
    assert_int_equal(ask_int(name, "echo", corps_int(7)), 7);
    assert_fails(name, "echo", -7, "Refused"); /* neither the method nor `after` has run */
    assert_int_equal(ask_int(name, "read", corps_nil()), 30000 + 100 + 1);
    assert_fails(name, "echo", 13, "Unlucky");
    assert_fails(name, "fail", 1, "Usual");
    assert_int_equal(ask_int(name, "mend", corps_int(1)), 0);
    assert_int_equal(ask_int(name, "hold", corps_int(5)), 5);
    assert_int_equal(ask_int(name, "read", corps_nil()), 80000 + 500 + 2);
    corps_name_unref(name);
    assert_ok(corps_exit(corps, LONG_NS));
}

static void test_one(void **state) {
    (void)state;
    struct corps *corps = make_with((struct corps_options){.env_count = 2});
    struct corps_name *before = worker_in(corps, "First", 0), *after = worker_in(corps, "Last", last_env(corps));
    assert_fails(before, "echo", -7, "Refused");
    assert_int_equal(ask_int(before, "echo", corps_int(13)), 13);
    assert_int_equal(ask_int(before, "read", corps_nil()), 30000 + 1);
    assert_int_equal(ask_int(after, "echo", corps_int(-7)), -7);
    assert_fails(after, "echo", 13, "Unlucky");
    assert_int_equal(ask_int(after, "read", corps_nil()), 200 + 2);
    corps_name_unref(before);
    corps_name_unref(after);
    assert_ok(corps_exit(corps, LONG_NS));
}

static void test_batches(void **state) {
    (void)state;
    struct corps *corps = make_with((struct corps_options){.env_count = 2});
    struct corps_name *name = worker_in(corps, "Both", last_env(corps));
    corps_future_destroy(ask(name, "send", corps_int(50), NULL));
    int64_t seen;
    while ((seen = ask_int(name, "read", corps_nil())) % 100 < 50) {
        poll(NULL, 0, 1);
    }
    assert_int_equal(seen / 10000 - 1, seen / 100 % 100); /* around each of them; `read` is in the midst of its own */
    assert_true(seen / 10000 > 50);
    corps_name_unref(name);
    assert_ok(corps_exit(corps, LONG_NS));
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_both),
        cmocka_unit_test(test_one),
        cmocka_unit_test(test_batches),
    };
    int status = test_start(argc, argv, classes);
    return status != 0 ? status : cmocka_run_group_tests(tests, NULL, NULL);
}
