/* What a machine is like, measured: by these three figures machines are compared, since names of processors tell little
 * of them. */
#ifndef MEASURED_H
#define MEASURED_H

#include "run/process.h"

/* {"wake_ns": …, "line_ns": …, "copy_bytes_per_s": …}, by short trials of bare controls; null what could not be
 * measured. wake_ns: by how much one way between two sleeping processes takes longer across processors than on one,
 * which is the waking of a processor; line_ns: a cache line across processors and back; copy_bytes_per_s: 64 KiB within
 * the caches. Takes half a second. A signal that ends runs ends this as well. New reference. */
json_t *lab_measured(struct lab_signals *signals);

#endif
