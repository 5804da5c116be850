#include "workloads/common.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { RESULT_FIELDS_MAX = 32, NOTES_MAX = 8 };

uint64_t lab_now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

enum corps_err lab_fail(struct corps_context *context, enum corps_err err) {
    const char *detail = corps_error_detail();
    return corps_fail(context, corps_error_name(err), "%s", detail[0] != '\0' ? detail : corps_error_text(err));
}

enum corps_err lab_fail_future(struct corps_context *context, enum corps_err err, struct corps_future *future,
                               const char *what) {
    const struct corps_error_info *info = corps_future_error(future);
    if (info == NULL || info->code == CORPS_OK || info->text == NULL || info->text[0] == '\0') {
        return corps_fail(context, corps_error_name(err), "%s: %s", what, corps_error_text(err));
    }
    if (info->type[0] == '\0' || strcmp(info->type, corps_error_name(err)) == 0) {
        return corps_fail(context, corps_error_name(err), "%s: %s", what, info->text);
    }
    return corps_fail(context, info->type, "%s: %s", what, info->text);
}

enum corps_err lab_driver_open(struct lab_driver *driver, struct corps_context *context, const struct corps_value *args,
                               bool with_message) {
    memset(driver, 0, sizeof *driver);
    driver->counted = (struct lab_counted){-1, -1, -1, -1};
    driver->context = context;
    enum corps_err err = lab_params_read(args, &driver->params);
    if (err != CORPS_OK) {
        return lab_fail(context, err);
    }
    driver->histogram = lab_histogram_create();
    if (driver->histogram == NULL) {
        return corps_fail(context, "NO_MEMORY", "no memory for the histogram");
    }
    err = with_message ? lab_message_open(&driver->message, &driver->params) : CORPS_OK;
    if (err != CORPS_OK) {
        lab_histogram_destroy(driver->histogram);
        return lab_fail(context, err);
    }
    return CORPS_OK;
}

enum corps_err lab_driver_hold(struct lab_driver *driver, struct corps_request **request, struct corps_context *context,
                               const struct corps_value *args, bool with_message) {
    enum corps_err err = lab_driver_open(driver, context, args, with_message);
    if (err != CORPS_OK) {
        return err;
    }
    *request = corps_request_hold(context);
    if (*request == NULL) {
        lab_driver_close(driver);
        return corps_fail(context, "NO_MEMORY", "no memory to put the answer off");
    }
    return CORPS_OK;
}

void lab_driver_close(struct lab_driver *driver) {
    lab_driver_calls_end(driver);
    lab_message_close(&driver->message);
    lab_histogram_destroy(driver->histogram);
    driver->histogram = NULL;
}

static bool passed(const struct lab_driver *driver, unsigned ms) {
    return lab_now_ns() - driver->begin_ns >= (uint64_t)ms * 1000000u;
}

void lab_driver_warm_begin(struct lab_driver *driver) {
    driver->begin_ns = lab_now_ns();
}

static bool has_all(const struct lab_driver *driver) {
    return driver->most != 0 && driver->next >= driver->most;
}

bool lab_driver_warm_enough(const struct lab_driver *driver) {
    return has_all(driver) || driver->next >= driver->params.cell.warmup_count ||
           passed(driver, driver->params.cell.max_ms);
}

void lab_driver_begin(struct lab_driver *driver) {
    driver->usage_known = lab_usage_read_all(driver->params.pids, driver->params.pid_count, &driver->before);
    driver->begin_ns = lab_now_ns();
}

bool lab_driver_enough(const struct lab_driver *driver) {
    return has_all(driver) || passed(driver, driver->params.cell.max_ms) ||
           (driver->messages >= driver->params.cell.min_count && passed(driver, driver->params.cell.min_ms));
}

void lab_driver_end(struct lab_driver *driver) {
    struct lab_usage after;
    driver->usage_known = lab_usage_read_all(driver->params.pids, driver->params.pid_count, &after) &&
                          driver->usage_known && driver->params.pid_count > 0;
    driver->used = lab_usage_between(&driver->before, &after);
}

void lab_driver_calls_begin(struct lab_driver *driver) {
    const struct lab_params *params = &driver->params;
    driver->calls_from = driver->next;
    if (params->cell.counts) {
        driver->steps = lab_steps_begin(params->pids, params->pid_count);
    } else {
        driver->calls = lab_calls_begin(params->pids, params->pid_count);
    }
    driver->calls_begin_ns = lab_now_ns();
}

bool lab_driver_calls_enough(const struct lab_driver *driver) {
    const uint64_t patience_ns = 20000000, stepped_patience_ns = 40 * UINT64_C(1000000000);
    uint64_t sent = driver->next - driver->calls_from;
    bool stepped = driver->steps != NULL;
    if (stepped) {
        lab_steps_mark(driver->steps);
    }
    return (driver->calls == NULL && !stepped) || sent >= (stepped ? LAB_STEPPED_MESSAGES : LAB_COUNTED_MESSAGES) ||
           (sent > 0 && lab_now_ns() - driver->calls_begin_ns > (stepped ? stepped_patience_ns : patience_ns));
}

void lab_driver_calls_end(struct lab_driver *driver) {
    uint64_t count = 0;
    struct lab_step_counts message;
    double sent = (double)(driver->next - driver->calls_from);
    if (lab_calls_end(driver->calls, &count) && sent > 0) {
        driver->counted.system_calls = (double)count / sent;
    }
    if (lab_steps_end(driver->steps, &message)) {
        driver->counted = (struct lab_counted){
            .system_calls = (double)message.system_calls,
            .instructions = (double)message.instructions,
            .caller_instructions = driver->params.pid_count > 1 ? (double)message.first_instructions : -1,
            .bytes = (double)message.bytes,
        };
    }
    driver->calls = NULL;
    driver->steps = NULL;
}

uint64_t lab_resident_bytes(void) {
    unsigned long long total = 0, resident = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (file != NULL) {
        resident = fscanf(file, "%llu %llu", &total, &resident) == 2 ? resident : 0;
        fclose(file);
    }
    return (uint64_t)resident * (uint64_t)sysconf(_SC_PAGESIZE);
}

void lab_driver_slow(const struct lab_driver *driver, uint64_t begin_ns) {
    uint64_t end_ns = lab_now_ns();
    end_ns += (end_ns - begin_ns) * driver->params.slowdown / 100;
    while (lab_now_ns() < end_ns) {
    }
}

void lab_driver_gap(const struct lab_driver *driver) {
    unsigned gap_us = driver->params.cell.gap_us;
    struct timespec gap = {gap_us / 1000000u, (long)(gap_us % 1000000u) * 1000};
    if (gap_us == 0) {
        return;
    }
    if (driver->params.spin) {
        uint64_t end = lab_now_ns() + (uint64_t)gap_us * 1000u;
        while (lab_now_ns() < end) {
        }
    } else {
        while (nanosleep(&gap, &gap) != 0) {
        }
    }
}

struct result {
    struct corps_entry entries[RESULT_FIELDS_MAX];
    size_t count;
    struct corps_value notes[NOTES_MAX];
};

static void put(struct result *result, const char *key, struct corps_value value) {
    result->entries[result->count++] = (struct corps_entry){corps_str(key), value};
}

static void put_usage(struct result *result, const struct lab_usage *used) {
    put(result, "cpu_ns", corps_int((int64_t)used->cpu_ns));
    put(result, "user_ticks", corps_int((int64_t)used->user_ticks));
    put(result, "system_ticks", corps_int((int64_t)used->system_ticks));
    put(result, "voluntary", corps_int((int64_t)used->voluntary));
    put(result, "involuntary", corps_int((int64_t)used->involuntary));
    put(result, "page_faults", corps_int((int64_t)used->page_faults));
    put(result, "peak_rss_bytes", corps_int((int64_t)used->peak_rss_bytes));
}

static void put_counted(struct result *result, const struct lab_counted *counted) {
    if (counted->system_calls >= 0) {
        put(result, "system_calls_per_message", corps_float(counted->system_calls));
    }
    if (counted->instructions >= 0) {
        put(result, "instructions_per_message", corps_float(counted->instructions));
        put(result, "system_call_bytes_per_message", corps_float(counted->bytes));
    }
    if (counted->caller_instructions >= 0) {
        put(result, "caller_instructions_per_message", corps_float(counted->caller_instructions));
    }
}

enum corps_err lab_driver_result(struct lab_driver *driver, const char *const *notes, const struct corps_entry *extra,
                                 size_t extra_count, struct corps_value *value) {
    size_t packed_bytes = lab_histogram_packed_bytes(driver->histogram);
    struct result *result = corps_context_alloc(driver->context, sizeof *result);
    uint8_t *packed = corps_context_alloc(driver->context, packed_bytes + 1);
    if (result == NULL || packed == NULL) {
        return corps_fail(driver->context, "NO_MEMORY", "no memory for the result");
    }
    result->count = 0;
    lab_histogram_pack(driver->histogram, packed);
    put(result, "messages", corps_int((int64_t)driver->messages));
    put(result, "seconds", corps_float((double)driver->total_ns / 1e9));
    put(result, "histogram", corps_bin(packed, packed_bytes));
    put(result, "max_ns", corps_int((int64_t)lab_histogram_max(driver->histogram)));
    put(result, "latencies", corps_int((int64_t)lab_histogram_records(driver->histogram)));
    put(result, "size_bytes", corps_int((int64_t)driver->message.size_bytes));
    put(result, "wire_bytes", corps_int((int64_t)driver->message.wire_bytes));
    if (driver->usage_known) {
        put_usage(result, &driver->used);
    }
    put_counted(result, &driver->counted);
    put(result, "slowed", corps_bool(driver->params.slowdown > 0));
    size_t note_count = 0;
    while (notes[note_count] != NULL && note_count < NOTES_MAX) {
        result->notes[note_count] = corps_str(notes[note_count]);
        note_count++;
    }
    put(result, "notes", corps_array(result->notes, note_count));
    for (size_t i = 0; i < extra_count && result->count < RESULT_FIELDS_MAX; i++) {
        result->entries[result->count++] = extra[i];
    }
    *value = corps_map(result->entries, result->count);
    return CORPS_OK;
}
