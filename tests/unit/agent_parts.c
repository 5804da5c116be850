/* What an agent that owns Corps is made of: the line that a ledger lists, sealed boot records, lines of records, and
 * the ledger's password. */
#include "../../lib/agent/about.h"
#include "../../lib/agent/line.h"
#include "../../lib/agent/order.h"
#include "../../lib/agent/password.h"

#include "codec/framed.h"
#include "codec/record.h"
#include "hosts/keys.h"
#include "wait/lead.h"

#include <fcntl.h>
#include <setjmp.h>
#include <sodium.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

/* ---- about ---- */

static void test_about(void **state) {
    (void)state;
    struct agent_about about = {.tag = "a\tb\nc\\d", .front = "Hand", .hosts = "one,two", .stays = true};
    about.restart = CORPS_RESTART_ALWAYS;
    about.numbers = UINT32_MAX;
    char line[AGENT_ABOUT_BYTES];
    agent_about_write(&about, line);
    assert_null(strchr(line, '\n'));
    struct agent_about read = {0};
    assert_true(agent_about_read(line, &read));
    assert_string_equal(read.tag, about.tag);
    assert_string_equal(read.front, about.front);
    assert_string_equal(read.hosts, about.hosts);
    assert_true(read.stays && read.restart == CORPS_RESTART_ALWAYS && read.numbers == UINT32_MAX);
}

static void test_about_longest(void **state) {
    (void)state;
    struct agent_about about = {.restart = CORPS_RESTART_NEVER}, read = {0};
    memset(about.tag, '\t', sizeof about.tag - 1);
    memset(about.front, '\\', sizeof about.front - 1);
    memset(about.hosts, '\n', sizeof about.hosts - 1);
    char line[AGENT_ABOUT_BYTES];
    agent_about_write(&about, line);
    assert_true(agent_about_read(line, &read));
    assert_string_equal(read.tag, about.tag);
    assert_string_equal(read.front, about.front);
    assert_string_equal(read.hosts, about.hosts);
}

static void test_about_damaged(void **state) {
    (void)state;
    static const char *const wrong[] = {"",
                                        "2\ttag\tfront\tauto\t0\t1\t0",
                                        "1",
                                        "1\ttag\tfront\tauto\t0\t1",
                                        "1\ttag\tfront\tauto\t2\t1\t0",
                                        "1\ttag\tfront\tauto\t0\t3\t0",
                                        "1\ttag\tfront\tauto\t0\t1\t4294967296",
                                        "1\ttag\tfront\tauto\t0\t1\t-1",
                                        "1\ttag\\\tfront\tauto\t0\t1\t0",
                                        "1\ttag\\x\tfront\tauto\t0\t1\t0"};
    struct agent_about about = {.tag = "as it was"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_false(agent_about_read(wrong[i], &about));
        assert_string_equal(about.tag, "as it was");
    }
}

/* ---- orders ---- */

#define CORPS_ID INT64_C(0x0001000000000007)

/* ["own", …] with a boot record whose data have so many bytes. */
static enum corps_err take_order(const char *tag, size_t bytes, struct agent_order **order) {
    const struct corps_entry settings[] = {
        {corps_str("tag"), corps_str(tag)},
        {corps_str("hosts"), corps_str("auto")},
        {corps_str("policy.restart"), corps_int(CORPS_RESTART_ALWAYS)},
        {corps_str("policy.intensity"), corps_int(5)},
        {corps_str("policy.period_ns"), corps_int(10000000000)},
        {corps_str("policy.backoff_ns"), corps_int(100000000)},
        {corps_str("policy.backoff_max_ns"), corps_int(10000000000)},
        {corps_str("boot_timeout_ns"), corps_int(30000000000)},
    };
    uint8_t *data = calloc(bytes + 1, 1);
    const struct corps_value boot[] = {
        corps_str("boot"), corps_int(CORPS_ID),
        corps_int(0),      corps_map(settings, sizeof settings / sizeof settings[0]),
        corps_nil(),       corps_nil(),
        corps_str("Hand"), corps_nil(),
        corps_nil(),       corps_bin(data, bytes),
    };
    const struct corps_value boot_record = corps_array(boot, sizeof boot / sizeof boot[0]);
    uint8_t *frame;
    size_t frame_bytes;
    assert_int_equal(corps__framed_encode(&boot_record, NULL, 0, &frame, &frame_bytes), CORPS_OK);
    const struct corps_entry launch[] = {{corps_str("program"), corps_str("/bin/true")}};
    const struct corps_value own[] = {corps_str("own"),     corps_int(CORPS_ID),
                                      corps_map(launch, 1), corps_bin(frame, frame_bytes),
                                      corps_str("single"),  corps_int(CORPS_CUT_OFF_STAY)};
    const struct corps_value record = corps_array(own, sizeof own / sizeof own[0]);
    enum corps_err err = agent_order_take(&record, order);
    free(frame);
    free(data);
    return err;
}

static void check_order(const struct agent_order *order) {
    assert_true(order->corps_id == CORPS_ID);
    assert_string_equal(order->name, "single");
    assert_string_equal(order->about.tag, "tag");
    assert_string_equal(order->about.front, "Hand");
    assert_string_equal(order->about.hosts, "auto");
    assert_true(order->about.stays);
    assert_int_equal(order->policy.restart, CORPS_RESTART_ALWAYS);
    assert_true(order->policy.start_ns == 30000000000);
    assert_non_null(corps_value_get(order->launch, "program"));
}

static void test_order(void **state) {
    (void)state;
    uint8_t key[CORPS__KEY_BYTES] = {1}, other[CORPS__KEY_BYTES] = {2};
    struct agent_order *order = NULL, *opened = NULL;
    uint8_t *sealed = NULL;
    size_t bytes = 0;
    assert_int_equal(take_order("tag", 100, &order), CORPS_OK);
    check_order(order);
    assert_int_equal(agent_order_seal(order, key, &sealed, &bytes), CORPS_OK);
    for (size_t i = 0; i + 4 < bytes; i++) { /* nothing of it can be read */
        assert_true(memcmp(sealed + i, "Hand", 4) != 0);
    }
    assert_int_equal(agent_order_open(CORPS_ID, key, sealed, bytes, &opened), CORPS_OK);
    check_order(opened);
    agent_order_free(opened);
    assert_int_equal(agent_order_open(CORPS_ID, other, sealed, bytes, &opened), CORPS_ERR_DENIED);
    assert_int_equal(agent_order_open(CORPS_ID + 1, key, sealed, bytes, &opened), CORPS_ERR_DENIED);
    for (size_t i = 0; i < bytes; i += 7) {
        sealed[i] ^= 1;
        assert_int_equal(agent_order_open(CORPS_ID, key, sealed, bytes, &opened), CORPS_ERR_DENIED);
        sealed[i] ^= 1;
        assert_int_not_equal(agent_order_open(CORPS_ID, key, sealed, i, &opened), CORPS_OK);
    }
    free(sealed);
    agent_order_free(order);
}

static void test_order_wrong(void **state) {
    (void)state;
    struct agent_order *order = NULL;
    assert_int_equal(take_order("tag", 1 << 20, &order), CORPS_ERR_TOO_LARGE);
    assert_int_equal(take_order("a tag that is longer than sixty-three bytes, which no Corps can have", 0, &order),
                     CORPS_ERR_PROTOCOL);
    const struct corps_value own[] = {corps_str("own"), corps_int(CORPS_ID), corps_nil(), corps_bin("", 0)};
    const struct corps_value record = corps_array(own, sizeof own / sizeof own[0]);
    assert_int_equal(agent_order_take(&record, &order), CORPS_ERR_PROTOCOL);
}

/* ---- lines ---- */

struct heard {
    int64_t numbers[8];
    unsigned count;
    size_t bytes;
    bool ended;
    struct agent_line *to; /* what comes is relayed there; NULL: nowhere */
};

static void on_record(void *arg, const struct corps_value *record, const uint8_t *frame, size_t bytes) {
    struct heard *heard = arg;
    if (record == NULL) {
        heard->ended = true;
        return;
    }
    const struct corps_value *data = corps_value_item(record, 2);
    heard->numbers[heard->count++ % 8] = corps__record_int(record, 1, -1);
    heard->bytes += data != NULL && data->kind == CORPS_BIN ? data->count : 0;
    if (heard->to != NULL) {
        agent_line_relay(heard->to, frame, bytes);
    }
}

static void open_pair(struct heard *heard, struct agent_line **line, int *other) {
    int pair[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    *heard = (struct heard){0};
    assert_int_equal(agent_line_open(pair[0], on_record, heard, line), CORPS_OK);
    *other = pair[1];
}

static void send_number(struct agent_line *line, int64_t number, size_t bytes) {
    uint8_t *data = calloc(bytes + 1, 1);
    const struct corps_value items[] = {corps_str("n"), corps_int(number), corps_bin(data, bytes)};
    const struct corps_value record = corps_array(items, 3);
    agent_line_send(line, &record);
    free(data);
}

/* Records larger than a socket's buffer pass through a relay, in order; then its end does. */
static void test_line(void **state) {
    (void)state;
    enum { LARGE = 3 << 20 };
    assert_int_equal(uv_loop_init(corps__loop()), 0);
    struct heard first, last;
    struct agent_line *from, *into, *relay_out, *end;
    int fd;
    open_pair(&first, &from, &fd);
    struct heard relayed = {0};
    assert_int_equal(agent_line_open(fd, on_record, &relayed, &into), CORPS_OK);
    open_pair(&last, &end, &fd);
    struct heard unused = {0};
    assert_int_equal(agent_line_open(fd, on_record, &unused, &relay_out), CORPS_OK);
    relayed.to = relay_out;
    for (int64_t i = 0; i < 4; i++) {
        send_number(from, i, i % 2 == 0 ? 1 : LARGE);
    }
    while (last.count < 4) {
        uv_run(corps__loop(), UV_RUN_ONCE);
    }
    for (int64_t i = 0; i < 4; i++) {
        assert_true(last.numbers[i] == i);
    }
    assert_int_equal(last.bytes, 2 + 2 * LARGE);
    agent_line_close(from);
    while (!relayed.ended) {
        uv_run(corps__loop(), UV_RUN_ONCE);
    }
    assert_false(first.ended); /* one's own closing is not told */
    agent_line_close(into);
    agent_line_close(relay_out);
    agent_line_close(end);
    agent_line_close(NULL);
    uv_run(corps__loop(), UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(corps__loop()), 0);
}

/* Whoever breaks the framing, or reads nothing, is cut off; that is told, and no later. */
static void test_line_broken(void **state) {
    (void)state;
    assert_int_equal(uv_loop_init(corps__loop()), 0);
    static const uint8_t wrong[] = {4, 0, 0, 0, 9, 9, 9, 9}, endless[] = {0xff, 0xff, 0xff, 0xff, 0};
    struct heard heard;
    struct agent_line *line;
    int fd;
    for (int i = 0; i < 3; i++) {
        open_pair(&heard, &line, &fd);
        if (i < 2) {
            const uint8_t *sent = i == 0 ? wrong : endless;
            size_t bytes = i == 0 ? sizeof wrong : sizeof endless;
            assert_int_equal(send(fd, sent, bytes, 0), (ssize_t)bytes);
        }
        for (int n = 0; i == 2 && n < 10; n++) {
            send_number(line, n, 8 << 20);
        }
        assert_false(heard.ended);
        while (!heard.ended) {
            uv_run(corps__loop(), UV_RUN_ONCE);
        }
        assert_int_equal(heard.count, 0);
        agent_line_close(line);
        close(fd);
    }
    uv_run(corps__loop(), UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(corps__loop()), 0);
}

/* ---- passwords ---- */

static void test_password(void **state) {
    (void)state;
    char path[] = "/tmp/corps-password-XXXXXX", password[AGENT_PASSWORD_BYTES] = "";
    int fd = mkstemp(path);
    assert_true(fd >= 0 && write(fd, "se cret\nmore\n", 13) == 13);
    assert_int_equal(agent_password_read(path, password), CORPS_OK);
    assert_string_equal(password, "se cret");
    assert_int_equal(fchmod(fd, 0640), 0);
    assert_int_equal(agent_password_read(path, password), CORPS_ERR_DENIED);
    assert_int_equal(fchmod(fd, 0600), 0);
    assert_int_equal(ftruncate(fd, 0), 0);
    assert_int_equal(agent_password_read(path, password), CORPS_ERR_INVALID);
    close(fd);
    unlink(path);
    assert_int_equal(agent_password_read(path, password), CORPS_ERR_SYSTEM);
    assert_int_equal(agent_password_read("/dev/null", password), CORPS_ERR_INVALID);
}

int main(void) {
    if (sodium_init() < 0) {
        return 1;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_about),       cmocka_unit_test(test_about_longest), cmocka_unit_test(test_about_damaged),
        cmocka_unit_test(test_order),       cmocka_unit_test(test_order_wrong),   cmocka_unit_test(test_line),
        cmocka_unit_test(test_line_broken), cmocka_unit_test(test_password),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
