/* A constant load on a Corps of several hosts, and its oracle: what the files of this program share.
 *
 * Each Env has a Book, a Tally and a Caller. The program calls all Books and Tallies, and each Caller calls the Book of
 * the next Env. Meanwhile whoever runs this program (scenarios.py) cuts, kills and stops. A *ledger*, a file that all
 * hosts of one machine map, holds which life of each Book is the newest: so a Book that still acts when a newer life of
 * it has begun is seen, whatever the network was like. A Book acts by its own timer, so that nobody has to reach it.
 *
 * What may happen under faults: calls are lost (WORKER_LOST) or late (their deadline passes). What may not: a call that
 * ends later than its deadline, or with another's answer; a retry call that has its effect not once; two lives of a
 * Book at once. */
#ifndef CORPS_HOSTS_LOAD_H
#define CORPS_HOSTS_LOAD_H

#include <corps.h>

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum { LOAD_ENVS_MAX = 16, LOAD_PATH_BYTES = 128 };

/* ---- load_workers.c: the ledger, and who is called ---- */

/* Of one Book, over all its lives. Times are of CLOCK_REALTIME, which no time namespace changes. */
struct load_book {
    _Atomic uint64_t newest; /* its newest life; numbered over all Books */
    _Atomic int64_t born_ns, acted_ns;
    _Atomic uint64_t acts, twice; /* `twice`: acts of a life that was not the newest any more … */
    _Atomic int64_t overlap_ns;   /* … and how long after the newest had begun the last of them was */
    _Atomic int32_t pid;
    char host[32]; /* of the newest life; for people */
};

struct load_ledger {
    _Atomic uint64_t lives;
    struct load_book books[LOAD_ENVS_MAX];
};

/* The ledger at this path, which the first makes; lent for ever. NULL with a line on standard error. */
struct load_ledger *load_ledger_open(const char *path, bool make);

extern const struct corps_class load_book_class, load_tally_class;

/* ---- load_calls.c: who calls ---- */

int64_t load_real_ns(void);

/* What calls came to. */
struct load_counts {
    _Atomic uint64_t answered, lost, late;
    _Atomic uint64_t hung, wrong, failed; /* faults */
};

/* One plain call of "entry" to a Book, waited for; counts what it came to, and tells faults on standard error. Gives
 * the life that has answered, else 0. */
uint64_t load_entry(const struct corps_name *book, int64_t number, struct load_counts *counts);

/* One retry call, which is answered by its number where it took effect once, and in its order. REFUSED: it failed as
 * "Refused", and has had no effect. */
enum load_once { LOAD_ONCE, LOAD_REFUSED, LOAD_NOT_ONCE };
enum load_once load_retry(const struct corps_name *to, const char *method, const struct corps_value *args,
                          int64_t number, int64_t timeout_ns);

/* A Caller's "run" [Book, milliseconds] → [answered, lost, late, hung, wrong, failed]. */
extern const struct corps_class load_caller_class;
void load_run_caller(const struct corps_name *caller, const struct corps_name *book, struct load_counts *counts);

#endif
