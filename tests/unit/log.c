/* The log's lines, as who reads the standard error of a process sees them. Settings are read once a process, so each
 * case is a child. */
#include "base/log.h"
#include "base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

enum { OUTPUT_BYTES = 400000, PATIENCE_S = 60 };

static char output[OUTPUT_BYTES]; /* what the last child wrote; ends with NUL */

/* A child whose standard error is `fd`: runs `body` with these settings. A child that waits for ever dies of SIGALRM.
 */
static pid_t start(int fd, const char *level, const char *format, void (*body)(void)) {
    fflush(NULL);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        alarm(PATIENCE_S);
        if (dup2(fd, STDERR_FILENO) < 0 || (level != NULL && setenv("CORPS_LOG", level, 1) != 0) ||
            (format != NULL && setenv("CORPS_LOG_FORMAT", format, 1) != 0)) {
            _exit(3);
        }
        body();
        _exit(0);
    }
    return pid;
}

static int end_of(pid_t pid) {
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status;
}

static void read_all(int fd) {
    size_t used = 0;
    ssize_t bytes;
    while ((bytes = read(fd, output + used, sizeof output - 1 - used)) > 0) {
        used += (size_t)bytes;
    }
    output[used] = '\0';
    close(fd);
}

static void run(const char *level, const char *format, void (*body)(void)) {
    int fds[2];
    assert_int_equal(pipe(fds), 0);
    pid_t pid = start(fds[1], level, format, body);
    close(fds[1]);
    read_all(fds[0]);
    assert_int_equal(end_of(pid), 0);
}

/* ---- levels and texts ---- */

static void one_of_each(void) {
    corps__log(CORPS_LOG_ERROR, "a", NULL, "error %d", 1);
    corps__log(CORPS_LOG_WARN, "b", CORPS__LOG_FIELDS(CORPS__LOG_INT("n", 2)), "warn %s", "two");
    corps__log(CORPS_LOG_INFO, "c", NULL, "info");
    corps__log(CORPS_LOG_DEBUG, "d", NULL, "debug");
}

static void test_levels(void **state) {
    (void)state;
    static const struct {
        const char *level;
        const char *lines;
    } rows[] = {
        {NULL, "corps: error 1\ncorps: warn two\n"},
        {"", "corps: error 1\ncorps: warn two\n"},
        {"off", ""},
        {"error", "corps: error 1\n"},
        {"warn", "corps: error 1\ncorps: warn two\n"},
        {"info", "corps: error 1\ncorps: warn two\ncorps: info\n"},
        {"debug", "corps: error 1\ncorps: warn two\ncorps: info\ncorps: debug\n"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        run(rows[i].level, NULL, one_of_each);
        assert_string_equal(output, rows[i].lines);
    }
}

static char traceback[10001];

static void with_traceback(void) {
    corps__log_traced(CORPS_LOG_WARN, "failed", NULL, "Traceback:\n  line\n", "it failed");
    corps__log_traced(CORPS_LOG_WARN, "failed", NULL, NULL, "it failed");
    corps__log_traced(CORPS_LOG_WARN, "failed", NULL, traceback, "at length");
}

static void test_traceback(void **state) {
    (void)state;
    memset(traceback, 'x', sizeof traceback - 2);
    traceback[sizeof traceback - 2] = '\n';
    run(NULL, NULL, with_traceback);
    static const char start_of[] = "corps: it failed\nTraceback:\n  line\ncorps: it failed\ncorps: at length\n";
    assert_int_equal(strncmp(output, start_of, sizeof start_of - 1), 0);
    assert_string_equal(output + sizeof start_of - 1, traceback);
}

static void keeps_what_was(void) {
    (void)corps_error_set(CORPS_ERR_INVALID, "before");
    errno = ENOTDIR;
    close(STDERR_FILENO); /* so that each call in it fails */
    corps__log(CORPS_LOG_ERROR, "a", NULL, "%s", corps_error_detail());
    if (errno != ENOTDIR || strcmp(corps_error_detail(), "before") != 0) {
        abort();
    }
}

static void test_errno_and_detail_stay(void **state) {
    (void)state;
    run(NULL, NULL, keeps_what_was);
}

/* ---- JSON ---- */

static void odd_texts(void) {
    corps__log_identify(7);
    corps__log(CORPS_LOG_WARN, "odd",
               CORPS__LOG_FIELDS(CORPS__LOG_TEXT("reason", "a \"b\" \\ \n\t\x7f"), CORPS__LOG_INT("n", INT64_MIN)),
               "gr\xc3\xbc\xc3\x9f \xff \xed\xa0\x80 \xc3");
}

/* time() is of a coarser clock, which lags behind. */
static time_t now(void) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return now.tv_sec;
}

static void test_json(void **state) {
    (void)state;
    time_t before = now();
    run(NULL, "json", odd_texts);
    time_t after = now();
    char early[40], late[40], wanted[400];
    strftime(early, sizeof early, "{\"time\":\"%Y-%m-%dT%H:%M:%S", gmtime(&before));
    strftime(late, sizeof late, "{\"time\":\"%Y-%m-%dT%H:%M:%S", gmtime(&after));
    assert_true(strncmp(output, early, strlen(early)) >= 0 && strncmp(output, late, strlen(late)) <= 0);
    const char *rest = strchr(output, 'Z');
    assert_non_null(rest);
    const char *pid = strstr(output, "\"pid\":");
    assert_non_null(pid);
    snprintf(
        wanted, sizeof wanted,
        "Z\",\"level\":\"warn\",\"event\":\"odd\",\"pid\":%d,\"env\":7,"
        "\"text\":\"gr\xc3\xbc\xc3\x9f \\ufffd \\ufffd\\ufffd\\ufffd \\ufffd\","
        "\"fields\":{\"reason\":\"a \\u0022b\\u0022 \\u005c \\u000a\\u0009\\u007f\",\"n\":-9223372036854775808}}\n",
        atoi(pid + 6));
    assert_string_equal(rest, wanted);
}

static void long_ones(void) {
    static const char first[] = "\xc3\xa4";
    char text[6001];
    for (size_t i = 0; i + 1 < sizeof text; i++) {
        text[i] = first[i % 2];
    }
    text[sizeof text - 1] = '\0';
    corps__log_traced(CORPS_LOG_WARN, "long", CORPS__LOG_FIELDS(CORPS__LOG_TEXT("a", text), CORPS__LOG_INT("b", 1)),
                      traceback, "%s", text);
    corps__log(CORPS_LOG_WARN, "empty", CORPS__LOG_FIELDS(CORPS__LOG_TEXT("a", "")), "%s", "");
}

/* What does not fit is left out, and the line stays whole. */
static void test_json_is_cut(void **state) {
    (void)state;
    memset(traceback, '\n', sizeof traceback - 1);
    run(NULL, "json", long_ones);
    char *line = strchr(output, '\n');
    assert_non_null(line);
    assert_true(line - output < 4096);
    assert_int_equal(strncmp(line - 12, "\\u000a\xe2\x80\xa6\"}}", 12), 0);
    assert_non_null(strstr(output, "\xc3\xa4\xe2\x80\xa6\",\"fields\":{\"a\":\""));
    assert_non_null(strstr(output, "\xc3\xa4\xe2\x80\xa6\",\"b\":1,\"traceback\":\"\\u000a"));
    assert_non_null(strstr(line, "\"text\":\"\",\"fields\":{\"a\":\"\"}}\n"));
}

/* ---- what is wrong is told once ---- */

static void program_with_envs(void) {
    corps__log_identify(-1);
    corps__log_identify(-1);
}

static void an_env(void) {
    corps__log_identify(3);
    corps__log(CORPS_LOG_WARN, "a", NULL, "warn");
}

static void test_wrong_settings(void **state) {
    (void)state;
    run("loud", "xml", program_with_envs);
    assert_string_equal(output,
                        "corps: CORPS_LOG is 'loud', and is taken for warn; choose one of: off, error, warn, info, "
                        "debug\ncorps: CORPS_LOG_FORMAT is 'xml', and is taken for text; choose one of: text, "
                        "json, python\n");
    run("loud", "xml", an_env);
    assert_string_equal(output, "corps: warn\n");
    run("warn", "json", program_with_envs);
    assert_string_equal(output, "");
}

/* ---- who reads slowly, or not at all ---- */

static int full_pipe[2];

static void into_full_pipe(void) {
    for (int i = 0; i < 3; i++) {
        corps__log(CORPS_LOG_WARN, "a", NULL, "unread %d", i);
    }
    static char drained[100000];
    while (read(full_pipe[0], drained, sizeof drained) == sizeof drained) {
    }
    corps__log(CORPS_LOG_WARN, "a", NULL, "read");
}

static void test_full_pipe(void **state) {
    (void)state;
    assert_int_equal(pipe2(full_pipe, O_NONBLOCK), 0);
    char byte = 'x';
    while (write(full_pipe[1], &byte, 1) == 1) {
    }
    fcntl(full_pipe[1], F_SETFL, 0); /* as shells give it: who writes there waits */
    fcntl(full_pipe[0], F_SETFL, O_NONBLOCK);
    pid_t pid = start(full_pipe[1], NULL, NULL, into_full_pipe);
    assert_int_equal(end_of(pid), 0);
    close(full_pipe[1]);
    read_all(full_pipe[0]);
    assert_string_equal(output, "corps: 3 lines of this log were lost, since standard error was not read in time\n"
                                "corps: read\n");
}

static void no_reader(void) {
    corps__log(CORPS_LOG_WARN, "a", NULL, "to nobody");
}

static void test_no_reader(void **state) {
    (void)state;
    int pipes[2], sockets[2];
    assert_int_equal(pipe(pipes), 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, sockets), 0);
    close(pipes[0]);
    close(sockets[0]);
    assert_int_equal(end_of(start(pipes[1], NULL, NULL, no_reader)), 0); /* not by SIGPIPE */
    assert_int_equal(end_of(start(sockets[1], NULL, NULL, no_reader)), 0);
    close(pipes[1]);
    close(sockets[1]);
}

static void test_sockets_and_files(void **state) {
    (void)state;
    int sockets[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, sockets), 0);
    pid_t pid = start(sockets[1], NULL, NULL, one_of_each);
    close(sockets[1]);
    read_all(sockets[0]);
    assert_int_equal(end_of(pid), 0);
    assert_string_equal(output, "corps: error 1\ncorps: warn two\n");
    char path[] = "/tmp/corps-log-XXXXXX";
    int file = mkstemp(path);
    assert_true(file >= 0);
    unlink(path);
    assert_int_equal(write(file, "before\n", 7), 7);
    assert_int_equal(end_of(start(file, NULL, NULL, one_of_each)), 0);
    assert_int_equal(lseek(file, 0, SEEK_SET), 0);
    read_all(file);
    assert_string_equal(output, "before\ncorps: error 1\ncorps: warn two\n");
}

/* ---- several processes ---- */

enum { WRITERS = 4, LINES = 20 };

static void long_lines(void) {
    char text[2000];
    memset(text, 'a' + getpid() % 26, sizeof text - 1);
    text[sizeof text - 1] = '\0';
    for (int i = 0; i < LINES; i++) {
        struct pollfd room = {.fd = STDERR_FILENO, .events = POLLOUT};
        (void)poll(&room, 1, -1); /* the log does not wait; another process may be faster still */
        corps__log_traced(CORPS_LOG_WARN, "long", NULL, text, "%s", text);
    }
}

static void test_lines_are_whole(void **state) {
    (void)state;
    int fds[2];
    assert_int_equal(pipe(fds), 0);
    pid_t pids[WRITERS];
    for (int i = 0; i < WRITERS; i++) {
        pids[i] = start(fds[1], NULL, "json", long_lines);
    }
    close(fds[1]);
    read_all(fds[0]);
    for (int i = 0; i < WRITERS; i++) {
        assert_int_equal(end_of(pids[i]), 0);
    }
    int lines = 0;
    for (char *line = output, *end; (end = strchr(line, '\n')) != NULL; line = end + 1, lines++) {
        *end = '\0';
        assert_int_equal(strncmp(line, "{\"time\":\"", 9), 0);
        assert_null(strstr(line + 1, "{\"time\""));
        assert_string_equal(end - 2, "}}");
    }
    assert_true(lines >= 10); /* so many a pipe takes before anybody reads */
}

static void refusals(void) {
    for (int i = 0; i < 5; i++) {
        corps__log_refusal("it knows no secret");
    }
    int64_t second_ns = corps__now_ns() + 1000000001;
    while (corps__now_ns() < second_ns) {
        struct timespec left = {.tv_sec = 1};
        (void)nanosleep(&left, NULL);
    }
    corps__log_refusal("it knows no secret");
}

/* In a second that is slow there may be more, and the count is theirs. */
static void test_refusals_are_counted(void **state) {
    (void)state;
    run(NULL, NULL, refusals);
    int lines = 0, others = 0;
    for (const char *line = output; *line != '\0'; line = strchr(line, '\n') + 1) {
        static const char start_of[] = "corps: a peer was refused: it knows no secret";
        assert_int_equal(strncmp(line, start_of, sizeof start_of - 1), 0);
        int more = 0;
        (void)sscanf(line + sizeof start_of - 1, " (and %d more", &more);
        others += more;
        lines++;
    }
    assert_int_equal(lines + others, 6);
    assert_true(lines >= 2);
}

/* ---- a log of the program's own ---- */

static char told[3][64];
static unsigned told_count;

static void tell(enum corps_log_level level, const char *event, const char *text, void *arg) {
    snprintf(told[told_count++ % 3], sizeof told[0], "%d %s %s %s", (int)level, event, text, (const char *)arg);
}

static void with_hook(void) {
    char mine[] = "mine";
    corps_log_set(tell, mine);
    corps__log(CORPS_LOG_WARN, "a", NULL, "first");
    corps__log(CORPS_LOG_INFO, "b", NULL, "unwanted");
    corps__log_traced(CORPS_LOG_ERROR, "c", NULL, "line\n", "second");
    corps_log_set(NULL, NULL);
    corps__log(CORPS_LOG_WARN, "a", NULL, "third");
    if (told_count != 2 || strcmp(told[0], "2 a first mine") != 0 || strcmp(told[1], "1 c second\nline\n mine") != 0) {
        abort();
    }
}

static void test_hook(void **state) {
    (void)state;
    run(NULL, NULL, with_hook);
    assert_string_equal(output, "corps: third\n");
    run(NULL, "python", one_of_each); /* where no Python takes them */
    assert_string_equal(output, "corps: error 1\ncorps: warn two\n");
}

int main(void) {
    unsetenv("CORPS_LOG");
    unsetenv("CORPS_LOG_FORMAT");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_levels),
        cmocka_unit_test(test_traceback),
        cmocka_unit_test(test_errno_and_detail_stay),
        cmocka_unit_test(test_json),
        cmocka_unit_test(test_json_is_cut),
        cmocka_unit_test(test_wrong_settings),
        cmocka_unit_test(test_full_pipe),
        cmocka_unit_test(test_no_reader),
        cmocka_unit_test(test_sockets_and_files),
        cmocka_unit_test(test_lines_are_whole),
        cmocka_unit_test(test_refusals_are_counted),
        cmocka_unit_test(test_hook),
    };
    return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}
