#include "pair_messages.h"

#include <unistd.h>

/* Sending over a messaging library: a frame is one message, or pieces, and counts in the link's window until it was
 * taken. */

static enum corps_err put_piece(struct corps__pair *pair, struct corps__head head, const struct corps_parcel *parcel,
                                size_t from, size_t bytes) {
    size_t cost = corps__pair_cost(pair, bytes);
    if (!corps__pair_has_room(pair, cost)) {
        (void)corps__link_set_blocked(&pair->base,
                                      true); /* then look once more: room may have come before anybody watched */
        if (!corps__pair_has_room(pair, cost)) {
            return CORPS_ERR_FULL;
        }
        (void)corps__link_set_blocked(&pair->base, false);
    }
    atomic_fetch_add(&pair->under_way, cost); /* first: the credit for it may come at once */
    enum corps_err err = corps__pair_library_of(pair)->put(pair, &head, parcel, from, bytes);
    if (err != CORPS_OK) {
        atomic_fetch_sub(&pair->under_way, cost);
    }
    return err;
}

/* Sending may make a library take note of what has arrived, so that its descriptor tells of it no more. */
static void ring_poller(struct corps__pair *pair) {
    struct corps__pairs *pairs = corps__pairs_of(pair);
    atomic_store(&pair->ready, true);
    if (atomic_load(&pairs->armed) && pairs->library->holds(pair)) {
        uint64_t one = 1;
        if (write(pairs->doorbell_fd, &one, sizeof one) < 0) {
            return; /* it is full of rings: the sleeper wakes all the same */
        }
    }
}

static enum corps_err send_pieces(struct corps__pair *pair, const struct corps_parcel *parcel) {
    while (pair->sent < parcel->bytes) {
        size_t left = parcel->bytes - pair->sent;
        size_t part = left < CORPS__PIECE_BYTES ? left : CORPS__PIECE_BYTES;
        struct corps__head head = corps__pair_head(pair, pair->is_partial ? CORPS__PAIR_NEXT : CORPS__PAIR_FIRST,
                                                   pair->is_partial ? 0 : parcel->bytes);
        enum corps_err err = put_piece(pair, head, parcel, pair->sent, part);
        if (err != CORPS_OK) {
            return err == CORPS_ERR_FULL && pair->is_partial ? CORPS_ERR_PARTIAL : err;
        }
        pair->is_partial = true;
        pair->sent += part;
    }
    pair->is_partial = false;
    pair->sent = 0;
    return CORPS_OK;
}

enum corps_err corps__pairs_send(struct corps_link *base, const struct corps_parcel *parcel, unsigned flags) {
    (void)flags; /* the library's own thread gathers what waits */
    struct corps__pair *pair = (struct corps__pair *)base;
    enum corps_err err = corps__link_check(&pair->base);
    if (err != CORPS_OK) {
        return err;
    }
    if (parcel->segment_count == 0) {
        return CORPS_OK;
    }
    err = parcel->bytes <= CORPS__PIECE_BYTES
              ? put_piece(pair, corps__pair_head(pair, CORPS__PAIR_WHOLE, parcel->bytes), parcel, 0, parcel->bytes)
              : send_pieces(pair, parcel);
    ring_poller(pair);
    return err;
}
