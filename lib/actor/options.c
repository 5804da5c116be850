#include "actor/options.h"

#include "actor/retry.h"
#include "base/clock.h"
#include "base/sized.h"
#include "link/known.h"
#include "link/trust.h"

#define CALL_OPTIONS_BYTES 64u /* of struct corps_call_options in 0.1 */
#define FLAGS (CORPS__CALL_FLAGS | (unsigned)CORPS_CALL_KEYED)

static enum corps_err take_key(struct corps__call *call, const struct corps_call_options *options) {
    call->keyed = (options->flags & CORPS_CALL_KEYED) != 0;
    call->key = options->key;
    if (!call->keyed && options->key != 0) {
        return corps_error_set(CORPS_ERR_INVALID, "a call has the key %llu without CORPS_CALL_KEYED",
                               (unsigned long long)options->key);
    }
    if (call->keyed && !corps__name_is_pool(call->to)) {
        return corps_error_set(
            CORPS_ERR_INVALID,
            "CORPS_CALL_KEYED is for the Names of sticky pools, and this is one of a Worker of class %s",
            call->to->class_name);
    }
    return CORPS_OK;
}

enum corps_err corps__call_take_options(struct corps__call *call, const struct corps_call_options **options,
                                        struct corps_call_options *own) {
    static const struct corps__sized kind = CORPS__SIZED(corps_call_options, CALL_OPTIONS_BYTES);
    *options = corps__sized_take(&kind, *options, own);
    if (*options == NULL) {
        return CORPS_ERR_INVALID;
    }
    return ((*options)->flags & ~FLAGS) == 0
               ? take_key(call, *options)
               : corps_error_set(CORPS_ERR_INVALID, "the flags of a call are %#x; those that exist are %#x",
                                 (*options)->flags, FLAGS);
}

enum corps_err corps__call_choose_serializer(struct corps__call *call, const char *name) {
    const struct corps_serializer *own = call->corps->settings.serializer;
    enum corps_err err = corps_serializer_find(name, &call->serializer);
    if (err == CORPS_OK && corps__accepts(call->corps, call->serializer->wire_id) != CORPS_OK) {
        err = corps_error_set(CORPS_ERR_DENIED,
                              "%s runs code when it loads, and is accepted only where both the called Corps and the "
                              "caller's were made with such a serializer, and the called one (%s) with this one",
                              name, own->name);
    }
    return err;
}

enum corps_err corps__call_inherit_deadline(struct corps__call *call) {
    if (call->context->deadline_ns >= call->deadline_ns) {
        return CORPS_OK;
    }
    call->deadline_ns = call->context->deadline_ns;
    return call->deadline_ns > corps__now_ns()
               ? CORPS_OK
               : corps_error_set(CORPS_ERR_TIMEOUT, "the deadline of the request, for which this call is made, has "
                                                    "passed; CORPS_CALL_DETACHED is for calls that it does not bind");
}

enum corps_err corps__call_prepare_retry(struct corps__call *call, int64_t timeout_ns) {
    if (!call->reply) {
        return corps_error_set(CORPS_ERR_INVALID, "a request without reply is never sent again: use corps_call");
    }
    enum corps_err err = corps__retry_timeout(timeout_ns, call->corps->settings.results_ttl_ns, &timeout_ns);
    call->deadline_ns = corps__deadline_ns(timeout_ns);
    call->retry = true;
    return err;
}
