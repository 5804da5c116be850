#include "trial/fields.h"

#include <stdio.h>

/* Every figure of a line, so that a failed trial has the same fields, each null. */
static const char *const figures[] = {
    "messages",
    "seconds",
    "p50_ns",
    "p99_ns",
    "p999_ns",
    "p9999_ns",
    "max_ns",
    "latencies",
    "messages_per_s",
    "bytes_per_s",
    "cpu_ns_per_message",
    "user_ns_per_message",
    "system_ns_per_message",
    "voluntary_switches_per_message",
    "involuntary_switches_per_message",
    "page_faults_per_message",
    "system_calls_per_message",
    "system_call_bytes_per_message",
    "instructions_per_message",
    "caller_instructions_per_message",
    "peak_rss_bytes",
    "bytes_each",
    "bytes_on_wire_per_message",
    "size_bytes",
    "histogram",
    "stages_ns",
};

static void set_number(json_t *fields, const char *key, double value) {
    json_object_set_new(fields, key, value < 0 ? json_null() : json_real(value));
}

static void set_count(json_t *fields, const char *key, uint64_t value) {
    json_object_set_new(fields, key, json_integer((json_int_t)value));
}

/* The latency that one in so many exceeds, where ten or more do, and none is the mean of a group. */
static void set_tail(json_t *fields, const char *key, const struct lab_measures *m, unsigned one_in) {
    const unsigned fewest = 10;
    if (m->latencies >= (double)fewest * one_in && m->latencies == (double)lab_histogram_count(m->histogram)) {
        set_count(fields, key, lab_histogram_quantile(m->histogram, 1 - 1.0 / one_in));
    }
}

/* What was counted step by step for one message. */
static void set_counts(json_t *fields, const struct lab_step_counts *counts) {
    set_number(fields, "system_calls_per_message", (double)counts->system_calls);
    set_number(fields, "system_call_bytes_per_message", (double)counts->bytes);
    set_number(fields, "instructions_per_message", (double)counts->instructions);
    set_number(fields, "caller_instructions_per_message", (double)counts->first_instructions);
}

static json_t *empty_fields(bool ok) {
    json_t *fields = json_object();
    json_object_set_new(fields, "ok", json_boolean(ok));
    json_object_set_new(fields, "error", json_null());
    for (size_t i = 0; i < sizeof figures / sizeof figures[0]; i++) {
        json_object_set_new(fields, figures[i], json_null());
    }
    return fields;
}

json_t *lab_fields_failed(const char *format, ...) {
    char reason[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(reason, sizeof reason, format, args);
    va_end(args);
    for (char *c = reason; *c != '\0'; c++) {
        *c = *c == '\n' ? ' ' : *c;
    }
    json_t *fields = empty_fields(false);
    json_t *text = json_string(reason);
    /* Text that came from a file or an exception may be cut within a character. */
    json_object_set_new(fields, "error", text != NULL ? text : json_string("failed; the reason is no valid UTF-8"));
    json_object_set_new(fields, "flags", json_array());
    return fields;
}

json_t *lab_fields_of(const struct lab_measures *m, json_t *flags, json_t *notes, json_t *context) {
    json_t *fields = empty_fields(true);
    double messages = (double)m->messages;
    set_count(fields, "messages", m->messages);
    set_number(fields, "seconds", m->seconds);
    set_count(fields, "p50_ns", lab_histogram_quantile(m->histogram, 0.5));
    set_count(fields, "p99_ns", lab_histogram_quantile(m->histogram, 0.99));
    set_tail(fields, "p999_ns", m, 1000);
    set_tail(fields, "p9999_ns", m, 10000);
    set_count(fields, "max_ns", lab_histogram_max(m->histogram));
    if (m->latencies >= 0) {
        set_count(fields, "latencies", (uint64_t)m->latencies);
    }
    set_number(fields, "messages_per_s", messages / m->seconds);
    set_number(fields, "bytes_per_s", messages * (double)m->size_bytes / m->seconds);
    set_number(fields, "cpu_ns_per_message", m->cpu_ns / messages);
    if (m->cpu_ns >= 0 && m->system_share >= 0) {
        set_number(fields, "user_ns_per_message", m->cpu_ns * (1 - m->system_share) / messages);
        set_number(fields, "system_ns_per_message", m->cpu_ns * m->system_share / messages);
    }
    set_number(fields, "voluntary_switches_per_message", m->voluntary / messages);
    set_number(fields, "involuntary_switches_per_message", m->involuntary / messages);
    set_number(fields, "page_faults_per_message", m->page_faults / messages);
    set_number(fields, "bytes_on_wire_per_message", m->wire_bytes);
    set_count(fields, "size_bytes", m->size_bytes);
    if (m->peak_rss_bytes >= 0) {
        set_count(fields, "peak_rss_bytes", (uint64_t)m->peak_rss_bytes);
    }
    set_number(fields, "bytes_each", m->bytes_each);
    if (m->counts != NULL) {
        set_counts(fields, m->counts);
    }
    json_object_set_new(fields, "histogram", lab_histogram_json(m->histogram));
    json_object_set_new(fields, "flags", flags);
    json_object_set_new(fields, "notes", notes);
    json_object_set_new(fields, "context", context);
    return fields;
}
