/* Reading a payload out of the memory of the process that sent it (cross-memory attach), and deciding whether that came
 * in time.
 *
 * The process that is read is the one that the kernel named when the session began (corps__session_process), and still
 * is after the read: a pidfd tells. A sender may have to let go of the memory before it was read. So the end of each
 * such frame is decided once, by a word that both write with compare-and-swap: the receiver after it has read, the
 * sender before it lets go.
 */
#ifndef CORPS_CMA_READ_H
#define CORPS_CMA_READ_H

#include <corps/error.h>

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* What both share of one direction. Frames that are read like this are numbered from 1; there is one at a time. */
struct corps__cma_shared {
    _Alignas(128) _Atomic uint64_t decided; /* number and outcome of the last one */
};

enum corps__cma_outcome {
    CORPS__CMA_OPEN,
    CORPS__CMA_READ,      /* by the receiver, which has it now */
    CORPS__CMA_REFUSED,   /* by the receiver, which is not allowed to read */
    CORPS__CMA_CANCELLED, /* by the sender: it is not there any more, and comes again or never */
};

/* Decides frame `number`, unless that has been done: false then. */
bool corps__cma_decide(struct corps__cma_shared *shared, uint64_t number, enum corps__cma_outcome outcome);

enum corps__cma_outcome corps__cma_outcome_of(const struct corps__cma_shared *shared, uint64_t number);

/* Where a payload lies. */
struct corps__remote {
    uint64_t address;
    uint64_t bytes;
    uint64_t number;
};

/* The process at the other end. */
struct corps__cma_peer {
    pid_t pid; /* 0: none yet */
    int pidfd; /* −1: not known, and nothing will be read */
};

/* Nothing for one that is not known. */
void corps__cma_peer_close(struct corps__cma_peer *peer);

/* Reads the payload to `to`. Errors: UNSUPPORTED (not allowed here), CLOSED (the peer has ended), PROTOCOL (it has no
 * such memory), NO_MEMORY. */
enum corps_err corps__cma_read(const struct corps__cma_peer *peer, const struct corps__remote *remote,
                               void *to) CORPS_CHECKED;

#endif
