/* Stamps at the stages of calls: `trace TRANSPORT [TEST]`, for transports between Envs. */

#include "helpers.h"

#include <corps/trace.h>

#include <string.h>

enum { CALLS = 50, STAMPS = CALLS * CORPS_STAGE_COUNT };

/* ---- the Worker: it answers, and traces its Env ---- */

struct witness {
    struct corps_stamp stamps[STAMPS];
};

static enum corps_err begin_tracing(struct corps_context *context, void *self, const struct corps_value *args,
                                    struct corps_value *result) {
    struct witness *witness = self;
    (void)context;
    (void)args;
    (void)result;
    return corps_trace_begin(witness->stamps, STAMPS);
}

static enum corps_err end_tracing(struct corps_context *context, void *self, const struct corps_value *args,
                                  struct corps_value *result) {
    struct witness *witness = self;
    (void)context;
    (void)args;
    *result = corps_bin(witness->stamps, corps_trace_end() * sizeof witness->stamps[0]);
    return CORPS_OK;
}

static const struct corps_class witness_class = {
    .name = "Witness",
    .bytes = sizeof(struct witness),
    .methods =
        (const struct corps_method[]){
            {"echo", method_echo}, {"begin", begin_tracing}, {"end", end_tracing}, {NULL, NULL}},
};
static const struct corps_class *const classes[] = {&witness_class, NULL};

/* ---- tests ---- */

/* Puts the stamps of this process's calls where they belong; each is there once at most. */
static void sort(const struct corps_stamp *stamps, size_t count, uint64_t table[CALLS][CORPS_STAGE_COUNT],
                 uint64_t *ids) {
    for (size_t i = 0; i < count; i++) {
        unsigned row = 0;
        while (row < CALLS && ids[row] != stamps[i].id && ids[row] != 0) {
            row++;
        }
        if (row == CALLS) {
            continue; /* the call that ended the tracing */
        }
        ids[row] = stamps[i].id;
        assert_in_range(stamps[i].stage, 0, CORPS_STAGE_COUNT - 1);
        assert_int_equal(table[row][stamps[i].stage], 0);
        table[row][stamps[i].stage] = stamps[i].ns;
    }
}

static void test_every_stage_in_order(void **state) {
    (void)state;
    static struct corps_stamp own[STAMPS];
    static uint64_t table[CALLS][CORPS_STAGE_COUNT];
    uint64_t ids[CALLS] = {0};
    struct corps *corps = make_with((struct corps_options){.env_count = 2});
    struct corps_name *name = worker_in(corps, "Witness", 1);
    const struct corps_value *result;
    corps_future_destroy(ask(name, "begin", corps_nil(), &result));
    assert_ok(corps_trace_begin(own, STAMPS));
    for (int i = 0; i < CALLS; i++) {
        assert_int_equal(ask_int(name, "echo", corps_int(i)), i);
        assert_ok(corps_send(name, "echo", NULL, NULL)); /* leaves no stamp */
    }
    size_t count = corps_trace_end();
    assert_int_equal(count, CALLS * 6);
    sort(own, count, table, ids);
    struct corps_future *future = ask(name, "end", corps_nil(), &result);
    assert_int_equal(result->kind, CORPS_BIN);
    count = result->count / sizeof own[0];
    assert_in_range(count, CALLS * 6, CALLS * 6 + CORPS_STAGE_COUNT);
    memcpy(own, result->bin, result->count);
    sort(own, count, table, ids);
    corps_future_destroy(future);
    for (unsigned row = 0; row < CALLS; row++) {
        const uint64_t *ns = table[row];
        for (unsigned stage = 0; stage < CORPS_STAGE_COUNT; stage++) {
            assert_true(ns[stage] > 0);
            bool hand_over = stage == CORPS_STAGE_RECEIVED || stage == CORPS_STAGE_REPLY_RECEIVED;
            if (stage > 0) { /* what was sent may be received before the sender's send returns */
                assert_true(ns[stage] >= ns[stage - (hand_over ? 2 : 1)]);
            }
        }
    }
    corps_name_unref(name);
    assert_ok(corps_exit(corps, LONG_NS));
}

static void test_bounds(void **state) {
    (void)state;
    struct corps_stamp few[8];
    memset(few, 0x5a, sizeof few);
    struct corps *corps = make_with((struct corps_options){.env_count = 2});
    struct corps_name *name = worker_in(corps, "Witness", 1);
    assert_int_equal(corps_trace_end(), 0);
    assert_ok(corps_trace_begin(few, 4));
    assert_int_equal(corps_trace_begin(few, 4), CORPS_ERR_INVALID);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(ask_int(name, "echo", corps_int(i)), i);
    }
    assert_int_equal(corps_trace_end(), 4);
    assert_int_equal(corps_trace_end(), 0);
    assert_int_equal(((uint8_t *)&few[4])[0], 0x5a); /* nothing past the end */
    assert_int_equal(ask_int(name, "echo", corps_int(1)), 1);
    assert_int_equal(((uint8_t *)&few[4])[0], 0x5a);
    corps_name_unref(name);
    assert_ok(corps_exit(corps, LONG_NS));
}

int main(int argc, char **argv) {
    int status = test_start(argc, argv, classes);
    if (status != 0) {
        return status;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_stage_in_order),
        cmocka_unit_test(test_bounds),
    };
    return cmocka_run_group_tests_name(argv[1], tests, NULL, NULL);
}
