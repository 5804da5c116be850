/* Recording call chains (corps/chains.h) in all processes of a Corps: what the manager of an Env does for it, what
 * whoever records gathers, and how that is written. */
#ifndef CORPS_CHAINS_PROCESS_H
#define CORPS_CHAINS_PROCESS_H

#include "wait/chains.h"

#include <corps.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ---- methods of the manager ---- */

#define CORPS__CHAINS_BEGIN "corps:chains_begin"
#define CORPS__CHAINS_TAKE "corps:chains_take"
#define CORPS__CHAINS_CLOCK "corps:chains_clock"

/* [recording, span_count, every] → nil */
enum corps_err corps__manager_chains_begin(struct corps_context *context, void *self, const struct corps_value *args,
                                           struct corps_value *result);

/* [recording, after] → [id of the Corps, Env, pid, spans there were, spans as they are, [[thread, its name], …]]: spans
 * after the one with number `after`. The first time, with 0, nothing more is recorded; when there are fewer than
 * CORPS__CHAINS_PAGE, all have been taken and are freed. */
enum { CORPS__CHAINS_PAGE = 2048 };
enum corps_err corps__manager_chains_take(struct corps_context *context, void *self, const struct corps_value *args,
                                          struct corps_value *result);

/* → what the clock says there, in ns. */
enum corps_err corps__manager_chains_clock(struct corps_context *context, void *self, const struct corps_value *args,
                                           struct corps_value *result);

/* ---- what is gathered ---- */

struct corps__chains_thread {
    uint32_t number;
    char name[16];
};

struct corps__chains_process {
    uint64_t corps;
    uint32_t env;           /* CORPS__GUEST_ENV: a program */
    int pid;                /* 0: there are no spans of it, and `why` says so */
    uint32_t host;          /* that it is on, where that is another one than that of who records; else 0 */
    int64_t clock_error_ns; /* then: how wrong its times may be, by the clock of who records */
    uint64_t total;
    size_t first, count; /* of `spans` */
    struct corps__chains_thread *threads;
    size_t thread_count;
    char why[200];
};

struct corps__chains_gathered {
    const char *tag; /* of the Corps */
    uint64_t every;
    struct corps__chains_process *processes;
    size_t process_count;
    struct corps__span *spans; /* those of one process one after the other */
    size_t span_count;
};

/* Times of one on another host, whose clock is `ahead_ns` before ours, by ours. */
void corps__chains_align(struct corps__chains_gathered *gathered, struct corps__chains_process *process,
                         int64_t ahead_ns, int64_t error_ns);

/* Processes of several hosts may have one number: each later one gets another, which no process of Linux has. */
void corps__chains_tell_apart(struct corps__chains_gathered *gathered);

/* Writes it as JSON. Changes spans: what one of two has not seen it takes from the other. Errors: NO_MEMORY, SYSTEM. */
enum corps_err corps__chains_write(struct corps__chains_gathered *gathered, int fd) CORPS_CHECKED;

#endif
