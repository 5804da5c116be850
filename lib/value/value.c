#include <corps.h>
#include <corps/value.h>

#include <math.h>

static const char *const kind_names[] = {
    [CORPS_NIL] = "nil",   [CORPS_BOOL] = "bool",     [CORPS_INT] = "int",     [CORPS_FLOAT] = "float",
    [CORPS_STR] = "str",   [CORPS_BIN] = "bin",       [CORPS_ARRAY] = "array", [CORPS_MAP] = "map",
    [CORPS_NAME] = "name", [CORPS_OBJECT] = "object", [CORPS_BOX] = "box",
};

const char *corps_kind_name(enum corps_kind kind) {
    return (unsigned)kind < sizeof kind_names / sizeof kind_names[0] ? kind_names[kind] : "?";
}

const struct corps_value *corps_value_open(const struct corps_value *value) {
    while (value->kind == CORPS_BOX) {
        value = corps_box_root(value->box);
    }
    return value;
}

const struct corps_value *corps_value_item(const struct corps_value *array, size_t index) {
    if (array == NULL) {
        return NULL;
    }
    array = corps_value_open(array);
    return array->kind == CORPS_ARRAY && index < array->count ? corps_value_open(&array->items[index]) : NULL;
}

const struct corps_value *corps_value_get(const struct corps_value *map, const char *key) {
    if (map == NULL) {
        return NULL;
    }
    map = corps_value_open(map);
    size_t bytes = strlen(key);
    for (size_t i = 0; map->kind == CORPS_MAP && i < map->count; i++) {
        const struct corps_value *found = corps_value_open(&map->entries[i].key);
        if (found->kind == CORPS_STR && found->count == bytes && memcmp(found->str, key, bytes) == 0) {
            return corps_value_open(&map->entries[i].value);
        }
    }
    return NULL;
}

static bool equal_bytes(const struct corps_value *a, const struct corps_value *b) {
    return a->count == b->count && (a->count == 0 || memcmp(a->bin, b->bin, a->count) == 0);
}

static bool equal_items(const struct corps_value *a, const struct corps_value *b) {
    if (a->count != b->count) {
        return false;
    }
    size_t count = a->kind == CORPS_MAP ? a->count * 2 : a->count; /* a map's entries are pairs of values */
    for (size_t i = 0; i < count; i++) {
        if (!corps_value_equal(&a->items[i], &b->items[i])) {
            return false;
        }
    }
    return true;
}

bool corps_value_equal(const struct corps_value *a, const struct corps_value *b) {
    a = corps_value_open(a);
    b = corps_value_open(b);
    if (a->kind != b->kind) {
        return false;
    }
    switch (a->kind) {
    case CORPS_NIL:
        return true;
    case CORPS_BOOL:
        return a->boolean == b->boolean;
    case CORPS_INT:
        return a->integer == b->integer;
    case CORPS_FLOAT:
        return a->number == b->number || (a->number != a->number && b->number != b->number);
    case CORPS_STR:
    case CORPS_BIN:
        return equal_bytes(a, b);
    case CORPS_ARRAY:
    case CORPS_MAP:
        return equal_items(a, b);
    case CORPS_NAME:
        return corps_name_equal(a->name, b->name);
    case CORPS_OBJECT:
        return a->object == b->object ||
               (a->object->ops == b->object->ops && a->object->ops->equal(a->object, b->object));
    case CORPS_BOX:
        break;
    }
    return false;
}

/* FNV-1a, 64 bit (Fowler, Noll, Vo). */
static uint64_t mix_hash(uint64_t hash, const void *data, size_t bytes) {
    const uint8_t *at = data;
    for (size_t i = 0; i < bytes; i++) {
        hash = (hash ^ at[i]) * 1099511628211u;
    }
    return hash;
}

/* Equal numbers have equal hashes: 0.0 and -0.0 are equal, and so are all NaNs. */
static uint64_t hash_number(uint64_t hash, double number) {
    double same = number != number ? (double)NAN : number == 0 ? 0 : number;
    return mix_hash(hash, &same, sizeof same);
}

static uint64_t hash_into(uint64_t hash, const struct corps_value *value) {
    value = corps_value_open(value);
    uint8_t kind = (uint8_t)value->kind;
    uint64_t count = value->count;
    hash = mix_hash(mix_hash(hash, &kind, sizeof kind), &count, sizeof count);
    switch (value->kind) {
    case CORPS_BOOL:
        return mix_hash(hash, &value->boolean, sizeof value->boolean);
    case CORPS_INT:
        return mix_hash(hash, &value->integer, sizeof value->integer);
    case CORPS_FLOAT:
        return hash_number(hash, value->number);
    case CORPS_STR:
    case CORPS_BIN:
        return mix_hash(hash, value->bin, value->count);
    case CORPS_ARRAY:
    case CORPS_MAP:
        for (size_t i = 0; i < (value->kind == CORPS_MAP ? value->count * 2 : value->count); i++) {
            hash = hash_into(hash, &value->items[i]);
        }
        return hash;
    default:
        return hash;
    }
}

uint64_t corps_value_hash(const struct corps_value *value) {
    uint64_t hash = hash_into(14695981039346656037u, value);
    return hash != 0 ? hash : 1;
}
