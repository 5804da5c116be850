/* Concs with threads of their own: `homes TRANSPORT [TEST]`. What a Conc holds is plain memory, so that ThreadSanitizer
 * finds two methods of one Conc that are not ordered, at its home and where it leaves that. */

#include "helpers.h"

#include <pthread.h>
#include <sched.h>
#include <unistd.h>

enum { THREADS = 4, CALLS = 400, WINDOW = 8, SENDERS = 3, SENT = 300, ROUNDS = 40 };

/* How a Homely begins: its argument. */
enum { AT_HOME, FAILS_AT_HOME, HAS_NO_THREAD };

struct homely {
    struct corps_home *home;
    pthread_t thread;
    bool moved, left;
    int64_t count;
};

/* Nobody joins it. */
static bool start_thread(void *(*run)(void *arg), void *arg) {
    pthread_attr_t detached;
    pthread_t thread;
    pthread_attr_init(&detached);
    pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
    bool started = pthread_create(&thread, &detached, run, arg) == 0;
    pthread_attr_destroy(&detached);
    return started;
}

static void *serve(void *home) {
    corps_home_serve(home);
    return NULL;
}

static enum corps_err begin_home(struct corps_context *context, struct homely *self, int64_t how) {
    self->home = corps_context_home(context);
    self->moved = true;
    if (how == HAS_NO_THREAD || !start_thread(serve, self->home)) {
        corps_home_leave(self->home);
        return corps_fail(context, "NoThread", "there is none");
    }
    return CORPS_ERR_PENDING;
}

static enum corps_err homely_init(struct corps_context *context, void *data, const struct corps_value *args,
                                  struct corps_value *result) {
    (void)result;
    struct homely *self = data;
    if (!self->moved) {
        return begin_home(context, self, args->integer);
    }
    self->thread = pthread_self();
    if (args->integer == FAILS_AT_HOME) {
        corps_home_leave(self->home);
        return corps_fail(context, "Refusal", "not here");
    }
    return CORPS_OK;
}

static enum corps_err homely_add(struct corps_context *context, void *data, const struct corps_value *args,
                                 struct corps_value *result) {
    struct homely *self = data;
    if (!self->left && !pthread_equal(self->thread, pthread_self())) {
        return corps_fail(context, "Elsewhere", "a method runs on another thread");
    }
    self->count += args->integer;
    *result = corps_int(self->count);
    return CORPS_OK;
}

/* Adds what another one answers, which this thread waits for. */
static enum corps_err homely_add_of(struct corps_context *context, void *data, const struct corps_value *args,
                                    struct corps_value *result) {
    const struct corps_value one = corps_int(1);
    struct corps_future *future = NULL;
    enum corps_err err = corps_call(args->name, "add", &one, NULL, &future);
    err = err == CORPS_OK ? corps_future_wait(future, LONG_NS, NULL) : err;
    corps_future_destroy(future);
    return err == CORPS_OK ? homely_add(context, data, &one, result) : err;
}

static enum corps_err homely_leave(struct corps_context *context, void *data, const struct corps_value *args,
                                   struct corps_value *result) {
    (void)context;
    (void)args;
    (void)result;
    struct homely *self = data;
    self->left = true;
    corps_home_leave(self->home);
    return CORPS_OK;
}

/* The same by another thread, which then answers: amid what comes, and while the home sleeps. */
struct leaving {
    struct corps_home *home;
    struct corps_request *request;
};

static void *leave_soon(void *arg) {
    struct leaving *leaving = arg;
    sched_yield();
    corps_home_leave(leaving->home);
    (void)!corps_request_reply(leaving->request, NULL);
    free(leaving);
    return NULL;
}

static enum corps_err homely_leave_soon(struct corps_context *context, void *data, const struct corps_value *args,
                                        struct corps_value *result) {
    (void)args;
    (void)result;
    struct homely *self = data;
    struct leaving *leaving = malloc(sizeof *leaving);
    self->left = true;
    *leaving = (struct leaving){self->home, corps_request_hold(context)};
    return start_thread(leave_soon, leaving) ? CORPS_ERR_PENDING : CORPS_ERR_LIMIT;
}

static void homely_cleanup(struct corps_context *context, void *data) {
    if (!((struct homely *)data)->left) {
        (void)homely_leave(context, data, NULL, NULL);
    }
}

/* Sends many requests without reply, and one with: a Conc of the pool. */
static enum corps_err sender_send(struct corps_context *context, void *self, const struct corps_value *args,
                                  struct corps_value *result) {
    (void)context;
    (void)self;
    const struct corps_value one = corps_int(1);
    for (int i = 0; i < SENT; i++) {
        enum corps_err err = corps_send(args->name, "add", &one, NULL);
        if (err != CORPS_OK) {
            return err;
        }
    }
    *result = corps_int(SENT);
    return CORPS_OK;
}

static const struct corps_method homely_methods[] = {{"add", homely_add},
                                                     {"add_of", homely_add_of},
                                                     {"leave", homely_leave},
                                                     {"leave_soon", homely_leave_soon},
                                                     {NULL, NULL}};
static const struct corps_method sender_methods[] = {{"send", sender_send}, {NULL, NULL}};
static const struct corps_class homely_class = {.name = "Homely",
                                                .bytes = sizeof(struct homely),
                                                .methods = homely_methods,
                                                .init = homely_init,
                                                .cleanup = homely_cleanup};
static const struct corps_class sender_class = {.name = "Sender", .methods = sender_methods};
static const struct corps_class *const classes[] = {&homely_class, &sender_class, NULL};

/* ---- callers: threads of this program ---- */

struct caller {
    pthread_t thread;
    const struct corps_name *name;
    enum corps_err err;
};

static void *call_many(void *arg) {
    struct caller *caller = arg;
    const struct corps_value one = corps_int(1);
    struct corps_future *window[WINDOW] = {0};
    for (int i = 0; i < CALLS + WINDOW && caller->err == CORPS_OK; i++) {
        struct corps_future **place = &window[i % WINDOW];
        if (*place != NULL) {
            caller->err = corps_future_wait(*place, LONG_NS, NULL);
            corps_future_destroy(*place);
            *place = NULL;
        }
        if (i < CALLS && caller->err == CORPS_OK) {
            caller->err = corps_call(caller->name, "add", &one, NULL, place);
        }
    }
    return NULL;
}

static void callers_start(struct caller *callers, const struct corps_name *name) {
    for (int i = 0; i < THREADS; i++) {
        callers[i] = (struct caller){.name = name};
        assert_int_equal(pthread_create(&callers[i].thread, NULL, call_many, &callers[i]), 0);
    }
}

static void callers_end(struct caller *callers) {
    for (int i = 0; i < THREADS; i++) {
        pthread_join(callers[i].thread, NULL);
        assert_int_equal(callers[i].err, CORPS_OK);
    }
}

static enum corps_err create_homely(struct corps *corps, int64_t how, struct corps_name **name) {
    const struct corps_value args = corps_int(how);
    return corps_create_concs(corps, "Homely", &args, CORPS_ENV_ID(last_env(corps)), 1, name);
}

/* ---- the tests ---- */

/* Calls of this program's threads, bursts of Concs of both Envs, and another home that waits for this one. */
static void test_calls(void **state) {
    (void)state;
    struct corps *corps = make_with((struct corps_options){.env_count = 2});
    struct corps_name *name, *other;
    assert_ok(create_homely(corps, AT_HOME, &name));
    assert_ok(create_homely(corps, AT_HOME, &other));
    struct corps_name *senders[SENDERS];
    struct corps_future *sending[SENDERS];
    struct caller callers[THREADS];
    callers_start(callers, name);
    for (unsigned i = 0; i < SENDERS; i++) {
        senders[i] = worker_in(corps, "Sender", i % corps_env_count(corps));
        sending[i] = begin(senders[i], "send", corps_value_of_name(name));
    }
    for (int i = 0; i < CALLS; i++) {
        assert_int_equal(ask_int(other, "add_of", corps_value_of_name(name)), i + 1);
    }
    callers_end(callers);
    for (unsigned i = 0; i < SENDERS; i++) {
        assert_ok(corps_future_wait(sending[i], LONG_NS, NULL));
        corps_future_destroy(sending[i]);
        corps_name_unref(senders[i]);
    }
    const int64_t expected = (THREADS + 1) * CALLS + SENDERS * SENT;
    int64_t count = 0; /* what was sent without reply may still be on its way */
    for (int tries = 0; count != expected && tries < 10000; tries++) {
        count = ask_int(name, "add", corps_int(0));
        usleep(count != expected ? 1000 : 0);
    }
    assert_int_equal(count, expected);
    corps_name_unref(other);
    corps_name_unref(name);
    assert_ok(corps_exit(corps, LONG_NS));
}

/* Homes are left amid calls: each of them is answered, at home or by the pool, and none of them runs beside another. */
static void test_leaves_amid_calls(void **state) {
    (void)state;
    struct corps *corps = make_with((struct corps_options){.env_count = 2});
    for (int round = 0; round < ROUNDS; round++) {
        struct corps_name *name;
        struct caller callers[THREADS];
        assert_ok(create_homely(corps, AT_HOME, &name));
        callers_start(callers, name);
        usleep((useconds_t)(round * 37));
        struct corps_future *leaving = begin(name, round % 2 == 0 ? "leave" : "leave_soon", corps_nil());
        assert_ok(corps_future_wait(leaving, LONG_NS, NULL));
        corps_future_destroy(leaving);
        callers_end(callers);
        assert_int_equal(ask_int(name, "add", corps_int(0)), THREADS * CALLS);
        corps_name_unref(name);
    }
    assert_ok(corps_exit(corps, LONG_NS));
}

/* An init that fails, at home or because there is no thread: its creator is told, and the next one lives. */
static void test_init_fails(void **state) {
    (void)state;
    struct corps *corps = make_with((struct corps_options){.env_count = 2});
    for (int round = 0; round < ROUNDS; round++) {
        struct corps_name *name = NULL;
        assert_int_equal(create_homely(corps, round % 2 == 0 ? FAILS_AT_HOME : HAS_NO_THREAD, &name), CORPS_ERR_REMOTE);
        assert_string_equal(corps_create_failure()->type, round % 2 == 0 ? "Refusal" : "NoThread");
        assert_null(name);
        assert_ok(create_homely(corps, AT_HOME, &name));
        assert_int_equal(ask_int(name, "add", corps_int(2)), 2);
        corps_name_unref(name);
    }
    assert_ok(corps_exit(corps, LONG_NS));
}

/* Many of them end together with their Corps. */
static void test_exit(void **state) {
    (void)state;
    const struct corps_value one = corps_int(1);
    for (int round = 0; round < 3; round++) {
        struct corps *corps = make_with((struct corps_options){.env_count = 2});
        struct corps_name *names[ROUNDS];
        for (int i = 0; i < ROUNDS; i++) {
            assert_ok(create_homely(corps, AT_HOME, &names[i]));
            assert_ok(corps_send(names[i], "add", &one, NULL));
        }
        assert_ok(corps_exit(corps, LONG_NS));
        for (int i = 0; i < ROUNDS; i++) {
            corps_name_unref(names[i]);
        }
    }
}

int main(int argc, char **argv) {
    int status = test_start(argc, argv, classes);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_calls),
        cmocka_unit_test(test_leaves_amid_calls),
        cmocka_unit_test(test_init_fails),
        cmocka_unit_test(test_exit),
    };
    return status != 0 ? status : cmocka_run_group_tests_name("homes", tests, NULL, NULL);
}
