/* HELLO: what one says the other reads; what is missing or of another kind is refused; what is not known is ignored. */
#include "link/hello.h"

#include "codec/wire.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void test_round_trip(void **state) {
    (void)state;
    const struct corps__greeting said = {.corps_id = 0xfedcba9876543210,
                                         .env = UINT32_MAX,
                                         .incarnation = INT64_MAX,
                                         .wanted = INT64_MAX - 1,
                                         .host = 65535,
                                         .identity = {UINT64_MAX, 1}};
    struct corps_encoding encoding;
    const struct corps_serializer *msgpack;
    corps_encoding_init(&encoding);
    assert_int_equal(corps__hello_encode(&said, 4711, &encoding), CORPS_OK);
    assert_ptr_equal(encoding.stream, encoding.small);
    assert_int_equal(corps_serializer_find("msgpack", &msgpack), CORPS_OK);
    struct corps_box *box = corps_box_create();
    const struct iovec segment = {encoding.stream, encoding.stream_bytes};
    assert_int_equal(msgpack->decode(&segment, 1, NULL, CORPS_DECODE_VALUES, box), CORPS_OK);
    struct corps__greeting heard = {0};
    assert_int_equal(corps__hello_read(corps_box_root(box), &heard), CORPS_OK);
    assert_true(heard.corps_id == said.corps_id && heard.env == said.env);
    assert_true(heard.incarnation == said.incarnation && heard.wanted == said.wanted);
    assert_memory_equal(heard.identity, said.identity, sizeof said.identity);
    assert_true(heard.host == said.host);
    assert_true(heard.features == (CORPS__FEATURE_CANCEL | CORPS__FEATURE_CLOCK));
    corps_box_unref(box);
    corps_encoding_finish(&encoding);
}

/* A HELLO with these versions, and one entry more (NULL: none). */
static enum corps_err read_it(int64_t lowest, int64_t highest, const struct corps_entry *more) {
    struct corps_value versions[] = {corps_int(lowest), corps_int(highest)};
    struct corps_entry entries[4] = {{corps_str("corps"), corps_int(1)}, {corps_str("env"), corps_int(2)}};
    entries[2] = (struct corps_entry){corps_str("versions"), corps_array(versions, 2)};
    if (more != NULL) {
        entries[3] = *more;
    }
    const struct corps_value map = corps_map(entries, more != NULL ? 4 : 3);
    struct corps__greeting greeting;
    return corps__hello_read(&map, &greeting);
}

static void test_versions(void **state) {
    (void)state;
    enum { OURS = CORPS__WIRE_VERSION };
    assert_int_equal(read_it(OURS, OURS, NULL), CORPS_OK);
    assert_int_equal(read_it(0, OURS, NULL), CORPS_OK);
    assert_int_equal(read_it(OURS, OURS + 9, NULL), CORPS_OK);
    assert_int_equal(read_it(OURS + 1, OURS + 3, NULL), CORPS_ERR_VERSION);
    assert_non_null(strstr(corps_error_detail(), "wire versions 5 to 7, this program version 4"));
    assert_int_equal(read_it(1, OURS - 1, NULL), CORPS_ERR_VERSION);
    assert_int_equal(read_it(OURS + 1, OURS, NULL), CORPS_ERR_PROTOCOL);
    assert_int_equal(read_it(-1, OURS, NULL), CORPS_ERR_PROTOCOL);
}

static void test_hosts(void **state) {
    (void)state;
    const struct corps_entry ours = {corps_str("host"), corps_int(65535)};
    const struct corps_entry wrong[] = {
        {corps_str("host"), corps_int(65536)}, {corps_str("host"), corps_int(-1)}, {corps_str("host"), corps_str("a")}};
    assert_int_equal(read_it(4, 4, &ours), CORPS_OK);
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_int_equal(read_it(4, 4, &wrong[i]), CORPS_ERR_PROTOCOL);
    }
}

static void test_features(void **state) {
    (void)state;
    const struct corps_entry some = {corps_str("features"), corps_int(INT64_MAX)};
    const struct corps_entry none = {corps_str("features"), corps_str("all")};
    assert_int_equal(read_it(CORPS__WIRE_VERSION, CORPS__WIRE_VERSION, &some), CORPS_OK);
    assert_int_equal(read_it(CORPS__WIRE_VERSION, CORPS__WIRE_VERSION, &none), CORPS_ERR_PROTOCOL);
}

static void test_unknown_keys(void **state) {
    (void)state;
    struct corps_value nested[] = {corps_nil(), corps_bool(true)};
    const struct corps_entry more[] = {
        {corps_str("later"), corps_int(7)}, {corps_int(3), corps_array(nested, 2)}, {corps_nil(), corps_str("x")}};
    for (size_t i = 0; i < sizeof more / sizeof more[0]; i++) {
        assert_int_equal(read_it(4, 4, &more[i]), CORPS_OK);
    }
}

/* They may be missing; what is there is a number. */
static void test_incarnations(void **state) {
    (void)state;
    static const char *const keys[] = {"incarnation", "wanted"};
    for (unsigned i = 0; i < 2; i++) {
        const struct corps_entry zero = {corps_str(keys[i]), corps_int(0)};
        const struct corps_entry most = {corps_str(keys[i]), corps_int(INT64_MAX)};
        assert_int_equal(read_it(4, 4, &zero), CORPS_OK);
        assert_int_equal(read_it(4, 4, &most), CORPS_OK);
        const struct corps_value bad[] = {corps_nil(), corps_str("1"), corps_int(-1), corps_float(1), corps_bool(true)};
        for (unsigned k = 0; k < sizeof bad / sizeof bad[0]; k++) {
            const struct corps_entry wrong = {corps_str(keys[i]), bad[k]};
            assert_int_equal(read_it(4, 4, &wrong), CORPS_ERR_PROTOCOL);
        }
    }
}

static void test_identities(void **state) {
    (void)state;
    static const uint8_t bytes[17] = {1};
    const struct corps_value bad[] = {corps_bin(bytes, 15), corps_bin(bytes, 17), corps_bin(NULL, 0), corps_int(1),
                                      corps_str("0123456789abcdef")};
    struct corps_entry entry = {corps_str("identity"), corps_bin(bytes, 16)};
    assert_int_equal(read_it(4, 4, &entry), CORPS_OK);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        entry.value = bad[i];
        assert_int_equal(read_it(4, 4, &entry), CORPS_ERR_PROTOCOL);
    }
}

static void test_damage(void **state) {
    (void)state;
    struct corps__greeting greeting;
    struct corps_value versions[] = {corps_int(4), corps_int(4)};
    const struct corps_entry good[] = {{corps_str("versions"), corps_array(versions, 2)},
                                       {corps_str("corps"), corps_int(1)},
                                       {corps_str("env"), corps_int(2)}};
    const struct corps_value bad[] = {corps_nil(), corps_str("4"), corps_array(versions, 1), corps_int(-5)};
    for (unsigned i = 0; i < 3; i++) {
        struct corps_entry entries[3];
        memcpy(entries, good, sizeof entries);
        entries[i] = entries[2]; /* one is missing */
        struct corps_value map = corps_map(entries, 2);
        assert_int_equal(corps__hello_read(&map, &greeting), CORPS_ERR_PROTOCOL);
        for (unsigned k = 0; k < sizeof bad / sizeof bad[0]; k++) {
            memcpy(entries, good, sizeof entries);
            entries[i].value = bad[k];
            map = corps_map(entries, 3);
            bool fits = i == 1 && bad[k].kind == CORPS_INT; /* ids take all 64 bits */
            assert_int_equal(corps__hello_read(&map, &greeting), fits ? CORPS_OK : CORPS_ERR_PROTOCOL);
        }
    }
    for (unsigned k = 0; k < sizeof bad / sizeof bad[0]; k++) {
        assert_int_equal(corps__hello_read(&bad[k], &greeting), CORPS_ERR_PROTOCOL);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip), cmocka_unit_test(test_versions),     cmocka_unit_test(test_hosts),
        cmocka_unit_test(test_features),   cmocka_unit_test(test_unknown_keys), cmocka_unit_test(test_incarnations),
        cmocka_unit_test(test_identities), cmocka_unit_test(test_damage),
    };
    return cmocka_run_group_tests_name("hello", tests, NULL, NULL);
}
