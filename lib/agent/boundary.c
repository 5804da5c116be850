#include "boundary.h"

bool agent_boundary_is_at(const struct agent_boundary *boundary) {
    return boundary->known == 0 && boundary->left == 0;
}

size_t agent_boundary_pass(struct agent_boundary *boundary, const uint8_t *data, size_t bytes) {
    size_t passed = 0;
    while (boundary->left == 0 && passed < bytes) {
        boundary->length[boundary->known++] = data[passed++];
        if (boundary->known == sizeof boundary->length) {
            const uint8_t *at = boundary->length;
            boundary->left = at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
            boundary->known = 0;
            if (boundary->left == 0) {
                return passed; /* a record without anything */
            }
        }
    }
    size_t rest = bytes - passed < boundary->left ? bytes - passed : boundary->left;
    boundary->left -= (uint32_t)rest;
    return passed + rest;
}
