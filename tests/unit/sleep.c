/* Sleeping on descriptors: for as long as was asked, until one is ready, and again after they have changed. Run as on
 * an old kernel too (tests/kernel), which has no epoll_pwait2. */

#include "wait/sleep.h"
#include "base/clock.h"

#include <corps.h>

#include <setjmp.h>
#include <stdarg.h>
#include <unistd.h>

#include <cmocka.h>

enum { SHORT_NS = 30000000 };

static void assert_sleeps(struct corps__sleep_set *set, struct pollfd *fds, size_t count, bool changed) {
    int64_t began_ns = corps__now_ns();
    corps__sleep(set, fds, count, SHORT_NS, changed);
    assert_true(corps__now_ns() - began_ns >= SHORT_NS);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(fds[i].revents, 0);
    }
}

static void test_sleeps(void **state) {
    (void)state;
    static struct corps__sleep_set set = {.epoll_fd = -1};
    int first[2], second[2];
    assert_int_equal(pipe(first), 0);
    assert_int_equal(pipe(second), 0);
    struct pollfd fds[2] = {{.fd = first[0], .events = POLLIN}, {.fd = second[0], .events = POLLIN}};
    assert_sleeps(&set, fds, 2, false);
    assert_sleeps(&set, fds, 2, false); /* with the set that is kept */
    assert_sleeps(&set, fds, 1, true);
    assert_int_equal(write(second[1], "x", 1), 1);
    assert_sleeps(&set, fds, 1, false);
    corps__sleep(&set, fds, 2, CORPS_FOREVER, false);
    assert_int_equal(fds[0].revents, 0);
    assert_int_equal(fds[1].revents, POLLIN);
    fds[1].revents = 0;
    corps__sleep(&set, fds, 2, SHORT_NS, false);
    assert_int_equal(fds[1].revents, POLLIN);
    corps__sleep_forget(&set);
    assert_int_equal(set.epoll_fd, -1);
    for (int i = 0; i < 2; i++) {
        close(first[i]);
        close(second[i]);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_sleeps)};
    return cmocka_run_group_tests_name("sleep", tests, NULL, NULL);
}
