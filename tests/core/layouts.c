/* Programs that were compiled for another version of Corps: `layouts TRANSPORT [TEST]`. Their structs are smaller or
 * larger than ours, and say so. */
#include "helpers.h"

#include <stddef.h>
#include <string.h>

/* ---- a program's classes: one as a smaller struct, one as a larger ---- */

struct newer_class {
    struct corps_class known;
    uint64_t later[3];
};

static enum corps_err double_it(struct corps_context *context, void *self, const struct corps_value *args,
                                struct corps_value *result) {
    (void)context;
    (void)self;
    *result = corps_int(2 * corps_value_open(args)->integer);
    return CORPS_OK;
}

/* What a newer program might say of an error: `first` is what this version does not know. */
static enum corps_err fail_newly(struct corps_context *context, void *self, const struct corps_value *args,
                                 struct corps_value *result) {
    (void)self;
    (void)result;
    struct corps_error_info info = {.type = "Novelty", .text = "as before"};
    info.reserved[0] = (uint64_t)corps_value_open(args)->integer;
    return corps_fail_with(context, &info);
}

static const struct corps_method methods[] = {{"double", double_it}, {"fail", fail_newly}, {NULL, NULL}};
static const struct corps_class smaller = {
    .name = "Smaller", .methods = methods, .size = offsetof(struct corps_class, reserved)};
static const struct newer_class larger = {{.name = "Larger", .methods = methods, .size = sizeof larger}, {0, 0, 0}};
static const struct corps_class plain = {.name = "Plain", .methods = methods};
static const struct corps_class *const classes[] = {&smaller, &larger.known, &plain, NULL};
static const struct newer_class unknown = {{.name = "Unknown", .methods = methods, .size = sizeof unknown}, {0, 1, 0}};
static const struct corps_class *const unknown_classes[] = {&plain, &unknown.known, NULL};

static void assert_invalid(enum corps_err err, const char *word) {
    assert_int_equal(err, CORPS_ERR_INVALID);
    assert_non_null(strstr(corps_error_detail(), word));
}

static void test_classes(void **state) {
    (void)state;
    struct corps *corps = make_with((struct corps_options){.env_count = 2});
    static const char *const names[] = {"Smaller", "Larger", "Plain"};
    for (size_t i = 0; i < 3; i++) {
        struct corps_name *name = worker_in(corps, names[i], last_env(corps));
        assert_int_equal(ask_int(name, "double", corps_int(21)), 42);
        corps_name_unref(name);
    }
    assert_ok(corps_exit(corps, LONG_NS));
}

static void test_unknown_class(void **state) {
    (void)state;
    struct corps *corps = NULL;
    corps_start(unknown_classes);
    assert_invalid(corps_create(NULL, NULL, NULL, &corps), "struct corps_class has a field set");
    corps_start(classes);
    setenv("LAYOUTS_UNKNOWN", "1", 1); /* the Envs have it */
    assert_invalid(corps_create(NULL, NULL, NULL, &corps), "struct corps_class has a field set");
    unsetenv("LAYOUTS_UNKNOWN");
    assert_null(corps);
}

static void test_options(void **state) {
    (void)state;
    struct {
        struct corps_options known;
        uint64_t later[2];
    } newer = {.known = {.env_count = 1, .tag = "newer", .size = sizeof newer}};
    struct corps *corps = NULL;
    assert_ok(corps_create(NULL, NULL, &newer.known, &corps));
    assert_ok(corps_exit(corps, LONG_NS));
    corps = NULL;
    newer.later[1] = 1;
    assert_invalid(corps_create(NULL, NULL, &newer.known, &corps), "struct corps_options has a field set");
    struct corps_options options = {0};
    options.reserved[sizeof options.reserved / sizeof options.reserved[0] - 1] = 1;
    assert_invalid(corps_create(NULL, NULL, &options, &corps), "struct corps_options has a field set");
    options = (struct corps_options){.size = 12};
    assert_invalid(corps_create(NULL, NULL, &options, &corps), "the size of struct corps_options is 12");
    assert_null(corps);
    options = (struct corps_options){.size = offsetof(struct corps_options, reserved)};
    memset(options.reserved, 0xff, sizeof options.reserved); /* beyond its size: somebody else's */
    assert_ok(corps_create(NULL, NULL, &options, &corps));
    assert_ok(corps_exit(corps, LONG_NS));
}

static void test_calls(void **state) {
    (void)state;
    struct corps *corps = make_with((struct corps_options){.env_count = 2});
    struct corps_name *name = worker_in(corps, "Plain", last_env(corps));
    struct {
        struct corps_call_options known;
        uint64_t later[2];
    } newer = {.known = {.timeout_ns = LONG_NS, .size = sizeof newer}};
    struct corps_value three = corps_int(3);
    struct corps_future *future = NULL;
    const struct corps_value *result = NULL;
    assert_ok(corps_call(name, "double", &three, &newer.known, &future));
    assert_ok(corps_future_wait(future, LONG_NS, &result));
    assert_int_equal(result->integer, 6);
    corps_future_destroy(future);
    assert_ok(corps_send(name, "double", &three, &newer.known));
    future = NULL;
    newer.later[0] = 1;
    assert_invalid(corps_call(name, "double", &three, &newer.known, &future), "struct corps_call_options");
    assert_invalid(corps_send(name, "double", &three, &newer.known), "struct corps_call_options");
    for (size_t i = 0; i < 6; i++) {
        struct corps_call_options options = {.size = i < 3 ? sizeof options : 0};
        options.reserved[i % 3] = 1;
        assert_invalid(corps_call(name, "double", &three, &options, &future), "struct corps_call_options");
    }
    const struct corps_call_options flags = {.flags = CORPS_CALL_TRY | 1u << 30};
    assert_invalid(corps_call(name, "double", &three, &flags, &future), "flags of a call are 0x40000001");
    assert_null(future);
    struct corps_name *other = NULL;
    struct corps_location location = CORPS_ENV_ID(0);
    location.reserved[0] = 1;
    assert_invalid(corps_create_concs(corps, "Plain", NULL, location, 1, &other), "struct corps_location");
    corps_name_unref(name);
    assert_ok(corps_exit(corps, LONG_NS));
}

/* A failure that holds what is not known is still one, and says what is wrong. */
static void test_failures(void **state) {
    (void)state;
    struct corps *corps = make_with((struct corps_options){.env_count = 2});
    struct corps_name *name = worker_in(corps, "Plain", last_env(corps));
    for (int64_t unknown_word = 0; unknown_word < 2; unknown_word++) {
        struct corps_future *future = begin(name, "fail", corps_int(unknown_word));
        assert_int_equal(corps_future_wait(future, LONG_NS, NULL), CORPS_ERR_REMOTE);
        const struct corps_error_info *info = corps_future_error(future);
        assert_string_equal(info->type, unknown_word ? "INVALID" : "Novelty");
        assert_non_null(strstr(info->text, unknown_word ? "struct corps_error_info has a field set" : "as before"));
        corps_future_destroy(future);
    }
    corps_name_unref(name);
    assert_ok(corps_exit(corps, LONG_NS));
}

int main(int argc, char **argv) {
    int status = test_start(argc, argv, getenv("LAYOUTS_UNKNOWN") != NULL ? unknown_classes : classes);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_classes), cmocka_unit_test(test_unknown_class), cmocka_unit_test(test_options),
        cmocka_unit_test(test_calls),   cmocka_unit_test(test_failures),
    };
    return status != 0 ? status : cmocka_run_group_tests_name("layouts", tests, NULL, NULL);
}
