/* The control channel: a record that is read alone, and a stream of them that is watched. What was read comes back the
 * same when it is written and read again. */
#include "process/control.h"
#include "fuzz.h"
#include "wait/reactor.h"

#include <sys/socket.h>
#include <unistd.h>

#define LONG_NS INT64_C(10000000000)

static unsigned records, ends;

int LLVMFuzzerInitialize(int *argc, char ***argv) {
    (void)argc;
    (void)argv;
    must(uv_loop_init(corps__loop()) == 0);
    return 0;
}

static void write_all(int fd, const uint8_t *data, size_t bytes) {
    /* A socket's buffer is larger than an input; after a failure the other side hears no more. */
    ssize_t done = send(fd, data, bytes, MSG_NOSIGNAL);
    must(done == (ssize_t)bytes || ends > 0);
}

static void write_and_read(int fds[2], const struct corps_value *record) {
    struct corps_box *again = NULL;
    must(corps__control_write(fds[0], record) == CORPS_OK);
    must(corps__control_read(fds[1], LONG_NS, &again) == CORPS_OK);
    must(corps_value_equal(record, corps_box_root(again)));
    corps_box_unref(again);
}

static void read_alone(const uint8_t *data, size_t bytes) {
    int fds[2], others[2];
    struct corps_box *box = NULL;
    must(socketpair(AF_UNIX, SOCK_STREAM, 0, fds) == 0 && socketpair(AF_UNIX, SOCK_STREAM, 0, others) == 0);
    write_all(fds[0], data, bytes);
    shutdown(fds[0], SHUT_WR);
    if (corps__control_read(fds[1], LONG_NS, &box) == CORPS_OK) {
        write_and_read(others, corps_box_root(box));
        corps_box_unref(box);
    } else {
        must(corps_error_detail()[0] != '\0');
    }
    for (unsigned i = 0; i < 2; i++) {
        close(fds[i]);
        close(others[i]);
    }
}

static void on_record(void *arg, const struct corps_value *record) {
    (void)arg;
    must(ends == 0);
    records += record != NULL;
    ends += record == NULL;
}

static void watch(const uint8_t *data, size_t bytes, size_t step) {
    int fds[2];
    struct corps__control *control = NULL;
    records = ends = 0;
    must(socketpair(AF_UNIX, SOCK_STREAM, 0, fds) == 0);
    must(corps__control_open(fds[1], on_record, NULL, &control) == CORPS_OK);
    for (size_t at = 0; at < bytes; at += step) {
        write_all(fds[0], data + at, bytes - at < step ? bytes - at : step);
        uv_run(corps__loop(), UV_RUN_NOWAIT);
    }
    close(fds[0]);
    uv_run(corps__loop(), UV_RUN_NOWAIT);
    must(ends == 1 && records <= bytes / 8 + 1); /* the last one may say that it failed */
    corps__control_close(control);
    uv_run(corps__loop(), UV_RUN_NOWAIT);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes) {
    if (bytes < 1) {
        return 0;
    }
    /* What announces far more than there is costs an allocation of as much, and nothing else. */
    bool huge = bytes >= 5 && (data[3] > 1 || data[4] > 0);
    if (data[0] % 2 == 0 && !huge) {
        read_alone(data + 1, bytes - 1);
    } else {
        watch(data + 1, bytes - 1, (bytes - 1) / (1 + data[0] / 2 % 4) + 1);
    }
    return 0;
}
