/* A plan: what a run does. Families of at most 40 cells, each with its controls, in blocks of shuffled order.
 *
 * Every block of a family holds each of its cells once, the raw controls that bound them, and a duplicate (arm=aa) of
 * the family's first cell. The order within a block follows from the run's seed, the block and the family's name.
 *
 * Lifecycle: make → use → finish (also after an error).
 */
#ifndef PLAN_H
#define PLAN_H

#include "plan/matrix.h"

#include <stdio.h>

enum { LAB_FAMILY_CELLS_MAX = 40, LAB_ONLY_MAX = 16 };

/* A cell that is left out, and why. */
struct lab_drop {
    char family[LAB_NAME_BYTES];
    struct lab_cell cell;
    char why[LAB_ERROR_BYTES];
};

struct lab_family {
    char name[LAB_NAME_BYTES]; /* a large family of the matrix becomes "name/1", "name/2", … */
    struct lab_cell *cells;    /* first the matrix's, then the duplicate and the controls */
    size_t own_count;          /* of the matrix's */
    size_t count;
};

struct lab_plan {
    struct lab_family *families;
    size_t family_count;
    struct lab_drop *drops;
    size_t drop_count;
    size_t repeat_count; /* cells that an earlier family has already */
};

struct lab_plan_options {
    char *const *only;
    size_t only_count;
    bool stages;   /* echo cells stamp their stages, where they can */
    bool two_arms; /* each of the matrix's cells has a twin in arm b */
};

/* Makes the plan of a matrix. `only` holds "key=value[,value]…" texts: a cell stays when it fits all of them; key may
 * also be family. False with one line in `error`: a wrong text, or nothing is left. */
bool lab_plan_make(struct lab_plan *plan, const struct lab_matrix *matrix, const struct lab_plan_options *options,
                   char error[LAB_MATRIX_ERROR_BYTES]);
void lab_plan_finish(struct lab_plan *plan);

/* Trials of one block. */
size_t lab_plan_trials(const struct lab_plan *plan);

/* Writes the numbers 0 … family->count - 1 in the order of a block. */
void lab_plan_order(const struct lab_family *family, uint64_t seed, unsigned block, unsigned *order);

/* Names what the plan consists of, so that a run is resumed with the same: 16 hexadecimal digits. */
void lab_plan_id(const struct lab_plan *plan, char out[17]);

/* One line: how many cells were left out and for what reasons. "" when none. */
void lab_plan_drops_text(const struct lab_plan *plan, char *out, size_t out_bytes);

/* For --dry-run: every family, cell and drop. */
void lab_plan_print(const struct lab_plan *plan, unsigned blocks, FILE *out);

/* ---- controls.c ---- */

/* Appends the duplicate and the controls to a family whose own cells are there. False when out of memory. */
bool lab_family_add_controls(struct lab_family *family);

/* Appends a cell to a family. False when out of memory. */
bool lab_family_add(struct lab_family *family, const struct lab_cell *cell);

#endif
