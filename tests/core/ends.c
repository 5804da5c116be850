/* Links whose other end stops reading, and dies: `ends TRANSPORT [TEST]` runs one test, or all of them. */

#include "gate.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
    ANSWERS = 4000,
    ANSWER_BYTES = 1000,
    MAILBOX_BYTES = 16 << 20,      /* so much is kept for one who does not read … */
    RESIDENT_BYTES_MAX = 96 << 20, /* … beside what its link takes, the answer under way, and all the rest */
    LARGE_ANSWERS = 80,
    LARGE_BYTES = 2 << 20,
};

static void sleep_ms(int ms) {
    const struct timespec ts = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
    nanosleep(&ts, NULL);
}

/* ---- Answerer: its Env counts what it answers ---- */

static _Atomic int64_t answered_count;

static enum corps_err answerer_answer(struct corps_context *context, void *self, const struct corps_value *args,
                                      struct corps_value *result) {
    (void)self;
    size_t bytes = (size_t)args->integer;
    void *answer = corps_context_alloc(context, bytes);
    if (answer == NULL) {
        return CORPS_ERR_NO_MEMORY;
    }
    memset(answer, 7, bytes);
    atomic_fetch_add(&answered_count, 1);
    *result = corps_bin(answer, bytes);
    return CORPS_OK;
}

static enum corps_err answerer_count(struct corps_context *context, void *self, const struct corps_value *args,
                                     struct corps_value *result) {
    (void)context;
    (void)self;
    (void)args;
    *result = corps_int(atomic_load(&answered_count));
    return CORPS_OK;
}

static _Atomic int64_t heard_count;

static enum corps_err answerer_hear(struct corps_context *context, void *self, const struct corps_value *args,
                                    struct corps_value *result) {
    (void)context;
    (void)self;
    (void)args;
    *result = corps_int(atomic_fetch_add(&heard_count, 1));
    return CORPS_OK;
}

/* [Name, count]: tells it something so many times, far enough apart to be no stream, and would not wait for room. How
 * many were taken. */
static enum corps_err answerer_tell(struct corps_context *context, void *self, const struct corps_value *args,
                                    struct corps_value *result) {
    (void)context;
    (void)self;
    const struct corps_call_options try_it = {.flags = CORPS_CALL_TRY};
    int64_t taken = 0;
    for (int64_t i = 0; i < corps_value_item(args, 1)->integer; i++) {
        taken += corps_send(corps_value_item(args, 0)->name, "hear", NULL, &try_it) == CORPS_OK;
        sleep_ms(1);
    }
    *result = corps_int(taken);
    return CORPS_OK;
}

static const struct corps_method answerer_methods[] = {{"answer", answerer_answer}, {"wait_for", method_wait_for},
                                                       {"count", answerer_count},   {"hear", answerer_hear},
                                                       {"tell", answerer_tell},     {NULL, NULL}};
static const struct corps_class answerer_class = {.name = "Answerer", .methods = answerer_methods};

/* ---- Caller: asks much and takes its time ---- */

struct caller {
    struct corps_future *futures[ANSWERS];
    int64_t count;
};

/* [Name, count, bytes, sink, beside]: asks for so many answers of this size, and waits for none; and sends `sink` as
 * many requests without reply. When `beside` has answered, all of them have come. */
static enum corps_err caller_ask(struct corps_context *context, void *self, const struct corps_value *args,
                                 struct corps_value *result) {
    (void)context;
    (void)result;
    struct caller *caller = self;
    enum corps_err err = CORPS_OK;
    caller->count = corps_value_item(args, 1)->integer;
    for (int64_t i = 0; err == CORPS_OK && i < caller->count; i++) {
        err =
            corps_call(corps_value_item(args, 0)->name, "answer", corps_value_item(args, 2), NULL, &caller->futures[i]);
        err = err == CORPS_OK ? corps_send(corps_value_item(args, 3)->name, "count", NULL, NULL) : err;
    }
    struct corps_future *last = NULL;
    err = err == CORPS_OK ? corps_call(corps_value_item(args, 4)->name, "count", NULL, NULL, &last) : err;
    err = err == CORPS_OK ? corps_future_wait(last, LONG_NS, NULL) : err;
    corps_future_destroy(last);
    return err;
}

/* How many of them have come, every one as it should be. */
static enum corps_err caller_collect(struct corps_context *context, void *self, const struct corps_value *args,
                                     struct corps_value *result) {
    (void)context;
    struct caller *caller = self;
    int64_t good = 0;
    for (int64_t i = 0; i < caller->count; i++) {
        const struct corps_value *answer;
        enum corps_err err = corps_future_wait(caller->futures[i], LONG_NS, &answer);
        if (err == CORPS_OK && answer->kind == CORPS_BIN && answer->count == (size_t)args->integer) {
            good++;
        } else if (err != CORPS_OK) {
            fprintf(stderr, "answer %lld: %s: %s\n", (long long)i, corps_error_name(err), corps_error_detail());
        }
        corps_future_destroy(caller->futures[i]);
    }
    *result = corps_int(good);
    return CORPS_OK;
}

static const struct corps_method caller_methods[] = {{"ask", caller_ask}, {"collect", caller_collect}, {NULL, NULL}};
static const struct corps_class caller_class = {
    .name = "Caller", .bytes = sizeof(struct caller), .methods = caller_methods};

static const struct corps_class *const classes[] = {&answerer_class, &caller_class, NULL};

/* ---- a caller that is stopped while its answers come ---- */

struct scene {
    struct corps *corps;
    struct corps_name *answerer; /* in Env 0 */
    struct corps_name *sink;     /* another one there, which gets requests without reply */
    struct corps_name *beside;   /* a third one */
    struct corps_name *caller;   /* in Env 1, which is stopped */
    struct corps_name *listener; /* there, too */
    int stopped;                 /* the process */
};

/* Until the link to the stopped one is full, or there is nothing more to answer. */
static void until_stuck(const struct scene *scene) {
    int64_t before = -1;
    int64_t now = 0;
    while (now == 0 || now != before) {
        before = now;
        sleep_ms(50);
        now = ask_int(scene->beside, "count", corps_nil());
    }
}

static int64_t tell(const struct scene *scene, int64_t count) {
    struct corps_value args[2] = {corps_value_of_name(scene->listener), corps_int(count)};
    return ask_int(scene->beside, "tell", corps_array(args, 2));
}

/* Every answer is asked for, none is read; then there is also room to give back, for requests without reply. */
static void scene_open(struct scene *scene, int64_t count, int64_t bytes) {
    scene->corps = make_with((struct corps_options){.env_count = 2,
                                                    .thread_count = 2,
                                                    .mailbox_count = (unsigned)(count + count / 4),
                                                    .mailbox_bytes = MAILBOX_BYTES});
    scene->answerer = worker_in(scene->corps, "Answerer", 0);
    scene->sink = worker_in(scene->corps, "Answerer", 0);
    scene->beside = worker_in(scene->corps, "Answerer", 0);
    scene->caller = worker_in(scene->corps, "Caller", 1);
    scene->listener = worker_in(scene->corps, "Answerer", 1);
    assert_int_equal(tell(scene, 1), 1); /* from then on the method has a number */
    scene->stopped = corps_env_pid(scene->corps, 1);
    struct gate gate;
    struct gate of_sink;
    gate_shut(&gate, scene->answerer);
    gate_shut(&of_sink, scene->sink);
    struct corps_value args[5] = {corps_value_of_name(scene->answerer), corps_int(count), corps_int(bytes),
                                  corps_value_of_name(scene->sink), corps_value_of_name(scene->beside)};
    const struct corps_value *result;
    corps_future_destroy(ask(scene->caller, "ask", corps_array(args, 5), &result));
    assert_int_equal(kill(scene->stopped, SIGSTOP), 0);
    gate_finish(&gate);
    until_stuck(scene);
    gate_finish(&of_sink);
    (void)ask_int(scene->sink, "count", corps_nil());
}

static void scene_close(struct scene *scene, enum corps_err expected) {
    corps_name_unref(scene->answerer);
    corps_name_unref(scene->sink);
    corps_name_unref(scene->beside);
    corps_name_unref(scene->caller);
    corps_name_unref(scene->listener);
    assert_int_equal(corps_exit(scene->corps, LONG_NS), expected);
}

static void dies_stopped(int64_t count, int64_t bytes) {
    struct scene scene;
    scene_open(&scene, count, bytes);
    assert_int_equal(kill(scene.stopped, SIGKILL), 0);
    for (int i = 0; i < 100; i++) { /* the Env goes on, and so does the Worker that answered the dead one */
        (void)ask_int(scene.beside, "count", corps_nil());
        assert_in_range(ask_int(scene.answerer, "count", corps_nil()), 1, count);
    }
    scene_close(&scene, CORPS_ERR_WORKER_LOST);
}

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { SANITIZED = true }; /* its books are larger than what they are about */
#else
enum { SANITIZED = false };
#endif

/* Bytes of memory that a process has in use. */
static size_t resident_bytes(int pid) {
    char path[40];
    size_t whole = 0;
    size_t resident = 0;
    snprintf(path, sizeof path, "/proc/%d/statm", pid);
    FILE *file = fopen(path, "re");
    assert_non_null(file);
    assert_int_equal(fscanf(file, "%zu %zu", &whole, &resident), 2);
    fclose(file);
    return resident * (size_t)sysconf(_SC_PAGESIZE);
}

/* One who does not read holds up nobody, and loses nothing: all of it comes once it reads. */
static void stops_and_goes_on(int64_t count, int64_t bytes) {
    struct scene scene;
    scene_open(&scene, count, bytes);
    for (int i = 0; i < 100; i++) {
        assert_in_range(ask_int(scene.answerer, "count", corps_nil()), 1, count);
    }
    size_t resident = resident_bytes(corps_env_pid(scene.corps, 0));
    assert_in_range(resident, 1, SANITIZED ? SIZE_MAX : RESIDENT_BYTES_MAX);
    assert_int_equal(kill(scene.stopped, SIGCONT), 0);
    assert_int_equal(ask_int(scene.caller, "collect", corps_int(bytes)), count);
    assert_int_equal(ask_int(scene.answerer, "count", corps_nil()), count);
    scene_close(&scene, CORPS_OK);
}

static void test_stops_with_a_full_queue(void **state) {
    (void)state;
    stops_and_goes_on(ANSWERS, ANSWER_BYTES);
}

static void test_stops_amid_large_answers(void **state) {
    (void)state;
    stops_and_goes_on(LARGE_ANSWERS, LARGE_BYTES);
}

/* Small requests without reply gather in one frame while there is no room for a single one: they hold up no thread. */
static void test_small_ones_gather(void **state) {
    (void)state;
    enum { TOLD = 50 };
    struct scene scene;
    scene_open(&scene, ANSWERS, ANSWER_BYTES);
    assert_int_equal(tell(&scene, TOLD), TOLD);
    assert_int_equal(kill(scene.stopped, SIGCONT), 0);
    assert_int_equal(ask_int(scene.caller, "collect", corps_int(ANSWER_BYTES)), ANSWERS);
    assert_int_equal(tell(&scene, 1), 1);
    for (int64_t asked = 0; ask_int(scene.listener, "hear", corps_nil()) < TOLD + 2 + asked; asked++) {
        sleep_ms(1);
    }
    scene_close(&scene, CORPS_OK);
}

static void test_dies_with_a_full_queue(void **state) {
    (void)state;
    dies_stopped(ANSWERS, ANSWER_BYTES);
}

static void test_dies_amid_large_answers(void **state) {
    (void)state;
    dies_stopped(LARGE_ANSWERS, LARGE_BYTES);
}

/* Room is given back while a large answer is under way on the same link, and nothing else follows that could take it
 * along: it comes all the same. */
static void test_credit_beside_large_answers(void **state) {
    (void)state;
    enum { ROUNDS = 60, SENT = 40 };
    struct corps *corps = make_with((struct corps_options){.env_count = 2, .thread_count = 3, .mailbox_count = 8});
    struct corps_name *answerer = worker_in(corps, "Answerer", 1);
    struct corps_name *sink = worker_in(corps, "Answerer", 1);
    const struct corps_call_options soon = {.timeout_ns = LONG_NS};
    for (int round = 0; round < ROUNDS; round++) {
        struct corps_future *large = begin(answerer, "answer", corps_int(1 << 20));
        for (int i = 0; i < SENT; i++) {
            assert_ok(corps_send(sink, "count", NULL, &soon));
        }
        assert_ok(corps_future_wait(large, LONG_NS, NULL));
        corps_future_destroy(large);
    }
    corps_name_unref(answerer);
    corps_name_unref(sink);
    assert_ok(corps_exit(corps, LONG_NS));
}

/* Calls that come just when an Env dies say what has become of it, as those under way do. */
static void test_death_is_told(void **state) {
    (void)state;
    enum { ROUNDS = 20 };
    for (int round = 0; round < ROUNDS; round++) {
        struct corps *corps = make_with((struct corps_options){.env_count = 2});
        struct corps_name *name = worker_in(corps, "Answerer", 1);
        struct corps_future *future;
        enum corps_err err = CORPS_OK;
        kill(corps_env_pid(corps, 1), SIGKILL);
        while (err == CORPS_OK) { /* one of them finds the link closed */
            const struct corps_value bytes = corps_int(64);
            err = corps_call(name, "answer", &bytes, NULL, &future);
            if (err == CORPS_OK) {
                err = round % 2 == 0 ? corps_future_wait(future, LONG_NS, NULL) : CORPS_OK;
                corps_future_destroy(future);
            }
        }
        if (err != CORPS_ERR_WORKER_LOST || strstr(corps_error_detail(), "SIGKILL") == NULL) {
            fail_msg("round %d: %s: %s", round, corps_error_name(err), corps_error_detail());
        }
        corps_name_unref(name);
        assert_int_equal(corps_exit(corps, LONG_NS), CORPS_ERR_WORKER_LOST);
    }
}

int main(int argc, char **argv) {
    int failed = test_start(argc, argv, classes);
    if (failed != 0) {
        return failed;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stops_with_a_full_queue),     cmocka_unit_test(test_stops_amid_large_answers),
        cmocka_unit_test(test_dies_with_a_full_queue),      cmocka_unit_test(test_dies_amid_large_answers),
        cmocka_unit_test(test_credit_beside_large_answers), cmocka_unit_test(test_death_is_told),
        cmocka_unit_test(test_small_ones_gather),
    };
    return cmocka_run_group_tests_name(argv[1], tests, NULL, NULL);
}
