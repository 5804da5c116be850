#include "python_plain.h"

#include <endian.h>
#include <string.h>

/* What was read but belongs to no container yet is on a stack, as in CPython's unpickler. */

enum { STACK_MAX = 1024, MARKS_MAX = 16, PROTOCOL_MAX = 5 };

struct reader {
    const uint8_t *at, *end;
    unsigned count, marks_count, memo_count;
    PyObject *memo[CORPS__PYTHON_PLAIN_MEMO];
    unsigned marks[MARKS_MAX]; /* where on the stack */
    PyObject *stack[STACK_MAX];
};

/* All of these: false where pickle has to read it, perhaps with an exception. */

/* Takes the reference. */
static inline bool push(struct reader *reader, PyObject *object) {
    if (object == NULL || reader->count == STACK_MAX) {
        Py_XDECREF(object);
        return false;
    }
    reader->stack[reader->count++] = object;
    return true;
}

static inline const uint8_t *take(struct reader *reader, size_t bytes) {
    const uint8_t *data = reader->at;
    if ((size_t)(reader->end - data) < bytes) {
        return NULL;
    }
    reader->at += bytes;
    return data;
}

/* A little-endian number. */
static inline bool take_number(struct reader *reader, size_t bytes, uint64_t *number) {
    uint64_t little = 0;
    const uint8_t *data = take(reader, bytes);
    if (data != NULL) {
        memcpy(&little, data, bytes);
        *number = le64toh(little);
    }
    return data != NULL;
}

/* ---- scalars ---- */

static inline bool read_int(struct reader *reader, size_t bytes) {
    uint64_t number;
    return take_number(reader, bytes, &number) &&
           push(reader, PyLong_FromLongLong(bytes == 4 ? (int32_t)number : (int64_t)number));
}

static bool read_long(struct reader *reader) {
    uint64_t bytes, number;
    if (!take_number(reader, 1, &bytes) || bytes == 0 || bytes > sizeof number ||
        !take_number(reader, (size_t)bytes, &number)) {
        return false;
    }
    unsigned unused = 64 - 8 * (unsigned)bytes;
    return push(reader, PyLong_FromLongLong((int64_t)(number << unused) >> unused));
}

static bool read_float(struct reader *reader) {
    double number;
    uint64_t bits;
    const uint8_t *data = take(reader, sizeof bits);
    if (data == NULL) {
        return false;
    }
    memcpy(&bits, data, sizeof bits);
    bits = be64toh(bits);
    memcpy(&number, &bits, sizeof number);
    return push(reader, PyFloat_FromDouble(number));
}

static bool read_string(struct reader *reader, size_t length_bytes, bool is_text) {
    uint64_t bytes;
    const char *data = take_number(reader, length_bytes, &bytes) ? (const char *)take(reader, (size_t)bytes) : NULL;
    return data != NULL && push(reader, is_text ? PyUnicode_DecodeUTF8(data, (Py_ssize_t)bytes, NULL)
                                                : PyBytes_FromStringAndSize(data, (Py_ssize_t)bytes));
}

static bool read_scalar(struct reader *reader, uint8_t op) {
    switch (op) {
    case CORPS__PICKLE_NONE:
        return push(reader, Py_NewRef(Py_None));
    case CORPS__PICKLE_TRUE:
    case CORPS__PICKLE_FALSE:
        return push(reader, PyBool_FromLong(op == CORPS__PICKLE_TRUE));
    case CORPS__PICKLE_INT1:
        return read_int(reader, 1);
    case CORPS__PICKLE_INT2:
        return read_int(reader, 2);
    case CORPS__PICKLE_INT4:
        return read_int(reader, 4);
    case CORPS__PICKLE_LONG1:
        return read_long(reader);
    case CORPS__PICKLE_FLOAT:
        return read_float(reader);
    case CORPS__PICKLE_BYTES1:
    case CORPS__PICKLE_BYTES4:
        return read_string(reader, op == CORPS__PICKLE_BYTES1 ? 1 : 4, false);
    case CORPS__PICKLE_TEXT1:
    case CORPS__PICKLE_TEXT4:
        return read_string(reader, op == CORPS__PICKLE_TEXT1 ? 1 : 4, true);
    default:
        return false;
    }
}

/* ---- containers ---- */

static bool pop_mark(struct reader *reader, unsigned *first) {
    if (reader->marks_count == 0) {
        return false;
    }
    *first = reader->marks[--reader->marks_count];
    return true;
}

/* The items from `first` on become a tuple. */
static bool make_tuple(struct reader *reader, unsigned first) {
    PyObject *tuple = PyTuple_New((Py_ssize_t)(reader->count - first));
    if (tuple == NULL) {
        return false;
    }
    for (unsigned i = first; i < reader->count; i++) {
        PyTuple_SET_ITEM(tuple, (Py_ssize_t)(i - first), reader->stack[i]);
    }
    reader->count = first;
    return push(reader, tuple);
}

/* What lies below belongs to an outer container. */
static unsigned fence(const struct reader *reader) {
    return reader->marks_count > 0 ? reader->marks[reader->marks_count - 1] : 0;
}

/* The container before the items from `first` on, if there is one. */
static PyObject *container(const struct reader *reader, unsigned first) {
    return first > fence(reader) ? reader->stack[first - 1] : NULL;
}

static void drop(struct reader *reader, unsigned first) {
    while (reader->count > first) {
        Py_DECREF(reader->stack[--reader->count]);
    }
}

static bool append(struct reader *reader, unsigned first) {
    PyObject *list = container(reader, first);
    bool good = list != NULL && PyList_CheckExact(list);
    for (unsigned i = first; good && i < reader->count; i++) {
        good = PyList_Append(list, reader->stack[i]) == 0;
    }
    if (good) {
        drop(reader, first);
    }
    return good;
}

static bool set_items(struct reader *reader, unsigned first) {
    PyObject *dict = container(reader, first);
    bool good = dict != NULL && PyDict_CheckExact(dict) && (reader->count - first) % 2 == 0;
    for (unsigned i = first; good && i < reader->count; i += 2) {
        good = PyDict_SetItem(dict, reader->stack[i], reader->stack[i + 1]) == 0;
    }
    if (good) {
        drop(reader, first);
    }
    return good;
}

/* Where the last `items` begin. */
static bool last(const struct reader *reader, unsigned items, unsigned *first) {
    *first = reader->count - items;
    return reader->count - fence(reader) >= items;
}

static bool read_container(struct reader *reader, uint8_t op) {
    unsigned first;
    switch (op) {
    case CORPS__PICKLE_NO_TUPLE:
        return push(reader, PyTuple_New(0));
    case CORPS__PICKLE_LIST:
        return push(reader, PyList_New(0));
    case CORPS__PICKLE_DICT:
        return push(reader, PyDict_New());
    case CORPS__PICKLE_TUPLE1:
    case CORPS__PICKLE_TUPLE2:
    case CORPS__PICKLE_TUPLE3:
        return last(reader, op - CORPS__PICKLE_TUPLE1 + 1u, &first) && make_tuple(reader, first);
    case CORPS__PICKLE_APPEND:
        return last(reader, 1, &first) && append(reader, first);
    case CORPS__PICKLE_SET_ITEM:
        return last(reader, 2, &first) && set_items(reader, first);
    case CORPS__PICKLE_TUPLE:
        return pop_mark(reader, &first) && make_tuple(reader, first);
    case CORPS__PICKLE_APPENDS:
        return pop_mark(reader, &first) && append(reader, first);
    case CORPS__PICKLE_SET_ITEMS:
        return pop_mark(reader, &first) && set_items(reader, first);
    default:
        return read_scalar(reader, op);
    }
}

/* ---- the pickle ---- */

static bool memoize(struct reader *reader) {
    if (reader->count == fence(reader) || reader->memo_count == CORPS__PYTHON_PLAIN_MEMO) {
        return false;
    }
    reader->memo[reader->memo_count++] = Py_NewRef(reader->stack[reader->count - 1]);
    return true;
}

static bool get(struct reader *reader) {
    uint64_t number;
    return take_number(reader, 1, &number) && number < reader->memo_count &&
           push(reader, Py_NewRef(reader->memo[number]));
}

static bool mark(struct reader *reader) {
    if (reader->marks_count == MARKS_MAX) {
        return false;
    }
    reader->marks[reader->marks_count++] = reader->count;
    return true;
}

static bool read_op(struct reader *reader, uint8_t op) {
    switch (op) {
    case CORPS__PICKLE_MEMOIZE:
        return memoize(reader);
    case CORPS__PICKLE_GET1:
        return get(reader);
    case CORPS__PICKLE_MARK:
        return mark(reader);
    default:
        return read_container(reader, op);
    }
}

/* What comes before the content: the protocol, and one frame around all, unless it is short. */
static bool read_head(struct reader *reader) {
    uint64_t number;
    if (!take_number(reader, 1, &number) || number != CORPS__PICKLE_PROTOCOL || !take_number(reader, 1, &number) ||
        number > PROTOCOL_MAX) {
        return false;
    }
    return reader->at == reader->end || *reader->at != CORPS__PICKLE_FRAME ||
           (take_number(reader, 1, &number) && take_number(reader, 8, &number) &&
            number == (uint64_t)(reader->end - reader->at));
}

PyObject *corps__python_plain_load(const void *pickle, size_t bytes) {
    if (bytes > CORPS__PYTHON_PLAIN_BYTES) {
        return NULL;
    }
    struct reader reader;
    reader.at = pickle;
    reader.end = reader.at + bytes;
    reader.count = reader.marks_count = reader.memo_count = 0;
    bool good = read_head(&reader);
    while (good && reader.at < reader.end - 1) {
        good = read_op(&reader, *reader.at++);
    }
    PyObject *object = NULL;
    if (good && reader.at == reader.end - 1 && *reader.at == CORPS__PICKLE_STOP && reader.count == 1 &&
        reader.marks_count == 0) {
        object = reader.stack[--reader.count];
    }
    drop(&reader, 0);
    while (reader.memo_count > 0) {
        Py_DECREF(reader.memo[--reader.memo_count]);
    }
    if (object == NULL) {
        PyErr_Clear(); /* pickle comes to the same, and says it */
    }
    return object;
}
