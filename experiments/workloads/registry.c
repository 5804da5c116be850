#include "workloads/registry.h"

#include "workloads/where.h"

#include <string.h>

#define WORKLOAD(name) extern const struct lab_workload lab_workload_##name;
#include "workloads/workload_rows.h"
#undef WORKLOAD

static const struct lab_workload *const workloads[] = {
#define WORKLOAD(name) &lab_workload_##name,
#include "workloads/workload_rows.h"
#undef WORKLOAD
};

const struct lab_workload *lab_workload_at(unsigned index) {
    return index < LAB_WORKLOAD_COUNT ? workloads[index] : NULL;
}

const struct lab_workload *lab_workload_find(const char *name) {
    for (unsigned i = 0; i < LAB_WORKLOAD_COUNT; i++) {
        if (strcmp(workloads[i]->name, name) == 0) {
            return workloads[i];
        }
    }
    return NULL;
}

/* Called at the beginning of main, before there is a second thread. */
const struct corps_class *const *lab_classes(void) {
    static const struct corps_class *classes[LAB_CLASSES_MAX + 1];
    if (classes[0] == NULL) {
        size_t count = 0;
        for (unsigned i = 0; i < LAB_WORKLOAD_COUNT; i++) {
            for (unsigned k = 0; workloads[i]->classes[k] != NULL; k++) {
                classes[count++] = workloads[i]->classes[k];
            }
        }
        classes[count] = &lab_where_class;
    }
    return classes;
}
