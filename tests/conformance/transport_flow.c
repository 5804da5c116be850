#include "transport_driver.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

/* ---- content ---- */

bool event_is(const struct corps_event *event, size_t bytes, uint64_t seed) {
    const struct corps_block *tail = corps_frame_tail(event->data, event->block);
    size_t tail_bytes = tail != NULL ? tail->bytes : 0;
    if (event->kind != CORPS_EVENT_MESSAGE || event->bytes + tail_bytes != bytes) {
        return false;
    }
    if (tail_bytes == 0) {
        return is_filled(event->data, bytes, seed);
    }
    uint8_t *whole = malloc(bytes);
    check(whole != NULL);
    memcpy(whole, event->data, event->bytes);
    memcpy(whole + event->bytes, tail->data, tail_bytes);
    bool same = is_filled(whole, bytes, seed);
    free(whole);
    return same;
}

enum corps_err send_bytes(struct corps_link *link, const void *data, size_t bytes, unsigned flags) {
    struct iovec segment = {.iov_base = (void *)(uintptr_t)data, .iov_len = bytes};
    struct corps_parcel parcel = {.segments = &segment, .segment_count = 1, .bytes = bytes};
    return transport->send(link, &parcel, flags);
}

enum corps_err flush(struct corps_link *link) {
    static const struct corps_parcel nothing;
    return transport->send(link, &nothing, 0);
}

/* ---- flows ---- */

size_t about_thousand(unsigned k) {
    return 1000 + k % 3;
}

size_t below_300(unsigned k) {
    return k % 300;
}

struct flow pair_flow(const struct pair *pair, unsigned count, size_t (*bytes_of)(unsigned k)) {
    return (struct flow){
        .from = pair->from, .out = pair->out, .to = pair->to, .in = pair->in, .count = count, .bytes_of = bytes_of};
}

struct flow pair_flow_back(const struct pair *pair, unsigned count, size_t (*bytes_of)(unsigned k)) {
    return (struct flow){.from = pair->to,
                         .out = pair->in,
                         .to = pair->from,
                         .in = pair->out,
                         .count = count,
                         .bytes_of = bytes_of,
                         .seed = 1};
}

/* ---- sending ---- */

static uint64_t frame_seed(const struct flow *flow, unsigned k) {
    return flow->seed * 1000003u + k;
}

/* Makes the next frame in fresh memory, so that memory checkers see a transport that looks at it after OK. */
static void prepare(struct flow *flow) {
    size_t bytes = flow->bytes_of(flow->sent);
    unsigned segments = flow->segments > 0 ? flow->segments : 1;
    flow->frame = malloc(bytes > 0 ? bytes : 1);
    flow->iov = calloc(segments, sizeof *flow->iov);
    check(flow->frame != NULL && flow->iov != NULL);
    fill(flow->frame, bytes, frame_seed(flow, flow->sent));
    size_t at = 0;
    for (unsigned i = 0; i < segments; i++) {
        /* Uneven on purpose; some are empty. The last takes the rest. */
        size_t part = i + 1 == segments ? bytes - at : (i % 3 == 1 ? 0 : 1 + (bytes / segments) * (i % 2));
        part = part < bytes - at ? part : bytes - at;
        flow->iov[i] = (struct iovec){.iov_base = flow->frame + at, .iov_len = part};
        at += part;
    }
}

void flow_finish(struct flow *flow) {
    free(flow->frame);
    free(flow->iov);
    flow->frame = NULL;
    flow->iov = NULL;
}

enum corps_err flow_attempt(struct flow *flow) {
    bool more = flow->flush_every > 0;
    if (flow->sent == flow->count) { /* all that is left is to flush */
        enum corps_err err = flush(flow->out);
        flow->flushed = err == CORPS_OK;
        flow->blocked = err != CORPS_OK;
        return err;
    }
    if (flow->frame == NULL) {
        prepare(flow);
    }
    more = more && (flow->sent + 1) % flow->flush_every != 0;
    struct corps_parcel parcel = {.segments = flow->iov,
                                  .segment_count = flow->segments > 0 ? flow->segments : 1,
                                  .bytes = flow->bytes_of(flow->sent)};
    enum corps_err err = transport->send(flow->out, &parcel, more ? CORPS_SEND_MORE : 0);
    flow->full_count += err == CORPS_ERR_FULL;
    flow->partial_count += err == CORPS_ERR_PARTIAL;
    flow->blocked = err != CORPS_OK;
    if (err == CORPS_OK) {
        flow_finish(flow);
        flow->sent++;
        flow->flushed = !more;
    }
    return err;
}

/* True when a frame was taken. */
static bool send_one(struct flow *flow) {
    bool frame = flow->sent < flow->count;
    enum corps_err err = flow_attempt(flow);
    check(err == CORPS_OK || err == CORPS_ERR_FULL || (frame && err == CORPS_ERR_PARTIAL) ||
          (flow->may_be_closed && err == CORPS_ERR_CLOSED));
    return err == CORPS_OK;
}

static bool must_send(const struct flow *flow) {
    return flow->from != NULL && (flow->sent < flow->count || !flow->flushed);
}

void flow_send_until_blocked(struct flow *flow) {
    while (must_send(flow) && send_one(flow)) {
    }
}

/* ---- receiving ---- */

static void take_message(struct flow *flows, unsigned count, const struct side *side, const struct corps_event *event) {
    for (unsigned i = 0; i < count; i++) {
        struct flow *flow = &flows[i];
        if (flow->to == side && flow->in == event->link) {
            check(flow->received < flow->count);
            check(event_is(event, flow->bytes_of(flow->received), frame_seed(flow, flow->received)));
            flow->received++;
            return;
        }
    }
    bool expected = false; /* a frame on a link that carries none */
    check(expected);
}

static void take_event(struct flow *flows, unsigned count, struct side *side, struct corps_event *event) {
    if (event->kind == CORPS_EVENT_MESSAGE) {
        take_message(flows, count, side, event);
        return;
    }
    for (unsigned i = 0; i < count; i++) {
        if (event->kind == CORPS_EVENT_WRITABLE && flows[i].out == event->link) {
            flows[i].blocked = false;
        } else if (event->kind == CORPS_EVENT_CLOSED && (flows[i].in == event->link || flows[i].out == event->link)) {
            flows[i].closed = true;
        }
    }
}

static unsigned sides_of(const struct flow *flows, unsigned count, struct side *sides[SIDES_MAX]) {
    unsigned found = 0;
    for (unsigned i = 0; i < 2 * count; i++) {
        struct side *side = i % 2 == 0 ? flows[i / 2].from : flows[i / 2].to;
        bool known = side == NULL;
        for (unsigned j = 0; j < found; j++) {
            known = known || sides[j] == side;
        }
        if (!known) {
            check(found < SIDES_MAX);
            sides[found++] = side;
        }
    }
    return found;
}

bool flows_step(struct flow *flows, unsigned count) {
    bool moved = false;
    for (unsigned i = 0; i < count; i++) {
        if (must_send(&flows[i]) && (!flows[i].blocked || has(CORPS_TRANSPORT_INTRA))) {
            moved = send_one(&flows[i]) || moved;
        }
    }
    struct side *sides[SIDES_MAX];
    unsigned side_count = sides_of(flows, count, sides);
    for (unsigned i = 0; i < side_count; i++) {
        struct corps_event event;
        if (side_next(sides[i], &event)) {
            take_event(flows, count, sides[i], &event);
            side_done(sides[i], &event);
            moved = true;
        }
    }
    return moved;
}

static bool all_done(const struct flow *flows, unsigned count) {
    for (unsigned i = 0; i < count; i++) {
        if (must_send(&flows[i]) || (flows[i].to != NULL && flows[i].received < flows[i].count)) {
            return false;
        }
    }
    return true;
}

void flows_run(struct flow *flows, unsigned count) {
    struct side *sides[SIDES_MAX];
    unsigned side_count = sides_of(flows, count, sides);
    while (!all_done(flows, count)) {
        if (!flows_step(flows, count)) {
            for (unsigned i = 0; i < count; i++) {
                check(!flows[i].closed);
            }
            sides_sleep(sides, side_count);
        }
    }
}

static void step_or_sleep(struct flow *flow) {
    if (!flows_step(flow, 1)) {
        sides_sleep(&flow->to, 1);
    }
}

void flow_run_until_closed(struct flow *flow) {
    while (!flow->closed) {
        step_or_sleep(flow);
    }
}

void flow_run_until_received(struct flow *flow, unsigned count) {
    while (flow->received < count) {
        check(!flow->closed);
        step_or_sleep(flow);
    }
}
