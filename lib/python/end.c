#include "core.h"

/* give_back(): the interpreter ends. What C holds of Python is invisible to its collector, and from the hooks a way
 * leads to the main program's classes and so to all its globals: they would never be finalized. */
PyObject *corps__py_give_back(PyObject *module, PyObject *none) {
    (void)module;
    (void)none;
#define HOOK_DROP(name) Py_CLEAR(corps__hooks.name);
    HOOKS(HOOK_DROP)
#undef HOOK_DROP
    Py_CLEAR(corps__hooks.future_type);
    corps__python_end();
    corps__py_callbacks_end();
    Py_RETURN_NONE;
}
