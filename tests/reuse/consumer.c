#include <corps.h>
#include <stdio.h>

static enum corps_err add(struct corps_context *context, void *self, const struct corps_value *args,
                          struct corps_value *result) {
    (void)self;
    *result = corps_int(corps_value_item(args, 0)->integer + corps_value_item(args, 1)->integer);
    printf("added in Env %u\n", corps_context_env(context));
    return CORPS_OK;
}
static const struct corps_method methods[] = {{"add", add}, {NULL, NULL}};
static const struct corps_class calc = {.name = "Calc", .methods = methods};
static const struct corps_class *const classes[] = {&calc, NULL};

int main(void) {
    corps_start(classes); /* an Env is this program started again: there, this does not return */
    struct corps *corps;
    struct corps_name *names[2];
    struct corps_future *future;
    const struct corps_value *sum;
    struct corps_value numbers[] = {corps_int(20), corps_int(22)}, args = corps_array(numbers, 2);
    if (corps_create(NULL, NULL, &(struct corps_options){.env_count = 2}, &corps) != CORPS_OK ||
        corps_create_concs(corps, "Calc", NULL, CORPS_PER_ENV, 1, names) != CORPS_OK ||
        corps_call(names[1], "add", &args, NULL, &future) != CORPS_OK ||
        corps_future_wait(future, CORPS_FOREVER, &sum) != CORPS_OK) {
        fprintf(stderr, "consumer: %s\n", corps_error_detail());
        return 1;
    }
    printf("20 + 22 = %lld\n", (long long)sum->integer);
    corps_future_destroy(future);
    corps_name_unref(names[0]);
    corps_name_unref(names[1]);
    return corps_exit(corps, CORPS_FOREVER) == CORPS_OK ? 0 : 1;
}
