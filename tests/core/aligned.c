/* Large bytes lie aligned wherever they arrive, alone and beside others, as arguments and as results, bare and in
 * msgpack. `aligned TRANSPORT [TEST]`. */

#include "codec/wire.h"
#include "helpers.h"

#include <string.h>

static const size_t sizes[] = {1, 100, 4095, 4096, 4097, 8192, 20001, 65536, 70003, 1 << 20};
enum { SIZES = sizeof sizes / sizeof sizes[0] };
static uint8_t bytes[1 << 20];

static bool is_aligned(const struct corps_value *bin) {
    return bin->count < CORPS__ALIGNED_FROM || (uintptr_t)bin->bin % CORPS__ALIGNMENT == 0;
}

/* How many of these bytes, or of the bytes in this array, do not lie as they should, or are others than were sent. */
static int64_t count_wrong(const struct corps_value *value) {
    size_t count = value->kind == CORPS_ARRAY ? value->count : 1;
    int64_t wrong = 0;
    for (size_t i = 0; i < count; i++) {
        const struct corps_value *item = value->kind == CORPS_ARRAY ? corps_value_item(value, i) : value;
        wrong += item->kind != CORPS_BIN || !is_aligned(item) || memcmp(item->bin, bytes, item->count) != 0;
    }
    return wrong;
}

static void fill(void) {
    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] = (uint8_t)(i * 7 + i / 251);
    }
}

static enum corps_err look(struct corps_context *context, void *self, const struct corps_value *args,
                           struct corps_value *result) {
    (void)context;
    (void)self;
    fill();
    *result = corps_int(count_wrong(args));
    return CORPS_OK;
}

static const struct corps_method methods[] = {{"look", look}, {"back", method_echo}, {NULL, NULL}};
static const struct corps_class looker_class = {.name = "Looker", .methods = methods};
static const struct corps_class *const classes[] = {&looker_class, NULL};

static void check(const struct corps_name *name, struct corps_value args, const char *serializer) {
    const struct corps_call_options options = {.serializer = serializer};
    const struct corps_value *result;
    struct corps_future *future;
    bool bare = strcmp(serializer, "none") == 0; /* carries no numbers back */
    if (!bare) {
        assert_int_equal(ask_int(name, "look", args), 0);
    }
    assert_ok(corps_call(name, "back", &args, &options, &future));
    assert_ok(corps_future_wait(future, LONG_NS, &result));
    assert_int_equal(result->count, args.count);
    assert_int_equal(count_wrong(result), 0);
    corps_future_destroy(future);
}

static void test_alone(void **state) {
    (void)state;
    struct corps *corps = make_with((struct corps_options){.env_count = 2, .serializer = "msgpack"});
    struct corps_name *name = worker_in(corps, "Looker", last_env(corps));
    for (unsigned i = 0; i < SIZES; i++) {
        check(name, corps_bin(bytes, sizes[i]), "msgpack");
        check(name, corps_bin(bytes, sizes[i]), "none");
    }
    corps_name_unref(name);
    assert_ok(corps_exit(corps, LONG_NS));
}

static void test_together(void **state) {
    (void)state;
    struct corps *corps = make_with((struct corps_options){.env_count = 2, .serializer = "msgpack"});
    struct corps_name *name = worker_in(corps, "Looker", last_env(corps));
    struct corps_value items[2 * SIZES];
    for (unsigned i = 0; i < SIZES; i++) {
        items[i] = items[2 * SIZES - 1 - i] = corps_bin(bytes, sizes[i]);
    }
    for (unsigned count = 1; count <= 2 * SIZES; count += 3) {
        check(name, corps_array(items, count), "msgpack");
        check(name, corps_array(items + 2 * SIZES - count, count), "msgpack");
    }
    corps_name_unref(name);
    assert_ok(corps_exit(corps, LONG_NS));
}

int main(int argc, char **argv) {
    int status = test_start(argc, argv, classes);
    if (status != 0) {
        return status;
    }
    fill();
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_alone), cmocka_unit_test(test_together)};
    return cmocka_run_group_tests_name("aligned", tests, NULL, NULL);
}
