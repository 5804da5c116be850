/* Who chooses the serializer: the Corps, not the peer. `accepts TRANSPORT [TEST]`. A peer that knows the secret of a
 * Corps made with msgpack sends pickles that would make a file, in every kind of frame that holds a value. */

#include "actor/conc.h"
#include "link/known.h"
#include "python_wire.h"
#include "stranger.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

enum { MSGPACK = 1, PICKLE = 2, UNKNOWN = 77, CONC = CORPS__FRONT_CONC };

static char marker[64]; /* the file that a loaded pickle makes */

/* ---- what is asked ---- */

static const struct corps_method methods[] = {{"echo", method_echo}, {NULL, NULL}};
static const struct corps_class echo_class = {.name = "Echo", .methods = methods};
static const struct corps_class *const classes[] = {&echo_class, NULL};

/* What the Python serializers write, of a pickle that runs os.mkdir(marker). */
static struct iovec evil(void) {
    static uint8_t bytes[256];
    char pickle[128];
    int length = snprintf(pickle, sizeof pickle, "cos\nmkdir\n(S'%s'\ntR.", marker);
    struct corps__python_head head = {htole32((uint32_t)length), 0,
                                      htole64(corps__python_checksum(pickle, (size_t)length))};
    memcpy(bytes, &head, sizeof head);
    memcpy(bytes + sizeof head, pickle, (size_t)length);
    return (struct iovec){bytes, sizeof head + (size_t)length};
}

static void assert_nothing_ran(struct corps_name *name) {
    const struct corps_value *result;
    struct corps_future *future = ask(name, "echo", corps_int(42), &result);
    assert_int_equal(result->integer, 42);
    corps_future_destroy(future);
    assert_int_not_equal(access(marker, F_OK), 0);
}

/* A Corps of two Envs whose front is an Echo, and a stranger to it. */
static struct corps *make(struct stranger *stranger) {
    struct corps *corps = NULL;
    const struct corps_options options = {.env_count = 2, .serializer = "msgpack"};
    snprintf(marker, sizeof marker, "/tmp/corps-accepts-%d", getpid());
    assert_ok(corps_create("Echo", NULL, &options, &corps));
    stranger_open(stranger, corps);
    return corps;
}

static void end(struct corps *corps, struct stranger *stranger) {
    stranger_close(stranger);
    assert_ok(corps_exit(corps, LONG_NS));
    assert_int_not_equal(access(marker, F_OK), 0);
}

static bool frame_holds(const struct stranger *stranger, const char *text) {
    return memmem(stranger->frame, stranger->frame_bytes, text, strlen(text)) != NULL;
}

static void assert_refused(struct stranger *stranger) {
    stranger_listen(stranger);
    assert_non_null(stranger->link);
    assert_int_equal(stranger->kind, CORPS__FAILURE);
    assert_true(frame_holds(stranger, "a message came in serializer number"));
}

static void assert_closed(struct stranger *stranger) {
    stranger_listen(stranger);
    assert_null(stranger->link);
}

/* ---- from a caller ---- */

static void test_requests(void **state) {
    (void)state;
    struct stranger stranger;
    struct corps *corps = make(&stranger);
    const struct iovec pickle = evil();
    stranger_connect(&stranger, corps, 0);
    static const uint8_t numbers[] = {PICKLE, 3, 4, 5, UNKNOWN};
    for (unsigned i = 0; i < sizeof numbers; i++) {
        struct corps__header header = {
            .kind = CORPS__REQUEST, .serializer = numbers[i], .segment_count = 1, .id = i, .destination = CONC};
        stranger_say(&stranger, header, "echo", &pickle);
        assert_refused(&stranger);
        header.flags = CORPS__NIL_PAYLOAD; /* nothing to load, but the reply would go in it */
        header.segment_count = 0;
        stranger_say(&stranger, header, "echo", NULL);
        assert_refused(&stranger);
        header = (struct corps__header){.kind = CORPS__REQUEST,
                                        .serializer = numbers[i],
                                        .segment_count = 1,
                                        .flags = CORPS__NO_REPLY,
                                        .destination = CONC};
        stranger_say(&stranger, header, "echo", &pickle);
    }
    assert_nothing_ran(corps_front(corps));
    end(corps, &stranger);
}

static void test_batch(void **state) {
    (void)state;
    struct stranger stranger;
    struct corps *corps = make(&stranger);
    const struct iovec pickle = evil();
    uint8_t entry[CORPS__ENTRY_BYTES + 256];
    stranger_connect(&stranger, corps, 0);
    const struct corps__header names = {.kind = CORPS__REQUEST,
                                        .serializer = MSGPACK,
                                        .flags = CORPS__NIL_PAYLOAD | CORPS__NO_REPLY,
                                        .destination = CONC};
    stranger_say(&stranger, names, "echo", NULL);
    const struct corps__header header = {
        .kind = CORPS__REQUEST, .flags = CORPS__NO_REPLY, .serializer = PICKLE, .destination = CONC};
    corps__wire_write_entry(&header, (uint32_t)pickle.iov_len, entry);
    memcpy(entry + CORPS__ENTRY_BYTES, pickle.iov_base, pickle.iov_len);
    const struct iovec batch = {entry, CORPS__ENTRY_BYTES + pickle.iov_len};
    stranger_say(&stranger, (struct corps__header){.kind = CORPS__BATCH, .segment_count = 1, .id = 1}, NULL, &batch);
    struct corps__header last = names;
    last.flags = CORPS__NIL_PAYLOAD;
    stranger_say(&stranger, last, NULL, NULL); /* its reply comes after all that */
    stranger_listen(&stranger);
    assert_int_equal(stranger.kind, CORPS__REPLY);
    assert_nothing_ran(corps_front(corps));
    end(corps, &stranger);
}

/* What creating carries, inside a request that is msgpack. */
static void test_creating(void **state) {
    (void)state;
    struct stranger stranger;
    struct corps *corps = make(&stranger);
    const struct iovec pickle = evil();
    const struct corps_serializer *msgpack;
    struct corps_encoding encoding;
    corps_encoding_init(&encoding);
    assert_ok(corps_serializer_find("msgpack", &msgpack));
    struct corps_value items[] = {corps_str("Echo"), corps_int(1), corps_nil(), corps_int(PICKLE),
                                  corps_bin(pickle.iov_base, pickle.iov_len)};
    const struct corps_value order = corps_array(items, 5);
    assert_ok(msgpack->encode(&order, &encoding));
    const struct iovec segment = {encoding.stream, encoding.stream_bytes};
    stranger_connect(&stranger, corps, 0);
    stranger_say(&stranger,
                 (struct corps__header){
                     .kind = CORPS__REQUEST, .serializer = MSGPACK, .segment_count = 1, .destination = CORPS__MANAGER},
                 "create", &segment);
    assert_refused(&stranger);
    corps_encoding_finish(&encoding);
    assert_nothing_ran(corps_front(corps));
    end(corps, &stranger);
}

static void test_control_frames(void **state) {
    (void)state;
    struct stranger stranger;
    struct corps *corps = make(&stranger);
    const struct iovec pickle = evil();
    stranger_meet(&stranger, corps, 0);
    stranger_say(&stranger, (struct corps__header){.kind = CORPS__HELLO, .serializer = PICKLE, .segment_count = 1},
                 NULL, &pickle);
    assert_closed(&stranger);
    static const uint8_t kinds[] = {CORPS__FAILURE, CORPS__PROBE};
    for (unsigned i = 0; i < sizeof kinds; i++) {
        stranger_connect(&stranger, corps, 0);
        stranger_say(&stranger,
                     (struct corps__header){.kind = kinds[i], .serializer = PICKLE, .segment_count = 1, .id = 1}, NULL,
                     &pickle);
        assert_closed(&stranger);
    }
    stranger_connect(&stranger, corps, 0);
    uint8_t key[CORPS_DEFINITION_KEY_BYTES] = "0123456789abcde";
    const struct iovec definition[] = {{key, sizeof key}, {key, 4}};
    stranger_say(&stranger, (struct corps__header){.kind = CORPS__DEFINE, .segment_count = 2}, NULL, definition);
    assert_closed(&stranger);
    assert_nothing_ran(corps_front(corps));
    end(corps, &stranger);
}

/* ---- from the one that is called ---- */

/* An Env that answers every request alike. */
struct answerer {
    struct stranger stranger;
    struct corps__header header;
    struct iovec segment;
    _Atomic bool stop;
};

static void *answer(void *arg) {
    struct answerer *answerer = arg;
    while (!atomic_load(&answerer->stop)) {
        struct stranger *stranger = &answerer->stranger;
        if (stranger_look(stranger) && stranger->link != NULL && stranger->kind == CORPS__REQUEST) {
            memcpy(&answerer->header.id, stranger->frame + 8, sizeof answerer->header.id); /* little-endian both */
            answerer->header.id = le64toh(answerer->header.id);
            stranger_say(stranger, answerer->header, NULL, &answerer->segment);
        }
        usleep(1000);
    }
    return NULL;
}

/* Calls an Env that answers with this frame: the error, and the failure's info. */
static void call_answered(uint8_t kind, uint8_t serializer, struct iovec segment, enum corps_err expected) {
    struct answerer answerer = {.header = {.kind = kind, .serializer = serializer, .segment_count = 1},
                                .segment = segment};
    struct corps *corps = make(&answerer.stranger);
    answerer.stranger.greeting = (struct corps__greeting){.corps_id = corps->id, .env = 1};
    snprintf(corps->envs[1].address, sizeof corps->envs[1].address, "%s", answerer.stranger.address);
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, answer, &answerer), 0);
    uint8_t address[CORPS_NAME_BYTES_MAX];
    size_t bytes;
    struct corps_name *name;
    assert_ok(corps_name_encode(corps_front(corps), address, &bytes));
    address[8] = 1; /* the Env */
    assert_ok(corps_name_decode(address, bytes, &name));
    struct corps_future *future = begin(name, "echo", corps_int(1));
    assert_int_equal(corps_future_wait(future, LONG_NS, NULL), expected);
    assert_false(corps_future_error(future)->detail_trusted);
    corps_future_destroy(future);
    corps_name_unref(name);
    atomic_store(&answerer.stop, true);
    pthread_join(thread, NULL);
    assert_nothing_ran(corps_front(corps));
    end(corps, &answerer.stranger);
}

static void test_replies(void **state) {
    (void)state;
    snprintf(marker, sizeof marker, "/tmp/corps-accepts-%d", getpid());
    call_answered(CORPS__REPLY, PICKLE, evil(), CORPS_ERR_DENIED);
    call_answered(CORPS__FAILURE, PICKLE, evil(), CORPS_ERR_PROTOCOL);
}

/* A failure of another language's Worker carries bytes: they come, and are not for loading. */
static void test_detail_is_not_trusted(void **state) {
    (void)state;
    snprintf(marker, sizeof marker, "/tmp/corps-accepts-%d", getpid());
    const struct iovec pickle = evil();
    struct corps_value items[] = {corps_int(CORPS_ERR_REMOTE),
                                  corps_str("T"),
                                  corps_str("text"),
                                  corps_str(""),
                                  corps_str(""),
                                  corps_bin(pickle.iov_base, pickle.iov_len)};
    const struct corps_value failure = corps_array(items, 6);
    const struct corps_serializer *msgpack;
    struct corps_encoding encoding;
    corps_encoding_init(&encoding);
    assert_ok(corps_serializer_find("msgpack", &msgpack));
    assert_ok(msgpack->encode(&failure, &encoding));
    call_answered(CORPS__FAILURE, MSGPACK, (struct iovec){encoding.stream, encoding.stream_bytes}, CORPS_ERR_REMOTE);
    corps_encoding_finish(&encoding);
}

/* ---- at the sender ---- */

static void test_own_choice(void **state) {
    (void)state;
    struct stranger stranger;
    struct corps *corps = make(&stranger);
    struct corps_future *future;
    const struct corps_value args = corps_bin("x", 1);
    struct corps_call_options options = {.serializer = "pickle"};
    assert_int_equal(corps_call(corps_front(corps), "echo", &args, &options, &future), CORPS_ERR_DENIED);
    assert_non_null(strstr(corps_error_detail(), "runs code when it loads"));
    for (unsigned i = 0; i < 2; i++) {
        options.serializer = i == 0 ? "none" : "msgpack";
        assert_ok(corps_call(corps_front(corps), "echo", &args, &options, &future));
        assert_ok(corps_future_wait(future, LONG_NS, NULL));
        corps_future_destroy(future);
    }
    end(corps, &stranger);
}

int main(int argc, char **argv) {
    int status = test_start(argc, argv, classes);
    if (status != 0) {
        return status;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_requests),   cmocka_unit_test(test_batch),
        cmocka_unit_test(test_creating),   cmocka_unit_test(test_control_frames),
        cmocka_unit_test(test_replies),    cmocka_unit_test(test_detail_is_not_trusted),
        cmocka_unit_test(test_own_choice),
    };
    return cmocka_run_group_tests_name("accepts", tests, NULL, NULL);
}
