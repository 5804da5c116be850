/* Pools that grow and shrink: `pools TRANSPORT [TEST]`. */

#include "adder.h"
#include "gate.h"

#include <corps/serializer.h>
#include <signal.h>
#include <string.h>

#define MS INT64_C(1000000)

enum { ENVS = 2, CALLS = 4000 };

static const struct corps_class *const classes[] = {&adder_class, &maker_class, NULL};

static struct corps *make_corps(struct corps_options options) {
    options.env_count = ENVS;
    options.thread_count = 16; /* members that wait at gates */
    return make_with(options);
}

/* ---- tests ---- */

/* It grows while requests wait, and then is as small as it may be; nothing is lost. */
static void test_surge(void **state) {
    (void)state;
    struct corps *corps = make_corps((struct corps_options){0});
    struct corps_name *pool = make_pool(
        corps,
        (struct corps_pool_options){.max_count = 6, .target_ns = 5 * MS, .quiet_ns = 100 * MS, .location = CORPS_AUTO});
    assert_int_equal(stat_of(pool, "members"), 1);
    unsigned members = 0;
    while (stat_of(pool, "members") < 6) {
        members = call_many(pool, "work", CALLS / 10);
    }
    members = call_many(pool, "work", CALLS);
    assert_true(members >= 2 && members <= 8); /* it may have shrunk and grown meanwhile */
    assert_true(stat_of(pool, "grown") >= 5);
    await_stat(pool, "members", 1, 1);
    await_stat(pool, "draining", 0, 0);
    assert_true(stat_of(pool, "moved") >= 5);
    int64_t grown = stat_of(pool, "grown");
    members = call_many(pool, "add", 100);
    assert_true(members == 1 || stat_of(pool, "grown") > grown); /* on a busy machine these wait, too */
    corps_name_unref(pool);
    assert_ok(corps_exit(corps, LONG_NS));
}

/* Members are taken out again and again under load, which notices nothing. */
static void test_drain_under_load(void **state) {
    (void)state;
    struct corps *corps = make_corps((struct corps_options){0});
    struct corps_name *pool = make_pool(
        corps,
        (struct corps_pool_options){.max_count = 4, .target_ns = 200 * MS, .quiet_ns = 1, .location = CORPS_AUTO});
    struct gate gate;
    for (int round = 0; round < 2; round++) {
        gate_shut(&gate, pool); /* its member is at work: another is made … */
        await_stat(pool, "members", 2, 4);
        gate_finish(&gate);
        while (stat_of(pool, "members") > 1 || stat_of(pool, "draining") > 0) { /* … and one goes */
            (void)call_many(pool, "add", 20);
            poll(NULL, 0, 2);
        }
    }
    assert_true(stat_of(pool, "moved") >= 2);
    corps_name_unref(pool);
    assert_ok(corps_exit(corps, LONG_NS));
}

/* A member that leaves ends what it has begun, also what it has put off. */
static void test_ends_what_it_has(void **state) {
    (void)state;
    struct corps *corps = make_corps((struct corps_options){0});
    struct corps_name *pool = make_pool(
        corps, (struct corps_pool_options){.min_count = 2, .target_ns = MS, .quiet_ns = 1, .location = CORPS_AUTO});
    struct gate gate, later[8];
    gate_shut(&gate, pool);
    for (int i = 0; i < 8; i++) {
        gate_make(&later[i]);
        later[i].waiting = begin(pool, "hold", corps_str(later[i].path));
    }
    struct corps_name *own = own_conc(pool);
    uint64_t id;
    unsigned env, conc;
    corps_name_address(pool, &id, &env, &conc);
    struct corps_name *manager;
    uint8_t data[CORPS_NAME_BYTES_MAX];
    size_t bytes;
    assert_ok(corps_name_encode(own, data, &bytes));
    memset(data + 12, 0, 4); /* the Conc's number: the manager's */
    assert_ok(corps_name_decode(data, bytes, &manager));
    struct corps_value number = corps_int(conc);
    corps_future_destroy(ask(manager, "end", corps_array(&number, 1), NULL)); /* the whole pool leaves */
    await_stat(pool, "draining", 2, 2);
    while (stat_of(pool, "members") > 0) {
    }
    for (int i = 0; i < 8; i++) {
        assert_false(corps_future_ready(later[i].waiting));
    }
    gate_finish(&gate);
    for (int i = 0; i < 8; i++) {
        const struct corps_value *answer;
        gate_open(&later[i]);
        assert_ok(corps_future_wait(later[i].waiting, LONG_NS, &answer));
        assert_int_equal(answer->integer, 42);
        corps_future_destroy(later[i].waiting);
        assert_int_equal(unlink(later[i].path), 0);
    }
    enum corps_err err = CORPS_OK; /* then it is over, and says so */
    while (err == CORPS_OK) {
        struct corps_future *future = begin(own, "corps:pool", corps_nil());
        err = corps_future_wait(future, LONG_NS, NULL);
        corps_future_destroy(future);
    }
    assert_int_equal(err, CORPS_ERR_NO_WORKER);
    struct corps_future *future = NULL;
    assert_int_not_equal(corps_call(pool, "add", &number, NULL, &future), CORPS_OK);
    corps_future_destroy(future);
    corps_name_unref(manager);
    corps_name_unref(own);
    corps_name_unref(pool);
    assert_ok(corps_exit(corps, LONG_NS));
}

/* A member that crashes is made again in its place; one whose Env is killed is replaced. */
static void test_members_die(void **state) {
    (void)state;
    if (one_env_only) {
        skip();
    }
    struct corps *corps = make_corps((struct corps_options){0});
    struct corps_name *pool =
        make_pool(corps, (struct corps_pool_options){.min_count = 4, .max_count = 4, .location = CORPS_AUTO});
    for (int i = 0; i < 4; i++) {
        struct corps_future *future = begin(pool, "crash", corps_nil());
        assert_int_equal(corps_future_wait(future, LONG_NS, NULL), CORPS_ERR_REMOTE);
        corps_future_destroy(future);
        assert_int_equal(stat_of(pool, "members"), 4);
    }
    (void)call_many(pool, "add", 200);
    assert_int_equal(kill(corps_env_pid(corps, 1), SIGKILL), 0);
    struct corps_name *own = own_conc(pool);
    bool all_in_0 = false;
    while (!all_in_0) { /* two were there */
        const struct corps_value nothing[3] = {corps_int(0), corps_int(0), corps_nil()};
        const struct corps_value *table;
        struct corps_future *future = ask(own, "corps:members", corps_array(nothing, 3), &table);
        const struct corps_value *list = corps_value_item(table, 3);
        all_in_0 = list->count == 4;
        for (size_t i = 0; i < list->count; i++) {
            all_in_0 = all_in_0 && corps_value_item(corps_value_item(list, i), 0)->integer == 0;
        }
        corps_future_destroy(future);
        poll(NULL, 0, 5);
    }
    (void)call_many(pool, "add", 200);
    corps_name_unref(own);
    corps_name_unref(pool);
    (void)!corps_exit(corps, LONG_NS); /* it says that an Env had died */
}

/* An Env that is started again has its members again: calls wait for them. */
static void test_env_comes_back(void **state) {
    (void)state;
    if (one_env_only) {
        skip();
    }
    struct corps *corps = make_corps((struct corps_options){.restart = CORPS_RESTART_ON_FAILURE});
    struct corps_name *pool =
        make_pool(corps, (struct corps_pool_options){.min_count = 2, .max_count = 2, .location = CORPS_ENV_ID(1)});
    for (int i = 0; i < 2; i++) {
        int pid = corps_env_pid(corps, 1);
        assert_int_equal(kill(pid, SIGKILL), 0);
        while (corps_env_pid(corps, 1) == pid) { /* until this process has heard of it */
            poll(NULL, 0, 5);
            (void)stat_of(pool, "members");
        }
        (void)call_many(pool, "add", 200);
        assert_int_equal(stat_of(pool, "members"), 2);
    }
    corps_name_unref(pool);
    assert_ok(corps_exit(corps, LONG_NS));
}

/* Returns when this process has noticed. */
static void kill_env_0(struct corps *corps) {
    int pid = corps_env_pid(corps, 0);
    assert_int_equal(kill(pid, SIGKILL), 0);
    while (corps_env_pid(corps, 0) == pid) {
        struct corps_future *future = NULL;
        if (corps_call(corps_front(corps), "made", NULL, NULL, &future) == CORPS_OK) {
            (void)!corps_future_wait(future, LONG_NS, NULL);
        }
        corps_future_destroy(future);
    }
}

/* The Corps is started anew: so is the pool that its own Conc makes in its init, under another Name. */
static void test_made_anew(void **state) {
    (void)state;
    if (one_env_only) {
        skip();
    }
    struct corps *corps = NULL;
    const struct corps_options options = {.env_count = ENVS, .restart = CORPS_RESTART_ALWAYS};
    assert_ok(corps_create("Maker", NULL, &options, &corps));
    struct corps_future *future[2];
    for (int i = 0; i < 2; i++) {
        const struct corps_value *pool;
        future[i] = ask(corps_front(corps), "made", corps_nil(), &pool);
        (void)call_many(corps_value_open(pool)->name, "add", 100);
        if (i == 0) {
            kill_env_0(corps);
        }
    }
    const struct corps_value *former;
    assert_ok(corps_future_wait(future[0], 0, &former));
    struct corps_future *late = NULL;
    const struct corps_value one = corps_int(1);
    enum corps_err err = corps_call(corps_value_open(former)->name, "add", &one, NULL, &late);
    err = err == CORPS_OK ? corps_future_wait(late, LONG_NS, NULL) : err;
    assert_int_not_equal(err, CORPS_OK); /* the pool of that life is gone */
    corps_future_destroy(late);
    corps_future_destroy(future[0]);
    corps_future_destroy(future[1]);
    assert_ok(corps_exit(corps, LONG_NS));
}

/* Its Env is killed while a member drains there: the pool goes on, and gives the place up. */
static void test_killed_while_draining(void **state) {
    (void)state;
    if (one_env_only) {
        skip();
    }
    struct corps *corps = make_corps((struct corps_options){0});
    struct corps_name *pool = make_pool(
        corps,
        (struct corps_pool_options){.max_count = 2, .target_ns = MS, .quiet_ns = 1, .location = CORPS_ENV_ID(1)});
    struct gate gate;
    gate_shut(&gate, pool);
    await_stat(pool, "members", 2, 2);
    gate_finish(&gate);
    await_stat(pool, "draining", 1, 1);
    assert_int_equal(kill(corps_env_pid(corps, 1), SIGKILL), 0);
    await_stat(pool, "members", 0, 0); /* there is no other Env for them */
    await_stat(pool, "draining", 0, 0);
    struct corps_future *future = NULL;
    const struct corps_value one = corps_int(1);
    const struct corps_call_options soon = {.timeout_ns = 100 * MS};
    enum corps_err err = corps_call(pool, "add", &one, &soon, &future); /* it waits for others */
    err = err == CORPS_OK ? corps_future_wait(future, LONG_NS, NULL) : err;
    assert_int_equal(err, CORPS_ERR_TIMEOUT);
    corps_future_destroy(future);
    corps_name_unref(pool);
    (void)!corps_exit(corps, LONG_NS);
}

/* One in every Env; callers there take it. */
static void test_nearest(void **state) {
    (void)state;
    struct corps *corps = make_corps((struct corps_options){0});
    struct corps_name *pool = make_pool(corps, (struct corps_pool_options){.location = CORPS_PER_ENV});
    assert_int_equal(stat_of(pool, "members"), corps_env_count(corps));
    assert_true(call_many(pool, "add", 100) <= corps_env_count(corps));
    corps_name_unref(pool);
    assert_ok(corps_exit(corps, LONG_NS));
}

/* Calls of one key go to one member. */
static void test_sticky(void **state) {
    (void)state;
    struct corps *corps = make_corps((struct corps_options){0});
    struct corps_name *pool =
        make_pool(corps, (struct corps_pool_options){.min_count = 4, .sticky = 1, .location = CORPS_AUTO});
    const struct corps_value one = corps_int(1);
    struct corps_future *future = NULL;
    assert_int_equal(corps_call(pool, "add", &one, NULL, &future), CORPS_ERR_INVALID);
    int64_t of_key[8];
    for (uint64_t i = 0; i < 64; i++) {
        const struct corps_call_options options = {.flags = CORPS_CALL_KEYED, .key = i % 8};
        const struct corps_value *who;
        assert_ok(corps_call(pool, "add", &one, &options, &future));
        assert_ok(corps_future_wait(future, LONG_NS, &who));
        assert_true(i < 8 || of_key[i % 8] == who->integer);
        of_key[i % 8] = who->integer;
        corps_future_destroy(future);
    }
    corps_name_unref(pool);
    assert_ok(corps_exit(corps, LONG_NS));
}

/* Where the members are, as digits; Envs below 10. */
static int64_t envs_of(const struct corps_name *pool) {
    const struct corps_value nothing[3] = {corps_int(0), corps_int(0), corps_nil()};
    struct corps_name *own = own_conc(pool);
    const struct corps_value *table;
    struct corps_future *future = ask(own, "corps:members", corps_array(nothing, 3), &table);
    const struct corps_value *list = corps_value_item(table, 3);
    int64_t digits = 0;
    for (size_t i = 0; i < list->count; i++) {
        digits = 10 * digits + corps_value_item(corps_value_item(list, i), 0)->integer;
    }
    corps_future_destroy(future);
    corps_name_unref(own);
    return digits;
}

/* The Envs after 0 and 1 that this process knows of, as bits. */
static unsigned envs_added(struct corps *corps) {
    unsigned found = 0;
    for (unsigned env = ENVS; env < 32; env++) {
        found |= (unsigned)(corps_env_pid(corps, env) != 0) << env;
    }
    return found;
}

/* Each member brings its Env, and takes it with it. Nothing here asks for an Env by number: on a busy machine the pool
 * may have grown and shrunk once more. */
static void test_env_each(void **state) {
    (void)state;
    if (one_env_only) {
        skip();
    }
    struct corps *corps = make_corps((struct corps_options){0});
    struct corps_name *pool = make_pool(
        corps, (struct corps_pool_options){
                   .max_count = 2, .target_ns = 100 * MS, .quiet_ns = 1, .location = CORPS_AUTO, .env_each = 1});
    assert_int_equal(envs_of(pool), 2);
    struct gate gate;
    gate_shut(&gate, pool);
    await_stat(pool, "members", 2, 2);
    assert_int_equal(envs_of(pool), 23);
    while (__builtin_popcount(envs_added(corps)) < 2) { /* until this process has heard of it */
        (void)stat_of(pool, "members");
    }
    gate_finish(&gate);
    while (__builtin_popcount(envs_added(corps)) > 1) { /* one goes, and its Env with it */
        (void)call_many(pool, "add", 1);
        poll(NULL, 0, 5);
    }
    /* An Env is taken with its member, which another one replaces. */
    unsigned before = envs_added(corps);
    assert_ok(corps_env_take(corps, (unsigned)__builtin_ctz(before), LONG_NS));
    while (envs_added(corps) == 0 || (envs_added(corps) & before) != 0) {
        (void)stat_of(pool, "members");
        poll(NULL, 0, 5);
    }
    (void)call_many(pool, "add", 100);
    corps_name_unref(pool);
    assert_ok(corps_exit(corps, LONG_NS));
}

/* From a Worker of Env 0, and from one of another Env. */
static void test_made_by_workers(void **state) {
    (void)state;
    struct corps *corps = make_corps((struct corps_options){0});
    for (unsigned env = 0; env < corps_env_count(corps); env++) {
        struct corps_name *maker = worker_in(corps, "Adder", env);
        const struct corps_value *result;
        struct corps_future *future = ask(maker, "make", corps_nil(), &result);
        const struct corps_name *pool = corps_value_open(result)->name;
        assert_int_equal(stat_of(pool, "members"), 2);
        (void)call_many(pool, "add", 100);
        corps_future_destroy(future);
        corps_name_unref(maker);
    }
    assert_ok(corps_exit(corps, LONG_NS));
}

/* An init that fails is the error of the creation, of which nothing stays; a later one is tried again. */
static void test_failing_inits(void **state) {
    (void)state;
    struct corps *corps = make_corps((struct corps_options){0});
    struct gate gate;
    gate_make(&gate);
    gate_open(&gate);
    const struct corps_value items[2] = {corps_int(7), corps_str(gate.path)};
    const struct corps_value args = corps_array(items, 2);
    const struct corps_pool_options options = {
        .max_count = 3, .target_ns = MS, .quiet_ns = LONG_NS, .location = CORPS_AUTO};
    struct corps_name *pool = NULL;
    assert_int_equal(corps_create_pool(corps, "Adder", &args, &options, &pool), CORPS_ERR_REMOTE);
    assert_non_null(corps_create_failure());
    assert_string_equal(corps_create_failure()->type, "Refusal");
    assert_int_equal(unlink(gate.path), 0);
    assert_ok(corps_create_pool(corps, "Adder", &args, &options, &pool));
    gate_open(&gate);
    struct gate work;
    gate_shut(&work, pool);
    await_stat(pool, "grown", 1, 3); /* it cannot yet */
    assert_int_equal(stat_of(pool, "members"), 1);
    assert_int_equal(unlink(gate.path), 0);
    await_stat(pool, "members", 2, 3);
    gate_finish(&work);
    corps_name_unref(pool);
    assert_ok(corps_exit(corps, LONG_NS));
}

static void assert_refused(struct corps *corps, const char *class, struct corps_pool_options options,
                           enum corps_err code, const char *word) {
    struct corps_name *pool = NULL;
    assert_int_equal(corps_create_pool(corps, class, NULL, &options, &pool), code);
    if (strstr(corps_error_detail(), word) == NULL) {
        fail_msg("'%s' is not in '%s'", word, corps_error_detail());
    }
}

static void test_refused(void **state) {
    (void)state;
    struct corps *corps = make_with((struct corps_options){.env_count = ENVS, .thread_count_max = 4});
    const struct corps_location any = CORPS_AUTO;
    const struct {
        struct corps_pool_options options;
        const char *word;
    } cases[] = {
        {{.min_count = 3, .max_count = 2, .location = any}, "at least 3 and at most 2"},
        {{.max_count = 2000, .location = any}, "at most 1024"},
        {{.target_ns = -1, .location = any}, "target_ns"},
        {{.quiet_ns = -1, .location = any}, "quiet_ns"},
        {{.max_count = 5, .location = CORPS_ENV_ID(0)}, "could not all run"},
        {{.max_count = 2, .location = CORPS_ENV_ID(77)}, "there is no Env 77"},
        {{.max_count = 2, .location = CORPS_PER_ENV}, "min_count and max_count are 0"},
        {{.sticky = 1, .location = CORPS_PER_ENV}, "cannot be sticky"},
        {{.env_each = 1, .location = CORPS_ENV_ID(0)}, "the location is AUTO"},
        {{.location = {.type = (enum corps_location_type)9}}, "location type 9"},
        {{.location = any, .reserved = {[7] = 1}}, "corps_pool_options"},
        {{.max_count = 2,
          .location = any,
          .supervision = &(struct corps_supervision){.restart = CORPS_RESTART_ALWAYS, .intensity = 1000}},
         "100"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_refused(corps, "Adder", cases[i].options, CORPS_ERR_INVALID, cases[i].word);
    }
    assert_refused(corps, "pool of Adder", (struct corps_pool_options){.max_count = 2, .location = any},
                   CORPS_ERR_INVALID, "cannot be pools");
    assert_refused(corps, "", (struct corps_pool_options){.max_count = 2, .location = any}, CORPS_ERR_INVALID, "class");
    assert_refused(corps, "Nobody", (struct corps_pool_options){.max_count = 2, .location = any}, CORPS_ERR_REMOTE,
                   "Nobody");
    struct corps_name *name = NULL;
    assert_int_equal(corps_create_concs(corps, "pool of Adder", NULL, any, 1, &name), CORPS_ERR_INVALID);
    assert_ok(corps_exit(corps, LONG_NS));
}

int main(int argc, char **argv) {
    int status = test_start(argc, argv, classes);
    if (status != 0) {
        return status;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_surge),
        cmocka_unit_test(test_drain_under_load),
        cmocka_unit_test(test_ends_what_it_has),
        cmocka_unit_test(test_members_die),
        cmocka_unit_test(test_env_comes_back),
        cmocka_unit_test(test_made_anew),
        cmocka_unit_test(test_killed_while_draining),
        cmocka_unit_test(test_nearest),
        cmocka_unit_test(test_sticky),
        cmocka_unit_test(test_env_each),
        cmocka_unit_test(test_made_by_workers),
        cmocka_unit_test(test_failing_inits),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
