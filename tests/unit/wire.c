/* The wire header: what is written is read back, byte by byte as documented, and nothing false is believed. */
#include "wire.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct corps__header example = {.kind = CORPS__REQUEST,
                                             .flags = CORPS__NO_REPLY,
                                             .serializer = 7,
                                             .segment_count = 2,
                                             .id = 0x1122334455667788,
                                             .source_env = 3,
                                             .source_conc = 4,
                                             .destination = 5,
                                             .method = 6,
                                             .deadline_ns = 0x0102030405060708,
                                             .trace = 9,
                                             .name_bytes = 4};

/* A frame of `example` with two segments "abc" and "defgh". Returns its length. */
static size_t make(uint8_t *frame) {
    const struct iovec segments[2] = {{(void *)(uintptr_t) "abc", 3}, {(void *)(uintptr_t) "defgh", 5}};
    size_t at = corps__wire_write(&example, "echo", segments, frame);
    memcpy(frame + at, "abcdefgh", 8);
    return at + 8;
}

static void test_layout(void **state) {
    (void)state;
    uint8_t frame[CORPS__PREFIX_BYTES_MAX + 8];
    static const uint8_t expected[] = {'C',
                                       'R',
                                       3,
                                       CORPS__REQUEST,
                                       CORPS__NO_REPLY,
                                       7,
                                       2,
                                       0,
                                       0x88,
                                       0x77,
                                       0x66,
                                       0x55,
                                       0x44,
                                       0x33,
                                       0x22,
                                       0x11,
                                       3,
                                       0,
                                       0,
                                       0,
                                       4,
                                       0,
                                       0,
                                       0,
                                       5,
                                       0,
                                       0,
                                       0,
                                       6,
                                       0,
                                       0,
                                       0,
                                       8,
                                       7,
                                       6,
                                       5,
                                       4,
                                       3,
                                       2,
                                       1,
                                       9,
                                       0,
                                       0,
                                       0,
                                       4,
                                       0,
                                       0,
                                       0,
                                       'e',
                                       'c',
                                       'h',
                                       'o',
                                       3,
                                       0,
                                       0,
                                       0,
                                       0,
                                       0,
                                       0,
                                       0,
                                       5,
                                       0,
                                       0,
                                       0,
                                       0,
                                       0,
                                       0,
                                       0,
                                       'a',
                                       'b',
                                       'c',
                                       'd',
                                       'e',
                                       'f',
                                       'g',
                                       'h'};
    assert_int_equal(make(frame), sizeof expected);
    assert_memory_equal(frame, expected, sizeof expected);
}

static void test_round_trip(void **state) {
    (void)state;
    uint8_t frame[CORPS__PREFIX_BYTES_MAX + 8];
    size_t bytes = make(frame);
    struct corps__header header;
    const char *name;
    struct iovec segments[2];
    assert_int_equal(corps__wire_read(frame, bytes, &header, &name), CORPS_OK);
    assert_memory_equal(&header.id, &example.id, sizeof header.id);
    assert_int_equal(header.deadline_ns, example.deadline_ns);
    assert_memory_equal(name, "echo", 4);
    assert_int_equal(corps__wire_segments(frame, bytes, NULL, &header, segments), CORPS_OK);
    assert_int_equal(segments[0].iov_len, 3);
    assert_memory_equal(segments[1].iov_base, "defgh", 5);
}

static void test_cut_at_every_length(void **state) {
    (void)state;
    uint8_t frame[CORPS__PREFIX_BYTES_MAX + 8];
    size_t whole = make(frame);
    for (size_t bytes = 0; bytes < whole; bytes++) {
        uint8_t *cut = malloc(bytes + 1); /* exactly as long: a read past its end is seen by the sanitizer */
        memcpy(cut, frame, bytes);
        struct corps__header header;
        const char *name;
        struct iovec segments[2];
        enum corps_err err = corps__wire_read(cut, bytes, &header, &name);
        if (err == CORPS_OK) {
            err = corps__wire_segments(cut, bytes, NULL, &header, segments);
        }
        assert_int_equal(err, CORPS_ERR_PROTOCOL);
        free(cut);
    }
}

/* The last segment may lie elsewhere: the whole of it, and nothing else. */
static void test_tail(void **state) {
    (void)state;
    enum { TAIL = 5 };
    uint8_t frame[CORPS__PREFIX_BYTES_MAX + 8];
    size_t bytes = make(frame) - TAIL;
    uint8_t other[TAIL + 1] = "DEFGH";
    struct corps__header header;
    const char *name;
    struct iovec segments[2];
    struct corps_block tail;
    assert_int_equal(corps__wire_read(frame, bytes, &header, &name), CORPS_OK);
    for (size_t head_bytes = bytes - 4; head_bytes <= bytes + TAIL; head_bytes++) {
        for (size_t tail_bytes = 0; tail_bytes <= TAIL + 1; tail_bytes++) {
            corps_block_init(&tail, other, tail_bytes, NULL);
            enum corps_err expected = head_bytes == bytes && tail_bytes == TAIL ? CORPS_OK : CORPS_ERR_PROTOCOL;
            assert_int_equal(corps__wire_segments(frame, head_bytes, &tail, &header, segments), expected);
        }
    }
    corps_block_init(&tail, other, TAIL, NULL);
    assert_int_equal(corps__wire_segments(frame, bytes, &tail, &header, segments), CORPS_OK);
    assert_memory_equal(segments[0].iov_base, "abc", 3);
    assert_ptr_equal(segments[1].iov_base, other);
    assert_int_equal(segments[1].iov_len, TAIL);
    header.segment_count = 0;
    assert_int_equal(corps__wire_segments(frame, bytes, &tail, &header, segments), CORPS_ERR_PROTOCOL);
}

static void test_surplus_and_versions(void **state) {
    (void)state;
    uint8_t frame[CORPS__PREFIX_BYTES_MAX + 16];
    size_t bytes = make(frame);
    struct corps__header header;
    const char *name;
    struct iovec segments[2];
    assert_int_equal(corps__wire_read(frame, bytes + 1, &header, &name), CORPS_OK);
    assert_int_equal(corps__wire_segments(frame, bytes + 1, NULL, &header, segments), CORPS_ERR_PROTOCOL);
    frame[2] = 9;
    assert_int_equal(corps__wire_read(frame, bytes, &header, &name), CORPS_ERR_VERSION);
    assert_non_null(strstr(corps_error_detail(), "version 9"));
    frame[2] = CORPS__WIRE_VERSION;
    frame[0] = 'X';
    assert_int_equal(corps__wire_read(frame, bytes, &header, &name), CORPS_ERR_PROTOCOL);
}

/* An entry of a batch: as documented, and never believed beyond the bytes that are there. */
static void test_entries(void **state) {
    (void)state;
    static const uint8_t expected[CORPS__ENTRY_BYTES] = {3, 0, 0, 0, 5, 0, 0, 0, 6, 0, 0, 0, CORPS__NO_REPLY,
                                                         7, 0, 0, 8, 7, 6, 5, 4, 3, 2, 1};
    uint8_t entry[CORPS__ENTRY_BYTES + 3];
    corps__wire_write_entry(&example, 3, entry);
    assert_memory_equal(entry, expected, sizeof expected);
    struct corps__header header;
    uint32_t bytes = 0;
    assert_int_equal(corps__wire_read_entry(entry, sizeof entry, &header, &bytes), CORPS_OK);
    assert_int_equal(bytes, 3);
    assert_int_equal(header.destination, example.destination);
    assert_int_equal(header.method, example.method);
    assert_int_equal(header.serializer, example.serializer);
    assert_true(header.deadline_ns == example.deadline_ns);
    for (size_t cut = 0; cut < sizeof entry; cut++) {
        assert_int_equal(corps__wire_read_entry(entry, cut, &header, &bytes), CORPS_ERR_PROTOCOL);
    }
    entry[12] = 0; /* it would ask for a reply */
    assert_int_equal(corps__wire_read_entry(entry, sizeof entry, &header, &bytes), CORPS_ERR_PROTOCOL);
}

/* Any 4 bytes replaced by anything: read or refused, never out of bounds. */
static void test_damage(void **state) {
    (void)state;
    uint64_t random = 88172645463325252u;
    for (int round = 0; round < 200000; round++) {
        uint8_t frame[CORPS__PREFIX_BYTES_MAX + 8];
        size_t bytes = make(frame);
        random ^= random << 13, random ^= random >> 7, random ^= random << 17; /* xorshift64, Marsaglia 2003 */
        uint32_t value = (uint32_t)random;
        memcpy(frame + (random >> 32) % (bytes - 4), &value, sizeof value);
        struct corps__header header;
        const char *name;
        struct iovec segments[CORPS__PAYLOAD_SEGMENTS_MAX];
        if (corps__wire_read(frame, bytes, &header, &name) == CORPS_OK &&
            corps__wire_segments(frame, bytes, NULL, &header, segments) == CORPS_OK) {
            for (unsigned i = 0; i < header.segment_count; i++) {
                uint8_t *start = segments[i].iov_base;
                assert_true(start >= frame && start + segments[i].iov_len <= frame + bytes);
            }
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_layout),
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_cut_at_every_length),
        cmocka_unit_test(test_tail),
        cmocka_unit_test(test_surplus_and_versions),
        cmocka_unit_test(test_entries),
        cmocka_unit_test(test_damage),
    };
    return cmocka_run_group_tests_name("wire", tests, NULL, NULL);
}
