/* A frame's header, method name and table of segments. The first byte of the input says how much of its end lies
 * elsewhere (corps_frame_tail), in units of 8 bytes; the second, from 240 on, how many zeros follow, in units of 512,
 * so that segments can be large enough to be aligned. Frames have this program's version where they have 0. */
#include "codec/wire.h"
#include "fuzz.h"

/* The segments follow each other, with no more between them than what aligns them, and are all that follows the prefix.
 */
static void check_places(const uint8_t *frame, size_t bytes, const struct corps_block *tail,
                         const struct corps__header *header, const struct iovec *segments, size_t prefix) {
    size_t at = prefix;
    bool begun = false; /* the tail */
    for (unsigned i = 0; i < header->segment_count; i++) {
        at += corps__wire_padding(at, segments[i].iov_len);
        const uint8_t *there = segments[i].iov_base;
        bool in_tail = tail != NULL && there >= tail->data && there <= tail->data + tail->bytes;
        must(there == (in_tail ? tail->data + (at - bytes) : frame + at));
        must(!in_tail || begun || (at == bytes && (i > 0 || header->segment_count == 1)));
        begun = begun || in_tail;
        at += segments[i].iov_len;
    }
    must(begun == (tail != NULL) && at == bytes + (tail != NULL ? tail->bytes : 0));
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
    if (bytes < 2) {
        return 0;
    }
    size_t rest = bytes - 2, zeros = data[1] < 240 ? 0 : 512u * (data[1] - 239u), all = rest + zeros;
    size_t tail_bytes = 8u * data[0] < all ? 8u * data[0] : all;
    uint8_t *whole = calloc(1, all + 1);
    memcpy(whole, data + 2, rest);
    uint8_t *frame = malloc(all - tail_bytes); /* exactly: the sanitizer sees what is read past it */
    memcpy(frame, whole, all - tail_bytes);
    struct corps_block tail;
    corps_block_init(&tail, whole + all - tail_bytes, tail_bytes, NULL);
    if (all - tail_bytes > 2 && frame[2] == 0) {
        frame[2] = CORPS__WIRE_VERSION;
    }
    read_frame(frame, all - tail_bytes, tail_bytes > 0 ? &tail : NULL);
    free(frame);
    free(whole);
    return 0;
}
