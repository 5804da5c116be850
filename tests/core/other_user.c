/* Another user of the same host: `other_user TRANSPORT`. Needs root, which can become another user.
 *
 * First as things are: the Corps' directory keeps him out. Then as if that had failed (directory and sockets open to
 * everybody): the sockets themselves refuse him before a byte of his is read. The Corps serves all the while. */
#include "helpers.h"

#include <dirent.h>
#include <errno.h>
#include <grp.h>
#include <poll.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SOCKETS_MAX = 16, OTHER_USER = 65534, SKIPPED = 77 };

static char runtime[64]; /* XDG_RUNTIME_DIR */
static char base[128];   /* of all Corps; below it one directory, of ours */
static char directory[300];
static char sockets[SOCKETS_MAX][600];
static unsigned socket_count;

static const struct corps_method methods[] = {{"echo", method_echo}, {NULL, NULL}};
static const struct corps_class echo_class = {.name = "echo", .methods = methods};
static const struct corps_class *const classes[] = {&echo_class, NULL};

static void find_sockets(void) {
    DIR *folder = opendir(base);
    assert_non_null(folder);
    for (struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder)) {
        if (entry->d_name[0] != '.') {
            snprintf(directory, sizeof directory, "%s/%.100s", base, entry->d_name);
        }
    }
    closedir(folder);
    folder = opendir(directory);
    assert_non_null(folder);
    for (struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder)) {
        char path[600];
        struct stat st;
        snprintf(path, sizeof path, "%s/%s", directory, entry->d_name);
        if (stat(path, &st) == 0 && S_ISSOCK(st.st_mode)) {
            assert_true(socket_count < SOCKETS_MAX);
            strcpy(sockets[socket_count++], path);
        }
    }
    closedir(folder);
}

/* ---- what the other user does; his exit status counts what he should not have got ---- */

static int connect_to(const char *path) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || strlen(path) >= sizeof address.sun_path) {
        return -1;
    }
    strcpy(address.sun_path, path);
    if (connect(fd, (struct sockaddr *)&address, sizeof address) != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

static int look_around(void) {
    int got = opendir(directory) != NULL;
    got += errno != EACCES;
    for (unsigned i = 0; i < socket_count; i++) {
        got += connect_to(sockets[i]) >= 0;
    }
    return got;
}

/* Is he shown the door, with nothing said to him? He says nothing himself: it is not what he says that is wrong. */
static bool is_refused(int fd) {
    char said[256];
    struct pollfd end = {.fd = fd, .events = POLLIN};
    return poll(&end, 1, 60000) == 1 && read(fd, said, sizeof said) <= 0;
}

static int knock(void) {
    int fds[SOCKETS_MAX];
    int got = 0;
    for (unsigned i = 0; i < socket_count; i++) {
        fds[i] = connect_to(sockets[i]);
    }
    for (unsigned i = 0; i < socket_count; i++) {
        got += fds[i] < 0 || !is_refused(fds[i]);
    }
    return got;
}

/* The user himself who says nothing is still waited for when the other one has been sent away. */
static void expect_open(const int *fds) {
    for (unsigned i = 0; i < socket_count; i++) {
        struct pollfd end = {.fd = fds[i], .events = POLLIN};
        assert_int_equal(poll(&end, 1, 0), 0);
        close(fds[i]);
    }
}

/* Calls go on meanwhile: a program's own socket is served when the program waits. */
static int as_other_user(int (*act)(void), const struct corps_name *name) {
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        bool other = setgroups(0, NULL) == 0 && setgid(OTHER_USER) == 0 && setuid(OTHER_USER) == 0;
        _exit(other ? act() : 100);
    }
    int status;
    for (int64_t n = 0; waitpid(pid, &status, WNOHANG) == 0; n++) {
        assert_int_equal(ask_int(name, "echo", corps_int(n)), n);
        usleep(1000);
    }
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void open_to_everybody(void) {
    assert_int_equal(chmod(runtime, 0755), 0);
    assert_int_equal(chmod(base, 0755), 0);
    assert_int_equal(chmod(directory, 0755), 0);
    for (unsigned i = 0; i < socket_count; i++) {
        assert_int_equal(chmod(sockets[i], 0777), 0);
    }
}

static void test_other_user(void **state) {
    (void)state;
    struct corps *corps = make_with((struct corps_options){.env_count = 2});
    struct corps_name *name = worker_in(corps, "echo", last_env(corps));
    assert_int_equal(ask_int(name, "echo", corps_int(1)), 1);
    find_sockets();
    assert_int_equal(as_other_user(look_around, name), 0);
    open_to_everybody();
    int own[SOCKETS_MAX];
    for (unsigned i = 0; i < socket_count; i++) {
        own[i] = connect_to(sockets[i]);
        assert_true(own[i] >= 0);
    }
    assert_int_equal(as_other_user(knock, name), 0);
    expect_open(own);
    corps_name_unref(name);
    assert_ok(corps_exit(corps, LONG_NS));
}

int main(int argc, char **argv) {
    int failed = test_start(argc, argv, classes);
    if (failed != 0) {
        return failed;
    }
    if (geteuid() != 0) {
        puts("skipped: only root can become another user");
        return SKIPPED;
    }
    strcpy(runtime, "/tmp/other-user-XXXXXX");
    if (mkdtemp(runtime) == NULL || setenv("XDG_RUNTIME_DIR", runtime, 1) != 0) {
        perror("other_user: a runtime directory");
        return 1;
    }
    snprintf(base, sizeof base, "%s/corps", runtime);
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_other_user)};
    failed = cmocka_run_group_tests_name(argv[1], tests, NULL, NULL);
    (void)!rmdir(base);
    if (rmdir(runtime) != 0) {
        perror("other_user: something is left behind");
        failed++;
    }
    return failed;
}
