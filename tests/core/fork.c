/* What a fork does to Corps, in programs and in methods: `fork TRANSPORT [TEST]`. */

#include "gate.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { BIG_BYTES = 1 << 18, CHILDREN = 20, CALLS = 200 };

/* ---- a class ---- */

/* In a child: calls and compares. No cmocka here, which would go on with the parent's tests. */
static bool echoes_with(const struct corps_name *name, int64_t number, const struct corps_call_options *options) {
    const struct corps_value args = corps_int(number), *answer = NULL;
    struct corps_future *future = NULL;
    bool good = corps_call(name, "echo", &args, options, &future) == CORPS_OK &&
                corps_future_wait(future, LONG_NS, &answer) == CORPS_OK && answer->kind == CORPS_INT &&
                answer->integer == number;
    if (!good) {
        fprintf(stderr, "in the child: %s\n", corps_error_detail());
    }
    corps_future_destroy(future);
    return good;
}

static bool echoes(const struct corps_name *name, int64_t number) {
    return echoes_with(name, number, NULL);
}

/* Waits for the child of a method: its wait status. */
static int wait_for(pid_t child) {
    int status = -1;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    return status;
}

/* Forks; the child returns (an error, if args says so), and the parent gives its wait status. */
static enum corps_err node_fork(struct corps_context *context, void *self, const struct corps_value *args,
                                struct corps_value *result) {
    (void)self;
    pid_t child = fork();
    if (child == 0) {
        *result = corps_str("the child's");
        return args->boolean ? corps_fail(context, "Child", "this is only said") : CORPS_OK;
    }
    *result = corps_int(wait_for(child));
    return CORPS_OK;
}

/* Forks a child that calls a Worker of this Corps, as any program may; gives what that has answered. */
static enum corps_err node_child_calls(struct corps_context *context, void *self, const struct corps_value *args,
                                       struct corps_value *result) {
    (void)context;
    (void)self;
    pid_t child = fork();
    if (child == 0) {
        _exit(corps_own() == NULL && echoes(args->name, 7) ? 7 : 1);
    }
    int status = wait_for(child);
    *result = corps_int(WIFEXITED(status) ? WEXITSTATUS(status) : -1);
    return CORPS_OK;
}

static const struct corps_method node_methods[] = {{"pid", method_pid},
                                                   {"echo", method_echo},
                                                   {"wait_for", method_wait_for},
                                                   {"fork", node_fork},
                                                   {"child_calls", node_child_calls},
                                                   {NULL, NULL}};
static const struct corps_class node_class = {.name = "Node", .methods = node_methods};

/* Its init forks, too. */
static enum corps_err forker_init(struct corps_context *context, void *self, const struct corps_value *args,
                                  struct corps_value *result) {
    const struct corps_value no = corps_bool(false);
    (void)args;
    return node_fork(context, self, &no, result);
}

static const struct corps_class forker_class = {.name = "Forker", .init = forker_init, .methods = node_methods};
static const struct corps_class *const classes[] = {&node_class, &forker_class, NULL};

/* ---- helpers ---- */

static struct corps *make(unsigned envs) {
    return make_with((struct corps_options){.env_count = envs});
}

/* The child's status; it must end by itself. */
static int status_of(pid_t child) {
    for (int ms = 0; ms < 20000; ms += 10) {
        int status;
        if (waitpid(child, &status, WNOHANG) == child) {
            return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
        }
        poll(NULL, 0, 10);
    }
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    return -1000;
}

/* ---- programs ---- */

static void test_child_calls(void **state) {
    (void)state;
    struct corps *corps = make(2);
    struct corps_name *name = worker_in(corps, "Node", last_env(corps));
    assert_int_equal(ask_int(name, "echo", corps_int(1)), 1);
    pid_t child = fork();
    if (child == 0) {
        bool good = true;
        for (int i = 0; i < CALLS; i++) {
            good = good && echoes(name, 1000 + i);
        }
        good = good && corps_exit(corps, 0) == CORPS_ERR_INVALID && corps_end(corps) == CORPS_ERR_INVALID;
        corps_name_unref(name);
        exit(good ? 0 : 1); /* with all that is registered for the end */
    }
    for (int i = 0; i < CALLS; i++) {
        assert_int_equal(ask_int(name, "echo", corps_int(i)), i);
    }
    assert_int_equal(status_of(child), 0);
    assert_int_equal(ask_int(name, "echo", corps_int(2)), 2);
    assert_true(ask_int(name, "pid", corps_nil()) != getpid());
    corps_name_unref(name);
    assert_ok(corps_exit(corps, LONG_NS));
}

/* What is under way is the parent's; the child hears that at once. */
static void test_under_way(void **state) {
    (void)state;
    struct corps *corps = make(2);
    struct corps_name *name = worker_in(corps, "Node", last_env(corps));
    struct gate gate;
    gate_shut(&gate, name);
    pid_t child = fork();
    if (child == 0) {
        enum corps_err err = corps_future_wait(gate.waiting, LONG_NS, NULL);
        bool good = err == CORPS_ERR_CLOSED && strstr(corps_error_detail(), "forked") != NULL;
        corps_future_destroy(gate.waiting);
        gate_open(&gate);
        struct corps_future *promise = corps_future_create(); /* a wait is the first that the child does */
        good = good && corps_future_wait(promise, 1000000, NULL) == CORPS_ERR_TIMEOUT;
        corps_future_destroy(promise);
        _exit(good && echoes(name, 5) ? 0 : 1);
    }
    assert_int_equal(status_of(child), 0);
    gate_finish(&gate);
    corps_name_unref(name);
    assert_ok(corps_exit(corps, LONG_NS));
}

/* The child gives its calls the numbers that its parent gives, and is another: nobody gets the other's answer. */
static void test_retry(void **state) {
    (void)state;
    static const struct corps_call_options retry = {.flags = CORPS_CALL_RETRY};
    struct corps *corps = make(2);
    struct corps_name *node = worker_in(corps, "Node", last_env(corps));
    assert_true(echoes_with(node, 1, &retry));
    for (int64_t i = 0; i < CHILDREN; i++) {
        pid_t child = fork();
        if (child == 0) {
            _exit(echoes_with(node, 1000 + i, &retry) ? 0 : 1);
        }
        assert_int_equal(status_of(child), 0);
    }
    assert_true(echoes_with(node, 2, &retry));
    corps_name_unref(node);
    assert_ok(corps_exit(corps, LONG_NS));
}

static void test_child_creates(void **state) {
    (void)state;
    struct corps *corps = make(2);
    struct corps_name *name = worker_in(corps, "Node", last_env(corps));
    assert_int_equal(ask_int(name, "echo", corps_int(1)), 1);
    pid_t child = fork();
    if (child == 0) {
        const struct corps_options options = {.env_count = one_env_only ? 1 : 2};
        struct corps *own = NULL;
        struct corps_name *worker = NULL;
        bool good = corps_create(NULL, NULL, &options, &own) == CORPS_OK &&
                    corps_create_concs(own, "Node", NULL, CORPS_ENV_ID(0), 1, &worker) == CORPS_OK &&
                    echoes(worker, 3) && echoes(name, 4);
        pid_t grandchild = good ? fork() : -1; /* and so on */
        if (grandchild == 0) {
            _exit(echoes(worker, 5) && echoes(name, 6) && corps_exit(own, 0) == CORPS_ERR_INVALID ? 0 : 1);
        }
        good = good && status_of(grandchild) == 0 && echoes(worker, 7);
        corps_name_unref(worker);
        _exit(good && corps_exit(own, LONG_NS) == CORPS_OK ? 0 : 1);
    }
    assert_int_equal(status_of(child), 0);
    assert_int_equal(ask_int(name, "echo", corps_int(2)), 2);
    corps_name_unref(name);
    assert_ok(corps_exit(corps, LONG_NS));
}

static const struct corps_name *called;
static _Atomic bool enough;

static void *call_on(void *arg) {
    (void)arg;
    for (int64_t i = 0; !enough; i++) {
        struct corps_value big = corps_bin(calloc(1, i % 8 == 0 ? BIG_BYTES : 8), i % 8 == 0 ? BIG_BYTES : 8);
        const struct corps_value *answer = NULL;
        struct corps_future *future = NULL;
        if (corps_call(called, "echo", &big, NULL, &future) != CORPS_OK ||
            corps_future_wait(future, LONG_NS, &answer) != CORPS_OK || answer->count != big.count) {
            fprintf(stderr, "in a thread: %s\n", corps_error_detail());
            abort();
        }
        corps_future_destroy(future);
        free((void *)(uintptr_t)big.bin);
    }
    return NULL;
}

/* Locks that other threads hold at the moment of the fork. */
static void test_threads(void **state) {
    (void)state;
    struct corps *corps = make(2);
    struct corps_name *name = worker_in(corps, "Node", last_env(corps));
    called = name;
    pthread_t threads[3];
    for (int i = 0; i < 3; i++) {
        pthread_create(&threads[i], NULL, call_on, NULL);
    }
    for (int i = 0; i < CHILDREN; i++) {
        pid_t child = fork();
        if (child == 0) {
            _exit(echoes(name, i) ? 0 : 1);
        }
        assert_int_equal(status_of(child), 0);
    }
    enough = true;
    for (int i = 0; i < 3; i++) {
        pthread_join(threads[i], NULL);
    }
    corps_name_unref(name);
    assert_ok(corps_exit(corps, LONG_NS));
}

/* A large result lies in memory that it shares with the Env: what the child drops is not given back for the parent. */
static void test_large(void **state) {
    (void)state;
    struct corps *corps = make(2);
    struct corps_name *name = worker_in(corps, "Node", last_env(corps));
    static uint8_t data[BIG_BYTES], others[BIG_BYTES];
    memset(data, 1, sizeof data);
    memset(others, 2, sizeof others);
    const struct corps_value *kept;
    assert_int_equal(ask_int(name, "echo", corps_int(1)), 1);
    struct corps_future *future = ask(name, "echo", corps_bin(data, sizeof data), &kept);
    struct corps_block *loan = corps_loan(name, BIG_BYTES);
    assert_non_null(loan);
    memset(loan->data, 3, BIG_BYTES);
    pid_t child = fork();
    if (child == 0) {
        bool good = kept->bin[BIG_BYTES - 1] == 1;
        corps_future_destroy(future);
        corps_block_unref(loan);
        _exit(good && echoes(name, 9) ? 0 : 1);
    }
    assert_int_equal(status_of(child), 0);
    for (int i = 0; i < 300; i++) { /* more than the pool holds */
        const struct corps_value *answer;
        struct corps_future *other = ask(name, "echo", corps_bin(others, sizeof others), &answer);
        corps_future_destroy(other);
    }
    assert_memory_equal(kept->bin, data, sizeof data);
    const struct corps_value *answer;
    struct corps_future *last = ask(name, "echo", corps_bin(loan->data, BIG_BYTES), &answer);
    assert_int_equal(((const uint8_t *)answer->bin)[BIG_BYTES - 1], 3);
    corps_future_destroy(last);
    corps_block_unref(loan);
    corps_future_destroy(future);
    corps_name_unref(name);
    assert_ok(corps_exit(corps, LONG_NS));
}

/* The parent is killed, or goes as those do who become daemons: the child holds nothing that would keep its Corps
 * alive. */
static void test_parent_dies(void **state) {
    (void)state;
    int ends[2], done[2];
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    assert_int_equal(pipe2(done, O_CLOEXEC), 0);
    pid_t parent = fork();
    if (parent == 0) {
        const struct corps_options options = {.env_count = one_env_only ? 1 : 2};
        struct corps *corps = NULL;
        struct corps_name *name = NULL;
        bool good = corps_create(NULL, NULL, &options, &corps) == CORPS_OK &&
                    corps_create_concs(corps, "Node", NULL, CORPS_ENV_ID(0), 1, &name) == CORPS_OK && echoes(name, 1);
        int pids[2] = {good ? corps_env_pid(corps, 0) : -1,
                       good ? corps_env_pid(corps, corps_env_count(corps) - 1) : -1};
        (void)!write(ends[1], pids, sizeof pids);
        if (fork() == 0) {
            setsid();
            char unused;
            close(done[1]);
            (void)!read(done[0], &unused, 1); /* lives until the test is over */
            _exit(0);
        }
        _exit(0);
    }
    close(ends[1]);
    close(done[0]);
    int pids[2] = {-1, -1};
    assert_int_equal(read(ends[0], pids, sizeof pids), sizeof pids);
    assert_true(pids[0] > 0);
    assert_int_equal(status_of(parent), 0);
    bool gone = false;
    for (int ms = 0; ms < 20000 && !gone; ms += 10) {
        gone = kill(pids[0], 0) != 0 && kill(pids[1], 0) != 0;
        poll(NULL, 0, 10);
    }
    close(done[1]);
    close(ends[0]);
    assert_true(gone);
}

/* ---- methods ---- */

static void test_method(void **state) {
    (void)state;
    struct corps *corps = make(2);
    struct corps_name *name = worker_in(corps, "Node", last_env(corps));
    int64_t pid = ask_int(name, "pid", corps_nil());
    assert_int_equal(ask_int(name, "fork", corps_bool(false)), 0);
    assert_int_equal(WEXITSTATUS(ask_int(name, "fork", corps_bool(true))), 1);
    for (int i = 0; i < 20; i++) {
        assert_int_equal(ask_int(name, "pid", corps_nil()), pid);
    }
    const struct corps_value no = corps_bool(false);
    for (int i = 0; i < 3; i++) { /* in a batch, too */
        assert_ok(corps_send(name, "fork", &no, NULL));
    }
    assert_int_equal(ask_int(name, "pid", corps_nil()), pid);
    corps_name_unref(name);
    assert_ok(corps_exit(corps, LONG_NS));
}

static void test_init(void **state) {
    (void)state;
    struct corps *corps = make(2);
    struct corps_name *name = worker_in(corps, "Forker", last_env(corps));
    assert_true(ask_int(name, "pid", corps_nil()) > 0);
    corps_name_unref(name);
    assert_ok(corps_exit(corps, LONG_NS));
}

static void test_method_calls(void **state) {
    (void)state;
    struct corps *corps = make(2);
    struct corps_name *name = worker_in(corps, "Node", last_env(corps)), *other = worker_in(corps, "Node", 0);
    assert_int_equal(ask_int(name, "child_calls", corps_value_of_name(other)), 7);
    struct corps_name *same_env = worker_in(corps, "Node", last_env(corps));
    assert_int_equal(ask_int(name, "child_calls", corps_value_of_name(same_env)), 7);
    corps_name_unref(same_env);
    corps_name_unref(other);
    corps_name_unref(name);
    assert_ok(corps_exit(corps, LONG_NS));
}

/* ---- descriptors ---- */

enum { INHERITED_COUNT = 256 };
static bool inherited[INHERITED_COUNT]; /* open when this program began: whoever started it has its own ways */

static void note_inherited(void) {
    for (int fd = 0; fd < INHERITED_COUNT; fd++) {
        inherited[fd] = fcntl(fd, F_GETFD) >= 0;
    }
}

static void test_close_on_exec(void **state) {
    (void)state;
    struct corps *corps = make(2);
    struct corps_name *name = worker_in(corps, "Node", last_env(corps));
    assert_int_equal(ask_int(name, "echo", corps_int(1)), 1);
    DIR *dir = opendir("/proc/self/fd");
    for (struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
        int fd = atoi(entry->d_name);
        char path[300] = "", where[64];
        snprintf(where, sizeof where, "/proc/self/fd/%d", fd);
        (void)!readlink(where, path, sizeof path - 1);
        bool ours = fd >= INHERITED_COUNT || !inherited[fd];
        if (ours && fd != dirfd(dir) && (fcntl(fd, F_GETFD) & FD_CLOEXEC) == 0) {
            fail_msg("descriptor %d (%s) would be inherited", fd, path);
        }
    }
    closedir(dir);
    corps_name_unref(name);
    assert_ok(corps_exit(corps, LONG_NS));
}

int main(int argc, char **argv) {
    note_inherited();
    int status = test_start(argc, argv, classes);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_child_calls),   cmocka_unit_test(test_under_way),     cmocka_unit_test(test_retry),
        cmocka_unit_test(test_child_creates), cmocka_unit_test(test_threads),       cmocka_unit_test(test_large),
        cmocka_unit_test(test_parent_dies),   cmocka_unit_test(test_method),        cmocka_unit_test(test_init),
        cmocka_unit_test(test_method_calls),  cmocka_unit_test(test_close_on_exec),
    };
    return status != 0 ? status : cmocka_run_group_tests(tests, NULL, NULL);
}
