/* The pool of shared memory in one process: extents, loans, what runs out, and what a hostile receiver may write. */
#include "pool.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

enum { BYTES = 1 << 20, PAGE = CORPS__POOL_PAGE, PAGES = BYTES / PAGE };

struct fixture {
    struct corps__mapping *mapping;
    struct corps__pool *pool;
};

static int setup(void **state) {
    struct fixture *fixture = calloc(1, sizeof *fixture);
    size_t bytes = CORPS__POOL_HEAD_BYTES + BYTES;
    void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    fixture->mapping = corps__mapping_create(memory, bytes);
    fixture->pool = corps__pool_create(fixture->mapping, memory, BYTES);
    *state = fixture;
    return fixture->pool != NULL ? 0 : -1;
}

static int teardown(void **state) {
    struct fixture *fixture = *state;
    corps__pool_unref(fixture->pool);
    corps__mapping_unref(fixture->mapping);
    free(fixture);
    return 0;
}

/* As the receiver does it. */
static struct corps_block *view(struct fixture *fixture, const struct corps__extent *extent) {
    uint8_t *head;
    assert_true(corps__extent_fits(extent, BYTES));
    struct corps_block *block = corps__pool_view(fixture->mapping, fixture->mapping->memory, extent, 100, &head);
    assert_non_null(block);
    memset(head, 1, 100);
    return block;
}

/* The sender looks at what was given back after so much, or when it finds nothing. */
static void let_it_look(struct fixture *fixture) {
    corps_block_unref(corps__pool_loan(fixture->pool, BYTES / 2));
}

static void copies_and_gives_back(void **state) {
    struct fixture *fixture = *state;
    static uint8_t data[BYTES / 2];
    for (unsigned k = 0; k < 5000; k++) {
        size_t bytes = 1 + (k * 7919u) % sizeof data;
        struct corps__extent extent;
        memset(data, (int)(k & 0xff), bytes);
        assert_true(corps__pool_put(fixture->pool, data, bytes, &extent));
        struct corps_block *block = view(fixture, &extent);
        assert_int_equal(block->bytes, bytes);
        assert_memory_equal(block->data, data, bytes);
        corps_block_unref(block);
    }
}

static void loan_is_sent_where_it_lies(void **state) {
    struct fixture *fixture = *state;
    struct corps__extent extents[2];
    struct corps_block *loan = corps__pool_loan(fixture->pool, 3 * PAGE);
    assert_non_null(loan);
    uint8_t *at = loan->data;
    memset(at, 7, loan->bytes);
    assert_true(corps__pool_put(fixture->pool, at, loan->bytes, &extents[0]));
    assert_true(corps__pool_put(fixture->pool, at + PAGE + 10, 2 * PAGE - 10, &extents[1]));
    assert_int_equal(extents[1].offset, extents[0].offset + PAGE + 10);
    assert_int_not_equal(extents[0].ticket, extents[1].ticket);
    corps_block_unref(loan);
    struct corps_block *views[2] = {view(fixture, &extents[0]), view(fixture, &extents[1])};
    corps_block_unref(views[0]);
    let_it_look(fixture);
    struct corps_block *other = corps__pool_loan(fixture->pool, PAGE); /* the block is held by its second message */
    assert_true(other->data >= at + 3 * PAGE);
    assert_int_equal(views[1]->data[0], 7);
    corps_block_unref(views[1]);
    let_it_look(fixture);
    struct corps_block *again = corps__pool_loan(fixture->pool, 3 * PAGE);
    assert_ptr_equal(again->data, at);
    corps_block_unref(other);
    corps_block_unref(again);
}

static void runs_out(void **state) {
    struct fixture *fixture = *state;
    struct corps_block *loans[PAGES];
    assert_null(corps__pool_loan(fixture->pool, 0));
    assert_null(corps__pool_loan(fixture->pool, BYTES / 2 + 1));
    assert_null(corps__pool_loan(fixture->pool, SIZE_MAX));
    for (unsigned i = 0; i < PAGES; i++) {
        loans[i] = corps__pool_loan(fixture->pool, PAGE);
        assert_non_null(loans[i]);
    }
    assert_null(corps__pool_loan(fixture->pool, 1));
    for (unsigned i = 0; i < PAGES; i += 2) {
        corps_block_unref(loans[i]);
    }
    assert_null(corps__pool_loan(fixture->pool, PAGE + 1)); /* no two pages in a row */
    corps_block_unref(loans[101]);
    struct corps_block *three = corps__pool_loan(fixture->pool, 3 * PAGE);
    assert_non_null(three);
    corps_block_unref(three);
    for (unsigned i = 1; i < PAGES; i += 2) {
        if (i != 101) {
            corps_block_unref(loans[i]);
        }
    }
    struct corps_block *half = corps__pool_loan(fixture->pool, BYTES / 2);
    assert_non_null(half);
    corps_block_unref(half);
}

static void tickets_run_out(void **state) {
    struct fixture *fixture = *state;
    struct corps__extent extents[CORPS__POOL_TICKETS], one_more;
    struct corps_block *loan = corps__pool_loan(fixture->pool, PAGE);
    for (unsigned i = 0; i < CORPS__POOL_TICKETS; i++) {
        assert_true(corps__pool_put(fixture->pool, loan->data, PAGE, &extents[i]));
    }
    assert_false(corps__pool_put(fixture->pool, loan->data, PAGE, &one_more));
    corps_block_unref(view(fixture, &extents[777]));
    assert_true(corps__pool_put(fixture->pool, loan->data, PAGE, &one_more));
    assert_int_equal(one_more.ticket, extents[777].ticket);
    corps_block_unref(loan);
}

static void hostile_receiver(void **state) {
    struct fixture *fixture = *state;
    struct corps__pool_shared *shared = fixture->mapping->memory;
    struct corps_block *loan = corps__pool_loan(fixture->pool, PAGE);
    struct corps__extent extent;
    assert_true(corps__pool_put(fixture->pool, loan->data, PAGE, &extent));
    for (unsigned round = 0; round < 100; round++) { /* gives back what it never had, and what it has twice */
        for (unsigned w = 0; w < CORPS__POOL_WORDS; w++) {
            shared->returned[w] = UINT64_MAX;
        }
        struct corps_block *other = corps__pool_loan(fixture->pool, 2 * PAGE);
        assert_non_null(other);
        assert_ptr_not_equal(other->data, loan->data); /* the loan itself is not its to give back */
        corps_block_unref(other);
    }
    corps_block_unref(loan);
    loan = corps__pool_loan(fixture->pool, BYTES / 2);
    assert_non_null(loan);
    corps_block_unref(loan);
}

static void hostile_places(void **state) {
    (void)state;
    static const struct corps__extent good[] = {{0, 0, 0}, {0, BYTES, 1}, {BYTES, 0, 1023}, {5, BYTES - 5, 3}};
    static const struct corps__extent bad[] = {{0, BYTES + 1, 0},  {1, BYTES, 0},
                                               {UINT64_MAX, 1, 0}, {1, UINT64_MAX, 0},
                                               {UINT64_MAX, 2, 0}, {BYTES + 1, 0, 0},
                                               {0, 10, 1024},      {0, 10, UINT64_MAX},
                                               {BYTES, 1, 0},      {UINT64_MAX / 2 + 1, UINT64_MAX / 2 + 1, 0}};
    for (unsigned i = 0; i < sizeof good / sizeof *good; i++) {
        assert_true(corps__extent_fits(&good[i], BYTES));
    }
    for (unsigned i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_false(corps__extent_fits(&bad[i], BYTES));
    }
}

/* The extent of a message of a pool's data at `data`. */
static uint64_t offset_of(const struct fixture *fixture, const void *data) {
    return (uint64_t)((const uint8_t *)data - (const uint8_t *)fixture->mapping->memory) - CORPS__POOL_HEAD_BYTES;
}

/* Blocks over the borders of the words of 64 pages: each where the last one ends, and the lowest gap first. */
static void blocks_lie_in_a_row(void **state) {
    struct fixture *fixture = *state;
    static const unsigned pages[] = {1, 62, 1, 1, 63, 5, 60, 63}; /* 256 */
    enum { BLOCKS = sizeof pages / sizeof *pages };
    struct corps_block *loans[BLOCKS];
    uint64_t at[BLOCKS], end = 0;
    for (unsigned i = 0; i < BLOCKS; i++) {
        loans[i] = corps__pool_loan(fixture->pool, (size_t)pages[i] * PAGE - (i % 2 == 0 ? 0 : PAGE - 1));
        assert_non_null(loans[i]);
        assert_int_equal(offset_of(fixture, loans[i]->data), end);
        at[i] = end;
        end += (uint64_t)pages[i] * PAGE;
    }
    assert_int_equal(end, BYTES);
    assert_null(corps__pool_loan(fixture->pool, 1));
    for (unsigned i = BLOCKS; i-- > 0;) {
        corps_block_unref(loans[i]);
        loans[i] = corps__pool_loan(fixture->pool, (size_t)pages[i] * PAGE); /* its own gap is the only one */
        assert_non_null(loans[i]);
        assert_int_equal(offset_of(fixture, loans[i]->data), at[i]);
        assert_null(corps__pool_loan(fixture->pool, 1));
    }
    corps_block_unref(loans[6]);
    corps_block_unref(loans[1]);
    struct corps_block *low = corps__pool_loan(fixture->pool, 60 * PAGE);
    assert_int_equal(offset_of(fixture, low->data), at[1]);
    corps_block_unref(low);
    loans[1] = loans[6] = NULL;
    for (unsigned i = 0; i < BLOCKS; i++) {
        if (loans[i] != NULL) {
            corps_block_unref(loans[i]);
        }
    }
}

/* Where bytes are taken to lie in a block, and where they are copied. */
static void borders_of_a_block(void **state) {
    struct fixture *fixture = *state;
    struct corps_block *before = corps__pool_loan(fixture->pool, PAGE);
    struct corps_block *loan = corps__pool_loan(fixture->pool, 2 * PAGE);
    struct corps_block *after = corps__pool_loan(fixture->pool, PAGE);
    uint8_t *at = loan->data;
    uint64_t offset = offset_of(fixture, at);
    struct corps__extent extent;
    assert_true(corps__pool_put(fixture->pool, at, 2 * PAGE, &extent));
    assert_int_equal(extent.offset, offset);
    assert_true(corps__pool_put(fixture->pool, at + 2 * PAGE - 1, 1, &extent)); /* its last byte */
    assert_int_equal(extent.offset, offset + 2 * PAGE - 1);
    assert_true(corps__pool_put(fixture->pool, at + 1, 2 * PAGE, &extent)); /* one too many for this block */
    assert_true(extent.offset >= offset + 3 * PAGE);
    uint8_t *end = (uint8_t *)fixture->mapping->memory + CORPS__POOL_HEAD_BYTES + BYTES;
    uint8_t outside[16] = {0};
    assert_true(corps__pool_put(fixture->pool, outside, sizeof outside, &extent));
    assert_int_equal(extent.bytes, sizeof outside);
    assert_true(corps__extent_fits(&extent, BYTES));
    assert_true(corps__pool_put(fixture->pool, end - 16, 16, &extent)); /* the last page, which is free */
    assert_true(extent.offset < BYTES - 16);
    assert_false(corps__pool_put(fixture->pool, outside, 0, &extent)); /* nothing needs none */
    corps_block_unref(before);
    corps_block_unref(loan);
    corps_block_unref(after);
}

/* The mapping goes with the last of the link, a view and a loan, whichever that is. */
static void views_and_loans_live_on(void **state) {
    (void)state;
    for (unsigned last = 0; last < 2; last++) {
        struct fixture *fixture;
        assert_int_equal(setup((void **)&fixture), 0);
        uint8_t data[100];
        struct corps__extent extent;
        memset(data, 9, sizeof data);
        assert_true(corps__pool_put(fixture->pool, data, sizeof data, &extent));
        struct corps_block *blocks[] = {view(fixture, &extent), corps__pool_loan(fixture->pool, PAGE)};
        assert_int_equal(teardown((void **)&fixture), 0);
        memset(blocks[1]->data, 3, PAGE);
        assert_memory_equal(blocks[0]->data, data, sizeof data);
        corps_block_unref(blocks[1 - last]);
        assert_true(last == 0 ? blocks[0]->data[99] == 9 : blocks[1]->data[PAGE - 1] == 3);
        corps_block_unref(blocks[last]);
    }
}

static bool is_all(const uint8_t *data, size_t bytes, uint8_t value) {
    return data[0] == value && memcmp(data, data + 1, bytes - 1) == 0;
}

static void parts_lie_in_a_row(void **state) {
    struct fixture *fixture = *state;
    struct corps_block *loan = corps__pool_loan(fixture->pool, PAGE);
    memset(loan->data, 3, PAGE);
    static uint8_t data[PAGE];
    memset(data, 9, sizeof data);
    const struct iovec parts[] = {{.iov_base = data, .iov_len = PAGE - 1},
                                  {.iov_base = NULL, .iov_len = 0},
                                  {.iov_base = loan->data, .iov_len = PAGE}, /* several are copied, wherever they lie */
                                  {.iov_base = data, .iov_len = 2}};
    struct corps__extent extent;
    assert_true(corps__pool_put_parts(fixture->pool, parts, 4, 2 * PAGE + 1, &extent));
    assert_int_equal(extent.bytes, 2 * PAGE + 1);
    struct corps_block *block = view(fixture, &extent);
    assert_ptr_equal(block->data, loan->data + PAGE);
    assert_true(is_all(block->data, PAGE - 1, 9) && is_all(block->data + PAGE - 1, PAGE, 3));
    assert_true(is_all(block->data + 2 * PAGE - 1, 2, 9));
    struct corps_block *after = corps__pool_loan(fixture->pool, 1); /* the last byte has a page of its own */
    assert_ptr_equal(after->data, block->data + 3 * PAGE);
    corps_block_unref(after);
    corps_block_unref(block);
    corps_block_unref(loan);
}

/* A pool whose memory goes back to the system: new pages read as zeros. */
static void gives_memory_back(void **state) {
    (void)state;
    enum { LARGE = CORPS__POOL_LARGE_PAGE };
    size_t data_bytes = 8 * (size_t)LARGE, bytes = CORPS__POOL_HEAD_BYTES + data_bytes;
    void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    struct fixture fixture = {.mapping = corps__mapping_create(memory, bytes)};
    fixture.pool = corps__pool_create_returning(fixture.mapping, memory, data_bytes);
    assert_non_null(fixture.pool);
    assert_null(corps__pool_loan(fixture.pool, data_bytes / 2 + 1));
    struct corps_block *loan = corps__pool_loan(fixture.pool, LARGE + 1);
    struct corps_block *next = corps__pool_loan(fixture.pool, 1);
    assert_ptr_equal(next->data, loan->data + 2 * (size_t)LARGE);
    memset(loan->data, 5, LARGE + 1);
    *next->data = 6;
    struct corps__extent extent;
    assert_false(corps__pool_put(fixture.pool, &extent, sizeof extent, &extent)); /* no copies */
    assert_true(corps__pool_put(fixture.pool, loan->data + 64, LARGE - 64, &extent));
    struct corps_block *seen = corps__pool_view(fixture.mapping, memory, &extent, 0, &(uint8_t *){NULL});
    uint8_t *data = loan->data;
    corps_block_unref(loan);
    assert_true(is_all(seen->data, LARGE - 64, 5)); /* the receiver has it still */
    corps_block_unref(seen);
    corps_block_unref(next); /* now the sender looks */
    assert_true(is_all(data, 3 * (size_t)LARGE, 0));
    loan = corps__pool_loan(fixture.pool, data_bytes / 2);
    assert_ptr_equal(loan->data, data);
    corps_block_unref(loan);
    corps__pool_unref(fixture.pool);
    corps__mapping_unref(fixture.mapping);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(copies_and_gives_back, setup, teardown),
        cmocka_unit_test_setup_teardown(loan_is_sent_where_it_lies, setup, teardown),
        cmocka_unit_test_setup_teardown(runs_out, setup, teardown),
        cmocka_unit_test_setup_teardown(tickets_run_out, setup, teardown),
        cmocka_unit_test_setup_teardown(hostile_receiver, setup, teardown),
        cmocka_unit_test(hostile_places),
        cmocka_unit_test_setup_teardown(blocks_lie_in_a_row, setup, teardown),
        cmocka_unit_test_setup_teardown(borders_of_a_block, setup, teardown),
        cmocka_unit_test(views_and_loans_live_on),
        cmocka_unit_test_setup_teardown(parts_lie_in_a_row, setup, teardown),
        cmocka_unit_test(gives_memory_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
