#include "plan/matrix.h"

#include "cell/cell.h"
#include "payload/payloads.h"
#include "plan/limit_rows.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The matrix file as a whole. */

enum { INCLUDE_DEPTH_MAX = 4 };

/* ---- trial and defaults ---- */

struct keys {
    struct lab_cell *cell;
    bool axes;
};

static bool is_axis(const char *key, bool *axis) {
    const struct lab_cell_field *field;
    for (unsigned i = 0; (field = lab_cell_field_at(i)) != NULL; i++) {
        if (strcmp(field->name, key) == 0) {
            *axis = field->axis;
            return true;
        }
    }
    return false;
}

static bool read_key(struct lab_reader *reader, yaml_node_t *key, yaml_node_t *value, void *arg) {
    const struct keys *keys = arg;
    char error[LAB_ERROR_BYTES];
    const char *name = lab_node_text(key);
    const char *text = lab_reader_text(reader, key, value);
    bool axis;
    if (text == NULL) {
        return false;
    }
    if (is_axis(name, &axis) && axis != keys->axes) {
        return lab_reader_fail(reader, key, "%s belongs under '%s'", name, axis ? "defaults or axes" : "trial");
    }
    if (strcmp(name, "arm") == 0) {
        return lab_reader_fail(reader, key, "arm is set by the laboratory itself; leave it out");
    }
    bool known = is_axis(name, &axis);
    return lab_cell_set(keys->cell, name, text, error) || lab_reader_fail(reader, known ? value : key, "%s", error);
}

bool lab_reader_keys(struct lab_reader *reader, yaml_node_t *key, yaml_node_t *map, bool axes, struct lab_cell *cell) {
    struct keys keys = {.cell = cell, .axes = axes};
    return lab_reader_each(reader, key, map, read_key, &keys);
}

/* ---- the top ---- */

struct top {
    struct lab_matrix *matrix;
    yaml_node_t *families_key;
    yaml_node_t *families;
    yaml_node_t *include_key;
    yaml_node_t *include;
    yaml_node_t *limits_key;
    yaml_node_t *limits;
    bool named;
};

static bool read_number(struct lab_reader *reader, yaml_node_t *key, yaml_node_t *value, unsigned *out) {
    const char *text = lab_reader_text(reader, key, value);
    uint64_t number;
    if (text == NULL) {
        return false;
    }
    if (!lab_parse_count(text, 10000, &number) || number == 0) {
        return lab_reader_fail(reader, value, "%s must be a whole number from 1 to 10000, not '%.40s'",
                               lab_node_text(key), text);
    }
    *out = (unsigned)number;
    return true;
}

static bool read_bool(struct lab_reader *reader, yaml_node_t *key, yaml_node_t *value, bool *out) {
    const char *text = lab_reader_text(reader, key, value);
    if (text == NULL) {
        return false;
    }
    *out = strcmp(text, "true") == 0;
    return *out || strcmp(text, "false") == 0 ||
           lab_reader_fail(reader, value, "%s must be true or false, not '%.40s'", lab_node_text(key), text);
}

static bool read_text(struct lab_reader *reader, yaml_node_t *key, yaml_node_t *value, char *out, size_t bytes) {
    const char *text = lab_reader_text(reader, key, value);
    if (text == NULL) {
        return false;
    }
    if (text[0] == '\0' || strlen(text) >= bytes) {
        return lab_reader_fail(reader, value, "%s must have 1 to %zu bytes", lab_node_text(key), bytes - 1);
    }
    snprintf(out, bytes, "%s", text);
    return true;
}

static bool read_top(struct lab_reader *reader, yaml_node_t *key, yaml_node_t *value, void *arg) {
    struct top *top = arg;
    const char *name = lab_node_text(key);
    if (strcmp(name, "name") == 0) {
        top->named = true;
        return read_text(reader, key, value, top->matrix->name, sizeof top->matrix->name) &&
               (strchr(top->matrix->name, '/') == NULL ||
                lab_reader_fail(reader, value, "a matrix's name must have no slash: files are named after it"));
    }
    if (strcmp(name, "about") == 0) {
        return read_text(reader, key, value, top->matrix->about, sizeof top->matrix->about);
    }
    if (strcmp(name, "blocks") == 0) {
        return read_number(reader, key, value, &top->matrix->blocks);
    }
    if (strcmp(name, "arms") == 0) {
        return read_number(reader, key, value, &top->matrix->arms) &&
               (top->matrix->arms <= 2 || lab_reader_fail(reader, value, "arms must be 1 or 2"));
    }
    if (strcmp(name, "controls") == 0) {
        return read_bool(reader, key, value, &top->matrix->controls);
    }
    if (strcmp(name, "trial") == 0 || strcmp(name, "defaults") == 0) {
        return lab_reader_keys(reader, key, value, name[0] == 'd', &reader->base);
    }
    if (strcmp(name, "families") == 0) {
        top->families_key = key;
        top->families = value;
        return true;
    }
    if (strcmp(name, "limits") == 0) {
        top->limits_key = key;
        top->limits = value;
        return true;
    }
    if (strcmp(name, "include") == 0) {
        top->include_key = key;
        top->include = value;
        return true;
    }
    return lab_reader_no_key(reader, key, "name about blocks arms controls trial defaults include families limits");
}

static bool add_family(struct lab_reader *reader, struct lab_matrix *matrix, struct lab_matrix_family *family,
                       yaml_node_t *at) {
    for (size_t i = 0; i < matrix->family_count; i++) {
        if (strcmp(matrix->families[i].name, family->name) == 0) {
            free(family->cells);
            return lab_reader_fail(reader, at, "there are two families named %s; give each its own name", family->name);
        }
    }
    struct lab_matrix_family *grown =
        reallocarray(matrix->families, matrix->family_count + 1, sizeof *matrix->families);
    if (grown == NULL) {
        free(family->cells);
        return lab_reader_fail(reader, NULL, "out of memory");
    }
    matrix->families = grown;
    grown[matrix->family_count++] = *family;
    return true;
}

static bool load(struct lab_matrix *matrix, const char *path, unsigned include_depth,
                 char error[LAB_MATRIX_ERROR_BYTES]);

/* Takes over the families and limits of another file, which is named relative to this one. */
static bool include(struct lab_reader *reader, struct lab_matrix *matrix, yaml_node_t *at, const char *name) {
    char path[PATH_MAX];
    const char *slash = strrchr(reader->path, '/');
    int folder = slash != NULL && name[0] != '/' ? (int)(slash - reader->path + 1) : 0;
    int length = snprintf(path, sizeof path, "%.*s%s", folder, reader->path, name);
    if (length < 0 || (size_t)length >= sizeof path || reader->include_depth >= INCLUDE_DEPTH_MAX) {
        return lab_reader_fail(reader, at, "files are included too deep, or in a circle");
    }
    struct lab_matrix other;
    bool ok = load(&other, path, reader->include_depth + 1, reader->error);
    for (size_t i = 0; ok && i < other.family_count; i++) {
        struct lab_matrix_family moved = other.families[i];
        other.families[i].cells = NULL;
        ok = add_family(reader, matrix, &moved, at);
    }
    ok = ok && json_array_extend(matrix->limits, other.limits) == 0;
    lab_matrix_finish(&other);
    return ok;
}

/* Calls `each` for the items of a list; a value that is no list counts as its only item. */
static bool each_item(struct lab_reader *reader, struct lab_matrix *matrix, yaml_node_t *key, yaml_node_t *list,
                      bool (*each)(struct lab_reader *, struct lab_matrix *, yaml_node_t *key, yaml_node_t *)) {
    size_t count = lab_node_count(list);
    for (size_t i = 0; i < count; i++) {
        if (!each(reader, matrix, key, lab_reader_item(reader, list, i))) {
            return false;
        }
    }
    return true;
}

static bool each_include(struct lab_reader *reader, struct lab_matrix *matrix, yaml_node_t *key, yaml_node_t *item) {
    const char *name = lab_reader_text(reader, key, item);
    return name != NULL && include(reader, matrix, item, name);
}

static bool each_family(struct lab_reader *reader, struct lab_matrix *matrix, yaml_node_t *key, yaml_node_t *item) {
    struct lab_matrix_family family;
    return lab_reader_family(reader, key, item, &family) && add_family(reader, matrix, &family, item);
}

static bool read_document(struct lab_reader *reader, struct lab_matrix *matrix, yaml_node_t *root) {
    struct top top = {.matrix = matrix};
    if (!lab_reader_each(reader, NULL, root, read_top, &top)) {
        return false;
    }
    if (!top.named) {
        return lab_reader_fail(reader, NULL, "the matrix has no name; add a line 'name: …'");
    }
    if (top.include != NULL && !each_item(reader, matrix, top.include_key, top.include, each_include)) {
        return false;
    }
    if (top.families != NULL && !each_item(reader, matrix, top.families_key, top.families, each_family)) {
        return false;
    }
    if (top.limits != NULL && !lab_limits_read(reader, top.limits_key, top.limits, matrix->limits)) {
        return false;
    }
    return matrix->family_count > 0 ||
           lab_reader_fail(reader, top.families_key, "the matrix has no families; add 'families:' with axes");
}

static bool load(struct lab_matrix *matrix, const char *path, unsigned include_depth,
                 char error[LAB_MATRIX_ERROR_BYTES]) {
    *matrix = (struct lab_matrix){.controls = true, .limits = json_array()};
    struct lab_reader reader = {.path = path, .error = error, .include_depth = include_depth};
    lab_cell_init(&reader.base);
    yaml_node_t *root = lab_reader_open(&reader);
    bool ok = root != NULL && read_document(&reader, matrix, root);
    lab_reader_close(&reader);
    return ok;
}

bool lab_matrix_load(struct lab_matrix *matrix, const char *path, char error[LAB_MATRIX_ERROR_BYTES]) {
    return load(matrix, path, 0, error);
}

void lab_matrix_finish(struct lab_matrix *matrix) {
    for (size_t i = 0; i < matrix->family_count; i++) {
        free(matrix->families[i].cells);
    }
    free(matrix->families);
    json_decref(matrix->limits);
    *matrix = (struct lab_matrix){0};
}
