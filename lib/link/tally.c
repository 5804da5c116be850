#include "link/tally.h"

#include <stdlib.h>

static const char *const states[] = {
    [CORPS__PEER_NEW] = "new",     [CORPS__PEER_CONNECTING] = "connecting", [CORPS__PEER_GREETING] = "greeting",
    [CORPS__PEER_READY] = "ready", [CORPS__PEER_CLOSED] = "closed",
};

/* Of what came on it. */
static uint64_t not_over(const struct corps__peer *peer) {
    uint64_t over = peer->answered + corps__routes_handled(peer);
    return peer->arrived > over ? peer->arrived - over : 0;
}

static struct corps__tally tally_of(struct corps__peer *peer) {
    bool out = peer->corps != NULL;
    uint32_t env = out || peer->hello_seen ? peer->env : CORPS__GUEST_ENV;
    struct corps__tally tally = {.corps_id = out                ? peer->corps->id
                                             : peer->hello_seen ? peer->peer_corps_id
                                                                : 0,
                                 .env = env != CORPS__GUEST_ENV ? (int64_t)env : -1,
                                 .out = out,
                                 .state = states[atomic_load(&peer->state)],
                                 .frames_received = peer->frames_received,
                                 .bytes_received = peer->bytes_received};
    pthread_mutex_lock(&peer->tx);
    tally.frames_sent = peer->frames_sent;
    tally.bytes_sent = peer->bytes_sent;
    tally.kept_bytes = peer->kept_bytes;
    tally.losses = peer->link_count;
    tally.outstanding = out ? corps__routes_outstanding(peer) : not_over(peer);
    pthread_mutex_unlock(&peer->tx);
    return tally;
}

void corps__tally_links(void (*each)(const struct corps__tally *tally, void *arg), void *arg) {
    for (struct corps__peer *peer = corps__peers_walk(); peer != NULL; peer = peer->next) {
        if (!atomic_load(&peer->retired)) {
            struct corps__tally tally = tally_of(peer);
            each(&tally, arg);
        }
    }
    corps__peers_walked();
}

static int by_number(const void *a, const void *b) {
    uint32_t one = *(const uint32_t *)a, other = *(const uint32_t *)b;
    return (one > other) - (one < other);
}

void corps__tally_requests(const uint32_t *ids, uint32_t count, uint64_t *counts) {
    for (const struct corps__peer *peer = corps__peers_walk(); peer != NULL; peer = peer->next) {
        for (size_t i = 0; i < peer->grants.slot_count; i++) {
            const struct corps__grant *grant = peer->grants.slots[i];
            const uint32_t *found = grant != NULL ? bsearch(&grant->conc, ids, count, sizeof *ids, by_number) : NULL;
            if (found != NULL) {
                counts[found - ids] += grant->count;
            }
        }
    }
    corps__peers_walked();
}
