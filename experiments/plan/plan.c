#include "plan/plan.h"

#include "cell/cell.h"
#include "cell/near.h"

#include <stdlib.h>
#include <string.h>

/* From a matrix to families of at most 40 cells. */

/* ---- only ---- */

static bool fits_list(const char *value, const char *list) {
    size_t length = strlen(value);
    for (const char *item = list;; item += strcspn(item, ",") + 1) {
        if (strcspn(item, ",") == length && strncmp(item, value, length) == 0) {
            return true;
        }
        if (item[strcspn(item, ",")] == '\0') {
            return false;
        }
    }
}

static bool fits(const struct lab_cell *cell, const char *family, char *const *only, size_t only_count) {
    for (size_t i = 0; i < only_count; i++) {
        char key[64];
        char value[LAB_CELL_VALUE_BYTES];
        size_t key_bytes = strcspn(only[i], "=");
        memcpy(key, only[i], key_bytes); /* length was checked */
        key[key_bytes] = '\0';
        if (strcmp(key, "family") == 0) {
            snprintf(value, sizeof value, "%s", family);
        } else {
            lab_cell_get(cell, key, value);
        }
        if (!fits_list(value, only[i] + key_bytes + 1)) {
            return false;
        }
    }
    return true;
}

/* Is every family of the list one of the matrix's? */
static bool check_families(const char *list, const struct lab_matrix *matrix, char error[LAB_MATRIX_ERROR_BYTES]) {
    for (const char *item = list;; item += strcspn(item, ",") + 1) {
        char name[LAB_NAME_BYTES];
        char text[LAB_NEAR_TEXT_BYTES];
        struct lab_near near;
        bool known = false;
        snprintf(name, sizeof name, "%.*s", (int)strcspn(item, ","), item);
        lab_near_begin(&near, name);
        for (size_t f = 0; f < matrix->family_count; f++) {
            known = known || strcmp(matrix->families[f].name, name) == 0;
            lab_near_try(&near, matrix->families[f].name);
        }
        if (!known) {
            int used =
                snprintf(error, LAB_MATRIX_ERROR_BYTES, "--only: there is no family '%s' in %s%s; choose one of:", name,
                         matrix->name, lab_near_text(&near, text));
            for (size_t f = 0; f < matrix->family_count && used < LAB_MATRIX_ERROR_BYTES; f++) {
                used += snprintf(error + used, LAB_MATRIX_ERROR_BYTES - (size_t)used, " %s", matrix->families[f].name);
            }
            return false;
        }
        if (item[strcspn(item, ",")] == '\0') {
            return true;
        }
    }
}

static bool check_only(const char *text, const struct lab_matrix *matrix, char error[LAB_MATRIX_ERROR_BYTES]) {
    size_t key_bytes = strcspn(text, "=");
    if (text[key_bytes] != '=' || key_bytes == 0 || key_bytes >= 64) {
        snprintf(error, LAB_MATRIX_ERROR_BYTES, "--only '%.100s' is not key=value[,value]", text);
        return false;
    }
    if (strncmp(text, "family=", 7) == 0) {
        return check_families(text + 7, matrix, error);
    }
    for (const char *item = text + key_bytes + 1;; item += strcspn(item, ",") + 1) {
        char pair[64 + LAB_CELL_VALUE_BYTES];
        char why[LAB_ERROR_BYTES];
        struct lab_cell scratch;
        lab_cell_init(&scratch);
        snprintf(pair, sizeof pair, "%.*s=%.*s", (int)key_bytes, text, (int)strcspn(item, ","), item);
        if (!lab_cell_set_pair(&scratch, pair, why)) {
            snprintf(error, LAB_MATRIX_ERROR_BYTES, "--only: %s", why);
            return false;
        }
        if (item[strcspn(item, ",")] == '\0') {
            return true;
        }
    }
}

/* ---- building ---- */

static bool add_drop(struct lab_plan *plan, const char *family, const struct lab_cell *cell, const char *why) {
    struct lab_drop *grown = reallocarray(plan->drops, plan->drop_count + 1, sizeof *plan->drops);
    if (grown == NULL) {
        return false;
    }
    plan->drops = grown;
    struct lab_drop *drop = &grown[plan->drop_count++];
    drop->cell = *cell;
    snprintf(drop->family, sizeof drop->family, "%s", family);
    snprintf(drop->why, sizeof drop->why, "%s", why);
    return true;
}

static struct lab_family *add_family(struct lab_plan *plan) {
    struct lab_family *grown = reallocarray(plan->families, plan->family_count + 1, sizeof *plan->families);
    if (grown == NULL) {
        return NULL;
    }
    plan->families = grown;
    grown[plan->family_count] = (struct lab_family){0};
    return &grown[plan->family_count++];
}

static bool is_known(const struct lab_plan *plan, const struct lab_cell *cell) {
    for (size_t f = 0; f < plan->family_count; f++) {
        for (size_t i = 0; i < plan->families[f].count; i++) {
            if (lab_cell_same(&plan->families[f].cells[i], cell)) {
                return true;
            }
        }
    }
    return false;
}

/* The cell with its calls' stages stamped, if that is possible. */
static bool can_stage(const struct lab_cell *cell, struct lab_cell *staged) {
    char why[LAB_ERROR_BYTES];
    *staged = *cell;
    staged->stages = 1;
    return lab_cell_impossible(staged, why) == NULL;
}

/* A twin of each of the matrix's cells, for the other program. */
static bool add_arm(struct lab_family *family) {
    bool ok = true;
    for (size_t i = 0; ok && i < family->own_count; i++) {
        struct lab_cell twin = family->cells[i]; /* the array may move */
        strcpy(twin.arm, "b");
        ok = lab_family_add(family, &twin);
    }
    return ok;
}

/* Cuts the matrix's family into families of the plan, between groups where it can. */
static bool take_family(struct lab_plan *plan, const struct lab_matrix_family *from,
                        const struct lab_plan_options *options) {
    size_t first = plan->family_count;
    struct lab_family *family = NULL;
    for (size_t begin = 0; begin < from->count; begin += from->group) {
        struct lab_family group = {0};
        bool ok = true;
        for (size_t i = begin; ok && i < begin + from->group && i < from->count; i++) {
            char why[LAB_ERROR_BYTES];
            struct lab_cell with_stages;
            const struct lab_cell *cell = &from->cells[i];
            if (options->stages && can_stage(cell, &with_stages)) {
                cell = &with_stages;
            }
            if (!fits(cell, from->name, options->only, options->only_count)) {
                continue;
            }
            const char *reason = lab_cell_impossible(cell, why);
            if (reason != NULL) {
                ok = add_drop(plan, from->name, cell, reason);
            } else if (is_known(plan, cell)) {
                plan->repeat_count++;
            } else {
                ok = lab_family_add(&group, cell);
            }
        }
        for (size_t i = 0; ok && i < group.count; i++) {
            bool full = family != NULL && (family->count == LAB_FAMILY_CELLS_MAX ||
                                           (i == 0 && family->count + group.count > LAB_FAMILY_CELLS_MAX));
            if (family == NULL || full) {
                family = add_family(plan);
            }
            ok = family != NULL && lab_family_add(family, &group.cells[i]);
        }
        free(group.cells);
        if (!ok) {
            return false;
        }
    }
    bool parts = plan->family_count - first > 1;
    for (size_t f = first; f < plan->family_count; f++) {
        plan->families[f].own_count = plan->families[f].count;
        snprintf(plan->families[f].name, LAB_NAME_BYTES, parts ? "%.48s/%zu" : "%s", from->name, f - first + 1);
    }
    return true;
}

bool lab_plan_make(struct lab_plan *plan, const struct lab_matrix *matrix, const struct lab_plan_options *options,
                   char error[LAB_MATRIX_ERROR_BYTES]) {
    *plan = (struct lab_plan){0};
    for (size_t i = 0; i < options->only_count; i++) {
        if (!check_only(options->only[i], matrix, error)) {
            return false;
        }
    }
    bool ok = true;
    for (size_t f = 0; ok && f < matrix->family_count; f++) {
        ok = take_family(plan, &matrix->families[f], options);
    }
    for (size_t f = 0; ok && options->two_arms && f < plan->family_count; f++) {
        ok = add_arm(&plan->families[f]);
    }
    for (size_t f = 0; ok && matrix->controls && f < plan->family_count; f++) {
        ok = lab_family_add_controls(&plan->families[f]);
    }
    if (!ok) {
        snprintf(error, LAB_MATRIX_ERROR_BYTES, "out of memory for the plan");
    } else if (plan->family_count == 0) {
        char drops[300];
        lab_plan_drops_text(plan, drops, sizeof drops);
        snprintf(error, LAB_MATRIX_ERROR_BYTES, "no cell of the matrix %s is left to run%s%s", matrix->name,
                 drops[0] != '\0' ? ": " : "; every --only must fit (--only KEY=A,B: either value)", drops);
        ok = false;
    }
    return ok;
}

void lab_plan_finish(struct lab_plan *plan) {
    for (size_t f = 0; f < plan->family_count; f++) {
        free(plan->families[f].cells);
    }
    free(plan->families);
    free(plan->drops);
    *plan = (struct lab_plan){0};
}
