#include "core.h"

#include "link/news.h"
#include "process/envs.h"

/* Adding Envs to a Corps, and taking them: of a Name's Corps, or the own one. */

/* The Corps' number; false with an exception. */
static bool corps_meant(PyObject *name, uint64_t *id) {
    if (name == Py_None && corps_own() != NULL) {
        *id = corps_id(corps_own());
        return true;
    }
    if (!PyObject_TypeCheck(name, &corps__name_type)) {
        PyErr_Format(name == Py_None ? PyExc_RuntimeError : PyExc_TypeError,
                     name == Py_None ? "in a program, say which Corps: give its Name" : "%R is no Name of a Corps",
                     name);
        return false;
    }
    unsigned env;
    unsigned conc;
    corps_name_address(((struct name *)name)->name, id, &env, &conc);
    return true;
}

/* Waits as Futures do: signals' handlers run meanwhile. False with an exception. */
static bool await(struct corps_future *future) {
    while (!corps_future_ready(future)) {
        (void)!corps_future_wait(future, corps__py_slice(CORPS_FOREVER), NULL);
        if (PyErr_CheckSignals() != 0) {
            return false;
        }
    }
    return true;
}

/* change_env(Name or None, Env to take or None, seconds or None, host to add it on or None) → the Env's number */
PyObject *corps__py_change_env(PyObject *module, PyObject *args) {
    (void)module;
    PyObject *name;
    PyObject *which;
    PyObject *seconds;
    const char *host;
    uint64_t id;
    if (!PyArg_ParseTuple(args, "OOOz", &name, &which, &seconds, &host) || !corps_meant(name, &id) ||
        !corps__python_serves()) {
        return NULL;
    }
    bool adds = which == Py_None;
    unsigned long taken = adds ? 0 : PyLong_AsUnsignedLong(which);
    int64_t timeout_ns = corps__py_timeout(seconds);
    if (PyErr_Occurred()) {
        return NULL;
    }
    unsigned env = taken < UINT32_MAX ? (unsigned)taken : UINT32_MAX;
    struct corps_future *future = NULL;
    enum corps_err err = corps__env_change_begin(id, adds, host, env, timeout_ns, &future);
    bool waited = err == CORPS_OK && await(future);
    if (waited) {
        err = corps__env_change_end(id, adds, future, &env);
    }
    corps_future_destroy(future);
    return err != CORPS_OK ? corps__py_raise(err) : waited ? PyLong_FromUnsignedLong(env) : NULL;
}

/* env_count() → how many Envs the own Corps has, by the latest news; None in a program */
PyObject *corps__py_env_count(PyObject *module, PyObject *none) {
    (void)module;
    (void)none;
    struct corps *corps = corps_own();
    if (corps == NULL) {
        Py_RETURN_NONE;
    }
    corps__news_read(corps);
    return PyLong_FromUnsignedLong(corps_env_count(corps));
}
