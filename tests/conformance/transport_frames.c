/* Frames: order, content, every size, backpressure, batches; two processes at once. */
#include "transport_driver.h"

#include "transport_cases.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Sends all there is and back, one flow after the other. */
static void run_there_and_back(unsigned count, size_t (*bytes_of)(unsigned k), unsigned segments) {
    struct pair pair;
    pair_open(&pair, NULL);
    struct flow there = pair_flow(&pair, count, bytes_of);
    there.segments = segments;
    flows_run(&there, 1);
    if (!has(CORPS_TRANSPORT_INTRA)) {
        struct flow back = pair_flow_back(&pair, count, bytes_of);
        back.segments = segments;
        flows_run(&back, 1);
    }
    pair_close(&pair);
}

static size_t small(unsigned k) {
    return 8 + k % 57;
}

void order_and_content(void **state) {
    (void)state;
    SKIP_DISCARDS;
    run_there_and_back(10000, small, 0);
}

static const size_t sizes_of[] = {0,
                                  1,
                                  2,
                                  63,
                                  64,
                                  65,
                                  127,
                                  128,
                                  129,
                                  4095,
                                  4096,
                                  4097,
                                  8175,
                                  8183,
                                  8191,
                                  8192,
                                  8193,
                                  16384,
                                  32767,
                                  32768,
                                  65519,
                                  65527,
                                  65528,
                                  65529,
                                  65535,
                                  65536,
                                  65537,
                                  0,
                                  99999,
                                  262144,
                                  1048575,
                                  1048576,
                                  1048577,
                                  0,
                                  3,
                                  (size_t)16 << 20,
                                  (size_t)16 << 20 | 5,
                                  7};

static size_t listed(unsigned k) {
    return sizes_of[k];
}

void sizes(void **state) {
    (void)state;
    SKIP_DISCARDS;
    run_there_and_back(sizeof sizes_of / sizeof sizes_of[0], listed, 0);
}

static size_t for_segments(unsigned k) {
    static const size_t bytes[] = {0, 1, 300, 5000, 40000, 100000, 1500000};
    return bytes[k % (sizeof bytes / sizeof bytes[0])];
}

void many_segments(void **state) {
    (void)state;
    SKIP_DISCARDS;
    run_there_and_back(14, for_segments, 3);
    run_there_and_back(14, for_segments, 37);
    run_there_and_back(14, for_segments, CORPS_SEGMENTS_MAX);
}

/* ---- backpressure ---- */

/* A bounded transport; an INTRA one is bounded by its queue_count. */
static void open_bounded(struct pair *pair) {
    struct corps_endpoint_options options = default_options("a");
    options.queue_count = has(CORPS_TRANSPORT_INTRA) ? 100 : 0;
    pair_open(pair, &options);
}

void full_then_writable(void **state) {
    (void)state;
    SKIP_DISCARDS;
    struct pair pair;
    open_bounded(&pair);
    struct flow flow = pair_flow(&pair, 200000, about_thousand); /* 200 MB: no bounded buffer takes it */
    flow_send_until_blocked(&flow);
    check(flow.blocked && flow.sent < flow.count);
    unsigned taken = flow.sent;
    if (flow.partial_count == 0) { /* nothing was taken, and trying again at once changes nothing */
        flow_send_until_blocked(&flow);
        check(flow.sent == taken);
    }
    flow.count = taken + 1 + 2000; /* the refused one, and some more behind it */
    flows_run(&flow, 1);
    check(flow.received == flow.count);
    pair_close(&pair);
}

static size_t huge_then_small(unsigned k) {
    return k == 0 ? (size_t)64 << 20 : 100 + k;
}

void partial_is_resumed(void **state) {
    (void)state;
    SKIP_DISCARDS;
    SKIP_IF(CORPS_TRANSPORT_INTRA, "it takes a frame whole or not at all");
    struct pair pair;
    open_bounded(&pair);
    for (unsigned segments = 1; segments <= CORPS_SEGMENTS_MAX; segments += CORPS_SEGMENTS_MAX - 1) {
        struct flow flow = pair_flow(&pair, 50, huge_then_small);
        flow.segments = segments;
        flow.seed = segments;
        flow_send_until_blocked(&flow);
        check(flow.partial_count == 1 && flow.sent == 0);
        flows_run(&flow, 1);
    }
    pair_close(&pair);
}

/* The sender may put a copy in the place of a frame that is half sent, and let go of the first one. */
static void go_on_with_a_copy(struct flow *flow) {
    size_t bytes = flow->bytes_of(flow->sent);
    unsigned segments = flow->segments > 0 ? flow->segments : 1;
    uint8_t *copy = malloc(bytes);
    check(copy != NULL && flow->frame != NULL);
    memcpy(copy, flow->frame, bytes);
    memset(flow->frame, 0x5a, bytes); /* whoever looks there still reads nonsense */
    free(flow->frame);
    flow->frame = copy;
    for (unsigned i = 0; i < segments; i++) {
        flow->iov[i] = (struct iovec){.iov_base = copy, .iov_len = 0};
    }
    flow->iov[segments - 1].iov_len = bytes;
}

void partial_goes_on_with_a_copy(void **state) {
    (void)state;
    SKIP_DISCARDS;
    SKIP_IF(CORPS_TRANSPORT_INTRA, "it takes a frame whole or not at all");
    struct pair pair;
    open_bounded(&pair);
    /* Two segments, the second of them large, may go whole: into memory that the peer maps. */
    for (unsigned segments = 1; segments <= CORPS_SEGMENTS_MAX; segments += CORPS_SEGMENTS_MAX - 1) {
        struct flow flow = pair_flow(&pair, 50, huge_then_small);
        flow.segments = segments;
        flow.seed = segments;
        flow_send_until_blocked(&flow);
        check(flow.partial_count == 1 && flow.sent == 0);
        go_on_with_a_copy(&flow);
        flow_send_until_blocked(&flow);
        flows_run(&flow, 1);
    }
    pair_close(&pair);
}

/* A flush while a frame is half sent has nothing to flush, and must not disturb it. */
void flush_amid_a_frame(void **state) {
    (void)state;
    SKIP_DISCARDS;
    SKIP_IF(CORPS_TRANSPORT_INTRA, "it takes a frame whole or not at all");
    struct pair pair;
    open_bounded(&pair);
    struct flow flow = pair_flow(&pair, 50, huge_then_small);
    flow_send_until_blocked(&flow);
    check(flow.partial_count == 1);
    enum corps_err err = flush(pair.out);
    check(err == CORPS_OK || err == CORPS_ERR_FULL || err == CORPS_ERR_PARTIAL);
    flows_run(&flow, 1);
    pair_close(&pair);
}

static size_t mixed(unsigned k) {
    return k % 1000 == 999 ? 100000 : k % 100 == 99 ? 20000 : k % 300;
}

void batches_keep_order(void **state) {
    (void)state;
    SKIP_DISCARDS;
    struct pair pair;
    open_bounded(&pair);
    struct flow flow = pair_flow(&pair, 30000, mixed);
    flow.flush_every = 7;
    flows_run(&flow, 1);

    /* Held back until the kernel is full too, the receiver far behind: nothing is lost, nothing comes twice. Once so
     * that the link gets full at a frame that can be held back, once perhaps at a large one. */
    for (unsigned round = 0; round < 2; round++) {
        flow = pair_flow(&pair, 400000, round == 0 ? below_300 : mixed);
        flow.flush_every = 1u << 30;
        flow.seed = 2 + round;
        flow_send_until_blocked(&flow);
        check(flow.blocked);
        flow.count = flow.sent + 3000;
        flows_run(&flow, 1);
    }

    /* One held-back frame alone arrives after a flush, and need not before. */
    uint8_t frame[100];
    fill(frame, sizeof frame, 77);
    while (send_bytes(pair.out, frame, sizeof frame, CORPS_SEND_MORE) != CORPS_OK) {
        struct corps_event room;
        side_wait(pair.from, &room);
        check(room.kind == CORPS_EVENT_WRITABLE);
        side_done(pair.from, &room);
    }
    check(flush(pair.out) == CORPS_OK);
    struct corps_event event;
    do { /* WRITABLE may still be due where the sides are one */
        side_wait(pair.to, &event);
        check(event.kind == CORPS_EVENT_WRITABLE || event_is(&event, sizeof frame, 77));
        side_done(pair.to, &event);
    } while (event.kind == CORPS_EVENT_WRITABLE);
    pair_close(&pair);
}

/* ---- two processes ---- */

static size_t flood_bytes(unsigned k) {
    return k % 97 == 0 ? 300000 : (k * 2654435761u) % 20000;
}

enum { FLOOD = 8000 };

static void flood_child(int channel) {
    struct side b;
    struct corps_link *link = child_meet(channel, &b);
    struct flow flows[2] = {
        {.from = &b, .out = link, .count = FLOOD, .bytes_of = flood_bytes, .seed = 1},
        {.to = &b, .in = link, .count = FLOOD, .bytes_of = flood_bytes, .seed = 2},
    };
    flows_run(flows, 2);
    char go;
    channel_put(channel, "", 1);
    channel_get(channel, &go, 1);
    transport->disconnect(link);
    side_close(&b);
}

void flood_both_ways(void **state) {
    (void)state;
    SKIP_ONE_ENDED;
    struct side a;
    struct corps_link *link;
    struct child child = child_start_met(flood_child, &a, &link);
    struct flow flows[2] = {
        {.from = &a, .out = link, .count = FLOOD, .bytes_of = flood_bytes, .seed = 2},
        {.to = &a, .in = link, .count = FLOOD, .bytes_of = flood_bytes, .seed = 1},
    };
    flows_run(flows, 2);
    char go;
    channel_get(child.channel, &go, 1);
    channel_put(child.channel, &go, 1);
    check(side_expect_closed(&a, link) == CORPS_ERR_CLOSED);
    transport->disconnect(link);
    child_join(&child);
    side_close(&a);
}

static size_t large_bytes(unsigned k) {
    const char *wanted = getenv("CORPS_TEST_LARGE");
    size_t large = (size_t)1 << (wanted != NULL && strcmp(wanted, "1") == 0 ? 30 : 28);
    return k == 1 ? large : 5;
}

static void large_child(int channel) {
    struct side b;
    struct corps_link *link = child_meet(channel, &b);
    struct flow flow = {.from = &b, .out = link, .count = 3, .bytes_of = large_bytes};
    flows_run(&flow, 1);
    check(side_expect_closed(&b, link) == CORPS_ERR_CLOSED);
    transport->disconnect(link);
    side_close(&b);
}

void very_large(void **state) {
    (void)state;
    SKIP_DISCARDS;
    if (has(CORPS_TRANSPORT_INTRA)) {
        run_there_and_back(3, large_bytes, 0);
        return;
    }
    struct side a;
    struct corps_link *link;
    struct child child = child_start_met(large_child, &a, &link);
    struct flow flow = {.to = &a, .count = 3, .bytes_of = large_bytes, .in = link};
    flows_run(&flow, 1);
    transport->disconnect(flow.in);
    side_close(&a);
    child_join(&child);
}
