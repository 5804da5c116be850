#include "python.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* pickle, dill and cloudpickle: the same in all but who pickles. What they read can run code, so they are for peers
 * that have proved themselves. */

/* GIL. */
static PyObject *function_of(const char *module_name, const char *name) {
    PyObject *module = PyImport_ImportModule(module_name);
    PyObject *function = module != NULL ? PyObject_GetAttrString(module, name) : NULL;
    Py_XDECREF(module);
    return function;
}

/* GIL. "dill 0.4.1, Python 3.11.2". */
static void describe(struct corps__pickler *pickler) {
    int version_bytes = (int)strcspn(Py_GetVersion(), " ");
    PyObject *version = function_of(pickler->module, "__version__");
    const char *text = version != NULL && PyUnicode_Check(version) ? PyUnicode_AsUTF8(version) : NULL;
    snprintf(pickler->version, sizeof pickler->version, "%s %s, Python %.*s", pickler->name,
             text != NULL ? text : "protocol 5", version_bytes, Py_GetVersion());
    Py_XDECREF(version);
    PyErr_Clear(); /* pickle has no version of its own */
}

/* GIL. dill warns on standard error where it finds another way; what it cannot do it raises. */
static void silence(const char *module_name) {
    PyObject *category = function_of(module_name, "PicklingWarning");
    PyObject *filter = category != NULL ? function_of("warnings", "simplefilter") : NULL;
    PyObject *done = filter != NULL ? PyObject_CallFunction(filter, "sO", "ignore", category) : NULL;
    Py_XDECREF(done);
    Py_XDECREF(filter);
    Py_XDECREF(category);
    PyErr_Clear(); /* other libraries have no such category */
}

/* GIL; an exception is pending. */
static enum corps_err not_started(const struct corps__pickler *pickler) {
    if (!PyErr_ExceptionMatches(PyExc_ModuleNotFoundError)) {
        return corps__python_error(CORPS_ERR_SYSTEM, pickler->name);
    }
    PyErr_Clear();
    PyObject *executable = PySys_GetObject("executable"); /* borrowed */
    const char *path = executable != NULL && PyUnicode_Check(executable) ? PyUnicode_AsUTF8(executable) : "python3";
    PyErr_Clear();
    path = path != NULL ? path : "python3";
    return corps_error_set(CORPS_ERR_UNKNOWN, "%s is not installed for %s: run %s -m pip install %s", pickler->name,
                           path, path, pickler->name);
}

/* GIL. With CORPS_UNPICKLE_ALLOW, loads takes what that names alone. */
static enum corps_err restrict_loads(struct corps__pickler *pickler) {
    const char *allowed = getenv("CORPS_UNPICKLE_ALLOW");
    if (allowed == NULL) {
        return CORPS_OK;
    }
    PyObject *factory = function_of("_corps", "restricted");
    PyObject *loads = factory != NULL ? PyObject_CallFunction(factory, "s", allowed) : NULL;
    Py_XDECREF(factory);
    if (loads == NULL) {
        return corps__python_error(CORPS_ERR_SYSTEM, "CORPS_UNPICKLE_ALLOW");
    }
    Py_SETREF(pickler->loads, loads);
    return CORPS_OK;
}

static enum corps_err start(struct corps__pickler *pickler) {
    enum corps_err err = corps__python_begin();
    if (err != CORPS_OK) {
        return err;
    }
    PyGILState_STATE state = corps__python_enter();
    PyObject *dumps = function_of(pickler->module, "dumps");
    PyObject *loads = dumps != NULL ? function_of(pickler->loads_module, "loads") : NULL;
    if (loads == NULL) {
        Py_XDECREF(dumps);
        err = not_started(pickler);
    } else {
        pickler->dumps = dumps;
        pickler->loads = loads;
        err = restrict_loads(pickler);
        describe(pickler);
        silence(pickler->module);
    }
    corps__python_leave(state);
    return err;
}

/* ---- tables ---- */

#define PICKLER(title, in, from, chooses, dumps_as_pickle, loads_as_pickle, given)                                     \
    static struct corps__pickler title = {.name = chooses ? "auto" : #title,                                           \
                                          .module = in,                                                                \
                                          .loads_module = from,                                                        \
                                          .automatic = chooses,                                                        \
                                          .dumps_plain = dumps_as_pickle,                                              \
                                          .loads_plain = loads_as_pickle,                                              \
                                          .instead = given};                                                           \
    static enum corps_err title##_start(void) {                                                                        \
        return start(&title);                                                                                          \
    }                                                                                                                  \
    static const char *title##_version(void) {                                                                         \
        return title.version;                                                                                          \
    }                                                                                                                  \
    static enum corps_err title##_encode(const struct corps_value *value, struct corps_encoding *encoding) {           \
        return corps__python_encode(&title, value, encoding);                                                          \
    }                                                                                                                  \
    static enum corps_err title##_decode(const struct iovec *segments, size_t count, struct corps_block *block,        \
                                         enum corps_decode_to to, struct corps_box *box) {                             \
        return corps__python_decode(&title, segments, count, block, to, box);                                          \
    }                                                                                                                  \
    static_assert(sizeof #title <= 32, "a serializer's name is short")

PICKLER(pickle, "pickle", "pickle", false, true, true, &corps__python.pickle);
PICKLER(dill, "dill", "dill", false, false, false, &corps__python.dill);
PICKLER(cloudpickle, "cloudpickle", "pickle", false, false, true, &corps__python.cloudpickle);
PICKLER(automatic, "_corps_auto", "pickle", true, true, true, NULL);
PICKLER(pyfory, "_corps_by_pyfory", "_corps_by_pyfory", false, false, false, NULL);
PICKLER(msgspec, "_corps_by_msgspec", "_corps_by_msgspec", false, false, false, NULL);

void corps__python_libraries_end(void) {
    struct corps__pickler *const all[] = {&pickle, &dill, &cloudpickle, &automatic, &pyfory, &msgspec};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        Py_CLEAR(all[i]->dumps);
        Py_CLEAR(all[i]->loads);
    }
}

enum { CAPABILITIES = CORPS_SERIALIZER_OBJECTS | CORPS_SERIALIZER_OUT_OF_BAND };

/* What the laboratory and the core know of each. `own` begins the names of its functions. */
#define TABLE(serializer, own, id, can, text)                                                                          \
    const struct corps_serializer corps_serializer_##serializer = {                                                    \
        .name = #serializer,                                                                                           \
        .summary = text,                                                                                               \
        .wire_id = id,                                                                                                 \
        .capabilities = can,                                                                                           \
        .start = own##_start,                                                                                          \
        .version = own##_version,                                                                                      \
        .encode = own##_encode,                                                                                        \
        .decode = own##_decode,                                                                                        \
    }

TABLE(pickle, pickle, 2, CAPABILITIES, "Python's own pickle, protocol 5");
TABLE(dill, dill, 3, CAPABILITIES, "pickle that also takes functions, classes and modules of the main program");
TABLE(cloudpickle, cloudpickle, 4, CAPABILITIES, "pickle that also takes functions and classes by value");
TABLE(auto, automatic, 5, CAPABILITIES, "pickle, and by value what pickle refuses or the other side cannot import");

/* For comparison, where they are installed: what they lose is in docs/serializers.md. */
TABLE(pyfory, pyfory, 6, CORPS_SERIALIZER_OBJECTS, "Apache Fory's own format for Python objects, for comparison");
TABLE(msgspec, msgspec, 7, CORPS_SERIALIZER_OBJECTS,
      "msgpack by msgspec, for comparison: data alone, of dataclasses their fields");
