/* Lists of waiters, over the wait floor alone with operations of the test's: who is listed, who is woken, and how a
 * wait ends. Under many threads at once: threads/waitlist.c. */
#include "base/clock.h"
#include "base/hooks.h"
#include "wait/reactor.h"
#include "wait/wait.h"

#include <setjmp.h>
#include <stdarg.h>
#include <time.h>

#include <cmocka.h>

enum { WAITERS = 5, PATIENCE_MS = 30000 };

static struct corps__waitlist list = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* What the floors above were asked. */
static _Atomic unsigned blocks, unblocks;
static enum corps_err may_block;
static unsigned works;

static enum corps_err block(void) {
    if (may_block == CORPS_OK) {
        atomic_fetch_add(&blocks, 1);
    }
    return may_block;
}

static void unblock(void) {
    atomic_fetch_add(&unblocks, 1);
}

static void *begin_wait(void *work) {
    return work;
}

static bool can_work(const void *work) {
    return work != NULL;
}

/* `work` is a flag to set. */
static bool work(void *flag, bool (*done)(void *arg), void *arg) {
    (void)done, (void)arg;
    works++;
    atomic_store((_Atomic bool *)flag, true);
    return true;
}

static struct corps__reactor_ops ops;

static int start(void **state) {
    (void)state;
    ops = *corps__reactor->ops;
    ops.block = block;
    ops.unblock = unblock;
    ops.begin_wait = begin_wait;
    ops.can_work = can_work;
    ops.work = work;
    if (corps__reactor_start(&ops) != CORPS_OK) {
        return -1;
    }
    corps__reactor_open();
    corps__reactor_wake_set(CORPS_WAKE_BLOCK);
    return 0;
}

static int stop(void **state) {
    (void)state;
    if (!corps__lead_try()) {
        return -1;
    }
    corps__reactor_stop();
    return 0;
}

static int anew(void **state) {
    (void)state;
    atomic_store(&blocks, 0);
    atomic_store(&unblocks, 0);
    may_block = CORPS_OK;
    works = 0;
    return 0;
}

/* After every case. */
static int nobody_is_left(void **state) {
    (void)state;
    return list.first == NULL && list.count == 0 && blocks == unblocks && corps__lead_is_vacant() ? 0 : -1;
}

static bool is_set(void *flag) {
    return atomic_load((_Atomic bool *)flag);
}

static void nobody_waits(void **state) {
    (void)state;
    atomic_store(&corps__reactor->kicked, 0);
    corps__waitlist_notify(&list);
    assert_int_equal(atomic_load(&corps__reactor->kicked), 0);
}

static void true_already(void **state) {
    (void)state;
    _Atomic bool flag = true;
    assert_int_equal(corps__waitlist_wait(&list, is_set, &flag, CORPS_FOREVER, NULL), CORPS_OK);
    assert_int_equal(corps__waitlist_wait(&list, is_set, &flag, 0, NULL), CORPS_OK); /* also past the deadline */
    assert_int_equal(blocks, 0);
}

static void deadline(void **state) {
    (void)state;
    _Atomic bool flag = false;
    assert_int_equal(corps__waitlist_wait(&list, is_set, &flag, 0, NULL), CORPS_ERR_TIMEOUT);
    assert_int_equal(blocks, 0);
    int64_t end = corps__deadline_ns(2000000);
    assert_int_equal(corps__waitlist_wait(&list, is_set, &flag, end, NULL), CORPS_ERR_TIMEOUT);
    assert_true(corps__now_ns() >= end);
    assert_int_equal(blocks, 1);
}

static unsigned asked, asked_at_most;

static int64_t ask_within(void) {
    return 1000000;
}

static bool is_interrupted(void) {
    return ++asked > asked_at_most;
}

/* A call is asked when it begins to wait, and from time to time; other waits are not. */
static void interrupted(void **state) {
    (void)state;
    _Atomic bool flag = false;
    corps__interrupt_hooks_set(ask_within, is_interrupted);
    asked = 0;
    asked_at_most = 0;
    assert_int_equal(corps__waitlist_wait_call(&list, is_set, &flag, CORPS_FOREVER, NULL), CORPS_ERR_CANCELLED);
    assert_int_equal(asked, 1);
    assert_int_equal(blocks, 0);
    asked = 0;
    asked_at_most = 3;
    assert_int_equal(corps__waitlist_wait_call(&list, is_set, &flag, CORPS_FOREVER, NULL), CORPS_ERR_CANCELLED);
    assert_int_equal(asked, 4);
    assert_int_equal(blocks, 1);
    asked = 0;
    int64_t end = corps__deadline_ns(2000000);
    assert_int_equal(corps__waitlist_wait(&list, is_set, &flag, end, NULL), CORPS_ERR_TIMEOUT);
    assert_int_equal(asked, 0);
    assert_int_equal(blocks, 2);
    corps__interrupt_hooks_set(NULL, NULL);
    assert_int_equal(corps__waitlist_wait_call(&list, is_set, &flag, 0, NULL), CORPS_ERR_TIMEOUT);
    assert_null(list.first);
}

static void too_many_wait(void **state) {
    (void)state;
    _Atomic bool flag = false;
    may_block = CORPS_ERR_LIMIT;
    assert_int_equal(corps__waitlist_wait(&list, is_set, &flag, CORPS_FOREVER, NULL), CORPS_ERR_LIMIT);
}

static void works_meanwhile(void **state) {
    (void)state;
    _Atomic bool flag = false;
    assert_int_equal(corps__waitlist_wait(&list, is_set, &flag, CORPS_FOREVER, &flag), CORPS_OK);
    assert_int_equal(works, 1);
    assert_int_equal(blocks, 0);
}

/* ---- several ---- */

struct one {
    pthread_t thread;
    _Atomic bool may_go;
    _Atomic unsigned looks;
    _Atomic enum corps_err err;
    _Atomic bool gone;
};

static bool may_go(void *arg) {
    struct one *one = arg;
    atomic_fetch_add(&one->looks, 1);
    return atomic_load(&one->may_go);
}

static void *waits(void *arg) {
    struct one *one = arg;
    atomic_store(&one->err, corps__waitlist_wait(&list, may_go, one, CORPS_FOREVER, NULL));
    atomic_store(&one->gone, true);
    return NULL;
}

static void a_millisecond(void) {
    nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
}

/* How many are listed; a link that leads astray fails. */
static unsigned listed(void) {
    pthread_mutex_lock(&list.lock);
    unsigned count = 0;
    bool is_whole = list.first == NULL || list.first->prev == NULL;
    for (struct corps__waitnode *node = list.first; node != NULL; node = node->next) {
        is_whole = is_whole && (node->next == NULL || node->next->prev == node);
        count++;
    }
    is_whole = is_whole && count == list.count;
    pthread_mutex_unlock(&list.lock);
    assert_true(is_whole);
    return count;
}

/* Everybody looks again after a notification, and nobody goes before its time. */
static void all_look_again(struct one *ones) {
    unsigned before[WAITERS];
    for (unsigned i = 0; i < WAITERS; i++) {
        before[i] = ones[i].looks;
    }
    corps__waitlist_notify(&list);
    for (unsigned i = 0; i < WAITERS; i++) {
        for (unsigned ms = 0; ones[i].looks == before[i] && ms < PATIENCE_MS && !ones[i].gone; ms++) {
            a_millisecond();
        }
        assert_true(ones[i].gone || ones[i].looks > before[i]);
        assert_int_equal(ones[i].gone, ones[i].may_go);
    }
}

static void let_go(struct one *one) {
    atomic_store(&one->may_go, true);
    corps__waitlist_notify(&list);
    for (unsigned ms = 0; !one->gone && ms < PATIENCE_MS; ms++) {
        a_millisecond();
    }
    assert_true(one->gone);
    pthread_join(one->thread, NULL);
    assert_int_equal(one->err, CORPS_OK);
}

static void several_wait(enum corps_wake wake) {
    static const unsigned order[WAITERS] = {2, 4, 0, 3, 1}; /* from the middle, both ends, and what is then left */
    struct one ones[WAITERS] = {0};
    corps__reactor_wake_set(wake);
    for (unsigned i = 0; i < WAITERS; i++) {
        assert_int_equal(pthread_create(&ones[i].thread, NULL, waits, &ones[i]), 0);
        for (unsigned ms = 0; listed() == i && ms < PATIENCE_MS; ms++) {
            a_millisecond();
        }
        assert_int_equal(listed(), i + 1);
    }
    for (unsigned i = 0; i < WAITERS; i++) {
        all_look_again(ones);
        let_go(&ones[order[i]]);
        assert_int_equal(listed(), WAITERS - i - 1);
    }
}

static void several_asleep(void **state) {
    (void)state;
    several_wait(CORPS_WAKE_BLOCK);
}

static void several_adaptive(void **state) {
    (void)state;
    several_wait(CORPS_WAKE_ADAPTIVE);
}

static void several_spinning(void **state) {
    (void)state;
    several_wait(CORPS_WAKE_SPIN);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(nobody_waits, anew, nobody_is_left),
        cmocka_unit_test_setup_teardown(true_already, anew, nobody_is_left),
        cmocka_unit_test_setup_teardown(deadline, anew, nobody_is_left),
        cmocka_unit_test_setup_teardown(interrupted, anew, nobody_is_left),
        cmocka_unit_test_setup_teardown(too_many_wait, anew, nobody_is_left),
        cmocka_unit_test_setup_teardown(works_meanwhile, anew, nobody_is_left),
        cmocka_unit_test_setup_teardown(several_asleep, anew, nobody_is_left),
        cmocka_unit_test_setup_teardown(several_adaptive, anew, nobody_is_left),
        cmocka_unit_test_setup_teardown(several_spinning, anew, nobody_is_left),
    };
    return cmocka_run_group_tests_name("waitlist", tests, start, stop);
}
