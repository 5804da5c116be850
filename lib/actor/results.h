/* What was answered already: so that a call which is sent again runs once. The callee's side of retry calls.
 *
 * A retry call has a number that no other call of its caller's process has, and the process an identity of 128 random
 * bits; together they are the key. The first request of a key is run; its entry is RUNNING, then ANSWERED with the
 * reply. A request of a key that is there is not run: while it is RUNNING, the answer will go to the newest link on
 * which it was asked for; when it is ANSWERED, the same reply goes out again.
 *
 * Nothing comes back after its entry has gone. A retry call has a deadline, at most `ttl_ns` away, and all of its
 * requests have the same; a request that comes after it is LATE and is dropped. The callee knows the caller's clock to
 * within CORPS__CLOCK_ERROR_NS, so two requests of one call may seem to differ by twice that: an entry stays for
 * CORPS__RESULT_MARGIN_NS beyond the deadline. It is never dropped earlier, whatever else needs room: a full cache
 * refuses (FULL) before anything is run. And it is never dropped while it is RUNNING.
 *
 * What an earlier link still holds is not admitted once a newer one of the same caller is there (STALE): the caller has
 * sent again, on the newer one, whatever it still wants, and no longer hears what is said on the earlier.
 *
 * Where two hosts' clocks differ, a request that looks late on one link may not on the next, and then runs after newer
 * ones of its caller. On one host there is no such difference.
 *
 * Nothing is allocated: entries and buckets are the caller's. No clock. Threads: one at a time for one cache. An
 * admission and an answer cost the length of a chain, corps__results_expire the number of entries.
 * Source: the reply cache of NFSv4.1 sessions (RFC 8881, 2.10.6), with times instead of slots.
 */
#ifndef CORPS_ACTOR_RESULTS_H
#define CORPS_ACTOR_RESULTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CORPS__CLOCK_ERROR_NS INT64_C(1000000000)
#define CORPS__RESULT_MARGIN_NS INT64_C(5000000000)

struct corps__result_key {
    uint64_t identity[2]; /* of the caller's process */
    uint64_t id;          /* of the call in it */
};

enum corps__result_state { CORPS__RESULT_FREE, CORPS__RESULT_RUNNING, CORPS__RESULT_ANSWERED };

struct corps__result {
    struct corps__result_key key;
    enum corps__result_state state;
    int64_t keep_until_ns;
    uint64_t link; /* on which it was asked for last */
    void *reply;   /* ANSWERED */
    size_t bytes;  /* of it */
    uint32_t next; /* in its bucket, or of those that are free; `capacity`: the last */
};

struct corps__results {
    struct corps__result *entries;
    uint32_t *buckets; /* the first of each chain */
    uint32_t capacity, bucket_count;
    uint32_t free, count;
    size_t bytes, bytes_max; /* of replies; what runs when it is reached is kept all the same */
    int64_t ttl_ns;
    uint32_t hand; /* where corps__results_expire goes on */
};

enum corps__admission {
    CORPS__ADMIT_RUN,      /* run it, and tell corps__results_answer of this entry, or corps__results_drop */
    CORPS__ADMIT_RUNNING,  /* its answer will go out on this link */
    CORPS__ADMIT_ANSWERED, /* send the entry's reply, on this link */
    CORPS__ADMIT_FULL,     /* refuse it. After corps__results_expire there may be room */
    CORPS__ADMIT_LATE,     /* drop it: nobody waits for it any more */
    CORPS__ADMIT_STALE,    /* drop it: it was sent again on a newer link */
    CORPS__ADMIT_TOO_FAR,  /* refuse it (INVALID): its deadline is beyond what results are kept for */
};

/* A request of a retry call, as it has come. */
struct corps__ask {
    struct corps__result_key key;
    int64_t deadline_ns;  /* as well as the callee knows it */
    uint64_t link;        /* on which it came: later links have higher numbers */
    uint64_t newest_link; /* of this caller's process */
};

/* `entries` (of `capacity`, at least 1) and `buckets` (of `bucket_count`, a power of two) are borrowed as long as the
 * cache is used. */
void corps__results_init(struct corps__results *results, struct corps__result *entries, uint32_t capacity,
                         uint32_t *buckets, uint32_t bucket_count, size_t bytes_max, int64_t ttl_ns);

/* What to do with a request. Writes the entry where there is one: RUN, RUNNING, ANSWERED. */
enum corps__admission corps__results_admit(struct corps__results *results, const struct corps__ask *ask, int64_t now_ns,
                                           uint32_t *entry);

/* The entry's call has been answered. Takes the reply, until corps__results_expire gives it back. Returns the link on
 * which it is to go out. */
uint64_t corps__results_answer(struct corps__results *results, uint32_t entry, void *reply, size_t bytes);

/* The entry's call was not begun and never will be (it was late at last): as if it had not come. */
void corps__results_drop(struct corps__results *results, uint32_t entry);

/* Gives one reply back that nobody can ask for any more; false: there is none now. */
bool corps__results_expire(struct corps__results *results, int64_t now_ns, void **reply);

/* Is there an entry of this key? */
bool corps__results_has(const struct corps__results *results, const struct corps__result_key *key);

/* After a restart: what was answered and kept elsewhere, in any order. Takes the reply, and writes the entry. False:
 * there is one already, or no room. */
bool corps__results_restore(struct corps__results *results, const struct corps__result *kept, uint32_t *entry);

#endif
