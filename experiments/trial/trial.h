/* Between the ways to perform a trial: in this program (trial.c), and in Python (python.c).
 *
 * Threads: one.
 */
#ifndef TRIAL_H
#define TRIAL_H

#include "lab.h"
#include "measure/noise.h"

/* The fields of a trial from what its driver has measured: the map that lab_driver_result makes. New reference. */
json_t *lab_trial_fields(const struct lab_cell *cell, const struct corps_value *result, const struct lab_noise *noise);

/* A trial whose lang is not c: experiments/python/lab_cell.py does it, or raw.py for a control. New reference. */
json_t *lab_python_trial(const struct lab_cell *cell);

#endif
