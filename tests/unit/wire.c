/* The wire header: what is written is read back, byte by byte as documented, and nothing false is believed. */
#include "codec/wire.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
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
                                       4,
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

enum { LARGE = CORPS__ALIGNED_FROM };

/* A frame with these segments, as they are sent, in aligned memory; its length. */
static size_t lay_out(const size_t *lengths, unsigned count, uint32_t name_bytes, uint8_t **frame) {
    struct iovec segments[4];
    struct corps__header header = example;
    header.segment_count = (uint16_t)count;
    header.name_bytes = name_bytes;
    size_t bytes = CORPS__PREFIX_BYTES_MAX;
    for (unsigned i = 0; i < count; i++) {
        segments[i] = (struct iovec){.iov_len = lengths[i]};
        bytes += lengths[i] + CORPS__ALIGNMENT;
    }
    *frame = aligned_alloc(CORPS__ALIGNMENT, (bytes + CORPS__ALIGNMENT - 1) / CORPS__ALIGNMENT * CORPS__ALIGNMENT);
    assert_non_null(*frame);
    memset(*frame, 0, bytes);
    size_t at = corps__wire_write(&header, "echoechoecho", segments, *frame);
    for (unsigned i = 0; i < count; i++) {
        at += corps__wire_padding(at, lengths[i]);
        memset(*frame + at, (int)i + 1, lengths[i]);
        at += lengths[i];
    }
    return at;
}

/* All segments from one on may lie elsewhere, after the padding of that one, but not the first of several; and nothing
 * that begins within one. */
static void check_tails(const uint8_t *frame, size_t bytes, const size_t *lengths, unsigned count) {
    struct corps__header header;
    const char *name;
    struct iovec segments[4], there[4];
    struct corps_block tail;
    assert_int_equal(corps__wire_read(frame, bytes, &header, &name), CORPS_OK);
    assert_int_equal(corps__wire_segments(frame, bytes, NULL, &header, there), CORPS_OK);
    for (unsigned from = 0; from < count; from++) {
        if (from + 1 < count && lengths[from] == 0) {
            continue; /* it lies before and after the border */
        }
        size_t head = (size_t)((const uint8_t *)there[from].iov_base - frame);
        uint8_t *elsewhere = malloc(bytes - head + 1);
        assert_non_null(elsewhere);
        memcpy(elsewhere, frame + head, bytes - head);
        corps_block_init(&tail, elsewhere, bytes - head, NULL);
        bool may = from > 0 || count == 1;
        assert_int_equal(corps__wire_segments(frame, head, &tail, &header, segments),
                         may ? CORPS_OK : CORPS_ERR_PROTOCOL);
        for (unsigned i = 0; may && i < count; i++) {
            const uint8_t *at = there[i].iov_base;
            assert_ptr_equal(segments[i].iov_base, i < from ? at : elsewhere + (at - frame - head));
            assert_int_equal(segments[i].iov_len, lengths[i]);
        }
        assert_int_equal(corps__wire_segments(frame, head - 1, &tail, &header, segments), CORPS_ERR_PROTOCOL);
        corps_block_init(&tail, elsewhere, bytes - head - (lengths[from] > 1), NULL);
        assert_true(lengths[from] < 2 ||
                    corps__wire_segments(frame, head + 1, &tail, &header, segments) == CORPS_ERR_PROTOCOL);
        free(elsewhere);
    }
}

static void check_aligned(const size_t *lengths, unsigned count, uint32_t name_bytes) {
    uint8_t *frame;
    size_t bytes = lay_out(lengths, count, name_bytes, &frame);
    struct corps__header header;
    const char *name;
    struct iovec segments[4];
    size_t payload = 0;
    assert_int_equal(corps__wire_read(frame, bytes, &header, &name), CORPS_OK);
    assert_int_equal(corps__wire_segments(frame, bytes, NULL, &header, segments), CORPS_OK);
    for (unsigned i = 0; i < count; i++) {
        const uint8_t *data = segments[i].iov_base;
        assert_int_equal(segments[i].iov_len, lengths[i]);
        assert_true(lengths[i] < LARGE || (uintptr_t)data % CORPS__ALIGNMENT == 0);
        assert_true(lengths[i] == 0 || (data[0] == i + 1 && data[lengths[i] - 1] == i + 1));
        payload += lengths[i];
    }
    /* What the sender has counted, whatever came with it. */
    assert_int_equal(corps__wire_charge(frame, bytes, &header), CORPS__HEADER_BYTES + payload);
    /* Small frames are what they always were. */
    bool large = lengths[0] >= LARGE || (count > 1 && (lengths[1] >= LARGE || lengths[count - 1] >= LARGE));
    assert_true(large || bytes == CORPS__HEADER_BYTES + name_bytes + (count > 1 ? 8 * count : 0) + payload);
    check_tails(frame, bytes, lengths, count);
    free(frame);
}

static void test_large_segments_are_aligned(void **state) {
    (void)state;
    static const size_t lengths[] = {0, 1, 16, 63, 64, 100, LARGE - 1, LARGE, LARGE + 1, 2 * LARGE + 63};
    enum { LENGTHS = sizeof lengths / sizeof lengths[0] };
    for (uint32_t name_bytes = 0; name_bytes < 12; name_bytes += 5) {
        for (unsigned a = 0; a < LENGTHS; a++) {
            check_aligned(&lengths[a], 1, name_bytes);
            for (unsigned b = 0; b < LENGTHS; b++) {
                check_aligned((const size_t[]){lengths[a], lengths[b]}, 2, name_bytes);
                check_aligned((const size_t[]){lengths[a], lengths[b], lengths[a]}, 3, name_bytes);
            }
        }
    }
}

/* A frame with one segment says nothing of its length: lengths that no segment and its padding have are refused. */
static void test_only_segment_of_impossible_length(void **state) {
    (void)state;
    struct corps__header header = {.kind = CORPS__REPLY, .segment_count = 1};
    struct iovec segment = {0};
    static uint8_t frame[CORPS__HEADER_BYTES + LARGE + 2 * CORPS__ALIGNMENT];
    (void)corps__wire_write(&header, NULL, &segment, frame);
    const size_t padding = CORPS__ALIGNMENT - CORPS__HEADER_BYTES % CORPS__ALIGNMENT;
    for (size_t left = LARGE - 2; left < LARGE + 2 * CORPS__ALIGNMENT; left++) {
        enum corps_err expected = left >= LARGE && left < LARGE + padding ? CORPS_ERR_PROTOCOL : CORPS_OK;
        assert_int_equal(corps__wire_segments(frame, CORPS__HEADER_BYTES + left, NULL, &header, &segment), expected);
        assert_true(expected != CORPS_OK || segment.iov_len == (left < LARGE ? left : left - padding));
    }
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
        cmocka_unit_test(test_large_segments_are_aligned),
        cmocka_unit_test(test_only_segment_of_impossible_length),
        cmocka_unit_test(test_entries),
        cmocka_unit_test(test_damage),
    };
    return cmocka_run_group_tests_name("wire", tests, NULL, NULL);
}
