/* Methods that run for too long end their Env: `stuck TRANSPORT [TEST]` runs one test, or all of them. */

#include "gate.h"

#include <signal.h>
#include <string.h>
#include <unistd.h>

/* Far more than a method that is not stuck takes on a busy machine; and how long the others take. */
enum { LIMIT_MS = 1000, LONGER_MS = 1800, PIECE_MS = 700 };

static const char never[] = "/nowhere/corps-gate"; /* a gate that nobody opens */

/* ---- Store: its methods are stuck after a second. Patient: they are not, but as its init is told ---- */

static struct corps_request *_Atomic held; /* the order of the two methods is the program's, in another process */

static enum corps_err store_add(struct corps_context *context, void *self, const struct corps_value *args,
                                struct corps_value *result) {
    (void)context;
    *(int64_t *)self += args->integer;
    *result = corps_int(*(int64_t *)self);
    return CORPS_OK;
}

/* [Name, milliseconds]: has it sleep, and waits for that; before and after it sleeps for a third number itself. */
static enum corps_err store_have_sleep(struct corps_context *context, void *self, const struct corps_value *args,
                                       struct corps_value *result) {
    const struct corps_value *own = corps_value_item(args, 2);
    struct corps_value unused;
    (void)!method_sleep(context, self, own, &unused);
    *result = corps_int(ask_int(corps_value_item(args, 0)->name, "sleep", *corps_value_item(args, 1)));
    return method_sleep(context, self, own, &unused);
}

/* The Name of one of its Env: adds something there without a reply, as a batch, the last of which waits for ever. */
static enum corps_err store_send(struct corps_context *context, void *self, const struct corps_value *args,
                                 struct corps_value *result) {
    (void)context;
    (void)self;
    (void)result;
    const struct corps_value one = corps_int(1), path = corps_str(never);
    for (int i = 0; i < 5; i++) {
        assert_ok(corps_send(args->name, "add", &one, NULL));
    }
    return corps_send(args->name, "wait_for", &path, NULL);
}

static enum corps_err store_hold(struct corps_context *context, void *self, const struct corps_value *args,
                                 struct corps_value *result) {
    (void)self;
    (void)args;
    (void)result;
    held = corps_request_hold(context);
    return CORPS_ERR_PENDING;
}

static enum corps_err store_let_go(struct corps_context *context, void *self, const struct corps_value *args,
                                   struct corps_value *result) {
    (void)context;
    (void)self;
    (void)result;
    return corps_request_reply(held, args);
}

static const struct corps_method methods[] = {
    {"add", store_add},   {"pid", method_pid},  {"sleep", method_sleep},  {"have_sleep", store_have_sleep},
    {"send", store_send}, {"hold", store_hold}, {"let_go", store_let_go}, {"wait_for", method_wait_for},
    {NULL, NULL}};
static const struct corps_class store_class = {
    .name = "Store", .bytes = sizeof(int64_t), .methods = methods, .stuck_ns = LIMIT_MS * INT64_C(1000000)};

/* The argument: after how many nanoseconds its methods are stuck. */
static enum corps_err patient_init(struct corps_context *context, void *self, const struct corps_value *args,
                                   struct corps_value *result) {
    (void)self;
    (void)result;
    return args->kind == CORPS_INT ? corps_context_stuck_after(context, args->integer) : CORPS_OK;
}

static const struct corps_class patient_class = {
    .name = "Patient", .bytes = sizeof(int64_t), .init = patient_init, .methods = methods};
static const struct corps_class *const classes[] = {&store_class, &patient_class, NULL};

/* ---- what the tests share ---- */

static struct corps *make(unsigned envs, enum corps_restart restart) {
    return make_with((struct corps_options){.env_count = envs, .restart = restart});
}

static struct corps_future *begin_for_ever(const struct corps_name *name) {
    return begin(name, "wait_for", corps_str(never));
}

/* The call ends with its Env, and says why. Takes the Future. */
static void assert_stuck(struct corps_future *future, const char *words) {
    assert_int_equal(corps_future_wait(future, LONG_NS, NULL), CORPS_ERR_WORKER_LOST);
    if (strstr(corps_error_detail(), words) == NULL) {
        fail_msg("'%s' is not in: %s", words, corps_error_detail());
    }
    corps_future_destroy(future);
}

/* The first answer after its Env has died. A call that is made before the news has come may be lost with it. */
static int64_t add_after_death(const struct corps_name *name, int64_t number) {
    const struct corps_value args = corps_int(number);
    for (int i = 0; i < 1000; i++) {
        struct corps_future *future = NULL;
        const struct corps_value *value = NULL;
        enum corps_err err = corps_call(name, "add", &args, NULL, &future);
        err = err == CORPS_OK ? corps_future_wait(future, LONG_NS, &value) : err;
        int64_t result = err == CORPS_OK ? value->integer : -1;
        corps_future_destroy(future);
        if (err != CORPS_ERR_WORKER_LOST) {
            assert_int_equal(err, CORPS_OK);
            return result;
        }
    }
    fail_msg("it does not come back: %s", corps_error_detail());
    return -1;
}

/* Calls fail, and say why. */
static void assert_loses(const struct corps_name *name, const char *words) {
    const struct corps_value one = corps_int(1);
    struct corps_future *future = NULL;
    enum corps_err err = corps_call(name, "add", &one, NULL, &future);
    err = err == CORPS_OK ? corps_future_wait(future, LONG_NS, NULL) : err;
    assert_int_equal(err, CORPS_ERR_WORKER_LOST);
    assert_non_null(strstr(corps_error_detail(), words));
    corps_future_destroy(future);
}

/* ---- tests ---- */

/* Its Env is started again; what else runs there is lost with it, and the others know nothing of it. */
static void test_started_again(void **state) {
    (void)state;
    struct corps *corps = make(3, CORPS_RESTART_ON_FAILURE);
    struct corps_name *one = worker_in(corps, "Store", 1);
    struct corps_name *beside = worker_in(corps, "Patient", 1);
    struct corps_name *other = worker_in(corps, "Store", 2);
    assert_int_equal(ask_int(one, "add", corps_int(5)), 5);
    assert_int_equal(ask_int(other, "add", corps_int(5)), 5);
    int64_t pid = ask_int(one, "pid", corps_nil());
    struct corps_future *future = begin_for_ever(one);
    struct corps_future *innocent = begin_for_ever(beside);
    char words[160];
    snprintf(
        words, sizeof words,
        "Worker L1:M1.1 of class Store has run its method 'wait_for' for longer than %g s (Stuck_Timeout); its Env "
        "is ended",
        LIMIT_MS / 1e3);
    assert_stuck(future, words);
    assert_stuck(innocent, words);
    assert_int_equal(add_after_death(one, 1), 1);
    assert_true(ask_int(one, "pid", corps_nil()) != pid);
    assert_int_equal(ask_int(other, "add", corps_int(1)), 6);
    corps_name_unref(one);
    corps_name_unref(beside);
    corps_name_unref(other);
    assert_ok(corps_exit(corps, LONG_NS));
}

/* The only thread that the Env may have is the one that is stuck, so nobody leads its loop. */
static void test_no_thread_is_left(void **state) {
    (void)state;
    struct corps *corps = make_with((struct corps_options){.env_count = 2,
                                                           .thread_count = 1,
                                                           .thread_count_max = 1,
                                                           .restart = CORPS_RESTART_ON_FAILURE,
                                                           .intensity = 100});
    struct corps_name *one = worker_in(corps, "Store", 1);
    for (int i = 0; i < 2; i++) {
        assert_stuck(begin_for_ever(one), "'wait_for'");
        assert_int_equal(add_after_death(one, 1), 1);
    }
    corps_name_unref(one);
    assert_ok(corps_exit(corps, LONG_NS));
}

/* Nobody starts it again: it is lost, and the others go on. */
static void test_lost(void **state) {
    (void)state;
    struct corps *corps = make(2, CORPS_RESTART_NEVER);
    struct corps_name *one = worker_in(corps, "Store", 1);
    struct corps_name *other = worker_in(corps, "Store", 0);
    assert_stuck(begin_for_ever(one), "Worker L1:M1.1 of class Store");
    assert_loses(one, "'wait_for'");
    assert_int_equal(ask_int(other, "add", corps_int(1)), 1);
    corps_name_unref(one);
    corps_name_unref(other);
    assert_int_equal(corps_exit(corps, LONG_NS), CORPS_ERR_WORKER_LOST);
    assert_non_null(strstr(corps_error_detail(), "'wait_for'"));
}

/* In Env 0 it is the end of the Corps … */
static void test_env_0(void **state) {
    (void)state;
    struct corps *corps = make(2, CORPS_RESTART_NEVER);
    struct corps_name *one = worker_in(corps, "Store", 0);
    assert_stuck(begin_for_ever(one), "Env 0: Worker L0:M0.");
    assert_loses(one, "'wait_for'");
    corps_name_unref(one);
    assert_int_equal(corps_exit(corps, LONG_NS), CORPS_ERR_WORKER_LOST);
    assert_non_null(strstr(corps_error_detail(), "'wait_for'"));
}

/* … unless that is started anew. */
static void test_anew(void **state) {
    (void)state;
    struct corps *corps = NULL;
    const struct corps_options options = {.env_count = 2, .restart = CORPS_RESTART_ON_FAILURE};
    assert_ok(corps_create("Store", NULL, &options, &corps));
    assert_stuck(begin_for_ever(corps_front(corps)), "'wait_for'");
    assert_int_equal(add_after_death(corps_front(corps), 1), 1);
    assert_ok(corps_exit(corps, LONG_NS));
}

/* Of a method that waits for others the waits do not count, wherever those are, and whether they run on its own stack;
 * nor does what it puts off. */
static void test_waits(void **state) {
    (void)state;
    struct corps *corps = make(2, CORPS_RESTART_NEVER);
    struct corps_name *one = worker_in(corps, "Store", 1);
    struct corps_name *two = worker_in(corps, "Store", 1);
    struct corps_name *far = worker_in(corps, "Patient", 0);
    struct corps_name *near = worker_in(corps, "Patient", 1);
    struct corps_value to_far[] = {corps_value_of_name(far), corps_int(LONGER_MS), corps_int(0)};
    struct corps_value to_near[] = {corps_value_of_name(near), corps_int(LONGER_MS), corps_int(0)};
    struct corps_future *first = begin(one, "have_sleep", corps_array(to_far, 3));
    struct corps_future *second = begin(two, "have_sleep", corps_array(to_near, 3));
    struct corps_name *third = worker_in(corps, "Store", 1);
    struct corps_future *put_off = begin(third, "hold", corps_nil());
    assert_ok(corps_future_wait(first, LONG_NS, NULL));
    assert_ok(corps_future_wait(second, LONG_NS, NULL));
    corps_future_destroy(ask(third, "let_go", corps_int(3), NULL));
    assert_ok(corps_future_wait(put_off, LONG_NS, NULL));
    corps_future_destroy(first);
    corps_future_destroy(second);
    corps_future_destroy(put_off);
    struct corps_name *names[] = {one, two, third, far, near};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        corps_name_unref(names[i]);
    }
    assert_ok(corps_exit(corps, LONG_NS));
}

/* What it runs itself before a wait and after it counts together. */
static void test_pieces(void **state) {
    (void)state;
    struct corps *corps = make(2, CORPS_RESTART_NEVER);
    struct corps_name *one = worker_in(corps, "Store", 1);
    struct corps_name *far = worker_in(corps, "Patient", 0);
    struct corps_value pieces[] = {corps_value_of_name(far), corps_int(1), corps_int(PIECE_MS)};
    assert_stuck(begin(one, "have_sleep", corps_array(pieces, 3)), "'have_sleep'");
    corps_name_unref(one);
    corps_name_unref(far);
    assert_int_equal(corps_exit(corps, LONG_NS), CORPS_ERR_WORKER_LOST);
}

/* Time in which the process did not run is nobody's: neither once the monitor has looked, nor before. */
static void test_stopped(void **state) {
    (void)state;
    enum { ENVS = 4 };
    const int begun_ms[ENVS] = {0, 0, 1, 20}; /* before these the method may not have begun: then this tests less */
    struct corps *corps = make(1 + ENVS, CORPS_RESTART_NEVER);
    struct corps_name *names[ENVS];
    struct gate gates[ENVS];
    for (int i = 0; i < ENVS; i++) {
        names[i] = worker_in(corps, "Store", 1 + i);
    }
    for (int i = 0; i < ENVS; i++) {
        gate_shut(&gates[i], names[i]);
        corps_flush();
        poll(NULL, 0, begun_ms[i]);
        assert_int_equal(kill(corps_env_pid(corps, 1 + i), SIGSTOP), 0);
    }
    poll(NULL, 0, LONGER_MS);
    for (int i = 0; i < ENVS; i++) {
        assert_int_equal(kill(corps_env_pid(corps, 1 + i), SIGCONT), 0);
    }
    poll(NULL, 0, LIMIT_MS / 6); /* the monitors look at them */
    for (int i = 0; i < ENVS; i++) {
        gate_finish(&gates[i]);
        corps_name_unref(names[i]);
    }
    assert_ok(corps_exit(corps, LONG_NS));
}

/* Small requests without reply are run out of one batch. */
static void test_batch(void **state) {
    (void)state;
    struct corps *corps = make(2, CORPS_RESTART_NEVER);
    struct corps_name *one = worker_in(corps, "Store", 1);
    struct corps_name *sender = worker_in(corps, "Patient", 1);
    corps_future_destroy(ask(sender, "send", corps_value_of_name(one), NULL));
    assert_stuck(begin(one, "add", corps_int(1)), "Worker L1:M1.1 of class Store has run its method 'wait_for'");
    corps_name_unref(one);
    corps_name_unref(sender);
    assert_int_equal(corps_exit(corps, LONG_NS), CORPS_ERR_WORKER_LOST);
}

/* An init says it for its own Conc. */
static void test_by_init(void **state) {
    (void)state;
    struct corps *corps = make(2, CORPS_RESTART_NEVER);
    const struct corps_value less = corps_int(LIMIT_MS * INT64_C(1000000)), wrong = corps_int(-1);
    struct corps_name *never_stuck = worker_in(corps, "Patient", 0);
    struct corps_name *one = NULL;
    assert_int_equal(corps_create_concs(corps, "Patient", &wrong, CORPS_ENV_ID(1), 1, &one), CORPS_ERR_REMOTE);
    assert_non_null(strstr(corps_error_detail(), "0 is never"));
    assert_ok(corps_create_concs(corps, "Patient", &less, CORPS_ENV_ID(1), 1, &one));
    struct corps_future *longer = begin(never_stuck, "sleep", corps_int(LONGER_MS));
    assert_stuck(begin_for_ever(one), "class Patient has run its method 'wait_for' for longer than 1 s");
    assert_ok(corps_future_wait(longer, LONG_NS, NULL));
    corps_future_destroy(longer);
    corps_name_unref(one);
    corps_name_unref(never_stuck);
    assert_int_equal(corps_exit(corps, LONG_NS), CORPS_ERR_WORKER_LOST);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_started_again), cmocka_unit_test(test_no_thread_is_left),
        cmocka_unit_test(test_lost),          cmocka_unit_test(test_env_0),
        cmocka_unit_test(test_anew),          cmocka_unit_test(test_waits),
        cmocka_unit_test(test_pieces),        cmocka_unit_test(test_stopped),
        cmocka_unit_test(test_batch),         cmocka_unit_test(test_by_init),
    };
    int status = test_start(argc, argv, classes);
    return status != 0 ? status : cmocka_run_group_tests(tests, NULL, NULL);
}
