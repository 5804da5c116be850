#include "python.h"

#include <stdatomic.h>
#include <stdlib.h>

enum { BORROW_BYTES = 1024, PATH_BYTES = 128 };

static PyObject *name_class; /* _corps.Name */
static PyObject *equal_helper;

/* Names travel as instances of a class that both sides find in sys.modules, so that every pickler refers to it. */
static const char helpers[] =
    "import sys, types\n"
    "_m = types.ModuleType('_corps')\n"
    "sys.modules['_corps'] = _m\n"
    "class Name:\n"
    "    'The address of a Worker.'\n"
    "    __slots__ = ('data',)\n"
    "    def __init__(self, data): self.data = data\n"
    "    def __reduce__(self): return (Name, (self.data,))\n"
    "    def __eq__(self, other): return type(other) is Name and other.data == self.data\n"
    "    def __hash__(self): return hash(self.data)\n"
    "Name.__module__ = '_corps'\n"
    "_m.Name = Name\n"
    "def equal(a, b):\n"
    "    import ast, pickle\n"
    "    try:\n"
    "        if bool(a == b): return True\n"
    "    except Exception: pass\n"
    "    if isinstance(a, ast.AST) and isinstance(b, ast.AST): return ast.dump(a) == ast.dump(b)\n"
    "    if type(a).__qualname__ != type(b).__qualname__: return False\n"
    "    once_more = lambda x: pickle.dumps(pickle.loads(pickle.dumps(x, 5)), 5)\n"
    "    try: return once_more(a) == once_more(b)\n"
    "    except Exception: return False\n";

/* ---- objects ---- */

struct python_object {
    struct corps_object base; /* first */
    _Atomic unsigned refs;
    PyObject *object;
};

static void retain(struct corps_object *object) {
    atomic_fetch_add_explicit(&((struct python_object *)object)->refs, 1, memory_order_relaxed);
}

static void release(struct corps_object *base) {
    struct python_object *object = (struct python_object *)base;
    if (atomic_fetch_sub(&object->refs, 1) != 1) {
        return;
    }
    if (Py_IsInitialized()) { /* otherwise the interpreter has taken everything with it */
        PyGILState_STATE gil = PyGILState_Ensure();
        Py_DECREF(object->object);
        PyGILState_Release(gil);
    }
    free(object);
}

static enum corps_err to_value(struct corps_object *object, struct corps_box *box, struct corps_value *value) {
    PyGILState_STATE gil = PyGILState_Ensure();
    enum corps_err err = corps__python_to_value(((struct python_object *)object)->object, box, true, false, value);
    PyGILState_Release(gil);
    return err;
}

static bool equal(struct corps_object *a, struct corps_object *b) {
    PyGILState_STATE gil = PyGILState_Ensure();
    PyObject *result = PyObject_CallFunctionObjArgs(equal_helper, ((struct python_object *)a)->object,
                                                    ((struct python_object *)b)->object, NULL);
    bool same = result == Py_True;
    Py_XDECREF(result);
    PyErr_Clear();
    PyGILState_Release(gil);
    return same;
}

static const struct corps_object_ops object_ops = {
    .kind = "python", .retain = retain, .release = release, .to_value = to_value, .equal = equal};

PyObject *corps__python_object(const struct corps_object *object) {
    return object->ops == &object_ops ? ((const struct python_object *)object)->object : NULL;
}

/* Wraps, kept by the box. */
static enum corps_err wrap(PyObject *object, struct corps_box *box, struct corps_value *value) {
    struct python_object *made = malloc(sizeof *made);
    if (made == NULL) {
        return corps_error_set(CORPS_ERR_NO_MEMORY, "no memory for an object");
    }
    made->base.ops = &object_ops;
    made->refs = 1;
    made->object = Py_NewRef(object);
    *value = corps_value_of_object(&made->base);
    return corps_box_keep_object(box, &made->base);
}

/* ---- a buffer over a block ---- */

struct block_view {
    PyObject_HEAD struct corps_block *block;
    void *data;
    Py_ssize_t bytes;
};

static int get_buffer(PyObject *self, Py_buffer *view, int flags) {
    struct block_view *block_view = (struct block_view *)self;
    return PyBuffer_FillInfo(view, self, block_view->data, block_view->bytes, 1, flags);
}

static void block_view_dealloc(PyObject *self) {
    corps_block_unref(((struct block_view *)self)->block);
    Py_TYPE(self)->tp_free(self);
}

static PyBufferProcs block_view_buffer = {.bf_getbuffer = get_buffer};
static PyTypeObject block_view_type = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "_corps.Block",
    .tp_basicsize = sizeof(struct block_view),
    .tp_dealloc = block_view_dealloc,
    .tp_as_buffer = &block_view_buffer,
    .tp_flags = Py_TPFLAGS_DEFAULT,
    .tp_doc = "Received bytes, not copied.",
};

PyObject *corps__python_block_view(struct corps_block *block, void *data, size_t bytes) {
    struct block_view *view = PyObject_New(struct block_view, &block_view_type);
    if (view == NULL) {
        return NULL;
    }
    view->block = corps_block_ref(block);
    view->data = data;
    view->bytes = (Py_ssize_t)bytes;
    PyObject *memory = PyMemoryView_FromObject((PyObject *)view);
    Py_DECREF(view);
    return memory;
}

enum corps_err corps__python_values_start(void) {
    if (PyType_Ready(&block_view_type) != 0) {
        char text[200];
        corps__python_error(text, sizeof text);
        return corps_error_set(CORPS_ERR_SYSTEM, "Python cannot make a type: %s", text);
    }
    PyObject *globals = PyDict_New();
    PyObject *result = NULL;
    if (globals != NULL && PyDict_SetItemString(globals, "__builtins__", PyEval_GetBuiltins()) == 0) {
        result = PyRun_String(helpers, Py_file_input, globals, globals);
    }
    if (result == NULL) {
        char text[200];
        corps__python_error(text, sizeof text);
        Py_XDECREF(globals);
        return corps_error_set(CORPS_ERR_SYSTEM, "Python cannot run the helpers: %s", text);
    }
    Py_DECREF(result);
    name_class = Py_XNewRef(PyDict_GetItemString(globals, "Name"));
    equal_helper = Py_XNewRef(PyDict_GetItemString(globals, "equal"));
    Py_DECREF(globals);
    return CORPS_OK;
}

/* ---- value → Python ---- */

static PyObject *from_items(const struct corps_value *value, unsigned depth);
static PyObject *from_map(const struct corps_value *value, unsigned depth);

static PyObject *from_bin(const struct corps_value *value) {
    if (value->count < CORPS_OUT_OF_BAND_BYTES) {
        return PyBytes_FromStringAndSize((const char *)value->bin, (Py_ssize_t)value->count);
    }
    PyObject *memory = PyMemoryView_FromMemory((char *)(uintptr_t)value->bin, (Py_ssize_t)value->count, PyBUF_READ);
    PyObject *buffer = memory != NULL ? PyPickleBuffer_FromObject(memory) : NULL;
    Py_XDECREF(memory);
    return buffer;
}

static PyObject *from_name(const struct corps_name *name) {
    uint8_t bytes[CORPS_NAME_BYTES_MAX];
    size_t count;
    if (corps_name_encode(name, bytes, &count) != CORPS_OK) {
        return NULL;
    }
    return PyObject_CallFunction(name_class, "y#", (const char *)bytes, (Py_ssize_t)count);
}

static PyObject *from_value(const struct corps_value *value, unsigned depth) {
    if (depth > CORPS_VALUE_DEPTH_MAX) {
        (void)corps_error_set(CORPS_ERR_TOO_LARGE, "a value is nested deeper than %u levels", CORPS_VALUE_DEPTH_MAX);
        PyErr_SetString(PyExc_RecursionError, "too deep");
        return NULL;
    }
    switch (value->kind) {
    case CORPS_NIL:
        return Py_NewRef(Py_None);
    case CORPS_BOOL:
        return PyBool_FromLong(value->boolean);
    case CORPS_INT:
        return PyLong_FromLongLong(value->integer);
    case CORPS_FLOAT:
        return PyFloat_FromDouble(value->number);
    case CORPS_STR:
        return PyUnicode_DecodeUTF8(value->str, (Py_ssize_t)value->count, "strict");
    case CORPS_BIN:
        return from_bin(value);
    case CORPS_ARRAY:
        return from_items(value, depth);
    case CORPS_MAP:
        return from_map(value, depth);
    case CORPS_NAME:
        return from_name(value->name);
    case CORPS_OBJECT: {
        PyObject *object = corps__python_object(value->object);
        if (object == NULL) {
            PyErr_Format(PyExc_TypeError, "an object of kind %s is no Python object", value->object->ops->kind);
        }
        return Py_XNewRef(object);
    }
    case CORPS_BOX:
        return from_value(corps_value_open(value), depth);
    }
    PyErr_SetString(PyExc_TypeError, "unknown kind of value");
    return NULL;
}

static PyObject *from_items(const struct corps_value *value, unsigned depth) {
    PyObject *list = PyList_New((Py_ssize_t)value->count);
    for (size_t i = 0; list != NULL && i < value->count; i++) {
        PyObject *item = from_value(&value->items[i], depth + 1);
        if (item == NULL) {
            Py_CLEAR(list);
        } else {
            PyList_SET_ITEM(list, (Py_ssize_t)i, item);
        }
    }
    return list;
}

static PyObject *from_map(const struct corps_value *value, unsigned depth) {
    PyObject *dict = PyDict_New();
    for (size_t i = 0; dict != NULL && i < value->count; i++) {
        PyObject *key = from_value(&value->entries[i].key, depth + 1);
        PyObject *item = key != NULL ? from_value(&value->entries[i].value, depth + 1) : NULL;
        if (item == NULL || PyDict_SetItem(dict, key, item) != 0) {
            Py_CLEAR(dict);
        }
        Py_XDECREF(key);
        Py_XDECREF(item);
    }
    return dict;
}

PyObject *corps__python_from_value(const struct corps_value *value) {
    return from_value(value, 0);
}

/* ---- Python → value ---- */

/* Where in the object we are, for messages. */
struct place {
    const struct place *outer;
    Py_ssize_t index; /* of a sequence, or −1 */
    PyObject *key;    /* of a dict, or NULL; borrowed */
};

struct conversion {
    struct corps_box *box;
    bool plain_only;
};

static void write_place(const struct place *place, char *out, size_t out_bytes) {
    if (place == NULL || place->outer == NULL) {
        out[0] = '\0';
        return;
    }
    write_place(place->outer, out, out_bytes);
    size_t used = strlen(out);
    if (place->key == NULL) {
        snprintf(out + used, out_bytes - used, "[%zd]", place->index);
    } else {
        PyObject *text = PyObject_Repr(place->key);
        const char *utf8 = text != NULL ? PyUnicode_AsUTF8(text) : NULL;
        snprintf(out + used, out_bytes - used, "[%s]", utf8 != NULL ? utf8 : "?");
        Py_XDECREF(text);
        PyErr_Clear();
    }
}

static enum corps_err other(PyObject *object, const struct conversion *conversion, const struct place *place,
                            struct corps_value *value) {
    if (!conversion->plain_only) {
        return wrap(object, conversion->box, value);
    }
    char path[PATH_BYTES];
    write_place(place, path, sizeof path);
    return corps_error_set(CORPS_ERR_REFUSED, "%s%sa %s is no plain value", path, path[0] != '\0' ? ": " : "",
                           Py_TYPE(object)->tp_name);
}

static enum corps_err copy_text(PyObject *keeper, const struct conversion *conversion, enum corps_kind kind,
                                const char *text, Py_ssize_t bytes, struct corps_value *value) {
    *value = (struct corps_value){.kind = kind, .count = (size_t)bytes, .str = text};
    if (bytes >= BORROW_BYTES) { /* immutable: the memory may be shared as long as the object is kept */
        struct corps_value kept;
        return wrap(keeper, conversion->box, &kept);
    }
    char *memory = corps_box_alloc(conversion->box, (size_t)bytes);
    if (memory == NULL) {
        return corps_error_set(CORPS_ERR_NO_MEMORY, "no memory for %zd bytes", bytes);
    }
    memcpy(memory, text, (size_t)bytes);
    value->str = memory;
    return CORPS_OK;
}

/* bytearray, memoryview: may change under us, unless read-only. */
static enum corps_err to_bin(PyObject *object, const struct conversion *conversion, struct corps_value *value) {
    Py_buffer view;
    if (PyObject_GetBuffer(object, &view, PyBUF_CONTIG_RO) != 0) {
        PyErr_Clear();
        return other(object, conversion, NULL, value);
    }
    enum corps_err err;
    if (view.readonly) {
        err = copy_text(object, conversion, CORPS_BIN, view.buf, view.len, value);
    } else {
        uint8_t *memory = corps_box_alloc(conversion->box, (size_t)view.len);
        err = memory != NULL ? CORPS_OK : corps_error_set(CORPS_ERR_NO_MEMORY, "no memory for %zd bytes", view.len);
        if (memory != NULL) {
            memcpy(memory, view.buf, (size_t)view.len);
            *value = corps_bin(memory, (size_t)view.len);
        }
    }
    PyBuffer_Release(&view);
    return err;
}

static enum corps_err convert(PyObject *object, const struct conversion *conversion, const struct place *outer,
                              Py_ssize_t index, PyObject *key, unsigned depth, struct corps_value *value);

static enum corps_err to_array(PyObject *object, const struct conversion *conversion, const struct place *place,
                               unsigned depth, struct corps_value *value) {
    Py_ssize_t count = PySequence_Fast_GET_SIZE(object);
    struct corps_value *items = corps_box_alloc(conversion->box, (size_t)count * sizeof *items);
    enum corps_err err =
        items != NULL ? CORPS_OK : corps_error_set(CORPS_ERR_NO_MEMORY, "no memory for %zd items", count);
    for (Py_ssize_t i = 0; err == CORPS_OK && i < count; i++) {
        err = convert(PySequence_Fast_GET_ITEM(object, i), conversion, place, i, NULL, depth + 1, &items[i]);
    }
    *value = corps_array(items, (size_t)count);
    return err;
}

static enum corps_err to_map(PyObject *object, const struct conversion *conversion, const struct place *place,
                             unsigned depth, struct corps_value *value) {
    Py_ssize_t count = PyDict_GET_SIZE(object);
    struct corps_entry *entries = corps_box_alloc(conversion->box, (size_t)count * sizeof *entries);
    enum corps_err err =
        entries != NULL ? CORPS_OK : corps_error_set(CORPS_ERR_NO_MEMORY, "no memory for %zd entries", count);
    Py_ssize_t at = 0;
    Py_ssize_t i = 0;
    PyObject *key;
    PyObject *item;
    while (err == CORPS_OK && i < count && PyDict_Next(object, &at, &key, &item)) {
        err = convert(key, conversion, place, 0, key, depth + 1, &entries[i].key);
        err = err == CORPS_OK ? convert(item, conversion, place, 0, key, depth + 1, &entries[i].value) : err;
        i++;
    }
    *value = corps_map(entries, (size_t)i);
    return err;
}

static enum corps_err to_int(PyObject *object, const struct conversion *conversion, const struct place *place,
                             struct corps_value *value) {
    int overflow = 0;
    long long integer = PyLong_AsLongLongAndOverflow(object, &overflow);
    if (overflow != 0) {
        return other(object, conversion, place, value);
    }
    *value = corps_int(integer);
    return CORPS_OK;
}

static enum corps_err to_str(PyObject *object, const struct conversion *conversion, const struct place *place,
                             struct corps_value *value) {
    Py_ssize_t bytes;
    const char *utf8 = PyUnicode_AsUTF8AndSize(object, &bytes);
    if (utf8 == NULL) { /* lone surrogates have no UTF-8 */
        PyErr_Clear();
        return other(object, conversion, place, value);
    }
    return copy_text(object, conversion, CORPS_STR, utf8, bytes, value);
}

static enum corps_err to_name(PyObject *object, const struct conversion *conversion, struct corps_value *value) {
    PyObject *data = PyObject_GetAttrString(object, "data");
    struct corps_name *name = NULL;
    enum corps_err err =
        data != NULL && PyBytes_Check(data)
            ? corps_name_decode((const uint8_t *)PyBytes_AS_STRING(data), (size_t)PyBytes_GET_SIZE(data), &name)
            : corps_error_set(CORPS_ERR_CORRUPT, "a Name without its data");
    Py_XDECREF(data);
    PyErr_Clear();
    *value = corps_value_of_name(name);
    return err == CORPS_OK ? corps_box_keep_name(conversion->box, name) : err;
}

/* Exact types only: a subclass means more than its content. */
static enum corps_err convert(PyObject *object, const struct conversion *conversion, const struct place *outer,
                              Py_ssize_t index, PyObject *key, unsigned depth, struct corps_value *value) {
    struct place place = {.outer = outer, .index = index, .key = key};
    if (object == Py_None) {
        *value = corps_nil();
        return CORPS_OK;
    }
    if (PyBool_Check(object)) {
        *value = corps_bool(object == Py_True);
        return CORPS_OK;
    }
    if (PyLong_CheckExact(object)) {
        return to_int(object, conversion, &place, value);
    }
    if (PyFloat_CheckExact(object)) {
        *value = corps_float(PyFloat_AS_DOUBLE(object));
        return CORPS_OK;
    }
    if (PyUnicode_CheckExact(object)) {
        return to_str(object, conversion, &place, value);
    }
    if (PyBytes_CheckExact(object)) {
        return copy_text(object, conversion, CORPS_BIN, PyBytes_AS_STRING(object), PyBytes_GET_SIZE(object), value);
    }
    if (PyByteArray_CheckExact(object) || PyMemoryView_Check(object) || PyPickleBuffer_Check(object)) {
        return to_bin(object, conversion, value);
    }
    if (Py_TYPE(object) == (PyTypeObject *)name_class) {
        return to_name(object, conversion, value);
    }
    bool sequence = PyList_CheckExact(object) || PyTuple_CheckExact(object);
    if (!sequence && !PyDict_CheckExact(object)) {
        return other(object, conversion, &place, value);
    }
    if (depth >= CORPS_VALUE_DEPTH_MAX) { /* also what contains itself ends here */
        return conversion->plain_only
                   ? corps_error_set(CORPS_ERR_TOO_LARGE, "nested deeper than %u levels", CORPS_VALUE_DEPTH_MAX)
                   : wrap(object, conversion->box, value);
    }
    return sequence ? to_array(object, conversion, &place, depth, value)
                    : to_map(object, conversion, &place, depth, value);
}

/* CORPS_DECODE_OBJECTS: containers stay what they are, except a list or tuple at the top. */
static enum corps_err convert_top(PyObject *object, const struct conversion *conversion, struct corps_value *value) {
    if (PyDict_CheckExact(object)) {
        return wrap(object, conversion->box, value);
    }
    if (!PyList_CheckExact(object) && !PyTuple_CheckExact(object)) {
        return convert(object, conversion, NULL, 0, NULL, 0, value);
    }
    Py_ssize_t count = PySequence_Fast_GET_SIZE(object);
    struct corps_value *items = corps_box_alloc(conversion->box, (size_t)count * sizeof *items);
    enum corps_err err =
        items != NULL ? CORPS_OK : corps_error_set(CORPS_ERR_NO_MEMORY, "no memory for %zd items", count);
    for (Py_ssize_t i = 0; err == CORPS_OK && i < count; i++) {
        PyObject *item = PySequence_Fast_GET_ITEM(object, i);
        bool scalar = item == Py_None || PyBool_Check(item) || PyLong_CheckExact(item) || PyFloat_CheckExact(item) ||
                      PyUnicode_CheckExact(item) || PyBytes_CheckExact(item) || PyMemoryView_Check(item);
        err = scalar || Py_TYPE(item) == (PyTypeObject *)name_class
                  ? convert(item, conversion, NULL, i, NULL, 1, &items[i])
                  : wrap(item, conversion->box, &items[i]);
    }
    *value = corps_array(items, (size_t)count);
    return err;
}

enum corps_err corps__python_to_value(PyObject *object, struct corps_box *box, bool plain_only, bool leave,
                                      struct corps_value *value) {
    struct conversion conversion = {.box = box, .plain_only = plain_only};
    return leave ? convert_top(object, &conversion, value) : convert(object, &conversion, NULL, 0, NULL, 0, value);
}

/* ---- for the laboratory ---- */

static enum corps_err call_factory(PyObject *factory, const char *name, struct corps_value *value,
                                   struct corps_box *box) {
    PyObject *made = factory != NULL ? PyObject_CallNoArgs(factory) : NULL;
    if (made == NULL) {
        char text[300];
        corps__python_error(text, sizeof text);
        return corps_error_set(factory != NULL ? CORPS_ERR_REMOTE : CORPS_ERR_UNKNOWN, "%s: %s", name, text);
    }
    enum corps_err err = wrap(made, box, value);
    Py_DECREF(made);
    return err;
}

enum corps_err corps_python_eval(const char *module, const char *factory, struct corps_value *value,
                                 struct corps_box *box) {
    enum corps_err err = corps__python_start();
    if (err != CORPS_OK) {
        return err;
    }
    PyGILState_STATE gil = PyGILState_Ensure();
    PyObject *imported = PyImport_ImportModule(module);
    PyObject *found = imported != NULL ? PyObject_GetAttrString(imported, factory) : NULL;
    err = call_factory(found, module, value, box);
    Py_XDECREF(found);
    Py_XDECREF(imported);
    PyGILState_Release(gil);
    return err;
}

enum corps_err corps_python_run(const char *source, const char *factory, struct corps_value *value,
                                struct corps_box *box) {
    enum corps_err err = corps__python_start();
    if (err != CORPS_OK) {
        return err;
    }
    PyGILState_STATE gil = PyGILState_Ensure();
    PyObject *globals = PyDict_New();
    PyObject *result = NULL;
    if (globals != NULL && PyDict_SetItemString(globals, "__builtins__", PyEval_GetBuiltins()) == 0) {
        result = PyRun_String(source, Py_file_input, globals, globals);
    }
    PyObject *found = result != NULL ? PyDict_GetItemString(globals, factory) : NULL; /* borrowed */
    err = call_factory(found, factory, value, box);
    Py_XDECREF(result);
    Py_XDECREF(globals);
    PyGILState_Release(gil);
    return err;
}
