#include "plan/matrix.h"

#include "cell/cell.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One family of a matrix: its axes and their product. */

enum { AXES_MAX = LAB_CELL_KEY_COUNT };

struct axis {
    const char *key;       /* lent by the document */
    yaml_node_t *key_node; /* for errors */
    yaml_node_t *values;   /* a list or one scalar */
    size_t count;
};

struct draft { /* of a family, as far as it was read */
    char name[LAB_NAME_BYTES];
    struct axis axes[AXES_MAX];
    size_t axis_count;
    struct lab_cell base;
    yaml_node_t *name_key;
};

/* Whether an earlier value makes the same cell, which would be measured, and be in the results, twice. */
static bool is_double(struct lab_reader *reader, const struct axis *axis, size_t at, const struct lab_cell *cell) {
    char unused[LAB_ERROR_BYTES];
    for (size_t i = 0; i < at; i++) {
        struct lab_cell earlier = *cell;
        (void)!lab_cell_set(&earlier, axis->key, lab_node_text(lab_reader_item(reader, axis->values, i)), unused);
        if (lab_cell_same(&earlier, cell)) {
            return true;
        }
    }
    return false;
}

/* Every value is tried alone, so that an error can be put where it is written. */
static bool check_axis(struct lab_reader *reader, const struct axis *axis, struct lab_cell scratch) {
    for (size_t i = 0; i < axis->count; i++) {
        yaml_node_t *node = lab_reader_item(reader, axis->values, i);
        const char *text = lab_reader_text(reader, axis->key_node, node);
        char error[LAB_ERROR_BYTES];
        if (text == NULL) {
            return false;
        }
        if (!lab_cell_set(&scratch, axis->key, text, error)) {
            return lab_reader_fail(reader, node, "%s", error);
        }
        if (is_double(reader, axis, i, &scratch)) {
            return lab_reader_fail(reader, node, "axis %s has %s twice", axis->key, text);
        }
    }
    return true;
}

static bool is_axis(const char *key) {
    const struct lab_cell_field *field;
    for (unsigned i = 0; (field = lab_cell_field_at(i)) != NULL; i++) {
        if (strcmp(field->name, key) == 0) {
            return field->axis && strcmp(key, "arm") != 0;
        }
    }
    return false;
}

static bool read_axis(struct lab_reader *reader, yaml_node_t *key, yaml_node_t *value, void *arg) {
    struct draft *draft = arg;
    const char *name = lab_node_text(key);
    if (!is_axis(name)) {
        char error[LAB_ERROR_BYTES];
        struct lab_cell scratch = draft->base;
        if (lab_cell_set(&scratch, name, "", error) || strncmp(error, "there is no key", 15) != 0) {
            return lab_reader_fail(reader, key,
                                   "%s is not an axis: it belongs under 'trial', or is the laboratory's own", name);
        }
        return lab_reader_fail(reader, key, "%s", error);
    }
    size_t count = lab_node_count(value);
    if (count == 0 || draft->axis_count == AXES_MAX) {
        return lab_reader_fail(reader, key, "axis %s needs one value or a list of values", name);
    }
    struct axis *axis = &draft->axes[draft->axis_count++];
    *axis = (struct axis){.key = name, .key_node = key, .values = value, .count = count};
    return check_axis(reader, axis, draft->base);
}

static bool read_family_key(struct lab_reader *reader, yaml_node_t *key, yaml_node_t *value, void *arg) {
    struct draft *draft = arg;
    const char *name = lab_node_text(key);
    if (strcmp(name, "axes") == 0) {
        return lab_reader_each(reader, key, value, read_axis, draft);
    }
    if (strcmp(name, "trial") == 0 || strcmp(name, "defaults") == 0) {
        return lab_reader_keys(reader, key, value, name[0] == 'd', &draft->base);
    }
    if (strcmp(name, "name") != 0) {
        return lab_reader_no_key(reader, key, "name axes trial defaults");
    }
    const char *text = lab_reader_text(reader, key, value);
    if (text == NULL) {
        return false;
    }
    /* The plan appends "/2" to the second part of a large family. */
    if (text[0] == '\0' || strlen(text) >= LAB_NAME_BYTES - 8 || strchr(text, '/') != NULL) {
        return lab_reader_fail(reader, value, "a family's name must have 1 to %d bytes and no slash",
                               LAB_NAME_BYTES - 9);
    }
    draft->name_key = key;
    snprintf(draft->name, sizeof draft->name, "%s", text);
    return true;
}

/* Cell number i of the product: its digits, to the base of the axes' counts, choose the values. */
static void make_cell(struct lab_reader *reader, const struct draft *draft, size_t i, struct lab_cell *cell) {
    char unused[LAB_ERROR_BYTES];
    *cell = draft->base;
    for (size_t a = 0; a < draft->axis_count; a++) {
        const struct axis *axis = &draft->axes[a];
        yaml_node_t *node = lab_reader_item(reader, axis->values, i % axis->count);
        (void)!lab_cell_set(cell, axis->key, lab_node_text(node), unused); /* was tried by check_axis */
        i /= axis->count;
    }
    lab_cell_finish(cell);
}

bool lab_reader_family(struct lab_reader *reader, yaml_node_t *key, yaml_node_t *node,
                       struct lab_matrix_family *family) {
    struct draft draft = {.base = reader->base};
    if (!lab_reader_each(reader, key, node, read_family_key, &draft)) {
        return false;
    }
    if (draft.name[0] == '\0') {
        return lab_reader_fail(reader, node, "a family has no name; add a line 'name: …'");
    }
    size_t count = 1;
    for (size_t a = 0; a < draft.axis_count; a++) {
        count *= draft.axes[a].count;
        if (count > LAB_MATRIX_CELLS_MAX) {
            return lab_reader_fail(reader, draft.axes[a].key_node, "family %s has more than %d cells; split it",
                                   draft.name, LAB_MATRIX_CELLS_MAX);
        }
    }
    *family = (struct lab_matrix_family){.count = count, .group = draft.axis_count > 0 ? draft.axes[0].count : 1};
    memcpy(family->name, draft.name, sizeof family->name);
    family->cells = calloc(count, sizeof *family->cells);
    if (family->cells == NULL) {
        return lab_reader_fail(reader, key, "out of memory");
    }
    for (size_t i = 0; i < count; i++) {
        make_cell(reader, &draft, i, &family->cells[i]);
    }
    return true;
}
