#include "stranger.h"

#include "link/known.h"

#include <string.h>
#include <time.h>
#include <unistd.h>

void stranger_open(struct stranger *stranger, const struct corps *corps) {
    static unsigned count;
    char name[32];
    memset(stranger, 0, sizeof *stranger);
    snprintf(name, sizeof name, "stranger-%d-%u", getpid(), count++);
    stranger->transport = corps->settings.system_transport;
    assert_int_equal(uv_loop_init(&stranger->loop), 0);
    const struct corps_endpoint_options options = {.loop = &stranger->loop,
                                                   .directory = corps->directory,
                                                   .name = name,
                                                   .secret = corps->secret,
                                                   .frame_bytes_max = CORPS_FRAME_BYTES_MAX,
                                                   .seal = corps->settings.seal};
    size_t bytes = (stranger->transport->endpoint_bytes + 63) / 64 * 64;
    stranger->endpoint = aligned_alloc(64, bytes);
    assert_non_null(stranger->endpoint);
    memset(stranger->endpoint, 0, bytes);
    stranger->endpoint->transport = stranger->transport;
    assert_ok(stranger->transport->open(stranger->endpoint, &options, stranger->address));
}

void stranger_leave(struct stranger *stranger) {
    if (stranger->link != NULL) {
        stranger->transport->disconnect(stranger->link);
        stranger->link = NULL;
        stranger->ready = false;
    }
}

static void leave_earlier(struct stranger *stranger) {
    if (stranger->earlier != NULL) {
        stranger->transport->disconnect(stranger->earlier);
        stranger->earlier = NULL;
    }
}

void stranger_close(struct stranger *stranger) {
    stranger_leave(stranger);
    leave_earlier(stranger);
    stranger->transport->close(stranger->endpoint);
    (void)uv_run(&stranger->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&stranger->loop), 0);
    free(stranger->endpoint);
}

static void take_frame(struct stranger *stranger, const struct corps_event *event) {
    stranger->kind = event->bytes >= CORPS__HEADER_BYTES ? event->data[3] : 0;
    stranger->frame_bytes = event->bytes < sizeof stranger->frame ? event->bytes : sizeof stranger->frame;
    memcpy(stranger->frame, event->data, stranger->frame_bytes);
    stranger->greeted = stranger->greeted || stranger->kind == CORPS__HELLO;
}

bool stranger_look(struct stranger *stranger) {
    struct corps_event event = {0};
    (void)uv_run(&stranger->loop, UV_RUN_NOWAIT);
    if (stranger->transport->poll(stranger->endpoint, &event) != CORPS_OK) {
        return false;
    }
    bool came = false;
    switch (event.kind) {
    case CORPS_EVENT_MESSAGE:
        take_frame(stranger, &event);
        came = true;
        break;
    case CORPS_EVENT_ACCEPTED:
        assert_null(stranger->earlier);
        stranger->earlier = stranger->link;
        stranger->link = event.link;
        stranger->ready = true;
        if (!stranger->silent) {
            stranger_greet(stranger);
        }
        break;
    case CORPS_EVENT_CONNECTED:
        stranger->ready = true;
        break;
    case CORPS_EVENT_CLOSED:
        break;
    case CORPS_EVENT_WRITABLE:
        break;
    }
    stranger->transport->release(stranger->endpoint, &event);
    corps_block_unref(event.block);
    if (event.kind == CORPS_EVENT_CLOSED && event.link == stranger->link) {
        stranger_leave(stranger);
        came = true;
    } else if (event.kind == CORPS_EVENT_CLOSED) { /* of an earlier one; another was accepted meanwhile */
        leave_earlier(stranger);
    }
    return came;
}

static void rest(unsigned *rounds) {
    const struct timespec millisecond = {.tv_nsec = 1000000};
    assert_true(++*rounds < 20000);
    nanosleep(&millisecond, NULL);
}

void stranger_listen(struct stranger *stranger) {
    for (unsigned rounds = 0; stranger->link != NULL; rest(&rounds)) {
        while (stranger_look(stranger)) {
            bool news = stranger->kind != CORPS__HELLO && stranger->kind != CORPS__CREDIT;
            if (stranger->link == NULL || news) {
                return;
            }
        }
    }
}

void stranger_say(struct stranger *stranger, struct corps__header header, const char *method,
                  const struct iovec *segments) {
    uint8_t prefix[CORPS__PREFIX_BYTES_MAX];
    struct iovec parts[8];
    header.name_bytes = method != NULL ? (uint32_t)strlen(method) : 0;
    assert_true(header.segment_count < sizeof parts / sizeof parts[0]);
    parts[0] = (struct iovec){prefix, corps__wire_write(&header, method, segments, prefix)};
    struct corps_parcel parcel = {
        .segments = parts, .segment_count = header.segment_count + 1u, .bytes = parts[0].iov_len};
    for (unsigned i = 0; i < header.segment_count; i++) {
        parts[i + 1] = segments[i];
        parcel.bytes += segments[i].iov_len;
    }
    for (unsigned rounds = 0; stranger->link != NULL; rest(&rounds)) {
        enum corps_err err = stranger->transport->send(stranger->link, &parcel, 0);
        if (err != CORPS_ERR_FULL && err != CORPS_ERR_PARTIAL) {
            return; /* sent, or the link has closed, which listening tells */
        }
        (void)stranger_look(stranger);
    }
}

void stranger_meet(struct stranger *stranger, const struct corps *corps, unsigned env) {
    stranger_leave(stranger);
    stranger->greeted = false;
    assert_ok(stranger->transport->connect(stranger->endpoint, corps->envs[env].address, &stranger->link));
    for (unsigned rounds = 0; !stranger->ready; rest(&rounds)) {
        (void)stranger_look(stranger);
        assert_non_null(stranger->link);
    }
}

void stranger_greet(struct stranger *stranger) {
    struct corps_encoding encoding;
    corps_encoding_init(&encoding);
    assert_ok(corps__hello_encode(&stranger->greeting, getpid(), &encoding));
    const struct iovec segment = {encoding.stream, encoding.stream_bytes};
    stranger_say(stranger, (struct corps__header){.kind = CORPS__HELLO, .serializer = 1, .segment_count = 1}, NULL,
                 &segment);
    corps_encoding_finish(&encoding);
}

void stranger_connect(struct stranger *stranger, const struct corps *corps, unsigned env) {
    stranger_meet(stranger, corps, env);
    stranger_greet(stranger);
}
