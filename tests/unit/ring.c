/* The shared-memory ring in one process: order, edges, wrap, full, and what a hostile peer may write. */
#include "ring.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { RING_BYTES = 65536 };

struct pair {
    void *memory;
    struct corps__ring out, in;
};

static int setup(void **state) {
    struct pair *pair = calloc(1, sizeof *pair);
    pair->memory = aligned_alloc(4096, CORPS__RING_HEAD_BYTES + RING_BYTES);
    memset(pair->memory, 0, CORPS__RING_HEAD_BYTES + RING_BYTES);
    *state = pair;
    return corps__ring_init(&pair->out, pair->memory, RING_BYTES, true) == CORPS_OK &&
                   corps__ring_init(&pair->in, pair->memory, RING_BYTES, false) == CORPS_OK
               ? 0
               : -1;
}

static int teardown(void **state) {
    struct pair *pair = *state;
    corps__ring_finish(&pair->out);
    free(pair->memory);
    free(pair);
    return 0;
}

static enum corps_err put(struct pair *pair, uint32_t number, size_t bytes) {
    void *memory;
    enum corps_err err = corps__ring_reserve(&pair->out, bytes, &memory);
    if (err == CORPS_OK) {
        memset(memory, (int)(number & 0xff), bytes);
        corps__ring_commit(&pair->out, bytes, CORPS__RECORD_WHOLE);
    }
    return err;
}

static void expect(struct pair *pair, uint32_t number, size_t bytes) {
    const uint8_t *data;
    size_t got;
    enum corps__record kind;
    assert_int_equal(corps__ring_peek(&pair->in, &data, &got, &kind), CORPS_OK);
    assert_int_equal(kind, CORPS__RECORD_WHOLE);
    assert_int_equal(got, bytes);
    for (size_t i = 0; i < bytes; i++) {
        assert_int_equal(data[i], number & 0xff);
    }
    corps__ring_release(&pair->in, got);
}

static void expect_empty(struct pair *pair) {
    const uint8_t *data;
    size_t bytes;
    enum corps__record kind;
    assert_int_equal(corps__ring_peek(&pair->in, &data, &bytes, &kind), CORPS_ERR_EMPTY);
}

static void test_edges(void **state) {
    struct pair *pair = *state;
    size_t most = corps__ring_record_max(&pair->out);
    const size_t sizes[] = {0, 1, 55, 56, 57, 63, 64, 65, 119, 120, 121, most - 1, most};
    for (uint32_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        expect_empty(pair);
        assert_int_equal(put(pair, i, sizes[i]), CORPS_OK);
        expect(pair, i, sizes[i]);
    }
    expect_empty(pair);
}

/* Many laps with every size, so that records end at, before and across the end of the ring. */
static void test_wrap(void **state) {
    struct pair *pair = *state;
    for (uint32_t i = 0; i < 200000; i++) {
        size_t bytes = i * 37 % 3000;
        assert_int_equal(put(pair, i, bytes), CORPS_OK);
        expect(pair, i, bytes);
    }
}

/* Content that looks like the headers of the next lap, at every place where one could stand. */
static void forge(uint8_t *memory, uint64_t position, size_t bytes) {
    for (uint64_t at = CORPS__RING_SLOT; at + 8 <= bytes + CORPS__RING_WORD; at += CORPS__RING_SLOT) {
        uint64_t mark = (position + at + RING_BYTES) / CORPS__RING_SLOT & 0x0fffffff;
        uint64_t word = 8 | (uint64_t)CORPS__RECORD_WHOLE << 32 | mark << 36;
        memcpy(memory + at - CORPS__RING_WORD, &word, sizeof word);
    }
}

static void test_content_is_no_header(void **state) {
    struct pair *pair = *state;
    for (uint32_t i = 0; i < 20000; i++) {
        size_t bytes = i / 40 % 2 == 0 ? 1000 + i * 61 % 9000 : i * 37 % 300;
        void *memory;
        uint64_t before = pair->out.position;
        assert_int_equal(corps__ring_reserve(&pair->out, bytes, &memory), CORPS_OK);
        memset(memory, 0, bytes);
        forge(memory, before + pair->out.padding, bytes);
        corps__ring_commit(&pair->out, bytes, CORPS__RECORD_WHOLE);
        const uint8_t *data;
        size_t got;
        enum corps__record kind;
        assert_int_equal(corps__ring_peek(&pair->in, &data, &got, &kind), CORPS_OK);
        assert_int_equal(got, bytes);
        corps__ring_release(&pair->in, got);
        expect_empty(pair);
    }
}

static void test_full_and_room(void **state) {
    struct pair *pair = *state;
    uint32_t sent = 0;
    while (put(pair, sent, 1000) == CORPS_OK) {
        sent++;
    }
    assert_in_range(sent, RING_BYTES / 1024 - 2, RING_BYTES / 1024);
    corps__ring_want_space(&pair->out);
    assert_false(corps__ring_has_room(&pair->out));
    bool rung = false;
    for (uint32_t i = 0; i < sent; i++) {
        const uint8_t *data;
        size_t bytes;
        enum corps__record kind;
        assert_int_equal(corps__ring_peek(&pair->in, &data, &bytes, &kind), CORPS_OK);
        assert_int_equal(data[0], i & 0xff);
        rung = corps__ring_release(&pair->in, bytes) || rung;
    }
    assert_true(rung);
    assert_true(corps__ring_has_room(&pair->out));
    assert_int_equal(put(pair, 1, 1000), CORPS_OK);
}

static void test_sleep_and_bell(void **state) {
    struct pair *pair = *state;
    assert_true(corps__ring_arm(&pair->in));
    assert_int_equal(put(pair, 1, 8), CORPS_OK);
    assert_int_equal(corps__ring_consumer_sleeps(&pair->out), CORPS__RING_ON_DOORBELL);
    assert_int_equal(corps__ring_consumer_sleeps(&pair->out), CORPS__RING_AWAKE); /* once per sleep */
    assert_true(corps__ring_disarm(&pair->in));                                   /* it was found asleep */
    assert_false(corps__ring_arm(&pair->in));                                     /* something is there */
    assert_false(corps__ring_disarm(&pair->in));
    assert_int_equal(corps__ring_consumer_sleeps(&pair->out), CORPS__RING_AWAKE);
}

static void test_sleep_on_word(void **state) {
    struct pair *pair = *state;
    assert_false(corps__ring_arm_word(&pair->in)); /* not armed */
    assert_true(corps__ring_arm(&pair->in));
    assert_true(corps__ring_arm_word(&pair->in));
    assert_int_equal(put(pair, 1, 8), CORPS_OK);
    assert_int_equal(corps__ring_consumer_sleeps(&pair->out), CORPS__RING_ON_WORD);
    assert_int_equal(corps__ring_consumer_sleeps(&pair->out), CORPS__RING_AWAKE);
    assert_true(corps__ring_disarm(&pair->in));
    assert_false(corps__ring_arm(&pair->in));
    /* The producer comes between: it rings the doorbell. */
    assert_int_equal(corps__ring_consumer_sleeps(&pair->out), CORPS__RING_ON_DOORBELL);
    assert_false(corps__ring_arm_word(&pair->in));
    /* Whatever a peer writes there means something. */
    atomic_store(&pair->in.shared->asleep, 77);
    assert_int_equal(corps__ring_consumer_sleeps(&pair->out), CORPS__RING_ON_DOORBELL);
}

/* Random bytes anywhere in the shared memory: records, EMPTY or PROTOCOL, never a crash or a length beyond the ring. */
static void test_scribbling_peer(void **state) {
    struct pair *pair = *state;
    uint64_t random = 88172645463325252u;
    int refused = 0;
    for (int round = 0; round < 3000; round++) {
        memset(pair->memory, 0, CORPS__RING_HEAD_BYTES + RING_BYTES);
        corps__ring_finish(&pair->out);
        assert_int_equal(corps__ring_init(&pair->out, pair->memory, RING_BYTES, true), CORPS_OK);
        assert_int_equal(corps__ring_init(&pair->in, pair->memory, RING_BYTES, false), CORPS_OK);
        for (uint32_t i = 0; i < 20; i++) {
            assert_int_equal(put(pair, i, i * 100), CORPS_OK);
        }
        for (int i = 0; i < 8; i++) {
            random ^= random << 13, random ^= random >> 7, random ^= random << 17; /* xorshift64, Marsaglia 2003 */
            size_t at =
                i < 6 ? CORPS__RING_HEAD_BYTES + random % 20000 / 8 * 8 : random % CORPS__RING_HEAD_BYTES / 8 * 8;
            memcpy((char *)pair->memory + at, &random, sizeof random);
        }
        const uint8_t *data;
        size_t bytes;
        enum corps__record kind;
        enum corps_err err = CORPS_OK;
        for (int i = 0; i < 40 && err == CORPS_OK; i++) {
            err = corps__ring_peek(&pair->in, &data, &bytes, &kind);
            if (err == CORPS_OK) {
                assert_true(data >= pair->in.data && data + bytes <= pair->in.data + RING_BYTES);
                corps__ring_release(&pair->in, bytes);
            }
        }
        refused += err == CORPS_ERR_PROTOCOL;
        for (int i = 0; i < 200; i++) {
            err = put(pair, 1, 1000);
            assert_true(err == CORPS_OK || err == CORPS_ERR_FULL || err == CORPS_ERR_PROTOCOL);
        }
    }
    assert_true(refused > 100);
}

/* Until both sides are at `position`, a multiple of slots. */
static void advance(struct pair *pair, uint64_t position) {
    while (pair->out.position < position) {
        assert_int_equal(put(pair, 0, CORPS__RING_SLOT - CORPS__RING_WORD), CORPS_OK);
        expect(pair, 0, CORPS__RING_SLOT - CORPS__RING_WORD);
    }
}

/* To the last slot but one; and room comes back an eighth at a time. */
static void test_exactly_full(void **state) {
    struct pair *pair = *state;
    const uint32_t slots = RING_BYTES / CORPS__RING_SLOT;
    for (int lap = 0; lap < 3; lap++) {
        for (uint32_t i = 0; i < slots - 1; i++) {
            assert_int_equal(put(pair, i, 100), CORPS_OK);
        }
        assert_int_equal(put(pair, 0, 0), CORPS_ERR_FULL);
        assert_int_equal(put(pair, 0, 0), CORPS_ERR_FULL);
        for (uint32_t i = 0; i < slots - 1; i++) {
            expect(pair, i, 100);
        }
        expect_empty(pair);
        for (uint32_t i = 0; pair->in.known != pair->in.position; i++) { /* what is read and not said yet */
            assert_true(i < slots / 8);
            assert_int_equal(put(pair, i, 100), CORPS_OK);
            expect(pair, i, 100);
        }
    }
    for (uint32_t i = 0; i < slots - 1; i++) {
        assert_int_equal(put(pair, i, 100), CORPS_OK);
    }
    for (uint32_t i = 0; i < slots / 8; i++) {
        assert_int_equal(put(pair, 0, 0), CORPS_ERR_FULL);
        expect(pair, i, 100);
    }
    for (uint32_t i = 0; i < slots / 8; i++) {
        assert_int_equal(put(pair, i, 100), CORPS_OK);
    }
    assert_int_equal(put(pair, 0, 0), CORPS_ERR_FULL);
}

/* A record that would go over the end lies at the beginning, and what is left of the end is skipped. */
static void test_padding(void **state) {
    struct pair *pair = *state;
    for (uint64_t to_end = CORPS__RING_SLOT; to_end <= 8 * CORPS__RING_SLOT; to_end += CORPS__RING_SLOT) {
        uint64_t end = pair->out.position / RING_BYTES * RING_BYTES + RING_BYTES;
        advance(pair, end - to_end);
        assert_int_equal(put(pair, 1, to_end - CORPS__RING_WORD), CORPS_OK); /* just fits */
        expect(pair, 1, to_end - CORPS__RING_WORD);
        assert_int_equal(pair->in.position, end);
        advance(pair, end + RING_BYTES - to_end);
        assert_int_equal(put(pair, 2, to_end - CORPS__RING_WORD + 1), CORPS_OK);
        expect(pair, 2, to_end - CORPS__RING_WORD + 1);
        assert_int_equal(pair->in.position, end + RING_BYTES + to_end + CORPS__RING_SLOT);
        expect_empty(pair);
    }
}

/* What is reserved may be given up, and committed with fewer bytes. */
static void test_commit_less(void **state) {
    struct pair *pair = *state;
    void *first, *second;
    assert_int_equal(corps__ring_reserve(&pair->out, corps__ring_record_max(&pair->out), &first), CORPS_OK);
    expect_empty(pair);
    assert_int_equal(corps__ring_reserve(&pair->out, 1000, &second), CORPS_OK);
    assert_ptr_equal(first, second);
    memset(second, 5, 1000);
    corps__ring_commit(&pair->out, 10, CORPS__RECORD_WHOLE);
    assert_int_equal(pair->out.position, CORPS__RING_SLOT);
    assert_int_equal(put(pair, 6, 200), CORPS_OK);
    expect(pair, 5, 10);
    expect(pair, 6, 200);
    expect_empty(pair);
}

static enum corps_err peek_word(struct pair *pair, uint64_t length, uint64_t kind, uint64_t mark) {
    uint64_t word = length | kind << 32 | (mark & 0x0fffffff) << 36;
    memcpy(pair->in.data + (pair->in.position & (RING_BYTES - 1)), &word, sizeof word);
    const uint8_t *data;
    size_t bytes;
    enum corps__record what;
    return corps__ring_peek(&pair->in, &data, &bytes, &what);
}

/* Two slots before the end: what is a record there, what is one of an earlier lap, and what no ring has written. */
static void test_words_refused(void **state) {
    struct pair *pair = *state;
    const uint64_t slots = RING_BYTES / CORPS__RING_SLOT;
    advance(pair, 3 * RING_BYTES - 2 * CORPS__RING_SLOT);
    uint64_t mark = pair->in.position / CORPS__RING_SLOT, most = 2 * CORPS__RING_SLOT - CORPS__RING_WORD;
    for (uint64_t kind = 0; kind < 16; kind++) {
        bool is_known = kind >= CORPS__RECORD_WHOLE && kind <= CORPS__RECORD_REMOTE && kind != CORPS__RECORD_PAD;
        if (kind != CORPS__RECORD_PAD) {
            assert_int_equal(peek_word(pair, 8, kind, mark), is_known ? CORPS_OK : CORPS_ERR_PROTOCOL);
        }
    }
    assert_int_equal(peek_word(pair, most, CORPS__RECORD_WHOLE, mark), CORPS_OK);
    assert_int_equal(peek_word(pair, most + 1, CORPS__RECORD_WHOLE, mark), CORPS_ERR_PROTOCOL);
    assert_int_equal(peek_word(pair, most + 1, CORPS__RECORD_PAD, mark), CORPS_ERR_PROTOCOL);
    assert_int_equal(peek_word(pair, UINT32_MAX, CORPS__RECORD_WHOLE, mark), CORPS_ERR_PROTOCOL);
    assert_int_equal(peek_word(pair, 8, CORPS__RECORD_WHOLE, mark - slots), CORPS_ERR_EMPTY);
    assert_int_equal(peek_word(pair, 8, CORPS__RECORD_WHOLE, mark - 2 * slots), CORPS_ERR_EMPTY);
    assert_int_equal(peek_word(pair, 8, CORPS__RECORD_WHOLE, mark - 1), CORPS_ERR_PROTOCOL);
    assert_int_equal(peek_word(pair, 8, CORPS__RECORD_WHOLE, mark + 1), CORPS_ERR_PROTOCOL);
    assert_int_equal(peek_word(pair, 0, 0, 0), CORPS_ERR_EMPTY);
    assert_int_equal(peek_word(pair, most, CORPS__RECORD_PAD, mark), CORPS_ERR_EMPTY); /* nothing after it */
    assert_int_equal(pair->in.position, 3 * RING_BYTES);
}

/* A head that the consumer cannot have reached, has left already, or that is no place of a record. */
static void test_heads_refused(void **state) {
    struct pair *pair = *state;
    advance(pair, RING_BYTES);
    while (put(pair, 1, 100) == CORPS_OK) {
    }
    _Atomic uint64_t *head = &pair->out.shared->head;
    uint64_t good = atomic_load(head);
    const uint64_t bad[] = {0, good - CORPS__RING_SLOT, good + 1, pair->out.position + CORPS__RING_SLOT, UINT64_MAX};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        atomic_store(head, bad[i]);
        assert_int_equal(put(pair, 1, 100), CORPS_ERR_PROTOCOL);
    }
    atomic_store(head, good);
    assert_int_equal(put(pair, 1, 100), CORPS_ERR_FULL);
    atomic_store(head, pair->out.position); /* as far as there is anything to read */
    assert_int_equal(put(pair, 1, 100), CORPS_OK);
}

/* The producer's bell: once for each time it asks, and asked for anew where there is no room yet. */
static void test_producer_bell(void **state) {
    struct pair *pair = *state;
    assert_false(corps__ring_producer_waits(&pair->in));
    corps__ring_want_doorbell(&pair->out);
    assert_true(corps__ring_producer_waits(&pair->in));
    assert_false(corps__ring_producer_waits(&pair->in));
    while (put(pair, 1, 1000) == CORPS_OK) {
    }
    corps__ring_want_space(&pair->out);
    assert_true(corps__ring_producer_waits(&pair->in));
    assert_false(corps__ring_has_room(&pair->out));
    assert_true(corps__ring_producer_waits(&pair->in));
    atomic_store(&pair->out.shared->head, pair->out.position - RING_BYTES / 2);
    assert_false(corps__ring_has_room(&pair->out));
    atomic_store(&pair->out.shared->head, pair->out.position - RING_BYTES / 2 + CORPS__RING_SLOT);
    assert_true(corps__ring_has_room(&pair->out));
    assert_int_equal(put(pair, 1, corps__ring_record_max(&pair->out)), CORPS_OK);
    atomic_store(&pair->out.shared->head, pair->out.position + CORPS__RING_SLOT); /* the next send says what is wrong */
    assert_true(corps__ring_has_room(&pair->out));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_edges, setup, teardown),
        cmocka_unit_test_setup_teardown(test_wrap, setup, teardown),
        cmocka_unit_test_setup_teardown(test_content_is_no_header, setup, teardown),
        cmocka_unit_test_setup_teardown(test_full_and_room, setup, teardown),
        cmocka_unit_test_setup_teardown(test_sleep_and_bell, setup, teardown),
        cmocka_unit_test_setup_teardown(test_sleep_on_word, setup, teardown),
        cmocka_unit_test_setup_teardown(test_exactly_full, setup, teardown),
        cmocka_unit_test_setup_teardown(test_padding, setup, teardown),
        cmocka_unit_test_setup_teardown(test_commit_less, setup, teardown),
        cmocka_unit_test_setup_teardown(test_words_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(test_heads_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(test_producer_bell, setup, teardown),
        cmocka_unit_test_setup_teardown(test_scribbling_peer, setup, teardown),
    };
    return cmocka_run_group_tests_name("ring", tests, NULL, NULL);
}
