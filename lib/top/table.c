#include "table.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CELL_BYTES = 24, ROWS_WITHOUT_LIMIT = 1 << 20 };

/* ---- figures ---- */

/* Three digits that count, with a unit: at most 6 characters. */
static void scaled(double value, double step, const char *const *units, char out[CELL_BYTES]) {
    unsigned unit = 0;
    while (value >= 999.5 && units[unit + 1] != NULL) {
        value /= step;
        unit++;
    }
    snprintf(out, CELL_BYTES,
             value >= 99.95 || (unit == 0 && value == (double)(int64_t)value) ? "%.0f%s"
             : value >= 9.995                                                 ? "%.1f%s"
                                                                              : "%.2f%s",
             value, units[unit]);
}

static void rate_text(double rate, char out[CELL_BYTES]) {
    static const char *const units[] = {"", "k", "M", "G", NULL};
    scaled(rate, 1000, units, out);
}

static void bytes_text(int64_t bytes, char out[CELL_BYTES]) {
    static const char *const units[] = {"B", "K", "M", "G", "T", NULL};
    scaled((double)bytes, 1024, units, out);
}

static void time_text(double ns, char out[CELL_BYTES]) {
    static const char *const units[] = {"ns", "us", "ms", "s", NULL};
    if (ns < 0) {
        snprintf(out, CELL_BYTES, "-");
    } else {
        scaled(ns, 1000, units, out);
    }
}

static void age_text(int64_t ns, char out[CELL_BYTES]) {
    long long seconds = ns / 1000000000;
    if (seconds < 3600) {
        snprintf(out, CELL_BYTES, "%lld:%02lld", seconds / 60, seconds % 60);
    } else if (seconds < 86400) {
        snprintf(out, CELL_BYTES, "%lldh%02lld", seconds / 3600, seconds / 60 % 60);
    } else {
        snprintf(out, CELL_BYTES, "%lldd%02lldh", seconds / 86400, seconds / 3600 % 24);
    }
}

/* ---- lines ---- */

struct page {
    struct top_text *text;
    const struct top_layout *layout;
    unsigned lines_left;
    uint64_t corps_id;
};

/* Takes a line that was composed aside: cut, and with what a terminal needs. */
static void put_line(struct page *page, const struct top_text *line, bool is_title) {
    if (page->lines_left == 0) {
        return;
    }
    page->lines_left--;
    bool styled = is_title && page->layout->to_line_ends;
    top_add(page->text, "%s", styled ? "\033[1m" : "");
    size_t end = line->used;
    while (end > 0 && line->bytes[end - 1] == ' ') {
        end--;
    }
    top_add_plain(page->text, line->bytes, end, page->layout->columns, false);
    top_add(page->text, "%s%s\n", styled ? "\033[0m" : "", page->layout->to_line_ends ? "\033[K" : "");
}

static void CORPS_PRINTF(3, 4) put(struct page *page, bool is_title, const char *format, ...) {
    char bytes[512];
    va_list args;
    va_start(args, format);
    int count = vsnprintf(bytes, sizeof bytes, format, args);
    va_end(args);
    const struct top_text line = {.bytes = bytes, .used = count < (int)sizeof bytes ? (size_t)count : sizeof bytes - 1};
    put_line(page, &line, is_title);
}

/* ---- parts ---- */

static void head(struct page *page, const struct top_reading *reading) {
    int64_t up_ns = reading->envs[0].up_ns;
    double served = 0, cpu = 0;
    int64_t rss_bytes = 0, queued = 0;
    unsigned there = 0;
    for (unsigned i = 0; i < reading->env_count; i++) {
        there += reading->envs[i].box != NULL;
        served += reading->envs[i].served_rate;
        cpu += reading->envs[i].cpu;
        rss_bytes += reading->envs[i].rss_bytes;
    }
    for (size_t i = 0; i < reading->worker_count; i++) {
        queued += reading->workers[i].queued;
    }
    char up[CELL_BYTES], rate[CELL_BYTES], memory[CELL_BYTES];
    age_text(up_ns, up);
    rate_text(served, rate);
    bytes_text(rss_bytes, memory);
    put(page, false, "Corps %016" PRIx64 " '%s': %u of %u Envs, %zu Workers, up %s", reading->corps_id, reading->tag,
        there, reading->env_count, reading->worker_count, up);
    put(page, false, "%s calls/s, %" PRId64 " queued, %.0f%% cpu, %s memory", rate, queued, 100 * cpu, memory);
}

/* Where it is; "" of a Corps that lives on one host. Lent by the Env's box. */
static const struct corps_value *host_of(const struct top_env *env) {
    static const struct corps_value none = {.kind = CORPS_STR, .str = ""};
    const struct corps_value *host = env->box != NULL ? corps_value_get(corps_box_root(env->box), "host") : NULL;
    return host != NULL && host->kind == CORPS_STR ? host : &none;
}

static void env_rows(struct page *page, struct top_env *const *envs, unsigned count) {
    bool has_hosts = false;
    for (unsigned i = 0; i < count; i++) {
        has_hosts = has_hosts || host_of(envs[i])->count > 0;
    }
    put(page, false, "%s", "");
    put(page, true, "%4s %8s %8s %6s %7s %7s %7s %8s %8s%s", "ENV", "PID", "STATE", "CPU%", "MEMORY", "THREADS",
        "WORKERS", "CALLS/S", "RESTARTS", has_hosts ? "  HOST" : "");
    for (unsigned i = 0; i < count; i++) {
        const struct top_env *env = envs[i];
        if (env->box == NULL) {
            put(page, false, "%4u %8s %8s %s", env->env, "-", "-", env->why);
            continue;
        }
        char memory[CELL_BYTES], rate[CELL_BYTES];
        bytes_text(env->rss_bytes, memory);
        rate_text(env->served_rate, rate);
        const struct corps_value *host = host_of(env);
        put(page, false, "%4u %8" PRId64 " %8s %6.1f %7s %7" PRId64 " %7zu %8s %8" PRId64 "%s%.*s", env->env, env->pid,
            "up", 100 * env->cpu, memory, env->threads, env->count, rate, top_env_restarts(env),
            host->count > 0 ? "  " : "", (int)host->count, host->str);
    }
}

static void worker_rows(struct page *page, struct top_worker *const *workers, size_t count, size_t shown) {
    put(page, false, "%s", "");
    put(page, true, "%4s %6s %7s %6s %6s %5s %6s %6s %6s %6s  %s", "ENV", "WORKER", "CALLS/S", "FAILED", "QUEUED",
        "BUSY%", "WAIT50", "WAIT99", "SERV50", "SERV99", "CLASS");
    for (size_t i = 0; i < shown; i++) {
        const struct top_worker *worker = workers[i];
        char rate[CELL_BYTES], times[4][CELL_BYTES];
        rate_text(worker->served_rate, rate);
        time_text(top_spread_quantile(&worker->wait_now, 0.5), times[0]);
        time_text(top_spread_quantile(&worker->wait_now, 0.99), times[1]);
        time_text(top_spread_quantile(&worker->service_now, 0.5), times[2]);
        time_text(top_spread_quantile(&worker->service_now, 0.99), times[3]);
        struct top_text line = {.bytes = NULL};
        top_add(&line, "%4u %6" PRId64 " %7s %6" PRId64 " %6" PRId64 " %5.1f %6s %6s %6s %6s %c", worker->env,
                worker->conc, rate, worker->failed, worker->queued, 100 * worker->busy, times[0], times[1], times[2],
                times[3], worker->running ? '*' : ' ');
        top_add_bytes(&line, worker->class_name, worker->class_bytes);
        put_line(page, &line, false);
        top_text_free(&line);
    }
    if (shown < count) {
        put(page, false, "%12s %zu more", "", count - shown);
    }
}

static const char *text_of(const struct corps_value *map, const char *key, size_t *bytes) {
    const struct corps_value *value = corps_value_get(map, key);
    bool is_text = value != NULL && value->kind == CORPS_STR;
    *bytes = is_text ? value->count : 0;
    return is_text ? value->str : "";
}

/* Envs of the same Corps need no more than their number. */
static void other_end(const struct page *page, const struct corps_value *link, char out[64]) {
    int64_t env = top_number(link, "env");
    uint64_t corps_id = (uint64_t)top_number(link, "corps");
    if (env < 0) {
        snprintf(out, 64, "a program");
    } else if (corps_id == page->corps_id) {
        snprintf(out, 64, "Env %" PRId64, env);
    } else {
        snprintf(out, 64, "Env %" PRId64 " of %016" PRIx64, env, corps_id);
    }
}

static void link_row(struct page *page, unsigned env, const struct corps_value *link) {
    char sent[CELL_BYTES], received[CELL_BYTES], kept[CELL_BYTES], whose[64];
    bytes_text(top_number(link, "bytes_sent"), sent);
    bytes_text(top_number(link, "bytes_received"), received);
    bytes_text(top_number(link, "kept_bytes"), kept);
    other_end(page, link, whose);
    size_t bytes;
    const char *state = text_of(link, "state", &bytes);
    put(page, false, "%4u %4s %-26s %7s %8s %7" PRId64 " %6s %6" PRId64 " %.*s", env,
        top_number(link, "out") != 0 ? "to" : "from", whose, sent, received, top_number(link, "outstanding"), kept,
        top_number(link, "losses"), (int)bytes, state);
}

static void pool_row(struct page *page, unsigned env, const struct corps_value *pool) {
    char wait[CELL_BYTES], target[CELL_BYTES];
    time_text((double)top_number(pool, "wait_ns"), wait);
    time_text((double)top_number(pool, "target_ns"), target);
    size_t bytes;
    const char *class = text_of(pool, "class", &bytes);
    struct top_text line = {.bytes = NULL};
    top_add(&line,
            "%4u %7" PRId64 " %7" PRId64 " %8" PRId64 " %5" PRId64 " %5" PRId64 " %8s %8s %6" PRId64 " %6" PRId64
            " %6" PRId64 "  ",
            env, top_number(pool, "conc"), top_number(pool, "members"), top_number(pool, "draining"),
            top_number(pool, "min"), top_number(pool, "max"), wait, target, top_number(pool, "grown"),
            top_number(pool, "shrunk"), top_number(pool, "moved"));
    top_add_bytes(&line, class, bytes);
    put_line(page, &line, false);
    top_text_free(&line);
}

/* The rows of a list that every Env has, below one title; nothing where there are none. */
static void listed_rows(struct page *page, const struct top_reading *reading, const char *key, const char *title,
                        void (*row)(struct page *page, unsigned env, const struct corps_value *map)) {
    bool titled = false;
    for (unsigned i = 0; i < reading->env_count; i++) {
        const struct top_env *env = &reading->envs[i];
        const struct corps_value *list = env->box != NULL ? top_list(corps_box_root(env->box), key) : NULL;
        for (size_t j = 0; list != NULL && j < list->count; j++) {
            if (!titled) {
                put(page, false, "%s", "");
                put(page, true, "%s", title);
                titled = true;
            }
            row(page, env->env, corps_value_item(list, j));
        }
    }
}

/* ---- order ---- */

static enum top_sort order; /* for qsort, which takes no argument */

static double key_of(const struct top_worker *worker) {
    switch (order) {
    case TOP_QUEUED:
        return (double)worker->queued;
    case TOP_WAIT:
        return top_spread_quantile(&worker->wait_now, 0.99);
    case TOP_SERVICE:
        return top_spread_quantile(&worker->service_now, 0.99);
    case TOP_CPU:
        return worker->busy;
    case TOP_SERVED:
        break;
    }
    return worker->served_rate;
}

/* The largest first; what is equal by its address, so that rows do not dance. */
static int compare_workers(const void *a, const void *b) {
    const struct top_worker *one = *(struct top_worker *const *)a;
    const struct top_worker *other = *(struct top_worker *const *)b;
    double difference = key_of(other) - key_of(one);
    if (difference != 0) {
        return difference > 0 ? 1 : -1;
    }
    return one->env != other->env ? (one->env < other->env ? -1 : 1)
                                  : (one->conc > other->conc) - (one->conc < other->conc);
}

static int compare_envs(const void *a, const void *b) {
    const struct top_env *one = *(struct top_env *const *)a;
    const struct top_env *other = *(struct top_env *const *)b;
    double difference = order == TOP_CPU ? other->cpu - one->cpu : 0;
    return difference != 0 ? (difference > 0 ? 1 : -1) : (one->env > other->env) - (one->env < other->env);
}

/* ---- the whole ---- */

static unsigned count_rows(const struct top_reading *reading, const char *key) {
    unsigned rows = 0;
    for (unsigned i = 0; i < reading->env_count; i++) {
        const struct corps_value *list =
            reading->envs[i].box != NULL ? top_list(corps_box_root(reading->envs[i].box), key) : NULL;
        rows += list != NULL ? (unsigned)list->count : 0;
    }
    return rows > 0 ? rows + 2 : 0;
}

/* Envs have up to half of the lines, pools all that they need, links what Workers leave, at least five. */
void top_table(struct top_reading *reading, const struct top_layout *layout, struct top_text *text) {
    unsigned lines = layout->lines > 0 ? layout->lines : ROWS_WITHOUT_LIMIT;
    struct page page = {.text = text, .layout = layout, .lines_left = lines, .corps_id = reading->corps_id};
    struct top_env **envs = malloc((reading->env_count + 1) * sizeof *envs);
    struct top_worker **workers = malloc((reading->worker_count + 1) * sizeof *workers);
    if (envs == NULL || workers == NULL) {
        text->failed = true;
        free(envs);
        free(workers);
        return;
    }
    for (unsigned i = 0; i < reading->env_count; i++) {
        envs[i] = &reading->envs[i];
    }
    for (size_t i = 0; i < reading->worker_count; i++) {
        workers[i] = &reading->workers[i];
    }
    order = layout->sort;
    qsort(envs, reading->env_count, sizeof *envs, compare_envs);
    qsort(workers, reading->worker_count, sizeof *workers, compare_workers);
    head(&page, reading);
    env_rows(&page, envs, reading->env_count < lines / 2 ? reading->env_count : lines / 2);
    unsigned pool_lines = count_rows(reading, "pools");
    unsigned link_lines = count_rows(reading, "links");
    unsigned kept = pool_lines + (link_lines < 5 ? link_lines : 5) + 3; /* titles, and what says that there are more */
    size_t room = page.lines_left > kept ? page.lines_left - kept : 0;
    worker_rows(&page, workers, reading->worker_count, reading->worker_count < room ? reading->worker_count : room);
    listed_rows(&page, reading, "pools",
                " ENV    POOL MEMBERS DRAINING   MIN   MAX     WAIT   TARGET  GROWN SHRUNK  MOVED  CLASS", pool_row);
    listed_rows(&page, reading, "links",
                " ENV      OTHER END                     SENT RECEIVED OUTSTND   KEPT LOSSES STATE", link_row);
    free(envs);
    free(workers);
}

void top_table_running(const struct corps_running *list, size_t count, struct top_text *text) {
    top_add(text, "%-16s %8s %5s  %s\n", "CORPS", "PID", "ENVS", "TAG");
    for (size_t i = 0; i < count; i++) {
        top_add(text, "%016" PRIx64 " %8d %5u  ", list[i].id, list[i].pid, list[i].env_count);
        top_add_plain(text, list[i].tag, strlen(list[i].tag), sizeof list[i].tag, false);
        top_add(text, "\n");
    }
}
