/* Call chains in Python (corps/chains.h). What a plain method works for, the core knows by its thread. What a coroutine
 * works for is in a context variable, so that it goes along over every await and into the tasks that it begins; the
 * thread is told around each call. Where a method runs on top of a coroutine that waits, the method's own counts. */
#include "core.h"

#include "actor/conc.h"

#include <corps/chains.h>

bool corps__py_chains;

static PyObject *variable;

uint64_t corps__py_chain_to_keep(void) {
    uint64_t chain = corps_chain();
    corps__py_chains = corps__py_chains || chain != 0;
    return chain;
}

/* What is worked for here. False with an exception. */
static bool chain_here(uint64_t *chain) {
    *chain = corps_chain();
    PyObject *value = NULL;
    if (!corps__py_chains || corps__context_here() != NULL || PyContextVar_Get(variable, NULL, &value) < 0 ||
        value == NULL) {
        return !PyErr_Occurred();
    }
    *chain = PyLong_AsUnsignedLongLong(value);
    Py_DECREF(value);
    return !PyErr_Occurred();
}

bool corps__py_chain_enter(uint64_t *before) {
    uint64_t chain;
    if (!chain_here(&chain)) {
        return false;
    }
    *before = corps_chain_enter(chain);
    return true;
}

PyObject *corps__py_chain_id(PyObject *module, PyObject *none) {
    (void)module;
    (void)none;
    uint64_t chain;
    if (!chain_here(&chain)) {
        return NULL;
    }
    return corps_chain_id(chain) != 0 ? PyLong_FromUnsignedLong(corps_chain_id(chain)) : Py_NewRef(Py_None);
}

/* The Corps of a capsule; None: the process's own; NULL and no exception: it was given back. */
static struct corps *corps_of(PyObject *capsule) {
    return capsule == Py_None                    ? corps_own()
           : PyCapsule_IsValid(capsule, "corps") ? PyCapsule_GetPointer(capsule, "corps")
                                                 : NULL;
}

PyObject *corps__py_chains_begin(PyObject *module, PyObject *args) {
    (void)module;
    PyObject *capsule;
    unsigned long long spans, every;
    if (!PyArg_ParseTuple(args, "OKK", &capsule, &spans, &every)) {
        return NULL;
    }
    struct corps *corps = corps_of(capsule);
    if (corps == NULL) {
        return corps__py_raise(corps_error_set(CORPS_ERR_EXITED, "the Corps has exited"));
    }
    const struct corps_chains_options options = {.span_count = (size_t)spans, .every = every};
    enum corps_err err = corps_chains_begin(corps, &options);
    return err == CORPS_OK ? Py_NewRef(Py_None) : corps__py_raise(err);
}

PyObject *corps__py_chains_end(PyObject *module, PyObject *args) {
    (void)module;
    PyObject *capsule;
    int fd;
    if (!PyArg_ParseTuple(args, "Oi", &capsule, &fd)) {
        return NULL;
    }
    enum corps_err err = corps_chains_end(corps_of(capsule), fd);
    return err == CORPS_OK ? Py_NewRef(Py_None) : corps__py_raise(err);
}

PyObject *corps__py_chain_variable(void) {
    variable = variable != NULL ? variable : PyContextVar_New("corps_chain", NULL);
    return Py_XNewRef(variable);
}
