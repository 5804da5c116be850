/* Work spread over four Envs. Each Worker counts the words of some lines; the program takes answers as they come.
 *
 * Build:  cc words.c -o words $(pkg-config --cflags --libs corps)
 * Run:    ./words
 * Prints:
 *     12 lines, 84 words, the longest of 9 letters, counted by 4 Workers
 */
#include <corps.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ENVS = 4, LINES = 12 };

static const char *const verse[] = {"how much wood would a woodchuck chuck", "she sells some seashells on the seashore",
                                    "five frantic frogs fled from fifty fierce"};

/* [words, letters of the longest] of the text */
static enum corps_err count_words(struct corps_context *context, void *self, const struct corps_value *args,
                                  struct corps_value *result) {
    (void)self;
    const struct corps_value *text = corps_value_open(args);
    int64_t words = 0, longest = 0, length = 0;
    for (size_t i = 0; i <= text->count; i++) {
        bool letter = i < text->count && text->str[i] != ' ';
        words += !letter && length > 0;
        length = letter ? length + 1 : 0;
        longest = length > longest ? length : longest;
    }
    struct corps_value *pair = corps_context_alloc(context, 2 * sizeof *pair);
    if (pair == NULL) {
        return corps_fail(context, "MemoryError", "no memory for two numbers");
    }
    pair[0] = corps_int(words);
    pair[1] = corps_int(longest);
    *result = corps_array(pair, 2);
    return CORPS_OK;
}

static const struct corps_method methods[] = {{"count", count_words}, {NULL, NULL}};
static const struct corps_class counter = {.name = "Counter", .methods = methods};
static const struct corps_class *const classes[] = {&counter, NULL};

static void must(enum corps_err err) {
    if (err != CORPS_OK) {
        fprintf(stderr, "words: %s: %s\n", corps_error_name(err), corps_error_detail());
        exit(1);
    }
}

int main(void) {
    corps_start(classes);
    struct corps *corps;
    struct corps_name *workers[ENVS];
    struct corps_future *futures[LINES];
    must(corps_create(NULL, NULL, &(struct corps_options){.env_count = ENVS}, &corps));
    must(corps_create_concs(corps, "Counter", NULL, CORPS_PER_ENV, 1, workers)); /* one in every Env */

    for (int i = 0; i < LINES; i++) { /* all at once; each Worker has three lines to do */
        const struct corps_value text = corps_str(verse[i % 3]);
        must(corps_call(workers[i % ENVS], "count", &text, NULL, &futures[i]));
    }
    int64_t words = 0, longest = 0;
    for (int left = LINES; left > 0; left--) {
        size_t index;
        const struct corps_value *pair;
        must(corps_wait_next(futures, LINES, CORPS_FOREVER, &index)); /* whichever is first */
        must(corps_future_wait(futures[index], 0, &pair));
        words += corps_value_item(pair, 0)->integer;
        int64_t letters = corps_value_item(pair, 1)->integer;
        longest = letters > longest ? letters : longest;
        corps_future_destroy(futures[index]);
        futures[index] = NULL; /* done with */
    }
    printf("%d lines, %lld words, the longest of %lld letters, counted by %d Workers\n", LINES, (long long)words,
           (long long)longest, ENVS);
    for (int i = 0; i < ENVS; i++) {
        corps_name_unref(workers[i]);
    }
    must(corps_exit(corps, CORPS_FOREVER));
    return 0;
}
