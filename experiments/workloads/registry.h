/* How many workloads there are, and room for the classes of all. */
#ifndef WORKLOADS_REGISTRY_H
#define WORKLOADS_REGISTRY_H

#include "lab.h"

enum {
#define WORKLOAD(name) +1
    LAB_WORKLOAD_COUNT = 0
#include "workloads/workload_rows.h"
#undef WORKLOAD
    ,
    LAB_CLASSES_MAX = LAB_WORKLOAD_COUNT * LAB_WORKLOAD_CLASSES_MAX + 1 /* where.h */
};

#endif
