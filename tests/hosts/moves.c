/* Corps that agents own, with one real etcd and an agent for each host on loopback: they outlive the program that made
 * them, their Env 0, and the agent of their host; and nothing of them stays once they have ended.
 * `moves TRANSPORT [TEST]` runs one test, or all of them; where there is no etcd it says so and exits with 77. */

#include "../conformance/etcd_server.h"
#include "../core/hand.h"
#include "agents.h"

#include <errno.h>
#include <sys/wait.h>

enum {
    SKIPPED = 77,
    KEYS_OF_ONE = 5, /* of a singleton, in etcd: owner, epoch, about, name, record */
};

/* ---- Mover: the front of a Corps ---- */

static enum corps_err mover_end(struct corps_context *context, void *self, const struct corps_value *args,
                                struct corps_value *result) {
    (void)context;
    (void)self;
    (void)args;
    (void)result;
    return corps_end(corps_own());
}

static enum corps_err mover_host(struct corps_context *context, void *self, const struct corps_value *args,
                                 struct corps_value *result) {
    (void)self;
    (void)args;
    unsigned host = 0;
    (void)corps_env_host(corps_context_corps(context), 0, &host);
    *result = corps_int(host);
    return CORPS_OK;
}

/* The number of a Conc that is made now, in Env 0. */
static enum corps_err mover_number(struct corps_context *context, void *self, const struct corps_value *args,
                                   struct corps_value *result) {
    (void)self;
    (void)args;
    struct corps_name *name = NULL;
    enum corps_err err = corps_create_concs(corps_context_corps(context), "Hand", NULL, CORPS_ENV_ID(0), 1, &name);
    if (err == CORPS_OK) {
        uint64_t corps;
        unsigned env, conc;
        corps_name_address(name, &corps, &env, &conc);
        *result = corps_int(conc);
        corps_name_unref(name);
    }
    return outcome(context, err);
}

static const struct corps_method mover_methods[] = {
    {"add", hand_add},    {"pid", method_pid},      {"epoch", hand_epoch},
    {"host", mover_host}, {"number", mover_number}, {"end", mover_end},
    {"make", hand_make},  {"kill", hand_kill},      {"wait_for", method_wait_for},
    {NULL, NULL}};
static const struct corps_class mover_class = {
    .name = "Mover", .bytes = sizeof(struct hand), .init = hand_init, .methods = mover_methods};
static const struct corps_class *const moving_classes[] = {&mover_class, &hand_class, NULL};

/* ---- the stage ---- */

static struct etcd_server etcd;
static char ledger[96];
static unsigned env_count = 1; /* of those that are created */

static void begin_hosts(int count) {
    etcd_server_start(&etcd, NULL, NULL, NULL);
    snprintf(ledger, sizeof ledger, "ledger etcd %s", etcd.url);
    agents_ledger(ledger);
    agents_begin(count);
}

/* How many keys there are in etcd. */
static unsigned keys(void) {
    char *answer =
        etcd_post(etcd.client_port, "/v3/kv/range", "{\"key\":\"AA==\",\"range_end\":\"AA==\",\"count_only\":true}");
    const char *count = answer != NULL ? strstr(answer, "\"count\":\"") : NULL;
    unsigned found = count != NULL ? (unsigned)strtoul(count + strlen("\"count\":\""), NULL, 10) : 0;
    free(answer);
    return found;
}

/* Until etcd knows of so many hosts, and of nothing else. */
static void await_hosts_alone(unsigned hosts) {
    while (keys() != hosts) {
        poll(NULL, 0, 20);
    }
}

static void end_hosts(void) {
    assert_true(agents_end());
    await_hosts_alone(0);
    etcd_server_finish(&etcd);
}

static enum corps_err try_create(const char *singleton, struct corps **corps) {
    const struct corps_options options = {.tag = "mover",
                                          .hosts = "auto",
                                          .detached = 1,
                                          .env_count = env_count,
                                          .singleton = singleton,
                                          .restart = CORPS_RESTART_ALWAYS};
    return corps_create("Mover", NULL, &options, corps);
}

static struct corps *create(const char *singleton) {
    struct corps *corps = NULL;
    assert_ok(try_create(singleton, &corps));
    return corps;
}

/* A program of another host creates it, and ends: by itself, or killed. */
static void create_on(int host, const char *singleton, bool killed) {
    int program = fork();
    if (program == 0) {
        agents_go_to(host);
        struct corps *corps = NULL;
        enum corps_err err = try_create(singleton, &corps);
        if (err != CORPS_OK) {
            fprintf(stderr, "moves: %s: %s\n", corps_error_name(err), corps_error_detail());
        }
        if (killed) {
            kill(getpid(), SIGKILL);
        }
        _exit(err == CORPS_OK ? 0 : 1);
    }
    int status = -1;
    assert_int_equal(waitpid(program, &status, 0), program);
    assert_int_equal(status, killed ? SIGKILL : 0);
}

static struct corps_name *find(const char *singleton) {
    struct corps_name *front = NULL;
    assert_ok(corps_find_singleton(singleton, LONG_NS, &front));
    return front;
}

static int64_t get(const struct corps_name *name, const char *method) {
    return ask_int(name, method, corps_nil());
}

static bool is_gone(int pid) {
    return kill(pid, 0) != 0 && errno == ESRCH;
}

static void await_gone(int pid) {
    while (!is_gone(pid)) {
        poll(NULL, 0, 10);
    }
}

/* Calls until it answers; what was under way, or comes meanwhile, may fail, and says that something was lost. */
static int64_t await_answer(const struct corps_name *name) {
    int64_t value = 0;
    enum corps_err err;
    while ((err = try_add(name, &value)) == CORPS_ERR_WORKER_LOST) {
        poll(NULL, 0, 10);
    }
    if (err != CORPS_OK) {
        fail_msg("%s: %s", corps_error_name(err), corps_error_detail());
    }
    return value;
}

/* Until it answers from there. */
static void await_host(const struct corps_name *name, int64_t host) {
    enum corps_err err;
    int64_t answer = 0;
    do {
        struct corps_future *future = begin(name, "host", corps_nil());
        const struct corps_value *value = NULL;
        err = corps_future_wait(future, LONG_NS, &value);
        answer = err == CORPS_OK ? value->integer : 0;
        corps_future_destroy(future);
        poll(NULL, 0, 10);
    } while (err == CORPS_ERR_WORKER_LOST || (err == CORPS_OK && answer != host));
    assert_int_equal(answer, host);
}

/* Tells it to end; and then calls say so, everywhere, and nothing of it is left. */
static void end_and_check(struct corps_name *front, int pid, unsigned hosts) {
    struct corps_future *future = begin(front, "end", corps_nil());
    enum corps_err err = corps_future_wait(future, LONG_NS, NULL);
    assert_true(err == CORPS_OK || err == CORPS_ERR_EXITED);
    corps_future_destroy(future);
    await_gone(pid);
    await_hosts_alone(hosts);
    int64_t value;
    while ((err = try_add(front, &value)) == CORPS_ERR_WORKER_LOST) {
        poll(NULL, 0, 20);
    }
    assert_int_equal(err, CORPS_ERR_EXITED);
    corps_name_unref(front);
}

/* ---- cases ---- */

/* Its Env 0 is killed: it comes back on its host, in the next epoch, and uses no number again. */
static void test_env_0_killed(void **state) {
    (void)state;
    begin_hosts(2);
    struct corps *corps = create("");
    struct corps_name *front = corps_front(corps);
    int64_t epoch = get(front, "epoch"), number = get(front, "number");
    assert_int_equal(get(front, "host"), 1);
    assert_int_equal(add(front, 7), 7);
    int pid = (int)get(front, "pid");
    kill(pid, SIGKILL);
    assert_int_equal(await_answer(front), 1);
    assert_int_equal(get(front, "host"), 1);
    assert_true(get(front, "epoch") > epoch);
    assert_true(get(front, "number") > number);
    assert_true(is_gone(pid));
    pid = (int)get(front, "pid");
    assert_ok(corps_exit(corps, LONG_NS));
    await_gone(pid);
    await_hosts_alone(2);
    end_hosts();
}

/* Its agent is killed, and with it its Env 0: another host begins it anew, by the same Name. */
static void test_agent_killed(void **state) {
    (void)state;
    begin_hosts(2);
    create_on(2, "one", false);
    struct corps_name *front = find("one");
    assert_int_equal(get(front, "host"), 2);
    int64_t epoch = get(front, "epoch"), number = get(front, "number");
    int pid = (int)get(front, "pid");
    agents_kill(2);
    await_gone(pid);
    assert_int_equal(await_answer(front), 1);
    assert_int_equal(get(front, "host"), 1);
    assert_true(get(front, "epoch") > epoch);
    assert_true(get(front, "number") > number);
    agents_start(2);
    struct corps_name *again = find("one");
    assert_true(corps_name_equal(front, again));
    corps_name_unref(again);
    end_and_check(front, (int)get(front, "pid"), 2);
    end_hosts();
}

/* The program that made it is killed: it goes on, and is found from every host. */
static void test_creator_killed(void **state) {
    (void)state;
    begin_hosts(2);
    create_on(2, "one", true);
    struct corps_name *front = find("one"), *fronts[2] = {NULL};
    size_t count = 0;
    assert_int_equal(add(front, 1), 1);
    assert_ok(corps_find_fronts("mover", LONG_NS, fronts, 2, &count));
    assert_int_equal(count, 1);
    assert_true(corps_name_equal(front, fronts[0]));
    corps_name_unref(fronts[0]);
    assert_ok(corps_find_fronts("another tag", LONG_NS, fronts, 2, &count));
    assert_int_equal(count, 0);
    end_and_check(front, (int)get(front, "pid"), 2);
    end_hosts();
}

/* Its agent ends in order: so does its Env 0, and another host has it at once. */
static void test_agent_ended(void **state) {
    (void)state;
    begin_hosts(2);
    create_on(2, "one", false);
    struct corps_name *front = find("one");
    int64_t epoch = get(front, "epoch");
    int pid = (int)get(front, "pid");
    assert_int_equal(agents_terminate(2), 0);
    assert_true(is_gone(pid));
    assert_int_equal(await_answer(front), 1);
    assert_int_equal(get(front, "host"), 1);
    assert_true(get(front, "epoch") > epoch);
    end_and_check(front, (int)get(front, "pid"), 1);
    end_hosts();
}

/* Its host is drained: the program that made it there goes on with it on another host, and ends it there. */
static void test_creator_follows(void **state) {
    (void)state;
    begin_hosts(2);
    struct corps *corps = create("");
    struct corps_name *front = corps_front(corps);
    int pid = (int)get(front, "pid");
    agents_tell("--drain", "one");
    await_gone(pid);
    assert_int_equal(await_answer(front), 1);
    assert_int_equal(get(front, "host"), 2);
    pid = (int)get(front, "pid");
    assert_ok(corps_exit(corps, LONG_NS));
    await_gone(pid);
    await_hosts_alone(2);
    end_hosts();
}

/* One of a name; and a name that was given back is free. */
static void test_singleton(void **state) {
    (void)state;
    begin_hosts(2);
    create_on(2, "one", false);
    struct corps *corps = NULL;
    assert_int_equal(try_create("one", &corps), CORPS_ERR_LIMIT);
    assert_non_null(strstr(corps_error_detail(), "the singleton 'one' is there already"));
    struct corps_name *front = find("one");
    assert_int_equal(add(front, 1), 1);
    end_and_check(front, (int)get(front, "pid"), 2);
    struct corps_name *none = NULL;
    assert_int_equal(corps_find_singleton("one", LONG_NS, &none), CORPS_ERR_UNKNOWN);
    corps = create("one");
    front = find("one");
    assert_true(corps_name_equal(front, corps_front(corps)));
    corps_name_unref(front);
    assert_ok(corps_exit(corps, LONG_NS));
    await_hosts_alone(2);
    end_hosts();
}

/* One with Envs on all hosts moves as a whole: what it had elsewhere ends, and comes again with its next life. */
static void test_many_envs(void **state) {
    (void)state;
    begin_hosts(3);
    env_count = 6;
    create_on(2, "one", false);
    struct corps_name *front = find("one");
    int64_t host = 2;
    for (int i = 0; i < 2; i++) {
        int pid = (int)get(front, "pid");
        struct corps_future *future;
        struct corps_value number = corps_int(5); /* the last Env */
        const struct corps_value *made = NULL;
        assert_ok(corps_call(front, "make", &number, NULL, &future));
        assert_ok(corps_future_wait(future, LONG_NS, &made));
        struct corps_name *hand = corps_name_ref(made->name);
        corps_future_destroy(future);
        int far = (int)get(hand, "pid");
        assert_int_not_equal(pid, far);
        if (i == 0) {
            kill(pid, SIGKILL);
        } else {
            agents_kill(2);
        }
        assert_int_equal(await_answer(front), 1);
        assert_true(is_gone(pid) && is_gone(far));
        assert_true((get(front, "host") == host) == (i == 0));
        corps_name_unref(hand);
    }
    agents_start(2);
    end_and_check(front, (int)get(front, "pid"), 3);
    env_count = 1;
    end_hosts();
}

/* The agent is stopped for longer than its lease: its Env 0 sees that its time is over, and another host begins anew;
 * when the agent goes on it finds that, and leaves it alone. */
static void test_agent_stopped(void **state) {
    (void)state;
    begin_hosts(2);
    create_on(2, "one", false);
    struct corps_name *front = find("one");
    int pid = (int)get(front, "pid");
    kill(agents_pid(2), SIGSTOP);
    await_host(front, 1);
    int other = (int)get(front, "pid");
    assert_int_not_equal(other, pid);
    kill(agents_pid(2), SIGCONT);
    await_gone(pid);
    create_on(2, "another", false); /* so it has heard of what became of the first */
    struct corps_name *another = find("another");
    assert_int_equal(get(front, "pid"), other);
    assert_int_equal(get(another, "host"), 2);
    end_and_check(another, (int)get(another, "pid"), 2 + KEYS_OF_ONE);
    end_and_check(front, other, 2);
    end_hosts();
}

/* Its Env 0 never ends, since a method of its front does not: its agent kills it, and nothing is left. */
static void test_never_ends(void **state) {
    (void)state;
    begin_hosts(2);
    struct corps *corps = create("");
    struct corps_name *front = corps_name_ref(corps_front(corps));
    int pid = (int)get(front, "pid");
    struct gate gate;
    gate_shut(&gate, front);
    assert_int_equal(corps_exit(corps, 100 * INT64_C(1000000)), CORPS_ERR_TIMEOUT);
    await_gone(pid);
    await_hosts_alone(2);
    corps_future_destroy(gate.waiting);
    corps_name_unref(front);
    end_hosts();
}

/* An Env 0 has a slot of its host, and so have the Envs that it has there: of four, two are left. */
static void test_slots(void **state) {
    (void)state;
    begin_hosts(1);
    env_count = 2;
    struct corps *first = create("first"), *second = NULL;
    assert_int_equal(agents_envs(1), 2);
    env_count = 1;
    second = create("second");
    assert_int_equal(agents_envs(1), 3);
    assert_ok(corps_exit(first, LONG_NS));
    assert_ok(corps_exit(second, LONG_NS));
    await_hosts_alone(1);
    assert_int_equal(agents_envs(1), 0);
    end_hosts();
}

/* What a ledger does not keep is refused before anything is begun. */
static void test_too_large(void **state) {
    (void)state;
    begin_hosts(1);
    enum { LARGE = 2 << 20 };
    char *text = calloc(LARGE, 1);
    const struct corps_value args = corps_bin(text, LARGE);
    const struct corps_options options = {.hosts = "auto", .detached = 1};
    struct corps *corps = NULL;
    assert_int_equal(corps_create("Mover", &args, &options, &corps), CORPS_ERR_TOO_LARGE);
    assert_non_null(strstr(corps_error_detail(), "the ledger keeps 1048576"));
    free(text);
    await_hosts_alone(1);
    end_hosts();
}

/* etcd is gone for longer than a lease: nothing acts then; and when it is back the Corps is, too. */
static void test_etcd_gone(void **state) {
    (void)state;
    begin_hosts(2);
    struct corps *corps = create("");
    struct corps_name *front = corps_front(corps);
    int64_t epoch = get(front, "epoch");
    int pid = (int)get(front, "pid");
    etcd_server_kill(&etcd);
    await_gone(pid);
    etcd_server_again(&etcd);
    assert_int_equal(await_answer(front), 1);
    assert_true(get(front, "epoch") > epoch);
    assert_ok(corps_exit(corps, LONG_NS));
    await_hosts_alone(2);
    end_hosts();
}

int main(int argc, char **argv) {
    int status = test_start(argc, argv, moving_classes);
    if (status == 0 && !etcd_is_installed()) {
        printf("skipped: etcd not found; on Debian: apt-get install etcd-server\n");
        return SKIPPED;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_env_0_killed),    cmocka_unit_test(test_agent_killed),
        cmocka_unit_test(test_creator_killed),  cmocka_unit_test(test_agent_ended),
        cmocka_unit_test(test_creator_follows), cmocka_unit_test(test_singleton),
        cmocka_unit_test(test_too_large),       cmocka_unit_test(test_etcd_gone),
        cmocka_unit_test(test_many_envs),       cmocka_unit_test(test_agent_stopped),
        cmocka_unit_test(test_never_ends),      cmocka_unit_test(test_slots),
    };
    return status != 0 ? status : cmocka_run_group_tests(tests, NULL, NULL);
}
