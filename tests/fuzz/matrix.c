/* A matrix file: read to its end or refused with the place, and made a plan of where that is small. */
#include "plan/matrix.h"
#include "file.h"
#include "plan/plan.h"

enum { CELLS_MAX = 200 }; /* a plan compares every cell with every other */

static struct file file;

int LLVMFuzzerInitialize(int *argc, char ***argv) {
    (void)argc;
    (void)argv;
    file_make(&file);
    return 0;
}

static void check_plan(const struct lab_matrix *matrix) {
    struct lab_plan plan = {0};
    char error[LAB_MATRIX_ERROR_BYTES] = "";
    static const struct lab_plan_options options;
    if (!lab_plan_make(&plan, matrix, &options, error)) {
        must(error[0] != '\0');
    } else {
        must(lab_plan_trials(&plan) > 0);
    }
    lab_plan_finish(&plan);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes) {
    struct lab_matrix matrix;
    char error[LAB_MATRIX_ERROR_BYTES] = "";
    file_write(&file, 0, data, bytes);
    if (!lab_matrix_load(&matrix, file.path, error)) {
        /* "file:line:column: …", or an included file's, which may lie anywhere */
        must(error[0] == '/' && strchr(error, ':') != NULL && strchr(error, '\n') == NULL);
    } else {
        size_t cells = 0;
        must(matrix.family_count > 0 && matrix.name[0] != '\0');
        for (size_t i = 0; i < matrix.family_count; i++) {
            must(matrix.families[i].count > 0);
            cells += matrix.families[i].count;
        }
        if (cells <= CELLS_MAX) {
            check_plan(&matrix);
        }
    }
    lab_matrix_finish(&matrix);
    return 0;
}
