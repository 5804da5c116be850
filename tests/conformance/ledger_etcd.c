/* The ledger etcd where something is wrong: `ledger-etcd [CASE]`. What is right is in ledger.c. Where etcd is not
 * installed only the cases with what stands in its place run. */
#include "ledger_etcd.h"

#include "agent/etcd/etcd.h"

#include "fake_etcd.h"

#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define ID_TEXT "0003000000000abc"

static struct etcd_server second;
static struct fake_etcd fake;

static void put(const char *key) {
    post(server.client_port, "/v3/kv/put", "{\"key\":\"%s\",\"value\":\"bm8=\"}", key);
}

static void remove_key(const char *key) {
    post(server.client_port, "/v3/kv/deleterange", "{\"key\":\"%s\"}", key);
}

/* ---- without an etcd ---- */

static void options_that_are_none(void **state) {
    (void)state;
    static const char *const endpoints[] = {"",        "  ",           "127.0.0.1:2379",    "ftp://127.0.0.1",
                                            "http://", "http://a/b/c", "http://user@host:1"};
    struct corps_ledger_book *book = NULL;
    struct corps_ledger_options options;
    for (size_t i = 0; i < sizeof endpoints / sizeof endpoints[0]; i++) {
        options = options_at(endpoints[i]);
        expect(ledger->open(&options, &book), CORPS_ERR_INVALID, "address");
    }
    options = options_at("http://127.0.0.1:1");
    options.user = "corps";
    expect(ledger->open(&options, &book), CORPS_ERR_INVALID, "--ledger-password");
    options = options_at("http://127.0.0.1:1");
    options.cluster = "XYZ";
    expect(ledger->open(&options, &book), CORPS_ERR_INVALID, "16 hex digits");
    options = options_at("http://127.0.0.1:1");
    options.host = 0;
    expect(ledger->open(&options, &book), CORPS_ERR_INVALID, "1 to 65535");
    assert_null(book);
}

static void nobody_there(void **state) {
    (void)state;
    struct corps_ledger_claim mine;
    expect_at("http://127.0.0.1:1", CORPS_ERR_TIMEOUT, "no etcd answers at http://127.0.0.1:1 (");
    expect_at("http://127.0.0.1:1 http://127.0.0.1:2/", CORPS_ERR_TIMEOUT, "none of the 2 servers");
    struct corps_ledger_book *book = open_at("http://127.0.0.1:1");
    const struct corps_ledger_request request = {.corps_id = ID, .epoch = 1};
    expect(ledger->claim(book, &request, NOW, &mine), CORPS_ERR_CLOSED, "renewed first");
    assert_int_equal(ledger->drain(book, true), CORPS_OK); /* the first renewal says it */
    ledger->close(book);
}

static void answer_as_old(struct fake_etcd *it, int fd, const char *path, const char *body) {
    (void)it;
    (void)body;
    bool is_version = strcmp(path, "/version") == 0;
    fake_reply(fd, is_version ? 200 : 404,
               is_version ? "{\"etcdserver\":\"3.3.25\",\"etcdcluster\":\"3.3.0\"}" : "404 page not found\n");
}

static void too_old(void **state) {
    (void)state;
    fake_start(&fake, answer_as_old);
    expect_at(fake.url, CORPS_ERR_VERSION, "is version 3.3.25, and Corps needs 3.4 or later");
}

static void answer_as_other(struct fake_etcd *it, int fd, const char *path, const char *body) {
    (void)it;
    (void)body;
    fake_reply(fd, 200, strcmp(path, "/v3/lease/grant") == 0 ? "{}" : "<html>It works!</html>");
}

static void no_etcd(void **state) {
    (void)state;
    fake_start(&fake, answer_as_other);
    expect_at(fake.url, CORPS_ERR_PROTOCOL, "is no etcd");
}

#define HEADER "\"header\":{\"cluster_id\":\"18446744073709551615\"}"

/* Grants, renews, and then says that it has no such lease by leaving out the time to live. */
static void answer_with_lost_lease(struct fake_etcd *it, int fd, const char *path, const char *body) {
    (void)body;
    if (strcmp(path, "/v3/watch") == 0) {
        fake_reply(fd, 200,
                   "{\"result\":{" HEADER ",\"created\":true}}\n{\"result\":{" HEADER
                   ",\"canceled\":true,\"compact_revision\":\"7\"}}\n");
    } else if (strcmp(path, "/v3/lease/grant") == 0) {
        fake_reply(fd, 200, "{" HEADER ",\"ID\":\"12\",\"TTL\":\"6\"}");
    } else if (strcmp(path, "/v3/lease/keepalive") == 0) {
        fake_reply(fd, 200, "{\"result\":{" HEADER ",\"ID\":\"12\"}}\n");
    } else {
        fake_reply(fd, 200, "{" HEADER "}");
    }
    (void)it;
}

static void no_time_to_live(void **state) {
    (void)state;
    fake_start(&fake, answer_with_lost_lease);
    struct corps_ledger_book *book = open_at(fake.url);
    assert_int_equal(renew(book), CORPS_OK);
    expect(renew(book), CORPS_ERR_CLOSED, "lease c of this host is lost");
    assert_int_equal(renew(book), CORPS_OK);
    ledger->close(book);
}

/* A watch that is ended, as after a compaction, begins anew, and hints that it was blind. */
static void watch_begins_anew(void **state) {
    (void)state;
    fake_start(&fake, answer_with_lost_lease);
    struct corps_ledger_book *book = open_at(fake.url);
    assert_true(is_readable(book));
    assert_int_equal(ledger->list(book, &nobody, NULL), CORPS_OK);
    assert_true(is_readable(book));
    while (atomic_load(&fake.watches) < 3) {
        usleep(10000);
    }
    ledger->close(book);
}

/* ---- with one ---- */

static void lost_lease(void **state) {
    (void)state;
    need_etcd();
    etcd_server_start(&server, NULL, NULL, NULL);
    struct corps_ledger_book *book = open_at(server.url);
    assert_int_equal(renew(book), CORPS_OK);
    assert_int_equal(claim(book, 1), CORPS_OK);
    sleep(8); /* the lease is over */
    expect(renew(book), CORPS_ERR_CLOSED, "is lost");
    expect(ledger->give(book, ID), CORPS_ERR_CLOSED, "does not hold");
    assert_int_equal(renew(book), CORPS_OK);
    assert_int_equal(claim(book, 2), CORPS_OK);
    sleep(8);
    expect(claim(book, 3), CORPS_ERR_CLOSED, "does not hold"); /* who claims hears it first */
    expect(claim(book, 3), CORPS_ERR_CLOSED, "does not know this host's lease");
    expect(claim(book, 3), CORPS_ERR_CLOSED, "renewed first");
    expect(renew(book), CORPS_ERR_CLOSED, "is lost");
    assert_int_equal(renew(book), CORPS_OK);
    assert_int_equal(claim(book, 3), CORPS_OK);
    /* A keep-alive that is answered is not enough: the host's key must be there. */
    remove_key("corps/" CLUSTER "/now/host/00003");
    expect(renew(book), CORPS_ERR_CLOSED, "is lost");
    ledger->close(book);
}

static void lose_lease(struct corps_ledger_book *book) {
    remove_key("corps/" CLUSTER "/now/host/00003");
    remove_key("corps/" CLUSTER "/now/owner/" ID_TEXT);
    expect(renew(book), CORPS_ERR_CLOSED, "is lost");
}

/* What has ended while its lease was lost can be ended still, unless somebody has claimed it since. */
static void ended_without_lease(void **state) {
    (void)state;
    need_etcd();
    etcd_server_start(&server, NULL, NULL, NULL);
    struct corps_ledger_options options = options_at(server.url);
    options.host = 4;
    struct corps_ledger_book *book = open_at(server.url), *other = open_with(&options);
    struct corps_ledger_owner found;
    assert_int_equal(renew(book), CORPS_OK);
    assert_int_equal(renew(other), CORPS_OK);
    assert_int_equal(claim(book, 1), CORPS_OK);
    lose_lease(book);
    expect(ledger->end(other, ID), CORPS_ERR_CLOSED, "does not hold"); /* it never had it */
    assert_int_equal(ledger->end(book, ID), CORPS_OK);
    expect(ledger->end(book, ID), CORPS_ERR_CLOSED, "does not hold");
    assert_int_equal(ledger->find(book, ID, &found), CORPS_ERR_UNKNOWN);
    assert_int_equal(renew(book), CORPS_OK);
    assert_int_equal(claim(book, 1), CORPS_OK);
    lose_lease(book);
    assert_int_equal(claim(other, 2), CORPS_OK);
    expect(ledger->end(book, ID), CORPS_ERR_CLOSED, "does not hold");
    assert_int_equal(ledger->find(book, ID, &found), CORPS_OK);
    assert_true(found.is_held && found.epoch == 2 && found.host == 4);
    ledger->close(other);
    ledger->close(book);
}

static void server_restarted(void **state) {
    (void)state;
    need_etcd();
    etcd_server_start(&server, NULL, NULL, NULL);
    char endpoints[160];
    snprintf(endpoints, sizeof endpoints, "http://127.0.0.1:1 %s", server.url); /* the first of them is off */
    struct corps_ledger_book *book = open_at(endpoints);
    struct corps_ledger_owner found;
    assert_int_equal(renew(book), CORPS_OK);
    assert_int_equal(claim(book, 1), CORPS_OK);
    etcd_server_kill(&server);
    expect(renew(book), CORPS_ERR_TIMEOUT, "none of the 2 servers");
    expect(claim(book, 2), CORPS_ERR_TIMEOUT, "none of the 2 servers");
    etcd_server_again(&server);
    renew_in_the_end(book); /* its lease is still there */
    assert_int_equal(ledger->find(book, ID, &found), CORPS_OK);
    assert_true(found.is_held && found.epoch == 1);
    /* Its watch begins anew, sooner or later. */
    struct pollfd poller = {.fd = ledger->watch(book), .events = POLLIN};
    uint64_t epoch = 2;
    do {
        assert_int_equal(renew(book), CORPS_OK);
        assert_int_equal(ledger->list(book, &nobody, NULL), CORPS_OK);
        assert_int_equal(claim(book, epoch++), CORPS_OK);
    } while (poll(&poller, 1, 200) != 1);
    ledger->close(book);
}

/* Answers are lost: what was done is answered as it was done. A copy that comes late does nothing. */
static void lost_answers(void **state) {
    (void)state;
    need_etcd();
    etcd_server_start(&server, NULL, NULL, NULL);
    fake.real_port = server.client_port;
    fake.lost_path = "/v3/kv/txn";
    fake_start(&fake, fake_hands_on);
    struct corps_ledger_book *book = open_at(fake.url);
    struct corps_ledger_owner found;
    assert_int_equal(renew(book), CORPS_OK);
    atomic_store(&fake.losing, 2);
    assert_int_equal(claim(book, 1), CORPS_OK);
    atomic_store(&fake.losing, 1);
    assert_int_equal(claim(book, 2), CORPS_OK);
    atomic_store(&fake.losing, 1);
    assert_int_equal(ledger->note(book, ID, "noted"), CORPS_OK);
    atomic_store(&fake.losing, 1);
    assert_int_equal(ledger->give(book, ID), CORPS_OK);
    assert_int_equal(atomic_load(&fake.losing), 0);
    char *give = atomic_exchange(&fake.last_body, NULL);
    /* So many that the claim gives up; it was done all the same. */
    atomic_store(&fake.losing, 1000);
    expect(claim(book, 3), CORPS_ERR_TIMEOUT, "gives no answer");
    atomic_store(&fake.losing, 0);
    assert_int_equal(ledger->find(book, ID, &found), CORPS_OK);
    assert_true(found.is_held && found.epoch == 3);
    assert_int_equal(renew(book), CORPS_OK);
    assert_int_equal(claim(book, 4), CORPS_OK); /* it learns that it holds the third life */
    free(etcd_post(server.client_port, "/v3/kv/txn", give));
    assert_int_equal(ledger->find(book, ID, &found), CORPS_OK);
    assert_true(found.is_held && !found.is_given && found.epoch == 4);
    atomic_store(&fake.losing, 1);
    assert_int_equal(ledger->end(book, ID), CORPS_OK);
    char *end = atomic_exchange(&fake.last_body, NULL);
    assert_int_equal(claim(book, 1), CORPS_OK);
    free(etcd_post(server.client_port, "/v3/kv/txn", end));
    assert_int_equal(ledger->find(book, ID, &found), CORPS_OK);
    assert_true(found.is_held && found.epoch == 1);
    free(give);
    free(end);
    /* What it holds without knowing can be ended, and given. */
    for (uint64_t epoch = 2; epoch <= 3; epoch++) {
        assert_int_equal(renew(book), CORPS_OK);
        assert_int_equal(ledger->give(book, ID), CORPS_OK);
        atomic_store(&fake.losing, 1000);
        assert_int_equal(claim(book, epoch), CORPS_ERR_TIMEOUT);
        atomic_store(&fake.losing, 0);
    }
    assert_int_equal(ledger->end(book, ID), CORPS_OK);
    assert_int_equal(ledger->find(book, ID, &found), CORPS_ERR_UNKNOWN);
    ledger->close(book);
}

static void another_cluster(void **state) {
    (void)state;
    need_etcd();
    etcd_server_start(&server, (const char *const[]){"--initial-cluster-token", "one", NULL}, NULL, NULL);
    etcd_server_start(&second, (const char *const[]){"--initial-cluster-token", "two", NULL}, NULL, NULL);
    char endpoints[160];
    snprintf(endpoints, sizeof endpoints, "%s %s", server.url, second.url);
    struct corps_ledger_book *book = open_at(endpoints);
    assert_int_equal(renew(book), CORPS_OK);
    etcd_server_kill(&server);
    expect(renew(book), CORPS_ERR_MOVED, "is not the cluster that was asked before");
    expect(renew(book), CORPS_ERR_MOVED, second.url);
    etcd_server_again(&server);
    renew_in_the_end(book);
    ledger->close(book);
}

/* Fills it until it takes no more. */
static void fill(void) {
    static char json[(1 << 18) + 64];
    char *answer;
    bool full;
    memset(json, 'A', sizeof json);
    memcpy(json, "{\"key\":\"AAAA\",\"value\":\"", 23);
    memcpy(json + 23 + (1 << 18), "\"}", 3);
    do {
        answer = etcd_post(server.client_port, "/v3/kv/put", json);
        assert_non_null(answer);
        full = strstr(answer, "database space exceeded") != NULL;
        free(answer);
    } while (!full);
}

static void no_space(void **state) {
    (void)state;
    need_etcd();
    etcd_server_start(&server, (const char *const[]){"--quota-backend-bytes", "2097152", NULL}, NULL, NULL);
    struct corps_ledger_book *book = open_at(server.url);
    assert_int_equal(renew(book), CORPS_OK);
    assert_int_equal(claim(book, 1), CORPS_OK);
    fill();
    assert_int_equal(renew(book), CORPS_OK); /* what is held is held */
    expect(claim(book, 2), CORPS_ERR_FULL, "alarm NOSPACE");
    expect_at(server.url, CORPS_ERR_FULL, "etcdctl alarm disarm");
    assert_int_equal(renew(book), CORPS_OK);
    ledger->close(book);
}

/* ---- what others have written ---- */

static void damage(void **state) {
    (void)state;
    static const char *const keys[] = {"now/owner/0003000000000abc", "now/epoch/0003000000000abc", "now/host/00009"};
    need_etcd();
    etcd_server_start(&server, NULL, NULL, NULL);
    struct corps_ledger_book *book = open_at(server.url);
    assert_int_equal(renew(book), CORPS_OK);
    put("corps/" CLUSTER "/now/later/of-a-version-to-come");
    put("corps/ffffffffffffffff/now/epoch/0003000000000abc"); /* another cluster's */
    assert_int_equal(ledger->list(book, &nobody, NULL), CORPS_OK);
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        char key[128];
        snprintf(key, sizeof key, "corps/" CLUSTER "/%s", keys[i]);
        if (i == 0) {
            assert_int_equal(claim(book, 1), CORPS_OK);
        }
        put(key);
        expect(ledger->list(book, &nobody, NULL), CORPS_ERR_CORRUPT, key);
        expect(i < 2 ? claim(book, 2) : CORPS_ERR_CORRUPT, CORPS_ERR_CORRUPT, "etcdctl del");
        remove_key(key);
    }
    ledger->close(book);
}

/* ---- the program ---- */

static int set_up(void **state) {
    (void)state;
    alarm(150);
    fake = (struct fake_etcd){0};
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    etcd_server_finish(&server);
    etcd_server_finish(&second);
    if (fake.port != 0) {
        fake_stop(&fake);
    }
    remove_certificates();
    return 0;
}

#define CASE(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(int argc, char **argv) {
    static const struct CMUnitTest cases[] = {
        CASE(options_that_are_none),
        CASE(nobody_there),
        CASE(too_old),
        CASE(no_etcd),
        CASE(no_time_to_live),
        CASE(watch_begins_anew),
        CASE(lost_lease),
        CASE(ended_without_lease),
        CASE(server_restarted),
        CASE(lost_answers),
        CASE(another_cluster),
        CASE(no_space),
        CASE(passwords),
        CASE(certificates),
        CASE(damage),
    };
    agent_etcd_add();
    ledger = corps__ledger_find("etcd");
    if (ledger == NULL) {
        fprintf(stderr, "%s\n", corps_error_detail());
        return 2;
    }
    if (argc > 1) {
        cmocka_set_test_filter(argv[1]);
    }
    return cmocka_run_group_tests(cases, NULL, NULL);
}
