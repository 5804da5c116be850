/* Savina's counting actor: a million messages to one Worker, which must have counted all. */
#include "workloads/savina_flood.h"

static enum corps_err run_counting(struct corps *corps, const struct lab_cell *cell, struct corps_box **box) {
    return savina_perform(corps, cell, savina_flood_class.name, savina_counter_class.name, box);
}

const struct lab_workload lab_workload_savina_counting = {
    .name = "savina-counting",
    .summary = "Savina: 1,000,000 messages to a Worker that counts",
    .traits = LAB_WORKLOAD_C_ALONE | LAB_WORKLOAD_UNANSWERED,
    .scale = 100,
    .classes = {&savina_flood_class, &savina_counter_class, NULL},
    .impossible = savina_impossible,
    .run = run_counting,
};
