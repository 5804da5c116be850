/* Probes: how long what is sent to a Conc of this Env waits before its turn comes, and whether it has nothing to do.
 *
 * A probe is a mail that passes through the Conc's mailbox as a request does, and costs requests nothing. One is under
 * way for a Conc at most. Whoever asks is told what the last one found, or for how long the present one has waited so
 * far, and has another one sent. For pools, which ask several times in a second (care/pool.h).
 */
#ifndef CORPS_ACTOR_PROBE_H
#define CORPS_ACTOR_PROBE_H

#include "actor/conc.h"

enum corps__probe_is {
    CORPS__PROBE_ALIVE,
    CORPS__PROBE_RESTARTS, /* it is being made again */
    CORPS__PROBE_ENDED,    /* it has ended, is lost, or was never there */
};

struct corps__probe_seen {
    enum corps__probe_is is;
    int64_t wait_ns;
    int64_t age_ns; /* since the probe that found this was sent; negative: none was before */
    bool idle;      /* when it passed, nothing was put aside or held, of all that was asked since the first probe */
};

/* Errors: NO_MEMORY. Any thread. */
enum corps_err corps__probe(uint32_t conc, struct corps__probe_seen *seen) CORPS_CHECKED;

/* It has ended in a way that its own methods decide about: from now on that is what is found. */
void corps__probe_gone(uint32_t conc);

/* Nobody will ask for this Conc any more. */
void corps__probe_forget(uint32_t conc);

/* The mail has its turn, on the thread that runs the Conc. Takes it. */
void corps__probe_passes(struct corps__conc *conc, struct corps__message *message, bool alive);

/* With the end of the runtime. */
void corps__probes_free(void);

#endif
