#include "core.h"

#include "actor/asked.h"

/* What Workers of Python classes know, kept: their `checkpoint` and `restore`. */

enum corps_err corps__py_checkpoint(struct corps_context *context, void *self, const struct corps_value *args,
                                    struct corps_value *result) {
    (void)args;
    PyObject *object = corps__py_worker_object(self);
    if (object == NULL) {
        return corps_error_set(CORPS_ERR_NO_WORKER, "the Worker of class %s has ended", corps_context_class(context));
    }
    PyObject *state = PyObject_CallFunctionObjArgs(corps__hooks.checkpoint, object, NULL);
    corps__py_end_if_forked();
    Py_DECREF(object);
    if (state == NULL) {
        return corps__py_fail_context(context);
    }
    struct corps_object *kept = corps_python_object(state);
    Py_DECREF(state);
    if (kept == NULL) {
        return corps_error_set(CORPS_ERR_NO_MEMORY, "no memory for a checkpoint");
    }
    *result = corps_value_of_object(kept);
    return corps_context_keep(context, kept);
}

enum corps_err corps__py_restore(struct corps_context *context, void *self, const struct corps_value *args,
                                 struct corps_value *result) {
    (void)result;
    PyObject *object = corps__py_worker_object(self);
    PyObject *state = object != NULL ? corps__py_of_value(args) : NULL;
    PyObject *done = state != NULL ? PyObject_CallFunctionObjArgs(corps__hooks.give_state, object, state, NULL) : NULL;
    corps__py_end_if_forked();
    Py_XDECREF(state);
    Py_XDECREF(object);
    enum corps_err err = CORPS_OK;
    if (object == NULL) {
        err = corps_error_set(CORPS_ERR_NO_WORKER, "the Worker of class %s has ended", corps_context_class(context));
    } else if (done == NULL) {
        err = corps__py_fail_context(context);
        corps__py_worker_lost(self);
    }
    Py_XDECREF(done);
    return err;
}

PyObject *corps__py_keep_every(struct corps_context *context, PyObject *every_ns) {
    long long number = PyLong_AsLongLong(every_ns);
    if (number == -1 && PyErr_Occurred()) {
        return NULL;
    }
    if (context == NULL) {
        PyErr_SetString(PyExc_RuntimeError, "that is for a Worker's init");
        return NULL;
    }
    enum corps_err err = corps_context_checkpoint_every(context, number);
    if (err != CORPS_OK) {
        return corps__py_raise(err);
    }
    Py_RETURN_NONE;
}

PyObject *corps__py_keep(const struct corps_name *name) {
    struct corps_future *future;
    enum corps_err err = corps__checkpoint_ask(name, &future);
    if (err == CORPS_ERR_NO_WORKER || err == CORPS_ERR_NO_MEMORY) {
        return corps__py_raise(err);
    }
    if (err != CORPS_OK) {
        PyErr_Format(PyExc_RuntimeError, "the checkpoint failed: %s", corps_error_detail());
        return NULL;
    }
    if (future == NULL) {
        Py_RETURN_NONE;
    }
    return corps__py_future(future);
}

PyObject *corps__py_kept(const struct corps_name *name) {
    uint64_t kept;
    uint64_t failed;
    enum corps_err err = corps__checkpoints_counted(name, &kept, &failed);
    if (err != CORPS_OK) {
        return corps__py_raise(err);
    }
    return Py_BuildValue("(KK)", (unsigned long long)kept, (unsigned long long)failed);
}
