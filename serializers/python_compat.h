/* What newer Pythons have and 3.8 to 3.10 lack, under the names of the newer ones; see python.h for the rest. */
#ifndef CORPS_PYTHON_COMPAT_H
#define CORPS_PYTHON_COMPAT_H

#if PY_VERSION_HEX < 0x03090000
#define PyObject_Vectorcall _PyObject_Vectorcall
#define PyObject_CallNoArgs(function) PyObject_CallFunctionObjArgs(function, NULL)
#define PyObject_CallOneArg(function, arg) PyObject_CallFunctionObjArgs(function, arg, NULL)
#define Py_IS_TYPE(object, type) (Py_TYPE(object) == (type))
#endif

#if PY_VERSION_HEX < 0x03090000
static inline PyObject *PyObject_VectorcallMethod(PyObject *name, PyObject *const *args, size_t flags,
                                                  PyObject *keywords) {
    PyObject *function = PyObject_GetAttr(args[0], name);
    size_t count = (size_t)PyVectorcall_NARGS(flags) - 1;
    PyObject *answer = function != NULL ? PyObject_Vectorcall(function, args + 1, count, keywords) : NULL;
    Py_XDECREF(function);
    return answer;
}
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
#define PyThreadState_GetUnchecked _PyThreadState_UncheckedGet
#endif

/* Where Python has no lock of its own (a free-threaded build), what the parts marked "GIL" share is guarded by a
 * critical section: of one object, or the one of all of ours. Like that lock, Python gives it up while the thread
 * blocks. Nothing may leave it by return or goto. Other builds: no code at all. */
#ifdef Py_GIL_DISABLED
#define CORPS_OBJECT_BEGIN(object) Py_BEGIN_CRITICAL_SECTION(object);
#define CORPS_OBJECT_END Py_END_CRITICAL_SECTION()
#else
#define CORPS_OBJECT_BEGIN(object) {
#define CORPS_OBJECT_END }
#endif
#define CORPS_ALONE_BEGIN CORPS_OBJECT_BEGIN(corps__python.alone)
#define CORPS_ALONE_END CORPS_OBJECT_END

#endif
