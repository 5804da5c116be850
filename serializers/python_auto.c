#include "python_shapes.h"

#include <pthread.h>
#include <string.h>

/* `auto`: the C pickler, asked about every object by `reducer` here, which leaves what pickle does well to pickle and
 * asks the module _corps_auto (auto.py) about the rest. Making a pickler costs as much as pickling a small object does,
 * so picklers are kept for reuse. The same for `pickle` in a host that wants a guard: then _corps_owned (owned.py) is
 * asked about what must not be copied, and everything else is pickle's. */

enum way { BY_VALUE, GUARDED, WAYS };

/* A pickler with what belongs to it. Everything here: GIL. */
struct auto_pickler {
    struct auto_pickler *next;
    PyObject *pickler;
    PyObject *out;                      /* list: what it has written */
    PyObject *kept;                     /* list: buffers that go out of band */
    PyObject *state;                    /* State of auto.py */
    PyObject *counts;                   /* its dict of instances, see python_shapes.h */
    PyObject *used;                     /* its list of definitions that have parts which the message may hold as well */
    PyObject *views;                    /* its list of arrays and memoryviews */
    enum corps__python_sharing sharing; /* of the arrays */
    bool asked;                         /* since the state was clear */
    bool anew;                          /* this is the second time that the message is written */
    enum way way;
    struct corps_encoding *encoding;
};

static struct auto_pickler *unused[WAYS]; /* GIL */

/* Of _corps_auto and _corps_owned. */
static struct {
    PyObject *reduce[WAYS];
    PyObject *handlers[WAYS]; /* dict: type → handler, None: pickle does it */
    PyObject *by_reference;   /* set: classes and functions that were found importable */
    PyObject *registered;     /* dict: type → what copyreg was given */
    PyObject *state_type;
    PyObject *pickler_type;
    PyObject *file_type;
    PyObject *array_handler;
    PyObject *dump, *clear_memo, *clear; /* names of methods */
} from_module;

/* ---- the modules ---- */

static PyObject *lookup(PyObject *self, PyObject *key) {
    (void)self;
    const void *data;
    size_t bytes;
    if (!PyBytes_Check(key) || PyBytes_GET_SIZE(key) != (Py_ssize_t)CORPS_DEFINITION_KEY_BYTES) {
        PyErr_SetString(PyExc_TypeError, "a definition's key has 16 bytes");
        return NULL;
    }
    if (!corps_definition_find((const uint8_t *)PyBytes_AS_STRING(key), &data, &bytes)) {
        Py_RETURN_NONE;
    }
    return PyBytes_FromStringAndSize(data, (Py_ssize_t)bytes);
}

/* Runs a module's source in its namespace. False with an exception. */
static bool run(const struct corps__python_embedded *embedded, PyObject *names) {
    static PyMethodDef lookup_method = {"lookup", lookup, METH_O, NULL};
    PyObject *code = corps__python.auto_code != NULL
                         ? PyObject_CallFunction(corps__python.auto_code, "s", embedded->name)
                         : Py_CompileString(embedded->source, embedded->name, Py_file_input);
    PyObject *done = code != NULL ? PyEval_EvalCode(code, names, names) : NULL;
    PyObject *found = done != NULL ? PyCFunction_New(&lookup_method, NULL) : NULL;
    bool good = found != NULL && PyDict_SetItemString(names, "lookup", found) == 0 &&
                PyDict_DelItemString(names, "__getattr__") == 0;
    if (good && strcmp(embedded->name, "_corps_instances") == 0) {
        good = corps__python_shapes_begin(names);
    }
    Py_XDECREF(code);
    Py_XDECREF(done);
    Py_XDECREF(found);
    return good;
}

static PyObject *run_named(const char *title, PyObject *names) {
    for (const struct corps__python_embedded *one = corps__python_modules; one->name != NULL; one++) {
        if (strcmp(one->name, title) == 0) {
            return run(one, names) ? names : NULL;
        }
    }
    return PyErr_Format(PyExc_SystemError, "%s is none of our modules", title);
}

/* Its source runs once, when somebody first wants something of it; a second thread waits for the first one. */
static bool ensure_run(const char *title, PyObject *names) {
    static pthread_mutex_t running = PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP; /* one module imports the other */
    Py_BEGIN_ALLOW_THREADS pthread_mutex_lock(&running);
    Py_END_ALLOW_THREADS bool good =
        PyDict_GetItemString(names, "__getattr__") == NULL || run_named(title, names) != NULL;
    pthread_mutex_unlock(&running);
    return good;
}

static PyObject *load(PyObject *module, PyObject *name) {
    const char *title = PyModule_GetName(module);
    PyObject *names = PyModule_GetDict(module);
    if (title == NULL) {
        return NULL;
    }
    if (PyUnicode_GET_LENGTH(name) > 4 && PyUnicode_READ_CHAR(name, 0) == '_' && PyUnicode_READ_CHAR(name, 1) == '_') {
        PyErr_Format(PyExc_AttributeError, "%U", name); /* the import system asks for __spec__ and the like */
        return NULL;
    }
    if (!ensure_run(title, names)) {
        return NULL;
    }
    PyObject *wanted = PyDict_GetItem(names, name); /* borrowed */
    if (wanted == NULL) {
        PyErr_Format(PyExc_AttributeError, "module %s has no attribute %R", title, name);
    }
    return Py_XNewRef(wanted);
}

static bool add_module(const char *title) {
    static PyMethodDef load_method = {"__getattr__", load, METH_O, NULL};
    PyObject *module = PyImport_AddModule(title); /* borrowed */
    PyObject *names = module != NULL ? PyModule_GetDict(module) : NULL;
    if (names == NULL) {
        return false;
    }
    if (PyDict_GetItemString(names, "lookup") != NULL || PyDict_GetItemString(names, "__getattr__") != NULL) {
        return true;
    }
    PyObject *on_first = PyCFunction_New(&load_method, module);
    bool good = on_first != NULL && PyDict_SetItemString(names, "__builtins__", PyEval_GetBuiltins()) == 0 &&
                PyDict_SetItemString(names, "__getattr__", on_first) == 0;
    Py_XDECREF(on_first);
    return good;
}

bool corps__python_auto_modules(void) {
    bool good = true;
    for (const struct corps__python_embedded *one = corps__python_modules; good && one->name != NULL; one++) {
        good = add_module(one->name);
    }
    return good;
}

static bool find_all(void) {
    if (from_module.reduce[BY_VALUE] != NULL) {
        return true;
    }
    if (!corps__python_serves()) {
        return false;
    }
    PyObject *module = PyImport_AddModule("_corps_auto");  /* borrowed */
    PyObject *guards = PyImport_AddModule("_corps_owned"); /* borrowed */
    if (module == NULL || guards == NULL) {
        return false;
    }
    from_module.handlers[BY_VALUE] = PyObject_GetAttrString(module, "_handlers");
    from_module.handlers[GUARDED] = PyObject_GetAttrString(guards, "guards");
    from_module.reduce[GUARDED] = PyObject_GetAttrString(guards, "guard");
    from_module.by_reference = PyObject_GetAttrString(module, "known_importable");
    from_module.state_type = PyObject_GetAttrString(module, "State");
    from_module.pickler_type = PyObject_GetAttrString(module, "Bare");
    from_module.file_type = PyObject_GetAttrString(module, "Sink");
    from_module.dump = PyUnicode_InternFromString("dump");
    from_module.clear_memo = PyUnicode_InternFromString("clear_memo");
    from_module.clear = PyUnicode_InternFromString("clear");
    from_module.array_handler = PyObject_GetAttrString(module, "reduce_array");
    PyObject *copyreg = PyImport_ImportModule("copyreg");
    from_module.registered = copyreg != NULL ? PyObject_GetAttrString(copyreg, "dispatch_table") : NULL;
    Py_XDECREF(copyreg);
    PyObject *reduce = PyObject_GetAttrString(module, "reduce");
    if (from_module.handlers[BY_VALUE] == NULL || from_module.handlers[GUARDED] == NULL ||
        from_module.reduce[GUARDED] == NULL || from_module.by_reference == NULL || from_module.registered == NULL ||
        from_module.state_type == NULL || from_module.pickler_type == NULL || from_module.file_type == NULL ||
        from_module.dump == NULL || from_module.clear_memo == NULL || from_module.clear == NULL ||
        from_module.array_handler == NULL || !corps__python_memory_begin()) {
        Py_CLEAR(reduce);
    }
    from_module.reduce[BY_VALUE] = reduce;
    return reduce != NULL;
}

/* ---- picklers ---- */

static struct auto_pickler *owner_of(PyObject *capsule) {
    return PyCapsule_GetPointer(capsule, NULL);
}

/* Of auto.py, or owned.py. */
static PyObject *ask(struct auto_pickler *owner, PyObject *thing) {
    owner->asked = true;
    PyObject *args[] = {owner->state, thing};
    return PyObject_Vectorcall(from_module.reduce[owner->way], args, 2, NULL);
}

/* Of an instance whose class has a plan; NULL with an exception. */
static PyObject *reduce_planned(struct auto_pickler *owner, PyObject *handler, PyObject *thing) {
    if (!corps__python_plan_holds(handler)) {
        int gone = PyDict_DelItem(from_module.handlers[BY_VALUE], (PyObject *)Py_TYPE(thing)); /* decided anew */
        if (gone != 0) {
            PyErr_Clear(); /* it is gone already */
        }
        return ask(owner, thing);
    }
    if (PyDict_GetItem(from_module.registered, (PyObject *)Py_TYPE(thing)) != NULL) {
        return ask(owner, thing);
    }
    return corps__python_plan_reduce(handler, thing, owner->state, owner->counts);
}

/* Of numpy's array: it is pickle's, but is noted. When the message is written anew, it may be a place in memory. */
static PyObject *reduce_array(struct auto_pickler *owner, PyObject *array) {
    if (owner->anew) {
        return ask(owner, array);
    }
    enum corps__python_sharing sharing = corps__python_array_shares(array);
    owner->sharing = sharing > owner->sharing ? sharing : owner->sharing;
    bool good = sharing != CORPS__PYTHON_NO_ANSWER && PyList_Append(owner->views, array) == 0;
    return good ? Py_NewRef(Py_NotImplemented) : NULL;
}

/* The pickler's reducer_override. */
static PyObject *reducer(PyObject *capsule, PyObject *thing) {
    struct auto_pickler *owner = owner_of(capsule);
    if (PyType_Check(thing) || PyFunction_Check(thing)) {
        int known = owner->way == GUARDED || corps__python_is_shape_type(thing)
                        ? 1
                        : PySet_Contains(from_module.by_reference, thing);
        if (known > 0) {
            return Py_NewRef(Py_NotImplemented);
        }
        PyErr_Clear(); /* a metaclass may have no hash */
    } else if (corps__python_is_shape(thing)) {
        return corps__python_shape_reduced(thing);
    } else {
        PyObject *handler = PyDict_GetItem(from_module.handlers[owner->way], (PyObject *)Py_TYPE(thing)); /* borrowed */
        if (handler == Py_None) {
            return Py_NewRef(Py_NotImplemented);
        }
        if (handler != NULL && handler == from_module.array_handler) {
            return reduce_array(owner, thing);
        }
        if (handler != NULL && corps__python_is_plan(handler)) {
            Py_INCREF(handler); /* a collection may take it out of the dict meanwhile */
            PyObject *reduced = reduce_planned(owner, handler, thing);
            Py_DECREF(handler);
            return reduced;
        }
    }
    Py_ssize_t view_count = PyList_GET_SIZE(owner->views);
    PyObject *reduced = ask(owner, thing);
    if (PyList_GET_SIZE(owner->views) > view_count &&
        !(PyMemoryView_Check(thing) && corps__python_memoryview_is_alone(thing))) {
        owner->sharing = CORPS__PYTHON_WITH_OTHERS; /* a view, which auto_memory.py has noted */
    }
    return reduced;
}

/* State's define: (key, blob) → is it kept apart from the message? */
static PyObject *define(PyObject *capsule, PyObject *args) {
    const char *key;
    const char *data;
    Py_ssize_t key_bytes;
    Py_ssize_t bytes;
    if (!PyArg_ParseTuple(args, "y#y#", &key, &key_bytes, &data, &bytes)) {
        return NULL;
    }
    struct corps_encoding *encoding = owner_of(capsule)->encoding;
    return PyBool_FromLong(encoding != NULL && key_bytes == (Py_ssize_t)CORPS_DEFINITION_KEY_BYTES &&
                           corps_encoding_define(encoding, (const uint8_t *)key, data, (size_t)bytes));
}

static void drop(struct auto_pickler *made) {
    Py_XDECREF(made->pickler);
    Py_XDECREF(made->out);
    Py_XDECREF(made->kept);
    Py_XDECREF(made->state);
    Py_XDECREF(made->counts);
    Py_XDECREF(made->used);
    Py_XDECREF(made->views);
    PyMem_Free(made);
}

/* GIL. NULL with an exception. */
static struct auto_pickler *create(enum way way) {
    static PyMethodDef reducer_method = {"reducer_override", reducer, METH_O, NULL};
    static PyMethodDef define_method = {"define", define, METH_VARARGS, NULL};
    struct auto_pickler *made = PyMem_Calloc(1, sizeof *made);
    if (made == NULL) {
        PyErr_NoMemory();
        return NULL;
    }
    made->way = way;
    made->out = PyList_New(0);
    made->kept = PyList_New(0);
    PyObject *capsule = PyCapsule_New(made, NULL, NULL);
    PyObject *definer = capsule != NULL ? PyCFunction_New(&define_method, capsule) : NULL;
    PyObject *reduces = capsule != NULL ? PyCFunction_New(&reducer_method, capsule) : NULL;
    PyObject *collector = made->kept != NULL ? corps__python_collector(made->kept) : NULL;
    PyObject *file = made->out != NULL ? PyObject_CallFunctionObjArgs(from_module.file_type, made->out, NULL) : NULL;
    if (definer != NULL && reduces != NULL && collector != NULL && file != NULL) {
        made->state = PyObject_CallFunctionObjArgs(from_module.state_type, definer, NULL);
        made->counts = made->state != NULL ? PyObject_GetAttrString(made->state, "instances") : NULL;
        made->used = made->counts != NULL ? PyObject_GetAttrString(made->state, "used") : NULL;
        made->views = made->used != NULL ? PyObject_GetAttrString(made->state, "views") : NULL;
        made->pickler = PyObject_CallFunction(from_module.pickler_type, "OiOO", file, 5, Py_True, collector);
    }
    bool good = made->views != NULL && PyDict_Check(made->counts) && PyList_Check(made->used) &&
                PyList_Check(made->views) && made->pickler != NULL &&
                PyObject_SetAttrString(made->pickler, "reducer_override", reduces) == 0;
    Py_XDECREF(capsule);
    Py_XDECREF(definer);
    Py_XDECREF(reduces);
    Py_XDECREF(collector);
    Py_XDECREF(file);
    if (!good) {
        drop(made);
        return NULL;
    }
    return made;
}

/* Calls a method without arguments. */
static bool call(PyObject *object, PyObject *method) {
    PyObject *done = PyObject_CallMethodObjArgs(object, method, NULL);
    Py_XDECREF(done);
    return done != NULL;
}

/* For the next one; without what the last message left. Never leaves an exception of its own. */
static void give_back(struct auto_pickler *pickler) {
    PyObject *type;
    PyObject *exception;
    PyObject *traceback;
    PyErr_Fetch(&type, &exception, &traceback);
    pickler->encoding = NULL;
    bool good = PyList_SetSlice(pickler->out, 0, PyList_GET_SIZE(pickler->out), NULL) == 0 &&
                PyList_SetSlice(pickler->kept, 0, PyList_GET_SIZE(pickler->kept), NULL) == 0 &&
                PyList_SetSlice(pickler->views, 0, PyList_GET_SIZE(pickler->views), NULL) == 0 &&
                call(pickler->pickler, from_module.clear_memo) && (PyDict_Clear(pickler->counts), true) &&
                (!pickler->asked || call(pickler->state, from_module.clear));
    pickler->asked = false;
    pickler->anew = false;
    pickler->sharing = CORPS__PYTHON_NO_ANSWER;
    if (good && !corps__python.ended) {
        pickler->next = unused[pickler->way];
        unused[pickler->way] = pickler;
    } else {
        drop(pickler);
    }
    PyErr_Restore(type, exception, traceback);
}

void corps__python_auto_end(void) {
    for (size_t way = 0; way < WAYS; way++) {
        Py_CLEAR(from_module.reduce[way]);
        Py_CLEAR(from_module.handlers[way]);
        while (unused[way] != NULL) {
            struct auto_pickler *next = unused[way]->next;
            drop(unused[way]);
            unused[way] = next;
        }
    }
    corps__python_shapes_end();
    Py_CLEAR(from_module.registered);
    Py_CLEAR(from_module.by_reference);
    Py_CLEAR(from_module.state_type);
    Py_CLEAR(from_module.pickler_type);
    Py_CLEAR(from_module.file_type);
    Py_CLEAR(from_module.array_handler);
}

/* What was written, in one piece. */
static PyObject *written(PyObject *out) {
    if (PyList_GET_SIZE(out) == 1 && PyBytes_CheckExact(PyList_GET_ITEM(out, 0))) {
        return Py_NewRef(PyList_GET_ITEM(out, 0));
    }
    PyObject *empty = PyBytes_FromStringAndSize(NULL, 0);
    PyObject *all = empty != NULL ? PyObject_CallMethod(empty, "join", "(O)", out) : NULL;
    Py_XDECREF(empty);
    return all;
}

/* May what was written be wrong? 1 or 0; -1 with an exception. */
static int is_in_doubt(const struct auto_pickler *pickler) {
    if (PyList_GET_SIZE(pickler->used) > 0) {
        return 1;
    }
    return pickler->sharing == CORPS__PYTHON_WITH_OTHERS   ? 1
           : pickler->sharing == CORPS__PYTHON_WITH_ARRAYS ? corps__python_arrays_overlap(pickler->views)
                                                           : 0;
}

/* Once more, where what was written holds a part of a definition for itself, or views that share memory. New reference,
 * NULL with an exception. */
static PyObject *dump_anew(struct auto_pickler *pickler, PyObject *object) {
    pickler->asked = true;
    PyObject *done = PyObject_CallMethod(pickler->state, "is_done", "O", pickler->pickler);
    if (done != Py_False) {
        return done;
    }
    Py_DECREF(done);
    if (PyList_SetSlice(pickler->out, 0, PyList_GET_SIZE(pickler->out), NULL) != 0 ||
        PyList_SetSlice(pickler->kept, 0, PyList_GET_SIZE(pickler->kept), NULL) != 0) {
        return NULL;
    }
    pickler->anew = true;
    return PyObject_CallMethodObjArgs(pickler->pickler, from_module.dump, object, NULL);
}

static PyObject *dump_alone(enum way way, PyObject *object, PyObject *kept, struct corps_encoding *encoding) {
    if (!find_all()) {
        return NULL;
    }
    struct auto_pickler *pickler = unused[way];
    if (pickler != NULL) {
        unused[way] = pickler->next;
    } else if ((pickler = create(way)) == NULL) {
        return NULL;
    }
    pickler->encoding = encoding;
    PyObject *done = PyObject_CallMethodObjArgs(pickler->pickler, from_module.dump, object, NULL);
    int doubt = done != NULL ? is_in_doubt(pickler) : 0;
    if (doubt != 0) {
        Py_SETREF(done, doubt > 0 ? dump_anew(pickler, object) : NULL);
    }
    PyObject *pickle = done != NULL ? written(pickler->out) : NULL;
    if (pickle != NULL && PyList_SetSlice(kept, 0, PyList_GET_SIZE(kept), pickler->kept) != 0) {
        Py_CLEAR(pickle);
    }
    Py_XDECREF(done);
    give_back(pickler);
    return pickle;
}

static PyObject *dump(enum way way, PyObject *object, PyObject *kept, struct corps_encoding *encoding) {
    PyObject *pickle;
    CORPS_ALONE_BEGIN
    pickle = dump_alone(way, object, kept, encoding);
    CORPS_ALONE_END
    return pickle;
}

PyObject *corps__python_auto_dump(PyObject *object, PyObject *kept, struct corps_encoding *encoding) {
    return dump(BY_VALUE, object, kept, encoding);
}

PyObject *corps__python_guarded_dump(PyObject *object, PyObject *kept) {
    return dump(GUARDED, object, kept, NULL);
}
