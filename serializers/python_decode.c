#include "python_plain.h"
#include "python_wire.h"

#include <endian.h>
#include <string.h>

/* Where the parts of a message lie. */
struct parts {
    void *pickle;
    size_t pickle_bytes;
    const struct iovec *buffers;
    size_t buffer_count;
};

static enum corps_err find_parts(const char *name, const struct iovec *segments, size_t count, struct parts *parts) {
    struct corps__python_head head;
    if (count == 0 || segments[0].iov_len < sizeof head) {
        return corps_error_set(CORPS_ERR_CORRUPT, "%s: the data ends within its head of %zu bytes", name, sizeof head);
    }
    memcpy(&head, segments[0].iov_base, sizeof head);
    uint32_t buffers = le32toh(head.buffers);
    bool own_segment = (buffers & CORPS__PYTHON_OWN_SEGMENT) != 0;
    parts->pickle_bytes = le32toh(head.pickle_bytes);
    parts->buffer_count = buffers & ~CORPS__PYTHON_OWN_SEGMENT;
    size_t expected = 1 + own_segment + parts->buffer_count;
    if (count != expected) {
        return corps_error_set(CORPS_ERR_CORRUPT, "%s: there must be %zu segments, but there are %zu", name, expected,
                               count);
    }
    size_t before = own_segment ? 0 : sizeof head;
    const struct iovec *with_pickle = &segments[own_segment];
    if (with_pickle->iov_len - before != parts->pickle_bytes || (own_segment && segments[0].iov_len != sizeof head)) {
        return corps_error_set(CORPS_ERR_CORRUPT, "%s: the pickle must have %zu bytes, but there are %zu", name,
                               parts->pickle_bytes, with_pickle->iov_len - before);
    }
    parts->pickle = (uint8_t *)with_pickle->iov_base + before;
    if (corps__python_checksum(parts->pickle, parts->pickle_bytes) != le64toh(head.checksum)) {
        return corps_error_set(CORPS_ERR_CORRUPT, "%s: the pickle is damaged: its checksum is another", name);
    }
    parts->buffers = segments + 1 + own_segment;
    return CORPS_OK;
}

enum { LINE = 64 };

/* GIL. A view of a buffer of the message, or of a copy that is aligned: where the message has no block, or one of a
 * transport that gives it wherever it came. */
static PyObject *view_of(const struct iovec *buffer, struct corps_block *block) {
    if (block != NULL && (uintptr_t)buffer->iov_base % LINE == 0) {
        return corps__python_view(block, buffer->iov_base, buffer->iov_len);
    }
    struct corps_block *own = corps_block_create(buffer->iov_len);
    if (own == NULL) {
        return PyErr_NoMemory();
    }
    memcpy(own->data, buffer->iov_base, buffer->iov_len);
    PyObject *view = corps__python_view(own, own->data, own->bytes);
    corps_block_unref(own);
    return view;
}

/* GIL. An iterator over the buffers. */
static PyObject *iterate(const struct parts *parts, struct corps_block *block) {
    PyObject *list = PyTuple_New((Py_ssize_t)parts->buffer_count);
    for (size_t i = 0; list != NULL && i < parts->buffer_count; i++) {
        PyObject *item = view_of(&parts->buffers[i], block);
        if (item == NULL) {
            Py_CLEAR(list);
        } else {
            PyTuple_SET_ITEM(list, (Py_ssize_t)i, item);
        }
    }
    PyObject *iterator = list != NULL ? PyObject_GetIter(list) : NULL;
    Py_XDECREF(list);
    return iterator;
}

/* GIL. Damage shows in many ways; a class that this process does not have is no damage. */
static enum corps_err not_loaded(const char *name) {
    char what[64];
    bool missing = PyErr_ExceptionMatches(PyExc_ImportError) || PyErr_ExceptionMatches(PyExc_AttributeError);
    snprintf(what, sizeof what, "%s cannot load this", name);
    return corps__python_error(missing ? CORPS_ERR_REMOTE : CORPS_ERR_CORRUPT, what);
}

/* GIL. New reference, NULL with *err. */
static PyObject *load(const struct corps__pickler *pickler, const struct parts *parts, struct corps_block *block,
                      enum corps_err *err) {
    PyObject *view = corps__python_serves()
                         ? PyMemoryView_FromMemory(parts->pickle, (Py_ssize_t)parts->pickle_bytes, PyBUF_READ)
                         : NULL;
    PyObject *buffers = view != NULL ? iterate(parts, block) : NULL;
    PyObject *args[] = {view, buffers};
    PyObject *object =
        buffers != NULL ? PyObject_Vectorcall(pickler->loads, args, 1, corps__python.loads_keywords) : NULL;
    if (object == NULL) {
        *err = not_loaded(pickler->name);
    }
    if (view != NULL && Py_REFCNT(view) > 1) { /* somebody kept it, but its memory is only lent */
        PyObject *done = PyObject_CallMethod(view, "release", NULL);
        PyErr_Clear();
        Py_XDECREF(done);
    }
    Py_XDECREF(view);
    PyObject *surplus = object != NULL ? PyIter_Next(buffers) : NULL;
    if (surplus != NULL) {
        Py_DECREF(surplus);
        Py_CLEAR(object);
        *err = corps_error_set(CORPS_ERR_CORRUPT, "%s: the pickle uses fewer buffers than there are", pickler->name);
    }
    PyErr_Clear();
    Py_XDECREF(buffers);
    return object;
}

/* GIL. A plain value, read here: new reference; NULL: it has to be loaded. */
static PyObject *load_plain(const struct corps__pickler *pickler, const struct parts *parts) {
    return pickler->loads_plain && parts->buffer_count == 0 && !corps__python.ended
               ? corps__python_plain_load(parts->pickle, parts->pickle_bytes)
               : NULL;
}

enum corps_err corps__python_decode(const struct corps__pickler *pickler, const struct iovec *segments,
                                    size_t segment_count, struct corps_block *block, enum corps_decode_to to,
                                    struct corps_box *box) {
    struct parts parts = {0};
    enum corps_err err = find_parts(pickler->name, segments, segment_count, &parts);
    if (err != CORPS_OK) {
        return err;
    }
    PyGILState_STATE state = corps__python_enter();
    PyObject *object = load_plain(pickler, &parts);
    if (object == NULL) {
        CORPS_ALONE_BEGIN
        object = load(pickler, &parts, block, &err);
        CORPS_ALONE_END
    }
    if (object != NULL) {
        struct corps_value root;
        err = corps__python_values(object, to, box, &root);
        if (err == CORPS_OK) {
            corps_box_set_root(box, root);
        }
        Py_DECREF(object);
    }
    corps__python_leave(state);
    return err;
}
