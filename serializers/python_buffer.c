#include "python.h"

/* A Python object that lends out a part of a block: what a message carries out of band is never copied for Python. It
 * can be written to; the pickle says where the sender's buffer could not. */

struct buffer {
    PyObject_HEAD struct corps_block *block;
    void *data;
    Py_ssize_t bytes;
};

static int get_buffer(PyObject *self, Py_buffer *view, int flags) {
    struct buffer *buffer = (struct buffer *)self;
    return PyBuffer_FillInfo(view, self, buffer->data, buffer->bytes, 0, flags);
}

static void destroy(PyObject *self) {
    corps_block_unref(((struct buffer *)self)->block);
    PyObject_Free(self);
}

PyTypeObject *corps__python_buffer_type(void) {
    static PyBufferProcs procedures = {.bf_getbuffer = get_buffer};
    static PyTypeObject type = {
        PyVarObject_HEAD_INIT(NULL, 0).tp_name = "_corps.Buffer",
        .tp_basicsize = sizeof(struct buffer),
        .tp_flags = Py_TPFLAGS_DEFAULT,
        .tp_dealloc = destroy,
        .tp_as_buffer = &procedures,
    };
    return PyType_Ready(&type) == 0 ? &type : NULL;
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
