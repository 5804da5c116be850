/* What `corps-lab run` was asked to do, and the record of it in the first line of the results. */
#ifndef RUN_H
#define RUN_H

#include "cli/export.h"
#include "plan/plan.h"
#include "run/journal.h"

enum { LAB_BLOCKS_DEFAULT = 20, LAB_BLOCKS_QUICK = 5, LAB_BLOCKS_MAX = 10000, LAB_BLOCKS_UNTIL = 60 };

/* --until looks after so many blocks, and again after each further so many; as in experiments/report/until.py. */
enum { LAB_UNTIL_FIRST = 10, LAB_UNTIL_EVERY = 5 };

struct lab_run_options {
    const char *matrix_path;
    const char *out;    /* NULL: results/<time>-<matrix>.jsonl */
    const char *resume; /* NULL: a new run */
    unsigned blocks;    /* 0 = not said */
    uint64_t seed;
    bool seeded; /* the seed was said */
    char *only[LAB_ONLY_MAX];
    size_t only_count;
    unsigned shard; /* runs blocks shard - 1, shard - 1 + shard_count, …; 0 = all */
    unsigned shard_count;
    double timeout_s;
    double until;        /* half-width that is enough, 0.05 for 5 %; 0: all blocks for all cells */
    const char *program; /* runs the trials; NULL: this program */
    const char *against; /* runs the trials of arm b, beside those of `program` */
    struct lab_exports exports;
    bool own_hosts; /* cells of several hosts use those of a file, whose agents run */
    bool quick;
    bool dry_run;
    bool stages;
};

/* Reads the command line. False with *status when the command is to end. */
bool lab_run_options_read(const struct lab_command *command, int argc, char **argv, struct lab_run_options *options,
                          int *status);

/* A run: the plan, what is done of it, and where the lines go. */
struct lab_run {
    struct lab_run_options options;
    struct lab_matrix matrix;
    struct lab_plan plan;
    char id[40];
    unsigned blocks;
    uint64_t seed;
    struct lab_journal journal;
    double until;
    bool *settled;     /* [number]: needs no more blocks; NULL without --until */
    bool *done;        /* [block × trials of a block + number]; see lab_run_slot */
    size_t done_count; /* by an earlier run */
    size_t failed_before;
};

/* The position of a cell among all trials of a block. */
size_t lab_run_position(const struct lab_run *run, size_t family, size_t cell);

/* Where a trial's mark is. `family` and `cell` are positions in the plan. */
bool *lab_run_slot(const struct lab_run *run, unsigned block, size_t family, size_t cell);

/* Does this run (its shard) hold the block? */
bool lab_run_has_block(const struct lab_run *run, unsigned block);

/* The number of trials that belong to the run. */
size_t lab_run_total(const struct lab_run *run);

/* The first line; `measured` is what the machine is like (run/measured.h), whose reference it takes. New reference. */
json_t *lab_run_line(const struct lab_run *run, json_t *measured);

/* ---- resume.c ---- */

/* Opens the file to go on with, checks that it belongs to this plan, and marks what is done. Sets id, blocks, seed and
 * journal, and allocates `done`. False with one line in `error`. */
bool lab_run_resume(struct lab_run *run, char error[LAB_JOURNAL_ERROR_BYTES]);

#endif
