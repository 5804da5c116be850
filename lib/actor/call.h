/* One call on its way out: what corps_call and corps_send have gathered of it, and its beginning at a Worker. */
#ifndef CORPS_ACTOR_CALL_H
#define CORPS_ACTOR_CALL_H

#include "actor/conc.h"

#include <corps/serializer.h>

/* Where something is traced. Apart, so that a call that is not stays small. */
struct corps__call_traced {
    int64_t called_ns, encoded_ns;
    uint32_t span; /* the call's, where its chain is recorded; else 0 */
};

/* On the stack of the thread that calls. */
struct corps__call {
    const struct corps_name *to;
    const struct corps__symbol *method;
    const struct corps_value *args;
    const struct corps_serializer *serializer;
    struct corps *corps;
    struct corps_context *context; /* of the method that calls, NULL outside methods */
    int64_t deadline_ns;
    int64_t until_ns; /* for so long sending may wait: the deadline, or before it, see pooled.h */
    bool try_only;
    bool no_wait;
    bool reply;
    bool retry; /* may be sent again */
    bool keyed; /* to a pool: `key` says which member */
    uint64_t key;
    uint64_t chain;                    /* that it belongs to, see chain.h */
    struct corps__call_traced *traced; /* NULL: nothing is */
};

/* Begins it at the Worker `call->to`, which is no pool's Name. Gives the Future, unless the call has no reply. Errors:
 * as corps_call. */
enum corps_err corps__call_begin(struct corps__call *call, struct corps_future **future) CORPS_CHECKED;

#endif
