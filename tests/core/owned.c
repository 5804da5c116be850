/* A Corps that an agent owns, here a fake one (fake_agent.h) on hosts that are all this one: its lives, and who calls
 * it from another host meanwhile. `owned TRANSPORT [TEST]` runs one test, or all of them. */

#include "fake_agent.h"
#include "gate.h"

#include "actor/granted.h"
#include "base/clock.h"
#include "link/known.h"
#include "value/name.h"

#include <signal.h>
#include <string.h>
#include <sys/stat.h>

/* ---- Store: a number ---- */

static enum corps_err number_init(struct corps_context *context, void *self, const struct corps_value *args,
                                  struct corps_value *result) {
    (void)context;
    (void)result;
    *(int64_t *)self = args->integer;
    return CORPS_OK;
}

static enum corps_err number_add(struct corps_context *context, void *self, const struct corps_value *args,
                                 struct corps_value *result) {
    (void)context;
    *(int64_t *)self += args->integer;
    *result = corps_int(*(int64_t *)self);
    return CORPS_OK;
}

/* [until when its Env may act, its pid] */
static enum corps_err number_granted(struct corps_context *context, void *self, const struct corps_value *args,
                                     struct corps_value *result) {
    (void)self;
    (void)args;
    struct corps_value *items = corps_context_alloc(context, 2 * sizeof *items);
    items[0] = corps_int(corps__granted_until());
    items[1] = corps_int(getpid());
    *result = corps_array(items, 2);
    return CORPS_OK;
}

static const struct corps_method store_methods[] = {
    {"add", number_add}, {"granted", number_granted}, {"wait_for", method_wait_for}, {NULL, NULL}};
static const struct corps_class store_class = {
    .name = "Store", .bytes = sizeof(int64_t), .init = number_init, .methods = store_methods};

/* ---- Service: the front, a number that is kept at each request; makes a Store in Env 1 ---- */

struct service {
    int64_t value;
    struct corps_name *store;
};

static enum corps_err service_init(struct corps_context *context, void *self, const struct corps_value *args,
                                   struct corps_value *result) {
    (void)result;
    struct service *service = self;
    service->value = args->integer;
    struct corps_value start = corps_int(10 * service->value);
    return corps_create_concs(corps_context_corps(context), "Store", &start, CORPS_ENV_ID(1), 1, &service->store);
}

static void service_cleanup(struct corps_context *context, void *self) {
    (void)context;
    corps_name_unref(((struct service *)self)->store);
}

static enum corps_err service_checkpoint(struct corps_context *context, void *self, const struct corps_value *args,
                                         struct corps_value *result) {
    (void)context;
    (void)args;
    *result = corps_int(((struct service *)self)->value);
    return CORPS_OK;
}

static enum corps_err service_restore(struct corps_context *context, void *self, const struct corps_value *args,
                                      struct corps_value *result) {
    (void)context;
    (void)result;
    ((struct service *)self)->value = args->integer;
    return CORPS_OK;
}

static enum corps_err service_add(struct corps_context *context, void *self, const struct corps_value *args,
                                  struct corps_value *result) {
    (void)context;
    struct service *service = self;
    service->value += args->integer;
    *result = corps_int(service->value);
    return CORPS_OK;
}

static enum corps_err service_epoch(struct corps_context *context, void *self, const struct corps_value *args,
                                    struct corps_value *result) {
    (void)self;
    (void)args;
    *result = corps_int((int64_t)corps_context_epoch(context));
    return CORPS_OK;
}

static enum corps_err service_store(struct corps_context *context, void *self, const struct corps_value *args,
                                    struct corps_value *result) {
    (void)context;
    (void)args;
    *result = corps_value_of_name(((struct service *)self)->store);
    return CORPS_OK;
}

static const struct corps_method service_methods[] = {{"add", service_add},          {"epoch", service_epoch},
                                                      {"store", service_store},      {"granted", number_granted},
                                                      {"wait_for", method_wait_for}, {NULL, NULL}};
static const struct corps_class service_class = {.name = "Service",
                                                 .bytes = sizeof(struct service),
                                                 .init = service_init,
                                                 .cleanup = service_cleanup,
                                                 .checkpoint = service_checkpoint,
                                                 .restore = service_restore,
                                                 .methods = service_methods};

static const struct corps_class *const classes[] = {&store_class, &service_class, NULL};

/* ---- what the tests share ---- */

static char directory[64], tag[32]; /* the latter is this process's */

static struct corps_options options(void) {
    return (struct corps_options){.env_count = 2,
                                  .hosts = "auto",
                                  .detached = 1,
                                  .restart = CORPS_RESTART_ALWAYS,
                                  .tag = tag,
                                  .singleton = "the-one",
                                  .keep_directory = directory};
}

static struct corps *make_owned(void) {
    struct corps_value args = corps_int(7);
    struct corps *corps = NULL;
    snprintf(tag, sizeof tag, "owned-%d", (int)getpid());
    snprintf(directory, sizeof directory, "/tmp/corps-owned-XXXXXX");
    assert_non_null(mkdtemp(directory));
    const struct corps_options given = options();
    assert_ok(corps_create("Service", &args, &given, &corps));
    return corps;
}

static void end_owned(struct corps *corps) {
    assert_ok(corps_exit(corps, LONG_NS));
    assert_int_equal(rmdir(directory), 0); /* what it kept has gone */
}

static enum corps_err try_add(const struct corps_name *name, int64_t number, int64_t *out) {
    const struct corps_call_options within = {.timeout_ns = LONG_NS};
    struct corps_value args = corps_int(number);
    struct corps_future *future;
    enum corps_err err = corps_call(name, "add", &args, &within, &future);
    if (err != CORPS_OK) {
        return err;
    }
    const struct corps_value *value = NULL;
    err = corps_future_wait(future, LONG_NS, &value);
    *out = err == CORPS_OK ? value->integer : -1;
    corps_future_destroy(future);
    return err;
}

/* The first answer of a next life. A call that is made before the news has come may be lost with the former one. */
static int64_t add_in_next_life(const struct corps_name *name, int64_t number) {
    int64_t result = -1;
    enum corps_err err = CORPS_ERR_WORKER_LOST;
    for (int i = 0; err == CORPS_ERR_WORKER_LOST && i < 100; i++) {
        err = try_add(name, number, &result);
    }
    if (err != CORPS_OK) {
        fail_msg("%s: %s", corps_error_name(err), corps_error_detail());
    }
    return result;
}

static struct corps_name *store_of(const struct corps_name *front) {
    const struct corps_value *value;
    struct corps_future *future = ask(front, "store", corps_nil(), &value);
    struct corps_name *store = corps_name_ref(value->name);
    corps_future_destroy(future);
    return store;
}

static unsigned number_of(const struct corps_name *name) {
    uint64_t id;
    unsigned env, conc;
    corps_name_address(name, &id, &env, &conc);
    return conc;
}

static int64_t granted_of(const struct corps_name *name, int *pid) {
    const struct corps_value *value;
    struct corps_future *future = ask(name, "granted", corps_nil(), &value);
    int64_t until_ns = corps_value_item(value, 0)->integer;
    *pid = (int)corps_value_item(value, 1)->integer;
    corps_future_destroy(future);
    return until_ns;
}

/* Also false of one that has ended, and that nobody has waited for. */
static bool runs(int pid) {
    char path[32], state = 'X';
    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    FILE *file = fopen(path, "r");
    if (file != NULL) {
        (void)!fscanf(file, "%*d (%*[^)]) %c", &state);
        fclose(file);
    }
    return state != 'X' && state != 'Z';
}

/* ---- tests ---- */

/* It serves as any other does, and ends when its creator says so. */
static void test_serves(void **state) {
    (void)state;
    struct corps *corps = make_owned();
    assert_int_equal(ask_int(corps_front(corps), "add", corps_int(3)), 10);
    assert_false(corps_has_ended(corps));
    struct corps_name *store = store_of(corps_front(corps));
    assert_int_equal(ask_int(store, "add", corps_int(1)), 71);
    corps_name_unref(store);
    end_owned(corps);
}

/* The Name stays, the state too, the epoch grows, and no number is given twice. */
static void next_life(bool in_order, unsigned host) {
    struct corps *corps = make_owned();
    const struct corps_name *front = corps_front(corps);
    assert_int_equal(ask_int(front, "add", corps_int(1)), 8);
    int64_t epoch = ask_int(front, "epoch", corps_nil());
    struct corps_name *store = store_of(front);
    fake_agent_next(in_order, host);
    assert_int_equal(add_in_next_life(front, 1), 9);
    int64_t later = ask_int(front, "epoch", corps_nil());
    assert_true(later > epoch);
    struct corps_name *other = store_of(front);
    assert_true(number_of(other) > number_of(store));
    assert_int_equal(ask_int(other, "add", corps_int(1)), 71);
    unsigned number = 0;
    (void)corps_env_host(corps, 0, &number);
    assert_int_equal(number, host);
    corps_name_unref(other);
    corps_name_unref(store);
    end_owned(corps);
}

static void test_killed_here(void **state) {
    (void)state;
    next_life(false, 1);
}

static void test_killed_elsewhere(void **state) {
    (void)state;
    next_life(false, 2);
}

static void test_moved(void **state) {
    (void)state;
    next_life(true, 2);
}

/* … from host to host, and back. */
static void test_moved_often(void **state) {
    (void)state;
    struct corps *corps = make_owned();
    int64_t epoch = 0;
    for (int64_t i = 0; i < 4; i++) {
        assert_int_equal(add_in_next_life(corps_front(corps), 1), 8 + i);
        int64_t later = ask_int(corps_front(corps), "epoch", corps_nil());
        assert_true(later > epoch);
        epoch = later;
        fake_agent_next(i % 2 == 0, i % 2 == 0 ? 2 : 1);
    }
    assert_int_equal(add_in_next_life(corps_front(corps), 1), 12);
    end_owned(corps);
}

/* A call that comes while it is nowhere waits; a retry call that was under way has its effect once. */
static void test_waits(void **state) {
    (void)state;
    struct corps *corps = make_owned();
    const struct corps_name *front = corps_front(corps);
    struct gate gate;
    gate_shut(&gate, front);
    const struct corps_call_options retry = {.flags = CORPS_CALL_RETRY, .timeout_ns = LONG_NS};
    const struct corps_value one = corps_int(1);
    struct corps_future *under_way;
    assert_ok(corps_call(front, "add", &one, &retry, &under_way)); /* behind the gate */
    fake_agent_end_life(false);
    assert_int_equal(corps_future_wait(gate.waiting, LONG_NS, NULL), CORPS_ERR_WORKER_LOST);
    corps_future_destroy(gate.waiting);
    struct corps_future *later;
    const struct corps_call_options at_once = {.flags = CORPS_CALL_TRY};
    enum corps_err err = CORPS_OK;
    for (int i = 0; i < 1000 && err != CORPS_ERR_FULL; i++) { /* until the news has come */
        err = corps_call(front, "add", &one, &at_once, &later);
        if (err == CORPS_OK) {
            corps_future_destroy(later);
        }
        poll(NULL, 0, 1);
    }
    assert_int_equal(err, CORPS_ERR_FULL);
    const struct corps_call_options soon = {.timeout_ns = 200000000};
    assert_int_equal(corps_call(front, "add", &one, &soon, &later), CORPS_ERR_TIMEOUT);
    fake_agent_begin_life(2);
    const struct corps_value *value;
    assert_ok(corps_future_wait(under_way, LONG_NS, &value));
    assert_int_equal(value->integer, 8);
    corps_future_destroy(under_way);
    assert_int_equal(add_in_next_life(front, 1), 9);
    end_owned(corps);
}

/* A host that stands still answers nothing, though its links are there: who waits learns of the next life all the same.
 */
static void test_frozen(void **state) {
    (void)state;
    struct corps *corps = make_owned();
    const struct corps_name *front = corps_front(corps);
    assert_int_equal(ask_int(front, "add", corps_int(1)), 8);
    fake_agent_freeze();
    const struct corps_call_options retry = {.flags = CORPS_CALL_RETRY, .timeout_ns = LONG_NS};
    const struct corps_value one = corps_int(1), *value;
    struct corps_future *under_way, *lost;
    assert_ok(corps_call(front, "add", &one, &retry, &under_way));
    assert_ok(corps_call(front, "epoch", NULL, NULL, &lost));
    fake_agent_begin_life(2);
    assert_ok(corps_future_wait(under_way, LONG_NS, &value));
    assert_int_equal(value->integer, 9);
    corps_future_destroy(under_way);
    assert_int_equal(corps_future_wait(lost, LONG_NS, NULL), CORPS_ERR_WORKER_LOST);
    corps_future_destroy(lost);
    assert_int_equal(ask_int(front, "add", corps_int(1)), 10);
    fake_agent_kill_frozen();
    end_owned(corps);
}

/* Without time Env 0 ends, and so do the Envs that it has started on its host. */
static void test_granted(void **state) {
    (void)state;
    struct corps *corps = make_owned();
    const struct corps_name *front = corps_front(corps);
    unsigned env = 0; /* host 1: that of Env 0 */
    assert_ok(corps_env_add_on(corps, "one", &env));
    struct corps_value start = corps_int(1);
    struct corps_name *near;
    assert_ok(corps_create_concs(corps, "Store", &start, CORPS_ENV_ID(env), 1, &near));
    int pids[2];
    int64_t until_ns = corps__boottime_ns() + 1000 * INT64_C(1000000000);
    fake_agent_grant(until_ns);
    assert_true(granted_of(front, &pids[0]) == until_ns);
    assert_int_equal(pids[0], fake_agent_pid());
    assert_true(granted_of(near, &pids[1]) == until_ns);
    assert_int_not_equal(pids[1], pids[0]);
    fake_agent_grant(corps__boottime_ns());
    while (runs(pids[1])) {
        poll(NULL, 0, 1);
    }
    fake_agent_next(false, 2); /* Env 0's process has ended by then */
    assert_int_equal(add_in_next_life(front, 1), 8);
    int64_t unused;
    assert_int_equal(try_add(near, 1, &unused), CORPS_ERR_WORKER_LOST); /* its Env was added in the former life */
    corps_name_unref(near);
    end_owned(corps);
}

/* A program that knows its name, or its tag, finds it, wherever it is. */
static void test_found(void **state) {
    (void)state;
    struct corps *corps = make_owned();
    struct corps_name *found = NULL, *fronts[2] = {NULL, NULL};
    fake_agent_next(false, 2);
    assert_int_equal(add_in_next_life(corps_front(corps), 1), 8);
    assert_ok(corps_find_singleton("the-one", LONG_NS, &found));
    assert_true(corps_name_equal(found, corps_front(corps)));
    assert_int_equal(ask_int(found, "add", corps_int(1)), 9);
    corps_name_unref(found);
    size_t count = 0;
    assert_ok(corps_find_fronts(tag, LONG_NS, fronts, 2, &count));
    assert_int_equal(count, 1);
    assert_true(corps_name_equal(fronts[0], corps_front(corps)));
    corps_name_unref(fronts[0]);
    assert_int_equal(corps_find_singleton("another", LONG_NS, &found), CORPS_ERR_UNKNOWN);
    assert_int_equal(corps_find_singleton("not a name", LONG_NS, &found), CORPS_ERR_INVALID);
    struct corps *second = NULL;
    const struct corps_options given = options();
    assert_int_equal(corps_create("Service", NULL, &given, &second), CORPS_ERR_LIMIT);
    assert_non_null(strstr(corps_error_detail(), "the singleton 'the-one' is there already"));
    end_owned(corps);
}

/* Where nobody has said yet whether there is such a Corps, NO_WAIT does not wait for that, and other calls wait until
 * their deadline; and what was said meanwhile is not asked again. */
static void test_asked(void **state) {
    (void)state;
    struct corps_name *name = NULL;
    struct corps_future *future = NULL;
    const struct corps_call_options now = {.flags = CORPS_CALL_NO_WAIT}, soon = {.timeout_ns = 50000000};
    assert_ok(corps__name_create(UINT64_C(0x0002000000000abc), 0, 2, "Store", 5, &name));
    fake_agent_hold(true);
    assert_int_equal(corps_call(name, "add", NULL, &now, &future), CORPS_ERR_FULL);
    assert_int_equal(corps_call(name, "add", NULL, &soon, &future), CORPS_ERR_TIMEOUT);
    assert_int_equal(corps_call(name, "add", NULL, &now, &future), CORPS_ERR_FULL);
    fake_agent_hold(false);
    enum corps_err err = CORPS_ERR_FULL;
    while (err == CORPS_ERR_FULL) {
        poll(NULL, 0, 1);
        err = corps_call(name, "add", NULL, &now, &future);
    }
    assert_int_equal(err, CORPS_ERR_EXITED);
    assert_int_equal(corps_call(name, "add", NULL, NULL, &future), CORPS_ERR_EXITED);
    corps_name_unref(name);
}

/* What would be ignored is refused. */
static void refused(struct corps_options given, const char *text) {
    struct corps *corps = NULL;
    assert_int_equal(corps_create("Service", NULL, &given, &corps), CORPS_ERR_INVALID);
    if (strstr(corps_error_detail(), text) == NULL) {
        fail_msg("'%s' is not in '%s'", text, corps_error_detail());
    }
}

static void test_options(void **state) {
    (void)state;
    refused((struct corps_options){.singleton = "x"}, "option singleton is for a Corps of several hosts");
    refused((struct corps_options){.singleton = "x", .hosts = "auto"}, "option singleton");
    refused((struct corps_options){.cut_off = CORPS_CUT_OFF_STAY, .detached = 1}, "option cut_off");
    refused((struct corps_options){.cut_off = (enum corps_cut_off)2}, "cut_off 2 does not exist");
    refused((struct corps_options){.singleton = "a b", .hosts = "auto", .detached = 1}, "not 'a b'");
    char very_long[65];
    memset(very_long, 'x', sizeof very_long);
    very_long[64] = '\0';
    refused((struct corps_options){.singleton = very_long, .hosts = "auto", .detached = 1}, "1 to 63");
}

int main(int argc, char **argv) {
    fake_agent_begin();
    int status = test_start(argc, argv, classes);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_serves),  cmocka_unit_test(test_killed_here), cmocka_unit_test(test_killed_elsewhere),
        cmocka_unit_test(test_moved),   cmocka_unit_test(test_moved_often), cmocka_unit_test(test_waits),
        cmocka_unit_test(test_granted), cmocka_unit_test(test_found),       cmocka_unit_test(test_options),
        cmocka_unit_test(test_frozen),  cmocka_unit_test(test_asked),
    };
    return status != 0 ? status : cmocka_run_group_tests(tests, NULL, NULL);
}
