/* Names: addresses of Workers. */
#ifndef CORPS_NAME_H
#define CORPS_NAME_H

#include "wait/runtime.h"

struct corps__route;

struct corps_name {
    _Atomic unsigned refs;
    uint64_t corps_id;
    uint32_t env;
    uint32_t conc;
    struct corps *_Atomic corps; /* found at the first call, if it is not the own one, and held from then on: known.h */
    struct corps__route *_Atomic route; /* likewise; lives as long as the Corps */
    char class_name[];
};

/* Gives a reference. Errors: NO_MEMORY and those of corps__symbol_check. */
enum corps_err corps__name_create(uint64_t corps_id, uint32_t env, uint32_t conc, const char *class_name,
                                  size_t class_bytes, struct corps_name **name) CORPS_CHECKED;

#endif
