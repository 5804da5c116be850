/* Which Corps this host owns, in which epoch, and until when: the deciding part of an agent whose ledger has an engine.
 *
 * The *owner* of a Corps is the host whose agent runs its Env 0. What an agent owns hangs from one lease at the ledger
 * (corps/ledger.h), which it renews; a Corps whose owner's lease is lost has no owner, and another host claims it in
 * the next epoch. This decides what is asked of the ledger and what is done with Env 0. It is told what happens (its
 * functions named for events) and is then asked what to do (corps__owners_next), until there is nothing more to do
 * before corps__owners_due. It does none of it and reads no clock.
 *
 * What it holds to (tests/sim/etcd.c finds two owners where a rule of these is broken):
 *   - The lease counts from when its renewal was *asked* for. Env 0 acts before its end only (corps__owners_until), is
 *     killed there, and grants nobody more than what is left (corps__grant_length; its holders take DRIFT off that).
 *   - A renewal says that the lease was there, read from the engine's majority *after* it was asked for. How long a
 *     lease lives at the engine is not relied upon: it may be revoked early. So a claimer begins to act
 *     CORPS__OWNERS_GONE_NS after it has *seen*, in an answer, that there is no owner of that epoch.
 *   - An epoch that this agent itself had is over when its process has been reaped; then what that one granted runs out
 *     (corps__grant_successor). What an agent before it on this host had is another's: that lease runs to its end.
 *   - Who gives or ends a Corps that it claimed waits as if it were to begin: whoever claims next relies on it.
 *   - That a Corps is to end for good is not forgotten with the lease. Whose epoch was the last one ends it at the
 * ledger as soon as that answers, also where nothing hangs from its lease any more; if another host has begun it anew
 *     meanwhile, that one is told (PASS_ON).
 *   - A lease that was lost takes everything with it. What the ledger says then is of another lease.
 *   - A claim that was not answered may have been done, also later. So what the ledger lists as this lease's and nobody
 *     here knows is claimed once more, so that the book holds it; then it is begun, or ended, if its program was told
 *     that it failed.
 *
 * The course of a Corps here: it is claimed, its boot record is read (of one that was ordered here it is known), its
 * Env 0 is started, and acts. An Env 0 that is lost while its host lives is started again here, in the next epoch, as
 * care/supervise.h says, by the Corps' policy; what is killed because the ledger is silent, or has lost the lease,
 * comes back likewise and does not count. Over the intensity the Corps ends. With `stays` Env 0 runs on through silence
 * and loss until a higher epoch is seen: there may be two meanwhile. Where none is seen the next epoch is claimed for
 * the life that runs on.
 *
 * What is to end for good, as its program wants, has some seconds to do so in order, and is killed then.
 *
 * Draining: nothing is claimed or ordered, what is owned is stopped in order and then given, whereupon another host
 * claims at once. Corps whose policy is *never* end then, and are ended too where their owner is lost.
 *
 * Who claims a Corps without an owner: its `rank` (corps__owners_rank) orders the living, undrained hosts that its
 * hosts word means, differently for each Corps. Rank 0 claims at once, each further one CORPS__OWNERS_RANK_NS later.
 * Whose life of it was the last claims at once.
 *
 * Where the ledger's watch hints, it does so to all hosts at once; if there are many, their lists are spread by their
 * numbers, over SPREAD for each host. With 100 hosts that list as many Corps at once the list of who is to claim came
 * 0.9 s late, and renewals with it (tests/hosts/etcd_load.py).
 *
 * At most one operation of the ledger is asked for at a time: RENEW, LIST, CLAIM, READ, GIVE, END. The next one comes
 * when that one's answer was told, so that a word of the ledger is never older than what was done before. An operation
 * should be over (TIMEOUT) within CORPS__OWNERS_OPERATION_NS, or a renewal that waits behind it comes too late.
 * Renewals go first, unless the last operation was one and there is plenty of time.
 *
 * Nothing is allocated: rows are the caller's. There is nothing to finish. Threads: one at a time (the agent's loop).
 * Times are in ns of CLOCK_BOOTTIME, > 0. An event or a question costs time in proportion to the number of rows in use.
 */
#ifndef CORPS_HOSTS_OWNERS_H
#define CORPS_HOSTS_OWNERS_H

#include "care/supervise.h"
#include "codec/policy.h"
#include "hosts/lease.h"

#include <corps/error.h>

#include <stdbool.h>
#include <stdint.h>

#define CORPS__OWNERS_RENEW_NS INT64_C(500000000) /* between two renewals */
#define CORPS__OWNERS_LIST_NS INT64_C(1000000000) /* between two lists … */
#define CORPS__OWNERS_HINT_NS INT64_C(100000000)  /* … and where the ledger's watch hints */
#define CORPS__OWNERS_SPREAD_NS INT64_C(8000000)  /* for each host: over so long their lists after a hint are spread */
#define CORPS__OWNERS_OPERATION_NS INT64_C(2000000000) /* an operation should take no longer */
#define CORPS__OWNERS_LEASE_NS INT64_C(5000000000)     /* a renewal gives so long from when it was asked for */
#define CORPS__OWNERS_GONE_NS INT64_C(5100000000)      /* an epoch without owner is over so long after that was seen */
#define CORPS__OWNERS_RANK_NS INT64_C(1000000000)      /* each rank claims so much later */
#define CORPS__OWNERS_RETRY_NS INT64_C(300000000)      /* before what was not answered is asked again */
#define CORPS__OWNERS_DRAIN_NS INT64_C(30000000000)    /* Env 0 has so long to end in order, or less by its policy */
#define CORPS__OWNERS_EXIT_NS INT64_C(5000000000)      /* … and to end for good, unless it is given more */

#define CORPS__OWNERS_NO_RANK UINT32_MAX

enum { CORPS__OWNERS_CROWD_MAX = 100 }; /* more hosts are spread over as long as these */

enum { CORPS__OWNERS_ROWS = 1024 }; /* enough for an agent; 18 KiB each, of which little is touched */

/* What is wanted of a Corps here. How far it has come follows from `life`, `held` and `known`. */
enum corps__owned_goal {
    CORPS__OWNED_WATCH, /* not this host's: it has no owner, or this host could not start it */
    CORPS__OWNED_RUN,   /* is claimed, read, started, and started again */
    CORPS__OWNED_GIVE,  /* its life is stopped, then another host may have it */
    CORPS__OWNED_END,   /* its life ends, then the ledger is to forget it */
    CORPS__OWNED_LEAVE, /* another host owns it: its life is killed */
};

/* How far its process is. */
enum corps__owned_life {
    CORPS__LIFE_NONE,    /* there is none */
    CORPS__LIFE_STARTED, /* START was told */
    CORPS__LIFE_ACTS,    /* … and GO */
    CORPS__LIFE_STOPPED, /* … and STOP */
    CORPS__LIFE_KILLED,  /* KILL was; its end is to come */
};

enum corps__owners_why {                        /* of FORGET */
                         CORPS__OWNERS_ENDED,   /* it has ended for good */
                         CORPS__OWNERS_GIVEN,   /* another host may claim it */
                         CORPS__OWNERS_MOVED,   /* another host owns it, or the ledger knows it no more */
                         CORPS__OWNERS_REFUSED, /* what was ordered could not be claimed: `err` */
};

/* A Corps. All the decider's own. */
struct corps__owned {
    uint64_t corps_id; /* 0: the row is free */
    enum corps__owned_goal goal;
    enum corps__owned_life life;
    uint64_t epoch;      /* the last that the ledger is known to have given; 0: none */
    uint64_t own_epoch;  /* the last that this agent was given; 0: none */
    uint64_t life_epoch; /* of the process, or of the last there was here; 0: none */
    uint64_t confirm;    /* listed as this lease's, which no claim was answered: to be claimed; 0: none */
    bool held;           /* `epoch` hangs from the present lease */
    bool here;           /* whoever acts knows of it: FORGET is told at the end */
    bool ordered;        /* its program waits for the claim of epoch 1 */
    bool known;          /* the boot record is here, and the policy known */
    bool ran;            /* an Env 0 has been ready here */
    bool unfit;          /* can't be started on this host */
    bool stays;
    bool given;                 /* without owner: its last owner has given it */
    bool listed;                /* by the present list */
    bool doomed;                /* its process is to be killed … */
    bool blameless;             /* … through no fault of its own */
    bool stop;                  /* it is to be told to end in order */
    bool wished;                /* END: as its program wants */
    bool pass_on;               /* … and another host, which has begun it anew, is to be told */
    bool end_refused;           /* END of what is not held: the ledger has a later epoch */
    bool start_wanted;          /* the supervisor's */
    enum corps__owners_why why; /* of LEAVE */
    enum corps_restart restart;
    uint32_t rank;
    int64_t gone_ns;      /* since when `epoch` is seen without owner; 0: it is not */
    int64_t due_ns;       /* the next operation for it, at the soonest */
    int64_t from_ns;      /* GO, at the soonest; nor is it given or ended before */
    int64_t over_ns;      /* from then on nothing of the last life here can act on any host */
    int64_t kill_ns;      /* its end, at the latest; 0: it is not to end */
    int64_t deadline_ns;  /* of the order */
    uint32_t incarnation; /* the supervisor's number of the present life */
    enum corps_err err;   /* of an order that is to be refused */
    struct corps__supervisor supervisor;
    struct corps__unit unit;
    struct corps__care_failure failures[CORPS__INTENSITY_MAX + 1]; /* last: it is not cleared */
};

enum corps__owners_do {
    /* Operations of the ledger: asked with this `now_ns`; the answer is told with the function that is named. */
    CORPS__OWNERS_RENEW, /* … corps__owners_renewed */
    CORPS__OWNERS_LIST,  /* … corps__owners_listed */
    CORPS__OWNERS_CLAIM, /* `epoch`, with name, about and record where that is 1: corps__owners_answered */
    CORPS__OWNERS_READ,  /* the boot record: corps__owners_read */
    CORPS__OWNERS_GIVE,  /* corps__owners_answered */
    CORPS__OWNERS_END,   /* corps__owners_answered. Also of a Corps that is unknown here, or was lost with the lease */
    /* Of Env 0's process; nothing is answered but what happens. */
    CORPS__OWNERS_START, /* of this epoch; it may boot, and must not act before GO. Told corps__owners_started where it
                          * is ready, _ended when it was reaped or could not be started */
    CORPS__OWNERS_GO,    /* it may act, as long as corps__owners_until */
    CORPS__OWNERS_STOP,  /* it is to end in order, for another host to take it: ["move"] */
    CORPS__OWNERS_KILL,  /* at once */
    /* No process of it is here any more, and none follows: free what belongs to it, tell who waits. (The ledger is told
     * later, if need be: END can follow. Also of a Corps of which nothing but CLAIM was told.) */
    CORPS__OWNERS_FORGET,
    /* Its program wanted it to end while this host had it; another one has begun it anew, and is to be told to end it.
     * Nothing is answered; as long as the ledger lists it there this comes again, with each list. */
    CORPS__OWNERS_PASS_ON,
};

struct corps__owners_action {
    enum corps__owners_do what;
    uint64_t corps_id; /* 0: of RENEW, LIST */
    uint64_t epoch;
    int64_t from_ns;            /* of START: GO will come at this time, at the soonest */
    enum corps__owners_why why; /* of FORGET */
    enum corps_err err;         /* of FORGET, REFUSED: AGAIN (the name or the id is taken), TIMEOUT, … */
};

struct corps__owners {
    struct corps__owned *rows;
    uint32_t count, used; /* used: rows up to this one may be in use */
    uint32_t own;         /* this host's number */
    bool drained;
    int64_t until_ns;          /* of the lease; 0: there is none */
    int64_t renew_ns, list_ns; /* the next, at the soonest */
    int64_t listed_ns;         /* when the last list was asked for */
    bool hinted;               /* a list is wanted sooner */
    int64_t hint_ns;           /* … or then, since the watch has hinted; 0: it has not */
    uint32_t crowd;            /* so many hosts are hinted at at once */
    bool list_last;            /* the last operation but for renewals was a list */
    bool busy;                 /* `asked` is under way, since `asked_ns` */
    struct corps__owners_action asked;
    int64_t asked_ns, now_ns; /* now: of the last question */
};

/* `rows` (of `count`, all zero) are borrowed as long as it is used. `own`: this host's number. */
void corps__owners_init(struct corps__owners *owners, uint32_t own, struct corps__owned *rows, uint32_t count);

/* ---- answers of the ledger ---- */

/* OK: until then, from when it was asked for. CLOSED: the lease is lost (the next RENEW begins a new one). Others: not
 * answered, and the lease runs on. */
void corps__owners_renewed(struct corps__owners *owners, enum corps_err err, int64_t until_ns, int64_t now_ns);

/* A Corps in a list. */
struct corps__owners_seen {
    uint64_t corps_id;
    uint64_t epoch; /* the last that was given */
    uint32_t owner; /* its host's number; 0: none now */
    bool mine;  /* the owner key hangs from this book's present lease; not: from that of a process before this one */
    bool given; /* without owner: the last one has given it */
    bool stays;
    enum corps_restart restart;
    uint32_t rank; /* without owner: corps__owners_rank; else not looked at */
};

/* The whole list, each Corps once; lent until it returns. `now_ns`: when the answer is told, not when it was asked for.
 * err other than OK: there was no answer, `seen` is not looked at. */
void corps__owners_listed(struct corps__owners *owners, enum corps_err err, const struct corps__owners_seen *seen,
                          uint32_t count, int64_t now_ns);

/* The answer to the CLAIM, GIVE or END under way. A claim: OK; AGAIN, MOVED, UNKNOWN (refused); CLOSED (the lease is
 * lost); TIMEOUT, SYSTEM and others (not answered: asked again). Give and end: OK, UNKNOWN (it is done); CLOSED, MOVED
 * (it is not this agent's any more; what is to end is then claimed first, unless another host has it); others as above.
 */
void corps__owners_answered(struct corps__owners *owners, enum corps_err err, int64_t now_ns);

/* The answer to the READ. OK: with the policy that the record holds. TIMEOUT, SYSTEM: asked again. Others: it can't be
 * started on this host. */
void corps__owners_read(struct corps__owners *owners, enum corps_err err, const struct corps__policy *policy,
                        int64_t now_ns);

/* So many hosts ask the ledger: said after a list. */
void corps__owners_crowd(struct corps__owners *owners, uint32_t hosts);

/* The ledger's watch says that something may have changed. */
void corps__owners_hinted(struct corps__owners *owners, int64_t now_ns);

/* Somebody here waits for the next list. */
void corps__owners_look(struct corps__owners *owners);

/* ---- what happens on this host ---- */

/* A program asks for a new Corps, whose record is here. CLAIM follows, then START; or FORGET with REFUSED, at the
 * latest at the deadline. Errors: LIMIT (no free row), INVALID (it is known), DENIED (the host is drained). */
enum corps_err corps__owners_ordered(struct corps__owners *owners, uint64_t corps_id,
                                     const struct corps__policy *policy, bool stays, int64_t deadline_ns,
                                     int64_t now_ns) CORPS_CHECKED;

/* Its Env 0 of this epoch is ready. */
void corps__owners_started(struct corps__owners *owners, uint64_t corps_id, uint64_t epoch, int64_t now_ns);

enum corps__owners_end {
    CORPS__OWNERS_END_ORDER,  /* as its program wanted; if it was ready, all its Envs before it */
    CORPS__OWNERS_END_FAILED, /* a crash, a start that failed, an end by force that was not told by KILL */
    CORPS__OWNERS_END_UNFIT,  /* it cannot be started on this host (no such program); perhaps on another */
};

/* Nothing of its Env 0 of this epoch is left on this host, and now_ns is not before that. `how`: one line; borrowed
 * until it returns. What failed before it ever ran, in epoch 1, ends for good. */
void corps__owners_ended(struct corps__owners *owners, uint64_t corps_id, uint64_t epoch, enum corps__owners_end end,
                         const char *how, int64_t now_ns);

/* Its program wants it to end for good; whoever says that tells Env 0 too, which is killed `within_ns` later if it has
 * not ended: the first word counts. True: it is here, and FORGET will come. */
bool corps__owners_exits(struct corps__owners *owners, uint64_t corps_id, int64_t within_ns, int64_t now_ns);

/* From now on this host is drained, or no longer. */
void corps__owners_drain(struct corps__owners *owners, bool on);

/* ---- what to do ---- */

/* Writes one action, and takes it for done; ask again. False: nothing, until something happens or corps__owners_due has
 * come. */
bool corps__owners_next(struct corps__owners *owners, int64_t now_ns, struct corps__owners_action *action);

/* When there may be something to do though nothing happens; INT64_MAX: never. After corps__owners_next was false. */
int64_t corps__owners_due(const struct corps__owners *owners);

/* Until when Env 0 of this Corps may act: what its page of grants is to show after every event. 0: not at all (also
 * before GO); INT64_MAX: until it is ended (it stays). */
int64_t corps__owners_until(const struct corps__owners *owners, uint64_t corps_id);

/* The row of a Corps that is here or is to be: not of one that is watched alone. NULL: it is not. Lent until the next
 * event. */
const struct corps__owned *corps__owners_find(const struct corps__owners *owners, uint64_t corps_id);

/* How many Corps are here. */
uint32_t corps__owners_count(const struct corps__owners *owners);

/* How many of `hosts` (numbers of the living, undrained ones that the Corps' word means) come before `own` for this
 * Corps; NO_RANK: own is none of them. */
uint32_t corps__owners_rank(uint64_t corps_id, uint32_t own, const uint32_t *hosts, uint32_t count);

#endif
