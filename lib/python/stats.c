#include "core.h"

#include "process/stats.h"

#include <corps/stats.h>

/* What Envs have counted. */

/* The Corps that `who` names: a capsule, None (the own one), or the Name of any of its Workers. Attached, or NULL with
 * an exception. */
static struct corps *attach(PyObject *who) {
    uint64_t id = 0;
    if (PyObject_TypeCheck(who, &corps__name_type)) {
        unsigned env, conc;
        corps_name_address(((struct name *)who)->name, &id, &env, &conc);
    } else {
        struct corps *known = who == Py_None ? corps_own() : PyCapsule_GetPointer(who, "corps");
        if (known == NULL) {
            if (!PyErr_Occurred()) {
                PyErr_SetString(PyExc_RuntimeError, "this process is part of no Corps");
            }
            return NULL;
        }
        id = corps_id(known);
    }
    struct corps *corps = NULL;
    enum corps_err err = corps_attach(id, &corps);
    if (err != CORPS_OK) {
        (void)corps__py_raise(err);
    }
    return corps;
}

/* A Future; or what is wrong, as text. */
static PyObject *ask(struct corps *corps, unsigned env, int64_t timeout_ns) {
    struct corps_future *future = NULL;
    enum corps_err err = corps__stats_ask(corps, env, timeout_ns, &future);
    return err == CORPS_OK ? corps__py_future(future)
                           : PyUnicode_FromFormat("%s: %s", corps_error_name(err), corps_error_detail());
}

PyObject *corps__py_stats_ask(PyObject *module, PyObject *args) {
    (void)module;
    PyObject *who;
    PyObject *seconds;
    if (!corps__python_serves() || !PyArg_ParseTuple(args, "OO", &who, &seconds)) {
        return NULL;
    }
    int64_t timeout_ns = corps__py_timeout(seconds);
    struct corps *corps = timeout_ns >= 0 ? attach(who) : NULL;
    if (corps == NULL) {
        return NULL;
    }
    unsigned count = corps_env_count(corps);
    PyObject *list = PyList_New(count);
    for (unsigned env = 0; list != NULL && env < count; env++) {
        PyObject *answer = ask(corps, env, timeout_ns);
        if (answer != NULL) {
            PyList_SET_ITEM(list, env, answer);
        } else {
            Py_CLEAR(list);
        }
    }
    corps_detach(corps);
    return list;
}
