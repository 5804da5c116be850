#include "core.h"

#include "link/foreign.h"
#include "link/known.h"

/* Workers that are found by class or tag, and Workers that are ended by their Names. */

enum { ROOM = 1024 }; /* for the first look */

/* What is asked for; once more with more room, if there are more than expected. */
struct search {
    struct corps *corps; /* NULL: for fronts */
    const char *class_name, *tag;
    int env;
    int64_t timeout_ns;
};

static enum corps_err look(const struct search *search, struct corps_name **names, size_t room, size_t *count) {
    return search->corps != NULL ? corps_find(search->corps, search->class_name, search->tag, search->env,
                                              search->timeout_ns, names, room, count)
                                 : corps_find_fronts(search->tag, search->timeout_ns, names, room, count);
}

static PyObject *found(const struct search *search) {
    for (size_t room = ROOM;;) {
        struct corps_name **names = PyMem_Calloc(room, sizeof *names);
        if (names == NULL) {
            return PyErr_NoMemory();
        }
        size_t count = 0;
        enum corps_err err = look(search, names, room, &count);
        bool all = err != CORPS_OK || count <= room;
        PyObject *list = err != CORPS_OK ? corps__py_raise(err) : corps__py_addresses(names, all ? count : room);
        PyMem_Free(names);
        if (all || list == NULL) {
            return list;
        }
        Py_DECREF(list);
        room = count + count / 4;
    }
}

PyObject *corps__py_find(PyObject *module, PyObject *args) {
    (void)module;
    unsigned long long corps_id;
    struct search search = {.env = -1};
    long long timeout_ns;
    if (!PyArg_ParseTuple(args, "KzziL", &corps_id, &search.class_name, &search.tag, &search.env, &timeout_ns) ||
        !corps__python_serves()) {
        return NULL;
    }
    search.timeout_ns = timeout_ns;
    struct corps *own = corps_own();
    struct corps *other = NULL;
    if (own != NULL && (corps_id == 0 || corps_id == (unsigned long long)corps__own_id())) {
        search.corps = own;
    } else {
        enum corps_err err = corps__foreign_find(corps_id, &other);
        if (err != CORPS_OK) {
            return corps__py_raise(err);
        }
        search.corps = other;
    }
    PyObject *list = found(&search);
    if (other != NULL) {
        corps__corps_unref(other);
    }
    return list;
}

PyObject *corps__py_find_fronts(PyObject *module, PyObject *args) {
    (void)module;
    struct search search = {.corps = NULL};
    long long timeout_ns;
    if (!PyArg_ParseTuple(args, "zL", &search.tag, &timeout_ns) || !corps__python_serves()) {
        return NULL;
    }
    search.timeout_ns = timeout_ns;
    return found(&search);
}

PyObject *corps__py_find_singleton(PyObject *module, PyObject *args) {
    (void)module;
    const char *name;
    long long timeout_ns;
    if (!PyArg_ParseTuple(args, "sL", &name, &timeout_ns) || !corps__python_serves()) {
        return NULL;
    }
    struct corps_name *front;
    enum corps_err err = corps_find_singleton(name, timeout_ns, &front);
    if (err == CORPS_ERR_UNKNOWN) {
        Py_RETURN_NONE;
    }
    if (err != CORPS_OK) {
        return corps__py_raise(err);
    }
    PyObject *address = corps__py_address(front);
    corps_name_unref(front);
    return address;
}

PyObject *corps__py_delete(PyObject *module, PyObject *args) {
    (void)module;
    PyObject *list;
    long long timeout_ns;
    if (!PyArg_ParseTuple(args, "O!L", &PyList_Type, &list, &timeout_ns) || !corps__python_serves()) {
        return NULL;
    }
    size_t count = (size_t)PyList_GET_SIZE(list);
    struct corps_name **names = PyMem_Calloc(count + 1, sizeof *names);
    if (names == NULL) {
        return PyErr_NoMemory();
    }
    size_t taken = 0;
    while (taken < count && PyObject_TypeCheck(PyList_GET_ITEM(list, (Py_ssize_t)taken), &corps__name_type)) {
        names[taken] = corps_name_ref(((struct name *)PyList_GET_ITEM(list, (Py_ssize_t)taken))->name);
        taken++;
    }
    enum corps_err err = taken == count ? corps_delete(names, count, timeout_ns) : CORPS_OK;
    for (size_t i = 0; i < taken; i++) {
        corps_name_unref(names[i]);
    }
    PyMem_Free(names);
    if (taken < count) {
        PyErr_SetString(PyExc_TypeError, "only Names of Workers can be deleted");
        return NULL;
    }
    if (err != CORPS_OK) {
        return corps__py_raise(err);
    }
    Py_RETURN_NONE;
}
