/* Batches on one thread: entries as they were added, a full one, one that the Conc closed, one that the sender left,
 * and arguments that are kept beyond both. */
#include "actor/batch.h"
#include "codec/wire.h"

#include <corps/block.h>
#include <corps/value.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { DATA_BYTES = CORPS__BATCH_BYTES - CORPS__BATCH_HEAD_BYTES, ENTRY_HEAD = sizeof(struct corps__batch_entry) };

static struct corps__batch *create(void) {
    struct corps__batch *batch = corps__batch_create(NULL, NULL, CORPS_KEEP_NONE);
    assert_non_null(batch);
    assert_int_equal(batch->mail.kind, CORPS__MAIL_BATCH);
    assert_int_equal(batch->block.refs, 2); /* the sender's and the Conc's */
    return batch;
}

/* What is added tells by its deadline which one it is. */
static bool add(struct corps__batch *batch, unsigned number, uint32_t bytes) {
    uint8_t data[CORPS__ENTRY_BYTES_MAX];
    memset(data, (int)number, sizeof data);
    const struct corps__batch_entry entry = {.deadline_ns = number, .encoded = true, .serializer = 3};
    return corps__batch_put(batch, &entry, data, bytes) && corps__batch_commit(batch, 1);
}

static const struct corps__batch_entry *
expect_next(const struct corps__batch *batch, const struct corps__batch_entry *last, unsigned number, uint32_t bytes) {
    const struct corps__batch_entry *entry = corps__batch_next(batch, last);
    assert_int_equal((uintptr_t)entry % 8, 0);
    assert_int_equal(entry->deadline_ns, number);
    assert_int_equal(entry->bytes, bytes);
    assert_true(entry->encoded && entry->serializer == 3);
    for (uint32_t i = 0; i < bytes; i++) {
        assert_int_equal(entry->data[i], (uint8_t)number);
    }
    return entry;
}

static void test_entries_in_order(void **state) {
    (void)state;
    static const uint32_t sizes[] = {0, 1, 7, 8, 9, 63, CORPS__ENTRY_BYTES_MAX, 0, 16};
    enum { COUNT = sizeof sizes / sizeof *sizes };
    struct corps__batch *batch = create();
    const struct corps__batch_entry *entry = NULL;
    for (unsigned i = 0; i < COUNT; i++) { /* taken while more are added */
        assert_true(add(batch, i, sizes[i]));
        assert_int_equal(corps__batch_count(batch, i), i + 1);
        entry = expect_next(batch, entry, i, sizes[i]);
    }
    entry = NULL;
    for (unsigned i = 0; i < COUNT; i++) { /* and again, all of it */
        entry = expect_next(batch, entry, i, sizes[i]);
    }
    corps__batch_leave(batch);
    assert_int_equal(corps__batch_count(batch, COUNT), COUNT);
}

static void test_full(void **state) {
    (void)state;
    static const uint32_t sizes[] = {0, 1, 8, 100, CORPS__ENTRY_BYTES_MAX};
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        struct corps__batch *batch = create();
        unsigned room = DATA_BYTES / (ENTRY_HEAD + (sizes[s] + 7) / 8 * 8), count = 0;
        while (add(batch, count, sizes[s])) {
            count++;
        }
        assert_int_equal(count, room);
        assert_false(add(batch, count, sizes[s])); /* still */
        assert_int_equal(corps__batch_count(batch, 0), count);
        const struct corps__batch_entry *entry = NULL;
        for (unsigned i = 0; i < count; i++) {
            entry = expect_next(batch, entry, i, sizes[s]);
        }
        /* A smaller one may still have room. */
        if (DATA_BYTES - batch->used >= ENTRY_HEAD) {
            assert_true(add(batch, count, 0));
            (void)expect_next(batch, entry, count++, 0);
        }
        assert_true(batch->used <= DATA_BYTES);
        corps__batch_leave(batch);
        assert_int_equal(corps__batch_count(batch, count), count);
    }
}

/* The Conc has found no more: what the sender adds then nobody will look at, and it is told. */
static void test_closed_by_the_conc(void **state) {
    (void)state;
    struct corps__batch *batch = create();
    assert_true(add(batch, 0, 8));
    assert_int_equal(corps__batch_count(batch, 0), 1);
    assert_int_equal(batch->block.refs, 2);
    assert_int_equal(corps__batch_count(batch, 1), 1);
    assert_int_equal(batch->block.refs, 1); /* the sender's: it does not know yet */
    assert_false(add(batch, 1, 8));
    assert_false(add(batch, 2, 8));
    const struct corps_value number = corps_int(5);
    const struct corps__batch_entry entry = {0};
    assert_int_equal(corps__batch_add_plain(batch, &entry, &number), CORPS_ERR_FULL);
    corps__batch_leave(batch);
}

/* An empty one too. */
static void test_closed_empty(void **state) {
    (void)state;
    struct corps__batch *batch = create();
    assert_int_equal(corps__batch_count(batch, 0), 0);
    assert_false(add(batch, 0, 0));
    corps__batch_leave(batch);
}

/* What was added before the sender left is there, all of it, and is not cut short by that. */
static void test_left_by_the_sender(void **state) {
    (void)state;
    struct corps__batch *batch = create();
    assert_true(add(batch, 0, 8) && add(batch, 1, 8) && add(batch, 2, 8));
    corps__batch_leave(batch);
    assert_int_equal(batch->block.refs, 1);
    assert_int_equal(corps__batch_count(batch, 0), 3);
    assert_int_equal(corps__batch_count(batch, 1), 3);
    assert_int_equal(batch->block.refs, 1);
    assert_int_equal(corps__batch_count(batch, 3), 3);
    /* Left without an entry, and between two looks. */
    batch = create();
    corps__batch_leave(batch);
    assert_int_equal(corps__batch_count(batch, 0), 0);
    batch = create();
    assert_true(add(batch, 0, 8));
    assert_int_equal(corps__batch_count(batch, 0), 1);
    assert_true(add(batch, 1, 8));
    corps__batch_leave(batch);
    assert_int_equal(corps__batch_count(batch, 1), 2);
    assert_int_equal(corps__batch_count(batch, 2), 2);
}

/* Kept arguments have the memory to themselves after both have let go: it is not used again meanwhile. */
static void test_kept_arguments(void **state) {
    (void)state;
    enum { OTHERS = 64 };
    struct corps__batch *batch = create(), *others[OTHERS];
    assert_true(add(batch, 7, 40));
    const struct corps__batch_entry *entry = expect_next(batch, NULL, 7, 40);
    struct corps_block *first = corps_block_ref(&batch->block), *second = corps_block_ref(&batch->block);
    corps__batch_leave(batch);
    assert_int_equal(corps__batch_count(batch, 0), 1);
    assert_int_equal(corps__batch_count(batch, 1), 1);
    assert_int_equal(first->refs, 2);
    corps_block_unref(first);
    for (int i = 0; i < OTHERS; i++) {
        others[i] = create();
        assert_ptr_not_equal(others[i], batch);
        assert_true(add(others[i], 9, 40));
    }
    assert_int_equal(entry->data[0], 7);
    assert_int_equal(entry->data[39], 7);
    for (int i = 0; i < OTHERS; i++) {
        corps__batch_leave(others[i]);
        assert_int_equal(corps__batch_count(others[i], 1), 1);
    }
    corps_block_unref(second);
}

static void test_plain_values(void **state) {
    (void)state;
    struct corps__batch *batch = create();
    const struct corps__batch_entry head = {.deadline_ns = 11};
    struct corps_value items[] = {corps_int(-3), corps_str("some words that do not fit beside their length")};
    const struct corps_value array = corps_array(items, 2), number = corps_int(99);
    assert_int_equal(corps__batch_add_plain(batch, &head, &array), CORPS_OK);
    assert_int_equal(corps__batch_add_plain(batch, &head, &number), CORPS_OK);
    items[0] = corps_int(0); /* the batch has a copy */
    assert_int_equal(corps__batch_count(batch, 0), 2);
    const struct corps__batch_entry *entry = corps__batch_next(batch, NULL);
    const struct corps_value *copy = (const void *)entry->data;
    assert_int_equal(entry->deadline_ns, 11);
    assert_false(entry->encoded);
    assert_int_equal(corps_value_item(copy, 0)->integer, -3);
    assert_true(corps_value_equal(corps_value_item(copy, 1), &items[1]));
    copy = (const void *)corps__batch_next(batch, entry)->data;
    assert_int_equal(copy->integer, 99);
    corps__batch_leave(batch);
    assert_int_equal(corps__batch_count(batch, 2), 2);
}

/* FULL says: try another one; REFUSED says: no batch will do. */
static void test_plain_values_that_do_not_fit(void **state) {
    (void)state;
    static char words[2 * CORPS__ENTRY_BYTES_MAX];
    memset(words, 'w', sizeof words);
    const struct corps_value too_large = corps_str_bytes(words, sizeof words), fits = corps_str_bytes(words, 400);
    const struct corps__batch_entry head = {0};
    struct corps__batch *batch = create();
    assert_int_equal(corps__batch_add_plain(batch, &head, &too_large), CORPS_ERR_REFUSED);
    assert_int_equal(batch->used, 0);
    unsigned count = 0;
    enum corps_err err;
    while ((err = corps__batch_add_plain(batch, &head, &fits)) == CORPS_OK) {
        count++;
    }
    assert_int_equal(err, CORPS_ERR_FULL);
    assert_in_range(count, DATA_BYTES / 600, DATA_BYTES / 400);
    assert_int_equal(corps__batch_count(batch, 0), count); /* what did not fit is no entry */
    /* To the last byte: what has no room for a head and a value is full, and no more is written. */
    while (add(batch, 0, 0)) {
        count++;
    }
    assert_int_equal(corps__batch_add_plain(batch, &head, &fits), CORPS_ERR_FULL);
    corps__batch_leave(batch);
    assert_int_equal(corps__batch_count(batch, count), count);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_entries_in_order),   cmocka_unit_test(test_full),
        cmocka_unit_test(test_closed_by_the_conc), cmocka_unit_test(test_closed_empty),
        cmocka_unit_test(test_left_by_the_sender), cmocka_unit_test(test_kept_arguments),
        cmocka_unit_test(test_plain_values),       cmocka_unit_test(test_plain_values_that_do_not_fit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
