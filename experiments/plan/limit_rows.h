/* Limits: what the cells of a matrix are meant to reach. A row names a cell, a figure, and a bound: absolute, or of the
 * ratio to other cells of the same blocks. The rows stand in the matrix file and go into the run's first line as JSON,
 * with every cell complete, so that a report needs no matrix. See docs/results-format.md.
 */
#ifndef LIMIT_ROWS_H
#define LIMIT_ROWS_H

#include "plan/matrix.h"

/* Reads the list under `limits` and appends its rows to `limits`. Cells are read with reader->base. */
bool lab_limits_read(struct lab_reader *reader, yaml_node_t *key, yaml_node_t *list, json_t *limits);

#endif
