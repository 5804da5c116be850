/* A Corps on several hosts, which are all this one (fake_fleet.h): where its Envs and Concs are. `fleet TRANSPORT
 * [TEST]` runs one test, or all of them. */

#include "fake_fleet.h"
#include "hand.h"

#include "base/clock.h"
#include "process/fleet.h"

#include <signal.h>

static struct corps *make_fleet(struct corps_options options) {
    struct corps *corps = NULL;
    options.hosts = "auto";
    assert_ok(corps_create(NULL, NULL, &options, &corps));
    return corps;
}

static void assert_host(const struct corps *corps, unsigned env, unsigned number, const char *name) {
    unsigned found = 99;
    assert_string_equal(corps_env_host(corps, env, &found), name);
    assert_int_equal(found, number);
}

static void free_names(struct corps_name **names, unsigned count) {
    for (unsigned i = 0; i < count; i++) {
        corps_name_unref(names[i]);
    }
}

/* By slots: as many on each; everybody knows which is where. */
static void test_spread(void **state) {
    (void)state;
    struct corps *corps = make_fleet((struct corps_options){.env_count = 6});
    unsigned count[4] = {0};
    for (unsigned env = 0; env < 6; env++) {
        unsigned host = 0;
        assert_true(corps_env_host(corps, env, &host)[0] != '\0');
        count[host]++;
    }
    assert_int_equal(count[1], 2);
    assert_int_equal(count[2], 2);
    assert_int_equal(count[3], 2);
    assert_host(corps, 0, 1, "one");
    assert_int_equal(corps_id(corps) >> 48, 1); /* the first host's number */
    struct corps_name *hands[6];
    assert_ok(corps_create_concs(corps, "Hand", NULL, CORPS_PER_ENV, 1, hands));
    for (int i = 0; i < 6; i++) { /* each reaches the next, wherever it is */
        struct corps_value args[2] = {corps_value_of_name(hands[(i + 1) % 6]), corps_int(1)};
        assert_int_equal(ask_int(hands[i], "ask", corps_array(args, 2)), 1);
    }
    free_names(hands, 6);
    assert_ok(corps_exit(corps, LONG_NS));
}

/* Envs on a certain host; what there is none of is said. */
static void test_add_on(void **state) {
    (void)state;
    struct corps *corps = make_fleet((struct corps_options){.env_count = 1});
    unsigned env = 0;
    assert_ok(corps_env_add_on(corps, "three", &env));
    assert_int_equal(env, 1);
    assert_host(corps, 1, 3, "three");
    assert_ok(corps_env_add_on(corps, "2", &env));
    assert_host(corps, env, 2, "two");
    assert_ok(corps_env_add_on(corps, "there", &env));
    assert_int_not_equal(0, corps_env_host(corps, env, NULL)[0]);
    assert_string_not_equal(corps_env_host(corps, env, NULL), "one");
    assert_int_equal(corps_env_add_on(corps, "four", &env), CORPS_ERR_UNKNOWN);
    assert_non_null(strstr(corps_error_detail(), "one, two, three"));
    while (corps_env_add_on(corps, "2", &env) == CORPS_OK) {
    }
    assert_int_equal(corps_env_add_on(corps, "2", &env), CORPS_ERR_LIMIT);
    assert_ok(corps_env_take(corps, env, LONG_NS)); /* a slot is free again */
    assert_ok(corps_env_add_on(corps, "2", &env));
    assert_ok(corps_exit(corps, LONG_NS));
}

/* HOST, CLUSTER and REGION, with an Env where there was none. */
static void test_locations(void **state) {
    (void)state;
    struct corps *corps = make_fleet((struct corps_options){.env_count = 1});
    struct corps_name *names[6];
    assert_ok(corps_create_concs(corps, "Hand", NULL, CORPS_HOST("two"), 3, names));
    for (int i = 0; i < 3; i++) {
        assert_host(corps, corps_name_env(names[i]), 2, "two");
        assert_int_equal(add(names[i], 1), 1);
    }
    assert_int_equal(corps_env_count(corps), 2);
    free_names(names, 3);
    unsigned env = 0;
    assert_ok(corps_env_add_on(corps, "two", &env)); /* round robin over those on that host */
    assert_ok(corps_create_concs(corps, "Hand", NULL, CORPS_HOST("2"), 2, names));
    assert_int_not_equal(corps_name_env(names[0]), corps_name_env(names[1]));
    free_names(names, 2);
    assert_ok(corps_create_concs(corps, "Hand", NULL, CORPS_CLUSTER(3), 2, names));
    unsigned seen[4] = {0};
    for (int i = 0; i < 6; i++) {
        unsigned host = 0;
        (void)corps_env_host(corps, corps_name_env(names[i]), &host);
        seen[host]++;
    }
    assert_true(seen[1] == 2 && seen[2] == 2 && seen[3] == 2);
    free_names(names, 6);
    assert_ok(corps_create_concs(corps, "Hand", NULL, CORPS_REGION("there", 3), 1, names));
    assert_string_not_equal(corps_env_host(corps, corps_name_env(names[0]), NULL), "one");
    assert_string_not_equal(corps_env_host(corps, corps_name_env(names[1]), NULL), "one");
    assert_null(names[2]); /* there are two */
    free_names(names, 2);
    assert_ok(corps_exit(corps, LONG_NS));
}

static void assert_refused(struct corps *corps, struct corps_location location, enum corps_err code, const char *why) {
    struct corps_name *names[4] = {NULL};
    assert_int_equal(corps_create_concs(corps, "Hand", NULL, location, 1, names), code);
    if (strstr(corps_error_detail(), why) == NULL) {
        fail_msg("'%s' is not in '%s'", why, corps_error_detail());
    }
    assert_null(names[0]);
}

static void test_bad_input(void **state) {
    (void)state;
    struct corps *corps = make_fleet((struct corps_options){.env_count = 1});
    assert_refused(corps, CORPS_HOST("four"), CORPS_ERR_UNKNOWN, "one, two, three");
    assert_refused(corps, CORPS_HOST("there"), CORPS_ERR_INVALID, "label of 2 hosts");
    assert_refused(corps, CORPS_HOST(NULL), CORPS_ERR_INVALID, "names a host or a label");
    assert_refused(corps, CORPS_HOST("1234567890123456789012345678901234567890123456789012345678901234567890"),
                   CORPS_ERR_INVALID, "at most 63 bytes");
    assert_refused(corps, CORPS_CLUSTER(1), CORPS_ERR_INVALID, "3 hosts");
    struct corps_location location = CORPS_CLUSTER(3);
    location.host = "two";
    assert_refused(corps, location, CORPS_ERR_INVALID, "use HOST or REGION");
    location = CORPS_AUTO;
    location.host = "two";
    assert_refused(corps, location, CORPS_ERR_INVALID, "'two'");
    assert_ok(corps_exit(corps, LONG_NS));
    corps = make(1); /* on one host */
    unsigned env = 0;
    assert_refused(corps, CORPS_HOST("two"), CORPS_ERR_INVALID, "option hosts");
    assert_int_equal(corps_env_add_on(corps, "two", &env), CORPS_ERR_INVALID);
    assert_host(corps, 0, 0, "");
    assert_ok(corps_exit(corps, LONG_NS));
}

/* One that is lost is started again, by its policy, where there is room: with its Concs, under the same Names. */
static void test_heals(void **state) {
    (void)state;
    struct corps *corps = make_fleet((struct corps_options){.env_count = 4, .restart = CORPS_RESTART_ON_FAILURE});
    for (unsigned env = 1; env < 4; env++) {
        struct corps_name *hand = hand_in(corps, env);
        assert_int_equal(add(hand, 5), 5);
        int64_t epoch = ask_int(hand, "epoch", corps_nil());
        assert_ok(corps_send(hand, "kill", NULL, NULL));
        corps_flush();
        int64_t value = 0;
        enum corps_err err;
        while ((err = try_add(hand, &value)) == CORPS_ERR_WORKER_LOST) { /* what was under way is lost */
        }
        assert_int_equal(err, CORPS_OK);
        assert_int_equal(value, 1);
        assert_true(ask_int(hand, "epoch", corps_nil()) > epoch);
        unsigned host = 0;
        assert_true(corps_env_host(corps, env, &host)[0] != '\0');
        corps_name_unref(hand);
    }
    assert_ok(corps_exit(corps, LONG_NS));
}

/* Members where they were asked for; with Envs of their own, too. */
static void test_pools(void **state) {
    (void)state;
    struct corps *corps = make_fleet((struct corps_options){.env_count = 1});
    for (int each = 0; each < 2; each++) {
        const struct corps_pool_options options = {
            .min_count = 3, .max_count = 3, .location = CORPS_HOST("two"), .env_each = each};
        struct corps_name *pool = NULL;
        assert_ok(corps_create_pool(corps, "Hand", NULL, &options, &pool));
        struct corps_name *members[3];
        size_t count = 3;
        assert_ok(corps_pool_members(pool, members, &count));
        assert_int_equal(count, 3);
        for (int i = 0; i < 3; i++) {
            assert_host(corps, corps_name_env(members[i]), 2, "two");
        }
        assert_true((corps_name_env(members[0]) == corps_name_env(members[1])) == (each == 0));
        assert_int_equal(add(pool, 1), 1);
        free_names(members, 3);
        corps_name_unref(pool);
    }
    struct corps_pool_options options = {.location = CORPS_REGION("there", 0)};
    struct corps_name *pool = NULL;
    assert_ok(corps_create_pool(corps, "Hand", NULL, &options, &pool));
    corps_name_unref(pool);
    pool = NULL;
    options.location = CORPS_HOST("four");
    assert_int_equal(corps_create_pool(corps, "Hand", NULL, &options, &pool), CORPS_ERR_UNKNOWN);
    options.location = CORPS_CLUSTER(3);
    assert_int_equal(corps_create_pool(corps, "Hand", NULL, &options, &pool), CORPS_ERR_INVALID);
    assert_null(pool);
    assert_ok(corps_exit(corps, LONG_NS));
}

/* … and without one it is lost, with the reason. */
static void test_lost(void **state) {
    (void)state;
    struct corps *corps = make_fleet((struct corps_options){.env_count = 3});
    struct corps_name *hand = hand_in(corps, 1);
    assert_int_equal(add(hand, 5), 5);
    assert_ok(corps_send(hand, "kill", NULL, NULL));
    corps_flush();
    int64_t value = 0;
    assert_int_equal(try_add(hand, &value), CORPS_ERR_WORKER_LOST);
    corps_name_unref(hand);
    assert_int_equal(corps_exit(corps, LONG_NS), CORPS_ERR_WORKER_LOST);
    assert_non_null(strstr(corps_error_detail(), "Env 1"));
    assert_non_null(strstr(corps_error_detail(), "SIGKILL"));
}

/* Another life of the whole begins when what the former one had started elsewhere can act no more. */
static void test_anew(void **state) {
    (void)state;
    struct corps *corps = NULL;
    struct corps_options options = {.env_count = 3, .hosts = "auto", .restart = CORPS_RESTART_ON_FAILURE};
    assert_ok(corps_create("Hand", NULL, &options, &corps));
    struct corps_name *front = corps_front(corps);
    assert_int_equal(add(front, 5), 5);
    int64_t epoch = ask_int(front, "epoch", corps_nil());
    int64_t before_ns = corps__now_ns();
    assert_int_equal(kill(corps_env_pid(corps, 0), SIGKILL), 0);
    int64_t value = 0;
    enum corps_err err;
    do { /* until the new one answers: the former had 5 */
        err = try_add(front, &value);
    } while (err == CORPS_ERR_WORKER_LOST || (err == CORPS_OK && value > 5));
    assert_int_equal(err, CORPS_OK);
    assert_int_equal(value, 1);
    assert_true(ask_int(front, "epoch", corps_nil()) > epoch);
    assert_true(corps__now_ns() - before_ns >= FAKE_SETTLE_MS * INT64_C(1000000));
    unsigned host = 0;
    assert_true(corps_env_host(corps, 2, &host)[0] != '\0');
    assert_ok(corps_exit(corps, LONG_NS));
}

int main(int argc, char **argv) {
    fake_fleet_set();
    int status = test_start(argc, argv, classes);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_spread),    cmocka_unit_test(test_add_on), cmocka_unit_test(test_locations),
        cmocka_unit_test(test_bad_input), cmocka_unit_test(test_heals),  cmocka_unit_test(test_lost),
        cmocka_unit_test(test_anew),      cmocka_unit_test(test_pools),
    };
    return status != 0 ? status : cmocka_run_group_tests(tests, NULL, NULL);
}
