/* The Concs in C that Python Concs call, and that call them: those of the workloads, as a shared object for
 * corps.load_classes. The same code as with lang=c, so that only the other side differs. */
#include "lab.h"

enum { CLASSES_MAX = 64 };

/* What load_classes looks for: classes, then NULL. */
CORPS_API extern const struct corps_class *corps_classes[];
const struct corps_class *corps_classes[CLASSES_MAX + 1];

__attribute__((constructor)) static void list_classes(void) {
    const struct corps_class *const *classes = lab_classes();
    for (size_t i = 0; i < CLASSES_MAX && classes[i] != NULL; i++) {
        corps_classes[i] = classes[i];
    }
}
