/* What is too large for one message fails where it would be sent, before anything is, and says the limit; the link goes
 * on. `limits TRANSPORT [TEST]`. The memory is never touched, so that this needs none. `largest` (by hand: it takes 2
 * GiB at the receiver) sends what is just below the limit. */

#include "actor/message.h"
#include "helpers.h"

#include <string.h>
#include <sys/mman.h>

#define HUGE_BYTES ((size_t)3 << 30)

/* Zeros that take up no memory. */
static const void *nothing(void) {
    static void *memory;
    if (memory == NULL) {
        memory = mmap(NULL, HUGE_BYTES, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        assert_true(memory != MAP_FAILED);
    }
    return memory;
}

/* ---- what is asked ---- */

static enum corps_err length(struct corps_context *context, void *self, const struct corps_value *args,
                             struct corps_value *result) {
    (void)context;
    (void)self;
    *result = corps_int((int64_t)args->count);
    return CORPS_OK;
}

static enum corps_err give(struct corps_context *context, void *self, const struct corps_value *args,
                           struct corps_value *result) {
    (void)self;
    struct corps_value *items = corps_context_alloc(context, 3 * sizeof *items);
    switch (args->integer) {
    case 0:
        *result = corps_bin(nothing(), HUGE_BYTES);
        break;
    case 1:
        *result = corps_str_bytes(nothing(), HUGE_BYTES);
        break;
    default:
        items[0] = items[1] = items[2] = corps_bin(nothing(), HUGE_BYTES / 3);
        *result = corps_array(items, 3);
        break;
    }
    return CORPS_OK;
}

static const struct corps_method methods[] = {{"length", length}, {"give", give}, {NULL, NULL}};
static const struct corps_class holder_class = {.name = "Holder", .methods = methods};
static const struct corps_class *const classes[] = {&holder_class, NULL};

static bool says_limit(const char *text) {
    return strstr(text, "2147") != NULL && strstr(text, "one message") != NULL;
}

static void assert_goes_on(const struct corps_name *name) {
    assert_int_equal(ask_int(name, "length", corps_bin("four", 4)), 4);
}

static void refused(const struct corps_name *name, struct corps_value args, const char *serializer) {
    struct corps_future *future;
    const struct corps_call_options options = {.serializer = serializer};
    assert_int_equal(corps_call(name, "length", &args, &options, &future), CORPS_ERR_TOO_LARGE);
    assert_true(says_limit(corps_error_detail()));
    assert_int_equal(corps_send(name, "length", &args, &options), CORPS_ERR_TOO_LARGE);
    assert_goes_on(name);
}

static void test_arguments(void **state) {
    (void)state;
    struct corps *corps = make_with((struct corps_options){.env_count = 2, .serializer = "msgpack"});
    struct corps_name *name = worker_in(corps, "Holder", 1);
    struct corps_value parts[3];
    parts[0] = parts[1] = parts[2] = corps_bin(nothing(), HUGE_BYTES / 3);
    refused(name, corps_bin(nothing(), HUGE_BYTES), NULL);
    refused(name, corps_bin(nothing(), HUGE_BYTES), "none");
    refused(name, corps_bin(nothing(), CORPS_FRAME_BYTES_MAX), NULL);
    refused(name, corps_bin(nothing(), CORPS__PAYLOAD_BYTES_MAX + 1), "none");
    refused(name, corps_str_bytes(nothing(), HUGE_BYTES), NULL);
    refused(name, corps_array(parts, 3), NULL);
    corps_name_unref(name);
    assert_ok(corps_exit(corps, LONG_NS));
}

static void test_results(void **state) {
    (void)state;
    struct corps *corps = make_with((struct corps_options){.env_count = 2});
    struct corps_name *name = worker_in(corps, "Holder", 1);
    for (int what = 0; what < 3; what++) {
        struct corps_future *future = begin(name, "give", corps_int(what));
        assert_int_equal(corps_future_wait(future, LONG_NS, NULL), CORPS_ERR_TOO_LARGE);
        assert_true(says_limit(corps_future_error(future)->text));
        corps_future_destroy(future);
        assert_goes_on(name);
    }
    corps_name_unref(name);
    assert_ok(corps_exit(corps, LONG_NS));
}

static void test_creating(void **state) {
    (void)state;
    struct corps *corps = make_with((struct corps_options){.env_count = 2});
    struct corps_name *name;
    const struct corps_value args = corps_bin(nothing(), HUGE_BYTES);
    assert_int_equal(corps_create_concs(corps, "Holder", &args, CORPS_ENV_ID(1), 1, &name), CORPS_ERR_TOO_LARGE);
    assert_true(says_limit(corps_error_detail()));
    struct corps *other = NULL;
    const struct corps_options options = {.env_count = 1};
    assert_int_equal(corps_create("Holder", &args, &options, &other), CORPS_ERR_TOO_LARGE);
    name = worker_in(corps, "Holder", 1);
    assert_goes_on(name);
    corps_name_unref(name);
    assert_ok(corps_exit(corps, LONG_NS));
}

/* The largest that there may be arrives, alone and in parts. */
static void largest(void **state) {
    (void)state;
    if (getenv("CORPS_LARGEST") == NULL) {
        print_message("          CORPS_LARGEST=1 sends 2 GiB\n");
        skip();
    }
    struct corps *corps = make_with((struct corps_options){.env_count = 2});
    struct corps_name *name = worker_in(corps, "Holder", 1);
    const size_t bytes = CORPS__PAYLOAD_BYTES_MAX - 100;
    assert_int_equal(ask_int(name, "length", corps_bin(nothing(), bytes)), bytes);
    struct corps_value parts[2];
    parts[0] = parts[1] = corps_bin(nothing(), bytes / 2);
    assert_int_equal(ask_int(name, "length", corps_array(parts, 2)), 2);
    corps_name_unref(name);
    assert_ok(corps_exit(corps, LONG_NS));
}

int main(int argc, char **argv) {
    int status = test_start(argc, argv, classes);
    if (status != 0) {
        return status;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_arguments),
        cmocka_unit_test(test_results),
        cmocka_unit_test(test_creating),
        cmocka_unit_test(largest),
    };
    return cmocka_run_group_tests_name("limits", tests, NULL, NULL);
}
