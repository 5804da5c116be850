/* The module: its functions, their one table, and its state. Over 500 lines, most of them functions of a few lines that
 * the table lists. */
#include "core.h"

#include "base/hooks.h"
#include "base/placement.h"
#include "link/news.h"

#include <corps/transport.h>

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

struct hooks corps__hooks;

/* ---- errors and values ---- */

PyObject *corps__py_raise(enum corps_err code) {
    if (PyErr_Occurred() ||
        PyErr_CheckSignals() != 0) { /* who is interrupted hears of that, and not of what it broke */
        return NULL;
    }
    PyObject *exception =
        corps__hooks.error != NULL
            ? PyObject_CallFunction(corps__hooks.error, "ss", corps_error_name(code), corps_error_detail())
            : NULL;
    if (exception != NULL) {
        PyErr_SetObject((PyObject *)Py_TYPE(exception), exception);
        Py_DECREF(exception);
    } else if (!PyErr_Occurred()) {
        PyErr_Format(PyExc_RuntimeError, "%s: %s", corps_error_name(code), corps_error_detail());
    }
    return NULL;
}

PyObject *corps__py_remote(const struct corps_error_info *info) {
    PyObject *exception =
        !corps__python_serves()
            ? NULL
            : PyObject_CallFunction(corps__hooks.remote, "ssssy#sO", corps_error_name(info->code), info->type,
                                    info->text, info->traceback, info->detail != NULL ? info->detail : "",
                                    (Py_ssize_t)info->detail_bytes, info->origin,
                                    info->detail_trusted ? Py_True : Py_False);
    if (exception != NULL) {
        PyErr_SetObject((PyObject *)Py_TYPE(exception), exception);
        Py_DECREF(exception);
    }
    return NULL;
}

PyObject *corps__py_of_value(const struct corps_value *value) {
    if (value == NULL) {
        return Py_NewRef(Py_None);
    }
    enum corps_err err;
    PyObject *object = corps__python_of_value(value, &err);
    return object != NULL ? object : corps__py_raise(err);
}

PyObject *corps__py_item(PyObject *dict, const char *key) {
    PyObject *text = PyUnicode_FromString(key);
    PyObject *item = text != NULL ? PyDict_GetItemWithError(dict, text) : NULL;
    Py_XDECREF(text);
    return item;
}

/* ---- starting and serving ---- */

static const struct corps_class *const classes[] = {&corps__python_class, NULL};
static const struct corps_class **all_classes;

static void *before_wait(void) {
    return corps__python_has_lock() ? PyEval_SaveThread() : NULL;
}

static void after_wait(void *given_up) {
    PyEval_RestoreThread(given_up);
}

/* The exception stays with the thread, and is raised whatever the call returns. */
static bool is_interrupted(void) {
    return corps__python_has_lock() && (PyErr_Occurred() != NULL || PyErr_CheckSignals() != 0);
}

static PyObject *hooks_set(PyObject *module, PyObject *hooks) {
    (void)module;
#define HOOK_TAKE(name)                                                                                                \
    Py_XDECREF(corps__hooks.name);                                                                                     \
    corps__hooks.name = PyObject_GetAttrString(hooks, #name);                                                          \
    if (corps__hooks.name == NULL) {                                                                                   \
        return NULL;                                                                                                   \
    }
    HOOKS(HOOK_TAKE)
#undef HOOK_TAKE
    PyObject *type = PyObject_GetAttrString(hooks, "Future");
    if (type == NULL || !PyType_Check(type) || !PyType_IsSubtype((PyTypeObject *)type, &corps__future_type)) {
        PyErr_SetString(PyExc_TypeError, "hooks.Future must be a subclass of corps._core.Future");
        return NULL;
    }
    corps__hooks.future_type = type;
    corps__py_future_class((PyTypeObject *)type);
    enum corps_err err = corps__python_begin();
    if (err != CORPS_OK) {
        return corps__py_raise(err);
    }
    corps__python.name_type = Py_NewRef(corps__hooks.restore);
    corps__python.name_base = &corps__name_type;
    corps_wait_hooks_set(before_wait, after_wait);
    corps__interrupt_hooks_set(corps__py_ask_within, is_interrupted);
    corps_start(all_classes != NULL ? all_classes : classes);
    Py_RETURN_NONE;
}

static enum corps_err tell_boot(void *arg, const struct corps_error_info *info) {
    (void)arg;
    return corps_boot_fail(info);
}

static enum corps_err on_boot(const void *data, size_t bytes) {
    PyGILState_STATE state = corps__python_enter();
    PyObject *done = PyObject_CallFunction(corps__hooks.boot, "y#", data, (Py_ssize_t)bytes);
    enum corps_err err = CORPS_OK;
    if (done == NULL) {
        err = corps__py_fail(tell_boot, tell_boot, NULL);
    }
    Py_XDECREF(done);
    corps__python_leave(state);
    return err;
}

static PyObject *serve(PyObject *module, PyObject *fd) {
    (void)module;
    long number = PyLong_AsLong(fd);
    if (number == -1 && PyErr_Occurred()) {
        return NULL;
    }
    int status;
    Py_BEGIN_ALLOW_THREADS status = corps_serve((int)number, all_classes != NULL ? all_classes : classes, on_boot);
    Py_END_ALLOW_THREADS return PyLong_FromLong(status);
}

/* load_classes(path): classes of a shared object written in C, beside those of Python. Before the first Corps. */
static PyObject *load_classes(PyObject *module, PyObject *path) {
    (void)module;
    const char *text = PyUnicode_AsUTF8(path);
    Dl_info self;
    if (text == NULL) {
        return NULL;
    }
    /* The object must find our libcorps, not load another one: what this module exports becomes visible to it. */
    if (dladdr((const void *)&corps__python_class, &self) != 0) {
        (void)dlopen(self.dli_fname, RTLD_NOW | RTLD_GLOBAL | RTLD_NOLOAD);
    }
    void *handle = dlopen(text, RTLD_NOW);
    const struct corps_class *const *found = handle != NULL ? dlsym(handle, "corps_classes") : NULL;
    if (found == NULL) {
        PyErr_Format(PyExc_OSError, "cannot load classes from %s: %s", text,
                     handle == NULL ? dlerror() : "it has no corps_classes");
        return NULL;
    }
    size_t before = 0;
    size_t more = 0;
    while (all_classes != NULL && all_classes[before] != NULL) {
        before++;
    }
    while (found[more] != NULL) {
        more++;
    }
    const struct corps_class **grown = calloc(before + more + 2, sizeof *grown);
    if (grown == NULL) {
        return PyErr_NoMemory();
    }
    if (before == 0) {
        grown[before++] = &corps__python_class;
    } else {
        memcpy(grown, all_classes, before * sizeof *grown);
    }
    memcpy(grown + before, found, more * sizeof *grown);
    all_classes = grown; /* the old table may still be in use: it stays */
    corps_start(all_classes);
    Py_RETURN_NONE;
}

/* classes() → names of the classes written in C */
static PyObject *class_names(PyObject *module, PyObject *none) {
    (void)module;
    (void)none;
    PyObject *list = PyList_New(0);
    for (size_t i = 1; list != NULL && all_classes != NULL && all_classes[i] != NULL; i++) {
        PyObject *name = PyUnicode_FromString(all_classes[i]->name);
        if (name == NULL || PyList_Append(list, name) != 0) {
            Py_CLEAR(list);
        }
        Py_XDECREF(name);
    }
    return list;
}

/* ---- Corps ---- */

static struct corps *corps_of(PyObject *capsule) {
    return PyCapsule_GetPointer(capsule, "corps");
}

/* X(key, field): numbers of struct corps_options. */
#define COUNTS(X)                                                                                                      \
    X(env_count)                                                                                                       \
    X(thread_count)                                                                                                    \
    X(thread_count_max)                                                                                                \
    X(mailbox_count)                                                                                                   \
    X(mailbox_bytes)                                                                                                   \
    X(buffer_bytes)                                                                                                    \
    X(detached)                                                                                                        \
    X(cut_off)                                                                                                         \
    X(boot_timeout_ns)                                                                                                 \
    X(restart)                                                                                                         \
    X(intensity)                                                                                                       \
    X(period_ns)                                                                                                       \
    X(backoff_ns)                                                                                                      \
    X(backoff_max_ns) X(results_ttl_ns) X(results_count) X(results_bytes) X(results_clean_ns)

int corps__py_number(PyObject *options, const char *key, long long *out) {
    PyObject *item = corps__py_item(options, key);
    if (item == NULL) {
        return PyErr_Occurred() ? -1 : 0;
    }
    *out = PyLong_AsLongLong(item);
    return *out == -1 && PyErr_Occurred() ? -1 : 1;
}

static const char *text_of(PyObject *options, const char *key) {
    PyObject *item = corps__py_item(options, key);
    return item != NULL && item != Py_None ? PyUnicode_AsUTF8(item) : NULL;
}

static bool fill_options(PyObject *given, struct corps_options *options) {
    static const struct {
        const char *name;
        enum corps_wake wake;
    } wakes[] = {{"block", CORPS_WAKE_BLOCK}, {"spin", CORPS_WAKE_SPIN}, {"adaptive", CORPS_WAKE_ADAPTIVE}};
#define COUNT_TAKE(field) CORPS_PY_TAKE_NUMBER(given, options, field)
    COUNTS(COUNT_TAKE)
#undef COUNT_TAKE
    options->tag = text_of(given, "tag");
    options->transport = text_of(given, "transport");
    options->serializer = text_of(given, "serializer");
    options->bind = text_of(given, "bind");
    options->keep_directory = text_of(given, "keep_directory");
    options->hosts = text_of(given, "hosts");
    options->singleton = text_of(given, "singleton");
    const char *wake = text_of(given, "wake");
    for (size_t i = 0; wake != NULL && i < sizeof wakes / sizeof wakes[0]; i++) {
        if (strcmp(wake, wakes[i].name) == 0) {
            options->wake = wakes[i].wake;
            wake = NULL;
        }
    }
    if (wake != NULL) {
        PyErr_Format(PyExc_ValueError, "there is no wake policy '%s'; choose one of: block, spin, adaptive", wake);
        return false;
    }
    return !PyErr_Occurred();
}

/* After an error of creating: what failed in a Worker is raised as its exception. */
PyObject *corps__py_raise_create(enum corps_err err) {
    const struct corps_error_info *info = corps_create_failure();
    return err == CORPS_ERR_REMOTE && info->code != CORPS_OK ? corps__py_remote(info) : corps__py_raise(err);
}

/* create_corps(front, payload, boot_data, options) → a capsule */
static PyObject *create_corps(PyObject *module, PyObject *args) {
    (void)module;
    const char *front;
    PyObject *payload;
    const char *boot_data;
    Py_ssize_t boot_bytes;
    PyObject *given;
    if (!PyArg_ParseTuple(args, "sOy#O!", &front, &payload, &boot_data, &boot_bytes, &PyDict_Type, &given)) {
        return NULL;
    }
    struct corps_options options = {
        .keep_objects = CORPS_KEEP_WHOLE, .boot_data = boot_data, .boot_data_bytes = (size_t)boot_bytes};
    struct corps_object *object = fill_options(given, &options) ? corps_python_object(payload) : NULL;
    if (object == NULL) {
        return PyErr_Occurred() ? NULL : PyErr_NoMemory();
    }
    struct corps_value value = corps_value_of_object(object);
    struct corps *corps = NULL;
    PyObject *capsule = PyCapsule_New(&corps, "corps", NULL); /* now: a Corps without one would never be ended */
    struct corps__py_launch launch;
    bool begun = capsule != NULL && corps__py_launch_begin(given, &launch);
    enum corps_err err = begun ? corps_create(front, &value, &options, &corps) : CORPS_ERR_NO_MEMORY;
    object->ops->release(object);
    if (begun) {
        corps__py_launch_end(&launch);
    }
    if (!begun || err != CORPS_OK) {
        Py_XDECREF(capsule);
        return begun ? corps__py_raise_create(err) : NULL;
    }
    (void)PyCapsule_SetPointer(capsule, corps);
    return capsule;
}

static PyObject *front_address(PyObject *module, PyObject *capsule) {
    (void)module;
    struct corps *corps = corps_of(capsule);
    return corps != NULL ? corps__py_address(corps_front(corps)) : NULL;
}

static PyObject *has_ended(PyObject *module, PyObject *capsule) {
    (void)module;
    struct corps *corps = corps_of(capsule);
    return corps != NULL ? PyBool_FromLong(corps_has_ended(corps)) : NULL;
}

static PyObject *pids(PyObject *module, PyObject *capsule) {
    (void)module;
    struct corps *corps = capsule == Py_None ? corps_own() : corps_of(capsule);
    if (corps == NULL) {
        return PyErr_Occurred() ? NULL : PyList_New(0);
    }
    PyObject *list = PyList_New(corps_env_count(corps));
    for (unsigned i = 0; list != NULL && i < corps_env_count(corps); i++) {
        PyObject *pid = PyLong_FromLong(corps_env_pid(corps, i));
        if (pid != NULL) {
            PyList_SET_ITEM(list, i, pid);
        } else {
            Py_CLEAR(list);
        }
    }
    return list;
}

/* wait_ended(capsule, seconds) → bool; raises what a signal's handler raises */
static PyObject *wait_ended(PyObject *module, PyObject *args) {
    (void)module;
    PyObject *capsule;
    PyObject *seconds;
    if (!PyArg_ParseTuple(args, "OO", &capsule, &seconds)) {
        return NULL;
    }
    struct corps *corps = corps_of(capsule);
    int64_t left = corps != NULL ? corps__py_timeout(seconds) : -1;
    if (left < 0) {
        return NULL;
    }
    while (!corps_has_ended(corps)) {
        int64_t slice = corps__py_slice(left);
        (void)!corps_wait_ended(corps, slice);
        if (PyErr_CheckSignals() != 0) {
            return NULL;
        }
        if (left != CORPS_FOREVER && (left -= slice) <= 0) {
            break;
        }
    }
    return PyBool_FromLong(corps_has_ended(corps));
}

/* exit_corps(capsule, seconds) → text of what was wrong, or None. The capsule is none any more. */
static PyObject *exit_corps(PyObject *module, PyObject *args) {
    (void)module;
    PyObject *capsule;
    PyObject *seconds;
    if (!PyArg_ParseTuple(args, "OO", &capsule, &seconds)) {
        return NULL;
    }
    struct corps *corps = corps_of(capsule);
    int64_t timeout = corps != NULL ? corps__py_timeout(seconds) : -1;
    if (timeout < 0) {
        return NULL;
    }
    if (PyCapsule_SetName(capsule, "a Corps that was exited") != 0) {
        return NULL;
    }
    enum corps_err err = corps_exit(corps, timeout);
    if (err == CORPS_OK) {
        Py_RETURN_NONE;
    }
    return PyUnicode_FromString(corps_error_detail());
}

static PyObject *end_corps(PyObject *module, PyObject *capsule) {
    (void)module;
    struct corps *corps = capsule == Py_None ? corps_own() : corps_of(capsule);
    enum corps_err err = PyErr_Occurred() ? CORPS_ERR_INVALID : corps_end(corps);
    if (err != CORPS_OK) {
        return corps__py_raise(err);
    }
    Py_RETURN_NONE;
}

/* own() → (Corps, Env, number of Envs), or None in a program */
static PyObject *is_pinned(PyObject *module, PyObject *unused) {
    (void)module;
    (void)unused;
    return PyBool_FromLong(corps__placement_is_pinned());
}

static PyObject *own(PyObject *module, PyObject *none) {
    (void)module;
    (void)none;
    struct corps *corps = corps_own();
    if (corps == NULL) {
        Py_RETURN_NONE;
    }
    return Py_BuildValue("(KII)", (unsigned long long)corps_id(corps), corps_own_env(), corps_env_count(corps));
}

/* X(field): numbers of struct corps_supervision. */
#define SUPERVISION(X) X(restart) X(strategy) X(intensity) X(period_ns) X(backoff_ns) X(backoff_max_ns)

bool corps__py_supervision(PyObject *given, struct corps_supervision *supervision) {
#define SUPERVISION_TAKE(field) CORPS_PY_TAKE_NUMBER(given, supervision, field)
    SUPERVISION(SUPERVISION_TAKE)
#undef SUPERVISION_TAKE
    return true;
}

/* create_concs(class, payload, location type, env, host or None, count, plain, supervision) → [address …] */
static PyObject *create_concs(PyObject *module, PyObject *args) {
    (void)module;
    const char *class_name;
    PyObject *payload;
    int type;
    unsigned env;
    const char *host;
    unsigned count;
    int plain;
    PyObject *given;
    struct corps_supervision supervision = {.size = 0};
    if (!PyArg_ParseTuple(args, "sOiIzIpO!", &class_name, &payload, &type, &env, &host, &count, &plain, &PyDict_Type,
                          &given) ||
        !corps__py_supervision(given, &supervision)) {
        return NULL;
    }
    struct corps *corps = corps_own();
    if (corps == NULL) {
        PyErr_SetString(PyExc_RuntimeError, "Concs are created inside a Corps");
        return NULL;
    }
    if (type == CORPS_LOCATION_PER_ENV) { /* those that are known now: more may come before the array is filled */
        corps__news_read(corps);
        env = corps_env_count(corps);
    }
    bool per_host = type == CORPS_LOCATION_CLUSTER || type == CORPS_LOCATION_REGION;
    env = per_host ? CORPS__ENVS_MAX : env; /* hosts; there are not more that have Envs */
    size_t total = (size_t)count * (per_host || type == CORPS_LOCATION_PER_ENV ? env : 1);
    struct corps_name **names = PyMem_Calloc(total, sizeof *names);
    struct corps_box *box = names != NULL ? corps_box_create() : NULL;
    struct corps_value value;
    if (box == NULL || !corps__py_arguments(payload, plain != 0, box, &value)) {
        PyMem_Free(names);
        corps_box_unref(box);
        return PyErr_Occurred() ? NULL : PyErr_NoMemory();
    }
    struct corps_location location = {.type = (enum corps_location_type)type, .env = env, .host = host};
    enum corps_err err = corps_create_supervised(corps, class_name, &value, location, count, &supervision, names);
    corps_box_unref(box);
    while (err == CORPS_OK && total > 0 && names[total - 1] == NULL) {
        total--; /* places of Envs that were taken, and of hosts that there could be */
    }
    PyObject *list = err == CORPS_OK ? corps__py_addresses(names, total) : corps__py_raise_create(err);
    PyMem_Free(names);
    return list;
}

/* ---- choices ---- */

/* runs_code(serializer) → does it run code when it loads? */
static PyObject *runs_code(PyObject *module, PyObject *name) {
    (void)module;
    const char *text = PyUnicode_AsUTF8(name);
    const struct corps_serializer *serializer;
    enum corps_err err = text != NULL ? corps_serializer_find(text, &serializer) : CORPS_ERR_INVALID;
    return err == CORPS_OK ? PyBool_FromLong((serializer->capabilities & CORPS_SERIALIZER_UNTRUSTED) == 0)
                           : corps__py_raise(err);
}

/* transport(name) → (its name, does it stay within one Env?); of the default's for "" */
static PyObject *transport(PyObject *module, PyObject *name) {
    (void)module;
    const char *text = PyUnicode_AsUTF8(name);
    if (text == NULL) {
        return NULL;
    }
    const struct corps_transport *found =
        text[0] != '\0' ? corps_transport_find(text) : corps_transport_with(CORPS_TRANSPORT_DEFAULT);
    return found != NULL
               ? Py_BuildValue("(sN)", found->name, PyBool_FromLong((found->capabilities & CORPS_TRANSPORT_INTRA) != 0))
               : corps__py_raise(CORPS_ERR_UNKNOWN);
}

static PyObject *copy_local_set(PyObject *module, PyObject *on) {
    (void)module;
    corps__hooks.copy_local = PyObject_IsTrue(on) == 1;
    Py_RETURN_NONE;
}

/* picklers_set(pickle, cloudpickle, dill, auto_code): what to use instead of the libraries' own dumps; a function that
 * gives the code of auto.py and owned.py by their modules' names */
static PyObject *picklers_set(PyObject *module, PyObject *args) {
    (void)module;
    PyObject *given[4];
    if (!PyArg_ParseTuple(args, "OOOO", &given[0], &given[1], &given[2], &given[3])) {
        return NULL;
    }
    PyObject **const kept[4] = {&corps__python.pickle, &corps__python.cloudpickle, &corps__python.dill,
                                &corps__python.auto_code};
    for (size_t i = 0; i < 4; i++) {
        Py_INCREF(given[i]);
        Py_XSETREF(*kept[i], given[i]);
    }
    Py_RETURN_NONE;
}

static PyMethodDef functions[] = {
    {"hooks_set", hooks_set, METH_O, NULL},
    {"serve", serve, METH_O, NULL},
    {"classes", class_names, METH_NOARGS, NULL},
    {"load_classes", load_classes, METH_O, NULL},
    {"template_set", corps__py_template_set, METH_O, NULL},
    {"remove_dead", corps__py_remove_dead, METH_NOARGS, NULL},
    {"fill_standard", corps__py_fill_standard, METH_NOARGS, NULL},
    {"create_corps", create_corps, METH_VARARGS, NULL},
    {"front_address", front_address, METH_O, NULL},
    {"has_ended", has_ended, METH_O, NULL},
    {"wait_ended", wait_ended, METH_VARARGS, NULL},
    {"pids", pids, METH_O, NULL},
    {"exit_corps", exit_corps, METH_VARARGS, NULL},
    {"end_corps", end_corps, METH_O, NULL},
    {"before_fork", corps__py_before_fork, METH_NOARGS, NULL},
    {"forked", corps__py_forked, METH_NOARGS, NULL},
    {"own", own, METH_NOARGS, NULL},
    {"is_pinned", is_pinned, METH_NOARGS, NULL},
    {"about", corps__py_about, METH_NOARGS, NULL},
    {"log", corps__py_log, METH_VARARGS, NULL},
    {"log_pipe", corps__py_log_pipe, METH_O, NULL},
    {"runs_code", runs_code, METH_O, NULL},
    {"transport", transport, METH_O, NULL},
    {"create_concs", create_concs, METH_VARARGS, NULL},
    {"stats_ask", corps__py_stats_ask, METH_VARARGS, NULL},
    {"create_pool", corps__py_create_pool, METH_VARARGS, NULL},
    {"pool_members", corps__py_pool_members, METH_O, NULL},
    {"call", (PyCFunction)(void (*)(void))corps__py_call, METH_FASTCALL, NULL},
    {"loan", corps__py_loan, METH_VARARGS, NULL},
    {"chain_id", corps__py_chain_id, METH_NOARGS, NULL},
    {"chains_begin", corps__py_chains_begin, METH_VARARGS, NULL},
    {"chains_end", corps__py_chains_end, METH_VARARGS, NULL},
    {"change_env", corps__py_change_env, METH_VARARGS, NULL},
    {"env_count", corps__py_env_count, METH_NOARGS, NULL},
    {"hosts", corps__py_hosts, METH_NOARGS, NULL},
    {"env_hosts", corps__py_env_hosts, METH_NOARGS, NULL},
    {"launch_set", corps__py_launch_set, METH_O, NULL},
    {"deadline_within", corps__py_deadline_within, METH_O, NULL},
    {"time_left", corps__py_time_left, METH_NOARGS, NULL},
    {"cancelled", corps__py_cancelled, METH_NOARGS, NULL},
    {"cancels_fd", corps__py_cancels_fd, METH_NOARGS, NULL},
    {"wait_next", corps__py_wait_next, METH_VARARGS, NULL},
    {"serve_callbacks", corps__py_callbacks, METH_NOARGS, NULL},
    {"copy_local_set", copy_local_set, METH_O, NULL},
    {"picklers_set", picklers_set, METH_VARARGS, NULL},
    {"give_back", corps__py_give_back, METH_NOARGS, NULL},
    {"timer_start", corps__py_timer_start, METH_VARARGS, NULL},
    {"delete", corps__py_delete, METH_VARARGS, NULL},
    {"find", corps__py_find, METH_VARARGS, NULL},
    {"find_fronts", corps__py_find_fronts, METH_VARARGS, NULL},
    {"find_singleton", corps__py_find_singleton, METH_VARARGS, NULL},
    {"timers_stop", corps__py_timers_stop, METH_NOARGS, NULL},
    {NULL, NULL, 0, NULL},
};

/* What is ours is static, so one interpreter of a process can have it: the main one. */
static bool is_main_interpreter(void) {
    if (PyThreadState_Get()->interp == PyInterpreterState_Main()) {
        return true;
    }
    PyErr_SetString(
        PyExc_ImportError,
        "corps works in the main interpreter of a process alone, not in a sub-interpreter; under mod_wsgi set "
        "WSGIApplicationGroup %{GLOBAL}");
    return false;
}

static int execute(PyObject *module) {
    if (!is_main_interpreter() || !corps__py_names_begin() || !corps__py_futures_begin()) {
        return -1;
    }
    corps__py_main_thread();
    PyTypeObject *types[] = {&corps__name_type,   &corps__method_type,  &corps__future_type,
                             &corps__worker_type, &corps__request_type, &corps__timer_type};
    static const char *const names[] = {"Name", "Method", "Future", "Worker", "Request", "Timer"};
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        if (PyType_Ready(types[i]) != 0 || PyModule_AddObject(module, names[i], Py_NewRef((PyObject *)types[i])) != 0) {
            return -1;
        }
    }
    PyObject *variable = corps__py_deadlines_begin();
    if (variable == NULL || PyModule_AddObject(module, "deadline_variable", variable) != 0) {
        Py_XDECREF(variable);
        return -1;
    }
    variable = corps__py_chain_variable();
    if (variable == NULL || PyModule_AddObject(module, "chain_variable", variable) != 0) {
        Py_XDECREF(variable);
        return -1;
    }
    return PyModule_AddStringConstant(module, "version", CORPS_VERSION);
}

static PyModuleDef_Slot slots[] = {
    {Py_mod_exec, (void *)(uintptr_t)execute},
#if PY_VERSION_HEX >= 0x030D0000
    {Py_mod_gil, Py_MOD_GIL_NOT_USED},
#endif
    {0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT,  .m_name = "corps._core", .m_doc = "libcorps for Python; use the package corps.",
    .m_methods = functions, .m_slots = slots,
};

CORPS_API PyMODINIT_FUNC PyInit__core(void); /* Python before 3.9 leaves the visibility to us */
PyMODINIT_FUNC PyInit__core(void) {
    return PyModuleDef_Init(&definition);
}
