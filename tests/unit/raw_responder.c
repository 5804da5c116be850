/* The watchdog of a bare control: a responder that has ended is told only after its last message was looked for once
 * more.
 */
#include "raw/responder.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* That of common.c needs every control. */
bool raw_fail(struct raw_channel *channel, const char *what) {
    snprintf(channel->error, sizeof channel->error, "%s", what);
    return false;
}

static bool open_nothing(struct raw_channel *channel) {
    (void)channel;
    return true;
}

static bool send_nothing(struct raw_channel *channel, const uint8_t *message) {
    (void)channel;
    (void)message;
    return true;
}

static int gate[2];

/* The responder waits for the gate to close, and then ends. */
static bool receive_nothing(struct raw_channel *channel, uint8_t *message) {
    (void)channel;
    close(gate[1]);
    return read(gate[0], message, 1) > 0;
}

static const struct raw_mechanism ending = {
    .name = "raw:ending", .open = open_nothing, .send = send_nothing, .receive = receive_nothing};

static void an_ended_responder_is_told_at_the_second_ring(void **state) {
    (void)state;
    static struct raw_responder responder;
    static struct raw_channel channel;
    siginfo_t info;
    assert_int_equal(pipe(gate), 0);
    assert_true(raw_responder_start(&responder, &ending, &channel, "unpinned", 1000));
    assert_int_equal(setitimer(ITIMER_REAL, &(struct itimerval){.it_value.tv_sec = 0}, NULL), 0);
    assert_false(raw_must_stop(&channel)); /* it may have rung, but the responder lives */
    close(gate[1]);
    while (waitid(P_PID, (id_t)responder.pid, &info, WEXITED | WNOWAIT) != 0) {
    }
    raise(SIGALRM);
    assert_false(raw_must_stop(&channel));
    raise(SIGALRM);
    assert_true(raw_must_stop(&channel));
    assert_string_equal(channel.error, "the responder has ended");
    raw_responder_finish(&responder, &channel);
    close(gate[0]);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(an_ended_responder_is_told_at_the_second_ring)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
