/* The fields of a trial's line, the same for Corps trials and raw controls.
 *
 * Threads: any.
 */
#ifndef TRIAL_FIELDS_H
#define TRIAL_FIELDS_H

#include "lab.h"
#include "measure/steps.h"

#include <stdarg.h>

/* What was measured. A negative double means "not known" and becomes null. */
struct lab_measures {
    uint64_t messages;
    double seconds;
    const struct lab_histogram *histogram; /* borrowed */
    double latencies;                      /* that were taken: fewer than are in the histogram where some are shares */
    uint64_t size_bytes;                   /* the payload as encoded */
    double cpu_ns;                         /* of all processes that took part, in the timed section */
    double system_share;                   /* 0 … 1 of cpu_ns */
    double voluntary;                      /* switches in the timed section */
    double involuntary;
    double page_faults;
    double peak_rss_bytes;
    double bytes_each; /* memory that each Conc or link made in the timed section takes; below 0 for none */
    double wire_bytes; /* per message, there and back; encoded arguments and results without headers */
    const struct lab_step_counts *counts; /* of one message; borrowed; NULL where none were taken */
};

/* ok = true and every field. `flags` says what makes the trial suspect, `notes` what its figures mean where that is not
 * plain, `context` (see measure/noise.h) what else went on; all three are taken. New reference. */
json_t *lab_fields_of(const struct lab_measures *measures, json_t *flags, json_t *notes, json_t *context);

/* ok = false, the reason, and null for every figure: a failed trial is never a fast one. New reference. */
json_t *lab_fields_failed(const char *format, ...) CORPS_PRINTF(1, 2);

#endif
