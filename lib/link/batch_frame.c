#include "link/batch_frame.h"

#include <stdlib.h>
#include <string.h>

struct corps__post *corps__batch_memory(struct corps__peer *peer) {
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
        peer->batch_frame = corps__batch_memory(peer);
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

void corps__batch_seal_all(struct corps__peer *peer) {
    corps__open_batch_take(peer); /* open_batch.pml, step F1 */
    if (peer->batch_frame != NULL) {
        seal_frame(peer);
        if (peer->open != NULL) { /* relaxed: a hint; what depends on it is looked at under tx */
            atomic_fetch_add_explicit(&peer->open->seals, 1, memory_order_relaxed);
        }
    }
}

void corps__open_batch_take(struct corps__peer *peer) {
    struct corps__open_batch *open = peer->open;
    if (open == NULL) {
        return;
    }
    /* Acquire: pairs with the store in corps__open_batch_add; what it covers is then copied behind what is in the
     * frame, and counts as taken (open_batch.pml, steps T1, T2 and T3). */
    uint64_t committed = atomic_load_explicit(&open->committed, memory_order_acquire);
    uint32_t from = corps__extent_bytes(open->taken), bytes = corps__extent_bytes(committed) - from;
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
    peer->batch_entry_count += corps__extent_count(committed) - corps__extent_count(open->taken);
    open->taken = committed;
}

void corps__open_batch_detach(struct corps__peer *peer) {
    if (peer->open != NULL) {
        peer->open->detached = true; /* open_batch.pml, step D1 */
        atomic_fetch_add_explicit(&peer->open->seals, 1, memory_order_relaxed);
        peer->open = NULL;
    }
}
