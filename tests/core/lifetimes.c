/* What comes and goes leaves nothing: `lifetimes TRANSPORT [TEST]`. Statically linked, so that what the core keeps can
 * be counted. CORPS_LIFETIMES=N does N times as much. */

#include "base/clock.h"
#include "helpers.h"
#include "keeper.h"
#include "wait/wait.h"
#include <corps/serializer.h>

#include <pthread.h>
#include <sched.h>
#include <string.h>

/* ---- what they share ---- */

static unsigned times(unsigned count) {
    const char *factor = getenv("CORPS_LIFETIMES");
    return count * (factor != NULL ? (unsigned)atoi(factor) : 1);
}

/* The Env hears of a link's end, or a Corps', when it hears of it. */
static struct usage usage_when(const struct corps_name *name, int64_t peers, int64_t corps) {
    for (int64_t until = corps__deadline_ns(LONG_NS);;) {
        struct usage usage;
        assert_ok(usage_of(name, &usage));
        if ((usage.peers == peers && usage.corps == corps) || corps__now_ns() > until) {
            assert_int_equal(usage.peers, peers);
            assert_int_equal(usage.corps, corps);
            return usage;
        }
        (void)sched_yield();
    }
}

/* Beside the counts. Slabs grow until each thread has what it once needed, and never shrink. */
static void assert_flat(struct usage half, struct usage whole, unsigned rounds) {
    int64_t more = whole.bytes - half.bytes;
    print_message("          %lld bytes more after %u rounds more\n", (long long)more, rounds);
    assert_true(more < (256 << 10) + 24 * (int64_t)rounds);
    assert_true(whole.descriptors <= half.descriptors + 2); /* libuv's, or a thread's that was added */
}

static void note(const struct corps_name *name) {
    struct corps_value args = corps_int(1);
    assert_ok(corps_send(name, "echo", &args, NULL));
}

/* ---- links ---- */

static void links_used(struct corps *corps, const struct corps_name *name, unsigned rounds) {
    for (unsigned i = 0; i < rounds; i++) {
        note(name);
        assert_int_equal(ask_int(name, "echo", corps_int(i)), i);
        note(name);
        assert_ok(drop_link(corps, last_env(corps)));
    }
}

/* Links that come, call, send and go. */
static void test_links(void **state) {
    (void)state;
    struct corps *corps = make_with((struct corps_options){.env_count = 2});
    struct corps_name *name = worker_in(corps, "Keeper", last_env(corps));
    unsigned rounds = times(1000);
    links_used(corps, name, rounds);
    struct usage half = usage_when(name, 1, 1);
    links_used(corps, name, rounds);
    assert_flat(half, usage_when(name, 1, 1), rounds);
    corps_name_unref(name);
    assert_ok(corps_exit(corps, LONG_NS));
}

/* Links that go while their requests are held; these are answered later, to nobody. */
static void test_links_with_held_requests(void **state) {
    (void)state;
    struct corps *corps = make_with((struct corps_options){.env_count = 2});
    struct corps_name *name = worker_in(corps, "Keeper", last_env(corps));
    unsigned rounds = times(10);
    struct usage half = {0};
    for (unsigned i = 0; i < 2 * rounds; i++) {
        half = i == rounds ? usage_when(name, 1, 1) : half;
        for (unsigned k = 0; k < HELD_MAX; k++) {
            struct corps_future *future = begin(name, "hold", corps_int(k));
            note(name);
            assert_int_equal(ask_int(name, "echo", corps_int(k)), k); /* the Worker has it */
            assert_ok(drop_link(corps, last_env(corps)));
            assert_int_equal(corps_future_wait(future, LONG_NS, NULL), CORPS_ERR_SYSTEM);
            corps_future_destroy(future);
        }
        (void)usage_when(name, HELD_MAX + 1, 1);
        assert_int_equal(ask_int(name, "release", corps_nil()), HELD_MAX);
    }
    assert_flat(half, usage_when(name, 1, 1), rounds * HELD_MAX);
    corps_name_unref(name);
    assert_ok(corps_exit(corps, LONG_NS));
}

/* ---- Corps ---- */

static void assert_nothing_left(void) {
    struct usage usage = own_usage();
    assert_int_equal(usage.corps, 0);
    assert_int_equal(usage.peers, 0);
}

static void test_corps_in_a_program(void **state) {
    (void)state;
    unsigned rounds = times(10);
    struct usage half = {0};
    for (unsigned i = 0; i < 2 * rounds; i++) {
        half = i == rounds ? own_usage() : half;
        assert_ok(round_of_a_corps(2));
        assert_nothing_left();
    }
    assert_flat(half, own_usage(), rounds);
}

/* Creations that fail, in the Corps' own Conc or before anything was started. */
static void test_creations_that_fail(void **state) {
    (void)state;
    unsigned rounds = times(10);
    struct usage half = {0};
    for (unsigned i = 0; i < 2 * rounds; i++) {
        half = i == rounds ? own_usage() : half;
        struct corps *corps = NULL;
        struct corps_value args = corps_str("no");
        struct corps_options options = {.env_count = 2};
        assert_int_equal(corps_create("Keeper", &args, &options, &corps), CORPS_ERR_REMOTE);
        assert_int_equal(corps_create("Nobody", NULL, &options, &corps), CORPS_ERR_UNKNOWN);
        assert_nothing_left();
    }
    assert_flat(half, own_usage(), rounds);
}

static void test_corps_in_an_env(void **state) {
    (void)state;
    struct corps *corps = make_with((struct corps_options){.env_count = 2});
    struct corps_name *name = worker_in(corps, "Keeper", last_env(corps));
    unsigned rounds = times(10);
    struct usage half = {0};
    for (unsigned i = 0; i < 2 * rounds; i++) { /* a call for each, since one takes seconds on a busy machine */
        half = i == rounds ? usage_when(name, 1, 1) : half;
        corps_future_destroy(ask(name, "create", corps_int(1), NULL));
    }
    assert_flat(half, usage_when(name, 1, 1), rounds);
    corps_name_unref(name);
    assert_ok(corps_exit(corps, LONG_NS));
}

/* Corps of others: an Env calls into one that comes and goes, and knows it by a Name alone. */
static void test_corps_of_others(void **state) {
    (void)state;
    struct corps *corps = make_with((struct corps_options){.env_count = 1});
    struct corps_name *name = worker_in(corps, "Keeper", 0);
    unsigned rounds = times(10);
    struct usage half = {0};
    for (unsigned i = 0; i < 2 * rounds; i++) {
        half = i == rounds ? usage_when(name, 1, 1) : half;
        struct corps *other = make_with((struct corps_options){.env_count = 1});
        struct corps_name *there = worker_in(other, "Keeper", 0);
        uint8_t address[CORPS_NAME_BYTES_MAX];
        size_t bytes;
        assert_ok(corps_name_encode(there, address, &bytes));
        assert_int_equal(ask_int(name, "call_out", corps_bin(address, bytes)), CORPS_OK);
        assert_ok(corps_exit(other, LONG_NS));
        assert_int_equal(ask_int(name, "call_out", corps_bin(address, bytes)), CORPS_ERR_EXITED);
        corps_name_unref(there);
    }
    assert_flat(half, usage_when(name, 1, 1), rounds);
    corps_name_unref(name);
    assert_ok(corps_exit(corps, LONG_NS));
    assert_nothing_left();
}

/* ---- Names of a Corps that has gone ---- */

static void assert_exited(const struct corps_name *name) {
    struct corps_future *future = NULL;
    struct corps_value seven = corps_int(7);
    assert_int_equal(corps_call(name, "echo", &seven, NULL, &future), CORPS_ERR_EXITED);
    assert_int_equal(corps_send(name, "echo", &seven, NULL), CORPS_ERR_EXITED);
    struct corps_block *block = corps_loan(name, 100000);
    assert_non_null(block);
    corps_block_unref(block);
}

static void test_names_of_the_gone(void **state) {
    (void)state;
    struct corps *corps = make_with((struct corps_options){.env_count = 2});
    struct corps_name *used = worker_in(corps, "Keeper", last_env(corps));
    struct corps_name *unused = worker_in(corps, "Keeper", 0);
    assert_int_equal(ask_int(used, "echo", corps_int(7)), 7);
    struct corps_future *answered = begin(used, "echo", corps_int(8));
    assert_ok(corps_future_wait(answered, LONG_NS, NULL));
    struct corps_future *never = begin(used, "hold", corps_nil());
    assert_ok(corps_exit(corps, LONG_NS));
    assert_int_equal(corps_future_wait(never, LONG_NS, NULL), CORPS_ERR_EXITED);
    for (int i = 0; i < 3; i++) {
        assert_exited(used);
        assert_exited(unused);
    }
    assert_int_equal(own_usage().corps, 1); /* by the Name that was called by */
    struct corps_name *again = corps_name_ref(used);
    corps_name_unref(used);
    assert_exited(again);
    corps_name_unref(again);
    assert_nothing_left();
    assert_exited(unused);
    corps_name_unref(unused);
    const struct corps_value *result;
    assert_ok(corps_future_wait(answered, 0, &result));
    assert_int_equal(result->integer, 8);
    corps_future_destroy(answered);
    corps_future_destroy(never);
}

/* ---- calls of other threads while their Corps exits ---- */

enum { CALLERS = 4 };

struct caller {
    pthread_t thread;
    const struct corps_name *name; /* of all callers */
    _Atomic unsigned calls;
    enum corps_err ended_with;
};

static void *call_until_exited(void *arg) {
    struct caller *caller = arg;
    struct corps_name *own = NULL;
    uint8_t address[CORPS_NAME_BYTES_MAX];
    size_t bytes;
    if (corps_name_encode(caller->name, address, &bytes) != CORPS_OK) {
        return NULL;
    }
    enum corps_err err = CORPS_OK;
    struct corps_value args = corps_int(7);
    for (unsigned i = 0; err == CORPS_OK; i++) {
        if (i % 3 == 0) { /* a new Name each time, which lives for one call */
            corps_name_unref(own);
            err = corps_name_decode(address, bytes, &own);
        }
        const struct corps_name *name = i % 2 == 0 ? own : caller->name;
        struct corps_future *future = NULL;
        err = err == CORPS_OK ? corps_call(name, "echo", &args, NULL, &future) : err;
        err = err == CORPS_OK && i % 5 == 0 ? corps_send(name, "echo", &args, NULL) : err;
        if (i % 7 == 0) {
            corps_name_unref(own);
            own = NULL;
            i = i / 3 * 3 + 2; /* another one next time */
        }
        err = err == CORPS_OK ? corps_future_wait(future, LONG_NS, NULL) : err;
        corps_future_destroy(future);
        atomic_fetch_add(&caller->calls, 1);
    }
    caller->ended_with = err;
    corps_name_unref(own);
    return NULL;
}

static void test_exit_amid_calls(void **state) {
    (void)state;
    for (unsigned round = times(5); round > 0; round--) {
        struct corps *corps = make_with((struct corps_options){.env_count = 2});
        struct corps_name *name = worker_in(corps, "Keeper", last_env(corps));
        struct caller callers[CALLERS] = {0};
        for (int i = 0; i < CALLERS; i++) {
            callers[i].name = name;
            assert_int_equal(pthread_create(&callers[i].thread, NULL, call_until_exited, &callers[i]), 0);
        }
        for (int i = 0; i < CALLERS; i++) {
            while (atomic_load(&callers[i].calls) < 50) {
                (void)sched_yield();
            }
        }
        assert_ok(corps_exit(corps, LONG_NS));
        for (int i = 0; i < CALLERS; i++) {
            pthread_join(callers[i].thread, NULL);
            /* The Worker may have been cleaned up before its Env ended. */
            assert_true(callers[i].ended_with == CORPS_ERR_EXITED || callers[i].ended_with == CORPS_ERR_NO_WORKER);
        }
        assert_exited(name);
        corps_name_unref(name);
        assert_nothing_left();
    }
}

int main(int argc, char **argv) {
    int status = test_start(argc, argv, keeper_classes);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_links),
        cmocka_unit_test(test_links_with_held_requests),
        cmocka_unit_test(test_corps_in_a_program),
        cmocka_unit_test(test_creations_that_fail),
        cmocka_unit_test(test_corps_in_an_env),
        cmocka_unit_test(test_corps_of_others),
        cmocka_unit_test(test_names_of_the_gone),
        cmocka_unit_test(test_exit_amid_calls),
    };
    return status != 0 ? status : cmocka_run_group_tests_name("lifetimes", tests, NULL, NULL);
}
