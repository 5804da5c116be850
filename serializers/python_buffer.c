#include "python.h"

#include <string.h>

/* A Python object that lends out a part of a block: what a message carries out of band is never copied for Python. */

struct buffer {
    PyObject_HEAD struct corps_block *block;
    void *data;
    Py_ssize_t bytes;
};

static int get_buffer(PyObject *self, Py_buffer *view, int flags) {
    struct buffer *buffer = (struct buffer *)self;
    return PyBuffer_FillInfo(view, self, buffer->data, buffer->bytes, 1, flags);
}

static void destroy(PyObject *self) {
    PyTypeObject *type = Py_TYPE(self);
    corps_block_unref(((struct buffer *)self)->block);
    type->tp_free(self);
    Py_DECREF(type);
}

PyTypeObject *corps__python_buffer_type(void) {
    static PyType_Slot slots[] = {{Py_bf_getbuffer, NULL}, {Py_tp_dealloc, NULL}, {0, NULL}};
    static PyType_Spec spec = {
        .name = "_corps.Buffer",
        .basicsize = sizeof(struct buffer),
        .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION,
        .slots = slots,
    };
    /* ISO C has no cast from a function's pointer to an object's. */
    getbufferproc lend = get_buffer;
    destructor end = destroy;
    memcpy(&slots[0].pfunc, &lend, sizeof lend);
    memcpy(&slots[1].pfunc, &end, sizeof end);
    return (PyTypeObject *)PyType_FromSpec(&spec);
}

PyObject *corps__python_view(struct corps_block *block, void *data, size_t bytes) {
    static char nothing[1];
    struct buffer *buffer = PyObject_New(struct buffer, corps__python.buffer_type);
    if (buffer == NULL) {
        return NULL;
    }
    buffer->block = corps_block_ref(block);
    buffer->data = bytes > 0 ? data : nothing;
    buffer->bytes = (Py_ssize_t)bytes;
    PyObject *view = PyMemoryView_FromObject((PyObject *)buffer);
    Py_DECREF(buffer);
    return view;
}

struct corps_block *corps__python_view_block(PyObject *view) {
    PyObject *base = PyMemoryView_GET_BASE(view);
    return base != NULL && Py_IS_TYPE(base, corps__python.buffer_type) ? ((struct buffer *)base)->block : NULL;
}
