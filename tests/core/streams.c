/* Streams of requests without reply, which the core sends in batches: `streams TRANSPORT [TEST]`. Between Concs of one
 * Env and of two: nothing lost, nothing twice, in order, and like any other request for the method that gets it. */

#include "gate.h"

#include <signal.h>
#include <string.h>
#include <time.h>

enum { SOURCES = 4, KEPT = 64, LARGE_BYTES = 5000 };

static unsigned envs; /* 1 with transport queue */

/* ---- the receiver ---- */

struct sink {
    int64_t next[SOURCES];
    int64_t count;
    bool broken;
    char what[200];
    struct corps_box *kept[KEPT];
    const struct corps_value *args[KEPT];
    unsigned kept_count;
    struct corps_request *held;
    int64_t causes; /* see `cause` */
};

static void blame(struct sink *sink, const char *what, int64_t number) {
    if (!sink->broken) {
        snprintf(sink->what, sizeof sink->what, "%s at %lld of %lld", what, (long long)number, (long long)sink->count);
    }
    sink->broken = true;
}

/* What request `number` of a stream carries beside its number: every kind, from nothing to more than a batch holds. */
static size_t content_bytes(int64_t number) {
    return number % 97 == 96 ? LARGE_BYTES : number % 31 == 30 ? 600 : (size_t)(number % 7) * 13;
}

static bool content_is_right(const struct corps_value *content, int64_t number) {
    if (content == NULL || content->kind != CORPS_BIN || content->count != content_bytes(number)) {
        return false;
    }
    for (size_t i = 0; i < content->count; i++) {
        if (content->bin[i] != (uint8_t)(number + (int64_t)i)) {
            return false;
        }
    }
    return true;
}

static bool is_right(const struct corps_value *args, int64_t *source, int64_t *number) {
    if (args->kind != CORPS_ARRAY || args->count != 3) {
        return false;
    }
    *source = corps_value_item(args, 0)->integer;
    *number = corps_value_item(args, 1)->integer;
    return *source >= 0 && *source < SOURCES && content_is_right(corps_value_item(args, 2), *number);
}

static enum corps_err sink_take(struct corps_context *context, void *self, const struct corps_value *args,
                                struct corps_value *result) {
    (void)result;
    struct sink *sink = self;
    int64_t source = 0, number = 0;
    if (!is_right(args, &source, &number)) {
        blame(sink, "not what was sent", number);
    } else if (number != sink->next[source]) {
        blame(sink, "out of order", number);
    } else {
        sink->next[source]++;
    }
    if (strcmp(corps_context_method(context), "take") != 0) {
        blame(sink, "another method", number);
    }
    sink->count++;
    return CORPS_OK;
}

static enum corps_err sink_count(struct corps_context *context, void *self, const struct corps_value *args,
                                 struct corps_value *result) {
    (void)context;
    (void)args;
    (void)result;
    ((struct sink *)self)->count++;
    return CORPS_OK;
}

/* Keeps its argument beyond the method. */
static enum corps_err sink_keep(struct corps_context *context, void *self, const struct corps_value *args,
                                struct corps_value *result) {
    (void)result;
    struct sink *sink = self;
    if (sink->kept_count < KEPT) {
        sink->kept[sink->kept_count] = corps_context_box(context);
        sink->args[sink->kept_count++] = args;
    }
    sink->count++;
    return CORPS_OK;
}

static enum corps_err sink_check_kept(struct corps_context *context, void *self, const struct corps_value *args,
                                      struct corps_value *result) {
    (void)args;
    struct sink *sink = self;
    for (unsigned i = 0; i < sink->kept_count; i++) {
        int64_t source, number;
        if (sink->kept[i] == NULL || !is_right(sink->args[i], &source, &number) || number != i ||
            !is_right(corps_value_open(corps_box_root(sink->kept[i])), &source, &number) || number != i) {
            return corps_fail(context, "Changed", "argument %u is not what it was", i);
        }
        corps_box_unref(sink->kept[i]);
    }
    *result = corps_int(sink->kept_count);
    sink->kept_count = 0;
    return CORPS_OK;
}

static enum corps_err sink_hold(struct corps_context *context, void *self, const struct corps_value *args,
                                struct corps_value *result) {
    (void)result;
    struct sink *sink = self;
    sink->count++;
    if (sink->held != NULL) {
        (void)corps_request_reply(sink->held, NULL); /* nobody waits for it: it only ends */
    }
    sink->held = corps_request_hold(context);
    sink->args[0] = args;
    return sink->held != NULL ? CORPS_ERR_PENDING : CORPS_ERR_NO_MEMORY;
}

static enum corps_err sink_let_go(struct corps_context *context, void *self, const struct corps_value *args,
                                  struct corps_value *result) {
    (void)context;
    (void)args;
    struct sink *sink = self;
    *result = corps_bool(sink->args[0]->count == 3 && corps_value_item(sink->args[0], 2)->kind == CORPS_BIN);
    enum corps_err err = corps_request_fail(sink->held, "Over", "a held request of a stream, failed on purpose");
    sink->held = NULL;
    return err;
}

static enum corps_err sink_fail_some(struct corps_context *context, void *self, const struct corps_value *args,
                                     struct corps_value *result) {
    (void)result;
    struct sink *sink = self;
    sink->count++;
    return corps_value_item(args, 1)->integer % 50 == 49 ? corps_fail(context, "Some", "failed on purpose") : CORPS_OK;
}

/* Expects its calls to come in the order of their causes. */
static enum corps_err sink_cause(struct corps_context *context, void *self, const struct corps_value *args,
                                 struct corps_value *result) {
    (void)context;
    (void)result;
    struct sink *sink = self;
    if (args->kind != CORPS_INT || args->integer != sink->causes) {
        blame(sink, "before its cause", args->integer);
    }
    sink->causes++;
    sink->count++;
    return CORPS_OK;
}

/* How many have come. */
static enum corps_err sink_report(struct corps_context *context, void *self, const struct corps_value *args,
                                  struct corps_value *result) {
    (void)args;
    struct sink *sink = self;
    *result = corps_int(sink->count);
    return sink->broken ? corps_fail(context, "Broken", "%s", sink->what) : CORPS_OK;
}

/* ---- the sender ---- */

static uint8_t bytes[LARGE_BYTES + 256];

/* Before any thread sends. */
static void fill_bytes(void) {
    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] = (uint8_t)i;
    }
}

static enum corps_err send_number(const struct corps_name *to, const char *method, int64_t source, int64_t number,
                                  const struct corps_call_options *options) {
    struct corps_value items[3] = {corps_int(source), corps_int(number),
                                   corps_bin(bytes + (number & 255), content_bytes(number))};
    struct corps_value args = corps_array(items, 3);
    return corps_send(to, method, &args, options);
}

/* [sink, source, count, method, timeout in ms, flags, end]: gives how many were sent; then sends `end` without a wait.
 */
static enum corps_err source_stream(struct corps_context *context, void *self, const struct corps_value *args,
                                    struct corps_value *result) {
    (void)self;
    const struct corps_name *sink = corps_value_item(args, 0)->name;
    int64_t source = corps_value_item(args, 1)->integer, count = corps_value_item(args, 2)->integer;
    char method[32];
    snprintf(method, sizeof method, "%.*s", (int)corps_value_item(args, 3)->count, corps_value_item(args, 3)->str);
    const struct corps_call_options options = {.timeout_ns = corps_value_item(args, 4)->integer * 1000000,
                                               .flags = (unsigned)corps_value_item(args, 5)->integer};
    bool usual = options.timeout_ns == 0 && options.flags == 0; /* then they may go by a shorter way */
    int64_t sent = 0;
    for (int64_t i = 0; i < count; i++) {
        enum corps_err err = send_number(sink, method, source, i, usual ? NULL : &options);
        if (err != CORPS_OK && !(err == CORPS_ERR_FULL && options.flags != 0)) {
            return corps_fail(context, corps_error_name(err), "request %lld: %s", (long long)i, corps_error_detail());
        }
        sent += err == CORPS_OK;
        if (i % 1000 == 999) { /* something with a reply in between must neither pass nor be passed */
            struct corps_future *future;
            err = corps_call(sink, "report", NULL, NULL, &future);
            if (err == CORPS_OK) {
                err = corps_future_wait(future, LONG_NS, NULL);
                corps_future_destroy(future);
            }
            if (err != CORPS_OK) {
                return corps_fail(context, corps_error_name(err), "report: %s", corps_error_detail());
            }
        }
    }
    *result = corps_int(sent);
    return CORPS_OK;
}

/* [sinks…]: 300 requests to each of them, in turn. */
static enum corps_err source_spread(struct corps_context *context, void *self, const struct corps_value *args,
                                    struct corps_value *result) {
    (void)self;
    (void)result;
    for (int64_t i = 0; i < 300; i++) {
        for (size_t n = 0; n < args->count; n++) {
            enum corps_err err = send_number(corps_value_item(args, n)->name, "take", 0, i, NULL);
            if (err != CORPS_OK) {
                return corps_fail(context, corps_error_name(err), "%s", corps_error_detail());
            }
        }
    }
    return CORPS_OK;
}

static enum corps_err source_pass_on(struct corps_context *context, void *self, const struct corps_value *args,
                                     struct corps_value *result) {
    (void)context;
    (void)self;
    (void)result;
    struct corps_value number = corps_int(corps_value_item(args, 1)->integer);
    return corps_send(corps_value_item(args, 0)->name, "cause", &number, NULL);
}

/* [sink, other source, rounds]: sends two itself, has the other one send the third, and waits for it to have done so.
 */
static enum corps_err source_cause(struct corps_context *context, void *self, const struct corps_value *args,
                                   struct corps_value *result) {
    (void)context;
    (void)self;
    (void)result;
    const struct corps_name *sink = corps_value_item(args, 0)->name;
    enum corps_err err = CORPS_OK;
    for (int64_t i = 0, number = 0; i < corps_value_item(args, 2)->integer && err == CORPS_OK; i++) {
        for (int n = 0; n < 4 && err == CORPS_OK; n++) {
            struct corps_value value = corps_int(number++);
            err = corps_send(sink, "cause", &value, NULL);
        }
        struct corps_value items[2] = {corps_value_of_name(sink), corps_int(number++)};
        struct corps_value both = corps_array(items, 2);
        struct corps_future *future;
        err = err == CORPS_OK ? corps_call(corps_value_item(args, 1)->name, "pass_on", &both, NULL, &future) : err;
        if (err == CORPS_OK) {
            err = corps_future_wait(future, LONG_NS, NULL);
            corps_future_destroy(future);
        }
    }
    return err;
}

/* [sink, count, path]: sends, and then goes on without ending or waiting for Corps, until there is a file of this name.
 */
static enum corps_err source_linger(struct corps_context *context, void *self, const struct corps_value *args,
                                    struct corps_value *result) {
    enum corps_err err = CORPS_OK;
    for (int64_t i = 0; i < corps_value_item(args, 1)->integer && err == CORPS_OK; i++) {
        err = send_number(corps_value_item(args, 0)->name, "take", 0, i, NULL);
    }
    return err == CORPS_OK ? method_wait_for(context, self, corps_value_item(args, 2), result) : err;
}

static enum corps_err die(struct corps_context *context, void *self, const struct corps_value *args,
                          struct corps_value *result) {
    (void)context;
    (void)self;
    (void)args;
    (void)result;
    raise(SIGKILL);
    return CORPS_OK;
}

static const struct corps_class sink_class = {
    .name = "Sink",
    .bytes = sizeof(struct sink),
    .methods = (const struct corps_method[]){{"take", sink_take},
                                             {"count", sink_count},
                                             {"keep", sink_keep},
                                             {"check_kept", sink_check_kept},
                                             {"hold", sink_hold},
                                             {"let_go", sink_let_go},
                                             {"fail_some", sink_fail_some},
                                             {"sleep", method_sleep},
                                             {"wait_for", method_wait_for},
                                             {"cause", sink_cause},
                                             {"report", sink_report},
                                             {"die", die},
                                             {NULL, NULL}},
};
static const struct corps_class source_class = {
    .name = "Source",
    .methods = (const struct corps_method[]){{"stream", source_stream},
                                             {"spread", source_spread},
                                             {"pass_on", source_pass_on},
                                             {"cause", source_cause},
                                             {"linger", source_linger},
                                             {NULL, NULL}},
};
static const struct corps_class *const classes[] = {&sink_class, &source_class, NULL};

/* ---- helpers ---- */

static struct corps *make(struct corps_options options) {
    options.env_count = 2;
    return make_with(options);
}

static int64_t end(struct corps_future *future) {
    const struct corps_value *value;
    assert_ok(corps_future_wait(future, LONG_NS, &value));
    int64_t number = value->kind == CORPS_INT ? value->integer : value->kind == CORPS_BOOL ? value->boolean : -1;
    corps_future_destroy(future);
    return number;
}

static int64_t ask_number(const struct corps_name *name, const char *method) {
    return end(begin(name, method, corps_nil()));
}

static struct corps_future *stream_with(const struct corps_name *source, const struct corps_name *sink, int64_t number,
                                        int64_t count, const char *method, int64_t timeout_ms, unsigned flags) {
    struct corps_value items[6] = {corps_value_of_name(sink), corps_int(number),     corps_int(count),
                                   corps_str(method),         corps_int(timeout_ms), corps_int(flags)};
    return begin(source, "stream", corps_array(items, 6));
}

/* One source and one sink, beside each other and in two Envs. */
static void each_way(struct corps *corps,
                     void (*check)(const struct corps_name *source, const struct corps_name *sink)) {
    for (unsigned env = 0; env < envs; env++) {
        struct corps_name *source = worker_in(corps, "Source", 0), *sink = worker_in(corps, "Sink", env);
        check(source, sink);
        corps_name_unref(source);
        corps_name_unref(sink);
    }
    assert_ok(corps_exit(corps, LONG_NS));
}

/* ---- tests ---- */

/* So many have come. The question comes from here, on another link than the stream: it may be there first. */
static void await_report(const struct corps_name *sink, int64_t count) {
    for (int n = 0; n < 20000 && ask_number(sink, "report") < count; n++) {
        poll(NULL, 0, 1);
    }
    assert_int_equal(ask_number(sink, "report"), count);
}

static void test_in_order(void **state) {
    (void)state;
    enum { COUNT = 20000 };
    struct corps *corps = make((struct corps_options){0});
    struct corps_name *sink = worker_in(corps, "Sink", envs - 1), *sources[SOURCES];
    struct corps_future *futures[SOURCES];
    for (unsigned i = 0; i < SOURCES; i++) {
        sources[i] = worker_in(corps, "Source", i % envs);
        futures[i] = stream_with(sources[i], sink, i, COUNT, "take", 0, 0);
    }
    for (unsigned i = 0; i < SOURCES; i++) {
        assert_int_equal(end(futures[i]), COUNT);
        corps_name_unref(sources[i]);
    }
    assert_int_equal(ask_number(sink, "report"), SOURCES * COUNT);
    corps_name_unref(sink);
    assert_ok(corps_exit(corps, LONG_NS));
}

static void test_to_many(void **state) {
    (void)state;
    enum { SINKS = 30 };
    struct corps *corps = make((struct corps_options){0});
    struct corps_name *source = worker_in(corps, "Source", 0), *sinks[SINKS];
    struct corps_value items[SINKS];
    for (unsigned i = 0; i < SINKS; i++) {
        sinks[i] = worker_in(corps, "Sink", i / 3 % envs); /* some follow each other in one Env, some do not */
        items[i] = corps_value_of_name(sinks[i]);
    }
    (void)end(begin(source, "spread", corps_array(items, SINKS)));
    for (unsigned i = 0; i < SINKS; i++) {
        await_report(sinks[i], 300);
        corps_name_unref(sinks[i]);
    }
    corps_name_unref(source);
    assert_ok(corps_exit(corps, LONG_NS));
}

static void keep_arguments(const struct corps_name *source, const struct corps_name *sink) {
    assert_int_equal(end(stream_with(source, sink, 0, 3000, "keep", 0, 0)), 3000);
    assert_int_equal(ask_number(sink, "check_kept"), KEPT);
}

static void test_kept_arguments(void **state) {
    (void)state;
    each_way(make((struct corps_options){0}), keep_arguments);
}

static void hold_requests(const struct corps_name *source, const struct corps_name *sink) {
    assert_int_equal(end(stream_with(source, sink, 0, 2000, "hold", 0, 0)), 2000);
    assert_int_equal(ask_number(sink, "report"), 2000);
    assert_int_equal(ask_number(sink, "let_go"), 1);
}

static void test_held_requests(void **state) {
    (void)state;
    each_way(make((struct corps_options){0}), hold_requests);
}

static void fail_some(const struct corps_name *source, const struct corps_name *sink) {
    assert_int_equal(end(stream_with(source, sink, 0, 1000, "fail_some", 0, 0)), 1000);
    assert_int_equal(end(stream_with(source, sink, 0, 1000, "nowhere", 0, 0)), 1000);
    assert_int_equal(ask_number(sink, "report"), 1000);
}

static void test_failures(void **state) {
    (void)state;
    each_way(make((struct corps_options){0}), fail_some);
}

/* The Conc waits until its requests have waited too long. */
static void come_late(const struct corps_name *source, const struct corps_name *sink) {
    enum { TIMEOUT_MS = 400 };
    struct gate gate;
    gate_shut(&gate, sink);
    assert_int_equal(end(stream_with(source, sink, 0, 500, "count", TIMEOUT_MS, 0)), 500);
    poll(NULL, 0, TIMEOUT_MS + 1);
    gate_finish(&gate);
    assert_int_equal(ask_number(sink, "report"), 0);
}

static void test_too_late(void **state) {
    (void)state;
    each_way(make((struct corps_options){0}), come_late);
}

static void pass_through(const struct corps_name *source, const struct corps_name *sink) {
    assert_int_equal(end(stream_with(source, sink, 0, 2000, "take", 0, 0)), 2000);
    assert_int_equal(ask_number(sink, "report"), 2000);
}

static void test_small_mailboxes(void **state) {
    (void)state;
    static const unsigned sizes[] = {1, 2, 5, 17, 100};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        each_way(make((struct corps_options){.mailbox_count = sizes[i]}), pass_through);
    }
}

/* With TRY a full mailbox refuses: what was taken is what comes, neither more nor less. */
static void count_exactly(const struct corps_name *source, const struct corps_name *sink) {
    struct gate gate;
    gate_shut(&gate, sink);
    int64_t sent = end(stream_with(source, sink, 0, 900, "count", 0, CORPS_CALL_TRY));
    gate_finish(&gate);
    assert_in_range(sent, 1, 200);
    await_report(sink, sent);
}

static void test_counted_exactly(void **state) {
    (void)state;
    each_way(make((struct corps_options){.mailbox_count = 100}), count_exactly);
}

static void test_after_what_was_caused(void **state) {
    (void)state;
    enum { ROUNDS = 300 };
    struct corps *corps = make((struct corps_options){0});
    struct corps_name *sink = worker_in(corps, "Sink", 0), *first = worker_in(corps, "Source", 0),
                      *second = worker_in(corps, "Source", 0);
    struct corps_value items[3] = {corps_value_of_name(sink), corps_value_of_name(second), corps_int(ROUNDS)};
    (void)end(begin(first, "cause", corps_array(items, 3)));
    assert_int_equal(ask_number(sink, "report"), 5 * ROUNDS);
    corps_name_unref(sink);
    corps_name_unref(first);
    corps_name_unref(second);
    assert_ok(corps_exit(corps, LONG_NS));
}

/* Nothing is held back for long: all has come while the sender's method still runs. */
static void linger(const struct corps_name *source, const struct corps_name *sink) {
    struct gate gate;
    gate_make(&gate);
    struct corps_value items[3] = {corps_value_of_name(sink), corps_int(50), corps_str(gate.path)};
    gate.waiting = begin(source, "linger", corps_array(items, 3));
    await_report(sink, 50);
    assert_false(corps_future_ready(gate.waiting));
    gate_finish(&gate);
}

static void test_last_one_leaves(void **state) {
    (void)state;
    each_way(make((struct corps_options){0}), linger);
}

/* The sender is told, in bounded time, and goes on. */
static void test_receiver_dies(void **state) {
    (void)state;
    if (envs == 1) {
        printf("skipped: one Env alone cannot outlive its Conc\n");
        skip();
    }
    struct corps *corps = make((struct corps_options){0});
    struct corps_name *source = worker_in(corps, "Source", 0), *sink = worker_in(corps, "Sink", envs - 1);
    assert_int_equal(end(stream_with(source, sink, 0, 100, "take", 0, 0)), 100);
    struct corps_future *asleep = begin(sink, "sleep", corps_int(50));
    struct corps_future *dying = begin(sink, "die", corps_nil());
    struct corps_future *stream = stream_with(source, sink, 0, 1 << 30, "count", 0, 0);
    assert_int_equal(corps_future_wait(stream, LONG_NS, NULL), CORPS_ERR_REMOTE);
    assert_non_null(strstr(corps_error_detail(), "WORKER_LOST"));
    assert_int_equal(corps_future_wait(dying, LONG_NS, NULL), CORPS_ERR_WORKER_LOST);
    corps_future_destroy(asleep);
    corps_future_destroy(dying);
    corps_future_destroy(stream);
    corps_name_unref(source);
    corps_name_unref(sink);
    (void)!corps_exit(corps, LONG_NS); /* says that an Env was killed */
}

int main(int argc, char **argv) {
    fill_bytes();
    int failed = test_start(argc, argv, classes);
    if (failed != 0) {
        return failed;
    }
    envs = one_env_only ? 1 : 2;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_in_order),
        cmocka_unit_test(test_to_many),
        cmocka_unit_test(test_kept_arguments),
        cmocka_unit_test(test_held_requests),
        cmocka_unit_test(test_failures),
        cmocka_unit_test(test_too_late),
        cmocka_unit_test(test_small_mailboxes),
        cmocka_unit_test(test_counted_exactly),
        cmocka_unit_test(test_after_what_was_caused),
        cmocka_unit_test(test_last_one_leaves),
        cmocka_unit_test(test_receiver_dies),
    };
    return cmocka_run_group_tests_name(argv[1], tests, NULL, NULL);
}
