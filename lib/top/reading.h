/* A reading: what every Env of a Corps has counted at one moment, and what that comes to since the reading before. */
#ifndef CORPS_TOP_READING_H
#define CORPS_TOP_READING_H

#include "spread.h"

#include <corps/stats.h>

struct top_worker {
    unsigned env;
    int64_t conc;
    const char *class_name; /* lent by its Env's box; no NUL at the end */
    size_t class_bytes;
    int64_t served, failed, queued, restarted; /* since its process began; how many now */
    bool running;
    struct top_spread wait, service;         /* since its process began */
    struct top_spread wait_now, service_now; /* since the reading before */
    double served_rate, failed_rate;         /* a second */
    double busy;                             /* seconds of service a second */
};

struct top_env {
    unsigned env;
    struct corps_box *box; /* what corps_stats gave; NULL: nothing, and `why` not */
    char why[200];
    int64_t pid, incarnation, up_ns, cpu_ns, rss_bytes, threads, workers_left;
    double seconds;      /* that the rates are over */
    double cpu;          /* processors used, 1 = one of them */
    double served_rate;  /* of its Workers */
    size_t first, count; /* its Workers in the reading's */
};

struct top_reading {
    uint64_t corps_id;
    char tag[64];
    struct top_env *envs;
    unsigned env_count;
    struct top_worker *workers;
    size_t worker_count;
};

/* Asks every Env, and waits until `timeout_ns` has passed for all of them together, and a moment for each; an Env that
 * does not answer is without a box. Gives
 * the reading, to be given back by top_reading_free. Errors: EXITED (the Corps has ended, or no Env answers and all are
 * lost), NO_MEMORY. */
enum corps_err top_reading_take(struct corps *corps, const char *tag, int64_t timeout_ns,
                                struct top_reading *reading) CORPS_CHECKED;

/* Rates and spreads between two readings: Workers and Envs that were not there before, or have begun anew, are since
 * their own start. `before` NULL: everything is. */
void top_reading_compare(struct top_reading *reading, const struct top_reading *before);

void top_reading_free(struct top_reading *reading);

/* An integer, text or list of a map; 0, "" or NULL where there is none. */
int64_t top_number(const struct corps_value *map, const char *key);
const struct corps_value *top_list(const struct corps_value *map, const char *key);

/* How often an Env was started again, with its Corps or without. */
int64_t top_env_restarts(const struct top_env *env);

#endif
