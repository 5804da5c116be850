#include "cell/peers.h"
#include "payload/payloads.h"
#include "trial/fields.h"
#include "trial/program.h"
#include "trial/trial.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

/* A trial that a peer's program performs. */

enum { PAIRS_MAX = LAB_CELL_KEY_COUNT + 1, PAIR_BYTES = LAB_CELL_VALUE_BYTES + 64, VERSION_PATIENCE_S = 20 };

struct call {
    char interpreter[PATH_MAX];
    char path[PATH_MAX];
    char pairs[PAIRS_MAX][PAIR_BYTES];
    char *argv[PAIRS_MAX + 4];
    cpu_set_t cpus;
};

/* How long a peer's answer is waited for. */
static unsigned patience_s(void) {
    const char *wanted = getenv("CORPS_PEER_PATIENCE");
    unsigned long seconds = wanted != NULL ? strtoul(wanted, NULL, 10) : 0;
    return seconds > 0 && seconds < 86400 ? (unsigned)seconds : 45;
}

/* The processors of the trial, and their numbers as cpus=0,1. A placement on the same processor has one. */
static void choose_cpus(const struct lab_cell *cell, struct call *call, char pair[PAIR_BYTES]) {
    cpu_set_t allowed;
    bool one = strcmp(cell->placement, "same") == 0;
    int used = snprintf(pair, PAIR_BYTES, "cpus=");
    CPU_ZERO(&call->cpus);
    if (sched_getaffinity(0, sizeof allowed, &allowed) != 0) {
        return;
    }
    for (int cpu = 0; cpu < CPU_SETSIZE && used < PAIR_BYTES - 8; cpu++) {
        if (CPU_ISSET(cpu, &allowed) && (!one || CPU_COUNT(&call->cpus) == 0)) {
            used +=
                snprintf(pair + used, PAIR_BYTES - (size_t)used, "%s%d", CPU_COUNT(&call->cpus) > 0 ? "," : "", cpu);
            CPU_SET(cpu, &call->cpus);
        }
    }
}

/* The beginning of the arguments; returns how many. */
static size_t name_program(struct call *call) {
    size_t count = 0;
    if (call->interpreter[0] != '\0') {
        call->argv[count++] = call->interpreter;
    }
    call->argv[count++] = call->path;
    return count;
}

static void make_arguments(const struct lab_cell *cell, struct call *call) {
    const struct lab_cell_field *field;
    size_t count = name_program(call);
    choose_cpus(cell, call, call->pairs[0]);
    call->argv[count++] = call->pairs[0];
    for (unsigned i = 0; (field = lab_cell_field_at(i)) != NULL && i < PAIRS_MAX - 1; i++) {
        char value[LAB_CELL_VALUE_BYTES];
        lab_cell_get(cell, field->name, value);
        snprintf(call->pairs[i + 1], PAIR_BYTES, "%s=%s", field->name, value);
        call->argv[count++] = call->pairs[i + 1];
    }
    call->argv[count] = NULL;
}

/* ---- the answer ---- */

/* Some peers tell quantiles alone. */
static void take_quantiles(json_t *fields, json_t *answer) {
    static const char *const keys[] = {"p50_ns", "p99_ns", "max_ns"};
    if (json_array_size(json_object_get(answer, "histogram")) > 0 || !json_is_true(json_object_get(fields, "ok"))) {
        return;
    }
    json_object_set_new(fields, "histogram", json_null());
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        json_t *value = json_object_get(answer, keys[i]);
        if (json_is_integer(value)) {
            json_object_set(fields, keys[i], value);
        } else {
            json_object_set_new(fields, keys[i], json_null());
        }
    }
}

static json_t *fields_of(const struct lab_cell *cell, json_t *answer, const struct lab_noise *noise) {
    const char *error = json_string_value(json_object_get(answer, "error"));
    struct corps_box *box;
    if (error != NULL) {
        return lab_fields_failed("%s: %s", cell->transport, error);
    }
    box = corps_box_create();
    json_t *fields = box != NULL && lab_value_of_json(answer, box) == CORPS_OK
                         ? lab_trial_fields(cell, corps_box_root(box), noise)
                         : lab_fields_failed("no memory for the result");
    corps_box_unref(box);
    take_quantiles(fields, answer);
    return fields;
}

static json_t *without_answer(const struct lab_cell *cell, const struct lab_program_end *end) {
    const char *between = end->words[0] != '\0' ? ": " : "";
    if (end->timed_out) {
        return lab_fields_failed("%s gave no answer within %u s and was killed%s%s", cell->transport, patience_s(),
                                 between, end->words);
    }
    if (WIFSIGNALED(end->status)) {
        return lab_fields_failed("%s was killed by signal %d%s%s", cell->transport, WTERMSIG(end->status), between,
                                 end->words);
    }
    return lab_fields_failed("%s ended with status %d and no result%s%s", cell->transport,
                             WIFEXITED(end->status) ? WEXITSTATUS(end->status) : -1, between, end->words);
}

/* Figures of a program that failed in the end, or left others running, are not to be trusted. */
static json_t *judge(const struct lab_cell *cell, json_t *answer, const struct lab_program_end *end,
                     const struct lab_noise *noise) {
    if (answer == NULL || end->timed_out || WIFSIGNALED(end->status)) {
        return without_answer(cell, end);
    }
    if (end->left_processes) {
        return lab_fields_failed("%s left processes running after its end; they were killed", cell->transport);
    }
    json_t *fields = fields_of(cell, answer, noise);
    if (json_is_true(json_object_get(fields, "ok")) && WEXITSTATUS(end->status) != 0) {
        json_decref(fields);
        return without_answer(cell, end);
    }
    return fields;
}

json_t *lab_peer_trial(const struct lab_cell *cell) {
    static struct call call; /* 60 KiB, and trials run one at a time */
    char why[LAB_ERROR_BYTES];
    const struct lab_peer *peer = lab_peer_find(cell->transport);
    struct lab_noise noise;
    struct lab_program_end end;
    if (peer == NULL || !lab_peer_path(peer, call.path, call.interpreter, why)) {
        return lab_fields_failed("%s", peer == NULL ? "there is no such peer; corps-lab list peers names them" : why);
    }
    make_arguments(cell, &call);
    lab_noise_begin(&noise);
    const struct lab_program program = {
        .argv = call.argv, .cpus = &call.cpus, .patience_s = patience_s(), .alone = true};
    json_t *answer = lab_program_run(&program, &end);
    json_t *fields = judge(cell, answer, &end, &noise);
    json_t *version = json_object_get(answer, "version");
    if (json_is_string(version)) {
        json_object_set(fields, "peer_version", version);
    }
    json_decref(answer);
    return fields;
}

/* ---- its version ---- */

bool lab_peer_version(const struct lab_peer *peer, char version[LAB_ERROR_BYTES], char why[LAB_ERROR_BYTES]) {
    static struct call call;
    static char option[] = "--version";
    struct lab_program_end end;
    if (!lab_peer_path(peer, call.path, call.interpreter, why)) {
        return false;
    }
    size_t count = name_program(&call);
    call.argv[count] = option;
    call.argv[count + 1] = NULL;
    json_t *answer = lab_program_run(&(struct lab_program){.argv = call.argv, .patience_s = VERSION_PATIENCE_S}, &end);
    const char *text = json_string_value(json_object_get(answer, "version"));
    if (text != NULL) {
        snprintf(version, LAB_ERROR_BYTES, "%s", text);
    } else {
        const char *error = json_string_value(json_object_get(answer, "error"));
        snprintf(why, LAB_ERROR_BYTES, "%s cannot run: %.180s", peer->name,
                 error != NULL ? error : "it told no version");
    }
    json_decref(answer);
    return text != NULL;
}
