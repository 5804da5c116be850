#include "run/estimate.h"

#include <stdlib.h>
#include <string.h>

bool lab_estimate_make(struct lab_estimate *estimate, size_t count) {
    *estimate = (struct lab_estimate){
        .cells = calloc(count + 1, sizeof *estimate->cells),
        .families = calloc(count + 1, sizeof *estimate->families),
        .count = count,
    };
    if (estimate->cells == NULL || estimate->families == NULL) {
        lab_estimate_finish(estimate);
        return false;
    }
    return true;
}

void lab_estimate_finish(struct lab_estimate *estimate) {
    free(estimate->cells);
    free(estimate->families);
    *estimate = (struct lab_estimate){.cells = NULL};
}

void lab_estimate_done(struct lab_estimate *estimate, size_t cell, double seconds) {
    struct lab_estimate_cell *at = &estimate->cells[cell];
    at->left -= at->left > 0;
    at->seen++;
    at->seconds += seconds;
}

static double mean(const struct lab_estimate_cell *of) {
    return of->seconds / of->seen;
}

double lab_estimate_left(struct lab_estimate *estimate) {
    struct lab_estimate_cell all = {.left = 0};
    double left = 0;
    memset(estimate->families, 0, estimate->count * sizeof *estimate->families);
    for (size_t i = 0; i < estimate->count; i++) {
        const struct lab_estimate_cell *cell = &estimate->cells[i];
        estimate->families[cell->family].seen += cell->seen;
        estimate->families[cell->family].seconds += cell->seconds;
        all.seen += cell->seen;
        all.seconds += cell->seconds;
    }
    if (all.seen == 0) {
        return -1;
    }
    for (size_t i = 0; i < estimate->count; i++) {
        const struct lab_estimate_cell *cell = &estimate->cells[i];
        const struct lab_estimate_cell *family = &estimate->families[cell->family];
        left += cell->left * mean(cell->seen > 0 ? cell : family->seen > 0 ? family : &all);
    }
    return left;
}
