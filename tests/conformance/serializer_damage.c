#include "serializer_cases.h"

#include "python_wire.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static bool is_damage(enum corps_err err) {
    return err == CORPS_ERR_CORRUPT || err == CORPS_ERR_TOO_LARGE || err == CORPS_ERR_REMOTE;
}

static void sample(struct wire *wire) {
    struct corps_box *box = corps_box_create();
    struct corps_value value = document(box);
    wire_of(serializer, &value, wire);
    corps_box_unref(box);
}

/* Decodes `bytes` of `data` as the stream, in memory of exactly that size; the other segments are `wire`'s. */
static enum corps_err decode_stream(const struct wire *wire, const uint8_t *data, size_t bytes,
                                    struct corps_box **box) {
    struct iovec segments[WIRE_SEGMENTS_MAX];
    memcpy(segments, wire->segments, wire->count * sizeof segments[0]);
    segments[0] = (struct iovec){.iov_base = malloc(bytes), .iov_len = bytes};
    if (bytes > 0) {
        memcpy(segments[0].iov_base, data, bytes);
    }
    *box = corps_box_create();
    enum corps_err err = serializer->decode(segments, wire->count, NULL, CORPS_DECODE_VALUES, *box);
    free(segments[0].iov_base);
    return err;
}

static void must_be_damage(const struct wire *wire, const uint8_t *data, size_t bytes, const char *what) {
    struct corps_box *box;
    enum corps_err err = decode_stream(wire, data, bytes, &box);
    corps_box_unref(box);
    if (!is_damage(err)) {
        fail_msg("%s: %s instead of an error", what, corps_error_name(err));
    }
    if (corps_error_detail()[0] == '\0' || strchr(corps_error_detail(), '\n') != NULL) {
        fail_msg("%s: the detail is not one line: '%s'", what, corps_error_detail());
    }
}

void test_truncated(void **state) {
    (void)state;
    static struct wire wire;
    if (has(CORPS_SERIALIZER_BYTES_ONLY)) {
        print_message("# skipped: bytes as they are have no structure to damage\n");
        skip();
    }
    sample(&wire);
    assert_true(wire.segments[0].iov_len > 100 || wire.count > 2);
    for (size_t bytes = 0; bytes < wire.segments[0].iov_len; bytes++) {
        char what[48];
        snprintf(what, sizeof what, "the first %zu bytes", bytes);
        must_be_damage(&wire, wire.segments[0].iov_base, bytes, what);
    }
    wire_finish(&wire);
}

void test_trailing(void **state) {
    (void)state;
    static struct wire wire;
    if (has(CORPS_SERIALIZER_BYTES_ONLY)) {
        print_message("# skipped: bytes as they are have no end to go beyond\n");
        skip();
    }
    sample(&wire);
    size_t bytes = wire.segments[0].iov_len;
    uint8_t *longer = calloc(1, bytes + 9);
    assert_non_null(longer);
    memcpy(longer, wire.segments[0].iov_base, bytes);
    must_be_damage(&wire, longer, bytes + 1, "one byte more");
    must_be_damage(&wire, longer, bytes + 9, "nine bytes more");
    longer[bytes] = '.'; /* a pickle's last byte */
    must_be_damage(&wire, longer, bytes + 1, "a second end");
    free(longer);
    wire_finish(&wire);
}

void test_segments(void **state) {
    (void)state;
    static struct wire wire;
    if (has(CORPS_SERIALIZER_BYTES_ONLY)) {
        print_message("# skipped: bytes may come in any number of segments\n");
        skip();
    }
    sample(&wire);
    assert_true(wire.count >= 2);
    struct corps_box *box;
    struct wire other = wire;
    for (other.count = 0; other.count < wire.count; other.count++) {
        assert_true(is_damage(wire_decode(serializer, &other, CORPS_DECODE_VALUES, &box)));
        corps_box_unref(box);
    }
    other.segments[wire.count] = (struct iovec){.iov_base = wire.segments[0].iov_base, .iov_len = 3};
    other.count = wire.count + 1;
    assert_true(is_damage(wire_decode(serializer, &other, CORPS_DECODE_VALUES, &box)));
    corps_box_unref(box);
    wire_finish(&wire);
}

/* ---- numbers that promise more than there is ---- */

struct promise {
    const char *bytes;
    size_t count;
    enum corps_err err;
    const char *text; /* must be in the detail */
};

static void check_promises(const struct promise *promises, size_t count) {
    struct wire wire = {.count = 1};
    for (size_t i = 0; i < count; i++) {
        struct corps_box *box;
        enum corps_err err = decode_stream(&wire, (const uint8_t *)promises[i].bytes, promises[i].count, &box);
        corps_box_unref(box);
        if (err != promises[i].err || strstr(corps_error_detail(), promises[i].text) == NULL) {
            fail_msg("promise %zu: %s (%s), should be %s with '%s'", i, corps_error_name(err), corps_error_detail(),
                     corps_error_name(promises[i].err), promises[i].text);
        }
    }
}

#define PROMISE(bytes, err, text)                                                                                      \
    { bytes, sizeof(bytes) - 1, CORPS_ERR_##err, text }

static void msgpack_promises(void) {
    static const struct promise promises[] = {
        PROMISE("\xdd\xff\xff\xff\xff\x01\x02", CORRUPT, "announces 4294967295 items, but only 2"),
        PROMISE("\x91\xdd\xff\xff\xff\xff\x01", CORRUPT, "byte 1 "),
        PROMISE("\xdf\xff\xff\xff\xff\x01\x02", CORRUPT, "announces 8589934590 items"),
        PROMISE("\xdf\x80\x00\x00\x00\x01\x02", CORRUPT, "byte 0 "),
        PROMISE("\xdc\xff\xff\x01", CORRUPT, "announces 65535 items"),
        PROMISE("\xde\xff\xff\x01", CORRUPT, "announces 131070 items"),
        PROMISE("\xdb\xff\xff\xff\xff"
                "abc",
                CORRUPT, "announces 4294967295 bytes, but only 3"),
        PROMISE("\xc6\xff\xff\xff\xff"
                "abc",
                CORRUPT, "announces 4294967295 bytes"),
        PROMISE("\xc9\xff\xff\xff\xff\x01"
                "abc",
                CORRUPT, "byte 0 "),
        PROMISE("\xc9\xff\xff\xff\xfe\x01"
                "abc",
                CORRUPT, "byte 0 "),
        PROMISE("\x92\x01\xd9\x05"
                "abc",
                CORRUPT, "byte 2 "),
        PROMISE("\xcf\x80\x00\x00\x00\x00\x00\x00\x00", TOO_LARGE, "9223372036854775808"),
        PROMISE("\x91\xcf\xff\xff\xff\xff\xff\xff\xff\xff", TOO_LARGE, "byte 1"),
        PROMISE("\xc1", CORRUPT, "0xc1"),
        PROMISE("\xd4\x63\x00", CORRUPT, "type 99"),
        PROMISE("\xd6\xff\x00\x00\x00\x00", CORRUPT, "type -1"),   /* a time stamp, which values do not have */
        PROMISE("\xd6\x02\x01\x00\x00\x00", CORRUPT, "segment 1"), /* which is not there */
        PROMISE("\xd6\x02\x00\x00\x00\x00", CORRUPT, "segment 0"), /* the stream itself */
        PROMISE("\xd5\x02\x01\x00", CORRUPT, "type 2"),
        PROMISE("\xd4\x01\x00", CORRUPT, "Name"),
        PROMISE("\xc7\x00\x01", CORRUPT, "type 1"),
        PROMISE("", CORRUPT, "no data"),
    };
    check_promises(promises, sizeof promises / sizeof promises[0]);
    enum { DEEP = 100000 };
    char *deep = malloc(DEEP);
    assert_non_null(deep);
    memset(deep, 0x91, DEEP);
    struct promise too_deep = {deep, DEEP, CORPS_ERR_TOO_LARGE, "deeper than 256"};
    check_promises(&too_deep, 1);
    memset(deep, 0x81, DEEP);
    check_promises(&too_deep, 1);
    deep[CORPS_VALUE_DEPTH_MAX] = (char)0x90; /* one level too many, and all of it well-formed */
    memset(deep, 0x91, CORPS_VALUE_DEPTH_MAX);
    too_deep.count = CORPS_VALUE_DEPTH_MAX + 1;
    check_promises(&too_deep, 1);
    free(deep);
}

/* What the Python serializers write, of the head's two numbers and the pickle: puts the checksum between. Gives the
 * length. */
static size_t with_checksum(const char *bytes, size_t count, uint8_t *out) {
    uint64_t checksum = htole64(corps__python_checksum(bytes + 8, count - 8));
    memcpy(out, bytes, 8);
    memcpy(out + 8, &checksum, 8);
    memcpy(out + 16, bytes + 8, count - 8);
    return count + 8;
}

/* The numbers: bytes of the pickle, count of buffers. The pickle "N." is None. */
static void python_promises(void) {
    static const struct promise promises[] = {
        PROMISE("\xff\xff\xff\xff\0\0\0\0N.", CORRUPT, "4294967295 bytes, but there are 2"),
        PROMISE("\3\0\0\0\0\0\0\0N.", CORRUPT, "3 bytes, but there are 2"),
        PROMISE("\1\0\0\0\0\0\0\0N.", CORRUPT, "1 bytes, but there are 2"),
        PROMISE("\2\0\0\0\1\0\0\0N.", CORRUPT, "must be 2 segments, but there are 1"),
        PROMISE("\2\0\0\0\xff\xff\xff\x7fN.", CORRUPT, "must be 2147483648 segments"),
        PROMISE("\2\0\0\0\xff\xff\xff\xffN.", CORRUPT, "must be 2147483649 segments"),
        PROMISE("\2\0\0\0\0\0\0\x80N.", CORRUPT, "must be 2 segments"),
        PROMISE("\0\0\0\0\0\0\0\0", CORRUPT, "EOFError"),
        PROMISE("\1\0\0\0\0\0\0\0N", CORRUPT, ""),
        PROMISE("\12\0\0\0\0\0\0\0B\xff\xff\xff\x7f"
                "abcd.",
                CORRUPT, ""),
    };
    for (size_t i = 0; i < sizeof promises / sizeof promises[0]; i++) {
        uint8_t whole[64];
        struct promise promise = promises[i];
        promise.count = with_checksum(promise.bytes, promise.count, whole);
        promise.bytes = (const char *)whole;
        check_promises(&promise, 1);
    }
    static const struct promise wrong = PROMISE("\2\0\0\0\0\0\0\0\1\2\3\4\5\6\7\10N.", CORRUPT, "checksum");
    check_promises(&wrong, 1);
    static uint8_t one_buffer[18]; /* which the pickle does not use */
    static uint8_t no_buffer[18];  /* where the pickle asks for one */
    (void)with_checksum("\2\0\0\0\1\0\0\0N.", 10, one_buffer);
    (void)with_checksum("\2\0\0\0\0\0\0\0\x97.", 10, no_buffer);
    struct wire wire = {.segments = {{one_buffer, 18}, {one_buffer, 18}}, .count = 2};
    struct corps_box *box;
    assert_int_equal(wire_decode(serializer, &wire, CORPS_DECODE_VALUES, &box), CORPS_ERR_CORRUPT);
    assert_non_null(strstr(corps_error_detail(), "fewer buffers"));
    corps_box_unref(box);
    wire = (struct wire){.segments = {{no_buffer, 18}}, .count = 1};
    assert_int_equal(wire_decode(serializer, &wire, CORPS_DECODE_VALUES, &box), CORPS_ERR_CORRUPT);
    corps_box_unref(box);
}

void test_announced(void **state) {
    (void)state;
    if (strcmp(serializer->name, "msgpack") == 0) {
        msgpack_promises();
    } else if (has(CORPS_SERIALIZER_OBJECTS)) {
        python_promises();
    } else {
        print_message("# skipped: bytes as they are announce nothing\n");
        skip();
    }
}

/* ---- random damage ---- */

struct outcome {
    int fine;    /* it was a valid value all the same */
    int refused; /* an error that says what */
    int bad;     /* neither */
};

static void decode_damaged(const struct wire *wire, const uint8_t *data, size_t bytes, struct outcome *outcome) {
    struct corps_box *box;
    enum corps_err err = decode_stream(wire, data, bytes, &box);
    if (err == CORPS_OK) {
        outcome->fine += corps_value_hash(corps_box_root(box)) != 0; /* reads all of it */
    } else if ((is_damage(err) || err == CORPS_ERR_NO_MEMORY) && corps_error_detail()[0] != '\0') {
        outcome->refused++;
    } else {
        outcome->bad++;
        fprintf(stderr, "%s: %s\n", corps_error_name(err), corps_error_detail());
    }
    corps_box_unref(box);
}

/* Damage number `index` of a stream: which it is follows from the number alone. Gives the new length. */
typedef size_t (*damage_fn)(uint8_t *data, size_t bytes, size_t index);

static const uint8_t flips[] = {0xff, 0x01, 0x80, 0x40, 0x10};

static size_t flip(uint8_t *data, size_t bytes, size_t index) {
    data[index / sizeof flips] ^= flips[index % sizeof flips];
    return bytes;
}

static size_t mutate(uint8_t *data, size_t bytes, size_t index) {
    uint64_t seed = index;
    size_t changes = 1 + next_random(&seed) % 6;
    for (size_t i = 0; i < changes && bytes > 2; i++) {
        size_t at = next_random(&seed) % bytes;
        switch (next_random(&seed) % 4) {
        case 0:
            data[at] = (uint8_t)next_random(&seed);
            break;
        case 1: /* what lies at another place */
            data[at] = data[next_random(&seed) % bytes];
            break;
        case 2: /* a byte is lost */
            memmove(data + at, data + at + 1, bytes - at - 1);
            bytes--;
            break;
        default: /* the largest of numbers */
            memset(data + at, 0xff, bytes - at < 4 ? bytes - at : 4);
            break;
        }
    }
    return bytes;
}

static void run_damage(const struct wire *wire, damage_fn damage, size_t first, size_t end, struct outcome *outcome) {
    size_t bytes = wire->segments[0].iov_len;
    uint8_t *data = malloc(bytes);
    if (data == NULL) {
        outcome->bad++;
        return;
    }
    for (size_t i = first; i < end; i++) {
        memcpy(data, wire->segments[0].iov_base, bytes);
        decode_damaged(wire, data, damage(data, bytes, i), outcome);
    }
    free(data);
}

/* A pickle is a program: what a damaged one does happens in a child with little memory and time, and without output. */
static int in_child(const struct wire *wire, damage_fn damage, size_t first, size_t end, struct outcome *outcome) {
    int ends[2];
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        struct outcome mine = {0};
        struct rlimit memory = {(rlim_t)2 << 30, (rlim_t)2 << 30};
        int nowhere = open("/dev/null", O_RDWR | O_CLOEXEC);
        dup2(nowhere, 0);
        dup2(nowhere, 1);
        dup2(nowhere, 2);
        setrlimit(RLIMIT_AS, &memory);
        signal(SIGALRM, SIG_DFL);
        alarm(200);
        run_damage(wire, damage, first, end, &mine);
        _exit(write(ends[1], &mine, sizeof mine) == (ssize_t)sizeof mine ? 0 : 1);
    }
    close(ends[1]);
    struct outcome theirs = {0};
    ssize_t got = read(ends[0], &theirs, sizeof theirs);
    close(ends[0]);
    int status = 0;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    outcome->fine += theirs.fine;
    outcome->refused += theirs.refused;
    outcome->bad += theirs.bad;
    return WIFSIGNALED(status) ? WTERMSIG(status) : got == (ssize_t)sizeof theirs ? 0 : -1;
}

/* Damages what `sampled` fills, in `count` ways (0: every byte in every way). */
static void damage_all(void (*sampled)(struct wire *wire), damage_fn damage, size_t count) {
    static struct wire wire;
    struct outcome outcome = {0};
    int deaths = 0;
    bool python = has(CORPS_SERIALIZER_OBJECTS);
    if (python && SANITIZED) {
        print_message("# skipped: with a sanitizer's shadow memory there is no limit on memory for pickles\n");
        skip();
    }
    sampled(&wire);
    count = count != 0 ? count : wire.segments[0].iov_len * sizeof flips;
    size_t step = python ? 500 : count;
    for (size_t first = 0; first < count; first += step) {
        size_t end = first + step < count ? first + step : count;
        if (!python) {
            run_damage(&wire, damage, first, end, &outcome);
            continue;
        }
        int death = in_child(&wire, damage, first, end, &outcome);
        if (death != 0) {
            print_message("# damage %zu to %zu: the child ended by %s\n", first, end - 1,
                          death > 0 ? strsignal(death) : "exiting");
            deaths++;
        }
    }
    print_message("# %zu damaged: %d fine, %d refused, %d children died\n", count, outcome.fine, outcome.refused,
                  deaths);
    wire_finish(&wire);
    assert_int_equal(outcome.bad, 0);
    assert_int_equal(deaths, 0);
    assert_int_equal(outcome.fine + outcome.refused, count);
}

void test_flipped(void **state) {
    (void)state;
    damage_all(sample, flip, 0);
}

void test_mutated(void **state) {
    (void)state;
    damage_all(sample, mutate, 20000);
}

/* A function and its class by value: damaged code would crash the interpreter, were it not refused before. */
static void sample_code(struct wire *wire) {
    struct corps_box *box = corps_box_create();
    struct corps_value value;
    CHECK_OK(corps_python_made("def make():\n"
                               "    class Point:\n"
                               "        def norm(self): return self.x * self.x + sum(i for i in range(3))\n"
                               "    def of(x, y=[1]):\n"
                               "        point = Point(); point.x = x; return point.norm() + len(y)\n"
                               "    return of\n",
                               &value, box));
    wire_of(serializer, &value, wire);
    corps_box_unref(box);
}

void test_mutated_code(void **state) {
    (void)state;
    if (!has(CORPS_SERIALIZER_OBJECTS) || strcmp(serializer->name, "pickle") == 0) {
        print_message("# skipped: %s carries no code\n", serializer->name);
        skip();
    }
    damage_all(sample_code, mutate, 10000);
    damage_all(sample_code, flip, 0);
}
