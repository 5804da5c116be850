/** @file
 * Values: what calls carry.
 *
 * A `struct corps_value` is a small plain struct. Scalars stand in it; text, bytes, arrays and maps point to
 * memory that somebody else owns: the caller's (a value on the stack is fine), a box's arena, or a block. Values are
 * never changed once they are shared. A *box* owns a whole tree: it is a reference-counted arena with a root
 * value; decoding fills a box, and passing a value of kind BOX passes the tree by reference (inside an Env
 * nothing is copied). An *object* is anything with retain and release, for example a Python object.
 *
 * Threads: a value may be read by any number of threads. A box is built by one thread, then shared read-only;
 * ref and unref are atomic. Functions that build in a box are for its one builder.
 *
 * Limits: text and bytes to 2^48 − 1 bytes in memory, integers are 64-bit signed, nesting to CORPS_VALUE_DEPTH_MAX.
 */
#ifndef CORPS_VALUE_H
#define CORPS_VALUE_H

#include <corps/block.h>
#include <corps/error.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

#define CORPS_VALUE_DEPTH_MAX 256u

enum corps_kind {
    CORPS_NIL,
    CORPS_BOOL,
    CORPS_INT,
    CORPS_FLOAT,
    CORPS_STR,    /**< UTF-8, `count` bytes, not NUL-terminated */
    CORPS_BIN,    /**< `count` bytes */
    CORPS_ARRAY,  /**< `count` items */
    CORPS_MAP,    /**< `count` entries, in order; keys of any kind */
    CORPS_NAME,   /**< a Worker's Name, see corps.h */
    CORPS_OBJECT, /**< an object of another language */
    CORPS_BOX,    /**< stands for the root of a shared box */
};

struct corps_name;
struct corps_box;
struct corps_object;
struct corps_entry;

struct corps_value {
    enum corps_kind kind;
    size_t count; /**< STR, BIN: bytes; ARRAY: items; MAP: entries; otherwise 0 */
    union {
        bool boolean;
        int64_t integer;
        double number;
        const char *str;
        const uint8_t *bin;
        const struct corps_value *items;
        const struct corps_entry *entries;
        const struct corps_name *name;
        struct corps_object *object;
        struct corps_box *box;
    };
};

struct corps_entry {
    struct corps_value key;
    struct corps_value value;
};

/** Objects of another language. `ops` is shared by all objects of a kind and compared by address. */
struct corps_object_ops {
    const char *kind;                             /**< for example "python" */
    void (*retain)(struct corps_object *object);  /**< any thread */
    void (*release)(struct corps_object *object); /**< any thread */
    /** Converts to a plain value whose memory belongs to `box`; REFUSED, with the path of what refused
     * (such as "[1].x: Lock"), when it is not made of plain values. */
    enum corps_err (*to_value)(struct corps_object *object, struct corps_box *box, struct corps_value *value);
    /** Are two objects of this kind equal in content? */
    bool (*equal)(struct corps_object *a, struct corps_object *b);
    size_t size; /**< 0, or sizeof(struct corps_object_ops) */
    uint64_t reserved[2];
};

struct corps_object {
    const struct corps_object_ops *ops;
};

/* ---- Making plain values (no allocation; what they point to is borrowed) ---- */
static inline struct corps_value corps_value_make(enum corps_kind kind, size_t count) {
    struct corps_value v; /* no designated initialiser: C++17 has none */
    v.kind = kind;
    v.count = count;
    v.integer = 0;
    return v;
}
static inline struct corps_value corps_nil(void) {
    return corps_value_make(CORPS_NIL, 0);
}
static inline struct corps_value corps_bool(bool boolean) {
    struct corps_value v = corps_value_make(CORPS_BOOL, 0);
    v.boolean = boolean;
    return v;
}
static inline struct corps_value corps_int(int64_t integer) {
    struct corps_value v = corps_value_make(CORPS_INT, 0);
    v.integer = integer;
    return v;
}
static inline struct corps_value corps_float(double number) {
    struct corps_value v = corps_value_make(CORPS_FLOAT, 0);
    v.number = number;
    return v;
}
static inline struct corps_value corps_str_bytes(const char *str, size_t bytes) {
    struct corps_value v = corps_value_make(CORPS_STR, bytes);
    v.str = str;
    return v;
}
static inline struct corps_value corps_str(const char *str) {
    return corps_str_bytes(str, strlen(str));
}
static inline struct corps_value corps_bin(const void *bin, size_t bytes) {
    struct corps_value v = corps_value_make(CORPS_BIN, bytes);
    v.bin = (const uint8_t *)bin;
    return v;
}
static inline struct corps_value corps_array(const struct corps_value *items, size_t count) {
    struct corps_value v = corps_value_make(CORPS_ARRAY, count);
    v.items = items;
    return v;
}
static inline struct corps_value corps_map(const struct corps_entry *entries, size_t count) {
    struct corps_value v = corps_value_make(CORPS_MAP, count);
    v.entries = entries;
    return v;
}
static inline struct corps_value corps_value_of_name(const struct corps_name *name) {
    struct corps_value v = corps_value_make(CORPS_NAME, 0);
    v.name = name;
    return v;
}
static inline struct corps_value corps_value_of_object(struct corps_object *object) {
    struct corps_value v = corps_value_make(CORPS_OBJECT, 0);
    v.object = object;
    return v;
}
static inline struct corps_value corps_value_of_box(struct corps_box *box) {
    struct corps_value v = corps_value_make(CORPS_BOX, 0);
    v.box = box;
    return v;
}

/* ---- Reading ---- */

/** "array", "int", …; "?" for a number that is no kind. */
CORPS_API const char *corps_kind_name(enum corps_kind kind);

/** The value itself, or a box's root if it is a BOX (to any depth). Lent while the value is. */
CORPS_API const struct corps_value *corps_value_open(const struct corps_value *value);

/** Argument number `index` of an array, opened; NULL when `array` is no array or has no such item. */
CORPS_API const struct corps_value *corps_value_item(const struct corps_value *array, size_t index);

/** The value of text key `key` in a map, opened; NULL when there is none. Linear. */
CORPS_API const struct corps_value *corps_value_get(const struct corps_value *map, const char *key);

/** Deep equality; boxes are opened, NaN equals NaN, int and float differ, objects by their `equal`. */
CORPS_API bool corps_value_equal(const struct corps_value *a, const struct corps_value *b);

/** FNV-1a of the whole content (kinds, lengths, bytes), never 0. Objects count by kind only. */
CORPS_API uint64_t corps_value_hash(const struct corps_value *value);

/* ---- Boxes ---- */

/** An empty box (root NIL), one reference. NULL when out of memory. */
CORPS_API struct corps_box *corps_box_create(void);
CORPS_API struct corps_box *corps_box_ref(struct corps_box *box);
CORPS_API void corps_box_unref(struct corps_box *box); /**< accepts NULL */

CORPS_API const struct corps_value *corps_box_root(const struct corps_box *box);
CORPS_API void corps_box_set_root(struct corps_box *box, struct corps_value root);

/** `bytes` of memory that lives as long as the box; aligned to 16; NULL when out of memory. */
CORPS_API void *corps_box_alloc(struct corps_box *box, size_t bytes);

/** Keeps something alive as long as the box. The box takes one reference (it does not add one). On error the
 * reference is dropped. */
CORPS_API enum corps_err corps_box_keep_block(struct corps_box *box, struct corps_block *block) CORPS_CHECKED;
CORPS_API enum corps_err corps_box_keep_object(struct corps_box *box, struct corps_object *object) CORPS_CHECKED;
CORPS_API enum corps_err corps_box_keep_box(struct corps_box *box, struct corps_box *other) CORPS_CHECKED;
CORPS_API enum corps_err corps_box_keep_name(struct corps_box *box, struct corps_name *name) CORPS_CHECKED;

/** Copies `value` deeply into the box's memory: text, bytes, arrays and maps are copied; boxes, objects and
 * Names are kept by reference. The copy is written to `*copy`. Errors: NO_MEMORY, TOO_LARGE (too deep). */
CORPS_API enum corps_err corps_box_copy(struct corps_box *box, const struct corps_value *value,
                                        struct corps_value *copy) CORPS_CHECKED;

/** A new box that holds a deep copy of `value` as its root; gives the reference. Errors: NO_MEMORY, TOO_LARGE. */
CORPS_API enum corps_err corps_box_of(const struct corps_value *value, struct corps_box **box) CORPS_CHECKED;

#ifdef __cplusplus
}
#endif
#endif
