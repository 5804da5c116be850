/* What is kept in files: whole ones are read back, and nothing else is taken for one. And when a state is to be kept.
 */

#include "codec/kept.h"
#include "actor/due.h"
#include "care/shelf.h"

#include <corps/serializer.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void encode(const struct corps_value *record, uint8_t **data, size_t *bytes) {
    assert_int_equal(corps__kept_encode(record, SIZE_MAX, data, bytes), CORPS_OK);
}

static void test_back(void **state) {
    (void)state;
    static uint8_t large[100000]; /* a segment of its own */
    memset(large, 5, sizeof large);
    struct corps_value inner[] = {corps_str("state"), corps_bin(large, sizeof large), corps_nil()};
    struct corps_value items[] = {corps_str("checkpoint"), corps_int(-7), corps_array(inner, 3), corps_float(0.5)};
    struct corps_value record = corps_array(items, 4);
    uint8_t *data;
    size_t bytes;
    encode(&record, &data, &bytes);
    assert_true(bytes > sizeof large);
    struct corps_box *box;
    assert_int_equal(corps__kept_decode(data, bytes, &box), CORPS_OK);
    memset(data, 0, bytes); /* it may go */
    free(data);
    assert_true(corps_value_equal(corps_box_root(box), &record));
    corps_box_unref(box);
    assert_int_equal(corps__kept_encode(&record, sizeof large, &data, &bytes), CORPS_ERR_TOO_LARGE);
}

static void test_damaged(void **state) {
    (void)state;
    struct corps_value items[] = {corps_str("checkpoint"), corps_int(1000), corps_str("a text that is not so short")};
    struct corps_value record = corps_array(items, 3);
    uint8_t *data;
    size_t bytes;
    encode(&record, &data, &bytes);
    struct corps_box *box = NULL;
    for (size_t length = 0; length < bytes; length++) { /* every prefix, in memory of its own */
        uint8_t *prefix = malloc(length + 1);
        memcpy(prefix, data, length);
        assert_int_equal(corps__kept_decode(prefix, length, &box), CORPS_ERR_CORRUPT);
        free(prefix);
    }
    for (size_t at = 0; at < bytes; at++) {
        for (int bit = 0; bit < 8; bit++) {
            data[at] ^= (uint8_t)(1 << bit);
            assert_int_equal(corps__kept_decode(data, bytes, &box), CORPS_ERR_CORRUPT);
            data[at] ^= (uint8_t)(1 << bit);
        }
    }
    uint8_t *more = calloc(1, bytes + 1);
    memcpy(more, data, bytes);
    assert_int_equal(corps__kept_decode(more, bytes + 1, &box), CORPS_ERR_CORRUPT);
    free(more);
    assert_null(box);
    assert_int_equal(corps__kept_decode(data, bytes, &box), CORPS_OK);
    corps_box_unref(box);
    free(data);
}

#define MS INT64_C(1000000)

static void test_due(void **state) {
    (void)state;
    struct corps__due each = {.every_ns = 0};
    struct corps__due never = {.every_ns = INT64_MAX};
    struct corps__due due = {.every_ns = 10 * MS};
    for (int64_t now = 0; now < 3; now++) {
        assert_true(corps__due_ran(&each, now));
        corps__due_tried(&each, now);
        assert_false(corps__due_ran(&never, now * 1000000 * MS));
        assert_int_equal(corps__due_at(&never), INT64_MAX);
    }
    assert_false(corps__due_now(&due, 5 * MS)); /* nothing has changed */
    assert_true(corps__due_ran(&due, 5 * MS));  /* the first one at once */
    corps__due_tried(&due, 6 * MS);
    assert_int_equal(corps__due_at(&due), INT64_MAX);
    assert_false(corps__due_now(&due, 100 * MS));
    assert_false(corps__due_ran(&due, 7 * MS));
    assert_int_equal(corps__due_at(&due), 16 * MS);
    assert_false(corps__due_ran(&due, 15 * MS));
    assert_int_equal(corps__due_at(&due), 16 * MS); /* no change waits for longer because there are more */
    assert_false(corps__due_now(&due, 16 * MS - 1));
    assert_true(corps__due_now(&due, 16 * MS));
    assert_true(corps__due_ran(&due, 16 * MS));
    corps__due_tried(&due, 16 * MS);
    assert_false(corps__due_now(&due, 26 * MS));
    assert_true(corps__due_ran(&due, 26 * MS));
}

static struct corps_box *box_of_bytes(size_t bytes) {
    static uint8_t memory[1000];
    struct corps_value items[] = {corps_int(1), corps_bin(memory, bytes)};
    struct corps_value root = corps_array(items, 2);
    struct corps_box *box;
    assert_int_equal(corps_box_of(&root, &box), CORPS_OK);
    return box;
}

static void test_shelf(void **state) {
    (void)state;
    struct corps__shelf shelf = {0};
    struct corps_box *small = box_of_bytes(100);
    struct corps_box *large = box_of_bytes(400);
    assert_null(corps__shelf_find(&shelf, 5));
    assert_int_equal(corps__shelf_put(&shelf, 5, small, 1000), CORPS_OK);
    assert_int_equal(corps__shelf_put(&shelf, 700, large, 1000), CORPS_OK);
    assert_int_equal(corps__shelf_put(&shelf, 5, large, 1000), CORPS_OK); /* instead of the small one */
    assert_int_equal(corps__shelf_put(&shelf, 6, large, 1000), CORPS_ERR_TOO_LARGE);
    assert_int_equal(corps__shelf_put(&shelf, 6, small, 1000), CORPS_OK);
    assert_int_equal(corps__shelf_put(&shelf, 6, large, 1000), CORPS_ERR_TOO_LARGE);
    assert_ptr_equal(corps__shelf_find(&shelf, 6), small); /* it is what it was */
    assert_int_equal(shelf.bytes, 900);
    assert_ptr_equal(corps__shelf_find(&shelf, 5), large);
    corps__shelf_drop_unfound(&shelf);
    assert_int_equal(shelf.bytes, 500);
    assert_null(corps__shelf_find(&shelf, 700));
    corps__shelf_drop_unfound(&shelf);
    assert_int_equal(shelf.bytes, 0);
    corps__shelf_drop(&shelf, 5);
    corps__shelf_drop(&shelf, 5000);
    corps_box_unref(small);
    corps_box_unref(large);
    free(shelf.places);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_back),
        cmocka_unit_test(test_damaged),
        cmocka_unit_test(test_due),
        cmocka_unit_test(test_shelf),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
