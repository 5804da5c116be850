#include "python_shapes.h"

/* A *shape* is a class and the names of the attributes that an instance has; called with their values it makes one. */

#if PY_VERSION_HEX < 0x030C0000
#define HAS_TAG(type) PyType_HasFeature(type, Py_TPFLAGS_VALID_VERSION_TAG)
#else
#define HAS_TAG(type) true
#endif

static PyObject *look_up(PyTypeObject *type, PyObject *name) {
    PyObject *found = _PyType_Lookup(type, name); /* borrowed */
    return found != NULL ? found : Py_None;
}

/* The number that a type has until something in it or its bases changes, 0: none. */
static unsigned tag_of(PyTypeObject *type) {
    return HAS_TAG(type) ? type->tp_version_tag : 0;
}

bool corps__python_watch_begin(struct corps__python_watch *watch, PyTypeObject *type, PyObject *names) {
    Py_ssize_t count = PyTuple_GET_SIZE(names);
    PyObject *found = PyTuple_New(count);
    if (found == NULL) {
        return false;
    }
    for (Py_ssize_t i = 0; i < count; i++) {
        PyTuple_SET_ITEM(found, i, Py_NewRef(look_up(type, PyTuple_GET_ITEM(names, i))));
    }
    watch->names = Py_NewRef(names);
    watch->found = found;
    watch->tag = tag_of(type);
    return true;
}

bool corps__python_watch_holds(struct corps__python_watch *watch, PyTypeObject *type) {
    unsigned tag = tag_of(type);
    if (tag != 0 && tag == watch->tag) {
        return true;
    }
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(watch->names); i++) {
        if (look_up(type, PyTuple_GET_ITEM(watch->names, i)) != PyTuple_GET_ITEM(watch->found, i)) {
            return false;
        }
    }
    watch->tag = tag_of(type);
    return true;
}

void corps__python_watch_end(struct corps__python_watch *watch) {
    Py_CLEAR(watch->names);
    Py_CLEAR(watch->found);
}

/* ---- making instances ---- */

/* Of instances.py: function (class, slots, names) → may attributes be set from here, past the class's own code? */
static PyObject *settable;
/* Of instances.py: function (class, slots, names, *values) → an instance, made in Python */
static PyObject *by_hand;

enum { KEPT = 64 };
static PyTypeObject shape_type;
static struct corps__python_shape *kept[KEPT]; /* shapes that were used, by a hash of their class */

static void destroy(PyObject *self) {
    struct corps__python_shape *shape = (struct corps__python_shape *)self;
    Py_XDECREF(shape->cls);
    Py_XDECREF(shape->slots);
    Py_XDECREF(shape->names);
    corps__python_watch_end(&shape->watch);
    PyObject_Free(self);
}

/* What in the class decides how its attributes are set. */
static bool examine(struct corps__python_shape *shape) {
    PyObject *own = Py_BuildValue("(ss)", "__setstate__", "__new__");
    PyObject *attributes = own != NULL ? PySequence_Concat(shape->slots, shape->names) : NULL;
    PyObject *watched = attributes != NULL ? PySequence_Concat(attributes, own) : NULL;
    struct corps__python_watch watch = {0};
    bool good = watched != NULL && corps__python_watch_begin(&watch, (PyTypeObject *)shape->cls, watched);
    PyObject *answer =
        good ? PyObject_CallFunctionObjArgs(settable, shape->cls, shape->slots, shape->names, NULL) : NULL;
    int fits = answer != NULL ? PyObject_IsTrue(answer) : -1;
    if (fits >= 0) { /* otherwise it stays as it was, out of date, and is examined anew when it is next used */
        corps__python_watch_end(&shape->watch);
        shape->watch = watch;
        shape->fits = fits > 0;
    } else {
        corps__python_watch_end(&watch);
    }
    Py_XDECREF(own);
    Py_XDECREF(attributes);
    Py_XDECREF(watched);
    Py_XDECREF(answer);
    return fits >= 0;
}

static PyObject *make_by_hand(const struct corps__python_shape *shape, PyObject *values) {
    PyObject *first = PyTuple_Pack(3, shape->cls, shape->slots, shape->names);
    PyObject *all = first != NULL ? PySequence_Concat(first, values) : NULL;
    PyObject *made = all != NULL ? PyObject_Call(by_hand, all, NULL) : NULL;
    Py_XDECREF(first);
    Py_XDECREF(all);
    return made;
}

/* Sets the attributes as pickle does, without the class's own __setattr__. */
static bool fill(const struct corps__python_shape *shape, PyObject *made, PyObject *values) {
    Py_ssize_t slots = PyTuple_GET_SIZE(shape->slots);
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(values); i++) {
        PyObject *name = i < slots ? PyTuple_GET_ITEM(shape->slots, i) : PyTuple_GET_ITEM(shape->names, i - slots);
        if (PyObject_GenericSetAttr(made, name, PyTuple_GET_ITEM(values, i)) != 0) {
            return false;
        }
    }
    return true;
}

static PyObject *make_alone(PyObject *self, PyObject *values, PyObject *keywords) {
    struct corps__python_shape *shape = (struct corps__python_shape *)self;
    if (keywords != NULL ||
        PyTuple_GET_SIZE(values) != PyTuple_GET_SIZE(shape->slots) + PyTuple_GET_SIZE(shape->names)) {
        PyErr_SetString(PyExc_TypeError, "a shape takes a value for each attribute");
        return NULL;
    }
    if (!corps__python_watch_holds(&shape->watch, (PyTypeObject *)shape->cls) && !examine(shape)) {
        return NULL;
    }
    if (!shape->fits) {
        return make_by_hand(shape, values);
    }
    PyObject *nothing = PyTuple_New(0);
    PyObject *made = nothing != NULL ? PyBaseObject_Type.tp_new((PyTypeObject *)shape->cls, nothing, NULL) : NULL;
    Py_XDECREF(nothing);
    if (made != NULL && !fill(shape, made, values)) {
        Py_CLEAR(made);
    }
    return made;
}

static PyObject *make(PyObject *self, PyObject *values, PyObject *keywords) {
    PyObject *made;
    CORPS_ALONE_BEGIN
    made = make_alone(self, values, keywords);
    CORPS_ALONE_END
    return made;
}

/* ---- finding shapes ---- */

bool corps__python_are_texts(PyObject *names) {
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(names); i++) {
        if (!PyUnicode_CheckExact(PyTuple_GET_ITEM(names, i))) {
            return false;
        }
    }
    return true;
}

/* A copy of a tuple of texts, interned: attributes are found by identity first. */
static PyObject *interned(PyObject *names) {
    PyObject *copy = PyTuple_New(PyTuple_GET_SIZE(names));
    for (Py_ssize_t i = 0; copy != NULL && i < PyTuple_GET_SIZE(names); i++) {
        PyObject *name = Py_NewRef(PyTuple_GET_ITEM(names, i));
        PyUnicode_InternInPlace(&name);
        PyTuple_SET_ITEM(copy, i, name);
    }
    return copy;
}

static struct corps__python_shape *create(PyObject *cls, PyObject *slots, PyObject *names) {
    struct corps__python_shape *shape = PyObject_New(struct corps__python_shape, &shape_type);
    if (shape == NULL) {
        return NULL;
    }
    shape->cls = Py_NewRef(cls);
    shape->slots = interned(slots);
    shape->names = interned(names);
    shape->watch = (struct corps__python_watch){0};
    if (shape->slots == NULL || shape->names == NULL || !examine(shape)) {
        Py_CLEAR(shape);
    }
    return shape;
}

/* New reference, NULL with an exception. */
struct corps__python_shape *corps__python_shape(PyObject *cls, PyObject *slots, PyObject *names) {
    struct corps__python_shape **place = &kept[((uintptr_t)cls >> 6 ^ (size_t)PyTuple_GET_SIZE(names)) % KEPT];
    struct corps__python_shape *shape = *place;
    if (shape != NULL && shape->cls == cls) {
        int same = PyObject_RichCompareBool(shape->names, names, Py_EQ);
        same = same > 0 ? PyObject_RichCompareBool(shape->slots, slots, Py_EQ) : same;
        if (same != 0) {
            return same > 0 ? (struct corps__python_shape *)Py_NewRef((PyObject *)shape) : NULL;
        }
    }
    shape = create(cls, slots, names);
    if (shape != NULL) {
        Py_XDECREF(*place);
        *place = (struct corps__python_shape *)Py_NewRef((PyObject *)shape);
    }
    return shape;
}

/* ---- the type ---- */

/* What pickles call: (class, slots, names) → a shape. */
static PyObject *shape_of(PyTypeObject *type, PyObject *args, PyObject *keywords) {
    (void)type;
    PyObject *cls;
    PyObject *slots;
    PyObject *names;
    if (keywords != NULL ||
        !PyArg_ParseTuple(args, "O!O!O!", &PyType_Type, &cls, &PyTuple_Type, &slots, &PyTuple_Type, &names)) {
        return NULL;
    }
    if (!corps__python_are_texts(slots) || !corps__python_are_texts(names)) {
        PyErr_SetString(PyExc_TypeError, "names of attributes are texts");
        return NULL;
    }
    PyObject *shape;
    CORPS_ALONE_BEGIN
    shape = (PyObject *)corps__python_shape(cls, slots, names);
    CORPS_ALONE_END
    return shape;
}

static PyObject *reduce(PyObject *self, PyObject *unused) {
    (void)unused;
    const struct corps__python_shape *shape = (const struct corps__python_shape *)self;
    return Py_BuildValue("O(OOO)", &shape_type, shape->cls, shape->slots, shape->names);
}

static PyMethodDef methods[] = {{"__reduce__", reduce, METH_NOARGS, NULL}, {NULL, NULL, 0, NULL}};

static PyTypeObject shape_type = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "_corps_instances.Shape",
    .tp_basicsize = sizeof(struct corps__python_shape),
    .tp_flags = Py_TPFLAGS_DEFAULT,
    .tp_new = shape_of,
    .tp_dealloc = destroy,
    .tp_call = make,
    .tp_methods = methods,
};

bool corps__python_is_shape(PyObject *thing) {
    return Py_IS_TYPE(thing, &shape_type);
}

bool corps__python_is_shape_type(PyObject *thing) {
    return thing == (PyObject *)&shape_type;
}

PyObject *corps__python_shape_reduced(PyObject *shape) {
    return reduce(shape, NULL);
}

bool corps__python_shapes_begin(PyObject *names) {
    settable = Py_XNewRef(PyDict_GetItemString(names, "_settable"));
    by_hand = Py_XNewRef(PyDict_GetItemString(names, "_make_shaped"));
    return settable != NULL && by_hand != NULL && PyType_Ready(&shape_type) == 0 &&
           PyDict_SetItemString(names, "Shape", (PyObject *)&shape_type) == 0 && corps__python_plans_begin(names);
}

void corps__python_shapes_end(void) {
    for (size_t i = 0; i < KEPT; i++) {
        Py_CLEAR(kept[i]);
    }
    Py_CLEAR(settable);
    Py_CLEAR(by_hand);
}
