/* Slabs on one thread and from thread to thread: where objects come from, what is kept of them, how many a thread
 * keeps, and what is left when there is no memory. Under several threads at once: threads/slab.c. */
#include "base/slab.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <pthread.h>

enum { BYTES = 64, AT_ONCE = 64, MANY = 4 * 512 };

static unsigned made_count;
static bool has_memory = true;

static void *make(size_t bytes, unsigned count) {
    void *memory = has_memory ? aligned_alloc(64, bytes * count) : NULL;
    if (memory != NULL) {
        made_count += count;
        memset(memory, 0, bytes * count);
    }
    return memory;
}

static const struct corps__slab_source source = {.bytes = BYTES, .make = make};

static void *take(void) {
    return corps__slab_take(CORPS__SLAB_MESSAGE, &source);
}

static void give(void *object) {
    corps__slab_give(CORPS__SLAB_MESSAGE, &source, object);
}

static unsigned kept_here(void) {
    return (unsigned)(CORPS__SLAB_CACHE_MAX - corps__slab_caches[CORPS__SLAB_MESSAGE].room);
}

/* Takes what there is without more memory. */
static unsigned take_all(void **objects, unsigned most) {
    unsigned count = 0;
    has_memory = false;
    while (count < most && (objects[count] = take()) != NULL) {
        count++;
    }
    has_memory = true;
    return count;
}

static int by_address(const void *a, const void *b) {
    uintptr_t x = *(const uintptr_t *)a, y = *(const uintptr_t *)b;
    return (x > y) - (x < y);
}

static void expect_apart(void **objects, unsigned count) {
    qsort(objects, count, sizeof *objects, by_address);
    for (unsigned i = 0; i < count; i++) {
        assert_int_equal((uintptr_t)objects[i] % 64, 0);
        assert_true(i == 0 || (char *)objects[i] - (char *)objects[i - 1] >= BYTES);
    }
}

static void give_all(void **objects, unsigned count) {
    for (unsigned i = 0; i < count; i++) {
        give(objects[i]);
    }
}

static void objects_lie_apart(void **state) {
    (void)state;
    void *objects[MANY];
    for (unsigned i = 0; i < MANY; i++) {
        objects[i] = take();
        assert_non_null(objects[i]);
    }
    assert_in_range(made_count, MANY, MANY + AT_ONCE - 1); /* no more than is needed */
    expect_apart(objects, MANY);
    give_all(objects, MANY);
}

static void nothing_is_lost(void **state) {
    (void)state;
    static void *objects[2 * MANY];
    unsigned count = take_all(objects, 2 * MANY);
    assert_int_equal(count, made_count);
    expect_apart(objects, count);
    assert_null(corps__slab_caches[CORPS__SLAB_MESSAGE].first);
    assert_int_equal(kept_here(), 0);
    give_all(objects, count);
    assert_int_equal(take_all(objects, 2 * MANY), made_count);
    give_all(objects, count);
}

static void no_memory_is_said_and_passes(void **state) {
    (void)state;
    static void *objects[2 * MANY];
    unsigned count = take_all(objects, 2 * MANY);
    has_memory = false;
    assert_null(take());
    assert_null(take());
    has_memory = true;
    void *object = take();
    assert_non_null(object);
    give(object);
    give_all(objects, count);
}

static void last_given_is_first_taken(void **state) {
    (void)state;
    if (CORPS__SLAB_CACHE_MAX == 0) {
        print_message("skipped: under AddressSanitizer a thread keeps nothing\n");
        skip();
    }
    void *first = take(), *second = take();
    give(first);
    give(second);
    assert_ptr_equal(take(), second);
    assert_ptr_equal(take(), first);
    give(first);
    give(second);
}

/* All but the first three words. */
static void content_is_kept(void **state) {
    (void)state;
    unsigned char *object = take();
    memset(object, 0x5a, BYTES);
    give(object);
    void *objects[MANY];
    unsigned count = 0;
    while (count < MANY && (objects[count] = take()) != object) {
        count++;
    }
    assert_true(count < MANY);
    for (unsigned i = sizeof(struct corps__slab_item); i < BYTES; i++) {
        assert_int_equal(object[i], 0x5a);
    }
    give_all(objects, count + 1);
}

static void a_thread_keeps_so_many(void **state) {
    (void)state;
    void *objects[MANY];
    for (unsigned i = 0; i < MANY; i++) {
        objects[i] = take();
    }
    for (unsigned i = 0; i < MANY; i++) {
        give(objects[i]);
        assert_true(kept_here() <= CORPS__SLAB_CACHE_MAX + 0u);
    }
    if (CORPS__SLAB_CACHE_MAX > 0) { /* and hands over a magazine, not all */
        assert_true(kept_here() > CORPS__SLAB_CACHE_MAX - AT_ONCE - 1u);
    }
    unsigned kept = 0;
    for (struct corps__slab_item *item = corps__slab_caches[CORPS__SLAB_MESSAGE].first; item != NULL;
         item = item->next) {
        kept++;
    }
    assert_int_equal(kept, kept_here());
}

/* Of batches fewer. */
static void fewer_batches_are_kept(void **state) {
    (void)state;
    static const struct corps__slab_source batches = {.bytes = BYTES};
    void *objects[MANY];
    for (unsigned i = 0; i < MANY; i++) {
        objects[i] = corps__slab_take(CORPS__SLAB_BATCH, &batches);
        assert_non_null(objects[i]);
    }
    for (unsigned i = 0; i < MANY; i++) {
        corps__slab_give(CORPS__SLAB_BATCH, &batches, objects[i]);
        int kept = corps__slab_cache_max(CORPS__SLAB_BATCH) - corps__slab_caches[CORPS__SLAB_BATCH].room;
        assert_true(kept >= 0 && kept <= CORPS__SLAB_BATCHES_MAX);
    }
}

static void *takes_hundred(void *objects) {
    for (unsigned i = 0; i < 100; i++) {
        ((void **)objects)[i] = take();
    }
    return NULL;
}

static void *gives_hundred(void *objects) {
    give_all(objects, 100);
    return NULL;
}

static pthread_key_t last_words;

/* At the end of a thread, after the slabs have looked: takes one, and gives back that and `object`. */
static void give_late(void *object) {
    void *other = take();
    give(object);
    give(other);
}

static void *ends_late(void *objects) {
    takes_hundred(objects);
    give_all((void **)objects + 1, 99);
    pthread_setspecific(last_words, *(void **)objects);
    return NULL;
}

/* From one thread to another one: what was made here serves there, and what an ended thread kept serves others. */
static void threads_end(void **state) {
    (void)state;
    static void *objects[2 * MANY], *all[2 * MANY];
    pthread_t thread;
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(pthread_create(&thread, NULL, takes_hundred, objects), 0);
        pthread_join(thread, NULL);
        assert_int_equal(pthread_create(&thread, NULL, gives_hundred, objects), 0); /* it gives only */
        pthread_join(thread, NULL);
    }
    assert_int_equal(pthread_key_create(&last_words, give_late), 0);
    assert_int_equal(pthread_create(&thread, NULL, ends_late, objects), 0);
    pthread_join(thread, NULL);
    pthread_key_delete(last_words);
    unsigned count = take_all(all, 2 * MANY);
    assert_int_equal(count, made_count);
    expect_apart(all, count);
    give_all(all, count);
}

static void slabs_are_apart(void **state) {
    (void)state;
    static const struct corps__slab_source other = {.bytes = 192};
    void *mine = take(), *its = corps__slab_take(CORPS__SLAB_BOX, &other);
    assert_non_null(its);
    assert_int_equal((uintptr_t)its % 64, 0);
    memset(its, 1, 192); /* so large that AddressSanitizer sees what is not ours */
    unsigned kept = kept_here();
    corps__slab_give(CORPS__SLAB_BOX, &other, its);
    assert_int_equal(kept_here(), kept);
    give(mine);
}

static void forked(void **state) {
    (void)state;
    static void *objects[2 * MANY];
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        corps__slabs_forked();
        _exit(take_all(objects, 2 * MANY) == made_count ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(objects_lie_apart),
        cmocka_unit_test(nothing_is_lost),
        cmocka_unit_test(no_memory_is_said_and_passes),
        cmocka_unit_test(last_given_is_first_taken),
        cmocka_unit_test(content_is_kept),
        cmocka_unit_test(a_thread_keeps_so_many),
        cmocka_unit_test(fewer_batches_are_kept),
        cmocka_unit_test(threads_end),
        cmocka_unit_test(slabs_are_apart),
        cmocka_unit_test(forked),
    };
    return cmocka_run_group_tests_name("slab", tests, NULL, NULL);
}
