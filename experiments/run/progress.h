/* How far a run is: on a terminal a bar, the time left and the last trials with their medians; otherwise a line now and
 * then. The time left comes from the trials measured so far, see estimate.h.
 */
#ifndef PROGRESS_H
#define PROGRESS_H

#include "lab.h"
#include "run/estimate.h"

enum { LAB_PROGRESS_ROWS = 6, LAB_PROGRESS_ROW_BYTES = 200 };

struct lab_progress {
    bool terminal;
    size_t total;  /* trials of this run */
    size_t before; /* done by an earlier run that this one goes on with */
    size_t done;
    size_t failed;
    unsigned block, blocks;        /* the present one, from 0; and all */
    struct lab_estimate *estimate; /* borrowed */
    double said_s;                 /* when the last line was printed */
    size_t said_tenth;
    char rows[LAB_PROGRESS_ROWS][LAB_PROGRESS_ROW_BYTES]; /* the last trials, as a ring */
    size_t row_count;                                     /* ever */
    unsigned drawn;                                       /* lines on the terminal */
};

void lab_progress_begin(struct lab_progress *progress, size_t total, size_t before, unsigned blocks,
                        struct lab_estimate *estimate);

/* Shows which trial runs now, and in which block. */
void lab_progress_show(struct lab_progress *progress, const struct lab_cell *cell, unsigned block);

/* A trial has ended, with the line that it gave; a failure is said at once. */
void lab_progress_done(struct lab_progress *progress, const struct lab_cell *cell, const json_t *line);

/* Removes what stands on the terminal. */
void lab_progress_end(struct lab_progress *progress);

#endif
