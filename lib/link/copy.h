/* A copy of what was sent once and may be sent again, on another link: its segments, its method and the numbers of its
 * definitions, in memory of its own. What belongs to a link, such as numbers of methods, is written anew for each. */
#ifndef CORPS_COPY_H
#define CORPS_COPY_H

#include "link/peer.h"

struct corps__copy {
    struct corps__outgoing out; /* without a grant */
    bool owns_method;           /* a symbol of its own */
    size_t bytes;               /* of its segments */
};

/* NULL when out of memory. */
struct corps__copy *corps__copy_create(const struct corps__outgoing *out);
void corps__copy_free(struct corps__copy *copy); /* accepts NULL */

#endif
