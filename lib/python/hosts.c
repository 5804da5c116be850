#include "core.h"

#include "hosts/desk.h"
#include "link/known.h"
#include "process/fleet.h"

#include <stdlib.h>

/* Hosts: which there are, where Envs are, and how agents of other hosts start Envs of this program. */

/* ---- which there are ---- */

static PyObject *of_host(const struct corps__host *host) {
    return Py_BuildValue("(IssIsO)", host->number, host->name, host->address, host->slots, host->labels,
                         host->drained ? Py_True : Py_False);
}

PyObject *corps__py_hosts(PyObject *module, PyObject *none) {
    (void)module;
    (void)none;
    struct corps__hosts *hosts = NULL;
    enum corps_err err;
    Py_BEGIN_ALLOW_THREADS err = corps__desk_hosts(&hosts);
    Py_END_ALLOW_THREADS if (err != CORPS_OK) {
        return corps__py_raise(err);
    }
    PyObject *list = PyList_New(hosts->count);
    for (unsigned i = 0; list != NULL && i < hosts->count; i++) {
        PyObject *row = of_host(&hosts->rows[i]);
        if (row != NULL) {
            PyList_SET_ITEM(list, i, row);
        } else {
            Py_CLEAR(list);
        }
    }
    PyObject *both = list != NULL ? Py_BuildValue("(INs)", hosts->own, list, hosts->ledger) : NULL;
    free(hosts);
    return both;
}

PyObject *corps__py_env_hosts(PyObject *module, PyObject *none) {
    (void)module;
    (void)none;
    struct corps *corps = corps_own();
    unsigned count = corps != NULL ? corps_env_count(corps) : 0;
    PyObject *list = PyList_New(count);
    for (unsigned env = 0; list != NULL && env < count; env++) {
        unsigned number = 0;
        if (!atomic_load(&corps->envs[env].lost)) {
            (void)corps_env_host(corps, env, &number);
        }
        PyObject *item = PyLong_FromUnsignedLong(number);
        if (item != NULL) {
            PyList_SET_ITEM(list, env, item);
        } else {
            Py_CLEAR(list);
        }
    }
    return list;
}

/* ---- how Envs are started on other hosts ---- */

static struct corps_value launch; /* of this Env's own Corps; lives for ever */

static _Thread_local const struct corps__py_launch *creating; /* what this thread creates; NULL: nothing */

/* Without the interpreter's lock, maybe with the lead: gives what was stored. */
static enum corps_err describe(void *arg, struct corps_box *box, struct corps_value *out) {
    (void)arg;
    if (creating != NULL) {
        return corps_box_copy(box, &creating->value, out);
    }
    *out = launch;
    return CORPS_OK;
}

bool corps__py_launch_begin(PyObject *options, struct corps__py_launch *own) {
    PyObject *map = corps__py_item(options, "launch");
    own->box = NULL;
    if (map == NULL) {
        return PyErr_Occurred() == NULL;
    }
    struct corps_box *box = corps_box_create();
    if (box == NULL || !corps__py_arguments(map, true, box, &own->value)) {
        corps_box_unref(box);
        if (PyErr_Occurred() == NULL) {
            (void)PyErr_NoMemory();
        }
        return false;
    }
    own->box = box;
    own->around = creating;
    creating = own;
    corps__launch_describe_set(describe, NULL);
    return true;
}

void corps__py_launch_end(struct corps__py_launch *own) {
    if (own->box != NULL) {
        creating = own->around;
        corps_box_unref(own->box);
    }
}

/* launch_set(map): once in Env 0, before it starts others */
PyObject *corps__py_launch_set(PyObject *module, PyObject *given) {
    (void)module;
    struct corps_box *box = launch.kind == CORPS_NIL ? corps_box_create() : NULL;
    struct corps_value value;
    if (box == NULL || !corps__py_arguments(given, true, box, &value)) {
        corps_box_unref(box);
        return PyErr_Occurred() ? NULL : PyErr_NoMemory();
    }
    Py_INCREF(given); /* what it points to, and its box, are there as long as the process */
    launch = value;
    corps__launch_describe_set(describe, NULL);
    Py_RETURN_NONE;
}
