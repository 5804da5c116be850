/* The hosts file: what it says is read; what is wrong is told in one line, with its line; the hash is of what it says.
 */
#include "hosts/hosts_file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct corps__hosts *read_text(const char *text) {
    struct corps__hosts *hosts = NULL;
    return corps__hosts_parse(text, strlen(text), "F", &hosts) == CORPS_OK ? hosts : NULL;
}

static void test_whole(void **state) {
    (void)state;
    struct corps__hosts *hosts = read_text("# two hosts\n"
                                           "2 beta [fd00::2]:7400 16 rack-b ssd # the new one\n"
                                           "\n"
                                           "1\talpha 10.0.0.1:7401 0\r\n"
                                           "ports 7500-7899");
    assert_non_null(hosts);
    assert_int_equal(hosts->count, 2);
    assert_int_equal(hosts->own, 0);
    assert_string_equal(hosts->ports, "7500-7899");
    const struct corps__host *alpha = corps__hosts_find(hosts, 1), *beta = corps__hosts_find(hosts, 2);
    assert_true(alpha == &hosts->rows[0] && beta == &hosts->rows[1]);
    assert_null(corps__hosts_find(hosts, 3));
    assert_string_equal(alpha->name, "alpha");
    assert_string_equal(alpha->address, "10.0.0.1");
    assert_true(alpha->port == 7401 && alpha->slots == 0 && alpha->labels[0] == '\0');
    assert_string_equal(beta->labels, "rack-b ssd");
    char text[CORPS__HOST_BIND_BYTES];
    corps__host_address(beta, text, sizeof text);
    assert_string_equal(text, "[fd00::2]:7400");
    corps__host_bind(hosts, beta, text, sizeof text);
    assert_string_equal(text, "[fd00::2]:7500-7899");
    assert_true(corps__host_is(beta, "beta") && corps__host_is(beta, "2") && corps__host_is(beta, "ssd"));
    assert_false(corps__host_is(beta, "rack") || corps__host_is(beta, "1") || corps__host_is(beta, "") ||
                 corps__host_is(beta, "rack-b ssd"));
    free(hosts);
}

static void test_hash(void **state) {
    (void)state;
    struct corps__hosts *one = read_text("1 a 10.0.0.1:7 4 x y\n2 b 10.0.0.2:7 4\n");
    struct corps__hosts *same = read_text("#\n2  b 10.0.0.2:7   4\n1 a\t10.0.0.1:7 4 x   y # z\n");
    struct corps__hosts *other = read_text("1 a 10.0.0.1:7 4 x y\n2 b 10.0.0.2:8 4\n");
    struct corps__hosts *ports = read_text("1 a 10.0.0.1:7 4 x y\n2 b 10.0.0.2:7 4\nports 1-2\n");
    assert_memory_equal(one->hash, same->hash, sizeof one->hash);
    assert_memory_not_equal(one->hash, other->hash, sizeof one->hash);
    assert_memory_not_equal(one->hash, ports->hash, sizeof one->hash);
    char any[CORPS__HOST_BIND_BYTES];
    corps__host_bind(one, &one->rows[0], any, sizeof any);
    assert_string_equal(any, "10.0.0.1");
    free(one);
    free(same);
    free(other);
    free(ports);
}

static void test_ledger(void **state) {
    (void)state;
    struct corps__hosts *none = read_text("1 a 10.0.0.1:7 4\n");
    struct corps__hosts *hosts = read_text("ledger hosts\n1 a 10.0.0.1:7 4\n");
    struct corps__hosts *etcd =
        read_text("1 a 10.0.0.1:7 4\nledger  etcd http://10.0.0.1:2379\thttps://[fd00::2]:2379 # two\n"
                  "ledger-ca /etc/ca.pem\nledger-user corps\n");
    struct corps__hosts *elsewhere =
        read_text("1 a 10.0.0.1:7 4\nledger etcd http://10.0.0.1:2379 https://[fd00::2]:2379\n"
                  "ledger-ca /opt/ca.pem\nledger-user corps\n");
    struct corps__hosts *other = read_text("1 a 10.0.0.1:7 4\nledger etcd http://10.0.0.1:2379\nledger-user corps\n");
    assert_string_equal(none->ledger, "hosts");
    assert_string_equal(hosts->ledger, "hosts");
    assert_memory_equal(none->hash, hosts->hash, sizeof none->hash);
    assert_string_equal(etcd->ledger, "etcd");
    assert_string_equal(etcd->ledger_endpoints, "http://10.0.0.1:2379 https://[fd00::2]:2379");
    assert_string_equal(etcd->ledger_ca, "/etc/ca.pem");
    assert_string_equal(etcd->ledger_user, "corps");
    assert_memory_not_equal(none->hash, etcd->hash, sizeof none->hash);
    assert_memory_equal(elsewhere->hash, etcd->hash, sizeof none->hash);
    assert_memory_not_equal(other->hash, etcd->hash, sizeof none->hash);
    free(none);
    free(hosts);
    free(etcd);
    free(elsewhere);
    free(other);
}

static void test_wrong(void **state) {
    (void)state;
    static const struct {
        const char *text, *says;
    } cases[] = {
        {"", "F names no host"},
        {"# 1 a 10.0.0.1:7 4\n", "F names no host"},
        {"0 a 10.0.0.1:7 4\n", "F, line 1: a host's number is 1 to 65535, not '0'"},
        {"\n65536 a 10.0.0.1:7 4\n", "F, line 2: a host's number is 1 to 65535, not '65536'"},
        {"a a 10.0.0.1:7 4\n", "not 'a'"},
        {"-1 a 10.0.0.1:7 4\n", "not '-1'"},
        {"1\n", "something is missing behind '1'"},
        {"1 a 10.0.0.1:7\n", "something is missing behind '10.0.0.1:7'"},
        {"1 7 10.0.0.1:7 4\n", "and no number, unlike '7'"},
        {"1 a/b 10.0.0.1:7 4\n", "unlike 'a/b'"},
        {"1 a 10.0.0.1 4\n", "no address with a port"},
        {"1 a 10.0.0.1:0 4\n", "no address with a port"},
        {"1 a 10.0.0.1:65536 4\n", "no address with a port"},
        {"1 a host.example:7 4\n", "the address must be numeric"},
        {"1 a fd00::2:7 4\n", "the address must be numeric"},
        {"1 a [10.0.0.1]:7 4\n", "the address must be numeric"},
        {"1 a 10.0.0.1:7 many\n", "slots are a number from 0 to 1024"},
        {"1 a 10.0.0.1:7 1025\n", "slots are a number from 0 to 1024"},
        {"1 a 10.0.0.1:7 4 12\n", "a label is a word"},
        {"1 a 10.0.0.1:7 4 x,y\n", "a label is a word"},
        {"1 a 10.0.0.1:7 4\n1 b 10.0.0.2:7 4\n", "F, line 2: the hosts 'a' and 'b' have one number"},
        {"1 a 10.0.0.1:7 4\n2 a 10.0.0.2:7 4\n", "have one name"},
        {"1 a 10.0.0.1:7 4\n2 b 10.0.0.1:7 4\n", "have one address with its port"},
        {"1 a 10.0.0.1:7 4\nports 7\n", "F, line 2: write the range of ports as: ports 7500-7899"},
        {"1 a 10.0.0.1:7 4\nports 9-7\n", "write the range of ports"},
        {"1 a 10.0.0.1:7 4\nports 7-9 10-11\n", "write the range of ports"},
        {"1 a 10.0.0.1:7 4\nledger\n", "F, line 2: the ledgers are hosts, which is what is meant without"},
        {"1 a 10.0.0.1:7 4\nledger file\n", "and etcd, not 'file'"},
        {"1 a 10.0.0.1:7 4\nledger etcd\n", "the servers are missing behind 'etcd'"},
        {"1 a 10.0.0.1:7 4\nledger etcd 10.0.0.1:2379\n", "a server of etcd is not '10.0.0.1:2379'"},
        {"1 a 10.0.0.1:7 4\nledger etcd http://10.0.0.1\n", "a server of etcd is not 'http://10.0.0.1'"},
        {"1 a 10.0.0.1:7 4\nledger etcd http://10.0.0.1:2379/v3\n", "a server of etcd is not"},
        {"1 a 10.0.0.1:7 4\nledger etcd http://u:p@10.0.0.1:2379\n", "a server of etcd is not"},
        {"1 a 10.0.0.1:7 4\nledger hosts http://10.0.0.1:2379\n", "the ledger hosts has no servers"},
        {"1 a 10.0.0.1:7 4\nledger hosts\nledger etcd http://10.0.0.1:2379\n", "F, line 3: there is one ledger"},
        {"1 a 10.0.0.1:7 4\nledger-ca /x\n", "F has a line ledger-ca, and no line that begins with: ledger etcd"},
        {"1 a 10.0.0.1:7 4\nledger-user x\n", "F has a line ledger-user"},
        {"ledger-user x y\n1 a 10.0.0.1:7 4\n",
         "F, line 1: one word of up to 63 bytes stands behind ledger-user, once"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        if (read_text(cases[i].text) != NULL || strstr(corps_error_detail(), cases[i].says) == NULL) {
            fail_msg("%s: %s", cases[i].text, corps_error_detail());
        }
        assert_null(strchr(corps_error_detail(), '\n'));
    }
}

/* Whatever the bytes are, there is a list or one line of text. */
static void test_any_bytes(void **state) {
    (void)state;
    static const char right[] =
        "1 alpha 10.0.0.1:7400 8 rack-a ssd\n2 beta [fd00::2]:7400 16\nports 7500-7899\n"
        "ledger etcd http://10.0.0.1:2379 https://[fd00::2]:2379\nledger-ca /c\nledger-user u\n";
    for (size_t at = 0; at < sizeof right; at++) {
        for (int byte = 0; byte < 256; byte += 3) {
            char text[sizeof right];
            memcpy(text, right, sizeof right);
            text[at] = (char)byte;
            struct corps__hosts *hosts = NULL;
            enum corps_err err = corps__hosts_parse(text, at % 2 == 0 ? sizeof text - 1 : at, "F", &hosts);
            assert_true((err == CORPS_OK) == (hosts != NULL));
            free(hosts);
        }
    }
}

static void test_many(void **state) {
    (void)state;
    size_t bytes = 0;
    char *text = malloc(1 << 20);
    for (unsigned i = 1; i <= CORPS__HOSTS_MAX + 1; i++) {
        bytes += (size_t)sprintf(text + bytes, "%u h%u 10.0.%u.%u:7 1\n", i, i, i >> 8, i & 255);
    }
    struct corps__hosts *hosts = NULL;
    assert_int_equal(corps__hosts_parse(text, bytes, "F", &hosts), CORPS_ERR_LIMIT);
    bytes -= strlen("1025 h1025 10.0.4.1:7 1\n");
    assert_int_equal(corps__hosts_parse(text, bytes, "F", &hosts), CORPS_OK);
    assert_int_equal(hosts->count, CORPS__HOSTS_MAX);
    free(hosts);
    free(text);
}

static void test_own(void **state) {
    (void)state;
    uint32_t number = 0;
    struct corps__hosts *hosts = read_text("7 here 127.0.0.1:7 4\n8 there 192.0.2.1:7 4\n");
    assert_int_equal(corps__hosts_own(hosts, "F", &number), CORPS_OK);
    assert_int_equal(number, 7);
    free(hosts);
    hosts = read_text("8 there 192.0.2.1:7 4\n");
    assert_int_equal(corps__hosts_own(hosts, "F", &number), CORPS_ERR_UNKNOWN);
    assert_non_null(strstr(corps_error_detail(), "no address of this machine is in F"));
    free(hosts);
    hosts = read_text("7 here 127.0.0.1:7 4\n8 there 127.0.0.1:8 4\n");
    assert_int_equal(corps__hosts_own(hosts, "F", &number), CORPS_ERR_UNKNOWN);
    assert_non_null(strstr(corps_error_detail(), "--number"));
    free(hosts);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whole), cmocka_unit_test(test_hash),      cmocka_unit_test(test_ledger),
        cmocka_unit_test(test_wrong), cmocka_unit_test(test_any_bytes), cmocka_unit_test(test_many),
        cmocka_unit_test(test_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
