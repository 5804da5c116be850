/* Gates: a Worker waits at one until the test opens it, so that the test says what comes first at any speed. */
#ifndef CORPS_TEST_GATE_H
#define CORPS_TEST_GATE_H

#include "helpers.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

/* A file, which is there once the gate is open. */
struct gate {
    char path[32];
    struct corps_future *waiting; /* the Worker's answer; the gate's */
};

/* A method, "wait_for": answers nothing until there is a file of this name. */
static inline enum corps_err method_wait_for(struct corps_context *context, void *self, const struct corps_value *args,
                                             struct corps_value *result) {
    (void)context;
    (void)self;
    (void)result;
    char path[64];
    snprintf(path, sizeof path, "%.*s", (int)args->count, args->str);
    while (access(path, F_OK) != 0) {
        poll(NULL, 0, 1);
    }
    return CORPS_OK;
}

/* For who begins a wait in a way of its own, and keeps it in `waiting`. */
static inline void gate_make(struct gate *gate) {
    snprintf(gate->path, sizeof gate->path, "/tmp/corps-gate-XXXXXX");
    int fd = mkstemp(gate->path);
    assert_true(fd >= 0);
    close(fd);
    assert_int_equal(unlink(gate->path), 0);
}

/* The Worker `name` waits from now on. */
static inline void gate_shut(struct gate *gate, const struct corps_name *name) {
    gate_make(gate);
    gate->waiting = begin(name, "wait_for", corps_str(gate->path));
}

static inline void gate_open(const struct gate *gate) {
    int fd = open(gate->path, O_CREAT | O_WRONLY, 0600);
    assert_true(fd >= 0);
    close(fd);
}

/* Opens it, and waits until the Worker has gone on. */
static inline void gate_finish(struct gate *gate) {
    gate_open(gate);
    assert_ok(corps_future_wait(gate->waiting, LONG_NS, NULL));
    corps_future_destroy(gate->waiting);
    assert_int_equal(unlink(gate->path), 0);
}

#endif
