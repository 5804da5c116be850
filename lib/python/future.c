/* The type Future. Over 500 lines, since the methods of a type, its attributes and its tables refer to each other. */
#include "core.h"

#include "actor/future.h"

#include <pthread.h>
#include <stdlib.h>

/* Futures: a result is taken over from the core when somebody first reads it, and kept. */

struct future {
    PyObject_HEAD struct corps_future *future; /* NULL once the outcome is here */
    PyObject *result;                          /* the outcome: one of the two */
    PyObject *exception;
    PyObject *callbacks; /* a list, or NULL */
    PyObject *weak;
    PyObject *dict; /* of attributes, made with the first: here, since a subclass's own would cost every call */
    bool cancelled;
    struct future *next_done;
};

/* ---- the core's Future ---- */

/* Until let_go: NULL once the outcome is here. Where Python has a lock nobody takes it away while we have that. */
static struct corps_future *hold(struct future *self) {
#ifdef Py_GIL_DISABLED
    struct corps_future *core;
    CORPS_OBJECT_BEGIN(self)
    core = self->future != NULL ? corps_future_ref(self->future) : NULL;
    CORPS_OBJECT_END
    return core;
#else
    return self->future;
#endif
}

static void let_go(struct corps_future *core) {
#ifdef Py_GIL_DISABLED
    corps_future_destroy(core);
#else
    (void)core;
#endif
}

static bool is_ready(struct future *self) {
    struct corps_future *core = hold(self);
    bool ready = core == NULL || corps_future_ready(core);
    let_go(core);
    return ready;
}

/* ---- the outcome ---- */

static PyObject *exception_of(struct corps_future *future, enum corps_err err) {
    const struct corps_error_info *info = corps_future_error(future);
    if (info->code != CORPS_OK) {
        corps__py_remote(info);
    } else {
        corps__py_raise(err);
    }
    PyObject *type;
    PyObject *exception;
    PyObject *traceback;
    PyErr_Fetch(&type, &exception, &traceback);
    PyErr_NormalizeException(&type, &exception, &traceback);
    Py_XDECREF(type);
    Py_XDECREF(traceback);
    return exception;
}

/* Takes the outcome over. The Future is ready. */
static void take(struct future *self) {
    struct corps_future *future = hold(self);
    if (future == NULL) {
        return;
    }
    const struct corps_value *value = NULL;
    enum corps_err err = corps_future_wait(future, 0, &value);
    PyObject *result = err == CORPS_OK ? corps__py_of_value(value) : NULL;
    PyObject *exception = NULL;
    if (err != CORPS_OK) {
        exception = exception_of(future, err);
    } else if (result == NULL) {
        PyObject *type;
        PyObject *traceback;
        PyErr_Fetch(&type, &exception, &traceback);
        PyErr_NormalizeException(&type, &exception, &traceback);
        Py_XDECREF(type);
        Py_XDECREF(traceback);
    }
    bool first;
    CORPS_OBJECT_BEGIN(self)
    first = self->future != NULL; /* else another thread has taken it while Python code ran above */
    if (first) {
        self->result = result;
        self->exception = exception;
        self->future = NULL;
    }
    CORPS_OBJECT_END
    let_go(future);
    if (first) {
        corps_future_destroy(future);
    } else {
        Py_XDECREF(result);
        Py_XDECREF(exception);
    }
}

static PyObject *outcome(struct future *self) {
    take(self);
    if (self->result != NULL) {
        return Py_NewRef(self->result);
    }
    if (self->exception != NULL && PyExceptionInstance_Check(self->exception)) {
        (void)PyException_SetTraceback(self->exception, Py_None); /* the same object is raised at every reading */
        PyErr_SetObject((PyObject *)Py_TYPE(self->exception), self->exception);
    }
    return NULL;
}

/* ---- waiting ---- */

static unsigned long main_thread;

int64_t corps__py_slice(int64_t left_ns) {
    bool main = corps_own() == NULL && PyThread_get_thread_ident() == main_thread; /* Envs leave signals alone */
    return main && left_ns > PY_WAIT_SLICE_NS ? PY_WAIT_SLICE_NS : left_ns;
}

int64_t corps__py_ask_within(void) {
    return corps__py_slice(CORPS_FOREVER);
}

int64_t corps__py_timeout(PyObject *seconds) {
    if (seconds == NULL || seconds == Py_None) {
        return CORPS_FOREVER;
    }
    double number = PyFloat_AsDouble(seconds);
    if (number == -1.0 && PyErr_Occurred()) {
        return -1;
    }
    /* NaN is no limit, as no time is ever past it. */
    return !(number < 9e9) ? CORPS_FOREVER : number <= 0 ? 0 : (int64_t)(number * 1e9);
}

/* Waits for a Future that is not ready. 1: now it is, 0: not yet, -1: an exception, also from a signal's handler. */
static int wait_once(struct corps_future *future, int64_t timeout_ns) {
    enum corps_err err = corps_future_wait(future, timeout_ns, NULL);
    bool ready = corps__future_is_ready(future);
    if (err != CORPS_OK && err != CORPS_ERR_TIMEOUT && !ready) {
        corps__py_raise(err); /* a cycle, or too many threads */
        return -1;
    }
    return PyErr_CheckSignals() != 0 ? -1 : ready;
}

/* Looks, for a call to another Env, at all that has come by now: the waits that follow may find theirs among it. One to
 * this Env is run by the wait itself. */
static bool has_come(const struct corps_future *future) {
    return future->local != NULL ? corps__future_is_ready(future) : corps_future_ready(future);
}

/* 1: ready, 0: the time is over, -1: an exception. */
static int wait_for(struct future *self, int64_t timeout_ns) {
    for (struct corps_future *held; (held = hold(self)) != NULL;) {
        if (has_come(held)) {
            let_go(held);
            return 1;
        }
        struct corps_future *future = corps_future_ref(held); /* another thread may take the outcome meanwhile */
        let_go(held);
        int64_t slice = corps__py_slice(timeout_ns);
        int ready = wait_once(future, slice);
        corps_future_destroy(future);
        if (ready != 0) {
            return ready;
        }
        timeout_ns -= timeout_ns != CORPS_FOREVER ? slice : 0;
        if (timeout_ns <= 0) {
            return is_ready(self);
        }
    }
    return 1;
}

static PyObject *future_ret(PyObject *self, void *closure) {
    (void)closure;
    return wait_for((struct future *)self, CORPS_FOREVER) > 0 ? outcome((struct future *)self) : NULL;
}

/* _wait(seconds or None) → bool */
static PyObject *future_wait(PyObject *self, PyObject *seconds) {
    int64_t timeout = corps__py_timeout(seconds);
    if (timeout < 0) {
        return NULL;
    }
    int ready = wait_for((struct future *)self, timeout);
    return ready < 0 ? NULL : PyBool_FromLong(ready);
}

static PyObject *future_ret_ready(PyObject *self, PyObject *none) {
    (void)none;
    return PyBool_FromLong(is_ready((struct future *)self));
}

/* _result and _exception, as concurrent.futures keeps them: None until the outcome is here, or where it is the other.
 */
static PyObject *future_result(PyObject *self, void *closure) {
    (void)closure;
    struct future *future = (struct future *)self;
    if (is_ready(future)) {
        take(future);
    }
    return Py_NewRef(future->result != NULL ? future->result : Py_None);
}

static PyObject *future_exception(PyObject *self, void *closure) {
    (void)closure;
    struct future *future = (struct future *)self;
    if (is_ready(future)) {
        take(future);
    }
    return Py_NewRef(future->exception != NULL ? future->exception : Py_None);
}

static void release(struct corps_future **futures, Py_ssize_t count) {
    for (Py_ssize_t i = 0; i < count; i++) {
        corps_future_destroy(futures[i]);
    }
    PyMem_Free(futures);
}

PyObject *corps__py_wait_next(PyObject *module, PyObject *args) {
    (void)module;
    PyObject *list;
    PyObject *seconds;
    if (!PyArg_ParseTuple(args, "O!O", &PyList_Type, &list, &seconds)) {
        return NULL;
    }
    int64_t left = corps__py_timeout(seconds);
    Py_ssize_t count = PyList_GET_SIZE(list);
    struct corps_future **futures = left >= 0 ? PyMem_Calloc((size_t)count + 1, sizeof *futures) : NULL;
    if (futures == NULL) {
        return left >= 0 ? PyErr_NoMemory() : NULL;
    }
    PyObject *answer = NULL;
    for (Py_ssize_t i = 0; i < count && answer == NULL; i++) {
        PyObject *item = PyList_GET_ITEM(list, i);
        if (item == Py_None) {
            continue;
        }
        if (!PyObject_TypeCheck(item, &corps__future_type)) {
            PyErr_Format(PyExc_TypeError, "a %.100s is no Future", Py_TYPE(item)->tp_name);
            release(futures, count);
            return NULL;
        }
        if (is_ready((struct future *)item)) {
            answer = PyLong_FromSsize_t(i);
        }
        struct corps_future *held = hold((struct future *)item);
        futures[i] = held != NULL ? corps_future_ref(held) : NULL;
        let_go(held);
    }
    while (answer == NULL) {
        int64_t slice = corps__py_slice(left);
        size_t index = 0;
        enum corps_err err = corps_wait_next(futures, (size_t)count, slice, &index);
        if (err == CORPS_OK) {
            answer = PyLong_FromSize_t(index);
        } else if (err != CORPS_ERR_TIMEOUT) {
            corps__py_raise(err);
            break;
        } else if (PyErr_CheckSignals() != 0) {
            break;
        } else if (left != CORPS_FOREVER && (left -= slice) <= 0) {
            answer = Py_NewRef(Py_None);
        }
    }
    release(futures, count);
    return answer;
}

/* ---- callbacks ---- */

/* Futures that have become ready and have callbacks; `bell` is what the thread that serves them waits for. */
static struct {
    pthread_mutex_t lock;
    struct future *first, **last;
    struct corps_future *bell;
} done = {.lock = PTHREAD_MUTEX_INITIALIZER, .last = &done.first};

/* Any thread, without the interpreter's lock. */
static void on_ready(void *arg) {
    struct future *future = arg;
    pthread_mutex_lock(&done.lock);
    future->next_done = NULL;
    *done.last = future;
    done.last = &future->next_done;
    if (done.bell != NULL) {
        corps_future_fulfil(done.bell);
    }
    pthread_mutex_unlock(&done.lock);
}

static void run_callbacks(struct future *self) {
    PyObject *callbacks;
    CORPS_OBJECT_BEGIN(self)
    callbacks = self->callbacks;
    self->callbacks = NULL;
    CORPS_OBJECT_END
    for (Py_ssize_t i = 0; callbacks != NULL && i < PyList_GET_SIZE(callbacks); i++) {
        PyObject *answer = PyObject_CallFunctionObjArgs(PyList_GET_ITEM(callbacks, i), (PyObject *)self, NULL);
        if (answer == NULL) {
            PyErr_WriteUnraisable(PyList_GET_ITEM(callbacks, i));
        }
        Py_XDECREF(answer);
    }
    Py_XDECREF(callbacks);
}

static struct future *take_done(void) {
    pthread_mutex_lock(&done.lock);
    struct future *future = done.first;
    if (future != NULL) {
        done.first = future->next_done;
        done.last = done.first == NULL ? &done.first : done.last;
    }
    pthread_mutex_unlock(&done.lock);
    return future;
}

PyObject *corps__py_callbacks(PyObject *module, PyObject *none) {
    (void)module;
    (void)none;
    for (;;) {
        struct corps_future *bell = corps_future_create();
        if (bell == NULL) {
            return PyErr_NoMemory();
        }
        pthread_mutex_lock(&done.lock);
        struct corps_future *old = done.bell;
        done.bell = bell;
        pthread_mutex_unlock(&done.lock);
        corps_future_destroy(old);
        for (struct future *future = take_done(); future != NULL; future = take_done()) {
            run_callbacks(future);
            Py_DECREF(future); /* _notify's */
        }
        (void)!corps_future_wait(bell, CORPS_FOREVER, NULL);
    }
}

void corps__py_callbacks_end(void) {
    for (struct future *future = take_done(); future != NULL; future = take_done()) {
        Py_DECREF(future); /* _notify's */
    }
}

/* Until the end of the interpreter, when the hooks are gone. */
static PyObject *call_hook(PyObject *hook) {
    return hook != NULL ? PyObject_CallFunctionObjArgs(hook, NULL) : Py_NewRef(Py_None);
}

PyObject *corps__py_before_fork(PyObject *module, PyObject *none) {
    (void)module;
    (void)none;
    return call_hook(corps__hooks.before_fork);
}

PyObject *corps__py_forked(PyObject *module, PyObject *none) {
    (void)module;
    (void)none;
    pthread_mutex_init(&done.lock, NULL);
    done.first = NULL; /* these callbacks run in the parent */
    done.last = &done.first;
    done.bell = NULL;
    corps__py_cancels_forked();
    corps__py_main_thread();
    return call_hook(corps__hooks.in_child);
}

/* 1: it will be called by the thread of callbacks, 0: the Future is ready, -1: an exception. */
static int notify(struct future *self, PyObject *callback) {
    if (is_ready(self)) {
        return 0;
    }
    bool first = self->callbacks == NULL;
    if (first) {
        self->callbacks = PyList_New(0);
    }
    if (self->callbacks == NULL || PyList_Append(self->callbacks, callback) != 0) {
        return -1;
    }
    if (first) {
        Py_INCREF(self); /* until its callbacks have run */
        corps_future_on_ready(self->future, on_ready, self);
    }
    return 1;
}

/* _notify(callback) → bool: will it be called by the thread of callbacks? False: the Future is ready already. */
static PyObject *future_notify(PyObject *self, PyObject *callback) {
    int called;
    CORPS_OBJECT_BEGIN(self)
    called = notify((struct future *)self, callback);
    CORPS_OBJECT_END
    return called >= 0 ? PyBool_FromLong(called) : NULL;
}

/* Drops the items of a list that are equal to `item`. How many they were; -1 with an exception. */
static Py_ssize_t drop_equal(PyObject *list, PyObject *item) {
    Py_ssize_t before = PyList_GET_SIZE(list);
    PyObject *kept = PyList_New(0);
    for (Py_ssize_t i = 0; kept != NULL && i < PyList_GET_SIZE(list); i++) {
        int equal = PyObject_RichCompareBool(PyList_GET_ITEM(list, i), item, Py_EQ);
        if (equal < 0 || (equal == 0 && PyList_Append(kept, PyList_GET_ITEM(list, i)) != 0)) {
            Py_CLEAR(kept);
        }
    }
    Py_ssize_t left = kept != NULL ? PyList_GET_SIZE(kept) : 0;
    bool replaced = kept != NULL && PyList_SetSlice(list, 0, PyList_GET_SIZE(list), kept) == 0;
    Py_XDECREF(kept);
    return replaced ? before - left : -1;
}

/* _forget(callback) → how many equal ones will not be called any more */
static PyObject *future_forget(PyObject *self, PyObject *callback) {
    PyObject *callbacks;
    CORPS_OBJECT_BEGIN(self)
    callbacks = Py_XNewRef(((struct future *)self)->callbacks); /* they may be called meanwhile */
    CORPS_OBJECT_END
    Py_ssize_t gone = callbacks != NULL ? drop_equal(callbacks, callback) : 0;
    Py_XDECREF(callbacks);
    return gone >= 0 ? PyLong_FromSsize_t(gone) : NULL;
}

/* ---- the type ---- */

static void future_free(PyObject *self) {
    struct future *future = (struct future *)self;
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    if (future->weak != NULL) {
        PyObject_ClearWeakRefs(self);
    }
    corps_future_destroy(future->future);
    Py_XDECREF(future->result);
    Py_XDECREF(future->exception);
    Py_XDECREF(future->callbacks);
    Py_XDECREF(future->dict);
    type->tp_free(self);
}

static int future_traverse(PyObject *self, visitproc visit, void *arg) {
    struct future *future = (struct future *)self;
    Py_VISIT(future->result);
    Py_VISIT(future->exception);
    Py_VISIT(future->callbacks);
    Py_VISIT(future->dict);
    return 0;
}

static int future_clear(PyObject *self) {
    struct future *future = (struct future *)self;
    Py_CLEAR(future->exception);
    Py_CLEAR(future->callbacks);
    Py_CLEAR(future->dict);
    return 0;
}

/* Of the class in Python, see corps__py_future_class. */
static void free_of_class(PyObject *self) {
    PyTypeObject *type = Py_TYPE(self);
    future_free(self);
    Py_DECREF(type);
}

/* What Python does at the end of an object of any class looks for much that these never have. */
void corps__py_future_class(PyTypeObject *type) {
    type->tp_dealloc = free_of_class;
}

PyObject *corps__py_future(struct corps_future *core) {
    PyTypeObject *type = (PyTypeObject *)corps__hooks.future_type;
    /* A signal's handler may have raised while the rest of the request was on its way. */
    struct future *future = PyErr_Occurred() == NULL ? PyObject_GC_New(struct future, type) : NULL;
    if (future == NULL) {
        corps_future_destroy(core);
        return NULL;
    }
    future->future = core;
    future->result = core == NULL ? Py_NewRef(Py_None) : NULL;
    future->exception = future->callbacks = future->weak = future->dict = NULL;
    future->cancelled = false;
    future->next_done = NULL;
    PyObject_GC_Track((PyObject *)future);
    return (PyObject *)future;
}

/* _cancel() → bool: gives the call up. */
static PyObject *future_cancel(PyObject *self, PyObject *exception) {
    struct future *future = (struct future *)self;
    struct corps_future *core;
    CORPS_OBJECT_BEGIN(self)
    core = is_ready(future) ? NULL : future->future;
    if (core != NULL) {
        future->exception = Py_NewRef(exception);
        future->future = NULL;
        future->cancelled = true;
    }
    CORPS_OBJECT_END
    if (core == NULL) {
        Py_RETURN_FALSE;
    }
    (void)corps_future_cancel(core); /* who waits for it goes on, and the Worker is told */
    corps_future_destroy(core);
    Py_RETURN_TRUE;
}

static PyObject *future_cancelled(PyObject *self, PyObject *none) {
    (void)none;
    return PyBool_FromLong(((struct future *)self)->cancelled);
}

static PyObject *ret_word; /* "Ret", as it is where programs say it */

/* As for any object. What Ret raises may be an AttributeError too: it is left as it is. */
static PyObject *future_attribute(PyObject *self, PyObject *name) {
    if (name == ret_word && (PyObject *)Py_TYPE(self) == corps__hooks.future_type) {
        return future_ret(self, NULL); /* nothing hides it */
    }
    PyObject *found = PyObject_GenericGetAttr(self, name);
    if (found != NULL || !PyErr_ExceptionMatches(PyExc_AttributeError) ||
        PyUnicode_CompareWithASCIIString(name, "Ret") == 0 || PyUnicode_CompareWithASCIIString(name, "ret") == 0) {
        return found;
    }
    PyErr_Clear();
    return PyErr_Format(PyExc_AttributeError, "a Future has no attribute '%U'; read its Ret first", name);
}

static PyMethodDef future_methods[] = {
    {"ret_ready", future_ret_ready, METH_NOARGS, "Is the result (or the exception) here? Never waits."},
    {"_wait", future_wait, METH_O, NULL},
    {"_notify", future_notify, METH_O, NULL},
    {"_forget", future_forget, METH_O, NULL},
    {"_cancel", future_cancel, METH_O, NULL},
    {"cancelled", future_cancelled, METH_NOARGS, "Was it cancelled?"},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef future_properties[] = {
    {"Ret", future_ret, NULL, "Waits, then the result; or raises what the method raised. As often as you like.", NULL},
    {"ret", future_ret, NULL, "The same as Ret.", NULL},
    {"_result", future_result, NULL, NULL, NULL},
    {"_exception", future_exception, NULL, NULL, NULL},
    {"__dict__", PyObject_GenericGetDict, PyObject_GenericSetDict, NULL, NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

PyTypeObject corps__future_type = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "corps._core.Future",
    .tp_basicsize = sizeof(struct future),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
    .tp_weaklistoffset = offsetof(struct future, weak),
    .tp_dictoffset = offsetof(struct future, dict),
    .tp_dealloc = future_free,
    .tp_getattro = future_attribute,
    .tp_traverse = future_traverse,
    .tp_clear = future_clear,
    .tp_methods = future_methods,
    .tp_getset = future_properties,
};

bool corps__py_futures_begin(void) {
    ret_word = ret_word != NULL ? ret_word : PyUnicode_InternFromString("Ret");
    return ret_word != NULL;
}

void corps__py_main_thread(void) {
    main_thread = PyThread_get_thread_ident();
}
