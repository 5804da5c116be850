#include "python_plain.h"
#include "python_wire.h"
#include "value/refuse.h"

#include <corps/transport.h>

#include <endian.h>
#include <string.h>

/* ---- values to Python ---- */

enum { BUFFERS_MAX = 900 }; /* more large buffers than a message has segments for go into the pickle */

/* All of these: GIL; a new reference; NULL with *err set and its detail, and no exception pending. */

enum {
    KEY = 1u << 0,     /* of a map: nothing that can change */
    DELIVER = 1u << 1, /* for a program to keep: nothing that is lent */
    TUPLE = 1u << 2,   /* an array is a tuple; those in it are lists */
};
static PyObject *to_python(const struct corps_value *value, unsigned depth, unsigned how, enum corps_err *err);

static PyObject *made(PyObject *object, enum corps_err *err) {
    if (object == NULL) {
        *err = corps__python_error(CORPS_ERR_REFUSED, "Python does not take it");
    }
    return object;
}

/* Large bytes are not copied: the pickler hands them out again, as a buffer. */
static PyObject *from_bin(const struct corps_value *bin, unsigned how, enum corps_err *err) {
    if (bin->count < CORPS_OUT_OF_BAND_BYTES || how != 0) {
        return made(PyBytes_FromStringAndSize((const char *)bin->bin, (Py_ssize_t)bin->count), err);
    }
    PyObject *view = PyMemoryView_FromMemory((char *)(uintptr_t)bin->bin, (Py_ssize_t)bin->count, PyBUF_READ);
    PyObject *buffer = view != NULL ? PyPickleBuffer_FromObject(view) : NULL;
    Py_XDECREF(view);
    return made(buffer, err);
}

static PyObject *from_array(const struct corps_value *array, unsigned depth, unsigned how, enum corps_err *err) {
    Py_ssize_t count = (Py_ssize_t)array->count;
    bool tuple = (how & (KEY | TUPLE)) != 0; /* a list can be no key */
    PyObject *list = made(tuple ? PyTuple_New(count) : PyList_New(count), err);
    for (Py_ssize_t i = 0; list != NULL && i < count; i++) {
        PyObject *item = to_python(&array->items[i], depth + 1, how & ~(unsigned)TUPLE, err);
        if (item == NULL) {
            *err = *err == CORPS_ERR_REFUSED ? corps__refused_at(array, (size_t)i) : *err;
            Py_CLEAR(list);
        } else if (tuple) {
            PyTuple_SET_ITEM(list, i, item);
        } else {
            PyList_SET_ITEM(list, i, item);
        }
    }
    return list;
}

static bool add_entry(PyObject *dict, const struct corps_value *map, size_t index, unsigned depth, unsigned how,
                      enum corps_err *err) {
    PyObject *key = to_python(&map->entries[index].key, depth + 1, how | KEY, err);
    PyObject *value = key != NULL ? to_python(&map->entries[index].value, depth + 1, how, err) : NULL;
    if (value == NULL) {
        *err = *err == CORPS_ERR_REFUSED ? corps__refused_at(map, 2 * index + (key != NULL)) : *err;
    } else if (PyDict_SetItem(dict, key, value) != 0) {
        *err = corps__python_error(CORPS_ERR_REFUSED, "no key for Python");
        *err = *err == CORPS_ERR_REFUSED ? corps__refused_at(map, 2 * index) : *err;
    } else if ((size_t)PyDict_GET_SIZE(dict) != index + 1) {
        (void)corps_error_set(CORPS_ERR_REFUSED, "Python holds this key equal to an earlier one");
        *err = corps__refused_at(map, 2 * index);
    }
    Py_XDECREF(key);
    Py_XDECREF(value);
    return *err == CORPS_OK;
}

static PyObject *from_map(const struct corps_value *map, unsigned depth, unsigned how, enum corps_err *err) {
    if ((how & KEY) != 0) {
        *err = corps_error_set(CORPS_ERR_REFUSED, "a map cannot be a key in Python");
        return NULL;
    }
    PyObject *dict = made(PyDict_New(), err);
    for (size_t i = 0; dict != NULL && i < map->count; i++) {
        if (!add_entry(dict, map, i, depth, how, err)) {
            Py_CLEAR(dict);
        }
    }
    return dict;
}

static PyObject *from_name(const struct corps_name *name, enum corps_err *err) {
    uint8_t bytes[CORPS_NAME_BYTES_MAX];
    size_t count;
    *err = corps_name_encode(name, bytes, &count);
    if (*err != CORPS_OK) {
        return NULL;
    }
    PyObject *address =
        corps__python_serves() ? PyBytes_FromStringAndSize((const char *)bytes, (Py_ssize_t)count) : NULL;
    PyObject *object = address != NULL ? PyObject_CallOneArg(corps__python.name_type, address) : NULL;
    Py_XDECREF(address);
    return made(object, err);
}

static PyObject *from_object(struct corps_object *object, enum corps_err *err) {
    PyObject *python = corps__python_of(object);
    if (python == NULL) {
        *err = corps_error_set(CORPS_ERR_REFUSED, "an object of kind %s is none of Python", object->ops->kind);
    }
    return Py_XNewRef(python);
}

PyObject *corps__python_of_value(const struct corps_value *value, enum corps_err *err) {
    *err = CORPS_OK;
    return to_python(value, 0, DELIVER, err);
}

PyObject *corps__python_of_arguments(const struct corps_value *value, enum corps_err *err) {
    *err = CORPS_OK;
    return to_python(value, 0, DELIVER | TUPLE, err);
}

static PyObject *to_python(const struct corps_value *value, unsigned depth, unsigned how, enum corps_err *err) {
    value = corps_value_open(value);
    switch (value->kind) {
    case CORPS_NIL:
        return Py_NewRef(Py_None);
    case CORPS_BOOL:
        return PyBool_FromLong(value->boolean);
    case CORPS_INT:
        return made(PyLong_FromLongLong(value->integer), err);
    case CORPS_FLOAT:
        return made(PyFloat_FromDouble(value->number), err);
    case CORPS_STR:
        return made(PyUnicode_DecodeUTF8(value->str, (Py_ssize_t)value->count, NULL), err);
    case CORPS_BIN:
        return from_bin(value, how, err);
    case CORPS_ARRAY:
    case CORPS_MAP:
        if (depth >= CORPS_VALUE_DEPTH_MAX) {
            *err =
                corps_error_set(CORPS_ERR_TOO_LARGE, "a value is nested deeper than %u levels", CORPS_VALUE_DEPTH_MAX);
            return NULL;
        }
        return value->kind == CORPS_ARRAY ? from_array(value, depth, how, err) : from_map(value, depth, how, err);
    case CORPS_NAME:
        return from_name(value->name, err);
    case CORPS_OBJECT:
        return from_object(value->object, err);
    case CORPS_BOX:
        break;
    }
    *err = corps_error_set(CORPS_ERR_REFUSED, "a value of kind %d", (int)value->kind);
    return NULL;
}

/* ---- pickling ---- */

/* The pickler's buffer_callback: true = put it into the pickle, false = it travels as a segment. */
static PyObject *collect(PyObject *kept, PyObject *buffer) {
    const Py_buffer *view = PyPickleBuffer_Check(buffer) ? PyPickleBuffer_GetBuffer(buffer) : NULL;
    if (view == NULL || view->len < (Py_ssize_t)CORPS_OUT_OF_BAND_BYTES || PyList_GET_SIZE(kept) >= BUFFERS_MAX ||
        !PyBuffer_IsContiguous(view, 'A')) {
        PyErr_Clear(); /* the pickler finds out by itself what is wrong with it */
        Py_RETURN_TRUE;
    }
    return PyList_Append(kept, buffer) == 0 ? Py_NewRef(Py_False) : NULL;
}

PyObject *corps__python_collector(PyObject *kept) {
    static PyMethodDef method = {"collect", collect, METH_O, NULL};
    return PyCFunction_New(&method, kept);
}

/* GIL. The host's own `dumps`, or NULL. Borrowed. */
static PyObject *own_dumps(const struct corps__pickler *pickler) {
    return pickler->instead != NULL ? *pickler->instead : NULL;
}

/* GIL. The pickle; buffers go to `kept`, definitions to `encoding`. */
static PyObject *dump(const struct corps__pickler *pickler, PyObject *object, PyObject *kept,
                      struct corps_encoding *encoding) {
    if (pickler->automatic) {
        return corps__python_auto_dump(object, kept, encoding);
    }
    if (!corps__python_serves()) {
        return NULL;
    }
    PyObject *own = own_dumps(pickler);
    if (own != NULL && own == corps__python.pickle) {
        return corps__python_guarded_dump(object, kept);
    }
    PyObject *callback = corps__python_collector(kept);
    PyObject *args[] = {object, corps__python.protocol, callback};
    PyObject *pickle = callback != NULL ? PyObject_Vectorcall(own != NULL ? own : pickler->dumps, args, 1,
                                                              corps__python.dumps_keywords)
                                        : NULL;
    Py_XDECREF(callback);
    if (pickle != NULL && !PyBytes_CheckExact(pickle)) {
        PyErr_Format(PyExc_TypeError, "%s gave %s instead of bytes", pickler->name, Py_TYPE(pickle)->tp_name);
        Py_CLEAR(pickle);
    }
    return pickle;
}

/* The reason alone reads best: "cannot pickle '_thread.lock' object". */
static void reason_of(PyObject *exception, char out[200]) {
    PyObject *text = PyObject_Str(exception);
    const char *utf8 = text != NULL ? PyUnicode_AsUTF8(text) : NULL;
    if (utf8 != NULL && utf8[0] != '\0' && strchr(utf8, '\n') == NULL) {
        snprintf(out, 200, "%s", utf8);
    } else {
        corps__python_text(exception, out, 200);
    }
    PyErr_Clear();
    Py_XDECREF(text);
}

/* GIL. The smallest part of `object` that cannot be pickled by itself: its path, "" when it is the object as a whole,
 * and the reason. */
static void find_refused(const struct corps__pickler *pickler, PyObject *object, PyObject *exception, char path[280],
                         char reason[200]) {
    PyObject *own = own_dumps(pickler);
    PyObject *found = !corps__python.ended
                          ? PyObject_CallFunctionObjArgs(corps__python.find_refused, own != NULL ? own : pickler->dumps,
                                                         object, exception, NULL)
                          : NULL;
    bool pair = found != NULL && PyTuple_Check(found) && PyTuple_GET_SIZE(found) == 2;
    const char *text = pair ? PyUnicode_AsUTF8(PyTuple_GET_ITEM(found, 0)) : NULL;
    PyErr_Clear(); /* without a path the reason must do */
    snprintf(path, 280, "%s", text != NULL ? text : "");
    reason_of(path[0] != '\0' ? PyTuple_GET_ITEM(found, 1) : exception, reason);
    Py_XDECREF(found);
}

/* GIL; an exception is pending. */
static enum corps_err refused(const struct corps__pickler *pickler, PyObject *object) {
    PyObject *type;
    PyObject *exception;
    PyObject *traceback;
    PyErr_Fetch(&type, &exception, &traceback);
    PyErr_NormalizeException(&type, &exception, &traceback);
    enum corps_err err = corps__python_fetched(exception, CORPS_ERR_REFUSED, pickler->name);
    bool interrupted = exception != NULL && PyErr_GivenExceptionMatches(exception, PyExc_KeyboardInterrupt);
    if (err == CORPS_ERR_REFUSED && exception != NULL && !interrupted) { /* what looks for it would be interrupted */
        char path[280];
        char reason[200];
        find_refused(pickler, object, exception, path, reason);
        err = corps_error_set(err, "%s: %s%s%s", pickler->name, path, path[0] != '\0' ? ": " : "", reason);
    }
    Py_XDECREF(type);
    Py_XDECREF(exception);
    Py_XDECREF(traceback);
    return err;
}

/* ---- segments ---- */

static void drop_kept(void *kept) {
    if (corps__python_alive()) {
        PyGILState_STATE state = corps__python_enter();
        Py_DECREF((PyObject *)kept);
        corps__python_leave(state);
    }
}

static struct corps__python_head head_of(const void *pickle, size_t bytes, size_t buffers, bool own_segment) {
    return (struct corps__python_head){htole32((uint32_t)bytes),
                                       htole32((uint32_t)buffers | (own_segment ? CORPS__PYTHON_OWN_SEGMENT : 0)),
                                       htole64(corps__python_checksum(pickle, bytes))};
}

/* GIL. The pickle (small: in the stream; large: a segment) and the buffers of `kept`, which keeps all that is lent. */
static enum corps_err write_segments(PyObject *pickle, PyObject *kept, struct corps_encoding *encoding) {
    size_t bytes = (size_t)PyBytes_GET_SIZE(pickle);
    size_t buffers = (size_t)PyList_GET_SIZE(kept);
    bool own_segment = bytes >= CORPS_OUT_OF_BAND_BYTES;
    if (bytes > CORPS_FRAME_BYTES_MAX) {
        return corps_error_set(CORPS_ERR_TOO_LARGE,
                               "a pickle of %zu bytes; one message carries at most %zu, send several", bytes,
                               CORPS_FRAME_BYTES_MAX);
    }
    struct corps__python_head head = head_of(PyBytes_AS_STRING(pickle), bytes, buffers, own_segment);
    enum corps_err err = corps_encoding_append(encoding, &head, sizeof head);
    if (err == CORPS_OK && own_segment) {
        err = corps_encoding_buffer(encoding, PyBytes_AS_STRING(pickle), bytes);
    } else if (err == CORPS_OK) {
        err = corps_encoding_append(encoding, PyBytes_AS_STRING(pickle), bytes);
    }
    for (size_t i = 0; err == CORPS_OK && i < buffers; i++) {
        const Py_buffer *view = PyPickleBuffer_GetBuffer(PyList_GET_ITEM(kept, (Py_ssize_t)i));
        err = view != NULL ? corps_encoding_buffer(encoding, view->buf, (size_t)view->len)
                           : corps__python_error(CORPS_ERR_REFUSED, "a buffer was released while it was pickled");
    }
    if (err == CORPS_OK && own_segment && PyList_Append(kept, pickle) != 0) {
        err = corps__python_error(CORPS_ERR_NO_MEMORY, "no room for a pickle");
    }
    if (PyList_GET_SIZE(kept) > 0) {
        encoding->keep = Py_NewRef(kept);
        encoding->drop_keep = drop_kept;
    }
    return err;
}

/* GIL. The pickle of a plain value, made here. False: it has to be pickled. */
static bool encode_plain(const struct corps__pickler *pickler, PyObject *object, struct corps_encoding *encoding,
                         enum corps_err *err) {
    uint8_t pickle[CORPS__PYTHON_PLAIN_BYTES];
    size_t bytes;
    if (!pickler->dumps_plain || corps__python.ended || !corps__python_plain_dump(object, pickle, &bytes)) {
        return false;
    }
    struct corps__python_head head = head_of(pickle, bytes, 0, false);
    *err = corps_encoding_append(encoding, &head, sizeof head);
    if (*err == CORPS_OK) {
        *err = corps_encoding_append(encoding, pickle, bytes);
    }
    return true;
}

/* GIL. */
static enum corps_err encode_pickled(const struct corps__pickler *pickler, PyObject *object,
                                     struct corps_encoding *encoding) {
    PyObject *kept = PyList_New(0);
    enum corps_err err;
    CORPS_ALONE_BEGIN
    PyObject *pickle = kept != NULL ? dump(pickler, object, kept, encoding) : NULL;
    err = pickle != NULL ? write_segments(pickle, kept, encoding) : refused(pickler, object);
    Py_XDECREF(pickle);
    CORPS_ALONE_END
    Py_XDECREF(kept);
    return err;
}

enum corps_err corps__python_encode(const struct corps__pickler *pickler, const struct corps_value *value,
                                    struct corps_encoding *encoding) {
    enum corps_err err = CORPS_OK;
    PyGILState_STATE state = corps__python_enter();
    PyObject *object = to_python(value, 0, 0, &err);
    if (object != NULL) {
        if (!encode_plain(pickler, object, encoding, &err)) {
            err = encode_pickled(pickler, object, encoding);
        }
        Py_DECREF(object);
    }
    corps__python_leave(state);
    return err;
}
