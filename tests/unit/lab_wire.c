/* What frames take on a wire, and hosts that are joined by one: skipped where nobody may make them. */
#include "hosts/wire.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

/* IEEE 802.3: 8 bytes of preamble, at least 60, 4 of checksum, a gap of 12. */
static void test_bytes(void **state) {
    (void)state;
    assert_int_equal(84, lab_wire_bytes(42, 0, 0));
    assert_int_equal(84, lab_wire_bytes(60, 0, 0));
    assert_int_equal(85, lab_wire_bytes(61, 0, 0));
    assert_int_equal(1538, lab_wire_bytes(1514, 0, 0));
    /* 66 bytes of headers before each: two full segments and one of a byte. */
    assert_int_equal(3 * 24 + 3 * 66 + 2 * 1448 + 1, lab_wire_bytes(66 + 2 * 1448 + 1, 66, 1448));
    assert_int_equal(2 * 24 + 2 * 66 + 2 * 1448, lab_wire_bytes(66 + 2 * 1448, 66, 1448));
    assert_int_equal(24 + 66 + 1448, lab_wire_bytes(66 + 1448, 66, 1448));
}

static ino_t own_namespace(void) {
    struct stat st;
    assert_int_equal(0, stat("/proc/self/ns/net", &st));
    return st.st_ino;
}

static void open_or_skip(struct lab_net *net, unsigned hosts, unsigned delay_us, unsigned rate_mbit) {
    char error[LAB_ERROR_BYTES];
    if (!lab_net_open(net, hosts, delay_us, rate_mbit, error)) {
        print_message("%s\n", error);
        assert_non_null(strstr(error, "may not make")); /* every other reason is a fault */
        skip();
    }
}

/* A datagram from host 1 to each other one, and how long the slowest took; 0 in ns where it did not come. */
static uint64_t send_to(const struct lab_net *net, unsigned host, size_t bytes) {
    static char data[1400];
    struct sockaddr_in where = {.sin_family = AF_INET, .sin_addr = lab_net_address(host)};
    socklen_t length = sizeof where;
    struct timespec begin, end;
    assert_true(lab_net_enter(net, host));
    int in = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    assert_int_equal(0, bind(in, (struct sockaddr *)&where, sizeof where));
    assert_int_equal(0, getsockname(in, (struct sockaddr *)&where, &length));
    assert_true(lab_net_enter(net, 1));
    int out = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    clock_gettime(CLOCK_MONOTONIC, &begin);
    assert_int_equal(bytes, sendto(out, data, bytes, 0, (struct sockaddr *)&where, sizeof where));
    assert_int_equal(bytes, recv(in, data, sizeof data, 0));
    clock_gettime(CLOCK_MONOTONIC, &end);
    close(in);
    close(out);
    return (uint64_t)(end.tv_sec - begin.tv_sec) * 1000000000u + (uint64_t)end.tv_nsec - (uint64_t)begin.tv_nsec;
}

static void check_hosts(unsigned hosts, unsigned delay_us, unsigned rate_mbit, uint64_t least_ns) {
    ino_t before = own_namespace();
    struct lab_net net;
    open_or_skip(&net, hosts, delay_us, rate_mbit);
    assert_int_equal(delay_us > 0 || rate_mbit > 0, net.wire > 0);
    for (unsigned host = 2; host <= hosts; host++) {
        assert_true(send_to(&net, host, 1400) >= least_ns);
    }
    assert_true(own_namespace() != before);
    pid_t wire = net.wire;
    lab_net_close(&net);
    if (wire > 0) {
        assert_int_equal(-1, kill(wire, 0));
        assert_int_equal(ESRCH, errno);
    }
}

static void test_bridge(void **state) {
    (void)state;
    check_hosts(3, 0, 0, 0);
}

static void test_delay(void **state) {
    (void)state;
    check_hosts(3, 3000, 0, 3000000);
}

/* 1,400 bytes and their headers at a megabit a second. */
static void test_rate(void **state) {
    (void)state;
    check_hosts(2, 0, 1, 1400 * 8000);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bytes),
        cmocka_unit_test(test_bridge),
        cmocka_unit_test(test_delay),
        cmocka_unit_test(test_rate),
    };
    return cmocka_run_group_tests_name("lab wire", tests, NULL, NULL);
}
