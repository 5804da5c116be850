/* Call chains over several Envs: `chains TRANSPORT [TEST]`. */

#include "helpers.h"
#include "json.h"

#include <corps/chains.h>

#include <pthread.h>
#include <signal.h>
#include <string.h>

/* ---- a Worker that passes calls on ---- */

struct relay {
    struct corps_name *next;
};

static enum corps_err relay_link(struct corps_context *context, void *self, const struct corps_value *args,
                                 struct corps_value *result) {
    (void)context;
    (void)result;
    ((struct relay *)self)->next = corps_name_ref(args->name);
    return CORPS_OK;
}

/* What the request's chain is called, by all Envs that it comes to: the sum of its numbers. */
static enum corps_err relay_go(struct corps_context *context, void *self, const struct corps_value *args,
                               struct corps_value *result) {
    (void)context;
    struct relay *relay = self;
    *result = corps_int(corps_chain_id(corps_chain()));
    if (relay->next == NULL) {
        return CORPS_OK;
    }
    const struct corps_value *found;
    struct corps_future *future = NULL;
    enum corps_err err = corps_send(relay->next, "note", args, NULL);
    err = err == CORPS_OK ? corps_send(relay->next, "note", args, NULL) : err;
    err = err == CORPS_OK ? corps_call(relay->next, "go", args, NULL, &future) : err;
    err = err == CORPS_OK ? corps_future_wait(future, LONG_NS, &found) : err;
    if (err == CORPS_OK) {
        result->integer += found->integer;
    }
    corps_future_destroy(future);
    return err;
}

static enum corps_err relay_note(struct corps_context *context, void *self, const struct corps_value *args,
                                 struct corps_value *result) {
    (void)context;
    (void)self;
    (void)args;
    (void)result;
    return CORPS_OK;
}

static enum corps_err relay_fail(struct corps_context *context, void *self, const struct corps_value *args,
                                 struct corps_value *result) {
    (void)self;
    (void)args;
    (void)result;
    return corps_fail(context, "Trou\"ble", "as asked");
}

/* Answered by a thread of its own, which calls on before. */
struct later {
    struct corps_request *request;
    struct corps_name *next;
    uint64_t chain;
};

static void *go_on(void *arg) {
    struct later *later = arg;
    uint64_t before = corps_chain_enter(later->chain);
    const struct corps_value *found;
    struct corps_future *future = NULL;
    enum corps_err err = corps_call(later->next, "go", NULL, NULL, &future);
    err = err == CORPS_OK ? corps_future_wait(future, LONG_NS, &found) : err;
    struct corps_value result = corps_int(err == CORPS_OK ? found->integer : -1);
    if (corps_chain_enter(before) != later->chain) {
        result = corps_int(-2);
    }
    (void)!corps_request_reply(later->request, &result);
    corps_future_destroy(future);
    free(later);
    return NULL;
}

static enum corps_err relay_later(struct corps_context *context, void *self, const struct corps_value *args,
                                  struct corps_value *result) {
    (void)args;
    (void)result;
    struct later *later = malloc(sizeof *later);
    *later = (struct later){
        .chain = corps_chain(), .next = ((struct relay *)self)->next, .request = corps_request_hold(context)};
    pthread_t thread;
    pthread_create(&thread, NULL, go_on, later);
    pthread_detach(thread);
    return CORPS_ERR_PENDING;
}

static const struct corps_class relay_class = {
    .name = "Relay",
    .bytes = sizeof(struct relay),
    .methods = (const struct corps_method[]){{"link", relay_link},
                                             {"go", relay_go},
                                             {"note", relay_note},
                                             {"fail", relay_fail},
                                             {"later", relay_later},
                                             {"pid", method_pid},
                                             {"echo", method_echo},
                                             {NULL, NULL}},
};
static const struct corps_class *const classes[] = {&relay_class, NULL};

/* ---- what was written ---- */

enum { EVENTS = 4000, TEXT = 40 };

struct event {
    char phase[4], category[16], name[60], chain[12], span[TEXT], parent[TEXT], outcome[TEXT], id[TEXT];
    double ts, dur;
    int pid, tid;
};

struct written {
    char *text;
    struct event events[EVENTS];
    unsigned count;
};

static void text_of(const char *line, const char *key, char *out, size_t bytes) {
    char pattern[40];
    snprintf(pattern, sizeof pattern, "\"%s\":", key);
    const char *at = strstr(line, pattern);
    at = at != NULL ? at + strlen(pattern) : "";
    at += *at == '"' ? 1 : 0;
    size_t length = strcspn(at, "\",}\n");
    snprintf(out, bytes, "%.*s", (int)length, at);
}

static double number_of(const char *line, const char *key) {
    char text[TEXT];
    text_of(line, key, text, sizeof text);
    return strtod(text, NULL);
}

/* Ends the recording, and reads what was written; whole JSON. */
static struct written *end_and_read(struct corps *corps) {
    FILE *file = tmpfile();
    assert_non_null(file);
    assert_ok(corps_chains_end(corps, fileno(file)));
    long bytes = (fseek(file, 0, SEEK_END), ftell(file));
    struct written *written = calloc(1, sizeof *written);
    written->text = calloc(1, (size_t)bytes + 1);
    rewind(file);
    assert_int_equal(fread(written->text, 1, (size_t)bytes, file), bytes);
    fclose(file);
    if (!json_is_whole(written->text)) {
        fail_msg("this is no JSON:\n%s", written->text);
    }
    char *copy = strdup(written->text), *rest = copy;
    for (char *line; (line = strsep(&rest, "\n")) != NULL;) {
        if (strncmp(line, "{\"ph\":", 6) != 0) {
            continue;
        }
        assert_in_range(written->count, 0, EVENTS - 1);
        struct event *event = &written->events[written->count++];
        text_of(line, "ph", event->phase, sizeof event->phase);
        text_of(line, "cat", event->category, sizeof event->category);
        text_of(line, "name", event->name, sizeof event->name);
        text_of(line, "chain", event->chain, sizeof event->chain);
        text_of(line, "span", event->span, sizeof event->span);
        text_of(line, "parent", event->parent, sizeof event->parent);
        text_of(line, "outcome", event->outcome, sizeof event->outcome);
        text_of(line, "id", event->id, sizeof event->id);
        event->ts = number_of(line, "ts");
        event->dur = number_of(line, "dur");
        event->pid = (int)number_of(line, "pid");
        event->tid = (int)number_of(line, "tid");
    }
    free(copy);
    return written;
}

static void drop(struct written *written) {
    free(written->text);
    free(written);
}

/* The nth event of this phase and name, NULL when there are fewer. */
static const struct event *find(const struct written *written, const char *phase, const char *name, unsigned nth) {
    for (unsigned i = 0; i < written->count; i++) {
        const struct event *event = &written->events[i];
        if (strcmp(event->phase, phase) == 0 && strcmp(event->name, name) == 0 && nth-- == 0) {
            return event;
        }
    }
    return NULL;
}

static unsigned count_of(const struct written *written, const char *phase, const char *name) {
    unsigned count = 0;
    while (find(written, phase, name, count) != NULL) {
        count++;
    }
    return count;
}

static const struct event *find_span(const struct written *written, const char *span) {
    for (unsigned i = 0; i < written->count; i++) {
        if (written->events[i].span[0] != '\0' && strcmp(written->events[i].span, span) == 0) {
            return &written->events[i];
        }
    }
    return NULL;
}

static bool has_arrow(const struct written *written, const struct event *from, const struct event *to) {
    for (unsigned i = 0; i + 1 < written->count; i++) {
        const struct event *s = &written->events[i], *f = s + 1;
        if (strcmp(s->phase, "s") == 0 && s->pid == from->pid && s->tid == from->tid && s->ts >= from->ts &&
            s->ts <= from->ts + from->dur && strcmp(f->phase, "f") == 0 && strcmp(s->id, f->id) == 0 &&
            f->pid == to->pid && f->tid == to->tid && f->ts >= to->ts && f->ts <= to->ts + to->dur) {
            return true;
        }
    }
    return false;
}

/* Three relays in a row, each in an Env of its own where there are three. */
static void make_relays(struct corps *corps, struct corps_name *relays[3]) {
    for (unsigned i = 0; i < 3; i++) {
        relays[i] = worker_in(corps, "Relay", i < corps_env_count(corps) ? i : last_env(corps));
    }
    for (unsigned i = 0; i < 2; i++) {
        const struct corps_value *none;
        corps_future_destroy(ask(relays[i], "link", corps_value_of_name(relays[i + 1]), &none));
    }
}

static void drop_relays(struct corps_name *relays[3]) {
    for (unsigned i = 0; i < 3; i++) {
        corps_name_unref(relays[i]);
    }
}

/* Each span of `go` has a call as its parent, and that the go before it, up to the program's. */
static void check_row(const struct written *written, const char *chain) {
    unsigned deepest = 0;
    for (unsigned nth = 0; nth < 3; nth++) {
        const struct event *go = find(written, "X", "Relay.go", nth);
        assert_non_null(go);
        assert_string_equal(go->chain, chain);
        assert_string_equal(go->outcome, "ok");
        unsigned depth = 1;
        for (const struct event *below = go; below->parent[0] != '\0'; depth++) {
            const struct event *above = find_span(written, below->parent);
            assert_non_null(above);
            assert_string_equal(above->chain, chain);
            assert_true(above->ts <= below->ts);
            bool is_call = depth % 2 == 1;
            assert_string_equal(above->name, is_call ? "call Relay.go" : "Relay.go");
            if (is_call) {
                assert_true(has_arrow(written, above, below));
            } else { /* the method that calls is not over before */
                assert_true(above->ts + above->dur >= below->ts + below->dur);
                assert_int_equal(above->pid, below->pid);
            }
            below = above;
        }
        deepest = depth > deepest ? depth : deepest;
    }
    assert_int_equal(deepest, 6);
}

static void test_over_envs(void **state) {
    (void)state;
    struct corps *corps = make_with((struct corps_options){.env_count = 3});
    struct corps_name *relays[3];
    make_relays(corps, relays);
    assert_int_equal(ask_int(relays[0], "go", corps_nil()), 0); /* nothing is recorded */
    assert_ok(corps_chains_begin(corps, NULL));
    int64_t sum = ask_int(relays[0], "go", corps_nil());
    assert_true(sum > 0 && sum % 3 == 0);
    assert_int_equal(corps_chain(), 0);
    struct written *written = end_and_read(corps);
    char chain[12];
    snprintf(chain, sizeof chain, "%08x", (unsigned)(sum / 3));
    assert_int_equal(count_of(written, "X", "Relay.go"), 3);
    assert_int_equal(count_of(written, "X", "call Relay.go"), 3);
    check_row(written, chain);
    assert_int_equal(count_of(written, "X", "send Relay.note"), 4);
    assert_int_equal(count_of(written, "X", "Relay.note"), 4);
    for (unsigned nth = 0; nth < 4; nth++) {
        const struct event *note = find(written, "X", "Relay.note", nth);
        const struct event *call = find_span(written, note->parent);
        assert_string_equal(note->chain, chain);
        assert_non_null(call);
        assert_string_equal(call->name, "send Relay.note");
        assert_true(has_arrow(written, call, note));
    }
    assert_int_equal(count_of(written, "b", "Relay.go"), 3);
    assert_int_equal(count_of(written, "e", "Relay.go"), 3);
    assert_non_null(strstr(written->text, "\"dropped\":0,\"lost\":[]"));
    assert_non_null(strstr(written->text, "\"requests_without_call\":0,\"calls_without_request\":0}"));
    drop(written);
    assert_int_equal(ask_int(relays[0], "go", corps_nil()), 0); /* nor any more */
    drop_relays(relays);
    assert_ok(corps_exit(corps, LONG_NS));
}

static void test_put_off_and_failed(void **state) {
    (void)state;
    struct corps *corps = make_with((struct corps_options){.env_count = 3});
    struct corps_name *relays[3];
    make_relays(corps, relays);
    assert_ok(corps_chains_begin(corps, NULL));
    int64_t sum = ask_int(relays[0], "later", corps_nil());
    assert_true(sum > 0 && sum % 2 == 0);
    struct corps_future *future = begin(relays[1], "fail", corps_nil());
    assert_int_equal(corps_future_wait(future, LONG_NS, NULL), CORPS_ERR_REMOTE);
    corps_future_destroy(future);
    future = begin(relays[1], "nothing", corps_nil());
    assert_int_equal(corps_future_wait(future, LONG_NS, NULL), CORPS_ERR_NO_METHOD);
    corps_future_destroy(future);
    const struct corps_call_options retry = {.flags = CORPS_CALL_RETRY, .timeout_ns = LONG_NS / 2};
    struct corps_value seven = corps_int(7);
    const struct corps_value *result;
    assert_ok(corps_call(relays[2], "echo", &seven, &retry, &future));
    assert_ok(corps_future_wait(future, LONG_NS, &result));
    assert_int_equal(result->integer, 7);
    corps_future_destroy(future);
    struct written *written = end_and_read(corps);
    const struct event *later = find(written, "X", "Relay.later", 0), *go = find(written, "X", "Relay.go", 0);
    assert_non_null(later);
    assert_string_equal(later->outcome, "ok");
    const struct event *until = find(written, "e", "Relay.later", 0);
    assert_non_null(until);
    char chain[12];
    snprintf(chain, sizeof chain, "%08x", (unsigned)(sum / 2));
    assert_string_equal(later->chain, chain);
    assert_string_equal(go->chain, chain);
    assert_int_equal(count_of(written, "X", "Relay.go"), 2);
    bool found = false; /* the call of the thread belongs to the request that was put off */
    for (unsigned nth = 0; nth < 2; nth++) {
        found = found || strcmp(find(written, "X", "call Relay.go", nth)->parent, later->span) == 0;
    }
    assert_true(found);
    assert_string_equal(find(written, "X", "Relay.fail", 0)->outcome, "failed");
    assert_non_null(strstr(written->text, "\"failure\":\"Trou\\\"ble\""));
    assert_string_equal(find(written, "i", "not run: Relay.nothing", 0)->outcome, "failed");
    const struct event *echo = find(written, "X", "Relay.echo", 0);
    const struct event *call = find(written, "X", "call Relay.echo", 0);
    assert_string_equal(echo->parent, call->span);
    assert_string_not_equal(echo->chain, chain); /* each call from outside begins one */
    drop(written);
    drop_relays(relays);
    assert_ok(corps_exit(corps, LONG_NS));
}

static void test_every(void **state) {
    (void)state;
    struct corps *corps = make_with((struct corps_options){.env_count = 2});
    struct corps_name *name = worker_in(corps, "Relay", last_env(corps));
    assert_ok(corps_chains_begin(corps, &(struct corps_chains_options){.every = 5}));
    unsigned recorded = 0;
    for (unsigned i = 0; i < 20; i++) {
        recorded += ask_int(name, "go", corps_nil()) != 0 ? 1 : 0;
    }
    assert_int_equal(recorded, 4);
    struct written *written = end_and_read(corps);
    assert_int_equal(count_of(written, "X", "Relay.go"), 4);
    assert_int_equal(count_of(written, "X", "call Relay.go"), 4);
    assert_non_null(strstr(written->text, "\"every\":5"));
    drop(written);
    corps_name_unref(name);
    assert_ok(corps_exit(corps, LONG_NS));
}

static void test_bounds(void **state) {
    (void)state;
    struct corps *corps = make_with((struct corps_options){.env_count = 2});
    struct corps_name *name = worker_in(corps, "Relay", last_env(corps));
    assert_ok(corps_chains_begin(corps, &(struct corps_chains_options){.span_count = 10}));
    for (unsigned i = 0; i < 50; i++) {
        assert_int_equal(ask_int(name, "echo", corps_int(i)), i);
    }
    struct written *written = end_and_read(corps);
    assert_int_equal(count_of(written, "X", "Relay.echo"), 10);
    assert_int_equal(count_of(written, "X", "call Relay.echo"), 10);
    assert_non_null(strstr(written->text, "\"spans\":10,\"dropped\":40}"));
    assert_non_null(strstr(written->text, "\"dropped\":80,\"lost\""));
    drop(written);
    /* more of them than one answer carries */
    assert_ok(corps_chains_begin(corps, NULL));
    for (unsigned i = 0; i < 5000; i++) {
        assert_ok(corps_send(name, "note", NULL, NULL));
    }
    assert_int_equal(ask_int(name, "echo", corps_int(1)), 1);
    FILE *file = tmpfile();
    assert_ok(corps_chains_end(corps, fileno(file)));
    fclose(file);
    corps_name_unref(name);
    assert_ok(corps_exit(corps, LONG_NS));
}

static void test_bad_input(void **state) {
    (void)state;
    struct corps *corps = make_with((struct corps_options){.env_count = 2});
    assert_int_equal(corps_chains_end(corps, 2), CORPS_ERR_INVALID);
    assert_non_null(strstr(corps_error_detail(), "corps_chains_begin first"));
    struct corps_chains_options options = {.span_count = 1u << 30};
    assert_int_equal(corps_chains_begin(corps, &options), CORPS_ERR_INVALID);
    assert_non_null(strstr(corps_error_detail(), "at most"));
    options = (struct corps_chains_options){.timeout_ns = -1};
    assert_int_equal(corps_chains_begin(corps, &options), CORPS_ERR_INVALID);
    options = (struct corps_chains_options){.reserved = {1}};
    assert_int_equal(corps_chains_begin(corps, &options), CORPS_ERR_INVALID);
    assert_ok(corps_chains_begin(corps, NULL));
    assert_int_equal(corps_chains_begin(corps, NULL), CORPS_ERR_INVALID);
    assert_non_null(strstr(corps_error_detail(), "already"));
    assert_int_equal(corps_chains_end(corps, -1), CORPS_ERR_SYSTEM);
    assert_ok(corps_chains_begin(corps, NULL)); /* it was over all the same */
    assert_ok(corps_exit(corps, LONG_NS));
    struct written *written = end_and_read(NULL);
    assert_non_null(strstr(written->text, "\"why\":\"the Corps has exited\""));
    drop(written);
}

/* What an Env knew that has died is lost, and said to be. */
static void test_killed_env(void **state) {
    (void)state;
    struct corps *corps = make_with((struct corps_options){.env_count = 3});
    struct corps_name *relays[3];
    make_relays(corps, relays);
    assert_ok(corps_chains_begin(corps, NULL));
    assert_true(ask_int(relays[0], "go", corps_nil()) > 0);
    assert_int_equal(kill((pid_t)ask_int(relays[2], "pid", corps_nil()), SIGKILL), 0);
    struct corps_future *future = begin(relays[1], "go", corps_nil());
    assert_int_not_equal(corps_future_wait(future, LONG_NS, NULL), CORPS_OK);
    corps_future_destroy(future);
    struct written *written = end_and_read(corps);
    assert_non_null(strstr(written->text, "\"lost\":[{\"env\":2,\"why\":\""));
    assert_int_equal(count_of(written, "X", "Relay.go"), 3); /* two of the first chain, one of the second */
    assert_null(strstr(written->text, "\"calls_without_request\":0"));
    drop(written);
    drop_relays(relays);
    assert_int_equal(corps_exit(corps, LONG_NS), CORPS_ERR_WORKER_LOST);
}

int main(int argc, char **argv) {
    int status = test_start(argc, argv, classes);
    if (status != 0) {
        return status;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_over_envs), cmocka_unit_test(test_put_off_and_failed), cmocka_unit_test(test_every),
        cmocka_unit_test(test_bounds),    cmocka_unit_test(test_bad_input),          cmocka_unit_test(test_killed_env),
    };
    return cmocka_run_group_tests_name(argv[1], tests, NULL, NULL);
}
