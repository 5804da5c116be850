/* The seal: two sides that know the key reach each other, and whoever stands between them can do nothing but cut. Each
 * byte of a session is changed in turn, and each session ended after every byte. */
#include "base/seal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define assert_ok(expression) assert_int_equal((expression), CORPS_OK)

enum { SESSION_BYTES = 4096, NEVER = -1 };

static const uint8_t secret[32] = "one secret";
static const uint8_t other[32] = "another secret";
static const char label[] = "corps link 1";

/* ---- two sides, and somebody between them ---- */

/* What goes one way. The one between may change a byte, or let through no more than so many. */
struct way {
    uint8_t bytes[SESSION_BYTES]; /* as they were sent */
    long count;
    long changed, limit; /* NEVER */
};

struct talk {
    struct corps__seal *client, *listener;
    struct way up, down; /* client → listener, and back */
    enum corps_err at_client, at_listener;
    const uint8_t *listeners_secret;
    const char *listeners_name;
};

static bool find_key(void *arg, const char *identity, uint8_t psk[CORPS__SEAL_KEY_BYTES]) {
    const struct talk *talk = arg;
    char client[CORPS__SEAL_NAME_BYTES];
    char listener[CORPS__SEAL_NAME_BYTES];
    if (!corps__seal_split(identity, client, listener) || strcmp(listener, talk->listeners_name) != 0) {
        return false;
    }
    corps__seal_key(talk->listeners_secret, label, client, listener, psk);
    return true;
}

static void begin_as(struct talk *talk, const uint8_t *clients_secret, const char *client, const char *wanted) {
    char identity[2 * CORPS__SEAL_NAME_BYTES];
    uint8_t psk[CORPS__SEAL_KEY_BYTES];
    memset(talk, 0, sizeof *talk);
    talk->up.changed = talk->up.limit = talk->down.changed = talk->down.limit = NEVER;
    talk->listeners_secret = secret;
    talk->listeners_name = "h2.e3.i1";
    assert_true(corps__seal_join(client, wanted, identity));
    corps__seal_key(clients_secret, label, client, wanted, psk);
    assert_ok(corps__seal_client(psk, identity, &talk->client));
    assert_ok(corps__seal_listener(find_key, talk, &talk->listener));
}

static void begin(struct talk *talk) {
    begin_as(talk, secret, "h1.e0.i1", "h2.e3.i1");
}

static void finish(struct talk *talk) {
    corps__seal_free(talk->client);
    corps__seal_free(talk->listener);
}

/* Moves what one side gives, byte by byte where it is short; true when something went. */
static bool carry(struct way *way, struct corps__seal *from, struct corps__seal *to, enum corps_err *result) {
    uint8_t piece[97];
    size_t bytes = corps__seal_give(from, piece, sizeof piece);
    for (size_t i = 0; i < bytes; i++, way->count++) {
        assert_true(way->count < SESSION_BYTES);
        way->bytes[way->count] = piece[i];
        uint8_t passed = way->count == way->changed ? piece[i] ^ 0x10 : piece[i];
        if ((way->limit == NEVER || way->count < way->limit) && *result == CORPS_OK) {
            *result = corps__seal_take(to, &passed, 1);
        }
    }
    return bytes > 0;
}

static void carry_all(struct talk *talk) {
    bool moved;
    do {
        moved = carry(&talk->up, talk->client, talk->listener, &talk->at_listener);
        moved = carry(&talk->down, talk->listener, talk->client, &talk->at_client) || moved;
    } while (moved);
}

static bool both_open(const struct talk *talk) {
    return corps__seal_is_open(talk->client) && corps__seal_is_open(talk->listener);
}

/* Everything that `seal` has now is a beginning of `text`. True: it is all of it. */
static bool reads(struct corps__seal *seal, const char *text) {
    uint8_t got[64];
    size_t done = 0, more;
    while (done < sizeof got && corps__seal_read(seal, got + done, sizeof got - done, &more) == CORPS_OK) {
        done += more;
    }
    assert_true(done <= strlen(text));
    assert_memory_equal(got, text, done);
    return done == strlen(text);
}

static void writes(struct corps__seal *seal, const char *text) {
    size_t done;
    if (corps__seal_write(seal, (const uint8_t *)text, strlen(text), &done) == CORPS_OK) {
        assert_int_equal(done, strlen(text));
    }
}

/* A whole session. True: everything arrived, goodbyes too, and nobody saw an error. */
static bool converse(struct talk *talk) {
    carry_all(talk);
    writes(talk->client, "a question");
    carry_all(talk);
    bool whole = reads(talk->listener, "a question");
    writes(talk->listener, "an answer");
    carry_all(talk);
    whole = reads(talk->client, "an answer") && whole;
    corps__seal_end(talk->client);
    corps__seal_end(talk->listener);
    carry_all(talk);
    whole = reads(talk->listener, "") && reads(talk->client, "") && whole;
    return whole && talk->at_client == CORPS_OK && talk->at_listener == CORPS_OK &&
           corps__seal_cut(talk->client) == CORPS_ERR_CLOSED && corps__seal_cut(talk->listener) == CORPS_ERR_CLOSED;
}

/* ---- honest ---- */

static void test_session(void **state) {
    (void)state;
    struct talk talk;
    uint8_t byte;
    size_t done;
    begin(&talk);
    assert_int_equal(corps__seal_read(talk.client, &byte, 1, &done), CORPS_ERR_AGAIN);
    assert_int_equal(corps__seal_write(talk.listener, &byte, 1, &done), CORPS_ERR_AGAIN);
    assert_true(converse(&talk));
    assert_string_equal(corps__seal_identity(talk.listener), "h1.e0.i1>h2.e3.i1");
    assert_string_equal(corps__seal_identity(talk.client), "h1.e0.i1>h2.e3.i1");
    assert_int_equal(corps__seal_read(talk.listener, &byte, 1, &done), CORPS_ERR_CLOSED);
    assert_non_null(strstr(corps__seal_library(), "OpenSSL"));
    finish(&talk);
}

/* Nothing that was said can be read on the way, not even its beginning. */
static void test_nothing_shows(void **state) {
    (void)state;
    struct talk talk;
    begin(&talk);
    assert_true(converse(&talk));
    assert_null(memmem(talk.up.bytes, (size_t)talk.up.count, "question", 8));
    assert_null(memmem(talk.down.bytes, (size_t)talk.down.count, "answer", 6));
    finish(&talk);
}

/* More than fits: `write` stops where what is to be sent piles up, and goes on. Keys are renewed on the way. */
static void test_much(void **state) {
    (void)state;
    enum { MUCH = 5000000 };
    struct talk talk;
    begin(&talk);
    carry_all(&talk);
    assert_true(both_open(&talk));
    uint8_t *data = malloc(MUCH);
    uint8_t *got = malloc(MUCH);
    assert_true(data != NULL && got != NULL);
    for (size_t i = 0; i < MUCH; i++) {
        data[i] = (uint8_t)(i * 2654435761u >> 13);
    }
    corps__seal_renew_after(talk.client, 50);
    size_t written = 0, read = 0;
    bool piled_up = false;
    while (read < MUCH) {
        size_t done;
        enum corps_err err = corps__seal_write(talk.client, data + written, MUCH - written, &done);
        assert_true(err == CORPS_OK || err == CORPS_ERR_AGAIN);
        piled_up = piled_up || err == CORPS_ERR_AGAIN;
        written += done;
        size_t here, room;
        const uint8_t *pending = corps__seal_pending(talk.client, &here);
        uint8_t *space = corps__seal_space(talk.listener, &room);
        size_t part = here < room ? here : room;
        part = part < 30011 ? part : 30011;
        memcpy(space, pending, part);
        corps__seal_sent(talk.client, part);
        assert_ok(corps__seal_took(talk.listener, part));
        while (corps__seal_read(talk.listener, got + read, MUCH - read, &done) == CORPS_OK) {
            read += done;
        }
        assert_false(corps__seal_holds(talk.listener));
    }
    assert_true(piled_up);
    assert_memory_equal(data, got, MUCH);
    free(data);
    free(got);
    finish(&talk);
}

/* `holds` is what tells a sleeper that nothing need come any more. */
static void test_holds(void **state) {
    (void)state;
    struct talk talk;
    uint8_t got[4];
    size_t done;
    begin(&talk);
    carry_all(&talk);
    assert_false(corps__seal_holds(talk.listener));
    writes(talk.client, "12345678");
    carry_all(&talk);
    assert_true(corps__seal_holds(talk.listener));
    assert_ok(corps__seal_read(talk.listener, got, sizeof got, &done));
    assert_int_equal(done, 4);
    assert_true(corps__seal_holds(talk.listener));
    assert_ok(corps__seal_read(talk.listener, got, sizeof got, &done));
    assert_false(corps__seal_holds(talk.listener));
    writes(talk.client, "more");
    uint8_t part[8];
    assert_int_equal(corps__seal_give(talk.client, part, sizeof part), sizeof part);
    assert_ok(corps__seal_take(talk.listener, part, sizeof part));
    assert_false(corps__seal_holds(talk.listener)); /* a part of a record is nothing yet */
    finish(&talk);
}

/* ---- who is somebody else ---- */

static void expect_refused(struct talk *talk) {
    carry_all(talk);
    assert_false(both_open(talk));
    assert_int_equal(talk->at_listener, CORPS_ERR_DENIED);
    assert_int_equal(talk->at_client, CORPS_ERR_DENIED); /* it was told, by an alert */
    assert_false(corps__seal_is_open(talk->client));
    assert_true(strlen(corps_error_detail()) > 20);
    finish(talk);
}

static void test_wrong_key(void **state) {
    (void)state;
    struct talk talk;
    begin_as(&talk, other, "h1.e0.i1", "h2.e3.i1");
    expect_refused(&talk);
    begin(&talk);
    talk.listeners_secret = other;
    expect_refused(&talk);
}

static void test_wrong_identity(void **state) {
    (void)state;
    struct talk talk;
    begin_as(&talk, secret, "h1.e0.i1", "h2.e3.i2"); /* a later life of the same Env was wanted */
    expect_refused(&talk);
    /* The right key, under a name that it was not made for. */
    uint8_t psk[CORPS__SEAL_KEY_BYTES];
    begin(&talk);
    corps__seal_free(talk.client);
    corps__seal_key(secret, label, "h1.e0.i1", "h2.e3.i1", psk);
    assert_ok(corps__seal_client(psk, "h1.e1.i1>h2.e3.i1", &talk.client));
    expect_refused(&talk);
    /* And one that was made for another use. */
    begin(&talk);
    corps__seal_free(talk.client);
    corps__seal_key(secret, "corps agent 1", "h1.e0.i1", "h2.e3.i1", psk);
    assert_ok(corps__seal_client(psk, "h1.e0.i1>h2.e3.i1", &talk.client));
    expect_refused(&talk);
}

/* What a client says, led back to the same process: to the client itself, and to its own listener. */
static void test_reflection(void **state) {
    (void)state;
    struct talk talk;
    begin(&talk);
    uint8_t hello[2048];
    size_t bytes = corps__seal_give(talk.client, hello, sizeof hello);
    assert_int_equal(corps__seal_take(talk.client, hello, bytes), CORPS_ERR_DENIED);
    finish(&talk);
    begin(&talk);
    talk.listeners_name = "h1.e0.i1"; /* the listener of whoever called */
    expect_refused(&talk);
}

/* A session that was recorded, played again to the same listener. */
static void test_replay(void **state) {
    (void)state;
    struct talk first;
    struct talk second;
    begin(&first);
    assert_true(converse(&first));
    begin(&second);
    enum corps_err err = CORPS_OK;
    for (long i = 0; i < first.up.count && err == CORPS_OK; i++) {
        err = corps__seal_take(second.listener, first.up.bytes + i, 1);
    }
    assert_int_equal(err, CORPS_ERR_DENIED);
    assert_false(corps__seal_is_open(second.listener));
    finish(&first);
    finish(&second);
    /* And a record within a session, twice. */
    begin(&second);
    carry_all(&second);
    writes(second.client, "a question");
    uint8_t record[128], got[64];
    size_t bytes = corps__seal_give(second.client, record, sizeof record);
    size_t done;
    assert_ok(corps__seal_take(second.listener, record, bytes));
    assert_ok(corps__seal_take(second.listener, record, bytes));
    assert_ok(corps__seal_read(second.listener, got, sizeof got, &done));
    assert_int_equal(done, 10);
    assert_int_equal(corps__seal_read(second.listener, got, sizeof got, &done), CORPS_ERR_PROTOCOL);
    assert_int_equal(corps__seal_read(second.listener, got, sizeof got, &done), CORPS_ERR_PROTOCOL); /* for good */
    finish(&second);
}

static void test_garbage(void **state) {
    (void)state;
    struct talk talk;
    begin(&talk);
    assert_int_equal(corps__seal_take(talk.listener, (const uint8_t *)"GET / HTTP/1.1\r\n\r\n", 18), CORPS_ERR_DENIED);
    finish(&talk);
    begin(&talk);
    assert_int_equal(corps__seal_take(talk.client, (const uint8_t *)"CRA\1, that proof", 16), CORPS_ERR_DENIED);
    finish(&talk);
}

static void test_names(void **state) {
    (void)state;
    static const uint8_t psk[CORPS__SEAL_KEY_BYTES];
    struct corps__seal *seal = NULL;
    char identity[2 * CORPS__SEAL_NAME_BYTES];
    char longest[CORPS__SEAL_NAME_BYTES + 1];
    memset(longest, 'x', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    assert_false(corps__seal_join(longest, "b", identity));
    assert_false(corps__seal_join("a", "", identity));
    assert_false(corps__seal_join("a>b", "c", identity));
    longest[sizeof longest - 2] = '\0';
    assert_true(corps__seal_join(longest, longest, identity));
    assert_ok(corps__seal_client(psk, identity, &seal));
    corps__seal_free(seal);
    static const char *const bad[] = {"", ">", "a", "a>", ">b", "a>b>c"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(corps__seal_client(psk, bad[i], &seal), CORPS_ERR_INVALID);
    }
    corps__seal_free(NULL);
}

/* ---- the one between ---- */

/* A whole session, whose numbers of bytes the next two tests go through. They are the same each time. */
static void measure(long *up, long *down) {
    struct talk talk;
    begin(&talk);
    assert_true(converse(&talk));
    *up = talk.up.count;
    *down = talk.down.count;
    finish(&talk);
}

/* The version in the header of a first record means nothing (RFC 8446, 5.1), and is the only thing that nobody proves.
 */
static bool means_nothing(long at) {
    return at == 1 || at == 2;
}

static void test_every_byte_counts(void **state) {
    (void)state;
    long count[2];
    measure(&count[0], &count[1]);
    for (int way = 0; way < 2; way++) {
        for (long at = 0; at < count[way]; at++) {
            struct talk talk;
            begin(&talk);
            (way == 0 ? &talk.up : &talk.down)->changed = at;
            if (converse(&talk) && !means_nothing(at)) {
                fail_msg("byte %ld of %ld, %s, was changed and nobody noticed", at, count[way],
                         way == 0 ? "up" : "down");
            }
            finish(&talk);
        }
    }
}

static void test_every_cut_shows(void **state) {
    (void)state;
    long count[2];
    measure(&count[0], &count[1]);
    for (int way = 0; way < 2; way++) {
        for (long at = 0; at < count[way]; at++) {
            struct talk talk;
            begin(&talk);
            (way == 0 ? &talk.up : &talk.down)->limit = at;
            assert_false(converse(&talk));
            struct corps__seal *deprived = way == 0 ? talk.listener : talk.client;
            assert_int_equal(corps__seal_cut(deprived), CORPS_ERR_PROTOCOL);
            finish(&talk);
        }
    }
}

/* Without the module, in a place where it is not found: one line that says what to do. */
static int check_missing(void) {
    if (corps__seal_usable() == CORPS_OK) {
        printf("skipped: libcorps-seal.so is installed here\n");
        return 77;
    }
    bool told = corps__seal_usable() == CORPS_ERR_UNSUPPORTED &&
                strstr(corps_error_detail(), "libcorps-seal.so") != NULL &&
                strstr(corps_error_detail(), "CORPS_SEAL=never") != NULL && corps__seal_library() == NULL;
    printf("%s\n", corps_error_detail());
    return told ? 0 : 1;
}

int main(int argc, char **argv) {
    if (argc == 2 && strcmp(argv[1], "missing") == 0) {
        return check_missing();
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_session),
        cmocka_unit_test(test_nothing_shows),
        cmocka_unit_test(test_much),
        cmocka_unit_test(test_holds),
        cmocka_unit_test(test_wrong_key),
        cmocka_unit_test(test_wrong_identity),
        cmocka_unit_test(test_reflection),
        cmocka_unit_test(test_replay),
        cmocka_unit_test(test_garbage),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_every_byte_counts),
        cmocka_unit_test(test_every_cut_shows),
    };
    return cmocka_run_group_tests_name("seal", tests, NULL, NULL);
}
