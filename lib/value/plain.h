/* Plain values: small ones that refer to nothing that is counted. They are copied, root and all, into memory that is
 * there anyway (an entry of a batch, a message, a Future), which costs less than a box of their own. */
#ifndef CORPS_PLAIN_H
#define CORPS_PLAIN_H

#include <corps/value.h>

/* As corps_value_open, without a call where there is nothing to open. */
static inline const struct corps_value *corps__value_open(const struct corps_value *value) {
    return __builtin_expect(value->kind == CORPS_BOX, 0) ? corps_value_open(value) : value;
}

/* Makes a copy of these bytes the root of the box, which is empty. Errors: NO_MEMORY. */
enum corps_err corps__box_copy(struct corps_box *box, const void *data, size_t bytes) CORPS_CHECKED;

/* Copies `value` and what it points to to `memory` (aligned to 8, `capacity` bytes): the root is at its beginning.
 * `bytes` is what it took, a multiple of 8. A box is opened: copying little costs less than counting references to it.
 * Errors, without a detail: FULL (too large), REFUSED (not plain, or nested deeper than a few levels). */
enum corps_err corps__plain_copy(const struct corps_value *value, void *memory, size_t capacity,
                                 size_t *bytes) CORPS_CHECKED;

#endif
