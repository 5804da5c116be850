/* What went wrong with a request, kept: one allocation, the texts behind the struct. */
#ifndef CORPS_FAILURE_H
#define CORPS_FAILURE_H

#include <corps.h>

struct corps__failure {
    struct corps_error_info info; /* its pointers lead into this allocation */
    char texts[];
};

/* What a caller filled in, as this version's layout. What it does not know is itself the failure: INVALID, saying so in
 * this thread's detail, which is lent. */
struct corps_error_info corps__error_info_take(const struct corps_error_info *given);

/* A copy of `info`. NULL when out of memory. */
struct corps__failure *corps__failure_create(const struct corps_error_info *info);

/* As [code, type, text, traceback, origin, detail]: in messages and in records. `items` are borrowed from `info`. */
enum { CORPS__FAILURE_ITEMS = 6 };
void corps__failure_items(const struct corps_error_info *info, struct corps_value items[CORPS__FAILURE_ITEMS]);

/* The failure that such items describe: what is missing or of another kind becomes empty, an unknown code REMOTE.
 * `trusted`: see corps_error_info. NULL when out of memory. */
struct corps__failure *corps__failure_of_items(const struct corps_value *array, size_t first, bool trusted);

/* What corps_create_failure tells on this thread; takes `failure`, which may be NULL. */
void corps__create_failure_set(struct corps__failure *failure);

#endif
