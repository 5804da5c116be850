/* What is started again, when, and when to give up: the deciding part of supervision.
 *
 * A *supervisor* looks after *units*, numbered from 0 in the order of their start. A unit is what starts and ends as a
 * whole: an Env of a Corps, a Conc of a creation, a Corps of a program. An *incarnation* is one life of a unit; the
 * first is 1. A supervisor is told what happens (corps__supervise_started, _ended, _stop, _halt) and is then asked what
 * to do (corps__supervise), until there is nothing more to do before corps__supervise_due. It does none of it, and
 * reads no clock: the same events at the same times give the same actions, whoever acts on them.
 *
 * The words are those of OTP: `restart` says which ends are followed by a start (its temporary, transient, permanent),
 * the strategy says who else is stopped and started then, and more than `intensity` restarts within `period_ns` are one
 * too many. A group is stopped latest first, one unit after the other, each having `shutdown_ns` before it is killed,
 * and started in order, each when the one before it runs. Source: Erlang/OTP Design Principles, "Supervisor Behaviour";
 * supervisor.erl (add_restart, restart_multiple_children). Different here:
 *   - Over the intensity a supervisor of OTP ends with all of its children. Here it gives up on the unit (with
 *     ONE_FOR_ALL and REST_FOR_ONE on its group), says so once (GIVE_UP), and goes on with the others, from an empty
 *     count. Whoever acts tells the next level, which may have all of it stopped. Where no level is above, the others
 *     need not die.
 *   - What has ended for good (GONE) is never started again, with a group neither: its Names have been told.
 *   - A first start that fails is tried again like any other; in OTP the supervisor's own start fails.
 *   - The first restart in a row is at once. Each following one waits twice as long as the one before. A unit that has
 *     run for longer than `period_ns` begins anew.
 *
 * Lifecycle: _init; then either all are started, as _supervise says, or _adopt tells of those that run already.
 * Nothing is allocated: units and failures are the caller's, for as long as the supervisor is used. There is nothing to
 * finish. Threads: one at a time for one supervisor (an Env's owner: with the lead). An event or a question costs time
 * in proportion to the number of units.
 */
#ifndef CORPS_CARE_SUPERVISE_H
#define CORPS_CARE_SUPERVISE_H

#include "codec/policy.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { CORPS__HOW_BYTES = 160 };

/* A failure that counts. */
struct corps__care_failure {
    int64_t at_ns;
    uint32_t unit, incarnation;
    char how[CORPS__HOW_BYTES];
};

enum corps__unit_state {
    CORPS__UNIT_DOWN,     /* is to be started: when its time has come, or its turn in the group */
    CORPS__UNIT_STARTING, /* … until it says that it runs */
    CORPS__UNIT_RUNNING,
    CORPS__UNIT_STOPPING, /* was told to end */
    CORPS__UNIT_GONE,     /* for good */
};

struct corps__unit {
    enum corps__unit_state state;
    uint32_t incarnation; /* the present one, or the last */
    uint32_t in_a_row;    /* failures, without having run for long between them */
    bool killed;          /* the present incarnation has been, or should have */
    bool lost;            /* given up on: once it has ended it is GONE */
    bool told;            /* GONE was */
    int64_t since_ns;     /* when it began to run */
    int64_t due_ns;       /* DOWN: its start; STARTING, STOPPING: its end */
};

enum corps__group_step { CORPS__NO_GROUP, CORPS__GROUP_STOPS, CORPS__GROUP_STARTS };

struct corps__supervisor {
    struct corps__policy policy;
    struct corps__unit *units;
    uint32_t count;
    struct corps__care_failure *failures; /* a ring of intensity + 1 */
    uint32_t failure_count, failure_next;
    bool gave_up; /* what `failures` holds led to it, and counts no more */
    bool give_up_due;
    uint32_t give_up_unit;
    enum corps__group_step step;
    uint32_t group; /* units from this one on are stopped, and started again when `group_due_ns` has come */
    int64_t group_due_ns;
    bool stopped; /* nothing is started any more, everything is stopped */
    bool stopped_told;
    bool halted; /* nothing is decided any more */
};

enum corps__care_do {
    CORPS__CARE_START, /* an incarnation of this number; then tell when it runs, or has ended */
    CORPS__CARE_STOP,  /* ask it to end; then tell when it has */
    CORPS__CARE_KILL,
    CORPS__CARE_GONE,    /* it has ended and will not come back: nobody need wait */
    CORPS__CARE_GIVE_UP, /* over the intensity, by this unit: tell the next level, with corps__supervise_history */
    CORPS__CARE_STOPPED, /* after corps__supervise_stop: nothing of it is left */
};

struct corps__care_action {
    enum corps__care_do what;
    uint32_t unit, incarnation;
};

/* `units` (of `count`) and `failures` (of policy->intensity + 1) are borrowed as long as the supervisor is used. The
 * policy was checked. Everything is to be started, in order, from `now_ns` on. */
void corps__supervisor_init(struct corps__supervisor *supervisor, const struct corps__policy *policy,
                            struct corps__unit *units, uint32_t count, struct corps__care_failure *failures,
                            int64_t now_ns);

/* All units run, as incarnation 1: somebody else has started them. */
void corps__supervisor_adopt(struct corps__supervisor *supervisor, int64_t now_ns);

/* One unit more, or one that had left: it runs, as this incarnation, started by somebody else. `unit` is `count`, for
 * which there must be room, or below. */
void corps__supervisor_join(struct corps__supervisor *supervisor, uint32_t unit, uint32_t incarnation, int64_t now_ns);

/* Somebody else ends it, for good: nothing is done about it any more, and nothing told. ONE_FOR_ONE alone. */
void corps__supervisor_leave(struct corps__supervisor *supervisor, uint32_t unit);

/* This incarnation runs: what is asked of it is answered. An older one's word is ignored. */
void corps__supervise_started(struct corps__supervisor *supervisor, uint32_t unit, uint32_t incarnation,
                              int64_t now_ns);

/* Nothing of this incarnation is left; while STARTING: its start has failed, in whichever way. `in_order`: nobody need
 * mind. `how` is one line, of which CORPS__HOW_BYTES − 1 bytes are kept; borrowed until return. An older incarnation's
 * end is ignored, and so is a second word about one end. */
void corps__supervise_ended(struct corps__supervisor *supervisor, uint32_t unit, uint32_t incarnation, bool in_order,
                            const char *how, int64_t now_ns);

/* The same of one that has ended, or could not be started, through no fault of its own: its host was lost, or none had
 * room. It comes back as after a failure, later each time in a row, but does not count for the intensity: with the host
 * others end too, and it cannot happen faster than a host is given up. */
void corps__supervise_displaced(struct corps__supervisor *supervisor, uint32_t unit, uint32_t incarnation,
                                const char *how, int64_t now_ns);

/* Somebody else ends this one for good: it is not started again. Gives what it was. What is STARTING stays that until
 * its start is over, and is to be dismissed once more then. */
enum corps__unit_state corps__supervise_dismiss(struct corps__supervisor *supervisor, uint32_t unit);

/* From now on everything is stopped, latest first, and nothing starts; at the end STOPPED is told. */
void corps__supervise_stop(struct corps__supervisor *supervisor);

/* From now on nothing is done any more: somebody else ends what is left. */
void corps__supervise_halt(struct corps__supervisor *supervisor);

/* What is to be done now. Writes one action, and takes it for done; ask again. False: nothing, until something happens
 * or corps__supervise_due has come. */
bool corps__supervise(struct corps__supervisor *supervisor, int64_t now_ns, struct corps__care_action *action);

/* When there may be something to do though nothing happens; INT64_MAX: never. Valid after corps__supervise was false.
 */
int64_t corps__supervise_due(const struct corps__supervisor *supervisor);

/* After GIVE_UP and until the next failure: the failures that led to it, the first one first, as one line, cut to
 * `bytes` (at least 1). Returns the length of the whole. "6 failures within 10 s: Env 1 …; 0.1 s later: …" */
size_t corps__supervise_history(const struct corps__supervisor *supervisor, char *out, size_t bytes);

#endif
