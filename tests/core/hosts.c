/* Links between hosts, which are all this one (fake_fleet.h): which transport they take, and deadlines between clocks
 * that differ. As root, those of hosts two and three get a clock of their own, in a time namespace. Elsewhere these
 * tests are skipped. `hosts TRANSPORT [TEST]`. */

#include "fake_fleet.h"
#include "gate.h"
#include "keeper.h"
#include "stranger.h"

#include "base/clock.h"
#include "link/known.h"
#include "link/peer.h"
#include "link/skew.h"
#include "wait/wait.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x00000080
#endif

#define SECOND INT64_C(1000000000)
#define CLOCKS "HOSTS_CLOCKS" /* set where they can differ: for the launcher, which runs in Env 0 */

/* ---- Node ---- */

struct node {
    int64_t count, last;
    bool disordered;
};

static enum corps_err node_append(struct corps_context *context, void *self, const struct corps_value *args,
                                  struct corps_value *result) {
    (void)context;
    struct node *node = self;
    node->disordered = node->disordered || args->integer <= node->last;
    node->last = args->integer;
    node->count++;
    *result = corps_int(args->integer);
    return CORPS_OK;
}

/* How many, −1 when they did not come in order. */
static enum corps_err node_count(struct corps_context *context, void *self, const struct corps_value *args,
                                 struct corps_value *result) {
    (void)context;
    (void)args;
    const struct node *node = self;
    *result = corps_int(node->disordered ? -1 : node->count);
    return CORPS_OK;
}

static enum corps_err node_time_left(struct corps_context *context, void *self, const struct corps_value *args,
                                     struct corps_value *result) {
    (void)self;
    (void)args;
    *result = corps_int(corps_context_time_left_ns(context));
    return CORPS_OK;
}

static enum corps_err node_now(struct corps_context *context, void *self, const struct corps_value *args,
                               struct corps_value *result) {
    (void)context;
    (void)self;
    (void)args;
    *result = corps_int(corps__now_ns());
    return CORPS_OK;
}

/* [Name, method, args]: calls with the time that it has itself, and gives the answer. */
static enum corps_err node_relay(struct corps_context *context, void *self, const struct corps_value *args,
                                 struct corps_value *result) {
    (void)context;
    (void)self;
    char method[32];
    const struct corps_value *items = args->items;
    snprintf(method, sizeof method, "%.*s", (int)items[1].count, items[1].str);
    struct corps_future *future = NULL;
    const struct corps_value *answer;
    enum corps_err err = corps_call(items[0].name, method, &items[2], NULL, &future);
    err = err == CORPS_OK ? corps_future_wait(future, LONG_NS, &answer) : err;
    if (err == CORPS_OK) {
        *result = corps_int(answer->integer);
    }
    corps_future_destroy(future);
    return err;
}

/* Is this process's link to Env `env` one to another host? −1: it has none. */
static int is_far(const struct corps *corps, unsigned env) {
    const struct corps__peer *peer = atomic_load(&corps->envs[env].peer);
    return peer != NULL && peer->link != NULL ? peer->port->is_far : -1;
}

static enum corps_err node_is_far(struct corps_context *context, void *self, const struct corps_value *args,
                                  struct corps_value *result) {
    (void)self;
    *result = corps_int(is_far(corps_context_corps(context), (unsigned)args->integer));
    return CORPS_OK;
}

static const struct corps_method methods[] = {
    {"append", node_append}, {"count", node_count},   {"time_left", node_time_left}, {"now", node_now},
    {"relay", node_relay},   {"is_far", node_is_far}, {"wait_for", method_wait_for}, {NULL, NULL}};
static const struct corps_class node_class = {.name = "Node", .bytes = sizeof(struct node), .methods = methods};
static const struct corps_class *const classes[] = {&node_class, NULL};

/* ---- clocks of their own ---- */

/* In a process that is about to become another program: its clock is then `ahead` seconds ahead. */
static bool shift_clock(unsigned ahead) {
    char offset[48];
    int length = snprintf(offset, sizeof offset, "monotonic %u 0\n", ahead);
    if (unshare(CLONE_NEWTIME) != 0) {
        return false;
    }
    int fd = open("/proc/self/timens_offsets", O_WRONLY | O_CLOEXEC);
    bool done = fd >= 0 && write(fd, offset, (size_t)length) == length;
    close(fd);
    return done;
}

/* Env 0 is on host one, 1 and 2 are on two, 3 is on three. */
enum { ENVS = 4 };
static const char *const where[ENVS] = {"one", "two", "two", "three"};
static const unsigned ahead_s[ENVS] = {0, 1000, 1000, 100000};

static char *program;

/* Env 1 is shown the grant in the file that HOSTS_GRANT names; gives the first descriptor that is not its. */
static int show_grant(unsigned env) {
    const char *path = getenv("HOSTS_GRANT");
    int fd = env == 1 && path != NULL ? open(path, O_RDONLY) : -1;
    if (fd < 0) {
        return 4;
    }
    return dup2(fd, 4) == 4 && setenv("CORPS_GRANT_FD", "4", 1) == 0 ? 5 : 4;
}

static enum corps_err launch(void *arg, const char *tag, unsigned env, int control_fd,
                             struct corps_launched *launched) {
    (void)arg;
    (void)tag;
    pid_t pid = fork();
    if (pid == 0) {
        char *argv[] = {program, NULL};
        bool ready = ahead_s[env] == 0 || getenv(CLOCKS) == NULL || shift_clock(ahead_s[env]);
        ready = ready && dup2(control_fd, 3) == 3 && setenv("CORPS_BOOT_FD", "3", 1) == 0;
        if (ready) {
            sigset_t none;
            sigemptyset(&none);
            sigprocmask(SIG_SETMASK, &none, NULL);
            close_range((unsigned)show_grant(env), ~0u, 0);
            execv("/proc/self/exe", argv);
        }
        _exit(1);
    }
    launched->pid = pid;
    return pid > 0 ? CORPS_OK : CORPS_ERR_SYSTEM;
}

/* Is what this system gives a clock of its own? Asks a process that has one. */
static bool clocks_differ(void) {
    int pipe_fds[2];
    assert_int_equal(pipe(pipe_fds), 0);
    pid_t pid = fork();
    if (pid == 0) {
        char *argv[] = {program, (char *)(uintptr_t) "--clock", NULL};
        if (shift_clock(100000) && dup2(pipe_fds[1], 1) == 1) {
            execv("/proc/self/exe", argv);
        }
        _exit(1);
    }
    close(pipe_fds[1]);
    int64_t there = 0;
    bool told = read(pipe_fds[0], &there, sizeof there) == sizeof there;
    close(pipe_fds[0]);
    (void)waitpid(pid, NULL, 0);
    return told && there - corps__now_ns() > 50000 * SECOND;
}

/* ---- what the tests share ---- */

static const struct corps_call_options retry = {.flags = CORPS_CALL_RETRY};

static struct corps *make(struct corps_name *nodes[ENVS]) {
    struct corps *corps = NULL;
    const struct corps_options options = {.hosts = "auto", .env_count = 1};
    assert_ok(corps_create(NULL, NULL, &options, &corps));
    for (unsigned i = 1; i < ENVS; i++) {
        unsigned env;
        assert_ok(corps_env_add_on(corps, where[i], &env));
        assert_int_equal(env, i);
    }
    for (unsigned i = 0; i < ENVS; i++) {
        nodes[i] = worker_in(corps, "Node", i);
    }
    return corps;
}

static struct corps *make_shifted(struct corps_name *nodes[ENVS]) {
    if (getenv(CLOCKS) == NULL) {
        print_message("no clock of its own can be had here (time namespaces, root): skipped\n");
        skip();
    }
    struct corps *corps = make(nodes);
    int64_t there = ask_int(nodes[1], "now", corps_nil());
    assert_true(there - corps__now_ns() > 900 * SECOND);
    return corps;
}

static void end(struct corps *corps, struct corps_name *nodes[ENVS]) {
    for (unsigned i = 0; i < ENVS; i++) {
        corps_name_unref(nodes[i]);
    }
    assert_ok(corps_exit(corps, LONG_NS));
}

static int64_t ask_within(const struct corps_name *name, const char *method, struct corps_value args,
                          int64_t timeout_ns) {
    const struct corps_call_options options = {.timeout_ns = timeout_ns};
    struct corps_future *future = NULL;
    const struct corps_value *result;
    assert_ok(corps_call(name, method, &args, &options, &future));
    assert_ok(corps_future_wait(future, LONG_NS, &result));
    int64_t integer = result->integer;
    corps_future_destroy(future);
    return integer;
}

/* ---- which transport ---- */

static void test_links(void **state) {
    (void)state;
    struct corps_name *nodes[ENVS];
    struct corps *corps = make(nodes);
    assert_int_equal(is_far(corps, 0), 0);
    for (unsigned i = 1; i < ENVS; i++) {
        assert_int_equal(is_far(corps, i), 1);
    }
    static const int far[ENVS][ENVS] = {{-1, 1, 1, 1}, {1, -1, 0, 1}, {1, 0, -1, 1}, {1, 1, 1, -1}};
    for (unsigned from = 0; from < ENVS; from++) {
        for (unsigned to = 0; to < ENVS; to++) {
            struct corps_value args[3] = {corps_value_of_name(nodes[to]), corps_str("append"), corps_int(1)};
            if (to != from) {
                assert_int_equal(ask_int(nodes[from], "relay", corps_array(args, 3)), 1);
            }
            assert_int_equal(ask_int(nodes[from], "is_far", corps_int(to)), far[from][to]);
        }
    }
    end(corps, nodes);
}

/* ---- deadlines ---- */

/* There are 500 s, by whatever clock: as far as the method sees, and for what it calls. */
static void test_time_left(void **state) {
    (void)state;
    struct corps_name *nodes[ENVS];
    struct corps *corps = make_shifted(nodes);
    for (unsigned from = 0; from < ENVS; from++) {
        int64_t left = ask_within(nodes[from], "time_left", corps_nil(), 500 * SECOND);
        assert_true(left > 0 && left <= 501 * SECOND);
        for (unsigned to = 0; to < ENVS; to++) {
            struct corps_value args[3] = {corps_value_of_name(nodes[to]), corps_str("time_left"), corps_nil()};
            left = to != from ? ask_within(nodes[from], "relay", corps_array(args, 3), 500 * SECOND) : SECOND;
            if (left <= 0 || left > 502 * SECOND) {
                fail_msg("from Env %u to Env %u there are %lld s left", from, to, (long long)(left / SECOND));
            }
        }
    }
    end(corps, nodes);
}

/* What comes too late is not run, though by its own clock the callee would think that there were 1000 s, or none. */
static void test_late_requests(void **state) {
    (void)state;
    struct corps_name *nodes[ENVS];
    struct corps *corps = make_shifted(nodes);
    struct gate gates[ENVS];
    for (unsigned to = 0; to < ENVS; to++) {
        const struct corps_call_options options = {.timeout_ns = SECOND / 20};
        const struct corps_value args = corps_int(1);
        struct corps_future *late = NULL;
        gate_shut(&gates[to], nodes[to]);
        assert_ok(corps_call(nodes[to], "append", &args, &options, &late));
        assert_int_equal(corps_future_wait(late, LONG_NS, NULL), CORPS_ERR_TIMEOUT);
        corps_future_destroy(late);
    }
    int64_t later_ns = corps__now_ns() + CORPS__SKEW_KNOWN_NS; /* past what a callee may be wrong by, too */
    while (corps__now_ns() < later_ns) {
        poll(NULL, 0, 100);
    }
    for (unsigned to = 0; to < ENVS; to++) {
        gate_finish(&gates[to]);
        assert_int_equal(ask_within(nodes[to], "count", corps_nil(), 60 * SECOND), 0);
    }
    end(corps, nodes);
}

/* Requests without reply go in batches, each with its own deadline: none is late. */
static void test_batches(void **state) {
    (void)state;
    enum { SENDS = 500 };
    struct corps_name *nodes[ENVS];
    struct corps *corps = make_shifted(nodes);
    const struct corps_call_options options = {.timeout_ns = 500 * SECOND};
    for (unsigned to = 0; to < ENVS; to++) {
        for (int i = 1; i <= SENDS; i++) {
            const struct corps_value args = corps_int(i);
            assert_ok(corps_send(nodes[to], "append", &args, &options));
        }
        assert_int_equal(ask_int(nodes[to], "count", corps_nil()), SENDS);
    }
    end(corps, nodes);
}

/* Links are cut again and again: each call has its effect once, in order. */
static void test_retry(void **state) {
    (void)state;
    enum { CALLS = 200, AT_ONCE = 10 };
    struct corps_name *nodes[ENVS];
    struct corps *corps = make_shifted(nodes);
    for (unsigned to = 1; to < ENVS; to += 2) {
        struct corps_future *futures[AT_ONCE];
        for (int i = 0; i < CALLS + AT_ONCE; i++) {
            struct corps_future **at = &futures[i % AT_ONCE];
            const struct corps_value *result, args = corps_int(i + 1);
            if (i >= AT_ONCE) {
                assert_ok(corps_future_wait(*at, LONG_NS, &result));
                assert_int_equal(result->integer, i - AT_ONCE + 1);
                corps_future_destroy(*at);
            }
            if (i < CALLS) {
                assert_ok(corps_call(nodes[to], "append", &args, &retry, at));
            }
            if (i % 17 == 5) {
                assert_ok(drop_link(corps, to));
            }
        }
        assert_int_equal(ask_int(nodes[to], "count", corps_nil()), CALLS);
    }
    end(corps, nodes);
}

/* ---- grants ---- */

static int64_t boot_time_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_BOOTTIME, &now);
    return now.tv_sec * SECOND + now.tv_nsec;
}

/* An Env that is shown a grant serves as long as that runs, also where it is renewed, and no longer. */
static void test_grant(void **state) {
    (void)state;
    char path[] = "/tmp/corps-grant-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0 && ftruncate(fd, 4096) == 0);
    _Atomic int64_t *until_ns = mmap(NULL, sizeof *until_ns, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    assert_ptr_not_equal(until_ns, MAP_FAILED);
    atomic_store(until_ns, boot_time_ns() + 1000 * SECOND);
    assert_int_equal(setenv("HOSTS_GRANT", path, 1), 0);
    struct corps_name *nodes[ENVS];
    struct corps *corps = make(nodes);
    assert_int_equal(ask_int(nodes[1], "append", corps_int(1)), 1);
    atomic_store(until_ns, boot_time_ns() + 2000 * SECOND);
    assert_int_equal(ask_int(nodes[1], "append", corps_int(2)), 2);
    atomic_store(until_ns, boot_time_ns());
    struct corps_future *future = begin(nodes[1], "append", corps_int(3));
    assert_int_equal(corps_future_wait(future, LONG_NS, NULL), CORPS_ERR_WORKER_LOST);
    assert_non_null(strstr(corps_error_detail(), "no grant of its owner"));
    corps_future_destroy(future);
    assert_int_equal(ask_int(nodes[2], "append", corps_int(1)), 1); /* which needs none */
    for (unsigned i = 0; i < ENVS; i++) {
        corps_name_unref(nodes[i]);
    }
    assert_int_equal(corps_exit(corps, LONG_NS), CORPS_ERR_WORKER_LOST);
    assert_int_equal(unlink(path), 0);
    close(fd);
}

/* ---- who says that it is elsewhere ---- */

static void say_request(struct stranger *stranger, uint64_t id) {
    const struct iovec none = {0};
    stranger_say(stranger,
                 (struct corps__header){.kind = CORPS__REQUEST,
                                        .flags = CORPS__NIL_PAYLOAD,
                                        .id = id,
                                        .source_env = CORPS__GUEST_ENV,
                                        .destination = 0,
                                        .method = 0},
                 "corps:nothing", &none);
}

/* Answers questions until one says that the clock is known. */
static void tell_clock(struct stranger *stranger, uint64_t ahead_ns) {
    for (bool known = false; !known;) {
        struct corps__header question;
        const char *name;
        stranger_listen(stranger);
        assert_non_null(stranger->link);
        assert_int_equal(stranger->kind, CORPS__CLOCK);
        assert_ok(corps__wire_read(stranger->frame, stranger->frame_bytes, &question, &name));
        known = question.destination != 0;
        stranger_say(stranger,
                     (struct corps__header){.kind = CORPS__CLOCK,
                                            .flags = CORPS__NIL_PAYLOAD,
                                            .id = question.id,
                                            .deadline_ns = (uint64_t)corps__now_ns() + ahead_ns},
                     NULL, NULL);
    }
}

/* No request before the clock is known; no CLOCK where hosts do not differ. */
static void test_strangers(void **state) {
    (void)state;
    struct corps *corps = NULL;
    const struct corps_options options = {.hosts = "auto", .env_count = 1};
    assert_ok(corps_create(NULL, NULL, &options, &corps));
    struct stranger stranger;
    stranger_open(&stranger, corps);
    stranger.greeting = (struct corps__greeting){.env = CORPS__GUEST_ENV, .host = 7, .identity = {1, 2}};
    stranger_connect(&stranger, corps, 0);
    say_request(&stranger, 1);
    while (stranger.link != NULL) {
        stranger_listen(&stranger); /* it is asked, and then loses its link */
    }
    stranger.greeting.identity[0] = 3;
    stranger_connect(&stranger, corps, 0);
    tell_clock(&stranger, 5000 * (uint64_t)SECOND);
    say_request(&stranger, 2);
    do {
        stranger_listen(&stranger);
        assert_non_null(stranger.link);
    } while (stranger.kind == CORPS__CLOCK);
    assert_int_equal(stranger.kind, CORPS__FAILURE); /* there is no such method: it has been looked for */
    stranger.greeting.host = 1;
    stranger.greeting.identity[0] = 4;
    stranger_connect(&stranger, corps, 0);
    stranger_say(&stranger,
                 (struct corps__header){.kind = CORPS__CLOCK, .flags = CORPS__NIL_PAYLOAD, .id = 1, .deadline_ns = 1},
                 NULL, NULL);
    stranger_listen(&stranger);
    assert_null(stranger.link);
    stranger_close(&stranger);
    assert_ok(corps_exit(corps, LONG_NS));
}

int main(int argc, char **argv) {
    program = argv[0];
    if (argc == 2 && strcmp(argv[1], "--clock") == 0) {
        int64_t now = corps__now_ns();
        return write(1, &now, sizeof now) == sizeof now ? 0 : 1;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_links),   cmocka_unit_test(test_time_left), cmocka_unit_test(test_late_requests),
        cmocka_unit_test(test_batches), cmocka_unit_test(test_retry),     cmocka_unit_test(test_strangers),
        cmocka_unit_test(test_grant),
    };
    fake_fleet_set();
    corps_launcher_set(launch, NULL);
    int status = test_start(argc, argv, classes);
    if (status == 0 && clocks_differ()) {
        setenv(CLOCKS, "1", 1);
    }
    return status != 0 ? status : cmocka_run_group_tests(tests, NULL, NULL);
}
