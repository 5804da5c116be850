/* Large payloads written and read in place: `loans TRANSPORT [TEST]`. Where a transport lends nothing, the same calls
 * must do the same; only the copies differ, and on shm their absence is what some of these tests look for. */

#include "helpers.h"

#include "../content.h"

#include <pthread.h>
#include <signal.h>
#include <string.h>

static bool in_place; /* transport shm lends, and large payloads are seen where they lie */
/* Payloads of these sizes come through a pool of shared memory; 0, 0: none do. Transport cma reads larger ones out of
 * the sender, or, where that is forbidden, uses the pool for them too: `undecided` from there on. */
static size_t shared_from, shared_to, undecided = SIZE_MAX;

/* ---- the Worker ---- */

enum { KEPT_MAX = 64 };

struct keeper {
    struct corps_box *kept[KEPT_MAX];
    unsigned count;
};

/* Does it lie in shared memory of a transport? */
static bool is_shared(const void *data) {
    FILE *maps = fopen("/proc/self/maps", "r");
    char line[512];
    bool found = false;
    while (!found && maps != NULL && fgets(line, sizeof line, maps) != NULL) {
        unsigned long from, to;
        found = sscanf(line, "%lx-%lx", &from, &to) == 2 && (uintptr_t)data >= from && (uintptr_t)data < to &&
                strstr(line, "/memfd:corps") != NULL;
    }
    if (maps != NULL) {
        fclose(maps);
    }
    return found;
}

/* [seed, payload] → is it as it should be, and in place? */
static enum corps_err look(struct corps_context *context, void *self, const struct corps_value *args,
                           struct corps_value *result) {
    (void)self;
    const struct corps_value *seed = corps_value_item(args, 0);
    const struct corps_value *payload = corps_value_item(args, 1);
    if (!is_filled(payload->bin, payload->count, (unsigned)seed->integer)) {
        return corps_fail(context, "Damaged", "%zu bytes came damaged", payload->count);
    }
    *result = corps_bool(is_shared(payload->bin));
    return CORPS_OK;
}

/* [seed, bytes] → so much, written in place. */
static enum corps_err make(struct corps_context *context, void *self, const struct corps_value *args,
                           struct corps_value *result) {
    (void)self;
    size_t bytes = (size_t)corps_value_item(args, 1)->integer;
    uint8_t *memory = corps_context_loan(context, bytes);
    if (memory == NULL) {
        return corps_fail(context, "NoMemory", "for %zu bytes", bytes);
    }
    fill(memory, bytes, (unsigned)corps_value_item(args, 0)->integer);
    *result = corps_bin(memory, bytes);
    return CORPS_OK;
}

static enum corps_err keep(struct corps_context *context, void *self, const struct corps_value *args,
                           struct corps_value *result) {
    struct keeper *keeper = self;
    (void)args;
    (void)result;
    keeper->kept[keeper->count++ % KEPT_MAX] = corps_context_box(context);
    return CORPS_OK;
}

/* Are all that were kept still as they came? Their number. */
static enum corps_err kept(struct corps_context *context, void *self, const struct corps_value *args,
                           struct corps_value *result) {
    struct keeper *keeper = self;
    (void)args;
    for (unsigned i = 0; i < keeper->count; i++) {
        const struct corps_value *pair = corps_value_open(corps_box_root(keeper->kept[i]));
        const struct corps_value *payload = corps_value_item(pair, 1);
        if (!is_filled(payload->bin, payload->count, (unsigned)corps_value_item(pair, 0)->integer)) {
            return corps_fail(context, "Damaged", "what was kept as number %u has changed", i);
        }
        corps_box_unref(keeper->kept[i]);
    }
    *result = corps_int(keeper->count);
    keeper->count = 0;
    return CORPS_OK;
}

static const struct corps_class keeper_class = {
    .name = "Keeper",
    .bytes = sizeof(struct keeper),
    .methods =
        (const struct corps_method[]){
            {"echo", method_echo}, {"look", look}, {"make", make}, {"keep", keep}, {"kept", kept}, {NULL, NULL}},
};
static const struct corps_class *const classes[] = {&keeper_class, NULL};

/* ---- the program ---- */

static struct corps *start(struct corps_name **name) {
    struct corps *corps;
    struct corps_options options = {.env_count = one_env_only ? 1 : 2, .thread_count = 4};
    assert_ok(corps_create(NULL, NULL, &options, &corps));
    assert_ok(corps_create_concs(corps, "Keeper", NULL, CORPS_ENV_ID(corps_env_count(corps) - 1), 1, name));
    return corps;
}

static void stop(struct corps *corps, struct corps_name *name) {
    corps_name_unref(name);
    assert_ok(corps_exit(corps, LONG_NS));
}

static struct corps_future *call(const struct corps_name *name, const char *method, unsigned seed,
                                 struct corps_value second) {
    struct corps_value items[2] = {corps_int(seed), second};
    struct corps_value args = corps_array(items, 2);
    struct corps_future *future;
    assert_ok(corps_call(name, method, &args, NULL, &future));
    return future;
}

static struct corps_block *written(const struct corps_name *name, size_t bytes, unsigned seed) {
    struct corps_block *block = corps_loan(name, bytes);
    assert_non_null(block);
    assert_int_equal(block->bytes, bytes);
    fill(block->data, bytes, seed);
    return block;
}

/* Writes, sends, drops, waits; what the Worker says. */
static struct corps_value answer_of(const struct corps_name *name, const char *method, size_t bytes, unsigned seed) {
    struct corps_block *block = written(name, bytes, seed);
    struct corps_future *future = call(name, method, seed, corps_bin(block->data, bytes));
    corps_block_unref(block);
    const struct corps_value *result;
    assert_ok(corps_future_wait(future, LONG_NS, &result));
    struct corps_value answer = *result;
    corps_future_destroy(future);
    return answer;
}

static const size_t sizes[] = {0,     1,     127,   128,     129,           4095,     4096,    4097,
                               65535, 65536, 65537, 1 << 20, (1 << 20) + 1, 20 << 20, 40 << 20};

static void test_requests(void **state) {
    (void)state;
    struct corps_name *name;
    struct corps *corps = start(&name);
    (void)answer_of(name, "look", 1, 0); /* connects */
    for (unsigned i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct corps_value shared = answer_of(name, "look", sizes[i], i);
        /* Half of 256 MiB is the largest piece. */
        bool expected = sizes[i] >= shared_from && sizes[i] < shared_to;
        assert_true(sizes[i] >= undecided || shared.boolean == expected);
    }
    for (unsigned k = 0; k < 3000; k++) { /* more than there is room or tickets for, were they not given back */
        bool shared = answer_of(name, "look", 40000, k).boolean;
        assert_true(undecided <= 40000 || shared == in_place);
    }
    stop(corps, name);
}

static void test_replies(void **state) {
    (void)state;
    struct corps_name *name;
    struct corps *corps = start(&name);
    for (unsigned i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct corps_future *future = call(name, "make", i, corps_int((int64_t)sizes[i]));
        const struct corps_value *result;
        assert_ok(corps_future_wait(future, LONG_NS, &result));
        assert_int_equal(result->count, sizes[i]);
        assert_true(is_filled(result->bin, result->count, i));
        bool expected = sizes[i] >= shared_from && sizes[i] < shared_to;
        assert_true(sizes[i] >= undecided || is_shared(result->bin) == expected);
        corps_future_destroy(future);
    }
    stop(corps, name);
}

static void test_bare_bytes(void **state) {
    (void)state;
    static const struct corps_call_options none = {.serializer = "none"};
    struct corps_name *name;
    struct corps *corps = start(&name);
    for (unsigned i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct corps_block *block = written(name, sizes[i], i);
        struct corps_value payload = corps_bin(block->data, sizes[i]);
        struct corps_future *future;
        const struct corps_value *result;
        assert_ok(corps_call(name, "echo", &payload, &none, &future));
        corps_block_unref(block);
        assert_ok(corps_future_wait(future, LONG_NS, &result));
        assert_int_equal(result->count, sizes[i]);
        assert_true(is_filled(result->bin, result->count, i));
        corps_future_destroy(future);
    }
    stop(corps, name);
}

/* A long text is part of the stream that is decoded, so it must not lie where its sender can still write. */
static void test_streams_stay_private(void **state) {
    (void)state;
    enum { BYTES = 100000 };
    struct corps_name *name;
    struct corps *corps = start(&name);
    char *text = malloc(BYTES);
    memset(text, 'x', BYTES);
    for (unsigned k = 0; k < 3; k++) {
        struct corps_value value = corps_str_bytes(text, BYTES);
        struct corps_future *future;
        const struct corps_value *result;
        assert_ok(corps_call(name, "echo", &value, NULL, &future));
        assert_ok(corps_future_wait(future, LONG_NS, &result));
        assert_true(corps_value_equal(result, &value));
        assert_false(is_shared(result->str));
        corps_future_destroy(future);
    }
    free(text);
    stop(corps, name);
}

static void test_abandoned(void **state) {
    (void)state;
    struct corps_name *name;
    struct corps *corps = start(&name);
    (void)answer_of(name, "look", 1, 0);
    for (unsigned k = 0; k < 2000; k++) { /* 16 GB, were they not given back */
        struct corps_block *block = corps_loan(name, 8 << 20);
        assert_non_null(block);
        block->data[k] = 1;
        assert_true(!in_place || is_shared(block->data));
        corps_block_unref(block);
    }
    bool shared = answer_of(name, "look", 65536, 1).boolean;
    assert_true(undecided <= 65536 || shared == in_place);
    stop(corps, name);
}

/* One block, sent many times, and seen by a Worker that keeps all of it: nothing changes under its eyes. */
static void test_kept(void **state) {
    (void)state;
    struct corps_name *name;
    struct corps *corps = start(&name);
    (void)answer_of(name, "look", 1, 0);
    struct corps_block *block = written(name, 30000, 5);
    for (unsigned k = 0; k < KEPT_MAX / 2; k++) {
        struct corps_value items[2] = {corps_int(5), corps_bin(block->data, 30000)};
        struct corps_value args = corps_array(items, 2);
        assert_ok(corps_send(name, "keep", &args, NULL));
        struct corps_block *other = written(name, 30000, k);
        items[0] = corps_int(k);
        items[1] = corps_bin(other->data, 30000);
        assert_ok(corps_send(name, "keep", &args, NULL));
        corps_block_unref(other);
    }
    corps_block_unref(block);
    for (unsigned k = 0; k < 500; k++) { /* others use what is free meanwhile */
        (void)answer_of(name, "look", 30000, k);
    }
    struct corps_future *future;
    const struct corps_value *count;
    assert_ok(corps_call(name, "kept", NULL, NULL, &future));
    assert_ok(corps_future_wait(future, LONG_NS, &count));
    assert_int_equal(count->integer, KEPT_MAX);
    corps_future_destroy(future);
    stop(corps, name);
}

struct hand {
    const struct corps_name *name;
    unsigned seed;
    bool good;
};

static void *loop_of_hand(void *arg) {
    struct hand *hand = arg;
    hand->good = true;
    for (unsigned k = 0; k < 300 && hand->good; k++) {
        size_t bytes = 4096 + (hand->seed * 31 + k * 977) % 70000;
        struct corps_block *block = corps_loan(hand->name, bytes);
        struct corps_value items[2] = {corps_int(k), corps_nil()};
        struct corps_value args = corps_array(items, 2);
        struct corps_future *future = NULL;
        fill(block->data, bytes, k);
        items[1] = corps_bin(block->data, bytes);
        hand->good = corps_call(hand->name, "look", &args, NULL, &future) == CORPS_OK;
        corps_block_unref(block);
        hand->good = hand->good && corps_future_wait(future, LONG_NS, NULL) == CORPS_OK;
        corps_future_destroy(future);
    }
    return NULL;
}

static void test_threads(void **state) {
    (void)state;
    enum { HANDS = 4 };
    struct corps_name *name;
    struct corps *corps = start(&name);
    struct hand hands[HANDS];
    pthread_t threads[HANDS];
    for (unsigned i = 0; i < HANDS; i++) {
        hands[i] = (struct hand){.name = name, .seed = i};
        assert_int_equal(pthread_create(&threads[i], NULL, loop_of_hand, &hands[i]), 0);
    }
    for (unsigned i = 0; i < HANDS; i++) {
        pthread_join(threads[i], NULL);
        assert_true(hands[i].good);
    }
    stop(corps, name);
}

/* The receiver dies while we hold a loan for it and a result from it: both stay memory, and calls say what happened. */
static void test_killed(void **state) {
    (void)state;
    struct corps_name *name;
    struct corps *corps = start(&name);
    struct corps_future *made = call(name, "make", 3, corps_int(65536));
    const struct corps_value *result;
    assert_ok(corps_future_wait(made, LONG_NS, &result));
    struct corps_block *block = written(name, 65536, 4);
    kill(corps_env_pid(corps, corps_env_count(corps) - 1), SIGKILL);
    enum corps_err err;
    do { /* until the news is here */
        struct corps_value payload = corps_bin(block->data, 65536);
        struct corps_future *future = NULL;
        err = corps_call(name, "echo", &payload, NULL, &future);
        err = err == CORPS_OK ? corps_future_wait(future, LONG_NS, NULL) : err;
        corps_future_destroy(future);
    } while (err == CORPS_OK);
    assert_int_equal(err, CORPS_ERR_WORKER_LOST);
    assert_true(is_filled(result->bin, result->count, 3));
    assert_true(is_filled(block->data, 65536, 4));
    struct corps_block *later = corps_loan(name, 65536); /* ordinary memory now */
    assert_non_null(later);
    assert_false(is_shared(later->data));
    corps_block_unref(later);
    corps_future_destroy(made);
    corps_name_unref(name);
    assert_int_equal(corps_exit(corps, LONG_NS), CORPS_ERR_WORKER_LOST);
    memset(block->data, 1, block->bytes);
    corps_block_unref(block);
}

static void test_outlives_its_corps(void **state) {
    (void)state;
    struct corps_name *name;
    struct corps *corps = start(&name);
    (void)answer_of(name, "look", 1, 0);
    struct corps_block *block = written(name, 65536, 4);
    stop(corps, name);
    assert_true(is_filled(block->data, 65536, 4));
    corps = start(&name);
    (void)answer_of(name, "look", 1, 0);
    struct corps_future *future = call(name, "look", 4, corps_bin(block->data, 65536)); /* of another link: copied */
    corps_block_unref(block);
    assert_ok(corps_future_wait(future, LONG_NS, NULL));
    corps_future_destroy(future);
    stop(corps, name);
}

int main(int argc, char **argv) {
    int failed = test_start(argc, argv, classes);
    if (failed != 0) {
        return failed;
    }
    setenv("CORPS_SERIALIZER", "msgpack", 1);
    in_place = strcmp(argv[1], "shm") == 0;
    bool by_kernel = strcmp(argv[1], "cma") == 0; /* from 16 KiB on */
    shared_from = 4096;
    shared_to = in_place ? ((size_t)128 << 20) + 1 : by_kernel ? 16384 : 0;
    undecided = by_kernel ? 16384 : SIZE_MAX;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_requests),
        cmocka_unit_test(test_replies),
        cmocka_unit_test(test_bare_bytes),
        cmocka_unit_test(test_streams_stay_private),
        cmocka_unit_test(test_abandoned),
        cmocka_unit_test(test_kept),
        cmocka_unit_test(test_threads),
        cmocka_unit_test(test_killed),
        cmocka_unit_test(test_outlives_its_corps),
    };
    return cmocka_run_group_tests_name(argv[1], tests, NULL, NULL);
}
