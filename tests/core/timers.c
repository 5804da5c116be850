/* Timers: `timers TRANSPORT [TEST]`. Workers count what they are called; the tests wait for counts, never for times. */
#include "gate.h"

#include <string.h>
#include <sys/wait.h>

#define MS INT64_C(1000000)

/* ---- Clock: counts its ticks, and starts timers itself ---- */

struct clock {
    int64_t ticks;
    struct corps_timer *timer;
};

static enum corps_err clock_tick(struct corps_context *context, void *self, const struct corps_value *args,
                                 struct corps_value *result) {
    (void)context;
    struct clock *clock = self;
    clock->ticks += args->kind == CORPS_INT ? args->integer : 1;
    *result = corps_int(clock->ticks);
    return CORPS_OK;
}

static enum corps_err clock_ticks(struct corps_context *context, void *self, const struct corps_value *args,
                                  struct corps_value *result) {
    (void)context;
    (void)args;
    *result = corps_int(((struct clock *)self)->ticks);
    return CORPS_OK;
}

static enum corps_err clock_fail(struct corps_context *context, void *self, const struct corps_value *args,
                                 struct corps_value *result) {
    (void)args;
    (void)result;
    ((struct clock *)self)->ticks++;
    return corps_fail(context, "Usual", "an answer");
}

static enum corps_err clock_die(struct corps_context *context, void *self, const struct corps_value *args,
                                struct corps_value *result) {
    (void)self;
    (void)args;
    (void)result;
    return corps_context_crash(context, "for good");
}

/* Name: starts a timer of its own that calls `tick` there every millisecond; NIL: itself. */
static enum corps_err clock_start(struct corps_context *context, void *self, const struct corps_value *args,
                                  struct corps_value *result) {
    (void)result;
    struct clock *clock = self;
    const struct corps_timer_options options = {.every_ns = MS};
    return corps_timer_start(args->kind == CORPS_NAME ? args->name : corps_context_name(context), "tick", NULL,
                             &options, &clock->timer);
}

static enum corps_err clock_stop(struct corps_context *context, void *self, const struct corps_value *args,
                                 struct corps_value *result) {
    (void)context;
    (void)args;
    struct clock *clock = self;
    *result = corps_int(corps_timer_stop(clock->timer));
    corps_timer_destroy(clock->timer);
    clock->timer = NULL;
    return CORPS_OK;
}

/* [sent, skipped, failed, does it run?] */
static enum corps_err clock_look(struct corps_context *context, void *self, const struct corps_value *args,
                                 struct corps_value *result) {
    (void)args;
    struct clock *clock = self;
    uint64_t counts[3];
    corps_timer_counts(clock->timer, &counts[0], &counts[1], &counts[2]);
    struct corps_value *items = corps_context_alloc(context, 4 * sizeof *items);
    for (int i = 0; i < 3; i++) {
        items[i] = corps_int((int64_t)counts[i]);
    }
    items[3] = corps_int(corps_timer_runs(clock->timer));
    *result = corps_array(items, 4);
    return CORPS_OK;
}

static const struct corps_method clock_methods[] = {
    {"tick", clock_tick},    {"ticks", clock_ticks},        {"fail", clock_fail}, {"die", clock_die},
    {"start", clock_start},  {"stop", clock_stop},          {"look", clock_look}, {"pid", method_pid},
    {"sleep", method_sleep}, {"wait_for", method_wait_for}, {NULL, NULL}};
static const struct corps_class clock_class = {
    .name = "Clock", .bytes = sizeof(struct clock), .methods = clock_methods};
static const struct corps_class *const classes[] = {&clock_class, NULL};

/* ---- helpers ---- */

static struct corps_value nil(void) {
    return corps_nil();
}

static int64_t ticks_of(const struct corps_name *name) {
    return ask_int(name, "ticks", nil());
}

static void await_ticks(const struct corps_name *name, int64_t least) {
    while (ticks_of(name) < least) {
        poll(NULL, 0, 1);
    }
}

static struct corps_timer *start(const struct corps_name *to, const char *method, struct corps_timer_options options) {
    struct corps_timer *timer = NULL;
    assert_ok(corps_timer_start(to, method, NULL, &options, &timer));
    return timer;
}

static uint64_t sent_of(const struct corps_timer *timer) {
    uint64_t sent, skipped, failed;
    corps_timer_counts(timer, &sent, &skipped, &failed);
    return sent;
}

static uint64_t skipped_of(const struct corps_timer *timer) {
    uint64_t sent, skipped, failed;
    corps_timer_counts(timer, &sent, &skipped, &failed);
    return skipped;
}

static void await_end(struct corps_timer *timer) {
    while (corps_timer_runs(timer)) {
        poll(NULL, 0, 1);
    }
}

static int64_t look(const struct corps_name *name, size_t item) {
    const struct corps_value *result;
    struct corps_future *future = ask(name, "look", nil(), &result);
    int64_t found = corps_value_item(result, item)->integer;
    corps_future_destroy(future);
    return found;
}

/* ---- from a program ---- */

static void test_program_once(void **state) {
    (void)state;
    struct corps *corps = make_with((struct corps_options){.env_count = 2});
    struct corps_name *name = worker_in(corps, "Clock", last_env(corps));
    struct corps_value by = corps_int(41);
    const struct corps_timer_options options = {.first_ns = MS};
    struct corps_timer *timer = NULL;
    assert_ok(corps_timer_start(name, "tick", &by, &options, &timer));
    await_ticks(name, 41);
    await_end(timer);
    assert_false(corps_timer_stop(timer));
    assert_int_equal(sent_of(timer), 1);
    assert_int_equal(corps_timer_error(timer)->code, CORPS_OK);
    corps_timer_destroy(timer);
    assert_ok(corps_timer_start(name, "tick", NULL, &options, NULL)); /* nobody's */
    await_ticks(name, 42);
    assert_int_equal(ticks_of(name), 42);
    corps_name_unref(name);
    assert_ok(corps_exit(corps, LONG_NS));
}

static void test_program_every(void **state) {
    (void)state;
    struct corps *corps = make_with((struct corps_options){.env_count = 2});
    struct corps_name *name = worker_in(corps, "Clock", last_env(corps));
    struct corps_timer *timer = start(name, "tick", (struct corps_timer_options){.every_ns = MS});
    struct corps_timer *counted = start(name, "tick", (struct corps_timer_options){.every_ns = MS, .count = 3});
    while (sent_of(timer) < 20) { /* nobody calls, nobody waits: it has a thread of its own for that */
        poll(NULL, 0, 1);
    }
    await_end(counted);
    assert_true(sent_of(counted) + skipped_of(counted) >= 3 && sent_of(counted) <= 3);
    assert_true(corps_timer_stop(timer));
    assert_false(corps_timer_stop(timer));
    int64_t sent = (int64_t)sent_of(timer), rest = (int64_t)sent_of(counted);
    await_ticks(name, sent + rest); /* … and no more comes */
    poll(NULL, 0, 20);
    assert_int_equal(sent_of(timer), sent);
    assert_int_equal(ticks_of(name), sent + rest);
    corps_timer_destroy(timer);
    corps_timer_destroy(counted);
    timer = start(name, "tick", (struct corps_timer_options){.every_ns = MS}); /* after the thread has ended */
    await_ticks(name, sent + rest + 3);
    assert_true(corps_timer_stop(timer));
    corps_timer_destroy(timer);
    corps_name_unref(name);
    assert_ok(corps_exit(corps, LONG_NS));
}

/* ---- from an Env ---- */

/* Its timer was stopped: nothing comes any more, but for what was under way on a busy machine. */
static void assert_stands(const struct corps_name *clock) {
    int64_t ticks = -1;
    for (int tries = 0; ticks_of(clock) != ticks; tries++) {
        assert_true(tries < 100);
        ticks = ticks_of(clock);
        poll(NULL, 0, 20);
    }
}

static void test_in_env(void **state) {
    (void)state;
    struct corps *corps = make_with((struct corps_options){.env_count = 2});
    struct corps_name *first = worker_in(corps, "Clock", 0), *second = worker_in(corps, "Clock", last_env(corps));
    /* Itself, one of its Env or not. */
    corps_future_destroy(ask(first, "start", nil(), NULL));
    await_ticks(first, 10);
    assert_true(look(first, 0) >= 9);
    assert_int_equal(ask_int(first, "stop", nil()), 1);
    assert_stands(first);
    corps_future_destroy(ask(first, "start", corps_value_of_name(second), NULL));
    await_ticks(second, 10);
    assert_int_equal(look(first, 3), 1);
    assert_int_equal(ask_int(first, "stop", nil()), 1);
    assert_stands(second);
    corps_name_unref(first);
    corps_name_unref(second);
    assert_ok(corps_exit(corps, LONG_NS));
}

/* A Worker that is busy is not called by several at once, and what it could not take is counted. */
static void test_slow(void **state) {
    (void)state;
    struct corps *corps = make_with((struct corps_options){.env_count = 2});
    struct corps_name *name = worker_in(corps, "Clock", 0), *other = worker_in(corps, "Clock", last_env(corps));
    struct gate gate;
    gate_shut(&gate, name);
    corps_future_destroy(ask(other, "start", corps_value_of_name(name), NULL));
    while (look(other, 0) < 1) {
        poll(NULL, 0, 1);
    }
    int64_t skipped = look(other, 1);
    while (look(other, 1) < skipped + 5) {
        poll(NULL, 0, 1);
    }
    assert_int_equal(look(other, 0), 1);
    gate_finish(&gate);
    await_ticks(name, 5);
    corps_name_unref(name);
    corps_name_unref(other);
    assert_ok(corps_exit(corps, LONG_NS));
}

/* The timers of a Conc end with it; detached or not, those that call it do too. */
static void test_ends_with_conc(void **state) {
    (void)state;
    struct corps *corps = make_with((struct corps_options){.env_count = 2});
    struct corps_name *owner = worker_in(corps, "Clock", 0), *called = worker_in(corps, "Clock", last_env(corps));
    corps_future_destroy(ask(owner, "start", corps_value_of_name(called), NULL));
    await_ticks(called, 3);
    struct corps_timer *timer = start(owner, "tick", (struct corps_timer_options){.every_ns = MS});
    struct corps_future *future = begin(owner, "die", nil());
    assert_int_equal(corps_future_wait(future, LONG_NS, NULL), CORPS_ERR_REMOTE);
    corps_future_destroy(future);
    await_end(timer);
    assert_int_equal(corps_timer_error(timer)->code, CORPS_ERR_WORKER_LOST);
    assert_non_null(strstr(corps_timer_error(timer)->text, "for good"));
    corps_timer_destroy(timer);
    int64_t ticks = ticks_of(called); /* its owner has been cleaned up: it was before the failure was told */
    poll(NULL, 0, 20);
    assert_true(ticks_of(called) <= ticks + 1); /* one may have been under way */
    corps_name_unref(owner);
    corps_name_unref(called);
    assert_ok(corps_exit(corps, LONG_NS));
}

static void test_failures(void **state) {
    (void)state;
    struct corps *corps = make_with((struct corps_options){.env_count = 2});
    struct corps_name *name = worker_in(corps, "Clock", last_env(corps));
    struct corps_timer *failing = start(name, "fail", (struct corps_timer_options){.every_ns = MS});
    struct corps_timer *missing = start(name, "no such", (struct corps_timer_options){.every_ns = MS});
    await_ticks(name, 5); /* it goes on */
    assert_true(corps_timer_runs(failing));
    uint64_t sent, skipped, failed;
    do {
        corps_timer_counts(failing, &sent, &skipped, &failed);
        poll(NULL, 0, 1);
    } while (failed < 3);
    await_end(missing);
    assert_int_equal(corps_timer_error(missing)->code, CORPS_ERR_NO_METHOD);
    assert_true(corps_timer_stop(failing));
    corps_timer_destroy(failing);
    corps_timer_destroy(missing);
    failing = start(name, "tick", (struct corps_timer_options){.every_ns = MS});
    assert_ok(corps_exit(corps, LONG_NS));
    await_end(failing); /* its Corps has ended */
    assert_int_equal(corps_timer_error(failing)->code, CORPS_ERR_EXITED);
    corps_timer_destroy(failing);
    struct corps_timer *timer = NULL;
    const struct corps_timer_options options = {.every_ns = MS};
    assert_int_equal(corps_timer_start(name, "tick", NULL, &options, &timer), CORPS_ERR_EXITED);
    assert_null(timer);
    corps_name_unref(name);
}

/* A process that was stopped makes one call when it goes on, not those that it missed. */
static void test_stopped(void **state) {
    (void)state;
    struct corps *corps = make_with((struct corps_options){.env_count = 2});
    struct corps_name *name = worker_in(corps, "Clock", last_env(corps));
    int pid = (int)ask_int(name, "pid", nil());
    corps_future_destroy(ask(name, "start", nil(), NULL));
    await_ticks(name, 3);
    int64_t skipped = look(name, 1);
    kill(pid, SIGSTOP);
    poll(NULL, 0, 300);
    kill(pid, SIGCONT);
    while (look(name, 1) < skipped + 250) { /* those of 300 steps, and not that they were made up for */
        poll(NULL, 0, 1);
    }
    corps_name_unref(name);
    assert_ok(corps_exit(corps, LONG_NS));
}

/* An Env that is started again is called again, as soon as it is there. */
static void test_restarted(void **state) {
    (void)state;
    struct corps *corps = make_with((struct corps_options){.env_count = 2, .restart = CORPS_RESTART_ON_FAILURE});
    struct corps_name *name = worker_in(corps, "Clock", last_env(corps)), *other = worker_in(corps, "Clock", 0);
    if (!one_env_only) {
        corps_future_destroy(ask(other, "start", corps_value_of_name(name), NULL));
        struct corps_timer *timer = start(name, "tick", (struct corps_timer_options){.every_ns = MS});
        await_ticks(name, 5);
        int pid = (int)ask_int(name, "pid", nil());
        kill(pid, SIGKILL);
        bool same = true;
        while (same) { /* a call that was under way fails */
            const struct corps_value *result;
            struct corps_future *future = NULL;
            same = corps_call(name, "pid", NULL, NULL, &future) != CORPS_OK ||
                   corps_future_wait(future, LONG_NS, &result) != CORPS_OK || result->integer == pid;
            corps_future_destroy(future);
        }
        int64_t sent = look(other, 0);
        uint64_t mine = sent_of(timer);
        while (look(other, 0) < sent + 5 || sent_of(timer) < mine + 5) {
            poll(NULL, 0, 1);
        }
        assert_int_equal(look(other, 3), 1);
        assert_true(corps_timer_stop(timer));
        corps_timer_destroy(timer);
    }
    corps_name_unref(name);
    corps_name_unref(other);
    (void)!corps_exit(corps, LONG_NS); /* which tells of the Env that has died */
}

/* In the child of a fork there are none; what it starts is its own. */
static void test_fork(void **state) {
    (void)state;
    struct corps *corps = make_with((struct corps_options){.env_count = 2});
    struct corps_name *name = worker_in(corps, "Clock", last_env(corps));
    struct corps_timer *timer = start(name, "tick", (struct corps_timer_options){.every_ns = MS});
    await_ticks(name, 3);
    int child = fork();
    if (child == 0) {
        bool ok = !corps_timer_runs(timer) && !corps_timer_stop(timer);
#ifndef __SANITIZE_THREAD__ /* which has no threads in the child of a process with threads */
        const struct corps_timer_options options = {.first_ns = MS};
        struct corps_timer *own = NULL;
        ok = ok && corps_timer_start(name, "tick", NULL, &options, &own) == CORPS_OK;
        while (ok && corps_timer_runs(own)) {
            poll(NULL, 0, 1);
        }
        ok = ok && sent_of(own) == 1;
#endif
        _exit(ok ? 0 : 1);
    }
    int status = -1;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    uint64_t sent = sent_of(timer);
    while (sent_of(timer) < sent + 3) {
        poll(NULL, 0, 1);
    }
    assert_true(corps_timer_stop(timer));
    corps_timer_destroy(timer);
    corps_name_unref(name);
    assert_ok(corps_exit(corps, LONG_NS));
}

static void assert_refused(const struct corps_name *name, const char *method, struct corps_timer_options options,
                           const char *word) {
    struct corps_timer *timer = NULL;
    assert_int_equal(corps_timer_start(name, method, NULL, &options, &timer), CORPS_ERR_INVALID);
    assert_non_null(strstr(corps_error_detail(), word));
    assert_null(timer);
}

static void test_bad_input(void **state) {
    (void)state;
    struct corps *corps = make_with((struct corps_options){.env_count = 2});
    struct corps_name *name = worker_in(corps, "Clock", last_env(corps));
    struct corps_timer *timer = NULL;
    assert_int_equal(corps_timer_start(name, "tick", NULL, NULL, &timer), CORPS_ERR_INVALID);
    assert_refused(name, "tick", (struct corps_timer_options){.first_ns = -1}, "negative");
    assert_refused(name, "tick", (struct corps_timer_options){.every_ns = -1}, "negative");
    assert_refused(name, "tick", (struct corps_timer_options){.count = 2}, "every_ns");
    assert_refused(name, "tick", (struct corps_timer_options){.flags = 64}, "flags");
    assert_refused(name, "tick", (struct corps_timer_options){.reserved = {0, 1}}, "struct corps_timer_options");
    assert_refused(name, "", (struct corps_timer_options){.first_ns = 1}, "");
    corps_timer_destroy(NULL);
    corps_name_unref(name);
    assert_ok(corps_exit(corps, LONG_NS));
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_program_once), cmocka_unit_test(test_program_every),  cmocka_unit_test(test_in_env),
        cmocka_unit_test(test_slow),         cmocka_unit_test(test_ends_with_conc), cmocka_unit_test(test_failures),
        cmocka_unit_test(test_stopped),      cmocka_unit_test(test_restarted),      cmocka_unit_test(test_fork),
        cmocka_unit_test(test_bad_input),
    };
    int status = test_start(argc, argv, classes);
    return status != 0 ? status : cmocka_run_group_tests(tests, NULL, NULL);
}
