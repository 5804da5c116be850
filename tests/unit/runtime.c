/* Two runtimes in one process, which take turns: each has its own Env, Concs, threads' queues and loop, and sees
 * nothing of the other's. */
#include "actor/runtime.h"
#include "actor/class.h"
#include "actor/conc.h"
#include "actor/group.h"
#include "actor/run.h"
#include "link/known.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define LONG_NS INT64_C(60000000000)

struct counter {
    int64_t count;
};

static enum corps_err init(struct corps_context *context, void *self, const struct corps_value *args,
                           struct corps_value *result) {
    (void)context;
    (void)result;
    ((struct counter *)self)->count = args->integer;
    return CORPS_OK;
}

/* [where it runs, how often it was called] */
static enum corps_err count(struct corps_context *context, void *self, const struct corps_value *args,
                            struct corps_value *result) {
    (void)args;
    struct corps_value *items = corps_context_alloc(context, 2 * sizeof *items);
    items[0] = corps_int(corps_context_env(context));
    items[1] = corps_int(++((struct counter *)self)->count);
    *result = corps_array(items, 2);
    return CORPS_OK;
}

static const struct corps_method methods[] = {{"count", count}, {NULL, NULL}};
static const struct corps_class counter_class = {
    .name = "Counter", .bytes = sizeof(struct counter), .init = init, .methods = methods};
static const struct corps_class *const classes[] = {&counter_class, NULL};

/* Makes the entered runtime Env `env` of a Corps, with one Conc that counts from `from`. */
static struct corps_name *become_env(uint64_t corps_id, uint32_t env, int64_t from) {
    struct corps__settings settings;
    const struct corps_options options = {.env_count = 8, .serializer = "msgpack"};
    assert_int_equal(corps__settings_decide(&options, &settings), CORPS_OK);
    struct corps *corps = corps__corps_create(&settings);
    assert_non_null(corps);
    corps->id = corps_id;
    assert_int_equal(corps__runtime_start(true, corps_id, env), CORPS_OK);
    corps__runtime_own(corps);
    corps__corps_unref(corps); /* the list holds it */
    corps__classes_set(classes);
    assert_int_equal(corps__thread_pool_start(1, 1, corps__conc_run), CORPS_OK);
    struct corps_box *box;
    const struct corps_value start = corps_int(from);
    assert_int_equal(corps_box_of(&start, &box), CORPS_OK);
    struct corps__conc *conc;
    assert_int_equal(corps__conc_create(&counter_class, "Counter", 7, box, NULL, &conc), CORPS_OK);
    corps_box_unref(box);
    assert_int_equal(conc->id, 0); /* the first one here */
    struct corps_name *name;
    assert_int_equal(corps__name_create(corps_id, env, conc->id, "Counter", 7, &name), CORPS_OK);
    return name;
}

static void expect_count(const struct corps_name *name, int64_t env, int64_t expected) {
    struct corps_future *future;
    const struct corps_value *result;
    assert_int_equal(corps_call(name, "count", NULL, NULL, &future), CORPS_OK);
    assert_int_equal(corps_future_wait(future, LONG_NS, &result), CORPS_OK);
    assert_int_equal(corps_value_item(result, 0)->integer, env);
    assert_int_equal(corps_value_item(result, 1)->integer, expected);
    corps_future_destroy(future);
}

static void test_two_runtimes(void **state) {
    (void)state;
    struct corps__runtime *first = corps__runtime_create();
    struct corps__runtime *second = corps__runtime_create();
    assert_non_null(first);
    assert_non_null(second);
    struct corps__runtime process = corps__runtime_enter(*first);
    struct corps_name *here = become_env(0x1111, 3, 100);
    (void)corps__runtime_enter(*second);
    struct corps_name *there = become_env(0x2222, 5, 0);
    for (int i = 1; i <= 1000; i++) {
        (void)corps__runtime_enter(*first);
        expect_count(here, 3, 100 + i);
        assert_true(corps_name_is_here(here) && !corps_name_is_here(there));
        (void)corps__runtime_enter(*second);
        expect_count(there, 5, i);
        assert_true(corps_name_is_here(there) && !corps_name_is_here(here));
    }
    /* A Worker of the one is unknown in the other. */
    struct corps_future *future;
    assert_int_equal(corps_call(here, "count", NULL, NULL, &future), CORPS_ERR_EXITED);
    (void)corps__runtime_enter(*first);
    assert_int_equal(corps_call(there, "count", NULL, NULL, &future), CORPS_ERR_EXITED);
    (void)corps__runtime_enter(process);
    assert_null(corps__own());
    corps__runtime_free(first);
    corps_name_unref(here);
    corps__runtime_free(second);
    corps_name_unref(there);
}

/* Without an init there is nothing to run, as long as the group is not over. */
static uint32_t make_one(void) {
    static const struct corps_class plain = {.name = "Plain", .methods = methods};
    struct corps__group group = {.left = 2};
    struct corps__conc *conc;
    assert_int_equal(corps__conc_create(&plain, "Plain", 5, NULL, &group, &conc), CORPS_OK);
    return conc->id;
}

/* Numbers go on far above those of earlier lives: there is no table for these, and who walks along passes over them. */
static void test_numbers_of_later_lives(void **state) {
    (void)state;
    enum { FIRST = 50000 * CORPS__CONC_PAGE };
    struct corps__runtime *runtime = corps__runtime_create();
    assert_non_null(runtime);
    struct corps__runtime process = corps__runtime_enter(*runtime);
    struct corps_name *first = become_env(0x3333, 0, 0);
    assert_int_equal(corps__conc_numbers_after(FIRST + 1), CORPS_ERR_LIMIT); /* no page begins there */
    assert_int_equal(corps__conc_numbers_after(UINT32_MAX - CORPS__CONC_PAGE + 1), CORPS_ERR_LIMIT);
    assert_int_equal(corps__conc_numbers_after(FIRST), CORPS_OK);
    assert_int_equal(make_one(), 1);
    corps__conc_numbers_begin(FIRST, NULL);
    assert_int_equal(make_one(), FIRST);
    corps__conc_numbers_begin(FIRST + 3 * CORPS__CONC_PAGE, NULL); /* as of an Env that was started again */
    assert_int_equal(make_one(), FIRST + 3 * CORPS__CONC_PAGE);
    assert_non_null(corps__conc_find(1));
    assert_non_null(corps__conc_find(FIRST));
    assert_null(corps__conc_find(CORPS__CONC_PAGE));
    assert_null(corps__conc_find(FIRST - 1));
    assert_int_equal(corps__conc_number_next(CORPS__CONC_PAGE), FIRST);
    assert_int_equal(corps__conc_number_next(FIRST - 1), FIRST);
    assert_int_equal(corps__conc_number_next(FIRST + CORPS__CONC_PAGE), FIRST + 3 * CORPS__CONC_PAGE);
    assert_int_equal(corps__conc_number_previous(FIRST + 2 * CORPS__CONC_PAGE), FIRST + CORPS__CONC_PAGE - 1);
    assert_int_equal(corps__conc_number_previous(FIRST - 1), CORPS__CONC_PAGE - 1);
    unsigned found = 0, steps = 0;
    for (uint32_t id = 0; id < corps__conc_count(); id = corps__conc_number_next(id + 1)) {
        found += corps__conc_find(id) != NULL ? 1 : 0;
        steps++;
    }
    assert_int_equal(found, 4);
    assert_true(steps <= 2 * CORPS__CONC_PAGE + 1);
    expect_count(first, 0, 1);
    (void)corps__runtime_enter(process);
    corps__runtime_free(runtime);
    corps_name_unref(first);
}

/* The reactor alone, with operations of the test's: no floor above is needed. */
static unsigned tended, freed_lead;

static void tend(void) {
    tended++;
}

static void lead_is_free(void) {
    freed_lead++;
}

static void test_reactor_with_other_operations(void **state) {
    (void)state;
    struct corps__runtime *runtime = corps__runtime_create();
    assert_non_null(runtime);
    struct corps__runtime process = corps__runtime_enter(*runtime);
    struct corps__reactor_ops ops = *corps__reactor->ops;
    ops.tend = tend;
    ops.lead_is_free = lead_is_free;
    assert_int_equal(corps__reactor_start(&ops), CORPS_OK);
    corps__reactor_open();
    corps__reactor_wake_set(CORPS_WAKE_BLOCK);
    corps__reactor_tend();
    assert_true(corps__lead_try());
    assert_false(corps__lead_try());
    corps__reactor_step(NULL, 0);
    corps__reactor_step(NULL, 0);
    assert_int_equal(tended, 1);
    corps__lead_release();
    assert_int_equal(freed_lead, 1);
    (void)corps__runtime_enter(process);
    corps__runtime_free(runtime);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_two_runtimes),
                                       cmocka_unit_test(test_numbers_of_later_lives),
                                       cmocka_unit_test(test_reactor_with_other_operations)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
