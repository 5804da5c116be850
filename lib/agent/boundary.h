/* Where the records of a control stream end, as its pieces pass: there another record can be put in between.
 *
 * Pure: nothing is kept of the stream but where it is. Zeroed memory is the beginning of a stream. Threads: one at a
 * time.
 */
#ifndef CORPS_AGENT_BOUNDARY_H
#define CORPS_AGENT_BOUNDARY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct agent_boundary {
    uint8_t length[4]; /* of the record that passes, little-endian … */
    unsigned known;    /* … so many bytes of it have passed */
    uint32_t left;     /* of the record, once its length has passed */
};

/* Has every record that began also ended? */
bool agent_boundary_is_at(const struct agent_boundary *boundary);

/* More of the stream passes. Returns how much of it belongs to the record that passes now, at least one byte of any:
 * call again with the rest. */
size_t agent_boundary_pass(struct agent_boundary *boundary, const uint8_t *data, size_t bytes);

#endif
