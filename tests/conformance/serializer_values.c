#include "serializer_cases.h"

#include <math.h>
#include <pthread.h>

/* A value, or what a serializer of bytes must say instead. */
static void try_value(const struct corps_value *value) {
    if (!has(CORPS_SERIALIZER_BYTES_ONLY) || corps_value_open(value)->kind == CORPS_BIN) {
        round_trip(value);
        return;
    }
    struct corps_encoding encoding;
    corps_encoding_init(&encoding);
    assert_int_equal(serializer->encode(value, &encoding), CORPS_ERR_REFUSED);
    assert_non_null(strstr(corps_error_detail(), corps_kind_name(corps_value_open(value)->kind)));
    corps_encoding_finish(&encoding);
}

void test_kinds(void **state) {
    (void)state;
    struct corps_value items[] = {corps_int(1), corps_str("two"), corps_nil()};
    struct corps_entry entries[] = {{corps_str("a"), corps_int(1)}, {corps_int(2), corps_array(items, 3)}};
    struct corps_name *name = sample_name();
    struct corps_value values[] = {
        corps_nil(),           corps_bool(true),          corps_bool(false),      corps_int(42),
        corps_float(2.5),      corps_str("text"),         corps_bin("\0\1\2", 3), corps_array(items, 3),
        corps_map(entries, 2), corps_value_of_name(name),
    };
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        try_value(&values[i]);
    }
    struct corps_box *box = corps_box_create();
    struct corps_value all = document(box);
    round_trip(&all);
    corps_box_unref(box);
    corps_name_unref(name);
}

void test_edges(void **state) {
    (void)state;
    struct corps_value empties[] = {corps_str(""),        corps_bin("", 0),
                                    corps_bin(NULL, 0),   corps_str_bytes(NULL, 0),
                                    corps_array(NULL, 0), corps_map(NULL, 0)};
    for (size_t i = 0; i < sizeof empties / sizeof empties[0]; i++) {
        try_value(&empties[i]);
    }
    /* Where the forms of MessagePack and of pickle change. */
    static const size_t counts[] = {1, 15, 16, 17, 31, 32, 33, 255, 256, 257, 65535, 65536, 65537};
    char *text = malloc(65537);
    struct corps_entry *entries = calloc(65537, sizeof *entries);
    assert_true(text != NULL && entries != NULL);
    memset(text, 'x', 65537);
    for (size_t i = 0; i < 65537; i++) {
        entries[i] = (struct corps_entry){corps_int((int64_t)i), corps_bool(i % 3 == 0)};
    }
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        struct corps_value str = corps_str_bytes(text, counts[i]);
        struct corps_value bin = corps_bin(text, counts[i]);
        struct corps_value array = corps_array(&entries[0].key, counts[i]);
        struct corps_value map = corps_map(entries, counts[i]);
        try_value(&str);
        try_value(&bin);
        try_value(&array);
        try_value(&map);
    }
    free(entries);
    free(text);
}

void test_numbers(void **state) {
    (void)state;
    static const int64_t edges[] = {0,
                                    1,
                                    -1,
                                    127,
                                    128,
                                    -32,
                                    -33,
                                    -128,
                                    -129,
                                    255,
                                    256,
                                    32767,
                                    32768,
                                    -32768,
                                    -32769,
                                    65535,
                                    65536,
                                    INT32_MAX,
                                    INT32_MIN,
                                    UINT32_MAX,
                                    INT64_MAX - 1,
                                    INT64_MAX,
                                    INT64_MIN,
                                    INT64_MIN + 1,
                                    (int64_t)INT32_MAX + 1,
                                    (int64_t)INT32_MIN - 1};
    for (size_t i = 0; i < sizeof edges / sizeof edges[0]; i++) {
        struct corps_value value = corps_int(edges[i]);
        try_value(&value);
    }
    const double numbers[] = {0.0,      -0.0,      1.0,        -1.5, 0.1, 5e-324, 1.7976931348623157e308,
                              INFINITY, -INFINITY, (double)NAN};
    struct wire wire;
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        struct corps_value value = corps_float(numbers[i]);
        try_value(&value);
        if (has(CORPS_SERIALIZER_BYTES_ONLY)) {
            continue;
        }
        struct corps_box *box;
        wire_of(serializer, &value, &wire);
        CHECK_OK(wire_decode(serializer, &wire, CORPS_DECODE_VALUES, &box));
        assert_int_equal(corps_box_root(box)->kind, CORPS_FLOAT);
        assert_int_equal(signbit(corps_box_root(box)->number), signbit(numbers[i])); /* equality does not see it */
        corps_box_unref(box);
        wire_finish(&wire);
    }
}

void test_text(void **state) {
    (void)state;
    struct corps_value texts[] = {corps_str_bytes("a\0b\0", 4), corps_str("\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"),
                                  corps_str_bytes("\0", 1), corps_str("line\nline\ttab \x7f")};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        try_value(&texts[i]);
    }
}

void test_sizes(void **state) {
    (void)state;
    static const size_t sizes[] = {CORPS_OUT_OF_BAND_BYTES - 1, CORPS_OUT_OF_BAND_BYTES, CORPS_OUT_OF_BAND_BYTES + 1,
                                   (size_t)1 << 20, (size_t)16 << 20};
    uint8_t *bytes = malloc((size_t)16 << 20);
    assert_non_null(bytes);
    for (size_t i = 0; i < (size_t)16 << 20; i++) {
        bytes[i] = (uint8_t)(i * 31 + (i >> 9));
    }
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct corps_value bin = corps_bin(bytes, sizes[i]);
        struct corps_value items[] = {corps_bin(bytes + 1, sizes[i] - 1), corps_int(7), corps_bin(bytes, sizes[i])};
        struct corps_value array = corps_array(items, 3);
        try_value(&bin);
        try_value(&array);
    }
    free(bytes);
}

void test_many(void **state) {
    (void)state;
    enum { COUNT = 100000 };
    struct corps_value *items = calloc(COUNT, sizeof *items);
    assert_non_null(items);
    uint64_t seed = 1;
    for (size_t i = 0; i < COUNT; i++) {
        items[i] = corps_int((int64_t)(next_random(&seed) >> (i % 64)));
    }
    struct corps_value array = corps_array(items, COUNT);
    try_value(&array);
    free(items);
}

/* More large buffers than a message has segments for: the rest must go into the stream. */
void test_many_buffers(void **state) {
    (void)state;
    enum { COUNT = 1200 };
    static uint8_t bytes[CORPS_OUT_OF_BAND_BYTES + COUNT];
    struct corps_value *items = calloc(COUNT, sizeof *items);
    assert_non_null(items);
    for (size_t i = 0; i < COUNT; i++) {
        bytes[i] = (uint8_t)i;
        items[i] = corps_bin(bytes + i, CORPS_OUT_OF_BAND_BYTES);
    }
    struct corps_value array = corps_array(items, COUNT);
    try_value(&array);
    free(items);
}

void test_depth(void **state) {
    (void)state;
    struct corps_box *box = corps_box_create();
    struct corps_value deepest = nested(box, CORPS_VALUE_DEPTH_MAX, corps_int(1));
    try_value(&deepest);
    if (!has(CORPS_SERIALIZER_BYTES_ONLY)) {
        struct corps_encoding encoding;
        corps_encoding_init(&encoding);
        struct corps_value deeper = nested(box, CORPS_VALUE_DEPTH_MAX + 1, corps_int(1));
        assert_int_equal(serializer->encode(&deeper, &encoding), CORPS_ERR_TOO_LARGE);
        assert_string_not_equal(corps_error_detail(), "");
        corps_encoding_finish(&encoding);
    }
    corps_box_unref(box);
}

void test_boxes(void **state) {
    (void)state;
    struct corps_value text = corps_bin("inner", 5);
    struct corps_box *inner;
    CHECK_OK(corps_box_of(&text, &inner));
    struct corps_value boxed = corps_value_of_box(inner);
    struct corps_box *outer;
    CHECK_OK(corps_box_of(&boxed, &outer));
    struct corps_value twice = corps_value_of_box(outer);
    struct corps_value items[] = {boxed, twice};
    struct corps_value array = corps_array(items, 2);
    try_value(&boxed);
    try_value(&twice);
    try_value(&array);
    corps_box_unref(outer);
    corps_box_unref(inner);
}

/* Large bytes are neither copied on the way out nor, with a block, on the way in. */
void test_out_of_band(void **state) {
    (void)state;
    static uint8_t bytes[1 << 20];
    struct corps_value bin = corps_bin(bytes, sizeof bytes);
    struct corps_encoding encoding;
    corps_encoding_init(&encoding);
    CHECK_OK(serializer->encode(&bin, &encoding));
    assert_int_equal(encoding.buffer_count, 1);
    assert_ptr_equal(encoding.buffers[0].iov_base, bytes);
    assert_int_equal(encoding.buffers[0].iov_len, sizeof bytes);
    assert_true(encoding.stream_bytes < 256);
    corps_encoding_finish(&encoding);

    struct wire wire;
    static struct iovec segments[WIRE_SEGMENTS_MAX];
    wire_of(serializer, &bin, &wire);
    struct corps_block *block = wire_block(&wire, segments);
    wire_finish(&wire);
    struct corps_box *box = corps_box_create();
    CHECK_OK(serializer->decode(segments, 2, block, CORPS_DECODE_VALUES, box));
    assert_ptr_equal(corps_box_root(box)->bin, segments[1].iov_base);
    corps_block_unref(block);
    corps_box_unref(box);
}

/* An encoding may be used again after clear, also after an error. */
void test_encoding_again(void **state) {
    (void)state;
    static uint8_t bytes[3 * CORPS_OUT_OF_BAND_BYTES];
    struct corps_encoding encoding;
    corps_encoding_init(&encoding);
    struct corps_value small = corps_bin(bytes, 16);
    struct corps_value large = corps_bin(bytes, sizeof bytes);
    CHECK_OK(serializer->encode(&small, &encoding));
    assert_ptr_equal(encoding.stream, encoding.small); /* small messages allocate nothing for their bytes */
    size_t first_bytes = encoding.stream_bytes;
    for (int i = 0; i < 3; i++) {
        corps_encoding_clear(&encoding);
        CHECK_OK(serializer->encode(&large, &encoding));
        assert_int_equal(encoding.buffer_count, 1);
        corps_encoding_clear(&encoding);
        assert_int_equal(encoding.buffer_count, 0);
        struct corps_value unknown = {.kind = (enum corps_kind)99};
        assert_int_equal(serializer->encode(&unknown, &encoding), CORPS_ERR_REFUSED);
        corps_encoding_clear(&encoding);
        CHECK_OK(serializer->encode(&small, &encoding));
        assert_int_equal(encoding.stream_bytes, first_bytes);
    }
    corps_encoding_finish(&encoding);
}

/* ---- what is refused ---- */

static void count_nothing(struct corps_object *object) {
    (void)object;
}

static enum corps_err no_value(struct corps_object *object, struct corps_box *box, struct corps_value *value) {
    (void)object;
    (void)box;
    (void)value;
    return corps_error_set(CORPS_ERR_REFUSED, "[2].x: Lock");
}

static const struct corps_object_ops foreign_ops = {
    .kind = "foreign", .retain = count_nothing, .release = count_nothing, .to_value = no_value};

static void refused_with(const struct corps_value *value, const char *path) {
    struct corps_encoding encoding;
    corps_encoding_init(&encoding);
    assert_int_equal(serializer->encode(value, &encoding), CORPS_ERR_REFUSED);
    if (strstr(corps_error_detail(), path) == NULL) {
        fail_msg("'%s' does not name the path %s", corps_error_detail(), path);
    }
    corps_encoding_finish(&encoding);
}

/* An object of an unknown language inside a tree: the error names the way to it. */
void test_refused(void **state) {
    (void)state;
    struct corps_object foreign = {.ops = &foreign_ops};
    struct corps_value inner[] = {corps_int(0), corps_value_of_object(&foreign)};
    struct corps_entry entries[] = {{corps_str("a"), corps_int(1)}, {corps_str("b"), corps_array(inner, 2)}};
    struct corps_value items[] = {corps_map(entries, 2)};
    struct corps_value array = corps_array(items, 1);
    refused_with(&inner[1], "");
    refused_with(&array, has(CORPS_SERIALIZER_BYTES_ONLY) ? "array" : "[0][\"b\"][1]");
    if (has(CORPS_SERIALIZER_OBJECTS)) {
        struct corps_value text = corps_str("\xff\xfe");
        struct corps_value texts[] = {corps_str("fine"), text};
        array = corps_array(texts, 2);
        refused_with(&array, "[1]"); /* no UTF-8 */
        struct corps_entry twins[] = {{corps_int(1), corps_nil()}, {corps_bool(true), corps_nil()}};
        struct corps_value map = corps_map(twins, 2);
        refused_with(&map, "[key of entry 1]"); /* Python holds 1 and True to be the same key */
    }
}

/* ---- threads ---- */

static void *encode_and_decode(void *arg) {
    uint64_t seed = (uint64_t)(uintptr_t)arg;
    for (int i = 0; i < 300; i++) {
        size_t count = 1 + next_random(&seed) % 9000;
        uint8_t *bytes = malloc(count);
        if (bytes == NULL) {
            return arg;
        }
        memset(bytes, (int)(seed & 0xff), count);
        struct corps_value items[] = {corps_bin(bytes, count), corps_int((int64_t)seed), corps_str("text")};
        struct corps_value value = has(CORPS_SERIALIZER_BYTES_ONLY) ? items[0] : corps_array(items, 3);
        struct corps_encoding encoding;
        corps_encoding_init(&encoding);
        bool same = serializer->encode(&value, &encoding) == CORPS_OK;
        struct iovec segments[3] = {{.iov_base = encoding.stream, .iov_len = encoding.stream_bytes}};
        for (size_t s = 0; s < encoding.buffer_count; s++) {
            segments[s + 1] = encoding.buffers[s];
        }
        struct corps_box *box = corps_box_create();
        same =
            same && serializer->decode(segments, 1 + encoding.buffer_count, NULL, CORPS_DECODE_VALUES, box) == CORPS_OK;
        corps_encoding_finish(&encoding);
        same = same && corps_value_equal(&value, corps_box_root(box));
        corps_box_unref(box);
        free(bytes);
        if (!same) {
            return arg;
        }
    }
    return NULL;
}

void test_threads(void **state) {
    (void)state;
    pthread_t threads[4];
    for (uintptr_t i = 0; i < 4; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, encode_and_decode, (void *)(i + 1)), 0);
    }
    for (int i = 0; i < 4; i++) {
        void *failed;
        assert_int_equal(pthread_join(threads[i], &failed), 0);
        assert_null(failed);
    }
}
