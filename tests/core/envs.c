/* Envs that are added to a running Corps, and taken from it: `envs TRANSPORT [TEST]` runs one test, or all of them. */

#include "hand.h"

#include <arpa/inet.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

/* ---- tests ---- */

/* From the program, from Env 0 and from another one; everybody reaches who lives there. */
static void test_from_everywhere(void **state) {
    (void)state;
    struct corps *corps = make(2);
    struct corps_name *zero = hand_in(corps, 0);
    struct corps_name *one = hand_in(corps, 1);
    struct corps_name *hands[5];
    unsigned envs[5];
    for (int i = 0; i < 5; i++) {
        envs[i] = i == 0 ? add_env(corps) : (unsigned)ask_int(i % 2 == 1 ? zero : one, "env_add", corps_nil());
        assert_int_equal(envs[i], 2 + i);
        hands[i] = hand_in(corps, envs[i]);
        struct corps_value args[2] = {corps_value_of_name(hands[i]), corps_int(10)};
        assert_int_equal(ask_int(zero, "ask", corps_array(args, 2)), 10);
        assert_int_equal(ask_int(one, "ask", corps_array(args, 2)), 20);
        for (int k = 0; k < i; k++) { /* those that were there before, and the newest, reach each other */
            assert_int_equal(ask_int(hands[k], "ask", corps_array(args, 2)), 30 + 10 * k);
        }
        struct corps_value back[2] = {corps_value_of_name(one), corps_int(1)};
        assert_int_equal(ask_int(hands[i], "ask", corps_array(back, 2)), i + 1);
    }
    assert_int_equal(corps_env_count(corps), 7);
    assert_true(corps_env_pid(corps, 6) > 0);
    assert_ok(corps_env_take(corps, 2, LONG_NS));
    struct corps_value three = corps_int(3);
    corps_future_destroy(ask(zero, "env_take", three, NULL));
    struct corps_value four = corps_int(4);
    corps_future_destroy(ask(one, "env_take", four, NULL));
    for (int i = 0; i < 3; i++) {
        assert_taken(hands[i]);
    }
    assert_int_equal(corps_env_pid(corps, 2), 0);
    struct corps_value six = corps_int(6); /* one from another that was added */
    corps_future_destroy(ask(hands[3], "env_take", six, NULL));
    assert_taken(hands[4]);
    assert_true(add(hands[3], 1) > 0);
    for (int i = 0; i < 5; i++) {
        corps_name_unref(hands[i]);
    }
    corps_name_unref(zero);
    corps_name_unref(one);
    assert_ok(corps_exit(corps, LONG_NS));
}

/* AUTO and PER_ENV count those that are added, and leave out those that were taken. */
static void test_places(void **state) {
    (void)state;
    struct corps *corps = make(2);
    assert_int_equal(add_env(corps), 2);
    assert_int_equal(add_env(corps), 3);
    assert_ok(corps_env_take(corps, 1, LONG_NS));
    struct corps_name *names[8];
    assert_ok(corps_create_concs(corps, "Hand", NULL, CORPS_PER_ENV, 2, names));
    const unsigned expected[6] = {0, 2, 3, 0, 2, 3};
    for (int i = 0; i < 8; i++) {
        if (i < 6) {
            assert_int_equal(corps_name_env(names[i]), expected[i]);
            corps_name_unref(names[i]);
        } else {
            assert_null(names[i]); /* the places of the one that was taken */
        }
    }
    struct corps_location below = CORPS_PER_ENV;
    below.env = 3; /* the array has room for Envs 0 to 2 */
    names[3] = (struct corps_name *)(uintptr_t)1;
    assert_ok(corps_create_concs(corps, "Hand", NULL, below, 1, names));
    assert_int_equal(corps_name_env(names[0]), 0);
    assert_int_equal(corps_name_env(names[1]), 2);
    assert_null(names[2]);
    assert_ptr_equal(names[3], (void *)(uintptr_t)1);
    corps_name_unref(names[0]);
    corps_name_unref(names[1]);
    bool seen[4] = {false};
    for (int round = 0; round < 2; round++) {
        assert_ok(corps_create_concs(corps, "Hand", NULL, CORPS_AUTO, 3, names));
        for (int i = 0; i < 3; i++) {
            seen[corps_name_env(names[i])] = true;
            corps_name_unref(names[i]);
        }
    }
    assert_true(seen[0] && !seen[1] && seen[2] && seen[3]);
    assert_int_equal(corps_create_concs(corps, "Hand", NULL, CORPS_ENV_ID(1), 1, names), CORPS_ERR_WORKER_LOST);
    assert_non_null(strstr(corps_error_detail(), "Env 1 was taken"));
    assert_int_equal(corps_create_concs(corps, "Hand", NULL, CORPS_ENV_ID(4), 1, names), CORPS_ERR_INVALID);
    assert_ok(corps_exit(corps, LONG_NS));
}

/* What was asked before is answered, also by a Conc without a cleanup and where the reply was put off; cleanups run,
 * latest first. */
static void test_asked_before(void **state) {
    (void)state;
    struct corps *corps = make(1);
    unsigned env = add_env(corps);
    char path[] = "/tmp/corps-envs-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    struct corps_name *bare = worker_in(corps, "Bare", env); /* the first: its turn is last */
    struct corps_value where = corps_str(path);
    struct corps_name *hands[3];
    assert_ok(corps_create_concs(corps, "Hand", &where, CORPS_ENV_ID(env), 3, hands));
    struct corps_name *zero = hand_in(corps, 0);
    struct gate gate;
    struct gate bare_gate;
    gate_shut(&gate, hands[1]);
    gate_shut(&bare_gate, bare);
    struct corps_future *held = begin(hands[2], "hold", corps_nil());
    enum { BEHIND = 50 };
    struct corps_future *behind[BEHIND];
    for (int i = 0; i < BEHIND; i++) {
        behind[i] = begin(hands[1], "add", corps_int(1));
    }
    struct corps_value from_zero[2] = {corps_value_of_name(hands[1]), corps_int(1)};
    corps_future_destroy(ask(zero, "begin_ask", corps_array(from_zero, 2), NULL)); /* Env 0's own calls too */
    assert_int_equal(add(hands[0], 1), 1);
    struct change taking = {.corps = corps, .env = env, .timeout_ns = LONG_NS};
    begin_change(&taking);
    while (!corps_future_ready(held)) { /* the last one's cleanup answers; then it is the turn of the one that waits */
        assert_int_equal(add(zero, 0), 0);
    }
    assert_false(atomic_load(&taking.over));
    gate_finish(&gate);
    gate_finish(&bare_gate);
    for (int i = 0; i < BEHIND; i++) {
        assert_ok(corps_future_wait(behind[i], LONG_NS, NULL));
        corps_future_destroy(behind[i]);
    }
    corps_future_destroy(ask(zero, "end_ask", corps_nil(), NULL));
    pthread_join(taking.thread, NULL);
    assert_int_equal(taking.err, CORPS_OK);
    const struct corps_value *answer;
    assert_ok(corps_future_wait(held, LONG_NS, &answer));
    corps_future_destroy(held);
    char noted[64] = "";
    assert_true(read(fd, noted, sizeof noted - 1) > 0);
    unsigned order[3];
    assert_int_equal(sscanf(noted, "%u %u %u", &order[0], &order[1], &order[2]), 3);
    assert_true(order[0] > order[1] && order[1] > order[2]);
    assert_taken(hands[0]);
    close(fd);
    unlink(path);
    for (int i = 0; i < 3; i++) {
        corps_name_unref(hands[i]);
    }
    corps_name_unref(bare);
    corps_name_unref(zero);
    assert_ok(corps_exit(corps, LONG_NS));
}

/* ---- constant calls ---- */

struct load {
    struct corps_name *name;
    _Atomic bool stops;
    _Atomic unsigned calls, wrong;
    pthread_t thread;
};

/* Until it is told to stop: every answer is the next number, or the Env was taken. */
static void *call_on(void *arg) {
    struct load *load = arg;
    int64_t expected = 0;
    while (!atomic_load(&load->stops)) {
        int64_t result = -1;
        enum corps_err err = try_add(load->name, &result);
        bool taken = err == CORPS_ERR_WORKER_LOST && strstr(corps_error_detail(), "was taken from the Corps") != NULL;
        if (err == CORPS_OK ? result != ++expected : !taken && err != CORPS_ERR_NO_WORKER) {
            fprintf(stderr, "%s: %s, %lld instead of %lld\n", corps_error_name(err), corps_error_detail(),
                    (long long)result, (long long)expected);
            atomic_fetch_add(&load->wrong, 1);
        }
        atomic_fetch_add(&load->calls, 1);
        if (err != CORPS_OK) {
            break;
        }
    }
    return NULL;
}

static void begin_load(struct load *load, struct corps_name *name) {
    *load = (struct load){.name = name};
    assert_int_equal(pthread_create(&load->thread, NULL, call_on, load), 0);
    while (atomic_load(&load->calls) == 0) {
        poll(NULL, 0, 1);
    }
}

static void end_load(struct load *load) {
    atomic_store(&load->stops, true);
    pthread_join(load->thread, NULL);
    assert_int_equal(atomic_load(&load->wrong), 0);
}

/* Fifty come and go. Numbers are given again, Names are not; nothing is left behind. */
static void test_come_and_go(void **state) {
    (void)state;
    struct corps *corps = make(2);
    struct corps_name *zero = hand_in(corps, 0);
    struct corps_name *one = hand_in(corps, 1);
    struct load steady[2];
    begin_load(&steady[0], hand_in(corps, 0));
    begin_load(&steady[1], hand_in(corps, 1));
    int64_t descriptors = 0;
    struct corps_name *former[50];
    for (int i = 0; i < 50; i++) {
        unsigned env = i % 3 == 0 ? (unsigned)ask_int(one, "env_add", corps_nil()) : add_env(corps);
        assert_int_equal(env, i < 17 ? 2 + i : 2 + i % 17);
        former[i] = hand_in(corps, env);
        struct corps_value args[2] = {corps_value_of_name(former[i]), corps_int(0)};
        assert_int_equal(ask_int(zero, "ask", corps_array(args, 2)), 0);
        assert_int_equal(ask_int(one, "ask", corps_array(args, 2)), 0);
        struct load load;
        begin_load(&load, former[i]);
        assert_ok(corps_env_take(corps, env, LONG_NS));
        end_load(&load);
        assert_taken(former[i]);
        if (i == 24) {
            descriptors = ask_int(zero, "descriptors", corps_nil());
        }
    }
    assert_int_equal(corps_env_count(corps), 19);
    assert_int_equal(ask_int(zero, "descriptors", corps_nil()), descriptors);
    assert_int_equal(children_of(corps_env_pid(corps, 0)), 1);
    unsigned env = add_env(corps);
    int64_t unused;
    for (int i = 0; i < 50; i++) { /* whoever lives there now, it is nobody's former self */
        enum corps_err err = try_add(former[i], &unused);
        assert_int_equal(err, corps_name_env(former[i]) == env ? CORPS_ERR_NO_WORKER : CORPS_ERR_WORKER_LOST);
        corps_name_unref(former[i]);
    }
    for (int i = 0; i < 2; i++) {
        end_load(&steady[i]);
        corps_name_unref(steady[i].name);
    }
    corps_name_unref(zero);
    corps_name_unref(one);
    assert_ok(corps_exit(corps, LONG_NS));
}

/* A hundred and fifty come and go while the program reads nothing: nobody waits for it, and then it knows. */
static void test_nobody_listens(void **state) {
    (void)state;
    struct corps *corps = make(2);
    struct corps_name *one = hand_in(corps, 1);
    char path[] = "/tmp/corps-envs-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    struct corps_value args[2] = {corps_int(150), corps_str(path)};
    struct corps_value come_and_go = corps_array(args, 2);
    assert_ok(corps_send(one, "come_and_go", &come_and_go, NULL));
    corps_flush();
    char word;
    while (read(fd, &word, 1) != 1) { /* not a call: nothing of Corps is read here */
        poll(NULL, 0, 1);
    }
    unsigned env = add_env(corps);
    assert_true(corps_env_pid(corps, env) > 0);
    struct corps_name *hand = hand_in(corps, env);
    assert_int_equal(add(hand, 1), 1);
    assert_int_equal(add(one, 1), 1);
    corps_name_unref(hand);
    corps_name_unref(one);
    close(fd);
    unlink(path);
    assert_ok(corps_exit(corps, LONG_NS));
}

/* ---- others ---- */

/* A process that knows the Corps by Names alone gets them from a Worker. */
static void test_guests(void **state) {
    (void)state;
    struct corps *corps = make(2);
    struct corps_name *one = hand_in(corps, 1);
    assert_int_equal(add(one, 1), 1);
    pid_t child = fork();
    if (child == 0) {                     /* to a child of a fork, its parent's Corps are others' */
        prctl(PR_SET_PDEATHSIG, SIGKILL); /* no stray where the test fails */
        bool good = add(one, 1) == 2;
        for (int i = 0; good && i < 3; i++) {
            struct corps_value env = corps_int(ask_int(one, "env_add", corps_nil()));
            const struct corps_value *made;
            struct corps_future *future = ask(one, "make", env, &made);
            struct corps_name *hand = corps_name_ref(made->name);
            corps_future_destroy(future);
            good = add(hand, 4) == 4;
            corps_future_destroy(ask(one, "env_take", env, NULL));
            int64_t unused;
            good = good && try_add(hand, &unused) == CORPS_ERR_WORKER_LOST &&
                   strstr(corps_error_detail(), "was taken from the Corps") != NULL;
            if (!good) {
                fprintf(stderr, "%s\n", corps_error_detail());
            }
            corps_name_unref(hand);
        }
        _exit(good ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    corps_name_unref(one);
    assert_ok(corps_exit(corps, LONG_NS));
}

static int listen_at(uint16_t port) {
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int on = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(fd, (struct sockaddr *)&address, sizeof address) != 0 || listen(fd, 1) != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

/* The first of four ports in a row that nobody listens at. */
static uint16_t free_ports(void) {
    for (uint16_t port = (uint16_t)(20000 + getpid() % 9000);; port = (uint16_t)(port + 4)) {
        int fds[4];
        unsigned open = 0;
        while (open < 4 && (fds[open] = listen_at((uint16_t)(port + open))) >= 0) {
            open++;
        }
        for (unsigned i = 0; i < open; i++) {
            close(fds[i]);
        }
        if (open == 4) {
            return port;
        }
    }
}

/* With a port in `bind` Env i listens at that one + i; where somebody else does, adding it fails with that. */
static void test_ports(void **state) {
    (void)state;
    uint16_t port = free_ports();
    char bind_to[32];
    snprintf(bind_to, sizeof bind_to, "127.0.0.1:%u", port);
    const struct corps_options options = {.env_count = 2, .transport = "tcp", .bind = bind_to};
    struct corps *corps;
    assert_ok(corps_create(NULL, NULL, &options, &corps));
    int fd = listen_at((uint16_t)(port + 2));
    assert_true(fd >= 0);
    unsigned env = 0;
    assert_int_not_equal(corps_env_add(corps, &env), CORPS_OK);
    assert_non_null(strstr(corps_error_detail(), "in use"));
    close(fd);
    assert_int_equal(add_env(corps), 2);
    assert_int_equal(listen_at((uint16_t)(port + 2)), -1); /* it does */
    struct corps_name *hand = hand_in(corps, 2);
    assert_int_equal(add(hand, 3), 3);
    assert_ok(corps_env_take(corps, 2, LONG_NS));
    fd = listen_at((uint16_t)(port + 2));
    assert_true(fd >= 0);
    close(fd);
    corps_name_unref(hand);
    assert_ok(corps_exit(corps, LONG_NS));
}

int main(int argc, char **argv) {
    int failed = test_start(argc, argv, classes);
    if (failed != 0) {
        return failed;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nobody_listens), cmocka_unit_test(test_from_everywhere), cmocka_unit_test(test_places),
        cmocka_unit_test(test_asked_before),   cmocka_unit_test(test_come_and_go),     cmocka_unit_test(test_guests),
        cmocka_unit_test(test_ports),
    };
    return cmocka_run_group_tests_name(argv[1], tests, NULL, NULL);
}
