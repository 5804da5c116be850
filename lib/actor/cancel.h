/* Calls that their callers give up: what has not begun is dropped, what runs can ask, what was put off is told.
 *
 * A call of this Env is found by its Future, whose outcome says so. For one of another Env a CANCEL frame comes, behind
 * its request: it is kept beside the Conc until that request's turn, or until everything that was in the mailbox has
 * begun, whichever is first; a request whose answer has crossed the CANCEL is thereby forgotten. A Conc that nobody
 * cancels has one flag that says so, beside what is read for each request anyway; the rest is under one lock.
 *
 * Bounded: what one peer cancels at one Conc at a time are `mailbox_count` calls; more is ignored, as it may be, for
 * the caller has its outcome already. */
#ifndef CORPS_CANCEL_H
#define CORPS_CANCEL_H

#include "actor/conc.h"
#include "codec/wire.h"

/* A call of another Env that was given up. */
struct corps__cancel {
    uint64_t peer; /* its number */
    uint64_t id;
    struct corps__cancel *next;
};

/* A request that was put off and is to be told. In its owner. */
struct corps__cancel_watch {
    const struct corps__message *message; /* NULL: it is not listed */
    void (*notify)(void *arg);
    void *arg;
    struct corps__cancel_watch *next, **link;
};

/* Of corps__cancelled, where something was given up. */
bool corps__cancel_find(struct corps__conc *conc, const struct corps__message *message, bool forget);

/* Has the caller given it up? By the thread that runs the Conc, with a request that is to begin, runs, or has run and
 * is not answered yet. `forget`: nobody will ask again. */
static inline bool corps__cancelled(struct corps__conc *conc, const struct corps__message *message, bool forget) {
    return atomic_load_explicit(&conc->cancels, memory_order_acquire) && corps__cancel_find(conc, message, forget);
}

/* The same thread, when there is nothing more to run: forgets what came too late. */
void corps__cancel_tidy_up(struct corps__conc *conc);

/* Has `watch->notify` called if the request is given up, at once if it was; under the lock, so it is short. By the
 * thread that runs the Conc, before the method ends. End it before the message goes: then it will not be called. */
void corps__cancel_watch_begin(struct corps__cancel_watch *watch, struct corps__conc *conc,
                               const struct corps__message *message);
void corps__cancel_watch_end(struct corps__cancel_watch *watch);

/* With the lead: a CANCEL that `peer` has sent. Errors: PROTOCOL. */
enum corps_err corps__cancel_take(const struct corps__peer *peer, const struct corps__header *header,
                                  size_t bytes) CORPS_CHECKED;

/* With the end of the runtime, before the Concs; or in the child of a fork. */
void corps__cancels_free(void);
void corps__cancels_forked(void);

#endif
