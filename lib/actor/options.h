/* What the options of a call ask for, beside the usual. */
#ifndef CORPS_ACTOR_OPTIONS_H
#define CORPS_ACTOR_OPTIONS_H

#include "actor/call.h"

/* Flags that say how an ordinary call waits; others are looked at in corps__call_take_options. */
#define CORPS__CALL_FLAGS ((unsigned)(CORPS_CALL_TRY | CORPS_CALL_NO_WAIT | CORPS_CALL_RETRY | CORPS_CALL_DETACHED))

/* Of another layout, with a key, or with something that we may not know? */
static inline bool corps__call_options_are_unusual(const struct corps_call_options *options) {
    const uint64_t *reserved = options->reserved;
    return (options->size | options->key | reserved[0] | reserved[1] | reserved[2] |
            (options->flags & ~CORPS__CALL_FLAGS)) != 0;
}

/* Reads unusual ones: as our layout, in `own` if need be; and the key. Errors: INVALID. */
enum corps_err corps__call_take_options(struct corps__call *call, const struct corps_call_options **options,
                                        struct corps_call_options *own) CORPS_CHECKED;

/* The serializer that the caller named, if the called Corps and this process accept it. Errors: DENIED, UNKNOWN. */
enum corps_err corps__call_choose_serializer(struct corps__call *call, const char *name) CORPS_CHECKED;

/* A call that a method makes for a request with a deadline ends with that at the latest. Errors: TIMEOUT. */
enum corps_err corps__call_inherit_deadline(struct corps__call *call) CORPS_CHECKED;

/* It may be sent again. Errors: INVALID. */
enum corps_err corps__call_prepare_retry(struct corps__call *call, int64_t timeout_ns) CORPS_CHECKED;

#endif
