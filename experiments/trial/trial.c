#include "trial/trial.h"

#include "cell/cell.h"
#include "cell/peers.h"
#include "measure/histogram.h"
#include "trial/fields.h"
#include "trial/hosts.h"
#include "trial/words.h"
#include "workloads/retry.h"

#include <corps/serializer.h>

#include <string.h>

/* One trial: a Corps as the cell wants it, the workload on it, the figures. */

enum { EXIT_PATIENCE_S = 10, HEAL_INTENSITY = 100, HEAL_PERIOD_NS = 1000000 };

static enum corps_wake wake_of(const char *text) {
    if (strcmp(text, "block") == 0) {
        return CORPS_WAKE_BLOCK;
    }
    return strcmp(text, "spin") == 0 ? CORPS_WAKE_SPIN : CORPS_WAKE_ADAPTIVE;
}

static enum corps_placement placement_of(const char *text) {
    if (strcmp(text, "same") == 0) {
        return CORPS_PLACEMENT_SAME;
    }
    return strcmp(text, "cross") == 0 ? CORPS_PLACEMENT_CROSS : CORPS_PLACEMENT_UNPINNED;
}

/* With a Python serializer the payload stays a Python object at both ends, as it does for a Python program. Plain bytes
 * stay bytes, which these serializers carry out of band; a search has no payload, and its tasks are plain values. */
static bool keeps_objects(const struct lab_cell *cell, const struct corps_serializer *serializer) {
    return (serializer->capabilities & CORPS_SERIALIZER_OBJECTS) != 0 && !lab_cell_does(cell, LAB_WORKLOAD_SEARCHES) &&
           strncmp(cell->payload, "bytes:", 6) != 0;
}

static enum corps_err start(const struct lab_cell *cell, const struct lab_hosts *hosts, struct corps **corps) {
    const struct corps_serializer *serializer;
    enum corps_err err = corps_serializer_find(cell->serializer, &serializer);
    if (err != CORPS_OK) {
        return err;
    }
    struct corps_options options = {
        .tag = "lab",
        .env_count = cell->envs,
        .transport = cell->transport,
        .serializer = cell->serializer,
        .wake = wake_of(cell->wake),
        .client_wake = CORPS_WAKE_BLOCK, /* this program only waits, and must not disturb */
        .placement = placement_of(cell->placement),
        .mailbox_count = cell->window > 1024 ? cell->window : 1024,
        .keep_objects = keeps_objects(cell, serializer),
    };
    if (lab_cell_does(cell, LAB_WORKLOAD_HEALS)) {
        /* An Env that has run for a millisecond begins anew: neither intensity nor backoff is what is measured. */
        options.restart = CORPS_RESTART_ON_FAILURE;
        options.intensity = HEAL_INTENSITY;
        options.period_ns = HEAL_PERIOD_NS;
    }
    if (lab_cell_does(cell, LAB_WORKLOAD_RETRIES)) {
        options.results_count = LAB_RETRY_RESULTS_COUNT;
        options.results_bytes = LAB_RETRY_RESULTS_BYTES;
        options.results_clean_ns = LAB_RETRY_CLEAN_NS;
    }
    lab_hosts_options(hosts, &options);
    return corps_create(NULL, NULL, &options, corps);
}

/* ---- from the driver's result to the fields ---- */

/* A number of the result; -1 when the driver could not tell. */
static double number(const struct corps_value *result, const char *key) {
    const struct corps_value *value = corps_value_get(result, key);
    if (value != NULL && value->kind == CORPS_FLOAT) {
        return value->number;
    }
    return value != NULL && value->kind == CORPS_INT ? (double)value->integer : -1;
}

/* Ticks are coarse: with few of them the split between user and system says nothing. */
static double system_share(const struct corps_value *result) {
    const double ticks_min = 5;
    double user = number(result, "user_ticks");
    double system_ticks = number(result, "system_ticks");
    return user >= 0 && user + system_ticks >= ticks_min ? system_ticks / (user + system_ticks) : -1;
}

/* There and back for calls, one way for sends; a search's tasks differ in size. */
static double wire_bytes(const struct lab_cell *cell, const struct corps_value *result) {
    double once = number(result, "wire_bytes");
    bool one_way = lab_cell_does(cell, LAB_WORKLOAD_UNANSWERED);
    if (lab_cell_does(cell, LAB_WORKLOAD_SEARCHES)) {
        return lab_cell_is_intra(cell) ? 0 : -1;
    }
    return one_way ? once : 2 * once;
}

static json_t *notes_of(const struct lab_cell *cell, const struct corps_value *result) {
    json_t *notes = json_array();
    const struct corps_value *texts = corps_value_get(result, "notes");
    for (size_t i = 0; texts != NULL && i < texts->count; i++) {
        const struct corps_value *text = corps_value_item(texts, i);
        json_array_append_new(notes, json_stringn(text->str, text->count));
    }
    if (lab_cell_is_ours(cell)) {
        json_array_append_new(
            notes, json_string("CPU time, switches and memory are those of the Envs, not of the program that "
                               "started them"));
        json_array_append_new(notes,
                              json_string("bytes on the wire: encoded arguments and results without message headers"));
    }
    return notes;
}

static json_t *flags_of(const struct lab_cell *cell, const struct corps_value *result) {
    json_t *flags = json_array();
    const struct corps_value *unverified = corps_value_get(result, "unverified");
    bool whole = lab_cell_does(cell, LAB_WORKLOAD_SEARCHES | LAB_WORKLOAD_ONCE) ||
                 cell->scale > 0; /* as much as there is to do */
    if (!whole && number(result, "messages") < (double)cell->min_count) {
        json_array_append_new(flags, json_string("short"));
    }
    const struct corps_value *slowed = corps_value_get(result, "slowed");
    if (slowed != NULL && slowed->boolean) {
        json_array_append_new(flags, json_string("slowed"));
    }
    if (unverified != NULL && unverified->boolean) {
        json_array_append_new(flags, json_string("unverified"));
    }
    return flags;
}

static void add_stages(json_t *fields, const struct corps_value *stages) {
    if (stages == NULL || stages->kind != CORPS_MAP || stages->count == 0) {
        return;
    }
    json_t *object = json_object();
    for (size_t i = 0; i < stages->count; i++) {
        const struct corps_entry *entry = &stages->entries[i];
        if (entry->key.kind == CORPS_STR && entry->value.kind == CORPS_INT) {
            json_object_setn_new(object, entry->key.str, entry->key.count, json_integer(entry->value.integer));
        }
    }
    json_object_set_new(fields, "stages_ns", object);
}

/* What only some workloads tell. */
static void add_extra(json_t *fields, const struct corps_value *result) {
    static const char *const keys[] = {"total",     "files", "laps",           "late",           "requests",
                                       "lost",      "moved", "members_before", "members",        "needed",
                                       "overshoot", "turns", "windows_over",   "longest_wait_ns"};
    static const char *const numbers[] = {"system_calls_per_message",
                                          "system_call_bytes_per_message",
                                          "instructions_per_message",
                                          "caller_instructions_per_message",
                                          "least_share",
                                          "capacity_per_s",
                                          "offered_per_s",
                                          "encode_ns",
                                          "decode_ns",
                                          "first_encode_ns",
                                          "first_decode_ns"};
    const struct corps_value *path = corps_value_get(result, "path");
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        const struct corps_value *value = corps_value_get(result, keys[i]);
        if (value != NULL && value->kind == CORPS_INT) {
            json_object_set_new(fields, keys[i], json_integer(value->integer));
        }
    }
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        if (number(result, numbers[i]) >= 0) {
            json_object_set_new(fields, numbers[i], json_real(number(result, numbers[i])));
        }
    }
    add_stages(fields, corps_value_get(result, "stages_ns"));
    if (path != NULL && (path->kind == CORPS_BIN || path->kind == CORPS_STR)) {
        /* NULL, and thus no field, when the path is no UTF-8 */
        json_object_set_new(fields, "path", json_stringn((const char *)path->bin, path->count));
    }
}

/* A driver in this language packs its histogram; JSON brings it as pairs. */
static bool read_histogram(const struct corps_value *result, struct lab_histogram *histogram) {
    const struct corps_value *given = corps_value_get(result, "histogram");
    if (given == NULL || given->kind != CORPS_ARRAY) {
        return given != NULL && given->kind == CORPS_BIN && lab_histogram_unpack(histogram, given->bin, given->count);
    }
    for (size_t i = 0; i < given->count; i++) {
        const struct corps_value *low = corps_value_item(corps_value_item(given, i), 0);
        const struct corps_value *count = corps_value_item(corps_value_item(given, i), 1);
        if (count == NULL || low->kind != CORPS_INT || count->kind != CORPS_INT || low->integer < 0 ||
            count->integer < 0) {
            return false;
        }
        lab_histogram_record_many(histogram, (uint64_t)low->integer, (uint64_t)count->integer);
    }
    return true;
}

json_t *lab_trial_fields(const struct lab_cell *cell, const struct corps_value *result, const struct lab_noise *noise) {
    struct lab_histogram *histogram = lab_histogram_create();
    double messages = number(result, "messages");
    double seconds = number(result, "seconds");
    json_t *fields;
    if (histogram == NULL || !read_histogram(result, histogram) || messages < 1 || seconds <= 0) {
        fields = lab_fields_failed("the driver's result is not complete: no message was timed");
    } else {
        lab_histogram_set_max(histogram, (uint64_t)number(result, "max_ns"));
        struct lab_measures measures = {
            .messages = (uint64_t)messages,
            .seconds = seconds,
            .histogram = histogram,
            .latencies = number(result, "latencies"),
            .size_bytes = (uint64_t)number(result, "size_bytes"),
            .cpu_ns = number(result, "cpu_ns"),
            .system_share = system_share(result),
            .voluntary = number(result, "voluntary"),
            .involuntary = number(result, "involuntary"),
            .page_faults = number(result, "page_faults"),
            .peak_rss_bytes = number(result, "peak_rss_bytes"),
            .bytes_each = number(result, "bytes_each"),
            .wire_bytes = wire_bytes(cell, result),
        };
        json_t *flags = flags_of(cell, result);
        fields = lab_fields_of(&measures, flags, notes_of(cell, result), lab_noise_end(noise, flags));
        add_extra(fields, result);
    }
    lab_histogram_destroy(histogram);
    return fields;
}

/* A remote error's text begins with its own type. */
static json_t *failed(enum corps_err err, const char *when) {
    const char *detail = corps_error_detail();
    const char *text = detail[0] != '\0' ? detail : corps_error_text(err);
    return err == CORPS_ERR_REMOTE ? lab_fields_failed("%s: %s", when, text)
                                   : lab_fields_failed("%s: %s: %s", when, corps_error_name(err), text);
}

static json_t *run_workload(const struct lab_workload *workload, struct corps *corps, const struct lab_cell *cell,
                            const struct lab_noise *noise) {
    struct corps_box *box = NULL;
    enum corps_err err = workload->run(corps, cell, &box);
    json_t *fields = err == CORPS_OK ? lab_trial_fields(cell, corps_value_open(corps_box_root(box)), noise)
                                     : failed(err, cell->workload);
    corps_box_unref(box);
    return fields;
}

/* What went wrong first is the reason. An Env that died in the trial also makes the exit fail, and that knows how. */
static json_t *with_bad_end(json_t *fields, enum corps_err err) {
    const char *reason = json_string_value(json_object_get(fields, "error"));
    json_t *both = reason == NULL ? failed(err, "the Corps did not end in order")
                   : strstr(reason, corps_error_detail()) == NULL
                       ? lab_fields_failed("%s; at exit: %s", reason, corps_error_detail())
                       : json_incref(fields);
    json_decref(fields);
    return both;
}

/* On hosts that are there. */
static json_t *perform(const struct lab_workload *workload, const struct lab_cell *cell,
                       const struct lab_hosts *hosts) {
    struct corps *corps = NULL;
    struct lab_noise noise;
    struct lab_words words = {.file = -1, .own = -1};
    lab_noise_begin(&noise); /* before there are Envs, which may spin */
    if (lab_cell_does(cell, LAB_WORKLOAD_HEALS)) {
        lab_words_begin(&words);
    }
    enum corps_err err = start(cell, hosts, &corps);
    lab_words_created(&words);
    if (err != CORPS_OK) {
        lab_words_end(&words);
        return failed(err, "the Corps could not be created");
    }
    err = lab_hosts_place(hosts, corps);
    json_t *fields = err == CORPS_OK ? run_workload(workload, corps, cell, &noise)
                                     : failed(err, "the Envs could not be put on their hosts");
    err = corps_exit(corps, (int64_t)EXIT_PATIENCE_S * 1000000000);
    lab_words_end(&words);
    return err == CORPS_OK ? fields : with_bad_end(fields, err);
}

static json_t *own_trial(const struct lab_cell *cell) {
    char why[LAB_ERROR_BYTES];
    const struct lab_workload *workload = lab_workload_find(cell->workload);
    if (workload == NULL) {
        return lab_fields_failed("there is no workload %s; corps-lab list workloads names them", cell->workload);
    }
    if (workload->impossible != NULL && workload->impossible(cell, why) != NULL) {
        return lab_fields_failed("%s", why);
    }
    struct lab_hosts hosts;
    if (!lab_hosts_begin(&hosts, cell, why)) {
        return lab_fields_failed("%s", why);
    }
    json_t *fields = perform(workload, cell, &hosts);
    if (!lab_hosts_end(&hosts, why) && json_is_true(json_object_get(fields, "ok"))) {
        json_decref(fields);
        fields = lab_fields_failed("%s", why);
    }
    return fields;
}

json_t *lab_trial(const struct lab_cell *cell) {
    return lab_cell_is_peer(cell)         ? lab_peer_trial(cell)
           : strcmp(cell->lang, "c") != 0 ? lab_python_trial(cell)
           : lab_cell_is_raw(cell)        ? lab_raw_trial(cell)
                                          : own_trial(cell);
}
