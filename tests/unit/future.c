/* A Future that two want to end at the same time: its deadline, and whoever has its outcome; and the one step by which
 * a reply ends it. */
#include "actor/future.h"
#include "base/clock.h"
#include "link/peer.h"
#include "value/failure.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define LONG_NS INT64_C(60000000000)
enum { DEADLINE_NS = 20000000, LATER_US = 100000 };

/* Has claimed the Future before its deadline, and is slow to say with what. */
static void *put_down_slowly(void *arg) {
    struct corps_future *future = arg;
    while (corps__now_ns() < future->deadline_ns) {
        usleep(1000);
    }
    usleep(LATER_US); /* long enough that who waits until the deadline looks before */
    const struct corps_error_info info = {.code = CORPS_ERR_WORKER_LOST, .text = "its Env has died"};
    corps__future_failed(future, info.code, corps__failure_create(&info));
    return NULL;
}

static struct corps_future *claimed(pthread_t *thread) {
    corps__futures_start();
    struct corps_future *future = corps__future_create(corps__now_ns() + DEADLINE_NS, CORPS_KEEP_NONE, 1);
    assert_non_null(future);
    assert_true(corps__future_claim(future));
    assert_int_equal(pthread_create(thread, NULL, put_down_slowly, future), 0);
    return future;
}

/* What was claimed before the deadline is the outcome, and no wait ends without one. */
static void test_wait(void **state) {
    (void)state;
    pthread_t thread;
    struct corps_future *future = claimed(&thread);
    assert_int_equal(corps_future_wait(future, LONG_NS, NULL), CORPS_ERR_WORKER_LOST);
    assert_string_equal(corps_future_error(future)->text, "its Env has died");
    pthread_join(thread, NULL);
    corps_future_destroy(future);
}

static void test_wait_next(void **state) {
    (void)state;
    pthread_t thread;
    struct corps_future *future = claimed(&thread);
    size_t index = 7;
    assert_int_equal(corps_wait_next(&future, 1, LONG_NS, &index), CORPS_OK);
    assert_int_equal(index, 0);
    assert_int_equal(corps_future_wait(future, 0, NULL), CORPS_ERR_WORKER_LOST);
    pthread_join(thread, NULL);
    corps_future_destroy(future);
}

/* ---- a reply ---- */

enum { CHARGE = 100, PAYLOAD = 64 };

/* A call under way to a peer that there is not. */
struct call {
    struct corps__peer *peer;
    struct corps__route route;
    struct corps_future *future;
    uint64_t id;
    struct corps_event event;
    struct corps__header header;
    uint8_t frame[CORPS__PREFIX_BYTES_MAX + PAYLOAD];
};

static void begin_call(struct call *call, bool is_nil) {
    corps__futures_start();
    memset(call, 0, sizeof *call);
    call->peer = calloc(1, sizeof *call->peer);
    assert_non_null(call->peer);
    call->peer->credit_waiters = CORPS__WAITLIST_INIT;
    call->route.peer = call->peer;
    corps__route_take(&call->route, CHARGE);
    call->future = corps__future_create(CORPS_FOREVER, CORPS_KEEP_NONE, 2);
    assert_non_null(call->future);
    corps__calls_enter(call->future, call->peer, &call->route, CHARGE, &call->id);
    call->header = (struct corps__header){.kind = CORPS__REPLY,
                                          .id = call->id,
                                          .flags = is_nil ? CORPS__NIL_PAYLOAD : 0,
                                          .segment_count = is_nil ? 0 : 1};
    size_t at = corps__wire_write(&call->header, NULL, NULL, call->frame);
    memset(call->frame + at, 7, PAYLOAD);
    call->event.data = call->frame;
    call->event.bytes = at + (is_nil ? 0 : PAYLOAD);
}

static bool reply_to(struct call *call) {
    return corps__calls_reply(call->id, call->peer, &call->event, &call->header);
}

static void end_call(struct call *call) {
    corps_future_destroy(call->future);
    free(call->peer);
}

static void test_reply(void **state) {
    (void)state;
    for (int is_nil = 0; is_nil < 2; is_nil++) {
        struct call call;
        const struct corps_value *result;
        begin_call(&call, is_nil != 0);
        struct corps__peer other = {.number = 0};
        assert_false(corps__calls_reply(call.id, &other, &call.event, &call.header));
        assert_false(corps__calls_reply(call.id + (UINT64_C(1) << 32), call.peer, &call.event, &call.header));
        assert_false(corps__future_is_ready(call.future));
        assert_int_equal(corps__route_count(&call.route), 1);
        assert_true(reply_to(&call));
        assert_int_equal(corps__route_count(&call.route), 0);
        assert_false(reply_to(&call)); /* it is over */
        assert_int_equal(corps__route_count(&call.route), 0);
        assert_int_equal(corps_future_wait(call.future, LONG_NS, &result), CORPS_OK);
        if (is_nil != 0) {
            assert_int_equal(result->kind, CORPS_NIL);
        } else {
            assert_int_equal(result->kind, CORPS_BIN);
            assert_int_equal(result->count, PAYLOAD);
            assert_memory_equal(result->bin, call.event.data + CORPS__HEADER_BYTES, PAYLOAD);
        }
        end_call(&call);
    }
}

static void count_one(void *arg) {
    ++*(int *)arg;
}

/* Who watches is notified: that is not done in one step. */
static void test_reply_watched(void **state) {
    (void)state;
    struct call call;
    int count = 0;
    begin_call(&call, false);
    corps_future_on_ready(call.future, count_one, &count);
    assert_false(reply_to(&call));
    assert_int_equal(corps__route_count(&call.route), 1);
    assert_ptr_equal(corps__calls_take(call.id, call.peer), call.future);
    corps__future_complete_frame(call.future, &call.event, &call.header);
    corps__future_unref(call.future);
    assert_int_equal(count, 1);
    assert_int_equal(corps__route_count(&call.route), 0);
    end_call(&call);
}

/* What has failed before stays so, and its room comes back all the same. */
static void test_reply_late(void **state) {
    (void)state;
    struct call call;
    begin_call(&call, false);
    corps__future_fail(call.future, CORPS_ERR_TIMEOUT, "too late");
    assert_false(reply_to(&call));
    assert_null(corps__calls_take(call.id, call.peer));
    assert_int_equal(corps__route_count(&call.route), 0);
    assert_int_equal(corps_future_wait(call.future, LONG_NS, NULL), CORPS_ERR_TIMEOUT);
    end_call(&call);
}

/* Whose owner is gone is over with the reply. */
static void test_reply_given_up(void **state) {
    (void)state;
    struct call call;
    begin_call(&call, true);
    corps_future_destroy(call.future);
    assert_false(reply_to(&call));
    assert_ptr_equal(corps__calls_take(call.id, call.peer), call.future);
    corps__future_complete(call.future, NULL);
    corps__future_unref(call.future);
    assert_null(corps__calls_take(call.id, call.peer));
    call.future = NULL;
    end_call(&call);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_wait),          cmocka_unit_test(test_wait_next),  cmocka_unit_test(test_reply),
        cmocka_unit_test(test_reply_watched), cmocka_unit_test(test_reply_late), cmocka_unit_test(test_reply_given_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
