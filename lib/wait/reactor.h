/* The reactor: what the leader does. It polls the endpoints, runs the libuv loop, spins as the wake policy says, and
 * sleeps; what comes, it hands to the floors above (struct corps__reactor_ops). */
#ifndef CORPS_REACTOR_H
#define CORPS_REACTOR_H

#include "wait/lead.h"

/* Makes the loop and what wakes the leader. The lead stays taken, if it was, until corps__reactor_open. Errors: SYSTEM.
 */
enum corps_err corps__reactor_start(const struct corps__reactor_ops *ops) CORPS_CHECKED;

/* Everything else is ready too: the lead is free. */
void corps__reactor_open(void);

/* Closes the loop and what wakes the leader. With the lead; nothing is attached. */
void corps__reactor_stop(void);

/* How the leader waits. */
void corps__reactor_wake_set(enum corps_wake wake);

/* Polls an endpoint from now on, or no more. With the lead. Errors: LIMIT. */
enum corps_err corps__reactor_attach(struct corps_endpoint *endpoint) CORPS_CHECKED;
void corps__reactor_detach(const struct corps_endpoint *endpoint);

/* With the lead: looks once at everything that may have come, or, if there was nothing, waits once as the wake policy
 * says, at most until `deadline_ns`. Returns early whenever the caller's predicate may have changed. `waiter` is NULL
 * for an idle leader, who waits for nothing of its own. */
void corps__reactor_step(struct corps__waiter *waiter, int64_t deadline_ns);

/* From a callback of the loop: takes everything that has come by now, as far as it is not very much. So what came
 * before the callback's cause is before it. */
void corps__reactor_catch_up(void);

/* Looks once, without waiting, if nobody leads: so that a program that only asks whether something is ready gets on. */
void corps__poll_once(void);

/* With the lead: looks around for a moment, where recent waits were short, without a clock; until done(arg). */
void corps__reactor_look(bool (*done)(void *arg), void *arg);

/* An idle leader: steps until ops->wants. Then the lead is still its; `idle` ends with corps__reactor_end_idle. */
void corps__reactor_idle(void (*each)(void));
void corps__reactor_end_idle(void);

/* In the child of a fork: closes what the loop watches. What ends with that is what peers and Envs take for our end. */
void corps__reactor_forked(void);

#endif
