/* Blocks: counted, aligned, used again when they are large, and freed once by whoever is last. */
#include <corps/block.h>

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void test_sizes(void **state) {
    (void)state;
    static const size_t sizes[] = {0, 1, 63, 64, 65, 4096, 16383, 16384, 65536, 1 << 20, (1 << 22) + 1};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        for (int again = 0; again < 3; again++) { /* the second and third may be the first one's memory */
            struct corps_block *block = corps_block_create(sizes[i]);
            assert_non_null(block);
            assert_int_equal(block->bytes, sizes[i]);
            assert_int_equal((uintptr_t)block->data % 64, 0);
            if (sizes[i] > 0) {
                memset(block->data, again, sizes[i]);
            }
            corps_block_unref(block);
        }
    }
    assert_null(corps_block_create(SIZE_MAX));
    assert_null(corps_block_create(SIZE_MAX - 100));
    corps_block_unref(NULL);
}

/* Blocks that are in use at the same time never share memory, also when earlier ones are used again. */
static void test_apart(void **state) {
    (void)state;
    enum { COUNT = 64 };
    struct corps_block *blocks[COUNT];
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < COUNT; i++) {
            blocks[i] = corps_block_create(10000u + 4000u * (unsigned)i);
            assert_non_null(blocks[i]);
            memset(blocks[i]->data, i, blocks[i]->bytes);
        }
        for (int i = 0; i < COUNT; i++) {
            assert_int_equal(blocks[i]->data[0], i);
            assert_int_equal(blocks[i]->data[blocks[i]->bytes - 1], i);
            corps_block_unref(blocks[i]);
        }
    }
}

static atomic_int freed;

static void count_free(struct corps_block *block) {
    (void)block;
    atomic_fetch_add(&freed, 1);
}

static void test_own_memory(void **state) {
    (void)state;
    uint8_t data[8];
    struct corps_block block;
    atomic_store(&freed, 0);
    corps_block_init(&block, data, sizeof data, count_free);
    assert_ptr_equal(corps_block_ref(&block), &block);
    corps_block_unref(&block);
    assert_int_equal(atomic_load(&freed), 0);
    corps_block_unref(&block);
    assert_int_equal(atomic_load(&freed), 1);
}

enum { THREADS = 4, ROUNDS = 20000 };

static void *ref_and_unref(void *arg) {
    for (int i = 0; i < ROUNDS; i++) {
        (void)corps_block_ref(arg);
        corps_block_unref(arg);
    }
    corps_block_unref(arg); /* the thread's own */
    return NULL;
}

static void test_threads(void **state) {
    (void)state;
    struct corps_block block;
    atomic_store(&freed, 0);
    corps_block_init(&block, NULL, 0, count_free);
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++) {
        (void)corps_block_ref(&block);
    }
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, ref_and_unref, &block), 0);
    }
    corps_block_unref(&block);
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    assert_int_equal(atomic_load(&freed), 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_apart),
        cmocka_unit_test(test_own_memory),
        cmocka_unit_test(test_threads),
    };
    return cmocka_run_group_tests_name("block", tests, NULL, NULL);
}
