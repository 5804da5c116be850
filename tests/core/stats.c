/* What Envs count, and how one looks at it: `stats TRANSPORT [TEST]`. */

#include "busy.h"
#include "gate.h"

#include <corps/stats.h>

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { SLEEP_MS = 20, CALLERS = 5, BURST = 1000 };

static const struct corps_class *const classes[] = {&busy_class, NULL};

/* ---- Workers' counts ---- */

/* Called from outside, so by frames; and from its own Env, by reference. */
static void test_every_request_is_counted_once(void **state) {
    (void)state;
    struct corps *corps = make_with((struct corps_options){.env_count = 2, .thread_count = 4});
    struct corps_name *name = worker_in(corps, "Busy", last_env(corps));
    struct corps_name *near = worker_in(corps, "Busy", last_env(corps)), *far = worker_in(corps, "Busy", 0);
    assert_int_equal(now(corps, name, "served"), 0);
    int64_t served = 0, failed = 0;
    for (int i = 0; i < 300; i++, served++) {
        assert_int_equal(ask_int(name, "echo", corps_int(i)), i);
    }
    for (int i = 0; i < 3; i++, served++, failed++) {
        assert_int_equal(outcome(begin(name,
                                       i == 0   ? "fail"
                                       : i == 1 ? "unknown"
                                                : "fail",
                                       corps_nil())),
                         i == 1 ? CORPS_ERR_NO_METHOD : CORPS_ERR_REMOTE);
    }
    for (int i = 0; i < 50; i++, served++) { /* nobody waits, but for the next call, which comes behind */
        assert_ok(corps_send(name, "echo", NULL, NULL));
    }
    assert_int_equal(outcome(begin(name, "echo", corps_nil())), CORPS_OK);
    served++;
    assert_int_equal(now(corps, name, "served"), served);
    assert_int_equal(now(corps, name, "failed"), failed);
    struct corps_name *const senders[] = {near, far};
    for (int i = 0; i < 2; i++) { /* in batches */
        const struct corps_value items[] = {corps_value_of_name(name), corps_int(BURST)};
        assert_int_equal(outcome(begin(senders[i], "burst", corps_array(items, 2))), CORPS_OK);
        served += BURST;
        failed++;
        await(corps, name, "served", served);
        await(corps, name, "failed", failed);
    }
    const struct corps_call_options retry = {.flags = CORPS_CALL_RETRY};
    struct corps_value five = corps_int(5);
    struct corps_future *future = NULL;
    assert_ok(corps_call(name, "echo", &five, &retry, &future));
    assert_int_equal(outcome(future), CORPS_OK);
    served++;
    assert_int_equal(now(corps, name, "served"), served);
    assert_int_equal(now(corps, name, "failed"), failed);
    assert_int_equal(now(corps, name, "queued"), 0);
    assert_int_equal(now(corps, name, "restarted"), 0);
    struct corps_name *const names[] = {name, near, far};
    for (int i = 0; i < 3; i++) {
        corps_name_unref(names[i]);
    }
    assert_ok(corps_exit(corps, LONG_NS));
}

static void test_refused_before_their_turn(void **state) {
    (void)state;
    struct corps *corps = make_with((struct corps_options){.env_count = 2, .thread_count = 4});
    struct corps_name *name = worker_in(corps, "Busy", last_env(corps));
    struct gate gate;
    gate_shut(&gate, name);
    await(corps, name, "served", 1);
    struct corps_future *cancelled = begin(name, "echo", corps_nil());
    const struct corps_call_options soon = {.timeout_ns = 1000000};
    struct corps_future *late = NULL;
    assert_ok(corps_call(name, "echo", NULL, &soon, &late));
    await(corps, name, "queued", 2);
    struct corps_box *box = look(corps, last_env(corps));
    assert_true(corps_value_get(worker_of(box, name), "running")->boolean);
    corps_box_unref(box);
    assert_true(corps_future_cancel(cancelled));
    assert_int_equal(outcome(late), CORPS_ERR_TIMEOUT);
    assert_int_equal(outcome(cancelled), CORPS_ERR_CANCELLED);
    assert_int_equal(now(corps, name, "queued"), 2); /* which is said behind the word that one is cancelled */
    gate_finish(&gate);
    assert_int_equal(outcome(begin(name, "echo", corps_nil())), CORPS_OK);
    await(corps, name, "served", 4);
    await(corps, name, "failed", 2);
    assert_int_equal(now(corps, name, "queued"), 0);
    corps_name_unref(name);
    assert_ok(corps_exit(corps, LONG_NS));
}

/* Some are queued, and their turn comes while a former one's is over after a while: so long they have waited at least.
 */
static void test_times(void **state) {
    (void)state;
    struct corps *corps = make_with((struct corps_options){.env_count = 2, .thread_count = 4});
    struct corps_name *name = worker_in(corps, "Busy", last_env(corps));
    struct gate gate;
    gate_shut(&gate, name);
    await(corps, name, "served", 1);
    struct corps_future *futures[CALLERS];
    for (int i = 0; i < CALLERS; i++) {
        futures[i] = begin(name, "sleep", corps_int(SLEEP_MS));
    }
    await(corps, name, "queued", CALLERS);
    gate_finish(&gate);
    for (int i = 0; i < CALLERS; i++) {
        assert_int_equal(outcome(futures[i]), CORPS_OK);
    }
    struct corps_box *box = look(corps, last_env(corps));
    const struct corps_value *worker = worker_of(box, name);
    const struct corps_value *wait = corps_value_get(worker, "wait"), *service = corps_value_get(worker, "service");
    assert_int_equal(number_of(worker, "sampled"), 1); /* a slow one: each is timed */
    assert_int_equal(check_times(wait), CALLERS + 1);
    assert_int_equal(check_times(service), CALLERS + 1);
    const int64_t one_ns = SLEEP_MS * 1000000LL;
    assert_true(number_of(wait, "sum_ns") >= one_ns * CALLERS * (CALLERS - 1) / 2);
    assert_true(number_of(wait, "max_ns") >= one_ns * (CALLERS - 1));
    assert_true(number_of(service, "sum_ns") >= one_ns * CALLERS);
    assert_true(longer_than(service, one_ns - 1) >= CALLERS);
    for (int i = 1; i < CALLERS; i++) { /* 20, 40, 60, 80 ms */
        assert_true(longer_than(wait, i * one_ns - 1) >= CALLERS - i);
    }
    corps_box_unref(box);
    corps_name_unref(name);
    assert_ok(corps_exit(corps, LONG_NS));
}

/* An answer that was put off is timed until it is given; a fast Worker's times stand for all of its requests. */
static void test_times_put_off_and_sampled(void **state) {
    (void)state;
    struct corps *corps = make_with((struct corps_options){.env_count = 2, .thread_count = 4});
    struct corps_name *name = worker_in(corps, "Busy", last_env(corps));
    struct corps_name *other = worker_in(corps, "Busy", last_env(corps));
    for (int i = 0; i < 2; i++) {
        struct corps_future *future = begin(name, "hold", corps_nil());
        await(corps, name, "served", i + 1);
        poll(NULL, 0, SLEEP_MS); /* that much at least */
        assert_int_equal(outcome(begin(other, "let_go", i == 0 ? corps_nil() : corps_str("fail"))), CORPS_OK);
        assert_int_equal(outcome(future), i == 0 ? CORPS_OK : CORPS_ERR_REMOTE);
    }
    struct corps_box *box = look(corps, last_env(corps));
    const struct corps_value *service = corps_value_get(worker_of(box, name), "service");
    assert_int_equal(check_times(service), 2);
    assert_int_equal(longer_than(service, SLEEP_MS * 1000000LL - 1), 2);
    assert_int_equal(number_of(worker_of(box, name), "failed"), 1);
    corps_box_unref(box);
    const struct corps_value items[] = {corps_value_of_name(name), corps_int(20 * BURST)};
    assert_int_equal(outcome(begin(other, "burst", corps_array(items, 2))), CORPS_OK);
    await(corps, name, "served", 20 * BURST + 2);
    for (int i = 0; i < 2 * BURST; i++) {
        assert_int_equal(ask_int(name, "echo", corps_int(i)), i);
    }
    box = look(corps, last_env(corps));
    const struct corps_value *worker = worker_of(box, name);
    int64_t served = number_of(worker, "served");
    assert_int_equal(served, 22 * BURST + 2);
    /* On a busy machine some take long, and then every one is timed. Chance decides by how much this is off. */
    assert_in_range(check_times(corps_value_get(worker, "wait")), served / 4, served * 3);
    assert_int_equal(check_times(corps_value_get(worker, "service")),
                     number_of(corps_value_get(worker, "wait"), "count"));
    corps_box_unref(box);
    corps_name_unref(name);
    corps_name_unref(other);
    assert_ok(corps_exit(corps, LONG_NS));
}

static void test_made_again_and_ended(void **state) {
    (void)state;
    struct corps *corps = make_with((struct corps_options){.env_count = 2});
    const struct corps_supervision again = {.restart = CORPS_RESTART_ON_FAILURE, .backoff_ns = 1000000};
    struct corps_name *name = NULL;
    assert_ok(corps_create_supervised(corps, "Busy", NULL, CORPS_ENV_ID(last_env(corps)), 1, &again, &name));
    assert_int_equal(outcome(begin(name, "crash", corps_nil())), CORPS_ERR_REMOTE);
    assert_int_equal(ask_int(name, "echo", corps_int(1)), 1);
    assert_int_equal(now(corps, name, "restarted"), 1);
    assert_int_equal(now(corps, name, "served"), 2); /* the counts go on */
    assert_int_equal(now(corps, name, "failed"), 1);
    assert_int_equal(now(corps, name, "queued"), 0);
    corps_name_unref(name);
    assert_ok(corps_exit(corps, LONG_NS));
}

/* ---- links and Envs ---- */

/* The link of an Env to or from another one, in `box`. */
static const struct corps_value *link_of(const struct corps_box *box, int64_t env, bool out) {
    const struct corps_value *links = corps_value_get(corps_box_root(box), "links");
    for (size_t i = 0; i < links->count; i++) {
        const struct corps_value *link = corps_value_item(links, i);
        if (number_of(link, "env") == env && corps_value_get(link, "out")->boolean == out) {
            return link;
        }
    }
    fail_msg("there is no link to Env %lld", (long long)env);
    return NULL;
}

static void test_links(void **state) {
    (void)state;
    struct corps *corps = make_with((struct corps_options){.env_count = 2});
    struct corps_name *sender = worker_in(corps, "Busy", 0), *name = worker_in(corps, "Busy", last_env(corps));
    struct corps_box *first = look(corps, last_env(corps));
    const struct corps_value *guest = link_of(first, -1, false);
    int64_t frames = number_of(guest, "frames_received"), bytes = number_of(guest, "bytes_received");
    char payload[100000] = {0};
    assert_int_equal(outcome(begin(name, "echo", corps_bin(payload, sizeof payload))), CORPS_OK);
    struct corps_box *box = look(corps, last_env(corps));
    guest = link_of(box, -1, false);
    const struct corps_value ready = corps_str("ready");
    assert_true(corps_value_equal(corps_value_get(guest, "state"), &ready));
    assert_int_equal(number_of(guest, "frames_received"), frames + 2); /* this look is one */
    assert_in_range(number_of(guest, "bytes_received") - bytes, sizeof payload, sizeof payload + 1000);
    assert_true(number_of(guest, "bytes_sent") > (int64_t)sizeof payload);
    assert_int_equal(number_of(guest, "outstanding"), 1); /* likewise */
    assert_int_equal(number_of(guest, "kept_bytes"), 0);
    assert_int_equal(number_of(guest, "losses"), 0);
    corps_box_unref(first);
    corps_box_unref(box);
    if (!one_env_only) {
        const struct corps_value items[] = {corps_value_of_name(name), corps_int(BURST)};
        assert_int_equal(outcome(begin(sender, "burst", corps_array(items, 2))), CORPS_OK);
        await(corps, name, "served", BURST + 1);
        struct corps_box *from = look(corps, 0), *to = look(corps, 1);
        const struct corps_value *out = link_of(from, 1, true), *in = link_of(to, 0, false);
        assert_int_equal(number_of(out, "corps"), (int64_t)corps_id(corps));
        assert_int_equal(number_of(in, "corps"), (int64_t)corps_id(corps));
        assert_int_equal(number_of(out, "frames_sent"), number_of(in, "frames_received"));
        assert_int_equal(number_of(out, "bytes_sent"), number_of(in, "bytes_received"));
        assert_true(number_of(out, "frames_sent") < BURST);     /* in batches */
        assert_in_range(number_of(out, "outstanding"), 0, 256); /* what was not given back yet */
        corps_box_unref(from);
        corps_box_unref(to);
    }
    corps_name_unref(sender);
    corps_name_unref(name);
    assert_ok(corps_exit(corps, LONG_NS));
}

/* One thread after the other stops. */
static bool has_stopped(int pid) {
    char path[320];
    snprintf(path, sizeof path, "/proc/%d/task", pid);
    DIR *tasks = opendir(path);
    bool all = tasks != NULL;
    for (struct dirent *task; all && (task = readdir(tasks)) != NULL;) {
        char line[512] = "";
        snprintf(path, sizeof path, "/proc/%d/task/%s/stat", pid, task->d_name);
        FILE *file = task->d_name[0] != '.' ? fopen(path, "r") : NULL;
        if (file != NULL) {
            const char *end = fgets(line, sizeof line, file) != NULL ? strrchr(line, ')') : NULL;
            all = end == NULL || end[2] == 'T';
            (void)fclose(file);
        }
    }
    if (tasks != NULL) {
        (void)closedir(tasks);
    }
    return all;
}

static void test_envs(void **state) {
    (void)state;
    struct corps *corps = make_with((struct corps_options){.env_count = 2, .tag = "looked at"});
    for (unsigned env = 0; env <= last_env(corps); env++) {
        struct corps_box *box = look(corps, env);
        const struct corps_value *map = corps_box_root(box);
        assert_int_equal(number_of(map, "env"), env);
        assert_int_equal(number_of(map, "pid"), corps_env_pid(corps, env));
        assert_int_equal(number_of(map, "incarnation"), 1);
        assert_true(number_of(map, "up_ns") > 0);
        assert_true(number_of(map, "cpu_ns") > 0);
        assert_true(number_of(map, "rss_bytes") > 100000);
        assert_true(number_of(map, "threads") >= 2);
        assert_int_equal(number_of(map, "workers_left"), 0);
        assert_int_equal(corps_value_get(map, "pools")->count, 0);
        const struct corps_value *tag = corps_value_get(map, "tag");
        assert_int_equal(tag->count, strlen("looked at"));
        assert_memory_equal(tag->str, "looked at", tag->count);
        corps_box_unref(box);
    }
    struct corps_box *box = NULL;
    assert_int_equal(corps_stats(corps, last_env(corps) + 1, LONG_NS, &box), CORPS_ERR_INVALID);
    assert_non_null(strstr(corps_error_detail(), "there is no Env"));
    int pid = corps_env_pid(corps, last_env(corps));
    assert_int_equal(kill(pid, SIGSTOP), 0);
    for (int ms = 0; !has_stopped(pid) && ms < 10000; ms++) {
        poll(NULL, 0, 1);
    }
    assert_int_equal(corps_stats(corps, last_env(corps), 30000000, &box), CORPS_ERR_TIMEOUT);
    assert_int_equal(corps_stats(corps, last_env(corps), 0, &box), CORPS_ERR_TIMEOUT);
    assert_int_equal(kill(pid, SIGCONT), 0);
    assert_null(box);
    if (!one_env_only) {
        assert_int_equal(kill(pid, SIGKILL), 0);
        enum corps_err err = corps_stats(corps, last_env(corps), LONG_NS, &box);
        assert_int_equal(err, CORPS_ERR_WORKER_LOST);
    }
    enum corps_err err = corps_exit(corps, LONG_NS);
    assert_int_equal(err, one_env_only ? CORPS_OK : CORPS_ERR_WORKER_LOST);
}

/* Counts are those of a process: the next one begins anew. Its Workers have their numbers, and those between are none.
 */
static void test_started_again(void **state) {
    (void)state;
    if (one_env_only) {
        print_message("left out: the only Env is Env 0, whose end is that of the Corps\n");
        return;
    }
    struct corps *corps =
        make_with((struct corps_options){.env_count = 2, .restart = CORPS_RESTART_ON_FAILURE, .backoff_ns = 1000000});
    struct corps_name *sender = worker_in(corps, "Busy", 0), *name = worker_in(corps, "Busy", 1);
    const struct corps_value items[] = {corps_value_of_name(name), corps_int(10)};
    assert_int_equal(outcome(begin(sender, "burst", corps_array(items, 2))), CORPS_OK);
    await(corps, name, "served", 10);
    assert_int_equal(kill(corps_env_pid(corps, 1), SIGKILL), 0);
    const struct corps_call_options retry = {.flags = CORPS_CALL_RETRY};
    struct corps_future *future = NULL;
    assert_ok(corps_call(name, "echo", NULL, &retry, &future));
    assert_int_equal(outcome(future), CORPS_OK);
    struct corps_name *later = worker_in(corps, "Busy", 1);
    assert_int_equal(outcome(begin(later, "fail", corps_nil())), CORPS_ERR_REMOTE);
    assert_int_equal(outcome(begin(sender, "burst", corps_array(items, 2))), CORPS_OK);
    await(corps, name, "served", 11);
    struct corps_box *box = look(corps, 1), *from = look(corps, 0);
    assert_int_equal(number_of(corps_box_root(box), "incarnation"), 2);
    assert_int_equal(number_of(corps_box_root(box), "workers_left"), 0);
    assert_int_equal(corps_value_get(corps_box_root(box), "workers")->count, 3); /* with the manager */
    assert_int_equal(number_of(worker_of(box, name), "failed"), 1);
    assert_int_equal(number_of(worker_of(box, name), "queued"), 0);
    assert_int_equal(number_of(worker_of(box, later), "served"), 1);
    assert_true(number_of(link_of(from, 1, true), "losses") >= 1);
    corps_box_unref(box);
    corps_box_unref(from);
    corps_name_unref(sender);
    corps_name_unref(name);
    corps_name_unref(later);
    assert_ok(corps_exit(corps, LONG_NS));
}

/* ---- Corps of others ---- */

static const struct corps_running *find(const struct corps_running *list, size_t count, uint64_t id) {
    for (size_t i = 0; i < count; i++) {
        if (list[i].id == id) {
            return &list[i];
        }
    }
    return NULL;
}

/* In the child of a fork, which has created none. Gives its exit status: 0, or the line that was not true. */
static int look_as_another(uint64_t id, unsigned envs) {
#define hold(condition)                                                                                                \
    if (!(condition)) {                                                                                                \
        fprintf(stderr, "%s: %s\n", #condition, corps_error_detail());                                                 \
        return __LINE__ % 250 + 1;                                                                                     \
    }
    struct corps *corps = NULL, *again = NULL, *none = NULL;
    hold(corps_attach(id ^ 1, &none) == CORPS_ERR_EXITED && none == NULL);
    hold(strchr(corps_error_detail(), '\n') == NULL);
    hold(corps_attach(id, &corps) == CORPS_OK);
    hold(corps_attach(id, &again) == CORPS_OK && corps_id(again) == id);
    corps_detach(again);
    hold(corps_env_count(corps) == envs);
    struct corps_box *box = NULL;
    hold(corps_stats(corps, envs - 1, LONG_NS, &box) == CORPS_OK);
    hold(corps_value_get(corps_box_root(box), "pid")->integer == corps_env_pid(corps, envs - 1));
    corps_box_unref(box);
    struct corps_future *future = NULL;
    struct corps_value seven = corps_int(7);
    const struct corps_value *result = NULL;
    hold(corps_front(corps) != NULL && strcmp(corps_name_class(corps_front(corps)), "Busy") == 0);
    hold(corps_call(corps_front(corps), "echo", &seven, NULL, &future) == CORPS_OK);
    hold(corps_future_wait(future, LONG_NS, &result) == CORPS_OK && result->integer == 7);
    corps_future_destroy(future);
    hold(corps_exit(corps, LONG_NS) == CORPS_ERR_INVALID);
    hold(corps_end(corps) == CORPS_ERR_INVALID);
    corps_detach(corps);
    corps_detach(NULL);
    return 0;
#undef hold
}

static void test_found_by_another_process(void **state) {
    (void)state;
    enum { ROOM = 4096 };
    static struct corps_running list[ROOM];
    struct corps *corps = NULL;
    const struct corps_options options = {.env_count = one_env_only ? 1 : 2, .tag = "found"};
    assert_ok(corps_create("Busy", NULL, &options, &corps));
    size_t count = 0, again = 0;
    assert_ok(corps_find_running(list, ROOM, &count));
    assert_in_range(count, 1, ROOM);
    const struct corps_running *found = find(list, count, corps_id(corps));
    assert_non_null(found);
    assert_string_equal(found->tag, "found");
    assert_int_equal(found->pid, corps_env_pid(corps, 0));
    assert_int_equal(found->env_count, corps_env_count(corps));
    assert_ok(corps_find_running(NULL, 0, &again)); /* only how many; others come and go */
    assert_true(again >= 1);
    struct corps *own = NULL; /* a second handle on what was created here */
    assert_ok(corps_attach(corps_id(corps), &own));
    assert_ptr_equal(own, corps);
    corps_detach(own);
    assert_non_null(corps_front(corps));
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        _exit(look_as_another(corps_id(corps), corps_env_count(corps)));
    }
    int status = -1;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    uint64_t id = corps_id(corps);
    assert_ok(corps_exit(corps, LONG_NS));
    assert_int_equal(corps_attach(id, &own), CORPS_ERR_EXITED);
    assert_ok(corps_find_running(list, ROOM, &count));
    assert_null(find(list, count < ROOM ? count : ROOM, id));
}

/* A socket in the folder of a Corps, as a program leaves it; so old. Gives the listening descriptor. */
static int make_socket(const char *path, time_t age_s) {
    struct sockaddr_un where = {.sun_family = AF_UNIX};
    assert_true(strlen(path) < sizeof where.sun_path);
    memcpy(where.sun_path, path, strlen(path));
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (const struct sockaddr *)&where, sizeof where), 0);
    assert_int_equal(listen(fd, 8), 0);
    const struct timespec then = {.tv_sec = time(NULL) - age_s}, times[] = {then, then};
    assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
    return fd;
}

/* A program that looks removes what others have left, and nothing that somebody listens on, or may soon. */
static void test_left_sockets(void **state) {
    (void)state;
    enum { LEFT, FRESH, LIVING, ENV, COUNT };
    static const char *const names[COUNT] = {"p1-ffff.sock", "p2-ffff.sock", "p3-ffff.sock", "env-7-shm.sock"};
    struct corps *corps = NULL;
    const struct corps_options options = {.env_count = one_env_only ? 1 : 2};
    assert_ok(corps_create("Busy", NULL, &options, &corps));
    char base[64], path[COUNT][108];
    const char *runtime = getenv("XDG_RUNTIME_DIR");
    snprintf(base, sizeof base, "%s/corps", runtime != NULL ? runtime : "");
    if (runtime == NULL || access(base, F_OK) != 0) {
        snprintf(base, sizeof base, "/tmp/corps-%u", (unsigned)geteuid());
    }
    int fds[COUNT];
    for (unsigned i = 0; i < COUNT; i++) {
        snprintf(path[i], sizeof path[i], "%s/%016llx/%s", base, (unsigned long long)corps_id(corps), names[i]);
        fds[i] = make_socket(path[i], i == FRESH ? 0 : 100);
        if (i != LIVING) {
            close(fds[i]);
        }
    }
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        _exit(look_as_another(corps_id(corps), corps_env_count(corps)));
    }
    int status = -1;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    bool by_rendezvous =
        strcmp(getenv("CORPS_TRANSPORT"), "tcp") != 0; /* over TCP programs have no socket in the folder */
    assert_int_equal(access(path[LEFT], F_OK), by_rendezvous ? -1 : 0);
    assert_int_equal(access(path[FRESH], F_OK), 0);
    assert_int_equal(access(path[LIVING], F_OK), 0);
    assert_int_equal(access(path[ENV], F_OK), 0);
    close(fds[LIVING]);
    assert_ok(corps_exit(corps, LONG_NS));
    assert_int_equal(access(path[FRESH], F_OK), -1);
}

int main(int argc, char **argv) {
    int status = test_start(argc, argv, classes);
    if (status != 0) {
        return status;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_request_is_counted_once),
        cmocka_unit_test(test_refused_before_their_turn),
        cmocka_unit_test(test_times),
        cmocka_unit_test(test_times_put_off_and_sampled),
        cmocka_unit_test(test_made_again_and_ended),
        cmocka_unit_test(test_links),
        cmocka_unit_test(test_envs),
        cmocka_unit_test(test_started_again),
        cmocka_unit_test(test_found_by_another_process),
        cmocka_unit_test(test_left_sockets),
    };
    return cmocka_run_group_tests_name(argv[1], tests, NULL, NULL);
}
