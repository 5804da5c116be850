/* run --until: which cells are known well enough, so that they need no more blocks. experiments/report/until.py
 * decides, by the same statistics that the report tells. */
#ifndef UNTIL_H
#define UNTIL_H

#include "run/run.h"

/* Reads the run's file and sets `settled` (as long as a block's trials, see lab_run_position) for cells that need no
 * more blocks; others stay. False with one line in `error`. */
bool lab_until_look(const struct lab_run *run, bool *settled, char error[LAB_ERROR_BYTES]);

#endif
