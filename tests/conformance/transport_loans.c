/* Memory lent for payloads, and payloads that are seen in place for longer than their event. */
#include "transport_driver.h"

#include "transport_cases.h"

#include <corps/serializer.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SKIP_WITHOUT                                                                                                   \
    do {                                                                                                               \
        if (!has(CORPS_TRANSPORT_LOAN)) {                                                                              \
            print_message("skipped for %s: it lends no memory\n", transport->name);                                    \
            skip();                                                                                                    \
        }                                                                                                              \
    } while (0)

enum { HEAD_BYTES = 64, PAGE = 4096 };

/* A frame whose payload lies in a loan, or, where none was to be had, in ordinary memory. */
struct frame {
    uint8_t head[HEAD_BYTES];
    struct corps_block *block;
    size_t bytes; /* of the payload */
};

static void write_frame(struct frame *frame, struct corps_link *link, size_t bytes, uint64_t seed) {
    uint8_t *whole = malloc(HEAD_BYTES + bytes);
    check(whole != NULL);
    fill(whole, HEAD_BYTES + bytes, seed);
    frame->bytes = bytes;
    frame->block = transport->loan(link, bytes);
    check(frame->block == NULL || frame->block->bytes == bytes);
    frame->block = frame->block != NULL ? frame->block : corps_block_create(bytes);
    check(frame->block != NULL);
    memcpy(frame->head, whole, HEAD_BYTES);
    memcpy(frame->block->data, whole + HEAD_BYTES, bytes);
    free(whole);
}

static enum corps_err send_frame(const struct frame *frame, struct corps_link *link) {
    struct iovec segments[2] = {{.iov_base = (void *)(uintptr_t)frame->head, .iov_len = HEAD_BYTES},
                                {.iov_base = frame->block->data, .iov_len = frame->bytes}};
    struct corps_parcel parcel = {.segments = segments, .segment_count = 2, .bytes = HEAD_BYTES + frame->bytes};
    return transport->send(link, &parcel, 0);
}

static void take_frame(struct side *side, struct corps_event *event, size_t bytes, uint64_t seed) {
    side_wait(side, event);
    check(event_is(event, HEAD_BYTES + bytes, seed));
    transport->release(side->endpoint, event); /* the block, where there is one, is still ours */
}

static void send_and_take(struct pair *pair, size_t bytes, uint64_t seed) {
    struct frame frame;
    struct corps_event event;
    write_frame(&frame, pair->out, bytes, seed);
    check(send_frame(&frame, pair->out) == CORPS_OK);
    corps_block_unref(frame.block);
    take_frame(pair->to, &event, bytes, seed);
    check(event.block == NULL || event_is(&event, HEAD_BYTES + bytes, seed));
    corps_block_unref(event.block);
}

void loans(void **state) {
    (void)state;
    SKIP_WITHOUT;
    struct pair pair;
    pair_open(&pair, NULL);
    static const size_t sizes[] = {0,     1,     PAGE - 1, PAGE,          PAGE + 1, 65535,
                                   65536, 65537, 1 << 20,  (1 << 20) + 1, 9 << 20};
    for (unsigned i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        send_and_take(&pair, sizes[i], i);
    }
    struct corps_block *lent = transport->loan(pair.out, 65536);
    check(lent != NULL); /* or nothing here would test a loan */
    memset(lent->data, 0xee, 65536);
    corps_block_unref(lent); /* given back unsent */
    check(transport->loan(pair.out, (size_t)1 << 40) == NULL);
    for (unsigned k = 0; k < 20000; k++) { /* places and tickets come back */
        send_and_take(&pair, PAGE + k % 3000, k);
    }
    /* One block, many times, seen by all who got it, also after its maker has dropped it. */
    enum { TIMES = 50 };
    struct frame frame;
    struct corps_event events[TIMES];
    write_frame(&frame, pair.out, 10000, 7);
    for (unsigned i = 0; i < TIMES; i++) {
        check(send_frame(&frame, pair.out) == CORPS_OK);
    }
    corps_block_unref(frame.block);
    for (unsigned i = 0; i < TIMES; i++) {
        take_frame(pair.to, &events[i], 10000, 7);
    }
    send_and_take(&pair, 10000, 8);
    for (unsigned i = 0; i < TIMES; i++) {
        check(event_is(&events[i], HEAD_BYTES + 10000, 7));
        corps_block_unref(events[i].block);
    }
    pair_close(&pair);
}

static void take_in_place(struct side *side, size_t bytes, uint64_t seed) {
    struct corps_event event;
    take_frame(side, &event, bytes, seed);
    check(corps_frame_tail(event.data, event.block) != NULL);
    check(event_is(&event, HEAD_BYTES + bytes, seed));
    corps_block_unref(event.block);
}

/* What is larger than half the memory that a link has for payloads is seen in place too: written anew, lent, and a part
 * of what was lent. */
void loans_large(void **state) {
    (void)state;
    SKIP_WITHOUT;
    struct pair pair;
    struct corps_endpoint_options options = default_options("a");
    options.buffer_bytes = 65536; /* the smallest: twice a million for payloads */
    pair_open(&pair, &options);
    enum { BYTES = 3 << 20, PART = 1 << 19 };
    struct frame frame;
    write_frame(&frame, pair.out, BYTES, 1);
    struct corps_block *own = corps_block_create(BYTES), *lent = frame.block;
    check(own != NULL);
    memcpy(own->data, lent->data, BYTES);
    for (unsigned i = 0; i < 30; i++) { /* in the end more than there is, were it not given back */
        frame.block = i % 2 == 0 ? own : lent;
        check(send_frame(&frame, pair.out) == CORPS_OK);
        take_in_place(pair.to, BYTES, 1);
    }
    struct frame part = {.block = lent, .bytes = PART};
    memcpy(part.head, frame.head, HEAD_BYTES);
    check(send_frame(&part, pair.out) == CORPS_OK);
    struct corps_event event;
    side_wait(pair.to, &event);
    check(corps_frame_tail(event.data, event.block) != NULL);
    check(memcmp(event.block->data, own->data, PART) == 0);
    lent->data[PART / 2] ^= 0xff; /* it is the very memory */
    check(event.block->data[PART / 2] == lent->data[PART / 2]);
    transport->release(pair.to->endpoint, &event);
    corps_block_unref(event.block);
    corps_block_unref(own);
    corps_block_unref(lent);
    pair_close(&pair);
}

/* Several large segments from one on, as the core lays them out, arrive with so many bytes of them in place. `last`: a
 * loan in which the last one is written; NULL: none. */
static void send_several(struct pair *pair, size_t each, struct corps_block *last, uint64_t seed, size_t in_place) {
    enum { LARGE = 3, SMALL = 100 };
    size_t bytes = HEAD_BYTES + (LARGE - 1) * each + SMALL + 28 + each; /* the 28 align the last one */
    uint8_t *whole = malloc(bytes);
    check(whole != NULL);
    fill(whole, bytes, seed);
    struct iovec segments[] = {{.iov_base = whole, .iov_len = HEAD_BYTES},
                               {.iov_base = whole + HEAD_BYTES, .iov_len = each},
                               {.iov_base = whole + HEAD_BYTES + each, .iov_len = each},
                               {.iov_base = whole + HEAD_BYTES + 2 * each, .iov_len = SMALL},
                               {.iov_base = whole + HEAD_BYTES + 2 * each + SMALL, .iov_len = 28},
                               {.iov_base = whole + bytes - each, .iov_len = each}};
    if (last != NULL) {
        memcpy(last->data, whole + bytes - each, each);
        segments[5].iov_base = last->data;
    }
    struct corps_parcel parcel = {.segments = segments, .segment_count = 6, .bytes = bytes, .tail_from = 1};
    check(transport->send(pair->out, &parcel, 0) == CORPS_OK);
    struct corps_event event;
    side_wait(pair->to, &event);
    check(event_is(&event, bytes, seed));
    const struct corps_block *tail = corps_frame_tail(event.data, event.block);
    check(in_place == (tail != NULL ? tail->bytes : 0));
    check(tail == NULL || (uintptr_t)tail->data % 64 == 0);
    transport->release(pair->to->endpoint, &event);
    corps_block_unref(event.block);
    free(whole);
}

/* … and so they do where the last segment is a small one. */
static void send_large_and_small(struct pair *pair, size_t each, uint64_t seed) {
    enum { SMALL = 100 };
    size_t bytes = HEAD_BYTES + each + SMALL;
    uint8_t *whole = malloc(bytes);
    check(whole != NULL);
    fill(whole, bytes, seed);
    struct iovec segments[] = {{.iov_base = whole, .iov_len = HEAD_BYTES},
                               {.iov_base = whole + HEAD_BYTES, .iov_len = each},
                               {.iov_base = whole + HEAD_BYTES + each, .iov_len = SMALL}};
    struct corps_parcel parcel = {.segments = segments, .segment_count = 3, .bytes = bytes, .tail_from = 1};
    check(transport->send(pair->out, &parcel, 0) == CORPS_OK);
    struct corps_event event;
    side_wait(pair->to, &event);
    check(event_is(&event, bytes, seed));
    const struct corps_block *tail = corps_frame_tail(event.data, event.block);
    check(tail != NULL && tail->bytes == each + SMALL);
    transport->release(pair->to->endpoint, &event);
    corps_block_unref(event.block);
    free(whole);
}

/* All large segments of a frame are in place, of which only the last can be a loan: it stays one as long as the ring
 * can carry the others. */
void loans_of_several(void **state) {
    (void)state;
    SKIP_WITHOUT;
    struct pair pair;
    pair_open(&pair, NULL);
    enum { SMALL_AND_ZEROS = 128 };
    static const size_t sizes[] = {PAGE, 65536, 3 << 20, 9 << 20};
    for (unsigned i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        size_t all = 3 * sizes[i] + SMALL_AND_ZEROS;
        send_several(&pair, sizes[i], NULL, i, all);
        struct corps_block *lent = transport->loan(pair.out, sizes[i]);
        check(lent != NULL);
        send_several(&pair, sizes[i], lent, i, sizes[i] > 65536 ? all : sizes[i]);
        corps_block_unref(lent);
        send_large_and_small(&pair, sizes[i], i);
    }
    pair_close(&pair);
}

/* Where there is no room for all of them, the last one is in place if there is room for that; and all of it arrives. */
void loans_of_several_run_out(void **state) {
    (void)state;
    SKIP_WITHOUT;
    struct pair pair;
    struct corps_endpoint_options options = default_options("a");
    options.buffer_bytes = 65536; /* the smallest: twice a million for payloads */
    pair_open(&pair, &options);
    enum { PAGES = 512, HALF = PAGES / 2, TAKEN = HALF - 3 };
    struct corps_block *half = transport->loan(pair.out, (size_t)HALF * PAGE);
    struct corps_block *most = transport->loan(pair.out, (size_t)TAKEN * PAGE); /* three pages are left */
    check(half != NULL && most != NULL);
    send_several(&pair, PAGE, NULL, 1, PAGE);
    struct corps_block *rest = transport->loan(pair.out, (size_t)3 * PAGE);
    check(rest != NULL);
    send_several(&pair, PAGE, NULL, 2, 0);
    send_several(&pair, PAGE, rest, 3, PAGE);
    corps_block_unref(most);
    corps_block_unref(rest);
    send_several(&pair, PAGE, NULL, 4, (size_t)3 * PAGE + 128);
    corps_block_unref(half);
    pair_close(&pair);
}

/* A receiver that keeps what it gets, and a sender that keeps what it is lent: everything still arrives. */
void loans_run_out(void **state) {
    (void)state;
    SKIP_WITHOUT;
    struct pair pair;
    struct corps_endpoint_options options = default_options("a");
    options.buffer_bytes = 65536; /* the smallest */
    pair_open(&pair, &options);
    enum { KEPT = 3000, BYTES = 5000 };
    struct corps_event *events = calloc(KEPT, sizeof *events);
    struct corps_block **lent = calloc(KEPT, sizeof(struct corps_block *));
    check(events != NULL && lent != NULL);
    unsigned in_place = 0;
    for (unsigned k = 0; k < KEPT; k++) {
        struct frame frame;
        write_frame(&frame, pair.out, BYTES, k);
        check(send_frame(&frame, pair.out) == CORPS_OK);
        corps_block_unref(frame.block);
        take_frame(pair.to, &events[k], BYTES, k);
        in_place += events[k].block != NULL;
    }
    check(in_place > 0 && in_place < KEPT);
    for (unsigned k = 0; k < KEPT; k++) {
        check(events[k].block == NULL || event_is(&events[k], HEAD_BYTES + BYTES, k));
        corps_block_unref(events[k].block);
    }
    unsigned count = 0;
    while (count < KEPT && (lent[count] = transport->loan(pair.out, BYTES)) != NULL) {
        memset(lent[count++]->data, 0xee, BYTES);
    }
    check(count > 0 && count < KEPT);
    send_and_take(&pair, BYTES, 1);
    for (unsigned k = 0; k < count; k++) {
        corps_block_unref(lent[k]);
    }
    send_and_take(&pair, BYTES, 2);
    free(events);
    free(lent);
    pair_close(&pair);
}

/* What was lent, and what is being read, outlives the link. */
void loan_of_a_closed_link(void **state) {
    (void)state;
    SKIP_WITHOUT;
    struct pair pair;
    struct frame sent, unsent;
    struct corps_event event;
    pair_open(&pair, NULL);
    write_frame(&sent, pair.out, 65536, 1);
    write_frame(&unsent, pair.out, 65536, 2);
    check(send_frame(&sent, pair.out) == CORPS_OK);
    take_frame(pair.to, &event, 65536, 1);
    check(event.block != NULL);
    pair_close(&pair);
    check(event_is(&event, HEAD_BYTES + 65536, 1));
    corps_block_unref(event.block);
    memset(sent.block->data, 0xee, 65536);
    corps_block_unref(sent.block);
    pair_open(&pair, NULL); /* on another link it is memory like any other */
    check(send_frame(&unsent, pair.out) == CORPS_OK);
    corps_block_unref(unsent.block);
    take_frame(pair.to, &event, 65536, 2);
    corps_block_unref(event.block);
    pair_close(&pair);
}
