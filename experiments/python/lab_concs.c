/* The Concs in C that Python Concs call, and that call them: those of the workloads, as a shared object for
 * corps.load_classes. The same code as with lang=c, so that only the other side differs. */
#include "workloads/registry.h"

/* What load_classes looks for: classes, then NULL. */
CORPS_API extern const struct corps_class *corps_classes[];
const struct corps_class *corps_classes[LAB_CLASSES_MAX + 1];

__attribute__((constructor)) static void list_classes(void) {
    const struct corps_class *const *classes = lab_classes();
    for (size_t i = 0; classes[i] != NULL; i++) {
        corps_classes[i] = classes[i];
    }
}
