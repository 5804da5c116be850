#include "python.h"

#include <stdatomic.h>
#include <stdlib.h>

/* A Python object as a value. Its count is our own, so that retain needs no lock of the interpreter. */
struct object {
    struct corps_object base;
    _Atomic unsigned refs;
    union {
        PyObject *python;
        struct object *next; /* of `spare` */
    };
};

/* GIL: memory for the next ones, as every call makes two. Not where a sanitizer is to find what uses them too late. */
#if defined Py_GIL_DISABLED || defined __SANITIZE_ADDRESS__
static struct object *take(void) {
    return malloc(sizeof(struct object));
}

static void give(struct object *own) {
    free(own);
}
#else
enum { SPARE_MAX = 64 };
static struct object *spare;
static unsigned spare_count;

static struct object *take(void) {
    struct object *taken = spare;
    if (taken == NULL) {
        return malloc(sizeof *taken);
    }
    spare = taken->next;
    spare_count--;
    return taken;
}

static void give(struct object *own) {
    if (spare_count == SPARE_MAX) {
        free(own);
        return;
    }
    own->next = spare;
    spare = own;
    spare_count++;
}
#endif

static void retain(struct corps_object *object) {
    atomic_fetch_add_explicit(&((struct object *)object)->refs, 1, memory_order_relaxed);
}

static void release(struct corps_object *object) {
    struct object *own = (struct object *)object;
    /* Release: our use comes before the end. Acquire: whoever frees sees everybody's. The last one's reference is its
     * own alone, so nobody else can count meanwhile. */
    if (atomic_load_explicit(&own->refs, memory_order_acquire) != 1 &&
        atomic_fetch_sub_explicit(&own->refs, 1, memory_order_acq_rel) != 1) {
        return;
    }
    if (!corps__python_alive()) { /* the object has ended with its interpreter */
        free(own);
        return;
    }
    PyGILState_STATE state = corps__python_enter();
    Py_DECREF(own->python);
    give(own);
    corps__python_leave(state);
}

static enum corps_err to_value(struct corps_object *object, struct corps_box *box, struct corps_value *value) {
    PyGILState_STATE state = corps__python_enter();
    enum corps_err err = corps__python_to_value(((struct object *)object)->python, box, value);
    corps__python_leave(state);
    return err;
}

static bool equal(struct corps_object *a, struct corps_object *b) {
    PyGILState_STATE state = corps__python_enter();
    PyObject *args[] = {((struct object *)a)->python, ((struct object *)b)->python};
    PyObject *answer = corps__python_serves() ? PyObject_Vectorcall(corps__python.equal, args, 2, NULL) : NULL;
    bool same = answer == Py_True;
    PyErr_Clear(); /* what cannot be compared is not equal */
    Py_XDECREF(answer);
    corps__python_leave(state);
    return same;
}

const struct corps_object_ops corps__python_ops = {
    .kind = "python",
    .retain = retain,
    .release = release,
    .to_value = to_value,
    .equal = equal,
};

PyObject *corps__python_of(struct corps_object *object) {
    return object->ops == &corps__python_ops ? ((struct object *)object)->python : NULL;
}

struct corps_object *corps_python_object(PyObject *object) {
    struct object *made = take();
    if (made == NULL) {
        return NULL;
    }
    made->base.ops = &corps__python_ops;
    atomic_store_explicit(&made->refs, 1, memory_order_relaxed);
    made->python = Py_NewRef(object);
    return &made->base;
}

/* ---- for the laboratory ---- */

/* GIL. Takes `object`, which is NULL when an exception is pending. */
static enum corps_err keep_result(PyObject *object, const char *what, struct corps_value *value,
                                  struct corps_box *box) {
    if (object == NULL) {
        bool missing = PyErr_ExceptionMatches(PyExc_ModuleNotFoundError);
        return corps__python_error(missing ? CORPS_ERR_UNKNOWN : CORPS_ERR_REMOTE, what);
    }
    struct corps_object *made = corps_python_object(object);
    Py_DECREF(object);
    if (made == NULL) {
        return corps_error_set(CORPS_ERR_NO_MEMORY, "no memory for a Python object");
    }
    *value = corps_value_of_object(made);
    return corps_box_keep_object(box, made);
}

enum corps_err corps_python_eval(const char *module, const char *factory, struct corps_value *value,
                                 struct corps_box *box) {
    enum corps_err err = corps__python_begin();
    if (err != CORPS_OK) {
        return err;
    }
    PyGILState_STATE state = corps__python_enter();
    PyObject *imported = PyImport_ImportModule(module);
    PyObject *function = imported != NULL ? PyObject_GetAttrString(imported, factory) : NULL;
    Py_XDECREF(imported);
    if (function == NULL) {
        char what[160];
        snprintf(what, sizeof what, "cannot find %.40s in Python module %.40s (is its folder in PYTHONPATH?)", factory,
                 module);
        err = corps__python_error(CORPS_ERR_UNKNOWN, what);
    } else {
        err = keep_result(PyObject_CallNoArgs(function), factory, value, box);
        Py_DECREF(function);
    }
    corps__python_leave(state);
    return err;
}

enum corps_err corps_python_run(const char *source, const char *factory, struct corps_value *value,
                                struct corps_box *box) {
    enum corps_err err = corps__python_begin();
    if (err != CORPS_OK) {
        return err;
    }
    PyGILState_STATE state = corps__python_enter();
    err = keep_result(PyObject_CallFunction(corps__python.run, "ss", source, factory), factory, value, box);
    corps__python_leave(state);
    return err;
}
