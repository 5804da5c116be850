/* Deadlines end to end: `deadlines TRANSPORT [TEST]` runs one test, or all of them. The Workers are in one Env, and in
 * two. */

#include "gate.h"

#include <stdatomic.h>
#include <string.h>

#define SHORT_NS (50 * 1000000LL) /* of what must end by itself */

struct node {
    int64_t sum;
    bool has_outcome;
    enum corps_err outcome; /* of the nested call */
};

static enum corps_err node_add(struct corps_context *context, void *self, const struct corps_value *args,
                               struct corps_value *result) {
    (void)context;
    struct node *node = self;
    node->sum += args->integer;
    *result = corps_int(node->sum);
    return CORPS_OK;
}

/* Forgets it. */
static enum corps_err node_outcome(struct corps_context *context, void *self, const struct corps_value *args,
                                   struct corps_value *result) {
    (void)context;
    (void)args;
    struct node *node = self;
    *result = corps_int(node->has_outcome ? (int)node->outcome : -1);
    node->has_outcome = false;
    return CORPS_OK;
}

static void outlive_request(struct corps_context *context) {
    while (corps_context_time_left_ns(context) > 0) {
        poll(NULL, 0, 1);
    }
}

/* [Name, method, args, timeout, flags, late]: calls, waits, and keeps what came of it; `late`: after the deadline. */
static enum corps_err node_relay(struct corps_context *context, void *self, const struct corps_value *args,
                                 struct corps_value *result) {
    struct node *node = self;
    const struct corps_value *items = args->items;
    char method[32];
    snprintf(method, sizeof method, "%.*s", (int)items[1].count, items[1].str);
    const struct corps_call_options options = {.timeout_ns = items[3].integer, .flags = (unsigned)items[4].integer};
    if (items[5].integer != 0) {
        outlive_request(context);
    }
    struct corps_future *future = NULL;
    node->outcome = corps_call(items[0].name, method, &items[2], &options, &future);
    if (node->outcome == CORPS_OK) {
        node->outcome = corps_future_wait(future, CORPS_FOREVER, NULL);
    }
    corps_future_destroy(future);
    node->has_outcome = true;
    *result = corps_int(node->outcome);
    return CORPS_OK;
}

/* [Name, number]: once the deadline has passed, sends two requests in a row and creates a Worker. */
static enum corps_err node_undo(struct corps_context *context, void *self, const struct corps_value *args,
                                struct corps_value *result) {
    (void)result;
    outlive_request(context);
    struct corps_name *made = NULL;
    enum corps_err err = CORPS_OK;
    for (int i = 0; i < 2 && err == CORPS_OK; i++) {
        err = corps_send(args->items[0].name, "add", &args->items[1], NULL);
    }
    err = err == CORPS_OK ? corps_create_concs(corps_context_corps(context), "Node", NULL, CORPS_AUTO, 1, &made) : err;
    corps_name_unref(made);
    struct node *node = self;
    node->outcome = err;
    node->has_outcome = true;
    return CORPS_OK;
}

static enum corps_err node_left(struct corps_context *context, void *self, const struct corps_value *args,
                                struct corps_value *result) {
    (void)self;
    (void)args;
    *result = corps_int(corps_context_time_left_ns(context));
    return CORPS_OK;
}

static void make_file(void *path) {
    int fd = open(path, O_CREAT | O_WRONLY, 0600);
    if (fd >= 0) {
        close(fd);
    }
}

/* As wait_for, and says by a file that it has begun. */
static enum corps_err node_hold(struct corps_context *context, void *self, const struct corps_value *args,
                                struct corps_value *result) {
    char path[64];
    snprintf(path, sizeof path, "%.*s+", (int)args->count, args->str);
    make_file(path);
    return method_wait_for(context, self, args, result);
}

/* [Name, path of a gate, path]: calls somebody who does not answer; there is a file once that has ended. Nobody waits.
 */
static enum corps_err node_watch(struct corps_context *context, void *self, const struct corps_value *args,
                                 struct corps_value *result) {
    (void)context;
    (void)self;
    (void)result;
    static char path[64];
    snprintf(path, sizeof path, "%.*s", (int)args->items[2].count, args->items[2].str);
    struct corps_future *future;
    const struct corps_call_options options = {.timeout_ns = SHORT_NS};
    enum corps_err err = CORPS_ERR_TIMEOUT;
    while (err == CORPS_ERR_TIMEOUT) { /* before anything was sent: a link takes its time on a busy machine */
        err = corps_call(args->items[0].name, "hold", &args->items[1], &options, &future);
    }
    if (err == CORPS_OK) {
        corps_future_on_ready(future, make_file, path); /* it keeps itself until then */
        corps_future_destroy(future);
    }
    return err;
}

static const struct corps_method node_methods[] = {
    {"add", node_add},   {"outcome", node_outcome}, {"relay", node_relay}, {"undo", node_undo},
    {"left", node_left}, {"watch", node_watch},     {"hold", node_hold},   {NULL, NULL}};
static const struct corps_class node_class = {.name = "Node", .bytes = sizeof(struct node), .methods = node_methods};
static const struct corps_class *const classes[] = {&node_class, NULL};

/* ---- what the tests share ---- */

/* Two Workers: the second in the Env of the first, or in another one. */
struct pair {
    struct corps *corps;
    struct corps_name *first, *second;
};

static struct pair make_pair(bool apart) {
    struct corps *corps = make_with((struct corps_options){.env_count = 2});
    return (struct pair){corps, worker_in(corps, "Node", 0), worker_in(corps, "Node", apart ? last_env(corps) : 0)};
}

static void end_pair(const struct pair *pair) {
    corps_name_unref(pair->first);
    corps_name_unref(pair->second);
    assert_ok(corps_exit(pair->corps, LONG_NS));
}

static void await_file(const char *path) {
    while (access(path, F_OK) != 0) {
        poll(NULL, 0, 1);
    }
    assert_int_equal(unlink(path), 0);
}

/* The Worker answers nobody from now on. */
static void shut(struct gate *gate, const struct corps_name *name) {
    char path[64];
    gate_make(gate);
    gate->waiting = begin(name, "hold", corps_str(gate->path));
    snprintf(path, sizeof path, "%s+", gate->path);
    await_file(path);
}

static struct corps_future *begin_with(const struct corps_name *name, const char *method, struct corps_value args,
                                       int64_t timeout_ns) {
    const struct corps_call_options options = {.timeout_ns = timeout_ns};
    struct corps_future *future = NULL;
    assert_ok(corps_call(name, method, &args, &options, &future));
    return future;
}

/* It must have the outcome `err`, and does not have it because this wait ends. */
static void finish_with(struct corps_future *future, enum corps_err err) {
    assert_int_equal(corps_future_wait(future, LONG_NS, NULL), err);
    assert_true(corps_future_ready(future));
    assert_int_equal(corps_future_error(future)->code, err);
    corps_future_destroy(future);
}

struct relay {
    struct corps_value items[6];
};

static struct corps_value relay_to(struct relay *relay, struct corps_name *name, const char *method,
                                   struct corps_value args) {
    *relay =
        (struct relay){{corps_value_of_name(name), corps_str(method), args, corps_int(0), corps_int(0), corps_int(0)}};
    return corps_array(relay->items, 6);
}

/* Calls with a deadline that passes, and gives what came of the call that `last` has made for it. The answer may come
 * at the very deadline. On a crowded machine a method may come too late and not run: then there is more time. */
static int64_t late_outcome(const struct pair *pair, const char *method, struct corps_value args,
                            const struct corps_name *last) {
    for (int64_t timeout_ns = SHORT_NS; timeout_ns < LONG_NS; timeout_ns *= 2) {
        struct corps_future *future = begin_with(pair->first, method, args, timeout_ns);
        enum corps_err err = corps_future_wait(future, LONG_NS, NULL);
        assert_true(err == CORPS_OK || err == CORPS_ERR_TIMEOUT);
        corps_future_destroy(future);
        (void)ask_int(pair->first, "left", corps_nil()); /* it has ended */
        int64_t outcome = ask_int(last, "outcome", corps_nil());
        if (outcome >= 0) {
            return outcome;
        }
    }
    fail_msg("it never ran in time");
    return -1;
}

/* ---- inheriting ---- */

/* The nested call has no timeout, and its Worker does not answer; yet the method goes on when its caller has. */
static void nested_call_ends(bool apart) {
    struct pair pair = make_pair(apart);
    struct gate gate;
    shut(&gate, pair.second);
    struct relay relay;
    struct corps_value args = relay_to(&relay, pair.second, "add", corps_int(1));
    assert_int_equal(late_outcome(&pair, "relay", args, pair.first), CORPS_ERR_TIMEOUT);
    gate_finish(&gate);
    assert_int_equal(ask_int(pair.second, "add", corps_int(5)), 5); /* what came too late did not run */
    end_pair(&pair);
}

static void test_nested_call_ends(void **state) {
    (void)state;
    nested_call_ends(false);
    nested_call_ends(true);
}

/* What is left goes from call to call. */
static void test_through_several(void **state) {
    (void)state;
    struct pair pair = make_pair(true);
    struct corps_name *third = worker_in(pair.corps, "Node", 0);
    struct gate gate;
    shut(&gate, third);
    struct relay inner, outer;
    struct corps_value args = relay_to(&inner, third, "add", corps_int(1));
    args = relay_to(&outer, pair.second, "relay", args);
    assert_int_equal(late_outcome(&pair, "relay", args, pair.second), CORPS_ERR_TIMEOUT);
    gate_finish(&gate);
    assert_int_equal(ask_int(third, "add", corps_int(5)), 5);
    corps_name_unref(third);
    end_pair(&pair);
}

/* Of the request's deadline and the call's own the sooner counts. */
static void sooner_counts(bool apart) {
    struct pair pair = make_pair(apart);
    struct gate gate;
    shut(&gate, pair.second);
    struct relay relay;
    struct corps_value args = relay_to(&relay, pair.second, "add", corps_int(1));
    relay.items[3] = corps_int(SHORT_NS);
    assert_int_equal(ask_int(pair.first, "relay", args), CORPS_ERR_TIMEOUT); /* the request has no deadline */
    struct corps_future *future = begin_with(pair.first, "relay", args, LONG_NS);
    const struct corps_value *result;
    assert_ok(corps_future_wait(future, LONG_NS, &result));
    assert_int_equal(result->integer, CORPS_ERR_TIMEOUT);
    corps_future_destroy(future);
    (void)ask_int(pair.first, "outcome", corps_nil());
    relay.items[3] = corps_int(LONG_NS);
    assert_int_equal(late_outcome(&pair, "relay", args, pair.first), CORPS_ERR_TIMEOUT);
    gate_finish(&gate);
    end_pair(&pair);
}

static void test_sooner_counts(void **state) {
    (void)state;
    sooner_counts(false);
    sooner_counts(true);
}

/* A call is refused when nothing is left; sends and new Workers are not bound, nor are detached calls. */
static void after_the_deadline(bool apart) {
    struct pair pair = make_pair(apart);
    struct relay relay;
    struct corps_value args = relay_to(&relay, pair.second, "add", corps_int(1));
    relay.items[5] = corps_int(1);
    assert_int_equal(late_outcome(&pair, "relay", args, pair.first), CORPS_ERR_TIMEOUT);
    assert_int_equal(ask_int(pair.second, "add", corps_int(0)), 0);
    relay.items[4] = corps_int(CORPS_CALL_DETACHED);
    assert_int_equal(late_outcome(&pair, "relay", args, pair.first), CORPS_OK);
    assert_int_equal(ask_int(pair.second, "add", corps_int(0)), 1);
    struct corps_value undo[] = {corps_value_of_name(pair.second), corps_int(10)};
    assert_int_equal(late_outcome(&pair, "undo", corps_array(undo, 2), pair.first), CORPS_OK);
    struct corps_value again = relay_to(&relay, pair.second, "add", corps_int(0)); /* in the sender's order */
    assert_int_equal(ask_int(pair.first, "relay", again), CORPS_OK);
    assert_int_equal(ask_int(pair.second, "add", corps_int(0)), 21);
    end_pair(&pair);
}

static void test_after_the_deadline(void **state) {
    (void)state;
    after_the_deadline(false);
    after_the_deadline(true);
}

static void test_time_left(void **state) {
    (void)state;
    struct pair pair = make_pair(true);
    assert_true(ask_int(pair.second, "left", corps_nil()) == CORPS_FOREVER);
    struct corps_future *future = begin_with(pair.second, "left", corps_nil(), LONG_NS);
    const struct corps_value *result;
    assert_ok(corps_future_wait(future, LONG_NS, &result));
    assert_true(result->integer > 0 && result->integer < LONG_NS);
    corps_future_destroy(future);
    end_pair(&pair);
}

/* ---- Futures that nobody waits for ---- */

enum { MANY = 200 };

struct count {
    _Atomic int left;
    struct corps_future *bell;
};

static void count_down(void *arg) {
    struct count *count = arg;
    if (atomic_fetch_sub(&count->left, 1) == 1) {
        corps_future_fulfil(count->bell);
    }
}

/* Some are answered, the others end one after the other; this thread waits for something else. */
static void end_by_themselves(bool apart) {
    struct pair pair = make_pair(apart);
    struct gate gate;
    shut(&gate, pair.second);
    struct corps_future *futures[MANY];
    struct count count = {.left = MANY, .bell = corps_future_create()};
    for (int i = 0; i < MANY; i++) {
        bool answered = i % 4 == 0;
        int64_t timeout = answered ? LONG_NS : SHORT_NS + (i * 37 % MANY) * 100000;
        futures[i] = begin_with(answered ? pair.first : pair.second, "add", corps_int(1), timeout);
        corps_future_on_ready(futures[i], count_down, &count);
    }
    assert_ok(corps_future_wait(count.bell, LONG_NS, NULL));
    for (int i = 0; i < MANY; i++) {
        assert_int_equal(corps_future_error(futures[i])->code, i % 4 == 0 ? CORPS_OK : CORPS_ERR_TIMEOUT);
        corps_future_destroy(futures[i]);
    }
    assert_int_equal(atomic_load(&count.left), 0);
    corps_future_destroy(count.bell);
    gate_finish(&gate);
    assert_int_equal(ask_int(pair.second, "add", corps_int(0)), 0); /* all had come too late */
    end_pair(&pair);
}

static void test_end_by_themselves(void **state) {
    (void)state;
    end_by_themselves(false);
    end_by_themselves(true);
}

/* In an Env, where no thread waits for anything. */
static void ends_in_env(bool apart) {
    struct pair pair = make_pair(apart);
    struct gate gate, ended;
    shut(&gate, pair.second);
    gate_make(&ended);
    struct corps_value items[] = {corps_value_of_name(pair.second), corps_str(gate.path), corps_str(ended.path)};
    corps_future_destroy(ask(pair.first, "watch", corps_array(items, 3), NULL));
    await_file(ended.path);
    gate_finish(&gate);
    end_pair(&pair);
}

static void test_ends_in_env(void **state) {
    (void)state;
    ends_in_env(false);
    ends_in_env(true);
}

/* Who only looks sees the end as well. */
static void test_ends_for_who_looks(void **state) {
    (void)state;
    struct pair pair = make_pair(true);
    struct gate gate;
    shut(&gate, pair.second);
    struct corps_future *future = begin_with(pair.second, "add", corps_int(1), SHORT_NS);
    while (!corps_future_ready(future)) {
        poll(NULL, 0, 1);
    }
    finish_with(future, CORPS_ERR_TIMEOUT);
    gate_finish(&gate);
    end_pair(&pair);
}

int main(int argc, char **argv) {
    int status = test_start(argc, argv, classes);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nested_call_ends), cmocka_unit_test(test_through_several),
        cmocka_unit_test(test_sooner_counts),    cmocka_unit_test(test_after_the_deadline),
        cmocka_unit_test(test_time_left),        cmocka_unit_test(test_end_by_themselves),
        cmocka_unit_test(test_ends_in_env),      cmocka_unit_test(test_ends_for_who_looks),
    };
    return status != 0 ? status : cmocka_run_group_tests_name("deadlines", tests, NULL, NULL);
}
