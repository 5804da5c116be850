/* Files that are there whole: the write is cut at each of its steps, by the end of the process and by an error. */

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* How many steps still work; then the process ends, or the step fails. */
static int steps_left = INT32_MAX;
static bool ends;
enum { ENDED = 7, PIECE = 64 };

static bool works(void) {
    if (steps_left-- > 0) {
        return true;
    }
    if (ends) {
        _exit(ENDED);
    }
    errno = ENOSPC;
    return false;
}

/* In pieces, the last of them cut. */
static ssize_t write_piece(int fd, const void *data, size_t bytes) {
    size_t piece = bytes < PIECE ? bytes : PIECE;
    if (steps_left == 0) {
        piece = write(fd, data, piece / 2) >= 0 ? piece : 0;
    }
    return works() ? write(fd, data, piece) : -1;
}

#define openat(...) (works() ? openat(__VA_ARGS__) : -1)
#define write(fd, data, bytes) write_piece(fd, data, bytes)
#define fsync(fd) (works() ? fsync(fd) : -1)
#define renameat(...) (works() ? renameat(__VA_ARGS__) : -1)
#include "../../lib/base/whole.c"
#undef openat
#undef write
#undef fsync
#undef renameat

static char path[] = "/tmp/corps-whole-XXXXXX";
static int directory = -1;

static int setup(void **state) {
    (void)state;
    memcpy(path + strlen(path) - 6, "XXXXXX", 6);
    return mkdtemp(path) == NULL || corps__whole_open(path, &directory) != CORPS_OK;
}

static int teardown(void **state) {
    (void)state;
    corps__whole_remove(directory, "file");
    corps__whole_remove(directory, ".file.new");
    close(directory);
    return rmdir(path);
}

enum { BYTES = 300 };

static enum corps_err put(char letter) {
    char content[BYTES];
    memset(content, letter, sizeof content);
    return corps__whole_write(directory, "file", content, sizeof content);
}

/* The letter that the whole file is of; 0: there is none. */
static char get(void) {
    uint8_t *data;
    size_t bytes;
    assert_int_equal(corps__whole_read(directory, "file", 4096, &data, &bytes), CORPS_OK);
    if (data == NULL) {
        return 0;
    }
    assert_int_equal(bytes, BYTES);
    char letter = (char)data[0];
    for (size_t i = 0; i < bytes; i++) {
        assert_int_equal(data[i], letter);
    }
    free(data);
    return letter;
}

/* Steps: open, five writes, fsync, rename, fsync of the directory. */
enum { STEPS = 9, UNTIL_RENAME = 7 };

static void test_process_ends(void **state) {
    (void)state;
    for (int first = 0; first < 2; first++) { /* without and with a file before */
        for (int steps = 0; steps <= STEPS; steps++) {
            char before = get();
            pid_t child = fork();
            if (child == 0) {
                ends = true;
                steps_left = steps;
                _exit(put('a' + (char)steps) == CORPS_OK ? 0 : 1);
            }
            int status;
            assert_int_equal(waitpid(child, &status, 0), child);
            assert_int_equal(WEXITSTATUS(status), steps < STEPS ? ENDED : 0);
            assert_int_equal(get(), steps <= UNTIL_RENAME ? before : 'a' + steps);
        }
    }
    assert_int_equal(put('z'), CORPS_OK); /* whatever the others have left */
    assert_int_equal(get(), 'z');
}

static void test_steps_fail(void **state) {
    (void)state;
    assert_int_equal(put('0'), CORPS_OK);
    for (int steps = 0; steps < STEPS; steps++) {
        char before = get();
        steps_left = steps;
        enum corps_err err = put('a' + (char)steps);
        steps_left = INT32_MAX;
        assert_int_equal(err, CORPS_ERR_SYSTEM);
        assert_non_null(strstr(corps_error_detail(), "No space left"));
        assert_int_equal(get(), steps <= UNTIL_RENAME ? before : 'a' + steps);
        assert_int_equal(faccessat(directory, ".file.new", F_OK, 0), -1);
    }
}

static void test_reading(void **state) {
    (void)state;
    uint8_t *data;
    size_t bytes;
    assert_int_equal(get(), 0);
    assert_int_equal(put('a'), CORPS_OK);
    assert_int_equal(corps__whole_read(directory, "file", BYTES - 1, &data, &bytes), CORPS_ERR_TOO_LARGE);
    struct stat st;
    assert_int_equal(fstatat(directory, "file", &st, 0), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(fchmodat(directory, "file", 0620, 0), 0);
    assert_int_equal(corps__whole_read(directory, "file", 4096, &data, &bytes), CORPS_ERR_DENIED);
    corps__whole_remove(directory, "file");
    assert_int_equal(mkfifoat(directory, "file", 0600), 0);
    assert_int_equal(corps__whole_read(directory, "file", 4096, &data, &bytes), CORPS_ERR_DENIED);
    corps__whole_remove(directory, "file");
    assert_int_equal(symlinkat("/etc/passwd", directory, "file"), 0);
    assert_int_equal(corps__whole_read(directory, "file", 4096, &data, &bytes), CORPS_ERR_SYSTEM);
}

static void test_directories(void **state) {
    (void)state;
    int fd;
    char below[64];
    snprintf(below, sizeof below, "%s/below", path);
    assert_int_equal(corps__whole_open(below, &fd), CORPS_OK);
    close(fd);
    struct stat st;
    assert_int_equal(stat(below, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0700);
    const mode_t open_to_others[] = {0720, 0702, 0777};
    for (int i = 0; i < 3; i++) {
        assert_int_equal(chmod(below, open_to_others[i]), 0);
        assert_int_equal(corps__whole_open(below, &fd), CORPS_ERR_DENIED);
    }
    assert_int_equal(rmdir(below), 0);
    assert_int_equal(symlink(path, below), 0); /* somebody may have put it there */
    assert_int_equal(corps__whole_open(below, &fd), CORPS_ERR_SYSTEM);
    assert_int_equal(unlink(below), 0);
    if (geteuid() == 0) {
        assert_int_equal(mkdir(below, 0700), 0);
        assert_int_equal(chown(below, 65534, 65534), 0);
        assert_int_equal(corps__whole_open(below, &fd), CORPS_ERR_DENIED);
        assert_non_null(strstr(corps_error_detail(), "another user"));
        assert_int_equal(rmdir(below), 0);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_process_ends, setup, teardown),
        cmocka_unit_test_setup_teardown(test_steps_fail, setup, teardown),
        cmocka_unit_test_setup_teardown(test_reading, setup, teardown),
        cmocka_unit_test_setup_teardown(test_directories, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
