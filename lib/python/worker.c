#include "core.h"

#include "actor/conc.h"
#include "base/hot.h"
#include "process/manager.h"

#include <string.h>
#include <unistd.h>

/* Concs of Python classes: one class of the core serves them all. */

struct worker {
    PyObject *object;        /* NULL once it has ended */
    struct corps_home *home; /* NULL: none, or left */
    PyObject *around;        /* what runs its requests, where its class has steps around them; else NULL */
};

/* What the package holds of a Worker: its address, and the way to end it. */
struct handle {
    PyObject_HEAD struct worker *worker; /* lives as long as the process */
    struct corps_context *context;       /* of its init, NULL afterwards */
    PyObject *address;
    struct corps_name *name;
};

/* ---- the interpreter's lock around requests ---- */

/* Of each method on this thread's stack, the innermost in the lowest bit: was the lock there when it began? The core
 * nests fewer on one stack than there are bits. */
static CORPS__HOT_THREAD_LOCAL uint64_t had_lock;

/* The module threading knows the calling thread from now on. */
static void adopt(void) {
    PyObject *done = PyObject_CallFunctionObjArgs(corps__hooks.adopt, NULL);
    if (done == NULL) {
        PyErr_WriteUnraisable(corps__hooks.adopt); /* it runs methods all the same */
    }
    Py_XDECREF(done);
}

static void enter(void) {
    static CORPS__HOT_THREAD_LOCAL bool adopted;
    PyGILState_STATE state = corps__python_enter();
    if (!adopted) {
        adopted = true;
        adopt();
    }
    had_lock = had_lock << 1 | (state == PyGILState_LOCKED);
}

static void leave(void) {
    bool had = (had_lock & 1) != 0;
    had_lock >>= 1;
    corps__python_leave(had ? PyGILState_LOCKED : PyGILState_UNLOCKED);
}

/* ---- handles ---- */

static PyObject *handle_create(struct corps_context *context, struct worker *worker) {
    struct corps_name *name = corps_context_name(context);
    PyObject *address = name != NULL ? corps__py_address(name) : PyErr_NoMemory();
    struct handle *made = address != NULL ? PyObject_New(struct handle, &corps__worker_type) : NULL;
    if (made == NULL) {
        Py_XDECREF(address);
        return NULL;
    }
    made->worker = worker;
    made->context = context;
    made->address = address;
    made->name = corps_name_ref(name);
    return (PyObject *)made;
}

static void handle_free(PyObject *self) {
    Py_XDECREF(((struct handle *)self)->address);
    corps_name_unref(((struct handle *)self)->name);
    PyObject_Free(self);
}

/* Its thread, if it has one, may go. */
static void leave_home(struct worker *worker) {
    struct corps_home *home;
    CORPS_ALONE_BEGIN
    home = worker->home;
    worker->home = NULL;
    CORPS_ALONE_END
    if (home != NULL) {
        corps_home_leave(home);
    }
}

static PyObject *handle_end(PyObject *self, PyObject *none) {
    (void)none;
    const struct handle *handle = (struct handle *)self;
    struct worker *worker = handle->worker;
    PyObject *object;
    CORPS_ALONE_BEGIN
    object = worker->object;
    worker->object = NULL;
    CORPS_ALONE_END
    if (object != NULL) {
        corps__conc_has_ended(handle->name);
    }
    Py_XDECREF(object);
    leave_home(worker);
    Py_RETURN_NONE;
}

/* In an init: True when it goes on on a thread of the Worker's own, that calls serve; False on that thread. */
static PyObject *handle_move(PyObject *self, PyObject *none) {
    (void)none;
    struct handle *handle = (struct handle *)self;
    if (handle->worker->home != NULL || handle->context == NULL) {
        Py_RETURN_FALSE;
    }
    handle->worker->home = corps_context_home(handle->context);
    return handle->worker->home != NULL ? Py_NewRef(Py_True) : PyErr_NoMemory();
}

static PyObject *handle_serve(PyObject *self, PyObject *none) {
    (void)none;
    struct corps_home *home = ((struct handle *)self)->worker->home;
    if (home != NULL) {
        Py_BEGIN_ALLOW_THREADS corps_home_serve(home);
        Py_END_ALLOW_THREADS
    }
    Py_RETURN_NONE;
}

/* In an init: the class's checkpoints are made so often. */
static PyObject *handle_keep_every(PyObject *self, PyObject *every_ns) {
    return corps__py_keep_every(((struct handle *)self)->context, every_ns);
}

/* In an init: a method that runs for longer ends the Env. */
static PyObject *handle_stuck_after(PyObject *self, PyObject *stuck_ns) {
    struct corps_context *context = ((struct handle *)self)->context;
    long long number = PyLong_AsLongLong(stuck_ns);
    if (number == -1 && PyErr_Occurred()) {
        return NULL;
    }
    enum corps_err err = context != NULL ? corps_context_stuck_after(context, number)
                                         : corps_error_set(CORPS_ERR_INVALID, "that is for a Worker's init");
    if (err != CORPS_OK) {
        return corps__py_raise(err);
    }
    Py_RETURN_NONE;
}

/* In an init: this runs its requests, see _around.py. */
static PyObject *handle_around(PyObject *self, PyObject *around) {
    struct handle *handle = (struct handle *)self;
    if (handle->context == NULL) {
        PyErr_SetString(PyExc_RuntimeError, "that is for a Worker's init");
        return NULL;
    }
    Py_XSETREF(handle->worker->around, Py_NewRef(around));
    Py_RETURN_NONE;
}

static PyObject *handle_tag(PyObject *self, PyObject *tag) {
    struct corps_context *context = ((struct handle *)self)->context;
    const char *text = PyUnicode_AsUTF8(tag);
    if (text == NULL) {
        return NULL;
    }
    enum corps_err err = context != NULL ? corps_context_tag(context, text)
                                         : corps_error_set(CORPS_ERR_INVALID, "that is for a Worker's init");
    if (err != CORPS_OK) {
        return corps__py_raise(err);
    }
    Py_RETURN_NONE;
}

static PyObject *handle_keep(PyObject *self, PyObject *none) {
    (void)none;
    return corps__py_keep(((struct handle *)self)->name);
}

static PyObject *handle_kept(PyObject *self, PyObject *none) {
    (void)none;
    return corps__py_kept(((struct handle *)self)->name);
}

static PyObject *handle_address(PyObject *self, void *closure) {
    (void)closure;
    return Py_NewRef(((struct handle *)self)->address);
}

static PyObject *handle_alive(PyObject *self, void *closure) {
    (void)closure;
    return PyBool_FromLong(((struct handle *)self)->worker->object != NULL);
}

static PyMethodDef handle_methods[] = {
    {"end", handle_end, METH_NOARGS, "Requests from now on find no Worker."},
    {"move", handle_move, METH_NOARGS, "To a thread of its own; in its init."},
    {"serve", handle_serve, METH_NOARGS, "That thread, until the Worker has ended."},
    {"keep_every", handle_keep_every, METH_O, "Checkpoints, in its init: ns between."},
    {"stuck_after", handle_stuck_after, METH_O, "In its init: ns after which a method is stuck."},
    {"tag", handle_tag, METH_O, "In its init: what find_Workers may find it by."},
    {"around", handle_around, METH_O, "In its init: what runs its requests."},
    {"keep", handle_keep, METH_NOARGS, "A checkpoint now: None, or a Future."},
    {"kept", handle_kept, METH_NOARGS, "(checkpoints that were kept, that failed)"},
    {NULL, NULL, 0, NULL}};
static PyGetSetDef handle_properties[] = {{"address", handle_address, NULL, NULL, NULL},
                                          {"alive", handle_alive, NULL, NULL, NULL},
                                          {NULL, NULL, NULL, NULL, NULL}};

PyTypeObject corps__worker_type = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "corps._core.Worker",
    .tp_basicsize = sizeof(struct handle),
    .tp_flags = Py_TPFLAGS_DEFAULT,
    .tp_dealloc = handle_free,
    .tp_methods = handle_methods,
    .tp_getset = handle_properties,
};

/* ---- copies for the FastPath ---- */

static bool is_immutable(PyObject *object, int depth) {
    if (object == Py_None || PyLong_CheckExact(object) || PyUnicode_CheckExact(object) || PyFloat_CheckExact(object) ||
        PyBool_Check(object) || PyBytes_CheckExact(object) || PyObject_TypeCheck(object, &corps__name_type)) {
        return true;
    }
    if (!PyTuple_CheckExact(object) || depth > 8) {
        return false;
    }
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(object); i++) {
        if (!is_immutable(PyTuple_GET_ITEM(object, i), depth + 1)) {
            return false;
        }
    }
    return true;
}

PyObject *corps__py_copy(PyObject *object) {
    return is_immutable(object, 0) ? Py_NewRef(object) : PyObject_CallFunctionObjArgs(corps__hooks.copy, object, NULL);
}

/* ---- running ---- */

/* The class's own code has run: if this is the child of a fork that it made, the child ends here. With its exception,
 * if it has raised one. */
void corps__py_end_if_forked(void) {
    if (corps_own() != NULL) {
        return;
    }
    PyObject *type;
    PyObject *exception;
    PyObject *traceback;
    corps__py_take_raised(&type, &exception, &traceback);
    (void)PyObject_CallFunctionObjArgs(corps__hooks.child_ends, exception != NULL ? exception : Py_None, NULL);
    _exit(1); /* the hook does not return */
}

static enum corps_err init(struct corps_context *context, void *self, const struct corps_value *args,
                           struct corps_value *result) {
    (void)result;
    struct worker *worker = self;
    PyObject *handle = handle_create(context, worker);
    PyObject *payload = handle != NULL ? corps__py_of_value(args) : NULL;
    worker->object =
        payload != NULL ? PyObject_CallFunction(corps__hooks.make, "sOO", corps_context_class(context), handle, payload)
                        : NULL;
    corps__py_end_if_forked();
    Py_XDECREF(payload);
    if (handle != NULL) {
        ((struct handle *)handle)->context = NULL; /* the Worker keeps the handle */
        Py_DECREF(handle);
    }
    if (worker->object == Py_NotImplemented) { /* it has moved */
        Py_CLEAR(worker->object);
        return CORPS_ERR_PENDING;
    }
    if (worker->object == NULL) {
        leave_home(worker);
        return corps__py_fail_context(context);
    }
    return CORPS_OK;
}

PyObject *corps__py_worker_object(void *self) {
    const struct worker *worker = self;
    PyObject *object;
    CORPS_ALONE_BEGIN
    object = Py_XNewRef(worker->object);
    CORPS_ALONE_END
    return object;
}

void corps__py_worker_lost(void *self) {
    struct worker *worker = self;
    Py_CLEAR(worker->object);
    leave_home(worker);
}

static void cleanup(struct corps_context *context, void *self) {
    (void)context;
    struct worker *worker = self;
    PyObject *object = worker->object;
    Py_CLEAR(worker->around);
    if (object == NULL) {
        return;
    }
    PyObject *done = PyObject_CallFunctionObjArgs(corps__hooks.cleanup, object, NULL);
    corps__py_end_if_forked();
    if (done == NULL) {
        PyErr_WriteUnraisable(object);
    }
    Py_XDECREF(done);
    Py_CLEAR(worker->object);
    leave_home(worker);
}

/* The arguments of a request: a tuple (new reference) and keyword arguments (borrowed from `keep`, or NULL). */
static PyObject *arguments(const struct corps_value *args, PyObject **keep, PyObject **keywords) {
    enum corps_err err = CORPS_OK;
    PyObject *payload = args != NULL ? corps__python_of_arguments(args, &err) : Py_NewRef(Py_None);
    *keep = payload;
    *keywords = NULL;
    if (payload == NULL) {
        return corps__py_raise(err);
    }
    if (PyTuple_Check(payload)) {
        return Py_NewRef(payload);
    }
    if (payload == Py_None) {
        return PyTuple_New(0);
    }
    if (PyDict_Check(payload) && PyDict_GET_SIZE(payload) == 2) {
        PyObject *positional = corps__py_item(payload, "args");
        *keywords = positional != NULL ? corps__py_item(payload, "kwargs") : NULL;
        if (PyErr_Occurred()) {
            return NULL;
        }
        if (positional != NULL && *keywords != NULL && PyDict_Check(*keywords)) {
            return PySequence_Tuple(positional);
        }
        *keywords = NULL;
    }
    /* A list of Python's own is the arguments, anything else the one argument. */
    return PyList_Check(payload) ? PyList_AsTuple(payload) : PyTuple_Pack(1, payload);
}

enum { NAMES = 4096 };

#ifdef Py_GIL_DISABLED
static PyObject *name_of(const char *method) {
    return PyUnicode_InternFromString(method);
}
#else
/* One str for each name of a method. Where it stands is no more than a hint: names that a peer brought go with it, and
 * others come to the same place. */
static PyObject *name_of(const char *method) {
    static struct {
        const char *method;
        PyObject *name;
    } known[NAMES];
    size_t at = ((uintptr_t)method >> 4) % NAMES;
    bool hit = known[at].method == method;
    if (hit) {
        const char *text = PyUnicode_AsUTF8(known[at].name);
        if (text == NULL) { /* there is no memory for it, where the name is not ASCII */
            return NULL;
        }
        hit = strcmp(text, method) == 0;
    }
    if (!hit) {
        PyObject *name = PyUnicode_InternFromString(method);
        if (name == NULL) {
            return NULL;
        }
        Py_XDECREF(known[at].name);
        known[at].name = name;
        known[at].method = method;
    }
    return Py_NewRef(known[at].name);
}
#endif

/* As object.name(*positional, **keywords) does it: where it can be, without an object that binds the two. */
static PyObject *call_method(PyObject *object, PyObject *name, PyObject *positional, PyObject *keywords) {
    enum { FEW = 8 };
    PyObject *stack[2 + FEW]; /* the callee may use the place before the first one */
    size_t count = (size_t)PyTuple_GET_SIZE(positional);
    if (count > FEW || keywords != NULL) {
        PyObject *function = PyObject_GetAttr(object, name);
        PyObject *answer = function != NULL ? PyObject_Call(function, positional, keywords) : NULL;
        Py_XDECREF(function);
        return answer;
    }
    stack[1] = object;
    for (size_t i = 0; i < count; i++) {
        stack[2 + i] = PyTuple_GET_ITEM(positional, (Py_ssize_t)i);
    }
    return PyObject_VectorcallMethod(name, stack + 1, (count + 1) | PY_VECTORCALL_ARGUMENTS_OFFSET, NULL);
}

static PyObject *run(PyObject *object, const char *method, PyObject *positional, PyObject *keywords) {
    if (method[0] == 'c' && strcmp(method, "corps:get") == 0 && PyTuple_GET_SIZE(positional) == 1) {
        return PyObject_GetAttr(object, PyTuple_GET_ITEM(positional, 0));
    }
    if (method[0] == 'c' && strcmp(method, "corps:set") == 0 && PyTuple_GET_SIZE(positional) == 2) {
        int failed = PyObject_SetAttr(object, PyTuple_GET_ITEM(positional, 0), PyTuple_GET_ITEM(positional, 1));
        return failed == 0 ? Py_NewRef(Py_None) : NULL;
    }
    PyObject *name = name_of(method);
    PyObject *answer = name != NULL ? call_method(object, name, positional, keywords) : NULL;
    Py_XDECREF(name);
    return answer;
}

/* With the steps of its class around it. Gives the answer; or `around` itself where that is to answer. */
static PyObject *call_around(const struct worker *worker, PyObject *object, struct corps_context *context,
                             PyObject *positional, PyObject *keywords) {
    PyObject *name = name_of(corps_context_method(context));
    PyObject *has_reply = corps_context_has_reply(context) ? Py_True : Py_False;
    PyObject *answer = name != NULL
                           ? PyObject_CallFunctionObjArgs(worker->around, object, name, positional,
                                                          keywords != NULL ? keywords : Py_None, has_reply, NULL)
                           : NULL;
    Py_XDECREF(name);
    return answer;
}

static enum corps_err answer_around(const struct worker *worker, struct corps_context *context) {
    PyObject *made = corps__py_hold(context);
    if (made == NULL) {
        return corps__py_fail_context(context);
    }
    return corps__py_held(made, PyObject_CallMethod(worker->around, "answer", "O", made));
}

static enum corps_err give(struct corps_context *context, PyObject *answer, struct corps_value *result) {
    PyObject *own =
        corps__hooks.copy_local && corps_context_is_local(context) ? corps__py_copy(answer) : Py_NewRef(answer);
    if (own == NULL) {
        return corps__py_fail_context(context);
    }
    struct corps_object *object = corps_python_object(own);
    Py_DECREF(own);
    if (object == NULL) {
        return corps_error_set(CORPS_ERR_NO_MEMORY, "no memory for a result");
    }
    *result = corps_value_of_object(object);
    bool is_alone = context->scratch == NULL;
    enum corps_err err = corps_context_keep(context, object);
    if (err == CORPS_OK && is_alone) { /* a caller in this Env gets the box as it is */
        corps_box_set_root(context->scratch, *result);
        *result = corps_value_of_box(context->scratch);
    }
    return err;
}

static enum corps_err any(struct corps_context *context, void *self, const struct corps_value *args,
                          struct corps_value *result) {
    PyObject *object = corps__py_worker_object(self);
    if (object == NULL && !corps_context_has_reply(context) && strcmp(corps_context_method(context), "exit") == 0) {
        return CORPS_OK; /* ended twice, and nobody asks: no news for standard error */
    }
    if (object == NULL) {
        return corps_error_set(CORPS_ERR_NO_WORKER, "the Worker of class %s has ended", corps_context_class(context));
    }
    PyObject *keep;
    PyObject *keywords;
    PyObject *positional = arguments(args, &keep, &keywords);
    const struct worker *worker = self;
    PyObject *answer = NULL;
    if (worker->around != NULL && positional != NULL) {
        answer = call_around(worker, object, context, positional, keywords);
    } else if (positional != NULL) {
        answer = run(object, corps_context_method(context), positional, keywords);
    }
    corps__py_end_if_forked();
    Py_XDECREF(positional);
    Py_XDECREF(keep);
    enum corps_err err = CORPS_OK;
    if (answer == NULL) {
        err = corps__py_fail_context(context);
    } else if (answer == worker->around) {
        err = answer_around(worker, context);
    } else if (PyCoro_CheckExact(answer)) {
        err = corps__py_put_off(context, answer);
    } else if (answer != Py_None) {
        err = give(context, answer, result);
    }
    Py_XDECREF(answer);
    Py_DECREF(object);
    return err;
}

const struct corps_class corps__python_class = {
    .name = CORPS_ANY_CLASS,
    .bytes = sizeof(struct worker),
    .init = init,
    .cleanup = cleanup,
    .any = any,
    .enter = enter,
    .leave = leave,
    .checkpoint = corps__py_checkpoint,
    .restore = corps__py_restore,
    .checkpoint_every_ns = CORPS_FOREVER, /* a Worker's init says otherwise where its own class does */
};
