/* Two processes that send each other frames of random sizes at the same time, every byte checked. Some payloads are
 * written into loans, where the transport lends; some that arrive are kept for a while and checked again. */
#include "transport_driver.h"

#include "transport_cases.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { HEAD_BYTES = 16, FRAMES = 30000, FRAMES_LARGE = 1000000, KEPT_MAX = 40 };

/* One process's end. */
struct end {
    struct side side;
    struct corps_link *link;
    uint64_t seed, their_seed;
    unsigned count, sent, received;
    bool blocked;
    uint8_t *frame; /* the one under way, whole */
    struct corps_block *lent;
    struct corps_event kept[KEPT_MAX];
    unsigned kept_as[KEPT_MAX];
};

static uint64_t random_of(uint64_t seed, unsigned k) {
    uint64_t x = (seed << 32 | k) * 0x9E3779B97F4A7C15u;
    x = (x ^ x >> 31) * 0xD1B54A32D192ED03u;
    return x ^ x >> 30;
}

/* Mostly small, many around the sizes where a transport goes another way, a few that are larger than its buffers. */
static size_t bytes_of(uint64_t seed, unsigned k) {
    uint64_t x = random_of(seed, k);
    uint64_t y = x >> 20;
    switch (x % 16) {
    case 0:
    case 1:
    case 2:
        return HEAD_BYTES + 4064 + y % 64;
    case 3:
    case 4:
        return HEAD_BYTES + 65504 + y % 64;
    case 5:
        return HEAD_BYTES + y % 200000;
    case 6:
        return y % 64 == 0 ? HEAD_BYTES + y % 3000000 : HEAD_BYTES + y % 20000;
    default:
        return HEAD_BYTES + y % 400;
    }
}

static uint64_t content(uint64_t seed, unsigned k) {
    return seed * 1000003u + k;
}

static void drop_kept(struct end *end, unsigned i) {
    if (end->kept[i].block != NULL) {
        unsigned k = end->kept_as[i];
        check(event_is(&end->kept[i], bytes_of(end->their_seed, k), content(end->their_seed, k)));
        corps_block_unref(end->kept[i].block);
        end->kept[i].block = NULL;
    }
}

static void take(struct end *end, struct corps_event *event) {
    check(event->kind == CORPS_EVENT_MESSAGE || event->kind == CORPS_EVENT_WRITABLE);
    if (event->kind == CORPS_EVENT_WRITABLE) {
        end->blocked = false;
        side_done(&end->side, event);
        return;
    }
    unsigned k = end->received++;
    uint64_t x = random_of(end->their_seed + 7, k);
    check(event_is(event, bytes_of(end->their_seed, k), content(end->their_seed, k)));
    transport->release(end->side.endpoint, event);
    unsigned i = (unsigned)(x >> 8) % KEPT_MAX;
    drop_kept(end, i);
    if (x % 4 == 0) {
        end->kept[i] = *event;
        end->kept_as[i] = k;
    } else {
        corps_block_unref(event->block);
    }
}

static void prepare(struct end *end) {
    size_t bytes = bytes_of(end->seed, end->sent);
    end->frame = malloc(bytes);
    check(end->frame != NULL);
    fill(end->frame, bytes, content(end->seed, end->sent));
    if (has(CORPS_TRANSPORT_LOAN) && random_of(end->seed + 3, end->sent) % 2 == 0) {
        end->lent = transport->loan(end->link, bytes - HEAD_BYTES);
    }
    if (end->lent != NULL) {
        memcpy(end->lent->data, end->frame + HEAD_BYTES, bytes - HEAD_BYTES);
        memset(end->frame + HEAD_BYTES, 0xee, bytes - HEAD_BYTES);
    }
}

static bool send_one(struct end *end) {
    if (end->frame == NULL) {
        prepare(end);
    }
    size_t bytes = bytes_of(end->seed, end->sent);
    struct iovec segments[2] = {
        {.iov_base = end->frame, .iov_len = HEAD_BYTES},
        {.iov_base = end->lent != NULL ? end->lent->data : end->frame + HEAD_BYTES, .iov_len = bytes - HEAD_BYTES}};
    struct corps_parcel parcel = {.segments = segments, .segment_count = 2, .bytes = bytes};
    enum corps_err err = transport->send(end->link, &parcel, 0);
    check(err == CORPS_OK || err == CORPS_ERR_FULL || err == CORPS_ERR_PARTIAL);
    if (err != CORPS_OK) {
        end->blocked = true;
        return false;
    }
    corps_block_unref(end->lent);
    end->lent = NULL;
    free(end->frame);
    end->frame = NULL;
    end->sent++;
    return true;
}

static void run(struct end *end) {
    while (end->sent < end->count || end->received < end->count) {
        bool moved = false;
        struct corps_event event;
        for (unsigned n = 0; n < 16 && side_next(&end->side, &event); n++) {
            take(end, &event);
            moved = true;
        }
        for (unsigned n = 0; n < 16 && end->sent < end->count && !end->blocked && send_one(end); n++) {
            moved = true;
        }
        if (!moved) {
            struct side *side = &end->side;
            sides_sleep(&side, 1);
        }
    }
    for (unsigned i = 0; i < KEPT_MAX; i++) {
        drop_kept(end, i);
    }
}

static unsigned frame_count(void) {
    return getenv("CORPS_TEST_LARGE") != NULL ? FRAMES_LARGE : FRAMES;
}

static void other_process(int channel) {
    struct end *end = calloc(1, sizeof *end);
    check(end != NULL);
    end->link = child_meet(channel, &end->side);
    end->seed = 2;
    end->their_seed = 1;
    end->count = frame_count();
    run(end);
    char done = 1;
    channel_put(channel, &done, 1);
    channel_get(channel, &done, 1);
    transport->disconnect(end->link);
    side_close(&end->side);
    free(end);
}

void stress(void **state) {
    (void)state;
    SKIP_ONE_ENDED;
    struct end *end = calloc(1, sizeof *end);
    check(end != NULL);
    struct child child = child_start_met(other_process, &end->side, &end->link);
    end->seed = 1;
    end->their_seed = 2;
    end->count = frame_count();
    run(end);
    char done = 1;
    channel_get(child.channel, &done, 1);
    channel_put(child.channel, &done, 1);
    child_join(&child);
    check(side_expect_closed(&end->side, end->link) == CORPS_ERR_CLOSED);
    transport->disconnect(end->link);
    side_close(&end->side);
    free(end);
}
