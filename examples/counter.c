/* A service that keeps something, refuses what it cannot do, and is not waited for longer than one likes.
 *
 * Build:  cc counter.c -o counter $(pkg-config --cflags --libs corps)
 * Run:    ./counter
 * Prints:
 *     begun with 100
 *     after 20 more: 120
 *     refused: Overdrawn: 500 are not there, only 120
 *     no such method: NO_METHOD
 *     too slow: TIMEOUT
 *     still 120
 */
#include <corps.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/* A Worker's own memory: one for each, zeroed before init. Methods of one Worker never run at the same time. */
struct counter {
    int64_t count;
};

static enum corps_err init(struct corps_context *context, void *self, const struct corps_value *args,
                           struct corps_value *result) {
    struct counter *counter = self;
    (void)context;
    (void)result;
    counter->count = corps_value_open(args)->integer;
    return CORPS_OK;
}

static enum corps_err add(struct corps_context *context, void *self, const struct corps_value *args,
                          struct corps_value *result) {
    struct counter *counter = self;
    const struct corps_value *number = corps_value_open(args);
    if (number->kind != CORPS_INT) {
        return corps_fail(context, "TypeError", "add takes a whole number");
    }
    if (counter->count + number->integer < 0) {
        return corps_fail(context, "Overdrawn", "%lld are not there, only %lld", (long long)-number->integer,
                          (long long)counter->count);
    }
    counter->count += number->integer;
    *result = corps_int(counter->count);
    return CORPS_OK;
}

static enum corps_err rest(struct corps_context *context, void *self, const struct corps_value *args,
                           struct corps_value *result) {
    (void)context, (void)self, (void)args, (void)result;
    nanosleep(&(struct timespec){.tv_nsec = 300000000}, NULL);
    return CORPS_OK;
}

static const struct corps_method methods[] = {{"add", add}, {"rest", rest}, {NULL, NULL}};
static const struct corps_class counter_class = {
    .name = "Counter", .bytes = sizeof(struct counter), .init = init, .methods = methods};
static const struct corps_class *const classes[] = {&counter_class, NULL};

static void must(enum corps_err err) {
    if (err != CORPS_OK) { /* one line that says what happened, and what to do about it */
        fprintf(stderr, "counter: %s: %s\n", corps_error_name(err), corps_error_detail());
        exit(1);
    }
}

/* Calls, waits, and tells the outcome. What a method refuses comes as REMOTE, with the type and text that it gave. */
static enum corps_err ask(const struct corps_name *name, const char *method, int64_t number, int64_t limit_ns,
                          int64_t *answer) {
    const struct corps_value args = corps_int(number);
    const struct corps_call_options options = {.timeout_ns = limit_ns}; /* it travels along */
    struct corps_future *future;
    const struct corps_value *result;
    must(corps_call(name, method, &args, &options, &future));
    enum corps_err err = corps_future_wait(future, CORPS_FOREVER, &result);
    if (err == CORPS_OK && answer != NULL) {
        *answer = result->integer;
    } else if (err == CORPS_ERR_REMOTE) {
        const struct corps_error_info *info = corps_future_error(future);
        printf("refused: %s: %s\n", info->type, info->text);
    }
    corps_future_destroy(future);
    return err;
}

int main(void) {
    corps_start(classes);
    struct corps *corps;
    struct corps_name *name;
    const struct corps_value hundred = corps_int(100);
    int64_t count = 0;
    must(corps_create(NULL, NULL, NULL, &corps));
    must(corps_create_concs(corps, "Counter", &hundred, CORPS_AUTO, 1, &name)); /* init has run */

    must(ask(name, "add", 0, 0, &count));
    printf("begun with %lld\n", (long long)count);
    must(ask(name, "add", 20, 0, &count));
    printf("after 20 more: %lld\n", (long long)count);
    if (ask(name, "add", -500, 0, NULL) != CORPS_ERR_REMOTE) {
        return 1;
    }
    printf("no such method: %s\n", corps_error_name(ask(name, "multiply", 2, 0, NULL)));
    printf("too slow: %s\n", corps_error_name(ask(name, "rest", 0, 20000000, NULL))); /* 20 ms */
    must(ask(name, "add", 0, 0, &count)); /* waits until `rest` is over: one request at a time */
    printf("still %lld\n", (long long)count);

    corps_name_unref(name);
    must(corps_exit(corps, CORPS_FOREVER));
    return 0;
}
