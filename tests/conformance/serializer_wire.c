#include "codec/wire.h"
#include "serializer_cases.h"

static struct iovec copy_of(const void *data, size_t bytes) {
    void *memory = malloc(bytes);
    assert_true(memory != NULL || bytes == 0);
    if (bytes > 0) {
        memcpy(memory, data, bytes);
    }
    return (struct iovec){.iov_base = memory, .iov_len = bytes};
}

void wire_of(const struct corps_serializer *with, const struct corps_value *value, struct wire *wire) {
    struct corps_encoding encoding;
    corps_encoding_init(&encoding);
    enum corps_err err = with->encode(value, &encoding);
    if (err != CORPS_OK) {
        corps_encoding_finish(&encoding);
        fail_msg("encode: %s (%s)", corps_error_name(err), corps_error_detail());
    }
    assert_true(encoding.buffer_count < WIRE_SEGMENTS_MAX);
    wire->count = 1 + encoding.buffer_count;
    wire->segments[0] = copy_of(encoding.stream, encoding.stream_bytes);
    for (size_t i = 0; i < encoding.buffer_count; i++) {
        wire->segments[i + 1] = copy_of(encoding.buffers[i].iov_base, encoding.buffers[i].iov_len);
    }
    corps_encoding_finish(&encoding);
}

void wire_finish(struct wire *wire) {
    for (size_t i = 0; i < wire->count; i++) {
        free(wire->segments[i].iov_base);
    }
    wire->count = 0;
}

struct corps_block *wire_block(const struct wire *wire, struct iovec segments[WIRE_SEGMENTS_MAX]) {
    size_t bytes = 0;
    for (size_t i = 0; i < wire->count; i++) {
        bytes += corps__wire_padding(bytes, wire->segments[i].iov_len) + wire->segments[i].iov_len;
    }
    struct corps_block *block = corps_block_create(bytes);
    assert_non_null(block);
    size_t at = 0;
    for (size_t i = 0; i < wire->count; i++) {
        at += corps__wire_padding(at, wire->segments[i].iov_len); /* as the core lays them out */
        segments[i] = (struct iovec){.iov_base = block->data + at, .iov_len = wire->segments[i].iov_len};
        if (segments[i].iov_len > 0) {
            memcpy(segments[i].iov_base, wire->segments[i].iov_base, segments[i].iov_len);
        }
        at += segments[i].iov_len;
    }
    return block;
}

enum corps_err wire_decode(const struct corps_serializer *with, const struct wire *wire, enum corps_decode_to to,
                           struct corps_box **box) {
    *box = corps_box_create();
    assert_non_null(*box);
    return with->decode(wire->segments, wire->count, NULL, to, *box);
}

void round_trip(const struct corps_value *value) {
    static _Thread_local struct wire wire;
    static _Thread_local struct iovec segments[WIRE_SEGMENTS_MAX];
    wire_of(serializer, value, &wire);

    struct corps_block *block = wire_block(&wire, segments);
    struct corps_box *box = corps_box_create();
    assert_non_null(box);
    CHECK_OK(serializer->decode(segments, wire.count, block, CORPS_DECODE_VALUES, box));
    corps_block_unref(block); /* the box must keep what it points into */
    assert_true(corps_value_equal(value, corps_box_root(box)));
    assert_int_equal(corps_value_hash(value), corps_value_hash(corps_box_root(box)));
    corps_box_unref(box);

    CHECK_OK(wire_decode(serializer, &wire, CORPS_DECODE_VALUES, &box));
    wire_finish(&wire); /* the box must not point into it */
    assert_true(corps_value_equal(value, corps_box_root(box)));
    corps_box_unref(box);
}

struct corps_name *sample_name(void) {
    static const uint8_t bytes[] = "\1\2\3\4\5\6\7\10\2\0\0\0\7\0\0\0Searcher";
    struct corps_name *name;
    CHECK_OK(corps_name_decode(bytes, sizeof bytes - 1, &name));
    return name;
}

struct corps_value document(struct corps_box *box) {
    static uint8_t large[5000];
    static const uint8_t small[] = {0, 1, 2, 254, 255};
    memset(large, 0x5a, sizeof large);
    if (has(CORPS_SERIALIZER_BYTES_ONLY)) {
        return corps_bin(large, 1000);
    }
    struct corps_name *name = sample_name();
    CHECK_OK(corps_box_keep_name(box, name));
    struct corps_value *items = corps_box_alloc(box, 40 * sizeof *items);
    assert_non_null(items);
    for (size_t i = 0; i < 40; i++) {
        items[i] = i % 4 == 0   ? corps_int((int64_t)i * 1000003)
                   : i % 4 == 1 ? corps_float((double)i / 3)
                   : i % 4 == 2 ? corps_str("text in a list")
                                : corps_bool(i % 8 == 3);
    }
    struct corps_entry entries[] = {
        {corps_str("items"), corps_array(items, 40)},
        {corps_str("name"), corps_value_of_name(name)},
        {corps_str("small"), corps_bin(small, sizeof small)},
        {corps_str("large"), corps_bin(large, sizeof large)},
        {corps_int(-7), corps_nil()},
        {corps_str("deep"), nested(box, 12, corps_str("core"))},
        {corps_str(""), corps_map(NULL, 0)},
        {corps_float(0.5), corps_array(NULL, 0)},
    };
    struct corps_value map = corps_map(entries, sizeof entries / sizeof entries[0]);
    struct corps_value copy;
    CHECK_OK(corps_box_copy(box, &map, &copy));
    return copy;
}

struct corps_value nested(struct corps_box *box, unsigned depth, struct corps_value core) {
    for (unsigned i = 0; i < depth; i++) {
        struct corps_value *item = corps_box_alloc(box, sizeof *item);
        assert_non_null(item);
        *item = core;
        core = corps_array(item, 1);
    }
    return core;
}

uint64_t next_random(uint64_t *state) {
    uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}
