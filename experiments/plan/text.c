#include "plan/plan.h"

#include "cell/cell.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* A plan's order, its identity, and how it reads. */

size_t lab_plan_trials(const struct lab_plan *plan) {
    size_t count = 0;
    for (size_t f = 0; f < plan->family_count; f++) {
        count += plan->families[f].count;
    }
    return count;
}

/* ---- order ---- */

/* FNV-1a, 64 bit (Fowler, Noll, Vo). */
static uint64_t hash_text(uint64_t hash, const char *text) {
    for (; *text != '\0'; text++) {
        hash = (hash ^ (uint8_t)*text) * UINT64_C(1099511628211);
    }
    return (hash ^ 0xff) * UINT64_C(1099511628211); /* the end, so that "ab" "c" is not "a" "bc" */
}

#define HASH_BEGIN UINT64_C(14695981039346656037)

/* SplitMix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators, OOPSLA 2014). */
static uint64_t next_random(uint64_t *state) {
    uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

/* Below `bound`, each number equally likely: what would favour the small ones is drawn again. */
static uint64_t random_below(uint64_t *state, uint64_t bound) {
    uint64_t limit = UINT64_MAX - UINT64_MAX % bound;
    uint64_t drawn;
    do {
        drawn = next_random(state);
    } while (drawn >= limit);
    return drawn % bound;
}

void lab_plan_order(const struct lab_family *family, uint64_t seed, unsigned block, unsigned *order) {
    uint64_t state = hash_text(HASH_BEGIN, family->name);
    state ^= next_random(&seed);
    uint64_t turn = block;
    state ^= next_random(&turn);
    for (size_t i = 0; i < family->count; i++) {
        order[i] = (unsigned)i;
    }
    for (size_t i = family->count; i > 1; i--) { /* Fisher and Yates */
        size_t j = random_below(&state, i);
        unsigned moved = order[i - 1];
        order[i - 1] = order[j];
        order[j] = moved;
    }
}

/* ---- identity ---- */

void lab_plan_id(const struct lab_plan *plan, char out[17]) {
    uint64_t hash = HASH_BEGIN;
    for (size_t f = 0; f < plan->family_count; f++) {
        const struct lab_family *family = &plan->families[f];
        hash = hash_text(hash, family->name);
        for (size_t i = 0; i < family->count; i++) {
            char key[LAB_CELL_KEY_BYTES];
            char length[96];
            const struct lab_cell *cell = &family->cells[i];
            lab_cell_key(cell, key, sizeof key);
            snprintf(length, sizeof length, "%u %u %u %u", cell->warmup_count, cell->min_count, cell->min_ms,
                     cell->max_ms);
            hash = hash_text(hash_text(hash, key), length);
        }
    }
    snprintf(out, 17, "%016" PRIx64, hash);
}

/* ---- text ---- */

static bool same_reason(const struct lab_plan *plan, size_t a, size_t b) {
    return strcmp(plan->drops[a].why, plan->drops[b].why) == 0;
}

void lab_plan_drops_text(const struct lab_plan *plan, char *out, size_t out_bytes) {
    size_t used = 0;
    out[0] = '\0';
    for (size_t i = 0; i < plan->drop_count && used < out_bytes; i++) {
        size_t count = 0;
        size_t first = i;
        for (size_t j = 0; j < plan->drop_count; j++) {
            first = same_reason(plan, i, j) && j < first ? j : first;
            count += same_reason(plan, i, j);
        }
        if (first == i) {
            int wrote =
                snprintf(out + used, out_bytes - used, "%s%zu × %s", used > 0 ? "; " : "", count, plan->drops[i].why);
            used += wrote > 0 ? (size_t)wrote : 0;
        }
    }
}

void lab_plan_print(const struct lab_plan *plan, unsigned blocks, FILE *out) {
    char text[LAB_CELL_KEY_BYTES];
    for (size_t f = 0; f < plan->family_count; f++) {
        const struct lab_family *family = &plan->families[f];
        fprintf(out, "family %s: %zu cells, %zu controls\n", family->name, family->own_count,
                family->count - family->own_count);
        for (size_t i = 0; i < family->count; i++) {
            lab_cell_describe(&family->cells[i], text, sizeof text);
            fprintf(out, "  %s%s\n", i < family->own_count ? "" : "control: ", text);
        }
    }
    for (size_t i = 0; i < plan->drop_count; i++) {
        lab_cell_describe(&plan->drops[i].cell, text, sizeof text);
        fprintf(out, "left out (%s): %s: %s\n", plan->drops[i].family, text, plan->drops[i].why);
    }
    size_t trials = lab_plan_trials(plan);
    fprintf(out, "%zu trials a block, %u block%s, %zu trials in all; %zu impossible cells left out; %zu repeated\n",
            trials, blocks, blocks == 1 ? "" : "s", trials * blocks, plan->drop_count, plan->repeat_count);
}
