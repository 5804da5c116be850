#include "base/log.h"
#include "core.h"

#include <stdatomic.h>
#include <unistd.h>

enum { RECORD_BYTES = 4096 }; /* what a pipe takes as one: pipe(7) */

static _Atomic int pipe_fd = -1; /* does not wait */
static _Atomic unsigned lost_count;

static bool put(enum corps_log_level level, const char *event, const char *text) {
    char record[RECORD_BYTES];
    int bytes = snprintf(record, sizeof record, "%d%c%.63s%c%s", (int)level, 0, event, 0, text) + 1;
    if (bytes > (int)sizeof record) {
        memcpy(record + sizeof record - 4, "...", 4);
        bytes = sizeof record;
    }
    return write(atomic_load(&pipe_fd), record, (size_t)bytes) == bytes;
}

/* Under whatever lock: a thread of Python reads it where it can be waited for. */
static void to_pipe(enum corps_log_level level, const char *event, const char *text, void *arg) {
    (void)arg;
    unsigned lost = atomic_exchange(&lost_count, 0);
    char more[80];
    snprintf(more, sizeof more, "%u lines of this log were lost, since nobody read them in time", lost);
    if (lost > 0 && !put(CORPS_LOG_WARN, "lines_lost", more)) {
        atomic_fetch_add(&lost_count, lost);
    }
    if (!put(level, event, text)) {
        atomic_fetch_add(&lost_count, 1);
    }
}

PyObject *corps__py_log_pipe(PyObject *module, PyObject *fd) {
    (void)module;
    long number = PyLong_AsLong(fd);
    if (number == -1 && PyErr_Occurred()) {
        return NULL;
    }
    if (number >= 0) {
        atomic_store(&pipe_fd, (int)number);
    }
    corps_log_set(number >= 0 ? to_pipe : NULL, NULL);
    Py_RETURN_NONE;
}

PyObject *corps__py_log(PyObject *module, PyObject *args) {
    static const char *const names[] = {"error", "warn", "info", "debug"};
    (void)module;
    const char *level;
    const char *event;
    const char *text;
    if (!PyArg_ParseTuple(args, "sss", &level, &event, &text)) {
        return NULL;
    }
    for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(names[i], level) == 0) {
            corps__log((enum corps_log_level)(CORPS_LOG_ERROR + i), event, NULL, "%s", text);
            Py_RETURN_NONE;
        }
    }
    return PyErr_Format(PyExc_ValueError, "there is no level '%s'; choose one of: error, warn, info, debug", level);
}
