#include "plan/plan.h"

#include "cell/cell.h"
#include "raw/raw.h"

#include <corps/transport.h>

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
static bool add_one(struct lab_family *family, const char *workload, const char *transport, const char *wake,
                    const char *placement, const char *payload, const struct lab_cell *like) {
    struct lab_cell cell;
    char why[LAB_ERROR_BYTES];
    const char *const pairs[][2] = {{"workload", workload},
                                    {"transport", transport},
                                    {"wake", wake},
                                    {"placement", placement},
                                    {"payload", payload}};
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
    if (raw_find(transport)->remote) {
        cell.hosts = like->hosts > 0 ? 2 : 0;
        cell.delay_us = like->delay_us;
        cell.rate_mbit = like->rate_mbit;
    }
    lab_cell_finish(&cell);
    return lab_cell_impossible(&cell, why) != NULL || has(family, &cell) || lab_family_add(family, &cell);
}

/* The control of 64 bytes, and of an echo cell's own size where it is one of bytes. */
static bool add_raw(struct lab_family *family, const char *transport, const char *wake, const char *placement,
                    const struct lab_cell *like) {
    bool sized = lab_cell_does(like, LAB_WORKLOAD_PING_PONG) && strncmp(like->payload, "bytes:", 6) == 0;
    return add_one(family, "echo", transport, wake, placement, "bytes:64", like) &&
           (!sized || add_one(family, "echo", transport, wake, placement, like->payload, like));
}

/* The bandwidth of what joins hosts: one way, in the largest messages that controls carry. */
static bool add_bandwidth(struct lab_family *family, const char *transport, const struct lab_cell *like) {
    const struct raw_mechanism *raw = raw_find(transport);
    return like->hosts == 0 || !raw->can_stream ||
           add_one(family, "oneway", transport, "block", like->placement, "bytes:65536", like);
}

/* The controls that tell what the machine does, whatever the family has. */
static bool add_baselines(struct lab_family *family, const struct lab_cell *like) {
    static const char *const placements[] = {"same", "cross"};
    const struct raw_mechanism *raw;
    bool ok = true;
    for (unsigned i = 0; ok && (raw = raw_at(i)) != NULL; i++) {
        for (size_t k = 0; ok && raw->baseline && k < sizeof placements / sizeof placements[0]; k++) {
            ok = add_one(family, "echo", raw->name, raw->can_block ? "block" : "spin", placements[k], "bytes:64", like);
        }
    }
    return ok;
}

/* What bounds the cell's transport, with waiting threads that sleep or spin; nothing where it has no such control. */
static bool add_twin(struct lab_family *family, const struct lab_cell *cell, bool spin) {
    const struct corps_transport *transport = corps_transport_find(cell->transport);
    const char *twin = transport == NULL ? NULL : spin ? transport->control_spin : transport->control_block;
    const char *way = spin ? "spin" : "block";
    if (twin == NULL) {
        return true;
    }
    bool ok = add_raw(family, twin, way, cell->placement, cell) && add_bandwidth(family, twin, cell);
    const char *sealed = raw_that_seals()->name;
    return ok && (cell->seal == 0 ||
                  (add_raw(family, sealed, way, cell->placement, cell) && add_bandwidth(family, sealed, cell)));
}

bool lab_family_add_controls(struct lab_family *family) {
    size_t own_count = family->own_count;
    struct lab_cell first = family->cells[0];
    struct lab_cell duplicate = first;
    strcpy(duplicate.arm, "aa");
    bool ok = lab_family_add(family, &duplicate) && add_baselines(family, &first);
    for (size_t i = 0; ok && i < own_count; i++) {
        struct lab_cell cell = family->cells[i]; /* the array may move */
        if (!lab_cell_is_ours(&cell)) {
            continue;
        }
        if (lab_cell_does(&cell, LAB_WORKLOAD_HEALS)) {
            bool python = strcmp(cell.lang, "c") != 0;
            ok = add_one(family, cell.workload, raw_that_starts(python)->name, "block", cell.placement, "bytes:64",
                         &cell);
            continue;
        }
        if (strcmp(cell.lang, "c") != 0) {
            ok = add_raw(family, raw_of_python(lab_cell_is_intra(&cell))->name, "block", cell.placement, &cell);
        }
        bool spins = strcmp(cell.wake, "spin") == 0;
        ok = ok && add_twin(family, &cell, spins);
        if (ok && strcmp(cell.wake, "adaptive") == 0) {
            ok = add_twin(family, &cell, true);
        }
    }
    return ok;
}
