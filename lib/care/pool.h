/* Pools: one Name over many Concs. The pool's own Conc, in Env 0, holds the table of members and decides about it, as
 * scale.h says; calls go to members without it (link/replicas.h, actor/pooled.h).
 *
 * It is a class of the core's, for every class name that begins with CORPS__POOL_PREFIX. Its methods:
 *
 *   "corps:members" [version known, calls under way, key]   → [version, valid_ns, how, [[env, conc], …]]: how to choose
 *       (enum corps__pool_how), and the members; NIL instead of them where the version is known. The table may be used
 *       for valid_ns after it was asked for.
 *   "corps:ready"   → NIL, once there are as many members as there must be; or why the first one could not be made
 *   "corps:pool"    → what corps:stats says of it
 *   "corps:tick"    from its timer: another step of time
 *   "corps:look"    something has been answered
 *   "corps:end"     ends the members, each when it has done what it had, and then the Conc
 *
 * None of them waits: what managers are asked for is answered by Futures, which are looked at in the next step.
 */
#ifndef CORPS_CARE_POOL_H
#define CORPS_CARE_POOL_H

#include <corps.h>

#define CORPS__POOL_MAX 1024u
#define CORPS__POOL_VALID_NS INT64_C(1000000000)

#define CORPS__POOL_LOOK "corps:look"

enum corps__pool_how { CORPS__POOL_SPREAD, CORPS__POOL_STICKY, CORPS__POOL_NEAREST };

/* The arguments of its init. */
enum {
    CORPS__POOL_CLASS,
    CORPS__POOL_MIN,
    CORPS__POOL_MAX_COUNT,
    CORPS__POOL_TARGET_NS,
    CORPS__POOL_QUIET_NS,
    CORPS__POOL_LOCATION,
    CORPS__POOL_ENV,
    CORPS__POOL_HOST, /* "", or a host's name, number or label */
    CORPS__POOL_IS_STICKY,
    CORPS__POOL_ENV_EACH,
    CORPS__POOL_POLICY, /* an order's (order.h) */
    CORPS__POOL_INIT,   /* an array of what follows that in an order, or NIL */
    CORPS__POOL_ARGS,
};

/* Has the floors below know the class. Before an Env's main begins. */
void corps__pool_begin(void);

#endif
