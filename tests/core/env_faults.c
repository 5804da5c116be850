/* What goes wrong while Envs are added and taken, and how they are healed: `env_faults TRANSPORT [TEST]` runs one test,
 * or all of them. */

#include "hand.h"

#include <errno.h>
#include <signal.h>

/* Where there is a file of the name that this variable holds, the process of an Env waits before it does anything. */
static const char *const waits_variable = "CORPS_TEST_WAITS";

static const char *waits_file(void) {
    return getenv(waits_variable);
}

/* It says in the file which process it is. */
static void wait_before_boot(void) {
    if (getenv("CORPS_BOOT_FD") == NULL || waits_file() == NULL || access(waits_file(), F_OK) != 0) {
        return;
    }
    FILE *file = fopen(waits_file(), "w");
    if (file != NULL) {
        fprintf(file, "%d\n", getpid());
        fclose(file);
    }
    while (access(waits_file(), F_OK) == 0) {
        poll(NULL, 0, 1);
    }
}

static struct corps *make_healing(const char *front, int64_t backoff_ns) {
    struct corps *corps = NULL;
    const struct corps_options options = {.env_count = 2,
                                          .restart = CORPS_RESTART_ON_FAILURE,
                                          .intensity = 100,
                                          .backoff_ns = backoff_ns,
                                          .backoff_max_ns = backoff_ns};
    assert_ok(corps_create(front, NULL, &options, &corps));
    return corps;
}

static void assert_refused(struct corps *corps, unsigned env, const char *word) {
    assert_int_equal(corps_env_take(corps, env, LONG_NS), CORPS_ERR_INVALID);
    assert_non_null(strstr(corps_error_detail(), word));
}

static void kill_env(struct corps *corps, unsigned env) {
    int pid = corps_env_pid(corps, env);
    assert_true(pid > 0);
    assert_int_equal(kill(pid, SIGKILL), 0);
    while (kill(pid, 0) == 0) { /* until Env 0 has waited for it */
        poll(NULL, 0, 1);
    }
}

/* The first answer after a death. */
static int64_t add_after_death(const struct corps_name *name) {
    int64_t result = -1;
    enum corps_err err = CORPS_ERR_WORKER_LOST;
    for (int i = 0; err == CORPS_ERR_WORKER_LOST && i < 1000; i++) {
        err = try_add(name, &result);
    }
    assert_int_equal(err, CORPS_OK);
    return result;
}

/* The process of the Env that is being added, and waits. */
static int newcomer(void) {
    int pid = 0;
    while (pid == 0) {
        FILE *file = fopen(waits_file(), "r");
        assert_non_null(file);
        char line[32];
        if (fgets(line, sizeof line, file) != NULL && strchr(line, '\n') != NULL) {
            pid = atoi(line);
        }
        fclose(file);
        poll(NULL, 0, 1);
    }
    return pid;
}

static void set_waits(bool waits) {
    if (waits) {
        FILE *file = fopen(waits_file(), "w");
        assert_non_null(file);
        fclose(file);
    } else {
        unlink(waits_file());
    }
}

static void begin_waits(char *path) {
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    unlink(path);
    setenv(waits_variable, path, 1);
}

/* ---- tests ---- */

/* Killed while it boots: that is told, nothing is left, and the next one gets its number. */
static void test_killed_while_booting(void **state) {
    (void)state;
    char path[] = "/tmp/corps-envs-XXXXXX";
    begin_waits(path);
    struct corps *corps = make(2);
    struct corps_name *zero = hand_in(corps, 0);
    assert_int_equal(ask_int(zero, "env_add", corps_nil()), 2); /* everything that is made once is there */
    assert_ok(corps_env_take(corps, 2, LONG_NS));
    int64_t descriptors = ask_int(zero, "descriptors", corps_nil());
    for (int i = 0; i < 3; i++) {
        set_waits(true);
        struct change adding = {.corps = corps, .adds = true};
        begin_change(&adding);
        assert_int_equal(kill(newcomer(), SIGKILL), 0);
        pthread_join(adding.thread, NULL);
        set_waits(false);
        assert_int_equal(adding.err, CORPS_ERR_WORKER_LOST);
        assert_non_null(strstr(adding.text, "SIGKILL"));
        assert_int_equal(corps_env_count(corps), 3);
        assert_int_equal(children_of(corps_env_pid(corps, 0)), 1);
        assert_int_equal(ask_int(zero, "descriptors", corps_nil()), descriptors);
    }
    assert_int_equal(add_env(corps), 3);
    corps_name_unref(zero);
    assert_ok(corps_exit(corps, LONG_NS));
    unsetenv(waits_variable);
}

/* The Corps ends while one boots, and another waits for its turn. */
static void test_exit_meanwhile(void **state) {
    (void)state;
    char path[] = "/tmp/corps-envs-XXXXXX";
    begin_waits(path);
    struct corps *corps = make(2);
    set_waits(true);
    struct change adding[2] = {{.corps = corps, .adds = true}, {.corps = corps, .adds = true}};
    begin_change(&adding[0]);
    int pid = newcomer();
    begin_change(&adding[1]);
    struct corps_name *zero = hand_in(corps, 0); /* the second request has come by now, or comes too late */
    assert_ok(corps_end(corps));
    for (int i = 0; i < 2; i++) {
        pthread_join(adding[i].thread, NULL);
        assert_int_equal(adding[i].err, CORPS_ERR_EXITED);
    }
    corps_name_unref(zero);
    assert_ok(corps_exit(corps, LONG_NS));
    assert_int_equal(kill(pid, 0), -1);
    assert_int_equal(errno, ESRCH);
    set_waits(false);
    unsetenv(waits_variable);
}

/* The Corps ends while an Env is being taken that waits for a reply that never comes. */
static void test_exit_while_taking(void **state) {
    (void)state;
    struct corps *corps = make(2);
    struct corps_name *bare = worker_in(corps, "Bare", 1);
    struct corps_name *hand = hand_in(corps, 1);
    struct corps_future *never = begin(bare, "hold", corps_nil());
    struct change taking = {.corps = corps, .env = 1, .timeout_ns = CORPS_FOREVER};
    begin_change(&taking);
    int64_t unused;
    while (try_add(hand, &unused) == CORPS_OK) { /* until its cleanup has run */
    }
    assert_non_null(strstr(corps_error_detail(), "was taken from the Corps"));
    assert_false(corps_future_ready(never));
    assert_ok(corps_end(corps));
    pthread_join(taking.thread, NULL);
    assert_true(taking.err == CORPS_OK || taking.err == CORPS_ERR_EXITED);
    assert_int_not_equal(corps_future_wait(never, LONG_NS, NULL), CORPS_OK);
    corps_future_destroy(never);
    corps_name_unref(bare);
    corps_name_unref(hand);
    assert_ok(corps_exit(corps, LONG_NS));
}

/* Who does not end in time is killed; so is who was stopped. */
static void test_too_late(void **state) {
    (void)state;
    struct corps *corps = make(3);
    struct corps_name *one = hand_in(corps, 1);
    struct corps_name *two = hand_in(corps, 2);
    struct gate gate;
    gate_shut(&gate, one);
    assert_int_equal(corps_env_take(corps, 1, 20000000), CORPS_ERR_TIMEOUT);
    assert_non_null(strstr(corps_error_detail(), "killed"));
    assert_int_equal(corps_future_wait(gate.waiting, LONG_NS, NULL), CORPS_ERR_WORKER_LOST);
    assert_non_null(strstr(corps_error_detail(), "was taken from the Corps"));
    corps_future_destroy(gate.waiting);
    assert_taken(one);
    struct change taking = {.corps = corps, .env = 2, .timeout_ns = LONG_NS};
    assert_int_equal(kill(corps_env_pid(corps, 2), SIGSTOP), 0);
    int pid = corps_env_pid(corps, 2);
    begin_change(&taking);
    struct corps_name *zero = hand_in(corps, 0);
    assert_int_equal(add(zero, 1), 1);
    assert_int_equal(kill(pid, SIGKILL), 0); /* by somebody else */
    pthread_join(taking.thread, NULL);
    bool had_ended = taking.err == CORPS_OK; /* before the request came */
    if (!had_ended) {
        assert_int_equal(taking.err, CORPS_ERR_WORKER_LOST);
        assert_non_null(strstr(taking.text, "SIGKILL"));
        assert_taken(two);
    }
    corps_name_unref(zero);
    corps_name_unref(one);
    corps_name_unref(two);
    assert_int_equal(corps_exit(corps, LONG_NS), had_ended ? CORPS_ERR_WORKER_LOST : CORPS_OK);
}

static void test_refused(void **state) {
    (void)state;
    struct corps *corps = make(3);
    assert_refused(corps, 0, "Env 0");
    assert_refused(corps, 3, "does not exist");
    assert_refused(corps, 5000, "does not exist");
    assert_int_equal(corps_env_take(corps, 1, -1), CORPS_ERR_INVALID);
    struct corps_name *one = hand_in(corps, 1);
    struct corps_value self = corps_int(1);
    struct corps_future *future = begin(one, "env_take", self);
    assert_int_equal(corps_future_wait(future, LONG_NS, NULL), CORPS_ERR_REMOTE);
    assert_string_equal(corps_future_error(future)->type, "INVALID");
    assert_non_null(strstr(corps_future_error(future)->text, "from within"));
    corps_future_destroy(future);
    struct gate gate;
    gate_shut(&gate, one);
    struct change taking = {.corps = corps, .env = 1, .timeout_ns = LONG_NS};
    begin_change(&taking);
    bool told = false;
    while (!told) { /* which of the two comes first cannot be told */
        told = corps_env_take(corps, 1, 0) == CORPS_ERR_INVALID || atomic_load(&taking.over);
    }
    gate_open(&gate);
    pthread_join(taking.thread, NULL);
    (void)!corps_future_wait(gate.waiting, LONG_NS, NULL);
    corps_future_destroy(gate.waiting);
    unlink(gate.path);
    assert_refused(corps, 1, "was taken already");
    corps_name_unref(one);
    assert_ok(corps_exit(corps, LONG_NS));
    const struct corps_options alone = {.transport = "queue"};
    assert_ok(corps_create(NULL, NULL, &alone, &corps));
    unsigned env = 7;
    assert_int_equal(corps_env_add(corps, &env), CORPS_ERR_UNSUPPORTED);
    assert_non_null(strstr(corps_error_detail(), "transport queue"));
    assert_int_equal(corps_env_take(corps, 1, LONG_NS), CORPS_ERR_UNSUPPORTED);
    assert_int_equal(env, 7);
    assert_ok(corps_exit(corps, LONG_NS));
}

/* One that was added is started again like the others, one that was taken is not, and one that is down is taken. */
static void test_healed(void **state) {
    (void)state;
    struct corps *corps = make_healing(NULL, 3600 * INT64_C(1000000000));
    unsigned env = add_env(corps);
    struct corps_value start = corps_int(100);
    struct corps_name *hand;
    assert_ok(corps_create_concs(corps, "Hand", &start, CORPS_ENV_ID(env), 1, &hand));
    assert_int_equal(add(hand, 5), 105);
    kill_env(corps, env);
    assert_int_equal(add_after_death(hand), 101);
    kill_env(corps, env); /* the second one in a row waits, for an hour */
    struct corps_name *zero = hand_in(corps, 0);
    while (corps_env_pid(corps, env) != 0) {
        (void)add(zero, 0);
    }
    assert_ok(corps_env_take(corps, env, LONG_NS));
    assert_taken(hand);
    assert_ok(corps_env_take(corps, 1, LONG_NS));
    env = add_env(corps);
    struct corps_name *another = hand_in(corps, env);
    kill_env(corps, env);
    (void)add_after_death(another);
    corps_name_unref(another);
    corps_name_unref(hand);
    corps_name_unref(zero);
    assert_ok(corps_exit(corps, LONG_NS));
}

/* A Corps that is started anew has the Envs that there were. */
static void test_anew(void **state) {
    (void)state;
    struct corps *corps = make_healing("Hand", 1000000);
    for (unsigned i = 2; i < 5; i++) {
        assert_int_equal(add_env(corps), i);
    }
    struct corps_name *three = hand_in(corps, 3);
    struct corps_name *four = hand_in(corps, 4);
    assert_ok(corps_env_take(corps, 3, LONG_NS));
    int before = corps_env_pid(corps, 4);
    assert_int_equal(kill(corps_env_pid(corps, 0), SIGKILL), 0);
    assert_int_equal(add_after_death(corps_front(corps)), 1);
    assert_int_equal(corps_env_count(corps), 5);
    assert_int_not_equal(corps_env_pid(corps, 4), before);
    assert_int_equal(children_of(corps_env_pid(corps, 0)), 3);
    assert_taken(three);
    int64_t unused;
    assert_int_equal(try_add(four, &unused), CORPS_ERR_NO_WORKER);
    struct corps_name *again = hand_in(corps, 4);
    assert_int_equal(add(again, 1), 1);
    assert_refused(corps, 3, "was taken already");
    assert_int_equal(add_env(corps), 5);
    struct corps_name *five = hand_in(corps, 5);
    assert_int_equal(add(five, 2), 2);
    assert_ok(corps_env_take(corps, 4, LONG_NS));
    assert_taken(again);
    corps_name_unref(three);
    corps_name_unref(four);
    corps_name_unref(again);
    corps_name_unref(five);
    assert_ok(corps_exit(corps, LONG_NS));
}

int main(int argc, char **argv) {
    wait_before_boot();
    int failed = test_start(argc, argv, classes);
    if (failed != 0) {
        return failed;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_killed_while_booting),
        cmocka_unit_test(test_exit_meanwhile),
        cmocka_unit_test(test_exit_while_taking),
        cmocka_unit_test(test_too_late),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_healed),
        cmocka_unit_test(test_anew),
    };
    return cmocka_run_group_tests_name(argv[1], tests, NULL, NULL);
}
