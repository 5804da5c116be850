#include "run/run.h"

#include "cell/cell.h"
#include "cli/places.h"
#include "machine/fingerprint.h"
#include "run/measured.h"
#include "run/process.h"
#include "run/progress.h"
#include "run/until.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* Blocks of trials in fresh processes. */

static double now_s(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

size_t lab_run_position(const struct lab_run *run, size_t family, size_t cell) {
    size_t before = 0;
    for (size_t f = 0; f < family; f++) {
        before += run->plan.families[f].count;
    }
    return before + cell;
}

bool *lab_run_slot(const struct lab_run *run, unsigned block, size_t family, size_t cell) {
    return &run->done[block * lab_plan_trials(&run->plan) + lab_run_position(run, family, cell)];
}

bool lab_run_has_block(const struct lab_run *run, unsigned block) {
    return run->options.shard == 0 || block % run->options.shard_count == run->options.shard - 1;
}

size_t lab_run_total(const struct lab_run *run) {
    size_t blocks = 0;
    for (unsigned block = 0; block < run->blocks; block++) {
        blocks += lab_run_has_block(run, block);
    }
    return blocks * lab_plan_trials(&run->plan);
}

static const char *text_of(const char *path) {
    return path != NULL ? path : "";
}

json_t *lab_run_line(const struct lab_run *run, json_t *measured) {
    char plan[17];
    char shard[32] = "";
    lab_plan_id(&run->plan, plan);
    if (run->options.shard > 0) {
        snprintf(shard, sizeof shard, "%u/%u", run->options.shard, run->options.shard_count);
    }
    json_t *only = json_array();
    json_t *fingerprint = lab_fingerprint();
    json_object_set_new(fingerprint, "measured", measured);
    for (size_t i = 0; i < run->options.only_count; i++) {
        json_array_append_new(only, json_string(run->options.only[i]));
    }
    json_t *until = run->until > 0 ? json_real(run->until) : json_null();
    return json_pack("{s:s, s:s, s:i, s:s, s:s, s:s, s:I, s:i, s:o, s:s, s:i, s:O, s:s, s:s, s:o, s:b, s:o}", "kind",
                     "run", "run", run->id, "schema", 1, "matrix", run->matrix.name, "about", run->matrix.about, "plan",
                     plan, "seed", (json_int_t)run->seed, "blocks", (int)run->blocks, "only", only, "shard", shard,
                     "block_trials", (int)lab_plan_trials(&run->plan), "limits", run->matrix.limits, "program",
                     text_of(run->options.program), "against", text_of(run->options.against), "until", until,
                     "own_hosts", run->options.own_hosts, "fingerprint", fingerprint);
}

static const char *signal_text(int number) {
    return number == SIGINT ? "Ctrl-C" : strsignal(number);
}

/* ---- a new run ---- */

static bool name_run(struct lab_run *run, char stamp[24], char error[LAB_JOURNAL_ERROR_BYTES]) {
    uint32_t drawn[2];
    struct timespec now;
    struct tm utc;
    if (getrandom(drawn, sizeof drawn, 0) != (ssize_t)sizeof drawn) {
        snprintf(error, LAB_JOURNAL_ERROR_BYTES, "cannot draw a random number: %s", strerror(errno));
        return false;
    }
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &utc);
    strftime(stamp, 24, "%Y%m%dT%H%M%SZ", &utc);
    snprintf(run->id, sizeof run->id, "%s-%08x", stamp, drawn[0]);
    run->seed = run->options.seeded ? run->options.seed : drawn[1];
    return true;
}

static unsigned blocks_wanted(const struct lab_run *run) {
    if (run->options.blocks > 0) {
        return run->options.blocks;
    }
    if (run->options.quick) {
        return LAB_BLOCKS_QUICK;
    }
    if (run->options.until > 0) {
        return LAB_BLOCKS_UNTIL;
    }
    return run->matrix.blocks > 0 ? run->matrix.blocks : LAB_BLOCKS_DEFAULT;
}

static bool begin_new(struct lab_run *run, struct lab_signals *signals, char error[LAB_JOURNAL_ERROR_BYTES]) {
    char stamp[24];
    char path[256];
    if (!name_run(run, stamp, error)) {
        return false;
    }
    snprintf(path, sizeof path, "results/%s-%s.jsonl", stamp, run->matrix.name);
    if (run->options.out == NULL && mkdir("results", 0777) != 0 && errno != EEXIST) {
        snprintf(error, LAB_JOURNAL_ERROR_BYTES, "cannot make the folder results: %s; choose a file with --out",
                 strerror(errno));
        return false;
    }
    run->blocks = blocks_wanted(run);
    run->until = run->options.until;
    if (lab_run_total(run) == 0) {
        snprintf(error, LAB_JOURNAL_ERROR_BYTES, "shard %u/%u of %u blocks is empty; choose fewer shards",
                 run->options.shard, run->options.shard_count, run->blocks);
        return false;
    }
    run->done = calloc((size_t)run->blocks * lab_plan_trials(&run->plan), sizeof *run->done);
    if (run->done == NULL) {
        snprintf(error, LAB_JOURNAL_ERROR_BYTES, "out of memory");
        return false;
    }
    /* The file first: it is this run's while the machine is measured for its line. */
    if (!lab_journal_create(&run->journal, run->options.out != NULL ? run->options.out : path, error)) {
        return false;
    }
    json_t *line = lab_run_line(run, lab_measured(signals));
    int received = signals->received;
    bool ok = received == 0 && lab_journal_append(&run->journal, line, error);
    json_decref(line);
    if (received != 0 && run->journal.regular) {
        unlink(run->journal.path);
    }
    if (received != 0) {
        snprintf(error, LAB_JOURNAL_ERROR_BYTES, "stopped by %s; nothing was measured yet", signal_text(received));
    }
    return ok;
}

/* ---- trials ---- */

enum ending { FINISHED, STOPPED, BROKEN };

struct loop {
    struct lab_run *run;
    struct lab_signals signals;
    struct lab_progress progress;
    struct lab_estimate estimate;
    char error[LAB_JOURNAL_ERROR_BYTES];
};

static enum ending run_trial(struct loop *loop, size_t f, unsigned block, unsigned order, unsigned number) {
    struct lab_run *run = loop->run;
    const struct lab_family *family = &run->plan.families[f];
    const struct lab_cell *cell = &family->cells[number];
    json_t *line;
    lab_progress_show(&loop->progress, cell, block);
    double begin_s = now_s();
    const char *program = strcmp(cell->arm, "b") == 0 ? run->options.against : run->options.program;
    enum lab_outcome outcome =
        lab_process_run(&loop->signals, program, cell, run->options.timeout_s, &line, loop->error);
    if (outcome != LAB_OUTCOME_LINE) {
        return outcome == LAB_OUTCOME_STOPPED ? STOPPED : BROKEN;
    }
    lab_line_cell(line, cell);
    lab_line_place(line, run->id, family->name, block, order);
    bool written = lab_journal_append(&run->journal, line, loop->error);
    if (written) {
        lab_estimate_done(&loop->estimate, lab_run_position(run, f, number), now_s() - begin_s);
        lab_progress_done(&loop->progress, cell, line);
    }
    json_decref(line);
    return written ? FINISHED : BROKEN;
}

static bool is_settled(const struct lab_run *run, size_t family, size_t cell) {
    return run->settled != NULL && run->settled[lab_run_position(run, family, cell)];
}

/* Before a block: which cells need no more. False with loop->error. */
static bool look(struct loop *loop, unsigned block, bool *all) {
    struct lab_run *run = loop->run;
    size_t count = lab_plan_trials(&run->plan);
    *all = false;
    if (run->until <= 0 || block < LAB_UNTIL_FIRST || (block - LAB_UNTIL_FIRST) % LAB_UNTIL_EVERY != 0) {
        return true;
    }
    if (run->settled == NULL && (run->settled = calloc(count, sizeof *run->settled)) == NULL) {
        snprintf(loop->error, sizeof loop->error, "out of memory");
        return false;
    }
    if (!lab_until_look(run, run->settled, loop->error)) {
        return false;
    }
    *all = true;
    for (size_t i = 0; i < count; i++) {
        struct lab_estimate_cell *cell = &loop->estimate.cells[i];
        if (run->settled[i]) {
            loop->progress.total -= cell->left;
            cell->left = 0;
        }
        *all = *all && run->settled[i];
    }
    return true;
}

static enum ending run_block(struct loop *loop, unsigned block, size_t f) {
    const struct lab_family *family = &loop->run->plan.families[f];
    enum ending ending = FINISHED;
    unsigned *order = calloc(family->count, sizeof *order);
    if (order == NULL) {
        snprintf(loop->error, sizeof loop->error, "out of memory");
        return BROKEN;
    }
    lab_plan_order(family, loop->run->seed, block, order);
    for (unsigned k = 0; ending == FINISHED && k < family->count; k++) {
        bool *slot = lab_run_slot(loop->run, block, f, order[k]);
        if (lab_signals_look(&loop->signals)) {
            ending = STOPPED;
        } else if (!*slot && !is_settled(loop->run, f, order[k])) {
            ending = run_trial(loop, f, block, k, order[k]);
            *slot = ending == FINISHED;
        }
    }
    free(order);
    return ending;
}

/* What is left of each cell. */
static bool plan_time(struct loop *loop) {
    const struct lab_run *run = loop->run;
    if (!lab_estimate_make(&loop->estimate, lab_plan_trials(&run->plan))) {
        snprintf(loop->error, sizeof loop->error, "out of memory");
        return false;
    }
    for (size_t f = 0; f < run->plan.family_count; f++) {
        for (size_t i = 0; i < run->plan.families[f].count; i++) {
            struct lab_estimate_cell *cell = &loop->estimate.cells[lab_run_position(run, f, i)];
            cell->family = f;
            for (unsigned block = 0; block < run->blocks; block++) {
                cell->left += lab_run_has_block(run, block) && !*lab_run_slot(run, block, f, i);
            }
        }
    }
    return true;
}

static enum ending run_all(struct loop *loop) {
    struct lab_run *run = loop->run;
    enum ending ending = FINISHED;
    if (!plan_time(loop)) {
        return BROKEN;
    }
    lab_progress_begin(&loop->progress, lab_run_total(run), run->done_count, run->blocks, &loop->estimate);
    bool all_known = false;
    for (unsigned block = 0; ending == FINISHED && !all_known && block < run->blocks; block++) {
        ending = look(loop, block, &all_known) ? FINISHED : BROKEN;
        if (all_known || ending != FINISHED) {
            break;
        }
        for (size_t f = 0; ending == FINISHED && lab_run_has_block(run, block) && f < run->plan.family_count; f++) {
            ending = run_block(loop, block, f);
        }
    }
    lab_progress_end(&loop->progress);
    lab_estimate_finish(&loop->estimate);
    lab_signals_end(&loop->signals);
    return ending;
}

/* ---- the command ---- */

static bool export(const struct lab_run *run) {
    if (lab_export_wanted(&run->options.exports) && !run->journal.regular) {
        lab_say("cannot export: %s is no regular file and cannot be read again", run->journal.path);
        return false;
    }
    return !lab_export_wanted(&run->options.exports) || lab_export_write(&run->options.exports, run->journal.path);
}

/* An option and its value, as a shell takes them. */
static void print_words(const char *option, const char *value) {
    bool plain = value[0] != '\0';
    for (const char *at = value; *at != '\0'; at++) {
        plain = plain && (isalnum((unsigned char)*at) || strchr("/._-+=:,%@", *at) != NULL);
    }
    fprintf(stderr, "%s%s", option, plain ? "" : "'");
    for (const char *at = value; *at != '\0'; at++) {
        if (*at == '\'') {
            fputs("'\\''", stderr);
        } else {
            putc(*at, stderr);
        }
    }
    fputs(plain ? "" : "'", stderr);
}

/* How the run goes on: with what has chosen its trials, and nothing else. */
static void print_resume(const struct lab_run *run) {
    print_words("to go on: corps-lab run ", run->options.matrix_path);
    for (size_t i = 0; i < run->options.only_count; i++) {
        print_words(" --only ", run->options.only[i]);
    }
    if (run->options.shard > 0) {
        fprintf(stderr, " --shard %u/%u", run->options.shard, run->options.shard_count);
    }
    if (run->until > 0) {
        fprintf(stderr, " --until %g%%", run->until * 100);
    }
    if (run->options.stages) {
        fprintf(stderr, " --stages");
    }
    if (run->options.program != NULL) {
        print_words(" --program ", run->options.program);
    }
    if (run->options.against != NULL) {
        print_words(" --against ", run->options.against);
    }
    if (run->options.own_hosts) {
        print_words(" --hosts ", getenv(LAB_HOSTS_VARIABLE));
    }
    print_words(" --resume ", run->journal.path);
    fputs("\n", stderr);
}

static int finish_text(const struct loop *loop, enum ending ending) {
    const struct lab_run *run = loop->run;
    const struct lab_progress *progress = &loop->progress;
    size_t failed = progress->failed + run->failed_before;
    const char *path = run->journal.path;
    if (ending == BROKEN) {
        lab_say("%s", loop->error);
    } else if (ending == STOPPED) {
        lab_say("stopped by %s", signal_text(loop->signals.received));
    }
    fprintf(stderr, "%zu of %zu trials done, %zu ok, %zu failed\n", progress->done, progress->total,
            progress->done - failed, failed);
    if (ending != FINISHED && run->journal.regular) {
        print_resume(run);
    }
    if (ending != FINISHED) {
        return LAB_EXIT_FAILURE;
    }
    /* What is exported there stands alone on standard output. */
    fprintf(lab_export_to_stdout(&run->options.exports) ? stderr : stdout, "%s\n", path);
    fflush(stdout);
    bool exported = export(run);
    if (run->journal.regular) {
        print_words("next: corps-lab report ", path);
        fputs("\n", stderr);
    }
    return failed == 0 && exported ? LAB_EXIT_OK : LAB_EXIT_FAILURE;
}

static int execute(struct lab_run *run) {
    char drops[600];
    struct loop loop = {.run = run, .signals = {.fd = -1}};
    if (run->options.dry_run) {
        lab_plan_print(&run->plan, blocks_wanted(run), stdout);
        return LAB_EXIT_OK;
    }
    /* A file that was begun is taken away again when a signal comes; what was there already can be read again. */
    bool ok = run->options.resume != NULL
                  ? lab_run_resume(run, loop.error) && lab_signals_begin(&loop.signals, loop.error)
                  : lab_signals_begin(&loop.signals, loop.error) && begin_new(run, &loop.signals, loop.error);
    if (!ok) {
        lab_say("%s", loop.error);
        return LAB_EXIT_FAILURE;
    }
    lab_plan_drops_text(&run->plan, drops, sizeof drops);
    if (run->plan.drop_count > 0) {
        fprintf(stderr, "left out %zu impossible cells: %s (all of them: --dry-run)\n", run->plan.drop_count, drops);
    }
    fprintf(stderr, "%s: %zu trials in %u block%s, seed %llu, to %s\n", run->matrix.name, lab_run_total(run),
            run->blocks, run->blocks == 1 ? "" : "s", (unsigned long long)run->seed, run->journal.path);
    enum ending ending = run_all(&loop);
    return finish_text(&loop, ending);
}

static bool make_plan(struct lab_run *run, char error[LAB_MATRIX_ERROR_BYTES]) {
    const struct lab_plan_options options = {.only = run->options.only,
                                             .only_count = run->options.only_count,
                                             .stages = run->options.stages,
                                             .two_arms = run->options.against != NULL || run->matrix.arms == 2};
    return lab_plan_make(&run->plan, &run->matrix, &options, error);
}

int lab_command_run(const struct lab_command *command, int argc, char **argv) {
    struct lab_run run = {.journal = {.fd = -1}};
    char error[LAB_MATRIX_ERROR_BYTES];
    char near[LAB_NEAR_TEXT_BYTES];
    int status = LAB_EXIT_USAGE;
    if (!lab_run_options_read(command, argc, argv, &run.options, &status)) {
        return status;
    }
    char place[PATH_MAX];
    run.options.matrix_path = lab_matrix_place(run.options.matrix_path, place);
    if (!lab_matrix_load(&run.matrix, run.options.matrix_path, error) || !make_plan(&run, error)) {
        lab_say("%s%s", error,
                access(run.options.matrix_path, F_OK) == 0 ? "" : lab_matrix_near(run.options.matrix_path, near));
    } else {
        status = execute(&run);
    }
    lab_journal_close(&run.journal);
    free(run.done);
    free(run.settled);
    lab_plan_finish(&run.plan);
    lab_matrix_finish(&run.matrix);
    return status;
}
