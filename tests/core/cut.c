/* A cable between two hosts is cut, and mended: `cut TRANSPORT [TEST]`. The hosts are addresses of one network
 * namespace (fake_fleet.h), the cut is a rule that drops silently what is from or to one of them. As root, with ip and
 * nft; skipped elsewhere. How long everything takes is printed, and asserted nowhere. */

#include "fake_fleet.h"
#include "hand.h"

#include "base/clock.h"

#include <sched.h>

static bool run(const char *command) {
    return system(command) == 0; /* NOLINT: the commands are these */
}

/* This process, and what it starts, get a network of their own. False: none can be had. */
static bool make_network(void) {
    bool made = unshare(CLONE_NEWNET) == 0 && run("ip link set lo up") && run("ip address add 10.9.9.1/32 dev lo") &&
                run("ip address add 10.9.9.2/32 dev lo") && run("ip address add 10.9.9.3/32 dev lo") &&
                run("nft add table inet cut");
    if (made) {
        setenv("FAKE_FLEET_NET", "10.9.9.", 1);
        setenv("CORPS_SEAL", "never", 0);
        fake_fleet_set();
    }
    return made;
}

static void cut(void) {
    assert_true(
        run("nft add chain inet cut in '{ type filter hook input priority 0 ; }' && "
            "nft add rule inet cut in ip saddr 10.9.9.2 drop && nft add rule inet cut in ip daddr 10.9.9.2 drop"));
}

static void mend(void) {
    assert_true(run("nft flush chain inet cut in"));
}

static double since_ms(int64_t ns) {
    return (double)(corps__now_ns() - ns) / 1e6;
}

static struct corps *make_pair(struct corps_name *hands[2]) {
    if (!make_network()) {
        print_message("no network of its own can be had here (root, ip, nft): skipped\n");
        skip();
    }
    const struct corps_options options = {.hosts = "auto", .env_count = 1};
    struct corps *corps = NULL;
    unsigned env;
    assert_ok(corps_create(NULL, NULL, &options, &corps));
    assert_ok(corps_env_add_on(corps, "two", &env));
    hands[0] = worker_in(corps, "Hand", 0);
    hands[1] = worker_in(corps, "Hand", env);
    return corps;
}

static void end(struct corps *corps, struct corps_name *hands[2]) {
    corps_name_unref(hands[0]);
    corps_name_unref(hands[1]);
    assert_ok(corps_exit(corps, LONG_NS));
}

/* What was under way fails; the first call after mending is answered. */
static void test_calls(void **state) {
    (void)state;
    struct corps_name *hands[2];
    struct corps *corps = make_pair(hands);
    struct corps_value ask[2] = {corps_value_of_name(hands[1]), corps_int(1)};
    assert_int_equal(ask_int(hands[1], "add", corps_int(1)), 1);
    assert_int_equal(ask_int(hands[0], "ask", corps_array(ask, 2)), 2);
    struct corps_future *held = begin(hands[1], "hold", corps_nil());
    assert_int_equal(ask_int(hands[1], "add", corps_int(1)), 3); /* so the one before has come */
    cut();
    int64_t at_ns = corps__now_ns();
    assert_int_equal(corps_future_wait(held, LONG_NS, NULL), CORPS_ERR_WORKER_LOST);
    print_message("a call under way fails %.0f ms after the cut: %s\n", since_ms(at_ns), corps_error_detail());
    corps_future_destroy(held);
    mend();
    at_ns = corps__now_ns();
    assert_int_equal(ask_int(hands[1], "add", corps_int(1)), 4);
    print_message("the first call after mending takes %.0f ms\n", since_ms(at_ns));
    assert_int_equal(ask_int(hands[0], "ask", corps_array(ask, 2)), 5); /* the other link may not have noticed */
    end(corps, hands);
}

static void *mend_later(void *arg) {
    for (int i = 0; i < 10; i++) {
        poll(NULL, 0, 100);
    }
    mend();
    return arg;
}

/* A call while it is cut fails too; one that may be sent again is answered once there is a link again, and has its
 * effect once. */
static void test_retry(void **state) {
    (void)state;
    static const struct corps_call_options retry = {.flags = CORPS_CALL_RETRY};
    struct corps_name *hands[2];
    struct corps *corps = make_pair(hands);
    struct corps_future *again = NULL, *later = NULL;
    const struct corps_value ten = corps_int(10), hundred = corps_int(100), *result;
    assert_int_equal(ask_int(hands[1], "add", corps_int(1)), 1);
    cut();
    int64_t at_ns = corps__now_ns();
    assert_ok(corps_call(hands[1], "add", &ten, &retry, &again));
    struct corps_future *lost = begin(hands[1], "add", corps_int(1000));
    assert_int_equal(corps_future_wait(lost, LONG_NS, NULL), CORPS_ERR_WORKER_LOST);
    print_message("a call after the cut fails after %.0f ms: %s\n", since_ms(at_ns), corps_error_detail());
    corps_future_destroy(lost);
    struct corps_future *none = NULL;
    at_ns = corps__now_ns();
    enum corps_err err = corps_call(hands[1], "add", &hundred, NULL, &none);
    err = err == CORPS_OK ? corps_future_wait(none, LONG_NS, NULL) : err;
    assert_int_equal(err, CORPS_ERR_WORKER_LOST);
    print_message("one while there is no link fails after %.0f ms: %s\n", since_ms(at_ns), corps_error_detail());
    corps_future_destroy(none);
    assert_int_equal(corps_future_wait(again, 1, NULL), CORPS_ERR_TIMEOUT);
    pthread_t mender;
    assert_int_equal(pthread_create(&mender, NULL, mend_later, NULL), 0);
    assert_ok(corps_call(hands[1], "add", &hundred, &retry, &later)); /* waits for a link, or begins at once */
    assert_int_equal(pthread_join(mender, NULL), 0);
    at_ns = corps__now_ns();
    assert_ok(corps_future_wait(again, LONG_NS, &result));
    print_message("the retry call is answered %.0f ms after mending\n", since_ms(at_ns));
    assert_int_equal(result->integer, 11);
    corps_future_destroy(again);
    assert_ok(corps_future_wait(later, LONG_NS, &result));
    assert_int_equal(result->integer, 111);
    corps_future_destroy(later);
    end(corps, hands);
}

int main(int argc, char **argv) {
    fake_fleet_set();
    int status = test_start(argc, argv, classes);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_calls),
        cmocka_unit_test(test_retry),
    };
    return status != 0 ? status : cmocka_run_group_tests(tests, NULL, NULL);
}
