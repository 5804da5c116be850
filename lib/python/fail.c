#include "core.h"

/* What was raised here becomes what a caller is told. */

void corps__py_take_raised(PyObject **type, PyObject **exception, PyObject **traceback) {
    PyErr_Fetch(type, exception, traceback);
    PyErr_NormalizeException(type, exception, traceback);
    if (*traceback != NULL && *exception != NULL) {
        (void)PyException_SetTraceback(*exception, *traceback);
    }
}

enum corps_err corps__py_fail(corps__py_fail_fn *use, corps__py_fail_fn *crash, void *arg) {
    PyObject *type;
    PyObject *exception;
    PyObject *traceback;
    corps__py_take_raised(&type, &exception, &traceback);
    PyObject *told = PyObject_CallFunctionObjArgs(corps__hooks.failure, exception, NULL);
    struct corps_error_info info = {.type = "Exception", .text = "the exception cannot be described"};
    const char *detail = NULL;
    Py_ssize_t detail_bytes = 0;
    int is_crash = 0;
    if (told == NULL ||
        !PyArg_ParseTuple(told, "sssy#p", &info.type, &info.text, &info.traceback, &detail, &detail_bytes, &is_crash)) {
        PyErr_Clear(); /* the texts above must do */
    }
    info.detail = detail;
    info.detail_bytes = (size_t)detail_bytes;
    enum corps_err err = is_crash ? crash(arg, &info) : use(arg, &info);
    Py_XDECREF(told);
    Py_XDECREF(type);
    Py_XDECREF(exception);
    Py_XDECREF(traceback);
    return err;
}

static enum corps_err fail_context(void *arg, const struct corps_error_info *info) {
    return corps_fail_with(arg, info);
}

static enum corps_err crash_context(void *arg, const struct corps_error_info *info) {
    return corps_context_crash_with(arg, info);
}

enum corps_err corps__py_fail_context(struct corps_context *context) {
    return corps__py_fail(fail_context, crash_context, context);
}
