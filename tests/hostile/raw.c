#include "raw.h"

#include "link/hello.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PATIENCE_NS INT64_C(60000000000)
enum { FULL_NS = 500000000 };
#define LONG_NS INT64_C(30000000000)

static void must(bool holds, const char *what) {
    if (!holds) {
        fprintf(stderr, "the hostile peer itself failed: %s: %s\n", what, corps_error_detail());
        abort();
    }
}

void raw_open(struct raw *raw, const struct corps *victim) {
    static unsigned number;
    *raw = (struct raw){.victim = victim, .transport = victim->settings.transport, .full_ns = FULL_NS};
    must(uv_loop_init(&raw->loop) == 0, "uv_loop_init");
    size_t bytes = (raw->transport->endpoint_bytes + 63) / 64 * 64;
    raw->endpoint = aligned_alloc(64, bytes);
    must(raw->endpoint != NULL, "no memory");
    memset(raw->endpoint, 0, bytes);
    raw->endpoint->transport = raw->transport;
    char name[32];
    snprintf(name, sizeof name, "hostile-%u", number++);
    const struct corps_endpoint_options options = {.loop = &raw->loop,
                                                   .directory = victim->directory,
                                                   .name = name,
                                                   .secret = victim->secret,
                                                   .frame_bytes_max = (size_t)1 << 30,
                                                   .buffer_bytes = victim->settings.buffer_bytes,
                                                   .seal = victim->settings.seal};
    must(raw->transport->open(raw->endpoint, &options, raw->address) == CORPS_OK, "open");
}

static void disconnected(struct raw *raw) {
    if (raw->link != NULL) {
        raw->transport->disconnect(raw->link);
        raw->link = NULL;
        uv_run(&raw->loop, UV_RUN_NOWAIT);
    }
}

void raw_disconnect(struct raw *raw) {
    disconnected(raw);
}

void raw_close(struct raw *raw) {
    disconnected(raw);
    raw->transport->close(raw->endpoint);
    uv_run(&raw->loop, UV_RUN_NOWAIT);
    must(uv_loop_close(&raw->loop) == 0, "uv_loop_close");
    free(raw->endpoint);
}

static bool take(struct raw *raw, struct corps_event *event) {
    if (raw->transport->poll(raw->endpoint, event) != CORPS_OK) {
        return false;
    }
    bool ours = event->link == raw->link;
    if (event->kind == CORPS_EVENT_MESSAGE && event->bytes > 3 && event->data[3] != CORPS__HELLO) {
        raw->received_count++;
        struct corps__header header;
        const char *name;
        if (event->bytes < 4096 && corps__wire_read(event->data, event->bytes, &header, &name) == CORPS_OK &&
            (header.kind == CORPS__REPLY || header.kind == CORPS__FAILURE)) {
            raw->asked = header.id == raw->asked ? 0 : raw->asked;
        }
    }
    struct corps_event was = *event;
    raw->transport->release(raw->endpoint, event);
    corps_block_unref(was.block);
    raw->connected = raw->connected || was.kind == CORPS_EVENT_CONNECTED;
    if (was.kind == CORPS_EVENT_ACCEPTED) { /* amid something else: who comes now is turned away, and comes again */
        raw->transport->disconnect(was.link);
    }
    if (was.kind == CORPS_EVENT_CLOSED && ours) {
        raw->reason = was.reason;
        disconnected(raw);
    }
    return true;
}

void raw_turn(struct raw *raw, unsigned max) {
    uv_run(&raw->loop, UV_RUN_NOWAIT);
    for (unsigned i = 0; i < max && raw->link != NULL; i++) {
        struct corps_event event = {0};
        if (!take(raw, &event)) {
            return;
        }
    }
}

void raw_connect(struct raw *raw) {
    disconnected(raw);
    raw->connected = false;
    /* The victim may pause: it is under attack. */
    for (int64_t until = corps__now_ns() + 5 * LONG_NS; !raw->connected && corps__now_ns() < until;) {
        if (raw->link == NULL &&
            raw->transport->connect(raw->endpoint, raw->victim->envs[0].address, &raw->link) != CORPS_OK) {
            raw->link = NULL;
            usleep(1000);
        }
        raw_turn(raw, 16);
        if (!raw->connected) {
            usleep(50);
        }
    }
    must(raw->connected && raw->link != NULL, "it could not connect");
}

size_t raw_frame(uint8_t *out, const struct corps__header *header, const char *name, const void *payload,
                 size_t bytes) {
    struct iovec segment = {.iov_base = (void *)(uintptr_t)payload, .iov_len = bytes};
    size_t at = corps__wire_write(header, name, &segment, out);
    size_t padding = corps__wire_padding(at, bytes);
    memset(out + at, 0, padding);
    at += padding;
    if (bytes > 0) {
        memcpy(out + at, payload, bytes);
    }
    return at + bytes;
}

void raw_meet(struct raw *raw) {
    raw_connect(raw);
    raw_hello(raw, 4711, CORPS__GUEST_ENV);
}

void raw_hello(struct raw *raw, uint64_t corps_id, uint32_t env) {
    const struct corps__greeting greeting = {.corps_id = corps_id, .env = env};
    const struct corps_serializer *msgpack;
    struct corps_encoding encoding;
    corps_encoding_init(&encoding);
    must(corps_serializer_find("msgpack", &msgpack) == CORPS_OK &&
             corps__hello_encode(&greeting, getpid(), &encoding) == CORPS_OK,
         "HELLO");
    uint8_t frame[512];
    const struct corps__header header = {
        .kind = CORPS__HELLO, .serializer = msgpack->wire_id, .segment_count = 1, .source_env = CORPS__GUEST_ENV};
    size_t bytes = raw_frame(frame, &header, NULL, encoding.stream, encoding.stream_bytes);
    corps_encoding_finish(&encoding);
    must(raw_send(raw, frame, bytes, true) || env != CORPS__GUEST_ENV, "HELLO was not taken");
}

bool raw_send(struct raw *raw, const void *frame, size_t bytes, bool reads) {
    struct iovec segment = {.iov_base = (void *)(uintptr_t)frame, .iov_len = bytes};
    struct corps_parcel parcel = {.segments = &segment, .segment_count = 1, .bytes = bytes};
    int64_t until = 0;
    bool begun = false;
    while (raw->link != NULL) {
        enum corps_err err = raw->transport->send(raw->link, &parcel, 0);
        if (err == CORPS_OK) {
            return true;
        }
        if (err != CORPS_ERR_FULL && err != CORPS_ERR_PARTIAL) {
            raw_turn(raw, 1000); /* why */
            disconnected(raw);
            return false;
        }
        begun = begun || err == CORPS_ERR_PARTIAL;
        until = until == 0 ? corps__now_ns() + (reads ? PATIENCE_NS : raw->full_ns) : until;
        if (corps__now_ns() > until) {
            must(!reads, "the victim does not read");
            if (begun) {
                disconnected(raw);
            }
            return false;
        }
        if (reads) {
            raw_turn(raw, 64);
        }
        usleep(50);
    }
    return false;
}

bool raw_sync(struct raw *raw, uint32_t conc, int64_t timeout_ns) {
    static uint64_t last = (uint64_t)1 << 40; /* no id of any other request */
    uint8_t frame[128];
    const struct corps__header header = {.kind = CORPS__REQUEST,
                                         .flags = CORPS__NIL_PAYLOAD,
                                         .id = ++last,
                                         .destination = conc,
                                         .method = CORPS__UNNUMBERED,
                                         .name_bytes = 4};
    raw->asked = last;
    if (raw->link == NULL || !raw_send(raw, frame, raw_frame(frame, &header, "sync", NULL, 0), false)) {
        return false;
    }
    int64_t until = corps__now_ns() + timeout_ns;
    for (unsigned rounds = 0; raw->link != NULL && corps__now_ns() < until; rounds++) {
        raw_turn(raw, 64);
        if (raw->asked == 0) {
            return true;
        }
        if (rounds > 20) {
            usleep(20);
        }
    }
    return false;
}

bool raw_ends(struct raw *raw) {
    for (int64_t until = corps__now_ns() + LONG_NS; raw->link != NULL && corps__now_ns() < until;) {
        raw_turn(raw, 1000);
        usleep(100);
    }
    return raw->link == NULL;
}

uint64_t raw_random(uint64_t *state) {
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}
