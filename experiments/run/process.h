/* One trial in a process of its own: this program started again as `corps-lab cell`, in its own session, with a time
 * limit. Whatever it leaves running is killed.
 *
 * The trial writes its line into anonymous memory, so that a large histogram can block nobody. Signals that end a run
 * (SIGINT, SIGTERM, SIGHUP) are read from a descriptor between lab_process_begin and lab_process_end.
 *
 * Threads: one.
 */
#ifndef PROCESS_H
#define PROCESS_H

#include "lab.h"

struct lab_signals {
    int fd;       /* signalfd */
    int received; /* the signal that came, 0 = none */
};

/* Begins to catch the signals that end a run, and makes this process the one that inherits a trial's orphans. False
 * with one line in `error`. */
bool lab_signals_begin(struct lab_signals *signals, char error[LAB_ERROR_BYTES]);
void lab_signals_end(struct lab_signals *signals);

/* Has a signal come? */
bool lab_signals_look(struct lab_signals *signals);

enum lab_outcome {
    LAB_OUTCOME_LINE,    /* there is a line: measured, or failed with its reason */
    LAB_OUTCOME_STOPPED, /* a signal came: the trial was killed and there is no line */
    LAB_OUTCOME_BROKEN,  /* no trial can be started; *line is NULL */
};

/* Runs one trial, by another corps-lab `program` or (NULL) by this one. `*line` gets the trial's line (new reference)
 * when there is one. BROKEN leaves one line in `error`.
 */
enum lab_outcome lab_process_run(struct lab_signals *signals, const char *program, const struct lab_cell *cell,
                                 double timeout_s, json_t **line, char error[LAB_ERROR_BYTES]);

#endif
