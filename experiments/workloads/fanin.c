/* n : 1: `concs` callers at once, one call each, all to one Worker. */
#include "workloads/contention.h"

static enum corps_err run_fanin(struct corps *corps, const struct lab_cell *cell, struct corps_box **box) {
    return lab_contention_run(corps, cell, 1, 1, box);
}

const struct lab_workload lab_workload_fanin = {
    .name = "fanin",
    .summary = "`concs` callers at once, all to one Worker",
    .concs = 8,
    .classes = {&lab_caller_class, &lab_called_class, &lab_contention_driver_class, NULL},
    .impossible = lab_needs_delivery,
    .run = run_fanin,
};
