/* Calls that are sent again: `retry TRANSPORT [TEST]`. Links are cut on the caller's side, Envs killed. */

#include "gate.h"
#include "keeper.h"
#include "stranger.h"

#include "link/known.h"
#include "wait/wait.h"

#include <signal.h>
#include <string.h>
#include <unistd.h>

/* ---- Log: what has been appended to it ---- */

struct log {
    int64_t count, last;
    bool disordered;
};

static enum corps_err log_append(struct corps_context *context, void *self, const struct corps_value *args,
                                 struct corps_value *result) {
    (void)context;
    struct log *log = self;
    log->disordered = log->disordered || args->integer <= log->last;
    log->last = args->integer;
    log->count++;
    *result = corps_int(args->integer);
    return CORPS_OK;
}

/* How many, −1 when they did not come in order. */
static enum corps_err log_count(struct corps_context *context, void *self, const struct corps_value *args,
                                struct corps_value *result) {
    (void)context;
    (void)args;
    const struct log *log = self;
    *result = corps_int(log->disordered ? -1 : log->count);
    return CORPS_OK;
}

/* Counts, says that it has begun by a file beside the gate, and then waits for the gate. */
static enum corps_err log_append_slowly(struct corps_context *context, void *self, const struct corps_value *args,
                                        struct corps_value *result) {
    char path[80];
    ((struct log *)self)->count++;
    snprintf(path, sizeof path, "%.*s.begun", (int)args->count, args->str);
    close(open(path, O_CREAT | O_WRONLY, 0600));
    enum corps_err err = method_wait_for(context, self, args, result);
    *result = corps_int(((struct log *)self)->count);
    return err;
}

static enum corps_err log_echo(struct corps_context *context, void *self, const struct corps_value *args,
                               struct corps_value *result) {
    (void)context;
    ((struct log *)self)->count++;
    *result = *args;
    return CORPS_OK;
}

static enum corps_err log_fail(struct corps_context *context, void *self, const struct corps_value *args,
                               struct corps_value *result) {
    (void)args;
    (void)result;
    ((struct log *)self)->count++;
    return corps_fail(context, "Unwilling", "not this one");
}

static const struct corps_method log_methods[] = {
    {"append", log_append}, {"append_slowly", log_append_slowly}, {"count", log_count}, {"echo", log_echo},
    {"fail", log_fail},     {"wait_for", method_wait_for},        {NULL, NULL}};
static const struct corps_class log_class = {.name = "Log", .bytes = sizeof(struct log), .methods = log_methods};
static const struct corps_class *const classes[] = {&log_class, NULL};

/* ---- what the tests share ---- */

static const struct corps_call_options retry = {.flags = CORPS_CALL_RETRY};

static struct corps *make(enum corps_restart restart) {
    return make_with((struct corps_options){
        .env_count = 2, .restart = restart, .intensity = restart != CORPS_RESTART_NEVER ? 100 : 0});
}

static struct corps_future *begin_retry(const struct corps_name *name, const char *method, struct corps_value args) {
    struct corps_future *future = NULL;
    assert_ok(corps_call(name, method, &args, &retry, &future));
    return future;
}

static int64_t finish_int(struct corps_future *future) {
    const struct corps_value *result;
    assert_ok(corps_future_wait(future, LONG_NS, &result));
    assert_int_equal(result->kind, CORPS_INT);
    int64_t integer = result->integer;
    corps_future_destroy(future);
    return integer;
}

static void fails_with(struct corps_future *future, enum corps_err err, const char *word) {
    assert_int_equal(corps_future_wait(future, LONG_NS, NULL), err);
    assert_non_null(strstr(corps_error_detail(), word));
    corps_future_destroy(future);
}

static int64_t count_of(const struct corps_name *log) {
    return ask_int(log, "count", corps_nil());
}

static void await_file(const char *path) {
    while (access(path, F_OK) != 0) {
        poll(NULL, 0, 1);
    }
    assert_int_equal(unlink(path), 0);
}

static void end(struct corps *corps, struct corps_name *log) {
    corps_name_unref(log);
    assert_ok(corps_exit(corps, LONG_NS));
}

/* ---- links that are cut ---- */

/* Again and again, wherever the calls are on their way: each has its effect once, in order, and its own answer. */
static void test_cut_anywhere(void **state) {
    (void)state;
    enum { CALLS = 400, AT_ONCE = 20 };
    struct corps *corps = make(CORPS_RESTART_NEVER);
    struct corps_name *log = worker_in(corps, "Log", 1);
    struct corps_future *futures[AT_ONCE];
    for (int i = 0; i < CALLS; i++) {
        if (i >= AT_ONCE) {
            assert_int_equal(finish_int(futures[i % AT_ONCE]), i - AT_ONCE + 1);
        }
        if (i % 7 == 3) {
            assert_ok(drop_link(corps, 1));
        }
        futures[i % AT_ONCE] = begin_retry(log, "append", corps_int(i + 1));
        if (i % 11 == 5) {
            assert_ok(drop_link(corps, 1));
        }
    }
    assert_ok(drop_link(corps, 1));
    for (int i = CALLS; i < CALLS + AT_ONCE; i++) {
        assert_int_equal(finish_int(futures[i % AT_ONCE]), i - AT_ONCE + 1);
    }
    assert_int_equal(count_of(log), CALLS);
    end(corps, log);
}

/* The answer goes out on the newest of the links on which it was asked for. */
static void test_cut_while_it_runs(void **state) {
    (void)state;
    struct corps *corps = make(CORPS_RESTART_NEVER);
    struct corps_name *log = worker_in(corps, "Log", 1);
    struct corps_name *other = worker_in(corps, "Log", 1);
    for (int cuts = 1; cuts <= 3; cuts++) {
        struct gate gate;
        gate_make(&gate);
        char begun[64];
        snprintf(begun, sizeof begun, "%s.begun", gate.path);
        struct corps_future *future = begin_retry(log, "append_slowly", corps_str(gate.path));
        await_file(begun);
        for (int i = 0; i < cuts; i++) {
            assert_ok(drop_link(corps, 1));
            assert_int_equal(count_of(other), 0); /* on the next link, behind what was sent again */
        }
        gate_open(&gate);
        assert_int_equal(finish_int(future), cuts);
        assert_int_equal(unlink(gate.path), 0);
    }
    assert_int_equal(count_of(log), 3);
    corps_name_unref(other);
    end(corps, log);
}

/* The Env reads nothing until its first link has gone. */
static void test_cut_before_it_is_read(void **state) {
    (void)state;
    struct corps *corps = make(CORPS_RESTART_NEVER);
    struct corps_name *log = worker_in(corps, "Log", 1);
    assert_int_equal(count_of(log), 0);
    assert_int_equal(kill(corps_env_pid(corps, 1), SIGSTOP), 0);
    struct corps_future *one = begin_retry(log, "append", corps_int(1));
    struct corps_future *two = begin_retry(log, "append", corps_int(2));
    assert_ok(drop_link(corps, 1));
    assert_int_equal(kill(corps_env_pid(corps, 1), SIGCONT), 0);
    assert_int_equal(finish_int(two), 2);
    assert_int_equal(finish_int(one), 1);
    assert_int_equal(count_of(log), 2);
    end(corps, log);
}

/* The answer is on its way when the link goes: it is given again, an error like a result. */
static void test_answer_lost(void **state) {
    (void)state;
    enum { CALLS = 20 };
    struct corps *corps = make(CORPS_RESTART_NEVER);
    struct corps_name *log = worker_in(corps, "Log", 1);
    for (int i = 1; i <= CALLS; i++) {
        struct gate gate;
        gate_make(&gate);
        gate_open(&gate); /* it does not wait: the file that it makes says that it has come */
        char begun[64];
        snprintf(begun, sizeof begun, "%s.begun", gate.path);
        struct corps_future *future = begin_retry(log, "append_slowly", corps_str(gate.path));
        struct corps_future *failed = begin_retry(log, "fail", corps_nil());
        await_file(begun);
        assert_ok(drop_link(corps, 1));
        assert_int_equal(finish_int(future), 2 * i - 1);
        fails_with(failed, CORPS_ERR_REMOTE, "not this one");
        assert_int_equal(unlink(gate.path), 0);
    }
    assert_int_equal(count_of(log), 2 * CALLS);
    end(corps, log);
}

/* Frames that take long, and are cut in their middle; others behind them. */
static void test_large(void **state) {
    (void)state;
    enum { BYTES = 3000000, CALLS = 6 };
    struct corps *corps = make(CORPS_RESTART_NEVER);
    struct corps_name *log = worker_in(corps, "Log", 1);
    uint8_t *bytes = malloc(BYTES);
    struct corps_future *futures[CALLS];
    for (int i = 0; i < CALLS; i++) {
        memset(bytes, i, BYTES);
        futures[i] = begin_retry(log, "echo", corps_bin(bytes, BYTES));
        if (i % 2 == 1) {
            assert_ok(drop_link(corps, 1));
        }
    }
    for (int i = 0; i < CALLS; i++) {
        const struct corps_value *result;
        assert_ok(corps_future_wait(futures[i], LONG_NS, &result));
        memset(bytes, i, BYTES);
        assert_int_equal(result->count, BYTES);
        assert_memory_equal(result->bin, bytes, BYTES);
        corps_future_destroy(futures[i]);
    }
    free(bytes);
    assert_int_equal(count_of(log), CALLS);
    end(corps, log);
}

/* Calls without the flag fail with their link, beside others that do not. */
static void test_others_fail(void **state) {
    (void)state;
    struct corps *corps = make(CORPS_RESTART_NEVER);
    struct corps_name *log = worker_in(corps, "Log", 1);
    struct gate gate;
    gate_shut(&gate, log);
    struct corps_future *plain = begin(log, "count", corps_nil());
    struct corps_future *again = begin_retry(log, "append", corps_int(1));
    assert_ok(drop_link(corps, 1));
    assert_int_not_equal(corps_future_wait(plain, LONG_NS, NULL), CORPS_OK);
    assert_int_not_equal(corps_future_wait(gate.waiting, LONG_NS, NULL), CORPS_OK);
    gate_open(&gate);
    assert_int_equal(finish_int(again), 1);
    corps_future_destroy(plain);
    corps_future_destroy(gate.waiting);
    assert_int_equal(unlink(gate.path), 0);
    end(corps, log);
}

/* ---- Envs that die ---- */

static void kill_env(struct corps *corps) {
    int pid = corps_env_pid(corps, 1);
    assert_true(pid > 0);
    assert_int_equal(kill(pid, SIGKILL), 0);
    while (kill(pid, 0) == 0) { /* until Env 0 has waited for it */
        poll(NULL, 0, 1);
    }
}

/* What has no answer yet is answered by the next process, in the order in which it was called. */
static void test_killed_and_started_again(void **state) {
    (void)state;
    enum { CALLS = 30, KILLS = 4 };
    struct corps *corps = make(CORPS_RESTART_ALWAYS);
    struct corps_name *log = worker_in(corps, "Log", 1);
    int64_t number = 0;
    for (int k = 0; k < KILLS; k++) {
        struct gate gate;
        gate_make(&gate);
        gate.waiting = begin_retry(log, "wait_for", corps_str(gate.path));
        struct corps_future *futures[CALLS];
        for (int i = 0; i < CALLS; i++) {
            futures[i] = begin_retry(log, "append", corps_int(++number));
        }
        kill_env(corps);
        struct corps_future *newer = begin_retry(log, "append", corps_int(++number));
        gate_open(&gate);
        assert_int_equal(finish_int(newer), number);
        for (int i = 0; i < CALLS; i++) {
            assert_int_equal(finish_int(futures[i]), number - CALLS + i);
        }
        assert_ok(corps_future_wait(gate.waiting, LONG_NS, NULL));
        corps_future_destroy(gate.waiting);
        assert_int_equal(unlink(gate.path), 0);
        assert_int_equal(count_of(log), CALLS + 1); /* of this process, in order */
    }
    end(corps, log);
}

/* One that stays dead says how it died. */
static void test_killed_for_good(void **state) {
    (void)state;
    struct corps *corps = make(CORPS_RESTART_NEVER);
    struct corps_name *log = worker_in(corps, "Log", 1);
    struct gate gate;
    gate_shut(&gate, log);
    struct corps_future *future = begin_retry(log, "append", corps_int(1));
    kill_env(corps);
    fails_with(future, CORPS_ERR_WORKER_LOST, "SIGKILL");
    assert_int_equal(corps_future_wait(gate.waiting, LONG_NS, NULL), CORPS_ERR_WORKER_LOST);
    corps_future_destroy(gate.waiting);
    corps_name_unref(log);
    assert_int_equal(corps_exit(corps, LONG_NS), CORPS_ERR_WORKER_LOST);
}

/* The deadline passes while nobody is there, whether somebody waits or only looks. */
static void test_down_for_too_long(void **state) {
    (void)state;
    const int64_t hour_ns = 3600 * INT64_C(1000000000);
    struct corps *corps = make_with((struct corps_options){.env_count = 2,
                                                           .restart = CORPS_RESTART_ALWAYS,
                                                           .intensity = 100,
                                                           .backoff_ns = hour_ns,
                                                           .backoff_max_ns = hour_ns,
                                                           .results_ttl_ns = 2000000000});
    struct corps_name *log = worker_in(corps, "Log", 1);
    kill_env(corps);
    assert_int_equal(finish_int(begin_retry(log, "append", corps_int(1))), 1);
    struct gate gate;
    gate_shut(&gate, log);
    struct corps_future *waited = begin_retry(log, "append", corps_int(2));
    struct corps_future *looked = begin_retry(log, "append", corps_int(3));
    kill_env(corps); /* the second one in a row waits */
    fails_with(waited, CORPS_ERR_TIMEOUT, "deadline");
    struct corps_future *never = corps_future_create(); /* somebody has to wait for something */
    while (!corps_future_ready(looked)) {
        (void)corps_future_wait(never, 5000000, NULL);
    }
    corps_future_destroy(never);
    fails_with(looked, CORPS_ERR_TIMEOUT, "deadline");
    corps_future_destroy(gate.waiting);
    end(corps, log);
}

/* ---- bounds ---- */

static void test_timeouts(void **state) {
    (void)state;
    struct corps *corps = make_with((struct corps_options){.env_count = 2, .results_ttl_ns = 300000000});
    struct corps_name *log = worker_in(corps, "Log", 1);
    struct corps_value number = corps_int(1);
    struct corps_future *future;
    const struct corps_call_options longer = {.timeout_ns = 300000001, .flags = CORPS_CALL_RETRY};
    assert_int_equal(corps_call(log, "append", &number, &longer, &future), CORPS_ERR_INVALID);
    assert_non_null(strstr(corps_error_detail(), "at most 300 ms"));
    assert_int_equal(corps_send(log, "append", &number, &retry), CORPS_ERR_INVALID);
    assert_non_null(strstr(corps_error_detail(), "without reply"));
    struct gate gate;
    gate_shut(&gate, log);
    fails_with(begin_retry(log, "append", number), CORPS_ERR_TIMEOUT, "deadline"); /* which it has anyway */
    gate_finish(&gate);
    assert_int_equal(count_of(log), 0);
    end(corps, log);
}

static void refused(struct corps_options options, const char *word) {
    struct corps *corps;
    assert_int_equal(corps_create(NULL, NULL, &options, &corps), CORPS_ERR_INVALID);
    assert_non_null(strstr(corps_error_detail(), word));
}

/* A full cache refuses before anything runs, and other calls do not mind. */
static void test_full(void **state) {
    (void)state;
    struct corps *corps = make_with((struct corps_options){.env_count = 2, .results_count = 3});
    struct corps_name *log = worker_in(corps, "Log", 1);
    for (int i = 1; i <= 3; i++) {
        assert_int_equal(finish_int(begin_retry(log, "append", corps_int(i))), i);
    }
    for (int i = 0; i < 100; i++) {
        fails_with(begin_retry(log, "append", corps_int(4)), CORPS_ERR_FULL, "3 results");
    }
    assert_int_equal(count_of(log), 3);
    end(corps, log);
    corps = make_with((struct corps_options){.env_count = 2, .results_bytes = 1000});
    log = worker_in(corps, "Log", 1);
    uint8_t bytes[2000] = {0};
    struct corps_future *future = begin_retry(log, "echo", corps_bin(bytes, sizeof bytes));
    assert_ok(corps_future_wait(future, LONG_NS, NULL));
    corps_future_destroy(future);
    fails_with(begin_retry(log, "append", corps_int(1)), CORPS_ERR_FULL, "results_bytes");
    end(corps, log);
    refused((struct corps_options){.results_count = 1 << 25}, "results_count");
    refused((struct corps_options){.results_ttl_ns = -1}, "results_ttl_ns");
    refused((struct corps_options){.results_clean_ns = INT64_MAX}, "at most a day");
}

/* ---- who calls ---- */

static int64_t far_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * INT64_C(1000000000) + now.tv_nsec + LONG_NS / 2;
}

static void say_count(struct stranger *stranger, const struct corps_name *log, uint64_t id, int64_t deadline_ns,
                      uint8_t flags) {
    uint64_t corps_id;
    unsigned env, conc;
    corps_name_address(log, &corps_id, &env, &conc);
    stranger_say(stranger,
                 (struct corps__header){.kind = CORPS__REQUEST,
                                        .flags = (uint8_t)(CORPS__NIL_PAYLOAD | CORPS__RETRY | flags),
                                        .serializer = 1,
                                        .id = id,
                                        .destination = conc,
                                        .deadline_ns = (uint64_t)deadline_ns},
                 "count", NULL);
    stranger->kind = 0;
}

static void is_answered(struct stranger *stranger, uint8_t kind) {
    stranger_listen(stranger);
    assert_non_null(stranger->link);
    assert_int_equal(stranger->kind, kind);
}

static void is_cut_off(struct stranger *stranger) {
    stranger_listen(stranger);
    assert_null(stranger->link);
}

/* What an honest caller does not do costs it its link; the Env goes on. */
static void test_callers_that_cheat(void **state) {
    (void)state;
    struct corps *corps = make(CORPS_RESTART_NEVER);
    struct corps_name *log = worker_in(corps, "Log", 1);
    struct stranger stranger;
    stranger_open(&stranger, corps);
    stranger_connect(&stranger, corps, 1); /* without an identity */
    say_count(&stranger, log, 1, far_ns(), 0);
    is_cut_off(&stranger);
    stranger.greeting.identity[0] = 77;
    stranger_connect(&stranger, corps, 1);
    say_count(&stranger, log, 1, far_ns(), CORPS__NO_REPLY);
    is_cut_off(&stranger);
    stranger_connect(&stranger, corps, 1);
    say_count(&stranger, log, UINT64_MAX, 0, 0); /* no deadline is a late one */
    is_answered(&stranger, CORPS__FAILURE);
    say_count(&stranger, log, 0, INT64_MAX, 0); /* too far */
    is_answered(&stranger, CORPS__FAILURE);
    say_count(&stranger, log, 0, far_ns(), 0);
    is_answered(&stranger, CORPS__REPLY);
    stranger_connect(&stranger, corps, 1);
    say_count(&stranger, log, 0, far_ns(), 0); /* once more on another link, */
    is_answered(&stranger, CORPS__REPLY);
    say_count(&stranger, log, 0, far_ns(), 0); /* and on the same one */
    is_cut_off(&stranger);
    assert_int_equal(count_of(log), 0);
    stranger_close(&stranger);
    end(corps, log);
}

/* What comes on an older link of a process is not run. */
static void test_older_link(void **state) {
    (void)state;
    struct corps *corps = make(CORPS_RESTART_NEVER);
    struct corps_name *log = worker_in(corps, "Log", 1);
    struct stranger older, newer;
    stranger_open(&older, corps);
    stranger_open(&newer, corps);
    older.greeting.identity[1] = newer.greeting.identity[1] = 78;
    stranger_connect(&older, corps, 1);
    say_count(&older, log, 1, far_ns(), 0);
    is_answered(&older, CORPS__REPLY);
    stranger_connect(&newer, corps, 1);
    say_count(&newer, log, 2, far_ns(), 0);
    is_answered(&newer, CORPS__REPLY);
    say_count(&older, log, 3, far_ns(), 0);
    is_answered(&older, CORPS__FAILURE);
    stranger_close(&older);
    stranger_close(&newer);
    end(corps, log);
}

/* One that fills the cache makes others' retry calls be refused, and nothing else. */
static void test_flood(void **state) {
    (void)state;
    enum { CALLS = 2000 };
    struct corps *corps = make_with((struct corps_options){.env_count = 2, .results_count = 100});
    struct corps_name *log = worker_in(corps, "Log", 1);
    struct stranger stranger;
    stranger_open(&stranger, corps);
    stranger.greeting.identity[0] = 79;
    stranger_connect(&stranger, corps, 1);
    for (uint64_t id = 1; id <= CALLS; id++) {
        say_count(&stranger, log, id * 0x9e3779b97f4a7c15u, far_ns(), 0);
        is_answered(&stranger, id <= 100 ? CORPS__REPLY : CORPS__FAILURE);
    }
    assert_int_equal(count_of(log), 0);
    fails_with(begin_retry(log, "append", corps_int(1)), CORPS_ERR_FULL, "100 results");
    stranger_close(&stranger);
    end(corps, log);
}

int main(int argc, char **argv) {
    int failed = test_start(argc, argv, classes);
    if (failed != 0) {
        return failed;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cut_anywhere),
        cmocka_unit_test(test_cut_while_it_runs),
        cmocka_unit_test(test_cut_before_it_is_read),
        cmocka_unit_test(test_answer_lost),
        cmocka_unit_test(test_large),
        cmocka_unit_test(test_others_fail),
        cmocka_unit_test(test_killed_and_started_again),
        cmocka_unit_test(test_killed_for_good),
        cmocka_unit_test(test_down_for_too_long),
        cmocka_unit_test(test_timeouts),
        cmocka_unit_test(test_full),
        cmocka_unit_test(test_callers_that_cheat),
        cmocka_unit_test(test_older_link),
        cmocka_unit_test(test_flood),
    };
    return cmocka_run_group_tests_name(argv[1], tests, NULL, NULL);
}
