/* Corps in Corps, and what bindings of other languages use: `assemblage TRANSPORT [TEST]`. */

#include "gate.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

enum { DETAIL_BYTES = 10000 };

static unsigned envs; /* 1 for transport queue */

/* ---- a class that does it all, and one for any other name ---- */

struct node {
    struct corps *inner;
    struct corps_name *next;
};

static enum corps_err node_grow(struct corps_context *context, void *self, const struct corps_value *args,
                                struct corps_value *result) {
    (void)context;
    struct node *node = self;
    const struct corps_options options = {.env_count = envs, .detached = (int)args->integer};
    enum corps_err err = corps_create("Node", NULL, &options, &node->inner);
    if (err == CORPS_OK) {
        *result = corps_value_of_name(corps_front(node->inner));
    }
    return err;
}

static enum corps_err node_finish(struct corps_context *context, void *self, const struct corps_value *args,
                                  struct corps_value *result) {
    (void)context;
    (void)self;
    (void)args;
    *result = corps_bool(true);
    return corps_end(corps_own());
}

static enum corps_err node_fail(struct corps_context *context, void *self, const struct corps_value *args,
                                struct corps_value *result) {
    (void)self;
    (void)args;
    (void)result;
    static char detail[DETAIL_BYTES];
    memset(detail, 'd', sizeof detail);
    const struct corps_error_info info = {.type = "Trouble",
                                          .text = "in full",
                                          .traceback = "line 1\nline 2\n",
                                          .detail = detail,
                                          .detail_bytes = sizeof detail};
    return corps_fail_with(context, &info);
}

static enum corps_err node_link(struct corps_context *context, void *self, const struct corps_value *args,
                                struct corps_value *result) {
    (void)context;
    (void)result;
    ((struct node *)self)->next = corps_name_ref(corps_value_item(args, 0)->name);
    return CORPS_OK;
}

static enum corps_err node_round(struct corps_context *context, void *self, const struct corps_value *args,
                                 struct corps_value *result) {
    (void)context;
    (void)args;
    struct corps_future *future;
    const struct corps_value *answer;
    enum corps_err err = corps_call(((struct node *)self)->next, "round", NULL, NULL, &future);
    if (err != CORPS_OK) {
        return err;
    }
    err = corps_future_wait(future, CORPS_FOREVER, &answer);
    *result = corps_nil();
    corps_future_destroy(future);
    return err;
}

static void node_cleanup(struct corps_context *context, void *self) {
    (void)context;
    corps_name_unref(((struct node *)self)->next);
}

static const struct corps_method node_methods[] = {
    {"pid", method_pid},     {"grow", node_grow},           {"finish", node_finish},
    {"fail", node_fail},     {"link", node_link},           {"round", node_round},
    {"sleep", method_sleep}, {"wait_for", method_wait_for}, {NULL, NULL},
};

static const struct corps_class node_class = {
    .name = "Node", .bytes = sizeof(struct node), .methods = node_methods, .cleanup = node_cleanup};

static enum corps_err any_init(struct corps_context *context, void *self, const struct corps_value *args,
                               struct corps_value *result) {
    (void)self;
    (void)args;
    (void)result;
    return strcmp(corps_context_class(context), "Wrong") == 0 ? corps_fail(context, "Refusal", "not %s", "this")
                                                              : CORPS_OK;
}

static enum corps_err any_method(struct corps_context *context, void *self, const struct corps_value *args,
                                 struct corps_value *result) {
    (void)self;
    (void)args;
    const char *parts[2] = {corps_context_class(context), corps_context_method(context)};
    char *text = corps_context_alloc(context, 128);
    snprintf(text, 128, "%s.%s", parts[0], parts[1]);
    *result = corps_str(text);
    return CORPS_OK;
}

static const struct corps_class any_class = {.name = CORPS_ANY_CLASS, .init = any_init, .any = any_method};
static const struct corps_class *const classes[] = {&node_class, &any_class, NULL};

/* ---- helpers ---- */

static struct corps *make(const char *front) {
    const struct corps_options options = {.env_count = envs};
    struct corps *corps;
    assert_ok(corps_create(front, NULL, &options, &corps));
    return corps;
}

static int64_t ask_number(const struct corps_name *name, const char *method) {
    struct corps_future *future = begin(name, method, corps_nil());
    const struct corps_value *answer;
    assert_ok(corps_future_wait(future, LONG_NS, &answer));
    int64_t number = answer->kind == CORPS_INT ? answer->integer : answer->boolean;
    corps_future_destroy(future);
    return number;
}

static struct corps_name *grow(const struct corps_name *front, int detached) {
    struct corps_future *future = begin(front, "grow", corps_int(detached));
    const struct corps_value *answer;
    assert_ok(corps_future_wait(future, LONG_NS, &answer));
    assert_int_equal(answer->kind, CORPS_NAME);
    struct corps_name *name = corps_name_ref(answer->name);
    corps_future_destroy(future);
    return name;
}

/* The process ends within the time that anything may take. */
static void assert_ends(int64_t pid) {
    for (int i = 0; i < 2000 && kill((pid_t)pid, 0) == 0; i++) {
        usleep(10000);
    }
    assert_int_equal(kill((pid_t)pid, 0), -1);
    assert_int_equal(errno, ESRCH);
}

/* A call to a Corps that has ended fails, at once or at its wait, and says so. */
static void assert_gone(const struct corps_name *name) {
    struct corps_future *future = NULL;
    enum corps_err err = corps_call(name, "pid", NULL, NULL, &future);
    if (err == CORPS_OK) {
        err = corps_future_wait(future, LONG_NS, NULL);
    }
    corps_future_destroy(future);
    assert_true(err == CORPS_ERR_EXITED || err == CORPS_ERR_WORKER_LOST || err == CORPS_ERR_CLOSED);
}

/* ---- tests ---- */

static void test_inner_ends_with_outer(void **state) {
    (void)state;
    struct corps *outer = make("Node");
    struct corps_name *inner = grow(corps_front(outer), 0);
    int64_t pid = ask_number(inner, "pid");
    assert_true(pid != ask_number(corps_front(outer), "pid"));
    assert_ok(corps_exit(outer, LONG_NS));
    assert_ends(pid);
    assert_gone(inner);
    corps_name_unref(inner);
}

static void test_detached_lives_on(void **state) {
    (void)state;
    struct corps *outer = make("Node");
    struct corps_name *inner = grow(corps_front(outer), 1);
    int64_t pid = ask_number(inner, "pid");
    assert_ok(corps_exit(outer, LONG_NS));
    assert_int_equal(ask_number(inner, "pid"), pid);
    assert_int_equal(ask_number(inner, "finish"), true); /* the answer comes before the end */
    assert_ends(pid);
    assert_gone(inner);
    corps_name_unref(inner);
}

static void test_three_levels(void **state) {
    (void)state;
    struct corps *outer = make("Node");
    struct corps_name *middle = grow(corps_front(outer), 0);
    struct corps_name *inner = grow(middle, 0);
    int64_t pid = ask_number(inner, "pid");
    assert_ok(corps_exit(outer, LONG_NS));
    assert_ends(pid);
    corps_name_unref(middle);
    corps_name_unref(inner);
}

static void test_ends_itself(void **state) {
    (void)state;
    struct corps *corps = make("Node");
    assert_int_equal(ask_number(corps_front(corps), "finish"), true);
    assert_ok(corps_wait_ended(corps, LONG_NS));
    assert_true(corps_has_ended(corps));
    assert_ok(corps_exit(corps, LONG_NS));
}

static void test_any_class(void **state) {
    (void)state;
    struct corps *corps = make(NULL);
    struct corps_name *name;
    assert_ok(corps_create_concs(corps, "Made up", NULL, CORPS_ENV_ID(envs - 1), 1, &name));
    struct corps_future *future = begin(name, "whatever", corps_nil());
    const struct corps_value *answer;
    assert_ok(corps_future_wait(future, LONG_NS, &answer));
    assert_int_equal(answer->count, strlen("Made up.whatever"));
    assert_memory_equal(answer->str, "Made up.whatever", answer->count);
    corps_future_destroy(future);
    assert_string_equal(corps_name_class(name), "Made up");
    corps_name_unref(name);
    assert_int_equal(corps_create_concs(corps, "Wrong", NULL, CORPS_AUTO, 1, &name), CORPS_ERR_REMOTE);
    assert_string_equal(corps_create_failure()->type, "Refusal");
    assert_string_equal(corps_create_failure()->text, "not this");
    assert_ok(corps_exit(corps, LONG_NS));
}

static void test_front_fails(void **state) {
    (void)state;
    struct corps *corps;
    assert_int_equal(corps_create("Wrong", NULL, NULL, &corps), CORPS_ERR_REMOTE);
    assert_string_equal(corps_create_failure()->type, "Refusal");
}

static void test_failure_in_full(void **state) {
    (void)state;
    struct corps *corps = make(NULL);
    struct corps_name *name;
    assert_ok(corps_create_concs(corps, "Node", NULL, CORPS_ENV_ID(envs - 1), 1, &name));
    struct corps_future *future = begin(name, "fail", corps_nil());
    assert_int_equal(corps_future_wait(future, LONG_NS, NULL), CORPS_ERR_REMOTE);
    const struct corps_error_info *info = corps_future_error(future);
    assert_string_equal(info->type, "Trouble");
    assert_string_equal(info->traceback, "line 1\nline 2\n");
    assert_int_equal(info->detail_bytes, DETAIL_BYTES);
    assert_int_equal(((const char *)info->detail)[DETAIL_BYTES - 1], 'd');
    corps_future_destroy(future);
    corps_name_unref(name);
    assert_ok(corps_exit(corps, LONG_NS));
}

static void test_circle(void **state) {
    (void)state;
    enum { NODES = 3 };
    struct corps *corps = make(NULL);
    struct corps_name *names[NODES];
    assert_ok(corps_create_concs(corps, "Node", NULL, CORPS_AUTO, NODES, names));
    for (int i = 0; i < NODES; i++) {
        struct corps_value next = corps_value_of_name(names[(i + 1) % NODES]);
        struct corps_future *future = begin(names[i], "link", corps_array(&next, 1));
        assert_ok(corps_future_wait(future, LONG_NS, NULL));
        corps_future_destroy(future);
    }
    struct corps_future *future = begin(names[0], "round", corps_nil());
    assert_int_equal(corps_future_wait(future, LONG_NS, NULL), CORPS_ERR_REMOTE);
    /* Whichever wait closed the circle, its failure came down all the way. */
    assert_non_null(strstr(corps_future_error(future)->text, "could never end"));
    corps_future_destroy(future);
    for (int i = 0; i < NODES; i++) {
        corps_name_unref(names[i]);
    }
    assert_ok(corps_exit(corps, LONG_NS));
}

static void *wait_for(void *arg) {
    const struct corps_value *answer;
    enum corps_err err = corps_future_wait(arg, LONG_NS, &answer);
    return err == CORPS_OK && answer->integer == 200 ? arg : NULL;
}

static void test_many_wait_for_one(void **state) {
    (void)state;
    enum { THREADS = 6 };
    struct corps *corps = make("Node");
    struct corps_future *future = begin(corps_front(corps), "sleep", corps_int(200));
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, wait_for, future), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        void *good;
        assert_int_equal(pthread_join(threads[i], &good), 0);
        assert_ptr_equal(good, future);
    }
    corps_future_destroy(future);
    assert_ok(corps_exit(corps, LONG_NS));
}

/* More Concs that sleep than an Env has threads do not keep another one from answering. */
static void test_threads_grow(void **state) {
    (void)state;
    enum { SLEEPERS = 6 };
    struct corps *corps = make("Node");
    struct corps_name *names[SLEEPERS];
    struct gate gates[SLEEPERS];
    assert_ok(corps_create_concs(corps, "Node", NULL, CORPS_ENV_ID(0), SLEEPERS, names));
    for (int i = 0; i < SLEEPERS; i++) {
        gate_shut(&gates[i], names[i]);
    }
    assert_true(ask_number(corps_front(corps), "pid") > 0);
    for (int i = 0; i < SLEEPERS; i++) {
        assert_false(corps_future_ready(gates[i].waiting));
        gate_finish(&gates[i]);
        corps_name_unref(names[i]);
    }
    assert_ok(corps_exit(corps, LONG_NS));
}

static void notify(void *arg) {
    corps_future_fulfil(arg);
}

static void test_promise(void **state) {
    (void)state;
    struct corps *corps = make("Node");
    struct corps_future *bell = corps_future_create();
    struct corps_future *future = begin(corps_front(corps), "pid", corps_nil());
    assert_non_null(bell);
    corps_future_on_ready(future, notify, bell);
    assert_ok(corps_future_wait(bell, LONG_NS, NULL));
    assert_true(corps_future_ready(future));
    corps_future_destroy(bell);
    corps_future_destroy(future);
    assert_ok(corps_exit(corps, LONG_NS));
}

int main(int argc, char **argv) {
    int failed = test_start(argc, argv, classes);
    if (failed != 0) {
        return failed;
    }
    envs = one_env_only ? 1 : 2;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_inner_ends_with_outer),
        cmocka_unit_test(test_detached_lives_on),
        cmocka_unit_test(test_three_levels),
        cmocka_unit_test(test_ends_itself),
        cmocka_unit_test(test_any_class),
        cmocka_unit_test(test_front_fails),
        cmocka_unit_test(test_failure_in_full),
        cmocka_unit_test(test_circle),
        cmocka_unit_test(test_many_wait_for_one),
        cmocka_unit_test(test_threads_grow),
        cmocka_unit_test(test_promise),
    };
    return cmocka_run_group_tests_name(argv[1], tests, NULL, NULL);
}
