/* HELLO over a link: whoever speaks other versions, or is somebody else, is refused, and both sides can say why.
 * `greetings TRANSPORT [TEST]`. */

#include "stranger.h"

#include "base/clock.h"
#include "link/known.h"
#include "link/rows.h"
#include "wait/wait.h"

#include <pthread.h>
#include <signal.h>
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
                                    {corps_str("env"), corps_int(stranger->greeting.env)},
                                    {corps_str("incarnation"), corps_int((int64_t)stranger->greeting.incarnation)},
                                    {corps_str("wanted"), corps_int((int64_t)stranger->greeting.wanted)}};
    const struct corps_value map = corps_map(entries, 6);
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

/* ---- incarnations, from the one that calls ---- */

/* Greets Env `env` like this, and asks it for something. True: it answers; false: it has closed the link. */
static bool is_taken(struct stranger *stranger, struct corps *corps, unsigned env, struct corps__greeting greeting) {
    stranger->greeting = greeting;
    stranger_connect(stranger, corps, env);
    stranger->kind = 0;
    stranger_say(stranger, (struct corps__header){.kind = CORPS__REQUEST, .flags = CORPS__NIL_PAYLOAD}, "nothing",
                 NULL);
    stranger_listen(stranger);
    assert_true(stranger->greeted); /* whoever is refused hears whom it has met */
    assert_true(stranger->link == NULL || stranger->kind == CORPS__FAILURE);
    return stranger->link != NULL;
}

/* Ends the process of an Env, and waits until another one serves. */
static void replace(struct corps *corps, unsigned env) {
    const int pid = corps_env_pid(corps, env);
    assert_int_equal(kill(pid, SIGKILL), 0);
    const int64_t until = corps__now_ns() + LONG_NS;
    while (corps_env_pid(corps, env) == pid || corps_env_pid(corps, env) == 0) {
        struct corps_name *name = NULL; /* who waits for Corps takes its news */
        (void)!corps_create_concs(corps, "Nobody", NULL, CORPS_ENV_ID(env), 1, &name);
        corps_name_unref(name);
        assert_true(corps__now_ns() < until);
    }
}

static void test_incarnations_of_a_caller(void **state) {
    (void)state;
    struct corps *corps = make_with(
        (struct corps_options){.env_count = 2, .restart = CORPS_RESTART_ON_FAILURE, .intensity = 50, .backoff_ns = 1});
    struct stranger stranger;
    stranger_open(&stranger, corps);
    const uint64_t id = corps->id;
    const struct corps__greeting guest = {.corps_id = 7, .env = CORPS__GUEST_ENV};
    struct corps__greeting it = guest;
    for (it.wanted = 0; it.wanted < 4; it.wanted++) {
        assert_int_equal(is_taken(&stranger, corps, 1, it), it.wanted <= 1); /* 0: it does not say */
    }
    assert_true(is_taken(&stranger, corps, 0,
                         (struct corps__greeting){.corps_id = id, .env = 1, .incarnation = 1, .wanted = 1}));
    replace(corps, 1);
    for (it.wanted = 0; it.wanted < 4; it.wanted++) {
        assert_int_equal(is_taken(&stranger, corps, 1, it), it.wanted == 0 || it.wanted == 2);
    }
    /* To others: one that was replaced is refused. One that they have not heard of may be before the news. */
    assert_false(is_taken(&stranger, corps, 0,
                          (struct corps__greeting){.corps_id = id, .env = 1, .incarnation = 1, .wanted = 1}));
    assert_true(is_taken(&stranger, corps, 0,
                         (struct corps__greeting){.corps_id = id, .env = 1, .incarnation = 3, .wanted = 1}));
    assert_true(is_taken(
        &stranger, corps, 0,
        (struct corps__greeting){.corps_id = id + 1, .env = 1, .incarnation = 1, .wanted = 1})); /* of another Corps */
    assert_true(is_taken(&stranger, corps, 0,
                         (struct corps__greeting){.corps_id = id, .env = 1, .incarnation = 2, .wanted = 1}));
    /* … whose link is closed when it is replaced, though it lives. */
    replace(corps, 1);
    stranger_listen(&stranger);
    assert_null(stranger.link);
    stranger_close(&stranger);
    assert_ok(corps_exit(corps, LONG_NS));
}

/* ---- from the one that is called ---- */

struct answerer {
    struct stranger stranger;
    int lowest, highest;
    _Atomic bool stop;
    _Atomic bool asked;       /* a request came */
    _Atomic unsigned greeted; /* so often has somebody connected, and was greeted */
};

static void *answer(void *arg) {
    struct answerer *answerer = arg;
    const struct corps_link *greeted = NULL; /* another one may be accepted before the last one's end is seen */
    while (!atomic_load(&answerer->stop)) {
        (void)stranger_look(&answerer->stranger);
        if (answerer->stranger.link == NULL) {
            greeted = NULL;
        } else if (answerer->stranger.link != greeted) {
            greeted = answerer->stranger.link;
            greet_as(&answerer->stranger, answerer->lowest, answerer->highest);
            atomic_fetch_add(&answerer->greeted, 1);
        }
        if (answerer->stranger.kind == CORPS__REQUEST) {
            atomic_store(&answerer->asked, true);
        }
        usleep(1000);
    }
    return NULL;
}

/* The stranger listens in the place of Env 1, and says HELLO like this from now on. */
static struct corps *answer_as(struct answerer *answerer, int lowest, int highest, uint32_t env, uint64_t incarnation,
                               pthread_t *thread) {
    *answerer = (struct answerer){.lowest = lowest, .highest = highest};
    struct corps *corps = make(&answerer->stranger);
    answerer->stranger.silent = true;
    answerer->stranger.greeting =
        (struct corps__greeting){.corps_id = corps->id, .env = env, .incarnation = incarnation};
    snprintf(corps->envs[1].address, sizeof corps->envs[1].address, "%s", answerer->stranger.address);
    assert_int_equal(pthread_create(thread, NULL, answer, answerer), 0);
    return corps;
}

static void stop_answering(struct answerer *answerer, pthread_t thread, struct corps *corps) {
    atomic_store(&answerer->stop, true);
    pthread_join(thread, NULL);
    end(corps, &answerer->stranger);
}

static struct corps_name *name_in_env_1(const struct corps *corps) {
    struct corps_name *name = NULL;
    const uint8_t fixed[16] = {[8] = 1, [12] = 1};
    uint8_t address[20];
    memcpy(address, fixed, sizeof fixed);
    const uint64_t id = htole64(corps->id);
    memcpy(address, &id, sizeof id);
    memcpy(address + 16, "Name", 4);
    assert_ok(corps_name_decode(address, sizeof address, &name));
    return name;
}

/* Calls Env 1 at a stranger's, who says HELLO like this: nothing is ever sent there, and the call says why. */
static void call_answered(int lowest, int highest, uint32_t env, uint64_t incarnation, enum corps_err expected,
                          const char *text) {
    struct answerer answerer;
    pthread_t thread;
    struct corps *corps = answer_as(&answerer, lowest, highest, env, incarnation, &thread);
    struct corps_name *name = name_in_env_1(corps);
    const struct corps_value nil = corps_nil();
    struct corps_future *future = NULL;
    assert_int_equal(corps_call(name, "any", &nil, NULL, &future), expected);
    assert_non_null(strstr(corps_error_detail(), text));
    assert_false(atomic_load(&answerer.asked));
    corps_name_unref(name);
    stop_answering(&answerer, thread, corps);
}

static void test_called_side(void **state) {
    (void)state;
    call_answered(5, 6, 1, 1, CORPS_ERR_VERSION, "wire versions 5 to 6, this program version 4");
    call_answered(1, 3, 1, 1, CORPS_ERR_VERSION, "wire versions 1 to 3, this program version 4");
    call_answered(4, 4, 0, 1, CORPS_ERR_PROTOCOL, "whoever listens at the address of Env 1");
}

/* Env 1 as somebody tells of it: another process, of this incarnation, at the same address. */
struct news {
    struct corps *corps;
    uint64_t incarnation;
};

static enum corps_err tell_news(void *arg) {
    const struct news *news = arg;
    struct corps_value row[] = {corps_int(CORPS__ENV_UP),
                                corps_int((int64_t)news->incarnation),
                                corps_str(news->corps->envs[1].address),
                                corps_str(""),
                                corps_int(getpid()),
                                corps_str("")};
    const struct corps_value items = corps_array(row, 6);
    return corps__row_take(news->corps, 1, &items);
}

/* Whoever is not the process that was meant gets no call; without news of another one the call ends, and says it. */
static void test_incarnations_of_the_called(void **state) {
    (void)state;
    call_answered(4, 4, 1, 2, CORPS_ERR_WORKER_LOST, "incarnation 2 by now, and 1 was called");
    struct answerer answerer;
    pthread_t thread;
    struct corps *corps = answer_as(&answerer, 4, 4, 1, 1, &thread);
    struct news news = {corps, 3};
    assert_ok(corps__with_lead(tell_news, &news)); /* and an old one listens there */
    struct corps_name *name = name_in_env_1(corps);
    const struct corps_value nil = corps_nil();
    struct corps_future *future = NULL;
    assert_int_equal(corps_call(name, "any", &nil, NULL, &future), CORPS_ERR_WORKER_LOST);
    assert_non_null(strstr(corps_error_detail(), "incarnation 1 by now, and 3 was called"));
    assert_false(atomic_load(&answerer.asked));
    corps_name_unref(name);
    stop_answering(&answerer, thread, corps);
}

struct caller {
    struct corps_name *name;
    struct corps_future *future;
    enum corps_err err;
};

static void *call_any(void *arg) {
    struct caller *caller = arg;
    const struct corps_value nil = corps_nil();
    caller->err = corps_call(caller->name, "any", &nil, NULL, &caller->future);
    if (caller->err != CORPS_OK) {
        fprintf(stderr, "%s: %s\n", corps_error_name(caller->err), corps_error_detail());
    }
    return NULL;
}

/* The news comes after the call has met another process: it looks again, and is sent there. */
static void test_called_again_after_news(void **state) {
    (void)state;
    struct answerer answerer;
    pthread_t thread, calling;
    struct corps *corps = answer_as(&answerer, 4, 4, 1, 2, &thread);
    struct corps_name *name = name_in_env_1(corps);
    struct caller caller = {.name = name};
    assert_int_equal(pthread_create(&calling, NULL, call_any, &caller), 0);
    while (atomic_load(&answerer.greeted) == 0) { /* the caller has met the new process before the news */
        usleep(1000);
    }
    struct news news = {corps, 2};
    assert_ok(corps__with_lead(tell_news, &news));
    pthread_join(calling, NULL);
    assert_int_equal(caller.err, CORPS_OK);
    const int64_t until = corps__now_ns() + LONG_NS;
    while (!atomic_load(&answerer.asked) && corps__now_ns() < until) {
        usleep(1000);
    }
    assert_true(atomic_load(&answerer.asked));
    assert_int_equal(atomic_load(&answerer.greeted), 2);
    corps_future_destroy(caller.future);
    corps_name_unref(name);
    stop_answering(&answerer, thread, corps);
}

int main(int argc, char **argv) {
    int status = test_start(argc, argv, classes);
    if (status != 0) {
        return status;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answered),
        cmocka_unit_test(test_other_versions),
        cmocka_unit_test(test_older_frames),
        cmocka_unit_test(test_first_and_once),
        cmocka_unit_test(test_called_side),
        cmocka_unit_test(test_incarnations_of_a_caller),
        cmocka_unit_test(test_incarnations_of_the_called),
        cmocka_unit_test(test_called_again_after_news),
    };
    return cmocka_run_group_tests_name("greetings", tests, NULL, NULL);
}
