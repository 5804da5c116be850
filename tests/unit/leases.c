/* What the ledger has listed, as the agent keeps it and `corps hosts` prints it: `unit-leases`. */
#include "agent/leases.h"
#include "agent/look_own.h"
#include "base/clock.h"
#include "codec/record.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#define S INT64_C(1000000000)

/* ---- what is kept ---- */

static struct corps_box *answer;

static void take(void *arg, const struct corps_value *record) {
    assert_null(arg);
    corps_box_unref(answer);
    answer = NULL;
    assert_int_equal(corps_box_of(record, &answer), CORPS_OK);
}

/* The map of the answer, until it is asked again. */
static const struct corps_value *ask(void) {
    assert_int_equal(agent_leases_answer(take, NULL), CORPS_OK);
    assert_true(corps__record_is(corps_box_root(answer), "leases"));
    return corps_value_item(corps_box_root(answer), 1);
}

static void test_kept(void **state) {
    (void)state;
    const struct corps_value *rows, *map = ask();
    assert_true(look_number(map, "age_ms", 0) < 0); /* there was no list yet */
    assert_int_equal(look_rows(map, "corps", &rows), 0);
    assert_false(agent_leases_is_away(7));
    agent_leases_ledger("etcd");
    agent_leases_trouble("nobody answers");
    char text[64];
    look_text(ask(), "trouble", text, sizeof text);
    assert_string_equal(text, "nobody answers");

    int64_t now_ns = corps__boottime_ns();
    agent_leases_begin(now_ns - 100 * S);
    agent_leases_host(7, true, 4, 0);
    agent_leases_host(2, false, 4, now_ns + 1000 * S);
    for (uint64_t id = 40; id > 0; id--) { /* more than there is room for at first */
        agent_leases_corps(&(struct agent_lease_corps){
            .id = id, .epoch = id + 1, .owner = id == 1 ? 2 : 0, .given = id == 2, .name = id == 1 ? "one" : NULL});
    }
    assert_int_equal(look_rows(ask(), "corps", &rows), 0); /* it is not whole yet */
    agent_leases_end();
    map = ask();
    look_text(map, "trouble", text, sizeof text);
    assert_string_equal(text, ""); /* the ledger has answered */
    assert_true(look_number(map, "age_ms", 0) >= 100000);
    assert_int_equal(look_rows(map, "hosts", &rows), 2);
    assert_int_equal(corps__record_int(corps_value_item(rows, 0), 0, 0), 2);
    assert_int_equal(corps__record_int(corps_value_item(rows, 1), 3, 0), -1);
    assert_int_equal(look_rows(map, "corps", &rows), 40);
    const struct corps_value *first = corps_value_item(rows, 0);
    assert_int_equal(corps__record_int(first, 0, 0), 1);
    assert_int_equal(corps__record_int(first, 1, 0), 2);
    corps__record_text(first, 4, text, sizeof text);
    assert_string_equal(text, "one");
    assert_in_range(corps__record_int(first, 6, 0), 1, 1000000);
    assert_true(corps_value_item(corps_value_item(rows, 1), 3)->boolean);
    assert_int_equal(corps__record_int(corps_value_item(rows, 1), 6, 0), -1);
    assert_true(agent_leases_is_drained(7) && !agent_leases_is_drained(2) && !agent_leases_is_drained(3));
    assert_true(agent_leases_is_away(3) && !agent_leases_is_away(7));

    agent_leases_begin(now_ns);
    agent_leases_end();
    assert_int_equal(look_rows(ask(), "corps", &rows), 0);
    assert_string_equal(agent_leases_ledger_name(), "etcd");
    corps_box_unref(answer);
}

/* ---- what is printed ---- */

static struct corps__hosts *hosts;
static struct look looks[2];

/* Two hosts: anna, which says how it is, and bo, which does not answer. */
static int set_up(void **state) {
    (void)state;
    hosts = calloc(1, sizeof *hosts + 2 * sizeof hosts->rows[0]);
    assert_non_null(hosts);
    hosts->own = 1;
    hosts->count = 2;
    hosts->rows[0] =
        (struct corps__host){.number = 1, .name = "anna", .address = "10.0.0.1", .port = 7400, .labels = "gpu large"};
    hosts->rows[1] = (struct corps__host){.number = 2, .name = "bo", .address = "10.0.0.2", .port = 7400};
    const struct corps_entry said[] = {{corps_str("version"), corps_str("0.1.0")},
                                       {corps_str("envs"), corps_int(3)},
                                       {corps_str("slots"), corps_int(4)},
                                       {corps_str("load"), corps_float(0.5)},
                                       {corps_str("drained"), corps_bool(true)},
                                       {corps_str("lease_ms"), corps_int(4620)},
                                       {corps_str("hash"), corps_bin(hosts->hash, 32)}};
    const struct corps_value items[] = {corps_str("seen"), corps_map(said, sizeof said / sizeof said[0])};
    const struct corps_value seen = corps_array(items, 2);
    looks[0] = (struct look){.host = &hosts->rows[0], .hosts = hosts};
    looks[1] = (struct look){.host = &hosts->rows[1], .hosts = hosts, .trouble = "nobody \"listens\""};
    return corps_box_of(&seen, &looks[0].answer) == CORPS_OK ? 0 : -1;
}

static int tear_down(void **state) {
    (void)state;
    corps_box_unref(looks[0].answer);
    free(hosts);
    return 0;
}

/* What it writes to standard output. Lent until the next one. */
static const char *printed(void (*print)(const struct look_all *all), const struct look_all *all) {
    static char text[8192];
    fflush(stdout);
    int saved = dup(STDOUT_FILENO), fd = memfd_create("printed", MFD_CLOEXEC);
    assert_true(saved >= 0 && fd >= 0);
    dup2(fd, STDOUT_FILENO);
    print(all);
    fflush(stdout);
    dup2(saved, STDOUT_FILENO);
    ssize_t got = pread(fd, text, sizeof text - 1, 0);
    close(saved);
    close(fd);
    assert_true(got >= 0);
    text[got] = '\0';
    return text;
}

/* Says to have found two Corps, one of which has no owner. */
static const char *found(void (*print)(const struct look_all *all), const char *trouble, int age_ms) {
    const struct corps_value one[] = {corps_int(1), corps_bool(true), corps_int(4), corps_int(-1)};
    const struct corps_value two[] = {corps_int(2), corps_bool(true), corps_int(4), corps_int(-1)};
    const struct corps_value host_rows[] = {corps_array(one, 4), corps_array(two, 4)};
    const struct corps_value a[] = {corps_int(0x1c0ffee), corps_int(3),     corps_int(1),   corps_bool(false),
                                    corps_str("billing"), corps_str("t\t"), corps_int(5000)};
    const struct corps_value b[] = {corps_int(-1), corps_int(12), corps_int(0), corps_bool(true),
                                    corps_str(""), corps_str(""), corps_int(-1)};
    const struct corps_value corps_rows[] = {corps_array(a, 7), corps_array(b, 7)};
    const struct corps_entry map[] = {
        {corps_str("ledger"), corps_str("etcd")},         {corps_str("age_ms"), corps_int(age_ms)},
        {corps_str("trouble"), corps_str(trouble)},       {corps_str("hosts"), corps_array(host_rows, 2)},
        {corps_str("corps"), corps_array(corps_rows, 2)},
    };
    const struct corps_value leases = corps_map(map, sizeof map / sizeof map[0]);
    const struct look_all all = {hosts, looks, 2, &leases};
    assert_false(look_is_well(&all)); /* bo does not answer */
    return printed(print, &all);
}

static void test_table(void **state) {
    (void)state;
    assert_string_equal(
        found(look_print_table, "", 1230),
        "number name             address                up   version   envs  slots   load  drained  lease  hosts file\n"
        "1      anna             10.0.0.1:7400          yes  0.1.0        3      4   0.50  yes      4.6 s  "
        "0000000000000000\n"
        "2      bo               10.0.0.2:7400          no   nobody \"listens\"; its lease runs still\n"
        "\n"
        "ledger etcd, listed 1.2 s ago\n"
        "corps             tag  singleton  owner          epoch  expires in\n"
        "0000000001c0ffee  t?   billing    1 (anna)           3  4.6 s\n"
        "ffffffffffffffff  -    -          nobody, given     12  -\n");
    assert_non_null(strstr(found(look_print_table, "no answer", 7000),
                           "\nledger etcd: no answer; what follows is 7.0 s old\ncorps "));
    assert_non_null(strstr(found(look_print_table, "no answer", -1), "\nledger etcd: no answer\n"));
    assert_non_null(strstr(found(look_print_table, "", -1), "\nledger etcd: it has not been listed yet\n"));
}

/* Where nobody was asked for leases, and where there is a list of hosts alone. */
static void test_table_without(void **state) {
    (void)state;
    struct look_all all = {hosts, looks, 1, NULL};
    static const char *const expected =
        "number name             address                up   version   envs  slots   load  drained  hosts file\n"
        "1      anna             10.0.0.1:7400          yes  0.1.0        3      4   0.50  yes      0000000000000000\n";
    assert_true(look_is_well(&all));
    assert_string_equal(printed(look_print_table, &all), expected);
    const struct corps_entry entry = {corps_str("ledger"), corps_str("hosts")};
    const struct corps_value leases = corps_map(&entry, 1);
    all.leases = &leases;
    assert_string_equal(printed(look_print_table, &all), expected);
}

static void test_json(void **state) {
    (void)state;
    assert_string_equal(
        found(look_print_json, "say \\\"it\"", 1230),
        "{\"own\":1,\"hosts\":[{\"number\":1,\"name\":\"anna\",\"address\":\"10.0.0.1:7400\",\"labels\":[\"gpu\","
        "\"large\"],\"up\":true,\"listed\":true,\"version\":\"0.1.0\",\"envs\":3,\"slots\":4,\"load\":0.50,"
        "\"drained\":true,\"lease_ms\":4620,\"hosts_file\":\"0000000000000000\",\"same_hosts_file\":true,"
        "\"trouble\":null},"
        "{\"number\":2,\"name\":\"bo\",\"address\":\"10.0.0.2:7400\",\"labels\":[],\"up\":false,\"listed\":true,"
        "\"trouble\":\"nobody \\u0022listens\\u0022\"}],"
        "\"ledger\":{\"name\":\"etcd\",\"age_ms\":1230,\"trouble\":\"say \\u005c\\u0022it\\u0022\"},"
        "\"corps\":[{\"id\":\"0000000001c0ffee\",\"tag\":\"t\\u0009\",\"singleton\":\"billing\",\"owner\":1,"
        "\"epoch\":3,\"given\":false,\"expires_ms\":4620},"
        "{\"id\":\"ffffffffffffffff\",\"tag\":null,\"singleton\":null,\"owner\":null,\"epoch\":12,\"given\":true,"
        "\"expires_ms\":null}]}\n");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kept),
        cmocka_unit_test_setup_teardown(test_table, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_table_without, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_json, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
