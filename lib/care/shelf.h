/* A shelf: what is kept of the Concs of one Env, in memory, by their numbers. One thread at a time. */
#ifndef CORPS_CARE_SHELF_H
#define CORPS_CARE_SHELF_H

#include <corps/value.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct corps__shelf {
    struct {
        struct corps_box *state; /* NULL: nothing */
        size_t bytes;
        bool found;
    } * places;
    size_t count; /* of places: numbers below it */
    size_t bytes; /* of all states */
};

/* Keeps a box, whose root is an array of bytes, numbers and such arrays, instead of the one before: one reference more.
 * Errors: TOO_LARGE (all of them together would have more than `bytes_max`), NO_MEMORY; then it is what it was. */
enum corps_err corps__shelf_put(struct corps__shelf *shelf, uint64_t number, struct corps_box *state,
                                size_t bytes_max) CORPS_CHECKED;

/* Lent, NULL: there is nothing. */
struct corps_box *corps__shelf_find(struct corps__shelf *shelf, uint64_t number);
void corps__shelf_drop(struct corps__shelf *shelf, uint64_t number);

/* Drops what was not found since it was last called. */
void corps__shelf_drop_unfound(struct corps__shelf *shelf);

#endif
