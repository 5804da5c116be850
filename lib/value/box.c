#include "base/slab.h"
#include "value/plain.h"

#include <corps.h>
#include <corps/value.h>

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

/* A box is an arena: one allocation holds the box and its first chunk, so that a small message costs one malloc. */
enum { FIRST_BYTES = 384, CHUNK_BYTES = 4096, ALIGNMENT = 16 };

struct chunk {
    struct chunk *next;
    _Alignas(ALIGNMENT) char data[];
};

enum keep_kind { KEEP_BLOCK, KEEP_OBJECT, KEEP_BOX, KEEP_NAME };

/* Something that lives as long as the box; lies in its arena. */
struct keep {
    struct keep *next;
    enum keep_kind kind;
    union {
        struct corps_block *block;
        struct corps_object *object;
        struct corps_box *box;
        struct corps_name *name;
    };
};

struct corps_box {
    _Atomic unsigned refs;
    struct corps_value root;
    char *at, *end; /* free memory of the newest chunk */
    size_t next_bytes;
    struct chunk *chunks;
    struct keep *keeps;
    _Alignas(ALIGNMENT) char first[FIRST_BYTES];
};

static const struct corps__slab_source source = {.bytes = (sizeof(struct corps_box) + 63) / 64 * 64};

struct corps_box *corps_box_create(void) {
    struct corps_box *box = corps__slab_take(CORPS__SLAB_BOX, &source);
    if (box != NULL) {
        atomic_store_explicit(&box->refs, 1, memory_order_relaxed);
        box->root = corps_nil();
        box->at = box->first;
        box->end = box->first + FIRST_BYTES;
        box->next_bytes = CHUNK_BYTES;
        box->chunks = NULL;
        box->keeps = NULL;
    }
    return box;
}

struct corps_box *corps_box_ref(struct corps_box *box) {
    atomic_fetch_add_explicit(&box->refs, 1, memory_order_relaxed);
    return box;
}

static void drop_box(const struct keep *keep) {
    switch (keep->kind) {
    case KEEP_BLOCK:
        corps_block_unref(keep->block);
        break;
    case KEEP_OBJECT:
        keep->object->ops->release(keep->object);
        break;
    case KEEP_BOX:
        corps_box_unref(keep->box);
        break;
    case KEEP_NAME:
        corps_name_unref(keep->name);
        break;
    }
}

void corps_box_unref(struct corps_box *box) {
    /* Release: our use comes before the end. Acquire: whoever frees sees everybody's. The last one's reference is its
     * own alone, so nobody else can count meanwhile. */
    if (box == NULL || (atomic_load_explicit(&box->refs, memory_order_acquire) != 1 &&
                        atomic_fetch_sub_explicit(&box->refs, 1, memory_order_acq_rel) != 1)) {
        return;
    }
    for (const struct keep *keep = box->keeps; keep != NULL; keep = keep->next) {
        drop_box(keep);
    }
    for (struct chunk *chunk = box->chunks; chunk != NULL;) {
        struct chunk *next = chunk->next;
        free(chunk);
        chunk = next;
    }
    corps__slab_give(CORPS__SLAB_BOX, &source, box);
}

const struct corps_value *corps_box_root(const struct corps_box *box) {
    return &box->root;
}

void corps_box_set_root(struct corps_box *box, struct corps_value root) {
    box->root = root;
}

/* A new chunk with room for `bytes`: twice the size of the last one, up to 1 MiB, or just as much as is asked for. */
static bool grow_box(struct corps_box *box, size_t bytes) {
    size_t wanted = bytes > box->next_bytes ? bytes : box->next_bytes;
    struct chunk *chunk = malloc(sizeof *chunk + wanted);
    if (chunk == NULL) {
        return false;
    }
    box->next_bytes = box->next_bytes < (1 << 20) ? box->next_bytes * 2 : box->next_bytes;
    chunk->next = box->chunks;
    box->chunks = chunk;
    box->at = chunk->data;
    box->end = chunk->data + wanted;
    return true;
}

static inline void *take(struct corps_box *box, size_t bytes) {
    if (bytes >> 48 != 0) { /* no value is that long, and the sums below stay right */
        return NULL;
    }
    bytes = (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    if ((size_t)(box->end - box->at) < bytes && !grow_box(box, bytes)) {
        return NULL;
    }
    void *memory = box->at;
    box->at += bytes;
    return memory;
}

void *corps_box_alloc(struct corps_box *box, size_t bytes) {
    return take(box, bytes);
}

enum corps_err corps__box_copy(struct corps_box *box, const void *data, size_t bytes) {
    void *memory = take(box, bytes);
    if (memory == NULL) {
        return corps_error_set(CORPS_ERR_NO_MEMORY, "no memory for %zu bytes", bytes);
    }
    if (bytes > 0) {
        memcpy(memory, data, bytes);
    }
    box->root = corps_bin(memory, bytes);
    return CORPS_OK;
}

static enum corps_err keep_in(struct corps_box *box, struct keep what) {
    struct keep *kept = corps_box_alloc(box, sizeof *kept);
    if (kept == NULL) {
        drop_box(&what);
        return corps_error_set(CORPS_ERR_NO_MEMORY, "no memory to keep a part of a value");
    }
    *kept = what;
    kept->next = box->keeps;
    box->keeps = kept;
    return CORPS_OK;
}

enum corps_err corps_box_keep_block(struct corps_box *box, struct corps_block *block) {
    return keep_in(box, (struct keep){.kind = KEEP_BLOCK, .block = block});
}

enum corps_err corps_box_keep_object(struct corps_box *box, struct corps_object *object) {
    return keep_in(box, (struct keep){.kind = KEEP_OBJECT, .object = object});
}

enum corps_err corps_box_keep_box(struct corps_box *box, struct corps_box *other) {
    return keep_in(box, (struct keep){.kind = KEEP_BOX, .box = other});
}

enum corps_err corps_box_keep_name(struct corps_box *box, struct corps_name *name) {
    return keep_in(box, (struct keep){.kind = KEEP_NAME, .name = name});
}

/* ---- copying ---- */

static enum corps_err copy_into(struct corps_box *box, const struct corps_value *value, struct corps_value *out,
                                unsigned depth);

static enum corps_err copy_bytes(struct corps_box *box, const struct corps_value *value, struct corps_value *out) {
    uint8_t *memory = corps_box_alloc(box, value->count);
    if (memory == NULL) {
        return corps_error_set(CORPS_ERR_NO_MEMORY, "no memory for %zu bytes", value->count);
    }
    if (value->count > 0) {
        memcpy(memory, value->bin, value->count);
    }
    *out = *value;
    out->bin = memory;
    return CORPS_OK;
}

/* Arrays and maps alike: a map is an array of twice as many values. */
static enum corps_err copy_items(struct corps_box *box, const struct corps_value *value, struct corps_value *out,
                                 unsigned depth) {
    if (depth >= CORPS_VALUE_DEPTH_MAX) {
        return corps_error_set(CORPS_ERR_TOO_LARGE, "a value is nested deeper than %u levels", CORPS_VALUE_DEPTH_MAX);
    }
    size_t count = value->kind == CORPS_MAP ? value->count * 2 : value->count;
    struct corps_value *items = corps_box_alloc(box, count * sizeof *items);
    if (items == NULL) {
        return corps_error_set(CORPS_ERR_NO_MEMORY, "no memory for %zu items", count);
    }
    for (size_t i = 0; i < count; i++) {
        enum corps_err err = copy_into(box, &value->items[i], &items[i], depth + 1);
        if (err != CORPS_OK) {
            return err;
        }
    }
    *out = *value;
    out->items = items;
    return CORPS_OK;
}

static enum corps_err copy_into(struct corps_box *box, const struct corps_value *value, struct corps_value *out,
                                unsigned depth) {
    switch (value->kind) {
    case CORPS_STR:
    case CORPS_BIN:
        return copy_bytes(box, value, out);
    case CORPS_ARRAY:
    case CORPS_MAP:
        return copy_items(box, value, out, depth);
    case CORPS_NAME:
        *out = *value;
        return corps_box_keep_name(box, corps_name_ref(value->name));
    case CORPS_OBJECT:
        *out = *value;
        value->object->ops->retain(value->object);
        return corps_box_keep_object(box, value->object);
    case CORPS_BOX:
        *out = *value;
        return corps_box_keep_box(box, corps_box_ref(value->box));
    default:
        *out = *value;
        return CORPS_OK;
    }
}

_Static_assert(sizeof(struct corps_entry) == 2 * sizeof(struct corps_value), "a map is an array of pairs");

enum corps_err corps_box_copy(struct corps_box *box, const struct corps_value *value, struct corps_value *out) {
    return copy_into(box, value, out, 0);
}

enum corps_err corps_box_of(const struct corps_value *value, struct corps_box **box) {
    struct corps_box *made = corps_box_create();
    if (made == NULL) {
        return corps_error_set(CORPS_ERR_NO_MEMORY, "no memory for a value");
    }
    struct corps_value root;
    enum corps_err err = copy_into(made, value, &root, 0);
    if (err != CORPS_OK) {
        corps_box_unref(made);
        return err;
    }
    made->root = root;
    *box = made;
    return CORPS_OK;
}
