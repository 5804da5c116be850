/* HELLO over a link: whoever speaks other versions, or is somebody else, is refused, and both sides can say why.
 * `greetings TRANSPORT [TEST]`. */

#include "stranger.h"

#include "link/known.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

static const struct corps_class nobody = {.name = "Nobody"};
static const struct corps_class *const classes[] = {&nobody, NULL};

/* Says HELLO with these versions, and a key that nobody knows. */
static void greet_as(struct stranger *stranger, int lowest, int highest) {
    struct corps_value versions[] = {corps_int(lowest), corps_int(highest)};
    struct corps_entry entries[] = {{corps_str("later"), corps_array(versions, 2)},
                                    {corps_str("versions"), corps_array(versions, 2)},
                                    {corps_str("corps"), corps_int((int64_t)stranger->greeting.corps_id)},
                                    {corps_str("env"), corps_int(stranger->greeting.env)}};
    const struct corps_value map = corps_map(entries, 4);
    const struct corps_serializer *msgpack;
    struct corps_encoding encoding;
    corps_encoding_init(&encoding);
    assert_ok(corps_serializer_find("msgpack", &msgpack));
    assert_ok(msgpack->encode(&map, &encoding));
    const struct iovec segment = {encoding.stream, encoding.stream_bytes};
    stranger_say(stranger, (struct corps__header){.kind = CORPS__HELLO, .serializer = 1, .segment_count = 1}, NULL,
                 &segment);
    corps_encoding_finish(&encoding);
}

static struct corps *make(struct stranger *stranger) {
    struct corps *corps = make_with((struct corps_options){.env_count = 2});
    stranger_open(stranger, corps);
    return corps;
}

static void end(struct corps *corps, struct stranger *stranger) {
    stranger_close(stranger);
    assert_ok(corps_exit(corps, LONG_NS));
}

/* What a frame holds: the Env's own HELLO. */
static bool is_hello(const struct stranger *stranger) {
    return stranger->kind == CORPS__HELLO && stranger->frame[2] == CORPS__WIRE_VERSION &&
           memmem(stranger->frame, stranger->frame_bytes, "versions", 8) != NULL;
}

static void test_answered(void **state) {
    (void)state;
    struct stranger stranger;
    struct corps *corps = make(&stranger);
    for (int highest = CORPS__WIRE_VERSION; highest < (int)CORPS__WIRE_VERSION + 3; highest++) {
        stranger_meet(&stranger, corps, 1);
        greet_as(&stranger, 0, highest);
        stranger.kind = 0;
        stranger_say(&stranger, (struct corps__header){.kind = CORPS__REQUEST, .flags = CORPS__NIL_PAYLOAD}, "nothing",
                     NULL);
        stranger_listen(&stranger);
        assert_non_null(stranger.link);
        assert_true(stranger.greeted);
        assert_int_equal(stranger.kind, CORPS__FAILURE); /* to the request: there is no such method */
    }
    end(corps, &stranger);
}

static void test_other_versions(void **state) {
    (void)state;
    struct stranger stranger;
    struct corps *corps = make(&stranger);
    static const int versions[][2] = {{CORPS__WIRE_VERSION + 1, CORPS__WIRE_VERSION + 2}, {0, CORPS__WIRE_VERSION - 1}};
    for (unsigned i = 0; i < 2; i++) {
        stranger_meet(&stranger, corps, 0);
        greet_as(&stranger, versions[i][0], versions[i][1]);
        stranger_listen(&stranger);
        assert_null(stranger.link);
        assert_true(stranger.greeted); /* it was told before */
        assert_true(is_hello(&stranger));
    }
    end(corps, &stranger);
}

/* An older program: its frames have another version, and are not read any further. */
static void test_older_frames(void **state) {
    (void)state;
    struct stranger stranger;
    struct corps *corps = make(&stranger);
    uint8_t frame[CORPS__HEADER_BYTES] = {'C', 'R', CORPS__WIRE_VERSION - 1, CORPS__HELLO, CORPS__NIL_PAYLOAD};
    stranger_meet(&stranger, corps, 0);
    struct iovec part = {frame, sizeof frame};
    const struct corps_parcel parcel = {.segments = &part, .segment_count = 1, .bytes = sizeof frame};
    assert_ok(stranger.transport->send(stranger.link, &parcel, 0));
    stranger_listen(&stranger);
    assert_null(stranger.link);
    assert_true(is_hello(&stranger));
    end(corps, &stranger);
}

static void test_first_and_once(void **state) {
    (void)state;
    struct stranger stranger;
    struct corps *corps = make(&stranger);
    stranger_meet(&stranger, corps, 0);
    stranger_say(&stranger, (struct corps__header){.kind = CORPS__REQUEST, .flags = CORPS__NIL_PAYLOAD}, "create",
                 NULL);
    stranger_listen(&stranger);
    assert_null(stranger.link);
    stranger_connect(&stranger, corps, 0);
    stranger_greet(&stranger);
    stranger_listen(&stranger);
    assert_null(stranger.link);
    end(corps, &stranger);
}

/* ---- from the one that is called ---- */

struct answerer {
    struct stranger stranger;
    int lowest, highest;
    _Atomic bool stop;
};

static void *answer(void *arg) {
    struct answerer *answerer = arg;
    bool greeted = false;
    while (!atomic_load(&answerer->stop)) {
        (void)stranger_look(&answerer->stranger);
        if (answerer->stranger.link != NULL && !greeted) {
            greeted = true;
            greet_as(&answerer->stranger, answerer->lowest, answerer->highest);
        }
        usleep(1000);
    }
    return NULL;
}

/* Calls Env 1 at a stranger's, who says HELLO like this. */
static void call_answered(int lowest, int highest, uint32_t env, enum corps_err expected, const char *text) {
    struct answerer answerer = {.lowest = lowest, .highest = highest};
    struct corps *corps = make(&answerer.stranger);
    answerer.stranger.silent = true;
    answerer.stranger.greeting = (struct corps__greeting){corps->id, env};
    snprintf(corps->envs[1].address, sizeof corps->envs[1].address, "%s", answerer.stranger.address);
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, answer, &answerer), 0);
    struct corps_name *name = NULL;
    const uint8_t fixed[16] = {[8] = 1, [12] = 1};
    uint8_t address[20];
    memcpy(address, fixed, sizeof fixed);
    const uint64_t id = htole64(corps->id);
    memcpy(address, &id, sizeof id);
    memcpy(address + 16, "Name", 4);
    assert_ok(corps_name_decode(address, sizeof address, &name));
    const struct corps_value nil = corps_nil();
    struct corps_future *future = NULL; /* the refusal may come before the request is sent */
    enum corps_err err = corps_call(name, "any", &nil, NULL, &future);
    err = err == CORPS_OK ? corps_future_wait(future, LONG_NS, NULL) : err;
    assert_int_equal(err, expected);
    assert_non_null(strstr(corps_error_detail(), text));
    corps_future_destroy(future);
    corps_name_unref(name);
    atomic_store(&answerer.stop, true);
    pthread_join(thread, NULL);
    end(corps, &answerer.stranger);
}

static void test_called_side(void **state) {
    (void)state;
    call_answered(5, 6, 1, CORPS_ERR_VERSION, "wire versions 5 to 6, this program version 4");
    call_answered(1, 3, 1, CORPS_ERR_VERSION, "wire versions 1 to 3, this program version 4");
    call_answered(4, 4, 0, CORPS_ERR_PROTOCOL, "whoever listens at the address of Env 1");
}

int main(int argc, char **argv) {
    int status = test_start(argc, argv, classes);
    if (status != 0) {
        return status;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answered),     cmocka_unit_test(test_other_versions),
        cmocka_unit_test(test_older_frames), cmocka_unit_test(test_first_and_once),
        cmocka_unit_test(test_called_side),
    };
    return cmocka_run_group_tests_name("greetings", tests, NULL, NULL);
}
