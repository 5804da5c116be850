/* Names: addresses of Workers. */
#ifndef CORPS_NAME_H
#define CORPS_NAME_H

#include <corps.h>

#include <stdatomic.h>

#define CORPS__GUEST_ENV UINT32_MAX /* a program's Env number: nothing can be addressed there */

struct corps__route;

/* What a Name holds from its first call on, and lets go of when it is freed. */
struct corps__held {
    void (*let_go)(struct corps__held *held);
};

struct corps_name {
    _Atomic unsigned refs;
    uint64_t corps_id;
    uint32_t env;
    uint32_t conc;
    struct corps__held *_Atomic corps;  /* its Corps, found at the first call, if it is not the own one */
    struct corps__route *_Atomic route; /* likewise; lives as long as the Corps */
    char class_name[];
};

/* Gives a reference. Errors: NO_MEMORY and those of corps__symbol_check. */
enum corps_err corps__name_create(uint64_t corps_id, uint32_t env, uint32_t conc, const char *class_name,
                                  size_t class_bytes, struct corps_name **name) CORPS_CHECKED;

#endif
