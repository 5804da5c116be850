/* Laying a frame out for the transport: header, name, segments, and zeros before those that must lie aligned; and what
 * a link has carried, which decides what must go along. Everything under the peer's tx. */
#ifndef CORPS_LAYOUT_H
#define CORPS_LAYOUT_H

#include "link/peer.h"

enum { CORPS__FRAME_PARTS_MAX = 2 * CORPS__PAYLOAD_SEGMENTS_MAX + 1 }; /* the header, segments, zeros before each */

/* A frame, laid out for the transport. */
struct corps__layout {
    struct corps_parcel parcel;
    bool naming;
    /* A small frame's parts lie beside these: what is large is far apart on the stack, and mostly not touched. */
    struct iovec few[2];
    uint8_t head[CORPS__HEADER_BYTES];
    struct iovec iov[CORPS__FRAME_PARTS_MAX];
    uint8_t prefix[CORPS__PREFIX_BYTES_MAX];
};

/* `out` for this peer: refers to its segments and method. */
void corps__lay_out(struct corps__layout *layout, const struct corps__peer *peer, const struct corps__outgoing *out);

/* Bits by number. Out of memory, a bit stays clear: then the thing is sent again next time. */
static inline bool corps__bit_is_set(const uint8_t *bits, size_t bytes, uint32_t number) {
    return number / 8 < bytes && (bits[number / 8] & 1u << number % 8) != 0;
}
void corps__bit_set(uint8_t **bits, size_t *bytes, uint32_t number);

/* Does the peer know the method by its number? It does once a frame that names it was taken. */
static inline bool corps__is_named(const struct corps__peer *peer, const struct corps__symbol *method) {
    return corps__bit_is_set(peer->named, peer->named_bytes, method->number);
}
void corps__name_now(struct corps__peer *peer, const struct corps__symbol *method);
static inline void corps__mark_named(struct corps__peer *peer, const struct corps__outgoing *out) {
    if (out->method != NULL && !corps__is_named(peer, out->method)) {
        corps__name_now(peer, out->method);
    }
}

#endif
