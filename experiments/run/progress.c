#include "run/progress.h"

#include "cell/cell.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

enum { REASONS_MAX = 20, BAR_WIDTH = 24, LINE_EVERY_S = 10 };

static double now_s(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* Can rows be drawn in place? A terminal that is called dumb shows what moves the cursor as text. */
static bool can_draw(void) {
    const char *term = getenv("TERM");
    return isatty(STDERR_FILENO) == 1 && (term == NULL || strcmp(term, "dumb") != 0);
}

void lab_progress_begin(struct lab_progress *progress, size_t total, size_t before, unsigned blocks,
                        struct lab_estimate *estimate) {
    *progress = (struct lab_progress){.terminal = can_draw(),
                                      .total = total,
                                      .before = before,
                                      .done = before,
                                      .blocks = blocks,
                                      .estimate = estimate,
                                      .said_s = now_s()};
    progress->said_tenth = total > 0 ? before * 10 / total : 0;
}

/* "3m05s left" */
static void time_left(const struct lab_progress *progress, char out[32]) {
    double left = lab_estimate_left(progress->estimate);
    if (left < 0) {
        snprintf(out, 32, "measuring");
        return;
    }
    unsigned long seconds = (unsigned long)(left + 0.5);
    if (seconds < 3600) {
        snprintf(out, 32, "%lum%02lus left", seconds / 60, seconds % 60);
    } else {
        snprintf(out, 32, "%luh%02lum left", seconds / 3600, seconds / 60 % 60);
    }
}

static void status(const struct lab_progress *progress, char *out, size_t bytes) {
    char left[32];
    char failed[48] = "";
    time_left(progress, left);
    if (progress->failed > 0) {
        snprintf(failed, sizeof failed, "%zu failed, ", progress->failed);
    }
    snprintf(out, bytes, "block %u of %u, %zu/%zu trials, %s%s", progress->block + 1, progress->blocks, progress->done,
             progress->total, failed, left);
}

/* ---- on a terminal ---- */

/* Removes the lines drawn before; the cursor stands behind the last of them. */
static void wipe(struct lab_progress *progress) {
    if (progress->drawn == 0) {
        return;
    }
    fprintf(stderr, "\r");
    if (progress->drawn > 1) {
        fprintf(stderr, "\033[%uA", progress->drawn - 1);
    }
    fprintf(stderr, "\033[J");
    progress->drawn = 0;
}

static void draw(struct lab_progress *progress, const struct lab_cell *cell) {
    char text[200];
    char name[200];
    char bar[BAR_WIDTH + 1];
    struct winsize size;
    status(progress, text, sizeof text);
    lab_cell_describe(cell, name, sizeof name);
    size_t filled = progress->total > 0 ? progress->done * BAR_WIDTH / progress->total : 0;
    memset(bar, '.', BAR_WIDTH);
    memset(bar, '#', filled);
    bar[BAR_WIDTH] = '\0';
    int columns = ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
    size_t shown = progress->row_count < LAB_PROGRESS_ROWS ? progress->row_count : LAB_PROGRESS_ROWS;
    for (size_t i = progress->row_count - shown; i < progress->row_count; i++) {
        fprintf(stderr, "%.*s\n", columns - 1, progress->rows[i % LAB_PROGRESS_ROWS]);
    }
    char line[512];
    snprintf(line, sizeof line, "[%s] %s  %s", bar, text, name);
    fprintf(stderr, "%.*s", columns - 1, line);
    fflush(stderr);
    progress->drawn = (unsigned)shown + 1;
}

static void time_text(double ns, char out[16]) {
    const char *const units[] = {"ns", "us", "ms", "s"};
    size_t unit = 0;
    while (ns >= 1000 && unit < 3) {
        ns /= 1000;
        unit++;
    }
    snprintf(out, 16, "%.3g %s", ns, units[unit]);
}

static void add_row(struct lab_progress *progress, const char *name, const json_t *line) {
    char p50[16] = "-", p99[16] = "-";
    const json_t *middle = json_object_get(line, "p50_ns"), *tail = json_object_get(line, "p99_ns");
    if (json_is_number(middle)) {
        time_text(json_number_value(middle), p50);
    }
    if (json_is_number(tail)) {
        time_text(json_number_value(tail), p99);
    }
    snprintf(progress->rows[progress->row_count % LAB_PROGRESS_ROWS], LAB_PROGRESS_ROW_BYTES,
             "  p50 %8s  p99 %8s  %.150s", p50, p99, name);
    progress->row_count++;
}

void lab_progress_show(struct lab_progress *progress, const struct lab_cell *cell, unsigned block) {
    progress->block = block;
    if (progress->terminal) {
        wipe(progress);
        draw(progress, cell);
    }
}

void lab_progress_done(struct lab_progress *progress, const struct lab_cell *cell, const json_t *line) {
    char name[400];
    bool ok = json_is_true(json_object_get(line, "ok"));
    lab_cell_describe(cell, name, sizeof name);
    progress->done++;
    progress->failed += !ok;
    add_row(progress, name, line);
    if (!ok && progress->failed <= REASONS_MAX) {
        const char *reason = json_string_value(json_object_get(line, "error"));
        wipe(progress);
        fprintf(stderr, "failed: %s: %s%s\n", name, reason != NULL ? reason : "no reason given",
                progress->failed == REASONS_MAX ? " (further failures are only counted)" : "");
    }
    size_t tenth = progress->done * 10 / progress->total;
    if (!progress->terminal && (tenth > progress->said_tenth || now_s() - progress->said_s >= LINE_EVERY_S)) {
        char text[200];
        status(progress, text, sizeof text);
        fprintf(stderr, "%s\n", text);
        progress->said_s = now_s();
        progress->said_tenth = tenth;
    }
}

void lab_progress_end(struct lab_progress *progress) {
    wipe(progress);
    fflush(stderr);
}
