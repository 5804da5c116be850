/* Answers to retry calls that are kept with a state: until when, over restores on hosts whose clocks differ. */

#include "actor/once.h"
#include "link/copy.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define S INT64_C(1000000000)

static void add(struct corps__once *once, uint64_t call, int64_t keep_until_ns) {
    static uint8_t bytes[] = {1, 2, 3};
    const struct iovec segment = {bytes, sizeof bytes};
    const struct corps__outgoing out = {.header = {.kind = CORPS__REPLY, .segment_count = 1}, .segments = &segment};
    const struct corps__result_key key = {{7, 8}, call};
    assert_int_equal(corps__once_add(once, &key, keep_until_ns, &out), CORPS_OK);
}

/* Written at `wrote_ns`, and restored at `now_ns`, of the same clock or another. */
static void move(struct corps__once *once, int64_t wrote_ns, bool other_clock, int64_t now_ns) {
    struct corps_value *items;
    struct corps_box *box;
    corps__once_expire(once, wrote_ns);
    assert_int_equal(corps__once_items(once, wrote_ns, &items), CORPS_OK);
    const struct corps_value record = corps_array(items, once->count + 1);
    assert_int_equal(corps_box_of(&record, &box), CORPS_OK);
    free(items);
    assert_int_equal(corps__once_restore(once, corps_box_root(box), other_clock, now_ns), CORPS_OK);
    corps_box_unref(box);
}

/* A host is lost every five seconds, and the next one's clock is 1,000 s ahead, or behind. */
static void test_over_hosts(void **state) {
    (void)state;
    struct corps__once once = {0};
    int64_t now_ns = 5000 * S, apart_ns = 1000 * S;
    add(&once, 1, now_ns + 60 * S);
    add(&once, 2, now_ns + 12 * S);
    int moves = 0;
    for (; once.count > 0; moves++) {
        assert_true(moves < 100);
        now_ns += 5 * S; /* of work; the three seconds until the next one restores it do not count */
        move(&once, now_ns, true, now_ns + apart_ns + 3 * S);
        now_ns += apart_ns + 3 * S;
        apart_ns = -apart_ns;
        assert_int_equal(once.count, moves < 2 ? 2 : moves < 11 ? 1 : 0);
    }
    assert_int_equal(moves, 12);
    corps__once_clear(&once);
}

/* By one clock a time stays what it is. */
static void test_by_one_clock(void **state) {
    (void)state;
    struct corps__once once = {0};
    struct corps__result result;
    add(&once, 3, 60 * S);
    move(&once, 10 * S, false, 20 * S);
    assert_int_equal(corps__once_result(&once, 0, &result), CORPS_OK);
    assert_int_equal(result.keep_until_ns, 60 * S);
    assert_int_equal(result.key.id, 3);
    corps__copy_free(result.reply);
    corps__once_clear(&once);
}

static void test_damaged(void **state) {
    (void)state;
    struct corps__once once = {0};
    struct corps_value wrong = corps_str("no time"), items[] = {corps_int(1), corps_int(2)};
    struct corps_value none = corps_array(NULL, 0), first = corps_array(&wrong, 1), second = corps_array(items, 2);
    assert_int_equal(corps__once_restore(&once, NULL, true, S), CORPS_ERR_CORRUPT);
    assert_int_equal(corps__once_restore(&once, &none, true, S), CORPS_ERR_CORRUPT);
    assert_int_equal(corps__once_restore(&once, &first, true, S), CORPS_ERR_CORRUPT);
    assert_int_equal(corps__once_restore(&once, &second, true, S), CORPS_ERR_CORRUPT);
    items[0] = corps_int(INT64_MIN);
    second = corps_array(items, 1);
    assert_int_equal(corps__once_restore(&once, &second, true, S), CORPS_ERR_CORRUPT);
    corps__once_clear(&once);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_over_hosts),
        cmocka_unit_test(test_by_one_clock),
        cmocka_unit_test(test_damaged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
