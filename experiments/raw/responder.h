/* The responder: the other process of a raw control, which answers every message. It is started, watched and ended
 * here. And the watchdog that keeps the measuring process from waiting for ever.
 *
 * Lifecycle: start → measure → end → finish; finish also after a start that failed. One at a time in a process: the
 * watchdog uses the process's interval timer and SIGALRM, and puts both back.
 */
#ifndef RAW_RESPONDER_H
#define RAW_RESPONDER_H

#include "raw/raw.h"

#include <sched.h>
#include <sys/time.h>

/* Set in the number of a message that wants no answer; the others are counted alike. */
#define RAW_ONE_WAY (UINT64_C(1) << 62)

/* Numbers that no timed message has. */
#define RAW_MARK (UINT64_MAX - 1) /* the timed section begins: the responder takes its first snapshot */
#define RAW_STOP UINT64_MAX       /* it is over: the responder takes its second snapshot, answers and ends */

/* What one process has used so far, or between two moments. */
struct raw_snapshot {
    double cpu_ns;
    double user_ns;
    double system_ns;
    double voluntary;
    double involuntary;
    double page_faults;
    double peak_rss_bytes;
};

void raw_snapshot_take(struct raw_snapshot *snapshot);
struct raw_snapshot raw_snapshot_between(const struct raw_snapshot *before, const struct raw_snapshot *after);

/* Memory that both processes share. */
struct raw_page {
    struct raw_shared shared;
    struct raw_snapshot snapshots[2]; /* the responder's */
    char error[RAW_ERROR_BYTES];      /* the responder's, "" when it had none */
};

struct raw_responder {
    pid_t pid; /* 0 when there is none */
    const struct raw_mechanism *mechanism;
    struct raw_page *page;
    cpu_set_t allowed; /* the caller's processors before placement */
    bool placed;
    bool watched;
    struct sigaction old_action;
    struct itimerval old_timer;
    struct sigaction old_pipe;
};

/* Puts the calling thread where that side belongs. False with a line in channel->error. */
bool raw_place(struct raw_channel *channel, const cpu_set_t *allowed, const char *placement, int side);

/* Opens the channel, starts the responder and the watchdog, places both processes. False with a line in channel->error.
 */
bool raw_responder_start(struct raw_responder *responder, const struct raw_mechanism *mechanism,
                         struct raw_channel *channel, const char *placement, unsigned max_ms);

/* Waits for the responder's end after RAW_STOP (`done`), or kills it. False, with channel->error, when it failed. */
bool raw_responder_end(struct raw_responder *responder, struct raw_channel *channel, bool done);

/* Kills what is left and gives everything back. */
void raw_responder_finish(struct raw_responder *responder, struct raw_channel *channel);

#endif
