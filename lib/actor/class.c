#include "actor/class.h"

#include "actor/runtime.h"
#include "base/sized.h"
#include "value/name.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CLASS_BYTES 128u /* of struct corps_class in 0.1 */

static const struct corps__sized kind = CORPS__SIZED(corps_class, CLASS_BYTES);

/* A program's classes in our layout. Concs point to them, so they stay when the program names others. */
struct corps__classes_copy {
    struct corps__classes_copy *before;
    struct corps_class *own;
    const struct corps_class *classes[];
};

static size_t count_classes(const struct corps_class *const *classes) {
    size_t count = 0;
    while (classes[count] != NULL) {
        count++;
    }
    return count;
}

static bool makes_sense(const struct corps_class *class) {
    if (strncmp(class->name, CORPS__POOL_PREFIX, CORPS__POOL_PREFIX_BYTES) == 0) {
        corps_error_set(CORPS_ERR_INVALID, "class '%s': names that begin with '%s' are those of pools", class->name,
                        CORPS__POOL_PREFIX);
        return false;
    }
    if ((class->checkpoint == NULL) != (class->restore == NULL)) {
        corps_error_set(CORPS_ERR_INVALID, "class %s has a %s and no %s: each is of no use without the other",
                        class->name, class->restore == NULL ? "checkpoint" : "restore",
                        class->restore == NULL ? "restore" : "checkpoint");
        return false;
    }
    if (class->checkpoint_every_ns < 0 || (class->checkpoint_every_ns != 0 && class->checkpoint == NULL)) {
        corps_error_set(CORPS_ERR_INVALID, "class %s: checkpoint_every_ns is 0 or more, beside a checkpoint",
                        class->name);
        return false;
    }
    if (class->stuck_ns < 0) {
        corps_error_set(CORPS_ERR_INVALID, "class %s: stuck_ns is 0, for never, or more", class->name);
        return false;
    }
    return true;
}

/* Reads every class as ours into `copy`, which may be NULL: are they all ours as they are? False: INVALID. */
static bool take_classes(const struct corps_class *const *classes, struct corps__classes_copy *copy, bool *ours) {
    struct corps_class unused;
    *ours = true;
    for (size_t i = 0; classes[i] != NULL; i++) {
        const struct corps_class *taken = corps__sized_take(&kind, classes[i], copy != NULL ? &copy->own[i] : &unused);
        if (taken == NULL || !makes_sense(taken)) {
            return false;
        }
        *ours = *ours && taken == classes[i];
        if (copy != NULL) {
            copy->classes[i] = taken;
        }
    }
    return true;
}

void corps__classes_set(const struct corps_class *const *classes) {
    static const struct corps_class *const none[] = {NULL};
    struct corps__actors *actors = corps__actors;
    actors->classes = none;
    actors->classes_error[0] = '\0';
    bool ours;
    if (!take_classes(classes, NULL, &ours)) {
        snprintf(actors->classes_error, sizeof actors->classes_error, "%s", corps_error_detail());
        return;
    }
    if (ours) {
        actors->classes = classes;
        return;
    }
    size_t count = count_classes(classes);
    struct corps__classes_copy *copy = calloc(1, sizeof *copy + (count + 1) * sizeof copy->classes[0]);
    struct corps_class *own = calloc(count, sizeof *own);
    if (copy == NULL || own == NULL) {
        free(copy);
        free(own);
        snprintf(actors->classes_error, sizeof actors->classes_error, "no memory for the program's classes");
        return;
    }
    *copy = (struct corps__classes_copy){.before = actors->classes_copy, .own = own};
    (void)take_classes(classes, copy, &ours);
    actors->classes_copy = copy;
    actors->classes = copy->classes;
}

enum corps_err corps__classes_check(void) {
    if (corps__actors->classes == NULL) {
        return corps_error_set(CORPS_ERR_INVALID, "call corps_start first thing in main, before corps_create");
    }
    return corps__actors->classes_error[0] == '\0'
               ? CORPS_OK
               : corps_error_set(CORPS_ERR_INVALID, "a class cannot be used: %s", corps__actors->classes_error);
}

void corps__class_builtin_set(const struct corps_class *class) {
    corps__actors->builtin = class;
}

static bool is_builtin(const char *name, size_t bytes) {
    const struct corps_class *builtin = corps__actors->builtin;
    return builtin != NULL && strlen(builtin->name) < bytes && memcmp(builtin->name, name, strlen(builtin->name)) == 0;
}

const struct corps_class *corps__class_find(const char *name, size_t bytes) {
    const struct corps_class *any = NULL;
    if (is_builtin(name, bytes)) {
        return corps__actors->builtin;
    }
    for (const struct corps_class *const *class = corps__actors->classes; class != NULL && *class != NULL; class ++) {
        if (strlen((*class)->name) == bytes && memcmp((*class)->name, name, bytes) == 0) {
            return *class;
        }
        if (strcmp((*class)->name, CORPS_ANY_CLASS) == 0) {
            any = *class;
        }
    }
    return any;
}
