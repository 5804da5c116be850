#include "run/until.h"

#include "cli/cli.h"
#include "cli/places.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ANSWER_WITHIN_S = 600 };

/* "ORDER FAMILY", by the order of block 0. */
static bool mark(const struct lab_run *run, const char *line, bool *settled) {
    char *name;
    unsigned long place = strtoul(line, &name, 10);
    bool found = false;
    for (size_t f = 0; *name == ' ' && f < run->plan.family_count; f++) {
        const struct lab_family *family = &run->plan.families[f];
        unsigned *order = strcmp(family->name, name + 1) == 0 ? calloc(family->count, sizeof *order) : NULL;
        if (order != NULL && place < family->count) {
            lab_plan_order(family, run->seed, 0, order);
            settled[lab_run_position(run, f, order[place])] = found = true;
        }
        free(order);
    }
    return found;
}

bool lab_until_look(const struct lab_run *run, bool *settled, char error[LAB_ERROR_BYTES]) {
    char python[PATH_MAX], script[PATH_MAX], path[sizeof run->journal.path];
    snprintf(python, sizeof python, "%s", lab_python());
    lab_place("report/until.py", script);
    snprintf(path, sizeof path, "%s", run->journal.path);
    lab_tell_program();
    size_t bytes = lab_plan_trials(&run->plan) * (LAB_NAME_BYTES + 16) + 1;
    char *answer = malloc(bytes);
    bool ok =
        answer != NULL && lab_capture((char *const[]){python, script, path, NULL}, ANSWER_WITHIN_S, answer, bytes);
    char *rest = NULL;
    for (char *line = ok ? strtok_r(answer, "\n", &rest) : NULL; ok && line != NULL;
         line = strtok_r(NULL, "\n", &rest)) {
        ok = mark(run, line, settled);
    }
    free(answer);
    if (!ok) {
        snprintf(error, LAB_ERROR_BYTES,
                 "cannot tell which cells are known (%.200s %.200s fails); go on without --until", python, script);
    }
    return ok;
}
