#include "ledger.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

struct under_test test;

struct corps_ledger_options options_of(uint32_t host) {
    return (struct corps_ledger_options){.directory = test.directory,
                                         .host = host,
                                         .boot = BOOT,
                                         .slots = 7,
                                         .address = "127.0.0.1:7400",
                                         .endpoints = test.server.url,
                                         .cluster = test.cluster};
}

uint32_t other_host(void) {
    return test.ledger->moves ? HOST + 1 : HOST;
}

void renew(struct corps_ledger_book *book) {
    int64_t until_ns = 0;
    enum corps_err err = test.ledger->renew(book, NOW, &until_ns);
    if (err != CORPS_OK) {
        fail_msg("%s: %s", corps_error_name(err), corps_error_detail());
    }
    assert_true(until_ns > NOW);
}

struct corps_ledger_book *open_book_of(uint32_t host) {
    struct corps_ledger_book *book = NULL;
    const struct corps_ledger_options options = options_of(host);
    assert_int_equal(test.ledger->open(&options, &book), CORPS_OK);
    assert_ptr_equal(book->ledger, test.ledger);
    renew(book);
    return book;
}

struct corps_ledger_book *open_book(void) {
    return open_book_of(HOST);
}

enum corps_err claim(struct corps_ledger_book *book, uint64_t epoch, struct corps_ledger_claim *out) {
    const struct corps_ledger_request request = {
        .corps_id = ID, .epoch = epoch, .about = ABOUT, .record = "re\0cord", .record_bytes = 7};
    return test.ledger->claim(book, &request, NOW, out);
}

struct corps_ledger_owner owner(struct corps_ledger_book *book) {
    struct corps_ledger_owner found = {0};
    assert_int_equal(test.ledger->find(book, ID, &found), CORPS_OK);
    return found;
}

/* ---- what list tells ---- */

static void hear_host(void *arg, const struct corps_ledger_host *host) {
    struct told *told = arg;
    assert_int_equal(told->corps, 0); /* hosts come first */
    told->hosts++;
    if (host->number == HOST) {
        told->host = *host;
        snprintf(told->address, sizeof told->address, "%s", host->address);
    }
}

static void hear_corps(void *arg, const struct corps_ledger_corps *corps) {
    struct told *told = arg;
    assert_true(told->corps == 0 || corps->corps_id > told->corps_id);
    told->corps_id = corps->corps_id;
    told->corps++;
    if (corps->corps_id == ID) {
        told->last = *corps;
        snprintf(told->name, sizeof told->name, "%s", corps->name);
        snprintf(told->about, sizeof told->about, "%s", corps->about);
    }
}

struct told list(struct corps_ledger_book *book) {
    static const struct corps_ledger_each each = {.host = hear_host, .corps = hear_corps};
    struct told told = {0};
    enum corps_err err = test.ledger->list(book, &each, &told);
    if (err != CORPS_OK) {
        fail_msg("%s: %s", corps_error_name(err), corps_error_detail());
    }
    return told;
}
