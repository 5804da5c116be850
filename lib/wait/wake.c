#include "wait/reactor.h"

/* Adaptive waiting. Spinning pays when what one waits for comes sooner than a sleep and its wake-up would take; whether
 * it does is not known, but recent waits tell. The budget is one of the method's steps (5, 50, 200 µs) or nothing:
 *   - a wait that ended within the budget keeps it, and lowers it when a lower step would have done;
 *   - FAILURES_MAX waits in a row that did not, halve the way down: the next lower step, in the end none;
 *   - with no budget, every PROBE_EVERY-th wait tries the middle step again, since the other side may have changed.
 * Two processes on one processor can never help each other by spinning: their spins all fail and are soon off.
 * Only the leader is here, so plain variables do. */
enum { FAILURES_MAX = 4, PROBE_EVERY = 256, STEPS = 4, PROBE_STEP = 2 };
static const int64_t step_ns[STEPS] = {0, 5000, 50000, 200000};

static int step = PROBE_STEP;
static int failures;
static int quiet;
static bool probing;

bool corps__spin_pays(void) {
    return step != 0;
}

int64_t corps__spin_budget_ns(void) {
    probing = false;
    if (step == 0 && ++quiet >= PROBE_EVERY) {
        quiet = 0;
        probing = true;
        return step_ns[PROBE_STEP];
    }
    return step_ns[step];
}

void corps__spin_result(bool found, int64_t waited_ns) {
    if (found) {
        failures = 0;
        if (probing) {
            step = PROBE_STEP;
        } else if (step > 1 && waited_ns < step_ns[step - 1] / 4) {
            /* Well inside the lower step: but stay with the middle one, a lower one flickers on a noisy machine. */
            step = step > PROBE_STEP ? step - 1 : step;
        } else if (step > 0 && step < STEPS - 1 && waited_ns > step_ns[step] * 3 / 4) {
            step++;
        }
    } else if (!probing && step > 0 && ++failures >= FAILURES_MAX) {
        failures = 0;
        step--;
    }
}
