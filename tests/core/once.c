/* Retry calls take effect once over the death of their Env, where its state is kept: `once TRANSPORT [TEST]`. The Env
 * kills itself at a moment that the call names, or is killed when that is over. */

#include "gate.h"
#include "stranger.h"

#include "actor/checkpoint.h"

#include <signal.h>
#include <string.h>
#include <unistd.h>

enum moment { NEVER, BEFORE, AFTER_EFFECT, BEFORE_KEPT, KEPT, MOMENTS };
static const int64_t far_off_ns = 50 * INT64_C(1000000000);

/* ---- Counter: a number; each change of it is kept, or, by Asked, what a call asks for ---- */

static struct {
    enum moment moment;
    int skips; /* so many checkpoints are let through */
} armed;

static void die_at(enum moment moment) {
    if (armed.moment == moment && armed.skips-- <= 0) {
        kill(getpid(), SIGKILL);
    }
}

/* Around what the core does with states. */
static struct corps__keep_ops wrapped;
static const struct corps__keep_ops *original;

static enum corps_err wrapped_keep(uint32_t conc, const char *class_name, const struct corps_value *state,
                                   const struct corps_value *answers) {
    die_at(BEFORE_KEPT);
    enum corps_err err = original->keep(conc, class_name, state, answers);
    die_at(KEPT);
    return err;
}

static enum corps_err counter_init(struct corps_context *context, void *self, const struct corps_value *args,
                                   struct corps_value *result) {
    (void)context;
    (void)self;
    (void)args;
    (void)result;
    if (original == NULL) {
        original = corps__actors->keep;
        wrapped = *original;
        wrapped.keep = wrapped_keep;
        corps__actors->keep = &wrapped;
    }
    return CORPS_OK;
}

static enum corps_err counter_checkpoint(struct corps_context *context, void *self, const struct corps_value *args,
                                         struct corps_value *result) {
    (void)context;
    (void)args;
    *result = corps_int(*(int64_t *)self);
    return CORPS_OK;
}

static enum corps_err counter_restore(struct corps_context *context, void *self, const struct corps_value *args,
                                      struct corps_value *result) {
    (void)context;
    (void)result;
    *(int64_t *)self = args->integer;
    return CORPS_OK;
}

/* [number, moment, skips, a file that is there until the moment has been]. Anything else adds 1. */
static enum corps_err counter_add(struct corps_context *context, void *self, const struct corps_value *args,
                                  struct corps_value *result) {
    (void)context;
    int64_t *value = self;
    if (args->kind != CORPS_ARRAY) {
        *result = corps_int(++*value);
        return CORPS_OK;
    }
    const struct corps_value *file = corps_value_item(args, 3);
    char path[64];
    snprintf(path, sizeof path, "%.*s", (int)file->count, file->str);
    armed.moment = NEVER;
    if (unlink(path) == 0) {
        armed.moment = (enum moment)corps_value_item(args, 1)->integer;
        armed.skips = (int)corps_value_item(args, 2)->integer;
    }
    die_at(BEFORE);
    *value += corps_value_item(args, 0)->integer;
    die_at(AFTER_EFFECT);
    *result = corps_int(*value);
    return CORPS_OK;
}

static enum corps_err counter_add_and_fail(struct corps_context *context, void *self, const struct corps_value *args,
                                           struct corps_value *result) {
    (void)counter_add(context, self, args, result);
    return corps_fail(context, "Unwilling", "it is %lld", (long long)*(int64_t *)self);
}

/* Adds 1, and answers with as many bytes as it is told. */
static enum corps_err counter_bytes(struct corps_context *context, void *self, const struct corps_value *args,
                                    struct corps_value *result) {
    char *bytes = corps_context_alloc(context, (size_t)args->integer);
    assert_non_null(bytes);
    memset(bytes, 'x', (size_t)args->integer);
    ++*(int64_t *)self;
    *result = corps_bin(bytes, (size_t)args->integer);
    return CORPS_OK;
}

static enum corps_err counter_count(struct corps_context *context, void *self, const struct corps_value *args,
                                    struct corps_value *result) {
    (void)context;
    (void)args;
    *result = corps_int(*(int64_t *)self);
    return CORPS_OK;
}

static enum corps_err counter_save(struct corps_context *context, void *self, const struct corps_value *args,
                                   struct corps_value *result) {
    (void)self;
    (void)args;
    (void)result;
    return corps_context_checkpoint(context);
}

static enum corps_err counter_crash(struct corps_context *context, void *self, const struct corps_value *args,
                                    struct corps_value *result) {
    (void)args;
    (void)result;
    *(int64_t *)self = -1;
    return corps_context_crash(context, "broken");
}

static struct corps_request *put_off;

static enum corps_err counter_later(struct corps_context *context, void *self, const struct corps_value *args,
                                    struct corps_value *result) {
    (void)self;
    (void)args;
    (void)result;
    put_off = corps_request_hold(context);
    return put_off != NULL ? CORPS_ERR_PENDING : CORPS_ERR_NO_MEMORY;
}

/* As add, and answers what was put off with the sum. */
static enum corps_err counter_now(struct corps_context *context, void *self, const struct corps_value *args,
                                  struct corps_value *result) {
    (void)counter_add(context, self, args, result);
    assert_non_null(put_off);
    assert_ok(corps_request_reply(put_off, result));
    put_off = NULL;
    return CORPS_OK;
}

static const struct corps_method counter_methods[] = {{"add", counter_add},
                                                      {"add_and_fail", counter_add_and_fail},
                                                      {"bytes", counter_bytes},
                                                      {"count", counter_count},
                                                      {"save", counter_save},
                                                      {"crash", counter_crash},
                                                      {"later", counter_later},
                                                      {"now", counter_now},
                                                      {NULL, NULL}};

#define COUNTER(class_name, every)                                                                                     \
    {                                                                                                                  \
        .name = class_name, .bytes = sizeof(int64_t), .init = counter_init, .methods = counter_methods,                \
        .checkpoint = counter_checkpoint, .restore = counter_restore, .checkpoint_every_ns = every                     \
    }
static const struct corps_class counter_class = COUNTER("Counter", 0);
static const struct corps_class asked_class = COUNTER("Asked", CORPS_FOREVER);
static const struct corps_class *const classes[] = {&counter_class, &asked_class, NULL};

/* ---- what the tests share ---- */

static char directory[64];
static struct corps *corps;
static struct corps_name *counter;

static void begin_test(bool in_directory, const char *class) {
    snprintf(directory, sizeof directory, "/tmp/corps-once-XXXXXX");
    assert_non_null(mkdtemp(directory));
    corps = make_with((struct corps_options){.env_count = 2,
                                             .restart = CORPS_RESTART_ON_FAILURE,
                                             .intensity = 100,
                                             .backoff_ns = 1000000,
                                             .backoff_max_ns = 1000000,
                                             .keep_directory = in_directory ? directory : NULL});
    counter = worker_in(corps, class, 1);
}

static void end_test(void) {
    corps_name_unref(counter);
    assert_ok(corps_exit(corps, LONG_NS));
    assert_int_equal(rmdir(directory), 0);
}

static const struct corps_call_options retry = {.flags = CORPS_CALL_RETRY};

/* A retry call of `method` that dies once, at this moment. */
static struct corps_future *begin_deadly(const char *method, int64_t number, enum moment moment, int skips,
                                         const struct corps_call_options *options) {
    char path[] = "/tmp/corps-once-moment-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    struct corps_value items[] = {corps_int(number), corps_int(moment), corps_int(skips), corps_str(path)};
    struct corps_value args = corps_array(items, 4);
    struct corps_future *future = NULL;
    assert_ok(corps_call(counter, method, &args, options, &future));
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

static int64_t count_of(void) {
    struct corps_future *future = NULL;
    assert_ok(corps_call(counter, "count", NULL, &retry, &future));
    return finish_int(future);
}

static void kill_env(void) {
    int pid = corps_env_pid(corps, 1);
    assert_true(pid > 0);
    assert_int_equal(kill(pid, SIGKILL), 0);
    while (kill(pid, 0) == 0) {
        poll(NULL, 0, 1);
    }
}

/* ---- a caller of the library's ---- */

static void test_each_moment(void **state) {
    (void)state;
    for (int in_directory = 0; in_directory < 2; in_directory++) {
        begin_test(in_directory, "Counter");
        int64_t value = 0;
        for (int i = 0; i < 3 * MOMENTS; i++) {
            value += 10 + i;
            assert_int_equal(finish_int(begin_deadly("add", 10 + i, (enum moment)(i % MOMENTS), 0, &retry)), value);
            if (i % MOMENTS == NEVER) {
                kill_env();
            }
            assert_int_equal(count_of(), value);
        }
        end_test();
    }
}

/* An exception is an answer like any other. */
static void test_failures(void **state) {
    (void)state;
    for (int in_directory = 0; in_directory < 2; in_directory++) {
        begin_test(in_directory, "Counter");
        for (int moment = NEVER; moment < MOMENTS; moment++) {
            struct corps_future *future = begin_deadly("add_and_fail", 1, (enum moment)moment, 0, &retry);
            char text[32];
            snprintf(text, sizeof text, "it is %d", moment + 1);
            assert_int_equal(corps_future_wait(future, LONG_NS, NULL), CORPS_ERR_REMOTE);
            assert_string_equal(corps_future_error(future)->type, "Unwilling");
            assert_string_equal(corps_future_error(future)->text, text);
            corps_future_destroy(future);
            assert_int_equal(count_of(), moment + 1);
        }
        end_test();
    }
}

/* An answer that was put off is kept before it leaves, and what has asked for it is not run again. */
static void test_put_off(void **state) {
    (void)state;
    for (int in_directory = 0; in_directory < 2; in_directory++) {
        begin_test(in_directory, "Counter");
        struct corps_future *later = NULL;
        assert_ok(corps_call(counter, "later", NULL, &retry, &later));
        struct corps_future *now = begin_deadly("now", 5, KEPT, 1, &retry); /* its own checkpoint is let through */
        assert_int_equal(finish_int(later), 5);
        assert_int_equal(finish_int(now), 5);
        assert_int_equal(count_of(), 5);
        end_test();
    }
}

/* Many at once: whichever are under way when the Env dies. */
static void test_many(void **state) {
    (void)state;
    enum { CALLS = 40, ROUNDS = 6 };
    for (int in_directory = 0; in_directory < 2; in_directory++) {
        begin_test(in_directory, "Counter");
        int64_t value = 0;
        for (int round = 0; round < ROUNDS; round++) {
            struct corps_future *futures[CALLS];
            for (int i = 0; i < CALLS; i++) {
                futures[i] = begin_deadly("add", 1, i == CALLS / 2 ? (enum moment)(1 + round % (MOMENTS - 1)) : NEVER,
                                          0, &retry);
            }
            for (int i = 0; i < CALLS; i++) {
                assert_int_equal(finish_int(futures[i]), ++value);
            }
            kill_env();
            assert_int_equal(count_of(), value);
        }
        end_test();
    }
}

/* What finds no room is refused before it runs. */
static void test_full(void **state) {
    (void)state;
    begin_test(false, "Counter");
    for (int i = 0; i < 5; i++) {
        struct corps_value bytes = corps_int(300000);
        struct corps_future *future = NULL;
        assert_ok(corps_call(counter, "bytes", &bytes, &retry, &future));
        const struct corps_value *result;
        enum corps_err err = corps_future_wait(future, LONG_NS, &result);
        assert_int_equal(err, i < 2 ? CORPS_OK : CORPS_ERR_FULL);
        if (err == CORPS_OK) {
            assert_int_equal(result->count, 300000);
        } else {
            assert_non_null(strstr(corps_error_detail(), "nothing was run"));
        }
        corps_future_destroy(future);
        if (i < 4) {
            kill_env();
        }
    }
    assert_int_equal(ask_int(counter, "count", corps_nil()), 2); /* which is no retry call */
    end_test();
}

/* ---- one that says when it asks again ---- */

static void open_stranger(struct stranger *stranger) {
    stranger_open(stranger, corps);
    stranger->greeting.identity[0] = 4711;
    stranger_connect(stranger, corps, 1);
}

static int64_t soon_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * INT64_C(1000000000) + now.tv_nsec + far_off_ns;
}

static void say(struct stranger *stranger, const char *method, uint64_t id, int64_t deadline_ns) {
    uint64_t corps_id;
    unsigned env, conc;
    corps_name_address(counter, &corps_id, &env, &conc);
    stranger->kind = 0;
    stranger_say(stranger,
                 (struct corps__header){.kind = CORPS__REQUEST,
                                        .flags = CORPS__NIL_PAYLOAD | CORPS__RETRY,
                                        .serializer = 1,
                                        .id = id,
                                        .destination = conc,
                                        .method = CORPS__UNNUMBERED,
                                        .deadline_ns = (uint64_t)deadline_ns},
                 method, NULL);
    stranger_listen(stranger);
    assert_non_null(stranger->link);
}

/* A new link, to whichever process is there. */
static void connect_again(struct stranger *stranger) {
    (void)count_of();
    stranger_leave(stranger);
    stranger_connect(stranger, corps, 1);
}

/* The reply had left; it is lost; the call comes again to a process that has not run it. More than once. */
static void test_after_the_reply(void **state) {
    (void)state;
    for (int in_directory = 0; in_directory < 2; in_directory++) {
        begin_test(in_directory, "Counter");
        struct stranger stranger;
        open_stranger(&stranger);
        int64_t deadline_ns = soon_ns();
        say(&stranger, "add", 1, deadline_ns);
        say(&stranger, "add_and_fail", 2, deadline_ns);
        assert_int_equal(stranger.kind, CORPS__FAILURE);
        for (int i = 0; i < 3; i++) {
            kill_env();
            connect_again(&stranger);
            say(&stranger, "add", 1, deadline_ns);
            assert_int_equal(stranger.kind, CORPS__REPLY);
            say(&stranger, "add_and_fail", 2, deadline_ns);
            assert_int_equal(stranger.kind, CORPS__FAILURE);
            assert_int_equal(count_of(), 2);
        }
        stranger_close(&stranger);
        end_test();
    }
}

/* On demand: what came after the last checkpoint is undone, with its answers; what came before is not run again. */
static void test_on_demand(void **state) {
    (void)state;
    for (int in_directory = 0; in_directory < 2; in_directory++) {
        begin_test(in_directory, "Asked");
        struct stranger stranger;
        open_stranger(&stranger);
        int64_t deadline_ns = soon_ns();
        say(&stranger, "add", 1, deadline_ns);
        say(&stranger, "save", 2, deadline_ns);
        say(&stranger, "add", 3, deadline_ns);
        assert_int_equal(count_of(), 2);
        kill_env();
        assert_int_equal(count_of(), 1);
        connect_again(&stranger);
        say(&stranger, "add", 1, deadline_ns);
        assert_int_equal(count_of(), 1);
        say(&stranger, "add", 3, deadline_ns);
        assert_int_equal(count_of(), 2);
        stranger_close(&stranger);
        end_test();
    }
}

/* The Worker alone is made again, and then its Env. */
static void test_worker_alone(void **state) {
    (void)state;
    begin_test(true, "Counter");
    corps_name_unref(counter);
    struct corps_supervision supervision = {.restart = CORPS_RESTART_ON_FAILURE};
    assert_ok(corps_create_supervised(corps, "Counter", NULL, CORPS_ENV_ID(1), 1, &supervision, &counter));
    struct stranger stranger;
    open_stranger(&stranger);
    int64_t deadline_ns = soon_ns();
    say(&stranger, "add", 1, deadline_ns);
    say(&stranger, "crash", 2, deadline_ns);
    assert_int_equal(stranger.kind, CORPS__FAILURE);
    for (int i = 0; i < 2; i++) {
        connect_again(&stranger);
        say(&stranger, "add", 1, deadline_ns);
        assert_int_equal(stranger.kind, CORPS__REPLY);
        assert_int_equal(count_of(), 1);
        kill_env();
    }
    stranger_close(&stranger);
    end_test();
}

int main(int argc, char **argv) {
    int failed = test_start(argc, argv, classes);
    if (failed != 0) {
        return failed;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_moment), cmocka_unit_test(test_failures),     cmocka_unit_test(test_put_off),
        cmocka_unit_test(test_many),        cmocka_unit_test(test_full),         cmocka_unit_test(test_after_the_reply),
        cmocka_unit_test(test_on_demand),   cmocka_unit_test(test_worker_alone),
    };
    return cmocka_run_group_tests_name(argv[1], tests, NULL, NULL);
}
