/* The classes of this program. */
#ifndef CORPS_ACTOR_CLASS_H
#define CORPS_ACTOR_CLASS_H

#include <corps.h>

/* NULL at the end. They stay the program's own structs where these are of our layout. */
void corps__classes_set(const struct corps_class *const *classes);

/* Errors: INVALID, none were set, or one holds what this version does not know. */
enum corps_err corps__classes_check(void) CORPS_CHECKED;

/* A class of the core's own, which serves every class name that its own name is the beginning of; lives for ever. */
void corps__class_builtin_set(const struct corps_class *class);

/* The one of this name, or the one for any, or NULL. */
const struct corps_class *corps__class_find(const char *name, size_t bytes);

#endif
