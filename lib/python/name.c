#include "core.h"

#include <string.h>

/* Names, and methods of Names: descriptors, so that name.method(…) makes no bound object. */

PyTypeObject corps__name_type;

/* ---- calling ---- */

/* As one object: a tuple, or a dict when there are keyword arguments. */
PyObject *corps__py_payload(PyObject *positional, PyObject *keywords) {
    if (keywords == NULL || PyDict_GET_SIZE(keywords) == 0) {
        return Py_NewRef(positional);
    }
    return Py_BuildValue("{sOsO}", "args", positional, "kwargs", keywords);
}

bool corps__py_arguments(PyObject *payload, bool plain, struct corps_box *box, struct corps_value *value) {
    if (plain) {
        enum corps_err err = corps__python_to_value(payload, box, value);
        if (err != CORPS_OK) {
            (void)corps__py_raise(err);
        }
        return err == CORPS_OK;
    }
    struct corps_object *object = corps_python_object(payload);
    if (object == NULL || corps_box_keep_object(box, object) != CORPS_OK) {
        (void)PyErr_NoMemory();
        return false;
    }
    *value = corps_value_of_object(object);
    return true;
}

/* What a call says beside its arguments. */
struct how {
    bool no_reply;
    bool retry;
    bool keyed;
    uint64_t key; /* which member of a sticky pool */
};

/* What the core is told of it; NULL: nothing. */
static const struct corps_call_options *options_of(struct how how, struct corps_call_options *own) {
    own->flags |= (how.retry ? CORPS_CALL_RETRY : 0u) | (how.keyed ? CORPS_CALL_KEYED : 0u);
    own->key = how.key;
    return own->flags != 0 ? own : NULL;
}

/* Both were asked for: ValueError. */
static void raise_both(void) {
    PyErr_SetString(PyExc_ValueError, "a call with NoReply=True has no answer, so it cannot have Retry=True too: leave "
                                      "one of them out");
}

/* To a Worker written in C: plain values, also inside the Env. */
static PyObject *send_plain(struct name *to, const char *method, PyObject *payload, struct how how) {
    struct corps_call_options options = {.serializer = "msgpack"};
    (void)options_of(how, &options);
    if (corps__py_deadlines && !how.no_reply && !corps__py_limit(&options)) {
        return NULL;
    }
    struct corps_box *box = corps_box_create();
    struct corps_value value;
    if (box == NULL || !corps__py_arguments(payload, true, box, &value)) {
        corps_box_unref(box);
        return PyErr_Occurred() ? NULL : PyErr_NoMemory();
    }
    struct corps_future *future = NULL;
    enum corps_err err = how.no_reply ? corps_send(to->name, method, &value, &options)
                                      : corps_call(to->name, method, &value, &options, &future);
    corps_box_unref(box);
    return err == CORPS_OK ? corps__py_future(future) : corps__py_raise(err);
}

/* A pool's Name may go to a member in this Env. */
static bool may_be_here(const struct name *to) {
    return corps_name_is_here(to->name) || (to->pool && corps_own() != NULL);
}

/* Sends at once; what finds no room waits without the interpreter's lock. */
static PyObject *send_here(struct name *to, const char *method, PyObject *payload, struct how how) {
    if (!corps__python_serves()) {
        return NULL;
    }
    if (to->plain) {
        return send_plain(to, method, payload, how);
    }
    struct corps_call_options own_options = {.flags = 0};
    const struct corps_call_options *options = options_of(how, &own_options);
    if (corps__py_deadlines && !how.no_reply) { /* nobody waits for one without reply */
        if (!corps__py_limit(&own_options)) {
            return NULL;
        }
        options = &own_options;
    }
    PyObject *own = NULL;
    if (corps__hooks.copy_local && may_be_here(to)) {
        own = corps__py_copy(payload);
        if (own == NULL) {
            return NULL;
        }
    }
    struct corps_object *object = corps_python_object(own != NULL ? own : payload);
    Py_XDECREF(own);
    if (object == NULL) {
        return PyErr_NoMemory();
    }
    struct corps_value value = corps_value_of_object(object);
    struct corps_future *future = NULL;
    enum corps_err err = how.no_reply ? corps_send(to->name, method, &value, how.keyed ? options : NULL)
                                      : corps_call(to->name, method, &value, options, &future);
    object->ops->release(object);
    return err == CORPS_OK ? corps__py_future(future) : corps__py_raise(err);
}

static PyObject *send(struct name *to, const char *method, PyObject *payload, struct how how) {
    if (!corps__py_chains) {
        return send_here(to, method, payload, how);
    }
    uint64_t before;
    if (!corps__py_chain_enter(&before)) {
        return NULL;
    }
    PyObject *future = send_here(to, method, payload, how);
    (void)corps_chain_enter(before);
    return future;
}

PyObject *corps__py_call(PyObject *module, PyObject *const *args, Py_ssize_t count) {
    (void)module;
    if (count < 6 || count > 7 || !PyObject_TypeCheck(args[0], &corps__name_type) || !PyUnicode_Check(args[1]) ||
        !PyTuple_Check(args[2]) || !(PyDict_Check(args[3]) || args[3] == Py_None)) {
        PyErr_SetString(PyExc_TypeError, "call takes (Name, str, tuple, dict or None, bool, bool[, int or None])");
        return NULL;
    }
    struct how how = {.no_reply = args[4] == Py_True, .retry = args[5] == Py_True};
    if (count == 7 && args[6] != Py_None) {
        how.keyed = true;
        how.key = PyLong_AsUnsignedLongLongMask(args[6]);
        if (PyErr_Occurred()) {
            return NULL;
        }
    }
    if (how.no_reply && how.retry) {
        raise_both();
        return NULL;
    }
    const char *method = PyUnicode_AsUTF8(args[1]);
    PyObject *payload = method != NULL ? corps__py_payload(args[2], args[3] != Py_None ? args[3] : NULL) : NULL;
    PyObject *future = payload != NULL ? send((struct name *)args[0], method, payload, how) : NULL;
    Py_XDECREF(payload);
    return future;
}

/* loan(name, bytes) → a memoryview of memory that the Worker's Env sees too, where the transport lends any */
PyObject *corps__py_loan(PyObject *module, PyObject *args) {
    (void)module;
    PyObject *to;
    Py_ssize_t bytes;
    if (!PyArg_ParseTuple(args, "O!n", &corps__name_type, &to, &bytes)) {
        return NULL;
    }
    if (bytes < 0 || !corps__python_serves()) {
        return bytes < 0 ? PyErr_Format(PyExc_ValueError, "a loan of %zd bytes", bytes) : NULL;
    }
    struct corps_block *block = corps_loan(((struct name *)to)->name, (size_t)bytes);
    PyObject *view = block != NULL ? corps__python_view(block, block->data, (size_t)bytes) : PyErr_NoMemory();
    corps_block_unref(block);
    return view;
}

/* ---- methods ---- */

struct method {
    PyObject_HEAD vectorcallfunc vectorcall;
    PyObject *name;     /* str, interned */
    PyObject *original; /* the function of the class: for its signature and docstring */
    bool retry;         /* its calls are retry calls, unless they say otherwise */
};

static PyObject *no_reply_word;
static PyObject *retry_word;
static PyObject *key_word;

static bool is_word(PyObject *key, PyObject *word) {
    return key == word || PyUnicode_Compare(key, word) == 0;
}

/* Key=value, of a call to a pool. */
static bool take_key(PyObject *value, struct how *how) {
    PyObject *number = PyObject_CallFunctionObjArgs(corps__hooks.key, value, NULL);
    how->keyed = true;
    how->key = number != NULL ? PyLong_AsUnsignedLongLongMask(number) : 0;
    Py_XDECREF(number);
    return PyErr_Occurred() == NULL;
}

/* Takes a keyword that belongs to the system. 1: it did, 0: it is the method's, -1 with an exception. */
static int take_word(const struct name *to, PyObject *key, PyObject *value, struct how *how, bool *retry_said) {
    if (is_word(key, no_reply_word)) {
        int equal = PyObject_RichCompareBool(value, Py_True, Py_EQ);
        how->no_reply = equal > 0;
        return equal < 0 ? -1 : 1;
    }
    if (is_word(key, retry_word)) {
        int is_true = PyObject_IsTrue(value);
        how->retry = *retry_said = is_true > 0;
        return is_true < 0 ? -1 : 1;
    }
    if (to->pool && is_word(key, key_word)) {
        return take_key(value, how) ? 1 : -1;
    }
    return 0;
}

/* Keyword arguments without NoReply, Retry and a pool's Key. New reference, NULL with or without an exception (none
 * were given). */
static PyObject *keywords_of(const struct name *to, PyObject *const *values, PyObject *names, struct how *how) {
    PyObject *keywords = NULL;
    bool retry_said = false;
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(names); i++) {
        PyObject *key = PyTuple_GET_ITEM(names, i);
        int taken = take_word(to, key, values[i], how, &retry_said);
        if (taken > 0) {
            continue;
        }
        keywords = taken == 0 && keywords == NULL ? PyDict_New() : keywords;
        if (taken < 0 || keywords == NULL || PyDict_SetItem(keywords, key, values[i]) != 0) {
            Py_XDECREF(keywords);
            return NULL;
        }
    }
    if (how->no_reply && retry_said) {
        raise_both();
        Py_CLEAR(keywords);
    }
    how->retry = how->retry && !how->no_reply;
    return keywords;
}

static PyObject *method_call(PyObject *self, PyObject *const *args, size_t flags, PyObject *names) {
    struct method *method = (struct method *)self;
    Py_ssize_t count = PyVectorcall_NARGS(flags);
    if (count < 1 || !PyObject_TypeCheck(args[0], &corps__name_type)) {
        PyErr_Format(PyExc_TypeError, "%U is a method of a Name", method->name);
        return NULL;
    }
    struct how how = {.retry = method->retry};
    PyObject *keywords = names != NULL ? keywords_of((struct name *)args[0], args + count, names, &how) : NULL;
    if (keywords == NULL && PyErr_Occurred()) {
        return NULL;
    }
    PyObject *positional = PyTuple_New(count - 1);
    for (Py_ssize_t i = 1; positional != NULL && i < count; i++) {
        PyTuple_SET_ITEM(positional, i - 1, Py_NewRef(args[i]));
    }
    PyObject *payload = positional != NULL ? corps__py_payload(positional, keywords) : NULL;
    const char *text = payload != NULL ? PyUnicode_AsUTF8(method->name) : NULL;
    PyObject *future = text != NULL ? send((struct name *)args[0], text, payload, how) : NULL;
    Py_XDECREF(payload);
    Py_XDECREF(positional);
    Py_XDECREF(keywords);
    return future;
}

static PyObject *method_get(PyObject *self, PyObject *instance, PyObject *owner) {
    (void)owner;
    return instance == NULL || instance == Py_None ? Py_NewRef(self) : PyMethod_New(self, instance);
}

static PyObject *method_new(PyTypeObject *type, PyObject *args, PyObject *keywords) {
    PyObject *name;
    PyObject *original = Py_None;
    int retry = 0;
    if (keywords != NULL || !PyArg_ParseTuple(args, "U|Op", &name, &original, &retry)) {
        return NULL;
    }
    struct method *made = (struct method *)type->tp_alloc(type, 0);
    if (made != NULL) {
        made->vectorcall = method_call;
        made->name = Py_NewRef(name);
        PyUnicode_InternInPlace(&made->name);
        made->original = Py_NewRef(original);
        made->retry = retry != 0;
    }
    return (PyObject *)made;
}

static int method_traverse(PyObject *self, visitproc visit, void *arg) {
    Py_VISIT(((struct method *)self)->original);
    return 0;
}

static int method_clear(PyObject *self) {
    Py_INCREF(Py_None);
    Py_SETREF(((struct method *)self)->original, Py_None);
    return 0;
}

static void method_free(PyObject *self) {
    struct method *method = (struct method *)self;
    PyObject_GC_UnTrack(self);
    Py_XDECREF(method->name);
    Py_XDECREF(method->original);
    Py_TYPE(self)->tp_free(self);
}

static PyObject *method_attribute(PyObject *self, PyObject *name) {
    PyObject *own = PyObject_GenericGetAttr(self, name);
    if (own != NULL || !PyErr_ExceptionMatches(PyExc_AttributeError)) {
        return own;
    }
    PyErr_Clear();
    return PyObject_GetAttr(((struct method *)self)->original, name); /* __name__, __doc__, … */
}

static PyObject *method_wrapped(PyObject *self, void *closure) {
    (void)closure;
    return Py_NewRef(((struct method *)self)->original);
}

static PyObject *method_doc(PyObject *self, void *closure) {
    (void)closure;
    return PyObject_GetAttrString(((struct method *)self)->original, "__doc__");
}

static PyObject *method_name(PyObject *self, void *closure) {
    (void)closure;
    return Py_NewRef(((struct method *)self)->name);
}

static PyGetSetDef method_properties[] = {
    {"__corps_method__", method_name, NULL, "its name at the Worker", NULL},
    {"__wrapped__", method_wrapped, NULL, "the method of the class", NULL},
    {"__doc__", method_doc, NULL, NULL, NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

PyTypeObject corps__method_type = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "corps._core.Method",
    .tp_basicsize = sizeof(struct method),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_METHOD_DESCRIPTOR |
#if PY_VERSION_HEX < 0x03090000
                _Py_TPFLAGS_HAVE_VECTORCALL,
#else
                Py_TPFLAGS_HAVE_VECTORCALL,
#endif
    .tp_new = method_new,
    .tp_traverse = method_traverse,
    .tp_clear = method_clear,
    .tp_dealloc = method_free,
    .tp_call = PyVectorcall_Call,
    .tp_vectorcall_offset = offsetof(struct method, vectorcall),
    .tp_descr_get = method_get,
    .tp_getattro = method_attribute,
    .tp_getset = method_properties,
};

bool corps__py_names_begin(void) {
    no_reply_word = no_reply_word != NULL ? no_reply_word : PyUnicode_InternFromString("NoReply");
    retry_word = retry_word != NULL ? retry_word : PyUnicode_InternFromString("Retry");
    key_word = key_word != NULL ? key_word : PyUnicode_InternFromString("Key");
    return no_reply_word != NULL && retry_word != NULL && key_word != NULL;
}

/* ---- Names ---- */

static PyObject *name_new(PyTypeObject *type, PyObject *args, PyObject *keywords) {
    const char *address;
    Py_ssize_t bytes;
    int external = 0;
    int creator = -1;
    if (keywords != NULL || !PyArg_ParseTuple(args, "y#|pi", &address, &bytes, &external, &creator)) {
        return NULL;
    }
    struct corps_name *name;
    enum corps_err err = corps_name_decode((const uint8_t *)address, (size_t)bytes, &name);
    if (err != CORPS_OK) {
        return corps__py_raise(err);
    }
    struct name *made = (struct name *)type->tp_alloc(type, 0);
    if (made == NULL) {
        corps_name_unref(name);
        return NULL;
    }
    made->name = name;
    made->external = external != 0;
    made->plain = strstr(corps_name_class(name), " in ") == NULL; /* Python's classes say in which module they are */
    made->pool = strncmp(corps_name_class(name), "pool of ", 8) == 0;
    made->creator = creator;
    return (PyObject *)made;
}

static void name_free(PyObject *self) {
    PyTypeObject *type = Py_TYPE(self);
    corps_name_unref(((struct name *)self)->name);
    type->tp_free(self);
}

PyObject *corps__py_address(const struct corps_name *name) {
    uint8_t address[CORPS_NAME_BYTES_MAX];
    size_t bytes;
    enum corps_err err = corps_name_encode(name, address, &bytes);
    return err == CORPS_OK ? PyBytes_FromStringAndSize((const char *)address, (Py_ssize_t)bytes) : corps__py_raise(err);
}

PyObject *corps__py_addresses(struct corps_name **names, size_t count) {
    PyObject *list = PyList_New((Py_ssize_t)count);
    for (size_t i = 0; i < count; i++) {
        PyObject *address = list != NULL ? corps__py_address(names[i]) : NULL;
        corps_name_unref(names[i]);
        if (address == NULL) {
            Py_CLEAR(list);
        } else {
            PyList_SET_ITEM(list, (Py_ssize_t)i, address);
        }
    }
    return list;
}

static PyObject *name_address(PyObject *self, void *closure) {
    (void)closure;
    return corps__py_address(((struct name *)self)->name);
}

static PyObject *name_numbers(PyObject *self, void *closure) {
    (void)closure;
    uint64_t corps_id;
    unsigned env;
    unsigned conc;
    corps_name_address(((struct name *)self)->name, &corps_id, &env, &conc);
    return Py_BuildValue("(KII)", (unsigned long long)corps_id, env, conc);
}

static PyObject *name_class(PyObject *self, void *closure) {
    (void)closure;
    return PyUnicode_FromString(corps_name_class(((struct name *)self)->name));
}

static PyObject *name_external(PyObject *self, void *closure) {
    (void)closure;
    return PyBool_FromLong(((struct name *)self)->external);
}

static PyObject *name_creator(PyObject *self, void *closure) {
    (void)closure;
    return PyLong_FromLong(((struct name *)self)->creator);
}

static Py_hash_t name_hash(PyObject *self) {
    uint64_t corps_id;
    unsigned env;
    unsigned conc;
    corps_name_address(((struct name *)self)->name, &corps_id, &env, &conc);
    Py_hash_t hash = (Py_hash_t)(corps_id ^ ((uint64_t)env << 40) ^ ((uint64_t)conc * 0x9E3779B97F4A7C15u));
    return hash == -1 ? -2 : hash;
}

static PyObject *name_compare(PyObject *self, PyObject *other, int how) {
    if ((how != Py_EQ && how != Py_NE) || !PyObject_TypeCheck(other, &corps__name_type)) {
        Py_RETURN_NOTIMPLEMENTED;
    }
    bool equal = corps_name_equal(((struct name *)self)->name, ((struct name *)other)->name);
    return PyBool_FromLong(equal == (how == Py_EQ));
}

#if PY_VERSION_HEX < 0x030C0000
/* As for any object; what its class has not, the Worker may have. In C, since Python before 3.12 looks for a method
 * __getattr__ before it looks for anything else. */
static PyObject *name_attribute(PyObject *self, PyObject *attribute) {
    PyObject *found = PyObject_GenericGetAttr(self, attribute);
    if (found != NULL || corps__hooks.missing == NULL || !PyErr_ExceptionMatches(PyExc_AttributeError)) {
        return found;
    }
    PyErr_Clear();
    return PyObject_CallFunctionObjArgs(corps__hooks.missing, self, attribute, NULL);
}
#else
/* Python remembers where it found a method, where a type leaves that to it; _name.py has __getattr__. */
#define name_attribute PyObject_GenericGetAttr
#endif

static PyGetSetDef name_properties[] = {
    {"__corps_address__", name_address, NULL, "the address as bytes, for any process of this user", NULL},
    {"__corps_numbers__", name_numbers, NULL, "(Corps, Env, Worker) as numbers", NULL},
    {"__corps_class__", name_class, NULL, "the class's text", NULL},
    {"__corps_external__", name_external, NULL, "is it an ExtName?", NULL},
    {"__corps_creator__", name_creator, NULL, "the Env that had it made, or -1", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

PyTypeObject corps__name_type = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "corps._core.Name",
    .tp_basicsize = sizeof(struct name),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE,
    .tp_new = name_new,
    .tp_dealloc = name_free,
    .tp_getattro = name_attribute,
    .tp_hash = name_hash,
    .tp_richcompare = name_compare,
    .tp_getset = name_properties,
};
