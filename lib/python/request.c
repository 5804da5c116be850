#include "core.h"

#include "base/clock.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* Requests whose replies were put off: who has one answers it, once. */

/* A request whose reply was put off. */
struct request {
    PyObject_HEAD struct corps_request *request; /* NULL once answered */
    bool local;
    bool has_reply;  /* does somebody wait for it? */
    PyObject *limit; /* its deadline, as the variable has it; or None */
    int64_t deadline_ns;
    uint64_t chain; /* that it belongs to; 0: there is nothing to say */
    _Atomic bool cancelled;
};

static enum corps_err fail_request(void *arg, const struct corps_error_info *info) {
    return corps_request_fail_with(arg, info);
}

static enum corps_err crash_request(void *arg, const struct corps_error_info *info) {
    return corps_request_crash_with(arg, info);
}

/* ---- cancelled requests ---- */

static _Atomic int cancels_fd = -1; /* the event loop's, once there is one */

/* Any thread, without the interpreter's lock. The request lasts until it is answered, and is not told after that. */
static void on_cancel(void *arg) {
    atomic_store(&((struct request *)arg)->cancelled, true);
    const uint64_t one = 1;
    int fd = atomic_load(&cancels_fd);
    if (fd >= 0 && write(fd, &one, sizeof one) < 0 && errno != EAGAIN) {
        perror("corps: eventfd");
    }
}

PyObject *corps__py_cancels_fd(PyObject *module, PyObject *none) {
    (void)module;
    (void)none;
    int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (fd < 0) {
        return PyErr_SetFromErrno(PyExc_OSError);
    }
    atomic_store(&cancels_fd, fd);
    return PyLong_FromLong(fd);
}

void corps__py_cancels_forked(void) {
    int fd = atomic_exchange(&cancels_fd, -1);
    if (fd >= 0) {
        close(fd);
    }
}

PyObject *corps__py_hold(struct corps_context *context) {
    struct request *made = PyObject_New(struct request, &corps__request_type);
    if (made == NULL) {
        return NULL;
    }
    made->local = corps_context_is_local(context);
    made->has_reply = corps_context_has_reply(context);
    made->deadline_ns = corps__deadline_ns(corps_context_time_left_ns(context));
    made->chain = corps__py_chain_to_keep();
    atomic_init(&made->cancelled, false);
    made->limit = corps__py_limit_of(corps_context_time_left_ns(context));
    made->request = made->limit != NULL ? corps_request_hold(context) : NULL;
    if (made->request == NULL) {
        Py_DECREF(made);
        (void)PyErr_NoMemory();
        return NULL;
    }
    corps_request_on_cancel(made->request, on_cancel, made);
    return (PyObject *)made;
}

enum corps_err corps__py_held(PyObject *held, PyObject *done) {
    struct request *request = (struct request *)held;
    if (done == NULL && request->request != NULL) {
        (void)corps__py_fail(fail_request, crash_request, request->request);
        request->request = NULL;
    } else if (done == NULL) {
        PyErr_WriteUnraisable((PyObject *)request);
    }
    Py_XDECREF(done);
    Py_DECREF(request);
    return CORPS_ERR_PENDING;
}

enum corps_err corps__py_put_off(struct corps_context *context, PyObject *coroutine) {
    PyObject *made = corps__py_hold(context);
    if (made == NULL) {
        return corps__py_fail_context(context);
    }
    return corps__py_held(made, PyObject_CallFunctionObjArgs(corps__hooks.coroutine, coroutine, made, NULL));
}

/* ---- answering ---- */

/* ---- replies that were put off ---- */

static PyObject *request_reply(PyObject *self, PyObject *answer) {
    struct request *request = (struct request *)self;
    if (request->request == NULL) {
        PyErr_SetString(PyExc_RuntimeError, "this request has been answered");
        return NULL;
    }
    PyObject *own = corps__hooks.copy_local && request->local ? corps__py_copy(answer) : Py_NewRef(answer);
    struct corps_object *object = own != NULL ? corps_python_object(own) : NULL;
    Py_XDECREF(own);
    if (object == NULL) {
        return PyErr_Occurred() ? NULL : PyErr_NoMemory();
    }
    struct corps_value value = corps_value_of_object(object);
    struct corps_request *core = request->request;
    request->request = NULL;
    (void)!corps_request_reply(core, answer != Py_None ? &value : NULL);
    object->ops->release(object);
    Py_RETURN_NONE;
}

static PyObject *request_fail(PyObject *self, PyObject *exception) {
    struct request *request = (struct request *)self;
    if (request->request == NULL || !PyExceptionInstance_Check(exception)) {
        PyErr_SetString(PyExc_RuntimeError, "fail takes an exception, once");
        return NULL;
    }
    struct corps_request *core = request->request;
    request->request = NULL;
    PyErr_SetObject((PyObject *)Py_TYPE(exception), exception);
    (void)corps__py_fail(fail_request, crash_request, core);
    Py_RETURN_NONE;
}

static PyObject *request_has_reply(PyObject *self, void *closure) {
    (void)closure;
    return PyBool_FromLong(((struct request *)self)->has_reply);
}

static PyObject *request_cancelled(PyObject *self, void *closure) {
    (void)closure;
    return PyBool_FromLong(atomic_load(&((struct request *)self)->cancelled));
}

static PyObject *request_given_up(PyObject *self, void *closure) {
    (void)closure;
    struct request *request = (struct request *)self;
    return PyBool_FromLong(atomic_load(&request->cancelled) ||
                           (request->deadline_ns != CORPS_FOREVER && request->deadline_ns <= corps__now_ns()));
}

static PyObject *request_limit(PyObject *self, void *closure) {
    (void)closure;
    return Py_NewRef(((struct request *)self)->limit);
}

static PyObject *request_chain(PyObject *self, void *closure) {
    (void)closure;
    uint64_t chain = ((struct request *)self)->chain;
    return chain != 0 ? PyLong_FromUnsignedLongLong(chain) : Py_NewRef(Py_None);
}

static void request_free(PyObject *self) {
    Py_XDECREF(((struct request *)self)->limit);
    struct corps_request *core = ((struct request *)self)->request;
    if (core != NULL) { /* nobody will answer any more: the caller must not wait for ever */
        (void)corps_request_fail(core, "RuntimeError", "the method ended without an answer");
    }
    PyObject_Free(self);
}

static PyMethodDef request_methods[] = {{"reply", request_reply, METH_O, "Answers with a result."},
                                        {"fail", request_fail, METH_O, "Answers with an exception."},
                                        {NULL, NULL, 0, NULL}};

static PyGetSetDef request_properties[] = {
    {"has_reply", request_has_reply, NULL, NULL, NULL}, {"limit", request_limit, NULL, NULL, NULL},
    {"chain", request_chain, NULL, NULL, NULL},         {"cancelled", request_cancelled, NULL, NULL, NULL},
    {"given_up", request_given_up, NULL, NULL, NULL},   {NULL, NULL, NULL, NULL, NULL}};

PyTypeObject corps__request_type = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "corps._core.Request",
    .tp_basicsize = sizeof(struct request),
    .tp_flags = Py_TPFLAGS_DEFAULT,
    .tp_dealloc = request_free,
    .tp_methods = request_methods,
    .tp_getset = request_properties,
};
