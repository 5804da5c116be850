#include "value/name.h"

#include "base/symbol.h"

#include <corps/serializer.h>

#include <endian.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Encoded: corps id (8 bytes), Env (4), Conc (4), class name; little-endian. */
enum { FIXED_BYTES = 16 };

static void let_go_of_nothing(struct corps__held *held) {
    (void)held;
}

struct corps__held corps__pool_unknown = {.let_go = let_go_of_nothing};

enum corps_err corps__name_create(uint64_t corps_id, uint32_t env, uint32_t conc, const char *class_name,
                                  size_t class_bytes, struct corps_name **name) {
    enum corps_err err = corps__symbol_check(class_name, class_bytes);
    if (err != CORPS_OK) {
        return err;
    }
    struct corps_name *made = calloc(1, offsetof(struct corps_name, class_name) + class_bytes + 1);
    if (made == NULL) {
        return corps_error_set(CORPS_ERR_NO_MEMORY, "no memory for a Name");
    }
    made->refs = 1;
    if (class_bytes > CORPS__POOL_PREFIX_BYTES &&
        memcmp(class_name, CORPS__POOL_PREFIX, CORPS__POOL_PREFIX_BYTES) == 0) {
        atomic_store_explicit(&made->pool, &corps__pool_unknown, memory_order_relaxed);
    }
    made->corps_id = corps_id;
    made->env = env;
    made->conc = conc;
    memcpy(made->class_name, class_name, class_bytes);
    *name = made;
    return CORPS_OK;
}

struct corps_name *corps_name_ref(const struct corps_name *name) {
    struct corps_name *counted = (struct corps_name *)(uintptr_t)name; /* the count is the one thing that changes */
    atomic_fetch_add_explicit(&counted->refs, 1, memory_order_relaxed);
    return counted;
}

void corps_name_unref(struct corps_name *name) {
    if (name != NULL && atomic_fetch_sub(&name->refs, 1) == 1) {
        struct corps__held *corps = atomic_load(&name->corps);
        struct corps__held *pool = atomic_load(&name->pool);
        free(name);
        if (pool != NULL) {
            pool->let_go(pool);
        }
        if (corps != NULL) {
            corps->let_go(corps);
        }
    }
}

bool corps_name_equal(const struct corps_name *a, const struct corps_name *b) {
    return a->corps_id == b->corps_id && a->env == b->env && a->conc == b->conc;
}

unsigned corps_name_env(const struct corps_name *name) {
    return name->env;
}

void corps_name_address(const struct corps_name *name, uint64_t *corps_id, unsigned *env, unsigned *conc) {
    *corps_id = name->corps_id;
    *env = name->env;
    *conc = name->conc;
}

const char *corps_name_class(const struct corps_name *name) {
    return name->class_name;
}

size_t corps_name_text(const struct corps_name *name, char *out, size_t out_bytes) {
    int length = snprintf(out, out_bytes, "L%u:M%u.%u Class %s", name->env, name->env, name->conc, name->class_name);
    return length > 0 ? (size_t)length : 0;
}

enum corps_err corps_name_encode(const struct corps_name *name, uint8_t out[CORPS_NAME_BYTES_MAX], size_t *bytes) {
    uint64_t corps_id = htole64(name->corps_id);
    uint32_t env = htole32(name->env);
    uint32_t conc = htole32(name->conc);
    size_t class_bytes = strlen(name->class_name);
    memcpy(out, &corps_id, 8);
    memcpy(out + 8, &env, 4);
    memcpy(out + 12, &conc, 4);
    memcpy(out + FIXED_BYTES, name->class_name, class_bytes);
    *bytes = FIXED_BYTES + class_bytes;
    return CORPS_OK;
}

enum corps_err corps_name_decode(const uint8_t *data, size_t bytes, struct corps_name **name) {
    if (bytes <= FIXED_BYTES || bytes > CORPS_NAME_BYTES_MAX) {
        return corps_error_set(CORPS_ERR_CORRUPT, "a Name cannot have %zu bytes", bytes);
    }
    uint64_t corps_id;
    uint32_t env;
    uint32_t conc;
    memcpy(&corps_id, data, 8);
    memcpy(&env, data + 8, 4);
    memcpy(&conc, data + 12, 4);
    return corps__name_create(le64toh(corps_id), le32toh(env), le32toh(conc), (const char *)data + FIXED_BYTES,
                              bytes - FIXED_BYTES, name);
}
