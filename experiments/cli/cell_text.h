/* A trial for people. */
#ifndef CELL_TEXT_H
#define CELL_TEXT_H

#include "lab.h"

#include <stdio.h>

/* Prints what a trial's line (cell/cell.h) says as a few lines of at most 80 columns, the answer last. Of a failed
 * trial there is only what was tried: the reason is for the caller to say. */
void lab_cell_print(const struct lab_cell *cell, const json_t *line, FILE *out);

#endif
