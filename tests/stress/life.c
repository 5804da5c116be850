/* The life of a Corps in short, for failing.py to make its calls of the C library fail: stress-life TRANSPORT
 * [SECONDS].
 *
 * SECONDS is the calls' deadline, where a process lacks something for ever; else they have none.
 *
 * Create, place, call, reply, connect between Envs, exit. Prints "ok", or "error: STEP: CODE: TEXT" and exits with 0 in
 * both cases: every error is as good as success, as long as it comes, says something and leaves nothing. Exits with 3
 * when the Corps had to be killed at its end. */

#include "../core/methods.h"

#include <corps.h>

#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ENVS = 2, BIG_BYTES = 40000 };
#define BOOT_NS (10 * 1000000000LL) /* where it would last for ever without what is lacking */
#define EXIT_NS (40 * 1000000000LL)

/* Asks another Worker: the first time that connects the two Envs. */
static enum corps_err pass(struct corps_context *context, void *self, const struct corps_value *args,
                           struct corps_value *result) {
    (void)self;
    struct corps_future *future = NULL;
    const struct corps_value *answer;
    enum corps_err err = corps_call(args->name, "echo", args, NULL, &future);
    err = err == CORPS_OK ? corps_future_wait(future, CORPS_FOREVER, &answer) : err;
    if (err != CORPS_OK) {
        err = corps_fail(context, corps_error_name(err), "%s", corps_error_detail());
    }
    *result = corps_bool(err == CORPS_OK);
    corps_future_destroy(future);
    return err;
}

static const struct corps_method methods[] = {{"echo", method_echo}, {"pass", pass}, {NULL, NULL}};
static const struct corps_class worker = {.name = "Worker", .bytes = 64, .methods = methods};
static const struct corps_class *const classes[] = {&worker, NULL};

static struct corps_call_options call_options;

static enum corps_err ask(const struct corps_name *name, const char *method, struct corps_value args) {
    struct corps_future *future = NULL;
    enum corps_err err = corps_call(name, method, &args, &call_options, &future);
    err = err == CORPS_OK ? corps_future_wait(future, CORPS_FOREVER, NULL) : err;
    corps_future_destroy(future);
    return err;
}

/* What failed first goes to stdout. */
static bool went(const char *step, enum corps_err err) {
    static bool told;
    if (err != CORPS_OK && !told) {
        printf("error: %s: %s: %s\n", step, corps_error_name(err), corps_error_detail());
        told = true;
    }
    return err == CORPS_OK;
}

static bool use(struct corps *corps, struct corps_name **names) {
    static uint8_t big[BIG_BYTES];
    struct corps_value payload = corps_bin(big, sizeof big);
    bool good = went("place", corps_create_concs(corps, "Worker", NULL, CORPS_PER_ENV, 1, names));
    for (unsigned i = 0; good && i < ENVS; i++) {
        good = went("call", ask(names[i], "echo", corps_int(7))) &&
               went("large call", ask(names[i], "echo", payload)) &&
               went("send", corps_send(names[i], "echo", NULL, NULL));
    }
    good = good && went("pass", ask(names[0], "pass", corps_value_of_name(names[1])));
    return good && went("pass back", ask(names[1], "pass", corps_value_of_name(names[0])));
}

int main(int argc, char **argv) {
    corps_start(classes);
    if (argc < 2) {
        fprintf(stderr, "usage: %s TRANSPORT [SECONDS]\n", argv[0]);
        return 2;
    }
    call_options.timeout_ns = argc > 2 ? atoi(argv[2]) * 1000000000LL : 0;
    void (*begin)(void) = (void (*)(void))(uintptr_t)dlsym(RTLD_DEFAULT, "failing_begin");
    if (begin != NULL) {
        begin();
    }
    const struct corps_options options = {
        .tag = "life", .transport = argv[1], .env_count = ENVS, .queue_count = 2, .boot_timeout_ns = BOOT_NS};
    struct corps *corps = NULL;
    struct corps_name *names[ENVS] = {NULL};
    bool good = went("create", corps_create("Worker", NULL, &options, &corps));
    good = good && use(corps, names);
    for (unsigned i = 0; i < ENVS; i++) {
        corps_name_unref(names[i]);
    }
    enum corps_err err = corps_exit(corps, EXIT_NS);
    went("exit", err);
    if (good && err == CORPS_OK) {
        printf("ok\n");
    }
    return err == CORPS_ERR_TIMEOUT ? 3 : 0;
}
