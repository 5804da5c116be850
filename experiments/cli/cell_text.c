#include "cli/cell_text.h"

#include "cell/cell.h"

#include <math.h>
#include <string.h>

/* `corps-lab cell` on a terminal. Figures have three significant digits. */

struct unit {
    double factor;
    const char *name;
};

/* The largest unit that fits; the last of the list otherwise. */
static const char *scaled(double value, const struct unit *units, char out[32]) {
    while (units[1].name != NULL && value < units->factor * 0.9995) {
        units++;
    }
    double shown = value / units->factor;
    double magnitude = shown > 0 ? floor(log10(shown)) : 0;
    int digits = magnitude >= 2 || shown == floor(shown) ? 0 : magnitude <= 0 ? 2 : 1;
    snprintf(out, 32, "%.*f %s", digits, shown, units->name);
    return out;
}

static const char *time_text(double ns, char out[32]) {
    static const struct unit units[] = {{1e9, "s"}, {1e6, "ms"}, {1e3, "µs"}, {1, "ns"}, {0, NULL}};
    return scaled(ns, units, out);
}

static const char *rate_text(double per_second, char out[32]) {
    static const struct unit units[] = {{1e9, "G/s"}, {1e6, "M/s"}, {1e3, "k/s"}, {1, "/s"}, {0, NULL}};
    return scaled(per_second, units, out);
}

static const char *size_text(double bytes, char out[32]) {
    static const struct unit units[] = {{1e9, "GB"}, {1e6, "MB"}, {1e3, "kB"}, {1, "B"}, {0, NULL}};
    return scaled(bytes, units, out);
}

/* NaN where the field is null or not there. */
static double figure(const json_t *line, const char *name) {
    const json_t *value = json_object_get(line, name);
    return json_is_number(value) ? json_number_value(value) : (double)NAN;
}

static void row(FILE *out, const char *name) {
    fprintf(out, "  %-16s", name);
}

static void print_latency(const json_t *line, FILE *out) {
    static const char *const names[][2] = {
        {"p50_ns", "p50"}, {"p99_ns", "p99"}, {"p999_ns", "p99.9"}, {"p9999_ns", "p99.99"}, {"max_ns", "max"}};
    bool first = true;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        double ns = figure(line, names[i][0]);
        char text[32];
        if (!isnan(ns)) {
            if (first) {
                row(out, "latency");
            }
            fprintf(out, "%s%s %s", first ? "" : "   ", names[i][1], time_text(ns, text));
            first = false;
        }
    }
    fputs(first ? "" : "\n", out);
}

static void print_rate(const json_t *line, FILE *out) {
    char rate[32], bytes[32];
    row(out, "rate");
    fprintf(out, "%s", rate_text(figure(line, "messages_per_s"), rate));
    if (figure(line, "bytes_per_s") > 0) {
        fprintf(out, ", %s/s", size_text(figure(line, "bytes_per_s"), bytes));
    }
    fputc('\n', out);
}

static void print_costs(const json_t *line, FILE *out) {
    char text[32], user[32], system[32];
    double cpu = figure(line, "cpu_ns_per_message");
    if (!isnan(cpu)) {
        row(out, "CPU/message");
        fprintf(out, "%s", time_text(cpu, text));
        if (!isnan(figure(line, "user_ns_per_message"))) {
            fprintf(out, " (user %s, system %s)", time_text(figure(line, "user_ns_per_message"), user),
                    time_text(figure(line, "system_ns_per_message"), system));
        }
        fputc('\n', out);
    }
    static const char *const names[][2] = {{"voluntary_switches_per_message", "sleeps/message"},
                                           {"system_calls_per_message", "calls/message"}};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (!isnan(figure(line, names[i][0]))) {
            row(out, names[i][1]);
            fprintf(out, "%.3g%s\n", figure(line, names[i][0]), i == 1 ? " into the system" : "");
        }
    }
    if (!isnan(figure(line, "peak_rss_bytes"))) {
        row(out, "memory");
        fprintf(out, "%s at most, all processes\n", size_text(figure(line, "peak_rss_bytes"), text));
    }
}

static void print_stages(const json_t *line, FILE *out) {
    const char *name;
    json_t *ns;
    json_object_foreach(json_object_get(line, "stages_ns"), name, ns) {
        char text[32];
        fprintf(out, "    %-12s%s\n", name, time_text(json_number_value(ns), text));
    }
}

static void print_notes(const json_t *line, FILE *out) {
    size_t index;
    json_t *text;
    json_array_foreach(json_object_get(line, "notes"), index, text) {
        row(out, index == 0 ? "note" : "");
        fprintf(out, "%s\n", json_string_value(text));
    }
}

/* What a flag says, for people; one that is not known stands as it is. */
static const char *flag_text(const char *flag) {
    static const char *const texts[][2] = {
        {"sentinel", "sentinel: other work took a processor away just before"},
        {"short", "short: fewer messages than were asked for"},
        {"unverified", "unverified: nothing came back that could be checked"},
        {"slowed", "slowed: slowed down on purpose"},
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        if (strcmp(texts[i][0], flag) == 0) {
            return texts[i][1];
        }
    }
    return flag;
}

static void print_flags(const json_t *line, FILE *out) {
    size_t index;
    json_t *flag;
    json_array_foreach(json_object_get(line, "flags"), index, flag) {
        row(out, index == 0 ? "flag" : "");
        fprintf(out, "%s\n", flag_text(json_string_value(flag)));
    }
}

static void print_amount(const json_t *line, FILE *out) {
    const json_t *cell = json_object_get(line, "cell");
    char text[32];
    row(out, "payload");
    fprintf(out, "%s, %s encoded\n", json_string_value(json_object_get(cell, "payload")),
            size_text(figure(cell, "size_bytes"), text));
    row(out, "messages");
    fprintf(out, "%.0f in %s\n", figure(line, "messages"), time_text(figure(line, "seconds") * 1e9, text));
}

void lab_cell_print(const struct lab_cell *cell, const json_t *line, FILE *out) {
    char described[LAB_CELL_KEY_BYTES];
    char p50[32], rate[32];
    lab_cell_describe(cell, described, sizeof described);
    fprintf(out, "%s\n", described);
    if (!json_is_true(json_object_get(line, "ok"))) {
        return;
    }
    print_amount(line, out);
    print_costs(line, out);
    print_stages(line, out);
    print_notes(line, out);
    print_flags(line, out);
    print_latency(line, out);
    print_rate(line, out);
    fprintf(out, "\n%s: ", cell->transport);
    if (!isnan(figure(line, "p50_ns"))) {
        fprintf(out, "%s a message (p50), ", time_text(figure(line, "p50_ns"), p50));
    }
    fprintf(out, "%s. One trial alone: 'corps-lab run' compares.\n", rate_text(figure(line, "messages_per_s"), rate));
}
