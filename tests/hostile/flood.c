/* Too much of what is allowed, and what is never allowed: the receiver enforces what it granted. */
#include "hostile.h"

#include <string.h>
#include <unistd.h>

static const struct corps_serializer *msgpack(void) {
    const struct corps_serializer *found;
    assert_ok(corps_serializer_find("msgpack", &found));
    return found;
}

/* A request with its method's name, and a payload of `bytes` bytes that msgpack reads as bytes, or as an integer. */
static size_t request(uint8_t *out, uint32_t destination, uint8_t flags, const char *name, uint32_t method,
                      size_t bytes) {
    uint8_t payload[1 << 18] = {0xcc, 2}; /* the integer 2 */
    size_t payload_bytes = 2;
    if (bytes > 0) {
        const uint8_t head[5] = {0xc6, (uint8_t)(bytes >> 24), (uint8_t)(bytes >> 16), (uint8_t)(bytes >> 8),
                                 (uint8_t)bytes};
        memcpy(payload, head, sizeof head);
        payload_bytes = sizeof head + bytes;
    }
    const struct corps__header header = {.kind = CORPS__REQUEST,
                                         .flags = flags,
                                         .serializer = msgpack()->wire_id,
                                         .segment_count = 1,
                                         .id = method,
                                         .destination = destination,
                                         .method = method,
                                         .name_bytes = name != NULL ? (uint32_t)strlen(name) : 0};
    return raw_frame(out, &header, name, payload, payload_bytes);
}

/* ---- credit ---- */

static size_t to_sleeper(uint64_t n, uint8_t *out) {
    return request(out, TO_SLEEPER, 0, n == 0 ? "sleep" : NULL, 1, 0);
}

static size_t without_reply(uint64_t n, uint8_t *out) {
    return request(out, TO_SLEEPER, CORPS__NO_REPLY, n == 0 ? "sleep" : NULL, 1, 0);
}

static size_t large(uint64_t n, uint8_t *out) {
    return n == 0 ? to_sleeper(0, out) : request(out, TO_SLEEPER, 0, NULL, 1, 200000);
}

static size_t to_any(uint64_t n, uint8_t *out) { /* no method of this name: the mailbox is the same */
    return n == 0 ? to_sleeper(0, out) : request(out, TO_SLEEPER, 0, n == 1 ? "there is no such method" : NULL, 2, 0);
}

/* 100 entries each, after a request that names their method. */
static size_t batches(uint64_t n, uint8_t *out) {
    if (n == 0) {
        return without_reply(0, out);
    }
    static const uint8_t integer[2] = {0xcc, 2};
    const struct corps__header header = {.kind = CORPS__BATCH, .segment_count = 1, .id = 100};
    size_t at = corps__wire_write(&header, NULL, NULL, out);
    const struct corps__header entry = {
        .flags = CORPS__NO_REPLY, .serializer = msgpack()->wire_id, .destination = TO_SLEEPER, .method = 1};
    for (unsigned i = 0; i < 100; i++) {
        corps__wire_write_entry(&entry, sizeof integer, out + at);
        memcpy(out + at + CORPS__ENTRY_BYTES, integer, sizeof integer);
        at += CORPS__ENTRY_BYTES + sizeof integer;
    }
    return at;
}

/* The window and what may be between the first request beyond it and the end of the link. */
static void ignore_credit(const char *attack, size_t (*make)(uint64_t n, uint8_t *out), uint64_t at_most) {
    struct raw raw;
    raw_open(&raw, victim.corps);
    raw_meet(&raw);
    uint64_t count = attack_count != 0 ? attack_count : 200000;
    uint64_t taken = flood(&raw, make, count, true);
    if (!raw_ends(&raw)) {
        fail_msg("%s: %llu frames were taken and the link is still there", attack, (unsigned long long)taken);
    }
    if (taken > at_most) {
        fail_msg("%s: %llu frames were taken, over %llu", attack, (unsigned long long)taken,
                 (unsigned long long)at_most);
    }
    check_growth(attack, (size_t)16 << 20);
    honest_call();
    raw_close(&raw);
}

void test_ignores_credit(void **state) {
    (void)state;
    /* What the link itself holds comes in addition: sockets take some hundred KiB, a ring 1 MiB. */
    enum { IN_LINK = 20000 };
    ignore_credit("requests", to_sleeper, MAILBOX_COUNT + IN_LINK);
    ignore_credit("requests without reply", without_reply, MAILBOX_COUNT + IN_LINK);
    ignore_credit("requests of 200 kB", large, MAILBOX_BYTES / 200000 + 400);
    ignore_credit("requests for no method", to_any, MAILBOX_COUNT + IN_LINK);
    ignore_credit("batches", batches, MAILBOX_COUNT / 100 + IN_LINK / 10);
    /* Whoever keeps to it is served all the same, by the same Workers. */
    struct corps_future *future = begin(victim.sleeper, "sleep", corps_int(1));
    corps_future_destroy(future);
}

/* ---- answers unread ---- */

static size_t to_nobody(uint64_t n, uint8_t *out) {
    return request(out, TO_NOBODY + (uint32_t)n, 0, n == 0 ? "echo" : NULL, 1, 0);
}

static size_t to_nobody_without_reply(uint64_t n, uint8_t *out) {
    return request(out, TO_NOBODY + (uint32_t)n, CORPS__NO_REPLY, n == 0 ? "echo" : NULL, 1, 0);
}

static size_t to_echo(uint64_t n, uint8_t *out) {
    return request(out, TO_ECHO, 0, n == 0 ? "echo" : NULL, 1, 0);
}

static size_t to_echo_without_reply(uint64_t n, uint8_t *out) {
    return request(out, TO_ECHO, CORPS__NO_REPLY, n == 0 ? "echo" : NULL, 1, 0);
}

/* What cannot be sent is kept, but not without end: replies, refusals, and room that is given back. */
void test_nobody(void **state) {
    (void)state;
    size_t (*const makes[])(uint64_t, uint8_t *) = {to_nobody, to_nobody_without_reply, to_echo, to_echo_without_reply};
    const char *const attacks[] = {"requests to nobody, answers unread", "the same without reply",
                                   "requests to somebody, answers unread", "the same without reply"};
    for (unsigned i = 0; i < sizeof makes / sizeof makes[0]; i++) {
        struct raw raw;
        raw_open(&raw, victim.corps);
        raw_meet(&raw);
        raw.full_ns =
            INT64_C(4000000000); /* the Env reads until it ends the link, but may not get a processor for a while */
        uint64_t taken = flood(&raw, makes[i], attack_count != 0 ? attack_count : 1000000, false);
        if (!raw_ends(&raw)) {
            fail_msg("%s: %llu frames were taken, and the link is still there", attacks[i], (unsigned long long)taken);
        }
        check_growth(attacks[i], (size_t)16 << 20);
        raw_close(&raw);
        honest_call();
    }
}

/* ---- names ---- */

static uint32_t first_number;

static size_t named(uint64_t n, uint8_t *out) {
    char name[64];
    snprintf(name, sizeof name, "a method that nobody has ever had, number %llu", (unsigned long long)n);
    size_t bytes = request(out, n % 2 == 0 ? TO_ANY : TO_ECHO, 0, name, first_number + (uint32_t)(n % 4000), 0);
    return bytes;
}

static size_t unnumbered(uint64_t n, uint8_t *out) {
    char name[64];
    snprintf(name, sizeof name, "another one, number %llu", (unsigned long long)n);
    return request(out, n % 2 == 0 ? TO_ANY : TO_ECHO, 0, name, CORPS__UNNUMBERED, 0);
}

static size_t number_too_high(uint64_t n, uint8_t *out) {
    return request(out, TO_ECHO, 0, "echo", CORPS__METHODS_MAX + (uint32_t)n, 0);
}

/* As an honest peer, which waits for answers: it stays within the window, only its names are many. */
static void call_by_many_names(struct raw *raw, size_t (*make)(uint64_t n, uint8_t *out), uint64_t count) {
    uint8_t frame[1024];
    for (uint64_t n = 0; n < count; n++) {
        assert_true(raw_send(raw, frame, make(n, frame), true));
        while (raw->link != NULL && raw->received_count + MAILBOX_COUNT / 2 < n) {
            raw_turn(raw, 1000);
        }
        if (raw->link == NULL) {
            fail_msg("the link has ended with %s after %llu names", corps_error_name(raw->reason),
                     (unsigned long long)n);
        }
    }
}

void test_many_names(void **state) {
    (void)state;
    struct raw raw;
    raw_open(&raw, victim.corps);
    raw_meet(&raw);
    uint64_t count = attack_count != 0 ? attack_count : 70000;
    raw.received_count = 0;
    call_by_many_names(&raw, unnumbered, count);
    raw_meet(&raw);
    raw.received_count = 0;
    call_by_many_names(&raw, named, 4000);
    check_growth("many names of methods", (size_t)8 << 20);
    /* Peers that come now are served, and names that the Env has never heard of reach it. */
    honest_call();
    char name[32];
    for (unsigned i = 0; i < CORPS__METHODS_MAX + 1000; i++) { /* more than have numbers */
        int bytes = snprintf(name, sizeof name, "new name %u", i);
        const struct corps_value nil = corps_nil();
        assert_ok(corps_send(victim.any, name, &nil, NULL));
        assert_int_equal(ask_int(victim.any, name, corps_nil()), bytes);
        if (i % 20 == 0) {
            assert_int_equal(ask_int(victim.any, "calls another", corps_str(name)), bytes);
        }
    }
    raw_meet(&raw);
    (void)flood(&raw, number_too_high, 1000, true);
    assert_true(raw_ends(&raw));
    raw_close(&raw);
    honest_call();
}

/* ---- definitions ---- */

static size_t definition(uint64_t n, uint8_t *out) {
    uint8_t key[CORPS_DEFINITION_KEY_BYTES] = "of a peer";
    memcpy(key, &n, sizeof n);
    static uint8_t data[1 << 16];
    const struct iovec segments[2] = {{.iov_base = key, .iov_len = sizeof key},
                                      {.iov_base = data, .iov_len = sizeof data}};
    const struct corps__header header = {.kind = CORPS__DEFINE, .segment_count = 2};
    size_t at = corps__wire_write(&header, NULL, segments, out);
    memcpy(out + at, key, sizeof key);
    memcpy(out + at + sizeof key, data, sizeof data);
    return at + sizeof key + sizeof data;
}

/* This Corps takes none at all; how many one takes that does: tests/unit/definitions.c. */
void test_definitions(void **state) {
    (void)state;
    struct raw raw;
    raw_open(&raw, victim.corps);
    for (unsigned i = 0; i < 10; i++) {
        raw_meet(&raw);
        (void)flood(&raw, definition, attack_count != 0 ? attack_count : 10000, true);
        assert_true(raw_ends(&raw));
    }
    check_growth("definitions", (size_t)8 << 20);
    raw_close(&raw);
    honest_call();
}

/* ---- out of turn ---- */

static size_t hello_again(uint64_t n, uint8_t *out) {
    (void)n;
    static const uint8_t who[] = {0x93, 1, 2, 3};
    const struct corps__header header = {.kind = CORPS__HELLO, .serializer = msgpack()->wire_id, .segment_count = 1};
    return raw_frame(out, &header, NULL, who, sizeof who);
}

static uint8_t wrong_kind;

static size_t wrong_way(uint64_t n, uint8_t *out) {
    const struct corps__header header = {
        .kind = wrong_kind, .flags = CORPS__NIL_PAYLOAD, .id = n, .source_conc = (uint32_t)n};
    return raw_frame(out, &header, NULL, NULL, 0);
}

static size_t large_probe(uint64_t n, uint8_t *out) {
    (void)n;
    static const uint8_t much[100000] = {0xc6, 0, 1, 0x86, 0x9b};
    const struct corps__header header = {.kind = CORPS__PROBE, .serializer = msgpack()->wire_id, .segment_count = 1};
    return raw_frame(out, &header, NULL, much, sizeof much);
}

static size_t probe(uint64_t n, uint8_t *out) {
    const uint8_t value[] = {0x97, 1, 2, 3, 4, 5, 6, 0xa3, 'a', ' ', 'b'};
    const struct corps__header header = {
        .kind = CORPS__PROBE, .serializer = msgpack()->wire_id, .segment_count = 1, .destination = (uint32_t)(n % 5)};
    return raw_frame(out, &header, NULL, value, sizeof value);
}

void test_out_of_turn(void **state) {
    (void)state;
    struct raw raw;
    raw_open(&raw, victim.corps);
    size_t (*const makes[])(uint64_t, uint8_t *) = {hello_again, large_probe, wrong_way, wrong_way, wrong_way};
    const uint8_t kinds[] = {0, 0, CORPS__REPLY, CORPS__FAILURE, CORPS__CREDIT};
    for (unsigned i = 0; i < sizeof makes / sizeof makes[0]; i++) {
        wrong_kind = kinds[i];
        raw_meet(&raw);
        (void)flood(&raw, makes[i], 1000, true);
        if (!raw_ends(&raw)) {
            fail_msg("attack %u has not ended the link", i);
        }
    }
    /* Probes are small and allowed: they may come without end, and leave nothing behind. */
    raw_meet(&raw);
    assert_int_equal(flood(&raw, probe, 50000, true), 50000);
    check_growth("out of turn", (size_t)8 << 20);
    raw_close(&raw);
    honest_call();
}
