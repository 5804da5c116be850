/* Errors: every code has a name and a text of its own, and the detail is the calling thread's. */
#include <corps/error.h>

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void test_names_and_texts(void **state) {
    (void)state;
    for (int i = 0; i < CORPS_ERR_COUNT; i++) {
        const char *name = corps_error_name((enum corps_err)i);
        assert_string_not_equal(name, "?");
        assert_true(strlen(corps_error_text((enum corps_err)i)) > 3);
        for (int other = 0; other < i; other++) {
            assert_string_not_equal(name, corps_error_name((enum corps_err)other));
        }
    }
    assert_string_equal(corps_error_name(CORPS_ERR_COUNT), "?");
    assert_string_equal(corps_error_text((enum corps_err) - 1), "?");
}

/* Numbers are part of the ABI and of the wire: these must never change. */
static void test_numbers(void **state) {
    (void)state;
    assert_int_equal(CORPS_OK, 0);
    assert_int_equal(CORPS_ERR_FULL, 2);
    assert_int_equal(CORPS_ERR_TIMEOUT, 7);
    assert_int_equal(CORPS_ERR_PROTOCOL, 14);
    assert_int_equal(CORPS_ERR_WORKER_LOST, 24);
    assert_int_equal(CORPS_ERR_DEADLOCK, 26);
}

static void test_detail(void **state) {
    (void)state;
    assert_int_equal(corps_error_set(CORPS_ERR_INVALID, "size is %d", 7), CORPS_ERR_INVALID);
    assert_string_equal(corps_error_detail(), "size is 7");
    /* The old detail may be an argument of the new one. */
    assert_int_equal(corps_error_set(CORPS_ERR_LIMIT, "first: %s", corps_error_detail()), CORPS_ERR_LIMIT);
    assert_string_equal(corps_error_detail(), "first: size is 7");
    char large[2000];
    memset(large, 'x', sizeof large - 1);
    large[sizeof large - 1] = '\0';
    (void)corps_error_set(CORPS_ERR_INVALID, "%s", large);
    assert_int_equal(strlen(corps_error_detail()), 511);
}

static void test_system(void **state) {
    (void)state;
    errno = ENOENT;
    assert_int_equal(corps_error_system("cannot open %s", "a file"), CORPS_ERR_SYSTEM);
    assert_string_equal(corps_error_detail(), "cannot open a file: No such file or directory");
}

static void *other_thread(void *arg) {
    (void)arg;
    bool empty = corps_error_detail()[0] == '\0';
    (void)corps_error_set(CORPS_ERR_INVALID, "of the other thread");
    return (void *)(uintptr_t)empty;
}

static void test_threads(void **state) {
    (void)state;
    (void)corps_error_set(CORPS_ERR_INVALID, "of this thread");
    pthread_t thread;
    void *was_empty;
    assert_int_equal(pthread_create(&thread, NULL, other_thread, NULL), 0);
    assert_int_equal(pthread_join(thread, &was_empty), 0);
    assert_non_null(was_empty);
    assert_string_equal(corps_error_detail(), "of this thread");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names_and_texts), cmocka_unit_test(test_numbers), cmocka_unit_test(test_detail),
        cmocka_unit_test(test_system),          cmocka_unit_test(test_threads),
    };
    return cmocka_run_group_tests_name("error", tests, NULL, NULL);
}
