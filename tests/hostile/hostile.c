/* Hostile peers: `hostile TRANSPORT [TEST [COUNT [SEED]]]`. After a true HELLO a peer does what it must not; the Env
 * neither crashes nor grows beyond a bound, and answers an honest caller meanwhile. */
#include "hostile.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { NAMES_EACH = 20 };

struct victim victim;
uint64_t attack_count, attack_seed;

/* ---- classes ---- */

/* For so many milliseconds. */
static enum corps_err sleep_ms(struct corps_context *context, void *self, const struct corps_value *args,
                               struct corps_value *result) {
    (void)context;
    (void)self;
    (void)result;
    int64_t ms = args->kind == CORPS_INT && args->integer > 0 && args->integer < 10000 ? args->integer : 0;
    nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000}, NULL);
    return CORPS_OK;
}

/* Calls a Worker of its own Env, through its mailbox, by many names that begin with the one that it was given. */
static enum corps_err call_by_names(struct corps_context *context, const struct corps_value *args,
                                    struct corps_value *result) {
    struct corps_name *made = NULL;
    enum corps_err err =
        corps_create_concs(corps_context_corps(context), "of no name either", NULL, CORPS_ENV_ID(0), 1, &made);
    for (unsigned i = 0; err == CORPS_OK && i < NAMES_EACH; i++) {
        char name[64];
        struct corps_future *future = NULL;
        const struct corps_value *answer = NULL;
        int bytes = snprintf(name, sizeof name, "%.*s.%u", (int)args->count, args->str, i);
        (void)!corps_send(made, name, NULL, NULL);
        err = corps_send(made, name, NULL, NULL); /* the second one would go into a batch */
        err = err == CORPS_OK ? corps_call(made, name, NULL, NULL, &future) : err;
        err = err == CORPS_OK ? corps_future_wait(future, LONG_NS, &answer) : err;
        if (err == CORPS_OK && answer->integer != bytes) {
            err = CORPS_ERR_CORRUPT;
        }
        corps_future_destroy(future);
    }
    corps_name_unref(made);
    *result = corps_int((int64_t)args->count);
    return err;
}

static enum corps_err any_method(struct corps_context *context, void *self, const struct corps_value *args,
                                 struct corps_value *result) {
    (void)self;
    if (args->kind != CORPS_STR) {
        *result = corps_int((int64_t)strlen(corps_context_method(context)));
        return CORPS_OK;
    }
    return call_by_names(context, args, result);
}

static const struct corps_method methods[] = {
    {"echo", method_echo}, {"pid", method_pid}, {"sleep", sleep_ms}, {NULL, NULL}};
static const struct corps_class echo_class = {.name = "echo", .methods = methods};
static const struct corps_method no_methods[] = {{NULL, NULL}};
static const struct corps_class any_class = {.name = CORPS_ANY_CLASS, .methods = no_methods, .any = any_method};
static const struct corps_class *const classes[] = {&echo_class, &any_class, NULL};

/* ---- the victim ---- */

static size_t memory_bytes(void) {
    char path[64];
    unsigned long total = 0, resident = 0;
    snprintf(path, sizeof path, "/proc/%lld/statm", (long long)victim.pid);
    FILE *file = fopen(path, "re");
    if (file == NULL || fscanf(file, "%lu %lu", &total, &resident) != 2) {
        fail_msg("the Env has gone");
    }
    fclose(file);
    return resident * (size_t)sysconf(_SC_PAGESIZE);
}

int set_up(void **state) {
    (void)state;
    victim = (struct victim){0};
    victim.corps = make_with((struct corps_options){.env_count = 1,
                                                    .serializer = "msgpack",
                                                    .thread_count = 2,
                                                    .mailbox_count = MAILBOX_COUNT,
                                                    .mailbox_bytes = MAILBOX_BYTES,
                                                    .buffer_bytes = RING_BYTES});
    victim.echo = worker_in(victim.corps, "echo", 0);
    victim.sleeper = worker_in(victim.corps, "echo", 0);
    victim.any = worker_in(victim.corps, "of no such name", 0);
    victim.pid = ask_int(victim.echo, "pid", corps_nil());
    victim.before_bytes = memory_bytes();
    return 0;
}

int tear_down(void **state) {
    (void)state;
    corps_name_unref(victim.echo);
    corps_name_unref(victim.sleeper);
    corps_name_unref(victim.any);
    assert_ok(corps_exit(victim.corps, LONG_NS)); /* in order: the Env has not crashed */
    return 0;
}

void honest_call(void) {
    assert_int_equal(ask_int(victim.echo, "pid", corps_nil()), victim.pid);
    assert_int_equal(ask_int(victim.any, "four", corps_nil()), 4);
    victim.honest_calls++;
}

size_t check_growth(const char *attack, size_t bound) {
    size_t now = memory_bytes();
    size_t growth = now > victim.before_bytes ? now - victim.before_bytes : 0;
    printf("# %s: the Env has grown by %zu KiB (bound %zu KiB)\n", attack, growth >> 10, bound >> 10);
    if (growth > bound + SPARE_BYTES) {
        fail_msg("%s: the Env has grown by %zu bytes, over %zu", attack, growth, bound);
    }
    return growth;
}

uint64_t flood(struct raw *raw, size_t (*make)(uint64_t n, uint8_t *out), uint64_t count, bool reads) {
    static uint8_t frame[1 << 19];
    uint64_t n = 0;
    for (; n < count; n++) {
        if (!raw_send(raw, frame, make(n, frame), reads)) {
            break;
        }
        if (n % 64 == 0 && reads) {
            raw_turn(raw, 1000);
        }
        if (n % 4096 == 4095) {
            honest_call();
        }
    }
    honest_call();
    return n;
}

int main(int argc, char **argv) {
    int failed = test_start(argc, argv, classes);
    if (failed != 0) {
        return failed;
    }
    attack_count = argc > 3 ? strtoull(argv[3], NULL, 10) : 0;
    attack_seed = argc > 4 ? strtoull(argv[4], NULL, 10) : 1;
#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(mutated_frames),
        TEST(mutated_answers),
        TEST(ignores_credit),
        TEST(nobody),
        TEST(many_names),
        TEST(definitions),
        TEST(out_of_turn),
        TEST(scribbles),
        TEST(honest_is_never_cut),
        cmocka_unit_test_setup_teardown(test_strangers, set_up_small, tear_down),
        cmocka_unit_test_setup_teardown(test_no_descriptors, set_up_small, tear_down),
    };
    return cmocka_run_group_tests_name(argv[1], tests, NULL, NULL);
}
