/* A load on owned Corps, those that outlive the host of their Env 0, and its oracle: what the files of this program
 * share.
 *
 * Each Corps is a singleton. Its front is called by its Name from every host: by plain calls with deadlines, and by
 * retry calls whose effect must be once. It keeps what it knows in a directory that all hosts share. In each of its
 * Envs a Pulse acts by its own timer, so that nobody has to reach it. Meanwhile whoever runs this program
 * (etcd_world.py) switches hosts off, and kills, stops and cuts etcd.
 *
 * The oracle is a *fence*: a file that all hosts of one machine map, as a store outside of Corps would be. A life of a
 * Corps gives it its epoch (corps_context_epoch) when it begins; from then on acts of a lower epoch are refused, and
 * counted: two lives acted at once. Two lives of the same epoch are counted too; there must never be any. A store that
 * is outside has a number for each caller as well: the last retry call whose effect has come. It may come again (what
 * was cut short runs anew), and must neither go back nor leave one out.
 *
 * With CORPS_CUT_OFF_STAY there may be two lives for a while; then what the lower one does must be refused here. */
#ifndef CORPS_HOSTS_OWNED_H
#define CORPS_HOSTS_OWNED_H

#include <corps.h>

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum { OWNED_CORPS_MAX = 8, OWNED_LIVES_MAX = 1000, OWNED_CALLERS_MAX = 256, OWNED_ENVS_MAX = 16 };
enum { OWNED_PATH_BYTES = 200 };

/* ---- owned_fence.c ---- */

/* A life of a Corps: an Env 0 whose front has begun. Times are of CLOCK_REALTIME, which no time namespace changes. */
struct owned_life {
    uint64_t epoch;
    int64_t born_ns;
    int32_t pid; /* as its host counts processes */
    uint32_t host;
};

/* The fence of one Corps. Written by any process; each field by itself. */
struct owned_fence {
    _Atomic uint64_t begun;  /* so many of `lives` are taken */
    _Atomic uint64_t newest; /* 1 + index of the life with the greatest epoch; 0: there is none yet */
    _Atomic uint64_t acts, refused, doubled;
    _Atomic uint64_t repeated, skipped; /* effects that came again (no fault), and such as were in no order */
    _Atomic int64_t acted_ns;           /* the last act that was not refused */
    _Atomic int64_t overlap_ns;         /* of the last one that was: so long after the newest life had begun */
    _Atomic int64_t written[OWNED_CALLERS_MAX];
    struct owned_life lives[OWNED_LIVES_MAX];
};

/* The file at this path with the fences of all Corps, lent for ever; `make`: it is made. NULL with a line on standard
 * error. */
struct owned_fence *owned_fences_open(const char *path, bool make);

/* A life begins: gives its number, from 1. 0: there is no room for more. */
uint64_t owned_fence_begin(struct owned_fence *fence, uint64_t epoch);

/* Somebody of this life does what must not be done by two lives at once, now. False: it is refused. */
bool owned_fence_act(struct owned_fence *fence, uint64_t life);

/* An effect: the number-th of a caller. False: it is refused. */
bool owned_fence_write(struct owned_fence *fence, uint64_t life, unsigned caller, int64_t number);

/* One line of JSON about the first `count` Corps, on standard output. */
void owned_fences_print(const struct owned_fence *fences, unsigned count);

/* ---- owned_front.c: who is called ----
 *
 * Front: init [path of the fences, which of them]; makes a Pulse in every Env.
 *   entry [number, text] → [number, life]      next [caller, number] → number
 *   look → [life, epoch, Pulses that answer, Envs]      leave: the Corps ends */
extern const struct corps_class owned_front_class, owned_pulse_class;

/* ---- owned_call.c: who calls ---- */

/* hosts-owned call FENCES CALLER CORPS …, where each Corps is "NAME INDEX once|plain" in one word with colons. Reads
 * commands, and tells events; see owned.c. Gives the exit status. */
int owned_call(int argc, char **argv);

#endif
