#include "link/open_batch.h"

#include "base/clock.h"
#include "link/layout.h"

#include <corps/serializer.h>

#include <stdlib.h>

/* ---- the frame, under tx ---- */

static struct corps__post *empty_frame(struct corps__peer *peer) {
    struct corps__post *post = peer->spare_frame;
    peer->spare_frame = NULL;
    post = post != NULL ? post : malloc(sizeof *post + CORPS__BATCH_FRAME_BYTES);
    if (post != NULL) {
        *post = (struct corps__post){.bytes = CORPS__HEADER_BYTES, .is_frame = true};
    }
    return post;
}

enum corps_err corps__batch_frame(struct corps__peer *peer) {
    if (peer->batch_frame == NULL) {
        peer->batch_frame = empty_frame(peer);
        peer->batch_entry_count = 0;
    }
    return peer->batch_frame != NULL ? CORPS_OK : corps_error_set(CORPS_ERR_NO_MEMORY, "no memory for a request");
}

static void seal_frame(struct corps__peer *peer) {
    const struct corps__header header = {
        .kind = CORPS__BATCH, .segment_count = 1, .id = peer->batch_entry_count, .source_env = corps__own_env()};
    (void)corps__wire_write(&header, NULL, NULL, peer->batch_frame->data);
    corps__post_keep(peer, peer->batch_frame, false);
    peer->batch_frame = NULL;
}

void corps__batch_seal(struct corps__peer *peer) {
    corps__open_batch_take(peer);
    if (peer->batch_frame != NULL) {
        seal_frame(peer);
        if (peer->open != NULL) {
            atomic_fetch_add_explicit(&peer->open->seals, 1, memory_order_relaxed);
        }
    }
}

/* ---- open batches: number of entries and end of their bytes ---- */

static uint64_t extent(uint32_t count, uint32_t bytes) {
    return (uint64_t)count << 32 | bytes;
}

static uint32_t extent_bytes(uint64_t extent) {
    return (uint32_t)extent;
}

static uint32_t extent_count(uint64_t extent) {
    return (uint32_t)(extent >> 32);
}

void corps__open_batch_take(struct corps__peer *peer) {
    struct corps__open_batch *open = peer->open;
    if (open == NULL) {
        return;
    }
    /* Acquire: pairs with the store in corps__open_batch_add. */
    uint64_t committed = atomic_load_explicit(&open->committed, memory_order_acquire);
    uint32_t from = extent_bytes(open->taken), bytes = extent_bytes(committed) - from;
    if (bytes == 0) {
        return;
    }
    if (peer->batch_frame != NULL && peer->batch_frame->bytes + bytes > CORPS__BATCH_FRAME_BYTES) {
        seal_frame(peer);
    }
    if (corps__batch_frame(peer) != CORPS_OK) { /* they were taken from who sent them, and cannot go */
        corps__peer_break(peer, CORPS_ERR_NO_MEMORY, corps_error_detail());
        return;
    }
    memcpy(peer->batch_frame->data + peer->batch_frame->bytes, open->post->data + from, bytes);
    peer->batch_frame->bytes += bytes;
    peer->batch_entry_count += extent_count(committed) - extent_count(open->taken);
    open->taken = committed;
}

void corps__open_batch_detach(struct corps__peer *peer) {
    if (peer->open != NULL) {
        peer->open->detached = true;
        atomic_fetch_add_explicit(&peer->open->seals, 1, memory_order_relaxed);
        peer->open = NULL;
    }
}

/* ---- the owner ---- */

static void empty(struct corps__open_batch *open) {
    open->used = CORPS__HEADER_BYTES;
    open->count = 0;
    open->taken = extent(0, CORPS__HEADER_BYTES);
    atomic_store_explicit(&open->committed, open->taken, memory_order_relaxed);
}

/* Under tx: all of it is in the frame, and the memory is empty. */
static void turn_over(struct corps__open_batch *open) {
    struct corps__peer *peer = open->peer;
    bool whole = peer->batch_frame == NULL && extent_count(open->taken) == 0;
    struct corps__post *other = whole ? empty_frame(peer) : NULL;
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
    return peer->corps == corps__own() && peer->batch_frame != NULL && peer->open == NULL &&
           atomic_load(&peer->state) == CORPS__PEER_READY && corps__is_named(peer, method);
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
    open->post = may_be_open(peer, method) ? empty_frame(peer) : NULL;
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

/* Is there room for an entry of that size? Reserves more, if there is plenty. */
static bool has_room(struct corps__open_batch *open, uint32_t bytes) {
    uint32_t step = corps__route_room_step(open->route);
    size_t each = CORPS__HEADER_BYTES + bytes;
    if (open->room_count > 0 && open->room_bytes >= each) {
        return true;
    }
    if (step == 0 || !corps__route_reserve_ahead(open->route, step, step * each)) {
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
    if (!open->detached) { /* else what was outstanding has gone with the link */
        corps__open_batch_take(peer);
        peer->open = NULL;
        corps__route_give_back(open->route, open->room_count, open->room_bytes);
    }
    corps__post_free(peer, open->post);
    pthread_mutex_unlock(&peer->tx);
    free(open);
}
