/* One array of 8 MB for three readers in processes of their own, without a copy of it: a loan is memory that the link
 * shares with its receiver. Each round writes another array into a loan of each reader; a reader keeps the latest.
 *
 * Build:  cc large.c -o large $(pkg-config --cflags --libs corps)
 * Run:    ./large
 * Prints:
 *     3 readers have array 5 of 8000000 bytes; each sum is 2499997500000
 */
#include <corps.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { READERS = 3, ROUNDS = 5, NUMBERS = 1000000 };

/* What came is lent until the method returns. Its box keeps it longer: the array stays where it is, in shared memory.
 */
struct reader {
    struct corps_box *box;
    const struct corps_value *args;
};

static enum corps_err take(struct corps_context *context, void *self, const struct corps_value *args,
                           struct corps_value *result) {
    struct reader *reader = self;
    (void)result;
    corps_box_unref(reader->box); /* the one before: its sender may use the memory again */
    reader->box = corps_context_box(context);
    reader->args = corps_box_root(reader->box);
    (void)args;
    return CORPS_OK;
}

static enum corps_err sum(struct corps_context *context, void *self, const struct corps_value *args,
                          struct corps_value *result) {
    struct reader *reader = self;
    (void)args;
    const struct corps_value *round = corps_value_item(reader->args, 0);
    const struct corps_value *array = corps_value_item(reader->args, 1);
    const int64_t *numbers = (const int64_t *)(const void *)array->bin; /* aligned to 64 */
    int64_t total = 0;
    for (size_t i = 0; i < array->count / sizeof *numbers; i++) {
        total += numbers[i];
    }
    struct corps_value *three = corps_context_alloc(context, 3 * sizeof *three);
    three[0] = *round;
    three[1] = corps_int((int64_t)array->count);
    three[2] = corps_int(total);
    *result = corps_array(three, 3);
    return CORPS_OK;
}

static void cleanup(struct corps_context *context, void *self) {
    (void)context;
    corps_box_unref(((struct reader *)self)->box);
}

static const struct corps_method methods[] = {{"take", take}, {"sum", sum}, {NULL, NULL}};
static const struct corps_class reader_class = {
    .name = "Reader", .bytes = sizeof(struct reader), .methods = methods, .cleanup = cleanup};
static const struct corps_class *const classes[] = {&reader_class, NULL};

static void must(enum corps_err err) {
    if (err != CORPS_OK) {
        fprintf(stderr, "large: %s: %s\n", corps_error_name(err), corps_error_detail());
        exit(1);
    }
}

static void publish(struct corps_name *const *readers, int round) {
    for (int i = 0; i < READERS; i++) {
        struct corps_block *block = corps_loan(readers[i], NUMBERS * sizeof(int64_t));
        if (block == NULL) {
            must(CORPS_ERR_NO_MEMORY);
        }
        int64_t *numbers = (int64_t *)(void *)block->data;
        for (int64_t n = 0; n < NUMBERS; n++) {
            numbers[n] = n * round;
        }
        const struct corps_value items[] = {corps_int(round), corps_bin(block->data, block->bytes)};
        const struct corps_value args = corps_array(items, 2);
        must(corps_send(readers[i], "take", &args, NULL)); /* from now on, nobody writes it */
        corps_block_unref(block);
    }
}

int main(void) {
    corps_start(classes);
    struct corps *corps;
    struct corps_name *readers[READERS];
    must(corps_create(NULL, NULL, &(struct corps_options){.env_count = READERS}, &corps));
    must(corps_create_concs(corps, "Reader", NULL, CORPS_PER_ENV, 1, readers));
    for (int round = 1; round <= ROUNDS; round++) {
        publish(readers, round);
    }
    int64_t totals[READERS], last = 0, bytes = 0;
    for (int i = 0; i < READERS; i++) {
        struct corps_future *future;
        const struct corps_value *three;
        must(corps_call(readers[i], "sum", NULL, NULL, &future));
        must(corps_future_wait(future, CORPS_FOREVER, &three));
        last = corps_value_item(three, 0)->integer;
        bytes = corps_value_item(three, 1)->integer;
        totals[i] = corps_value_item(three, 2)->integer;
        corps_future_destroy(future);
        corps_name_unref(readers[i]);
    }
    bool equal = totals[0] == totals[1] && totals[1] == totals[2];
    printf("%d readers have array %lld of %lld bytes; each sum is %s%lld\n", READERS, (long long)last, (long long)bytes,
           equal ? "" : "different: ", (long long)totals[0]);
    must(corps_exit(corps, CORPS_FOREVER));
    return equal ? 0 : 1;
}
