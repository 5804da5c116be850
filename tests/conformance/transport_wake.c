/* Going to sleep: nothing that arrives around `arm` is slept through. sides_sleep fails when nothing wakes it. */
#include "transport_driver.h"

#include "transport_cases.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { ROUNDS = 300 };

static void expect_frame(struct side *side, size_t bytes, uint64_t seed) {
    struct corps_event event;
    side_wait(side, &event); /* sleeps: a frame that is here already must make it wake */
    check(event_is(&event, bytes, seed));
    side_done(side, &event);
}

static void drain(struct side *side) {
    struct corps_event event;
    check(!side_next(side, &event));
}

void frame_before_arm(void **state) {
    (void)state;
    SKIP_DISCARDS;
    struct pair pair;
    pair_open(&pair, NULL);
    uint8_t frame[64];
    for (unsigned k = 0; k < ROUNDS; k++) {
        drain(pair.to);
        fill(frame, sizeof frame, k);
        check(send_bytes(pair.out, frame, sizeof frame, 0) == CORPS_OK);
        if (has(CORPS_TRANSPORT_INTRA)) { /* nobody will wake it: it must not go to sleep */
            check(!side_arm(pair.to));
        } else {
            sides_sleep(&pair.to, 1);
        }
        expect_frame(pair.to, sizeof frame, k);
    }
    pair_close(&pair);
}

/* Many frames may come with one read. Those that were not polled yet must not be slept through either. */
void frames_left_before_arm(void **state) {
    (void)state;
    SKIP_DISCARDS;
    struct pair pair;
    pair_open(&pair, NULL);
    uint8_t frame[64];
    for (unsigned k = 0; k < ROUNDS; k++) {
        unsigned sent = 1 + k % 9; /* few enough for any queue */
        for (unsigned i = 0; i < sent; i++) {
            fill(frame, sizeof frame, i);
            check(send_bytes(pair.out, frame, sizeof frame, 0) == CORPS_OK);
        }
        for (unsigned i = 0; i < sent; i++) {
            if (has(CORPS_TRANSPORT_INTRA)) {
                check(!side_arm(pair.to));
            } else {
                sides_sleep(&pair.to, 1);
            }
            expect_frame(pair.to, sizeof frame, i);
        }
    }
    pair_close(&pair);
}

/* Arms, then lets `happen` happen, then expects the descriptors (or the loop's) to be ready. */
static void armed_sees(struct side *side, void (*happen)(void *arg), void *arg) {
    unsigned tries = 0;
    do { /* AGAIN is allowed at any time, but not for ever */
        check(tries++ < 1000);
        drain(side);
    } while (!side_arm(side));
    happen(arg);
    sides_sleep_armed(&side, 1);
}

static void send_frame(void *arg) {
    uint8_t frame[64];
    fill(frame, sizeof frame, 7);
    check(send_bytes(arg, frame, sizeof frame, 0) == CORPS_OK);
}

void frame_after_arm(void **state) {
    (void)state;
    SKIP_ONE_ENDED;
    struct pair pair;
    pair_open(&pair, NULL);
    for (unsigned k = 0; k < ROUNDS; k++) {
        armed_sees(pair.to, send_frame, pair.out);
        expect_frame(pair.to, 64, 7);
    }
    /* Held back and flushed: the flush wakes. */
    uint8_t frame[64];
    fill(frame, sizeof frame, 9);
    check(send_bytes(pair.out, frame, sizeof frame, CORPS_SEND_MORE) == CORPS_OK);
    check(flush(pair.out) == CORPS_OK);
    sides_sleep(&pair.to, 1);
    expect_frame(pair.to, 64, 9);
    pair_close(&pair);
}

/* Frames that were sent and not read yet. Some may still be under way, where a thread of the transport's moves them. */
struct flood {
    struct side *to;
    unsigned due;
};

static void drain_all(void *arg) {
    struct flood *flood = arg;
    for (; flood->due > 0; flood->due--) {
        struct corps_event event;
        side_wait(flood->to, &event);
        check(event.kind == CORPS_EVENT_MESSAGE && event.bytes == 4000);
        side_done(flood->to, &event);
    }
}

static uint8_t page[4000];

/* Sends until nothing more goes, and goes on while WRITABLE still comes: what the kernel moves on by itself is room. */
static unsigned fill_up(const struct pair *pair) {
    unsigned sent = 0;
    for (unsigned quiet = 0; quiet < 100; quiet++) {
        enum corps_err err;
        while ((err = send_bytes(pair->out, page, sizeof page, 0)) == CORPS_OK) {
            check(++sent < 100000);
            quiet = 0;
        }
        check(err == CORPS_ERR_FULL || err == CORPS_ERR_PARTIAL);
        struct corps_event event;
        if (side_next(pair->from, &event)) {
            check(event.kind == CORPS_EVENT_WRITABLE);
            side_done(pair->from, &event);
        }
    }
    return sent;
}

void room_after_arm(void **state) {
    (void)state;
    SKIP_ONE_ENDED;
    struct pair pair;
    pair_open(&pair, NULL);
    for (unsigned k = 0; k < 20; k++) {
        struct flood flood = {.to = pair.to, .due = fill_up(&pair)};
        armed_sees(pair.from, drain_all, &flood);
        struct corps_event event;
        side_wait(pair.from, &event);
        check(event.kind == CORPS_EVENT_WRITABLE && event.link == pair.out);
        side_done(pair.from, &event);
        check(send_bytes(pair.out, page, sizeof page, 0) == CORPS_OK); /* the same parcel, in case of PARTIAL */
        flood.due = 1;
        drain_all(&flood);
    }
    pair_close(&pair);
}

struct connecting {
    struct pair *pair;
    struct corps_link *link;
};

static void connect_one(void *arg) {
    struct connecting *connecting = arg;
    check(transport->connect(connecting->pair->from->endpoint, connecting->pair->to->address, &connecting->link) ==
          CORPS_OK);
}

void connect_after_arm(void **state) {
    (void)state;
    SKIP_ONE_ENDED;
    struct pair pair;
    pair_open(&pair, NULL);
    for (unsigned k = 0; k < 20; k++) {
        struct connecting connecting = {.pair = &pair};
        armed_sees(pair.to, connect_one, &connecting);
        check(side_expect(pair.from, CORPS_EVENT_CONNECTED).link == connecting.link);
        struct corps_link *accepted = side_expect(pair.to, CORPS_EVENT_ACCEPTED).link;
        pair.to->accepted_count = 0;
        transport->disconnect(connecting.link);
        check(side_expect_closed(pair.to, accepted) == CORPS_ERR_CLOSED);
        transport->disconnect(accepted);
    }
    pair_close(&pair);
}

static void disconnect_one(void *arg) {
    transport->disconnect(arg);
}

void close_after_arm(void **state) {
    (void)state;
    SKIP_ONE_ENDED;
    struct pair pair;
    pair_open(&pair, NULL);
    for (unsigned k = 0; k < 20; k++) {
        struct corps_link *at_from;
        struct corps_link *at_to;
        sides_connect(pair.from, pair.to, &at_from, &at_to);
        pair.to->accepted_count = 0;
        armed_sees(pair.to, disconnect_one, at_from);
        check(side_expect_closed(pair.to, at_to) == CORPS_ERR_CLOSED);
        transport->disconnect(at_to);
    }
    pair_close(&pair);
}

/* ---- a word to sleep on ---- */

/* Has `link` end the receiver's sleeps until that may sleep on a word. */
static _Atomic uint32_t *word_of(struct side *side, struct corps_link *link) {
    for (unsigned k = 0; k < ROUNDS; k++) {
        armed_sees(side, send_frame, link);
        expect_frame(side, 64, 7);
        drain(side);
        uint32_t *word = side_arm(side) ? transport->arm_word(side->endpoint) : NULL;
        if (word != NULL) {
            return (_Atomic uint32_t *)word;
        }
    }
    bool there_is_a_word = false; /* where one link alone is busy */
    check(there_is_a_word);
    return NULL;
}

/* Nobody is to be asleep there any more: who comes too late does not fall asleep, and who has is woken by the same. */
static bool is_rung(_Atomic uint32_t *word) {
    return atomic_load(word) != CORPS_WORD_ASLEEP;
}

void word_after_arm(void **state) {
    (void)state;
    SKIP_ONE_ENDED;
    if (transport->arm_word == NULL) {
        print_message("skipped for %s: it has no word\n", transport->name);
        skip();
    }
    struct pair pair;
    pair_open(&pair, NULL);
    struct corps_link *other, *other_in;
    sides_connect(pair.from, pair.to, &other, &other_in);
    for (unsigned k = 0; k < 20; k++) {
        _Atomic uint32_t *word = word_of(pair.to, pair.out);
        check(!is_rung(word));
        send_frame(pair.out);
        check(is_rung(word));
        expect_frame(pair.to, 64, 7);
        /* All else makes descriptors ready. */
        word = word_of(pair.to, pair.out);
        send_frame(other);
        sides_sleep_armed(&pair.to, 1);
        check(!is_rung(word));
        expect_frame(pair.to, 64, 7);
        word = word_of(pair.to, pair.out);
        struct connecting connecting = {.pair = &pair};
        connect_one(&connecting);
        sides_sleep_armed(&pair.to, 1);
        check(!is_rung(word));
        check(side_expect(pair.from, CORPS_EVENT_CONNECTED).link == connecting.link);
        struct corps_link *accepted = side_expect(pair.to, CORPS_EVENT_ACCEPTED).link;
        pair.to->accepted_count = 0;
        word = word_of(pair.to, pair.out);
        transport->disconnect(connecting.link);
        sides_sleep_armed(&pair.to, 1);
        check(!is_rung(word));
        check(side_expect_closed(pair.to, accepted) == CORPS_ERR_CLOSED);
        transport->disconnect(accepted);
    }
    /* The link whose word it is. */
    (void)word_of(pair.to, other);
    transport->disconnect(other);
    sides_sleep_armed(&pair.to, 1);
    check(side_expect_closed(pair.to, other_in) == CORPS_ERR_CLOSED);
    transport->disconnect(other_in);
    check(!side_arm(pair.to) || transport->arm_word(pair.to->endpoint) == NULL);
    pair_close(&pair);
}

/* ---- two processes that sleep in turn ---- */

static void echo_child(int channel) {
    struct side b;
    struct corps_link *link = child_meet(channel, &b);
    uint8_t frame[64];
    for (unsigned k = 0; k < 10 * ROUNDS; k++) {
        expect_frame(&b, sizeof frame, k);
        fill(frame, sizeof frame, k + 1);
        check(send_bytes(link, frame, sizeof frame, 0) == CORPS_OK);
    }
    check(side_expect_closed(&b, link) == CORPS_ERR_CLOSED);
    transport->disconnect(link);
    side_close(&b);
}

void ping_pong_asleep(void **state) {
    (void)state;
    SKIP_ONE_ENDED;
    struct side a;
    struct corps_link *link;
    struct child child = child_start_met(echo_child, &a, &link);
    uint8_t frame[64];
    for (unsigned k = 0; k < 10 * ROUNDS; k++) {
        fill(frame, sizeof frame, k);
        check(send_bytes(link, frame, sizeof frame, 0) == CORPS_OK);
        expect_frame(&a, sizeof frame, k + 1);
    }
    transport->disconnect(link);
    side_close(&a);
    child_join(&child);
}
