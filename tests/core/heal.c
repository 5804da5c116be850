/* Envs that are started again: `heal TRANSPORT [TEST]` runs one test, or all of them. */

#include "gate.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- Store: a number, which begins as its init is told ---- */

struct store {
    int64_t value;
    struct corps_name *own;
};

static enum corps_err store_init(struct corps_context *context, void *self, const struct corps_value *args,
                                 struct corps_value *result) {
    (void)context;
    (void)result;
    ((struct store *)self)->value = args->integer;
    return CORPS_OK;
}

static enum corps_err store_add(struct corps_context *context, void *self, const struct corps_value *args,
                                struct corps_value *result) {
    (void)context;
    struct store *store = self;
    store->value += args->integer;
    *result = corps_int(store->value);
    return CORPS_OK;
}

static enum corps_err store_leave(struct corps_context *context, void *self, const struct corps_value *args,
                                  struct corps_value *result) {
    (void)context;
    (void)self;
    (void)result;
    _exit((int)args->integer);
}

/* A Worker of the same Env, that nobody else has asked for. */
static enum corps_err store_make_own(struct corps_context *context, void *self, const struct corps_value *args,
                                     struct corps_value *result) {
    struct store *store = self;
    corps_name_unref(store->own);
    store->own = NULL;
    enum corps_err err = corps_create_concs(corps_context_corps(context), "Store", args,
                                            CORPS_ENV_ID(corps_context_env(context)), 1, &store->own);
    if (err == CORPS_OK) {
        *result = corps_value_of_name(store->own);
    }
    return err;
}

static void store_cleanup(struct corps_context *context, void *self) {
    (void)context;
    corps_name_unref(((struct store *)self)->own);
}

/* [Name, number]: has it add that, and answers what it answers. */
static enum corps_err store_have_add(struct corps_context *context, void *self, const struct corps_value *args,
                                     struct corps_value *result) {
    (void)context;
    (void)self;
    *result = corps_int(ask_int(corps_value_item(args, 0)->name, "add", *corps_value_item(args, 1)));
    return CORPS_OK;
}

static const struct corps_method store_methods[] = {
    {"add", store_add},           {"leave", store_leave},        {"make_own", store_make_own},
    {"have_add", store_have_add}, {"wait_for", method_wait_for}, {NULL, NULL}};
static const struct corps_class store_class = {.name = "Store",
                                               .bytes = sizeof(struct store),
                                               .init = store_init,
                                               .cleanup = store_cleanup,
                                               .methods = store_methods};

static const struct corps_class *const classes[] = {&store_class, NULL};

/* ---- what the tests share ---- */

static struct corps *make_healing(unsigned intensity, int64_t backoff_ns) {
    return make_with((struct corps_options){.env_count = 3,
                                            .restart = CORPS_RESTART_ON_FAILURE,
                                            .intensity = intensity,
                                            .backoff_ns = backoff_ns,
                                            .backoff_max_ns = backoff_ns != 0 ? backoff_ns : 0});
}

static struct corps_name *store_in(struct corps *corps, unsigned env, int64_t start) {
    struct corps_value args = corps_int(start);
    struct corps_name *name;
    assert_int_equal(corps_create_concs(corps, "Store", &args, CORPS_ENV_ID(env), 1, &name), CORPS_OK);
    return name;
}

static enum corps_err try_add(const struct corps_name *name, int64_t number, const struct corps_call_options *options,
                              int64_t *out) {
    struct corps_value args = corps_int(number);
    struct corps_future *future;
    enum corps_err err = corps_call(name, "add", &args, options, &future);
    if (err != CORPS_OK) {
        return err;
    }
    const struct corps_value *value = NULL;
    err = corps_future_wait(future, LONG_NS, &value);
    *out = err == CORPS_OK ? value->integer : -1;
    corps_future_destroy(future);
    return err;
}

static int64_t add(const struct corps_name *name, int64_t number) {
    return ask_int(name, "add", corps_int(number));
}

/* The first answer after an Env was killed. A call that is made before the news has come may be lost with it. */
static int64_t add_after_death(const struct corps_name *name, int64_t number) {
    int64_t result = -1;
    enum corps_err err = CORPS_ERR_WORKER_LOST;
    for (int i = 0; err == CORPS_ERR_WORKER_LOST && i < 1000; i++) {
        err = try_add(name, number, NULL, &result);
    }
    assert_int_equal(err, CORPS_OK);
    return result;
}

static int kill_env(struct corps *corps, unsigned env) {
    int pid = corps_env_pid(corps, env);
    assert_true(pid > 0);
    assert_int_equal(kill(pid, SIGKILL), 0);
    while (kill(pid, 0) == 0) { /* until Env 0 has waited for it */
        poll(NULL, 0, 1);
    }
    return pid;
}

/* ---- tests ---- */

/* The program's Names and other Envs' answer again; the state is that after init. */
static void test_names_stay(void **state) {
    (void)state;
    struct corps *corps = make_healing(100, 1000000);
    struct corps_name *one = store_in(corps, 1, 100);
    struct corps_name *two = store_in(corps, 2, 200);
    struct corps_name *zero = store_in(corps, 0, 300);
    struct corps_name *later = NULL;
    for (int i = 0; i < 20; i++) {
        assert_int_equal(add(one, 1), 101);
        int pid = kill_env(corps, 1);
        assert_int_equal(add_after_death(one, 2), 102);
        assert_int_not_equal(corps_env_pid(corps, 1), pid);
        struct corps_value args[2] = {corps_value_of_name(one), corps_int(3)};
        assert_int_equal(ask_int(two, "have_add", corps_array(args, 2)), 105);
        assert_int_equal(ask_int(zero, "have_add", corps_array(args, 2)), 108);
        if (later == NULL) { /* made in the second process: it must be in the third */
            later = store_in(corps, 1, 400);
        }
        assert_int_equal(add(later, 0), 400);
        kill_env(corps, 1);
        assert_int_equal(add_after_death(one, 0), 100);
    }
    corps_name_unref(one);
    corps_name_unref(two);
    corps_name_unref(zero);
    corps_name_unref(later);
    assert_int_equal(corps_exit(corps, LONG_NS), CORPS_OK);
}

/* What is under way ends, and says why. */
static void test_under_way(void **state) {
    (void)state;
    struct corps *corps = make_healing(100, 0);
    struct corps_name *one = store_in(corps, 1, 0);
    struct gate gate;
    gate_shut(&gate, one);
    struct corps_value number = corps_int(1);
    struct corps_future *behind;
    assert_int_equal(corps_call(one, "add", &number, NULL, &behind), CORPS_OK);
    kill_env(corps, 1);
    const struct corps_value *value;
    assert_int_equal(corps_future_wait(behind, LONG_NS, &value), CORPS_ERR_WORKER_LOST);
    assert_non_null(strstr(corps_error_detail(), "SIGKILL"));
    assert_non_null(strstr(corps_error_detail(), "started again"));
    corps_future_destroy(behind);
    assert_int_equal(corps_future_wait(gate.waiting, LONG_NS, NULL), CORPS_ERR_WORKER_LOST);
    corps_future_destroy(gate.waiting);
    assert_int_equal(add_after_death(one, 5), 5);
    corps_name_unref(one);
    assert_int_equal(corps_exit(corps, LONG_NS), CORPS_OK);
}

/* A Worker that was made in an Env by one of that Env ends with it, and nobody is ever called in its stead. */
static void test_numbers_are_given_once(void **state) {
    (void)state;
    struct corps *corps = make_healing(100, 1000000);
    struct corps_name *one = store_in(corps, 1, 0);
    enum { MADE = 8 };
    struct corps_name *gone[MADE];
    for (int i = 0; i < MADE; i++) {
        const struct corps_value *result;
        struct corps_future *future = ask(one, "make_own", corps_int(i), &result);
        gone[i] = corps_name_ref(result->name);
        corps_future_destroy(future);
        assert_int_equal(add(gone[i], 1), i + 1);
        kill_env(corps, 1);
        assert_int_equal(add_after_death(one, 0), 0);
        struct corps_name *made = store_in(corps, 1, 50);
        for (int k = 0; k <= i; k++) {
            int64_t unused;
            assert_int_equal(try_add(gone[k], 1, NULL, &unused), CORPS_ERR_NO_WORKER);
        }
        assert_int_equal(add(made, 0), 50);
        corps_name_unref(made);
    }
    for (int i = 0; i < MADE; i++) {
        corps_name_unref(gone[i]);
    }
    corps_name_unref(one);
    assert_int_equal(corps_exit(corps, LONG_NS), CORPS_OK);
}

/* While it is down, calls wait until their deadline, TRY does not, and the end of the Corps does not wait either. */
static void test_meanwhile(void **state) {
    (void)state;
    struct corps *corps = make_healing(100, 3600 * INT64_C(1000000000));
    struct corps_name *one = store_in(corps, 1, 0);
    struct corps_name *two = store_in(corps, 2, 0);
    kill_env(corps, 1);
    assert_int_equal(add_after_death(one, 1), 1);
    kill_env(corps, 1); /* the second one in a row waits */
    int64_t unused;
    while (corps_env_pid(corps, 1) != 0) {
        (void)add(two, 0);
    }
    const struct corps_call_options try_it = {.flags = CORPS_CALL_TRY};
    assert_int_equal(try_add(one, 1, &try_it, &unused), CORPS_ERR_FULL);
    assert_non_null(strstr(corps_error_detail(), "started again"));
    const struct corps_call_options soon = {.timeout_ns = 50000000};
    assert_int_equal(try_add(one, 1, &soon, &unused), CORPS_ERR_TIMEOUT);
    assert_int_equal(add(two, 7), 7);
    corps_name_unref(one);
    corps_name_unref(two);
    assert_int_equal(corps_exit(corps, LONG_NS), CORPS_OK);
}

/* One restart more than is borne: the Env is lost, with its history; the others are not. */
static void test_gives_up(void **state) {
    (void)state;
    struct corps *corps = make_healing(2, 1000000);
    struct corps_name *one = store_in(corps, 1, 0);
    struct corps_name *two = store_in(corps, 2, 0);
    for (int i = 0; i < 2; i++) {
        kill_env(corps, 1);
        assert_int_equal(add_after_death(one, 1), 1);
    }
    kill_env(corps, 1);
    int64_t unused;
    while (strstr(corps_error_detail(), "not started again") == NULL) {
        assert_int_equal(try_add(one, 1, NULL, &unused), CORPS_ERR_WORKER_LOST);
    }
    assert_non_null(strstr(corps_error_detail(), "3 failures"));
    assert_non_null(strstr(corps_error_detail(), "SIGKILL"));
    assert_int_equal(add(two, 1), 1);
    corps_name_unref(one);
    corps_name_unref(two);
    assert_int_equal(corps_exit(corps, LONG_NS), CORPS_ERR_WORKER_LOST);
}

/* Status 0 is an end in order; any other is a failure. */
static void test_ends_in_order(void **state) {
    (void)state;
    struct corps *corps = make_healing(100, 1000000);
    struct corps_name *one = store_in(corps, 1, 0);
    struct corps_value status = corps_int(3);
    struct corps_future *future;
    assert_int_equal(corps_call(one, "leave", &status, NULL, &future), CORPS_OK);
    assert_int_equal(corps_future_wait(future, LONG_NS, NULL), CORPS_ERR_WORKER_LOST);
    corps_future_destroy(future);
    assert_int_equal(add_after_death(one, 1), 1);
    status = corps_int(0);
    assert_int_equal(corps_call(one, "leave", &status, NULL, &future), CORPS_OK);
    assert_int_equal(corps_future_wait(future, LONG_NS, NULL), CORPS_ERR_WORKER_LOST);
    corps_future_destroy(future);
    int64_t unused;
    assert_int_equal(try_add(one, 1, NULL, &unused), CORPS_ERR_WORKER_LOST);
    assert_non_null(strstr(corps_error_detail(), "status 0"));
    corps_name_unref(one);
    assert_int_equal(corps_exit(corps, LONG_NS), CORPS_OK);
}

/* A process that did not create the Corps, and hears nothing of it but what its file says. */
static void test_strangers(void **state) {
    (void)state;
    struct corps *corps = make_healing(100, 1000000);
    struct corps_name *one = store_in(corps, 1, 10);
    assert_int_equal(add(one, 0), 10);
    int to_child[2];
    int to_parent[2];
    assert_int_equal(pipe(to_child), 0);
    assert_int_equal(pipe(to_parent), 0);
    pid_t child = fork();
    if (child == 0) {                     /* to a child of a fork, its parent's Corps are others' */
        prctl(PR_SET_PDEATHSIG, SIGKILL); /* no stray where the test fails */
        char word;
        bool good = true;
        for (int i = 0; good && i < 4; i++) {
            int64_t result = -1;
            enum corps_err err = CORPS_ERR_WORKER_LOST;
            for (int tries = 0; err == CORPS_ERR_WORKER_LOST && tries < 1000; tries++) {
                err = try_add(one, 1, NULL, &result);
            }
            good = err == CORPS_OK && result == 11;
            if (!good) {
                fprintf(stderr, "%s: %s, %lld\n", corps_error_name(err), corps_error_detail(), (long long)result);
            }
            good = write(to_parent[1], "x", 1) == 1 && read(to_child[0], &word, 1) == 1 && good;
        }
        _exit(good ? 0 : 1);
    }
    for (int i = 0; i < 4; i++) {
        char word;
        assert_int_equal(read(to_parent[0], &word, 1), 1);
        int pid = kill_env(corps, 1);
        if (i % 2 == 0) { /* else the child may come first */
            assert_int_equal(add_after_death(one, 0), 10);
        }
        assert_int_equal(write(to_child[1], "x", 1), 1);
        while (corps_env_pid(corps, 1) == 0 || corps_env_pid(corps, 1) == pid) {
            (void)add_after_death(one, 0);
        }
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    close(to_child[0]);
    close(to_child[1]);
    close(to_parent[0]);
    close(to_parent[1]);
    corps_name_unref(one);
    assert_int_equal(corps_exit(corps, LONG_NS), CORPS_OK);
}

static void refused(struct corps_options options, const char *word) {
    options.env_count = 2;
    struct corps *corps;
    assert_int_equal(corps_create(NULL, NULL, &options, &corps), CORPS_ERR_INVALID);
    assert_non_null(strstr(corps_error_detail(), word));
}

static void test_policies_that_make_no_sense(void **state) {
    (void)state;
    refused((struct corps_options){.restart = (enum corps_restart)7}, "restart policy 7");
    refused((struct corps_options){.intensity = 3}, "set restart too");
    refused((struct corps_options){.restart = CORPS_RESTART_ALWAYS, .intensity = 101}, "at most 100");
    refused((struct corps_options){.restart = CORPS_RESTART_ALWAYS, .period_ns = -1}, "positive");
    refused((struct corps_options){.restart = CORPS_RESTART_ALWAYS, .backoff_ns = INT64_C(60000000000)}, "limit");
}

int main(int argc, char **argv) {
    int failed = test_start(argc, argv, classes);
    if (failed != 0) {
        return failed;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names_stay),
        cmocka_unit_test(test_under_way),
        cmocka_unit_test(test_numbers_are_given_once),
        cmocka_unit_test(test_meanwhile),
        cmocka_unit_test(test_gives_up),
        cmocka_unit_test(test_ends_in_order),
        cmocka_unit_test(test_strangers),
        cmocka_unit_test(test_policies_that_make_no_sense),
    };
    return cmocka_run_group_tests_name(argv[1], tests, NULL, NULL);
}
