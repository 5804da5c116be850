#include "ledger.h"

#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

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
    struct corps_ledger_claim mine;
    (void)!test.ledger->find(book, ID, &found);
    for (uint64_t epoch = found.epoch + 1; claim(book, epoch, &mine) == CORPS_OK; epoch++) {
        if (write(to_parent, &epoch, sizeof epoch) != sizeof epoch) {
            return;
        }
    }
}

/* A process that was killed holds what it held until its lease is over. */
static void wait_until_free(struct corps_ledger_book *book) {
    const struct timespec pause = {.tv_nsec = 50000000};
    while (owner(book).is_held) {
        renew(book); /* who waits keeps its own */
        nanosleep(&pause, NULL);
    }
}

/* Killed at any moment: what was told is remembered, and what was not may be. */
void killed_owner(void **state) {
    (void)state;
    int rounds = test.ledger->moves ? 3 : 15; /* where a lease has to run out each takes long */
    uint64_t last = 0;
    for (int round = 0; round < rounds; round++) {
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
        struct corps_ledger_book *book = open_book_of(other_host());
        wait_until_free(book);
        struct corps_ledger_owner found = owner(book);
        assert_true(found.epoch == last || found.epoch == last + 1);
        struct corps_ledger_claim mine;
        assert_int_equal(claim(book, found.epoch, &mine), CORPS_ERR_MOVED);
        assert_int_equal(claim(book, found.epoch + 1, &mine), CORPS_OK);
        assert_int_equal(mine.from_ns, other_host() == HOST ? NOW + test.ledger->wait_ns : NOW);
        last = found.epoch + 1;
        test.ledger->close(book);
    }
}

/* All try for each epoch; who gets one tells. */
static uint32_t contender;

static void contend(int to_parent) {
    struct corps_ledger_book *book = open_book_of(contender);
    for (uint64_t epoch = 1; epoch <= 10;) {
        struct corps_ledger_claim mine;
        struct corps_ledger_owner found = {0};
        enum corps_err err = claim(book, epoch, &mine);
        if (err == CORPS_OK) {
            assert_int_equal(write(to_parent, &epoch, sizeof epoch), sizeof epoch);
            test.ledger->close(book);
            book = open_book_of(contender);
        } else if (err == CORPS_ERR_MOVED || err == CORPS_ERR_AGAIN) {
            enum corps_err known = test.ledger->find(book, ID, &found);
            assert_true(known == CORPS_OK || known == CORPS_ERR_UNKNOWN);
            epoch = found.epoch + 1;
        } else {
            return;
        }
    }
    _exit(0);
}

void contention(void **state) {
    (void)state;
    enum { CHILDREN = 4 };
    int got[11] = {0};
    int from_child[CHILDREN];
    pid_t pids[CHILDREN];
    for (int i = 0; i < CHILDREN; i++) {
        contender = test.ledger->moves ? HOST + (uint32_t)i : HOST;
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
        (void)!test.ledger->find(book, ID, &found);
    }
}

/* Who looks keeps nobody from claiming. */
void looked_at(void **state) {
    (void)state;
    int from_child;
    char byte;
    pid_t pid = spawn(look_on_and_on, &from_child);
    assert_int_equal(read(from_child, &byte, 1), 1);
    struct corps_ledger_book *book = open_book();
    for (int i = 0; i < 30; i++) {
        struct corps_ledger_claim mine;
        assert_int_equal(claim(book, 1, &mine), CORPS_OK);
        assert_int_equal(test.ledger->end(book, ID), CORPS_OK);
    }
    kill_child(pid);
    close(from_child);
    test.ledger->close(book);
}

/* ---- damage ---- */

/* Puts this in the place of what every epoch's file holds. */
static int overwrite_epochs(const char *text) {
    int count = 0;
    DIR *files = opendir(test.directory);
    assert_non_null(files);
    for (struct dirent *file; (file = readdir(files)) != NULL;) {
        struct stat st;
        if (fstatat(dirfd(files), file->d_name, &st, 0) == 0 && S_ISREG(st.st_mode) &&
            strstr(file->d_name, ".epoch") != NULL) {
            int fd = openat(dirfd(files), file->d_name, O_WRONLY | O_TRUNC);
            assert_int_equal(write(fd, text, strlen(text)), strlen(text));
            close(fd);
            count++;
        }
    }
    closedir(files);
    return count;
}

void damaged(void **state) {
    (void)state;
    static const char *const texts[] = {" ",
                                        "epoch",
                                        "epoch 0 host 3\n",
                                        "epoch 1 host 3",
                                        "epoch -1 host 3\n",
                                        "epoch 99999999999999999999 host 3\n",
                                        "epoch 1 host 3 give\n",
                                        "epoch 1 host 3\nepoch 2 host 3\n"};
    if (test.server.pid != 0) {
        skip(); /* what stands in an engine is another program's to write: see conformance/ledger_etcd.c */
    }
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct corps_ledger_book *book = open_book();
        struct corps_ledger_claim mine;
        struct corps_ledger_owner found;
        assert_int_equal(claim(book, 1, &mine), CORPS_OK);
        test.ledger->close(book);
        assert_true(overwrite_epochs(texts[i]) > 0);
        book = open_book();
        assert_int_equal(test.ledger->find(book, ID, &found), CORPS_ERR_CORRUPT);
        assert_int_equal(claim(book, 2, &mine), CORPS_ERR_CORRUPT);
        assert_non_null(strstr(corps_error_detail(), "remove it"));
        assert_true(overwrite_epochs("epoch 1 host 3\n") > 0);
        assert_int_equal(claim(book, 2, &mine), CORPS_OK); /* what failed holds nothing */
        assert_int_equal(test.ledger->end(book, ID), CORPS_OK);
        test.ledger->close(book);
    }
}

void open_to_others(void **state) {
    (void)state;
    struct corps_ledger_book *book = NULL;
    if (test.server.pid != 0) {
        skip();
    }
    const struct corps_ledger_options options = options_of(HOST);
    assert_int_equal(chmod(test.directory, 0777), 0);
    assert_int_equal(test.ledger->open(&options, &book), CORPS_ERR_DENIED);
    assert_null(book);
    struct corps_ledger_options nowhere = options_of(HOST);
    nowhere.directory = "/proc/none/none";
    assert_int_equal(test.ledger->open(&nowhere, &book), CORPS_ERR_SYSTEM);
}
