/* The time that a run has left, on made-up durations: families whose trials differ by a factor of fifty, and noise. */

#include "run/estimate.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { FAMILIES = 3, CELLS = 40, BLOCKS = 8 };

static double duration(size_t family, size_t cell, unsigned block) {
    static const double base[FAMILIES] = {0.1, 1.0, 5.0};
    static uint32_t state = 1;
    state = state * 1664525u + 1013904223u + block; /* a linear congruential generator (Knuth) */
    double noise = 0.8 + 0.4 * (double)(state >> 8) / (double)(1u << 24);
    return base[family] * (1 + (double)cell / CELLS) * noise;
}

static void test_right_within_a_fifth_from_a_quarter_on(void **state) {
    (void)state;
    struct lab_estimate estimate;
    static double took[BLOCKS][FAMILIES][CELLS];
    double total = 0, passed = 0;
    assert_true(lab_estimate_make(&estimate, FAMILIES * CELLS));
    for (unsigned b = 0; b < BLOCKS; b++) {
        for (size_t f = 0; f < FAMILIES; f++) {
            for (size_t c = 0; c < CELLS; c++) {
                took[b][f][c] = duration(f, c, b);
                total += took[b][f][c];
                estimate.cells[f * CELLS + c].family = f;
                estimate.cells[f * CELLS + c].left = BLOCKS;
            }
        }
    }
    assert_true(lab_estimate_left(&estimate) < 0);
    for (unsigned b = 0; b < BLOCKS; b++) {
        for (size_t f = 0; f < FAMILIES; f++) {
            for (size_t c = 0; c < CELLS; c++) {
                passed += took[b][f][c];
                lab_estimate_done(&estimate, f * CELLS + c, took[b][f][c]);
                double left = lab_estimate_left(&estimate);
                bool last = total - passed < 1e-9;
                if (passed > total / 4 && !last && total - passed > 10) {
                    assert_true(fabs(left - (total - passed)) < 0.2 * (total - passed));
                }
            }
        }
    }
    assert_true(fabs(lab_estimate_left(&estimate)) < 1e-9);
    lab_estimate_finish(&estimate);
}

static void test_what_has_not_run_costs_what_its_family_does(void **state) {
    (void)state;
    struct lab_estimate estimate;
    assert_true(lab_estimate_make(&estimate, 3));
    estimate.cells[1].family = estimate.cells[2].family = 1;
    estimate.cells[0].left = estimate.cells[1].left = estimate.cells[2].left = 2;
    lab_estimate_done(&estimate, 0, 1);
    assert_true(fabs(lab_estimate_left(&estimate) - 5) < 1e-9); /* all as the only one seen */
    lab_estimate_done(&estimate, 1, 10);
    assert_true(fabs(lab_estimate_left(&estimate) - (1 + 10 + 20)) < 1e-9);
    lab_estimate_done(&estimate, 1, 20); /* more than were planned harm nothing */
    lab_estimate_done(&estimate, 1, 30);
    assert_int_equal(estimate.cells[1].left, 0);
    lab_estimate_finish(&estimate);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_right_within_a_fifth_from_a_quarter_on),
        cmocka_unit_test(test_what_has_not_run_costs_what_its_family_does),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
