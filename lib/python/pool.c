#include "core.h"

/* Pools: creating them, and who is in one. Calls by a pool's Name are in name.c, as all calls. */

/* X(field): numbers of struct corps_pool_options, as create_pool takes them. */
#define POOL_NUMBERS(X) X(min_count) X(max_count) X(target_ns) X(quiet_ns) X(sticky) X(env_each)

static bool fill_options(PyObject *given, struct corps_pool_options *options) {
#define POOL_TAKE(field) CORPS_PY_TAKE_NUMBER(given, options, field)
    POOL_NUMBERS(POOL_TAKE)
#undef POOL_TAKE
    return true;
}

PyObject *corps__py_create_pool(PyObject *module, PyObject *args) {
    (void)module;
    const char *class_name;
    PyObject *payload;
    PyObject *given;
    PyObject *policy;
    int type;
    unsigned env;
    const char *host;
    int plain;
    struct corps_supervision supervision = {.size = 0};
    struct corps_pool_options options = {.supervision = &supervision};
    if (!PyArg_ParseTuple(args, "sOiIzpO!O!", &class_name, &payload, &type, &env, &host, &plain, &PyDict_Type, &given,
                          &PyDict_Type, &policy) ||
        !fill_options(given, &options) || !corps__py_supervision(policy, &supervision)) {
        return NULL;
    }
    struct corps *corps = corps_own();
    if (corps == NULL) {
        PyErr_SetString(PyExc_RuntimeError, "pools are created inside a Corps");
        return NULL;
    }
    options.location = (struct corps_location){.type = (enum corps_location_type)type, .env = env, .host = host};
    struct corps_box *box = corps_box_create();
    struct corps_value value;
    if (box == NULL || !corps__py_arguments(payload, plain != 0, box, &value)) {
        corps_box_unref(box);
        return PyErr_Occurred() ? NULL : PyErr_NoMemory();
    }
    struct corps_name *pool;
    enum corps_err err = corps_create_pool(corps, class_name, &value, &options, &pool);
    corps_box_unref(box);
    if (err != CORPS_OK) {
        return corps__py_raise_create(err);
    }
    PyObject *address = corps__py_address(pool);
    corps_name_unref(pool);
    return address;
}

PyObject *corps__py_pool_members(PyObject *module, PyObject *pool) {
    (void)module;
    enum { ROOM = 1024 }; /* a pool has no more */
    if (!PyObject_TypeCheck(pool, &corps__name_type)) {
        PyErr_SetString(PyExc_TypeError, "pool_members takes a pool's Name");
        return NULL;
    }
    struct corps_name **names = PyMem_Calloc(ROOM, sizeof(struct corps_name *));
    if (names == NULL) {
        return PyErr_NoMemory();
    }
    size_t count = ROOM;
    enum corps_err err = corps_pool_members(((struct name *)pool)->name, names, &count);
    count = err == CORPS_OK && count > ROOM ? ROOM : count;
    PyObject *list = err == CORPS_OK ? corps__py_addresses(names, count) : corps__py_raise(err);
    PyMem_Free(names);
    return list;
}
