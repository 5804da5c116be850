/* How long the rest of a run takes: every cell costs what its own earlier trials did; one that has not run yet what the
 * others of its family did; before any of those has run, what all did. Families differ by a factor of ten and more in
 * the length of their trials, so that a plain mean would be wrong until the end.
 *
 * Lifecycle: make, say each cell's family and how many trials are left, done and left in turn, finish.
 */
#ifndef ESTIMATE_H
#define ESTIMATE_H

#include <stdbool.h>
#include <stddef.h>

struct lab_estimate_cell {
    size_t family;  /* below the number of cells */
    unsigned left;  /* trials to come */
    unsigned seen;  /* trials measured */
    double seconds; /* that those took together */
};

struct lab_estimate {
    struct lab_estimate_cell *cells;
    struct lab_estimate_cell *families; /* sums; for left */
    size_t count;
};

/* For `count` cells, with nothing left and nothing seen. False when out of memory. */
bool lab_estimate_make(struct lab_estimate *estimate, size_t count);
void lab_estimate_finish(struct lab_estimate *estimate);

/* A trial of this cell has taken so long. */
void lab_estimate_done(struct lab_estimate *estimate, size_t cell, double seconds);

/* Seconds until all that is left is done; negative while nothing has been measured. */
double lab_estimate_left(struct lab_estimate *estimate);

#endif
