/* What goes between the two ends of a link over a messaging library (pairs.h), for the files pairs*.c: heads of
 * messages, and what each counts for in its link's window. */
#ifndef CORPS_PAIR_MESSAGES_H
#define CORPS_PAIR_MESSAGES_H

#include "pairs.h"

#include <endian.h>

/* The head says what a message is, and the length of the frame that it is or begins, or the credit that it grants.
 * Little-endian on the wire. */
enum corps__pair_message {
    CORPS__PAIR_WHOLE = 1,
    CORPS__PAIR_FIRST,
    CORPS__PAIR_NEXT,
    CORPS__PAIR_HELLO,
    CORPS__PAIR_CREDIT,
    CORPS__PAIR_BYE
};
#define CORPS__PAIR_LENGTH_BITS 56u

enum { CORPS__PAIR_CREDIT_BYTES = 256 * 1024 }; /* granted at a time */

static inline struct corps__pairs *corps__pairs_of(const struct corps__pair *pair) {
    return (struct corps__pairs *)pair->base.base.endpoint;
}

static inline const struct corps__pair_library *corps__pair_library_of(const struct corps__pair *pair) {
    return corps__pairs_of(pair)->library;
}

static inline struct corps__head corps__pair_head(const struct corps__pair *pair, enum corps__pair_message kind,
                                                  size_t bytes) {
    return (struct corps__head){.tag = pair->tag, .what = htole64((uint64_t)kind << CORPS__PAIR_LENGTH_BITS | bytes)};
}

/* What a message of this many bytes counts for. */
static inline size_t corps__pair_cost(const struct corps__pair *pair, size_t bytes) {
    return bytes + corps__pair_library_of(pair)->message_bytes;
}

static inline bool corps__pair_has_room(struct corps__pair *pair, size_t cost) {
    return atomic_load(&pair->under_way) + cost <= corps__pairs_of(pair)->window_bytes;
}

/* The link has its peer: reports that. Polling thread. */
void corps__pair_start(struct corps__pair *pair);

/* No more will come: reports CLOSED, and is woken by nothing that still does. Polling thread. */
void corps__pair_end(struct corps__pair *pair, enum corps_err reason);

#endif
