/* Savina's fork-join throughput: 10,000 messages to each of 60 Workers, in turn; each must have counted its own. */
#include "workloads/savina_flood.h"

static enum corps_err run_forkjoin(struct corps *corps, const struct lab_cell *cell, struct corps_box **box) {
    return savina_perform(corps, cell, savina_many_flood_class.name, savina_counter_class.name, box);
}

const struct lab_workload lab_workload_savina_forkjoin = {
    .name = "savina-forkjoin",
    .summary = "Savina: 10,000 messages to each of `concs` Workers",
    .traits = LAB_WORKLOAD_C_ALONE | LAB_WORKLOAD_UNANSWERED,
    .concs = 60,
    .scale = 100,
    .classes = {&savina_many_flood_class, NULL}, /* the other is counting's */
    .impossible = savina_impossible,
    .run = run_forkjoin,
};
