#include "python_shapes.h"

#include <stdlib.h>

/* Could arrays share memory? Asked of each in a message, so nothing here looks further than it must: an array that is
 * all that holds its memory shares it with nobody. What does share, and how it travels, is for auto_memory.py. */

static struct { PyObject *base, *array_struct; /* names of attributes */ } names;

bool corps__python_memory_begin(void) {
    names.base = PyUnicode_InternFromString("base");
    names.array_struct = PyUnicode_InternFromString("__array_struct__");
    return names.base != NULL && names.array_struct != NULL;
}

bool corps__python_memoryview_is_alone(PyObject *view) {
    PyMemoryViewObject *of = (PyMemoryViewObject *)view;
    PyObject *holder = PyMemoryView_GET_BASE(view);
    return Py_REFCNT(of->mbuf) == 1 && (holder == NULL || PyBytes_CheckExact(holder) || Py_REFCNT(holder) == 1);
}

enum corps__python_sharing corps__python_array_shares(PyObject *array) {
    enum corps__python_sharing found = CORPS__PYTHON_ALONE;
    PyObject *at = Py_NewRef(array);
    PyTypeObject *kind = Py_TYPE(array);
    while (Py_IS_TYPE(at, kind)) {
        PyObject *base = PyObject_GetAttr(at, names.base);
        Py_SETREF(at, base);
        if (base == NULL) {
            return CORPS__PYTHON_NO_ANSWER;
        }
        if (base != Py_None && Py_REFCNT(base) > 2) { /* another array, or the message */
            found = Py_IS_TYPE(base, kind) ? CORPS__PYTHON_WITH_ARRAYS : CORPS__PYTHON_WITH_OTHERS;
            break;
        }
    }
    if (found == CORPS__PYTHON_ALONE && at != Py_None &&
        !(PyMemoryView_Check(at) && corps__python_memoryview_is_alone(at))) {
        found = CORPS__PYTHON_WITH_OTHERS;
    }
    Py_DECREF(at);
    return found;
}

/* numpy's PyArrayInterface, which other libraries may read. */
struct interface {
    int two, dimensions;
    char kind;
    int item_bytes, flags;
    Py_ssize_t *shape, *strides;
    char *data;
    PyObject *description;
};

struct extent {
    const char *low, *high;
};

static bool extent_of(PyObject *array, struct extent *extent) {
    PyObject *capsule = PyObject_GetAttr(array, names.array_struct);
    const struct interface *of = capsule != NULL ? PyCapsule_GetPointer(capsule, NULL) : NULL;
    if (of != NULL) {
        *extent = (struct extent){of->data, of->data};
        for (int i = 0; i < of->dimensions; i++) {
            Py_ssize_t bytes = (of->shape[i] - 1) * of->strides[i];
            *(bytes < 0 ? &extent->low : &extent->high) += bytes;
        }
        extent->high += of->item_bytes;
    }
    Py_XDECREF(capsule);
    return of != NULL;
}

static int compare(const void *a, const void *b) {
    const struct extent *one = a, *other = b;
    return one->low < other->low ? -1 : one->low > other->low;
}

int corps__python_arrays_overlap(PyObject *views) {
    struct extent *extents = PyMem_Malloc((size_t)PyList_GET_SIZE(views) * sizeof *extents);
    if (extents == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    int found = 0;
    size_t count = 0;
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(views) && found == 0; i++) {
        PyObject *view = PyList_GET_ITEM(views, i);
        if (!PyMemoryView_Check(view)) { /* one that is here is alone */
            found = extent_of(view, &extents[count++]) ? 0 : -1;
        }
    }
    if (found == 0) {
        qsort(extents, count, sizeof *extents, compare);
    }
    for (size_t i = 1; i < count && found == 0; i++) { /* neighbours: the first two that overlap are some */
        found = extents[i].low < extents[i - 1].high;
    }
    PyMem_Free(extents);
    return found;
}
