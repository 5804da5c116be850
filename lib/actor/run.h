/* Running what is in a Conc's mailbox: inits, requests, batches, cleanups. */
#ifndef CORPS_RUN_H
#define CORPS_RUN_H

#include "actor/conc.h"

/* Runs messages of a Conc that this thread has claimed, those of the list `first` before those in the mailbox, until
 * there is none, a batch is over, or stop(arg) (may be NULL). Takes the list. The pool's corps__task_run_fn. */
void corps__conc_run(struct corps__task *task, struct corps_node *first, bool (*stop)(void *arg), void *arg);

#endif
