/* One Worker in a process of its own, and one call.
 *
 * Build:  cc hello.c -o hello $(pkg-config --cflags --libs corps)
 * Run:    ./hello
 * Prints:
 *     hello, world, from another process
 */
#include <corps.h>
#include <stdio.h>
#include <unistd.h>

/* A method: `args` is what the caller sent, `*result` what it gets. What the result points to must live until it is
 * sent, right after return: memory of the context does. */
static enum corps_err greet(struct corps_context *context, void *self, const struct corps_value *args,
                            struct corps_value *result) {
    (void)self;
    const struct corps_value *whom = corps_value_item(args, 0);
    const struct corps_value *caller = corps_value_item(args, 1);
    char *text = corps_context_alloc(context, 100);
    if (text == NULL) {
        return corps_fail(context, "MemoryError", "no memory for a greeting");
    }
    int length = snprintf(text, 100, "hello, %.*s, from %s process", (int)whom->count, whom->str,
                          caller->integer == getpid() ? "the same" : "another");
    *result = corps_str_bytes(text, (size_t)length);
    return CORPS_OK;
}

static const struct corps_method methods[] = {{"greet", greet}, {NULL, NULL}};
static const struct corps_class greeter = {.name = "Greeter", .methods = methods};
static const struct corps_class *const classes[] = {&greeter, NULL};

int main(void) {
    corps_start(classes); /* first: an Env is this program started again, and serves from here on */

    struct corps *corps;
    struct corps_name *name;
    struct corps_future *future;
    const struct corps_value *answer;
    const struct corps_value items[] = {corps_str("world"), corps_int(getpid())};
    const struct corps_value args = corps_array(items, 2);
    if (corps_create(NULL, NULL, NULL, &corps) != CORPS_OK ||                           /* starts the Env */
        corps_create_concs(corps, "Greeter", NULL, CORPS_AUTO, 1, &name) != CORPS_OK || /* a Worker in it */
        corps_call(name, "greet", &args, NULL, &future) != CORPS_OK ||                  /* gives a Future at once */
        corps_future_wait(future, CORPS_FOREVER, &answer) != CORPS_OK) {                /* until the reply is here */
        fprintf(stderr, "hello: %s\n", corps_error_detail());
        return 1;
    }
    printf("%.*s\n", (int)answer->count, answer->str);
    corps_future_destroy(future); /* `answer` was lent until now */
    corps_name_unref(name);
    return corps_exit(corps, CORPS_FOREVER) == CORPS_OK ? 0 : 1; /* ends the Env, in order */
}
