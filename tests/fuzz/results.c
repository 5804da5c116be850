/* A results file that a run goes on with. The input stands behind a first line that belongs to this machine and plan;
 * an input that begins with the byte 0xff is the whole file. */
#include "cell/cell.h"
#include "file.h"
#include "run/run.h"

static const char matrix_text[] = "name: fuzz\nblocks: 3\ndefaults: {workload: echo}\nfamilies:\n"
                                  "  - {name: one, axes: {transport: [shm, unix]}}\n";

static struct file file;
static struct lab_run plain; /* with its matrix and plan */
static size_t first_bytes;

int LLVMFuzzerInitialize(int *argc, char ***argv) {
    (void)argc;
    (void)argv;
    struct file matrix;
    char error[LAB_MATRIX_ERROR_BYTES] = "";
    static const struct lab_plan_options options;
    file_make(&file);
    file_make(&matrix);
    file_write(&matrix, 0, matrix_text, sizeof matrix_text - 1);
    must(lab_matrix_load(&plain.matrix, matrix.path, error));
    must(lab_plan_make(&plain.plan, &plain.matrix, &options, error));
    plain.blocks = 3;
    plain.journal.fd = -1;
    snprintf(plain.id, sizeof plain.id, "fuzz");
    json_t *line = lab_run_line(&plain, json_null());
    char *text = lab_line_text(line); /* without a checksum: then those behind it may have one or not */
    must(text != NULL);
    first_bytes = strlen(text);
    file_write(&file, 0, text, first_bytes);
    free(text);
    json_decref(line);
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes) {
    struct lab_run run = plain;
    char error[LAB_JOURNAL_ERROR_BYTES] = "";
    static uint8_t first_line[65536];
    bool whole = bytes > 0 && data[0] == 0xff;
    must(first_bytes < sizeof first_line && pread(file.fd, first_line, first_bytes, 0) == (ssize_t)first_bytes);
    if (whole) {
        file_write(&file, 0, data + 1, bytes - 1);
    } else {
        file_write(&file, first_bytes, data, bytes);
    }
    run.options.resume = file.path;
    if (lab_run_resume(&run, error)) {
        must(run.done_count <= lab_run_total(&run) && run.failed_before <= run.done_count);
    } else {
        must(error[0] != '\0' && strchr(error, '\n') == NULL);
    }
    lab_journal_close(&run.journal);
    free(run.done);
    file_write(&file, 0, first_line, first_bytes);
    return 0;
}
