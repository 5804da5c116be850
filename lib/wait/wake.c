#include "wait/wake.h"

/* Adaptive waiting. Spinning pays when what one waits for comes sooner than a sleep and its wake-up would take; whether
 * it does is not known, but recent waits tell. The budget is one of the method's steps (5, 50, 200 µs) or nothing:
 *   - a wait that ended within the budget keeps it; one that nearly used it up raises it by a step; one that ended well
 *     within the middle step lowers the highest one to that;
 *   - FAILURES_MAX waits in a row that did not end within it lower it by a step, in the end to nothing;
 *   - with no budget, every PROBE_EVERY-th wait tries the middle step again, since the other side may have changed.
 * Two processes on one processor can never help each other by spinning: their spins all fail and are soon off. */
enum { FAILURES_MAX = 4, PROBE_EVERY = 256, STEPS = 4, PROBE_STEP = 2 };
static const int64_t step_ns[STEPS] = {0, 5000, 50000, 200000};

void corps__spin_init(struct corps__spin *spin) {
    *spin = (struct corps__spin){.step = PROBE_STEP};
}

bool corps__spin_pays(const struct corps__spin *spin) {
    return spin->step != 0;
}

int64_t corps__spin_budget_ns(struct corps__spin *spin) {
    spin->probing = false;
    if (spin->step == 0 && ++spin->quiet >= PROBE_EVERY) {
        spin->quiet = 0;
        spin->probing = true;
        return step_ns[PROBE_STEP];
    }
    return step_ns[spin->step];
}

void corps__spin_result(struct corps__spin *spin, bool found, int64_t waited_ns) {
    if (found) {
        spin->failures = 0;
        if (spin->probing) {
            spin->step = PROBE_STEP;
        } else if (spin->step > 1 && waited_ns < step_ns[spin->step - 1] / 4) {
            /* Well inside the lower step: but stay with the middle one, a lower one flickers on a noisy machine. */
            spin->step = spin->step > PROBE_STEP ? spin->step - 1 : spin->step;
        } else if (spin->step > 0 && spin->step < STEPS - 1 && waited_ns > step_ns[spin->step] * 3 / 4) {
            spin->step++;
        }
    } else if (spin->step > 0 && ++spin->failures >= FAILURES_MAX) {
        spin->failures = 0;
        spin->step--;
    }
}
