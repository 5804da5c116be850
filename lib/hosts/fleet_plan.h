/* Which host an Env runs on, and when one of its lives is over for certain: the deciding part of a Corps of several
 * hosts, at its Env 0.
 *
 * Env 0 has a *channel* to the agent of each host on which it has had an Env started. The plan is told what happens
 * (its functions named for events) and is then asked what to do (corps__plan_next), until there is nothing more to do
 * before corps__plan_due. It does none of it and reads no clock. Whether an Env is started again, and when, is not
 * decided here (care/supervise.h): here is where, and that no life of an Env begins while an earlier one may still act.
 * That follows from one rule: LOST is told of a life only when its agent has said that it has ended, or every grant
 * that the agent can have is over (hosts/lease.h).
 *
 * The course of a host: CLOSED → OPENING (a channel is begun) → UP (it was heard) → LEAVING (its agent is another
 * process than before, or refuses: what was ordered there may act until the last grant ends) → CLOSED. A host that is
 * silent is CLOSED at once, since by then its grants are over. A channel to a host that failed is begun anew, after 1 s
 * at first and 10 s at most, so that it is known when it is back. The own host has no channel and is always UP.
 *
 * The course of an Env: FREE → PLACED (it has a slot) → WANTED (to be started when the host is UP) → ORDERED → RUNS →
 * FREE. What fails on the way is LOST, told once, unless its end was told by corps__plan_ended.
 *
 * Nothing is allocated: hosts and Envs are the caller's. Threads: one at a time (with the lead). Times are in ns of
 * CLOCK_BOOTTIME. An event costs time in proportion to the number of hosts; a question constant time, unless something
 * has changed or is due.
 */
#ifndef CORPS_HOSTS_FLEET_PLAN_H
#define CORPS_HOSTS_FLEET_PLAN_H

#include "hosts/lease.h"

#include <corps/error.h>

#include <stdbool.h>
#include <stdint.h>

/* Between the end of a channel and the next one to the same host: doubled each time, until it was UP for longer than
 * the longest of these. */
#define CORPS__REOPEN_NS INT64_C(1000000000)
#define CORPS__REOPEN_MAX_NS INT64_C(10000000000)

enum corps__plan_host_state { CORPS__HOST_CLOSED, CORPS__HOST_OPENING, CORPS__HOST_UP, CORPS__HOST_LEAVING };

struct corps__plan_host {
    /* Set by the caller, and left as they are: */
    uint32_t number;
    uint32_t slots;
    const char *name, *labels; /* borrowed as long as the plan is used; labels: words, spaces between them; not NULL */
    /* The plan's own: */
    enum corps__plan_host_state state;
    bool wanted;       /* something was placed here once */
    bool sent;         /* something was ordered over the present channel, so that grants matter */
    bool drained;      /* takes no Envs, as its agent says */
    uint32_t used;     /* slots */
    uint32_t in_a_row; /* channels that failed */
    struct corps__silence silence;
    int64_t since_ns; /* UP: since when */
    int64_t due_ns;   /* CLOSED: the next channel */
};

/* Why a life was lost. None of these is its own fault (corps__supervise_displaced). */
enum corps__plan_why {
    CORPS__WHY_SILENT,    /* its host has been silent for 3 s */
    CORPS__WHY_UNREACHED, /* its host did not answer within 3 s; nothing was ordered */
    CORPS__WHY_GONE,      /* its agent has ended, or has refused: see what the channel said */
    CORPS__WHY_KILLED,    /* before anything was ordered */
    CORPS__WHY_DRAINED,   /* its host takes no Envs; nothing was ordered */
};

enum corps__plan_env_state {
    CORPS__ENV_FREE,
    CORPS__ENV_PLACED,
    CORPS__ENV_WANTED,
    CORPS__ENV_ORDERED,
    CORPS__ENV_RUNS,
    CORPS__ENV_LOST, /* LOST is to be told */
};

struct corps__plan_env {
    enum corps__plan_env_state state;
    uint32_t at; /* which of the hosts */
    uint64_t incarnation;
    bool kill_due, killed;
    enum corps__plan_why why;
};

struct corps__plan {
    struct corps__plan_host *hosts;
    struct corps__plan_env *envs;
    uint32_t host_count, env_count;
    uint32_t own; /* which of the hosts */
    bool changed;
    int64_t due_ns;
};

enum corps__plan_do {
    CORPS__PLAN_OPEN,  /* a channel to this host; then tell when it is heard, or gone */
    CORPS__PLAN_CLOSE, /* it: nothing that it told before or tells later counts, and no "alive" of it is answered */
    CORPS__PLAN_ORDER, /* this Env there; then tell when it has begun, or ended */
    CORPS__PLAN_KILL,  /* this Env; its agent will say that it has ended, also if it never began */
    CORPS__PLAN_LOST,  /* this life of an Env is over for certain, or never was: its slot is free */
};

struct corps__plan_action {
    enum corps__plan_do what;
    uint32_t host; /* its number */
    uint32_t env;
    uint64_t incarnation;
    enum corps__plan_why why; /* of LOST */
};

/* `hosts` (of host_count, with different numbers) and `envs` (of env_count, all zero) are borrowed as long as the plan
 * is used. `own`: the number of the host of Env 0. Errors: INVALID (it is none of these). */
enum corps_err corps__plan_init(struct corps__plan *plan, struct corps__plan_host *hosts, uint32_t host_count,
                                uint32_t own, struct corps__plan_env *envs, uint32_t env_count) CORPS_CHECKED;

/* Chooses the host for the next life of an Env that is FREE or PLACED, and keeps a slot there. `where`: "" for any
 * host, else a host's name, its number, or a label. Of those that can be reached, or were never tried, the one with the
 * most room in proportion to its slots; of equals the first; one that failed only if no other has room; never one that
 * is drained. Writes its number. Errors: INVALID (the Env is neither), UNKNOWN (no such host or label), LIMIT (all
 * slots are used up, or all such hosts are drained). */
enum corps_err corps__plan_place(struct corps__plan *plan, uint32_t env, const char *where,
                                 uint32_t *host) CORPS_CHECKED;

/* What others say of a host before it was heard: that it is drained, or away. It is chosen last, or not at all, and a
 * channel to it is begun, so that it is known when that changes. Not of the own host. */
void corps__plan_warned(struct corps__plan *plan, uint32_t host, bool drained, bool away);

/* The Env that was placed is to be started as this incarnation. On the own host the caller does that itself: it RUNS.
 */
void corps__plan_start(struct corps__plan *plan, uint32_t env, uint64_t incarnation);

/* It is not wanted any more: KILL or LOST follows; what was only placed is FREE again. */
void corps__plan_kill(struct corps__plan *plan, uint32_t env, uint64_t incarnation);

/* The present channel of a host has brought "alive". True: answer it with a grant. */
bool corps__plan_heard(struct corps__plan *plan, uint32_t host, int64_t now_ns);

/* The agent of a host says whether it takes Envs: with each "alive", and where it has refused one because it takes
 * none. What is WANTED there is LOST then; what runs there is ended by its agent. A host that takes none is never
 * chosen. */
void corps__plan_drain(struct corps__plan *plan, uint32_t host, bool drained);

/* The present channel of a host has ended for good, or could not be begun. */
void corps__plan_gone(struct corps__plan *plan, uint32_t host, int64_t now_ns);

/* The agent says that it has begun. */
void corps__plan_begun(struct corps__plan *plan, uint32_t env, uint64_t incarnation);

/* The agent says that it has ended, or was refused; or, on the own host, it has ended. True: this was its present life,
 * and LOST will not be told of it; false: an older one, or its end is known. */
bool corps__plan_ended(struct corps__plan *plan, uint32_t env, uint64_t incarnation);

/* What is to be done now. Writes one action, and takes it for done; ask again. False: nothing, until something happens
 * or corps__plan_due has come. */
bool corps__plan_next(struct corps__plan *plan, int64_t now_ns, struct corps__plan_action *action);

/* When there may be something to do though nothing happens; INT64_MAX: never. After corps__plan_next was false. */
int64_t corps__plan_due(const struct corps__plan *plan);

/* In words, for whoever waits for the Env: "its host has been silent for 3 s", … Static. */
const char *corps__plan_why_text(enum corps__plan_why why);

#endif
