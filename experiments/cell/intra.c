#include "cell/cell.h"

#include <corps/transport.h>

/* Not in rules.c, since Workers in Python programs need it too (python/meson.build). */

bool lab_cell_has(const struct lab_cell *cell, uint32_t capability) {
    const struct corps_transport *transport = corps_transport_find(cell->transport);
    return transport != NULL && (transport->capabilities & capability) != 0;
}

bool lab_cell_is_intra(const struct lab_cell *cell) {
    return lab_cell_has(cell, CORPS_TRANSPORT_INTRA);
}
