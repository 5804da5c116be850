/* Parts of the TCP transport on their own: addresses as they are written, and when a link to another host is dead. */
#include "tcp_address.h"
#include "tcp_watch.h"

#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define assert_ok(expression) assert_int_equal((expression), CORPS_OK)

/* ---- addresses ---- */

static void test_peers(void **state) {
    (void)state;
    static const struct {
        const char *text, *identity;
        bool loopback;
    } good[] = {
        {"127.0.0.1:80", "", true},
        {"localhost:80", "", true},
        {"127.9.9.9:80#h1.e0.i1", "h1.e0.i1", true},
        {"10.1.2.3:65535#h2.e3.i1", "h2.e3.i1", false},
        {"[::1]:1", "", true},
        {"[::ffff:127.0.0.1]:1", "", true},
        {"[fd00::7]:4711#h3.g00", "h3.g00", false},
        {"0.0.0.0:1", "", false},
    };
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        struct corps__tcp_where where;
        char identity[CORPS__SEAL_NAME_BYTES];
        assert_ok(corps__tcp_peer_read(good[i].text, &where, identity));
        assert_string_equal(identity, good[i].identity);
        assert_int_equal(corps__tcp_is_loopback(&where), good[i].loopback);
    }
    static const char *const bad[] = {
        "",      "host:80", "10.0.0.1:70000", "10.0.0.1:-1", "10.0.0.1:80-90", "10.0.0.1:80#", "10.0.0.1:x#name",
        "#name", "[::1"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct corps__tcp_where where;
        char identity[CORPS__SEAL_NAME_BYTES];
        assert_int_equal(corps__tcp_peer_read(bad[i], &where, identity), CORPS_ERR_INVALID);
        assert_true(strlen(corps_error_detail()) > 20);
    }
}

static void test_binds(void **state) {
    (void)state;
    static const struct {
        const char *text, *told;
        unsigned first, last;
        bool loopback;
    } good[] = {
        {"127.0.0.1", "", 0, 0, true},
        {"0.0.0.0", "", 0, 0, false},
        {"10.0.0.1:80", "", 80, 80, false},
        {"10.0.0.1:5000-5999", "", 5000, 5999, false},
        {"[::1]:5000-5001", "", 5000, 5001, true},
        {"::1", "", 0, 0, true},
        {"0.0.0.0:5000-5999=203.0.113.7", "203.0.113.7", 5000, 5999, false},
        {"127.0.0.1:0=203.0.113.7", "203.0.113.7", 0, 0, false}, /* somebody leads others here */
        {"[::]=[fd00::7]", "fd00::7", 0, 0, false},
    };
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        struct corps__tcp_bind bind;
        assert_ok(corps__tcp_bind_read(good[i].text, &bind));
        assert_int_equal(bind.first, good[i].first);
        assert_int_equal(bind.last, good[i].last);
        assert_string_equal(bind.told, good[i].told);
        assert_int_equal(corps__tcp_binds_loopback(&bind), good[i].loopback);
    }
    static const char *const bad[] = {
        "",          "host",          "10.0.0.1:5-4",         "10.0.0.1:0-4", "10.0.0.1:1-70000", "10.0.0.1:1-2-3",
        "10.0.0.1=", "10.0.0.1=host", "10.0.0.1:1=10.0.0.2:3"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct corps__tcp_bind bind;
        assert_int_equal(corps__tcp_bind_read(bad[i], &bind), CORPS_ERR_INVALID);
    }
}

static void test_told(void **state) {
    (void)state;
    struct corps__tcp_bind where;
    char address[CORPS_ADDRESS_BYTES];
    char expected[64];
    struct sockaddr_storage own;
    socklen_t bytes = sizeof own;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_ok(corps__tcp_bind_read("127.0.0.1=[fd00::7]", &where));
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&where.where.address, where.where.bytes), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&own, &bytes), 0);
    snprintf(expected, sizeof expected, "[fd00::7]:%u#h2.e3.i1", ntohs(((struct sockaddr_in *)&own)->sin_port));
    assert_ok(corps__tcp_address_write(fd, &where, "h2.e3.i1", address));
    assert_string_equal(address, expected);
    close(fd);
}

/* ---- dead or not ---- */

static enum corps__tcp_verdict look(struct corps__tcp_watch *watch, unsigned tries, uint32_t silent_ms,
                                    uint32_t rtt_us) {
    const struct corps__tcp_signs signs = {.tries = tries, .silent_ms = silent_ms, .rtt_us = rtt_us};
    return corps__tcp_watch_look(watch, &signs);
}

/* Data was sent, and the cable is cut: the kernel sends it again after 0.2, 0.6 and 1.4 s. */
static void test_cut(void **state) {
    (void)state;
    struct corps__tcp_watch watch = {0};
    for (uint32_t silent_ms = 0; silent_ms < 3000; silent_ms += CORPS__TCP_LOOK_MS) {
        unsigned tries = silent_ms < 200 ? 0 : silent_ms < 600 ? 1 : silent_ms < 1400 ? 2 : 3;
        enum corps__tcp_verdict verdict = look(&watch, tries, silent_ms, 300);
        assert_int_equal(verdict, tries == 0 ? CORPS__TCP_ALIVE : tries < 3 ? CORPS__TCP_ASK : CORPS__TCP_DEAD);
    }
}

/* A stopped process closes its window. Its kernel answers each probe, of which there are fewer and fewer: one may just
 * be under way at a look, or be lost. */
static void test_closed_window(void **state) {
    (void)state;
    struct corps__tcp_watch watch = {0};
    for (uint32_t silent_ms = 0; silent_ms < 60000; silent_ms += CORPS__TCP_LOOK_MS) {
        assert_int_equal(look(&watch, 0, silent_ms, 300), CORPS__TCP_ALIVE);
    }
    for (uint32_t silent_ms = 60000; silent_ms < 90000; silent_ms += CORPS__TCP_LOOK_MS) {
        assert_int_equal(look(&watch, 1, silent_ms, 300), CORPS__TCP_ASK);
    }
    assert_int_equal(look(&watch, 0, 20, 300), CORPS__TCP_ALIVE);
}

/* Idle, and quiet for as long as nobody is asked; then asked at each look. */
static void test_idle(void **state) {
    (void)state;
    struct corps__tcp_watch watch = {0};
    assert_int_equal(look(&watch, 0, 900, 300), CORPS__TCP_ALIVE);
    assert_int_equal(look(&watch, 1, 1150, 300), CORPS__TCP_ASK); /* the keepalive of after 1 s */
    assert_int_equal(look(&watch, 2, 1400, 300), CORPS__TCP_ASK);
    assert_int_equal(look(&watch, 3, 1650, 300), CORPS__TCP_DEAD);
    assert_int_equal(look(&watch, 0, 10, 300), CORPS__TCP_ALIVE); /* had it been answered after all */
}

/* Many tries within a moment, as where something came just now, are no proof. */
static void test_just_heard(void **state) {
    (void)state;
    struct corps__tcp_watch watch = {0};
    for (unsigned tries = 1; tries < 9; tries++) {
        assert_int_equal(look(&watch, tries, CORPS__TCP_SILENCE_MS - 1, 300), CORPS__TCP_ASK);
    }
}

/* Where a round trip takes long, answers do: four of them are waited for. */
static void test_long_way(void **state) {
    (void)state;
    struct corps__tcp_watch watch = {0};
    for (uint32_t waited_ms = 0; waited_ms < 2400; waited_ms += CORPS__TCP_LOOK_MS) {
        assert_int_equal(look(&watch, 3, 60000 + waited_ms, 600000), CORPS__TCP_ASK);
    }
    assert_int_equal(look(&watch, 3, 62500, 600000), CORPS__TCP_DEAD);
}

static void test_asks_the_kernel(void **state) {
    (void)state;
    struct corps__tcp_signs signs;
    int fds[2];
    assert_int_equal(pipe(fds), 0);
    assert_false(corps__tcp_watch_signs(fds[0], &signs));
    close(fds[0]);
    close(fds[1]);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    corps__tcp_watch_begin(fd);
    assert_true(corps__tcp_watch_signs(fd, &signs));
    assert_int_equal(signs.tries, 0);
    close(fd);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_peers),      cmocka_unit_test(test_binds),         cmocka_unit_test(test_told),
        cmocka_unit_test(test_cut),        cmocka_unit_test(test_closed_window), cmocka_unit_test(test_idle),
        cmocka_unit_test(test_just_heard), cmocka_unit_test(test_long_way),      cmocka_unit_test(test_asks_the_kernel),
    };
    return cmocka_run_group_tests_name("tcp", tests, NULL, NULL);
}
