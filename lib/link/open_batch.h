/* What the owner of an open batch does with it, see batch_frame.h. */
#ifndef CORPS_OPEN_BATCH_H
#define CORPS_OPEN_BATCH_H

#include "base/copy.h"
#include "link/batch_frame.h"

#include <endian.h>
#include <string.h>

/* For entries to `route`, right after one that is held back. NULL: not now. */
struct corps__open_batch *corps__open_batch_begin(struct corps__route *route, const struct corps__symbol *method,
                                                  const struct corps_serializer *serializer);

/* Makes room for an entry with a payload of `bytes`, and looks at the clock. False: end it, and send as usual. */
bool corps__open_batch_renew(struct corps__open_batch *open, uint32_t bytes);

/* It goes with the peer's frame. Frees it. */
void corps__open_batch_end(struct corps__open_batch *open);

/* Adds an entry (flags: NIL_PAYLOAD or none). False: end it, and send as usual. */
static inline bool corps__open_batch_add(struct corps__open_batch *open, uint8_t flags, const void *data,
                                         uint32_t bytes) {
    uint32_t whole = CORPS__ENTRY_BYTES + bytes;
    if (open->left == 0 || open->used + whole > CORPS__BATCH_FRAME_BYTES ||
        open->room_bytes < CORPS__HEADER_BYTES + bytes ||
        atomic_load_explicit(&open->seals, memory_order_relaxed) != open->seals_seen) {
        if (!corps__open_batch_renew(open, bytes)) {
            return false;
        }
    }
    uint8_t *at = open->post->data + open->used; /* open_batch.pml, step A1 */
    uint32_t length = htole32(bytes);
    memcpy(at, open->head, CORPS__ENTRY_BYTES);
    memcpy(at, &length, sizeof length);
    at[CORPS__ENTRY_FLAGS_AT] |= flags;
    corps__copy_few(at + CORPS__ENTRY_BYTES, data, bytes);
    open->used += whole;
    open->count++;
    open->left--;
    open->room_count--;
    open->room_bytes -= CORPS__HEADER_BYTES + bytes;
    /* Release: the entry is whole. Pairs with the load in corps__open_batch_take (open_batch.pml, step A2). */
    atomic_store_explicit(&open->committed, corps__extent_of(open->count, open->used), memory_order_release);
    return true;
}

#endif
