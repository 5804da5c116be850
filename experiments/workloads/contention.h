/* Many callers at once: what fanin (n : 1) and mesh (n : n) share. Each caller has one call out at a time, to the
 * called Workers in turn, and takes the times itself; the driver starts all of them, adds up what they found, and asks
 * the called Workers how many calls came.
 *
 * Threads: each struct belongs to one Conc.
 */
#ifndef WORKLOADS_CONTENTION_H
#define WORKLOADS_CONTENTION_H

#include "workloads/common.h"

extern const struct corps_class lab_caller_class;
extern const struct corps_class lab_called_class;
extern const struct corps_class lab_contention_driver_class;

/* Runs the workload with as many callers as the cell has concs, spread over the Envs from `first_caller_env` on, and
 * `called_count` called Workers, over all Envs. Gives the driver's result. */
enum corps_err lab_contention_run(struct corps *corps, const struct lab_cell *cell, unsigned first_caller_env,
                                  unsigned called_count, struct corps_box **box) CORPS_CHECKED;

#endif
