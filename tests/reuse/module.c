/* Classes in a shared object that is built outside of Corps' tree, and a program that has none: corps-env serves them.
 * With -DMODULE this is the object, without it the program: `module OBJECT`. */
#include <corps.h>
#include <stdio.h>

#ifdef MODULE

static enum corps_err add(struct corps_context *context, void *self, const struct corps_value *args,
                          struct corps_value *result) {
    (void)context;
    (void)self;
    *result = corps_int(corps_value_item(args, 0)->integer + corps_value_item(args, 1)->integer);
    return CORPS_OK;
}
static const struct corps_method methods[] = {{"add", add}, {NULL, NULL}};
static const struct corps_class adder = {.name = "Adder", .methods = methods, .size = sizeof adder};
CORPS_API extern const struct corps_class *const corps_classes[];
const struct corps_class *const corps_classes[] = {&adder, NULL};

#else

int main(int argc, char **argv) {
    corps_start(NULL);
    const struct corps_options options = {.env_count = 2, .module = argc > 1 ? argv[1] : NULL, .size = sizeof options};
    struct corps *corps;
    struct corps_name *name;
    struct corps_future *future;
    const struct corps_value *sum;
    struct corps_value numbers[] = {corps_int(20), corps_int(22)}, args = corps_array(numbers, 2);
    if (corps_create(NULL, NULL, &options, &corps) != CORPS_OK ||
        corps_create_concs(corps, "Adder", NULL, CORPS_ENV_ID(1), 1, &name) != CORPS_OK ||
        corps_call(name, "add", &args, NULL, &future) != CORPS_OK ||
        corps_future_wait(future, CORPS_FOREVER, &sum) != CORPS_OK) {
        fprintf(stderr, "module: %s\n", corps_error_detail());
        return 1;
    }
    printf("%lld by a module\n", (long long)sum->integer);
    corps_future_destroy(future);
    corps_name_unref(name);
    return corps_exit(corps, CORPS_FOREVER) == CORPS_OK ? 0 : 1;
}

#endif
