/* n : n: `concs` callers over all Envs, each to every one of as many Workers in turn. Its classes are those of fanin.
 */
#include "workloads/contention.h"

static enum corps_err run_mesh(struct corps *corps, const struct lab_cell *cell, struct corps_box **box) {
    return lab_contention_run(corps, cell, 0, cell->concs, box);
}

const struct lab_workload lab_workload_mesh = {
    .name = "mesh",
    .summary = "`concs` callers at once, each to every one of as many Workers",
    .concs = 8,
    .classes = {NULL},
    .impossible = lab_needs_delivery,
    .run = run_mesh,
};
