#include "python.h"

#include <pthread.h>
#include <stdlib.h>

#ifndef CORPS_PYTHON_EXECUTABLE
#define CORPS_PYTHON_EXECUTABLE "python3"
#endif

static char executable[1024];
static char version[64];

const char *corps__python_executable(void) {
    return executable;
}

const char *corps__python_version(void) {
    return version;
}

void corps__python_error(char *out, size_t out_bytes) {
    PyObject *type;
    PyObject *value;
    PyObject *traceback;
    PyErr_Fetch(&type, &value, &traceback);
    PyErr_NormalizeException(&type, &value, &traceback);
    PyObject *text = value != NULL ? PyObject_Str(value) : NULL;
    const char *utf8 = text != NULL ? PyUnicode_AsUTF8(text) : NULL;
    const char *name = type != NULL ? ((PyTypeObject *)type)->tp_name : "no exception";
    snprintf(out, out_bytes, "%s: %s", name, utf8 != NULL ? utf8 : "(no text)");
    for (char *at = out; *at != '\0'; at++) {
        *at = *at == '\n' ? ' ' : *at; /* one line */
    }
    Py_XDECREF(text);
    Py_XDECREF(type);
    Py_XDECREF(value);
    Py_XDECREF(traceback);
    PyErr_Clear();
}

/* Starts an interpreter as `python3` of that virtual environment would: its prefix decides where packages are found. */
static enum corps_err start_interpreter(void) {
    const char *wanted = getenv("CORPS_PYTHON");
    wanted = wanted != NULL && wanted[0] != '\0' ? wanted : CORPS_PYTHON_EXECUTABLE;
    PyConfig config;
    PyConfig_InitPythonConfig(&config);
    config.install_signal_handlers = 0;
    config.parse_argv = 0;
    config.buffered_stdio = 1;
    PyStatus status = PyConfig_SetBytesString(&config, &config.program_name, wanted);
    if (!PyStatus_Exception(status) && wanted[0] == '/') {
        status = PyConfig_SetBytesString(&config, &config.executable, wanted);
    }
    if (!PyStatus_Exception(status)) {
        status = Py_InitializeFromConfig(&config);
    }
    PyConfig_Clear(&config);
    if (PyStatus_Exception(status)) {
        return corps_error_set(CORPS_ERR_SYSTEM,
                               "Python does not start as %s: %s; set CORPS_PYTHON to a working interpreter", wanted,
                               status.err_msg != NULL ? status.err_msg : "unknown reason");
    }
    return CORPS_OK;
}

static enum corps_err describe(void) {
    PyObject *path = PySys_GetObject("executable"); /* borrowed */
    const char *utf8 = path != NULL && PyUnicode_Check(path) ? PyUnicode_AsUTF8(path) : NULL;
    snprintf(executable, sizeof executable, "%s", utf8 != NULL ? utf8 : "python3");
    snprintf(version, sizeof version, "%.*s", (int)strcspn(Py_GetVersion(), " "), Py_GetVersion());
    PyErr_Clear();
    return corps__python_values_start();
}

static pthread_once_t once = PTHREAD_ONCE_INIT;
static enum corps_err started;
static char start_detail[400];

static void start(void) {
    bool hosted = Py_IsInitialized() != 0;
    if (!hosted) {
        started = start_interpreter();
        if (started == CORPS_OK) {
            started = describe();
            PyEval_SaveThread(); /* from now on every thread takes the lock when it needs it */
        }
    } else {
        PyGILState_STATE gil = PyGILState_Ensure();
        started = describe();
        PyGILState_Release(gil);
    }
    snprintf(start_detail, sizeof start_detail, "%s", corps_error_detail());
}

enum corps_err corps__python_start(void) {
    pthread_once(&once, start);
    return started == CORPS_OK ? CORPS_OK : corps_error_set(started, "%s", start_detail);
}
