/* The leader's sleep on a word, over the wait floor alone with a transport of the test's: what ends it, and that the
 * watchman watches the descriptors meanwhile. A sleep that nobody ends goes on for as long as is allowed, and the next
 * ones are on descriptors then: so does a test know what has ended one. */
#include "base/clock.h"
#include "base/futex.h"
#include "wait/reactor.h"

#include <corps.h>

#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

enum { TRIES = 200, SHORT_NS = 1000000 };

static _Atomic uint32_t word;
static int ends[2];
static const struct pollfd *armed;
static unsigned seen;    /* how often the pipe was found ready, and emptied */
static unsigned on_word; /* how often the word was given */
static unsigned written; /* bytes into the pipe */

static enum corps_err fake_poll(struct corps_endpoint *endpoint, struct corps_event *event) {
    (void)endpoint, (void)event;
    char byte;
    if (armed != NULL && armed->revents != 0 && read(ends[0], &byte, 1) == 1) {
        seen++;
    }
    armed = NULL;
    return CORPS_ERR_EMPTY;
}

static enum corps_err fake_arm(struct corps_endpoint *endpoint, struct pollfd *fds, size_t capacity, size_t *count) {
    (void)endpoint, (void)capacity;
    fds[0] = (struct pollfd){.fd = ends[0], .events = POLLIN};
    armed = fds;
    *count = 1;
    return CORPS_OK;
}

static uint32_t *fake_arm_word(struct corps_endpoint *endpoint) {
    (void)endpoint;
    on_word++;
    atomic_store(&word, CORPS_WORD_ASLEEP);
    return (uint32_t *)&word;
}

static const struct corps_transport fake = {
    .name = "fake", .poll = fake_poll, .arm = fake_arm, .arm_word = fake_arm_word};
static struct corps_endpoint endpoint = {.transport = &fake};
static struct corps__reactor_ops ops;

static unsigned thread_count(void) {
    unsigned count = 0;
    DIR *tasks = opendir("/proc/self/task");
    for (const struct dirent *task; (task = readdir(tasks)) != NULL;) {
        count += task->d_name[0] != '.';
    }
    closedir(tasks);
    return count;
}

static int start(void **state) {
    (void)state;
    ops = *corps__reactor->ops;
    if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0 || corps__reactor_start(&ops) != CORPS_OK) {
        return -1;
    }
    corps__reactor_open();
    corps__reactor_wake_set(CORPS_WAKE_BLOCK);
    return corps__lead_try() && corps__reactor_attach(&endpoint) == CORPS_OK ? 0 : -1;
}

static int stop(void **state) {
    (void)state;
    corps__reactor_detach(&endpoint);
    corps__reactor_stop();
    close(ends[0]);
    close(ends[1]);
    return 0;
}

/* A step whose sleep is on the word. */
static void step_on_word(int64_t deadline_ns) {
    unsigned before = on_word;
    struct corps__waiter waiter = CORPS__WAITER_INIT;
    for (unsigned n = 0; on_word == before; n++) {
        assert_true(n < TRIES);
        corps__reactor_step(&waiter, corps__reactor->word_rest > 0 ? corps__now_ns() : deadline_ns);
    }
}

static void *peer(void *unused) {
    (void)unused;
    usleep(SHORT_NS / 1000);
    atomic_store(&word, 0);
    (void)corps__futex_wake(&word);
    return NULL;
}

static void *kicker(void *unused) {
    (void)unused;
    usleep(SHORT_NS / 1000);
    corps__kick();
    return NULL;
}

static void *writer(void *unused) {
    (void)unused;
    usleep(SHORT_NS / 1000);
    written += write(ends[1], "x", 1) == 1;
    return NULL;
}

/* How often such a thread has ended the sleep: ten times, and, on a machine that has other things to do, until it has
 * once. */
static unsigned ended_by(void *(*run)(void *unused)) {
    unsigned ended = 0;
    for (unsigned n = 0; n < 10 || (ended == 0 && n < TRIES); n++) {
        pthread_t thread;
        assert_int_equal(pthread_create(&thread, NULL, run, NULL), 0);
        step_on_word(CORPS_FOREVER);
        ended += corps__reactor->word_rest == 0;
        pthread_join(thread, NULL);
    }
    return ended;
}

static void test_peer_and_kick(void **state) {
    (void)state;
    assert_true(ended_by(peer) > 0);
    assert_true(ended_by(kicker) > 0);
    assert_int_equal(seen, 0);
}

static void test_descriptors(void **state) {
    (void)state;
    for (unsigned n = 1; n <= 10; n++) {
        assert_true(ended_by(writer) > 0);
        for (unsigned k = 0; seen < written; k++) { /* what was found is looked at by sleeps on descriptors */
            assert_true(k < 100 * TRIES);
            struct corps__waiter waiter = CORPS__WAITER_INIT;
            corps__reactor_step(&waiter, corps__deadline_ns(SHORT_NS));
        }
    }
}

/* Nobody comes. */
static void test_limits(void **state) {
    (void)state;
    int64_t began_ns = corps__now_ns();
    step_on_word(corps__deadline_ns(SHORT_NS));
    assert_true(corps__now_ns() - began_ns >= SHORT_NS || corps__reactor->word_rest > 0);
    step_on_word(CORPS_FOREVER);
    assert_true(corps__reactor->word_rest > 0);
}

static void *thief(void *unused) {
    (void)unused;
    static _Atomic uint32_t elsewhere;
    for (unsigned n = 0; n < TRIES; n++) {
        usleep(100);
        syscall(SYS_futex, &word, FUTEX_CMP_REQUEUE, 0, (void *)1, &elsewhere, CORPS_WORD_ASLEEP);
    }
    return NULL;
}

/* A peer moves us to another word, or says at once that we sleep still. */
static void *scribbler(void *unused) {
    (void)unused;
    for (unsigned n = 0; n < TRIES; n++) {
        usleep(100);
        atomic_store(&word, CORPS_WORD_ASLEEP);
        atomic_store(&word, n);
        atomic_store(&word, CORPS_WORD_ASLEEP);
    }
    return NULL;
}

static void test_hostile_peer(void **state) {
    (void)state;
    void *(*const hostile[])(void *unused) = {thief, scribbler};
    for (unsigned i = 0; i < 2; i++) {
        pthread_t thread;
        assert_int_equal(pthread_create(&thread, NULL, hostile[i], NULL), 0);
        (void)ended_by(kicker); /* comes to an end */
        pthread_join(thread, NULL);
    }
}

static void test_started_when_needed(void **state) {
    (void)state;
    unsigned before = thread_count();
    for (unsigned n = 0; n < 3; n++) {
        assert_int_equal(start(NULL), 0);
        assert_int_equal(thread_count(), before);
        step_on_word(corps__deadline_ns(SHORT_NS));
        assert_int_equal(thread_count(), before + 1);
        assert_int_equal(stop(NULL), 0);
        assert_int_equal(thread_count(), before);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_peer_and_kick, start, stop),
        cmocka_unit_test_setup_teardown(test_descriptors, start, stop),
        cmocka_unit_test_setup_teardown(test_limits, start, stop),
        cmocka_unit_test_setup_teardown(test_hostile_peer, start, stop),
        cmocka_unit_test(test_started_when_needed),
    };
    return cmocka_run_group_tests_name("watchman", tests, NULL, NULL);
}
