/* Workers that are broken and made again in their Env: `wards TRANSPORT [TEST]` runs one test, or all of them. */

#include "gate.h"

#include <string.h>

/* ---- Store: a number, which begins as its init is told; what the Stores of an Env have in common ---- */

struct store {
    int64_t value;
    int64_t first;
};

static _Atomic int inits, failing; /* so many inits from now on fail */
static _Atomic int64_t ended[64];  /* the first numbers of those whose cleanup ran, in order */
static _Atomic int ended_count;
static struct corps_request *_Atomic held; /* the order of the two methods is the program's, in another process */

static enum corps_err store_init(struct corps_context *context, void *self, const struct corps_value *args,
                                 struct corps_value *result) {
    (void)result;
    struct store *store = self;
    inits++;
    if (failing > 0) {
        return corps_fail(context, "Gone", "init %d fails", failing--);
    }
    assert_int_equal(store->first, 0); /* zeroed */
    store->value = store->first = args->integer;
    return CORPS_OK;
}

static void store_cleanup(struct corps_context *context, void *self) {
    (void)context;
    ended[ended_count++ % 64] = ((struct store *)self)->first;
}

static enum corps_err store_add(struct corps_context *context, void *self, const struct corps_value *args,
                                struct corps_value *result) {
    (void)context;
    struct store *store = self;
    store->value += args->integer;
    *result = corps_int(store->value);
    return CORPS_OK;
}

static enum corps_err store_crash(struct corps_context *context, void *self, const struct corps_value *args,
                                  struct corps_value *result) {
    (void)self;
    (void)result;
    char text[64];
    snprintf(text, sizeof text, "%.*s", (int)args->count, args->str);
    return corps_context_crash(context, text);
}

static enum corps_err store_fail(struct corps_context *context, void *self, const struct corps_value *args,
                                 struct corps_value *result) {
    (void)self;
    (void)args;
    (void)result;
    return corps_fail(context, "Usual", "an answer");
}

/* Keeps its request, for another Store to answer by `let_crash`. */
static enum corps_err store_hold(struct corps_context *context, void *self, const struct corps_value *args,
                                 struct corps_value *result) {
    (void)self;
    (void)args;
    (void)result;
    held = corps_request_hold(context);
    return CORPS_ERR_PENDING;
}

static enum corps_err store_let_crash(struct corps_context *context, void *self, const struct corps_value *args,
                                      struct corps_value *result) {
    (void)context;
    (void)self;
    (void)args;
    (void)result;
    const struct corps_error_info info = {.type = "Crash", .text = "later"};
    enum corps_err err = corps_request_crash_with(held, &info);
    assert_int_equal(err, CORPS_OK);
    return CORPS_OK;
}

/* [Name, number]: what a call of its `add` from this Env gives that does not wait. */
static enum corps_err store_try(struct corps_context *context, void *self, const struct corps_value *args,
                                struct corps_value *result) {
    (void)context;
    (void)self;
    const struct corps_call_options options = {.flags = CORPS_CALL_TRY};
    struct corps_future *future = NULL;
    enum corps_err err =
        corps_call(corps_value_item(args, 0)->name, "add", corps_value_item(args, 1), &options, &future);
    corps_future_destroy(future);
    *result = corps_int(err);
    return CORPS_OK;
}

/* The same with a deadline. */
static enum corps_err store_soon(struct corps_context *context, void *self, const struct corps_value *args,
                                 struct corps_value *result) {
    (void)context;
    (void)self;
    const struct corps_call_options options = {.timeout_ns = 1000000};
    struct corps_future *future = NULL;
    *result =
        corps_int(corps_call(corps_value_item(args, 0)->name, "add", corps_value_item(args, 1), &options, &future));
    corps_future_destroy(future);
    return CORPS_OK;
}

static enum corps_err store_let_fail(struct corps_context *context, void *self, const struct corps_value *args,
                                     struct corps_value *result) {
    (void)context;
    (void)self;
    (void)result;
    failing = (int)args->integer;
    return CORPS_OK;
}

static enum corps_err store_inits(struct corps_context *context, void *self, const struct corps_value *args,
                                  struct corps_value *result) {
    (void)context;
    (void)self;
    (void)args;
    *result = corps_int(inits);
    return CORPS_OK;
}

/* The last three cleanups of this Env's Stores, as digits. */
static enum corps_err store_ended(struct corps_context *context, void *self, const struct corps_value *args,
                                  struct corps_value *result) {
    (void)context;
    (void)self;
    (void)args;
    int64_t digits = 0;
    for (int i = ended_count > 3 ? ended_count - 3 : 0; i < ended_count; i++) {
        digits = 10 * digits + ended[i % 64];
    }
    *result = corps_int(digits);
    return CORPS_OK;
}

static const struct corps_method store_methods[] = {
    {"add", store_add},     {"crash", store_crash},         {"fail", store_fail},
    {"hold", store_hold},   {"let_crash", store_let_crash}, {"try", store_try},
    {"soon", store_soon},   {"let_fail", store_let_fail},   {"inits", store_inits},
    {"ended", store_ended}, {"wait_for", method_wait_for},  {NULL, NULL}};
static const struct corps_class store_class = {.name = "Store",
                                               .bytes = sizeof(struct store),
                                               .init = store_init,
                                               .cleanup = store_cleanup,
                                               .methods = store_methods};
static const struct corps_class *const classes[] = {&store_class, NULL};

/* ---- what the tests share ---- */

enum { MANY = 100 };

static const struct corps_supervision often = {
    .restart = CORPS_RESTART_ON_FAILURE, .intensity = 100, .backoff_ns = 1, .backoff_max_ns = 1};

static void make_stores(struct corps *corps, unsigned env, unsigned count, const struct corps_supervision *supervision,
                        struct corps_name **names) {
    const struct corps_value args = corps_int(7);
    assert_ok(corps_create_supervised(corps, "Store", &args, CORPS_ENV_ID(env), count, supervision, names));
}

/* What the answer of a call is that fails. */
static void assert_fails(const struct corps_name *name, const char *method, struct corps_value args,
                         enum corps_err code, const char *words) {
    struct corps_future *future = begin(name, method, args);
    assert_int_equal(corps_future_wait(future, LONG_NS, NULL), code);
    const struct corps_error_info *info = corps_future_error(future);
    if (strstr(info->text, words) == NULL && strcmp(info->type, words) != 0) {
        fail_msg("'%s' is not in %s: %s", words, info->type, info->text);
    }
    corps_future_destroy(future);
}

static void crash(const struct corps_name *name, const char *why) {
    assert_fails(name, "crash", corps_str(why), CORPS_ERR_REMOTE, "Crash");
}

static int64_t add(const struct corps_name *name, int64_t number) {
    return ask_int(name, "add", corps_int(number));
}

static void drop(struct corps_name **names, unsigned count) {
    for (unsigned i = 0; i < count; i++) {
        corps_name_unref(names[i]);
    }
}

/* ---- tests ---- */

static void test_made_again(void **state) {
    (void)state;
    struct corps *corps = make_with((struct corps_options){.env_count = 2});
    for (unsigned env = 0; env < corps_env_count(corps); env++) {
        struct corps_name *name;
        make_stores(corps, env, 1, &often, &name);
        int64_t before = ask_int(name, "inits", corps_nil());
        for (int i = 1; i <= 20; i++) {
            assert_int_equal(add(name, 3), 10);
            assert_fails(name, "fail", corps_nil(), CORPS_ERR_REMOTE, "Usual"); /* an answer */
            assert_int_equal(add(name, 3), 13);
            crash(name, "broken");
            assert_int_equal(add(name, 0), 7);
            assert_int_equal(ask_int(name, "inits", corps_nil()), before + i);
        }
        corps_name_unref(name);
    }
    assert_ok(corps_exit(corps, LONG_NS));
}

/* What comes after a crash is for the next life, all of it and in order. */
static void test_what_comes_meanwhile(void **state) {
    (void)state;
    struct corps *corps = make_with((struct corps_options){.env_count = 2});
    for (unsigned env = 0; env < corps_env_count(corps); env++) {
        struct corps_name *name;
        make_stores(corps, env, 1, &often, &name);
        struct gate gate;
        gate_shut(&gate, name);
        assert_ok(corps_send(name, "add", &(struct corps_value){.kind = CORPS_INT, .integer = 1000}, NULL));
        struct corps_future *broken = begin(name, "crash", corps_str("first"));
        const struct corps_value one = corps_int(1);
        struct corps_future *answers[MANY];
        for (int i = 0; i < MANY; i++) {
            assert_ok(corps_send(name, "add", &one, NULL));
            answers[i] = begin(name, "add", one);
        }
        struct corps_future *again = begin(name, "crash", corps_str("second"));
        struct corps_future *last = begin(name, "add", one);
        gate_finish(&gate);
        assert_int_equal(corps_future_wait(broken, LONG_NS, NULL), CORPS_ERR_REMOTE);
        for (int i = 0; i < MANY; i++) {
            const struct corps_value *value;
            assert_ok(corps_future_wait(answers[i], LONG_NS, &value));
            assert_int_equal(value->integer, 7 + 2 * (i + 1));
            corps_future_destroy(answers[i]);
        }
        assert_int_equal(corps_future_wait(again, LONG_NS, NULL), CORPS_ERR_REMOTE);
        const struct corps_value *value;
        assert_ok(corps_future_wait(last, LONG_NS, &value));
        assert_int_equal(value->integer, 8);
        corps_future_destroy(broken);
        corps_future_destroy(again);
        corps_future_destroy(last);
        corps_name_unref(name);
    }
    assert_ok(corps_exit(corps, LONG_NS));
}

/* A request that was put off says so; and one of a former life changes nothing any more. */
static void test_put_off(void **state) {
    (void)state;
    struct corps *corps = make_with((struct corps_options){.env_count = 2});
    struct corps_name *name;
    struct corps_name *other = worker_in(corps, "Store", last_env(corps));
    make_stores(corps, last_env(corps), 1, &often, &name);
    for (int i = 0; i < 2; i++) {
        struct corps_future *answer = begin(name, "hold", corps_nil());
        assert_int_equal(add(name, 1), 8); /* behind it */
        if (i == 1) {
            crash(name, "meanwhile");
            assert_int_equal(add(name, 2), 9);
        }
        corps_future_destroy(ask(other, "let_crash", corps_nil(), NULL));
        assert_int_equal(corps_future_wait(answer, LONG_NS, NULL), CORPS_ERR_REMOTE);
        assert_int_equal(add(name, 0), i == 0 ? 7 : 9);
        corps_future_destroy(answer);
    }
    corps_name_unref(name);
    corps_name_unref(other);
    assert_ok(corps_exit(corps, LONG_NS));
}

/* Between two inits, a long time after each other: senders of its Env see a full mailbox. */
static void test_while_down(void **state) {
    (void)state;
    struct corps *corps = make_with((struct corps_options){.env_count = 2});
    struct corps_supervision slow = often;
    slow.backoff_ns = slow.backoff_max_ns = LONG_NS;
    struct corps_name *name;
    struct corps_name *other = worker_in(corps, "Store", last_env(corps));
    make_stores(corps, last_env(corps), 1, &slow, &name);
    crash(name, "first");
    struct corps_value items[2] = {corps_value_of_name(name), corps_int(1)};
    struct corps_value args = corps_array(items, 2);
    crash(name, "second"); /* from here on it is down */
    assert_int_equal(ask_int(other, "try", args), CORPS_ERR_FULL);
    assert_int_equal(ask_int(other, "soon", args), CORPS_ERR_TIMEOUT);
    corps_name_unref(name);
    corps_name_unref(other);
    assert_ok(corps_exit(corps, LONG_NS));
}

static void test_siblings(void **state) {
    (void)state;
    static const struct {
        enum corps_strategy strategy;
        int64_t values[3];
        int64_t ended;
    } cases[] = {
        {CORPS_ONE_FOR_ONE, {8, 7, 8}, 7}, {CORPS_REST_FOR_ONE, {8, 7, 7}, 77}, {CORPS_ONE_FOR_ALL, {7, 7, 7}, 777}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct corps *corps = make_with((struct corps_options){.env_count = 2});
        struct corps_supervision supervision = often;
        supervision.strategy = cases[i].strategy;
        struct corps_name *names[3];
        make_stores(corps, last_env(corps), 3, &supervision, names);
        struct corps_name *other = worker_in(corps, "Store", last_env(corps));
        for (int k = 0; k < 3; k++) {
            assert_int_equal(add(names[k], 1), 8);
        }
        crash(names[1], "the middle one");
        assert_int_equal(add(names[1], 0), 7); /* made again after all before it */
        for (int k = 0; k < 3; k++) {
            assert_int_equal(add(names[k], 0), cases[i].values[k]);
        }
        assert_int_equal(ask_int(other, "ended", corps_nil()), cases[i].ended);
        drop(names, 3);
        corps_name_unref(other);
        assert_ok(corps_exit(corps, LONG_NS));
    }
}

/* Inits that fail: the first error is told, to all that share its fate; the others go on. */
static void test_gives_up(void **state) {
    (void)state;
    struct corps *corps = make_with((struct corps_options){.env_count = 2});
    struct corps_supervision few = often;
    few.intensity = 2;
    few.strategy = CORPS_REST_FOR_ONE;
    struct corps_name *names[3];
    make_stores(corps, last_env(corps), 3, &few, names);
    corps_future_destroy(ask(names[0], "let_fail", corps_int(MANY), NULL));
    crash(names[1], "the very first");
    for (int k = 1; k < 3; k++) {
        assert_fails(names[k], "add", corps_int(1), CORPS_ERR_WORKER_LOST, "3 failures");
        assert_fails(names[k], "add", corps_int(1), CORPS_ERR_WORKER_LOST, "the very first");
        assert_fails(names[k], "add", corps_int(1), CORPS_ERR_WORKER_LOST, "init 100 fails");
    }
    assert_int_equal(add(names[0], 1), 8);
    drop(names, 3);
    assert_ok(corps_exit(corps, LONG_NS));
}

/* Without a policy it is lost at once. */
static void test_lost(void **state) {
    (void)state;
    struct corps *corps = make_with((struct corps_options){.env_count = 2});
    for (unsigned env = 0; env < corps_env_count(corps); env++) {
        struct corps_name *name = worker_in(corps, "Store", env);
        struct gate gate;
        gate_shut(&gate, name);
        struct corps_future *broken = begin(name, "crash", corps_str("the last word"));
        struct corps_future *later = begin(name, "add", corps_int(1));
        gate_finish(&gate);
        assert_int_equal(corps_future_wait(broken, LONG_NS, NULL), CORPS_ERR_REMOTE);
        assert_int_equal(corps_future_wait(later, LONG_NS, NULL), CORPS_ERR_WORKER_LOST);
        assert_non_null(strstr(corps_future_error(later)->text, "the last word"));
        assert_fails(name, "add", corps_int(1), CORPS_ERR_WORKER_LOST, "the last word");
        corps_future_destroy(broken);
        corps_future_destroy(later);
        corps_name_unref(name);
    }
    assert_ok(corps_exit(corps, LONG_NS));
}

/* The Corps ends while one waits to be made again. */
static void test_end_while_down(void **state) {
    (void)state;
    struct corps *corps = make_with((struct corps_options){.env_count = 2});
    struct corps_supervision slow = often;
    slow.backoff_ns = slow.backoff_max_ns = LONG_NS;
    struct corps_name *name;
    make_stores(corps, last_env(corps), 1, &slow, &name);
    crash(name, "first");
    crash(name, "second");
    struct corps_future *waits = begin(name, "add", corps_int(1));
    assert_ok(corps_end(corps));
    enum corps_err err = corps_future_wait(waits, LONG_NS, NULL);
    assert_true(err == CORPS_ERR_WORKER_LOST || err == CORPS_ERR_EXITED);
    corps_future_destroy(waits);
    corps_name_unref(name);
    assert_ok(corps_exit(corps, LONG_NS));
}

static void test_policies_that_make_no_sense(void **state) {
    (void)state;
    struct corps *corps = make_with((struct corps_options){.env_count = 2});
    static const struct {
        struct corps_supervision supervision;
        const char *word;
    } cases[] = {{{.restart = (enum corps_restart)7}, "restart policy 7"},
                 {{.restart = CORPS_RESTART_ALWAYS, .strategy = (enum corps_strategy)9}, "strategy 9"},
                 {{.intensity = 3}, "set restart too"},
                 {{.strategy = CORPS_ONE_FOR_ALL}, "set restart too"},
                 {{.restart = CORPS_RESTART_ALWAYS, .intensity = 101}, "at most 100"},
                 {{.restart = CORPS_RESTART_ALWAYS, .period_ns = -1}, "positive"},
                 {{.restart = CORPS_RESTART_ALWAYS, .reserved = {1}}, "corps_supervision"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct corps_name *name;
        assert_int_equal(corps_create_supervised(corps, "Store", NULL, CORPS_AUTO, 1, &cases[i].supervision, &name),
                         CORPS_ERR_INVALID);
        assert_non_null(strstr(corps_error_detail(), cases[i].word));
    }
    assert_ok(corps_exit(corps, LONG_NS));
}

int main(int argc, char **argv) {
    int failed = test_start(argc, argv, classes);
    if (failed != 0) {
        return failed;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_made_again),
        cmocka_unit_test(test_what_comes_meanwhile),
        cmocka_unit_test(test_put_off),
        cmocka_unit_test(test_while_down),
        cmocka_unit_test(test_siblings),
        cmocka_unit_test(test_gives_up),
        cmocka_unit_test(test_lost),
        cmocka_unit_test(test_end_while_down),
        cmocka_unit_test(test_policies_that_make_no_sense),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
