/* What comes and goes leaves nothing: `lifetimes TRANSPORT [TEST]`. Statically linked, so that what the core keeps can
 * be counted. CORPS_LIFETIMES=N does N times as much. */

#include "helpers.h"
#include "peer.h"

#include <assert.h>
#include <malloc.h>
#include <string.h>

/* ---- classes ---- */

enum { HELD_MAX = 64 };

struct keeper {
    struct corps_request *held[HELD_MAX];
    unsigned held_count;
};

static enum corps_err echo(struct corps_context *context, void *self, const struct corps_value *args,
                           struct corps_value *result) {
    (void)context;
    (void)self;
    *result = *args;
    return CORPS_OK;
}

static enum corps_err hold(struct corps_context *context, void *self, const struct corps_value *args,
                           struct corps_value *result) {
    (void)args;
    (void)result;
    struct keeper *keeper = self;
    assert(keeper->held_count < HELD_MAX);
    keeper->held[keeper->held_count++] = corps_request_hold(context);
    return CORPS_ERR_PENDING;
}

static enum corps_err release(struct corps_context *context, void *self, const struct corps_value *args,
                              struct corps_value *result) {
    (void)context;
    (void)args;
    struct keeper *keeper = self;
    *result = corps_int(keeper->held_count);
    while (keeper->held_count > 0) {
        (void)!corps_request_reply(keeper->held[--keeper->held_count], NULL);
    }
    return CORPS_OK;
}

/* [peers, bytes in use] of this Env. */
static enum corps_err usage(struct corps_context *context, void *self, const struct corps_value *args,
                            struct corps_value *result) {
    (void)self;
    (void)args;
    struct corps_value *items = corps_context_alloc(context, 2 * sizeof *items);
    items[0] = corps_int((int64_t)corps__peers_count());
    items[1] = corps_int((int64_t)(mallinfo2().uordblks + mallinfo2().hblkhd));
    *result = corps_array(items, 2);
    return CORPS_OK;
}

static const struct corps_method methods[] = {
    {"echo", echo}, {"hold", hold}, {"release", release}, {"usage", usage}, {NULL, NULL}};
static const struct corps_class keeper_class = {.name = "Keeper", .bytes = sizeof(struct keeper), .methods = methods};
static const struct corps_class *const classes[] = {&keeper_class, NULL};

/* ---- what they share ---- */

static unsigned times(unsigned count) {
    const char *factor = getenv("CORPS_LIFETIMES");
    return count * (factor != NULL ? (unsigned)atoi(factor) : 1);
}

struct usage {
    int64_t peers, bytes;
};

static struct usage usage_of(const struct corps_name *name) {
    const struct corps_value *result;
    struct corps_future *future = ask(name, "usage", corps_nil(), &result);
    struct usage usage = {corps_value_item(result, 0)->integer, corps_value_item(result, 1)->integer};
    corps_future_destroy(future);
    return usage;
}

/* The Env hears of a link's end when it hears of it. */
static struct usage usage_when(const struct corps_name *name, int64_t peers) {
    for (int64_t until = corps__deadline_ns(LONG_NS);;) {
        struct usage usage = usage_of(name);
        if (usage.peers == peers || corps__now_ns() > until) {
            assert_int_equal(usage.peers, peers);
            return usage;
        }
    }
}

/* Less than any object that a round could leave. */
static void assert_flat(struct usage half, struct usage whole, unsigned rounds) {
    int64_t more = whole.bytes - half.bytes;
    print_message("          %lld bytes more after %u rounds more\n", (long long)more, rounds);
    assert_true(more < 24 * (int64_t)rounds);
}

static enum corps_err drop_job(void *arg) {
    corps__peer_closed(arg, CORPS_ERR_SYSTEM);
    return CORPS_OK;
}

/* Closes the link to Env `env`, as if this process had ended; the next call connects again. */
static void drop_link(struct corps *corps, unsigned env) {
    struct corps__peer *peer = atomic_load(&corps->envs[env].peer);
    if (peer != NULL) {
        assert_ok(corps__with_lead(drop_job, peer));
    }
}

static void note(const struct corps_name *name) {
    struct corps_value args = corps_int(1);
    assert_ok(corps_send(name, "echo", &args, NULL));
}

/* ---- links ---- */

static void links_used(struct corps *corps, const struct corps_name *name, unsigned rounds) {
    for (unsigned i = 0; i < rounds; i++) {
        note(name);
        assert_int_equal(ask_int(name, "echo", corps_int(i)), i);
        note(name);
        drop_link(corps, last_env(corps));
    }
}

/* Links that come, call, send and go. */
static void test_links(void **state) {
    (void)state;
    struct corps *corps = make_with((struct corps_options){.env_count = 2});
    struct corps_name *name = place(corps, "Keeper", last_env(corps));
    unsigned rounds = times(1000);
    links_used(corps, name, rounds);
    struct usage half = usage_when(name, 1);
    links_used(corps, name, rounds);
    assert_flat(half, usage_when(name, 1), rounds);
    corps_name_unref(name);
    assert_ok(corps_exit(corps, LONG_NS));
}

/* Links that go while their requests are held; these are answered later, to nobody. */
static void test_links_with_held_requests(void **state) {
    (void)state;
    struct corps *corps = make_with((struct corps_options){.env_count = 2});
    struct corps_name *name = place(corps, "Keeper", last_env(corps));
    unsigned rounds = times(10);
    struct usage half = {0};
    for (unsigned i = 0; i < 2 * rounds; i++) {
        half = i == rounds ? usage_when(name, 1) : half;
        for (unsigned k = 0; k < HELD_MAX; k++) {
            struct corps_future *future = begin(name, "hold", corps_int(k));
            note(name);
            assert_int_equal(ask_int(name, "echo", corps_int(k)), k); /* the Worker has it */
            drop_link(corps, last_env(corps));
            assert_int_equal(corps_future_wait(future, LONG_NS, NULL), CORPS_ERR_SYSTEM);
            corps_future_destroy(future);
        }
        (void)usage_when(name, HELD_MAX + 1);
        assert_int_equal(ask_int(name, "release", corps_nil()), HELD_MAX);
    }
    assert_flat(half, usage_when(name, 1), rounds * HELD_MAX);
    corps_name_unref(name);
    assert_ok(corps_exit(corps, LONG_NS));
}

int main(int argc, char **argv) {
    int status = test_start(argc, argv, classes);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_links),
        cmocka_unit_test(test_links_with_held_requests),
    };
    return status != 0 ? status : cmocka_run_group_tests_name("lifetimes", tests, NULL, NULL);
}
