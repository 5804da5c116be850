#include "cell/cell.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Cells and trials as lines of a results file. */

enum { DESCRIBED_COUNT = 6 }; /* the first keys, which every description begins with */

static json_t *value_json(const struct lab_cell *cell, const struct lab_cell_field *field) {
    char text[LAB_CELL_VALUE_BYTES];
    lab_cell_get(cell, field->name, text);
    if (field->number) {
        return json_integer(strtoll(text, NULL, 10));
    }
    json_t *value = json_string(text);
    return value != NULL ? value : json_string("(no valid UTF-8)"); /* a path may be any bytes */
}

json_t *lab_cell_json(const struct lab_cell *cell) {
    json_t *object = json_object();
    const struct lab_cell_field *field;
    for (unsigned i = 0; (field = lab_cell_field_at(i)) != NULL; i++) {
        if (field->axis) {
            json_object_set_new(object, field->name, value_json(cell, field));
        }
        if (strcmp(field->name, "payload") == 0) {
            uint64_t bytes = 0;
            (void)!sscanf(cell->payload, "bytes:%" SCNu64, &bytes); /* other families: filled by the trial */
            json_object_set_new(object, "size_bytes", json_integer((json_int_t)bytes));
        }
    }
    return object;
}

json_t *lab_cell_length_json(const struct lab_cell *cell) {
    json_t *object = json_object();
    const struct lab_cell_field *field;
    for (unsigned i = 0; (field = lab_cell_field_at(i)) != NULL; i++) {
        if (!field->axis) {
            json_object_set_new(object, field->name, value_json(cell, field));
        }
    }
    return object;
}

bool lab_cell_from_json(struct lab_cell *cell, const json_t *object, char error[LAB_ERROR_BYTES]) {
    const struct lab_cell_field *field;
    lab_cell_init(cell);
    for (unsigned i = 0; (field = lab_cell_field_at(i)) != NULL; i++) {
        const json_t *value = json_object_get(object, field->name);
        char number[32];
        if (!field->axis || (value == NULL && field->newer)) { /* the file is older than the key */
            continue;
        }
        snprintf(number, sizeof number, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
        if (!json_is_string(value) && !json_is_integer(value)) {
            snprintf(error, LAB_ERROR_BYTES, "the cell has no %s", field->name);
            return false;
        }
        if (!lab_cell_set(cell, field->name, json_is_string(value) ? json_string_value(value) : number, error)) {
            return false;
        }
    }
    return true;
}

static int by_name(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

void lab_cell_key(const struct lab_cell *cell, char *out, size_t out_bytes) {
    const char *names[LAB_CELL_KEY_COUNT];
    size_t count = 0;
    const struct lab_cell_field *field;
    for (unsigned i = 0; (field = lab_cell_field_at(i)) != NULL; i++) {
        if (field->axis) {
            names[count++] = field->name;
        }
    }
    qsort(names, count, sizeof names[0], by_name);
    size_t used = 0;
    out[0] = '\0';
    for (size_t i = 0; i < count; i++) {
        char value[LAB_CELL_VALUE_BYTES];
        lab_cell_get(cell, names[i], value);
        int wrote = snprintf(out + used, out_bytes - used, "%s%s=%s", i > 0 ? " " : "", names[i], value);
        used += wrote > 0 ? (size_t)wrote : 0;
        if (used >= out_bytes) {
            return;
        }
    }
}

void lab_cell_describe(const struct lab_cell *cell, char *out, size_t out_bytes) {
    int used = 0;
    for (unsigned i = 0; i < DESCRIBED_COUNT && (size_t)used < out_bytes; i++) {
        char value[LAB_CELL_VALUE_BYTES];
        lab_cell_get(cell, lab_cell_field_at(i)->name, value);
        used += snprintf(out + used, out_bytes - (size_t)used, "%s%s", i > 0 ? " " : "", value);
    }
    struct lab_cell usual;
    lab_cell_init(&usual);
    snprintf(usual.workload, sizeof usual.workload, "%s", cell->workload);
    snprintf(usual.transport, sizeof usual.transport, "%s", cell->transport);
    lab_cell_finish(&usual);
    const struct lab_cell_field *field;
    for (unsigned i = DESCRIBED_COUNT; (field = lab_cell_field_at(i)) != NULL; i++) {
        char value[LAB_CELL_VALUE_BYTES];
        char expected[LAB_CELL_VALUE_BYTES];
        lab_cell_get(cell, field->name, value);
        lab_cell_get(&usual, field->name, expected);
        if (field->axis && strcmp(value, expected) != 0 && used >= 0 && (size_t)used < out_bytes) {
            used += snprintf(out + used, out_bytes - (size_t)used, " %s=%s", field->name, value);
        }
    }
}

void lab_time_text(char out[32]) {
    struct timespec now;
    struct tm utc;
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &utc);
    strftime(out, 32, "%Y-%m-%dT%H:%M:%SZ", &utc);
}

json_t *lab_line(const struct lab_cell *cell, json_t *fields) {
    char now[32];
    lab_time_text(now);
    json_t *line = json_pack("{s:s, s:s, s:s, s:i, s:i, s:s}", "kind", "trial", "run", "cell", "family", "", "block", 0,
                             "order", 0, "time", now);
    json_t *cell_json = lab_cell_json(cell);
    json_t *size = json_object_get(fields, "size_bytes");
    if (json_is_integer(size)) {
        json_object_set(cell_json, "size_bytes", size);
    }
    json_object_del(fields, "size_bytes"); /* its place is in the cell */
    json_object_set_new(line, "cell", cell_json);
    json_object_set_new(line, "length", lab_cell_length_json(cell));
    json_object_update(line, fields);
    json_decref(fields);
    return line;
}

void lab_line_cell(json_t *line, const struct lab_cell *cell) {
    json_t *object = lab_cell_json(cell);
    json_t *size = json_object_get(json_object_get(line, "cell"), "size_bytes");
    if (json_is_integer(size)) {
        json_object_set(object, "size_bytes", size);
    }
    json_object_set_new(line, "cell", object);
}

void lab_line_place(json_t *line, const char *run, const char *family, unsigned block, unsigned order) {
    json_object_set_new(line, "run", json_string(run));
    json_object_set_new(line, "family", json_string(family));
    json_object_set_new(line, "block", json_integer(block));
    json_object_set_new(line, "order", json_integer(order));
}

char *lab_line_text(const json_t *line) {
    char *text = json_dumps(line, JSON_COMPACT | JSON_REAL_PRECISION(9));
    char *grown = text != NULL ? realloc(text, strlen(text) + 2) : NULL;
    if (grown == NULL) {
        free(text);
        return NULL;
    }
    return strcat(grown, "\n");
}
