#include "plan/limit_rows.h"

#include "cell/cell.h"

#include <stdlib.h>
#include <string.h>

/* One row while it is read. */
struct row {
    json_t *fields;
    bool named, has_cell, has_bound;
};

static const char *const figures[] = {"p50_ns",     "p99_ns", "messages_per_s", "bytes_per_s", "cpu_ns_per_message",
                                      "bytes_each", "seconds"};

/* A cell as the matrix's families make it: its defaults, what stands here, and the rules. */
static json_t *read_cell(struct lab_reader *reader, yaml_node_t *key, yaml_node_t *value) {
    struct lab_cell cell = reader->base;
    if (!lab_reader_keys(reader, key, value, true, &cell)) {
        return NULL;
    }
    lab_cell_finish(&cell);
    return lab_cell_json(&cell);
}

/* One cell, or a list of cells of which the best counts. */
static json_t *read_cells(struct lab_reader *reader, yaml_node_t *key, yaml_node_t *value) {
    json_t *cells = json_array();
    size_t count = lab_node_count(value);
    for (size_t i = 0; i < count; i++) {
        json_t *cell = read_cell(reader, key, lab_reader_item(reader, value, i));
        if (cell == NULL || json_array_append_new(cells, cell) != 0) {
            json_decref(cells);
            return NULL;
        }
    }
    return cells;
}

static bool read_figure(struct lab_reader *reader, yaml_node_t *value, const char *text) {
    for (size_t i = 0; i < sizeof figures / sizeof figures[0]; i++) {
        if (strcmp(text, figures[i]) == 0) {
            return true;
        }
    }
    return lab_reader_fail(reader, value,
                           "'%.40s' is not a figure that can have a limit; choose one of: p50_ns p99_ns messages_per_s "
                           "bytes_per_s cpu_ns_per_message bytes_each seconds",
                           text);
}

static bool read_bound(struct lab_reader *reader, yaml_node_t *value, const char *text, struct row *row,
                       const char *name) {
    char *end;
    double bound = strtod(text, &end);
    if (end == text || *end != '\0' || !(bound > 0)) {
        return lab_reader_fail(reader, value, "%s must be a number above 0, not '%.40s'", name, text);
    }
    if (row->has_bound) {
        return lab_reader_fail(reader, value, "a row has one bound, at_most or at_least");
    }
    row->has_bound = true;
    return json_object_set_new(row->fields, name, json_real(bound)) == 0;
}

static bool read_key(struct lab_reader *reader, yaml_node_t *key, yaml_node_t *value, void *arg) {
    struct row *row = arg;
    const char *name = lab_node_text(key);
    bool is_cell = strcmp(name, "cell") == 0;
    if (is_cell || strcmp(name, "against") == 0) {
        json_t *cells = is_cell ? read_cell(reader, key, value) : read_cells(reader, key, value);
        row->has_cell = row->has_cell || is_cell;
        return cells != NULL && json_object_set_new(row->fields, name, cells) == 0;
    }
    const char *text = lab_reader_text(reader, key, value);
    if (text == NULL) {
        return false;
    }
    if (strcmp(name, "at_most") == 0 || strcmp(name, "at_least") == 0) {
        return read_bound(reader, value, text, row, name);
    }
    if (strcmp(name, "figure") == 0 && !read_figure(reader, value, text)) {
        return false;
    }
    if (strcmp(name, "row") != 0 && strcmp(name, "table") != 0 && strcmp(name, "figure") != 0 &&
        strcmp(name, "bound") != 0) {
        return lab_reader_no_key(reader, key, "row table cell against figure at_most at_least bound");
    }
    row->named = row->named || strcmp(name, "row") == 0;
    return json_object_set_new(row->fields, name, json_string(text)) == 0;
}

static bool read_row(struct lab_reader *reader, yaml_node_t *key, yaml_node_t *item, json_t *limits) {
    struct row row = {.fields = json_object()};
    json_object_set_new(row.fields, "figure", json_string("p50_ns"));
    json_object_set_new(row.fields, "table", json_string("limits"));
    bool ok = lab_reader_each(reader, key, item, read_key, &row);
    if (ok && !(row.named && row.has_cell && row.has_bound)) {
        ok = lab_reader_fail(reader, key, "every limit needs a row (its text), a cell, and at_most or at_least");
    }
    if (ok) {
        return json_array_append_new(limits, row.fields) == 0;
    }
    json_decref(row.fields);
    return false;
}

bool lab_limits_read(struct lab_reader *reader, yaml_node_t *key, yaml_node_t *list, json_t *limits) {
    if (!lab_node_is_list(list)) {
        return lab_reader_fail(reader, key, "limits must be a list");
    }
    size_t count = lab_node_count(list);
    for (size_t i = 0; i < count; i++) {
        if (!read_row(reader, key, lab_reader_item(reader, list, i), limits)) {
            return false;
        }
    }
    return true;
}
