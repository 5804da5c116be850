/* Where records of a control stream end: `unit-boundary`. */
#include "../../lib/agent/boundary.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* A stream of records of these lengths, however it is cut: it is at a boundary behind each of them, and nowhere else.
 */
static const uint32_t lengths[] = {0, 1, 5, 0, 0, 300, 3};
enum { COUNT = sizeof lengths / sizeof lengths[0], BYTES = 4 * COUNT + 309 };

static size_t make(uint8_t *stream, bool *ends) {
    size_t at = 0;
    memset(ends, 0, BYTES + 1);
    ends[0] = true;
    for (unsigned i = 0; i < COUNT; i++) {
        const uint8_t head[4] = {(uint8_t)lengths[i], (uint8_t)(lengths[i] >> 8)};
        memcpy(stream + at, head, 4);
        memset(stream + at + 4, 0xff, lengths[i]);
        at += 4 + lengths[i];
        ends[at] = true;
    }
    return at;
}

static void test_any_pieces(void **state) {
    (void)state;
    static uint8_t stream[BYTES];
    static bool ends[BYTES + 1];
    assert_int_equal(make(stream, ends), BYTES);
    for (size_t piece = 1; piece <= BYTES; piece++) {
        struct agent_boundary boundary = {0};
        size_t at = 0;
        unsigned met = 0;
        while (at < BYTES) {
            size_t end = at + piece < BYTES ? at + piece : BYTES;
            while (at < end) {
                size_t part = agent_boundary_pass(&boundary, stream + at, end - at);
                assert_in_range(part, 1, end - at);
                for (size_t i = at + 1; i < at + part; i++) {
                    assert_false(ends[i]); /* it stops at each */
                }
                at += part;
                assert_int_equal(agent_boundary_is_at(&boundary), ends[at]);
                met += ends[at];
            }
        }
        assert_int_equal(met, COUNT);
    }
}

static void test_longest(void **state) {
    (void)state;
    struct agent_boundary boundary = {0};
    const uint8_t head[5] = {0xff, 0xff, 0xff, 0xff, 0};
    assert_true(agent_boundary_is_at(&boundary));
    assert_int_equal(agent_boundary_pass(&boundary, head, 5), 5);
    assert_false(agent_boundary_is_at(&boundary));
    assert_int_equal(boundary.left, UINT32_MAX - 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_any_pieces), cmocka_unit_test(test_longest)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
