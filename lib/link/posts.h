/* Frames that wait beside a peer's link until there is room: what the leader has to say, sealed batches, and replies,
 * so that no Worker waits for one who does not read. Everything here is under the peer's tx.
 *
 * Bound: with more than `mailbox_bytes` kept, as many as one Worker here may hold of its requests, a peer is *behind*.
 * Then its requests are not run until it has read half of that (defer.h); so what is kept exceeds the bound by the
 * replies under way at most. How many there are is bounded anyway: a kept reply is not settled with its grant, so it
 * takes up the credit that its request had. */
#ifndef CORPS_POSTS_H
#define CORPS_POSTS_H

#include "link/peer.h"

struct corps__post {
    struct corps__post *next;
    struct corps__grant *grant; /* settled when the frame goes; NULL: nothing */
    uint32_t charge_count;
    size_t charge_bytes;
    size_t bytes;
    bool is_frame; /* of CORPS__BATCH_FRAME_BYTES: its memory is used again */
    uint8_t data[];
};

/* A copy of the parcel, not listed. NULL when out of memory. */
struct corps__post *corps__post_copy(const struct corps_parcel *parcel);

/* Lists it as the last one; or as the first, because a part of it is under way. Takes it. */
void corps__post_keep(struct corps__peer *peer, struct corps__post *post, bool first);

/* Not owned: sends what was kept, while there is room. FULL, or PARTIAL: the same post, in the same memory, is tried
 * next time. Errors: as the transport's send. */
enum corps_err corps__posts_flush(struct corps__peer *peer) CORPS_CHECKED;

/* The memory of a post that has gone. */
void corps__post_free(struct corps__peer *peer, struct corps__post *post);

/* The link is gone. */
void corps__posts_drop(struct corps__peer *peer);

#endif
