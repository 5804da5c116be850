/* Inside of the module corps_python: CPython in the process, for the serializers pickle, dill and cloudpickle.
 *
 * If the process has an interpreter already, that one is used; otherwise one is started, without signal handlers, with
 * the executable (and so the site-packages) that CORPS_PYTHON names or that was configured at build time. Functions
 * marked "GIL" need the interpreter lock held; the others take it.
 *
 * Not installed. The laboratory finds corps_python_eval and corps_python_run by name (corps_module_symbol).
 */
#ifndef CORPS_PYTHON_H
#define CORPS_PYTHON_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <corps.h>
#include <corps/serializer.h>

/* Starts the interpreter, once. Errors: SYSTEM, UNKNOWN. */
enum corps_err corps__python_start(void) CORPS_CHECKED;

/* The path of the interpreter's executable; lent for ever, valid after start. */
const char *corps__python_executable(void);

/* "3.11.2"; likewise. */
const char *corps__python_version(void);

/* GIL. The pending Python exception as "Type: text"; cleared. */
void corps__python_error(char *out, size_t out_bytes);

/* ---- python_values.c, all GIL ---- */

/* A value as a Python object (new reference; NULL with REFUSED and a path in the detail). Bytes of
 * CORPS_OUT_OF_BAND_BYTES or more become PickleBuffers over the value's own memory. */
PyObject *corps__python_from_value(const struct corps_value *value);

/* A Python object as a value in `box`. Objects that are no plain data are kept as CORPS_OBJECT, or refused when
 * `plain_only` (REFUSED with the path). With `leave` set, only the top level is converted: see CORPS_DECODE_OBJECTS. */
enum corps_err corps__python_to_value(PyObject *object, struct corps_box *box, bool plain_only, bool leave,
                                      struct corps_value *value) CORPS_CHECKED;

/* The Python object inside a CORPS_OBJECT of kind "python" (borrowed), NULL for another kind. */
PyObject *corps__python_object(const struct corps_object *object);

/* Prepares the class of Names and the helpers in Python. Errors: SYSTEM. */
enum corps_err corps__python_values_start(void) CORPS_CHECKED;

/* A buffer object over `data`, which lies in `block`: keeps a reference to the block. New reference. */
PyObject *corps__python_block_view(struct corps_block *block, void *data, size_t bytes);

/* ---- for the laboratory ---- */

/* MODULE.FACTORY() as an OBJECT that `box` keeps. Errors: UNKNOWN (no such module or name), REMOTE (it raised). */
CORPS_API enum corps_err corps_python_eval(const char *module, const char *factory, struct corps_value *value,
                                           struct corps_box *box);

/* The same for a factory that `source` (Python text) defines. */
CORPS_API enum corps_err corps_python_run(const char *source, const char *factory, struct corps_value *value,
                                          struct corps_box *box);

#endif
