#include "python_shapes.h"

#include <structmember.h>

/* Plans: what is to be done with instances of a class. See python_shapes.h. */

enum {
    SHAPES_MAX = 8, /* of a class; instances with other attributes go the other way */
    FIRST = 8,      /* instances of a class in a message until a shape is worth its bytes and its time */
};

struct plan {
    PyObject_HEAD PyTypeObject *cls;
    PyObject *slots;     /* tuple of texts */
    PyObject *arguments; /* of __newobj__: a tuple of the class */
    PyObject *otherwise; /* function (state, thing), None: pickle does it */
    bool leaves_too;     /* `otherwise` has no part in instances of leaves alone */
    struct corps__python_watch watch;
    struct corps__python_shape *shapes[SHAPES_MAX];
    size_t shape_count;
};

static PyObject *counts_name; /* "instances" */
static PyObject *newobj;      /* copyreg's __newobj__ */
static PyObject *small[FIRST + 1];

static void destroy(PyObject *self) {
    struct plan *plan = (struct plan *)self;
    Py_XDECREF(plan->cls);
    Py_XDECREF(plan->slots);
    Py_XDECREF(plan->arguments);
    Py_XDECREF(plan->otherwise);
    corps__python_watch_end(&plan->watch);
    for (size_t i = 0; i < plan->shape_count; i++) {
        Py_DECREF(plan->shapes[i]);
    }
    PyObject_Free(self);
}

/* ---- values ---- */

/* Does it lead nowhere, so that it may be written before the instance that has it? */
static bool is_leaf(PyObject *value) {
    return value == Py_None || PyUnicode_CheckExact(value) || PyLong_CheckExact(value) || PyFloat_CheckExact(value) ||
           PyBool_Check(value) || PyBytes_CheckExact(value);
}

static bool take_slots(const struct plan *plan, PyObject *thing, PyObject *values) {
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(plan->slots); i++) {
        PyObject *member = PyTuple_GET_ITEM(plan->watch.found, i); /* the slots are what is watched first */
        descrgetfunc get = Py_TYPE(member)->tp_descr_get;          /* NULL: of None, where it was not found */
        PyObject *value = get != NULL ? get(member, thing, (PyObject *)plan->cls) : NULL;
        if (value == NULL) {
            PyErr_Clear(); /* it is not set */
            return false;
        }
        PyTuple_SET_ITEM(values, i, value);
        if (!is_leaf(value)) {
            return false;
        }
    }
    return true;
}

static bool same_text(PyObject *a, PyObject *b) {
    return a == b || (PyUnicode_CheckExact(a) && PyUnicode_Compare(a, b) == 0);
}

/* Has an instance these attributes, in this order? */
static bool matches(const struct corps__python_shape *shape, PyObject *attributes) {
    Py_ssize_t count = attributes != NULL ? PyDict_GET_SIZE(attributes) : 0;
    if (count != PyTuple_GET_SIZE(shape->names)) {
        return false;
    }
    PyObject *name;
    PyObject *value;
    Py_ssize_t at = 0;
    for (Py_ssize_t i = 0; i < count && PyDict_Next(attributes, &at, &name, &value); i++) {
        if (!same_text(name, PyTuple_GET_ITEM(shape->names, i))) {
            return false;
        }
    }
    return true;
}

static struct corps__python_shape *add_shape(struct plan *plan, PyObject *attributes) {
    if (plan->shape_count == SHAPES_MAX) {
        return NULL;
    }
    PyObject *keys = attributes != NULL ? PyDict_Keys(attributes) : PyList_New(0);
    PyObject *names = keys != NULL ? PyList_AsTuple(keys) : NULL;
    struct corps__python_shape *shape = NULL;
    if (names != NULL && corps__python_are_texts(names)) {
        shape = corps__python_shape((PyObject *)plan->cls, plan->slots, names);
    }
    Py_XDECREF(keys);
    Py_XDECREF(names);
    if (shape != NULL) {
        plan->shapes[plan->shape_count++] = shape;
    }
    return shape;
}

/* Borrowed; NULL, perhaps with an exception: there is none. */
static struct corps__python_shape *shape_for(struct plan *plan, PyObject *attributes) {
    for (size_t i = 0; i < plan->shape_count; i++) {
        if (matches(plan->shapes[i], attributes)) {
            return plan->shapes[i];
        }
    }
    return add_shape(plan, attributes);
}

static bool take_attributes(PyObject *attributes, PyObject *values, Py_ssize_t from) {
    PyObject *name;
    PyObject *value;
    Py_ssize_t at = 0;
    for (Py_ssize_t i = from; attributes != NULL && PyDict_Next(attributes, &at, &name, &value); i++) {
        if (!is_leaf(value)) {
            return false;
        }
        PyTuple_SET_ITEM(values, i, Py_NewRef(value));
    }
    return true;
}

/* (shape, values). New reference; NULL, perhaps with an exception: it goes the other way. */
static PyObject *reduce_leaves(struct plan *plan, PyObject *thing, PyObject *attributes) {
    struct corps__python_shape *shape = shape_for(plan, attributes);
    if (shape == NULL) {
        return NULL;
    }
    Py_ssize_t slots = PyTuple_GET_SIZE(plan->slots);
    Py_ssize_t count = slots + PyTuple_GET_SIZE(shape->names);
    PyObject *values = count > 0 ? PyTuple_New(count) : NULL;
    PyObject *reduced = NULL;
    if (values != NULL && take_slots(plan, thing, values) && take_attributes(attributes, values, slots)) {
        reduced = PyTuple_Pack(2, (PyObject *)shape, values);
    }
    Py_XDECREF(values);
    return reduced;
}

/* ---- asking ---- */

/* Is it one of the first of its class in a message? -1 with an exception. */
static int is_early(PyObject *plan, PyObject *counts) {
    PyObject *count = PyDict_GetItem(counts, plan); /* borrowed */
    if (count == small[FIRST]) {
        return 0;
    }
    long so_far = count != NULL ? PyLong_AsLong(count) : 0;
    return PyDict_SetItem(counts, plan, small[so_far + 1]) == 0 ? 1 : -1;
}

static bool all_leaves(PyObject *attributes) {
    PyObject *name;
    PyObject *value;
    Py_ssize_t at = 0;
    while (PyDict_Next(attributes, &at, &name, &value)) {
        if (!is_leaf(value)) {
            return false;
        }
    }
    return true;
}

static PyObject *otherwise(const struct plan *plan, PyObject *state, PyObject *thing, PyObject *attributes) {
    bool has_slots = PyTuple_GET_SIZE(plan->slots) > 0;
    bool as_pickle =
        plan->otherwise == Py_None || (plan->leaves_too && attributes != NULL && !has_slots && all_leaves(attributes));
    if (!as_pickle) {
        return PyObject_CallFunctionObjArgs(plan->otherwise, state, thing, NULL);
    }
    if (attributes == NULL || has_slots) {
        return Py_NewRef(Py_NotImplemented);
    }
    return PyTuple_Pack(3, newobj, plan->arguments, attributes); /* as object.__reduce_ex__ gives it */
}

bool corps__python_plan_holds(PyObject *self) {
    struct plan *plan = (struct plan *)self;
    return corps__python_watch_holds(&plan->watch, plan->cls);
}

PyObject *corps__python_plan_reduce(PyObject *self, PyObject *thing, PyObject *state, PyObject *counts) {
    struct plan *plan = (struct plan *)self;
    PyObject *attributes = plan->cls->tp_dictoffset != 0 ? PyObject_GenericGetDict(thing, NULL) : NULL;
    int early = attributes != NULL || !PyErr_Occurred() ? is_early(self, counts) : -1;
    PyObject *reduced = early == 0 ? reduce_leaves(plan, thing, attributes) : NULL;
    if (reduced == NULL && !PyErr_Occurred()) {
        reduced = otherwise(plan, state, thing, attributes);
    }
    Py_XDECREF(attributes);
    return reduced;
}

/* As the handlers of auto.py are called: (state, thing). */
static PyObject *call(PyObject *self, PyObject *args, PyObject *keywords) {
    PyObject *state;
    PyObject *thing;
    if (keywords != NULL || !PyArg_ParseTuple(args, "OO", &state, &thing)) {
        return NULL;
    }
    struct plan *plan = (struct plan *)self;
    if (Py_TYPE(thing) != plan->cls || !corps__python_plan_holds(self)) {
        return otherwise(plan, state, thing, NULL);
    }
    PyObject *counts = PyObject_GetAttr(state, counts_name);
    PyObject *reduced = counts != NULL ? corps__python_plan_reduce(self, thing, state, counts) : NULL;
    Py_XDECREF(counts);
    return reduced;
}

/* ---- the type ---- */

/* Plan(class, slots, watched, otherwise, leaves_too): `watched` are the names that must stay what they are, the slots
 * first. */
static PyObject *create(PyTypeObject *type, PyObject *args, PyObject *keywords) {
    PyObject *cls;
    PyObject *slots;
    PyObject *watched;
    PyObject *instead;
    int leaves_too;
    if (keywords != NULL || !PyArg_ParseTuple(args, "O!O!O!Op", &PyType_Type, &cls, &PyTuple_Type, &slots,
                                              &PyTuple_Type, &watched, &instead, &leaves_too)) {
        return NULL;
    }
    struct plan *plan = PyObject_New(struct plan, type);
    if (plan == NULL) {
        return NULL;
    }
    plan->shape_count = 0;
    plan->leaves_too = leaves_too != 0;
    plan->watch = (struct corps__python_watch){0};
    plan->cls = (PyTypeObject *)Py_NewRef(cls);
    plan->slots = Py_NewRef(slots);
    plan->otherwise = Py_NewRef(instead);
    plan->arguments = PyTuple_Pack(1, cls);
    if (plan->arguments == NULL || !corps__python_watch_begin(&plan->watch, plan->cls, watched)) {
        Py_CLEAR(plan);
    }
    return (PyObject *)plan;
}

static PyTypeObject plan_type = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "_corps_instances.Plan",
    .tp_basicsize = sizeof(struct plan),
    .tp_flags = Py_TPFLAGS_DEFAULT,
    .tp_new = create,
    .tp_dealloc = destroy,
    .tp_call = call,
};

bool corps__python_is_plan(PyObject *thing) {
    return Py_IS_TYPE(thing, &plan_type);
}

bool corps__python_plans_begin(PyObject *names) {
    counts_name = PyUnicode_InternFromString("instances");
    PyObject *copyreg = PyImport_ImportModule("copyreg");
    newobj = copyreg != NULL ? PyObject_GetAttrString(copyreg, "__newobj__") : NULL;
    Py_XDECREF(copyreg);
    bool good = counts_name != NULL && newobj != NULL;
    for (long i = 0; good && i <= FIRST; i++) {
        small[i] = PyLong_FromLong(i);
        good = small[i] != NULL;
    }
    return good && PyType_Ready(&plan_type) == 0 && PyDict_SetItemString(names, "Plan", (PyObject *)&plan_type) == 0;
}
