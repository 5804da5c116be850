/* The table of definitions: found by key, kept where they are, bounded. */
#include "codec/definitions.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void key_of(unsigned n, uint8_t key[CORPS_DEFINITION_KEY_BYTES]) {
    memset(key, 0, CORPS_DEFINITION_KEY_BYTES);
    /* The first bytes choose the slot: several keys share theirs, and these lie apart as hashes do. */
    memcpy(key, &(uint32_t){n / 4 * UINT32_C(0x9e3779b1)}, sizeof(uint32_t));
    memcpy(key + 12, &n, sizeof n);
}

static void test_found_where_it_was(void **state) {
    (void)state;
    enum { COUNT = 3000 };
    static const struct corps__definition *first[COUNT];
    uint8_t key[CORPS_DEFINITION_KEY_BYTES];
    char text[32];
    for (unsigned i = 0; i < COUNT; i++) {
        key_of(i, key);
        assert_null(corps__definition_find(key));
        int bytes = snprintf(text, sizeof text, "definition %u", i);
        first[i] = corps__definition_own(key, text, (size_t)bytes);
        assert_non_null(first[i]);
    }
    for (unsigned i = 0; i < COUNT; i++) {
        key_of(i, key);
        int bytes = snprintf(text, sizeof text, "definition %u", i);
        assert_ptr_equal(corps__definition_find(key), first[i]);
        assert_ptr_equal(corps__definition_at(first[i]->number), first[i]);
        assert_ptr_equal(corps__definition_own(key, "other", 5),
                         first[i]); /* its content is its name: not asked again */
        assert_int_equal(first[i]->bytes, bytes);
        assert_memory_equal(first[i]->data, text, bytes);
    }
    assert_null(corps__definition_at(1000000));
}

static void test_taken(void **state) {
    (void)state;
    uint8_t key[CORPS_DEFINITION_KEY_BYTES] = "taken from peer";
    const void *data;
    size_t bytes;
    assert_false(corps_definition_find(key, &data, &bytes));
    assert_int_equal(corps__definition_take(key, "abc", 3), CORPS_OK);
    assert_int_equal(corps__definition_take(key, "abc", 3), CORPS_OK);
    assert_true(corps_definition_find(key, &data, &bytes));
    assert_int_equal(bytes, 3);
    assert_memory_equal(data, "abc", 3);
    memset(key, 0xee, sizeof key);
    assert_int_equal(corps__definition_take(key, "", CORPS__DEFINITIONS_TAKEN_BYTES_MAX + 1), CORPS_ERR_LIMIT);
    assert_null(corps__definition_find(key));
}

static void test_encoding(void **state) {
    (void)state;
    uint8_t key[CORPS_DEFINITION_KEY_BYTES] = "of an encoding.";
    struct corps_encoding encoding;
    corps_encoding_init(&encoding);
    assert_false(corps_encoding_define(&encoding, key, "x", 1)); /* whoever sends it cannot send definitions */
    assert_null(corps__definition_find(key));
    encoding.defines = true;
    for (unsigned i = 0; i < 40; i++) {
        assert_true(corps_encoding_define(&encoding, key, "x", 1));
    }
    assert_int_equal(encoding.definition_count, 40);
    assert_int_equal(encoding.definitions[39], corps__definition_find(key)->number);
    corps_encoding_clear(&encoding);
    assert_int_equal(encoding.definition_count, 0);
    assert_true(encoding.defines);
    corps_encoding_finish(&encoding);
    assert_false(encoding.defines);
}

static void *fill(void *arg) {
    unsigned *added = arg;
    uint8_t key[CORPS_DEFINITION_KEY_BYTES];
    for (unsigned i = 0; i < 2 * CORPS__DEFINITIONS_MAX; i++) {
        key_of(i + 1000000, key);
        const struct corps__definition *made = corps__definition_own(key, key, sizeof key);
        if (made != NULL) {
            assert_memory_equal(made->data, key, sizeof key);
            *added += 1;
        }
    }
    return NULL;
}

static void test_bounded_with_threads(void **state) {
    (void)state;
    enum { THREADS = 4 };
    pthread_t threads[THREADS];
    unsigned added[THREADS] = {0};
    uint8_t key[CORPS_DEFINITION_KEY_BYTES];
    memset(key, 0xdd, sizeof key);
    static uint8_t large[1];
    assert_null(corps__definition_own(key, large, (size_t)CORPS__DEFINITION_BYTES_MAX + 1));
    for (unsigned i = 0; i < THREADS; i++) {
        pthread_create(&threads[i], NULL, fill, &added[i]);
    }
    for (unsigned i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    for (unsigned i = 0; i < THREADS; i++) {
        assert_int_equal(added[i], added[0]); /* all see the same table, whoever added */
        assert_true(added[i] > 0 && added[i] < CORPS__DEFINITIONS_MAX);
    }
    assert_null(corps__definition_own(key, "x", 1));
    assert_int_equal(corps__definition_take(key, "x", 1), CORPS_OK); /* what others name still finds room */
}

/* Without any bytes of their own they take up memory all the same. Last: afterwards there is no room. */
static void test_empty_ones_are_bounded(void **state) {
    (void)state;
    uint8_t key[CORPS_DEFINITION_KEY_BYTES] = {0};
    unsigned taken = 0;
    enum corps_err err = CORPS_OK;
    for (uint64_t i = 0; err == CORPS_OK && i < 2 * CORPS__DEFINITIONS_TAKEN_MAX; i++) {
        uint64_t spread = i * UINT64_C(0x9e3779b97f4a7c15);
        memcpy(key, &spread, sizeof spread);
        memcpy(key + 8, "no bytes", 8);
        err = corps__definition_take(key, "", 0);
        taken += err == CORPS_OK;
    }
    assert_int_equal(err, CORPS_ERR_LIMIT);
    assert_true(taken > CORPS__DEFINITIONS_TAKEN_MAX / 2 && taken <= CORPS__DEFINITIONS_TAKEN_MAX);
    assert_int_equal(corps__definition_take(key, "", 0), CORPS_ERR_LIMIT);
}

static void test_a_link_brings_so_much(void **state) {
    (void)state;
    struct corps__brought brought = {0};
    uint8_t key[CORPS_DEFINITION_KEY_BYTES] = "over a link";
    for (unsigned i = 0; i < CORPS__DEFINITIONS_LINK_MAX; i++) { /* dropped: there is no room, and the link lives on */
        assert_int_equal(corps__definition_bring(&brought, key, "", 0), CORPS_OK);
    }
    assert_int_equal(corps__definition_bring(&brought, key, "", 0), CORPS_ERR_PROTOCOL);
    brought = (struct corps__brought){.bytes = CORPS__DEFINITIONS_LINK_BYTES_MAX - 4};
    assert_int_equal(corps__definition_bring(&brought, key, "12345", 5), CORPS_ERR_PROTOCOL);
    assert_int_equal(corps__definition_bring(&brought, key, "1234", 4), CORPS_OK);
    assert_null(corps__definition_find(key));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_found_where_it_was),
        cmocka_unit_test(test_taken),
        cmocka_unit_test(test_encoding),
        cmocka_unit_test(test_bounded_with_threads),
        cmocka_unit_test(test_empty_ones_are_bounded),
        cmocka_unit_test(test_a_link_brings_so_much),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
