/* Pickles of plain values (numbers, texts, bytes, and tuples, lists and dicts of them), written and read without a
 * pickler, which costs ten times what a small value does: one has to be made ready, asked, and emptied.
 *
 * What is written is, byte for byte, what pickle.dumps(object, 5) gives in every CPython since 3.8: any pickle.loads
 * reads it, and an object that comes twice comes twice there too. What is read is what pickle.loads would make of it.
 * Either function leaves to pickle what it does not do: more than CORPS__PYTHON_PLAIN_BYTES bytes, deep values, many
 * texts and containers, objects of any other type, and whatever is damaged.
 *
 * Both: GIL; no code of Python runs, and no exception is pending afterwards.
 */
#ifndef CORPS_PYTHON_PLAIN_H
#define CORPS_PYTHON_PLAIN_H

#include "python.h"

enum {
    CORPS__PYTHON_PLAIN_BYTES = 4000, /* so that a pickle goes into the stream: see CORPS_OUT_OF_BAND_BYTES */
    CORPS__PYTHON_PLAIN_MEMO = 32,    /* so many texts and containers; each is looked for among those before it */
};

/* The opcodes that such pickles have: pickletools.py of CPython says what they do. */
enum corps__pickle_op {
    CORPS__PICKLE_MARK = '(',
    CORPS__PICKLE_STOP = '.',
    CORPS__PICKLE_NONE = 'N',
    CORPS__PICKLE_TRUE = 0x88,
    CORPS__PICKLE_FALSE = 0x89,
    CORPS__PICKLE_INT1 = 'K',
    CORPS__PICKLE_INT2 = 'M',
    CORPS__PICKLE_INT4 = 'J',
    CORPS__PICKLE_LONG1 = 0x8a,
    CORPS__PICKLE_FLOAT = 'G',
    CORPS__PICKLE_BYTES1 = 'C',
    CORPS__PICKLE_BYTES4 = 'B',
    CORPS__PICKLE_TEXT1 = 0x8c,
    CORPS__PICKLE_TEXT4 = 'X',
    CORPS__PICKLE_NO_TUPLE = ')',
    CORPS__PICKLE_TUPLE = 't',
    CORPS__PICKLE_TUPLE1 = 0x85, /* of one; the next two are of two and three */
    CORPS__PICKLE_TUPLE2 = 0x86,
    CORPS__PICKLE_TUPLE3 = 0x87,
    CORPS__PICKLE_LIST = ']',
    CORPS__PICKLE_APPEND = 'a',
    CORPS__PICKLE_APPENDS = 'e',
    CORPS__PICKLE_DICT = '}',
    CORPS__PICKLE_SET_ITEM = 's',
    CORPS__PICKLE_SET_ITEMS = 'u',
    CORPS__PICKLE_MEMOIZE = 0x94,
    CORPS__PICKLE_GET1 = 'h',
    CORPS__PICKLE_PROTOCOL = 0x80,
    CORPS__PICKLE_FRAME = 0x95,
};

enum { CORPS__PICKLE_FRAME_LEAST = 4 }; /* what is shorter has no frame */

/* The pickle of `object` into `out`, and its length; false: let pickle do it. */
bool corps__python_plain_dump(PyObject *object, uint8_t out[CORPS__PYTHON_PLAIN_BYTES], size_t *bytes);

/* What such a pickle says: new reference; NULL: let pickle read it. */
PyObject *corps__python_plain_load(const void *pickle, size_t bytes);

#endif
