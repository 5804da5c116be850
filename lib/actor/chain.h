/* Call chains (corps/chains.h), as calls and requests pass: what is called here where something is traced.
 *
 * A chain's number is always carried: from a request's header (`trace`) to the context of its method, and from there to
 * the headers of what that calls. All else happens here, and only while this process records. A call and the request
 * that it becomes are brought together afterwards, by the chain, the caller and the call's number there, which the
 * request carries as its id; a request without reply, and one by reference, have none, and carry CORPS__CHAIN_LINK with
 * the number of the caller's span.
 *
 * Threads: any; each request or call is one thread's at a time. Spans are gone when memory was short or has been used
 * again, and then nothing is written: no call fails for it. */
#ifndef CORPS_CHAIN_H
#define CORPS_CHAIN_H

#include "actor/conc.h"
#include "wait/chains.h"

struct corps_future;

/* Of a call that is made outside of any method, where something is traced: the chain that the thread has entered, or
 * that the call begins. What Corps asks its own Workers begins none: 0. */
uint64_t corps__chain_outside(const struct corps_name *to, const char *method);

/* A call of `chain` begins, which was entered at `called_ns`: its span, or 0. */
uint32_t corps__chain_called(uint64_t chain, const struct corps_name *to, const char *method, bool reply,
                             int64_t called_ns);

/* The link of a call that has no number of its own. */
static inline uint64_t corps__chain_link(uint32_t span) {
    return span != 0 ? CORPS__CHAIN_LINK | span : 0;
}

/* It has been sent, as call `link`, or could not be. */
void corps__chain_sent(uint32_t span, uint64_t link, enum corps_err err);

/* A frame was polled that answers the call. OK: it is a reply. */
void corps__chain_replied(const struct corps_future *future, enum corps_err err);

/* A call within this Env becomes `message`, which is put into the mailbox of `conc` next: both spans. */
void corps__chain_posted(uint64_t chain, const struct corps_name *to, struct corps__message *message,
                         const struct corps__conc *conc, int64_t called_ns);

/* A request of another Env was polled at `received_ns`. */
void corps__chain_arrived(struct corps__message *message, const struct corps__conc *conc, int64_t received_ns);

/* What is traced of a request while it runs: the message may be another thread's by then. */
struct corps__traced {
    bool stages;
    uint32_t span;
    uint32_t caller;
    uint64_t id;
};

/* Its turn has come; its arguments are there; its method has returned, and has put its reply off or not. */
void corps__traced_begin(struct corps__traced *traced, struct corps_context *context);
void corps__traced_decoded(const struct corps__traced *traced);
void corps__traced_returned(const struct corps__traced *traced, bool put_off);

/* The reply of span `span` has been given away, and may have come to the caller before this is noted; 0: nothing is
 * done. */
void corps__chain_answered(uint32_t span);

/* Likewise: the request fails, before, in, or after its method. */
void corps__chain_failed(uint32_t span, const struct corps_error_info *info);

#endif
