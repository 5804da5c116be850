/* Conformance of one ledger with corps/ledger.h: `ledger NAME [CASE]`. Where the engine of the ledger is not installed
 * it says so, and is skipped (exit status 77). */
#include "ledger.h"

#include "agent/etcd/etcd.h"

#include <ftw.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

enum { SKIPPED = 77 };

/* ---- cases ---- */

static void table(void **state) {
    (void)state;
    assert_ptr_equal(corps__ledger_find(test.ledger->name), test.ledger);
    assert_non_null(test.ledger->summary);
    assert_true(test.ledger->wait_ns >= 0);
    assert_null(corps__ledger_find("none"));
    assert_non_null(strstr(corps_error_detail(), "file, hosts"));
    assert_int_equal(corps__ledger_add(test.ledger), CORPS_ERR_LIMIT);
    assert_int_equal(corps__ledger_add(&(struct corps_ledger){.name = "half"}), CORPS_ERR_INVALID);
    test.ledger->close(NULL);
}

static void first_claim(void **state) {
    (void)state;
    struct corps_ledger_book *book = open_book();
    struct corps_ledger_owner nobody;
    assert_int_equal(test.ledger->find(book, ID, &nobody), CORPS_ERR_UNKNOWN);
    struct corps_ledger_claim mine;
    assert_int_equal(claim(book, 1, &mine), CORPS_OK);
    assert_true(mine.corps_id == ID && mine.epoch == 1);
    assert_int_equal(mine.from_ns, NOW); /* nothing was granted before */
    struct corps_ledger_owner found = owner(book);
    assert_true(found.epoch == 1 && found.host == HOST && found.is_held && !found.is_given);
    renew(book);
    assert_true(owner(book).is_held);
    test.ledger->close(book);
}

static void epochs_in_order(void **state) {
    (void)state;
    struct corps_ledger_book *book = open_book();
    struct corps_ledger_claim mine, again;
    assert_int_equal(claim(book, 0, &mine), CORPS_ERR_INVALID);
    assert_int_equal(claim(book, 2, &mine), CORPS_ERR_MOVED);
    assert_int_equal(claim(book, 1, &mine), CORPS_OK);
    assert_int_equal(claim(book, 1, &again), CORPS_OK); /* the first answer was lost */
    assert_true(again.epoch == mine.epoch && again.from_ns == mine.from_ns);
    assert_int_equal(owner(book).epoch, 1);
    assert_int_equal(claim(book, 3, &again), CORPS_ERR_MOVED);
    assert_true(owner(book).epoch == 1 && owner(book).is_held); /* a claim that failed changes nothing */
    assert_int_equal(claim(book, 2, &again), CORPS_OK);         /* its holder begins it anew */
    assert_int_equal(again.from_ns, NOW + test.ledger->wait_ns);
    assert_int_equal(claim(book, 1, &again), CORPS_ERR_MOVED);
    assert_int_equal(owner(book).epoch, 2);
    test.ledger->close(book);
}

static void two_owners(void **state) {
    (void)state;
    struct corps_ledger_book *first = open_book();
    struct corps_ledger_book *second = open_book_of(other_host());
    struct corps_ledger_claim mine, others;
    assert_int_equal(claim(first, 1, &mine), CORPS_OK);
    assert_int_equal(claim(second, 1, &others), CORPS_ERR_AGAIN);
    assert_int_equal(claim(second, 2, &others), CORPS_ERR_AGAIN);
    assert_true(owner(second).is_held);
    /* What it does not hold stays. */
    assert_int_equal(test.ledger->end(second, ID), CORPS_ERR_CLOSED);
    assert_int_equal(test.ledger->give(second, ID), CORPS_ERR_CLOSED);
    assert_int_equal(test.ledger->note(second, ID, "mine"), CORPS_ERR_CLOSED);
    assert_int_equal(owner(second).epoch, 1);
    renew(first);
    test.ledger->close(first);
    assert_false(owner(second).is_held);
    assert_false(owner(second).is_given);
    assert_int_equal(claim(second, 1, &others), CORPS_ERR_MOVED);
    assert_int_equal(claim(second, 2, &others), CORPS_OK);
    assert_int_equal(others.from_ns, other_host() == HOST ? NOW + test.ledger->wait_ns : NOW);
    test.ledger->close(second);
}

static void ended(void **state) {
    (void)state;
    struct corps_ledger_book *book = open_book();
    struct corps_ledger_claim mine;
    struct corps_ledger_owner nobody;
    uint8_t *record;
    size_t bytes;
    assert_int_equal(claim(book, 1, &mine), CORPS_OK);
    assert_int_equal(test.ledger->end(book, ID), CORPS_OK);
    assert_int_equal(test.ledger->end(book, ID), CORPS_ERR_CLOSED);
    assert_int_equal(test.ledger->find(book, ID, &nobody), CORPS_ERR_UNKNOWN);
    assert_int_equal(test.ledger->read(book, ID, &record, &bytes), CORPS_ERR_UNKNOWN);
    assert_int_equal(list(book).corps, 0);
    assert_int_equal(claim(book, 1, &mine), CORPS_OK); /* nothing stands in its way */
    assert_int_equal(test.ledger->end(book, ID), CORPS_OK);
    test.ledger->close(book);
    assert_int_equal(rmdir(test.directory), 0); /* nothing is left */
    assert_int_equal(mkdir(test.directory, 0700), 0);
}

/* Whoever has ended it in order says so: then another begins it at once. */
static void given(void **state) {
    (void)state;
    struct corps_ledger_book *first = open_book();
    struct corps_ledger_book *second = open_book_of(other_host());
    struct corps_ledger_claim mine, others;
    assert_int_equal(test.ledger->give(first, ID), CORPS_ERR_CLOSED);
    assert_int_equal(claim(first, 1, &mine), CORPS_OK);
    assert_int_equal(test.ledger->give(first, ID), CORPS_OK);
    assert_true(!owner(second).is_held && owner(second).is_given && owner(second).epoch == 1);
    assert_true(list(second).last.is_given);
    assert_int_equal(claim(second, 2, &others), CORPS_OK);
    assert_int_equal(others.from_ns, NOW);
    assert_false(owner(first).is_given);
    assert_int_equal(test.ledger->give(first, ID), CORPS_ERR_CLOSED);
    assert_int_equal(test.ledger->give(second, ID), CORPS_OK);
    assert_int_equal(claim(second, 3, &others), CORPS_OK); /* back again, as soon */
    assert_int_equal(others.from_ns, NOW);
    test.ledger->close(first);
    test.ledger->close(second);
}

static void remembered(void **state) {
    (void)state;
    struct corps_ledger_book *book = open_book();
    struct corps_ledger_claim mine;
    uint8_t *record = NULL;
    size_t bytes = 0;
    assert_int_equal(test.ledger->read(book, ID, &record, &bytes), CORPS_ERR_UNKNOWN);
    assert_int_equal(claim(book, 1, &mine), CORPS_OK);
    assert_int_equal(claim(book, 2, &mine), CORPS_OK); /* later lives change nothing of it */
    test.ledger->close(book);
    book = open_book_of(other_host());
    assert_int_equal(test.ledger->read(book, ID, &record, &bytes), CORPS_OK);
    assert_int_equal(bytes, 7);
    assert_memory_equal(record, "re\0cord", 7);
    free(record);
    assert_string_equal(list(book).about, ABOUT);
    assert_int_equal(claim(book, 3, &mine), CORPS_OK);
    assert_string_equal(list(book).about, ABOUT);
    assert_int_equal(test.ledger->note(book, ID, "other\nwords"), CORPS_OK);
    assert_string_equal(list(book).about, "other\nwords");
    assert_int_equal(claim(book, 4, &mine), CORPS_OK);
    assert_string_equal(list(book).about, "other\nwords");
    test.ledger->close(book);
}

static void largest(void **state) {
    (void)state;
    struct corps_ledger_book *book = open_book();
    struct corps_ledger_claim mine;
    static char about[CORPS_LEDGER_ABOUT_BYTES + 1];
    memset(about, 'a', sizeof about - 1);
    uint8_t *record = calloc(1, CORPS_LEDGER_RECORD_BYTES + 1), *back = NULL;
    size_t bytes;
    memset(record, 0xee, CORPS_LEDGER_RECORD_BYTES);
    struct corps_ledger_request request = {
        .corps_id = ID, .epoch = 1, .about = about, .record = record, .record_bytes = CORPS_LEDGER_RECORD_BYTES + 1};
    assert_int_equal(test.ledger->claim(book, &request, NOW, &mine), CORPS_ERR_TOO_LARGE);
    about[CORPS_LEDGER_ABOUT_BYTES - 1] = '\0';
    assert_int_equal(test.ledger->claim(book, &request, NOW, &mine), CORPS_ERR_TOO_LARGE);
    request.record_bytes--;
    assert_int_equal(test.ledger->claim(book, &request, NOW, &mine), CORPS_OK);
    assert_int_equal(test.ledger->read(book, ID, &back, &bytes), CORPS_OK);
    assert_int_equal(bytes, CORPS_LEDGER_RECORD_BYTES);
    assert_memory_equal(back, record, bytes);
    assert_string_equal(list(book).about, about);
    free(record);
    free(back);
    /* And nothing at all. */
    request = (struct corps_ledger_request){.corps_id = OTHER_ID, .epoch = 1};
    assert_int_equal(test.ledger->claim(book, &request, NOW, &mine), CORPS_OK);
    assert_int_equal(test.ledger->read(book, OTHER_ID, &back, &bytes), CORPS_OK);
    assert_int_equal(bytes, 0);
    free(back);
    test.ledger->close(book);
}

static void listed(void **state) {
    (void)state;
    struct corps_ledger_book *first = open_book();
    struct corps_ledger_book *second = open_book_of(other_host());
    struct corps_ledger_claim mine;
    struct told told = list(first);
    assert_true(told.corps == 0 && told.hosts == (test.ledger->moves ? 2 : 1));
    assert_true(told.host.number == HOST && told.host.slots == 7 && told.host.boot == BOOT && !told.host.is_drained);
    assert_string_equal(told.address, "127.0.0.1:7400");
    assert_int_equal(test.ledger->drain(first, true), CORPS_OK);
    assert_true(list(test.ledger->moves ? second : first).host.is_drained);
    renew(first);
    assert_true(list(first).host.is_drained);
    assert_int_equal(test.ledger->drain(first, false), CORPS_OK);
    assert_false(list(first).host.is_drained);
    assert_int_equal(claim(first, 1, &mine), CORPS_OK);
    assert_int_equal(
        test.ledger->claim(first, &(struct corps_ledger_request){.corps_id = OTHER_ID, .epoch = 1}, NOW, &mine),
        CORPS_OK);
    told = list(first);
    assert_true(told.corps == 2 && told.last.epoch == 1 && told.last.host == HOST && told.last.is_mine);
    assert_true(told.last.last_host == HOST && !told.last.is_given && told.name[0] == '\0');
    assert_true(told.last.last_boot == (test.ledger->moves ? BOOT : 0));
    assert_false(list(second).last.is_mine);
    test.ledger->close(first);
    told = list(second);
    assert_true(told.corps == 2 && told.last.host == 0 && told.last.last_host == HOST && !told.last.is_mine);
    test.ledger->close(second);
}

/* Of two Corps with one name only one is ever given. */
static void singletons(void **state) {
    (void)state;
    struct corps_ledger_book *first = open_book();
    struct corps_ledger_book *second = open_book_of(other_host());
    struct corps_ledger_claim mine;
    struct corps_ledger_request one = {.corps_id = ID, .epoch = 1, .name = "the one"};
    struct corps_ledger_request other = {.corps_id = OTHER_ID, .epoch = 1, .name = "the-one"};
    assert_int_equal(test.ledger->claim(first, &one, NOW, &mine), CORPS_ERR_INVALID); /* a space */
    one.name = "the-one";
    if (!test.ledger->moves) {
        assert_int_equal(test.ledger->claim(first, &one, NOW, &mine), CORPS_ERR_UNSUPPORTED);
        assert_non_null(strstr(corps_error_detail(), "ledger etcd"));
        test.ledger->close(first);
        test.ledger->close(second);
        return;
    }
    assert_int_equal(test.ledger->claim(first, &one, NOW, &mine), CORPS_OK);
    assert_string_equal(list(second).name, "the-one");
    assert_int_equal(test.ledger->claim(second, &other, NOW, &mine), CORPS_ERR_LIMIT);
    assert_non_null(strstr(corps_error_detail(), "the singleton 'the-one' is there already: Corps 0003000000000abc"));
    assert_int_equal(test.ledger->note(first, ID, "noted"), CORPS_OK); /* the name stays */
    test.ledger->close(first);
    assert_int_equal(test.ledger->claim(second, &other, NOW, &mine), CORPS_ERR_LIMIT); /* it may begin anew */
    assert_int_equal(claim(second, 2, &mine), CORPS_OK);
    assert_string_equal(list(second).name, "the-one");
    assert_int_equal(test.ledger->claim(second, &other, NOW, &mine), CORPS_ERR_LIMIT);
    assert_int_equal(test.ledger->end(second, ID), CORPS_OK);
    assert_int_equal(test.ledger->claim(second, &other, NOW, &mine), CORPS_OK);
    test.ledger->close(second);
}

/* Another host's Corps: claimed, where the ledger lets it; else it says whose it is. */
static void of_another_host(void **state) {
    (void)state;
    struct corps_ledger_book *book = open_book();
    const uint64_t others_id = UINT64_C(0x0004000000000abc);
    struct corps_ledger_claim mine;
    struct corps_ledger_owner found;
    const struct corps_ledger_request request = {.corps_id = others_id, .epoch = 1};
    enum corps_err err = test.ledger->claim(book, &request, NOW, &mine);
    if (err == CORPS_ERR_DENIED) {
        assert_non_null(strstr(corps_error_detail(), "host 4"));
        assert_int_equal(test.ledger->find(book, others_id, &found), CORPS_OK);
        assert_true(found.host == 4 && found.epoch == 0 && !found.is_held);
    } else {
        assert_int_equal(err, CORPS_OK);
        assert_int_equal(test.ledger->find(book, others_id, &found), CORPS_OK);
        assert_true(found.host == HOST && found.is_held);
    }
    test.ledger->close(book);
}

static bool is_readable(int fd, int timeout_ms) {
    struct pollfd poller = {.fd = fd, .events = POLLIN};
    return poll(&poller, 1, timeout_ms) == 1;
}

/* The hint of a ledger with an engine is on its way for a while; so there one waits until it has come. */
static void watched(void **state) {
    (void)state;
    struct corps_ledger_book *first = open_book();
    struct corps_ledger_book *second = open_book_of(other_host());
    int fd = test.ledger->watch != NULL ? test.ledger->watch(second) : -1;
    if (fd < 0) {
        skip();
    }
    struct corps_ledger_claim mine;
    if (test.ledger->moves) {
        assert_true(is_readable(fd, 10000)); /* it was blind before it began */
        (void)list(second);
    } else {
        assert_false(is_readable(fd, 0));
    }
    assert_int_equal(claim(first, 1, &mine), CORPS_OK);
    assert_true(is_readable(fd, 10000));
    assert_true(owner(second).is_held);
    if (!test.ledger->moves) {
        assert_false(is_readable(fd, 0));
    }
    test.ledger->close(first);
    assert_true(is_readable(fd, 10000));
    assert_false(owner(second).is_held);
    test.ledger->close(second);
}

/* ---- the program ---- */

static int remove_one(const char *path, const struct stat *info, int kind, struct FTW *place) {
    (void)info;
    (void)kind;
    (void)place;
    return remove(path);
}

static int set_up(void **state) {
    (void)state;
    static unsigned cases;
    alarm(100);
    snprintf(test.cluster, sizeof test.cluster, "%08x%08x", (unsigned)getpid(), ++cases);
    snprintf(test.directory, sizeof test.directory, "/tmp/corps-ledger-XXXXXX");
    return mkdtemp(test.directory) == NULL ? -1 : 0;
}

static int tear_down(void **state) {
    (void)state;
    return nftw(test.directory, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static int start_engine(void **state) {
    (void)state;
    alarm(100);
    if (test.ledger->moves) {
        etcd_server_start(&test.server, NULL, NULL, NULL);
    }
    return 0;
}

static int end_engine(void **state) {
    (void)state;
    etcd_server_finish(&test.server);
    return 0;
}

#define CASE(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(int argc, char **argv) {
    static const struct CMUnitTest cases[] = {
        CASE(table),   CASE(first_claim),    CASE(epochs_in_order), CASE(two_owners), CASE(ended),
        CASE(given),   CASE(remembered),     CASE(largest),         CASE(listed),     CASE(singletons),
        CASE(watched), CASE(killed_owner),   CASE(of_another_host), CASE(contention), CASE(looked_at),
        CASE(damaged), CASE(open_to_others),
    };
    agent_etcd_add();
    test.ledger = argc > 1 ? corps__ledger_find(argv[1]) : NULL;
    if (test.ledger == NULL) {
        fprintf(stderr, "usage: %s NAME [CASE]: %s\n", argv[0], corps_error_detail());
        return 2;
    }
    if (test.ledger->moves && !etcd_is_installed()) {
        printf("skipped: etcd is not installed (Debian: apt install etcd-server; scripts/setup --tests)\n");
        return SKIPPED;
    }
    if (argc > 2) {
        cmocka_set_test_filter(argv[2]);
    }
    return cmocka_run_group_tests(cases, start_engine, end_engine);
}
