/* Reading out of another process's memory: whole or not at all, and from nobody but the process that was meant. */
#include "../../transports/cma_read.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PAGE_BYTES = 4096, PAGES = 4 };

/* The other process, and where its memory lies: it begins as a copy of ours, at the same addresses. */
struct other {
    pid_t pid;
    uint8_t *memory; /* PAGES pages, of which the other has given back the last */
    struct corps__cma_peer peer;
};

static void be_other(uint8_t *memory, int ready) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    memset(memory, 0x5a, (size_t)PAGES * PAGE_BYTES);
    if (munmap(memory + (size_t)(PAGES - 1) * PAGE_BYTES, PAGE_BYTES) != 0 || write(ready, "", 1) != 1) {
        _exit(1);
    }
    for (;;) {
        pause();
    }
}

static int start(void **state) {
    static struct other other;
    int ready[2];
    other.memory = mmap(NULL, (size_t)PAGES * PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (other.memory == MAP_FAILED || pipe(ready) != 0) {
        return -1;
    }
    other.pid = fork();
    if (other.pid == 0) {
        be_other(other.memory, ready[1]);
    }
    close(ready[1]);
    char byte;
    bool is_ready = other.pid > 0 && read(ready[0], &byte, 1) == 1;
    close(ready[0]);
    other.peer = (struct corps__cma_peer){.pid = other.pid, .pidfd = (int)syscall(SYS_pidfd_open, other.pid, 0)};
    *state = &other;
    return is_ready ? 0 : -1;
}

static void end(struct other *other) {
    if (other->pid > 0) {
        kill(other->pid, SIGKILL);
        waitpid(other->pid, NULL, 0);
        other->pid = 0;
    }
}

static int stop(void **state) {
    struct other *other = *state;
    end(other);
    corps__cma_peer_close(&other->peer);
    return munmap(other->memory, (size_t)PAGES * PAGE_BYTES);
}

static enum corps_err read_at(const struct other *other, size_t offset, size_t bytes, uint8_t *to) {
    struct corps__remote remote = {.address = (uintptr_t)other->memory + offset, .bytes = bytes, .number = 1};
    return corps__cma_read(&other->peer, &remote, to);
}

static void skip_where_forbidden(const struct other *other) {
    uint8_t byte;
    if (read_at(other, 0, 1, &byte) == CORPS_ERR_UNSUPPORTED) {
        print_message("skipped: this system lets nobody read another process's memory\n");
        skip();
    }
}

static void test_reads_what_the_other_has(void **state) {
    static uint8_t here[(size_t)PAGES * PAGE_BYTES];
    skip_where_forbidden(*state);
    const size_t bytes = 2 * PAGE_BYTES;
    assert_int_equal(read_at(*state, 100, bytes, here + 1), CORPS_OK);
    assert_int_equal(here[0], 0);
    for (size_t i = 1; i <= bytes; i++) {
        assert_int_equal(here[i], 0x5a); /* the other's: ours holds zeros */
    }
    assert_int_equal(here[bytes + 1], 0);
}

static void test_nothing_where_memory_ends(void **state) {
    static uint8_t here[(size_t)PAGES * PAGE_BYTES];
    skip_where_forbidden(*state);
    assert_int_equal(read_at(*state, 0, sizeof here, here), CORPS_ERR_PROTOCOL);
    assert_int_equal(read_at(*state, (size_t)(PAGES - 1) * PAGE_BYTES, 1, here), CORPS_ERR_PROTOCOL);
}

static void test_nothing_from_one_that_ended(void **state) {
    static uint8_t here[PAGE_BYTES];
    end(*state);
    assert_int_equal(read_at(*state, 0, sizeof here, here), CORPS_ERR_CLOSED);
}

/* The number of a process that ended may be another's by now: the handle decides, not the number. */
static void test_nothing_from_another_of_that_number(void **state) {
    struct other *other = *state;
    static uint8_t here[PAGE_BYTES];
    end(other);
    memset(other->memory, 0x33, PAGE_BYTES);
    other->peer.pid = getpid();
    assert_int_equal(read_at(other, 0, sizeof here, here), CORPS_ERR_CLOSED);
}

static void test_nothing_without_a_handle(void **state) {
    struct other *other = *state;
    uint8_t here[1];
    corps__cma_peer_close(&other->peer);
    assert_int_equal(read_at(other, 0, sizeof here, here), CORPS_ERR_UNSUPPORTED);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_reads_what_the_other_has, start, stop),
        cmocka_unit_test_setup_teardown(test_nothing_where_memory_ends, start, stop),
        cmocka_unit_test_setup_teardown(test_nothing_from_one_that_ended, start, stop),
        cmocka_unit_test_setup_teardown(test_nothing_from_another_of_that_number, start, stop),
        cmocka_unit_test_setup_teardown(test_nothing_without_a_handle, start, stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
