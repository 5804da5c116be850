/* corps-boot ENVS [TRANSPORT]: creates a Corps, makes one call to its last Env, and ends it: the whole-process
 * experiment that scripts/boot times with hyperfine. Exit status: 0 well, 1 failure, 2 usage. */
#include <corps.h>

#include <stdio.h>
#include <stdlib.h>

static enum corps_err hello(struct corps_context *context, void *self, const struct corps_value *args,
                            struct corps_value *result) {
    (void)context;
    (void)self;
    *result = *args;
    return CORPS_OK;
}
static const struct corps_method methods[] = {{"hello", hello}, {NULL, NULL}};
static const struct corps_class greeter = {.name = "Greeter", .methods = methods};
static const struct corps_class *const classes[] = {&greeter, NULL};

static int fail(const char *what) {
    fprintf(stderr, "corps-boot: %s: %s\n", what, corps_error_detail());
    return 1;
}

int main(int argc, char **argv) {
    corps_start(classes);
    char *end = NULL;
    unsigned long envs = argc > 1 ? strtoul(argv[1], &end, 10) : 0;
    if (envs == 0 || *end != '\0' || argc > 3) {
        fprintf(stderr, "usage: corps-boot ENVS [TRANSPORT]\n");
        return 2;
    }
    struct corps_options options = {.env_count = (unsigned)envs, .transport = argc > 2 ? argv[2] : NULL};
    struct corps *corps;
    struct corps_name *name;
    struct corps_future *future;
    struct corps_value seven = corps_int(7);
    const struct corps_value *answer;
    if (corps_create(NULL, NULL, &options, &corps) != CORPS_OK) {
        return fail("cannot create");
    }
    if (corps_create_concs(corps, "Greeter", NULL, CORPS_ENV_ID((unsigned)envs - 1), 1, &name) != CORPS_OK ||
        corps_call(name, "hello", &seven, NULL, &future) != CORPS_OK ||
        corps_future_wait(future, CORPS_FOREVER, &answer) != CORPS_OK || answer->integer != 7) {
        return fail("cannot call");
    }
    corps_future_destroy(future);
    corps_name_unref(name);
    return corps_exit(corps, CORPS_FOREVER) == CORPS_OK ? 0 : fail("cannot end in order");
}
