#include "export.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* Families stand together, as the format wants it, so each one walks through the whole reading. The buckets of a
 * histogram are always the same ones, since series that come later would lack what was counted before: powers of four
 * from 1 µs to 69 s. */
enum { BUCKET_FIRST = 10, BUCKET_LAST = 36, BUCKET_STEP = 2 };

static void family(struct top_text *text, const char *name, const char *type, const char *help) {
    top_add(text, "# HELP corps_%s %s\n# TYPE corps_%s %s\n", name, help, name, type);
}

/* A label's value: a backslash, a quotation mark and a line feed are escaped, nothing else. */
static void add_escaped(struct top_text *text, const char *bytes, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (bytes[i] == '\n') {
            top_add_bytes(text, "\\n", 2);
        } else {
            top_add_bytes(text, "\\", bytes[i] == '\\' || bytes[i] == '"');
            top_add_bytes(text, bytes + i, 1);
        }
    }
}

/* corps_NAME{corps="…",tag="…",env="…" and no end yet */
static void begin(struct top_text *text, const struct top_reading *reading, unsigned env, const char *name,
                  const char *suffix) {
    top_add(text, "corps_%s%s{corps=\"%016" PRIx64 "\",tag=\"", name, suffix, reading->corps_id);
    add_escaped(text, reading->tag, strlen(reading->tag));
    top_add(text, "\",env=\"%u\"", env);
}

/* ---- Envs ---- */

static double up_of(const struct top_env *env) {
    return env->box != NULL;
}
static double age_of(const struct top_env *env) {
    return (double)env->up_ns / 1e9;
}
static double cpu_of(const struct top_env *env) {
    return (double)env->cpu_ns / 1e9;
}
static double memory_of(const struct top_env *env) {
    return (double)env->rss_bytes;
}
static double threads_of(const struct top_env *env) {
    return (double)env->threads;
}
static double restarts_of(const struct top_env *env) {
    return (double)top_env_restarts(env);
}

static void envs(const struct top_reading *reading, struct top_text *text) {
    static const struct {
        const char *name, *type, *help;
        double (*value)(const struct top_env *env);
        bool always;
    } rows[] = {
        {"env_up", "gauge", "Does the Env answer?", up_of, true},
        {"env_up_seconds", "gauge", "Time since the Env's process began.", age_of, false},
        {"env_cpu_seconds_total", "counter", "Processor time of the Env's process.", cpu_of, false},
        {"env_resident_memory_bytes", "gauge", "Resident memory of the Env's process.", memory_of, false},
        {"env_threads", "gauge", "Threads of the Env's process.", threads_of, false},
        {"env_restarts_total", "counter", "How often the Env was started again.", restarts_of, false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        family(text, rows[i].name, rows[i].type, rows[i].help);
        for (unsigned j = 0; j < reading->env_count; j++) {
            if (rows[i].always || reading->envs[j].box != NULL) {
                begin(text, reading, j, rows[i].name, "");
                top_add(text, "} %.15g\n", rows[i].value(&reading->envs[j]));
            }
        }
    }
}

/* ---- Workers ---- */

static void begin_worker(struct top_text *text, const struct top_reading *reading, const struct top_worker *worker,
                         const char *name, const char *suffix) {
    begin(text, reading, worker->env, name, suffix);
    top_add(text, ",worker=\"%" PRId64 "\",class=\"", worker->conc);
    add_escaped(text, worker->class_name, worker->class_bytes);
    top_add(text, "\"");
}

static void worker_counts(const struct top_reading *reading, struct top_text *text) {
    static const struct {
        const char *name, *type, *help;
        size_t offset;
    } rows[] = {
        {"worker_served_total", "counter", "Requests whose turn has come.", offsetof(struct top_worker, served)},
        {"worker_failed_total", "counter", "Requests that were answered by an error.",
         offsetof(struct top_worker, failed)},
        {"worker_queued", "gauge", "Requests that wait for their turn.", offsetof(struct top_worker, queued)},
        {"worker_restarts_total", "counter", "How often the Worker was made again.",
         offsetof(struct top_worker, restarted)},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        family(text, rows[i].name, rows[i].type, rows[i].help);
        for (size_t j = 0; j < reading->worker_count; j++) {
            const struct top_worker *worker = &reading->workers[j];
            begin_worker(text, reading, worker, rows[i].name, "");
            top_add(text, "} %" PRId64 "\n", *(const int64_t *)((const char *)worker + rows[i].offset));
        }
    }
    family(text, "worker_running", "gauge", "Does a thread run the Worker now?");
    for (size_t j = 0; j < reading->worker_count; j++) {
        begin_worker(text, reading, &reading->workers[j], "worker_running", "");
        top_add(text, "} %d\n", reading->workers[j].running);
    }
}

static void histogram(const struct top_reading *reading, const struct top_worker *worker, const char *name,
                      const struct top_spread *spread, struct top_text *text) {
    int64_t passed = 0;
    unsigned next = 0;
    for (unsigned bucket = BUCKET_FIRST; bucket <= BUCKET_LAST; bucket += BUCKET_STEP) {
        while (next <= bucket) {
            passed += spread->counts[next++];
        }
        begin_worker(text, reading, worker, name, "_bucket");
        top_add(text, ",le=\"%.12g\"} %" PRId64 "\n", (double)(INT64_C(1) << bucket) / 1e9, passed);
    }
    begin_worker(text, reading, worker, name, "_bucket");
    top_add(text, ",le=\"+Inf\"} %" PRId64 "\n", top_spread_count(spread));
    begin_worker(text, reading, worker, name, "_sum");
    top_add(text, "} %.15g\n", (double)spread->sum_ns / 1e9);
    begin_worker(text, reading, worker, name, "_count");
    top_add(text, "} %" PRId64 "\n", top_spread_count(spread));
}

static void worker_times(const struct top_reading *reading, struct top_text *text) {
    family(text, "worker_wait_seconds", "histogram",
           "From when a request is put into the mailbox until its turn comes; estimated from a sample.");
    for (size_t i = 0; i < reading->worker_count; i++) {
        histogram(reading, &reading->workers[i], "worker_wait_seconds", &reading->workers[i].wait, text);
    }
    family(text, "worker_service_seconds", "histogram",
           "From when a request's turn comes until its answer is there; estimated from a sample.");
    for (size_t i = 0; i < reading->worker_count; i++) {
        histogram(reading, &reading->workers[i], "worker_service_seconds", &reading->workers[i].service, text);
    }
}

/* ---- links and pools ---- */

/* What stands for the other end in labels: programs come and go, so they are one. */
struct end {
    unsigned env; /* whose link it is */
    uint64_t corps;
    int64_t other;
    bool out;
    int64_t numbers[7];
};

static const struct {
    const char *name, *type, *help, *key;
} link_rows[] = {
    {"link_frames_sent_total", "counter", "Frames that were sent.", "frames_sent"},
    {"link_sent_bytes_total", "counter", "Bytes that were sent.", "bytes_sent"},
    {"link_frames_received_total", "counter", "Frames that were received.", "frames_received"},
    {"link_received_bytes_total", "counter", "Bytes that were received.", "bytes_received"},
    {"link_outstanding", "gauge", "Requests without an answer yet.", "outstanding"},
    {"link_kept_bytes", "gauge", "Bytes that wait for the other end to read.", "kept_bytes"},
    {"link_losses_total", "counter", "Connections that were lost.", "losses"},
};
enum { LINK_ROWS = sizeof link_rows / sizeof link_rows[0] };

static int compare_ends(const void *a, const void *b) {
    const struct end *one = a;
    const struct end *other = b;
    return one->env != other->env       ? (one->env < other->env ? -1 : 1)
           : one->out != other->out     ? (int)one->out - (int)other->out
           : one->other != other->other ? (one->other < other->other ? -1 : 1)
                                        : (one->corps > other->corps) - (one->corps < other->corps);
}

static size_t read_ends(const struct top_reading *reading, struct end *ends) {
    size_t count = 0;
    for (unsigned i = 0; i < reading->env_count; i++) {
        const struct corps_value *list =
            reading->envs[i].box != NULL ? top_list(corps_box_root(reading->envs[i].box), "links") : NULL;
        for (size_t j = 0; list != NULL && j < list->count; j++) {
            const struct corps_value *link = corps_value_item(list, j);
            bool is_program = top_number(link, "env") < 0;
            struct end end = {.env = i,
                              .corps = is_program ? 0 : (uint64_t)top_number(link, "corps"),
                              .other = is_program ? -1 : top_number(link, "env"),
                              .out = top_number(link, "out") != 0};
            for (size_t k = 0; k < LINK_ROWS; k++) {
                end.numbers[k] = top_number(link, link_rows[k].key);
            }
            if (ends != NULL) {
                ends[count] = end;
            }
            count++;
        }
    }
    return count;
}

/* Links with the same labels are one series. */
static size_t join_ends(struct end *ends, size_t count) {
    qsort(ends, count, sizeof *ends, compare_ends);
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        if (kept == 0 || compare_ends(&ends[kept - 1], &ends[i]) != 0) {
            ends[kept++] = ends[i];
            continue;
        }
        for (size_t k = 0; k < LINK_ROWS; k++) {
            ends[kept - 1].numbers[k] += ends[i].numbers[k];
        }
    }
    return kept;
}

static void links(const struct top_reading *reading, struct top_text *text) {
    size_t count = read_ends(reading, NULL);
    struct end *ends = malloc((count + 1) * sizeof *ends);
    if (ends == NULL) {
        text->failed = true;
        return;
    }
    count = join_ends(ends, read_ends(reading, ends));
    for (size_t k = 0; k < LINK_ROWS; k++) {
        family(text, link_rows[k].name, link_rows[k].type, link_rows[k].help);
        for (size_t i = 0; i < count; i++) {
            begin(text, reading, ends[i].env, link_rows[k].name, "");
            if (ends[i].other < 0) {
                top_add(text, ",peer_corps=\"\",peer_env=\"program\"");
            } else {
                top_add(text, ",peer_corps=\"%016" PRIx64 "\",peer_env=\"%" PRId64 "\"", ends[i].corps, ends[i].other);
            }
            top_add(text, ",direction=\"%s\"} %" PRId64 "\n", ends[i].out ? "out" : "in", ends[i].numbers[k]);
        }
    }
    free(ends);
}

static void pools(const struct top_reading *reading, struct top_text *text) {
    static const struct {
        const char *name, *type, *help, *key;
        double unit;
    } rows[] = {
        {"pool_members", "gauge", "Members of the pool.", "members", 1},
        {"pool_draining", "gauge", "Members that get no calls any more and end.", "draining", 1},
        {"pool_members_min", "gauge", "The least number of members.", "min", 1},
        {"pool_members_max", "gauge", "The largest number of members.", "max", 1},
        {"pool_target_seconds", "gauge", "How long a request may wait.", "target_ns", 1e9},
        {"pool_wait_seconds", "gauge", "How long a request waits.", "wait_ns", 1e9},
        {"pool_grown_total", "counter", "Members that were added.", "grown", 1},
        {"pool_shrunk_total", "counter", "Members that were taken away.", "shrunk", 1},
        {"pool_moved_total", "counter", "Calls that came too late for a member, and went to another.", "moved", 1},
    };
    for (size_t k = 0; k < sizeof rows / sizeof rows[0]; k++) {
        family(text, rows[k].name, rows[k].type, rows[k].help);
        for (unsigned i = 0; i < reading->env_count; i++) {
            const struct corps_value *list =
                reading->envs[i].box != NULL ? top_list(corps_box_root(reading->envs[i].box), "pools") : NULL;
            for (size_t j = 0; list != NULL && j < list->count; j++) {
                const struct corps_value *pool = corps_value_item(list, j);
                const struct corps_value *class = corps_value_get(pool, "class");
                begin(text, reading, i, rows[k].name, "");
                top_add(text, ",pool=\"%" PRId64 "\",class=\"", top_number(pool, "conc"));
                add_escaped(text, class != NULL && class->kind == CORPS_STR ? class->str : "",
                            class != NULL && class->kind == CORPS_STR ? class->count : 0);
                top_add(text, "\"} %.15g\n", (double)top_number(pool, rows[k].key) / rows[k].unit);
            }
        }
    }
}

void top_prometheus(const struct top_reading *reading, struct top_text *text) {
    envs(reading, text);
    worker_counts(reading, text);
    worker_times(reading, text);
    links(reading, text);
    pools(reading, text);
}
