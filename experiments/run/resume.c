#include "run/run.h"

#include "cell/cell.h"
#include "machine/fingerprint.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Going on with a results file. A trial is known by (block, family, cell); one that failed counts as done: its line is
 * there, and a second one would be a double. */

static bool refuse(char error[LAB_JOURNAL_ERROR_BYTES], const struct lab_run *run, size_t number, const char *text) {
    snprintf(error, LAB_JOURNAL_ERROR_BYTES, "%s:%zu: %s", run->options.resume, number, text);
    return false;
}

static bool same_text(const json_t *line, const char *key, const char *text) {
    const char *found = json_string_value(json_object_get(line, key));
    return found != NULL && strcmp(found, text) == 0;
}

/* The shard of the file, unless the command line names the same. */
static bool take_shard(struct lab_run *run, const json_t *line, char error[LAB_JOURNAL_ERROR_BYTES]) {
    unsigned shard = 0;
    unsigned shard_count = 0;
    const char *text = json_string_value(json_object_get(line, "shard"));
    if (text != NULL && text[0] != '\0' &&
        (sscanf(text, "%u/%u", &shard, &shard_count) != 2 || shard < 1 || shard > shard_count)) {
        return refuse(error, run, 1, "its shard is damaged; start a new run");
    }
    if (run->options.shard > 0 && (run->options.shard != shard || run->options.shard_count != shard_count)) {
        return refuse(error, run, 1, "it holds another shard; leave --shard out");
    }
    run->options.shard = shard;
    run->options.shard_count = shard_count;
    return true;
}

static bool take_first_line(struct lab_run *run, const json_t *line, char error[LAB_JOURNAL_ERROR_BYTES]) {
    char plan[17];
    char machine[17];
    lab_plan_id(&run->plan, plan);
    lab_machine_id(machine);
    const char *id = json_string_value(json_object_get(line, "run"));
    json_int_t blocks = json_integer_value(json_object_get(line, "blocks"));
    const json_t *seed = json_object_get(line, "seed");
    if (!same_text(line, "kind", "run") || id == NULL || !json_is_integer(seed) || blocks < 1) {
        return refuse(error, run, 1, "the first line does not describe a run; start a new run");
    }
    if (!same_text(line, "plan", plan)) {
        return refuse(error, run, 1,
                      "it was measured with another matrix, or with other --only; give the same, or start a new run");
    }
    if (!same_text(json_object_get(line, "fingerprint"), "machine", machine)) {
        return refuse(error, run, 1, "it was measured on another machine, or another kernel; start a new run here");
    }
    run->seed = (uint64_t)json_integer_value(seed);
    if (run->options.seeded && run->options.seed != run->seed) {
        return refuse(error, run, 1, "it has another seed; leave --seed out");
    }
    run->blocks = run->options.blocks > 0 ? run->options.blocks : (unsigned)blocks;
    snprintf(run->id, sizeof run->id, "%s", id);
    if (!take_shard(run, line, error)) {
        return false;
    }
    run->until = json_number_value(json_object_get(line, "until"));
    if (run->options.until > 0 && run->options.until != run->until) {
        return refuse(error, run, 1, "it was begun with another --until; leave it out");
    }
    run->done = calloc((size_t)run->blocks * lab_plan_trials(&run->plan), sizeof *run->done);
    return run->done != NULL || refuse(error, run, 1, "out of memory");
}

static bool find_cell(const struct lab_run *run, const char *family_name, const struct lab_cell *cell, size_t *family,
                      size_t *at) {
    for (size_t f = 0; f < run->plan.family_count; f++) {
        const struct lab_family *candidate = &run->plan.families[f];
        if (strcmp(candidate->name, family_name) != 0) {
            continue;
        }
        for (size_t i = 0; i < candidate->count; i++) {
            if (lab_cell_same(&candidate->cells[i], cell)) {
                *family = f;
                *at = i;
                return true;
            }
        }
    }
    return false;
}

static bool take_trial(struct lab_run *run, const json_t *line, size_t number, char error[LAB_JOURNAL_ERROR_BYTES]) {
    struct lab_cell cell;
    char why[LAB_ERROR_BYTES];
    size_t family;
    size_t at;
    const char *family_name = json_string_value(json_object_get(line, "family"));
    json_int_t block = json_integer_value(json_object_get(line, "block"));
    if (!same_text(line, "kind", "trial") || !same_text(line, "run", run->id) || family_name == NULL || block < 0) {
        return refuse(error, run, number,
                      "this trial does not belong to the run in the first line; remove it, or start a new run");
    }
    if (!lab_cell_from_json(&cell, json_object_get(line, "cell"), why)) {
        return refuse(error, run, number, why);
    }
    if (!find_cell(run, family_name, &cell, &family, &at)) {
        return refuse(error, run, number, "its cell is not in the matrix; start a new run");
    }
    if (block >= (json_int_t)run->blocks) {
        return true; /* fewer blocks are wanted now than were measured */
    }
    bool *slot = lab_run_slot(run, (unsigned)block, family, at);
    if (*slot) {
        return refuse(error, run, number, "this trial is there twice; remove one of them");
    }
    *slot = true;
    if (lab_run_has_block(run, (unsigned)block)) {
        run->done_count++;
        run->failed_before += !json_is_true(json_object_get(line, "ok"));
    }
    return true;
}

static bool take_line(json_t *line, size_t number, void *arg, char error[LAB_JOURNAL_ERROR_BYTES]) {
    struct lab_run *run = arg;
    return number == 1 ? take_first_line(run, line, error) : take_trial(run, line, number, error);
}

bool lab_run_resume(struct lab_run *run, char error[LAB_JOURNAL_ERROR_BYTES]) {
    bool was_cut = false;
    if (!lab_journal_resume(&run->journal, run->options.resume, take_line, run, &was_cut, error)) {
        return false;
    }
    if (was_cut) {
        lab_say("%s: the last line was cut short and has been removed; its trial runs again", run->options.resume);
    }
    return true;
}
