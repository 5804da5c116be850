/* Where the laboratory's own files are: matrices, the report's programs, those of trials in Python.
 *
 * A program in its build folder uses the source tree; an installed one what was installed with it, found from where the
 * program lies, so that the whole may be moved, and otherwise where it was configured to go.
 *
 * Threads: one.
 */
#ifndef PLACES_H
#define PLACES_H

#include "cell/near.h"

#include <limits.h>
#include <stdbool.h>

/* The path of a file or folder of the laboratory, for example "report/report.py". Gives `out`; whether anything is
 * there is for the caller to find out. */
const char *lab_place(const char *name, char out[PATH_MAX]);

/* The source tree, or NULL where the program was installed: what was built is no longer what stands there. */
const char *lab_source_folder(void);

/* A program that was built or installed with this one. Gives `out`. */
const char *lab_program_path(const char *name, char out[PATH_MAX]);

/* A module of the laboratory, by its file's name. Gives `out`. */
const char *lab_module_path(const char *name, char out[PATH_MAX]);

/* The module with the workloads' classes, for trials in Python. Gives `out`. */
const char *lab_concs_path(char out[PATH_MAX]);

/* The folder in which the package corps was built or installed with this program. False when it is not there: another
 * may be installed. */
bool lab_package_folder(char out[PATH_MAX]);

/* A matrix as the user names it: a file, or one that comes with the program, by its name with or without ".yaml". Gives
 * `given` where there is neither, else what to open, which may be in `out`. */
const char *lab_matrix_place(const char *given, char out[PATH_MAX]);

/* " (did you mean 'quick.yaml'?)" of a matrix that is not there, or "". Gives `text`. */
const char *lab_matrix_near(const char *given, char text[LAB_NEAR_TEXT_BYTES]);

#endif
