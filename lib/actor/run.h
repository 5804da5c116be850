/* Running what is in a Conc's mailbox: inits, requests, batches, cleanups. */
#ifndef CORPS_RUN_H
#define CORPS_RUN_H

#include "actor/conc.h"

/* Runs messages of a Conc that this thread has claimed, those of the list `first` before those in the mailbox, until
 * there is none, a batch is over, or stop(arg) (may be NULL). Takes the list. The pool's corps__task_run_fn. */
void corps__conc_run(struct corps__task *task, struct corps_node *first, bool (*stop)(void *arg), void *arg);

/* In a child that a method has forked: ends it, after the method has returned there with `err`. Says what has failed,
 * since nobody else would. `failure` may be NULL. */
_Noreturn void corps__fork_end(enum corps_err err, const struct corps_error_info *failure);

/* Around what a class's own code does beside requests: `context`, on the caller's stack, is the thread's innermost one
 * between them. `message` is its request, or stands for one. */
void corps__context_enter(struct corps_context *context, struct corps__conc *conc, struct corps__message *message);
void corps__context_leave(struct corps_context *context);

/* What ran may have forked: a child ends here, after the code has returned there with `err`. */
void corps__context_forked(const struct corps_context *context, enum corps_err err);

#endif
