#include "codec/wire.h"

#include <endian.h>
#include <stdbool.h>
#include <string.h>

static void put16(uint8_t *at, uint16_t v) {
    v = htole16(v);
    memcpy(at, &v, sizeof v);
}
static void put32(uint8_t *at, uint32_t v) {
    v = htole32(v);
    memcpy(at, &v, sizeof v);
}
static uint16_t get16(const uint8_t *at) {
    uint16_t v;
    memcpy(&v, at, sizeof v);
    return le16toh(v);
}
static uint32_t get32(const uint8_t *at) {
    uint32_t v;
    memcpy(&v, at, sizeof v);
    return le32toh(v);
}
static uint64_t get64(const uint8_t *at) {
    uint64_t v;
    memcpy(&v, at, sizeof v);
    return le64toh(v);
}

size_t corps__wire_write(const struct corps__header *h, const char *name, const struct iovec *segments, uint8_t *out) {
    corps__wire_head(h, h->method, h->name_bytes, out);
    size_t at = CORPS__HEADER_BYTES;
    if (h->name_bytes > 0) {
        memcpy(out + at, name, h->name_bytes);
        at += h->name_bytes;
    }
    for (unsigned i = 0; h->segment_count > 1 && i < h->segment_count; i++, at += 8) {
        corps__wire_put64(out + at, segments[i].iov_len);
    }
    return at;
}

static __attribute__((cold, noinline)) enum corps_err refuse_head(const uint8_t *frame, size_t bytes) {
    if (bytes < CORPS__HEADER_BYTES || frame[0] != 'C' || frame[1] != 'R') {
        return corps_error_set(CORPS_ERR_PROTOCOL, "a frame of %zu bytes is no Corps message", bytes);
    }
    return corps_error_set(CORPS_ERR_VERSION, "the peer speaks wire version %u, this program version %u", frame[2],
                           CORPS__WIRE_VERSION);
}

enum corps_err corps__wire_read(const uint8_t *frame, size_t bytes, struct corps__header *h, const char **name) {
    uint32_t begins = bytes >= CORPS__HEADER_BYTES ? get32(frame) : 0;
    if ((begins & 0xffffff) != ('C' | 'R' << 8 | CORPS__WIRE_VERSION << 16)) {
        return refuse_head(frame, bytes);
    }
    *h = (struct corps__header){
        .kind = (uint8_t)(begins >> 24),
        .flags = frame[4],
        .serializer = frame[5],
        .segment_count = get16(frame + 6),
        .id = get64(frame + 8),
        .source_env = get32(frame + 16),
        .source_conc = get32(frame + 20),
        .destination = get32(frame + 24),
        .method = get32(frame + 28),
        .deadline_ns = get64(frame + 32),
        .trace = get32(frame + 40),
        .name_bytes = get32(frame + 44),
    };
    size_t table = h->segment_count > 1 ? 8u * (size_t)h->segment_count : 0;
    if (h->kind < CORPS__HELLO || h->kind > CORPS__CLOCK || h->name_bytes > CORPS__METHOD_BYTES_MAX ||
        h->segment_count > CORPS__PAYLOAD_SEGMENTS_MAX || CORPS__HEADER_BYTES + h->name_bytes + table > bytes) {
        return corps_error_set(CORPS_ERR_PROTOCOL, "a message of kind %u announces more than its %zu bytes hold",
                               h->kind, bytes);
    }
    *name = (const char *)frame + CORPS__HEADER_BYTES;
    return CORPS_OK;
}

void corps__wire_write_entry(const struct corps__header *h, uint32_t payload_bytes, uint8_t *out) {
    put32(out, payload_bytes);
    put32(out + 4, h->destination);
    put32(out + 8, h->method);
    out[12] = h->flags;
    out[13] = h->serializer;
    put16(out + 14, 0);
    corps__wire_put64(out + 16, h->deadline_ns);
}

enum corps_err corps__wire_read_entry(const uint8_t *at, size_t bytes, struct corps__header *h,
                                      uint32_t *payload_bytes) {
    if (bytes < CORPS__ENTRY_BYTES) {
        return corps_error_set(CORPS_ERR_PROTOCOL, "a batch ends within an entry");
    }
    uint8_t head[CORPS__ENTRY_BYTES]; /* the frame may lie in memory that the peer can still write */
    memcpy(head, at, sizeof head);
    *payload_bytes = get32(head);
    *h = (struct corps__header){
        .kind = CORPS__REQUEST,
        .flags = head[12],
        .serializer = head[13],
        .segment_count = 1,
        .destination = get32(head + 4),
        .method = get32(head + 8),
        .deadline_ns = get64(head + 16),
    };
    if (*payload_bytes > bytes - CORPS__ENTRY_BYTES) {
        return corps_error_set(CORPS_ERR_PROTOCOL, "an entry of a batch announces %u bytes, but only %zu follow",
                               *payload_bytes, bytes - CORPS__ENTRY_BYTES);
    }
    if ((h->flags & CORPS__NO_REPLY) == 0) {
        return corps_error_set(CORPS_ERR_PROTOCOL, "an entry of a batch asks for a reply");
    }
    return CORPS_OK;
}

/* The length of a frame's only segment, of which `left` bytes and its padding are left; SIZE_MAX: it can have none. */
static uint64_t only_length(size_t at, size_t left) {
    size_t padding = corps__wire_padding(at, CORPS__ALIGNED_FROM);
    return left < CORPS__ALIGNED_FROM ? left : left - padding >= CORPS__ALIGNED_FROM ? left - padding : UINT64_MAX;
}

size_t corps__wire_charge(const uint8_t *frame, size_t bytes, const struct corps__header *h) {
    size_t table = CORPS__HEADER_BYTES + h->name_bytes;
    size_t at = table + (h->segment_count > 1 ? 8u * (size_t)h->segment_count : 0);
    size_t payload = bytes - at, zeros = 0;
    for (unsigned i = 0; payload >= CORPS__ALIGNED_FROM && i < h->segment_count && at < bytes; i++) {
        uint64_t length = h->segment_count > 1 ? get64(frame + table + 8u * (size_t)i) : only_length(at, bytes - at);
        length = length < bytes ? length : bytes;
        size_t padding = corps__wire_padding(at, (size_t)length);
        zeros += padding;
        at += padding + (size_t)length;
    }
    return CORPS__HEADER_BYTES + payload - (zeros < payload ? zeros : payload);
}

/* Compiled twice: what has no tail, as small frames, pays for none. */
static inline __attribute__((always_inline)) enum corps_err find_segments(const uint8_t *frame, size_t bytes,
                                                                          const struct corps_block *tail,
                                                                          const struct corps__header *h,
                                                                          struct iovec *segments) {
    size_t table = CORPS__HEADER_BYTES + h->name_bytes;
    size_t at = table + (h->segment_count > 1 ? 8u * (size_t)h->segment_count : 0);
    size_t all = bytes + (tail != NULL ? tail->bytes : 0);
    bool tail_begun = tail == NULL;
    for (unsigned i = 0; i < h->segment_count; i++) {
        uint64_t length = h->segment_count > 1 ? get64(frame + table + 8u * (size_t)i) : only_length(at, all - at);
        size_t padding = corps__wire_padding(at, length < SIZE_MAX ? (size_t)length : SIZE_MAX);
        at += padding < all - at ? padding : all - at;
        size_t left = all - at;
        bool fits = length <= left, in_tail = false;
        if (tail != NULL && fits) {
            bool is_last = i + 1u == h->segment_count;
            in_tail = at + (size_t)length > bytes || (is_last && at == bytes);
            bool may_begin = at == bytes && (i > 0 || is_last); /* a stream lies before its buffers */
            fits = !in_tail || tail_begun || may_begin;
            left = fits ? left : at < bytes ? bytes - at : 0;
            tail_begun = tail_begun || in_tail;
        }
        if (!fits) {
            return corps_error_set(CORPS_ERR_PROTOCOL, "segment %u announces %llu bytes, but only %zu follow", i,
                                   (unsigned long long)length, left);
        }
        const uint8_t *place = in_tail ? tail->data + (at - bytes) : frame + at;
        segments[i] = (struct iovec){.iov_base = (void *)(uintptr_t)place, .iov_len = (size_t)length};
        at += (size_t)length;
    }
    if (at != all || !tail_begun) {
        return corps_error_set(CORPS_ERR_PROTOCOL, "%zu bytes follow the last segment of a message", all - at);
    }
    return CORPS_OK;
}

__attribute__((noinline)) static enum corps_err find_with_tail(const uint8_t *frame, size_t bytes,
                                                               const struct corps_block *tail,
                                                               const struct corps__header *h, struct iovec *segments) {
    return find_segments(frame, bytes, tail, h, segments);
}

enum corps_err corps__wire_segments(const uint8_t *frame, size_t bytes, const struct corps_block *tail,
                                    const struct corps__header *h, struct iovec *segments) {
    return tail != NULL ? find_with_tail(frame, bytes, tail, h, segments)
                        : find_segments(frame, bytes, NULL, h, segments);
}
