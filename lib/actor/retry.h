/* Retry calls that are under way to one Worker: what is sent again, and in which order. The caller's side.
 *
 * A retry call keeps its number and its deadline however often it is sent (results.h). When its link is lost, or the
 * Env behind it is being replaced, it waits; on the next link every call that has no answer yet goes again, the oldest
 * first, and before anything newer to that Worker: so the order of this sender is kept. An answer counts on the newest
 * link alone.
 *
 * Pure: no I/O, no clock, nothing allocated; the entries are the caller's. Threads: one at a time. A call costs the
 * logarithm of those under way; a new link costs their number, and so does a call that finds the ring full.
 */
#ifndef CORPS_ACTOR_RETRY_H
#define CORPS_ACTOR_RETRY_H

#include <corps/error.h>

#include <stdbool.h>
#include <stdint.h>

struct corps__retry {
    uint64_t id;
    int64_t deadline_ns;
    uint64_t link; /* on which it was sent last; 0: not yet */
    bool over;
};

struct corps__retries {
    struct corps__retry *entries; /* a ring, by ascending numbers */
    uint32_t capacity;
    uint32_t first, count;
    uint32_t sent; /* so many of the first ones were sent on `link`, or left out: the next one is behind them */
    uint64_t link;
};

/* How long a retry call may take: `timeout_ns` as the caller gave it (0: none) and `ttl_ns`, for which results are
 * kept. Writes what it is. Errors: INVALID (longer than results are kept). */
enum corps_err corps__retry_timeout(int64_t timeout_ns, int64_t ttl_ns, int64_t *out_ns) CORPS_CHECKED;

/* `entries` (of `capacity`, at least 1) are borrowed as long as this is used. */
void corps__retries_init(struct corps__retries *retries, struct corps__retry *entries, uint32_t capacity);

/* A new call, with a higher number than all before it. Errors: FULL (so many are under way). */
enum corps_err corps__retries_add(struct corps__retries *retries, uint64_t id, int64_t deadline_ns) CORPS_CHECKED;

/* The call that is to be sent next on this link (links have ascending numbers, from 1), and takes it for sent. Ask
 * until it is false, and send nothing newer to this Worker before. A call whose deadline has passed is left out: it
 * ends by itself. */
bool corps__retries_next(struct corps__retries *retries, uint64_t link, int64_t now_ns, uint64_t *id);

/* Is this call under way, and was it last sent on this link? Then an answer that came on it counts. */
bool corps__retries_expects(const struct corps__retries *retries, uint64_t id, uint64_t link);

/* It was answered, has failed, or nobody waits for it any more. One that is not under way is ignored. */
void corps__retries_end(struct corps__retries *retries, uint64_t id);

/* The oldest that is under way: to fail them all, one after the other. False: none is. */
bool corps__retries_oldest(const struct corps__retries *retries, uint64_t *id);

#endif
