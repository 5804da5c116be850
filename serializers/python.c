#include "python.h"

#include <stdlib.h>

/* pickle, dill and cloudpickle: three tables over one file. Protocol 5; large buffers leave the stream. */

enum { PROTOCOL = 5 };

/* One of the three. Functions are imported at start. */
struct pickler {
    const char *module;
    PyObject *dumps, *loads;
    PyObject *dumps_names; /* ("protocol", "buffer_callback") */
    PyObject *loads_names; /* ("buffers",) */
    char version[128];
};

static struct pickler picklers[3] = {{.module = "pickle"}, {.module = "dill"}, {.module = "cloudpickle"}};

static PyObject *protocol; /* the int 5 */

/* ---- start ---- */

static void describe(struct pickler *pickler, PyObject *module) {
    PyObject *version = PyObject_GetAttrString(module, "__version__");
    const char *text = version != NULL && PyUnicode_Check(version) ? PyUnicode_AsUTF8(version) : NULL;
    if (text != NULL) {
        snprintf(pickler->version, sizeof pickler->version, "%s %s, Python %s", pickler->module, text,
                 corps__python_version());
    } else {
        snprintf(pickler->version, sizeof pickler->version, "pickle protocol %d, Python %s", PROTOCOL,
                 corps__python_version());
    }
    Py_XDECREF(version);
    PyErr_Clear();
}

static enum corps_err import(struct pickler *pickler) {
    PyObject *module = PyImport_ImportModule(pickler->module);
    if (module == NULL) {
        char text[200];
        corps__python_error(text, sizeof text);
        return corps_error_set(CORPS_ERR_UNKNOWN, "%s is not installed for %s (%s); run: %s -m pip install %s",
                               pickler->module, corps__python_executable(), text, corps__python_executable(),
                               pickler->module);
    }
    pickler->dumps = PyObject_GetAttrString(module, "dumps");
    pickler->loads = PyObject_GetAttrString(module, "loads");
    pickler->dumps_names = Py_BuildValue("(ss)", "protocol", "buffer_callback");
    pickler->loads_names = Py_BuildValue("(s)", "buffers");
    protocol = protocol != NULL ? protocol : PyLong_FromLong(PROTOCOL);
    describe(pickler, module);
    Py_DECREF(module);
    bool whole = pickler->dumps != NULL && pickler->loads != NULL && pickler->dumps_names != NULL &&
                 pickler->loads_names != NULL && protocol != NULL;
    PyErr_Clear();
    return whole ? CORPS_OK
                 : corps_error_set(CORPS_ERR_UNKNOWN, "the module %s has no dumps and loads", pickler->module);
}

static enum corps_err start(struct pickler *pickler) {
    enum corps_err err = corps__python_start();
    if (err == CORPS_OK) {
        PyGILState_STATE gil = PyGILState_Ensure();
        err = import(pickler);
        PyGILState_Release(gil);
    }
    return err;
}

/* ---- encoding ---- */

/* The Python objects whose memory an encoding borrows. */
struct keep {
    PyObject *buffers; /* list of PickleBuffers */
    Py_buffer *views;
    Py_ssize_t view_count;
};

static void drop_keep(void *arg) {
    struct keep *keep = arg;
    PyGILState_STATE gil = PyGILState_Ensure();
    for (Py_ssize_t i = 0; i < keep->view_count; i++) {
        PyBuffer_Release(&keep->views[i]);
    }
    Py_XDECREF(keep->buffers);
    PyGILState_Release(gil);
    free(keep->views);
    free(keep);
}

/* Out-of-band buffers become segments. */
static enum corps_err add_buffers(PyObject *buffers, struct corps_encoding *encoding) {
    Py_ssize_t count = PyList_GET_SIZE(buffers);
    if (count == 0) {
        return CORPS_OK;
    }
    struct keep *keep = calloc(1, sizeof *keep);
    if (keep == NULL) {
        return corps_error_set(CORPS_ERR_NO_MEMORY, "no memory for buffers");
    }
    encoding->keep = keep;
    encoding->drop_keep = drop_keep;
    keep->buffers = Py_NewRef(buffers);
    keep->views = calloc((size_t)count, sizeof *keep->views);
    enum corps_err err = keep->views != NULL ? CORPS_OK : corps_error_set(CORPS_ERR_NO_MEMORY, "no memory for buffers");
    for (Py_ssize_t i = 0; err == CORPS_OK && i < count; i++) {
        Py_buffer *view = &keep->views[i];
        if (PyObject_GetBuffer(PyList_GET_ITEM(buffers, i), view, PyBUF_ANY_CONTIGUOUS) != 0) {
            char text[200];
            corps__python_error(text, sizeof text);
            return corps_error_set(CORPS_ERR_REFUSED, "a buffer cannot be sent: %s", text);
        }
        keep->view_count = i + 1;
        err = corps_encoding_buffer(encoding, view->buf, (size_t)view->len);
    }
    return err;
}

static PyObject *dump(const struct pickler *pickler, PyObject *object, PyObject *buffers) {
    PyObject *callback = buffers != NULL ? PyObject_GetAttrString(buffers, "append") : Py_NewRef(Py_None);
    PyObject *args[] = {object, protocol, callback};
    PyObject *bytes = callback != NULL ? PyObject_Vectorcall(pickler->dumps, args, 1, pickler->dumps_names) : NULL;
    Py_XDECREF(callback);
    return bytes;
}

static bool can_dump(const struct pickler *pickler, PyObject *object) {
    PyObject *buffers = PyList_New(0);
    PyObject *bytes = buffers != NULL ? dump(pickler, object, buffers) : NULL;
    bool can = bytes != NULL;
    Py_XDECREF(bytes);
    Py_XDECREF(buffers);
    PyErr_Clear();
    return can;
}

enum { SEARCH_DEPTH = 8, SEARCH_ITEMS = 64 };

/* The part of `object` that makes it fail: one of its items, values or attributes; new reference, NULL when it is the
 * object itself. Appends where that is to `path`. Looks at a bounded number of parts. */
static PyObject *failing_part(const struct pickler *pickler, PyObject *object, char *path, size_t path_bytes) {
    size_t used = strlen(path);
    if (PyList_CheckExact(object) || PyTuple_CheckExact(object)) {
        Py_ssize_t count = PySequence_Fast_GET_SIZE(object);
        for (Py_ssize_t i = 0; i < count && i < SEARCH_ITEMS; i++) {
            PyObject *item = PySequence_Fast_GET_ITEM(object, i);
            if (!can_dump(pickler, item)) {
                snprintf(path + used, path_bytes - used, "[%zd]", i);
                return Py_NewRef(item);
            }
        }
        return NULL;
    }
    bool is_dict = PyDict_CheckExact(object);
    PyObject *parts = is_dict ? Py_NewRef(object) : PyObject_GetAttrString(object, "__dict__");
    PyErr_Clear();
    PyObject *found = NULL;
    Py_ssize_t at = 0;
    PyObject *key;
    PyObject *item;
    if (parts != NULL && PyDict_Check(parts) && !PyType_Check(object) && !PyFunction_Check(object)) {
        for (int n = 0; n < SEARCH_ITEMS && found == NULL && PyDict_Next(parts, &at, &key, &item); n++) {
            if (!can_dump(pickler, item)) {
                PyObject *text = is_dict ? PyObject_Repr(key) : PyObject_Str(key);
                const char *utf8 = text != NULL ? PyUnicode_AsUTF8(text) : NULL;
                snprintf(path + used, path_bytes - used, is_dict ? "[%s]" : ".%s", utf8 != NULL ? utf8 : "?");
                Py_XDECREF(text);
                PyErr_Clear();
                found = Py_NewRef(item);
            }
        }
    }
    Py_XDECREF(parts);
    return found;
}

static enum corps_err refused(const struct pickler *pickler, PyObject *object) {
    bool too_deep = PyErr_ExceptionMatches(PyExc_RecursionError) != 0;
    bool memory = PyErr_ExceptionMatches(PyExc_MemoryError) != 0;
    char text[240];
    char path[128] = "";
    corps__python_error(text, sizeof text);
    if (too_deep || memory) {
        return corps_error_set(too_deep ? CORPS_ERR_TOO_LARGE : CORPS_ERR_NO_MEMORY, "%s: %s", pickler->module, text);
    }
    PyObject *part = Py_NewRef(object);
    for (int depth = 0; depth < SEARCH_DEPTH; depth++) {
        PyObject *inner = failing_part(pickler, part, path, sizeof path);
        if (inner == NULL) {
            break;
        }
        Py_SETREF(part, inner);
    }
    Py_DECREF(part);
    return corps_error_set(CORPS_ERR_REFUSED, "%s refuses args%s: %s", pickler->module, path, text);
}

static enum corps_err encode_object(const struct pickler *pickler, PyObject *object, struct corps_encoding *encoding) {
    PyObject *buffers = PyList_New(0);
    PyObject *bytes = buffers != NULL ? dump(pickler, object, buffers) : NULL;
    enum corps_err err;
    if (bytes == NULL || !PyBytes_Check(bytes)) {
        err = refused(pickler, object);
    } else {
        err = add_buffers(buffers, encoding);
        err = err == CORPS_OK
                  ? corps_encoding_append(encoding, PyBytes_AS_STRING(bytes), (size_t)PyBytes_GET_SIZE(bytes))
                  : err;
    }
    Py_XDECREF(bytes);
    Py_XDECREF(buffers);
    return err;
}

static enum corps_err encode(const struct pickler *pickler, const struct corps_value *value,
                             struct corps_encoding *encoding) {
    PyGILState_STATE gil = PyGILState_Ensure();
    PyObject *object = corps__python_from_value(value);
    enum corps_err err;
    if (object == NULL) {
        bool too_deep = PyErr_ExceptionMatches(PyExc_RecursionError) != 0;
        char text[240];
        corps__python_error(text, sizeof text);
        err = corps_error_set(too_deep ? CORPS_ERR_TOO_LARGE : CORPS_ERR_REFUSED, "not a Python object: %s", text);
    } else {
        err = encode_object(pickler, object, encoding);
        Py_DECREF(object);
    }
    PyGILState_Release(gil);
    return err;
}

/* ---- decoding ---- */

static PyObject *buffer_list(const struct iovec *segments, size_t count, struct corps_block *block) {
    PyObject *list = PyList_New((Py_ssize_t)count - 1);
    for (size_t i = 1; list != NULL && i < count; i++) {
        PyObject *buffer = block != NULL
                               ? corps__python_block_view(block, segments[i].iov_base, segments[i].iov_len)
                               : PyBytes_FromStringAndSize(segments[i].iov_base, (Py_ssize_t)segments[i].iov_len);
        if (buffer == NULL) {
            Py_CLEAR(list);
        } else {
            PyList_SET_ITEM(list, (Py_ssize_t)i - 1, buffer);
        }
    }
    return list;
}

/* The stream, as a view that no longer reaches the memory once loading is over, whoever has kept it. */
static PyObject *load(const struct pickler *pickler, const struct iovec *segments, size_t count,
                      struct corps_block *block) {
    PyObject *stream = PyMemoryView_FromMemory(segments[0].iov_base, (Py_ssize_t)segments[0].iov_len, PyBUF_READ);
    PyObject *buffers = stream != NULL && count > 1 ? buffer_list(segments, count, block) : NULL;
    PyObject *object = NULL;
    if (stream != NULL && count == 1) {
        object = PyObject_CallOneArg(pickler->loads, stream);
    } else if (buffers != NULL) {
        PyObject *args[] = {stream, buffers};
        object = PyObject_Vectorcall(pickler->loads, args, 1, pickler->loads_names);
    }
    Py_XDECREF(buffers);
    Py_XDECREF(stream);
    return object;
}

/* Where the pickle ends: everything behind its STOP would be ignored by loads. A pickle ends with '.'. */
static bool ends_with_stop(const struct iovec *stream) {
    return stream->iov_len > 0 && ((const uint8_t *)stream->iov_base)[stream->iov_len - 1] == '.';
}

static enum corps_err decode(const struct pickler *pickler, const struct iovec *segments, size_t count,
                             struct corps_block *block, enum corps_decode_to to, struct corps_box *box) {
    if (count == 0 || !ends_with_stop(&segments[0])) {
        return corps_error_set(CORPS_ERR_CORRUPT, "%s: the stream of %zu bytes does not end as a pickle does",
                               pickler->module, count > 0 ? segments[0].iov_len : 0);
    }
    PyGILState_STATE gil = PyGILState_Ensure();
    PyObject *object = load(pickler, segments, count, block);
    enum corps_err err;
    if (object == NULL) {
        char text[240];
        corps__python_error(text, sizeof text);
        err = corps_error_set(CORPS_ERR_CORRUPT, "%s cannot load %zu bytes: %s", pickler->module, segments[0].iov_len,
                              text);
    } else {
        struct corps_value root;
        err = corps__python_to_value(object, box, false, to == CORPS_DECODE_OBJECTS, &root);
        if (err == CORPS_OK) {
            corps_box_set_root(box, root);
        }
        Py_DECREF(object);
    }
    PyGILState_Release(gil);
    return err;
}

/* ---- the tables ---- */

#define PYTHON_SERIALIZER(index, name_, wire_id_, summary_)                                                            \
    static enum corps_err start_##name_(void) {                                                                        \
        return start(&picklers[index]);                                                                                \
    }                                                                                                                  \
    static const char *version_##name_(void) {                                                                         \
        return picklers[index].version;                                                                                \
    }                                                                                                                  \
    static enum corps_err encode_##name_(const struct corps_value *value, struct corps_encoding *encoding) {           \
        return encode(&picklers[index], value, encoding);                                                              \
    }                                                                                                                  \
    static enum corps_err decode_##name_(const struct iovec *segments, size_t count, struct corps_block *block,        \
                                         enum corps_decode_to to, struct corps_box *box) {                             \
        return decode(&picklers[index], segments, count, block, to, box);                                              \
    }                                                                                                                  \
    extern CORPS_API const struct corps_serializer corps_serializer_##name_;                                           \
    const struct corps_serializer corps_serializer_##name_ = {                                                         \
        .name = #name_,                                                                                                \
        .summary = summary_,                                                                                           \
        .wire_id = wire_id_,                                                                                           \
        .capabilities = CORPS_SERIALIZER_OBJECTS | CORPS_SERIALIZER_OUT_OF_BAND,                                       \
        .start = start_##name_,                                                                                        \
        .version = version_##name_,                                                                                    \
        .encode = encode_##name_,                                                                                      \
        .decode = decode_##name_,                                                                                      \
    };

PYTHON_SERIALIZER(0, pickle, 2, "Python's pickle, protocol 5, in C")
PYTHON_SERIALIZER(1, dill, 3, "dill: functions, classes, locks and more, in Python")
PYTHON_SERIALIZER(2, cloudpickle, 4, "cloudpickle: functions and classes by value")
