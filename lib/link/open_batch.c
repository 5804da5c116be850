#include "link/open_batch.h"

#include "base/clock.h"
#include "link/layout.h"

#include <corps/serializer.h>

#include <stdlib.h>

static void empty(struct corps__open_batch *open) {
    open->used = CORPS__HEADER_BYTES;
    open->count = 0;
    open->taken = corps__extent_of(0, CORPS__HEADER_BYTES);
    atomic_store_explicit(&open->committed, open->taken, memory_order_relaxed);
}

/* Under tx, which is not free before the memory is empty: all of it is in the frame (open_batch.pml, steps O1 and O2).
 */
static void turn_over(struct corps__open_batch *open) {
    struct corps__peer *peer = open->peer;
    bool whole = peer->batch_frame == NULL && corps__extent_count(open->taken) == 0;
    struct corps__post *other = whole ? corps__batch_memory(peer) : NULL;
    if (other != NULL) { /* what was written becomes the frame as it is */
        peer->batch_frame = open->post;
        peer->batch_frame->bytes = open->used;
        peer->batch_entry_count = open->count;
        open->post = other;
    } else {
        corps__open_batch_take(peer);
    }
    empty(open);
}

/* Under tx. May entries of this method be added without another look? */
static bool may_be_open(const struct corps__peer *peer, const struct corps__symbol *method) {
    return peer->corps == corps__own() && corps__room_step(peer) > 0 && peer->batch_frame != NULL &&
           peer->open == NULL && atomic_load(&peer->state) == CORPS__PEER_READY && corps__is_named(peer, method);
}

struct corps__open_batch *corps__open_batch_begin(struct corps__route *route, const struct corps__symbol *method,
                                                  const struct corps_serializer *serializer) {
    struct corps__peer *peer = route->peer;
    struct corps__open_batch *open = aligned_alloc(64, sizeof *open);
    if (open == NULL) {
        return NULL;
    }
    memset(open, 0, sizeof *open);
    open->peer = peer;
    open->route = route;
    open->method = method;
    open->serializer = serializer;
    open->bare = (serializer->capabilities & CORPS_SERIALIZER_BYTES_ONLY) != 0;
    const struct corps__header entry = {.flags = CORPS__NO_REPLY,
                                        .serializer = serializer->wire_id,
                                        .destination = route->conc,
                                        .method = method->number};
    corps__wire_write_entry(&entry, 0, open->head);
    empty(open);
    pthread_mutex_lock(&peer->tx);
    open->post = may_be_open(peer, method) ? corps__batch_memory(peer) : NULL;
    if (open->post != NULL) {
        peer->open = open;
        open->looked_ns = peer->last_send_ns;
    }
    pthread_mutex_unlock(&peer->tx);
    if (open->post == NULL) {
        free(open);
        return NULL;
    }
    return open;
}

/* Is much time gone since the last look? */
static bool is_late(struct corps__open_batch *open) {
    int64_t before = open->looked_ns;
    open->looked_ns = corps__now_ns();
    return open->looked_ns - before >= CORPS__BATCH_WITHIN_NS;
}

/* Under tx: the frame goes. False: not yet, or not at all. */
static bool send_frame(struct corps__peer *peer) {
    if (peer->owned) {
        return false;
    }
    corps__batch_seal(peer);
    return corps__peer_flush(peer) == CORPS_OK;
}

static bool goes_on(struct corps__open_batch *open, bool late, bool full) {
    struct corps__peer *peer = open->peer;
    pthread_mutex_lock(&peer->tx);
    bool on = !open->detached && atomic_load_explicit(&peer->state, memory_order_relaxed) == CORPS__PEER_READY;
    if (on && full) {
        turn_over(open);
        on = send_frame(peer);
    } else if (on && late) {
        (void)send_frame(peer); /* and what comes alone goes alone */
        on = false;
    }
    open->seals_seen = atomic_load_explicit(&open->seals, memory_order_relaxed);
    pthread_mutex_unlock(&peer->tx);
    return on;
}

/* Under tx, since what is reserved after the link's end was made good would be taken up for ever: that comes after the
 * detachment (open_batch.pml, step O3). */
static bool reserve(struct corps__open_batch *open, uint32_t count, size_t bytes) {
    pthread_mutex_lock(&open->peer->tx);
    bool reserved = !open->detached && corps__route_reserve_ahead(open->route, count, bytes);
    pthread_mutex_unlock(&open->peer->tx);
    return reserved;
}

/* Is there room for an entry of that size? Reserves more, if there is plenty. */
static bool has_room(struct corps__open_batch *open, uint32_t bytes) {
    uint32_t step = corps__room_step(open->peer);
    size_t each = CORPS__HEADER_BYTES + bytes;
    if (open->room_count > 0 && open->room_bytes >= each) {
        return true;
    }
    if (step == 0 || !reserve(open, step, step * each)) {
        return false;
    }
    open->room_count += step;
    open->room_bytes += step * each;
    return true;
}

bool corps__open_batch_renew(struct corps__open_batch *open, uint32_t bytes) {
    bool full = open->used + CORPS__ENTRY_BYTES + bytes > CORPS__BATCH_FRAME_BYTES;
    bool sealed = atomic_load_explicit(&open->seals, memory_order_relaxed) != open->seals_seen;
    bool late = (open->left == 0 || sealed) && is_late(open);
    if ((full || sealed || late) && !goes_on(open, late, full)) {
        return false;
    }
    if (!has_room(open, bytes)) {
        return false;
    }
    open->left = open->room_count < CORPS__BATCH_CLOCK_EVERY ? open->room_count : CORPS__BATCH_CLOCK_EVERY;
    return true;
}

void corps__open_batch_end(struct corps__open_batch *open) {
    struct corps__peer *peer = open->peer;
    pthread_mutex_lock(&peer->tx);
    if (!open->detached) {            /* else what was outstanding has gone with the link */
        corps__open_batch_take(peer); /* open_batch.pml, step O4 */
        peer->open = NULL;
        corps__route_give_back(open->route, open->room_count, open->room_bytes);
    }
    corps__post_free(peer, open->post);
    pthread_mutex_unlock(&peer->tx);
    free(open);
}
