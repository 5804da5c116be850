/* Where the time of calls goes: the stamps of both sides, joined call by call (corps/trace.h).
 *
 * The driver lends memory for its own stamps, asks the Env of its server to do the same by the class LabTracer, and
 * afterwards gets the median of each stage over the calls that have every stamp. Where the receiver was faster than the
 * return of the sender's call, sending ends with the receiving, so that no stage is negative.
 *
 * Threads: the driver's.
 */
#ifndef WORKLOADS_STAGES_H
#define WORKLOADS_STAGES_H

#include "workloads/common.h"

#include <corps/trace.h>

enum { LAB_STAGED_CALLS = 4096, LAB_STAGE_STAMPS = LAB_STAGED_CALLS * CORPS_STAGE_COUNT / 2, LAB_STAGES = 11 };

struct lab_stages {
    struct corps_stamp *own;
    const struct corps_name *tracer; /* NULL: nothing is traced */
    struct corps_entry entries[LAB_STAGES];
    struct corps_value map; /* name of the stage → median in ns; empty when no call has every stamp */
};

/* The class whose Conc traces an Env: its methods are `begin` and `end`. */
extern const struct corps_class lab_tracer_class;

/* Begins on both sides. `tracer` (NULL: do nothing) is the Conc in the Env that is called. */
enum corps_err lab_stages_begin(struct lab_stages *stages, struct corps_context *context,
                                const struct corps_name *tracer) CORPS_CHECKED;

/* Ends on both sides and fills `map`. */
enum corps_err lab_stages_end(struct lab_stages *stages, struct corps_context *context) CORPS_CHECKED;

/* Frees what begin took; after any error too. */
void lab_stages_finish(struct lab_stages *stages);

#endif
