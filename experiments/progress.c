#include "progress.h"

#include "cell.h"

#include <stdio.h>
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

void lab_progress_begin(struct lab_progress *progress, size_t total, size_t before) {
    *progress = (struct lab_progress){
        .terminal = isatty(STDERR_FILENO) == 1, .total = total, .before = before, .done = before, .begin_s = now_s()};
    progress->said_s = progress->begin_s;
    progress->said_tenth = total > 0 ? before * 10 / total : 0;
}

/* "3m05s left", from the mean of the trials so far. */
static void time_left(const struct lab_progress *progress, char out[32]) {
    size_t measured = progress->done - progress->before;
    if (measured == 0) {
        snprintf(out, 32, "measuring");
        return;
    }
    double left = (now_s() - progress->begin_s) / (double)measured * (double)(progress->total - progress->done);
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
    snprintf(out, bytes, "%zu/%zu trials, %s%s", progress->done, progress->total, failed, left);
}

void lab_progress_show(struct lab_progress *progress, const struct lab_cell *cell) {
    char text[160];
    char name[200];
    char bar[BAR_WIDTH + 1];
    struct winsize size;
    if (!progress->terminal) {
        return;
    }
    status(progress, text, sizeof text);
    lab_cell_describe(cell, name, sizeof name);
    size_t filled = progress->total > 0 ? progress->done * BAR_WIDTH / progress->total : 0;
    memset(bar, '.', BAR_WIDTH);
    memset(bar, '#', filled);
    bar[BAR_WIDTH] = '\0';
    int columns = ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
    char line[512];
    snprintf(line, sizeof line, "[%s] %s  %s", bar, text, name);
    fprintf(stderr, "\r%.*s\033[K", columns - 1, line);
    fflush(stderr);
}

void lab_progress_done(struct lab_progress *progress, const struct lab_cell *cell, const char *reason) {
    progress->done++;
    progress->failed += reason != NULL;
    if (reason != NULL && progress->failed <= REASONS_MAX) {
        char name[400];
        lab_cell_describe(cell, name, sizeof name);
        fprintf(stderr, "%sfailed: %s: %s%s\n", progress->terminal ? "\r\033[K" : "", name, reason,
                progress->failed == REASONS_MAX ? " (further failures are only counted)" : "");
    }
    size_t tenth = progress->done * 10 / progress->total;
    if (!progress->terminal && (tenth > progress->said_tenth || now_s() - progress->said_s >= LINE_EVERY_S)) {
        char text[160];
        status(progress, text, sizeof text);
        fprintf(stderr, "%s\n", text);
        progress->said_s = now_s();
        progress->said_tenth = tenth;
    }
}

void lab_progress_end(struct lab_progress *progress) {
    if (progress->terminal) {
        fputs("\r\033[K", stderr);
    }
}
