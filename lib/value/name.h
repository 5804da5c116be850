/* Names: addresses of Workers. */
#ifndef CORPS_NAME_H
#define CORPS_NAME_H

#include <corps.h>

#include <stdatomic.h>

#define CORPS__GUEST_ENV UINT32_MAX /* a program's Env number: nothing can be addressed there */

/* The class text of a pool's Name is this, and the class of its members. */
#define CORPS__POOL_PREFIX "pool of "
enum { CORPS__POOL_PREFIX_BYTES = sizeof CORPS__POOL_PREFIX - 1 };

struct corps__route;

/* What a Name holds from its first call on, and lets go of when it is freed. */
struct corps__held {
    void (*let_go)(struct corps__held *held);
};

/* With a class text of up to eleven bytes and malloc's word before it, it takes 64 bytes. */
struct corps_name {
    uint64_t corps_id;
    struct corps__held *_Atomic corps;  /* its Corps, found at the first call, if it is not the own one */
    struct corps__route *_Atomic route; /* likewise; lives as long as the Corps */
    struct corps__held *_Atomic pool;   /* of a pool: what is known of its members, corps__pool_unknown before the
                                           first call; NULL: its calls go to a Conc */
    _Atomic unsigned refs;
    uint32_t env;
    uint32_t conc;
    char class_name[];
};

/* Holds nothing. */
extern struct corps__held corps__pool_unknown;

/* Do its calls go to members of a pool (see actor/pooled.h)? By its class text, when it is made. */
static inline bool corps__name_is_pool(const struct corps_name *name) {
    return atomic_load_explicit(&name->pool, memory_order_relaxed) != NULL;
}

/* A Name just made is one Conc's, whatever its class text is. */
static inline void corps__name_not_pool(struct corps_name *name) {
    atomic_store_explicit(&name->pool, NULL, memory_order_relaxed);
}

/* Gives a reference. Errors: NO_MEMORY and those of corps__symbol_check. */
enum corps_err corps__name_create(uint64_t corps_id, uint32_t env, uint32_t conc, const char *class_name,
                                  size_t class_bytes, struct corps_name **name) CORPS_CHECKED;

#endif
