#include "python.h"

#include <string.h>

enum { POINT_INTO_BYTES = 1024 }; /* longer text and bytes are pointed to in the Python object, which the box keeps */

struct reader {
    struct corps_box *box;
    struct corps_block *kept; /* the block that the box keeps already */
    bool strict;              /* what is not plain is refused, instead of staying an object */
};

/* All of these: GIL. `object` is borrowed. */

static enum corps_err no_memory(size_t bytes) {
    return corps_error_set(CORPS_ERR_NO_MEMORY, "no memory for %zu bytes of a Python object", bytes);
}

static enum corps_err leave_object(struct reader *reader, PyObject *object, struct corps_value *out) {
    if (reader->strict) {
        return corps_error_set(CORPS_ERR_REFUSED, "a %.100s is no plain value; choose a serializer that takes objects",
                               Py_TYPE(object)->tp_name);
    }
    struct corps_object *made = corps_python_object(object);
    if (made == NULL) {
        return no_memory(sizeof *out);
    }
    *out = corps_value_of_object(made);
    return corps_box_keep_object(reader->box, made);
}

/* Text or bytes at `data` in `object`. */
static enum corps_err bytes_of(struct reader *reader, PyObject *object, const void *data, size_t bytes,
                               struct corps_value *out) {
    if (bytes >= POINT_INTO_BYTES) {
        struct corps_object *made = corps_python_object(object);
        out->bin = data;
        out->count = bytes;
        return made != NULL ? corps_box_keep_object(reader->box, made) : no_memory(bytes);
    }
    uint8_t *memory = corps_box_alloc(reader->box, bytes);
    if (memory == NULL) {
        return no_memory(bytes);
    }
    if (bytes > 0) {
        memcpy(memory, data, bytes);
    }
    out->bin = memory;
    out->count = bytes;
    return CORPS_OK;
}

static enum corps_err from_str(struct reader *reader, PyObject *object, struct corps_value *out) {
    Py_ssize_t bytes;
    const char *utf8 = PyUnicode_AsUTF8AndSize(object, &bytes);
    if (utf8 == NULL) {
        PyErr_Clear(); /* lone surrogates, which UTF-8 does not have */
        return leave_object(reader, object, out);
    }
    out->kind = CORPS_STR;
    return bytes_of(reader, object, utf8, (size_t)bytes, out);
}

static enum corps_err from_view(struct reader *reader, PyObject *object, struct corps_value *out) {
    const Py_buffer *view = PyMemoryView_GET_BUFFER(object);
    struct corps_block *block = corps__python_view_block(object);
    if (!PyBuffer_IsContiguous(view, 'C')) {
        return leave_object(reader, object, out);
    }
    out->kind = CORPS_BIN;
    if (block == NULL || reader->strict) {
        return bytes_of(reader, object, view->buf, (size_t)view->len, out);
    }
    *out = corps_bin(view->buf, (size_t)view->len);
    if (block == reader->kept) {
        return CORPS_OK;
    }
    reader->kept = block;
    return corps_box_keep_block(reader->box, corps_block_ref(block));
}

/* Bytes that nobody else can change. */
static enum corps_err from_bytearray(struct reader *reader, PyObject *object, struct corps_value *out) {
    size_t bytes = (size_t)PyByteArray_GET_SIZE(object);
    uint8_t *memory = corps_box_alloc(reader->box, bytes);
    if (memory == NULL) {
        return no_memory(bytes);
    }
    memcpy(memory, PyByteArray_AS_STRING(object), bytes);
    *out = corps_bin(memory, bytes);
    return CORPS_OK;
}

static enum corps_err from_name(struct reader *reader, PyObject *object, struct corps_value *out) {
    struct corps_name *name;
    PyObject *address = PyObject_GetAttrString(object, "__corps_address__");
    if (address == NULL || !PyBytes_CheckExact(address)) {
        PyErr_Clear();
        Py_XDECREF(address);
        return corps_error_set(CORPS_ERR_CORRUPT, "a Name without an address");
    }
    enum corps_err err =
        corps_name_decode((const uint8_t *)PyBytes_AS_STRING(address), (size_t)PyBytes_GET_SIZE(address), &name);
    Py_DECREF(address);
    if (err != CORPS_OK) {
        return err == CORPS_ERR_NO_MEMORY ? err : corps_error_set(CORPS_ERR_CORRUPT, "a Name with a damaged address");
    }
    *out = corps_value_of_name(name);
    return corps_box_keep_name(reader->box, name);
}

static enum corps_err from_int(struct reader *reader, PyObject *object, struct corps_value *out) {
    int overflow;
    long long integer = PyLong_AsLongLongAndOverflow(object, &overflow);
    if (overflow != 0 && reader->strict) {
        return corps_error_set(CORPS_ERR_REFUSED, "an int of more than 64 bits");
    }
    if (overflow != 0) {
        return leave_object(reader, object, out);
    }
    *out = corps_int(integer);
    return CORPS_OK;
}

/* Is it a scalar? Then converts it. */
static bool from_scalar(struct reader *reader, PyObject *object, struct corps_value *out, enum corps_err *err) {
    *err = CORPS_OK;
    if (PyLong_CheckExact(object)) {
        *err = from_int(reader, object, out);
    } else if (PyUnicode_CheckExact(object)) {
        *err = from_str(reader, object, out);
    } else if (PyFloat_CheckExact(object)) {
        *out = corps_float(PyFloat_AS_DOUBLE(object));
    } else if (object == Py_None) {
        *out = corps_nil();
    } else if (PyBool_Check(object)) {
        *out = corps_bool(object == Py_True);
    } else if (PyBytes_CheckExact(object)) {
        out->kind = CORPS_BIN;
        *err = bytes_of(reader, object, PyBytes_AS_STRING(object), (size_t)PyBytes_GET_SIZE(object), out);
    } else if (PyMemoryView_Check(object)) {
        *err = from_view(reader, object, out);
    } else if (PyByteArray_CheckExact(object)) {
        *err = from_bytearray(reader, object, out);
    } else if (PyObject_TypeCheck(object, corps__python.name_base)) {
        *err = from_name(reader, object, out);
    } else {
        return false;
    }
    return true;
}

static enum corps_err from_any(struct reader *reader, PyObject *object, unsigned depth, struct corps_value *out);

/* The path of what was refused, from the inside out; `key` is NULL in lists. */
static enum corps_err refused_at(Py_ssize_t index, PyObject *key) {
    char inner[512];
    if (snprintf(inner, sizeof inner, "%s", corps_error_detail()) > 300) {
        return CORPS_ERR_REFUSED;
    }
    const char *colon = inner[0] == '[' ? "" : ": ";
    const char *text = key != NULL && PyUnicode_Check(key) ? PyUnicode_AsUTF8(key) : NULL;
    PyErr_Clear();
    if (text != NULL) {
        return corps_error_set(CORPS_ERR_REFUSED, "[\"%.64s\"]%s%s", text, colon, inner);
    }
    return corps_error_set(CORPS_ERR_REFUSED, "[%s%zd]%s%s", key != NULL ? "entry " : "", index, colon, inner);
}

static enum corps_err from_sequence(struct reader *reader, PyObject *sequence, unsigned depth,
                                    struct corps_value *out) {
    Py_ssize_t count = PySequence_Fast_GET_SIZE(sequence);
    struct corps_value *items = corps_box_alloc(reader->box, (size_t)count * sizeof *items);
    enum corps_err err = items != NULL ? CORPS_OK : no_memory((size_t)count * sizeof *items);
    for (Py_ssize_t i = 0; err == CORPS_OK && i < count; i++) {
        err = from_any(reader, PySequence_Fast_GET_ITEM(sequence, i), depth + 1, &items[i]);
        err = err == CORPS_ERR_REFUSED ? refused_at(i, NULL) : err;
    }
    *out = corps_array(items, (size_t)count);
    return err;
}

static enum corps_err from_dict(struct reader *reader, PyObject *dict, unsigned depth, struct corps_value *out) {
    Py_ssize_t count = PyDict_GET_SIZE(dict);
    struct corps_entry *entries = corps_box_alloc(reader->box, (size_t)count * sizeof *entries);
    enum corps_err err = entries != NULL ? CORPS_OK : no_memory((size_t)count * sizeof *entries);
    Py_ssize_t at = 0;
    PyObject *key;
    PyObject *value;
    for (Py_ssize_t i = 0; err == CORPS_OK && i < count && PyDict_Next(dict, &at, &key, &value); i++) {
        err = from_any(reader, key, depth + 1, &entries[i].key);
        err = err == CORPS_OK ? from_any(reader, value, depth + 1, &entries[i].value) : err;
        err = err == CORPS_ERR_REFUSED ? refused_at(i, key) : err;
    }
    *out = corps_map(entries, (size_t)count);
    return err;
}

/* Trees become values. A container that something else refers to as well is part of no tree: it stays an object, which
 * keeps what is shared shared, ends cycles, and bounds the values' memory by the message. */
static enum corps_err from_any(struct reader *reader, PyObject *object, unsigned depth, struct corps_value *out) {
    enum corps_err err;
    if (from_scalar(reader, object, out, &err)) {
        return err;
    }
    bool dict = PyDict_CheckExact(object);
    if (!dict && !PyList_CheckExact(object) && !PyTuple_CheckExact(object)) {
        return leave_object(reader, object, out);
    }
    Py_ssize_t count = dict ? PyDict_GET_SIZE(object) : PySequence_Fast_GET_SIZE(object);
    if (!reader->strict && ((count > 0 && Py_REFCNT(object) > 1) || depth >= CORPS_VALUE_DEPTH_MAX)) {
        return leave_object(reader, object, out);
    }
    if (depth >= CORPS_VALUE_DEPTH_MAX) {
        return corps_error_set(CORPS_ERR_TOO_LARGE,
                               "a Python object is nested deeper than %u levels, or contains itself",
                               CORPS_VALUE_DEPTH_MAX);
    }
    return dict ? from_dict(reader, object, depth, out) : from_sequence(reader, object, depth, out);
}

/* CORPS_DECODE_OBJECTS: the items of the outermost list or tuple, and of those only scalars become values. */
static enum corps_err from_arguments(struct reader *reader, PyObject *object, struct corps_value *out) {
    enum corps_err err;
    if (!PyList_CheckExact(object) && !PyTuple_CheckExact(object)) {
        return from_scalar(reader, object, out, &err) ? err : leave_object(reader, object, out);
    }
    Py_ssize_t count = PySequence_Fast_GET_SIZE(object);
    struct corps_value *items = corps_box_alloc(reader->box, (size_t)count * sizeof *items);
    if (items == NULL) {
        return no_memory((size_t)count * sizeof *items);
    }
    err = CORPS_OK;
    for (Py_ssize_t i = 0; err == CORPS_OK && i < count; i++) {
        PyObject *item = PySequence_Fast_GET_ITEM(object, i);
        if (!from_scalar(reader, item, &items[i], &err)) {
            err = leave_object(reader, item, &items[i]);
        }
    }
    *out = corps_array(items, (size_t)count);
    return err;
}

enum corps_err corps__python_values(PyObject *object, enum corps_decode_to to, struct corps_box *box,
                                    struct corps_value *value) {
    struct reader reader = {.box = box};
    if (to == CORPS_DECODE_WHOLE) {
        return leave_object(&reader, object, value);
    }
    return to == CORPS_DECODE_OBJECTS ? from_arguments(&reader, object, value) : from_any(&reader, object, 0, value);
}

enum corps_err corps__python_to_value(PyObject *object, struct corps_box *box, struct corps_value *value) {
    struct reader reader = {.box = box, .strict = true};
    return from_any(&reader, object, 0, value);
}
