/* Peers: programs of other makers' libraries that do the work of a cell in their own way, so that their figures can
 * stand beside ours. experiments/peers/README.md tells what each does; scripts/peers installs and builds them. Nothing
 * else in the laboratory is called a peer: the other process of a trial is a responder (raw controls) or an Env.
 *
 * A peer is a program in the folder $CORPS_PEERS, else in the folder `peers` beside corps-lab, or a Python program of
 * experiments/peers. `PROGRAM --version` prints {"version": …} or {"error": …}. `PROGRAM key=value …` (the keys of a
 * cell, and cpus=0,1: the processors that may be used) performs a trial and prints one JSON object: what a driver of a
 * Python trial prints, and `version`; or `error`.
 *
 * Threads: one.
 */
#ifndef PEERS_H
#define PEERS_H

#include "cell/cell.h"

#include <limits.h>

struct lab_peer {
    const char *name;      /* "peer:erlang" */
    const char *program;   /* its file; "….py" is run by the laboratory's Python */
    const char *summary;   /* also says how it waits where a wake policy has a name of its own there */
    const char *workloads; /* lists of words */
    const char *wakes;     /* the first is the default */
    const char *lang;
    unsigned envs_min; /* processes that talk; the least is the default */
    unsigned envs_max;
    unsigned bytes_max; /* of the payload */
};

const struct lab_peer *lab_peer_at(unsigned index); /* NULL past the end */
const struct lab_peer *lab_peer_find(const char *name);

bool lab_cell_is_peer(const struct lab_cell *cell);

/* Why a peer cannot perform this cell, or NULL. That the program is missing is a reason. */
const char *lab_peer_rule(const struct lab_cell *cell, char why[LAB_ERROR_BYTES]);

/* The program, and its interpreter or "". False with a reason when it is not there. */
bool lab_peer_path(const struct lab_peer *peer, char path[PATH_MAX], char interpreter[PATH_MAX],
                   char why[LAB_ERROR_BYTES]);

/* Asks the program for its version. False with a reason when it is not there or cannot run. */
bool lab_peer_version(const struct lab_peer *peer, char version[LAB_ERROR_BYTES], char why[LAB_ERROR_BYTES]);

/* A trial; see lab_trial. */
json_t *lab_peer_trial(const struct lab_cell *cell);

#endif
