/* A frame's header, method name and table of segments. The first byte of the input says how much of its end lies
 * elsewhere (corps_frame_tail), in units of 8 bytes, and frames have this program's version where they have 0. */
#include "wire.h"
#include "fuzz.h"

/* The segments follow each other without a gap, and are all that follows the prefix. */
static void check_places(const uint8_t *frame, size_t bytes, const struct corps_block *tail,
                         const struct corps__header *header, const struct iovec *segments, size_t prefix) {
    const uint8_t *at = frame + prefix;
    for (unsigned i = 0; i < header->segment_count; i++) {
        const uint8_t *data = segments[i].iov_base;
        if (tail != NULL && i + 1u == header->segment_count) {
            must(data == tail->data && segments[i].iov_len == tail->bytes);
            return;
        }
        must(data >= at && data + segments[i].iov_len <= frame + bytes);
        at = data + segments[i].iov_len;
    }
    must(tail == NULL && at == frame + bytes);
}

static void read_frame(const uint8_t *frame, size_t bytes, const struct corps_block *tail) {
    struct corps__header header;
    const char *name;
    static struct iovec segments[CORPS__PAYLOAD_SEGMENTS_MAX];
    static uint8_t again[CORPS__PREFIX_BYTES_MAX];
    if (corps__wire_read(frame, bytes, &header, &name) != CORPS_OK ||
        corps__wire_segments(frame, bytes, tail, &header, segments) != CORPS_OK) {
        return;
    }
    size_t prefix = corps__wire_write(&header, name, segments, again);
    must(prefix <= bytes && memcmp(frame, again, prefix) == 0);
    check_places(frame, bytes, tail, &header, segments, prefix);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes) {
    if (bytes < 1) {
        return 0;
    }
    size_t rest = bytes - 1, tail_bytes = 8u * data[0];
    tail_bytes = tail_bytes < rest ? tail_bytes : rest;
    size_t head_bytes = rest - tail_bytes;
    uint8_t *frame = malloc(head_bytes); /* exactly: the sanitizer sees what is read past it */
    struct corps_block tail;
    memcpy(frame, data + 1, head_bytes);
    corps_block_init(&tail, (uint8_t *)(uintptr_t)(data + 1 + head_bytes), tail_bytes, NULL);
    if (head_bytes > 2 && frame[2] == 0) {
        frame[2] = CORPS__WIRE_VERSION;
    }
    read_frame(frame, head_bytes, tail_bytes > 0 ? &tail : NULL);
    free(frame);
    return 0;
}
