/* How long an adaptive leader spins before it sleeps. Plain state, which the leader has to itself. */
#ifndef CORPS_WAKE_H
#define CORPS_WAKE_H

#include <stdbool.h>
#include <stdint.h>

struct corps__spin {
    int step; /* which budget */
    int failures;
    int quiet;
    bool probing;
};

void corps__spin_init(struct corps__spin *spin);

/* Is there a budget at present? */
bool corps__spin_pays(const struct corps__spin *spin);

/* For how long the next wait may spin, in ns; 0: not at all. Then: whether what was waited for came meanwhile, and how
 * long that took. */
int64_t corps__spin_budget_ns(struct corps__spin *spin);
void corps__spin_result(struct corps__spin *spin, bool found, int64_t waited_ns);

#endif
