/* Sleeping on descriptors: until a limit, until one is ready, and again after they have changed. */

#include "wait/sleep.h"
#include "base/clock.h"
#include "wait/limit.h"

#include <corps.h>

#include <setjmp.h>
#include <stdarg.h>
#include <unistd.h>

#include <cmocka.h>

enum { SHORT_NS = 30000000 };

/* Sleeps until the limit, which is the first of the descriptors. */
static void assert_sleeps(struct corps__sleep_set *set, struct corps__limit *limit, struct pollfd *fds, size_t count,
                          bool changed) {
    int64_t began_ns = corps__now_ns();
    corps__limit_at(limit, began_ns + SHORT_NS);
    corps__sleep(set, fds, count, changed);
    assert_true(corps__now_ns() - began_ns >= SHORT_NS);
    assert_int_equal(fds[0].revents, POLLIN);
    corps__limit_rung(limit);
    for (size_t i = 1; i < count; i++) {
        assert_int_equal(fds[i].revents, 0);
    }
}

static void test_sleeps(void **state) {
    (void)state;
    static struct corps__sleep_set set = {.epoll_fd = -1};
    struct corps__limit limit;
    int first[2], second[2];
    assert_int_equal(corps__limit_open(&limit), CORPS_OK);
    assert_int_equal(pipe(first), 0);
    assert_int_equal(pipe(second), 0);
    struct pollfd fds[3] = {
        {.fd = limit.fd, .events = POLLIN}, {.fd = first[0], .events = POLLIN}, {.fd = second[0], .events = POLLIN}};
    assert_sleeps(&set, &limit, fds, 3, false);
    assert_sleeps(&set, &limit, fds, 3, false); /* with the set that is kept */
    assert_sleeps(&set, &limit, fds, 2, true);
    assert_int_equal(write(second[1], "x", 1), 1);
    assert_sleeps(&set, &limit, fds, 2, false);
    for (int i = 0; i < 2; i++) {
        fds[0].revents = fds[2].revents = 0;
        corps__sleep(&set, fds, 3, false);
        assert_int_equal(fds[0].revents, 0);
        assert_int_equal(fds[1].revents, 0);
        assert_int_equal(fds[2].revents, POLLIN);
    }
    corps__sleep_forget(&set);
    assert_int_equal(set.epoll_fd, -1);
    corps__limit_close(&limit);
    for (int i = 0; i < 2; i++) {
        close(first[i]);
        close(second[i]);
    }
}

/* A later limit leaves the timer as it is, and one that has passed ends a sleep at once. */
static void test_limits(void **state) {
    (void)state;
    struct corps__limit limit;
    assert_int_equal(corps__limit_open(&limit), CORPS_OK);
    struct pollfd fd = {.fd = limit.fd, .events = POLLIN};
    int64_t now_ns = corps__now_ns();
    corps__limit_at(&limit, CORPS_FOREVER);
    assert_int_equal(poll(&fd, 1, 0), 0);
    corps__limit_at(&limit, now_ns + SHORT_NS);
    corps__limit_at(&limit, now_ns + 2 * SHORT_NS);
    assert_true(limit.at_ns == now_ns + SHORT_NS);
    assert_int_equal(poll(&fd, 1, -1), 1);
    assert_true(corps__now_ns() >= now_ns + SHORT_NS);
    corps__limit_rung(&limit);
    assert_int_equal(poll(&fd, 1, 0), 0);
    corps__limit_at(&limit, 0);
    assert_int_equal(poll(&fd, 1, -1), 1);
    corps__limit_close(&limit);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_sleeps), cmocka_unit_test(test_limits)};
    return cmocka_run_group_tests_name("sleep", tests, NULL, NULL);
}
