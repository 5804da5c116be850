#include "run/measured.h"

#include "run/process.h"

enum { TIMEOUT_S = 10, COPIED_BYTES = 65536 };

/* A figure of a short trial; 0 when it failed or cannot be. */
static double figure_of(struct lab_signals *signals, const char *const pairs[][2], size_t count, const char *figure) {
    struct lab_cell cell;
    char why[LAB_ERROR_BYTES];
    json_t *line = NULL;
    lab_cell_init(&cell);
    for (size_t i = 0; i < count; i++) {
        if (!lab_cell_set(&cell, pairs[i][0], pairs[i][1], why)) {
            return 0;
        }
    }
    cell.min_count = 300;
    cell.min_ms = 10;
    cell.max_ms = 60;
    lab_cell_finish(&cell);
    if (signals->received != 0 || lab_cell_impossible(&cell, why) != NULL ||
        lab_process_run(signals, NULL, &cell, TIMEOUT_S, &line, why) != LAB_OUTCOME_LINE) {
        return 0;
    }
    double value = json_number_value(json_object_get(line, figure));
    json_decref(line);
    return value;
}

static json_t *positive(double value) {
    return value > 0 ? json_real(value) : json_null();
}

json_t *lab_measured(struct lab_signals *signals) {
    static const char *const same[][2] = {{"transport", "raw:pipe"}, {"wake", "block"}, {"placement", "same"}};
    static const char *const cross[][2] = {{"transport", "raw:pipe"}, {"wake", "block"}, {"placement", "cross"}};
    static const char *const line[][2] = {{"transport", "raw:cacheline"}, {"wake", "spin"}, {"placement", "cross"}};
    static const char *const copy[][2] = {
        {"transport", "raw:memcpy"}, {"workload", "oneway"}, {"payload", "bytes:65536"}, {"wake", "spin"}};
    double near_ns = figure_of(signals, same, 3, "p50_ns");
    double far_ns = figure_of(signals, cross, 3, "p50_ns");
    double line_ns = figure_of(signals, line, 3, "p50_ns");
    double copy_ns = figure_of(signals, copy, 4, "p50_ns");
    return json_pack("{s:o, s:o, s:o}", "wake_ns", positive(near_ns > 0 ? (far_ns - near_ns) / 2 : 0), "line_ns",
                     positive(line_ns), "copy_bytes_per_s", positive(copy_ns > 0 ? COPIED_BYTES * 1e9 / copy_ns : 0));
}
