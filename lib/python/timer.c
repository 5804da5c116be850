#include "core.h"

#include "actor/timers.h"

/* Timers, as the package's class Timer has them. */

struct timer {
    PyObject_HEAD struct corps_timer *timer;
};

PyObject *corps__py_timer_start(PyObject *module, PyObject *args) {
    (void)module;
    PyObject *to;
    const char *method;
    PyObject *positional;
    PyObject *keywords;
    long long first_ns, every_ns;
    unsigned long long count;
    int detached;
    if (!PyArg_ParseTuple(args, "O!sO!OLLKp", &corps__name_type, &to, &method, &PyTuple_Type, &positional, &keywords,
                          &first_ns, &every_ns, &count, &detached) ||
        !corps__python_serves()) {
        return NULL;
    }
    const struct name *name = (struct name *)to;
    struct corps_timer_options options = {.first_ns = first_ns,
                                          .every_ns = every_ns,
                                          .count = count,
                                          .flags = detached ? CORPS_TIMER_DETACHED : 0,
                                          .serializer = name->plain ? "msgpack" : NULL};
    struct timer *made = PyObject_New(struct timer, &corps__timer_type);
    PyObject *payload = made != NULL ? corps__py_payload(positional, keywords != Py_None ? keywords : NULL) : NULL;
    PyObject *own = payload != NULL && corps__hooks.copy_local && corps_name_is_here(name->name)
                        ? corps__py_copy(payload)
                        : Py_XNewRef(payload);
    struct corps_box *box = own != NULL ? corps_box_create() : NULL;
    struct corps_value value;
    bool ready = box != NULL && corps__py_arguments(own, name->plain, box, &value);
    enum corps_err err = CORPS_OK;
    if (made != NULL) {
        made->timer = NULL;
    }
    if (ready) {
        corps_box_set_root(box, value);
        struct corps_value boxed = corps_value_of_box(box);
        err = corps_timer_start(name->name, method, &boxed, &options, &made->timer);
    } else if (!PyErr_Occurred()) {
        (void)PyErr_NoMemory();
    }
    corps_box_unref(box);
    Py_XDECREF(own);
    Py_XDECREF(payload);
    if (!ready || err != CORPS_OK) {
        Py_XDECREF(made);
        return ready ? corps__py_raise(err) : NULL;
    }
    return (PyObject *)made;
}

PyObject *corps__py_timers_stop(PyObject *module, PyObject *none) {
    (void)module;
    (void)none;
    corps__timers_stop_all();
    Py_RETURN_NONE;
}

static PyObject *timer_stop(PyObject *self, PyObject *none) {
    (void)none;
    return PyBool_FromLong(corps_timer_stop(((struct timer *)self)->timer));
}

static PyObject *timer_runs(PyObject *self, void *closure) {
    (void)closure;
    return PyBool_FromLong(corps_timer_runs(((struct timer *)self)->timer));
}

static PyObject *timer_counts(PyObject *self, void *closure) {
    (void)closure;
    uint64_t sent, skipped, failed;
    corps_timer_counts(((struct timer *)self)->timer, &sent, &skipped, &failed);
    return Py_BuildValue("(KKK)", (unsigned long long)sent, (unsigned long long)skipped, (unsigned long long)failed);
}

static PyObject *timer_error(PyObject *self, void *closure) {
    (void)closure;
    const struct corps_error_info *info = corps_timer_error(((struct timer *)self)->timer);
    if (info->code == CORPS_OK) {
        Py_RETURN_NONE;
    }
    return Py_BuildValue("(ss)", corps_error_name(info->code), info->text);
}

static void timer_free(PyObject *self) {
    corps_timer_destroy(((struct timer *)self)->timer);
    PyObject_Free(self);
}

static PyMethodDef timer_methods[] = {
    {"stop", timer_stop, METH_NOARGS, "Nothing is sent any more. Was it to call again?"}, {NULL, NULL, 0, NULL}};
static PyGetSetDef timer_properties[] = {{"runs", timer_runs, NULL, NULL, NULL},
                                         {"counts", timer_counts, NULL, "(sent, skipped, failed)", NULL},
                                         {"error", timer_error, NULL, "(code, text), or None", NULL},
                                         {NULL, NULL, NULL, NULL, NULL}};

PyTypeObject corps__timer_type = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "corps._core.Timer",
    .tp_basicsize = sizeof(struct timer),
    .tp_flags = Py_TPFLAGS_DEFAULT,
    .tp_dealloc = timer_free,
    .tp_methods = timer_methods,
    .tp_getset = timer_properties,
};
