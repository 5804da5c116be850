#include "matrix.h"

#include "cell.h"
#include "limit_rows.h"
#include "payloads.h"

#include <errno.h>
#include <libfyaml.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The matrix file as a whole. */

enum { INCLUDE_DEPTH_MAX = 4 };

bool lab_reader_fail(struct lab_reader *reader, struct fy_node *at, const char *format, ...) {
    char text[512];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    struct fy_token *token = at != NULL ? fy_node_get_scalar_token(at) : NULL;
    const struct fy_mark *mark = token != NULL ? fy_token_start_mark(token) : NULL;
    if (mark != NULL) {
        snprintf(reader->error, LAB_MATRIX_ERROR_BYTES, "%.100s:%d:%d: %s", reader->path, mark->line + 1,
                 mark->column + 1, text);
    } else {
        snprintf(reader->error, LAB_MATRIX_ERROR_BYTES, "%.100s: %s", reader->path, text);
    }
    return false;
}

const char *lab_reader_text(struct lab_reader *reader, struct fy_node *key, struct fy_node *node) {
    const char *text = node != NULL && fy_node_is_scalar(node) ? fy_node_get_scalar0(node) : NULL;
    if (text == NULL) {
        lab_reader_fail(reader, key, "%s needs one value", fy_node_get_scalar0(key));
    }
    return text;
}

bool lab_reader_each(struct lab_reader *reader, struct fy_node *key, struct fy_node *map,
                     bool (*each)(struct lab_reader *reader, struct fy_node *key, struct fy_node *value, void *arg),
                     void *arg) {
    if (map == NULL || !fy_node_is_mapping(map)) {
        return lab_reader_fail(reader, key, "%s must hold lines of the form 'key: value'",
                               key != NULL ? fy_node_get_scalar0(key) : "the matrix");
    }
    void *at = NULL;
    struct fy_node_pair *pair;
    while ((pair = fy_node_mapping_iterate(map, &at)) != NULL) {
        struct fy_node *name = fy_node_pair_key(pair);
        if (name == NULL || !fy_node_is_scalar(name) || fy_node_get_scalar0(name) == NULL) {
            return lab_reader_fail(reader, key, "a key must be one word");
        }
        if (!each(reader, name, fy_node_pair_value(pair), arg)) {
            return false;
        }
    }
    return true;
}

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

static bool read_key(struct lab_reader *reader, struct fy_node *key, struct fy_node *value, void *arg) {
    const struct keys *keys = arg;
    char error[LAB_ERROR_BYTES];
    const char *name = fy_node_get_scalar0(key);
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

bool lab_reader_keys(struct lab_reader *reader, struct fy_node *key, struct fy_node *map, bool axes,
                     struct lab_cell *cell) {
    struct keys keys = {.cell = cell, .axes = axes};
    return lab_reader_each(reader, key, map, read_key, &keys);
}

/* ---- the top ---- */

struct top {
    struct lab_matrix *matrix;
    struct fy_node *families_key;
    struct fy_node *families;
    struct fy_node *include_key;
    struct fy_node *include;
    struct fy_node *limits_key;
    struct fy_node *limits;
    bool named;
};

static bool read_number(struct lab_reader *reader, struct fy_node *key, struct fy_node *value, unsigned *out) {
    const char *text = lab_reader_text(reader, key, value);
    uint64_t number;
    if (text == NULL) {
        return false;
    }
    if (!lab_parse_count(text, 10000, &number) || number == 0) {
        return lab_reader_fail(reader, value, "%s must be a whole number from 1 to 10000, not '%.40s'",
                               fy_node_get_scalar0(key), text);
    }
    *out = (unsigned)number;
    return true;
}

static bool read_bool(struct lab_reader *reader, struct fy_node *key, struct fy_node *value, bool *out) {
    const char *text = lab_reader_text(reader, key, value);
    if (text == NULL) {
        return false;
    }
    *out = strcmp(text, "true") == 0;
    return *out || strcmp(text, "false") == 0 ||
           lab_reader_fail(reader, value, "%s must be true or false, not '%.40s'", fy_node_get_scalar0(key), text);
}

static bool read_text(struct lab_reader *reader, struct fy_node *key, struct fy_node *value, char *out, size_t bytes) {
    const char *text = lab_reader_text(reader, key, value);
    if (text == NULL) {
        return false;
    }
    if (text[0] == '\0' || strlen(text) >= bytes) {
        return lab_reader_fail(reader, value, "%s must have 1 to %zu bytes", fy_node_get_scalar0(key), bytes - 1);
    }
    snprintf(out, bytes, "%s", text);
    return true;
}

static bool read_top(struct lab_reader *reader, struct fy_node *key, struct fy_node *value, void *arg) {
    struct top *top = arg;
    const char *name = fy_node_get_scalar0(key);
    if (strcmp(name, "name") == 0) {
        top->named = true;
        return read_text(reader, key, value, top->matrix->name, sizeof top->matrix->name);
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
    return lab_reader_fail(
        reader, key,
        "there is no key '%.40s' here; choose one of: name about blocks arms controls trial defaults "
        "include families limits",
        name);
}

static bool add_family(struct lab_reader *reader, struct lab_matrix *matrix, struct lab_matrix_family *family,
                       struct fy_node *at) {
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
static bool include(struct lab_reader *reader, struct lab_matrix *matrix, struct fy_node *at, const char *name) {
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
static bool each_item(struct lab_reader *reader, struct lab_matrix *matrix, struct fy_node *key, struct fy_node *list,
                      bool (*each)(struct lab_reader *, struct lab_matrix *, struct fy_node *key, struct fy_node *)) {
    if (!fy_node_is_sequence(list)) {
        return each(reader, matrix, key, list);
    }
    void *at = NULL;
    struct fy_node *item;
    while ((item = fy_node_sequence_iterate(list, &at)) != NULL) {
        if (!each(reader, matrix, key, item)) {
            return false;
        }
    }
    return true;
}

static bool each_include(struct lab_reader *reader, struct lab_matrix *matrix, struct fy_node *key,
                         struct fy_node *item) {
    const char *name = lab_reader_text(reader, key, item);
    return name != NULL && include(reader, matrix, item, name);
}

static bool each_family(struct lab_reader *reader, struct lab_matrix *matrix, struct fy_node *key,
                        struct fy_node *item) {
    struct lab_matrix_family family;
    return lab_reader_family(reader, key, item, &family) && add_family(reader, matrix, &family, key);
}

static bool read_document(struct lab_reader *reader, struct lab_matrix *matrix, struct fy_node *root) {
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

/* Collected errors are printed by us; the few that cannot be collected say nothing more. */
static void print_nothing(struct fy_diag *diag, void *user, const char *text, size_t bytes) {
    (void)diag;
    (void)user;
    (void)text;
    (void)bytes;
}

/* The parser's own complaints, of which the first tells. */
static struct fy_document *parse(struct lab_reader *reader, FILE *file) {
    struct fy_diag_cfg diag_cfg;
    fy_diag_cfg_default(&diag_cfg);
    diag_cfg.level = FYET_ERROR;
    diag_cfg.fp = NULL;
    diag_cfg.output_fn = print_nothing;
    struct fy_diag *diag = fy_diag_create(&diag_cfg);
    fy_diag_set_collect_errors(diag, true);
    struct fy_parse_cfg cfg = {.flags = FYPCF_DEFAULT_DOC, .diag = diag};
    struct fy_document *document = fy_document_build_from_fp(&cfg, file);
    if (document == NULL) {
        void *at = NULL;
        const struct fy_diag_error *first = fy_diag_errors_iterate(diag, &at);
        snprintf(reader->error, LAB_MATRIX_ERROR_BYTES, "%.100s:%d:%d: %.300s", reader->path,
                 first != NULL ? first->line : 1, first != NULL ? first->column : 1,
                 first != NULL ? first->msg : "this is no YAML, or empty");
    }
    fy_diag_destroy(diag);
    return document;
}

static bool load(struct lab_matrix *matrix, const char *path, unsigned include_depth,
                 char error[LAB_MATRIX_ERROR_BYTES]) {
    *matrix = (struct lab_matrix){.controls = true, .limits = json_array()};
    struct lab_reader reader = {.path = path, .error = error, .include_depth = include_depth};
    lab_cell_init(&reader.base);
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        return lab_reader_fail(&reader, NULL, "cannot open the matrix: %s", strerror(errno));
    }
    struct fy_document *document = parse(&reader, file);
    bool ok = document != NULL && read_document(&reader, matrix, fy_document_root(document));
    fy_document_destroy(document);
    fclose(file);
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
