#include "python.h"

#include "base/hot.h"

#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct corps__python corps__python;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static _Atomic bool begun;

/* ---- errors ---- */

void corps__python_text(PyObject *exception, char *out, size_t out_bytes) {
    PyObject *text = PyObject_Str(exception);
    const char *utf8 = text != NULL ? PyUnicode_AsUTF8(text) : NULL;
    PyErr_Clear(); /* an exception whose own text fails still has a type */
    const char *type = Py_TYPE(exception)->tp_name;
    snprintf(out, out_bytes, "%s%s%s", type, utf8 != NULL && utf8[0] != '\0' ? ": " : "", utf8 != NULL ? utf8 : "");
    Py_XDECREF(text);
    for (char *at = out; *at != '\0'; at++) {
        *at = (unsigned char)*at < ' ' ? ' ' : *at;
    }
}

/* A pickler may wrap what was raised in an exception of its own: that is its cause then. */
static enum corps_err code_of(PyObject *exception, enum corps_err otherwise) {
    PyObject *cause = PyException_GetCause(exception);
    PyObject *first = cause != NULL ? cause : exception;
    enum corps_err err = PyErr_GivenExceptionMatches(first, PyExc_MemoryError)      ? CORPS_ERR_NO_MEMORY
                         : PyErr_GivenExceptionMatches(first, PyExc_RecursionError) ? CORPS_ERR_TOO_LARGE
                                                                                    : otherwise;
    Py_XDECREF(cause);
    return err;
}

enum corps_err corps__python_fetched(PyObject *exception, enum corps_err otherwise, const char *what) {
    char text[256] = "no exception was set";
    enum corps_err err = otherwise;
    if (exception != NULL) {
        corps__python_text(exception, text, sizeof text);
        err = code_of(exception, otherwise);
        if (PyErr_GivenExceptionMatches(exception, PyExc_KeyboardInterrupt)) {
            PyErr_SetInterrupt(); /* Ctrl-C is no error of what it came upon: it comes again, see corps__py_raise */
        }
    }
    return corps_error_set(err, "%s: %s", what, text);
}

enum corps_err corps__python_error(enum corps_err otherwise, const char *what) {
    PyObject *type;
    PyObject *exception;
    PyObject *traceback;
    PyErr_Fetch(&type, &exception, &traceback);
    PyErr_NormalizeException(&type, &exception, &traceback);
    enum corps_err err = corps__python_fetched(exception, otherwise, what);
    Py_XDECREF(type);
    Py_XDECREF(exception);
    Py_XDECREF(traceback);
    return err;
}

/* ---- the interpreter's lock ---- */

bool corps__python_alive(void) {
    return Py_IsInitialized() && !Py_IsFinalizing();
}

static pthread_key_t thread_key;

/* The state that `attach` has given this thread, which stays until `detach`; NULL in threads that Python or others gave
 * theirs. */
static CORPS__HOT_THREAD_LOCAL PyThreadState *own_state;

/* Only the state of the thread that has the lock is the current one, and nobody else's can be at our own's address. */
static bool has_lock_by_own_state(void) {
    return own_state != NULL && PyThreadState_GetUnchecked() == own_state;
}

bool corps__python_has_lock(void) {
    return own_state != NULL ? has_lock_by_own_state() : PyGILState_GetThisThreadState() != NULL && PyGILState_Check();
}

/* At the end of a thread that we gave a Python thread state. pthread may have forgotten by now that it is this
 * thread's, and a debugging allocator would miss it: then it goes with another one in its place. */
static void detach(void *thread_state) {
    own_state = NULL;
    if (!corps__python_alive()) {
        return;
    }
    if (PyGILState_GetThisThreadState() == thread_state) {
        PyEval_RestoreThread(thread_state);
        PyThreadState_Clear(thread_state);
        PyThreadState_DeleteCurrent();
        return;
    }
    PyGILState_STATE state = PyGILState_Ensure();
    PyThreadState_Clear(thread_state);
    PyThreadState_Delete(thread_state);
    PyGILState_Release(state);
}

/* The C library's destructors of thread_local objects run before those of keys, so that Python still knows the thread:
 * from 3.12 on a thread state cannot go otherwise. */
extern int __cxa_thread_atexit_impl(void (*destroy)(void *object), void *object, void *dso) __attribute__((weak));
extern void *__dso_handle;

enum {
    STATE_BYTES = 64 * 1024, /* a thread state with what comes with it is smaller */
    TRIES = 100,
    BETWEEN_TRIES_US = 10000,
};

/* Python and the C library end the process where they cannot give a thread what every thread has (Python before 3.12 by
 * a segmentation fault). Others may give memory back meanwhile; if nobody does, then at least it is said. */
static void await_memory(void) {
    for (unsigned i = 0; i < TRIES; i++) {
        void *room = malloc(STATE_BYTES);
        if (room != NULL) {
            free(room);
            return;
        }
        usleep(BETWEEN_TRIES_US);
    }
    fputs("corps: this process ends: no memory for another thread of Python\n", stderr);
    abort();
}

/* PyGILState_Ensure makes a thread state and throws it away each time, unless one is there: this one stays. */
static void attach(void) {
    if (PyGILState_GetThisThreadState() == NULL) {
        await_memory();
        (void)PyGILState_Ensure();
        PyThreadState *state = PyEval_SaveThread();
        own_state = state;
        if (__cxa_thread_atexit_impl == NULL || __cxa_thread_atexit_impl(detach, state, &__dso_handle) != 0) {
            (void)pthread_setspecific(thread_key, state);
        }
    }
}

PyGILState_STATE corps__python_enter(void) {
    static CORPS__HOT_THREAD_LOCAL bool attached;
    if (has_lock_by_own_state()) {
        return PyGILState_LOCKED; /* most are: Python's own way of finding that out takes several times as long */
    }
    if (!attached) {
        attached = true;
        attach();
    }
    return PyGILState_Ensure();
}

void corps__python_leave(PyGILState_STATE state) {
    if (state != PyGILState_LOCKED || own_state == NULL) {
        PyGILState_Release(state);
    }
}

/* ---- the interpreter ---- */

static enum corps_err failed(PyStatus status) {
    return corps_error_set(CORPS_ERR_SYSTEM, "Python does not start: %s; set CORPS_PYTHON to a Python %d.%d",
                           status.err_msg != NULL ? status.err_msg : "no reason given", PY_MAJOR_VERSION,
                           PY_MINOR_VERSION);
}

static PyStatus initialize(const char *executable) {
    PyPreConfig before;
    PyPreConfig_InitPythonConfig(&before);
    before.parse_argv = 0;
    before.configure_locale = 0; /* the locale is the program's */
    before.coerce_c_locale = 0;
    before.utf8_mode = 1;
    PyStatus status = Py_PreInitialize(&before);
    if (PyStatus_Exception(status)) {
        return status;
    }
    PyConfig config;
    PyConfig_InitPythonConfig(&config);
    config.parse_argv = 0;
    config.install_signal_handlers = 0;
    config.pathconfig_warnings = 0;
    /* Beside the executable lies pyvenv.cfg: from it Python finds the virtual environment's packages. */
    status = PyConfig_SetBytesString(&config, &config.program_name, executable);
    if (!PyStatus_Exception(status)) {
        status = PyConfig_SetBytesString(&config, &config.executable, executable);
    }
    if (!PyStatus_Exception(status)) {
        status = Py_InitializeFromConfig(&config);
    }
    PyConfig_Clear(&config);
    return status;
}

/* A path as it is, a name as the shell would find it. */
static bool find_executable(const char *wanted, char out[PATH_MAX]) {
    const char *folder = strchr(wanted, '/') == NULL ? getenv("PATH") : NULL;
    if (folder == NULL) {
        return snprintf(out, PATH_MAX, "%s", wanted) < PATH_MAX && access(out, X_OK) == 0;
    }
    while (*folder != '\0') {
        int bytes = (int)strcspn(folder, ":");
        if (snprintf(out, PATH_MAX, "%.*s/%s", bytes, folder, wanted) < PATH_MAX && access(out, X_OK) == 0) {
            return true;
        }
        folder += bytes + (folder[bytes] == ':');
    }
    return false;
}

/* Nested values take several Python calls a level where a pickler is written in Python: 256 levels need more than the
 * default limit of 1,000. */
enum { RECURSION_LIMIT = 4000 };

static enum corps_err start_interpreter(void) {
    char executable[PATH_MAX];
    const char *wanted = getenv("CORPS_PYTHON");
    if (wanted == NULL || wanted[0] == '\0') {
        wanted = CORPS_PYTHON_EXECUTABLE;
    }
    if (!find_executable(wanted, executable)) {
        return corps_error_set(CORPS_ERR_UNKNOWN,
                               "there is no Python interpreter '%s'; set CORPS_PYTHON to the path of one", wanted);
    }
    PyStatus status = initialize(executable);
    if (PyStatus_Exception(status)) {
        return failed(status);
    }
    Py_SetRecursionLimit(RECURSION_LIMIT);
    (void)PyEval_SaveThread(); /* any thread may take the lock now */
    return CORPS_OK;
}

/* ---- what we keep of it ---- */

/* GIL. Runs the source of _corps in its namespace; an exception is pending when NULL. Borrowed. */
static PyObject *make_module(void) {
    PyObject *module = PyImport_AddModule("_corps"); /* borrowed */
    PyObject *names = module != NULL ? PyModule_GetDict(module) : NULL;
    if (names == NULL || PyDict_SetItemString(names, "__builtins__", PyEval_GetBuiltins()) != 0) {
        return NULL;
    }
    for (const char *const *source = corps__python_sources; *source != NULL; source++) {
        PyObject *code = Py_CompileString(*source, "<corps>", Py_file_input);
        PyObject *done = code != NULL ? PyEval_EvalCode(code, names, names) : NULL;
        Py_XDECREF(code);
        if (done == NULL) {
            return NULL;
        }
        Py_DECREF(done);
    }
    return corps__python_auto_modules() ? names : NULL;
}

/* GIL. An exception is pending when false. */
static bool fill(struct corps__python *python) {
    PyObject *names = make_module();
    if (names == NULL) {
        return false;
    }
    python->name_type = Py_XNewRef(PyDict_GetItemString(names, "Name"));
    python->name_base = (PyTypeObject *)python->name_type;
    python->find_refused = Py_XNewRef(PyDict_GetItemString(names, "find_refused"));
    python->equal = Py_XNewRef(PyDict_GetItemString(names, "equal"));
    python->run = Py_XNewRef(PyDict_GetItemString(names, "run"));
    python->buffer_type = corps__python_buffer_type();
    python->dumps_keywords = Py_BuildValue("(ss)", "protocol", "buffer_callback");
    python->loads_keywords = Py_BuildValue("(s)", "buffers");
    python->protocol = PyLong_FromLong(5);
    python->alone = PyList_New(0);
    return python->name_type != NULL && python->find_refused != NULL && python->equal != NULL && python->run != NULL &&
           python->buffer_type != NULL && python->dumps_keywords != NULL && python->loads_keywords != NULL &&
           python->protocol != NULL && python->alone != NULL;
}

bool corps__python_serves(void) {
    if (corps__python.ended) {
        PyErr_SetString(PyExc_RuntimeError, "the interpreter ends: nothing is pickled any more");
    }
    return !corps__python.ended;
}

void corps__python_end(void) {
    PyObject **const held[] = {&corps__python.name_type, &corps__python.pickle,    &corps__python.cloudpickle,
                               &corps__python.dill,      &corps__python.auto_code, &corps__python.find_refused,
                               &corps__python.equal,     &corps__python.run};
    corps__python.ended = true;
    for (size_t i = 0; i < sizeof held / sizeof held[0]; i++) {
        Py_CLEAR(*held[i]);
    }
    corps__python_auto_end();
    corps__python_libraries_end();
}

static enum corps_err begin(void) {
    enum corps_err err = Py_IsInitialized() ? CORPS_OK : start_interpreter();
    if (err != CORPS_OK) {
        return err;
    }
    if (pthread_key_create(&thread_key, detach) != 0) {
        return corps_error_set(CORPS_ERR_LIMIT, "no thread-specific key is left for Python");
    }
    PyGILState_STATE state = corps__python_enter();
    err = fill(&corps__python) ? CORPS_OK : corps__python_error(CORPS_ERR_SYSTEM, "Python cannot prepare _corps");
    corps__python_leave(state);
    return err;
}

enum corps_err corps__python_begin(void) {
    if (atomic_load_explicit(&begun, memory_order_acquire)) {
        return CORPS_OK;
    }
    /* Whoever waits for our lock must not hold the interpreter's, which begin needs. */
    PyThreadState *held = Py_IsInitialized() && PyGILState_Check() ? PyEval_SaveThread() : NULL;
    pthread_mutex_lock(&lock);
    enum corps_err err = begun ? CORPS_OK : begin();
    if (err == CORPS_OK) {
        atomic_store_explicit(&begun, true, memory_order_release);
    }
    pthread_mutex_unlock(&lock);
    if (held != NULL) {
        PyEval_RestoreThread(held);
    }
    return err;
}
