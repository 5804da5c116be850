/* What a manager does for pools with members in its Env. */
#ifndef CORPS_MEMBERS_H
#define CORPS_MEMBERS_H

#include <corps.h>

enum { CORPS__PROBED_MAX = 2048 }; /* Concs in one question */

/* What is in an answer about each: see struct corps__probe_seen. */
enum {
    CORPS__SEEN_CONC,
    CORPS__SEEN_IS,
    CORPS__SEEN_WAIT_NS,
    CORPS__SEEN_AGE_NS,
    CORPS__SEEN_IDLE,
    CORPS__SEEN_ITEMS,
};

/* Method "probe" of a manager: [conc, …] → [[conc, is, wait_ns, age_ns, idle], …], in the same order. */
enum corps_err corps__members_probe(struct corps_context *context, void *self, const struct corps_value *args,
                                    struct corps_value *result);

/* Method "move": [conc, …]: from now on these refuse what still comes. */
enum corps_err corps__members_move(struct corps_context *context, void *self, const struct corps_value *args,
                                   struct corps_value *result);

#endif
