#include "trial/trial.h"

#include "cell/cell.h"
#include "cli/cli.h"
#include "cli/places.h"
#include "payload/payloads.h"
#include "raw/raw.h"
#include "trial/fields.h"
#include "trial/program.h"
#include "workloads/search_files.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* A trial whose Concs are Python's: a Python program performs it and prints what its driver measured. */

enum { PAIRS_MAX = LAB_CELL_KEY_COUNT + 1, PAIR_BYTES = LAB_CELL_VALUE_BYTES + 64 };

struct python {
    char python[PATH_MAX];
    char script[PATH_MAX];
    char library[PATH_MAX + 16];
    char intra[24];
    char pairs[PAIRS_MAX][PAIR_BYTES];
    char *argv[PAIRS_MAX + 5];
};

/* The package that was built or installed with this program, before any other. */
static void use_built_package(void) {
    char path[PATH_MAX];
    char both[3 * PATH_MAX];
    const char *before = getenv("PYTHONPATH");
    if (!lab_package_folder(path)) {
        return;
    }
    bool more = before != NULL && before[0] != '\0';
    snprintf(both, sizeof both, "%s%s%s", path, more ? ":" : "", more ? before : "");
    setenv("PYTHONPATH", both, 1);
}

static void make_arguments(const struct lab_cell *cell, struct python *program) {
    const struct lab_cell_field *field;
    char library[PATH_MAX];
    size_t count = 0;
    snprintf(program->python, sizeof program->python, "%s", lab_python());
    lab_place(lab_cell_is_raw(cell) ? "python/raw.py" : "python/lab_cell.py", program->script);
    snprintf(program->library, sizeof program->library, "library=%s", lab_concs_path(library));
    program->argv[count++] = program->python;
    program->argv[count++] = program->script;
    program->argv[count++] = program->library;
    snprintf(program->intra, sizeof program->intra, "by_reference=%d",
             lab_cell_is_raw(cell) ? raw_find(cell->transport)->threads : lab_cell_is_intra(cell));
    program->argv[count++] = program->intra;
    for (unsigned i = 0; (field = lab_cell_field_at(i)) != NULL && i < PAIRS_MAX; i++) {
        char value[LAB_CELL_VALUE_BYTES];
        lab_cell_get(cell, field->name, value);
        snprintf(program->pairs[i], PAIR_BYTES, "%s=%s", field->name, value);
        program->argv[count++] = program->pairs[i];
    }
    program->argv[count] = NULL;
}

static json_t *without_answer(const struct python *program, int status) {
    if (WIFSIGNALED(status)) {
        return lab_fields_failed("the Python program was killed by signal %d", WTERMSIG(status));
    }
    if (WIFEXITED(status) && WEXITSTATUS(status) == 127) {
        return lab_fields_failed("cannot start %s; name an interpreter in CORPS_PYTHON", program->python);
    }
    return lab_fields_failed("%s ended with status %d and no result; is the package corps there?", program->script,
                             WIFEXITED(status) ? WEXITSTATUS(status) : -1);
}

/* A search is checked against grep, as with lang=c; other workloads check themselves. */
struct expected {
    bool known;
    uint64_t total;
    uint64_t files;
};

static json_t *fields_of(const struct lab_cell *cell, json_t *answer, const struct expected *expected,
                         const struct lab_noise *noise) {
    const char *error = json_string_value(json_object_get(answer, "error"));
    if (error != NULL) {
        return lab_fields_failed("%s: %s", cell->workload, error);
    }
    json_int_t total = json_integer_value(json_object_get(answer, "total"));
    json_int_t files = json_integer_value(json_object_get(answer, "files"));
    if (expected->known && (total != (json_int_t)expected->total || files != (json_int_t)expected->files)) {
        return lab_fields_failed(
            "search: the Searchers found %lld lines in %lld files, grep finds %llu in %llu (did files "
            "change?)",
            (long long)total, (long long)files, (unsigned long long)expected->total,
            (unsigned long long)expected->files);
    }
    struct corps_box *box = corps_box_create();
    json_t *fields = box != NULL && lab_value_of_json(answer, box) == CORPS_OK
                         ? lab_trial_fields(cell, corps_box_root(box), noise)
                         : lab_fields_failed("no memory for the result");
    corps_box_unref(box);
    return fields;
}

static json_t *perform(const struct lab_cell *cell, const struct expected *expected) {
    static struct python program; /* 50 KiB, and trials run one at a time */
    struct lab_noise noise;
    struct lab_program_end end;
    make_arguments(cell, &program);
    use_built_package();
    lab_noise_begin(&noise); /* before there are Envs, which may spin */
    json_t *answer = lab_program_run(&(struct lab_program){.argv = program.argv}, &end);
    json_t *fields = answer != NULL ? fields_of(cell, answer, expected, &noise) : without_answer(&program, end.status);
    json_decref(answer);
    return fields;
}

json_t *lab_python_trial(const struct lab_cell *cell) {
    struct lab_cell placed = *cell;
    struct expected expected = {.known = lab_cell_does(cell, LAB_WORKLOAD_SEARCHES)};
    enum corps_err err = CORPS_OK;
    if (expected.known && placed.path[0] == '\0') {
        err = search_default_path(placed.path, sizeof placed.path);
    }
    if (expected.known && err == CORPS_OK) {
        err = search_ask_grep(placed.pattern, placed.path, &expected.total, &expected.files);
    }
    return err == CORPS_OK ? perform(&placed, &expected) : lab_fields_failed("search: %s", corps_error_detail());
}
