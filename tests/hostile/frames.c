/* Frames of every kind with something wrong with them, after a true HELLO; and honest peers that send all they may. */
#include "hostile.h"

#include <endian.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

/* ---- well-formed frames ---- */

/* Payloads as msgpack writes them: what replies, failures and probes look like too. */
static size_t payload(uint64_t *random, uint8_t *out) {
    static const uint8_t failure[] = {0x96, 1, 0xa1, 'T', 0xa2, 'n', 'o', 0xa0, 0xa5, 'L', '0', ':', 'M', '0', 0xc4, 0};
    static const uint8_t probe[] = {0x97, 1, 2, 3, 4, 5, 6, 0xa3, 'a', ' ', 'b'};
    static const uint8_t map[] = {0x82, 0xa1, 'a', 1, 0xa1, 'b', 0x92, 0xc0, 0xcb, 0x3f, 0xf0, 0, 0, 0, 0, 0, 0};
    static const uint8_t name[] = {0xc7, 21, 1, 1, 2, 3, 4, 5,   6,   7,   8,   0,
                                   0,    0,  0, 1, 0, 0, 0, 'c', 'l', 'a', 's', 's'};
    static const uint8_t hello[] = {0x93, 1, 2, 3};
    static const struct {
        const uint8_t *data;
        size_t bytes;
    } all[] = {{failure, sizeof failure},
               {probe, sizeof probe},
               {map, sizeof map},
               {name, sizeof name},
               {hello, sizeof hello}};
    unsigned which = (unsigned)(raw_random(random) % 6);
    if (which == 5) {
        size_t bytes = raw_random(random) % 1000;
        out[0] = 0xc5;
        out[1] = (uint8_t)(bytes >> 8);
        out[2] = (uint8_t)bytes;
        memset(out + 3, 7, bytes);
        return 3 + bytes;
    }
    memcpy(out, all[which].data, all[which].bytes);
    return all[which].bytes;
}

static const char *const names[] = {"echo", "pid", "no such method", "sleep"};

static uint32_t number_of(const char *name) {
    return (uint32_t)(name[0] + name[1]);
}

/* A link on which each of them has been called, so that numbers and batches mean something. */
static void meet(struct raw *raw) {
    raw_meet(raw);
    for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++) {
        uint8_t frame[128];
        const struct corps__header header = {.kind = CORPS__REQUEST,
                                             .flags = CORPS__NIL_PAYLOAD,
                                             .destination = TO_ECHO,
                                             .method = number_of(names[i]),
                                             .name_bytes = (uint32_t)strlen(names[i])};
        (void)raw_send(raw, frame, raw_frame(frame, &header, names[i], NULL, 0), true);
    }
}

/* One or two segments, with a name or without. */
static size_t message(uint64_t *random, enum corps__kind kind, uint8_t *out) {
    uint8_t data[2][1100];
    const char *name = names[raw_random(random) % 4];
    struct iovec segments[2] = {{data[0], payload(random, data[0])}, {data[1], payload(random, data[1])}};
    bool named = kind == CORPS__REQUEST && raw_random(random) % 2 == 0;
    bool unnumbered = named && raw_random(random) % 4 == 0;
    struct corps__header header = {.kind = (uint8_t)kind,
                                   .flags = (uint8_t)(raw_random(random) % 4),
                                   .serializer = (uint8_t)(raw_random(random) % 3),
                                   .segment_count = (uint16_t)(raw_random(random) % 3),
                                   .id = raw_random(random) % 5,
                                   .source_conc = (uint32_t)(raw_random(random) % 5),
                                   .destination = TO_ECHO + (uint32_t)(raw_random(random) % 4),
                                   .method = unnumbered ? CORPS__UNNUMBERED : number_of(name),
                                   .deadline_ns = raw_random(random) % 2,
                                   .name_bytes = named ? (uint32_t)strlen(name) : 0};
    if ((kind == CORPS__CANCEL || kind == CORPS__CLOCK) && raw_random(random) % 4 != 0) {
        header.segment_count = 0;
    }
    if (kind == CORPS__DEFINE) {
        header.segment_count = 2;
        segments[0].iov_len = CORPS_DEFINITION_KEY_BYTES;
    }
    size_t at = corps__wire_write(&header, name, segments, out);
    for (unsigned i = 0; i < header.segment_count; i++) {
        memcpy(out + at, segments[i].iov_base, segments[i].iov_len);
        at += segments[i].iov_len;
    }
    return at;
}

static size_t batch(uint64_t *random, uint8_t *out) {
    struct corps__header header = {.kind = CORPS__BATCH, .segment_count = 1, .id = 1 + raw_random(random) % 3};
    size_t at = corps__wire_write(&header, NULL, NULL, out);
    for (uint64_t i = 0; i < header.id; i++) {
        uint8_t data[1100];
        size_t bytes = payload(random, data);
        const struct corps__header entry = {.flags = CORPS__NO_REPLY,
                                            .serializer = (uint8_t)(raw_random(random) % 3),
                                            .destination = TO_ECHO + (uint32_t)(raw_random(random) % 4),
                                            .method = number_of(names[0])};
        corps__wire_write_entry(&entry, (uint32_t)bytes, out + at);
        memcpy(out + at + CORPS__ENTRY_BYTES, data, bytes);
        at += CORPS__ENTRY_BYTES + bytes;
    }
    return at;
}

static size_t well_formed(uint64_t *random, uint8_t *out) {
    /* Half of them of the kinds that a caller may send. */
    static const enum corps__kind callers[] = {CORPS__REQUEST, CORPS__BATCH, CORPS__PROBE, CORPS__CANCEL};
    enum corps__kind kind = raw_random(random) % 2 == 0 ? callers[raw_random(random) % 4]
                                                        : (enum corps__kind)(CORPS__HELLO + raw_random(random) % 10);
    return kind == CORPS__BATCH ? batch(random, out) : message(random, kind, out);
}

/* ---- what is done to them ---- */

static size_t mutate(uint64_t *random, uint8_t *frame, size_t bytes) {
    static const uint32_t extremes[] = {0, 1, 0x7f, 0x80, 0xff, 0x100, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff};
    size_t at = bytes > 0 ? raw_random(random) % bytes : 0;
    uint32_t extreme = extremes[raw_random(random) % 10];
    switch (raw_random(random) % 6) {
    case 0: /* a bit */
        frame[at] ^= (uint8_t)(1u << raw_random(random) % 8);
        return bytes;
    case 1: /* a byte */
        frame[at] = (uint8_t)raw_random(random);
        return bytes;
    case 2: /* a number of the header */
        at = 4 * (1 + raw_random(random) % 11);
        memcpy(frame + at, &extreme, at + 4 <= bytes ? 4 : 0);
        return bytes;
    case 3: /* a number anywhere */
        memcpy(frame + at, &extreme, at + 4 <= bytes ? 4 : 0);
        return bytes;
    case 4: /* the end is missing */
        return at;
    default: /* there is too much of it */
        memset(frame + bytes, (int)raw_random(random) & 0xff, 16);
        return bytes + 1 + raw_random(random) % 16;
    }
}

size_t hostile_frame(uint64_t *random, uint64_t id, uint8_t *out) {
    static const enum corps__kind answers[] = {CORPS__REPLY, CORPS__REPLY, CORPS__FAILURE, CORPS__CREDIT};
    bool any = id == 0 || raw_random(random) % 8 == 0;
    size_t bytes = any ? well_formed(random, out) : message(random, answers[raw_random(random) % 4], out);
    if (!any) {
        uint64_t wire_id = htole64(id);
        memcpy(out + 8, &wire_id, sizeof wire_id);
    }
    for (unsigned left = (unsigned)(raw_random(random) % 3); left > 0; left--) {
        bytes = mutate(random, out, bytes);
    }
    return bytes;
}

void test_mutated_frames(void **state) {
    (void)state;
    uint64_t count = attack_count != 0 ? attack_count : 5000, random = attack_seed, ended = 0;
    uint8_t frame[HOSTILE_FRAME_BYTES];
    struct raw raw;
    raw_open(&raw, victim.corps);
    for (uint64_t n = 0; n < count; n++) {
        if (raw.link == NULL) {
            meet(&raw);
        }
        size_t bytes = hostile_frame(&random, 0, frame);
        (void)raw_send(&raw, frame, bytes, true);
        if (!raw_sync(&raw, TO_ECHO, LONG_NS) && raw.link != NULL) {
            fail_msg("frame %llu of seed %llu: the Env neither answers nor ends the link", (unsigned long long)n,
                     (unsigned long long)attack_seed);
        }
        ended += raw.link == NULL;
        if (n % 1000 == 999) {
            honest_call();
        }
    }
    printf("# %llu frames, seed %llu; %llu of their links were ended\n", (unsigned long long)count,
           (unsigned long long)attack_seed, (unsigned long long)ended);
    check_growth("mutated frames", (size_t)64 << 20);
    raw_close(&raw);
    honest_call();
}

/* ---- honest peers ---- */

enum { SENDERS = 6, EACH = 400 };

/* All that the window holds, of sizes from nothing to beyond it, with and without reply, in any order. */
static void *send_all_it_may(void *arg) {
    uint64_t random = (uint64_t)(uintptr_t)arg;
    static uint8_t data[MAILBOX_BYTES * 3 / 2];
    struct corps_future *futures[EACH] = {0};
    for (unsigned i = 0; i < EACH; i++) {
        uint64_t kind = raw_random(&random) % 16;
        size_t bytes = kind == 0 ? sizeof data : kind < 6 ? raw_random(&random) % (MAILBOX_BYTES / 2) : kind;
        /* Several buffers of a message, with lengths and zeros between them, count as their bytes alone. */
        struct corps_value items[3] = {corps_bin(data, bytes / 3), corps_bin(data, bytes / 4), corps_bin(data, 5000)};
        struct corps_value args = kind % 3 == 0 ? corps_array(items, 3) : corps_bin(data, bytes);
        char name[32];
        snprintf(name, sizeof name, kind % 2 == 0 ? "echo" : "name %u", i);
        const struct corps_name *to = kind % 2 == 0 ? victim.sleeper : victim.any;
        enum corps_err err = raw_random(&random) % 2 == 0 ? corps_send(to, "echo", &args, NULL)
                                                          : corps_call(to, name, &args, NULL, &futures[i]);
        if (err != CORPS_OK) {
            fprintf(stderr, "an honest request failed: %s: %s\n", corps_error_name(err), corps_error_detail());
            return arg;
        }
    }
    void *failed = NULL;
    for (unsigned i = 0; i < EACH; i++) {
        if (futures[i] != NULL && corps_future_wait(futures[i], LONG_NS, NULL) != CORPS_OK) {
            fprintf(stderr, "an honest call failed: %s\n", corps_error_detail());
            failed = arg;
        }
        corps_future_destroy(futures[i]);
    }
    return failed;
}

void test_honest_is_never_cut(void **state) {
    (void)state;
    pthread_t threads[SENDERS];
    for (uintptr_t i = 0; i < SENDERS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, send_all_it_may, (void *)(attack_seed * 100 + i + 1)), 0);
    }
    for (unsigned i = 0; i < SENDERS; i++) {
        void *failed;
        pthread_join(threads[i], &failed);
        assert_null(failed);
    }
    honest_call();
}
