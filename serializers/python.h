/* Python inside the process: what the parts of the Python serializers' module share, and what the laboratory asks of
 * it.
 *
 *   python.c           the tables and their libraries      python_start.c     the interpreter, threads, errors
 *   python_encode.c    values to Python, pickling          python_decode.c    unpickling
 *   python_values.c    Python to values                    python_buffer.c    a block as a Python buffer
 *   python_objects.c   Python objects as values            python_source.c    what is simpler said in Python
 *   python_plain_dump.c  pickles of plain values without   python_plain_load.c  and reading them
 *                      a pickler
 *   python_auto.c      the pickler of `auto`               auto.py            its reducers: the module _corps_auto
 *                                                          auto_*.py          of functions, classes …: _corps_auto_*
 *                                                          owned.py           what must not be copied: _corps_owned
 *                                                          exceptions.py      exceptions: _corps_exceptions
 *   python_plans.c     instances of plain classes          instances.py       objects with code: _corps_instances
 *   python_shapes.c    and what makes them
 *
 * The interpreter is the one that hosts the program, or else one that the module starts: the one of the environment
 * variable CORPS_PYTHON, else the one that the project was built for, with its virtual environment's packages. An
 * interpreter of ours changes no signal handler and no locale, and is never finalised.
 *
 * Threads: everything marked "GIL" needs the interpreter's lock; everything else takes it itself. A thread that holds
 * it may call too. Who holds any other lock that a Python thread may wait for must not call.
 *
 * What the serializers write: segment 0 begins with two little-endian 32-bit numbers, the bytes of the pickle and the
 * count of buffers, and a checksum of 64 bits; the highest bit of the second number says that the pickle is segment 1,
 * otherwise it follows here. Then one segment for each buffer (PEP 574).
 */
#ifndef CORPS_PYTHON_H
#define CORPS_PYTHON_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "python_compat.h"

#include <corps.h>
#include <corps/serializer.h>

/* A pickling library. */
struct corps__pickler {
    const char *name;
    const char *module;       /* with `dumps` */
    const char *loads_module; /* with `loads` */
    bool automatic;           /* `auto`: python_auto.c pickles */
    bool dumps_plain;         /* what it makes of plain values is what pickle makes of them, … */
    bool loads_plain;         /* … and what it reads are pickles: see python_plain.h */
    PyObject **instead;       /* a better `dumps` that the host may have given; may be NULL, and point to NULL */
    PyObject *dumps;
    PyObject *loads;
    char version[96];
};

/* Made once by corps__python_begin, read-only until corps__python_end. */
struct corps__python {
    PyTypeObject *buffer_type;
    PyObject *name_type;     /* makes a Name inside Python objects of its address (bytes) */
    PyTypeObject *name_base; /* the type of such Names, or a base of theirs */
    PyObject *cloudpickle; /* dumps of cloudpickle and dill for a host whose main program others can import, or NULL */
    PyObject *dill;
    PyObject *pickle;    /* the same for pickle: guarded, see owned.py */
    PyObject *auto_code; /* a function (module) that gives compiled auto.py, owned.py sooner than compiling, or NULL */
    PyObject *find_refused; /* Python functions, see python_source.c */
    PyObject *equal;
    PyObject *run;
    PyObject *dumps_keywords; /* ("protocol", "buffer_callback") */
    PyObject *loads_keywords; /* ("buffers",) */
    PyObject *protocol;       /* 5 */
    PyObject *alone;          /* whose critical section guards what the GIL guards elsewhere, see python_compat.h */
    bool ended;               /* corps__python_end was called: all of the above is gone */
};
extern struct corps__python corps__python;

extern const char *const corps__python_sources[]; /* of the module _corps; ends with NULL */

/* ---- Interpreter ---- */

/* Finds or starts the interpreter and fills corps__python, once. Errors: UNKNOWN (no such interpreter), SYSTEM. */
enum corps_err corps__python_begin(void) CORPS_CHECKED;

/* GIL; the interpreter ends. Gives back every Python object that the serializers hold, so that what only these reach is
 * collected: from functions of the host a way leads to all that its main program holds. Nothing is pickled or unpickled
 * from now on. */
void corps__python_end(void);

/* GIL. Raises RuntimeError, and is false, once corps__python_end was called. */
bool corps__python_serves(void);

/* Takes the interpreter's lock; a thread that does so often keeps its Python thread state between. */
PyGILState_STATE corps__python_enter(void);
void corps__python_leave(PyGILState_STATE state);

/* Has the calling thread the interpreter's lock? Any thread, while the interpreter runs. */
bool corps__python_has_lock(void);

/* False before the interpreter starts and once it has begun to end: then its lock must not be taken. */
bool corps__python_alive(void);

/* GIL. Takes the pending exception and makes it an error of Corps: NO_MEMORY or TOO_LARGE (recursion) where it says so,
 * otherwise `otherwise`. The detail is "<what>: <type>: <text>". Never leaves an exception pending. */
enum corps_err corps__python_error(enum corps_err otherwise, const char *what);

/* GIL. The same for an exception that was taken already. Borrows it. */
enum corps_err corps__python_fetched(PyObject *exception, enum corps_err otherwise, const char *what);

/* GIL. "type: text" of an exception on one line. */
void corps__python_text(PyObject *exception, char *out, size_t out_bytes);

/* ---- Pickling ---- */
enum corps_err corps__python_encode(const struct corps__pickler *pickler, const struct corps_value *value,
                                    struct corps_encoding *encoding) CORPS_CHECKED;
enum corps_err corps__python_decode(const struct corps__pickler *pickler, const struct iovec *segments,
                                    size_t segment_count, struct corps_block *block, enum corps_decode_to to,
                                    struct corps_box *box) CORPS_CHECKED;

/* GIL. What was loaded as a value in `box`: plain trees as values, the rest as objects; see corps_decode_to. Borrows
 * `object`, whose containers nobody else may refer to. */
enum corps_err corps__python_values(PyObject *object, enum corps_decode_to to, struct corps_box *box,
                                    struct corps_value *value) CORPS_CHECKED;

/* GIL. A plain tree as a value in `box`; REFUSED with the path when a part is not plain. Borrows `object`. */
enum corps_err corps__python_to_value(PyObject *object, struct corps_box *box, struct corps_value *value) CORPS_CHECKED;

/* GIL. A value as a Python object: a new reference; NULL with *err set and its detail, and no exception pending. */
PyObject *corps__python_of_value(const struct corps_value *value, enum corps_err *err);

/* GIL. The same, but an array is a tuple. */
PyObject *corps__python_of_arguments(const struct corps_value *value, enum corps_err *err);

/* GIL. The buffer_callback of a pickler: appends what goes out of band to the list `kept`. New reference, or NULL. */
PyObject *corps__python_collector(PyObject *kept);

/* ---- auto ---- */

/* The modules in Python, made by embed.py; the last name is NULL. */
struct corps__python_embedded {
    const char *name;
    const char *source;
};
extern const struct corps__python_embedded corps__python_modules[];

/* GIL. Makes the modules in Python, whose source runs when it is first used. An exception is pending when false. */
bool corps__python_auto_modules(void);

/* GIL. What pickle makes of `object`, which must own nothing outside (owned.py). New reference; NULL with an exception.
 */
PyObject *corps__python_guarded_dump(PyObject *object, PyObject *kept);

/* GIL. The pickle of `object`; buffers go to the list `kept`, definitions to `encoding` where it takes them. New
 * reference; NULL with an exception. */
PyObject *corps__python_auto_dump(PyObject *object, PyObject *kept, struct corps_encoding *encoding);

/* GIL. For corps__python_end: the parts of it. */
void corps__python_auto_end(void);
void corps__python_libraries_end(void);

/* ---- Buffers ---- */

/* GIL. Makes the type of buffers. */
PyTypeObject *corps__python_buffer_type(void);

/* GIL. A memoryview of a part of `block`, of which it keeps a reference. New reference; NULL with an
 * exception. */
PyObject *corps__python_view(struct corps_block *block, void *data, size_t bytes);

/* GIL. The block behind such a view, NULL when it is another one. Lent. */
struct corps_block *corps__python_view_block(PyObject *view);

/* ---- Objects ---- */

extern const struct corps_object_ops corps__python_ops;

/* GIL. The Python object of a value of kind OBJECT, NULL when it is of another language. Borrowed. */
PyObject *corps__python_of(struct corps_object *object);

/* GIL. Wraps a Python object, taking a reference of its own. Gives one reference; NULL when out of memory. */
CORPS_API struct corps_object *corps_python_object(PyObject *object);

/* Imports `module`, calls its `factory` without arguments and gives the result as an OBJECT that `box` keeps. Errors:
 * UNKNOWN (no such module or factory), REMOTE (Python raised: type and text). */
CORPS_API enum corps_err corps_python_eval(const char *module, const char *factory, struct corps_value *value,
                                           struct corps_box *box) CORPS_CHECKED;

/* The same for a function that `source` defines. */
CORPS_API enum corps_err corps_python_run(const char *source, const char *factory, struct corps_value *value,
                                          struct corps_box *box) CORPS_CHECKED;

/* ---- Tables ---- */
CORPS_API extern const struct corps_serializer corps_serializer_pickle;
CORPS_API extern const struct corps_serializer corps_serializer_dill;
CORPS_API extern const struct corps_serializer corps_serializer_cloudpickle;
CORPS_API extern const struct corps_serializer corps_serializer_auto;
CORPS_API extern const struct corps_serializer corps_serializer_pyfory;
CORPS_API extern const struct corps_serializer corps_serializer_msgspec;

#endif
