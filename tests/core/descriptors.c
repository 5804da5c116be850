/* A connection to an Env that has no descriptor left: the call that wanted it fails after some seconds, though it has
 * no deadline, and says why; when there are descriptors again, calls go on. `descriptors TRANSPORT`. */

#include "helpers.h"

#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum { DESCRIPTORS = 100 };

/* With a number this process has so many descriptors to give from now on, with -1 it has enough. */
static enum corps_err node_starve(struct corps_context *context, void *self, const struct corps_value *args,
                                  struct corps_value *result) {
    (void)self;
    (void)result;
    static int taken[DESCRIPTORS];
    static unsigned count;
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) {
        return corps_fail(context, "Limit", "cannot ask for it");
    }
    limit.rlim_cur = DESCRIPTORS;
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0) {
        return corps_fail(context, "Limit", "cannot set it");
    }
    while (args->integer >= 0 && count < DESCRIPTORS && (taken[count] = dup(STDIN_FILENO)) >= 0) {
        count++;
    }
    for (int64_t left = args->integer; count > 0 && left != 0; left--) {
        close(taken[--count]);
    }
    return CORPS_OK;
}

/* Calls the Worker `args` from this Env, and waits as long as it takes. */
static enum corps_err node_reach(struct corps_context *context, void *self, const struct corps_value *args,
                                 struct corps_value *result) {
    (void)self;
    (void)result;
    struct corps_future *future = NULL;
    const struct corps_value yes = corps_bool(true);
    enum corps_err err = corps_call(args->name, "greet", &yes, NULL, &future);
    if (err == CORPS_OK) {
        err = corps_future_wait(future, CORPS_FOREVER, NULL);
        corps_future_destroy(future);
    }
    return err == CORPS_OK ? CORPS_OK : corps_fail(context, corps_error_name(err), "%s", corps_error_detail());
}

static const struct corps_method methods[] = {
    {"starve", node_starve}, {"reach", node_reach}, {"greet", method_echo}, {NULL, NULL}};
static const struct corps_class node_class = {.name = "Node", .methods = methods};
static const struct corps_class *const classes[] = {&node_class, NULL};

static void lack_descriptors(int64_t left) {
    struct corps *corps = make_with((struct corps_options){.env_count = 2});
    struct corps_name *caller = worker_in(corps, "Node", 0);
    struct corps_name *called = worker_in(corps, "Node", 1);
    corps_future_destroy(ask(called, "starve", corps_int(left), NULL));
    struct corps_future *future = begin(caller, "reach", corps_value_of_name(called));
    enum corps_err err = corps_future_wait(future, 2 * LONG_NS, NULL);
    if (left == 0 || err != CORPS_OK) { /* where the connection itself is the link, one is enough */
        assert_int_equal(err, CORPS_ERR_REMOTE);
        const struct corps_error_info *info = corps_future_error(future);
        assert_string_equal(info->type, "LIMIT");
        assert_non_null(strstr(info->text, "ulimit -n"));
    }
    corps_future_destroy(future);
    corps_future_destroy(ask(called, "starve", corps_int(-1), NULL));
    corps_future_destroy(ask(caller, "reach", corps_value_of_name(called), NULL));
    corps_name_unref(caller);
    corps_name_unref(called);
    assert_ok(corps_exit(corps, LONG_NS));
}

static void test_no_descriptor_left(void **state) {
    (void)state;
    lack_descriptors(0);
}

/* Enough to take the connection, too few for what the peer hands over with it. */
static void test_too_few_left(void **state) {
    (void)state;
    lack_descriptors(1);
    lack_descriptors(3);
}

int main(int argc, char **argv) {
    int status = test_start(argc, argv, classes);
    if (status != 0) {
        return status;
    }
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_no_descriptor_left), cmocka_unit_test(test_too_few_left)};
    return cmocka_run_group_tests_name("descriptors", tests, NULL, NULL);
}
