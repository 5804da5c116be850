#include "python_plain.h"

#include <endian.h>
#include <string.h>

/* The order and the choice of opcodes are those of CPython's Modules/_pickle.c (save and what it calls). */

enum {
    DEPTH_MAX = 8,
    BATCH_MAX = 1000, /* pickle puts so many items between a mark and its end */
    ONE_BYTE = 256,   /* a shorter length takes one byte */
};

struct writer {
    uint8_t *at, *end;
    unsigned memo_count;
    PyObject *memo[CORPS__PYTHON_PLAIN_MEMO]; /* borrowed; the place is the number that pickle gives it */
};

/* All of these: false where pickle has to do it. */

static inline bool put(struct writer *writer, const void *data, size_t bytes) {
    if ((size_t)(writer->end - writer->at) < bytes) {
        return false;
    }
    memcpy(writer->at, data, bytes);
    writer->at += bytes;
    return true;
}

static inline bool put_op(struct writer *writer, enum corps__pickle_op op) {
    const uint8_t byte = (uint8_t)op;
    return put(writer, &byte, 1);
}

static inline bool put_two(struct writer *writer, enum corps__pickle_op op, unsigned argument) {
    const uint8_t both[2] = {(uint8_t)op, (uint8_t)argument};
    return put(writer, both, sizeof both);
}

/* ---- scalars ---- */

/* In as few bytes as tell its sign. */
static bool put_long(struct writer *writer, int64_t number) {
    uint64_t little = htole64((uint64_t)number);
    uint8_t bytes[sizeof little];
    memcpy(bytes, &little, sizeof little);
    size_t count = sizeof little;
    const uint8_t filler = number < 0 ? 0xff : 0;
    while (count > 1 && bytes[count - 1] == filler && (bytes[count - 2] & 0x80) == (filler & 0x80)) {
        count--;
    }
    return put_two(writer, CORPS__PICKLE_LONG1, (unsigned)count) && put(writer, bytes, count);
}

static bool put_int(struct writer *writer, PyObject *object) {
    int overflow;
    long long number = PyLong_AsLongLongAndOverflow(object, &overflow);
    if (overflow != 0) {
        return false;
    }
    if (number > INT32_MAX || number < INT32_MIN) {
        return put_long(writer, number);
    }
    if (number >= 0 && number <= UINT8_MAX) {
        return put_two(writer, CORPS__PICKLE_INT1, (unsigned)number);
    }
    bool two = number >= 0 && number <= UINT16_MAX;
    uint32_t little = htole32((uint32_t)number);
    return put_op(writer, two ? CORPS__PICKLE_INT2 : CORPS__PICKLE_INT4) && put(writer, &little, two ? 2 : 4);
}

static bool put_float(struct writer *writer, double number) {
    uint64_t bits;
    memcpy(&bits, &number, sizeof bits);
    bits = htobe64(bits);
    return put_op(writer, CORPS__PICKLE_FLOAT) && put(writer, &bits, sizeof bits);
}

/* ---- what pickle remembers ---- */

static bool memoize(struct writer *writer, PyObject *object) {
    if (writer->memo_count == CORPS__PYTHON_PLAIN_MEMO) {
        return false;
    }
    writer->memo[writer->memo_count++] = object;
    return put_op(writer, CORPS__PICKLE_MEMOIZE);
}

/* Its number in the memo, -1: it was not there yet. What has one reference is in one place. */
static int known(const struct writer *writer, PyObject *object) {
    for (unsigned i = 0; Py_REFCNT(object) > 1 && i < writer->memo_count; i++) {
        if (writer->memo[i] == object) {
            return (int)i;
        }
    }
    return -1;
}

static bool put_string(struct writer *writer, enum corps__pickle_op one, enum corps__pickle_op four, const char *data,
                       Py_ssize_t bytes) {
    if (bytes >= CORPS__PYTHON_PLAIN_BYTES) {
        return false;
    }
    uint32_t little = htole32((uint32_t)bytes);
    bool headed = bytes < ONE_BYTE ? put_two(writer, one, (unsigned)bytes)
                                   : put_op(writer, four) && put(writer, &little, sizeof little);
    return headed && put(writer, data, (size_t)bytes);
}

static bool put_text(struct writer *writer, PyObject *text) {
    Py_ssize_t bytes;
    const char *utf8 = PyUnicode_AsUTF8AndSize(text, &bytes);
    if (utf8 == NULL) {
        PyErr_Clear(); /* lone surrogates, which pickle writes in its own way; or no memory, which pickle says */
        return false;
    }
    return put_string(writer, CORPS__PICKLE_TEXT1, CORPS__PICKLE_TEXT4, utf8, bytes) && memoize(writer, text);
}

static bool put_bytes(struct writer *writer, PyObject *bytes) {
    return put_string(writer, CORPS__PICKLE_BYTES1, CORPS__PICKLE_BYTES4, PyBytes_AS_STRING(bytes),
                      PyBytes_GET_SIZE(bytes)) &&
           memoize(writer, bytes);
}

/* ---- containers ---- */

static bool put_any(struct writer *writer, PyObject *object, unsigned depth);

static bool put_tuple(struct writer *writer, PyObject *tuple, unsigned depth) {
    Py_ssize_t count = PyTuple_GET_SIZE(tuple);
    if (count == 0) {
        return put_op(writer, CORPS__PICKLE_NO_TUPLE);
    }
    if (count > 3 && !put_op(writer, CORPS__PICKLE_MARK)) {
        return false;
    }
    for (Py_ssize_t i = 0; i < count; i++) {
        if (!put_any(writer, PyTuple_GET_ITEM(tuple, i), depth)) {
            return false;
        }
    }
    if (known(writer, tuple) >= 0) {
        return false; /* a list in it has it as an item */
    }
    enum corps__pickle_op op = count > 3 ? CORPS__PICKLE_TUPLE : CORPS__PICKLE_TUPLE1 + (unsigned)count - 1;
    return put_op(writer, op) && memoize(writer, tuple);
}

#ifdef Py_GIL_DISABLED
/* Another thread may change what can be changed. */
static bool put_list(struct writer *writer, PyObject *list, unsigned depth) {
    (void)writer, (void)list, (void)depth;
    return false;
}

static bool put_dict(struct writer *writer, PyObject *dict, unsigned depth) {
    (void)writer, (void)dict, (void)depth;
    return false;
}
#else
static bool put_list(struct writer *writer, PyObject *list, unsigned depth) {
    Py_ssize_t count = PyList_GET_SIZE(list);
    if (count > BATCH_MAX || !put_op(writer, CORPS__PICKLE_LIST) || !memoize(writer, list) ||
        (count > 1 && !put_op(writer, CORPS__PICKLE_MARK))) {
        return false;
    }
    for (Py_ssize_t i = 0; i < count; i++) {
        if (!put_any(writer, PyList_GET_ITEM(list, i), depth)) {
            return false;
        }
    }
    return count == 0 || put_op(writer, count == 1 ? CORPS__PICKLE_APPEND : CORPS__PICKLE_APPENDS);
}

static bool put_dict(struct writer *writer, PyObject *dict, unsigned depth) {
    Py_ssize_t count = PyDict_GET_SIZE(dict);
    if (count > BATCH_MAX || !put_op(writer, CORPS__PICKLE_DICT) || !memoize(writer, dict) ||
        (count > 1 && !put_op(writer, CORPS__PICKLE_MARK))) {
        return false;
    }
    Py_ssize_t at = 0;
    PyObject *key;
    PyObject *value;
    while (PyDict_Next(dict, &at, &key, &value)) {
        if (!put_any(writer, key, depth) || !put_any(writer, value, depth)) {
            return false;
        }
    }
    return count == 0 || put_op(writer, count == 1 ? CORPS__PICKLE_SET_ITEM : CORPS__PICKLE_SET_ITEMS);
}
#endif

/* What pickle remembers, and has not seen in this message. */
static bool put_new(struct writer *writer, PyObject *object, unsigned depth) {
    if (PyUnicode_CheckExact(object)) {
        return put_text(writer, object);
    }
    if (PyBytes_CheckExact(object)) {
        return put_bytes(writer, object);
    }
    if (depth == DEPTH_MAX) {
        return false;
    }
    return PyTuple_CheckExact(object)  ? put_tuple(writer, object, depth + 1)
           : PyList_CheckExact(object) ? put_list(writer, object, depth + 1)
           : PyDict_CheckExact(object) ? put_dict(writer, object, depth + 1)
                                       : false;
}

static bool put_any(struct writer *writer, PyObject *object, unsigned depth) {
    if (PyLong_CheckExact(object)) {
        return put_int(writer, object);
    }
    if (PyFloat_CheckExact(object)) {
        return put_float(writer, PyFloat_AS_DOUBLE(object));
    }
    if (object == Py_None) {
        return put_op(writer, CORPS__PICKLE_NONE);
    }
    if (PyBool_Check(object)) {
        return put_op(writer, object == Py_True ? CORPS__PICKLE_TRUE : CORPS__PICKLE_FALSE);
    }
    int number = known(writer, object);
    return number >= 0 ? put_two(writer, CORPS__PICKLE_GET1, (unsigned)number) : put_new(writer, object, depth);
}

/* ---- the pickle ---- */

enum { PROTOCOL_BYTES = 2, FRAME_BYTES = 9 };

bool corps__python_plain_dump(PyObject *object, uint8_t out[CORPS__PYTHON_PLAIN_BYTES], size_t *bytes) {
    uint8_t *frame = out + PROTOCOL_BYTES, *content = frame + FRAME_BYTES;
    struct writer writer;
    writer.at = content;
    writer.end = out + CORPS__PYTHON_PLAIN_BYTES;
    writer.memo_count = 0;
    if (!put_any(&writer, object, 0) || !put_op(&writer, CORPS__PICKLE_STOP)) {
        return false;
    }
    size_t count = (size_t)(writer.at - content);
    out[0] = CORPS__PICKLE_PROTOCOL;
    out[1] = 5;
    if (count < CORPS__PICKLE_FRAME_LEAST) {
        memmove(frame, content, count);
        *bytes = PROTOCOL_BYTES + count;
        return true;
    }
    uint64_t little = htole64(count);
    frame[0] = CORPS__PICKLE_FRAME;
    memcpy(frame + 1, &little, sizeof little);
    *bytes = PROTOCOL_BYTES + FRAME_BYTES + count;
    return true;
}
