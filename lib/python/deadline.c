/* Deadlines of the calls that Python makes: what `with corps.deadline(…)` says, in a context variable, so that it goes
 * with a coroutine. A method's own request binds its thread in the core; that of an async method is in the variable.
 *
 * A thread that waits inside a method may run another Worker's method on top of it, in the same context. So a value
 * holds only for the request in which it was set; or for what runs outside of methods, as coroutines do. */
#include "core.h"

#include "actor/conc.h"
#include "base/clock.h"

bool corps__py_deadlines;

static PyObject *variable;

struct limit {
    unsigned long long owner; /* the request: where its context is, 0 outside of methods */
    int detached;             /* the request's deadline does not bind */
    long long deadline_ns;    /* CORPS_FOREVER: none */
};

static unsigned long long owner_here(void) {
    return (uintptr_t)corps__context_here();
}

static PyObject *limit_object(const struct limit *limit) {
    corps__py_deadlines = true;
    return Py_BuildValue("(KiL)", limit->owner, limit->detached, limit->deadline_ns);
}

/* What the variable says here. False with an exception. */
static bool limit_here(struct limit *limit) {
    *limit = (struct limit){.owner = owner_here(), .deadline_ns = CORPS_FOREVER};
    PyObject *value = NULL;
    if (!corps__py_deadlines || PyContextVar_Get(variable, NULL, &value) < 0 || value == NULL || value == Py_None) {
        Py_XDECREF(value);
        return !PyErr_Occurred();
    }
    struct limit found;
    bool ok = PyArg_ParseTuple(value, "KiL", &found.owner, &found.detached, &found.deadline_ns) != 0;
    Py_DECREF(value);
    if (ok && found.owner == limit->owner) {
        *limit = found;
    }
    return ok;
}

bool corps__py_limit(struct corps_call_options *options) {
    struct limit limit;
    if (!limit_here(&limit)) {
        return false;
    }
    options->flags |= limit.detached ? CORPS_CALL_DETACHED : 0;
    if (limit.deadline_ns != CORPS_FOREVER) {
        options->timeout_ns = limit.deadline_ns - corps__now_ns();
        if (options->timeout_ns <= 0) {
            (void)corps__py_raise(corps_error_set(CORPS_ERR_TIMEOUT, "the deadline for this call has passed"));
            return false;
        }
    }
    return true;
}

PyObject *corps__py_limit_of(int64_t timeout_ns) {
    const struct limit limit = {.deadline_ns = corps__deadline_ns(timeout_ns)};
    return timeout_ns != CORPS_FOREVER ? limit_object(&limit) : Py_NewRef(Py_None);
}

/* deadline_within(seconds or None) → what `deadline_variable` is to be inside the block; None: nothing binds, not even
 * the request. */
PyObject *corps__py_deadline_within(PyObject *module, PyObject *seconds) {
    (void)module;
    int64_t timeout = corps__py_timeout(seconds);
    struct limit limit;
    if (timeout < 0 || !limit_here(&limit)) {
        return NULL;
    }
    if (seconds == Py_None) {
        struct corps_context *context = corps__context_here();
        limit.detached = context != NULL && corps_context_time_left_ns(context) != CORPS_FOREVER;
        limit.deadline_ns = CORPS_FOREVER;
        return limit.detached ? limit_object(&limit) : Py_NewRef(Py_None);
    }
    int64_t deadline = corps__deadline_ns(timeout);
    limit.deadline_ns = deadline < limit.deadline_ns ? deadline : limit.deadline_ns;
    return limit_object(&limit);
}

/* time_left() → seconds, None without a deadline */
PyObject *corps__py_time_left(PyObject *module, PyObject *none) {
    (void)module;
    (void)none;
    struct limit limit;
    if (!limit_here(&limit)) {
        return NULL;
    }
    struct corps_context *context = limit.detached ? NULL : corps__context_here();
    int64_t left = context != NULL ? corps_context_time_left_ns(context) : CORPS_FOREVER;
    if (limit.deadline_ns != CORPS_FOREVER) {
        int64_t own = limit.deadline_ns - corps__now_ns();
        left = own < left ? own : left;
    }
    return left == CORPS_FOREVER ? Py_NewRef(Py_None) : PyFloat_FromDouble(left > 0 ? (double)left / 1e9 : 0.0);
}

/* cancelled() → bool: does nobody wait for the request of this thread's method? None outside of methods */
PyObject *corps__py_cancelled(PyObject *module, PyObject *none) {
    (void)module;
    (void)none;
    struct corps_context *context = corps__context_here();
    return context != NULL ? PyBool_FromLong(corps_context_cancelled(context)) : Py_NewRef(Py_None);
}

PyObject *corps__py_deadlines_begin(void) {
    variable = variable != NULL ? variable : PyContextVar_New("corps_deadline", NULL);
    return Py_XNewRef(variable);
}
