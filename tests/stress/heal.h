/* Cycles of killing under supervision: what the files of this program share.
 *
 * One Corps lives through all cycles. In each, callers of several processes call the Book of one Env, that Env is
 * killed, and comes back. A *ledger*, memory that all processes map, holds what became of each call: its *fate*, which
 * the caller writes, and its *effect*, which the Book writes. It survives whoever dies, so that afterwards every call
 * can be judged by both. */
#ifndef CORPS_STRESS_HEAL_H
#define CORPS_STRESS_HEAL_H

#include "stress.h"

#include <stdatomic.h>

enum { HEAL_ENVS = 4, SENDERS = 7, GENERATIONS = 4 };
enum { CALLS = 200, LAST_TRIES = 100, NUMBERS = CALLS + LAST_TRIES + 1 }; /* calls are numbered from 1 */

/* Who calls whom in a cycle: `victim` is the Env that is killed, `sibling` another, neither is Env 0. */
enum {
    PROGRAM,       /* the Book of the victim, from the creator's process … */
    PROGRAM_TOO,   /* … by two threads */
    IN_ENV_ZERO,   /* the same, from the Env that looks after the others */
    IN_SIBLING,    /* … from another Env */
    STRANGER,      /* … from a process that only holds its Name */
    IN_VICTIM,     /* the sibling's Book, from the Env that dies: its calls are lost with it */
    BETWEEN_OTHERS /* the sibling's Book, from Env 0: nothing may happen to these calls */
};
extern const char *const sender_names[SENDERS];

/* ---- heal_ledger.c ---- */

enum fate {
    NOT_SENT,
    FLYING,   /* nobody has heard of it yet */
    SENT,     /* without reply */
    ANSWERED, /* as it was asked */
    LOST,
    LATE,  /* its deadline, which was near, has passed */
    WRONG, /* the reply is of another call */
    HUNG,  /* did not end by its deadline */
    FAILED /* ended with an error that it must not end with */
};

struct entry {
    _Atomic uint32_t fate;
    _Atomic uint32_t near;    /* its deadline is: it may have no effect, whatever else befalls it */
    _Atomic uint32_t effects; /* how often it took effect */
    _Atomic uint32_t life;    /* in which life of a Book */
    _Atomic uint32_t ticket;  /* the order of effects of all Books together */
};

struct ledger_page {
    _Atomic uint32_t lives, tickets;
    struct entry entries[GENERATIONS][SENDERS][NUMBERS];
};

/* The ledger at this path, which the first makes; lent for ever. NULL with a line on standard error. */
struct ledger_page *ledger_open(const char *path, bool make);

/* A Book's: this call has come. Gives the life. */
void ledger_effect(struct ledger_page *page, unsigned generation, unsigned sender, unsigned number, uint32_t life);

/* Empties a generation, whose calls have ended long ago. */
void ledger_begin(struct ledger_page *page, unsigned generation);

struct verdict {
    unsigned hung, wrong, twice, disorder, without_cause;
    unsigned answered, lost, late, sent;
};

/* Looks at all calls of a sender. `dies`: so did its process; `safe`: nothing may have happened to them. Complaints
 * name the `cycle`. */
void ledger_judge(const struct ledger_page *page, unsigned cycle, unsigned generation, unsigned sender, bool dies,
                  bool safe, struct verdict *verdict);

/* ---- heal_load.c ---- */

extern const struct corps_class *const heal_classes[]; /* Book, Caller, Tally; their inits take the ledger's path */

struct load {
    const struct corps_name *book;
    unsigned generation, sender;
    uint64_t seed;
};

/* CALLS calls and sends, some in flight at a time; then single ones until one is answered. */
void load_run(struct ledger_page *page, const struct load *load);

/* The arguments of a Caller's "run"; `items` has room for 4. */
struct corps_value load_value(const struct load *load, struct corps_value *items);

/* Asks a Book for its life, once. Errors: those of a call. */
enum corps_err book_life(const struct corps_name *book, int64_t timeout_ns, uint32_t *life);

/* ---- heal_once.c: retry calls to a Worker whose state is kept in a directory ---- */

enum { ONCE_CALLERS = 2 };
extern const struct corps_class tally_class;

struct once {
    const struct corps_name *tally;
    unsigned caller;
    int64_t *last; /* the number of its last call to this Tally */
    unsigned faults;
};

/* The next calls of this caller, some in flight at a time; a thread's start. */
void *once_run(void *once);

/* ---- heal_stranger.c: a process that has not created the Corps ---- */

struct stranger {
    int pid, in, out;
};
bool stranger_start(const char *path, struct corps_name *const *books, struct stranger *stranger);
bool stranger_begin(const struct stranger *stranger, unsigned env, const struct load *load);
bool stranger_await(const struct stranger *stranger); /* until it is through with that */
bool stranger_end(struct stranger *stranger);
int stranger_main(int argc, char **argv);

#endif
