/* What an Env knows of its own life, for the files that drive it (env.c, ending.c). Everything is changed with the
 * lead, but for `next_cleanup`. */
#ifndef CORPS_LIFE_H
#define CORPS_LIFE_H

#include "link/known.h"
#include "process/child.h"
#include "process/control.h"
#include "process/fleet.h"

enum corps__stage { CORPS__BOOTING, CORPS__STARTING, CORPS__SERVING, CORPS__CLEANING, CORPS__ENDING };

struct corps__settings;

/* What the floor above decides about the Envs that Env 0 has started (care/owner.h). With the lead. */
struct corps__care_ops {
    /* All of them run. Errors: NO_MEMORY. */
    enum corps_err (*begin)(const struct corps__settings *settings);
    /* One that was started again serves. */
    void (*started)(unsigned env);
    /* The process of one has ended; sees to what follows from that, and to who is told. */
    void (*ended)(unsigned env, enum corps__end end, const char *how);
    /* One that was added serves, as this incarnation; one is being taken, and is not started again. */
    void (*joined)(unsigned env, uint32_t incarnation);
    void (*left)(unsigned env);
    /* The Corps ends: nothing is started any more. */
    void (*halt)(void);
};

/* What the floor above does with what Workers know (care/keep.h). */
struct corps__keeper_ops {
    /* In every Env, before it has Concs. Errors: DENIED, SYSTEM (the directory), NO_MEMORY. */
    enum corps_err (*begin)(const struct corps *corps);
    /* ["keep" or "kept", number, state, ticket]: of a Conc of this Env. With the lead, as what follows. */
    void (*take)(unsigned env, const struct corps_value *record);
    /* What there is of a Conc, NULL: nothing; lent until the next call. Then: whatever else there is of that Env's is
     * of Concs that are not made again. */
    const struct corps_value *(*find)(unsigned env, int64_t number);
    void (*found_all)(unsigned env);
    /* The Conc has ended in order. */
    void (*drop)(unsigned env, int64_t number);
    /* At the end of Env 0: the Corps has ended in order. */
    void (*end)(void);
};

/* What the floor above decides about the Concs of this Env (care/wards.h). */
struct corps__ward_ops {
    /* With the lead: those that `order` (order.h) asked for, with these numbers, are there. Errors: NO_MEMORY. */
    enum corps_err (*made)(const struct corps_value *order, const struct corps_value *numbers, size_t count);
    /* Without the lead: one has ended of its own accord. True: it comes back. */
    bool (*left)(uint32_t number);
    /* Likewise: one is not to be. */
    void (*forget)(uint32_t number);
    /* Likewise: one is ended by hand, and does not come back; those that were made with it stay as they are. */
    void (*dismiss)(uint32_t number);
    /* With the lead: the Corps ends, and none comes back. */
    void (*halt)(void);
};

/* Concs that are to be made again with their Env: what is left of those of one order. */
struct corps__made {
    struct corps_box *order; /* as the manager was given it */
    struct corps__made *next;
    size_t count;
    struct corps_value numbers[];
};

/* An Env that Env 0 has started. */
struct corps__life_child {
    unsigned env;
    uint32_t incarnation;
    struct corps__control *control;
    struct corps__child *process;
    bool present;                        /* there is one: not only to be, and not taken */
    bool joins;                          /* it was added, and nobody knows of it yet */
    bool leaves;                         /* it is being taken */
    bool failed;                         /* its loss is one that the creator's corps_exit says */
    bool untold;                         /* the creator has not heard of it as it is, see report.h */
    bool ready, started, cleaned, ended; /* this incarnation */
    char failure[480];                   /* what it said before it ended, "" */
    enum corps_err failure_code;
    uint32_t taken_at; /* the how many-th to be taken */
    struct corps__made *made, **last_made;
    uint32_t first, bound; /* this incarnation's own Concs have numbers from … up to below …; 0, 0: none yet */
    char where[CORPS__WHERE_BYTES]; /* the host that it is to be on, "": any; see fleet.h */
    uint32_t host;                  /* … and the one that it is on; 0: the Corps lives on one */
};

struct corps__life {
    struct corps *corps;
    enum corps__stage stage;
    struct corps__control *parent;
    struct corps__life_child *children; /* Env 0: children[1 … child_count − 1], with room for all that may be */
    unsigned child_count;               /* of those that were ever started; one may not be known to others */
    uint32_t taken_count;
    char front[256];
    struct corps_box *front_box; /* the boot record, for the front Conc's arguments */
    bool cleanup_done;           /* of the own Concs */
    bool created_begun;          /* the end of the Corps that they created … */
    bool created_done;           /* … and that it is over */
    bool orphan;                 /* the parent has died */
    _Atomic bool leaves;         /* this Env is being taken from the Corps, which goes on … */
    _Atomic bool moves;          /* … or it ends here, and is started again on another host */
    bool waits_for_nobody;       /* … or did when that began */
    bool all_have_ended;         /* Env 0: in order, and nobody else is left */
    bool owned;                  /* Env 0: an agent has started it, and starts another one if this one is lost */
    _Atomic uint32_t next_cleanup;
    int status;
};
extern struct corps__life corps__life;

bool corps__is_env_0(void);

/* A record to the parent; to all Envs that Env 0 has started. One that has gone is noticed by its end of file. */
void corps__tell_parent(const struct corps_value *items, size_t count);
void corps__tell_children(const struct corps_value *items, size_t count);
void corps__tell_child(struct corps__life_child *child, const struct corps_value *items, size_t count);

/* May the own Corps be started anew by its creator, or an agent, when Env 0 is lost? Then that one is told what it
 * needs for that: the numbers of Concs that Env `env` may give, below `bound`. Any thread. */
bool corps__may_be_anew(void);
void corps__tell_numbers(unsigned env, uint32_t bound);

/* In Env 0: from which number on Env `env` gives them: 0, but in a Corps that was started anew; and was it taken
 * before?
 */
uint32_t corps__first_number(unsigned env);
bool corps__was_taken(unsigned env);

/* Where the latter are one number for all Envs, since an agent starts the Corps anew: that; else 0. In every Env. */
uint32_t corps__first_of_life(void);

/* In Env 0: may strangers be told where its Envs are? In a later life not before it serves: what they ask once more has
 * to find the answers that its front has kept. */
bool corps__may_be_seen(void);

/* At the end of an Env 0: is the Corps to go on in a later life, on whatever host? */
bool corps__life_goes_on(void);

/* ["row", env, row, …]: what has become of an Env of this Corps; gives its number (0 where nothing is said of any).
 * With the lead. */
unsigned corps__take_row(struct corps *corps, const struct corps_value *record);

/* What the floor above does for Env 0; before the Env's main begins. */
void corps__care_set(const struct corps__care_ops *ops);

/* Likewise, in every Env; there is always one. */
void corps__keeper_set(const struct corps__keeper_ops *ops);
const struct corps__keeper_ops *corps__keeper(void);

/* Of the Env 0 of a Corps whose Envs may be started again; else NULL. */
const struct corps__care_ops *corps__care(void);

/* The same for the Concs of every Env. */
void corps__wards_set(const struct corps__ward_ops *ops);
const struct corps__ward_ops *corps__wards(void);

/* Ends this Env at once, as failed: its parent, and standard error, are told why. Any thread, whatever the others hold.
 */
_Noreturn void corps__env_fail(const char *why);

/* May the Envs of the own Corps but Env 0 be started again? */
bool corps__is_cared_for(void);

/* Is Env 0 on another host? Then what is written into the control channel may be lost with this one. */
bool corps__is_far(void);

/* Is it true of all Envs that this one has started and that were not taken? */
bool corps__all_children(bool (*test)(const struct corps__life_child *child));

/* The pool's threads end once they have nothing to run, and then the process. */
void corps__life_stop(void);

#endif
