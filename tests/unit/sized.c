/* Structs of older and newer layouts, read as ours: `unit-sized`. */
#include "base/sized.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* 0.1 had `a` and two words; then `b` took one of them, and `c` did not fit any more. */
struct old {
    int a;
    size_t size;
    uint64_t reserved[2];
};
struct thing {
    int a;
    size_t size;
    void *b;
    uint64_t was_reserved;
    uint64_t c;
    uint64_t reserved[2];
};
struct newer {
    struct thing known;
    uint64_t d[3];
};

static const struct corps__sized kind = CORPS__SIZED(thing, sizeof(struct old));

static void test_ours(void **state) {
    (void)state;
    struct thing given = {.a = 1, .size = sizeof given, .b = &given, .c = 5};
    struct thing own;
    assert_ptr_equal(corps__sized_take(&kind, &given, &own), &given);
}

static void test_older(void **state) {
    (void)state;
    struct old *old = malloc(sizeof *old); /* a sanitizer sees what is read beyond it */
    *old = (struct old){.a = 7};
    struct thing own;
    memset(&own, 0xff, sizeof own);
    const struct thing *taken = corps__sized_take(&kind, old, &own);
    assert_ptr_equal(taken, &own);
    assert_int_equal(taken->a, 7);
    assert_null(taken->b);
    assert_int_equal(taken->c, 0);
    assert_int_equal(taken->reserved[1], 0);
    old->size = sizeof *old;
    assert_ptr_equal(corps__sized_take(&kind, old, &own), &own);
    free(old);
}

/* Fields that took the place of what was reserved need no size. */
static void test_without_size(void **state) {
    (void)state;
    struct thing given = {.a = 1, .b = &given, .c = 9};
    struct thing own;
    const struct thing *taken = corps__sized_take(&kind, &given, &own);
    assert_non_null(taken);
    assert_ptr_equal(taken->b, &given);
    assert_int_equal(taken->c, 0); /* it lies beyond the layout that 0 stands for */
}

static void assert_refused(const void *given, const char *word) {
    struct thing own = {.a = -1};
    assert_null(corps__sized_take(&kind, given, &own));
    assert_non_null(strstr(corps_error_detail(), word));
    assert_non_null(strstr(corps_error_detail(), "struct thing"));
    assert_int_equal(own.a, -1);
}

static void test_newer(void **state) {
    (void)state;
    struct newer given = {.known = {.a = 3, .size = sizeof given}};
    struct thing own;
    const struct thing *taken = corps__sized_take(&kind, &given, &own);
    assert_ptr_equal(taken, &own);
    assert_int_equal(taken->a, 3);
    for (size_t i = 0; i < 3; i++) {
        given.d[i] = 1;
        assert_refused(&given, "does not know");
        given.d[i] = 0;
    }
    given.known.reserved[1] = 1;
    assert_refused(&given, "does not know");
}

static void test_no_size(void **state) {
    (void)state;
    struct thing given = {.size = 3};
    assert_refused(&given, "the size");
    given.size = (size_t)1 << 40; /* memory that nobody has set */
    assert_refused(&given, "the size");
    given.size = offsetof(struct thing, size) + sizeof given.size;
    struct thing own;
    assert_ptr_equal(corps__sized_take(&kind, &given, &own), &own);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ours),         cmocka_unit_test(test_older),   cmocka_unit_test(test_newer),
        cmocka_unit_test(test_without_size), cmocka_unit_test(test_no_size),
    };
    return cmocka_run_group_tests_name("sized", tests, NULL, NULL);
}
