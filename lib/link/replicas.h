/* The members of a pool, as its own Conc has told this process, and the choice of one for a call.
 *
 * A table is what one answer to `corps:members` says: a version, how calls are spread, and the members. It does not
 * change, but for `avoided`: a member that could not be called is left out until the next answer, which says who is
 * there. How much a member has to do the caller tells (a corps__load_fn): nothing here sends, waits or reads a clock.
 *
 * Choices. *Spread*: the better of two random members (M. Mitzenmacher, "The power of two choices in randomized load
 * balancing", 2001). *Sticky*: the member whose hash with the key is the highest (D. Thaler, C. Ravishankar, "Using
 * name-based mappings to increase hit rates", 1998): when a member comes or goes, only its own keys move. *Nearest*:
 * the member in the caller's Env, else the one with the least to do.
 *
 * Threads: any, with a reference.
 */
#ifndef CORPS_REPLICAS_H
#define CORPS_REPLICAS_H

#include "value/name.h"

enum corps__spreading { CORPS__SPREAD, CORPS__STICKY, CORPS__NEAREST };

#define CORPS__NO_MEMBER SIZE_MAX
#define CORPS__LOAD_NONE UINT64_MAX /* it cannot take anything just now: chosen only where no other can */

enum { CORPS__MEMBERS_MAX = 65536 };

struct corps__member {
    struct corps_name *name; /* one reference; keeps the route */
    _Atomic bool avoided;
};

struct corps__replicas {
    _Atomic unsigned refs;
    uint64_t version;
    enum corps__spreading spreading;
    size_t count;
    struct corps__member members[];
};

/* How many requests of this process the member has to handle; CORPS__LOAD_NONE. */
typedef uint64_t (*corps__load_fn)(const struct corps_name *member, void *arg);

/* Reads an answer to `corps:members`: `[version, valid_ns, spreading, [[env, conc], …]]`, for callers who know `before`
 * (NULL: nothing). Writes for how long it may be used from the moment of the question, and the table: one reference; it
 * is `before` itself where that is still right. Names of members that stay are the same as in `before`, and nobody is
 * avoided any more. `class_name` is the members'. Errors: PROTOCOL (the detail says what is wrong), NO_MEMORY. */
enum corps_err corps__replicas_read(const struct corps_value *answer, uint64_t corps_id, const char *class_name,
                                    struct corps__replicas *before, struct corps__replicas **table,
                                    int64_t *valid_ns) CORPS_CHECKED;

struct corps__replicas *corps__replicas_ref(struct corps__replicas *table);
void corps__replicas_unref(struct corps__replicas *table); /* accepts NULL */

/* The choices; CORPS__NO_MEMBER where there is none that is not avoided. `random` is any number. */
size_t corps__replicas_spread(const struct corps__replicas *table, uint64_t random, corps__load_fn load, void *arg);
size_t corps__replicas_sticky(const struct corps__replicas *table, uint64_t key);
size_t corps__replicas_nearest(const struct corps__replicas *table, uint32_t own_env, uint64_t random,
                               corps__load_fn load, void *arg);

/* The one with the least to do; of equal ones a random one. */
size_t corps__replicas_least(const struct corps__replicas *table, uint64_t random, corps__load_fn load, void *arg);

/* What all of them together have to do. */
uint64_t corps__replicas_outstanding(const struct corps__replicas *table, corps__load_fn load, void *arg);

/* A number whose bits all depend on all of x's (splitmix64: G. Steele, D. Lea, C. Flood, 2014). */
static inline uint64_t corps__mix(uint64_t x) {
    x += UINT64_C(0x9e3779b97f4a7c15);
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

#endif
