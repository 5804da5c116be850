/* Retry calls that are under way to one process: what is sent again, and in which order. The caller's side.
 *
 * A retry call keeps its number and its deadline however often it is sent (results.h). When its link is lost, or the
 * Env behind it is being replaced, it waits; on the next link every call that has no answer yet goes again, the oldest
 * first, and before anything newer to that process: so the order of each sender is kept. An answer counts on the newest
 * link alone.
 *
 * Pure: no I/O, no clock, nothing allocated; the entries are the caller's, and lie in a list. Threads: one at a time. A
 * call costs a few stores, a new link the number of those under way.
 */
#ifndef CORPS_ACTOR_RETRY_H
#define CORPS_ACTOR_RETRY_H

#include <corps/error.h>

#include <stdbool.h>
#include <stdint.h>

struct corps__retry {
    int64_t deadline_ns;
    uint64_t link; /* on which it was sent last; 0: not yet */
    struct corps__retry *next, *previous;
};

struct corps__retries {
    struct corps__retry *first, *last; /* in the order of their calls */
    struct corps__retry *unsent;       /* the first that `link` has not carried; NULL: it has carried all */
    uint64_t link;
};

/* How long a retry call may take: `timeout_ns` as the caller gave it (0: none) and `ttl_ns`, for which results are
 * kept. Writes what it is. Errors: INVALID (longer than results are kept). */
enum corps_err corps__retry_timeout(int64_t timeout_ns, int64_t ttl_ns, int64_t *out_ns) CORPS_CHECKED;

/* A new call, after all before it. The entry is lent until corps__retries_end. Zeroed memory is a list without calls.
 */
void corps__retries_add(struct corps__retries *retries, struct corps__retry *retry, int64_t deadline_ns);

/* The call that is to be sent next on this link (links have ascending numbers, from 1), and takes it for sent. Ask
 * until it is NULL, and send nothing newer before. A call whose deadline has passed is left out: it ends by itself. */
struct corps__retry *corps__retries_next(struct corps__retries *retries, uint64_t link, int64_t now_ns);

/* One whose deadline has passed and that no answer can come to any more, since `link` (0: there is none now) has not
 * carried it. NULL: there is none. */
struct corps__retry *corps__retries_late(const struct corps__retries *retries, uint64_t link, int64_t now_ns);

/* It was answered, has failed, or nobody waits for it any more. */
void corps__retries_end(struct corps__retries *retries, struct corps__retry *retry);

#endif
