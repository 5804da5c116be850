#include "plan/plan.h"

#include "cell/cell.h"

#include <stdlib.h>
#include <string.h>

/* The controls of a family: raw ping-pongs that bound what its transports can reach at its wake policies and
 * placements, of 64 bytes and of each size that its echo cells have, since nothing is divided by another size. */

bool lab_family_add(struct lab_family *family, const struct lab_cell *cell) {
    struct lab_cell *grown = reallocarray(family->cells, family->count + 1, sizeof *family->cells);
    if (grown == NULL) {
        return false;
    }
    family->cells = grown;
    grown[family->count++] = *cell;
    return true;
}

static bool has(const struct lab_family *family, const struct lab_cell *cell) {
    for (size_t i = 0; i < family->count; i++) {
        if (lab_cell_same(&family->cells[i], cell)) {
            return true;
        }
    }
    return false;
}

/* Adds a raw control, unless it is there already or cannot be. `like` says how long the trial lasts. */
static bool add_one(struct lab_family *family, const char *transport, const char *wake, const char *placement,
                    const char *payload, const struct lab_cell *like) {
    struct lab_cell cell;
    char why[LAB_ERROR_BYTES];
    const char *const pairs[][2] = {
        {"transport", transport}, {"wake", wake}, {"placement", placement}, {"payload", payload}};
    lab_cell_init(&cell);
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        if (!lab_cell_set(&cell, pairs[i][0], pairs[i][1], why)) {
            return true; /* this build has no such control */
        }
    }
    cell.warmup_count = like->warmup_count;
    cell.min_count = like->min_count;
    cell.min_ms = like->min_ms;
    cell.max_ms = like->max_ms;
    lab_cell_finish(&cell);
    return lab_cell_impossible(&cell, why) != NULL || has(family, &cell) || lab_family_add(family, &cell);
}

/* The control of 64 bytes, and of an echo cell's own size where it is one of bytes. */
static bool add_raw(struct lab_family *family, const char *transport, const char *wake, const char *placement,
                    const struct lab_cell *like) {
    bool sized = strcmp(like->workload, "echo") == 0 && strncmp(like->payload, "bytes:", 6) == 0;
    return add_one(family, transport, wake, placement, "bytes:64", like) &&
           (!sized || add_one(family, transport, wake, placement, like->payload, like));
}

/* The raw control of the same mechanism. Shared memory and queues are bounded by a cache line when they spin and by a
 * futex when they sleep. */
static const char *twin_of(const struct lab_cell *cell, bool spin, char out[32]) {
    static const char *const twins[] = {"pipe", "unix", "tcp", "mqueue"};
    for (size_t i = 0; i < sizeof twins / sizeof twins[0]; i++) {
        if (strcmp(twins[i], cell->transport) == 0) {
            strcat(strcpy(out, "raw:"), twins[i]);
            return out;
        }
    }
    return strcpy(out, spin ? "raw:cacheline" : "raw:futex");
}

/* What a Python program without the core would use instead. */
static const char *python_twin_of(const struct lab_cell *cell) {
    return strcmp(cell->transport, "queue") == 0 ? "raw:queue" : "raw:mp-pipe";
}

bool lab_family_add_controls(struct lab_family *family) {
    size_t own_count = family->own_count;
    struct lab_cell first = family->cells[0];
    struct lab_cell duplicate = first;
    strcpy(duplicate.arm, "aa");
    bool ok = lab_family_add(family, &duplicate) &&
              add_one(family, "raw:cacheline", "spin", "cross", "bytes:64", &first) &&
              add_one(family, "raw:pipe", "block", "same", "bytes:64", &first) &&
              add_one(family, "raw:pipe", "block", "cross", "bytes:64", &first);
    for (size_t i = 0; ok && i < own_count; i++) {
        struct lab_cell cell = family->cells[i]; /* the array may move */
        bool spin = strcmp(cell.wake, "spin") == 0;
        char twin[32];
        if (lab_cell_is_ours(&cell) && strcmp(cell.lang, "c") != 0) {
            ok = add_raw(family, python_twin_of(&cell), "block", cell.placement, &cell);
        }
        if (ok && lab_cell_is_ours(&cell)) {
            ok = add_raw(family, twin_of(&cell, spin, twin), spin ? "spin" : "block", cell.placement, &cell);
        }
        if (ok && lab_cell_is_ours(&cell) && strcmp(cell.wake, "adaptive") == 0) {
            ok = add_raw(family, twin_of(&cell, true, twin), "spin", cell.placement, &cell);
        }
    }
    return ok;
}
