/* Calls to pools: `pooled TRANSPORT [TEST]`. */

#include "nodes.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>

/* ---- the choice ---- */

static void test_spreads(void **state) {
    (void)state;
    struct pool pool = make_pool(4, CORPS__SPREAD, USUAL_NS);
    unsigned counts[LIST_MAX];
    count_calls(&pool, 300, counts);
    for (size_t i = 0; i < pool.count; i++) {
        assert_in_range(counts[i], 20, 180); /* 75 each */
    }
    struct gate gate;
    gate_shut(&gate, pool.nodes[2]); /* who has one to do is never the better one */
    count_calls(&pool, 100, counts);
    assert_int_equal(counts[2], 0);
    gate_finish(&gate);
    assert_true(corps_name_equal(pool.name, pool.table)); /* it carried none of them */
    end_pool(&pool);
}

/* From within an Env, by reference for members there; one that waits for the answer is not its own Worker. */
static void test_spreads_in_an_env(void **state) {
    (void)state;
    struct pool pool = make_pool(6, CORPS__SPREAD, USUAL_NS);
    const size_t in_env_0[2] = {0, 3};
    unsigned counts[LIST_MAX] = {0};
    for (unsigned i = 0; i < 100; i++) {
        size_t asked = in_env_0[i % 2];
        size_t other = index_of(&pool, ask_int(pool.nodes[asked], "via", corps_value_of_name(pool.name)));
        assert_int_not_equal(other, asked);
        counts[other]++;
    }
    assert_true(counts[0] > 0 && counts[3] > 0 && counts[1] > 0 && counts[5] > 0);
    end_pool(&pool);
}

static void test_sends(void **state) {
    (void)state;
    struct pool pool = make_pool(3, CORPS__SPREAD, USUAL_NS);
    for (unsigned i = 0; i < 300; i++) {
        assert_ok(corps_send(pool.name, "touch", NULL, NULL));
    }
    int64_t sum = 0;
    for (size_t i = 0; i < 3; i++) { /* in the order of one sender and one member */
        int64_t its = touched(&pool, i);
        assert_true(its > 0);
        sum += its;
    }
    assert_int_equal(sum, 300);
    end_pool(&pool);
}

static void test_nearest(void **state) {
    (void)state;
    struct pool pool = make_pool(ENVS, CORPS__NEAREST, USUAL_NS);
    struct corps_name *others[ENVS];
    for (unsigned env = 0; env < ENVS; env++) {
        others[env] = worker_in(pool.corps, "Node", env);
        for (unsigned i = 0; i < 20; i++) {
            assert_int_equal(ask_int(others[env], "via", corps_value_of_name(pool.name)), id_of(pool.nodes[env]));
        }
    }
    struct gate gate;
    gate_shut(&gate, pool.nodes[1]);
    unsigned counts[LIST_MAX];
    count_calls(&pool, 50, counts);
    assert_int_equal(counts[1], 0); /* a program has none that is near: the one with the least to do */
    assert_int_equal(ask_int(others[2], "via", corps_value_of_name(pool.name)), id_of(pool.nodes[2]));
    gate_finish(&gate);
    for (unsigned env = 0; env < ENVS; env++) {
        corps_name_unref(others[env]);
    }
    end_pool(&pool);
}

/* ---- keys ---- */

static int64_t who_has(const struct corps_name *pool, uint64_t key) {
    const struct corps_call_options options = {.flags = CORPS_CALL_KEYED, .key = key};
    const struct corps_value *result;
    struct corps_future *future;
    assert_ok(corps_call(pool, "who", NULL, &options, &future));
    assert_ok(corps_future_wait(future, LONG_NS, &result));
    int64_t id = result->integer;
    corps_future_destroy(future);
    return id;
}

static void test_keys(void **state) {
    (void)state;
    enum { KEYS = 60 };
    struct pool pool = make_pool(4, CORPS__STICKY, USUAL_NS);
    set_table(&pool, CORPS__STICKY, SHORT_NS, 0, 3);
    int64_t before[KEYS];
    size_t count[LIST_MAX] = {0}, moved = 0;
    for (uint64_t key = 0; key < KEYS; key++) {
        before[key] = who_has(pool.name, key);
        assert_int_equal(who_has(pool.name, key), before[key]);
        count[index_of(&pool, before[key])]++;
    }
    assert_true(count[0] > 0 && count[1] > 0 && count[2] > 0 && count[3] == 0);
    set_table(&pool, CORPS__STICKY, USUAL_NS, 0, 4);
    sleep_ns(SHORT_NS);
    for (uint64_t key = 0; key < KEYS; key++) {
        int64_t now = who_has(pool.name, key);
        assert_true(now == before[key] || now == id_of(pool.nodes[3]));
        moved += now != before[key];
    }
    assert_in_range(moved, 1, KEYS / 2);
    end_pool(&pool);
}

static void assert_invalid(const struct corps_name *name, struct corps_call_options options, const char *words) {
    struct corps_future *future = NULL;
    assert_int_equal(corps_call(name, "who", NULL, &options, &future), CORPS_ERR_INVALID);
    assert_non_null(strstr(corps_error_detail(), words));
    assert_int_equal(corps_send(name, "who", NULL, &options), CORPS_ERR_INVALID);
    assert_null(future);
}

static void test_wrong_keys(void **state) {
    (void)state;
    const struct corps_call_options none = {0}, keyed = {.flags = CORPS_CALL_KEYED};
    struct pool pool = make_pool(1, CORPS__STICKY, SHORT_NS);
    assert_invalid(pool.name, none, "the pool of Node is sticky");
    assert_invalid(pool.name, (struct corps_call_options){.key = 3}, "without CORPS_CALL_KEYED");
    assert_invalid(pool.nodes[0], keyed, "sticky pools, and this is one of a Worker of class Node");
    set_table(&pool, CORPS__SPREAD, USUAL_NS, 0, 1);
    sleep_ns(SHORT_NS);
    assert_invalid(pool.name, keyed, "is not sticky");
    struct corps_name *names[1];
    size_t count = 1;
    assert_int_equal(corps_pool_members(pool.nodes[0], names, &count), CORPS_ERR_INVALID);
    assert_non_null(strstr(corps_error_detail(), "no pool's Name"));
    end_pool(&pool);
}

/* ---- members that come and go ---- */

static void test_grows(void **state) {
    (void)state;
    struct pool pool = make_pool(3, CORPS__SPREAD, USUAL_NS);
    set_table(&pool, CORPS__SPREAD, 60 * USUAL_NS, 0, 1); /* far from old: it is asked for beside the calls */
    unsigned counts[LIST_MAX];
    count_calls(&pool, 20, counts);
    assert_int_equal(counts[0], 20);
    set_table(&pool, CORPS__SPREAD, USUAL_NS, 0, 3);
    bool seen[LIST_MAX] = {false};
    while (!seen[1] || !seen[2]) {
        seen[index_of(&pool, ask_int(pool.name, "who", corps_nil()))] = true;
    }
    struct corps_name *names[2];
    size_t count = 2;
    assert_ok(corps_pool_members(pool.name, names, &count));
    assert_int_equal(count, 3);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(ask_int(names[i], "who", corps_nil()), id_of(pool.nodes[i]));
        corps_name_unref(names[i]);
    }
    end_pool(&pool);
}

/* Who has left is called by nobody once the table's time is over. */
static void test_shrinks(void **state) {
    (void)state;
    struct pool pool = make_pool(3, CORPS__SPREAD, SHORT_NS);
    unsigned counts[LIST_MAX];
    count_calls(&pool, 60, counts);
    assert_true(counts[2] > 0);
    set_table(&pool, CORPS__SPREAD, SHORT_NS, 0, 2);
    sleep_ns(SHORT_NS);
    count_calls(&pool, 100, counts);
    assert_int_equal(counts[2], 0);
    end_pool(&pool);
}

/* The pool's Conc does not answer: nobody calls by a table that is too old. */
static void test_silent_pool(void **state) {
    (void)state;
    struct pool pool = make_pool(2, CORPS__SPREAD, SHORT_NS);
    assert_true(ask_int(pool.name, "who", corps_nil()) >= 0);
    struct gate gate;
    gate_shut(&gate, pool.table);
    sleep_ns(SHORT_NS);
    struct corps_future *future = NULL;
    const struct corps_call_options at_once = {.flags = CORPS_CALL_NO_WAIT}, soon = {.timeout_ns = SHORT_NS / 4};
    assert_int_equal(corps_call(pool.name, "who", NULL, &at_once, &future), CORPS_ERR_FULL);
    assert_int_equal(corps_call(pool.name, "who", NULL, &soon, &future), CORPS_ERR_TIMEOUT);
    assert_int_equal(corps_send(pool.name, "who", NULL, &soon), CORPS_ERR_TIMEOUT);
    gate_finish(&gate);
    assert_true(ask_int(pool.name, "who", corps_nil()) >= 0);
    end_pool(&pool);
}

static void kill_env_of(const struct pool *pool, size_t i) {
    kill((pid_t)ask_int(pool->nodes[i], "pid", corps_nil()), SIGKILL);
    enum corps_err err;
    do { /* until its end is known here */
        struct corps_future *future = NULL;
        err = corps_call(pool->nodes[i], "who", NULL, NULL, &future);
        err = err == CORPS_OK ? corps_future_wait(future, LONG_NS, NULL) == CORPS_OK ? CORPS_OK : CORPS_ERR_AGAIN : err;
        corps_future_destroy(future);
    } while (err == CORPS_ERR_AGAIN || err == CORPS_OK);
    assert_int_equal(err, CORPS_ERR_WORKER_LOST);
}

static void test_dead_member(void **state) {
    (void)state;
    struct pool pool = make_pool(3, CORPS__SPREAD, SHORT_NS);
    unsigned counts[LIST_MAX];
    kill_env_of(&pool, 1);
    count_calls(&pool, 100, counts); /* none fails, though it is in the table */
    assert_int_equal(counts[1], 0);
    set_table(&pool, CORPS__SPREAD, SHORT_NS, 1, 2);
    struct corps_future *future = NULL;
    sleep_ns(SHORT_NS);
    assert_int_equal(corps_call(pool.name, "who", NULL, NULL, &future), CORPS_ERR_WORKER_LOST);
    struct corps *corps = pool.corps;
    pool.corps = NULL;
    end_pool(&pool);
    assert_int_equal(corps_exit(corps, LONG_NS), CORPS_ERR_WORKER_LOST);
}

/* ---- members that are told to leave ---- */

static enum corps_err outcome_of(struct corps_future *future) {
    enum corps_err err = corps_future_wait(future, LONG_NS, NULL);
    corps_future_destroy(future);
    return err;
}

static void test_moved(void **state) {
    (void)state;
    struct pool pool = make_pool(4, CORPS__SPREAD, 60 * USUAL_NS);
    struct gate gate, farewell;
    gate_make(&farewell);
    gate_shut(&gate, pool.nodes[1]);
    struct corps_future *leave = begin(pool.nodes[1], "leave", corps_str(farewell.path));
    gate_finish(&gate);
    assert_ok(outcome_of(leave)); /* what was in its mailbox has run */
    struct corps_future *late = begin(pool.nodes[1], "who", corps_nil());
    assert_int_equal(corps_future_wait(late, LONG_NS, NULL), CORPS_ERR_MOVED);
    assert_non_null(strstr(corps_future_error(late)->text, "it was drained"));
    corps_future_destroy(late);
    /* In its own Env one knows before: of its two members there, 0 and 3, only one is left, and is never itself. */
    assert_ok(outcome_of(begin(pool.nodes[0], "leave", corps_str(""))));
    for (unsigned i = 0; i < 60; i++) {
        struct corps_future *future = begin(pool.nodes[3], "via", corps_value_of_name(pool.name));
        const struct corps_value *result;
        enum corps_err err = corps_future_wait(future, LONG_NS, &result);
        size_t who = err == CORPS_OK ? index_of(&pool, result->integer) : 1;
        assert_true(who == 1 ? strcmp(err == CORPS_OK ? "" : corps_future_error(future)->type, "MOVED") == 0
                             : who == 2);
        corps_future_destroy(future);
    }
    struct corps *corps = pool.corps;
    pool.corps = NULL;
    end_pool(&pool);
    assert_ok(corps_exit(corps, LONG_NS));
    assert_int_equal(unlink(farewell.path), 0); /* its cleanup ran all the same */
}

/* ---- room ---- */

/* Shuts the gate in a member and fills its mailbox from here. */
static void fill(const struct pool *pool, size_t i, struct gate *gate) {
    gate_shut(gate, pool->nodes[i]);
    const struct corps_call_options options = {.flags = CORPS_CALL_TRY};
    enum corps_err err;
    do {
        struct corps_future *future = NULL;
        err = corps_call(pool->nodes[i], "touch", NULL, &options, &future);
        corps_future_destroy(future);
    } while (err == CORPS_OK);
    assert_int_equal(err, CORPS_ERR_FULL);
}

static void test_full(void **state) {
    (void)state;
    struct pool pool = make_pool(3, CORPS__SPREAD, USUAL_NS);
    const struct corps_call_options options = {.flags = CORPS_CALL_TRY};
    struct gate gates[3];
    fill(&pool, 0, &gates[0]);
    fill(&pool, 1, &gates[1]);
    for (unsigned i = 0; i < 50; i++) { /* also where both that were looked at are full */
        struct corps_future *future;
        assert_ok(corps_call(pool.name, "who", NULL, &options, &future));
        assert_ok(outcome_of(future));
    }
    fill(&pool, 2, &gates[2]);
    struct corps_future *future = NULL;
    assert_int_equal(corps_call(pool.name, "who", NULL, &options, &future), CORPS_ERR_FULL);
    for (size_t i = 0; i < 3; i++) {
        gate_finish(&gates[i]);
    }
    end_pool(&pool);
}

static void *call_who(void *arg) {
    return (void *)(intptr_t)ask_int(arg, "who", corps_nil());
}

/* A member in an Env that is not known here. */
static void test_unknown_env(void **state) {
    (void)state;
    struct pool pool = make_pool(2, CORPS__SPREAD, USUAL_NS);
    assert_ok(corps__name_create(pool.nodes[0]->corps_id, 50, 5, "Node", 4, &pool.nodes[pool.count]));
    set_table(&pool, CORPS__SPREAD, SHORT_NS, 0, ++pool.count);
    unsigned counts[LIST_MAX];
    count_calls(&pool, 50, counts);
    assert_int_equal(counts[2], 0);
    set_table(&pool, CORPS__SPREAD, SHORT_NS, 2, 3);
    sleep_ns(SHORT_NS);
    struct corps_future *future = NULL;
    assert_int_equal(corps_call(pool.name, "who", NULL, NULL, &future), CORPS_ERR_WORKER_LOST);
    assert_non_null(strstr(corps_error_detail(), "Env 50 is not known here yet"));
    end_pool(&pool);
}

/* All were lost, and others are being made. */
static void test_empty(void **state) {
    (void)state;
    struct pool pool = make_pool(1, CORPS__SPREAD, USUAL_NS);
    set_table(&pool, CORPS__SPREAD, USUAL_NS, 0, 0);
    struct corps_future *future = NULL;
    const struct corps_call_options try = {.flags = CORPS_CALL_TRY}, soon = {.timeout_ns = SHORT_NS};
    assert_int_equal(corps_call(pool.name, "who", NULL, &try, &future), CORPS_ERR_FULL);
    assert_non_null(strstr(corps_error_detail(), "has no member now"));
    assert_int_equal(corps_call(pool.name, "who", NULL, &soon, &future), CORPS_ERR_TIMEOUT);
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, call_who, pool.name), 0);
    sleep_ns(SHORT_NS / 4);
    set_table(&pool, CORPS__SPREAD, USUAL_NS, 0, 1);
    void *who;
    assert_int_equal(pthread_join(thread, &who), 0);
    assert_int_equal((intptr_t)who, id_of(pool.nodes[0]));
    end_pool(&pool);
}

/* A call that waits for room does not wait for a member that leaves. */
static void test_waits_for_another(void **state) {
    (void)state;
    struct pool pool = make_pool(2, CORPS__SPREAD, SHORT_NS);
    set_table(&pool, CORPS__SPREAD, SHORT_NS, 0, 1);
    assert_int_equal(ask_int(pool.name, "who", corps_nil()), id_of(pool.nodes[0])); /* the table is known, and young */
    struct gate gate;
    fill(&pool, 0, &gate);
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, call_who, pool.name), 0);
    set_table(&pool, CORPS__SPREAD, SHORT_NS, 1, 2);
    void *who;
    assert_int_equal(pthread_join(thread, &who), 0);
    assert_int_equal((intptr_t)who, id_of(pool.nodes[1]));
    gate_finish(&gate);
    end_pool(&pool);
}

/* ---- who calls ---- */

/* A pool's Name is passed on, to another Corps too, and used there as here. */
static void test_another_corps(void **state) {
    (void)state;
    struct pool pool = make_pool(3, CORPS__SPREAD, USUAL_NS);
    struct corps *corps = make_with((struct corps_options){.env_count = 1});
    struct corps_name *stranger = worker_in(corps, "Node", 0);
    bool seen[LIST_MAX] = {false};
    for (unsigned i = 0; i < 60; i++) {
        seen[index_of(&pool, ask_int(stranger, "via", corps_value_of_name(pool.name)))] = true;
    }
    assert_true(seen[0] && seen[1] && seen[2]);
    corps_name_unref(stranger);
    assert_ok(corps_exit(corps, LONG_NS));
    end_pool(&pool);
}

static void test_retry_and_loan(void **state) {
    (void)state;
    struct pool pool = make_pool(3, CORPS__SPREAD, USUAL_NS);
    const struct corps_call_options options = {.flags = CORPS_CALL_RETRY};
    for (unsigned i = 0; i < 20; i++) {
        struct corps_future *future;
        assert_ok(corps_call(pool.name, "who", NULL, &options, &future));
        assert_ok(outcome_of(future));
    }
    struct corps_block *block = corps_loan(pool.name, 1 << 16);
    assert_non_null(block);
    memset(block->data, 1, 1 << 16);
    struct corps_value payload = corps_bin(block->data, 1 << 16);
    assert_ok(corps_send(pool.name, "touch", &payload, NULL));
    corps_block_unref(block);
    assert_int_equal(touched(&pool, 0) + touched(&pool, 1) + touched(&pool, 2), 1);
    end_pool(&pool);
}

/* In the child: without cmocka. */
static bool child_calls(const struct pool *pool) {
    const struct corps_value *result;
    struct corps_future *future = NULL;
    bool good = corps_call(pool->name, "who", NULL, NULL, &future) == CORPS_OK &&
                corps_future_wait(future, LONG_NS, &result) == CORPS_OK && result->integer >= 0;
    corps_future_destroy(future);
    return good;
}

static void test_fork(void **state) {
    (void)state;
    struct pool pool = make_pool(3, CORPS__SPREAD, USUAL_NS);
    unsigned counts[LIST_MAX];
    count_calls(&pool, 20, counts);
    struct gate gate;
    gate_shut(&gate, pool.table);
    sleep_ns(2 * SHORT_NS); /* the next call asks for another table, and the answer is the parent's */
    const struct corps_call_options options = {.flags = CORPS_CALL_NO_WAIT};
    struct corps_future *future = NULL;
    if (corps_call(pool.name, "who", NULL, &options, &future) == CORPS_OK) {
        assert_ok(outcome_of(future));
    }
    pid_t child = fork();
    if (child == 0) {
        _exit(child_calls(&pool) && child_calls(&pool) ? 0 : 1);
    }
    gate_finish(&gate);
    int status = -1;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    assert_int_equal(status, 0);
    count_calls(&pool, 20, counts);
    end_pool(&pool);
}

int main(int argc, char **argv) {
    int status = test_start(argc, argv, classes);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_spreads),
        cmocka_unit_test(test_spreads_in_an_env),
        cmocka_unit_test(test_sends),
        cmocka_unit_test(test_nearest),
        cmocka_unit_test(test_keys),
        cmocka_unit_test(test_wrong_keys),
        cmocka_unit_test(test_grows),
        cmocka_unit_test(test_shrinks),
        cmocka_unit_test(test_silent_pool),
        cmocka_unit_test(test_dead_member),
        cmocka_unit_test(test_moved),
        cmocka_unit_test(test_full),
        cmocka_unit_test(test_waits_for_another),
        cmocka_unit_test(test_empty),
        cmocka_unit_test(test_unknown_env),
        cmocka_unit_test(test_another_corps),
        cmocka_unit_test(test_retry_and_loan),
        cmocka_unit_test(test_fork),
    };
    return status != 0 ? status : cmocka_run_group_tests(tests, NULL, NULL);
}
