/* What Workers know, over the death of their Env: `keep TRANSPORT [TEST]` runs one test, or all of them. */

#include "store.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- what the tests share ---- */

static char directory[64]; /* a new one for each Corps that keeps states in one */

static void make_directory(void) {
    snprintf(directory, sizeof directory, "/tmp/corps-keep-XXXXXX");
    assert_non_null(mkdtemp(directory));
}

static struct corps *make_keeping(bool in_directory, unsigned intensity) {
    if (in_directory) {
        make_directory();
    }
    return make_with((struct corps_options){.env_count = 3,
                                            .restart = CORPS_RESTART_ON_FAILURE,
                                            .intensity = intensity,
                                            .backoff_ns = 1000000,
                                            .backoff_max_ns = 1000000,
                                            .keep_directory = in_directory ? directory : NULL});
}

/* Ends it; nothing is left of what it kept. */
static void end_keeping(struct corps *corps, bool in_directory) {
    assert_int_equal(corps_exit(corps, LONG_NS), CORPS_OK);
    if (in_directory) {
        assert_int_equal(rmdir(directory), 0);
    }
}

static struct corps_name *store_of(struct corps *corps, const char *class, int64_t start) {
    struct corps_value args = corps_int(start);
    struct corps_name *name;
    assert_ok(corps_create_concs(corps, class, &args, CORPS_ENV_ID(1), 1, &name));
    return name;
}

static int64_t add(const struct corps_name *name, int64_t number) {
    return ask_int(name, "add", corps_int(number));
}

static enum corps_err try(const struct corps_name *name, const char *method, int64_t number, int64_t *out) {
    struct corps_value args = corps_int(number);
    struct corps_future *future;
    enum corps_err err = corps_call(name, method, &args, NULL, &future);
    if (err != CORPS_OK) {
        return err;
    }
    const struct corps_value *value = NULL;
    err = corps_future_wait(future, LONG_NS, &value);
    *out = err == CORPS_OK && value->kind == CORPS_INT ? value->integer : -1;
    corps_future_destroy(future);
    return err;
}

static void kill_env(struct corps *corps, unsigned env) {
    int pid = corps_env_pid(corps, env);
    assert_true(pid > 0);
    assert_int_equal(kill(pid, SIGKILL), 0);
    while (kill(pid, 0) == 0) { /* until Env 0 has waited for it */
        poll(NULL, 0, 1);
    }
}

/* What a Worker of Env 1 knows once that was killed and is there again. */
static int64_t value_after_death(struct corps *corps, const struct corps_name *name) {
    kill_env(corps, 1);
    int64_t value = -1;
    enum corps_err err = CORPS_ERR_WORKER_LOST; /* a call that is made before the news has come may be lost */
    for (int i = 0; err == CORPS_ERR_WORKER_LOST && i < 1000; i++) {
        err = try(name, "add", 0, &value);
    }
    assert_int_equal(err, CORPS_OK);
    return value;
}

/* The file of a Worker of Env 1. */
static void file_of(const struct corps *corps, const struct corps_name *name, char path[160]) {
    uint64_t id;
    unsigned env;
    unsigned conc;
    corps_name_address(name, &id, &env, &conc);
    snprintf(path, 160, "%s/%016llx/%u.%u", directory, (unsigned long long)corps_id(corps), env, conc);
}

static size_t read_file(const char *path, char *out, size_t out_bytes) {
    int fd = open(path, O_RDONLY);
    assert_true(fd >= 0);
    ssize_t bytes = read(fd, out, out_bytes);
    assert_true(bytes >= 0 && (size_t)bytes < out_bytes);
    close(fd);
    return (size_t)bytes;
}

static void write_file(const char *path, const char *data, size_t bytes) {
    int fd = open(path, O_WRONLY | O_TRUNC | O_CREAT, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, data, bytes), (ssize_t)bytes);
    close(fd);
}

/* ---- tests ---- */

static void test_each_request(void **state) {
    (void)state;
    for (int in_directory = 0; in_directory < 2; in_directory++) {
        struct corps *corps = make_keeping(in_directory, 100);
        struct corps_name *each = store_of(corps, "Each", 100);
        struct corps_name *plain = store_of(corps, "Plain", 50);
        for (int i = 1; i <= 5; i++) {
            assert_int_equal(add(each, 1), 100 + i);
            assert_int_equal(add(plain, 1), 51);
            assert_int_equal(value_after_death(corps, each), 100 + i);
        }
        int64_t unused;
        assert_int_equal(try(each, "add_and_fail", 20, &unused), CORPS_ERR_REMOTE);
        assert_int_equal(value_after_death(corps, each), 125);
        assert_int_equal(try(each, "add_and_fail", 7, &unused), CORPS_ERR_REMOTE);
        assert_non_null(strstr(corps_error_detail(), "it went too far"));
        struct corps_value one = corps_int(1);
        for (int i = 0; i < 200; i++) { /* some of them together */
            assert_ok(corps_send(each, "add", &one, NULL));
        }
        assert_int_equal(add(each, 0), 332);
        assert_int_equal(value_after_death(corps, each), 332);
        corps_name_unref(each);
        corps_name_unref(plain);
        end_keeping(corps, in_directory);
    }
}

/* The reply leaves after the state was kept: also one that another method gives. */
static void test_put_off(void **state) {
    (void)state;
    for (int in_directory = 0; in_directory < 2; in_directory++) {
        struct corps *corps = make_keeping(in_directory, 100);
        struct corps_name *each = store_of(corps, "Each", 0);
        const int64_t numbers[] = {5, 13};
        for (int i = 0; i < 2; i++) {
            struct corps_future *later = begin(each, "later", corps_nil());
            struct corps_future *now = begin(each, "now", corps_int(numbers[i]));
            const struct corps_value *result;
            assert_int_equal(corps_future_wait(later, LONG_NS, &result), i == 0 ? CORPS_OK : CORPS_ERR_REMOTE);
            if (i == 0) {
                assert_int_equal(result->integer, 5);
            } else {
                assert_string_equal(corps_future_error(later)->type, "Unlucky");
            }
            assert_int_equal(value_after_death(corps, each), i == 0 ? 5 : 18);
            corps_future_destroy(later);
            corps_future_destroy(now);
        }
        corps_name_unref(each);
        end_keeping(corps, in_directory);
    }
}

static void test_on_demand(void **state) {
    (void)state;
    for (int in_directory = 0; in_directory < 2; in_directory++) {
        struct corps *corps = make_keeping(in_directory, 100);
        struct corps_name *asked = store_of(corps, "Asked", 10);
        assert_int_equal(add(asked, 1), 11);
        assert_int_equal(value_after_death(corps, asked), 10);
        int64_t unused;
        assert_int_equal(add(asked, 5), 15);
        assert_ok(try(asked, "save", 0, &unused));
        assert_int_equal(add(asked, 5), 20);
        assert_int_equal(value_after_death(corps, asked), 15);
        assert_ok(try(asked, "break", 1, &unused));
        assert_int_equal(try(asked, "save", 0, &unused), CORPS_ERR_REMOTE);
        assert_non_null(strstr(corps_error_detail(), "it is of no use"));
        assert_int_equal(value_after_death(corps, asked), 15);
        struct corps_name *plain = store_of(corps, "Plain", 0);
        assert_int_equal(try(plain, "save", 0, &unused), CORPS_ERR_REMOTE);
        assert_non_null(strstr(corps_error_detail(), "class Plain has no checkpoint"));
        corps_name_unref(plain);
        corps_name_unref(asked);
        end_keeping(corps, in_directory);
    }
}

/* The first change is kept at once, the next ones when their time has come, whether there are requests or not. */
static void test_every_so_often(void **state) {
    (void)state;
    struct corps *corps = make_keeping(true, 100);
    struct corps_name *soon = store_of(corps, "Soon", 0);
    struct corps_name *rarely = store_of(corps, "Rarely", 0);
    char path[160];
    file_of(corps, soon, path);
    for (int i = 1; i <= 3; i++) {
        assert_int_equal(add(rarely, 1), i);
        struct stat before; /* the request: it may be kept as soon as its reply is there */
        struct stat now;
        bool is_there = stat(path, &before) == 0;
        assert_int_equal(add(soon, 1), i);
        assert_int_equal(is_there, i > 1);
        if (i == 1) {
            continue; /* kept before its reply */
        }
        do { /* it is written anew while nobody asks */
            poll(NULL, 0, 1);
            assert_int_equal(stat(path, &now), 0);
        } while (now.st_ino == before.st_ino && now.st_mtim.tv_nsec == before.st_mtim.tv_nsec);
    }
    assert_int_equal(value_after_death(corps, soon), 3);
    int64_t value;
    assert_ok(try(rarely, "add", 0, &value));
    assert_int_equal(value, 1);
    corps_name_unref(soon);
    corps_name_unref(rarely);
    end_keeping(corps, true);
}

/* A checkpoint that fails is no failure of the request; it is counted, and the last good one stays. */
static void test_checkpoint_fails(void **state) {
    (void)state;
    for (int in_directory = 0; in_directory < 2; in_directory++) {
        struct corps *corps = make_keeping(in_directory, 100);
        struct corps_name *each = store_of(corps, "Each", 0);
        int64_t value;
        assert_int_equal(add(each, 3), 3);
        assert_ok(try(each, "break", 1, &value));
        assert_int_equal(add(each, 3), 6);
        assert_ok(try(each, "failed", 0, &value));
        assert_int_equal(value, 2);
        assert_int_equal(value_after_death(corps, each), 3);
        corps_name_unref(each);
        end_keeping(corps, in_directory);
    }
}

static void test_too_large(void **state) {
    (void)state;
    for (int in_directory = 0; in_directory < 2; in_directory++) {
        struct corps *corps = make_keeping(in_directory, 100);
        struct corps_name *each = store_of(corps, "Each", 0);
        int64_t value;
        assert_int_equal(add(each, 3), 3);
        assert_ok(try(each, "grow", 1 << 19, &value));
        assert_int_equal(value_after_death(corps, each), 3);
        assert_ok(try(each, "size", 0, &value));
        assert_int_equal(value, 1 << 19);
        assert_ok(try(each, "grow", 1 << 20, &value)); /* and a little more around it */
        assert_int_equal(add(each, 3), 6);
        if (in_directory) {
            assert_int_equal(value_after_death(corps, each), 6);
        } else {
            assert_int_equal(try(each, "save", 0, &value), CORPS_ERR_REMOTE);
            assert_non_null(strstr(corps_error_detail(), "more than 1048576 bytes"));
            assert_int_equal(value_after_death(corps, each), 3);
        }
        corps_name_unref(each);
        end_keeping(corps, in_directory);
    }
}

/* A restore that fails is a start that fails: over the intensity the Env is given up, with the history. */
static void test_restore_fails(void **state) {
    (void)state;
    for (int in_directory = 0; in_directory < 2; in_directory++) {
        struct corps *corps = make_keeping(in_directory, 3);
        struct corps_name *each = store_of(corps, "Each", 0);
        assert_int_equal(add(each, USELESS), USELESS);
        kill_env(corps, 1);
        int64_t unused;
        do {
            assert_int_equal(try(each, "add", 0, &unused), CORPS_ERR_WORKER_LOST);
        } while (strstr(corps_error_detail(), "not started again") == NULL);
        assert_non_null(strstr(corps_error_detail(), "SIGKILL"));
        assert_non_null(strstr(corps_error_detail(), "the state is of no use"));
        corps_name_unref(each);
        assert_int_equal(corps_exit(corps, LONG_NS), CORPS_ERR_WORKER_LOST);
        if (in_directory) {
            assert_int_equal(rmdir(directory), 0);
        }
    }
}

/* What is not whole, or another's, is not used, and that is said. */
static void test_torn_files(void **state) {
    (void)state;
    char said[] = "/tmp/corps-keep-said-XXXXXX";
    int said_fd = mkstemp(said);
    int standard = dup(2);
    assert_true(said_fd >= 0 && standard >= 0);
    assert_true(dup2(said_fd, 2) == 2); /* the Envs have it from here */
    struct corps *corps = make_keeping(true, 100);
    assert_true(dup2(standard, 2) == 2);
    struct corps_name *one = store_of(corps, "Each", 0);
    struct corps_name *two = store_of(corps, "Each", 0);
    char path[160];
    char other[160];
    file_of(corps, one, path);
    file_of(corps, two, other);
    char good[4096];
    assert_int_equal(add(one, 8), 8);
    size_t bytes = read_file(path, good, sizeof good);
    const size_t lengths[] = {0, 7, 8, 19, bytes / 2, bytes - 33, bytes - 1};
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        write_file(path, good, lengths[i]);
        assert_int_equal(value_after_death(corps, one), 0); /* which is kept from then on */
    }
    for (size_t at = 3; at < bytes; at += bytes / 5) {
        good[at] ^= 0x10;
        write_file(path, good, bytes);
        assert_int_equal(value_after_death(corps, one), 0);
        good[at] ^= 0x10;
    }
    assert_int_equal(add(two, 9), 9);
    char others[4096];
    size_t other_bytes = read_file(other, others, sizeof others);
    write_file(path, others, other_bytes);
    assert_int_equal(value_after_death(corps, one), 0);
    write_file(path, good, bytes);
    assert_int_equal(chmod(path, 0666), 0);
    assert_int_equal(value_after_death(corps, one), 0);
    write_file(other, good, bytes);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(symlink(other, path), 0);
    assert_int_equal(value_after_death(corps, one), 0);
    write_file(path, good, bytes); /* and a whole one is */
    assert_int_equal(value_after_death(corps, one), 8);
    corps_name_unref(one);
    corps_name_unref(two);
    end_keeping(corps, true);
    char text[16384];
    text[read_file(said, text, sizeof text)] = '\0';
    assert_non_null(strstr(text, "starts without its checkpoint"));
    assert_non_null(strstr(text, "cut short"));
    assert_non_null(strstr(text, "checksum"));
    assert_non_null(strstr(text, "another Worker's"));
    assert_non_null(strstr(text, "nobody else may write to"));
    close(said_fd);
    close(standard);
    assert_int_equal(unlink(said), 0);
}

/* One Worker alone is made again, in its Env: with its last state, whether Envs are started again or not. */
static void test_crash(void **state) {
    (void)state;
    const struct corps_supervision often = {.restart = CORPS_RESTART_ON_FAILURE, .intensity = 100, .backoff_ns = 1};
    for (int restarts = 0; restarts < 2; restarts++) {
        struct corps *corps = make_with((struct corps_options){
            .env_count = 2, .restart = restarts ? CORPS_RESTART_ON_FAILURE : CORPS_RESTART_NEVER, .intensity = 0});
        for (unsigned env = 0; env < 2; env++) {
            const char *const kinds[] = {"Each", "Asked"};
            for (int kind = 0; kind < 2; kind++) {
                struct corps_value args = corps_int(100);
                struct corps_name *name;
                assert_ok(corps_create_supervised(corps, kinds[kind], &args, CORPS_ENV_ID(env), 1, &often, &name));
                int64_t unused;
                assert_int_equal(add(name, 5), 105);
                assert_int_equal(try(name, "crash", 0, &unused), CORPS_ERR_REMOTE);
                assert_int_equal(add(name, 0), kind == 0 ? 105 : 100);
                assert_int_equal(add(name, 1), kind == 0 ? 106 : 101);
                assert_ok(try(name, "save", 0, &unused));
                assert_int_equal(try(name, "crash", 0, &unused), CORPS_ERR_REMOTE);
                assert_int_equal(add(name, 0), kind == 0 ? 106 : 101);
                corps_name_unref(name);
            }
        }
        assert_int_equal(corps_exit(corps, LONG_NS), CORPS_OK);
    }
}

static void refused(enum corps_err code, const char *path, const char *word) {
    const struct corps_options options = {.env_count = 2, .restart = CORPS_RESTART_ON_FAILURE, .keep_directory = path};
    struct corps *corps;
    assert_int_equal(corps_create(NULL, NULL, &options, &corps), code);
    assert_non_null(strstr(corps_error_detail(), word));
}

static void test_directories(void **state) {
    (void)state;
    struct corps *corps = make_keeping(true, 100);
    struct corps_name *each = store_of(corps, "Each", 0);
    assert_int_equal(add(each, 1), 1);
    char path[160];
    file_of(corps, each, path);
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    *strrchr(path, '/') = '\0';
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0700);
    /* All of it is killed: the next Corps of this directory tidies up, and leaves the living alone. */
    const struct corps_options same = {
        .env_count = 2, .restart = CORPS_RESTART_ON_FAILURE, .keep_directory = directory};
    struct corps *second;
    assert_ok(corps_create(NULL, NULL, &same, &second));
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(corps_exit(second, LONG_NS), CORPS_OK);
    kill(corps_env_pid(corps, 0), SIGKILL);
    (void)!corps_exit(corps, LONG_NS);
    assert_int_equal(stat(path, &st), 0);
    assert_ok(corps_create(NULL, NULL, &same, &second));
    assert_int_equal(stat(path, &st), -1);
    assert_int_equal(corps_exit(second, LONG_NS), CORPS_OK);
    corps_name_unref(each);
    assert_int_equal(rmdir(directory), 0);

    make_directory();
    assert_int_equal(chmod(directory, 0770), 0);
    refused(CORPS_ERR_DENIED, directory, "others may write");
    assert_int_equal(rmdir(directory), 0);
    write_file(directory, "", 0);
    refused(CORPS_ERR_SYSTEM, directory, "cannot use the directory");
    assert_int_equal(unlink(directory), 0);
    refused(CORPS_ERR_SYSTEM, "/proc/nowhere/at/all", "cannot make the directory");
    char very_long[600];
    memset(very_long, 'x', sizeof very_long - 1);
    very_long[sizeof very_long - 1] = '\0';
    refused(CORPS_ERR_INVALID, very_long, "keep_directory");
    corps_start(half_classes);
    refused(CORPS_ERR_INVALID, NULL, "class Half has a checkpoint and no restore");
    corps_start(classes);
}

int main(int argc, char **argv) {
    int failed = test_start(argc, argv, classes);
    if (failed != 0) {
        return failed;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_request),     cmocka_unit_test(test_put_off),
        cmocka_unit_test(test_on_demand),        cmocka_unit_test(test_every_so_often),
        cmocka_unit_test(test_checkpoint_fails), cmocka_unit_test(test_too_large),
        cmocka_unit_test(test_restore_fails),    cmocka_unit_test(test_torn_files),
        cmocka_unit_test(test_directories),      cmocka_unit_test(test_crash),
    };
    return cmocka_run_group_tests_name(argv[1], tests, NULL, NULL);
}
