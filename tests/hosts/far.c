/* A Corps on several hosts, with an agent each on loopback: that its Envs are there, and what becomes of them when
 * something is lost. `far TRANSPORT [TEST]` runs one test, or all of them. */

#include "../core/hand.h"
#include "agents.h"

#include <corps/chains.h>

#include <errno.h>
#include <sys/wait.h>

static struct corps *make_on(struct corps_options options) {
    struct corps *corps = NULL;
    options.hosts = options.hosts != NULL ? options.hosts : "auto";
    assert_ok(corps_create(NULL, NULL, &options, &corps));
    return corps;
}

static const char *host_of(const struct corps *corps, unsigned env) {
    return corps_env_host(corps, env, NULL);
}

static unsigned add_on(struct corps *corps, const char *host) {
    unsigned env = 0;
    assert_ok(corps_env_add_on(corps, host, &env));
    assert_string_equal(host_of(corps, env), host);
    return env;
}

static int pid_of(const struct corps_name *hand) {
    return (int)ask_int(hand, "pid", corps_nil());
}

static bool is_gone(int pid) {
    return kill(pid, 0) != 0 && errno == ESRCH;
}

static void await_gone(int pid) {
    while (!is_gone(pid)) {
        poll(NULL, 0, 10);
    }
}

/* Calls until it answers again; whatever fails meanwhile must say that its Env, or its host, was lost. */
static int64_t await_answer(const struct corps_name *hand) {
    int64_t value = 0;
    enum corps_err err;
    while ((err = try_add(hand, &value)) == CORPS_ERR_WORKER_LOST) {
        poll(NULL, 0, 10);
    }
    assert_int_equal(err, CORPS_OK);
    return value;
}

/* What is everywhere reaches everything; the end leaves nothing. */
static void test_everywhere(void **state) {
    (void)state;
    agents_begin(3);
    struct corps *corps = make_on((struct corps_options){.env_count = 6});
    struct corps_name *hands[6];
    assert_ok(corps_create_concs(corps, "Hand", NULL, CORPS_PER_ENV, 1, hands));
    int pids[6];
    unsigned on[4] = {0};
    for (int i = 0; i < 6; i++) {
        unsigned host = 0;
        (void)corps_env_host(corps, (unsigned)i, &host);
        on[host]++;
        pids[i] = pid_of(hands[i]);
        assert_true(corps_env_pid(corps, (unsigned)i) == (host == 1 ? pids[i] : 0));
        for (int k = 0; k < 6; k++) {
            struct corps_value args[2] = {corps_value_of_name(hands[k]), corps_int(1)};
            assert_true(i == k || ask_int(hands[i], "ask", corps_array(args, 2)) > 0);
        }
    }
    assert_true(on[1] == 2 && on[2] == 2 && on[3] == 2);
    for (int i = 0; i < 6; i++) {
        corps_name_unref(hands[i]);
    }
    assert_ok(corps_exit(corps, LONG_NS));
    for (int i = 0; i < 6; i++) {
        await_gone(pids[i]);
    }
    assert_true(agents_end());
}

/* Call chains over hosts, by one clock. */
static void test_chains(void **state) {
    (void)state;
    agents_begin(2);
    struct corps *corps = make_on((struct corps_options){.env_count = 2});
    struct corps_name *here = hand_in(corps, 0), *there = hand_in(corps, 1);
    assert_string_equal(host_of(corps, 1), "two");
    assert_ok(corps_chains_begin(corps, NULL));
    struct corps_value args[2] = {corps_value_of_name(there), corps_int(1)};
    assert_int_equal(ask_int(here, "ask", corps_array(args, 2)), 1);
    FILE *file = tmpfile();
    assert_non_null(file);
    assert_ok(corps_chains_end(corps, fileno(file)));
    static char text[1 << 16];
    rewind(file);
    text[fread(text, 1, sizeof text - 1, file)] = '\0';
    fclose(file);
    assert_non_null(strstr(text, "Hand.add"));
    assert_non_null(strstr(text, " on host 2\"}}"));
    assert_non_null(strstr(text, ",\"host\":2,\"clock_error_us\":"));
    assert_non_null(strstr(text, "\"lost\":[],\"requests_without_call\":0,\"calls_without_request\":0}}"));
    corps_name_unref(here);
    corps_name_unref(there);
    assert_ok(corps_exit(corps, LONG_NS));
    assert_true(agents_end());
}

/* One that is lost comes back under its Name, and with what it was made of. */
static void test_env_killed(void **state) {
    (void)state;
    agents_begin(2);
    struct corps *corps = make_on((struct corps_options){.restart = CORPS_RESTART_ON_FAILURE});
    struct corps_name *hand = hand_in(corps, add_on(corps, "two"));
    for (int i = 0; i < 3; i++) {
        int pid = pid_of(hand);
        assert_int_equal(add(hand, 7), i == 0 ? 7 : 8);
        kill(pid, SIGKILL);
        assert_int_equal(await_answer(hand), 1);
        assert_true(is_gone(pid));
        assert_string_equal(host_of(corps, 1), "two");
    }
    corps_name_unref(hand);
    assert_ok(corps_exit(corps, LONG_NS));
    assert_true(agents_end());
}

/* Without a policy it is lost, and everybody is told how, and where. */
static void test_never(void **state) {
    (void)state;
    agents_begin(2);
    struct corps *corps = make_on((struct corps_options){0});
    struct corps_name *hand = hand_in(corps, add_on(corps, "two"));
    kill(pid_of(hand), SIGKILL);
    int64_t value;
    assert_int_equal(try_add(hand, &value), CORPS_ERR_WORKER_LOST);
    corps_name_unref(hand);
    assert_int_equal(corps_exit(corps, LONG_NS), CORPS_ERR_WORKER_LOST);
    assert_non_null(strstr(corps_error_detail(), "SIGKILL"));
    assert_non_null(strstr(corps_error_detail(), "(two)"));
    assert_true(agents_end());
}

/* The agent is killed: its Envs end with it. What had no certain host goes to another one, and never twice. */
static void test_agent_killed(void **state) {
    (void)state;
    agents_begin(2);
    struct corps *corps = make_on((struct corps_options){.env_count = 2, .restart = CORPS_RESTART_ON_FAILURE});
    assert_string_equal(host_of(corps, 1), "two");
    struct corps_name *hand = hand_in(corps, 1);
    int pid = pid_of(hand);
    agents_kill(2);
    await_gone(pid);
    assert_int_equal(await_answer(hand), 1);
    assert_string_equal(host_of(corps, 1), "one");
    corps_name_unref(hand);
    assert_ok(corps_exit(corps, LONG_NS));
    assert_true(agents_end());
}

/* … and where it had one it comes back there, once an agent is there again. */
static void test_agent_back(void **state) {
    (void)state;
    agents_begin(2);
    struct corps *corps = make_on((struct corps_options){.restart = CORPS_RESTART_ON_FAILURE});
    struct corps_name *hand = hand_in(corps, add_on(corps, "two"));
    int pid = pid_of(hand);
    agents_kill(2);
    await_gone(pid);
    agents_start(2);
    assert_int_equal(await_answer(hand), 1);
    assert_string_equal(host_of(corps, 1), "two");
    corps_name_unref(hand);
    assert_ok(corps_exit(corps, LONG_NS));
    assert_true(agents_end());
}

static unsigned lines_in(const char *path) {
    FILE *file = fopen(path, "r");
    unsigned lines = 0;
    for (int c; file != NULL && (c = fgetc(file)) != EOF;) {
        lines += c == '\n';
    }
    if (file != NULL) {
        fclose(file);
    }
    return lines;
}

/* The agent ends in order: the Workers of its Envs clean up, each once, and are made again elsewhere; a retry call
 * waits for that. */
static void test_agent_ended(void **state) {
    (void)state;
    agents_begin(2);
    struct gate gate;
    gate_make(&gate);
    struct corps *corps = make_on((struct corps_options){.env_count = 2, .restart = CORPS_RESTART_ON_FAILURE});
    assert_string_equal(host_of(corps, 1), "two");
    const struct corps_value path = corps_str(gate.path);
    struct corps_name *hands[3];
    assert_ok(corps_create_concs(corps, "Hand", &path, CORPS_ENV_ID(1), 3, hands));
    int pid = pid_of(hands[0]);
    assert_int_equal(add(hands[0], 7), 7);
    kill(agents_pid(2), SIGTERM);
    const struct corps_call_options options = {.flags = CORPS_CALL_RETRY, .timeout_ns = LONG_NS};
    const struct corps_value one = corps_int(1), *value = NULL;
    int64_t sum = 0;
    while (sum != 1) { /* what the former life still answered, it had been asked before */
        struct corps_future *future;
        assert_ok(corps_call(hands[0], "add", &one, &options, &future));
        assert_ok(corps_future_wait(future, LONG_NS, &value));
        sum = value->integer;
        corps_future_destroy(future);
    }
    assert_true(is_gone(pid));
    assert_string_equal(host_of(corps, 1), "one");
    assert_int_equal(lines_in(gate.path), 3);
    assert_int_equal(agents_terminate(2), 0);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(add(hands[i], 0), i == 0 ? 1 : 0);
        corps_name_unref(hands[i]);
    }
    assert_ok(corps_exit(corps, LONG_NS));
    unlink(gate.path);
    assert_true(agents_end());
}

/* … or there again, where they have to be, once there is an agent. */
static void test_agent_restarted(void **state) {
    (void)state;
    agents_begin(2);
    struct corps *corps = make_on((struct corps_options){.restart = CORPS_RESTART_ON_FAILURE});
    struct corps_name *hand = hand_in(corps, add_on(corps, "two"));
    int pid = pid_of(hand);
    assert_int_equal(agents_terminate(2), 0);
    assert_true(is_gone(pid));
    agents_start(2);
    assert_int_equal(await_answer(hand), 1);
    assert_string_equal(host_of(corps, 1), "two");
    corps_name_unref(hand);
    assert_ok(corps_exit(corps, LONG_NS));
    assert_true(agents_end());
}

/* … but no longer than five seconds: whoever does not end is killed. */
static void test_agent_ended_late(void **state) {
    (void)state;
    agents_begin(2);
    struct corps *corps = make_on((struct corps_options){.env_count = 2, .restart = CORPS_RESTART_ON_FAILURE});
    struct corps_name *hand = hand_in(corps, 1);
    int pid = pid_of(hand);
    const struct corps_value never = corps_str("/tmp/corps-no-such-file");
    struct corps_future *stuck;
    assert_ok(corps_call(hand, "wait_for", &never, NULL, &stuck));
    assert_int_equal(agents_terminate(2), 0);
    assert_true(is_gone(pid));
    assert_int_equal(corps_future_wait(stuck, LONG_NS, NULL), CORPS_ERR_WORKER_LOST);
    assert_non_null(strstr(corps_error_detail(), "its agent ended"));
    corps_future_destroy(stuck);
    assert_int_equal(await_answer(hand), 1);
    corps_name_unref(hand);
    assert_ok(corps_exit(corps, LONG_NS));
    assert_true(agents_end());
}

/* The agent is stopped, its Env is not: that may act until the grant ends, and is replaced only then. */
static void test_agent_stopped(void **state) {
    (void)state;
    agents_begin(2);
    struct corps *corps = make_on((struct corps_options){.env_count = 2, .restart = CORPS_RESTART_ON_FAILURE});
    struct corps_name *hand = hand_in(corps, 1);
    int pid = pid_of(hand);
    kill(agents_pid(2), SIGSTOP);
    while (strcmp(host_of(corps, 1), "one") != 0) {
        int64_t value;
        (void)try_add(hand, &value);
        poll(NULL, 0, 10);
    }
    assert_true(await_answer(hand) > 0);
    assert_int_not_equal(pid_of(hand), pid);
    kill(agents_pid(2), SIGCONT);
    await_gone(pid); /* the agent sees that its time is over */
    corps_name_unref(hand);
    assert_ok(corps_exit(corps, LONG_NS));
    assert_true(agents_end());
}

/* The host of Env 0 is lost, or Env 0 and the program: nothing of the Corps stays on other hosts. */
static void test_owner_killed(void **state) {
    (void)state;
    agents_begin(2);
    int pipe_fds[2];
    assert_int_equal(pipe(pipe_fds), 0);
    int program = fork();
    if (program == 0) {
        struct corps *corps = make_on((struct corps_options){.env_count = 3});
        int pids[3];
        for (unsigned env = 0; env < 3; env++) {
            struct corps_name *hand = hand_in(corps, env);
            pids[env] = pid_of(hand);
        }
        (void)!write(pipe_fds[1], pids, sizeof pids);
        for (;;) {
            pause();
        }
    }
    int pids[3];
    assert_int_equal(read(pipe_fds[0], pids, sizeof pids), sizeof pids);
    kill(program, SIGSTOP); /* so that it ends nothing in order */
    kill(pids[0], SIGKILL);
    kill(program, SIGKILL);
    waitpid(program, NULL, 0);
    for (int i = 0; i < 3; i++) {
        await_gone(pids[i]);
    }
    close(pipe_fds[0]);
    close(pipe_fds[1]);
    assert_true(agents_end());
}

static void assert_create_fails(const char *hosts, enum corps_err code, const char *why) {
    const struct corps_options options = {.hosts = hosts, .env_count = 2};
    struct corps *corps = NULL;
    assert_int_equal(corps_create(NULL, NULL, &options, &corps), code);
    if (strstr(corps_error_detail(), why) == NULL) {
        fail_msg("'%s' is not in '%s'", why, corps_error_detail());
    }
    assert_null(corps);
}

/* What cannot be is said in one line. */
static void test_bad_input(void **state) {
    (void)state;
    setenv("CORPS_AGENT", "/tmp/corps-no-agent-is-here", 1);
    assert_create_fails("auto", CORPS_ERR_SYSTEM, "corps-agent");
    agents_begin(2);
    assert_create_fails("one,four", CORPS_ERR_UNKNOWN, "'four'");
    const struct corps_options queue = {.hosts = "auto", .transport = "queue"};
    struct corps *corps = NULL;
    assert_int_equal(corps_create(NULL, NULL, &queue, &corps), CORPS_ERR_UNSUPPORTED);
    corps = make_on((struct corps_options){.hosts = "one"}); /* one of several is enough */
    unsigned env = 0;
    assert_int_equal(corps_env_add_on(corps, "two", &env), CORPS_ERR_UNKNOWN);
    assert_ok(corps_exit(corps, LONG_NS));
    corps = make_on((struct corps_options){.env_count = 8}); /* all slots: 4 and 4 */
    assert_int_equal(corps_env_add(corps, &env), CORPS_ERR_LIMIT);
    assert_non_null(strstr(corps_error_detail(), "slots"));
    assert_ok(corps_exit(corps, LONG_NS));
    assert_true(agents_end());
}

/* A host without an agent at the beginning: what may be anywhere is elsewhere. */
static void test_one_is_down(void **state) {
    (void)state;
    agents_begin(2);
    agents_kill(2);
    struct corps *corps = make_on((struct corps_options){.env_count = 2});
    assert_string_equal(host_of(corps, 1), "one");
    assert_ok(corps_exit(corps, LONG_NS));
    assert_true(agents_end());
}

/* … and what may be nowhere else is refused, with the reason. */
static void test_other_is_down(void **state) {
    (void)state;
    agents_begin(2);
    agents_kill(2);
    struct corps *corps = make_on((struct corps_options){0});
    unsigned env = 0;
    assert_int_equal(corps_env_add_on(corps, "two", &env), CORPS_ERR_WORKER_LOST);
    assert_non_null(strstr(corps_error_detail(), "host two"));
    assert_non_null(strstr(corps_error_detail(), "start corps-agent there"));
    assert_ok(corps_exit(corps, LONG_NS));
    assert_true(agents_end());
}

/* Drained: its Envs go to other hosts in order, none comes, also of a Corps that has not heard of it; until it is over.
 */
static void test_drained(void **state) {
    (void)state;
    agents_begin(3);
    struct corps *corps = make_on((struct corps_options){.env_count = 3, .restart = CORPS_RESTART_ON_FAILURE});
    assert_string_equal(host_of(corps, 1), "two");
    struct corps_name *hand = hand_in(corps, 1);
    int pid = pid_of(hand);
    agents_tell("--drain", "two");
    await_gone(pid);
    assert_int_equal(await_answer(hand), 1);
    assert_string_not_equal(host_of(corps, 1), "two");
    unsigned env = 0;
    assert_int_equal(corps_env_add_on(corps, "two", &env), CORPS_ERR_LIMIT);
    assert_non_null(strstr(corps_error_detail(), "drained"));
    struct corps *other = make_on((struct corps_options){.env_count = 4, .restart = CORPS_RESTART_ON_FAILURE});
    for (unsigned i = 0; i < 4; i++) {
        assert_string_not_equal(host_of(other, i), "two");
    }
    assert_ok(corps_exit(other, LONG_NS));
    agents_tell("--undrain", "two");
    enum corps_err err;
    while ((err = corps_env_add_on(corps, "two", &env)) == CORPS_ERR_LIMIT) {
        poll(NULL, 0, 10); /* until Env 0 has heard of it */
    }
    assert_int_equal(err, CORPS_OK);
    assert_string_equal(host_of(corps, env), "two");
    agents_tell("--drain", "one"); /* where Env 0 is: that stays, and none begins */
    assert_create_fails("auto", CORPS_ERR_LIMIT, "host 1 (one) is drained");
    assert_int_equal(add(hand, 1), 2);
    corps_name_unref(hand);
    assert_ok(corps_exit(corps, LONG_NS));
    assert_true(agents_end());
}

int main(int argc, char **argv) {
    int status = test_start(argc, argv, classes);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_everywhere),      cmocka_unit_test(test_env_killed),
        cmocka_unit_test(test_never),           cmocka_unit_test(test_agent_killed),
        cmocka_unit_test(test_agent_back),      cmocka_unit_test(test_agent_stopped),
        cmocka_unit_test(test_owner_killed),    cmocka_unit_test(test_bad_input),
        cmocka_unit_test(test_one_is_down),     cmocka_unit_test(test_other_is_down),
        cmocka_unit_test(test_agent_ended),     cmocka_unit_test(test_agent_ended_late),
        cmocka_unit_test(test_agent_restarted), cmocka_unit_test(test_chains),
        cmocka_unit_test(test_drained),
    };
    return status != 0 ? status : cmocka_run_group_tests(tests, NULL, NULL);
}
