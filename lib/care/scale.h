/* How many members a pool should have, and whom it takes out: the deciding part of a pool.
 *
 * A pool is told what its members do (corps__scale_started, _start_failed, _lost, _emptied, _ended), what a request
 * waits at each (corps__scale_waits), and every CORPS__SCALE_STEP_NS that another step has passed (corps__scale_step).
 * It is then asked what to do (corps__scale), until there is nothing more to do. It does none of it, and reads no
 * clock: the same events at the same times give the same actions.
 *
 * Members are places in the caller's table, numbered from 0; a place that is GONE is used again. The *table* that
 * callers choose from has the ACTIVE ones. A member that is to go leaves the table first (LEAVING), for as long as a
 * caller may use a table that it was given before; then it is told to refuse what still comes (DRAINING), and ends only
 * when it says that it has nothing left to do (ENDING). No member is ever ended to move its work elsewhere.
 *
 * Growth. Each step estimates which share of requests would wait for longer than the target. A caller that knows
 * nothing takes any member; one that is alone knows what it has under way, and takes the better of two: so the share is
 * between that of the members that are over the target and that of the pairs of them, by the number of callers. When
 * these shares of the last CORPS__SCALE_STEPS steps (two seconds) come to a twentieth of them, one request in twenty
 * waits too long, and the pool grows: by the share of its members that this step found over the target, so at most to
 * twice as many. Where all are over it, as one member that is alone, a single step is enough: at once. What was there
 * before does not count: a growth begins the window anew, and of a member only a probe that was sent after the last new
 * one came says anything, so that a queue from before makes the pool grow once and not again. While new members start
 * (for CORPS__SCALE_START_NS at most) nothing is decided.
 *
 * Shrinking. One member goes when a quarter of the members would have been enough for half of the target in every such
 * window of the last `quiet_ns`; then the next quiet time begins. (So it is when no wait was longer than half of the
 * target.) Where that is not so, but one member fewer would have been enough for half of the target in HOLD times
 * `quiet_ns`, one goes too. A probe that has not come back yet has waited so far, so members that work are never fewer
 * afterwards than those that still have something.
 *
 * Thrashing. A size that was too small stays too small for HOLD times `quiet_ns` (ten minutes by default): so long the
 * pool does not shrink to it, unless nobody has called it for the whole quiet time. A growth so soon after the pool has
 * shrunk makes everything below its new size too small. So noise around the target makes it grow, and then it stays.
 *
 * Stalls. When a machine stands still for a while (it is busy with something else, swaps, is a virtual one that was not
 * scheduled), nothing is served, and what came meanwhile waits: every member is over the target at once, as after a
 * leap of the load. This process stood still too, then, and sees it by its own step, which comes late
 * (corps__scale_woke). So members count as in time until they have had AFTER times that long to work off what came.
 * Where that happens again and again it is no excuse: after STALL_MAX everything counts, for as long again. A leap of
 * the load makes managers answer late, but not this step: it is met as if there were no stalls. That a process of
 * members alone stands still cannot be told from members that work too hard to answer, and counts: to give those time
 * that answer 25 ms late made the answer to a leap of the load 0.2 to 0.5 s later, of 0.75 s.
 *
 * Sources: the thread pool controller of SEDA samples its queue and adds when a threshold is passed, and takes away
 * what idles for long (M. Welsh, D. Culler, E. Brewer, "SEDA", SOSP 2001, 4.1); growing at once and shrinking step by
 * step is the opposite of AIMD (D. Chiu, R. Jain 1989), since too few members cost callers and too many only memory;
 * the memory for sizes that were too small is flap damping (RFC 2439) with one fixed penalty. That one request in
 * twenty decides, and not the mean, follows J. Dean, L. Barroso, "The Tail at Scale", CACM 56 (2013).
 *
 * Nothing is allocated: members are the caller's, for as long as the pool is used. Threads: one at a time. An event
 * costs the same for any number of members, a step or a question time in proportion to it.
 */
#ifndef CORPS_CARE_SCALE_H
#define CORPS_CARE_SCALE_H

#include <stdbool.h>
#include <stdint.h>

#define CORPS__SCALE_STEP_NS INT64_C(50000000)
#define CORPS__SCALE_START_NS INT64_C(10000000000) /* a start that takes longer holds up no decision */
#define CORPS__SCALE_LATE_NS INT64_C(25000000)     /* a step that is so late stood still */
#define CORPS__SCALE_STALL_MAX_NS INT64_C(2000000000)
enum { CORPS__SCALE_STEPS = 40, CORPS__SCALE_HOLD = 20, CORPS__SCALE_AFTER = 4 };

enum corps__member_state {
    CORPS__MEMBER_GONE, /* the place is free */
    CORPS__MEMBER_STARTING,
    CORPS__MEMBER_ACTIVE,   /* in the table */
    CORPS__MEMBER_LEAVING,  /* out of it; those with an older table may still call it */
    CORPS__MEMBER_DRAINING, /* refuses what comes; what had come is still done */
    CORPS__MEMBER_ENDING,   /* was told to end */
};

struct corps__member {
    enum corps__member_state state;
    int64_t since_ns;  /* of the state */
    int64_t wait_ns;   /* what a request waits there, as far as is known … */
    int64_t probed_ns; /* … from a probe that was sent then; 0: nothing is known of this member */
    bool emptied;      /* DRAINING: it has nothing left */
    uint32_t group;    /* the caller's: where it is (its Env), for whom to take out */
};

struct corps__scale_options {
    uint32_t min, max; /* 1 <= min <= max */
    int64_t target_ns; /* above 0 */
    int64_t quiet_ns;
    int64_t leave_ns; /* how long a caller may use a table after it was asked for, and a margin */
};

struct corps__scale {
    struct corps__scale_options options;
    struct corps__member *members;
    uint32_t places;
    uint32_t wanted;    /* how many are to be STARTING or ACTIVE */
    int64_t changed_ns; /* when the last new member came into the table */
    int64_t quiet_ns;   /* since when one member fewer would have been enough … */
    int64_t calm_ns;    /* … and a quarter of them */
    int64_t called_ns;  /* when somebody had calls under way last … */
    uint32_t callers;   /* … and how many had at the last word */
    uint32_t too_few;   /* a size that was too small … */
    int64_t too_few_ns; /* … and when */
    bool has_shrunk;
    int64_t shrunk_ns;
    uint32_t over[CORPS__SCALE_STEPS]; /* shares of requests, in WHOLE-ths, of each step: over the target; … */
    uint32_t fewer[CORPS__SCALE_STEPS], quarter[CORPS__SCALE_STEPS]; /* … over half of it, with fewer members */
    uint32_t step;
    uint32_t failures; /* starts that failed, and members that were lost soon, in a row */
    int64_t retry_ns;  /* nothing is started before */
    int64_t woke_ns;   /* when this process was last seen to run, 0: not yet */
    int64_t still_ns;  /* since when it stands still now and then, 0: it has not; … */
    int64_t spared_ns; /* … until then what waits is no overload */
    bool closing, closed_told;
    uint64_t grown, shrunk; /* how many it has decided to add, and to take out */
};

enum corps__scale_do {
    CORPS__SCALE_START,  /* a member in this place; then tell when it runs, or that its start has failed */
    CORPS__SCALE_LEAVE,  /* it is out of the table now: whoever asks from now on gets one without it */
    CORPS__SCALE_DRAIN,  /* have it refuse what comes from now on; then tell when it has nothing left */
    CORPS__SCALE_END,    /* end it; then tell when it has ended */
    CORPS__SCALE_CLOSED, /* after corps__scale_close: no member is left */
};

struct corps__scale_action {
    enum corps__scale_do what;
    uint32_t place;
};

/* `members` (of `places`, at least options->max) are borrowed as long as the pool is used. */
void corps__scale_init(struct corps__scale *scale, const struct corps__scale_options *options,
                       struct corps__member *members, uint32_t places, int64_t now_ns);

/* Other bounds: Envs have come or gone. */
void corps__scale_bounds(struct corps__scale *scale, uint32_t min, uint32_t max);

/* What was STARTING runs: it is in the table from now on. */
void corps__scale_started(struct corps__scale *scale, uint32_t place, int64_t now_ns);

/* … or could not be started; another is, after a while that doubles from 100 ms to 10 s. */
void corps__scale_start_failed(struct corps__scale *scale, uint32_t place, int64_t now_ns);

/* It is there no more, and was not told to end: it is replaced. Also one that drained. */
void corps__scale_lost(struct corps__scale *scale, uint32_t place, int64_t now_ns);

/* One of the table goes, whatever the size: where it is there will soon be nothing. Another comes in its place. False:
 * it is not in the table. */
bool corps__scale_take_out(struct corps__scale *scale, uint32_t place, int64_t now_ns);

/* A probe that was sent at `probed_ns` (above 0) has waited `wait_ns`, or has waited so long so far. */
void corps__scale_waits(struct corps__scale *scale, uint32_t place, int64_t wait_ns, int64_t probed_ns);

/* This process runs: said every CORPS__SCALE_STEP_NS, before what is to be done in that step. And: it was busy until
 * now with something of the pool's own, and is late for no other reason. */
void corps__scale_woke(struct corps__scale *scale, int64_t now_ns);
void corps__scale_was_busy(struct corps__scale *scale, int64_t now_ns);

/* So many processes have calls to the pool under way, as they say. */
void corps__scale_callers(struct corps__scale *scale, uint32_t count, int64_t now_ns);

/* One that is DRAINING has nothing in its mailbox, runs nothing and owes no reply: seen after DRAIN was done. */
void corps__scale_emptied(struct corps__scale *scale, uint32_t place);

/* What was told to end has ended. */
void corps__scale_ended(struct corps__scale *scale, uint32_t place, int64_t now_ns);

/* Another step is over: decides about the size. */
void corps__scale_step(struct corps__scale *scale, int64_t now_ns);

/* All members go, as if one after the other had been taken out; nothing is started any more. */
void corps__scale_close(struct corps__scale *scale);

/* What is to be done now. Writes one action, and takes it for done; ask again. False: nothing, until something happens
 * or another step has passed. */
bool corps__scale(struct corps__scale *scale, int64_t now_ns, struct corps__scale_action *action);

/* How many are in a state. */
uint32_t corps__scale_count(const struct corps__scale *scale, enum corps__member_state state);

/* The longest wait at a member of the table, as far as is known; 0 without one. */
int64_t corps__scale_wait_ns(const struct corps__scale *scale);

#endif
