/* What the links of this process have carried, for who looks (process/stats.h). */
#ifndef CORPS_TALLY_H
#define CORPS_TALLY_H

#include "link/peer.h"

/* One link. Numbers are of all connections that it has had. */
struct corps__tally {
    uint64_t corps_id; /* of the other side; a program has a random one, and 0 is one that has not said hello */
    int64_t env;       /* −1: a program, or not said yet */
    bool out;          /* this side has connected it: it calls, and the other answers */
    const char *state; /* "new", "connecting", "greeting", "ready", "closed" */
    uint64_t frames_sent, bytes_sent, frames_received, bytes_received;
    uint64_t outstanding; /* requests on it that are not over, as far as the other side has said */
    uint64_t kept_bytes;  /* of frames for which there was no room yet */
    uint64_t losses;      /* connections that have ended */
};

/* Calls each(tally, arg) for every link. With the lead. `each` must not wait. */
void corps__tally_links(void (*each)(const struct corps__tally *tally, void *arg), void *arg);

/* Adds to counts[i] how many requests have come, on links that are there, for Worker ids[i], of `count` in order. With
 * the lead. */
void corps__tally_requests(const uint32_t *ids, uint32_t count, uint64_t *counts);

#endif
