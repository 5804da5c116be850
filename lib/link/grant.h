/* What a peer that calls us was granted: room in a Worker's mailbox, and whether it keeps to it.
 *
 * An honest sender counts what it has outstanding with each Worker before it sends (route.c). Here the receiver counts
 * the same, so that what it holds for a peer is bounded whatever the peer does: one that goes beyond loses its link.
 *
 * Who leads counts what comes, who answers counts what is settled, on a line of its own; the leader looks there only
 * when without looking it would have to refuse. What is settled is counted before the peer is told, so this process
 * never sees more outstanding than an honest peer does. */
#ifndef CORPS_GRANT_H
#define CORPS_GRANT_H

#include "link/known.h"

enum { CORPS__REFUSED_MAX = 16384 }; /* refusals that a peer has not read */

/* One peer's use of one Worker's mailbox. */
struct corps__grant {
    uint32_t conc;
    uint64_t count, bytes;             /* that came in all … */
    uint64_t count_limit, bytes_limit; /* … and may have come without another look at what is settled */
    uint64_t large_bytes;              /* of a request that came beyond the window, see fits_grant */
    struct corps__grant *next_spare;
    _Alignas(64) _Atomic uint64_t settled_count; /* who answers writes it */
    _Atomic uint64_t settled_bytes;
};

/* All that one peer uses; the leader's. */
struct corps__grants {
    struct corps__grant **slots; /* a power of two of them, at most half full */
    size_t slot_count, used;
    struct corps__grant *spare;
    struct corps__grant *last; /* found last */
    struct corps__grant *nobody;
};

/* Of corps__grant_use, where it is another Worker than before, or there seems to be no room. */
enum corps_err corps__grant_find(struct corps__grants *grants, uint32_t conc, size_t bytes) CORPS_CHECKED;

/* Counts a request of `bytes` bytes that has come for Worker `conc`; gives what to settle it with, which stays until
 * then. With the lead. Errors: PROTOCOL (there was no room), NO_MEMORY. */
static inline enum corps_err corps__grant_use(struct corps__grants *grants, uint32_t conc, size_t bytes,
                                              struct corps__grant **grant) {
    struct corps__grant *last = grants->last;
    if (last == NULL || last->conc != conc || last->count >= last->count_limit ||
        last->bytes + bytes > last->bytes_limit) {
        enum corps_err err = corps__grant_find(grants, conc, bytes);
        if (err != CORPS_OK) {
            return err;
        }
        last = grants->last;
    }
    last->count++;
    last->bytes += bytes;
    *grant = last;
    return CORPS_OK;
}

/* Counts a request that is refused: for it there is no Worker, whose mailbox would bound it, so that what bounds the
 * answers is CORPS__REFUSED_MAX; settled as any other. With the lead. Errors: PROTOCOL, NO_MEMORY. */
enum corps_err corps__grant_refused(struct corps__grants *grants, size_t bytes,
                                    struct corps__grant **grant) CORPS_CHECKED;

/* Of `grant` (NULL: nothing) so many requests of so many bytes are no longer outstanding. Before the peer hears of it,
 * and under its lock `tx`: one thread at a time. */
void corps__grant_settle(struct corps__grant *grant, uint64_t count, uint64_t bytes);

/* With the lead, when no request of the peer is left in this process. */
void corps__grants_free(struct corps__grants *grants);

#endif
