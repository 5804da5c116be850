#include "link/layout.h"

#include <stdlib.h>
#include <string.h>

void corps__bit_set(uint8_t **bits, size_t *bytes, uint32_t number) {
    size_t byte = number / 8;
    if (byte >= *bytes) {
        uint8_t *grown = realloc(*bits, byte + 32);
        if (grown == NULL) {
            return;
        }
        memset(grown + *bytes, 0, byte + 32 - *bytes);
        *bits = grown;
        *bytes = byte + 32;
    }
    (*bits)[byte] |= (uint8_t)(1u << number % 8);
}

static const uint8_t zeros[CORPS__ALIGNMENT];

/* The first large part from `from` on: after the header and a stream come its buffers, which nobody looks into. 0:
 * there is none. */
static unsigned first_large(const struct corps__layout *layout, unsigned from, unsigned parts) {
    while (from < parts && layout->iov[from].iov_len < CORPS__ALIGNED_FROM) {
        from++;
    }
    return from < parts ? from : 0;
}

/* A small one whose method has been named, as most are. */
static inline void lay_out_small(struct corps__layout *layout, const struct corps__outgoing *out) {
    unsigned parts = 1;
    size_t bytes = CORPS__HEADER_BYTES;
    corps__wire_head(&out->header, out->method != NULL ? out->method->number : out->header.method, 0, layout->head);
    layout->naming = false;
    layout->few[0] = (struct iovec){.iov_base = layout->head, .iov_len = CORPS__HEADER_BYTES};
    if (out->header.segment_count == 1) {
        layout->few[parts++] = out->segments[0];
        bytes += out->segments[0].iov_len;
    }
    layout->parcel = (struct corps_parcel){.segments = layout->few, .segment_count = parts, .bytes = bytes};
}

/* Under tx: whether the method's name must go along depends on what the link has carried. */
void corps__lay_out(struct corps__layout *layout, const struct corps__peer *peer, const struct corps__outgoing *out) {
    unsigned count = out->header.segment_count;
    if ((count == 0 || (count == 1 && out->segments[0].iov_len < CORPS__ALIGNED_FROM)) &&
        (out->method == NULL || corps__is_named(peer, out->method))) {
        lay_out_small(layout, out);
        return;
    }
    struct corps__header header = out->header;
    layout->naming = false;
    if (out->method != NULL) {
        header.method = out->method->number;
        layout->naming = !corps__is_named(peer, out->method);
        header.name_bytes = layout->naming ? out->method->bytes : 0;
    }
    size_t prefix_bytes =
        corps__wire_write(&header, layout->naming ? out->method->name : NULL, out->segments, layout->prefix);
    layout->iov[0] = (struct iovec){.iov_base = layout->prefix, .iov_len = prefix_bytes};
    size_t bytes = prefix_bytes;
    unsigned parts = 1;
    for (unsigned i = 0; i < header.segment_count; i++) {
        size_t padding = corps__wire_padding(bytes, out->segments[i].iov_len);
        if (padding > 0) {
            layout->iov[parts++] = (struct iovec){.iov_base = (void *)(uintptr_t)zeros, .iov_len = padding};
        }
        layout->iov[parts++] = out->segments[i];
        bytes += padding + out->segments[i].iov_len;
    }
    layout->parcel = (struct corps_parcel){.segments = layout->iov, .segment_count = parts, .bytes = bytes};
    if (header.segment_count > 1) {
        bool is_padded = corps__wire_padding(prefix_bytes, out->segments[0].iov_len) > 0;
        layout->parcel.tail_from = first_large(layout, is_padded ? 3 : 2, parts);
    }
}

void corps__name_now(struct corps__peer *peer, const struct corps__symbol *method) {
    if (method->number != CORPS__UNNUMBERED) {
        corps__bit_set(&peer->named, &peer->named_bytes, method->number);
    }
}
