/* A matrix file: which cells an experiment has. See docs/results-format.md for the file's form.
 *
 * A matrix has families; a family's axes are multiplied. The first axis varies fastest: cells that differ in it alone
 * are neighbours (a *group*), and a plan keeps a group together, so that they are compared within minutes of each
 * other.
 *
 * Lifecycle: load → use → finish (also after an error).
 */
#ifndef MATRIX_H
#define MATRIX_H

#include "plan/reader.h"

enum {
    LAB_NAME_BYTES = 64,
    LAB_MATRIX_CELLS_MAX = 20000, /* of one family */
};

struct lab_matrix_family {
    char name[LAB_NAME_BYTES];
    struct lab_cell *cells; /* finished; possible or not */
    size_t count;
    size_t group; /* number of cells in a group */
};

struct lab_matrix {
    char name[LAB_NAME_BYTES];
    char about[256];
    unsigned blocks; /* 0 = the file does not say */
    unsigned arms;   /* 2: each cell has an identical twin in arm b */
    bool controls;   /* raw controls and the A/A duplicate in every block */
    struct lab_matrix_family *families;
    size_t family_count;
    json_t *limits; /* array, see limit_rows.h */
};

/* Reads a file. False with one line "file:line:column: …" in `error`. */
bool lab_matrix_load(struct lab_matrix *matrix, const char *path, char error[LAB_MATRIX_ERROR_BYTES]);
void lab_matrix_finish(struct lab_matrix *matrix);

/* ---- between matrix.c (the file as a whole) and family.c (one family's axes) ---- */

/* Sets keys of a cell from a map: `trial` (lengths only) or `defaults` (axes only). */
bool lab_reader_keys(struct lab_reader *reader, yaml_node_t *key, yaml_node_t *map, bool axes, struct lab_cell *cell);

/* Reads one entry of `families`. `key` is the word `families`. */
bool lab_reader_family(struct lab_reader *reader, yaml_node_t *key, yaml_node_t *node,
                       struct lab_matrix_family *family);

#endif
