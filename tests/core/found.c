/* Workers that are found by class, tag and Env, and ended by their Names: `found TRANSPORT [TEST]`. */
#include "gate.h"

#include <signal.h>
#include <string.h>

static _Atomic int cleanups; /* of this Env's */

static enum corps_err thing_init(struct corps_context *context, void *self, const struct corps_value *args,
                                 struct corps_value *result) {
    (void)self;
    (void)result;
    char tag[300];
    snprintf(tag, sizeof tag, "%.*s", (int)args->count, args->kind == CORPS_STR ? args->str : "");
    return args->kind == CORPS_STR ? corps_context_tag(context, tag) : CORPS_OK;
}

static void thing_cleanup(struct corps_context *context, void *self) {
    (void)context;
    (void)self;
    cleanups++;
}

static enum corps_err thing_cleanups(struct corps_context *context, void *self, const struct corps_value *args,
                                     struct corps_value *result) {
    (void)context;
    (void)self;
    (void)args;
    *result = corps_int(cleanups);
    return CORPS_OK;
}

static enum corps_err thing_crash(struct corps_context *context, void *self, const struct corps_value *args,
                                  struct corps_value *result) {
    (void)self;
    (void)args;
    (void)result;
    return corps_context_crash(context, "on purpose");
}

/* Deletes its own Worker: the code that waiting for that gives, and then without waiting. */
static enum corps_err thing_delete_itself(struct corps_context *context, void *self, const struct corps_value *args,
                                          struct corps_value *result) {
    (void)self;
    (void)args;
    struct corps_name *own = corps_context_name(context);
    *result = corps_int(corps_delete(&own, 1, LONG_NS));
    return corps_delete(&own, 1, 0);
}

static const struct corps_method methods[] = {{"echo", method_echo},
                                              {"cleanups", thing_cleanups},
                                              {"crash", thing_crash},
                                              {"delete_itself", thing_delete_itself},
                                              {"pid", method_pid},
                                              {"wait_for", method_wait_for},
                                              {NULL, NULL}};
static const struct corps_class thing = {
    .name = "Thing", .methods = methods, .init = thing_init, .cleanup = thing_cleanup};
static const struct corps_class other = {.name = "Other", .methods = methods};
static const struct corps_class *const classes[] = {&thing, &other, NULL};

enum { ROOM = 16 };

/* How many there are; the first one, if that is asked for. */
static size_t find(struct corps *corps, const char *class_name, const char *tag, int env, struct corps_name **first) {
    struct corps_name *names[ROOM];
    size_t count = 0;
    assert_ok(corps_find(corps, class_name, tag, env, LONG_NS, names, ROOM, &count));
    for (size_t i = 0; i < count && i < ROOM; i++) {
        if (i == 0 && first != NULL) {
            *first = corps_name_ref(names[i]);
        }
        corps_name_unref(names[i]);
    }
    return count;
}

static void make_all(struct corps *corps, const char *class_name, const char *tag, enum corps_restart restart,
                     unsigned count, struct corps_name **names) {
    const struct corps_supervision supervision = {
        .restart = restart, .strategy = restart != CORPS_RESTART_NEVER ? CORPS_ONE_FOR_ALL : CORPS_ONE_FOR_ONE};
    struct corps_value args = tag != NULL ? corps_str(tag) : corps_nil();
    assert_ok(
        corps_create_supervised(corps, class_name, &args, CORPS_ENV_ID(last_env(corps)), count, &supervision, names));
}

static void unref_all(struct corps_name **names, size_t count) {
    for (size_t i = 0; i < count; i++) {
        corps_name_unref(names[i]);
    }
}

static void assert_gone(const struct corps_name *name) {
    struct corps_future *future = begin(name, "echo", corps_int(1));
    assert_int_equal(corps_future_wait(future, LONG_NS, NULL), CORPS_ERR_NO_WORKER);
    corps_future_destroy(future);
}

static void test_find(void **state) {
    (void)state;
    struct corps *corps = make_with((struct corps_options){.env_count = 2});
    struct corps_name *names[6], *first = NULL;
    make_all(corps, "Thing", "red", CORPS_RESTART_NEVER, 3, names);
    make_all(corps, "Thing", "blue", CORPS_RESTART_NEVER, 2, names + 3);
    names[5] = worker_in(corps, "Other", 0);
    assert_int_equal(find(corps, NULL, NULL, -1, NULL), 6); /* without Corps' own */
    assert_int_equal(find(corps, "Thing", NULL, -1, &first), 5);
    assert_true(corps_name_equal(first, names[0]));
    assert_string_equal(corps_name_class(first), "Thing");
    assert_int_equal(ask_int(first, "echo", corps_int(3)), 3);
    corps_name_unref(first);
    assert_int_equal(find(corps, "Thing", "blue", -1, &first), 2);
    assert_true(corps_name_equal(first, names[3]));
    corps_name_unref(first);
    assert_int_equal(find(corps, NULL, "red", (int)last_env(corps), NULL), 3);
    assert_int_equal(find(corps, "Other", NULL, 0, NULL), 1);
    assert_int_equal(find(corps, "Thin", NULL, -1, NULL) + find(corps, "Thing", "re", -1, NULL), 0);
    struct corps_name *little[2];
    size_t count = 0;
    assert_ok(corps_find(corps, "Thing", NULL, -1, LONG_NS, little, 2, &count)); /* more than there is room for */
    assert_int_equal(count, 5);
    assert_true(corps_name_equal(little[1], names[1]));
    unref_all(little, 2);
    assert_int_equal(corps_find(corps, NULL, NULL, 2, LONG_NS, little, 2, &count), CORPS_ERR_INVALID);
    assert_int_equal(corps_find(corps, NULL, NULL, -2, LONG_NS, little, 2, &count), CORPS_ERR_INVALID);
    assert_int_equal(corps_find(corps, NULL, NULL, 0, 0, little, 2, &count), CORPS_ERR_INVALID);
    unref_all(names, 6);
    char longest[400];
    memset(longest, 'x', 256);
    longest[256] = '\0';
    struct corps_value args = corps_str(longest);
    assert_int_equal(corps_create_concs(corps, "Thing", &args, CORPS_ENV_ID(0), 1, names), CORPS_ERR_REMOTE);
    assert_non_null(strstr(corps_create_failure()->text, "256 bytes"));
    assert_ok(corps_exit(corps, LONG_NS));
}

static void test_fronts(void **state) {
    (void)state;
    char tag[40];
    snprintf(tag, sizeof tag, "found-%d", getpid());
    const struct corps_options options = {.env_count = 1, .tag = tag};
    struct corps *corps = NULL;
    struct corps_name *front = NULL;
    size_t count = 7;
    assert_ok(corps_find_fronts(tag, LONG_NS, &front, 1, &count));
    assert_int_equal(count, 0);
    assert_ok(corps_create("Other", NULL, &options, &corps));
    assert_ok(corps_find_fronts(tag, LONG_NS, &front, 1, &count));
    assert_int_equal(count, 1);
    assert_true(corps_name_equal(front, corps_front(corps)));
    assert_int_equal(ask_int(front, "echo", corps_int(4)), 4);
    assert_int_equal(corps_delete(&front, 1, LONG_NS), CORPS_ERR_INVALID);
    assert_int_equal(ask_int(front, "echo", corps_int(4)), 4);
    corps_name_unref(front);
    assert_ok(corps_exit(corps, LONG_NS));
    assert_int_equal(corps_find_fronts(tag, -1, &front, 1, &count), CORPS_ERR_INVALID);
}

static void test_delete(void **state) {
    (void)state;
    struct corps *corps = make_with((struct corps_options){.env_count = 2});
    struct corps_name *names[4], *beside = worker_in(corps, "Thing", last_env(corps));
    make_all(corps, "Thing", "a", CORPS_RESTART_NEVER, 3, names);
    names[3] = worker_in(corps, "Thing", 0);
    struct gate gate;
    gate_shut(&gate, names[0]);
    struct corps_future *queued = begin(names[0], "echo", corps_int(9)); /* what was asked before is done */
    assert_int_equal(corps_delete(names, 4, 1000000), CORPS_ERR_TIMEOUT);
    gate_finish(&gate);
    assert_ok(corps_delete(names, 4, CORPS_FOREVER));
    assert_ok(corps_future_wait(queued, LONG_NS, NULL));
    corps_future_destroy(queued);
    assert_int_equal(ask_int(beside, "cleanups", corps_nil()), one_env_only ? 4 : 3);
    for (int i = 0; i < 4; i++) {
        assert_gone(names[i]);
    }
    assert_int_equal(find(corps, "Thing", NULL, -1, NULL), 1);
    unref_all(names, 4);
    assert_int_equal(ask_int(beside, "delete_itself", corps_nil()), CORPS_ERR_INVALID);
    while (find(corps, "Thing", NULL, -1, NULL) > 0) {
        poll(NULL, 0, 1);
    }
    assert_gone(beside);
    assert_ok(corps_delete(&beside, 1, LONG_NS));
    assert_ok(corps_delete(NULL, 0, LONG_NS));
    assert_int_equal(corps_delete(&beside, 1, -1), CORPS_ERR_INVALID);
    corps_name_unref(beside);
    assert_ok(corps_exit(corps, LONG_NS));
}

/* Nobody makes them again, and those that are left are looked after as before. */
static void test_supervised(void **state) {
    (void)state;
    struct corps *corps = make_with((struct corps_options){.env_count = 2, .restart = CORPS_RESTART_ON_FAILURE});
    struct corps_name *names[3];
    make_all(corps, "Thing", "kept", CORPS_RESTART_ALWAYS, 3, names);
    assert_ok(corps_delete(names + 1, 1, LONG_NS));
    assert_gone(names[1]);
    struct corps_future *future = begin(names[0], "crash", corps_nil());
    assert_int_equal(corps_future_wait(future, LONG_NS, NULL), CORPS_ERR_REMOTE);
    corps_future_destroy(future);
    assert_int_equal(ask_int(names[0], "echo", corps_int(1)), 1); /* both are made again … */
    assert_int_equal(ask_int(names[2], "echo", corps_int(1)), 1);
    assert_gone(names[1]);                             /* … and not the third */
    while (find(corps, NULL, "kept", -1, NULL) != 2) { /* with their tags */
        poll(NULL, 0, 1);
    }
    if (!one_env_only) {
        int pid = (int)ask_int(names[0], "pid", corps_nil());
        kill(pid, SIGKILL);
        bool same = true;
        while (same) { /* a call that was under way fails */
            const struct corps_value *result;
            future = NULL;
            same = corps_call(names[0], "pid", NULL, NULL, &future) != CORPS_OK ||
                   corps_future_wait(future, LONG_NS, &result) != CORPS_OK || result->integer == pid;
            corps_future_destroy(future);
        }
        assert_gone(names[1]); /* nor with its Env */
        assert_int_equal(ask_int(names[2], "echo", corps_int(1)), 1);
    }
    assert_ok(corps_delete(names, 3, LONG_NS));
    assert_int_equal(find(corps, "Thing", NULL, -1, NULL), 0);
    unref_all(names, 3);
    (void)!corps_exit(corps, LONG_NS); /* which tells of the Env that has died */
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_find),
        cmocka_unit_test(test_fronts),
        cmocka_unit_test(test_delete),
        cmocka_unit_test(test_supervised),
    };
    int status = test_start(argc, argv, classes);
    return status != 0 ? status : cmocka_run_group_tests(tests, NULL, NULL);
}
