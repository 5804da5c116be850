/* Members of pools and the choice among them: `unit-replicas`. */
#include "link/replicas.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { MEMBERS = 8, CHOICES = 4000 };

static struct corps_value pairs[MEMBERS][2];
static struct corps_value lists[MEMBERS];

/* An answer with `count` members: member i is Conc 10 + i of Env i % 4. */
static struct corps_value answer_of(struct corps_value items[4], int64_t version, int spreading, size_t count) {
    for (size_t i = 0; i < count; i++) {
        pairs[i][0] = corps_int((int64_t)i % 4);
        pairs[i][1] = corps_int(10 + (int64_t)i);
        lists[i] = corps_array(pairs[i], 2);
    }
    items[0] = corps_int(version);
    items[1] = corps_int(1000);
    items[2] = corps_int(spreading);
    items[3] = corps_array(lists, count);
    return corps_array(items, 4);
}

static struct corps__replicas *table_of(int64_t version, int spreading, size_t count, struct corps__replicas *before) {
    struct corps_value items[4];
    struct corps_value answer = answer_of(items, version, spreading, count);
    struct corps__replicas *table = NULL;
    int64_t valid_ns = 0;
    assert_int_equal(corps__replicas_read(&answer, 7, "Node", before, &table, &valid_ns), CORPS_OK);
    assert_int_equal(valid_ns, 1000);
    return table;
}

static uint64_t loads[MEMBERS];

static uint64_t load_of(const struct corps_name *member, void *arg) {
    (void)arg;
    return loads[member->conc - 10];
}

static void clear_loads(void) {
    memset(loads, 0, sizeof loads);
}

/* ---- reading ---- */

static void test_read(void **state) {
    (void)state;
    struct corps__replicas *first = table_of(3, CORPS__SPREAD, 2, NULL);
    assert_int_equal(first->count, 2);
    assert_int_equal(first->version, 3);
    assert_string_equal(first->members[1].name->class_name, "Node");
    assert_int_equal(first->members[1].name->conc, 11);
    struct corps__replicas *second = table_of(4, CORPS__NEAREST, 3, first);
    assert_ptr_equal(second->members[1].name, first->members[1].name); /* with its route */
    assert_int_equal(second->spreading, CORPS__NEAREST);
    corps__replicas_unref(first);
    corps__replicas_unref(second);
}

static void test_read_nothing_new(void **state) {
    (void)state;
    struct corps__replicas *before = table_of(3, CORPS__STICKY, 2, NULL), *table = NULL;
    before->members[1].avoided = true;
    const struct corps_value items[4] = {corps_int(3), corps_int(5), corps_bool(true), corps_nil()};
    const struct corps_value answer = corps_array(items, 4);
    int64_t valid_ns;
    assert_int_equal(corps__replicas_read(&answer, 7, "Node", before, &table, &valid_ns), CORPS_OK);
    assert_ptr_equal(table, before);
    assert_int_equal(valid_ns, 5);
    assert_false(before->members[1].avoided);
    corps__replicas_unref(table);
    corps__replicas_unref(before);
}

static void assert_refused(struct corps_value answer, struct corps__replicas *before, const char *words) {
    struct corps__replicas *table = NULL;
    int64_t valid_ns;
    assert_int_equal(corps__replicas_read(&answer, 7, "Node", before, &table, &valid_ns), CORPS_ERR_PROTOCOL);
    assert_non_null(strstr(corps_error_detail(), words));
    assert_null(table);
}

static void test_read_nonsense(void **state) {
    (void)state;
    struct corps_value items[4];
    struct corps_value answer = answer_of(items, 1, CORPS__SPREAD, 2);
    assert_refused(corps_nil(), NULL, "four items");
    assert_refused(corps_array(items, 3), NULL, "four items");
    static const int64_t bad[3] = {0, 0, 3};
    for (size_t i = 0; i < 3; i++) {
        struct corps_value good = items[i];
        items[i] = corps_int(bad[i]);
        assert_refused(answer, NULL, "cannot be");
        items[i] = corps_str("1");
        assert_refused(answer, NULL, "cannot be");
        items[i] = good;
    }
    pairs[1][1] = corps_int(-1);
    assert_refused(answer, NULL, "no pair");
    lists[1] = corps_int(4);
    assert_refused(answer, NULL, "no pair");
    items[3] = corps_nil(); /* to one who knows nothing, or another table */
    assert_refused(answer, NULL, "no list");
    struct corps__replicas *other = table_of(2, CORPS__SPREAD, 1, NULL);
    items[3] = corps_nil();
    assert_refused(answer, other, "no list");
    items[3] = corps_str("all");
    assert_refused(answer, other, "no list");
    corps__replicas_unref(other);
}

/* ---- choices ---- */

/* How often each is chosen, of CHOICES. */
static void count_spread(const struct corps__replicas *table, unsigned counts[MEMBERS]) {
    memset(counts, 0, MEMBERS * sizeof counts[0]);
    for (uint64_t i = 0; i < CHOICES; i++) {
        size_t at = corps__replicas_spread(table, corps__mix(i), load_of, NULL);
        assert_true(at < table->count);
        counts[at]++;
    }
}

static void test_spread(void **state) {
    (void)state;
    clear_loads();
    unsigned counts[MEMBERS];
    struct corps__replicas *table = table_of(1, CORPS__SPREAD, MEMBERS, NULL);
    count_spread(table, counts);
    for (size_t i = 0; i < MEMBERS; i++) { /* 500 each; 6 standard deviations */
        assert_in_range(counts[i], 375, 625);
    }
    loads[2] = 1; /* the most: never better than another */
    count_spread(table, counts);
    assert_int_equal(counts[2], 0);
    for (size_t i = 0; i < MEMBERS; i++) {
        loads[i] = i;
    }
    count_spread(table, counts);
    assert_int_equal(counts[MEMBERS - 1], 0);
    assert_in_range(counts[0], 875, 1125); /* in a quarter of all pairs, and always the better one */
    corps__replicas_unref(table);
}

static void test_spread_avoids(void **state) {
    (void)state;
    clear_loads();
    unsigned counts[MEMBERS];
    struct corps__replicas *table = table_of(1, CORPS__SPREAD, 4, NULL);
    table->members[0].avoided = true;
    loads[1] = CORPS__LOAD_NONE;
    count_spread(table, counts);
    assert_int_equal(counts[0] + counts[1], 0);
    loads[2] = loads[3] = CORPS__LOAD_NONE; /* better one of these than none */
    count_spread(table, counts);
    assert_int_equal(counts[0], 0);
    assert_int_equal(counts[1] + counts[2] + counts[3], CHOICES);
    for (size_t i = 1; i < 4; i++) {
        table->members[i].avoided = true;
    }
    assert_true(corps__replicas_spread(table, 5, load_of, NULL) == CORPS__NO_MEMBER);
    assert_true(corps__replicas_least(table, 5, load_of, NULL) == CORPS__NO_MEMBER);
    assert_true(corps__replicas_sticky(table, 5) == CORPS__NO_MEMBER);
    corps__replicas_unref(table);
    table = table_of(1, CORPS__SPREAD, 0, NULL);
    assert_true(corps__replicas_spread(table, 5, load_of, NULL) == CORPS__NO_MEMBER);
    corps__replicas_unref(table);
}

static void test_two_members(void **state) {
    (void)state;
    clear_loads();
    loads[0] = 1;
    unsigned counts[MEMBERS];
    struct corps__replicas *table = table_of(1, CORPS__SPREAD, 2, NULL);
    count_spread(table, counts);
    assert_int_equal(counts[1], CHOICES);
    table->members[1].avoided = true;
    count_spread(table, counts);
    assert_int_equal(counts[0], CHOICES);
    corps__replicas_unref(table);
}

static void test_sticky(void **state) {
    (void)state;
    struct corps__replicas *seven = table_of(1, CORPS__STICKY, MEMBERS - 1, NULL);
    struct corps__replicas *eight = table_of(2, CORPS__STICKY, MEMBERS, seven);
    unsigned moved = 0, counts[MEMBERS] = {0};
    for (uint64_t key = 0; key < CHOICES; key++) {
        size_t before = corps__replicas_sticky(seven, key), after = corps__replicas_sticky(eight, key);
        assert_true(after == before || after == MEMBERS - 1); /* to the new one alone */
        moved += after != before;
        counts[after]++;
    }
    assert_in_range(moved, 375, 625);
    for (size_t i = 0; i < MEMBERS; i++) {
        assert_in_range(counts[i], 375, 625);
    }
    size_t usual = corps__replicas_sticky(eight, 42);
    eight->members[usual].avoided = true;
    assert_true(corps__replicas_sticky(eight, 42) != usual);
    corps__replicas_unref(seven);
    corps__replicas_unref(eight);
}

static void test_nearest(void **state) {
    (void)state;
    clear_loads();
    struct corps__replicas *table = table_of(1, CORPS__NEAREST, 4, NULL);
    loads[2] = 100;
    loads[0] = loads[1] = 7;
    assert_int_equal(corps__replicas_nearest(table, 2, 0, load_of, NULL), 2);
    assert_int_equal(corps__replicas_nearest(table, CORPS__GUEST_ENV, 0, load_of, NULL), 3);
    table->members[2].avoided = true;
    assert_int_equal(corps__replicas_nearest(table, 2, 0, load_of, NULL), 3);
    table->members[2].avoided = false;
    loads[2] = CORPS__LOAD_NONE;
    assert_int_equal(corps__replicas_nearest(table, 2, 0, load_of, NULL), 3);
    corps__replicas_unref(table);
}

static void test_least(void **state) {
    (void)state;
    struct corps__replicas *table = table_of(1, CORPS__SPREAD, MEMBERS, NULL);
    for (size_t i = 0; i < MEMBERS; i++) {
        loads[i] = i == 3 || i == 5 ? 2 : 9;
    }
    unsigned of_3 = 0;
    for (uint64_t i = 0; i < 200; i++) {
        size_t at = corps__replicas_least(table, corps__mix(i), load_of, NULL);
        assert_true(at == 3 || at == 5);
        of_3 += at == 3;
    }
    assert_in_range(of_3, 1, 199);
    loads[0] = CORPS__LOAD_NONE;
    assert_int_equal(corps__replicas_outstanding(table, load_of, NULL), 5 * 9 + 2 * 2);
    corps__replicas_unref(table);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_read),   cmocka_unit_test(test_read_nothing_new), cmocka_unit_test(test_read_nonsense),
        cmocka_unit_test(test_spread), cmocka_unit_test(test_spread_avoids),    cmocka_unit_test(test_two_members),
        cmocka_unit_test(test_sticky), cmocka_unit_test(test_nearest),          cmocka_unit_test(test_least),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
