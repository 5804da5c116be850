/* A Corps whose Env 0 is lost is started anew by its creator: `anew TRANSPORT [TEST]` runs one test, or all of them. */

#include "gate.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* Where a file of this name is, init says so and fails, or waits for ever. */
static const char *const fails_file = "CORPS_TEST_FAILS", *const waits_file = "CORPS_TEST_WAITS";

static bool is_there(const char *variable) {
    const char *path = getenv(variable);
    return path != NULL && access(path, F_OK) == 0;
}

/* ---- Store: a number, which begins as its init is told ---- */

static enum corps_err store_init(struct corps_context *context, void *self, const struct corps_value *args,
                                 struct corps_value *result) {
    (void)context;
    (void)result;
    while (is_there(waits_file)) {
        poll(NULL, 0, 1);
    }
    *(int64_t *)self = args->integer;
    return CORPS_OK;
}

static enum corps_err store_add(struct corps_context *context, void *self, const struct corps_value *args,
                                struct corps_value *result) {
    (void)context;
    *(int64_t *)self += args->integer;
    *result = corps_int(*(int64_t *)self);
    return CORPS_OK;
}

static const struct corps_method store_methods[] = {{"add", store_add}, {NULL, NULL}};
static const struct corps_class store_class = {
    .name = "Store", .bytes = sizeof(int64_t), .init = store_init, .methods = store_methods};

/* ---- Service: the Corps' own Conc; makes a Store in its last Env, beginning with its argument ---- */

struct service {
    int64_t value;
    struct corps_name *store;
};

static enum corps_err service_init(struct corps_context *context, void *self, const struct corps_value *args,
                                   struct corps_value *result) {
    (void)result;
    struct service *service = self;
    if (is_there(fails_file)) {
        return corps_fail(context, "Broken", "the service does not start any more");
    }
    while (is_there(waits_file)) {
        poll(NULL, 0, 1);
    }
    service->value = args->integer;
    struct corps *corps = corps_context_corps(context);
    struct corps_value start = corps_int(10 * service->value);
    return corps_create_concs(corps, "Store", &start, CORPS_ENV_ID(corps_env_count(corps) - 1), 1, &service->store);
}

static void service_cleanup(struct corps_context *context, void *self) {
    (void)context;
    corps_name_unref(((struct service *)self)->store);
}

static enum corps_err service_add(struct corps_context *context, void *self, const struct corps_value *args,
                                  struct corps_value *result) {
    (void)context;
    struct service *service = self;
    service->value += args->integer;
    *result = corps_int(service->value);
    return CORPS_OK;
}

static enum corps_err service_store(struct corps_context *context, void *self, const struct corps_value *args,
                                    struct corps_value *result) {
    (void)context;
    (void)args;
    *result = corps_value_of_name(((struct service *)self)->store);
    return CORPS_OK;
}

static enum corps_err service_leave(struct corps_context *context, void *self, const struct corps_value *args,
                                    struct corps_value *result) {
    (void)context;
    (void)self;
    (void)result;
    _exit((int)args->integer);
}

static const struct corps_method service_methods[] = {{"add", service_add},
                                                      {"store", service_store},
                                                      {"leave", service_leave},
                                                      {"wait_for", method_wait_for},
                                                      {NULL, NULL}};
static const struct corps_class service_class = {.name = "Service",
                                                 .bytes = sizeof(struct service),
                                                 .init = service_init,
                                                 .cleanup = service_cleanup,
                                                 .methods = service_methods};

static const struct corps_class *const classes[] = {&store_class, &service_class, NULL};

/* ---- what the tests share ---- */

static struct corps *make_service(struct corps_options options) {
    struct corps_value args = corps_int(7);
    struct corps *corps = NULL;
    options.env_count = 3;
    options.restart = options.restart != CORPS_RESTART_NEVER ? options.restart : CORPS_RESTART_ON_FAILURE;
    options.intensity = options.intensity != 0 ? options.intensity : 100;
    options.backoff_ns = options.backoff_ns != 0 ? options.backoff_ns : 1000000;
    options.backoff_max_ns = options.backoff_ns;
    assert_ok(corps_create("Service", &args, &options, &corps));
    return corps;
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

/* The first answer after a death. A call that is made before the news has come may be lost with it. */
static int64_t add_after_death(const struct corps_name *name, int64_t number) {
    int64_t result = -1;
    enum corps_err err = CORPS_ERR_WORKER_LOST;
    for (int i = 0; err == CORPS_ERR_WORKER_LOST && i < 1000; i++) {
        err = try_add(name, number, NULL, &result);
    }
    if (err != CORPS_OK) {
        fail_msg("%s: %s", corps_error_name(err), corps_error_detail());
    }
    return result;
}

static struct corps_name *store_of(struct corps *corps) {
    const struct corps_value *result;
    struct corps_future *future = ask(corps_front(corps), "store", corps_nil(), &result);
    struct corps_name *name = corps_name_ref(result->name);
    corps_future_destroy(future);
    return name;
}

static int kill_env(struct corps *corps, unsigned env) {
    int pid = corps_env_pid(corps, env);
    assert_true(pid > 0);
    assert_int_equal(kill(pid, SIGKILL), 0);
    return pid;
}

/* Also where nobody has waited for it yet: its parent has died, and init may take its time. */
static bool has_ended(int pid) {
    char path[64], state = 'Z';
    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    FILE *file = fopen(path, "r");
    if (file != NULL) {
        assert_true(fscanf(file, "%*d (%*[^)]) %c", &state) == 1 || feof(file));
        fclose(file);
    }
    return state == 'Z' || state == 'X';
}

static void directory_of(const struct corps *corps, char path[128]) {
    const char *runtime = getenv("XDG_RUNTIME_DIR");
    snprintf(path, 128, "%s%s/%016llx", runtime != NULL ? runtime : "/tmp/corps-", runtime != NULL ? "/corps" : "",
             (unsigned long long)corps_id(corps));
    if (runtime == NULL) {
        snprintf(path, 128, "/tmp/corps-%u/%016llx", (unsigned)geteuid(), (unsigned long long)corps_id(corps));
    }
}

/* Ends it; nothing is left. */
static void exit_clean(struct corps *corps, enum corps_err expected) {
    char path[128];
    directory_of(corps, path);
    int pids[3];
    for (unsigned i = 0; i < 3; i++) {
        pids[i] = corps_env_pid(corps, i);
    }
    enum corps_err err = corps_exit(corps, LONG_NS);
    if (err != expected) {
        fail_msg("%s: %s", corps_error_name(err), corps_error_detail());
    }
    assert_int_not_equal(access(path, F_OK), 0);
    for (unsigned i = 0; i < 3; i++) {
        assert_true(pids[i] == 0 || has_ended(pids[i]));
    }
}

/* A file that the Corps' init looks for, by this variable. */
static void file_path(const char *variable, char path[64]) {
    snprintf(path, 64, "/tmp/corps-anew-%d-%s", getpid(), variable);
    setenv(variable, path, 1);
    (void)unlink(path);
}

static void make_file(const char *path) {
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fclose(file);
}

/* ---- tests ---- */

static void test_names_stay(void **state) {
    (void)state;
    struct corps *corps = make_service((struct corps_options){0});
    struct corps_name *front = corps_front(corps);
    struct corps_name *stores[6];
    int descriptors = 0;
    for (int i = 0; i < 6; i++) {
        stores[i] = store_of(corps);
        assert_int_equal(ask_int(stores[i], "add", corps_int(1)), 71);
        assert_int_equal(ask_int(front, "add", corps_int(1)), 8);
        for (int k = 0; k < i; k++) { /* those of former lives find nobody, and nobody else */
            int64_t unused;
            assert_int_equal(try_add(stores[k], 1, NULL, &unused), CORPS_ERR_NO_WORKER);
        }
        int pids[3];
        for (unsigned env = 0; env < 3; env++) {
            pids[env] = corps_env_pid(corps, env);
        }
        kill_env(corps, 0);
        assert_int_equal(add_after_death(front, 2), 9);
        for (unsigned env = 0; env < 3; env++) {
            assert_true(has_ended(pids[env]));
            assert_int_not_equal(corps_env_pid(corps, env), pids[env]);
        }
        assert_false(corps_has_ended(corps));
        assert_int_equal(add_after_death(front, -2), 7);
        descriptors = i == 2 ? open_descriptors() : descriptors;
    }
    assert_true(open_descriptors() <= descriptors + 1);
    for (int i = 0; i < 6; i++) {
        corps_name_unref(stores[i]);
    }
    exit_clean(corps, CORPS_OK);
}

/* What is under way ends, and says why; what is called afterwards waits, and is answered. */
static void test_under_way(void **state) {
    (void)state;
    struct corps *corps = make_service((struct corps_options){0});
    struct corps_name *front = corps_front(corps);
    struct gate gate;
    gate_shut(&gate, front);
    struct corps_future *behind = begin(front, "add", corps_int(1));
    kill_env(corps, 0);
    assert_int_equal(corps_future_wait(behind, LONG_NS, NULL), CORPS_ERR_WORKER_LOST);
    assert_non_null(strstr(corps_error_detail(), "SIGKILL"));
    assert_non_null(strstr(corps_error_detail(), "started anew"));
    const struct corps_call_options try_it = {.flags = CORPS_CALL_TRY};
    int64_t result;
    assert_int_equal(try_add(front, 1, &try_it, &result), CORPS_ERR_FULL);
    const struct corps_call_options brief = {.timeout_ns = 1};
    assert_int_equal(try_add(front, 1, &brief, &result), CORPS_ERR_TIMEOUT);
    assert_ok(try_add(front, 1, NULL, &result)); /* it waits */
    assert_int_equal(result, 8);
    corps_future_destroy(behind);
    assert_int_equal(corps_future_wait(gate.waiting, LONG_NS, NULL), CORPS_ERR_WORKER_LOST);
    corps_future_destroy(gate.waiting);
    exit_clean(corps, CORPS_OK);
}

/* Env 0 with others, others just before, in any order; and while it is being started again. */
static void test_several_die(void **state) {
    (void)state;
    struct corps *corps = make_service((struct corps_options){0});
    struct corps_name *front = corps_front(corps);
    for (int i = 0; i < 4; i++) {
        if (i % 2 == 0) {
            kill_env(corps, 1 + (unsigned)i / 2);
        }
        kill_env(corps, 0);
        if (i % 2 != 0) {
            kill_env(corps, 1 + (unsigned)i / 2);
        }
        assert_int_equal(add_after_death(front, i), 7 + i);
        struct corps_name *store = store_of(corps);
        assert_int_equal(ask_int(store, "add", corps_int(0)), 70);
        corps_name_unref(store);
    }
    exit_clean(corps, CORPS_OK);
}

/* An Env that is stopped does not hear that its parent is gone: it is killed. */
static void test_stopped(void **state) {
    (void)state;
    struct corps *corps = make_service((struct corps_options){0});
    struct corps_name *front = corps_front(corps);
    int stopped = corps_env_pid(corps, 1);
    assert_int_equal(kill(stopped, SIGSTOP), 0);
    kill_env(corps, 0);
    assert_int_equal(add_after_death(front, 1), 8);
    assert_true(has_ended(stopped));
    exit_clean(corps, CORPS_OK);
}

/* Ends the child of this process that is being started as Env 0; nothing else has it as its parent here. */
static void kill_child(void) {
    char path[64];
    snprintf(path, sizeof path, "/proc/self/task/%d/children", getpid());
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    int pid, count = 0;
    while (fscanf(file, "%d", &pid) == 1) {
        assert_int_equal(kill(pid, SIGKILL), 0);
        count++;
    }
    fclose(file);
    assert_int_equal(count, 1);
}

/* The new Env 0 dies before it serves: another one is started. */
static void test_killed_while_starting(void **state) {
    (void)state;
    char path[64];
    file_path(waits_file, path);
    struct corps *corps = make_service((struct corps_options){0});
    struct corps_name *front = corps_front(corps);
    make_file(path);
    int former = kill_env(corps, 0);
    const struct corps_call_options brief = {.timeout_ns = 300000000};
    int64_t result;
    enum corps_err err = CORPS_ERR_WORKER_LOST;
    while (err == CORPS_ERR_WORKER_LOST) {
        err = try_add(front, 1, &brief, &result);
    }
    assert_int_equal(err, CORPS_ERR_TIMEOUT); /* its init waits */
    assert_true(has_ended(former));
    (void)unlink(path);
    kill_child();
    assert_int_equal(add_after_death(front, 1), 8);
    exit_clean(corps, CORPS_OK);
}

/* Its init fails from now on: over the intensity it is lost for good, with the whole history, and the exit says so. */
static void test_gives_up(void **state) {
    (void)state;
    char path[64];
    file_path(fails_file, path);
    struct corps *corps = make_service((struct corps_options){.intensity = 2});
    struct corps_name *front = corps_front(corps);
    make_file(path);
    kill_env(corps, 0);
    int64_t unused;
    enum corps_err err;
    do {
        err = try_add(front, 1, NULL, &unused);
        assert_int_equal(err, CORPS_ERR_WORKER_LOST);
    } while (strstr(corps_error_detail(), "not started anew") == NULL);
    assert_non_null(strstr(corps_error_detail(), "3 failures"));
    assert_non_null(strstr(corps_error_detail(), "SIGKILL"));
    assert_non_null(strstr(corps_error_detail(), "does not start any more"));
    assert_true(corps_has_ended(corps));
    (void)unlink(path);
    exit_clean(corps, CORPS_ERR_WORKER_LOST);
}

/* The end of the Corps waits for no restart. */
static void test_exit_meanwhile(void **state) {
    (void)state;
    char path[64];
    file_path(waits_file, path);
    for (int i = 0; i < 3; i++) {
        struct corps *corps =
            make_service((struct corps_options){.backoff_ns = i == 2 ? 3600 * INT64_C(1000000000) : 1000000});
        struct corps_name *front = corps_name_ref(corps_front(corps));
        const struct corps_call_options brief = {.timeout_ns = 50000000};
        int64_t result;
        enum corps_err err = CORPS_ERR_WORKER_LOST;
        if (i == 1) { /* its init runs */
            make_file(path);
        } else if (i == 2) { /* the second restart in a row waits for an hour */
            kill_env(corps, 0);
            assert_int_equal(add_after_death(front, 1), 8);
        }
        int pid = kill_env(corps, 0);
        while (i > 0 &&
               (err == CORPS_ERR_WORKER_LOST || corps_env_pid(corps, 0) == pid)) { /* until this program knows */
            err = try_add(front, 1, &brief, &result);
        }
        assert_int_equal(err, i > 0 ? CORPS_ERR_TIMEOUT : CORPS_ERR_WORKER_LOST);
        err = corps_exit(corps, LONG_NS); /* at once it may hear of the death only now */
        assert_true(err == CORPS_OK || (i == 0 && err == CORPS_ERR_WORKER_LOST));
        assert_int_equal(try_add(front, 1, NULL, &result), CORPS_ERR_EXITED);
        corps_name_unref(front);
        (void)unlink(path);
    }
}

/* An end in order is no failure; by `always` it is followed by a start. */
static void test_ends_in_order(void **state) {
    (void)state;
    struct corps *corps = make_service((struct corps_options){0});
    struct corps_future *future = begin(corps_front(corps), "leave", corps_int(0));
    assert_int_equal(corps_future_wait(future, LONG_NS, NULL), CORPS_ERR_WORKER_LOST);
    corps_future_destroy(future);
    assert_ok(corps_wait_ended(corps, LONG_NS));
    exit_clean(corps, CORPS_ERR_WORKER_LOST);
    corps = make_service((struct corps_options){.restart = CORPS_RESTART_ALWAYS});
    future = begin(corps_front(corps), "leave", corps_int(0));
    assert_int_equal(corps_future_wait(future, LONG_NS, NULL), CORPS_ERR_WORKER_LOST);
    corps_future_destroy(future);
    assert_int_equal(add_after_death(corps_front(corps), 1), 8);
    exit_clean(corps, CORPS_OK);
}

/* Nothing would come back of a Corps without a Conc of its own; one without a policy ends as ever. */
static void test_others_end(void **state) {
    (void)state;
    struct corps *corps = make_with((struct corps_options){.env_count = 2, .restart = CORPS_RESTART_ALWAYS});
    kill_env(corps, 0);
    assert_ok(corps_wait_ended(corps, LONG_NS));
    exit_clean(corps, CORPS_ERR_WORKER_LOST);
    struct corps_value args = corps_int(7);
    const struct corps_options never = {.env_count = 2};
    assert_ok(corps_create("Service", &args, &never, &corps));
    kill_env(corps, 0);
    assert_ok(corps_wait_ended(corps, LONG_NS));
    exit_clean(corps, CORPS_ERR_WORKER_LOST);
}

/* A process that did not create the Corps: its Name stays valid too. */
static void test_strangers(void **state) {
    (void)state;
    struct corps *corps = make_service((struct corps_options){0});
    struct corps_name *front = corps_front(corps);
    assert_int_equal(ask_int(front, "add", corps_int(0)), 7);
    int to_child[2], to_parent[2];
    assert_int_equal(pipe(to_child), 0);
    assert_int_equal(pipe(to_parent), 0);
    pid_t child = fork();
    if (child == 0) {                     /* to a child of a fork, its parent's Corps are others' */
        prctl(PR_SET_PDEATHSIG, SIGKILL); /* no stray where the test fails */
        char word;
        bool good = true;
        for (int i = 0; good && i < 3; i++) {
            int64_t result = -1;
            enum corps_err err = CORPS_ERR_WORKER_LOST;
            for (int tries = 0; err == CORPS_ERR_WORKER_LOST && tries < 1000; tries++) {
                err = try_add(front, 0, NULL, &result);
            }
            good = err == CORPS_OK && result == 7;
            if (!good) {
                fprintf(stderr, "%s: %s, %lld\n", corps_error_name(err), corps_error_detail(), (long long)result);
            }
            good = write(to_parent[1], "x", 1) == 1 && read(to_child[0], &word, 1) == 1 && good;
        }
        _exit(good ? 0 : 1);
    }
    for (int i = 0; i < 3; i++) {
        char word;
        assert_int_equal(read(to_parent[0], &word, 1), 1);
        kill_env(corps, 0);
        assert_int_equal(add_after_death(front, 0), 7);
        assert_int_equal(write(to_child[1], "x", 1), 1);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    close(to_child[0]);
    close(to_child[1]);
    close(to_parent[0]);
    close(to_parent[1]);
    exit_clean(corps, CORPS_OK);
}

/* A program that is killed while its Corps is started anew leaves nothing: `when` of it. */
static void kill_creator(int when) {
    char path[64], directory[128];
    file_path(waits_file, path);
    int says[2];
    assert_int_equal(pipe(says), 0);
    pid_t child = fork();
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        setpgid(0, 0); /* as a shell does it */
        struct corps *corps = make_service((struct corps_options){.backoff_ns = 3600 * INT64_C(1000000000)});
        directory_of(corps, directory);
        bool good = write(says[1], directory, sizeof directory) == sizeof directory;
        if (when == 1) { /* while the init of the new life runs */
            make_file(path);
        } else if (when == 2) { /* while nothing but a process that waits for its time is there */
            kill_env(corps, 0);
            (void)add_after_death(corps_front(corps), 1);
        }
        struct corps_name *name = when == 3 ? store_of(corps) : corps_front(corps);
        if (when == 3) { /* Ctrl-C while an Env is started again: its Worker's init runs */
            make_file(path);
        }
        kill_env(corps, when == 3 ? 2 : 0);
        const struct corps_call_options brief = {.timeout_ns = 100000000};
        int64_t result;
        while (when > 0 && try_add(name, 1, &brief, &result) == CORPS_ERR_WORKER_LOST) {
        }
        kill(when == 3 ? 0 : getpid(), !good ? SIGABRT : when == 3 ? SIGINT : SIGKILL);
        _exit(1);
    }
    assert_int_equal(read(says[0], directory, sizeof directory), sizeof directory);
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, when == 3 ? SIGINT : SIGKILL);
    (void)unlink(path);
    for (int i = 0; access(directory, F_OK) == 0 && i < 20000; i++) {
        poll(NULL, 0, 1);
    }
    assert_int_not_equal(access(directory, F_OK), 0);
    close(says[0]);
    close(says[1]);
}

static void test_creator_dies(void **state) {
    (void)state;
    for (int when = 0; when < 4; when++) {
        kill_creator(when);
    }
}

int main(int argc, char **argv) {
    int failed = test_start(argc, argv, classes);
    if (failed != 0) {
        return failed;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names_stay),
        cmocka_unit_test(test_under_way),
        cmocka_unit_test(test_several_die),
        cmocka_unit_test(test_stopped),
        cmocka_unit_test(test_killed_while_starting),
        cmocka_unit_test(test_gives_up),
        cmocka_unit_test(test_exit_meanwhile),
        cmocka_unit_test(test_ends_in_order),
        cmocka_unit_test(test_others_end),
        cmocka_unit_test(test_strangers),
        cmocka_unit_test(test_creator_dies),
    };
    return cmocka_run_group_tests_name(argv[1], tests, NULL, NULL);
}
