/* Conformance of one ledger with corps/ledger.h: `ledger NAME [CASE]`. */
#include "hosts/ledgers.h"

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <inttypes.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define HOST 3u
#define ID UINT64_C(0x0003000000000abc) /* a Corps whose first host this is */
#define NOW INT64_C(5000000000)

static const struct corps_ledger *ledger;
static char directory[64];

static struct corps_ledger_book *open_book(void) {
    struct corps_ledger_book *book = NULL;
    const struct corps_ledger_options options = {.directory = directory, .host = HOST};
    assert_int_equal(ledger->open(&options, &book), CORPS_OK);
    assert_ptr_equal(book->ledger, ledger);
    return book;
}

static enum corps_err claim(struct corps_ledger_book *book, uint64_t epoch, struct corps_ledger_claim *out) {
    return ledger->claim(book, ID, epoch, NOW, out);
}

static struct corps_ledger_owner owner(struct corps_ledger_book *book) {
    struct corps_ledger_owner found = {0};
    assert_int_equal(ledger->find(book, ID, &found), CORPS_OK);
    return found;
}

/* ---- cases ---- */

static void table(void **state) {
    (void)state;
    assert_ptr_equal(corps__ledger_find(ledger->name), ledger);
    assert_non_null(ledger->summary);
    assert_true(ledger->wait_ns >= 0);
    assert_true(ledger->open != NULL && ledger->claim != NULL && ledger->renew != NULL && ledger->find != NULL &&
                ledger->end != NULL && ledger->close != NULL);
    assert_null(corps__ledger_find("none"));
    ledger->close(NULL);
}

static void first_claim(void **state) {
    (void)state;
    struct corps_ledger_book *book = open_book();
    struct corps_ledger_owner nobody;
    assert_int_equal(ledger->find(book, ID, &nobody), CORPS_ERR_UNKNOWN);
    struct corps_ledger_claim mine;
    assert_int_equal(claim(book, 1, &mine), CORPS_OK);
    assert_true(mine.corps_id == ID && mine.epoch == 1);
    assert_int_equal(mine.from_ns, NOW); /* nothing was granted before */
    assert_true(mine.until_ns > NOW);
    struct corps_ledger_owner found = owner(book);
    assert_true(found.epoch == 1 && found.host == HOST && found.is_held);
    mine.until_ns = 0;
    assert_int_equal(ledger->renew(book, &mine, NOW), CORPS_OK);
    assert_true(mine.until_ns > NOW);
    ledger->close(book);
}

static void epochs_in_order(void **state) {
    (void)state;
    struct corps_ledger_book *book = open_book();
    struct corps_ledger_claim mine, again;
    assert_int_equal(claim(book, 0, &mine), CORPS_ERR_INVALID);
    assert_int_equal(claim(book, 2, &mine), CORPS_ERR_MOVED);
    assert_int_equal(claim(book, 1, &mine), CORPS_OK);
    assert_int_equal(ledger->claim(book, ID, 1, 2 * NOW, &again), CORPS_OK); /* the first answer was lost */
    assert_true(again.epoch == mine.epoch && again.from_ns == mine.from_ns);
    assert_int_equal(owner(book).epoch, 1);
    assert_int_equal(claim(book, 3, &again), CORPS_ERR_MOVED);
    assert_int_equal(ledger->renew(book, &mine, NOW), CORPS_OK); /* a claim that failed changes nothing */
    assert_int_equal(claim(book, 2, &again), CORPS_OK);          /* its holder begins it anew */
    assert_int_equal(again.from_ns, NOW + ledger->wait_ns);
    assert_int_equal(ledger->renew(book, &mine, NOW), CORPS_ERR_CLOSED);
    assert_int_equal(claim(book, 1, &again), CORPS_ERR_MOVED);
    ledger->close(book);
}

static void two_owners(void **state) {
    (void)state;
    struct corps_ledger_book *first = open_book();
    struct corps_ledger_book *second = open_book();
    struct corps_ledger_claim mine, others;
    assert_int_equal(claim(first, 1, &mine), CORPS_OK);
    assert_int_equal(claim(second, 1, &others), CORPS_ERR_AGAIN);
    assert_int_equal(claim(second, 2, &others), CORPS_ERR_AGAIN);
    assert_true(owner(second).is_held);
    ledger->end(second, ID); /* what it does not hold stays */
    assert_int_equal(owner(second).epoch, 1);
    assert_int_equal(ledger->renew(first, &mine, NOW), CORPS_OK);
    ledger->close(first);
    assert_false(owner(second).is_held);
    assert_int_equal(claim(second, 1, &others), CORPS_ERR_MOVED);
    assert_int_equal(claim(second, 2, &others), CORPS_OK);
    assert_int_equal(others.from_ns, NOW + ledger->wait_ns);
    ledger->close(second);
}

static void ended(void **state) {
    (void)state;
    struct corps_ledger_book *book = open_book();
    struct corps_ledger_claim mine;
    struct corps_ledger_owner nobody;
    assert_int_equal(claim(book, 1, &mine), CORPS_OK);
    ledger->end(book, ID);
    assert_int_equal(ledger->renew(book, &mine, NOW), CORPS_ERR_CLOSED);
    assert_int_equal(ledger->find(book, ID, &nobody), CORPS_ERR_UNKNOWN);
    ledger->close(book);
    assert_int_equal(rmdir(directory), 0); /* nothing is left */
    assert_int_equal(mkdir(directory, 0700), 0);
}

/* Another host's Corps: claimed, where the ledger lets it; else it says whose it is. */
static void of_another_host(void **state) {
    (void)state;
    struct corps_ledger_book *book = open_book();
    const uint64_t others_id = UINT64_C(0x0004000000000abc);
    struct corps_ledger_claim mine;
    struct corps_ledger_owner found;
    enum corps_err err = ledger->claim(book, others_id, 1, NOW, &mine);
    if (err == CORPS_ERR_DENIED) {
        assert_non_null(strstr(corps_error_detail(), "host 4"));
        assert_int_equal(ledger->find(book, others_id, &found), CORPS_OK);
        assert_true(found.host == 4 && found.epoch == 0 && !found.is_held);
    } else {
        assert_int_equal(err, CORPS_OK);
        assert_int_equal(ledger->find(book, others_id, &found), CORPS_OK);
        assert_true(found.host == HOST && found.is_held);
    }
    ledger->close(book);
}

static bool is_readable(int fd, int timeout_ms) {
    struct pollfd poller = {.fd = fd, .events = POLLIN};
    return poll(&poller, 1, timeout_ms) == 1;
}

static void watched(void **state) {
    (void)state;
    struct corps_ledger_book *first = open_book();
    struct corps_ledger_book *second = open_book();
    int fd = ledger->watch != NULL ? ledger->watch(second) : -1;
    if (fd < 0) {
        skip();
    }
    struct corps_ledger_claim mine;
    assert_false(is_readable(fd, 0));
    assert_int_equal(claim(first, 1, &mine), CORPS_OK);
    assert_true(is_readable(fd, 10000));
    assert_true(owner(second).is_held);
    assert_false(is_readable(fd, 0));
    ledger->close(first);
    assert_true(is_readable(fd, 10000));
    assert_false(owner(second).is_held);
    ledger->close(second);
}

/* ---- with other processes ---- */

/* Runs in a child until it is killed; what it tells goes to the pipe. */
static pid_t spawn(void (*run)(int to_parent), int *from_child) {
    int fds[2];
    assert_int_equal(pipe(fds), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        close(fds[0]);
        run(fds[1]);
        _exit(1);
    }
    close(fds[1]);
    *from_child = fds[0];
    return pid;
}

static void kill_child(pid_t pid) {
    kill(pid, SIGKILL);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
}

/* Begins the Corps anew without end, and tells each epoch once it has it. */
static void claim_on_and_on(int to_parent) {
    struct corps_ledger_book *book = open_book();
    struct corps_ledger_owner found = {0};
    (void)!ledger->find(book, ID, &found);
    struct corps_ledger_claim mine;
    for (uint64_t epoch = found.epoch + 1; claim(book, epoch, &mine) == CORPS_OK; epoch++) {
        if (write(to_parent, &epoch, sizeof epoch) != sizeof epoch) {
            return;
        }
    }
}

/* Killed at any moment: what was told is remembered, and what was not may be. */
static void killed_owner(void **state) {
    (void)state;
    uint64_t last = 0;
    for (int round = 0; round < 15; round++) {
        int from_child;
        uint64_t told = 0;
        pid_t pid = spawn(claim_on_and_on, &from_child);
        for (int i = 0; i <= round % 4; i++) {
            assert_int_equal(read(from_child, &told, sizeof told), sizeof told);
            assert_true(told > last);
            last = told;
        }
        kill_child(pid);
        while (read(from_child, &told, sizeof told) == sizeof told) {
            last = told;
        }
        close(from_child);
        struct corps_ledger_book *book = open_book();
        struct corps_ledger_owner found = owner(book);
        assert_false(found.is_held);
        assert_true(found.epoch == last || found.epoch == last + 1);
        struct corps_ledger_claim mine;
        assert_int_equal(claim(book, found.epoch, &mine), CORPS_ERR_MOVED);
        assert_int_equal(claim(book, found.epoch + 1, &mine), CORPS_OK);
        assert_int_equal(mine.from_ns, NOW + ledger->wait_ns);
        last = found.epoch + 1;
        ledger->close(book);
    }
}

/* All try for each epoch; who gets one tells. */
static void contend(int to_parent) {
    struct corps_ledger_book *book = open_book();
    for (uint64_t epoch = 1; epoch <= 10;) {
        struct corps_ledger_claim mine;
        struct corps_ledger_owner found = {0};
        enum corps_err err = claim(book, epoch, &mine);
        if (err == CORPS_OK) {
            assert_int_equal(write(to_parent, &epoch, sizeof epoch), sizeof epoch);
            ledger->close(book);
            book = open_book();
        } else if (err == CORPS_ERR_MOVED || err == CORPS_ERR_AGAIN) {
            enum corps_err known = ledger->find(book, ID, &found);
            assert_true(known == CORPS_OK || known == CORPS_ERR_UNKNOWN);
            epoch = found.epoch + 1;
        } else {
            return;
        }
    }
    _exit(0);
}

static void contention(void **state) {
    (void)state;
    enum { CHILDREN = 4 };
    int got[11] = {0};
    int from_child[CHILDREN];
    pid_t pids[CHILDREN];
    for (int i = 0; i < CHILDREN; i++) {
        pids[i] = spawn(contend, &from_child[i]);
    }
    for (int i = 0; i < CHILDREN; i++) {
        uint64_t epoch;
        while (read(from_child[i], &epoch, sizeof epoch) == sizeof epoch) {
            assert_in_range(epoch, 1, 10);
            got[epoch]++;
        }
        int status = -1;
        assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
        close(from_child[i]);
    }
    for (int i = 1; i <= 10; i++) {
        assert_int_equal(got[i], 1);
    }
}

static void look_on_and_on(int to_parent) {
    struct corps_ledger_book *book = open_book();
    struct corps_ledger_owner found;
    (void)!write(to_parent, "", 1);
    for (;;) {
        (void)!ledger->find(book, ID, &found);
    }
}

/* Who looks keeps nobody from claiming. */
static void looked_at(void **state) {
    (void)state;
    int from_child;
    char byte;
    pid_t pid = spawn(look_on_and_on, &from_child);
    assert_int_equal(read(from_child, &byte, 1), 1);
    struct corps_ledger_book *book = open_book();
    for (int i = 0; i < 30; i++) {
        struct corps_ledger_claim mine;
        assert_int_equal(claim(book, 1, &mine), CORPS_OK);
        ledger->end(book, ID);
    }
    kill_child(pid);
    close(from_child);
    ledger->close(book);
}

/* ---- damage ---- */

/* Puts this in the place of what every file holds. */
static int overwrite_all(const char *text) {
    int count = 0;
    DIR *files = opendir(directory);
    assert_non_null(files);
    for (struct dirent *file; (file = readdir(files)) != NULL;) {
        struct stat st;
        if (fstatat(dirfd(files), file->d_name, &st, 0) == 0 && S_ISREG(st.st_mode) && st.st_size > 0) {
            int fd = openat(dirfd(files), file->d_name, O_WRONLY | O_TRUNC);
            assert_int_equal(write(fd, text, strlen(text)), strlen(text));
            close(fd);
            count++;
        }
    }
    closedir(files);
    return count;
}

static void damaged(void **state) {
    (void)state;
    static const char *const texts[] = {" ",
                                        "epoch",
                                        "epoch 0 host 3\n",
                                        "epoch 1 host 3",
                                        "epoch -1 host 3\n",
                                        "epoch 99999999999999999999 host 3\n",
                                        "epoch 1 host 3\nepoch 2 host 3\n"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct corps_ledger_book *book = open_book();
        struct corps_ledger_claim mine;
        struct corps_ledger_owner found;
        assert_int_equal(claim(book, 1, &mine), CORPS_OK);
        ledger->close(book);
        assert_true(overwrite_all(texts[i]) > 0);
        book = open_book();
        assert_int_equal(ledger->find(book, ID, &found), CORPS_ERR_CORRUPT);
        assert_int_equal(claim(book, 2, &mine), CORPS_ERR_CORRUPT);
        assert_non_null(strstr(corps_error_detail(), "remove it"));
        assert_true(overwrite_all("epoch 1 host 3\n") > 0);
        assert_int_equal(claim(book, 2, &mine), CORPS_OK); /* what failed holds nothing */
        ledger->end(book, ID);
        ledger->close(book);
    }
}

static void open_to_others(void **state) {
    (void)state;
    struct corps_ledger_book *book = NULL;
    const struct corps_ledger_options options = {.directory = directory, .host = HOST};
    assert_int_equal(chmod(directory, 0777), 0);
    assert_int_equal(ledger->open(&options, &book), CORPS_ERR_DENIED);
    assert_null(book);
    const struct corps_ledger_options nowhere = {.directory = "/proc/none/none", .host = HOST};
    assert_int_equal(ledger->open(&nowhere, &book), CORPS_ERR_SYSTEM);
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
    alarm(100);
    snprintf(directory, sizeof directory, "/tmp/corps-ledger-XXXXXX");
    return mkdtemp(directory) == NULL ? -1 : 0;
}

static int tear_down(void **state) {
    (void)state;
    return nftw(directory, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

#define CASE(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(int argc, char **argv) {
    static const struct CMUnitTest cases[] = {
        CASE(table),      CASE(first_claim), CASE(epochs_in_order), CASE(two_owners),
        CASE(ended),      CASE(watched),     CASE(killed_owner),    CASE(of_another_host),
        CASE(contention), CASE(looked_at),   CASE(damaged),         CASE(open_to_others),
    };
    ledger = argc > 1 ? corps__ledger_find(argv[1]) : NULL;
    if (ledger == NULL) {
        fprintf(stderr, "usage: %s NAME [CASE]: %s\n", argv[0], corps_error_detail());
        return 2;
    }
    if (argc > 2) {
        cmocka_set_test_filter(argv[2]);
    }
    return cmocka_run_group_tests(cases, NULL, NULL);
}
