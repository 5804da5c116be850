/* bench                  what can be measured, a line each
 * bench NAME [SECONDS]   measures it, for so long a row (default: 1)
 * Exit status: 0 measured; 1 it cannot be set up; 2 usage; 77 it needs two processors, and one is there. */
#include "bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct bench *const adapters[] = {bench_ring, bench_slab,  bench_pool, bench_waitlist,
                                               bench_runq, bench_batch, bench_wake, bench_scheduler};
enum { ADAPTERS = sizeof adapters / sizeof *adapters, SKIPPED = 77 };

static const char *threads_of(const struct bench *row) {
    return row->threads == 2 ? "two threads" : "one thread";
}

static void list(void) {
    for (size_t a = 0; a < ADAPTERS; a++) {
        for (const struct bench *row = adapters[a]; row->name != NULL; row++) {
            printf("%-10s %s, %s; beside %s\n", row->name, threads_of(row), row->about, row->bound_is);
        }
    }
}

static int measure(const struct bench *row, double seconds) {
    struct bench_result result;
    if (row->threads == 2 && !bench_has_two_processors()) {
        printf("%s, two threads: skipped, this process may use one processor\n", row->name);
        return SKIPPED;
    }
    if (!bench_measure(row, seconds, &result)) {
        return 1;
    }
    printf("%s, %s, %s: %.2f ns; %s: %.2f ns; ratio %.2f (%.2f to %.2f, %zu blocks)\n", row->name, threads_of(row),
           row->about, result.operation_ns, row->bound_is, result.bound_ns, result.ratio, result.ratio_low,
           result.ratio_high, result.blocks);
    return 0;
}

int main(int argc, char **argv) {
    char *end = NULL;
    double seconds = argc == 3 ? strtod(argv[2], &end) : 1;
    if (argc > 3 || (argc == 3 && *end != '\0') || !(seconds > 0 && seconds <= 3600)) {
        fprintf(stderr, "usage: bench [NAME [SECONDS]]; bench alone lists the names\n");
        return 2;
    }
    int status = 0;
    bool found = argc == 1;
    if (argc == 1) {
        list();
    }
    for (size_t a = 0; argc > 1 && a < ADAPTERS; a++) {
        for (const struct bench *row = adapters[a]; row->name != NULL; row++) {
            if (strcmp(row->name, argv[1]) == 0) {
                found = true;
                int outcome = measure(row, seconds);
                status = outcome != 0 && status != 1 ? outcome : status;
            }
        }
    }
    if (!found) {
        fprintf(stderr, "bench: there is no %s; bench alone lists the names\n", argv[1]);
        return 2;
    }
    if (fflush(stdout) != 0 || ferror(stdout)) {
        fprintf(stderr, "bench: standard output cannot be written\n");
        return 1;
    }
    return status;
}
