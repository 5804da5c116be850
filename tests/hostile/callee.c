/* The other way round: this process calls an Env that is a hostile peer, which answers with frames that are wrong.
 * Calls to it end, with whatever; calls to others, and this process, do not notice. */
#include "hostile.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

static struct {
    struct raw raw;
    uint64_t random, sent;
    _Atomic bool stop;
} callee;

/* What the frame asks for; kind 0: nothing that can be answered. */
static struct corps__header read_header(const struct corps_event *event) {
    struct corps__header header = {0};
    const char *name;
    bool good = event->kind == CORPS_EVENT_MESSAGE && event->link == callee.raw.link &&
                corps__wire_read(event->data, event->bytes, &header, &name) == CORPS_OK;
    return good ? header : (struct corps__header){0};
}

static void answer(const struct corps__header *header) {
    uint8_t frame[HOSTILE_FRAME_BYTES];
    if (header->kind == CORPS__HELLO) {
        raw_hello(&callee.raw, callee.raw.victim->id, 0);
        return;
    }
    size_t bytes = hostile_frame(&callee.random, header->id, frame);
    callee.sent += raw_send(&callee.raw, frame, bytes, false);
}

static void *serve(void *arg) {
    struct raw *raw = &callee.raw;
    while (!atomic_load(&callee.stop)) {
        struct corps_event event = {0};
        uv_run(&raw->loop, UV_RUN_NOWAIT);
        if (raw->transport->poll(raw->endpoint, &event) != CORPS_OK) {
            usleep(20);
            continue;
        }
        struct corps_event was = event;
        const struct corps__header asked = read_header(&was);
        raw->transport->release(raw->endpoint, &event);
        corps_block_unref(was.block);
        if (asked.kind != 0) {
            answer(&asked); /* only now: a send that fails frees the link that the event was of */
        }
        if (was.kind == CORPS_EVENT_ACCEPTED) {
            raw_disconnect(raw);
            raw->link = was.link;
        } else if (was.kind == CORPS_EVENT_CLOSED && was.link == raw->link) {
            raw_disconnect(raw);
        }
    }
    return arg;
}

void test_mutated_answers(void **state) {
    (void)state;
    uint64_t count = attack_count != 0 ? attack_count : 2000;
    const struct corps_options options = {.env_count = 1, .serializer = "msgpack", .buffer_bytes = RING_BYTES};
    struct corps *other = make_with(options); /* its Env is never called: the hostile peer stands in for it */
    struct corps_name *name = worker_in(victim.corps, "echo", 0), *false_name = NULL;
    raw_open(&callee.raw, other);
    callee.random = attack_seed;
    callee.sent = 0;
    atomic_store(&callee.stop, false);
    strcpy(other->envs[0].address, callee.raw.address);
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, serve, NULL), 0);
    uint8_t encoded[CORPS_NAME_BYTES_MAX];
    size_t bytes;
    assert_ok(corps_name_encode(name, encoded, &bytes));
    memcpy(encoded, &(uint64_t){htole64(other->id)}, 8);
    assert_ok(corps_name_decode(encoded, bytes, &false_name));
    uint64_t ended = 0;
    for (uint64_t n = 0; n < count; n++) {
        struct corps_future *future = NULL;
        struct corps_value args = corps_int((int64_t)n);
        if (corps_call(false_name, "echo", &args, &(struct corps_call_options){.timeout_ns = 20000000}, &future) ==
            CORPS_OK) {
            enum corps_err err = corps_future_wait(future, LONG_NS, NULL);
            assert_int_not_equal(err, CORPS_ERR_PENDING);
            ended += err != CORPS_OK;
            corps_future_destroy(future);
        }
        if (n % 100 == 99) {
            honest_call();
        }
    }
    printf("# %llu wrong answers to %llu calls, seed %llu\n", (unsigned long long)callee.sent,
           (unsigned long long)count, (unsigned long long)attack_seed);
    assert_true(callee.sent > count / 10 && ended > 0);
    atomic_store(&callee.stop, true);
    pthread_join(thread, NULL);
    raw_close(&callee.raw);
    corps_name_unref(false_name);
    corps_name_unref(name);
    assert_ok(corps_exit(other, LONG_NS));
    honest_call();
}
