/* The decoder of msgpack, Names included: what it takes comes back the same after another encoding. The first byte of
 * the input says how many segments follow the stream (0 to 3) and whether values may point into it; then a byte for the
 * length of each. */
#include "fuzz.h"
#include "msgpack_decode.h"
#include "msgpack_scan.h"

#include <corps/serializer.h>

enum { SEGMENTS_MAX = 4 };
extern const struct corps_serializer corps_serializer_msgpack;

static struct corps_box *decode(const struct iovec *segments, size_t count, struct corps_block *block) {
    struct corps_box *box = corps_box_create();
    must(box != NULL);
    if (corps_serializer_msgpack.decode(segments, count, block, CORPS_DECODE_VALUES, box) == CORPS_OK) {
        return box;
    }
    must(corps_error_detail()[0] != '\0'); /* it says why */
    corps_box_unref(box);
    return NULL;
}

static void encode_and_decode(const struct corps_value *value) {
    struct corps_encoding encoding;
    struct iovec segments[1 + SEGMENTS_MAX];
    corps_encoding_init(&encoding);
    must(corps_serializer_msgpack.encode(value, &encoding) == CORPS_OK);
    must(encoding.buffer_count <= SEGMENTS_MAX);
    segments[0] = (struct iovec){.iov_base = encoding.stream, .iov_len = encoding.stream_bytes};
    for (size_t i = 0; i < encoding.buffer_count; i++) {
        segments[1 + i] = encoding.buffers[i];
    }
    struct corps_box *again = decode(segments, 1 + encoding.buffer_count, NULL);
    must(again != NULL && corps_value_equal(value, corps_box_root(again)));
    must(corps_value_hash(value) == corps_value_hash(corps_box_root(again)));
    corps_box_unref(again);
    corps_encoding_finish(&encoding);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes) {
    struct script script = {.at = data, .left = bytes};
    uint8_t first = script_byte(&script);
    size_t count = 1 + first % SEGMENTS_MAX;
    struct iovec segments[SEGMENTS_MAX];
    const uint8_t *part;
    for (size_t i = 1; i < count; i++) {
        segments[i].iov_len = script_bytes(&script, script_byte(&script), &part);
        segments[i].iov_base = (void *)(uintptr_t)part;
    }
    segments[0] = (struct iovec){.iov_base = (void *)(uintptr_t)script.at, .iov_len = script.left};
    struct corps_block block; /* on the stack: nothing outlives this function */
    corps_block_init(&block, (uint8_t *)(uintptr_t)data, bytes, NULL);
    struct corps_box *box = decode(segments, count, (first & 0x80) != 0 ? &block : NULL);
    if (box != NULL) {
        must(corps__msgpack_scan(script.at, script.left, CORPS_VALUE_DEPTH_MAX) == CORPS_OK);
        encode_and_decode(corps_box_root(box));
        corps_box_unref(box);
    }
    return 0;
}
