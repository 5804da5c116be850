#include "ledger_etcd.h"

#include <poll.h>
#include <setjmp.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void ignore_host(void *arg, const struct corps_ledger_host *host) {
    (void)arg;
    (void)host;
}

static void ignore_corps(void *arg, const struct corps_ledger_corps *corps) {
    (void)arg;
    (void)corps;
}

const struct corps_ledger_each nobody = {.host = ignore_host, .corps = ignore_corps};

const struct corps_ledger *ledger;
struct etcd_server server;

struct corps_ledger_options options_at(const char *endpoints) {
    return (struct corps_ledger_options){.host = 3, .boot = 77, .endpoints = endpoints, .cluster = CLUSTER};
}

struct corps_ledger_book *open_with(const struct corps_ledger_options *options) {
    struct corps_ledger_book *book = NULL;
    enum corps_err err = ledger->open(options, &book);
    if (err != CORPS_OK) {
        fail_msg("%s: %s", corps_error_name(err), corps_error_detail());
    }
    return book;
}

struct corps_ledger_book *open_at(const char *endpoints) {
    const struct corps_ledger_options options = options_at(endpoints);
    return open_with(&options);
}

enum corps_err renew(struct corps_ledger_book *book) {
    int64_t until_ns = 0;
    enum corps_err err = ledger->renew(book, NOW, &until_ns);
    assert_true(err != CORPS_OK || (until_ns > NOW && until_ns <= NOW + INT64_C(5000000000)));
    return err;
}

/* Until it answers: a server has just started. */
void renew_in_the_end(struct corps_ledger_book *book) {
    enum corps_err err;
    while ((err = renew(book)) == CORPS_ERR_TIMEOUT) {
    }
    if (err != CORPS_OK) {
        fail_msg("%s: %s", corps_error_name(err), corps_error_detail());
    }
}

enum corps_err claim(struct corps_ledger_book *book, uint64_t epoch) {
    struct corps_ledger_claim mine;
    const struct corps_ledger_request request = {.corps_id = ID, .epoch = epoch, .about = "about"};
    return ledger->claim(book, &request, NOW, &mine);
}

void expect(enum corps_err err, enum corps_err wanted, const char *words) {
    if (err != wanted || strstr(corps_error_detail(), words) == NULL || strchr(corps_error_detail(), '\n') != NULL) {
        fail_msg("%s: %s, and not %s: …%s…", corps_error_name(err), corps_error_detail(), corps_error_name(wanted),
                 words);
    }
}

/* Of one renewal by a book with these options. */
void expect_with(const struct corps_ledger_options *options, enum corps_err wanted, const char *words) {
    struct corps_ledger_book *book = open_with(options);
    expect(renew(book), wanted, words);
    ledger->close(book);
}

void expect_at(const char *endpoints, enum corps_err wanted, const char *words) {
    const struct corps_ledger_options options = options_at(endpoints);
    expect_with(&options, wanted, words);
}

void need_etcd(void) {
    if (!etcd_is_installed()) {
        print_message("etcd is not installed (Debian: apt install etcd-server; scripts/setup --tests)\n");
        skip();
    }
}

/* To a real etcd, from outside; with a key in it, in base64 in the place of %s. */
void post(unsigned port, const char *path, const char *format, const char *key) {
    char text[256] = "", json[1024];
    sodium_bin2base64(text, sizeof text, (const unsigned char *)key, strlen(key), sodium_base64_VARIANT_ORIGINAL);
    snprintf(json, sizeof json, format, text);
    char *answer = etcd_post(port, path, json);
    assert_non_null(answer);
    if (strstr(answer, "\"error\"") != NULL) {
        fail_msg("%s: %s", path, answer);
    }
    free(answer);
}

bool is_readable(struct corps_ledger_book *book) {
    struct pollfd poller = {.fd = ledger->watch(book), .events = POLLIN};
    return poll(&poller, 1, 20000) == 1;
}
