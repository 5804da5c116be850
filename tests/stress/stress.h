/* Cycles of killing, stopping and cutting: what the files of this program share.
 *
 * The program that runs them stays alive through all cycles, and so does a Corps of two Envs: the survivors. Each cycle
 * makes a Corps of three Envs, puts load on it from inside and from the survivors, does something to one of its
 * processes at a random moment, and looks at what everybody else saw. */
#ifndef CORPS_STRESS_H
#define CORPS_STRESS_H

#include <corps.h>

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#define ENDS_NS (60 * 1000000000LL) /* within this a call must end: thousands of times what it takes */

/* ---- random numbers: a cycle is the same again with the same seed ---- */

struct chance {
    uint64_t state;
};
struct chance chance_of(uint64_t seed);
uint64_t chance_next(struct chance *chance);
unsigned chance_below(struct chance *chance, unsigned bound);

/* ---- workers.c: who calls and who is called ---- */

extern const struct corps_class *const stress_classes[]; /* Ledger and Caller */

enum { TALLY_ITEMS = 6 };
/* What a series of calls came to. */
struct tally {
    int64_t answered;
    int64_t lost;     /* ended with an error, as they may when somebody dies */
    int64_t hung;     /* did not end */
    int64_t wrong;    /* a reply of another call */
    int64_t repeated; /* had its effect more than once, or after a later one */
    int64_t skipped;  /* had none, although a later one of the same sender had */
};

/* Makes `count` calls to a Ledger, some in flight at a time, in a sequence of its own. Ends at the first error, unless
 * `persist` says to try again. */
struct series {
    const struct corps_name *ledger;
    int64_t sender; /* unique for ever */
    int64_t count;
    bool persist;
    uint64_t seed;
};
void series_run(const struct series *series, struct tally *tally);

/* The arguments of a Caller's "run"; `items` has room for 5. */
struct corps_value series_value(const struct series *series, struct corps_value *items);
bool tally_of(const struct corps_value *value, struct tally *tally);

/* ---- victims.c: the Corps of a cycle ---- */

enum { VICTIM_ENVS = 3, VICTIM_CONCS = 4 };
enum { IN_ENV_0, IN_ENV_1, IN_ENV_1_TOO, LEDGER }; /* three Callers, and a Ledger in Env 2 */
struct victims {
    struct corps *corps; /* NULL when another process is the creator */
    int creator_pid;     /* that process, else 0 */
    int creator_in;      /* it ends its Corps when this closes */
    int pids[VICTIM_ENVS];
    struct corps_name *names[VICTIM_CONCS];
};
/* Errors: those of corps_create, CLOSED when the other process could not. */
enum corps_err victims_create(const char *transport, bool by_another_process, struct victims *victims);
/* Ends what is left of them and gives back everything. False: they had to be killed. */
bool victims_end(struct victims *victims);
int creator_main(const char *transport); /* the other process */
struct corps_options stress_options(const char *transport, unsigned env_count);
struct corps_name *stress_place(struct corps *corps, const char *class_name, unsigned env);

/* ---- left.c: what must not be left, and must not grow ---- */

enum { WATCHED_MAX = 3 };
struct usage {
    long memory_kib, descriptors, threads;
};
void left_prepare(void); /* a runtime directory of our own; orphans become our children */
/* Waits until no process but ours and `keep` is left, and no file but those of one Corps; says what else there is. */
bool left_nothing(const int *keep, unsigned keep_count);
bool usage_of(int pid, struct usage *usage);
void show_stacks(int pid); /* with gdb, where there is one */

#endif
