/* A Future that two want to end at the same time: its deadline, and whoever has its outcome. */
#include "actor/future.h"
#include "base/clock.h"
#include "value/failure.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define LONG_NS INT64_C(60000000000)
enum { DEADLINE_NS = 20000000, LATER_US = 100000 };

/* Has claimed the Future before its deadline, and is slow to say with what. */
static void *put_down_slowly(void *arg) {
    struct corps_future *future = arg;
    while (corps__now_ns() < future->deadline_ns) {
        usleep(1000);
    }
    usleep(LATER_US); /* long enough that who waits until the deadline looks before */
    const struct corps_error_info info = {.code = CORPS_ERR_WORKER_LOST, .text = "its Env has died"};
    corps__future_failed(future, info.code, corps__failure_create(&info));
    return NULL;
}

static struct corps_future *claimed(pthread_t *thread) {
    corps__futures_start();
    struct corps_future *future = corps__future_create(corps__now_ns() + DEADLINE_NS, CORPS_KEEP_NONE, 1);
    assert_non_null(future);
    assert_true(corps__future_claim(future));
    assert_int_equal(pthread_create(thread, NULL, put_down_slowly, future), 0);
    return future;
}

/* What was claimed before the deadline is the outcome, and no wait ends without one. */
static void test_wait(void **state) {
    (void)state;
    pthread_t thread;
    struct corps_future *future = claimed(&thread);
    assert_int_equal(corps_future_wait(future, LONG_NS, NULL), CORPS_ERR_WORKER_LOST);
    assert_string_equal(corps_future_error(future)->text, "its Env has died");
    pthread_join(thread, NULL);
    corps_future_destroy(future);
}

static void test_wait_next(void **state) {
    (void)state;
    pthread_t thread;
    struct corps_future *future = claimed(&thread);
    size_t index = 7;
    assert_int_equal(corps_wait_next(&future, 1, LONG_NS, &index), CORPS_OK);
    assert_int_equal(index, 0);
    assert_int_equal(corps_future_wait(future, 0, NULL), CORPS_ERR_WORKER_LOST);
    pthread_join(thread, NULL);
    corps_future_destroy(future);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_wait), cmocka_unit_test(test_wait_next)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
