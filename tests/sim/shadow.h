/* The oracle of supervision: what a supervisor may, must and must not do, said a second time and differently.
 *
 * It sees what the supervisor sees (word of starts and ends) and each of its actions, keeps every failure there was,
 * and looks at all of them each time. It knows nothing of lib/care but the names of what it is told.
 */
#ifndef SIM_SHADOW_H
#define SIM_SHADOW_H

#include "care/supervise.h"
#include "sim.h"

enum { SHADOW_UNITS = 8, SHADOW_FAILURES = 512 };

struct shadow_unit {
    uint32_t incarnation;
    bool alive, runs, asked, killed;     /* as far as was told */
    bool ends_here;                      /* it must not come back … */
    bool gone;                           /* … and that was said */
    int64_t start_ns, runs_ns, asked_ns; /* when */
    int64_t again_ns;                    /* not before this */
    uint32_t streak;
};

struct shadow_failure {
    int64_t at_ns;
    char how[64];
};

struct shadow {
    struct sim *sim;
    const char *name;
    struct corps__policy policy;
    uint32_t count;
    struct shadow_unit units[SHADOW_UNITS];
    struct shadow_failure failures[SHADOW_FAILURES]; /* since it last gave up */
    uint32_t failure_count;
    bool group_stops; /* from this unit on all are to be stopped before one of them starts */
    uint32_t group;
    int64_t group_ns;
    bool stopped, halted, stopped_told;
    bool give_up_due;
    uint32_t give_up_unit;
};

void shadow_init(struct shadow *shadow, struct sim *sim, const char *name, const struct corps__policy *policy,
                 uint32_t count);
void shadow_started(struct shadow *shadow, uint32_t unit, uint32_t incarnation);
void shadow_ended(struct shadow *shadow, uint32_t unit, uint32_t incarnation, bool in_order, const char *how);
void shadow_stop(struct shadow *shadow);
void shadow_halt(struct shadow *shadow);

/* An action; `history` as the supervisor tells it, of a GIVE_UP. */
void shadow_action(struct shadow *shadow, const struct corps__care_action *action, const char *history);

/* The supervisor has nothing more to do now: was there something? */
void shadow_idle(struct shadow *shadow);

/* Nothing has gone wrong for long: is everything as it should be? */
void shadow_settled(struct shadow *shadow);

#endif
