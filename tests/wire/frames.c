#include "codec/wire.h"
#include "golden.h"

#include <stdlib.h>
#include <string.h>

enum { SEGMENTS = 4 };

/* A frame: segment i has lengths[i] bytes, those from SEGMENTS on none. */
struct frame_case {
    const char *name;
    struct corps__header header;
    const char *method;
    size_t lengths[SEGMENTS];
};

/* Numbers whose bytes are all different, so that every wrong order shows. */
#define DISTINCT                                                                                                       \
    .id = 0x0102030405060708, .source_env = 0x11121314, .source_conc = 0x21222324, .destination = 0x31323334,          \
    .method = 0x41424344, .deadline_ns = 0x5152535455565758, .trace = 0x61626364
#define LARGEST                                                                                                        \
    .id = UINT64_MAX, .source_env = UINT32_MAX, .source_conc = UINT32_MAX, .destination = UINT32_MAX,                  \
    .method = UINT32_MAX, .deadline_ns = UINT64_MAX, .trace = UINT32_MAX
#define SIXTEEN "0123456789abcdef"
#define LONGEST                                                                                                        \
    SIXTEEN SIXTEEN SIXTEEN SIXTEEN SIXTEEN SIXTEEN SIXTEEN SIXTEEN SIXTEEN SIXTEEN SIXTEEN SIXTEEN SIXTEEN SIXTEEN    \
        SIXTEEN "0123456789abcde"

static const struct frame_case frames[] = {
    {"hello", {.kind = CORPS__HELLO, .serializer = 1, .segment_count = 1}, NULL, {18}},
    {"request", {.kind = CORPS__REQUEST, .serializer = 1, .segment_count = 1, DISTINCT}, NULL, {5}},
    {"request-no-reply", {.kind = CORPS__REQUEST, .flags = CORPS__NO_REPLY, .segment_count = 1, DISTINCT}, NULL, {5}},
    {"request-nil", {.kind = CORPS__REQUEST, .flags = CORPS__NIL_PAYLOAD, DISTINCT}, NULL, {0}},
    {"request-no-reply-nil", {.kind = CORPS__REQUEST, .flags = CORPS__NO_REPLY | CORPS__NIL_PAYLOAD}, NULL, {0}},
    {"request-retry", {.kind = CORPS__REQUEST, .flags = CORPS__RETRY, .segment_count = 1, DISTINCT}, NULL, {5}},
    {"request-every-flag", {.kind = CORPS__REQUEST, .flags = 0xff, .serializer = 0xff, DISTINCT}, NULL, {0}},
    {"request-named", {.kind = CORPS__REQUEST, .segment_count = 1, .name_bytes = 3, DISTINCT}, "add", {5}},
    {"request-longest-name",
     {.kind = CORPS__REQUEST, .segment_count = 1, .name_bytes = CORPS__METHOD_BYTES_MAX, DISTINCT},
     LONGEST,
     {5}},
    {"request-segments", {.kind = CORPS__REQUEST, .segment_count = 4, DISTINCT}, NULL, {7, 0, 258, 0x010203}},
    {"request-named-segments",
     {.kind = CORPS__REQUEST, .segment_count = 3, .name_bytes = 5, DISTINCT},
     "store",
     {1, 258, 65536}},
    {"request-259-segments", {.kind = CORPS__REQUEST, .segment_count = 259, DISTINCT}, NULL, {1, 2}},
    {"request-most-segments",
     {.kind = CORPS__REQUEST, .segment_count = CORPS__PAYLOAD_SEGMENTS_MAX, LARGEST},
     NULL,
     {9}},
    {"request-smallest-numbers", {.kind = CORPS__REQUEST, .segment_count = 1}, NULL, {1}},
    {"request-largest-numbers",
     {.kind = CORPS__REQUEST, .flags = 0xff, .serializer = 0xff, .segment_count = 2, .name_bytes = 1, LARGEST},
     "x",
     {3, 4}},
    {"reply", {.kind = CORPS__REPLY, .serializer = 1, .segment_count = 1, DISTINCT}, NULL, {5}},
    {"reply-nil", {.kind = CORPS__REPLY, .flags = CORPS__NIL_PAYLOAD, DISTINCT}, NULL, {0}},
    {"reply-segments", {.kind = CORPS__REPLY, .serializer = 2, .segment_count = 2, DISTINCT}, NULL, {8, 4096}},
    {"reply-one-large", {.kind = CORPS__REPLY, .segment_count = 1, DISTINCT}, NULL, {4096}},
    {"reply-one-largest-unaligned", {.kind = CORPS__REPLY, .segment_count = 1, DISTINCT}, NULL, {4095}},
    {"reply-several-large", {.kind = CORPS__REPLY, .segment_count = 4, DISTINCT}, NULL, {4097, 4096, 4095, 8192}},
    {"failure", {.kind = CORPS__FAILURE, .serializer = 1, .segment_count = 1, DISTINCT}, NULL, {40}},
    {"credit", {.kind = CORPS__CREDIT, DISTINCT}, NULL, {0}},
    {"credit-largest", {.kind = CORPS__CREDIT, LARGEST}, NULL, {0}},
    {"probe", {.kind = CORPS__PROBE, .serializer = 1, .segment_count = 1, DISTINCT}, NULL, {30}},
    {"cancel", {.kind = CORPS__CANCEL, .flags = CORPS__NIL_PAYLOAD, DISTINCT}, NULL, {0}},
    {"clock-question",
     {.kind = CORPS__CLOCK, .flags = CORPS__NIL_PAYLOAD, .id = 0x0102030405060708, .source_env = 0x11121314},
     NULL,
     {0}},
    {"clock-answer", {.kind = CORPS__CLOCK, .flags = CORPS__NIL_PAYLOAD, DISTINCT}, NULL, {0}},
    {"define", {.kind = CORPS__DEFINE, .segment_count = 2, .source_env = 0x11121314}, NULL, {16, 300}},
};

static size_t length_of(const struct frame_case *of, unsigned segment) {
    return segment < SEGMENTS ? of->lengths[segment] : 0;
}

static uint8_t fill_of(unsigned segment) {
    return (uint8_t)(0xa0 + segment);
}

static size_t frames_count(void) {
    return sizeof frames / sizeof frames[0];
}

static const char *frame_name(size_t index) {
    return frames[index].name;
}

static void frame_write(size_t index, struct segments *out) {
    const struct frame_case *of = &frames[index];
    struct iovec segments[CORPS__PAYLOAD_SEGMENTS_MAX] = {0};
    size_t payload = 0;
    for (unsigned i = 0; i < of->header.segment_count; i++) {
        segments[i] = (struct iovec){.iov_len = length_of(of, i)};
        payload += CORPS__ALIGNMENT + segments[i].iov_len;
    }
    uint8_t *frame = calloc(1, CORPS__PREFIX_BYTES_MAX + payload);
    if (frame == NULL) {
        die("no memory for a frame");
    }
    size_t bytes = corps__wire_write(&of->header, of->method, segments, frame);
    for (unsigned i = 0; i < of->header.segment_count; i++) {
        bytes += corps__wire_padding(bytes, segments[i].iov_len);
        memset(frame + bytes, fill_of(i), segments[i].iov_len);
        bytes += segments[i].iov_len;
    }
    segments_add(out, frame, bytes);
    free(frame);
}

static bool same_header(const struct corps__header *a, const struct corps__header *b) {
    return a->kind == b->kind && a->flags == b->flags && a->serializer == b->serializer &&
           a->segment_count == b->segment_count && a->id == b->id && a->source_env == b->source_env &&
           a->source_conc == b->source_conc && a->destination == b->destination && a->method == b->method &&
           a->deadline_ns == b->deadline_ns && a->trace == b->trace && a->name_bytes == b->name_bytes;
}

static bool same_segments(const struct frame_case *of, const struct iovec *segments) {
    for (unsigned i = 0; i < of->header.segment_count; i++) {
        const uint8_t *data = segments[i].iov_base;
        if (segments[i].iov_len != length_of(of, i)) {
            return differs(of->name, "segment %u has %zu bytes, read as %zu", i, length_of(of, i), segments[i].iov_len);
        }
        for (size_t at = 0; at < segments[i].iov_len; at++) {
            if (data[at] != fill_of(i)) {
                return differs(of->name, "byte %zu of segment %u is read as %02x", at, i, data[at]);
            }
        }
    }
    return true;
}

static bool frame_read(size_t index, const struct segments *in) {
    const struct frame_case *of = &frames[index];
    struct corps__header header;
    const char *name;
    struct iovec segments[CORPS__PAYLOAD_SEGMENTS_MAX];
    if (in->count != 1) {
        return differs(of->name, "%zu segments, not one frame", in->count);
    }
    const uint8_t *frame = in->parts[0].iov_base;
    enum corps_err err = corps__wire_read(frame, in->parts[0].iov_len, &header, &name);
    if (err != CORPS_OK) {
        return differs(of->name, "%s", corps_error_detail());
    }
    if (!same_header(&header, &of->header)) {
        return differs(of->name, "the header is read as another");
    }
    if (header.name_bytes > 0 && memcmp(name, of->method, header.name_bytes) != 0) {
        return differs(of->name, "the name is read as %.*s", (int)header.name_bytes, name);
    }
    err = corps__wire_segments(frame, in->parts[0].iov_len, NULL, &header, segments);
    return err == CORPS_OK ? same_segments(of, segments) : differs(of->name, "%s", corps_error_detail());
}

const struct family golden_frames = {frames_count, frame_name, frame_write, frame_read};

/* ---- batches: one frame with every entry ---- */

static const struct {
    struct corps__header header;
    uint32_t payload_bytes;
} entries[] = {
    {{.flags = CORPS__NO_REPLY, .serializer = 1, .destination = 0x31323334, .method = 0x41424344}, 5},
    {{.flags = CORPS__NO_REPLY | CORPS__NIL_PAYLOAD, .deadline_ns = 0x5152535455565758}, 0},
    {{.flags = 0xff, .serializer = 0xff, .destination = UINT32_MAX, .method = UINT32_MAX, .deadline_ns = UINT64_MAX},
     0x010203},
    {{.flags = CORPS__NO_REPLY}, 258},
};
enum { ENTRIES = sizeof entries / sizeof entries[0] };

static size_t batches_count(void) {
    return 1;
}

static const char *batch_name(size_t index) {
    (void)index;
    return "batch";
}

static void batch_write(size_t index, struct segments *out) {
    (void)index;
    struct corps__header header = {
        .kind = CORPS__BATCH, .segment_count = 1, .id = ENTRIES, .source_env = 0x11121314, .source_conc = 0x21222324};
    size_t payload = 0;
    for (size_t i = 0; i < ENTRIES; i++) {
        payload += CORPS__ENTRY_BYTES + entries[i].payload_bytes;
    }
    struct iovec segment = {.iov_len = payload};
    uint8_t *frame = malloc(CORPS__PREFIX_BYTES_MAX + payload);
    if (frame == NULL) {
        die("no memory for a batch");
    }
    size_t at = corps__wire_write(&header, NULL, &segment, frame);
    for (unsigned i = 0; i < ENTRIES; i++) {
        corps__wire_write_entry(&entries[i].header, entries[i].payload_bytes, frame + at);
        memset(frame + at + CORPS__ENTRY_BYTES, fill_of(i), entries[i].payload_bytes);
        at += CORPS__ENTRY_BYTES + entries[i].payload_bytes;
    }
    segments_add(out, frame, at);
    free(frame);
}

static bool batch_read(size_t index, const struct segments *in) {
    const char *batch = batch_name(index);
    struct corps__header header;
    const char *name;
    if (in->count != 1 || corps__wire_read(in->parts[0].iov_base, in->parts[0].iov_len, &header, &name) != CORPS_OK ||
        header.kind != CORPS__BATCH || header.id != ENTRIES || header.segment_count != 1) {
        return differs(batch, "is not read as a batch of %d entries", (int)ENTRIES);
    }
    const uint8_t *at = (const uint8_t *)in->parts[0].iov_base + CORPS__HEADER_BYTES;
    size_t left = in->parts[0].iov_len - CORPS__HEADER_BYTES;
    for (unsigned i = 0; i < ENTRIES; i++) {
        const struct corps__header *of = &entries[i].header;
        uint32_t bytes;
        if (corps__wire_read_entry(at, left, &header, &bytes) != CORPS_OK) {
            return differs(batch, "entry %u: %s", i, corps_error_detail());
        }
        if (bytes != entries[i].payload_bytes || header.destination != of->destination || header.method != of->method ||
            header.flags != of->flags || header.serializer != of->serializer || header.deadline_ns != of->deadline_ns) {
            return differs(batch, "entry %u is read as another", i);
        }
        at += CORPS__ENTRY_BYTES + bytes;
        left -= CORPS__ENTRY_BYTES + bytes;
    }
    return left == 0 || differs(batch, "%zu bytes follow the last entry", left);
}

const struct family golden_batches = {batches_count, batch_name, batch_write, batch_read};
