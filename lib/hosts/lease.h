/* Until when one may act: the deciding part of grants between hosts.
 *
 * A *holder* acts only while it has a grant; a *granter* gives grants, and puts another in the holder's place when it
 * has heard nothing for long enough. Over hosts the holder is an agent, for the Envs of one Corps, and the granter is
 * that Corps' Env 0. The holder asks every CORPS__ASK_NS and says at what time of its own clock it asks. The answer
 * names that time again; the grant runs from it. So however long question and answer were on their way, or either side
 * was stopped, it ends before the granter's wait does: the granter heard the question after it was asked, and waits
 * longer (CORPS__SILENCE_NS) than the grant runs.
 *
 * What each side has to do for that to hold (tests/sim/hosts.c finds two of whom there must be one where a rule that
 * stands here first is broken):
 *   - A grant counts from when it was asked for, on the asker's clock. That is CLOCK_BOOTTIME, which goes on while the
 *     machine sleeps.
 *   - The holder begins nothing without a grant, and ends everything at the end of it. What acts looks itself, too
 *     (corps__lease_is_over): whoever is to end it may be stopped.
 *   - The granter waits longer than the grant runs.
 *   - Nobody's successor gives anything back early: what a dead holder was granted, and what a dead granter has
 * granted, runs to its end. And where they follow each other:
 *   - A grant is not longer than what is left of the granter's own.
 *   - The granter answers nobody that it has given up. Who comes back is another holder, with another lease.
 *
 * Nothing here reads a clock, allocates or has to be finished. Threads: one at a time for one lease or silence. Times
 * are in ns. Source: Gray, Cheriton, "Leases: An Efficient Fault-Tolerant Mechanism for Distributed File Cache
 * Consistency", SOSP 1989 (term counted from the request, allowance for drift).
 */
#ifndef CORPS_HOSTS_LEASE_H
#define CORPS_HOSTS_LEASE_H

#include "base/plant.h"

#include <stdbool.h>
#include <stdint.h>

#define CORPS__ASK_NS INT64_C(300000000)      /* between two questions; eight of them fit into a grant */
#define CORPS__GRANT_NS INT64_C(2400000000)   /* the longest grant */
#define CORPS__SILENCE_NS INT64_C(3000000000) /* so long nothing was heard: given up */

/* Clocks may differ in their rates by 2 in 1,000: ten times what crystals do (±200 ppm). */
#define CORPS__DRIFT_PER_MILLE 2

/* ---- the holder ---- */

struct corps__lease {
    int64_t asked_ns; /* the newest question; 0: none */
    int64_t until_ns; /* acts before this; 0: was never granted anything */
};

/* Asks from now on; nothing is granted. */
void corps__lease_init(struct corps__lease *lease);

/* A question leaves at `now_ns` (> 0, never less than before); the answer is to name this time. */
void corps__lease_asked(struct corps__lease *lease, int64_t now_ns);

/* When the next question is to leave. At once, if there was none. */
int64_t corps__lease_ask_due(const struct corps__lease *lease);

/* The answer to what was asked at `asked_ns`: it may act for `length_ns` from then on. False, and nothing has changed:
 * that was never asked, or is over already. An answer never shortens what an earlier one gave. */
bool corps__lease_granted(struct corps__lease *lease, int64_t asked_ns, int64_t length_ns, int64_t now_ns);

/* Is there no grant, or none any more? Then nothing may begin, and what runs is to be ended at once. */
bool corps__lease_expired(const struct corps__lease *lease, int64_t now_ns);

/* The same for what acts, which is told until_ns alone. */
static inline bool corps__lease_is_over(int64_t until_ns, int64_t now_ns) {
    return now_ns >= until_ns && !CORPS__PLANTED(DOES_NOT_LOOK);
}

/* ---- the granter ---- */

struct corps__silence {
    int64_t heard_ns;
};

/* Waits for a first word from now on. */
void corps__silence_init(struct corps__silence *silence, int64_t now_ns);

/* A question has come, and will be answered. */
void corps__silence_heard(struct corps__silence *silence, int64_t now_ns);

/* Has nothing come for so long that every grant is over? */
bool corps__silence_over(const struct corps__silence *silence, int64_t now_ns);

/* From when on it is silent, if nothing comes. */
int64_t corps__silence_due(const struct corps__silence *silence);

/* How long a grant may be that is given now, by who may act itself until `own_until_ns` (INT64_MAX: as long as it
 * lives). 0: none may be given. */
int64_t corps__grant_length(int64_t own_until_ns, int64_t now_ns);

/* Who takes the place of a granter that had ended by `ended_ns` begins nothing before this: others may act for so long
 * by what that one granted. */
int64_t corps__grant_successor(int64_t ended_ns);

#endif
