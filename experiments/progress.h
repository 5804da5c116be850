/* How far a run is: a bar on a terminal, otherwise a line now and then; the time left from the trials measured so far.
 */
#ifndef PROGRESS_H
#define PROGRESS_H

#include "lab.h"

struct lab_progress {
    bool terminal;
    size_t total;  /* trials of this run */
    size_t before; /* done by an earlier run that this one goes on with */
    size_t done;
    size_t failed;
    double begin_s;
    double said_s; /* when the last line was printed */
    size_t said_tenth;
};

void lab_progress_begin(struct lab_progress *progress, size_t total, size_t before);

/* Shows which trial runs now. */
void lab_progress_show(struct lab_progress *progress, const struct lab_cell *cell);

/* A trial has ended; `reason` is NULL, or why it failed, which is said at once. */
void lab_progress_done(struct lab_progress *progress, const struct lab_cell *cell, const char *reason);

/* Removes the bar. */
void lab_progress_end(struct lab_progress *progress);

#endif
