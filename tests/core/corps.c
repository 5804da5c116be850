/* The core through its public interface: `corps TRANSPORT [TEST]` runs one test, or all of them, over one transport. */

#include "counter.h"
#include "gate.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

static const struct corps_class *const classes[] = {&counter_class, &nester_class, NULL};

/* ---- helpers ---- */

static struct corps_name *counter_in(struct corps *corps, unsigned env) {
    return worker_in(corps, "Counter", env);
}

/* ---- tests ---- */

static void test_call_and_reply(void **state) {
    (void)state;
    struct corps *corps = make_with((struct corps_options){.env_count = 2});
    struct corps_name *name = counter_in(corps, last_env(corps));
    struct corps_value numbers[2] = {corps_int(20), corps_int(22)};
    assert_int_equal(ask_int(name, "add", corps_array(numbers, 2)), 42);
    assert_int_equal(ask_int(name, "add", corps_array(numbers, 1)), 62);
    assert_int_equal(ask_int(name, "env", corps_nil()), last_env(corps));
    corps_name_unref(name);
    assert_ok(corps_exit(corps, LONG_NS));
}

static void test_sizes(void **state) {
    (void)state;
    static const size_t sizes[] = {0, 1, 63, 64, 65, 255, 4095, 4096, 4097, 65535, 65536, 65537, 1 << 20, 5 << 20};
    struct corps *corps = make_with((struct corps_options){.env_count = 2});
    struct corps_name *name = counter_in(corps, last_env(corps));
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        char *data = malloc(sizes[i] + 1);
        for (size_t at = 0; at < sizes[i]; at++) {
            data[at] = (char)(at * 7 + i);
        }
        const struct corps_value *result;
        struct corps_future *future = ask(name, "echo", corps_bin(data, sizes[i]), &result);
        assert_int_equal(result->kind, CORPS_BIN);
        assert_int_equal(result->count, sizes[i]);
        assert_memory_equal(result->bin, data, sizes[i]);
        corps_future_destroy(future);
        free(data);
    }
    corps_name_unref(name);
    assert_ok(corps_exit(corps, LONG_NS));
}

static void test_order_and_no_reply(void **state) {
    (void)state;
    enum { COUNT = 5000 }; /* several times the mailbox */
    struct corps *corps = make_with((struct corps_options){.env_count = 2, .mailbox_count = 64});
    struct corps_name *name = counter_in(corps, last_env(corps));
    for (int i = 0; i < COUNT; i++) {
        struct corps_value seq = corps_int(i);
        if (i % 7 == 3) {
            assert_int_equal(ask_int(name, "sequence", seq), i + 1);
        } else {
            assert_ok(corps_send(name, "sequence", &seq, NULL));
        }
    }
    assert_int_equal(ask_int(name, "report", corps_nil()), COUNT);
    corps_name_unref(name);
    assert_ok(corps_exit(corps, LONG_NS));
}

static void test_flood_between_concs(void **state) {
    (void)state;
    enum { COUNT = 20000 };
    struct corps *corps = make_with((struct corps_options){.env_count = 2});
    struct corps_name *sender = counter_in(corps, 0);
    struct corps_name *sink = counter_in(corps, last_env(corps));
    struct corps_value args[2] = {corps_value_of_name(sink), corps_int(COUNT)};
    const struct corps_value *result;
    corps_future_destroy(ask(sender, "flood", corps_array(args, 2), &result));
    while (ask_int(sink, "report", corps_nil()) < COUNT) {
    }
    assert_int_equal(ask_int(sink, "report", corps_nil()), COUNT);
    corps_name_unref(sender);
    corps_name_unref(sink);
    assert_ok(corps_exit(corps, LONG_NS));
}

static void test_many_in_flight(void **state) {
    (void)state;
    enum { COUNT = 500 };
    struct corps *corps = make_with((struct corps_options){.env_count = 2});
    struct corps_name *names[4];
    assert_ok(corps_create_concs(corps, "Counter", NULL, CORPS_AUTO, 4, names));
    struct corps_future *futures[COUNT];
    for (int i = 0; i < COUNT; i++) {
        struct corps_value value = corps_int(i);
        assert_ok(corps_call(names[i % 4], "echo", &value, NULL, &futures[i]));
    }
    assert_ok(corps_wait_all(futures, COUNT, LONG_NS));
    for (int i = 0; i < COUNT; i++) {
        const struct corps_value *result;
        assert_true(corps_future_ready(futures[i]));
        assert_ok(corps_future_wait(futures[i], 0, &result));
        assert_int_equal(result->integer, i);
        corps_future_destroy(futures[i]);
    }
    for (int i = 0; i < 4; i++) {
        corps_name_unref(names[i]);
    }
    assert_ok(corps_exit(corps, LONG_NS));
}

/* Replies of several Concs of one Env crowd one link that their reader leaves full: whoever waits for room must be told
 * of it, whichever sender made or found it. */
static void test_crowded_link(void **state) {
    (void)state;
    enum { ROUNDS = 15, COUNT = 600, CONCS = 6 };
    struct corps *corps = make_with((struct corps_options){.env_count = 2, .thread_count = 4, .mailbox_count = COUNT});
    struct corps_name *names[CONCS];
    assert_ok(corps_create_concs(corps, "Counter", NULL, CORPS_ENV_ID(last_env(corps)), CONCS, names));
    for (int round = 0; round < ROUNDS; round++) {
        struct corps_future *futures[COUNT];
        for (int i = 0; i < COUNT; i++) {
            struct corps_value value = corps_int(i);
            assert_ok(corps_call(names[i % CONCS], "echo", &value, NULL, &futures[i]));
        }
        assert_ok(corps_wait_all(futures, COUNT, LONG_NS));
        for (int i = 0; i < COUNT; i++) {
            corps_future_destroy(futures[i]);
        }
    }
    for (int i = 0; i < CONCS; i++) {
        corps_name_unref(names[i]);
    }
    assert_ok(corps_exit(corps, LONG_NS));
}

static void test_wait_next(void **state) {
    (void)state;
    struct corps *corps = make_with((struct corps_options){.env_count = 2});
    struct corps_name *slow = counter_in(corps, 0);
    struct corps_name *fast = counter_in(corps, last_env(corps));
    struct gate gate;
    gate_shut(&gate, slow);
    struct corps_future *futures[2] = {gate.waiting};
    assert_ok(corps_call(fast, "env", NULL, NULL, &futures[1]));
    size_t index = 9;
    assert_ok(corps_wait_next(futures, 2, LONG_NS, &index));
    assert_int_equal(index, 1);
    corps_future_destroy(futures[1]);
    futures[1] = NULL;
    assert_int_equal(corps_wait_next(futures, 2, 1000000, &index), CORPS_ERR_TIMEOUT);
    gate_open(&gate);
    assert_ok(corps_wait_next(futures, 2, LONG_NS, &index));
    assert_int_equal(index, 0);
    gate_finish(&gate);
    futures[0] = NULL;
    assert_int_equal(corps_wait_next(futures, 2, LONG_NS, &index), CORPS_ERR_INVALID);
    corps_name_unref(slow);
    corps_name_unref(fast);
    assert_ok(corps_exit(corps, LONG_NS));
}

static void test_remote_errors(void **state) {
    (void)state;
    struct corps *corps = make_with((struct corps_options){.env_count = 2});
    struct corps_name *name = counter_in(corps, last_env(corps));
    struct corps_future *future;
    assert_ok(corps_call(name, "fail", NULL, NULL, &future));
    assert_int_equal(corps_future_wait(future, LONG_NS, NULL), CORPS_ERR_REMOTE);
    const struct corps_error_info *info = corps_future_error(future);
    assert_string_equal(info->type, "ValueError");
    assert_string_equal(info->text, "no luck today");
    char origin[64];
    snprintf(origin, sizeof origin, "L%u:", last_env(corps));
    assert_memory_equal(info->origin, origin, strlen(origin));
    corps_future_destroy(future);
    assert_ok(corps_call(name, "nonsense", NULL, NULL, &future));
    assert_int_equal(corps_future_wait(future, LONG_NS, NULL), CORPS_ERR_NO_METHOD);
    corps_future_destroy(future);
    assert_int_equal(ask_int(name, "env", corps_nil()), last_env(corps)); /* it goes on */
    corps_name_unref(name);
    assert_ok(corps_exit(corps, LONG_NS));
}

static void test_locations(void **state) {
    (void)state;
    struct corps *corps = make_with((struct corps_options){.env_count = 3});
    unsigned envs = corps_env_count(corps);
    struct corps_name *names[7];
    assert_ok(corps_create_concs(corps, "Counter", NULL, CORPS_PER_ENV, 2, names));
    for (unsigned i = 0; i < 2 * envs; i++) {
        assert_int_equal(corps_name_env(names[i]), i % envs);
        assert_int_equal(ask_int(names[i], "env", corps_nil()), i % envs);
        corps_name_unref(names[i]);
    }
    assert_ok(corps_create_concs(corps, "Counter", NULL, CORPS_AUTO, 4, names));
    assert_ok(corps_create_concs(corps, "Counter", NULL, CORPS_AUTO, 3, names + 4));
    for (unsigned i = 0; i < 7; i++) {
        assert_int_equal(corps_name_env(names[i]), i % envs);
        corps_name_unref(names[i]);
    }
    assert_int_equal(corps_create_concs(corps, "Counter", NULL, CORPS_ENV_ID(envs), 1, names), CORPS_ERR_INVALID);
    assert_int_equal(corps_create_concs(corps, "Nobody", NULL, CORPS_AUTO, 1, names), CORPS_ERR_REMOTE);
    assert_int_equal(corps_create_concs(corps, "Counter", NULL, CORPS_AUTO, 0, names), CORPS_ERR_INVALID);
    struct corps_value bad = corps_int(-1);
    assert_int_equal(corps_create_concs(corps, "Counter", &bad, CORPS_PER_ENV, 1, names), CORPS_ERR_REMOTE);
    assert_non_null(strstr(corps_error_detail(), "cannot start at -1"));
    assert_ok(corps_exit(corps, LONG_NS));
}

static void test_names_travel(void **state) {
    (void)state;
    struct corps *corps = make_with((struct corps_options){.env_count = 2});
    struct corps_name *a = counter_in(corps, 0);
    struct corps_name *b = counter_in(corps, last_env(corps));
    const struct corps_value *result;
    struct corps_future *future = ask(b, "name", corps_nil(), &result);
    assert_int_equal(result->kind, CORPS_NAME);
    assert_true(corps_name_equal(result->name, b));
    char text[64];
    char expected[64];
    corps_name_text(b, expected, sizeof expected);
    corps_name_text(result->name, text, sizeof text);
    assert_string_equal(text, expected);
    struct corps_value args[2] = {corps_value_of_name(result->name), corps_str("over two links")};
    const struct corps_value *relayed;
    struct corps_future *second = ask(a, "relay", corps_array(args, 2), &relayed);
    assert_int_equal(relayed->count, strlen("over two links"));
    assert_memory_equal(relayed->str, "over two links", relayed->count);
    corps_future_destroy(second);
    corps_future_destroy(future);
    corps_name_unref(a);
    corps_name_unref(b);
    assert_ok(corps_exit(corps, LONG_NS));
}

static void test_nested_calls(void **state) {
    (void)state;
    enum { DEPTH = 40 }; /* far more than the pool has threads */
    struct corps *corps = make_with((struct corps_options){.env_count = 2, .thread_count = 2});
    struct corps_name *names[DEPTH];
    struct corps_value args[DEPTH];
    assert_ok(corps_create_concs(corps, "Counter", NULL, CORPS_AUTO, DEPTH, names));
    for (int i = 0; i < DEPTH; i++) {
        args[i] = corps_value_of_name(names[i]);
    }
    assert_int_equal(ask_int(names[0], "descend", corps_array(args + 1, DEPTH - 1)), DEPTH - 1);
    assert_int_equal(ask_int(names[0], "call_self", corps_nil()), CORPS_ERR_DEADLOCK);
    for (int i = 0; i < DEPTH; i++) {
        corps_name_unref(names[i]);
    }
    assert_ok(corps_exit(corps, LONG_NS));
}

/* Small results and large ones, from beside and from elsewhere, live as long as their boxes. */
static void test_results_kept(void **state) {
    (void)state;
    static uint8_t bytes[3000];
    struct corps *corps = make_with((struct corps_options){.env_count = 2});
    struct corps_name *asker = counter_in(corps, 0);
    for (unsigned env = 0; env <= last_env(corps); env++) {
        struct corps_name *other = counter_in(corps, env);
        const struct corps_value items[3] = {corps_int(7), corps_str("seven"), corps_bin(bytes, 40)};
        const struct corps_value values[] = {corps_array(items, 3), corps_int(-1), corps_bin(bytes, sizeof bytes),
                                             corps_array(items, 0)};
        for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
            const struct corps_value *kept;
            struct corps_value args[2] = {corps_value_of_name(other), values[i]};
            struct corps_future *future = ask(asker, "keep_result", corps_array(args, 2), &kept);
            assert_true(kept->kind == CORPS_BOOL && kept->boolean);
            corps_future_destroy(future);
        }
        corps_name_unref(other);
    }
    corps_name_unref(asker);
    assert_ok(corps_exit(corps, LONG_NS));
}

static void test_create_inside(void **state) {
    (void)state;
    struct corps *corps = make_with((struct corps_options){.env_count = 2, .thread_count = 1});
    struct corps_name *a = counter_in(corps, 0);
    assert_int_equal(ask_int(a, "make", corps_int(last_env(corps))), last_env(corps));
    assert_int_equal(ask_int(a, "make", corps_int(0)), 0);
    struct corps_name *nester;
    assert_ok(corps_create_concs(corps, "Nester", NULL, CORPS_ENV_ID(last_env(corps)), 1, &nester));
    corps_name_unref(nester);
    corps_name_unref(a);
    assert_ok(corps_exit(corps, LONG_NS));
}

static void test_cleanup_order(void **state) {
    (void)state;
    char path[] = "/tmp/corps-test-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    struct corps *corps = make_with((struct corps_options){.env_count = 2});
    struct corps_name *names[3];
    struct corps_value text = corps_str(path);
    assert_ok(corps_create_concs(corps, "Nester", &text, CORPS_ENV_ID(0), 3, names));
    char expected[3][64];
    for (int i = 0; i < 3; i++) {
        corps_name_text(names[i], expected[i], sizeof expected[i]);
        corps_name_unref(names[i]);
    }
    assert_ok(corps_exit(corps, LONG_NS));
    FILE *file = fopen(path, "r");
    char line[128];
    for (int i = 2; i >= 0; i--) { /* latest first */
        assert_non_null(fgets(line, sizeof line, file));
        line[strcspn(line, "\n")] = '\0';
        assert_string_equal(line, expected[i]);
    }
    assert_null(fgets(line, sizeof line, file));
    fclose(file);
    unlink(path);
}

static void test_pending_reply(void **state) {
    (void)state;
    struct corps *corps = make_with((struct corps_options){.env_count = 2});
    struct corps_name *name = counter_in(corps, last_env(corps));
    struct corps_future *future;
    assert_ok(corps_call(name, "hold", NULL, NULL, &future));
    assert_int_equal(corps_future_wait(future, 20000000, NULL), CORPS_ERR_TIMEOUT);
    assert_false(corps_future_ready(future));
    const struct corps_value *result;
    corps_future_destroy(ask(name, "let_go", corps_str("at last"), &result));
    assert_ok(corps_future_wait(future, LONG_NS, &result));
    assert_memory_equal(result->str, "at last", 7);
    corps_future_destroy(future);
    corps_name_unref(name);
    assert_ok(corps_exit(corps, LONG_NS));
}

static void test_deadlines(void **state) {
    (void)state;
    struct corps *corps = make_with((struct corps_options){.env_count = 2});
    struct corps_name *name = counter_in(corps, last_env(corps));
    struct gate gate;
    struct corps_future *late;
    struct corps_value one = corps_int(1);
    struct corps_value args = corps_array(&one, 1);
    const struct corps_call_options soon = {.timeout_ns = 100000000};
    gate_shut(&gate, name);
    assert_ok(corps_call(name, "add", &args, &soon, &late)); /* queued behind that: late when its turn comes */
    assert_int_equal(corps_future_wait(late, LONG_NS, NULL), CORPS_ERR_TIMEOUT);
    gate_finish(&gate);
    assert_int_equal(ask_int(name, "add", corps_array(NULL, 0)), 0); /* it was dropped, not run */
    corps_future_destroy(late);
    corps_name_unref(name);
    assert_ok(corps_exit(corps, LONG_NS));
}

static void test_try_when_full(void **state) {
    (void)state;
    struct corps *corps = make_with((struct corps_options){.env_count = 2, .mailbox_count = 8});
    struct corps_name *name = counter_in(corps, last_env(corps));
    struct gate gate;
    gate_shut(&gate, name);
    const struct corps_call_options try_it = {.flags = CORPS_CALL_TRY};
    const struct corps_call_options soon = {.timeout_ns = 5000000};
    enum corps_err err = CORPS_OK;
    int sent = 0;
    for (; err == CORPS_OK && sent < 100; sent++) {
        err = corps_send(name, "env", NULL, &try_it);
    }
    assert_int_equal(err, CORPS_ERR_FULL);
    assert_true(sent <= 9);
    assert_int_equal(corps_send(name, "env", NULL, &soon), CORPS_ERR_TIMEOUT);
    gate_open(&gate);
    assert_ok(corps_send(name, "env", NULL, NULL)); /* waits */
    gate_finish(&gate);
    corps_name_unref(name);
    assert_ok(corps_exit(corps, LONG_NS));
}

static void test_killed_env(void **state) {
    (void)state;
    struct corps *corps = make_with((struct corps_options){.env_count = 3});
    unsigned victim = last_env(corps);
    struct corps_name *name = counter_in(corps, victim);
    struct corps_name *other = counter_in(corps, 0);
    struct corps_future *future;
    struct corps_value ms = corps_int(10000);
    int pid = (int)ask_int(name, "pid", corps_nil());
    assert_int_equal(pid, corps_env_pid(corps, victim));
    assert_ok(corps_call(name, "sleep", &ms, NULL, &future));
    kill(pid, SIGKILL);
    assert_int_equal(corps_future_wait(future, LONG_NS, NULL), CORPS_ERR_WORKER_LOST);
    assert_non_null(strstr(corps_error_detail(), "SIGKILL"));
    corps_future_destroy(future);
    enum corps_err err = corps_call(name, "env", NULL, NULL, &future);
    if (err == CORPS_OK) {
        err = corps_future_wait(future, LONG_NS, NULL);
        corps_future_destroy(future);
    }
    assert_int_equal(err, CORPS_ERR_WORKER_LOST);
    if (victim != 0) {
        assert_int_equal(ask_int(other, "env", corps_nil()), 0); /* the others go on */
    }
    corps_name_unref(name);
    corps_name_unref(other);
    assert_int_equal(corps_exit(corps, LONG_NS), CORPS_ERR_WORKER_LOST);
}

static void test_bad_options(void **state) {
    (void)state;
    struct corps *corps = NULL;
    struct corps_options options = {.transport = "pigeon"};
    assert_int_equal(corps_create(NULL, NULL, &options, &corps), CORPS_ERR_UNKNOWN);
    assert_non_null(strstr(corps_error_detail(), "shm"));
    options = (struct corps_options){.serializer = "morse"};
    assert_int_equal(corps_create(NULL, NULL, &options, &corps), CORPS_ERR_UNKNOWN);
    options = (struct corps_options){.env_count = 5000};
    assert_int_equal(corps_create(NULL, NULL, &options, &corps), CORPS_ERR_INVALID);
    options = (struct corps_options){.transport = "queue", .env_count = 2};
    assert_int_equal(corps_create(NULL, NULL, &options, &corps), CORPS_ERR_UNSUPPORTED);
    options = (struct corps_options){.transport = "shm", .bind = "0.0.0.0"};
    assert_int_equal(corps_create(NULL, NULL, &options, &corps), CORPS_ERR_INVALID);
    assert_int_equal(corps_create("Nobody", NULL, NULL, &corps), CORPS_ERR_UNKNOWN);
    struct corps_value bad = corps_int(-1);
    assert_int_equal(corps_create("Counter", &bad, NULL, &corps), CORPS_ERR_REMOTE);
    assert_non_null(strstr(corps_error_detail(), "cannot start at -1"));
    assert_null(corps);
}

static void test_front(void **state) {
    (void)state;
    struct corps *corps = NULL;
    struct corps_value start = corps_int(40);
    struct corps_value two = corps_int(2);
    assert_ok(corps_create("Counter", &start, NULL, &corps));
    assert_int_equal(ask_int(corps_front(corps), "add", corps_array(&two, 1)), 42);
    struct corps_name *front = corps_name_ref(corps_front(corps));
    assert_ok(corps_exit(corps, LONG_NS));
    struct corps_future *future;
    assert_int_equal(corps_call(front, "add", NULL, NULL, &future), CORPS_ERR_EXITED);
    corps_name_unref(front);
}

static void test_nothing_left(void **state) {
    (void)state;
    int before = 0;
    for (int round = 0; round < 5; round++) {
        struct corps *corps = make_with((struct corps_options){.env_count = 3});
        struct corps_name *name = counter_in(corps, last_env(corps));
        assert_int_equal(ask_int(name, "env", corps_nil()), last_env(corps));
        int pids[3];
        for (unsigned i = 0; i < corps_env_count(corps); i++) {
            pids[i] = corps_env_pid(corps, i);
            assert_true(pids[i] > 0);
        }
        unsigned envs = corps_env_count(corps);
        corps_name_unref(name);
        assert_ok(corps_exit(corps, LONG_NS));
        for (unsigned i = 0; i < envs; i++) {
            assert_int_equal(kill(pids[i], 0), -1);
            assert_int_equal(errno, ESRCH);
        }
        if (round == 0) {
            before = open_descriptors();
        }
    }
    assert_int_equal(open_descriptors(), before);
}

int main(int argc, char **argv) {
    int failed = test_start(argc, argv, classes);
    if (failed != 0) {
        return failed;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_call_and_reply),     cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_order_and_no_reply), cmocka_unit_test(test_flood_between_concs),
        cmocka_unit_test(test_many_in_flight),     cmocka_unit_test(test_crowded_link),
        cmocka_unit_test(test_wait_next),          cmocka_unit_test(test_remote_errors),
        cmocka_unit_test(test_locations),          cmocka_unit_test(test_names_travel),
        cmocka_unit_test(test_nested_calls),       cmocka_unit_test(test_results_kept),
        cmocka_unit_test(test_create_inside),      cmocka_unit_test(test_cleanup_order),
        cmocka_unit_test(test_pending_reply),      cmocka_unit_test(test_deadlines),
        cmocka_unit_test(test_try_when_full),      cmocka_unit_test(test_killed_env),
        cmocka_unit_test(test_bad_options),        cmocka_unit_test(test_front),
        cmocka_unit_test(test_nothing_left),
    };
    return cmocka_run_group_tests_name(argv[1], tests, NULL, NULL);
}
