/* Records of the control channel: whatever comes, nothing beyond its end is read. (ASan is what looks.) */
#include "process/control.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

enum { SECOND_NS = 1000000000 };

/* What corps__control_read says about a record of these bytes. */
static enum corps_err read_record(const uint8_t *record, uint32_t bytes) {
    int fds[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    uint8_t length[4] = {(uint8_t)bytes, (uint8_t)(bytes >> 8), (uint8_t)(bytes >> 16), (uint8_t)(bytes >> 24)};
    assert_int_equal(write(fds[1], length, sizeof length), sizeof length);
    assert_int_equal(write(fds[1], record, bytes), bytes);
    close(fds[1]);
    struct corps_box *box = NULL;
    enum corps_err err = corps__control_read(fds[0], SECOND_NS, &box);
    corps_box_unref(err == CORPS_OK ? box : NULL);
    close(fds[0]);
    return err;
}

static const uint8_t whole[] = {1, 0, 0, 0, 1, 0, 0, 0, 0xc0}; /* one segment of one byte: nil */

static void test_whole(void **state) {
    (void)state;
    assert_int_equal(read_record(whole, sizeof whole), CORPS_OK);
}

static void test_cut_short(void **state) {
    (void)state;
    for (uint32_t bytes = 0; bytes < sizeof whole; bytes++) {
        assert_int_equal(read_record(whole, bytes), CORPS_ERR_PROTOCOL);
    }
    static const uint8_t within_length[] = {1, 0, 0, 0, 1, 0, 8}; /* found in an attack */
    assert_int_equal(read_record(within_length, sizeof within_length), CORPS_ERR_PROTOCOL);
    static const uint8_t second_is_cut[] = {2, 0, 0, 0, 1, 0, 0, 0, 0xc0, 1, 0, 0};
    assert_int_equal(read_record(second_is_cut, sizeof second_is_cut), CORPS_ERR_PROTOCOL);
}

static void test_announces_too_much(void **state) {
    (void)state;
    uint8_t record[sizeof whole];
    for (unsigned at = 0; at < 8; at++) {
        memcpy(record, whole, sizeof record);
        record[at] = 0xff;
        assert_int_equal(read_record(record, sizeof record), CORPS_ERR_PROTOCOL);
    }
    memcpy(record, whole, sizeof record);
    memset(record + 4, 0xff, 4); /* with what comes before it, the sum is beyond 32 bits */
    assert_int_equal(read_record(record, sizeof record), CORPS_ERR_PROTOCOL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whole),
        cmocka_unit_test(test_cut_short),
        cmocka_unit_test(test_announces_too_much),
    };
    return cmocka_run_group_tests_name("control", tests, NULL, NULL);
}
