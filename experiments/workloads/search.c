/* A regular-expression search service: a Searcher in every Env counts the lines of a file that match, as grep -c does;
 * the driver lists the files and keeps every Searcher busy. A task is a path and a pattern, the answer a number. The
 * total is checked against grep itself, which also brings the files into memory before the clock runs. */
#include "workloads/common.h"
#include "workloads/search_files.h"
#include "workloads/search_matcher.h"

#include <endian.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- the Searcher ---- */

/* Where only bytes travel, a task is path and pattern, each with its NUL, and the answer 8 bytes, little-endian. */
static enum corps_err search(struct corps_context *context, void *self, const struct corps_value *args,
                             struct corps_value *result) {
    char path[4096];
    char pattern[256];
    int64_t count = 0;
    bool bare = args->kind == CORPS_BIN;
    const struct corps_value *first = bare ? args : corps_value_item(args, 0);
    const struct corps_value *second = corps_value_item(args, 1);
    int length = -1;
    if (bare && args->count > 1 && args->bin[args->count - 1] == '\0') {
        const char *text = (const char *)args->bin;
        size_t path_bytes = strlen(text);
        length = snprintf(path, sizeof path, "%s", text);
        snprintf(pattern, sizeof pattern, "%s", path_bytes + 1 < args->count ? text + path_bytes + 1 : "");
    } else if (first != NULL && second != NULL && first->kind == CORPS_BIN && second->kind == CORPS_BIN) {
        length = snprintf(path, sizeof path, "%.*s", (int)first->count, (const char *)first->bin);
        snprintf(pattern, sizeof pattern, "%.*s", (int)second->count, (const char *)second->bin);
    }
    if (length < 0 || (size_t)length >= sizeof path) {
        return corps_fail(context, "Task", "a task must be a path (at most 4095 bytes) and a pattern");
    }
    enum corps_err err = search_matcher_count(self, path, pattern, &count);
    if (err != CORPS_OK) {
        return lab_fail(context, err);
    }
    *result = corps_int(count);
    uint64_t *little = bare ? corps_context_alloc(context, sizeof *little) : NULL;
    if (little != NULL) {
        *little = htole64((uint64_t)count);
        *result = corps_bin(little, sizeof *little);
    }
    return CORPS_OK;
}

static void retire(struct corps_context *context, void *self) {
    (void)context;
    search_matcher_finish(self);
}

/* ---- the driver ---- */

/* A few tasks wait at each Searcher, so that it never waits for the driver. */
enum { TASKS_PER_SEARCHER = 4 };

struct task {
    uint64_t begin_ns;
    size_t searcher;
    size_t file;
};

struct desk {
    struct lab_driver driver;
    struct search_files files;
    struct corps_future **futures; /* NULL where no task is out */
    struct task *tasks;
    size_t task_count;
    size_t next_file;
    size_t out; /* tasks */
    uint64_t total;
    bool bare;
};

static enum corps_err hand_out(struct desk *desk, size_t slot, size_t searcher) {
    uint8_t bytes[4096 + 256];
    struct corps_value items[2];
    struct corps_value value = corps_array(items, 2);
    const char *path = desk->files.paths[desk->next_file];
    const char *pattern = desk->driver.params.cell.pattern;
    size_t path_bytes = strlen(path) + 1;
    size_t pattern_bytes = strlen(pattern) + 1;
    items[0] = corps_bin(path, path_bytes - 1);
    items[1] = corps_bin(pattern, pattern_bytes - 1);
    if (path_bytes + pattern_bytes > sizeof bytes) {
        return corps_fail(desk->driver.context, "Task", "path %s is too long", path);
    }
    if (desk->bare) {
        memcpy(bytes, path, path_bytes);
        memcpy(bytes + path_bytes, pattern, pattern_bytes);
        value = corps_bin(bytes, path_bytes + pattern_bytes);
    }
    desk->tasks[slot] = (struct task){lab_now_ns(), searcher, desk->next_file};
    enum corps_err err =
        corps_call(lab_params_name(&desk->driver.params, searcher), "search", &value, NULL, &desk->futures[slot]);
    if (err != CORPS_OK) {
        desk->futures[slot] = NULL;
        return lab_fail(desk->driver.context, err);
    }
    desk->next_file++;
    desk->out++;
    return CORPS_OK;
}

static uint64_t count_of(const struct corps_value *count) {
    uint64_t little = 0;
    if (count->kind == CORPS_INT) {
        return (uint64_t)count->integer;
    }
    memcpy(&little, count->bin, count->count < sizeof little ? count->count : sizeof little);
    return le64toh(little);
}

static enum corps_err take_in(struct desk *desk, size_t slot) {
    struct lab_driver *driver = &desk->driver;
    struct corps_box *box;
    const struct corps_value *answer;
    enum corps_err err = corps_future_wait(desk->futures[slot], 0, &answer);
    if (err != CORPS_OK) {
        return lab_fail_future(driver->context, err, desk->futures[slot], desk->files.paths[desk->tasks[slot].file]);
    }
    lab_histogram_record(driver->histogram, lab_now_ns() - desk->tasks[slot].begin_ns);
    driver->messages++;
    const struct corps_value *count = lab_plain(answer, &box);
    bool known = count != NULL && (count->kind == CORPS_INT || count->kind == CORPS_BIN);
    if (known) {
        desk->total += count_of(count);
    }
    corps_box_unref(box);
    if (!known) {
        return corps_fail(driver->context, "Mismatch", "a Searcher answered with a %s", corps_kind_name(answer->kind));
    }
    corps_future_destroy(desk->futures[slot]);
    desk->futures[slot] = NULL;
    desk->out--;
    return CORPS_OK;
}

static enum corps_err measure_search(struct desk *desk) {
    struct lab_driver *driver = &desk->driver;
    enum corps_err err = CORPS_OK;
    lab_driver_begin(driver);
    for (size_t slot = 0; slot < desk->task_count && desk->next_file < desk->files.count && err == CORPS_OK; slot++) {
        err = hand_out(desk, slot, slot % driver->params.names->count);
    }
    while (err == CORPS_OK && desk->out > 0) {
        size_t slot;
        err = corps_wait_next(desk->futures, desk->task_count, LAB_PATIENCE_NS, &slot);
        if (err != CORPS_OK) {
            err = corps_fail(driver->context, corps_error_name(err), "no Searcher answers: a task is lost or stuck");
            break;
        }
        err = take_in(desk, slot);
        if (err == CORPS_OK && desk->next_file < desk->files.count) {
            err = hand_out(desk, slot, desk->tasks[slot].searcher);
        }
    }
    driver->total_ns = lab_now_ns() - driver->begin_ns;
    lab_driver_end(driver);
    return err;
}

static enum corps_err prepare(struct desk *desk) {
    const struct lab_params *params = &desk->driver.params;
    const struct corps_serializer *serializer;
    enum corps_err err = corps_serializer_find(params->cell.serializer, &serializer);
    if (err == CORPS_OK) {
        desk->bare = (serializer->capabilities & CORPS_SERIALIZER_BYTES_ONLY) != 0;
        err = search_files_list(params->cell.path, &desk->files);
    }
    if (err == CORPS_OK && desk->files.count == 0) {
        err =
            corps_error_set(CORPS_ERR_INVALID, "there are no files below %s; choose another path=", params->cell.path);
    }
    if (err != CORPS_OK) {
        return lab_fail(desk->driver.context, err);
    }
    desk->task_count = params->names->count * TASKS_PER_SEARCHER;
    desk->futures = calloc(desk->task_count, sizeof(struct corps_future *));
    desk->tasks = calloc(desk->task_count, sizeof *desk->tasks);
    return desk->futures != NULL && desk->tasks != NULL
               ? CORPS_OK
               : corps_fail(desk->driver.context, "NO_MEMORY", "no memory for %zu tasks", desk->task_count);
}

static void close_desk(struct desk *desk) {
    for (size_t i = 0; desk->futures != NULL && i < desk->task_count; i++) {
        corps_future_destroy(desk->futures[i]);
    }
    free(desk->futures);
    free(desk->tasks);
    search_files_finish(&desk->files);
    lab_driver_close(&desk->driver);
}

static enum corps_err drive_search(struct corps_context *context, void *self, const struct corps_value *args,
                                   struct corps_value *result) {
    static const char *const notes[] = {
        "one pass over all files, whatever min_count, min_ms and max_ms say; a message is one file",
        "latency is from handing a file out to taking its count in, waiting at the Searcher included", NULL};
    struct desk desk = {.total = 0};
    (void)self;
    enum corps_err err = lab_driver_open(&desk.driver, context, args, false);
    if (err != CORPS_OK) {
        return err;
    }
    err = prepare(&desk);
    if (err == CORPS_OK) {
        err = measure_search(&desk);
    }
    struct corps_entry extra[] = {
        {corps_str("total"), corps_int((int64_t)desk.total)},
        {corps_str("files"), corps_int((int64_t)desk.files.count)},
        {corps_str("path"), corps_bin(desk.driver.params.cell.path, strlen(desk.driver.params.cell.path))}};
    if (err == CORPS_OK) {
        err = lab_driver_result(&desk.driver, notes, extra, sizeof extra / sizeof extra[0], result);
    }
    close_desk(&desk);
    return err;
}

static const struct corps_class searcher_class = {
    .name = "LabSearcher",
    .bytes = sizeof(struct search_matcher),
    .methods = (const struct corps_method[]){{"search", search}, {NULL, NULL}},
    .cleanup = retire,
};

static const struct corps_class search_driver = {
    .name = "LabSearchDriver",
    .methods = (const struct corps_method[]){{"run", drive_search}, {NULL, NULL}},
};

/* ---- the program ---- */

static enum corps_err compare(const struct corps_box *box, uint64_t total, uint64_t files) {
    const struct corps_value *root = corps_value_open(corps_box_root(box));
    uint64_t found = (uint64_t)corps_value_get(root, "total")->integer;
    uint64_t read_files = (uint64_t)corps_value_get(root, "files")->integer;
    if (found == total && read_files == files) {
        return CORPS_OK;
    }
    return corps_error_set(CORPS_ERR_CORRUPT,
                           "the Searchers found %llu lines in %llu files, grep finds %llu in %llu (did files change?)",
                           (unsigned long long)found, (unsigned long long)read_files, (unsigned long long)total,
                           (unsigned long long)files);
}

static enum corps_err search_tree(struct corps *corps, const struct lab_cell *cell, struct corps_box **box) {
    uint64_t total;
    uint64_t files;
    enum corps_err err = search_ask_grep(cell->pattern, cell->path, &total, &files);
    if (err != CORPS_OK) {
        return err;
    }
    size_t count = corps_env_count(corps);
    struct corps_name **searchers = calloc(count, sizeof(struct corps_name *));
    if (searchers == NULL) {
        return corps_error_set(CORPS_ERR_NO_MEMORY, "no memory for %zu Names", count);
    }
    err = corps_create_concs(corps, searcher_class.name, NULL, CORPS_PER_ENV, 1, searchers);
    if (err != CORPS_OK) {
        free(searchers);
        return err;
    }
    struct corps_box *answer = NULL;
    err = lab_drive(corps, cell, search_driver.name, searchers, count, &answer);
    if (err == CORPS_OK) {
        err = compare(answer, total, files);
    }
    lab_release(searchers, count);
    if (err != CORPS_OK) {
        corps_box_unref(answer);
        return err;
    }
    *box = answer;
    return CORPS_OK;
}

static enum corps_err run_search(struct corps *corps, const struct lab_cell *cell, struct corps_box **box) {
    struct lab_cell placed = *cell;
    enum corps_err err = CORPS_OK;
    if (placed.path[0] == '\0') {
        err = search_default_path(placed.path, sizeof placed.path);
    }
    return err == CORPS_OK ? search_tree(corps, &placed, box) : err;
}

static const char *search_impossible(const struct lab_cell *cell, char why[LAB_ERROR_BYTES]) {
    if (strchr(cell->pattern, '\n') != NULL) {
        snprintf(why, LAB_ERROR_BYTES, "a pattern with a newline is two patterns to grep; write a|b instead");
        return why;
    }
    return lab_needs_delivery(cell, why);
}

const struct lab_workload lab_workload_search = {
    .name = "search",
    .summary = "regular-expression search of a directory tree, checked against grep",
    .traits = LAB_WORKLOAD_SEARCHES,
    .classes = {&searcher_class, &search_driver, NULL},
    .impossible = search_impossible,
    .run = run_search,
};
