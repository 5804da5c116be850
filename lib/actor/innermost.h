/* The thread's innermost context: what a class's own code runs in, and is over with. */
#ifndef CORPS_ACTOR_INNERMOST_H
#define CORPS_ACTOR_INNERMOST_H

#include "actor/conc.h"

/* Around what a class's own code does: `context`, on the caller's stack, is the thread's innermost one between them.
 * `message` is its request, or stands for one. */
void corps__context_enter(struct corps_context *context, struct corps__conc *conc, struct corps__message *message);
void corps__context_leave(struct corps_context *context);

/* The method is over: what was there for it goes. Part of leaving. */
void corps__context_clear(struct corps_context *context);

/* What ran may have forked: a child ends here, after the code has returned there with `err`. */
void corps__context_forked(const struct corps_context *context, enum corps_err err);

/* In a child that a method has forked: ends it, after the method has returned there with `err`. Says what has failed,
 * since nobody else would. `failure` may be NULL. */
_Noreturn void corps__fork_end(enum corps_err err, const struct corps_error_info *failure);

#endif
