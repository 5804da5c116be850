/* The laboratory's inner interface: what the parts of corps-lab share. docs/method.md says what the fields mean.
 *
 *   cli/        the program and its subcommands
 *   plan/       YAML matrix → list of cells
 *   cell/       one combination: its keys as text, and what is impossible and why
 *   run/        blocks of trials, each in a fresh process, and their file
 *   trial/      one cell measured: in this process, in a Python program, in another maker's
 *   measure/    histogram, processor time, noise, system calls, instructions
 *   payload/    what is sent
 *   hosts/      several hosts on this machine: network namespaces, and what joins them
 *   machine/    on what it is measured; the doctor
 *   workloads/  one file each, over corps.h alone
 *   raw/        bare ping-pongs without the core
 *
 * Threads: corps-lab is single-threaded except inside libcorps and inside raw/ trials.
 */
#ifndef LAB_H
#define LAB_H

#include "cell/keys.h"

#include <corps.h>

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { LAB_EXIT_OK = 0, LAB_EXIT_FAILURE = 1, LAB_EXIT_USAGE = 2 };
enum { LAB_ERROR_BYTES = 512 }; /* what is wrong, in one line, with its NUL */

/* One combination of every axis, and how long its trial lasts: a member for each key of cell/keys.json, which says what
 * they mean. Text is NUL-terminated. */
#define LAB_MEMBER_TEXT(name, bytes) char name[bytes];
#define LAB_MEMBER_COUNT(name, bytes) unsigned name;
#define LAB_MEMBER_SEED(name, bytes) uint64_t name;
#define LAB_MEMBER(type, name, bytes, ...) LAB_MEMBER_##type(name, bytes)
struct lab_cell {
    LAB_CELL_KEYS(LAB_MEMBER)
};
#define LAB_ONE(...) +1
enum { LAB_CELL_KEY_COUNT = 0 LAB_CELL_KEYS(LAB_ONE) };

/* A cell with every default that does not depend on another key; see lab_cell_finish. */
void lab_cell_init(struct lab_cell *cell);

/* Sets one key from text. Errors (one line in `error`): unknown key or value, with the ones that exist. */
bool lab_cell_set(struct lab_cell *cell, const char *key, const char *value, char error[LAB_ERROR_BYTES]);

/* What a lang other than c cannot do, or NULL; see lab_cell_impossible. */
const char *lab_cell_lang_rule(const struct lab_cell *cell, char why[LAB_ERROR_BYTES]);

/* Fills the defaults that depend on other keys, after all keys are set. */
void lab_cell_finish(struct lab_cell *cell);

/* Why this combination cannot be run ("spin on the same core is infeasible: …"), or NULL. Static or in `why`. */
const char *lab_cell_impossible(const struct lab_cell *cell, char why[LAB_ERROR_BYTES]);

/* The method's cell object: every axis above, and size_bytes. New reference. size_bytes is 0 until a trial fills it
 * for payloads whose size only encoding tells; for bytes:N it is N. */
json_t *lab_cell_json(const struct lab_cell *cell);

/* A stable text that identifies the cell for resume: the sorted key=value list of the axes. */
void lab_cell_key(const struct lab_cell *cell, char *out, size_t out_bytes);

/* ---- Histogram: log-linear, 3 significant digits up to 2^40 ns (source of the idea: HdrHistogram) ---- */
struct lab_histogram;
struct lab_histogram *lab_histogram_create(void);
void lab_histogram_destroy(struct lab_histogram *histogram);
void lab_histogram_record(struct lab_histogram *histogram, uint64_t value_ns);
uint64_t lab_histogram_count(const struct lab_histogram *histogram);
uint64_t lab_histogram_quantile(const struct lab_histogram *histogram, double quantile); /* 0 … 1 */
uint64_t lab_histogram_max(const struct lab_histogram *histogram);
/* [[lower bound of bucket in ns, count], …] for buckets with a count. New reference. */
json_t *lab_histogram_json(const struct lab_histogram *histogram);

/* ---- Trials ---- */

/* Performs one trial of `cell` in this process (which becomes the Corps' creator) and returns the trial's fields: ok,
 * error, messages, seconds, p50_ns, p99_ns, max_ns, messages_per_s, bytes_per_s, cpu_ns_per_message, histogram,
 * stages_ns (null), flags, payload size as "size_bytes", peak_rss_bytes, voluntary/involuntary switches per message,
 * bytes_on_wire_per_message where known. Never NULL: a failure is ok=false with its reason. New reference. */
json_t *lab_trial(const struct lab_cell *cell);

/* A raw control (transport raw:*), same fields. */
json_t *lab_raw_trial(const struct lab_cell *cell);

/* ---- Workloads ---- */

/* What the rules for cells, and trials, need to know of a workload. */
enum lab_workload_trait {
    LAB_WORKLOAD_PING_PONG = 1 << 0,  /* what bare controls do: one request, its reply, the next. Knows stages=1 */
    LAB_WORKLOAD_STREAM = 1 << 1,     /* what some of them do as well: one way, to one receiver. Knows batch */
    LAB_WORKLOAD_UNANSWERED = 1 << 2, /* a message is one way */
    LAB_WORKLOAD_LENDS = 1 << 3,      /* knows loan=1 */
    LAB_WORKLOAD_OPEN_LOOP = 1 << 4,  /* offers load; its driver polls */
    LAB_WORKLOAD_SEARCHES =
        1 << 5, /* reads path and pattern; its messages are not the payload, and as many as there are files */
    LAB_WORKLOAD_C_ALONE = 1 << 6, /* looks at the core: Python cannot do it */
    LAB_WORKLOAD_ALIKE = 1 << 7,   /* all Concs do the same, so that no language calls the other */
    LAB_WORKLOAD_HEALS = 1 << 8,   /* kills an Env, which comes back */
    LAB_WORKLOAD_RETRIES = 1 << 9, /* an echo whose Envs keep their results */
    LAB_WORKLOAD_ONCE = 1 << 10,   /* one message, whatever length is set */
};

/* Does the cell's workload have this trait? */
bool lab_cell_does(const struct lab_cell *cell, enum lab_workload_trait trait);

/* The compiler refuses a workload with more. */
enum { LAB_WORKLOAD_CLASSES_MAX = 8 };

/* What a workload's driver reports after its timed section; filled in the Env where the driver Conc lives and sent to
 * the program as a value (map), see workloads/common.h. */
struct lab_workload {
    const char *name;
    const char *summary;
    unsigned traits;                     /* enum lab_workload_trait */
    unsigned window, concs, load, scale; /* what these keys are when nobody set them; 0: 1, 1, 0 and 0 */
    const struct corps_class *classes[LAB_WORKLOAD_CLASSES_MAX + 1]; /* NULL-terminated; registered with corps_start */
    /* Why the workload cannot run in this cell, or NULL. */
    const char *(*impossible)(const struct lab_cell *cell, char why[LAB_ERROR_BYTES]);
    /* Runs the trial on a ready Corps; writes a map value with the measured fields into *box. */
    enum corps_err (*run)(struct corps *corps, const struct lab_cell *cell, struct corps_box **box);
};
const struct lab_workload *lab_workload_find(const char *name);
const struct lab_workload *lab_workload_at(unsigned index); /* NULL past the end */

/* All classes of all workloads, NULL-terminated, for corps_start; at most LAB_CLASSES_MAX (workloads/registry.h). Lent
 * for ever. */
const struct corps_class *const *lab_classes(void);

/* The forms of payloads with a one-line summary each, for `list`; NULL past the end. */
const char *lab_payload_form_at(unsigned index, const char **summary);

/* Checks a payload text without building it; one line in `error`. */
bool lab_payload_check(const char *payload, char error[LAB_ERROR_BYTES]);

/* The raw controls' names ("raw:pipe") and summaries; NULL past the end. */
const char *lab_raw_at(unsigned index, const char **summary);

#endif
