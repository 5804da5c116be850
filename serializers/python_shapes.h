/* Instances that are nothing but their attributes, faster than pickle has them: no object.__reduce_ex__, no dict for
 * each, and the names of the attributes once a message.
 *
 * A shape is a class with the names of the attributes that an instance has; a pickle holds it once and calls it with
 * the values of each instance. A plan belongs to a class whose instances may be sent so (instances.py decides which),
 * and gives the shapes of its instances. What is not certain is left to `otherwise`, what was asked before there were
 * plans: attributes that could lead back to the instance, which must be there before them; an instance with an unset
 * slot; the first few of a class in a message, for which a shape costs more than it saves.
 *
 * Everything here: GIL. */
#ifndef CORPS_PYTHON_SHAPES_H
#define CORPS_PYTHON_SHAPES_H

#include "python.h"

/* What of a type must stay as it was found. */
struct corps__python_watch {
    PyObject *names; /* tuple of interned texts */
    PyObject *found; /* tuple: what the type had under them, None: nothing */
    unsigned tag;    /* of the type when all was last seen to be so, 0: none */
};

bool corps__python_watch_begin(struct corps__python_watch *watch, PyTypeObject *type, PyObject *names);
bool corps__python_watch_holds(struct corps__python_watch *watch, PyTypeObject *type);
void corps__python_watch_end(struct corps__python_watch *watch);

struct corps__python_shape {
    PyObject_HEAD PyObject *cls;
    PyObject *slots; /* tuple of texts: the first values are these slots' */
    PyObject *names; /* tuple of texts: the other values are of the instance's __dict__ */
    struct corps__python_watch watch;
    bool fits; /* attributes may be set from here */
};

/* A new reference, NULL with an exception. */
struct corps__python_shape *corps__python_shape(PyObject *cls, PyObject *slots, PyObject *names);

/* Are all items of the tuple texts? */
bool corps__python_are_texts(PyObject *names);

bool corps__python_is_shape(PyObject *thing);
bool corps__python_is_shape_type(PyObject *thing);

/* The reduction of a shape itself. New reference. */
PyObject *corps__python_shape_reduced(PyObject *shape);

bool corps__python_is_plan(PyObject *thing);

/* Is the class of this plan still what it was made for? */
bool corps__python_plan_holds(PyObject *plan);

/* The reduction of an instance; `state` and `counts` (dict: how many of a class this message has) are the message's.
 * New reference, NULL with an exception. */
PyObject *corps__python_plan_reduce(PyObject *plan, PyObject *thing, PyObject *state, PyObject *counts);

/* Adds to the names of the module _corps_instances, once it has run; false with an exception. */
bool corps__python_shapes_begin(PyObject *names);
bool corps__python_plans_begin(PyObject *names);

void corps__python_shapes_end(void);

/* ---- memory of arrays, in python_memory.c; all: GIL ---- */

enum corps__python_sharing {
    CORPS__PYTHON_NO_ANSWER, /* an exception is pending */
    CORPS__PYTHON_ALONE,
    CORPS__PYTHON_WITH_ARRAYS, /* perhaps */
    CORPS__PYTHON_WITH_OTHERS  /* perhaps; also with what is no array */
};

bool corps__python_memory_begin(void); /* once; false with an exception */

/* Of one of numpy's arrays: may something else lead to its memory? */
enum corps__python_sharing corps__python_array_shares(PyObject *array);

/* Is it all that leads to its memory? */
bool corps__python_memoryview_is_alone(PyObject *view);

/* Of the arrays in a list, beside memoryviews that are alone: does the memory from first to last byte of any two
 * overlap? 1 or 0; -1 with an exception. */
int corps__python_arrays_overlap(PyObject *views);

#endif
