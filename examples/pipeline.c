/* Three stages in three processes. Each knows the Name of the next, and sends on without waiting: nothing comes back
 * until the last one is asked. A full mailbox holds up who sends to it, so no stage runs away from the next.
 *
 * Build:  cc pipeline.c -o pipeline $(pkg-config --cflags --libs corps)
 * Run:    ./pipeline
 * Prints:
 *     1000 numbers went through 3 processes; the sum of the squares of the even ones is 167167000
 */
#include <corps.h>
#include <stdio.h>
#include <stdlib.h>

struct stage {
    struct corps_name *next; /* NULL: the last */
    int64_t sum;
    int64_t seen;
};

static enum corps_err init(struct corps_context *context, void *self, const struct corps_value *args,
                           struct corps_value *result) {
    struct stage *stage = self;
    const struct corps_value *next = corps_value_open(args);
    (void)context, (void)result;
    stage->next = next->kind == CORPS_NAME ? corps_name_ref(next->name) : NULL;
    return CORPS_OK;
}

static void cleanup(struct corps_context *context, void *self) {
    (void)context;
    corps_name_unref(((struct stage *)self)->next);
}

/* The next stage gets them in the order in which this one sends them. */
static enum corps_err pass_on(const struct stage *stage, const char *method, int64_t number) {
    const struct corps_value args = corps_int(number);
    return corps_send(stage->next, method, &args, NULL);
}

static enum corps_err keep_even(struct corps_context *context, void *self, const struct corps_value *args,
                                struct corps_value *result) {
    int64_t number = corps_value_open(args)->integer;
    (void)context, (void)result;
    return pass_on(self, "square", number % 2 == 0 ? number : 0);
}

static enum corps_err square(struct corps_context *context, void *self, const struct corps_value *args,
                             struct corps_value *result) {
    int64_t number = corps_value_open(args)->integer;
    (void)context, (void)result;
    return pass_on(self, "add", number * number);
}

static enum corps_err add(struct corps_context *context, void *self, const struct corps_value *args,
                          struct corps_value *result) {
    struct stage *stage = self;
    (void)context, (void)result;
    stage->sum += corps_value_open(args)->integer;
    stage->seen++;
    return CORPS_OK;
}

/* Goes through all stages behind the numbers, so that it finds them done. */
static enum corps_err finish(struct corps_context *context, void *self, const struct corps_value *args,
                             struct corps_value *result) {
    struct stage *stage = self;
    struct corps_value *pair = corps_context_alloc(context, 2 * sizeof *pair);
    if (stage->next == NULL) {
        pair[0] = corps_int(stage->seen);
        pair[1] = corps_int(stage->sum);
        *result = corps_array(pair, 2);
        return CORPS_OK;
    }
    struct corps_future *future;
    const struct corps_value *answer;
    enum corps_err err = corps_call(stage->next, "finish", args, NULL, &future);
    if (err != CORPS_OK) {
        return err;
    }
    err = corps_future_wait(future, CORPS_FOREVER, &answer);
    if (err == CORPS_OK) {
        pair[0] = *corps_value_item(answer, 0);
        pair[1] = *corps_value_item(answer, 1);
        *result = corps_array(pair, 2);
    }
    corps_future_destroy(future);
    return err;
}

static const struct corps_method methods[] = {
    {"keep_even", keep_even}, {"square", square}, {"add", add}, {"finish", finish}, {NULL, NULL}};
static const struct corps_class stage_class = {
    .name = "Stage", .bytes = sizeof(struct stage), .init = init, .methods = methods, .cleanup = cleanup};
static const struct corps_class *const classes[] = {&stage_class, NULL};

static void must(enum corps_err err) {
    if (err != CORPS_OK) {
        fprintf(stderr, "pipeline: %s: %s\n", corps_error_name(err), corps_error_detail());
        exit(1);
    }
}

int main(void) {
    corps_start(classes);
    struct corps *corps;
    struct corps_name *stages[3];
    must(corps_create(NULL, NULL, &(struct corps_options){.env_count = 3}, &corps));
    for (unsigned i = 3; i-- > 0;) { /* the last first, since each is told its next */
        struct corps_value next = i < 2 ? corps_value_of_name(stages[i + 1]) : corps_nil();
        must(corps_create_concs(corps, "Stage", &next, CORPS_ENV_ID(i), 1, &stages[i]));
    }
    for (int64_t number = 1; number <= 1000; number++) {
        const struct corps_value args = corps_int(number);
        must(corps_send(stages[0], "keep_even", &args, NULL));
    }
    struct corps_future *future;
    const struct corps_value *answer;
    must(corps_call(stages[0], "finish", NULL, NULL, &future));
    must(corps_future_wait(future, CORPS_FOREVER, &answer));
    printf("%lld numbers went through 3 processes; the sum of the squares of the even ones is %lld\n",
           (long long)corps_value_item(answer, 0)->integer, (long long)corps_value_item(answer, 1)->integer);
    corps_future_destroy(future);
    for (unsigned i = 0; i < 3; i++) {
        corps_name_unref(stages[i]);
    }
    must(corps_exit(corps, CORPS_FOREVER));
    return 0;
}
