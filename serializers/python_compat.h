/* What newer Pythons have and 3.8 to 3.10 lack, under the names of the newer ones; see python.h for the rest. */
#ifndef CORPS_PYTHON_COMPAT_H
#define CORPS_PYTHON_COMPAT_H

#if PY_VERSION_HEX < 0x03090000
#define PyObject_Vectorcall _PyObject_Vectorcall
#define PyObject_CallNoArgs(function) PyObject_CallFunctionObjArgs(function, NULL)
#define PyObject_CallOneArg(function, arg) PyObject_CallFunctionObjArgs(function, arg, NULL)
#define Py_IS_TYPE(object, type) (Py_TYPE(object) == (type))
#endif

#if PY_VERSION_HEX < 0x030A0000
static inline PyObject *Py_NewRef(PyObject *object) {
    Py_INCREF(object);
    return object;
}
static inline PyObject *Py_XNewRef(PyObject *object) {
    Py_XINCREF(object);
    return object;
}
#endif

#if PY_VERSION_HEX < 0x030D0000
#define Py_IsFinalizing _Py_IsFinalizing
#endif

#endif
